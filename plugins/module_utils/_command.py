# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs programs on this host: no shell, nothing to read for them, a deadline, and a bound of what is kept.

``AnsibleModule.run_command()`` is not enough here: it knows no deadline, so that one hanging Docker engine would hold a
whole diagnosis, and it keeps all that a program prints, were it a log of a gigabyte.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Sequence

if TYPE_CHECKING:
    _Popen = subprocess.Popen[bytes]
else:
    _Popen = subprocess.Popen

MAX_OUTPUT = 32 * 1024 * 1024
_CHUNK = 65536
_END_S = 5.0


class Program(_Popen):
    """A program that runs; its output comes unbuffered.

    Args:
        argv: program and arguments; never a secret.
        merged: its standard error comes with its output, in the order in which it wrote them.
        environment: its whole environment; by default that of this process.
        directory: where it runs; by default where this process does.

    Raises:
        OSError: it cannot be started; FileNotFoundError: there is no such program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        merged: bool = False,
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
    ) -> None:
        super().__init__(
            list(argv),
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            env=environment,
            cwd=directory,
        )

    def end(self, *, gently: bool = False) -> None:
        """Have it ended, and its pipes closed, whoever else still holds their other ends.

        Args:
            gently: it said its last word, and gets some seconds to leave by itself.
        """
        if gently:
            with suppress(subprocess.TimeoutExpired):
                self.wait(_END_S)
        if self.poll() is None:
            self.kill()
            self.wait()
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()


@dataclass(frozen=True)
class Said:
    """What a program said.

    Attributes:
        code: its exit code; negative: the signal that ended it.
        out: its output, as far as it was kept.
        err: its standard error, as far as it was kept; empty where that came with the output.
        cut: whether it said more than was kept.
    """

    code: int
    out: bytes
    err: bytes
    cut: bool

    @property
    def text(self) -> str:
        """The output as text; what is no UTF-8 is replaced."""
        return self.out.decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """The standard error as text; what is no UTF-8 is replaced."""
        return self.err.decode("utf-8", "replace")

    @property
    def last_words(self) -> str:
        """The last line of its standard error, of its output where that has both, else its exit code."""
        lines = (self.complaint.strip() or self.text.strip()).splitlines()
        return lines[-1] if lines else f"exit code {self.code}"


class TimedOut(Exception):
    """A program did not end in time, and was ended; ``said`` is what it had said until then."""

    def __init__(self, program: str, seconds: float, said: Said) -> None:
        super().__init__(f"{program} did not end within {seconds:g} s")
        self.said = said


def run(
    argv: Sequence[str],
    timeout: float,
    *,
    keep: int = MAX_OUTPUT,
    merged: bool = False,
    environment: Mapping[str, str] | None = None,
    directory: str | None = None,
) -> Said:
    """Run a program to its end.

    Args:
        argv: program and arguments; never a secret.
        timeout: seconds after which it is ended.
        keep: bytes that are kept of each stream; what comes after them is read and dropped.
        merged: its standard error comes with its output.
        environment: its whole environment; by default that of this process.
        directory: where it runs.

    Raises:
        OSError: it cannot be started.
        TimedOut: it did not end in time.
    """
    ends_at = time.monotonic() + timeout
    program = Program(argv, merged=merged, environment=environment, directory=directory)
    kept: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
    cut = ended = False
    try:
        with selectors.DefaultSelector() as selector:
            for name, pipe in (("out", program.stdout), ("err", program.stderr)):
                if pipe is not None:
                    selector.register(pipe, selectors.EVENT_READ, name)
            while selector.get_map():
                left = ends_at - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready:
                    break
                for key, _events in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    room = keep - len(kept[key.data])
                    kept[key.data] += chunk[:room]
                    cut = cut or len(chunk) > room
            else:
                with suppress(subprocess.TimeoutExpired):
                    program.wait(max(ends_at - time.monotonic(), 0.0))
                    ended = True
    finally:
        program.end()
    said = Said(program.returncode, bytes(kept["out"]), bytes(kept["err"]), cut)
    if not ended:
        raise TimedOut(os.path.basename(argv[0]), timeout, said)
    return said
