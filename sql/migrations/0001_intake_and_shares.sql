-- 0001: intake (miner, worker, work), shares and rejections, chain tips and blocks.
-- admits: 1
--
-- Requires MariaDB 10.7 or later (UUID type). Everything is InnoDB, utf8mb4, compared byte by byte:
-- addresses and worker names differ when their bytes differ.
--
-- Migrations can be run again after an interruption: MariaDB commits each CREATE or ALTER by itself,
-- so all say IF NOT EXISTS or OR REPLACE. "admits" is the schema level of the oldest program that may
-- still run once this migration has begun. An applied file never changes; a correction is a new one.
--
-- Conventions
--   * Ids that leave the pool are UUIDs, chosen by the program that inserts the row.
--   * Times are UTC DATETIME(6), stamped by the server unless the column's text says otherwise.
--   * difficulty is the expected number of hashes for one share at its target, an integer.
--   * hashes are 32 bytes in display order (most significant byte first).

SET NAMES utf8mb4;

CREATE TABLE IF NOT EXISTS miner (
    id          UUID          NOT NULL COMMENT 'MINERGUID of the Action protocol',
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    address     VARCHAR(90)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    disabled    BOOLEAN       NOT NULL DEFAULT FALSE COMMENT 'set by the operator only',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY miner_address (network, address)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS worker (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    miner_id    UUID          NOT NULL,
    name        VARCHAR(64)   NOT NULL,
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY worker_name (miner_id, name),
    CONSTRAINT worker_miner FOREIGN KEY (miner_id) REFERENCES miner (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- One row per answer to readytomine2. Pruned by age; nothing may refer to it by foreign key.
CREATE TABLE IF NOT EXISTS work (
    id          UUID          NOT NULL COMMENT 'WORKID of the Action protocol',
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    worker_id   BIGINT UNSIGNED NOT NULL,
    target      BINARY(32)    NOT NULL COMMENT 'share target; the worker bounds it by its own limit',
    thread_id   VARCHAR(32)   NOT NULL,
    ip          VARCHAR(45)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    os          VARCHAR(32)   NOT NULL,
    agent       VARCHAR(64)   NOT NULL,
    email       VARCHAR(254)  NULL COMMENT 'as the miner sent it; unconfirmed, anyone can write anything',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    KEY work_created (created_at, network)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Accepted shares: up to 10^9 rows, one partition per day of the block header's time, dropped whole.
-- The day is a function of the hashed bytes, so UNIQUE (network, pow_hash, day) is unique across all
-- partitions: equal hashes have equal headers and so equal days. MariaDB allows no foreign key here.
-- No AUTO_INCREMENT either: MariaDB 10.11 hands out numbers twice while partitions are reorganized.
-- The message's id (UUID version 7) grows with time too, and a message is credited at most once.
CREATE TABLE IF NOT EXISTS share (
    message_id  UUID          NOT NULL,
    day         INT UNSIGNED  NOT NULL COMMENT 'header time / 86400',
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    pow_hash    BINARY(32)    NOT NULL,
    worker_id   BIGINT UNSIGNED NOT NULL,
    work_id     UUID          NOT NULL,
    received_at DATETIME(6)   NOT NULL COMMENT 'by the frontend, bounded by the worker; the order that counts',
    difficulty  BIGINT UNSIGNED NOT NULL COMMENT 'of the work''s target',
    block_id    BIGINT UNSIGNED NULL COMMENT 'the block it is paid with, once assigned',
    PRIMARY KEY (message_id, day),
    UNIQUE KEY share_pow_hash (network, pow_hash, day),
    KEY share_open (network, block_id, received_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin
PARTITION BY RANGE (day) (PARTITION p_later VALUES LESS THAN MAXVALUE);

-- Refused solutions, one row per message, with Purepool's reasons (protocol document, section 4).
-- The day is that of the message's own, unbounded time stamp: the same at every redelivery.
CREATE TABLE IF NOT EXISTS rejected (
    message_id  UUID          NOT NULL,
    day         INT UNSIGNED  NOT NULL COMMENT 'message time / 86400',
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    reason      VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    detail      VARCHAR(160)  NOT NULL DEFAULT '' COMMENT 'for people: what differed from what',
    worker_id   BIGINT UNSIGNED NULL COMMENT 'NULL when the work is unknown',
    work_id     UUID          NULL,
    pow_hash    BINARY(32)    NULL,
    received_at DATETIME(6)   NOT NULL,
    PRIMARY KEY (message_id, day),
    KEY rejected_worker (worker_id, received_at),
    KEY rejected_network (network, received_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin
PARTITION BY RANGE (day) (PARTITION p_later VALUES LESS THAN MAXVALUE);

-- Per worker and minute, kept in the same transaction as the rows it sums up. Pages read this.
CREATE TABLE IF NOT EXISTS share_stats (
    worker_id   BIGINT UNSIGNED NOT NULL,
    minute      INT UNSIGNED  NOT NULL COMMENT 'received_at in minutes since the epoch',
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    shares      INT UNSIGNED  NOT NULL DEFAULT 0,
    rejected    INT UNSIGNED  NOT NULL DEFAULT 0,
    difficulty  DECIMAL(30,0) NOT NULL DEFAULT 0 COMMENT 'sum over the accepted shares',
    hash_rate   DECIMAL(30,0) NOT NULL DEFAULT 0 COMMENT 'sum of what the miners claim, for display only',
    PRIMARY KEY (worker_id, minute),
    KEY share_stats_network (network, minute)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Rejections per network, reason and minute, for pages and alarms (also those of unknown work).
CREATE TABLE IF NOT EXISTS rejected_stats (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    minute      INT UNSIGNED  NOT NULL,
    reason      VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    rejected    INT UNSIGNED  NOT NULL DEFAULT 0,
    PRIMARY KEY (network, minute, reason)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- When this pool first saw each chain tip: judges the height of a share by when it was received.
CREATE TABLE IF NOT EXISTS tip (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    hash        BINARY(32)    NOT NULL,
    height      INT UNSIGNED  NOT NULL,
    bits        INT UNSIGNED  NULL COMMENT 'compact target that the next block must state; NULL = not known',
    seen_at     DATETIME(6)   NOT NULL,
    PRIMARY KEY (network, hash),
    KEY tip_seen (network, seen_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Solutions that met the network target and what the wallets said to them.
CREATE TABLE IF NOT EXISTS block_candidate (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    hash        BINARY(32)    NOT NULL,
    height      INT UNSIGNED  NOT NULL,
    message_id  UUID          NOT NULL,
    worker_id   BIGINT UNSIGNED NULL,
    outcome     ENUM ('on_chain', 'side_chain', 'refused') NOT NULL,
    answer      VARCHAR(80)   NOT NULL COMMENT 'the wallet''s words',
    submitted_at DATETIME(6)  NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (network, hash),
    KEY block_candidate_time (network, submitted_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Blocks of the chain. One row per block; of all rows of one height at most one is not orphaned.
CREATE TABLE IF NOT EXISTS block (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    height      INT UNSIGNED  NOT NULL,
    hash        BINARY(32)    NOT NULL,
    status      ENUM ('open', 'assigned', 'processing', 'finished', 'stale', 'orphaned') NOT NULL DEFAULT 'open',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    active_height INT UNSIGNED AS (IF(status = 'orphaned', NULL, height)) PERSISTENT,
    PRIMARY KEY (id),
    UNIQUE KEY block_hash (network, hash),
    UNIQUE KEY block_active (network, active_height)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
