# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What charge boxes do while SteVe's log is followed: who knocks, is refused, connects, boots, closes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded
from ansible_collections.chargeops.steve.plugins.module_utils._log_boxes import Box, Session, iso, seconds
from ansible_collections.chargeops.steve.plugins.module_utils._steve_log import Discount, Reader

#: Seconds after the connection within which a charger that was power-cycled sends its BootNotification (runbook, 4).
BOOT_S = 30.0
#: Seconds that a booted charger has to stay for the end of following.
STAY_S = 2.0
#: Seconds between two looks at what was read: a look goes through all charge boxes of a busy log.
_LOOK_S = 0.25
_SHOWN_SESSIONS = 5
_SHOWN_OTHERS = 10


@dataclass
class _Held:
    """When a session was noticed, and its boot, on the clock of the follower."""

    session: Session
    since: float
    booted: float | None = None


@dataclass(frozen=True)
class _Ended:
    """A session that ended."""

    session: Session
    closed: bytes
    code: int | None


class Follower:
    """Follows some charge boxes through a log that grows.

    Args:
        ids: the charge boxes, in any spelling.
        discounts: knocks of our own.
    """

    def __init__(self, ids: Iterable[str], discounts: Iterable[Discount] = ()) -> None:
        self.ids = list(ids)
        self.reader = Reader(self.ids, discounts=discounts)
        self._names = frozenset(folded(one) for one in self.ids)
        self._held: dict[str, _Held] = {}
        self._looked: float | None = None

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the log."""
        self.reader.feed(chunk)

    def done(self, now: float) -> bool:
        """Whether every charge box has booted and stayed.

        Args:
            now: monotonic time, in seconds.
        """
        if self._looked is not None and now - self._looked < _LOOK_S:
            return False
        self._look(now)
        booted = [held.booted for held in self._held.values() if held.booted is not None]
        return len(booted) == len(self._names) and all(now - at >= STAY_S for at in booted)

    def _look(self, now: float) -> dict[str, list[Box]]:
        """Notice sessions and boots that are new; the boxes by folded id."""
        self._looked = now
        found = self.reader.boxes.alike(self._names)
        for name in self._names:
            session = _open(found.get(name, []))
            held = self._held.get(name)
            if session is None:
                self._held.pop(name, None)
                continue
            if held is None or held.session is not session:
                held = self._held[name] = _Held(session, now)
            if session.boots and held.booted is None:
                held.booted = now
        return found

    def to_dict(self, now: float) -> dict[str, Any]:
        """What was seen, plain JSON types; the caller adds where and how long."""
        self.reader.close()
        found = self._look(now)
        return {
            "boxes": [_row(one, found.get(folded(one), []), self._held.get(folded(one)), now) for one in self.ids],
            "others": self._others(),
            "refused_without_id": {reason: tally.to_dict() for reason, tally in self.reader.without_id.items()},
            "lines": {"all": self.reader.lines, "steve": self.reader.steve_lines, "bytes": self.reader.bytes},
            "discounted": self.reader.discounted,
        }

    def _others(self) -> list[dict[str, Any]]:
        """Ids that were refused and are none of those followed, the newest first: a charger may use another one."""
        boxes = [box for box in self.reader.boxes.strangers() if folded(box.id) not in self._names]
        boxes.sort(key=lambda box: box.seen.last or b"", reverse=True)
        return [{"id": box.id, **(_refused([box]) or {})} for box in boxes[:_SHOWN_OTHERS]]


def _open(boxes: list[Box]) -> Session | None:
    """The newest session that is open."""
    sessions = [session for box in boxes for session in box.open.values()]
    return max(sessions, key=lambda session: (session.opened or b"", session.last), default=None)


def _refused(boxes: list[Box]) -> dict[str, Any] | None:
    """The newest reason for which one was refused, how often, first and last."""
    rows = [(tally.last or b"", reason, tally) for box in boxes for reason, tally in box.refused.items()]
    if not rows:
        return None
    _last, reason, tally = max(rows, key=lambda row: row[0])
    return {"reason": reason, **tally.to_dict()}


def _row(name: str, boxes: list[Box], held: _Held | None, now: float) -> dict[str, Any]:
    """One charge box, all its spellings together."""
    ended = sorted(
        (_Ended(*item) for box in boxes for item in box.sessions), key=lambda item: (item.closed, item.session.last)
    )
    sessions = [item.session for item in ended] + [session for box in boxes for session in box.open.values()]
    connected = [session.opened for session in sessions if session.opened]
    refusals = [tally for box in boxes for tally in box.refused.values()]
    knocks = [box.connected.first for box in boxes] + [tally.first for tally in refusals]
    boots = [(box.boots.last, box.boot_status) for box in boxes if box.boots.last]
    booted_at, status = max(boots, key=lambda item: item[0] or b"", default=(None, None))
    last = ended[-1] if ended else None
    refused = max((item.last or b"" for item in refusals), default=b"")
    return {
        "id": name,
        "outcome": _outcome(held.session if held else None, last, refused),
        "refused": _refused(boxes),
        "knocked_at": iso(min((at for at in knocks if at), default=None)),
        "connected_at": iso(max(connected, default=None)),
        "connections": sum(box.connected.count for box in boxes),
        "booted_at": iso(booted_at),
        "boot_status": status,
        "closed_at": iso(last.closed) if last else None,
        "close_code": last.code if last else None,
        "within_30_s": _in_time(sessions, ended, held, now),
        "held_s": round(now - held.booted, 1) if held and held.booted is not None else None,
        "received": sum(session.received for session in sessions if session.opened),
        "sessions": [item.session.to_dict(item.closed, item.code) for item in ended[-_SHOWN_SESSIONS:]],
    }


def _outcome(session: Session | None, last: _Ended | None, refused: bytes) -> str:
    """What stands at the end: ``booted`` | ``connected`` | ``closed`` | ``refused`` | ``silent``.

    A session that was open before may be the dead one of a charger that is refused now.
    """
    if session is not None and (session.opened or session.last >= refused):
        return "booted" if session.boots else "connected"
    if refused and (last is None or refused >= last.closed):
        return "refused"
    return "silent" if last is None else "closed"


def _in_time(sessions: list[Session], ended: list[_Ended], held: _Held | None, now: float) -> bool | None:
    """Whether a BootNotification came within 30 s of the connection.

    None when it is not known: nobody connected, the connection is older, or it was not followed for so long. After a
    boot a charger may connect again without another one, so a session with one counts before one without.
    """
    opened = [session for session in sessions if session.opened]
    booted = [session for session in opened if session.boot_asked]
    if booted:
        newest = max(booted, key=lambda session: session.opened or b"")
        begin, asked = seconds(newest.opened), seconds(newest.boot_asked)
        return None if begin is None or asked is None else asked - begin <= BOOT_S
    if any(session.boot_asked for session in sessions) or not opened:
        return None
    if held is not None and held.session.opened:
        return False if now - held.since >= BOOT_S else None
    lengths = [
        (seconds(item.closed) or 0.0) - (seconds(item.session.opened) or 0.0) for item in ended if item.session.opened
    ]
    return False if lengths and lengths[-1] >= BOOT_S else None
