"""A pool of its own in one folder, set up as deploy/INSTALL.md says: the installed files and
templates, TLS to MariaDB and RabbitMQ. Only the wallets are those of the shared pool."""

import contextlib
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pymysql

from conftest import ROOT
from ports import free_port

BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build"))
NAME = "localhost"  # in the servers' certificates; 127.0.0.1 is not
TIERS = ("frontend", "backend", "admin")
RABBITMQ_BIN = "/usr/lib/rabbitmq/bin"


def run(*command, check=False, **options):
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True,
                "stderr": subprocess.STDOUT, "timeout": 300} | options
    if "input" in options:
        del settings["stdin"]
    done = subprocess.run([str(word) for word in command], check=False, **settings)
    assert not check or done.returncode == 0, done.stdout
    return done


def install(target, build=BUILD, source=ROOT, **variables):
    run("make", "-s", "-C", source, target, f"BUILD={build}",
        *(f"{name}={value}" for name, value in variables.items()), check=True)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def await_true(what, true, seconds=180):
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.1)
    return value


@contextlib.contextmanager
def open_folder():
    """A folder that every uid can enter; pytest's own are closed again whenever a pytest starts."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-installed."))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Certificates:
    """A CA, a stranger's CA, and certificates of the CA: `good`, and `expired`."""

    EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for name in ("ca", "stranger"):
            run("openssl", "req", "-x509", *self.EC, "-days", "2", "-subj", f"/CN={name}", "-addext",
                "keyUsage=critical,keyCertSign", "-keyout", folder / f"{name}.key", "-out",
                folder / f"{name}.pem", check=True)
        run("openssl", "req", *self.EC, "-subj", "/CN=server", "-keyout", folder / "server.key",
            "-out", folder / "server.csr", check=True)
        (folder / "ext").write_text(f"subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n")
        for name, days in (("good", "2"), ("expired", "-1")):
            run("openssl", "x509", "-req", "-in", folder / "server.csr", "-CA", folder / "ca.pem",
                "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", days, "-extfile",
                folder / "ext", "-out", folder / f"{name}.pem", check=True)
        self.present("good")

    def present(self, name):
        shutil.copy(self.folder / f"{name}.pem", self.folder / "server.pem")


class MariaDb:
    """A server with the installed 60-penstock.cnf, at another address and of another size."""

    CHANGES = {"innodb_buffer_pool_size": "64M", "innodb_log_file_size": "16M",
               "bind-address": "127.0.0.1"}

    def __init__(self, pool):
        self.folder, self.port = pool.folder / "mariadb", free_port()
        self.folder.mkdir()
        self.socket = self.folder / "sock"
        changes = self.CHANGES | {"port": self.port, "ssl_cert": pool.tls.folder / "server.pem",
                                  "ssl_key": pool.tls.folder / "server.key"}
        text = (pool.folder / "usr/share/penstock/mariadb/60-penstock.cnf").read_text()
        for name, value in changes.items():
            text, found = re.subn(rf"(?m)^{name}(\s*)= .*", rf"{name}\1= {value}", text)
            assert found == 1, name
        (self.folder / "my.cnf").write_text(
            f"{text}\n[mariadbd]\nuser=root\ndatadir={self.folder}/data\nsocket={self.socket}\n"
            f"pid-file={self.folder}/pid\nlog-error={self.folder}/error.log\n"
            "performance_schema=ON\n", encoding="utf-8")
        run("mariadb-install-db", f"--defaults-file={self.folder}/my.cnf", "--skip-test-db",
            "--auth-root-authentication-method=normal", check=True, cwd=self.folder)
        self.process = subprocess.Popen(["mariadbd", f"--defaults-file={self.folder}/my.cnf"],
                                        stdin=subprocess.DEVNULL, cwd=self.folder)

    def query(self, statement, *values):
        with contextlib.closing(pymysql.connect(user="root", unix_socket=str(self.socket),
                                                autocommit=True)) as root, root.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def script(self, text):
        run("mariadb", "--no-defaults", "--user=root", f"--socket={self.socket}", "penstock",
            input=text, check=True)


