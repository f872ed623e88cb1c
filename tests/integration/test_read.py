"""What the readers of pages and API cost the database: counted in rows that the server touched, and the
same however much is stored beside what they show."""

import json
import re
import subprocess

import pytest

from conftest import ROOT
from large_miner import MINER, add_miner, add_money, add_shares, add_sums, clean_all
from test_site_views import run
from test_sql import BUILD

NETWORK = "itest-read"  # of all rows made here
WORKERS, BUSIEST = 500, 100

# Most rows that a reader may touch: for a list of 15, a miner with 500 workers, 300 blocks and credits, 100
# payments. Each is what it needs, and some room for another way to do the same.
MOST = {
    "read_pulse": 12 * WORKERS,  # the last minutes of all workers
    "read_chain": 120, "read_blocks": 60, "read_hours": 60, "read_miner": 10, "read_terms": 10, "read_miner_rates": 100,
    "read_totals": 1000, "read_days": 700, "read_paid": 700,  # sums over blocks, over payments
    "read_worker_days": 6 * WORKERS, "read_worker_sums": 4 * WORKERS, "read_rejects": 12 * WORKERS,  # of three reasons each
    "read_worker_hours": 25 * 6 * WORKERS, "read_busiest_hours": 10 * WORKERS + 25 * 6 * BUSIEST,
    "read_fine": 250 * WORKERS, "read_miner_fine": 400 * WORKERS,  # two hours of all workers
    "read_block_sums": 1000, "read_found": 700, "read_subsidy": 60, "read_credits": 100, "read_ledger": 60,
    "read_audits": 60, "read_freeze": 10,
    "read_miner_hours": 80, "read_earnings": 4000, "read_changes": 100, "read_payments": 100,
}
PAGE = ("read_miner", "read_worker_days", "read_worker_sums", "read_rejects", "read_miner_hours", "read_changes", "read_payments")


@pytest.fixture(scope="module")
def root(env):
    import pymysql
    connection = pymysql.connect(user="root", unix_socket=env["PENSTOCK_DB_ROOT_SOCKET"],
                                 database=env["PENSTOCK_DB_NAME"], autocommit=True)
    clean_all(connection, NETWORK)
    yield connection
    clean_all(connection, NETWORK)
    connection.close()


@pytest.fixture(scope="module")
def costs(env, root, tmp_path_factory):
    """costs() is what each reader of MINER cost just now: {reader: {touched, statements, rows, us}}."""
    text = (ROOT / env["PENSTOCK_FRONTEND_CONF"]).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^query_timeout_ms.*\n", "", text)
    path = tmp_path_factory.mktemp("read") / "frontend.conf"
    path.write_text(text.replace("[database]\n", "[database]\nquery_timeout_ms = 60000\n"), encoding="utf-8")
    miner, first, last = add_miner(root, NETWORK, MINER, WORKERS)
    add_sums(root, NETWORK, miner)
    add_money(root, NETWORK, miner, MINER)
    add_shares(root, NETWORK, first, last, 2000, rejected=200)

    def measure(network=NETWORK):
        run(root, "ANALYZE TABLE share_stats, share_stats_hour, worker, worker_day, rejected_day, block,"
            " miner_stats_hour, payout, payout_item, entry, block_credit")
        done = subprocess.run([BUILD / "itest_read", path, network, MINER], capture_output=True, text=True,
                              timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return {row.pop("reader"): row for row in map(json.loads, done.stdout.splitlines())}

    return measure


def test_every_reader_is_measured(costs):
    text = (ROOT / "frontend/read/read.h").read_text(encoding="utf-8")
    assert set(re.findall(r"^enum db_result (read_\w+)\(", text, re.M)) == costs().keys() == MOST.keys()


def test_a_reader_touches_what_it_shows(costs):
    found = costs()
    assert found["read_worker_days"]["rows"] == WORKERS and found["read_rejects"]["rows"] == WORKERS
    assert found["read_busiest_hours"]["rows"] == 25 * BUSIEST
    assert found["read_worker_hours"]["rows"] == 25 * WORKERS and found["read_miner_hours"]["rows"] == 25
    assert {reader: row["touched"] for reader, row in found.items() if row["touched"] > MOST[reader]} == {}


def test_a_miners_page_is_few_rows(costs):
    """At a microsecond a row, which is slow, some milliseconds for 500 workers."""
    found = costs()
    assert sum(found[reader]["touched"] for reader in PAGE) < 20 * WORKERS
    assert sum(found[reader]["statements"] for reader in PAGE) == len(PAGE)


def test_what_is_stored_beside_it_costs_nothing(costs, root):
    before = costs()
    other, first, last = add_miner(root, NETWORK, "itest-other-miner", 200)
    run(root, "INSERT INTO share_stats (worker_id, minute, network, shares, rejected, difficulty) SELECT w.id,"
        " UNIX_TIMESTAMP() DIV 60 - 200 - seq, %s, 1, 1, 1 FROM worker w JOIN seq_1_to_200 WHERE miner_id = %s",
        NETWORK, other)
    run(root, "INSERT INTO worker_day SELECT miner_id, id, %s, 1, 1, 1, 1, 1, 0, 1 FROM worker WHERE miner_id = %s",
        NETWORK, other)
    run(root, "INSERT INTO rejected_day SELECT miner_id, id, 'Reason', %s, 1, 1 FROM worker WHERE miner_id = %s",
        NETWORK, other)
    run(root, "INSERT INTO share_stats_hour (worker_id, hour, network, shares, rejected, difficulty) SELECT w.id,"
        " UNIX_TIMESTAMP() DIV 3600 - 100 - seq, %s, 1, 1, 1 FROM worker w JOIN seq_1_to_50 WHERE miner_id = %s",
        NETWORK, other)
    run(root, "INSERT INTO miner_stats_hour SELECT %s, UNIX_TIMESTAMP() DIV 3600 - 100 - seq, %s, 1, 1, 1, 1"
        " FROM seq_1_to_2000", other, NETWORK)
    add_shares(root, NETWORK + "-x", first, last, 20_000, rejected=2000)
    try:
        after = costs()
    finally:
        clean_all(root, NETWORK + "-x")
    # the minute, or the hour, may have changed meanwhile: a row for each worker
    assert {reader: (before[reader]["touched"], row["touched"]) for reader, row in after.items()
            if row["touched"] > before[reader]["touched"] + 2 * WORKERS} == {}


def test_a_long_history_is_bounded(costs, root):
    """A credit a minute: five thousand are 83 hours, of which the first may lie within a day."""
    network = NETWORK + "-y"
    clean_all(root, network)
    try:
        miner, _, _ = add_miner(root, network, MINER, 1)
        add_money(root, network, miner, MINER, blocks=16000)
        run(root, "UPDATE block_split p JOIN block b ON b.id = p.block_id SET p.created_at = b.chain_time"
            " WHERE b.network = %s", network)
        found = costs(network)["read_earnings"]
    finally:
        clean_all(root, network)
    assert found["rows"] in (3, 4) and found["touched"] < 9 * 5000
