"""getwork-miner at the real pool: what the deployed miners do ends in the books and in the chain."""

import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

import action_client
import blocks

TOOL = pathlib.Path(os.environ.get("PENSTOCK_BUILD", "build")) / "tools/getwork-miner"
NETWORK = "litecoin-b"
WAIT_S = 180


def until(condition):
    value = action_client.poll(condition, WAIT_S)
    assert value, "it did not come in time"
    return value


def start(env, address, *options, scheme="https"):
    url = env["PENSTOCK_URL" if scheme == "https" else "PENSTOCK_HTTP_URL"]
    return subprocess.Popen(
        [TOOL, "--url", f"{url}/{NETWORK}", "--cert", env["PENSTOCK_CA"], "--user", f"{address}.rig", "--json",
         "--retry-pause", "1000", "--block-every", "1000000", "--pace", "100", *map(str, options)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def settled(rows, address):
    """What has become of the miner's shares: (credited, stale)."""
    worker = "(SELECT w.id FROM worker w JOIN miner m ON m.id = w.miner_id WHERE m.address = %s)"
    (credited,), = rows(f"SELECT COUNT(*) FROM share WHERE network = %s AND worker_id IN {worker}", NETWORK, address)
    reasons = rows(f"SELECT reason FROM rejected WHERE network = %s AND worker_id IN {worker}", NETWORK, address)
    assert all(reason == "Stale" for reason, in reasons), reasons
    return credited, len(reasons)


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("style,mode,protocol", [
    ("minerd", [], "getblocktemplate"),
    ("minerd", ["--getwork-only"], "getwork"),
    ("multi", [], "getwork"),  # it falls back
])
def test_shares_are_credited(env, rows, rpc, address, scheme, style, mode, protocol):
    """The first is a block, as like as not: then some of the others may be late."""
    blocks.await_one_tip(rpc)
    miner = start(env, address, "--like", style, *mode, "--shares", 4, "--threads", 2, scheme=scheme)
    out, _ = miner.communicate(timeout=2 * WAIT_S)
    assert miner.returncode == 0, out
    accepted = [e for e in map(json.loads, out.splitlines()) if e["event"] == "accepted"]
    assert len(accepted) == 4 and {e["protocol"] for e in accepted} == {protocol}
    until(lambda: sum(settled(rows, address)) == 4)
    assert settled(rows, address)[0] >= 1


def test_a_block_that_is_found_reaches_the_chain(env, rpc, address):
    blocks.await_one_tip(rpc)
    miner = start(env, address, "--block-every", "0", "--getwork-only")
    found = None
    for line in miner.stdout:
        event = json.loads(line)
        if event["event"] == "accepted" and event["block"]:
            found = event["block_hash"]
            break
    miner.send_signal(signal.SIGTERM)
    miner.communicate(timeout=WAIT_S)

    def there():
        try:
            return rpc("miner")("getblockheader", found)["confirmations"] >= 1  # by way of the pool's node
        except Exception as unknown:  # pylint: disable=broad-except
            assert unknown.args[0] == -5, unknown
            return False

    until(there)


@pytest.mark.parametrize("mode", [["--getwork-only"], ["--gbt-only"]], ids=["getwork", "getblocktemplate"])
def test_a_miner_that_waits_is_told_of_a_block(env, rpc, address, mode):
    """By longpoll, in a thread of its own, while nothing is fetched otherwise."""
    blocks.await_one_tip(rpc)
    miner = start(env, address, *mode, "--pace", 1000000)
    events = []
    reader = threading.Thread(target=lambda: events.extend(map(json.loads, miner.stdout)))
    reader.start()
    until(lambda: [e for e in events if e["event"] == "longpoll"])
    own, seen = rpc("miner")("getnewaddress"), set()

    def told():
        """The first block may come before the miner waits for it."""
        seen.update(rpc("miner")("generatetoaddress", 1, own))
        time.sleep(1)
        return [e for e in events if e["event"] == "longpoll_work" and e["prev"] in seen]

    until(told)
    miner.send_signal(signal.SIGTERM)
    reader.join()
    assert miner.wait(WAIT_S) == 0
