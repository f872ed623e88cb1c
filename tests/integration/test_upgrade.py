"""An upgrade, one tier after the other, as INSTALL.md describes it: the schema first, then workers, then
frontends, with miners at work all the time; and what programs say that do not fit the schema."""

import re
import shutil

import pytest

from conftest import ROOT
from installed_pool import BUILD, await_true, install, installed_pool, run

pytestmark = pytest.mark.own_state

LEVEL = len(list((ROOT / "sql/migrations").iterdir()))


@pytest.fixture(scope="module")
def pool(env):
    with installed_pool(env) as p:
        yield p


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """release(N, ADMITS): the source of a later release with one more migration; only what depends on its
    level is compiled again."""
    folder = tmp_path_factory.mktemp("release")
    source, build = folder / "source", folder / "build"
    for part in ("backend", "common", "frontend", "sql", "deploy"):
        shutil.copytree(ROOT / part, source / part)
    for name in ("Makefile", "README.md", "LICENSE", "VERSION"):
        shutil.copy2(ROOT / name, source)
    for part in ("backend", "common", "frontend"):
        shutil.copytree(BUILD / part, build / part)

    def depends(code):
        """Whether the object of this .c knows the level, or the version."""
        made = (build / code.relative_to(source)).with_suffix(".d")
        return "PENSTOCK_VERSION" in code.read_text(encoding="utf-8") or \
            (made.exists() and "common/db/schema.h" in made.read_text())

    def make(level, admits):
        header = source / "common/db/schema.h"
        text = re.sub(r"(?m)^#define SCHEMA_LEVEL .*", f"#define SCHEMA_LEVEL {level}",
                      header.read_text(encoding="utf-8"))
        header.write_text(text, encoding="utf-8")
        (source / f"sql/migrations/{level:04}_later.sql").write_text(
            f"-- {level:04}: what a later release needs.\n-- admits: {admits}\n"
            f"ALTER TABLE work ADD COLUMN IF NOT EXISTS later_{level} INT NULL;\n")
        for code in source.rglob("*.c"):
            if depends(code):
                code.touch()
        run("make", "-s", "-C", source, f"BUILD={build}", f"VERSION={level}.0", "programs", check=True)
        return source, build

    return make


def test_the_level_is_that_of_the_last_migration():
    header = (ROOT / "common/db/schema.h").read_text(encoding="utf-8")
    assert int(re.search(r"#define SCHEMA_LEVEL (\d+)", header).group(1)) == LEVEL


def put(pool, tier, source, build):
    """make install-TIER of the release, over what is there."""
    install(f"install-{tier}", build=build, source=source, PREFIX=pool.folder / "usr",
            SYSCONFDIR=pool.folder / "etc")


class Miner:
    """Mines through Apache and counts what must be in the books."""

    def __init__(self, pool, apache, rpc):
        self.pool, self.apache, self.acknowledged = pool, apache, 0
        self.address = rpc("miner")("getnewaddress")

    def works(self, count=3):
        done = self.pool.mine(self.apache, self.address, count)
        assert done.returncode == 0, done.stdout
        self.acknowledged += count
        await_true(f"{self.acknowledged} shares", lambda: self.pool.shares() == self.acknowledged)

    def hears_health_down(self):
        done = self.pool.mine(self.apache, self.address, 1, "--give-up", "3")
        assert done.returncode != 0 and "HEALTH_DOWN" in done.stdout, done.stdout


def test_one_tier_after_the_other(pool, release, rpc):
    old = {n: pool.start_worker(f"old-{n}").await_log("worker.started") for n in (1, 2)}
    apache = pool.start_apache()
    miner = Miner(pool, apache, rpc)
    miner.works()

    # the new programs are there before the schema: whoever starts now says what to do
    source, build = release(LEVEL + 1, admits=LEVEL)
    put(pool, "backend", source, build)
    early = pool.start_worker("early")
    assert early.process.wait(120) == 78
    assert f"the database schema has level {LEVEL}, this program needs level {LEVEL + 1}: run " \
           "'penstockctl migrate' first" in early.log()
    miner.works()

    # the schema, while everything old goes on
    done = pool.migrate()
    assert done.returncode == 0 and re.search(rf"{LEVEL + 1:04} +later +applied", done.stdout)
    for name in ("ledger", "grants"):
        pool.mariadb.script((source / f"sql/{name}.sql").read_text(encoding="utf-8"))
    miner.works()

    # workers, one after the other
    for n in (1, 2):
        assert old[n].stop() == 0
        miner.works()
        new = pool.start_worker(f"new-{n}").await_log("worker.started")
        assert f"version={LEVEL + 1}.0" in new.log()
        miner.works()

    # an old frontend starts again meanwhile, which a reload does; then the new one
    before = apache.programs()
    for version in ("old", "new"):
        if version == "new":
            put(pool, "frontend", source, build)
        apache.reload()
        miner.works()
    assert not before & apache.programs()
    assert run(pool.folder / "usr/sbin/penstock-frontend", "--version").stdout.split()[1] == \
        f"{LEVEL + 1}.0"


def test_programs_that_are_not_admitted_refuse(pool, release, rpc):
    """A migration that the programs of before cannot live with: they are stopped before it."""
    apache = pool.start_apache()
    pool.stop_workers()
    miner = Miner(pool, apache, rpc)
    miner.acknowledged = pool.shares()
    level = pool.mariadb.query("SELECT MAX(version) FROM penstock.schema_version")[0][0]
    source, build = release(level + 1, admits=level + 1)
    shutil.copytree(source / "sql/migrations", pool.folder / "usr/share/penstock/sql/migrations",
                    dirs_exist_ok=True)
    assert pool.migrate().returncode == 0
    refusal = f"the database schema (level {level + 1}) admits programs of level {level + 1} or " \
              f"later, this one has level {level}: install a later version of Penstock"

    worker = pool.start_worker("late")
    assert worker.process.wait(120) == 78 and refusal in worker.log()
    done = pool.penstockctl("status")
    assert done.returncode == 1 and refusal in done.stdout
    apache.reload()
    miner.hears_health_down()
    assert refusal in apache.errors()

    for tier in ("backend", "frontend"):
        put(pool, tier, source, build)
    for name in ("ledger", "grants"):
        pool.mariadb.script((source / f"sql/{name}.sql").read_text(encoding="utf-8"))
    pool.start_worker("latest").await_log("worker.started")
    apache.reload()
    miner.works()
