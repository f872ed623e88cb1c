"""common/rpc against a real litecoind (itest_rpc.c)."""

import os
import pathlib
import subprocess

import pytest

from litecoin_pair import Pair

pytestmark = pytest.mark.own_state

BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", "build"))


def test_rpc_against_litecoind(tmp_path):
    pair = Pair(tmp_path / "nodes", "rpcthreads=1\nrpcworkqueue=1")
    try:
        tip = pair.mine(3)[-1]
        pair.wait_synced()
        wrong = tmp_path / "wrong"
        wrong.touch(mode=0o600)
        wrong.write_text("not the password\n", encoding="ascii")
        node = pair.first
        settings = {"ITEST_RPC_URL": node.url, "ITEST_RPC_USER": node.user,
                    "ITEST_RPC_PASSWORD_FILE": str(node.password_file),
                    "ITEST_RPC_WRONG_PASSWORD_FILE": str(wrong),
                    "ITEST_RPC_BLOCK": node.rpc("getblock", tip, 0)}
        done = subprocess.run([BUILD / "integration/itest_rpc"], env=os.environ | settings,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout
    finally:
        pair.stop()
