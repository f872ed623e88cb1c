"""The API: each answer against its description (frontend/api/openapi.json) and against what is stored;
what is refused, what it costs, and what the web server keeps of it."""

import datetime
import json
import re
import time
import uuid

import jsonschema
import pytest
import requests

from action_client import poll
from conftest import ROOT
from fcgi_client import own_frontend
from test_site_views import clean as clean_network
from test_site_views import insert, run


NETWORK = "itest-api"  # of its own frontend: no task and no worker knows it
API = json.loads((ROOT / "frontend/api/openapi.json").read_text(encoding="utf-8"))
COIN = 10**8
POOL = "/api/pools/{id}"
MINER = POOL + "/miners/{address}"


# --- rows to read ---


def base58check(version, payload):
    import hashlib
    data = bytes([version]) + payload
    data += hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    return text


ALICE, BOB, NOBODY = (base58check(58, bytes([i]) * 20) for i in (1, 2, 3))
SECTION = f"""[network {NETWORK}]
aliases = itest-alias
pool_address = {base58check(58, bytes([9]) * 20)}
p2sh_versions = 58
bech32_prefix = rltc
coin_name = Testcoin <b>
coin_symbol = TST
maturity_blocks = 10
transaction_url = https://explorer.example/tx/*
"""
HOSTILE_NAME = "rig\"<script>alert(1)</script>&\\'"


