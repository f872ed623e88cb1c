"""What regtest nodes of a test's own have in common, whatever their kind."""

import pathlib
import time

from conftest import RpcError, json_rpc

PASSWORD = "for this test only"


class RegtestNode:
    """A node with a folder of its own. Its kind adds start(), which sets `process`."""

    def __init__(self, folder, rpc_port):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.rpc_port = rpc_port
        self.url = f"http://127.0.0.1:{rpc_port}/"
        self.user = "tester"
        self.password_file = self.folder / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(PASSWORD + "\n", encoding="ascii")

    def rpc(self, method, *params):
        return json_rpc(self.url, self.user, PASSWORD, method, params)

    def ready(self):
        """Its height, once all that it has to answer answers."""
        return self.rpc("getblockcount")

    def wait_ready(self):
        end = time.monotonic() + 300
        while True:
            try:
                return self.ready()
            except (OSError, RpcError):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=300)


class RegtestPair:
    """Two connected nodes, `first` and `second`."""

    SYNC_S = 120

    def wait_synced(self):
        end = time.monotonic() + self.SYNC_S
        while (not self.first.rpc("getconnectioncount")
               or self.second.rpc("getbestblockhash") != self.first.rpc("getbestblockhash")):
            assert time.monotonic() < end, "the nodes do not find together"
            time.sleep(0.05)

    def stop(self):
        self.second.stop()
        self.first.stop()
