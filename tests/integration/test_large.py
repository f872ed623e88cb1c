"""Solutions above 64 KiB: their own way through the broker, and what they may not do to a worker:
fill its memory, or keep the small ones waiting."""

import itertools
import json
import pathlib
import re
import struct
import time
import uuid

import pika
import pytest

import blocks
from action_client import Client
from test_worker import NETWORK, Pool, dead_ids, until

MEMORY_KB = 64 * 1024
SMALL, LARGE = f"solution.{NETWORK}", f"solution.{NETWORK}.large"
WORKERS = ("worker-1", "worker-2")
LONGEST = 9 << 20  # SOLUTION_MAX_BODY


@pytest.fixture
def pool(env, db, amqp, rpc):
    made = Pool(env, db, amqp, rpc)
    blocks.await_one_tip(rpc)
    return made


@pytest.fixture
def stopped(ctl):
    """No worker runs; stopped() starts them anew, with nothing in their memory."""
    for worker in WORKERS:
        ctl("stop", worker)
    started = []

    def start():
        started.extend(WORKERS[len(started):])
        for worker in WORKERS:
            ctl("start", worker)

    yield start
    if not started:
        start()


def ballast(size):
    """A transaction of about SIZE bytes, as a template has it."""
    script = b"\x6a" + bytes(size)
    data = (struct.pack("<I", 2) + b"\x01" + bytes(range(32)) + struct.pack("<I", 0) + b"\x00"
            + b"\xff" * 4 + b"\x01" + struct.pack("<Q", 0) + blocks.varint(len(script)) + script
            + struct.pack("<I", 0))
    return {"data": data.hex(), "txid": blocks.sha256d(data)[::-1].hex()}


class Maker:
    """Good shares on one block of SIZE bytes: they differ in the nonce."""

    def __init__(self, pool, size):
        template = pool.template()
        if size > 0:
            template["transactions"].insert(0, ballast(size))  # the MWEB's is the last
        self.block = blocks.Block(template, pool.script)
        self.header = bytearray(self.block.header())
        fields = self.block.fields(pool.work(), pool.guid)
        self.head, self.tail = fields[:14], [fields[14][160:], fields[15]]
        self.nonces = itertools.count(1)

    def fields(self):
        while True:
            nonce = next(self.nonces)
            struct.pack_into("<I", self.header, 76, nonce)
            pow_hash = blocks.scrypt(bytes(self.header))
            if blocks.above_target(int.from_bytes(pow_hash, "big"), self.block):
                break
        head = list(self.head)
        head[0], head[4] = blocks.sha256d(bytes(self.header))[::-1].hex(), pow_hash.hex()
        head[13] = str(nonce)
        return head + [self.header.hex() + self.tail[0], self.tail[1]]

    def body(self, usual=True):
        """USUAL: byte for byte as a frontend writes it; else as any JSON."""
        fields, message_id = self.fields(), str(uuid.uuid4())
        if not usual:
            return message_id, blocks.message(fields, NETWORK, message_id).encode()
        quoted = ",".join(f'"{field}"' for field in fields)
        return message_id, (
            f'{{"v":1,"kind":"solution","id":"{message_id}","network":"{NETWORK}","received_us":'
            f'{time.time_ns() // 1000},"origin":{{"pid":1,"host":"test","ip":"127.0.0.1","agent":'
            f'"1.0","os":"LIN","miner":"test"}},"solution":[{quoted}]}}').encode()


class Sender:
    def __init__(self, pool):
        self.channel = pool.amqp("frontend").channel()
        self.channel.confirm_delivery()
        self.ids = []
        self.hasty = pool.amqp("frontend").channel()

    def send_many(self, queue, messages):
        """Without waiting for each confirm; all of them are in the queue afterwards."""
        before = self.hasty.queue_declare(queue, passive=True).method.message_count
        for message_id, body in messages:
            self.hasty.basic_publish("penstock", queue, body, pika.BasicProperties(
                delivery_mode=2, message_id=message_id, type="solution"))
            self.ids.append(message_id)
        assert until(lambda: self.hasty.queue_declare(queue, passive=True).method.message_count
                     >= before + len(messages))

    def send(self, queue, message_id, body):
        properties = pika.BasicProperties(delivery_mode=2, message_id=message_id, type="solution")
        self.channel.basic_publish("penstock", queue, body, properties, mandatory=True)
        self.ids.append(message_id)


def depth(amqp, queue):
    return amqp("admin").channel().queue_declare(queue, passive=True).method.message_count


