"""The views that pages, the API and monitoring read: each shows its columns and nothing else, whatever
the tables below hold."""

import datetime
import time
import uuid

import pymysql
import pytest

NETWORK = "itest-views"  # of all rows made here

VIEWS = {
    "site_tip": "network height hash seen_at",
    "site_block": "network height hash status pool_block subsidy chain_time created_at difficulty finder",
    "site_network_hour": "network hour shares rejected difficulty miners workers blocks pool_blocks",
    "site_minute": "network minute shares rejected difficulty",
    "site_miner_hour": "network address hour shares rejected difficulty",
    "site_rejected_minute": "network minute reason rejected",
    "site_worker_minute": "network address worker minute shares rejected difficulty",
    "site_worker_hour": "network address worker hour shares rejected difficulty",
    "site_miner": "network address disabled created_at balance minimum_payout rating_bp earned",
    "site_worker_day": "network address worker last_minute shares rejected difficulty now_shares"
                       " now_difficulty",
    "site_address_hour": "network address hour shares rejected difficulty workers",
    "site_rejected_day": "network address worker reason rejected",
    "site_credit": "network address number height shares amount created_at",
    "site_balance_change": "network address number amount kind note created_at",
    "site_payment": "network address amount received status txid confirmations created_at sent_at"
                    " confirmed_at",
    "site_payout": "network kind status amount fee created_at",
    "site_ledger": "network kind balance accounts",
    "site_audit": "network number created_at outcome owed held",
    "site_freeze": "network number frozen created_at",
    "site_task": "task network number started_at ended_at outcome",
    "site_lane": "network settled_until seen_at version",
    "site_job": "network well seen_at version",
    "site_terms": "network scheme fee_bp minimum_payout",
}


def run(connection, sql, *args):
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def columns(connection, view):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {view} LIMIT 0")
        return " ".join(column[0] for column in cursor.description)


def test_the_views_are_these(db):
    """All that the frontend can read, besides what intake needs."""
    rows = run(db("frontend"), "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA ="
               " DATABASE()")
    assert {name for (name,) in rows} == VIEWS.keys() | {"intake_miner", "intake_worker",
                                                         "intake_ban", "intake_job",
                                                         "intake_job_body", "intake_rate", "schema_level"}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_its_columns(db, view):
    assert columns(db("frontend"), view) == VIEWS[view]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_for_reading(db, view):
    frontend = db("frontend")
    column = VIEWS[view].split()[0]
    for sql in (f"INSERT INTO {view} ({column}) VALUES ('x')", f"DELETE FROM {view}",
                f"UPDATE {view} SET {column} = 'x'"):
        with pytest.raises(pymysql.MySQLError) as caught:
            run(frontend, sql)
        assert caught.value.args[0] in (1142, 1143, 1288), sql
    with pytest.raises(pymysql.MySQLError) as caught:
        run(db("backend"), f"SELECT 1 FROM {view}")
    assert caught.value.args[0] == 1142


SECRET = "itestsecret"
TABLES = ["payout_item", "payout", "entry", "journal", "account", "block_credit", "block_split", "block",
          "share_stats", "share_stats_hour", "network_stats", "rejected_stats", "rejected", "miner_rating",
          "miner_setting", "rejected_worker_stats", "miner_stats_hour", "worker_day", "rejected_day", "work", "tip", "audit_run", "payout_freeze", "task_run", "lane_progress", "job_health",
          "network_terms"]
BY_NETWORK = {"payout_item": "payout_id IN (SELECT id FROM payout WHERE network = %s)",
              "entry": "journal_id IN (SELECT id FROM journal WHERE network = %s)",
              "block_credit": "block_id IN (SELECT id FROM block WHERE network = %s)",
              "miner_setting": "miner_id IN (SELECT id FROM miner WHERE network = %s)"}


def clean(root, network=NETWORK):
    for table in TABLES:
        run(root, f"DELETE FROM {table} WHERE {BY_NETWORK.get(table, 'network = %s')}", network)
    run(root, "DELETE w FROM worker w JOIN miner m ON m.id = w.miner_id WHERE network = %s", network)
    run(root, "DELETE FROM miner WHERE network = %s", network)


@pytest.fixture
def root(db):
    connection = db("root")
    clean(connection)
    yield connection
    clean(connection)


def insert(root, table, **row):
    names = ", ".join(row)
    with root.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(row))})",
                       list(row.values()))
        return cursor.lastrowid


