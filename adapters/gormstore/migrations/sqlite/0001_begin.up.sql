CREATE TABLE IF NOT EXISTS gw_organization (
    id      TEXT NOT NULL PRIMARY KEY,
    status  INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS gw_member (
    organization TEXT NOT NULL,
    subject      TEXT NOT NULL,
    status       INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    roles        TEXT NOT NULL,
    doc          TEXT NOT NULL,
    PRIMARY KEY (organization, subject)
);

CREATE TABLE IF NOT EXISTS gw_client (
    id           TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL,
    environment  TEXT NOT NULL,
    status       INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    roles        TEXT NOT NULL,
    doc          TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS gw_client_organization ON gw_client (organization, id);

-- When a client last acted, apart from its record, which it would bloat.
CREATE TABLE IF NOT EXISTS gw_client_use (
    id      TEXT NOT NULL PRIMARY KEY,
    used_at INTEGER NOT NULL
) WITHOUT ROWID;

-- One public key belongs to one client of an environment.
CREATE TABLE IF NOT EXISTS gw_client_key (
    environment TEXT NOT NULL,
    thumbprint  BLOB NOT NULL,
    client      TEXT NOT NULL,
    PRIMARY KEY (environment, thumbprint)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS gw_client_key_client ON gw_client_key (client);

CREATE TABLE IF NOT EXISTS gw_grant (
    id                 BLOB NOT NULL PRIMARY KEY,
    client             TEXT NOT NULL,
    organization       TEXT NOT NULL,
    subject            TEXT NOT NULL,
    client_epoch       INTEGER NOT NULL,
    organization_epoch INTEGER NOT NULL,
    member_epoch       INTEGER NOT NULL,
    account            BLOB,
    consented_at       INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    idle_at            INTEGER NOT NULL,
    access_until       INTEGER NOT NULL,
    generation         INTEGER NOT NULL,
    refresh            BLOB,
    rotated_at         INTEGER NOT NULL,
    graceable          INTEGER NOT NULL,
    ended_at           INTEGER NOT NULL,
    end_reason         TEXT NOT NULL,
    lists              TEXT NOT NULL,
    sealed             BLOB
);

CREATE INDEX IF NOT EXISTS gw_grant_client ON gw_grant (client, id);

CREATE INDEX IF NOT EXISTS gw_grant_subject ON gw_grant (subject, id) WHERE subject <> '';

CREATE INDEX IF NOT EXISTS gw_grant_account ON gw_grant (account, id) WHERE account IS NOT NULL;

CREATE INDEX IF NOT EXISTS gw_grant_expiry ON gw_grant (expires_at);

CREATE TABLE IF NOT EXISTS gw_artifact (
    kind               INTEGER NOT NULL,
    akey               BLOB NOT NULL,
    client             TEXT NOT NULL,
    organization       TEXT NOT NULL,
    subject            TEXT NOT NULL,
    client_epoch       INTEGER NOT NULL,
    organization_epoch INTEGER NOT NULL,
    member_epoch       INTEGER NOT NULL,
    sealed             BLOB,
    expires_at         INTEGER NOT NULL,
    redeemed_at        INTEGER NOT NULL,
    grant_id           BLOB,
    PRIMARY KEY (kind, akey)
);

CREATE INDEX IF NOT EXISTS gw_artifact_expiry ON gw_artifact (expires_at);

CREATE TABLE IF NOT EXISTS gw_claim (
    namespace   TEXT NOT NULL,
    ckey        BLOB NOT NULL,
    valid_until INTEGER NOT NULL,
    PRIMARY KEY (namespace, ckey)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS gw_claim_expiry ON gw_claim (valid_until);

-- The state of what has changed; seq is null until the change is numbered.
CREATE TABLE IF NOT EXISTS gw_change (
    kind           INTEGER NOT NULL,
    id             BLOB NOT NULL,
    client         TEXT NOT NULL,
    seq            INTEGER,
    status         INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    min_generation INTEGER NOT NULL,
    ended          INTEGER NOT NULL,
    valid_until    INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS gw_change_seq ON gw_change (seq) WHERE seq IS NOT NULL;

CREATE INDEX IF NOT EXISTS gw_change_unstamped ON gw_change (kind, id) WHERE seq IS NULL;

CREATE INDEX IF NOT EXISTS gw_change_expiry ON gw_change (valid_until);

CREATE TABLE IF NOT EXISTS gw_key (
    id         INTEGER PRIMARY KEY,
    purpose    TEXT NOT NULL,
    state      INTEGER NOT NULL,
    root_name  TEXT NOT NULL,
    wrapped    BLOB,
    public_jwk BLOB,
    created_at INTEGER NOT NULL,
    state_at   INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS gw_ruleset (
    organization TEXT NOT NULL PRIMARY KEY,
    revision     INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS gw_rule (
    organization TEXT NOT NULL,
    digest       BLOB NOT NULL,
    place        INTEGER NOT NULL,
    fields       TEXT NOT NULL,
    PRIMARY KEY (organization, digest)
);

CREATE INDEX IF NOT EXISTS gw_rule_place ON gw_rule (organization, place);

CREATE TABLE IF NOT EXISTS gw_rule_history (
    organization TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    happened_at  INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    added        TEXT NOT NULL,
    removed      TEXT NOT NULL,
    PRIMARY KEY (organization, revision)
);

CREATE TABLE IF NOT EXISTS gw_event (
    id           BLOB NOT NULL PRIMARY KEY,
    happened_at  INTEGER NOT NULL,
    event_type   TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    organization TEXT NOT NULL,
    actor        TEXT NOT NULL,
    target       TEXT NOT NULL,
    client       TEXT NOT NULL,
    grant_id     BLOB,
    address      TEXT NOT NULL,
    route        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    state_before BLOB,
    state_after  BLOB,
    seq          INTEGER,
    chain        BLOB
);

CREATE INDEX IF NOT EXISTS gw_event_organization ON gw_event (organization, id);

CREATE UNIQUE INDEX IF NOT EXISTS gw_event_seq ON gw_event (seq) WHERE seq IS NOT NULL;

CREATE INDEX IF NOT EXISTS gw_event_unsealed ON gw_event (id) WHERE seq IS NULL;

-- The highest number given, and for the audit trail the last chain value.
CREATE TABLE IF NOT EXISTS gw_counter (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL,
    chain BLOB
) WITHOUT ROWID;

INSERT INTO gw_counter (name, value) VALUES ('change', 0), ('event', 0) ON CONFLICT (name) DO NOTHING;
