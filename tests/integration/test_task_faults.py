"""find-blocks, assign-shares and the smaller tasks fail at each of their calls to database and wallet: they
die behind it, the answer comes too late, it happens twice, it does not happen (common/base/fault.h).
Whatever comes of it, the runs after that must leave what they leave undisturbed."""

import os
import re
import subprocess

import pytest

import victim  # noqa: F401  # which adds the folder tests/chaos

import points
from money import OURS, Money
from paying import fault_program, run_alone  # noqa: F401

OURS_ARE = re.compile(r"(blocks|assign|lock|history|roll_stats|rate_miners|clean_up)\.\w+"
                      r"|chain\.hash_at|biblepay\.(block|tip|tip_hash|tip_time)|tips\.(loaded|recorded)")
SAMPLE = 6


def ours():
    """The points of the tasks here, with those of the chain that they pass."""
    return sorted(point for point in set(points.in_task_sources() + points.in_sources())
                  if OURS_ARE.fullmatch(point))


def run_once(command, fault=None):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
                          env=dict(os.environ, PENSTOCK_FAULT=fault) if fault else None)


class Story:
    """A network's life, told by runs of tasks between which the chain changes."""

    def __init__(self, pool, fault=None, program=None):
        self.pool, self.fault, self.program = pool, fault, program
        self.struck = False
        self.finder, self.other = pool.miner(), pool.miner()

    def task(self, *args, run=run_alone):
        """Once with the fault, then twice without, until it is done."""
        def ended():
            done = run([f"{self.pool.env['PENSTOCK_BIN']}/penstock-task", *args, "--config", self.pool.path])
            return done.returncode == 0

        if self.fault:
            done = run([self.program, *args, "--config", self.pool.path], self.fault)
            assert done.returncode in (-9, 0, 1, 75), done.stderr
            self.struck = self.struck or done.returncode != 0
        for _ in range(2):
            victim.until(ended, 180)
        assert ended()

    def locked(self):
        """A run that finds another one at work."""
        holder = self.pool.backend()
        with holder.cursor() as cursor:
            cursor.execute("INSERT IGNORE INTO task_lock (task, network) VALUES ('roll-stats', %s)",
                           (self.pool.network,))
            cursor.execute("BEGIN")
            cursor.execute("SELECT holder FROM task_lock WHERE task = 'roll-stats' AND network = %s"
                           " FOR UPDATE", (self.pool.network,))
        self.task("roll-stats", run=run_once)
        holder.close()
        self.task("roll-stats")

    def found(self):
        """The highest pool block was the finder's solution."""
        pool = self.pool
        message = pool.one("SELECT message_id FROM share WHERE network = %s ORDER BY received_at LIMIT 1",
                           pool.network)
        pool.query("INSERT INTO block_candidate (network, hash, height, message_id, worker_id, outcome, answer)"
                   " VALUES (%s, UNHEX(%s), 1, %s, %s, 'on_chain', '')", pool.network,
                   pool.chain.blocks[-1]["hash"], message, pool.workers[self.finder])

    def tell(self):
        pool, chain = self.pool, self.pool.chain
        self.locked()
        pool.shares(self.finder, 2)
        pool.shares(self.other, 1)
        chain.add(OURS, 100, finder=self.other)
        self.found()
        self.task("find-blocks")
        pool.alive()
        self.task("assign-shares")
        chain.add(OURS, 70, finder=self.finder)  # seen as tip
        self.task("find-blocks")
        self.task("assign-shares")
        was = chain.blocks[:]
        chain.cut(2)  # the second one loses
        chain.add()
        chain.add(OURS, 50)
        chain.add()  # on top, so that it was never seen as tip
        self.task("find-blocks")
        self.task("assign-shares")
        chain.blocks = was[:]  # and comes back
        for _ in range(3):
            chain.add()
        self.task("find-blocks")
        self.task("assign-shares")
        self.task("share-out")
        chain.cut(1)  # one that was paid is lost
        for _ in range(9):
            chain.add()
        self.task("find-blocks")
        block = chain.add(OURS, 30)
        self.task("find-blocks")
        pool.query("UPDATE block SET status = 'stale' WHERE network = %s AND height = %s", pool.network, block)
        pool.query("BEGIN")
        pool.query("CALL post_journal(%s, 'block-orphaned', CONCAT((SELECT id FROM block WHERE network = %s"
                   " AND status = 'stale'), '.0'), '', '[[\"immature\",\"\",\"30\"],[\"unshared\",\"\",\"-30\"]]')",
                   pool.network, pool.network)
        pool.query("COMMIT")
        self.task("find-blocks")  # which finds it on the chain
        archive = pool.folder / pool.network
        archive.mkdir(exist_ok=True)
        (archive / "old.jsonl.gz").touch()
        os.utime(archive / "old.jsonl.gz", (0, 0))
        for name in ("roll-stats", "rate-miners", "clean-up"):
            self.task(name)
        return self.end()

    def end(self):
        """All that must not depend on what failed; ids by the order in which they were given."""
        pool = self.pool
        heights = dict(pool.query("SELECT id, CONCAT(height, ' ', subsidy) FROM block WHERE network = %s",
                                  pool.network))
        name = {self.finder: "finder", self.other: "other"}
        return {
            "blocks": sorted(pool.query(
                "SELECT height, status, pool_block, subsidy, epoch, finder_id IS NOT NULL, finished_at IS NULL"
                " FROM block WHERE network = %s", pool.network)),
            "shares": [heights.get(block) for (block,) in pool.query(
                "SELECT block_id FROM share WHERE network = %s ORDER BY received_at", pool.network)],
            "balances": {name.get(who, who): balance for who, balance in pool.balances().items()},
            "journal": sorted((kind, heights[int(ref.split(".")[0])], ref.split(".")[1]) for kind, ref in pool.query(
                "SELECT kind, ref FROM journal WHERE network = %s", pool.network)),
            "freezes": pool.one("SELECT COUNT(*) FROM payout_freeze WHERE network = %s", pool.network),
            "rated": pool.one("SELECT COUNT(*) FROM miner_rating WHERE network = %s", pool.network),
            "archive": sorted(path.name for path in (pool.folder / pool.network).iterdir()),
        }


