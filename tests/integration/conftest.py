"""Fixtures for tests against a running private pool, which tests/run starts.

By hand: deploy/up --state DIR --no-demo --no-schedule --detach, then
PENSTOCK_STATE=DIR /usr/bin/python3 -m pytest tests/integration
"""

import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.request
from base64 import b64encode

import pika
import pymysql
import pytest

from money import Money

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_env(state):
    """DIR/env as a dict."""
    text = (pathlib.Path(state) / "env").read_text(encoding="utf-8")
    pairs = (line.split("=", 1) for line in text.splitlines() if line)
    return {key: value[1:-1] for key, value in pairs}


def secret(path):
    return pathlib.Path(path).read_text(encoding="ascii").strip()


@pytest.fixture(scope="session")
def env():
    """Every address and credential file of the running pool (the contract of DIR/env)."""
    states = os.environ.get("PENSTOCK_STATE", "").split()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")  # one pool for each process of pytest
    state = states[int(worker[2:]) % len(states)] if states else ""
    if not state or not os.path.exists(os.path.join(state, "env")):
        pytest.exit("PENSTOCK_STATE names no running pool; use tests/run, or see conftest.py", 2)
    return read_env(state)


@pytest.fixture(scope="session")
def ctl(env):
    """ctl(action, name) acts on one part by deploy/ctl, and raises when that fails."""

    def act(action, name=None):
        command = [ROOT / "deploy/ctl", "--state", env["PENSTOCK_STATE"], action]
        done = subprocess.run(command + ([name] if name else []), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"ctl {action} {name}: {done.stdout}{done.stderr}")
        return done.stdout

    return act


@pytest.fixture
def db(env):
    """db(tier) opens a new autocommit connection as 'frontend', 'backend', 'admin' or 'root'."""
    opened = []

    def connect(tier, **options):
        settings = {"database": env["PENSTOCK_DB_NAME"], "charset": "utf8mb4", "autocommit": True,
                    "connect_timeout": 10}
        if tier == "root":
            settings |= {"user": "root", "unix_socket": env["PENSTOCK_DB_ROOT_SOCKET"]}
        else:
            prefix = f"PENSTOCK_DB_{tier.upper()}"
            settings |= {"host": env["PENSTOCK_DB_HOST"], "port": int(env["PENSTOCK_DB_PORT"]),
                         "user": env[f"{prefix}_USER"],
                         "password": secret(env[f"{prefix}_PASSWORD_FILE"])}
        connection = pymysql.connect(**(settings | options))
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        if connection.open:
            connection.close()


@pytest.fixture
def amqp(env):
    """amqp(tier) opens a new pika BlockingConnection as 'frontend', 'backend' or 'admin'."""
    opened = []

    def connect(tier, **options):
        prefix = f"PENSTOCK_AMQP_{tier.upper()}"
        credentials = pika.PlainCredentials(env[f"{prefix}_USER"],
                                            secret(env[f"{prefix}_PASSWORD_FILE"]))
        settings = {"host": env["PENSTOCK_AMQP_HOST"], "port": int(env["PENSTOCK_AMQP_PORT"]),
                    "virtual_host": env["PENSTOCK_AMQP_VHOST"], "credentials": credentials,
                    "heartbeat": 0, "blocked_connection_timeout": 30}
        connection = pika.BlockingConnection(pika.ConnectionParameters(**(settings | options)))
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        try:
            connection.close()
        except pika.exceptions.AMQPError:
            pass  # the test broke it, or closed it itself


class RpcError(Exception):
    """The node answered with an error; args are its code and message."""


def json_rpc(url, user, password, method, params, timeout=60):
    body = json.dumps({"id": 1, "method": method, "params": list(params)}).encode()
    token = b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json",
                                                 "Authorization": f"Basic {token}"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            reply = json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read()
        try:
            reply = json.loads(text)
        except ValueError:
            raise RpcError(error.code, text.decode("utf-8", "replace")) from None
    if reply["error"] is not None:
        raise RpcError(reply["error"]["code"], reply["error"]["message"])
    return reply["result"]


@pytest.fixture(scope="session")
def rpc(env):
    """rpc(which) is a callable (method, *params) on the 'pool' or 'miner' node with its wallet."""
    prefix = {"pool": "PENSTOCK_WALLET_LITECOIN", "miner": "PENSTOCK_NODE2_LITECOIN"}

    def node(which):
        url, user, file = (env[f"{prefix[which]}_{end}"] for end in ("URL", "USER", "PASSWORD_FILE"))
        return lambda method, *params: json_rpc(url, user, secret(file), method, params)

    return node


@pytest.fixture
def address(rpc):
    """A new address, so that miner and worker are new too."""
    return rpc("miner")("getnewaddress", "", "bech32")


@pytest.fixture
def rows(db):
    """rows(sql, *values): what root sees."""
    connection = db("root")

    def query(sql, *values):
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    return query


@pytest.fixture
def money(env, db, tmp_path):
    """money(**settings) makes a network of the test's own, whose chain is scripted; its books are checked
    at the end."""
    pools = []

    def new(**settings):
        folder = tmp_path / str(len(pools))
        folder.mkdir()
        pools.append(Money(env, db, folder, **settings))
        return pools[-1]

    yield new
    for pool in pools:
        pool.books_hold()
        pool.close()


@pytest.fixture
def seed(request):
    """What a test chooses at random follows from it; a failing test shows it."""
    given = request.config.getoption("--seed")
    number = time.time_ns() % 10**9 if given is None else given
    print(f"--seed {number}")
    return number


def process_state(state, name):
    """The letter of /proc/PID/stat for part NAME, or None when it does not run."""
    try:
        pid = int((pathlib.Path(state) / "pid" / name).read_text(encoding="ascii"))
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    letter = stat.rsplit(") ", 1)[1][0]
    return None if letter in "ZX" else letter


def suspend(pid):
    """Stops a process and returns once it stands still: SIGSTOP is for the first of its threads that runs,
    and until then the others go on."""
    def moving():
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                stat = (task / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                return True  # it has just ended
            if stat.rsplit(") ", 1)[1][0] not in "Tt":
                return True
        return False

    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 60
    while moving():
        assert time.monotonic() < end, f"process {pid} does not stop"
        time.sleep(0.001)


def damage(state):
    """What does not run as it should: pairs of a part's name and its state letter."""
    parts = (pathlib.Path(state) / "conf/parts").read_text(encoding="ascii").split()
    letters = ((name, process_state(state, name)) for name in parts)
    return [(name, letter) for name, letter in letters if letter in (None, "T", "t")]


@pytest.fixture(autouse=True)
def all_parts_run_again(request, env, ctl):
    """After each test all parts must run; what does not is repaired, and the test fails for it."""
    yield
    if "own_state" in request.keywords:
        return
    state = env["PENSTOCK_STATE"]
    end = time.monotonic() + 180  # the time for a supervised program to come back on a busy machine
    while (broken := damage(state)) and time.monotonic() < end:
        if any(letter for _, letter in broken):
            break
        time.sleep(0.1)
    for name, letter in broken:
        if letter:
            os.kill(int((pathlib.Path(state) / "pid" / name).read_text()), signal.SIGCONT)
        else:
            ctl("start", name)
    if broken:
        pytest.fail(f"the test left these parts stopped: {broken}")


def pytest_configure(config):
    config.addinivalue_line("markers", "own_state: works on pools of its own, not on the shared one")
    config.addinivalue_line("markers", "long: takes minutes; runs with tests/run --long only")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also run the tests marked long")
    parser.addoption("--seed", type=int, help="repeat what a test chose at random when it printed this")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="only with --long"))
