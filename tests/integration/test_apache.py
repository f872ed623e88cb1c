"""The web server around the frontend: connections, TLS, bounds, and the life of the FastCGI programs."""

import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import warnings

import pytest
import requests
from action_client import END, Client, Reply, error, poll, read_one, read_to_end, request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = 96
ASK = {"Action": "nonsense"}
ANSWER = error("UNKNOWN ACTION nonsense")


@pytest.fixture(scope="module", params=["https", "http"])
def client(request, env):
    return Client(env, request.param)


@pytest.fixture(scope="module")
def http(env):
    return Client(env, "http")


def programs(env):
    """The pids of the pool's FastCGI programs."""
    mine = os.path.join(env["PENSTOCK_BIN"], "penstock-frontend").encode()
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().split(b"\0")[0] == mine:
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def warm_up(env, number=PROGRAMS):
    return subprocess.run([ROOT / "deploy/apache/warm-up", env["PENSTOCK_HTTP_URL"], "/dev/null",
                           str(number)], capture_output=True, text=True, timeout=200, check=False)


def log_text(env, name):
    return (pathlib.Path(env["PENSTOCK_STATE"]) / "log" / name).read_text(errors="replace")


# --- connections ---


def test_closed_unless_asked(client):
    for headers in (ASK, {**ASK, "Connection": "close"}, {**ASK, "Connection": "Keep-Alives"},
                    {**ASK, "Keep-Alive": "1"}):
        reply = client.post(headers)  # returns only when the server closes
        assert reply.body == ANSWER
        assert reply.headers["connection"] == "close"


def test_kept_open_when_asked(client):
    with client.connect() as sock:
        for value in ("keep-alive", "Keep-Alive", "TE, keep-alive", "KEEP-ALIVE,TE"):
            sock.sendall(request({**ASK, "Connection": value}))
            reply = read_one(sock)
            assert reply.body == ANSWER
            assert reply.headers.get("connection", "keep-alive").lower() == "keep-alive"
        sock.sendall(request(ASK))
        assert Reply(read_to_end(sock)).headers["connection"] == "close"


