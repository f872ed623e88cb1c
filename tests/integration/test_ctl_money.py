"""penstockctl explain, balances, blocks and miner: what they print of a network with known money, and that
explain finds the smallest difference."""

import json
import re
import uuid

import pytest

from money import COIN, Money

STRANGER = "aad937b3-686a-4c20-aef5-7721c3d78ad4"


@pytest.fixture
def money(env, db, tmp_path):
    pools = []

    def new(**settings):
        pools.append(Money(env, db, tmp_path, **settings))
        return pools[-1]

    yield new
    for pool in pools:
        pool.close()


@pytest.fixture
def pool(money):
    """One finished block: 100 coins at 5 %, 3 : 2; the miners with more first."""
    pool = money(fee_bp=500)
    pool.rich, pool.poor = sorted(str(uuid.uuid4()) for _ in range(2))
    block = pool.found(100 * COIN)
    for miner, count in ((pool.rich, 3), (pool.poor, 2)):
        pool.shares(pool.miner(miner), count, block)
    pool.mature()
    pool.task("share-out")
    pool.block = block
    return pool


def address(pool, miner):
    return pool.one("SELECT address FROM miner WHERE id = %s", miner)


def as_json(pool, *args, status=0):
    done = pool.run("penstockctl", *args, "--json")
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def aligned(text):
    """The table's numbers end where their headings do."""
    heading, *rows = text.splitlines()
    for word in ("amount", "balance", "shares", "height", "number", "subsidy"):
        for at in re.finditer(rf"\b{word}\b", heading):
            for row in rows:
                if len(row) >= at.end():
                    assert row[at.end() - 1] not in " ", (word, row)
                    assert row[at.end():at.end() + 1] in ("", " ")


# --- balances and blocks ---


def test_balances(pool):
    text = pool.ctl("balances", "--network", pool.network)
    aligned(text)
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["network", "account", "number", "balance"]
    assert [line[1:] for line in lines[1:]] == [
        ["miner", "2", "95.00000000"], ["pool_fee", "1", "5.00000000"], ["unshared", "1", "0.00000000"],
        ["immature", "1", "0.00000000"], ["mature", "1", "-100.00000000"], ["sum", "6", "0.00000000"]]
    found = {row["account"]: row["balance"] for row in as_json(pool, "balances", "--network", pool.network)}
    assert found["miner"] == str(95 * COIN) and found["mature"] == str(-100 * COIN) and found["sum"] == "0"


def test_balances_of_miners(pool):
    found = as_json(pool, "balances", "--network", pool.network, "--miners")
    assert [(row["miner"], row["balance"]) for row in found] == [(pool.rich, str(57 * COIN)),
                                                                 (pool.poor, str(38 * COIN))]
    aligned(pool.ctl("balances", "--network", pool.network, "--miners"))
    assert pool.ctl("balances", "--network", "none", "--miners") == "nobody is owed anything\n"


def test_balances_of_all_networks_are_kept_apart(pool):
    rows = as_json(pool, "balances")
    sums = [row["network"] for row in rows if row["account"] == "sum"]
    assert len(set(sums)) == len(sums) >= 1
    ours = [row for row in rows if row["network"] == pool.network]  # others' tests forge theirs
    assert ours == as_json(pool, "balances", "--network", pool.network) and ours[-1]["balance"] == "0"


def test_blocks(pool):
    open_block = pool.found(7, assigned=False, finder=pool.poor)
    text = pool.ctl("blocks", "--network", pool.network)
    aligned(text)
    found = as_json(pool, "blocks", "--network", pool.network)
    assert [(row["height"], row["status"], row["subsidy"], row["scheme"], row["fee"], row["miners"],
             row["shares"], row["finder"]) for row in found] == [
        (4, "open", "7", None, None, 0, None, address(pool, pool.poor)),
        (1, "finished", str(100 * COIN), "prop", str(5 * COIN), 2, 5, None)]
    assert open_block and found[1]["hash"] == pool.chain.blocks[1]["hash"]
    for args, heights in ((("--status", "open"), [4]), (("--limit", "1"), [4]), (("--status", "stale"), [])):
        got = as_json(pool, "blocks", "--network", pool.network, *args)
        assert [row["height"] for row in got] == heights
    assert pool.ctl("blocks", "--network", "none") == "no blocks of the pool\n"
    pool.ctl("blocks", "--limit", "0", status=64)


