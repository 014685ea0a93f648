# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's log as it grows: a container's output by ``docker logs --follow``, or a file. Reads only, within time."""

from __future__ import annotations

import io
import os
import signal
import stat
import threading
import time
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from typing import Any, Generator, Iterator, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils._docker import DockerUnavailable
from ansible_collections.chargeops.steve.plugins.module_utils._follow import Follower
from ansible_collections.chargeops.steve.plugins.module_utils._log_source import Limits, stream

_CHUNK = 256 * 1024
#: Seconds between two looks at a file, and without output after which the follower looks at its clock.
_TICK_S = 0.25
#: Seconds after which docker is asked again when it stopped following, as it does when a container stops.
_AGAIN_S = 1.0


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


def output(
    container: dict[str, Any], limits: Limits, command: Sequence[str] = ("docker",)
) -> Generator[bytes, None, None]:
    """What a container writes from ``limits.since`` on, also after it was started again; empty chunks between.

    Args:
        container: as docker inspect gives it.
        limits: since when, and until when.
        command: how docker is called.

    Raises:
        DockerUnavailable: docker cannot be asked, or the container is gone.
    """
    since = limits.since
    while limits.left() > 0:
        argv = [*command, "logs", "--follow", "--timestamps", "--since", _utc(since), str(container.get("Id") or "")]
        with closing(stream(argv, limits, _TICK_S)) as chunks:
            yield from chunks
        since = time.time()
        again = limits.clock() + _AGAIN_S
        while limits.left() > 0 and limits.clock() < again:
            yield from _wait(limits)


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
