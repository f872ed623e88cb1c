#!/usr/bin/python3
"""Holds the worker's sources to the rule of common/base/fault.h: in every function, each call that
touches the broker, the database, a wallet or the archive has a fault point of its own.

    tests/chaos/points.py            prints functions that have too few; exit status 1 if any has
    tests/chaos/points.py WORKER     lists the points of this program, built with FAULTS=1
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("backend/worker", "backend/share", "backend/chain")
TASK_FOLDERS = ("backend/task", "backend/ledger")
# What of backend/chain only penstock-task links.
TASK_FILES = re.compile(r"pay\w*\.c|holdings\.c")
# What the worker links too, though only tasks call it.
LINKED_FILES = re.compile(r"blocks\.c|\w+_block\.c")
# The last line: functions of the programs themselves that make one such call and leave the point to
# their callers.
TOUCHING = ("db_exec db_exec_many db_query db_transact broker_ping broker_receive broker_ack"
            " broker_dead_letter rpc_perform rpc_batch rpc_perform_batched write fdatasync fsync rename posix_spawnp"
            " keys_query insert_all pay_ask").split()
CALL = re.compile(r"\b(?:%s)\(" % "|".join(TOUCHING))
POINT = re.compile(r'\b(?:FAULT_POINT|FAULT_CALL|FAULT_CALL_ONCE|PAY_ASK|IN_BODY|READ)\(\s*"([a-z_.]+)"')
KINDS = {"FAULT_POINT": ("die",), "FAULT_CALL_ONCE": ("die", "timeout", "error")}  # the others: all four
ALL_KINDS = ("die", "timeout", "twice", "error")
FUNCTION = re.compile(r"^\w[^;{}]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.M | re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def functions(folders=FOLDERS):
    """(file, name, body) of all functions."""
    for folder in folders:
        for path in sorted((ROOT / folder).glob("*.c")):
            text = COMMENT.sub("", path.read_text(encoding="utf-8"))
            for match in FUNCTION.finditer(text):
                yield path.relative_to(ROOT), match[1], match[2]


def uncovered(folders=FOLDERS):
    """Functions with more calls than points, as lines of text."""
    found = []
    for path, name, body in functions(folders):
        calls, points = len(CALL.findall(body)), len(POINT.findall(body))
        if name not in TOUCHING and points < calls:
            found.append(f"{path}: {name}(): {calls} calls, {points} fault points")
    return found


def in_sources():
    """Those of the worker."""
    return [point for path, _, body in functions() if not TASK_FILES.fullmatch(path.name)
            for point in POINT.findall(body)]


def reached_by_worker():
    return [point for path, _, body in functions()
            if not TASK_FILES.fullmatch(path.name) and not LINKED_FILES.fullmatch(path.name)
            for point in POINT.findall(body)]


def in_task_sources():
    """Those of penstock-task that the worker does not have."""
    return [point for path, _, body in functions(FOLDERS + TASK_FOLDERS)
            if TASK_FILES.fullmatch(path.name) or str(path.parent) in TASK_FOLDERS
            for point in POINT.findall(body)]


def kinds():
    """What can happen at each point of the sources."""
    found = {}
    for _, _, body in functions(FOLDERS + TASK_FOLDERS):
        for match in POINT.finditer(body):
            macro = match[0].split("(")[0]
            found[match[1]] = KINDS.get(macro, ALL_KINDS)
    return found


def cases(names):
    """(point, kind) of all that can happen at these points, always in the same order."""
    known = kinds()
    return [(name, kind) for name in sorted(set(names)) for kind in known[name]]


def sample(all_cases, number):
    """NUMBER of them: the same ones each time, from all over, of different kinds."""
    step = len(all_cases) // number
    assert step >= len(ALL_KINDS)
    return [all_cases[i * step + i % len(ALL_KINDS)] for i in range(number)]


def calls_in_program(program):
    """Those at which more can happen than dying."""
    return in_program(program, "list-calls")


def in_program(program, order="list"):
    """The points of a program, in the order of its sources."""
    done = subprocess.run([program], env=dict(os.environ, PENSTOCK_FAULT=order), check=True,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return done.stdout.split()


if __name__ == "__main__":
    LINES = in_program(sys.argv[1]) if sys.argv[1:] else uncovered()
    print("\n".join(LINES))
    sys.exit(bool(LINES) and not sys.argv[1:])
