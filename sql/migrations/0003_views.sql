-- 0003: all that the frontend may read. It has no right to any base table (sql/grants.sql).
-- admits: 1
--
-- The views run with the rights of the account that applies the migrations.

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW intake_miner AS
    SELECT id, network, address, disabled FROM miner;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW intake_worker AS
    SELECT id, miner_id, name FROM worker;

-- What a program compares its own level with at its start. A migration that has begun but not ended
-- does not raise the version, but already shuts out the programs that it does not admit.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW schema_level AS
    SELECT COALESCE(MAX(IF(applied_at IS NULL, 0, version)), 0) AS version,
           COALESCE(MAX(admits), 0) AS admits
      FROM schema_version;
