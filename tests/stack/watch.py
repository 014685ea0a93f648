# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cleans up after a ``molecule test`` that was interrupted, or killed: molecule itself has nothing for that.

Ansible starts its workers in sessions of their own, so that a signal to molecule's group reaches none of them. A
process beside molecule (started by ``tests.stack up``) waits for its end, ends what is left of it, and removes the
stack and molecule's ephemeral directory. After an ordinary end only the directory is left to remove.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.stack.shell import CACHE, ROOT, StackError

WATCHERS = CACHE / "watchers"
"""One file per watched stack: the id of its molecule process; locked as long as it is watched."""

STACK = "STEVE_STACK"
"""The variable by which molecule tells a scenario's processes their stack."""

PATIENCE_S = 60.0
GRACE_S = 5.0
_POLL_S = 0.3


@dataclass(frozen=True)
class Process:
    """A process as /proc shows it. ``started``: in clock ticks, so that an id that is used again is another process."""

    pid: int
    parent: int
    started: int
    words: tuple[str, ...]

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process of this id; None when there is none, or when it has ended and nobody asked for its exit code."""
        try:
            # The name in parentheses may hold anything; state is field 3, the parent 4, the start 22 (proc(5)).
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            return None
        return None if fields[0] in "ZX" else cls(pid, int(fields[1]), int(fields[19]), tuple(words))

    def lives(self) -> bool:
        """Whether this very process still runs."""
        now = Process.of(self.pid)
        return now is not None and now.started == self.started

    @property
    def subcommand(self) -> tuple[str, ...]:
        """What follows the word molecule, for ``molecule …``, ``python -m molecule …`` and the like; else nothing."""
        for index, word in enumerate(self.words[:4]):
            if Path(word).name == "molecule":
                return self.words[index + 1 :]
        return ()


def molecule(pid: int | None = None) -> Process | None:
    """The molecule process that a process (default: this one) descends from."""
    found = Process.of(os.getpid() if pid is None else pid)
    while found is not None:
        if found.subcommand:
            return found
        found = Process.of(found.parent)
    return None


def removes_at_the_end(process: Process) -> bool:
    """Whether this molecule means to destroy what it creates: ``test`` does, unless it is told never to."""
    said = "=".join(process.subcommand)
    return "test" in process.subcommand and "--destroy=never" not in said


def claim(name: str) -> None:
    """Wait for the watcher of a run that has ended. Raises StackError while another molecule tests this stack."""
    end = time.monotonic() + PATIENCE_S
    mine = molecule()
    while (holder := _holder(name)) is not None and (mine is None or holder != mine.pid):
        if Process.of(holder) is not None:
            raise StackError(f"The stack {name} is in use by molecule, process {holder}: let it end first.")
        if time.monotonic() > end:
            raise StackError(f"What an interrupted run left of the stack {name} is not removed yet: try again later.")
        time.sleep(_POLL_S)


def begin(name: str, engine: int | None) -> None:
    """Have the stack removed when this process's ``molecule test`` ends, however it ends. Else nothing happens.

    ``engine``: the process of the engine when it was started for this, and has to be stopped then.
    """
    mine = molecule()
    directory = os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY")
    if mine is None or directory is None or not removes_at_the_end(mine) or _holder(name) == mine.pid:
        return
    started = () if engine is None else (f"--engine={engine}",)
    subprocess.Popen(
        [sys.executable, "-m", "tests.stack", "watch", name, str(mine.pid), directory, *started],
        cwd=ROOT, env={key: value for key, value in os.environ.items() if key != STACK}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + PATIENCE_S
    while _holder(name) != mine.pid and time.monotonic() < end:
        time.sleep(0.05)


def watch(name: str, pid: int, directory: Path, remove: Callable[[], None]) -> None:
    """Wait until process ``pid`` has ended; end its orphans, ``remove`` the stack, and remove the directory."""
    with _held(name, pid):
        process = Process.of(pid)
        while process is not None and process.lives():
            time.sleep(_POLL_S)
        end_all(orphans(name))
        remove()
        shutil.rmtree(directory, ignore_errors=True)


def orphans(name: str) -> list[Process]:
    """Processes that were started for a stack by a molecule that is gone."""
    return [process for process in _processes() if _is_for(process, name) and molecule(process.pid) is None]


def end_all(processes: Sequence[Process]) -> None:
    """Ask processes to end, and end those that do not."""
    for number, grace in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 1.0)):
        for process in processes:
            if process.lives():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
        end = time.monotonic() + grace
        while any(process.lives() for process in processes) and time.monotonic() < end:
            time.sleep(0.1)


def _processes() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := Process.of(int(entry.name))) is not None:
            yield found


def _is_for(process: Process, name: str) -> bool:
    try:
        return f"{STACK}={name}".encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _holder(name: str) -> int | None:
    """The molecule process whose watcher has the lock; None when nobody has it."""
    try:
        with (WATCHERS / name).open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(handle.read() or "0") or None
    except FileNotFoundError:
        pass
    return None


@contextmanager
def _held(name: str, pid: int) -> Iterator[None]:
    WATCHERS.mkdir(parents=True, exist_ok=True)
    with (WATCHERS / name).open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(str(pid))
        handle.flush()
        yield
        (WATCHERS / name).unlink(missing_ok=True)
