CREATE TABLE IF NOT EXISTS gw_organization (
    id      TEXT COLLATE "C" PRIMARY KEY,
    status  SMALLINT NOT NULL,
    epoch   BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc     TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS gw_member (
    organization TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    status       SMALLINT NOT NULL,
    epoch        BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    roles        TEXT NOT NULL,
    doc          TEXT NOT NULL,
    PRIMARY KEY (organization, subject)
);

CREATE TABLE IF NOT EXISTS gw_client (
    id           TEXT COLLATE "C" PRIMARY KEY,
    organization TEXT COLLATE "C" NOT NULL,
    environment  TEXT COLLATE "C" NOT NULL,
    status       SMALLINT NOT NULL,
    epoch        BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    roles        TEXT NOT NULL,
    doc          TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS gw_client_organization ON gw_client (organization, id);

-- When a client last acted, apart from its record, which it would bloat.
CREATE TABLE IF NOT EXISTS gw_client_use (
    id      TEXT COLLATE "C" PRIMARY KEY,
    used_at BIGINT NOT NULL
) WITH (fillfactor = 70);

-- One public key belongs to one client of an environment.
CREATE TABLE IF NOT EXISTS gw_client_key (
    environment TEXT COLLATE "C" NOT NULL,
    thumbprint  BYTEA NOT NULL,
    client      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (environment, thumbprint)
);

CREATE INDEX IF NOT EXISTS gw_client_key_client ON gw_client_key (client);

CREATE TABLE IF NOT EXISTS gw_grant (
    id                 BYTEA PRIMARY KEY,
    client             TEXT COLLATE "C" NOT NULL,
    organization       TEXT COLLATE "C" NOT NULL,
    subject            TEXT COLLATE "C" NOT NULL,
    client_epoch       BIGINT NOT NULL,
    organization_epoch BIGINT NOT NULL,
    member_epoch       BIGINT NOT NULL,
    account            BYTEA,
    consented_at       BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    idle_at            BIGINT NOT NULL,
    access_until       BIGINT NOT NULL,
    generation         BIGINT NOT NULL,
    refresh            BYTEA,
    rotated_at         BIGINT NOT NULL,
    graceable          SMALLINT NOT NULL,
    ended_at           BIGINT NOT NULL,
    end_reason         TEXT NOT NULL,
    lists              TEXT NOT NULL,
    sealed             BYTEA
) WITH (fillfactor = 80);

CREATE INDEX IF NOT EXISTS gw_grant_client ON gw_grant (client, id);

CREATE INDEX IF NOT EXISTS gw_grant_subject ON gw_grant (subject, id) WHERE subject <> '';

CREATE INDEX IF NOT EXISTS gw_grant_account ON gw_grant (account, id) WHERE account IS NOT NULL;

CREATE INDEX IF NOT EXISTS gw_grant_expiry ON gw_grant (expires_at);

CREATE TABLE IF NOT EXISTS gw_artifact (
    kind               SMALLINT NOT NULL,
    akey               BYTEA NOT NULL,
    client             TEXT COLLATE "C" NOT NULL,
    organization       TEXT COLLATE "C" NOT NULL,
    subject            TEXT COLLATE "C" NOT NULL,
    client_epoch       BIGINT NOT NULL,
    organization_epoch BIGINT NOT NULL,
    member_epoch       BIGINT NOT NULL,
    sealed             BYTEA,
    expires_at         BIGINT NOT NULL,
    redeemed_at        BIGINT NOT NULL,
    grant_id           BYTEA,
    PRIMARY KEY (kind, akey)
);

CREATE INDEX IF NOT EXISTS gw_artifact_expiry ON gw_artifact (expires_at);

CREATE TABLE IF NOT EXISTS gw_claim (
    namespace   TEXT COLLATE "C" NOT NULL,
    ckey        BYTEA NOT NULL,
    valid_until BIGINT NOT NULL,
    PRIMARY KEY (namespace, ckey)
);

CREATE INDEX IF NOT EXISTS gw_claim_expiry ON gw_claim (valid_until);

-- The state of what has changed; seq is null until the change is numbered.
CREATE TABLE IF NOT EXISTS gw_change (
    kind           SMALLINT NOT NULL,
    id             BYTEA NOT NULL,
    client         TEXT COLLATE "C" NOT NULL,
    seq            BIGINT,
    status         SMALLINT NOT NULL,
    version        BIGINT NOT NULL,
    epoch          BIGINT NOT NULL,
    min_generation BIGINT NOT NULL,
    ended          SMALLINT NOT NULL,
    valid_until    BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE UNIQUE INDEX IF NOT EXISTS gw_change_seq ON gw_change (seq) WHERE seq IS NOT NULL;

CREATE INDEX IF NOT EXISTS gw_change_unstamped ON gw_change (kind, id) WHERE seq IS NULL;

CREATE INDEX IF NOT EXISTS gw_change_expiry ON gw_change (valid_until);

CREATE TABLE IF NOT EXISTS gw_key (
    id         BIGINT PRIMARY KEY,
    purpose    TEXT NOT NULL,
    state      SMALLINT NOT NULL,
    root_name  TEXT NOT NULL,
    wrapped    BYTEA,
    public_jwk BYTEA,
    created_at BIGINT NOT NULL,
    state_at   BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS gw_ruleset (
    organization TEXT COLLATE "C" PRIMARY KEY,
    revision     BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS gw_rule (
    organization TEXT COLLATE "C" NOT NULL,
    digest       BYTEA NOT NULL,
    place        BIGINT NOT NULL,
    fields       TEXT NOT NULL,
    PRIMARY KEY (organization, digest)
);

CREATE INDEX IF NOT EXISTS gw_rule_place ON gw_rule (organization, place);

CREATE TABLE IF NOT EXISTS gw_rule_history (
    organization TEXT COLLATE "C" NOT NULL,
    revision     BIGINT NOT NULL,
    happened_at  BIGINT NOT NULL,
    actor        TEXT NOT NULL,
    added        TEXT NOT NULL,
    removed      TEXT NOT NULL,
    PRIMARY KEY (organization, revision)
);

CREATE TABLE IF NOT EXISTS gw_event (
    id           BYTEA PRIMARY KEY,
    happened_at  BIGINT NOT NULL,
    event_type   TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    organization TEXT COLLATE "C" NOT NULL,
    actor        TEXT NOT NULL,
    target       TEXT NOT NULL,
    client       TEXT NOT NULL,
    grant_id     BYTEA,
    address      TEXT NOT NULL,
    route        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    state_before BYTEA,
    state_after  BYTEA,
    seq          BIGINT,
    chain        BYTEA
);

CREATE INDEX IF NOT EXISTS gw_event_organization ON gw_event (organization, id);

CREATE UNIQUE INDEX IF NOT EXISTS gw_event_seq ON gw_event (seq) WHERE seq IS NOT NULL;

CREATE INDEX IF NOT EXISTS gw_event_unsealed ON gw_event (id) WHERE seq IS NULL;

-- The highest number given, and for the audit trail the last chain value.
CREATE TABLE IF NOT EXISTS gw_counter (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL,
    chain BYTEA
) WITH (fillfactor = 50);

INSERT INTO gw_counter (name, value) VALUES ('change', 0), ('event', 0) ON CONFLICT DO NOTHING;