@pytest.fixture
def story(env, db, tmp_path):
    made = []

    def new(fault=None, program=None):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Money(env, db, folder, assign_wait_s=600))
        return Story(made[-1], fault, program)

    yield new
    for pool in made:
        pool.books_hold()
        for table in ("block_candidate", "miner_rating", "share_stats_hour", "network_stats"):
            pool.query(f"DELETE FROM {table} WHERE network = %s", pool.network)
        pool.close()


def test_the_story_ends_as_it_should_and_passes_its_points(story, fault_program, tmp_path):  # noqa: F811
    trace = tmp_path / "trace"
    end = story(f"trace:{trace}", fault_program).tell()
    assert set(ours()) - set(trace.read_text().split()) == set()
    assert end["freezes"] == 2 and end["archive"] == []
    assert (1, "orphaned", 1, 100, 0, 1, 0) in end["blocks"]
    assert len(ours()) > 40


def survive(story, program, point, kind, passing, expected):
    told = story(f"{point}:{passing}" + (f":{kind}" if kind != "die" else ""), program)
    assert told.tell() == expected, f"{point}:{passing}:{kind}"
    return told.struck


def test_a_sample_of_faults(story, fault_program):  # noqa: F811
    expected = story().tell()
    for point, kind in points.sample(points.cases(ours()), SAMPLE):
        print(f"{point}:{kind}", flush=True)
        struck = survive(story, fault_program, point, kind, 1, expected)
        assert struck or kind != "die", f"{point} is not reached"


@pytest.mark.long
@pytest.mark.parametrize("passing", [1, 2])
def test_every_fault(story, fault_program, passing):  # noqa: F811
    expected = story().tell()
    for point, kind in points.cases(ours()):
        print(f"{point}:{kind}", flush=True)
        struck = survive(story, fault_program, point, kind, passing, expected)
        assert struck or kind != "die" or passing > 1, f"{point} is not reached"
