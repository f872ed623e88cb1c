"""deploy/up, down and ctl: run again, side by side, interrupted, and who may read what."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time

import pymysql
import pytest

from action_client import poll
from conftest import ROOT, damage, json_rpc, process_state, read_env, secret

PARTS = ["mariadb", "epmd", "rabbitmq", "litecoind-pool", "litecoind-miner", "publisher", "apache",
         "live", "longpoll", "worker-1", "worker-2", "jobs"]


def deploy(script, state, *options, check=True, **keywords):
    done = subprocess.run([ROOT / "deploy" / script, "--state", str(state), *options], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, timeout=600, **keywords)
    if check:
        assert done.returncode == 0, done.stdout
    return done


def pids(state):
    folder = pathlib.Path(state) / "pid"
    return {file.name: file.read_text() for file in folder.iterdir()}


def whole(state):
    """Everything runs, or does after a supervised program has come back."""
    return poll(lambda: not damage(state))


def processes_of(state):
    """Every process that has anything to do with the folder: executable, cwd, argument or mark."""
    found, needle = [], str(state)
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            facts = [os.readlink(folder / "exe"), os.readlink(folder / "cwd"),
                     (folder / "cmdline").read_bytes().decode("utf-8", "replace"),
                     (folder / "environ").read_bytes().decode("utf-8", "replace")]
        except OSError:
            continue
        if any(needle in fact for fact in facts):
            found.append((folder.name, facts[2]))
    return found


@pytest.fixture
def own():
    """A folder for a second pool, stopped and deleted afterwards whatever happened."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-own.", dir="/tmp"))
    folder.chmod(0o755)
    state = folder / "pool"
    yield state
    deploy("down", state, check=False)
    shutil.rmtree(folder, ignore_errors=True)


# --- the shared pool ---


def test_env_keeps_its_contract(env):
    keys = {"PENSTOCK_URL", "PENSTOCK_CA", "PENSTOCK_NETWORKS", "PENSTOCK_BIN",
            "PENSTOCK_FRONTEND_CONF", "PENSTOCK_BACKEND_CONF", "PENSTOCK_DB_HOST",
            "PENSTOCK_DB_PORT", "PENSTOCK_DB_NAME", "PENSTOCK_AMQP_HOST", "PENSTOCK_AMQP_PORT",
            "PENSTOCK_AMQP_VHOST"}
    for kind in ("DB", "AMQP"):
        for tier in ("FRONTEND", "BACKEND", "ADMIN"):
            keys |= {f"PENSTOCK_{kind}_{tier}_USER", f"PENSTOCK_{kind}_{tier}_PASSWORD_FILE"}
    for network in env["PENSTOCK_NETWORKS"].split():
        name = network.upper().replace("-", "_")
        keys.add(f"PENSTOCK_POOL_ADDRESS_{name}")
        for wallet in ("WALLET", "NODE2"):
            keys |= {f"PENSTOCK_{wallet}_{name}_{end}" for end in ("URL", "USER", "PASSWORD_FILE")}
    assert keys <= env.keys()
    assert env["PENSTOCK_NETWORKS"].split() == ["litecoin", "litecoin-b"]
    assert env["PENSTOCK_POOL_ADDRESS_LITECOIN"] != env["PENSTOCK_POOL_ADDRESS_LITECOIN_B"]
    for key, value in env.items():
        if key.endswith(("_FILE", "_CONF", "_CA", "_BIN", "_SOCKET")):
            assert os.path.exists(value), key


