"""Builds Litecoin blocks from a node's template, and the solutions that a miner makes of them.

    template = rpc("miner")("getblocktemplate", {"rules": ["mweb", "segwit"]})
    block = Block(template, script)            # pays everything to script
    block.grind(above_target)                  # a share that is no block; meets_target: a block
    fields = block.fields(work_id=…, miner_guid=…)
    body = message(fields, "litecoin")
"""

import hashlib
import json
import os
import struct
import time
import uuid

WITNESS_NONCE = bytes(32)


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def scrypt(header):
    """Proof of work, most significant byte first."""
    return hashlib.scrypt(header, salt=header, n=1024, r=1, p=1, dklen=32)[::-1]


def varint(n):
    if n < 0xFD:
        return bytes([n])
    if n <= 0xFFFF:
        return b"\xfd" + struct.pack("<H", n)
    return b"\xfe" + struct.pack("<I", n)


def push_number(n):
    """BIP 34: the minimal push of a height."""
    if 1 <= n <= 16:
        return bytes([0x50 + n])
    data = n.to_bytes((n.bit_length() + 8) // 8, "little")
    return bytes([len(data)]) + data


def compact_to_target(bits):
    return (bits & 0x7FFFFF) << (8 * ((bits >> 24) - 3))


def merkle_root(txids):
    """Of ids in internal order."""
    while len(txids) > 1:
        if len(txids) % 2:
            txids = txids + txids[-1:]
        txids = [sha256d(a + b) for a, b in zip(txids[::2], txids[1::2])]
    return txids[0]


class Coinbase:
    """One input, outputs as (value, script), and the witness that BIP 141 wants."""

    def __init__(self, height, outputs, tag=b"", prevout=bytes(32) + b"\xff" * 4):
        self.signature = push_number(height) + os.urandom(8) + tag
        self.outputs = list(outputs)
        self.prevout = prevout

    def stripped(self):
        outputs = b"".join(struct.pack("<Q", value) + varint(len(script)) + script
                           for value, script in self.outputs)
        return (struct.pack("<I", 2) + self._inputs() + varint(len(self.outputs)) + outputs
                + struct.pack("<I", 0))

    def _inputs(self):
        return (b"\x01" + self.prevout + varint(len(self.signature)) + self.signature
                + b"\xff" * 4)

    def serialised(self):
        stripped = self.stripped()
        return (stripped[:4] + b"\x00\x01" + stripped[4:-4] + b"\x01\x20" + WITNESS_NONCE
                + stripped[-4:])

    def txid(self):
        return sha256d(self.stripped())


class Header:
    """What has a header() whose nonce is searched: version, prev, time, bits and nonce are its own."""

    def header_with(self, root):
        """ROOT in internal order."""
        return (struct.pack("<I", self.version) + bytes.fromhex(self.prev)[::-1] + root
                + struct.pack("<III", self.time, self.bits, self.nonce))

    def pow(self):
        return scrypt(self.header())

    def hash(self):
        return sha256d(self.header())[::-1].hex()

    def grind(self, wanted, tries=100000):
        """Changes the nonce until wanted(proof of work as int, block) holds."""
        header = bytearray(self.header())
        for nonce in range(self.nonce + 1, self.nonce + 1 + tries):
            struct.pack_into("<I", header, 76, nonce)
            if wanted(int.from_bytes(scrypt(bytes(header)), "big"), self):
                self.nonce = nonce
                return self
        raise AssertionError("no nonce in %d tries" % tries)


class Block(Header):
    """A block on TEMPLATE whose coinbase pays VALUE (default: all there is) to SCRIPT."""

    def __init__(self, template, script, value=None, height=None, outputs=None, tag=b""):
        self.template = template
        self.height = template["height"] if height is None else height
        value = template["coinbasevalue"] if value is None else value
        commitment = bytes.fromhex(template["default_witness_commitment"])
        outputs = [(value, script)] if outputs is None else outputs
        self.coinbase = Coinbase(self.height, outputs + [(0, commitment)], tag)
        self.version = template["version"]
        self.prev = template["previousblockhash"]
        self.time = max(template["curtime"], template["mintime"])
        self.bits = int(template["bits"], 16)
        self.nonce = 0
        self.merkle = None  # set it to lie

    def header(self):
        txids = [bytes.fromhex(tx["txid"])[::-1] for tx in self.template["transactions"]]
        root = self.merkle or merkle_root([self.coinbase.txid()] + txids)
        return self.header_with(root)

    def hex(self):
        transactions = [bytes.fromhex(tx["data"]) for tx in self.template["transactions"]]
        mweb = self.template.get("mweb")
        return (self.header() + varint(1 + len(transactions)) + self.coinbase.serialised()
                + b"".join(transactions)
                + (b"\x01" + bytes.fromhex(mweb) if mweb else b"")).hex()

    def child_template(self):
        """A template for a block on top of this one, good for a share (not for a valid block)."""
        return self.template | {"previousblockhash": self.hash(), "height": self.height + 1,
                                "curtime": self.time + 1}

    def fields(self, work_id, miner_guid, **changes):
        """The 16 fields, some of them changed."""
        return solution_fields({
            "block_hash": self.hash(),
            "block_time": self.time,
            "prev_block_time": self.time - 60,
            "prev_height": self.height - 1,
            "pow_hash": self.pow().hex(),
            "miner_guid": miner_guid,
            "work_id": work_id,
            "nonce": self.nonce,
            "block_hex": self.hex(),
            "transaction_hex": self.coinbase.serialised().hex(),
        } | changes)


FIELDS = ("block_hash", "block_time", "prev_block_time", "prev_height", "pow_hash", "miner_guid", "work_id",
          "thread_id", "thread_hash_counter", "thread_start", "hash_counter", "timer_start", "timer_end",
          "nonce", "block_hex", "transaction_hex")


def solution_fields(given):
    """The 16 fields, in order, by the names of the protocol document. What a miner counts need not be
    given."""
    now = int(time.time() * 1000)
    counted = {"thread_id": 1, "thread_hash_counter": 1000, "thread_start": now - 60000,
               "hash_counter": 4000, "timer_start": now - 60000, "timer_end": now}
    values = counted | given
    assert values.keys() == set(FIELDS)
    return [str(values[name]) for name in FIELDS]


def meets_target(pow_hash, block):
    """The chain takes it as a block."""
    return pow_hash <= compact_to_target(block.bits)


def above_target(pow_hash, block):
    """A share, but no block."""
    return pow_hash > compact_to_target(block.bits)


def await_one_tip(rpc):
    """Until both nodes of the pool have the same tip. One that was away takes a while to find its peer
    again. Of two blocks of equal work either node may hold to another one, also after a restart, until the
    next block is found; that is done here."""
    nodes = rpc("pool"), rpc("miner")
    for _ in range(10):
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if len({node("getbestblockhash") for node in nodes}) == 1:
                return
            time.sleep(0.1)
        nodes[1]("generatetoaddress", 1, nodes[1]("getnewaddress"))
    raise AssertionError("the pool's two nodes do not find together")


def message(fields, network, message_id=None, received_us=None, host="test", pid=1):
    """The body that a frontend queues (common/message/solution.h)."""
    return json.dumps({
        "v": 1, "kind": "solution", "id": message_id or str(uuid.uuid4()), "network": network,
        "received_us": int(time.time() * 1e6) if received_us is None else received_us,
        "origin": {"host": host, "pid": pid, "ip": "127.0.0.1", "agent": "1.0", "os": "LIN",
                   "miner": "test"},
        "solution": fields,
    })
