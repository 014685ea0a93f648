# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where SteVe's log comes from: a container's output by docker, or a file. Reads only, within bytes and time."""

from __future__ import annotations

import os
import select
import stat
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Generator, Protocol, Sequence, TypeVar

from ansible_collections.chargeops.steve.plugins.module_utils import _command
from ansible_collections.chargeops.steve.plugins.module_utils._docker import DockerUnavailable, failure
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

_CHUNK = 256 * 1024
#: Bytes of a line of SteVe's, on average, by which the number of lines to ask docker for is guessed.
_LINE_BYTES = 160
_STDERR = 4096


class Sink(Protocol):
    """What a log is read into: ``_steve_log.Reader``, ``_log_window.Window``."""

    @property
    def lines(self) -> int:
        """Lines that were read."""

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the log."""

    def close(self) -> None:
        """The log ends."""

    # Last, because the name of the type is meant above.
    bytes: int


Reader = TypeVar("Reader", bound=Sink)


@dataclass
class Limits:
    """How much of a log is read.

    Attributes:
        since: seconds since 1970 from which on events count.
        max_bytes: bytes read at the most, the newest ones.
        deadline: monotonic time at which reading ends.
    """

    since: float
    max_bytes: int
    deadline: float
    clock: Callable[[], float] = field(default=time.monotonic)

    def left(self) -> float:
        """Seconds left."""
        return self.deadline - self.clock()


def read_file(path: str, limits: Limits, make: Callable[[], Reader]) -> tuple[Reader, dict[str, Any]]:
    """The end of a log file.

    Returns:
        The reader that read it, and what the window is: ``truncated``, ``reason``, ``rotated``, ``modified`` (seconds
        since 1970), ``position`` (number of the file and the byte up to which it is read).

    Raises:
        SteveError: the file cannot be read.
    """
    shown = inert(path, 300)
    reader = make()
    reason = None
    try:
        # A pipe or a terminal would block; it is none of SteVe's.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(handle, "rb") as stream:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise _unreadable(shown, "it is no regular file", "Correct steve_log_file.")
            size = status.st_size
            begin = max(size - limits.max_bytes, 0)
            stream.seek(begin)
            if begin:
                reason = f"only the last {limits.max_bytes} of {size} bytes were read"
                stream.readline(_CHUNK)
            left = size - stream.tell()
            while left > 0:
                if limits.left() <= 0:
                    reason = "no time was left: the newest lines were not read"
                    break
                chunk = stream.read(min(_CHUNK, left))
                if not chunk:
                    break
                left -= len(chunk)
                reader.feed(chunk)
    except OSError as error:
        advice = "Correct steve_log_file, or connect with become."
        raise _unreadable(shown, os.strerror(error.errno or 0), advice) from error
    reader.close()
    return reader, {
        "truncated": reason is not None, "reason": reason, "rotated": rotated(path), "modified": status.st_mtime,
        "position": (status.st_ino, size),
    }  # fmt: skip


def _unreadable(target: str, got: str, advice: str) -> SteveError:
    return SteveError("read SteVe's log", target, got, advice, code="log-unreadable")


def rotated(path: str) -> list[str]:
    """Names of older parts of a log file beside it (``steve.log.1``, ``steve-2026-11-22.log.gz``), at most ten."""
    folder, name = os.path.split(os.path.abspath(path))
    stem = name[: -len(".log")] if name.endswith(".log") else name
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [inert(item, 100) for item in names if item != name and item.startswith(stem) and ".log" in item][-10:]


def read_container(
    container: dict[str, Any], limits: Limits, make: Callable[[], Reader], command: Sequence[str] = ("docker",)
) -> tuple[Reader, dict[str, Any]]:
    """What a container wrote; of a dead one also what is older than the window, because it is its last.

    Args:
        container: as docker inspect gives it.
        command: how docker is called.

    Returns:
        The reader that read it, and what the window is, as ``read_file`` says it.

    Raises:
        DockerUnavailable: docker cannot be asked, or its log driver cannot be read.
    """
    running = bool((container.get("State") or {}).get("Running"))
    lines = max(limits.max_bytes // _LINE_BYTES, 100)
    for _attempt in range(2):
        argv = [*command, "logs", "--timestamps", "--tail", str(lines)]
        if running:
            argv += ["--since", _utc(limits.since)]
        reader = make()
        reason = _read([*argv, str(container.get("Id") or "")], limits, reader)
        if reader.bytes <= limits.max_bytes or limits.left() <= 0:
            break
        # Lines are longer than guessed, so the newest ones were not reached: ask again for fewer.
        lines = max(int(reader.lines * 0.8 * limits.max_bytes / reader.bytes), 100)
    reader.close()
    if reason is None and reader.lines >= lines:
        reason = f"only the last {lines} lines were read"
    return reader, {
        "truncated": reason is not None, "reason": reason, "rotated": [], "modified": None, "position": None,
    }  # fmt: skip


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(max(seconds, 0.0), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(argv: list[str], limits: Limits, reader: Sink) -> str | None:
    """Feed a command's output to the reader; why it is not whole, None when it is."""
    with closing(stream(argv, limits)) as chunks:
        for chunk in chunks:
            reader.feed(chunk)
            if reader.bytes > limits.max_bytes:
                return f"more than {limits.max_bytes} bytes: the newest lines were not read"
    if limits.left() <= 0:
        return "no time was left: the newest lines were not read"
    return None


def stream(argv: list[str], limits: Limits, idle: float | None = None) -> Generator[bytes, None, None]:
    """A command's output, both streams as they come, until its end or the deadline; the command is ended then.

    Args:
        argv: program and arguments.
        limits: the deadline counts.
        idle: after so many seconds without output an empty chunk is given; by default none ever is.

    Docker writes what the container wrote to its standard error there too, so a failure of docker's own shows only by
    its exit code.

    Raises:
        DockerUnavailable: the command failed.
    """
    if limits.left() <= 0:
        raise DockerUnavailable("read the container's log", "docker logs", "no time is left", "Raise the deadline.")
    try:
        program = _command.Program(argv, merged=True)
    except FileNotFoundError as error:
        raise DockerUnavailable(
            "read the container's log", "docker logs", "there is no docker client on this host", "Install it."
        ) from error
    ended, tail = False, b""
    try:
        output: Any = program.stdout
        while limits.left() > 0:
            ready, _none, _no = select.select([output], [], [], max(min(limits.left(), idle or 1.0), 0.0))
            if not ready:
                if idle is not None:
                    yield b""
                continue
            chunk = os.read(output.fileno(), _CHUNK)
            if not chunk:
                ended = True
                break
            tail = (tail + chunk)[-_STDERR:]
            yield chunk
    finally:
        program.end(gently=ended)
    if ended and program.returncode != 0:
        # Docker's own words are the last ones.
        words = tail.decode("utf-8", "replace").strip().splitlines()
        raise failure("docker logs", words[-1] if words else "")
