# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import run, stages
from tests.run import Result
from tests.stack.shell import ROOT
from tests.stages import Counts, Stage


def result(**counts: Any) -> Result:
    return Result("some", Counts(**counts), 0.1)


def test_the_last_line_is_the_plain_sum() -> None:
    text = run.summary([result(passed=3, skipped=1), result(passed=1, failed=2)])
    assert text.splitlines()[-1] == "4 passed, 2 failed, 1 skipped"


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result(passed=1)], 0),
        ([result(passed=1, skipped=5)], 0),
        ([result(passed=9), result(failed=1)], 1),
        ([result(skipped=5)], 1),
        ([], 1),
    ],
    ids=["passed", "passed-and-skipped", "one-failed", "only-skipped", "nothing-ran"],
)
def test_green_means_that_something_passed_and_nothing_failed(results: list[Result], code: int) -> None:
    assert run.verdict(results) == code


def test_a_missing_tool_is_a_failure_that_names_it() -> None:
    counts = stages.command("no-such-tool-anywhere")
    assert (counts.failed, counts.reason) == (1, "the command no-such-tool-anywhere is not installed")


def test_a_failing_command_is_a_failure() -> None:
    assert stages.command("false") == Counts(failed=1, reason="exit code 1")
    assert stages.command("true") == Counts(passed=1)


def test_junit_errors_count_as_failures_and_suites_are_summed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite tests='7' failures='1' errors='2' skipped='1'/>"
        "<testsuite tests='2' failures='0' errors='0' skipped='0'/></testsuites>"
    )
    assert stages.read_report(report) == Counts(passed=5, failed=3, skipped=1)


def test_a_folder_without_tests_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tests" / "empty").mkdir(parents=True)
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "REPORTS", tmp_path)
    assert stages.pytest("empty", "-q", "--no-header") == Counts(failed=1, reason="nothing was tested")


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        ("", ""),
        ("steve-reports-x", "left among the temporary files, and removed now: steve-reports-x"),
        ("ansible_x_payload_y", ""),
    ],
    ids=["nothing", "reports", "of-a-killed-module"],
)
def test_what_a_run_leaves_is_a_failure_and_gone(left: str, reason: str, tmp_path: Path) -> None:
    results: list[Result] = []
    with run.temporary_files(results):
        folder = Path(os.environ["TMPDIR"])
        stages.command("mkdir", *(str(folder / name) for name in ("pytest-of-me", left) if name))
        assert (folder / "pytest-of-me").is_dir()
    assert [one.counts for one in results] == ([Counts(failed=1, reason=reason)] if reason else [])
    assert not folder.exists() and run.verdict([result(passed=1), *results]) == (1 if reason else 0)


def test_a_run_has_temporary_files_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole of it: a stage that leaves something makes the run red."""
    leaves = Stage("one", "g", lambda: stages.command("sh", "-c", 'mkdir "$TMPDIR/steve-x"'))
    monkeypatch.setattr(run, "all_stages", lambda shard: [leaves])
    for name in ("STEVE_TEST_OWNER", "STEVE_MATRIX", "NO_COLOR"):
        monkeypatch.setenv(name, "as it was")  # main sets them, and they are put back
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert run.main([]) == 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_the_reports_of_a_playbook_are_gone_when_their_tests_are(tmp_path: Path) -> None:
    """In a process of its own, as those of pytest-xdist are; the loader of the collection leaves nothing either."""
    asked = "from tests.integration.playbook import reports_directory as made; print(made()); import tests.conftest"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", asked], cwd=ROOT, env=environment, text=True)
    assert said.startswith(str(tmp_path / "steve-reports-")) and list(tmp_path.iterdir()) == []


def test_stages_are_chosen_by_name_or_group() -> None:
    known = [Stage(name, group, Counts) for name, group in (("ruff", "lint"), ("reuse", "lint"), ("unit", "unit"))]
    assert [stage.name for stage in stages.select(known, ["lint"])] == ["ruff", "reuse"]
    assert [stage.name for stage in stages.select(known, ["unit", "ruff"])] == ["ruff", "unit"]
    assert stages.select(known, []) == known
    with pytest.raises(ValueError, match="no stage nonsense"):
        stages.select(known, ["nonsense"])
