"""A worker on a BiblePay network of the test's own, against stand-in wallets: every reason in its
order, every way in which a wallet fails a share without refusing it, and failover."""

import json
import http.server
import signal
import subprocess
import threading
import time
import uuid

import pika
import pytest
import requests

import blocks
from action_client import poll as until
from backend_conf import BIBLEPAY, section, servers, wallet_section
from biblepay import Block, Wallet, address_of, script_of

POOL_KEY, FORMER_KEY, LAPSED_KEY, OTHER_KEY = (bytes([n]) * 20 for n in (1, 2, 3, 4))
SCRIPT = script_of(POOL_KEY)
EASY = b"\xff" * 32


class Pool:
    """The network, its queue, its wallets and its worker; each test has all of these for itself."""

    def __init__(self, env, sql, channel, folder):
        self.env, self.sql, self.channel, self.folder = env, sql, channel, folder
        self.network = f"bbp-{uuid.uuid4().hex[:12]}"
        self.queue = f"solution.{self.network}"
        self.wallets, self.worker = [], None
        self.proxy = None  # asked in the wallet's place
        for name in (self.queue, self.queue + ".large", f"share.{self.network}"):
            channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(name, "penstock", name)
        channel.confirm_delivery()
        self.guid, self.worker_id = self.miner()

    def query(self, statement, *values):
        with self.sql.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def miner(self):
        guid = str(uuid.uuid4())
        self.query("INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", guid,
                   self.network, "test-" + guid)
        self.query("INSERT INTO worker (miner_id, name) VALUES (%s, 'Default')", guid)
        return guid, self.query("SELECT id FROM worker WHERE miner_id = %s", guid)[0][0]

    def work(self, target=EASY, age_s=0, network=None):
        work_id = str(uuid.uuid4())
        self.query("INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent,"
                   " created_at) VALUES (%s, %s, %s, %s, '1', '127.0.0.1', 'LIN', '1.0',"
                   " NOW(6) - INTERVAL %s SECOND)", work_id, network or self.network,
                   self.worker_id, target, age_s)
        return work_id

    # --- wallets and worker ---

    def add_wallet(self, **options):
        wallet = Wallet(self.env, self.folder, f"wallet-{len(self.wallets)}", **options)
        self.wallets.append(wallet)
        return wallet

    def configuration(self):
        former = (f"{address_of(FORMER_KEY)}=2099-01-01T00:00:00Z"
                  f" {address_of(LAPSED_KEY)}=2020-01-01T00:00:00Z")
        text = (servers(self.env) + section("worker", archive_dir=f"{self.folder}/archive")
                + section(f"network {self.network}", BIBLEPAY, pool_address=address_of(POOL_KEY),
                          base58_length=34, unknown_parent_wait_ms=15000, former_pool_addresses=former))
        for i, w in enumerate(self.wallets):
            text += wallet_section(f"w{i}", self.network, self.proxy or w.url, w.user, w.password_file,
                                   priority=i, connect_timeout_ms=500, timeout_ms=700)
        return text

    def start(self):
        conf = self.folder / "backend.conf"
        conf.write_text(self.configuration())
        (self.folder / "archive").mkdir(exist_ok=True)
        with open(self.folder / "worker.log", "ab") as log:
            self.worker = subprocess.Popen(
                [f"{self.env['PENSTOCK_BIN']}/penstock-worker", "--config", conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        return (self.folder / "worker.log").read_text()

    def stop_worker(self, sig=signal.SIGTERM):
        if self.worker is not None:
            self.worker.send_signal(sig)
            code = self.worker.wait(120)
            assert sig != signal.SIGTERM or code == 0, self.log()
            self.worker = None

    def close(self):
        try:
            self.stop_worker()
        finally:
            for wallet in self.wallets:
                wallet.stop()
            for name in (self.queue, self.queue + ".large", f"share.{self.network}"):
                self.channel.queue_delete(name)

    # --- solutions ---

    def block(self, script=SCRIPT, wallet=0, **options):
        return Block(self.wallets[wallet].state(), script, **options)

    def fields(self, block, work_id=None, **changes):
        return block.fields(work_id or self.work(), self.guid, **changes)

    def send(self, fields, **options):
        message_id = str(uuid.uuid4())
        body = blocks.message(fields, self.network, message_id=message_id, **options)
        self.channel.basic_publish("penstock", self.queue, body, pika.BasicProperties(
            message_id=message_id, type="solution", delivery_mode=2), mandatory=True)
        return message_id

    def now(self, message_id):
        """'credited', the reason, or None."""
        if self.query("SELECT 1 FROM share WHERE message_id = %s", message_id):
            return "credited"
        rows = self.query("SELECT reason FROM rejected WHERE message_id = %s", message_id)
        return rows[0][0] if rows else None

    def detail(self, message_id):
        return self.query("SELECT detail FROM rejected WHERE message_id = %s", message_id)[0][0]

    def fate(self, message_id, seconds=180):
        return until(lambda: self.now(message_id), seconds)

    def fate_of(self, fields, **options):
        return self.fate(self.send(fields, **options))


@pytest.fixture
def bare(env, db, amqp, tmp_path):
    """A network without wallet and worker."""
    pool = Pool(env, db("root"), amqp("admin").channel(), tmp_path)
    yield pool
    pool.close()


@pytest.fixture
def pool(bare):
    bare.add_wallet()
    bare.start()
    return bare


@pytest.fixture
def pair(bare):
    """Two wallets with the same chain; the first is preferred."""
    for _ in range(2):
        bare.add_wallet().control(tip_time=int(time.time()) - 60)
    same_tip(bare)
    bare.start()
    return bare


class WithoutBatches:
    """In front of a wallet: refuses every batch in a way of its own."""

    def __init__(self, wallet, refuse):
        proxy = self
        self.refused = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if body.lstrip().startswith(b"["):
                    proxy.refused += 1
                    if refuse == "silence":
                        self.close_connection = True
                        return
                    self.answer(500, b"unhandled: list has no member 'method'")
                    return
                reply = requests.post(wallet, data=body, headers={
                    "Authorization": self.headers["Authorization"]}, timeout=60)
                self.answer(reply.status_code, reply.content)

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def same_tip(pool):
    now = int(time.time()) - 60
    states = [wallet.control(tip_time=now) for wallet in pool.wallets]
    assert states[0]["tip"] == states[1]["tip"]


# --- what is credited ---


@pytest.mark.parametrize("texts", [True, False], ids=["texts", "plain"])
def test_a_good_share_is_credited(pool, texts):
    assert pool.fate_of(pool.fields(pool.block(texts=texts))) == "credited"


def test_a_coinbase_with_the_miners_own_tag(pool):
    tag = f"<MINERGUID>{pool.guid}</MINERGUID>"
    assert pool.fate_of(pool.fields(pool.block(tag=tag))) == "credited"


def test_a_former_address_within_its_grace(pool):
    assert pool.fate_of(pool.fields(pool.block(script_of(FORMER_KEY)))) == "credited"


def burst(pool, n=200):
    """Sent before the worker starts."""
    pool.wallets[0].control(tip_time=int(time.time()) - 60)
    ids = [pool.send(pool.fields(pool.block(nonce=i))) for i in range(n)]
    pool.start()
    return [pool.fate(message_id) for message_id in ids]


def test_a_burst_is_judged_in_batches(bare):
    wallet = bare.add_wallet()
    assert burst(bare) == ["credited"] * 200
    state = wallet.state()
    assert state["calls"]["exec biblehash"] >= 200
    assert state["requests"] < sum(state["calls"].values())


@pytest.mark.parametrize("refuse", ["text", "silence"])
def test_a_wallet_that_knows_no_batches_is_asked_one_by_one(bare, refuse):
    wallet = bare.add_wallet()
    with WithoutBatches(wallet.url, refuse) as proxy:
        bare.proxy = proxy.url
        fates = burst(bare)
        bare.stop_worker()
    assert fates == ["credited"] * 200
    assert proxy.refused > 0


# --- what is refused ---


def known(pool):
    block = pool.block()
    assert pool.fate_of(pool.fields(block)) == "credited"
    return pool.fields(block)


def with_merkle(pool, **options):
    """Shows a coinbase that pays the pool, over a header that vouches for another one."""
    block = pool.block(**options)
    block.merkle = blocks.sha256d(pool.block(script_of(OTHER_KEY)).coinbase)
    return pool.fields(block)


def another_work(pool):
    guid, _ = pool.miner()
    return pool.block().fields(pool.work(), guid)


LOCAL = {  # what must not cost a wallet a call
    "known": (known, "BibleHashAlreadyKnown"),
    "unknown work": (lambda p: p.fields(p.block(), str(uuid.uuid4())), "UnknownWork"),
    "work of another network": (lambda p: p.fields(p.block(), p.work(network="litecoin")),
                                "UnknownWork"),
    "work of another miner": (another_work, "WorkMismatch"),
    "expired work": (lambda p: p.fields(p.block(), p.work(age_s=3700)), "WorkExpired"),
    "above the target": (lambda p: p.fields(p.block(), p.work(target=bytes(32))),
                         "HashTargetExceeded"),
    "truncated": (lambda p: p.fields(p.block(), block_hex=p.block().hex()[:-2]),
                  "TransactionInvalid"),
    "bytes behind the block": (lambda p: p.fields(p.block(), block_hex=p.block().hex() + "00"),
                               "TransactionInvalid"),
    "no hex": (lambda p: p.fields(p.block(), block_hex="zz" + p.block().hex()[2:]),
               "TransactionInvalid"),
    "no transaction": (lambda p: p.fields(p.block(), transaction_hex="00"), "TransactionInvalid"),
    "plain block_hash": (lambda p: p.fields(p.block(texts=False), block_hash="00" * 32),
                         "BlockMismatch"),
    "block_hash no hash": (lambda p: p.fields(p.block(), block_hash="00"), "BlockMismatch"),
    "merkle root": (with_merkle, "BlockMismatch"),
    "plain merkle root": (lambda p: with_merkle(p, texts=False), "BlockMismatch"),
    "other transaction": (lambda p: p.fields(p.block(), transaction_hex=p.block().coinbase.hex()),
                          "BlockMismatch"),
    "block_time": (lambda p: p.fields(p.block(), block_time=int(time.time()) + 9),
                   "BlockMismatch"),
    "nonce field": (lambda p: p.fields(p.block(nonce=5), nonce=6), "BlockMismatch"),
    "prev_block_time": (lambda p: p.fields(p.block(), prev_block_time=int(time.time()) - 7200),
                        "BlockMismatch"),
    "another's tag": (lambda p: p.fields(p.block(tag=f"<MINERGUID>{uuid.uuid4()}</MINERGUID>")),
                      "WorkMismatch"),
    "prev_height no number": (lambda p: p.fields(p.block(), prev_height="x"),
                              "TransactionTampered"),
}


@pytest.mark.parametrize("make, reason", LOCAL.values(), ids=LOCAL)
def test_refused_without_a_wallet(pool, make, reason):
    fields = make(pool)
    before = pool.wallets[0].calls("exec biblehash")
    assert pool.fate_of(fields) == reason
    assert pool.wallets[0].calls("exec biblehash") == before


def old_parent(pool):
    """On the block before the tip, received after the tip was seen."""
    wallet = pool.wallets[0]
    assert pool.fate_of(pool.fields(pool.block())) == "credited"  # so it was seen
    state = wallet.state()
    state |= {"tip": wallet.rpc("getblockhash", state["height"] - 1)["result"],
              "height": state["height"] - 1}
    state["tip_time"] = wallet.rpc("getblock", state["tip"])["result"]["time"]
    return pool.fields(Block(state, SCRIPT))


def unknown_wallets(pool):
    return pool.fields(pool.block())


WALLETS_WORD = {
    "false hash": ({}, lambda p: p.fields(p.block(), pow_hash="12" * 32), "BibleHashWrong"),
    "the wallet's hash": ({"wrong_hash": True}, unknown_wallets, "BibleHashWrong"),
    "recipient": ({}, lambda p: p.fields(p.block(script_of(OTHER_KEY))), "TransactionTampered"),
    "no address": ({}, lambda p: p.fields(p.block(b"\x6a\x01\x01")), "TransactionTampered"),
    "lapsed address": ({}, lambda p: p.fields(p.block(script_of(LAPSED_KEY))),
                       "TransactionTampered"),
    "no cpid": ({"cpid": "absent"}, unknown_wallets, "Biblepayd_Outdated"),
    "invalid cpid": ({"cpid": "invalid"}, unknown_wallets, "Invalid_CPID"),
    "illegal cpid": ({"cpid": "illegal"}, unknown_wallets, "Illegal_CPID"),
    "block_hash": ({}, lambda p: p.fields(p.block(), block_hash="12" * 32), "BlockMismatch"),
    "nonce": ({}, lambda p: p.fields(p.block(nonce=1 << 24)), "TransactionTampered"),
    "prev_height": ({}, lambda p: p.fields(p.block(), prev_height=99), "TransactionTampered"),
    "old parent": ({}, old_parent, "TransactionTampered"),
}


@pytest.mark.parametrize("order, make, reason", WALLETS_WORD.values(), ids=WALLETS_WORD)
def test_refused_by_what_the_wallet_says(pool, order, make, reason):
    pool.wallets[0].control(**order)
    message_id = pool.send(make(pool))
    assert pool.fate(message_id) == reason
    assert pool.detail(message_id)


def test_the_first_reason_counts(pool):
    """All that the wallet finds wrong at once; then one after the other is put right."""
    wallet, bad = pool.wallets[0], script_of(OTHER_KEY)
    wallet.control(cpid="absent", wrong_hash=True)
    make = lambda **o: pool.fields(pool.block(nonce=1 << 24, **o), prev_height=99)  # noqa: E731
    assert pool.fate_of(make(script=bad)) == "BibleHashWrong"
    wallet.control(wrong_hash=False)
    assert pool.fate_of(make(script=bad)) == "TransactionTampered"
    assert pool.fate_of(make()) == "Biblepayd_Outdated"
    wallet.control(cpid="invalid")
    assert pool.fate_of(make()) == "Invalid_CPID"
    wallet.control(cpid="illegal")
    assert pool.fate_of(make()) == "Illegal_CPID"
    wallet.control(cpid="good")
    message_id = pool.send(make())
    assert (pool.fate(message_id), pool.detail(message_id)[:6]) == ("TransactionTampered", "nonce:")
    message_id = pool.send(pool.fields(pool.block(), prev_height=99))
    assert (pool.fate(message_id), pool.detail(message_id)[:7]) == ("TransactionTampered",
                                                                    "height:")


def test_the_nonce_that_half_an_hour_allows(pool):
    pool.wallets[0].control(tip_time=int(time.time()) - 1900)
    assert pool.fate_of(pool.fields(pool.block(nonce=1 << 24))) == "credited"
    pool.wallets[0].control(new_blocks=1)
    assert pool.fate_of(pool.fields(pool.block(nonce=1 << 24))) == "TransactionTampered"


# --- what the wallet does is not the miner's fault ---

FAULTS = ["down", "warmup", "half", "types", "http500", "garbage", "slow"]


@pytest.mark.parametrize("method", ["exec biblehash", "exec hexblocktocoinbase", "exec pinfo",
                                    "getblockhash", ""])
@pytest.mark.parametrize("mode", FAULTS)
def test_a_failing_wallet_holds_and_then_credits(pool, mode, method):
    wallet = pool.wallets[0]
    assert pool.fate_of(pool.fields(pool.block())) == "credited"
    block = pool.block()
    wallet.control(mode=mode, method=method, delay_ms=15000)
    message_id = pool.send(pool.fields(block))
    assert pool.fate(message_id, 1.5) is None
    wallet.control(mode="ok")
    assert pool.fate(message_id) == "credited"


def test_an_answer_that_comes_twice(pool):
    pool.wallets[0].control(mode="twice", method="exec")
    ids = [pool.send(pool.fields(pool.block(nonce=n))) for n in range(20)]
    time.sleep(1)
    pool.wallets[0].control(mode="ok")
    assert [pool.fate(message_id) for message_id in ids] == ["credited"] * 20


def test_the_wallet_is_away_from_the_start(bare):
    wallet = bare.add_wallet()
    wallet.control(mode="down")
    bare.start()
    message_id = bare.send(bare.fields(bare.block()))
    assert bare.fate(message_id, 2) is None
    wallet.control(mode="ok")
    assert bare.fate(message_id) == "credited"


def test_one_share_that_the_wallet_chokes_on_holds_no_other(pool):
    """hexblocktocoinbase fails, biblehash does not: wrong hashes are still refused."""
    pool.wallets[0].control(mode="http500", method="exec hexblocktocoinbase")
    held = pool.send(pool.fields(pool.block()))
    refused = pool.send(pool.fields(pool.block(), pow_hash="12" * 32))
    assert pool.fate(refused) == "BibleHashWrong"
    assert pool.now(held) is None
    pool.wallets[0].control(mode="ok")
    assert pool.fate(held) == "credited"


def test_the_worker_dies_while_a_share_is_held(pool):
    block = pool.block()
    pool.wallets[0].control(mode="warmup", method="exec hexblocktocoinbase")
    message_id = pool.send(pool.fields(block))
    assert pool.fate(message_id, 1) is None
    pool.stop_worker(signal.SIGKILL)
    pool.start()
    assert pool.fate(message_id, 1) is None
    pool.wallets[0].control(mode="ok")
    assert pool.fate(message_id) == "credited"
    assert pool.query("SELECT COUNT(*) FROM share WHERE network = %s", pool.network) == ((1,),)


# --- the chain moves on while a share waits ---


def moved_on(pool, block, order=None):
    """The fate of a share on BLOCK that was received before the tip's successor was seen, and is
    judged after."""
    assert pool.fate_of(pool.fields(pool.block())) == "credited"  # the tip was seen
    pool.stop_worker()
    message_id = pool.send(pool.fields(block))
    pool.wallets[0].control(new_blocks=1, **(order or {}))
    pool.start()
    return pool.fate(message_id)


def test_height_is_judged_as_of_the_receipt(pool):
    late = pool.block()
    assert moved_on(pool, pool.block()) == "credited"
    message_id = pool.send(pool.fields(late))
    assert pool.fate(message_id) == "TransactionTampered"
    assert pool.detail(message_id).startswith("height:")


def test_nonce_is_judged_as_of_the_receipt(pool):
    pool.wallets[0].control(tip_time=int(time.time()) - 100)
    assert moved_on(pool, pool.block(nonce=24000)) == "credited"


def test_nonce_beyond_what_was_allowed_then(pool):
    pool.wallets[0].control(tip_time=int(time.time()) - 100)
    assert moved_on(pool, pool.block(nonce=40000)) == "TransactionTampered"


def test_a_cpid_that_became_illegal_by_the_next_block(pool):
    assert moved_on(pool, pool.block(), {"cpid": "illegal"}) == "credited"


def test_block_hash_is_tied_to_the_header_all_the_same(pool):
    """The liar's share waits: the wallet's `biblehash` is then one on another tip."""

    class Liar:
        """A good block, of which another block_hash is claimed."""

        def __init__(self, block):
            self.block = block

        def fields(self, work_id, guid):
            return self.block.fields(work_id, guid, block_hash="12" * 32)

    assert moved_on(pool, Liar(pool.block())) == "BlockMismatch"


def test_a_miner_that_knows_the_next_block_first(pool):
    wallet = pool.wallets[0]
    assert pool.fate_of(pool.fields(pool.block())) == "credited"
    before = wallet.state()
    after = wallet.control(new_blocks=1)
    block = pool.block()
    # the pool's wallet has not heard of it yet; the chain it goes on with is the same
    wallet.stop()
    pool.stop_worker()
    assert before["height"] == 100 and after["height"] == 101
    pool.wallets[0] = Wallet(pool.env, pool.folder, "again")
    pool.wallets[0].control(tip_time=before["tip_time"])
    pool.start()
    message_id = pool.send(pool.fields(block))
    assert pool.fate(message_id, 2) is None
    pool.wallets[0].control(new_blocks=1, tip_time=after["tip_time"])
    assert pool.fate(message_id) == "credited"


# --- several wallets ---


def test_the_preferred_wallet_judges(pair):
    assert pair.fate_of(pair.fields(pair.block())) == "credited"
    assert [wallet.calls("exec biblehash") for wallet in pair.wallets] == [1, 0]


@pytest.mark.parametrize("method", ["", "exec biblehash", "exec hexblocktocoinbase"])
@pytest.mark.parametrize("mode", FAULTS)
def test_the_other_wallet_steps_in(pair, mode, method):
    pair.wallets[0].control(mode=mode, method=method, delay_ms=1500)
    message_id = pair.send(pair.fields(pair.block(wallet=1)))
    assert pair.fate(message_id) == "credited"
    assert pair.wallets[1].calls("exec hexblocktocoinbase") == 1


def test_the_preferred_wallet_comes_back(pair):
    pair.wallets[0].control(mode="down")
    assert pair.fate_of(pair.fields(pair.block(wallet=1))) == "credited"
    pair.wallets[0].control(mode="ok")
    before = pair.wallets[0].calls("exec biblehash")
    assert until(lambda: pair.fate_of(pair.fields(pair.block())) == "credited"
                 and pair.wallets[0].calls("exec biblehash") > before, 60, 0.5)


UNFIT = {"lags": {"height": 99}, "no peers": {"peers": 0}, "syncs": {"headers_ahead": 3}}


@pytest.mark.parametrize("order", UNFIT.values(), ids=UNFIT)
def test_an_unfit_wallet_does_not_judge(pair, order):
    assert pair.fate_of(pair.fields(pair.block())) == "credited"
    pair.wallets[0].control(**order)
    before = pair.wallets[0].calls("exec biblehash")
    assert pair.fate_of(pair.fields(pair.block(wallet=1))) == "credited"
    assert pair.wallets[0].calls("exec biblehash") == before


def test_a_wallet_that_falls_behind_is_noticed(pair):
    """Nobody but the other wallet knows of the new block at first."""
    assert pair.fate_of(pair.fields(pair.block())) == "credited"
    pair.wallets[1].control(new_blocks=1)
    assert pair.fate_of(pair.fields(pair.block(wallet=1))) == "credited"


def test_all_wallets_lag(pair):
    assert pair.fate_of(pair.fields(pair.block())) == "credited"
    block = pair.block()
    states = [wallet.control(height=90) for wallet in pair.wallets]
    assert [state["height"] for state in states] == [90, 90]
    message_id = pair.send(pair.fields(block))
    assert pair.fate(message_id, 2) is None
    assert "the pool has seen 100" in pair.log()


# --- the audit ---


def audit(pool, status):
    """penstockctl deep-validate of the network: its report, and its complaints."""
    conf = pool.folder / "patient.conf"
    conf.write_text(pool.configuration().replace("timeout_ms = 700", "timeout_ms = 60000"))
    done = subprocess.run(
        [f"{pool.env['PENSTOCK_BIN']}/penstockctl", "--config", conf, "deep-validate", "--network", pool.network, "--json"], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    report = json.loads(done.stdout)
    del report["damaged"], report["solutions"]
    return report, done.stderr


def test_the_wallet_judges_again_in_an_audit(pool):
    ids = [pool.send(pool.fields(pool.block(nonce=n, texts=n % 2 == 0))) for n in range(70)]
    assert [pool.fate(message_id) for message_id in ids] == ["credited"] * 70
    pool.stop_worker()  # and its archive is whole
    whole = {"blocks": 70, "unverified": 0, "rows": 70, "differences": 0, "list": []}
    assert audit(pool, 0) == (whole, "")

    pool.wallets[0].control(new_blocks=3)  # what was true then still is
    assert audit(pool, 0) == (whole, "")

    pool.wallets[0].control(wrong_hash=True)
    report, _ = audit(pool, 1)
    assert (report["blocks"], report["differences"]) == (70, 70)
    assert {d["message_id"] for d in report["list"]} == set(ids)
    assert all(d["difference"].startswith("BibleHashWrong: ") for d in report["list"])

    pool.wallets[0].stop()
    report, said = audit(pool, 1)
    assert report == whole | {"blocks": 0, "unverified": 70}
    assert f"{pool.network}: 70 blocks were not verified: wallet w0: " in said
