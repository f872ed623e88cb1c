"""find-blocks: what it stores, where it goes on, and how it follows a chain that is reorganised; on a
scripted wallet, on the stand-in for BiblePay's, and on two litecoinds."""

import datetime
import time
import uuid

import pytest

import biblepay
from litecoin_pair import Pair
from money import COIN, OURS, THEIRS


def stored(pool, columns="height"):
    rows = pool.query(f"SELECT {columns} FROM block WHERE network = %s AND status <> 'orphaned'"
                      " ORDER BY height", pool.network)
    return [row[0] for row in rows] if "," not in columns else list(rows)


def of_shares(pool):
    """How many shares each block has; None: no block."""
    return dict(pool.query("SELECT block_id, COUNT(*) FROM share WHERE network = %s GROUP BY block_id",
                           pool.network))


# --- what is stored ---


def test_all_of_a_block(money):
    pool = money()
    finder = pool.miner()
    pool.chain.add(OURS, 5492 * COIN + 1, finder=finder)
    pool.chain.add(THEIRS, 7, finder=str(uuid.uuid4()))
    pool.chain.blocks[2]["time"] = 1518041527
    pool.task("find-blocks")
    assert stored(pool, "height, LOWER(HEX(hash)), status, pool_block, recipient, subsidy, version,"
                        " version_text, difficulty, CAST(finder_id AS CHAR)") == [
        (1, pool.chain.blocks[1]["hash"], "open", 1, OURS, 5492 * COIN + 1, 1, "1.1", 2, finder),
        (2, pool.chain.blocks[2]["hash"], "open", 0, THEIRS, 7, 1, "1.1", 2, None)]
    assert stored(pool, "chain_time")[1] == datetime.datetime(2018, 2, 7, 22, 12, 7)  # UTC, its own
    assert pool.balances() == {"unshared": 5492 * COIN + 1, "immature": -5492 * COIN - 1}


def test_it_resumes_above_the_highest(money):
    pool = money()
    for _ in range(3):
        pool.chain.add()
    pool.task("find-blocks", "--max-height", "2")
    assert stored(pool) == [1, 2]
    assert "at block 3, the tip is 3; 1 new" in pool.task("find-blocks")
    assert "0 new" in pool.task("find-blocks")
    assert stored(pool) == [1, 2, 3]


@pytest.mark.parametrize("first, expected", [(0, 60), (1, 1), (257, 257)])
def test_where_an_empty_table_begins(money, first, expected):
    pool = money(first_height=first)
    for _ in range(260):
        pool.chain.add()
    pool.task("find-blocks", "--max-height", "259")
    assert (min(stored(pool)), max(stored(pool))) == (expected, 259)


def test_another_installation_pays(money):
    pool = money()
    pool.chain.add(OURS)
    pool.task("find-blocks", "--mark-processed")
    assert stored(pool, "status") == ["finished"] and pool.balances() == {}
    pool.chain.cut(1)  # and that it loses is not our loss
    pool.chain.add()
    pool.chain.add()
    pool.task("find-blocks", "--mark-processed")
    assert pool.query("SELECT 1 FROM payout_freeze WHERE network = %s", pool.network) == ()


def test_a_former_address_is_the_pools(money):
    pool = money(pool_address=THEIRS, former_pool_addresses=f"{OURS}=2020-01-01T00:00:00Z")
    pool.chain.add(OURS)
    pool.task("find-blocks")
    assert stored(pool, "pool_block") == [1]


def test_a_dry_run_stores_nothing(money):
    pool = money()
    pool.chain.add(OURS)
    assert "1 would be new, 1 of the pool" in pool.task("find-blocks", "--dry-run")
    for table in ("block", "tip", "journal", "task_run", "task_lock"):
        assert pool.one(f"SELECT COUNT(*) FROM {table} WHERE network = %s", pool.network) == 0


# --- when it does not judge ---


