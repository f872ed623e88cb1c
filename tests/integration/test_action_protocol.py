"""The Action protocol over HTTPS and HTTP against the running pool: every reply byte for byte, what a
request leaves in the database and in the queue, and servers that are away."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import signal
import sys
import threading
import time
import uuid

import pytest
from action_client import END, HEALTH_DOWN, Client, error, poll, read_one, request
from conftest import suspend

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))
from miners import Metronome  # noqa: E402

TARGET = "f" * 64  # of the running pool (deploy/lib)
OK_WORK = re.compile(
    rb"<RESPONSE> <ADDRESS>([a-z0-9]+)</ADDRESS><HASHTARGET>([0-9a-f]{64})</HASHTARGET>"
    rb"<MINERGUID>([0-9a-f-]{36})</MINERGUID><WORKID>([0-9a-f-]{36})</WORKID></RESPONSE><END></HTML>\n")


def solution(work_id="w", block="aa", transaction="bb"):
    fields = ["f%d" % i for i in range(16)]
    fields[6], fields[14], fields[15] = work_id, block, transaction
    return ",".join(fields)


def accepted(work_id):
    return b"<RESPONSE><STATUS>ok</STATUS><WORKID>%s</WORKID></RESPONSE><END></HTML>\n" % (
        work_id.encode())


@pytest.fixture(scope="module", params=["https", "http"])
def client(request, env):
    return Client(env, request.param)


@pytest.fixture(scope="module")
def https(env):
    return Client(env)


@pytest.fixture
def queued(env, amqp, ctl):
    """Stops the workers; queued() returns the messages of a network's queues and removes them."""
    for name in ("worker-1", "worker-2"):
        ctl("stop", name)
    channel = amqp("admin").channel()
    queues = {network: (f"solution.{network}", f"solution.{network}.large")
              for network in env["PENSTOCK_NETWORKS"].split()}
    for pair in queues.values():
        for queue in pair:
            channel.queue_purge(queue)

    again = Client.again

    def take(network="litecoin"):
        messages = []
        for queue in queues[network]:
            while (got := channel.basic_get(queue, auto_ack=True))[0]:
                messages.append((*got[:2], json.loads(got[2])))
        if Client.again > again:  # one whose confirm came too late for its miner may be there twice
            messages = list({tuple(message[2]["solution"]): message for message in messages}.values())
        return messages

    yield take
    take()
    for name in ("worker-1", "worker-2"):
        ctl("start", name)


def work_of(reply):
    """(address, target, miner guid, work id) of a reply to readytomine2."""
    assert reply.status == 200, reply
    match = OK_WORK.fullmatch(reply.body)
    assert match, reply
    return tuple(group.decode() for group in match.groups())


# --- readytomine2 ---


def test_work_is_handed_out_and_recorded(client, env, address, rows):
    headers = {"NetworkID": "litecoin", "Miner": f"{address}/rig 1/me@example.org", "ThreadID": "7",
               "OS": "LIN", "Agent": "1.0.8.3", "WorkerID1": "x", "WorkerID2": "y", "SessionID": "z",
               "X-Forwarded-For": "192.0.2.9", "Client-IP": "192.0.2.9"}
    pool, target, guid, work = work_of(client.action("readytomine2", headers))
    assert (pool, target) == (env["PENSTOCK_POOL_ADDRESS_LITECOIN"], TARGET)
    assert rows("SELECT network, address, disabled FROM miner WHERE id = %s", guid) == (
        ("litecoin", address, 0),)
    found = rows("SELECT k.network, w.miner_id, w.name, HEX(k.target), k.thread_id, k.ip, k.os, k.agent,"
                 " k.email FROM work k JOIN worker w ON w.id = k.worker_id WHERE k.id = %s", work)
    assert found == (("litecoin", guid, "rig 1", TARGET.upper(), "7", "127.0.0.1", "LIN", "1.0.8.3",
                      "me@example.org"),)

    # The same miner again: nothing new but the work.
    again = work_of(client.action("readytomine2", headers))
    assert again[2] == guid and again[3] != work
    assert rows("SELECT COUNT(*) FROM worker WHERE miner_id = %s", guid) == ((1,),)


