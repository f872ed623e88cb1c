"""What was measured, as a table, as goals met or missed, and as a picture."""

import statistics

import audit
import longpoll
import pages
import share_out

BESIDE = " beside"  # behind the names of another program's cases
ALONE = " alone"    # each frontend process publishes by itself, without the machine's publisher
SHARE = "share by getwork"
CEILING = {"readytomine2": "insert", "solution": "publish", "solution" + ALONE: "publish",
           "readytomine2" + BESIDE: "insert", "solution" + BESIDE: "publish"}
HASH_US = 31.2  # CPU time of a scrypt hash (AVX-512) on the idle machine for which the goal was set
PATH_US = 80
JUDGED = ("readytomine2", "solution")
COLOURS = {"nothing": "#9aa5b1", "insert": "#7db8da", "publish": "#7db8da", "readytomine2": "#1f6f9f",
           "solution": "#1f6f9f"}
OTHER = "#c08040"


PARTS = ("program", "web server", "database", "broker", "client")


def ratio(group, name, ceiling):
    """The median over the runs: what disturbed one run disturbed both."""
    return statistics.median(a / b for a, b in zip(group[name]["rates"], group[ceiling]["rates"]))


def used(group, name):
    """CPU time of a request, of all parts: what else the machine does changes it least."""
    return sum(group[name]["cpu_us"].values())


def lines_of(title, found):
    yield f"{title:<24} {'req/s':>8} {'[min-max]':>17} {'of nothing':>10} {'of bare':>8} " \
          f"{'p50':>7} {'p99':>7} {'max ms':>7} {'late':>6} {'failed':>6}  CPU us a request: {', '.join(PARTS)}"
    for name, case in found.items():
        bare = f"{ratio(found, name, CEILING[name]):8.0%}" if name in CEILING else " " * 8
        yield (f"  {name:<22} {case['rate']:8.0f} {case['rate_min']:8.0f}-{case['rate_max']:<8.0f} "
               f"{ratio(found, name, 'nothing'):10.0%} {bare} {case['p50_us'] / 1000:7.1f} "
               f"{case['p99_us'] / 1000:7.1f} {case['max_us'] / 1000:7.1f} {case['late_p99_us'] / 1000:6.1f} {case['failed']:6}  "
               + " ".join(f"{case['cpu_us'][part]:5.0f}" for part in PARTS)
               + f" = {used(found, name):.0f}"
               + (f", bare {used(found, CEILING[name]) / used(found, name):.0%} of it" if name in CEILING else ""))


def table(result):
    lines = [f"fdatasync of 512 bytes: {result['disk_before']:.0f}/s before, "
             f"{result['disk_after']:.0f}/s after",
             "late: by how much the load generator itself was late with a request, p99, where each had its time"]
    for state in ("stopped", "running"):
        for kind, found in result.get(state, {}).items():
            lines += ["", *lines_of(f"{kind}, worker {state}", found)]
    frontend = result["frontend"]
    lines += ["", f"memory of its own of an idle frontend process: median {frontend['median_kb']:.0f} kB, "
              f"most {frontend['max_kb']} kB, of {frontend['processes']}"]
    backlog = result.get("backlog")
    if backlog:
        lines += ["", "queue to committed share, CPU time a share: "
                  f"worker {backlog['worker_us']:.1f} us (and {backlog['hash_us']:.1f} us hashing), "
                  f"mariadb {backlog['mariadb_us']:.1f} us, rabbitmq {backlog['rabbitmq_us']:.1f} us, "
                  f"together {backlog['all_us']:.1f} us without hashing",
                  f"  {backlog['shares']} shares in {backlog['seconds']:.1f} s = {backlog['rate']:.0f}/s, "
                  f"{backlog['credited']} credited, peak memory of a worker {backlog['peak_kb']} kB"]
    if "pages" in result:
        lines += ["", pages.report(result["pages"])]
    if "share_out" in result:
        lines += ["", share_out.report(result["share_out"])]
    if "audit" in result:
        lines += ["", audit.report(result["audit"])]
    if "longpoll" in result:
        lines += ["", *longpoll.lines_of(result["longpoll"])]
    for name, path in result.get("paths", {}).items():
        lines += ["", f"{name}, CPU time a share: worker {path['worker_us']:.1f} us, mariadb {path['mariadb_us']:.1f} us, "
                  f"rabbitmq {path['rabbitmq_us']:.1f} us, wallet {path['wallet_us']:.1f} us, together "
                  f"{path['all_us']:.1f} us: two cores could do {2e6 / path['all_us']:.0f}/s",
                  f"  {path['shares']} shares in {path['seconds']:.1f} s = {path['rate']:.0f}/s, "
                  f"{path['credited']} credited, peak memory of a worker {path['peak_kb']} kB"]
    return "\n".join(lines)