def test_a_shell_reads_env_as_python_does(env):
    script = '. "$0" && for name; do eval "printf \'%s\\n\' \\"\\$$name\\""; done'
    names = sorted(env)
    done = subprocess.run(["/bin/sh", "-eu", "-c", script, f"{env['PENSTOCK_STATE']}/env", *names],
                          capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [env[name] for name in names]


def test_up_again_changes_nothing(env):
    state = pathlib.Path(env["PENSTOCK_STATE"])
    files = [*(state / "conf").iterdir(), *(state / "secret").glob("*/*"), state / "env"]
    before = pids(state), {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}
    done = deploy("up", state, "--detach")
    assert "is up already" in done.stdout and env["PENSTOCK_URL"] in done.stdout
    after = pids(state), {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}
    assert before == after


def test_on_a_terminal_up_shows_progress_until_interrupted(env):
    state = env["PENSTOCK_STATE"]
    master, slave = pty.openpty()

    def at_the_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job, such as these tests, ignores it

    run = subprocess.Popen([ROOT / "deploy/up", "--state", state], stdin=slave, stdout=slave,
                           stderr=slave, start_new_session=True, preexec_fn=at_the_terminal)
    os.close(slave)
    try:
        shown = read_until(master, "Shares accepted")
        assert "is up already" in shown and env["PENSTOCK_URL"] in shown
        os.write(master, b"\x03")
        assert f"deploy/down --state {state}" in read_until(master, "The pool goes on")
        assert run.wait(timeout=180) == 0
    finally:
        os.close(master)  # hangs up on what is left of it
    display = lambda: [p for p in processes_of(state) if "--watch" in p[1]]  # noqa: E731
    assert poll(lambda: not display()), f"the display still runs: {display()}"
    assert whole(state), damage(state)


def read_until(terminal, text):
    """What the terminal shows up to the end of the line with TEXT."""
    shown, end = "", time.monotonic() + 120
    while text not in shown.rpartition("\n")[0]:
        assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], shown
        try:
            shown += os.read(terminal, 4096).decode("utf-8", "replace")
        except OSError:
            pytest.fail(f"it ended without {text!r}: {shown}")
    return shown


def test_each_tier_runs_under_a_uid_of_its_own(env):
    state = pathlib.Path(env["PENSTOCK_STATE"])
    uid = {name: os.stat(f"/proc/{pid.strip()}").st_uid for name, pid in pids(state).items()
           if not name.startswith("supervisor-")}
    tiers = [uid["apache"], uid["mariadb"], uid["rabbitmq"], uid["litecoind-pool"],
             uid["litecoind-miner"], uid["worker-1"]]
    assert 0 not in tiers and len(set(tiers)) == len(tiers)
    assert uid["worker-1"] == uid["worker-2"] and uid["epmd"] == uid["rabbitmq"]


def readable_by(part, state):
    """The secrets and wallets that a process with part's uid can read, by trying to."""
    status = pathlib.Path(f"/proc/{pids(state)[part].strip()}/status").read_text(encoding="ascii")
    uid = re.search(r"^Uid:\t(\d+)", status, re.M).group(1)
    gid = re.search(r"^Gid:\t(\d+)", status, re.M).group(1)
    script = 'for f; do if [ -r "$f" ] && head -c1 "$f" >/dev/null 2>&1; then echo "$f"; fi; done'
    files = [str(f) for f in (state / "secret").glob("*/*")] + [
        str(f) for f in state.glob("litecoind-*/**/wallet.dat")] + [str(state / "archive")]
    done = subprocess.run(["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "/bin/sh",
                           "-c", script, "sh", *files], capture_output=True, text=True, timeout=120,
                          check=True)
    return {str(pathlib.Path(f).relative_to(state)) for f in done.stdout.splitlines()}


def test_the_frontend_reads_its_own_secrets_only(env):
    state = pathlib.Path(env["PENSTOCK_STATE"])
    assert readable_by("apache", state) == {
        "secret/frontend/database.password", "secret/frontend/broker.password",
        "secret/frontend/live.password", "secret/frontend/tls.key"}
    assert {f for f in readable_by("worker-1", state) if f.startswith("secret/")} == {
        "secret/backend/database.password", "secret/backend/broker.password",
        "secret/backend/wallet.password"}
    assert not readable_by("mariadb", state)


def test_no_password_in_argv_environment_or_log(env):
    state = pathlib.Path(env["PENSTOCK_STATE"])
    passwords = [secret(f).encode() for f in (state / "secret").glob("*/*.password")]
    assert len(passwords) == 9
    looked = 0
    for pid in pids(state).values():
        for name in ("cmdline", "environ"):
            text = pathlib.Path(f"/proc/{pid.strip()}/{name}").read_bytes()
            looked += bool(text)
            assert not any(password in text for password in passwords)
    assert looked >= 2 * len(PARTS)
    for file in [*(state / "log").rglob("*.log"), *(state / "conf").iterdir()]:
        assert not any(password in file.read_bytes() for password in passwords), file