class RabbitMq:
    """A node with the installed server.conf, at another address, with a name server of its own."""

    def __init__(self, pool, definitions):
        self.folder, self.port = pool.folder / "rabbitmq", free_port()
        self.folder.mkdir()
        (self.folder / ".erlang.cookie").write_text(secrets.token_hex(12))
        (self.folder / ".erlang.cookie").chmod(0o400)
        (self.folder / "definitions.json").write_text(definitions)
        text = (pool.folder / "usr/share/penstock/rabbitmq/server.conf").read_text()
        for old, new in (("10.0.0.2:5671", f"127.0.0.1:{self.port}"),
                         ("/etc/penstock/tls/ca.pem", pool.tls.folder / "ca.pem"),
                         ("/etc/penstock/tls/rabbitmq.pem", pool.tls.folder / "server.pem"),
                         ("/etc/penstock/tls/rabbitmq.key", pool.tls.folder / "server.key"),
                         ("/etc/rabbitmq/penstock-definitions.json",
                          self.folder / "definitions.json")):
            assert old in text, old
            text = text.replace(old, str(new))
        # the size is a machine's, not ours
        (self.folder / "rabbitmq.conf").write_text(f"{text}\nraft.wal_max_size_bytes = 67108864\n")
        (self.folder / "plugins").write_text("[].")
        epmd, dist = free_port(), free_port()
        base = str(self.folder)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": base, "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_NODENAME": "penstock@127.0.0.1", "RABBITMQ_DIST_PORT": str(dist),
            "RABBITMQ_MNESIA_BASE": f"{base}/mnesia", "RABBITMQ_LOG_BASE": f"{base}/log",
            "RABBITMQ_CONF_ENV_FILE": f"{base}/none", "RABBITMQ_PID_FILE": f"{base}/pid",
            "RABBITMQ_CONFIG_FILE": f"{base}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{base}/none.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{base}/plugins",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{base}/config", "LC_ALL": "C.UTF-8",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}
        self.epmd = subprocess.Popen(["epmd", "-address", "127.0.0.1", "-port", str(epmd)],
                                     stdin=subprocess.DEVNULL)
        await_true("epmd listens", lambda: listens(epmd))
        self.process = subprocess.Popen(
            [f"{RABBITMQ_BIN}/rabbitmq-server"], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self.environment | {"RUNNING_UNDER_SYSTEMD": "true"})

    def ctl(self, *words):
        return run(f"{RABBITMQ_BIN}/rabbitmqctl", "-q", *words, env=self.environment, check=True,
                   cwd=self.folder).stdout


