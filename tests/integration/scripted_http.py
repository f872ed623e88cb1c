"""A scripted HTTP server on 127.0.0.1 that keeps every request as it came, framing and all."""

import socket
import threading


class Request:
    def __init__(self, head, body, framing):
        lines = head.split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        self.headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        self.body = body
        self.framing = framing  # "length" or "chunked"


class Server:
    """answer(request) gives (status, {header: value}, body), or None: no answer, the connection is closed. It runs in
    a thread for each connection."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        self.lock = threading.Lock()
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rwb") as stream:
                while self.serve_one(stream):
                    pass
        except OSError:
            pass  # the client has gone, or stop()

    def serve_one(self, stream):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return False
            head += line
        request = Request(head.decode().removesuffix("\r\n\r\n"), b"", "length")
        if request.headers.get("Expect") == "100-continue":
            stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            stream.flush()
        if request.headers.get("Transfer-Encoding") == "chunked":
            request.framing = "chunked"
            while size := int(stream.readline(), 16):
                request.body += stream.read(size)
                stream.readline()
            stream.readline()
        else:
            request.body = stream.read(int(request.headers["Content-Length"]))
        with self.lock:
            self.requests.append(request)
        answer = self.answer(request)
        if answer is None:
            return False
        status, headers, body = answer
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        stream.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body)
        stream.flush()
        return True
