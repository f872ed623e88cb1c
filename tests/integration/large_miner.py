"""A network in the database that no task and no worker knows, with one miner of many workers and as much
beside it as is asked for. Used by test_read.py and by tests/bench."""

import time
import uuid

from test_site_views import clean, run

MINER = "itest-large-miner"
HOURS = 24


def clean_all(root, network):
    for table in ("share", "rejected"):
        run(root, f"DELETE FROM {table} WHERE network = %s", network)
    clean(root, network)


def add_miner(root, network, address, workers):
    """The miner's id, and the first and last number of its workers."""
    miner = str(uuid.uuid4())
    run(root, "INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", miner, network, address)
    run(root, f"INSERT INTO worker (miner_id, name) SELECT %s, CONCAT('rig-', seq) FROM seq_1_to_{workers}",
        miner)
    ((first, last),) = run(root, "SELECT MIN(id), MAX(id) FROM worker WHERE miner_id = %s", miner)
    return miner, first, last


def add_sums(root, network, miner):
    """What workers and roll-stats keep of the miner: a day of hours, two hours of minutes, rejections."""
    now_s = int(time.time())
    of_miner = f"FROM worker w JOIN seq_0_to_%s s WHERE w.miner_id = '{miner}'"
    run(root, "INSERT INTO share_stats (worker_id, minute, network, shares, rejected, difficulty)"
        f" SELECT w.id, {now_s // 60 + 20} - seq, %s, 3, 1, 3000 " + of_miner % 140, network)
    run(root, "INSERT INTO share_stats_hour (worker_id, hour, network, shares, rejected, difficulty)"
        f" SELECT w.id, {now_s // 3600} - seq, %s, 180, 60, 180000 " + of_miner % HOURS, network)
    run(root, "INSERT INTO miner_stats_hour SELECT %s, hour, network, SUM(shares), SUM(rejected), SUM(difficulty),"
        " COUNT(*) FROM share_stats_hour WHERE worker_id IN (SELECT id FROM worker WHERE miner_id = %s)"
        " GROUP BY hour, network", miner, miner)
    run(root, "INSERT INTO worker_day SELECT miner_id, id, %s, 4500, 1500, 4500000, 30, 30000, 0, %s FROM worker"
        " WHERE miner_id = %s", network, now_s, miner)
    run(root, "INSERT INTO rejected_day SELECT miner_id, id, CONCAT('Reason', seq), %s, 50 * seq, %s FROM worker"
        " JOIN seq_1_to_3 WHERE miner_id = %s", network, now_s, miner)


def add_shares(root, network, first, last, count, rejected=0):
    """COUNT rows of `share`, a million at a time, spread over a day. Hashes and times ascend, so that ten millions
    take minutes: in any other order each is a page of its own to read."""
    spread = f"UTC_TIMESTAMP(6) - INTERVAL 86400 - seq * 86400 DIV {count} SECOND"
    workers = f"{first} + MOD(seq, {last - first + 1})"
    done = 0
    while done < count:
        top = min(done + 1_000_000, count)
        run(root, "INSERT INTO share (message_id, day, network, pow_hash, worker_id, work_id, received_at,"
            f" difficulty) SELECT UUID(), UNIX_TIMESTAMP() DIV 86400, %s, UNHEX(CONCAT(LPAD(HEX(seq), 16, '0'), SUBSTR(SHA2(CONCAT(%s, seq), 256), 17))),"
            f" {workers}, UUID(), {spread}, 1000 FROM seq_{done + 1}_to_{top}", network, network)
        done = top
    if rejected:
        run(root, "INSERT INTO rejected (message_id, day, network, reason, worker_id, received_at) SELECT UUID(),"
            f" UNIX_TIMESTAMP() DIV 86400, %s, 'UnknownWork', {workers}, {spread} FROM seq_1_to_{rejected}",
            network)


def add_money(root, network, miner, address, blocks=300, payments=100):
    """Blocks of the pool, each with a credit and an entry for the miner; its payments; an audit."""
    run(root, "INSERT INTO block (network, height, hash, status, pool_block, subsidy, difficulty, chain_time)"
        f" SELECT %s, seq, UNHEX(SHA2(CONCAT(%s, seq), 256)), 'finished', 1, 50, 1000, UTC_TIMESTAMP() - INTERVAL"
        f" {blocks} - seq MINUTE FROM seq_1_to_{blocks}", network, network)
    run(root, "INSERT INTO block_split (block_id, network, scheme, fee_bp, subsidy, fee, shares, weight)"
        " SELECT id, network, 'prop', 0, 50, 0, 1, 1 FROM block WHERE network = %s", network)
    run(root, "INSERT INTO block_credit SELECT id, %s, 1, 1, 50 FROM block WHERE network = %s", miner, network)
    run(root, "INSERT INTO account (network, kind, miner_id, balance) VALUES (%s, 'miner', %s, %s)", network, miner,
        50 * blocks)
    run(root, "INSERT INTO journal (network, kind, ref, note) SELECT network, 'share-out', CONCAT(%s, height), ''"
        " FROM block WHERE network = %s", network, network)
    run(root, "INSERT INTO entry SELECT j.id, 1, a.id, 50 FROM journal j JOIN account a ON a.network = j.network"
        " WHERE j.network = %s", network)
    run(root, "INSERT INTO payout (id, network, status, wallet, amount, fee_payer, sent_at, txid) SELECT UUID(), %s,"
        f" 'sent', 'w', 5, 'pool', UTC_TIMESTAMP(6), UNHEX(SHA2(CONCAT(%s, seq), 256)) FROM seq_1_to_{payments}",
        network, network)
    run(root, "INSERT INTO payout_item (payout_id, miner_id, address, amount) SELECT id, %s, %s, 5 FROM payout"
        " WHERE network = %s", miner, address, network)
