# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo finds what it broke: it is the first thing that a newcomer runs, and the picture in the README shows it."""

from __future__ import annotations

import subprocess

import pytest

from tests.demo import capture


@pytest.fixture(scope="module")
def demo() -> subprocess.CompletedProcess[str]:
    return capture.run()


def test_the_demo_finds_what_it_broke(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "The diagnosis named exactly what is broken." in demo.stdout


def test_the_picture_in_the_readme_is_what_the_demo_shows(demo: subprocess.CompletedProcess[str]) -> None:
    assert capture.report(demo.stdout) == capture.KEPT.read_text(encoding="utf-8"), "run make picture"
