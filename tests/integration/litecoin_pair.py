"""Two connected regtest nodes of a test's own, in a folder of its own."""

import pathlib
import subprocess

from ports import free_ports
from regtest import PASSWORD, RegtestNode, RegtestPair

LITECOIND = "/usr/lib/litecoin/litecoind"


class Node(RegtestNode):
    def __init__(self, folder, ports, extra):
        rpc_port, p2p = ports
        super().__init__(folder, rpc_port)
        (self.folder / "litecoin.conf").write_text(
            "regtest=1\n[regtest]\n"
            f"rpcuser={self.user}\nrpcpassword={PASSWORD}\nrpcbind=127.0.0.1\n"
            f"rpcallowip=127.0.0.1\nrpcport={self.rpc_port}\nbind=127.0.0.1:{p2p}\ndiscover=0\n"
            f"dnsseed=0\nlistenonion=0\nfallbackfee=0.0001\n{extra}\n", encoding="ascii")
        self.start()

    def start(self):
        self.process = subprocess.Popen([LITECOIND, f"-datadir={self.folder}"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Pair(RegtestPair):
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
