"""RabbitMQ as deploy/rabbitmq sets it up: what each account cannot do, what happens to messages when
the broker fails, and the C programs that test common/broker from inside."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import uuid

import pika
import pytest

from action_client import poll
from conftest import suspend

EXCHANGE = "penstock"
BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", "build")) / "integration"
CONFIRM_MS = 3000  # CONFIRM_MS and LATE_MS of broker_fixture.h
LATE_MS = 30000


@pytest.fixture
def queue(amqp):
    """A queue of this test alone, under the policy of `share.*`; no worker reads it."""
    name = f"share.itest-{uuid.uuid4().hex[:12]}"
    channel = amqp("admin").channel()
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(name, EXCHANGE, name)
    yield name
    amqp("admin").channel().queue_delete(name)  # the test may have ended the first connection


def environment(env):
    return {**os.environ, **env}


# --- what the C programs test ---


@pytest.mark.parametrize("program", ["itest_broker", "itest_broker_consume"])
def test_c_client(env, program):
    done = subprocess.run([BUILD / program], env=environment(env), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_memory_over_a_million_messages(env):
    test_c_client({**env, "PENSTOCK_TEST_MESSAGES": "1000000"}, "itest_broker_consume")


# --- TLS ---


def make_certificate(folder, name):
    """NAME.pem and NAME.key, self-signed, for the host `localhost`."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.pem"], check=True, capture_output=True)


async def pump(reader, writer):
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
def tls(env, tmp_path):
    """A TLS listener in front of the broker, with a certificate of its own; yields its settings."""
    for name in ("server", "stranger"):
        make_certificate(tmp_path, name)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    loop = asyncio.new_event_loop()

    async def serve(reader, writer):
        inner = await asyncio.open_connection(env["PENSTOCK_AMQP_HOST"], env["PENSTOCK_AMQP_PORT"])
        await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield {"PENSTOCK_TEST_TLS_CA": str(tmp_path / "server.pem"),
           "PENSTOCK_TEST_TLS_PORT": str(server.sockets[0].getsockname()[1]),
           "PENSTOCK_TEST_TLS_HOST": "localhost"}
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def test_c_client_over_tls(env, tls):
    test_c_client({**env, **tls}, "itest_broker")


@pytest.mark.parametrize("change", [{"PENSTOCK_TEST_TLS_CA": "stranger.pem"},
                                    {"PENSTOCK_TEST_TLS_CA": "missing.pem"},
                                    {"PENSTOCK_TEST_TLS_HOST": "127.0.0.1"}])
def test_tls_refuses_strangers(env, tls, queue, tmp_path, change):
    """A certificate of another CA, no CA at all, and a name that the certificate does not have."""
    change = {k: str(tmp_path / v) if k.endswith("CA") else v for k, v in change.items()}
    results = Load({**env, **tls, **change}, queue, 1).results()
    assert {result for _, result, _ in results} == {"unavailable"}
    assert {result for _, result, _ in Load({**env, **tls}, queue, 1).results()} == {"ok"}


# --- what an account cannot do ---


def refused(amqp, tier, act, codes=(403,)):
    """ACT(channel) must end in the channel or connection being closed with one of CODES."""
    channel = amqp(tier).channel()
    with pytest.raises((pika.exceptions.ChannelClosedByBroker,
                        pika.exceptions.ConnectionClosedByBroker)) as caught:
        act(channel)
        channel.queue_declare("dead", passive=True)  # a publish is refused only after it returned
    assert caught.value.reply_code in codes, caught.value


def publish(channel, exchange, key):
    channel.basic_publish(exchange, key, b"{}")


NEVER = {  # neither frontend nor backend nor live
    "declare a queue": lambda c: c.queue_declare("share.mine", durable=True),
    "declare an unnamed queue": lambda c: c.queue_declare("", exclusive=True),
    "declare an exchange": lambda c: c.exchange_declare("mine"),
    "delete the intake exchange": lambda c: c.exchange_delete(EXCHANGE),
    "delete a work queue": lambda c: c.queue_delete("share.litecoin"),
    "delete the dead letters": lambda c: c.queue_delete("dead"),
    "bind": lambda c: c.queue_bind("share.litecoin", EXCHANGE, "#"),
    "unbind": lambda c: c.queue_unbind("share.litecoin", EXCHANGE, "share.litecoin"),
    "bind an exchange": lambda c: c.exchange_bind("penstock.dead", EXCHANGE, "#"),
    "publish to the default exchange": lambda c: publish(c, "", "solution.litecoin"),
    "publish dead letters": lambda c: publish(c, "penstock.dead", "solution.litecoin"),
    "publish no job to jobs": lambda c: publish(c, "penstock.jobs", "solution.litecoin"),
    "publish to amq.topic": lambda c: publish(c, "amq.topic", "solution.litecoin"),
    "publish another kind": lambda c: publish(c, EXCHANGE, "payout.litecoin"),
    "publish with no key": lambda c: publish(c, EXCHANGE, ""),
    "publish with a wildcard key": lambda c: publish(c, EXCHANGE, "#"),
    "publish with a longer key": lambda c: publish(c, EXCHANGE, "solution.litecoin.x"),
    "publish with a key behind the large ones": lambda c: publish(
        c, EXCHANGE, "solution.litecoin.large.x"),
    "publish to the large ones of nobody": lambda c: publish(c, EXCHANGE, "solution..large"),
    "publish to large ones of another kind": lambda c: publish(c, EXCHANGE, "share.litecoin.large"),
    "publish with a newline in the key": lambda c: publish(c, EXCHANGE, "x\nsolution.litecoin"),
    "publish in another's name": lambda c: c.basic_publish(
        EXCHANGE, "solution.litecoin", b"{}", pika.BasicProperties(user_id="penstock_admin")),
}

