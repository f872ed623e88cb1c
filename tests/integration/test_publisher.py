"""The publisher: solutions go through it, and none is lost for its sake, whatever becomes of it."""

import concurrent.futures
import itertools
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from action_client import Client, poll
from conftest import suspend
from test_action_protocol import accepted, queued, solution  # noqa: F401

TOKENS = "publisher-%s-%d"


@pytest.fixture(scope="module")
def client(env):
    return Client(env)


@pytest.fixture
def publisher(env):
    """Its pid; the supervisor has it back at the end."""
    path = pathlib.Path(env["PENSTOCK_STATE"], "pid", "publisher")

    def pid():
        return int(path.read_text(encoding="ascii"))

    yield pid
    assert poll(lambda: alive(pid()))


def alive(pid):
    return pathlib.Path(f"/proc/{pid}").exists()


def send(client, token):
    """True: the pool said that it has this solution."""
    reply = client.post({"Action": "solution", "NetworkID": "litecoin", "Solution": solution(work_id=token)})
    return reply.body == accepted(token)


def taken(queued_messages):
    """Token to message ids."""
    found = {}
    for _, properties, message in queued_messages:
        found.setdefault(message["solution"][6], set()).add(properties.message_id)
    return found


def frames_published(env):
    """Frames that the broker got over the publisher's connection; 0 while there is none."""
    done = subprocess.run([f"{env['PENSTOCK_STATE']}/bin/rabbitmqctl", "-q", "list_connections",
                           "client_properties", "recv_cnt"], capture_output=True, text=True, timeout=120,
                          check=True)
    return max([int(line.split()[-1]) for line in done.stdout.splitlines()
                if '"penstock-publisher"' in line], default=0)


def frames_after(env, client, count, token):
    before = frames_published(env)
    for i in range(count):
        assert poll(lambda i=i: send(client, f"{token}-{i}"))
    return frames_published(env) - before


def test_solutions_go_through_the_publisher(env, client, publisher, queued):  # noqa: F811
    assert alive(publisher())
    assert poll(lambda: frames_after(env, client, 5, f"through-{time.monotonic_ns()}") >= 5)
    assert all(len(ids) == 1 for ids in taken(queued()).values())


def test_what_is_too_long_for_it_goes_without_it(client, publisher, queued):  # noqa: F811
    token = "long"
    body = solution(work_id=token, block="a" * 100000).encode()
    headers = {"Action": "solution", "NetworkID": "litecoin", "Content-Type": "text/plain"}
    assert poll(lambda: client.post(headers, body).body == accepted(token))
    assert token in taken(queued())


def test_killed_under_load_it_loses_nothing(env, client, publisher, queued):  # noqa: F811
    """Killed twice while 8 miners send: what was acknowledged is in the queue, and what went there twice
    has one id. It comes back, and is used again."""
    acknowledged, ended = [], threading.Event()

    def miner(number):
        for i in itertools.count():
            if ended.is_set():
                return
            token = TOKENS % (number, i)
            if send(client, token):
                acknowledged.append(token)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        miners = [pool.submit(miner, n) for n in range(8)]
        for _ in range(2):
            time.sleep(1.5)
            before = publisher()
            os.kill(before, signal.SIGKILL)
            assert poll(lambda: publisher() != before and alive(publisher()))  # noqa: B023
        killed = len(acknowledged)
        assert poll(lambda: len(acknowledged) > killed + 8)
        ended.set()
        for done in miners:
            done.result()
    found = taken(queued())
    assert set(acknowledged) <= set(found)
    assert all(len(found[token]) == 1 for token in acknowledged), "sent twice under two ids"
    assert poll(lambda: frames_after(env, client, 5, f"again-{time.monotonic_ns()}") >= 5)
    queued()


def test_stopped_it_delays_nobody_for_long(client, publisher, queued):  # noqa: F811
    """A publisher that hangs: miners are served without it, and it is used again when it goes on."""
    pid = publisher()
    suspend(pid)
    try:
        for i in range(10):
            assert poll(lambda i=i: send(client, f"stopped-{i}"))
    finally:
        os.kill(pid, signal.SIGCONT)
    found = taken(queued())
    assert {f"stopped-{i}" for i in range(10)} <= set(found)


def test_another_user_is_not_served(env, publisher):
    """Neither through the door nor, where the door is open, by the publisher itself."""
    path = pathlib.Path(env["PENSTOCK_STATE"], "run/frontend/publisher")
    assert path.stat().st_mode & 0o777 == 0o600
    ask = ("import socket, sys\n"
           "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
           "s.settimeout(30)\n"
           "s.connect(sys.argv[1])\n"
           "print('connected', flush=True)\n"
           "print(s.recv(100))\n")
    command = ["setpriv", "--reuid", "70004", "--regid", "70004", "--clear-groups", sys.executable, "-c", ask,
               path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "PermissionError" in done.stderr and "connected" not in done.stdout
    path.chmod(0o666)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        path.chmod(0o600)
    assert re.fullmatch(r"connected\nb''\n", done.stdout) or "ConnectionResetError" in done.stderr, done
    assert alive(publisher())
