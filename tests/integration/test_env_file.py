# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docker compose reads from env files that were written by ``steve_env_file``: compose itself is asked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._env_file import EnvFileError, edit, parse, reading
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.one_task import changed_lines, task
from tests.stack.engine import client_env
from tests.stack.shell import run
from tests.unit.env_files import FILES, NASTY, values

# Where docker compose is not there it comes with the images of the stacks.
pytestmark = pytest.mark.xdist_group("stack")
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
    assert real["keys"] == {"added": ["NEW"], "changed": ["AUTH_PASSWORD"], "removed": []}
    assert real["diff"]["before_header"] == str(path)
    assert (predicted["keys"], predicted["diff"]) == (real["keys"], real["diff"])
    again, _said = task(tmp_path, "steve_env_file", **arguments)
    assert again["changed"] is False
