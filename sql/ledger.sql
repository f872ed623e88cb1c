-- ledger.sql: the procedures that write the ledger, and those that clean up, each with a locked account
-- as its definer.
--
-- Run by the DBA as root after `penstockctl migrate` and before grants.sql:
--
--     mariadb penstock < sql/ledger.sql
--
-- Repeatable. Nobody can log in as penstock_ledger; the procedures run with its rights, and no other
-- account may write account, journal or entry (tests/integration/test_sql.py tries).

SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_IN_DATE,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION';

CREATE USER IF NOT EXISTS 'penstock_ledger'@'localhost' IDENTIFIED VIA unix_socket ACCOUNT LOCK;
ALTER USER 'penstock_ledger'@'localhost' ACCOUNT LOCK;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'penstock_ledger'@'localhost';
GRANT SELECT, INSERT ON penstock.journal TO 'penstock_ledger'@'localhost';
GRANT SELECT, INSERT ON penstock.entry TO 'penstock_ledger'@'localhost';
GRANT SELECT, INSERT (network, kind, miner_id), UPDATE (balance) ON penstock.account TO 'penstock_ledger'@'localhost';
GRANT SELECT (id, network) ON penstock.miner TO 'penstock_ledger'@'localhost';

DELIMITER //

-- Posts one event inside the caller's transaction. ENTRIES: a JSON array of [KIND, MINER-ID or "",
-- "AMOUNT"], an amount for each line. What it refuses (SQLSTATE 45000) leaves nothing behind, even if the
-- caller commits; a (KIND, REF) that exists already is error 1062. All lines enter the ledger by one
-- statement: whoever interrupts the procedure (KILL QUERY) cannot leave some of them there without the
-- others.
CREATE OR REPLACE DEFINER = 'penstock_ledger'@'localhost' PROCEDURE post_journal(
    IN p_network VARCHAR(32) CHARACTER SET ascii, IN p_kind VARCHAR(24) CHARACTER SET ascii,
    IN p_ref VARCHAR(64) CHARACTER SET ascii, IN p_note VARCHAR(160), IN p_entries LONGTEXT)
    SQL SECURITY DEFINER
    MODIFIES SQL DATA
    COMMENT 'the only way to write the ledger'
