-- 0007: what a miner's page reads, summed up so that its cost does not grow with the miner's shares,
-- workers' minutes or rejections; and notifications.
-- admits: 4

-- --- why solutions were refused, by worker ---

-- Kept by the worker in the transaction that stores the rejections. By the hour: a page shows a day.
CREATE TABLE IF NOT EXISTS rejected_worker_stats (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    hour        INT UNSIGNED  NOT NULL COMMENT 'hours since the epoch',
    worker_id   BIGINT UNSIGNED NOT NULL,
    reason      VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    rejected    INT UNSIGNED  NOT NULL DEFAULT 0,
    PRIMARY KEY (network, hour, worker_id, reason)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- ---------------------------------------------------------------------------------------------
-- Sums by miner, kept by roll-stats: what a miner's page shows lies side by side. One with 500 workers
-- would else cost a look-up for each worker and hour.
-- ---------------------------------------------------------------------------------------------

-- share_stats_hour by the miner.
CREATE TABLE IF NOT EXISTS miner_stats_hour (
    miner_id    UUID          NOT NULL,
    hour        INT UNSIGNED  NOT NULL COMMENT 'hours since the epoch',
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    shares      BIGINT UNSIGNED NOT NULL,
    rejected    BIGINT UNSIGNED NOT NULL,
    difficulty  DECIMAL(30,0) NOT NULL,
    workers     INT UNSIGNED  NOT NULL COMMENT 'that sent something in this hour',
    PRIMARY KEY (miner_id, hour),
    KEY miner_stats_hour_network (network, hour)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Each worker's last day; of a worker that sent nothing in it, zeros.
CREATE TABLE IF NOT EXISTS worker_day (
    miner_id    UUID          NOT NULL,
    worker_id   BIGINT UNSIGNED NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    shares      BIGINT UNSIGNED NOT NULL,
    rejected    BIGINT UNSIGNED NOT NULL,
    difficulty  DECIMAL(30,0) NOT NULL,
    now_shares  BIGINT UNSIGNED NOT NULL COMMENT 'of the last 10 whole minutes before rolled_s',
    now_difficulty DECIMAL(30,0) NOT NULL,
    last_minute INT UNSIGNED  NOT NULL COMMENT 'of its last share, since the epoch; 0: never',
    rolled_s    BIGINT UNSIGNED NOT NULL COMMENT 'seconds since the epoch',
    PRIMARY KEY (miner_id, worker_id),
    KEY worker_day_network (network, rolled_s)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- rejected_worker_stats of the same day.
CREATE TABLE IF NOT EXISTS rejected_day (
    miner_id    UUID          NOT NULL,
    worker_id   BIGINT UNSIGNED NOT NULL,
    reason      VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    rejected    BIGINT UNSIGNED NOT NULL,
    rolled_s    BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (miner_id, worker_id, reason),
    KEY rejected_day_network (network, rolled_s)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- For lists of all miners: read from the hours; for one of them: from the miner.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_miner_hour AS
    SELECT s.network, m.address, s.hour, s.shares, s.rejected, s.difficulty
      FROM miner_stats_hour s STRAIGHT_JOIN miner m ON m.id = s.miner_id;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_address_hour AS
    SELECT m.network, m.address, s.hour, s.shares, s.rejected, s.difficulty, s.workers
      FROM miner m JOIN miner_stats_hour s ON s.miner_id = m.id;

-- The last share is newer than the last roll-stats if it is in the worker's last minute, which is the first
-- of its key read backwards. Going further back would cost whatever the worker had refused since.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW site_worker_day AS
    SELECT m.network, m.address, w.name AS worker,
           GREATEST(COALESCE(d.last_minute, 0),
                    COALESCE((SELECT IF(s.shares > 0, s.minute, 0) FROM share_stats s WHERE s.worker_id = w.id
                               ORDER BY s.minute DESC LIMIT 1), 0)) AS last_minute,
           COALESCE(d.shares, 0) AS shares, COALESCE(d.rejected, 0) AS rejected,
           COALESCE(d.difficulty, 0) AS difficulty, COALESCE(d.now_shares, 0) AS now_shares,
           COALESCE(d.now_difficulty, 0) AS now_difficulty
      FROM miner m JOIN worker w ON w.miner_id = m.id
      LEFT JOIN worker_day d ON d.miner_id = w.miner_id AND d.worker_id = w.id;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_rejected_day AS
    SELECT m.network, m.address, w.name AS worker, d.reason, d.rejected
      FROM miner m JOIN rejected_day d ON d.miner_id = m.id AND d.rejected > 0
      JOIN worker w ON w.id = d.worker_id;

-- ---------------------------------------------------------------------------------------------
-- Notifications. A frontend adds wishes and answers, and changes neither: who asked for what, and that
-- somebody knows the token that was sent to an address. What follows from them is the backend's.
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS notify_subscription (
    id          UUID          NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    address     VARCHAR(90)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL COMMENT 'the miner''s',
    channel     ENUM ('mail', 'webhook') NOT NULL,
    target      VARCHAR(254)  CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL COMMENT 'as somebody typed it; anybody can write anything',
    events      SET ('block', 'payout', 'silent') NOT NULL,
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    KEY notify_subscription_created (created_at),
    KEY notify_subscription_target (target, created_at),
    KEY notify_subscription_miner (network, address, created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS notify_answer (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    token_hash  BINARY(32)    NOT NULL COMMENT 'SHA-256 of the token; of none that was sent: means nothing',
    kind        ENUM ('confirm', 'stop') NOT NULL,
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    KEY notify_answer_token (token_hash),
    KEY notify_answer_created (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS notify_state (
    subscription_id UUID      NOT NULL,
    status      ENUM ('asked', 'active', 'ended', 'refused') NOT NULL
                COMMENT 'asked: its address is to confirm it; refused: too many, or no such miner',
    secret      BINARY(16)    NOT NULL COMMENT 'signs what a webhook is sent; known to its receiver',
    asked_at    DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    confirmed_at DATETIME(6)  NULL,
    ended_at    DATETIME(6)   NULL,
    PRIMARY KEY (subscription_id),
    KEY notify_state_status (status, asked_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- The tokens that were sent, one with each message. Who has one may confirm, or stop.
CREATE TABLE IF NOT EXISTS notify_token (
    token_hash  BINARY(32)    NOT NULL,
    subscription_id UUID      NOT NULL,
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (token_hash),
    KEY notify_token_of (subscription_id),
    KEY notify_token_created (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Messages. The event names what it is about, so that each is queued once.
CREATE TABLE IF NOT EXISTS notify_queue (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    subscription_id UUID      NOT NULL COMMENT 'nil: the operator''s, to the addresses in the settings',
    channel     ENUM ('mail', 'webhook') NOT NULL,
    event       VARCHAR(120)  CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    kind        VARCHAR(16)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    detail      VARCHAR(400)  NOT NULL COMMENT 'one sentence for people',
    status      ENUM ('queued', 'sent', 'given_up') NOT NULL DEFAULT 'queued',
    attempts    INT UNSIGNED  NOT NULL DEFAULT 0,
    next_at     DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    sent_at     DATETIME(6)   NULL,
    answer      VARCHAR(160)  NOT NULL DEFAULT '' COMMENT 'why the last attempt failed',
    PRIMARY KEY (id),
    UNIQUE KEY notify_queue_event (subscription_id, channel, event),
    KEY notify_queue_due (status, next_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
