"""/isalive and /metrics: what they say of a pool that is well, and of one that is not."""

import re
import subprocess

import requests

from action_client import Client, poll
from fcgi_client import own_frontend
from test_api import NETWORK, SECTION
from test_first_light import mine

TASKS = ("find-blocks", "assign-shares", "share-out", "roll-stats", "audit", "rate-miners", "pay", "clean-up")
COUNT = r'^penstock_{}{} (\d+)$'


def get(env, path, **options):
    return requests.get(env["PENSTOCK_URL"] + path, verify=env["PENSTOCK_CA"], timeout=60, **options)


def value(text, name, labels=""):
    """Of one metric; 0 when it is not there."""
    found = re.search(COUNT.format(re.escape(name), re.escape(labels)), text, re.M)
    return int(found.group(1)) if found else 0


def check_metrics(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True,
                          timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done


# --- is it alive? ---


def test_a_pool_that_is_well(env):
    """The pool of the tests has no schedule: its tasks run now."""

    def well():
        for task in TASKS:
            subprocess.run([f"{env['PENSTOCK_BIN']}/penstock-task", task, "--config",
                            env["PENSTOCK_BACKEND_CONF"]],
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False)
        reply = get(env, "/isalive")
        return reply.status_code == 200 and reply

    reply = poll(well, 300, 0.5)
    assert reply, get(env, "/isalive").text
    said = reply.json()
    assert reply.headers["Cache-Control"] == "no-store"
    assert (said["status"], said["failures"]) == ("ok", [])
    assert said["versions"]["penstock"] and said["versions"].keys() == {
        "penstock", "schema", "mariadb", "rabbitmq", "openssl", "jansson"}
    assert said["queues"].keys() == {"solution.litecoin", "solution.litecoin.large", "solution.litecoin-b",
                                     "solution.litecoin-b.large", "share.litecoin", "share.litecoin-b", "dead"}
    assert all(isinstance(depth, int) for depth in said["queues"].values())
    for network in said["networks"]:
        assert network["height"] > 0 and network["tipAgeSeconds"] >= 0 and network["workerAgeSeconds"] <= 60
        assert network["jobAgeSeconds"] >= 0
        assert network["payoutsFrozen"] is False
        assert network["tasks"]["find-blocks"]["late"] is False
        ours = [said["versions"]["penstock"]]
        assert (network["workerVersions"], network["jobsVersions"]) == (ours, ours)


def test_a_network_that_nobody_serves(env, tmp_path):
    with own_frontend(env, tmp_path, SECTION) as own:
        reply = own.get("/isalive")
        said = reply.json()
    assert (reply.status, said["status"]) == (503, "failing")
    wrong = {text for text in said["failures"] if text.startswith(NETWORK)}
    assert wrong == {f"{NETWORK}: no new block for too long", f"{NETWORK}: no worker is alive",
                     *(f"{NETWORK}: task {task} is late" for task in
                       ("find-blocks", "assign-shares", "share-out", "roll-stats", "audit"))}
    ours, = (n for n in said["networks"] if n["id"] == NETWORK)
    assert ours["tipAgeSeconds"] is None and ours["workerAgeSeconds"] is None
    assert ours["jobAgeSeconds"] is None
    assert said["queues"][f"solution.{NETWORK}"] is None  # there is no such queue
    assert isinstance(said["queues"]["dead"], int)


def test_jobs_that_are_not_made(env, tmp_path, db):
    """Where nobody ever made any, nothing is wrong: pools of some kinds need none."""
    with db("root").cursor() as cursor, own_frontend(env, tmp_path, SECTION) as own:
        def failures():
            all_failures = own.get("/isalive").json()["failures"]
            return [text for text in all_failures if text.startswith(NETWORK) and "jobs" in text]

        assert failures() == []
        try:
            for problem, age, wrong in (("", 0, False), ("no wallet", 0, True), ("", 3600, True),
                                        ("", 2 * 86400, False)):
                cursor.execute("REPLACE INTO job_health VALUES (%s, %s, UTC_TIMESTAMP(6) - INTERVAL %s SECOND,"
                               " '1.2')", (NETWORK, problem, age))
                assert failures() == [f"{NETWORK}: no jobs are made of block templates"] * wrong, (problem, age)
        finally:
            cursor.execute("DELETE FROM job_health WHERE network = %s", (NETWORK,))


def test_the_task_that_sends_messages(env, tmp_path, db):
    """It is of no network, and is judged where wishes for messages are taken."""
    assert "notify" not in get(env, "/isalive").json()
    with db("root").cursor() as cursor, own_frontend(env, tmp_path, SECTION, [("[site]\n", "[site]\nnotify = yes\n")]) as own:
        try:
            for ago_s, outcome, late in ((0, "done", False), (1200, "done", True), (0, "failed", True)):
                cursor.execute("DELETE FROM task_run WHERE task = 'notify'")
                cursor.execute("INSERT INTO task_run (task, network, host, detail, ended_at, outcome) VALUES"
                               " ('notify', '', 'itest', '', UTC_TIMESTAMP(6) - INTERVAL %s SECOND, %s)",
                               (ago_s, outcome))
                said = own.get("/isalive").json()
                assert said["notify"]["late"] is late, (ago_s, outcome)
                assert ("task notify is late" in said["failures"]) is late
                assert f'penstock_task_late{{network="",task="notify"}} {late:d}\n' in own.get("/metrics").body.decode()
        finally:
            cursor.execute("DELETE FROM task_run WHERE task = 'notify'")


def test_without_servers(env, tmp_path):
    dead = [(f"port = {env['PENSTOCK_DB_PORT']}", "port = 1"), (f"port = {env['PENSTOCK_AMQP_PORT']}", "port = 1")]
    with own_frontend(env, tmp_path, SECTION, dead) as own:
        reply = own.get("/isalive")
        assert reply.status == 503
        assert reply.json()["failures"] == ["the database does not answer", "the broker does not answer"]
        metrics = own.get("/metrics").body.decode()
        check_metrics(metrics)
        assert 'penstock_server_up{server="database"} 0' in metrics


# --- metrics ---


def test_metrics(env):
    text = get(env, "/metrics").text
    check_metrics(text)
    for name in ("server_up", "queue_messages", "tip_height", "tip_age_seconds", "worker_age_seconds",
                 "job_age_seconds",
                 "payouts_frozen", "task_late", "ledger_imbalance", "hash_rate",
                 "frontend_requests_total", "frontend_confirm_seconds_bucket"):
        assert re.search(f"^penstock_{name}[{{ ]", text, re.M), name
    for network in ("litecoin", "litecoin-b"):
        assert re.search(f'^penstock_ledger_imbalance{{network="{network}",of="all"}} -?[0-9]+$', text, re.M)


def test_only_the_operator_reads_them(env, tmp_path):
    with own_frontend(env, tmp_path) as own:
        assert own.get("/metrics").status == 200
        stranger, nothing = (own.get(path, ip="192.0.2.1") for path in ("/metrics", "/nothing"))
        assert (stranger.status, stranger.body) == (nothing.status, nothing.body)
        assert stranger.status == 404


def test_counts_are_of_all_programs(env):
    """Requests meet different programs; whichever is asked tells the sum."""
    before = get(env, "/metrics").text
    for _ in range(40):
        Client(env).post({"Action": "nonsense"})

    def more(name, labels=""):
        return value(get(env, "/metrics").text, name, labels) - value(before, name, labels)

    for name, labels in (("frontend_refused_total", '{reason="unknown_action"}'),
                         ("frontend_requests_total", '{route="/Action.aspx",status="2xx"}')):
        poll(lambda: more(name, labels) >= 40)  # noqa: B023
        assert more(name, labels) == 40
    assert poll(lambda: more("frontend_request_seconds_count") >= 40)


def test_confirms_are_timed(env, rpc):
    name = "frontend_confirm_seconds_count"
    before = value(get(env, "/metrics").text, name)
    done = mine(env, "litecoin", rpc("miner")("getnewaddress"), "--count", "3", "--blocks", "none")
    assert done.returncode == 0, done.stdout
    assert poll(lambda: value(get(env, "/metrics").text, name) - before >= 3)
