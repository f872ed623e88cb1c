"""getwork-miner against a scripted server: does it do what the deployed miners do (wallet.md C)?"""

import base64
import hashlib
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading

import pytest

from scripted_http import Server

pytestmark = pytest.mark.own_state

TOOL = pathlib.Path(os.environ.get("PENSTOCK_BUILD", "build")) / "tools/getwork-miner"
USER = "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc.rig-1"
EASIEST = "f" * 64
HARDEST = "0" * 63 + "1"
PADDING = "00000080" + "0" * 80 + "80020000"
CAPABILITIES = ["coinbasetxn", "coinbasevalue", "longpoll", "workid"]
JSON_ERROR = b'{"result":null,"error":{"code":-32601,"message":"no"},"id":0}'
WAIT_S = 60


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


POW = {"sha256d": sha256d, "scrypt": lambda h: hashlib.scrypt(h, salt=h, n=1024, r=1, p=1, dklen=32)}


def words_reversed(data):
    return b"".join(data[i:i + 4][::-1] for i in range(0, len(data), 4))


def header(prev=1, root=2):
    return struct.pack("<I32s32sIII", 0x20000000, bytes([prev]) * 32, bytes([root]) * 32, 1700000000, 0x207fffff, 0)


def getwork(prev=1, root=2, target=EASIEST):
    data = words_reversed(header(prev, root)).hex() + PADDING
    return {"data": data, "target": bytes.fromhex(target)[::-1].hex()}


def result(value, **headers):
    return 200, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(
        {"result": value, "error": None, "id": 0}).encode()


def call_of(request):
    return json.loads(request.body)


class Pool:
    """By default: no getblocktemplate, getwork hands out WORK, every share is good."""

    def __init__(self):
        self.server = Server(self.answer)
        self.url = self.server.url
        self.work = getwork()
        self.headers = {}

    def answer(self, request):
        call = call_of(request)
        if call["method"] == "getwork" and not call["params"]:
            return self.fetched(request)
        if call["method"] == "getblocktemplate":
            return self.template(request, call)
        return self.submitted(request, call)

    def template(self, _request, _call):
        return 404, {}, b""

    def fetched(self, _request):
        return result(self.work, **self.headers)

    def submitted(self, _request, _call):
        return result(True)

    def calls(self, *methods):
        return [call for call in map(call_of, list(self.server.requests)) if not methods or call["method"] in methods]

    def submissions(self):
        return [c for c in self.calls("getwork", "submitblock") if c["params"]]


@pytest.fixture(name="pool")
def fixture_pool():
    pool = Pool()
    yield pool
    pool.server.stop()


