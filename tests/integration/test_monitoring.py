"""What deploy/ has for Prometheus and Grafana: rules that are rules, that fire when they should, and name
metrics that the programs really export."""

import json
import re
import shutil
import subprocess

from action_client import poll
from conftest import ROOT
from test_health import get
from test_metrics import addresses, answers, live_address, read  # noqa: F401 (a fixture)

PROMETHEUS = ROOT / "deploy/prometheus"
ALERTS = PROMETHEUS / "penstock-alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/penstock.json"


def promtool(*command):
    done = subprocess.run(["promtool", *map(str, command)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def exported(env, addresses):  # noqa: F811
    """Names of series, of the frontends, a worker, penstock-jobs, penstock-publisher and penstock-live."""
    found = {"up"}
    others = [*(env[f"PENSTOCK_METRICS_{name}"] for name in ("JOBS", "PUBLISHER")), live_address(env)]
    assert poll(lambda: all(answers(address) for address in others), 60)
    for text in (get(env, "/metrics").text, *(read(address).text for address in (addresses[0], *others))):
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
            found |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


def named(expression):
    """Metrics in an expression: what stands in front of a selector, or stands alone, and has our name."""
    return set(re.findall(r"\b(?:penstock_[a-z0-9_]+|up(?=\{))", expression))


def test_rules_are_valid():
    promtool("check", "rules", ALERTS)


def test_the_example_is_valid(tmp_path):
    for path in PROMETHEUS.iterdir():
        shutil.copy(path, tmp_path)
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_alerts_fire(tmp_path):
    text = (ROOT / "tests/integration/alerts_test.yml").read_text(encoding="utf-8")
    path = tmp_path / "alerts_test.yml"
    path.write_text(text.replace("ALERTS", str(ALERTS)), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", path)


def test_alerts_know_how_many_apache_lets_wait():
    """The number is in both, for want of a metric."""
    settings = (ROOT / "deploy/apache/longpoll.conf.in").read_text(encoding="utf-8")
    threads = re.findall(r"^MaxRequestWorkers (\d+)$", settings, re.M)
    assert threads == re.findall(r"clamp_max\(max by \(instance\) \(penstock_live_held_max\), (\d+)\)",
                                 ALERTS.read_text(encoding="utf-8"))


def test_alerts_name_what_there_is(env, addresses):  # noqa: F811
    text = ALERTS.read_text(encoding="utf-8")
    names = set().union(*(named(line) for line in text.splitlines() if not line.lstrip().startswith(("summary", "remedy"))))
    assert len(names) > 15 and names <= exported(env, addresses), names - exported(env, addresses)


def test_the_dashboard_names_what_there_is(env, addresses):  # noqa: F811
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    names = set()
    for panel in panels:
        assert panel["title"] and panel["description"] and panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert named(target["expr"]), target
            names |= named(target["expr"])
    there = exported(env, addresses)
    assert names <= there, names - there
    # and shows all there is, but what workers tell more exactly
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in there} - shown <= {
        "up", "penstock_payouts", "penstock_task_age_seconds"}


def test_panels_do_not_overlap():
    taken = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
