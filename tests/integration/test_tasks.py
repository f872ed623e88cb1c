"""penstock-task: its command line, its lock, its history, what it does without database or wallet, and the
small tasks: roll-stats, rate-miners, clean-up."""

import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import subprocess
import threading
import time
import uuid

import pytest

from money import OURS, THEIRS, Money
from test_worker import until

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def pool(env, db, tmp_path):
    made = Money(env, db, tmp_path, assign_wait_s=600)
    yield made
    made.books_hold()
    for table in ("share_stats", "share_stats_hour", "rejected_stats", "network_stats", "miner_rating",
                  "rejected_worker_stats", "miner_stats_hour", "worker_day", "rejected_day", "work"):
        made.query(f"DELETE FROM {table} WHERE network = %s", made.network)
    made.close()


def last_run(pool, task):
    return pool.query("SELECT outcome, ended_at IS NOT NULL, detail FROM task_run WHERE network = %s"
                      " AND task = %s ORDER BY id DESC LIMIT 1", pool.network, task)[0]


# --- the command line ---


def names_in(path, pattern):
    return set(re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"), re.M))


def test_every_task_is_scheduled(pool):
    said = pool.run("penstock-task", "--help").stdout
    tasks = set(re.findall(r"^  ([a-z-]+) {2,}\S", said.split("Tasks:")[1].split("Options:")[0], re.M))
    assert {"find-blocks", "assign-shares", "share-out", "pay", "audit", "clean-up"} <= tasks
    by_hand = {"find-payouts"}  # the operator's
    assert names_in("cron/penstock.crontab", r"penstock-task ([a-z-]+)") == tasks - by_hand
    assert names_in("deploy/lib/schedule", r"\d+:([a-z-]+)") == tasks - by_hand
    timers = {path.stem.split("@")[1] for path in (ROOT / "deploy/systemd").glob("penstock-task@*.timer")}
    assert timers == tasks - by_hand


@pytest.mark.parametrize("args", [
    (), ("no-such-task",), ("find-blocks", "further"), ("roll-stats", "--network", "no-such-network"),
    ("roll-stats", "--max-height", "5"), ("find-blocks", "--max-height", "x"), ("find-blocks", "--json"),
    ("clean-up", "--network", "litecoin"), ("roll-stats", "--no-such-option")])
def test_wrong_usage(pool, args):
    done = pool.run("penstock-task", *args)
    assert (done.returncode, done.stdout) == (os.EX_USAGE, "") and "penstock-task: " in done.stderr


def test_wrong_settings(pool):
    pool.configure(fee_bp=10001)
    done = pool.run("penstock-task", "roll-stats")
    assert done.returncode == os.EX_CONFIG and "fee_bp" in done.stderr
    pool.configure(hot_wallet_max=5)
    done = pool.run("penstock-task", "roll-stats")
    assert done.returncode == os.EX_CONFIG and "sweep_address" in done.stderr
    pool.configure(minimum_payout=5000, payout_fee_max=5000)
    assert "minimum_payout" in pool.run("penstock-task", "roll-stats").stderr


# --- servers that are away ---


def test_no_database(pool):
    text = pool.path.read_text(encoding="ascii")
    pool.path.write_text(re.sub(r"(?m)^port = \d+", "port = 9", text, count=1), encoding="ascii")
    assert pool.run("penstock-task", "find-blocks").returncode == os.EX_TEMPFAIL


def test_no_wallet(pool):
    pool.chain.fail = lambda *_: True
    done = pool.run("penstock-task", "find-blocks")
    assert done.returncode == os.EX_TEMPFAIL and "task.waits" in done.stderr
    outcome, ended, detail = last_run(pool, "find-blocks")
    assert (outcome, ended) == ("waiting", 1) and "wallet scripted" in detail
    pool.chain.fail = None
    pool.task("find-blocks")
    assert last_run(pool, "find-blocks")[:2] == ("done", 1)


# --- the lock ---


def hold_lock(pool, task):
    """A connection that holds the lock of TASK, as a run on another machine would."""
    connection = pool.backend()
    with connection.cursor() as cursor:
        cursor.execute("INSERT IGNORE INTO task_lock (task, network) VALUES (%s, %s)", (task, pool.network))
        cursor.execute("BEGIN")
        cursor.execute("SELECT holder FROM task_lock WHERE task = %s AND network = %s FOR UPDATE",
                       (task, pool.network))
    return connection


def test_a_run_that_finds_another_says_so(pool):
    pool.chain.add()
    holder = hold_lock(pool, "find-blocks")
    assert "another run is at work" in pool.task("find-blocks")
    assert pool.one("SELECT COUNT(*) FROM block WHERE network = %s", pool.network) == 0
    assert pool.query("SELECT id FROM task_run WHERE network = %s", pool.network) == ()
    pool.task("roll-stats")  # each task has a lock of its own
    holder.close()
    pool.task("find-blocks")
    assert pool.one("SELECT COUNT(*) FROM block WHERE network = %s", pool.network) == 1


def slow(pool, hang):
    """The wallet answers the first getblockhash only after HANG is set."""
    reached = threading.Event()

    def fail(method, _):
        if method == "getblockhash" and not reached.is_set():
            reached.set()
            hang.wait(180)
        return False

    pool.chain.fail = fail
    return reached


def test_a_killed_run_leaves_no_lock(pool):
    pool.chain.add()
    hang = threading.Event()
    reached = slow(pool, hang)
    command = [f"{pool.env['PENSTOCK_BIN']}/penstock-task", "find-blocks", "--config", pool.path]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert reached.wait(180)
        process.kill()
    hang.set()
    pool.chain.fail = None
    assert last_run(pool, "find-blocks")[:2] == ("running", 0)
    assert until(lambda: pool.task("find-blocks")
                 and pool.one("SELECT COUNT(*) FROM block WHERE network = %s", pool.network))


def test_a_run_whose_lock_is_lost_ends(pool):
    """Its connection dies while the wallet is slow: somebody else may be at work by now."""
    pool.chain.add(OURS)
    hang = threading.Event()
    reached = slow(pool, hang)
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        run = threads.submit(pool.run, "penstock-task", "find-blocks")
        assert reached.wait(180)
        ids = pool.query("SELECT t.trx_mysql_thread_id FROM information_schema.innodb_trx t JOIN"
                         " information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
                         " WHERE p.user = 'penstock_backend' AND p.command = 'Sleep' AND t.trx_rows_locked > 0")
        for (number,) in ids:
            pool.query(f"KILL {number}")
        hang.set()
        assert run.result().returncode == os.EX_TEMPFAIL
    assert ids and pool.one("SELECT COUNT(*) FROM block WHERE network = %s", pool.network) == 0
    assert "lock was lost" in last_run(pool, "find-blocks")[2]


def test_many_runs_at_once(pool):
    """As on several machines: each block is stored once, each posted once."""
    for n in range(20):
        pool.chain.add(OURS if n % 3 == 0 else THEIRS, 100)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: pool.task("find-blocks"), range(16)))
    assert pool.query("SELECT COUNT(*), COUNT(DISTINCT height) FROM block WHERE network = %s",
                      pool.network) == ((20, 20),)
    assert pool.balances() == {"unshared": 700, "immature": -700}


