# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stages run beside each other: their output stays in one piece, an interrupt takes all of them down."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest

from tests import bootstrap, process, pythons, run, sanity, stages
from tests.run import Docker, Result
from tests.stages import Counts, Stage

ROOT = Path(__file__).resolve().parents[3]


def say(*words: str) -> Counts:
    program = f"import time\nfor word in {words}: print(word, flush=True); time.sleep(.2)"
    return stages.command(sys.executable, "-c", program)


def test_the_output_of_each_stage_is_one_piece(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "REPORTS", tmp_path)
    results: list[Result] = []
    both = [Stage("one", "g", lambda: say("a1", "a2", "a3")), Stage("two", "g", lambda: say("b1", "b2", "b3"))]
    run.run_stages(both, Docker(), results)
    assert sorted(result.stage for result in results) == ["one", "two"]
    said = capfd.readouterr().out
    assert "=== one\na1\na2\na3\n--- one" in said and "=== two\nb1\nb2\nb3\n--- two" in said


def test_a_stage_that_shares_its_work_runs_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "REPORTS", tmp_path)
    now: list[str] = []
    most: list[list[str]] = []

    def during(name: str) -> Counts:
        now.append(name)
        most.append(sorted(now))
        time.sleep(0.1)
        now.remove(name)
        return Counts(passed=1)

    known = [Stage(name, "g", partial(during, name), slots=len(name)) for name in ("a", "b", "cc", "d")]
    results: list[Result] = []
    run.run_stages(known, Docker(), results)
    assert len(results) == 4
    assert ["cc"] in most and all(names == ["cc"] for names in most if "cc" in names)


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from tests import run, stages
from pathlib import Path
run.REPORTS = Path({folder!r})
child = "import signal, time, pathlib\\n" \
    "def end(*_): time.sleep(1); pathlib.Path({folder!r}, name).write_text('cleaned'); raise SystemExit\\n" \
    "signal.signal(signal.SIGINT, end); pathlib.Path({folder!r}, name + '.up').touch(); time.sleep(60)"
def stage(name):
    # The shell ends at once; what it started cleans up for a second.
    inner = f"name = {{name!r}}\\n" + child
    return stages.Stage(name, "g", lambda: stages.command("sh", "-c", 'trap "exit 1" INT; "$0" -c "$1" & wait',
                                                        sys.executable, inner))
