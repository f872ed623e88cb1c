-- 0005: money. What each block pays and how it was split, the ledger, payouts, scheduled tasks.
-- admits: 4
--
-- Amounts are whole numbers of the coin's base unit. The ledger's tables (account, journal, entry) are
-- written by the procedures of sql/ledger.sql alone.

-- the nil id stands for "nobody" in the ledger, and a frontend may insert any
ALTER TABLE miner
    ADD CONSTRAINT IF NOT EXISTS miner_is_somebody CHECK (id <> '00000000-0000-0000-0000-000000000000');

ALTER TABLE block
    ADD COLUMN IF NOT EXISTS subsidy     BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'what its coinbase pays to the recipient, fees included',
    ADD COLUMN IF NOT EXISTS recipient   VARCHAR(90) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL DEFAULT '' COMMENT '"" when its script has no address',
    ADD COLUMN IF NOT EXISTS pool_block  BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'the recipient is an address of the pool',
    ADD COLUMN IF NOT EXISTS version     BIGINT NOT NULL DEFAULT 0 COMMENT 'of the header',
    ADD COLUMN IF NOT EXISTS version_text VARCHAR(32) NOT NULL DEFAULT '' COMMENT 'BiblePay: the version of the miner''s node',
    ADD COLUMN IF NOT EXISTS chain_time  DATETIME NULL COMMENT 'of the header, chosen by the miner; for display',
    ADD COLUMN IF NOT EXISTS difficulty  BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of the network target: expected hashes',
    ADD COLUMN IF NOT EXISTS finder_id   UUID NULL COMMENT 'the miner, when known',
    ADD COLUMN IF NOT EXISTS epoch       INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'how often it came back after being orphaned',
    ADD COLUMN IF NOT EXISTS cut_at      DATETIME(6) NULL COMMENT 'shares received until then, and not yet assigned, are this block''s',
    ADD COLUMN IF NOT EXISTS assigned_at DATETIME(6) NULL,
    ADD COLUMN IF NOT EXISTS finished_at DATETIME(6) NULL,
    ADD COLUMN IF NOT EXISTS note        VARCHAR(160) NOT NULL DEFAULT '' COMMENT 'for the operator: why it is stale, or waits',
    ADD INDEX IF NOT EXISTS block_pool (network, pool_block, status, height),
    ADD INDEX IF NOT EXISTS block_height (network, height),
    ADD INDEX IF NOT EXISTS block_stored (network, created_at);