def test_runs_that_share_no_lock(pool):
    """No invariant rests on the lock: without it, two at once store the same."""
    for _ in range(30):
        pool.chain.add(OURS, 10)

    def run(_):
        return pool.run("penstock-task", "find-blocks").returncode

    stop = threading.Event()

    def thief():  # frees the lock of whoever holds it, all the time
        connection = pool.root
        while not stop.is_set():
            for (number,) in pool.query(
                    "SELECT t.trx_mysql_thread_id FROM information_schema.innodb_trx t JOIN"
                    " information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE"
                    " p.user = 'penstock_backend' AND p.command = 'Sleep' AND t.trx_rows_modified = 0"):
                with connection.cursor() as cursor:
                    try:
                        cursor.execute(f"KILL {number}")
                    except Exception:  # it has ended  # pylint: disable=broad-except
                        pass

    with concurrent.futures.ThreadPoolExecutor(5) as threads:
        stealing = threads.submit(thief)
        codes = list(threads.map(run, range(12)))
        stop.set()
        stealing.result()
    assert set(codes) <= {0, os.EX_TEMPFAIL}
    pool.task("find-blocks")
    assert pool.query("SELECT COUNT(*), COUNT(DISTINCT height) FROM block WHERE network = %s",
                      pool.network) == ((30, 30),)
    assert pool.balances() == {"unshared": 300, "immature": -300}


