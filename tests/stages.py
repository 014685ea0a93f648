# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stages of ``make test``: what each runs, and how many tests it stands for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests import sanity
from tests.process import stream
from tests.stack.shell import CACHE, ROOT

REPORTS = CACHE / "reports"
STAGE_TIMEOUT_S = 4800.0


@dataclass(frozen=True)
class Counts:
    """What came of a stage. ``reason``: why it failed, when its output does not say."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Stage:
    """A named part of the tests. ``group``: the name under which several are asked for at once."""

    name: str
    group: str
    run: Callable[[], Counts]
    needs_stack: bool = False


def all_stages() -> list[Stage]:
    """Every stage, quick ones first."""
    return [
        Stage("ruff", "lint", lambda: command("ruff", "check", ".")),
        Stage("yamllint", "lint", lambda: command("yamllint", "--strict", ".")),
        Stage("shellcheck", "lint", lambda: command("shellcheck", *shell_scripts())),
        Stage("reuse", "lint", lambda: command("reuse", "lint", "--lines")),
        Stage("changelog", "lint", lambda: command("antsibull-changelog", "lint")),
        Stage("ansible-lint", "lint", lambda: command("ansible-lint")),
        Stage("docs", "lint", lambda: command("antsibull-docs", "lint-collection-docs", "--plugin-docs", ".")),
        Stage("types", "types", types),
        Stage("unit", "unit", lambda: pytest("unit", "-n", "2")),
        Stage("contract", "contract", lambda: pytest("contract", "-n", "2")),
        Stage("sanity", "sanity", ansible_test_sanity),
        Stage("importer", "artifact", lambda: command(sys.executable, "-m", "tests.importer")),
        Stage("artifact", "artifact", lambda: pytest("artifact")),
        Stage("integration", "integration", lambda: pytest("integration"), needs_stack=True),
        *(
            Stage(f"molecule {name}", "molecule", lambda name=name: molecule(name), needs_stack=True)  # type: ignore[misc]
            for name in scenarios()
        ),
    ]


def command(*argv: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Counts:
    """Run a command that passes or fails as one."""
    ended = stream(argv, cwd=cwd, env=env or {}, timeout=STAGE_TIMEOUT_S)
    return Counts(passed=1) if ended == 0 else Counts(failed=1, reason=_reason(ended))


def types() -> Counts:
    """Check the collection by its own name, and the tests' programs by theirs."""
    packages = ("ansible_collections.chargeops.steve.plugins", "tests.simulator", "tests.stack", "tests.benchmark")
    modules = ("tests.run", "tests.bootstrap", "tests.importer")
    named = [part for package in packages for part in ("-p", package)]
    return command("mypy", "--strict", *named, *(part for module in modules for part in ("-m", module)))


def ansible_test_sanity() -> Counts:
    """Run ansible-test sanity; that it found nothing to test is a failure."""
    counts = command(*sanity.ARGV, cwd=sanity.prepare(), env=sanity.environment())
    return counts if counts.failed or sanity.reports() else Counts(failed=1, reason="nothing was tested")


def pytest(name: str, *options: str) -> Counts:
    """Run tests/NAME and count its test cases. No test at all is a failure (pytest's exit code 5)."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    argv = (sys.executable, "-m", "pytest", f"tests/{name}", f"--junitxml={report}", *options)
    ended = stream(argv, cwd=ROOT, env={}, timeout=STAGE_TIMEOUT_S)
    counts = read_report(report) if report.exists() else Counts()
    if ended == 0 and counts.passed + counts.skipped:
        return counts
    return Counts(counts.passed, max(counts.failed, 1), counts.skipped, "" if counts.failed else _reason(ended))


def read_report(report: Path) -> Counts:
    """Sum a JUnit file; errors count as failures."""
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    numbers = [[int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")] for suite in suites]
    tests, failures, errors, skipped = (sum(column) for column in zip(*numbers, strict=True))
    return Counts(tests - failures - errors - skipped, failures + errors, skipped)


def molecule(scenario: str) -> Counts:
    """Run a scenario from create to destroy. molecule itself would let one without playbook or tests pass."""
    folder = ROOT / "molecule" / scenario
    if not (folder / "converge.yml").exists() or not list(folder.glob("tests/test_*.py")):
        return Counts(failed=1, reason="the scenario has no converge.yml or no tests/test_*.py")
    return command("molecule", "test", "--no-command-borders", "--scenario-name", scenario)


def scenarios() -> list[str]:
    """Names of the molecule scenarios."""
    return sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))


def shell_scripts() -> list[str]:
    """The project's shell scripts, known by their first line."""
    return [name for name in tracked() if _first_line(ROOT / name).startswith((b"#!/bin/sh", b"#!/usr/bin/env bash"))]


def tracked() -> Iterable[str]:
    """Files of the checkout that git does not ignore, new ones too."""
    listed = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, env=git_env())
    return [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def git_env() -> dict[str, str]:
    """Environment of git: the checkout may belong to another user, as in containers of continuous integration."""
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(ROOT)}
    return {**os.environ, **settings}


def _first_line(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.readline(100)


def _reason(ended: int | str) -> str:
    if isinstance(ended, str):
        return ended
    return "nothing was tested" if ended in (0, 5) else f"exit code {ended}"


def select(stages: Sequence[Stage], wanted: Sequence[str]) -> list[Stage]:
    """The stages of these names or groups (none given: all). ValueError: a name that stands for no stage."""
    for name in wanted:
        if not any(name in (stage.name, stage.group) for stage in stages):
            raise ValueError(f"there is no stage {name}")
    return [stage for stage in stages if not wanted or {stage.name, stage.group} & set(wanted)]
