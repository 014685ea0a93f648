# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measurement itself works: a small one prints every ratio. How large they are is no test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "tests" / "benchmark" / "preflight.py"


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *options], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_small_measurement_prints_every_ratio() -> None:
    done = bench("--ids", "40", "--xargs-ids", "5", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    for line in (
        "preflights ", "one curl --parallel", "xargs -P50 curl", "preflights over TLS", "memory of the process",
    ):  # fmt: skip
        assert re.search(rf"^  {re.escape(line)}.* [\d.,]+", done.stdout, re.MULTILINE), done.stdout
    assert "where the time goes: " in done.stdout and "send and receive" in done.stdout


def test_a_load_stays_on_this_machine() -> None:
    done = bench("--url", "ws://charge.example.net/steve/websocket/CentralSystemService")
    assert (done.returncode, done.stdout) == (2, "")
    assert "another machine" in done.stderr