# --- what the operator sees ---


def test_status_names_tasks_in_trouble(pool):
    def trouble():
        return [line for line in json.loads(pool.run("penstockctl", "status", "--json").stdout)["tasks"] if pool.network in line]

    def last(task, outcome, minutes):
        pool.query("INSERT INTO task_run (task, network, host, started_at, ended_at, outcome, detail) VALUES"
                   " (%s, %s, 'h', UTC_TIMESTAMP(6) - INTERVAL %s MINUTE, UTC_TIMESTAMP(6), %s, 'because')",
                   task, pool.network, minutes, outcome)

    for task in ("find-blocks", "pay", "audit"):
        last(task, "done", 2)
    assert trouble() == []
    last("audit", "failed", 3)
    last("find-blocks", "waiting", 0)
    last("pay", "running", 400)
    last("roll-stats", "done", 60)
    assert trouble() == [
        f"find-blocks {pool.network} had to wait 0 min ago: because",
        f"pay {pool.network} was killed 400 min ago, or still runs",
        f"audit {pool.network} failed 3 min ago: because",
        f"roll-stats {pool.network} has not run for 60 min"]
    assert "Tasks in trouble" in pool.run("penstockctl", "status").stdout


# --- statistics ---


HOUR = int(time.time()) // 3600


def minutes(pool, worker, rows):
    for minute, shares, rejected, difficulty in rows:
        pool.query("INSERT INTO share_stats (worker_id, minute, network, shares, rejected, difficulty)"
                   " VALUES (%s, %s, %s, %s, %s, %s)", pool.workers[worker], minute, pool.network, shares,
                   rejected, difficulty)


def hours(pool):
    return sorted((hour, int(shares), int(rejected), int(difficulty)) for hour, shares, rejected, difficulty in
                  pool.query("SELECT hour, shares, rejected, difficulty FROM share_stats_hour"
                             " WHERE network = %s", pool.network))


def test_roll_stats(pool):
    one, two = pool.miner(), pool.miner()
    now = int(time.time()) // 3600
    minutes(pool, one, [(now * 60 - 60, 1, 2, 3), (now * 60 - 1, 10, 20, 30)])
    minutes(pool, two, [(now * 60 - 30, 100, 0, 10**20)])
    pool.query("INSERT INTO rejected_stats (network, minute, reason, rejected) VALUES (%s, %s, 'UnknownWork', 7)",
               pool.network, now * 60 - 5)
    for _ in range(2):  # again changes nothing
        pool.task("roll-stats")
        assert hours(pool) == [(now - 1, 11, 22, 33), (now - 1, 100, 0, 10**20)]
    assert pool.query("SELECT shares, rejected, difficulty, miners, workers FROM network_stats"
                      " WHERE network = %s AND hour = %s", pool.network, now - 1) == (
        (111, 7, 10**20 + 33, 2, 2),)
    minutes(pool, one, [(now * 60 - 2, 1, 0, 1)])
    pool.task("roll-stats")
    assert (now - 1, 12, 22, 34) in hours(pool)


