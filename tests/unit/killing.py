# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills a process of ours at its n-th step, as a power cut would: nothing after it runs."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

STEPS = ("open", "write", "fsync", "replace", "unlink", "fchmod", "fchown", "setxattr", "mkdir", "makedirs", "rmdir")


class CountedOs:
    """The module ``os``, but SIGKILL comes before the n-th call that changes something."""

    def __init__(self, deadly: int) -> None:
        self.left = deadly

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name not in STEPS:
            return found

        def counted(*args: Any, **options: Any) -> Any:
            self.step()
            return found(*args, **options)

        return counted

    def step(self) -> None:
        """One step is about to be made."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(work: Callable[[], None]) -> bool:
    """Run ``work`` in a child process; whether it was killed. A child that fails by itself is an AssertionError."""
    with warnings.catch_warnings():
        # The child of a process with threads may deadlock in general; this one only makes a few system calls.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False
