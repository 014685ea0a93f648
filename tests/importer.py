# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports the built collection as Galaxy would: ``python -m tests.importer``. A warning is a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.stack.shell import ROOT
from tests.stages import tracked

# The importer's run of ansible-lint would repeat that of the lint stages, with fewer rules.
SETTINGS = {"GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false"}
PLACE_HOLDER = "https://example.invalid/chargeops.steve"
"""Galaxy asks for a repository, and the project has no public address yet: name it in galaxy.yml, then remove this."""


def main() -> int:
    """Build, import, and judge what the importer said; return the exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        built = build(folder)
        bootstrap = [sys.executable, str(ROOT / "tests" / "bootstrap.py"), "importer"]
        argv = [*bootstrap, "-m", "galaxy_importer.main", str(built)]
        done = subprocess.run(
            argv, cwd=folder, env=os.environ | SETTINGS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )  # fmt: skip
    said = done.stdout.decode(errors="replace")
    print(said, end="", flush=True)
    return done.returncode or verdict(said)


def build(folder: Path) -> Path:
    """Build the archive from a copy of the checkout, with a repository where galaxy.yml names none."""
    source = folder / "source"
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    settings = source / "galaxy.yml"
    if not yaml.safe_load(settings.read_text()).get("repository"):
        settings.write_text(f"{settings.read_text()}repository: {PLACE_HOLDER}\n")
    argv = [str(Path(sys.executable).parent / "ansible-galaxy"), "collection", "build", str(source)]
    subprocess.run([*argv, "--output-path", str(folder)], check=True)
    (built,) = folder.glob("*.tar.gz")
    return built


def verdict(said: str) -> int:
    """Exit code by the importer's own words: it ends with 0 also when it warned, or had nothing to import."""
    complaints = [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR", "CRITICAL"))]
    return 1 if complaints or "Importer processing completed successfully" not in said else 0


if __name__ == "__main__":
    sys.exit(main())