@pytest.mark.parametrize("name", PARTS)
def test_ctl_stops_and_starts_each_part(env, ctl, name):
    state = env["PENSTOCK_STATE"]
    ctl("stop", name)
    assert process_state(state, name) is None
    with pytest.raises(RuntimeError, match=f"{name} +down"):
        ctl("status")
    ctl("start", name)
    assert process_state(state, name) is not None
    ctl("start", name)
    assert re.search(rf"^{name} +up +\d+$", ctl("status", name), re.M)


def test_a_killed_program_comes_back_and_a_killed_server_does_not(env, ctl):
    state = env["PENSTOCK_STATE"]
    before = pids(state)["worker-1"]
    os.kill(int(before), signal.SIGKILL)
    end = time.monotonic() + 180
    while (pids(state).get("worker-1") in (before, None) or not process_state(state, "worker-1")):
        assert time.monotonic() < end, "worker-1 did not come back"
        time.sleep(0.05)
    ctl("kill", "litecoind-miner")
    time.sleep(2)
    assert process_state(state, "litecoind-miner") is None
    ctl("start", "litecoind-miner")


def test_ctl_refuses_nonsense(env, ctl):
    for arguments in (("start", "nothing"), ("explode", "apache"), ("reload", "mariadb")):
        with pytest.raises(RuntimeError):
            ctl(*arguments)


def test_arguments_are_checked(env, own):
    assert deploy("up", env["PENSTOCK_STATE"], "--network", "bitcoin", check=False).returncode == 64  # it is another's
    for options in (["--wallet", "dogecoin=http://127.0.0.1:1,u,/etc/hostname"], ["--network", "dogecoin"],
                    ["--network", "bitcoin", "--wallet", "litecoin=http://127.0.0.1:1,u,/etc/hostname"],
                    ["--wallet", "litecoin=http://127.0.0.1:1"], ["--bogus"]):
        done = deploy("up", own, *options, check=False)
        assert done.returncode == 64 and "Try " in done.stdout
    assert deploy("up", "/tmp/a b", check=False).returncode == 64
    assert deploy("up", "/tmp/" + "x" * 80, check=False).returncode == 64


def test_only_root_may(own):
    shutil.copytree(ROOT / "deploy", own.parent / "deploy")
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                           own.parent / "deploy/up", "--state", str(own)], text=True,
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == 1 and "must run as root" in done.stderr


# --- pools of their own ---


def await_every_task(mine):
    """The schedule runs each of them, and none fails."""
    names = re.findall(r"\d+:([a-z-]+)", (ROOT / "deploy/lib/schedule").read_text(encoding="utf-8"))
    assert len(names) >= 8
    connection = pymysql.connect(
        host=mine["PENSTOCK_DB_HOST"], port=int(mine["PENSTOCK_DB_PORT"]), autocommit=True,
        database=mine["PENSTOCK_DB_NAME"], user=mine["PENSTOCK_DB_BACKEND_USER"],
        password=secret(mine["PENSTOCK_DB_BACKEND_PASSWORD_FILE"]))
    end = time.monotonic() + 600
    with connection, connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT task, MAX(outcome = 'done'), MAX(outcome = 'failed') FROM task_run"
                           " WHERE outcome <> 'running' GROUP BY task")
            rows = {task: (done, failed) for task, done, failed in cursor.fetchall()}
            assert not any(failed for _, failed in rows.values()), rows
            if {task for task, (done, _) in rows.items() if done} >= set(names):
                return
            assert time.monotonic() < end, rows
            time.sleep(0.5)


@pytest.mark.own_state
def test_a_pool_from_beginning_to_end_beside_another(env, own):
    up = deploy("up", own, "--detach")
    mine = read_env(own)
    assert mine["PENSTOCK_URL"] in up.stdout and mine["PENSTOCK_URL"] != env["PENSTOCK_URL"]
    assert whole(own) and whole(env["PENSTOCK_STATE"])
    prefix = "PENSTOCK_NODE2_LITECOIN"
    node = [mine[f"{prefix}_URL"], mine[f"{prefix}_USER"], secret(mine[f"{prefix}_PASSWORD_FILE"])]
    assert json_rpc(*node, "getblockcount", []) > 432
    for name in ("demo-miner", "demo-getwork"):
        assert poll(lambda part=name: process_state(own, part)), f"{name} does not run"
    await_every_task(mine)

    deploy("down", own)
    assert processes_of(own) == []
    assert not (own / "env").exists()
    assert "down" in deploy("down", own).stdout
    assert whole(env["PENSTOCK_STATE"]), "down reached into another pool"

    # What was there is there again: the same ports, accounts and chain.
    deploy("up", own, "--detach", "--no-demo")
    assert read_env(own) == mine
    assert json_rpc(*node, "getblockcount", []) > 432
    deploy("down", own, "--purge")
    assert not own.exists() and processes_of(own) == []


