"""The task audit: each kind of difference is forged as the database's root or by the wallet, found, and
freezes payouts; what is only away or on its way freezes nothing."""

import json
import re
import time
import uuid

import pytest

from conftest import ROOT
from money import COIN, OURS, Chain, Money

TXID = "ab" * 32


class Purse(Chain):
    """A chain whose wallet also says what it holds and has sent."""

    def __init__(self):
        self.held, self.mine, self.sent = 0, True, {}
        super().__init__()

    def send(self, txid, outputs, confirmations=1, fee=0, **more):
        """OUTPUTS: address and amount of each."""
        self.sent[txid] = {"confirmations": confirmations, "fee": -fee, "timereceived": int(time.time()),
                           "details": [{"category": "send", "address": a, "amount": -n} for a, n in outputs],
                           "hex": "00"} | more

    def answer(self, method, params):
        if method == "getaddressinfo":
            return {"ismine": self.mine and params[0] == OURS}
        if method == "getwalletinfo":
            return {"balance": coins(self.held), "unconfirmed_balance": 0, "immature_balance": 0}
        if method == "gettransaction":
            sent = self.sent.get(params[0])
            return KeyError(-5) if sent is None else sent | {
                "fee": coins(sent["fee"]), "details": [d | {"amount": coins(d["amount"])} for d in sent["details"]]}
        if method == "listtransactions":
            rows = [{"txid": txid, "category": d["category"], "timereceived": t["timereceived"]}
                    for txid, t in self.sent.items() for d in t["details"]]
            return rows[max(0, len(rows) - params[1] - params[2]):len(rows) - params[2]]
        return super().answer(method, params)


def coins(units):
    """As a wallet writes it, without going through a float."""
    return f"{'-' if units < 0 else ''}{abs(units) // COIN}.{abs(units) % COIN:08}"


@pytest.fixture
def pool(env, db, tmp_path):
    made = Money(env, db, tmp_path, fee_bp=100)
    chain = Purse()
    made.chain.answer = chain.answer
    chain.blocks = made.chain.blocks
    made.purse = chain
    yield made
    made.query("DELETE FROM audit_run WHERE network = %s", made.network)
    made.query("DELETE FROM share_stats WHERE network = %s", made.network)
    made.close()


def audit(pool, status=0):
    report = json.loads(pool.task("audit", "--json", status=status))
    return report | {name: report[name] and int(report[name]) for name in ("owed", "held", "due")}


def checks(report):
    return {d["check"] for d in report["differences"]}


def frozen(pool):
    rows = pool.query("SELECT frozen, reason FROM payout_freeze WHERE network = %s ORDER BY id DESC", pool.network)
    return rows[0][1] if rows and rows[0][0] else None


def last_run(pool):
    return pool.query("SELECT outcome, owed, held, detail FROM audit_run WHERE network = %s ORDER BY id DESC LIMIT 1",
                      pool.network)[0]


def sum_up(pool):
    """The statistics of all shares, which a worker writes along with them."""
    pool.query("INSERT INTO share_stats (worker_id, minute, network, shares, difficulty) SELECT worker_id,"
               " UNIX_TIMESTAMP(received_at) DIV 60, network, COUNT(*), SUM(difficulty) FROM share"
               " WHERE network = %s GROUP BY 1, 2", pool.network)


def work(pool):
    """A block paid, one assigned and one open; the wallet holds what it should. The paid one's id."""
    one, two = pool.miner(), pool.miner()
    paid = pool.found(100 * COIN)
    pool.shares(one, 3, paid)
    pool.shares(two, 2, paid)
    pool.mature()
    pool.task("share-out")
    assert pool.status(paid) == "finished"
    assigned = pool.found(50 * COIN)
    pool.shares(one, 1, assigned)
    pool.found(50 * COIN, assigned=False)
    sum_up(pool)
    pool.purse.held = 200 * COIN
    return paid


