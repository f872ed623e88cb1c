"""Mining with getwork and getblocktemplate: what the two known miners send, through the web server to a share
in the books and a block on the chain; and what no miner sends."""

import base64
import contextlib
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading
import time
import uuid

import pytest
from action_client import Client, Reply, poll, read_one
from blocks import compact_to_target, merkle_root, scrypt, sha256d
from fcgi_client import own_frontend
from job_miner import work_id

NETWORK = "litecoin"
EASIEST = "f" * 64
PADDING = "00000080" + "0" * 80 + "80020000"
GETWORK = b'{"method": "getwork", "params": [], "id":0}\r\n'
CAPABILITIES = '"capabilities": ["coinbasetxn", "coinbasevalue", "longpoll", "workid"]'
TEMPLATE = ('{"method": "getblocktemplate", "params": [{%s, "rules": ["segwit"]}], "id":0}\r\n' % CAPABILITIES).encode()
TEMPLATE_OF_MULTI = ('{"method": "getblocktemplate", "params": [{%s}], "id":0}\r\n' % CAPABILITIES).encode()
TAKEN = b'{"result":true,"error":null,"id":1}\n'
PATIENCE_S = 180
TOOL = pathlib.Path(os.environ.get("PENSTOCK_BUILD", "build")) / "tools/getwork-miner"


