"""Miners that load the pool over HTTPS and time every request, and the books of what they were told."""

import collections
import http.client
import random
import re
import ssl
import threading
import time
from urllib.parse import urlsplit

import blocks

OK = "<STATUS>ok</STATUS>"
WORK = re.compile(r"<MINERGUID>(.*?)</MINERGUID><WORKID>(.*?)</WORKID>")
TIMEOUT_S = 30  # far beyond what is allowed, so that the true time is measured
METRONOME_S = 0.01


class Metronome(threading.Thread):
    """Notes when this process itself, or the machine, stood still: what it slept too long, by time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stalls = []

    def run(self):
        while True:
            before = time.monotonic()
            time.sleep(METRONOME_S)
            late = time.monotonic() - before - METRONOME_S
            if late > 0.05:
                self.stalls.append((before, late))

    def stalled(self, start, end):
        """Seconds of standing still between two times."""
        return sum(late for when, late in list(self.stalls) if start - late <= when <= end)


class Miner(threading.Thread):
    """Asks for work, hands in solutions, some of them twice; never more than one request at a time."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.random = load, random.Random(f"{load.seed} {number}")
        self.address = load.new_address()
        self.connection = None

    def connect(self):
        url = urlsplit(self.load.env["PENSTOCK_URL"])
        context = ssl.create_default_context(cafile=self.load.env["PENSTOCK_CA"])
        self.connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=TIMEOUT_S,
                                                      context=context)

    def request(self, headers, body=""):
        """The answer's text; connecting counts as waiting."""
        start = time.monotonic()
        try:
            if self.connection is None:
                self.connect()
            self.connection.request("POST", "/Action.aspx", body.encode(), {
                "NetworkID": self.load.network, "Agent": "1.0", "OS": "LIN",
                "Miner": f"{self.address}/chaos", "Connection": "keep-alive", **headers})
            answer = self.connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException) as error:
            answer = f"{type(error).__name__}: {error}"
            self.connection.close()
            self.connection = None
        self.load.note(headers["Action"], start, time.monotonic(), answer)
        return answer

    def hand_in(self, fields):
        self.load.sent[fields[4]] += 1
        answer = self.request({"Action": "solution", "Solution": ",".join(fields)})
        if OK in answer:
            self.load.acknowledged[fields[4]] += 1

    def run(self):
        while not self.load.ended.is_set():
            found = WORK.search(self.request({"Action": "readytomine2"}, "readytomine2"))
            self.load.ended.wait(0.05)
            if not found:
                continue
            for _ in range(3):
                block = self.load.block(self.random)
                fields = block.fields(work_id=found[2], miner_guid=found[1])
                for _ in range(2 if self.random.random() < 0.1 else 1):
                    self.hand_in(fields)
                self.load.ended.wait(0.05)


class Load:
    """MINERS miners at once on NETWORK, until end()."""

    def __init__(self, env, rpc, seed, miners=4, network="litecoin"):
        self.env, self.rpc, self.seed, self.network = env, rpc, seed, network
        self.requests = []  # (action, start, seconds, answer)
        self.sent, self.acknowledged = collections.Counter(), collections.Counter()
        self.candidates = []  # (proof of work, hash, since when)
        self.ended = threading.Event()
        address = env[f"PENSTOCK_POOL_ADDRESS_{network.upper().replace('-', '_')}"]
        self.script = bytes.fromhex(rpc("miner")("validateaddress", address)["scriptPubKey"])
        self.lock = threading.Lock()
        self.template = None
        self.found = time.monotonic()  # the last block
        self.renew()
        self.metronome = Metronome()
        self.metronome.start()
        self.miners = [Miner(self, i) for i in range(miners)]
        for miner in self.miners:
            miner.start()

    def new_address(self):
        return self.rpc("miner")("getnewaddress")

    def renew(self):
        """A node without peers gives none; then the old one must do."""
        self.renewed = time.monotonic()
        try:
            self.template = self.rpc("miner")("getblocktemplate", {"rules": ["mweb", "segwit"]})
        except Exception:
            if self.template is None:
                raise

    def block(self, rng):
        """A share; each few seconds, one of them is a block. The chain moves on then."""
        with self.lock:
            now = time.monotonic()
            whole = now - self.found > 2
            if whole:
                self.found = now
            if whole or now - self.renewed > 0.2:
                self.renew()
            template = self.template
        block = blocks.Block(template, self.script, tag=rng.randbytes(4))
        block.grind(blocks.meets_target if whole else blocks.above_target)
        if whole:
            self.candidates.append((block.pow().hex(), block.hash(), now))
        return block

    def note(self, action, start, end, answer):
        self.requests.append((action, start, end - start, answer))

    def end(self):
        self.ended.set()
        for miner in self.miners:
            miner.join(6 * TIMEOUT_S + 5)  # what it may have begun
            assert not miner.is_alive()

    def answered_ok(self, since):
        return {action for action, start, _, answer in list(self.requests)
                if start > since and (OK in answer or WORK.search(answer))}

    def slowest(self):
        """The longest wait for an answer, without the time that the generator itself stood still."""
        return max((seconds - self.metronome.stalled(start, start + seconds), seconds, action, answer)
                   for action, start, seconds, answer in self.requests)