def reject(pool, worker, hour, reason, count):
    pool.query("INSERT INTO rejected_worker_stats (network, hour, worker_id, reason, rejected)"
               " VALUES (%s, %s, %s, %s, %s)", pool.network, hour, pool.workers[worker], reason, count)


def day_of(pool, worker):
    ((*row,),) = pool.query("SELECT shares, rejected, CAST(difficulty AS CHAR), now_shares FROM worker_day"
                            " WHERE network = %s AND worker_id = %s", pool.network, pool.workers[worker])
    return row


def reasons_of(pool, worker):
    return dict(pool.query("SELECT reason, rejected FROM rejected_day WHERE network = %s AND worker_id = %s"
                           " AND rejected > 0", pool.network, pool.workers[worker]))


def test_sums_by_miner(pool):
    one, two = pool.miner(), pool.miner()
    now = int(time.time()) // 3600
    minutes(pool, one, [(now * 60 - 60, 1, 2, 3), (now * 60 - 1, 10, 20, 30)])
    minutes(pool, two, [(now * 60 - 30, 100, 0, 10**20)])
    for row in ((one, now - 1, "UnknownWork", 3), (one, now - 20, "UnknownWork", 4),
                (one, now - 20, "BlockMismatch", 1), (one, now - 30, "BlockMismatch", 50)):
        reject(pool, *row)
    for _ in range(2):  # again changes nothing
        pool.task("roll-stats")
        assert day_of(pool, one)[:3] == [11, 22, "33"]
        assert day_of(pool, two)[:3] == [100, 0, str(10**20)]
        assert reasons_of(pool, one) == {"UnknownWork": 7, "BlockMismatch": 1}
        assert set(pool.query("SELECT CAST(miner_id AS CHAR), hour, shares, rejected, workers FROM"
                              " miner_stats_hour WHERE network = %s", pool.network)) == {
            (one, now - 1, 11, 22, 1), (two, now - 1, 100, 0, 1)}


def test_now_is_the_last_ten_minutes(pool):
    miner, minute = pool.miner(), int(time.time()) // 60
    # whichever minute the task begins in, ten of these are the last whole ones before it
    minutes(pool, miner, [(minute - back, 7, 0, 7) for back in range(30, -30, -1)])
    pool.task("roll-stats")
    assert day_of(pool, miner)[3] == 70


def last_share(pool, worker):
    ((minute,),) = pool.query("SELECT last_minute FROM site_worker_day WHERE network = %s AND address ="
                              " (SELECT address FROM miner WHERE id = %s)", pool.network, worker)
    return minute


def test_the_last_share_is_known_at_once_and_for_ever(pool):
    miner, minute = pool.miner(), int(time.time()) // 60
    assert last_share(pool, miner) == 0
    minutes(pool, miner, [(minute - 30, 1, 0, 1)])
    assert last_share(pool, miner) == minute - 30  # before it is rolled up
    pool.task("roll-stats")
    minutes(pool, miner, [(minute - 20, 0, 5, 0)])
    assert last_share(pool, miner) == minute - 30  # what was refused later is no share
    pool.task("roll-stats")
    pool.query("DELETE FROM share_stats WHERE network = %s", pool.network)
    pool.task("roll-stats")
    assert last_share(pool, miner) == minute - 30


def test_a_silent_worker_has_zeros(pool):
    miner, now = pool.miner(), int(time.time()) // 3600
    minutes(pool, miner, [(now * 60 - 5, 5, 1, 5)])
    reject(pool, miner, now - 1, "UnknownWork", 1)
    pool.task("roll-stats")
    assert day_of(pool, miner)[:2] == [5, 1] and reasons_of(pool, miner) == {"UnknownWork": 1}
    for table, column in (("share_stats_hour", "hour"), ("rejected_worker_stats", "hour"), ("share_stats", "minute")):
        pool.query(f"UPDATE {table} SET {column} = {column} - {60 * 48 if column == 'minute' else 48}"
                   " WHERE network = %s", pool.network)
    pool.query("UPDATE worker_day SET rolled_s = rolled_s - 5 WHERE network = %s", pool.network)
    pool.query("UPDATE rejected_day SET rolled_s = rolled_s - 5 WHERE network = %s", pool.network)
    pool.task("roll-stats")
    assert day_of(pool, miner) == [0, 0, "0", 0] and reasons_of(pool, miner) == {}


