# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker's and compose's output as data, and that no value of an environment ever leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _compose
from ansible_collections.chargeops.steve.plugins.module_utils._command import Said, TimedOut
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


def said(code: int = 0, out: str = "", err: str = "") -> Said:
    """What a program said."""
    return Said(code, out.encode(), err.encode(), cut=False)


class FakeDocker:
    """Answers by the words of the command; records what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str], timeout: float, *, directory: str | None = None) -> Said:
        self.asked.append(list(argv))
        answer = self.answers[argv[1]]
        if isinstance(answer, Exception):
            raise answer
        return said(*answer) if isinstance(answer, tuple) else said(0, answer)


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


@pytest.mark.parametrize(
    ("label", "names"),
    [("db:service_healthy:false,cache:service_started:true", ["cache", "db"]), ("", []), (None, [])],
)
def test_what_a_service_depends_on_is_read_from_compose_s_label(label: str | None, names: list[str]) -> None:
    labels = {} if label is None else {"com.docker.compose.depends_on": label}
    assert _compose.service_facts({"Config": {"Labels": labels}})["depends_on"] == names


@pytest.mark.parametrize(("words", "builds"), [
    # The shape of upstream's command: a wait, a complete Maven build, the program.
    (["sh", "-c", "dockerize -wait tcp://mariadb:3306 && ./mvnw clean package -Pdocker && java -jar x"], True),
    (["/opt/maven/bin/mvn", "spring-boot:run"], True),
    (["sh", "-c", "mvn package;java -jar steve.jar"], True),
    (["java", "-jar", "/opt/mvn/steve.jar"], False),
    (["java", "-jar", "steve.jar", "--file=mvnw.txt"], False),
    ([], False),
])  # fmt: skip
def test_an_image_that_compiles_at_start_is_known_by_its_command(words: list[str], builds: bool) -> None:
    assert _compose.builds_at_start({"Config": {"Cmd": words}}) is builds
    assert _compose.builds_at_start({"Config": {"Entrypoint": words, "Cmd": None}}) is builds


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
        (TimedOut("docker", 10, said()), "no answer in 10 s"),
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


# -- more facts, and other ways to have compose ---------------------------------------------------------------


@pytest.mark.parametrize(("words", "place"), [
    ("driver failed programming external connectivity on endpoint x: Bind for 0.0.0.0:8180 failed: port is already "
     "allocated", ("0.0.0.0", 8180)),
    ("Error starting userland proxy: listen tcp4 127.0.0.1:8180: bind: address already in use", ("127.0.0.1", 8180)),
    ("failed to bind host port for 0.0.0.0:8180:172.18.0.3:8180/tcp: address already in use", ("0.0.0.0", 8180)),
    ("failed to bind host port 0.0.0.0:8180/tcp: address already in use", ("0.0.0.0", 8180)),
    ("listen tcp6 [::1]:8180: bind: address already in use", ("::1", 8180)),
    ("address already in use", (None, None)),
])  # fmt: skip
def test_a_port_that_docker_could_not_bind(words: str, place: tuple[str | None, int | None]) -> None:
    error = _compose.start_error(APP | {"State": {"Status": "created", "Error": words}})
    assert error is not None and error["kind"] == "port-taken"
    assert (error["address"], error["port"]) == place


def test_docker_s_words_about_a_start_hold_no_secret() -> None:
    words = 'exec: "java -Dauth.password=s3cret-value": not found: -Dx=s3cret2 s3cret-value\x1b[31m'
    error = _compose.start_error(APP | {"State": {"Error": words}})
    assert error is not None and error["kind"] == "other"
    assert "s3cret" not in error["text"] and "\x1b" not in error["text"] and "not found" in error["text"]
    assert _compose.start_error(APP) is None


def test_ports_that_nobody_reaches_and_the_limits_of_a_container() -> None:
    item = APP | {"HostConfig": {"NetworkMode": "host", "Memory": 268435456}}
    facts = _compose.service_facts(item)
    assert facts["unpublished"] == ["9000/tcp"] and facts["network_mode"] == "host"
    assert facts["memory_limit"] == 268435456 and _compose.service_facts(APP)["memory_limit"] is None


class FakeCompose(FakeDocker):
    """A host with the program docker-compose and no plugin."""

    def __call__(self, argv: Sequence[str], timeout: float, *, directory: str | None = None) -> Said:
        if argv[0] == "docker-compose":
            self.asked.append(list(argv))
            answer = self.answers["docker-compose"]
            if isinstance(answer, Exception):
                raise answer
            return said(*answer) if isinstance(answer, tuple) else said(0, answer)
        return super().__call__(argv, timeout, directory=directory)


def standalone(answer: Any) -> Project:
    missing = (1, "", "docker: 'compose' is not a docker command.")
    run = FakeCompose(**{
        "ps": "abc\n", "inspect": json.dumps([APP]), "image": json.dumps(IMAGE), "compose": missing,
        "docker-compose": answer,
    })  # fmt: skip
    return Project("/srv/steve", None, [], deadline=100.0, clock=lambda: 0.0, run=run)


def test_the_program_docker_compose_stands_in_for_the_plugin() -> None:
    found = standalone(json.dumps(CONFIG))
    found.load()
    assert found.environment("app", "db", Given())["changed"] == ["AUTH_PASSWORD"]
    asked = found.run.asked  # type: ignore[attr-defined]
    assert len([argv for argv in asked if argv[:2] == ["docker", "compose"]]) == 1


@pytest.mark.parametrize(("answer", "words"), [
    (FileNotFoundError(), "compose plugin is missing"),
    ((1, "", "Validate the file.\nUsage: config [options]\nno such option: --format"), "version 1"),
])  # fmt: skip
def test_no_usable_compose_is_a_sentence(answer: Any, words: str) -> None:
    found = standalone(answer)
    found.load()
    with pytest.raises(DockerUnavailable, match=words):
        found.environment("app", "db", Given())


@pytest.mark.parametrize(("stderr", "program", "words"), [
    ("Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.", None, "podman's"),
    (None, "podman", "no docker client on this host, but podman"),
])  # fmt: skip
def test_another_runtime_is_told_and_not_guessed_about(stderr: str | None, program: str | None, words: str) -> None:
    found = project(ps=FileNotFoundError() if stderr is None else (0, "", stderr))
    found.which = lambda name: "/usr/bin/" + name if name == program else None
    with pytest.raises(DockerUnavailable, match=words):
        found.load()


def test_a_project_directory_by_another_name_is_the_same(tmp_path: Any) -> None:
    real, link = tmp_path / "steve-1.2", tmp_path / "steve"
    real.mkdir()
    link.symlink_to(real)

    class Docker(FakeDocker):
        def __call__(self, argv: Sequence[str], timeout: float, *, directory: str | None = None) -> Said:
            if argv[1] == "ps" and "--format" in argv:
                return said(0, f"abc\t{real}\nother\t/elsewhere\n")
            return super().__call__(argv, timeout, directory=directory)

    run = Docker(ps="", inspect=json.dumps([APP]))
    found = Project(str(link), None, [], deadline=100.0, clock=lambda: 0.0, run=run)
    assert found.load() is True
    assert run.asked[-1] == ["docker", "inspect", "abc"]
    assert found.other_directories() == ["/srv/steve"]


def test_the_hash_of_the_files_against_the_container_s() -> None:
    marks = APP["Config"]["Labels"] | {_compose.HASH_LABEL: "a" * 64}
    item = APP | {"Config": APP["Config"] | {"Labels": marks}}

    class Docker(FakeDocker):
        printed = "a" * 64

        def __call__(self, argv: Sequence[str], timeout: float, *, directory: str | None = None) -> Said:
            if "--hash" in argv:
                return said(0, f"app {self.printed}\n")
            return super().__call__(argv, timeout, directory=directory)

    run = Docker(ps="abc\n", inspect=json.dumps([item]), image=json.dumps(IMAGE), compose=json.dumps(CONFIG))
    found = Project("/srv/steve", None, [], deadline=100.0, clock=lambda: 0.0, run=run)
    found.load()
    assert found.environment("app", "db", Given())["config_hash"]["differs"] is False
    run.printed = "b" * 64
    assert found.environment("app", "db", Given())["config_hash"]["differs"] is True
    run.printed = "none"
    assert found.environment("app", "db", Given())["config_hash"]["reason"] == "compose prints no hash"


def test_an_inactive_profile_does_not_hide_the_service() -> None:
    class Docker(FakeDocker):
        def __call__(self, argv: Sequence[str], timeout: float, *, directory: str | None = None) -> Said:
            if argv[1] == "compose" and "--profile" not in argv:
                return said(0, json.dumps({"services": {}}))
            return super().__call__(argv, timeout, directory=directory)

    run = Docker(ps="abc\n", inspect=json.dumps([APP]), image=json.dumps(IMAGE), compose=json.dumps(CONFIG))
    found = Project("/srv/steve", None, [], deadline=100.0, clock=lambda: 0.0, run=run)
    found.load()
    assert found.environment("app", "db", Given())["changed"] == ["AUTH_PASSWORD"]


# -- what the project was made of ------------------------------------------------------------------------------------


def made(tmp_path: Path, labels: dict[str, str], *, name: str | None = None, listed: str = "") -> Project:
    """A project in a directory with ``docker-compose.yml``, ``prod.yml`` and ``prod.env``; its container's labels."""
    for file in ("docker-compose.yml", "prod.yml", "prod.env"):
        (tmp_path / file).write_text("")
    marks = {
        _compose.PROJECT_LABEL: "prod", _compose.SERVICE_LABEL: "app", _compose.WORKING_DIR_LABEL: str(tmp_path),
        _compose.CONFIG_FILES_LABEL: f"{tmp_path}/docker-compose.yml,{tmp_path}/prod.yml",
        _compose.ENV_FILES_LABEL: f"{tmp_path}/prod.env",
    }  # fmt: skip
    item = {"Id": "abc", "Created": "1", "Config": {"Labels": marks | labels}}

    class Docker(FakeDocker):
        def __call__(self, argv: Sequence[str], timeout: float, *, directory: str | None = None) -> Said:
            if argv[1] == "ps" and "--format" in argv:
                return said(0, listed)
            return super().__call__(argv, timeout, directory=directory)

    run = Docker(ps="abc\n", inspect=json.dumps([item])) if labels.get("gone") != "yes" else Docker(ps="")
    found = Project(str(tmp_path), name, [], deadline=100.0, clock=lambda: 0.0, run=run)
    found.load()
    return found


