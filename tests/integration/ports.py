"""Ports for servers that tests start themselves. They lie below those that the kernel gives to connections
and to whoever asks for any, and below deploy/up's; two processes of pytest never get the same one. So nobody
takes a port between its choice and the server's start, or while the server is away."""

import random
import socket

FIRST, END = 10000, 20000
claims = []  # as long as this process lives


def free_port():
    for port in random.SystemRandom().sample(range(FIRST, END), END - FIRST):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0penstock-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        return port
    raise RuntimeError(f"no port from {FIRST} to {END - 1} is free")


def free_ports(number):
    return [free_port() for _ in range(number)]
