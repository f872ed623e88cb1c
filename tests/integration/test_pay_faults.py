"""pay fails at each of its calls to database and wallet in every way: it dies behind it, the answer comes
too late, it happens twice, it does not happen (common/base/fault.h). The runs after that must pay
every debt exactly once, by the chain and by the books."""

import random
import re

import pytest

import victim  # noqa: F401  # which adds the folder tests/chaos

import points
from paying import COIN, Nodes, Payments, fault_program, wait  # noqa: F401

KINDS = ("die", "timeout", "error", "twice")
ONCE = {"pay_biblepay.send"}  # which common/rpc never sends twice
SAMPLE = 8
# What pay passes only for a wallet that builds, only for one that sends, or in neither case here: old
# wallets, conflicts, cancelled payouts.
SENDING = re.compile(r"pay_biblepay\..*|payout\.(mark_found|begin_attempt|note_search|set_fee|fee|received"
                     r"|address|note_answer)|pay\.attempt")
BUILDING = re.compile(r"pay_bitcoin\..*|payout\.mark_sent|pay\.(un|re)lock")
RARE = re.compile(r"pay_bitcoin\.(mine_old|sign_old|spent)|freeze\.set"
                  r"|payout\.((un)?mark_conflicted|cancel\w*|correct_balance|note_answer)")
OURS = re.compile(r"(pay|payout|pay_bitcoin|pay_biblepay|posting|freeze)\..*")


def ours(leave_out):
    return [point for point in points.in_task_sources() if OURS.fullmatch(point)
            and not leave_out.fullmatch(point) and not RARE.fullmatch(point)
            and not point.startswith("posting.block")]


def cases(leave_out):
    return [(point, kind) for point in ours(leave_out) for kind in KINDS
            if kind != "twice" or point not in ONCE]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    made.pool.rpc("createwallet", "crypt", False, False, "open sesame", False, None, True)
    for _ in range(3):
        made.own("sendtoaddress", made.own("getnewaddress", wallet="crypt"), 100)
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
        made = Payments(env, db, tmp_path, nodes.wallet("crypt"), label="w-faults",
                        wallet_settings=f"passphrase_file = {secret}", payout_confirmations=1,
                        sweep_address=nodes.address, hot_wallet_max=10**15)
        return made, {made.owed(COIN + i, nodes.peer.rpc("getnewaddress")): COIN + i for i in range(2)}

    return new


# --- the points ---


def test_every_call_is_a_fault_point():
    assert [line for line in points.uncovered(points.FOLDERS + points.TASK_FOLDERS)] == []


def test_the_program_lists_its_points(fault_program):  # noqa: F811
    listed = points.in_program(fault_program)
    assert set(points.in_task_sources()) <= set(listed) and len(ours(RARE)) > 40
    assert set(ours(RARE)) <= set(points.calls_in_program(fault_program))


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
    wait(lambda: pay.run(expect=None) == 0)
    assert pay.frozen() is None
    pay.check_paid(nodes.received, owed)
    assert len(pay.payouts()) == 1
    return struck


def test_a_sample_of_faults(pay, nodes, fault_program, seed):  # noqa: F811
    rng = random.Random(seed)
    for point, kind in rng.sample(cases(SENDING), SAMPLE):
        print(f"{point}:{kind}", flush=True)
        struck = survive(pay, nodes, fault_program, point, kind)
        assert struck or kind != "die", f"{point} is not reached"


@pytest.mark.long
@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point, kind", cases(SENDING))
def test_fault(pay, nodes, fault_program, point, kind, passing):  # noqa: F811
    struck = survive(pay, nodes, fault_program, point, kind, passing)
    assert struck or kind != "die" or passing > 1, f"{point} is not reached"
