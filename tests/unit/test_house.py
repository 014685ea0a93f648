# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that users call has tests, documentation, an example and a note in the changelog, and they agree."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import documentation, stages

ROOT = Path(__file__).resolve().parents[2]
MODULES = documentation.MODULES
ROLES = tuple(sorted(path.name for path in (ROOT / "roles").iterdir()))
PLAYBOOKS = tuple(sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEMPLATE = re.compile(r"{{ *[a-z_]+ *\| *default\((?P<value>.*?)(, *true)?\) *}}")


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@cache
def code(folder: str) -> list[ast.AST]:
    """What stands in the files of a folder of tests that have tests: no comment, and no text that nobody reads."""
    found: list[ast.AST] = []
    for path in sorted((ROOT / "tests" / folder).rglob("test_*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in nodes):
            idle = {node.value for node in nodes if isinstance(node, ast.Expr)}
            found += [node for node in nodes if node not in idle]
    return found


def called(folder: str) -> set[Any]:
    """The words that tests call something with: ``task(tmp_path, "steve_info")``, ``playbook("diagnose")``."""
    calls = [node for node in code(folder) if isinstance(node, ast.Call)]
    return {word.value for call in calls for word in call.args if isinstance(word, ast.Constant)}


def words(folder: str) -> set[Any]:
    """Every text in the code of tests, and the names of what they pass."""
    texts = {node.value for node in code(folder) if isinstance(node, ast.Constant)}
    return texts | {node.arg for node in code(folder) if isinstance(node, ast.keyword)}


def changelog() -> str:
    """All that the changelog says and will say: a release moves the fragments into changelog.yaml."""
    files = [*(ROOT / "changelogs" / "fragments").glob("*.yml"), *(ROOT / "changelogs").glob("changelog.yaml")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def options(role: str) -> dict[str, dict[str, Any]]:
    specs: dict[str, Any] = read(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]
    value: dict[str, dict[str, Any]] = specs["main"]["options"]
    return value


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) >= 9 and len(ROLES) >= 4 and len(PLAYBOOKS) >= 4


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_tests_documentation_example_and_a_note(name: str) -> None:
    module = documentation.module(name)
    page = yaml.safe_load(module.DOCUMENTATION)
    assert page["module"] == name and page["options"]
    assert any(f"chargeops.steve.{name}" in task for task in documentation.examples(name))
    assert documentation.returned(name)
    assert name in called("integration"), "no test runs it on something real"
    assert re.search(rf"\b{name}\b", changelog()), "no fragment in changelogs/fragments tells of it"


@pytest.mark.parametrize("name", ROLES)
def test_every_role_has_tests_documentation_example_and_a_note(name: str) -> None:
    page = (ROOT / "roles" / name / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"chargeops\.steve\.{name}\b", page), "its README has no example"
    assert (ROOT / "roles" / name / "meta" / "main.yml").exists()
    tests = {f"chargeops.steve.{name}", *options(name)} & words("integration") or {name} & called("integration")
    assert tests, "no test names it, one of its variables or its playbook"
    played = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").glob("*.yml")]
    assert any(re.search(rf"\bchargeops\.steve\.{name}\b", text) for text in played), "no playbook applies it"
    assert re.search(rf"\b{name}\b", changelog()), "no fragment in changelogs/fragments tells of it"
    assert f"roles/{name}/README.md" in README, "the README does not lead to it"


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_playbook_has_tests_an_example_and_a_note(name: str) -> None:
    assert f"chargeops.steve.{name}" in README
    assert name in called("integration") and name in words("artifact")
    assert re.search(rf"\b{name}\b", changelog())


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_name_the_same_variables(role: str) -> None:
    assert sorted(read(f"roles/{role}/defaults/main.yml")) == sorted(options(role))
    assert all(name.startswith(f"{role}_") for name in options(role))


@pytest.mark.parametrize(("role", "name"), [(role, name) for role in ROLES for name in options(role)])
def test_defaults_and_argument_specs_say_the_same_value(role: str, name: str) -> None:
    """Documentation shows a value of the option's type, where the default is a variable that falls back to it."""
    spec, value = options(role)[name], read(f"roles/{role}/defaults/main.yml")[name]
    if "default" not in spec:
        assert isinstance(value, str) and "{{" in value, "a plain default has to stand in meta/argument_specs.yml"
        assert not TEMPLATE.fullmatch(value), "so has what a variable falls back to"
        return
    if spec["default"] != value:
        found = TEMPLATE.fullmatch(str(value).strip())
        assert found, f"{value!r} is not {spec['default']!r}"
        assert yaml.safe_load(found["value"]) == spec["default"]
    if not isinstance(spec["default"], str) or "{{" not in spec["default"]:
        assert isinstance(spec["default"], documentation.TYPES[spec.get("type", "str")])


def fallbacks(text: str) -> set[tuple[str, str]]:
    """(variable, what it falls back to as YAML) of a template."""
    return set(re.findall(r"\b(steve_[a-z_]+) *\| *default\(('[^']*'|\[[^]]*\]|[^,)]*)", text))


def yaml_files(*patterns: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for pattern in patterns for path in sorted(ROOT.glob(pattern)))


def documented() -> dict[str, tuple[str, str]]:
    """Variables of the inventory in docs/variables.md: the default (empty: none), and what is said."""
    found: dict[str, tuple[str, str]] = {}
    for line in (ROOT / "docs" / "variables.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")][1:-1]
        if cells and cells[0].startswith("`"):
            names, values = (re.findall(r"`([^`]+)`", cell) for cell in cells[:2])
            found |= {name: (value, cells[2]) for name, value in zip_longest(names, values, fillvalue="")}
    return found


def test_all_variables_of_the_inventory_are_documented() -> None:
    read_here = yaml_files("playbooks/*.yml", "roles/*/[dtv]*/*.yml")  # defaults, tasks, vars
    variables = set(re.findall(r"\bsteve_[a-z_]+\b", read_here)) - set(MODULES)
    # A module and a variable may have the same name.
    assert variables | {name for name, _value in fallbacks(read_here)} == set(documented())


@pytest.mark.parametrize("name", documented())
def test_a_variable_of_the_inventory_has_the_default_that_is_documented(name: str) -> None:
    defaults = fallbacks(yaml_files("roles/*/defaults/main.yml"))
    # What a playbook puts in a default's place is no default, where the roles have one.
    known = {value for one, value in defaults if one == name} or {
        value for one, value in fallbacks(yaml_files("playbooks/*.yml")) if one == name
    }
    (value,) = known or {"''"}
    said, _what = documented()[name]
    assert yaml.safe_load(said) == yaml.safe_load(value) or (not said and not yaml.safe_load(value))


def test_the_choices_of_a_variable_are_documented() -> None:
    chosen = 0
    for role in ROLES:
        for name, value in read(f"roles/{role}/defaults/main.yml").items():
            option = options(role)[name]
            if fallbacks(str(value)) and option["type"] == "str" and "choices" in option:
                ((variable, _default),) = fallbacks(str(value))
                default, what = documented()[variable]
                assert {default, *re.findall(r"`([^`]+)`", what)} >= set(option["choices"]), variable
                chosen += 1
    assert chosen


@pytest.mark.parametrize("role", ROLES)
def test_secrets_are_not_logged(role: str) -> None:
    secret = re.compile(r"_(passwords?|webapi_value|env_keys)$")
    assert [name for name, spec in options(role).items() if secret.search(name) and not spec.get("no_log")] == []


def test_the_group_of_modules_holds_all_of_them() -> None:
    assert read("meta/runtime.yml")["action_groups"]["steve"] == list(MODULES)


def test_the_versions_that_are_named_are_those_that_are_tested() -> None:
    needed = read("meta/runtime.yml")["requires_ansible"]
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    (oldest,) = re.findall(r"ansible-core>=([\d.]+),", groups["demo"][0])
    assert needed == f">={oldest}.0"
    assert f"ansible-core {oldest}, {' and '.join(stages.CORES)}" in README
    workflow = read(".github/workflows/tests.yml")["jobs"]
    assert {row["environment"] for row in workflow["suite"]["strategy"]["matrix"]["include"]} == {
        "dev", *(f"core-{core}" for core in stages.CORES)
    }  # fmt: skip
    specs = [read(f"roles/{role}/meta/main.yml")["galaxy_info"]["min_ansible_version"] for role in ROLES]
    assert set(map(str, specs)) == {oldest}


def test_the_controller_needs_what_the_execution_environment_brings() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    brought = re.findall(r"^([a-z0-9]+)", (ROOT / "meta/ee-requirements.txt").read_text(), re.MULTILINE)
    assert set(brought) <= set(groups["controller"]) and {"cryptography", "jmespath"} <= set(brought)


def test_no_rule_is_switched_off_for_a_file() -> None:
    assert [str(path) for path in ROOT.glob("tests/sanity/ignore-*.txt")] == []
    assert not (ROOT / ".ansible-lint-ignore").exists() and not (ROOT / ".config" / "ansible-lint-ignore.txt").exists()