BEGIN
    DECLARE nobody CHAR(36) CHARACTER SET ascii DEFAULT '00000000-0000-0000-0000-000000000000';
    DECLARE v_journal, v_lines, v_bad, v_known BIGINT UNSIGNED;
    DECLARE v_sum DECIMAL(40,0);
    DECLARE EXIT HANDLER FOR SQLEXCEPTION
    BEGIN
        -- a deadlock has ended the transaction, and the savepoint with it
        DECLARE CONTINUE HANDLER FOR 1305 BEGIN END;
        ROLLBACK TO SAVEPOINT post_journal;
        RESIGNAL;
    END;

    -- elsewhere each statement below would be a transaction of its own
    IF NOT @@in_transaction THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'post_journal: only inside a transaction';
    END IF;
    SAVEPOINT post_journal;
    IF COALESCE(p_network, '') = '' OR COALESCE(p_kind, '') = '' OR COALESCE(p_ref, '') = '' THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'post_journal: network, kind and ref are needed';
    END IF;
    IF COALESCE(JSON_TYPE(p_entries), '') <> 'ARRAY' THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'post_journal: the entries are no JSON array';
    END IF;

    -- the kinds are those of account.kind, into which INSERT IGNORE would put anything
    SELECT COUNT(*), SUM(amount IS NULL OR amount NOT REGEXP '^-?[1-9][0-9]{0,18}\\z'
                         OR kind IS NULL OR miner IS NULL OR (kind = 'miner') <> (miner <> '')
                         OR miner COLLATE ascii_bin NOT REGEXP '^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?\\z' -- one spelling
                         OR kind COLLATE ascii_bin NOT IN ('miner', 'pool_fee', 'unshared', 'in_flight',
                                                            'network_fee', 'immature', 'mature', 'cold', 'adjustment'))
      INTO v_lines, v_bad
      FROM JSON_TABLE(p_entries, '$[*]' COLUMNS (kind VARCHAR(16) CHARACTER SET ascii PATH '$[0]' ERROR ON ERROR,
                                                 miner VARCHAR(36) CHARACTER SET ascii PATH '$[1]' ERROR ON ERROR,
                                                 amount VARCHAR(24) CHARACTER SET ascii PATH '$[2]' ERROR ON ERROR)) t;
    IF v_lines < 2 OR v_bad > 0 THEN
        SIGNAL SQLSTATE '45000'
           SET MESSAGE_TEXT = 'post_journal: two lines at least, each of a known kind, a miner or none, a whole amount';
    END IF;
    SELECT SUM(n), SUM(n NOT BETWEEN -9223372036854775807 AND 9223372036854775807) INTO v_sum, v_bad
      FROM (SELECT CAST(amount AS DECIMAL(20,0)) AS n
              FROM JSON_TABLE(p_entries, '$[*]' COLUMNS (amount VARCHAR(24) PATH '$[2]')) t) numbers;
    IF v_sum <> 0 OR v_bad > 0 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'post_journal: the entries do not sum to zero';
    END IF;

    -- first of all, so that what was posted before is a duplicate, whatever its accounts hold by now
    INSERT INTO journal (network, kind, ref, note) VALUES (p_network, p_kind, p_ref, COALESCE(p_note, ''));
    SET v_journal = LAST_INSERT_ID();
    INSERT IGNORE INTO account (network, kind, miner_id)
        SELECT DISTINCT p_network, t.kind, COALESCE(NULLIF(t.miner, ''), nobody)
          FROM JSON_TABLE(p_entries, '$[*]' COLUMNS (kind VARCHAR(16) CHARACTER SET ascii PATH '$[0]',
                                                     miner VARCHAR(36) CHARACTER SET ascii PATH '$[1]')) t
         WHERE (t.kind <> 'miner' OR EXISTS (SELECT 1 FROM miner m WHERE m.id = t.miner AND m.network = p_network))
           AND NOT EXISTS (SELECT 1 FROM account a WHERE a.network = p_network AND a.kind = t.kind
                              AND a.miner_id = COALESCE(NULLIF(t.miner, ''), nobody));
    -- The CHECK of the table says the same; but no handler sees it fail in an UPDATE of joined tables.
    SELECT SUM(t.n), SUM(a.balance + t.amount NOT BETWEEN IF(a.kind IN ('miner', 'unshared', 'in_flight'), 0,
                                                             -9223372036854775807) AND 9223372036854775807)
      INTO v_known, v_bad
      FROM (SELECT kind, miner, COUNT(*) AS n, SUM(CAST(amount AS DECIMAL(20,0))) AS amount
              FROM JSON_TABLE(p_entries, '$[*]' COLUMNS (kind VARCHAR(16) CHARACTER SET ascii PATH '$[0]',
                                                         miner VARCHAR(36) CHARACTER SET ascii PATH '$[1]',
                                                         amount VARCHAR(24) CHARACTER SET ascii PATH '$[2]')) l
             GROUP BY kind, miner) t
      JOIN account a ON a.network = p_network AND a.kind = t.kind
       AND a.miner_id = COALESCE(NULLIF(t.miner, ''), nobody)
       FOR UPDATE;
    IF COALESCE(v_known, 0) <> v_lines THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'post_journal: a miner that does not exist, or of another network';
    END IF;
    IF v_bad > 0 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'post_journal: an account would fall below zero, or hold too much';
    END IF;

    INSERT INTO entry (journal_id, line, account_id, amount)
        SELECT v_journal, t.line, a.id, CAST(t.amount AS SIGNED)
          FROM JSON_TABLE(p_entries, '$[*]' COLUMNS (line FOR ORDINALITY,
                                                     kind VARCHAR(16) CHARACTER SET ascii PATH '$[0]',
                                                     miner VARCHAR(36) CHARACTER SET ascii PATH '$[1]',
                                                     amount VARCHAR(24) CHARACTER SET ascii PATH '$[2]')) t
          JOIN account a ON a.network = p_network AND a.kind = t.kind
           AND a.miner_id = COALESCE(NULLIF(t.miner, ''), nobody);
    UPDATE account a JOIN (SELECT account_id, SUM(amount) AS amount FROM entry WHERE journal_id = v_journal
                            GROUP BY account_id) e ON e.account_id = a.id
       SET a.balance = a.balance + e.amount;
END //

-- Makes the cached balance what the entries say. It never differs unless somebody wrote it by hand.
CREATE OR REPLACE DEFINER = 'penstock_ledger'@'localhost' PROCEDURE correct_balance(IN p_account BIGINT UNSIGNED)
    SQL SECURITY DEFINER
    MODIFIES SQL DATA
    COMMENT 'for pay and audit'
