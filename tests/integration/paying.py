"""Payments on networks of a test's own: who is owed what, the task `pay`, and what reached the chain.

    pay = Payments(env, db, folder, nodes.wallet(), minimum_payout=1000)
    miner = pay.owed(5 * COIN)            # a new miner, and what it is owed
    pay.run(); nodes.mine(6); pay.run()
    pay.check({miner: 5 * COIN})          # paid once, by the chain and by the books
"""

import contextlib
import decimal
import json
import os
import pathlib
import subprocess
import uuid

import pytest

import fault_build
from backend_conf import LITECOIN, section, servers, wallet_section
from conftest import RpcError, json_rpc
from litecoin_pair import PASSWORD, Node
from ports import free_ports

COIN = 10**8
# MWEB's activation needs a peg-in; making the usual 1000 keys takes seconds.
NO_MWEB = "vbparams=mweb:4000000000:4000000001\nkeypool=20"


def units(coins):
    """A JSON amount in base units."""
    return int(decimal.Decimal(repr(coins)) * COIN)


class Nodes:
    """`pool` has the pool's wallet `own`; `peer` is always connected, and has the miners' wallet;
    `apart` is connected only when a test wants its chain to win."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        ports = free_ports(6)
        self.p2p = ports[1]
        self.pool = Node(folder / "pool", ports[:2], NO_MWEB)
        self.peer = Node(folder / "peer", ports[2:4], f"connect=127.0.0.1:{self.p2p}\n{NO_MWEB}")
        self.apart = Node(folder / "apart", ports[4:], f"connect=0\n{NO_MWEB}")
        for node in (self.pool, self.peer, self.apart):
            node.wait_ready()
        self.pool.rpc("createwallet", "own", False, False, "", False, None, True)
        self.peer.rpc("createwallet", "miners", False, False, "", False, None, True)
        self.address = self.own("getnewaddress")
        self.elsewhere = self.peer.rpc("getnewaddress")
        self.pool.rpc("generatetoaddress", 40, self.address)
        self.mine(100)
        self.join(self.apart)

    def own(self, method, *params, wallet="own"):
        return json_rpc(f"{self.pool.url}wallet/{wallet}", self.pool.user, PASSWORD, method, params)

    def mine(self, blocks=1, node=None):
        """Blocks of nobody's; the peer follows."""
        made = (node or self.pool).rpc("generatetoaddress", blocks, self.elsewhere)
        if node is None:
            wait(lambda: self.same_tip(self.peer))
        return made

    def join(self, node):
        """Has NODE exchange its blocks with the pool's, and leaves it alone again."""
        wait(lambda: self.connected(node) and self.same_tip(node))
        wait(lambda: not self.disconnected(node))
        wait(lambda: self.same_tip(self.peer))

    def same_tip(self, node):
        return node.rpc("getbestblockhash") == self.pool.rpc("getbestblockhash")

    def connected(self, node):
        """Has NODE try it, unless it is."""
        if not node.rpc("getpeerinfo"):
            node.rpc("addnode", f"127.0.0.1:{self.p2p}", "onetry")
        return node.rpc("getpeerinfo")

    @staticmethod
    def disconnected(node):
        """What is left of NODE's connections, each of which was told to end."""
        for peer in node.rpc("getpeerinfo"):
            with contextlib.suppress(RpcError):  # it has ended meanwhile
                node.rpc("disconnectnode", peer["addr"])
        return node.rpc("getpeerinfo")

    def restart_pool(self, kill=False):
        if kill:
            self.pool.process.kill()
        else:
            self.pool.process.terminate()
        self.pool.process.wait(300)
        self.pool.process = subprocess.Popen(self.pool.process.args, stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL)
        self.pool.wait_ready()
        # Killed, it may have lost its newest blocks; what it mined before it has them again would be
        # on a branch that loses.
        wait(lambda: self.same_tip(self.peer))
        wait(lambda: self.pool.rpc("getpeerinfo"))

    def wallet(self, name="own"):
        return f"{self.pool.url}wallet/{name}", self.pool.user, self.pool.password_file

    def received(self, address):
        return units(self.peer.rpc("getreceivedbyaddress", address, 0))

    def stop(self):
        for node in (self.apart, self.peer, self.pool):
            node.stop()


@pytest.fixture(scope="session")
def fault_program():
    """penstock-task"""
    return fault_build.fault_program("penstock-task")


def run_alone(command, fault=None, timeout=300):
    """Runs a task. Again, while one that was killed before holds its lock: until the database notices."""
    env = dict(os.environ, PENSTOCK_FAULT=fault) if fault else None
    done = []

    def once():
        done.append(subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                   timeout=timeout, check=False))
        return "another run is at work" not in done[-1].stdout

    wait(once)
    return done[-1]


def wait(true, seconds=180):
    from test_biblepay import until
    assert until(true, seconds), "it does not come about"


