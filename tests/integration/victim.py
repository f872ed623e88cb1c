"""A worker with fault points on networks of its own, and loads that take it through all of its code."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import uuid

import pika

import backend_conf
import biblepay
import blocks
import job_miner
from action_client import poll as until
from backend_conf import section

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))
from books import Books  # noqa: E402

EASY = b"\xff" * 32
BBP_KEY = bytes([7]) * 20
OLD_S = 2900  # before all tips that the worker keeps in memory, and after the work was handed out


class Victim:
    """Its networks, its queues, its worker; PROGRAM is built with FAULTS=1."""

    def __init__(self, env, db, amqp, rpc, folder, program):
        self.env, self.db, self.amqp, self.rpc = env, db, amqp, rpc
        self.folder, self.program = folder, program
        tag = uuid.uuid4().hex[:10]
        self.litecoin, self.bbp = f"crash-{tag}", f"crash-bbp-{tag}"
        self.books = Books([self.litecoin, self.bbp], lambda: db("root"),
                           lambda: amqp("backend").channel())
        self.query = self.books.query
        self.channel = amqp("admin").channel()
        for queue in self.queues():
            self.channel.queue_declare(queue, durable=True, arguments={
                "x-queue-type": "quorum", "x-dead-letter-exchange": "penstock.dead",
                "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"})
            self.channel.queue_bind(queue, "penstock", queue)
        self.channel.confirm_delivery()
        self.wallet = biblepay.Wallet(env, folder)
        address = env["PENSTOCK_POOL_ADDRESS_LITECOIN"]
        self.script = bytes.fromhex(rpc("pool")("validateaddress", address)["scriptPubKey"])
        self.miners = {n: self.miner(n) for n in (self.litecoin, self.bbp)}
        self.others = self.miner(self.litecoin)  # whom another worker serves at the same time
        self.candidates = []
        self.process = None
        self.archives = 0
        self.new_archive()
        self.fill_tips()

    def queues(self):
        return [form % network for network in (self.litecoin, self.bbp)
                for form in ("solution.%s", "solution.%s.large", "share.%s")]

    def miner(self, network):
        guid = str(uuid.uuid4())
        self.query("INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", guid, network,
                   "test-" + guid)
        self.query("INSERT INTO worker (miner_id, name) VALUES (%s, 'Default')", guid)
        return guid, self.query("SELECT id FROM worker WHERE miner_id = %s", guid)[0][0]

    def fill_tips(self):
        """More than the worker keeps in memory, so that it has to ask for older ones."""
        for i in range(70):
            self.query("INSERT INTO tip (network, hash, height, seen_at) VALUES (%s, %s, 1,"
                       " NOW(6) - INTERVAL %s SECOND)", self.litecoin, os.urandom(32), 1800 + i)

    def work(self, network, age_s=0):
        work_id = str(uuid.uuid4())
        self.query("INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent,"
                   " created_at) VALUES (%s, %s, %s, %s, '1', '127.0.0.1', 'LIN', '1.0',"
                   " NOW(6) - INTERVAL %s SECOND)", work_id, network, self.miners[network][1], EASY,
                   age_s)
        return work_id

    # --- the worker ---

    def configuration(self):
        limit = {"share_target_limit": EASY.hex()}
        return (backend_conf.servers(self.env, query_timeout_ms=10000)
                + section("worker", archive_dir=self.archive, archive_rotate_bytes=4096, batch_linger_ms=50)
                + section(f"network {self.litecoin}", backend_conf.LITECOIN | limit,
                          pool_address=self.env["PENSTOCK_POOL_ADDRESS_LITECOIN"],
                          unknown_parent_wait_ms=200)
                + section(f"network {self.bbp}", backend_conf.BIBLEPAY | limit, base58_length=34,
                          pool_address=biblepay.address_of(BBP_KEY))
                + backend_conf.litecoin_wallet(self.env, self.litecoin)
                + backend_conf.wallet_section("biblepay", self.bbp, self.wallet.url, self.wallet.user,
                                      self.wallet.password_file))

    def new_archive(self):
        """The worker makes the folders in it once."""
        self.archives += 1
        self.archive = self.folder / f"archive-{self.archives}"
        self.archive.mkdir()

    def start(self, fault=None):
        conf = self.folder / "backend.conf"
        conf.write_text(self.configuration())
        environment = dict(os.environ)
        if fault:
            environment["PENSTOCK_FAULT"] = fault
        with open(self.folder / "worker.log", "ab") as log:
            self.process = subprocess.Popen([self.program, "--config", conf], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        return (self.folder / "worker.log").read_text(errors="replace")

    def is_dead(self):
        return self.process.poll() is not None

    def stop(self):
        """It drains and ends."""
        self.process.terminate()
        assert self.process.wait(120) == 0, self.log()[-3000:]

    def close(self):
        if self.process is not None and not self.is_dead():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.wallet.stop()
        for queue in self.queues():
            self.channel.queue_delete(queue)

    # --- the load ---

    def send(self, body, network=None, message_id=None, kind="solution"):
        network = network or self.litecoin
        message_id = message_id or json.loads(body)["id"]
        self.channel.basic_publish(
            "penstock", f"{kind}.{network}", body,
            pika.BasicProperties(delivery_mode=2, message_id=message_id, type=kind),
            mandatory=True)
        self.books.acknowledged.add(message_id)
        return message_id

    def template(self):
        return self.rpc("pool")("getblocktemplate", {"rules": ["mweb", "segwit"]})

    def message(self, block, work=None, network=None, **options):
        network = network or self.litecoin
        fields = block.fields(work or self.work(network), self.miners[network][0])
        return blocks.message(fields, network, **options)

    def seen_thrice(self, n=2):
        """Messages that killed the worker before, so to say. The worker does not run yet, and the
        queue is empty."""
        template, work = self.template(), self.work(self.litecoin)
        for _ in range(n):
            block = blocks.Block(template, self.script).grind(blocks.above_target)
            self.send(self.message(block, work))
        for _ in range(3):
            tags = [until(self.get) for _ in range(n)]
            for tag in tags:
                self.channel.basic_nack(tag, requeue=True)

    def get(self):
        method, _, _ = self.channel.basic_get(f"solution.{self.litecoin}")
        return method.delivery_tag if method else None

    def other_worker(self, raced, crossed, refused):
        """Its transaction, still open: it credits the solution of RACED under an id of its own,
        refuses the message CROSSED, and credits the message REFUSED. Returns the connection."""
        other = self.db("root", autocommit=False)
        message = json.loads(crossed)
        share = ("INSERT INTO share (day, network, pow_hash, worker_id, work_id, message_id,"
                 " received_at, difficulty) VALUES (%s, %s, %s, %s, UUID(), %s, NOW(6), 1)")
        theirs = str(uuid.uuid4())
        with other.cursor() as cursor:
            for body, message_id in ((raced, theirs), (refused, json.loads(refused)["id"])):
                solution = json.loads(body)["solution"]
                cursor.execute(share, (int(solution[1]) // 86400, self.litecoin,
                                       bytes.fromhex(solution[4]), self.others[1], message_id))
            cursor.execute("INSERT INTO rejected (message_id, day, network, reason, worker_id,"
                           " received_at) VALUES (%s, %s, %s, 'WorkExpired', %s, NOW(6))",
                           (message["id"], message["received_us"] // 86400000000, self.litecoin,
                            self.others[1]))
            cursor.execute("INSERT INTO share_stats (worker_id, minute, network, shares, rejected,"
                           " difficulty) VALUES (%s, 1, %s, 2, 1, 2) ON DUPLICATE KEY UPDATE"
                           " shares = shares + 2, rejected = rejected + 1,"
                           " difficulty = difficulty + 2", (self.others[1], self.litecoin))
            cursor.execute("INSERT INTO rejected_worker_stats (network, hour, worker_id, reason, rejected)"
                           " VALUES (%s, 0, %s, 'WorkExpired', 1) ON DUPLICATE KEY UPDATE"
                           " rejected = rejected + 1", (self.litecoin, self.others[1]))
            cursor.execute("INSERT INTO rejected_stats (network, minute, reason, rejected) VALUES"
                           " (%s, 1, 'WorkExpired', 1) ON DUPLICATE KEY UPDATE"
                           " rejected = rejected + 1", (self.litecoin,))
        self.books.acknowledged.add(theirs)
        return other

    def job(self):
        """A job of the pool's own making, and its time's day."""
        template = self.template()
        job, transactions = job_miner.make_job(template, self.script, self.litecoin)
        self.query("INSERT INTO job (id, day, network, height, job, transactions, mweb) VALUES"
                   " (%s, %s, %s, %s, %s, %s, %s)", job["id"], int(uuid.UUID(job["id"]).hex[:12], 16) // 86400000,
                   self.litecoin, job["height"], json.dumps(job), transactions,
                   bytes.fromhex(template["mweb"]) if template.get("mweb") else None)
        return job

    def job_shares(self):
        """Messages of a job of their own: a share, the same again, one of nobody's work, a block."""
        search = job_miner.Search(self.job())
        self.query("INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent, job_id, extranonce)"
                   " VALUES (%s, %s, %s, %s, '', '::1', '', 'x', %s, %s)", search.id(), self.litecoin,
                   self.miners[self.litecoin][1], EASY, search.job["id"], search.extranonce)
        share = job_miner.message(search.grind(blocks.above_target).header(), self.litecoin)
        strange = job_miner.message(job_miner.Search(search.job).header(), self.litecoin)
        block = search.grind(blocks.meets_target)
        self.candidates.append(block.hash())
        return [share, share, json.dumps(json.loads(share) | {"id": str(uuid.uuid4())}), strange,
                job_miner.message(block.header(), self.litecoin)]

    def wave(self, rng=random):
        """Messages of every kind, in random order, while another worker holds some of the same."""
        template, work = self.template(), self.work(self.litecoin)

        def share(wanted=blocks.above_target, base=template):
            return blocks.Block(base, self.script).grind(wanted)

        block = share(blocks.meets_target)
        self.candidates.append(block.hash())
        orphan = share(base=share().child_template())
        good = [self.message(share(), work) for _ in range(4)]
        raced, crossed = (self.message(share(), work) for _ in range(2))
        refused = self.message(share(), str(uuid.uuid4()))
        old = self.message(share(), self.work(self.litecoin, age_s=OLD_S + 100),
                           received_us=int((time.time() - OLD_S) * 1e6), pid=rng.randrange(10**6))
        mixed = good + [raced, crossed, refused, old, good[0],
                        json.dumps(json.loads(good[1]) | {"id": str(uuid.uuid4())}),
                        self.message(share(), str(uuid.uuid4())), self.message(orphan, work),
                        self.message(block, work), self.message(block, work)]
        rng.shuffle(mixed)
        bbp = [self.message(biblepay.Block(self.wallet.state(), biblepay.script_of(BBP_KEY)),
                            network=self.bbp) for _ in range(2)]
        return mixed, bbp, (raced, crossed, refused)

    def publish_wave(self, rng=random, seconds=0.5):
        self.wallet.control(new_blocks=1)
        mixed, bbp, held = self.wave(rng)
        of_jobs = self.job_shares()  # made before any of the blocks is sent: timely
        other = self.other_worker(*held)
        for body in mixed:
            self.send(body)
        for body in of_jobs:
            self.send(body, kind="share")
        self.send("{no JSON", message_id=str(uuid.uuid4()))
        for body in bbp:
            self.send(body, self.bbp)
        until(self.is_dead, seconds)  # time to meet the other worker's locks
        other.commit()
        other.close()
