"""The task pay with a wallet that only knows sendtoaddress: an intent is written down, the wallet told to
send, and searched by the intent's comment before anything is sent again."""

import os
import signal
import subprocess
import threading
import time

import pytest

from backend_conf import BIBLEPAY
from biblepay import Wallet, address_of
from conftest import suspend
from paying import COIN, Payments, fault_program, wait  # noqa: F401

SETTLE = 1


def address(number=1):
    return address_of(number.to_bytes(20, "big"))


class Biblepay(Payments):
    base = {"minimum_payout": 100000, "payout_fee_max": 50000, "payout_confirmations": 3,
            "payout_settle_s": SETTLE}

    def families(self):
        self.settings = BIBLEPAY | {"base58_length": 34, "pool_address": address(99)} | self.settings


@pytest.fixture
def wallet(env, tmp_path):
    made = Wallet(env, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def payments(env, db, tmp_path, wallet):
    return lambda **settings: Biblepay(env, db, tmp_path, (wallet.url, wallet.user, wallet.password_file),
                                       **settings)


def impatient(pay):
    """Its calls may time out now, on a busy machine those too that are not meant to: then it runs again."""
    pay.wallet_timeout_ms = 1000
    pay.write()
    return pay


def sent(wallet):
    """What the wallet has sent: (address, comment, base units that arrive), oldest first."""
    listed = wallet.rpc("listtransactions", "*", 1000, 0)["result"]
    return [(tx["address"], tx["comment"], round(-tx["amount"] * COIN)) for tx in listed]


def received(wallet):
    return lambda to: sum(amount for address, _, amount in sent(wallet) if address == to)


def settle(pay, until=lambda statuses: "intent" not in statuses):
    """Runs pay until no intent is left."""
    wait(lambda: pay.run(expect=None) in (0, 75) and until(pay.statuses()))


def finish(pay, wallet, owed):
    settle(pay)
    wallet.control(new_blocks=3)
    wait(lambda: pay.run(expect=None) == 0)
    assert pay.frozen() is None
    pay.check_paid(received(wallet), owed)
    assert len(sent(wallet)) == len(owed)


# --- a payment ---


@pytest.mark.parametrize("payer", ["receiver", "pool"])
def test_one_payment_each(wallet, payments, payer):
    pay = payments(payout_fee_payer=payer)
    owed = {pay.owed(amount, address(i)): amount for i, amount in enumerate((3 * COIN, 2 * COIN + 1))}
    pay.run()
    assert pay.statuses() == ["sent"] * 2
    assert {comment for _, comment, _ in sent(wallet)} == {row[0] for row in pay.payouts()}
    assert [row[4] for row in pay.payouts()] == [None, None]  # nobody knows the fee yet
    pay.run()
    assert [row[4] for row in pay.payouts()] == [226, 226]
    assert pay.account("network_fee") == (0 if payer == "receiver" else -452)
    arrives = sorted(amount for _, _, amount in sent(wallet))
    assert arrives == sorted(a - (226 if payer == "receiver" else 0) for a in owed.values())
    wallet.control(new_blocks=2)
    pay.run()
    assert pay.statuses() == ["sent"] * 2 and pay.payouts()[0][5] == 2
    finish(pay, wallet, owed)


def test_a_dry_run_sends_nothing(wallet, payments):
    pay = payments()
    pay.owed(COIN, address())
    pay.run("--dry-run")
    assert pay.payouts() == () and sent(wallet) == [] and "would pay" in pay.output


def test_an_address_of_another_chain_is_skipped(wallet, payments):
    pay = payments(payout_miners_max=1)
    bad = pay.owed(COIN, "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe")
    good = pay.owed(COIN, address())
    pay.run()
    assert pay.balance(bad) == COIN and pay.balance(good) == 0


def test_an_orphaned_payment_is_followed(wallet, payments):
    pay = payments()
    owed = {pay.owed(COIN, address()): COIN}
    pay.run()
    wallet.control(new_blocks=2)
    pay.run()
    assert pay.payouts()[0][5] == 2
    wallet.control(height=100)
    pay.run()
    assert pay.payouts()[0][5] == 0 and pay.statuses() == ["sent"]
    finish(pay, wallet, owed)


@pytest.mark.parametrize("what", ["conflict", "forget"])
def test_a_payment_that_is_gone_freezes(wallet, payments, what):
    pay = payments()
    pay.owed(COIN, address())
    pay.run()
    wallet.control(**{what: pay.payouts()[0][2]})
    pay.run(expect=1)
    assert pay.frozen() and len(sent(wallet)) == (1 if what == "conflict" else 0)
    pay.owed(COIN, address(2))
    pay.run(expect=None)
    assert len(pay.payouts()) == 1


def test_a_conflict_that_a_human_has_seen_is_given_back(wallet, payments):
    pay = payments(payout_confirmations=1)
    miner = pay.owed(COIN, address())
    pay.run()
    wallet.control(conflict=pay.payouts()[0][2])
    pay.run(expect=1)
    pay.run()
    assert pay.statuses() == ["conflicted"] and pay.balance(miner) == 0
    pay.penstockctl("payouts", "thaw", "--network", pay.network, "--reason", "seen", "--force")
    pay.run()
    assert pay.statuses()[0] == "cancelled"
    pay.run()
    assert pay.statuses() == ["cancelled", "sent"] and pay.balance(miner) == 0
    assert pay.account("in_flight") == COIN
    pay.check_books()


def test_a_conflict_is_cancelled_while_frozen(wallet, payments):
    pay = payments(payout_confirmations=1)
    miner = pay.owed(COIN, address())
    pay.run()
    number, _, txid = pay.payouts()[0][:3]
    wallet.control(conflict=txid)
    pay.run(expect=1)
    said = pay.penstockctl("payouts", "cancel", number, "--reason", "seen")
    assert "another transaction has spent its coins (confirmations: 1)" in said and "1.00000000 given back" in said
    assert pay.statuses() == ["cancelled"] and pay.balance(miner) == COIN
    pay.run()
    assert pay.statuses() == ["cancelled"] and "frozen" in pay.output
    pay.check_books()


def test_an_encrypted_wallet(wallet, payments, tmp_path):
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("open sesame\n")
    wallet.control(passphrase="open sesame")
    pay = payments()
    pay.path.write_text(pay.path.read_text() + f"passphrase_file = {secret}\n")
    owed = {pay.owed(COIN, address()): COIN}
    pay.run()
    assert wallet.rpc("getwalletinfo")["result"]["unlocked_until"] == 0
    finish(pay, wallet, owed)


def test_a_sweep(wallet, payments):
    pay = payments(sweep_address=address(50), hot_wallet_max=99990 * COIN)
    pay.post(("mature", "", -100 * COIN), ("pool_fee", "", 100 * COIN))
    pay.run()
    assert pay.statuses("sweep") == ["sent"] and received(wallet)(address(50)) == 10 * COIN - 226
    wallet.control(new_blocks=3)
    pay.run()
    pay.run()
    assert pay.statuses("sweep") == ["confirmed"] and pay.account("in_flight") == 0
    assert pay.account("cold") == -(10 * COIN - 226) and pay.account("mature") == -90 * COIN
    pay.check_books()


# --- a wallet that misbehaves ---


SENT = ["down", "slow", "half", "types", "twice", "failed"]  # and has sent
NOT_SENT = ["before", "http500", "garbage", "warmup"]


@pytest.mark.parametrize("mode", SENT + NOT_SENT)
def test_an_unclear_answer_is_paid_once(wallet, payments, mode):
    pay = impatient(payments())
    owed = {pay.owed(COIN, address()): COIN}
    wallet.control(mode=mode, method="sendtoaddress", delay_ms=3000, times=1)
    wait(lambda: pay.run(expect=None) is not None and pay.payouts())
    assert len(sent(wallet)) == (1 if mode in SENT else 0)
    assert pay.balance(*owed) == 0
    finish(pay, wallet, owed)


def test_it_answers_too_late_at_every_run(wallet, payments):
    """Purepool paid again each time."""
    pay = impatient(payments())
    owed = {pay.owed(COIN, address()): COIN}
    wallet.control(mode="slow", method="sendtoaddress", delay_ms=3000)
    wait(lambda: pay.run(expect=None) is not None and pay.payouts())
    for _ in range(3):
        pay.run(expect=None)
    assert len(sent(wallet)) == 1
    wallet.control(mode="ok")
    finish(pay, wallet, owed)


def test_a_request_that_waits_inside_the_wallet_is_not_repeated(wallet, payments):
    pay = payments(payout_settle_s=3600)
    owed = {pay.owed(COIN, address()): COIN}
    wallet.control(mode="late", method="sendtoaddress", delay_ms=3600000, times=1)
    pay.run(expect=75)
    pay.run()
    assert sent(wallet) == [] and pay.statuses() == ["intent"]  # not found, and not sent again
    wallet.control(delay_ms=0)
    finish(pay, wallet, owed)


def test_a_wallet_that_stood_still(wallet, payments):
    """SIGSTOP: the request lies in its socket, and is done as soon as it goes on."""
    pay = impatient(payments())
    owed = {pay.owed(COIN, address()): COIN}

    def stop_at_send():
        while not pay.statuses():
            time.sleep(0.002)
        suspend(wallet.process.pid)

    watcher = threading.Thread(target=stop_at_send, daemon=True)
    watcher.start()
    wait(lambda: pay.run(expect=None) is not None and not watcher.is_alive())
    time.sleep(SETTLE + 0.5)
    pay.run(expect=75)  # the wallet is silent: nothing is known
    os.kill(wallet.process.pid, signal.SIGCONT)
    wallet.state()  # an answer: it has done what lay in its sockets before
    finish(pay, wallet, owed)


def test_a_wallet_that_sends_twice_freezes(wallet, payments):
    pay = payments()
    pay.owed(COIN, address())
    wallet.control(mode="double", method="sendtoaddress", times=1)
    pay.run()
    assert len(sent(wallet)) == 2
    # The wallet has told the second one's id; who looks at the comment sees both.
    pay.query("UPDATE payout SET status = 'intent', txid = NULL WHERE network = %s", pay.network)
    pay.run(expect=1)
    assert "has sent it 2 times" in pay.frozen()


def test_no_funds_is_given_back(wallet, payments):
    pay = payments()
    miner = pay.owed(COIN, address())
    pay.run("--dry-run")
    wallet.control(balance=COIN // 2)
    pay.run()
    assert pay.payouts() == () and pay.balance(miner) == COIN and "pay.funds" in pay.output


def test_a_refusal_is_searched_for_and_given_back(wallet, payments):
    pay = payments()
    miner = pay.owed(COIN, address())
    wallet.control(fee=2 * COIN)  # more than the amount: the wallet refuses
    pay.run()
    assert pay.statuses() == ["intent"] and "pay.refused" in pay.output and pay.balance(miner) == 0
    settle(pay, lambda statuses: statuses[0] == "cancelled")
    assert sent(wallet) == []
    pay.check_books()
    wallet.control(fee=226)
    settle(pay, lambda statuses: statuses[-1] == "sent")
    wallet.control(new_blocks=3)
    settle(pay, lambda statuses: statuses[-1] == "confirmed")
    pay.check_paid(received(wallet), {miner: COIN})


def test_an_intent_that_a_restored_backup_calls_new_is_not_sent_again(wallet, payments):
    pay = payments()
    owed = {pay.owed(COIN, address()): COIN}
    pay.run()
    pay.query("UPDATE payout SET status = 'intent', txid = NULL, attempts = 0, attempted_at = NULL"
              " WHERE network = %s", pay.network)
    pay.run()
    assert pay.statuses() == ["sent"]
    finish(pay, wallet, owed)


def test_a_search_that_is_not_answered_repeats_nothing(wallet, payments):
    pay = payments()
    owed = {pay.owed(COIN, address()): COIN}
    wallet.control(mode="down", method="sendtoaddress", times=1)
    pay.run(expect=75)
    for mode in ("types", "garbage", "half", "http500"):
        wallet.control(mode=mode, method="listtransactions", times=0)
        pay.run(expect=75)
        assert len(sent_quietly(wallet)) == 1
    finish(pay, wallet, owed)


def sent_quietly(wallet):
    wallet.control(mode="ok")
    return sent(wallet)


def test_the_search_pages_back_to_the_intent(wallet, payments):
    pay = payments()
    owed = {pay.owed(COIN, address()): COIN}
    wallet.control(mode="down", method="sendtoaddress", times=1)
    pay.run(expect=75)
    for i in range(230):
        wallet.rpc("sendtoaddress", address(1000 + i), "1.0", f"another-{i}", "", False)
    pay.run()
    assert pay.statuses() == ["sent"]
    wallet.control(new_blocks=3)
    pay.run()
    pay.check_paid(received(wallet), owed)


def test_two_runs_at_once(wallet, payments):
    pay = payments()
    owed = {pay.owed(COIN, address(i)): COIN for i in range(3)}
    runs = [subprocess.Popen(pay.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [run.wait(300) for run in runs] == [0] * 4
    finish(pay, wallet, owed)
