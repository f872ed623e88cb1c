"""What workers say of themselves, of scheduled tasks and of the books at their loopback ports, and who
cannot keep them from it."""

import json
import re
import select
import socket
import subprocess
import time
import uuid
from urllib.parse import urlsplit

import pika
import pytest
import requests

import blocks
from action_client import poll
from live_client import Held
from test_first_light import mine
from test_health import check_metrics

SERIES = r'^{}{} (\S+)$'


def read(address, path="/metrics", **options):
    return requests.get(f"http://{address}{path}", timeout=60, **options)


def value(text, name, labels=""):
    """The number of one series, or None; LABELS as in the text."""
    found = re.search(SERIES.format(re.escape(name), re.escape(labels)), text, re.M)
    return float(found.group(1)) if found else None


def total(texts, name, *labels):
    """Over all series whose labels have these, in all TEXTS."""
    found = 0.0
    for text in texts:
        for has, number in re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", text, re.M):
            found += float(number) if all(label in has for label in labels) else 0
    return found


@pytest.fixture
def addresses(env):
    """Of both workers: the one that came first has the first port."""
    host, port = env["PENSTOCK_METRICS"].split(":")
    found = [f"{host}:{int(port) + i}" for i in range(2)]
    assert poll(lambda: all(answers(address) for address in found), 60)
    return found


def answers(address):
    try:
        return read(address).status_code == 200
    except requests.RequestException:
        return False


def live_address(env):
    return urlsplit(env["PENSTOCK_LIVE_URL"]).netloc


def texts_of(addresses):
    return [read(address).text for address in addresses]


def test_prometheus_likes_them(addresses):
    for address in addresses:
        reply = read(address)
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert reply.headers["Cache-Control"] == "no-store"
        check_metrics(reply.text)


def send_unknown_work(env, rpc, amqp):
    template = rpc("miner")("getblocktemplate", {"rules": ["mweb", "segwit"]})
    script = rpc("pool")("validateaddress", env["PENSTOCK_POOL_ADDRESS_LITECOIN"])["scriptPubKey"]
    fields = blocks.Block(template, bytes.fromhex(script)).fields(str(uuid.uuid4()), str(uuid.uuid4()))
    body = blocks.message(fields, "litecoin")
    channel = amqp("frontend").channel()
    channel.confirm_delivery()
    channel.basic_publish("penstock", "solution.litecoin", body, pika.BasicProperties(
        delivery_mode=2, message_id=json.loads(body)["id"], type="solution"), mandatory=True)


