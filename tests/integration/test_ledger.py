"""The ledger in the database: who can write it (nobody, but through post_journal), what post_journal
refuses, and that what it refuses leaves nothing behind whatever the caller does next."""

import json
import os
import random
import threading
import time
import uuid

import pymysql
import pytest

from conftest import ROOT
from test_ctl import lines
from test_ctl import doctor, penstockctl  # noqa: F401 - fixtures

NETWORK = "itest-ledger"
NOBODY = "00000000-0000-0000-0000-000000000000"
MAX = 2**63 - 1


def run(connection, sql, *args):
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall() if cursor.description else cursor.rowcount


@pytest.fixture
def root(db):
    connection = db("root")
    yield connection
    for network in (NETWORK, "itest-other"):
        run(connection, "DELETE e FROM entry e JOIN journal j ON j.id = e.journal_id WHERE network = %s", network)
        for table in ("journal", "account", "miner", "payout_freeze"):
            run(connection, f"DELETE FROM {table} WHERE network = %s", network)


def add_miner(root, network=NETWORK):
    guid = str(uuid.uuid4())
    run(root, "INSERT INTO miner (id, network, address) VALUES (%s, %s, %s)", guid, network, guid)
    return guid


def post(connection, lines, kind="test", ref=None, network=NETWORK, note=""):
    """None, or the error's number and text; commits in any case, as a caller might."""
    run(connection, "START TRANSACTION")
    try:
        run(connection, "CALL post_journal(%s, %s, %s, %s, %s)", network, kind, ref or str(uuid.uuid4()), note,
            lines if isinstance(lines, (str, type(None))) else json.dumps(lines))
        return None
    except pymysql.MySQLError as error:
        return error.args
    finally:
        run(connection, "COMMIT")


