# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's log as it grows: a container's output by ``docker logs --follow``, or a file. Reads only, within time."""

from __future__ import annotations

import io
import os
import re
import signal
import stat
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Generator, Iterator, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils._docker import DockerUnavailable
from ansible_collections.chargeops.steve.plugins.module_utils._follow import Follower
from ansible_collections.chargeops.steve.plugins.module_utils._log_source import Limits, stream

_CHUNK = 256 * 1024
#: Seconds between two looks at a file, and without output after which the follower looks at its clock.
_TICK_S = 0.25
#: Seconds after which docker is asked again when it stopped following, as it does when a container stops.
_AGAIN_S = 1.0
#: Failures of docker one after the other that are borne: what asks for a container while it is removed fails.
_FAILURES = 2
#: The stamp that docker sets before a line; the engine's time, UTC, up to nanoseconds.
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z) ")
_STAMP_BYTES = 40


def follow(chunks: Generator[bytes, None, None], follower: Follower, limits: Limits) -> tuple[str, str | None]:
    """Feed what is written to the follower until it is done or the time is over; ``chunks`` is closed in every case.

    Returns:
        Why it ended (``all booted`` | ``time`` | ``log ended``), and a sentence where the log ended.

    Raises:
        DockerUnavailable: docker cannot follow, and nothing was seen.
    """
    try:
        with _ended_by_signals(), closing(chunks):
            for chunk in chunks:
                if chunk:
                    follower.feed(chunk)
                if follower.done(limits.clock()):
                    return "all booted", None
    except DockerUnavailable as error:
        if not follower.reader.steve_lines:
            raise
        return "log ended", error.sentence()
    return "time", None


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A signal that ends this process ends what it started first: following takes minutes, and people lose patience."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: Any) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Current:
    """Which container is the app's now: it is asked for when the one that was followed says no more.

    Attributes:
        find: the newest container of the service, as docker inspect gives it, or None; raises DockerUnavailable.
        recreated: when following went on in a new container, seconds since 1970.
        missing: whether the container is gone and no other one is there.
    """

    find: Callable[[], dict[str, Any] | None]
    recreated: list[float] = field(default_factory=list)
    missing: bool = False

    def after(self, container: dict[str, Any]) -> dict[str, Any] | None:
        """The container to follow after this one ended, which may be the same; None while there is none."""
        found = self.find()
        self.missing = found is None
        if found is not None and found.get("Id") != container.get("Id"):
            self.recreated.append(time.time())
        return found


class _Stamps:
    """The engine's stamp of the last line of an output, and whether that line is over."""

    def __init__(self) -> None:
        self.last: bytes | None = None
        self._line = b""

    def feed(self, chunk: bytes) -> None:
        """The next bytes; a line is looked at when it is over."""
        whole, newline, begun = chunk.rpartition(b"\n")
        if not newline:
            self._line = (self._line + begun)[:_STAMP_BYTES]
            return
        # Only docker's own line ends: what a line holds is written by others.
        lines = (self._line + whole).split(b"\n")
        self._line = begun[:_STAMP_BYTES]
        stamps = (match for match in map(_STAMP.match, reversed(lines)) if match)
        stamp = next(stamps, None)
        if stamp is not None:
            self.last = stamp.group(1)

    def within_a_line(self) -> bool:
        """Whether the last line is not over."""
        return bool(self._line)


