# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``evidence`` as a user runs it at ``-vvvv``: a secret in every source, hosts that fail, and nothing that stays."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.sync.client import connect

from tests.integration.local_nginx import NAME, LocalNginx
from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator

PLACES = (
    "envfile", "running", "argv", "composefile", "nginx", "header", "cookie", "csrf", "query", "idtag", "pem", "url",
    "stationkey", "admin", "webapi", "station", "extra", "inventory",
)  # fmt: skip
CANARIES = {name: f"Kanari/{name}+4711&x" for name in PLACES}
#: Those that stand in the log outside of any pattern; only because they are known they are found.
WRITTEN = ("admin", "envfile", "running", "argv", "station")
BOOT = '[2,"b1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'


def forms(secret: str) -> list[str]:
    """A secret as it may be written."""
    data = base64.b64encode(secret.encode()).decode().rstrip("=")
    return [secret, quote(secret, safe=""), quote(secret, safe="").lower(), secret.replace("&", "&amp;"), data[:-1]]


class World:
    """A host with a SteVe that logs to a file, an nginx, and a program in docker's place."""

    def __init__(self, directory: Path, steve: Running, nginx: LocalNginx) -> None:
        self.directory = directory
        self.steve = steve
        self.nginx = nginx
        self.log = directory / "steve.log"
        self.project = directory / "steve-admin-1234"

    def host(self, **more: Any) -> dict[str, Any]:
        return local_host(
            steve_url=self.steve.url, steve_log_file=str(self.log), steve_project_dir=str(self.project),
            steve_public_ws_url=f"ws://{NAME}:{self.nginx.port}/steve/websocket/CentralSystemService",
            diagnose_nginx_conf=str(self.nginx.conf), steve_nginx_command=list(self.nginx.command),
            steve_admin_password=CANARIES["admin"], steve_webapi_username="admin",
            steve_webapi_value=CANARIES["webapi"], my_own_password=CANARIES["inventory"],
            steve_charge_boxes=["CP-1234", "cp-steve", {"charge_box_id": "CP-9", "auth_password": CANARIES["station"]}],
            **more,
        )  # fmt: skip


def containers(project: Path) -> list[dict[str, Any]]:
    labels = {
        "com.docker.compose.project": "steve", "com.docker.compose.service": "app",
        "com.docker.compose.project.working_dir": str(project),
        "com.docker.compose.project.config_files": str(project / "compose.yml"), "other": CANARIES["running"],
    }  # fmt: skip
    return [{
        "Id": "abc", "Name": "/steve-app-1", "Created": "2026-11-23T00:00:00Z",
        "State": {"Status": "running", "Running": True, "Error": f"exec -Dx={CANARIES['argv']} failed"},
        "Config": {
            "Labels": labels, "Image": "steve:3.14.1", "Env": [f"AUTH_PASSWORD={CANARIES['running']}", "TZ=UTC"],
            "Cmd": ["java", f"-Dauth.password={CANARIES['argv']}", "-jar", "steve.war"],
        },
    }]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("evidence")
    project = directory / "steve-admin-1234"
    project.mkdir()
    (project / "docker-compose.app.env").write_text(f"AUTH_USER=admin\nAUTH_PASSWORD='{CANARIES['envfile']}'\n")
    (project / "compose.yml").write_text(
        f"services:\n  app:\n    environment:\n      DB_PASSWORD: {CANARIES['composefile']}\n      DB_HOST: steve\n"
    )
    (project / "inspect").write_text(json.dumps(containers(project)))
    docker = directory / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        f'#!/bin/sh\ncase "$1" in ps) echo abc;; inspect) cat {project}/inspect;; version) echo 28;; *) exit 1;; esac\n'
    )
    docker.chmod(0o755)
    properties = {"auth.user": "admin", "auth.password": CANARIES["admin"], "webapi.value": CANARIES["webapi"]}
    with running_simulator(
        release="3.14.1", charge_boxes=["CP-1234", "CP-steve"], system_properties=properties,
        log_file=directory / "steve.log",
    ) as steve:  # fmt: skip
        nginx = LocalNginx(directory / "etc")
        nginx.site(
            "location = /steve { return 301 /steve/; }",
            f"location /steve/ {{ proxy_pass http://127.0.0.1:{steve.port}; proxy_http_version 1.1; "
            'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; '
            f'proxy_set_header Host $host; proxy_set_header X-Token "{CANARIES["nginx"]}"; }}',
        )
        nginx.start()
        found = World(directory, steve, nginx)
        with connect(f"{steve.ws_url}/CP-1234", subprotocols=["ocpp1.6"], proxy=None) as socket:  # type: ignore[list-item]
            socket.send(BOOT)
            while json.loads(socket.recv(10))[0] != 3:
                pass
            socket.send(json.dumps([2, "a", "Authorize", {"idTag": CANARIES["idtag"][:20]}]))
            socket.recv(10)
        with found.log.open("a", encoding="utf-8") as stream:
            stream.write(
                f"Authorization: Bearer {CANARIES['header']}\nCookie: JSESSIONID={CANARIES['cookie']}\n"
                f"GET /steve/x?a={CANARIES['query']} HTTP/1.1\n_csrf={CANARIES['csrf']}\n"
                f"at http://u:{quote(CANARIES['url'], '')}@db/\n"
                f'{{"key":"AuthorizationKey","value":"{CANARIES["stationkey"]}"}}\n'
                f"-----BEGIN PRIVATE KEY-----\n{CANARIES['pem']}\n-----END PRIVATE KEY-----\n"
                + "".join(f"somebody wrote {CANARIES[name]}\n" for name in WRITTEN)
                + f"and {quote(CANARIES['webapi'], '')} {base64.b64encode(CANARIES['admin'].encode()).decode()}\n"
            )
        try:
            yield found
        finally:
            nginx.stop()


