"""The worker against real servers: what is credited, what is refused and why, and that neither
crashes nor outages lose or double anything."""

import gzip
import json
import pathlib
import random
import threading
import time
import uuid

import blocks
import pika
import pytest
from action_client import poll as until

NETWORK = "litecoin"
EASY = b"\xff" * 32
WORKERS = ("worker-1", "worker-2")
UNKNOWN_PARENT_WAIT_S = 5  # the setting's default


class Pool:
    """A frontend's place: hands out work, queues solutions, looks at what became of them."""

    def __init__(self, env, db, amqp, rpc):
        self.env, self.db, self.amqp, self.rpc = env, db, amqp, rpc
        self.sql = db("root")
        address = env["PENSTOCK_POOL_ADDRESS_LITECOIN"]
        self.script = self.script_of(address)
        self.guid = self.miner()
        self.worker = self.worker_of(self.guid)
        self.channel = None

    def all_delivered(self):
        """Has each message of the queue been given to a worker?"""
        queue = self.amqp("admin").channel().queue_declare(f"solution.{NETWORK}", passive=True).method
        return queue.consumer_count > 0 and queue.message_count == 0

    def script_of(self, address):
        return bytes.fromhex(self.rpc("pool")("validateaddress", address)["scriptPubKey"])

    def query(self, statement, *values):
        with self.sql.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def miner(self):
        guid = str(uuid.uuid4())
        self.query("INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", guid, NETWORK,
                   "test-" + guid)
        return guid

    def worker_of(self, guid):
        self.query("INSERT INTO worker (miner_id, name) VALUES (%s, 'Default')", guid)
        return self.query("SELECT id FROM worker WHERE miner_id = %s", guid)[0][0]

    def work(self, target=EASY, network=NETWORK, worker=None, age_s=0):
        work_id = str(uuid.uuid4())
        self.query("INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent,"
                   " created_at) VALUES (%s, %s, %s, %s, '1', '127.0.0.1', 'LIN', '1.0',"
                   " NOW(6) - INTERVAL %s SECOND)", work_id, network, worker or self.worker,
                   target, age_s)
        return work_id

    def template(self, node="miner"):
        return self.rpc(node)("getblocktemplate", {"rules": ["mweb", "segwit"]})

    def block(self, wanted=blocks.above_target, **options):
        options = {"template": self.template(), "script": self.script} | options
        return blocks.Block(**options).grind(wanted)

    def fields(self, block, work=None, **changes):
        return block.fields(work_id=work or self.work(), miner_guid=self.guid, **changes)

    def publish(self, body, network=NETWORK):
        """As the frontend does: confirmed."""
        if self.channel is None or self.channel.is_closed:
            self.channel = self.amqp("frontend").channel()
            self.channel.confirm_delivery()
        properties = pika.BasicProperties(delivery_mode=2, message_id=self.id_of(body),
                                          type="solution")
        self.channel.basic_publish("penstock", f"solution.{network}", body, properties,
                                   mandatory=True)

    @staticmethod
    def id_of(body):
        try:
            return json.loads(body)["id"]
        except (ValueError, KeyError, TypeError):
            return str(uuid.uuid4())

    def send(self, fields, **options):
        body = blocks.message(fields, NETWORK, **options)
        self.publish(body)
        return self.id_of(body)

    def shares(self, message_id):
        return self.query("SELECT pow_hash FROM share WHERE message_id = %s", message_id)

    def rejections(self, message_id):
        return self.query("SELECT reason, detail FROM rejected WHERE message_id = %s", message_id)

    def fate(self, message_id, seconds=180):
        """'credited', or the reason."""

        def settled():
            if self.shares(message_id):
                return "credited"
            rows = self.rejections(message_id)
            return rows[0][0] if rows else None

        return until(settled, seconds)

    def fate_of(self, fields, **options):
        return self.fate(self.send(fields, **options))

    def books(self, ids):
        """How often each of the messages is in share, rejected and dead together."""
        count = dict.fromkeys(ids, 0)
        for table in ("share", "rejected"):
            for (message_id,) in self.query(f"SELECT message_id FROM {table}"):
                if str(message_id) in count:
                    count[str(message_id)] += 1
        return count

    def settled(self, ids, seconds=180):
        """Waits until none of the messages is missing in the books, and returns them."""
        until(lambda: all(self.books(ids).values()), seconds, 0.5)
        return self.books(ids)


