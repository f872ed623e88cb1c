"""A network of Bitcoin's rules on real nodes of bcoin, whose RPC is another dialect (wallet.md B): templates become
jobs, jobs become blocks, shares are credited, and a side chain's block is known for one."""

import json
import os
import pathlib
import struct
import subprocess
import time

import pytest

from backend_conf import BITCOIN, section, servers, wallet_section
from bcoin_pair import SEGWIT_HEIGHT, BcoinPair
from blocks import above_target, meets_target, sha256d, varint
from conftest import RpcError
from job_miner import Search
from test_job_shares import EASY, Pool, until
from test_jobs import udp_port

POLL_MS = 60000  # so rarely is a wallet asked for its tip by penstock-jobs: blocks are told of by longpoll


class BcoinSearch(Search):
    """With sha256d for the proof of work."""

    def pow(self):
        return sha256d(self.header())[::-1]

    def grind(self, wanted, tries=100000):
        for _ in range(tries):
            self.nonce += 1
            if wanted(int.from_bytes(self.pow(), "big"), self):
                return self
        raise AssertionError("no nonce in %d tries" % tries)


class BcoinPool(Pool):
    def make_nodes(self, folder):
        return BcoinPair(folder)

    def settings(self):
        node = self.nodes.first
        return (servers(self.env)
                + section("worker", archive_dir=self.archive, batch_linger_ms=20)
                + section("jobs", listen=f"127.0.0.1:{udp_port()}", poll_ms=POLL_MS, refresh_s=1)
                + section(f"network {self.network}", BITCOIN, share_target_limit=EASY.hex(),
                          pool_address=self.nodes.address, unknown_parent_wait_ms=500, first_height=1,
                          assign_wait_s=1, maturity_s=0)
                + wallet_section("bcoin", self.network, node.url, node.user, node.password_file))

    def search(self, job=None, target=EASY, **options):
        search = BcoinSearch(job or self.job())
        self.work(search.id(), search.extranonce, search.job["id"], target, **options)
        return search

    def body(self, job):
        return self.query("SELECT transactions, mweb FROM job WHERE id = %s", job["id"])[0]

    def task(self, name):
        done = subprocess.run([pathlib.Path(self.env["PENSTOCK_BIN"], "penstock-task"), name, "--config", self.conf],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def pool(env, tmp_path_factory):
    made = BcoinPool(env, tmp_path_factory.mktemp("bcoin"))
    yield made
    made.close()


def block_of(pool, job):
    """A block with enough work, made of the job as it is stored."""
    search = BcoinSearch(job).grind(meets_target)
    plain = bytes.fromhex(job["coinbase1"]) + search.extranonce + bytes.fromhex(job["coinbase2"])
    coinbase = plain
    if job["witness"]:
        coinbase = plain[:4] + b"\0\1" + plain[4:-4] + b"\1\x20" + bytes(32) + plain[-4:]
    transactions, mweb = pool.body(job)
    assert mweb is None
    return search.header() + varint(1 + job["transactions"]) + coinbase + transactions


def mine_a_job(pool, job):
    """The node takes the block that is made of JOB; returns its hash."""
    block = block_of(pool, job)
    block_hash = sha256d(block[:80])[::-1].hex()
    assert pool.node("submitblock", block.hex()) is None
    assert pool.node("getbestblockhash") == block_hash
    return block_hash


def template(pool):
    return pool.node("getblocktemplate", {"rules": ["segwit"]})


# --- jobs: the first test begins below the activation of segwit ---


def test_before_segwit_a_block_has_no_witness(pool):
    """Though the template names a commitment."""
    assert pool.node("getblockcount") < SEGWIT_HEIGHT - 2
    assert "default_witness_commitment" in template(pool) and "!segwit" not in template(pool)["rules"]
    for _ in range(2):
        job = pool.job()
        assert job["witness"] is False
        found = mine_a_job(pool, job)
    with pytest.raises(RpcError):  # as bcoin says that it does not know a block
        pool.node("getblockheader", "00" * 31 + "01")
    block = pool.node("getblock", found, True, True)
    assert [o["scriptPubKey"]["addresses"] for o in block["tx"][0]["vout"]] == [[pool.nodes.address]]


@pytest.fixture(name="segwit", scope="module")
def fixture_segwit(pool):
    pool.nodes.mine_past_segwit()
    assert "!segwit" in template(pool)["rules"]


@pytest.mark.usefixtures("segwit")
def test_a_template_becomes_a_job_that_makes_a_block(pool):
    given = template(pool)
    job = pool.job()
    assert (job["prev"], job["height"], job["bits"]) == (given["previousblockhash"], given["height"],
                                                          int(given["bits"], 16))
    assert (job["version"], job["value"], job["witness"]) == (given["version"], given["coinbasevalue"], True)
    assert given["coinbaseaux"]["flags"] and given["coinbaseaux"]["flags"] in job["coinbase2"]
    assert given["default_witness_commitment"] in job["coinbase2"]
    found = mine_a_job(pool, job)
    outputs = pool.node("getblock", found, True, True)["tx"][0]["vout"]
    assert [o["scriptPubKey"]["addresses"] for o in outputs if o["value"]] == [[pool.nodes.address]]
    pool.nodes.wait_synced()


@pytest.mark.usefixtures("segwit")
def test_longpoll_tells_of_blocks(pool):
    """There is no other way here: a poke is not sent, and POLL_MS is longer than what is waited for."""
    for node in (pool.nodes.first, pool.nodes.second):
        pool.job()
        (tip,) = pool.nodes.mine(1, node)
        until(lambda: pool.query("SELECT 1 FROM job WHERE network = %s AND JSON_VALUE(job, '$.prev') = %s",
                                 pool.network, tip), POLL_MS / 1000 - 10)
    pool.nodes.wait_synced()


@pytest.mark.long
@pytest.mark.usefixtures("segwit")
def test_the_node_is_away_for_a_while(pool):
    height = pool.node("getblockcount")
    pool.nodes.first.stop()
    until(lambda: pool.query("SELECT 1 FROM job_health WHERE network = %s AND problem <> ''", pool.network))
    pool.nodes.first.start()
    assert pool.nodes.first.wait_ready() == height
    until(lambda: pool.node("getconnectioncount"))
    pool.nodes.mine(1)
    assert pool.job()["height"] == height + 2
    mine_a_job(pool, pool.job())
    pool.nodes.wait_synced()


# --- shares ---


@pytest.mark.usefixtures("segwit")
def test_a_share_is_credited(pool):
    pool.await_seen()
    search = pool.search().grind(above_target)
    message_id = pool.send(search.header())
    assert pool.fate(message_id) == "credited"
    assert pool.row(message_id)[0] == search.pow()
    assert pool.candidate(search.hash()) is None
    assert pool.fate(pool.send(search.header())) == "BibleHashAlreadyKnown"


@pytest.mark.usefixtures("segwit")
def test_a_block_reaches_the_chain(pool):
    pool.await_seen()
    search = pool.search().grind(meets_target)
    message_id = pool.send(search.header())
    assert pool.fate(message_id) == "credited"
    until(lambda: pool.candidate(search.hash()))
    assert pool.candidate(search.hash())[0] == "on_chain"
    assert pool.node("getblockhash", search.job["height"]) == search.hash()
    pool.nodes.wait_synced()
    pool.task("find-blocks")
    found = pool.query("SELECT status, pool_block, subsidy FROM block WHERE network = %s AND hash = %s", pool.network,
                       bytes.fromhex(search.hash()))
    assert found == (("open", 1, search.job["value"]),)


@pytest.mark.usefixtures("segwit")
def test_a_side_chains_block_is_known_for_one(pool):
    """bcoin takes it without a word and gives it a confirmation; what is at its height tells."""
    pool.await_seen()
    job = pool.job()
    first, second = (pool.search(job).grind(meets_target) for _ in range(2))
    pool.send(first.header())
    until(lambda: pool.candidate(first.hash()))
    assert pool.node("getblockhash", job["height"]) == first.hash()
    pool.await_seen()
    pool.send(second.header())
    outcome, answer = until(lambda: pool.candidate(second.hash()))[:2]
    assert (outcome, answer) == ("side_chain", "accepted")
    assert pool.node("getblockheader", second.hash())["confirmations"] == 1  # of both
    assert pool.node("getblockhash", job["height"]) == first.hash()


@pytest.mark.usefixtures("segwit")
def test_the_words_of_its_submitblock(pool):
    """What the table of answers is written for."""
    block = block_of(pool, pool.job())
    assert pool.node("submitblock", block.hex()) is None
    assert pool.node("submitblock", block.hex()) == "rejected: duplicate"
    orphan = bytearray(block)
    orphan[4:36] = os.urandom(32)
    header = bytearray(orphan[:80])
    while int.from_bytes(sha256d(bytes(header))[::-1], "big") >> 255:
        struct.pack_into("<I", header, 76, struct.unpack_from("<I", header, 76)[0] + 1)
    assert pool.node("submitblock", (bytes(header) + bytes(orphan[80:])).hex()) == "rejected: bad-prevblk"
    pool.nodes.wait_synced()


@pytest.mark.usefixtures("segwit")
def test_transactions_go_into_the_block(pool):
    """They have witnesses: their ids are not the hashes of their bytes. A template that bcoin has made lately stays as
    it is when a transaction comes, until a later one does."""
    pool.nodes.mine(101)  # they may spend the pool's earlier coins
    pool.nodes.wait_synced()
    sent = []

    def send():
        time.sleep(1)
        try:
            sent.append(pool.nodes.first.wallet_rpc("sendfrom", "pool", pool.nodes.others, 0.01))
        except RpcError as refused:
            assert refused.args[0] == -6, refused  # no funds: its wallet follows its node with a delay
        return template(pool)["transactions"]

    expected = [tx["txid"] for tx in until(send)]
    job = pool.job(lambda found: found["transactions"] == len(expected))
    assert b"\0\1" == pool.body(job)[0][4:6]  # marker and flag
    found = mine_a_job(pool, job)
    assert sent[0] in expected and pool.node("getblock", found)["tx"][1:] == expected


# --- nobody is paid ---


@pytest.mark.usefixtures("segwit")
def test_nobody_is_paid_and_everybody_is_told(pool):
    assert "nobody is paid" in pool.task("pay")
    pool.task("audit")
    assert f"{pool.network}: miners are credited, nobody is paid (payouts = no)" in pool.ctl("status")
    said = json.loads(pool.ctl("status", "--json"))
    assert said["networks"][0]["payouts_off"] is True
    done = subprocess.run([pathlib.Path(pool.env["PENSTOCK_BIN"], "penstockctl"), "--config", pool.conf, "doctor",
                           "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          check=False)
    checks = json.loads(done.stdout)["checks"]
    ours = [c for c in checks if "payouts = no" in json.dumps(c)]
    assert len(ours) == 1 and '"warn"' in json.dumps(ours[0])
    with pytest.raises(RpcError):  # why: what the payer would need is not there
        pool.node("getaddressinfo", pool.nodes.address)
    with pytest.raises(RpcError):
        pool.nodes.first.wallet_rpc("signrawtransaction", "00")
