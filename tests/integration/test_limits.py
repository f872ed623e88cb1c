"""Limits and bans over HTTPS: what one sender may do, whose address counts behind a proxy, and that bans
come, hold without the database, and end. The pool exempts loopback, so here it stands for a trusted
proxy, and the senders are what X-Forwarded-For says."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time
import uuid

import pytest
from action_client import Client, error, poll
from conftest import suspend

SLOW = error("Too many requests, slow down")
LIMITS = """[frontend]
trusted_proxies = 127.0.0.1
{frontend}
[limits]
exempt = 203.0.113.0/24
ban_refresh_s = 1
work_per_ip = 60
work_per_ip_burst = 20
work_per_address = 60
work_per_address_burst = 15
solution_per_ip = 60
solution_per_ip_burst = 6
solution_per_miner = 60
solution_per_miner_burst = 9
open_work_per_ip = 1
open_work_per_ip_burst = 25
new_miner_per_ip = 1
new_miner_per_ip_burst = 3
new_worker_per_ip = 1
new_worker_per_ip_burst = 5
"""


@pytest.fixture(scope="module", autouse=True)
def limited(env, ctl):
    """The running pool with these limits; afterwards with its own."""
    path = pathlib.Path(env["PENSTOCK_FRONTEND_CONF"])
    before = path.read_text(encoding="utf-8")
    sections = re.split(r"(?m)^(?=\[)", before)
    (own,) = [s for s in sections if s.startswith("[frontend]\n")]
    rest = [s for s in sections if not s.startswith(("[frontend]\n", "[limits]\n"))]
    path.write_text("".join(rest) + LIMITS.format(frontend=own.partition("\n")[2]), encoding="utf-8")
    ctl("reload", "apache")
    yield
    path.write_text(before, encoding="utf-8")
    ctl("reload", "apache")


@pytest.fixture(scope="module")
def client(env):
    return Client(env)


@pytest.fixture
def penstockctl(env, rows):
    """Runs it on the pool; afterwards nothing is banned."""

    def run(*args, status=0):
        command = [pathlib.Path(env["PENSTOCK_BIN"]) / "penstockctl", "--config",
                   env["PENSTOCK_BACKEND_CONF"], *args]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    yield run
    rows("UPDATE ban SET expires_at = UTC_TIMESTAMP(6)")
    time.sleep(1.1)  # until no process remembers


def unused(numbers=itertools.count(random.randrange(1 << 17))):
    """Numbers below 2^17 that no test has used, as long as there are any."""
    return next(numbers) % (1 << 17)


def sender():
    """An address that no test has used (RFC 2544)."""
    number = unused()
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def new_addresses(rpc, n):
    return [rpc("miner")("getnewaddress", "", "bech32") for _ in range(n)]


def known_addresses(client, rpc, n):
    """Of miners that the pool has met already, each through another sender."""
    addresses = new_addresses(rpc, n)
    assert passed([ask(client, sender(), address) for address in addresses]) == n
    return addresses


def ask(client, ip, miner, **headers):
    return client.action("readytomine2", {"NetworkID": "litecoin", "Miner": miner,
                                          "X-Forwarded-For": ip, **headers})


def hand_in(client, ip, guid=None):
    fields = [f"f{i}" for i in range(16)]
    fields[5] = str(guid or uuid.uuid4())
    return client.action("solution", {"NetworkID": "litecoin", "X-Forwarded-For": ip,
                                      "Solution": ",".join(fields)})


def guid_of(reply):
    return re.search(rb"<MINERGUID>([0-9a-f-]{36})</MINERGUID>", reply.body)[1].decode()


def passed(replies):
    """How many were let through; all others must have the one reply beyond a limit."""
    through = [r for r in replies if b"<ERROR>" not in r.body]
    beyond = [r for r in replies if b"<ERROR>" in r.body]
    assert all((r.status, r.body) == (200, SLOW) for r in beyond), beyond
    return len(through)


def at_once(n, call):
    """N calls by 16 threads: the replies, and how long it took."""
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: call(), range(n)))
    return replies, time.monotonic() - start


# --- limits ---


def test_requests_for_work_of_one_sender(client, rpc, address):
    ip, miners = sender(), itertools.cycle(known_addresses(client, rpc, 5))
    replies, took = at_once(60, lambda: ask(client, ip, next(miners)))
    assert 20 <= passed(replies) <= 20 + took + 1
    assert passed([ask(client, sender(), address)]) == 1  # others are not concerned
    assert poll(lambda: passed([ask(client, ip, address)]))  # and it may again


def test_a_sender_of_ipv6_is_its_64(client, rpc, address):
    net, miners = f"2001:db8:1:{unused() & 0xffff:x}", itertools.cycle(known_addresses(client, rpc, 5))
    replies, took = at_once(60, lambda: ask(client, f"{net}::{random.randrange(65536):x}",
                                            next(miners)))
    assert 20 <= passed(replies) <= 20 + took + 1
    assert passed([ask(client, f"2001:db8:2:{unused() & 0xffff:x}::1", address)]) == 1


def test_work_outstanding(client, rpc):
    """However slowly it asks."""
    ip, miners = sender(), itertools.cycle(new_addresses(rpc, 3))
    got = 0

    def enough():
        nonlocal got
        got += passed([ask(client, ip, next(miners))])
        return got >= 25

    assert poll(enough, 60, 0.3)
    time.sleep(3)  # it may send three more requests
    assert passed([ask(client, ip, next(miners)) for _ in range(3)]) == 0


def test_requests_for_work_for_one_address(client, address):
    replies, took = at_once(40, lambda: ask(client, sender(), address))
    assert 15 <= passed(replies) <= 15 + took + 1


def test_solutions_of_one_sender(client):
    ip = sender()
    replies, took = at_once(30, lambda: hand_in(client, ip))
    assert 6 <= passed(replies) <= 6 + took + 1
    assert passed([hand_in(client, sender())]) == 1


def test_solutions_of_one_miner(client):
    guid = str(uuid.uuid4())
    spellings = itertools.cycle((guid, guid.upper()))  # of one miner
    replies, took = at_once(30, lambda: hand_in(client, sender(), next(spellings)))
    assert 9 <= passed(replies) <= 9 + took + 1


def test_new_miners(client, rpc, rows):
    ip = sender()
    addresses = new_addresses(rpc, 6)
    assert passed([ask(client, ip, a) for a in addresses]) == 3
    known = rows(f"SELECT COUNT(*) FROM miner WHERE address IN ({','.join(['%s'] * 6)})", *addresses)
    assert known == ((3,),)
    assert passed([ask(client, ip, addresses[0])]) == 1  # whoever is known may go on
    assert passed([ask(client, sender(), addresses[5])]) == 1


def test_new_workers(client, address, rows):
    ip = sender()
    assert passed([ask(client, ip, f"{address}/rig{i}") for i in range(8)]) == 5
    assert rows("SELECT COUNT(*) FROM worker w JOIN miner m ON m.id = w.miner_id WHERE address = %s",
                address) == ((5,),)
    assert passed([ask(client, ip, f"{address}/rig0")]) == 1


def test_exempt_senders(client, address):
    replies, _ = at_once(45, lambda: ask(client, "203.0.113.7", address))
    assert passed(replies) == 45
    replies, _ = at_once(15, lambda: hand_in(client, "203.0.113.7"))
    assert passed(replies) == 15


# --- whose address counts ---


def test_what_a_sender_claims_does_not_count(client, rpc):
    ip, miners = sender(), itertools.cycle(known_addresses(client, rpc, 5))
    replies, took = at_once(60, lambda: ask(client, f"{sender()}, {ip}", next(miners)))
    assert 20 <= passed(replies) <= 20 + took + 1


def test_the_senders_address_is_recorded(client, address, rows):
    ip = sender()
    reply = ask(client, f"unknown, {ip}", address)
    work = re.search(rb"<WORKID>([0-9a-f-]{36})<", reply.body)[1].decode()
    assert rows("SELECT ip FROM work WHERE id = %s", work) == ((ip,),)


def test_warm_up_is_not_for_those_behind_the_proxy(client):
    data = b"GET /warm-up?1.1 HTTP/1.1\r\nHost: pool\r\nX-Forwarded-For: 198.18.0.1\r\n" \
           b"Connection: close\r\n\r\n"
    assert client.raw(data).status == 404


# --- bans ---


def all_say(call, answer):
    """Until all processes know: whichever answers, it says that."""
    time.sleep(1.1)  # from now on each looks before it answers
    return poll(lambda: {r.body for r in at_once(20, call)[0]} == {answer})


def test_a_banned_sender(client, address, penstockctl):
    number = unused() % 254 + 1
    ip, other = f"198.51.100.{number}", f"198.51.101.{number}"
    assert passed([ask(client, ip, address)]) == 1
    penstockctl("ban", "add", "ip", "198.51.100.0/24", "--reason", "test")
    banned = error(f"IP {ip} is banned")
    assert all_say(lambda: ask(client, ip, address), banned)
    assert hand_in(client, ip).body == banned
    assert passed([ask(client, other, address)]) == 1
    (ban,) = json.loads(penstockctl("ban", "list", "--json"))
    assert (ban["kind"], ban["value"], ban["reason"]) == ("ip", "198.51.100.0/24", "test")
    penstockctl("ban", "remove", ban["id"])
    assert poll(lambda: b"<ERROR>" not in ask(client, ip, address).body)
    assert "no ban of that number" in penstockctl("ban", "remove", ban["id"], status=1)


@pytest.mark.parametrize("kind", ["address", "miner"])
def test_a_banned_miner_neither_gets_work_nor_hands_in(client, address, penstockctl, kind):
    guid = guid_of(ask(client, sender(), address))
    penstockctl("ban", "add", kind, address.upper() if kind == "address" else guid.upper())
    disabled = error(f"Miner {address} is disabled")
    assert all_say(lambda: ask(client, sender(), address), disabled)
    assert ask(client, sender(), f"{address}/rig").body == disabled
    assert hand_in(client, sender(), guid).body == error(f"Miner {guid} is disabled")
    assert hand_in(client, sender(), guid.upper()).body == error(f"Miner {guid} is disabled")
    assert passed([hand_in(client, sender())]) == 1


def test_a_banned_address_that_is_new_is_not_added(ctl, client, address, penstockctl, rows):
    penstockctl("ban", "add", "address", address, "--network", "litecoin")
    ctl("reload", "apache")  # warming up, every process reads them
    assert ask(client, sender(), address).body == error(f"Miner {address} is disabled")
    assert rows("SELECT COUNT(*) FROM miner WHERE address = %s", address) == ((0,),)
    other = client.action("readytomine2", {"NetworkID": "litecoin-b", "Miner": address,
                                           "X-Forwarded-For": sender()})
    assert passed([other]) == 1


def test_a_ban_ends_by_itself(client, address, penstockctl, rows):
    penstockctl("ban", "add", "address", address, "--for", "2h")
    disabled = error(f"Miner {address} is disabled")
    assert all_say(lambda: ask(client, sender(), address), disabled)
    ((left,),) = rows("SELECT MIN(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), expires_at)) FROM ban"
                      " WHERE value = %s", address)
    assert 3600 < left <= 7200
    rows("UPDATE ban SET expires_at = UTC_TIMESTAMP(6) + INTERVAL 1 SECOND WHERE value = %s", address)
    assert poll(lambda: ask(client, sender(), address).body != disabled)
    assert penstockctl("ban", "list") == "no bans\n"


@contextlib.contextmanager
def stopped(env, name):
    pid = int((pathlib.Path(env["PENSTOCK_STATE"]) / "pid" / name).read_text(encoding="ascii"))
    suspend(pid)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_bans_hold_and_solutions_pass_without_the_database(env, ctl, client, rpc, penstockctl):
    address, other = new_addresses(rpc, 2)
    guid = guid_of(ask(client, sender(), address))
    penstockctl("ban", "add", "miner", guid)
    ctl("reload", "apache")  # warming up, every process reads them
    with stopped(env, "mariadb"):
        time.sleep(2)
        replies, _ = at_once(20, lambda: hand_in(client, "203.0.113.9", guid))
        assert {r.body for r in replies} == {error(f"Miner {guid} is disabled")}
        replies, _ = at_once(20, lambda: hand_in(client, "203.0.113.9"))
        assert passed(replies) == 20
    assert poll(lambda: passed([r for r in [ask(client, sender(), other)]
                                if r.body != error("HEALTH_DOWN")]))


WRONG = [
    (("add", "ip", "10.0.0.1/8"), 65, "no bit set behind the prefix"),
    (("add", "ip", "localhost"), 65, "is no network"),
    (("add", "address", "nonsense"), 65, "is no address of any network served"),
    (("add", "address", "nonsense", "--network", "other"), 65, "is no address of other"),
    (("add", "miner", "nonsense"), 65, "is no miner's guid"),
    (("add", "miner", str(uuid.UUID(int=5))), 65, "no miner of this pool"),
    (("add", "email", "x"), 64, "neither ip, address nor miner"),
    (("add", "ip", "10.0.0.0/8", "--for", "soon"), 64, "90s, 15m, 12h or 7d"),
    (("add", "ip", "10.0.0.0/8", "--for", "0s"), 64, "90s, 15m, 12h or 7d"),
    (("add", "ip", "10.0.0.0/8", "--reason", "x" * 161), 64, "longer than 160"),
    (("add", "ip"), 64, "Usage"), (("remove", "x"), 64, "not a number"), ((), 64, "Usage"),
    (("list", "all"), 64, "Usage"), (("remove", "1", "2", "3"), 64, "Usage"),
]


@pytest.mark.parametrize("args,status,text", WRONG)
def test_wrong_bans_are_refused(penstockctl, args, status, text):
    assert text in penstockctl("ban", *args, status=status)
    assert penstockctl("ban", "list") == "no bans\n"
