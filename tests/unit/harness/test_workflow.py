# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workflow names stages that exist, and together its jobs run all of them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests import bootstrap, pythons, stages

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]


#: What may stand here. Others can take a gate away: if, continue-on-error, defaults, shell, container, max-parallel, …
KEYS: dict[str, set[Any]] = {
    "workflow": {"name", True, "permissions", "concurrency", "env", "jobs"},  # YAML reads the word on as true
    "job": {"name", "needs", "runs-on", "timeout-minutes", "strategy", "env", "outputs", "steps"},
    "strategy": {"fail-fast", "matrix"},
    "step": {"id", "uses", "with", "run"},
}
#: Commands that are no call of tests/run.py alone.
OTHERS = {
    "plan": 'echo "molecule=$(python3 tests/run.py --jobs)" >>"$GITHUB_OUTPUT"',
    "demo": "make demo",
}


def rows(job: dict[str, Any]) -> list[dict[str, str]]:
    """The jobs of a matrix, each as what its variables are."""
    matrix = job.get("strategy", {}).get("matrix", {})
    if isinstance(matrix.get("include"), str):
        assert matrix["include"] == "${{ fromJSON(needs.plan.outputs.molecule) }}"
        return stages.jobs()
    return matrix.get("include") or [{name: value} for name, values in matrix.items() for value in values] or [{}]


def filled(text: str, job: dict[str, Any], row: dict[str, str]) -> str:
    """A command with the job's environment and the matrix in place."""
    for name, value in job.get("env", {}).items():
        text = text.replace(f"${name}", value)
    return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: row[found[1]], text)


def calls() -> list[tuple[str, list[str]]]:
    """Every call of tests/run.py: (environment, arguments)."""
    found = []
    for job in JOBS.values():
        for row in rows(job):
            for step in job["steps"]:
                command = filled(step.get("run", ""), job, row)
                if called := re.search(r"tests/bootstrap\.py (.*?) tests/run\.py (.*)", command):
                    found.append((shlex.split(called[1])[0], shlex.split(called[2].partition(")")[0])))
    return found


def ran() -> dict[str, list[str]]:
    """The stages that run, by environment."""
    found: dict[str, list[str]] = {}
    for environment, words in calls():
        wanted = words[: words.index("--shard")] if "--shard" in words else words
        names = [stage.name for stage in stages.select(stages.all_stages(), wanted)]
        found[environment] = [*found.get(environment, []), *names]
    return found


def test_nothing_switches_a_job_or_a_step_off() -> None:
    assert set(WORKFLOW) == KEYS["workflow"]
    for name, job in JOBS.items():
        assert set(job) - KEYS["job"] <= ({"if"} if name == "green" else set()), name
        assert set(job.get("strategy", {})) <= KEYS["strategy"] and not job.get("strategy", {}).get("fail-fast")
        matrix = job.get("strategy", {}).get("matrix", {})
        assert "exclude" not in matrix and (len(matrix) == 1 or not matrix), name
        assert all(set(step) <= KEYS["step"] for step in job["steps"]), name


def test_it_runs_for_every_change() -> None:
    events: dict[Any, Any] = WORKFLOW
    assert events[True] == {"pull_request": None, "push": {"branches": ["main"]}}


def test_a_job_runs_one_command_and_only_that() -> None:
    """Whose exit code is the job's: nothing follows that would hide it."""
    for name, job in JOBS.items():
        if name == "green":
            continue
        commands = [step["run"] for step in job["steps"] if "run" in step]
        if name in OTHERS:
            assert commands == [OTHERS[name]]
        else:
            (command,) = commands
            called = r'python3 tests/bootstrap\.py ("\$\w+"|[\w.-]+) tests/run\.py( [\w-]+| "\$\w+")+'
            assert re.fullmatch(called, command)


def test_every_part_of_the_fault_matrix_is_handed_on() -> None:
    assert JOBS["molecule"]["env"]["STEVE_MATRIX"] == "${{ matrix.matrix }}"
    assert [row["matrix"] for row in rows(JOBS["molecule"]) if row["stage"] == "molecule fault_matrix"] == [
        f"{part}/{stages.MATRIX_SHARDS}" for part in range(1, stages.MATRIX_SHARDS + 1)
    ]
    known = {"ENVIRONMENT", "SHARD", "STAGE", "STEVE_MATRIX", "RESULTS"}
    assert all(set(job.get("env", {})) <= known for job in JOBS.values())


