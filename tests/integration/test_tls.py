"""The tiers as INSTALL.md connects them: TLS with verification to a MariaDB and a RabbitMQ that run with
the installed settings. Any other certificate is refused with a line that says so, never answered in
plain text; a list of hosts fails over."""

import contextlib
import re
import socket
import threading

import pytest

from installed_pool import NAME, await_true, installed_pool
from ports import free_port

pytestmark = pytest.mark.own_state

SERVERS = ("database", "broker")


@pytest.fixture(scope="module")
def pool(env):
    with installed_pool(env) as p:
        yield p


def port_of(pool, server):
    return pool.mariadb.port if server == "database" else pool.rabbitmq.port


def ask(pool, server, **changes):
    """A penstockctl that talks to SERVER only, with CHANGES in that section."""
    pool.write_settings("backend", name="changed", **{server: changes})
    words = ["dead", "list"] if server == "broker" else ["partitions"]
    return pool.penstockctl(*words, config="changed")


def test_a_share_goes_through_all_tiers_encrypted(pool, rpc):
    worker = pool.start_worker("encrypted").await_log("worker.started")
    apache = pool.start_apache()
    done = pool.mine(apache, rpc("miner")("getnewaddress"))
    assert done.returncode == 0, done.stdout
    await_true("five shares", lambda: pool.shares() == 5)

    ciphers = pool.mariadb.query(
        "SELECT t.PROCESSLIST_USER, s.VARIABLE_VALUE FROM performance_schema.status_by_thread s "
        "JOIN performance_schema.threads t USING (THREAD_ID) WHERE s.VARIABLE_NAME = 'Ssl_cipher' "
        "AND t.PROCESSLIST_USER LIKE 'penstock%%'")
    assert {user for user, _ in ciphers} == {"penstock_frontend", "penstock_backend"}
    assert all(cipher.startswith("TLS_") for _, cipher in ciphers), ciphers
    lines = pool.rabbitmq.ctl("list_connections", "user", "ssl", "ssl_protocol").splitlines()[1:]
    found = {tuple(line.split("\t")) for line in lines}
    assert found == {("penstock_frontend", "true", "tlsv1.3"), ("penstock_backend", "true", "tlsv1.3")}
    assert worker.stop() == 0
    apache.stop()


@pytest.mark.parametrize("server", SERVERS)
def test_the_right_certificate_is_accepted(pool, server):
    done = ask(pool, server)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("changes", [{"tls_ca": "stranger.pem"}, {"tls_ca": "missing.pem"},
                                     {"hosts": "127.0.0.1"}])
def test_others_are_refused(pool, server, changes):
    """A certificate of another CA, no CA, and a name that the certificate does not have."""
    if "tls_ca" in changes:
        changes = {"tls_ca": pool.tls.folder / changes["tls_ca"]}
    refused(pool, server, changes)


def refused(pool, server, changes):
    done = ask(pool, server, **changes)
    conf = {"hosts": NAME, "tls_ca": pool.tls.folder / "ca.pem"} | changes
    assert done.returncode == 1, done.stdout
    assert str(conf["tls_ca"]) in done.stdout
    if conf["tls_ca"].exists():
        assert re.search(r"certificate must be of tls_ca, \S+, have this name, and be in force",
                         done.stdout), done.stdout
        assert re.search(rf"{conf['hosts']}( port |:){port_of(pool, server)}: ", done.stdout)


@pytest.fixture
def expired(pool):
    def present(name):
        pool.tls.present(name)
        pool.mariadb.query("FLUSH SSL")
        pool.rabbitmq.ctl("eval", "ssl:clear_pem_cache().")

    present("expired")
    yield
    present("good")


@pytest.mark.parametrize("server", SERVERS)
def test_an_expired_certificate_is_refused(pool, expired, server):
    refused(pool, server, {})


