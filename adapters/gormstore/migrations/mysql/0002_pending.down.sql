SET @gw_step = IF((SELECT COUNT(*) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'gw_artifact' AND column_name = 'account') = 0, 'DO 0',
    'ALTER TABLE gw_artifact DROP KEY gw_artifact_account, DROP KEY gw_artifact_subject, DROP COLUMN account');

PREPARE gw_step FROM @gw_step;

EXECUTE gw_step;

DEALLOCATE PREPARE gw_step;
