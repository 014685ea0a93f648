# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wire: many requests over few connections, with rate and deadlines. Edge: sockets.

One thread and a selector serve all connections. A thread pool on ``http.client`` reaches two thirds of the rate,
cannot be stopped at a deadline, and lets a server that drips bytes hold a thread for ever.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import Callable, Iterator

from ansible_collections.chargeops.steve.plugins.module_utils._dial import (
    Address,
    Clock,
    begin_connect,
    connect_failure,
    no_connection,
    tls_failure,
)
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer, AnswerReader, Failure, NotHttp

#: Bytes taken from a socket at once: a TLS record; a larger buffer would have to be made anew for every answer.
_PIECE = 16 * 1024
#: Failures in a row, without an answer between them, after which nothing more is asked.
_MAX_FAILURES = 20
#: Answers that are remembered by their bytes, and bytes of the longest of them: refusals are alike but for the time.
_REMEMBERED = 64
_REMEMBERED_BYTES = 4096
#: Seconds of lost time that pacing catches up with; more would be a burst.
_CATCH_UP = 0.1


@dataclass(frozen=True)
class Job:
    """A request to send.

    Attributes:
        key: the caller's name for it.
        data: the bytes.
    """

    key: str
    data: bytes


@dataclass(frozen=True)
class Reply:
    """What came of a request: an answer or a failure.

    Attributes:
        answer: the answer, or None.
        failure: why there is none, or None.
        elapsed_s: seconds from sending, or from dialling for it, to the end.
        stream: the connection, when the answer is 101; the receiver closes it.
        tls: protocol version of an established TLS connection, None without.
    """

    answer: Answer | None = None
    failure: Failure | None = None
    elapsed_s: float = 0.0
    stream: Stream | None = None
    tls: str | None = None


