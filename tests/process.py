# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command with its output shown as it comes, and takes it down with all its children when it must end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

GRACE_S = 30.0
"""How long an interrupted command may clean up."""


def stream(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float) -> int | str:
    """Run a command to its end; return its exit code, or a sentence when it could not start or did not end in time."""
    try:
        child = subprocess.Popen(
            argv, cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL, start_new_session=True
        )
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


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
            return
