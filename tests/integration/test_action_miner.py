"""action-miner against real nodes and a stand-in pool: would a node accept what it mines?"""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from fake_pool import FakePool, error
from litecoin_pair import Pair

pytestmark = pytest.mark.own_state

BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", "build"))
EASIEST = "f" * 64
MINER = "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc/rig-1"


@pytest.fixture(scope="module", name="nodes")
def fixture_nodes(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("nodes"))
    yield pair
    pair.stop()


@pytest.fixture(name="pool")
def fixture_pool(tmp_path, nodes):
    pool = FakePool(tmp_path, nodes.first.rpc("getnewaddress"), EASIEST)
    yield pool
    pool.stop()


def command(pool, node, *options):
    return [BUILD / "tools/action-miner", "--url", pool.url, "--ca", pool.ca, "--network", "regtest",
            "--miner", MINER, "--node-url", node.url, "--node-user", node.user,
            "--node-password-file", node.password_file, "--json", *map(str, options)]


def mine(pool, node, *options):
    """Exit status and events."""
    done = subprocess.run(command(pool, node, *options), stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, timeout=120, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def named(events, name):
    return [e for e in events if e["event"] == name]


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()[::-1]


def scrypt(header):
    return hashlib.scrypt(header, salt=header, n=1024, r=1, p=1, dklen=32)[::-1]


def check_solution(pool, node, fields):
    """What a pool can check of the 16 fields by itself; returns the decoded coinbase."""
    assert len(fields) == 16
    block_hash, block_time, prev_time, prev_height, pow_hash, guid, work_id, thread = fields[:8]
    header = bytes.fromhex(fields[14][:160])
    assert sha256d(header).hex() == block_hash
    assert scrypt(header).hex() == pow_hash
    assert pow_hash < pool.target
    assert int.from_bytes(header[68:72], "little") == int(block_time)
    assert int.from_bytes(header[76:80], "little") == int(fields[13])
    assert guid == pool.guid and work_id in pool.work_ids and thread.isdigit()
    prev = node.rpc("getblockheader", header[4:36][::-1].hex())
    assert (prev["height"], prev["time"]) == (int(prev_height), int(prev_time))
    assert fields[15] in fields[14]
    assert 0 < int(fields[8]) <= int(fields[10])
    assert int(fields[11]) <= int(fields[9]) <= int(fields[12])
    coinbase = node.rpc("decoderawtransaction", fields[15])
    paid = [o for o in coinbase["vout"] if o["value"] > 0]
    assert [o["scriptPubKey"]["addresses"] for o in paid] == [[pool.address]]
    script_sig = bytes.fromhex(coinbase["vin"][0]["coinbase"])
    assert len(script_sig) <= 100
    assert f"<MINERGUID>{pool.guid}</MINERGUID>".encode() in script_sig
    return coinbase


def check_blocks_are_accepted(pool, nodes, *options):
    height = nodes.second.rpc("getblockcount")
    status, events = mine(pool, nodes.second, "--count", 3, "--submit-own", "--blocks", "only",
                          *options)
    assert status == 0
    assert [e["verdict"] for e in named(events, "submitted")] == ["accepted"] * 3
    assert nodes.second.rpc("getblockcount") == height + 3
    for n, fields in enumerate(pool.solutions, 1):
        coinbase = check_solution(pool, nodes.second, fields)
        block = nodes.second.rpc("getblock", nodes.second.rpc("getblockhash", height + n))
        assert (block["hash"], block["tx"][0]) == (fields[0], coinbase["txid"])
    nodes.wait_synced()


def test_mined_blocks_are_accepted(nodes, pool):
    check_blocks_are_accepted(pool, nodes)


def test_heights_of_other_lengths_are_accepted(nodes, pool):
    """The scriptSig's height changes its form at 17 and 128."""
    nodes.mine(15 - nodes.first.rpc("getblockcount"))
    nodes.wait_synced()
    check_blocks_are_accepted(pool, nodes)
    nodes.mine(126 - nodes.first.rpc("getblockcount"))
    nodes.wait_synced()
    pool.solutions.clear()
    check_blocks_are_accepted(pool, nodes)


def send_to_many(nodes, outputs):
    txid = nodes.first.rpc("sendmany", "", {nodes.first.rpc("getnewaddress"): 0.001
                                            for _ in range(outputs)})
    end = time.monotonic() + 180
    while txid not in nodes.second.rpc("getrawmempool"):
        assert time.monotonic() < end, "the payment did not reach the miner's node"
        time.sleep(0.1)
    return txid


def test_block_with_transactions_beyond_mweb(nodes, pool):
    nodes.mine_past_mweb()
    txid = send_to_many(nodes, 3)
    check_blocks_are_accepted(pool, nodes, "--tag", "a tag that does not fit in what is left of it")
    block = nodes.second.rpc("getblock", pool.solutions[0][0])
    assert txid in block["tx"]
    assert "mweb" in block


def test_large_block_travels_as_body(nodes, pool):
    nodes.mine_past_mweb()
    txid = send_to_many(nodes, 1000)
    status, events = mine(pool, nodes.second, "--count", 1, "--submit-own", "--blocks", "only")
    assert status == 0
    assert named(events, "submitted")[0]["verdict"] == "accepted"
    action, headers, body = pool.requests[-1]
    assert (action, headers["Content-Type"]) == ("solution", "text/plain")
    assert "Solution" not in headers and len(body) > 60000
    check_solution(pool, nodes.second, body.split(","))
    assert txid in nodes.second.rpc("getblock", pool.solutions[0][0])["tx"]
    nodes.wait_synced()


def test_requests_look_like_the_wallets(nodes, pool):
    status, _ = mine(pool, nodes.second, "--count", 2, "--thread-id", 7)
    assert status == 0
    assert [r[0] for r in pool.requests] == ["readytomine2", "solution"] * 2
    assert pool.connections == 4
    for action, headers, body in pool.requests:
        assert body == action
        assert headers["NetworkID"] == "regtest" and headers["Miner"] == MINER
        assert headers["ThreadID"] == "7"
        assert "Content-Type" not in headers and "Connection" not in headers
        assert "Expect" not in headers


def test_keep_alive_and_shares_per_work(nodes, pool):
    status, _ = mine(pool, nodes.second, "--count", 5, "--keep-alive", "--shares-per-work", 5)
    assert status == 0
    assert [r[0] for r in pool.requests] == ["readytomine2"] + ["solution"] * 5
    assert pool.connections == 1
    assert len({fields[0] for fields in pool.solutions}) == 5


def test_threads_share_the_count(nodes, pool):
    status, events = mine(pool, nodes.second, "--count", 20, "--threads", 4)
    assert status == 0
    assert len(pool.solutions) == len(named(events, "accepted")) == 20
    assert len({fields[0] for fields in pool.solutions}) == 20
    assert {fields[7] for fields in pool.solutions} <= {"1", "2", "3", "4"}


def network_target(fields):
    bits = int.from_bytes(bytes.fromhex(fields[14][:160])[72:76], "little")
    return (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)


@pytest.mark.parametrize("mode, expected", [("none", {False}), ("only", {True}),
                                            ("any", {False, True})])
def test_blocks_mode(nodes, pool, mode, expected):
    status, events = mine(pool, nodes.second, "--count", 30, "--blocks", mode)
    assert status == 0
    meets = [int(f[4], 16) <= network_target(f) for f in pool.solutions]
    assert set(meets) == expected
    assert [e["block"] for e in named(events, "accepted")] == meets


def test_block_every_paces_the_blocks(nodes, pool):
    start = time.monotonic()
    status, events = mine(pool, nodes.second, "--count", 40, "--interval-ms", 50, "--block-every", 1,
                          "--threads", 2)
    passed = time.monotonic() - start
    blocks = [e for e in named(events, "accepted") if e["block"]]
    assert status == 0
    assert 1 <= len(blocks) <= passed + 1  # how long each took to be accepted is the machine's affair


def test_share_target_is_met(nodes, pool):
    pool.target = "0" + "f" * 63
    status, _ = mine(pool, nodes.second, "--count", 10)
    assert status == 0
    for fields in pool.solutions:
        check_solution(pool, nodes.second, fields)


def test_trouble_is_waited_out(nodes, pool):
    """Down, gone and broken at either request; the same solution is sent again."""
    status, first = mine(pool, nodes.second, "--count", 1)
    assert status == 0 and named(first, "accepted")
    pool.requests.clear()
    pool.solutions.clear()
    pool.script = [error("HEALTH_DOWN"), None, 500, "<RESPONSE><ADDRESS></ADDRESS></RESPONSE>"]
    status, events = mine(pool, nodes.second, "--count", 1)
    assert status == 0
    assert [e["result"] for e in named(events, "retry")] == ["down", "silent", "down", "silent"]
    assert named(events, "retry")[0]["message"] == "HEALTH_DOWN"
    assert len(pool.solutions) == 1


def test_solution_is_sent_again_until_answered(nodes, pool):
    answer = pool.answer
    failures = [error("HEALTH_DOWN"), None]
    sent = []

    def flaky(action, headers, body):
        if action == "solution":
            sent.append(headers["Solution"])
            if failures:
                return failures.pop(0)
        return answer(action, headers, body)

    pool.answer = flaky
    status, events = mine(pool, nodes.second, "--count", 1)
    assert status == 0
    assert len(sent) == 3 and len(set(sent)) == 1
    assert len(named(events, "accepted")) == 1


def test_refusal_is_shown_and_given_up_on(nodes, pool):
    pool.answer = lambda *_: error("WorkerID x is invalid")
    status, events = mine(pool, nodes.second, "--count", 1, "--give-up", 1)
    assert status == 1
    assert named(events, "gave_up")[0]["message"] == "WorkerID x is invalid"


def test_certificate_is_checked(nodes, pool, tmp_path):
    (tmp_path / "other").mkdir()
    other = FakePool(tmp_path / "other", pool.address, EASIEST)
    ca, pool.ca = pool.ca, other.ca
    other.stop()
    status, events = mine(pool, nodes.second, "--count", 1, "--give-up", 1)
    pool.ca = ca
    assert status == 1
    assert "certificate" in named(events, "gave_up")[0]["message"]
    assert not pool.requests


def test_foreign_address_is_refused(nodes, pool):
    pool.address = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    status, events = mine(pool, nodes.second, "--count", 1, "--give-up", 1)
    assert status == 1
    assert "not one of this chain" in named(events, "gave_up")[0]["message"]


def test_new_tip_is_followed_and_a_signal_ends_it(nodes, pool):
    """With a target that nobody meets it grinds until told otherwise."""
    pool.target = "0" * 63 + "1"
    miner = subprocess.Popen(command(pool, nodes.second), stdout=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL)
    seen = iter(json.loads(line) for line in miner.stdout)
    height = next(e for e in seen if e["event"] == "tip")["height"]
    nodes.mine(1)
    assert next(e for e in seen if e["event"] == "tip")["height"] == height + 1
    miner.send_signal(signal.SIGTERM)
    assert [e["event"] for e in seen][-1] == "done"
    assert miner.wait(timeout=180) == 0
    miner.stdout.close()
