"""Two connected regtest nodes of a test's own, in a folder of its own."""

import pathlib
import subprocess
import time

from conftest import RpcError, json_rpc
from ports import free_ports

LITECOIND = "/usr/lib/litecoin/litecoind"
PASSWORD = "for this test only"


class Node:
    def __init__(self, folder, ports, extra):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.rpc_port, p2p = ports
        self.url = f"http://127.0.0.1:{self.rpc_port}/"
        self.user = "tester"
        self.password_file = self.folder / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(PASSWORD + "\n", encoding="ascii")
        (self.folder / "litecoin.conf").write_text(
            "regtest=1\n[regtest]\n"
            f"rpcuser={self.user}\nrpcpassword={PASSWORD}\nrpcbind=127.0.0.1\n"
            f"rpcallowip=127.0.0.1\nrpcport={self.rpc_port}\nbind=127.0.0.1:{p2p}\ndiscover=0\n"
            f"dnsseed=0\nlistenonion=0\nfallbackfee=0.0001\n{extra}\n", encoding="ascii")
        self.start()

    def start(self):
        self.process = subprocess.Popen([LITECOIND, f"-datadir={self.folder}"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def rpc(self, method, *params):
        return json_rpc(self.url, self.user, PASSWORD, method, params)

    def wait_ready(self):
        end = time.monotonic() + 300
        while True:
            try:
                return self.rpc("getblockcount")
            except (OSError, RpcError):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=300)


class Pair:
    """`first` has a wallet and mines; `second` is its peer."""

    def __init__(self, folder, extra=""):
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        ports = free_ports(4)
        self.first = Node(folder / "first", ports[:2], extra)
        self.second = Node(folder / "second", ports[2:], f"connect=127.0.0.1:{ports[1]}")
        self.first.wait_ready()
        self.second.wait_ready()
        self.first.rpc("createwallet", "own", False, False, "", False, None, True)
        self.address = self.first.rpc("getnewaddress")
        self.mine(1)
        self.wait_synced()

    def mine(self, blocks):
        return self.first.rpc("generatetoaddress", blocks, self.address)

    def mine_past_mweb(self):
        """Block 432 must hold a peg-in."""
        if self.first.rpc("getblockcount") > 432:
            return
        self.mine(431 - self.first.rpc("getblockcount"))
        self.first.rpc("sendtoaddress", self.first.rpc("getnewaddress", "", "mweb"), 5)
        self.mine(2)
        self.wait_synced()

    def restart_first(self):
        self.first.start()
        self.first.wait_ready()

    def wait_synced(self):
        end = time.monotonic() + 120
        while (not self.first.rpc("getpeerinfo")
               or self.second.rpc("getbestblockhash") != self.first.rpc("getbestblockhash")):
            assert time.monotonic() < end, "the nodes do not find together"
            time.sleep(0.05)

    def stop(self):
        self.second.stop()
        self.first.stop()
