"""Miners who wait: connections of their own, to the Apache that is for them or to penstock-live itself."""

import base64
import json
import re
import socket
import ssl
import urllib.request
from urllib.parse import urlsplit

from action_client import Reply, poll

GETWORK = {"method": "getwork", "params": [], "id": 0}
PATIENCE_S = 180.0


def template(longpollid=None):
    wanted = {"capabilities": ["coinbasetxn", "longpoll", "workid"], "rules": ["segwit"]}
    if longpollid is not None:
        wanted["longpollid"] = longpollid
    return {"method": "getblocktemplate", "params": [wanted], "id": 0}


def request_bytes(network, user, call=GETWORK, method="POST", headers=()):
    body = call if isinstance(call, bytes) else json.dumps(call).encode() if call is not None else b""
    lines = [f"{method} /lp/{network} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: live-test/1",
             f"Content-Length: {len(body)}", *headers]
    if user is not None:
        lines.append("Authorization: Basic " + base64.b64encode(f"{user}:x".encode()).decode())
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Held:
    """One connection."""

    def __init__(self, env, where="https"):
        url = urlsplit(env[{"https": "PENSTOCK_LONGPOLL_URL", "http": "PENSTOCK_LONGPOLL_HTTP_URL",
                            "live": "PENSTOCK_LIVE_URL"}[where]])
        self.sock = socket.create_connection((url.hostname, url.port), timeout=PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if where == "https":
            context = ssl.create_default_context(cafile=env["PENSTOCK_CA"])
            self.sock = context.wrap_socket(self.sock, server_hostname=url.hostname)

    def ask(self, *arguments, **options):
        self.sock.sendall(request_bytes(*arguments, **options))
        return self

    def answer(self):
        """The whole answer; what has come when the other side closed."""
        data = b""
        while not complete(data):
            try:
                more = self.sock.recv(1 << 16)
            except (ConnectionResetError, ssl.SSLError):
                break
            if not more:
                break
            data += more
        return Reply(data)

    def result(self):
        reply = self.answer()
        assert reply.status == 200, reply
        said = json.loads(reply.body)
        assert said["error"] is None, said
        return said["result"]

    def is_silent(self):
        """Nothing has come, and it is not closed. (What TLS says of itself is nothing.)"""
        self.sock.settimeout(0)
        try:
            came = self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        finally:
            self.sock.settimeout(PATIENCE_S)
        raise AssertionError(f"closed, or an answer that begins with {came!r}")

    def close(self):
        self.sock.close()


def complete(data):
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def prev_of(result):
    """The block that work or a template is to follow, as the node writes it."""
    if "previousblockhash" in result:
        return result["previousblockhash"]
    header = swapped(result["data"])
    return header[4:36][::-1].hex()


def swapped(data):
    raw = bytes.fromhex(data)
    return b"".join(raw[i:i + 4][::-1] for i in range(0, 80, 4))


class Live:
    """What penstock-live says of itself."""

    def __init__(self, env):
        self.url = env["PENSTOCK_LIVE_URL"]

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return reply.read().decode()

    def metric(self, name):
        """None while it does not answer."""
        try:
            text = self.get("/metrics")
        except OSError:
            return None
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(found[1]) if found else None

    def held(self, network="litecoin"):
        return self.metric(f'penstock_live_held{{network="{network}"}}')

    def await_held(self, n, network="litecoin"):
        assert poll(lambda: self.held(network) == n, PATIENCE_S), f"{self.held(network)} are held, not {n}"

    def is_well(self):
        try:
            return json.loads(self.get("/isalive"))["well"]
        except OSError:
            return False


def await_true(condition):
    value = poll(condition, PATIENCE_S)
    assert value
    return value
