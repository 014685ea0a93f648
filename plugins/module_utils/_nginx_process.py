# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx as a process: test a configuration, reload, see whether new workers took over. Edge: processes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils import _command
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Config, shown
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_files import Files
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Seconds for one call of nginx; resolving names of upstreams takes the longest.
COMMAND_TIMEOUT_S = 60.0
#: Seconds within which a reload must have started new workers.
RELOAD_DEADLINE_S = 20.0
#: Seconds that an old worker without connections gets to end.
OLD_WORKERS_GRACE_S = 1.0
_WORDS = 1500
# A process may end while the list is read; only its own lines are missing then.
_LIST = 'for one in /proc/[0-9]*; do cat "$one/stat" "$one/cmdline" 2>/dev/null; echo; done; :'
_STAT = re.compile(rb"^(\d+) \(.*\) ([A-Za-z]) (\d+) [^\n]*\n([^\n]*)", re.MULTILINE)
_TIME_OF_LOG = re.compile(r"^(?:nginx: |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?(\[\w+\] )?(?:\d+#\d+: )?")


class Nginx:
    """The nginx that runs with the configuration ``conf``.

    Args:
        command: how to call the binary, e.g. ``["nginx"]`` or ``["docker", "exec", "proxy", "nginx"]``.
        conf: its main configuration file as nginx sees it.
        files: reads what nginx reads.
    """

    def __init__(
        self,
        command: Sequence[str],
        conf: str,
        files: Files,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.command = tuple(command)
        self.conf = conf
        self.files = files
        self.clock = clock
        self.sleep = sleep

    def test(self, conf: str, names: Mapping[str, str] | None = None) -> None:
        """``nginx -t`` on a main file; ``names`` maps file names in its words back to what they stand for.

        Raises:
            SteveError: with nginx's own words.
        """
        self._call(["-t", "-q", "-c", conf], "test the nginx configuration", names or {})

    def reload(self, config: Config) -> None:
        """Make the running nginx load the files, and wait until new workers have taken over.

        nginx reads the files twice here: the command itself refuses invalid ones before it signals anything, and the
        master keeps its old workers when it cannot use them (a port that is taken, for example). Old workers that
        still serve somebody stay, with the old configuration, but take no new connections.

        Raises:
            SteveError: it does not run, refuses the files, or started no new workers.
        """
        master = self.master(config)
        before = set(self._children(master))
        self._call(["-s", "reload", "-c", self.conf], "reload nginx", {})
        end = self.clock() + RELOAD_DEADLINE_S
        while not _taken_over(self._children(master), before):
            if self.clock() >= end:
                raise SteveError(
                    "reload nginx",
                    shown(self.conf),
                    f"no new workers have taken over within {RELOAD_DEADLINE_S:g} s",
                    "The reason stands in nginx's error log.",
                )
            self.sleep(0.05)

    def master(self, config: Config) -> int:
        """Process id of the running master.

        Raises:
            SteveError: there is none.
        """
        path = self._pid_file(config)
        try:
            pid = int(self._files().read(path).strip() or b"0")
        except (SteveError, ValueError):
            pid = 0
        if pid <= 0 or not self._children(pid):
            raise SteveError(
                "reload nginx",
                shown(self.conf),
                f"it does not run (no process with workers by {shown(path)})",
                "Start it, or use reload=false and start it afterwards.",
                code="nginx-not-running",
            )
        return pid

    def old_workers(self, config: Config) -> int | None:
        """How many workers of an earlier configuration still serve open connections; None when it cannot be told.

        A worker without any ends by itself, so those that are left after a moment have some.
        """
        try:
            master = self.master(config)
            end = self.clock() + OLD_WORKERS_GRACE_S
            while True:
                left = sum(self._children(master).values())
                if left == 0 or self.clock() >= end:
                    return left
                self.sleep(0.05)
        except SteveError:
            return None

    def _files(self) -> Files:
        # Its deadline counts from its making.
        return Files(self.files.prefix, self.files.mounts)

    def _pid_file(self, config: Config) -> str:
        named = next((one.args[0] for one in config.top() if one.name == "pid" and len(one.args) == 1), None)
        built = self._call(["-V"], "ask nginx how it was built", {})
        prefix = _built_with(built, "prefix") or "/usr/local/nginx"
        return os.path.join(prefix, named or _built_with(built, "pid-path") or "logs/nginx.pid")

    def _children(self, master: int) -> dict[int, bool]:
        """Living processes whose parent is the master; True: it takes no new connections any more."""
        if self.files.prefix:
            said = self._files().run(["sh", "-c", _LIST], "/proc")
        else:
            said = b"".join(_process(name) for name in os.listdir("/proc") if name.isdigit())
        return {
            int(pid): b"is shutting down" in title
            for pid, state, parent, title in _STAT.findall(said)
            if int(parent) == master and state not in b"ZX"
        }

    def _call(self, arguments: Sequence[str], attempted: str, names: Mapping[str, str]) -> str:
        argv = [*self.command, *arguments]
        try:
            done = _command.run(argv, COMMAND_TIMEOUT_S, merged=True, environment={**os.environ, "LC_ALL": "C"})
        except _command.TimedOut as error:
            raise SteveError(
                attempted,
                shown(self.conf),
                f"nginx did not answer within {COMMAND_TIMEOUT_S:g} s",
                "See whether a name server it asks, or the container's engine, hangs.",
            ) from error
        except OSError as error:
            raise SteveError(
                attempted, inert(argv[0]), error.strerror or "not possible", "Correct the option nginx_command."
            ) from error
        said = done.text
        for name, meant in names.items():
            said = said.replace(name, meant)
        if done.code != 0:
            raise SteveError(
                attempted,
                shown(self.conf),
                f"nginx says: {words(said) or f'exit code {done.code}'}",
                "Correct what it names, then run this again.",
                code="nginx-refused",
            )
        return said


def words(said: str) -> str:
    """nginx's own words on one line: what is serious, else the end of it; without clock and process ids."""
    stripped = [_TIME_OF_LOG.sub(lambda match: match.group(1) or "", line).strip() for line in said.splitlines()]
    lines = [line for line in dict.fromkeys(stripped) if line]
    serious = [line for line in lines if re.search(r"\[(?:emerg|alert|crit|error)\]", line)]
    return inert("; ".join(serious or lines[-3:]), _WORDS)


def _built_with(said: str, option: str) -> str | None:
    match = re.search(rf"--{option}=(\S+)", said)
    return match.group(1) if match else None


def _taken_over(now: dict[int, bool], before: set[int]) -> bool:
    """Whether there are new workers and none of the old ones listens any more (their title says so, nginx sets it)."""
    return any(pid not in before for pid in now) and all(shutting for pid, shutting in now.items() if pid in before)


def _process(name: str) -> bytes:
    """``stat`` and ``cmdline`` of a process, as ``_LIST`` prints them; empty when it has just ended."""
    try:
        with open(f"/proc/{name}/stat", "rb") as one, open(f"/proc/{name}/cmdline", "rb") as other:
            return one.read(4096) + other.read(4096) + b"\n"
    except OSError:
        return b""