def test_defaults(https, address, rows):
    work = work_of(https.action("readytomine2", {"NetworkID": "regtest", "Miner": address}))[3]
    found = rows("SELECT k.network, w.name, k.thread_id, k.os, k.agent, k.email"
                 " FROM work k JOIN worker w ON w.id = k.worker_id WHERE k.id = %s", work)
    assert found == (("litecoin", "Default", "1", "UNKNOWN", "UNKNOWN", None),)


def test_a_miner_of_each_network(https, env, address, rows):
    guids = set()
    for network in ("litecoin", "litecoin-b"):
        pool, _, guid, _ = work_of(https.action("readytomine2", {"NetworkID": network, "Miner": address}))
        assert pool == env["PENSTOCK_POOL_ADDRESS_" + network.upper().replace("-", "_")]
        guids.add(guid)
    assert len(guids) == 2
    assert rows("SELECT COUNT(*) FROM miner WHERE address = %s", address) == ((2,),)


def test_names_differ_when_their_bytes_differ(https, address, rows):
    for worker in ("rig", "Rig", "rig ", "r\u00efg", "\U0001f600"):
        work_of(https.action("readytomine2", {"NetworkID": "litecoin", "Miner": f"{address}/{worker}"}))
    found = rows("SELECT w.name FROM worker w JOIN miner m ON m.id = w.miner_id WHERE m.address = %s"
                 " ORDER BY w.id", address)
    # White space around a header's value is no part of it (RFC 9110, 5.5).
    assert [name for name, in found] == ["rig", "Rig", "r\u00efg", "\U0001f600"]


def test_upper_case_bech32_is_the_same_miner(https, address):
    guids = {work_of(https.action("readytomine2", {"NetworkID": "litecoin", "Miner": spelled}))[2]
             for spelled in (address, address.upper())}
    assert len(guids) == 1
    mixed = address[0].upper() + address[1:]
    assert https.action("readytomine2", {"NetworkID": "litecoin", "Miner": mixed}).body == error(
        f"WorkerID {mixed[:64]} is invalid")


def test_header_names_in_any_case(https, address):
    for change in (str.upper, str.lower, str.swapcase):
        headers = {change(name): value for name, value in
                   (("Action", "readytomine2"), ("NetworkID", "litecoin"), ("Miner", address))}
        work_of(https.post(headers, b"readytomine2"))


@pytest.mark.parametrize("body", [b"", b"readytomine2", b"solution", b"\xff\x00<"])
def test_the_body_says_nothing(https, address, body):
    work_of(https.action("readytomine2", {"NetworkID": "litecoin", "Miner": address}, body))


def test_over_long_texts_are_cut(https, address, rows):
    headers = {"NetworkID": "litecoin", "Miner": f"{address}/w/{'m' * 300}@example.org",
               "ThreadID": "\u00e4" * 40, "OS": "o" * 5000, "Agent": b"\xff" + "\u20ac".encode() * 3000}
    work = work_of(https.action("readytomine2", headers))[3]
    assert rows("SELECT thread_id, os, agent, email FROM work WHERE id = %s", work) == (
        ("\u00e4" * 32, "o" * 32, "?" + "\u20ac" * 63, None),)


def test_eight_first_requests_at_once(https, address, rows):
    headers = {"NetworkID": "litecoin", "Miner": f"{address}/rig"}
    start = threading.Barrier(8)

    def ask():
        with https.connect() as sock:
            start.wait()
            sock.sendall(request({"Action": "readytomine2", **headers}))
            reply = read_one(sock)
            return work_of(reply if reply.body != HEALTH_DOWN else https.action("readytomine2", headers))

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        works = [future.result() for future in [threads.submit(ask) for _ in range(8)]]
    assert len({guid for _, _, guid, _ in works}) == 1
    assert len({work for _, _, _, work in works}) == 8
    assert rows("SELECT COUNT(DISTINCT m.id), COUNT(*) FROM miner m JOIN worker w ON w.miner_id = m.id"
                " WHERE m.address = %s", address) == ((1, 1),)


