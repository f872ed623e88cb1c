"""share-out fails at each of its calls: it dies behind it, the commit's answer is lost, it happens twice, it
does not happen (common/base/fault.h). The runs after that leave what they would have left anyway."""

import os
import re
import signal
import subprocess

import pytest

import victim  # noqa: F401  # which adds the folder tests/chaos

import points
from money import THEIRS, Money
from paying import fault_program, run_alone  # noqa: F401 - a fixture

OURS = re.compile(r"(share_out|settle|scheme|posting)\.")
SAMPLE = 5


def ours():
    return [point for point in points.in_task_sources() if OURS.match(point)]


class Story:
    """One block by its own shares, one that needs older ones too, one that has become stale, and one that the
    books contradict until somebody looks."""

    def __init__(self, pool, fault=None, program=None):
        self.pool, self.fault, self.program = pool, fault, program
        self.miners = sorted(pool.miner() for _ in range(3))
        self.struck = False

    def prepare(self):
        pool = self.pool
        self.blocks = [pool.found(1000 + i, finder=self.miners[1]) for i in range(4)]
        for count, block in enumerate(self.blocks, 1):
            for difficulty, miner in enumerate(self.miners, 1):
                pool.shares(miner, count, block, difficulty=difficulty)
        pool.chain.blocks[3]["recipient"] = THEIRS
        pool.query("INSERT INTO block_split (block_id, network, scheme, fee_bp, subsidy, fee, shares, weight)"
                   " VALUES (%s, %s, 'prop', 0, 1003, 1003, 0, 0)", self.blocks[3], pool.network)
        pool.mature()

    def strike(self):
        command = [self.program, "share-out", "--config", self.pool.path]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
                              env=dict(os.environ, PENSTOCK_FAULT=self.fault))
        assert done.returncode in (-signal.SIGKILL, 0, 1, 75), done.stderr
        self.struck = done.returncode not in (0, 1)

    def tell(self):
        pool = self.pool
        self.prepare()
        if self.fault:
            self.strike()
        for _ in range(2):  # the last block is refused, again and again; the others are done
            done = run_alone([f"{pool.env['PENSTOCK_BIN']}/penstock-task", "share-out", "--config", pool.path])
            assert done.returncode == 1, done.stdout + done.stderr
        assert [pool.status(block) for block in self.blocks] == ["finished", "finished", "stale", "processing"]
        assert pool.query("SELECT frozen FROM payout_freeze WHERE network = %s", pool.network) == ((1,),)
        pool.query("DELETE FROM block_split WHERE block_id = %s", self.blocks[3])
        pool.task("share-out")
        return self.end()

    def end(self):
        """All that must not depend on what failed."""
        pool, name = self.pool, {miner: f"miner {i}" for i, miner in enumerate(self.miners)}
        number = {block: f"block {i}" for i, block in enumerate(self.blocks)}
        pool.books_hold()
        return {
            "blocks": [pool.status(block) for block in self.blocks],
            "credits": [{name[miner]: amount for miner, amount in pool.credits(block).items()}
                        for block in self.blocks],
            "balances": {name.get(who, who): balance for who, balance in pool.balances().items()},
            "journal": sorted((kind, number[int(ref.split(".")[0])]) for kind, ref in pool.query(
                "SELECT kind, ref FROM journal WHERE network = %s", pool.network)),
        }


@pytest.fixture
def story(env, db, tmp_path):
    made = []

    def new(scheme, fault=None, program=None):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Money(env, db, folder, scheme=scheme, fee_bp=500, pplns_percent=400))
        return Story(made[-1], fault, program)

    yield new
    for pool in made:
        pool.close()


def scheme_of(point):
    return "solo" if point == "scheme.miner" else "pplns"


def survive(story, program, point, kind, passing, expected):
    print(f"{point}:{passing}:{kind}", flush=True)
    scheme = scheme_of(point)
    if scheme not in expected:
        expected[scheme] = story(scheme).tell()
    told = story(scheme, f"{point}:{passing}" + (f":{kind}" if kind != "die" else ""), program)
    assert told.tell() == expected[scheme], f"{point}:{passing}:{kind}"
    assert told.struck or kind == "twice" or passing > 1, f"{point} is not reached"


def test_the_story(story):
    end = story("pplns").tell()
    assert end["blocks"] == ["finished", "finished", "stale", "finished"]
    assert sum(end["balances"].values()) == 0 and end["balances"]["mature"] == -(1000 + 1001 + 1003)
    assert [sum(credits.values()) for credits in end["credits"]] == [950, 951, 0, 953]
    assert end["journal"].count(("share-out", "block 0")) == 1


def test_the_stories_pass_their_points(story, fault_program, tmp_path):  # noqa: F811
    trace = tmp_path / "trace"
    for scheme in ("pplns", "solo"):
        story(scheme, f"trace:{trace}", fault_program).tell()
    assert set(ours()) - set(trace.read_text().split()) == set()


def test_a_sample_of_faults(story, fault_program):  # noqa: F811
    expected = {}
    for point, kind in points.sample(points.cases(ours()), SAMPLE) + [("settle.share_out", "timeout")]:
        survive(story, fault_program, point, kind, 1, expected)


@pytest.mark.long
@pytest.mark.parametrize("passing", [1, 2])
def test_every_fault(story, fault_program, passing):  # noqa: F811
    expected = {}
    assert len(ours()) >= 15
    for point, kind in points.cases(ours()):
        survive(story, fault_program, point, kind, passing, expected)
