-- 0006: what pages, the API and monitoring read. Each view shows what a page shows, and nothing else.
-- admits: 4
--
-- No view has a sender's address, an e-mail address, a raw transaction, an id that a miner sends as proof
-- of who it is, or an operator's note. What belongs to a miner goes by network and address, which is
-- how the outside knows it. Pages read sums by the minute and hour and by index; none counts shares.

ALTER TABLE block
    ADD INDEX IF NOT EXISTS block_pool_height (network, pool_block, height),
    ADD INDEX IF NOT EXISTS block_chain_time (network, chain_time);
ALTER TABLE payout
    ADD INDEX IF NOT EXISTS payout_time (network, created_at),
    ADD INDEX IF NOT EXISTS payout_sum (network, kind, status, amount);

-- --- intake ---

-- Disabled miners are read beside the bans every few seconds: whether a miner is among them must not be
-- asked with each request, and finding the few must not read all.
ALTER TABLE miner
    ADD INDEX IF NOT EXISTS miner_disabled (disabled);

CREATE OR REPLACE SQL SECURITY DEFINER VIEW intake_ban AS
    SELECT kind, network, value FROM active_ban
    UNION
    SELECT 'miner', m.network, CAST(m.id AS CHAR(36) CHARACTER SET ascii)
      FROM active_ban b JOIN miner m ON m.network = b.network AND m.address = b.value
     WHERE b.kind = 'address'
    UNION
    SELECT 'address', m.network, m.address
      FROM active_ban b JOIN miner m ON m.id = CAST(b.value AS UUID)
     WHERE b.kind = 'miner'
    UNION ALL
    SELECT 'disabled', network, address FROM miner WHERE disabled = TRUE;

-- --- the chain, and the pool's blocks in it ---

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_tip AS
    SELECT network, height, LOWER(HEX(hash)) AS hash, seen_at FROM tip;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_block AS
    SELECT b.network, b.height, LOWER(HEX(b.hash)) AS hash, b.status, b.pool_block, b.subsidy, b.chain_time,
           b.created_at, b.difficulty, f.address AS finder
      FROM block b LEFT JOIN miner f ON f.id = b.finder_id;

-- --- shares, summed up ---

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_network_hour AS
    SELECT network, hour, shares, rejected, difficulty, miners, workers, blocks, pool_blocks FROM network_stats;

-- A row for each worker, without its name. (Were it grouped, a prepared statement's conditions on its
-- minutes would not reach the index.)
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_minute AS
    SELECT network, minute, shares, rejected, difficulty FROM share_stats;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_rejected_minute AS
    SELECT network, minute, reason, rejected FROM rejected_stats;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_worker_minute AS
    SELECT s.network, m.address, w.name AS worker, s.minute, s.shares, s.rejected, s.difficulty
      FROM share_stats s
      JOIN worker w ON w.id = s.worker_id
      JOIN miner m ON m.id = w.miner_id AND m.network = s.network;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_worker_hour AS
    SELECT s.network, m.address, w.name AS worker, s.hour, s.shares, s.rejected, s.difficulty
      FROM share_stats_hour s
      JOIN worker w ON w.id = s.worker_id
      JOIN miner m ON m.id = w.miner_id AND m.network = s.network;

-- --- a miner ---

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_miner AS
    SELECT m.network, m.address, m.disabled, m.created_at, COALESCE(a.balance, 0) AS balance,
           t.minimum_payout, r.rating_bp
      FROM miner m
      LEFT JOIN account a ON a.network = m.network AND a.kind = 'miner' AND a.miner_id = m.id
      LEFT JOIN miner_setting t ON t.miner_id = m.id
      LEFT JOIN miner_rating r ON r.miner_id = m.id;

-- --- money ---

-- Read from the miner, in this order: else it would be all that the network ever split up.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_credit AS
    SELECT m.network, m.address, c.block_id AS number, b.height, c.shares, c.amount, p.created_at
      FROM miner m
      STRAIGHT_JOIN block_credit c ON c.miner_id = m.id
      STRAIGHT_JOIN block_split p ON p.block_id = c.block_id
      STRAIGHT_JOIN block b ON b.id = c.block_id;

-- What changed a miner's balance. The note is written for the miner.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_balance_change AS
    SELECT m.network, m.address, e.journal_id AS number, e.amount, j.kind, j.note, j.created_at
      FROM entry e
      JOIN account a ON a.id = e.account_id AND a.kind = 'miner'
      JOIN miner m ON m.id = a.miner_id AND m.network = a.network
      JOIN journal j ON j.id = e.journal_id;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_payment AS
    SELECT p.network, i.address, i.amount, i.received, p.status, LOWER(HEX(p.txid)) AS txid,
           p.confirmations, p.created_at, p.sent_at, p.confirmed_at
      FROM payout_item i
      JOIN payout p ON p.id = i.payout_id AND p.kind = 'payment' AND p.status <> 'cancelled'
      JOIN miner m ON m.id = i.miner_id AND m.network = p.network AND m.address = i.address;

-- Transactions, without the receivers: how much, and how far.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_payout AS
    SELECT network, kind, status, amount, fee, created_at FROM payout;

-- The books by kind of account; no miner by itself.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW site_ledger AS
    SELECT network, kind, SUM(balance) AS balance, COUNT(*) AS accounts FROM account GROUP BY network, kind;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_audit AS
    SELECT network, id AS number, created_at, outcome, owed, held FROM audit_run;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_freeze AS
    SELECT network, id AS number, frozen, created_at FROM payout_freeze;

-- --- is all well? ---

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_task AS
    SELECT task, network, id AS number, started_at, ended_at, outcome FROM task_run;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW site_lane AS
    SELECT network, settled_until, seen_at FROM lane_progress;
