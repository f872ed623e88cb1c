"""share-out: the worked cases, the schemes, what a wallet, a second run or a reorganisation do to it, and
that no unit of money comes to be or goes missing whatever happens."""

import json
import random
import subprocess
import time
import uuid

import pytest

from money import COIN, OURS, THEIRS


def ids(count):
    """Of miners, the smallest first."""
    return sorted(str(uuid.uuid4()) for _ in range(count))


def split(pool, shares, subsidy):
    """The credits of a block of SUBSIDY to which miner i has SHARES[i], and the block."""
    miners = [pool.miner(guid) for guid in ids(len(shares))]
    block = pool.found(subsidy)
    for miner, count in zip(miners, shares):
        pool.shares(miner, count, block)
    pool.mature()
    pool.task("share-out")
    credits = pool.credits(block)
    return [credits[miner] for miner in miners], block


# --- worked cases ---


@pytest.mark.parametrize("fee_bp, subsidy, shares, expected, fee", [
    (0, 100, [3, 2], [60, 40], 0),
    (0, 100 * COIN, [3, 2], [60 * COIN, 40 * COIN], 0),
    (500, 100, [3, 2], [57, 38], 5),
    (500, 100 * COIN, [3, 2], [57 * COIN, 38 * COIN], 5 * COIN),
    (0, 200, [1, 1, 1], [67, 67, 66], 0),
    (0, 200 * COIN, [1, 1, 1], [6666666667, 6666666667, 6666666666], 0),
    (500, 5492 * COIN, [1], [521740000000], 27460000000),
    (10000, 100, [3, 2], [0, 0], 100),
])
def test_worked_cases(money, fee_bp, subsidy, shares, expected, fee):
    pool = money(fee_bp=fee_bp)
    credits, block = split(pool, shares, subsidy)
    assert credits == expected
    assert pool.status(block) == "finished"
    balances = pool.balances()
    assert balances.pop("pool_fee", 0) == fee
    assert balances.pop("mature") == -subsidy
    assert sorted(balances.values()) == sorted(amount for amount in expected if amount)
    assert pool.one("SELECT note FROM journal WHERE network = %s AND kind = 'share-out'",
                    pool.network) == f"Share for block {1}"


def test_no_shares(money):
    pool = money(fee_bp=500)
    block = pool.found(100)
    pool.mature()
    pool.task("share-out")
    assert pool.status(block) == "finished"
    assert pool.balances() == {"pool_fee": 100, "mature": -100}


def test_no_subsidy(money):
    pool = money()
    block = pool.found(0)
    pool.shares(pool.miner(), 3, block)
    pool.mature()
    pool.task("share-out")
    assert pool.status(block) == "finished"
    assert pool.balances() == {}


@pytest.mark.parametrize("how", ["another recipient", "another block"])
def test_stale(money, how):
    """What the block would have brought is taken back, and its shares are paid with the next block."""
    pool = money()
    miner = pool.miner()
    block = pool.found(100)
    pool.shares(miner, 5, block)
    pool.mature()
    height = pool.one("SELECT height FROM block WHERE id = %s", block)
    if how == "another recipient":
        pool.chain.blocks[height]["recipient"] = THEIRS
    else:
        pool.chain.cut(height)
        pool.chain.add(), pool.mature()
    pool.task("share-out", "--dry-run")
    assert pool.status(block) == "assigned"
    assert "stale" in pool.task("share-out")
    assert pool.status(block) == "stale"
    assert pool.balances() == {}
    pool.task("find-blocks")
    assert pool.status(block) == ("stale" if how == "another recipient" else "orphaned")
    pool.alive()
    following = pool.found(70, assigned=False)
    pool.task("assign-shares")
    pool.mature()
    pool.task("share-out")
    assert pool.credits(following) == {miner: 70}
    assert pool.credits(block) == {}