@pytest.fixture
def pool(env, db, amqp, rpc):
    made = Pool(env, db, amqp, rpc)
    blocks.await_one_tip(rpc)
    return made


# --- what is credited ---


def test_a_good_share_is_credited(pool):
    block = pool.block()
    work = pool.work()
    body = blocks.message(pool.fields(block, work), NETWORK)
    pool.publish(body)
    message_id = pool.id_of(body)
    assert pool.fate(message_id) == "credited"
    row = pool.query("SELECT network, pow_hash, worker_id, work_id, difficulty, block_id, day"
                     " FROM share WHERE message_id = %s", message_id)
    assert row == ((NETWORK, block.pow(), pool.worker, uuid.UUID(work) if not isinstance(
        row[0][3], str) else work, 1, None, block.time // 86400),)


def test_received_time_is_the_frontends_within_bounds(pool):
    now = int(time.time() * 1e6)
    past = pool.send(pool.fields(pool.block()), received_us=now - 3600 * 10**6, pid=101)
    future = pool.send(pool.fields(pool.block()), received_us=now + 3600 * 10**6, pid=102)
    honest = pool.send(pool.fields(pool.block()), received_us=now - 1000000, pid=103)
    received = {}
    for message_id in (past, future):
        assert pool.fate(message_id) == "credited"
    assert pool.fate(honest) == "credited"
    for message_id in (past, future, honest):
        ((received[message_id],),) = pool.query(
            "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', received_at) FROM share"
            " WHERE message_id = %s", message_id)
    ((created,),) = pool.query(
        "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', w.created_at) FROM work w JOIN share s"
        " ON s.work_id = w.id WHERE s.message_id = %s", past)
    assert received[past] == created  # not before its work was handed out
    assert now < received[future] <= int(time.time() * 1e6)  # not in the future


def test_stats_follow_the_rows(pool):
    good = [pool.fields(pool.block()) for _ in range(3)]
    bad = [refuse_above_target(pool) for _ in range(2)]
    sent = [pool.send(fields) for fields in good + bad]
    fates = [pool.fate(message_id) for message_id in sent]
    assert fates == ["credited"] * 3 + ["HashTargetExceeded"] * 2
    rows = pool.query("SELECT SUM(shares), SUM(rejected), SUM(difficulty), SUM(hash_rate)"
                      " FROM share_stats WHERE worker_id = %s", pool.worker)
    # the easiest target takes one hash; 4000 hashes in 60 s are 66 a second
    assert [int(x) for x in rows[0]] == [3, 2, 3, 3 * 66]


def test_credited_shares_are_archived(pool, env):
    message_id = pool.send(pool.fields(pool.block()))
    assert pool.fate(message_id) == "credited"

    def archived():
        found = []
        for path in pathlib.Path(archive_dir(env), NETWORK).glob("[!.]*"):
            opener = gzip.open if path.suffix == ".gz" else open
            try:
                with opener(path, "rt", encoding="ascii") as lines:
                    found += [line for line in lines if message_id in line]
            except (OSError, EOFError):
                pass  # compressed or removed just now
        return found

    lines = set(until(archived))  # for a moment a file and its compressed form stand side by side
    assert len(lines) == 1 and json.loads(lines.pop())["id"] == message_id


def archive_dir(env):
    for line in pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text().splitlines():
        if line.startswith("archive_dir"):
            return line.split("=", 1)[1].strip()
    raise AssertionError("no archive_dir")


def test_spellings_of_a_hash_are_one_share(pool):
    fields = pool.fields(pool.block())
    upper = [field.upper() if i in (0, 4, 14, 15) else field for i, field in enumerate(fields)]
    padded = [f"  {field} " for field in fields]
    renumbered = list(fields)
    renumbered[1], renumbered[13] = "0" + fields[1], "000" + fields[13]
    fates = [pool.fate_of(variant) for variant in (upper, fields, padded, renumbered)]
    assert fates.count("credited") == 1
    # spaces are the frontend's to drop: behind it they make a work id that does not exist
    assert fates == ["credited", "BibleHashAlreadyKnown", "UnknownWork", "BibleHashAlreadyKnown"]


def test_repeats_inside_one_batch(pool):
    """The first good one counts, also behind bad ones with the same hash."""
    block = pool.block()
    thief = pool.miner()
    bad = block.fields(work_id=pool.work(), miner_guid=thief)
    good = [pool.fields(block) for _ in range(3)]
    ids = [pool.send(fields) for fields in [bad, *good]]
    fates = [pool.fate(message_id) for message_id in ids]
    assert sorted(fates[1:]) == ["BibleHashAlreadyKnown", "BibleHashAlreadyKnown", "credited"]
    assert fates[0] in ("WorkMismatch", "BibleHashAlreadyKnown")


def test_the_same_message_twice_adds_nothing(pool):
    body = blocks.message(pool.fields(pool.block()), NETWORK)
    refused = blocks.message(pool.fields(pool.block(), str(uuid.uuid4())), NETWORK)
    for _ in range(3):
        pool.publish(body)
        pool.publish(refused)
    for each in (body, refused):
        assert pool.fate(pool.id_of(each))
    last = pool.send(pool.fields(pool.block()))
    assert pool.fate(last) == "credited"
    ids = [pool.id_of(body), pool.id_of(refused)]
    assert pool.settled(ids) == dict.fromkeys(ids, 1)
    assert pool.query("SELECT SUM(shares), SUM(rejected) FROM share_stats WHERE worker_id = %s",
                      pool.worker) == ((2, 0),)


# --- what is refused ---


def refuse_unknown_work(pool):
    return pool.fields(pool.block(), str(uuid.uuid4()))


def refuse_malformed_work(pool):
    return pool.fields(pool.block(), "no-uuid' OR 1=1")


def refuse_work_that_mariadb_refuses(pool):
    """A UUID of a form that its type UUID does not take: nothing of it may be stored."""
    return pool.fields(pool.block(), "4861640e-0d8e-8d73-8047-5e79196c5622")


def refuse_work_of_other_network(pool):
    return pool.fields(pool.block(), pool.work(network="litecoin-b"))


def refuse_work_of_other_miner(pool):
    return pool.block().fields(pool.work(), pool.miner())


def refuse_disabled_miner(pool):
    guid = pool.miner()
    work = pool.work(worker=pool.worker_of(guid))
    pool.query("UPDATE miner SET disabled = TRUE WHERE id = %s", guid)
    return pool.block().fields(work, guid)


def refuse_expired_work(pool):
    return pool.fields(pool.block(), pool.work(age_s=3700))


def refuse_above_target(pool):
    block = pool.block()
    return pool.fields(block, pool.work(target=block.pow()))  # must be less, not equal


def refuse_short_hash(pool):
    block = pool.block()
    return pool.fields(block, pow_hash=block.pow().hex()[:-1])


def refuse_truncated_block(pool):
    block = pool.block()
    return pool.fields(block, block_hex=block.hex()[:400])


def refuse_no_hex(pool):
    block = pool.block()
    return pool.fields(block, block_hex="zz" + block.hex()[2:])


def refuse_no_coinbase(pool):
    block = blocks.Block(pool.template(), pool.script)
    block.coinbase.prevout = bytes(range(36))
    return pool.fields(block.grind(blocks.above_target))


def refuse_broken_transaction(pool):
    return pool.fields(pool.block(), transaction_hex="00")


def with_time(pool, shift):
    block = blocks.Block(pool.template(), pool.script)
    block.time += shift
    return pool.fields(block.grind(blocks.above_target))


def refuse_old_header(pool):
    return with_time(pool, -86400 - 600)


def refuse_future_header(pool):
    return with_time(pool, 7200 + 600)


def refuse_wrong_block_hash(pool):
    return pool.fields(pool.block(), block_hash="00" * 32)


def refuse_wrong_time(pool):
    block = pool.block()
    return pool.fields(block, block_time=block.time + 1)


def refuse_wrong_nonce(pool):
    block = pool.block()
    return pool.fields(block, nonce=block.nonce + 1)


def refuse_text_as_nonce(pool):
    return pool.fields(pool.block(), nonce="many")


def refuse_wrong_merkle_root(pool):
    block = blocks.Block(pool.template(), pool.script)
    block.merkle = bytes(32)
    return pool.fields(block.grind(blocks.above_target))


def refuse_other_transaction(pool):
    block, other = pool.block(), pool.block()
    return pool.fields(block, transaction_hex=other.coinbase.serialised().hex())


def refuse_wrong_bits(pool):
    block = blocks.Block(pool.template(), pool.script)
    block.bits = 0x1F7FFFFF
    return pool.fields(block.grind(blocks.above_target))


def refuse_other_miners_tag(pool):
    return pool.fields(pool.block(tag=f"<MINERGUID>{uuid.uuid4()}</MINERGUID>".encode()))


def refuse_own_address(pool):
    mine = pool.script_of(pool.rpc("miner")("getnewaddress"))
    return pool.fields(pool.block(script=mine))


def refuse_second_output(pool):
    template = pool.template()
    mine = pool.script_of(pool.rpc("miner")("getnewaddress"))
    value = template["coinbasevalue"]
    return pool.fields(pool.block(template=template,
                                  outputs=[(value - 1, pool.script), (1, mine)]))


def refuse_less_than_subsidy(pool):
    template = pool.template()
    subsidy = 5000000000 >> (template["height"] // 150)
    return pool.fields(pool.block(template=template, value=subsidy - 1))


def refuse_wrong_prev_height(pool):
    block = pool.block()
    return pool.fields(block, prev_height=block.height)


def refuse_height_that_lies(pool):
    template = pool.template()
    return pool.fields(pool.block(template=template, height=template["height"] + 1))


def refuse_old_parent(pool):
    template = pool.template()
    rpc = pool.rpc("miner")
    hash_before = rpc("getblockhash", template["height"] - 2)
    template |= {"previousblockhash": hash_before, "height": template["height"] - 1,
                 "mintime": template["curtime"]}
    return pool.fields(pool.block(template=template))


def refuse_false_hash(pool):
    block = pool.block()
    return pool.fields(block, pow_hash="0" * 60 + "1234")


REFUSALS = [
    (refuse_unknown_work, "UnknownWork"),
    (refuse_malformed_work, "UnknownWork"),
    (refuse_work_that_mariadb_refuses, "UnknownWork"),
    (refuse_work_of_other_network, "UnknownWork"),
    (refuse_work_of_other_miner, "WorkMismatch"),
    (refuse_other_miners_tag, "WorkMismatch"),
    (refuse_disabled_miner, "MinerDisabled"),
    (refuse_expired_work, "WorkExpired"),
    (refuse_above_target, "HashTargetExceeded"),
    (refuse_short_hash, "HashTargetExceeded"),
    (refuse_truncated_block, "TransactionInvalid"),
    (refuse_no_hex, "TransactionInvalid"),
    (refuse_no_coinbase, "TransactionInvalid"),
    (refuse_broken_transaction, "TransactionInvalid"),
    (refuse_old_header, "HeaderTimeInvalid"),
    (refuse_future_header, "HeaderTimeInvalid"),
    (refuse_wrong_block_hash, "BlockMismatch"),
    (refuse_wrong_time, "BlockMismatch"),
    (refuse_wrong_nonce, "BlockMismatch"),
    (refuse_text_as_nonce, "BlockMismatch"),
    (refuse_wrong_merkle_root, "BlockMismatch"),
    (refuse_other_transaction, "BlockMismatch"),
    (refuse_wrong_bits, "BlockMismatch"),
    (refuse_own_address, "TransactionTampered"),
    (refuse_second_output, "TransactionTampered"),
    (refuse_less_than_subsidy, "TransactionTampered"),
    (refuse_wrong_prev_height, "TransactionTampered"),
    (refuse_height_that_lies, "TransactionTampered"),
    (refuse_old_parent, "TransactionTampered"),
    (refuse_false_hash, "BibleHashWrong"),
]


@pytest.mark.parametrize("make, reason", REFUSALS, ids=[make.__name__ for make, _ in REFUSALS])
def test_refused(pool, make, reason):
    fields = make(pool)
    message_id = pool.send(fields)
    assert pool.fate(message_id) == reason
    detail = pool.rejections(message_id)[0][1]
    assert detail and detail.isascii() and detail.isprintable()
    assert pool.settled([message_id]) == {message_id: 1}
    # refused shares do not block the hash for its owner
    assert pool.fate(pool.send(fields)) == reason


def test_rejections_are_counted(pool):
    message_id = pool.send(pool.fields(pool.block(), nonce="x"))
    assert pool.fate(message_id) == "BlockMismatch"
    assert pool.query("SELECT SUM(shares), SUM(rejected) FROM share_stats WHERE worker_id = %s",
                      pool.worker) == ((0, 1),)
    minute = pool.query("SELECT FLOOR(UNIX_TIMESTAMP(received_at) / 60) FROM rejected"
                        " WHERE message_id = %s", message_id)[0][0]
    counted = pool.query("SELECT rejected FROM rejected_stats WHERE network = %s AND minute = %s"
                         " AND reason = 'BlockMismatch'", NETWORK, minute)
    stored = pool.query("SELECT COUNT(*) FROM rejected WHERE network = %s AND"
                        " reason = 'BlockMismatch' AND FLOOR(UNIX_TIMESTAMP(received_at) / 60) ="
                        " %s", NETWORK, minute)
    assert counted == stored
    assert pool.query("SELECT reason, SUM(rejected) FROM rejected_worker_stats WHERE worker_id = %s"
                      " GROUP BY reason", pool.worker) == (("BlockMismatch", 1),)


# --- poison ---


def dead_ids(amqp):
    """Empties `dead`, and returns the message ids."""
    channel = amqp("admin").channel()
    found = []
    while True:
        method, properties, body = channel.basic_get("dead", auto_ack=True)
        if method is None:
            return found
        found.append((properties.message_id, body))


POISON = {
    "no json": b"{",
    "not utf-8": b"\xff\xfe",
    "array": b"[]",
    "deep": b"[" * 5000 + b"]" * 5000,
    "version": lambda good: json.dumps(json.loads(good) | {"v": 2}),
    "kind": lambda good: json.dumps(json.loads(good) | {"kind": "share"}),
    "other network": lambda good: json.dumps(json.loads(good) | {"network": "litecoin-b"}),
    "15 fields": lambda good: json.dumps(json.loads(good) | {"solution": ["1"] * 15}),
    "no id": lambda good: json.dumps(json.loads(good) | {"id": "x"}),
    "empty": b"",
}


def test_poison_ends_in_dead_and_takes_no_neighbour(pool, amqp):
    dead_ids(amqp)
    good = [blocks.message(pool.fields(pool.block()), NETWORK) for _ in range(len(POISON) + 1)]
    marks = []
    channel = pool.amqp("frontend").channel()
    for body, poison in zip(good, POISON.values()):
        pool.publish(body)
        marks.append(str(uuid.uuid4()))
        channel.basic_publish("penstock", f"solution.{NETWORK}",
                              poison(good[0]) if callable(poison) else poison,
                              pika.BasicProperties(delivery_mode=2, message_id=marks[-1]))
    pool.publish(good[-1])
    ids = [pool.id_of(body) for body in good]
    assert pool.settled(ids) == dict.fromkeys(ids, 1)
    assert all(pool.shares(message_id) for message_id in ids)
    found = []
    until(lambda: found.extend(x for x, _ in dead_ids(amqp)) or set(found) >= set(marks))
    assert sorted(found) == sorted(marks)


# --- blocks ---


def candidate(pool, block):
    rows = until(lambda: pool.query("SELECT outcome, answer, message_id, worker_id FROM"
                                    " block_candidate WHERE network = %s AND hash = %s", NETWORK,
                                    bytes.fromhex(block.hash())))
    return rows[0] if rows else None


def test_a_block_is_submitted_and_credited(pool):
    block = pool.block(blocks.meets_target)
    message_id = pool.send(pool.fields(block))
    assert until(lambda: pool.rpc("pool")("getbestblockhash") == block.hash())
    assert pool.fate(message_id) == "credited"
    assert candidate(pool, block)[:2] == ("on_chain", "accepted")
    # again, by another message: known, and not submitted again
    assert pool.fate_of(pool.fields(block)) == "BibleHashAlreadyKnown"
    assert candidate(pool, block)[:2] == ("on_chain", "accepted")


@pytest.mark.parametrize("make", [
    lambda pool, block: pool.fields(block, str(uuid.uuid4())),
    lambda pool, block: pool.fields(block, pool.work(age_s=3700)),
    lambda pool, block: pool.fields(block, pool.work(target=bytes(32))),
    lambda pool, block: pool.fields(block, nonce="x"),
], ids=["unknown work", "expired", "above share target", "mismatch"])
def test_a_block_counts_for_the_pool_even_when_its_share_does_not(pool, make):
    block = pool.block(blocks.meets_target)
    message_id = pool.send(make(pool, block))
    assert until(lambda: pool.rpc("pool")("getbestblockhash") == block.hash())
    assert pool.fate(message_id) not in (None, "credited")
    assert candidate(pool, block)[0] == "on_chain"


def test_what_is_no_block_of_ours_is_not_submitted(pool):
    mine = pool.script_of(pool.rpc("miner")("getnewaddress"))
    block = pool.block(blocks.meets_target, script=mine)
    assert pool.fate_of(pool.fields(block)) == "TransactionTampered"
    share = pool.block()
    assert pool.fate_of(pool.fields(share, pow_hash="0" * 64)) == "BibleHashWrong"
    rows = pool.query("SELECT COUNT(*) FROM block_candidate WHERE hash IN (%s, %s)",
                      bytes.fromhex(block.hash()), bytes.fromhex(share.hash()))
    assert rows == ((0,),)
    assert pool.rpc("pool")("getbestblockhash") != block.hash()


def test_a_refused_block_is_noted(pool):
    block = pool.block(blocks.meets_target, value=pool.template()["coinbasevalue"] + 1)
    assert pool.fate_of(pool.fields(block)) == "credited"
    assert candidate(pool, block)[:2] == ("refused", "bad-cb-amount")


# --- heights ---


def new_tip(pool):
    """The chain moves on, and the pool sees it; the time at which it did."""
    node = pool.rpc("miner")
    (tip,) = node("generatetoaddress", 1, node("getnewaddress"))
    rows = until(lambda: pool.query("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', seen_at)"
                                    " FROM tip WHERE network = %s AND hash = %s", NETWORK,
                                    bytes.fromhex(tip)))
    return rows[0][0]


def test_height_is_judged_as_of_the_receipt(pool):
    before = [pool.fields(pool.block(), pool.work(age_s=60)) for _ in range(3)]
    seen = new_tip(pool)
    pids = random.sample(range(1000, 10**9), 3)  # none that another test has used
    assert pool.fate_of(before[0], received_us=seen - 1, pid=pids[0]) == "credited"
    assert pool.fate_of(before[1], received_us=seen, pid=pids[1]) == "credited"
    assert pool.fate_of(before[2], received_us=seen + 1,
                        pid=pids[2]) == "TransactionTampered"


def test_old_bits_and_tips_are_recorded(pool):
    new_tip(pool)
    bits = pool.query("SELECT bits FROM tip WHERE network = %s ORDER BY seen_at DESC LIMIT 1",
                      NETWORK)
    assert bits == ((0x207FFFFF,),)


def test_a_share_ahead_of_the_pools_wallet_waits(pool):
    for _ in range(10):  # on a busy machine its time may be over before the parent is there
        parent = pool.block(blocks.meets_target)
        child = pool.block(template=parent.child_template())
        start = time.monotonic()
        message_id = pool.send(pool.fields(child))
        other = pool.send(pool.fields(pool.block()))
        assert pool.fate(other) == "credited"  # nobody else waits
        waited = pool.fate(message_id, 0.5) is None
        assert pool.rpc("miner")("submitblock", parent.hex()) is None
        in_time = time.monotonic() - start < UNKNOWN_PARENT_WAIT_S / 2
        fate = pool.fate(message_id)
        if in_time and fate == "credited":
            break
    assert waited and fate == "credited"


def test_a_share_on_an_unknown_parent_is_refused_in_the_end(pool):
    parent = pool.block(blocks.meets_target)
    child = pool.block(template=parent.child_template())
    start = time.monotonic()
    assert pool.fate_of(pool.fields(child)) == "TransactionTampered"
    assert time.monotonic() - start > UNKNOWN_PARENT_WAIT_S - 1


def test_a_block_on_a_side_chain(pool):
    template = pool.template()
    first = pool.block(blocks.meets_target, template=template)
    second = pool.block(blocks.meets_target, template=template)
    assert pool.rpc("pool")("submitblock", first.hex()) is None
    pool.send(pool.fields(second))
    assert candidate(pool, second)[:2] == ("side_chain", "inconclusive")
    new_tip(pool)  # else the node might prefer the second one after its next start


# --- outages ---


def share_bodies(pool, n):
    """N good shares on one template, made with little work."""
    template, work = pool.template(), pool.work()
    return [blocks.message(pool.fields(pool.block(template=template), work), NETWORK)
            for _ in range(n)]


def check_books(pool, ids, seconds=180):
    books = pool.settled(ids, seconds)
    assert {x: n for x, n in books.items() if n != 1} == {}
    ((shares, rejected),) = pool.query(
        "SELECT SUM(shares), SUM(rejected) FROM share_stats WHERE worker_id = %s", pool.worker)
    credited = pool.query("SELECT COUNT(*) FROM share WHERE worker_id = %s", pool.worker)[0][0]
    refused = pool.query("SELECT COUNT(*) FROM rejected WHERE worker_id = %s", pool.worker)[0][0]
    assert (shares, rejected) == (credited, refused)
    return credited


def test_wallet_down_holds_and_then_credits(pool, ctl):
    bodies = share_bodies(pool, 20)
    ctl("stop", "litecoind-pool")
    try:
        for body in bodies:
            pool.publish(body)
        time.sleep(2)
        ids = [pool.id_of(body) for body in bodies]
        assert set(pool.books(ids).values()) == {0}
    finally:
        ctl("start", "litecoind-pool")
    assert check_books(pool, ids) == 20


def test_a_block_found_while_the_wallet_is_down_is_not_lost(pool, ctl):
    block = pool.block(blocks.meets_target)
    ctl("stop", "litecoind-pool")
    try:
        message_id = pool.send(pool.fields(block))
        time.sleep(1)
    finally:
        ctl("start", "litecoind-pool")
    assert pool.fate(message_id) == "credited"
    assert candidate(pool, block)[0] == "on_chain"
    assert pool.rpc("pool")("getbestblockhash") == block.hash()


def test_database_restart_under_load(pool, ctl):
    bodies = share_bodies(pool, 300)
    for i, body in enumerate(bodies):
        pool.publish(body)
        if i == 100:
            ctl("kill", "mariadb")
    time.sleep(2)
    ctl("start", "mariadb")
    pool.sql = pool.db("root")
    assert check_books(pool, [pool.id_of(body) for body in bodies]) == 300


def test_broker_restart_under_load(pool, ctl):
    bodies = share_bodies(pool, 200)
    for body in bodies:
        pool.publish(body)
    ctl("restart", "rabbitmq")
    pool.channel = None
    assert check_books(pool, [pool.id_of(body) for body in bodies]) == 200


def test_workers_killed_under_load(pool, ctl):
    bodies = share_bodies(pool, 600)
    mixed = bodies + random.sample(bodies, 100)  # the same messages once more
    repeats = []
    for body in random.sample(bodies, 100):  # the same solutions under another id
        repeats.append(json.dumps(json.loads(body) | {"id": str(uuid.uuid4())}))
    mixed += repeats
    random.shuffle(mixed)
    stop = threading.Event()
    kills = []

    def kill():
        while not stop.wait(0.3):
            name = random.choice(WORKERS)
            try:
                ctl("kill", name)
            except RuntimeError:
                continue  # it has not come back yet from the last time
            kills.append(name)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for body in mixed:
            pool.publish(body)
            time.sleep(0.005)
        until(lambda: len(kills) >= 3)
    finally:
        stop.set()
        killer.join()
    ids = {pool.id_of(body) for body in bodies + repeats}
    assert check_books(pool, ids) == 600
    assert len(kills) >= 3


def test_a_message_seen_three_times_is_judged_alone(pool, ctl, env):
    """It may be what killed the worker: it takes no neighbour with it."""
    bodies = share_bodies(pool, 5)
    logs = [pathlib.Path(env["PENSTOCK_STATE"], "log", f"{name}.log") for name in WORKERS]
    ctl("stop", "litecoind-pool")
    try:
        for body in bodies:
            pool.publish(body)
        for _ in range(4):
            assert until(pool.all_delivered)
            for name in WORKERS:
                ctl("restart", name)  # held: it gives its messages back
    finally:
        ctl("start", "litecoind-pool")
    ids = [pool.id_of(body) for body in bodies]
    assert check_books(pool, ids) == 5
    alone = [line for log in logs for line in log.read_text(errors="replace").splitlines()
             if " worker.alone " in line]
    assert all(any(message_id in line for line in alone) for message_id in ids)


def test_terminated_worker_drains(pool, ctl, env):
    bodies = share_bodies(pool, 100)
    for body in bodies:
        pool.publish(body)
    for name in WORKERS:
        ctl("restart", name)
    assert check_books(pool, [pool.id_of(body) for body in bodies]) == 100


def test_reload_keeps_the_process(pool, ctl, env):
    pid_file = pathlib.Path(env["PENSTOCK_STATE"], "pid", "worker-1")
    before = pid_file.read_text()
    ctl("stop", "worker-2")
    try:
        ctl("reload", "worker-1")
        assert pool.fate(pool.send(pool.fields(pool.block()))) == "credited"
    finally:
        ctl("start", "worker-2")
    assert pid_file.read_text() == before


def test_worker_stopped_while_held_gives_its_messages_back(pool, ctl):
    bodies = share_bodies(pool, 10)
    ctl("stop", "litecoind-pool")
    try:
        for body in bodies:
            pool.publish(body)
        assert until(pool.all_delivered)
        said = [ctl("stop", name) for name in WORKERS]
        assert not any("killing it" in text for text in said), said
    finally:
        ctl("start", "litecoind-pool")
        for name in WORKERS:
            ctl("start", name)
    assert check_books(pool, [pool.id_of(body) for body in bodies]) == 10
