-- The account of what waits to be redeemed, and the ways to find it by it. MySQL
-- has no ADD COLUMN IF NOT EXISTS; one ALTER TABLE is done as a whole or not at all.
SET @gw_step = IF((SELECT COUNT(*) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'gw_artifact' AND column_name = 'account') > 0, 'DO 0',
    'ALTER TABLE gw_artifact ADD COLUMN account VARBINARY(64), ADD KEY gw_artifact_subject (subject), ADD KEY gw_artifact_account (account)');

PREPARE gw_step FROM @gw_step;

EXECUTE gw_step;

DEALLOCATE PREPARE gw_step;
