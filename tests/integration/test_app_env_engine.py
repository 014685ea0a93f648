# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role ``app_env`` against an engine that fails as wanted, and a SteVe that is the simulator."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.fake_docker import FakeDocker
from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator

OLD = "AUTH_USER=admin\nAUTH_PASSWORD=1234\n"


@pytest.fixture(scope="module")
def steve() -> Iterator[Running]:
    with running_simulator(release="3.14.1") as running:
        yield running


@pytest.fixture
def docker(tmp_path: Path, steve: Running) -> FakeDocker:
    return FakeDocker(tmp_path, urlsplit(steve.url).port or 0, OLD)


def run(docker: FakeDocker, url: str, *options: str, proxy: str = "", **variables: Any) -> Run:
    """The role alone, ``variables`` being its own or the inventory's."""
    environment = {"PATH": f"{docker.programs}:{os.environ['PATH']}", "http_proxy": proxy, "no_proxy": ""}
    play = {"hosts": "steve", "gather_facts": False, "environment": environment, "roles": ["chargeops.steve.app_env"]}
    path = docker.programs.parent / "play.json"
    path.write_text(json.dumps([play]))
    given = {"steve_project_dir": str(docker.project), "steve_url": url, "app_env_reload_nginx": False} | variables
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