@pytest.mark.long
@pytest.mark.own_state
def test_a_pool_on_bcoin(own):
    deploy("up", own, "--network", "bitcoin", "--detach")
    mine = read_env(own)
    assert mine["PENSTOCK_NETWORKS"].split() == ["bitcoin", "bitcoin-b"] and whole(own)

    def counts():
        said = subprocess.run([own / "bin/penstockctl", "--config", mine["PENSTOCK_BACKEND_CONF"], "status", "--json"],
                              capture_output=True, text=True, timeout=120, check=True)
        return json.loads(said.stdout)["networks"]

    end = time.monotonic() + 600  # both demo miners find shares and blocks
    while not all(n["shares"] > 5 and n["blocks"] for n in counts()):
        assert time.monotonic() < end, counts()
        time.sleep(0.5)
    deploy("down", own, "--purge")
    assert not own.exists() and processes_of(own) == []


@pytest.mark.own_state
@pytest.mark.parametrize("seconds, how", [
    (4, signal.SIGKILL), pytest.param(0.5, signal.SIGKILL, marks=pytest.mark.long),
    pytest.param(2, signal.SIGINT, marks=pytest.mark.long),
    pytest.param(8, signal.SIGKILL, marks=pytest.mark.long)])
def test_up_interrupted_then_run_twice_at_once(own, seconds, how):
    for _ in range(5):  # it may be over before it can be interrupted
        first = subprocess.Popen([ROOT / "deploy/up", "--state", str(own), "--detach", "--no-demo"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, start_new_session=True)
        time.sleep(seconds)
        first.send_signal(how)
        first.communicate(timeout=600)
        if first.returncode != 0:
            break
        deploy("down", own, "--purge")
        seconds /= 2
    assert first.returncode not in (None, 0), "it was over before it could be interrupted"
    runs = [subprocess.Popen([ROOT / "deploy/up", "--state", str(own), "--detach", "--no-demo"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    texts = [run.communicate(timeout=600)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], texts
    assert sum("is up already" in text for text in texts) == 1
    assert whole(own)
    deploy("down", own)
    assert processes_of(own) == []


@pytest.mark.own_state
def test_a_foreign_wallet_and_down_after_a_crash(env, rpc, own):
    foreign = [env[f"PENSTOCK_WALLET_LITECOIN_{end}"] for end in ("URL", "USER", "PASSWORD_FILE")]
    deploy("up", own, "--detach", "--no-demo", "--wallet", f"litecoin-b={','.join(foreign)}")
    mine = read_env(own)
    assert mine["PENSTOCK_WALLET_LITECOIN_B_URL"] == foreign[0]
    assert secret(mine["PENSTOCK_WALLET_LITECOIN_B_PASSWORD_FILE"]) == secret(foreign[2])
    assert mine["PENSTOCK_WALLET_LITECOIN_URL"] != foreign[0]
    await_tip(mine, "litecoin-b", rpc("pool")("getbestblockhash"))

    # Everything dies at random and the pid files are lost: down still finds what is left.
    for name in ("supervisor-worker-1", "mariadb", "litecoind-pool"):
        os.kill(int(pids(own)[name]), signal.SIGKILL)
    shutil.rmtree(own / "pid")
    (own / "pid").mkdir()
    deploy("down", own)
    assert processes_of(own) == []


def await_tip(env, network, tip):
    """Until the workers have seen that tip of the network's chain."""
    end = time.monotonic() + 600
    with pymysql.connect(unix_socket=env["PENSTOCK_DB_ROOT_SOCKET"], user="root",
                         database=env["PENSTOCK_DB_NAME"], autocommit=True) as connection:
        while True:
            with connection.cursor() as cursor:
                found = cursor.execute("SELECT 1 FROM tip WHERE network = %s AND hash = UNHEX(%s)",
                                       (network, tip))
            if found:
                return
            assert time.monotonic() < end, f"the workers do not see {tip} on {network}"
            time.sleep(0.1)
