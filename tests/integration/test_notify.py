"""Notifications: who may ask for them, that nobody gets any who did not confirm, that each is sent at least
once whatever dies, and that a webhook leads nowhere it must not."""

import datetime
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import threading
import time
import uuid
from urllib.parse import urlencode

import pytest

import victim  # noqa: F401  # which adds the folder tests/chaos

import points
from conftest import ROOT
from fcgi_client import own_frontend
from paying import fault_program  # noqa: F401
from test_site_views import insert, run

NETWORK = "litecoin"
POINTS = ("notify.asked", "notify.collected", "notify.silent", "notify.due", "notify.token", "notify.sent",
          "notify.noted", "notify.operator")


class Receiver:
    """A webhook's end: keeps what it is sent, answers with STATUS."""

    def __init__(self, certificate):
        self.calls, self.status = [], 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((self.path, dict(self.headers), body))
                self.send_response(receiver.status)
                self.send_header("Location", "https://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/hook"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Stage:
    """A miner, a backend with stand-ins for what it sends by, a frontend that takes wishes."""

    def __init__(self, env, root, folder, frontend, address):
        self.env, self.root, self.folder, self.frontend = env, root, pathlib.Path(folder), frontend
        self.address, self.miner = address, str(uuid.uuid4())
        self.mailbox = self.folder / "mail"
        self.mailbox.mkdir()
        shutil.copy(ROOT / "tests/tools/sendmail", self.mailbox / "sendmail")
        self.conf = self.folder / "backend.conf"
        self.configure()
        insert(root, "miner", id=self.miner, network=NETWORK, address=address)
        self.worker = insert(root, "worker", miner_id=self.miner, name="rig\n<b>")
        self.blocks = []

    def configure(self, **settings):
        text = pathlib.Path(self.env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
        settings = {"url": "https://pool.example.org", "from": "pool@example.org",
                    "sendmail": self.mailbox / "sendmail"} | settings
        self.conf.write_text(text + "\n[notify]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()),
                             encoding="utf-8")

    def task(self, program=None, **variables):
        program = program or f"{self.env['PENSTOCK_BIN']}/penstock-task"
        return subprocess.run([program, "notify", "--config", self.conf], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=180, check=False,
                              env=os.environ | variables)

    def notify(self):
        done = self.task()
        assert done.returncode == 0, done.stdout + done.stderr

    # --- what people do ---

    def post(self, path, query="", ip="127.0.0.1", **fields):
        return self.frontend.post(path, urlencode(fields), query, ip)

    def wish(self, target, channel="mail", **more):
        return self.post("/notify/subscribe", **{"network": NETWORK, "address": self.address, "channel": channel,
                                                 "target": target, "block": "1", "payout": "1", "silent": "1"} | more)

    def mails(self, to):
        """Those to this address so far, the oldest first."""
        found = sorted(self.mailbox.glob("mail.*"), key=lambda path: path.stat().st_mtime_ns)
        return [text for text in (path.read_bytes().decode() for path in found) if f"\r\nTo: {to}\r\n" in text]

    def subscribed(self, target):
        """It was asked, and confirmed."""
        assert self.wish(target).status == 200
        self.notify()
        (question,) = self.mails(target)
        assert self.post("/notify/confirm", token=token_of(question)).status == 200
        self.notify()

    # --- what happens ---

    def block(self):
        self.blocks.append(insert(self.root, "block", network=NETWORK, height=10**9 + len(self.blocks),
                                  hash=uuid.uuid4().bytes * 2, status="open", pool_block=1))
        return self.blocks[-1]

    def payout(self):
        payout, now = str(uuid.uuid4()), datetime.datetime.utcnow()
        insert(self.root, "payout", id=payout, network=NETWORK, status="cancelled", wallet="w", amount=5,
               txid=uuid.uuid4().bytes * 2, fee_payer="pool", sent_at=now)
        insert(self.root, "payout_item", payout_id=payout, miner_id=self.miner, address=self.address, amount=5)
        run(self.root, "UPDATE payout SET status = 'confirmed' WHERE id = %s", payout)

    def state(self, target):
        rows = run(self.root, "SELECT t.status FROM notify_state t JOIN notify_subscription s ON s.id ="
                   " t.subscription_id WHERE s.target = %s AND s.address = %s", target, self.address)
        return [status for (status,) in rows]

    def queue(self, kind, target):
        return run(self.root, "SELECT q.status, q.attempts, q.answer FROM notify_queue q JOIN notify_subscription s"
                   " ON s.id = q.subscription_id WHERE q.kind = %s AND s.target = %s", kind, target)

    def clean(self):
        root = self.root
        for table in ("notify_queue", "notify_token", "notify_state", "notify_answer", "notify_subscription"):
            run(root, f"DELETE FROM {table}")
        for block in self.blocks:
            run(root, "DELETE FROM block WHERE id = %s", block)
        run(root, "DELETE p, i FROM payout p JOIN payout_item i ON i.payout_id = p.id WHERE i.miner_id = %s",
            self.miner)
        run(root, "DELETE FROM worker_day WHERE miner_id = %s", self.miner)
        run(root, "DELETE FROM worker WHERE miner_id = %s", self.miner)
        run(root, "DELETE FROM miner WHERE id = %s", self.miner)
        run(root, "DELETE FROM audit_run WHERE network = 'itest-notify'")


def token_of(mail):
    return re.search(r"token=([0-9a-f]{32})", mail[mail.index("\r\n\r\n"):]).group(1)


@pytest.fixture
def root(db):
    return db("root")


@pytest.fixture
def stage(env, root, tmp_path, address):
    with own_frontend(env, tmp_path, changes=[("[site]\n", "[site]\nnotify = yes\n")]) as frontend:
        made = Stage(env, root, tmp_path, frontend, address)
        try:
            yield made
        finally:
            made.clean()


def new_target():
    return f"{uuid.uuid4().hex[:12]}@example.org"


# --- mail ---


def test_nobody_is_told_who_did_not_confirm(stage):
    target = new_target()
    assert stage.wish(target).status == 200
    stage.notify()
    (question,) = stage.mails(target)
    assert "Subject: Please confirm" in question and stage.address in question
    stage.block()
    stage.payout()
    token = token_of(question)
    # a program that only looks at the link confirms nothing
    asked = stage.frontend.get("/notify/confirm", f"token={token}")
    assert asked.status == 200 and b'method="post"' in asked.body and token.encode() in asked.body
    for _ in range(2):
        stage.notify()
    assert stage.state(target) == ["asked"] and len(stage.mails(target)) == 1
    assert stage.post("/notify/confirm", token="0" * 32).status == 200  # nobody learns that it means nothing
    stage.notify()
    assert stage.state(target) == ["asked"]
    # tokens are not stored
    stored = str(run(stage.root, "SELECT HEX(token_hash) FROM notify_token")) \
        + str(run(stage.root, "SELECT detail, event FROM notify_queue"))
    assert token not in stored.lower()
    assert hashlib.sha256(token.encode()).hexdigest() in stored.lower()


def test_who_confirmed_is_told_what_happens_from_then_on(stage):
    target = new_target()
    stage.block()  # before
    stage.subscribed(target)
    assert stage.state(target) == ["active"] and len(stage.mails(target)) == 1
    stage.block()
    stage.payout()
    insert(stage.root, "worker_day", miner_id=stage.miner, worker_id=stage.worker, network=NETWORK, shares=1,
           rejected=0, difficulty=1, now_shares=0, now_difficulty=0, last_minute=int(time.time()) // 60 - 40,
           rolled_s=1)
    run(stage.root, "UPDATE notify_state SET confirmed_at = confirmed_at - INTERVAL 2 HOUR")
    run(stage.root, "UPDATE block SET created_at = created_at - INTERVAL 3 HOUR WHERE id = %s", stage.blocks[0])
    for _ in range(2):  # once each
        stage.notify()
    # the pool has blocks of its own, of other tests, that are younger than two hours
    told = [mail for mail in stage.mails(target)[1:]
            if "found block" not in mail or re.search(r"found block 100000000\d ", mail)]
    assert not any("found block 1000000000 " in mail for mail in told)
    subjects = sorted(re.search(r"Subject: (.*)\r", mail).group(1) for mail in told)
    assert subjects == ["A worker is silent", "The pool found a block", "The pool paid you"]
    silent = next(mail for mail in stage.mails(target) if "silent" in mail)
    assert "Worker rig?<b> sent its last share" in silent
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in silent


def test_one_click_ends_it(stage):
    target = new_target()
    stage.subscribed(target)
    stage.block()
    stage.notify()
    mail = stage.mails(target)[-1]
    url = re.search(r"List-Unsubscribe: <https://pool.example.org(/notify/stop)\?(token=[0-9a-f]{32})>", mail)
    assert stage.frontend.get(url.group(1), url.group(2)).status == 200
    stage.notify()
    assert stage.state(target) == ["active"]
    assert stage.post(url.group(1), url.group(2), **{"List-Unsubscribe": "One-Click"}).status == 200
    stage.block()
    stage.notify()
    stage.block()
    stage.notify()
    assert stage.state(target) == ["ended"] and len(stage.mails(target)) == 2
    # the first question's token does not bring it back
    assert stage.post("/notify/confirm", token=token_of(stage.mails(target)[0])).status == 200
    stage.notify()
    assert stage.state(target) == ["ended"]


def test_nobody_is_flooded_with_questions(stage):
    target = new_target()
    for _ in range(5):
        assert stage.wish(target).status == 200
    for _ in range(2):
        stage.notify()
    assert sorted(stage.state(target)) == ["asked"] * 3 + ["refused"] * 2 and len(stage.mails(target)) == 3
    others = [new_target() for _ in range(4)]
    for other in others:
        assert stage.wish(other).status == 200
    stage.notify()
    # five for one miner in a day, whoever asks
    assert [stage.state(other) for other in others] == [["asked"], ["asked"], ["refused"], ["refused"]]


def test_a_sender_may_not_wish_without_end(stage):
    found = [stage.post("/notify/subscribe", ip="198.51.100.7", network="x").status for _ in range(25)]
    assert found[:20] == [400] * 20 and set(found[20:]) == {429}


@pytest.mark.parametrize("change", [
    {"network": "nowhere"}, {"address": "nobody"}, {"channel": "pigeon"}, {"target": ""},
    {"target": "a@b.c\r\nBcc: x@y.z"}, {"target": "a b@c.d"}, {"target": "x" * 300 + "@example.org"},
    {"channel": "webhook", "target": "http://example.org/"}, {"channel": "webhook", "target": "file:///etc/passwd"},
    {"channel": "webhook", "target": "https://"}, {"channel": "webhook", "target": "https://a/\"><script>"},
    {"block": "", "payout": "", "silent": "0"}, {"target": "<script>alert(1)</script>"}], ids=str)
def test_what_is_no_wish(stage, change):
    reply = stage.wish(**{"target": new_target()} | change)
    assert reply.status == 400 and b"<script>" not in reply.body
    assert run(stage.root, "SELECT COUNT(*) FROM notify_subscription") == ((0,),)


@pytest.mark.parametrize("token", ["", "x", "0" * 31, "0" * 33, "G" * 32, "<script>", "%00" * 32])
def test_what_is_no_token(stage, token):
    for path in ("/notify/confirm", "/notify/stop"):
        assert stage.frontend.get(path, urlencode({"token": token})).status == 400
        assert stage.post(path, token=token).status == 400
    assert run(stage.root, "SELECT COUNT(*) FROM notify_answer") == ((0,),)


def test_there_is_none_of_it_unless_it_is_switched_on(env, tmp_path):
    with own_frontend(env, tmp_path) as frontend:
        assert frontend.get("/notify/confirm", "token=" + "0" * 32).status == 404
        assert frontend.post("/notify/subscribe", "network=litecoin").status == 404


def test_a_mail_server_that_fails_is_asked_again(stage):
    target = new_target()
    (stage.mailbox / "status").write_text("75")
    assert stage.wish(target).status == 200
    for _ in range(2):
        stage.notify()  # it is not due again at once
    ((status, attempts, answer),) = stage.queue("confirm", target)
    assert (status, attempts) == ("queued", 1) and "ended with 75" in answer
    (stage.mailbox / "status").unlink()
    run(stage.root, "UPDATE notify_queue SET next_at = next_at - INTERVAL 61 SECOND")
    stage.notify()
    assert stage.queue("confirm", target)[0][:2] == ("sent", 2) and len(stage.mails(target)) == 1
    (stage.mailbox / "status").write_text("1")
    assert stage.wish(other := new_target()).status == 200
    stage.notify()
    run(stage.root, "UPDATE notify_queue SET attempts = 11, next_at = next_at - INTERVAL 1 DAY WHERE status = 'queued'")
    stage.notify()
    assert stage.queue("confirm", other)[0][:2] == ("given_up", 12)


def test_the_operator_is_told_of_a_difference(stage):
    stage.configure(operator_mail="operator@example.org")
    for _ in range(2):
        insert(stage.root, "audit_run", network="itest-notify", outcome="difference", owed=5, held=4, detail="one is missing")
    for _ in range(2):
        stage.notify()
    mails = [mail for mail in stage.mails("operator@example.org") if "itest-notify" in mail]
    assert len(mails) == 1 and "one is missing" in mails[0] and "token" not in mails[0]


def ctl(stage, *args):
    return subprocess.run([f"{stage.env['PENSTOCK_BIN']}/penstockctl", "--config", stage.conf, "notify", *args],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def test_the_operator_sees_who_is_told_and_ends_it(stage):
    assert "nobody is told anything" in ctl(stage, "list").stdout
    first, second = new_target(), new_target()
    for target in (first, second):
        stage.subscribed(target)
    found = json.loads(ctl(stage, "list", "--json").stdout)
    assert [(row["target"], row["state"], row["miner"]) for row in found] == \
        [(first, "active", stage.address), (second, "active", stage.address)]
    assert first in ctl(stage, "list").stdout
    assert ctl(stage, "end", first).returncode == 0
    assert stage.state(first) == ["ended"] and stage.state(second) == ["active"]
    assert ctl(stage, "end", found[1]["id"]).returncode == 0
    assert stage.state(second) == ["ended"]
    assert ctl(stage, "end", first).returncode == 1 and ctl(stage, "end", str(uuid.uuid4())).returncode == 1
    assert ctl(stage, "end").returncode == os.EX_USAGE and ctl(stage, "begin", "x").returncode == os.EX_USAGE


# --- webhooks ---


@pytest.fixture
def receiver(tmp_path):
    certificate = tmp_path / "receiver.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", certificate, "-out", tmp_path / "receiver.crt", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=60)
    with open(certificate, "ab") as out:
        out.write((tmp_path / "receiver.crt").read_bytes())
    made = Receiver(certificate)
    made.ca = tmp_path / "receiver.crt"
    yield made
    made.stop()


def test_a_webhook_is_signed(stage, receiver):
    stage.configure(webhook_private="yes", webhook_ca=receiver.ca)
    assert stage.wish(receiver.url, "webhook").status == 200
    stage.notify()
    ((path, headers, body),) = receiver.calls
    question = json.loads(body)
    assert path == "/hook" and question["kind"] == "confirm"
    key = question["secret"].encode()
    assert headers["X-Penstock-Signature"] == "sha256=" + hmac.new(key, body, "sha256").hexdigest()
    assert stage.post("/notify/confirm", token=question["confirmUrl"].split("token=")[1]).status == 200
    stage.notify()
    stage.block()
    stage.notify()
    _, headers, body = receiver.calls[-1]
    told = json.loads(body)
    assert told["kind"] == "block" and told["network"] == NETWORK and "secret" not in told
    assert headers["X-Penstock-Signature"] == "sha256=" + hmac.new(key, body, "sha256").hexdigest()


def test_a_webhook_leads_to_public_addresses_only(stage, receiver):
    stage.configure(webhook_ca=receiver.ca)
    port = receiver.url.split(":")[2]
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"):
        assert stage.wish(f"https://{host}:{port}", "webhook").status == 200
    run(stage.root, "UPDATE notify_subscription SET created_at = created_at - INTERVAL 1 HOUR")
    stage.notify()
    rows = run(stage.root, "SELECT status, answer FROM notify_queue WHERE channel = 'webhook'")
    assert len(rows) == 5  # more in a day are refused
    assert {row for row in rows} == {("queued", "its address is not a public one")} and receiver.calls == []


def test_a_webhook_leads_nowhere_else(stage, receiver):
    """A redirection is not followed; what is not 2xx is tried again."""
    stage.configure(webhook_private="yes", webhook_ca=receiver.ca)
    receiver.status = 302
    assert stage.wish(receiver.url, "webhook").status == 200
    stage.notify()
    assert stage.queue("confirm", receiver.url) == (("queued", 1, "it answered 302"),) and len(receiver.calls) == 1
    stage.configure(webhook_private="yes")  # a certificate that nobody vouches for
    run(stage.root, "UPDATE notify_queue SET next_at = next_at - INTERVAL 1 DAY")
    stage.notify()
    ((status, attempts, answer),) = stage.queue("confirm", receiver.url)
    assert (status, attempts) == ("queued", 2) and "certificate" in answer.lower() and len(receiver.calls) == 1


# --- whatever dies ---


@pytest.mark.parametrize("point", POINTS)
def test_a_death_loses_no_message(stage, fault_program, point):  # noqa: F811
    """It may send one twice."""
    program = pathlib.Path(fault_program)
    target = new_target()
    stage.configure(operator_mail="operator@example.org")

    def dying():
        done = stage.task(program, PENSTOCK_FAULT=f"{point}:1")
        assert done.returncode == -9, (done.returncode, done.stderr)
        stage.notify()

    assert stage.wish(target).status == 200
    insert(stage.root, "audit_run", network="itest-notify", outcome="difference", owed=5, held=4, detail="x")
    dying()
    assert 1 <= len(stage.mails(target)) <= 2
    assert stage.post("/notify/confirm", token=token_of(stage.mails(target)[-1])).status == 200
    stage.notify()
    stage.block()
    dying()
    stage.notify()
    found = [mail for mail in stage.mails(target) if "found block" in mail]
    assert 1 <= len(found) <= 2
    assert 1 <= len([m for m in stage.mails("operator@example.org") if "itest-notify" in m]) <= 2
    assert {status for (status,) in run(stage.root, "SELECT status FROM notify_queue")} == {"sent"}


def test_these_are_all_points():
    found = {point for path in (ROOT / "backend/notify").glob("*.c")
             for point in points.POINT.findall(path.read_text(encoding="utf-8"))}
    assert found == set(POINTS)
