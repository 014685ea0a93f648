# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client that sends exactly the bytes it is told to, and reads what comes back."""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass

LIMIT = 1 << 20


@dataclass(frozen=True)
class Answer:
    """A parsed answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    frames: bytes = b""
    """First bytes after a 101, if any came."""

    def header(self, name: str) -> str | None:
        """The first header of that name, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class _Reader:
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self.data = b""

    def more(self, deadline: float | None = None) -> bool:
        """Read once; False at the end of the stream. Raises TimeoutError."""
        left = (deadline or self._deadline) - time.monotonic()
        if left <= 0:
            raise TimeoutError("no (complete) answer in time")
        self._sock.settimeout(left)
        chunk = self._sock.recv(65_536)
        self.data += chunk
        if len(self.data) > LIMIT:
            raise ValueError("answer too long")
        return bool(chunk)

    def until(self, mark: bytes) -> bytes:
        while mark not in self.data:
            if not self.more():
                raise ConnectionError(f"connection closed after {self.data[:200]!r}")
        found, self.data = self.data.split(mark, 1)
        return found

    def exactly(self, count: int) -> bytes:
        while len(self.data) < count:
            if not self.more():
                raise ConnectionError("connection closed inside the body")
        found, self.data = self.data[:count], self.data[count:]
        return found


def request_bytes(
    method: str, path: str, headers: list[tuple[str, str]], *, http: str = "HTTP/1.1", body: bytes = b""
) -> bytes:
    """A request, undecoded and unchecked."""
    lines = [f"{method} {path} {http}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def exchange(host: str, port: int, request: bytes, *, frames_wait_s: float = 0.0, timeout_s: float = 10.0) -> Answer:
    """Send a request on a new connection and read the answer.

    After a 101 the first bytes of frames are awaited for ``frames_wait_s``; then the session is closed properly, so
    that the server has forgotten it before this returns.
    """
    with socket.create_connection((host, port), timeout=timeout_s) as sock:
        sock.sendall(request)
        reader = _Reader(sock, time.monotonic() + timeout_s)
        status_line, *lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(status_line.split(" ", 2)[1])
        headers = []
        for line in lines:
            name, _colon, value = line.partition(":")
            headers.append((name, value.strip()))
        head = Answer(status, tuple(headers), b"")
        if status == 101:
            frames = _frames(reader, frames_wait_s)
            _close_session(sock, reader)
            return Answer(status, head.headers, b"", frames)
        return Answer(status, head.headers, _body(reader, head, request))


def _body(reader: _Reader, head: Answer, request: bytes) -> bytes:
    if request.startswith(b"HEAD ") or head.status in (204, 304):
        return b""
    length = head.header("Content-Length")
    if length is not None:
        return reader.exactly(int(length))
    if (head.header("Transfer-Encoding") or "").lower() == "chunked":
        body = b""
        while size := int(reader.until(b"\r\n").partition(b";")[0], 16):
            body += reader.exactly(size)
            reader.until(b"\r\n")
        return body
    while reader.more():
        pass
    return reader.data


def _frames(reader: _Reader, wait_s: float) -> bytes:
    deadline = time.monotonic() + wait_s
    while not reader.data:
        try:
            if not reader.more(deadline):
                break
        except TimeoutError:
            break
    return reader.data


def _close_session(sock: socket.socket, reader: _Reader) -> None:
    """Send a masked close frame (1000) and read until the server closes."""
    mask = os.urandom(4)
    payload = bytes(a ^ b for a, b in zip(struct.pack("!H", 1000), mask, strict=False))
    sock.sendall(b"\x88\x82" + mask + payload)
    deadline = time.monotonic() + 3.0
    try:
        while reader.more(deadline):
            pass
    except (TimeoutError, ConnectionError):
        return
