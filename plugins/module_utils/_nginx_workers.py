# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the list of processes says of nginx, and its error log of the upstream. Pure: text in, dataclasses out.

A reload makes new workers, so the configuration that runs is as old as the oldest worker that takes connections (one
that crashed is started again by the master, with the old configuration, so the youngest says nothing).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import shown
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

MASTER = "nginx: master process"
WORKER = "nginx: worker process"
SHUTTING_DOWN = "is shutting down"
#: A file counts as newer than a worker from this many seconds on: clocks of files and processes tick apart.
MARGIN_S = 1.0
#: Where times are known in whole seconds only.
COARSE_MARGIN_S = 2.0
_MAX_NEWER = 20
_STAT = re.compile(r"(\d+) \(.*\) (\S) (\d+) ((?:-?\d+ ?)+)", re.DOTALL)
_STARTTIME = 17
_OPTION = r"(?:^|\s)-{}\s*(\S+)"
_CONNECTING = re.compile(
    r"\] \d+#\d+: (?:\*\d+ )?(?P<what>[^,\n]{1,200}?) while connecting to upstream, "
    r'.*?upstream: "(?P<scheme>\w+)://(?P<place>[^/"\s]+)'
)


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        parent: process id of its parent.
        state: letter of ``/proc/<pid>/stat``.
        started: seconds since 1970, by today's clock.
        title: its command line as ``ps`` shows it; nginx writes its role there.
        elsewhere: whether it lives in another pid namespace than the one that was asked, such as a container's.
    """

    pid: int
    parent: int
    state: str
    started: float
    title: str
    elsewhere: bool = False


def read_process(stat: str, cmdline: str, status: str, now: float, uptime_s: float, ticks: float) -> Process | None:
    """A process from its files in ``/proc``, None when they cannot be read as such.

    Args:
        status: ``/proc/<pid>/status``; its ``NSpid`` tells the namespaces. Empty where it was not read.
        now: seconds since 1970.
        uptime_s: seconds since the start of the machine, sleep included, at the same moment.
        ticks: clock ticks per second.
    """
    match = _STAT.match(stat)
    if match is None:
        return None
    numbers = match.group(4).split()
    if len(numbers) <= _STARTTIME:
        return None
    namespaces = re.search(r"^NSpid:\s*(.*)$", status, re.MULTILINE)
    return Process(
        pid=int(match.group(1)),
        parent=int(match.group(3)),
        state=match.group(2),
        started=now - uptime_s + int(numbers[_STARTTIME]) / ticks,
        title=cmdline.replace("\0", " ").strip(),
        elsewhere=namespaces is not None and len(namespaces.group(1).split()) > 1,
    )


def masters(processes: Iterable[Process]) -> list[Process]:
    """The masters of nginx that live where the list was read."""
    return [one for one in processes if one.title.startswith(MASTER) and not one.elsewhere and one.state not in "ZX"]


def workers(processes: Iterable[Process], master: Process) -> list[Process]:
    """The living workers of a master, those that shut down included; helpers of the cache are none."""
    return [
        one
        for one in processes
        if one.parent == master.pid and one.title.startswith(WORKER) and one.state not in "ZX"
    ]  # fmt: skip


def choose(found: list[Process], pid: int | None) -> Process | None:
    """The master by its pid file; without one the only one there is."""
    by_file = [one for one in found if one.pid == pid]
    if by_file:
        return by_file[0]
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Build:
    """What ``nginx -V`` says: version and built-in paths (None: not said)."""

    version: str | None = None
    prefix: str = "/usr/local/nginx"
    conf: str | None = None
    pid: str | None = None
    error_log: str | None = None

    def path(self, text: str, prefix: str | None = None) -> str:
        """A path as nginx reads it, relative ones from its prefix."""
        return os.path.normpath(os.path.join(prefix or self.prefix, text))


def read_build(said: str) -> Build:
    """The answer of ``nginx -V`` (OpenResty, Tengine and others name themselves otherwise and keep the version)."""

    def option(name: str) -> str | None:
        match = re.search(rf"--{name}=(\S+)", said)
        return match.group(1) if match else None

    version = re.search(r"version: \S+?/(\d+(?:\.\d+)+)", said)
    return Build(
        version.group(1) if version else None,
        option("prefix") or "/usr/local/nginx",
        option("conf-path"),
        option("pid-path"),
        option("error-log-path"),
    )


def main_file(master: Process, build: Build) -> str:
    """The main file that a running master reads at a reload: ``-c`` and ``-p`` of its command line, else the
    built-in path."""
    arguments = master.title[len(MASTER) :]
    prefix, conf = (re.search(_OPTION.format(letter), arguments) for letter in "pc")
    named = conf.group(1) if conf else build.conf or "conf/nginx.conf"
    return build.path(named, prefix.group(1) if prefix else None)


@dataclass(frozen=True)
class Changed:
    """When a file was last written, or its link made; seconds since 1970."""

    file: str
    at: float


def newest(times: Mapping[str, float | None], since: float, now: float, margin_s: float) -> list[Changed]:
    """The files that were written after ``since``, newest first; a time in the future says nothing."""
    found = [
        Changed(file, at) for file, at in times.items() if at is not None and since + margin_s < at <= now + margin_s
    ]
    return sorted(found, key=lambda one: -one.at)


def newer_to_dict(found: list[Changed], stamp: Any) -> dict[str, Any]:
    """Plain JSON form; ``stamp`` writes a time."""
    rows = [{"file": shown(one.file), "changed_at": stamp(one.at)} for one in found[:_MAX_NEWER]]
    return {"newer_files": rows, "newer_count": len(found)}


def connection_errors(text: str, path: str, most: int = 5) -> list[dict[str, Any]]:
    """The last failures to connect to an upstream that nginx's error log tells, for requests under ``path``.

    Returns:
        ``{what, place}`` each: nginx's words and the address with port that it used; nothing of the request.
    """
    found = []
    for line in text.splitlines():
        match = _CONNECTING.search(line)
        if match is not None and f" {path}" in line:
            found.append({"what": inert(match.group("what"), 120), "place": inert(match.group("place"), 80)})
    return found[-most:]
