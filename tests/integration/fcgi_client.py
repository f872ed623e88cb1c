"""A penstock-frontend of a test's own, spoken to in FastCGI without a web server before it."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def pair(name, value):
    name, value = (text if isinstance(text, bytes) else text.encode() for text in (name, value))
    lengths = b"".join(bytes([len(x)]) if len(x) < 128 else struct.pack(">I", len(x) | 1 << 31)
                       for x in (name, value))
    return lengths + name + value


def record(kind, data=b""):
    return struct.pack(">BBHHBB", 1, kind, 1, len(data), 0, 0) + data


def records(stream):
    while len(head := stream.read(8)) == 8:
        _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
        yield kind, stream.read(length)
        stream.read(padding)


class Reply:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n"))
        self.status = int(self.headers.pop("Status"))

    def json(self):
        return json.loads(self.body, parse_float=str)  # amounts are compared digit by digit

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Frontend:
    """Answers one request at a time, as the program does."""

    def __init__(self, path):
        self.path = path

    def post(self, path, body, query="", ip="127.0.0.1"):
        """A form."""
        return self.get(path, query, "POST", ip=ip, body=body.encode())

    def get(self, path, query="", method="GET", headers=None, ip="127.0.0.1", body=b""):
        variables = {"REQUEST_METHOD": method, "SCRIPT_NAME": path, "QUERY_STRING": query, "REMOTE_ADDR": ip,
                     **({"CONTENT_LENGTH": str(len(body))} if body else {}),
                     **{f"HTTP_{name.upper().replace('-', '_')}": value
                        for name, value in (headers or {}).items()}}
        data = b"".join(pair(name, value) for name, value in variables.items())
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(180)
            sock.connect(str(self.path))
            sock.sendall(record(BEGIN, struct.pack(">HB5x", 1, 0)) + record(PARAMS, data) +
                         record(PARAMS) + (record(STDIN, body) if body else b"") + record(STDIN))
            with sock.makefile("rb") as stream:
                out = b""
                for kind, part in records(stream):
                    if kind == STDOUT:
                        out += part
                    if kind == END:
                        break
        return Reply(out)


@contextlib.contextmanager
def own_frontend(env, folder, network="", changes=()):
    """A frontend with the pool's settings, those of NETWORK added; CHANGES are pairs (old, new) in its file."""
    folder = pathlib.Path(folder)
    conf = pathlib.Path(env["PENSTOCK_FRONTEND_CONF"]).read_text(encoding="utf-8")
    changes = [(f"{env['PENSTOCK_STATE']}/run/frontend/health", f"{folder}/health"),
               ("[database]\n", "[database]\nconnect_timeout_ms = 30000\nquery_timeout_ms = 30000\n"),
               ("[broker]\n", "[broker]\nconnect_timeout_ms = 30000\nconfirm_timeout_ms = 30000\n"), *changes]
    for old, new in changes:
        assert old in conf, old
        conf = conf.replace(old, new)
    (folder / "frontend.conf").write_text(conf + "\n" + network, encoding="utf-8")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        listening.listen(16)
        program = subprocess.Popen([os.path.join(env["PENSTOCK_BIN"], "penstock-frontend"), "--config",
                                    folder / "frontend.conf"], stdin=listening, stdout=subprocess.DEVNULL,
                                   stderr=open(folder / "log", "wb"))
    try:
        yield Frontend(folder / "socket")
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(120) == 0, (folder / "log").read_text(errors="replace")
