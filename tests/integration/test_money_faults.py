"""The troubles of payments, with faults on top (common/base/fault.h): conflicts, refusals, sweeps, wallets of
old, balances that were wrong, a ledger that was restored, an audit that finds something. Each is a short
story of one network. Each task in it runs once with the fault and then without until it is done. In the end
every debt is paid exactly once, by the chain and by the books, and the audit is clean."""

import base64
import http.server
import json
import re
import threading
import urllib.error
import urllib.request
import uuid

import pytest

import victim  # which adds the folder tests/chaos

import points
import test_pay_faults
import test_share_out_faults
import test_task_faults
from biblepay import Wallet, address_of
from litecoin_pair import PASSWORD
from paying import COIN, Nodes, Payments, fault_program, run_alone, units, wait  # noqa: F401
from test_pay_biblepay import Biblepay, address, received

SAMPLE = 8
FUNDS = 5 * COIN
FEE = COIN // 100  # of a transaction that takes a payout's coins


class Story:
    """A network with a wallet of its own. FAULT: for PENSTOCK_FAULT, in PROGRAM."""

    def __init__(self, program, fault=None):
        self.program, self.fault, self.struck = program, fault, False
        self.owed = {}

    def run(self, name, fault=None):
        command = self.pay.command(self.program if fault else None)
        command[1] = name
        done = run_alone(command, fault)
        self.output = done.stdout + done.stderr
        return done.returncode

    def task(self, name, status=0, until=lambda: True):
        """With the fault; if that did not do it, without until it ends with STATUS, and what is meant is true.
        The exit status with the fault."""
        code = status
        if self.fault:
            code = self.run(name, self.fault)
            assert code in (-9, 0, 1, 75), self.output
            self.struck = self.struck or code == -9
            if code == status and until():
                return code
        assert victim.until(lambda: self.run(name) == status and until(), 180), f"{name}: {self.output}"
        return code

    def owe(self, amount):
        miner = self.pay.owed(amount, self.receiver())
        self.owed[miner] = amount
        return miner

    def thaw(self, *words):
        self.pay.penstockctl("payouts", "thaw", "--network", self.pay.network, "--reason", "a test", *words)

    def thaw_after_audit(self):
        self.task("audit")
        self.thaw()

    def is_conflicted(self):
        return self.pay.statuses() == ["conflicted"] and self.pay.frozen()

    def is_finished(self):
        return set(self.pay.statuses() + self.pay.statuses("sweep")) <= {"confirmed", "cancelled"}

    def end(self):
        for _ in range(3):
            self.block()
            self.task("pay")
        wait(lambda: self.run("pay") == 0 and self.is_finished() or self.block())  # what was sent late wants blocks
        self.task("audit")
        assert "clean" in self.output or self.fault
        assert self.pay.frozen() is None
        self.pay.check_paid(self.received, self.owed)

    def forget_payouts(self):
        """The database is as it was before them, as after a restoration."""
        pay, n = self.pay, self.pay.network
        mine = "(SELECT id FROM payout WHERE network = %s)"
        for sql in ("DELETE e FROM entry e JOIN journal j ON j.id = e.journal_id WHERE j.network = %s"
                    " AND (j.kind LIKE 'payment%%' OR j.kind LIKE 'sweep%%')",
                    "DELETE FROM journal WHERE network = %s AND (kind LIKE 'payment%%' OR kind LIKE 'sweep%%')",
                    f"DELETE FROM payout_item WHERE payout_id IN {mine}",
                    f"DELETE FROM payout_input WHERE payout_id IN {mine}",
                    "DELETE FROM payout WHERE network = %s",
                    "INSERT INTO payout_freeze (network, frozen, reason) VALUES (%s, TRUE, 'restored')"):
            pay.query(sql, n)
        for (account,) in pay.query("SELECT id FROM account WHERE network = %s", n):
            pay.query("CALL correct_balance(%s)", account)


# --- on litecoind ---


