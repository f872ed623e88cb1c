"""What frontend and miner make of a job: work handed out, headers, and the message of a share.

    search = Search(job, os.urandom(12))           # JOB: the JSON of common/work/job.h
    search.grind(above_target)                     # a share that is no block; meets_target: a block
    message(search.header(), "litecoin")
"""

import json
import os
import time
import uuid

from blocks import Coinbase, Header, sha256d


def uuid7():
    ms = int(time.time() * 1000).to_bytes(6, "big")
    return str(uuid.UUID(bytes=ms + b"\x70" + os.urandom(1) + b"\x80" + os.urandom(7)))


def work_id(root):
    """Of the merkle root in internal order (common/work/job.h)."""
    b = bytearray(root[:16])
    b[6] = b[6] & 0x0F | 0x40
    b[8] = b[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(b)))


def branch_of(txids):
    """Of ids in internal order, without the coinbase's: what its id is to be hashed with."""
    branch, row = [], [None, *txids]
    while len(row) > 1:
        branch.append(row[1])
        row += row[-1:] if len(row) % 2 else []
        row = [None] + [sha256d(a + b) for a, b in zip(row[2::2], row[3::2])]
    return branch


def make_job(template, script, network, extranonce=12):
    """As penstock-jobs does, whose coinbase has another form: the job, and a block's transactions."""
    coinbase = Coinbase(template["height"], [(template["coinbasevalue"], script),
                                             (0, bytes.fromhex(template["default_witness_commitment"]))])
    mark = os.urandom(extranonce)
    coinbase.signature += bytes([extranonce]) + mark
    front, back = coinbase.stripped().split(mark)
    txids = [bytes.fromhex(tx["txid"])[::-1] for tx in template["transactions"]]
    return {
        "v": 1, "kind": "job", "id": uuid7(), "network": network, "made_us": int(time.time() * 1e6),
        "height": template["height"], "version": template["version"], "bits": int(template["bits"], 16),
        "time": max(template["curtime"], template["mintime"]), "min_time": template["mintime"],
        "value": template["coinbasevalue"], "transactions": len(txids), "witness": True,
        "extranonce": extranonce, "prev": template["previousblockhash"], "coinbase1": front.hex(),
        "coinbase2": back.hex(), "branch": [other.hex() for other in branch_of(txids)],
    }, b"".join(bytes.fromhex(tx["data"]) for tx in template["transactions"])


class Search(Header):
    """One piece of search: what may be changed is changed in the object."""

    def __init__(self, job, extranonce=None):
        self.job = job
        self.extranonce = os.urandom(job["extranonce"]) if extranonce is None else extranonce
        self.version, self.bits, self.prev = job["version"], job["bits"], job["prev"]
        self.time, self.nonce = max(job["time"], int(time.time())), 0

    def root(self):
        root = sha256d(bytes.fromhex(self.job["coinbase1"]) + self.extranonce
                       + bytes.fromhex(self.job["coinbase2"]))
        for other in self.job["branch"]:
            root = sha256d(root + bytes.fromhex(other))
        return root

    def id(self):
        return work_id(self.root())

    def header(self):
        return self.header_with(self.root())


def message(header, network, message_id=None, received_us=None, host="test", pid=1):
    """The body that a frontend queues (common/message/share.h)."""
    return json.dumps({
        "v": 1, "kind": "share", "id": message_id or str(uuid.uuid4()), "network": network,
        "received_us": int(time.time() * 1e6) if received_us is None else received_us,
        "origin": {"pid": pid, "host": host, "ip": "127.0.0.1", "agent": "cpuminer/2.5.1", "os": "",
                   "miner": "test"},
        "header": header.hex()})
