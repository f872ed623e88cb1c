"""The pool's end of the Action protocol over HTTPS, as far as a miner sees it; it keeps every request."""

import http.server
import pathlib
import ssl
import subprocess
import threading
import uuid

TERMINATOR = "<END></HTML>\n"


def certificate(folder):
    """A self-signed certificate for 127.0.0.1: its own authority."""
    cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    return cert, key


class FakePool:
    def __init__(self, folder, address, target):
        self.address, self.target = address, target
        self.guid = str(uuid.uuid4())
        self.requests = []   # (action, headers, body)
        self.solutions = []  # lists of 16 fields
        self.work_ids = set()
        self.connections = 0
        self.script = []     # answers given before anything else: text, an HTTP status, or None: hang up
        self.lock = threading.Lock()
        self.ca, key = certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, action, headers, body):
        with self.lock:
            self.requests.append((action, headers, body))
            if self.script:
                return self.script.pop(0)
            if action == "readytomine2":
                work_id = str(uuid.uuid4())
                self.work_ids.add(work_id)
                return (f"<RESPONSE> <ADDRESS>{self.address}</ADDRESS><HASHTARGET>{self.target}"
                        f"</HASHTARGET><MINERGUID>{self.guid}</MINERGUID><WORKID>{work_id}</WORKID>"
                        "</RESPONSE>")
            fields = headers.get("Solution", body).split(",")
            self.solutions.append(fields)
            return f"<RESPONSE><STATUS>ok</STATUS><WORKID>{fields[6]}</WORKID></RESPONSE>"

    def handler(pool):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with pool.lock:
                    pool.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert self.path == "/Action.aspx"
                text = pool.answer(self.headers["Action"], self.headers, body)
                keep = self.headers.get("Connection", "").lower() == "keep-alive"
                self.close_connection = not keep
                if text is None:
                    self.close_connection = True
                    return
                status, text = (text, "") if isinstance(text, int) else (200, text)
                reply = (text + TERMINATOR).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(reply)))
                self.send_header("Connection", "keep-alive" if keep else "close")
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        return Handler


def error(message):
    return f"<RESPONSE>{message}</RESPONSE><ERROR>{message}</ERROR><EOF>"
