# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark runs and says what it measured; what comes out of so few ids is no matter here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmark import __main__ as benchmark
from tests.benchmark import fleet

SMALL = [
    "--ids", "40", "--shell-ids", "3", "--rounds", "1", "--log-lines", "1000", "--without-nginx", "--hosts", "4",
    "--boxes", "10", "--fleet", "1", "--fleet-boxes", "1",
]  # fmt: skip


def test_ratios_are_printed_or_the_missing_program_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code = benchmark.main(SMALL)
    printed = capsys.readouterr().out
    if shutil.which("curl") is None:
        assert code == 1 and "curl, not found here" in printed
        return
    assert code == 0
    for line in (
        "times the rate of one curl (",
        "times the rate of xargs -P50 curl, one process per id (",
        "over TLS",
        "MB of memory at most (",
        "when every id is refused",
        "Judging 4 hosts with 10 charge boxes each.",
        "sending, receiving, waiting",
        "Python's, without nginx",
        "SteVe's log: 1,000 lines of 40 ids in",
        "1 hosts with 1 charge boxes each",
        "of the time (wanted: at most 0.2",
    ):
        assert line in printed


def test_it_starts_as_make_starts_it() -> None:
    """In a process of its own nothing of the tests' setup is there."""
    command = [sys.executable, "-m", "tests.benchmark", "--help"]
    done = subprocess.run(command, cwd=fleet.ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "--fleet-boxes" in done.stdout, done.stderr


def test_without_curl_one_sentence_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert benchmark.main(SMALL) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_a_live_server_is_only_asked_about_ids_that_were_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setenv("STEVE_BENCH_URL", "ws://127.0.0.1:9/steve/websocket/CentralSystemService")
    monkeypatch.delenv("STEVE_BENCH_IDS", raising=False)
    assert benchmark.main(SMALL) == 1
    assert "unknown charge boxes" in capsys.readouterr().out


def test_a_load_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setenv("STEVE_BENCH_URL", "ws://charge.example.net/steve/websocket/CentralSystemService")
    assert benchmark.main(SMALL) == 1
    assert "another machine" in capsys.readouterr().out
