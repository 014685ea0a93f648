# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docker compose reads from env files that were written by ``steve_env_file``: compose itself is asked."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._env_file import EnvFileError, edit, parse, reading
from ansible_collections.chargeops.steve.plugins.modules import steve_env_file as module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.one_task import changed_lines, task
from tests.stack.engine import client_env
from tests.stack.shell import run
from tests.unit.env_files import FILES, NASTY, values
from tests.unit.module_runs import assert_documented, result_of

PROJECT = "services: {app: {image: none, env_file: [app.env]}}\n"


class Compose:
    """``docker compose config`` on one project; it needs no engine."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        (directory / "compose.yml").write_text(PROJECT)

    def ask(self, data: bytes) -> subprocess.CompletedProcess[str]:
        (self.directory / "app.env").write_bytes(data)
        command = ("docker", "compose", "--project-name", "x", "config", "--format", "json")
        return run(*command, cwd=self.directory, env=self.environment, check=False)

    def read(self, data: bytes) -> dict[str, str]:
        done = self.ask(data)
        assert done.returncode == 0, done.stderr
        found: dict[str, str | None] = json.loads(done.stdout)["services"]["app"].get("environment") or {}
        # `config` prints what compose would read again, so it doubles dollar signs.
        return {name: value.replace("$$", "$") for name, value in found.items() if value is not None}


@pytest.fixture
def compose(tmp_path: Path, request: pytest.FixtureRequest) -> Compose:
    if run("docker", "compose", "version", env=client_env(), check=False).returncode != 0:
        request.getfixturevalue("stack_images")  # they bring the plugin; the engine itself is not needed here
    return Compose(tmp_path, client_env())


def test_compose_reads_every_nasty_value_exactly(compose: Compose) -> None:
    wanted = {f"K{number}": value for number, value in enumerate(NASTY)}
    assert compose.read(edit(b"", wanted).data) == wanted


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(values, min_size=20, max_size=40))
def test_compose_reads_random_values_exactly(compose: Compose, drawn: list[str]) -> None:
    wanted = {f"K{number}": value for number, value in enumerate(drawn)}
    assert compose.read(edit(b"", wanted).data) == wanted


@pytest.mark.parametrize("data", FILES)
def test_compose_and_we_agree_on_a_file_before_and_after_an_edit(compose: Compose, data: bytes) -> None:
    before = compose.read(data)
    text = data.decode("utf-8", "surrogateescape")
    for one in parse(text):
        value = reading(text, one)
        if value is not None and one is [other for other in parse(text) if other.key == one.key][-1]:
            assert before[one.key] == value
    for name in ("A", "NEW"):
        edited = edit(data, {name: "it's $5 #1\\"})
        after = compose.read(edited.data)
        assert after.pop(name) == "it's $5 #1\\"
        # What refers to the changed variable may change with it.
        others = {key: value for key, value in before.items() if key != name}
        assert after == others or b"$" in data
    removed = compose.read(edit(data, {}, ["A"]).data)
    assert removed == {key: value for key, value in before.items() if key != "A"} or b"$" in data


@pytest.mark.parametrize("data", [b"A B=1\n", b"A='open\n", b"'x'=1\n"])
def test_compose_refuses_what_we_refuse(compose: Compose, data: bytes) -> None:
    assert compose.ask(data).returncode != 0
    with pytest.raises(EnvFileError):
        edit(data, {"A": "v"})


# -- before it is written ----------------------------------------------------------------------------------------------


@pytest.fixture
def asking(compose: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that the module asks compose about."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
    for name, value in compose.environment.items():
        monkeypatch.setenv(name, value)
    (compose.directory / "app.env").write_text("A=old\n")
    (compose.directory / "app.env").chmod(0o600)
    return compose.directory


def ensured(directory: Path, keys: dict[str, str], check: bool = False, **options: Any) -> dict[str, Any]:
    arguments = {"path": str(directory / "app.env"), "project_dir": str(directory), **options}
    result = result_of(module, check, keys=keys, **arguments)
    assert_documented(module, result)
    assert not list(Path(tempfile.gettempdir()).iterdir())
    return result


def test_compose_is_asked_before_the_file_is_written(asking: Path) -> None:
    keys = {f"K{number}": value for number, value in enumerate(NASTY)}
    (asking / ".env").write_text("FROM_DOT_ENV=1\n")
    predicted = ensured(asking, keys, check=True)
    assert (predicted["checked"], predicted["warnings"]) == ("compose", [])
    assert (asking / "app.env").read_text() == "A=old\n"
    done = ensured(asking, keys)
    assert (done["checked"], done["unchecked_reason"], done["changed"]) == ("compose", None, True)
    assert ensured(asking, keys)["changed"] is False


def test_a_file_beside_the_project_is_no_refusal(asking: Path) -> None:
    (asking.parent / "shared.env").write_text("A=shared\nSHARED=1\n")
    (asking / "compose.yml").write_text("services: {app: {image: none, env_file: [../shared.env, app.env]}}\n")
    done = ensured(asking, {"A": "new"})
    assert (done["checked"], done["warnings"], done["changed"]) == ("compose", [], True)


@pytest.mark.parametrize(("service", "words"), [
    ("env_file: [app.env], environment: {A: other}", "another value of A"),
    ("env_file: [app.env, later.env]", "another value of A"),
    ("env_file: [{path: app.env, format: raw}]", "format: raw"),
])  # fmt: skip
def test_where_compose_would_read_something_else_nothing_is_changed(asking: Path, service: str, words: str) -> None:
    (asking / "later.env").write_text("A=later\n")
    (asking / "compose.yml").write_text(f"services: {{app: {{image: none, {service}}}}}\n")
    result = ensured(asking, {"A": "new secret"})
    if "failed" not in result:
        # A compose before 2.30 does not know the format, and refuses the project with and without the change.
        assert "raw" in service and result["checked"] == "none" and "refuses" in result["warnings"][0]
        return
    assert result["error"]["code"] == "env-value-overridden" and re.search(words, result["msg"])
    assert "new secret" not in json.dumps(result)
    assert (asking / "app.env").read_text() == "A=old\n"


def test_the_files_that_dot_env_names_are_read_as_by_hand(asking: Path) -> None:
    (asking / ".env").write_text("COMPOSE_FILE=compose.yml:prod.yml\n")
    (asking / "prod.yml").write_text("services: {app: {environment: {OVER: prod}}}\n")
    done = ensured(asking, {"A": "new"})
    assert (done["checked"], done["warnings"]) == ("compose", [])
    result = ensured(asking, {"OVER": "mine"})
    assert result["error"]["code"] == "env-value-overridden"
    assert (asking / "app.env").read_text() == "A=new\n"


def test_the_env_file_and_the_profile_of_the_command_line_are_taken_along(asking: Path) -> None:
    (asking / "prod.env").write_text("WHICH=app.env\n")
    service = "image: none, profiles: [steve], depends_on: [db], env_file: ['$WHICH']"
    (asking / "compose.yml").write_text(f"services: {{app: {{{service}}}, db: {{image: none, profiles: [steve]}}}}\n")
    options: dict[str, Any] = {"compose_env_files": ["prod.env"], "compose_profiles": ["steve"]}
    done = ensured(asking, {"A": "new"}, **options)
    assert (done["checked"], done["warnings"]) == ("compose", [])


def test_an_env_file_that_is_named_by_an_absolute_path_is_said_to_be_untried(asking: Path) -> None:
    (asking / "compose.yml").write_text(f"services: {{app: {{image: none, env_file: ['{asking}/app.env']}}}}\n")
    done = ensured(asking, {"A": "new"})
    assert done["checked"] == "none" and done["changed"] is True
    assert "by an absolute path" in done["unchecked_reason"] and "nothing that stands" not in done["warnings"][0]


def test_a_project_that_only_the_new_value_breaks_is_named(asking: Path) -> None:
    (asking / "app.env").write_text("A=1\nB=${A:?must stand there}\n")
    result = ensured(asking, {}, absent_keys=["A"])
    assert result["error"]["code"] == "env-file-refused"
    assert (asking / "app.env").read_text().startswith("A=1\n")


@pytest.mark.parametrize(("project", "reason"), [
    ("services: {app: {image: none}}", "nothing that stands in this file"),
    ("services: {app: {image: none, env_file: [missing.env]}}", "refuses the project's files"),
])  # fmt: skip
def test_where_compose_cannot_tell_it_is_said(asking: Path, project: str, reason: str) -> None:
    (asking / "compose.yml").write_text(project)
    result = ensured(asking, {"A": "new"})
    assert result["checked"] == "none" and reason in result["unchecked_reason"] and reason in result["warnings"][0]
    assert result["changed"] is True


def test_without_docker_it_is_said(asking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(asking))
    result = ensured(asking, {"A": "new"})
    assert result["unchecked_reason"] == "there is no docker client on this host"
    assert (asking / "app.env").read_text() == "A=new\n"


def test_the_project_may_name_files_and_the_env_file_stand_deeper(asking: Path) -> None:
    (asking / "etc").mkdir()
    (asking / "etc" / "app.env").write_text("A=old\n")
    (asking / "etc" / "other.env").write_text("O=1\n")
    (asking / "compose.yml").unlink()
    (asking / "my.yml").write_text("services: {steve: {image: x, env_file: [etc/app.env, etc/other.env]}}\n")
    options: dict[str, Any] = {"compose_files": ["my.yml"], "app_service": "steve", "project_name": "named"}
    result = ensured(asking, {"A": "$x"}, path=str(asking / "etc" / "app.env"), **options)
    assert result["checked"] == "compose" and (asking / "etc" / "app.env").read_text() == "A='$x'\n"
    with_absent = ensured(asking, {}, path=str(asking / "etc" / "app.env"), absent_keys=["O"], **options)
    assert "O: gone from the file" in with_absent["warnings"][0]
    wrong = ensured(asking, {"A": "2"}, path=str(asking / "etc" / "app.env"), **(options | {"app_service": "app"}))
    assert "the project has steve" in wrong["msg"]


# -- through Ansible ---------------------------------------------------------------------------------------------------


def test_ansible_predicts_in_check_mode_what_it_does(tmp_path: Path) -> None:
    path = tmp_path / "steve-admin-1234.env"
    path.write_text("AUTH_USER=admin\nAUTH_PASSWORD=old-secret\n")
    arguments = {"path": str(path), "keys": {"AUTH_PASSWORD": "it's $ecret", "NEW": "x"}}
    predicted, predicted_said = task(tmp_path, "steve_env_file", "--check", "--diff", **arguments)
    assert path.read_text() == "AUTH_USER=admin\nAUTH_PASSWORD=old-secret\n"
    real, said = task(tmp_path, "steve_env_file", "--diff", **arguments)
    assert changed_lines(said) == changed_lines(predicted_said)
    assert changed_lines(said) == [
        "-AUTH_PASSWORD=(value hidden)",
        "+AUTH_PASSWORD=(new value hidden)",
        "+NEW=(new value hidden)",
    ]
    assert real["names"] == {"added": ["NEW"], "changed": ["AUTH_PASSWORD"], "removed": []}
    assert real["diff"]["before_header"] == str(path)
    assert (predicted["names"], predicted["diff"]) == (real["names"], real["diff"])
    again, _said = task(tmp_path, "steve_env_file", **arguments)
    assert again["changed"] is False