BEGIN
    DO (SELECT balance FROM account WHERE id = p_account FOR UPDATE);
    UPDATE account SET balance = (SELECT COALESCE(SUM(amount), 0) FROM entry WHERE account_id = p_account)
     WHERE id = p_account;
END //

DELIMITER ;

-- a procedure's definer must be able to call it
GRANT EXECUTE ON PROCEDURE penstock.post_journal TO 'penstock_ledger'@'localhost';
GRANT EXECUTE ON PROCEDURE penstock.correct_balance TO 'penstock_ledger'@'localhost';

-- ---------------------------------------------------------------------------------------------
-- Clean-up: what is no longer needed goes by these procedures, with an account of its own that can
-- delete nothing else. The backend itself has no DELETE right; that a share which is not paid yet
-- stays is decided here, not by the caller.
-- ---------------------------------------------------------------------------------------------

CREATE USER IF NOT EXISTS 'penstock_cleaner'@'localhost' IDENTIFIED VIA unix_socket ACCOUNT LOCK;
ALTER USER 'penstock_cleaner'@'localhost' ACCOUNT LOCK;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'penstock_cleaner'@'localhost';
-- to drop a partition, MariaDB demands these two
GRANT SELECT, ALTER, DROP ON penstock.share TO 'penstock_cleaner'@'localhost';
GRANT SELECT, ALTER, DROP ON penstock.job TO 'penstock_cleaner'@'localhost';
GRANT SELECT, ALTER, DROP ON penstock.rejected TO 'penstock_cleaner'@'localhost';
GRANT SELECT ON penstock.block TO 'penstock_cleaner'@'localhost';
GRANT SELECT ON penstock.share_stats_hour TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.work TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.share_stats TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.rejected_stats TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.rejected_worker_stats TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.notify_answer TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.notify_queue TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.notify_token TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.task_run TO 'penstock_cleaner'@'localhost';
GRANT SELECT, DELETE ON penstock.lane_progress TO 'penstock_cleaner'@'localhost';

DELIMITER //

-- Drops the oldest partition of TAB (share, rejected or job) whose days are all more than KEEP days past.
-- RET_DAY is its last day, NULL when there is none. A partition of shares of which one is unassigned,
-- or of a block that is not finished, stays: RET_DAY is then the day of the next one that may go, if
-- any, and RET_HELD counts those that stay. To be called until RET_DAY is NULL.
CREATE OR REPLACE DEFINER = 'penstock_cleaner'@'localhost' PROCEDURE drop_old_day(
    IN p_table VARCHAR(16), IN p_keep INT, OUT ret_day INT, OUT ret_held INT)
    SQL SECURITY DEFINER
    MODIFIES SQL DATA
    COMMENT 'for clean-up'
BEGIN
    DECLARE v_name VARCHAR(64);
    DECLARE v_next, v_after INT DEFAULT 0;
    DECLARE v_unpaid BOOLEAN DEFAULT TRUE;
    DECLARE EXIT HANDLER FOR SQLEXCEPTION
    BEGIN
        DO RELEASE_LOCK('penstock_partition_days');
        RESIGNAL;
    END;

    SET ret_day = NULL, ret_held = 0;
    IF COALESCE(p_table, '') NOT IN ('share', 'rejected', 'job') OR p_keep IS NULL OR p_keep < 1 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'drop_old_day: share, rejected or job, and at least one day';
    END IF;
    -- the one that partition_days takes: two changes of a table at once would wait for each other
    IF NOT COALESCE(GET_LOCK('penstock_partition_days', 10), 0) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'drop_old_day: another run holds the lock';
    END IF;
    -- workers queue behind a change that waits for a long query
    SET SESSION lock_wait_timeout = 2;
    WHILE v_unpaid AND v_next IS NOT NULL DO
        SELECT MIN(CAST(NULLIF(PARTITION_DESCRIPTION, 'MAXVALUE') AS SIGNED)) INTO v_next
          FROM information_schema.PARTITIONS
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = p_table
           AND CAST(NULLIF(PARTITION_DESCRIPTION, 'MAXVALUE') AS SIGNED) > v_after
           AND CAST(NULLIF(PARTITION_DESCRIPTION, 'MAXVALUE') AS SIGNED) + p_keep <= UNIX_TIMESTAMP() DIV 86400;
        SET v_unpaid = FALSE;
        IF v_next IS NOT NULL AND p_table = 'share' THEN
            SET v_name = (SELECT PARTITION_NAME FROM information_schema.PARTITIONS
                           WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'share'
                             AND PARTITION_DESCRIPTION = CAST(v_next AS CHAR));
            EXECUTE IMMEDIATE CONCAT(
                'SELECT EXISTS (SELECT 1 FROM (SELECT DISTINCT network, block_id FROM share PARTITION (', v_name,
                ')) s LEFT JOIN block b ON b.id = s.block_id WHERE b.finished_at IS NULL)',
                ' INTO @penstock_unpaid');
            SET v_unpaid = @penstock_unpaid, v_after = v_next, ret_held = ret_held + v_unpaid;
        END IF;
    END WHILE;
    IF v_next IS NOT NULL THEN
        SET v_name = (SELECT PARTITION_NAME FROM information_schema.PARTITIONS
                       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = p_table
                         AND PARTITION_DESCRIPTION = CAST(v_next AS CHAR));
        EXECUTE IMMEDIATE CONCAT('ALTER TABLE ', p_table, ' DROP PARTITION ', v_name);
        SET ret_day = v_next - 1;
    END IF;
    DO RELEASE_LOCK('penstock_partition_days');