FRONTEND_NEVER = {
    "get": lambda c: c.basic_get("solution.litecoin"),
    "get large ones": lambda c: c.basic_get("solution.litecoin.large"),
    "get dead letters": lambda c: c.basic_get("dead"),
    "consume": lambda c: c.basic_consume("solution.litecoin", lambda *_: None),
    "consume large ones": lambda c: c.basic_consume("solution.litecoin.large", lambda *_: None),
    "consume shares": lambda c: c.basic_consume("share.litecoin", lambda *_: None),
    "purge": lambda c: c.queue_purge("solution.litecoin"),
    "purge large ones": lambda c: c.queue_purge("solution.litecoin.large"),
    "publish jobs": lambda c: publish(c, "penstock.jobs", "job.litecoin"),
}


@pytest.mark.parametrize("tier", ["frontend", "backend", "live"])
@pytest.mark.parametrize("what", NEVER)
def test_nobody_may(amqp, tier, what):
    another = what == "publish in another's name" and tier != "live"  # which may not publish at all
    codes = (406,) if another else (403,)
    refused(amqp, tier, NEVER[what], codes)


@pytest.mark.parametrize("tier", ["frontend", "live"])
@pytest.mark.parametrize("what", FRONTEND_NEVER)
def test_frontend_may_not(amqp, tier, what):
    refused(amqp, tier, FRONTEND_NEVER[what])


LIVE_NEVER = {
    "publish solutions": lambda c: publish(c, EXCHANGE, "solution.litecoin"),
    "publish shares": lambda c: publish(c, EXCHANGE, "share.litecoin"),
    "publish to a queue of its own": lambda c: publish(c, "", OWN),
    "follow solutions": lambda c: c.queue_bind(OWN, EXCHANGE, "solution.litecoin"),
    "follow all that is in the jobs' exchange": lambda c: c.queue_bind(OWN, "penstock.jobs", "#"),
    "follow dead letters": lambda c: c.queue_bind(OWN, "penstock.dead", ""),
    "give work queues jobs": lambda c: c.queue_bind("share.litecoin", "penstock.jobs", "job.*"),
    "declare an exchange of its own name": lambda c: (
        c.exchange_declare("live.x"), c.exchange_bind("live.x", EXCHANGE, "#")),
}
OWN = "live.itest"


@pytest.mark.parametrize("what", LIVE_NEVER)
def test_live_may_not(amqp, what):
    def act(channel):
        channel.queue_declare(OWN, exclusive=True)
        LIVE_NEVER[what](channel)

    refused(amqp, "live", act)


def test_live_may_follow_jobs(amqp):
    channel = amqp("live").channel()
    channel.queue_declare(OWN, exclusive=True)
    channel.queue_bind(OWN, "penstock.jobs", "job.*")
    key = f"job.{uuid.uuid4().hex[:12]}"
    publish(amqp("backend").channel(), "penstock.jobs", key)
    assert poll(lambda: any(method and method.routing_key == key for method, _, _ in [channel.basic_get(OWN, True)]))


def test_other_vhost_and_guest(env, amqp):
    with pytest.raises(pika.exceptions.AMQPError):
        amqp("frontend", virtual_host="/")
    with pytest.raises(pika.exceptions.AMQPError):
        amqp("frontend", credentials=pika.PlainCredentials("guest", "guest"))


def test_oversized_message(amqp):
    refused(amqp, "frontend",
            lambda c: c.basic_publish(EXCHANGE, "share.litecoin", bytes(17 << 20)), (406,))


# --- topology ---

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy/rabbitmq"