def test_blocks_of_an_hour(pool):
    pool.chain.add(OURS)
    pool.chain.add()
    pool.task("find-blocks")
    pool.task("roll-stats")
    assert pool.query("SELECT SUM(blocks), SUM(pool_blocks) FROM network_stats WHERE network = %s",
                      pool.network) == ((2, 1),)


def test_rate_miners(pool):
    lucky, unlucky, idle = (pool.miner() for _ in range(3))
    for guid, shares in ((lucky, 10), (unlucky, 30)):
        pool.query("INSERT INTO share_stats_hour (worker_id, hour, network, shares, rejected, difficulty)"
                   " VALUES (%s, %s, %s, %s, 0, %s)", pool.workers[guid], HOUR, pool.network, shares,
                   shares * 1000)
    pool.task("rate-miners")
    rated = "SELECT CAST(miner_id AS CHAR), shares, blocks, rating_bp FROM miner_rating WHERE network = %s"
    assert set(pool.query(rated, pool.network)) == {(lucky, 10, 0, 10000), (unlucky, 30, 0, 10000)}
    for finder in (lucky, lucky, unlucky, unlucky, None):
        pool.chain.add(OURS, finder=finder)
    pool.task("find-blocks")
    pool.task("rate-miners")
    # two of four blocks with a quarter of the work; two with three quarters
    assert set(pool.query(rated, pool.network)) == {(lucky, 10, 2, 20000), (unlucky, 30, 2, 6666)}
    assert idle not in [row[0] for row in pool.query(rated, pool.network)]


# --- clean-up ---


def old_partition(pool, days):
    """A partition of `share` for the day DAYS ago; its day."""
    day = int(time.time()) // 86400 - days
    name = time.strftime("p%Y%m%d", time.gmtime(day * 86400))
    ((first, limit),) = pool.query(
        "SELECT PARTITION_NAME, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS WHERE TABLE_NAME ="
        " 'share' AND TABLE_SCHEMA = DATABASE() ORDER BY PARTITION_ORDINAL_POSITION LIMIT 1")
    pool.query(f"ALTER TABLE share REORGANIZE PARTITION {first} INTO (PARTITION {name} VALUES LESS THAN"
               f" ({day + 1}), PARTITION {first} VALUES LESS THAN ({limit}))")
    return day, name


def partitions(pool):
    return {name for (name,) in pool.query("SELECT PARTITION_NAME FROM information_schema.PARTITIONS WHERE"
                                           " TABLE_NAME = 'share' AND TABLE_SCHEMA = DATABASE()")}


def clean_up(pool, status=0):
    done = pool.run("penstock-task", "clean-up")
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("status, goes", [(None, False), ("open", False), ("assigned", False),
                                          ("processing", False), ("stale", False), ("finished", True)])
def test_shares_go_once_they_are_paid(pool, status, goes):
    day, name = old_partition(pool, 45)
    miner, block = pool.miner(), None
    if status is not None:
        block = pool.found(100)
        pool.query("UPDATE block SET status = %s WHERE id = %s", status, block)
    pool.shares(miner, 2, block)
    pool.query("UPDATE share SET day = %s WHERE network = %s", day, pool.network)
    if status == "finished":
        pool.query("UPDATE block SET status = 'assigned' WHERE id = %s", block)
        pool.mature()
        pool.task("share-out")
    try:
        said = clean_up(pool)
        assert (name in partitions(pool)) == (not goes)
        assert ("1 days wait to be paid" in said) == (not goes), said
        assert pool.one("SELECT COUNT(*) FROM share WHERE network = %s", pool.network) == (0 if goes else 2)
    finally:
        if name in partitions(pool):
            pool.query(f"ALTER TABLE share DROP PARTITION {name}")
        if status == "stale":  # without its reversal the books would not hold
            pool.query("UPDATE block SET status = 'open' WHERE id = %s", block)


