CREATE TABLE IF NOT EXISTS gw_organization (
    id      VARBINARY(255) PRIMARY KEY,
    status  SMALLINT NOT NULL,
    epoch   BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc     MEDIUMBLOB NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_member (
    organization VARBINARY(255) NOT NULL,
    subject      VARBINARY(255) NOT NULL,
    status       SMALLINT NOT NULL,
    epoch        BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    roles        MEDIUMBLOB NOT NULL,
    doc          MEDIUMBLOB NOT NULL,
    PRIMARY KEY (organization, subject)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_client (
    id           VARBINARY(255) PRIMARY KEY,
    organization VARBINARY(255) NOT NULL,
    environment  VARBINARY(255) NOT NULL,
    status       SMALLINT NOT NULL,
    epoch        BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    roles        MEDIUMBLOB NOT NULL,
    doc          MEDIUMBLOB NOT NULL,
    KEY gw_client_organization (organization, id)
) ENGINE=InnoDB;

-- When a client last acted, apart from its record, which it would bloat.
CREATE TABLE IF NOT EXISTS gw_client_use (
    id      VARBINARY(255) PRIMARY KEY,
    used_at BIGINT NOT NULL
) ENGINE=InnoDB;

-- One public key belongs to one client of an environment.
CREATE TABLE IF NOT EXISTS gw_client_key (
    environment VARBINARY(255) NOT NULL,
    thumbprint  VARBINARY(32) NOT NULL,
    client      VARBINARY(255) NOT NULL,
    PRIMARY KEY (environment, thumbprint),
    KEY gw_client_key_client (client)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_grant (
    id                 VARBINARY(16) PRIMARY KEY,
    client             VARBINARY(255) NOT NULL,
    organization       VARBINARY(255) NOT NULL,
    subject            VARBINARY(255) NOT NULL,
    client_epoch       BIGINT NOT NULL,
    organization_epoch BIGINT NOT NULL,
    member_epoch       BIGINT NOT NULL,
    account            VARBINARY(64),
    consented_at       BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    idle_at            BIGINT NOT NULL,
    access_until       BIGINT NOT NULL,
    generation         BIGINT NOT NULL,
    refresh            VARBINARY(64),
    rotated_at         BIGINT NOT NULL,
    graceable          SMALLINT NOT NULL,
    ended_at           BIGINT NOT NULL,
    end_reason         VARBINARY(255) NOT NULL,
    lists              MEDIUMBLOB NOT NULL,
    sealed             MEDIUMBLOB,
    KEY gw_grant_client (client, id),
    KEY gw_grant_subject (subject, id),
    KEY gw_grant_account (account, id),
    KEY gw_grant_expiry (expires_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_artifact (
    kind               SMALLINT NOT NULL,
    akey               VARBINARY(64) NOT NULL,
    client             VARBINARY(255) NOT NULL,
    organization       VARBINARY(255) NOT NULL,
    subject            VARBINARY(255) NOT NULL,
    client_epoch       BIGINT NOT NULL,
    organization_epoch BIGINT NOT NULL,
    member_epoch       BIGINT NOT NULL,
    sealed             MEDIUMBLOB,
    expires_at         BIGINT NOT NULL,
    redeemed_at        BIGINT NOT NULL,
    grant_id           VARBINARY(16),
    PRIMARY KEY (kind, akey),
    KEY gw_artifact_expiry (expires_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_claim (
    namespace   VARBINARY(255) NOT NULL,
    ckey        VARBINARY(64) NOT NULL,
    valid_until BIGINT NOT NULL,
    PRIMARY KEY (namespace, ckey),
    KEY gw_claim_expiry (valid_until)
) ENGINE=InnoDB;

-- The state of what has changed; seq is null until the change is numbered.
CREATE TABLE IF NOT EXISTS gw_change (
    kind           SMALLINT NOT NULL,
    id             VARBINARY(511) NOT NULL,
    client         VARBINARY(255) NOT NULL,
    seq            BIGINT,
    status         SMALLINT NOT NULL,
    version        BIGINT NOT NULL,
    epoch          BIGINT NOT NULL,
    min_generation BIGINT NOT NULL,
    ended          SMALLINT NOT NULL,
    valid_until    BIGINT NOT NULL,
    PRIMARY KEY (kind, id),
    KEY gw_change_seq (seq),
    KEY gw_change_expiry (valid_until)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_key (
    id         BIGINT PRIMARY KEY,
    purpose    MEDIUMBLOB NOT NULL,
    state      SMALLINT NOT NULL,
    root_name  MEDIUMBLOB NOT NULL,
    wrapped    MEDIUMBLOB,
    public_jwk MEDIUMBLOB,
    created_at BIGINT NOT NULL,
    state_at   BIGINT NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_ruleset (
    organization VARBINARY(255) PRIMARY KEY,
    revision     BIGINT NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_rule (
    organization VARBINARY(255) NOT NULL,
    digest       VARBINARY(32) NOT NULL,
    place        BIGINT NOT NULL,
    fields       MEDIUMBLOB NOT NULL,
    PRIMARY KEY (organization, digest),
    KEY gw_rule_place (organization, place)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_rule_history (
    organization VARBINARY(255) NOT NULL,
    revision     BIGINT NOT NULL,
    happened_at  BIGINT NOT NULL,
    actor        MEDIUMBLOB NOT NULL,
    added        MEDIUMBLOB NOT NULL,
    removed      MEDIUMBLOB NOT NULL,
    PRIMARY KEY (organization, revision)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS gw_event (
    id           VARBINARY(16) PRIMARY KEY,
    happened_at  BIGINT NOT NULL,
    event_type   MEDIUMBLOB NOT NULL,
    outcome      MEDIUMBLOB NOT NULL,
    organization VARBINARY(255) NOT NULL,
    actor        MEDIUMBLOB NOT NULL,
    target       MEDIUMBLOB NOT NULL,
    client       MEDIUMBLOB NOT NULL,
    grant_id     VARBINARY(16),
    address      MEDIUMBLOB NOT NULL,
    route        MEDIUMBLOB NOT NULL,
    reason       MEDIUMBLOB NOT NULL,
    state_before MEDIUMBLOB,
    state_after  MEDIUMBLOB,
    seq          BIGINT,
    chain        VARBINARY(255),
    KEY gw_event_organization (organization, id),
    UNIQUE KEY gw_event_seq (seq)
) ENGINE=InnoDB;

-- The highest number given, and for the audit trail the last chain value.
CREATE TABLE IF NOT EXISTS gw_counter (
    name  VARBINARY(255) PRIMARY KEY,
    value BIGINT NOT NULL,
    chain VARBINARY(255)
) ENGINE=InnoDB;

INSERT IGNORE INTO gw_counter (name, value) VALUES ('change', 0), ('event', 0);