class OldWallet:
    """Passes calls on to a wallet, but knows only what wallets of long ago did."""

    GONE = {"getaddressinfo", "signrawtransactionwithwallet", "testmempoolaccept"}

    def __init__(self, url, user, password):
        token = base64.b64encode(f"{user}:{password}".encode()).decode()

        def forward(method, call):
            body = json.dumps(call | {"method": method}).encode()
            request = urllib.request.Request(url, body, {"Authorization": f"Basic {token}"})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.read()
            except urllib.error.HTTPError as error:
                return error.read()

        def answer(call):
            if call["method"] in self.GONE:
                return json.dumps({"id": call["id"], "result": None,
                                   "error": {"code": -32601, "message": "Method not found"}}).encode()
            if call["method"] == "signrawtransaction":
                return forward("signrawtransactionwithwallet", call)
            reply = forward(call["method"], call)
            if call["method"] == "validateaddress" and b'"isvalid":true' in reply:
                return forward("getaddressinfo", call).replace(b'"ismine"', b'"isvalid":true,"ismine"')
            return reply

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize, disable_nagle_algorithm = -1, True

            def do_POST(self):
                calls = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = (b"[" + b",".join(answer(call) for call in calls) + b"]"
                        if isinstance(calls, list) else answer(calls))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class OnLitecoin(Story):
    old = False

    def __init__(self, stage, program, fault=None):
        super().__init__(program, fault)
        self.nodes, self.name = stage.nodes, f"story-{uuid.uuid4().hex[:8]}"
        self.nodes.pool.rpc("createwallet", self.name, False, False, "", False, None, False)
        self.home = self.own("getnewaddress")
        for amount in (3, 2):
            self.nodes.own("sendtoaddress", self.home, amount)
        self.nodes.mine(1)
        wallet = self.nodes.wallet(self.name)
        self.proxy = OldWallet(*wallet[:2], PASSWORD) if self.old else None
        if self.old:
            wallet = (self.proxy.url, *wallet[1:])
        self.pay = Payments(stage.env, stage.db, stage.folder, wallet, payout_confirmations=2,
                            pool_address=self.home, **self.settings())
        self.received = self.nodes.received

    def settings(self):
        return {}

    def own(self, method, *params):
        return self.nodes.own(method, *params, wallet=self.name)

    def receiver(self):
        return self.nodes.peer.rpc("getnewaddress")

    def block(self):
        self.nodes.mine(1)

    def stop(self):
        if self.proxy:
            self.proxy.stop()
        self.nodes.pool.rpc("unloadwallet", self.name)

    def store_only(self):
        """A payout that nobody has been sent."""
        assert self.run("pay", "payout.store:1:die") == -9
        assert self.pay.statuses() == ["stored"]

    def take_coins(self, blocks):
        """Another transaction of the wallet, which its node comes to know in a block only, takes the payout's
        coins and returns them, less a fee; its id."""
        raw = self.pay.one("SELECT LOWER(HEX(raw)) FROM payout WHERE network = %s", self.pay.network)
        coins = [{"txid": coin["txid"], "vout": coin["vout"]}
                 for coin in self.nodes.pool.rpc("decoderawtransaction", raw)["vin"]]
        value = sum(units(self.nodes.apart.rpc("gettxout", coin["txid"], coin["vout"])["value"]) for coin in coins)
        other = self.nodes.pool.rpc("createrawtransaction", coins, {self.home: round((value - FEE) / COIN, 8)})
        txid = self.nodes.apart.rpc("sendrawtransaction", self.own("signrawtransactionwithwallet", other)["hex"])
        self.nodes.mine(blocks, node=self.nodes.apart)
        self.nodes.join(self.nodes.apart)
        return txid

    def book(self, txid):
        """What the operator does about the fee: the pool bears it."""
        entries = [["mature", "", str(FEE)], ["network_fee", "", str(-FEE)]]
        self.pay.post(("mature", "", -COIN), ("pool_fee", "", COIN))
        self.pay.query("START TRANSACTION")
        self.pay.query("CALL post_journal(%s, 'adjustment', %s, 'a test', %s)", self.pay.network, txid,
                       json.dumps(entries))
        self.pay.query("COMMIT")


