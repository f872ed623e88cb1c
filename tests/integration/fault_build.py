"""Programs that fail as they are told (common/base/fault.h)."""

import fcntl
import functools
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build")) / "faults"


@functools.cache
def fault_program(name):
    """Its path; built if need be, by one process of pytest at a time."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-C", ROOT, "-j2", "--silent", "FAULTS=1", f"BUILD={FOLDER}", FOLDER / name],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return FOLDER / name