@pytest.fixture(autouse=True)
def docker_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{world.directory / 'bin'}{os.pathsep}{os.environ['PATH']}")
    temporary = world.directory / "tmp"
    temporary.mkdir(exist_ok=True)
    for name in ("ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP", "TMPDIR"):
        monkeypatch.setenv(name, str(temporary))


def evidence(
    *options: str, extra: dict[str, Any] | None = None, **hosts: dict[str, Any]
) -> tuple[Run, dict[str, Path]]:  # fmt: skip
    """A run, and its archives by host."""
    run = playbook("evidence", {"all": {"children": {"steve": {"hosts": hosts}}}}, *options, extra=extra)
    found = list(run.directories[-1].parent.glob("*.tar.gz")) if run.directories else []
    return run, {path.name.split("-2")[0]: path for path in found}


@dataclass(frozen=True)
class Opened:
    members: dict[str, bytes]

    def json(self, name: str) -> Any:
        return json.loads(self.members[name])


def opened(path: Path) -> Opened:
    with tarfile.open(path) as archive:
        members = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive}
        return Opened({name: stream.read() for name, stream in members.items() if stream is not None})


def test_everything_is_there_and_no_secret_is_anywhere(world: World) -> None:
    run, archives = evidence("-vvvv", here=world.host(), extra={"their_api_key": CANARIES["extra"]})
    assert run.code == 0, run.output[-3000:]
    assert stat.S_IMODE(archives["here"].stat().st_mode) == 0o600
    archive = opened(archives["here"])
    files = set(archive.members)
    assert files >= {
        "README.txt", "manifest.json", "redaction.json", "findings.json", "report.txt", "question.json",
        "observations/here.json", "host/steve.log", "host/containers.json", "host/environment.json",
        "host/compose/compose.yml", "host/versions.json", f"host/nginx{world.nginx.conf}",
    }  # fmt: skip
    text = b"\n".join(archive.members.values()).decode("utf-8", "replace")
    for place, canary in CANARIES.items():
        for form in forms(canary if place != "idtag" else canary[:20]):
            assert form not in text, (place, form)
            assert form not in run.output, (place, form)
    for path in (item for item in run.directories[-1].rglob("*") if item.is_file()):
        assert not any(canary in path.read_text() for canary in CANARIES.values()), path
    # What diagnosis needs is whole.
    log = archive.members["host/steve.log"].decode()
    assert "chargeBoxId=CP-1234," in log and "BootNotification" in log and "somebody wrote (secret hidden)" in log
    site = archive.members[f"host/nginx{world.nginx.sites}/site.conf"].decode()
    assert "location = /steve { return 301 /steve/; }" in site and "proxy_set_header Upgrade $http_upgrade;" in site
    assert "DB_HOST: steve" in archive.members["host/compose/compose.yml"].decode()
    manifest = archive.json("manifest.json")
    assert [(box["charge_box_id"], box["covers"]) for box in manifest["charge_boxes"]] == [
        ("CP-1234", "full reconnect"), ("cp-steve", None), ("CP-9", None),
    ]  # fmt: skip
    asked = archive.json("question.json")
    assert [box["in_steve"] for box in asked["charge_boxes"]] == [["CP-1234"], ["CP-steve"], []]
    assert {hop["hop"] for hop in asked["hops"]} == {"direct", "proxy"}
    rules = {row["rule"] for row in archive.json("redaction.json")["rules"]}
    assert rules >= {"id-tag", "cookie", "csrf", "authorization", "query", "private-key", "station-key", "userinfo"}
    # Nothing stays behind.
    assert not [path for path in (world.directory / "tmp").rglob("*") if path.is_file()]

    again = playbook("analyze", {}, extra={"steve_runs": [str(archives["here"])], "steve_fail_on": "never"})
    assert again.code == 0, again.output[-3000:]
    assert again.ids() == [item["id"] for item in archive.json("findings.json")["findings"]]


