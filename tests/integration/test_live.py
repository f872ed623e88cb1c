"""Miners who wait for new work: held by penstock-live, woken by a block, whatever becomes of the servers."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import uuid

import pika
import pytest
import requests

from live_client import GETWORK, Held, Live, await_true, prev_of, request_bytes, swapped, template


@pytest.fixture(scope="module")
def live(env):
    return Live(env)


@pytest.fixture
def nobody_left(ctl, live):
    """Apache does not see that a miner goes who waits; at its end penstock-live answers all."""
    assert live.held() == 0
    yield
    if live.held() != 0:
        ctl("reload", "live")
    await_true(lambda: live.held() == 0 and live.is_well())


@pytest.fixture
def held(env, live, nobody_left):
    """held(where, …) asks, and waits until it is among those held; all are closed at the end."""
    opened = []

    def begin(where="https", user=None, call=GETWORK, network="litecoin", awaited=True, **options):
        before = live.held(network)
        opened.append(Held(env, where))
        opened[-1].ask(network, user, call, **options)
        if awaited:
            live.await_held(before + 1, network)
        return opened[-1]

    yield begin
    for connection in opened:
        connection.close()


@pytest.fixture
def block(rpc, address):
    """block() finds one; its hash."""
    return lambda: rpc("miner")("generatetoaddress", 1, address)[0]


def pid_of(env, name):
    return int(pathlib.Path(env["PENSTOCK_STATE"], "pid", name).read_text(encoding="ascii"))


# --- the one thing it is for ---


@pytest.mark.parametrize("where", ["https", "http", "live"])
def test_held_until_a_block_comes(held, block, address, rows, where):
    work = held(where, f"{address}.a")
    ready = held(where, f"{address}.b", template())
    assert work.is_silent() and ready.is_silent()
    found = block()
    data, given = work.result(), ready.result()
    assert prev_of(data) == prev_of(given) == found
    assert given["longpollid"] == found
    assert all(len(tx["txid"]) == 64 and tx["data"] for tx in given["transactions"])
    assert given["longpolluri"].endswith("/lp/litecoin") and (where == "live" or "://" in given["longpolluri"])
    stored = rows("SELECT w.id, k.name, w.agent, w.ip, w.job_id IS NULL, w.extranonce FROM work w"
                  " JOIN worker k ON k.id = w.worker_id JOIN miner m ON m.id = k.miner_id"
                  " WHERE m.address = %s ORDER BY k.name", address)
    assert [row[1:5] for row in stored] == [(name, "live-test/1", "127.0.0.1", 0) for name in "ab"]
    assert stored[1][0] == given["workid"]
    assert stored[1][5].hex() in given["coinbasetxn"]["data"]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_miners_are_told_where_to_wait(env, held, block, address, scheme):
    base = env["PENSTOCK_URL" if scheme == "https" else "PENSTOCK_HTTP_URL"]
    reply = requests.post(f"{base}/", json=GETWORK, auth=(address, "x"), verify=env["PENSTOCK_CA"], timeout=60)
    there = env["PENSTOCK_LONGPOLL_URL" if scheme == "https" else "PENSTOCK_LONGPOLL_HTTP_URL"]
    assert reply.headers["X-Long-Polling"] == f"{there}/lp/litecoin"
    reply = requests.post(f"{base}/", json=template(), auth=(address, "x"), verify=env["PENSTOCK_CA"], timeout=60)
    given = reply.json()["result"]
    assert given["longpolluri"] == f"{there}/lp/litecoin"
    miner = held(scheme, address, template(given["longpollid"]))
    assert miner.is_silent()
    found = block()
    assert prev_of(miner.result()) == found


def test_a_connection_is_good_for_many_blocks(held, live, block, address):
    miner = held("https", f"{address}.a")
    for _ in range(3):
        found = block()
        assert prev_of(miner.result()) == found
        miner.ask("litecoin", f"{address}.a")
        live.await_held(1)


@pytest.mark.usefixtures("nobody_left")
def test_two_hundred_are_woken_and_each_has_work_of_its_own(env, live, block, address, rows):
    number = 200
    miners = [Held(env, "https") for _ in range(number)]
    for i, miner in enumerate(miners):
        miner.ask("litecoin", f"{address}.{i % 7}", GETWORK if i % 2 else template())
    live.await_held(number)
    before = live.metric('penstock_live_answers_total{why="tip"}')
    found = block()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        given = list(pool.map(Held.result, miners))
    assert {prev_of(result) for result in given} == {found}
    works = {result["data"] for result in given if "data" in result}
    coinbases = {result["coinbasetxn"]["data"] for result in given if "coinbasetxn" in result}
    assert len(works) == len(coinbases) == number // 2
    assert len({swapped(data)[36:68] for data in works}) == number // 2  # roots
    ((ids, extranonces),) = rows(
        "SELECT COUNT(DISTINCT w.id), COUNT(DISTINCT w.extranonce) FROM work w JOIN worker k ON k.id = w.worker_id"
        " JOIN miner m ON m.id = k.miner_id WHERE m.address = %s", address)
    assert (ids, extranonces) == (number, number)
    assert live.metric('penstock_live_answers_total{why="tip"}') == before + number
    for miner in miners:
        miner.close()


# --- who is not held ---


def test_who_knows_another_tip_is_answered_at_once(env, held, address, rpc):
    tip = rpc("pool")("getbestblockhash")
    miner = Held(env, "https").ask("litecoin", address, template("ab" * 32))
    assert prev_of(miner.result()) == tip
    miner.close()
    assert held("https", address, template(tip)).is_silent()


def test_who_missed_a_tip_between_two_requests_is_answered_at_once(env, held, block, address):
    """Getwork has no longpollid; a miner comes back after each answer, and blocks may be quick."""
    miner = held("https", f"{address}.late")
    block()
    miner.result()
    other = held("https", f"{address}.other")
    found = block()
    assert prev_of(other.result()) == found
    assert prev_of(miner.ask("litecoin", f"{address}.late").result()) == found


def test_another_job_on_the_same_tip_wakes_nobody(env, live, held, block, address, amqp, rows):
    miner = held("https", address)
    ((text,),) = rows("SELECT job FROM job WHERE network = 'litecoin' ORDER BY made_at DESC LIMIT 1")
    before = live.metric('penstock_live_jobs_total{from="broker"}')
    job = json.loads(text)
    made = [name for name, value in job.items() if isinstance(value, int) and value > 10**15]
    assert len(made) == 1  # when it was made, in microseconds
    job[made[0]] += 1
    amqp("backend").channel().basic_publish("penstock.jobs", "job.litecoin", json.dumps(job).encode(),
                                            pika.BasicProperties(message_id=str(uuid.uuid4())))
    await_true(lambda: live.metric('penstock_live_jobs_total{from="broker"}') == before + 1)
    assert miner.is_silent() and live.held() == 1
    found = block()
    assert prev_of(miner.result()) == found


SUBMIT = {"method": "getwork", "params": ["00" * 128], "id": 4}


@pytest.mark.parametrize("what, status, text", [
    ({"user": None}, 401, "address"),
    ({"user": "nobody.x"}, 401, "address"),
    ({"network": "dogecoin"}, 404, ""),
    ({"method": "DELETE"}, 405, ""),
    ({"call": SUBMIT}, 200, "pool's URL"),
    ({"call": {"method": "getinfo", "params": [], "id": 7}}, 200, "error"),
    ({"call": b"["}, 200, "error"),
    ({"call": b"[" * 4000}, 200, "error"),
    ({"call": b"x" * 5000}, 413, ""),
])
@pytest.mark.parametrize("where", ["https", "live"])
def test_what_is_refused(env, address, where, what, status, text):
    options = {"network": "litecoin", "user": address, "call": GETWORK} | what
    connection = Held(env, where)
    connection.ask(options.pop("network"), options.pop("user"), options.pop("call"), **options)
    reply = connection.answer()
    connection.close()
    assert reply.status == status and text in reply.body.decode(), reply
    if status == 200:
        said = json.loads(reply.body)
        assert said["result"] is None and said["error"]["code"] < 0


def test_nothing_else_is_reached_through_apache(env):
    for path in ("/", "/metrics", "/isalive", "/lp/../metrics", "/lp/%2e%2e/metrics", "/lp/"):
        connection = Held(env, "http")
        connection.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.answer().status in (400, 403, 404), path
        connection.close()


def test_get_and_chunks_will_do(env, held, block, address):
    """The first longpolling miners sent GET; cpuminer-multi sends chunks, a length, and waits for 100."""
    get = held("https", f"{address}.get", None, method="GET")
    body = json.dumps(GETWORK).encode()
    head = request_bytes("litecoin", f"{address}.chunks", body)[:-len(body) - 2]
    chunked = Held(env, "http")
    chunked.sock.sendall(head + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    assert chunked.sock.recv(64).startswith(b"HTTP/1.1 100 ")
    chunked.sock.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    await_true(lambda: Live(env).held() == 2)
    found = block()
    assert prev_of(get.result()) == prev_of(chunked.result()) == found
    chunked.close()


# --- limits ---


def test_one_sender_has_so_many_places(env, live, address):
    """The proxy on this machine says whose requests they are."""
    sender = {"headers": ("X-Forwarded-For: 192.0.2.77",)}
    miners = [Held(env, "live").ask("litecoin", address, **sender) for _ in range(256)]
    live.await_held(256)
    one_more = Held(env, "live").ask("litecoin", address, **sender)
    reply = one_more.answer()
    assert reply.status == 429 and b"wait here already" in reply.body
    other = Held(env, "live").ask("litecoin", address, headers=("X-Forwarded-For: 192.0.2.77, 192.0.2.78",))
    live.await_held(257)
    for miner in [*miners, one_more, other]:
        miner.close()
    live.await_held(0)


def test_places_of_who_has_gone_are_free_again(env, live, address):
    for _ in range(3):
        miners = [Held(env, "live").ask("litecoin", address) for _ in range(20)]
        live.await_held(20)
        for miner in miners:
            miner.close()
        live.await_held(0)


# --- senders that are slow, silent, or speak out of turn ---


def test_who_stops_in_the_middle_is_closed_and_delays_nobody(env, held, block, address):
    part = request_bytes("litecoin", address)
    silent = [Held(env, "live") for _ in range(3)]
    silent[1].sock.sendall(part[:10])
    silent[2].sock.sendall(part[:-1])
    miner = held("live", address)
    found = block()
    assert prev_of(miner.result()) == found
    for connection in silent[1:]:
        assert connection.answer().raw == b""  # closed, after SERVER_REQUEST_MS
        connection.close()
    assert silent[0].is_silent()  # has not begun
    silent[0].ask("litecoin", "nobody")
    assert silent[0].answer().status == 401
    silent[0].close()


def test_who_speaks_out_of_turn_loses_his_place(live, held, address):
    miner = held("live", address)
    miner.sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert miner.answer().raw == b""
    live.await_held(0)


def test_a_byte_at_a_time_will_do(env, live, block, address):
    miner = Held(env, "live")
    miner.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in request_bytes("litecoin", address):
        miner.sock.sendall(bytes([byte]))
    live.await_held(1)
    found = block()
    assert prev_of(miner.result()) == found
    miner.close()


# --- when things end and come back ---


def test_killed_it_comes_back_and_nothing_is_lost(env, live, held, block, address):
    before = pid_of(env, "live")
    lost = [held("https", f"{address}.{i}") for i in range(3)]
    os.kill(before, signal.SIGKILL)
    for miner in lost:
        assert miner.answer().status in (502, 503)  # what makes miners come again
    await_true(lambda: pid_of(env, "live") != before and live.is_well())
    for i, miner in enumerate(lost):
        miner.close()
        lost[i] = held("https", f"{address}.{i}")
    found = block()
    assert {prev_of(miner.result()) for miner in lost} == {found}


@pytest.mark.parametrize("action", ["restart", "reload"])
def test_at_its_end_all_are_given_work(env, ctl, live, held, block, address, rpc, action):
    before = live.metric('penstock_live_answers_total{why="end"}')
    assert before == 0 or action == "reload"
    miners = [held("https", f"{address}.{i}") for i in range(5)]
    tip = rpc("pool")("getbestblockhash")
    ctl(action, "live")
    assert {prev_of(miner.result()) for miner in miners} == {tip}
    await_true(live.is_well)
    for i, miner in enumerate(miners):
        miner.ask("litecoin", f"{address}.{i}")
    live.await_held(5)
    found = block()
    assert {prev_of(miner.result()) for miner in miners} == {found}


def test_reload_keeps_the_socket(env, ctl, live, address):
    """Connections that come meanwhile wait for the one that follows; its pid is the same."""
    before = pid_of(env, "live")
    ctl("reload", "live")
    for _ in range(50):
        connection = Held(env, "live").ask("litecoin", "nobody")
        assert connection.answer().status == 401
        connection.close()
    await_true(live.is_well)
    assert pid_of(env, "live") == before


def test_without_the_broker_the_database_tells(env, ctl, live, held, block, address):
    miner = held("https", address)
    ctl("stop", "rabbitmq")
    try:
        found = block()
        assert prev_of(miner.result()) == found
        miner.ask("litecoin", address)
        live.await_held(1)
    finally:
        ctl("start", "rabbitmq")
    await_true(lambda: live.metric("penstock_live_broker_up") == 1)
    told = live.metric('penstock_live_jobs_total{from="broker"}')
    found = block()
    assert prev_of(miner.result()) == found
    # the block, and what penstock-jobs may say once more after its own way back
    await_true(lambda: live.metric('penstock_live_jobs_total{from="broker"}') > told)


def test_without_the_database_miners_are_told_to_come_again(env, ctl, live, held, block, address):
    waiting = held("https", address)
    ctl("stop", "mariadb")
    try:
        early = Held(env, "https").ask("litecoin", f"{address}.new")
        reply = early.answer()
        early.close()  # Apache does so, too, after a 503
        assert reply.status == 503 and "retry-after" in reply.headers
        assert waiting.is_silent()  # he has work
        await_true(lambda: live.metric("penstock_live_database_up") == 0)
    finally:
        ctl("start", "mariadb")
    await_true(live.is_well)
    miner = held("https", f"{address}.new")
    found = block()
    assert prev_of(waiting.result()) == prev_of(miner.result()) == found


# --- with settings of its own ---


class Own:
    """Another penstock-live beside the pool's, on its servers."""

    def __init__(self, env, folder):
        self.folder, self.conf = folder, folder / "frontend.conf"
        self.shared = pathlib.Path(env["PENSTOCK_FRONTEND_CONF"]).read_text(encoding="utf-8")
        self.port = free_port()
        self.env = env | {"PENSTOCK_LIVE_URL": f"http://127.0.0.1:{self.port}"}
        self.live = Live(self.env)
        self.process = None

    def write(self, live="", limits=""):
        text = re.sub(r"(?m)^listen = .*", f"listen = 127.0.0.1:{self.port}\n{live}", self.shared)
        text = re.sub(r"(?m)^health_file = .*", f"health_file = {self.folder}/health", text)
        self.conf.write_text(re.sub(r"(?m)^exempt = .*", limits, text), encoding="utf-8")

    def start(self):
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([f"{self.env['PENSTOCK_BIN']}/penstock-live", "--config", self.conf],
                                            stdin=subprocess.DEVNULL, stderr=log)
        await_true(self.live.is_well)

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")

    def stop(self):
        if self.process:
            self.process.terminate()
            assert self.process.wait(60) == 0


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def own(env, tmp_path):
    program = Own(env, tmp_path)
    yield program
    program.stop()


