# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Part ``nginx`` of an observation: the files, the nginx that runs, and where its upstream leads. Edge.

Nothing here writes: files and ``/proc`` are read, ``nginx -V`` only prints (``ngx_show_version_info`` comes before any
log is opened), ``nginx -t`` and ``nginx -T`` are never run. Where nginx runs in a container the same is read by
commands in it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils import _command
from ansible_collections.chargeops.steve.plugins.module_utils._dial import Clock, dial, resolve
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Failure
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_access import refusers
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_checks import problems
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Config, load, shown
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_files import Files
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_forward import forwards, log_file, parse_version
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import Scope, describe, scope, select_server
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_workers import (
    COARSE_MARGIN_S,
    MARGIN_S,
    SHUTTING_DOWN,
    Build,
    Process,
    choose,
    connection_errors,
    main_file,
    masters,
    newer_to_dict,
    newest,
    read_build,
    read_process,
    workers,
)
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/openresty/nginx/sbin:/usr/local/nginx/sbin"
_COMMAND_S = 10.0
_RESOLVE_S = 3.0
_DIAL_S = 2.0
#: Seconds for everything that is asked behind a bad gateway.
_NOW_S = 10.0
#: Bytes of the end of nginx's error log.
_LOG_END = 64 * 1024
_MAX_PROC = 65536
# A process may end while the list is read; only its own lines are missing then.
_LIST = (
    'date +%s; cat /proc/uptime; getconf CLK_TCK 2>/dev/null || echo 100; for one in /proc/[0-9]*; do echo; echo "=="; '
    'cat "$one/stat" 2>/dev/null; echo "=="; tr "\\000" " " <"$one/cmdline" 2>/dev/null; echo; echo "=="; '
    'grep NSpid "$one/status" 2>/dev/null; done; :'
)
_TIMES = (
    'for one; do a=$(stat -c %Y "$one" 2>/dev/null) b=$(stat -L -c %Y "$one" 2>/dev/null); echo "${a:--} ${b:--}"; done'
)


