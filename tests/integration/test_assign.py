"""assign-shares: which shares a block gets, whatever the workers and the queue do meanwhile."""

import concurrent.futures
import datetime
import pathlib
import re
import subprocess
import time
import uuid

import pytest

import blocks
from test_worker import NETWORK, WORKERS, Pool, until


def at(pool, seconds):
    """A time, counted from the one at which the block of found() was seen."""
    return pool.seen + datetime.timedelta(seconds=seconds)


def found(pool, **more):
    """An open pool block that was seen as tip an hour ago."""
    block = pool.found(assigned=False, **more)
    pool.seen = datetime.datetime.utcnow().replace(microsecond=0) - datetime.timedelta(hours=1)
    pool.query("UPDATE tip t JOIN block b ON b.hash = t.hash AND b.network = t.network"
               " SET t.seen_at = %s WHERE b.id = %s", pool.seen, block)
    return block


def lane(pool, settled, seen_s=0):
    """A worker's thread that has settled what was received before SETTLED."""
    pool.query("INSERT INTO lane_progress (lane, network, settled_until, seen_at) VALUES"
               " (%s, %s, %s, UTC_TIMESTAMP(6) - INTERVAL %s SECOND)", str(uuid.uuid4()), pool.network,
               settled, seen_s)


def of_block(pool, block):
    return pool.one("SELECT COUNT(*) FROM share WHERE network = %s AND block_id = %s", pool.network, block)


# --- the cut ---


def test_received_until_it_was_seen(money):
    pool = money(assign_wait_s=600)
    miner, block = pool.miner(), found(pool)
    for seconds in (-7200, -1, 0, 1, 60):
        pool.shares(miner, 1, at=at(pool, seconds))
    pool.alive()
    assert "block 1 has 3 shares, 0 of them late" in pool.task("assign-shares")
    assert pool.query("SELECT received_at <= %s, block_id FROM share WHERE network = %s"
                      " ORDER BY received_at", pool.seen, pool.network) == (
        (1, block), (1, block), (1, block), (0, None), (0, None))
    assert pool.status(block) == "assigned"
    assert pool.one("SELECT cut_at FROM block WHERE id = %s", block) == pool.seen


@pytest.mark.parametrize("accepted", [True, False])
def test_the_solution_that_is_the_block_tells_best(money, accepted):
    pool = money()
    finder, block = pool.miner(), found(pool)
    received, message = at(pool, -30), str(uuid.uuid4())
    pool.shares(finder, 1, at=received)
    pool.query("UPDATE share SET message_id = %s WHERE network = %s", message, pool.network)
    if not accepted:
        pool.query("INSERT INTO rejected (message_id, day, network, reason, received_at) SELECT message_id,"
                   " day, network, 'WorkExpired', received_at FROM share WHERE network = %s", pool.network)
        pool.query("DELETE FROM share WHERE network = %s", pool.network)
    pool.shares(finder, 1, at=at(pool, -20))  # after it, though before the tip was seen
    pool.query("INSERT INTO block_candidate (network, hash, height, message_id, worker_id, outcome, answer)"
               " SELECT network, hash, height, %s, %s, 'on_chain', '' FROM block WHERE id = %s", message,
               pool.workers[finder], block)
    pool.alive()
    pool.task("assign-shares")
    assert pool.query("SELECT cut_at, CAST(finder_id AS CHAR) FROM block WHERE id = %s", block) == (
        (received, finder),)
    assert of_block(pool, block) == accepted
    pool.query("DELETE FROM block_candidate WHERE network = %s", pool.network)
    pool.query("DELETE FROM rejected WHERE network = %s", pool.network)


@pytest.mark.parametrize("chain_s, expected_s", [(-100, -100), (7000, 10)])
def test_a_block_that_was_never_seen_as_tip(money, chain_s, expected_s):
    """The header's time, but no later than the pool knew of a block of its height."""
    pool = money()
    block = found(pool)
    pool.query("UPDATE tip SET hash = REVERSE(hash), seen_at = %s WHERE network = %s AND height = 1",
               at(pool, 10), pool.network)
    pool.query("UPDATE block SET chain_time = %s WHERE id = %s", at(pool, chain_s), block)
    pool.alive()
    pool.task("assign-shares")
    assert pool.one("SELECT cut_at FROM block WHERE id = %s", block) == at(pool, expected_s)


