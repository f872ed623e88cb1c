"""The worker as its systemd unit starts it: that user, that bare environment, credentials by name. The test
stands for systemd: it listens at NOTIFY_SOCKET and looks at exit codes. What the unit's sandbox leaves is
test_install.py's part."""

import configparser
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import ROOT
from installed_pool import open_folder

UID = 70003
UNIT = (ROOT / "deploy/systemd/penstock-worker@.service.in").read_text(encoding="utf-8")


def setting(name):
    return re.search(rf"(?m)^{name}=(.*)$", UNIT)[1]


WATCHDOG_S = 60 * int(re.fullmatch(r"(\d+)min", setting("WatchdogSec"))[1])
CREDENTIALS = re.findall(r"(?m)^LoadCredential=(\w+):", UNIT)


class Service:
    """One start of the unit in FOLDER, which everyone may enter."""

    def __init__(self, env, folder):
        self.env, self.folder, self.process = env, folder, None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        os.chmod(folder / "notify", 0o666)
        for name in ("credentials", "state"):
            (folder / name).mkdir()
            os.chown(folder / name, UID, UID)
        (folder / "backend.conf").write_text(self.settings())

    def settings(self):
        """The pool's, with credentials for the files of passwords."""
        conf = configparser.ConfigParser(interpolation=None)
        conf.read(self.env["PENSTOCK_BACKEND_CONF"])
        for section in conf.values():
            kind = section.name.split()[0]
            if "password_file" in section and kind in CREDENTIALS:
                copy = self.folder / "credentials" / kind
                shutil.copy(section["password_file"], copy)
                os.chown(copy, UID, UID)
                copy.chmod(0o400)
                section["password_file"] = kind
        conf["worker"]["archive_dir"] = str(self.folder / "state")
        return "".join(f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items())
                       for name, section in conf.items() if name != "DEFAULT")

    def start(self, *options):
        given = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8",
                 "NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": f"{WATCHDOG_S}000000",
                 "CREDENTIALS_DIRECTORY": str(self.folder / "credentials"),
                 "STATE_DIRECTORY": str(self.folder / "state")}
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs",
             "--inh-caps=-all", "--bounding-set=-all",
             pathlib.Path(self.env["PENSTOCK_BIN"], "penstock-worker"), *options],
            env=given, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def start_well(self):
        self.start("--config", self.folder / "backend.conf")

    def told(self, seconds):
        """The next message to systemd, or None."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return None

    def await_told(self, wanted, passing=("WATCHDOG=1",)):
        while (message := self.told(120)) in passing:
            pass
        assert message == wanted

    def ended(self):
        text, _ = self.process.communicate(timeout=120)
        return self.process.returncode, text

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.socket.close()


@pytest.fixture
def service(env):
    with open_folder() as folder:
        made = Service(env, folder)
        yield made
        made.close()


def test_the_unit_is_what_is_played_here():
    assert (setting("Type"), setting("Restart"), setting("ExecStart")) == (
        "notify", "always", "@SBINDIR@/penstock-worker")
    assert sorted(CREDENTIALS) == ["broker", "database", "wallet"]


def test_ready_with_the_database_then_fed_reloaded_and_ended(service, ctl):
    ctl("stop", "mariadb")
    try:
        service.start_well()
        assert service.told(3) is None, "ready without a database"
        assert service.process.poll() is None
    finally:
        ctl("start", "mariadb")
    service.await_told("READY=1")
    pid = service.process.pid

    last = time.monotonic()
    for _ in range(3):
        assert service.told(WATCHDOG_S / 2) == "WATCHDOG=1"
        assert time.monotonic() - last < WATCHDOG_S / 2
        last = time.monotonic()

    service.process.send_signal(signal.SIGHUP)
    service.await_told("RELOADING=1")
    service.await_told("READY=1")
    assert service.process.poll() is None and service.process.pid == pid
    service.await_told("WATCHDOG=1", passing=())

    service.process.terminate()
    service.await_told("STOPPING=1")
    assert service.ended()[0] == 0


def break_settings(service):
    with open(service.folder / "backend.conf", "a", encoding="utf-8") as conf:
        conf.write("[worker]\n")


def lose_a_credential(service):
    (service.folder / "credentials/broker").unlink()


def leave_well(service):
    del service


@pytest.mark.parametrize("spoil, options, code, says", [
    (break_settings, (), os.EX_CONFIG, "given twice"),
    (lose_a_credential, (), os.EX_CONFIG, "broker"),
    (leave_well, ("--no-such-option",), os.EX_USAGE, "no-such-option"),
], ids=["settings", "credential", "usage"])
def test_what_a_human_must_mend_is_not_restarted(service, spoil, options, code, says):
    spoil(service)
    service.start("--config", service.folder / "backend.conf", *options)
    status, text = service.ended()
    assert status == code and says in text, text
    assert str(code) in setting("RestartPreventExitStatus").split()
    assert service.told(0.1) is None
