# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's log read as events: starts, refused knocks, sessions, boots. Pure: bytes in, plain dictionaries out.

No payload is kept: of a message only that it was there and when, and of the answer to a BootNotification the time that
it tells the charge box. Lines are SteVe's from 3.4 on, as its tagged sources write them, in two layouts (with and
without the thread's name), with docker's timestamp in front or without. Everything else in the log is only counted.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable, Iterable

from ansible_collections.chargeops.steve.plugins.module_utils._log_boxes import Boxes, Session, Tally, iso, seconds
from ansible_collections.chargeops.steve.plugins.module_utils._log_start import Start
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Bytes of a line that are read; SteVe itself takes messages of 8 MiB, and logs them.
MAX_LINE = 16 * 1024
_LINE = re.compile(
    rb"\[(TRACE|DEBUG|INFO|WARN|ERROR) *\] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (\S+)(?: \(([^)]*)\))? - (.*)",
    re.DOTALL,
)
_ENGINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ")
# The first that fits is SteVe's own: a payload may hold the same words.
_SESSION = re.compile(
    rb"\[chargeBoxId=(.*?), sessionId=([^\],\s]{1,80})\] "
    rb"(Received: |Sending: |Connection is established$|Connection is closed, status: |Transport error|"
    rb"Connection ended unexpectedly|Ping error|Closing a dangling WebSocketSession)",
    re.DOTALL,
)
#: A line about a message, which nearly all lines are, in one go: engine's stamp, SteVe's, id, session, direction.
_MESSAGE = re.compile(
    rb"(?:(\d{4}-\d\d-\d\dT[\d:.]{8,18}Z) )?\[INFO \] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) [a-z.]+WebSocketLogger "
    rb"(?:\([^)]*\) )?- \[chargeBoxId=([^,\]]{1,100}), sessionId=([^\],\s]{1,80})\] "
    rb"(?:(R)eceived: (?:\[\s*2\s*,\s*\"[^\"]{0,100}\"\s*,\s*(\"BootNotification\"))?|Sending: )"
)
_TRAFFIC = {b"Received: ": b"R", b"Sending: ": b"S"}
_CODE = re.compile(rb"CloseStatus\[code=(\d{1,5})")
_BOOTED = re.compile(rb"^The boot of the chargebox '(.*)' with registration status '(?:Optional\[)?(\w+)\]?' is acknow")
_NO_ROW = re.compile(rb"^The chargebox '(.*)' is NOT in database\.$")
_AUTO = re.compile(rb"^Auto-registered unknown chargebox '(.*)'$")
_CALL = re.compile(rb'\[\s*2\s*,\s*"((?:[^"\\]|\\.){0,100})"\s*,\s*"BootNotification"')
_ANSWER = re.compile(rb'\[\s*3\s*,\s*"((?:[^"\\]|\\.){0,100})"\s*,')