def test_every_stage_is_run_by_a_job() -> None:
    by_environment = ran()
    done = set(by_environment["dev"])
    if ("dev", stages.OLDEST_CORE_PYTHONS[0]) in {(row["environment"], row["python"]) for row in rows(JOBS["suite"])}:
        done.add(f"core {stages.OLDEST_CORE}")
    for version in stages.CORES:
        targets = any(environment == f"core-{version}" and words == ["targets"] for environment, words in calls())
        if {"unit", "contract", "sanity", "artifact"} <= set(by_environment[f"core-{version}"]) and targets:
            done.add(f"core {version}")
    assert {stage.name for stage in stages.all_stages()} - done == set()


def test_every_shard_runs() -> None:
    shards = sorted(words[words.index("--shard") + 1] for _job, words in calls() if "--shard" in words)
    assert shards == [f"{number}/{len(shards)}" for number in range(1, len(shards) + 1)] and shards


def test_every_environment_and_python_is_one_that_there_is() -> None:
    for name, job in JOBS.items():
        for row in rows(job):
            if "environment" in row:
                needed = bootstrap.ENVIRONMENTS[row["environment"]][2]
                assert tuple(int(part) for part in row["python"].split(".")) >= needed, name
    suite = {(row["environment"], row["python"]) for row in rows(JOBS["suite"])}
    assert {(f"core-{core}", python) for core in stages.CORES for python in stages.CORE_PYTHONS} <= suite


def test_every_python_of_managed_hosts_is_set_up() -> None:
    (setup,) = (step for step in JOBS["targets"]["steps"] if "setup-python" in step.get("uses", ""))
    there = setup["with"]["python-version"].split("\n")
    assert set(pythons.targets()) <= set(there)
    # What the newest core looks for, which may not be the one of this environment.
    assert {f"3.{minor}" for minor in range(8, 15)} <= set(there)


def test_green_needs_every_job_and_each_job_ends() -> None:
    assert set(JOBS["green"]["needs"]) == set(JOBS) - {"green"}
    assert JOBS["green"]["if"] == "always()"
    assert all(job["timeout-minutes"] <= 60 for job in JOBS.values())


def test_a_slow_stage_is_reported_before_its_job_is_killed() -> None:
    """Ten minutes are for what comes before the stage: the environment, and the images."""
    limit = WORKFLOW["env"]["STEVE_STAGE_TIMEOUT_S"]
    for name, job in JOBS.items():
        if name not in {*OTHERS, "green"}:
            assert float(limit) <= job["timeout-minutes"] * 60 - 600, name
    asked = "from tests import stages; print(stages.STAGE_TIMEOUT_S)"
    environment = os.environ | {"STEVE_STAGE_TIMEOUT_S": limit}
    assert float(subprocess.check_output([sys.executable, "-c", asked], cwd=ROOT, env=environment)) == float(limit)


def test_what_is_installed_is_kept_until_it_changes() -> None:
    for name, job in JOBS.items():
        if name in ("plan", "green"):
            continue
        steps = [step for step in job["steps"] if step.get("uses", "").startswith("actions/cache@")]
        assert [step["with"]["path"] for step in steps] == [".cache/pip"], name
        assert job["steps"].index(steps[0]) < len(job["steps"]) - 1
        for row in rows(job):
            key = filled(steps[0]["with"]["key"], job, row)
            # One for each environment and Python; that of static also has galaxy-importer's.
            kind = "static" if name == "static" else "demo" if name == "demo" else row.get("environment", "dev")
            python = row.get("python", "3.11")
            assert key == f"pip-{kind}-{python}-${{{{ hashFiles('pyproject.toml', 'requirements*.txt') }}}}"


def test_green_is_red_unless_everything_succeeded() -> None:
    (step,) = JOBS["green"]["steps"]
    for results, code in (("success success", 0), ("success failure", 1), ("skipped success", 1), ("cancelled", 1)):
        done = subprocess.run(["sh", "-ec", step["run"]], env={"RESULTS": results}, capture_output=True, check=False)
        assert done.returncode == code, results


def test_nothing_of_the_event_reaches_a_shell_and_actions_are_pinned() -> None:
    for job in JOBS.values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "pass it through env"
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v1"))
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_the_plan_is_one_line_of_json_and_needs_nothing_but_python() -> None:
    argv = [sys.executable, "-S", str(ROOT / "tests" / "run.py"), "--jobs"]  # -S: nothing that is installed
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == stages.jobs() and done.stdout.count("\n") == 1