class Look:
    """One look at nginx.

    Args:
        conf: its main configuration file as nginx sees it.
        command: how nginx is called; everything before the last word runs other commands where nginx runs.
        deadline_s: seconds for everything that is asked by commands.
    """

    def __init__(self, conf: str, command: Sequence[str], deadline_s: float) -> None:
        self.conf = conf
        self.command = tuple(command)
        self.prefix = tuple(command[:-1])
        self.files = Files(self.prefix, deadline_s=max(deadline_s, 1.0))
        self.request: Scope | None = None
        self.build = Build()

    def part(self, name: str, port: int, path: str) -> dict[str, Any]:
        """What the configuration does with a WebSocket for the public name, and what of it is running.

        Args:
            name, port: of the public URL.
            path: of the request, without a charge box id.
        """
        config = load(self.conf, self.files)
        data = describe(config, name, port, path)
        data["may_refuse"] = []
        data["problems"] = [one.to_dict() for one in problems(config)]
        data["running"] = self._running(config)
        selection = select_server(config, name, port)
        if selection.server is not None:
            self.request = scope(config, selection.server, name, port, path)
            data["may_refuse"] = refusers(self.request)
            if data["location"] is not None:
                version = parse_version(data["running"]["version"])
                data["location"]["forwards"] = forwards(self.request, version)
        data["upstream_now"] = None
        return data

    # -- what runs -------------------------------------------------------------------------------------------

    def _running(self, config: Config) -> dict[str, Any]:
        result: dict[str, Any] = {
            "status": "unknown", "reason": None, "version": None, "conf": None, "workers": 0, "old_workers": 0,
            "since": None, "newer_files": [], "newer_count": 0,
        }  # fmt: skip
        try:
            self.build = self._built()
        except SteveError as error:
            result["reason"] = error.sentence()
        result["version"] = self.build.version
        try:
            result.update(self._workers(config))
        except SteveError as error:
            result.update(status="unknown", reason=error.sentence())
        return result

    def _built(self) -> Build:
        """``nginx -V``, which only prints.

        Raises:
            SteveError: there is no such command, or it failed.
        """
        argv = [*self.command, "-V"]
        if not self.prefix:
            search = os.environ.get("PATH", "") + os.pathsep + _SBIN
            argv[0] = shutil.which(argv[0], path=search) or argv[0]
        what = "ask nginx for its version"
        try:
            said = _command.run(argv, _COMMAND_S, keep=_MAX_PROC, merged=True)
        except _command.TimedOut as error:
            raise SteveError(what, inert(argv[0]), f"no answer within {_COMMAND_S:g} s", "See what hangs.") from error
        except OSError as error:
            advice = "Correct steve_nginx_command if nginx is installed."
            raise SteveError(what, inert(argv[0]), error.strerror or "not possible", advice) from error
        if said.code != 0:
            raise SteveError(what, inert(argv[0]), inert(said.last_words), "Correct steve_nginx_command.")
        return read_build(said.text)

    def _workers(self, config: Config) -> dict[str, Any]:
        """The running workers against the files.

        Raises:
            SteveError: the list of processes or the times of the files cannot be read.
        """
        processes, now = self._listed() if self.prefix else _listed_here()
        found = masters(processes)
        master = choose(found, self._pid(config)) or choose([one for one in found if self._reads_conf(one)], None)
        if master is None:
            if found:
                pids = ", ".join(str(one.pid) for one in found[:5])
                return {"status": "unknown", "reason": f"several nginx run (masters {pids}), none by the pid file"}
            if not any(one.pid == 1 for one in processes):
                return {"status": "unknown", "reason": "the processes of other users are hidden from this one"}
            return {"status": "stopped", "reason": "no nginx master process runs where its files are read"}
        conf = main_file(master, self.build)
        if os.path.isabs(conf) and not self._same_file(conf):
            reason = f"the nginx that runs reads {shown(conf)}, not {shown(self.conf)}; correct diagnose_nginx_conf"
            return {"status": "unknown", "reason": reason, "conf": shown(conf)}
        mine = workers(processes, master)
        current = [one for one in mine if SHUTTING_DOWN not in one.title]
        if not current:
            return {"status": "unknown", "reason": "nginx's master has no worker that takes connections"}
        since = min(one.started for one in current)
        times = self._times(list(config.files))
        newer = newest(times, since, now, COARSE_MARGIN_S if self.prefix else MARGIN_S)
        unread = [path for path, at in times.items() if at is None]
        return {
            "status": "ok",
            "reason": f"the times of {len(unread)} files could not be read" if unread else None,
            "conf": shown(self.conf),
            "workers": len(current),
            "old_workers": len(mine) - len(current),
            "since": _stamp(since),
            **newer_to_dict(newer, _stamp),
        }

    def _pid(self, config: Config) -> int | None:
        named = next((one.args[0] for one in config.top() if one.name == "pid" and len(one.args) == 1), None)
        path = self.build.path(named or self.build.pid or "/run/nginx.pid")
        try:
            return int(self.files.read(path).strip())
        except (SteveError, ValueError):
            return None

    def _reads_conf(self, master: Process) -> bool:
        return self._same_file(main_file(master, self.build))

    def _same_file(self, conf: str) -> bool:
        if self.prefix:
            return os.path.normpath(conf) == os.path.normpath(self.conf)
        return os.path.realpath(conf) == os.path.realpath(self.conf)

    def _listed(self) -> tuple[list[Process], float]:
        head, *blocks = self.files.run(["sh", "-c", _LIST], "/proc").decode("utf-8", "replace").split("\n\n==\n")
        words = head.split()
        try:
            now, uptime, ticks = float(words[0]), float(words[1]), float(words[3])
        except (ValueError, IndexError) as error:
            advice = "See whether date and /proc work where nginx runs."
            raise SteveError("list the processes", inert(self.prefix[0]), "it told no times", advice) from error
        found = []
        for block in blocks:
            stat, cmdline, status = [*(piece.strip() for piece in block.split("==\n")), "", "", ""][:3]
            found.append(read_process(stat, cmdline, status, now, uptime, ticks))
        return [one for one in found if one is not None], now

    def _times(self, paths: list[str]) -> dict[str, float | None]:
        if not self.prefix:
            return {path: _time_here(path) for path in paths}
        rows = self.files.run(["sh", "-c", _TIMES, "sh", *paths], self.conf).decode("ascii", "replace").splitlines()
        return {path: _later(row) for path, row in zip(paths, [*rows, *["-"] * len(paths)])}

    # -- where the upstream leads now ------------------------------------------------------------------------

    def upstream_now(self, servers: Iterable[dict[str, Any]], path: str, since: float) -> dict[str, Any]:
        """For a bad gateway: what the names of the upstream mean now, who answers there, and where nginx went.

        Each address gets one connection that is closed again, without a request.

        Args:
            servers: ``servers`` of the upstream.
            path: of the probes, as it begins.
            since: time of the first probe; an error log that was not written since says nothing.
        """
        # The deadline of what is asked by commands counts from the making of the files' reader.
        self.files = Files(self.prefix, deadline_s=_NOW_S)
        end, rows = time.monotonic() + _NOW_S, []
        for server in list(servers)[:4]:
            if server["kind"] in ("name", "address") and time.monotonic() < end:
                rows.append(self._server_now(server))
        errors, reason = self._errors(path, since)
        return {"servers": rows, "errors": errors, "errors_reason": reason}

    def _server_now(self, server: dict[str, Any]) -> dict[str, Any]:
        host, port = str(server["host"]), int(server["port"])
        row: dict[str, Any] = {"host": host, "port": port, "addresses": [], "answering": [], "reason": None}
        addresses, row["reason"] = self._resolved(host, port)
        row["addresses"] = addresses
        # From this host an address of a container's own loopback would be another machine's.
        dialled = [one for one in addresses if not (self.prefix and ipaddress.ip_address(one).is_loopback)]
        row["answering"] = [one for one in dialled if _answers(one, port)]
        return row

    def _resolved(self, host: str, port: int) -> tuple[list[str], str | None]:
        if self.prefix:
            try:
                said = self.files.run(["getent", "ahosts", host], host).decode("utf-8", "replace")
            except SteveError as error:
                return [], error.got
            return _addresses(line.split()[0] for line in said.splitlines() if line.split()), None
        found = resolve(host, port, _RESOLVE_S)
        if isinstance(found, Failure):
            return [], found.sentence
        return _addresses(one.text for one in found), None

    def _errors(self, path: str, since: float) -> tuple[list[dict[str, Any]], str | None]:
        named = log_file(self.request) if self.request is not None else None
        named = named or self.build.error_log
        if not named or named.startswith(("syslog:", "memory:", "stderr", "/dev/")):
            return [], "nginx's error log is no file that can be read here"
        place = self.build.path(named)
        try:
            text, written = self._tail(place)
        except SteveError as error:
            return [], error.sentence()
        if written is not None and written < since - COARSE_MARGIN_S:
            return [], f"{shown(place)} was not written since"
        return connection_errors(text, path), None

    def _tail(self, path: str) -> tuple[str, float | None]:
        if self.prefix:
            said = self.files.run(["tail", "-c", str(_LOG_END), path], path)
            return said.decode("utf-8", "replace"), self._times([path])[path]
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as handle:
                known = os.fstat(descriptor)
                handle.seek(max(known.st_size - _LOG_END, 0))
                return handle.read(_LOG_END).decode("utf-8", "replace"), known.st_mtime
        except OSError as error:
            advice = "Let this user read it."
            raise SteveError("read nginx's error log", shown(path), error.strerror or "not possible", advice) from error


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time_here(path: str) -> float | None:
    """When the file was written or, if later, the link to it made."""
    try:
        return max(os.stat(path).st_mtime, os.lstat(path).st_mtime)
    except OSError:
        return None


