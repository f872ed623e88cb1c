"""penstockctl's commands against the running pool: dead, submit, replay, deep-validate, doctor."""

import gzip
import http.server
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import types
import uuid

import blocks
import pika
import pytest
from test_worker import NETWORK, Pool, until

QUEUE = "solution." + NETWORK


class Ctl:
    """Runs penstockctl; text and json() return what it printed."""

    def __init__(self, env):
        self.program = os.path.join(env["PENSTOCK_BIN"], "penstockctl")
        self.config = env["PENSTOCK_BACKEND_CONF"]

    def start(self, *arguments, **options):
        return subprocess.Popen([self.program, "--config", self.config, *map(str, arguments)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def run(self, *arguments, stdin=None, config=None):
        return subprocess.run([self.program, "--config", config or self.config,
                               *map(str, arguments)], input=stdin or "", capture_output=True,
                              text=True, timeout=600, check=False)

    def text(self, *arguments, status=0, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments, **options):
        return json.loads(self.text(*arguments, "--json", **options))


@pytest.fixture
def penstockctl(env):
    return Ctl(env)


@pytest.fixture
def pool(env, db, amqp, rpc):
    made = Pool(env, db, amqp, rpc)
    blocks.await_one_tip(rpc)
    return made


def nonsense(work_id=None):
    """A solution that is rejected (its work is unknown) and costs nothing to make."""
    return [str(x) for x in ("ab" * 32, 1, 1, 1, "cd" * 32, uuid.uuid4(), work_id or uuid.uuid4(),
                             1, 1, 1, 1, 1, 2, 1, "00" * 80, "00")]


@pytest.fixture
def dead(penstockctl, amqp):
    """Puts messages into the dead-letter queue as the broker does; starts and ends empty."""
    penstockctl.text("dead", "purge", "--yes")
    channel = amqp("admin").channel()
    channel.confirm_delivery()

    def add(body, key=QUEUE, message_id=None, kind="solution"):
        channel.basic_publish("penstock.dead", key, body,
                              pika.BasicProperties(delivery_mode=2, message_id=message_id,
                                                   type=kind))

    yield add
    penstockctl.text("dead", "purge", "--yes")


def listed(penstockctl):
    return penstockctl.json("dead", "list")["messages"]


# --- dead ---


def test_no_dead_letters(penstockctl, dead):
    assert penstockctl.text("dead", "list") == "no dead letters\n"
    assert penstockctl.json("dead", "list") == {"waiting": 0, "messages": []}
    assert penstockctl.json("dead", "resend-all") == {"waiting": 0, "removed": 0, "left": 0}
    missing = penstockctl.run("dead", "show", uuid.uuid4())
    assert missing.returncode == 1 and "no dead letter has the id" in missing.stderr
    assert penstockctl.run("dead", "resend", uuid.uuid4()).returncode == 1


@pytest.mark.parametrize("arguments", [[], ["lost"], ["show"], ["list", "x"], ["purge"],
                                       ["list", "--limit", "0"]])
def test_wrong_usage_of_dead(penstockctl, dead, arguments):
    dead("x", message_id="kept")
    done = penstockctl.run("dead", *arguments)
    assert done.returncode == 64 and "Usage" in done.stderr
    assert [m["id"] for m in listed(penstockctl)] == ["kept"]


def test_a_poison_message_is_shown_with_its_death(penstockctl, pool, dead):
    body = '{"v": 1, "kind": "solution"}\x1b[31m'
    message_id = str(uuid.uuid4())
    channel = pool.amqp("frontend").channel()
    channel.basic_publish("penstock", QUEUE, body,
                          pika.BasicProperties(message_id=message_id, type="solution",
                                               timestamp=1700000000, delivery_mode=2))
    (message,) = until(lambda: listed(penstockctl))
    assert message | {"died": 0} == {
        "id": message_id, "kind": "solution", "network": NETWORK, "routing_key": QUEUE,
        "received": 1700000000, "died": 0, "reason": "rejected", "queue": QUEUE,
        "exchange": "penstock", "size": len(body), "wrong": "not JSON"}
    assert abs(message["died"] - time.time()) < 60

    heading, row = penstockctl.text("dead", "list").splitlines()
    assert heading.split() == ["MESSAGE", "ID", "KIND", "NETWORK", "RECEIVED", "(UTC)", "DEATH",
                               "SIZE", "WRONG"]
    assert re.split("  +", row) == [message_id, "solution", NETWORK, "2023-11-14 22:13:20",
                                    "rejected", str(len(body)), "not JSON"]
    shown = penstockctl.text("dead", "show", message_id)
    assert f"Message id   {message_id}\n" in shown and "\x1b" not in shown
    assert penstockctl.json("dead", "show", message_id)["body"] == body
    # looking takes nothing away; sent again it dies again
    assert len(listed(penstockctl)) == 1
    assert penstockctl.json("dead", "resend", message_id) == {"waiting": 1, "removed": 1, "left": 0}
    assert until(lambda: [m["id"] for m in listed(penstockctl)]) == [message_id]


def test_a_resent_solution_is_credited_once(penstockctl, pool, dead):
    body = blocks.message(pool.fields(pool.block()), NETWORK)
    message_id = pool.id_of(body)
    dead(body, message_id=message_id)
    dead(body, message_id=message_id)  # as after a crash between confirm and acknowledgement
    for left in (1, 0):
        assert penstockctl.json("dead", "resend", message_id)["left"] == left
        assert pool.fate(message_id) == "credited"
    assert until(lambda: penstockctl.json("status")["networks"][0]["waiting"] == 0)
    assert pool.settled([message_id]) == {message_id: 1}
    assert listed(penstockctl) == []


def test_messages_without_an_id_or_a_queue(penstockctl, dead):
    dead("no id at all")
    dead("hostile", message_id="\x1b]0;x\x07\u00fc", kind="\x1b[1m")
    dead(b"\xff\xfe", key="solution.nowhere", message_id="nowhere")
    dead("x", key="secret.litecoin", message_id="forbidden")
    ids = [m["id"] for m in listed(penstockctl)]
    assert ids[0].startswith("sha256-") and len(ids) == 4
    assert all(c.isprintable() for c in penstockctl.text("dead", "list").replace("\n", ""))
    assert penstockctl.json("dead", "show", "nowhere")["body_hex"] == "fffe"
    assert penstockctl.json("dead", "show", ids[0])["body"] == "no id at all"

    # what no queue takes, and what this account may not send, stays; the others die again
    done = penstockctl.run("dead", "resend-all", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"waiting": 4, "removed": 2, "left": 2}
    assert "nowhere stays: unroutable" in done.stderr
    assert "forbidden stays: forbidden" in done.stderr
    assert until(lambda: len(listed(penstockctl)) == 4)
    assert penstockctl.json("dead", "purge", "--yes") == {"waiting": 4, "removed": 4, "left": 0}
    assert listed(penstockctl) == []


def test_list_is_bounded(penstockctl, dead):
    for i in range(5):
        dead(str(i), message_id=f"m{i}")
    found = penstockctl.json("dead", "list", "--limit", 2)
    assert found["waiting"] == 5 and [m["id"] for m in found["messages"]] == ["m0", "m1"]
    assert "2 of 5 shown" in penstockctl.text("dead", "list", "--limit", 2)


def test_a_resend_killed_anywhere_loses_nothing(penstockctl, pool, dead):
    sent = []
    for _ in range(300):
        body = blocks.message(nonsense(), NETWORK)
        sent.append(pool.id_of(body))
        dead(body, message_id=sent[-1])
    killed = 0
    for attempt in range(8):
        running = penstockctl.start("dead", "resend-all")
        time.sleep(0.02 + 0.02 * attempt * random.random())
        running.send_signal(signal.SIGKILL)
        running.communicate()
        killed += running.returncode == -signal.SIGKILL
    assert killed > 0
    until(lambda: penstockctl.text("dead", "resend-all").endswith(" 0 left in the queue\n"))
    assert pool.settled(sent) == dict.fromkeys(sent, 1)
    assert until(lambda: listed(penstockctl) == [])


def test_dead_without_a_broker(penstockctl, dead, ctl):
    dead("x", message_id="kept")
    ctl("stop", "rabbitmq")
    try:
        done = penstockctl.run("dead", "list")
        assert done.returncode == 1 and "broker:" in done.stderr
    finally:
        ctl("start", "rabbitmq")
    assert [m["id"] for m in listed(penstockctl)] == ["kept"]


# --- submit ---


def test_submit_and_wait(penstockctl, pool):
    block = pool.block()
    solution = ", ".join(pool.fields(block))
    found = penstockctl.json("submit", "--wait", "regtest", "-", stdin=solution + "\n")
    assert found | {"id": 0} == {"id": 0, "network": NETWORK, "fate": "credited", "reason": None,
                                 "detail": None, "block": None}
    assert pool.fate(found["id"]) == "credited"

    again = penstockctl.json("submit", "--wait=120", NETWORK, solution, status=1)
    assert (again["fate"], again["reason"]) == ("rejected", "BibleHashAlreadyKnown")
    lines = penstockctl.text("submit", "--wait=300", NETWORK, solution, status=1).splitlines()
    assert uuid.UUID(lines[0]) and lines[1].startswith("rejected: BibleHashAlreadyKnown: ")


def test_submit_a_block(penstockctl, pool):
    solution = ",".join(pool.fields(pool.block(blocks.meets_target)))
    found = penstockctl.json("submit", "--wait=300", NETWORK, solution)
    assert (found["fate"], found["block"]) == ("credited", "on_chain")


def test_submit_without_waiting(penstockctl, pool):
    message_id = penstockctl.text("submit", NETWORK, ",".join(nonsense())).strip()
    assert pool.fate(message_id) == "UnknownWork"


@pytest.mark.parametrize("arguments, status, says", [
    ([NETWORK], 64, "Usage"),
    (["nowhere", "x"], 64, "not in the settings"),
    ([NETWORK, "1,2,3"], 65, "16 fields"),
    ([NETWORK, "-"], 65, "stdin: empty"),
    (["--wait=0", NETWORK, "x"], 64, "--wait"),
    ([NETWORK, ",".join(nonsense()) + ",17"], 65, "16 fields"),
])
def test_submit_refuses(penstockctl, arguments, status, says):
    done = penstockctl.run("submit", *arguments)
    assert done.returncode == status and says in done.stderr and done.stdout == ""


def test_submit_has_a_bound(penstockctl):
    done = penstockctl.run("submit", NETWORK, "-", stdin="0" * (10 << 20))
    assert done.returncode == 65 and "longest solution" in done.stderr


# --- replay ---


def write_archive(path, lines, cut=""):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as out:
        out.write("".join(line + "\n" for line in lines) + cut)
    return path


def test_replaying_twice_changes_nothing(penstockctl, pool, tmp_path):
    bodies = [blocks.message(pool.fields(pool.block()), NETWORK) for _ in range(6)]
    ids = [pool.id_of(body) for body in bodies]
    write_archive(tmp_path / "a.jsonl", bodies[:3])
    (tmp_path / "deep").mkdir()
    write_archive(tmp_path / "deep/b.jsonl.gz", bodies[3:])
    write_archive(tmp_path / "deep/.hidden.jsonl", ["not read"])
    write_archive(tmp_path / "deep/other.txt", ["not read"])
    before = None
    for _ in range(3):
        done = penstockctl.json("replay", tmp_path)
        assert done == {"files": 2, "lines": 6, "sent": 6, "refused": 0, "damaged": 0,
                        "damages": [], "complete": True}
        assert [pool.fate(message_id) for message_id in ids] == ["credited"] * 6
        assert until(lambda: penstockctl.json("status")["networks"][0]["waiting"] == 0)
        time.sleep(0.5)
        assert pool.books(ids) == dict.fromkeys(ids, 1)
        counted = pool.query("SELECT SUM(shares), SUM(rejected) FROM share_stats"
                             " WHERE worker_id = %s", pool.worker)
        assert before in (None, counted)
        before = counted


def test_damaged_lines_are_reported_and_skipped(penstockctl, pool, tmp_path):
    good = [blocks.message(nonsense(), NETWORK) for _ in range(3)]
    other = blocks.message(nonsense(), "nowhere")
    path = write_archive(tmp_path / "a.jsonl",
                         [good[0], "", "{}", good[1], "x" * (10 << 20), other, good[2]],
                         cut=good[0][:100])
    broken = write_archive(tmp_path / "b.jsonl.gz", good)
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-20])
    (tmp_path / "c.jsonl.gz").write_bytes(whole[:30] + b"\x00\xff" * 20 + whole[60:])
    (tmp_path / "empty.jsonl").write_bytes(b"")
    done = penstockctl.run("replay", tmp_path, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["refused"] == 1 and report["complete"] is True and report["files"] == 4
    damages = [(pathlib.Path(d["file"]).name, d["line"], d["wrong"]) for d in report["damages"]]
    assert damages[:5] == [("a.jsonl", 2, "not JSON"), ("a.jsonl", 3, "kind: another one"),
                           ("a.jsonl", 5, "longer than any solution"),
                           ("a.jsonl", 8, "cut off at the end of the file"),
                           damages[4]]
    assert damages[4][0] == "b.jsonl.gz" and "cut off" in damages[4][2]
    assert damages[5][0] == "c.jsonl.gz" and len(damages) == 6 == report["damaged"]
    assert f"{path}:2: not JSON; skipped" in done.stderr
    for body in good:
        assert pool.fate(pool.id_of(body)) == "UnknownWork"


def test_replay_goes_on_where_it_stopped(penstockctl, pool, tmp_path, ctl):
    files = tmp_path / "files"
    files.mkdir()
    ids = []
    for i in range(3):
        bodies = [blocks.message(nonsense(), NETWORK) for _ in range(600)]
        ids += map(pool.id_of, bodies)
        write_archive(files / f"{i}.jsonl", bodies)
    progress = tmp_path / "progress"
    progress.write_text(f"600 {files}/0.jsonl\n", encoding="utf-8")
    subprocess.run(["gzip", files / "0.jsonl"], check=True)  # as the worker does meanwhile
    done = penstockctl.json("replay", "--progress", progress, files)
    assert (done["lines"], done["sent"], done["complete"]) == (1200, 1200, True)
    assert not progress.exists()
    assert set(pool.settled(ids[600:]).values()) == {1}
    assert set(pool.books(ids[:600]).values()) == {0}

    progress.write_text("5 /no/such/file\n", encoding="utf-8")
    assert penstockctl.run("replay", "--progress", progress, files).returncode == 1
    progress.write_text("nonsense", encoding="utf-8")
    assert "not the progress" in penstockctl.run("replay", "--progress", progress, files).stderr


def test_a_killed_replay_can_be_run_again(penstockctl, pool, tmp_path):
    bodies = [blocks.message(nonsense(), NETWORK) for _ in range(3000)]
    ids = [pool.id_of(body) for body in bodies]
    write_archive(tmp_path / "a.jsonl", bodies)
    progress = tmp_path / "progress"
    for _ in range(4):
        running = penstockctl.start("replay", "--progress", progress, tmp_path)
        time.sleep(0.05 + 0.1 * random.random())
        running.kill()
        running.communicate()
    penstockctl.text("replay", "--progress", progress, tmp_path)
    assert pool.settled(ids) == dict.fromkeys(ids, 1)


def test_replay_waits_for_a_broker_that_comes_back(penstockctl, pool, tmp_path, ctl):
    bodies = [blocks.message(nonsense(), NETWORK) for _ in range(20000)]
    ids = [pool.id_of(body) for body in bodies]
    write_archive(tmp_path / "a.jsonl", bodies)
    running = penstockctl.start("replay", tmp_path)
    time.sleep(0.1)
    ctl("stop", "rabbitmq")
    ctl("start", "rabbitmq")
    out, err = running.communicate(timeout=600)
    assert running.returncode == 0, out + err
    assert "20000 sent" in out
    assert set(pool.settled(ids, 300).values()) == {1}


@pytest.mark.parametrize("arguments, status", [([], 64), (["/no/such/folder"], 65)])
def test_replay_refuses(penstockctl, arguments, status):
    assert penstockctl.run("replay", *arguments).returncode == status


def test_replay_of_nothing(penstockctl, tmp_path):
    assert penstockctl.json("replay", tmp_path)["lines"] == 0
    assert penstockctl.text("replay", "--dry-run", tmp_path) == \
        "0 lines read from 0 files, 0 sent, 0 refused, 0 damaged (dry run)\n"


# --- deep-validate ---


@pytest.fixture
def since(pool):
    """--since for what this test does: the next full second."""
    time.sleep(1.01 - time.time() % 1)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Audit:
    """Solutions with rows of our own making, in a file."""

    def __init__(self, penstockctl, pool, path):
        self.penstockctl, self.pool, self.path = penstockctl, pool, path
        self.rows = []

    def credit(self, block=None, difficulty=1, row_hash=None, worker=None, target=None, **changes):
        """Writes what the worker would have: an archived line and its row. Returns the id."""
        pool, block = self.pool, block or self.pool.block()
        work = pool.work(target) if target else pool.work()
        body = blocks.message(pool.fields(block, work, **changes), NETWORK)
        with open(self.path, "a", encoding="utf-8") as out:
            out.write(body + "\n")
        message_id = pool.id_of(body)
        pool.query("INSERT INTO share (day, network, pow_hash, worker_id, work_id, message_id,"
                   " received_at, difficulty) VALUES (%s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), %s)",
                   block.time // 86400, NETWORK, row_hash or block.pow(), worker or pool.worker,
                   work, message_id, difficulty)
        self.rows.append(message_id)
        return message_id

    def differences(self, status=1):
        found = self.penstockctl.json("deep-validate", self.path, status=status)
        assert found["differences"] == len(found["list"])
        return {(d["message_id"], d["difference"]) for d in found["list"]}

    def clear(self):
        for message_id in self.rows:
            self.pool.query("DELETE FROM share WHERE message_id = %s", message_id)


@pytest.fixture
def audit(penstockctl, pool, tmp_path):
    made = Audit(penstockctl, pool, tmp_path / "audited.jsonl")
    yield made
    made.clear()


def test_what_the_worker_credits_passes_the_audit(penstockctl, pool, since):
    ids = [pool.send(pool.fields(pool.block())) for _ in range(70)]
    rejected = pool.send(nonsense())
    assert {pool.fate(message_id) for message_id in ids} == {"credited"}
    assert pool.fate(rejected) == "UnknownWork"
    found = until(lambda: penstockctl.run("deep-validate", "--since", since).returncode == 0
                  and penstockctl.json("deep-validate", "--since", since))
    archived = found.pop("solutions")  # beside ours those that other tests stamped with the future
    assert found == {"blocks": archived, "unverified": 0, "rows": 70, "damaged": 0,
                     "differences": 0, "list": []} and archived >= 70
    found = penstockctl.json("deep-validate", "--since", since, "--network", "litecoin-b")
    assert (found["solutions"], found["rows"]) == (0, 0)
    text = penstockctl.text("deep-validate", "--since", since)
    assert f"{archived} solutions in" in text and text.endswith(" 0 differences, 0 damaged lines\n")


def test_an_honest_row_has_no_difference(audit):
    audit.credit()
    assert audit.differences(status=0) == set()


def test_rows_that_say_something_else(audit, pool):
    lucky = pool.block(lambda h, b: h < 1 << 254)
    easy = audit.credit(lucky, target=(1 << 254).to_bytes(32, "big"), difficulty=1)
    hard = audit.credit(difficulty=1 << 62)
    stranger = audit.credit(worker=pool.worker_of(pool.miner()))
    gone = audit.credit()
    pool.query("DELETE FROM share WHERE message_id = %s", gone)
    other = audit.credit()
    elsewhere = str(uuid.uuid4())
    audit.rows.append(elsewhere)
    pool.query("UPDATE share SET message_id = %s, work_id = %s WHERE message_id = %s", elsewhere,
               pool.work(), other)
    found = audit.differences()
    assert (easy, "its row's difficulty 1 is less than its work's") in found
    assert (hard, f"its hash misses the target of the row's difficulty {1 << 62}") in found
    assert any(i == stranger and "is credited to worker" in what for i, what in found)
    assert (gone, "no share is credited for it") in found
    assert {(other, f"its hash is credited to message {elsewhere}"),
            (other, "its row names other work")} <= found
    assert {i for i, _ in found} == {easy, hard, stranger, gone, other}


def test_blocks_that_prove_nothing(audit, pool):
    thief = pool.block(script=pool.script_of(pool.rpc("pool")("getnewaddress")))
    stolen = audit.credit(thief)
    merkle = pool.block()
    merkle.merkle = os.urandom(32)
    merkle.grind(blocks.above_target)
    unproven = audit.credit(merkle)
    renamed = audit.credit(block_hash="00" * 32)
    unreadable = pool.block()
    cut = audit.credit(unreadable, block_hex=unreadable.hex()[:400])
    found = dict(audit.differences())
    assert found.keys() == {stolen, unproven, renamed, cut}
    assert found[stolen] == "TransactionTampered: recipient: an output does not pay the pool"
    assert "merkle root" in found[unproven]
    assert "block_hash is not the header's" in found[renamed]
    assert found[cut].startswith("TransactionInvalid: block_hex")


def test_a_hash_that_the_header_does_not_have(audit, pool):
    block = pool.block()
    lie = bytes(31) + b"\x01"
    message_id = audit.credit(block, row_hash=lie, pow_hash=lie.hex())
    assert audit.differences() == {
        (message_id, "BibleHashWrong: the header hashes to " + block.pow().hex())}


def test_a_row_without_its_solution(penstockctl, audit, pool, since):
    forged = audit.credit()
    found = penstockctl.run("deep-validate", "--since", since, "--json")
    assert found.returncode == 1
    assert [(d["message_id"], d["difference"]) for d in json.loads(found.stdout)["list"]] == \
        [(forged, "its solution is not in the archive")]
    heading, row = penstockctl.text("deep-validate", "--since", since, status=1).splitlines()[:2]
    assert heading.startswith("MESSAGE ID") and row.startswith(forged)


def test_deep_validate_of_damaged_files(penstockctl, tmp_path):
    path = write_archive(tmp_path / "a.jsonl.gz", ["nonsense"], cut="{")
    done = penstockctl.run("deep-validate", path)
    assert done.returncode == 1 and "2 damaged lines" in done.stdout
    assert f"{path}:1: not JSON" in done.stderr and f"{path}:2: cut off" in done.stderr


@pytest.mark.parametrize("arguments, status", [
    (["--since", "yesterday"], 64), (["--network", "nowhere"], 64), (["/no/such/file"], 65)])
def test_deep_validate_refuses(penstockctl, arguments, status):
    assert penstockctl.run("deep-validate", *arguments).returncode == status


def test_deep_validate_of_nothing(penstockctl, tmp_path):
    assert penstockctl.json("deep-validate", tmp_path)["solutions"] == 0


# --- doctor ---


def await_jobs(penstockctl):
    """What a test before did to wallets or penstock-jobs has passed."""

    def well():
        networks = penstockctl.json("status")["networks"]
        return all(n["jobs"] and n["jobs"]["trouble"] == "" for n in networks)

    assert until(well, 120)


@pytest.fixture
def doctor(env, penstockctl):
    """doctor(options) is the outcome as JSON; with both other tiers' accounts unless told."""
    await_jobs(penstockctl)
    admin = os.path.join(env["PENSTOCK_STATE"], "conf/admin.conf")

    def examine(*, frontend=env["PENSTOCK_FRONTEND_CONF"], config=None, status=0):
        return penstockctl.json("doctor", "--frontend-config", frontend, "--admin-config", admin,
                                config=config, status=status)

    return examine


def lines(outcome, check, verdict):
    return [c["finding"] for c in outcome["checks"] if (c["check"], c["verdict"]) == (check, verdict)]


def test_a_healthy_pool(doctor, penstockctl, dead):
    outcome = doctor()
    assert (outcome["fail"], outcome["skipped"]) == (0, 0), outcome
    assert {c["check"] for c in outcome["checks"]} == {
        "database", "schema", "clock", "partitions", "broker", "queues", "wallets", "jobs", "tls", "disk",
        "database rights", "broker rights"}
    assert all(("remedy" in c and c["remedy"]) or c["verdict"] == "ok" for c in outcome["checks"])
    rights = lines(outcome, "database rights", "ok")
    for tier in ("frontend", "backend", "admin"):
        assert any(line.startswith(f"{tier}: DELETE is refused") for line in rights)
    assert any(line.startswith("frontend: UPDATE is refused, ") for line in rights)

    alone = penstockctl.run("doctor")
    assert alone.returncode == 0 and "skipped" in alone.stdout
    assert re.search(r"^ok +database rights +backend: ALTER is refused", alone.stdout, re.M)
    assert not re.search("^fail", alone.stdout, re.M)


def test_doctor_warns_of_dead_letters(doctor, dead):
    dead("x", message_id="x")
    assert lines(doctor(), "queues", "warn") == ["1 dead letters"]


def database_picture(sql):
    """Everything that an account with all rights could have changed."""

    def rows(statement):
        with sql.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    picture = {}
    for name, kind in rows("SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES"
                           " WHERE TABLE_SCHEMA = DATABASE()"):
        picture[name] = rows(f"SHOW CREATE {'VIEW' if kind == 'VIEW' else 'TABLE'} `{name}`")
        if kind != "VIEW":  # CHECKSUM TABLE is not the same twice where a column is generated
            columns = rows("SELECT GROUP_CONCAT('IFNULL(HEX(`', COLUMN_NAME, '`), 0)') FROM"
                           " information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
                           f" AND TABLE_NAME = '{name}'")[0][0]
            picture[name, "rows"] = rows("SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('|',"
                                         f" {columns}))) FROM `{name}`")
    for table, columns in (("TRIGGERS", "TRIGGER_NAME"), ("ROUTINES", "ROUTINE_DEFINITION")):
        picture[table] = rows(f"SELECT {columns} FROM information_schema.{table} ORDER BY 1")
    picture["accounts"] = rows("SELECT * FROM mysql.global_priv ORDER BY Host, User")
    picture["grants"] = rows("SELECT * FROM mysql.tables_priv ORDER BY 1, 2, 3, 4")
    picture["max_connections"] = rows("SELECT @@GLOBAL.max_connections")
    return picture


def broker_picture(env, amqp):
    """Without the counters of list_queues, which lag behind, and without the queues that belong to one
    connection of penstock-live, which comes and goes by itself."""
    channel = amqp("admin").channel()
    run = [env["PENSTOCK_RABBITMQCTL"], "--quiet", "--formatter", "json"]
    picture = {what: json.loads(subprocess.run(run + [*what.split(), "-p", "/penstock"], check=True,
                                               capture_output=True, timeout=60).stdout)
               for what in ("list_queues name", "list_bindings", "list_exchanges name")}
    for what, rows in picture.items():
        picture[what] = [row for row in rows if not any(str(v).startswith("live.") for v in row.values())]
    picture["depths"] = {queue["name"]: channel.queue_declare(queue["name"], passive=True)
                         .method.message_count for queue in picture["list_queues name"]}
    return picture


@pytest.fixture
def mighty(env, db, tmp_path):
    """A frontend.conf whose accounts may do everything."""
    sql, password = db("root"), uuid.uuid4().hex
    rabbitmqctl = env["PENSTOCK_RABBITMQCTL"]
    with sql.cursor() as cursor:
        cursor.execute("CREATE USER mighty@'127.0.0.1' IDENTIFIED BY %s", (password,))
        cursor.execute("GRANT ALL PRIVILEGES ON *.* TO mighty@'127.0.0.1'")
    for command in (["add_user", "mighty", password],
                    ["set_permissions", "-p", "/penstock", "mighty", ".*", ".*", ".*"]):
        subprocess.run([rabbitmqctl, "--quiet", *command], check=True, timeout=60)
    (tmp_path / "password").write_text(password + "\n", encoding="ascii")
    (tmp_path / "password").chmod(0o600)
    text = pathlib.Path(env["PENSTOCK_FRONTEND_CONF"]).read_text(encoding="utf-8")
    text = re.sub("(?m)^user = .*", "user = mighty", text)
    text = re.sub("(?m)^password_file = .*", f"password_file = {tmp_path}/password", text)
    (tmp_path / "mighty.conf").write_text(text, encoding="utf-8")
    yield tmp_path / "mighty.conf"
    with sql.cursor() as cursor:
        cursor.execute("DROP USER mighty@'127.0.0.1'")
    subprocess.run([rabbitmqctl, "--quiet", "delete_user", "mighty"], check=True, timeout=60)


@pytest.fixture
def quiet(env, ctl, doctor):  # pylint: disable=unused-argument
    """Nothing of the pool writes by itself. The doctor waits for jobs, which is in vain afterwards."""
    parts = pathlib.Path(env["PENSTOCK_STATE"], "conf/parts").read_text(encoding="ascii").split()
    parts = [part for part in parts if part in ("worker-1", "worker-2", "jobs", "schedule")]
    for part in parts:
        ctl("stop", part)
    yield
    for part in parts:
        ctl("start", part)


@pytest.mark.usefixtures("quiet")
def test_trying_does_no_harm_where_it_is_allowed(env, db, amqp, doctor, dead, mighty, penstockctl):
    """Every attempt is noticed, and none has an effect."""
    for i in range(3):
        dead(str(i), message_id=f"m{i}")
    sql = db("root")
    before = database_picture(sql), broker_picture(env, amqp), listed(penstockctl)
    outcome = doctor(frontend=mighty, status=1)
    after = database_picture(sql), broker_picture(env, amqp), listed(penstockctl)
    for old, new in zip(before, after):
        assert old == new
    refused = {line for check in ("database rights", "broker rights")
               for line in lines(outcome, check, "ok") if line.startswith("frontend")}
    assert refused == {"frontend: the backend's role is refused, 1 of 1"}
    noticed = lines(outcome, "database rights", "fail") + lines(outcome, "broker rights", "fail")
    for line in noticed:
        tried = re.search(r": (\d+) of (\d+) were not refused", line)
        assert tried and tried[1] == tried[2], line
        assert "could not be tried" not in line and "SQL syntax" not in line, line
    assert len(noticed) >= 28


def test_one_right_too_many_in_the_database(doctor, db):
    with db("root").cursor() as cursor:
        cursor.execute("GRANT UPDATE (block_id) ON share TO penstock_frontend_rights")
        try:
            outcome = doctor(status=1)
        finally:
            cursor.execute("REVOKE UPDATE (block_id) ON share FROM penstock_frontend_rights")
    (line,) = lines(outcome, "database rights", "fail")
    assert re.fullmatch(r"frontend: UPDATE: 1 of \d+ were not refused: share\.block_id was taken",
                        line)


@pytest.mark.parametrize("rights, says", [
    (["^$", "^penstock$", "^dead$"], ["frontend may consume: 1 of "]),
    (["^dead$", "^penstock$", "^$"], ["frontend may declare: 1 of "]),
    (["^$", "^(penstock|penstock\\.dead)$", "^$"], ["frontend may publish to penstock.dead: 1 of 1"]),
])
def test_one_right_too_many_on_the_broker(env, doctor, rights, says):
    def permit(*patterns):
        subprocess.run([env["PENSTOCK_RABBITMQCTL"], "--quiet", "set_permissions", "-p", "/penstock",
                        "penstock_frontend", *patterns], check=True, timeout=60)

    permit(*rights)
    try:
        outcome = doctor(status=1)
    finally:
        permit("^$", "^penstock$", "^$")
    found = lines(outcome, "broker rights", "fail")
    assert len(found) == len(says) and all(a.startswith(b) for a, b in zip(found, says)), found


@pytest.mark.parametrize("parts, check, says", [
    (["worker-1", "worker-2"], "queues", "solution.litecoin: nobody consumes"),
    (["rabbitmq"], "broker", "127.0.0.1: unavailable"),
    (["mariadb"], "database", "127.0.0.1: unavailable"),
    (["litecoind-pool"], "wallets", "litecoin: unavailable"),
])
def test_a_part_that_is_down(doctor, ctl, parts, check, says):
    for part in parts:
        ctl("stop", part)
    try:
        outcome = doctor(status=1)
    finally:
        for part in parts:
            ctl("start", part)
    assert any(line.startswith(says) for line in lines(outcome, check, "fail")), outcome


def test_a_node_without_peers(doctor, rpc):
    rpc("pool")("setnetworkactive", False)
    try:
        until(lambda: rpc("pool")("getconnectioncount") == 0)
        outcome = doctor(status=1)
    finally:
        rpc("pool")("setnetworkactive", True)
    assert "litecoin: 0 peers" in lines(outcome, "wallets", "fail")
    assert until(lambda: rpc("pool")("getconnectioncount") > 0, 90)


FRESH = -3600  # seconds ago: it stays fresh while the test goes on


@pytest.fixture
def jobs_of(env, db, tmp_path):
    """A network that nobody works for, settings with it, and a way to say how its jobs are."""
    network = f"jobs-{uuid.uuid4().hex[:10]}"
    text = pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
    text = re.sub(f"(?m)^\\[(network|wallet) {NETWORK}\\]$", f"[\\1 {network}]", text)
    text = re.sub(f"(?m)^networks = {NETWORK}$", f"networks = {network}", text)
    (tmp_path / "b.conf").write_text(text, encoding="utf-8")
    with db("root").cursor() as cursor:
        def tell(problem, age_s):
            cursor.execute("REPLACE INTO job_health (network, problem, seen_at) VALUES (%s, %s,"
                           " UTC_TIMESTAMP(6) - INTERVAL %s SECOND)", (network, problem, age_s))

        def make(height, age_s):
            cursor.execute("INSERT INTO job (id, day, network, height, made_at, job, transactions) VALUES"
                           " (%s, UNIX_TIMESTAMP() DIV 86400, %s, %s, UTC_TIMESTAMP(6) - INTERVAL %s SECOND,"
                           " '{}', '')", (uuid.uuid4(), network, height, age_s))

        yield types.SimpleNamespace(network=network, config=tmp_path / "b.conf", tell=tell, make=make)
        for table in ("job", "job_health"):
            cursor.execute(f"DELETE FROM {table} WHERE network = %s", network)


def test_doctor_of_jobs(doctor, jobs_of):
    def said():
        outcome = doctor(config=jobs_of.config, status=1)  # its queues are not there
        return [(c["verdict"], c["finding"].removeprefix(f"{jobs_of.network}: ")) for c in outcome["checks"]
                if c["check"] == "jobs" and c["finding"].startswith(jobs_of.network)]

    def says(verdict, pattern):
        ((found, finding),) = said()
        assert found == verdict and re.fullmatch(pattern, finding), finding

    says("warn", "nobody has ever made jobs")
    jobs_of.tell("", FRESH)
    says("warn", "there is no job yet")
    jobs_of.make(41, 7200)
    jobs_of.make(42, 3600)
    says("ok", r"the newest is for height 42, \d+ s old")
    jobs_of.tell("main: away\nfrom home", FRESH)
    says("fail", "no new jobs: main: away from home")
    jobs_of.tell("it may be over", 36000)
    says("fail", r"nobody has made jobs for 6\d\d min")
    jobs_of.tell("it may be over", 2 * 86400)
    says("warn", r"nobody has made jobs for \d{4} min")


def test_status_of_jobs(penstockctl, jobs_of):
    def jobs():
        said = penstockctl.json("status", config=jobs_of.config, status=1)  # its queues are not there
        return next(n["jobs"] for n in said["networks"] if n["network"] == jobs_of.network)

    assert jobs() is None
    jobs_of.tell("", FRESH)
    assert jobs() == {"trouble": "", "problem": "", "seen_age_s": 0, "height": None, "age_s": None}
    jobs_of.make(41, 7200)
    jobs_of.make(42, 3600)
    jobs_of.tell("the wallet is away", FRESH)
    found = jobs()
    assert found["trouble"] == "no new jobs: the wallet is away"
    assert (found["problem"], found["height"]) == ("the wallet is away", 42)
    assert 3600 <= found["age_s"] < 7200
    jobs_of.tell("", 36000)
    assert re.fullmatch(r"nobody has made jobs for 6\d\d min", jobs()["trouble"])
    text = penstockctl.text("status", config=jobs_of.config, status=1)
    assert re.search(rf"^  {jobs_of.network}: nobody has made jobs for 6\d\d min$", text, re.M)
    assert re.search(r"^  Newest job's height +\S*42\b", text, re.M)


def test_wrong_accounts(env, doctor, tmp_path):
    text = pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n", encoding="ascii")
    wrong.chmod(0o600)
    (tmp_path / "b.conf").write_text(re.sub("(?m)^password_file = .*", f"password_file = {wrong}",
                                            text), encoding="utf-8")
    outcome = doctor(config=tmp_path / "b.conf", status=1)
    for check in ("database", "broker", "wallets"):
        assert lines(outcome, check, "fail"), outcome
    (tmp_path / "b.conf").write_text(re.sub("(?m)^password_file = .*", "password_file = /none", text),
                                     encoding="utf-8")
    assert lines(doctor(config=tmp_path / "b.conf", status=1), "database", "fail")


def test_doctor_of_a_hostile_world(env, doctor, tmp_path):
    """A second host that is down, a CA that is none, an archive that cannot be made."""
    text = pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
    text = text.replace("hosts = 127.0.0.1", "hosts = 127.0.0.1 127.0.0.1:1")
    (tmp_path / "b.conf").write_text(text, encoding="utf-8")
    outcome = doctor(config=tmp_path / "b.conf", status=1)
    for check in ("database", "broker"):
        assert lines(outcome, check, "ok")[0].startswith("127.0.0.1 answers")
        (line,) = lines(outcome, check, "fail")
        assert line.startswith("127.0.0.1:1: unavailable")
    text = text.replace(" 127.0.0.1:1", "").replace("[broker]", "[broker]\ntls_ca = /etc/hostname", 1)
    (tmp_path / "b.conf").write_text(text, encoding="utf-8")
    outcome = doctor(config=tmp_path / "b.conf", status=1)
    assert "/etc/hostname cannot be read as a certificate" in lines(outcome, "tls", "fail")


def test_wrong_usage_of_doctor(penstockctl):
    assert penstockctl.run("doctor", "x").returncode == 64
    assert penstockctl.run("doctor", "--frontend-config", "/none").returncode == 78


class TlsServer:
    """Shakes hands and says nothing more, with a certificate for 127.0.0.1."""

    def __init__(self, folder, days):
        self.certificate, key = folder / "server.pem", folder / "server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days),
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", self.certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                self.listener.accept()[0].close()
            except ssl.SSLError:
                continue  # the other side did not like it
            except OSError:
                return

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def with_broker_tls(env, folder, server, ca):
    text = pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
    before, broker = text.split("[broker]\n", 1)
    broker = broker.replace("hosts = 127.0.0.1", f"hosts = 127.0.0.1:{server.port}", 1)
    path = folder / "tls.conf"
    path.write_text(f"{before}[broker]\ntls_ca = {ca}\n{broker}", encoding="utf-8")
    return path


@pytest.mark.parametrize("days, verdict", [(10, "warn"), (400, "ok")])
def test_expiry_of_certificates(env, doctor, tmp_path, days, verdict):
    server = TlsServer(tmp_path, days)
    try:
        outcome = doctor(config=with_broker_tls(env, tmp_path, server, server.certificate), status=1)
        other = doctor(config=with_broker_tls(env, tmp_path, server, env["PENSTOCK_CA"]), status=1)
    finally:
        server.close()
    for what in (f"127.0.0.1:{server.port}", server.certificate):
        good = re.compile(f"{what}: its certificate is good for ({days - 1}|{days}) days")
        assert any(map(good.fullmatch, lines(outcome, "tls", verdict))), outcome
    (line,) = lines(other, "tls", "fail")  # not from that CA
    assert line.startswith(f"127.0.0.1:{server.port}: ") and "certificate" in line


class FakeWallet(http.server.HTTPServer):
    """Answers with what RESULTS says; any other method is unknown."""

    def __init__(self, results):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                known = call["method"] in results
                body = json.dumps({
                    "id": call["id"], "result": results.get(call["method"]),
                    "error": None if known else {"code": -32601, "message": "Method not found"},
                }).encode()
                self.send_response(200 if known else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


HEALTHY = {"blocks": 7, "headers": 7, "chain": "main", "mediantime": 1000,
           "initialblockdownload": False, "bestblockhash": "00" * 32}


@pytest.mark.parametrize("results, verdict, says", [
    ({"getblockchaininfo": HEALTHY, "getconnectioncount": 8}, "ok", "height 7, 8 peers"),
    ({"getblockchaininfo": HEALTHY | {"initialblockdownload": True}, "getconnectioncount": 8},
     "fail", "it is in initial block download"),
    ({"getblockchaininfo": HEALTHY | {"headers": 9}, "getconnectioncount": 8}, "fail",
     "blocks 7, headers 9"),
    ({"getblockchaininfo": HEALTHY, "getconnectioncount": 2}, "warn", "2 peers"),
    ({"getblockchaininfo": HEALTHY, "getconnectioncount": 0}, "fail", "0 peers"),
    ({"getblockchaininfo": HEALTHY, "getconnectioncount": 8, "getblockheader": {"time": 1}}, "warn",
     "its tip is "),
    ({"getblockchaininfo": HEALTHY, "getconnectioncount": 8, "getblocktemplate": {"curtime": 2000}},
     "fail", "its clock is -"),
    ({"exec": {"height": 5, "pinfo": 512, "elapsed": 60}}, "ok", "height 5, ? peers, tip 1 min"),
    ({}, "skipped", "it answers, but does not tell its height"),
])
def test_what_a_wallet_says(env, penstockctl, tmp_path, results, verdict, says):
    await_jobs(penstockctl)
    wallet = FakeWallet(results)
    try:
        text = pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
        (tmp_path / "b.conf").write_text(
            re.sub("(?m)^url = .*", f"url = http://127.0.0.1:{wallet.server_port}/", text),
            encoding="utf-8")
        done = penstockctl.run("doctor", "--json", config=tmp_path / "b.conf")
    finally:
        wallet.shutdown()
        wallet.server_close()
    assert done.returncode == (verdict == "fail")
    found = [c for c in json.loads(done.stdout)["checks"] if c["check"] == "wallets"]
    assert [c["verdict"] for c in found] == [verdict] * 2
    assert all(says in c["finding"] for c in found), found