run.all_stages = lambda shard: [stage("one"), stage("two"), stage("three")]
raise SystemExit(run.main([]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_an_interrupt_waits_until_everything_has_cleaned_up(number: int, tmp_path: Path) -> None:
    program = PROGRAM.format(root=str(ROOT), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        end = time.monotonic() + 60
        while len(list(tmp_path.glob("*.up"))) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        child.send_signal(number)
        said, _errors = child.communicate(timeout=100)
    assert child.returncode == 130
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ""} == {"one", "two"}
    assert "interrupted: what follows is not the whole run" in said
    assert "... three" not in said


def test_nothing_is_started_once_the_run_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    process.stopping.set()
    try:
        assert stages.command("true") == Counts(failed=1, reason="interrupted before it began")
    finally:
        process.stopping.clear()


@pytest.mark.parametrize("of", [1, 2, 3, 5])
def test_shards_hold_every_file_once(of: int) -> None:
    files = stages.integration_files()
    parts = [stages.sharded(files, number, of) for number in range(1, of + 1)]
    assert sorted(name for part in parts for name in part) == files and all(parts)


@pytest.mark.parametrize("text", ["0/3", "4/3", "x", "1", "1/0"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        run.part(text)


def test_long_stages_run_only_when_they_are_asked_for() -> None:
    known = [Stage("unit", "unit", Counts), Stage("core 2.20", "cores", Counts, full=True)]
    assert [stage.name for stage in stages.select(known, [])] == ["unit"]
    assert [stage.name for stage in stages.select(known, [], full=True)] == ["unit", "core 2.20"]
    assert [stage.name for stage in stages.select(known, ["cores"])] == ["core 2.20"]


def test_a_python_that_is_not_there_is_a_failure_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "find", lambda version: None)
    assert stages.target("3.8").reason == "there is no Python 3.8 on PATH or in pyenv, and it has to be tried"
    assert stages.core("2.19").reason == "core 2.19 needs a Python of 3.11: none is on PATH or in pyenv"
    assert stages.core("2.21").reason == "core 2.21 needs a Python of 3.12, 3.13, 3.14: none is on PATH or in pyenv"


@pytest.mark.parametrize("here", ["2.19", "2.20", "2.21"])
def test_every_release_of_ansible_core_is_tried_whichever_is_here(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: f"{here}.1")
    others = {"2.19", "2.20", "2.21"} - {here}
    assert {stage.name for stage in stages.all_stages() if stage.group == "cores"} == {f"core {one}" for one in others}
    assert {f"core-{one}" for one in others} <= set(bootstrap.ENVIRONMENTS)


def test_the_python_with_the_oldest_core_is_taken_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    there = sys.executable
    monkeypatch.setattr(pythons, "find", lambda version: there if version == "3.11" else None)
    for version, called, taken in (
        ((3, 13), "/usr/bin/python3", there),
        ((3, 13), "/usr/bin/python3.13", None),
        ((3, 11), "/usr/bin/python3", None),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "version_info", version)
            patch.setattr(sys, "executable", called)
            found = bootstrap.preferred()
        assert found == taken, (version, called)


def test_a_python_is_known_by_what_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, answer in (("shim", "exit 127"), ("real", "echo 3.77")):
        (tmp_path / name).mkdir()
        program = tmp_path / name / "python3.77"
        program.write_text(f"#!/bin/sh\n{answer}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "shim"), str(tmp_path / "real"), os.environ["PATH"]]))
    assert pythons.find("3.77") == str(tmp_path / "real" / "python3.77")
    assert pythons.find("3.76") is None


def test_the_fault_matrix_is_several_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "scenarios", lambda: ["default", "fault_matrix"])
    made = stages.jobs()
    assert [job["matrix"] for job in made if job["stage"] == "molecule fault_matrix"] == ["1/4", "2/4", "3/4", "4/4"]
    assert {"stage": "molecule default", "matrix": "quick"} in made


PYTEST = "python -m pytest"
#: Every stage that is one for all, and what it runs; … stands for more words.
STAGES = {
    "ruff": ["ruff check ."],
    "yamllint": ["yamllint --strict ."],
    "shellcheck": ["shellcheck …"],
    "reuse": ["reuse lint --lines"],
    "changelog": ["antsibull-changelog lint"],
    "ansible-lint": ["ansible-lint"],
    "docs": ["antsibull-docs lint-collection-docs --plugin-docs ."],
    "types": ["mypy --strict -p ansible_collections.chargeops.steve.plugins -p tests", "mypy --strict …"],
    "sanity": ["ansible-test sanity …"],
    "importer": ["python -m tests.importer"],
    "artifact": [f"{PYTEST} tests/artifact …"],
    "unit": [f"{PYTEST} tests/unit …"],
    "contract": [f"{PYTEST} tests/contract …"],
    "integration": [f"{PYTEST} tests/integration/test_…"],
}
SEVERAL = {"targets", "cores", "molecule"}


def programs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that a stage would run."""
    ran: list[str] = []

    def stream(argv: Sequence[str], **_how: object) -> int:
        ran.append(shlex.join("python" if word == sys.executable else word for word in argv))
        return 0

    monkeypatch.setattr(stages, "stream", stream)
    monkeypatch.setattr(sanity, "prepare", lambda: ROOT)
    monkeypatch.setattr(stages, "read_report", lambda report: Counts(passed=1))
    stage.run()
    return ran


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Stage]:
    monkeypatch.setattr(stages, "REPORTS", tmp_path)
    return {stage.name: stage for stage in stages.all_stages()}


def test_no_stage_is_missing(known: dict[str, Stage]) -> None:
    assert {stage.group for stage in known.values()} >= SEVERAL
    assert [name for name, stage in known.items() if stage.group not in SEVERAL] == list(STAGES)
    scenarios = {f"molecule {path.parent.name}" for path in (ROOT / "molecule").glob("*/molecule.yml")}
    assert {name for name, stage in known.items() if stage.group == "molecule"} == scenarios
    assert {name for name, stage in known.items() if stage.full} == {
        name for name, stage in known.items() if stage.group in ("targets", "cores")
    }


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_runs_its_program(known: dict[str, Stage], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = programs(known[name], monkeypatch)
    assert len(ran) == len(STAGES[name])
    for command, wanted in zip(ran, STAGES[name], strict=True):
        start, more, _rest = wanted.partition("…")
        assert command.startswith(start) if more else command == wanted
        assert not {"-k", "--deselect", "--ignore", "--exit-zero", "--collect-only"} & set(shlex.split(command))


def test_all_files_of_integration_tests_run(known: dict[str, Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = programs(known["integration"], monkeypatch)
    assert {f"tests/integration/{path.name}" for path in (ROOT / "tests" / "integration").glob("test_*.py")} == {
        word for word in shlex.split(command) if word.startswith("tests/")
    }


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")))
def test_a_scenario_runs_from_its_beginning_to_its_end(
    known: dict[str, Stage], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = programs(known[f"molecule {name}"], monkeypatch)
    assert ran == [f"molecule test --no-command-borders --scenario-name {name}"]