def test_disabled_miner(client, address, rows):
    def ask(sent):
        return client.action("readytomine2", {"NetworkID": "litecoin", "Miner": sent}).body

    def handed_out():
        return rows("SELECT COUNT(*) FROM work k JOIN worker w ON w.id = k.worker_id"
                    " WHERE w.miner_id = %s", guid)

    guid = work_of(client.action("readytomine2", {"NetworkID": "litecoin", "Miner": f"{address}/rig"}))[2]
    rows("UPDATE miner SET disabled = 1 WHERE id = %s", guid)
    before, disabled = handed_out(), error(f"Miner {address} is disabled")
    # a program that does not remember these looks at once
    for sent in (address, f"{address}/other/me@example.org", address.upper()):
        assert ask(sent) == disabled
    assert handed_out() == before
    # one that handed out work knows it within seconds
    assert poll(lambda: ask(f"{address}/rig") == disabled)
    assert poll(lambda: all(ask(f"{address}/rig") == disabled for _ in range(20)))
    rows("UPDATE miner SET disabled = 0 WHERE id = %s", guid)
    assert poll(lambda: b"<WORKID>" in ask(f"{address}/rig"))


# --- refusals ---


REFUSALS = [
    ({}, "UNKNOWN ACTION EMPTY"),
    ({"NetworkID": "litecoin", "Miner": "x"}, "UNKNOWN ACTION EMPTY"),
    ({"Action": ""}, "UNKNOWN ACTION "),
    ({"Action": "readytomine"}, "UNKNOWN ACTION readytomine"),
    ({"Action": "ReadyToMine2", "NetworkID": "litecoin"}, "UNKNOWN ACTION ReadyToMine2"),
    ({"Action": "<script>alert(1)</script>&amp;"}, "UNKNOWN ACTION scriptalert(1)/scriptamp;"),
    ({"Action": "a" * 64 + "b"}, "UNKNOWN ACTION " + "a" * 64),
    ({"Action": "<" * 60 + "abcdef"}, "UNKNOWN ACTION abcd"),
    ({"Action": "a\tb"}, "UNKNOWN ACTION ab"),
    ({"Action": b"\xc3\xa4\xff"}, b"UNKNOWN ACTION \xc3\xa4\xff"),
    ({"Action": "readytomine2"}, "Invalid network"),
    ({"Action": "readytomine2", "NetworkID": ""}, "Invalid network"),
    ({"Action": "readytomine2", "NetworkID": "main", "Miner": "x"}, "Invalid network"),
    ({"Action": "readytomine2", "NetworkID": "Litecoin", "Miner": "x"}, "Invalid network"),
    ({"Action": "solution", "NetworkID": "<b>", "Solution": "x"}, "Invalid network"),
    ({"Action": "readytomine2", "NetworkID": "litecoin"}, "WorkerID is missing"),
    ({"Action": "readytomine2", "NetworkID": "litecoin", "Miner": ""}, "WorkerID  is invalid"),
    ({"Action": "readytomine2", "NetworkID": "litecoin", "Miner": "/"}, "WorkerID / is invalid"),
    ({"Action": "readytomine2", "NetworkID": "litecoin", "Miner": "//"}, "WorkerID // is invalid"),
    ({"Action": "readytomine2", "NetworkID": "litecoin", "Miner": "/rig"}, "WorkerID /rig is invalid"),
    ({"Action": "readytomine2", "NetworkID": "litecoin", "Miner": "<b>&nonsense"},
     "WorkerID bnonsense is invalid"),
    ({"Action": "readytomine2", "NetworkID": "litecoin", "Miner": "B" * 34},
     f"WorkerID {'B' * 34} is invalid"),
    ({"Action": "readytomine2", "NetworkID": "litecoin",
      "Miner": "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"},
     "WorkerID 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH is invalid"),
    ({"Action": "solution", "NetworkID": "litecoin"}, "Solution is missing"),
    ({"Action": "solution", "NetworkID": "litecoin", "Miner": "/"}, "Solution is missing"),
    ({"Action": "solution", "NetworkID": "litecoin", "Solution": ""}, "Invalit Solution"),
    ({"Action": "solution", "NetworkID": "litecoin", "Solution": ",".join("x" * 15)}, "Invalit Solution"),
    ({"Action": "solution", "NetworkID": "litecoin", "Solution": ",".join("x" * 17)}, "Invalit Solution"),
    ({"Action": "solution", "NetworkID": "litecoin", "Solution": b"\xff" + b",x" * 15}, "Invalit Solution"),
]