def peak_kb(env, worker):
    state = pathlib.Path(env["PENSTOCK_STATE"])
    pid = (state / "pid" / worker).read_text(encoding="ascii").strip()
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def fill(pool, sender, large, small):
    """Large ones by their way, some among the small ones, and poison of the greatest length."""
    makers = [Maker(pool, size) for size in (500_000, 750_000, 990_000)]
    short = Maker(pool, 0)
    poison = []
    for i in range(large):
        sender.send(LARGE if i % 10 else SMALL, *makers[i % 3].body(usual=i % 4 > 0))
    for start in range(0, small, 1000):
        sender.send_many(SMALL, [short.body() for _ in range(min(1000, small - start))])
    huge = json.dumps({"v": 1, "kind": "solution", "solution": ["0" * (LONGEST - 1000)]}).encode()
    for queue in (LARGE, SMALL, LARGE):
        poison.append(str(uuid.uuid4()))
        sender.send(queue, poison[-1], huge)
    sender.send(LARGE, str(uuid.uuid4()), b"1" * (LONGEST + 5))
    poison.append(sender.ids[-1])
    return poison


def settle(pool, amqp, ids, poison, seconds):
    """The books: each message is in exactly one place, the good ones credited."""
    good = set(ids) - set(poison)
    found = []

    def settled():
        found.extend(message_id for message_id, _ in dead_ids(amqp))
        return set(poison) <= set(found) and good <= {i for i, n in pool.books(ids).items() if n}

    until(settled, seconds, 0.5)
    books = pool.books(ids)
    assert {i: n for i, n in books.items() if n + found.count(i) != 1} == {}
    credited = pool.query("SELECT COUNT(*) FROM share WHERE worker_id = %s", pool.worker)[0][0]
    assert credited == len(good)
    assert sorted(i for i in found if i in ids) == sorted(poison)


def check_backlog(pool, env, amqp, start, large, small, seconds):
    dead_ids(amqp)
    sender = Sender(pool)
    poison = fill(pool, sender, large, small)
    start()
    settle(pool, amqp, sender.ids, poison, seconds)
    peaks = {worker: peak_kb(env, worker) for worker in WORKERS}
    print(f"{large} large and {small} small ones, peak memory {peaks} kB")
    assert max(peaks.values()) < MEMORY_KB


def test_memory_over_a_backlog_of_large_ones(pool, env, amqp, stopped):
    check_backlog(pool, env, amqp, stopped, 120, 2000, 300)


@pytest.mark.long
def test_memory_over_thousands_of_large_ones(pool, env, amqp, stopped):
    check_backlog(pool, env, amqp, stopped, 2000, 100_000, 900)


def test_a_held_worker_leaves_the_rest_in_the_broker(pool, env, amqp, ctl, stopped):
    """While nothing can be judged a worker keeps what it has read, and reads no more."""
    sender, medium, large = Sender(pool), Maker(pool, 29_000), Maker(pool, 500_000)
    sender.send_many(SMALL, [medium.body() for _ in range(1200)])
    for _ in range(40):
        sender.send(LARGE, *large.body())
    ctl("stop", "litecoind-pool")
    try:
        stopped()
        time.sleep(8)  # several looks after the connection
        held = {worker: peak_kb(env, worker) for worker in WORKERS}
    finally:
        ctl("start", "litecoind-pool")
    settle(pool, amqp, sender.ids, [], 300)
    peaks = {worker: peak_kb(env, worker) for worker in WORKERS}
    print(f"peak memory while held {held} kB, then {peaks} kB")
    assert max(peaks.values()) < MEMORY_KB


def test_large_ones_in_trouble_do_not_hold_the_small_ones(pool, env, amqp):
    """The queue of the large ones goes away and comes back; the small ones never notice."""
    admin = amqp("admin").channel()
    admin.queue_delete(LARGE)
    try:
        sender = Sender(pool)
        maker = Maker(pool, 0)
        for _ in range(20):
            sender.send(SMALL, *maker.body())
        assert all(pool.settled(sender.ids).values())
    finally:
        admin.queue_declare(LARGE, durable=True, arguments={"x-queue-type": "quorum"})
        admin.queue_bind(LARGE, "penstock", LARGE)
    message_id, body = Maker(pool, 200_000).body()
    sender.send(LARGE, message_id, body)
    assert pool.fate(message_id) == "credited"


@pytest.mark.parametrize("size, queue", [(20_000, SMALL), (50_000, LARGE)])
def test_the_frontend_chooses_the_way_by_size(pool, env, amqp, stopped, size, queue):
    fields = Maker(pool, size).fields()
    before = depth(amqp, queue)
    headers = {"Action": "solution", "NetworkID": NETWORK, "Miner": "x",
               "Content-Type": "text/plain"}
    answer = Client(env).post(headers, ",".join(fields).encode())
    assert b"<STATUS>ok<" in answer.body, answer
    assert until(lambda: depth(amqp, queue) > before)
    stopped()
    assert until(lambda: pool.query("SELECT 1 FROM share WHERE pow_hash = %s",
                                    bytes.fromhex(fields[4])))
