"""A bare client of the Action protocol: it sends exactly the bytes it is told to, and returns all that
came until the server closed, or until one whole reply when the connection stays open."""

import socket
import ssl
import time
from urllib.parse import urlsplit

END = b"<END></HTML>\n"


def error(message):
    """The body of an error reply."""
    text = message if isinstance(message, bytes) else message.encode()
    return b"<RESPONSE>%s</RESPONSE><ERROR>%s</ERROR><EOF>" % (text, text) + END


class Reply:
    """One HTTP reply, taken apart."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.raw = raw
        self.status = int(lines[0].split()[1]) if lines[0] else 0
        self.headers = {name.lower(): value.strip() for name, _, value in
                        (line.partition(":") for line in lines[1:])}

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]!r}"


HEALTH_DOWN = error("HEALTH_DOWN")


class Client:
    """Connects to the pool of ENV. SCHEME is https or http."""

    again = 0  # requests of all clients that were sent again

    def __init__(self, env, scheme="https"):
        self.url = urlsplit(env["PENSTOCK_URL" if scheme == "https" else "PENSTOCK_HTTP_URL"])
        self.scheme = scheme
        self.context = ssl.create_default_context(cafile=env["PENSTOCK_CA"])

    def connect(self, timeout=60, context=None):
        sock = socket.create_connection((self.url.hostname, self.url.port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.scheme == "https":
            sock = (context or self.context).wrap_socket(sock, server_hostname=self.url.hostname)
        return sock

    def raw(self, data, timeout=60):
        """Sends DATA; everything that came until the server closed."""
        with self.connect(timeout) as sock:
            try:
                sock.sendall(data)
            except OSError:
                pass  # refused while we were still sending; the reply is there all the same
            return Reply(read_to_end(sock))

    def post(self, headers, body=b"", path="/Action.aspx", timeout=60, patient=True):
        """PATIENT: asks again as long as the pool says HEALTH_DOWN, as every miner does. A server of a busy
        machine may take longer than frontends wait."""
        reply = self.raw(request(headers, body, path), timeout)
        end = time.monotonic() + timeout
        while patient and reply.body == HEALTH_DOWN and time.monotonic() < end:
            time.sleep(0.5)
            Client.again += 1
            reply = self.raw(request(headers, body, path), timeout)
        return reply

    def action(self, name, headers=None, body=None, patient=True):
        """What a wallet sends: the action as a header and as the body."""
        lines = {"Action": name, **(headers or {})}
        return self.post(lines, name.encode() if body is None else body, patient=patient)


def read_to_end(sock):
    chunks = []
    try:
        while chunk := sock.recv(65536):
            chunks.append(chunk)
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    return b"".join(chunks)


def read_one(sock):
    """One reply with a Content-Length, from a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return Reply(data)
        data += chunk
    length = int(Reply(data).headers["content-length"])
    while len(data.partition(b"\r\n\r\n")[2]) < length:
        data += sock.recv(65536)
    return Reply(data)


def request(headers, body=b"", path="/Action.aspx", method="POST"):
    """HEADERS: a dict or a list of pairs; names and values are text, or bytes sent as they are."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    out = [f"{method} {path} HTTP/1.1".encode(), b"Host: pool"]
    out += [to_bytes(name) + b": " + to_bytes(value) for name, value in pairs]
    if not any(to_bytes(name).lower() == b"content-length" for name, _ in pairs):
        out.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(out) + b"\r\n\r\n" + body


def to_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode()


def poll(condition, seconds=180.0, pause=0.02):
    """Waits until CONDITION() is true; returns its last value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(pause)
    return value