class UnknownConflict(OnLitecoin):
    """The wallet never knew the payout; the operator gives back what it took."""

    claims = r"pay_bitcoin\.spent|freeze\.set|payout\.mark_conflicted"

    def tell(self):
        self.nodes.join(self.nodes.apart)
        self.owe(COIN)
        self.store_only()
        txid = self.take_coins(blocks=1)
        self.task("pay", until=self.is_conflicted)
        self.block()
        self.pay.penstockctl("payouts", "cancel", self.pay.payouts()[0][0], "--reason", "a test")
        self.book(txid)
        self.thaw_after_audit()
        self.task("pay", until=lambda: "sent" in self.pay.statuses())
        self.end()
        assert self.pay.statuses().count("cancelled") == 1 and len(self.pay.statuses()) == 2


class KnownConflict(OnLitecoin):
    """The wallet knows; payouts are thawed by force, and the task gives back what it took."""

    claims = r"payout\.(cancel\w*|status_is)|posting\.posted"

    def tell(self):
        self.nodes.join(self.nodes.apart)
        self.owe(COIN)
        self.store_only()
        self.pay.run()
        txid = self.take_coins(blocks=2)
        wait(lambda: self.run("pay") == 1)
        assert self.is_conflicted()
        self.thaw("--force")
        self.book(txid)
        self.task("pay", until=lambda: "sent" in self.pay.statuses())
        self.end()
        assert self.pay.statuses().count("cancelled") == 1 and len(self.pay.statuses()) == 2


class Sweep(OnLitecoin):
    """What the wallet holds above its cap goes to the cold one."""

    claims = (r"payout\.(sweeping|books|insert\w*|store|mark_sent|confirm\w*|status_is|set_confirmations|read|open"
              r"|coins)|posting\.posted|pay_bitcoin\.(change|mine|create|fund|values|sign|accept|lock|broadcast)"
              r"|pay\.(funds|look|fit|seen|locked)|freeze\.read")

    def settings(self):
        self.cold = self.nodes.peer.rpc("getnewaddress")
        return {"sweep_address": self.cold, "hot_wallet_max": 2 * COIN}

    def tell(self):
        self.owe(COIN)
        self.pay.post(("mature", "", -4 * COIN), ("pool_fee", "", 4 * COIN))
        self.task("pay", until=lambda: self.pay.payouts("sweep"))
        self.end()
        ((_, _, _, amount, fee, _),) = self.pay.payouts("sweep")
        assert amount > COIN and self.received(self.cold) == amount - fee
        assert self.pay.account("cold") == -(amount - fee) and len(self.pay.payouts()) == 1


class WalletOfOld(OnLitecoin):
    claims = r"pay_bitcoin\.(mine_old|sign_old|accept)|holdings\.ask"
    old = True

    def tell(self):
        self.owe(COIN)
        self.owe(COIN + 1)
        self.task("pay", until=lambda: self.pay.statuses() == ["sent"])
        self.end()
        assert self.pay.statuses() == ["confirmed"]


class Restored(OnLitecoin):
    """The database lacks payments that the wallet has made."""

    claims = (r"find_payouts\.\w+|sent\.(since|known)|holdings\.ask|payout\.(insert\w*|lock_balance|read_balance|store"
              r"|confirm\w*)|posting\.posted")

    def settings(self):
        return Sweep.settings(self)

    def tell(self):
        self.owe(COIN)
        self.owe(COIN + 1)
        self.pay.post(("mature", "", -2 * COIN), ("pool_fee", "", 2 * COIN))
        self.pay.run()
        self.block()
        made = len(self.pay.payouts("sweep"))
        self.forget_payouts()
        self.task("find-payouts")
        self.task("pay")
        self.block()
        self.task("pay")
        self.thaw_after_audit()
        self.end()
        assert made == len(self.pay.payouts("sweep")) == len(self.pay.payouts()) == 1


