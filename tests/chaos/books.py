"""Closing the books: what was acknowledged is recorded, each message once, and the roll-ups agree."""

import collections
import contextlib
import gzip
import json
import pathlib
import time

DEAD = "dead"


class Books:
    """The messages that were acknowledged on NETWORKS, and where they ended.

    SQL() and CHANNEL() open connections that may read everything; they are opened anew as needed, as
    servers come and go."""

    def __init__(self, networks, sql, channel):
        self.networks, self.open_sql, self.open_channel = list(networks), sql, channel
        self.sql = None
        self.acknowledged = set()
        self.doubtful = set()  # sent, but nobody was told "ok": may be there once, or not at all
        self.dead = collections.Counter()

    def query(self, statement, *values):
        if self.sql is None or not self.sql.open:
            self.sql = self.open_sql()
        try:
            with self.sql.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        except Exception:
            self.sql.close()
            self.sql = None
            raise

    @contextlib.contextmanager
    def instant(self):
        """All that is read meanwhile is of one instant: a batch is there with all of its rows, or not at all."""
        self.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        try:
            yield
        finally:
            if self.sql is not None:
                self.query("COMMIT")

    def of_networks(self, statement):
        marks = ", ".join(["%s"] * len(self.networks))
        return self.query(f"{statement} WHERE network IN ({marks})", *self.networks)

    def recorded(self):
        """How often each message is in share and rejected together."""
        count = collections.Counter()
        for table in ("share", "rejected"):
            for (message_id,) in self.of_networks(f"SELECT message_id FROM {table}"):
                count[str(message_id)] += 1
        return count

    def take_dead(self):
        """Takes our messages out of the dead-letter queue; others go back."""
        channel = self.open_channel()
        for method, properties, _ in channel.consume(DEAD, inactivity_timeout=0.3):
            if method is None:
                break
            if properties.message_id in self.acknowledged | self.doubtful:
                self.dead[properties.message_id] += 1
                channel.basic_ack(method.delivery_tag)
        channel.connection.close()

    def close(self, seconds=180, dead=False):
        """The books of networks that only ACKNOWLEDGED and DOUBTFUL were sent to."""
        self.wait(seconds, dead)
        self.check_once()
        self.check_sums()

    def wait(self, seconds, dead=False):
        """Until every acknowledged message is somewhere. DEAD: some are expected among the dead
        letters."""
        end = time.monotonic() + seconds
        while missing := self.acknowledged - self.recorded().keys() - self.dead.keys():
            if dead or time.monotonic() > end:
                self.take_dead()
            assert time.monotonic() < end, f"{len(missing)} messages are lost: {sorted(missing)[:5]}"
            time.sleep(0.1)

    def check_once(self):
        count = self.recorded()
        count.update(self.dead)
        ours = self.acknowledged | self.doubtful
        twice = {x: (n, self.dead[x]) for x, n in count.items() if n != 1 and x in ours}
        assert not twice, f"(times recorded, of these dead) by message id: {twice}"

    def check_once_of_all(self):
        twice = {x: n for x, n in self.recorded().items() if n != 1}
        assert not twice, f"times recorded by message id: {twice}"

    def check_sums(self):
        with self.instant():
            self.check_stats()
            self.check_reasons()

    def check_stats(self):
        """Per worker: the roll-ups are the sums of the rows."""
        rows = collections.defaultdict(lambda: [0, 0, 0])
        for worker, n, difficulty in self.of_networks(
                "SELECT worker_id, 1, difficulty FROM share"):
            rows[worker][0] += n
            rows[worker][2] += difficulty
        for (worker,) in self.of_networks("SELECT worker_id FROM rejected"):
            if worker is not None:
                rows[worker][1] += 1
        stats = collections.defaultdict(lambda: [0, 0, 0])
        for worker, *numbers in self.of_networks(
                "SELECT worker_id, shares, rejected, difficulty FROM share_stats"):
            stats[worker] = [a + int(b) for a, b in zip(stats[worker], numbers)]
        assert dict(stats) == dict(rows), "share_stats differs from the rows"

    def check_reasons(self):
        rows = collections.Counter(r for (r,) in self.of_networks("SELECT reason FROM rejected"))
        stats = collections.Counter()
        for reason, n in self.of_networks("SELECT reason, rejected FROM rejected_stats"):
            stats[reason] += n
        assert stats == rows, "rejected_stats differs from the rows"
        of_workers, by_worker = collections.Counter(), collections.Counter()
        for worker, reason in self.of_networks("SELECT worker_id, reason FROM rejected"):
            if worker is not None:
                of_workers[worker, reason] += 1
        for worker, reason, n in self.of_networks(
                "SELECT worker_id, reason, rejected FROM rejected_worker_stats"):
            by_worker[worker, reason] += n
        assert by_worker == of_workers, "rejected_worker_stats differs from the rows"

    def check_candidates(self, blocks, nodes, forgets=False, lost=()):
        """Each block went to the wallet, which knows it, and has its row. FORGETS: the wallet was
        killed, and may have lost blocks that never were on its chain; and those of LOST, which its
        peer may not have had when it died."""
        rows = {x.hex(): outcome for x, outcome in self.of_networks(
            "SELECT hash, outcome FROM block_candidate")}
        assert set(blocks) <= rows.keys(), "a block candidate has no row"
        unknown = [block for block in blocks if not any(knows(node, block) for node in nodes)
                   and not (forgets and rows[block] == "side_chain") and block not in lost]
        assert not unknown, f"no node knows these candidates: {unknown}"

    def check_archive(self, folder, workers):
        """Each message that was credited to these is in the archive at least once."""
        archived = set()
        for path in pathlib.Path(folder).rglob("*.jsonl*"):
            opener = gzip.open if path.suffix == ".gz" else open
            try:
                with opener(path, "rt", encoding="ascii") as lines:
                    archived |= {message_of(line) for line in lines}
            except (EOFError, FileNotFoundError):
                pass  # gzip died, or is done just now; the whole file is beside it
        rows = self.of_networks("SELECT message_id, worker_id FROM share")
        missing = {str(x) for x, worker in rows if worker in workers} - archived
        assert not missing, f"{len(missing)} credited messages are not archived"


def knows(node, block):
    try:
        return node("getblockheader", block)["hash"] == block
    except Exception as error:
        if "Block not found" in str(error):
            return False
        raise


def message_of(line):
    """A crash can cut off the last line."""
    try:
        return json.loads(line)["id"]
    except ValueError:
        return None
