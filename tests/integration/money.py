"""A network of a test's own whose chain is scripted: a wallet of the BiblePay family that answers what
the test wants, the tasks that read it, and the rows they leave.

    pool = Money(env, db, folder, fee_bp=500)
    block = pool.found(subsidy=100)        # the pool's; stored by find-blocks
    pool.shares(pool.miner(), 3, block)
    pool.mature(); pool.task("share-out")
"""

import datetime
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import threading
import time
import uuid

import biblepay
from backend_conf import BIBLEPAY, section, servers

COIN = 10**8
OURS, THEIRS = (biblepay.address_of(bytes([n]) * 20) for n in (7, 8))
CHAIN_LAG_S = 7190  # a block's time is a little after the first shares', two hours ago
LIGHTEST = "207fffff"  # two hashes a block, as on regtest


class Chain:
    """What the wallet tells, block by block."""

    def __init__(self):
        self.blocks, self.count, self.fail = [], 0, None
        self.lock = threading.Lock()
        self.add(THEIRS)

    def add(self, recipient=THEIRS, subsidy=50 * COIN, finder=None, bits=LIGHTEST):
        """A further block; its height. SUBSIDY in base units."""
        with self.lock:
            self.count += 1
            self.blocks.append({"hash": hashlib.sha256(f"{id(self)} {self.count}".encode()).hexdigest(),
                                "recipient": recipient, "subsidy": subsidy, "finder": finder, "bits": bits,
                                "time": int(time.time()) - CHAIN_LAG_S})
            return len(self.blocks) - 1

    def cut(self, height):
        """From HEIGHT on it is another chain."""
        with self.lock:
            del self.blocks[height:]

    def answer(self, method, params):
        if method == "getconnectioncount":
            return 5
        tip = len(self.blocks) - 1
        if method == "getblockchaininfo":
            return {"blocks": tip, "headers": tip, "initialblockdownload": False}
        if method == "getblockhash":
            return self.blocks[params[0]]["hash"] if params[0] <= tip else KeyError(-8)
        if method == "getblock":
            at = next((i for i, b in enumerate(self.blocks) if b["hash"] == params[0]), None)
            if at is None:
                return KeyError(-5)
            return {"time": self.blocks[at]["time"], "version": 1, "bits": self.blocks[at]["bits"],
                    **({"previousblockhash": self.blocks[at - 1]["hash"]} if at else {})}
        if params[0] == "pinfo":
            return {"height": tip, "pinfo": 999999999, "elapsed": 60}
        if params[0] == "subsidy" and int(params[1]) <= tip:
            b = self.blocks[int(params[1])]
            coins = f"{b['subsidy'] // COIN}.{b['subsidy'] % COIN:08}"
            return {"subsidy": coins, "recipient": b["recipient"], "blockversion": "1.1",
                    **({"minerguid": b["finder"]} if b["finder"] else {})}
        return {"error": "block not found"}

    def reply(self, call):
        with self.lock:
            if self.fail and self.fail(call["method"], call.get("params") or []):
                return None
            result = self.answer(call["method"], call.get("params") or [])
        if isinstance(result, KeyError):
            return {"id": call["id"], "result": None, "error": {"code": result.args[0], "message": "no"}}
        return {"id": call["id"], "result": result, "error": None}


