# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The artifact that users would get: built from the checkout, and installed where nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection's archive."""
    folder = tmp_path_factory.mktemp("built")
    done = subprocess.run(
        [BIN / "ansible-galaxy", "collection", "build", ROOT, "--output-path", folder],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="session")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path that holds the artifact only."""
    path = tmp_path_factory.mktemp("collections")
    argv = [str(BIN / "ansible-galaxy"), "collection", "install", str(artifact), "--collections-path", str(path)]
    done = subprocess.run(
        # Its dependencies come with the package ansible. With the checkout on the path there would be nothing to do.
        [*argv, "--offline", "--no-deps"], env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@pytest.fixture(scope="session")
def command(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs a program of Ansible that finds the collection where it is installed, and nowhere else."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }

    def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / program, *words], cwd=folder, env=os.environ | environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run
