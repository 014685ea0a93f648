# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a log in which the last full reconnect of each charge box asked about stands whole. Pure.

A full reconnect: the connection is established, a BootNotification arrives, SteVe acknowledges the boot. What the
charge box did before (its last close) is its beginning. A log of any size goes through a window of bounded memory; of a
reconnect that lies before the window its own lines are kept.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Iterable

from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded
from ansible_collections.chargeops.steve.plugins.module_utils._log_boxes import iso

#: Lines that the window has at least (``--tail=500`` of the runbook), and lines before what it has to hold.
FLOOR_LINES = 500
_BEFORE_LINES = 20
#: Bytes of a line of which a copy is kept for a charge box, lines of one attempt, and spellings of ids followed.
_KEPT_LINE = 4096
_MOST_READ = 4096
_KEPT_LINES = 12
_MAX_SPELLINGS = 200
#: Bytes without an end of line that are gone through as one.
_MAX_LINE = 1024 * 1024
#: Bytes by which the close before may stand before the new connection to be a part of the window.
_NEAR = 1024 * 1024

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT[\d:.]{8,18}Z) |\[[A-Z]+ *\] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ")
#: Words by which a line is found that may be an event; one in a hundred of a busy log is.
_WORDS = (
    b"] Connection is established", b"] Connection is closed", b'"BootNotification"', b"The boot of the chargebox '",
    b"hargeBoxId '",
)  # fmt: skip
_SESSION = re.compile(
    rb"\[chargeBoxId=([^\n]{1,300}?), sessionId=([^\],\s]{1,80})\] "
    rb"(?:Connection is (established|closed)|Received: \[\s*2\s*,\s*\"[^\"\n]{0,100}\"\s*,\s*(\"BootNotification\"))"
)
_BOOTED = re.compile(rb"The boot of the chargebox '([^\n]{1,300}?)' with registration status '")
_REFUSED = re.compile(
    rb"ChargeBoxId '([^\n]{1,300}?)'(?: is not recognized| violates| is trying to connect via plain WS"
    rb"|: No protocol|: None of the requested|: Failed to extract| - authentication misconfiguration)"
    rb"|(?:Basic Authorization header|Invalid password attempt|Empty password provided)"
    rb" for ChargeBoxId '([^\n]{1,300}?)'"
)


@dataclass
class Attempt:
    """One way of a charge box to SteVe: where it stands in the log, and its lines."""

    kind: str
    begin: int
    end: int
    first: bytes | None
    last: bytes | None
    lines: list[bytes] = field(default_factory=list)

    def add(self, begin: int, line: bytes, stamp: bytes | None) -> None:
        """One more line."""
        self.end, self.last = begin + len(line), stamp or self.last
        if len(self.lines) < _KEPT_LINES:
            self.lines.append(line if len(line) <= _KEPT_LINE else line[:_KEPT_LINE] + b" (line cut)\n")


@dataclass
class Box:
    """What the log holds of one charge box: the last full reconnect, the last refusal, what is going on."""

    asked: str
    spellings: set[str] = field(default_factory=set)
    closed: Attempt | None = None
    running: Attempt | None = None
    session: bytes | None = None
    whole: Attempt | None = None
    refused: Attempt | None = None

    @property
    def wanted(self) -> list[Attempt]:
        """What the window should hold: the last full reconnect, and the refusal after it; else what was begun last."""
        done = [one for one in (self.whole, self.refused) if one is not None]
        if self.whole is not None and not self.is_refused_since:
            return [self.whole]
        return done or ([self.running] if self.running is not None else [])

    @property
    def best(self) -> Attempt | None:
        """What is told of: the full reconnect, if there is one."""
        return next(iter(self.wanted), None)

    @property
    def is_refused_since(self) -> bool:
        """Whether a refusal follows the last full reconnect."""
        return self.whole is not None and self.refused is not None and self.refused.end > self.whole.end


class Window:
    """Takes the log in chunks, in its order.

    Args:
        asked: charge box ids; they are found in any spelling that SteVe may take for the same.
        keep: bytes of the end that are kept at the most.
    """

    def __init__(self, asked: Iterable[str], keep: int) -> None:
        self.keep = keep
        self.boxes = [Box(one) for one in dict.fromkeys(asked)]
        self._by_name: dict[str, list[Box]] = {}
        for box in self.boxes:
            self._by_name.setdefault(folded(box.asked), []).append(box)
        self._spelt: dict[bytes, list[Box]] = {}
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._rest = b""
        self.bytes = 0
        self.lines = 0
        #: Bytes that went through, ends of lines that were added included: positions are counted in them.
        self._passed = 0

    def feed(self, chunk: bytes) -> None:
        """The next bytes."""
        self.bytes += len(chunk)
        data = self._rest + chunk
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < _MAX_LINE:
            self._rest = data
            return
        cut = cut or len(data)
        self._rest = data[cut:]
        self._take(data[:cut])

    def close(self) -> None:
        """The log ends; a last line without an end counts."""
        if self._rest:
            self._take(self._rest + b"\n")
        self._rest = b""

    def _take(self, data: bytes) -> None:
        self.lines += data.count(b"\n")
        if self.boxes:
            self._events(data)
        self._chunks.append(data)
        self._held += len(data)
        self._passed += len(data)
        while len(self._chunks) > 1 and self._held - len(self._chunks[0]) >= self.keep:
            self._held -= len(self._chunks.popleft())

    def _events(self, data: bytes) -> None:
        for begin in sorted(_lines_with(data)):
            end = data.find(b"\n", begin) + 1 or len(data)
            line = data[begin : min(end, begin + _MOST_READ)]
            for kind, pattern in (("session", _SESSION), ("booted", _BOOTED), ("refused", _REFUSED)):
                match = pattern.search(line)
                if match is None:
                    continue
                stamp = _STAMP.match(line)
                when = (stamp.group(1) or stamp.group(2)) if stamp else None
                for box in self._of(match.group(1) or match.group(2)):
                    _event(box, kind, match, self._passed + begin, data[begin:end], when)
                break

    def _of(self, raw: bytes) -> list[Box]:
        """The boxes that an id in the log may be; a busy log names one ten thousand times."""
        known = self._spelt.get(raw)
        if known is None:
            name = raw.decode("utf-8", "replace")
            known = self._by_name.get(folded(name), [])
            for box in known:
                if len(box.spellings) < _MAX_SPELLINGS:
                    box.spellings.add(name)
            if len(self._spelt) < 20000:
                self._spelt[raw] = known
        return known

    # -- what was kept -----------------------------------------------------------------------------------------------

    def cut(self) -> Cut:
        """The window: from the first of what it has to hold, and not less than 500 lines of the log's end."""
        data = b"".join(self._chunks)
        offset = self._passed - len(data)
        if len(data) > self.keep:
            behind = data.find(b"\n", len(data) - self.keep - 1) + 1 if len(data) > self.keep else 0
            data, offset = data[behind:], offset + behind
        begin = _lines_back(data, len(data), FLOOR_LINES)
        for box in self.boxes:
            for one in box.wanted:
                if one.begin >= offset:
                    begin = min(begin, _lines_back(data, one.begin - offset, _BEFORE_LINES))
        return Cut(data[begin:], offset + begin, offset > 0 and begin == 0)