-- Per network and worker thread: what was received before this is settled. A block's shares are assigned
-- once all that are alive have passed its cut. One row per thread and start of a worker.
CREATE TABLE IF NOT EXISTS lane_progress (
    lane        UUID          NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    settled_until DATETIME(6) NOT NULL COMMENT 'receipt of the oldest solution it holds; now, when it holds none',
    seen_at     DATETIME(6)   NOT NULL,
    PRIMARY KEY (lane),
    KEY lane_progress_network (network, seen_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- How a block was split: with block_credit, all that `penstockctl explain` needs once the shares are gone.
CREATE TABLE IF NOT EXISTS block_split (
    block_id    BIGINT UNSIGNED NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    scheme      ENUM ('prop', 'pplns', 'solo') NOT NULL,
    fee_bp      INT UNSIGNED  NOT NULL COMMENT 'hundredths of a percent',
    subsidy     BIGINT UNSIGNED NOT NULL,
    fee         BIGINT UNSIGNED NOT NULL COMMENT 'what went to the pool; the rest is the sum of the credits',
    wanted      DECIMAL(30,0) NULL COMMENT 'PPLNS: the window''s difficulty',
    shares      BIGINT UNSIGNED NOT NULL,
    weight      DECIMAL(30,0) NOT NULL COMMENT 'sum over the credits',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (block_id),
    KEY block_split_network (network, created_at),
    CONSTRAINT block_split_block FOREIGN KEY (block_id) REFERENCES block (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS block_credit (
    block_id    BIGINT UNSIGNED NOT NULL,
    miner_id    UUID          NOT NULL,
    shares      BIGINT UNSIGNED NOT NULL,
    weight      DECIMAL(30,0) NOT NULL COMMENT 'difficulty of these shares; at the edge of a PPLNS window, the part inside',
    amount      BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (block_id, miner_id),
    KEY block_credit_miner (miner_id, block_id),
    CONSTRAINT block_credit_split FOREIGN KEY (block_id) REFERENCES block_split (block_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- ---------------------------------------------------------------------------------------------
-- The ledger: double entry, append-only. What the pool owes is positive (miner, pool_fee, unshared,
-- in_flight), what it owns is negative (immature, mature, cold); all accounts of a network sum to zero.
--
--   miner        owed to a miner
--   pool_fee     earned by the pool
--   unshared     rewards not yet split
--   in_flight    taken from miners, not yet confirmed on the chain
--   network_fee  less than zero by the fees that the pool bore itself
--   immature, mature   block rewards in the wallet
--   cold         swept from the hot wallet
--   adjustment   the operator's: what came in or went out by hand
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS account (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    kind        ENUM ('miner', 'pool_fee', 'unshared', 'in_flight', 'network_fee', 'immature', 'mature', 'cold',
                      'adjustment') NOT NULL,
    miner_id    UUID          NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000' COMMENT 'of kind miner',
    balance     BIGINT        NOT NULL DEFAULT 0 COMMENT 'sum of its entries',
    PRIMARY KEY (id),
    UNIQUE KEY account_owner (network, kind, miner_id),
    KEY account_due (network, kind, balance),
    KEY account_miner (miner_id),
    CONSTRAINT account_miner_named CHECK ((kind = 'miner') = (miner_id <> '00000000-0000-0000-0000-000000000000')),
    CONSTRAINT account_no_debt CHECK (kind NOT IN ('miner', 'unshared', 'in_flight') OR balance >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- One row per event. (kind, ref) names the event, so that it is posted once.
CREATE TABLE IF NOT EXISTS journal (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    kind        VARCHAR(24)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    ref         VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    note        VARCHAR(160)  NOT NULL DEFAULT '' COMMENT 'for the miner and the operator',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY journal_event (kind, ref),
    KEY journal_network (network, created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS entry (
    journal_id  BIGINT UNSIGNED NOT NULL,
    line        INT UNSIGNED  NOT NULL,
    account_id  BIGINT UNSIGNED NOT NULL,
    amount      BIGINT        NOT NULL,
    PRIMARY KEY (journal_id, line),
    KEY entry_account (account_id, journal_id),
    CONSTRAINT entry_journal FOREIGN KEY (journal_id) REFERENCES journal (id),
    CONSTRAINT entry_of_account FOREIGN KEY (account_id) REFERENCES account (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- ---------------------------------------------------------------------------------------------
-- Payouts. The bytes and the txid are stored, in one commit with the ledger's entries, before anything
-- is broadcast. A wallet that only knows sendtoaddress gets an intent, known by its comment (the id).
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS payout (
    id          UUID          NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    kind        ENUM ('payment', 'sweep') NOT NULL DEFAULT 'payment',
    status      ENUM ('intent', 'stored', 'sent', 'confirmed', 'conflicted', 'cancelled') NOT NULL
                COMMENT 'intent: may have been sent, to be searched for; stored: bytes are here',
    wallet      VARCHAR(64)   NOT NULL COMMENT 'the setting''s name of the wallet that pays',
    txid        BINARY(32)    NULL COMMENT 'display order',
    raw         MEDIUMBLOB    NULL COMMENT 'the signed transaction',
    amount      BIGINT UNSIGNED NOT NULL COMMENT 'taken from the accounts of its items',
    fee         BIGINT UNSIGNED NULL COMMENT 'of the transaction; NULL until known',
    fee_payer   ENUM ('receiver', 'pool') NOT NULL,
    confirmations INT         NOT NULL DEFAULT 0,
    attempts    INT UNSIGNED  NOT NULL DEFAULT 0,
    attempted_at DATETIME(6)  NULL,
    searched_at DATETIME(6)   NULL COMMENT 'of an intent: the first search after the attempt that found nothing',
    answer      VARCHAR(160)  NOT NULL DEFAULT '' COMMENT 'the wallet''s last words',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    sent_at     DATETIME(6)   NULL,
    confirmed_at DATETIME(6)  NULL,
    PRIMARY KEY (id),
    UNIQUE KEY payout_txid (network, txid),
    KEY payout_open (network, status, created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS payout_item (
    payout_id   UUID          NOT NULL,
    miner_id    UUID          NOT NULL,
    address     VARCHAR(90)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    amount      BIGINT UNSIGNED NOT NULL COMMENT 'taken from the miner''s account',
    received    BIGINT UNSIGNED NULL COMMENT 'what arrives; NULL until known',
    PRIMARY KEY (payout_id, miner_id),
    KEY payout_item_miner (miner_id, payout_id),
    CONSTRAINT payout_item_payout FOREIGN KEY (payout_id) REFERENCES payout (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- The coins that a payout spends: no two of them the same one, also when two networks share a wallet.
CREATE TABLE IF NOT EXISTS payout_input (
    payout_id   UUID          NOT NULL,
    txid        BINARY(32)    NOT NULL COMMENT 'display order; the transaction that made the coin',
    vout        INT UNSIGNED  NOT NULL,
    active      BOOLEAN       NULL DEFAULT TRUE COMMENT 'NULL: the payout was cancelled, the coin is free',
    PRIMARY KEY (payout_id, txid, vout),
    UNIQUE KEY payout_input_coin (txid, vout, active),
    CONSTRAINT payout_input_payout FOREIGN KEY (payout_id) REFERENCES payout (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- The latest row of a network says whether it pays.
CREATE TABLE IF NOT EXISTS payout_freeze (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    frozen      BOOLEAN       NOT NULL,
    reason      VARCHAR(255)  NOT NULL,
    who         VARCHAR(128)  NOT NULL DEFAULT '' COMMENT 'the human; "": a program',
    forced      BOOLEAN       NOT NULL DEFAULT FALSE COMMENT 'thawed though no audit since was clean',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    KEY payout_freeze_network (network, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- What the operator sets for a miner.
CREATE TABLE IF NOT EXISTS miner_setting (
    miner_id    UUID          NOT NULL,
    minimum_payout BIGINT UNSIGNED NULL COMMENT 'NULL: the network''s',
    PRIMARY KEY (miner_id),
    CONSTRAINT miner_setting_miner FOREIGN KEY (miner_id) REFERENCES miner (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- ---------------------------------------------------------------------------------------------
-- Scheduled tasks, and what they sum up.
-- ---------------------------------------------------------------------------------------------

-- A run holds the lock of its row; there is none to forget when it dies.
CREATE TABLE IF NOT EXISTS task_lock (
    task        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    holder      VARCHAR(128)  NOT NULL DEFAULT '' COMMENT 'host and pid of the last one, for people',
    PRIMARY KEY (task, network)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS task_run (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    task        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    host        VARCHAR(64)   NOT NULL,
    started_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    ended_at    DATETIME(6)   NULL,
    outcome     ENUM ('running', 'done', 'waiting', 'failed') NOT NULL DEFAULT 'running'
                COMMENT 'a run that was killed stays running; waiting: a wallet or server was away',
    detail      VARCHAR(255)  NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    KEY task_run_last (task, network, id),
    KEY task_run_started (started_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- A miner's luck against the pool's: blocks found for its share of the work, hourly.
CREATE TABLE IF NOT EXISTS miner_rating (
    miner_id    UUID          NOT NULL,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    shares      BIGINT UNSIGNED NOT NULL,
    blocks      INT UNSIGNED  NOT NULL,
    rating_bp   BIGINT UNSIGNED NOT NULL COMMENT '10000: as many blocks as the pool''s average miner',
    rated_at    DATETIME(6)   NOT NULL,
    PRIMARY KEY (miner_id),
    KEY miner_rating_network (network, rating_bp)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- share_stats by the hour, kept when the minutes are gone.
CREATE TABLE IF NOT EXISTS share_stats_hour (
    worker_id   BIGINT UNSIGNED NOT NULL,
    hour        INT UNSIGNED  NOT NULL COMMENT 'hours since the epoch',
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    shares      INT UNSIGNED  NOT NULL,
    rejected    INT UNSIGNED  NOT NULL,
    difficulty  DECIMAL(30,0) NOT NULL,
    PRIMARY KEY (worker_id, hour),
    KEY share_stats_hour_network (network, hour)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- The network as a whole by the hour, for pages.
CREATE TABLE IF NOT EXISTS network_stats (
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    hour        INT UNSIGNED  NOT NULL,
    shares      BIGINT UNSIGNED NOT NULL,
    rejected    BIGINT UNSIGNED NOT NULL,
    difficulty  DECIMAL(30,0) NOT NULL,
    miners      INT UNSIGNED  NOT NULL,
    workers     INT UNSIGNED  NOT NULL,
    blocks      INT UNSIGNED  NOT NULL COMMENT 'of the chain, by the time they were stored',
    pool_blocks INT UNSIGNED  NOT NULL,
    PRIMARY KEY (network, hour)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS audit_run (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    began_at    DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'all that it says held at some time since',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    outcome     ENUM ('clean', 'difference', 'incomplete') NOT NULL,
    owed        BIGINT        NOT NULL COMMENT 'miners, pool fee, unshared and in flight together',
    held        BIGINT        NULL COMMENT 'the wallet''s mature and immature coins; NULL: not asked',
    detail      TEXT          NOT NULL COMMENT 'one line per difference',
    PRIMARY KEY (id),
    KEY audit_run_network (network, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
