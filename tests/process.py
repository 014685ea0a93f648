# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs commands, several at a time if need be, and takes each down with all its children when it must end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from threading import Event, Lock
from types import FrameType

GRACE_S = 30.0
"""How long an interrupted command may clean up."""

OUTPUT: ContextVar[int | None] = ContextVar("OUTPUT", default=None)
"""Where commands of this thread write (a file descriptor); None: to the terminal, as it comes."""

stopping = Event()
"""Set when the run is interrupted: nothing is started any more."""

_children: set[subprocess.Popen[bytes]] = set()
_starting = Lock()


def stream(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float) -> int | str:
    """Run a command to its end; return its exit code, or a sentence when it could not start or did not end in time."""
    try:
        with _starting:
            if stopping.is_set():
                return "interrupted before it began"
            output = OUTPUT.get()
            child = subprocess.Popen(
                argv, cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL, start_new_session=True,
                stdout=output, stderr=None if output is None else subprocess.STDOUT,
            )  # fmt: skip
            _children.add(child)
    except FileNotFoundError:
        return f"the command {argv[0]} is not installed"
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(child)
        return f"{argv[0]} did not end within {timeout:g} s"
    except BaseException:
        _end(child)
        raise
    finally:
        _children.discard(child)


def end_all() -> None:
    """Take down everything that runs here, all at once, and start nothing more."""
    with _starting:
        stopping.set()
        children = list(_children)
    for child in children:
        _signal(child.pid, signal.SIGINT)
    for child in children:
        _end(child)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handler of SIGTERM: let a terminated run clean up as an interrupted one does."""
    raise KeyboardInterrupt


def _end(child: subprocess.Popen[bytes]) -> None:
    """Interrupt a command and wait for its whole group: its children may still clean up when it is gone itself."""
    for number in (signal.SIGINT, signal.SIGKILL):
        _signal(child.pid, number)
        end = time.monotonic() + GRACE_S
        while time.monotonic() < end:
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.1)
            if not _signal(child.pid, 0):
                return
            time.sleep(0.1)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group of processes; False: there is none."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