#: Refusals: reason, and what the message says. Group 1 is the charge box id where the release writes one.
_KNOCKS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("unknown-id", re.compile(rb"^ChargeBoxId '(.*)' is not recognized\.$")),
    ("pattern", re.compile(rb"^ChargeBoxId '(.*)' violates the configured pattern\.$")),
    ("no-subprotocol", re.compile(rb"^(?:ChargeBoxId '(.*)': )?No protocol \(OCPP version\) is specified\.$")),
    ("unsupported", re.compile(rb"^(?:ChargeBoxId '(.*?)': )?None of the requested protocols '.*' is supported$")),
    ("basic-malformed", re.compile(rb"^(?:ChargeBoxId '(.*)': )?Failed to extract Authentication from request")),
    (
        "profile-2-over-ws",
        re.compile(rb"^ChargeBoxId '(.*)' is trying to connect via plain WS, even though it is configured for profile"),
    ),
)
_CREDENTIALS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    (
        "basic-missing",
        re.compile(rb"^Failed to find username and password in Basic Authorization header for ChargeBoxId '(.*)'$"),
    ),
    (
        "no-password-stored",
        re.compile(rb"^No password configured for ChargeBoxId '(.*)' - authentication misconfiguration$"),
    ),
    ("wrong-user", re.compile(rb"^The username '.*' \(in Basic Auth\) is not matching the ChargeBoxId '(.*)'$")),
    (
        "wrong-user",
        re.compile(
            rb"^Case-insensitive validation failed: Basic Auth username '.*' does not match ChargeBoxId '(.*)'$"
        ),
    ),
    ("empty-password", re.compile(rb"^Empty password provided for ChargeBoxId '(.*)'$")),
    ("wrong-password", re.compile(rb"^Invalid password attempt for ChargeBoxId '(.*)'$")),
)
_CERTIFICATE = re.compile(
    rb"^(?:ChargeBoxId '(.*)': )?(?:Certificate is null$|Certificate validation error$|Failed parsing the certificate)"
)
_UPGRADE = re.compile(
    rb'^"?Handshake failed due to (?:invalid (?:Upgrade|Connection) header|unsupported WebSocket version): '
)
_NO_PAGE = re.compile(rb"No (?:mapping for|endpoint|static resource) (?:GET )?(\S*websocket\S*)", re.IGNORECASE)
#: Up to 3.4.8 the text stands in a stack trace.
_IN_TRACE = re.compile(rb"ChargeBoxId '([^']*)' is not recognized\.$")
_POOL = b"Connection is not available, request timed out"
#: A file that the prod profile logs to, as a start says on stdout.
_ELSEWHERE = re.compile(rb"^(?:Log file|Log file location): (.+)$")

#: What releases do not log: that nothing of it is there says nothing.
SILENT_ABOUT = (
    {
        "what": "requests without Upgrade or Connection header, with another WebSocket version or without key",
        "releases": "3.10.0 and later",
    },
    {"what": "requests on a wrong path below the context, answered with a redirect", "releases": "3.9.0 and later"},
    {"what": "the charge box id of a request without a subprotocol that SteVe speaks", "releases": "up to 3.12.0"},
    {"what": "requests to another context path, and what ends in the proxy", "releases": "all"},
    {"what": "who it was: no line holds the address of a client", "releases": "all"},
)  # fmt: skip


@dataclass(frozen=True)
class Discount:
    """What this collection asked itself, so that its own knocks are not taken for a charger's.

    Attributes:
        begin, end: seconds since 1970 between which it asked.
        ids: the charge box ids it asked about.
    """

    begin: float
    end: float
    ids: frozenset[str]


