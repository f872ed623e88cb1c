"""BiblePay's side of a test: the stand-in wallet, and the blocks and solutions of its miners.

    wallet = Wallet(env, folder)
    block = Block(wallet.state(), script)
    fields = block.fields(work_id=…, miner_guid=…)
    wallet.control(mode="warmup")
"""

import hashlib
import os
import struct
import subprocess
import time

import requests

from blocks import push_number, sha256d, solution_fields, varint

TEST_VERSION = 140
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def address_of(key_hash, version=TEST_VERSION):
    data = bytes([version]) + key_hash
    data += sha256d(data)[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


def script_of(key_hash):
    return b"\x76\xa9\x14" + key_hash + b"\x88\xac"


def bible_hash(block_hash, block_time, prev_time, prev_height, nonce):
    text = f"{block_hash},{block_time},{prev_time},{prev_height},{nonce}"
    return sha256d(text.encode()).hex()


class Wallet:
    """A running stand-in (tests/tools/biblepay-wallet.c)."""

    def __init__(self, env, folder, name="wallet", height=100):
        self.user, self.password_file = "pool", folder / f"{name}.password"
        self.password_file.write_text("geheim")
        self.password_file.chmod(0o600)
        self.process = subprocess.Popen(
            [f"{env['PENSTOCK_BIN']}/tools/biblepay-wallet", "--user", self.user, "--height",
             str(height), "--password-file", self.password_file],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"

    def control(self, **order):
        reply = requests.post(self.url + "control", json=order, auth=(self.user, "geheim"),
                              timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def state(self):
        return self.control()

    def calls(self, method):
        return self.state()["calls"].get(method, 0)

    def rpc(self, method, *params):
        return requests.post(self.url, json={"id": 7, "method": method, "params": params},
                             auth=(self.user, "geheim"), timeout=60).json()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Block:
    """A block on the tip that STATE tells, with one coinbase output to SCRIPT. TEXTS: in BiblePay's
    form, which has a text behind each output's script, and another hash of its header."""

    def __init__(self, state, script, texts=True, tag="", nonce=None, coinbase=None):
        self.prev_height, self.prev_time = state["height"], state["tip_time"]
        self.prev, self.texts = state["tip"], texts
        self.time = int(time.time())
        self.nonce = int.from_bytes(os.urandom(1), "big") if nonce is None else nonce
        self.coinbase = coinbase or self.new_coinbase(script, tag)
        self.merkle = sha256d(self.coinbase)  # set it to lie

    def new_coinbase(self, script, tag):
        signature = push_number(self.prev_height + 1) + os.urandom(8)
        text = varint(len(tag)) + tag.encode() if self.texts else b""
        return (struct.pack("<I", 1) + b"\x01" + bytes(32) + b"\xff" * 4 + varint(len(signature))
                + signature + b"\xff" * 4 + b"\x01" + struct.pack("<Q", 5492 * 10**8)
                + varint(len(script)) + script + text + struct.pack("<I", 0))

    def header(self):
        return (struct.pack("<I", 0x20000000) + bytes.fromhex(self.prev)[::-1] + self.merkle
                + struct.pack("<III", self.time, 0x1E0FFFFF, self.nonce))

    def hash(self):
        once = hashlib.sha256(self.header()).digest()
        return (once if self.texts else hashlib.sha256(once).digest())[::-1].hex()

    def hex(self):
        return (self.header() + b"\x01" + self.coinbase).hex()

    def fields(self, work_id, miner_guid, **changes):
        """The 16 fields. The proof of work follows the changed ones, unless it is given too."""
        values = {
            "block_hash": self.hash(),
            "block_time": self.time,
            "prev_block_time": self.prev_time,
            "prev_height": self.prev_height,
            "miner_guid": miner_guid,
            "work_id": work_id,
            "nonce": self.nonce,
            "block_hex": self.hex(),
            "transaction_hex": self.coinbase.hex(),
        } | changes
        computed = bible_hash(values["block_hash"], values["block_time"], values["prev_block_time"],
                              values["prev_height"], values["nonce"])
        return solution_fields({"pow_hash": computed} | values)
