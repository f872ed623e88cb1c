"""tests/lint finds floating point where amounts are handled, and nothing where there is none."""

import os
import subprocess

import pytest

from conftest import ROOT

pytestmark = pytest.mark.own_state

PROBES = [
    "double x;", "static long double y = 1;", "int a = 5 * 1.5;", "int a = 5 * .5;", "int a = 1e3;", "int a = 5.;",
    "#include <math.h>", 'const char *s = "SELECT CAST(x AS DOUBLE)";', 'const char *s = "SELECT x * 0.95";',
    'int f(void) { return printf("%.2f", g()); }', "int f(void) { return json_number_value(x) > 3; }",
    "_Float64 z;", "int f(void) { return strtod(text, 0) > 3; }",
]
CLEAN = """/* Double entry: 1.5 would be a float. */
// so would 2.5
int a = 0x1e3 + 10 % 3;
const char *s = "x % 2, %s, a.b";
int f(int e5) { return e5 + 3; }
"""


def integers(folder):
    return subprocess.run([ROOT / "tests/lint", "integers"], env=os.environ | {"INTEGER_FOLDER": str(folder)},
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize("probe", PROBES)
def test_floating_point_is_found(tmp_path, probe):
    (tmp_path / "probe.c").write_text(CLEAN + probe + "\n", encoding="ascii")
    done = integers(tmp_path)
    assert done.returncode == 1 and probe in done.stdout, done.stdout
    assert done.stdout.count("\n") == 3  # the file, the line, the verdict


def test_whole_numbers_are_let_alone(tmp_path):
    (tmp_path / "probe.h").write_text(CLEAN, encoding="ascii")
    assert integers(tmp_path).returncode == 0


def test_the_ledger_has_none():
    done = integers(ROOT / "backend/ledger")
    assert (done.returncode, done.stdout) == (0, "integers: clean\n")