class Stream:
    """A connection that speaks WebSocket now; blocking, with deadlines.

    Args:
        sock: connected socket.
        rest: bytes that came behind the header.
        clock: where the time comes from.
    """

    def __init__(self, sock: socket.socket, rest: bytes, clock: Clock) -> None:
        self._sock = sock
        self._rest = rest
        self._clock = clock

    def send(self, data: bytes, until: float) -> bool:
        """Send everything before ``until`` (monotonic seconds); False when that is not possible."""
        try:
            self._sock.settimeout(max(until - self._clock.monotonic(), 0.001))
            self._sock.sendall(data)
        except OSError:
            return False
        return True

    def receive(self, until: float) -> bytes | None:
        """The next bytes; empty when the other side closed, None when ``until`` came first."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        left = until - self._clock.monotonic()
        if left <= 0:
            return None
        try:
            self._sock.settimeout(left)
            return self._sock.recv(_PIECE)
        except socket.timeout:  # an alias of TimeoutError only since Python 3.10
            return None
        except OSError:
            return b""

    def close(self) -> None:
        """Let the connection go."""
        self._sock.close()


@dataclass(eq=False)
class _Connection:
    """A connection and the request that it carries, if any."""

    sock: socket.socket
    state: str = "connecting"
    job: Job | None = None
    reader: AnswerReader = field(default_factory=AnswerReader)
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    started: float = 0.0
    expires: float = 0.0
    served: int = 0
    events: int = 0


class Wire:
    """Requests to one address.

    Args:
        address: where to dial.
        context: TLS settings, None for plain text.
        server_name: name for SNI and for the certificate.
        timeout: seconds that one request may take.
        ends_at: monotonic second at which everything ends.
        rate: requests per second, 0 for no limit.
        clock: where the time comes from.
    """

    def __init__(
        self,
        address: Address,
        context: ssl.SSLContext | None,
        server_name: str,
        timeout: float,
        ends_at: float,
        rate: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        #: Requests sent.
        self.requests = 0
        self._address = address
        self._context = context
        self._server_name = server_name
        self._timeout = timeout
        self._ends_at = ends_at
        self._gap = 1.0 / rate if rate > 0 else 0.0
        self._clock = clock or Clock()
        self._next_at = self._clock.monotonic()
        self._last_answer = self._next_at
        self._failures = 0
        self._stopped: str | None = None
        self._selector = selectors.DefaultSelector()
        self._idle: list[_Connection] = []
        self._busy: dict[int, _Connection] = {}
        self._again: deque[Job] = deque()
        self._done: Callable[[Job, Reply], None] = lambda _job, _reply: None
        self._remembered: dict[bytes, Answer] = {}

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_args: object) -> None:
        self.close()

    def close(self) -> None:
        """Let all connections go."""
        for connection in [*self._idle, *self._busy.values()]:
            self._drop(connection)
        self._selector.close()

    def ask(self, data: bytes) -> Reply:
        """One request."""
        box: list[Reply] = []
        self._stopped = None
        self.ask_many(iter((Job("", data),)), 1, lambda _job, reply: box.append(reply))
        return box[0] if box else Reply(failure=self._out_of_time())

    def ask_many(self, jobs: Iterator[Job], concurrency: int, done: Callable[[Job, Reply], None]) -> str | None:
        """Send requests over at most ``concurrency`` connections.

        A server that stopped answering costs one timeout, not one per request: what is under way runs out, nothing
        more is begun. ``done`` is called once for every request that was begun.

        Returns:
            None when every job was asked, otherwise why the rest was not.
        """
        self._done = done
        self._stopped = None
        self._failures = 0
        upcoming: Job | None = next(jobs, None)
        while True:
            now = self._clock.monotonic()
            if now >= self._ends_at and self._stopped is None:
                self._stopped = "the deadline of the whole call came"
            while self._stopped is None and len(self._busy) < concurrency and now >= self._next_at:
                if self._again:
                    self._begin(self._again.popleft(), now)
                elif upcoming is not None:
                    job, upcoming = upcoming, next(jobs, None)
                    self._begin(job, now)
                else:
                    break
            wanting = self._stopped is None and (upcoming is not None or bool(self._again))
            if not self._busy and not wanting:
                break
            wait = self._next_expiry(now) - now
            if wanting and len(self._busy) < concurrency:
                wait = min(wait, self._next_at - now, self._ends_at - now)
            for key, _mask in self._selector.select(max(wait, 0)):
                self._guarded(key.data, self._step)
            self._expire(self._clock.monotonic())
        while self._again:
            failure = Failure("closed", "the connection was closed, and there was no time to ask again")
            self._done(self._again.popleft(), Reply(failure=failure))
        return self._stopped if upcoming is not None else None

    def adopt(self, sock: socket.socket) -> None:
        """Take over a connection that was dialled already."""
        sock.setblocking(False)
        # TLS begins with the first request, as with a connection that has yet to be dialled.
        self._idle.append(_Connection(sock, state="ready" if self._context is None else "connecting"))

    # -- beginning ---------------------------------------------------------------------------------------------

    def _begin(self, job: Job, now: float) -> None:
        if self._gap:
            self._next_at = max(self._next_at, now - _CATCH_UP) + self._gap
        self.requests += 1
        connection = self._quiet()
        if connection is None:
            sock, failure = begin_connect(self._address)
            if sock is None:
                self._report(job, Reply(failure=failure), now)
                return
            connection = _Connection(sock)
        connection.job, connection.unsent = job, memoryview(job.data)
        if connection.reader.started:
            connection.reader = AnswerReader()
        connection.started, connection.expires = now, min(now + self._timeout, self._ends_at)
        self._busy[id(connection)] = connection
        if connection.state == "ready":
            self._guarded(connection, self._write)
        else:
            self._watch(connection, selectors.EVENT_WRITE)

    def _quiet(self) -> _Connection | None:
        """An idle connection on which nothing came unasked: that would be taken for the answer to the next request."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.served:
                # Nobody asked anything here yet: a greeting is an answer of its own kind, and is read as such.
                return connection
            try:
                connection.sock.recv(1)
            except (BlockingIOError, ssl.SSLWantReadError):
                return connection
            except OSError:
                pass
            # Closed meanwhile, or the other side speaks unasked.
            self._drop(connection)
        return None

    # -- moving on ---------------------------------------------------------------------------------------------

    def _guarded(self, connection: _Connection, step: Callable[[_Connection], None]) -> None:
        """Take a step; whatever goes wrong on this connection ends its request only."""
        try:
            step(connection)
        except NotHttp as error:
            self._fail(connection, error.failure)
        except OSError as error:
            self._broken(connection, error)

    def _step(self, connection: _Connection) -> None:
        if connection.state == "connecting":
            code = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            failure = connect_failure(self._address, code)
            if failure is not None:
                self._fail(connection, failure)
                return
            self._connected(connection)
        if connection.state == "tls":
            self._shake_hands(connection)
        if connection.state == "ready":
            if connection.unsent:
                self._write(connection)
            self._read(connection)

    def _connected(self, connection: _Connection) -> None:
        if self._context is None:
            connection.state = "ready"
            return
        self._selector.unregister(connection.sock)
        connection.events = 0
        connection.sock = self._context.wrap_socket(
            connection.sock, server_hostname=self._server_name, do_handshake_on_connect=False
        )
        connection.state = "tls"

    def _shake_hands(self, connection: _Connection) -> None:
        if not isinstance(connection.sock, ssl.SSLSocket):
            raise AssertionError
        try:
            connection.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(connection, selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            self._watch(connection, selectors.EVENT_WRITE)
        else:
            connection.state = "ready"

    def _write(self, connection: _Connection) -> None:
        try:
            sent = connection.sock.send(connection.unsent)
            connection.unsent = connection.unsent[sent:]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        self._watch(connection, events)

    def _read(self, connection: _Connection) -> None:
        while True:
            try:
                data = connection.sock.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if connection.job is None:
                # An idle connection: the other side closed it, or speaks unasked.
                self._drop(connection)
                return
            if not data:
                self._ended(connection)
                return
            known = None if connection.reader.started else self._remembered.get(data)
            if known is not None:
                # The same bytes from the beginning of an answer are the same answer: nothing is read twice.
                self._complete(connection, known)
                return
            whole = not connection.reader.started
            if connection.reader.feed(data):
                if whole:
                    self._remember(data, connection.reader)
                self._complete(connection)
                return
            if self._clock.monotonic() >= connection.expires or not self._pending(connection):
                return

    def _remember(self, data: bytes, reader: AnswerReader) -> None:
        """Keep an answer that came in one piece and ended with it, so that the next one like it need not be read."""
        answer = reader.answer
        if answer is None or not answer.reusable or answer.defect or reader.rest or len(data) > _REMEMBERED_BYTES:
            return
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[data] = answer

    @staticmethod
    def _pending(connection: _Connection) -> bool:
        """Whether TLS has decrypted bytes that no selector would announce."""
        return isinstance(connection.sock, ssl.SSLSocket) and connection.sock.pending() > 0

    # -- ending ------------------------------------------------------------------------------------------------

    def _broken(self, connection: _Connection, error: OSError) -> None:
        if connection.state == "tls":
            self._fail(connection, tls_failure(error))
        elif connection.state == "connecting":
            self._fail(connection, connect_failure(self._address, error.errno or errno.EADDRNOTAVAIL))
        elif connection.job is None:
            self._drop(connection)
        elif connection.reader.started or isinstance(error, ssl.SSLEOFError) or not isinstance(error, ssl.SSLError):
            self._ended(connection)
        else:
            # TLS 1.3: a missing client certificate is only refused after the handshake.
            self._fail(connection, tls_failure(error))

    def _ended(self, connection: _Connection) -> None:
        """The other side closed or reset the connection while an answer was expected."""
        job = connection.job
        if job is not None and connection.served and not connection.reader.started:
            # It closed an idle connection while the request was on its way (RFC 9112, 9.3.1): asked once more.
            self._drop(connection)
            self._again.append(job)
            return
        try:
            connection.reader.eof()
        except NotHttp as error:
            self._fail(connection, error.failure)
        else:
            self._complete(connection)

    def _complete(self, connection: _Connection, known: Answer | None = None) -> None:
        now = self._clock.monotonic()
        job, reader, answer = connection.job, connection.reader, known or connection.reader.answer
        if job is None or answer is None:
            raise AssertionError
        stream = None
        tls = connection.sock.version() if isinstance(connection.sock, ssl.SSLSocket) else None
        if answer.status == 101:
            self._forget(connection)
            stream = Stream(connection.sock, reader.rest, self._clock)
        elif answer.reusable and not reader.rest and not connection.unsent:
            del self._busy[id(connection)]
            connection.job, connection.served = None, connection.served + 1
            self._idle.append(connection)
        else:
            self._drop(connection)
        self._report(job, Reply(answer, None, now - connection.started, stream, tls), now)

    def _fail(self, connection: _Connection, failure: Failure | None) -> None:
        job, now = connection.job, self._clock.monotonic()
        tls = None
        if isinstance(connection.sock, ssl.SSLSocket) and connection.state == "ready":
            tls = connection.sock.version() or "TLS"
        self._drop(connection)
        if job is not None:
            failure = failure or Failure("closed", "the connection was closed")
            self._report(job, Reply(None, failure, now - connection.started, None, tls), now)

    def _report(self, job: Job, reply: Reply, now: float) -> None:
        """Hand a reply over, and see whether the server is still there."""
        if reply.failure is None:
            self._last_answer, self._failures = now, 0
        else:
            self._failures += 1
            # One id may hang while others are answered; nobody answering for half that time is another matter.
            share = {"timeout": 0.5, "connect-timeout": 0.5, "refused": 1.0, "unreachable": 1.0}
            gone = self._last_answer <= now - reply.elapsed_s * share.get(reply.failure.kind, float("inf"))
            if (gone or self._failures >= _MAX_FAILURES) and self._stopped is None:
                self._stopped = f"the server stopped answering ({reply.failure.sentence})"
        self._done(job, reply)

    def _next_expiry(self, now: float) -> float:
        return min((connection.expires for connection in self._busy.values()), default=now + self._timeout)

    def _expire(self, now: float) -> None:
        for connection in [item for item in self._busy.values() if now >= item.expires]:
            waited = f"{self._timeout:g} s" if now < self._ends_at else "the deadline"
            if connection.reader.cut(f"the body did not end within {waited}; it was left") is not None:
                self._complete(connection)
            elif now >= self._ends_at:
                self._fail(connection, self._out_of_time())
            elif connection.state == "connecting":
                self._fail(connection, no_connection(self._address, self._timeout))
            elif connection.state == "tls":
                self._fail(connection, Failure("timeout", f"the TLS handshake did not end within {waited}"))
            elif connection.reader.started:
                self._fail(connection, Failure("timeout", f"the header of the answer did not end within {waited}"))
            else:
                self._fail(connection, Failure("timeout", f"connected, and no answer within {waited}"))

    @staticmethod
    def _out_of_time() -> Failure:
        return Failure("deadline", "the deadline of the whole call came before an answer")

    # -- the selector ------------------------------------------------------------------------------------------

    def _watch(self, connection: _Connection, events: int) -> None:
        if events == connection.events:
            return
        if not connection.events:
            self._selector.register(connection.sock, events, connection)
        elif not events:
            self._selector.unregister(connection.sock)
        else:
            self._selector.modify(connection.sock, events, connection)
        connection.events = events

    def _forget(self, connection: _Connection) -> None:
        self._watch(connection, 0)
        self._busy.pop(id(connection), None)
        if connection in self._idle:
            self._idle.remove(connection)

    def _drop(self, connection: _Connection) -> None:
        self._forget(connection)
        connection.sock.close()