def test_kept_alive_connections_stay(client):
    """64 connections at once: none is dropped between two requests."""
    dropped = []

    def talk():
        with client.connect() as sock:
            for _ in range(100):
                sock.sendall(request({**ASK, "Connection": "keep-alive"}))
                if read_one(sock).body != ANSWER:
                    dropped.append(sock)
                    return

    threads = [threading.Thread(target=talk) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not dropped


def test_http_1_0(client):
    raw = b"POST /Action.aspx HTTP/1.0\r\nAction: nonsense\r\nContent-Length: 0\r\n\r\n"
    assert client.raw(raw).body == ANSWER


def test_a_request_in_pieces(client):
    with client.connect() as sock:
        for byte in request({**ASK, "Miner": "x"}, b"readytomine2"):
            sock.sendall(bytes([byte]))
        assert Reply(read_to_end(sock)).body == ANSWER


# --- TLS ---


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                           (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_tls_versions(env, version, name):
    context = ssl.create_default_context(cafile=env["PENSTOCK_CA"])
    context.minimum_version = context.maximum_version = version
    with Client(env).connect(context=context) as sock:
        assert sock.version() == name
        sock.sendall(request(ASK))
        assert Reply(read_to_end(sock)).body == ANSWER


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA"])
def test_what_openssl_1_0_can_do(env, cipher):
    context = ssl.create_default_context(cafile=env["PENSTOCK_CA"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    context.set_ecdh_curve("prime256v1")
    with Client(env).connect(context=context) as sock:
        assert sock.cipher()[0] == cipher


def test_no_older_tls(env):
    context = ssl.create_default_context(cafile=env["PENSTOCK_CA"])
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        Client(env).connect(context=context)


# --- bounds ---


def fields(size):
    """A Solution header of SIZE bytes that the frontend refuses, so no queue is needed."""
    return [("Action", "solution"), ("NetworkID", "litecoin"), ("Solution", "," + "s" * (size - 1))]


TAKEN = error("Invalit Solution")


def check_refused(reply, statuses):
    assert reply.status in statuses, reply
    assert reply.body.endswith(END) and b"<ERROR>" in reply.body, reply
    assert reply.headers["connection"] == "close"


def test_headers_up_to_the_bound_and_beyond(client, env):
    """From what fits to what does not: never a 500, never a part of it."""
    before = log_text(env, "apache-error.log").count("bytes refused")
    refused = 0
    for others in (1, 5, 40):
        for size in (200, 1000, 2000, 3000, 4000, 4500, 5000, 6000, 20000, 50000):
            headers = fields(60000) + [(f"X-{i}", "v" * (size // others)) for i in range(others)]
            reply = client.post(headers)
            if reply.status == 200:
                assert reply.body == TAKEN and size < 4000
            else:
                check_refused(reply, [431])
                refused += 1
    assert refused >= 15
    assert poll(lambda: log_text(env, "apache-error.log").count("bytes refused") >= before + refused)


@pytest.mark.parametrize("headers", [
    fields(60000), fields(60080), fields(30000) + [("Miner", "m" * 30000)],
    [("Action", "nonsense")] + [(f"X-{i}", "v" * 1200) for i in range(45)],
    [("Action", "nonsense")] + [("X" * 60, "v") for _ in range(40)],
], ids=["60000", "60080", "two", "many", "same"])
def test_what_fits_passes(client, headers):
    assert client.post(headers).body in (TAKEN, ANSWER)


@pytest.mark.parametrize("headers, statuses", [
    (fields(60100), [400, 431]),
    (fields(61000), [400, 431]),
    (fields(70000), [400, 431]),
    (fields(1000000), [400, 431]),
    ([("X", "y" * 60000), ("Y", "z" * 60000)] + fields(10), [431]),
    ([("X", "y" * 60000), ("Y", "z" * 5000), ("Z", "")] + fields(10), [431]),
    ([("X" * 60000, "y"), ("Y", "z" * 5000)], [431]),
    ([(f"X-{i}", "v") for i in range(100)], [400, 431]),
    ([(f"X-{i}", "v" * 2000) for i in range(40)], [431]),
    ([("X", "y" * 30000)] * 3, [400, 431]),
    ([("Bad header", "x")], [400]),
    ([("X", "a\0b")], [400]),
    ([("X", "a\rb")], [400]),
    ([("Content-Length", "-1")], [400, 413]),
    ([("Content-Length", "x")], [400]),
    ([("Content-Length", "9437185")], [413]),
    ([("Content-Length", "99999999999999999999")], [400, 413]),
    ([("Transfer-Encoding", "chunked")], [400, 411]),
    ([("Expect", "magic"), ("Connection", "close")], [417]),
], ids=range(19))
def test_clear_refusals(client, headers, statuses):
    check_refused(client.post(headers), statuses)


@pytest.mark.parametrize("raw, statuses", [
    (b"NONSENSE\r\n\r\n", [400]),
    (b"POST /Action.aspx HTTP/1.1\r\n\r\n", [400]),  # no Host
    (b"POST /" + b"x" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", [414]),
    (b"POST /" + b"x" * 300 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [403, 414]),
    (b"POST /%2e%2e%2fetc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [404]),
    (b"POST /a%00b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [400, 404]),
    (b"POST /action.aspx HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [404]),
    (b"GET /no/thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [404]),
    (b"POST /isalive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [405]),
    (b"GET /Action.aspx HTTP/1.1\r\nHost: x\r\n\r\n", [405]),
    (b"DELETE /Action.aspx HTTP/1.1\r\nHost: x\r\n\r\n", [405]),
    (b"TRACE /Action.aspx HTTP/1.1\r\nHost: x\r\n\r\n", [405]),
    (b"BREW /Action.aspx HTTP/1.1\r\nHost: x\r\n\r\n", [405, 501]),
    (b"POST /warm-up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [405]),
], ids=range(14))
def test_odd_requests(client, raw, statuses):
    check_refused(client.raw(raw), statuses)


def test_bodies(client):
    """8.x MB pass; beyond the bound comes a 413, even to one who is still sending."""
    headers = [("Action", "solution"), ("NetworkID", "litecoin"), ("Content-Type", "text/plain")]
    assert client.post(headers, b"x" * 8_900_000).body == TAKEN
    assert client.post(headers, b"x" * 9_437_184).body == TAKEN
    for size in (9_437_185, 10_000_000, 20_000_000):
        check_refused(client.post(headers, b"x" * size), [413])


def test_plain_http_on_the_tls_port(env):
    client = Client(env)
    with socket.create_connection((client.url.hostname, client.url.port), 10) as sock:
        sock.sendall(request(ASK))
        check_refused(Reply(read_to_end(sock)), [400])


def test_refusals_are_logged(http, env):
    mark = f"/{time.time_ns()}"
    http.raw(f"GET {mark} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    line = poll(lambda: [line for line in log_text(env, "apache-refused.log").splitlines() if mark in line])
    assert re.fullmatch(r"\S+ 127\.0\.0\.1 404 .*", line[0])


@pytest.mark.long
def test_slow_requests_do_not_stay(client):
    start = time.monotonic()
    check_refused(client.raw(b"POST /Action.aspx HTTP/1.1\r\nHost: x\r\nAction: no", 40), [408])
    assert time.monotonic() - start < 35


# --- the programs' life ---


def test_warm_up_tells_the_truth(env):
    done = warm_up(env)
    assert done.returncode == 0, done.stderr
    assert len(programs(env)) == PROGRAMS
    before = set(programs(env))
    assert warm_up(env).returncode == 0  # again: all are there
    assert set(programs(env)) == before
    assert len(programs(env)) == PROGRAMS
    assert subprocess.run([ROOT / "deploy/apache/warm-up"], capture_output=True, check=False).returncode == 64


@pytest.mark.long
def test_warm_up_fails_beyond_what_is_possible(env):
    done = warm_up(env, PROGRAMS + 1)
    assert done.returncode == 1 and f"of {PROGRAMS + 1}" in done.stderr


def test_warm_up_fails_without_a_server(env):
    done = subprocess.run([ROOT / "deploy/apache/warm-up", "https://127.0.0.1:1", env["PENSTOCK_CA"], "2"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "only 0 of 2" in done.stderr


def test_a_page_that_was_kept_and_grew_old_is_whole(env):
    """Asked for anew by its ETag it was left in memory without its body."""
    def get():
        return requests.get(env["PENSTOCK_URL"] + "/litecoin/howtojoin/", headers={"Accept": "text/html"},
                            verify=env["PENSTOCK_CA"], timeout=60)

    assert poll(lambda: "Age" in get().headers, 60, 0.5)
    assert poll(lambda: "Age" not in get().headers, 120, 0.5)
    kept = []
    assert poll(lambda: "Age" in (kept.append(get()) or kept[-1].headers), 60, 0.5)
    assert all(reply.status_code == 200 and reply.text.endswith("</html>\n") for reply in kept)


def test_browsers_stay_with_https(env):
    def told(url, path):
        return requests.get(url + path, verify=env["PENSTOCK_CA"], timeout=60).headers.get("Strict-Transport-Security")

    for path in ("/static/site.css", "/nowhere"):
        assert told(env["PENSTOCK_URL"], path) == "max-age=15768000"
        assert told(env["PENSTOCK_HTTP_URL"], path) is None
    told(env["PENSTOCK_URL"], "/litecoin/")  # is kept from now on
    assert told(env["PENSTOCK_HTTP_URL"], "/litecoin/") is None


def test_both_ports_share_the_programs(env, http):
    """Virtual hosts with programs of their own would leave one port without any."""
    assert warm_up(env).returncode == 0
    before = set(programs(env))
    for client in (http, Client(env)) * 10:
        assert client.post(ASK).body == ANSWER
    assert set(programs(env)) == before


class Stream:
    """Requests without a pause, from several threads; collects (seconds, reply or error)."""

    def __init__(self, client, threads=6):
        self.results, self.going = [], True
        self.threads = [threading.Thread(target=self.run, args=(client,)) for _ in range(threads)]

    def run(self, client):
        while self.going:
            start = time.monotonic()
            try:
                result = client.post(ASK)
            except OSError as failure:
                result = failure
            self.results.append((time.monotonic() - start, result))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join()

    def bad(self):
        return [result for _, result in self.results if not isinstance(result, Reply) or result.body != ANSWER]


def test_reload_under_load(env, ctl, http):
    """A graceful reload ends all programs: each finishes what it is doing, and new ones come."""
    before = set(programs(env))
    with Stream(http) as stream:
        assert poll(lambda: len(stream.results) > 50)
        ctl("reload", "apache")
        reloaded = len(stream.results)
        assert poll(lambda: len(stream.results) > reloaded + 50)
    assert not stream.bad()
    assert poll(lambda: not before & set(programs(env)))
    assert poll(lambda: len(programs(env)) == PROGRAMS)


def test_sigterm_ends_after_the_request(env, http):
    """Every program is told to stop; the one that is at work answers first."""
    for pause in (0.3, 0.6, 1.0) * 4:  # it is at work by then, unless the machine is very busy
        assert poll(lambda: warm_up(env).returncode == 0)
        before = programs(env)
        with http.connect() as sock:
            sock.sendall(request({"Connection": "close"}, method="GET",
                                 path=f"/warm-up?2.{time.time_ns() % 10**9}"))
            time.sleep(pause)  # it waits for a second one, which does not come
            for pid in before:
                os.kill(pid, signal.SIGTERM)
            assert poll(lambda: len(set(before) & set(programs(env))) <= 1)
            left = set(before) & set(programs(env))
            reply = Reply(read_to_end(sock))
        if left and reply.status == 200:
            break
    assert left == {int(reply.body.split()[0])}
    assert poll(lambda: not set(before) & set(programs(env)))
    assert poll(lambda: warm_up(env).returncode == 0)


def test_killed_programs_are_replaced(env, http):
    victims = programs(env)
    for pid in victims[:PROGRAMS // 2]:
        os.kill(pid, signal.SIGKILL)
    time.sleep(1.5)  # mod_fcgid looks for dead programs once a second
    assert poll(lambda: warm_up(env).returncode == 0 and len(programs(env)) == PROGRAMS)
    with Stream(http) as stream:
        assert poll(lambda: len(stream.results) > 50)
    assert not stream.bad()