def test_work_is_counted(env, addresses, address, rpc, amqp):
    def accepted():
        return total(texts_of(addresses), "penstock_worker_accepted_total", 'network="litecoin"')

    def rejected(reason):
        return total(texts_of(addresses), "penstock_worker_rejected_total", 'network="litecoin"',
                     f'reason="{reason}"')

    before, unknown = accepted(), rejected("UnknownWork")
    batches = total(texts_of(addresses), "penstock_worker_batch_size_count")
    done = mine(env, "litecoin", address, "--count", "2", "--blocks", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert poll(lambda: accepted() >= before + 2, 60)
    send_unknown_work(env, rpc, amqp)
    assert poll(lambda: rejected("UnknownWork") == unknown + 1, 60)
    now = texts_of(addresses)
    assert total(now, "penstock_worker_batch_size_count") >= batches + 2
    assert total(now, "penstock_worker_batch_size_sum") >= total(now, "penstock_worker_batch_size_count")
    assert total(now, "penstock_wallet_seconds_count", 'network="litecoin"') > 0
    assert total(now, "penstock_worker_silent_seconds") < 600


def test_tasks_and_books_are_told(env, addresses):
    done = subprocess.run([f"{env['PENSTOCK_BIN']}/penstock-task", "roll-stats", "--config",
                           env["PENSTOCK_BACKEND_CONF"]], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    started = time.time() - 300
    labels = '{network="litecoin",task="roll-stats"}'

    def text():
        return read(addresses[0]).text

    assert poll(lambda: (value(text(), "penstock_task_last_success_timestamp_seconds", labels) or 0) > started, 60)
    now = text()
    assert value(now, "penstock_metrics_database_up") == 1
    assert 0 <= value(now, "penstock_task_last_duration_seconds", labels) < 300
    assert value(now, "penstock_task_runs_last_hour",
                 '{network="litecoin",task="roll-stats",outcome="done"}') >= 1
    for network in env["PENSTOCK_NETWORKS"].split():
        assert value(now, "penstock_ledger_imbalance", f'{{network="{network}"}}') == 0
        assert value(now, "penstock_payouts_in_flight_amount", f'{{network="{network}"}}') >= 0
        assert 0 <= value(now, "penstock_unsettled_age_seconds", f'{{network="{network}"}}') < 600


def told(address):
    """What a program says there, which prometheus likes; it may be starting."""
    assert poll(lambda: answers(address), 60)
    text = read(address).text
    check_metrics(text)
    return text


def test_jobs_are_told(env, rpc):
    address, label = env["PENSTOCK_METRICS_JOBS"], '{network="litecoin"}'

    def made():
        return value(told(address), "penstock_jobs_made_total", label)

    assert poll(lambda: value(told(address), "penstock_jobs_leading", label) == 1, 60)
    assert poll(made, 60)  # it may have begun just now
    before = made()
    rpc("miner")("generatetoaddress", 1, env["PENSTOCK_POOL_ADDRESS_LITECOIN"])
    assert poll(lambda: made() > before, 60)
    assert poll(lambda: value(told(address), "penstock_jobs_making_seconds_count", label) >= before + 1, 60)
    assert poll(lambda: value(told(address), "penstock_jobs_unpublished", label) == 0, 60)
    assert value(told(address), "penstock_jobs_silent_seconds", label) < 600


def test_the_publisher_is_told(env, address):
    at, ok = env["PENSTOCK_METRICS_PUBLISHER"], '{result="ok"}'
    before = value(told(at), "penstock_publisher_messages_total", ok)
    confirms = value(told(at), "penstock_publisher_confirm_seconds_count")

    def grows():  # frontends publish by themselves for a moment after it was away
        done = mine(env, "litecoin", address, "--count", "1", "--blocks", "none")
        assert done.returncode == 0, done.stdout + done.stderr
        return value(told(at), "penstock_publisher_messages_total", ok) > before

    assert poll(grows, 60)
    assert value(told(at), "penstock_publisher_confirm_seconds_count") > confirms
    assert value(told(at), "penstock_publisher_connected") == 1
    assert value(told(at), "penstock_publisher_clients") >= 1


def test_penstock_live_is_told(env, rpc, address):
    at, miner = live_address(env), Held(env, "live").ask("litecoin", address)
    tip, wakes = ("penstock_live_answers_total", '{why="tip"}'), "penstock_live_wake_seconds_count"
    assert poll(lambda: value(told(at), "penstock_live_broker_up") == 1, 60)
    assert poll(lambda: value(told(at), "penstock_live_database_up") == 1, 60)
    text = told(at)
    before, given = value(text, wakes), value(text, *tip)

    def woken():  # a block may come before he is held; he asks again then, or hears of the next one
        if select.select([miner.sock], [], [], 0)[0]:
            assert miner.answer().status == 200
            miner.ask("litecoin", address)
        rpc("miner")("generatetoaddress", 1, env["PENSTOCK_POOL_ADDRESS_LITECOIN"])
        return poll(lambda: value(told(at), wakes) > before, 5)

    assert poll(woken)
    miner.close()
    assert value(told(at), *tip) > given
    assert value(told(at), "penstock_live_held_max") == 4096  # as it is set by default


def test_penstock_live_counts_whom_it_refuses(env):
    at, name = live_address(env), ("penstock_live_refused_total", '{reason="path"}')
    before = value(told(at), *name) or 0
    assert read(at, "/nothing").status_code == 404
    assert value(told(at), *name) == before + 1


def test_there_is_nothing_else(addresses):
    address = addresses[0]
    assert read(address, "/").status_code == 404
    assert read(address, "/metrics/..").status_code == 404
    assert requests.post(f"http://{address}/metrics", data=b"x" * 100_000, timeout=60).status_code == 405
    head = requests.head(f"http://{address}/metrics", timeout=60)
    assert head.status_code == 200 and head.text == ""


def listening():
    """(address, port) of all sockets that listen, in the kernel's spelling."""
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                _, local, _, state = line.split()[:4]
                if state == "0A":
                    yield local.split(":")[0], int(local.split(":")[1], 16)


def test_only_loopback_is_listened_on(addresses):
    ports = {int(address.rsplit(":", 1)[1]) for address in addresses}
    assert sorted(found for found in listening() if found[1] in ports) == [("0100007F", port) for port in sorted(ports)]


def raw(address):
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    return connection


def test_hostile_clients_harm_nothing(addresses, env, address):
    """Many that say nothing, one that talks without end, some that talk nonsense; and mining goes on."""
    silent = [raw(addresses[0]) for _ in range(100)]
    try:
        done = mine(env, "litecoin", address, "--count", "1", "--blocks", "none")
        assert done.returncode == 0, done.stdout + done.stderr
        with raw(addresses[0]) as endless:
            try:
                endless.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (1 << 20))
                endless.recv(1000)
            except OSError:
                pass  # it was cut off
        for nonsense in (b"\0" * 1000, b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n",
                         b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                         b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            with raw(addresses[0]) as connection:
                connection.sendall(nonsense)
        # those that say nothing are hung up on; then it answers again, and the other one always did
        assert answers(addresses[1])
        assert poll(lambda: answers(addresses[0]), 120)
    finally:
        for connection in silent:
            connection.close()
