"""The pool under test and the servers beside it: web servers with bare programs, shares to send."""

import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pika

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import blocks  # noqa: E402
from conftest import json_rpc, read_env, secret  # noqa: E402

NETWORK = "litecoin"
WORKERS = ("worker-1", "worker-2")
PROCESSES = 96
NIL = "00000000-0000-0000-0000-000000000000"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], stdin=options.pop("stdin", subprocess.DEVNULL),
                          capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Pool:
    """A running private pool (its DIR/env), and what a miner gets from it."""

    def __init__(self, state, folder, programs):
        self.state, self.folder, self.programs = pathlib.Path(state), pathlib.Path(folder), programs
        self.env = read_env(state)
        self.url = urlsplit(self.env["PENSTOCK_URL"])
        self.address = self.env["PENSTOCK_POOL_ADDRESS_LITECOIN"]
        self.work = self.ready()

    def ctl(self, action, part):
        run(ROOT / "deploy/ctl", "--state", self.state, action, part)

    def workers(self, action):
        for part in WORKERS:
            self.ctl(action, part)

    def pid(self, part):
        return int((self.state / "pid" / part).read_text(encoding="ascii"))

    def miner_headers(self):
        return {"Action": "readytomine2", "NetworkID": NETWORK, "Miner": f"{self.address}/bench",
                "ThreadID": "1", "OS": "LIN", "Agent": "1.0"}

    def ready(self):
        """What the pool answers to readytomine2, by element."""
        context = ssl.create_default_context(cafile=self.env["PENSTOCK_CA"])
        client = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=context)
        client.request("POST", "/Action.aspx", headers=self.miner_headers())
        text = client.getresponse().read().decode()
        if "<WORKID>" not in text:
            raise RuntimeError(f"readytomine2: {text}")
        return dict(re.findall(r"<(\w+)>([^<]*)</\1>", text))

    def rpc(self, prefix, method, *params):
        return json_rpc(self.env[f"{prefix}_URL"], self.env[f"{prefix}_USER"],
                        secret(self.env[f"{prefix}_PASSWORD_FILE"]), method, params)

    def shares(self, count, algorithm="scrypt", work=None, guid=None):
        """A file of COUNT different good shares, and the CPU time of one hash in microseconds. WORK and
        GUID: of another network than the pool's."""
        template = self.rpc("PENSTOCK_NODE2_LITECOIN", "getblocktemplate",
                            {"rules": ["mweb", "segwit"]})
        script = self.rpc("PENSTOCK_WALLET_LITECOIN", "validateaddress",
                          self.work["ADDRESS"])["scriptPubKey"]
        block = blocks.Block(template, bytes.fromhex(script))
        seed = ",".join(block.fields(work or self.work["WORKID"], guid or self.work["MINERGUID"]))
        path = self.folder / f"shares-{algorithm}"
        with open(path, "w", encoding="ascii") as out:
            done = subprocess.run([self.programs / "shares", algorithm, str(count)], input=seed + "\n",
                                  stdout=out, stderr=subprocess.PIPE, text=True, check=True)
        return path, float(done.stderr.split()[0])

    def message_file(self, shares):
        """The body of a message, for the bare program to publish."""
        fields = shares.open(encoding="ascii").readline().strip().split(",")
        path = self.folder / "message"
        path.write_text(blocks.message(fields, NETWORK, message_id=NIL, host=socket.gethostname()),
                        encoding="ascii")
        return path

    def getwork_headers(self):
        user = base64.b64encode(f"{self.address}.bench:x".encode()).decode()
        return {"Authorization": f"Basic {user}", "User-Agent": "cpuminer/2.5.1", "X-Mining-Extensions": "midstate"}

    def work_file(self, count):
        """Submissions by getwork, each with a nonce of its own: who takes them does not hash."""
        context = ssl.create_default_context(cafile=self.env["PENSTOCK_CA"])
        client = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=context)
        client.request("POST", f"/{NETWORK}/", b'{"method":"getwork","params":[],"id":0}', self.getwork_headers())
        data = json.loads(client.getresponse().read())["result"]["data"]
        path = self.folder / "works"
        path.write_text("".join('{"method": "getwork", "params": [ "%s%08x%s" ], "id":1}\n'
                                % (data[:152], nonce, data[160:]) for nonce in range(count)), encoding="ascii")
        return path

    def channel(self):
        env = self.env
        login = pika.PlainCredentials(env["PENSTOCK_AMQP_ADMIN_USER"],
                                      secret(env["PENSTOCK_AMQP_ADMIN_PASSWORD_FILE"]))
        return pika.BlockingConnection(pika.ConnectionParameters(
            env["PENSTOCK_AMQP_HOST"], int(env["PENSTOCK_AMQP_PORT"]), env["PENSTOCK_AMQP_VHOST"],
            login, heartbeat=0)).channel()

    def purge(self):
        for kind in ("solution", "share"):
            self.channel().queue_purge(f"{kind}.{NETWORK}")

    def enqueue(self, shares, network=NETWORK):
        env = self.env
        with open(shares, encoding="ascii") as lines:
            run(self.programs / "enqueue", f"{env['PENSTOCK_AMQP_HOST']}:{env['PENSTOCK_AMQP_PORT']}",
                env["PENSTOCK_AMQP_VHOST"], env["PENSTOCK_AMQP_FRONTEND_USER"],
                env["PENSTOCK_AMQP_FRONTEND_PASSWORD_FILE"], network, stdin=lines)

    def sql(self, statement):
        """The one number that STATEMENT finds."""
        done = run("mariadb", "-u", "root", "-S", self.env["PENSTOCK_DB_ROOT_SOCKET"], "-BN",
                   "-e", statement, self.env["PENSTOCK_DB_NAME"])
        return int(done.stdout or 0)