def pay(pool, status="sent", txid=TXID, amount=10 * COIN, fee=1000):
    """A payout as the task makes it, in the books and in the wallet; its id."""
    payout = str(uuid.uuid4())
    (miner, address), = pool.query("SELECT CAST(m.id AS CHAR), m.address FROM miner m JOIN account a ON a.miner_id = m.id"
                                   " WHERE m.network = %s ORDER BY a.balance DESC LIMIT 1", pool.network)
    pool.query("INSERT INTO payout (id, network, status, wallet, txid, amount, fee, fee_payer, confirmed_at)"
               " VALUES (%s, %s, %s, 'scripted', UNHEX(%s), %s, %s, 'receiver', NOW(6))", payout, pool.network,
               status, txid, amount, fee)
    pool.query("INSERT INTO payout_item (payout_id, miner_id, address, amount, received) VALUES (%s, %s, %s, %s, %s)",
               payout, miner, address, amount, amount - fee)
    post(pool, "payment", payout, ["miner", miner, -amount], ["in_flight", "", amount],
         ["network_fee", "", fee], ["network_fee", "", -fee])
    if status == "confirmed":
        post(pool, "payment-confirmed", payout, ["in_flight", "", -amount], ["mature", "", amount])
    pool.purse.send(txid, [(address, amount - fee)], fee=fee)
    pool.purse.held -= amount
    return payout


def post(pool, kind, ref, *entries):
    pool.query("START TRANSACTION")
    pool.query("CALL post_journal(%s, %s, %s, 'test', %s)", pool.network, kind, ref,
               json.dumps([[k, m, str(n)] for k, m, n in entries]))
    pool.query("COMMIT")


# --- clean ---


def test_a_network_without_blocks_is_clean(pool):
    assert "clean" in pool.task("audit")
    report = audit(pool)
    assert (report["outcome"], report["owed"], report["differences"]) == ("clean", 0, [])
    assert last_run(pool)[0] == "clean" and frozen(pool) is None


@pytest.mark.parametrize("status", ["sent", "confirmed"])
def test_a_pool_at_work_is_clean(pool, status):
    work(pool)
    assert audit(pool)["outcome"] == "clean"
    payout = pay(pool, status)
    report = audit(pool)
    assert (report["outcome"], report["payouts"]) == ("clean", 1), (report, payout)
    assert report["owed"] == (200 - (10 if status == "confirmed" else 0)) * COIN
    assert last_run(pool)[:3] == ("clean", report["owed"], pool.purse.held)


def test_more_in_the_wallet_is_no_difference(pool):
    work(pool)
    pool.purse.held += 1
    assert audit(pool)["outcome"] == "clean"


def test_blocks_of_another_installation_are_not_in_the_books(pool):
    pool.chain.add(OURS)
    pool.task("find-blocks", "--mark-processed")
    assert audit(pool)["outcome"] == "clean"


def test_a_dry_run_writes_nothing(pool):
    work(pool)
    pool.purse.held -= 1
    pool.task("audit", "--dry-run", status=1)
    assert frozen(pool) is None
    assert pool.one("SELECT COUNT(*) FROM audit_run WHERE network = %s", pool.network) == 0


# --- differences in the books ---

ACCOUNT = "(SELECT id FROM account WHERE network = %s AND kind = '{}' LIMIT 1)"
ENTRY = ("UPDATE entry e JOIN journal j ON j.id = e.journal_id JOIN account a ON a.id = e.account_id"
         " SET e.amount = e.amount {} WHERE j.network = %s AND j.kind = '{}' AND a.kind = '{}' LIMIT 1")