@pytest.mark.parametrize("case", range(len(REFUSALS)))
def test_refusals(client, case):
    headers, message = REFUSALS[case]
    reply = client.post(headers, b"readytomine2")
    assert (reply.status, reply.body) == (200, error(message)), reply
    assert reply.headers["content-type"] == "text/html; charset=utf-8"


def test_bad_worker_names(https, address):
    for worker in (b"w" * 65, "\u00e4".encode() * 65, b"\xff", b"a\xc3", b"a\tb", b"w" * 20000):
        sent = address.encode() + b"/" + worker
        reply = https.action("readytomine2", {"NetworkID": "litecoin", "Miner": sent})
        assert reply.body == error(b"WorkerID " + sent[:64].replace(b"\t", b"") + b" is invalid")


def test_odd_query_strings(client, address):
    for query in ("?", "?x=%00", "?%ff%fe&&&=", "?" + "q" * 700, "?%", "?a=<b>"):
        work_of(client.post({"Action": "readytomine2", "NetworkID": "litecoin", "Miner": address},
                            path="/Action.aspx" + query))


def test_mweb_address_cannot_be_paid(https, rpc):
    mweb = rpc("miner")("getnewaddress", "", "mweb")
    assert https.action("readytomine2", {"NetworkID": "litecoin", "Miner": mweb}).body == error(
        f"WorkerID {mweb[:64]} is invalid")


# --- solution ---


def test_solution_is_queued(client, queued):
    before = time.time()
    reply = client.action("solution", {"NetworkID": "regtest", "Solution": solution(), "OS": "LIN",
                                       "Agent": "1.0.8.3", "Miner": "not looked at/<b>",
                                       "X-Forwarded-For": "192.0.2.9"})
    assert reply.body == accepted("w")
    (method, properties, message), = queued()
    assert (method.exchange, method.routing_key) == ("penstock", "solution.litecoin")
    assert properties.delivery_mode == 2 and properties.content_type == "application/json"
    assert properties.message_id == message["id"] and properties.type == "solution"
    assert uuid.UUID(message["id"]).version == 7
    assert before - 1 < message["received_us"] / 1e6 < time.time() + 1
    assert (message["v"], message["kind"], message["network"]) == (1, "solution", "litecoin")
    assert message["solution"] == solution().split(",")
    origin = message["origin"]
    assert (origin["ip"], origin["os"], origin["agent"], origin["miner"]) == (
        "127.0.0.1", "LIN", "1.0.8.3", "not looked at/<b>")


def test_what_comes_beside_a_solution_may_be_anything(https, queued):
    odd = {"OS": b"\xff" * 600, "Agent": "\u20ac" * 600, "Miner": b"\xc3", "ThreadID": "<" * 900}
    reply = https.action("solution", {"NetworkID": "litecoin-b", "Solution": solution(), **odd})
    assert reply.body == accepted("w")
    (_, _, message), = queued("litecoin-b")
    assert message["origin"]["os"] == "?" * 255
    assert message["origin"]["agent"] == "\u20ac" * 85
    assert message["origin"]["miner"] == "?"


def test_work_id_is_echoed(https, queued):
    for work_id, echo in (("a" * 64, "a" * 64), ("a" * 65, "a" * 64), ("<i>&", "i"), ("", ""),
                          (" padded ", "padded")):
        reply = https.action("solution", {"NetworkID": "litecoin", "Solution": solution(work_id)})
        assert reply.body == accepted(echo)
        assert queued()[0][2]["solution"][6] == work_id.strip()


