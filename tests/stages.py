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
from functools import partial
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

from tests import pythons, sanity
from tests.process import stream
from tests.stack.shell import CACHE, ROOT

ENVIRONMENT = os.environ.get("STEVE_TEST_ENVIRONMENT", "venv")
REPORTS = CACHE / "reports" if ENVIRONMENT == "venv" else CACHE / "reports" / ENVIRONMENT
STAGE_TIMEOUT_S = float(os.environ.get("STEVE_STAGE_TIMEOUT_S", "4800"))
"""How long a stage may take; the workflow gives less, so that a slow one is reported before its job is killed."""

SLOTS = 2
"""How many stages that use one processor run at the same time, and how many processes one that shares its work has."""

CORES = ("2.20", "2.21")
CORE_PYTHONS = ("3.12", "3.13", "3.14")
"""Further releases of ansible-core (environments core-… of tests/bootstrap.py), and the Pythons they run on."""
OLDEST_CORE, OLDEST_CORE_PYTHONS = "2.19", ("3.11",)
"""The release that dev has on the one Python that this release is tried on; with another Python it is a stage, too."""

MATRIX_SHARDS = 4
SHARED_WORK = ("-n", str(SLOTS))
# A file stays with one process, because its tests share their runs; each process has stacks of its own.
SHARED_FILES = (*SHARED_WORK, "--dist", "loadfile")


@dataclass(frozen=True)
class Counts:
    """What came of a stage. ``reason``: why it failed, when its output does not say."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Stage:
    """A named part of the tests. ``group``: the name under which several are asked for at once.

    ``slots``: how many of SLOTS it takes. ``full``: too long for every run, so it runs with ``--all`` or by its name.
    """

    name: str
    group: str
    run: Callable[[], Counts]
    needs_stack: bool = False
    slots: int = 1
    full: bool = False


def all_stages(shard: tuple[int, int] = (1, 1)) -> list[Stage]:
    """Every stage, quick ones first. ``shard``: which part of the integration tests' files, of how many."""
    files = sharded(integration_files(), *shard)
    return [
        Stage("ruff", "lint", lambda: command("ruff", "check", ".")),
        Stage("yamllint", "lint", lambda: command("yamllint", "--strict", ".")),
        Stage("shellcheck", "lint", lambda: command("shellcheck", *shell_scripts())),
        Stage("reuse", "lint", lambda: command("reuse", "lint", "--lines")),
        Stage("changelog", "lint", lambda: command("antsibull-changelog", "lint")),
        Stage("ansible-lint", "lint", lambda: command("ansible-lint")),
        Stage("docs", "lint", lambda: command("antsibull-docs", "lint-collection-docs", "--plugin-docs", ".")),
        Stage("types", "types", types),
        Stage("sanity", "sanity", ansible_test_sanity),
        Stage("importer", "importer", lambda: command(sys.executable, "-m", "tests.importer")),
        Stage("artifact", "artifact", lambda: pytest("artifact")),
        Stage("unit", "unit", lambda: pytest("unit", *SHARED_WORK), slots=SLOTS),
        Stage("contract", "contract", lambda: pytest("contract", *SHARED_WORK), slots=SLOTS),
        *(Stage(f"target {name}", "targets", partial(target, name), full=True) for name in pythons.targets()),
        *(Stage(f"core {name}", "cores", partial(core, name), slots=SLOTS, full=True) for name in cores()),
        Stage(
            "integration", "integration",
            lambda: pytest("integration", *SHARED_FILES, files=files), needs_stack=True, slots=SLOTS,
        ),
        *molecule_stages(),
    ]  # fmt: skip


