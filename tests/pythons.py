# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Pythons of this machine: those on PATH and those of pyenv, whose shims answer for one version only."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path


def folders() -> list[str]:
    """pyenv's real directories of programs, oldest Python first."""
    owner = Path(os.environ.get("PYENV_ROOT") or Path(os.environ.get("OWNER_HOME", "~")).expanduser() / ".pyenv")
    return [str(path) for path in sorted(owner.glob("versions/3.*/bin"), key=_number)]


def find(version: str) -> str | None:
    """The path of a Python of this version (``3.9``), or None."""
    for folder in [*os.environ["PATH"].split(os.pathsep), *folders()]:
        candidate = Path(folder) / f"python{version}"
        if candidate.is_file() and _says(candidate) == version:
            return str(candidate)
    return None


def targets() -> list[str]:
    """The Pythons that the installed ansible-core looks for on a managed host, oldest first."""
    from ansible import constants

    names = constants.config.get_config_value("INTERPRETER_PYTHON_FALLBACK")
    found = [name.removeprefix("python") for name in names if re.fullmatch(r"python3\.\d+", name)]
    return sorted(found, key=lambda version: int(version.partition(".")[2]))


def _number(path: Path) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", path.parent.name)]


def _says(candidate: Path) -> str:
    argv = [str(candidate), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
