-- ledger.sql: the procedures that write the ledger, with a locked account as their definer.
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
