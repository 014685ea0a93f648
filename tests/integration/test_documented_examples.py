# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every task of every EXAMPLES runs as it stands, with variables only, and its result is as RETURN says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import certificates
from tests.documentation import MODULES, examples, faults, returned, sample_faults
from tests.integration.local_nginx import NAME, LocalNginx
from tests.integration.many_tasks import run_tasks
from tests.simulator import Running, running_simulator

ADMIN, WEB_API, STATION = "kanarien-vogel-4711", "papagei-vogel-0815", "zeisig-vogel-42424"
PROPERTIES = {"auth.user": "admin", "auth.password": ADMIN, "webapi.value": WEB_API}
SITE = "location / { return 404; }"


@dataclass
class Setting:
    """Where the example runs: variables of the operator, options that name files of this machine, and its proof."""

    variables: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    proves: Callable[[dict[str, Any]], bool] = lambda result: True


class World:
    """A SteVe, two nginx that do not know its WebSockets yet, one that does, and a project directory."""

    def __init__(self, directory: Path, steve: Running, life: ExitStack) -> None:
        self.directory = directory
        self.steve = steve
        self.life = life
        made = certificates.family(NAME)
        self.certificate, self.key = certificates.written(directory, made.leaf, made.intermediate)
        self.ca = directory / "ca.pem"
        self.ca.write_text(made.root.pem)
        (directory / "docker-compose.app.env").write_text("AUTH_USER=admin\nOLD_SETTING=1\n")

    def nginx(self, name: str, *parts: str, inside: bool = False, serves: str = NAME) -> LocalNginx:
        """A private nginx with TLS for the public name, or another one."""
        seen = self.directory / name / "inside" if inside else None
        made = LocalNginx(self.directory / name / "etc", seen)
        if seen:
            seen.symlink_to(made.sites)
        own = (f"ssl_certificate {self.certificate};", f"ssl_certificate_key {self.key};")
        path = made.site(*own, *parts, name=serves)
        path.write_text(path.read_text().replace(f":{made.port};", f":{made.port} ssl;"))
        made.start()
        self.life.callback(made.stop)
        return made

    def url(self, nginx: LocalNginx) -> str:
        """What the chargers are told."""
        return f"wss://{NAME}:{nginx.port}/steve/websocket/CentralSystemService"

    @property
    def upstream(self) -> str:
        """SteVe as nginx sees it."""
        return f"http://127.0.0.1:{self.steve.port}"


def box(world: World, name: str) -> dict[str, Any] | None:
    """The row of a charge box in SteVe's data base."""
    rows = world.steve.control.state()["tables"]["charge_box"]
    return next((row for row in rows if row["charge_box_id"] == name), None)


def steve_chargebox(world: World) -> list[Setting]:
    return [
        Setting(proves=lambda result: result["changed"] and bool(box(world, "CP-2"))),
        Setting(
            {"vault_cp4_password": STATION},
            proves=lambda result: str((box(world, "CP-4") or {})["auth_password"]).startswith("$2"),
        ),
        Setting(proves=lambda result: result["changed"] and box(world, "CP-5") is None),
    ]


def steve_chargebox_info(world: World) -> list[Setting]:
    fork = world.life.enter_context(
        running_simulator(release="expressync", charge_boxes=["CP-7"], system_properties=PROPERTIES)
    )
    return [
        Setting(proves=lambda result: {"id", "pk"} <= set(result["charge_boxes"][0])),
        Setting(proves=lambda result: result["msg"] == ["NEW-1"]),
        Setting(
            proves=lambda result: [row["registration_status"] for row in result["charge_boxes"]] == ["accepted"] * 2
        ),
        Setting(proves=lambda result: [row["id"] for row in result["missing"]] == ["CP-O5"]),
        Setting(
            {"steve_url": fork.url},
            proves=lambda result: [row["id"] for row in result["charge_boxes"]] == ["CP-7"],
        ),
    ]


