"""The real miner against the whole pool: work handed out, shares credited, a block on both nodes."""

import subprocess
import time

import pytest

MINER_TIMEOUT_S = 120


def mine(env, network, address, *options):
    command = [f"{env['PENSTOCK_BIN']}/tools/action-miner", "--url", env["PENSTOCK_URL"],
               "--ca", env["PENSTOCK_CA"], "--network", network, "--miner", f"{address}/first-light",
               "--node-url", env["PENSTOCK_NODE2_LITECOIN_URL"],
               "--node-user", env["PENSTOCK_NODE2_LITECOIN_USER"],
               "--node-password-file", env["PENSTOCK_NODE2_LITECOIN_PASSWORD_FILE"],
               "--interval-ms", "0", *options]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=MINER_TIMEOUT_S, check=False)


def await_rows(connection, count, statement, *arguments):
    """Until the query's first column says at least COUNT; the worker writes after the miner's ok."""
    end = time.monotonic() + 300
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            found = cursor.fetchone()[0]
        if found >= count or time.monotonic() > end:
            return found
        time.sleep(0.1)


SHARES = """SELECT COUNT(*) FROM share
            JOIN worker ON worker.id = share.worker_id
            JOIN miner ON miner.id = worker.miner_id
            WHERE miner.address = %s AND worker.name = 'first-light' AND share.network = %s"""


@pytest.mark.parametrize("network, stored", [("litecoin", "litecoin"), ("regtest", "litecoin"),
                                             ("litecoin-b", "litecoin-b")])
def test_a_miners_shares_are_credited(env, db, rpc, network, stored):
    address = rpc("miner")("getnewaddress")
    done = mine(env, network, address, "--count", "5", "--blocks", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert await_rows(db("backend"), 5, SHARES, address, stored) == 5


def test_a_block_reaches_both_chains(env, db, rpc):
    pool, miner = rpc("pool"), rpc("miner")
    address = miner("getnewaddress")
    before = pool("getblockcount")
    assert before > 432, "the demo's chain ends before MWEB is active"
    done = mine(env, "litecoin", address, "--count", "1", "--blocks", "only")
    assert done.returncode == 0, done.stdout + done.stderr
    assert await_rows(db("backend"), 1, SHARES, address, "litecoin") == 1

    with db("backend").cursor() as cursor:
        cursor.execute("""SELECT HEX(block_candidate.hash), block_candidate.height, outcome
                          FROM block_candidate JOIN worker ON worker.id = block_candidate.worker_id
                          JOIN miner ON miner.id = worker.miner_id
                          WHERE miner.address = %s""", (address,))
        [(block, height, outcome)] = cursor.fetchall()
    assert (outcome, height) == ("on_chain", before + 1)

    end = time.monotonic() + 300
    while miner("getblockcount") < height and time.monotonic() < end:
        time.sleep(0.1)
    for node in (pool, miner):
        assert node("getblockhash", height) == block.lower()
    coinbase = pool("getblock", block.lower(), 2)["tx"][0]
    paid = {a for out in coinbase["vout"] if out["value"] > 0
            for a in out["scriptPubKey"].get("addresses", [])}
    assert paid == {env["PENSTOCK_POOL_ADDRESS_LITECOIN"]}


def test_the_frontend_answers_over_https_only_with_a_certificate_of_its_ca(env):
    import requests

    reply = requests.post(f"{env['PENSTOCK_URL']}/Action.aspx", data=b"readytomine2",
                          headers={"Action": "nonsense"}, verify=env["PENSTOCK_CA"], timeout=60)
    assert reply.status_code == 200 and "UNKNOWN ACTION nonsense" in reply.text
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(f"{env['PENSTOCK_URL']}/Action.aspx", data=b"readytomine2", timeout=60)