def basic(user, password="x"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def words_reversed(data):
    return b"".join(data[i:i + 4][::-1] for i in range(0, len(data), 4))


def submission(header, call_id=1):
    """What minerd sends; cpuminer-multi has the id 4."""
    return b'{"method": "getwork", "params": [ "%s%s" ], "id":%d}\r\n' % (
        words_reversed(header).hex().encode(), PADDING.encode(), call_id)


class Minerd:
    """Sends what minerd 2.5.1 does, byte for byte, and reads one reply."""

    submit_id = 1
    tip = None  # where its shares must not be stale: what tells the hash of the newest block

    def __init__(self, env, scheme, user, password="x", path="/litecoin/"):
        self.client = Client(env, scheme)
        self.host = f"{self.client.url.hostname}:{self.client.url.port}"
        self.auth, self.path = basic(user, password), path

    def ask(self, body):
        with self.client.connect(PATIENCE_S) as sock:
            sock.sendall((f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: {self.auth}\r\n"
                          "Accept-Encoding: deflate, gzip\r\nContent-Type: application/json\r\n"
                          f"Content-Length: {len(body)}\r\nUser-Agent: cpuminer/2.5.1\r\n"
                          "X-Mining-Extensions: midstate\r\n\r\n").encode() + body)
            return read_one(sock)

    def call(self, body):
        """Asks again as long as the pool says that it cannot answer now, as every miner does."""
        reply = self.ask(body)
        end = time.monotonic() + PATIENCE_S
        while reply.status == 503 and time.monotonic() < end:
            time.sleep(0.5)
            reply = self.ask(body)
        return reply

    def result(self, body):
        reply = self.call(body)
        answer = json.loads(reply.body)
        assert (reply.status, answer["error"]) == (200, None), reply
        return answer["result"]

    def work(self, body=GETWORK):
        """On the tip, where that is known: the pool needs a moment to hear of one that was just made."""
        kind = Work if body == GETWORK else FromTemplate
        wanted = self.tip() if self.tip else None
        end = time.monotonic() + PATIENCE_S
        while (work := kind(self.result(body))).prev != (wanted or work.prev) and time.monotonic() < end:
            time.sleep(0.1)
            wanted = self.tip()
        return work

    def template(self):
        return self.work(TEMPLATE)


class Multi(Minerd):
    """cpuminer-multi 1.3.7: both lengths, and a body that comes when the server said to continue."""

    submit_id = 4

    def ask(self, body):
        with self.client.connect(PATIENCE_S) as sock:
            sock.sendall((f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: {self.auth}\r\n"
                          "Accept-Encoding: deflate, gzip\r\nTransfer-Encoding: chunked\r\n"
                          f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                          "User-Agent: cpuminer-multi/1.3.7\r\nExpect: 100-continue\r\n\r\n").encode())
            said = b""
            while b"\r\n\r\n" not in said:
                said += sock.recv(1)
            if not said.startswith(b"HTTP/1.1 100 "):
                return Reply(said)
            sock.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return read_one(sock)


STYLES = {"minerd": Minerd, "multi": Multi}


class Work:
    """A header to search in, from getwork's data."""

    def __init__(self, result):
        data = bytes.fromhex(result["data"])
        assert len(data) == 128 and result["data"][160:] == PADDING
        self.header = words_reversed(data[:80])
        self.target = int.from_bytes(bytes.fromhex(result["target"]), "little")
        self.prev, self.root = self.header[4:36][::-1].hex(), self.header[36:68]
        self.bits = struct.unpack("<I", self.header[72:76])[0]
        self.nonce = 0

    def share(self, block=False):
        """A header with a new nonce, good for the share target, and a block's or none."""
        network = compact_to_target(self.bits)
        while True:
            self.nonce += 1
            header = self.header[:76] + struct.pack("<I", self.nonce)
            value = int.from_bytes(scrypt(header), "big")
            if value <= self.target and (value <= network) == block:
                return header


class FromTemplate(Work):
    """The same from a block template, as minerd makes it."""

    def __init__(self, template):
        self.template = template
        self.coinbase = bytes.fromhex(template["coinbasetxn"]["data"])
        txids = [sha256d(self.coinbase)] + [bytes.fromhex(t["txid"])[::-1] for t in template["transactions"]]
        header = (struct.pack("<I", template["version"]) + bytes.fromhex(template["previousblockhash"])[::-1]
                  + merkle_root(txids) + struct.pack("<I", template["curtime"])
                  + bytes.fromhex(template["bits"])[::-1] + bytes(4))
        super().__init__({"data": words_reversed(header).hex() + PADDING,
                          "target": bytes.fromhex(template["target"])[::-1].hex()})

    def block(self, header, whole):
        """What minerd submits: without the transactions where the pool said that it may."""
        count = bytes([1 + len(self.template["transactions"])])
        body = header + count + self.coinbase
        if whole:
            body += b"".join(bytes.fromhex(t["data"]) for t in self.template["transactions"])
        return ('{"method": "submitblock", "params": ["%s", {"workid": "%s"}], "id":1}\r\n'
                % (body.hex(), self.template["workid"])).encode()


@pytest.fixture(scope="module", params=["https", "http"])
def scheme(request):
    return request.param


@pytest.fixture
def tip(rpc):
    return lambda: rpc("pool")("getbestblockhash")


@pytest.fixture(params=sorted(STYLES))
def miner(request, env, scheme, address, tip):
    made = STYLES[request.param](env, scheme, f"{address}.rig.1")
    made.tip = tip
    return made


@pytest.fixture
def minerd(env, address, tip):
    made = Minerd(env, "http", f"{address}.rig1")
    made.tip = tip
    return made


def credited(rows, address):
    return rows("SELECT s.pow_hash, w.name, s.difficulty FROM share s JOIN worker w ON w.id = s.worker_id"
                " JOIN miner m ON m.id = w.miner_id WHERE m.network = %s AND m.address = %s", NETWORK, address)


def refused(rows, address):
    return [reason for (reason,) in rows(
        "SELECT r.reason FROM rejected r JOIN worker w ON w.id = r.worker_id JOIN miner m ON m.id = w.miner_id"
        " WHERE m.network = %s AND m.address = %s", NETWORK, address)]


# --- shares ---


def test_getwork(miner, rows, address):
    work = miner.work()
    assert work.target == int(EASIEST, 16)
    row = rows("SELECT HEX(w.target), w.thread_id, w.os, w.agent, w.ip, LENGTH(w.extranonce), w.email, wo.name, j.network"
               " FROM work w JOIN worker wo ON wo.id = w.worker_id JOIN job j ON j.id = w.job_id WHERE w.id = %s",
               work_id(work.root))
    agent = "cpuminer/2.5.1" if miner.submit_id == 1 else "cpuminer-multi/1.3.7"
    assert row == ((EASIEST.upper(), "", "", agent, "127.0.0.1", 12, None, "rig-1", NETWORK),)
    header = work.share()
    reply = miner.call(submission(header, miner.submit_id))
    assert reply.status == 200 and "x-reject-reason" not in reply.headers
    assert reply.body == b'{"result":true,"error":null,"id":%d}\n' % miner.submit_id
    assert poll(lambda: credited(rows, address), PATIENCE_S) == ((scrypt(header), "rig-1", 1),)


def test_template(env, scheme, address, rows, tip):
    miner = Minerd(env, scheme, f"{address}/rig_2")
    miner.tip = tip
    work = miner.template()
    template = work.template
    assert template["workid"] == work_id(work.root) and "segwit" in template["rules"]
    assert [row for row in rows("SELECT COUNT(*) FROM work WHERE id = %s", template["workid"])] == [(1,)]
    shares = [work.share(), work.share()]
    for header, whole in zip(shares, (True, False)):
        assert miner.call(work.block(header, whole)).body == b'{"result":null,"error":null,"id":1}\n'
    assert poll(lambda: len(credited(rows, address)) == 2, PATIENCE_S)
    assert {(pow_hash, name) for pow_hash, name, _ in credited(rows, address)} == {
        (scrypt(header), "rig_2") for header in shares}


@pytest.mark.parametrize("way", ["getwork", "template"])
def test_a_block_reaches_the_chain(minerd, rpc, way):
    """From whatever the pool hands out once it knows the tip: a tip that other tests made takes a moment."""
    node = rpc("pool")

    def found():
        work = minerd.work() if way == "getwork" else minerd.template()
        if work.prev != node("getbestblockhash"):
            return None
        header = work.share(block=True)
        sent = submission(header) if way == "getwork" else work.block(header, False)
        assert json.loads(minerd.call(sent).body)["result"] is (True if way == "getwork" else None)
        return sha256d(header)[::-1].hex()

    block = poll(found, PATIENCE_S)
    height = poll(lambda: height_of(node, block), PATIENCE_S)
    assert node("getblockhash", height) == block


def height_of(node, block):
    try:
        return node("getblockheader", block)["height"]
    except Exception:  # it is not there yet
        return None


def test_no_two_miners_search_the_same(env, address, rows):
    """Many at once, also of one address and worker, by both ways."""
    roots, lock = [], threading.Lock()

    def fetch(number):
        miner = Minerd(env, "http", f"{address}.{number % 3}")
        got = [miner.work().root, FromTemplate(miner.result(TEMPLATE)).root]
        with lock:
            roots.extend(got)

    threads = [threading.Thread(target=fetch, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(roots)) == len(roots) == 48
    works = rows("SELECT w.extranonce FROM work w JOIN worker wo ON wo.id = w.worker_id"
                 " JOIN miner m ON m.id = wo.miner_id WHERE m.address = %s", address)
    assert len({extranonce for (extranonce,) in works}) == len(works) >= 48


def test_resends_are_credited_once(minerd, rows, address):
    """The same share in every variant of its bytes is taken, and counts once."""
    work = minerd.template()
    header = work.share()
    sent = [submission(header), submission(header), submission(header, 4), submission(header).upper().replace(
        b"METHOD", b"method").replace(b"GETWORK", b"getwork").replace(b"PARAMS", b"params").replace(b'"ID"', b'"id"'),
        json.dumps({"id": "x", "params": [words_reversed(header).hex() + PADDING], "method": "getwork"}).encode()]
    for body in sent:
        assert minerd.result(body) is True
    assert minerd.result(work.block(header, True)) is None
    assert minerd.result(work.block(header, False).replace(b"workid", b"other")) is None
    assert poll(lambda: len(credited(rows, address)) + len(refused(rows, address)) == 7, PATIENCE_S)
    assert [row[0] for row in credited(rows, address)] == [scrypt(header)]
    assert len(set(refused(rows, address))) == 1


def test_stale(minerd):
    work = minerd.work()
    header = bytearray(work.share())
    header[4:36] = bytes(32)
    reply = minerd.call(submission(bytes(header)))
    assert (reply.status, reply.body) == (200, TAKEN.replace(b"true", b"false"))
    assert reply.headers["x-reject-reason"] == "stale-prevblk"
    block = b'{"method":"submitblock","params":["%s"],"id":1}' % bytes(header).hex().encode()
    reply = minerd.call(block)
    assert (reply.status, reply.body) == (200, TAKEN.replace(b"true", b'"stale-prevblk"'))
    assert reply.headers["x-reject-reason"] == "stale-prevblk"


@pytest.mark.parametrize("data", ["", "00", "zz" * 128, "0" * 256, "0" * 254, "0" * 258, "é" * 128])
def test_a_share_that_is_none(minerd, data):
    for method, answer in (("getwork", False), ("submitblock", "rejected")):
        reply = minerd.call(json.dumps({"method": method, "params": [data], "id": 1}).encode())
        if method == "submitblock" and re.fullmatch("0{160,}", data):
            answer = "stale-prevblk"  # a header of nothing
        assert json.loads(reply.body) == {"result": answer, "error": None, "id": 1}
        assert reply.status == 200 and "x-reject-reason" in reply.headers


def test_invented_work_is_the_workers_to_refuse(minerd, rows):
    """The frontend knows no work: it takes what is on the tip, and nobody is credited for it."""
    def on_the_tip():
        header = bytearray(minerd.work().share())
        header[36:68] = uuid.uuid4().bytes * 2
        return bytes(header) if minerd.result(submission(bytes(header))) else None

    header = poll(on_the_tip, PATIENCE_S)
    wanted = work_id(header[36:68])
    assert poll(lambda: rows("SELECT 1 FROM rejected WHERE work_id = %s AND worker_id IS NULL", wanted), PATIENCE_S)
    assert not rows("SELECT 1 FROM share WHERE work_id = %s", wanted)


# --- how hard shares are ---


def hashes_of(work):
    return 2**256 // (work.target + 1)


@contextlib.contextmanager
def delivered(rows, db, address, minutes, shares, difficulty):
    """As the workers sum it up: so much in each of the last minutes. Taken out again, for no shares stand for it,
    and an audit would freeze payouts over that."""
    worker, now = rows("SELECT w.id, UNIX_TIMESTAMP() DIV 60 FROM worker w JOIN miner m ON m.id = w.miner_id"
                       " WHERE m.address = %s AND m.network = %s", address, NETWORK)[0]
    with db("root").cursor() as cursor:
        cursor.executemany("INSERT INTO share_stats (worker_id, minute, network, shares, difficulty)"
                           " VALUES (%s, %s, %s, %s, %s)",
                           [(worker, now - i, NETWORK, shares, shares * difficulty) for i in range(minutes)])
        try:
            yield
        finally:
            cursor.execute("UPDATE share_stats SET shares = shares - %s, difficulty = difficulty - %s"
                           " WHERE worker_id = %s AND minute BETWEEN %s AND %s",
                           (shares, shares * difficulty, worker, now - minutes + 1, now))
            cursor.execute("DELETE FROM share_stats WHERE worker_id = %s AND shares = 0 AND rejected = 0", (worker,))


def test_shares_become_harder(env, minerd, db, address, rows):
    assert hashes_of(minerd.work()) == 1
    with delivered(rows, db, address, 5, 20, 64):
        assert hashes_of(minerd.work()) == 64
        work = minerd.template()
        assert hashes_of(work) == 64
        wish = Minerd(env, "http", f"{address}.rig1", "x,d=0.5")
        assert wish.work().target == (0xFFFF << 224) * 2
        wish = Minerd(env, "http", f"{address}.rig1", "maxd=0.0005")
        assert hashes_of(wish.work()) == 32  # 0.0005 are 32.8
        share = work.share(block=True)  # on this chain so good a share is a block
        assert minerd.result(work.block(share, False)) is None
        assert poll(lambda: credited(rows, address), PATIENCE_S) == ((scrypt(share), "rig1", 64),)


# --- who, and what else is said ---


def error(reply):
    answer = json.loads(reply.body)
    assert answer["result"] is None and set(answer) == {"result", "error", "id"}
    return answer["error"]["code"], answer["error"]["message"]


def test_no_user(env):
    reply = Minerd(env, "http", "x").client.post({"Connection": "close"}, GETWORK, path="/litecoin/")
    assert reply.status == 401 and reply.headers["www-authenticate"].startswith("Basic ")
    assert "ADDRESS" in error(reply)[1]


@pytest.mark.parametrize("user", ["nobody", "", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4.rig", "/", "."])
def test_no_address(env, rows, user):
    for body in (GETWORK, TEMPLATE, submission(bytes(80))):
        reply = Minerd(env, "http", user).call(body)
        assert reply.status == 200 and "no address" in error(reply)[1]
    assert not rows("SELECT 1 FROM miner WHERE address = %s", user)


def test_both_fall_back_to_getwork_without_segwit(miner):
    reply = miner.call(TEMPLATE_OF_MULTI)
    assert (reply.status, reply.body) == (404, b"")


def test_proposals_are_refused(minerd):
    reply = minerd.call(b'{"method":"getblocktemplate","params":[{"mode":"proposal","data":"00"}],"id":3}')
    assert reply.status == 200 and "roposal" in error(reply)[1] and json.loads(reply.body)["id"] == 3


@pytest.mark.parametrize("body, code", [
    (b"", -32700), (b"{", -32700), (b"\xff\xfe", -32700), (b"[" * 100_000, -32700), (b'{"a":' * 100_000, -32700),
    (b"1," * 100_000, -32700), (b'"' + b"x" * 1_000_000, -32700), (b"[]", -32600),
    (b'[{"method":"getwork"}]', -32600), (b"null", -32600), (b'{"method":7}', -32600),
    (b'{"method":"stop"}', -32601), (b'{"method":"getwork","params":{}}', -32602),
    (b'{"method":"getwork","params":[7]}', -32602), (b'{"method":"submitblock"}', -32602),
    (b'{"method":"getblocktemplate","params":["x"]}', -32602),
], ids=range(16))
def test_what_no_miner_sends(miner, body, code):
    reply = miner.call(body)
    assert reply.status == 200 and error(reply)[0] == code
    assert reply.headers["content-type"] == "application/json"


def test_bodies_beyond_the_bound(miner):
    body = b'{"method":"getwork","params":["%s"],"id":1}'
    assert json.loads(miner.call(body % (b"0" * 9_000_000)).body)["result"] is False
    for size in (9_437_185, 10_000_000, 20_000_000):
        reply = miner.call(body % (b"0" * size))
        assert reply.status == 413 and "too long" in error(reply)[1]


def test_methods_of_the_root(env):
    client = Client(env, "http")
    for path in ("/", "/litecoin/", "/litecoin"):
        reply = client.raw(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, POST")


def test_the_first_network_without_a_name(env, address, rows):
    for path in ("/", "/litecoin", "/regtest/", "/litecoin-b/"):
        work = Minerd(env, "http", address, path=path).work()
        network = rows("SELECT network FROM work WHERE id = %s", work_id(work.root))
        assert network == (("litecoin-b" if path == "/litecoin-b/" else "litecoin",),)


def test_a_page_is_still_a_page(env):
    client = Client(env, "http")
    reply = client.raw(b"GET /litecoin/howtojoin/ HTTP/1.1\r\nHost: pool\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
    page = reply.body.decode()
    assert reply.status == 200
    assert "minerd --algo=scrypt" in page and "cpuminer --algo=scrypt" in page and "/litecoin/" in page


# --- a frontend of the test's own ---

NO_PUBLISHER = ("publisher_socket = ", "#publisher_socket = ")


def call(frontend, body, address, ip="127.0.0.1", **variables):
    headers = {"Authorization": basic(f"{address}.rig"), "User-Agent": "cpuminer/2.5.1", **variables}
    return frontend.get("/litecoin/", method="POST", headers=headers, body=body, ip=ip)


def closed_port():
    """Nobody listens there, and nobody else gets it: it stays bound until the socket is collected."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def test_broker_away(env, tmp_path, address):
    """A miner sends its share again later: neither true nor false."""
    with closed_port() as sock:
        away = [NO_PUBLISHER, (f"port = {env['PENSTOCK_AMQP_PORT']}", f"port = {sock.getsockname()[1]}")]
        with own_frontend(env, tmp_path, changes=away) as frontend:
            reply = poll(lambda: answered(call(frontend, GETWORK, address)), PATIENCE_S)
            work = Work(reply.json()["result"])
            for _ in range(3):
                reply = call(frontend, submission(work.share()), address)
                assert reply.status == 503 and reply.json()["error"] and reply.json()["result"] is None


def answered(reply):
    return reply if reply.status == 200 else None


def test_database_away(env, tmp_path, minerd, rows, address):
    """Nobody gets work, nor falls back; shares are taken, and the worker judges them."""
    with closed_port() as sock:
        away = [(f"port = {env['PENSTOCK_DB_PORT']}", f"port = {sock.getsockname()[1]}")]
        header = minerd.work().share()
        with own_frontend(env, tmp_path, changes=away) as frontend:
            for body in (GETWORK, TEMPLATE, TEMPLATE_OF_MULTI):
                reply = call(frontend, body, address)
                assert reply.status == (404 if body == TEMPLATE_OF_MULTI else 503)
            reply = poll(lambda: answered(call(frontend, submission(header), address)), PATIENCE_S)
            assert reply.json()["result"] is True
    assert poll(lambda: credited(rows, address) or refused(rows, address), PATIENCE_S)


def test_limits(env, tmp_path, address):
    """Beyond them work is refused for a while, and a share for good."""
    tight = [("[limits]\n", "[limits]\nwork_per_ip = 1\nwork_per_ip_burst = 1\nsolution_per_ip = 1\n"
                            "solution_per_ip_burst = 1\n")]
    with own_frontend(env, tmp_path, changes=tight) as frontend:
        assert poll(lambda: call(frontend, GETWORK, address, "192.0.2.7").status == 429, PATIENCE_S)

        def beyond():
            reply = call(frontend, submission(bytes(80)), address, "192.0.2.7")
            assert (reply.status, reply.json()["result"]) == (200, False)
            return reply.headers["X-Reject-Reason"] == "too-many-requests"

        assert poll(beyond, PATIENCE_S)
        assert call(frontend, GETWORK, address, "192.0.2.8").status != 429


def test_bans(env, tmp_path, db, address):
    with db("root").cursor() as cursor:
        cursor.execute("INSERT INTO ban (kind, network, value, reason) VALUES ('address', %s, %s, 'test'),"
                       " ('ip', NULL, '198.51.100.7', 'test')", (NETWORK, address))
        try:
            with own_frontend(env, tmp_path) as frontend:
                for ip in ("127.0.0.1", "198.51.100.7"):
                    for body in (GETWORK, TEMPLATE, submission(bytes(80))):
                        reply = poll(lambda: answered(call(frontend, body, address, ip)), PATIENCE_S)
                        assert reply.json()["result"] is None
                        assert re.search("disabled|banned", reply.json()["error"]["message"])
        finally:
            cursor.execute("DELETE FROM ban WHERE value IN (%s, '198.51.100.7')", (address,))


def test_where_miners_are_sent(env, tmp_path, address):
    """X-Long-Polling and longpolluri only when somebody answers there; X-Stratum when there is one."""
    plain, told = tmp_path / "plain", tmp_path / "told"
    plain.mkdir(), told.mkdir()
    off = [("[frontend]\n", "[frontend]\n")]
    conf = pathlib.Path(env["PENSTOCK_FRONTEND_CONF"]).read_text()
    off = [(line, "") for line in re.findall(r"(?m)^longpoll = .*\n", conf)] or off
    on = off + [("[frontend]\n", "[frontend]\nlongpoll = on\n"),
                ("[network litecoin]\n", "[network litecoin]\nstratum = stratum+tcp://pool.example:3333\n")]
    with own_frontend(env, plain, changes=off) as frontend:
        reply = poll(lambda: answered(call(frontend, GETWORK, address)), PATIENCE_S)
        assert not {"X-Long-Polling", "X-Stratum"} & set(reply.headers)
        template = poll(lambda: answered(call(frontend, TEMPLATE, address)), PATIENCE_S).json()["result"]
        assert not {"longpollid", "longpolluri"} & set(template)
    with own_frontend(env, told, changes=on) as frontend:
        reply = poll(lambda: answered(call(frontend, GETWORK, address)), PATIENCE_S)
        assert reply.headers["X-Long-Polling"].endswith("/lp/litecoin")
        assert reply.headers["X-Stratum"] == "stratum+tcp://pool.example:3333"
        template = poll(lambda: answered(call(frontend, TEMPLATE, address)), PATIENCE_S).json()["result"]
        assert template["longpolluri"].endswith("/lp/litecoin")
        assert template["longpollid"] == template["previousblockhash"]


def test_counted(env, tmp_path, address):
    """Calls by what they are, refusals by why."""
    stale = submission(bytes(80))
    with own_frontend(env, tmp_path) as frontend:
        for body in (GETWORK, TEMPLATE, stale, b"[]"):
            assert poll(lambda body=body: answered(call(frontend, body, address)), PATIENCE_S)
        metrics = frontend.get("/metrics").body.decode()
    for line in ('requests_total{route="getwork",status="2xx"}', 'requests_total{route="getblocktemplate",status="2xx"}',
                 'requests_total{route="getwork share",status="2xx"}', 'refused_total{reason="share_stale"}',
                 'refused_total{reason="call_batch"}'):
        assert re.search(re.escape("penstock_frontend_" + line) + r" [1-9]", metrics), line


# --- the miner that the demo has ---


@pytest.mark.parametrize("options", [["--like", "minerd"], ["--like", "minerd", "--getwork-only"], ["--like", "multi"]],
                         ids=["template", "getwork", "multi"])
def test_the_test_miner(env, scheme, address, rows, options):
    url = env["PENSTOCK_URL" if scheme == "https" else "PENSTOCK_HTTP_URL"]
    command = [TOOL, "--url", f"{url}/litecoin", "--user", f"{address}.t", "--cert", env["PENSTOCK_CA"], "--json",
               "--no-longpoll", "--block-every", "3600", "--retry-pause", "500", "--shares", "2", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=2 * PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert poll(lambda: len(credited(rows, address)) + len(refused(rows, address)) >= 2, PATIENCE_S)