def steve_env_file(world: World) -> list[Setting]:
    path = world.directory / "docker-compose.app.env"
    return [
        Setting(proves=lambda result: f"AUTH_PASSWORD={ADMIN}" in path.read_text().replace('"', "").replace("'", "")),
        # There is no compose file here, so nobody can be asked, which it says.
        Setting(proves=lambda result: result["checked"] == "none" and "was not asked" in result["warnings"][0]),
    ]


def steve_evidence(world: World) -> list[Setting]:
    # The run is the one that the examples of steve_report have begun.
    return [Setting(proves=lambda result: Path(result["archive"]).stat().st_mode & 0o777 == 0o600)]


def steve_info(world: World) -> list[Setting]:
    return [Setting(proves=lambda result: result["parts"]["probes"]["data"][0]["summary"]["accepted"] == 1)]


def steve_nginx_location(world: World) -> list[Setting]:
    host, there = world.nginx("host", SITE), world.nginx("container", SITE, inside=True)
    inside = there.directory.parent / "inside"
    nameless = world.nginx("nameless", SITE, serves="other.example.net")

    def shared(nginx: LocalNginx) -> dict[str, Any]:
        state = str(nginx.directory.parent / "state")
        return {"conf": str(nginx.conf), "nginx_command": list(nginx.command), "state_dir": state}

    fragment = str(host.directory / "steve-websocket.conf")
    container = {
        "steve_nginx_command": ["env", "INSIDE=1", *there.command],
        "steve_nginx_mounts": {str(inside): str(there.sites)},
        "steve_nginx_fragment": str(inside / "steve-websocket.include"),
    }
    return [
        Setting(
            {"steve_public_ws_url": world.url(host)}, {**shared(host), "fragment": fragment},
            proves=lambda result: result["action"] == "insert",
        ),
        Setting(
            {"steve_public_ws_url": world.url(there), **container}, shared(there),
            proves=lambda result: result["file"] == str(inside / "site.conf"),
        ),
        Setting(
            {
                "steve_public_ws_url": world.url(nameless), "steve_nginx_site": str(nameless.sites / "steve.conf"),
                "steve_certificate": str(world.certificate), "steve_certificate_key": str(world.key),
            },
            shared(nameless),
            proves=lambda result: result["file"] == str(nameless.sites / "steve.conf"),
        ),
    ]  # fmt: skip


def steve_report(world: World) -> list[Setting]:
    junit = world.directory / "steve.xml"
    return [
        Setting(proves=lambda result: Path(result["run_dir"]).is_dir()),
        Setting(proves=lambda result: result["reached"] is True),
        Setting(proves=lambda result: result["verdict"]["ok"] and Path(result["files"]["report"]).is_file()),
        Setting(proves=lambda result: result["plan"] == json.loads(Path(result["files"]["plan"]).read_text())),
        Setting(
            {"steve_runs": ["{{ run.run_dir }}"], "steve_junit": str(junit)},
            proves=lambda result: result["verdict"]["ok"] and junit.read_text().startswith("<?xml"),
        ),
    ]


def steve_webapi_check(world: World) -> list[Setting]:
    return [
        Setting(proves=lambda result: result["verdict"] == "accepted"),
        Setting(proves=lambda result: result["finding"] == "webapi-wrong-scheme"),
    ]


def steve_ws_probe(world: World) -> list[Setting]:
    forward = (
        f"proxy_pass {world.upstream}", "proxy_http_version 1.1", "proxy_set_header Upgrade $http_upgrade",
        'proxy_set_header Connection "upgrade"', "proxy_set_header Host $host",
    )  # fmt: skip
    nginx = world.nginx("proxy", f"location /steve/ {{ {'; '.join(forward)}; }}")
    place = f"127.0.0.1:{nginx.port}"
    return [
        Setting(proves=lambda result: result["summary"]["accepted"] == 2),
        Setting(
            {"steve_public_ws_url": world.url(nginx), "steve_nginx_address": place},
            environment={"SSL_CERT_FILE": str(world.ca)},
            proves=lambda result: result["upgrade_path"]["verdict"] == "proven",
        ),
        Setting(proves=lambda result: result["probes"][0]["session"]["boot"]["status"] == "Accepted"),
    ]


