"""Shares of jobs against real Litecoin nodes, from what a frontend may do to what the books say: who is
credited, who is refused and why, and that a block that is found reaches the chain."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import uuid

import pika
import pymysql
import pytest

import action_client
from backend_conf import LITECOIN, section, servers, wallet_section
from blocks import above_target, compact_to_target, meets_target
from conftest import secret
from job_miner import Search, message, uuid7
from litecoin_pair import Pair
from test_jobs import udp_port

EASY = b"\xff" * 32
HARD = b"\x00" * 4 + b"\xff" * 28
PATIENCE_S = 180


def until(condition, seconds=PATIENCE_S):
    value = action_client.poll(condition, seconds)
    assert value, "it did not come about in time"
    return value


class Pool:
    """A network of its own on two nodes of its own, with penstock-jobs and a worker; and a frontend's place,
    with a frontend's rights."""

    def __init__(self, env, folder):
        self.env, self.folder = env, folder
        self.network = f"share-{uuid.uuid4().hex[:10]}"
        self.nodes = self.make_nodes(folder / "nodes")
        self.node = self.nodes.first.rpc
        self.connections = []
        self.frontend, self.root = self.connect("frontend"), self.connect_root()
        self.broker, self.admin = self.open_channel("frontend"), self.open_channel("admin")
        self.queue = f"share.{self.network}"
        for name in self.queues():
            self.admin.queue_declare(name, durable=True, arguments={
                "x-queue-type": "quorum", "x-dead-letter-exchange": "penstock.dead",
                "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"})
            self.admin.queue_bind(name, "penstock", name)
        self.conf = folder / "backend.conf"
        self.archive = folder / "archive"
        self.archive.mkdir()
        self.conf.write_text(self.settings())
        self.processes = {}
        self.start("penstock-jobs")
        self.start("penstock-worker")
        self.guid, self.worker = self.miner()

    def make_nodes(self, folder):
        return Pair(folder, "rpcthreads=16\n")

    def settings(self):
        node = self.nodes.first
        return (servers(self.env)
                + section("worker", archive_dir=self.archive, batch_linger_ms=20)
                + section("jobs", listen=f"127.0.0.1:{udp_port()}", refresh_s=1)
                + section(f"network {self.network}", LITECOIN, share_target_limit=EASY.hex(),
                          pool_address=self.nodes.address, unknown_parent_wait_ms=500)
                + wallet_section("own", self.network, node.url, node.user, node.password_file))

    def queues(self):
        return [form % self.network for form in ("solution.%s", "solution.%s.large", "share.%s")]

    def connect(self, tier):
        prefix = f"PENSTOCK_DB_{tier.upper()}"
        self.connections.append(pymysql.connect(
            host=self.env["PENSTOCK_DB_HOST"], port=int(self.env["PENSTOCK_DB_PORT"]),
            user=self.env[f"{prefix}_USER"], password=secret(self.env[f"{prefix}_PASSWORD_FILE"]),
            database=self.env["PENSTOCK_DB_NAME"], autocommit=True))
        return self.connections[-1]

    def connect_root(self):
        self.connections.append(pymysql.connect(
            user="root", unix_socket=self.env["PENSTOCK_DB_ROOT_SOCKET"], autocommit=True,
            database=self.env["PENSTOCK_DB_NAME"]))
        return self.connections[-1]

    def open_channel(self, tier):
        prefix = f"PENSTOCK_AMQP_{tier.upper()}"
        credentials = pika.PlainCredentials(self.env[f"{prefix}_USER"],
                                            secret(self.env[f"{prefix}_PASSWORD_FILE"]))
        connection = pika.BlockingConnection(pika.ConnectionParameters(
            host=self.env["PENSTOCK_AMQP_HOST"], port=int(self.env["PENSTOCK_AMQP_PORT"]), heartbeat=0,
            virtual_host=self.env["PENSTOCK_AMQP_VHOST"], credentials=credentials))
        self.connections.append(connection)
        channel = connection.channel()
        channel.confirm_delivery()
        return channel

    # --- its programs ---

    def start(self, name):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [pathlib.Path(self.env["PENSTOCK_BIN"], name), "--config", self.conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        process.wait(120)

    def log(self, name="penstock-worker"):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def run(self, program, *arguments):
        done = subprocess.run([pathlib.Path(self.env["PENSTOCK_BIN"], program), *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ctl(self, *arguments):
        return self.run("penstockctl", "--config", self.conf, *arguments)

    def close(self):
        for name in list(self.processes):
            self.stop(name)
        for name in self.queues():
            self.admin.queue_delete(name)
        for connection in self.connections:
            connection.close()
        self.nodes.stop()

    def reconnect(self):
        """The second node looks for the first only now and then."""
        conf = (self.nodes.second.folder / "litecoin.conf").read_text(encoding="ascii")
        first = re.search(r"^connect=(.*)$", conf, re.M)[1]

        def connected():
            if not self.nodes.second.rpc("getpeerinfo"):
                self.nodes.second.rpc("addnode", first, "onetry")
            return self.node("getconnectioncount") > 0
        until(connected)

    # --- the database ---

    @staticmethod
    def ask(connection, statement, *values):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def query(self, statement, *values):
        return self.ask(self.root, statement, *values)

    def miner(self):
        guid = str(uuid.uuid4())
        self.ask(self.frontend, "INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", guid,
                 self.network, "test-" + guid)
        self.ask(self.frontend, "INSERT INTO worker (miner_id, name) VALUES (%s, 'rig')", guid)
        return guid, self.ask(self.frontend, "SELECT id FROM intake_worker WHERE miner_id = %s", guid)[0][0]

    def work(self, work_id, extranonce, job_id, target=EASY, worker=None):
        """As a frontend hands it out."""
        self.ask(self.frontend, "INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent,"
                 " job_id, extranonce) VALUES (%s, %s, %s, %s, '', '::1', '', 'cpuminer/2.5.1', %s, %s)",
                 work_id, self.network, worker or self.worker, target, job_id, extranonce)

    def job(self, fits=lambda job: True):
        """The newest job on the wallet's tip."""
        def newest():
            rows = self.ask(self.frontend, "SELECT job FROM intake_job WHERE network = %s"
                                           " ORDER BY made_at DESC LIMIT 1", self.network)
            job = json.loads(rows[0][0]) if rows else None
            return job and job["prev"] == self.node("getbestblockhash") and fits(job) and job
        return until(newest)

    def search(self, job=None, target=EASY, **options):
        """Handed out, to be looked through."""
        search = Search(job or self.job())
        self.work(search.id(), search.extranonce, search.job["id"], target, **options)
        return search

    # --- the broker ---

    def publish(self, body):
        message_id = json.loads(body)["id"]
        self.broker.basic_publish("penstock", self.queue, body, pika.BasicProperties(
            delivery_mode=2, message_id=message_id, type="share"), mandatory=True)
        return message_id

    def send(self, header, **options):
        return self.publish(message(header, self.network, **options))

    # --- what became of it ---

    def row(self, message_id):
        rows = self.query("SELECT pow_hash, worker_id, CAST(work_id AS CHAR), difficulty, day FROM share"
                          " WHERE message_id = %s", message_id)
        assert len(rows) <= 1
        return rows[0] if rows else None

    def refusal(self, message_id):
        rows = self.query("SELECT reason, detail, worker_id FROM rejected WHERE message_id = %s", message_id)
        assert len(rows) <= 1
        return rows[0] if rows else None

    def fate(self, message_id):
        """'credited', or the reason."""
        def settled():
            row, refusal = self.row(message_id), self.refusal(message_id)
            assert not (row and refusal)
            return "credited" if row else refusal and refusal[0]
        return until(settled)

    def candidate(self, block_hash):
        rows = self.query("SELECT outcome, answer, height, worker_id FROM block_candidate WHERE network = %s"
                          " AND hash = %s", self.network, bytes.fromhex(block_hash))
        return rows[0] if rows else None

    def await_seen(self):
        """Until the worker has seen the wallet's tip."""
        tip = bytes.fromhex(self.node("getbestblockhash"))
        until(lambda: self.query("SELECT 1 FROM tip WHERE network = %s AND hash = %s", self.network, tip))

    def all_delivered(self):
        state = self.admin.queue_declare(self.queue, passive=True).method
        return state.consumer_count > 0 and state.message_count == 0


    def take_dead(self, ids):
        """Out of the dead letters; others' stay."""
        left, channel = set(ids), self.open_channel("admin")
        for method, properties, _ in channel.consume("dead", inactivity_timeout=PATIENCE_S):
            assert method is not None, f"{left} are no dead letters"
            if properties.message_id in left:
                left.discard(properties.message_id)
                channel.basic_ack(method.delivery_tag)
            if not left:
                break
        channel.cancel()  # gives the others back


@pytest.fixture(scope="module")
def pool(env, tmp_path_factory):
    made = Pool(env, tmp_path_factory.mktemp("job-shares"))
    yield made
    made.close()


# --- credited ---


def test_a_share_is_credited_by_its_header_alone(pool):
    target = bytes([0xC0]) + bytes(31)
    search = pool.search(target=target)
    search.grind(lambda found, s: above_target(found, s) and found <= int.from_bytes(target, "big"))
    message_id = pool.send(search.header())
    assert pool.fate(message_id) == "credited"
    assert pool.row(message_id) == (search.pow(), pool.worker, search.id(), 1, search.time // 86400)
    assert pool.candidate(search.hash()) is None


def test_difficulty_is_that_of_the_works_target(pool):
    target = bytes([0xC0 >> 6]) + bytes(31)  # 85 hashes
    search = pool.search(target=target).grind(lambda found, s: found <= int.from_bytes(target, "big"))
    message_id = pool.send(search.header())
    assert pool.fate(message_id) == "credited"
    assert pool.row(message_id)[3] == 2**256 // (int.from_bytes(target, "big") + 1)


def test_whatever_its_bytes_and_however_often_a_share_counts_once(pool):
    search = pool.search().grind(above_target)
    first = message(search.header(), pool.network)
    told = json.loads(first)
    message_id = pool.publish(first)
    assert pool.fate(message_id) == "credited"
    variants = [json.dumps(told | {"id": uuid7(), "header": told["header"].upper()}),
                json.dumps(told | {"id": uuid7()}, indent=3),
                json.dumps(dict(reversed(list((told | {"id": uuid7(), "more": [1]}).items())))),
                json.dumps(told | {"id": uuid7(), "received_us": told["received_us"] + 1})]
    for body in variants:
        assert pool.fate(pool.publish(body)) == "BibleHashAlreadyKnown"
    for _ in range(3):
        pool.publish(first)
    pool.publish(variants[0])
    assert pool.fate(pool.send(pool.search().grind(above_target).header())) == "credited"  # behind all these
    assert pool.query("SELECT COUNT(*) FROM share WHERE network = %s AND pow_hash = %s", pool.network,
                      search.pow()) == ((1,),)
    assert pool.row(message_id) and not pool.refusal(message_id)


def some(pool):
    """Forty shares of five works, credited: their ids, hashes and works."""
    job = pool.job()
    sent = []
    for search in [pool.search(job) for _ in range(5)]:
        for _ in range(8):
            sent.append((pool.send(search.grind(above_target).header()), search.pow(), search.id()))
    for message_id, _, _ in sent:
        assert pool.fate(message_id) == "credited"
    return sent


def test_many_at_once(pool):
    for message_id, pow_hash, work in some(pool):
        assert pool.row(message_id)[0] == pow_hash and pool.row(message_id)[2] == work


# --- refused ---


def without_work(pool):
    return Search(pool.job()).grind(above_target).header()


def with_work_of_no_job(pool):
    search = Search(pool.job()).grind(above_target)
    pool.work(search.id(), None, None)
    return search.header()


def with_an_unknown_job(pool):
    search = Search(pool.job()).grind(above_target)
    pool.work(search.id(), search.extranonce, uuid7())
    return search.header()


def with_a_job_of_nobodys_time(pool):
    search = Search(pool.job()).grind(above_target)
    pool.work(search.id(), search.extranonce, str(uuid.uuid4()))
    return search.header()


def with_an_extranonce_too_long(pool):
    search = Search(pool.job()).grind(above_target)
    pool.work(search.id(), search.extranonce + b"\0", search.job["id"])
    return search.header()


def with_another_extranonce(pool):
    """The id is right, the root is not."""
    search = Search(pool.job()).grind(above_target)
    pool.work(search.id(), os.urandom(len(search.extranonce)), search.job["id"])
    return search.header()


def with_a_root_like_it(pool):
    """Only the bits that are in the id are right."""
    search = pool.search()
    header = bytearray(search.header())
    header[36 + 31] ^= 1
    search.root = lambda root=bytes(header[36:68]): root
    return search.grind(above_target).header()


def with_another(member, change):
    def made(pool):
        search = pool.search()
        setattr(search, member, change(getattr(search, member)))
        # by the job's bits still no block
        limit = compact_to_target(search.job["bits"])
        return search.grind(lambda found, _: found > limit).header()
    return made


def before_the_job(pool):
    search = pool.search()
    search.time = search.job["min_time"] - 1
    return search.grind(above_target).header()


def far_ahead(pool):
    search = pool.search()
    search.time = int(time.time()) + 7200 + 600
    return search.grind(above_target).header()


def above_its_target(pool):
    return pool.search(target=HARD).grind(above_target).header()


def of_a_disabled_miner(pool):
    guid, worker = pool.miner()
    search = pool.search(worker=worker).grind(above_target)
    pool.query("UPDATE miner SET disabled = 1 WHERE id = %s", guid)
    return search.header()


def of_old_work(pool):
    search = pool.search().grind(above_target)
    pool.query("UPDATE work SET created_at = NOW(6) - INTERVAL 2 HOUR WHERE id = %s", search.id())
    return search.header()


@pytest.mark.parametrize("made, reason", [
    (without_work, "UnknownWork"),
    (with_work_of_no_job, "UnknownWork"),
    (with_an_unknown_job, "JobUnknown"),
    (with_a_job_of_nobodys_time, "JobUnknown"),
    (with_an_extranonce_too_long, "JobUnknown"),
    (with_another_extranonce, "JobMismatch"),
    (with_a_root_like_it, "JobMismatch"),
    (with_another("version", lambda v: v ^ 2), "JobMismatch"),
    (with_another("bits", lambda bits: bits - 1), "JobMismatch"),
    (with_another("prev", lambda prev: prev[2:] + prev[:2]), "JobMismatch"),
    (before_the_job, "HeaderTimeInvalid"),
    (far_ahead, "HeaderTimeInvalid"),
    (above_its_target, "HashTargetExceeded"),
    (of_a_disabled_miner, "MinerDisabled"),
    (of_old_work, "WorkExpired"),
], ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_refused(pool, made, reason):
    header = made(pool)
    message_id = pool.send(header)
    assert pool.fate(message_id) == reason, pool.refusal(message_id)
    assert pool.publish(message(header, pool.network, message_id)) == message_id  # redelivered
    assert pool.fate(pool.send(pool.search().grind(above_target).header())) == "credited"
    assert pool.refusal(message_id)[0] == reason


def test_poison_goes_to_the_dead_letters(pool):
    good = json.loads(message(pool.search().grind(above_target).header(), pool.network))
    poison = [good | {"id": uuid7(), "header": good["header"][2:]},
              good | {"id": uuid7(), "kind": "solution"},
              good | {"id": uuid7(), "network": "litecoin"}]
    ids = {pool.publish(json.dumps(body)) for body in poison}
    assert pool.fate(pool.publish(json.dumps(good))) == "credited"

    def ours():
        letters = json.loads(pool.ctl("dead", "list", "--json"))["messages"]
        found = [letter for letter in letters if letter["id"] in ids]
        return len(found) == len(ids) and found
    letters = until(ours)
    assert {letter["wrong"] for letter in letters} == {
        "header: not 160 hexadecimal digits", "its network is not that of its queue",
        "solution: not a list of 16 fields"}
    assert {letter["queue"] for letter in letters} == {pool.queue}
    pool.ctl("dead", "resend", min(ids))  # to the worker, who gives it up again
    until(ours)
    pool.take_dead(ids)


# --- blocks ---


def assert_found(pool, search, message_id):
    assert pool.fate(message_id) == "credited"
    height = search.job["height"]
    assert pool.node("getblockhash", height) == search.hash()
    assert pool.candidate(search.hash()) == ("on_chain", "accepted", height, pool.worker)


def with_transaction(pool):
    """Pays somebody, and returns the job that has it."""
    txid = pool.node("sendtoaddress", pool.node("getnewaddress"), 1)
    return pool.job(lambda job: job["transactions"] > 0), txid


def test_a_block_is_submitted_with_its_transactions(pool):
    pool.nodes.mine(101)
    job, txid = with_transaction(pool)
    search = pool.search(job).grind(meets_target)
    message_id = pool.send(search.header())
    assert_found(pool, search, message_id)
    block = pool.node("getblock", search.hash())
    assert txid in block["tx"] and len(block["tx"]) == job["transactions"] + 1
    pool.run("penstock-task", "find-blocks", "--network", pool.network, "--config", pool.conf)
    assert pool.query("SELECT height, CAST(finder_id AS CHAR), pool_block FROM block WHERE network = %s AND hash = %s",
                      pool.network, bytes.fromhex(search.hash())) == ((job["height"], pool.guid, 1),)


def test_a_block_that_misses_its_share_target_is_both(pool):
    """It is credited by what the network asks for (two hashes), not by what it did not reach."""
    search = pool.search(target=HARD).grind(meets_target)
    message_id = pool.send(search.header())
    assert_found(pool, search, message_id)
    assert pool.row(message_id)[3] == 2
    for body in (message(search.header(), pool.network, message_id), message(search.header(), pool.network)):
        pool.publish(body)
    assert pool.fate(pool.send(pool.search().grind(above_target).header())) == "credited"
    assert_found(pool, search, message_id)


def test_a_block_found_while_the_wallet_is_away(pool):
    search = pool.search().grind(meets_target)
    for name in ("penstock-jobs", "penstock-worker"):  # a node waits half a minute for its clients to go
        pool.stop(name)
    pool.nodes.first.stop()
    try:
        pool.start("penstock-worker")
        message_id = pool.send(search.header())
        until(lambda: re.search(rf"worker\.held .*\b{re.escape(pool.queue)}\b", pool.log()))
        assert not pool.row(message_id) and not pool.refusal(message_id)
    finally:
        pool.nodes.restart_first()
        pool.reconnect()
        pool.start("penstock-jobs")
    assert_found(pool, search, message_id)


def test_a_version_that_was_rolled_is_a_block_all_the_same(pool):
    """No share, since nobody was told to; but it is the pool's money."""
    search = pool.search()
    search.version ^= 0x2000
    search.grind(meets_target)
    message_id = pool.send(search.header())
    assert pool.fate(message_id) == "JobMismatch"
    assert pool.node("getblockhash", search.job["height"]) == search.hash()
    assert pool.candidate(search.hash())[0] == "on_chain"


# --- stale ---


def test_stale_is_by_the_time_of_receipt(pool):
    job = pool.job()
    early, late, block = (pool.search(job).grind(wanted) for wanted in (above_target, above_target, meets_target))
    received = int(time.time() * 1e6)
    pool.nodes.mine(1)
    pool.await_seen()
    refused = pool.send(late.header())
    assert pool.fate(refused) == "Stale"
    assert pool.refusal(refused)[2] == pool.worker
    assert pool.fate(pool.send(early.header(), received_us=received, host="slow", pid=7)) == "credited"
    # what can still be a block is told to the wallets, however late
    assert pool.fate(pool.send(block.header())) == "Stale"
    assert pool.candidate(block.hash())[:2] == ("side_chain", "inconclusive")
    assert pool.fate(pool.send(pool.search().grind(above_target).header())) == "credited"


def test_a_reorganisation_makes_stale(pool):
    pool.nodes.mine(1)
    pool.await_seen()
    job = pool.job()
    on_lost = [pool.search(job).grind(above_target) for _ in range(2)]
    assert pool.fate(pool.send(on_lost[0].header())) == "credited"
    pool.node("invalidateblock", job["prev"])
    # to another address: the same block once more would be the invalid one
    pool.node("generatetoaddress", 2, pool.node("getnewaddress"))
    pool.await_seen()
    assert pool.node("getblockcount") == job["height"]
    assert pool.fate(pool.send(on_lost[1].header())) == "Stale"
    assert pool.fate(pool.send(pool.search().grind(above_target).header())) == "credited"
    pool.nodes.wait_synced()


# --- what is kept ---


def test_the_worker_dies_and_nothing_is_lost(pool):
    """Before it has seen them, while it is at them: some in its hands, some in the queue."""
    job = pool.job()
    searches = [pool.search(job) for _ in range(3)]
    ids = []
    for death in range(3):
        for search in searches:
            for _ in range(10):
                ids.append(pool.send(search.grind(above_target).header()))
        pool.stop("penstock-worker", signal.SIGKILL)
        ids.append(pool.send(searches[death].grind(above_target).header()))
        pool.start("penstock-worker")
    for message_id in ids:
        assert pool.fate(message_id) == "credited"
    assert len(set(ids)) == 93
    until(pool.all_delivered)
    assert pool.query("SELECT COUNT(*) FROM share WHERE network = %s AND message_id IN %s", pool.network,
                      ids) == ((93,),)


def test_the_archive_proves_every_share(pool):
    some(pool)
    pool.stop("penstock-worker")  # it drains: all that it holds is archived
    pool.start("penstock-worker")
    said = json.loads(pool.ctl("deep-validate", "--network", pool.network, "--json"))
    credited = pool.query("SELECT COUNT(*) FROM share WHERE network = %s", pool.network)[0][0]
    assert (said["differences"], said["damaged"], said["unverified"]) == (0, 0, 0), said
    assert said["rows"] == credited and said["blocks"] >= credited > 0


def test_a_tampered_row_shows(pool):
    message_id = some(pool)[0][0]
    pool.query("UPDATE share SET worker_id = worker_id + 1000000 WHERE message_id = %s", message_id)
    try:
        done = subprocess.run([pathlib.Path(pool.env["PENSTOCK_BIN"], "penstockctl"), "--config", pool.conf,
                               "deep-validate", "--network", pool.network, "--json"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 1
        assert {d["message_id"] for d in json.loads(done.stdout)["list"]} == {message_id}
    finally:
        pool.query("UPDATE share SET worker_id = worker_id - 1000000 WHERE message_id = %s", message_id)


def test_a_restored_database_credits_the_same_again(pool):
    """Nothing of the network is left but its archive."""
    some(pool)
    shares = ("SELECT CAST(message_id AS CHAR), pow_hash, CAST(work_id AS CHAR), difficulty, received_at FROM share"
              " WHERE network = %s ORDER BY message_id")
    before = pool.query(shares, pool.network)
    assert len(before) >= 40
    pool.stop("penstock-worker")
    pool.stop("penstock-jobs")
    saved = pool.folder / "saved"
    pool.archive.rename(saved)
    pool.archive.mkdir()
    for table in ("share", "rejected", "share_stats", "rejected_stats", "rejected_worker_stats", "work", "job"):
        pool.query(f"DELETE FROM {table} WHERE network = %s", pool.network)
    pool.query("DELETE w FROM worker w JOIN miner m ON m.id = w.miner_id WHERE m.network = %s", pool.network)
    pool.query("DELETE FROM miner WHERE network = %s", pool.network)
    statements = pool.ctl("archived-works", str(saved))
    done = subprocess.run(["mariadb", "--socket", pool.env["PENSTOCK_DB_ROOT_SOCKET"], "-u", "root",
                           pool.env["PENSTOCK_DB_NAME"]], input=statements, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    pool.start("penstock-worker")
    said = json.loads(pool.ctl("replay", "--json", str(saved)))
    assert (said["damaged"], said["refused"]) == (0, 0) and said["sent"] >= len(before)
    until(lambda: len(pool.query(shares, pool.network)) >= len(before))
    until(pool.all_delivered)
    assert pool.query(shares, pool.network) == before
    assert pool.query("SELECT COUNT(*) FROM rejected WHERE network = %s", pool.network) == ((0,),)
    pool.start("penstock-jobs")
    pool.worker = pool.query("SELECT w.id FROM worker w JOIN miner m ON m.id = w.miner_id WHERE m.id = %s",
                             pool.guid)[0][0]


# --- with MWEB: from here on all blocks have it ---


def test_a_block_with_mweb(pool):
    pool.nodes.mine_past_mweb()
    for _ in range(2):
        search = pool.search().grind(meets_target)
        assert search.job["transactions"] > 0  # the HogEx at least
        assert_found(pool, search, pool.send(search.header()))


def test_a_job_without_its_transactions_makes_no_block(pool):
    """As in a database that was restored."""
    pool.nodes.mine_past_mweb()
    job = pool.job()
    pool.query("UPDATE job SET transactions = '' WHERE id = %s", job["id"])
    search = pool.search(job).grind(meets_target)
    assert pool.fate(pool.send(search.header())) == "credited"
    assert pool.candidate(search.hash()) is None
    assert "block.no_transactions" in pool.log()
    assert pool.node("getblockcount") == job["height"] - 1
