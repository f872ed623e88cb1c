"""Two connected regtest nodes of bcoin, of a test's own, in a folder of its own. Their wallets are in memory: with
the leveldown that Node runs today, bcoin's wallet finds no coins in a database on disk."""

import base64
import json
import os
import pathlib
import subprocess
import urllib.request

import pytest

from conftest import ROOT, json_rpc
from ports import free_ports
from regtest import PASSWORD, RegtestNode, RegtestPair

SEGWIT_HEIGHT = 432


def installed():
    """The folder with bcoin, fetched from npm's registry the first time. Where that is out of reach there is no
    peer to test against, which says nothing about the pool: the tests are left out, and say why."""
    folder = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build")).resolve() / "bcoin"
    done = subprocess.run(["bash", "-c", '. deploy/lib/load.sh && fetch_bcoin "$1"', "fetch", folder], cwd=ROOT,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        pytest.skip("bcoin is not there, and cannot be fetched from npm's registry")
    return folder / "node_modules/bcoin"


class Node(RegtestNode):
    def __init__(self, program, folder, ports, *more):
        rpc_port, self.p2p, self.wallet_port = ports
        super().__init__(folder, rpc_port)
        (self.folder / "accounts/wallet").mkdir(parents=True)
        (self.folder / "bcoin.conf").write_text(f"api-key: {PASSWORD}\n", encoding="ascii")
        self.command = ["node", program / "bin/node", "--network=regtest", f"--prefix={self.folder}",
                        f"--config={self.folder / 'bcoin.conf'}", "--log-console=false", "--http-host=127.0.0.1",
                        f"--http-port={self.rpc_port}", "--host=127.0.0.1", f"--port={self.p2p}", "--listen=true",
                        "--discover=false", f"--wallet-prefix={self.folder / 'accounts'}",
                        "--wallet-http-host=127.0.0.1", f"--wallet-http-port={self.wallet_port}",
                        "--wallet-memory=true", *more]
        self.start()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command, env=os.environ | {"NODE_BACKEND": "js"},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wallet_rpc(self, method, *params):
        return json_rpc(f"http://127.0.0.1:{self.wallet_port}/", self.user, PASSWORD, method, params)

    def address(self, account):
        """A new account's."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.wallet_port}/wallet/primary/account/{account}", b'{"witness":true}',
            {"Authorization": "Basic " + base64.b64encode(f"x:{PASSWORD}".encode()).decode()}, method="PUT")
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["receiveAddress"]

    def ready(self):
        self.wallet_rpc("getwalletinfo")
        return super().ready()


class BcoinPair(RegtestPair):
    """`first` is the pool's; `second` is its peer. Their chain begins below the activation of segwit."""

    SYNC_S = 300

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        program, ports = installed(), free_ports(6)
        self.first = Node(program, folder / "first", ports[:3])
        self.second = Node(program, folder / "second", ports[3:], f"--only=127.0.0.1:{ports[1]}")
        self.first.wait_ready()
        self.second.wait_ready()
        self.address = self.first.address("pool")
        self.others = self.second.address("others")
        self.mine(1)
        self.wait_synced()

    def mine(self, blocks, node=None):
        """By somebody else than the pool."""
        return (node or self.first).rpc("generatetoaddress", blocks, self.others)

    def mine_past_segwit(self):
        self.mine(max(0, SEGWIT_HEIGHT - self.first.rpc("getblockcount")))
        self.wait_synced()
