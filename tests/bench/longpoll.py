"""Miners who wait, woken by one block: from the wallet's own notification to the last byte of each."""

import re
import statistics
import subprocess
import threading
import time
import urllib.request
from urllib.parse import urlsplit

from pool import json_rpc, secret

NUMBER = 2000
WAYS = ("penstock-live", "apache http", "apache https")


def node(pool, prefix):
    url, user, file = (pool.env[f"{prefix}_{end}"] for end in ("URL", "USER", "PASSWORD_FILE"))
    return lambda method, *params: json_rpc(url, user, secret(file), method, params, timeout=120)


def notification(wallet):
    """A thread and a list in which it puts the real time, in microseconds, at which the wallet itself
    says that there is a new block."""
    seen = []

    def wait():
        wallet("waitfornewblock", 60000)
        seen.append(time.time_ns() // 1000)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, seen


def held(pool):
    with urllib.request.urlopen(pool.env["PENSTOCK_LIVE_URL"] + "/metrics", timeout=60) as reply:
        text = reply.read().decode()
    return int(float(re.search(r'^penstock_live_held\{network="litecoin"\} (\S+)$', text, re.M)[1]))


def place(pool, way):
    url = urlsplit(pool.env[{"penstock-live": "PENSTOCK_LIVE_URL", "apache http": "PENSTOCK_LONGPOLL_HTTP_URL",
                             "apache https": "PENSTOCK_LONGPOLL_URL"}[way]])
    return url.hostname, str(url.port), pool.env["PENSTOCK_CA"] if url.scheme == "https" else "-"


def once(pool, way, number):
    miner, wallet = node(pool, "PENSTOCK_NODE2_LITECOIN"), node(pool, "PENSTOCK_WALLET_LITECOIN")
    address = miner("getnewaddress")
    with subprocess.Popen([pool.programs / "waiters", *place(pool, way), "litecoin", address, str(number)],
                          stdout=subprocess.PIPE, text=True) as waiters:
        assert waiters.stdout.readline() == "asked\n"
        end = time.monotonic() + 120
        while held(pool) != number:
            assert time.monotonic() < end, f"{held(pool)} of {number} are held"
            time.sleep(0.2)
        thread, seen = notification(wallet)
        time.sleep(0.5)
        miner("generatetoaddress", 1, address)
        lines = [line.split() for line in waiters.stdout.read().splitlines()]
    thread.join()
    good = [(int(at) - seen[0]) / 1000 for at, status, _ in lines if status == "200"]
    assert len({data for _, _, data in lines}) == number or len(good) < number
    good.sort()
    return {"answered": len(good), "p50_ms": good[len(good) // 2], "p99_ms": good[int(len(good) * 0.99)],
            "max_ms": good[-1]}


def measure(pool, runs, number=NUMBER):
    result = {}
    for way in WAYS:
        found = [once(pool, way, number) for _ in range(runs)]
        result[way] = {key: statistics.median(run[key] for run in found) for key in found[0]}
        result[way]["worst_p99_ms"] = max(run["p99_ms"] for run in found)
        result[way]["missing"] = sum(number - run["answered"] for run in found)
    return {"number": number, "runs": runs, "ways": result}


def lines_of(result):
    yield (f"longpoll: {result['number']} miners woken by one block, from the wallet's notification to the last "
           f"byte, median of {result['runs']} runs")
    for way, case in result["ways"].items():
        yield (f"  {way:<16} p50 {case['p50_ms']:6.0f} ms   p99 {case['p99_ms']:6.0f} ms (worst "
               f"{case['worst_p99_ms']:.0f})   max {case['max_ms']:6.0f} ms   missing {case['missing']:.0f}")


def goals_of(result):
    """(text, met) for each way."""
    return [(f"{result['number']} miners woken by way of {way}: p99 {case['p99_ms']:.0f} ms, at most 250; "
             f"{case['missing']:.0f} without work", case["p99_ms"] <= 250 and case["missing"] == 0)
            for way, case in result["ways"].items()]