def serve(chain):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize, disable_nagle_algorithm = -1, True  # head and body at once: 40 ms less a call

        def do_POST(self):
            calls = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            replies = [chain.reply(call) for call in (calls if isinstance(calls, list) else [calls])]
            if None in replies:
                self.close_connection = True  # as a wallet that died meanwhile
                return
            body = json.dumps(replies if isinstance(calls, list) else replies[0]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Money:
    """The network, its settings file, its rows."""

    def __init__(self, env, db, folder, **settings):
        self.env, self.folder = env, pathlib.Path(folder)
        self.network = f"money-{uuid.uuid4().hex[:10]}"
        self.chain = Chain()
        self.server = serve(self.chain)
        self.root = db("root")
        self.backend = lambda: db("backend")
        self.path = self.folder / "money.conf"
        self.clock = datetime.datetime.utcnow() - datetime.timedelta(hours=2)
        self.workers, self.lane = {}, str(uuid.uuid4())
        self.configure(**settings)

    def configure(self, wallet=None, family="biblepay", **settings):
        password = self.folder / "rpc.password"
        password.write_text("geheim", encoding="ascii")
        password.chmod(0o600)
        wallet = wallet or {"url": f"http://127.0.0.1:{self.server.server_address[1]}/", "user": "pool",
                            "password_file": password}
        network = BIBLEPAY | {"family": family, "pool_address": OURS, "maturity_blocks": 2,
                              "maturity_s": 0, "first_height": 1, "assign_wait_s": 1} | settings
        text = (servers(self.env, query_timeout_ms=60000) + section("worker", archive_dir=self.folder)
                + section(f"network {self.network}", network)
                + section("wallet scripted", {"networks": self.network, "connect_timeout_ms": 60000,
                                              "timeout_ms": 60000} | wallet))
        self.path.write_text(text, encoding="ascii")

    # --- programs ---

    def run(self, program, *args, env=None):
        command = [f"{self.env['PENSTOCK_BIN']}/{program}", "--config", self.path, *args]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=600, check=False, env={**os.environ, **(env or {})})

    def task(self, name, *args, status=0, program="penstock-task"):
        command = [f"{self.env['PENSTOCK_BIN']}/{program}", name, "--config", self.path, "--network",
                   self.network, *args]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=600, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def ctl(self, *args, status=0):
        done = self.run("penstockctl", *args)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stdout + done.stderr

    # --- the database ---

    def query(self, sql, *args):
        with self.root.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall() if cursor.description else cursor.lastrowid

    def one(self, sql, *args):
        ((value,),) = self.query(sql, *args)
        return value

    def miner(self, guid=None, network=None):
        guid = guid or str(uuid.uuid4())
        self.query("INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", guid,
                   network or self.network, biblepay.address_of(uuid.UUID(guid).bytes + bytes(4)))
        self.workers[guid] = self.query("INSERT INTO worker (miner_id, name) VALUES (%s, 'Default')", guid)
        return guid

    def shares(self, miner, count, block=None, difficulty=1, at=None):
        """COUNT shares, each a little later than all before, or all AT one time."""
        day, rows = int(time.time()) // 86400, []
        for _ in range(count):
            self.clock += datetime.timedelta(milliseconds=1)
            rows.append((str(uuid.uuid4()), day, self.network, os.urandom(32), self.workers[miner],
                         str(uuid.uuid4()), at or self.clock, difficulty, block))
        with self.root.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO share (message_id, day, network, pow_hash, worker_id, work_id, received_at,"
                " difficulty, block_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", rows)

    def found(self, subsidy=50 * COIN, assigned=True, **more):
        """A pool block on the chain and in the database; its id."""
        height = self.chain.add(OURS, subsidy, **more)
        self.task("find-blocks")
        block = self.one("SELECT id FROM block WHERE network = %s AND height = %s AND status = 'open'",
                         self.network, height)
        if assigned:
            self.query("UPDATE block SET status = 'assigned', assigned_at = NOW(6) WHERE id = %s", block)
        return block

    def mature(self):
        self.chain.add()
        self.chain.add()

    def status(self, block):
        return self.one("SELECT status FROM block WHERE id = %s", block)

    def credits(self, block):
        return dict(self.query("SELECT CAST(miner_id AS CHAR), amount FROM block_credit WHERE block_id = %s",
                               block))

    def balances(self):
        """By kind; miners by their id."""
        rows = self.query("SELECT kind, CAST(miner_id AS CHAR), balance FROM account WHERE network = %s",
                          self.network)
        return {miner if kind == "miner" else kind: balance for kind, miner, balance in rows if balance}

    def alive(self):
        """As if a worker were there that has settled all."""
        self.query("REPLACE INTO lane_progress (lane, network, settled_until, seen_at) VALUES"
                   " (%s, %s, UTC_TIMESTAMP(6) + INTERVAL 1 DAY, UTC_TIMESTAMP(6))", self.lane, self.network)

    def books_hold(self):
        """The ledger with itself and with the splits."""
        n = self.network
        assert self.query("SELECT journal_id FROM entry JOIN journal ON id = journal_id WHERE network = %s"
                          " GROUP BY journal_id HAVING SUM(amount) <> 0", n) == ()
        assert self.one("SELECT COALESCE(SUM(balance), 0) FROM account WHERE network = %s", n) == 0
        assert self.query("SELECT a.id FROM account a WHERE network = %s AND balance <> (SELECT SUM(amount)"
                          " FROM entry WHERE account_id = a.id)", n) == ()
        assert self.query(
            "SELECT s.block_id FROM block_split s JOIN block b ON b.id = s.block_id WHERE s.network = %s"
            " AND (s.subsidy <> b.subsidy OR s.fee <> s.subsidy * s.fee_bp DIV 10000 AND s.weight > 0 OR"
            " s.subsidy <> s.fee + (SELECT COALESCE(SUM(amount), 0) FROM block_credit c WHERE c.block_id ="
            " s.block_id))", n) == ()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        n = self.network
        for sql in ("DELETE e FROM entry e JOIN journal j ON j.id = e.journal_id WHERE j.network = %s",
                    "DELETE FROM journal WHERE network = %s", "DELETE FROM account WHERE network = %s",
                    "DELETE i FROM payout_item i JOIN payout p ON p.id = i.payout_id WHERE p.network = %s",
                    "DELETE FROM payout WHERE network = %s", "DELETE FROM payout_freeze WHERE network = %s",
                    "DELETE c FROM block_credit c JOIN block b ON b.id = c.block_id WHERE b.network = %s",
                    "DELETE FROM block_split WHERE network = %s", "DELETE FROM block WHERE network = %s",
                    "DELETE FROM share WHERE network = %s", "DELETE FROM tip WHERE network = %s",
                    "DELETE FROM lane_progress WHERE network = %s", "DELETE FROM task_run WHERE network = %s",
                    "DELETE FROM task_lock WHERE network = %s",
                    "DELETE s FROM miner_setting s JOIN miner m ON m.id = s.miner_id WHERE m.network = %s",
                    "DELETE w FROM worker w JOIN miner m ON m.id = w.miner_id WHERE m.network = %s",
                    "DELETE FROM miner WHERE network = %s"):
            self.query(sql, n)