def test_another_block_of_the_pools_in_its_place(money):
    """Then the shares are that block's."""
    pool = money()
    miner = pool.miner()
    block = pool.found(100)
    pool.shares(miner, 5, block)
    height = pool.one("SELECT height FROM block WHERE id = %s", block)
    pool.chain.cut(height)
    pool.chain.add(OURS, 40)
    pool.mature()
    assert "stale" in pool.task("share-out")
    assert pool.balances() == {}
    pool.task("find-blocks")
    pool.alive()
    pool.task("assign-shares")
    pool.task("share-out")
    assert pool.status(block) == "orphaned"
    assert pool.balances() == {miner: 40, "mature": -40}


def test_dry_run_writes_nothing(money):
    pool = money(fee_bp=500)
    block = pool.found(100)
    pool.shares(pool.miner(), 3, block)
    pool.mature()
    tables = ("block", "block_split", "journal", "account", "payout_freeze", "task_run", "tip")
    before = [pool.query(f"SELECT * FROM {table} WHERE network = %s", pool.network) for table in tables]
    said = pool.task("share-out", "--dry-run")
    assert "0.00000100 would be split (prop) among 1 miners by 3 shares, 0.00000005" in said
    assert before == [pool.query(f"SELECT * FROM {table} WHERE network = %s", pool.network)
                      for table in tables]
    pool.task("share-out")
    assert pool.status(block) == "finished"


# --- when ---


def test_it_waits_until_a_block_has_matured(money):
    pool = money(maturity_blocks=3)
    block = pool.found(100)
    pool.shares(pool.miner(), 1, block)
    for _ in range(2):
        pool.task("share-out")
        assert pool.status(block) == "assigned"
        pool.chain.add()
    pool.task("share-out")
    assert pool.status(block) == "finished"


def test_it_waits_until_a_block_is_old_enough(money):
    pool = money(maturity_s=86400)
    block = pool.found(100)
    pool.mature()
    pool.task("share-out")
    assert pool.status(block) == "assigned"
    pool.query("UPDATE block SET chain_time = UTC_TIMESTAMP() - INTERVAL 86401 SECOND WHERE id = %s", block)
    pool.task("share-out")
    assert pool.status(block) == "finished"


def test_open_and_foreign_blocks_are_left_alone(money):
    pool = money()
    block = pool.found(100, assigned=False)
    pool.mature()
    pool.task("find-blocks")
    pool.task("share-out")
    assert pool.query("SELECT DISTINCT status FROM block WHERE network = %s", pool.network) == (("open",),)
    assert pool.balances() == {"unshared": 100, "immature": -100}
    assert pool.status(block) == "open"


def test_a_wallet_that_fails_leaves_the_block_for_the_next_run(money):
    """Also one that was processing as a run died: nothing stays in that state."""
    pool = money()
    miner = pool.miner()
    first, second = pool.found(100), pool.found(10)
    for block in (first, second):
        pool.shares(miner, 1, block)
    pool.mature()
    pool.query("UPDATE block SET status = 'processing' WHERE id = %s", first)
    for failing in ("getblockhash", "getblock", "exec"):
        pool.chain.fail = lambda method, params, failing=failing: method == failing
        pool.task("share-out", status=75)
        assert [pool.status(block) for block in (first, second)] == ["processing", "assigned"]
    pool.chain.fail = lambda method, params: params[:1] == ["subsidy"] and params[1] != str(
        pool.one("SELECT height FROM block WHERE id = %s", first))
    pool.task("share-out", status=75)  # the second block's answer does not come
    assert [pool.status(block) for block in (first, second)] == ["finished", "assigned"]
    pool.chain.fail = None
    pool.task("share-out")
    assert pool.status(second) == "finished"
    assert pool.balances() == {miner: 110, "mature": -110}


def test_many_at_once_credit_once(money):
    pool = money()
    miner = pool.miner()
    blocks = [pool.found(100 + i) for i in range(3)]
    for block in blocks:
        pool.shares(miner, 2, block)
    pool.mature()
    command = [f"{pool.env['PENSTOCK_BIN']}/penstock-task", "share-out", "--config", pool.path]
    running = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True) for _ in range(6)]
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
    assert [pool.status(block) for block in blocks] == ["finished"] * 3
    assert pool.balances() == {miner: 303, "mature": -303}
    pool.task("share-out")
    assert pool.balances() == {miner: 303, "mature": -303}