def test_what_a_container_was_made_of_is_read_from_its_labels(tmp_path: Path) -> None:
    assert made(tmp_path, {}).source("app") == {
        "name": "prod", "directory": str(tmp_path), "env_files": [f"{tmp_path}/prod.env"], "missing": [],
        "files": [f"{tmp_path}/docker-compose.yml", f"{tmp_path}/prod.yml"], "differs": [],
    }  # fmt: skip
    # Also where the app itself is gone and only the data base is left.
    assert made(tmp_path, {_compose.SERVICE_LABEL: "db"}).source("app")["name"] == "prod"


@pytest.mark.parametrize(("labels", "options", "option"), [
    ({}, {"files": ["docker-compose.yml"]}, "compose_files"),
    ({}, {"env_files": ["other.env"]}, "compose_env_files"),
    ({_compose.ENV_FILES_LABEL: ""}, {"env_files": ["prod.env"]}, "compose_env_files"),
    ({_compose.WORKING_DIR_LABEL: "/elsewhere"}, {}, "project_dir"),
    ({}, {"files": ["./docker-compose.yml", "prod.yml"], "env_files": ["prod.env"]}, None),
    ({_compose.ENV_FILES_LABEL: ""}, {"env_files": [".env"]}, None),
    ({_compose.CONFIG_FILES_LABEL: ""}, {"files": ["docker-compose.yml"]}, None),
])  # fmt: skip
def test_an_option_that_leads_to_another_project_is_told(
    tmp_path: Path, labels: dict[str, str], options: dict[str, Any], option: str | None
) -> None:
    found = made(tmp_path, labels)
    for name, value in options.items():
        setattr(found, name, value)
    assert [item["option"] for item in found.source("app")["differs"]] == ([option] if option else [])


def test_a_name_that_no_container_has_is_told_where_the_directory_has_others(tmp_path: Path) -> None:
    listed = f"prod\t{tmp_path}\nother\t/elsewhere\n"
    found = made(tmp_path, {"gone": "yes"}, name="steve", listed=listed).source("app")
    assert found["differs"] == [{"option": "project_name", "given": "steve", "runs": "prod"}]
    assert made(tmp_path, {"gone": "yes"}, name="steve").source("app")["differs"] == []


def test_two_projects_of_one_directory_are_told(tmp_path: Path) -> None:
    found = made(tmp_path, {})
    other = json.loads(json.dumps(found.containers[0]))
    other["Config"]["Labels"][_compose.PROJECT_LABEL] = "staging"
    found.containers.append(other)
    (differs,) = found.source("app")["differs"]
    assert differs == {"option": "project_name", "given": "", "runs": "prod, staging"}


def test_a_file_of_the_project_that_is_gone_is_told(tmp_path: Path) -> None:
    found = made(tmp_path, {})
    (tmp_path / "prod.yml").unlink()
    assert found.source("app")["missing"] == [f"{tmp_path}/prod.yml"]
