# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts ``log`` and ``clock`` for tests of the analyser: the log is read as on a host, from lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._follow import Follower
from ansible_collections.chargeops.steve.plugins.module_utils._steve_log import Reader

UNTIL = datetime(2026, 11, 23, 1, 0, 0, tzinfo=UTC)
STARTED = "de.rwth.idsg.steve.SteveApplication (main) - Started SteveApplication in 17.89 seconds"
FAILED = "org.springframework.boot.SpringApplication (main) - Application run failed"
CLOSED = "Connection is closed, status: CloseStatus[code=1006, reason=Session Closed]"
OPENED = "Connection is established"
HEARTBEAT = 'Received: [2,"1","Heartbeat",{}]'
BOOT = 'Received: [2,"b1","BootNotification",{"chargePointVendor":"V"}]'
ANSWER = 'Sending: [3,"b1",{"status":"Accepted","currentTime":"2026-11-23T00:00:00Z","interval":14400}]'


def ago(seconds: float, text: str, level: str = "INFO") -> str:
    """A line so many seconds before the observation."""
    stamp = (UNTIL - timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S,000")
    return f"[{level:<5}] {stamp} {text}\n"


def about(seconds: float, what: str, charge_box_id: str = "CP-1", key: str = "s1") -> str:
    """A line about a session."""
    logger = "de.rwth.idsg.steve.ocpp.ws.WebSocketLogger"
    return ago(seconds, f"{logger} (qtp-1) - [chargeBoxId={charge_box_id}, sessionId={key}] {what}")


def acknowledged(seconds: float, status: str = "ACCEPTED", charge_box_id: str = "CP-1") -> str:
    """SteVe's own line about a boot."""
    logger = "de.rwth.idsg.steve.service.CentralSystemService16_Service"
    text = f"The boot of the chargebox '{charge_box_id}' with registration status 'Optional[{status}]' is acknowledged."
    return ago(seconds, f"{logger} (qtp-1) - {text}")


def booted(seconds: float, key: str = "s1", status: str = "ACCEPTED", box: str = "CP-1") -> str:
    """A session that begins with a BootNotification."""
    return (
        about(seconds, OPENED, box, key) + about(seconds - 1, BOOT, box, key) + acknowledged(seconds - 1, status, box)
        + about(seconds - 1, ANSWER.replace("Accepted", status.capitalize()), box, key)
    )  # fmt: skip


def dropping(*after: float, silence: float | None = 60, until: float = 30) -> str:
    """Sessions that are cut after so many seconds and so much silence, the last one ``until`` seconds ago."""
    text, end = "", until
    for index, length in reversed(list(enumerate(after))):
        key = f"d{index}"
        text = (
            about(end + length, OPENED, key=key)
            + (about(end + silence, HEARTBEAT, key=key) if silence else about(end + length, HEARTBEAT, key=key))
            + about(end, CLOSED, key=key) + text
        )  # fmt: skip
        end += length + 20
    return text


def log(text: str, *asked: str) -> dict[str, Any]:
    """The part of a host whose log holds these lines."""
    reader = Reader(asked or ("CP-1",))
    reader.feed(text.encode())
    reader.close()
    found = reader.to_dict()
    window = {
        "since": "2026-11-22T01:00:00Z", "until": UNTIL.strftime("%Y-%m-%dT%H:%M:%SZ"), "first": found.pop("first"),
        "last": found.pop("last"), "truncated": False, "reason": None, "rotated": [],
    }  # fmt: skip
    source = {"kind": "container", "name": "site-app-1"}
    return {
        "status": "ok", "reason": None, "elapsed_s": 0.1, "data": {"source": source, "window": window, **found},
    }  # fmt: skip


def followed(*steps: str, asked: str = "CP-1", held: float = 2.5, ended: str = "time") -> dict[str, Any]:
    """The part of a host whose log was followed.

    Args:
        steps: lines that came one after the other.
        asked: the charge box.
        held: seconds after the last of them at which following ended.
        ended: why it ended.
    """
    follower = Follower([asked])
    for number, text in enumerate(steps):
        follower.feed(text.encode())
        follower.done(number - len(steps) + 1)
    found = {
        "source": {"kind": "container", "name": "site-app-1"}, "since": "2026-11-23T01:00:00Z",
        "until": "2026-11-23T01:01:00Z", "seconds": 60.0, "ended": ended, "reason": None,
        "recreated": [], **follower.to_dict(held),
    }  # fmt: skip
    return {"status": "ok", "reason": None, "elapsed_s": 60.1, "data": found}


def clock(*witnesses: tuple[str, float, float], synchronized: bool | None = None) -> dict[str, Any]:
    """The part of a host with these witnesses: name, offset, uncertainty."""
    rows = [{"name": name, "offset_s": off, "uncertainty_s": sure, "what": name} for name, off, sure in witnesses]
    ntp = {"synchronized": synchronized, "enabled": None, "leap": None}
    data = {"witnesses": rows, "skipped": [], "ntp": ntp, "host": {"begin_s": 0.0, "end_s": 1.0}}
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}