def test_the_lowest_first(money):
    pool = money()
    miner, first = pool.miner(), found(pool)
    at_first = pool.seen
    second = found(pool)
    pool.query("UPDATE tip SET seen_at = %s WHERE network = %s AND height = 2",
               at_first + datetime.timedelta(seconds=60), pool.network)
    pool.shares(miner, 2, at=at_first - datetime.timedelta(seconds=1))
    pool.shares(miner, 3, at=at_first + datetime.timedelta(seconds=1))
    pool.shares(miner, 4, at=at_first + datetime.timedelta(seconds=61))
    pool.alive()
    pool.task("assign-shares")
    assert [of_block(pool, block) for block in (first, second)] == [2, 3]


# --- waiting ---


def test_it_waits_for_every_live_thread(money):
    pool = money(assign_wait_s=600)
    pool.shares(pool.miner(), 1)
    block = found(pool)
    assert "waits" in pool.task("assign-shares")  # there is none
    lane(pool, at(pool, 100))
    lane(pool, at(pool, 4))  # within what frontends' stamps may be out of order
    lane(pool, at(pool, -1000), seen_s=31)  # dead
    assert "waits" in pool.task("assign-shares")
    assert pool.status(block) == "open" and of_block(pool, block) == 0
    pool.query("UPDATE lane_progress SET settled_until = %s, seen_at = UTC_TIMESTAMP(6) WHERE network = %s"
               " AND seen_at > UTC_TIMESTAMP(6) - INTERVAL 30 SECOND", at(pool, 6), pool.network)
    pool.task("assign-shares")
    assert pool.status(block) == "assigned" and of_block(pool, block) == 1


def test_not_for_ever(money):
    pool = money(assign_wait_s=600)
    pool.shares(pool.miner(), 1)
    block = found(pool)
    lane(pool, at(pool, -1))
    pool.query("UPDATE block SET created_at = UTC_TIMESTAMP(6) - INTERVAL 590 SECOND WHERE id = %s", block)
    pool.task("assign-shares")
    assert pool.status(block) == "open"
    pool.query("UPDATE block SET created_at = UTC_TIMESTAMP(6) - INTERVAL 601 SECOND WHERE id = %s", block)
    pool.task("assign-shares")
    assert pool.status(block) == "assigned" and of_block(pool, block) == 1


def test_what_comes_late_goes_to_the_next_block_and_is_counted(money):
    pool = money()
    miner, first = pool.miner(), found(pool)
    at_first = pool.seen
    pool.shares(miner, 2, at=at(pool, -5))
    pool.alive()
    pool.task("assign-shares")
    pool.shares(miner, 3, at=at(pool, -4))  # was in a queue all the time
    pool.shares(miner, 1, at=at(pool, 5))
    second = found(pool)
    pool.query("UPDATE tip SET seen_at = %s WHERE network = %s AND height = 2",
               at_first + datetime.timedelta(seconds=60), pool.network)
    assert "block 2 has 4 shares, 3 of them late" in pool.task("assign-shares")
    assert [of_block(pool, block) for block in (first, second)] == [2, 4]
    assert pool.one("SELECT note FROM block WHERE id = %s", second) \
        == "3 of its shares were received before an earlier block"


def test_a_dry_run_assigns_nothing(money):
    pool = money()
    pool.shares(pool.miner(), 1)
    block = found(pool)
    pool.alive()
    assert "block 1 would get its shares" in pool.task("assign-shares", "--dry-run")
    assert pool.status(block) == "open" and of_block(pool, block) == 0


# --- runs that meet, or died ---


def test_a_cut_once_stored_stays(money):
    pool = money()
    miner, block = pool.miner(), found(pool)
    pool.shares(miner, 1, at=at(pool, -10))
    pool.shares(miner, 1, at=at(pool, -1))
    pool.query("UPDATE block SET cut_at = %s WHERE id = %s", at(pool, -5), block)  # and then it died
    pool.alive()
    pool.task("assign-shares")
    assert of_block(pool, block) == 1