# --- with a wallet that only sends ---


class OnBiblepay(Story):
    def __init__(self, stage, program, fault=None):
        super().__init__(program, fault)
        name = f"wallet-{uuid.uuid4().hex[:8]}"
        self.wallet = Wallet(stage.env, stage.folder, name)
        self.pay = Biblepay(stage.env, stage.db, stage.folder, (self.wallet.url, "pool", self.wallet.password_file),
                            payout_confirmations=2, **self.settings())
        self.wallet.control(own=address(99))  # the pool's
        self.received = received(self.wallet)

    def settings(self):
        return {}

    def receiver(self):
        return address_of(uuid.uuid4().bytes + bytes(4))  # no other network's

    def block(self):
        self.wallet.control(new_blocks=1)

    def stop(self):
        self.wallet.stop()

    def pay_until(self, true):
        """With the fault until it has struck: one that keeps the wallet from answering would do so for ever."""
        fault = self.fault

        def once():
            if self.task("pay") != 0:
                self.fault = None
            return true()

        wait(once)
        self.fault = fault


class Revived(OnBiblepay):
    """A conflict that a reorganisation undoes."""

    claims = r"payout\.(un)?mark_conflicted|freeze\.set"

    def tell(self):
        self.owe(COIN)
        self.pay_until(lambda: self.pay.statuses() == ["sent"])
        txid = self.pay.payouts()[0][2]
        self.wallet.control(conflict=txid)
        self.task("pay", until=self.is_conflicted)
        self.wallet.control(reinstate=txid)
        self.task("pay", until=lambda: self.pay.statuses() == ["sent"])
        self.thaw_after_audit()
        self.end()
        assert self.pay.statuses() == ["confirmed"]


class Refused(OnBiblepay):
    """The wallet will not send, and what it was to send is given back; later it does."""

    claims = (r"payout\.(cancel\w*|status_is|begin_attempt|note_answer|note_search|address)|pay_biblepay\.\w+"
              r"|pay\.attempt")

    def tell(self):
        self.owe(COIN)
        self.wallet.control(fee=2 * COIN)  # more than the amount
        self.pay_until(lambda: "cancelled" in self.pay.statuses())
        self.wallet.control(fee=226)
        self.pay_until(lambda: "sent" in self.pay.statuses())
        self.end()


class SweepBySending(OnBiblepay):
    claims = (r"payout\.(fee|fee_is|received|set_fee|mark_found|begin_attempt|address|sweeping|books|insert"
              r"|insert_items|store|confirm\w*)|pay\.attempt|pay_biblepay\.send|posting\.posted")

    def settings(self):
        return {"sweep_address": address(50), "hot_wallet_max": 99990 * COIN}

    def tell(self):
        self.owe(COIN)
        self.pay.post(("mature", "", -100 * COIN), ("pool_fee", "", 100 * COIN))
        self.task("pay", until=lambda: self.pay.payouts("sweep"))
        self.end()
        ((_, _, _, amount, fee, _),) = self.pay.payouts("sweep")
        assert fee == 226 and amount > 5 * COIN and self.received(address(50)) == amount - fee
        assert self.pay.account("cold") == -(amount - fee) and len(self.pay.payouts()) == 1


class WrongBalance(OnBiblepay):
    """Somebody's cached balance is above what is owed."""

    claims = r"payout\.(correct_balance|balance|candidates|day|lock_balance|read_balance)|pay\.validity"

    def settings(self):
        return {"minimum_payout": 5 * COIN}

    def tell(self):
        wrong, _ = self.owe(4 * COIN), self.owe(6 * COIN)
        self.pay.query("UPDATE account SET balance = %s WHERE miner_id = %s", 20 * COIN, wrong)
        self.task("pay", until=lambda: self.pay.balance(wrong) == 4 * COIN)
        self.pay.owe(wrong, 2 * COIN)
        self.owed[wrong] = 6 * COIN
        self.task("pay", until=lambda: len(self.pay.payouts()) == 2)
        self.end()
        assert self.pay.statuses() == ["confirmed"] * 2