def tail(group, name):
    """What a slow request has to do with the program under test, and what with the machine."""
    case, nothing = group[name], group["nothing"]
    text = f"doing nothing: {nothing['p99_us'] / nothing['p50_us']:.1f} x"
    if "calm_p99_us" in case:
        text += (f"; without requests that met a pause of the machine: {case['calm_p99_us'] / case['calm_p50_us']:.1f} x; "
                 f"{case['pauses']:.0f} pauses a run, {case['paused_us'] / 1000:.0f} ms in all, "
                 f"the longest {case['pause_longest_us'] / 1000:.0f} ms")
    return text


def judge(result):
    """(text, met) of each goal. Only ratios and what a user feels; never a bare rate."""
    goals = []
    for kind, least in (("keep-alive", 0.8), ("new connection", 0.9)):
        for name in JUDGED:
            bare = CEILING[name]
            found = result.get("stopped", {}).get(kind)
            if found:
                part = ratio(found, name, bare)
                goals.append((f"{name}, {kind}: {part:.0%} of bare {bare}, at least {least:.0%}", part >= least))
    found = result.get("stopped", {}).get("keep-alive")
    if found:
        part = ratio(found, "solution", "nothing")
        goals.append((f"solution, keep-alive: {part:.0%} of doing nothing, at least 45%", part >= 0.45))
        part = ratio(found, SHARE, "nothing")
        goals.append((f"{SHARE}, keep-alive: {part:.0%} of doing nothing, at least 40%", part >= 0.40))
    for state in ("stopped", "running"):
        half = result.get(state, {}).get("half load", {})
        for name in JUDGED if half else ():
            times = half[name]["p99_us"] / half[name]["p50_us"]
            goals.append((f"{name}, half load, worker {state}: p99 is {times:.1f} x the median, at most 5 "
                          f"({tail(half, name)})", times <= 5))
        for kind, found in result.get(state, {}).items():
            for name in JUDGED:
                ms = found[name]["max_us"] / 1000
                goals.append((f"{name}, {kind}, worker {state}: longest request {ms:.0f} ms, at most 500",
                              ms <= 500))
                if found[name]["failed"]:
                    goals.append((f"{name}, {kind}, worker {state}: {found[name]['failed']} failed", False))
    most = result["frontend"]["max_kb"]
    goals.append((f"memory of its own of an idle frontend process: {most} kB, at most 2048", most <= 2048))
    backlog = result.get("backlog")
    if backlog:
        scaled = backlog["all_us"] * HASH_US / backlog["hash_us"]
        goals.append((f"queue to committed share: {backlog['all_us']:.1f} us of CPU time without hashing, where "
                      f"a hash takes {backlog['hash_us']:.1f}: {scaled:.1f} us where it takes {HASH_US}, at most 45",
                      scaled <= 45))
        goals.append((f"a worker's memory over the backlog: {backlog['peak_kb']} kB, at most 65536",
                      backlog["peak_kb"] <= 65536))
    for name, path in result.get("paths", {}).items():
        scaled = path["all_us"] * HASH_US / path["hash_us"]
        goals.append((f"{name}: {path['all_us']:.1f} us of CPU time a share, where a scrypt hash takes {path['hash_us']:.1f}: "
                      f"{scaled:.1f} us where it takes {HASH_US}, at most {PATH_US} (25,000 a second on two cores)",
                      scaled <= PATH_US))
        goals.append((f"{name}: a worker's memory {path['peak_kb']} kB, at most 65536", path["peak_kb"] <= 65536))
    if "pages" in result:
        goals += pages.judge_pages(result["pages"])
    if "longpoll" in result:
        goals += longpoll.goals_of(result["longpoll"])
    return (goals + share_out.judge_share_out(result.get("share_out", []))
            + audit.judge_audit(result.get("audit", [])))


ROW, GAP, LABEL, WIDTH = 20, 34, 150, 760


def bars(title, found, top):
    """One group of bars, from TOP on; the SVG and where it ends."""
    scale = (WIDTH - LABEL - 190) / max(case["rate_max"] for case in found.values())
    out = [f'<text x="10" y="{top + 14}" font-weight="bold">{title}</text>']
    for i, (name, case) in enumerate(found.items()):
        y = top + 22 + i * ROW
        width, low, high = (case[key] * scale for key in ("rate", "rate_min", "rate_max"))
        note = f"{case['rate']:.0f}/s, p99 {case['p99_us'] / 1000:.1f} ms"
        if name in CEILING:
            note += f", {ratio(found, name, CEILING[name]):.0%} of bare"
        out += [f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{name}</text>',
                f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="15" fill="{COLOURS.get(name, OTHER)}"/>',
                f'<path d="M{LABEL + low:.1f} {y + 7.5}H{LABEL + high:.1f}" stroke="#222"/>',
                f'<text x="{LABEL + high + 6:.1f}" y="{y + 13}">{note}</text>']
    return out, top + 22 + len(found) * ROW + GAP - ROW


def draw(result):
    body, top = [], 10
    for state in ("stopped", "running"):
        for kind, found in result.get(state, {}).items():
            more, top = bars(f"{kind}, worker {state}: median and range", found, top)
            body += more
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
                      'font-family="sans-serif" font-size="12">',
                      '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>\n"])
