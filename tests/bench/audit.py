"""audit of large ledgers: the wall-clock time of the whole run, its memory, and what it costs the database.
The chain is scripted and has no wallet of the pool's, so the books are all that is looked at."""

import json
import os
import subprocess
import tempfile
import time

from share_out import cpu_s, root_of

from money import Money

SIZES = (10**4, 10**5, 10**6)
MINERS = 1000  # of every block and every payment
CREDIT, FEE = 1000, 7
SUBSIDY = MINERS * CREDIT + FEE
BLOCKS_PAID = 10  # by one payment

OLD = "UTC_TIMESTAMP(6) - INTERVAL 10 DAY"
MINE = "FROM miner WHERE network = '{n}'"
BLOCKS = "FROM block WHERE network = '{n}' AND height > 1"
PAYOUTS = "FROM payout WHERE network = '{n}'"
ACCOUNT = "(SELECT id FROM account WHERE network = '{n}' AND kind = '%s')"


def lines(journal, *accounts):
    """The entries of each journal of a kind that are no miner's: (line, account, amount)."""
    rows = " UNION ALL ".join(f"SELECT {i + 2000} AS line, {ACCOUNT % kind} AS account, {amount} AS amount"
                              for i, (kind, amount) in enumerate(accounts))
    return (f"INSERT INTO entry SELECT j.id, l.line, l.account, l.amount FROM journal j JOIN ({rows}) l"
            f" WHERE j.network = '{{n}}' AND j.kind = '{journal}'")


def of_miners(journal, amount):
    return (f"INSERT INTO entry SELECT j.id, ROW_NUMBER() OVER (PARTITION BY j.id ORDER BY a.id), a.id, {amount}"
            f" FROM journal j JOIN account a ON a.network = j.network AND a.kind = 'miner'"
            f" WHERE j.network = '{{n}}' AND j.kind = '{journal}'")


FILL = (
    f"INSERT INTO miner (id, network, address) SELECT UUID(), '{{n}}', UUID() FROM seq_1_to_{MINERS}",
    "INSERT INTO block (network, height, hash, status, pool_block, subsidy, assigned_at, finished_at, created_at)"
    f" SELECT '{{n}}', seq + 1, UNHEX(SHA2(CONCAT('{{n}}', seq), 256)), 'finished', 1, {SUBSIDY}, {OLD}, {OLD}, {OLD}"
    " FROM seq_1_to_{blocks}",
    "INSERT INTO block_split (block_id, network, scheme, fee_bp, subsidy, fee, shares, weight)"
    f" SELECT id, network, 'solo', 0, {SUBSIDY}, {FEE}, {MINERS}, {MINERS} {BLOCKS}",
    f"INSERT INTO block_credit SELECT b.id, m.id, 1, 1, {CREDIT} FROM (SELECT id {BLOCKS}) b JOIN (SELECT id {MINE}) m",
    f"INSERT INTO account (network, kind, miner_id) SELECT '{{n}}', 'miner', id {MINE}",
    "INSERT INTO account (network, kind) VALUES ('{n}', 'pool_fee'), ('{n}', 'unshared'), ('{n}', 'immature'),"
    " ('{n}', 'mature'), ('{n}', 'in_flight')",
    f"INSERT INTO journal (network, kind, ref) SELECT network, 'block-found', CONCAT(id, '.0') {BLOCKS}",
    f"INSERT INTO journal (network, kind, ref) SELECT network, 'share-out', CONCAT(id, '.0') {BLOCKS}",
    lines("block-found", ("immature", -SUBSIDY), ("unshared", SUBSIDY)),
    lines("share-out", ("immature", SUBSIDY), ("mature", -SUBSIDY), ("unshared", -SUBSIDY), ("pool_fee", FEE)),
    of_miners("share-out", CREDIT),
    "INSERT INTO payout (id, network, status, wallet, txid, raw, amount, fee, fee_payer, created_at, confirmed_at)"
    f" SELECT UUID(), '{{n}}', 'confirmed', 'scripted', UNHEX(SHA2(CONCAT('{{n}}', seq), 256)), '',"
    f" {MINERS * CREDIT}, 0, 'pool', {OLD}, {OLD} FROM seq_1_to_{{payouts}}",
    f"INSERT INTO payout_item SELECT p.id, m.id, m.address, {CREDIT}, {CREDIT} FROM (SELECT id {PAYOUTS}) p"
    f" JOIN (SELECT id, address {MINE}) m",
    f"INSERT INTO journal (network, kind, ref) SELECT network, 'payment', id {PAYOUTS}",
    f"INSERT INTO journal (network, kind, ref) SELECT network, 'payment-confirmed', id {PAYOUTS}",
    of_miners("payment", -CREDIT),
    lines("payment", ("in_flight", MINERS * CREDIT)),
    lines("payment-confirmed", ("in_flight", -MINERS * CREDIT), ("mature", MINERS * CREDIT)),
    "UPDATE account a SET balance = (SELECT COALESCE(SUM(amount), 0) FROM entry e WHERE e.account_id = a.id)"
    " WHERE network = '{n}'",
)


def prepare(money, entries):
    """Books that hold. The number of entries."""
    blocks = entries // MINERS
    for statement in FILL:
        money.query(statement.format(n=money.network, blocks=blocks, payouts=max(1, blocks // BLOCKS_PAID)))
    return money.one("SELECT COUNT(*) FROM entry e JOIN journal j ON j.id = e.journal_id WHERE j.network = %s",
                     money.network)


def run_once(money, server):
    command = [f"{money.env['PENSTOCK_BIN']}/penstock-task", "audit", "--json", "--config", money.path]
    before, start = cpu_s(server), time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if json.loads(text.splitlines()[0])["differences"]:
        raise RuntimeError(f"the books do not hold: {text}")
    return {"seconds": seconds, "peak_kb": usage.ru_maxrss, "cpu_s": usage.ru_utime + usage.ru_stime,
            "mariadb_s": cpu_s(server) - before}


def measure_audit(env, mariadb_pid, sizes=SIZES):
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="penstock-bench.") as folder:
            money = Money(env, root_of(env), folder)
            try:
                found.append({"entries": prepare(money, size), **run_once(money, mariadb_pid)})
            finally:
                money.query("DELETE FROM audit_run WHERE network = %s", money.network)
                money.close()
    return found


def report(found):
    out = ["audit of the books, 1000 miners: the whole run, its memory, CPU time"]
    for case in found:
        out.append(f"  {case['entries']:8} entries {case['seconds']:7.2f} s  "
                   f"{case['seconds'] / case['entries'] * 1e6:6.1f} us an entry  peak {case['peak_kb']:6} kB  "
                   f"task {case['cpu_s']:.2f} s, mariadb {case['mariadb_s']:.2f} s")
    return "\n".join(out)


def judge_audit(found):
    """(text, met): no more an entry than with a tenth of them, no more memory."""
    goals = []
    for small, large in zip(found[1:], found[2:]):
        ratio = large["seconds"] / small["seconds"]
        goals.append((f"audit: {large['entries']} entries take {ratio:.1f} x as long as {small['entries']}, at most 15",
                      ratio <= 15))
        memory = large["peak_kb"] / small["peak_kb"]
        goals.append((f"audit: memory grows by {memory:.2f} x, at most 1.25", memory <= 1.25))
    return goals