def test_long_headers_pass_byte_exact(client, queued):
    for size in (8000, 32768, 60000):
        block = os.urandom(size).hex()[:size - len(solution(block=""))]
        sent = solution(block=block)
        assert len(sent) == size
        reply = client.action("solution", {"NetworkID": "litecoin", "Solution": sent,
                                           "Miner": "m" * 200, "ThreadID": "1", "OS": "LIN"})
        assert reply.body == accepted("w")
        assert queued()[0][2]["solution"] == sent.split(",")


def test_solution_in_the_body(client, queued):
    for size in (1, 70000, 4 * 1024 * 1024):
        for content_type in ("text/plain", "Text/Plain; charset=us-ascii"):
            sent = solution(block=os.urandom(size).hex())
            reply = client.action("solution", {"NetworkID": "litecoin", "Content-Type": content_type},
                                  sent.encode())
            assert reply.body == accepted("w")
            (_, properties, message), = queued()
            assert message["solution"] == sent.split(",")
            assert properties.message_id == message["id"]


REFUSED_BODIES = [
    ({}, solution().encode(), "Solution is missing"),
    ({"Content-Type": "text/html"}, solution().encode(), "Solution is missing"),
    ({"Content-Type": "text/plain"}, b"", "Solution is missing"),
    ({"Content-Type": "text/plain"}, b"solution", "Invalit Solution"),
    ({"Content-Type": "text/plain"}, b"\x00" + solution().encode(), "Invalit Solution"),
    ({"Content-Type": "text/plain"}, solution().encode() + b",17", "Invalit Solution"),
    ({"Content-Type": "text/plain", "Solution": "x"}, solution().encode(), "Invalit Solution"),
    ({"Content-Type": "text/plain"}, solution(block="a" * (9 * 1024 * 1024 - 300)).encode(),
     "Solution is too long"),
]


def test_refused_bodies(https, queued):
    for headers, body, message in REFUSED_BODIES:
        reply = https.action("solution", {"NetworkID": "litecoin", **headers}, body)
        assert (reply.status, reply.body) == (200, error(message))
    assert not queued()


# --- servers that are away ---


