"""pay fails at each of its calls to database and wallet in every way: it dies behind it, the answer comes
too late, it happens twice, it does not happen (common/base/fault.h). The runs after that must pay
every debt exactly once, by the chain and by the books."""

import re

import pytest

import victim  # noqa: F401  # which adds the folder tests/chaos

import points
from biblepay import Wallet
from paying import COIN, Nodes, Payments, fault_program, wait  # noqa: F401
from test_pay_biblepay import Biblepay, address, received, sent

SAMPLE = 8
# What pay passes only for a wallet that builds, only for one that sends, or in neither case here (that is
# in test_money_faults.py): old wallets, conflicts, cancelled payouts.
SENDING = re.compile(r"pay_biblepay\..*|payout\.(mark_found|begin_attempt|note_search|set_fee|fee|fee_is|received"
                     r"|address|note_answer)|pay\.attempt")
BUILDING = re.compile(r"pay_bitcoin\..*|payout\.(mark_sent|coins|sweeping|books)")
RARE = re.compile(r"pay_bitcoin\.(mine_old|sign_old|spent)|freeze\.set"
                  r"|payout\.((un)?mark_conflicted|cancel\w*|correct_balance)")
OURS = re.compile(r"(pay|payout|pay_bitcoin|pay_biblepay|posting|freeze)\..*")


def ours(leave_out):
    return [point for point in points.in_task_sources() if OURS.fullmatch(point)
            and not leave_out.fullmatch(point) and not RARE.fullmatch(point)
            and not point.startswith("posting.block")]


def cases(leave_out):
    return points.cases(ours(leave_out))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    made.pool.rpc("createwallet", "crypt", False, False, "open sesame", False, None, True)
    for _ in range(3):
        made.own("sendtoaddress", made.own("getnewaddress", wallet="crypt"), 600)
    made.mine(1)
    yield made
    made.stop()


@pytest.fixture
def pay(env, db, nodes, tmp_path):
    """A network whose wallet is encrypted, so that every call there is gets made."""
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("open sesame\n")

    def new():
        nodes.own("walletlock", wallet="crypt")  # which a fault may have kept from being done
        made = Payments(env, db, tmp_path, nodes.wallet("crypt"), label="w-faults",
                        wallet_settings=f"passphrase_file = {secret}", payout_confirmations=2,
                        sweep_address=nodes.address, hot_wallet_max=1)
        return made, {made.owed(COIN + i, nodes.peer.rpc("getnewaddress")): COIN + i for i in range(2)}

    return new


# --- the points ---


def test_every_call_is_a_fault_point():
    assert [line for line in points.uncovered(points.FOLDERS + points.TASK_FOLDERS)] == []


def test_the_program_lists_its_points(fault_program):  # noqa: F811
    listed = points.in_program(fault_program)
    assert set(points.in_task_sources()) <= set(listed) and len(ours(RARE)) > 40
    assert set(ours(RARE)) <= set(points.calls_in_program(fault_program))


def test_paying_passes_its_points(pay, nodes, fault_program, tmp_path):  # noqa: F811
    pay, _ = pay()
    trace = tmp_path / "trace"
    for _ in range(3):  # paid, seen in a block, confirmed
        pay.run(program=fault_program, fault=f"trace:{trace}")
        nodes.mine(1)
    assert set(ours(SENDING)) - set(trace.read_text().split()) == set()


def test_sending_passes_its_points(biblepay, fault_program, tmp_path):  # noqa: F811
    pay, _, wallet = biblepay()
    trace = tmp_path / "trace"
    wallet.control(mode="before", method="sendtoaddress", times=1)

    def sent():
        pay.run(program=fault_program, fault=f"trace:{trace}", expect=None)
        return set(pay.statuses()) == {"sent"}

    wait(sent)
    for _ in range(3):
        pay.run(program=fault_program, fault=f"trace:{trace}")
        wallet.control(new_blocks=1)
    assert set(ours(BUILDING)) - set(trace.read_text().split()) == set()


# --- what they do ---


