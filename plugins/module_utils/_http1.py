# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP/1.1 as bytes: requests, and a reader of answers that takes them in any pieces and never grows without bound.

``http.client`` is no help here: it cannot be fed, it blocks while it reads, and it says nothing about the bytes of
an answer that is not HTTP. Framing follows RFC 9112. Content codings are never decoded: no Accept-Encoding is sent,
and a bomb stays as small as it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Bytes of status line and header of one answer, interim answers (1xx) each on their own.
MAX_HEAD = 64 * 1024
#: Bytes of a status line, of a chunk's size line, of a trailer's line.
MAX_LINE = 8 * 1024
#: Header lines of one answer.
MAX_HEADERS = 200
#: Bytes of a body that are kept; SteVe's sign-in page and the refusals have less than 4 KiB.
MAX_BODY = 64 * 1024
#: Interim answers (1xx) before the final one.
MAX_INTERIM = 8
#: Lines after the last chunk.
MAX_TRAILERS = 50

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"/[!-~]*")
_STATUS_LINE = re.compile(rb"HTTP/(\d)\.(\d) ([1-9]\d\d)(?:[ \t]+(.*))?", re.DOTALL)
_BLANK_LINE = re.compile(rb"\n\r?\n")


@dataclass(frozen=True)
class Answer:
    """An answer as it came.

    Attributes:
        status: status code, 100 to 999.
        reason: the text behind it.
        version: ``1.0`` or ``1.1``.
        headers: names and values in their order; a name may occur more than once.
        body: at most ``MAX_BODY`` bytes, as sent.
        defect: what was wrong with the body's end, None when it is complete.
        reusable: whether the connection may carry another request.
    """

    status: int
    reason: str = ""
    version: str = "1.1"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    defect: str | None = None
    reusable: bool = True

    def header(self, name: str) -> str | None:
        """The value of the first header of that name (in lower case), or None."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are read as Latin-1 so that none is lost."""
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError:
            return self.body.decode("latin-1")


@dataclass(frozen=True)
class Failure:
    """Why there is no answer.

    Attributes:
        kind: ``unresolved`` (the name has no address), ``refused`` (RST to the SYN), ``connect-timeout`` (nothing to
            the SYN), ``unreachable`` (ICMP, or no route), ``no-ipv6`` (the prober has none), ``tls`` (the handshake
            failed), ``tls-plain`` (the other side does not seem to speak TLS), ``tls-alert`` (a TLS record came to a
            plain request), ``closed`` (closed or reset without a byte), ``timeout`` (connected, no answer in time),
            ``not-http`` (an answer that is no HTTP), ``deadline`` (the deadline of the whole call came first).
        sentence: what happened, for a person; remote text in it is cut and inert.
    """

    kind: str
    sentence: str


