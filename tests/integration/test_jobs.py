"""penstock-jobs against real Litecoin nodes: each new block becomes a job that a valid block can be made
of, whatever becomes of wallets and of the program itself; and against a scripted wallet."""

import http.server
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid

import pytest

import action_client
from backend_conf import LITECOIN, section, servers, wallet_section
from blocks import compact_to_target, scrypt, sha256d, varint
from fault_build import fault_program
from litecoin_pair import PASSWORD, Node, Pair, free_ports
from paying import NO_MWEB

WAIT_S = 120


def until(condition, seconds=WAIT_S):
    """The condition's value, once it is true."""
    value = action_client.poll(condition, seconds)
    assert value, "it did not come in time"
    return value


def udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Jobs:
    """A network of the test's own, and penstock-jobs for it. WALLETS: (name, url, user, password file),
    the preferred one first."""

    def __init__(self, env, db, amqp, folder, wallets, **settings):
        self.env, self.folder = env, folder
        self.network = f"jobs-{uuid.uuid4().hex[:10]}"
        self.root, self.frontend = db("root"), db("frontend")
        self.channel = amqp("admin").channel()
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queue, "penstock.jobs", f"job.{self.network}")
        self.port = udp_port()
        (folder / "archive").mkdir()
        self.conf = folder / "backend.conf"
        self.conf.write_text(
            servers(env) + section("worker", archive_dir=folder / "archive")
            + section("jobs", {"listen": f"127.0.0.1:{self.port}"} | settings)
            + section(f"network {self.network}", LITECOIN,
                      pool_address=env["PENSTOCK_POOL_ADDRESS_LITECOIN"])
            + "".join(wallet_section(name, self.network, *where, priority=i)
                      for i, (name, *where) in enumerate(wallets)))
        self.started = []

    def start(self, program=None, **variables):
        """Returns its process; its log is at process.log."""
        log = self.folder / f"log-{len(self.started)}"
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [program or pathlib.Path(self.env["PENSTOCK_BIN"], "penstock-jobs"), "--config", self.conf],
                env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        process.log = log
        self.started.append(process)
        return process

    def stop(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                assert process.wait(timeout=60) == 0
        with self.root.cursor() as cursor:
            for table in ("job", "job_health"):
                cursor.execute(f"DELETE FROM {table} WHERE network = %s", (self.network,))

    def query(self, connection, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql, (self.network,))
            return cursor.fetchall()

    def newest(self):
        """What a frontend would hand out, or None."""
        found = self.query(self.frontend, "SELECT job, id, height FROM intake_job WHERE network = %s"
                                          " ORDER BY made_at DESC LIMIT 1")
        if not found:
            return None
        job = json.loads(found[0][0])
        assert (job["id"], job["height"]) == (str(found[0][1]), found[0][2])
        return job

    def await_tip(self, tip):
        """The newest job, once it is one on TIP."""
        def on_tip():
            job = self.newest()
            return job if job and job["prev"] == tip else None
        return until(on_tip)

    def next_message(self):
        def get():
            method, properties, body = self.channel.basic_get(self.queue, auto_ack=True)
            return (properties, json.loads(body)) if method else None
        return until(get)

    def await_message(self, tip):
        """The next job on TIP that was published."""
        while (message := self.next_message())[1]["prev"] != tip:
            pass
        return message

    def body(self, job):
        with self.root.cursor() as cursor:
            cursor.execute("SELECT transactions, mweb FROM job WHERE id = %s", (job["id"],))
            return cursor.fetchone()

    def problem(self):
        found = self.query(self.root, "SELECT problem FROM job_health WHERE network = %s")
        return found[0][0] if found else None

    def well(self):
        found = self.query(self.frontend, "SELECT well FROM site_job WHERE network = %s")
        return found[0][0] if found else None

    def await_problem(self, words):
        until(lambda: re.search(words, self.problem() or ""))
        assert self.well() == 0

    def await_well(self):
        until(lambda: self.well() == 1)


def log_has(process, words, times=1):
    return len(re.findall(words, process.log.read_text(encoding="utf-8"))) >= times


def await_log(process, words, times=1):
    def seen():
        assert process.poll() is None, process.log.read_text(encoding="utf-8")
        return log_has(process, words, times)
    until(seen)


def wallet_of(name, node):
    return (name, node.url, node.user, node.password_file)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    made = Pair(tmp_path_factory.mktemp("nodes") / "pair", "rpcthreads=16\n" + NO_MWEB)
    yield made
    made.stop()


@pytest.fixture
def jobs(env, db, amqp, tmp_path):
    """jobs(wallets, **settings of [jobs])"""
    made = []

    def make(wallets, **settings):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Jobs(env, db, amqp, folder, wallets, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()


# --- what a job is worth: a block that the chain takes ---


def coinbase_of(job, extranonce):
    assert len(extranonce) == job["extranonce"]
    return bytes.fromhex(job["coinbase1"]) + extranonce + bytes.fromhex(job["coinbase2"])


def header_of(job, coinbase, nonce):
    root = sha256d(coinbase)
    for step in job["branch"]:
        root = sha256d(root + bytes.fromhex(step))
    return (struct.pack("<I", job["version"]) + bytes.fromhex(job["prev"])[::-1] + root
            + struct.pack("<III", job["time"], job["bits"], nonce))


def block_of(jobs, job):
    """With enough work, made of the job as it is stored."""
    extranonce = os.urandom(job["extranonce"])
    plain = coinbase_of(job, extranonce)
    transactions, mweb = jobs.body(job)
    nonce = 0
    while int.from_bytes(scrypt(header_of(job, plain, nonce)), "big") > compact_to_target(job["bits"]):
        nonce += 1
    coinbase = plain
    if job["witness"]:
        coinbase = plain[:4] + b"\0\1" + plain[4:-4] + b"\1\x20" + bytes(32) + plain[-4:]
    return (header_of(job, plain, nonce) + varint(1 + job["transactions"]) + coinbase + transactions
            + (b"\1" + mweb if mweb else b""))


def mine_a_job(jobs, node, job):
    """The node takes the block that is made of JOB; returns its hash."""
    block = block_of(jobs, job)
    assert node.rpc("submitblock", block.hex()) is None
    block_hash = sha256d(block[:80])[::-1].hex()
    assert node.rpc("getbestblockhash") == block_hash
    return block_hash


def test_each_new_block_becomes_a_job_that_makes_a_block(jobs, pair, env):
    made = jobs([wallet_of("first", pair.first)])
    made.start()
    tip = pair.first.rpc("getbestblockhash")
    made.await_tip(tip)
    for _ in range(3):
        job = made.await_tip(tip)
        properties, message = made.await_message(tip)
        assert message == job
        assert (properties.message_id, properties.type) == (job["id"], "job")
        assert job["height"] == pair.first.rpc("getblockcount") + 1
        tip = mine_a_job(made, pair.first, job)
        paid = pair.first.rpc("getblock", tip, 2)["tx"][0]["vout"][0]
        assert paid["scriptPubKey"]["addresses"] == [env["PENSTOCK_POOL_ADDRESS_LITECOIN"]]
    (tip,) = pair.mine(1)  # somebody else's
    made.await_tip(tip)
    made.await_well()


def test_no_two_jobs_are_the_same_search(jobs, pair):
    """Of one template neither: one that starts makes a job at once."""
    made = jobs([wallet_of("first", pair.first)])
    tip = pair.first.rpc("getbestblockhash")
    found = []
    for _ in range(3):
        process = made.start()
        found.append(made.await_message(tip)[1])
        process.terminate()
        assert process.wait(timeout=WAIT_S) == 0
    assert len({job["coinbase1"] for job in found}) == len({job["id"] for job in found}) == 3
    assert len({job["coinbase2"] for job in found}) == 1


def test_new_transactions_become_a_job(jobs, pair):
    pair.mine(max(0, 101 - pair.first.rpc("getblockcount")))
    made = jobs([wallet_of("first", pair.first)], refresh_s=1)
    made.start()
    job = made.await_tip(pair.first.rpc("getbestblockhash"))
    assert not pair.first.rpc("getrawmempool")
    pair.first.rpc("sendtoaddress", pair.address, 1)
    job = until(lambda: (j := made.newest())["transactions"] == 1 and j)
    mine_a_job(made, pair.first, job)
    assert not pair.first.rpc("getrawmempool")


def test_the_first_blocks_with_mweb(jobs, tmp_path):
    """431 without, 432, which needs a peg-in, and 433, which has none: each by a job of ours. Until the
    peg-in is there the node gives no template."""
    pair = Pair(tmp_path / "nodes", "keypool=20")
    try:
        pair.mine(430 - pair.first.rpc("getblockcount"))
        made = jobs([wallet_of("first", pair.first)], refresh_s=1)
        made.start()
        job = made.await_tip(pair.first.rpc("getbestblockhash"))
        assert job["height"] == 431 and made.body(job)[1] is None
        tip = mine_a_job(made, pair.first, job)
        made.await_problem("bad-txns-vin-empty")
        pair.first.rpc("sendtoaddress", pair.first.rpc("getnewaddress", "", "mweb"), 5)
        job = made.await_tip(tip)
        assert (job["height"], job["transactions"]) == (432, 2) and made.body(job)[1]
        tip = mine_a_job(made, pair.first, job)
        job = made.await_tip(tip)
        assert job["transactions"] == 1 and made.body(job)[1]
        mine_a_job(made, pair.first, job)
    finally:
        pair.stop()


# --- wallets ---


def test_another_wallet_takes_over_and_gives_back(jobs, pair, tmp_path):
    """Three nodes: the second has a peer left when the first is gone."""
    second_p2p = re.search(r"bind=127.0.0.1:(\d+)", (pair.second.folder / "litecoin.conf").read_text())[1]
    third = Node(tmp_path / "third", free_ports(2), f"connect=127.0.0.1:{second_p2p}")
    mine = lambda: pair.second.rpc("generatetoaddress", 1, pair.address)[0]  # noqa: E731
    try:
        third.wait_ready()
        until(lambda: len(pair.second.rpc("getpeerinfo")) == 2)
        made = jobs([wallet_of("first", pair.first), wallet_of("second", pair.second)])
        process = made.start()
        await_log(process, "jobs.wallet .*wallet=first")
        made.await_tip(pair.first.rpc("getbestblockhash"))
        pair.first.stop()
        await_log(process, "jobs.wallet .*wallet=second")
        made.await_tip(mine())
        made.await_well()
        pair.restart_first()
        await_log(process, "jobs.wallet .*wallet=first", 2)

        def first_makes_jobs():
            made.await_tip(mine())
            return log_has(process, "jobs.job .*wallet=first", 2)
        until(first_makes_jobs)
    finally:
        third.stop()
        pair.wait_synced()


def test_a_wallet_that_restarts(jobs, pair):
    made = jobs([wallet_of("first", pair.first)])
    process = made.start()
    made.await_tip(pair.first.rpc("getbestblockhash"))
    pair.first.stop()
    made.await_problem("first: ")
    pair.restart_first()
    pair.wait_synced()
    made.await_well()
    (tip,) = pair.mine(1)
    made.await_tip(tip)
    assert process.poll() is None


def test_a_wallet_without_peers_or_recent_blocks(jobs, tmp_path):
    """Codes -9 and -10: no job, and health says why."""
    ports = free_ports(4)
    first = Node(tmp_path / "first", ports[:2], "")
    second = None
    try:
        first.wait_ready()
        made = jobs([wallet_of("first", first)], refresh_s=1)
        made.start()
        made.await_problem("initial block download")
        second = Node(tmp_path / "second", ports[2:], f"connect=127.0.0.1:{ports[1]}")
        second.wait_ready()
        first.rpc("createwallet", "own", False, False, "", False, None, True)
        address = first.rpc("getnewaddress")
        (tip,) = first.rpc("generatetoaddress", 1, address)
        made.await_tip(tip)
        made.await_well()
        second.stop()
        made.await_problem("not connected")
        assert made.newest()["prev"] == tip  # what is out stays
        second.start()
        made.await_well()
    finally:
        first.stop()
        if second:
            second.stop()


# --- the program itself ---


def test_one_leads_and_another_takes_over_from_the_dead(jobs, pair):
    made = jobs([wallet_of("first", pair.first)])
    leader = made.start()
    await_log(leader, "jobs.leads")
    other = made.start()
    await_log(other, "jobs.stands_by")
    made.await_tip(pair.first.rpc("getbestblockhash"))
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    await_log(other, "jobs.leads")
    (tip,) = pair.mine(1)
    made.await_tip(tip)
    made.await_message(tip)


def test_a_death_between_storing_and_publishing(jobs, pair):
    """The job is there for those who read the database; the successor tells the others."""
    made = jobs([wallet_of("first", pair.first)])
    tip = pair.first.rpc("getbestblockhash")
    dying = made.start(fault_program("penstock-jobs"), PENSTOCK_FAULT="job.stored:1")
    assert dying.wait(timeout=WAIT_S) == -signal.SIGKILL
    stored = made.newest()
    assert stored["prev"] == tip
    assert made.channel.basic_get(made.queue)[0] is None
    made.start()
    _, message = made.await_message(tip)
    assert message["id"] != stored["id"]
    mine_a_job(made, pair.first, stored)  # what was stored is good all the same


def test_reload_and_end(jobs, pair):
    made = jobs([wallet_of("first", pair.first)])
    process = made.start()
    await_log(process, "jobs.leads")
    process.send_signal(signal.SIGHUP)
    await_log(process, "jobs.started", 2)
    (tip,) = pair.mine(1)
    made.await_tip(tip)
    with open(made.conf, "a", encoding="utf-8") as conf:
        conf.write("[nonsense]\n")
    process.send_signal(signal.SIGHUP)
    await_log(process, "jobs.reload_refused")
    (tip,) = pair.mine(1)
    made.await_tip(tip)


# --- a scripted wallet ---


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers getblocktemplate with server.template, without longpoll; counts."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append(call["method"])
        result = {"getblockchaininfo": {"blocks": self.server.template["height"] - 1, "bestblockhash": "00" * 32},
                  "getblocktemplate": self.server.template}.get(call["method"])
        body = json.dumps({"id": call["id"], "result": result, "error": None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def scripted(pair, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.daemon_threads = True
    server.template = pair.first.rpc("getblocktemplate", {"rules": ["mweb", "segwit"]})
    del server.template["longpollid"]
    server.calls = []
    server.password = tmp_path / "scripted.password"
    server.password.touch(mode=0o600)
    server.password.write_text(PASSWORD + "\n", encoding="ascii")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def scripted_wallet(server):
    return ("scripted", f"http://127.0.0.1:{server.server_address[1]}/", "tester", server.password)


def test_a_poke_alone_tells_of_a_new_block(jobs, scripted, env, tmp_path):
    """Neither longpoll nor polling: a token is asked for, and only who has it is heard."""
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("the-token\n", encoding="ascii")
    made = jobs([scripted_wallet(scripted)], poll_ms=60000, refresh_s=300, token_file=token)
    process = made.start()
    made.await_tip(scripted.template["previousblockhash"])
    await_log(process, "jobs.started")
    poke = lambda *options: subprocess.run(  # noqa: E731
        [pathlib.Path(env["PENSTOCK_BIN"], "penstock-poke"), *options, f"127.0.0.1:{made.port}", made.network],
        check=True, timeout=60)
    tip = os.urandom(32).hex()
    scripted.template = scripted.template | {"previousblockhash": tip, "height": scripted.template["height"] + 1}

    def poked():
        poke("--token-file", token)  # UDP may lose one
        job = made.newest()
        return job if job["prev"] == tip else None
    until(poked)

    before = scripted.calls.count("getblocktemplate")
    poke()
    poke("--token-file", token)
    until(lambda: scripted.calls.count("getblocktemplate") > before)


def test_a_longpoll_that_is_not_held_is_not_asked_all_the_time(jobs, scripted):
    """litecoind holds none between its start and its next block."""
    scripted.template["longpollid"] = "ab" * 32 + "7"
    made = jobs([scripted_wallet(scripted)], poll_ms=1000, refresh_s=300)
    begun = time.monotonic()
    made.start()
    made.await_tip(scripted.template["previousblockhash"])
    until(lambda: scripted.calls.count("getblockchaininfo") >= 4)
    assert scripted.calls.count("getblocktemplate") < 10 + time.monotonic() - begun


@pytest.mark.parametrize("member,value,words", [
    ("transactions", [{"data": "00"}], "transactions"),
    ("rules", ["!unheard-of"], "rules"),
    ("bits", "ff123456", "bits"),
])
def test_a_template_that_is_not_usable_makes_no_job(jobs, scripted, member, value, words):
    scripted.template = scripted.template | {member: value}
    made = jobs([scripted_wallet(scripted)], refresh_s=1)
    process = made.start()
    made.await_problem(words)
    assert made.newest() is None and process.poll() is None
