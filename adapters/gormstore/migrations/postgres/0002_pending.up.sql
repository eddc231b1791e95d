-- The account of what waits to be redeemed, and the ways to find it by it.
ALTER TABLE gw_artifact ADD COLUMN IF NOT EXISTS account BYTEA;

CREATE INDEX IF NOT EXISTS gw_artifact_subject ON gw_artifact (subject) WHERE kind <> 5;

CREATE INDEX IF NOT EXISTS gw_artifact_account ON gw_artifact (account) WHERE account IS NOT NULL;