class NotHttp(Exception):
    """What came is not an HTTP answer.

    Attributes:
        failure: its kind (``not-http``, ``tls-alert`` or ``closed``) and the sentence.
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = Failure(kind, sentence)


def request(target: str, host: str, headers: Iterable[tuple[str, str]] = (), method: str = "GET") -> bytes:
    """A request without body.

    Args:
        target: path and query, percent-encoded.
        host: value of the Host header.
        headers: further headers in their order.
        method: HTTP method.

    Raises:
        ValueError: something would break out of its line.
    """
    if _TOKEN.fullmatch(method) is None or _TARGET.fullmatch(target) is None:
        raise ValueError("not a request line")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    for name, value in headers:
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"not a header name: {inert(name, 40)}")
        lines.append(f"{name}: {value}")
    text = "\r\n".join(lines)
    if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1 or "\0" in text:
        raise ValueError("a header contains a line break")
    return (text + "\r\n\r\n").encode("utf-8")


class AnswerReader:
    """Takes an answer in any pieces.

    ``feed`` says True when the answer is complete (``answer``); bytes behind it are in ``rest``.
    Memory is bounded by ``MAX_HEAD`` plus ``max_body`` plus one piece, whatever is sent.

    Args:
        method: method of the request; the answer to HEAD has no body.
        max_body: bytes of the body to keep; a longer body ends the answer with a defect.
    """

    def __init__(self, method: str = "GET", max_body: int = MAX_BODY) -> None:
        self.answer: Answer | None = None
        self.rest = b""
        self.started = False
        self._method = method
        self._max_body = max_body
        self._buffer = bytearray()
        self._scanned = 0
        self._interim = 0
        self._head: _Head | None = None
        self._body = bytearray()
        self._chunks: _Chunks | None = None
        self._left: int | None = None
        self._keep_alive = False

    def feed(self, data: bytes) -> bool:
        """Take a piece.

        Returns:
            Whether the answer is complete now.

        Raises:
            NotHttp: this is no HTTP answer, or one without measure.
        """
        if self.answer is not None:
            self.rest += data
            return True
        self.started = self.started or bool(data)
        self._buffer += data
        while self._head is None:
            if not self._read_head():
                return False
        return self._read_body()

    def eof(self) -> Answer:
        """The other side closed.

        Returns:
            The answer, with a defect when its body was cut off.

        Raises:
            NotHttp: no answer came, or only a part of its header.
        """
        if self.answer is not None:
            return self.answer
        if self._head is None:
            if not self.started:
                raise NotHttp("closed", "the connection was closed without an answer")
            shown = _shown(self._buffer)
            raise NotHttp("not-http", f"the connection was closed in the middle of the header, after {shown}")
        defect = None
        if self._chunks is not None:
            defect = f"the connection was closed after {len(self._body)} bytes of a body in chunks"
        elif self._left is not None:
            whole = len(self._body) + self._left
            defect = f"the connection was closed after {len(self._body)} of {whole} bytes of the body"
        return self._finish(defect, reusable=False)

    def cut(self, why: str) -> Answer | None:
        """Stop waiting for the rest.

        Returns:
            The answer so far with ``why`` in its defect, or None when not even its header is complete.
        """
        if self.answer is None and self._head is not None:
            return self._finish(f"{why} after {len(self._body)} bytes of the body", reusable=False)
        return self.answer

    def _read_head(self) -> bool:
        """Whether the header of a final answer, or of an interim one, was taken from the buffer."""
        if self._scanned < 5:
            self._check_beginning()
        match = _BLANK_LINE.search(self._buffer, max(self._scanned - 3, 0))
        if match is None:
            self._scanned = len(self._buffer)
            if len(self._buffer) > MAX_LINE and self._buffer.find(b"\n", 0, MAX_LINE) < 0:
                raise NotHttp("not-http", f"the first line of the answer did not end within {MAX_LINE} bytes")
            if len(self._buffer) > MAX_HEAD:
                raise NotHttp("not-http", f"the header of the answer did not end within {MAX_HEAD} bytes")
            return False
        if match.end() > MAX_HEAD:
            raise NotHttp("not-http", f"the header of the answer is longer than {MAX_HEAD} bytes")
        head = _parse_head(bytes(self._buffer[: match.start()]))
        del self._buffer[: match.end()]
        self._scanned = 0
        if 100 <= head.status < 200 and head.status != 101:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise NotHttp("not-http", f"more than {MAX_INTERIM} interim answers came and no final one")
            return True
        self._head = head
        self._set_framing(head)
        return True

    def _check_beginning(self) -> None:
        """Refuse at the first wrong byte: a server that speaks another protocol may send few and then wait."""
        begin = bytes(self._buffer[:5])
        if b"HTTP/".startswith(begin):
            return
        if begin[:1] == b"\x15" and begin[1:2] in (b"", b"\x03") and len(begin) < 5:
            return
        if begin[:2] == b"\x15\x03" and begin[3:5] == b"\x00\x02":
            raise NotHttp("tls-alert", "the answer is a TLS alert: this port wants TLS")
        raise NotHttp("not-http", f"the answer begins with {_shown(self._buffer)} and is not HTTP")

    def _set_framing(self, head: _Head) -> None:
        """Where the body ends (RFC 9112, 6.3): ``_left`` bytes, ``_chunks``, or with the connection."""
        options = head.items("connection")
        self._keep_alive = "close" not in options if head.version == "1.1" else "keep-alive" in options
        codings, lengths = head.items("transfer-encoding"), set(head.items("content-length"))
        if self._method == "HEAD" or head.status in (101, 204, 304):
            self._left = 0
        elif codings:
            if codings[-1] == "chunked":
                self._chunks = _Chunks()
            # A length beside a transfer coding is an attack or a mistake; the connection is not used again.
            self._keep_alive = self._keep_alive and not lengths
        elif lengths:
            length = lengths.pop()
            if lengths or not (length.isascii() and length.isdigit() and len(length) <= 18):
                raise NotHttp("not-http", f"the answer {head.status} has a Content-Length that is no number")
            self._left = int(length)

    def _read_body(self) -> bool:
        """Move what the buffer holds of the body; whether the answer is complete."""
        done = False
        if self._chunks is not None:
            done = self._chunks.take(self._buffer, self._body, self._max_body)
        elif self._left is not None:
            piece = self._buffer[: self._left]
            self._body += piece
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            done = self._left == 0
        else:
            self._body += self._buffer
            self._buffer.clear()
        if len(self._body) > self._max_body:
            self._finish(f"only the first {self._max_body} bytes of the body were read", reusable=False)
            return True
        if done:
            self._finish(None, reusable=self._keep_alive and not self._buffer)
        return done

    def _finish(self, defect: str | None, reusable: bool) -> Answer:
        if self._head is None:
            raise AssertionError
        self.rest = bytes(self._buffer)
        self._buffer.clear()
        self.answer = Answer(
            self._head.status, self._head.reason, self._head.version, self._head.headers,
            bytes(self._body[: self._max_body]), defect, reusable and self._head.status != 101,
        )  # fmt: skip
        return self.answer


@dataclass(frozen=True)
class _Head:
    """Status line and header of an answer."""

    status: int
    reason: str
    version: str
    headers: tuple[tuple[str, str], ...]

    def items(self, name: str) -> list[str]:
        """The comma-separated items of all headers of a name, in lower case."""
        return [
            item.strip().lower()
            for key, value in self.headers
            if key.lower() == name
            for item in value.split(",")
            if item.strip()
        ]


class _Chunks:
    """A body in chunks (RFC 9112, 7.1), taken from a buffer that grows."""

    def __init__(self) -> None:
        self._left = 0
        self._state = "size"
        self._trailers = 0

    def take(self, buffer: bytearray, body: bytearray, enough: int) -> bool:
        """Move what is there from ``buffer`` to ``body``, hardly more than ``enough``.

        Returns:
            Whether the last chunk and its trailers are through.

        Raises:
            NotHttp: a size is no number, or a line does not end.
        """
        while len(body) <= enough:
            if self._state == "data":
                piece = buffer[: self._left]
                body += piece
                del buffer[: len(piece)]
                self._left -= len(piece)
                if self._left:
                    return False
                self._state = "end"
                continue
            line = self._line(buffer)
            if line is None:
                return False
            if self._state == "end":
                if line:
                    raise NotHttp("not-http", "a chunk of the body is longer than its size says")
                self._state = "size"
            elif self._state == "size":
                self._left = _chunk_size(line)
                self._state = "data" if self._left else "trailer"
            elif not line:
                return True
            else:
                self._trailers += 1
                if self._trailers > MAX_TRAILERS:
                    raise NotHttp("not-http", f"more than {MAX_TRAILERS} lines came after the last chunk")
        return False

    @staticmethod
    def _line(buffer: bytearray) -> bytes | None:
        end = buffer.find(b"\n", 0, MAX_LINE)
        if end < 0:
            if len(buffer) >= MAX_LINE:
                raise NotHttp("not-http", f"a line between the chunks did not end within {MAX_LINE} bytes")
            return None
        line = bytes(buffer[:end]).rstrip(b"\r")
        del buffer[: end + 1]
        return line


def _chunk_size(line: bytes) -> int:
    """The size of a chunk, extensions left aside."""
    digits = line.split(b";", 1)[0].strip()
    if re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits) is None:
        raise NotHttp("not-http", f"the size of a chunk is {_shown(line)}")
    return int(digits, 16)


def _parse_head(head: bytes) -> _Head:
    """A header without its blank line."""
    lines = head.split(b"\n")
    match = _STATUS_LINE.fullmatch(lines[0].rstrip(b"\r"))
    if match is None:
        raise NotHttp("not-http", f"the first line of the answer is {_shown(lines[0])} and no HTTP status line")
    if len(lines) - 1 > MAX_HEADERS:
        raise NotHttp("not-http", f"the answer has more than {MAX_HEADERS} headers")
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        text = line.rstrip(b"\r").decode("latin-1")
        if text[:1] in (" ", "\t") and headers:
            # Folded header (RFC 9112, 5.2): old devices still send them.
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {text.strip()}")
            continue
        name, colon, value = text.partition(":")
        if not colon:
            raise NotHttp("not-http", f"a header line has no colon: {_shown(line)}")
        headers.append((name.strip(), value.strip()))
    version = "1.0" if (match.group(1), match.group(2)) == (b"1", b"0") else "1.1"
    reason = (match.group(4) or b"").decode("latin-1").strip()
    return _Head(int(match.group(3)), reason, version, tuple(headers))


def _shown(data: bytes | bytearray) -> str:
    """The beginning of bytes, inert, in quotation marks."""
    return "\u201c" + inert(bytes(data[:60]).decode("latin-1"), 60) + "\u201d"
