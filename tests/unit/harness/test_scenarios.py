# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders of molecule's scenarios hold what is their own, and all of what makes them judge something."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.shell import ROOT

FOLDERS = sorted(path.parent for path in (ROOT / "molecule").glob("*/molecule.yml"))
SHARED: dict[str, Any] = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
SITUATIONS = {
    "default", "nginx_existing_site", "nginx_tls", "env_change", "recreate_stale_upstream", "restart_loop",
    "multi_host", "diagnose_only", "fault_matrix",
}  # fmt: skip
SEQUENCE = ["destroy", "create", "prepare", "check", "converge", "idempotence", "verify", "destroy"]
#: Steps that a scenario leaves out, and why.
LEFT_OUT = {
    ("diagnose_only", "check"): "diagnose does the same with --check as without",
    ("restart_loop", "check"): "what a changed env file predicts is asked in env_change",
    ("multi_host", "check"): "converge.yml runs what has to fail as well",
    ("multi_host", "idempotence"): "converge.yml runs what has to fail as well, and then once more itself",
    ("fault_matrix", "prepare"): "each row breaks its own host",
    ("fault_matrix", "check"): "each row predicts and repairs by itself",
    ("fault_matrix", "idempotence"): "each row asks for it by itself",
}


def test_every_situation_has_its_scenario() -> None:
    assert {folder.name for folder in FOLDERS} == SITUATIONS


@pytest.fixture(params=FOLDERS, ids=lambda folder: str(folder.name))
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_it_has_a_playbook_and_tests_that_can_fail(folder: Path) -> None:
    assert (folder / "converge.yml").exists()
    tests = [test for path in folder.glob("tests/test_*.py") for test in functions(path)]
    assert tests
    assert [test.name for test in tests if not any(judged(test))] == [], "they look at nothing"


def functions(path: Path) -> list[ast.FunctionDef]:
    """The tests of a file."""
    found = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return [node for node in found if node.name.startswith("test_")]


def judged(test: ast.FunctionDef) -> Iterator[str]:
    """What a test asserts about what its fixtures say, or expects to be raised when they are used."""
    # The values of parametrize stand in the file itself, so they tell nothing.
    marks = re.findall(r"parametrize\('([^']+)'", "\n".join(map(ast.unparse, test.decorator_list)))
    given = {one.arg for one in test.args.args} - set(re.findall(r"\w+", " ".join(marks)))
    for node in ast.walk(test):
        if isinstance(node, ast.Assign) and told(node.value, given):
            given |= {one.id for one in ast.walk(node.targets[0]) if isinstance(one, ast.Name)}
    for node in ast.walk(test):
        parts: Sequence[ast.AST] = []
        if isinstance(node, ast.Assert):
            both = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And)
            parts = node.test.values if both and isinstance(node.test, ast.BoolOp) else [node.test]
        elif isinstance(node, ast.With) and "pytest.raises" in ast.unparse(node.items[0]):
            parts = node.body
        # That a fixture is there says nothing yet, and "or" lets anything pass.
        parts = [part for part in parts if not isinstance(part, ast.Name | ast.BoolOp)]
        yield from (ast.unparse(part) for part in parts if told(part, given))


def told(node: ast.AST, given: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in given for one in ast.walk(node))


@pytest.mark.parametrize(
    "body",
    [
        "assert True", "assert scenario", "pass", "x = scenario.run('check')", "assert label == 'check'",
        "assert scenario.run('check') or True",
    ],
)  # fmt: skip
def test_a_test_that_looks_at_nothing_is_known(body: str, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        f"@pytest.mark.parametrize('label', ['check'])\ndef test_it(scenario, label):\n    {body}\n"
    )
    (test,) = functions(tmp_path / "test_x.py")
    assert not any(judged(test))


def test_what_check_mode_and_the_second_run_did_is_judged(folder: Path) -> None:
    texts = "\n".join(path.read_text() for path in folder.glob("tests/test_*.py"))
    assert [step for step in ("check", "idempotence") if step in sequence(folder) and f'"{step}"' not in texts] == []


def test_every_row_of_the_fault_matrix_is_judged() -> None:
    tests = functions(ROOT / "molecule/fault_matrix/tests/test_fault_matrix.py")
    said = {test.name: (list(judged(test)), "\n".join(map(ast.unparse, test.decorator_list))) for test in tests}
    asserted, marks = said["test_exactly_the_fault_is_named_and_repaired_where_a_role_can"]
    assert "outcomes[name].problems == []" in asserted
    assert marks == "pytest.mark.parametrize('name', [row.name for row in ROWS])"


def test_its_first_comment_says_what_it_is(folder: Path) -> None:
    text = (folder / "molecule.yml").read_text().partition("---\n")[2]
    comment = re.match(r"(# .+\n)+", text)
    assert comment and len(comment[0]) > 80 and comment[0].rstrip().endswith("."), "write what the situation is"
    assert f"| `{folder.name}` |" in (ROOT / "molecule/README.md").read_text()


def leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, *path, key)
    else:
        yield path, value


def test_it_copies_nothing_that_is_shared(folder: Path) -> None:
    assert not [name for name in ("create.yml", "destroy.yml") if (folder / name).exists()]
    own = dict(leaves(yaml.safe_load((folder / "molecule.yml").read_text()) or {}))
    shared = dict(leaves(SHARED))
    assert not [path for path, value in own.items() if path in shared and shared[path] == value]


def sequence(folder: Path) -> list[str]:
    """The steps of a scenario."""
    own = yaml.safe_load((folder / "molecule.yml").read_text()) or {}
    steps: list[str] = {**SHARED["scenario"], **own.get("scenario", {})}["test_sequence"]
    return steps


def test_it_runs_every_step_but_those_that_make_no_sense_for_it(folder: Path) -> None:
    """Destroyed before and after, too, whatever happens."""
    assert sequence(folder) == [step for step in SEQUENCE if (folder.name, step) not in LEFT_OUT]


def test_a_scenario_changes_nothing_else_of_its_sequences(folder: Path) -> None:
    own = yaml.safe_load((folder / "molecule.yml").read_text()) or {}
    assert set(own) <= {"ansible", "scenario", "verifier"} and set(own.get("scenario", {})) <= {"test_sequence"}
    assert set(own.get("ansible", {})) <= {"env"} and set(own.get("verifier", {})) <= {"options"}