@dataclass(frozen=True)
class Cut:
    """The window as it was cut out.

    Attributes:
        data: its bytes, whole lines.
        offset: where it begins in what went through.
        at_limit: whether it begins where it does because more was not kept.
    """

    data: bytes
    offset: int
    at_limit: bool

    def holds(self, attempt: Attempt) -> bool:
        """Whether all of an attempt stands in it."""
        return attempt.begin >= self.offset

    def end(self, most: int) -> Cut:
        """Its last whole lines, of so many bytes at the most."""
        if len(self.data) <= most:
            return self
        begin = self.data.find(b"\n", len(self.data) - most - 1) + 1 or len(self.data)
        return Cut(self.data[begin:], self.offset + begin, True)

    @property
    def span(self) -> tuple[str | None, str | None]:
        """Times of its first and last line that have one, UTC."""
        first = _first_stamp(self.data[:65536].split(b"\n"))
        return first, _first_stamp(reversed(self.data[-65536:].split(b"\n")))


def coverage(box: Box, cut: Cut) -> dict[str, Any]:
    """What the window holds of one charge box, plain JSON types; ``reason`` says what it is not."""
    best = box.best
    kind = best.kind if best else None
    result: dict[str, Any] = {
        "charge_box_id": box.asked,
        "spelt_in_log": sorted(box.spellings),
        "covers": kind,
        "full_reconnect": kind == "full reconnect",
        "in_window": best is not None and cut.holds(best),
        "from": iso(best.first) if best else None,
        "to": iso(best.last) if best else None,
        "reason": None,
    }
    if best is None:
        result["reason"] = "what was read of the log holds no connection, no refusal and no boot of it"
    elif kind == "refused":
        result["reason"] = "its last try was refused, so there is no boot after it"
    elif kind == "begun":
        result["reason"] = "it connected and no acknowledged BootNotification follows"
    elif box.refused is not None and box.is_refused_since:
        result["reason"] = f"a later try, {iso(box.refused.first) or 'without a time'}, was refused"
    if best is not None and not cut.holds(best):
        held = "the lines between are not kept; its own lines stand in a file of their own"
        result["reason"] = f"{result['reason']}; {held}" if result["reason"] else held
    return result


def _lines_with(data: bytes) -> set[int]:
    """Where lines begin in which one of the words stands."""
    found = set()
    for word in _WORDS:
        at = data.find(word)
        while at >= 0:
            found.add(data.rfind(b"\n", 0, at) + 1)
            end = data.find(b"\n", at)
            at = data.find(word, end) if end >= 0 else -1
    return found


def _event(box: Box, kind: str, match: re.Match[bytes], begin: int, line: bytes, stamp: bytes | None) -> None:
    attempt = Attempt("", begin, begin, stamp, stamp)
    attempt.add(begin, line, stamp)
    if kind == "refused":
        attempt.kind = "refused"
        box.refused = attempt
    elif kind == "booted":
        if box.running is not None:
            box.running.add(begin, line, stamp)
            box.running.kind = "full reconnect"
            box.whole, box.running = box.running, None
    elif match.group(3) == b"closed":
        attempt.kind = "closed"
        box.closed = attempt
        if box.session == match.group(2) and box.running is not None:
            box.running.add(begin, line, stamp)
    elif match.group(3) == b"established":
        attempt.kind = "begun"
        if box.closed is not None:
            attempt.lines[:0] = box.closed.lines
            # A charge box that was away for days need not make the window so long.
            if begin - box.closed.end <= _NEAR:
                attempt.begin, attempt.first = box.closed.begin, box.closed.first
        box.running, box.session, box.closed = attempt, match.group(2), None
    elif box.running is not None and box.session == match.group(2):
        box.running.add(begin, line, stamp)


def _lines_back(data: bytes, position: int, count: int) -> int:
    """Where the line begins that is so many lines before a position."""
    for _line in range(count + 1):
        position = data.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return position + 1


def _first_stamp(lines: Iterable[bytes]) -> str | None:
    for line in lines:
        match = _STAMP.match(line)
        if match:
            found = iso(match.group(1) or match.group(2))
            if found:
                return found
    return None
