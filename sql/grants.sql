-- grants.sql: all that the frontend and the backend may do in the database, each line with its reason.
--
-- Run by the DBA as root after `penstockctl migrate` (rights on a table need the table):
--
--     mariadb penstock < sql/ledger.sql      (the procedures that some of these rights are for)
--     mariadb < sql/grants.sql
--
-- Repeatable: it starts by taking everything away. It takes effect on connections that are open, so
-- running programs are refused statements for the milliseconds that it takes; they try again.
-- A right that is not below does not exist; tests/integration/test_sql.py tries the others.

REVOKE ALL PRIVILEGES, GRANT OPTION FROM penstock_frontend_rights;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM penstock_backend_rights;

-- ---------------------------------------------------------------------------------------------
-- Frontend: adds to five tables, reads views made for it. It never changes or deletes, reads no
-- base table, and calls nothing.
--
-- INSERT is granted by column. What is missing is set by the server: the time stamps; worker.id (a
-- row with the largest id would stop all further ones); miner.disabled (the operator's).
-- ---------------------------------------------------------------------------------------------

-- an unknown miner asks for work
GRANT INSERT (id, network, address) ON penstock.miner TO penstock_frontend_rights;
GRANT INSERT (miner_id, name) ON penstock.worker TO penstock_frontend_rights;
-- work is handed out
GRANT INSERT (id, network, worker_id, target, thread_id, ip, os, agent, email, job_id, extranonce) ON penstock.work
    TO penstock_frontend_rights;
-- to find the miner and worker again, and whether the operator disabled it
GRANT SELECT ON penstock.intake_miner TO penstock_frontend_rights;
GRANT SELECT ON penstock.intake_worker TO penstock_frontend_rights;
-- whom to refuse for now; it sees neither reasons nor former bans
GRANT SELECT ON penstock.intake_ban TO penstock_frontend_rights;
-- what to search in: the newest jobs
GRANT SELECT ON penstock.intake_job TO penstock_frontend_rights;
-- and for miners who put their blocks together themselves: a job's transactions
GRANT SELECT ON penstock.intake_job_body TO penstock_frontend_rights;
-- how hard a miner's shares are to be: what it delivered in the last ten minutes
GRANT SELECT ON penstock.intake_rate TO penstock_frontend_rights;
-- to refuse a schema that the program does not know
GRANT SELECT ON penstock.schema_level TO penstock_frontend_rights;
-- what pages, the API and monitoring show; 0006_site_views.sql and
-- 0007_watching.sql say what each view leaves out
-- the chain, and the pool's blocks
GRANT SELECT ON penstock.site_tip TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_block TO penstock_frontend_rights;
-- shares summed up, by worker and for all; why solutions were refused
GRANT SELECT ON penstock.site_network_hour TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_minute TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_miner_hour TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_rejected_minute TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_worker_minute TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_worker_hour TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_worker_day TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_address_hour TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_rejected_day TO penstock_frontend_rights;
-- by what terms a network pays
GRANT SELECT ON penstock.site_terms TO penstock_frontend_rights;
-- a miner: its balance, its workers, what it was credited and paid
GRANT SELECT ON penstock.site_miner TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_credit TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_balance_change TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_payment TO penstock_frontend_rights;
-- the books as a whole, by kind of account; the last audit; whether payouts are frozen
GRANT SELECT ON penstock.site_payout TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_ledger TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_audit TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_freeze TO penstock_frontend_rights;
-- wishes for notifications, and that somebody knows a token; it reads neither
GRANT INSERT (id, network, address, channel, target, events) ON penstock.notify_subscription TO penstock_frontend_rights;
GRANT INSERT (token_hash, kind) ON penstock.notify_answer TO penstock_frontend_rights;
-- for monitoring: scheduled tasks and workers
GRANT SELECT ON penstock.site_task TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_lane TO penstock_frontend_rights;
GRANT SELECT ON penstock.site_job TO penstock_frontend_rights;

-- ---------------------------------------------------------------------------------------------
-- Backend: judges what the frontend took in. No DELETE: old shares go by dropping partitions.
-- ---------------------------------------------------------------------------------------------

-- to judge a solution: the work it belongs to, and whose that is
GRANT SELECT ON penstock.miner TO penstock_backend_rights;
GRANT SELECT ON penstock.worker TO penstock_backend_rights;
GRANT SELECT ON penstock.work TO penstock_backend_rights;
-- the operator disables a miner
GRANT UPDATE (disabled) ON penstock.miner TO penstock_backend_rights;

-- the operator bans for a time; a ban is ended by its expiry, never deleted or changed otherwise
GRANT SELECT, INSERT (network, kind, value, reason, expires_at), UPDATE (expires_at) ON penstock.ban
    TO penstock_backend_rights;
GRANT SELECT ON penstock.active_ban TO penstock_backend_rights;

-- what became of a solution; read to recognise a repeat or a redelivery
GRANT SELECT, INSERT ON penstock.share TO penstock_backend_rights;
GRANT SELECT, INSERT ON penstock.rejected TO penstock_backend_rights;
-- a share is assigned to a block; nothing else of it ever changes
GRANT UPDATE (block_id) ON penstock.share TO penstock_backend_rights;

-- the sums of the current minute grow, by INSERT … ON DUPLICATE KEY UPDATE: for that MariaDB demands
-- UPDATE on every column of the INSERT (else 1143), so it cannot be granted by column. No money
-- depends on these sums.
GRANT SELECT, INSERT, UPDATE ON penstock.share_stats TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.rejected_stats TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.rejected_worker_stats TO penstock_backend_rights;

-- chain tips as they appear
GRANT SELECT, INSERT ON penstock.tip TO penstock_backend_rights;
-- blocks handed to the wallets, and what they said; an answer may come later or change
GRANT SELECT, INSERT, UPDATE (outcome, answer) ON penstock.block_candidate TO penstock_backend_rights;
-- blocks of the chain: stored, assigned, shared out, orphaned
GRANT SELECT, INSERT, UPDATE (status, epoch, cut_at, assigned_at, finished_at, finder_id, note) ON penstock.block
    TO penstock_backend_rights;
-- how far each worker thread has got (ON DUPLICATE KEY UPDATE, see above)
GRANT SELECT, INSERT, UPDATE ON penstock.lane_progress TO penstock_backend_rights;

-- jobs made from block templates: stored, and read again for their shares; why there are none
GRANT SELECT, INSERT ON penstock.job TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.job_health TO penstock_backend_rights;
-- one program per network makes them: it locks its row
GRANT SELECT, INSERT, UPDATE (holder) ON penstock.job_leader TO penstock_backend_rights;

-- how a block was split: never changes
GRANT SELECT, INSERT ON penstock.block_split TO penstock_backend_rights;
GRANT SELECT, INSERT ON penstock.block_credit TO penstock_backend_rights;
-- the ledger is read, and written by its procedure alone
GRANT SELECT ON penstock.account TO penstock_backend_rights;
GRANT SELECT ON penstock.journal TO penstock_backend_rights;
GRANT SELECT ON penstock.entry TO penstock_backend_rights;
GRANT EXECUTE ON PROCEDURE penstock.post_journal TO penstock_backend_rights;
GRANT EXECUTE ON PROCEDURE penstock.correct_balance TO penstock_backend_rights;
-- payouts: to whom, how much and which bytes never changes, except that an intent learns its txid and fee
GRANT SELECT, INSERT, UPDATE (status, txid, fee, confirmations, attempts, attempted_at, searched_at, answer, sent_at, confirmed_at)
    ON penstock.payout TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE (received) ON penstock.payout_item TO penstock_backend_rights;
-- a cancelled payout's coins are free again
GRANT SELECT, INSERT, UPDATE (active) ON penstock.payout_input TO penstock_backend_rights;
-- frozen and thawed by adding a row
GRANT SELECT, INSERT ON penstock.payout_freeze TO penstock_backend_rights;
-- the operator's settings of a miner (ON DUPLICATE KEY UPDATE)
GRANT SELECT, INSERT, UPDATE ON penstock.miner_setting TO penstock_backend_rights;

-- scheduled tasks: the lock, the history, what they sum up
GRANT SELECT, INSERT, UPDATE (holder) ON penstock.task_lock TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE (ended_at, outcome, detail) ON penstock.task_run TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.miner_rating TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.share_stats_hour TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.network_stats TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.miner_stats_hour TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.worker_day TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE ON penstock.rejected_day TO penstock_backend_rights;
-- by what terms a network pays (ON DUPLICATE KEY UPDATE)
GRANT SELECT, INSERT, UPDATE ON penstock.network_terms TO penstock_backend_rights;
GRANT SELECT, INSERT ON penstock.audit_run TO penstock_backend_rights;

-- notifications: wishes and answers are read; what follows from them
GRANT SELECT ON penstock.notify_subscription TO penstock_backend_rights;
GRANT SELECT ON penstock.notify_answer TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE (status, confirmed_at, ended_at) ON penstock.notify_state TO penstock_backend_rights;
GRANT SELECT, INSERT ON penstock.notify_token TO penstock_backend_rights;
GRANT SELECT, INSERT, UPDATE (status, attempts, next_at, sent_at, answer) ON penstock.notify_queue TO penstock_backend_rights;

-- clean-up: what is old goes by procedures that decide themselves what is (sql/ledger.sql)
GRANT EXECUTE ON PROCEDURE penstock.drop_old_day TO penstock_backend_rights;
GRANT EXECUTE ON PROCEDURE penstock.delete_old TO penstock_backend_rights;

-- the daily partitions of share, rejected and job, without the right to alter tables
GRANT EXECUTE ON PROCEDURE penstock.partition_days TO penstock_backend_rights;
-- to refuse a schema that the program does not know
GRANT SELECT ON penstock.schema_level TO penstock_backend_rights;
