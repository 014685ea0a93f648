# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo finds what it broke: it is the first thing that a newcomer runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_finds_what_it_broke(tmp_path: Path) -> None:
    demo = [sys.executable, str(ROOT / "tests" / "demo" / "run.py")]
    done = subprocess.run(demo, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The diagnosis named exactly what is broken." in done.stdout