def test_a_day_that_waits_holds_up_no_other(pool):
    """An older day has an unpaid share; the one after it is empty, and goes."""
    day, newer = old_partition(pool, 44)
    older_day, older = old_partition(pool, 45)
    pool.shares(pool.miner(), 1)
    pool.query("UPDATE share SET day = %s WHERE network = %s", older_day, pool.network)
    try:
        clean_up(pool)
        assert older in partitions(pool) and newer not in partitions(pool) and day > older_day
    finally:
        pool.query(f"ALTER TABLE share DROP PARTITION {older}")


def test_rows_and_files_go_by_age(pool):
    miner = pool.miner()
    worker = pool.workers[miner]
    for days, agent in ((33, "old"), (31, "kept")):  # work goes two days after the shares
        pool.query("INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent, created_at)"
                   " VALUES (%s, %s, %s, %s, '1', '127.0.0.1', 'LIN', %s, UTC_TIMESTAMP(6) - INTERVAL %s DAY)",
                   str(uuid.uuid4()), pool.network, worker, b"\xff" * 32, agent, days)
    now = int(time.time()) // 60
    minutes(pool, miner, [(now - 15 * 1440, 5, 1, 50), (now - 13 * 1440, 6, 0, 60)])
    pool.query("INSERT INTO task_run (task, network, host, started_at) VALUES ('pay', %s, 'h',"
               " UTC_TIMESTAMP(6) - INTERVAL 15 DAY)", pool.network)
    folder = pool.folder / pool.network
    folder.mkdir()
    ages = {"old.jsonl.gz": 15, "new.jsonl.gz": 13, "open.jsonl": 15, "notes.txt": 15}
    for name, days in ages.items():
        (folder / name).touch()
        os.utime(folder / name, (0, time.time() - days * 86400))
    said = pool.run("penstock-task", "clean-up", "--dry-run").stdout
    assert "1 files of the archive would go" in said and (folder / "old.jsonl.gz").exists()
    clean_up(pool)
    assert pool.query("SELECT agent FROM work WHERE network = %s", pool.network) == (("kept",),)
    assert pool.query("SELECT shares FROM share_stats WHERE network = %s", pool.network) == ((6,),)
    assert hours(pool) == [((now - 15 * 1440) // 60, 5, 1, 50)]  # its sum was made before they went
    assert pool.query("SELECT 1 FROM task_run WHERE network = %s AND task = 'pay'", pool.network) == ()
    assert {path.name for path in folder.iterdir()} == set(ages) - {"old.jsonl.gz"}


def test_the_backend_itself_cannot_delete(pool):
    for table in ("share", "rejected", "work", "share_stats", "task_run", "lane_progress"):
        with pytest.raises(Exception, match="denied"):
            with pool.backend().cursor() as cursor:
                cursor.execute(f"DELETE FROM {table} WHERE FALSE")
    for statement in ("CALL delete_old('share', '', 3, 10, @x)", "CALL delete_old('miner', '', 3, 10, @x)",
                      "CALL delete_old('work', '', 0, 10, @x)", "CALL drop_old_day('work', 3, @x, @y)",
                      "CALL drop_old_day('share', 0, @x, @y)"):
        with pytest.raises(Exception, match="delete_old|drop_old_day"):
            with pool.backend().cursor() as cursor:
                cursor.execute(statement)


def test_the_clock_of_the_database_is_utc(pool):
    """Times are compared as UTC everywhere, whatever the machine's zone."""
    pool.task("roll-stats")
    started = pool.one("SELECT started_at FROM task_run WHERE network = %s", pool.network)
    assert abs(datetime.datetime.utcnow() - started) < datetime.timedelta(minutes=10)