def fill(root, address="alice", base=1):
    """A miner with everything a miner can have, and a secret wherever a table has room for one."""
    now, minute = datetime.datetime.utcnow(), int(time.time()) // 60
    miner, payout, hidden = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())
    insert(root, "miner", id=miner, network=NETWORK, address=address)
    worker = insert(root, "worker", miner_id=miner, name=f"rig-{address}")
    insert(root, "work", id=hidden, network=NETWORK, worker_id=worker, target=b"\1" * 32, thread_id=SECRET,
           ip=SECRET, os=SECRET, agent=SECRET, email=SECRET)
    insert(root, "share_stats", worker_id=worker, minute=minute - 2, network=NETWORK, shares=base,
           difficulty=base * 1000)
    insert(root, "share_stats", worker_id=worker, minute=minute, network=NETWORK, shares=0, rejected=1)
    insert(root, "share_stats_hour", worker_id=worker, hour=minute // 60, network=NETWORK, shares=base,
           rejected=0, difficulty=base * 1000)
    insert(root, "rejected", message_id=hidden, day=minute // 1440, network=NETWORK, reason="UnknownWork",
           detail=SECRET, worker_id=worker, work_id=hidden, received_at=now)
    insert(root, "miner_stats_hour", miner_id=miner, hour=minute // 60, network=NETWORK, shares=base, rejected=0,
           difficulty=base * 1000, workers=1)
    insert(root, "worker_day", miner_id=miner, worker_id=worker, network=NETWORK, shares=base, rejected=1,
           difficulty=base * 1000, now_shares=base, now_difficulty=base * 1000,
           last_minute=minute - 2, rolled_s=minute * 60)
    insert(root, "rejected_day", miner_id=miner, worker_id=worker, network=NETWORK, reason="UnknownWork",
           rejected=1, rolled_s=minute * 60)
    insert(root, "miner_rating", miner_id=miner, network=NETWORK, shares=1, blocks=1, rating_bp=10000,
           rated_at=now)
    block = insert(root, "block", network=NETWORK, height=base, hash=bytes([base]) * 32, status="finished",
                   pool_block=1, subsidy=50, difficulty=7, finder_id=miner, note=SECRET,
                   chain_time=now.replace(microsecond=0))
    insert(root, "block_split", block_id=block, network=NETWORK, scheme="prop", fee_bp=0, subsidy=50, fee=0,
           shares=1, weight=1)
    insert(root, "block_credit", block_id=block, miner_id=miner, shares=1, weight=1, amount=50)
    account = insert(root, "account", network=NETWORK, kind="miner", miner_id=miner, balance=base * 10)
    journal = insert(root, "journal", network=NETWORK, kind="share-out", ref=f"{SECRET}{base}", note="for it")
    insert(root, "entry", journal_id=journal, line=1, account_id=account, amount=base * 10)
    insert(root, "payout", id=payout, network=NETWORK, status="sent", wallet=SECRET,
           txid=bytes([base]) * 32, raw=SECRET.encode(), amount=5, fee_payer="pool", answer=SECRET)
    insert(root, "payout_item", payout_id=payout, miner_id=miner, address=address, amount=5)
    insert(root, "tip", network=NETWORK, hash=bytes([base]) * 32, height=base, seen_at=now)
    insert(root, "audit_run", network=NETWORK, outcome="clean", owed=5, held=5, detail=SECRET)
    insert(root, "payout_freeze", network=NETWORK, frozen=0, reason=SECRET)
    insert(root, "task_run", task="audit", network=NETWORK, host=SECRET, detail=SECRET)
    insert(root, "lane_progress", lane=str(uuid.uuid4()), network=NETWORK, settled_until=now, seen_at=now)
    run(root, "REPLACE INTO job_health (network, problem, seen_at) VALUES (%s, %s, NOW(6))", NETWORK, SECRET)
    run(root, "REPLACE INTO network_terms VALUES (%s, 'prop', 150, 5, NOW(6))", NETWORK)
    insert(root, "rejected_stats", network=NETWORK, minute=minute + base, reason="UnknownWork", rejected=1)
    insert(root, "network_stats", network=NETWORK, hour=base, shares=1, rejected=1, difficulty=1, miners=1,
           workers=1, blocks=1, pool_blocks=1)
    return miner, payout, minute


def everything(connection):
    return {view: run(connection, f"SELECT * FROM {view} WHERE network = %s", NETWORK) for view in VIEWS}


def test_no_view_shows_a_secret(db, root):
    ids = fill(root)[:2]
    seen = everything(db("frontend"))
    for view, rows in seen.items():
        assert rows, f"{view} shows nothing: the test would prove nothing"
        for secret in (SECRET, SECRET.encode().hex(), *ids):
            assert secret not in str(rows).lower(), view


def test_a_view_shows_what_is_there(db, root):
    minute = fill(root)[2]
    frontend = db("frontend")

    def one(view, wanted):
        ((*row,),) = run(frontend, f"SELECT {wanted} FROM {view} WHERE network = %s", NETWORK)
        return row

    assert one("site_miner", "address, disabled, balance, minimum_payout, rating_bp, earned") == \
        ["alice", 0, 10, None, 10000, 1]
    assert one("site_terms", "scheme, fee_bp, minimum_payout") == ["prop", 150, 5]
    assert one("site_block", "height, hash, status, pool_block, subsidy, finder") == \
        [1, "01" * 32, "finished", 1, 50, "alice"]
    assert one("site_payment", "address, amount, received, status, txid") == \
        ["alice", 5, None, "sent", "01" * 32]
    assert one("site_balance_change", "address, amount, kind, note") == ["alice", 10, "share-out", "for it"]
    assert one("site_credit", "address, height, amount") == ["alice", 1, 50]
    assert one("site_ledger", "kind, CAST(balance AS INT), accounts") == ["miner", 10, 1]
    assert one("site_job", "well") == [0]
    assert one("site_rejected_day", "address, worker, reason, rejected") == \
        ["alice", "rig-alice", "UnknownWork", 1]
    assert one("site_worker_day", "worker, last_minute, shares, rejected, now_shares") == \
        ["rig-alice", minute - 2, 1, 1, 1]
    assert one("site_address_hour", "hour, shares, rejected, workers") == [minute // 60, 1, 0, 1]


def test_miners_are_kept_apart(db, root):
    fill(root, "alice", 1)
    fill(root, "bob", 2)
    frontend = db("frontend")
    for view, names in VIEWS.items():
        if "address" not in names.split():
            continue
        for name, other in (("alice", "bob"), ("bob", "alice")):
            rows = run(frontend, f"SELECT * FROM {view} WHERE network = %s AND address = %s", NETWORK, name)
            assert rows and name in str(rows) and other not in str(rows), view


def test_a_cancelled_payment_is_none(db, root):
    fill(root)
    run(root, "UPDATE payout SET status = 'cancelled' WHERE network = %s", NETWORK)
    assert not run(db("frontend"), "SELECT * FROM site_payment WHERE network = %s", NETWORK)
