# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the listening sockets of this host and, as far as its user may, which program each belongs to. Read-only."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Callable

from ansible_collections.chargeops.steve.plugins.module_utils import _sockets
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

TABLES = ("tcp", "tcp6")
#: Bytes of one table. The kernel writes listeners first, so that a host with a million connections loses none.
MAX_TABLE = 4 * 1024 * 1024
MAX_LISTENERS = 500
MAX_PROCESSES = 20_000
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def look(deadline: float, clock: Callable[[], float] = time.monotonic, proc: str = "/proc") -> dict[str, Any]:
    """The listening TCP sockets.

    Args:
        deadline: time of ``clock`` after which no further process is looked at.
        proc: where the proc file system is mounted.

    Returns:
        ``listening``: list of ``address``, ``port``, ``pid``, ``program`` (None where the owner is not known),
        ``owners`` (``all`` | ``some`` | ``none`` are known), ``left_out`` (listeners beyond the limit).

    Raises:
        SteveError: there is no such table.
    """
    found: list[_sockets.Listener] = []
    missing = 0
    for name in TABLES:
        try:
            with open(os.path.join(proc, "net", name), "rb") as table:
                found += _sockets.parse(table.read(MAX_TABLE).decode("ascii", "replace"))
        except OSError:
            missing += 1
    if missing == len(TABLES):
        raise SteveError(
            "read the listening sockets", f"{proc}/net/tcp", "it cannot be read", "Look with ss -ltn on the host."
        )
    kept = sorted(set(found), key=lambda item: (item.port, item.address))[:MAX_LISTENERS]
    owners = _owners({item.inode for item in kept}, deadline, clock, proc)
    rows = []
    for item in kept:
        pid, program = owners.get(item.inode, (None, None))
        rows.append({"address": item.address, "port": item.port, "pid": pid, "program": program})
    known = sum(1 for row in rows if row["pid"] is not None)
    return {
        "listening": rows,
        "owners": "all" if known == len(rows) else "some" if known else "none",
        "left_out": max(len(set(found)) - MAX_LISTENERS, 0),
    }


def _owners(
    wanted: set[int], deadline: float, clock: Callable[[], float], proc: str
) -> dict[int, tuple[int | None, str | None]]:
    """Inode → process id and program, as far as /proc lets this user see."""
    result: dict[int, tuple[int | None, str | None]] = {}
    try:
        processes = [name for name in os.listdir(proc) if name.isdigit()][:MAX_PROCESSES]
    except OSError:
        return result
    for name in processes:
        if clock() > deadline or len(result) == len(wanted):
            break
        for inode in _inodes(os.path.join(proc, name, "fd")) & wanted:
            # Several processes may hold one socket; the lowest id is the one that opened it, as a rule.
            if inode not in result or int(name) < (result[inode][0] or 0):
                result[inode] = (int(name), _program(os.path.join(proc, name, "comm")))
    return result


def _inodes(directory: str) -> set[int]:
    found = set()
    try:
        for name in os.listdir(directory):
            match = _SOCKET.fullmatch(os.readlink(os.path.join(directory, name)))
            if match:
                found.add(int(match.group(1)))
    except OSError:
        # Another user's process, or one that has just ended.
        return found
    return found


def _program(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return inert(file.read(64).decode("utf-8", "replace").strip(), 40) or None
    except OSError:
        return None
