"""The worker killed at every one of its fault points (common/base/fault.h): afterwards it is started
normally, and the books must close."""

import os
import pathlib
import random
import signal
import subprocess

import pytest
from fault_build import fault_program
from victim import Victim, until

import points  # from tests/chaos, whose folder victim.py has added

ONCE = {"archive.folder_made"}  # a network's folder is made only once
SAMPLE = 10
WAVES = 6


@pytest.fixture(scope="module")
def program():
    return fault_program("penstock-worker")


@pytest.fixture
def victim(env, db, amqp, rpc, tmp_path, program):
    made = Victim(env, db, amqp, rpc, tmp_path, program)
    yield made
    made.close()


def die_at(victim, point, passing, rng):
    """Loads the worker until it dies at the point."""
    victim.new_archive()
    blocked = victim.archive / victim.litecoin
    if point == "lane.held":
        blocked.write_text("where the archive wants a folder")
    victim.seen_thrice()
    victim.start(f"{point}:{passing}")
    for _ in range(WAVES):
        victim.publish_wave(rng)
        if until(victim.is_dead, 3):
            break
    if point == "lane.held":
        blocked.unlink()
    assert until(victim.is_dead), f"the load does not reach {point}:{passing}"
    assert victim.process.returncode == -signal.SIGKILL, victim.log()[-3000:]


def survive(victim, point, passing, rng):
    die_at(victim, point, passing, rng)
    victim.start()
    victim.books.close(dead=True)
    victim.books.check_candidates(victim.candidates, [victim.rpc("pool")])
    victim.stop()
    victim.books.check_archive(victim.folder,
                               [worker for _, worker in victim.miners.values()])
    for network in (victim.litecoin, victim.bbp):
        for kind in ("solution", "share"):
            queue = victim.channel.queue_declare(f"{kind}.{network}", passive=True)
            assert queue.method.message_count == 0


# --- the points themselves ---


def test_every_act_has_a_fault_point():
    assert points.uncovered() == []


def test_a_missing_point_shows(monkeypatch):
    """The check above can fail."""
    monkeypatch.setattr(points, "POINT", points.re.compile("FAULT_POINT_THAT_IS_NOT_THERE"))
    assert any("share_record()" in line for line in points.uncovered())


def test_the_program_lists_its_points(program):
    listed = points.in_program(program)
    assert sorted(listed) == sorted(set(points.in_sources()))
    assert len(listed) > 50


def test_normal_programs_have_no_fault_points(env):
    for name in ("penstock-worker", "penstock-frontend", "penstockctl"):
        path = pathlib.Path(env["PENSTOCK_BIN"], name)
        content = path.read_bytes()
        assert b"PENSTOCK_FAULT" not in content and b"fault_points" not in content
        assert b"fault_enter" not in content
        assert not any(point.encode() + b"\0" in content for point in points.in_sources())


def test_the_fault_build_has_them(program):
    """So that the search above would find them."""
    content = program.read_bytes()
    assert b"PENSTOCK_FAULT" in content and b"fault_points" in content and b"fault_enter" in content
    assert all(point.encode() + b"\0" in content for point in points.in_sources())


def test_an_unknown_point_is_refused(program):
    for order in ("no.such.point:1", "lane.held", "lane.held:0", "lane.held:x"):
        done = subprocess.run([program], env={"PENSTOCK_FAULT": order}, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, timeout=60)
        assert done.returncode == os.EX_USAGE and order.encode() in done.stderr


# --- dying ---


def deaths():
    return [(point, passing) for point in points.reached_by_worker() for passing in (1, 2)
            if passing == 1 or point not in ONCE]


def test_a_sample_of_deaths(victim):
    """The same ones each time."""
    rng = random.Random(1)
    for point, passing in points.sample(deaths(), SAMPLE):
        print(f"dies at {point}:{passing}", flush=True)
        survive(victim, point, passing, rng)


@pytest.mark.long
@pytest.mark.parametrize("point, passing", deaths())
def test_death(victim, seed, point, passing):
    survive(victim, point, passing, random.Random(f"{seed} {point} {passing}"))
