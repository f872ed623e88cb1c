"""The task pay on a real litecoind: who is paid, what is stored and sent, restarts, reorganisations,
conflicts, encryption, sweeps."""

import json
import subprocess
import time

import pytest

from paying import COIN, Nodes, Payments, fault_program, units, wait  # noqa: F401


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    yield made
    made.stop()


@pytest.fixture
def payments(env, db, nodes, tmp_path):
    return lambda **settings: Payments(env, db, tmp_path, nodes.wallet(), **settings)


def address(nodes):
    return nodes.peer.rpc("getnewaddress")


def stored(pay):
    """The stored bytes of the only payout, in hex."""
    return pay.one("SELECT LOWER(HEX(raw)) FROM payout WHERE network = %s", pay.network)


def outputs(nodes, hexadecimal):
    """By address, in base units."""
    decoded = nodes.pool.rpc("decoderawtransaction", hexadecimal)
    return {out["scriptPubKey"]["addresses"][0]: units(out["value"]) for out in decoded["vout"]}


# --- a payment ---


@pytest.mark.parametrize("payer", ["receiver", "pool"])
def test_several_miners_are_paid_by_one_transaction(nodes, payments, payer):
    pay = payments(payout_fee_payer=payer)
    owed = {pay.owed(amount, address(nodes)): amount for amount in (3 * COIN, 2 * COIN + 1, 123457)}
    pay.run()
    ((_, status, txid, amount, fee, _),) = pay.payouts()
    assert status == "sent" and amount == sum(owed.values()) and 0 < fee <= 50000
    assert txid in nodes.pool.rpc("getrawmempool")
    assert pay.account("network_fee") == (0 if payer == "receiver" else -fee)
    assert pay.account("in_flight") == amount + (0 if payer == "receiver" else fee)
    paid = outputs(nodes, stored(pay))
    items = pay.query("SELECT address, i.amount, received FROM payout_item i JOIN payout p"
                      " ON p.id = i.payout_id WHERE p.network = %s", pay.network)
    for to, taken, received in items:
        assert paid[to] == received and taken - received in (
            {0} if payer == "pool" else range(fee // 3, fee // 3 + 3))
    assert sum(taken - received for _, taken, received in items) == (fee if payer == "receiver" else 0)
    pay.run()
    assert pay.payouts()[0][1] == "sent"
    nodes.mine(2)
    pay.run()
    assert pay.payouts()[0][1] == "sent" and pay.payouts()[0][5] == 2
    nodes.mine(1)
    pay.run()
    assert pay.statuses() == ["confirmed"]
    pay.check_paid(nodes.received, owed)
    assert pay.account("mature") == -sum(owed.values()) + amount + (0 if payer == "receiver" else fee)


def test_the_ledger_has_the_fee_in_both_directions(nodes, payments):
    pay = payments(payout_fee_payer="receiver")
    pay.owed(COIN, address(nodes))
    pay.run()
    fee = pay.payouts()[0][4]
    lines = pay.query("SELECT e.amount FROM entry e JOIN account a ON a.id = e.account_id"
                      " WHERE a.network = %s AND a.kind = 'network_fee' ORDER BY e.amount", pay.network)
    assert lines == ((-fee,), (fee,))


def test_a_dry_run_changes_nothing(nodes, payments):
    pay = payments(hot_wallet_max=1, sweep_address=address(nodes))
    miner = pay.owed(COIN, address(nodes))
    stale = pay.owed(5 * COIN, address(nodes))
    pay.query("UPDATE account SET balance = 7 WHERE miner_id = %s", stale)
    pay.query("UPDATE miner_setting SET minimum_payout = 1 WHERE miner_id = %s", stale)
    balances = pay.query("SELECT * FROM account WHERE network = %s ORDER BY id", pay.network)
    pool = nodes.pool.rpc("getrawmempool")
    pay.run("--dry-run")
    assert "would pay 100000000 to" in pay.output and "would sweep" not in pay.output
    assert pay.payouts() == () and pay.balance(miner) == COIN
    assert pay.query("SELECT * FROM account WHERE network = %s ORDER BY id", pay.network) == balances
    assert nodes.pool.rpc("getrawmempool") == pool
    assert pay.query("SELECT * FROM task_run WHERE network = %s", pay.network) == ()


# --- whom ---


def test_minimum_and_the_miners_own(nodes, payments):
    pay = payments(minimum_payout=2 * COIN)
    below, at, generous, patient = (
        pay.owed(amount, address(nodes))
        for amount in (2 * COIN - 1, 2 * COIN, COIN, 3 * COIN))
    for miner, minimum in ((generous, COIN), (patient, 4 * COIN), (at, None)):
        pay.query("INSERT INTO miner_setting (miner_id, minimum_payout) VALUES (%s, %s)", miner, minimum)
    pay.run()
    assert [pay.balance(m) for m in (below, at, generous, patient)] == [2 * COIN - 1, 0, 0, 3 * COIN]


def test_twelve_hours_between_payments(nodes, payments):
    pay = payments()
    miner = pay.owed(COIN, address(nodes))
    pay.run()
    pay.owe(miner, COIN)
    pay.run()
    assert pay.balance(miner) == COIN
    twelve = 12 * 3600
    pay.query("UPDATE payout SET created_at = UTC_TIMESTAMP(6) - INTERVAL %s SECOND WHERE network = %s",
              twelve - 120, pay.network)  # as long may the next run take
    pay.run()
    assert pay.balance(miner) == COIN
    pay.query("UPDATE payout SET created_at = UTC_TIMESTAMP(6) - INTERVAL %s SECOND WHERE network = %s",
              twelve, pay.network)
    pay.run()
    assert pay.balance(miner) == 0 and len(pay.payouts()) == 2


def test_most_miners_per_run_and_those_first_who_waited_longest(nodes, payments):
    pay = payments(payout_miners_max=2, payout_interval_s=0)
    miners = [pay.owed(COIN, address(nodes)) for _ in range(5)]
    for left in (3, 1, 0):
        pay.run()
        assert sum(pay.balance(m) > 0 for m in miners) == left
    for miner in miners:
        pay.owe(miner, COIN)
    pay.run()
    first = pay.query("SELECT miner_id FROM payout_item i JOIN payout p ON p.id = i.payout_id"
                      " WHERE p.network = %s ORDER BY p.created_at LIMIT 2", pay.network)
    assert {pay.balance(m) for (m,) in first} == {0}


def test_disabled_miners_wait_and_stay_disabled(nodes, payments):
    pay = payments()
    miner = pay.owed(COIN, address(nodes))
    other = pay.owed(COIN, address(nodes))
    pay.query("UPDATE miner SET disabled = 1 WHERE id = %s", miner)
    pay.run()
    assert pay.balance(miner) == COIN and pay.balance(other) == 0
    assert pay.one("SELECT disabled FROM miner WHERE id = %s", miner) == 1


def test_a_stale_balance_is_corrected_and_nothing_sent(nodes, payments):
    pay = payments(minimum_payout=10, payout_fee_payer="pool")
    miner = pay.owed(4, address(nodes))
    empty = pay.miner(address(nodes))
    pay.query("INSERT INTO account (network, kind, miner_id, balance) VALUES (%s, 'miner', %s, 1000000)",
              pay.network, empty)
    other = pay.owed(COIN, address(nodes))
    pay.query("UPDATE account SET balance = 20 WHERE miner_id = %s", miner)
    pay.run()
    assert pay.balance(miner) == 4 and pay.balance(empty) == 0 and pay.balance(other) == 0
    assert "was 20, its entries sum to 4" in pay.output
    assert [row[3] for row in pay.payouts()] == [COIN]
    pay.check_books()


def test_unpayable_addresses_use_up_no_slots(nodes, payments):
    pay = payments(payout_miners_max=2)
    bad = [pay.owed(9 * COIN, text) for text in ("tmweb1qqqqq", "nonsense", "B" * 34,
                                                 "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")]
    good = [pay.owed(COIN, address(nodes)) for _ in range(2)]
    pay.run()
    assert [pay.balance(m) for m in bad] == [9 * COIN] * 4
    assert [pay.balance(m) for m in good] == [0, 0]
    assert pay.output.count("its address cannot be paid") == 4
    listed = pay.penstockctl("payouts", "list", "--network", pay.network)
    assert "nonsense" in listed and "unpayable" in listed


def test_more_unpayable_ones_than_fit_on_a_page(nodes, payments):
    pay = payments(payout_miners_max=1)
    for i in range(103):
        pay.owed(COIN, f"nonsense-{i}")
    good = pay.owed(COIN, address(nodes))
    pay.run()
    assert pay.balance(good) == 0


def test_an_amount_that_the_network_calls_dust_harms_nobody_else(nodes, payments):
    pay = payments(payout_fee_payer="pool", minimum_payout=1)
    dust = pay.owed(300, address(nodes))
    good = pay.owed(COIN, address(nodes))
    pay.run()
    assert pay.balance(dust) == 300 and pay.balance(good) == 0
    assert "pay.skipped" in pay.output and "amount=300" in pay.output
    pay.check_books()


def test_limits_per_run_and_per_day(nodes, payments):
    pay = payments(minimum_payout=COIN, payout_max_per_run=3 * COIN, payout_max_per_day=5 * COIN,
                   payout_interval_s=0)
    miners = [pay.owed(2 * COIN, address(nodes)) for _ in range(4)]
    paid = lambda: sum(2 * COIN - pay.balance(m) for m in miners)  # noqa: E731
    for total in (3 * COIN, 5 * COIN, 5 * COIN):
        pay.run()
        assert paid() == total
    pay.query("UPDATE payout SET created_at = created_at - INTERVAL 25 HOUR WHERE network = %s",
              pay.network)
    pay.run()
    assert paid() == 8 * COIN


def test_a_wallet_without_funds_pays_those_it_can(nodes, payments):
    pay = payments()
    rich = pay.owed(10**7 * COIN, address(nodes))
    good = pay.owed(COIN, address(nodes))
    pay.run()
    assert pay.balance(rich) == 10**7 * COIN and pay.balance(good) == 0
    assert "pay.funds" in pay.output


def test_a_fee_beyond_the_most_is_not_paid(nodes, payments):
    pay = payments(payout_fee_rate=10**7)
    miner = pay.owed(COIN, address(nodes))
    pay.run()
    assert pay.payouts() == () and pay.balance(miner) == COIN
    assert "its fee exceeds payout_fee_max" in pay.output


# --- frozen ---


def test_frozen_and_thawed_by_the_operator(nodes, payments):
    pay = payments()
    miner = pay.owed(COIN, address(nodes))
    pay.penstockctl("payouts", "freeze", "--network", pay.network, "--reason", "we look at it")
    pay.run()
    assert pay.payouts() == () and "frozen: we look at it" in pay.output
    assert "we look at it" in pay.penstockctl("payouts", "list", "--network", pay.network)
    pay.penstockctl("payouts", "thaw", "--network", pay.network, "--reason", "seen", "--force")
    pay.run()
    assert pay.balance(miner) == 0


def test_what_is_stored_is_not_sent_while_frozen_but_what_was_sent_is_followed(nodes, payments):
    pay = payments()
    pay.owed(COIN, address(nodes))
    pay.run()
    pay.penstockctl("payouts", "freeze", "--network", pay.network, "--reason", "test")
    nodes.mine(3)
    pay.run()
    assert pay.statuses() == ["confirmed"]


def test_list_and_show(nodes, payments):
    pay = payments()
    pay.owed(COIN, to := address(nodes))
    pay.run()
    ((number, _, txid, *_),) = pay.payouts()
    listed = pay.penstockctl("payouts", "list", "--network", pay.network)
    assert number in listed and "sent" in listed
    (one,) = json.loads(pay.penstockctl("payouts", "list", "--network", pay.network, "--json"))["payouts"]
    assert one["id"] == number and one["status"] == "sent" and one["amount"] == str(COIN)
    shown = pay.penstockctl("payouts", "show", number)
    assert txid in shown and to in shown
    assert json.loads(pay.penstockctl("payouts", "show", number, "--json"))["items"][0]["address"] == to
    pay.penstockctl("payouts", "show", "00000000-0000-7000-8000-000000000000", expect=1)
    pay.penstockctl("payouts", "show", "nonsense", expect=65)
    pay.penstockctl("payouts", "freeze", expect=64)


# --- the wallet restarts, dies, or is not to be believed ---


def test_inputs_are_locked_again_after_a_restart(env, nodes, payments, fault_program):
    first, second = payments(label="w-locks"), payments(label="w-locks")
    owed = first.owed(COIN, address(nodes))
    other = second.owed(2 * COIN, address(nodes))
    first.run(program=fault_program, fault="payout.store:1:die", expect=-9)
    assert first.statuses() == ["stored"]
    nodes.restart_pool()
    assert nodes.own("listlockunspent") == []
    # The other network shares the wallet: its run must not spend what the first one's payout spends.
    second.run()
    coins = first.query("SELECT LOWER(HEX(i.txid)), vout FROM payout_input i JOIN payout p"
                        " ON p.id = i.payout_id WHERE p.network = %s", first.network)
    taken = second.query("SELECT LOWER(HEX(i.txid)), vout FROM payout_input i JOIN payout p"
                         " ON p.id = i.payout_id WHERE p.network = %s", second.network)
    assert coins and taken and not set(coins) & set(taken)
    locked = {(c["txid"], c["vout"]) for c in nodes.own("listlockunspent")}
    assert set(coins) <= locked
    first.run()
    nodes.mine(3)
    first.run()
    second.run()
    first.check_paid(nodes.received, {owed: COIN})
    second.check_paid(nodes.received, {other: 2 * COIN})


def test_the_unique_key_keeps_two_payouts_from_one_coin(nodes, payments):
    pay, other = payments(), payments()
    for network in (pay, other):
        network.owed(COIN, address(nodes))
        network.run()
    with pytest.raises(Exception, match="Duplicate entry"):
        pay.query("INSERT INTO payout_input (payout_id, txid, vout) SELECT %s, txid, vout"
                  " FROM payout_input WHERE payout_id = %s", pay.payouts()[0][0], other.payouts()[0][0])


def test_a_coin_that_cannot_be_locked_keeps_no_other_from_it(nodes, payments):
    """Nor anybody from being paid: what a conflicted payout would spend is spent already."""
    pay, other = payments(), payments()
    owed = {pay.owed(COIN, address(nodes)): COIN}
    coin = next(c for c in nodes.own("listunspent") if not c["txid"].startswith("f"))
    other.query("INSERT INTO payout (id, network, status, wallet, txid, raw, amount, fee, fee_payer) VALUES"
                " (UUID(), %s, 'conflicted', 'none', %s, '', 1, 0, 'pool')", other.network, b"\1" * 32)
    for txid, vout in ((coin["txid"], coin["vout"]), ("ff" * 32, 0)):
        other.query("INSERT INTO payout_input (payout_id, txid, vout) SELECT id, UNHEX(%s), %s FROM payout"
                    " WHERE network = %s", txid, vout, other.network)
    pay.run()
    assert pay.statuses() == ["sent"]
    assert {(c["txid"], c["vout"]) for c in nodes.own("listlockunspent")} >= {(coin["txid"], coin["vout"])}
    other.query("UPDATE payout SET status = 'cancelled' WHERE network = %s", other.network)
    other.query("DELETE i FROM payout_input i JOIN payout p ON p.id = i.payout_id WHERE network = %s", other.network)
    nodes.own("lockunspent", True, [{"txid": coin["txid"], "vout": coin["vout"]}])
    nodes.mine(3)
    pay.run()
    pay.check_paid(nodes.received, owed)


def test_a_restart_between_payment_and_block(nodes, payments):
    pay = payments()
    owed = {pay.owed(COIN, address(nodes)): COIN}
    pay.run()
    nodes.restart_pool(kill=True)
    wait(lambda: pay.run(expect=None) == 0 and pay.payouts()[0][2] in nodes.pool.rpc("getrawmempool"))
    nodes.mine(3)
    wait(lambda: pay.run(expect=None) == 0 and pay.payouts()[0][1] == "confirmed")
    pay.check_paid(nodes.received, owed)


def test_no_judgement_without_a_peer(nodes, payments):
    pay = payments()
    miner = pay.owed(COIN, address(nodes))
    nodes.pool.rpc("setnetworkactive", False)
    wait(lambda: not nodes.pool.rpc("getpeerinfo"))
    try:
        pay.run(expect=75)
        assert "no peers" in pay.output and pay.payouts() == () and pay.balance(miner) == COIN
    finally:
        nodes.pool.rpc("setnetworkactive", True)
        wait(lambda: nodes.pool.rpc("getpeerinfo"))


def test_no_judgement_behind_what_the_pool_has_seen(nodes, payments):
    pay = payments()
    miner = pay.owed(COIN, address(nodes))
    pay.query("INSERT INTO tip (network, height, hash, seen_at) VALUES (%s, %s, %s, NOW(6))", pay.network,
              nodes.pool.rpc("getblockcount") + 1, b"\1" * 32)
    pay.run(expect=75)
    assert "the pool has seen" in pay.output and pay.balance(miner) == COIN


def test_nobody_there(env, db, tmp_path, nodes):
    pay = Payments(env, db, tmp_path, ("http://127.0.0.1:9/", *nodes.wallet()[1:]))
    miner = pay.owed(COIN, address(nodes))
    pay.run(expect=75)
    assert pay.payouts() == () and pay.balance(miner) == COIN


# --- the chain is reorganised ---


def test_a_payout_whose_block_lost_is_sent_again_as_the_same_bytes(nodes, payments):
    nodes.join(nodes.apart)
    pay = payments()
    owed = {pay.owed(COIN, address(nodes)): COIN}
    pay.run()
    before = stored(pay)
    nodes.mine(1)
    pay.run()
    assert pay.payouts()[0][5] == 1
    nodes.mine(2, node=nodes.apart)
    nodes.join(nodes.apart)
    txid = pay.payouts()[0][2]
    assert nodes.own("gettransaction", txid)["confirmations"] == 0
    pay.run()
    assert pay.payouts()[0][1::4] == ("sent", 0) and "pay.orphaned" in pay.output
    assert stored(pay) == before and txid in nodes.pool.rpc("getrawmempool")
    nodes.mine(3)
    pay.run()
    pay.check_paid(nodes.received, owed)


def test_a_payout_in_no_mempool_is_sent_again(nodes, payments):
    """After a restart that forgets the mempool."""
    pay = payments()
    owed = {pay.owed(COIN, address(nodes)): COIN}
    pay.run()
    txid = pay.payouts()[0][2]
    nodes.restart_pool(kill=True)
    nodes.own("gettransaction", txid)
    wait(lambda: pay.run(expect=None) == 0 and txid in nodes.pool.rpc("getrawmempool"))
    nodes.mine(3)
    pay.run()
    pay.check_paid(nodes.received, owed)


def spend_otherwise(nodes, pay, *to):
    """A transaction of the pool's wallet that spends what the stored payout spends; a coin for each of TO."""
    decoded = nodes.pool.rpc("decoderawtransaction", stored(pay))
    inputs = [{"txid": i["txid"], "vout": i["vout"]} for i in decoded["vin"]]
    value = sum(nodes.pool.rpc("getrawtransaction", i["txid"], True)["vout"][i["vout"]]["value"]
                if i["txid"] in nodes.pool.rpc("getrawmempool") else
                units(nodes.pool.rpc("gettxout", i["txid"], i["vout"], False)["value"]) / COIN
                for i in inputs)
    rest = round(value - 0.01 - len(to), 8)
    raw = nodes.pool.rpc("createrawtransaction", inputs,
                         {nodes.own("getnewaddress"): rest} | {address: 1 for address in to})
    signed = nodes.own("signrawtransactionwithwallet", raw)
    assert signed["complete"]
    return signed["hex"]


@pytest.mark.parametrize("sent", [True, False], ids=["sent", "only stored"])
def test_a_conflicted_payout_freezes_the_network(nodes, payments, fault_program, sent):
    nodes.mine(1)
    nodes.join(nodes.apart)
    pay = payments()
    miner = pay.owed(COIN, address(nodes))
    pay.run(program=fault_program, fault="payout.store:1:die", expect=-9)
    other = spend_otherwise(nodes, pay)
    if sent:
        pay.run()
        assert pay.statuses() == ["sent"]
    nodes.apart.rpc("sendrawtransaction", other)
    nodes.mine(2, node=nodes.apart)
    nodes.join(nodes.apart)
    pay.run(expect=1)
    assert pay.statuses() == ["conflicted"]
    assert "another transaction has spent its coins" in pay.frozen()
    assert "payouts.frozen" in pay.output
    late = pay.owed(COIN, address(nodes))
    pay.run()
    assert pay.balance(late) == COIN and len(pay.payouts()) == 1 and "frozen" in pay.output
    # Nothing is given back by itself; the books stay whole.
    assert pay.balance(miner) == 0 and pay.account("in_flight") == COIN
    pay.check_books()


def test_a_conflict_that_a_reorganisation_undoes(nodes, payments, fault_program):
    nodes.mine(1)
    nodes.join(nodes.apart)
    pay = payments()
    owed = {pay.owed(COIN, address(nodes)): COIN}
    pay.run(program=fault_program, fault="payout.store:1:die", expect=-9)
    other = spend_otherwise(nodes, pay)
    pay.run()
    nodes.apart.rpc("sendrawtransaction", other)
    block, _ = nodes.mine(2, node=nodes.apart)
    nodes.join(nodes.apart)
    pay.run(expect=1)
    for node in (nodes.pool, nodes.peer, nodes.apart):
        node.rpc("invalidateblock", block)
    # The other one is in the mempools now: the payout has to be mined without them.
    nodes.pool.rpc("generateblock", nodes.elsewhere, [stored(pay)])
    wait(lambda: nodes.peer.rpc("getbestblockhash") == nodes.pool.rpc("getbestblockhash"))
    nodes.mine(3)
    pay.run()
    assert pay.statuses() == ["confirmed"] and pay.frozen() is not None
    pay.check_paid(nodes.received, owed)
    for node in (nodes.pool, nodes.peer, nodes.apart):
        node.rpc("reconsiderblock", block)
    nodes.join(nodes.apart)


# --- what a human decides about a conflict ---


def conflict(nodes, pay, fault_program, *to):
    """The only payout, stored and never sent, has lost its coins to another transaction of the wallet, which
    a miner elsewhere mined and which pays one coin to each of TO; that one's id."""
    nodes.mine(1)
    nodes.join(nodes.apart)
    pay.run(program=fault_program, fault="payout.store:1:die", expect=-9)
    other = spend_otherwise(nodes, pay, *to)
    txid = nodes.apart.rpc("sendrawtransaction", other)
    nodes.mine(1, node=nodes.apart)
    nodes.join(nodes.apart)
    pay.run(expect=1)
    assert pay.statuses() == ["conflicted"]
    return txid


def cancel(pay, *words, expect=0):
    number = pay.payouts()[0][0]
    return pay.penstockctl("payouts", "cancel", number, *words, expect=expect)


def test_a_conflict_that_the_wallet_never_knew_is_cancelled_on_proof(nodes, payments, fault_program):
    pay = payments()
    miner = pay.owed(COIN, to := address(nodes))
    txid = conflict(nodes, pay, fault_program)
    pay.run()
    assert "frozen" in pay.output and pay.statuses() == ["conflicted"]
    assert "no more than 1 of 3 confirmations" in cancel(pay, "--reason", "seen", expect=1)
    nodes.mine(2)
    assert cancel(pay, expect=64) and pay.statuses() == ["conflicted"]
    assert f"could be cancelled: transaction {txid} has spent its coins (confirmations: 3)" in cancel(pay, "--dry-run")
    assert pay.statuses() == ["conflicted"] and pay.balance(miner) == 0
    assert "1.00000000 given back" in cancel(pay, "--reason", "another installation spent them")
    assert pay.statuses() == ["cancelled"] and pay.balance(miner) == COIN and pay.account("in_flight") == 0
    assert "another installation spent them" in pay.penstockctl("payouts", "show", pay.payouts()[0][0])
    assert "is cancelled" in cancel(pay, "--reason", "again", expect=65)
    pay.check_books()
    pay.penstockctl("payouts", "thaw", "--network", pay.network, "--reason", "booked", "--force")
    pay.run()
    nodes.mine(3)
    pay.run()
    assert sorted(pay.statuses()) == ["cancelled", "confirmed"]
    assert nodes.received(to) == COIN - pay.payouts()[1][4] and pay.balance(miner) == 0
    pay.check_books()


def test_a_conflict_that_paid_the_same_miner_is_not_given_back_lightly(nodes, payments, fault_program):
    pay = payments(payout_confirmations=1)
    miner = pay.owed(COIN, to := address(nodes))
    conflict(nodes, pay, fault_program, to)
    assert "pays 1 of its receivers" in cancel(pay, "--reason", "seen", expect=1)
    assert pay.statuses() == ["conflicted"] and pay.balance(miner) == 0
    cancel(pay, "--reason", "it was a present", "--force")
    assert pay.balance(miner) == COIN
    pay.check_books()


def test_without_proof_nothing_is_cancelled(nodes, payments, fault_program):
    pay = payments(payout_confirmations=1)
    owed = {pay.owed(COIN, address(nodes)): COIN}
    pay.run(program=fault_program, fault="payout.store:1:die", expect=-9)
    assert "is stored: only a conflicted one" in cancel(pay, "--reason", "no", expect=65)
    pay.query("UPDATE payout SET status = 'conflicted' WHERE network = %s", pay.network)
    assert "there is no proof" in cancel(pay, "--reason", "no", expect=1)
    nodes.own("sendrawtransaction", stored(pay))
    assert "nothing has taken its place" in cancel(pay, "--reason", "no", expect=1)
    assert "no payout" in pay.penstockctl("payouts", "cancel", "nonsense", "--reason", "no", expect=65)
    nodes.mine(1)
    pay.run()
    assert pay.statuses() == ["confirmed"]
    pay.check_paid(nodes.received, owed)


def test_a_conflict_that_is_known_is_cancelled_on_proof_too(nodes, payments, fault_program):
    nodes.mine(1)
    nodes.join(nodes.apart)
    pay = payments()
    miner = pay.owed(COIN, address(nodes))
    pay.run(program=fault_program, fault="payout.store:1:die", expect=-9)
    other = spend_otherwise(nodes, pay)
    pay.run()
    txid = nodes.apart.rpc("sendrawtransaction", other)
    nodes.mine(3, node=nodes.apart)
    nodes.join(nodes.apart)
    pay.run(expect=1)
    assert f"transaction {txid} has spent its coins (confirmations: 3)" in cancel(pay, "--reason", "seen")
    assert pay.statuses() == ["cancelled"] and pay.balance(miner) == COIN
    pay.check_books()


def test_a_conflict_never_known_and_undone_is_sent_once_payouts_go_on(nodes, payments, fault_program):
    pay = payments(payout_confirmations=1)
    owed = {pay.owed(COIN, address(nodes)): COIN}
    conflict(nodes, pay, fault_program)
    pay.query("UPDATE payout_freeze SET reason = 'a test' WHERE network = %s", pay.network)
    block = nodes.pool.rpc("getbestblockhash")
    for node in (nodes.pool, nodes.peer, nodes.apart):
        node.rpc("invalidateblock", block)
    nodes.pool.rpc("generateblock", nodes.elsewhere, [])  # without the other one, which is in mempools again
    wait(lambda: nodes.peer.rpc("getbestblockhash") == nodes.pool.rpc("getbestblockhash"))
    pay.run()
    assert "frozen" in pay.output and pay.statuses() == ["conflicted"]
    pay.penstockctl("payouts", "thaw", "--network", pay.network, "--reason", "it lost", "--force")
    pay.run(expect=75)
    assert "not taken yet" in pay.output  # the mempool has the other one
    nodes.pool.rpc("generateblock", nodes.elsewhere, [stored(pay)])
    wait(lambda: nodes.peer.rpc("getbestblockhash") == nodes.pool.rpc("getbestblockhash"))
    pay.run()
    assert pay.statuses() == ["confirmed"]
    pay.check_paid(nodes.received, owed)
    nodes.mine(2)
    for node in (nodes.pool, nodes.peer, nodes.apart):
        node.rpc("reconsiderblock", block)
    nodes.join(nodes.apart)


# --- encryption ---


def secret_file(folder, text):
    path = folder / "passphrase"
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


@pytest.fixture(scope="module")
def encrypted(nodes):
    nodes.pool.rpc("createwallet", "crypt", False, False, "open sesame", False, None, True)
    nodes.own("sendtoaddress", nodes.own("getnewaddress", wallet="crypt"), 20)
    nodes.mine(1)
    yield "crypt"


def test_an_encrypted_wallet_is_unlocked_for_signing_only(env, db, nodes, tmp_path, encrypted):
    pay = Payments(env, db, tmp_path, nodes.wallet(encrypted),
                   wallet_settings=f"passphrase_file = {secret_file(tmp_path, 'open sesame')}")
    owed = {pay.owed(COIN, address(nodes)): COIN}
    pay.run()
    assert nodes.own("getwalletinfo", wallet=encrypted)["unlocked_until"] == 0
    assert "sesame" not in pay.output
    nodes.mine(3)
    pay.run()
    pay.check_paid(nodes.received, owed)


def test_a_wallet_that_somebody_opened_stays_open(env, db, nodes, tmp_path, encrypted):
    pay = Payments(env, db, tmp_path, nodes.wallet(encrypted))
    miner = pay.owed(COIN, address(nodes))
    pay.run(expect=75)
    assert "set passphrase_file" in pay.output and pay.balance(miner) == COIN
    nodes.own("walletpassphrase", "open sesame", 6000, wallet=encrypted)
    pay.run()
    assert pay.balance(miner) == 0
    assert nodes.own("getwalletinfo", wallet=encrypted)["unlocked_until"] > 0
    nodes.own("walletlock", wallet=encrypted)


def test_a_wrong_passphrase_pays_nobody(env, db, nodes, tmp_path, encrypted):
    pay = Payments(env, db, tmp_path, nodes.wallet(encrypted),
                   wallet_settings=f"passphrase_file = {secret_file(tmp_path, 'wrong one')}")
    miner = pay.owed(COIN, address(nodes))
    pay.run(expect=75)
    assert pay.payouts() == () and pay.balance(miner) == COIN
    assert "passphrase" in pay.output and "wrong one" not in pay.output


# --- sweeping ---


def test_what_the_hot_wallet_holds_beyond_its_cap_is_swept(nodes, payments):
    cold = address(nodes)
    pay = payments(sweep_address=cold, minimum_payout=50 * COIN)
    funds = units(nodes.own("getwalletinfo")["balance"])
    pay.write(hot_wallet_max=funds - 3 * COIN)
    waiting = pay.owed(COIN, address(nodes))
    pay.post(("mature", "", -100 * COIN), ("pool_fee", "", 100 * COIN))
    pay.run()
    ((_, status, _, amount, fee, _),) = pay.payouts("sweep")
    assert status == "sent" and amount == 3 * COIN
    assert pay.account("in_flight") == 3 * COIN and pay.account("cold") == -(3 * COIN - fee)
    pay.run()
    assert len(pay.payouts("sweep")) == 1
    nodes.mine(3)
    pay.run()
    assert pay.statuses("sweep")[0] == "confirmed"
    assert nodes.received(cold) == 3 * COIN - fee
    assert pay.account("in_flight") == 0 and pay.account("mature") == -98 * COIN
    assert pay.account("network_fee") == -fee and pay.balance(waiting) == COIN
    pay.check_books()


def test_what_is_owed_is_never_swept(nodes, payments):
    pay = payments(sweep_address=address(nodes), hot_wallet_max=1, minimum_payout=50 * COIN)
    pay.owed(2 * COIN, address(nodes))
    pay.run()
    assert pay.payouts("sweep") == ()


# --- two at once ---


def test_two_runs_at_once_pay_once(nodes, payments):
    pay = payments()
    owed = {pay.owed(COIN, address(nodes)): COIN for _ in range(3)}
    for _ in range(5):
        runs = [subprocess.Popen(pay.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True) for _ in range(3)]
        texts = [(run.communicate(timeout=300)[0], run.returncode) for run in runs]
        assert all(status == 0 for _, status in texts), texts
        pay.owe(miner := next(iter(owed)), 1)
    pay.query("DELETE FROM payout_freeze WHERE network = %s", pay.network)
    nodes.mine(3)
    pay.run()
    assert len(pay.payouts()) == 1 and pay.balance(miner) == 5
    assert sum(nodes.received(a) for (a,) in pay.query(
        "SELECT address FROM payout_item i JOIN payout p ON p.id = i.payout_id WHERE p.network = %s",
        pay.network)) == 3 * COIN - pay.payouts()[0][4]
    pay.check_books()


def test_two_runs_at_once_without_the_lock(env, db, nodes, tmp_path):
    """The lock is by network: two networks that are one to the wallet find different coins."""
    pays = [Payments(env, db, tmp_path, nodes.wallet(), label="w-both") for _ in range(2)]
    owed = [{pay.owed(COIN + i, address(nodes)): COIN + i for i in range(3)} for pay in pays]
    runs = [subprocess.Popen(pay.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True) for pay in pays]
    for run in runs:
        run.communicate(timeout=300)
    for pay in pays:
        pay.run()
    nodes.mine(3)
    for pay, debts in zip(pays, owed):
        pay.run()
        pay.check_paid(nodes.received, debts)


# --- servers die ---


@pytest.mark.parametrize("server", ["wallet", "database"])
def test_servers_that_die_during_a_run(env, nodes, payments, ctl, seed, server):
    import random
    rng = random.Random(seed)
    pay = payments(payout_interval_s=0)
    miner = pay.owed(COIN, to := address(nodes))
    for _ in range(2):
        run = subprocess.Popen(pay.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.02, 0.12))
        if server == "wallet":
            nodes.restart_pool(kill=True)
        else:
            ctl("kill", "mariadb")
            ctl("start", "mariadb")
            pay.reconnect()
        run.wait(300)
        wait(lambda: pay.run(expect=None) == 0)
    wait(lambda: pay.run(expect=None) == 0 and pay.balance(miner) == 0)
    wait(lambda: pay.run(expect=None) == 0 and pay.payouts()[0][2] in nodes.pool.rpc("getrawmempool"))
    nodes.mine(3)
    wait(lambda: pay.run(expect=None) == 0)
    fee = pay.one("SELECT SUM(fee) FROM payout WHERE network = %s", pay.network)
    assert set(pay.statuses()) == {"confirmed"} and nodes.received(to) == COIN - fee
    pay.check_books()