def render(folder, networks):
    """What render-definitions makes of the passwords `pw-frontend`, `pw-backend` and so on."""
    command = [DEPLOY / "render-definitions", "--networks", networks]
    for tier in ("frontend", "backend", "admin", "live"):
        (folder / tier).write_text(f"pw-{tier}\n", encoding="ascii")
        command += [f"--{tier}-password-file", folder / tier]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_example_is_what_the_program_prints(tmp_path):
    example = json.loads((DEPLOY / "definitions.example.json").read_text(encoding="utf-8"))
    rendered = json.loads(render(tmp_path, "litecoin dogecoin").stdout)
    for user in rendered["users"]:
        raw = base64.b64decode(user.pop("password_hash"))
        password = user["name"].replace("penstock_", "pw-").encode()
        assert raw[4:] == hashlib.sha256(raw[:4] + password).digest()
    for user in example["users"]:
        del user["password_hash"]
    assert rendered == example


@pytest.mark.parametrize("networks", ["", "Litecoin", "a.b", "lite*", "#", "x" * 33, "a a", "a\nb.c"])
def test_bad_networks_are_refused(tmp_path, networks):
    done = render(tmp_path, networks)
    assert done.returncode != 0 and done.stdout == "" and "network" in done.stderr


def test_empty_password_is_refused(tmp_path):
    render(tmp_path, "litecoin")
    (tmp_path / "admin").write_text("\n", encoding="ascii")
    done = subprocess.run([DEPLOY / "render-definitions", "--networks", "litecoin"]
                          + [f"--{t}-password-file={tmp_path / t}" for t in ("frontend", "backend", "admin")],
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and done.stdout == "" and "empty" in done.stderr


def test_live_is_an_account_that_may_be_missing(tmp_path):
    """A pool without penstock-live has no such account, and nothing else changes."""
    whole = json.loads(render(tmp_path, "litecoin").stdout)
    done = subprocess.run([DEPLOY / "render-definitions", "--networks", "litecoin"]
                          + [f"--{t}-password-file={tmp_path / t}" for t in ("frontend", "backend", "admin")],
                          capture_output=True, text=True, check=True)
    part = json.loads(done.stdout)
    for key, entries in whole.items():
        left = [e for e in entries if "penstock_live" not in (e.get("name"), e.get("user"))]
        if key == "users":
            left, part[key] = ([user["name"] for user in users] for users in (left, part[key]))
        assert part[key] == left
    assert len(part["users"]) == 3


def test_rejected_message_is_dead_lettered(amqp, queue):
    message_id = str(uuid.uuid4())
    channel = amqp("frontend").channel()
    channel.confirm_delivery()
    channel.basic_publish(EXCHANGE, queue, b'{"v":1}', mandatory=True,
                          properties=pika.BasicProperties(message_id=message_id, delivery_mode=2))
    backend = amqp("backend").channel()
    method = wait_for(lambda: backend.basic_get(queue)[0])
    backend.basic_reject(method.delivery_tag, requeue=False)
    dead = wait_for(lambda: find_dead(amqp, message_id))
    assert dead.headers["x-death"][0]["queue"] == queue
    assert dead.headers["x-death"][0]["routing-keys"] == [queue]


def test_delivery_limit_ends_in_dead(amqp, queue):
    message_id = str(uuid.uuid4())
    channel = amqp("frontend").channel()
    channel.confirm_delivery()
    channel.basic_publish(EXCHANGE, queue, b"{}", mandatory=True,
                          properties=pika.BasicProperties(message_id=message_id, delivery_mode=2))
    backend = amqp("backend").channel()
    for _ in range(101):  # the first delivery and a hundred more
        method = wait_for(lambda: backend.basic_get(queue)[0])
        backend.basic_nack(method.delivery_tag, requeue=True)
    dead = wait_for(lambda: find_dead(amqp, message_id))
    assert dead.headers["x-death"][0]["reason"] == "delivery_limit"


def wait_for(what, seconds=180):
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)
    return value


def find_dead(amqp, message_id):
    """Takes this message out of `dead`, if it is there, and gives back all others."""
    connection = amqp("backend")
    channel = connection.channel()
    found = None
    for method, properties, _ in channel.consume("dead", inactivity_timeout=0.5):
        if method is None:
            break
        if properties.message_id == message_id:
            found = properties
            channel.basic_ack(method.delivery_tag)
            break
    connection.close()
    return found


# --- a broker that fails while messages are published ---