class Books:
    """What the tests store; NOW is one minute for all of it."""

    def __init__(self, root):
        self.root, self.now = root, datetime.datetime.utcnow().replace(microsecond=0)
        self.minute, self.miners = int(time.time()) // 60, {}

    def add(self, table, **row):
        return insert(self.root, table, **row)

    def miner(self, address, workers):
        miner = str(uuid.uuid4())
        self.miners[address] = miner
        self.add("miner", id=miner, network=NETWORK, address=address)
        return [self.add("worker", miner_id=miner, name=name) for name in workers]

    def shares(self, worker, count, difficulty, rejected=0):
        """In every minute that a rate may cover, whenever the test reads it."""
        with self.root.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO share_stats (worker_id, minute, network, shares, rejected, difficulty)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [(worker, self.minute - back, NETWORK, count, rejected, difficulty)
                 for back in range(-60, 15)])
        self.add("share_stats_hour", worker_id=worker, hour=self.minute // 60, network=NETWORK,
                 shares=count, rejected=rejected, difficulty=difficulty)
        self.rolled(worker, count, difficulty, rejected)

    def rolled(self, worker, count, difficulty, rejected):
        with self.root.cursor() as cursor:
            cursor.execute(
                "INSERT INTO miner_stats_hour (miner_id, hour, network, shares, rejected, difficulty, workers)"
                " SELECT miner_id, %s, %s, %s, %s, %s, 1 FROM worker WHERE id = %s ON DUPLICATE KEY UPDATE"
                " shares = shares + VALUES(shares), rejected = rejected + VALUES(rejected),"
                " difficulty = difficulty + VALUES(difficulty), workers = workers + 1",
                (self.minute // 60, NETWORK, count, rejected, difficulty, worker))
            cursor.execute(
                "INSERT INTO worker_day SELECT miner_id, id, %s, %s, %s, %s, %s, %s, 0, %s FROM worker WHERE id = %s",
                (NETWORK, count, rejected, difficulty, 10 * count, 10 * difficulty, self.minute * 60, worker))

    def block(self, height, status, pool=True, minutes_ago=0, finder=None):
        return self.add("block", network=NETWORK, height=height, hash=uuid.uuid4().bytes * 2, status=status,
                        pool_block=pool, subsidy=50 * COIN + 1, difficulty=6000, note="itest",
                        chain_time=self.now - datetime.timedelta(minutes=minutes_ago),
                        finder_id=self.miners.get(finder))

    def credit(self, block, address, amount, days_ago=0):
        self.add("block_split", block_id=block, network=NETWORK, scheme="prop", fee_bp=0, subsidy=1, fee=0,
                 shares=1, weight=1, created_at=self.now - datetime.timedelta(days=days_ago))
        self.add("block_credit", block_id=block, miner_id=self.miners[address], shares=1, weight=1,
                 amount=amount)

    def balance(self, address, *changes):
        account = self.add("account", network=NETWORK, kind="miner", miner_id=self.miners[address],
                           balance=sum(amount for _, amount, _ in changes))
        for kind, amount, note in changes:
            journal = self.add("journal", network=NETWORK, kind=kind, ref=uuid.uuid4().hex, note=note)
            self.add("entry", journal_id=journal, line=1, account_id=account, amount=amount)

    def payment(self, address, amount, status, days_ago=0):
        payout, when = str(uuid.uuid4()), self.now - datetime.timedelta(days=days_ago)
        sent = status in ("sent", "confirmed")
        self.add("payout", id=payout, network=NETWORK, status=status, wallet="w", amount=amount,
                 txid=uuid.uuid4().bytes * 2 if sent else None, fee_payer="pool", created_at=when,
                 sent_at=when if sent else None)
        self.add("payout_item", payout_id=payout, miner_id=self.miners[address], address=address,
                 amount=amount)


def fill(books):
    rig, other = books.miner(ALICE, [HOSTILE_NAME, "other"])
    idle, = books.miner(BOB, ["Default"])
    books.shares(rig, 60, 600_000)
    books.shares(other, 6, 30_000, rejected=6)
    books.shares(idle, 6, 60_000)
    books.block(1, "finished", minutes_ago=60 * 24 * 30, finder=ALICE)
    for height in range(2, 40):
        books.block(height, "open", pool=False, minutes_ago=80 - 2 * height)
    split = books.block(40, "finished", finder=ALICE)
    older = books.block(41, "orphaned")
    books.block(42, "assigned", finder=BOB)
    books.credit(split, ALICE, 3 * COIN)
    books.credit(older, ALICE, COIN // 2, days_ago=1)
    books.balance(ALICE, ("share-out", 3 * COIN, "Share for block 40"), ("payment", -COIN - 1, "<paid>"))
    books.payment(ALICE, COIN, "sent")
    books.payment(ALICE, 2 * COIN, "confirmed", days_ago=2)
    books.payment(ALICE, 7, "intent")
    books.payment(ALICE, 9, "cancelled")
    books.payment(BOB, 5, "sent", days_ago=1)
    books.add("network_terms", network=NETWORK, scheme="pplns", fee_bp=150, minimum_payout=250000000, told_at=books.now)
    books.add("network_stats", network=NETWORK, hour=books.minute // 60, shares=72, rejected=6,
              difficulty=690_000, miners=2, workers=3, blocks=4, pool_blocks=1)
    books.add("network_stats", network=NETWORK, hour=books.minute // 60 - 30, shares=1, rejected=1,
              difficulty=1, miners=1, workers=1, blocks=1, pool_blocks=1)


@pytest.fixture(scope="module")
def root(env):
    import pymysql
    connection = pymysql.connect(user="root", unix_socket=env["PENSTOCK_DB_ROOT_SOCKET"], charset="utf8mb4",
                                 database=env["PENSTOCK_DB_NAME"], autocommit=True)

    clean_network(connection, NETWORK)
    yield connection
    clean_network(connection, NETWORK)
    connection.close()


@pytest.fixture(scope="module")
def books(root):
    made = Books(root)
    fill(made)
    return made


@pytest.fixture(scope="module")
def frontend(env, books, tmp_path_factory):
    with own_frontend(env, tmp_path_factory.mktemp("api"), SECTION) as own:
        yield own


# --- the answers are as they are described ---


def schema_of(path, status=200):
    content = API["paths"][path]["get"]["responses"][str(status)]["content"]
    return {**content["application/json"]["schema"], "components": API["components"]}


def check(path, reply, status=200):
    assert reply.status == status, reply
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    jsonschema.validate(json.loads(reply.body), schema_of(path, status), jsonschema.Draft202012Validator,
                        format_checker=jsonschema.FormatChecker())
    return reply.json()


def fill_in(path, address=ALICE, network=NETWORK):
    return path.format(id=network, network=network, address=address, days=7)


def ask(frontend, path, query="", **names):
    return check(path, frontend.get(fill_in(path, **names), query))


def test_the_description_is_one():
    assert API["openapi"].startswith("3.1")
    for schema in API["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_description_names_every_route():
    router = (ROOT / "frontend/fcgi/router.c").read_text(encoding="utf-8")
    routes = set(re.findall(r'\{"GET", "([^"]*/?api/[^"]*)"', router))
    assert routes == {re.sub(r"\{\w+\}", "*", path) for path in API["paths"]}


@pytest.mark.parametrize("path", API["paths"])
@pytest.mark.parametrize("address", [ALICE, BOB], ids=["busy", "idle"])
def test_answers_are_as_described(frontend, path, address):
    ask(frontend, path, address=address)


@pytest.mark.parametrize("path", API["paths"])
def test_a_pool_without_data(frontend, path):
    """litecoin-b may have some, nobody's address has none."""
    if "{address}" in path:
        reply = frontend.get(fill_in(path, NOBODY))
        assert check(path, reply, 404)["error"]["code"] == "unknown_miner"
    else:
        ask(frontend, path, network="litecoin-b")


# --- and say what is stored ---


def test_pool(frontend):
    pool = ask(frontend, POOL)["pool"]
    assert pool["coin"] == {"type": "TST", "name": "Testcoin <b>", "symbol": "TST", "decimals": 8}
    assert pool["poolFeePercent"] == "1.5"
    assert pool["paymentProcessing"] == {"enabled": True, "minimumPayment": "2.5", "payoutScheme": "pplns",
                                         "confirmations": 10}
    assert pool["poolStats"] == {"connectedMiners": 2, "connectedWorkers": 3, "poolHashrate": 11500,
                                 "sharesPerSecond": "1.2"}
    stats = pool["networkStats"]
    # one block's work in each of the 2 minutes between blocks, with the last three blocks at one time
    assert (stats["blockHeight"], stats["networkDifficulty"]) == (42, 6000)
    assert 45 < float(stats["networkHashrate"]) < 60
    assert (pool["totalBlocks"], pool["totalConfirmedBlocks"], pool["totalPendingBlocks"],
            pool["totalOrphanedBlocks"]) == (3, 2, 1, 1)
    assert pool["totalPaid"] == "3.00000005"
    assert [m["miner"] for m in pool["topMiners"]] == [ALICE, BOB]
    fast, slow = (float(m["hashrate"]) for m in pool["topMiners"])
    assert 10.4 < fast / slow < 10.6 and 60_000 / 7200 - 0.01 < slow < 60_000 / 3600 + 0.01
    assert ask(frontend, POOL, network="itest-alias")["pool"]["id"] == NETWORK
    assert [p["id"] for p in ask(frontend, "/api/pools")["pools"]] == ["litecoin", "litecoin-b", NETWORK]


def test_blocks(frontend):
    blocks = ask(frontend, POOL + "/blocks")
    assert [(b["blockHeight"], b["status"], b["miner"]) for b in blocks] == \
        [(42, "pending", BOB), (41, "orphaned", None), (40, "confirmed", ALICE), (1, "confirmed", ALICE)]
    assert [float(b["confirmationProgress"]) for b in blocks] == [0.1, 0, 1, 1]
    assert {b["reward"] for b in blocks} == {"50.00000001"}


def test_pages(frontend):
    heights = []
    for page in range(5):
        heights += [b["blockHeight"] for b in ask(frontend, POOL + "/blocks", f"page={page}&pageSize=1")]
    assert heights == [42, 41, 40, 1]
    assert ask(frontend, POOL + "/blocks", "page=1&pageSize=3")[0]["blockHeight"] == 1
    assert ask(frontend, POOL + "/blocks", "page=1000&pageSize=100") == []


def test_payments(frontend):
    everyone = ask(frontend, POOL + "/payments")
    assert sorted(str(p["amount"]) for p in everyone) == ["0.00000005", "0.00000007", "1", "2"]
    assert [str(p["amount"]) for p in everyone[2:]] == ["0.00000005", "2"]  # the last one first
    mine = ask(frontend, MINER + "/payments")
    assert {p["address"] for p in mine} == {ALICE}
    assert {str(p["amount"]): p["status"] for p in mine} == \
        {"1": "sent", "0.00000007": "intent", "2": "confirmed"}
    for payment in mine:
        txid = payment["transactionConfirmationData"]
        assert payment["transactionInfoLink"] == (txid and f"https://explorer.example/tx/{txid}")
        assert payment["addressInfoLink"] is None and payment["coin"] == "TST"


def test_miner(frontend, books):
    miner = ask(frontend, MINER)
    assert (miner["pendingBalance"], miner["minimumPayment"], miner["disabled"]) == \
        ("1.99999999", "2.5", False)
    assert miner["totalPaid"] == 3
    assert miner["todayPaid"] == (1 if datetime.datetime.utcnow().date() == books.now.date() else 0)
    assert miner["lastPayment"] and miner["lastPaymentLink"].startswith("https://explorer.example/tx/")
    assert miner["performance"]["workers"] == {HOSTILE_NAME: {"hashrate": 10000, "sharesPerSecond": 1},
                                               "other": {"hashrate": 500, "sharesPerSecond": "0.1"}}
    sample, = miner["performanceSamples"]
    assert sample["workers"][HOSTILE_NAME]["hashrate"] == "166.666667"
    assert miner["pendingShares"] == 66
    assert ask(frontend, MINER + "/performance") == [sample]


def test_the_operators_minimum(frontend, books):
    run(books.root, "INSERT INTO miner_setting VALUES (%s, 1)", books.miners[BOB])
    assert ask(frontend, MINER, address=BOB)["minimumPayment"] == "0.00000001"


def test_a_disabled_miner(frontend, books):
    run(books.root, "UPDATE miner SET disabled = 1 WHERE id = %s", books.miners[BOB])
    assert ask(frontend, MINER, address=BOB)["disabled"] is True


def test_balance_changes(frontend):
    changes = ask(frontend, MINER + "/balancechanges")
    assert [(c["amount"], c["kind"], c["usage"]) for c in changes] == \
        [("-1.00000001", "payment", "<paid>"), (3, "share-out", "Share for block 40")]
    assert ask(frontend, MINER + "/balancechanges", address=BOB) == []


def test_earnings(frontend, books):
    today = books.now.date()
    assert ask(frontend, MINER + "/earnings/daily") == \
        [{"date": str(today), "amount": 3},
         {"date": str(today - datetime.timedelta(days=1)), "amount": "0.5"}]


def test_performance(frontend, books):
    stat, = ask(frontend, POOL + "/performance")["stats"]  # the other one is too old
    assert (stat["poolHashrate"], stat["connectedMiners"], stat["poolBlocks"]) == ("191.666667", 2, 1)
    hour = datetime.datetime.utcfromtimestamp(books.minute // 60 * 3600)
    assert stat["created"] == hour.isoformat() + "Z"


def test_miners(frontend):
    assert [m["miner"] for m in ask(frontend, POOL + "/miners")] == [ALICE, BOB]
    assert [m["miner"] for m in ask(frontend, POOL + "/miners", "page=1&pageSize=1")] == [BOB]


def test_purepool(frontend):
    assert ask(frontend, "/{network}/api/statistics") == {
        "network": NETWORK, "days": 7, "current_height": 42, "all_blocks": 40, "pool_blocks": 2,
        "pool_blocks_percent": 5, "bbp_mined": "100.00000002", "miners_count": 2}
    assert ask(frontend, "/{network}/api/block_subsidysum/{days}") == {"sum": "100.00000002", "count": 2}
    assert frontend.get(f"/{NETWORK}/api/block_subsidysum/60").json() == {"sum": "150.00000003", "count": 3}


def test_five_hundred_workers(frontend, books):
    books.miner(NOBODY, [])
    names = [f"{'w' * 59}{i:05}" for i in range(500)]
    with books.root.cursor() as cursor:
        cursor.executemany("INSERT INTO worker (miner_id, name) VALUES (%s, %s)",
                           [(books.miners[NOBODY], name) for name in names])
    workers = [row[0] for row in run(books.root, "SELECT id FROM worker WHERE miner_id = %s",
                                     books.miners[NOBODY])]
    hour = books.minute // 60
    with books.root.cursor() as cursor:
        cursor.executemany("INSERT INTO share_stats_hour VALUES (%s, %s, %s, %s, %s, %s)",
                           [(worker, hour - back, NETWORK, 1, 0, 1000) for worker in workers
                            for back in range(24)])
        cursor.executemany("INSERT INTO miner_stats_hour VALUES (%s, %s, %s, 500, 0, 500000, 500)",
                           [(books.miners[NOBODY], hour - back, NETWORK) for back in range(24)])
    try:
        reply = frontend.get(fill_in(MINER, NOBODY))
        assert reply.status == 200
        miner = reply.json()
        assert len(miner["performance"]["workers"]) == 500
        assert [len(s["workers"]) for s in miner["performanceSamples"]][-24:] == [100] * 24
        assert miner["pendingShares"] == 500 * 24
    finally:
        run(books.root, "DELETE s FROM share_stats_hour s JOIN worker w ON w.id = s.worker_id WHERE"
            " w.miner_id = %s", books.miners[NOBODY])
        run(books.root, "DELETE FROM miner_stats_hour WHERE miner_id = %s", books.miners[NOBODY])
        run(books.root, "DELETE FROM worker WHERE miner_id = %s", books.miners[NOBODY])
        run(books.root, "DELETE FROM miner WHERE id = %s", books.miners.pop(NOBODY))


# --- what is refused ---

HOSTILE = ["'", "' OR '1'='1", "\";--", "%27", "<script>", "..", "*", "\x01", "ä".encode(), b"\xff\xfe", "x" * 127,
           "x" * 128, "litecoin\n", "LITECOIN", NETWORK + " ", "1 UNION SELECT", "%s%n"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("path", [path for path in API["paths"] if path != "/api/pools"])
def test_unknown_networks(frontend, path, name):
    fixed = path.replace("{address}", ALICE).replace("{days}", "7").encode()
    raw = name if isinstance(name, bytes) else name.encode()
    reply = frontend.get(re.sub(rb"\{\w+\}", lambda _: raw, fixed))
    assert reply.status == 404, reply
    assert reply.json()["error"]["code"] in ("unknown_network", "not_found")
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", HOSTILE + ["rltc1qqqqqq", ALICE + "x", ALICE.lower(), ALICE[:-1] + "1"], ids=ascii)
def test_invalid_addresses(frontend, text):
    raw = text if isinstance(text, bytes) else text.encode()
    for end in (b"", b"/payments", b"/balancechanges", b"/earnings/daily", b"/performance"):
        reply = frontend.get(f"/api/pools/{NETWORK}/miners/".encode() + raw + end)
        assert (reply.status, reply.json()["error"]["code"]) in ((400, "invalid_address"), (404, "not_found"))


@pytest.mark.parametrize("query", ["page=-1", "page=x", "page=1001", "pageSize=0", "pageSize=101", "page=1;DROP",
                                   "page=", "page=%31", "page=1&page=2", "pageSize=99999999999999999999999"])
def test_invalid_pages(frontend, query):
    for path in (POOL + "/blocks", POOL + "/payments", POOL + "/miners", MINER + "/payments"):
        assert check(path, frontend.get(fill_in(path), query), 400)["error"]["code"] == "invalid_page"


@pytest.mark.parametrize("days", ["0", "-1", "x", "3651", "7.0", "99999999999999999999", "7 "])
def test_invalid_days(frontend, days):
    reply = frontend.get(f"/{NETWORK}/api/block_subsidysum/{days}")
    assert (reply.status, reply.json()["error"]["code"]) == (400, "invalid_days")


@pytest.mark.parametrize("query", ["", "x", "&&&", "=", "x=%00", "a" * 900, "pagesize", "page", "?page=7"])
def test_other_queries_change_nothing(frontend, query):
    assert len(ask(frontend, POOL + "/blocks", query)) == 4


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", ""])
def test_other_methods(frontend, method):
    reply = frontend.get("/api/pools", method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")
    assert reply.json()["error"]["code"] == "method_not_allowed"


def test_without_a_database(env, books, tmp_path):
    """What needs no query is answered all the same: so it makes none."""
    dead = [(f"port = {env['PENSTOCK_DB_PORT']}", "port = 1")]
    with own_frontend(env, tmp_path, SECTION, dead) as own:
        for path in API["paths"]:
            reply = check(path, own.get(fill_in(path)), 503)
            assert reply["error"]["code"] == "database_away"
            if "{" in path:
                reply = own.get(fill_in(path, network="unknown"))
                assert (reply.status, reply.json()["error"]["code"]) == (404, "unknown_network")
            if "{address}" in path:
                assert own.get(fill_in(path, address="unknown")).status == 400


def test_limit(env, books, tmp_path):
    """Ten at once, and then as one an hour may come back only much later than this test ends."""
    limits = [("[limits]\n", "[limits]\nreads_per_ip = 1\nreads_per_ip_burst = 10\n")]
    with own_frontend(env, tmp_path, SECTION, limits) as own:
        replies = [own.get("/api/pools", ip="192.0.2.1") for _ in range(12)]
        assert [r.status for r in replies[:10]] == [200] * 10
        assert replies[11].status == 429 or replies[10].status == 429
        assert own.get("/api/pools", ip="192.0.2.2").status == 200
        assert own.get("/api/pools").status == 200  # loopback is exempt here
        refused = next(r for r in replies if r.status == 429)
        assert check("/api/pools", refused, 429)["error"]["code"] == "too_many_requests"


# --- how long it keeps ---


def test_etags(frontend):
    for path in API["paths"]:
        first = frontend.get(fill_in(path))
        assert first.headers["Cache-Control"] == "public, max-age=30"
        again = frontend.get(fill_in(path), headers={"If-None-Match": f'"x", {first.headers["ETag"]}'})
        if again.headers["ETag"] == first.headers["ETag"]:  # a minute may have passed between them
            assert (again.status, again.body) == (304, b"")
        assert frontend.get(fill_in(path), headers={"If-None-Match": '"x"'}).status == 200


def test_head(frontend):
    whole, head = (frontend.get("/api/pools", method=method) for method in ("GET", "HEAD"))
    assert head.status == 200 and head.body == b""
    assert head.headers.keys() == whole.headers.keys()


def through_apache(env, path, **options):
    return requests.get(env["PENSTOCK_URL"] + path, verify=env["PENSTOCK_CA"], timeout=60, **options)


def test_the_web_server_keeps_answers(env):
    """A second request is answered from memory, whatever it says of caches and hosts, and over HTTP too."""
    path = f"/api/pools?test={uuid.uuid4()}"
    first = through_apache(env, path)
    assert first.status_code == 200 and "Age" not in first.headers
    assert poll(lambda: "Age" in through_apache(env, path).headers)
    kept = through_apache(env, path)
    assert kept.headers["ETag"] == first.headers["ETag"] and kept.content == first.content
    for headers in ({"Cache-Control": "no-cache"}, {"Pragma": "no-cache"}, {"Cache-Control": "max-age=0"},
                    {"Host": "other.example"}):
        assert "Age" in through_apache(env, path, headers=headers).headers, headers
    assert "Age" in requests.get(env["PENSTOCK_HTTP_URL"] + path, timeout=60).headers
    known = through_apache(env, path, headers={"If-None-Match": first.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["Access-Control-Allow-Origin"] == "*"


def test_the_web_server_keeps_no_errors(env):
    path = f"/api/pools/none?test={uuid.uuid4()}"
    for _ in range(3):
        reply = through_apache(env, path)
        assert (reply.status_code, reply.headers["Cache-Control"]) == (404, "no-store")
        assert "Age" not in reply.headers
        assert reply.json()["error"]["code"] == "unknown_network"


def test_the_description_is_served(env):
    reply = through_apache(env, "/api/openapi.json")
    assert reply.json() == API
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Cache-Control"] == "public, max-age=3600"


def test_encoded_paths(env):
    """The web server decodes them; what they hide is refused like everything else."""
    for path in ("/api/pools/%27", "/api/pools/litecoin%00", "/api/pools/litecoin%2fblocks", "/api/pools/%2e%2e",
                 "/api/pools/%ff", "/%3cscript%3e/api/statistics"):
        assert through_apache(env, path).status_code in (400, 404), path