class Load:
    """Threads that go on asking; records (start, seconds, body) of each reply."""

    def __init__(self, client, make, threads=8):
        self.replies, self.going = [], True
        self.threads = [threading.Thread(target=self.run, args=(client, make)) for _ in range(threads)]

    def run(self, client, make):
        while self.going:
            start = time.monotonic()
            body = client.post(make(), patient=False).body
            self.replies.append((start, time.monotonic() - start, body))
            time.sleep(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join()

    def since(self, instant):
        return [reply for reply in self.replies if reply[0] >= instant]


@contextlib.contextmanager
def paused(env, name):
    pid = int((pathlib.Path(env["PENSTOCK_STATE"]) / "pid" / name).read_text())
    suspend(pid)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def stopped(ctl, name, action="stop"):
    ctl(action, name)
    try:
        yield
    finally:
        ctl("start", name)


def is_good(body):
    return bool(OK_WORK.fullmatch(body)) or body == accepted("w")


@pytest.fixture(scope="module")
def clock():
    made = Metronome()
    made.start()
    return made


def check_outage(load, outage, need, clock):
    """While OUTAGE lasts each reply is HEALTH_DOWN, most at once; afterwards all is well again. How long that
    takes says more of the machine than of the pool: what is bounded is far from what another time-out, or
    one wait for each request, would make of it."""
    assert poll(lambda: sum(is_good(body) for _, _, body in load.replies) > 50)
    usual = max(seconds for _, seconds, _ in load.replies)  # what this machine takes today
    with outage:
        down = time.monotonic() + 0.05
        time.sleep(2.5)
        assert poll(lambda: len(load.since(down)) > 80)
        up = time.monotonic()
    back = time.monotonic()
    assert poll(lambda: len(load.since(back)) > 50 and
                all(is_good(body) for _, _, body in load.since(back)[-50:])), "not well again"
    during = [reply for reply in load.since(down) if reply[0] + reply[1] < up]
    assert len(during) > 50 and {body for _, _, body in during} == {HEALTH_DOWN}, need
    assert all(is_good(body) or body == HEALTH_DOWN for _, _, body in load.replies)
    waited = [(seconds - clock.stalled(start, start + seconds), start)
              for start, seconds, _ in load.since(down) if start < up]
    assert max(waited)[0] < 10 + usual, (max(waited), usual)
    at_once = sum(seconds < 0.5 + usual for seconds, _ in waited)
    assert at_once > 0.5 * len(waited), f"{at_once} of {len(waited)} at once"


def ready(address):
    return lambda: {"Action": "readytomine2", "NetworkID": "litecoin", "Miner": address}


def solve():
    return {"Action": "solution", "NetworkID": "litecoin", "Solution": solution()}


@pytest.mark.parametrize("how", ["pause", "stop", "kill"])
@pytest.mark.parametrize("server, other", [("mariadb", "rabbitmq"), ("rabbitmq", "mariadb")])
def test_a_server_away(https, env, ctl, address, clock, server, other, how):
    needs = {"mariadb": ready(address), "rabbitmq": solve}
    outage = paused(env, server) if how == "pause" else stopped(ctl, server, how)
    with Load(https, needs[server]) as load, Load(https, needs[other], 2) as unharmed:
        check_outage(load, outage, server, clock)
    good = [body for _, _, body in unharmed.replies if is_good(body)]
    others = {body for _, _, body in unharmed.replies if not is_good(body)}
    assert others <= {HEALTH_DOWN}  # from when it took longer itself than frontends wait
    assert len(good) > 0.9 * len(unharmed.replies)


def test_refusals_need_no_server(https, ctl):
    with stopped(ctl, "mariadb"):
        for _ in range(20):
            assert https.action("readytomine2", {"NetworkID": "litecoin", "Miner": "/"}).body == error(
                "WorkerID / is invalid")


def test_unconfirmed_is_never_ok(https, env, amqp, queued):
    """What was told ok while the broker died is in the queue. One that went two ways is there twice, under
    one message id, by which the worker knows it."""
    sent, lock = [], threading.Lock()

    def send(thread):
        for i in range(150):
            work_id = f"{thread}-{i}"
            reply = https.action("solution", {"NetworkID": "litecoin", "Solution": solution(work_id)},
                                 patient=False)
            assert reply.body in (HEALTH_DOWN, accepted(work_id))
            if reply.body == accepted(work_id):
                with lock:
                    sent.append(work_id)
            else:
                time.sleep(0.02)

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        running = [threads.submit(send, thread) for thread in range(4)]
        for _ in range(2):
            time.sleep(0.1)
            with paused(env, "rabbitmq"):
                time.sleep(1)
        for future in running:
            future.result()
    assert sent
    ids = {}
    for _, properties, message in queued():
        ids.setdefault(message["solution"][6], set()).add(properties.message_id)
    assert not set(sent) - set(ids)
    assert all(len(ids[work_id]) == 1 for work_id in sent)


def test_no_queue_is_not_ok(https, env, amqp, queued):
    """A network whose queue the operator forgot: HEALTH_DOWN, and the others go on."""
    channel = amqp("admin").channel()
    channel.queue_unbind("solution.litecoin-b", "penstock", "solution.litecoin-b")
    try:
        reply = https.action("solution", {"NetworkID": "litecoin-b", "Solution": solution()}, patient=False)
        assert reply.body == HEALTH_DOWN
        reply = https.action("solution", {"NetworkID": "litecoin", "Solution": solution()})
        assert reply.body == accepted("w")
    finally:
        channel.queue_bind("solution.litecoin-b", "penstock", "solution.litecoin-b")
    reply = https.action("solution", {"NetworkID": "litecoin-b", "Solution": solution()})
    assert reply.body == accepted("w")
    assert END in reply.raw
