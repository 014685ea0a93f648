# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Witnesses of SteVe's clock: each compares two clocks and says how sure it is. Pure.

A container shares the clock of its host, so SteVe against docker's engine shows only what stands between the two, such
as a library that fakes the time; host against controller, or against its time servers, shows the rest.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Iterable

from ansible_collections.chargeops.steve.plugins.module_utils._log_boxes import seconds

#: A line reaches the engine within this time, on a machine that is not stuck.
_LOG_DELAY_S = 1.0
_CHRONY = re.compile(r"^System time\s*:\s*([\d.]+) seconds (slow|fast) of NTP time", re.MULTILINE)
_LEAP = re.compile(r"^Leap status\s*:\s*(.+?)\s*$", re.MULTILINE)


def witness(name: str, offset_s: float, uncertainty_s: float, what: str) -> dict[str, Any]:
    """One comparison; the offset is positive where the first clock named in ``what`` is ahead."""
    return {
        "name": name, "offset_s": round(offset_s, 3), "uncertainty_s": round(uncertainty_s, 3), "what": what,
    }  # fmt: skip


def skipped(name: str, reason: str) -> dict[str, str]:
    """A comparison that could not be made."""
    return {"name": name, "reason": reason}


def against_engine(stamps: Iterable[tuple[bytes, bytes]]) -> dict[str, Any] | None:
    """SteVe's own timestamps against the engine's of the same lines; None without any.

    A line can only arrive later than it was written, so the largest difference is the best one.
    """
    pairs = [(seconds(mine), seconds(engine)) for mine, engine in stamps]
    offsets = [mine - engine for mine, engine in pairs if mine is not None and engine is not None]
    if not offsets:
        return None
    return witness("engine", max(offsets), _LOG_DELAY_S, "SteVe's log against docker's engine")


def told_to_chargers(answers: Iterable[tuple[bytes, str]]) -> dict[str, Any] | None:
    """The time in SteVe's answers to BootNotification against the stamp of the line; None without any.

    A zone other than UTC is right in itself, but chargers ignore it (``zone``).
    """
    newest = None
    for at, told in answers:
        when, logged = _moment(told), seconds(at)
        if when is not None and logged is not None:
            newest = witness(
                "boot-answer", when.timestamp() - logged, _LOG_DELAY_S, "the time told to chargers against its log line"
            )
            offset = when.utcoffset()
            newest["zone_s"] = None if offset is None else offset.total_seconds()
    return newest


def _moment(text: str) -> datetime | None:
    """An ISO 8601 time with its zone, None for anything else. Python 3.8 reads three or six digits and no Z."""
    match = re.match(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$", text)
    if match is None:
        return None
    zone = "+00:00" if match.group(3) == "Z" else match.group(3)
    try:
        return datetime.fromisoformat(f"{match.group(1)}.{(match.group(2) or '0')[:6]:0<6}{zone}")
    except ValueError:
        return None


def of_file(last: bytes | None, modified: float | None) -> dict[str, Any] | None:
    """The newest line of a file that lies in the host's future; None otherwise.

    Lines of a file may be written late (SteVe up to 3.7 keeps them back), so one that is old says nothing.
    """
    written = seconds(last)
    if written is None or modified is None or written <= modified:
        return None
    return witness("log-file", written - modified, _LOG_DELAY_S, "SteVe's log against the time its file was written")


def ntp(timedatectl: str | None, chronyc: str | None) -> dict[str, Any]:
    """What the host says about its synchronisation: ``synchronized`` (None: not known), ``enabled``, ``leap``."""
    facts = dict(line.partition("=")[::2] for line in (timedatectl or "").splitlines() if "=" in line)
    leap = _LEAP.search(chronyc or "")
    synchronized = {"yes": True, "no": False}.get(facts.get("NTPSynchronized", ""))
    if synchronized is None and leap:
        synchronized = leap.group(1) != "Not synchronised"
    return {
        "synchronized": synchronized,
        "enabled": {"yes": True, "no": False}.get(facts.get("NTP", "")),
        "leap": leap.group(1)[:40] if leap else None,
    }


def against_ntp(chronyc: str | None) -> dict[str, Any] | None:
    """The host's clock against its time servers as chrony knows them; None when it does not."""
    match = _CHRONY.search(chronyc or "")
    leap = _LEAP.search(chronyc or "")
    if match is None or leap is None or leap.group(1) == "Not synchronised":
        return None
    try:
        value = float(match.group(1))
    except ValueError:
        return None
    offset = value if match.group(2) == "fast" else -value
    return witness("ntp", offset, 1.0, "the host's clock against its time servers")