def command(*argv: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Counts:
    """Run a command that passes or fails as one."""
    ended = stream(argv, cwd=cwd, env=env or {}, timeout=STAGE_TIMEOUT_S)
    return Counts(passed=1) if ended == 0 else Counts(failed=1, reason=_reason(ended))


def types() -> Counts:
    """Check the collection and the tests by their names, and the programs beside them as files."""
    named = command("mypy", "--strict", "-p", "ansible_collections.chargeops.steve.plugins", "-p", "tests")
    beside = [name for name in tracked() if name.endswith(".py") and name.startswith(("docs/", "molecule/"))]
    return command("mypy", "--strict", *beside) if named.passed else named


def ansible_test_sanity() -> Counts:
    """Run ansible-test sanity; that it found nothing to test is a failure."""
    counts = command(*sanity.ARGV, cwd=sanity.prepare(), env=sanity.environment())
    return counts if counts.failed or sanity.reports() else Counts(failed=1, reason="nothing was tested")


def pytest(
    name: str, *options: str, files: Sequence[str] = (), env: Mapping[str, str] | None = None, report: str = ""
) -> Counts:
    """Run tests/NAME, or these files of it, and count the test cases. None at all is a failure (pytest's exit code 5).

    ``report``: the name of the JUnit file, where it is not that of the folder.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    written = REPORTS / f"{report or name}.xml"
    written.unlink(missing_ok=True)
    argv = (sys.executable, "-m", "pytest", *(files or (f"tests/{name}",)), f"--junitxml={written}", *options)
    ended = stream(argv, cwd=ROOT, env=env or {}, timeout=STAGE_TIMEOUT_S)
    counts = read_report(written) if written.exists() else Counts()
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


def core(version: str) -> Counts:
    """Run what depends on ansible-core with another release of it, in an environment of its own."""
    wanted = OLDEST_CORE_PYTHONS if version == OLDEST_CORE else CORE_PYTHONS
    found = [path for path in map(pythons.find, wanted) if path]
    if not found:
        needed = ", ".join(wanted)
        return Counts(failed=1, reason=f"core {version} needs a Python of {needed}: none is on PATH or in pyenv")
    stages = ("unit", "contract", "sanity", "artifact", "targets")
    return command(found[0], "tests/bootstrap.py", f"core-{version}", "tests/run.py", *stages)


def cores() -> list[str]:
    """The releases of ansible-core beside the one of this environment."""
    known = (OLDEST_CORE, *CORES)
    return [version for version in known if not metadata.version("ansible-core").startswith(f"{version}.")]


def target(version: str) -> Counts:
    """Let playbooks manage a host that has this Python."""
    python = pythons.find(version)
    if python is None:
        return Counts(failed=1, reason=f"there is no Python {version} on PATH or in pyenv, and it has to be tried")
    return pytest("targets", env={"STEVE_TARGET_PYTHON": python}, report=f"target-{version}")


def integration_files() -> list[str]:
    """The files of integration tests."""
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests" / "integration").glob("test_*.py"))]


def sharded(files: Sequence[str], number: int, of: int) -> list[str]:
    """Part ``number`` (from 1) of the files: the same on every machine, and of about the same size."""
    parts: list[list[str]] = [[] for _part in range(of)]
    sizes = [0] * of
    for name in sorted(files, key=lambda name: (-(ROOT / name).stat().st_size, name)):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(name)
        sizes[smallest] += (ROOT / name).stat().st_size
    return sorted(parts[number - 1])


def molecule_stages() -> list[Stage]:
    """A stage for each scenario."""
    return [Stage(f"molecule {name}", "molecule", partial(molecule, name), needs_stack=True) for name in scenarios()]


def jobs() -> list[dict[str, str]]:
    """The stages of molecule as jobs of a workflow: the fault matrix, which is long, in shards. Needs only Python."""
    found = []
    for stage in molecule_stages():
        parts = [f"{part}/{MATRIX_SHARDS}" for part in range(1, MATRIX_SHARDS + 1)]
        for part in parts if stage.name == "molecule fault_matrix" else ["quick"]:
            found.append({"stage": stage.name, "matrix": part})
    return found


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


def select(stages: Sequence[Stage], wanted: Sequence[str], full: bool = False) -> list[Stage]:
    """The stages of these names or groups; none given: all, the long ones only with ``full``.

    ValueError: a name that stands for no stage.
    """
    for name in wanted:
        if not any(name in (stage.name, stage.group) for stage in stages):
            raise ValueError(f"there is no stage {name}")
    if not wanted:
        return [stage for stage in stages if full or not stage.full]
    return [stage for stage in stages if {stage.name, stage.group} & set(wanted)]
