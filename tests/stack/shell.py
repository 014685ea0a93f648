# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and places: the one way in which the test stack starts a process, and where it keeps its files."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

CACHE = ROOT / ".cache"
"""Everything the project writes for itself; ignored by git, removed by ``make clean``."""


class StackError(RuntimeError):
    """What the test stack could not do: one sentence, with what to do about it."""


def say(text: str) -> None:
    """Tell the person at the terminal what takes time now (standard error, so that results stay clean)."""
    print(f"[stack] {text}", file=sys.stderr, flush=True)


def run(
    *argv: str,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and keep what it said.

    ``timeout`` in seconds. Raises StackError when it is missing, does not end in time, or (``check``) fails; the last
    lines of what it said are in the error.
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=None if env is None else {**os.environ, **env},
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError:
        raise StackError(f"The command {argv[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise StackError(f"{shlex.join(argv)} did not end within {timeout:g} s.") from None
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-15:]
        raise StackError(f"{shlex.join(argv)} ended with {done.returncode}: " + "\n".join(said))
    return done


def apt_install(package: str, update: bool = False) -> None:
    """Install a Debian package; ``update`` the lists first. Raises StackError where that is not possible."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackError(f"The package {package} is missing: install it, or run as root on Debian.")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    if update:
        run("apt-get", "update", "-qq", timeout=300, env=quiet)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package, timeout=600, env=quiet)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Let one process at a time do something; the others wait."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
