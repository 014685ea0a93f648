# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live row is judged: what was named, what was left open, exit codes, and what a repair did. Documents by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playbook import Run
from tests.matrix import live, verdict
from tests.matrix.rows import Row

HOST = "steve-a"
ILL = frozenset({("app-not-running", None), ("proxy-no-route", "proxy")})
ROW = Row(
    "ill-3.14.1", ("ill",), "3.14.1", "host", ILL, frozenset({"tcp-refused"}), "nginx_websocket", False,
    frozenset({"disk-full"}), frozenset({("app-not-running", None)}),
)  # fmt: skip
HEALTHY = Row("healthy-3.14.1", ("well",), "3.14.1", "host", frozenset(), frozenset(), None, False)


def findings(
    causes: frozenset[tuple[str, str | None]] = ILL, blocked: tuple[str, ...] = ("tcp-refused",),
    unknown: tuple[str, ...] = ("disk-full",), passed: int = 40, reached: bool = True, severity: str = "fail",
) -> dict[str, Any]:  # fmt: skip
    """A findings document of one host, as far as it is judged here."""
    statuses = [*((id, severity) for id, _hop in causes), *((id, "blocked") for id in blocked)]
    statuses += [*((id, "unknown") for id in unknown), *((f"good-{at}", "pass") for at in range(passed))]
    return {
        "hosts": [{"host": HOST, "reached": reached, "reason": None if reached else "ssh"}],
        "checks": [{"host": HOST, "id": id, "status": status} for id, status in statuses],
        "findings": [
            {"host": HOST, "id": id, "hop": hop, "severity": severity, "message": id, "evidence": [{"detail": "seen"}]}
            for id, hop in causes
        ],
    }  # fmt: skip


@pytest.mark.parametrize(("said", "sentence"), [
    (findings(), None),
    (findings(frozenset({("app-not-running", None)})), "not named: proxy-no-route@proxy"),
    (findings(ILL | {("clock-skew", None)}), "not expected: clock-skew"),
    (findings(frozenset({("app-not-running", None), ("proxy-no-route", "public")})), "not named: proxy-no-route@proxy"),
    (findings(blocked=()), "not explained by it: tcp-refused"),
    (findings(unknown=("disk-full", "memory-low")), "without an answer: memory-low"),
    (findings(unknown=()), None),
    (findings(reached=False), "steve-a was not reached: ssh"),
])  # fmt: skip
def test_what_a_diagnosis_says_otherwise_than_the_row_is_a_sentence(said: Any, sentence: str | None) -> None:
    problems = live.judged(said, HOST, ROW)
    assert problems[:1] == ([] if sentence is None else [sentence])


def test_healthy_is_only_who_was_looked_at() -> None:
    assert live.judged(findings(frozenset(), (), ()), HOST, HEALTHY) == []
    assert live.judged(findings(frozenset(), (), (), passed=0), HOST, HEALTHY) == ["only 0 questions were answered"]
    assert live.judged(findings(frozenset(), (), ("disk-full",)), HOST, HEALTHY) == ["without an answer: disk-full"]


def test_a_false_alarm_is_told_with_its_evidence() -> None:
    (_sentence, words) = live.judged(findings(ILL | {("clock-skew", None)}), HOST, ROW)
    assert words == "clock-skew ['seen']"


def test_failures_end_a_diagnosis_with_another_exit_code_and_warnings_do_not() -> None:
    assert verdict.failed(findings()) is True
    assert verdict.failed(findings(severity="warn")) is False
    assert verdict.failed(findings(frozenset())) is False


def ran(
    tmp_path: Path, causes: frozenset[tuple[str, str | None]] = ROW.left, by: tuple[str, ...] = ("nginx_websocket",),
    changed: int = 1, failed: int = 0,
) -> Run:  # fmt: skip
    """A run of remediate: the directory of the diagnosis before it with the plan, and that after it."""
    before, after = tmp_path / "1", tmp_path / "2"
    for folder in (before, after):
        folder.mkdir()
    plan = {"hosts": [{"host": HOST, "repairs": [{"by": one} for one in by]}]}
    (before / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    (after / "findings.json").write_text(json.dumps(findings(causes)), encoding="utf-8")
    recap = f"{HOST} : ok=3 changed={changed} unreachable=0 failed={failed} skipped=0"
    return Run(2 if failed else 0, f"PLAY RECAP ***\n{recap}\n", (before, after))


@pytest.mark.parametrize(("what", "sentence"), [
    ({}, None),
    ({"failed": 1}, None),
    ({"by": ()}, "planned were [] and not ['nginx_websocket']"),
    ({"by": ("app_env", "nginx_websocket")}, "planned were ['app_env', 'nginx_websocket'] and not ['nginx_websocket']"),
    ({"causes": frozenset()}, "after the repair there is [] and not"),
    ({"causes": ILL}, "after the repair there is [\"('app-not-running', None)\", \"('proxy-no-route', 'proxy')\"]"),
    ({"changed": 0}, "the repair changed nothing"),
])  # fmt: skip
def test_half_a_repair_leaves_the_other_half(tmp_path: Path, what: dict[str, Any], sentence: str | None) -> None:
    problems = live.repaired(ran(tmp_path, **what), HOST, ROW)
    assert [problem[: len(sentence or "")] for problem in problems] == ([] if sentence is None else [sentence])


def whole() -> Row:
    """A row of which nothing is left after the repair."""
    return Row(ROW.name, ROW.faults, ROW.release, "host", ILL, frozenset(), "nginx_websocket", False)


def test_a_whole_repair_does_not_fail(tmp_path: Path) -> None:
    run = ran(tmp_path, frozenset(), failed=1)
    assert [problem.partition(":")[0] for problem in live.repaired(run, HOST, whole())] == ["the repair failed"]


@pytest.mark.parametrize(("what", "words"), [
    ({"changed": 0, "causes": frozenset()}, []),
    ({"changed": 1, "causes": frozenset()}, ["it changed something"]),
    ({"changed": 0, "causes": ROW.left}, ["there is"]),
    ({"changed": 0, "causes": frozenset(), "failed": 1}, ["it failed"]),
])  # fmt: skip
def test_a_second_repair_has_nothing_to_do(tmp_path: Path, what: dict[str, Any], words: list[str]) -> None:
    problems = live.idle(ran(tmp_path, **what), HOST, whole())
    assert [word for problem, word in zip(problems, words, strict=True) if not problem.startswith(word)] == []