def test_a_reply_without_subsidy_stops_the_run(money):
    pool = money()
    for _ in range(3):
        pool.chain.add()
    answer = pool.chain.answer
    pool.chain.answer = lambda method, params: (
        {"error": "block not found"} if params[:2] == ["subsidy", "2"] else answer(method, params))
    pool.task("find-blocks", status=75)
    assert stored(pool) == [1]
    pool.chain.answer = answer
    pool.task("find-blocks")
    assert stored(pool) == [1, 2, 3]


@pytest.mark.parametrize("said", [{"getconnectioncount": 0},
                                  {"getblockchaininfo": {"blocks": 1, "headers": 9}},
                                  {"getblockchaininfo": {"initialblockdownload": True}}])
def test_it_does_not_judge_by_a_wallet_that_syncs(money, said):
    pool = money()
    pool.chain.add(OURS)
    pool.chain.add()
    pool.task("find-blocks")
    pool.chain.cut(1)  # all is lost, as far as this wallet can tell
    for _ in range(3):
        pool.chain.add()
    answer = pool.chain.answer
    pool.chain.answer = lambda method, params: said.get(method, answer(method, params))
    pool.task("find-blocks", status=75)
    assert stored(pool) == [1, 2]
    assert pool.one("SELECT outcome FROM task_run WHERE network = %s ORDER BY id DESC LIMIT 1",
                    pool.network) == "waiting"


def test_a_lower_tip_is_no_orphan(money):
    pool = money()
    for _ in range(5):
        pool.chain.add()
    pool.task("find-blocks")
    pool.chain.cut(3)
    pool.task("find-blocks", status=75)
    pool.query("DELETE FROM tip WHERE network = %s", pool.network)  # even if no tip is remembered
    pool.task("find-blocks", status=75)
    assert stored(pool) == [1, 2, 3, 4, 5]


def test_another_chain_altogether_is_not_believed(money):
    pool = money()
    for _ in range(110):
        pool.chain.add()
    pool.task("find-blocks")
    pool.chain.cut(1)
    for _ in range(120):
        pool.chain.add()
    pool.task("find-blocks", status=1)
    assert len(stored(pool)) == 110


def test_wallets_that_die_on_the_way(money):
    """At every call there is: the next run goes on, and nothing is stored twice."""
    pool = money()
    for n in range(4):
        pool.chain.add(OURS if n % 2 else THEIRS)
    calls = [0, 0]  # made, and which of them fails

    def fail(*_):
        calls[0] += 1
        return calls[0] == calls[1]

    pool.chain.fail = fail
    for calls[1] in range(1, 60):
        calls[0] = 0
        done = pool.run("penstock-task", "find-blocks", "--network", pool.network)
        assert done.returncode in (0, 75), done.stderr
        if len(stored(pool)) == 4 and done.returncode == 0:
            break
    assert stored(pool) == [1, 2, 3, 4]
    assert pool.balances() == {"unshared": 100 * COIN, "immature": -100 * COIN}


# --- reorganisations ---


def test_a_block_that_lost(money):
    pool = money()
    miner = pool.miner()
    block = pool.found(100)
    pool.shares(miner, 3, block)
    pool.chain.cut(1)
    pool.chain.add()
    pool.chain.add(OURS, 70)
    pool.task("find-blocks")
    assert pool.status(block) == "orphaned"
    assert stored(pool, "height, pool_block") == [(1, 0), (2, 1)]
    assert of_shares(pool) == {None: 3}
    assert pool.balances() == {"unshared": 70, "immature": -70}
    pool.alive()
    pool.task("assign-shares")  # the next block gets them
    assert list(of_shares(pool).values()) == [3] and block not in of_shares(pool)