FORGED = {
    "journal-sum": ["UPDATE entry e JOIN journal j ON j.id = e.journal_id SET e.amount = e.amount + 1"
                    " WHERE j.network = %s AND e.line = 1 AND j.kind = 'share-out'"],
    "journal-network": ["INSERT INTO account (network, kind) VALUES (CONCAT(%s, 'x'), 'unshared')",
                        "UPDATE entry e JOIN journal j ON j.id = e.journal_id JOIN account a ON a.id = e.account_id"
                        " SET e.account_id = (SELECT id FROM account WHERE network = CONCAT(j.network, 'x'))"
                        " WHERE j.network = %s AND a.kind = 'unshared' AND e.amount < 0"],
    "journal-kind": ["UPDATE journal SET kind = 'gift' WHERE network = %s AND kind = 'block-found' LIMIT 1"],
    "network-sum": ["UPDATE account SET balance = balance + 1 WHERE network = %s AND kind = 'pool_fee'"],
    "balance": ["UPDATE account SET balance = balance + 1 WHERE network = %s AND kind = 'miner' LIMIT 1"],
    "account-sign": ["UPDATE entry e JOIN account a ON a.id = e.account_id SET e.amount = -e.amount"
                     " WHERE a.network = %s AND a.kind = 'miner'"],
    "block-books": ["UPDATE block SET subsidy = subsidy + 1 WHERE network = %s AND status = 'open'"],
    "block-unknown": ["UPDATE block SET pool_block = FALSE WHERE network = %s AND status = 'assigned'"],
    "split": ["UPDATE block_split SET fee = fee + 1 WHERE network = %s"],
    "split-fee": ["UPDATE block_split SET fee = fee + 1 WHERE network = %s"],
    "credit": ["UPDATE block_credit c JOIN block_split s ON s.block_id = c.block_id SET c.amount = c.amount + 1"
               " WHERE s.network = %s"],
    "credit-entries": ["DELETE e FROM entry e JOIN journal j ON j.id = e.journal_id JOIN account a ON a.id = e.account_id"
                       " WHERE j.network = %s AND j.kind = 'share-out' AND a.kind = 'miner'"],
    "share-of-block": ["UPDATE share s SET block_id = (SELECT id FROM block b WHERE b.network = s.network"
                       " AND NOT pool_block LIMIT 1) WHERE s.network = %s LIMIT 1"],
    "share-count": ["UPDATE share SET block_id = (SELECT id FROM block b WHERE b.network = share.network"
                    " AND status = 'finished') WHERE network = %s"],
    "roll-up": ["UPDATE share_stats SET shares = shares + 1 WHERE network = %s LIMIT 1"],
    "payout-items": ["UPDATE payout_item i JOIN payout p ON p.id = i.payout_id SET i.received = i.received + 1"
                     " WHERE p.network = %s"],
    "payout-books": ["UPDATE payout SET status = 'confirmed' WHERE network = %s"],
    "payout-credit": ["UPDATE payout_item i JOIN payout p ON p.id = i.payout_id SET i.amount = i.amount - 1"
                      " WHERE p.network = %s"],
    "payout-entries": ["DELETE e FROM entry e JOIN journal j ON j.id = e.journal_id JOIN account a ON a.id = e.account_id"
                       " WHERE j.network = %s AND j.kind = 'payment' AND a.kind = 'miner'"],
    "payout-unknown": ["DELETE i FROM payout_item i JOIN payout p ON p.id = i.payout_id WHERE p.network = %s",
                       "DELETE FROM payout WHERE network = %s"],
}


def test_each_check_of_the_books_is_tried_here():
    source = (ROOT / "backend/ledger/books.c").read_text(encoding="utf-8")
    assert set(re.findall(r'^    \{"([a-z-]+)", \d,', source, re.M)) == set(FORGED)


@pytest.mark.parametrize("check", FORGED)
def test_a_forged_row_is_found_and_freezes_payouts(pool, check):
    work(pool)
    pay(pool)
    assert audit(pool)["outcome"] == "clean"
    try:
        pool.query("SET check_constraint_checks = 0")
        for statement in FORGED[check]:
            pool.query(statement, pool.network)
        report = audit(pool, status=1)
        assert check in checks(report), report
        assert "audit" in frozen(pool)
        outcome, _, _, detail = last_run(pool)
        assert outcome == "difference" and f"{check}: " in detail
    finally:
        pool.query("DELETE e FROM entry e JOIN account a ON a.id = e.account_id WHERE a.network = CONCAT(%s, 'x')",
                   pool.network)
        pool.query("DELETE FROM account WHERE network = CONCAT(%s, 'x')", pool.network)


