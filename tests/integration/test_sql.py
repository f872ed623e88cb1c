"""The database as sql/ sets it up: what each account cannot do, unique keys, partitions, and
`penstockctl migrate` and `partitions`. Also runs the C program that tests common/db from inside."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import uuid

import pymysql
import pytest

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build")) / "integration"
NETWORK = "itest-sql"  # of all rows made here
OTHER = "itest_schema"  # a schema of its own, for migrations

TABLES = {  # and a column that the account must not be able to change
    "miner": "address", "worker": "name", "work": "os", "share": "difficulty", "rejected": "reason",
    "share_stats": "network", "rejected_stats": "network", "tip": "height",
    "block_candidate": "height", "block": "status", "schema_version": "admits", "ban": "reason",
    "lane_progress": "seen_at", "block_split": "fee", "block_credit": "amount", "account": "balance",
    "journal": "note", "entry": "amount", "payout": "amount", "payout_item": "amount", "payout_input": "txid",
    "payout_freeze": "frozen", "miner_setting": "minimum_payout", "task_lock": "holder", "task_run": "outcome",
    "miner_rating": "shares", "share_stats_hour": "shares", "network_stats": "shares", "audit_run": "outcome",
    "rejected_worker_stats": "rejected", "miner_stats_hour": "shares", "worker_day": "shares",
    "rejected_day": "rejected", "notify_subscription": "target", "notify_answer": "kind", "notify_state": "secret",
    "notify_token": "created_at", "notify_queue": "detail", "network_terms": "told_at",
    "job": "job", "job_health": "network", "job_leader": "holder",
}
LAST = len(list((ROOT / "sql/migrations").glob("*.sql")))  # the level of this release
NEXT = f"{LAST + 1:04}"


def day(offset=0):
    return int(time.time()) // 86400 + offset


def partition_name(number):
    return time.strftime("p%Y%m%d", time.gmtime(number * 86400))


def run(connection, sql, *args):
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def refused(connection, sql, *numbers):
    with pytest.raises(pymysql.MySQLError) as caught:
        run(connection, sql)
    assert caught.value.args[0] in numbers, f"{sql}: {caught.value}"


@pytest.fixture
def root(db):
    """Root, who removes afterwards what tests have added."""
    connection = db("root")
    yield connection
    for table in ("share", "rejected", "work", "tip", "block_candidate", "block", "share_stats",
                  "rejected_stats", "rejected_worker_stats"):
        run(connection, f"DELETE FROM {table} WHERE network = %s", NETWORK)
    run(connection, "DELETE w FROM worker w JOIN miner m ON m.id = w.miner_id WHERE network = %s",
        NETWORK)
    run(connection, "DELETE FROM miner WHERE network = %s", NETWORK)


# --- what the C program tests ---


@pytest.fixture
def owner(root, tmp_path):
    """An account that may do anything in the pool's schema, as none of the pool's may."""
    password = uuid.uuid4().hex
    run(root, "CREATE USER itest_owner@'127.0.0.1' IDENTIFIED BY %s", password)
    run(root, "GRANT ALL ON penstock.* TO itest_owner@'127.0.0.1'")
    file = tmp_path / "owner"
    file.touch(mode=0o600)
    file.write_text(password + "\n", encoding="ascii")
    yield {"PENSTOCK_DB_ADMIN_USER": "itest_owner", "PENSTOCK_DB_ADMIN_PASSWORD_FILE": str(file)}
    run(root, "DROP USER itest_owner@'127.0.0.1'")


def test_c_client(env, owner):
    done = subprocess.run([BUILD / "itest_db"], env={**os.environ, **env, **owner}, capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def shell(*command, **options):
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def make_certificates(folder):
    """A CA, a certificate of 127.0.0.1 from it, and a CA that has nothing to do with them."""
    for name in ("ca", "other"):
        shell("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key",
              "-out", folder / f"{name}.pem")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n", encoding="ascii")
    shell("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
          "/CN=server", "-keyout", folder / "server.key", "-out", folder / "server.csr")
    shell("openssl", "x509", "-req", "-in", folder / "server.csr", "-CA", folder / "ca.pem", "-CAkey",
          folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", folder / "san", "-out",
          folder / "server.pem")


@pytest.fixture
def tls_server(tmp_path):
    """A MariaDB of this test's own, with TLS and room for 10 connections."""
    make_certificates(tmp_path)
    port = free_port()
    password = uuid.uuid4().hex
    (tmp_path / "password").write_text(password + "\n", encoding="ascii")
    (tmp_path / "password").chmod(0o400)
    (tmp_path / "init.sql").write_text(
        f"CREATE USER itest@'127.0.0.1' IDENTIFIED BY '{password}' REQUIRE SSL;\n"
        "GRANT SELECT ON mysql.* TO itest@'127.0.0.1';\n", encoding="ascii")
    config = tmp_path / "my.cnf"
    config.write_text(
        f"[mysqld]\ndatadir={tmp_path}/data\nsocket={tmp_path}/sock\nport={port}\nuser=root\n"
        f"bind-address=127.0.0.1\npid-file={tmp_path}/pid\nlog-error={tmp_path}/error.log\n"
        f"skip-name-resolve\nmax_connections=10\nssl_ca={tmp_path}/ca.pem\n"
        f"ssl_cert={tmp_path}/server.pem\nssl_key={tmp_path}/server.key\n"
        "innodb_log_file_size=8M\n", encoding="ascii")
    shell("mariadb-install-db", f"--defaults-file={config}", "--skip-test-db",
          "--auth-root-authentication-method=normal")
    process = subprocess.Popen(["mariadbd", f"--defaults-file={config}",
                                f"--init-file={tmp_path}/init.sql"], stdin=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (tmp_path / "pid").exists() and time.monotonic() < until:
        time.sleep(0.05)
    yield {"ITEST_DB_PORT": str(port), "ITEST_DB_PID": str(process.pid), "ITEST_DB_USER": "itest",
           "ITEST_DB_PASSWORD_FILE": str(tmp_path / "password"),
           "ITEST_DB_CA": str(tmp_path / "ca.pem"), "ITEST_DB_OTHER_CA": str(tmp_path / "other.pem")}
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait(120)


def test_c_client_over_tls(tls_server):
    done = subprocess.run([BUILD / "itest_db_tls"], env={**os.environ, **tls_server}, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- what no account of the pool may do, with any table ---

NEVER = [
    ("DELETE FROM {t}", 1142),
    ("REPLACE INTO {t} () VALUES ()", 1142),
    ("REPLACE INTO {t} SELECT * FROM {t}", 1142),
    ("TRUNCATE {t}", 1142),
    ("DROP TABLE {t}", 1142),
    ("ALTER TABLE {t} ADD x INT", 1142),
    ("ALTER TABLE {t} AUTO_INCREMENT = 18446744073709551615", 1142),
    ("CREATE INDEX x ON {t} ({c})", 1142),
    ("RENAME TABLE {t} TO y", 1142),
    ("CREATE TABLE y LIKE {t}", 1142),
    ("CREATE TRIGGER x BEFORE INSERT ON {t} FOR EACH ROW SET @x = 1", 1142),
    ("CREATE VIEW y AS SELECT * FROM {t}", 1142),
    ("LOCK TABLES {t} WRITE", 1044),
    ("LOCK TABLES {t} READ", 1044),
    ("FLUSH TABLES {t}", 1227),
    ("SELECT * FROM {t} INTO OUTFILE '/tmp/itest-sql'", 1227),
    ("LOAD DATA INFILE '/etc/passwd' INTO TABLE {t}", 1045),
]

# --- what the frontend may not do on top of that ---

FRONTEND_NEVER = NEVER + [
    ("SELECT * FROM {t}", 1142),
    ("SELECT COUNT(*) FROM {t}", 1142),
    ("UPDATE {t} SET {c} = {c}", 1142),
    ("INSERT INTO {t} () VALUES () ON DUPLICATE KEY UPDATE {c} = {c}", 1142),
    ("HANDLER {t} OPEN", 1142),
    ("OPTIMIZE TABLE {t}", 1142),
    ("ANALYZE TABLE {t}", 1142),
    ("SHOW CREATE TABLE {t}", 1142),
]

GLOBALLY_NEVER = [
    ("CREATE TABLE y (a INT)", 1142),
    ("CREATE TEMPORARY TABLE y (a INT)", 1044),
    ("CREATE DATABASE y", 1044),
    ("DROP DATABASE penstock", 1044),
    ("CREATE PROCEDURE y() SELECT 1", 1044),
    ("CREATE FUNCTION y() RETURNS INT RETURN 1", 1044),
    ("CREATE EVENT y ON SCHEDULE EVERY 1 DAY DO SELECT 1", 1044),
    ("CALL partition_table('share', 1, 2)", 1370),
    ("SET GLOBAL max_connections = 5", 1227),
    ("SET GLOBAL innodb_flush_log_at_trx_commit = 0", 1227),
    ("SET SESSION sql_log_bin = 0", 1227),
    ("SELECT 1 INTO OUTFILE '/tmp/itest-sql'", 1227),
    ("CREATE USER y", 1227),
    ("GRANT SELECT ON penstock.miner TO penstock_frontend", 1142),
    ("SET PASSWORD FOR penstock_admin@'127.0.0.1' = PASSWORD('x')", 1044),
    ("SELECT * FROM mysql.global_priv", 1142),
    ("FLUSH PRIVILEGES", 1227),
    ("SHUTDOWN", 1227),
    ("INSTALL SONAME 'x'", 1142),
]


@pytest.mark.parametrize("sql,number", FRONTEND_NEVER)
def test_frontend_cannot(db, sql, number):
    connection = db("frontend")
    for table, column in TABLES.items():
        refused(connection, sql.format(t=table, c=column), number)


@pytest.mark.parametrize("sql,number", NEVER)
def test_backend_cannot(db, sql, number):
    connection = db("backend")
    for table, column in TABLES.items():
        refused(connection, sql.format(t=table, c=column), number)


@pytest.mark.parametrize("tier", ["frontend", "backend"])
def test_no_rights_beyond_the_schema(db, tier):
    connection = db(tier)
    for sql, number in GLOBALLY_NEVER:
        refused(connection, sql, number)
    assert run(connection, "SELECT LOAD_FILE('/etc/passwd')") == ((None,),)


def test_frontend_has_no_other_role_or_procedure(db):
    connection = db("frontend")
    refused(connection, "SET ROLE penstock_backend_rights", 1959)
    refused(connection, "CALL partition_days(1)", 1370)


COLUMNS_SET_BY_THE_SERVER = [
    "INSERT INTO worker (id, miner_id, name) VALUES (18446744073709551615, UUID(), 'x')",
    "INSERT INTO worker (miner_id, name, created_at) VALUES (UUID(), 'x', NOW())",
    "INSERT INTO miner (id, network, address, disabled) VALUES (UUID(), 'x', 'x', 0)",
    "INSERT INTO miner (id, network, address, created_at) VALUES (UUID(), 'x', 'x', NOW())",
    "INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent, created_at)"
    " VALUES (UUID(), 'x', 1, '', '', '', '', '', NOW())",
    "INSERT INTO notify_subscription (id, network, address, channel, target, events, created_at)"
    " VALUES (UUID(), 'x', 'x', 'mail', 'x', 'block', NOW())",
    "INSERT INTO notify_answer (id, token_hash, kind) VALUES (18446744073709551615, '', 'stop')",
    "INSERT INTO notify_answer (token_hash, kind, created_at) VALUES ('', 'stop', NOW())",
]


@pytest.mark.parametrize("sql", COLUMNS_SET_BY_THE_SERVER)
def test_frontend_cannot_insert_column(db, sql):
    connection = db("frontend")
    refused(connection, sql, 1143)
    refused(connection, sql.replace("INSERT", "INSERT IGNORE"), 1143)


def test_frontend_cannot_insert_elsewhere(db):
    connection = db("frontend")
    for table in TABLES.keys() - {"miner", "worker", "work", "notify_subscription", "notify_answer"}:
        refused(connection, f"INSERT INTO {table} () VALUES ()", 1142)
    for view in ("intake_miner", "intake_worker", "intake_ban", "intake_job", "intake_job_body", "intake_rate",
                 "schema_level"):
        refused(connection, f"INSERT INTO {view} () VALUES ()", 1142)
        refused(connection, f"DELETE FROM {view}", 1142)
    refused(connection, "UPDATE intake_miner SET disabled = 0", 1142)


def test_frontend_cannot_make_a_miner_of_nobodys_id(db):
    refused(db("frontend"), "INSERT INTO miner (id, network, address) VALUES"
            " ('00000000-0000-0000-0000-000000000000', 'litecoin', 'nobody')", 4025)


def test_frontend_sees_no_reasons(db):
    connection = db("frontend")
    assert run(connection, "SELECT * FROM intake_ban LIMIT 0") == ()
    for column in ("reason", "created_at", "expires_at"):
        refused(connection, f"SELECT {column} FROM intake_ban", 1054)
    refused(connection, "SELECT * FROM active_ban", 1142)


def test_frontend_cannot_see_what_it_inserts(db):
    connection = db("frontend")
    refused(connection, "INSERT INTO worker (miner_id, name) VALUES (UUID(), 'x') RETURNING id", 1143)
    refused(connection, "INSERT INTO work (id) SELECT id FROM work", 1142)


BACKEND_CANNOT_UPDATE = [
    ("UPDATE miner SET address = 'x'", 1143), ("UPDATE miner SET id = UUID()", 1143),
    ("UPDATE worker SET name = 'x'", 1142), ("UPDATE work SET worker_id = 1", 1142),
    ("UPDATE share SET worker_id = 1", 1143), ("UPDATE share SET received_at = NOW()", 1143),
    ("UPDATE share SET difficulty = 1", 1143), ("UPDATE rejected SET reason = 'x'", 1142),
    ("UPDATE tip SET seen_at = NOW()", 1142), ("UPDATE block_candidate SET height = 1", 1143),
    ("UPDATE block SET height = 1", 1143), ("UPDATE block SET subsidy = 1", 1143),
    ("UPDATE block SET pool_block = 1", 1143), ("UPDATE block SET recipient = 'x'", 1143),
    ("INSERT INTO miner () VALUES ()", 1142), ("INSERT INTO worker () VALUES ()", 1142),
    ("INSERT INTO work () VALUES ()", 1142), ("INSERT INTO schema_version () VALUES ()", 1142),
    ("SELECT * FROM schema_version", 1142),
    ("UPDATE ban SET reason = 'x'", 1143), ("UPDATE ban SET value = 'x'", 1143),
    ("INSERT INTO ban (id, kind, value) VALUES (18446744073709551615, 'ip', 'x')", 1143),
    ("SELECT * FROM intake_ban", 1142),
]


@pytest.mark.parametrize("sql,number", BACKEND_CANNOT_UPDATE)
def test_backend_cannot_update(db, sql, number):
    refused(db("backend"), sql, number)


def test_admin_cannot_delete_or_grant(db):
    connection = db("admin")
    for table in TABLES:
        refused(connection, f"DELETE FROM {table}", 1142)
    refused(connection, "GRANT SELECT ON penstock.miner TO penstock_frontend_rights", 1142)
    refused(connection, "CREATE USER y", 1227)
    refused(connection, "CREATE DATABASE y", 1044)
    refused(connection, "SET GLOBAL max_connections = 5", 1227)


def test_grants_are_repeatable_and_take_away(env, db, root):
    """A right given on the side is gone after grants.sql."""
    run(root, "GRANT DELETE ON penstock.work TO penstock_frontend_rights")
    run(root, "GRANT EXECUTE ON PROCEDURE penstock.partition_days TO penstock_frontend_rights")
    connection = db("frontend")
    assert run(connection, "DELETE FROM work LIMIT 0") == 0
    before = sorted(run(root, "SHOW GRANTS FOR penstock_backend_rights"))
    with open(ROOT / "sql/grants.sql", encoding="utf-8") as grants:
        subprocess.run(["mariadb", "--no-defaults", "--user=root",
                        f"--socket={env['PENSTOCK_DB_ROOT_SOCKET']}"], stdin=grants, check=True)
    refused(connection, "DELETE FROM work LIMIT 0", 1142)
    refused(connection, "CALL partition_days(1)", 1370)
    assert len(run(root, "SHOW GRANTS FOR penstock_backend_rights")) == len(before)


# --- what they must be able to do ---


def add_miner(frontend, address="address"):
    run(frontend, "INSERT IGNORE INTO miner (id, network, address) VALUES (%s, %s, %s)",
        str(uuid.uuid4()), NETWORK, address)
    ((miner,),) = run(frontend, "SELECT id FROM intake_miner WHERE network = %s AND address = %s",
                      NETWORK, address)
    run(frontend, "INSERT IGNORE INTO worker (miner_id, name) VALUES (%s, 'Default')", miner)
    ((worker,),) = run(frontend, "SELECT id FROM intake_worker WHERE miner_id = %s", miner)
    return worker


def add_share(backend, pow_hash, number, network=NETWORK):
    return run(backend, "INSERT INTO share (day, network, pow_hash, worker_id, work_id, message_id,"
               " received_at, difficulty) VALUES (%s, %s, %s, 1, UUID(), UUID(), NOW(6), 1)",
               number, network, pow_hash)


def test_intake(db, root):
    frontend = db("frontend")
    worker = add_miner(frontend)
    assert add_miner(frontend) == worker  # a second one adds nothing
    assert run(frontend, "SELECT version >= 4, admits >= 1 FROM schema_level") == ((1, 1),)
    run(frontend, "INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent, email)"
        " VALUES (%s, %s, %s, %s, '1', '::1', 'LIN', '1.0', NULL)", str(uuid.uuid4()), NETWORK,
        worker, b"\x11" * 32)
    ((age,),) = run(root, "SELECT TIMESTAMPDIFF(SECOND, created_at, UTC_TIMESTAMP(6)) FROM work"
                    " WHERE network = %s", NETWORK)
    assert 0 <= age < 60
    refused(frontend, f"INSERT INTO miner (id, network, address) VALUES (UUID(), '{NETWORK}',"
            " 'address')", 1062)


def test_addresses_differ_by_every_byte(db, root):
    frontend = db("frontend")
    workers = [add_miner(frontend, address) for address in ("abc", "ABC", "abc ", "abC")]
    assert len(set(workers)) == 4


def test_eight_simultaneous_first_requests(db, root):
    connections = [db("frontend") for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        workers = list(pool.map(lambda c: add_miner(c, "eight"), connections))
    assert len(set(workers)) == 1


def test_backend_rollups(db, root):
    backend = db("backend")
    for _ in range(2):
        run(backend, "INSERT INTO share_stats (worker_id, minute, network, shares) VALUES (1, 1, %s,"
            " 1) ON DUPLICATE KEY UPDATE shares = shares + VALUES(shares)", NETWORK)
        run(backend, "INSERT INTO rejected_stats (network, minute, reason, rejected) VALUES (%s, 1,"
            " 'x', 1) ON DUPLICATE KEY UPDATE rejected = rejected + VALUES(rejected)", NETWORK)
        run(backend, "INSERT INTO rejected_worker_stats (network, hour, worker_id, reason, rejected) VALUES (%s,"
            " 1, 1, 'x', 1) ON DUPLICATE KEY UPDATE rejected = rejected + VALUES(rejected)", NETWORK)
    assert run(backend, "SELECT rejected FROM rejected_worker_stats WHERE network = %s", NETWORK) == ((2,),)
    assert run(backend, "SELECT shares FROM share_stats WHERE network = %s", NETWORK) == ((2,),)
    assert run(backend, "SELECT rejected FROM rejected_stats WHERE network = %s", NETWORK) == ((2,),)


def test_one_active_block_per_height(db, root):
    backend = db("backend")
    insert = ("INSERT INTO block (network, height, hash, status) VALUES (%s, 7, %s, %s)")
    run(backend, insert, NETWORK, b"\x01" * 32, "orphaned")
    run(backend, insert, NETWORK, b"\x02" * 32, "open")
    run(backend, insert, NETWORK, b"\x03" * 32, "orphaned")
    with pytest.raises(pymysql.IntegrityError):
        run(backend, insert, NETWORK, b"\x04" * 32, "open")
    with pytest.raises(pymysql.IntegrityError):
        run(backend, insert, NETWORK, b"\x01" * 32, "orphaned")


# --- partitions ---


def partitions(root, table, schema="penstock"):
    return run(root, "SELECT PARTITION_NAME, PARTITION_DESCRIPTION, CREATE_TIME FROM"
               " information_schema.PARTITIONS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
               " ORDER BY PARTITION_ORDINAL_POSITION", schema, table)


def in_partition(root, table, name, network=NETWORK):
    return run(root, f"SELECT COUNT(*) FROM {table} PARTITION ({name}) WHERE network = %s",
               network)[0][0]


def test_each_day_has_its_partition(db, root):
    run(db("backend"), "CALL partition_days(7)")
    for table in ("share", "rejected", "job"):
        rows = partitions(root, table)
        expected = {partition_name(day(i)): str(day(i) + 1) for i in range(-2, 8)}
        assert expected.items() <= {name: bound for name, bound, _ in rows}.items()
        assert rows[-1][:2] == ("p_later", "MAXVALUE")


def test_partitioned_tables_have_no_auto_increment(root):
    """MariaDB hands out the same number twice while partitions are reorganized."""
    assert not run(root, "SELECT DISTINCT c.TABLE_NAME FROM information_schema.COLUMNS c JOIN"
                   " information_schema.PARTITIONS p USING (TABLE_SCHEMA, TABLE_NAME) WHERE"
                   " TABLE_SCHEMA = 'penstock' AND PARTITION_NAME IS NOT NULL AND EXTRA ="
                   " 'auto_increment'")


def test_rows_land_in_their_day(db, root):
    backend = db("backend")
    run(backend, "CALL partition_days(7)")
    days = [day(-9), day(-2), day(), day(7), day(400)]
    for i, number in enumerate(days):
        add_share(backend, bytes([i]) * 32, number)
        run(backend, "INSERT INTO rejected (message_id, day, network, reason, received_at) VALUES"
            " (UUID(), %s, %s, 'x', NOW(6))", number, NETWORK)
    for table in ("share", "rejected"):
        oldest = partitions(root, table)[0][0]
        for name in (oldest, partition_name(day()), partition_name(day(7)), "p_later"):
            assert in_partition(root, table, name) >= 1, (table, name)
        assert in_partition(root, table, partition_name(day(1))) == 0


def test_a_hash_is_unique_in_every_partition(db, root):
    backend = db("backend")
    for number in (day(-2), day(), day(400)):
        pow_hash = os.urandom(32)
        add_share(backend, pow_hash, number)
        with pytest.raises(pymysql.IntegrityError):
            add_share(backend, pow_hash, number)
        run(backend, "INSERT IGNORE INTO share (day, network, pow_hash, worker_id, work_id,"
            " message_id, received_at, difficulty) SELECT day, network, pow_hash, 2, UUID(), UUID(),"
            " NOW(6), 1 FROM share WHERE network = %s AND pow_hash = %s", NETWORK, pow_hash)
        assert run(backend, "SELECT COUNT(*), MAX(worker_id) FROM share WHERE network = %s AND"
                   " pow_hash = %s", NETWORK, pow_hash) == ((1, 1),)


def test_a_message_is_credited_once(db, root):
    backend = db("backend")
    add_share(backend, os.urandom(32), day())
    with pytest.raises(pymysql.IntegrityError):
        run(backend, "INSERT INTO share (day, network, pow_hash, worker_id, work_id, message_id,"
            " received_at, difficulty) SELECT day, network, %s, 1, UUID(), message_id, NOW(6), 1"
            " FROM share WHERE network = %s", os.urandom(32), NETWORK)


def test_partition_days_again_changes_nothing(db, root):
    backend = db("backend")
    run(backend, "CALL partition_days(7)")
    before = [partitions(root, table) for table in ("share", "rejected", "job")]
    run(backend, "CALL partition_days(7)")
    assert [partitions(root, table) for table in ("share", "rejected", "job")] == before


@pytest.mark.parametrize("ahead", ["0", "-1", "367", "NULL", "2147483647"])
def test_partition_days_is_bounded(db, ahead):
    refused(db("backend"), f"CALL partition_days({ahead})", 1644)


# --- penstockctl, on a schema of its own ---


class Schema:
    """A schema beside the pool's, with a copy of the migrations that tests may change."""

    def __init__(self, env, root, folder):
        self.env, self.root = env, root
        self.sql = folder / "migrations"
        shutil.copytree(ROOT / "sql/migrations", self.sql)
        self.conf = {tier: folder / f"{tier}.conf" for tier in ("admin", "backend")}
        self.conf["admin"].write_text(self.database_section("ADMIN"), encoding="ascii")
        self.conf["backend"].write_text(self.backend_conf(), encoding="ascii")
        for user in ("penstock_admin", "penstock_backend"):
            for (host,) in run(root, "SELECT Host FROM mysql.user WHERE User = %s", user):
                run(root, f"GRANT ALL ON {OTHER}.* TO {user}@'{host}'")

    def database_section(self, tier):
        env = self.env
        return (f"[database]\nhosts = {env['PENSTOCK_DB_HOST']}\nport = {env['PENSTOCK_DB_PORT']}\n"
                f"name = {OTHER}\nuser = {env[f'PENSTOCK_DB_{tier}_USER']}\n"
                f"password_file = {env[f'PENSTOCK_DB_{tier}_PASSWORD_FILE']}\n")

    def backend_conf(self):
        """The pool's own file, with another [database]."""
        out, skip = [], False
        path = pathlib.Path(self.env["PENSTOCK_BACKEND_CONF"])
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                skip = line.strip() == "[database]"
            if not skip:
                out.append(line)
        return self.database_section("BACKEND") + "\n".join(out) + "\n"

    def command(self, tier, *args):
        return [pathlib.Path(self.env["PENSTOCK_BIN"]) / "penstockctl", "--config", self.conf[tier],
                *args]

    def ctl(self, tier, *args):
        return subprocess.run(self.command(tier, *args), stdin=subprocess.DEVNULL, timeout=120,
                              capture_output=True, text=True, check=False)

    def migrate(self, *args):
        return self.ctl("admin", "migrate", "--migrations", self.sql, *args)

    def states(self):
        lines = self.migrate("--dry-run").stdout.splitlines()[1:]
        return [line.split()[2] for line in lines]

    def tables(self):
        return {name for (name,) in run(self.root, f"SHOW TABLES FROM {OTHER}")}


@pytest.fixture
def schema(env, db, tmp_path):
    root = db("root")
    run(root, f"DROP DATABASE IF EXISTS {OTHER}")
    run(root, f"CREATE DATABASE {OTHER} CHARACTER SET utf8mb4")
    yield Schema(env, root, tmp_path)
    run(root, f"DROP DATABASE {OTHER}")
    for user in ("penstock_admin", "penstock_backend"):
        for (host,) in run(root, "SELECT Host FROM mysql.user WHERE User = %s", user):
            run(root, f"REVOKE ALL ON {OTHER}.* FROM {user}@'{host}'")


def ok(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def failed(done, *texts):
    assert done.returncode == 1, done.stdout + done.stderr
    for text in texts:
        assert text in done.stderr, done.stderr


def test_migrate_from_nothing(schema):
    assert schema.states() == ["pending"] * LAST
    assert not schema.tables()  # a dry run makes nothing
    ok(schema.migrate())
    assert schema.states() == ["applied"] * LAST
    assert TABLES.keys() <= schema.tables()
    before = run(schema.root, f"SELECT * FROM {OTHER}.schema_version")
    ok(schema.migrate())
    assert run(schema.root, f"SELECT * FROM {OTHER}.schema_version") == before


def test_concurrent_migrates(schema):
    running = [subprocess.Popen(schema.command("admin", "migrate", "--migrations", schema.sql),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert schema.states() == ["applied"] * LAST
    assert run(schema.root, f"SELECT COUNT(*) FROM {OTHER}.schema_version") == ((LAST,),)


def add_migration(schema, name, text):
    (schema.sql / name).write_text(f"-- admits: 1\n{text}", encoding="ascii")


def test_killed_migration_is_completed(schema):
    ok(schema.migrate())
    add_migration(schema, f"{NEXT}_slow.sql", "CREATE TABLE IF NOT EXISTS slow_a (a INT);\n"
                  "DO IF(EXISTS(SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
                  " AND TABLE_NAME = 'go_on'), 0, SLEEP(600));\nCREATE TABLE IF NOT EXISTS slow_b (a INT);\n")
    process = subprocess.Popen(schema.command("admin", "migrate", "--migrations", schema.sql),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 180
    while not (asleep := run(schema.root, "SELECT id FROM information_schema.PROCESSLIST WHERE INFO LIKE"
                                          " 'DO IF%%SLEEP%%'")) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ((number,),) = asleep
    with contextlib.suppress(pymysql.MySQLError):  # it has noticed
        run(schema.root, f"KILL {number}")
    run(schema.root, f"CREATE TABLE {OTHER}.go_on (a INT)")
    assert schema.states() == ["applied"] * LAST + ["interrupted"]
    # not counted as reached, but its `admits` holds already
    assert run(schema.root, f"SELECT version FROM {OTHER}.schema_level") == ((LAST,),)
    ok(schema.migrate())
    assert schema.states() == ["applied"] * (LAST + 1)
    assert {"slow_a", "slow_b"} <= schema.tables()


def test_broken_migration_is_corrected(schema):
    add_migration(schema, f"{NEXT}_broken.sql", "CREATE TABLE IF NOT EXISTS fine (a INT);\n"
                  "DROP TABLE no_such_table;\nCREATE TABLE never (a INT);\n")
    failed(schema.migrate(), f"{NEXT}_broken.sql: statement 2: ", "run migrate again")
    assert schema.states() == ["applied"] * LAST + ["interrupted"]
    assert "never" not in schema.tables()
    add_migration(schema, f"{NEXT}_broken.sql", "CREATE TABLE IF NOT EXISTS fine (a INT);\n")
    ok(schema.migrate())
    assert schema.states() == ["applied"] * (LAST + 1)


def test_changed_migration_is_refused(schema):
    ok(schema.migrate())
    with open(schema.sql / "0002_partitions.sql", "a", encoding="ascii") as file:
        file.write("-- an innocent remark\n")
    add_migration(schema, f"{NEXT}_more.sql", "CREATE TABLE more (a INT);\n")
    failed(schema.migrate(), "0002_partitions.sql is not the file that was applied")
    assert "more" not in schema.tables()


def test_unknown_migration_is_refused(schema):
    ok(schema.migrate())
    last = sorted(schema.sql.glob("*.sql"))[-1]
    last.unlink()
    failed(schema.migrate(), f"migration {LAST} ({last.stem[5:]})")


def test_wrong_settings_and_usage(schema):
    assert schema.ctl("admin", "migrate", "--migrations", "/nonexistent").returncode == 64
    assert schema.ctl("admin", "migrate", "surplus").returncode == 64
    assert schema.ctl("admin", "nonsense").returncode == 64
    assert schema.ctl("admin").returncode == 64
    schema.conf["admin"].write_text("[database]\nport = 0\n", encoding="ascii")
    assert schema.migrate().returncode == 78
    assert ok(schema.ctl("admin", "--help")).stdout.count("migrate") > 0


def test_programs_refuse_a_schema_they_do_not_know(schema):
    failed(schema.ctl("backend", "partitions"), "schema_level")  # there is none at all
    ok(schema.migrate())
    ok(schema.ctl("backend", "partitions"))
    run(schema.root, f"UPDATE {OTHER}.schema_version SET applied_at = NULL WHERE version = {LAST}")
    failed(schema.ctl("backend", "partitions"), "run 'penstockctl migrate' first")
    run(schema.root, f"UPDATE {OTHER}.schema_version SET applied_at = NOW(), admits = 999"
        f" WHERE version = {LAST}")
    failed(schema.ctl("backend", "status"), "install a later version")


def test_rows_move_out_of_p_later(schema, db):
    """As if cron had not run for days."""
    ok(schema.migrate())
    ok(schema.ctl("backend", "partitions", "--ahead", "1"))
    backend = db("backend", database=OTHER)
    for i in range(100):
        add_share(backend, bytes([i]) * 32, day(3))
    with db("root", database=OTHER) as root:
        assert in_partition(root, "share", "p_later") == 100
        ok(schema.ctl("backend", "partitions", "--ahead", "5"))
        assert in_partition(root, "share", "p_later") == 0
        assert in_partition(root, "share", partition_name(day(3))) == 100
    with pytest.raises(pymysql.IntegrityError):
        add_share(backend, bytes(32), day(3))


def test_simultaneous_partition_runs(schema, db):
    ok(schema.migrate())
    connections = [db("backend", database=OTHER) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda c: run(c, "CALL partition_days(9)"), connections))
    assert len(partitions(schema.root, "share", OTHER)) == 13


def test_partitioning_does_not_stop_the_pool(schema, db):
    """Inserts into the very partition that is split go on, and none fails: with AUTO_INCREMENT some
    did, because MariaDB gave out the same number twice."""
    ok(schema.migrate())
    backends = [db("backend", database=OTHER) for _ in range(3)]
    splitter = db("backend", database=OTHER)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for ahead in range(1, 15):
            stop = threading.Event()

            def insert(connection, number, until):
                while not until.is_set():
                    add_share(connection, os.urandom(32), number)

            jobs = [pool.submit(insert, connection, day(ahead), stop) for connection in backends]
            time.sleep(0.02)
            run(splitter, f"CALL partition_days({ahead})")
            time.sleep(0.02)
            stop.set()
            for job in jobs:
                job.result()


# --- status ---


def test_status(env):
    command = [pathlib.Path(env["PENSTOCK_BIN"]) / "penstockctl", "--config",
               env["PENSTOCK_BACKEND_CONF"], "status"]
    picture = ok(subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=60, check=False)).stdout
    assert "\x1b" not in picture
    for network in env["PENSTOCK_NETWORKS"].split():
        assert network in picture.splitlines()[2].split()
    watching = subprocess.Popen(command + ["--watch"], stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE)
    with contextlib.closing(watching.stdout):
        line = watching.stdout.readline()
        watching.terminate()
    watching.wait()
    assert env["PENSTOCK_NETWORKS"].split()[0] in line and "shares=" in line


# --- create-users ---


def create_users(folder, *args, **passwords):
    options = []
    for tier in ("frontend", "backend", "admin"):
        path = folder / tier
        path.write_bytes(passwords.get(tier, f"{tier}-password\n".encode()))
        options += [f"--{tier}-password-file", path]
    return subprocess.run([ROOT / "sql/create-users", *options, *args], capture_output=True,
                          stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize("password", [b"plain", b"it's \\ \"quoted\"; DROP TABLE x", b"-n", b"%s",
                                      "pässwörd €".encode(), b" blank ", b"&|/"])
def test_create_users_hashes(db, tmp_path, password):
    """The hash that the server itself would make, and the password nowhere."""
    done = create_users(tmp_path, frontend=password + b"\nsecond line\n")
    assert done.returncode == 0, done.stderr
    ((expected,),) = run(db("root"), "SELECT PASSWORD(CONVERT(%s USING binary))", password)
    assert f"'{expected}'".encode() in done.stdout
    if len(password) > 4:
        assert password not in done.stdout
    assert b"@FRONTEND@" not in done.stdout and b"@HOST@" not in done.stdout


def test_create_users_refuses(tmp_path):
    assert create_users(tmp_path, backend=b"frontend-password\n").returncode == 78
    assert create_users(tmp_path, admin=b"\n").returncode == 78
    assert create_users(tmp_path, "--host", "x' OR").returncode == 64
    assert create_users(tmp_path, "--surplus").returncode == 64
    assert create_users(tmp_path, "--admin-password-file", "/nonexistent").returncode == 78
    done = create_users(tmp_path, "--host", "10.1.2.%", "--require-tls")
    assert b"'penstock_backend'@'10.1.2.%'" in done.stdout and b"REQUIRE SSL" in done.stdout
