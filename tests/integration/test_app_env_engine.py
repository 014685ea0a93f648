# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role ``app_env`` against an engine that fails as wanted, and a SteVe that is the simulator."""

from __future__ import annotations

import http.server
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._env_edit import Wish, ensure

from tests import certificates
from tests.integration.fake_docker import FakeDocker
from tests.integration.local_nginx import LocalNginx
from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator

OLD = "AUTH_USER=admin\nAUTH_PASSWORD=1234\n"


@pytest.fixture(scope="module")
def steve() -> Iterator[Running]:
    with running_simulator(release="3.14.1") as running:
        yield running


@pytest.fixture
def docker(tmp_path: Path, steve: Running) -> FakeDocker:
    return FakeDocker(tmp_path, steve.port, OLD)


def run(docker: FakeDocker, url: str, *options: str, proxy: str = "", **variables: Any) -> Run:
    """The role alone, ``variables`` being its own or the inventory's."""
    environment = {"PATH": f"{docker.programs}:{os.environ['PATH']}", "http_proxy": proxy, "no_proxy": ""}
    play = {"hosts": "steve", "gather_facts": False, "environment": environment, "roles": ["chargeops.steve.app_env"]}
    path = docker.programs.parent / "play.json"
    path.write_text(json.dumps([play]))
    given = {"steve_project_dir": str(docker.project), "steve_url": url, "app_env_reload_nginx": "false"} | variables
    return playbook(str(path), {"all": {"children": {"steve": {"hosts": {"one": local_host(**given)}}}}}, *options)


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Knows no SteVe, as a company's proxy does not know another host's 127.0.0.1."""

    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def proxy() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_proxy_of_the_environment_has_no_say(docker: FakeDocker, steve: Running, proxy: str) -> None:
    options: dict[str, Any] = {"steve_allow_restart": True, "steve_start_deadline": 30}
    done = run(docker, steve.url, proxy=proxy, app_env_keys={"NEW": "1"}, **options)
    assert done.code == 0, done.output
    assert docker.state["generation"] == 2 and "NEW=1" in docker.state["runs_with"]
    assert not (docker.project / ".chargeops.steve").exists()


def test_no_time_to_start_is_refused_before_anything_is_done(docker: FakeDocker, steve: Running) -> None:
    options: dict[str, Any] = {"steve_allow_restart": True, "steve_start_deadline": 0}
    refused = run(docker, steve.url, app_env_keys={"NEW": "1"}, **options)
    assert refused.code != 0
    assert "SteVe cannot start in 0 s (steve_start_deadline)" in refused.output, refused.output
    assert docker.env_file.read_text() == OLD and docker.state["generation"] == 1
    # Nothing is started here.
    assert run(docker, steve.url, **options).code == 0


@pytest.mark.parametrize("words", ["line 1: unterminated quoted value \"{}", "invalid template: \"{}$\""])
def test_a_line_that_compose_cannot_read_is_shown_nowhere(docker: FakeDocker, steve: Running, words: str) -> None:
    docker.becomes(refuses="failed to read db.env: " + words.format("canary-nightingale"))
    done = run(docker, steve.url, "-vvvv", steve_allow_restart=True)
    assert done.code != 0
    assert "docker compose refuses the project's files" in done.output, done.output
    assert "nightingale" not in done.output
    assert docker.state["generation"] == 1


# -- what SteVe will ignore ------------------------------------------------------------------------------------------


def test_a_password_that_the_operator_changed_is_announced_and_no_harm_of_the_repair(
    docker: FakeDocker, steve: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.env_file.write_text(OLD.replace("1234", "nightingale"))
    monkeypatch.setenv("PATH", f"{docker.programs}:{os.environ['PATH']}")
    variables = {
        "steve_project_dir": str(docker.project), "steve_url": steve.url, "steve_admin_password": "1234",
        "app_env_reload_nginx": "false", "steve_start_deadline": 30, "steve_allow_restart": True,
    }  # fmt: skip
    inventory = {"all": {"children": {"steve": {"hosts": {"one": local_host(**variables)}}}}}
    extra = {"diagnose_timeout": 3, "diagnose_nginx_conf": "/nonexistent"}
    announced = "SteVe 3.14.1 will ignore AUTH_PASSWORD"
    predicted = playbook("remediate", inventory, "--check", extra=extra)
    assert docker.state["generation"] == 1 and "env-not-applied" in predicted.ids(), predicted.output
    done = playbook("remediate", inventory, extra=extra)
    assert docker.state["generation"] == 2, done.output
    for one in (predicted, done):
        assert "nightingale" not in one.output
        plan, _acted, rest = one.output.partition("Look what the app container was made of")
        assert announced in plan and announced in rest, one.output
    # A warning, as it is for every other run; nobody is told that the repair did harm.
    assert done.code == 0 and done.ids() == ["env-not-effective"], done.output
    assert re.search(r"announced +one +env-not-effective", done.output), done.output


def test_a_password_that_steve_already_accepts_is_not_announced(tmp_path: Path, steve: Running) -> None:
    docker = FakeDocker(tmp_path, steve.port, OLD.replace("1234", "older"))
    docker.env_file.write_text(OLD)
    done = run(docker, steve.url, "--check", steve_admin_password="1234", steve_allow_restart=True)
    assert done.code == 0 and "The app container is recreated" in done.output, done.output
    assert "will ignore" not in done.output


# -- the project that runs -------------------------------------------------------------------------------------------


@pytest.fixture
def deployed(docker: FakeDocker) -> FakeDocker:
    """A project that was started with a name, two compose files and an env file that its directory does not tell."""
    names = ["docker-compose.yml", "prod.yml"]
    for name in (*names, "prod.env"):
        (docker.project / name).write_text("")
    docker.becomes(labels={
        "com.docker.compose.project": "prod",
        "com.docker.compose.project.config_files": ",".join(str(docker.project / name) for name in names),
        "com.docker.compose.project.environment_file": str(docker.project / "prod.env"),
    })  # fmt: skip
    return docker


def test_the_project_that_runs_is_the_one_that_is_recreated(deployed: FakeDocker, steve: Running) -> None:
    done = run(deployed, steve.url, app_env_keys={"NEW": "1"}, steve_allow_restart=True, steve_start_deadline=30)
    assert done.code == 0, done.output
    assert deployed.state["generation"] == 2
    asked = [words for words in deployed.state["asked"] if "version" not in words and words[-1] != "version"]
    place = str(deployed.project)
    ups = [words for words in asked if "up" in words]
    assert len(ups) == 2
    for words in asked:
        at = words[words.index("--project-directory") + 1]
        assert words[words.index("--project-name") + 1] == "prod", words
        found = [words[number + 1] for number, word in enumerate(words) if word in ("--file", "--env-file")]
        assert found == [f"{at}/docker-compose.yml", f"{at}/prod.yml", f"{at}/prod.env"], words
        assert at == place or words not in ups


@pytest.mark.parametrize(("options", "named"), [
    ({"steve_compose_files": ["docker-compose.yml"]}, "steve_compose_files is docker-compose.yml"),
    ({"steve_compose_env_files": ["other.env"]}, "steve_compose_env_files is other.env"),
])  # fmt: skip
def test_options_that_lead_to_another_project_are_refused(
    deployed: FakeDocker, steve: Running, options: dict[str, Any], named: str
) -> None:
    for mode in ([], ["--check"]):
        done = run(deployed, steve.url, *mode, app_env_keys={"NEW": "1"}, steve_allow_restart=True, **options)
        assert done.code != 0
        assert named in done.output and "prod" in done.output and "Nothing was changed" in done.output, done.output
    assert deployed.env_file.read_text() == OLD and deployed.state["generation"] == 1


def test_a_project_that_could_not_be_seen_is_not_recreated(deployed: FakeDocker, steve: Running) -> None:
    deployed.becomes(blind="Error response from daemon: i/o timeout")
    done = run(deployed, steve.url, app_env_keys={"NEW": "1"}, steve_allow_restart=True)
    assert done.code != 0 and deployed.env_file.read_text() == OLD and deployed.state["generation"] == 1
    assert "another project might be started" in done.output and "i/o timeout" in done.output, done.output


def test_a_compose_file_that_is_gone_is_named(deployed: FakeDocker, steve: Running) -> None:
    (deployed.project / "prod.yml").unlink()
    done = run(deployed, steve.url, app_env_keys={"NEW": "1"}, steve_allow_restart=True)
    assert done.code != 0 and deployed.env_file.read_text() == OLD
    assert "prod.yml, which is gone" in done.output and "Nothing was changed" in done.output, done.output


# -- what an interrupted run left ------------------------------------------------------------------------------------


@pytest.fixture
def interrupted(docker: FakeDocker) -> Path:
    """A run was killed after the app was recreated; where it kept the previous env file."""
    state = docker.project / ".chargeops.steve"
    assert ensure(Wish(str(docker.env_file), {"NEW": "1"}, state_dir=str(state)))["pending"] is True
    docker.becomes(runs_with=docker.env_file.read_text())
    return state


def test_what_runs_already_is_confirmed_without_permission(
    docker: FakeDocker, steve: Running, interrupted: Path
) -> None:
    done = run(docker, steve.url, steve_start_deadline=0)
    assert done.code == 0, done.output
    assert "is confirmed if SteVe answers" in done.output
    assert not interrupted.exists() and docker.state["generation"] == 1


def test_what_does_not_answer_is_not_undone_without_permission(docker: FakeDocker, interrupted: Path) -> None:
    docker.becomes(port=9)
    done = run(docker, "http://127.0.0.1:9/steve", steve_start_deadline=0)
    assert done.code != 0
    assert "say -e steve_allow_restart=true to have the previous one put back" in done.output, done.output
    assert interrupted.exists() and "NEW=1" in docker.env_file.read_text() and docker.state["generation"] == 1


def test_check_mode_lets_nginx_make_no_file(docker: FakeDocker, steve: Running) -> None:
    made = docker.programs.parent / "made-by-nginx"
    nginx = docker.programs / "nginx"
    nginx.write_text(f"#!/bin/sh\ntouch {made}\n")
    nginx.chmod(0o755)
    done = run(docker, steve.url, "--check", app_env_keys={"NEW": "1"}, app_env_reload_nginx=True)
    assert done.code == 0 and "sets NEW" in done.output, done.output
    assert not made.exists() and docker.env_file.read_text() == OLD


# -- why SteVe refuses the credentials -------------------------------------------------------------------------------


def test_a_typing_error_of_the_inventory_is_no_ignored_value(docker: FakeDocker, steve: Running) -> None:
    done = run(docker, steve.url, steve_admin_password="0ther")
    assert done.code != 0
    assert "correct the inventory first" in done.output and "web_user" not in done.output, done.output


def test_the_very_value_in_the_container_is_ignored(tmp_path: Path, steve: Running) -> None:
    docker = FakeDocker(tmp_path, steve.port, OLD.replace("1234", "0ther"))
    done = run(docker, steve.url, steve_admin_password="0ther")
    assert done.code != 0
    assert "so SteVe ignores them" in done.output and "web_user" in done.output, done.output


def test_a_release_that_reads_its_properties_has_no_row_to_change(tmp_path: Path) -> None:
    with running_simulator(release="3.7.1") as older:
        docker = FakeDocker(tmp_path, older.port, OLD.replace("1234", "0ther"))
        done = run(docker, older.url, steve_admin_password="0ther")
    assert done.code != 0
    assert "correct the inventory first" in done.output and "web_user" not in done.output, done.output


# -- what the undo says ----------------------------------------------------------------------------------------------

ENDS: dict[str, Any] = {"app_env_keys": {"NEW": "1"}, "steve_allow_restart": True, "steve_start_deadline": 30}


def test_an_engine_without_room_is_told_in_its_words(docker: FakeDocker, steve: Running) -> None:
    docker.becomes(fails_at_up="Error response from daemon: no space left on device", log="Access denied for user 'x'")
    done = run(docker, steve.url, **ENDS)
    assert done.code != 0
    said = done.output.partition("Fail with the cause")[2]
    assert "The app could not be recreated" in said and "no space left on device" in said, done.output
    assert "Access denied" not in said and "does not run" not in said
    assert "the app still runs with it, and SteVe answers" in said
    assert docker.env_file.read_text() == OLD and docker.state["generation"] == 1


def test_an_engine_that_dies_leaves_the_untouched_container_unjudged(docker: FakeDocker, steve: Running) -> None:
    docker.becomes(dies_at_up="Cannot connect to the Docker daemon. Is the docker daemon running?")
    done = run(docker, steve.url, **ENDS)
    assert done.code != 0
    said = done.output.partition("Fail with the cause")[2]
    assert "whether the app runs with it could not be tried" in said and "docker daemon" in said, done.output
    assert "does not run" not in said
    assert docker.env_file.read_text() == OLD


def test_an_nginx_that_cannot_be_reloaded_does_not_accuse_the_app(docker: FakeDocker, steve: Running) -> None:
    docker.becomes(ends_with="NEW=1")
    nginx = docker.programs / "nginx"
    nginx.write_text("#!/bin/sh\n[ \"$1\" = -t ] || { echo 'nginx: [alert] kill(7, 1) failed' >&2; exit 1; }\n")
    nginx.chmod(0o755)
    done = run(docker, steve.url, app_env_reload_nginx="yes", steve_nginx_command="nginx", **ENDS)
    assert done.code != 0
    said = done.output.partition("Fail with the cause")[2]
    assert "the app was recreated with it, and SteVe answers" in said, done.output
    assert "nginx was not reloaded" in said and "kill(7, 1) failed" in said and "either" not in said
    assert docker.env_file.read_text() == OLD == docker.state["runs_with"]


@pytest.mark.parametrize("ends", [False, True], ids=["runs", "undone"])
def test_an_nginx_that_is_not_reloaded_is_not_passed_over(docker: FakeDocker, steve: Running, ends: bool) -> None:
    docker.becomes(ends_with="NEW=1" if ends else "")
    nginx = docker.programs / "nginx"
    words = 'nginx: [emerg] unknown directive "x" in /etc/nginx/nginx.conf:3'
    nginx.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    nginx.chmod(0o755)
    done = run(docker, steve.url, app_env_reload_nginx=True, app_env_backup=True, **ENDS)
    assert (done.code != 0) is ends
    told = done.output.rpartition("TASK" if ends else "Tell why nginx is not reloaded")[2]
    assert "nginx was not reloaded, because nginx -t fails: nginx: [emerg] unknown directive" in told, done.output
    assert "nginx.conf:3" in told
    # The copy that was asked for stays, whatever became of the file.
    (copy,) = docker.project.glob("docker-compose.app.env.*")
    assert copy.read_text() == OLD and copy.stat().st_mode & 0o777 == 0o600 and str(copy) in done.output


# -- SteVe behind TLS ------------------------------------------------------------------------------------------------


@pytest.fixture
def private(steve: Running, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """SteVe behind TLS with a certificate of a private authority: base URL, and the file of the authority."""
    made = certificates.family("localhost")
    certificate, key = certificates.written(tmp_path, made.leaf, made.intermediate)
    (tmp_path / "ca.pem").write_text(made.root.pem)
    front = LocalNginx(tmp_path / "etc")
    (front.sites / "site.conf").write_text(
        f"server {{ listen 127.0.0.1:{front.port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"
        f" location / {{ proxy_pass http://127.0.0.1:{steve.port}; proxy_set_header Host $http_host; }} }}\n"
    )
    front.start()
    yield f"https://localhost:{front.port}/steve", str(tmp_path / "ca.pem")
    front.stop()


def test_an_authority_of_the_operator_s_own_is_believed_throughout(
    docker: FakeDocker, private: tuple[str, str]
) -> None:
    url, authority = private
    options: dict[str, Any] = {"steve_allow_restart": True, "steve_start_deadline": 30}
    credentials = {"steve_admin_username": "admin", "steve_admin_password": "1234"}
    done = run(docker, url, app_env_keys={"NEW": "1"}, app_env_ca_path=authority, **options, **credentials)
    assert done.code == 0, done.output
    assert docker.state["generation"] == 2 and "connected now: 0" in done.output


@pytest.mark.parametrize("mode", [(), ("--check",)], ids=["real", "check"])
def test_a_certificate_that_the_host_refuses_is_said_before_anything_is_done(
    docker: FakeDocker, private: tuple[str, str], mode: tuple[str, ...]
) -> None:
    url, _authority = private
    options: dict[str, Any] = {"steve_allow_restart": True, "steve_start_deadline": 30}
    done = run(docker, url, *mode, app_env_keys={"NEW": "1"}, **options)
    assert done.code != 0
    assert docker.env_file.read_text() == OLD and docker.state["generation"] == 1, done.output
    assert "certificate" in done.output and "app_env_ca_path" in done.output and "Nothing was changed" in done.output