END //

-- Deletes at most MOST rows of TAB that are more than KEEP days old, and of NETWORK for statistics.
-- Statistics by the minute go once their hour has its sum.
CREATE OR REPLACE DEFINER = 'penstock_cleaner'@'localhost' PROCEDURE delete_old(
    IN p_table VARCHAR(32), IN p_network VARCHAR(32) CHARACTER SET ascii, IN p_keep INT, IN p_most INT,
    OUT ret_rows BIGINT)
    SQL SECURITY DEFINER
    MODIFIES SQL DATA
    COMMENT 'for clean-up'
BEGIN
    DECLARE v_before DATETIME(6) DEFAULT UTC_TIMESTAMP(6) - INTERVAL p_keep DAY;
    DECLARE v_minute INT DEFAULT TIMESTAMPDIFF(HOUR, '1970-01-01 00:00:00', v_before) * 60;

    IF p_keep IS NULL OR p_keep < 1 OR p_most IS NULL OR p_most < 1 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'delete_old: at least one day and one row';
    END IF;
    CASE COALESCE(p_table, '')
    WHEN 'work' THEN
        DELETE FROM work WHERE created_at < v_before LIMIT p_most;
    WHEN 'share_stats' THEN
        DELETE FROM share_stats WHERE network = p_network AND minute < v_minute
           AND EXISTS (SELECT 1 FROM share_stats_hour h
                        WHERE h.worker_id = share_stats.worker_id AND h.hour = share_stats.minute DIV 60)
         LIMIT p_most;
    WHEN 'rejected_stats' THEN
        DELETE FROM rejected_stats WHERE network = p_network AND minute < v_minute LIMIT p_most;
    WHEN 'rejected_worker_stats' THEN
        DELETE FROM rejected_worker_stats WHERE network = p_network AND hour < v_minute DIV 60 LIMIT p_most;
    WHEN 'notify_answer' THEN
        DELETE FROM notify_answer WHERE created_at < v_before LIMIT p_most;
    WHEN 'notify_queue' THEN -- an event may be found again for a day
        DELETE FROM notify_queue WHERE created_at < v_before AND created_at < UTC_TIMESTAMP(6) - INTERVAL 7 DAY
         LIMIT p_most;
    WHEN 'notify_token' THEN -- those in old mails stop messages for a year
        DELETE FROM notify_token WHERE created_at < v_before AND created_at < UTC_TIMESTAMP(6) - INTERVAL 365 DAY
         LIMIT p_most;
    WHEN 'task_run' THEN
        DELETE FROM task_run WHERE started_at < v_before LIMIT p_most;
    WHEN 'lane_progress' THEN
        DELETE FROM lane_progress WHERE seen_at < v_before LIMIT p_most;
    ELSE
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'delete_old: no table to be cleaned';
    END CASE;
    SET ret_rows = ROW_COUNT();
END //

DELIMITER ;

GRANT EXECUTE ON PROCEDURE penstock.drop_old_day TO 'penstock_cleaner'@'localhost';
GRANT EXECUTE ON PROCEDURE penstock.delete_old TO 'penstock_cleaner'@'localhost';
