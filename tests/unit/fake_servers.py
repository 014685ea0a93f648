# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers on the loopback interface that misbehave in one way each."""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock

#: Handles one connection; returns when it is done with it.
Behaviour = Callable[["Visit"], None]


class Visit:
    """One connection to a fake server."""

    def __init__(self, sock: socket.socket, number: int, over: threading.Event) -> None:
        self.sock = sock
        self.number = number
        self.over = over

    def request(self) -> bytes:
        """Read one request; empty when the other side closed."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            piece = self.sock.recv(4096)
            if not piece:
                return b""
            data += piece
        return data

    def send(self, data: bytes) -> None:
        """Send everything."""
        self.sock.sendall(data)


class Fake:
    """A running fake server.

    Attributes:
        port: where it listens.
        address: the loopback address at which it listens.
        requests: first lines and headers of all requests, as far as the behaviour read them through ``answering``.
        connections: how many were accepted.
    """

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.port = port
        self.address = address
        self.requests: list[bytes] = []
        self.connections = 0

    @property
    def place(self) -> str:
        """``host:port``."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def ws_url(self) -> str:
        """As if SteVe were there."""
        return f"ws://{self.place}/steve/websocket/CentralSystemService"


@contextmanager
def serving(
    behaviour: Behaviour, context: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
) -> Iterator[Fake]:
    """A server that treats every connection alike, in threads, while the block runs."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family, backlog=128)
    fake = Fake(listener.getsockname()[1], address)
    over = threading.Event()
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def visit(sock: socket.socket, number: int) -> None:
        with suppress(OSError, ConnectionError):
            if context is not None:
                sock = context.wrap_socket(sock, server_side=True)
                open_sockets.append(sock)
            behaviour(Visit(sock, number, over))
        sock.close()

    def accept() -> None:
        while True:
            try:
                sock, _address = listener.accept()
            except OSError:
                return
            if over.is_set():
                sock.close()
                return
            fake.connections += 1
            open_sockets.append(sock)
            thread = threading.Thread(target=visit, args=(sock, fake.connections))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield fake
    finally:
        over.set()
        # Wakes the thread that waits in accept.
        with suppress(OSError):
            socket.create_connection((address, fake.port), 1).close()
        acceptor.join(5)
        listener.close()
        for sock in open_sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for sock in open_sockets:
            sock.close()


def answering(fake_box: list[Fake], answer: Callable[[bytes], bytes | None]) -> Behaviour:
    """Answer every request of a connection; None closes it. ``fake_box[0]`` collects the requests."""

    def behave(visit: Visit) -> None:
        while data := visit.request():
            if fake_box:
                fake_box[0].requests.append(data)
            reply = answer(data)
            if reply is None:
                return
            visit.send(reply)

    return behave


def forwarding(port: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes | None]:
    """For ``answering``: asks a server on the loopback interface, with a changed request, and hands on its answer.

    No session gets through: a 101 is cut off.
    """

    def ask(data: bytes) -> bytes | None:
        with socket.create_connection(("127.0.0.1", port), 10) as upstream:
            upstream.sendall(change(data))
            answer = b""
            while b"\r\n\r\n" not in answer and (piece := upstream.recv(65536)):
                answer += piece
            head, _blank, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            while len(body) < int(length[1] if length else 0) and (piece := upstream.recv(65536)):
                body += piece
        return head + b"\r\n\r\n" + body if head else None

    return ask


def silent(visit: Visit) -> None:
    """Connected, and nothing more."""
    visit.over.wait()


def closing(visit: Visit) -> None:
    """Closed at once."""


def saying(data: bytes, *, then_wait: bool = True) -> Behaviour:
    """Speaks first, whatever comes."""

    def behave(visit: Visit) -> None:
        visit.send(data)
        if then_wait:
            visit.over.wait()

    return behave


def endless(start: bytes, piece: bytes) -> Behaviour:
    """Reads one request and never stops answering."""

    def behave(visit: Visit) -> None:
        visit.request()
        visit.send(start)
        while not visit.over.is_set():
            visit.send(piece)

    return behave


def dripping(data: bytes, pause_s: float) -> Behaviour:
    """Reads one request and answers byte by byte."""

    def behave(visit: Visit) -> None:
        visit.request()
        for index in range(len(data)):
            visit.send(data[index : index + 1])
            if visit.over.wait(pause_s):
                return
        visit.over.wait()

    return behave


def relaying(port: int, heard: list[bytes] | None = None) -> Behaviour:
    """Hands everything to a local port and back; with a TLS context this is what a TLS proxy does.

    ``heard`` collects what the clients sent.
    """

    def behave(visit: Visit) -> None:
        pending = getattr(visit.sock, "pending", lambda: 0)
        with socket.create_connection(("127.0.0.1", port), 5) as upstream:
            while not visit.over.is_set():
                ready = [visit.sock] if pending() else select.select([visit.sock, upstream], [], [], 0.2)[0]
                for source, target in ((visit.sock, upstream), (upstream, visit.sock)):
                    if source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        if heard is not None and source is visit.sock:
                            heard.append(data)
                        target.sendall(data)

    return behave


@contextmanager
def full_queue(address: str = "127.0.0.1", port: int = 0) -> Iterator[Fake]:
    """A port whose queue of connections is full, so that SYNs get no answer (Linux)."""
    listener = socket.socket()
    waiting: list[socket.socket] = []
    try:
        listener.bind((address, port))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _index in range(8):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((address, port))
            waiting.append(sock)
        yield Fake(port, address)
    finally:
        for sock in waiting:
            sock.close()
        listener.close()


def page(text: str, status: str = "200 OK", extra: bytes = b"") -> bytes:
    """An HTML page as an answer; ``extra`` holds further header lines, each with its CRLF."""
    body = text.encode()
    head = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\n%sContent-Length: %d\r\n\r\n"
    return head % (status.encode(), extra, len(body)) + body


@contextmanager
def names(**addresses: list[str]) -> Iterator[None]:
    """Names that resolve to these addresses while the block runs (``_`` in a name stands for a dot); others fail.

    Only the resolver is faked; numeric addresses are left to it.
    """
    real = socket.getaddrinfo
    known = {name.replace("_", "."): found for name, found in addresses.items()}

    def fake(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host in known:
            return [row for item in known[host] for row in real(item, port, *args, **options)]
        if not host.replace(".", "").isdigit() and ":" not in host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, port, *args, **options)

    with mock.patch.object(socket, "getaddrinfo", fake):
        yield


def free_port() -> int:
    """A port on which nothing listens (just now)."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