def output(
    container: dict[str, Any], limits: Limits, command: Sequence[str] = ("docker",), current: Current | None = None
) -> Generator[bytes, None, None]:
    """What a container writes from ``limits.since`` on, also after it was started again; empty chunks between.

    Where it is recreated, what the new one writes from its beginning. No line is given twice, and none is left out but
    the last ones of a container that was removed before they were read.

    Args:
        container: as docker inspect gives it.
        limits: since when, and until when.
        command: how docker is called.
        current: which container to go on with; None for always the same one.

    Raises:
        DockerUnavailable: docker cannot be asked, or the container is gone and ``current`` is None.
    """
    since, failures = _utc(limits.since), 0
    while limits.left() > 0:
        argv = [*command, "logs", "--follow", "--timestamps", "--since", since, str(container.get("Id") or "")]
        stamps = _Stamps()
        try:
            with closing(stream(argv, limits, _TICK_S)) as chunks:
                for chunk in chunks:
                    stamps.feed(chunk)
                    yield chunk
            failures = 0
        except DockerUnavailable:
            failures += 1
            if current is None or failures > _FAILURES:
                raise
        if stamps.within_a_line():
            yield b"\n"
        since = _after(stamps.last) or since
        found = None
        while found is None and limits.left() > 0:
            again = limits.clock() + _AGAIN_S
            while limits.left() > 0 and limits.clock() < again:
                yield from _wait(limits)
            if limits.left() <= 0:
                return
            try:
                found = container if current is None else current.after(container)
            except DockerUnavailable:
                failures += 1
                if failures > _FAILURES:
                    raise
        if found is not None and found.get("Id") != container.get("Id"):
            container, since, failures = found, _utc(limits.since), 0


def _after(stamp: bytes | None) -> str | None:
    """The nanosecond after an engine's stamp, as docker takes it: what is written since, and no line again."""
    if stamp is None:
        return None
    moment, _dot, fraction = stamp[:-1].decode("ascii").partition(".")
    number = int(f"{fraction:0<9}") + 1
    # The last nanosecond of a second: one line may come twice then, which is better than none.
    return f"{moment}.{min(number, 999_999_999):09d}Z"


def _utc(seconds: float) -> str:
    """As docker takes it, with its fraction."""
    return datetime.fromtimestamp(max(seconds, 0.0), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _wait(limits: Limits) -> Iterator[bytes]:
    time.sleep(max(min(_TICK_S, limits.left()), 0.0))
    yield b""


def growth(path: str, position: tuple[int, int] | None, limits: Limits) -> Generator[bytes, None, None]:
    """What is written to a file from a position on, also after it was rotated or cut; empty chunks between.

    Args:
        path: the file.
        position: number of the file and the byte up to which it was read; None for its end.
        limits: until when.
    """
    current = _open(path)
    try:
        partial = current is not None and _seek(current, position)
        while limits.left() > 0:
            chunk = current.read(_CHUNK) if current is not None else None
            if chunk:
                if partial:
                    # The end of a line whose beginning was read before.
                    _begun, newline, chunk = chunk.partition(b"\n")
                    partial = not newline
                yield chunk
                continue
            if current is not None and os.fstat(current.fileno()).st_size < current.tell():
                current.seek(0)
                partial = False
                yield b"\n"
                continue
            newer = _newer(path, current)
            if newer is None:
                yield from _wait(limits)
                continue
            if current is not None:
                # What was written between the look at the old file and its end.
                yield current.read(_CHUNK) or b""
                current.close()
            current, partial = newer, False
            yield b"\n"
    finally:
        if current is not None:
            current.close()


def _open(path: str) -> io.FileIO | None:
    """A regular file; None where there is none, as for a moment while it is rotated."""
    try:
        # A pipe would block; it is none of SteVe's.
        opened = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)  # noqa: SIM115
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        return opened
    opened.close()
    return None


def _seek(opened: io.FileIO, position: tuple[int, int] | None) -> bool:
    """Go to where reading ended; to the beginning of a file that is another one. Whether that is within a line."""
    status = os.fstat(opened.fileno())
    offset = status.st_size if position is None else position[1]
    if position is not None and (position[0] != status.st_ino or status.st_size < offset):
        return False
    opened.seek(max(offset - 1, 0))
    return offset > 0 and opened.read(1) != b"\n"


def _newer(path: str, current: io.FileIO | None) -> io.FileIO | None:
    """The file that has taken a file's place, None while there is none."""
    try:
        number = os.stat(path).st_ino
    except OSError:
        return None
    if current is not None and os.fstat(current.fileno()).st_ino == number:
        return None
    return _open(path)