@pytest.mark.parametrize("status", ["open", "assigned", "processing"])
def test_a_block_that_comes_back(money, status):
    pool = money()
    first = pool.chain.blocks[:]
    block = pool.found(100)
    pool.query("UPDATE block SET status = %s WHERE id = %s", status, block)
    was = pool.chain.blocks[:]
    for again in range(1, 3):
        pool.chain.blocks = first[:]
        for _ in range(2 * again):
            pool.chain.add()
        pool.task("find-blocks")
        assert pool.status(block) == "orphaned" and pool.balances() == {}
        pool.chain.blocks = was[:]
        for _ in range(2 * again + 1):
            pool.chain.add()
        pool.task("find-blocks")
        assert pool.status(block) == "open"
        assert pool.one("SELECT epoch FROM block WHERE id = %s", block) == again
        assert pool.balances() == {"unshared": 100, "immature": -100}
    assert len(set(stored(pool))) == len(stored(pool))


def test_a_paid_block_that_lost_keeps_its_money_and_freezes(money):
    pool = money()
    miner = pool.miner()
    block = pool.found(100)
    pool.shares(miner, 1, block)
    pool.mature()
    pool.task("share-out")
    balances, was = pool.balances(), pool.chain.blocks[:]
    pool.chain.cut(1)
    for _ in range(5):
        pool.chain.add()
    pool.task("find-blocks")
    assert pool.status(block) == "orphaned" and pool.balances() == balances
    assert pool.one("SELECT frozen FROM payout_freeze WHERE network = %s ORDER BY id DESC LIMIT 1",
                    pool.network) == 1
    assert of_shares(pool) == {block: 1}
    pool.chain.blocks = was
    for _ in range(6):
        pool.chain.add()
    pool.task("find-blocks")
    assert pool.status(block) == "finished" and pool.balances() == balances
    pool.task("share-out")
    assert pool.balances() == balances


def test_a_run_that_died_before_the_shares_were_free(money):
    pool = money()
    block = pool.found(100)
    pool.shares(pool.miner(), 2, block)
    pool.query("UPDATE block SET status = 'orphaned' WHERE id = %s", block)
    pool.query("UPDATE block SET status = 'orphaned' WHERE network = %s", pool.network)
    pool.chain.cut(1)
    pool.chain.add()
    pool.chain.add()
    pool.query("BEGIN")
    pool.query("CALL post_journal(%s, 'block-orphaned', %s, '', %s)", pool.network, f"{block}.0",
               '[["immature","","100"],["unshared","","-100"]]')
    pool.query("COMMIT")
    pool.task("find-blocks")
    assert of_shares(pool) == {None: 2}


# --- real wallets ---


def test_the_stand_in_wallet(env, money, tmp_path):
    wallet = biblepay.Wallet(env, tmp_path, height=20)
    try:
        pool = money(wallet={"url": wallet.url, "user": wallet.user,
                             "password_file": wallet.password_file})
        miner = pool.miner()
        wallet.control(recipient=OURS, subsidy=100, minerguid=miner, new_blocks=1)
        wallet.control(recipient="", minerguid="", new_blocks=1)
        pool.task("find-blocks")
        assert stored(pool) == list(range(1, 23))
        assert stored(pool, "pool_block") == [0] * 20 + [1, 0]
        assert pool.query("SELECT subsidy, CAST(finder_id AS CHAR) FROM block WHERE network = %s"
                          " AND pool_block", pool.network) == ((100 * COIN, miner),)
        wallet.control(height=20)  # the same again, but another chain
        wallet.control(new_blocks=3)
        pool.task("find-blocks")
        assert stored(pool, "pool_block") == [0] * 23 and pool.balances() == {}
    finally:
        wallet.stop()


@pytest.fixture
def pair(tmp_path):
    nodes = Pair(tmp_path / "pair")
    yield nodes
    nodes.stop()


def on_litecoin(money, node, address, **settings):
    return money(wallet={"url": node.url, "user": node.user, "password_file": node.password_file},
                 family="bitcoin", algorithm="scrypt", pool_address=address, p2pkh_versions=111,
                 p2sh_versions="58 196", bech32_prefix="rltc", **settings)


