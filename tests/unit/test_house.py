# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that users call has tests, documentation, an example and a note in the changelog, and they agree."""

from __future__ import annotations

import re
import tomllib
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


def texts(*folders: str) -> str:
    """All tests of these folders in one piece."""
    files = [path for folder in folders for path in sorted((ROOT / "tests" / folder).rglob("test_*.py"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path != Path(__file__))


def changelog() -> str:
    """All that the changelog says and will say."""
    files = [*(ROOT / "changelogs" / "fragments").glob("*.yml"), ROOT / "CHANGELOG.md"]
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
    assert re.search(rf"\b{name}\b", texts("integration")), "no test runs it on something real"
    assert re.search(rf"\b{name}\b", changelog()), "no fragment in changelogs/fragments tells of it"


@pytest.mark.parametrize("name", ROLES)
def test_every_role_has_tests_documentation_example_and_a_note(name: str) -> None:
    page = (ROOT / "roles" / name / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"chargeops\.steve\.{name}\b", page), "its README has no example"
    assert (ROOT / "roles" / name / "meta" / "main.yml").exists()
    # What is true of a playbook's tests (below) is so of the roles that it applies.
    played = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").glob("*.yml")]
    assert any(re.search(rf"\bchargeops\.steve\.{name}\b", text) for text in played), "no playbook applies it"
    assert re.search(rf"\b{name}\b", changelog()), "no fragment in changelogs/fragments tells of it"
    assert f"roles/{name}/README.md" in README, "the README does not lead to it"


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_playbook_has_tests_an_example_and_a_note(name: str) -> None:
    assert f"chargeops.steve.{name}" in README
    assert f'"{name}"' in texts("integration") and f'"{name}"' in texts("artifact")
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