def picture(root):
    return [run(root, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("account", "journal", "entry")]


def balances(root, network=NETWORK):
    return dict(run(root, "SELECT IF(kind = 'miner', CAST(miner_id AS CHAR), kind), balance FROM account"
                    " WHERE network = %s", network))


def income(backend, amount):
    assert post(backend, [["unshared", "", str(amount)], ["immature", "", str(-amount)]]) is None


# --- who may write ---


WRITES = [
    "INSERT INTO account (network, kind) VALUES ('x', 'cold')",
    "INSERT INTO account (network, kind, balance) VALUES ('x', 'cold', 5)",
    "INSERT INTO journal (network, kind, ref) VALUES ('x', 'x', 'x')",
    "INSERT INTO entry (journal_id, line, account_id, amount) VALUES (1, 1, 1, 1)",
    "UPDATE account SET balance = balance + 1", "UPDATE account SET miner_id = UUID()",
    "UPDATE journal SET note = 'x'", "UPDATE journal SET ref = 'x'", "UPDATE entry SET amount = amount + 1",
    "UPDATE entry SET account_id = 1", "DELETE FROM account", "DELETE FROM journal", "DELETE FROM entry",
    "REPLACE INTO account (network, kind, balance) VALUES ('x', 'cold', 5)", "TRUNCATE entry",
    "INSERT INTO account (network, kind) VALUES ('x', 'cold') ON DUPLICATE KEY UPDATE balance = 5",
    "UPDATE account a JOIN entry e ON e.account_id = a.id SET a.balance = 5",
    "DELETE e FROM entry e JOIN journal j ON j.id = e.journal_id",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE entry",
]


@pytest.mark.parametrize("tier", ["frontend", "backend", "admin"])
@pytest.mark.parametrize("sql", WRITES)
def test_nobody_writes_the_ledger(db, tier, sql):
    if tier == "admin" and sql.startswith("TRUNCATE"):
        pytest.skip("it may drop tables, as migrations must")
    with pytest.raises(pymysql.MySQLError) as caught:
        run(db(tier), sql)
    assert caught.value.args[0] in (1142, 1143, 1045), caught.value


@pytest.mark.parametrize("call", ["post_journal('x', 'x', 'x', '', '[]')", "correct_balance(1)"])
def test_the_frontend_calls_nothing(db, call):
    with pytest.raises(pymysql.MySQLError) as caught:
        run(db("frontend"), f"CALL {call}")
    assert caught.value.args[0] == 1370


def test_the_backend_cannot_change_the_procedures(db):
    backend = db("backend")
    for sql, numbers in (("DROP PROCEDURE post_journal", (1370,)),
                         ("ALTER PROCEDURE post_journal SQL SECURITY INVOKER", (1370,)),
                         ("CREATE OR REPLACE PROCEDURE post_journal() SELECT 1", (1044, 1370))):
        with pytest.raises(pymysql.MySQLError) as caught:
            run(backend, sql)
        assert caught.value.args[0] in numbers, caught.value


@pytest.mark.parametrize("user", ["penstock_ledger", "penstock_cleaner"])
def test_the_definers_cannot_log_in(env, db, user):
    ways = [{"unix_socket": env["PENSTOCK_DB_ROOT_SOCKET"]},
            {"host": env["PENSTOCK_DB_HOST"], "port": int(env["PENSTOCK_DB_PORT"])}]
    for way in ways:
        for password in ("", user):
            with pytest.raises(pymysql.MySQLError) as caught:
                pymysql.connect(user=user, password=password, connect_timeout=10, **way)
            assert caught.value.args[0] in (1045, 1698, 1130, 4151), caught.value
    assert run(db("root"), "SELECT JSON_VALUE(Priv, '$.account_locked') FROM mysql.global_priv WHERE User = %s",
               user) == (("1",),)


def test_what_the_ledgers_definer_may_do(db):
    """No DELETE, and no UPDATE but of the cached balance."""
    grants = " ".join(row[0] for row in run(db("root"), "SHOW GRANTS FOR penstock_ledger@localhost"))
    for word in ("DELETE", "DROP", "ALTER", "ALL PRIVILEGES", "SUPER", "GRANT OPTION"):
        assert word not in grants
    assert grants.count("UPDATE") == grants.count("UPDATE (`balance`)") == 1


@pytest.mark.parametrize("right, check", [
    ("INSERT ON penstock.entry TO penstock_backend_rights", "backend: INSERT into others' tables"),
    ("UPDATE (balance) ON penstock.account TO penstock_backend_rights", "backend: UPDATE of what is recorded"),
    ("UPDATE (amount) ON penstock.payout TO penstock_backend_rights", "backend: UPDATE of what is recorded"),
    ("UPDATE (amount) ON penstock.block_credit TO penstock_backend_rights", "backend: UPDATE of what is recorded"),
    ("DELETE ON penstock.journal TO penstock_backend_rights", "backend: DELETE"),
    ("EXECUTE ON PROCEDURE penstock.post_journal TO penstock_frontend_rights", "frontend: CALL of post_journal"),
    ("INSERT ON penstock.journal TO penstock_admin@'%'", "admin: INSERT beyond the migrations' tables"),
    ("UPDATE ON penstock.account TO penstock_admin@'%'", "admin: UPDATE beyond the migrations' tables"),
])
def test_doctor_finds_a_right_too_many(db, doctor, right, check):  # noqa: F811
    root = db("root")
    if "admin" in right:
        ((host,),) = run(root, "SELECT Host FROM mysql.user WHERE User = 'penstock_admin'")
        right = right.replace("'%'", f"'{host}'")
    run(root, "GRANT " + right.replace("%", "%%"))
    try:
        failed = lines(doctor(status=1), "database rights", "fail")
        assert len(failed) == 1 and check in failed[0], failed
    finally:
        run(root, "REVOKE " + right.replace(" TO ", " FROM ").replace("%", "%%"))


# --- what post_journal takes ---


def test_posting(db, root):
    backend, miner = db("backend"), add_miner(root)
    income(backend, 100)
    assert post(backend, [["unshared", "", "-60"], ["miner", miner, "57"], ["pool_fee", "", "3"]],
                note="Share") is None
    assert balances(root) == {"unshared": 40, "immature": -100, miner: 57, "pool_fee": 3}
    assert post(backend, [["miner", miner, "-57"], ["in_flight", "", "50"], ["network_fee", "", "7"]]) is None
    assert balances(root)[miner] == 0


def test_several_lines_of_one_account(db, root):
    backend, miner = db("backend"), add_miner(root)
    income(backend, 100)
    assert post(backend, [["miner", miner, "30"], ["unshared", "", "-20"], ["miner", miner, "-10"]]) is None
    assert balances(root)[miner] == 20


def test_an_event_is_posted_once(db, root):
    """Also when by now its accounts do not hold what it would take."""
    backend = db("backend")
    income(backend, 100)
    reverse = [["unshared", "", "-100"], ["immature", "", "100"]]
    assert post(backend, reverse, ref="once") is None
    before = picture(root)
    assert post(backend, reverse, ref="once")[0] == 1062
    assert post(backend, reverse, ref="once", network="itest-other")[0] == 1062
    assert picture(root) == before
    assert post(backend, reverse, ref="twice")[0] == 1644


def test_only_inside_a_transaction(db, root):
    before = picture(root)
    with pytest.raises(pymysql.MySQLError) as caught:
        run(db("backend"), "CALL post_journal(%s, 'test', 'alone', '', %s)", NETWORK,
            '[["unshared", "", "1"], ["immature", "", "-1"]]')
    assert "inside a transaction" in caught.value.args[1]
    assert picture(root) == before


def pair(amount, kind="mature", miner="", back=None):
    """A line, and one that makes it sum to zero where that can be."""
    if back is None:
        back = f"-{amount}"
    return [[kind, miner, amount], ["immature", "", back]]


FORGED = {
    "sum above zero": pair("100", back="-99"),
    "sum below zero": pair("100", back="-101"),
    "sum that wraps": [["mature", "", str(MAX)]] * 2 + [["immature", "", "2"]],
    "one line": [["mature", "", "1"]],
    "no line": [],
    "nothing": [["mature", "", "0"], ["immature", "", "0"]],
    "minus nothing": pair("-0", back="0"),
    "fraction": pair("1.5"),
    "exponent": pair("1e3"),
    "blank": pair(" 1"),
    "plus": pair("+1"),
    "leading zero": pair("01"),
    "new line": pair("1\n"),
    "hex": pair("0x10"),
    "empty": pair("", back=""),
    "null": pair(None, back="-1"),
    "19 digits too large": pair("9223372036854775808"),
    "20 digits": pair("10000000000000000000"),
    "unknown kind": pair("1", kind="bogus"),
    "empty kind": pair("1", kind=""),
    "number of a kind": pair("2", kind="2"),
    "kind in capitals": pair("1", kind="Mature"),
    "kind with a blank": pair("1", kind="mature "),
    "null kind": pair("1", kind=None),
    "miner of no id": pair("1", kind="miner"),
    "unknown miner": pair("1", kind="miner", miner=str(uuid.uuid4())),
    "nobody": pair("1", kind="miner", miner=NOBODY),
    "no uuid": pair("1", kind="miner", miner="x"),
    "id on another kind": pair("1", miner=str(uuid.uuid4())),
    "too few cells": [["mature", ""], ["immature", ""]],
    "cells that are lists": [["mature", "", ["1"]], ["immature", "", ["-1"]]],
    "no array": '{"a": 1}',
    "no arrays in it": "[1, 2]",
    "no JSON": "mature",
    "cut off": '[["mature", "", "1"], ["immature", "", "-1"]',
    "NULL": None,
}


@pytest.mark.parametrize("name", FORGED)
def test_forged(db, root, name):
    before = picture(root)
    assert post(db("backend"), FORGED[name])[0] in (1644, 4178), name
    assert picture(root) == before


def test_another_networks_miner(db, root):
    backend, other = db("backend"), add_miner(root, "itest-other")
    income(backend, 10)
    before = picture(root)
    assert "another network" in post(backend, [["unshared", "", "-1"], ["miner", other, "1"]])[1]
    assert picture(root) == before


@pytest.mark.parametrize("spelling", [str.upper, lambda text: text.replace("-", ""),
                                      lambda text: "{" + text + "}"])
def test_one_spelling_of_a_miner(db, root, spelling):
    """Else two lines of one account could pass for two accounts."""
    backend, miner = db("backend"), add_miner(root)
    income(backend, 100)
    before = picture(root)
    assert post(backend, [["unshared", "", "-1"], ["miner", spelling(miner), "1"]])[0] in (1644, 4178)
    assert picture(root) == before


@pytest.mark.parametrize("kind", ["miner", "unshared", "in_flight"])
def test_nothing_is_taken_that_is_not_owed(db, root, kind):
    backend = db("backend")
    miner = add_miner(root) if kind == "miner" else ""
    assert post(backend, pair("10", kind=kind, miner=miner)) is None
    before = picture(root)
    for lines_ in (pair("-11", kind=kind, miner=miner, back="11"),
                   [[kind, miner, "-6"], [kind, miner, "-5"], ["immature", "", "11"]]):
        assert "below zero" in post(backend, lines_)[1]
    assert picture(root) == before
    assert post(backend, pair("-10", kind=kind, miner=miner, back="10")) is None


def test_balances_do_not_overflow(db, root):
    backend = db("backend")
    assert post(backend, pair(str(MAX), kind="adjustment")) is None
    before = picture(root)
    assert "hold too much" in post(backend, pair("1", kind="adjustment"))[1]
    assert "hold too much" in post(backend, pair("-1", kind="cold", back="1") + pair(str(MAX)))[1]
    assert picture(root) == before


@pytest.mark.parametrize("argument", ["network", "kind", "ref"])
def test_names_are_needed_and_bounded(db, root, argument):
    before = picture(root)
    for value, number in (("", 1644), ("x" * 65, 1406)):
        kwargs = {"network": NETWORK, "kind": "test", "ref": "r"} | {argument: value}
        with pytest.raises(pymysql.MySQLError) as caught:
            backend = db("backend")
            run(backend, "START TRANSACTION")
            run(backend, "CALL post_journal(%s, %s, %s, '', %s)", kwargs["network"], kwargs["kind"], kwargs["ref"],
                json.dumps(pair("1")))
        assert caught.value.args[0] == number
    assert picture(root) == before


def test_a_hundred_thousand_lines(db, root):
    """Taken or refused as a whole, and within the server's limits."""
    backend, miner = db("backend"), add_miner(root)
    lines_ = [["miner", miner, "1"]] * 50000 + [["immature", "", "-1"]] * 49999
    before = picture(root)
    assert "sum to zero" in post(backend, lines_)[1]
    assert picture(root) == before
    assert post(backend, lines_ + [["immature", "", "-1"]]) is None
    assert balances(root) == {miner: 50000, "immature": -50000}


def test_it_can_be_interrupted_anywhere(env, db, root):
    """KILL QUERY runs no handler. The lines are there all or none; without them is no more than the event's
    name, or a cached balance that correct_balance repairs."""
    choice = random.Random(5)
    miners = [add_miner(root) for _ in range(100)]
    killer, backend = db("root"), db("backend")
    income(backend, 10**6)
    ((pid,),) = run(backend, "SELECT CONNECTION_ID()")
    for _ in range(40):
        timer = threading.Timer(choice.random() * 0.02, lambda: run(killer, f"KILL QUERY {pid}"))
        timer.start()
        post(backend, [["unshared", "", "-100"]] + [["miner", miner, "1"] for miner in miners])
        timer.join()
        try:
            run(backend, "SELECT 1")  # a kill that came too late hits this
        except pymysql.MySQLError:
            pass
    assert run(root, "SELECT journal_id FROM entry JOIN journal j ON j.id = journal_id WHERE network = %s"
               " GROUP BY journal_id HAVING SUM(amount) <> 0 OR COUNT(*) NOT IN (2, 101)", NETWORK) == ()
    for (account,) in run(root, "SELECT id FROM account WHERE network = %s", NETWORK):
        run(backend, "CALL correct_balance(%s)", account)
    assert sum(balances(root).values()) == 0


def test_two_at_once(db, root):
    """Accounts in any order: a deadlock undoes the whole event, whose caller tries again."""
    miners = [add_miner(root) for _ in range(40)]
    failures = []

    def work(number):
        choice, connection = random.Random(number), db("backend")
        for i in range(25):
            chosen = choice.sample(miners, 20)
            lines_ = [["immature", "", "-20"]] + [["miner", miner, "1"] for miner in chosen]
            end = time.monotonic() + 60
            while (error := post(connection, lines_, ref=f"{number}.{i}")) is not None:
                if error[0] not in (1213, 1205, 1467) or time.monotonic() > end:
                    failures.append(error)
                    break

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    found = balances(root)
    assert found.pop("immature") == -3 * 25 * 20 == -sum(found.values())
    assert run(root, "SELECT COUNT(*) FROM account a WHERE network = %s AND balance <> (SELECT SUM(amount) FROM"
               " entry WHERE account_id = a.id)", NETWORK) == ((0,),)


def test_correct_balance(db, root):
    backend, miner = db("backend"), add_miner(root)
    income(backend, 100)
    assert post(backend, [["unshared", "", "-4"], ["miner", miner, "4"]]) is None
    run(root, "UPDATE account SET balance = 20 WHERE miner_id = %s", miner)
    ((account,),) = run(root, "SELECT id FROM account WHERE miner_id = %s", miner)
    run(backend, "CALL correct_balance(%s)", account)
    assert balances(root)[miner] == 4
    run(backend, "CALL correct_balance(%s)", 2**63)  # there is none
    run(backend, "CALL correct_balance(NULL)")


def test_ledger_sql_is_repeatable(env, db):
    root = db("root")
    before = run(root, "SELECT User, Host, Priv FROM mysql.global_priv WHERE User LIKE 'penstock%%'")
    command = f"mariadb --no-defaults -u root -S {env['PENSTOCK_DB_ROOT_SOCKET']} penstock < {ROOT}/sql/ledger.sql"
    assert os.system(command) == 0
    assert run(root, "SELECT User, Host, Priv FROM mysql.global_priv WHERE User LIKE 'penstock%%'") == before