# --- miner ---


def test_miner(pool):
    who = address(pool, pool.rich)
    for name in (who, pool.rich, pool.rich.upper()):
        (shown,) = as_json(pool, "miner", "show", name, "--network", pool.network)
        assert (shown["balance"], shown["earned"], shown["paid"], shown["disabled"]) == (
            str(57 * COIN), str(57 * COIN), "0", False)
    assert "balance      57.00000000\n" in pool.ctl("miner", "show", who)
    pool.ctl("miner", "disable", who)
    assert pool.one("SELECT disabled FROM miner WHERE id = %s", pool.rich) == 1
    assert pool.one("SELECT disabled FROM miner WHERE id = %s", pool.poor) == 0
    pool.ctl("miner", "enable", pool.rich)
    assert pool.one("SELECT disabled FROM miner WHERE id = %s", pool.rich) == 0


def test_miner_minimum(pool):
    def minimum():
        return pool.query("SELECT minimum_payout FROM miner_setting WHERE miner_id = %s", pool.rich)

    assert minimum() == ()
    for text, units in (("0.5", COIN // 2), ("12", 12 * COIN), ("0.00000001", 1), ("default", None)):
        pool.ctl("miner", "minimum", pool.rich, text)
        assert minimum() == ((units,),)
    for text in ("0", "-1", "1e3", "0.000000001", "x", "", "99999999999999"):
        pool.ctl("miner", "minimum", pool.rich, text, status=64 if text == "-1" else 1)
    assert minimum() == ((None,),)


def test_an_address_on_two_networks(pool):
    who, other = address(pool, pool.rich), str(uuid.uuid4())
    pool.query("INSERT INTO miner (id, network, address) VALUES (%s, 'money-other', %s)", other, who)
    try:
        assert len(as_json(pool, "miner", "show", who)) == 2
        pool.ctl("miner", "disable", who, "--network", "money-other")
        assert pool.one("SELECT disabled FROM miner WHERE id = %s", pool.rich) == 0
        assert pool.one("SELECT disabled FROM miner WHERE id = %s", other) == 1
    finally:
        pool.query("DELETE FROM miner WHERE id = %s", other)


@pytest.mark.parametrize("args, status", [
    (("show", "nobody"), 65), (("disable", "nobody"), 65), (("show", "x" * 200), 65), (("show",), 64), ((), 64),
    (("minimum", "nobody"), 64), (("forget", "nobody"), 64), (("show", "a", "b"), 64),
    (("show", STRANGER), 65), (("show", "' OR 1 = 1 -- "), 65)])
def test_miner_refuses(pool, args, status):
    pool.ctl("miner", *args, status=status)


# --- explain ---


def explain(pool, what, status=0):
    return pool.ctl("explain", what, "--network", pool.network, status=status)


def test_explain_a_block(pool):
    text = explain(pool, "1")
    assert explain(pool, pool.chain.blocks[1]["hash"]) == text
    assert "split by prop: fee 5.00 % rounded down = 5.00000000" in text
    assert re.search(r" +3 +3 +57\.00000000 +57\.00000000 +57\.00000000\n", text)
    assert "the 5 shares that are stored give these weights" in text
    assert "DIFFERENT" not in text and text.count("equal:") == 6
    (shown,) = as_json(pool, "explain", "1", "--network", pool.network)
    assert [credit["amount"] for credit in shown["credits"]] == [str(57 * COIN), str(38 * COIN)]
    assert all(check["holds"] for check in shown["checks"]) and len(shown["checks"]) == 6


@pytest.mark.parametrize("scheme", ["prop", "pplns", "solo"])
def test_explain_every_scheme(money, scheme):
    pool = money(scheme=scheme, pplns_percent=300, fee_bp=123)
    miners = [pool.miner() for _ in range(3)]
    for count in (2, 3):
        block = pool.found(1000 + count, finder=miners[1])
        for miner in miners:
            pool.shares(miner, count, block, difficulty=count)
    pool.mature()
    pool.task("share-out")
    pool.configure(scheme="prop", fee_bp=9999)  # what is set now has no say
    for height in ("1", "2"):
        text = explain(pool, height)
        assert f"split by {scheme}" in text and text.count("equal:") == 6 and "DIFFERENT" not in text


def test_explain_once_the_shares_are_gone(pool):
    pool.query("DELETE FROM share WHERE network = %s LIMIT 2", pool.network)
    text = explain(pool, "1")
    assert "the shares themselves are gone: 3 of 5 are left" in text
    assert text.count("equal:") == 5


def test_explain_a_block_without_shares_or_split(money):
    pool = money()
    pool.found(100)
    pool.mature()
    assert "assigned" in explain(pool, "1")
    pool.task("share-out")
    text = explain(pool, "1")
    assert "nobody had a claim to it" in text and "DIFFERENT" not in text


@pytest.mark.parametrize("forge", [
    "UPDATE block_credit SET amount = amount + 1 WHERE block_id = {b} AND miner_id = '{rich}'",
    "UPDATE block_credit SET weight = weight + 1 WHERE block_id = {b} AND miner_id = '{rich}'",
    "UPDATE block_credit SET amount = amount + IF(miner_id = '{rich}', 1, -1) WHERE block_id = {b}",
    "UPDATE block_split SET fee = fee + 1 WHERE block_id = {b}",
    "UPDATE block_split SET fee_bp = 499 WHERE block_id = {b}",
    "UPDATE block SET subsidy = subsidy - 1 WHERE id = {b}",
    "DELETE FROM block_credit WHERE block_id = {b} AND miner_id = '{rich}'",
    "UPDATE entry e JOIN account a ON a.id = e.account_id SET e.amount = e.amount - 1 WHERE a.miner_id = '{rich}'",
    "UPDATE share SET difficulty = 2 WHERE network = '{n}' LIMIT 1",
    "UPDATE share SET worker_id = {w} WHERE network = '{n}'",
])
def test_explain_finds_every_difference(pool, forge):
    pool.query(forge.format(b=pool.block, rich=pool.rich, n=pool.network, w=pool.workers[pool.poor]))
    assert "DIFFERENT" in explain(pool, "1", status=1)
    shown = as_json(pool, "explain", "1", "--network", pool.network, status=1)
    assert not all(check["holds"] for check in shown[0]["checks"])


def test_explain_a_miner(pool):
    text = explain(pool, address(pool, pool.rich))
    assert re.search(r"share-out +Share for block 1 +1 +57\.00000000 +57\.00000000\n", text)
    assert text.count("equal:") == 3 and "DIFFERENT" not in text
    assert explain(pool, pool.rich) == text
    pool.query("UPDATE account SET balance = balance + 1 WHERE miner_id = %s", pool.rich)
    assert "DIFFERENT: the balance" in explain(pool, pool.rich, status=1)


def pay(pool, fee=1000, received=None, status="sent"):
    """A payout of all that both miners have, as the task books it."""
    payout, txid = str(uuid.uuid4()), uuid.uuid4().bytes * 2
    amounts = {pool.rich: 57 * COIN, pool.poor: 38 * COIN}
    pool.query("INSERT INTO payout (id, network, status, wallet, txid, amount, fee, fee_payer) VALUES"
               " (%s, %s, %s, 'w', %s, %s, %s, 'receiver')", payout, pool.network, status, txid,
               sum(amounts.values()), fee)
    for miner, amount in amounts.items():
        pool.query("INSERT INTO payout_item (payout_id, miner_id, address, amount, received) VALUES"
                   " (%s, %s, 'x', %s, %s)", payout, miner, amount, amount - fee // 2)
    lines = [["miner", miner, str(-amount)] for miner, amount in amounts.items()]
    post(pool, "payment", payout, lines + [["in_flight", "", str(95 * COIN)]])
    return payout, txid.hex()


def post(pool, kind, ref, lines):
    pool.query("START TRANSACTION")
    pool.query("CALL post_journal(%s, %s, %s, '', %s)", pool.network, kind, ref, json.dumps(lines))
    pool.query("COMMIT")


def test_explain_a_payout(pool):
    payout, txid = pay(pool)
    for name in (payout, payout.upper(), txid):
        text = explain(pool, name)
        assert "DIFFERENT" not in text and text.count("equal:") == 5
    assert "payment " in explain(pool, pool.rich)
    pool.query("UPDATE payout_item SET amount = amount + 1 WHERE payout_id = %s AND miner_id = %s", payout,
               pool.rich)
    assert explain(pool, payout, status=1).count("DIFFERENT") == 2
    assert "DIFFERENT" in explain(pool, pool.rich, status=1)


def test_explain_a_payout_that_is_confirmed(pool):
    payout, _ = pay(pool, status="confirmed")
    assert "DIFFERENT: in flight" in explain(pool, payout, status=1)
    post(pool, "payment-confirmed", payout, [["in_flight", "", str(-95 * COIN)], ["mature", "", str(95 * COIN)]])
    assert "DIFFERENT" not in explain(pool, payout)


@pytest.mark.parametrize("what", ["99", "99999999999", "f" * 64, STRANGER, "nobody", "", "-1", "1 OR 1"])
def test_explain_what_is_not_there(pool, what):
    if what == "-1":
        pool.ctl("explain", what, status=64)
    else:
        assert "is no block, miner or payout" in explain(pool, what, status=65)
    pool.ctl("explain", status=64)
    pool.ctl("explain", "1", "2", status=64)


# --- status ---


def status_of(pool):
    """What `status` says of the network's money: split, sent, confirmed, frozen."""
    (network,) = as_json(pool, "status", status=1)["networks"]  # 1: it has no queue at the broker
    return tuple(network[name] for name in ("blocks_split", "payouts_sent", "payouts_confirmed", "payouts_frozen"))


def test_status_counts_the_day_s_money(pool):
    assert status_of(pool) == (1, 0, 0, False)
    old, young = "UTC_TIMESTAMP(6) - INTERVAL 25 HOUR", "UTC_TIMESTAMP(6) - INTERVAL 23 HOUR"
    for kind, status, at in (("payment", "sent", young), ("payment", "confirmed", young), ("payment", "confirmed", old),
                             ("payment", "stored", young), ("payment", "cancelled", young), ("sweep", "sent", young)):
        pool.query("INSERT INTO payout (id, network, kind, status, wallet, amount, fee_payer, created_at)"
                   f" VALUES (UUID(), %s, %s, %s, 'scripted', 1, 'pool', {at})", pool.network, kind, status)
    assert status_of(pool) == (1, 2, 1, False)
    pool.query(f"UPDATE block SET finished_at = {old} WHERE id = %s", pool.block)
    pool.ctl("payouts", "freeze", "--network", pool.network, "--reason", "a test")
    assert status_of(pool) == (0, 2, 1, True)
    pool.ctl("payouts", "thaw", "--network", pool.network, "--reason", "a test", "--force")
    assert status_of(pool) == (0, 2, 1, False)


def test_status_shows_that_payouts_are_frozen(pool):
    assert "frozen" not in pool.ctl("status", status=1)
    pool.ctl("payouts", "freeze", "--network", pool.network, "--reason", "a test")
    text = pool.ctl("status", status=1)
    assert "frozen" in text and re.search(r"Blocks split +1\b", text)
