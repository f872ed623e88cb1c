"""`make install`: which files it puts where, that a frontend's machine gets nothing of the backend,
that the installed programs, manual pages, units and Apache's site work as installed."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
import requests

from action_client import poll
from conftest import ROOT
from installed_pool import Apache, install, open_folder, run
from test_first_light import mine

pytestmark = pytest.mark.own_state

DOC = {f"usr/share/doc/penstock/{name}" for name in ("INSTALL.md", "LICENSE", "README.md")}
TASKS = ["assign-shares", "audit", "clean-up", "find-blocks", "notify", "pay", "rate-miners", "roll-stats",
         "share-out"]
SQL = {f"usr/share/penstock/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*")
       if path.is_file()}
FILES = {
    "frontend": DOC | {
        "etc/apache2/sites-available/penstock.conf",
        "etc/penstock/frontend.conf.example",
        "etc/penstock/longpoll.conf",
        "usr/lib/systemd/system/apache2.service.d/penstock.conf",
        "usr/lib/systemd/system/penstock-live.service",
        "usr/lib/systemd/system/penstock-longpoll.service",
        "usr/lib/systemd/system/penstock-publisher.service",
        "usr/lib/tmpfiles.d/penstock.conf",
        "usr/libexec/penstock/warm-up",
        "usr/sbin/penstock-frontend",
        "usr/sbin/penstock-live",
        "usr/sbin/penstock-publisher",
        "usr/share/man/man5/frontend.conf.5",
        "usr/share/man/man8/penstock-frontend.8",
        "usr/share/man/man8/penstock-live.8",
        "usr/share/man/man8/penstock-publisher.8",
        "usr/share/penstock/apache/longpoll.conf",
        "usr/share/penstock/apache/request-bound.lua",
        "usr/share/penstock/apache/server.conf",
        "usr/share/penstock/apache/site.conf",
        "usr/share/penstock/site/openapi.json",
        *(f"usr/share/penstock/site/static/{path.name}"
          for path in (ROOT / "frontend/static").iterdir()),
    },
    "miner": {
        "usr/bin/action-miner",
        "usr/share/man/man1/action-miner.1",
    },
    "data": DOC | SQL | {
        "usr/share/penstock/mariadb/60-penstock.cnf",
        "usr/share/penstock/rabbitmq/README.md",
        "usr/share/penstock/rabbitmq/render-definitions",
        "usr/share/penstock/rabbitmq/server.conf",
    },
    "backend": DOC | SQL | {
        "etc/penstock/backend.conf.example",
        "usr/bin/penstockctl",
        "usr/lib/systemd/system/penstock-jobs.service",
        "usr/lib/systemd/system/penstock-partitions.service",
        "usr/lib/systemd/system/penstock-partitions.timer",
        "usr/lib/systemd/system/penstock-task@.service",
        *(f"usr/lib/systemd/system/penstock-task@{task}.timer" for task in TASKS),
        "usr/lib/systemd/system/penstock-worker@.service",
        "usr/share/doc/penstock/grafana/penstock.json",
        "usr/share/doc/penstock/prometheus/penstock-alerts.yml",
        "usr/share/doc/penstock/prometheus/prometheus.yml",
        "usr/lib/sysusers.d/penstock.conf",
        "usr/sbin/penstock-jobs",
        "usr/sbin/penstock-poke",
        "usr/sbin/penstock-task",
        "usr/sbin/penstock-worker",
        "usr/share/man/man5/backend.conf.5",
        "usr/share/man/man8/penstock-jobs.8",
        "usr/share/man/man8/penstock-task.8",
        "usr/share/man/man8/penstock-worker.8",
        "usr/share/man/man8/penstockctl.8",
    },
}
PROGRAMS = {"penstock-frontend": "usr/sbin", "penstock-publisher": "usr/sbin",
            "penstock-live": "usr/sbin", "penstock-worker": "usr/sbin",
            "penstock-jobs": "usr/sbin", "penstock-task": "usr/sbin",
            "penstockctl": "usr/bin", "action-miner": "usr/bin"}


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """All tiers in one staging folder."""
    folder = tmp_path_factory.mktemp("install")
    install("install", DESTDIR=folder)
    return folder


# --- which files ---


@pytest.mark.parametrize("tier", FILES)
def test_each_tier_gets_exactly_its_files(tmp_path, tier):
    install(f"install-{tier}", DESTDIR=tmp_path)
    assert files(tmp_path) == FILES[tier]


def test_a_frontend_shares_only_the_documents_with_the_backend(everything):
    assert FILES["frontend"] & (FILES["backend"] | FILES["data"]) == DOC
    assert files(everything) == set().union(*FILES.values())


def test_modes_do_not_depend_on_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        install("install", DESTDIR=tmp_path)
    finally:
        os.umask(before)
    programs = ("/bin/", "/sbin/", "/libexec/", "create-users", "sql/backup", "sql/restore",
                "render-definitions")
    for path in sorted(tmp_path.rglob("*")):
        executable = path.is_dir() or any(part in str(path) for part in programs)
        wanted = 0o711 if path.name == "secrets" else 0o755 if executable else 0o644
        assert path.stat().st_mode & 0o7777 == wanted, path


def test_another_prefix_is_used_throughout(tmp_path):
    install("install", DESTDIR=tmp_path, PREFIX="/opt/pool")
    assert {path.replace("opt/pool/", "usr/", 1) for path in files(tmp_path)} == \
        set().union(*FILES.values())
    unit = (tmp_path / "opt/pool/lib/systemd/system/penstock-worker@.service").read_text()
    assert "\nExecStart=/opt/pool/sbin/penstock-worker\n" in unit
    site = (tmp_path / "etc/apache2/sites-available/penstock.conf").read_text()
    assert "\nInclude /opt/pool/share/penstock/apache/site.conf\n" in site


def test_what_the_administrator_edits_survives_the_next_installation(tmp_path):
    install("install", DESTDIR=tmp_path)
    edited = {name: tmp_path / "etc" / name for name in (
        "apache2/sites-available/penstock.conf", "penstock/frontend.conf", "penstock/backend.conf",
        "penstock/longpoll.conf",
        "penstock/secrets/database")}
    for path in edited.values():
        path.write_text("mine\n", encoding="ascii")
    install("install", DESTDIR=tmp_path)
    assert {path.read_text(encoding="ascii") for path in edited.values()} == {"mine\n"}


# --- what is in them ---


@pytest.mark.parametrize("program", PROGRAMS)
def test_installed_programs_run(everything, program):
    version = (ROOT / "VERSION").read_text(encoding="ascii").strip()
    done = run(everything / PROGRAMS[program] / program, "--version")
    assert (done.returncode, done.stdout) == (0, f"{program} {version}\n")


@pytest.mark.parametrize("program, tier", [("penstock-frontend", "FRONTEND"),
                                           ("penstock-publisher", "FRONTEND"),
                                           ("penstock-live", "FRONTEND"),
                                           ("penstock-worker", "BACKEND")])
def test_installed_programs_read_the_pools_settings(env, everything, program, tier):
    conf = env[f"PENSTOCK_{tier}_CONF"]
    done = run(everything / PROGRAMS[program] / program, "--config", conf, "--check-config")
    assert (done.returncode, done.stdout) == (0, f"{conf}: usable\n")


def test_the_migrations_are_where_penstockctl_looks(everything):
    done = run(everything / "usr/bin/penstockctl", "migrate", "--help")
    folder = re.search(r"default: (/\S+)\)", done.stdout).group(1)
    assert sorted(p.name for p in (everything / folder[1:]).iterdir()) == \
        sorted(p.name for p in (ROOT / "sql/migrations").iterdir())


PAGES = sorted(path for path in FILES["frontend"] | FILES["backend"] if "/man/" in path)


@pytest.mark.parametrize("page", PAGES)
def test_manual_pages_are_clean(everything, page):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l",
                           everything / page], stdin=subprocess.DEVNULL, capture_output=True,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
                          timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    text = (everything / page).read_text(encoding="utf-8")
    assert re.search(r"^\.SH NAME\n\S+ \\- \S", text, re.M) and not re.search("@[A-Z]+@", text)


@pytest.mark.parametrize("name", ["frontend", "backend"])
def test_manual_pages_have_every_setting_in_its_section(everything, name):
    example = (everything / f"etc/penstock/{name}.conf.example").read_text(encoding="utf-8")
    wanted = re.findall(r"^\[(\w+)|^#?(\w+) =", example, re.M)
    page = (everything / f"usr/share/man/man5/{name}.conf.5").read_text(encoding="utf-8")
    page = page[page.index(".SH SETTINGS"):page.index(".SH SEE ALSO")]
    found = re.findall(r"^\.SS \[(\w+)|^\.TP\n\.B (\w+)$", page, re.M)
    assert found == wanted and len(found) > 20


def test_the_manual_page_has_every_command(everything):
    program = everything / "usr/bin/penstockctl"
    listed = run(program, "--help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    names = [line.split()[0] for line in listed.splitlines()]
    page = (everything / "usr/share/man/man8/penstockctl.8").read_text(encoding="utf-8")
    assert re.findall(r"^\.SS (.*)$", page.replace("\\-", "-"), re.M) == names
    assert "migrate" in names


# --- systemd ---

UNITS = ["penstock-worker@.service", "penstock-publisher.service", "penstock-live.service",
         "penstock-partitions.service", "penstock-task@.service"]


@pytest.fixture(scope="module")
def machine(everything, tmp_path_factory):
    """A folder that looks to systemd-analyze like a machine with all tiers and Debian's own units."""
    root = tmp_path_factory.mktemp("machine")
    shutil.copytree("/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(everything, root, symlinks=True, dirs_exist_ok=True)
    for name in ("kill", "sleep"):
        shutil.copy(f"/bin/{name}", root / "usr/bin")
    for name in ("apachectl", "apache2"):
        shutil.copy(f"/usr/sbin/{name}", root / "usr/sbin")
    (root / "bin").symlink_to("usr/bin")
    return root


@pytest.mark.parametrize("unit", ["penstock-worker@1.service", "penstock-publisher.service", "penstock-partitions.service",
                                  "penstock-live.service", "penstock-longpoll.service",
                                  "penstock-partitions.timer", "apache2.service",
                                  *(f"penstock-task@{task}.{kind}" for task in TASKS
                                    for kind in ("service", "timer"))])
def test_units_verify(machine, unit):
    done = run("systemd-analyze", "verify", "--man=no", f"--root={machine}", unit)
    said = [line for line in done.stdout.splitlines() if "penstock" in line or "apache2" in line]
    assert (done.returncode, said) == (0, [])


def test_verify_notices(machine, tmp_path):
    """The test above would fail for a setting that systemd does not know, or a program that is not there."""
    shutil.copytree(machine, tmp_path / "copy", symlinks=True)
    unit = tmp_path / "copy/usr/lib/systemd/system/penstock-worker@.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSeconds="), encoding="utf-8")
    (tmp_path / "copy/usr/sbin/penstock-worker").unlink()
    done = run("systemd-analyze", "verify", "--man=no", f"--root={tmp_path}/copy",
               "penstock-worker@1.service")
    assert "WatchdogSeconds" in done.stdout and "not executable" in done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_confined_as_the_documentation_says(everything, unit):
    text = (ROOT / "deploy/INSTALL.md").read_text(encoding="utf-8")
    promised = float(re.search(r"says \*\*([0-9.]+) OK\*\*", text).group(1))
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager",
               f"--threshold={round(promised * 10)}", everything / "usr/lib/systemd/system" / unit)
    assert done.returncode == 0, done.stdout
    assert f": {promised} OK" in done.stdout, done.stdout.splitlines()[-1]


