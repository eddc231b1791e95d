DROP INDEX IF EXISTS gw_artifact_account;

DROP INDEX IF EXISTS gw_artifact_subject;

ALTER TABLE gw_artifact DROP COLUMN account;
