"""Backup and restore, rehearsed: a pool loses its database after it has paid; nothing is credited or paid
twice, and nothing that was accepted is lost."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile

import pymysql
import pytest

from conftest import ROOT, json_rpc, read_env, secret
from test_first_light import mine

NETWORK = "litecoin"


class Pool:
    """A whole pool of this test's own."""

    def __init__(self, state):
        self.state = pathlib.Path(state)
        self.deploy("up", "--no-demo", "--no-schedule", "--detach")
        self.env = read_env(state)

    def deploy(self, command, *arguments, status=0):
        done = subprocess.run([ROOT / "deploy" / command, "--state", self.state, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def down(self):
        self.deploy("down", "--purge")

    def program(self, name, *arguments, status=0):
        command = ["setpriv", "--reuid", "70003", "--regid", "70003", "--clear-groups",
                   f"{self.env['PENSTOCK_BIN']}/{name}", "--config", self.env["PENSTOCK_BACKEND_CONF"], *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def tasks(self, *names):
        for name in names:
            self.program("penstock-task", name, "--network", NETWORK)

    def rpc(self, which, method, *parameters):
        prefix = {"pool": "PENSTOCK_WALLET_LITECOIN", "miner": "PENSTOCK_NODE2_LITECOIN"}[which]
        url, user, file = (self.env[f"{prefix}_{end}"] for end in ("URL", "USER", "PASSWORD_FILE"))
        return json_rpc(url, user, secret(file), method, parameters)

    def query(self, statement, *values):
        connection = pymysql.connect(user="root", unix_socket=self.env["PENSTOCK_DB_ROOT_SOCKET"],
                                     database="penstock", charset="utf8mb4", autocommit=True)
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def mine(self, address, count, blocks):
        """So many shares that are no blocks, and so many blocks; all of them recorded."""
        for kind, number in (("none", count), ("only", blocks)):
            before = self.query("SELECT COUNT(*) FROM share")[0][0]
            done = mine(self.env, NETWORK, address, "--count", str(number), "--blocks", kind)
            assert done.returncode == 0, done.stdout + done.stderr
            wait(lambda n=before + number: self.query("SELECT COUNT(*) FROM share")[0][0] == n)

    def blocks(self, number):
        """Further blocks of strangers, which the pool's node has too."""
        self.rpc("miner", "generatetoaddress", number, self.rpc("miner", "getnewaddress"))
        wait(lambda: self.rpc("pool", "getbestblockhash") == self.rpc("miner", "getbestblockhash"))

    def sent(self):
        """The wallet's own transactions."""
        return {t["txid"] for t in self.rpc("pool", "listtransactions", "*", 10000) if t["category"] == "send"}

    # --- what must survive, by names that no database chose ---

    def shares(self):
        return dict(self.query(
            "SELECT CAST(message_id AS CHAR), CONCAT(s.received_at, ' ', s.difficulty, ' ', m.address, ' ', w.name, ' ',"
            " COALESCE(b.height, 'open')) FROM share s JOIN worker w ON w.id = s.worker_id"
            " JOIN miner m ON m.id = w.miner_id LEFT JOIN block b ON b.id = s.block_id"))

    def money(self):
        return {
            "blocks": set(self.query("SELECT height, HEX(hash), status, subsidy, cut_at FROM block WHERE pool_block")),
            "credits": set(self.query("SELECT b.height, m.address, c.shares, c.weight, c.amount FROM block_credit c"
                                      " JOIN block b ON b.id = c.block_id JOIN miner m ON m.id = c.miner_id")),
            "balances": set(self.query("SELECT a.kind, COALESCE(m.address, ''), balance FROM account a"
                                       " LEFT JOIN miner m ON m.id = a.miner_id WHERE balance <> 0")),
            "payouts": set(self.query("SELECT HEX(txid), status, p.amount, fee, address, i.amount, received FROM payout p"
                                      " JOIN payout_item i ON i.payout_id = p.id")),
        }


def wait(true, seconds=180):
    from test_biblepay import until
    assert until(true, seconds), "it does not come about"


@pytest.fixture
def pool():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-restore.", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield Pool(folder / "pool")
    finally:
        subprocess.run([ROOT / "deploy/down", "--state", folder / "pool", "--purge"], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=300, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long  # a pool of its own, up and restored
@pytest.mark.own_state
def test_a_lost_database_is_restored_and_nobody_is_paid_twice(pool, tmp_path):
    early, late = (pool.rpc("miner", "getnewaddress") for _ in range(2))
    pool.mine(early, 7, 1)
    pool.tasks("find-blocks")
    backup = pool.deploy("backup", tmp_path / "backups").strip()
    assert backup.startswith(str(tmp_path / "backups"))

    # after the backup: another miner, more blocks, all of it paid; then shares that wait for a block
    pool.mine(late, 5, 1)
    pool.mine(early, 3, 1)
    pool.blocks(105)
    wait(lambda: pool.tasks("find-blocks", "assign-shares") or pool.query(
        "SELECT COUNT(*) FROM block WHERE status = 'assigned'") == ((3,),))
    # a chain made in a hurry is a little ahead of the clock
    wait(lambda: pool.tasks("share-out") or pool.query(
        "SELECT COUNT(*) FROM block WHERE status = 'finished'") == ((3,),), 300)
    pool.tasks("pay")
    wait(lambda: pool.rpc("miner", "getrawmempool"))  # nodes tell each other of a transaction at leisure
    pool.blocks(3)
    pool.tasks("find-blocks", "pay", "audit")
    shares, money, sent = pool.shares(), pool.money(), pool.sent()
    assert len(shares) == 18 and len(money["payouts"]) == 2 and len(sent) > 0
    assert {row[1] for row in money["payouts"]} == {"confirmed"}
    pool.mine(late, 4, 1)
    shares = pool.shares()

    subprocess.run([ROOT / "deploy/ctl", "--state", pool.state, "kill", "mariadb"], check=True, capture_output=True)
    shutil.rmtree(pool.state / "mariadb/data")
    said = pool.deploy("restore", backup)
    assert "agree with wallet and chain" in said and "find-payouts litecoin: 1 payout booked" in said

    restored = pool.shares()
    assert restored.keys() == shares.keys()
    assert {k: v.rsplit(" ", 1)[0] for k, v in restored.items()} == {k: v.rsplit(" ", 1)[0] for k, v in shares.items()}
    again = pool.money()
    assert again["credits"] == money["credits"] and again["payouts"] == money["payouts"]
    assert again["blocks"] >= money["blocks"]
    assert {row for row in again["balances"] if row[0] == "miner"} == {
        row for row in money["balances"] if row[0] == "miner"}
    assert pool.query("SELECT reason, COUNT(*) FROM rejected GROUP BY 1") == ()
    assert pool.sent() == sent

    # frozen until somebody thaws; then nothing is owed twice
    report = json.loads(pool.program("penstock-task", "audit", "--json", "--network", NETWORK))
    assert report["outcome"] == "clean"
    assert "restored from" in pool.program("penstock-task", "pay", "--network", NETWORK)
    pool.program("penstockctl", "payouts", "thaw", "--network", NETWORK, "--reason", "audit is clean")
    pool.tasks("pay", "find-payouts", "audit")
    assert pool.sent() == sent and pool.money()["payouts"] == money["payouts"]




# --- on the shared pool, which goes on meanwhile ---


@pytest.fixture
def saved(env, tmp_path):
    """One backup of the shared pool, after an older one that was deleted for it."""
    command = [ROOT / "deploy/backup", "--state", env["PENSTOCK_STATE"], "--keep", "1", tmp_path / "saved"]
    made = [subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=True)
            for _ in range(2)]
    kept, = (tmp_path / "saved").iterdir()
    assert made[1].stdout == f"{kept}\n"
    return kept


def restore(env, folder, *options):
    return subprocess.run([ROOT / "sql/restore", "--from", folder, *options, "--", "--no-defaults", "--user=root",
                           f"--socket={env['PENSTOCK_DB_ROOT_SOCKET']}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300, check=False)


def test_a_backup_is_for_its_owner_only(saved):
    for path in (saved, *saved.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0 and path.stat().st_uid == 0, path
    assert {p.name for p in saved.iterdir()} >= {"SHA256SUMS", "penstock.sql.gz", "archive"}


@pytest.mark.parametrize("harm", ["changed", "cut", "missing", "no sums"])
def test_a_damaged_backup_is_refused(env, saved, harm):
    dump = saved / "penstock.sql.gz"
    content = dump.read_bytes()
    if harm == "changed":
        dump.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    elif harm == "cut":
        dump.write_bytes(content[:-10])
    elif harm == "missing":
        dump.unlink()
    else:
        (saved / "SHA256SUMS").unlink()
    done = restore(env, saved, "--check")
    assert done.returncode == 1 and ("damaged" in done.stderr or "no backup" in done.stderr), done.stderr


def test_a_pool_at_work_is_not_written_over(env, db, saved):
    assert restore(env, saved, "--check").returncode == 0
    with contextlib.closing(db("backend")):
        done = restore(env, saved, "--database", "--replace")
    assert done.returncode == 1 and "programs of the pool are connected" in done.stderr


def test_restored_archive_files_never_replace_others(env, saved, tmp_path):
    (saved / "archive/net").mkdir(parents=True)
    (saved / "archive/net/a.jsonl").write_text("old\n", encoding="ascii")
    (saved / "archive/net/b.jsonl.gz").write_bytes(b"b")
    (saved / "archive/net/c.jsonl").write_text("c\n", encoding="ascii")
    (saved / "SHA256SUMS").write_text(subprocess.run(
        "find . -type f ! -name SHA256SUMS -print0 | xargs -0 sha256sum", shell=True, cwd=saved, check=True,
        capture_output=True, text=True).stdout, encoding="ascii")
    here = tmp_path / "archive/net"
    here.mkdir(parents=True)
    (here / "a.jsonl.gz").write_bytes(b"longer by now")
    (here / "b.jsonl").write_text("plain\n", encoding="ascii")
    done = restore(env, saved, "--archive", here.parent)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in here.iterdir()) == ["a.jsonl.gz", "b.jsonl", "c.jsonl"]
    assert (here / "a.jsonl.gz").read_bytes() == b"longer by now"