def start(pool, *options, url=None):
    command = [TOOL, "--url", url or pool.url, "--user", USER, "--json", "--retry-pause", "20", *map(str, options)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def mine(pool, *options, **more):
    """Its events, after it has ended by itself with status 0."""
    miner = start(pool, *options, **more)
    out, _ = miner.communicate(timeout=2 * WAIT_S)
    assert miner.returncode == 0, out
    return [json.loads(line) for line in out.splitlines()]


def named(events, name):
    return [e for e in events if e["event"] == name]


def submitted_header(call):
    assert call["params"][0][160:] == PADDING
    return words_reversed(bytes.fromhex(call["params"][0][:160]))


@pytest.mark.parametrize("algo", ["scrypt", "sha256d"])
@pytest.mark.parametrize("style,ids", [("minerd", (0, 1)), ("multi", (0, 4))])
def test_shares_by_getwork(pool, algo, style, ids):
    pool.work = getwork(target="0" + "f" * 63)
    events = mine(pool, "--like", style, "--algo", algo, "--shares", 3)
    assert [e["accepted"] for e in named(events, "done")] == [3]
    headers = [submitted_header(c) for c in pool.submissions()]
    assert len(set(headers)) == 3
    for one in headers:
        assert one[:76] == header()[:76]  # nothing but the nonce is the miner's
        assert POW[algo](one)[::-1].hex() <= "0" + "f" * 63
    assert {(c["method"], bool(c["params"]), c["id"]) for c in pool.calls("getwork")} == {
        ("getwork", False, ids[0]), ("getwork", True, ids[1])}


def test_what_minerd_sends(pool):
    mine(pool, "--shares", 1, "--pass", "d=0.5")
    for request in pool.server.requests:
        assert request.method == "POST" and request.framing == "length" and request.path == "/"
        assert request.headers["X-Mining-Extensions"] == "midstate"
        assert request.headers["User-Agent"] == "cpuminer/2.5.1"
        assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode() == USER + ":d=0.5"
        assert "Expect" not in request.headers and "Transfer-Encoding" not in request.headers
    assert pool.calls()[0] == {"method": "getblocktemplate", "id": 0,
                               "params": [{"capabilities": CAPABILITIES, "rules": ["segwit"]}]}


def test_what_cpuminer_multi_sends(pool):
    mine(pool, "--like", "multi", "--shares", 1)
    for request in pool.server.requests:
        assert request.framing == "chunked" and int(request.headers["Content-Length"]) == len(request.body)
        assert request.headers["Expect"] == "100-continue"
        assert request.headers["User-Agent"] == "cpuminer-multi/1.3.7"
        assert "X-Mining-Extensions" not in request.headers
    assert pool.calls()[0]["params"] == [{"capabilities": CAPABILITIES}]


@pytest.mark.parametrize("style,status,body,falls", [
    ("minerd", 404, b"", True),
    ("minerd", 404, JSON_ERROR, True),
    ("minerd", 200, JSON_ERROR, True),
    ("minerd", 500, JSON_ERROR, False),
    ("minerd", 405, b"", False),
    ("minerd", 401, b"", False),
    ("multi", 404, b"", True),
    ("multi", 401, b"", True),
    ("multi", 404, JSON_ERROR, False),
    ("multi", 200, JSON_ERROR, False),
    ("multi", 500, JSON_ERROR, False),
])
def test_falls_back_to_getwork(pool, style, status, body, falls):
    asked = []

    def template(_request, _call):
        asked.append(1)
        return (status, {}, body) if len(asked) < 3 else (404, {}, b"")

    pool.template = template
    mine(pool, "--like", style, "--shares", 1)
    assert len(asked) == (1 if falls else 3)


def test_getwork_only_and_gbt_only(pool):
    mine(pool, "--getwork-only", "--shares", 1)
    assert not pool.calls("getblocktemplate")
    miner = start(pool, "--gbt-only")
    out, _ = miner.communicate(timeout=WAIT_S)
    assert miner.returncode == 1 and "no usable protocol" in out


@pytest.mark.parametrize("failure", [
    None, (500, {}, b"oops"), (503, {}, b""), (200, {}, JSON_ERROR), (200, {}, b"<html>"),
], ids=["closed", "500", "503", "error member", "no json"])
@pytest.mark.parametrize("style", ["minerd", "multi"])
def test_a_share_is_sent_again_after_a_failure(pool, style, failure):
    sent = []

    def submitted(_request, call):
        sent.append(call["params"][0])
        return failure if len(sent) < 3 else result(True)

    pool.submitted = submitted
    events = mine(pool, "--like", style, "--shares", 1)
    assert len(sent) == 3 and len(set(sent)) == 1
    pauses = len([e for e in named(events, "retry") if e["what"] == "submit"])
    assert pauses == 2 or (failure is None and pauses == 1)  # libcurl by itself tries a closed connection's call again


def test_only_true_counts_and_the_reason_is_shown(pool):
    answers = [result(False, X_Reject_Reason="stale-prevblk"), result(None), result("yes"), result(True)]
    pool.submitted = lambda _request, _call: answers[min(len(pool.submissions()), 4) - 1]
    events = mine(pool, "--shares", 1)
    assert [e["reason"] for e in named(events, "rejected")] == ["stale-prevblk", "", "yes"]
    assert len(pool.submissions()) == 4  # no answer was taken for a failure


def test_work_is_fetched_again_without_longpoll(pool):
    fetches = threading.Semaphore(0)

    def fetched(_request):
        fetches.release()
        return result(getwork(target=HARDEST))

    pool.fetched = fetched
    miner = start(pool, "--getwork-only", "--scantime", 1)
    for _ in range(3):
        assert fetches.acquire(timeout=WAIT_S)
    miner.send_signal(signal.SIGTERM)
    miner.communicate(timeout=WAIT_S)
    assert miner.returncode == 0


class Held:
    """A longpoll that answers when it is told to."""

    def __init__(self, path):
        self.path, self.go, self.came = path, threading.Event(), threading.Event()
        self.answer = None

    def wait(self):
        self.came.set()
        self.go.wait(WAIT_S)
        self.go.clear()
        return self.answer


def next_event(miner, name):
    for line in miner.stdout:
        event = json.loads(line)
        if event["event"] == name:
            return event
    raise AssertionError(f"{name} did not come")


@pytest.mark.parametrize("base,header_value,path", [
    ("", "/LP", "/LP"), ("/", "LP", "/LP"), ("/litecoin", "/lp/litecoin", "/litecoin/lp/litecoin"),
])
def test_longpoll_replaces_work(pool, base, header_value, path):
    held = Held(path)

    def fetched(request):
        if request.path == path:
            return held.wait()
        return result(getwork(1, target=HARDEST), X_Long_Polling=header_value)

    pool.fetched = fetched
    miner = start(pool, "--shares", 2, url=pool.url + base)
    assert held.came.wait(WAIT_S)
    held.answer = result(getwork(3))
    held.go.set()
    assert next_event(miner, "longpoll_work")["prev"] == "03" * 32
    assert miner.communicate(timeout=WAIT_S) and miner.returncode == 0
    assert {submitted_header(c)[4:36] for c in pool.submissions()} == {b"\3" * 32}
    posts = [r for r in pool.server.requests if r.path == path]
    assert call_of(posts[0]) == {"method": "getwork", "params": [], "id": 0}


def test_longpoll_by_a_whole_url(pool):
    other = Pool()
    held = Held("/anywhere")
    other.fetched = lambda _request: held.wait()
    pool.headers = {"X_Long_Polling": other.url + "/anywhere"}
    pool.work = getwork(target=HARDEST)
    miner = start(pool, "--getwork-only")
    assert held.came.wait(WAIT_S)
    assert other.server.requests[0].path == "/anywhere"
    miner.send_signal(signal.SIGTERM)
    miner.communicate(timeout=WAIT_S)
    other.server.stop()


def test_a_share_of_an_old_block_is_dropped(pool):
    """The pool is away when a share is found; meanwhile longpoll brings another block."""
    held = Held("/LP")
    moved = threading.Event()

    def fetched(request):
        if request.path == "/LP":
            return held.wait()
        return result(getwork(1), X_Long_Polling="/LP")

    def submitted(_request, call):
        if submitted_header(call)[4:36] == b"\3" * 32:
            return result(True)
        held.answer = result(getwork(3))
        held.came.wait(WAIT_S)
        held.go.set()
        moved.wait(WAIT_S)
        return None

    pool.fetched, pool.submitted = fetched, submitted
    miner = start(pool, "--getwork-only", "--shares", 1)
    next_event(miner, "longpoll_work")
    moved.set()
    assert next_event(miner, "dropped")["prev"] == "01" * 32
    assert next_event(miner, "accepted")["prev"] == "03" * 32
    miner.communicate(timeout=WAIT_S)


def test_a_lost_longpoll_is_asked_for_again(pool):
    """It is forgotten until an answer names it again, and the work counts as old at once."""
    asked = threading.Semaphore(0)

    def fetched(request):
        if request.path == "/LP":
            asked.release()
            return 500, {}, b""
        return result(getwork(target=HARDEST), X_Long_Polling="/LP")

    pool.fetched = fetched
    miner = start(pool, "--getwork-only")
    for _ in range(3):
        assert asked.acquire(timeout=WAIT_S)
    miner.send_signal(signal.SIGTERM)
    miner.communicate(timeout=WAIT_S)
    assert len([r for r in pool.server.requests if r.path == "/"]) >= 2


TRANSACTIONS = [b"\x01" * 60, b"\x02" * 61, b"\x03" * 62]
COINBASE = b"\x05" * 90


def merkle_root(ids):
    while len(ids) > 1:
        ids = ids + ids[-1:] * (len(ids) % 2)
        ids = [sha256d(ids[i] + ids[i + 1]) for i in range(0, len(ids), 2)]
    return ids[0]


def template(segwit=True, **more):
    ids = [sha256d(b"id" + t) for t in TRANSACTIONS]
    return {"version": 0x20000000, "height": 7, "curtime": 1700000000, "bits": "207fffff", "target": EASIEST,
            "previousblockhash": bytes(range(32)).hex(), "coinbasetxn": {"data": COINBASE.hex()},
            "rules": ["!segwit"] if segwit else [], "workid": "w\"7",
            "transactions": [{"data": t.hex(), "txid": i[::-1].hex()} for t, i in zip(TRANSACTIONS, ids)], **more}, ids


@pytest.mark.parametrize("segwit", [True, False])
def test_shares_by_a_template(pool, segwit):
    sent, ids = template(segwit)
    if not segwit:
        ids = [sha256d(t) for t in TRANSACTIONS]
    pool.template = lambda _request, _call: result(sent)
    answers = [result("high-hash"), result(True), result(None)]
    pool.submitted = lambda _request, _call: answers[min(len(pool.submissions()), 3) - 1]
    events = mine(pool, "--gbt-only", "--shares", 1)
    assert [e["reason"] for e in named(events, "rejected")] == ["high-hash", ""]  # only null counts
    root = merkle_root([sha256d(COINBASE)] + ids)
    for call in pool.submissions():
        assert (call["method"], call["id"], call["params"][1]) == ("submitblock", 1, {"workid": "w\"7"})
        block = bytes.fromhex(call["params"][0])
        assert block[:76] == struct.pack("<I32s32sII", 0x20000000, bytes(range(32))[::-1], root, 1700000000,
                                         0x207fffff)
        assert block[80:] == b"\x04" + COINBASE + b"".join(TRANSACTIONS)


def test_longpoll_by_a_template(pool):
    held = Held("/lp")

    def answer(request, call):
        if "longpollid" in call["params"][0]:
            held.path = request.path
            held.answer = result(template(previousblockhash="ab" * 32, longpollid="second")[0])
            return held.wait()
        return result(template(target=HARDEST, longpollid="first", longpolluri="/lp/litecoin")[0])

    pool.template = answer
    pool.submitted = lambda _request, _call: result(None)
    miner = start(pool, "--shares", 1)
    assert held.came.wait(WAIT_S)
    held.go.set()
    assert next_event(miner, "longpoll_work")["prev"] == "ab" * 32
    miner.communicate(timeout=WAIT_S)
    asked = [c["params"][0].get("longpollid") for c in pool.calls("getblocktemplate")]
    assert held.path == "/lp/litecoin" and asked[:2] == [None, "first"]


def test_a_template_without_coinbase_is_no_use(pool):
    sent = template()[0]
    del sent["coinbasetxn"]
    pool.template = lambda _request, _call: result(sent)
    events = mine(pool, "--shares", 1)
    assert named(events, "fallback") and named(events, "accepted")[0]["protocol"] == "getwork"


def test_threads_share_a_search(pool):
    events = mine(pool, "--threads", 4, "--shares", 12, "--pace", 1)
    nonces = [submitted_header(c)[76:] for c in pool.submissions()]
    assert len(set(nonces)) == len(nonces) == 12
    assert named(events, "done")[0]["accepted"] == 12


def test_no_blocks_but_one_every_so_often(pool):
    """Of 40 shares at a target that is as good as the network's, one is a block."""
    events = mine(pool, "--algo", "sha256d", "--block-every", 1000000, "--shares", 40)
    blocks = [e for e in named(events, "accepted") if e["block"]]
    assert len(blocks) <= 1
    assert all(e["pow_hash"] > "7fffff" + "0" * 58 for e in named(events, "accepted") if not e["block"])


def test_it_gives_up(pool):
    pool.submitted = lambda _request, _call: result(False)
    miner = start(pool, "--give-up", 1, "--pace", 50)
    out, _ = miner.communicate(timeout=WAIT_S)
    assert miner.returncode == 1 and "no share was accepted" in out


@pytest.mark.parametrize("wrong", [["--like", "cgminer"], ["--algo", "x11"], ["--threads", "0"], ["what"],
                                   ["--getwork-only", "--gbt-only"]])
def test_wrong_arguments(wrong):
    done = subprocess.run([TOOL, "--url", "http://127.0.0.1:1", "--user", "x", *wrong], capture_output=True,
                          text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 64 and "getwork-miner: " in done.stderr
