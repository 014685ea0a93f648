# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stops containers: full file systems and lack of memory. Reads numbers only, and nothing for long."""

from __future__ import annotations

import os
import re
import threading
from typing import Any

#: Seconds that one file system may take to answer; a dead network mount never does.
STATVFS_S = 2.0
_MAX_TEXT = 64 * 1024
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
#: Where the events of a container's memory stand: cgroup 2 with docker's systemd and cgroupfs drivers, cgroup 1.
_EVENTS = (
    "system.slice/docker-{id}.scope/memory.events",
    "docker/{id}/memory.events",
    "memory/system.slice/docker-{id}.scope/memory.oom_control",
    "memory/docker/{id}/memory.oom_control",
)


def file_systems(places: list[tuple[str, str]]) -> dict[str, Any]:
    """The file systems of some places, each once.

    Args:
        places: role and path, such as ``("docker", "/var/lib/docker")``.

    Returns:
        ``file_systems``: list of ``places`` (role and path), ``size``, ``free`` (bytes that a user other than root may
        still write, because data bases do not run as root), ``inodes`` and ``inodes_free`` (None where the file
        system counts none), ``read_only``; ``unread``: list of ``role``, ``path``, ``reason``.
    """
    found: dict[int, dict[str, Any]] = {}
    unread = []
    for role, path in places:
        answer = _statvfs(path)
        if isinstance(answer, str):
            unread.append({"role": role, "path": path, "reason": answer})
            continue
        device, numbers = answer
        row = found.setdefault(device, {"places": [], **_sizes(numbers)})
        row["places"].append({"role": role, "path": path})
    return {"file_systems": list(found.values()), "unread": unread}


def _sizes(numbers: os.statvfs_result) -> dict[str, Any]:
    counted = numbers.f_files > 0
    return {
        "size": numbers.f_frsize * numbers.f_blocks,
        "free": numbers.f_frsize * numbers.f_bavail,
        "inodes": numbers.f_files if counted else None,
        "inodes_free": numbers.f_favail if counted else None,
        "read_only": bool(numbers.f_flag & os.ST_RDONLY),
    }


def _statvfs(path: str) -> tuple[int, os.statvfs_result] | str:
    """Device and numbers, or why there are none."""
    answer: list[tuple[int, os.statvfs_result] | str] = []

    def ask() -> None:
        try:
            answer.append((os.stat(path).st_dev, os.statvfs(path)))
        except FileNotFoundError:
            answer.append("there is no such directory on this host")
        except PermissionError:
            answer.append("no permission")
        except OSError as error:
            answer.append(os.strerror(error.errno) if error.errno else "cannot be read")

    worker = threading.Thread(target=ask, daemon=True)
    worker.start()
    worker.join(STATVFS_S)
    return answer[0] if answer else f"no answer in {STATVFS_S:.0f} s"


def memory(text: str) -> dict[str, int] | None:
    """``total`` and ``available`` bytes from the text of /proc/meminfo; None when they are not there."""
    found = dict(re.findall(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", text, re.MULTILINE))
    if len(found) != 2:
        return None
    return {"total": int(found["MemTotal"]) * 1024, "available": int(found["MemAvailable"]) * 1024}


def host_memory(path: str = "/proc/meminfo") -> dict[str, int] | None:
    """The memory of this host, None when it cannot be read."""
    text = _read(path)
    return None if text is None else memory(text)


def oom_kills(container_id: str, root: str = "/sys/fs/cgroup") -> int | None:
    """How many processes of a container the kernel has killed for memory since its start; None when unreadable."""
    if not _CONTAINER_ID.fullmatch(container_id):
        return None
    for pattern in _EVENTS:
        text = _read(os.path.join(root, pattern.format(id=container_id)))
        match = re.search(r"^oom_kill (\d+)$", text or "", re.MULTILINE)
        if match:
            return int(match.group(1))
    return None


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_TEXT).decode("ascii", "replace")
    except OSError:
        return None