@pytest.mark.parametrize("change, status, said", [
    ("status = 'finished', finished_at = NOW(6)", 0, ""),  # another run was faster
    ("status = 'orphaned'", 75, "changed meanwhile"),
    ("epoch = epoch + 1, status = 'assigned'", 75, "changed meanwhile"),
    ("status = 'open'", 75, "changed meanwhile"),
])
def test_a_block_that_changes_under_the_run(money, change, status, said):
    """The lock of the task is not what guards a block: whoever gets its row first does."""
    pool = money()
    block = pool.found(100)
    pool.shares(pool.miner(), 2, block)
    pool.mature()
    before = pool.balances()
    pool.query("BEGIN")
    pool.query("SELECT id FROM block WHERE id = %s FOR UPDATE", block)
    command = [f"{pool.env['PENSTOCK_BIN']}/penstock-task", "share-out", "--config", pool.path]
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 180
    while not pool.one("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
                       " AND trx_query LIKE '%%block%%'"):
        assert time.monotonic() < end and running.poll() is None, "it does not wait for the row"
        time.sleep(0.3)  # the server looks anew at what it shows there only if nobody asked for 0.1 s
    pool.query(f"UPDATE block SET {change} WHERE id = %s", block)
    pool.query("COMMIT")
    out, _ = running.communicate(timeout=120)
    assert running.returncode == status and said in out, out
    assert pool.balances() == before and pool.credits(block) == {}
    assert pool.one("SELECT COUNT(*) FROM payout_freeze WHERE network = %s", pool.network) == 0


# --- what must not happen ---


@pytest.mark.parametrize("forge", [
    "INSERT INTO block_split (block_id, network, scheme, fee_bp, subsidy, fee, shares, weight)"
    " VALUES ({b}, '{n}', 'prop', 0, 100, 100, 0, 0)",
    "INSERT INTO journal (network, kind, ref) VALUES ('{n}', 'share-out', '{b}.0')",
    "UPDATE account SET balance = 99 WHERE network = '{n}' AND kind = 'unshared'",
    "UPDATE block SET subsidy = 101 WHERE id = {b}",
])
def test_books_that_contradict_the_block(money, forge):
    """It is not shared out, the run fails, and the block after it still gets its turn."""
    pool = money()
    miner = pool.miner()
    block, other = pool.found(100), pool.found(0)
    pool.shares(miner, 1, block)
    pool.mature()
    pool.query(forge.format(b=block, n=pool.network))
    pool.task("share-out", status=1)
    assert pool.status(block) == "processing" or "subsidy" in forge
    assert pool.credits(block) == {}
    assert miner not in pool.balances()
    assert pool.status(other) == "finished"
    pool.query("UPDATE account SET balance = 100 WHERE network = %s AND kind = 'unshared'", pool.network)
    pool.query("UPDATE block SET subsidy = 100 WHERE id = %s", block)
    pool.query("DELETE FROM block_split WHERE block_id = %s", block)
    pool.query("DELETE FROM journal WHERE ref = %s AND kind = 'share-out'", f"{block}.0")
    pool.task("share-out")
    assert pool.balances() == {miner: 100, "mature": -100}


def test_foreign_miners_shares_are_worth_nothing(money):
    """A frontend in enemy hands may tie a worker to whatever miner it likes."""
    pool = money()
    miner, foreign = pool.miner(), pool.miner(network="money-elsewhere")
    block = pool.found(100)
    pool.shares(miner, 1, block)
    pool.shares(foreign, 9, block)
    pool.mature()
    pool.task("share-out")
    assert pool.credits(block) == {miner: 100}
    pool.query("DELETE FROM worker WHERE miner_id = %s", foreign)
    pool.query("DELETE FROM miner WHERE id = %s", foreign)


