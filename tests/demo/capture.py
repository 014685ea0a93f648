# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo shows in a terminal, as docs/demo.ansi keeps it: ``python -m tests.demo.capture`` writes it again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "demo.ansi"
WIDTH = 100
# What differs from run to run, and has the same length always: lines are broken by their length.
CHANGES = ((re.compile(r"\b[1-6]\d{4}\b"), "45101"), (re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}"), "20261123T010203Z-7f3a"))


def run() -> subprocess.CompletedProcess[str]:
    """Run the demo as in a terminal of WIDTH columns that has colours."""
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "ANSIBLE_NOCOLOR")}
    return subprocess.run(
        [sys.executable, str(ROOT / "tests" / "demo" / "run.py")],
        env=environment | {"ANSIBLE_FORCE_COLOR": "1", "COLUMNS": str(WIDTH)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def report(said: str) -> str:
    """The report in the demo's output, without what differs from run to run. ValueError: there is none."""
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in said.splitlines()]
    begin = next((number for number, line in enumerate(plain) if line.startswith("FAIL ")), None)
    end = next((number for number, line in enumerate(plain) if line.startswith("NOT OK")), None)
    if begin is None or end is None:
        raise ValueError(f"the demo shows no report:\n{said}")
    text = "\n".join(said.splitlines()[begin : end + 1]) + "\n"
    for pattern, constant in CHANGES:
        text = pattern.sub(constant, text)
    return text


if __name__ == "__main__":
    KEPT.write_text(report(run().stdout), encoding="utf-8")