class Reader:
    """Reads one log, chunk by chunk, within bounds whatever it holds.

    Args:
        asked: charge box ids that are kept whatever else the log holds.
        since: seconds since 1970; what is older counts only for the start.
        discounts: knocks of our own.
    """

    def __init__(self, asked: Iterable[str] = (), since: float = 0.0, discounts: Iterable[Discount] = ()) -> None:
        self.boxes = Boxes(tuple(asked))
        self.start = Start()
        self.counts: dict[str, int] = {}
        self.without_id: dict[str, Tally] = {}
        self.pool = Tally()
        self.bytes = self.discounted = self.older = 0
        #: Lines about messages, all others, and those of the others that are SteVe's.
        self.messages = self._others = self._others_of_steve = 0
        self.first: bytes | None = None
        self.last: bytes | None = None
        self.elsewhere: str | None = None
        self.wrong_path: str | None = None
        #: Pairs of SteVe's stamp and the engine's of the newest lines.
        self.stamps: deque[tuple[bytes, bytes]] = deque(maxlen=20)
        #: Time that BootNotification was answered with, beside the stamp of that line.
        self.boot_answers: deque[tuple[bytes, str]] = deque(maxlen=20)
        self._discounts = tuple(discounts)
        self._since = {False: _floor(since, b" "), True: _floor(since, b"T")}
        self._rest = b""
        self._cut = False
        self._handlers: dict[bytes, tuple[Callable[[bytes, bytes, bytes], None], bool]] = {}
        self._by_name: dict[bytes, Callable[[bytes, bytes, bytes], None]] = {
            b"WebSocketLogger": self._websocket,
            b"OcppWebSocketHandshakeHandler": self._knock,
            b"ChargePointService": self._credential,
            b"CertificateValidator": self._certificate,
            b"DefaultHandshakeHandler": self._upgrade,
            b"PageNotFound": self._page,
            b"ExceptionHandlerExceptionResolver": self._page,
            b"GlobalControllerAdvice": self._page,
            b"CentralSystemService16_Service": self._central,
        }

    # -- lines -----------------------------------------------------------------------------------------------

    @property
    def lines(self) -> int:
        """Lines that were read."""
        return self.messages + self._others

    @property
    def steve_lines(self) -> int:
        """Those in SteVe's layout."""
        return self.messages + self._others_of_steve

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the log."""
        self.bytes += len(chunk)
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if self._cut and lines:
            # The end of a line whose beginning was read already.
            del lines[0]
            self._cut = False
        message, traffic, other = _MESSAGE.match, self._traffic, self._line
        known, stamps = self.boxes.sessions, self.stamps
        since, since_engine = self._since[False], self._since[True]
        for line in lines:
            match = message(line)
            if match is None:
                other(line)
                continue
            engine, stamp, raw, key, received, boot = match.groups()
            session = known.get(key)
            if engine is None:
                at, windowed = stamp, stamp >= since
            else:
                at, windowed = engine, engine >= since_engine
                stamps.append((stamp, engine))
            self.last = at
            # Nearly every line ends here: a message that is no BootNotification, nor the answer to one.
            if windowed and session is not None and boot is None and (received or session.boot_call is None):
                session.last = at
                self.messages += 1
                if received:
                    session.received += 1
            else:
                traffic(line[match.end(5) if received else match.end() :], at, raw, key, received, windowed)
        if len(self._rest) > MAX_LINE:
            if not self._cut:
                self._line(self._rest)
            self._cut = True
            self._rest = b""

    def close(self) -> None:
        """The log ends; a last line without an end counts."""
        if self._rest and not self._cut:
            self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> None:
        self._others += 1
        if len(line) > MAX_LINE:
            line = line[:MAX_LINE]
        engine = None
        if line[10:11] == b"T":
            front = _ENGINE.match(line)
            if front:
                engine = line[: front.end() - 1]
                line = line[front.end() :]
        split = self._split(line)
        if split is None:
            self._plain(line.rstrip(b"\r"), engine)
            return
        level, stamp, logger, message = split
        self._others_of_steve += 1
        at = stamp
        if engine is not None:
            at = engine
            self.stamps.append((stamp, engine))
        if self.first is None:
            self.first = at
        self.last = at
        found = self._handlers.get(logger)
        if found is None:
            name = logger.rsplit(b".", 1)[-1]
            found = (self._by_name.get(name, self._other), name in self._by_name)
            if len(self._handlers) < 1000:
                self._handlers[logger] = found
        handler, windowed = found
        if message.endswith(b"\r"):
            message = message[:-1]
        if windowed and at < self._since[engine is not None]:
            self.older += 1
        else:
            handler(level, at, message)

    def _split(self, line: bytes) -> tuple[bytes, bytes, bytes, bytes] | None:
        """Level, stamp, logger and message of a line in SteVe's layout; None for another one."""
        match = _LINE.match(line)
        if match is None:
            return None
        level, stamp, logger, _thread, message = match.groups()
        return level, stamp, logger, message

    def _plain(self, line: bytes, engine: bytes | None) -> None:
        """A line in another layout: banner, stack trace, build, other programs."""
        at = engine or self.last
        if engine is not None:
            self.first = self.first or engine
            self.last = engine
        if line.startswith((b"\tat ", b"    at ")):
            return
        line = line[:2000]
        if self.start.plain(line, at):
            self.boxes.restarted()
        if _POOL in line:
            self._pool_timeout(at)
        elsewhere = _ELSEWHERE.match(line)
        if elsewhere:
            self.elsewhere = inert(elsewhere.group(1).decode("utf-8", "replace").strip(), 300)
        knock = _IN_TRACE.search(line) if b"is not recognized." in line else None
        if knock and at is not None:
            self._refuse("unknown-id", knock.group(1), at)

    # -- events ----------------------------------------------------------------------------------------------

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def _websocket(self, level: bytes, at: bytes, message: bytes) -> None:
        del level
        found = _session(message)
        if found is None:
            return
        raw, key, what, rest = found
        if what in (b"R", b"S"):
            session = self.boxes.session(raw, key, at)
            if session is not None:
                self._message(session, what == b"R", rest, at)
        elif what == b"Connection is established":
            self._count("connected")
            self.boxes.opened(raw, key, at)
        elif what == b"Connection is closed, status: ":
            self._count("closed")
            code = _CODE.match(rest)
            self.boxes.closed(raw, key, at, int(code.group(1)) if code else None)
        else:
            self._count("transport-error")
            session = self.boxes.session(raw, key, at)
            if session is not None:
                session.box.errors.add(at)

    def _traffic(self, rest: bytes, at: bytes, raw: bytes, key: bytes, received: bytes | None, windowed: bool) -> None:
        """A message that needs a closer look: the first of a session, a BootNotification, perhaps its answer."""
        self.messages += 1
        if self.first is None:
            self.first = at
        if not windowed:
            self.older += 1
            return
        session = self.boxes.session(raw, key, at)
        if session is not None:
            payload = rest[:MAX_LINE]
            self._message(session, received is not None, payload[len(b"eceived: ") :] if received else payload, at)

    def _message(self, session: Session, received: bool, payload: bytes, at: bytes) -> None:
        """A message of a session; only of a BootNotification and its answer more is looked at."""
        session.last = at
        if received:
            session.received += 1
            call = _CALL.match(payload)
            if call:
                session.boot_call = call.group(1).decode("utf-8", "replace")
                session.boot_asked = session.boot_asked or at
                self._count("boot-call")
        elif session.boot_call is not None:
            self._answered(session, payload, at)

    def _answered(self, session: Session, payload: bytes, at: bytes) -> None:
        """Perhaps the answer to a BootNotification; SteVe's own line about the boot stands before it."""
        answer = _ANSWER.match(payload)
        if answer is None or answer.group(1).decode("utf-8", "replace") != session.boot_call:
            return
        session.boot_call = None
        session.booted = at
        try:
            told = json.loads(payload.decode("utf-8", "replace"))[2]["currentTime"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return
        if isinstance(told, str):
            self.boot_answers.append((at, told[:40]))

    def _knock(self, level: bytes, at: bytes, message: bytes) -> None:
        del level
        self._is_knock(_KNOCKS, at, message)

    def _credential(self, level: bytes, at: bytes, message: bytes) -> None:
        if not self._is_knock(_CREDENTIALS, at, message):
            self._other(level, at, message)

    def _is_knock(self, refusals: tuple[tuple[str, re.Pattern[bytes]], ...], at: bytes, message: bytes) -> bool:
        """Whether the line tells of a knock, refused or registered by itself; it is counted then."""
        for reason, pattern in refusals:
            match = pattern.match(message)
            if match:
                self._refuse(reason, match.group(1), at)
                return True
        match = _AUTO.match(message)
        if match:
            self._auto(match.group(1), at)
        return match is not None

    def _auto(self, raw: bytes, at: bytes) -> None:
        self._count("auto-registered")
        self.boxes.auto_registered(raw, at)

    def _certificate(self, level: bytes, at: bytes, message: bytes) -> None:
        del level
        match = _CERTIFICATE.match(message)
        if match:
            self._refuse("certificate", match.group(1), at)

    def _upgrade(self, level: bytes, at: bytes, message: bytes) -> None:
        del level
        if _UPGRADE.match(message):
            self._refuse("upgrade-lost", None, at)

    def _page(self, level: bytes, at: bytes, message: bytes) -> None:
        match = _NO_PAGE.search(message)
        if match:
            self.wrong_path = inert(match.group(1).decode("utf-8", "replace"), 200)
            self._refuse("wrong-path", None, at)
        else:
            self._other(level, at, message)

    def _central(self, level: bytes, at: bytes, message: bytes) -> None:
        match = _BOOTED.match(message)
        if match:
            self._count("booted")
            self.boxes.booted(match.group(1), match.group(2).decode("ascii", "replace").capitalize(), at)
            return
        match = _NO_ROW.match(message)
        if match:
            self._count("booted")
            self.boxes.booted(match.group(1), "Rejected", at)
            return
        match = _AUTO.match(message)
        if match:
            self._auto(match.group(1), at)
        else:
            self._other(level, at, message)

    def _other(self, level: bytes, at: bytes, message: bytes) -> None:
        """A logger that may speak about the start or about the data base."""
        message = message[:2000]
        match = _AUTO.match(message)
        if match:
            self._auto(match.group(1), at)
        elif _POOL in message:
            self._pool_timeout(at)
        elif self.start.line(message, at, level):
            self.boxes.restarted()

    def _pool_timeout(self, at: bytes | None) -> None:
        # An exception and its causes repeat the text.
        if at is not None and (self.pool.last is None or self.pool.last[:19] != at[:19]):
            self._count("pool-timeout")
            self.pool.add(at)

    def _refuse(self, reason: str, raw: bytes | None, at: bytes) -> None:
        if self._ours(raw, at):
            self.discounted += 1
            return
        self._count("refused")
        if raw is None:
            self.without_id.setdefault(reason, Tally()).add(at)
        else:
            self.boxes.refused(raw, reason, at)

    def _ours(self, raw: bytes | None, at: bytes) -> bool:
        """Whether this collection knocked itself."""
        when = seconds(at) if self._discounts else None
        if when is None:
            return False
        name = None if raw is None else raw.decode("utf-8", "replace")
        return any(item.begin <= when <= item.end and (name is None or name in item.ids) for item in self._discounts)

    # -- the document ----------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """What was read, plain JSON types; the caller adds where it came from."""
        return {
            "lines": {"all": self.lines, "steve": self.steve_lines, "older": self.older, "bytes": self.bytes},
            "first": iso(self.first),
            "last": iso(self.last),
            "start": self.start.to_dict(),
            "starts": self.start.count,
            "counts": dict(sorted(self.counts.items())),
            "refused_without_id": {reason: tally.to_dict() for reason, tally in self.without_id.items()},
            "wrong_path": self.wrong_path,
            "pool_timeouts": self.pool.to_dict(),
            "boxes": self.boxes.to_list(),
            "boxes_left_out": self.boxes.left_out,
            "discounted": self.discounted,
            "silent_about": [dict(item) for item in SILENT_ABOUT],
        }


def _session(message: bytes) -> tuple[bytes, bytes, bytes, bytes] | None:
    """Charge box id, session id, what happened and the rest of a line about a session."""
    match = _SESSION.match(message)
    if match is None:
        return None
    raw, key, what = match.groups()
    return raw, key, _TRAFFIC.get(what, what), message[match.end() :]


def _floor(since: float, separator: bytes) -> bytes:
    """A stamp that sorts before everything from ``since`` on."""
    return (
        datetime.fromtimestamp(max(since, 0.0), timezone.utc)
        .strftime("%Y-%m-%d %H:%M:%S")
        .encode("ascii")
        .replace(b" ", separator)
    )
