"""What other networks cost: a chain hashed by sha256d, and BiblePay's, whose wallet hashes.

Each has a network, two workers and, for BiblePay, a wallet of its own (tests/tools/biblepay-wallet);
the shares come from its queue, like those of backlog.py."""

import subprocess
import time
import uuid

import backend_conf  # tests/integration, by way of pool.py
import biblepay
from backend_conf import section
from backlog import peak_kb, wait_quiet, wait_settled
from pool import cpu_us, members

EASY = "f" * 64
BBP_KEY = bytes(range(20))
SERVERS = ("mariadb", "rabbitmq")


class Path:
    """A network of its own, as long as the bench takes."""

    def __init__(self, pool, name):
        self.pool, self.network = pool, f"bench-{name}-{uuid.uuid4().hex[:8]}"
        self.folder = pool.folder / self.network
        self.folder.mkdir()
        self.guid, self.work, self.processes = str(uuid.uuid4()), str(uuid.uuid4()), []
        pool.sql(f"INSERT INTO miner (id, network, address) VALUES ('{self.guid}', '{self.network}',"
                 f" '{self.network}')")
        pool.sql(f"INSERT INTO worker (miner_id, name) VALUES ('{self.guid}', 'bench')")
        worker = pool.sql(f"SELECT id FROM worker WHERE miner_id = '{self.guid}'")
        pool.sql("INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent) VALUES"
                 f" ('{self.work}', '{self.network}', {worker}, UNHEX('{EASY}'), '1', '127.0.0.1',"
                 " 'LIN', '1.0')")
        channel = pool.channel()
        for queue in self.queues():
            channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(queue, "penstock", queue)

    def queues(self):
        return f"solution.{self.network}", f"solution.{self.network}.large", f"share.{self.network}"

    def settings(self):
        return (backend_conf.servers(self.pool.env)
                + section("worker", archive_dir=f"{self.folder}/archive")
                + section(f"network {self.network}", self.family(), share_target_limit=EASY) + self.wallet())

    def start(self):
        conf = self.folder / "backend.conf"
        conf.write_text(self.settings(), encoding="ascii")
        for i in (1, 2):
            with open(self.folder / f"worker-{i}.log", "wb") as log:
                self.processes.append(subprocess.Popen(
                    [self.pool.programs.parent / "penstock-worker", "--config", conf],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def cpu(self):
        found = {part: cpu_us(members(self.pool.pid(part))) for part in SERVERS}
        return found | {"worker": cpu_us([p.pid for p in self.processes])} | self.wallet_cpu()

    def measure(self, count):
        """Microseconds of CPU time a share, by part, and how many a second."""
        self.pool.enqueue(self.shares(count), self.network)
        wait_quiet(self.pool)
        before, start = self.cpu(), time.monotonic()
        self.start()
        wait_settled(self.pool, count, network=self.network)
        seconds = time.monotonic() - start
        result = {f"{part}_us": (used - before[part]) / count for part, used in self.cpu().items()}
        peaks = [peak_kb(p.pid) for p in self.processes]
        credited = self.pool.sql(f"SELECT COUNT(*) FROM share WHERE network = '{self.network}'")
        return result | {"all_us": sum(result.values()), "shares": count, "seconds": seconds,
                         "rate": count / seconds, "credited": credited,
                         "peak_kb": max(peaks)}

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)
        channel = self.pool.channel()
        for queue in self.queues():
            channel.queue_delete(queue)


class Sha256d(Path):
    """The pool's Litecoin wallet serves as that of a chain with another proof of work: what it is
    asked for does not depend on it."""

    def family(self):
        return backend_conf.LITECOIN | {"algorithm": "sha256d",
                                        "pool_address": self.pool.env["PENSTOCK_POOL_ADDRESS_LITECOIN"]}

    def wallet(self):
        return backend_conf.litecoin_wallet(self.pool.env, self.network, "bench")

    def wallet_cpu(self):
        return {"wallet": cpu_us(members(self.pool.pid("litecoind-pool")))}

    def shares(self, count):
        return self.pool.shares(count, "sha256d", self.work, self.guid)[0]


class Biblepay(Path):
    def __init__(self, pool):
        super().__init__(pool, "biblepay")
        env = pool.env | {"PENSTOCK_BIN": str(pool.programs.parent)}
        self.node = biblepay.Wallet(env, self.folder)

    def family(self):
        return backend_conf.BIBLEPAY | {"pool_address": biblepay.address_of(BBP_KEY), "base58_length": 34}

    def wallet(self):
        return backend_conf.wallet_section("bench", self.network, self.node.url, self.node.user,
                                   self.node.password_file)

    def wallet_cpu(self):
        return {"wallet": cpu_us([self.node.process.pid])}

    def shares(self, count):
        """Each is a block of its own: the nonce has not much room here."""
        state, script = self.node.state(), biblepay.script_of(BBP_KEY)
        path = self.folder / "shares"
        with open(path, "w", encoding="ascii") as out:
            for _ in range(count):
                block = biblepay.Block(state, script)
                out.write(",".join(block.fields(self.work, self.guid)) + "\n")
        return path

    def close(self):
        super().close()
        self.node.stop()


def measure_paths(pool, count, hash_us):
    """HASH_US: of scrypt, which says how fast the machine is just now."""
    found = {}
    for name, make in (("sha256d", lambda: Sha256d(pool, "sha256d")),
                       ("biblepay", lambda: Biblepay(pool))):
        path = make()
        try:
            found[name] = path.measure(count) | {"hash_us": hash_us}
        finally:
            path.close()
    return found
