# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker's and compose's output as data, and that no value of an environment ever leaves."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _compose
from ansible_collections.chargeops.steve.plugins.module_utils._docker import DockerUnavailable, Project
from ansible_collections.chargeops.steve.plugins.module_utils._env_reach import Given
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError

# Shape of docker inspect, Engine API 1.41 (docker.io 20.10), compose 2.26; only what is read.
APP: dict[str, Any] = {
    "Id": "abc",
    "Name": "/site-app-1",
    "Created": "2026-11-23T00:00:00.1Z",
    "Image": "sha256:1",
    "RestartCount": 2,
    "State": {
        "Status": "exited",
        "ExitCode": 137,
        "OOMKilled": True,
        "StartedAt": "2026-11-23T00:00:01Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
    },
    "Config": {
        "Env": ["AUTH_PASSWORD=s3cret-value", "PATH=/bin", "GONE=1"],
        "Labels": {
            _compose.PROJECT_LABEL: "site",
            _compose.SERVICE_LABEL: "app",
            _compose.WORKING_DIR_LABEL: "/srv/steve",
            _compose.CONFIG_FILES_LABEL: "/srv/steve/docker-compose.yml",
            _compose.ONEOFF_LABEL: "False",
        },
    },
    "NetworkSettings": {
        "Ports": {"8180/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8180"}], "9000/tcp": None},
        "Networks": {"site_default": {"IPAddress": "172.18.0.3"}},
    },
}
CONFIG = {"services": {"app": {"environment": {"AUTH_PASSWORD": "new$$value", "ADDED": "x", "PASSED": None}}}}
IMAGE = [{"Config": {"Env": ["PATH=/bin"]}}]


class FakeDocker:
    """Answers by the words of the command; records what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []

    def __call__(self, argv: list[str], timeout: float, cwd: str | None = None) -> tuple[int, str, str]:
        self.asked.append(argv)
        answer = self.answers[argv[1]]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, tuple) else (0, answer, "")


def project(**answers: Any) -> Project:
    known = {"ps": "abc\n", "inspect": json.dumps([APP]), "image": json.dumps(IMAGE), "compose": json.dumps(CONFIG)}
    return Project("/srv/steve", None, [], deadline=100.0, clock=lambda: 0.0, run=FakeDocker(**(known | answers)))


def test_facts_of_a_container() -> None:
    found = project()
    assert found.load() is True
    facts = found.services()["app"]
    assert facts["state"] == "exited" and facts["exit_code"] == 137 and facts["oom_killed"] is True
    assert facts["finished_at"] is None
    assert facts["ports"] == [{"container_port": "8180/tcp", "address": "127.0.0.1", "port": 8180}]
    assert facts["networks"] == {"site_default": "172.18.0.3"}
    assert "s3cret-value" not in json.dumps(found.services())


def test_drift_names_keys_and_never_values() -> None:
    found = project()
    found.load()
    seen = found.environment("app", "db", Given())
    drift = {kind: seen[kind] for kind in ("added", "changed", "removed", "definitions_changed")}
    assert drift == {"added": ["ADDED"], "changed": ["AUTH_PASSWORD"], "removed": ["GONE"], "definitions_changed": []}
    assert "s3cret" not in json.dumps(seen) and "value" not in json.dumps(seen["names"])


def test_a_dollar_that_compose_writes_twice_is_no_drift() -> None:
    assert _compose.environment_drift({"A": "x$$y"}, {"A": "x$y"}, {}) == {"added": [], "changed": [], "removed": []}


def test_the_project_is_found_by_its_normalised_directory() -> None:
    found = project()
    found.directory = "/srv//steve/"
    found.load()
    assert f"label={_compose.WORKING_DIR_LABEL}=/srv/steve" in found.run.asked[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((1, "", "Got permission denied while trying to connect to the Docker daemon socket"), "group docker"),
        ((1, "", "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"), "does not run"),
        (FileNotFoundError(), "no docker client"),
        (subprocess.TimeoutExpired("docker", 10), "no answer in 10 s"),
    ],
)
def test_docker_that_cannot_be_asked_is_told_apart(answer: Any, words: str) -> None:
    with pytest.raises(DockerUnavailable, match=words):
        project(ps=answer).load()


def test_composes_own_words_are_withheld_because_they_can_hold_values() -> None:
    found = project(compose=(1, "", "invalid interpolation format for environment.AUTH_PASSWORD: s3cret-value"))
    found.load()
    with pytest.raises(DockerUnavailable) as caught:
        found.environment("app", "db", Given())
    assert "s3cret" not in str(caught.value)


def test_an_unknown_service_is_named_with_those_that_exist() -> None:
    with pytest.raises(SteveError, match="the project has app"):
        _compose.configured_environment(json.dumps(CONFIG), "steve")


@pytest.mark.parametrize("text", ["", "null", "{}", "[1]", "no json"])
def test_unreadable_output_is_a_sentence(text: str) -> None:
    with pytest.raises(SteveError):
        _compose.configured_environment(text, "app")
