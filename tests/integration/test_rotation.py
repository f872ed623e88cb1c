"""The pool's address is changed while miners have open work: INSTALL's procedure, on the shared pool."""

import pathlib
import re
import time
import uuid

import pymysql
import pytest

import blocks
from action_client import Client, poll
from test_action_protocol import work_of

NETWORK = "litecoin"


class Rotation:
    """Changes one network's section in both tiers' settings, and puts back what was there."""

    def __init__(self, env, ctl):
        self.ctl, self.fronts = ctl, False
        self.files = {tier: pathlib.Path(env[f"PENSTOCK_{tier}_CONF"]) for tier in ("BACKEND", "FRONTEND")}
        self.before = {tier: path.read_text(encoding="ascii") for tier, path in self.files.items()}

    def write(self, tier, address, former=None):
        head, section = self.before[tier].split(f"[network {NETWORK}]\n", 1)
        section, count = re.subn(r"(?m)^pool_address = .*$", f"pool_address = {address}" + (
            f"\nformer_pool_addresses = {former}" if former else ""), section, count=1)
        assert count == 1
        self.files[tier].write_text(f"{head}[network {NETWORK}]\n{section}", encoding="ascii")

    def backend(self, address, former=None):
        self.write("BACKEND", address, former)
        for name in ("worker-1", "worker-2"):
            self.ctl("restart", name)

    def frontend(self, address):
        self.write("FRONTEND", address)
        self.fronts = True
        self.reload()

    def undo(self):
        for tier, path in self.files.items():
            path.write_text(self.before[tier], encoding="ascii")
        for name in ("worker-1", "worker-2"):
            self.ctl("restart", name)
        if self.fronts:
            self.reload()

    def reload(self):
        self.ctl("reload", "apache")


@pytest.fixture
def rotation(env, ctl):
    made = Rotation(env, ctl)
    yield made
    made.undo()


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_work_of_before_is_credited_and_the_new_address_is_handed_out(env, db, rpc, rotation):
    blocks.await_one_tip(rpc)
    pool, miner = rpc("pool"), rpc("miner")
    client, rows = Client(env), db("root", cursorclass=pymysql.cursors.Cursor)
    old, new = env["PENSTOCK_POOL_ADDRESS_LITECOIN"], pool("getnewaddress")
    headers = {"NetworkID": NETWORK, "Miner": miner("getnewaddress")}
    script = {a: bytes.fromhex(pool("getaddressinfo", a)["scriptPubKey"]) for a in (old, new)}

    def ask():
        return work_of(client.action("readytomine2", headers))

    def solve(work, address, wanted):
        """Hands in a solution that pays ADDRESS; what became of it."""
        template = miner("getblocktemplate", {"rules": ["mweb", "segwit"]})
        block = blocks.Block(template, script[address], tag=uuid.uuid4().bytes).grind(wanted)
        reply = client.action("solution", headers | {"Solution": ",".join(block.fields(work[3], work[2]))})
        assert b"<STATUS>ok</STATUS>" in reply.body, reply

        def outcome():
            with rows.cursor() as cursor:
                cursor.execute("SELECT 'credited' FROM share WHERE work_id = %s AND pow_hash = %s UNION SELECT reason"
                               " FROM rejected WHERE work_id = %s AND pow_hash = %s",
                               (work[3], block.pow(), work[3], block.pow()))
                return cursor.fetchone()
        return poll(outcome), block

    open_work = [ask() for _ in range(3)]
    assert {work[0] for work in open_work} == {old}

    # the backend first: both addresses are good, the frontends still hand out the old one
    rotation.backend(new, f"{old}={stamp(3600)}")
    assert ask()[0] == old
    assert solve(open_work[0], old, blocks.above_target)[0] == ("credited",)
    rotation.frontend(new)
    work = poll(lambda: (w := ask())[0] == new and w)
    assert work, "the new address is not handed out"
    assert solve(work, new, blocks.above_target)[0] == ("credited",)
    assert solve(open_work[1], old, blocks.above_target)[0] == ("credited",)

    # a block that pays the old one, found within the grace: the wallet has it
    found, block = solve(open_work[1], old, blocks.meets_target)
    assert found == ("credited",)
    assert poll(lambda: pool("getblockhash", block.height) == block.hash()
                if pool("getblockcount") >= block.height else False)
    blocks.await_one_tip(rpc)

    # when the grace is over the old address is refused, and the new one is not
    rotation.backend(new, f"{old}={stamp(-1)}")
    assert solve(open_work[2], old, blocks.above_target)[0] == ("TransactionTampered",)
    assert solve(ask(), new, blocks.above_target)[0] == ("credited",)
