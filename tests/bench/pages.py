"""Pages and the API: from Apache's memory beside a static file, and made anew beside doing nothing; and what
a page of a miner with 500 workers costs the database, with as many shares stored as is asked for."""

import json
import pathlib
import re
import sys
import urllib.request
import ssl

import pymysql

from pool import NETWORK, ROOT, Load, WebServer, run

sys.path.insert(0, str(ROOT / "tests/integration"))

import large_miner  # noqa: E402

LARGE = "bench-large-miner"  # a network of its own
WORKERS = 500
STATIC = "/bench-static.html"
# What frontend/site/miner.c asks for; the plot by minutes is only made for miners with few workers.
MINER_PAGE = ("read_miner", "read_paid", "read_chain", "read_block_sums", "read_subsidy", "read_worker_days",
              "read_hours", "read_miner_hours", "read_rejects", "read_payments", "read_credits")
MOST_MS = 10
PARTS = ("program", "web server", "database", "client")


class PageServer(WebServer):
    """The pool's web server with the pool's programs, and a static file of BODY."""

    def __init__(self, pool, name, body, changes=()):
        frontend = pathlib.Path(pool.env["PENSTOCK_BIN"]) / "penstock-frontend"
        self.body, self.changes = body, changes
        super().__init__(pool, name, frontend, "--config", pool.env["PENSTOCK_FRONTEND_CONF"])

    def site(self, text):
        (self.folder / "file.html").write_text(self.body, encoding="utf-8")
        for pattern, new in self.changes:
            text, found = re.subn(pattern, new, text)
            assert found, pattern
        static = (f'<Macro PenstockSite>\n    Alias "{STATIC}" "{self.folder}/file.html"\n'
                  f'    CacheDisable "{STATIC}"\n')
        own = (f'    <Location "{STATIC}">\n        SetHandler default-handler\n        Options -ExecCGI\n'
               "    </Location>\n</Macro>")
        return text.replace("<Macro PenstockSite>\n", static, 1).replace("</Macro>", own, 1)


def paths_of(pool):
    return {"home": f"/{NETWORK}/", "miner": f"/{NETWORK}/miner/{pool.address}/", "api": "/api/pools"}


def fetch(pool, path):
    context = ssl.create_default_context(cafile=pool.env["PENSTOCK_CA"])
    with urllib.request.urlopen(pool.env["PENSTOCK_URL"] + path, context=context, timeout=30) as answer:
        return answer.read().decode()


def page_servers(pool):
    body = fetch(pool, paths_of(pool)["home"])
    return {"nothing": WebServer(pool, "pages-nothing", "bare_nothing"),
            "cached": PageServer(pool, "cached", body),
            "uncached": PageServer(pool, "uncached", body, [(r' *CacheEnable socache "/"\n', "")])}


def page_loads(pool, servers):
    """Each case is answered with the page itself: its end is looked for."""
    ca, programs = pool.env["PENSTOCK_CA"], pool.programs
    found = {"nothing": Load(programs, servers["nothing"].port, ca, pool.miner_headers(), method="POST",
                             path="/Action.aspx"),
             "static file": Load(programs, servers["cached"].port, ca, path=STATIC, expect="</html>")}
    for name, path in paths_of(pool).items():
        for server in ("cached", "uncached"):
            found[f"{name}, {server}"] = Load(programs, servers[server].port, ca, path=path,
                                              expect='"pools"' if name == "api" else "</html>")
    return found


# --- the database ---


def measure_stored(pool, build, count):
    """Milliseconds of database time of each reader, the best of ten; with COUNT shares of the miner."""
    root = pymysql.connect(user="root", unix_socket=pool.env["PENSTOCK_DB_ROOT_SOCKET"],
                           database=pool.env["PENSTOCK_DB_NAME"], autocommit=True)
    conf = pool.folder / "read.conf"
    text = pathlib.Path(pool.env["PENSTOCK_FRONTEND_CONF"]).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^query_timeout_ms.*\n", "", text)
    conf.write_text(text.replace("[database]\n", "[database]\nquery_timeout_ms = 60000\n"), encoding="utf-8")
    large_miner.clean_all(root, LARGE)
    try:
        miner, first, last = large_miner.add_miner(root, LARGE, large_miner.MINER, WORKERS)
        large_miner.add_sums(root, LARGE, miner)
        large_miner.add_money(root, LARGE, miner, large_miner.MINER)
        large_miner.add_shares(root, LARGE, first, last, count, rejected=count // 100)
        # As the server does by itself, but some seconds after so many rows came at once.
        large_miner.run(root, "ANALYZE TABLE worker, worker_day, rejected_day, share_stats, miner_stats_hour, block,"
                        " payout, payout_item, block_credit")
        done = run(build / "integration/itest_read", conf, LARGE, large_miner.MINER, 10)
    finally:
        if count <= 1_000_000:  # more of them take longer to go than the pool has to live
            large_miner.clean_all(root, LARGE)
        root.close()
    rows = {row["reader"]: row for row in map(json.loads, done.stdout.splitlines())}
    return {"shares": count, "readers": {name: rows[name]["us"] / 1000 for name in MINER_PAGE}}


# --- the report ---


def ratio(found, name, ceiling):
    return found[name]["rate"] / found[ceiling]["rate"]


def report(result):
    found, stored = result["load"], result["stored"]
    lines = [f"{'pages':<24} {'req/s':>8} {'of static':>10} {'of nothing':>10} {'p50 ms':>7} {'p99 ms':>7} failed  "
             "CPU us a request: program, web server, database, client"]
    for name, case in found.items():
        lines.append(f"  {name:<22} {case['rate']:8.0f} {ratio(found, name, 'static file'):10.0%} "
                     f"{ratio(found, name, 'nothing'):10.0%} {case['p50_us'] / 1000:7.1f} "
                     f"{case['p99_us'] / 1000:7.1f} {case['failed']:6}  "
                     + " ".join(f"{case['cpu_us'][part]:5.0f}" for part in PARTS))
    total = sum(stored["readers"].values())
    lines.append(f"database time of a page of a miner with {WORKERS} workers and {stored['shares']} shares stored: "
                 f"{total:.1f} ms ("
                 + ", ".join(f"{name[5:]} {ms:.2f}" for name, ms in stored["readers"].items()) + ")")
    return "\n".join(lines)


def judge_pages(result):
    goals, found = [], result["load"]
    for name in ("home", "miner"):
        part = ratio(found, f"{name}, cached", "static file")
        goals.append((f"{name} page from memory: {part:.0%} of a static file, at least 60%", part >= 0.6))
        part = ratio(found, f"{name}, uncached", "nothing")
        goals.append((f"{name} page made anew: {part:.0%} of doing nothing, at least 25%", part >= 0.25))
    total = sum(result["stored"]["readers"].values())
    goals.append((f"a large miner's page: {total:.1f} ms of database time, at most {MOST_MS}", total <= MOST_MS))
    failed = sum(case["failed"] for case in found.values())
    if failed:
        goals.append((f"pages: {failed} requests failed", False))
    return goals