def test_what_one_got_twice_and_another_never_is_found_though_all_sums_agree(pool):
    one, two = pool.miner(), pool.miner()
    block = pool.found(100 * COIN)
    for miner in (one, two):
        pool.shares(miner, 1, block)
    sum_up(pool)
    pool.mature()
    pool.task("share-out")
    pool.purse.held = 100 * COIN
    assert audit(pool)["outcome"] == "clean"
    pool.query("UPDATE entry SET account_id = (SELECT id FROM account WHERE miner_id = %s)"
               " WHERE account_id = (SELECT id FROM account WHERE miner_id = %s)", one, two)
    for miner, half in ((one, 2), (two, 0)):
        pool.query("UPDATE account SET balance = %s WHERE miner_id = %s", half * 99 * COIN // 2, miner)
    assert checks(audit(pool, status=1)) == {"credit-entries"}


def test_a_fee_that_never_reached_the_ledger_is_found_also_of_a_block_that_looks_like_anothers(pool):
    work(pool)
    for statement in ("DELETE e FROM entry e JOIN account a ON a.id = e.account_id WHERE a.network = %s"
                      " AND a.kind = 'pool_fee'",
                      "UPDATE block SET assigned_at = NULL WHERE network = %s AND status = 'finished'"):
        pool.query(statement, pool.network)
    assert "split-fee" in checks(audit(pool, status=1))


def test_a_difference_is_one_line_for_monitoring(pool):
    work(pool)
    pool.query("UPDATE block_split SET fee = fee + 1 WHERE network = %s", pool.network)
    lines = pool.task("audit", status=1).splitlines()
    assert len(lines) == 1 and "difference" in lines[0] and "payouts are frozen" in lines[0]


# --- differences with the wallet and the chain ---


def test_coins_are_missing_in_the_wallet(pool):
    work(pool)
    pay(pool)
    pool.purse.held -= 1
    report = audit(pool, status=1)
    assert checks(report) == {"wallet"} and report["due"] - report["held"] == 1
    assert "1 are missing" in frozen(pool)


def test_fees_that_nobody_earned_are_owed_by_the_pool(pool):
    """The pool bears a fee, and its own part of the rewards does not cover it."""
    pool.configure(fee_bp=0)
    work(pool)
    payout = pay(pool)
    post(pool, "payment-fee", payout, ["in_flight", "", 7], ["network_fee", "", -7])
    pool.query("UPDATE payout SET fee_payer = 'pool', fee = 7 WHERE id = %s", payout)
    pool.query("UPDATE payout_item SET received = amount WHERE payout_id = %s", payout)
    (address,), = pool.query("SELECT address FROM payout_item WHERE payout_id = %s", payout)
    pool.purse.send(TXID, [(address, 10 * COIN)], fee=7)
    pool.purse.held -= 7
    assert checks(audit(pool, status=1)) == {"fundings"}


def test_a_credited_block_is_no_longer_on_the_chain(pool):
    work(pool)
    block = pool.query("SELECT height FROM block WHERE network = %s AND status = 'finished'", pool.network)[0][0]
    pool.chain.blocks[block]["hash"] = "11" * 32
    assert "block-chain" in checks(audit(pool, status=1))


def test_a_lost_block_that_is_not_credited_waits_for_find_blocks(pool):
    work(pool)
    pool.chain.cut(len(pool.chain.blocks) - 1)
    pool.chain.add()
    pool.purse.held -= 50 * COIN
    assert audit(pool)["outcome"] == "clean"
    pool.task("find-blocks")
    assert audit(pool)["outcome"] == "clean"


def test_the_wallet_sent_what_no_payout_knows(pool):
    work(pool)
    pool.purse.send("cd" * 32, [("BMnameless", 5)])
    pool.purse.held += 5
    report = audit(pool, status=1)
    assert checks(report) == {"sent"} and "cd" * 32 in report["differences"][0]["text"]
    post(pool, "adjustment", "cd" * 32, ["mature", "", 5], ["pool_fee", "", -5])  # the operator's, booked
    assert audit(pool)["outcome"] == "clean"


def test_what_the_wallet_gave_up_was_not_sent(pool):
    work(pool)
    pool.purse.send("cd" * 32, [("BMnameless", 5)], confirmations=-3)
    assert audit(pool)["outcome"] == "clean"


@pytest.mark.parametrize("forged", ["amount", "receiver", "more", "fee", "unknown", "conflicted", "unmined"])
def test_a_confirmed_payout_is_otherwise_on_the_chain(pool, forged):
    work(pool)
    pay(pool, "confirmed")
    assert audit(pool)["outcome"] == "clean"
    sent = pool.purse.sent[TXID]
    if forged == "amount":
        sent["details"][0]["amount"] += 1
    elif forged == "receiver":
        sent["details"][0]["address"] = "BMnameless"
    elif forged == "more":
        sent["details"].append({"category": "send", "address": "BMnameless", "amount": -1})
    elif forged == "fee":
        sent["fee"] -= 1
    elif forged == "unknown":
        del pool.purse.sent[TXID]
    else:
        sent["confirmations"] = -1 if forged == "conflicted" else 0
    assert "payout-chain" in checks(audit(pool, status=1))
    assert frozen(pool)


# --- what cannot be judged now ---


@pytest.mark.parametrize("away", ["silent", "syncing", "below", "keyless", "unsent"])
def test_what_is_away_freezes_nothing(pool, away):
    work(pool)
    if away == "silent":
        pool.chain.fail = lambda method, params: True
    elif away == "syncing":
        answer = pool.chain.answer
        pool.chain.answer = lambda method, params: answer(method, params) | {"initialblockdownload": True} \
            if method == "getblockchaininfo" else answer(method, params)
    elif away == "below":
        pool.chain.cut(2)
    elif away == "keyless":
        pool.purse.mine = False
    else:
        pay(pool)
        pool.purse.sent[TXID] |= {"confirmations": 0, "trusted": False}
        pool.purse.held -= 40 * COIN  # its change is not back yet
    report = audit(pool, status=75)
    assert (report["outcome"], report["differences"]) == ("incomplete", []) and report["waiting"]
    assert frozen(pool) is None and last_run(pool)[0] == "incomplete"


def test_a_difference_counts_although_the_wallet_is_away(pool):
    work(pool)
    pool.chain.fail = lambda method, params: True
    pool.query("UPDATE block_split SET fee = fee + 1 WHERE network = %s", pool.network)
    assert audit(pool, status=1)["held"] is None
    assert frozen(pool)


# --- thawing ---


def freeze(pool):
    """As a program does."""
    pool.query("INSERT INTO payout_freeze (network, frozen, reason) VALUES (%s, TRUE, 'something broke')", pool.network)


def thaw(pool, *words, status=0):
    return pool.ctl("payouts", "thaw", "--network", pool.network, "--reason", "looked at it", *words, status=status)


def test_payouts_thaw_after_a_clean_audit_only(pool):
    work(pool)
    assert "not frozen" in thaw(pool)
    assert audit(pool)["outcome"] == "clean"  # before the freeze: it proves nothing
    freeze(pool)
    assert "no audit has been clean" in thaw(pool, status=1)
    assert frozen(pool) == "something broke"
    pool.purse.held -= 1
    assert audit(pool, status=1)["outcome"] == "difference"
    assert "found differences" in thaw(pool, status=1)
    pool.purse.held += 1
    assert audit(pool)["outcome"] == "clean"
    assert "are thawed\n" in thaw(pool)
    assert frozen(pool) is None
    assert pool.query("SELECT frozen, forced, reason, who <> '' FROM payout_freeze WHERE network = %s ORDER BY id",
                      pool.network) == ((1, 0, "something broke", 0), (0, 0, "looked at it", 1))


def test_an_audit_that_began_before_the_freeze_does_not_count(pool):
    work(pool)
    freeze(pool)
    assert audit(pool)["outcome"] == "clean"
    pool.query("UPDATE audit_run SET began_at = (SELECT MAX(created_at) FROM payout_freeze WHERE network = %s)"
               " - INTERVAL 1 MICROSECOND WHERE network = %s", pool.network, pool.network)
    assert "no audit has been clean" in thaw(pool, status=1)


@pytest.mark.parametrize("clean", [True, False])
def test_an_audit_that_could_not_look_says_nothing(pool, clean):
    work(pool)
    freeze(pool)
    if clean:
        audit(pool)
    pool.chain.fail = lambda method, params: True
    assert audit(pool, status=75)["outcome"] == "incomplete"
    thaw(pool, status=0 if clean else 1)
    assert (frozen(pool) is None) == clean


def test_a_difference_after_a_clean_audit_counts(pool):
    work(pool)
    freeze(pool)
    audit(pool)
    pool.purse.held -= 1
    audit(pool, status=1)
    thaw(pool, status=1)
    assert frozen(pool)


def test_who_thaws_by_force_is_recorded(pool):
    work(pool)
    freeze(pool)
    assert "by force" in thaw(pool, "--force")
    (when, *_), = [row.values() for row in json.loads(pool.ctl("payouts", "freezes", "--json")) if row["forced"]
                   and row["network"] == pool.network]
    assert when and pool.query("SELECT forced, reason, who LIKE '%%@%%' FROM payout_freeze WHERE network = %s"
                               " AND NOT frozen", pool.network) == ((1, "looked at it", 1),)
    text = pool.ctl("payouts", "freezes", "--network", pool.network)
    assert "looked at it" in text and "something broke" in text
    assert "not frozen" in thaw(pool, "--force")
