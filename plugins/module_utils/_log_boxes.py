# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a log says about single charge boxes: knocks, sessions, boots, and how regularly sessions end. Pure.

Stamps are the bytes that stand in the log (``2026-11-23 01:02:03,123`` or docker's ``2026-11-23T01:02:03.123456789Z``)
until somebody needs a number: a busy log has a million of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from statistics import median
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded

#: Charge boxes kept that connected, and ids kept that were only ever refused: anybody may knock with invented ids.
MAX_BOXES = 2000
MAX_STRANGERS = 500
#: Sessions of one box that the document shows, and session lengths that its period is computed from.
_SHOWN_SESSIONS = 5
_KEPT_DROPS = 20
_MAX_ID = 300
#: Sessions that are open at the same time; the oldest is forgotten then.
_MAX_OPEN = 20000
#: Drops that make a regular one, the share of all drops that has to agree, and how closely.
_LEAST_DROPS = 3
_AGREEING = 0.6
_TOLERANCE = 0.1
#: What is shorter is no timeout on the way.
_SHORTEST_S = 10


@lru_cache(maxsize=64)
def _day(day: bytes) -> float:
    """Seconds since 1970 at which a day (``2026-11-23``) begins."""
    return datetime.strptime(day.decode("ascii"), "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp()


def seconds(stamp: bytes | None) -> float | None:
    """Seconds since 1970 of a stamp (UTC), None for none and for one that is no time."""
    if stamp is None:
        return None
    try:
        # A log has a million of these, so no strptime for each.
        whole = int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + int(stamp[17:19])
        digits = stamp[20:].rstrip(b"Z")
        return _day(stamp[:10]) + whole + (int(digits) / 10 ** len(digits) if digits.isdigit() else 0.0)
    except (ValueError, OverflowError):
        return None


def iso(stamp: bytes | None) -> str | None:
    """A stamp as UTC ISO 8601 with Z, whole seconds."""
    if stamp is None or seconds(stamp) is None:
        return None
    return stamp[:19].decode("ascii").replace(" ", "T") + "Z"


@dataclass
class Session:
    """One WebSocket session.

    Attributes:
        opened: stamp of the line that says so; None when the window begins later.
        last: stamp of the last line about it.
        received: messages of the charge box.
        boot_call: message id of a BootNotification that is not answered yet.
        booted: stamp of the last answer to a BootNotification.
        boots: BootNotifications in this session.
        boot_asked: stamp of its first BootNotification, answered or not.
    """

    box: Box
    opened: bytes | None
    last: bytes
    received: int = 0
    boot_call: str | None = None
    booted: bytes | None = None
    boots: int = 0
    boot_asked: bytes | None = None

    def to_dict(self, closed: bytes | None, code: int | None) -> dict[str, Any]:
        """As it stands in the document; ``after_boot_s``: seconds from the last boot answer to the end."""
        return {
            "opened": iso(self.opened),
            "closed": iso(closed),
            "code": code,
            "length_s": _between(self.opened, closed),
            "idle_s": _between(self.last, closed),
            "after_boot_s": _between(self.booted, closed),
            "received": self.received,
            "boots": self.boots,
        }


@dataclass
class Tally:
    """How often something happened, and when first and last."""

    count: int = 0
    first: bytes | None = None
    last: bytes | None = None

    def add(self, at: bytes) -> None:
        """Once more."""
        self.count += 1
        self.first = self.first or at
        self.last = at

    def to_dict(self) -> dict[str, Any]:
        """Count, first and last."""
        return {"count": self.count, "first": iso(self.first), "last": iso(self.last)}


@dataclass
class Box:
    """One charge box id, spelt as in the log."""

    id: str
    seen: Tally = field(default_factory=Tally)
    refused: dict[str, Tally] = field(default_factory=dict)
    connected: Tally = field(default_factory=Tally)
    closed: Tally = field(default_factory=Tally)
    errors: Tally = field(default_factory=Tally)
    boots: Tally = field(default_factory=Tally)
    boot_status: str | None = None
    close_codes: dict[int, int] = field(default_factory=dict)
    open: dict[bytes, Session] = field(default_factory=dict)
    sessions: deque[tuple[Session, bytes, int | None]] = field(default_factory=lambda: deque(maxlen=_KEPT_DROPS))
    auto_registered: bool = False
    cut_by_restart: int = 0

    def to_dict(self, *, whole: bool = True) -> dict[str, Any]:
        """As it stands in the document; without its single sessions (None) unless it is wanted whole."""
        ended = [session.to_dict(closed, code) for session, closed, code in self.sessions]
        return {
            "id": self.id,
            **{key: value for key, value in self.seen.to_dict().items() if key != "count"},
            "refused": {reason: tally.to_dict() for reason, tally in self.refused.items()},
            "connected": self.connected.to_dict(),
            "closed": {**self.closed.to_dict(), "codes": {str(code): n for code, n in self.close_codes.items()}},
            "transport_errors": self.errors.to_dict(),
            "boots": self.boots.to_dict(),
            "last_boot": None if self.boots.last is None else {"at": iso(self.boots.last), "status": self.boot_status},
            "open": _shown(self.open) if whole else None,
            "sessions": ended[-_SHOWN_SESSIONS:] if whole else None,
            "drops": drops(ended),
            "cut_by_restart": self.cut_by_restart,
            "auto_registered": self.auto_registered,
        }


def _shown(sessions: dict[bytes, Session]) -> list[dict[str, Any]]:
    return [session.to_dict(None, None) for session in list(sessions.values())[-_SHOWN_SESSIONS:]]


def drops(ended: list[dict[str, Any]]) -> dict[str, Any]:
    """How long sessions lasted, and how long nothing was said before their end.

    A timeout on the way acts on the silence, a limit of the session's age on its length.

    Returns:
        ``count``; ``length`` and ``idle``, each ``{median_s, spread_s, period_s}`` or None. ``period_s`` is given only
        where at least three ends, and most of all, agree within ten per cent.
    """
    return {
        "count": len(ended),
        "length": _regular([item["length_s"] for item in ended if item["length_s"] is not None]),
        "idle": _regular([item["idle_s"] for item in ended if item["idle_s"] is not None]),
    }


def _regular(values: list[float]) -> dict[str, Any] | None:
    if not values:
        return None
    middle = median(values)
    near = [value for value in values if abs(value - middle) <= _TOLERANCE * middle]
    regular = len(near) >= _LEAST_DROPS and len(near) >= _AGREEING * len(values) and middle >= _SHORTEST_S
    return {
        "median_s": round(middle, 1),
        "spread_s": round(max(values) - min(values), 1),
        "period_s": round(median(near), 1) if regular else None,
    }


def _between(first: bytes | None, last: bytes | None) -> float | None:
    """Seconds between two stamps; None when one is missing or they are out of order."""
    begin, end = seconds(first), seconds(last)
    return None if begin is None or end is None or end < begin else round(end - begin, 3)


class Boxes:
    """The charge boxes of one log, within bounds.

    Args:
        asked: ids that are kept whatever else is in the log.
    """

    def __init__(self, asked: tuple[str, ...] = ()) -> None:
        self._asked = frozenset(asked)
        self._boxes: dict[str, Box] = {}
        self._strangers: dict[str, Box] = {}
        self.sessions: dict[bytes, Session] = {}
        self.left_out = 0

    def _box(self, raw: bytes, at: bytes, *, connects: bool) -> Box | None:
        """The box of an id; None, and counted, when there are too many."""
        name = raw.decode("utf-8", "replace")[:_MAX_ID]
        box = self._boxes.get(name)
        if box is None and connects:
            box = self._strangers.pop(name, None) or Box(name)
            if len(self._boxes) >= MAX_BOXES and name not in self._asked:
                self.left_out += 1
                return None
            self._boxes[name] = box
        elif box is None:
            box = self._strangers.get(name)
            if box is None:
                if len(self._strangers) >= MAX_STRANGERS and name not in self._asked:
                    self.left_out += 1
                    return None
                box = self._strangers[name] = Box(name)
        box.seen.add(at)
        return box

    def refused(self, raw: bytes, reason: str, at: bytes) -> None:
        """A knock that was refused."""
        box = self._box(raw, at, connects=False)
        if box is not None:
            box.refused.setdefault(reason, Tally()).add(at)

    def auto_registered(self, raw: bytes, at: bytes) -> None:
        """An unknown id that SteVe inserted by itself."""
        box = self._box(raw, at, connects=True)
        if box is not None:
            box.auto_registered = True

    def opened(self, raw: bytes, key: bytes, at: bytes) -> None:
        """A session begins."""
        box = self._box(raw, at, connects=True)
        if box is not None:
            box.connected.add(at)
            if len(self.sessions) >= _MAX_OPEN:
                oldest = next(iter(self.sessions))
                self.sessions.pop(oldest).box.open.pop(oldest, None)
            self.sessions[key] = box.open[key] = Session(box, at, at)

    def session(self, raw: bytes, key: bytes, at: bytes) -> Session | None:
        """The session that a line is about; one that was opened before the window has no beginning."""
        session = self.sessions.get(key)
        if session is None:
            box = self._box(raw, at, connects=True)
            if box is None:
                return None
            session = self.sessions[key] = box.open[key] = Session(box, None, at)
        return session

    def closed(self, raw: bytes, key: bytes, at: bytes, code: int | None) -> None:
        """A session ends."""
        session = self.session(raw, key, at)
        if session is None:
            return
        box = session.box
        self.sessions.pop(key, None)
        box.open.pop(key, None)
        box.seen.add(at)
        box.closed.add(at)
        if code is not None and (code in box.close_codes or len(box.close_codes) < 20):
            box.close_codes[code] = box.close_codes.get(code, 0) + 1
        box.sessions.append((session, at, code))

    def booted(self, raw: bytes, status: str, at: bytes) -> None:
        """SteVe answered a BootNotification."""
        box = self._box(raw, at, connects=True)
        if box is None:
            return
        box.boots.add(at)
        box.boot_status = status
        session = next(reversed(list(box.open.values())), None)
        if session is not None:
            session.booted = at
            session.boots += 1
            session.boot_asked = session.boot_asked or at

    def restarted(self) -> None:
        """SteVe starts: what was open is gone without a word, and that says nothing about the way."""
        for session in self.sessions.values():
            session.box.open.clear()
            session.box.cut_by_restart += 1
        self.sessions.clear()

    def alike(self, names: frozenset[str]) -> dict[str, list[Box]]:
        """The boxes whose folded ids (``_ids.folded``) are among ``names``, by that."""
        found: dict[str, list[Box]] = {}
        for box in (*self._boxes.values(), *self._strangers.values()):
            name = folded(box.id)
            if name in names:
                found.setdefault(name, []).append(box)
        return found

    def strangers(self) -> list[Box]:
        """The boxes that were only ever refused."""
        return list(self._strangers.values())

    def to_list(self) -> list[dict[str, Any]]:
        """All boxes, those that connected first; single sessions only of those asked about, in any spelling."""
        asked = {folded(one) for one in self._asked}
        boxes = (*self._boxes.values(), *self._strangers.values())
        return [box.to_dict(whole=not asked or folded(box.id) in asked) for box in boxes]