def test_a_host_that_cannot_be_reached_and_one_that_breaks_off_give_what_there_is(world: World) -> None:
    broken = world.directory / "broken-python"
    # The diagnosis runs, and the module that collects is killed half-way.
    broken.write_text(
        "#!/bin/sh\nfor one; do case \"$one\" in *steve_evidence*) kill -9 $$;; esac; done\n"
        f'exec {world.host()["ansible_python_interpreter"]} "$@"\n'
    )
    broken.chmod(0o755)
    nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    torn = world.host() | {"ansible_python_interpreter": str(broken)}
    run, archives = evidence(here=world.host(), away=world.host() | nowhere, torn=torn)
    assert run.code != 0 and set(archives) == {"here", "away", "torn"}, run.output[-3000:]
    assert opened(archives["here"]).json("manifest.json")["reached"]
    for host, says in (("away", "unreachable"), ("torn", "broke off")):
        archive = opened(archives[host])
        manifest = archive.json("manifest.json")
        assert not manifest["reached"] and not manifest["complete"]
        assert says in manifest["not_collected"][0]["reason"] and says in archive.members["README.txt"].decode()
        assert f"observations/{host}.json" in archive.members and "report.txt" in archive.members
        assert [row["host"] for row in archive.json("findings.json")["hosts"]] == [host]
    assert opened(archives["torn"]).json("findings.json")["hosts"][0]["reached"]
    assert "The host gave nothing" in run.output


def test_a_secret_that_is_found_at_the_end_leaves_no_archive(world: World) -> None:
    host = world.host(steve_probe_charge_box_id="cp-geheimnis-0815", their_token="cp-geheimnis-0815")
    run, archives = evidence(here=host)
    assert run.code != 0 and archives == {}
    told = re.sub(r"\s+", " ", run.output)
    assert "There is no archive, because" in told and "observations/here.json holds the value of their_token" in told


def test_short_secrets_damage_nothing(world: World) -> None:
    secrets = ("1234", "steve", "admin")
    hosts = {
        f"with-{secret}": world.host() | {"steve_admin_password": secret, "steve_webapi_value": secret}
        for secret in secrets
    }
    run, archives = evidence(extra={"steve_charge_box_id": "CP-1234"}, **hosts)
    assert run.code == 0 and len(archives) == 3, run.output[-3000:]
    for host in hosts:
        archive = opened(archives[host])
        assert "chargeBoxId=CP-1234," in archive.members["host/steve.log"].decode()
        site = archive.members[f"host/nginx{world.nginx.sites}/site.conf"].decode()
        assert "location = /steve { return" in site
        assert "steve_admin_password" in archive.json("redaction.json")["scanned_as_values_only"]
        (box,) = archive.json("manifest.json")["charge_boxes"]
        assert (box["charge_box_id"], box["covers"], box["in_window"]) == ("CP-1234", "full reconnect", True)