def await_tip(node, tip):
    end = time.monotonic() + 180
    while node.rpc("getbestblockhash") != tip:
        assert time.monotonic() < end, "the node does not follow"
        time.sleep(0.05)


def find_with_peers(pool):
    """Nodes that found each other again may part once more, and then nothing is judged."""
    end = time.monotonic() + 180
    while (done := pool.run("penstock-task", "find-blocks", "--network", pool.network)).returncode != 0:
        assert done.returncode == 75 and time.monotonic() < end, done.stdout + done.stderr
        time.sleep(0.1)


def test_two_litecoinds_that_disagree(money, pair):
    first, second = pair.first, pair.second
    ours = first.rpc("getnewaddress", "", "legacy")
    pool = on_litecoin(money, first, ours)
    lost = first.rpc("generatetoaddress", 2, ours)
    pair.wait_synced()
    pool.task("find-blocks")
    assert stored(pool, "height, pool_block, recipient, subsidy, difficulty") == [
        (1, 0, pair.address, 50 * COIN, 2), (2, 1, ours, 50 * COIN, 2), (3, 1, ours, 50 * COIN, 2)]
    assert pool.balances() == {"unshared": 100 * COIN, "immature": -100 * COIN}
    block = pool.one("SELECT MIN(id) FROM block WHERE network = %s AND pool_block", pool.network)
    pool.shares(pool.miner(), 4, block)

    second.rpc("setnetworkactive", False)
    second.rpc("invalidateblock", lost[0])
    won = second.rpc("generatetoaddress", 3, pair.address)
    end = time.monotonic() + 180
    while first.rpc("getconnectioncount") > 0 and time.monotonic() < end:
        time.sleep(0.05)
    pool.task("find-blocks", status=75)  # the pool's node has no peer
    second.rpc("setnetworkactive", True)
    await_tip(first, won[-1])
    find_with_peers(pool)
    assert stored(pool, "height, pool_block") == [(1, 0), (2, 0), (3, 0), (4, 0)]
    assert pool.balances() == {} and of_shares(pool) == {None: 4}

    second.rpc("reconsiderblock", lost[0])  # and back again
    first.rpc("invalidateblock", won[0])
    back = first.rpc("generatetoaddress", 3, ours)
    await_tip(second, back[-1])
    find_with_peers(pool)
    assert stored(pool, "pool_block") == [0, 1, 1, 1, 1, 1]
    assert pool.status(block) == "open"
    assert pool.balances() == {"unshared": 250 * COIN, "immature": -250 * COIN}


def test_several_wallets(money, pair):
    """The first one that answers is asked; it takes no other's place while that lags behind."""
    address = pair.first.rpc("getnewaddress", "", "legacy")
    pool = on_litecoin(money, pair.first, address)
    text = pool.path.read_text()
    text = text.replace("[wallet scripted]", "[wallet spare]\npriority = 200\n[wallet scripted]", 1)
    spare = {"networks": pool.network, "url": pair.second.url, "user": pair.second.user,
             "password_file": pair.second.password_file}
    lines = "".join(f"{key} = {value}\n" for key, value in spare.items())
    pool.path.write_text(text.replace("priority = 200\n", "priority = 200\n" + lines), encoding="ascii")
    pool.task("find-blocks")
    assert stored(pool) == [1]
    pair.mine(2)
    pair.wait_synced()
    pair.first.rpc("setnetworkactive", False)
    end = time.monotonic() + 180
    while time.monotonic() < end and any(node.rpc("getconnectioncount") for node in (pair.first, pair.second)):
        time.sleep(0.05)
    pool.task("find-blocks", status=75)  # neither has a peer
    pair.first.rpc("setnetworkactive", True)
    pair.wait_synced()
    pool.path.write_text(pool.path.read_text().replace(pair.first.url, "http://127.0.0.1:9/"))
    pool.task("find-blocks")  # by the second alone
    assert stored(pool) == [1, 2, 3]
