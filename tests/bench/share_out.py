"""share-out of blocks with many shares: the wall-clock time of the whole run, its memory, and what it costs
the database. The chain is scripted, the database is the pool's."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import uuid

import pymysql

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from money import COIN, Money  # noqa: E402

SIZES = (10**4, 10**5, 10**6)
MINERS = 1000
AT_ONCE = 10**5
BITS, DIFFICULTY = "1f0fffff", 4096  # of the block; a share's is 3 on average

FILL = ("INSERT INTO share (message_id, day, network, pow_hash, worker_id, work_id, received_at, difficulty,"
        " block_id) SELECT UUID(), UNIX_TIMESTAMP() DIV 86400, '{network}', UNHEX(SHA2(CONCAT('{tag}', seq), 256)),"
        " {first} + seq * 7919 %% {miners}, UUID(), UTC_TIMESTAMP(6) - INTERVAL 4 HOUR + INTERVAL seq MICROSECOND,"
        " 1 + seq %% 5, {block} FROM seq_{start}_to_{end}")


def cpu_s(pid):
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(path.read_text(encoding="ascii").split()[0])
        except OSError:
            pass
    return total / 1e9


def prepare(money, shares):
    """A matured block with so many shares of MINERS miners."""
    miners = [(str(uuid.uuid4()), money.network) for _ in range(MINERS)]
    with money.root.cursor() as cursor:
        cursor.executemany("INSERT INTO miner (id, network, address) VALUES (%s, %s, UUID())", miners)
    first = None
    for guid, _ in miners:  # ids in a row: nobody else adds workers meanwhile
        number = money.query("INSERT INTO worker (miner_id, name) VALUES (%s, 'bench')", guid)
        first = number if first is None else first
    block = money.found(12345 * COIN, bits=BITS)
    for start in range(1, shares + 1, AT_ONCE):
        money.query(FILL.format(network=money.network, tag=money.network, first=first, miners=MINERS, block=block,
                                start=start, end=min(start + AT_ONCE - 1, shares)))
    money.mature()
    return block


def run_once(money, block, server):
    command = [f"{money.env['PENSTOCK_BIN']}/penstock-task", "share-out", "--config", money.path]
    before, start = cpu_s(server), time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or money.status(block) != "finished":
        raise RuntimeError("share-out failed")
    money.books_hold()
    return {"seconds": seconds, "peak_kb": usage.ru_maxrss, "cpu_s": usage.ru_utime + usage.ru_stime,
            "mariadb_s": cpu_s(server) - before}


def root_of(env):
    """What Money wants to connect by."""
    def root(tier):
        assert tier == "root"
        return pymysql.connect(user="root", unix_socket=env["PENSTOCK_DB_ROOT_SOCKET"], autocommit=True,
                               database=env["PENSTOCK_DB_NAME"], charset="utf8mb4")

    return root


def measure_share_out(env, mariadb_pid, sizes=SIZES):
    """One result per size, and one of PPLNS with the largest."""
    found = []
    for shares, scheme in [(size, "prop") for size in sizes] + [(sizes[-1], "pplns")]:
        with tempfile.TemporaryDirectory(prefix="penstock-bench.") as folder:
            # a window that ends within the oldest of the shares
            money = Money(env, root_of(env), folder, scheme=scheme, pplns_percent=shares * 290 // DIFFICULTY)
            try:
                block = prepare(money, shares)
                found.append({"shares": shares, "scheme": scheme, **run_once(money, block, mariadb_pid)})
            finally:
                money.close()
    return found


def report(found):
    lines = ["share-out of one block among 1000 miners: the whole run, its memory, CPU time"]
    for case in found:
        lines.append(f"  {case['shares']:8} shares, {case['scheme']:<5} {case['seconds']:7.2f} s  "
                     f"{case['seconds'] / case['shares'] * 1e6:6.1f} us a share  peak {case['peak_kb']:6} kB  "
                     f"task {case['cpu_s']:.2f} s, mariadb {case['mariadb_s']:.2f} s")
    return "\n".join(lines)


def judge_share_out(found):
    """(text, met): fast enough, no more a share than with a tenth of them, no more memory."""
    prop = [case for case in found if case["scheme"] == "prop"]
    goals = [(f"share-out of {case['shares']} shares ({case['scheme']}): {case['seconds']:.1f} s, at most 10",
              case["seconds"] <= 10) for case in found]
    for small, large in zip(prop[1:], prop[2:]):
        ratio = large["seconds"] / small["seconds"]
        goals.append((f"share-out: {large['shares']} take {ratio:.1f} x as long as {small['shares']}, at most 15",
                      ratio <= 15))
        memory = large["peak_kb"] / small["peak_kb"]
        goals.append((f"share-out: memory grows by {memory:.2f} x, at most 1.25", memory <= 1.25))
    return goals
