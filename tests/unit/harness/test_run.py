# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import run, stages
from tests.run import Result
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


def test_stages_are_chosen_by_name_or_group() -> None:
    known = [Stage(name, group, Counts) for name, group in (("ruff", "lint"), ("reuse", "lint"), ("unit", "unit"))]
    assert [stage.name for stage in stages.select(known, ["lint"])] == ["ruff", "reuse"]
    assert [stage.name for stage in stages.select(known, ["unit", "ruff"])] == ["ruff", "unit"]
    assert stages.select(known, []) == known
    with pytest.raises(ValueError, match="no stage nonsense"):
        stages.select(known, ["nonsense"])