def test_disabled_miners_keep_what_they_worked_for(money):
    pool = money()
    miner = pool.miner()
    block = pool.found(100)
    pool.shares(miner, 1, block)
    pool.query("UPDATE miner SET disabled = TRUE WHERE id = %s", miner)
    pool.mature()
    pool.task("share-out")
    assert pool.balances() == {miner: 100, "mature": -100}


def test_more_miners_than_one_event_holds(money):
    """The ledger has several then, of one transaction, and all of it adds up."""
    pool, n = money(fee_bp=100), 10100
    pool.query("INSERT INTO miner (id, network, address) SELECT UUID(), %s, UUID() FROM seq_1_to_10100",
               pool.network)
    pool.query("INSERT INTO worker (miner_id, name) SELECT id, 'x' FROM miner WHERE network = %s", pool.network)
    block = pool.found(10**9)
    pool.query("INSERT INTO share (message_id, day, network, pow_hash, worker_id, work_id, received_at, difficulty,"
               " block_id) SELECT UUID(), UNIX_TIMESTAMP() DIV 86400, m.network, UNHEX(SHA2(m.id, 256)), w.id,"
               " UUID(), UTC_TIMESTAMP(6) - INTERVAL 3 HOUR, 1 + w.id %% 7, %s FROM miner m JOIN worker w ON"
               " w.miner_id = m.id WHERE m.network = %s", block, pool.network)
    pool.mature()
    pool.task("share-out")
    credits, balances = pool.credits(block), pool.balances()
    assert len(credits) == n and sum(credits.values()) == 990000000
    assert balances.pop("pool_fee") == 10000000 and balances.pop("mature") == -(10**9)
    assert balances == credits
    assert pool.query("SELECT ref FROM journal WHERE network = %s AND kind = 'share-out' ORDER BY id",
                      pool.network) == ((f"{block}.0",), (f"{block}.0.2",), (f"{block}.0.3",))
    assert "DIFFERENT" not in pool.ctl("explain", "1", "--network", pool.network)
    audit = json.loads(pool.run("penstock-task", "audit", "--json", "--network", pool.network).stdout)
    assert {found["check"] for found in audit["differences"]} <= {"roll-up"}  # of which these shares have none


# --- schemes ---


def test_shares_weigh_what_they_are_difficult(money):
    pool = money()
    light, heavy = pool.miner(), pool.miner()
    block = pool.found(100)
    pool.shares(light, 10, block, difficulty=2**62)
    pool.shares(heavy, 1, block, difficulty=2**63 - 1)
    pool.shares(heavy, 2, block, difficulty=2**64 - 1)  # sums go beyond 64 bits
    pool.mature()
    pool.task("share-out")
    assert pool.credits(block) == {light: 50, heavy: 50}


def test_solo(money):
    pool = money(scheme="solo", fee_bp=100)
    finder, other = pool.miner(), pool.miner()
    block = pool.found(1000, finder=finder)
    pool.shares(other, 50, block)
    late = pool.found(1000, finder=other)
    nobody = pool.found(1000, finder=str(uuid.uuid4()))
    pool.shares(other, 1, nobody)
    pool.shares(finder, 2, nobody)
    pool.mature()
    pool.task("share-out")
    assert pool.credits(block) == {finder: 990}
    assert pool.credits(late) == {other: 990}
    assert pool.credits(nobody) == {other: 330, finder: 660}  # then it is PROP
    assert dict(pool.query("SELECT block_id, scheme FROM block_split WHERE network = %s",
                           pool.network)) == {block: "solo", late: "solo", nobody: "prop"}


def test_pplns(money):
    """Difficulty 2 and 500 %: the last 10."""
    pool = money(scheme="pplns", pplns_percent=500)
    a, b, c = (pool.miner() for _ in range(3))
    first = pool.found(100)
    pool.shares(a, 4, first)  # 4 of 10: by what there is
    second = pool.found(100)
    pool.shares(b, 3, second)
    pool.shares(c, 1, second, difficulty=4)  # and 3 of a's
    third = pool.found(100)
    pool.shares(a, 1, third, difficulty=3)
    pool.shares(b, 1, third, difficulty=8)  # full: 2 of the 3 before
    pool.mature()
    pool.task("share-out")
    assert pool.credits(first) == {a: 100}
    assert pool.credits(second) == {a: 30, b: 30, c: 40}
    assert pool.credits(third) == {a: 20, b: 80}
    assert pool.query("SELECT wanted, shares, weight FROM block_split WHERE network = %s ORDER BY block_id",
                      pool.network) == ((10, 4, 4), (10, 7, 10), (10, 2, 10))