class Apache:
    """Debian's apache2.conf, with the modules and the site enabled that INSTALL.md names."""

    MODULES = ["mpm_event", "authz_core", "authz_host", "ssl", "socache_shmcb", "fcgid", "setenvif",
               "lua", "macro", "reqtimeout", "mime", "alias", "headers", "cache", "cache_socache"]

    def __init__(self, env, folder, log_files=16, log_size="64M"):
        """FOLDER has an installed frontend and its settings; the certificate is the shared pool's."""
        self.folder, self.http, self.https = folder, free_port(), free_port()
        self.etc, self.log = folder / "etc/apache2", folder / "log"
        site = (self.etc / "sites-available/penstock.conf").read_text(encoding="utf-8")
        shutil.copytree("/etc/apache2", self.etc, symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*-enabled"))
        for part in ("mods-enabled", "conf-enabled", "sites-enabled"):
            shutil.rmtree(self.etc / part, ignore_errors=True)
            (self.etc / part).mkdir()
        for name in self.MODULES:
            for path in (self.etc / "mods-available").glob(f"{name}.*"):
                (self.etc / "mods-enabled" / path.name).symlink_to(path)
        (self.etc / "ports.conf").write_text(
            f"Listen 127.0.0.1:{self.http}\nListen 127.0.0.1:{self.https}\n")
        state = env["PENSTOCK_STATE"]
        for old, new in (("HTTPS_PORT 443", f"HTTPS_PORT {self.https}"),
                         ("HTTP_PORT  80", f"HTTP_PORT {self.http}"),
                         ("/etc/penstock/tls/frontend.pem", f"{state}/tls/server.pem"),
                         ("/etc/penstock/tls/frontend.key", f"{state}/secret/frontend/tls.key"),
                         ("/var/log/penstock", f"{folder}/log"),
                         ("-n 16", f"-n {log_files}"), (" 64M", f" {log_size}")):
            assert old in site, old
            site = site.replace(old, new)
        (self.etc / "sites-enabled/penstock.conf").write_text(site, encoding="utf-8")
        for name in ("run", "log"):
            (folder / name).mkdir(exist_ok=True)
            shutil.chown(folder / name, "www-data")
        self.process = None

    def command(self, *arguments):
        run_dir = str(self.folder / "run")
        return {"args": ["/usr/sbin/apache2", "-d", str(self.etc), *arguments],
                "env": {"APACHE_RUN_DIR": run_dir, "APACHE_LOCK_DIR": run_dir,
                        "APACHE_LOG_DIR": str(self.log), "APACHE_PID_FILE": f"{run_dir}/pid",
                        "APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data",
                        "PATH": os.environ["PATH"]}, "stdin": subprocess.DEVNULL}

    def start(self):
        check = subprocess.run(**self.command("-t"), capture_output=True, text=True, check=False)
        assert check.returncode == 0, check.stderr
        self.process = subprocess.Popen(**self.command("-DFOREGROUND"))
        await_true("Apache listens", lambda: listens(self.http))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(120)

    def warm_up(self):
        """The command line of the installed drop-in, at our port."""
        unit = self.folder / "usr/lib/systemd/system/apache2.service.d/penstock.conf"
        line = re.search(r"^ExecStartPost=-(.*)$", unit.read_text(), re.M).group(1)
        return run(*line.replace("http://127.0.0.1", f"http://127.0.0.1:{self.http}").split())

    def reload(self):
        """As systemd does with the drop-in; until the programs of before have ended, too."""
        before = self.programs()
        self.process.send_signal(signal.SIGUSR1)
        time.sleep(2)
        done = self.warm_up()
        assert done.returncode == 0, done.stdout
        await_true("all programs are new", lambda: not before & self.programs())

    def programs(self):
        """The pids of its FastCGI programs."""
        program, found = f"{self.folder}/usr/sbin/penstock-frontend".encode(), set()
        for cmdline in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if cmdline.read_bytes().split(b"\0")[0] == program:
                    found.add(int(cmdline.parent.name))
        return found

    def errors(self):
        return "".join(path.read_text(errors="replace") for path in self.log.glob("apache-error*"))


class InstalledPool:
    """All three tiers in FOLDER. The data tier runs at once; Apache and workers when asked for."""

    def __init__(self, env, folder, running, networks=("litecoin", "litecoin-b")):
        """RUNNING gets what ends each process."""
        self.env, self.folder, self.running = env, folder, running
        self.apache, self.workers = None, []
        install("install", PREFIX=folder / "usr", SYSCONFDIR=folder / "etc")
        self.tls = Certificates(folder / "tls")
        for tier in TIERS:
            for server in ("database", "broker"):
                path = self.password(tier, server)
                path.write_text(secrets.token_hex(16) + "\n", encoding="ascii")
                path.chmod(0o640)
                shutil.chown(path, group="www-data" if tier == "frontend" else "root")
        self.mariadb = MariaDb(self)
        self.running.callback(self.end, self.mariadb.process)
        self.rabbitmq = RabbitMq(self, self.definitions(networks))
        self.running.callback(self.end, self.rabbitmq.epmd)
        self.running.callback(self.end, self.rabbitmq.process)
        for tier in TIERS:
            self.write_settings(tier)
        await_true("MariaDB listens", lambda: listens(self.mariadb.port))
        self.make_schema()
        await_true("RabbitMQ listens", lambda: listens(self.rabbitmq.port))

    @staticmethod
    def end(process):
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(180)
        process.kill()
        process.wait()

    def password(self, tier, server):
        return self.folder / f"etc/penstock/secrets/{tier}-{server}"

    def passwords(self, server):
        return [word for tier in TIERS
                for word in (f"--{tier}-password-file", self.password(tier, server))]

    def definitions(self, networks):
        return run(self.folder / "usr/share/penstock/rabbitmq/render-definitions", "--networks",
                   " ".join(networks), *self.passwords("broker"), check=True).stdout

    def sections(self, tier, database=None, broker=None):
        """[database] and [broker] of TIER; the arguments replace settings of a section."""
        text = ""
        for name, port, more in (("database", self.mariadb.port, database),
                                 ("broker", self.rabbitmq.port, broker)):
            settings = {"hosts": NAME, "port": port, "user": f"penstock_{tier}",
                        "password_file": self.password(tier, name),
                        "tls_ca": self.tls.folder / "ca.pem",
                        "connect_timeout_ms": 3000} | (more or {})
            text += f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())
        return text

    def write_settings(self, tier, name=None, **changes):
        """The shared pool's settings with our servers in them, as etc/penstock/NAME.conf."""
        path = self.folder / f"etc/penstock/{name or tier}.conf"
        servers = self.sections(tier, **changes)
        if tier == "admin":
            path.write_text(servers.split("[broker]")[0])
            return path
        shared = pathlib.Path(self.env[f"PENSTOCK_{tier.upper()}_CONF"]).read_text(encoding="utf-8")
        text = servers + re.sub(r"(?s)^.*?(?=\[(?:frontend|worker)\])", "", shared)
        for setting, value in (("health_file", self.folder / "run/health"),
                               ("archive_dir", self.folder / "archive")):
            text = re.sub(rf"(?m)^{setting} = .*", f"{setting} = {value}", text)
        # The shared pool's publisher hands its messages to the shared pool's broker.
        text = re.sub(r"(?m)^publisher_socket = .*\n", "", text)
        (self.folder / "archive").mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def make_schema(self):
        sql = self.folder / "usr/share/penstock/sql"
        users = run(sql / "create-users", *self.passwords("database"), "--host", "127.0.0.1",
                    "--require-tls", check=True).stdout
        run("mariadb", "--no-defaults", "--user=root", f"--socket={self.mariadb.socket}",
            input=users, check=True)
        assert self.migrate().returncode == 0
        self.mariadb.script((sql / "ledger.sql").read_text(encoding="utf-8"))
        self.mariadb.script((sql / "grants.sql").read_text(encoding="utf-8"))
        assert self.penstockctl("partitions").returncode == 0

    def penstockctl(self, *words, config="backend"):
        return run(self.folder / "usr/bin/penstockctl", "--config",
                   self.folder / f"etc/penstock/{config}.conf", *words)

    def migrate(self):
        return self.penstockctl("migrate", "--migrations",
                                self.folder / "usr/share/penstock/sql/migrations", config="admin")

    def start_worker(self, name, config="backend"):
        self.workers.append(self.running.enter_context(Worker(self, name, config)))
        return self.workers[-1]

    def stop_workers(self):
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.stop()

    def start_apache(self):
        if self.apache is None:
            self.apache = Apache(self.env, self.folder)
            self.running.callback(self.apache.stop)
        if not self.apache.process or self.apache.process.poll() is not None:
            self.apache.start()
        return self.apache

    def mine(self, apache, address, count=5, *options):
        """The real miner, through Apache; its report."""
        env = self.env
        return run(f"{env['PENSTOCK_BIN']}/tools/action-miner", "--url",
                   f"https://127.0.0.1:{apache.https}", "--ca", env["PENSTOCK_CA"], "--network",
                   "litecoin", "--miner", f"{address}/installed", "--node-url",
                   env["PENSTOCK_NODE2_LITECOIN_URL"], "--node-user",
                   env["PENSTOCK_NODE2_LITECOIN_USER"], "--node-password-file",
                   env["PENSTOCK_NODE2_LITECOIN_PASSWORD_FILE"], "--interval-ms", "0",
                   "--blocks", "none", "--count", count, *options)

    def shares(self):
        return self.mariadb.query("SELECT COUNT(*) FROM penstock.share")[0][0]


class Worker:
    """An installed penstock-worker, with its log in FOLDER/log."""

    def __init__(self, pool, name, config):
        (pool.folder / "log").mkdir(exist_ok=True)
        self.path = pool.folder / f"log/{name}.log"
        with open(self.path, "ab") as log:
            self.process = subprocess.Popen(
                [pool.folder / "usr/sbin/penstock-worker", "--config",
                 pool.folder / f"etc/penstock/{config}.conf"], stdin=subprocess.DEVNULL, stderr=log)

    def log(self):
        return self.path.read_text(encoding="utf-8")

    def await_log(self, text, seconds=180):
        await_true(f"{text} in\n{self.log()}", lambda: text in self.log(), seconds)
        return self

    def stop(self):
        """Its exit status."""
        self.process.terminate()
        return self.process.wait(180)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


@contextlib.contextmanager
def installed_pool(env):
    with open_folder() as folder, contextlib.ExitStack() as running:
        yield InstalledPool(env, folder, running)
