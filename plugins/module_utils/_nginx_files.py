# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx configuration read from where nginx reads it: this host's disk, or a container. Edge: files, processes.

Nothing here writes. ``nginx -T`` would (log files, temporary directories, the pid file) and shows nothing when the
configuration is invalid, so the files themselves are read.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
import time
from collections.abc import Mapping, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils import _command
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import FILE_MISSING, Config, load, shown
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Bytes of one file; a larger one is no configuration written by people.
MAX_FILE = 16 * 1024 * 1024
#: Bytes of all files together.
MAX_TOTAL = 64 * 1024 * 1024
#: Seconds for everything that is read through a command.
COMMAND_DEADLINE_S = 60.0
_MAX_LINKS = 40
_MOUNTS = "/proc/self/mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")
# The pattern is an argument, never part of the script; without IFS a blank in it separates nothing.
_GLOB = 'IFS=; for found in $1; do [ -e "$found" ] && printf "%s\\0" "$found"; done; :'


class Files:
    """The files as nginx names them.

    Args:
        prefix: what runs a command where nginx runs, e.g. ``["docker", "exec", "proxy"]``; empty: here.
        mounts: directories (or files) that nginx sees → where they are on this host; only with ``prefix``.
        instead: paths on this host → content to take instead (None: as if the file did not exist).
        deadline_s: seconds for everything that is read through a command.
    """

    def __init__(
        self,
        prefix: Sequence[str] = (),
        mounts: Mapping[str, str] | None = None,
        instead: Mapping[str, bytes | None] | None = None,
        deadline_s: float = COMMAND_DEADLINE_S,
    ) -> None:
        self.prefix = tuple(prefix)
        self.mounts = {_clean(inside): _clean(outside) for inside, outside in (mounts or {}).items()}
        self.instead = dict(instead or {})
        self._total = 0
        self._deadline_s = deadline_s
        self._end = time.monotonic() + deadline_s

    def host_path(self, path: str) -> str | None:
        """Where a file lies on this host, None when it exists inside of the container only."""
        if not self.prefix:
            return path
        for inside in sorted(self.mounts, key=len, reverse=True):
            if path == inside:
                return self.mounts[inside]
            if path.startswith(inside.rstrip("/") + "/"):
                return self.mounts[inside].rstrip("/") + "/" + path[len(inside.rstrip("/")) + 1 :]
        return None

    def real(self, path: str) -> str:
        """The file behind symbolic links of the last component, as nginx names it; links are read where nginx does."""
        for _attempt in range(_MAX_LINKS):
            here = self.host_path(path)
            try:
                target = os.readlink(here) if here is not None and os.path.islink(here) else None
            except OSError as error:
                raise _failed(path, error) from error
            if target is None:
                return path
            path = os.path.normpath(os.path.join(os.path.dirname(path), target))
        raise SteveError("follow a symbolic link", shown(path), "it leads in a circle", "Repair the link.")

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            SteveError: it cannot be read, or is too large.
        """
        here = self.host_path(self.real(path))
        other = self.instead.get(here) if here is not None else None
        if other is not None:
            data = other
        elif here is None:
            data = self.run(["cat", path], path)
        else:
            data = _read_here(here, path)
        self._total += len(data)
        if self._total > MAX_TOTAL:
            raise SteveError(
                "read the nginx configuration",
                shown(path),
                f"all files together exceed {MAX_TOTAL} bytes",
                "Look for an include that brings what is no configuration.",
            )
        return data

    def read_optional(self, path: str) -> bytes | None:
        """The content of a file on this host, None when there is none."""
        here = self.host_path(self.real(path))
        if here is None or (here in self.instead and self.instead[here] is None) or not os.path.lexists(here):
            return None
        return self.read(path)

    def glob(self, pattern: str) -> list[str]:
        """The files that match a pattern, in byte order: nginx runs in the C locale."""
        if self.prefix:
            listed = self.run(["sh", "-c", _GLOB, "sh", pattern], pattern)
            found = [os.fsdecode(name) for name in listed.split(b"\0") if name]
        else:
            found = glob.glob(pattern)
        gone = {path for path, content in self.instead.items() if content is None}
        return sorted((path for path in found if self.host_path(path) not in gone), key=os.fsencode)

    def mount_points(self) -> frozenset[str]:
        """Where something is mounted as nginx's container sees it; empty where nginx reads the files of this host.

        A file that is mounted by itself keeps the file of then (its inode) when the one on this host is replaced.

        Raises:
            SteveError: it could not be found out.
        """
        if not self.prefix:
            return frozenset()
        return mount_points(self.run(["cat", _MOUNTS], _MOUNTS))

    def run(self, command: Sequence[str], subject: str) -> bytes:
        """What a command says that runs where nginx runs.

        Raises:
            SteveError: it failed, took too long or said too much.
        """
        argv = [*self.prefix, *command]
        try:
            left = max(self._end - time.monotonic(), 0.1)
            said = _command.run(argv, left, keep=MAX_FILE, environment={**os.environ, "LC_ALL": "C"})
        except _command.TimedOut as error:
            raise SteveError(
                "read the nginx configuration",
                shown(subject),
                f"no answer within {self._deadline_s:g} s in total",
                "See whether the container or its engine hangs.",
            ) from error
        except OSError as error:
            raise SteveError(
                "run a command where nginx runs",
                inert(argv[0]),
                error.strerror or "not possible",
                "Install it, or correct the option nginx_command.",
            ) from error
        if said.code != 0:
            raise SteveError(
                "read the nginx configuration",
                shown(subject),
                inert(said.last_words),
                "See whether the file exists where nginx runs, and whether this user may run the command.",
            )
        if said.cut:
            raise _too_large(subject)
        return said.out


def mount_points(mountinfo: bytes) -> frozenset[str]:
    """The mount points of a ``mountinfo`` (proc(5)): the fifth word of each line, blanks and such in octal."""
    words = (line.split(b" ") for line in mountinfo.splitlines())
    points = (line[4] for line in words if len(line) > 4)
    return frozenset(os.fsdecode(_OCTAL.sub(lambda one: bytes([int(one[1], 8) & 255]), point)) for point in points)


def _clean(path: str) -> str:
    return os.path.normpath(path) if path else path


def _failed(path: str, error: OSError) -> SteveError:
    return SteveError(
        "read the nginx configuration",
        shown(path),
        error.strerror or type(error).__name__,
        "Check that the file exists and that this user may read it.",
        code=FILE_MISSING if error.errno == errno.ENOENT else "nginx-config-unreadable",
    )


def _too_large(path: str) -> SteveError:
    return SteveError(
        "read the nginx configuration",
        shown(path),
        f"it exceeds {MAX_FILE} bytes",
        "Look for an include that brings what is no configuration.",
    )


def _read_here(here: str, path: str) -> bytes:
    try:
        # Not blocking: opening a named pipe would wait for a writer for ever.
        descriptor = os.open(here, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as handle:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SteveError(
                    "read the nginx configuration",
                    shown(path),
                    "it is no regular file",
                    "Look at the include that names it.",
                )
            data = handle.read(MAX_FILE + 1)
    except OSError as error:
        raise _failed(path, error) from error
    if len(data) > MAX_FILE:
        raise _too_large(path)
    return data


def read(conf: str, prefix: Sequence[str] = (), mounts: Mapping[str, str] | None = None) -> Config:
    """The configuration whose main file is ``conf``. Arguments as of ``Files``; never raises, see ``Config.errors``."""
    return load(conf, Files(prefix, mounts))