class Payments:
    """One network. SETTINGS are those of its section."""

    base = {"minimum_payout": 100000, "payout_fee_max": 50000, "payout_confirmations": 3,
            "payout_fee_rate": 10000}
    wallet_timeout_ms = 60000  # or what a test has set before write()

    def __init__(self, env, db, folder, wallet, label=None, wallet_settings="", **settings):
        self.env, self.folder = env, pathlib.Path(folder)
        self.network = f"pay-{uuid.uuid4().hex[:10]}"
        self.label = label or f"w-{self.network}"
        self.db = db
        self.reconnect()
        self.wallet, self.wallet_settings = wallet, wallet_settings
        self.settings = self.base | settings
        self.path = self.folder / f"{self.network}.conf"
        self.families()
        self.write()

    def reconnect(self):
        self.root, self.backend = self.db("root"), self.db("backend")

    def families(self):
        self.settings = LITECOIN | {
            "pool_address": self.env["PENSTOCK_POOL_ADDRESS_LITECOIN"]} | self.settings

    def write(self, **changes):
        self.settings |= changes
        text = (servers(self.env, query_timeout_ms=60000) + section("worker", archive_dir=self.folder)
                + section(f"network {self.network}", self.settings)
                + wallet_section(self.label, self.network, *self.wallet, connect_timeout_ms=20000,
                                 timeout_ms=self.wallet_timeout_ms) + f"{self.wallet_settings}\n")
        self.path.write_text(text)

    # --- rows ---

    def query(self, statement, *values):
        with self.root.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def one(self, statement, *values):
        ((value,),) = self.query(statement, *values)
        return value

    def miner(self, address):
        guid = str(uuid.uuid4())
        self.query("INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", guid,
                   self.network, address)
        return guid

    def post(self, *entries):
        """An adjustment; ENTRIES are account, miner or "", amount."""
        self.backend.begin()
        with self.backend.cursor() as cursor:
            cursor.execute("CALL post_journal(%s, 'adjustment', %s, 'a test', %s)",
                           (self.network, str(uuid.uuid4()),
                            json.dumps([[kind, miner, str(n)] for kind, miner, n in entries])))
        self.backend.commit()

    def owe(self, miner, amount):
        self.post(("mature", "", -amount), ("miner", miner, amount))

    def owed(self, amount, address):
        """A new miner of ADDRESS, who is owed AMOUNT."""
        miner = self.miner(address)
        self.owe(miner, amount)
        return miner

    def balance(self, miner):
        return self.one("SELECT balance FROM account WHERE miner_id = %s", miner)

    def account(self, kind):
        rows = self.query("SELECT balance FROM account WHERE network = %s AND kind = %s",
                          self.network, kind)
        return rows[0][0] if rows else 0

    def payouts(self, kind="payment"):
        """(id, status, txid, amount, fee, confirmations) of each, oldest first."""
        return self.query("SELECT CAST(id AS CHAR), status, LOWER(HEX(txid)), amount, fee, confirmations"
                          " FROM payout WHERE network = %s AND kind = %s ORDER BY created_at",
                          self.network, kind)

    def statuses(self, kind="payment"):
        return [row[1] for row in self.payouts(kind)]

    def frozen(self):
        rows = self.query("SELECT frozen, reason FROM payout_freeze WHERE network = %s ORDER BY id DESC",
                          self.network)
        return rows[0][1] if rows and rows[0][0] else None

    # --- programs ---

    def command(self, program=None, *options):
        return [str(program or f"{self.env['PENSTOCK_BIN']}/penstock-task"), "pay", "--config",
                str(self.path), "--network", self.network, *options]

    def run(self, *options, expect=0, program=None, fault=None, timeout=300):
        """One run of pay; its exit status must be EXPECT (None: any)."""
        done = run_alone(self.command(program, *options), fault, timeout)
        self.output = done.stdout + done.stderr
        assert expect is None or done.returncode == expect, self.output
        return done.returncode

    def penstockctl(self, *words, expect=0):
        done = subprocess.run([f"{self.env['PENSTOCK_BIN']}/penstockctl", "--config", self.path, *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                              check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout if expect == 0 else done.stdout + done.stderr

    # --- what must be true ---

    def check_books(self):
        """Every entry sums to zero, every cached balance is what its entries say."""
        assert self.query("SELECT e.journal_id FROM entry e JOIN journal j ON j.id = e.journal_id"
                          " WHERE j.network = %s GROUP BY e.journal_id HAVING SUM(e.amount) <> 0",
                          self.network) == ()
        assert self.one("SELECT COALESCE(SUM(balance), 0) FROM account WHERE network = %s",
                        self.network) == 0
        assert self.query("SELECT a.id FROM account a LEFT JOIN entry e ON e.account_id = a.id"
                          " WHERE a.network = %s GROUP BY a.id, a.balance"
                          " HAVING a.balance <> COALESCE(SUM(e.amount), 0)", self.network) == ()
        self.audit()

    def audit(self):
        """Its checks of the books; the wallet is not this network's alone."""

    def check_paid(self, received, owed):
        """OWED: by miner, what it was owed. RECEIVED(address): what reached it, whoever sent it."""
        self.check_books()
        for miner, amount in owed.items():
            rows = self.query("SELECT i.amount, i.received, i.address FROM payout_item i JOIN payout p"
                              " ON p.id = i.payout_id WHERE i.miner_id = %s AND p.status = 'confirmed'",
                              miner)
            assert sum(row[0] for row in rows) == amount, rows
            assert self.balance(miner) == 0
            assert received(rows[0][2]) == sum(row[1] for row in rows), "not paid exactly once"
        assert self.account("in_flight") == 0


__all__ = ["COIN", "Nodes", "Payments", "RpcError", "fault_program", "units", "wait"]