def fail_once(pay, owed, program, point, kind, passing):
    """Runs pay until the fault has struck; True when it has. A run that dies ends by a signal, the
    others by whatever they make of it."""
    for _ in range(3):
        marks = pay.run(program=program, fault=f"{point}:{passing}:{kind}", expect=None)
        if kind == "die" and marks == -9:
            return True
        if kind != "die" and marks != 0:
            return True
    return False


def survive(pay, nodes, program, point, kind, passing=1):
    pay, owed = pay()
    for stage in range(3):  # to be paid, to be seen in a block, paid
        struck = fail_once(pay, owed, program, point, kind, passing)
        for _ in range(2):
            wait(lambda: pay.run(expect=None) == 0)
        nodes.mine(1)
        if struck:
            break
    nodes.mine(2)
    wait(lambda: pay.run(expect=None) == 0)
    assert pay.frozen() is None
    pay.check_paid(nodes.received, owed)
    assert len(pay.payouts()) == 1
    return struck


# --- the same with a wallet that only sends ---


@pytest.fixture
def biblepay(env, db, tmp_path):
    """pay, owed and wallet of a network whose stand-in wallet is encrypted."""
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("open sesame\n")
    wallets = []

    def new():
        wallets.append(Wallet(env, tmp_path, f"wallet-{len(wallets)}"))
        wallets[-1].control(passphrase="open sesame")
        pay = Biblepay(env, db, tmp_path, (wallets[-1].url, "pool", wallets[-1].password_file),
                       wallet_settings=f"passphrase_file = {secret}", payout_confirmations=2)
        return pay, {pay.owed(COIN + i, address(i)): COIN + i for i in range(2)}, wallets[-1]

    yield new
    for wallet in wallets:
        wallet.stop()


def survive_sending(new, program, point, kind, passing=1):
    pay, owed, wallet = new()
    struck = False
    if point == "payout.note_search":
        wallet.control(mode="before", method="sendtoaddress", times=1)
    if point in ("pay_biblepay.search", "payout.note_answer"):
        wallet.control(mode="down", method="sendtoaddress", times=1)
    for _ in range(3):  # to be sent, to be seen in a block, to be confirmed
        struck = struck or fail_once(pay, owed, program, point, kind, passing)
        wait(lambda: pay.run(expect=None) == 0 and "intent" not in pay.statuses())
        wallet.control(new_blocks=1)
    wait(lambda: pay.run(expect=None) == 0 and set(pay.statuses()) == {"confirmed"})
    assert pay.frozen() is None
    pay.check_paid(received(wallet), owed)
    assert len(sent(wallet)) == 2
    return struck


# --- some in every run, all of them in the long one ---


def must_strike(point, kind, passing=1):
    return kind == "die" and passing == 1 and point != "payout.note_search"


def test_a_sample_of_faults(pay, nodes, fault_program):  # noqa: F811
    for point, kind in points.sample(cases(SENDING), SAMPLE):
        print(f"{point}:{kind}", flush=True)
        struck = survive(pay, nodes, fault_program, point, kind)
        assert struck or not must_strike(point, kind), f"{point} is not reached"


def test_a_sample_of_faults_while_sending(biblepay, fault_program):  # noqa: F811
    for point, kind in points.sample(cases(BUILDING), SAMPLE):
        print(f"{point}:{kind}", flush=True)
        struck = survive_sending(biblepay, fault_program, point, kind)
        assert struck or not must_strike(point, kind), f"{point} is not reached"


@pytest.mark.long
@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point, kind", cases(SENDING))
def test_fault(pay, nodes, fault_program, point, kind, passing):  # noqa: F811
    struck = survive(pay, nodes, fault_program, point, kind, passing)
    assert struck or not must_strike(point, kind, passing), f"{point} is not reached"


@pytest.mark.long
@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point, kind", cases(BUILDING))
def test_fault_while_sending(biblepay, fault_program, point, kind, passing):  # noqa: F811
    struck = survive_sending(biblepay, fault_program, point, kind, passing)
    assert struck or not must_strike(point, kind, passing), f"{point} is not reached"
