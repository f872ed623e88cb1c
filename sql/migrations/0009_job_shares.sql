-- 0009: shares of jobs, by getwork and getblocktemplate.
-- admits: 4

-- A piece of search that was handed out from a job is a row of `work` too. Its id is made from the merkle
-- root of the header (common/work/job.h), so that a header alone says which work it belongs to. thread_id
-- and os are '' there.
ALTER TABLE work
    ADD COLUMN IF NOT EXISTS job_id UUID NULL COMMENT 'NULL: work of the Action protocol',
    ADD COLUMN IF NOT EXISTS extranonce VARBINARY(16) NULL COMMENT 'of the coinbase; with job_id';

-- For getblocktemplate, whose miners want the ids beside the transactions.
ALTER TABLE job
    ADD COLUMN IF NOT EXISTS txids LONGBLOB NULL
        COMMENT '32 bytes for each transaction, internal order; NULL: made by an older program';

-- What intake_job leaves out.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW intake_job_body AS
    SELECT id, network, transactions, txids FROM job WHERE made_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR;

-- What miners delivered in the last ten minutes, the current one being one of them: from it follows how
-- hard their next shares are to be.
CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW intake_rate AS
    SELECT w.miner_id, s.worker_id, s.minute, s.shares, s.difficulty
      FROM worker w JOIN share_stats s ON s.worker_id = w.id
     WHERE s.minute > UNIX_TIMESTAMP() DIV 60 - 10 AND s.shares > 0;
