# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wire: many requests over few connections, with rate and deadlines. Edge: sockets.

One thread and a selector serve all connections. A thread pool on ``http.client`` reaches a fraction of the rate,
cannot be stopped at a deadline, and lets a server that drips bytes hold a thread for ever.

Answers carry no id: which request one belongs to is known from its place on the connection only. So a connection is
looked at before it is used again, and one on which something came unasked loses its word: its answers are asked for
again, each over a connection of its own.
"""

from __future__ import annotations

import errno
import math
import selectors
import socket
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import Callable, Iterator, NamedTuple

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
#: Seconds of lost time that pacing catches up with; more would be a burst.
_CATCH_UP = 0.1
#: Seconds, at least and at most, for which idle connections are watched after many requests for what comes unasked.
_AFTERMATH = (0.01, 0.25)
#: A server may tell an idle connection that it waited long enough, and close it (RFC 9110, 15.5.9).
_IDLE_TIMEOUT = (b"HTTP/1.1 408", b"HTTP/1.0 408")


class Job(NamedTuple):
    """A request to send.

    Attributes:
        key: the caller's name for it.
        data: the bytes.
    """

    key: str
    data: bytes


class Reply(NamedTuple):
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
        ends_at: monotonic second after which nothing is waited for, whatever the caller says.
    """

    def __init__(self, sock: socket.socket, rest: bytes, clock: Clock, ends_at: float = math.inf) -> None:
        self._sock = sock
        self._rest = rest
        self._clock = clock
        self._ends_at = ends_at

    def send(self, data: bytes, until: float) -> bool:
        """Send everything before ``until`` (monotonic seconds); False when that is not possible."""
        try:
            self._sock.settimeout(max(min(until, self._ends_at) - self._clock.monotonic(), 0.001))
            self._sock.sendall(data)
        except OSError:
            return False
        return True

    def receive(self, until: float) -> bytes | None:
        """The next bytes; empty when the other side closed, None when ``until`` came first."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        left = min(until, self._ends_at) - self._clock.monotonic()
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
    """A connection and the request that it carries, if any.

    Attributes:
        sock: the socket; it becomes a TLS socket when it is connected.
        state: ``connecting`` | ``tls`` (shaking hands) | ``ready``.
        job: the request under way, None when it is idle.
        reader: takes the answer.
        unsent: what is still to be sent of the request.
        started: monotonic second at which the request began.
        expires: monotonic second at which waiting ends.
        used: whether it has carried an answer.
        doubtful: requests of this round that were answered after another one, and so might have got its answer.
        events: what the selector watches.
        tls: protocol version of an established TLS connection, None without.
    """

    sock: socket.socket
    state: str = "connecting"
    job: Job | None = None
    reader: AnswerReader = field(default_factory=AnswerReader)
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    started: float = 0.0
    expires: float = 0.0
    used: bool = False
    doubtful: list[Job] = field(default_factory=list)
    events: int = 0
    tls: str | None = None


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
        #: The failure after which the last round was given up, None when it was not.
        self.gave_up: Failure | None = None
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
        self._alone = False
        self._usual_s = 0.0
        self._tls_session: ssl.SSLSession | None = None
        self._selector = selectors.DefaultSelector()
        self._idle: list[_Connection] = []
        self._busy: dict[int, _Connection] = {}
        self._again: deque[Job] = deque()
        self._done: Callable[[Job, Reply], None] = lambda _job, _reply: None

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_args: object) -> None:
        self.close()

    def close(self) -> None:
        """Let all connections go."""
        for connection in [*self._idle, *self._busy.values()]:
            self._drop(connection)
        self._selector.close()

    def stop(self, reason: str) -> None:
        """Begin nothing more in this round."""
        self._stopped = self._stopped or reason

    def ask(self, data: bytes) -> Reply:
        """One request."""
        box: list[Reply] = []
        self.gave_up = None
        self._round(iter((Job("", data),)), 1, lambda _job, reply: box.append(reply))
        return box[-1] if box else Reply(failure=self._out_of_time())

    def ask_many(self, jobs: Iterator[Job], concurrency: int, done: Callable[[Job, Reply], None]) -> str | None:
        """Send requests over at most ``concurrency`` connections.

        A server that stopped answering costs one timeout, not one per request: what is under way runs out, nothing
        more is begun. ``done`` is called for every request that was begun; once more when its answer turned out to
        be doubtful: then the later reply counts, be it a failure.

        Returns:
            None when every job was asked, otherwise why the rest was not.
        """
        self.gave_up = None
        reason = self._round(jobs, concurrency, done)
        while self._aftermath():
            self._round(iter(()), concurrency, done)
        return reason

    def _round(self, jobs: Iterator[Job], concurrency: int, done: Callable[[Job, Reply], None]) -> str | None:
        """Ask until there is nothing more to ask, or a reason not to."""
        self._done = done
        self._stopped = None
        self._failures = 0
        for connection in self._idle:
            connection.doubtful.clear()
        # Time that went by between two rounds is nothing to catch up with.
        self._next_at = max(self._next_at, self._clock.monotonic())
        upcoming: Job | None = next(jobs, None)
        while True:
            now = self._clock.monotonic()
            if now >= self._ends_at:
                self.stop("the deadline of the whole call came")
            while self._stopped is None and len(self._busy) < concurrency and now >= self._next_at:
                if self._again:
                    self._begin(self._again.popleft(), now, self._fresh(concurrency))
                elif upcoming is not None:
                    job, upcoming = upcoming, next(jobs, None)
                    self._begin(job, now, self._idle_connection() or self._fresh(concurrency))
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
            failure = Failure("closed", "the connection could not be relied on, and there was no time to ask again")
            self._done(self._again.popleft(), Reply(failure=failure))
        return self._stopped if upcoming is not None else None

    def _aftermath(self) -> bool:
        """Watch idle connections for what comes unasked; whether something has to be asked again.

        An answer too many is noticed at the next request. Behind the last one nobody would notice.
        """
        if not any(connection.doubtful for connection in self._idle):
            return False
        least, most = _AFTERMATH
        until = min(self._clock.monotonic() + max(least, min(10 * self._usual_s, most)), self._ends_at)
        while self._idle and not self._again:
            left = until - self._clock.monotonic()
            if left <= 0:
                break
            for key, _mask in self._selector.select(left):
                self._guarded(key.data, self._step)
        return bool(self._again)

    def adopt(self, sock: socket.socket) -> None:
        """Take over a connection that was dialled already."""
        sock.setblocking(False)
        # TLS begins with the first request, as with a connection that has yet to be dialled.
        self._idle.append(_Connection(sock, state="ready" if self._context is None else "connecting"))

    # -- beginning ---------------------------------------------------------------------------------------------

    def _idle_connection(self) -> _Connection | None:
        """An open connection on which all is quiet, None when there is none."""
        while self._idle:
            connection = self._idle[-1]
            if connection.used:
                self._guarded(connection, self._look_at_idle)
            if self._idle and self._idle[-1] is connection:
                return self._idle.pop()
        return None

    def _fresh(self, concurrency: int) -> _Connection | Failure:
        """A new connection, in the place of an idle one when there are enough."""
        if self._idle and len(self._busy) + len(self._idle) >= concurrency:
            self._drop(self._idle[0])
        sock, failure = begin_connect(self._address)
        return _Connection(sock) if sock is not None else failure or self._out_of_time()

    def _begin(self, job: Job, now: float, connection: _Connection | Failure) -> None:
        if self._gap:
            self._next_at = max(self._next_at, now - _CATCH_UP) + self._gap
        self.requests += 1
        if isinstance(connection, Failure):
            self._report(job, Reply(failure=connection), now)
            return
        connection.job, connection.reader, connection.unsent = job, AnswerReader(), memoryview(job.data)
        connection.started, connection.expires = now, min(now + self._timeout, self._ends_at)
        self._busy[id(connection)] = connection
        if connection.state == "ready":
            self._guarded(connection, self._write)
        else:
            self._watch(connection, selectors.EVENT_WRITE)

    # -- moving on ---------------------------------------------------------------------------------------------

    def _guarded(self, connection: _Connection, step: Callable[[_Connection], None]) -> None:
        """Take a step; whatever goes wrong on this connection ends its request only."""
        try:
            step(connection)
        except NotHttp as error:
            self._not_http(connection, error.failure)
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
            if connection.job is None:
                self._look_at_idle(connection)
                return
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
            connection.sock, server_hostname=self._server_name, do_handshake_on_connect=False,
            session=self._tls_session,
        )  # fmt: skip
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
            connection.state, connection.tls = "ready", connection.sock.version() or "TLS"

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
            if not data:
                self._ended(connection)
                return
            if connection.reader.feed(data):
                self._complete(connection)
                return
            if self._clock.monotonic() >= connection.expires or not self._pending(connection):
                return

    def _look_at_idle(self, connection: _Connection) -> None:
        """See whether the other side closed an idle connection, or spoke unasked."""
        try:
            # Asked below TLS, where "nothing there" costs a third. Above waits nothing: a record fits into a piece.
            socket.socket.recv(connection.sock, 1, socket.MSG_PEEK)
            data = connection.sock.recv(_PIECE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        if data and not data.startswith(_IDLE_TIMEOUT):
            self._distrust(connection)
        else:
            self._drop(connection)

    def _distrust(self, connection: _Connection) -> None:
        """More came than was asked for, so answers may have been taken for those to other requests.

        What came over a used connection is asked for again, here and on the others; what is under way there follows.
        """
        self._alone = True
        for other in [*self._idle, *self._busy.values()]:
            self._again.extend(other.doubtful)
            other.doubtful.clear()
        self._drop(connection)
        while self._idle:
            self._drop(self._idle[0])

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
        if job is not None and connection.used and not connection.reader.started:
            # It closed an idle connection while the request was on its way (RFC 9112, 9.3.1): asked once more, over
            # a new one.
            self._drop(connection)
            self._again.append(job)
            return
        try:
            connection.reader.eof()
        except NotHttp as error:
            self._not_http(connection, error.failure)
        else:
            self._complete(connection)

    def _not_http(self, connection: _Connection, failure: Failure) -> None:
        """An answer that is none; behind a good one it may be what was left of that."""
        if connection.used and connection.job is not None:
            connection.doubtful.append(connection.job)
            self._distrust(connection)
        else:
            self._fail(connection, failure)

    def _complete(self, connection: _Connection, late: Failure | None = None) -> None:
        now = self._clock.monotonic()
        job, reader, answer = connection.job, connection.reader, connection.reader.answer
        if job is None or answer is None:
            raise AssertionError
        if connection.used and answer.status != 101:
            if answer.status == 408:
                # Meant for the idle connection that it was a moment ago.
                self._drop(connection)
                self._again.append(job)
                return
            connection.doubtful.append(job)
            if self._alone or reader.rest:
                self._distrust(connection)
                return
        if self._tls_session is None and isinstance(connection.sock, ssl.SSLSocket):
            # From TLS 1.3 on it only comes with or after the first answer; the next handshake is shorter with it.
            self._tls_session = connection.sock.session
        stream = None
        if answer.status == 101:
            self._forget(connection)
            stream = Stream(connection.sock, reader.rest, self._clock, self._ends_at)
        elif answer.reusable and not (self._alone or reader.rest or connection.unsent):
            del self._busy[id(connection)]
            connection.job, connection.used = None, True
            self._idle.append(connection)
        else:
            self._alone = self._alone or bool(reader.rest)
            self._drop(connection)
        elapsed = now - connection.started
        self._usual_s += (elapsed - self._usual_s) / 8
        self._report(job, Reply(answer, None, elapsed, stream, connection.tls), now, late)

    def _fail(self, connection: _Connection, failure: Failure | None) -> None:
        job, now = connection.job, self._clock.monotonic()
        self._drop(connection)
        if job is not None:
            failure = failure or Failure("closed", "the connection was closed")
            self._report(job, Reply(None, failure, now - connection.started, None, connection.tls), now)

    def _report(self, job: Job, reply: Reply, now: float, failure: Failure | None = None) -> None:
        """Hand a reply over, and see whether the server is still there.

        ``failure`` is what an answer counts as that was cut short because its end did not come in time.
        """
        failure = failure or reply.failure
        if failure is None:
            self._last_answer, self._failures = now, 0
        else:
            self._failures += 1
            # One id may hang while others are answered; nobody answering for half that time is another matter.
            share = {"timeout": 0.5, "connect-timeout": 0.5, "refused": 1.0, "unreachable": 1.0}
            gone = self._last_answer <= now - reply.elapsed_s * share.get(failure.kind, math.inf)
            if (gone or self._failures >= _MAX_FAILURES) and self._stopped is None:
                self._stopped = f"the server stopped answering ({failure.sentence})"
                self.gave_up = failure
        self._done(job, reply)

    def _next_expiry(self, now: float) -> float:
        return min((connection.expires for connection in self._busy.values()), default=now + self._timeout)

    def _expire(self, now: float) -> None:
        for connection in [item for item in self._busy.values() if now >= item.expires]:
            waited = f"{self._timeout:g} s" if now < self._ends_at else "the deadline"
            if connection.reader.cut(f"the body did not end within {waited}; it was left") is not None:
                late = Failure("timeout", f"the body of an answer did not end within {waited}")
                self._complete(connection, late if now < self._ends_at else None)
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
