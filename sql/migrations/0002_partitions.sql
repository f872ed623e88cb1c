-- 0002: partition_days(ahead) gives each day a partition of its own in share and rejected.
-- admits: 1
--
-- Cron runs it daily (penstockctl partitions). It splits p_later, which is empty or nearly so as
-- long as it runs in time: then it takes milliseconds. If it did not run for days, rows are in
-- p_later meanwhile and are moved once; nothing is refused or lost.
--
-- pYYYYMMDD holds the rows of that UTC day, and what is older if no partition before it does. Rows of
-- a day further ahead (a sender's clock is wrong) are in p_later.

CREATE OR REPLACE PROCEDURE partition_table(IN tab VARCHAR(64), IN first_day INT, IN last_day INT)
    SQL SECURITY INVOKER
    MODIFIES SQL DATA
    COMMENT 'only called by partition_days'
BEGIN
    DECLARE next_day INT;
    DECLARE parts TEXT DEFAULT '';

    -- PARTITION_DESCRIPTION is the day after a partition's last
    SELECT GREATEST(first_day, COALESCE(MAX(CAST(PARTITION_DESCRIPTION AS UNSIGNED)), 0)) INTO next_day
      FROM information_schema.PARTITIONS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = tab AND PARTITION_NAME <> 'p_later';

    WHILE next_day <= last_day DO
        -- 719528 = TO_DAYS('1970-01-01'): no time zone is involved
        SET parts = CONCAT(parts, 'PARTITION p', DATE_FORMAT(FROM_DAYS(719528 + next_day), '%Y%m%d'),
                           ' VALUES LESS THAN (', next_day + 1, '), ');
        SET next_day = next_day + 1;
    END WHILE;

    IF parts <> '' THEN
        EXECUTE IMMEDIATE CONCAT('ALTER TABLE ', tab, ' REORGANIZE PARTITION p_later INTO (', parts,
                                 'PARTITION p_later VALUES LESS THAN MAXVALUE)');
    END IF;
END;

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
    DO RELEASE_LOCK('penstock_partition_days');
END;