class RestoredBySending(OnBiblepay):
    claims = r"find_payouts\.\w+|sent\.\w+|holdings\.ask|payout\.(store|insert|insert_items)|posting\.posted"

    def tell(self):
        self.owe(COIN)
        self.owe(COIN + 1)
        self.pay_until(lambda: self.pay.statuses() == ["sent"] * 2)
        self.block()
        self.forget_payouts()
        self.task("find-payouts")
        self.task("pay")
        self.task("pay")
        self.thaw_after_audit()
        self.end()
        assert len(self.pay.payouts()) == 2


class Audited(OnBiblepay):
    """It finds a difference, which is put right."""

    claims = r"(audit|books)\.\w+|sent\.(since|known)|holdings\.ask|freeze\.set"

    def tell(self):
        miner = self.owe(COIN)
        self.pay_until(lambda: self.pay.statuses() == ["sent"])
        self.task("audit")
        self.pay.query("UPDATE account SET balance = balance + 1 WHERE miner_id = %s", miner)
        self.task("audit", status=1, until=self.pay.frozen)
        assert "audit: " in self.pay.frozen()
        self.pay.query("UPDATE account SET balance = balance - 1 WHERE miner_id = %s", miner)
        self.thaw_after_audit()
        self.end()
        assert self.pay.one("SELECT COUNT(*) FROM payout_freeze WHERE network = %s", self.pay.network) == 2


STORIES = (UnknownConflict, KnownConflict, Sweep, WalletOfOld, Restored, Revived, Refused, SweepBySending,
           WrongBalance, RestoredBySending, Audited)


def claimed(story):
    return [point for point in points.in_task_sources() if re.fullmatch(story.claims, point)]


def cases():
    return [(story, point, kind) for story in STORIES for point, kind in points.cases(claimed(story))]


def name(part):
    return part if isinstance(part, str) else part.__name__


class Stage:
    pass


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    yield made
    made.stop()


@pytest.fixture
def tell(env, db, nodes, tmp_path, fault_program):  # noqa: F811
    """tell(STORY, FAULT) plays it; what it played."""
    stage = Stage()
    stage.env, stage.db, stage.nodes, stage.folder = env, db, nodes, tmp_path
    played = []

    def play(kind, fault=None):
        played.append(kind(stage, fault_program, fault))
        played[-1].tell()
        return played[-1]

    yield play
    for story in played:
        story.stop()


# --- that nothing is left out ---


def test_every_point_of_the_tasks_is_in_a_story():
    """What these four files claim; that they pass it they show themselves."""
    named = {point for story in STORIES for point in claimed(story)}
    named |= set(test_pay_faults.ours(test_pay_faults.SENDING)) | set(test_pay_faults.ours(test_pay_faults.BUILDING))
    named |= set(test_task_faults.ours()) | set(test_share_out_faults.ours())
    assert set(points.in_task_sources()) - named == set()


@pytest.mark.parametrize("story", STORIES, ids=name)
def test_a_story_passes_its_points(tell, tmp_path, story):
    trace = tmp_path / "trace"
    tell(story, f"trace:{trace}")
    assert set(claimed(story)) - set(trace.read_text().split()) == set()
    assert claimed(story)


# --- the faults ---


def survive(tell, story, point, kind):
    told = tell(story, f"{point}:1:{kind}")
    assert told.struck or kind != "die", f"{point} is not reached"


@pytest.mark.parametrize("story, point, kind", points.sample(cases(), SAMPLE), ids=name)
def test_a_sample_of_faults(tell, story, point, kind):
    survive(tell, story, point, kind)


@pytest.mark.long
@pytest.mark.parametrize("story, point, kind", cases(), ids=name)
def test_fault(tell, story, point, kind):
    survive(tell, story, point, kind)