def allowed_calls(unit):
    """The system calls that the unit's SystemCallFilter= lines leave."""
    listed = run("systemd-analyze", "syscall-filter", "--no-pager").stdout
    groups, current = {}, None
    for line in listed.splitlines():
        if line.startswith("@"):
            current = groups.setdefault(line.strip(), set())
        elif line.startswith("    ") and not line.strip().startswith("#"):
            current.add(line.strip())

    def expand(name):
        return set().union(*(expand(n) for n in groups[name])) if name in groups else {name}

    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(), re.M):
        calls = set().union(*(expand(name) for name in line.lstrip("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def await_lines(stream, text, count=1):
    for line in stream:
        count -= text in line
        if count == 0:
            return
    pytest.fail(f"the worker ended without saying {text}")


def test_a_worker_makes_no_call_that_its_unit_forbids(env, rpc, everything, tmp_path):
    """A worker of our own takes part in the pool's work, is reloaded and stopped, all of it traced."""
    conf, trace = tmp_path / "backend.conf", tmp_path / "trace"
    text = pathlib.Path(env["PENSTOCK_BACKEND_CONF"]).read_text(encoding="utf-8")
    conf.write_text(re.sub(r"(?m)^archive_dir = .*", f"archive_dir = {tmp_path}", text))
    # -D: the worker is our child, and the tracer is not
    worker = subprocess.Popen(["strace", "-D", "-f", "-qq", "-o", trace,
                               everything / "usr/sbin/penstock-worker", "--config", conf],
                              stderr=subprocess.PIPE, text=True)
    try:
        await_lines(worker.stderr, "worker.started")
        done = mine(env, "litecoin", rpc("miner")("getnewaddress"), "--count", "40")
        assert done.returncode == 0, done.stdout
        worker.send_signal(signal.SIGHUP)
        await_lines(worker.stderr, "worker.started")
    finally:
        worker.terminate()
        worker.communicate(timeout=180)
    calls = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))
    assert {"connect", "execve", "clone3", "fdatasync", "rename"} <= calls
    assert calls - allowed_calls(everything / "usr/lib/systemd/system" / UNITS[0]) == set()


def test_the_apache_of_those_who_wait_takes_its_installed_settings(env, tmp_path):
    install("install-frontend", PREFIX=tmp_path / "usr", SYSCONFDIR=tmp_path / "etc")
    own, shared = tmp_path / "etc/penstock/longpoll.conf", tmp_path / "usr/share/penstock/apache/longpoll.conf"
    text = own.read_text(encoding="utf-8")
    for old, new in (("/etc/penstock/tls/frontend.pem", f"{env['PENSTOCK_STATE']}/tls/server.pem"),
                     ("/etc/penstock/tls/frontend.key", f"{env['PENSTOCK_STATE']}/secret/frontend/tls.key"),
                     ("/var/log/penstock", str(tmp_path))):
        assert old in text
        text = text.replace(old, new)
    own.write_text(text, encoding="utf-8")
    (tmp_path / "run").mkdir()
    text = shared.read_text(encoding="utf-8")
    assert "/run/penstock-longpoll" in text and not re.search("@[A-Z_]+@", text)
    shared.write_text(text.replace("/run/penstock-longpoll", f"{tmp_path}/run"), encoding="utf-8")
    done = run("/usr/sbin/apache2", "-t", "-f", own)
    assert done.returncode == 0 and "Syntax OK" in done.stdout + (done.stderr or ""), done
    ports = run("/usr/sbin/apache2", "-S", "-f", own).stdout
    assert "*:8443" in ports and "*:8080" in ports


# --- Apache as Debian sets it up, with the installed site ---

@pytest.fixture
def apache(env):
    with open_folder() as folder:
        install("install-frontend", PREFIX=folder / "usr", SYSCONFDIR=folder / "etc")
        conf = pathlib.Path(env["PENSTOCK_FRONTEND_CONF"]).read_text(encoding="utf-8")
        (folder / "etc/penstock/frontend.conf").write_text(
            re.sub(r"(?m)^health_file = .*", f"health_file = {folder}/run/health", conf))
        server = Apache(env, folder, log_files=3, log_size="1K")
        server.start()
        yield server
        server.stop()


def test_debians_apache_with_the_installed_site(env, apache):
    done = apache.warm_up()
    assert (done.returncode, len(apache.programs())) == (0, 96), done.stdout

    reply = requests.post(f"https://127.0.0.1:{apache.https}/Action.aspx", data=b"readytomine2",
                          headers={"Action": "nonsense"}, verify=env["PENSTOCK_CA"], timeout=60)
    assert reply.status_code == 200 and "UNKNOWN ACTION nonsense" in reply.text

    # the log of refusals turns over many times; no program ends for it, and three files is all there is
    before = apache.programs()
    for url in [f"http://127.0.0.1:{apache.http}", f"https://127.0.0.1:{apache.https}"] * 60:
        assert requests.get(f"{url}/nothing", verify=env["PENSTOCK_CA"], timeout=60).status_code == 404

    def names():
        return sorted(path.name for path in apache.log.glob("refused.log*"))

    assert poll(lambda: names() == ["refused.log", "refused.log.1", "refused.log.2"]), names()
    assert sum(path.stat().st_size for path in apache.log.glob("refused.log*")) < 3 * 1100
    assert apache.programs() == before
    assert not list(apache.log.glob("error.log*")), "logrotate would reload Apache for this one"

    # after a reload the drop-in has all programs started anew before it says that it is done
    apache.reload()
    assert len(apache.programs()) == 96 and not before & apache.programs()


# --- the same settings in the one-machine and the real templates ---


def settings(path, pattern):
    text = (ROOT / "deploy" / path).read_text(encoding="utf-8")
    return dict(re.findall(pattern, text, re.M))


@pytest.mark.parametrize("real, trial, pattern, differ", [
    ("apache/server.conf", "apache/httpd.conf.in", r"^([A-Z]\w+) +(.*)$", set()),
    ("mariadb/60-penstock.cnf", "mariadb/penstock.cnf.in", r"^([a-z][\w-]+) += (.*)$",
     {"bind-address", "port", "ssl_cert", "ssl_key", "tls_version", "require_secure_transport",
      "innodb_buffer_pool_size", "innodb_log_file_size", "table_open_cache", "log_bin",
      "expire_logs_days"}),
    ("rabbitmq/server.conf", "rabbitmq/rabbitmq.conf.in", r"^([a-z][\w.]+) += (.*)$",
     {"listeners.tcp", "listeners.ssl.1", "load_definitions", "vm_memory_high_watermark.relative",
      "disk_free_limit.absolute", "ssl_options.cacertfile", "ssl_options.certfile",
      "ssl_options.keyfile", "ssl_options.verify", "ssl_options.versions.1",
      "ssl_options.versions.2"})])
def test_real_servers_have_the_settings_that_the_tests_run_with(real, trial, pattern, differ):
    ours, tested = settings(real, pattern), settings(trial, pattern)
    assert {name: value for name, value in ours.items() if name not in differ} == \
        {name: tested.get(name) for name in ours if name not in differ}
    assert len(ours) > 8 and differ <= set(ours)