def test_pplns_by_time_and_then_by_message(money):
    """Within one microsecond the message's id decides, so that a window always ends at the same share."""
    pool = money(scheme="pplns", pplns_percent=100)
    a, b = pool.miner(), pool.miner()
    block = pool.found(100)
    moment = pool.clock.replace(microsecond=5)
    for miner, count in ((a, 2), (b, 2)):
        pool.shares(miner, count, block, at=moment)
    rows = pool.query("SELECT worker_id FROM share WHERE network = %s ORDER BY message_id DESC LIMIT 2",
                      pool.network)
    expected = {}
    for (worker,) in rows:
        guid = a if worker == pool.workers[a] else b
        expected[guid] = expected.get(guid, 0) + 50
    pool.mature()
    pool.task("share-out")
    assert pool.credits(block) == expected


# --- a chain that loses blocks ---


def test_a_block_that_lost_and_came_back_is_paid_once(money):
    pool = money(maturity_blocks=4)
    miner = pool.miner()
    block = pool.found(100)
    pool.shares(miner, 3, block)
    height = pool.one("SELECT height FROM block WHERE id = %s", block)
    kept = pool.chain.blocks[height:]
    for _ in range(2):
        pool.chain.cut(height)
        pool.chain.add()
        pool.task("find-blocks")
        assert pool.status(block) == "orphaned"
        assert pool.balances() == {}
        pool.chain.cut(height)
        pool.chain.blocks += kept
        pool.task("find-blocks")
        assert pool.status(block) == "open"
        assert pool.balances() == {"unshared": 100, "immature": -100}
    pool.alive()
    pool.task("assign-shares")
    for _ in range(4):
        pool.chain.add()
    pool.task("share-out")
    assert pool.credits(block) == {miner: 100}
    assert pool.balances() == {miner: 100, "mature": -100}
    assert pool.one("SELECT ref FROM journal WHERE network = %s AND kind = 'share-out'",
                    pool.network) == f"{block}.2"


SCHEMES = ("prop", "pplns", "solo")


def random_block(pool, choice, miners):
    if choice.random() < 0.6:
        bits = choice.choice(["207fffff", "2000ffff"])
        pool.chain.add(OURS, choice.choice([0, 1, 7, 100, choice.randrange(10**12)]),
                       finder=choice.choice(miners), bits=bits)
    else:
        pool.chain.add()


def random_step(pool, choice, miners):
    for _ in range(choice.randrange(4)):
        pool.shares(choice.choice(miners), choice.randrange(6), difficulty=choice.choice([1, 1, 2, 1000]))
    for _ in range(choice.randrange(3)):
        random_block(pool, choice, miners)
    if choice.random() < 0.3:  # never as deep as what is finished already
        depth = choice.randrange(1, 4)
        pool.chain.cut(max(1, len(pool.chain.blocks) - depth))
        for _ in range(depth + 1):
            random_block(pool, choice, miners)
    for task in choice.sample(["find-blocks", "assign-shares", "share-out"], 3):
        pool.task(task)


