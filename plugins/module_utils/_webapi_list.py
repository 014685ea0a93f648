# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of charge boxes that ExpresSync's fork serves at ``GET /api/v1/chargeBoxes``. Pure: bytes in, rows out.

No release of upstream has such a list (checked in every tag's controllers). The rows of the fork are known from the
client that reads them: ``{chargeBoxId, chargeBoxPk, description?, ocppProtocol?, lastHeartbeatTimestamp?}``, where the
last one is text for a person (``DateTimeUtils.humanize``: ``Today at 10:20``, ``Yesterday at 10:20``,
``2026-11-23 at 10:20``, UTC).
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

_HUMAN = re.compile(r"(Today|Yesterday|\d{4}-\d\d-\d\d) at (\d\d:\d\d)")


class NoList(ValueError):
    """The answer is no list of charge boxes; the text says what it is instead."""


def read(body: bytes, now: datetime) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of the list, as those of the admin UI, and sentences about what could not be read.

    Args:
        body: the answer.
        now: the server's time, UTC; ``Today`` is meant by it.

    Raises:
        NoList: not JSON, or not a list of objects.
    """
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise NoList("no JSON") from None
    if not isinstance(document, list):
        raise NoList("JSON, but no list")
    rows, odd, times = [], 0, 0
    for item in document:
        row = _row(item, now)
        if row is None:
            odd += 1
            continue
        times += row["last_heartbeat"] is None and bool(item.get("lastHeartbeatTimestamp"))
        rows.append(row)
    notes = []
    if odd:
        notes.append(f"{odd} of {len(document)} entries of the list are no charge boxes and were left out.")
    if times:
        notes.append(f"The time of the last heartbeat of {times} charge boxes could not be read.")
    return rows, notes


def _row(item: Any, now: datetime) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return None
    identifier, pk = item.get("chargeBoxId"), item.get("chargeBoxPk")
    if not isinstance(identifier, str) or not identifier or not isinstance(pk, int) or isinstance(pk, bool):
        return None
    return {
        "id": identifier,
        "pk": pk,
        "protocol": _text(item.get("ocppProtocol")),
        "last_heartbeat": moment(item.get("lastHeartbeatTimestamp"), now),
        "description": _text(item.get("description")),
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def moment(text: Any, now: datetime) -> str | None:
    """UTC ISO 8601 of a time that is written for a person, to the minute; None when it is none."""
    match = _HUMAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    days = {"Today": 0, "Yesterday": 1}.get(match.group(1))
    try:
        day = match.group(1) if days is None else (now - timedelta(days=days)).strftime("%Y-%m-%d")
        found = datetime.strptime(f"{day} {match.group(2)}", "%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return None
    return found.strftime("%Y-%m-%dT%H:%M:00Z")


def looks_like(status: int, location: str | None) -> str:
    """What came instead of the list, in words."""
    if status in (301, 302, 303, 307, 308):
        return f"status {status}, a redirect to {inert(location or 'nowhere', 120)}"
    return f"status {status}"