def test_a_worker_says_what_is_wrong_and_goes_on_once_it_is_right(pool, expired):
    worker = pool.start_worker("waiting").await_log("worker.waits_for_database")
    assert "certificate" in worker.log() and "worker.started" not in worker.log()
    pool.tls.present("good")
    pool.mariadb.query("FLUSH SSL")
    pool.rabbitmq.ctl("eval", "ssl:clear_pem_cache().")
    worker.await_log("worker.started")
    assert worker.stop() == 0


# --- never in plain text ---


class Recorder:
    """Passes one server's bytes on, and keeps what the clients said."""

    def __init__(self, host, port):
        self.target, self.said = (host, int(port)), b""
        self.listener, self.open = socket.create_server(("127.0.0.1", 0)), []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            self.open += [client, server]
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, sink, keep):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep:
                    self.said += data
                sink.sendall(data)
        self.end(source, sink)

    @staticmethod
    def end(*sockets):
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Whoever listened here is dead."""
        self.end(self.listener)
        self.listener.close()
        self.end(*self.open)


@pytest.mark.parametrize("server, host, port", [
    ("database", "PENSTOCK_DB_HOST", "PENSTOCK_DB_PORT"),
    ("broker", "PENSTOCK_AMQP_HOST", "PENSTOCK_AMQP_PORT")])
def test_a_server_without_tls_hears_no_name(env, pool, server, host, port):
    """As when somebody in between takes the offer of TLS away."""
    recorder = Recorder(env[host], env[port])
    done = ask(pool, server, port=recorder.port)
    assert done.returncode != 0 and ("tls" in done.stdout.lower() or "ssl" in done.stdout.lower()), \
        done.stdout
    assert b"penstock_backend" not in recorder.said and b"PLAIN" not in recorder.said
    ask(pool, server, port=recorder.port, tls_ca="")
    assert b"penstock_backend" in recorder.said, "the recorder hears nothing at all"
    recorder.cut()


@pytest.mark.parametrize("server", SERVERS)
def test_an_account_that_needs_tls_is_refused_without(pool, server):
    done = ask(pool, server, tls_ca="")
    assert done.returncode != 0, done.stdout


# --- several hosts ---


@pytest.mark.parametrize("server", SERVERS)
def test_the_second_host_is_used_when_the_first_is_unfit(env, pool, server):
    plain = env["PENSTOCK_DB_PORT" if server == "database" else "PENSTOCK_AMQP_PORT"]
    alive = f"{NAME}:{port_of(pool, server)}"
    for first in (f"{NAME}:{free_port()}",  # nobody listens
                  f"127.0.0.1:{port_of(pool, server)}",  # not the name in the certificate
                  f"{NAME}:{plain}"):  # no TLS
        assert ask(pool, server, hosts=first).returncode != 0
        done = ask(pool, server, hosts=f"{first} {alive}")
        assert done.returncode == 0, f"{first}: {done.stdout}"


def test_a_worker_fails_over_when_the_first_hosts_die(pool, rpc):
    """Both servers first by a way that is cut, then by the second host."""
    ways = {"database": Recorder("127.0.0.1", pool.mariadb.port),
            "broker": Recorder("127.0.0.1", pool.rabbitmq.port)}
    pool.write_settings("backend", name="two-hosts", **{
        server: {"hosts": f"{NAME}:{way.port} {NAME}:{port_of(pool, server)}"}
        for server, way in ways.items()})
    worker = pool.start_worker("failover", "two-hosts").await_log("worker.started")
    for way in ways.values():
        worker.await_log(f"port={way.port}")
        way.cut()
    apache = pool.start_apache()
    before = pool.shares()
    done = pool.mine(apache, rpc("miner")("getnewaddress"))
    assert done.returncode == 0, done.stdout
    await_true("five more shares", lambda: pool.shares() == before + 5)
    for server in SERVERS:
        worker.await_log(f"port={port_of(pool, server)}")
    assert worker.stop() == 0
    apache.stop()
