# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OCPP-J messages (OCPP-J 1.6 specification, section 4): the few that a probe sends and reads. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

CALL, CALLRESULT, CALLERROR = 2, 3, 4

#: OCPP 1.6 allows at most 36 characters in a message's id.
MAX_MESSAGE_ID = 36

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?"
)


class OcppError(Exception):
    """The text is no OCPP-J message; the error says why."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        kind: ``CALL``, ``CALLRESULT`` or ``CALLERROR``.
        id: the message's id.
        action: action of a CALL, error code of a CALLERROR, empty for a CALLRESULT.
        payload: the object, for a CALLERROR its details.
        description: text of a CALLERROR.
    """

    kind: int
    id: str
    action: str
    payload: dict[str, Any]
    description: str = ""


@dataclass(frozen=True)
class BootAnswer:
    """What SteVe says to a BootNotification.

    Attributes:
        status: ``Accepted`` | ``Pending`` | ``Rejected`` or another text, inert.
        current_time: SteVe's time as it stood there, inert; None when it is missing.
        time: the same as a moment in UTC, None when it is missing or unreadable.
        interval_s: seconds between heartbeats, None when it is missing.
    """

    status: str
    current_time: str | None
    time: datetime | None
    interval_s: int | None


def call(message_id: str, action: str, payload: dict[str, Any]) -> str:
    """A CALL as text."""
    return json.dumps([CALL, message_id, action, payload], separators=(",", ":"))


def boot_notification(message_id: str) -> str:
    """The least that OCPP 1.2 to 1.6 want of a BootNotification."""
    return call(message_id, "BootNotification", {"chargePointVendor": "chargeops.steve", "chargePointModel": "probe"})


def not_supported(message: Message) -> str:
    """The polite answer of a station to an operation that it has not."""
    return json.dumps([CALLERROR, message.id, "NotSupported", "This is a probe.", {}], separators=(",", ":"))


def parse(text: str) -> Message:
    """Read a message.

    Raises:
        OcppError: no JSON, or none of the three shapes.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise OcppError(f"no JSON: {inert(text, 60)}") from None
    if not isinstance(value, list) or len(value) < 3 or not isinstance(value[1], str) or isinstance(value[0], bool):
        raise OcppError(f"no OCPP-J message: {inert(text, 60)}")
    if len(value[1]) > MAX_MESSAGE_ID:
        raise OcppError(f"a message id has {len(value[1])} characters")
    if value[0] == CALL and len(value) == 4 and isinstance(value[2], str) and isinstance(value[3], dict):
        return Message(CALL, value[1], value[2], value[3])
    if value[0] == CALLRESULT and len(value) == 3 and isinstance(value[2], dict):
        return Message(CALLRESULT, value[1], "", value[2])
    if value[0] == CALLERROR and isinstance(value[2], str):
        details = value[4] if len(value) > 4 and isinstance(value[4], dict) else {}
        return Message(CALLERROR, value[1], value[2], details, str(value[3]) if len(value) > 3 else "")
    raise OcppError(f"no OCPP-J message: {inert(text, 60)}")


def boot_answer(payload: dict[str, Any]) -> BootAnswer:
    """Read the payload of a BootNotification's CALLRESULT; what is missing or odd becomes None."""
    raw_time, interval = payload.get("currentTime"), payload.get("interval")
    current_time = inert(raw_time, 40) if isinstance(raw_time, str) else None
    good_interval = isinstance(interval, int) and not isinstance(interval, bool)
    return BootAnswer(
        inert(payload.get("status", ""), 40),
        current_time,
        parse_time(raw_time) if isinstance(raw_time, str) else None,
        interval if good_interval else None,
    )


def parse_time(text: str) -> datetime | None:
    """A moment as ISO 8601 writes it, in UTC; without zone it is taken as UTC. None when it is none.

    ``datetime.fromisoformat`` reads neither ``Z`` nor odd fractions before Python 3.11.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _utc, sign, zone_hours, zone_minutes = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=timezone.utc)
        moment += timedelta(microseconds=int((fraction or "0").ljust(6, "0")[:6]))
        if sign:
            offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes or 0))
            moment += -offset if sign == "+" else offset
    except (ValueError, OverflowError):
        return None
    return moment
