"""The whole pool under load while its servers and programs are killed, stopped, and made to refuse: the
books close, everything runs again by itself, and no miner ever waits long for an answer."""

import json
import pathlib
import random
import sys
import time
import uuid

import pika
import pytest

import blocks
from action_client import poll

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))
import faults  # noqa: E402
import miners  # noqa: E402
from books import Books  # noqa: E402

# Two seconds are what mod_fcgid gives a stopped program, and on an idle machine no wait is longer. Elsewhere
# it says how busy the machine is: the rest is for that, and far from any time-out that does not belong there.
LONGEST_WAIT_S = 2 + 10
RECOVERY_S = 180
SETTLED_S = 300  # a node that was killed takes a while to have peers again
UNFETCHED_S = 30  # so long before a node's death its peer may not have what it found


class Chaos:
    """A load on the pool, and its books."""

    def __init__(self, env, ctl, db, amqp, rpc, seed):
        self.random = random.Random(seed)
        self.stage = faults.Stage(env, ctl, db, self.random)
        self.db, self.amqp, self.rpc = db, amqp, rpc
        self.load = miners.Load(env, rpc, seed)
        self.books = Books([self.load.network], lambda: db("root"), lambda: amqp("backend").channel())

    def do(self, name):
        """One fault at some instant; afterwards miners get work and hand in solutions again."""
        time.sleep(self.random.uniform(0.5, 1.5))
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
        faults.FAULTS[name](self.stage)
        since = time.monotonic()
        both = {"readytomine2", "solution"}
        assert poll(lambda: self.load.answered_ok(since) == both, RECOVERY_S), f"{name}: no recovery"

    def fates(self):
        """By proof of work: how often it is in share, and in share and rejected together."""
        shares, all_ = {}, {}
        for table in ("share", "rejected"):
            for (pow_hash,) in self.books.of_networks(f"SELECT HEX(pow_hash) FROM {table}"):
                key = (pow_hash or "").lower()
                all_[key] = all_.get(key, 0) + 1
                if table == "share":
                    shares[key] = shares.get(key, 0) + 1
        return shares, all_

    def settled(self):
        _, all_ = self.fates()
        return all(all_.get(key, 0) >= n for key, n in self.load.acknowledged.items())

    def close(self):
        """An answer does not name its message: a solution, known by its proof of work, is in the
        books as often as it was acknowledged, or as it was sent when an answer was not "ok"."""
        assert poll(lambda: sum(self.load.acknowledged.values()) > 20, RECOVERY_S), "that is no load"
        self.load.end()
        assert poll(self.settled, SETTLED_S, 0.3), "acknowledged solutions are lost"
        self.check_wait()
        shares, all_ = self.fates()
        for key, sent in self.load.sent.items():
            assert self.load.acknowledged[key] <= all_.get(key, 0) <= sent
            assert shares.get(key, 0) <= 1
        # Not all that was sent arrived, in a fault; but what is acknowledged is mostly shares.
        assert sum(shares.values()) > len(self.load.acknowledged) / 5
        self.check_reasons_of_ours()
        self.books.check_once_of_all()
        self.books.check_sums()
        found = [block for pow_hash, block, _ in self.load.candidates if self.load.acknowledged[pow_hash]]
        lost = {block for _, block, since in self.load.candidates
                if any(since < death < since + UNFETCHED_S for death in self.stage.deaths)}
        self.books.check_candidates(found, [self.rpc("pool"), self.rpc("miner")], forgets=True, lost=lost)

    def check_reasons_of_ours(self):
        """A server that fails is never the miner's fault. A second copy is, and a share on a block
        that another miner has just overtaken."""
        keys = [bytes.fromhex(key) for key in self.load.sent]
        rows = self.books.query("SELECT DISTINCT reason, IF(detail LIKE 'height%%', 'height', detail)"
                                " FROM rejected WHERE pow_hash IN %s", keys)
        fair = [("TransactionTampered", "height")]
        assert [row for row in rows if row[0] != "BibleHashAlreadyKnown" and row not in fair] == []

    def check_wait(self):
        waited, measured, action, answer = self.load.slowest()
        print(f"{len(self.load.requests)} requests, {sum(self.load.acknowledged.values())} solutions"
              f" acknowledged; longest wait {measured:.3f} s, of which the generator stood still for"
              f" {measured - waited:.3f} s")
        assert waited <= LONGEST_WAIT_S, f"{action} waited {waited:.3f} s for {answer!r}"


@pytest.fixture
def chaos(env, ctl, db, amqp, rpc, seed):
    made = Chaos(env, ctl, db, amqp, rpc, seed)
    yield made
    made.load.ended.set()
    blocks.await_one_tip(rpc)


def test_a_sample_of_faults(chaos):
    for name in chaos.random.sample(sorted(faults.FAULTS), 2):
        chaos.do(name)
    chaos.close()


@pytest.mark.long
@pytest.mark.parametrize("name", faults.FAULTS)
def test_fault(chaos, name):
    chaos.do(name)
    chaos.close()


@pytest.mark.long
def test_one_fault_after_the_other(chaos):
    names = sorted(faults.FAULTS)
    chaos.random.shuffle(names)
    for name in names:
        chaos.do(name)
    chaos.close()


def test_poison_duplicates_and_disorder(chaos):
    """Messages that only a frontend in enemy hands, or a broker that delivers again, brings about."""
    load, channel = chaos.load, chaos.amqp("frontend").channel()
    channel.confirm_delivery()
    books = Books([load.network], lambda: chaos.db("root"), lambda: chaos.amqp("backend").channel())
    miner = load.miners[0]
    poll(lambda: any(miners.WORK.search(answer) for _, _, _, answer in load.requests))
    guid, work = next(filter(None, (miners.WORK.search(answer) for _, _, _, answer in load.requests))
                      ).groups()
    bodies = [(str(uuid.uuid4()), None) for _ in range(5)]
    for _ in range(30):
        body = blocks.message(load.block(chaos.random).fields(work_id=work, miner_guid=guid),
                              load.network)
        bodies.append((json.loads(body)["id"], body))
    poison = ["", "{", "[]", "\xff\x00", json.dumps({"v": 99})]
    bodies = [(i, poison.pop() if body is None else body) for i, body in bodies]
    sent = bodies + chaos.random.sample(bodies[5:], 20)
    chaos.random.shuffle(sent)
    for message_id, body in sent:
        channel.basic_publish("penstock", f"solution.{load.network}", body, pika.BasicProperties(
            delivery_mode=2, message_id=message_id, type="solution"), mandatory=True)
        books.acknowledged.add(message_id)
    books.wait(180, dead=True)
    assert books.dead == {message_id: 1 for message_id, _ in bodies[:5]}
    chaos.load.candidates.clear()  # some went in this way
    chaos.close()
    books.check_once()