#: What each module's examples need, one setting for each task, in the order in which the modules run.
SETTINGS: dict[str, Callable[[World], list[Setting]]] = {
    "steve_chargebox": steve_chargebox,
    "steve_chargebox_info": steve_chargebox_info,
    "steve_webapi_check": steve_webapi_check,
    "steve_ws_probe": steve_ws_probe,
    "steve_info": steve_info,
    "steve_report": steve_report,
    "steve_evidence": steve_evidence,
    "steve_env_file": steve_env_file,
    "steve_nginx_location": steve_nginx_location,
}


@contextmanager
def a_world(directory: Path) -> Iterator[World]:
    boxes = ["CP-5", "PROBE-1", f"PROBE-2:Accepted:1:{STATION}"]
    with ExitStack() as life:
        steve = life.enter_context(
            running_simulator(release="3.14.1", charge_boxes=boxes, system_properties=PROPERTIES)
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{steve.url}/websocket/CentralSystemService/NEW-1", timeout=10)
        yield World(directory, steve, life)


@dataclass(frozen=True)
class Ran:
    """One task of an example, how it ran and what came back."""

    task: dict[str, Any]
    setting: Setting
    result: dict[str, Any]
    proven: bool


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Ran]]:
    """All examples of all modules, by one run."""
    directory = tmp_path_factory.mktemp("examples")
    with a_world(directory) as world:
        settings = {name: SETTINGS[name](world) for name in SETTINGS}
        pairs = [pair for name in SETTINGS for pair in zip(examples(name), settings[name], strict=True)]
        variables = {
            "steve_url": world.steve.url, "steve_ws_url": world.steve.ws_url, "steve_upstream": world.upstream,
            "steve_admin_username": "admin", "steve_admin_password": ADMIN, "steve_webapi_username": "admin",
            "steve_webapi_value": WEB_API, "probe_password": STATION, "vault_steve_admin_password": ADMIN,
            "steve_project_dir": str(directory),
        }  # fmt: skip
        # Variables of the command line beat those of a task; what one example needs otherwise goes by the task.
        other = {name for _task, setting in pairs for name in setting.variables}
        own = {name: variables.pop(name) for name in other & set(variables)}
        tasks = [
            {
                **task,
                "vars": {**own, **setting.variables},
                "environment": setting.environment,
                "module_defaults": dict.fromkeys(kinds(task), setting.defaults),
            }
            for task, setting in pairs
        ]
        results, said = run_tasks(directory, tasks, variables)
        print(said)
        done = [
            Ran(task, setting, result, not result.get("failed") and setting.proves(result))
            for (task, setting), result in zip(pairs, results, strict=True)
        ]
    found: dict[str, list[Ran]] = {}
    for name in SETTINGS:
        found[name], done = done[: len(settings[name])], done[len(settings[name]) :]
    return found


def kinds(task: dict[str, Any]) -> list[str]:
    """The module that a task runs."""
    return [key for key in task if "." in key]


def test_every_module_has_settings_for_its_examples() -> None:
    assert sorted(SETTINGS) == list(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_runs_and_does_what_its_name_says(ran: dict[str, list[Ran]], name: str) -> None:
    assert ran[name]
    for one in ran[name]:
        assert one.proven, (one.task["name"], one.result)


@pytest.mark.parametrize("name", MODULES)
def test_what_an_example_returns_is_as_documented(ran: dict[str, list[Ran]], name: str) -> None:
    for one in ran[name]:
        for kind in kinds(one.task):
            if kind.startswith("chargeops.steve."):
                options = {**one.setting.defaults, **one.task[kind]}
                found = faults(returned(kind.rpartition(".")[2]), one.result, options)
                assert not found, "\n".join([one.task["name"], *found])


@pytest.mark.parametrize("name", MODULES)
def test_the_samples_are_as_documented(name: str) -> None:
    assert not sample_faults(returned(name)), "\n".join(sample_faults(returned(name)))