def test_who_waited_long_enough_is_given_work(own, address, rpc):
    own.write("hold_s = 5")
    own.start()
    tip = rpc("pool")("getbestblockhash")
    miner = Held(own.env, "live")
    for given in (1, 2):
        miner.ask("litecoin", address)
        assert prev_of(miner.result()) == tip
        assert own.live.metric('penstock_live_answers_total{why="time"}') == given
    miner.close()


def test_limits_are_those_of_the_settings(own, address):
    own.write("held_per_address = 2\nheld_max = 3", "work_per_ip = 1\nwork_per_ip_burst = 6")
    own.start()
    waiting = [Held(own.env, "live").ask("litecoin", f"{address}.{i}") for i in range(2)]
    own.live.await_held(2)
    third = Held(own.env, "live").ask("litecoin", f"{address}.2")
    assert third.answer().status == 429
    other = "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc"
    waiting.append(Held(own.env, "live").ask("litecoin", other))
    own.live.await_held(3)
    reply = third.ask("litecoin", other).answer()
    assert reply.status == 503 and b"Too many miners" in reply.body
    statuses = [third.ask("litecoin", other).answer() for _ in range(3)]
    assert statuses[-1].status == 429 and b"slow down" in statuses[-1].body
    for connection in [*waiting, third]:
        connection.close()


def test_a_reload_with_broken_settings_changes_nothing(own, address):
    own.write()
    own.start()
    miner = Held(own.env, "live").ask("litecoin", address)
    own.live.await_held(1)
    own.write("hold_s = soon")
    own.process.send_signal(signal.SIGHUP)
    await_true(lambda: "live.reload_refused" in own.log())
    assert miner.is_silent() and own.live.held() == 1
    own.write("hold_s = 30")
    own.process.send_signal(signal.SIGHUP)
    assert miner.answer().status == 200
    await_true(lambda: own.log().count("live.started") == 2 and own.live.is_well())
    miner.close()


def test_its_metrics_are_well_formed(live):
    text = live.get("/metrics")
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {"penstock_live_held", "penstock_live_wake_seconds", "penstock_live_refused_total"} <= names
    for line in text.splitlines():
        assert line.startswith("# ") or line.split()[0].split("{")[0].startswith("penstock_live_")
