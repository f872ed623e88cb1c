-- 0008: jobs for miners who have no node of their own, made by penstock-jobs from block templates.
-- admits: 4

-- A row never changes. `job` is the text of common/work/job.h, all that a miner needs; beside it is what a
-- block needs in addition, in the form of a block: transactions behind each other, and the MWEB part.
-- Partitioned by the day that the id itself states, so that whoever has the id reads one partition.
CREATE TABLE IF NOT EXISTS job (
    id           UUID         NOT NULL COMMENT 'version 7',
    day          INT UNSIGNED NOT NULL COMMENT 'the id''s time / 86400',
    network      VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    height       INT UNSIGNED NOT NULL COMMENT 'of the block to be found',
    made_at      DATETIME(6)  NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    job          TEXT         CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL COMMENT 'JSON',
    transactions LONGBLOB     NOT NULL,
    mweb         LONGBLOB     NULL,
    PRIMARY KEY (id, day),
    KEY job_newest (network, made_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin
PARTITION BY RANGE (day) (PARTITION p_later VALUES LESS THAN MAXVALUE);

-- Who makes a network's jobs holds its row in an open transaction (backend/task/lock.h).
CREATE TABLE IF NOT EXISTS job_leader (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    holder      VARCHAR(128)  NOT NULL DEFAULT '' COMMENT 'host of the first one, for people',
    PRIMARY KEY (network)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Why there are no new jobs of a network, or ''; one that nobody makes jobs of has no row, or an old one.
CREATE TABLE IF NOT EXISTS job_health (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    problem     VARCHAR(160)  NOT NULL,
    seen_at     DATETIME(6)   NOT NULL,
    PRIMARY KEY (network)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- What frontends hand out: the newest jobs, without what only a block needs. A job made so long ago says
-- that no wallet has answered since.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW intake_job AS
    SELECT id, network, height, made_at, job FROM job WHERE made_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR;

-- For monitoring: without the reason, which names wallets.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_job AS
    SELECT network, problem = '' AS well, seen_at FROM job_health;

CREATE OR REPLACE PROCEDURE partition_days(IN ahead INT)
    SQL SECURITY DEFINER
    MODIFIES SQL DATA
    COMMENT 'a partition for each day from 2 days ago to AHEAD days from now'
BEGIN
    DECLARE today INT DEFAULT UNIX_TIMESTAMP() DIV 86400;
    DECLARE EXIT HANDLER FOR SQLEXCEPTION
    BEGIN
        DO RELEASE_LOCK('penstock_partition_days');
        RESIGNAL;
    END;

    IF ahead IS NULL OR ahead < 1 OR ahead > 366 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'partition_days: AHEAD must be 1 to 366 days';
    END IF;
    -- two at once would both try to make the same partition
    IF NOT COALESCE(GET_LOCK('penstock_partition_days', 10), 0) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'partition_days: another run holds the lock';
    END IF;
    CALL partition_table('share', today - 2, today + ahead);
    CALL partition_table('rejected', today - 2, today + ahead);
    CALL partition_table('job', today - 2, today + ahead);
    DO RELEASE_LOCK('penstock_partition_days');
END;
