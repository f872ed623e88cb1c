-- 0010: what pages and monitoring could not see yet: by what terms a network pays, and which versions of the
-- backend's programs are at work.
-- admits: 4

-- What penstock-task pays by, written at each of its runs. The pages show it, so that nobody has to set it
-- twice; a block is split by what the backend's settings say at that time, not by this row.
CREATE TABLE IF NOT EXISTS network_terms (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    scheme      VARCHAR(16)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    fee_bp      INT UNSIGNED  NOT NULL COMMENT 'hundredths of a percent',
    minimum_payout BIGINT UNSIGNED NOT NULL COMMENT 'base units',
    told_at     DATETIME(6)   NOT NULL,
    PRIMARY KEY (network)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_terms AS
    SELECT network, scheme, fee_bp, minimum_payout FROM network_terms;

-- '': a program that is older than this migration.
ALTER TABLE lane_progress
    ADD COLUMN IF NOT EXISTS version VARCHAR(32) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL DEFAULT '';
ALTER TABLE job_health
    ADD COLUMN IF NOT EXISTS version VARCHAR(32) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL DEFAULT '';

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_lane AS
    SELECT network, settled_until, seen_at, version FROM lane_progress;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_job AS
    SELECT network, problem = '' AS well, seen_at, version FROM job_health;

-- Without an account a miner was never credited nor paid anything: its page asks for neither.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_miner AS
    SELECT m.network, m.address, m.disabled, m.created_at, COALESCE(a.balance, 0) AS balance,
           t.minimum_payout, r.rating_bp, a.id IS NOT NULL AS earned
      FROM miner m
      LEFT JOIN account a ON a.network = m.network AND a.kind = 'miner' AND a.miner_id = m.id
      LEFT JOIN miner_setting t ON t.miner_id = m.id
      LEFT JOIN miner_rating r ON r.miner_id = m.id;
