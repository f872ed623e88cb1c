"""What can happen to the pool's servers and programs. Each fault is a function of a Stage that does it,
waits, and undoes it; what the system has to mend by itself is not undone."""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time

WORKERS = ("worker-1", "worker-2")
SERVERS = ("mariadb", "rabbitmq", "litecoind-pool")


class Stage:
    """Where it happens: the pool, and the chance that chooses instants and victims."""

    def __init__(self, env, ctl, db, rng):
        self.env, self.ctl, self.db, self.rng = env, ctl, db, rng
        self.deaths = []  # of the pool's node

    def kill(self, part):
        if part == "litecoind-pool":
            self.deaths.append(time.monotonic())
        self.ctl("kill", part)

    def wait(self, shortest, longest):
        time.sleep(self.rng.uniform(shortest, longest))

    def pid(self, part):
        return int(pathlib.Path(self.env["PENSTOCK_STATE"], "pid", part).read_text())

    def frontends(self):
        """The pids of all FastCGI programs."""
        program = os.path.join(self.env["PENSTOCK_BIN"], "penstock-frontend").encode()
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (folder / "cmdline").read_bytes().split(b"\0")[0] == program:
                    found.append(int(folder.name))
        return sorted(found)

    def rabbitmqctl(self, expression):
        subprocess.run([self.env["PENSTOCK_RABBITMQCTL"], "eval", expression], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)

    def sql(self, *statements):
        connection = self.db("root")
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows = cursor.fetchall()
        connection.close()
        return rows


def signal_all(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


# --- killed, and started again ---


def kill_worker(stage):
    for _ in range(3):
        with contextlib.suppress(RuntimeError):  # it has not come back yet from the last time
            stage.ctl("kill", stage.rng.choice(WORKERS))
        stage.wait(0.1, 1)


def kill_frontends(stage):
    victims = stage.frontends()
    signal_all(stage.rng.sample(victims, stage.rng.randint(1, len(victims) // 2)), signal.SIGKILL)


def kill_server(stage, part):
    stage.kill(part)
    stage.wait(0.5, 3)
    stage.ctl("start", part)


# --- stopped for a while ---


def freeze(stage, pids):
    signal_all(pids, signal.SIGSTOP)
    try:
        stage.wait(2, 4)
    finally:
        signal_all(pids, signal.SIGCONT)


def freeze_worker(stage):
    freeze(stage, [stage.pid(stage.rng.choice(WORKERS))])


def freeze_frontends(stage):
    victims = stage.frontends()
    victims = stage.rng.sample(victims, len(victims) // 2)
    freeze(stage, victims)
    # mod_fcgid takes a stopped program for a dead one, and would never use or end it again.
    signal_all(victims, signal.SIGTERM)


def freeze_server(stage, part):
    freeze(stage, [stage.pid(part)])


# --- refusing ---


def broker_alarm(stage):
    """RabbitMQ takes nothing while its disk is full, and says so only when somebody publishes."""
    alarm = "{resource_limit,disk,node()}"
    stage.rabbitmqctl("rabbit_alarm:set_alarm({%s,[]})." % alarm)
    try:
        stage.wait(1, 3)
    finally:
        stage.rabbitmqctl("rabbit_alarm:clear_alarm(%s)." % alarm)


def database_read_only(stage):
    stage.sql("SET GLOBAL read_only = 1")
    try:
        stage.wait(1, 3)
    finally:
        stage.sql("SET GLOBAL read_only = 0")


def database_full_of_connections(stage):
    """No new connection is let in, and those that there were are cut."""
    connection = stage.db("root")
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_connections")
        ((usual,),) = cursor.fetchall()
        cursor.execute("SET GLOBAL max_connections = 10")
        cursor.execute("SELECT id FROM information_schema.PROCESSLIST"
                       " WHERE user LIKE 'penstock%' ORDER BY id")
        ids = [row[0] for row in cursor.fetchall()]
        try:
            for number in ids:
                with contextlib.suppress(Exception):  # gone by itself
                    cursor.execute(f"KILL {int(number)}")
            stage.wait(1, 3)
        finally:
            cursor.execute(f"SET GLOBAL max_connections = {int(usual)}")
    connection.close()


def database_deadlocks(stage):
    """A second session that locks the roll-ups from the other end than the workers do."""
    end = time.monotonic() + stage.rng.uniform(2, 4)
    connection = stage.db("root", autocommit=False)
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT DISTINCT worker_id FROM share_stats"
                           " WHERE minute >= UNIX_TIMESTAMP() DIV 60 - 1 ORDER BY worker_id DESC")
            for (worker,) in cursor.fetchall():
                with contextlib.suppress(Exception):  # it was the victim: then the worker was not
                    cursor.execute("SELECT * FROM share_stats WHERE worker_id = %s FOR UPDATE",
                                   (worker,))
                time.sleep(stage.rng.uniform(0, 0.03))
            connection.rollback()
    connection.close()


def everything_at_once(stage):
    """Every server and both workers die together."""
    threads = [threading.Thread(target=stage.kill, args=(part,))
               for part in SERVERS + WORKERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part in SERVERS:
        stage.ctl("start", part)


FAULTS = {
    "kill worker": kill_worker,
    "kill frontends": kill_frontends,
    "freeze worker": freeze_worker,
    "freeze frontends": freeze_frontends,
    "broker alarm": broker_alarm,
    "database read-only": database_read_only,
    "database full of connections": database_full_of_connections,
    "database deadlocks": database_deadlocks,
    "everything at once": everything_at_once,
}
for _part in SERVERS:
    FAULTS[f"kill {_part}"] = lambda stage, part=_part: kill_server(stage, part)
    FAULTS[f"freeze {_part}"] = lambda stage, part=_part: freeze_server(stage, part)