def members(session):
    """The processes of a session."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rsplit(") ", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            found.append(int(path.parent.name))
    return found


def cpu_us(pids):
    """CPU time of these processes and all their threads so far; what a reader must not lose is
    read from the scheduler, whose clock is finer than that of /proc/PID/stat."""
    total = 0
    for pid in pids:
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(path.read_text(encoding="ascii").split()[0])
            except OSError:
                continue  # that thread has ended
    return total / 1000


def private_kb(pids):
    """Memory that each of these processes has for itself."""
    found = []
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        found.append(sum(map(int, re.findall(r"^Private_\w+: +(\d+) kB$", text, re.M))))
    return found


class WebServer:
    """A web server like the pool's, with PROGRAM in the place of the frontend."""

    def __init__(self, pool, name, *command):
        self.folder = pool.folder / name
        self.port, self.ca = free_port(), pool.env["PENSTOCK_CA"]
        (self.folder / "fcgid").mkdir(parents=True)
        program = self.folder / pathlib.Path(command[0]).name
        shutil.copy(pool.programs / command[0], program)
        program.chmod(0o755)
        words = " ".join(map(str, [program, *command[1:]]))
        uid, gid = os.stat(pool.state / "secret/frontend").st_uid, os.stat(pool.state / "secret/frontend").st_gid
        site = (pool.state / "conf/apache-site.conf").read_text(encoding="ascii")
        site = re.sub(r'FcgidWrapper ".*"', f'FcgidWrapper "{words}"', site)
        server = (pool.state / "conf/httpd.conf").read_text(encoding="ascii")
        server = server.replace(str(pool.state / "conf/apache-site.conf"), str(self.folder / "site.conf"))
        server = server.replace(str(pool.state / "run/frontend"), str(self.folder))
        server = server.replace(str(pool.state / "log"), str(self.folder))
        ports = {str(pool.url.port): str(self.port),
                 str(urlsplit(pool.env["PENSTOCK_HTTP_URL"]).port): str(free_port())}
        for old, new in ports.items():
            server, site = (re.sub(rf":{old}\b", f":{new}", text) for text in (server, site))
        site = self.site(site.replace(str(pool.state / "log"), str(self.folder)))
        (self.folder / "site.conf").write_text(site, encoding="ascii")
        (self.folder / "httpd.conf").write_text(server, encoding="ascii")
        for path in (self.folder, self.folder / "fcgid"):
            os.chown(path, uid, gid)
        self.process = subprocess.Popen(
            ["setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups",
             "/usr/sbin/apache2", "-f", self.folder / "httpd.conf", "-DFOREGROUND"],
            stdin=subprocess.DEVNULL, start_new_session=True)

    def site(self, text):
        """What is done to the pool's site besides."""
        return text

    def warm_up(self):
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.1)
        for _ in range(6):  # as deploy/up does on a busy machine
            try:
                return run(ROOT / "deploy/apache/warm-up", f"https://127.0.0.1:{self.port}", self.ca, PROCESSES)
            except RuntimeError as error:
                failure = error
        log = (self.folder / "apache-error.log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"{failure}\n{self.folder.name}: {log[-1500:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def probe_disk(folder, seconds=1.0):
    """Appends of 512 bytes with fdatasync: how many a second."""
    path = pathlib.Path(folder) / "probe"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        os.write(fd, bytes(512))
        os.fdatasync(fd)
        count += 1
    os.close(fd)
    path.unlink()
    return count / seconds


class Load:
    """The load generator, for one case."""

    def __init__(self, programs, port, ca, headers=None, solutions=None, method="GET", path="/", expect="ok",
                 bodies=None):
        self.command = [programs / "load", "--host", "127.0.0.1", "--port", port, "--ca", ca,
                        "--method", method, "--path", path, "--expect", expect]
        for name, value in (headers or {}).items():
            self.command += ["--header", f"{name}: {value}"]
        if solutions:
            self.command += ["--solutions", solutions]
        if bodies:
            self.command += ["--bodies", bodies]

    def __call__(self, seconds, connections=64, close=False, rate=0, warm_up=0.5):
        more = ["--seconds", seconds, "--connections", connections, "--warm-up", warm_up, "--rate", rate]
        if rate:  # else its waiting for a turn at the machine that it shares would count as the pool's
            more += ["--priority", 20, "--pauses"]
        result = json.loads(run(*self.command, *more, *(["--close"] if close else [])).stdout)
        if result["failed"]:
            print(f"  {result['failed']} failed, the first: {result['failure']}", file=sys.stderr)
        return result