class Load:
    """itest_broker_load in the background, publishing to a queue."""

    def __init__(self, env, queue, seconds=300, window=1):
        self.out = tempfile.NamedTemporaryFile("r")  # a pipe that nobody reads would stop the program
        command = [BUILD / "itest_broker_load", "FRONTEND", queue, str(seconds), str(window)]
        with open(self.out.name, "wb") as out:
            self.program = subprocess.Popen(command, env=environment(env), stdin=subprocess.PIPE,
                                            stdout=out)

    def so_far(self):
        """(message id, result, milliseconds) of each message."""
        self.out.seek(0)
        lines = [line.split() for line in self.out if line.endswith("\n")]
        return [(i, r, int(ms)) for i, r, ms in lines]

    def more(self, number, wanted="ok"):
        """Waits for so many more messages with that result."""
        def count():
            return sum(result == wanted for _, result, _ in self.so_far())

        before = count()
        wait_for(lambda: count() >= before + number)

    def end(self):
        """Tells the program to end before its time."""
        self.program.stdin.close()
        return self.results()

    def results(self):
        """All of them, once the program has ended."""
        assert self.program.wait(timeout=120) == 0
        return self.so_far()


def queue_ids(amqp, queue):
    """The ids of all messages in the queue, in order, with repeats."""
    channel = amqp("backend").channel()
    ids = []
    for method, properties, _ in channel.consume(queue, inactivity_timeout=5):
        if method is not None:
            ids.append(properties.message_id)
            channel.basic_ack(method.delivery_tag)
        elif channel.queue_declare(queue, passive=True).method.message_count == 0:
            return ids


def judge(results, ids, at_least_ok):
    """No confirmed message is missing, none that was surely not taken is there, no call was late."""
    by_result = {}
    for message_id, result, _ in results:
        by_result.setdefault(result, set()).add(message_id)
    ok = by_result.get("ok", set())
    present = set(ids)
    assert len(ok) >= at_least_ok
    assert not ok - present, "confirmed messages are lost"
    for result in ("unavailable", "nacked", "unroutable", "forbidden"):
        assert not by_result.get(result, set()) & present, f"{result}, and yet in the queue"
    assert len(ids) == len(present), "a message was published twice"
    assert max(ms for _, _, ms in results) < CONFIRM_MS + LATE_MS
    return by_result


@contextlib.contextmanager
def stopped(env):
    pid = int((pathlib.Path(env["PENSTOCK_STATE"]) / "pid/rabbitmq").read_text(encoding="ascii"))
    suspend(pid)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("window", [1, 50])
def test_broker_killed(env, amqp, ctl, queue, window):
    load = Load(env, queue, window=window)
    # RabbitMQ 3.10 forgets a queue's raft member when it is killed within seconds of its declaration.
    time.sleep(10)
    for _ in range(2):
        load.more(200)
        ctl("kill", "rabbitmq")
        load.more(1, "unavailable")
        ctl("start", "rabbitmq")
    load.more(200)  # the publisher has come back
    results = load.end()
    wait_for(lambda: broker_answers(amqp))
    fates = judge(results, queue_ids(amqp, queue), 600)
    assert fates["unavailable"], "the broker was never away"


def broker_answers(amqp):
    try:
        return amqp("backend")
    except pika.exceptions.AMQPError:
        return None


@pytest.mark.long
def test_broker_restarted(env, amqp, ctl, queue):
    load = Load(env, queue)
    load.more(200)
    ctl("restart", "rabbitmq")
    load.more(200)
    judge(load.end(), queue_ids(amqp, queue), 400)


def test_broker_stopped(env, amqp, queue):
    load = Load(env, queue)
    load.more(200)
    with stopped(env):
        load.more(1, "uncertain")
        time.sleep(3)
    load.more(200)
    judge(load.end(), queue_ids(amqp, queue), 400)


@pytest.fixture
def alarm(env):
    """Raises the alarm of a full disk; it ends with the test at the latest."""
    rabbitmqctl = pathlib.Path(env["PENSTOCK_STATE"]) / "bin/rabbitmqctl"

    def set_to(on):
        call = ("rabbit_alarm:set_alarm({{resource_limit,disk,node()},[]})." if on
                else "rabbit_alarm:clear_alarm({resource_limit,disk,node()}).")
        subprocess.run([rabbitmqctl, "eval", call], check=True, capture_output=True, timeout=60)

    yield set_to
    set_to(False)


def test_blocked_by_alarm(env, amqp, queue, alarm):
    load = Load(env, queue)
    load.more(200)
    alarm(True)
    load.more(50, "unavailable")
    alarm(False)
    load.more(200)
    results = load.end()
    fates = judge(results, queue_ids(amqp, queue), 400)
    # one message finds out, unless the machine itself stood still for so long; what follows is refused
    # without being sent, and most of it without waiting
    assert fates["unavailable"]
    assert sum(result == "uncertain" and ms < CONFIRM_MS - 100 for _, result, ms in results) <= 1
    refused = sorted(ms for _, result, ms in results if result == "unavailable")
    assert refused[len(refused) // 2] < CONFIRM_MS / 2