def test_more_than_one_statement_moves(money):
    pool = money()
    miner, block = pool.miner(), found(pool)
    pool.shares(miner, 10001, at=at(pool, -10))
    pool.alive()
    pool.task("assign-shares")
    assert of_block(pool, block) == 10001


def test_many_runs_at_once(money):
    """Without the lock they would still come to the same; here with it, and each ends with 0."""
    pool = money()
    miner, block = pool.miner(), found(pool)
    pool.shares(miner, 500, at=at(pool, -10))
    pool.alive()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: pool.task("assign-shares"), range(16)))
    assert pool.status(block) == "assigned" and of_block(pool, block) == 500


# --- with workers and a queue ---


@pytest.fixture
def pool(env, db, amqp, rpc, ctl, tmp_path):
    made = Pool(env, db, amqp, rpc)
    made.conf = tmp_path / "backend.conf"
    text = pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
    made.conf.write_text(re.sub(r"(?m)^assign_wait_s = .*", "assign_wait_s = 3600", text), encoding="utf-8")
    yield made
    for name in WORKERS:
        ctl("start", name)


def task(pool, name, *options):
    command = [f"{pool.env['PENSTOCK_BIN']}/penstock-task", name, "--config", pool.conf, "--network", NETWORK,
               *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def backlog(pool, before, after):
    """Solutions received while no worker runs: BEFORE of them, a block, and AFTER. Returns the hash of
    the block, and the messages' ids in both parts; the block's solution is the last of the first."""
    early = [pool.send(pool.fields(pool.block())) for _ in range(before)]
    block = pool.block(wanted=blocks.meets_target)
    early.append(pool.send(pool.fields(block)))
    assert pool.rpc("miner")("submitblock", block.hex()) is None
    nodes = pool.rpc("pool"), pool.rpc("miner")
    assert until(lambda: len({node("getbestblockhash") for node in nodes}) == 1)
    time.sleep(0.01)
    return block.hash(), early, [pool.send(pool.fields(pool.block())) for _ in range(after)]


def assigned(pool, block_hash):
    task(pool, "assign-shares")
    return pool.query("SELECT id FROM block WHERE network = %s AND hash = UNHEX(%s)"
                      " AND status = 'assigned'", NETWORK, block_hash)


def blocks_of(pool, messages):
    rows = pool.query("SELECT CAST(message_id AS CHAR), block_id FROM share WHERE message_id IN"
                      f" ({', '.join(['%s'] * len(messages))})", *messages)
    return dict(rows)


@pytest.mark.parametrize("killed", [False, True])
def test_a_backlog_moves_no_share_between_blocks(pool, ctl, killed):
    for name in WORKERS:
        ctl("stop", name)
    block_hash, early, late = backlog(pool, 12, 8)
    task(pool, "find-blocks")
    assert assigned(pool, block_hash) == ()
    for name in WORKERS:
        ctl("start", name)
    if killed:
        until(lambda: len(blocks_of(pool, early + late)) > 3)
        ctl("kill", WORKERS[0])
    ((block_id,),) = until(lambda: assigned(pool, block_hash), 180, 0.5)
    assert blocks_of(pool, early) == {message: block_id for message in early}
    assert blocks_of(pool, late) == {message: None for message in late}
    ((finder,),) = pool.query("SELECT CAST(finder_id AS CHAR) FROM block WHERE id = %s", block_id)
    assert finder == pool.guid


def test_every_thread_tells_how_far_it_is(env, pool):
    queues = 3  # of a network: solutions, large ones, shares of jobs
    threads = len(WORKERS) * queues * len(env["PENSTOCK_NETWORKS"].split())

    def live():
        return pool.query("SELECT CAST(lane AS CHAR), settled_until FROM lane_progress WHERE seen_at >"
                          " UTC_TIMESTAMP(6) - INTERVAL 5 SECOND AND settled_until > UTC_TIMESTAMP(6) -"
                          " INTERVAL 60 SECOND")

    first = until(lambda: len(rows := live()) == threads and rows)  # those of killed workers fade away
    assert first
    assert until(lambda: len(live()) == threads and min(s for _, s in live()) > max(s for _, s in first))