def _later(row: str) -> float | None:
    found = [float(word) for word in row.split() if re.fullmatch(r"\d+", word)]
    return max(found) if found else None


def _addresses(texts: Iterable[str]) -> list[str]:
    found = []
    for text in texts:
        try:
            found.append(str(ipaddress.ip_address(text.partition("%")[0])))
        except ValueError:
            continue
    return list(dict.fromkeys(found))[:16]


def _answers(address: str, port: int) -> bool:
    found = resolve(address, port, _RESOLVE_S)
    if isinstance(found, Failure):
        return False
    results = dial(found, _DIAL_S, Clock())
    for one in results:
        if one.sock is not None:
            one.sock.close()
    return any(one.failure is None for one in results)


def _read(path: str) -> str:
    with open(path, "rb") as handle:
        return handle.read(_MAX_PROC).decode("utf-8", "replace")


def _listed_here() -> tuple[list[Process], float]:
    """The processes of this host; those of nginx and the first one are enough."""
    ticks = float(os.sysconf("SC_CLK_TCK"))
    found: list[Process | None] = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            cmdline = _read(f"/proc/{name}/cmdline")
            if not cmdline.startswith("nginx:") and name != "1":
                continue
            stat, status = _read(f"/proc/{name}/stat"), _read(f"/proc/{name}/status")
        except OSError:
            continue
        # Both at one moment: a clock that is set meanwhile would move the start of a process.
        now, uptime = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
        found.append(read_process(stat, cmdline, status, now, uptime, ticks))
    return [one for one in found if one is not None], time.time()