def live(money, scheme, seed):
    """A pool's life by chance, which is the same again for the same SEED; the pool and its miners."""
    choice = random.Random(f"{seed} {scheme}")

    def settings():
        return {"scheme": choice.choice(SCHEMES) if scheme == "any" else scheme, "maturity_blocks": 4,
                "fee_bp": choice.choice([0, 1, 333, 10000, choice.randrange(0, 3000)]),
                "pplns_percent": choice.choice([100, 1000, 100000])}

    pool = money(**settings())
    miners = [pool.miner() for _ in range(5)]
    pool.alive()
    for step in range(10):
        random_step(pool, choice, miners)
        if step % 3 == 0:
            pool.configure(**settings())
        pool.alive()
    pool.chain.add(OURS, 12345)
    for _ in range(4):
        pool.chain.add()
    for _ in range(pool.one("SELECT COUNT(*) FROM block WHERE network = %s", pool.network) + 5):
        for task in ("find-blocks", "assign-shares", "share-out"):
            pool.alive()
            pool.task(task)
        if not pool.query("SELECT id FROM block WHERE network = %s AND pool_block AND status IN"
                          " ('open', 'assigned', 'processing', 'stale')", pool.network):
            break
    return pool, miners


def check_conserved(pool, miners):
    won = sum(b["subsidy"] for b in pool.chain.blocks[1:] if b["recipient"] == OURS)
    balances = pool.balances()
    assert balances.pop("mature", 0) == -won
    assert balances.pop("pool_fee", 0) + sum(balances.get(m, 0) for m in miners) == won
    assert balances.keys() <= set(miners)  # nothing is unshared, immature or in flight
    assert pool.one("SELECT COUNT(*) FROM share s JOIN block b ON b.id = s.block_id WHERE s.network = %s"
                    " AND b.status <> 'finished'", pool.network) == 0
    assert pool.one("SELECT COUNT(*) FROM payout_freeze WHERE network = %s", pool.network) == 0
    pool.books_hold()
    pool.ctl("explain", str(pool.chain.blocks.index(next(b for b in pool.chain.blocks if b["subsidy"] == 12345))),
             "--network", pool.network)


@pytest.mark.parametrize("scheme", [*SCHEMES, "any"])
def test_money_is_conserved(money, scheme):
    """Shares, fees, schemes and reorganisations by chance: what the blocks on the chain brought is, to the last
    unit, with the miners and the pool; each share is paid with one block at most."""
    check_conserved(*live(money, scheme, seed=1))


@pytest.mark.long
@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("scheme", [*SCHEMES, "any"])
def test_money_is_conserved_again_and_again(money, seed, scheme, number):
    check_conserved(*live(money, scheme, seed=f"{seed} {number}"))


# --- on a real node ---


def test_on_litecoin(env, rpc, money):
    """From a block that the node mined to the credits, by all three tasks."""
    node = rpc("pool")
    address = node("getnewaddress", "", "bech32")
    before = node("getblockcount")
    pool = money()
    wallet = {"url": env["PENSTOCK_WALLET_LITECOIN_URL"], "user": env["PENSTOCK_WALLET_LITECOIN_USER"],
              "password_file": env["PENSTOCK_WALLET_LITECOIN_PASSWORD_FILE"]}
    pool.configure(wallet, family="bitcoin", algorithm="scrypt", pool_address=address,
                   p2pkh_versions="111", p2sh_versions="58 196", bech32_prefix="rltc", halving_interval=150,
                   first_height=before + 1, fee_bp=500, maturity_blocks=2)
    miners = [pool.miner(guid) for guid in ids(2)]
    for miner, count in zip(miners, (3, 2)):
        pool.shares(miner, count)
    (mined,) = node("generatetoaddress", 1, address)
    subsidy = round(node("getblock", mined, 2)["tx"][0]["vout"][0]["value"] * COIN)
    pool.task("find-blocks")
    pool.alive()
    pool.task("assign-shares")
    pool.task("share-out")
    assert pool.balances() == {"unshared": subsidy, "immature": -subsidy}
    node("generatetoaddress", 1, node("getnewaddress"))
    pool.task("share-out")
    fee = subsidy * 500 // 10000
    first = -(-(subsidy - fee) * 3 // 5)
    assert pool.balances() in ({miners[0]: first, miners[1]: subsidy - fee - first, "pool_fee": fee,
                                "mature": -subsidy},
                               {miners[0]: first - 1, miners[1]: subsidy - fee - first + 1,
                                "pool_fee": fee, "mature": -subsidy})
