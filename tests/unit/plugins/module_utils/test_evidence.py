# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host gives as evidence: real files and a program in docker's place, with a secret in every source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _evidence
from ansible_collections.chargeops.steve.plugins.module_utils._envelope import seal
from ansible_collections.chargeops.steve.plugins.modules import steve_evidence

from tests.unit.module_runs import printed_by, result_of
from tests.unit.plugins.module_utils.test_log_window import heartbeats, line, reconnect

CANARIES = {
    name: f"kanari-{name}-4711"
    for name in ("envfile", "running", "definition", "composefile", "nginx", "log", "idtag", "admin", "webapi", "box")
}


def container(directory: Path) -> dict[str, Any]:
    labels = {
        "com.docker.compose.project": "steve", "com.docker.compose.service": "app",
        "com.docker.compose.project.working_dir": str(directory),
        "com.docker.compose.project.config_files": str(directory / "compose.yml"),
        "private.label": CANARIES["running"],
    }  # fmt: skip
    environment = [
        f"AUTH_PASSWORD={CANARIES['running']}", "TZ=UTC", f"DB_URL=jdbc:mysql://steve:{CANARIES['running']}@db/x",
    ]  # fmt: skip
    command = ["java", f"-Dwebapi.value={CANARIES['definition']}", "-jar", "steve.war"]
    return {
        "Id": "abc", "Name": "/steve-app-1", "Created": "2026-11-23T00:00:00Z", "RestartCount": 2,
        "State": {"Status": "running", "Running": True, "StartedAt": "2026-11-23T00:00:00Z"},
        "Config": {"Labels": labels, "Env": environment, "Cmd": command, "Image": "steve:3.14.1"},
        "HostConfig": {"RestartPolicy": {"Name": "always"}, "LogConfig": {"Type": "json-file", "Config": {}}},
        "Mounts": [{"Type": "bind", "Source": "/srv/steve", "Destination": "/data", "RW": True}],
    }  # fmt: skip


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with a project, an nginx and docker; everything holds a secret."""
    (tmp_path / "docker-compose.app.env").write_text(
        f"AUTH_USER=admin\nAUTH_PASSWORD='{CANARIES['envfile']}'\nTZ=UTC\n#OLD_TOKEN={CANARIES['envfile']}-old\n"
    )
    (tmp_path / "compose.yml").write_text(
        f"services:\n  app:\n    environment:\n      DB_PASSWORD: {CANARIES['composefile']}\n      DB_HOST: db\n"
    )
    (tmp_path / "nginx.conf").write_text(
        f"events {{}}\nhttp {{ server {{ location = /steve {{ proxy_set_header X-Token {CANARIES['nginx']}; }} }} }}\n"
    )
    log = [
        heartbeats(50), reconnect("CP-1234"), line(f"Authorization: Bearer {CANARIES['log']}"),
        line(f'[2,"a","Authorize",{{"idTag":"{CANARIES["idtag"]}"}}]'),
        *[line(f"somebody wrote {CANARIES[name]} here") for name in ("admin", "webapi", "box", "running", "envfile")],
    ]  # fmt: skip
    (tmp_path / "out").write_bytes(b"".join(log))
    (tmp_path / "inspect").write_text(json.dumps([container(tmp_path)]))
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        f'#!/bin/sh\ncase "$1" in ps) echo abc;; inspect) cat {tmp_path}/inspect;; logs) cat {tmp_path}/out;;\n'
        'version) echo "client 28.2, engine 28.2";; compose) echo 2.26.1;; *) exit 1;; esac\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:/usr/bin:/bin")
    return tmp_path


def options(host: Path, **more: Any) -> dict[str, Any]:
    return {
        "run_dir": "/nowhere", "project_dir": str(host), "nginx_conf": str(host / "nginx.conf"),
        "charge_box_id": ["CP-1234"], "password": CANARIES["admin"], "webapi_value": CANARIES["webapi"],
        "passwords": {"CP-1234": CANARIES["box"]}, **more,
    }  # fmt: skip


def test_everything_is_collected_and_no_secret_is_in_it(host: Path) -> None:
    printed = printed_by(steve_evidence, **options(host))
    result = result_of(steve_evidence, **options(host))
    assert result["hits"] == [] and result["not_collected"] == []
    assert sorted(result["files"]) == [
        "host/compose/compose.yml", "host/containers.json", "host/environment.json",
        f"host/nginx{host}/nginx.conf", "host/steve.log", "host/versions.json",
    ]  # fmt: skip
    for canary in CANARIES.values():
        assert canary not in json.dumps(result) and canary not in printed
    files = result["files"]
    assert '"AUTH_PASSWORD"' in files["host/containers.json"] and '"webapi.value"' in files["host/containers.json"]
    assert "private.label" not in files["host/containers.json"]
    assert "DB_HOST: db" in files["host/compose/compose.yml"]
    assert "location = /steve {" in files[f"host/nginx{host}/nginx.conf"]
    assert "CP-1234" in files["host/steve.log"] and "somebody wrote (secret hidden) here" in files["host/steve.log"]
    assert json.loads(files["host/versions.json"])["docker"] == "client 28.2, engine 28.2"
    (variables,) = json.loads(files["host/environment.json"])["files"]
    assert {row["name"]: row["same_in_container"] for row in variables["variables"]} == {
        "AUTH_USER": False, "AUTH_PASSWORD": False, "TZ": True,
    }  # fmt: skip
    assert result["charge_boxes"][0]["full_reconnect"] and result["charge_boxes"][0]["file"] == "host/steve.log"
    rules = {(row["rule"], row["file"]) for row in result["redactions"]}
    assert ("id-tag", "host/steve.log") in rules and ("known secret: steve_admin_password", "host/steve.log") in rules


@pytest.mark.parametrize("secret", ["1234", "steve", "admin"])
def test_a_short_secret_damages_nothing(host: Path, secret: str) -> None:
    (host / "docker-compose.app.env").write_text(f"AUTH_PASSWORD={secret}\nOTHER={secret}\n")
    (host / "compose.yml").write_text(
        f"services:\n  steve:\n    image: steve:1234\n    command: --auth.password={secret}\n"
    )
    (host / "nginx.conf").write_text("events {}\nhttp { server { listen 1234; location = /steve; } }\n")
    given = options(host, password=secret, webapi_value=secret, passwords={"CP-1234": secret})
    result = result_of(steve_evidence, **given)
    assert result["hits"] == [] and "steve_admin_password" in result["scanned"]["as_values_only"]
    files = result["files"]
    assert files[f"host/nginx{host}/nginx.conf"] == (host / "nginx.conf").read_text()
    compose = files["host/compose/compose.yml"]
    assert "image: steve:1234" in compose and f"={secret}\n" not in compose
    assert "chargeBoxId=CP-1234," in files["host/steve.log"]


def test_what_one_compose_file_tells_is_hidden_in_all_that_is_sent(tmp_path: Path) -> None:
    """Without docker nothing else tells the values that a compose file holds."""
    secret = "geheimDB-77x"
    (tmp_path / "compose.yml").write_text(
        f"services:\n  db:\n    healthcheck:\n      test: [CMD, prove, {secret}]\n    image: registry/db:1\n"
    )
    (tmp_path / "more.yml").write_text(
        f"services:\n  db:\n    environment: {{MARIADB_ROOT_PASSWORD: {secret}, MARIADB_DATABASE: stevedb}}\n"
    )
    (tmp_path / "steve.log").write_text(f"could not connect with {secret} to stevedb\n")
    result = result_of(
        steve_evidence, run_dir="/nowhere", project_dir=str(tmp_path), compose_files=["compose.yml", "more.yml"],
        log_file=str(tmp_path / "steve.log"), nginx_conf=str(tmp_path / "none"),
    )  # fmt: skip
    assert result["hits"] == [] and secret not in json.dumps(result)
    assert "MARIADB_ROOT_PASSWORD in more.yml" in result["scanned"]["secrets"]
    assert "image: registry/db:1" in result["files"]["host/compose/compose.yml"]
    assert result["files"]["host/steve.log"] == "could not connect with (secret hidden) to stevedb\n"


def test_a_secret_in_a_document_of_the_run_keeps_everything_back(host: Path) -> None:
    documents = {"observations/here.json": f'{{"seen": "x{CANARIES["envfile"]}x"}}'}
    result = result_of(steve_evidence, **options(host, documents=seal(documents)))
    assert result["files"] == {} and result["entries"] == [] and result["charge_boxes"] == []
    assert [(hit["file"], hit["rule"]) for hit in result["hits"]] == [
        ("observations/here.json", "AUTH_PASSWORD in docker-compose.app.env")
    ]


def test_a_charge_box_that_is_named_like_a_password_keeps_everything_back(host: Path) -> None:
    result = result_of(steve_evidence, **options(host, charge_box_id=[CANARIES["admin"]]))
    assert result["files"] == {} and {hit["file"] for hit in result["hits"]} == {"manifest.json"}
    assert CANARIES["admin"] not in json.dumps(result)


def test_a_file_that_is_named_like_a_password_is_told_without_its_name(host: Path) -> None:
    (host / f"{CANARIES['envfile']}.yml").write_text("services: {}\n")
    result = result_of(steve_evidence, **options(host, compose_files=[f"{CANARIES['envfile']}.yml"]))
    assert "host/compose/(secret hidden).yml" in {hit["file"] for hit in result["hits"]} and result["files"] == {}
    assert CANARIES["envfile"] not in json.dumps(result)


def test_what_cannot_be_read_is_named_and_costs_nothing_else(host: Path) -> None:
    (host / "bin" / "docker").write_text("#!/bin/sh\necho 'permission denied' >&2; exit 1\n")
    (host / "nginx.conf").write_text("http { include missing.conf; include broken; }\n")
    (host / "broken").write_text(f"server {{ listen 80; # password {CANARIES['nginx']}\n")
    result = result_of(steve_evidence, **options(host))
    missing = {row["what"]: row["reason"] for row in result["not_collected"]}
    assert "permission denied" in missing["containers"]
    assert missing["SteVe's log"].startswith("the containers could not be read")
    assert [row["what"] for row in result["not_collected"]].count("a part of the nginx configuration") == 2
    assert f"host/nginx{host}/broken" in result["files"] and "host/compose/compose.yml" in result["files"]
    assert CANARIES["nginx"] not in json.dumps(result)


def test_an_env_file_that_compose_refuses_gives_a_sentence_and_its_secrets_are_known(host: Path) -> None:
    (host / "docker-compose.app.env").write_text(f"AUTH_PASSWORD={CANARIES['envfile']}\nB='torn\n")
    result = result_of(steve_evidence, **options(host))
    (row,) = json.loads(result["files"]["host/environment.json"])["files"]
    assert "line 2" in row["problem"] and row["variables"] == []
    assert CANARIES["envfile"] not in json.dumps(result)


def test_nothing_given_gives_versions_and_reasons(tmp_path: Path) -> None:
    result = result_of(steve_evidence, run_dir="/nowhere", nginx_conf=str(tmp_path / "none"))
    assert list(result["files"]) == ["host/versions.json"]
    assert {row["what"] for row in result["not_collected"]} == {
        "containers", "environment", "compose files", "nginx configuration", "SteVe's log",
    }  # fmt: skip


def test_a_deadline_that_is_over_is_a_reason(host: Path) -> None:
    collector = _evidence.Collector(_evidence.Options(project_dir=str(host), deadline=0.0))
    result = collector.collect()
    assert result["files"] == {} and all("no time" in row["reason"] for row in result["not_collected"])


def test_a_log_that_is_too_slow_gives_its_end(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_evidence, "_LOG_S", 0.5)
    # All of it takes too long; a few lines of its end come at once.
    (host / "bin" / "docker").write_text(
        f'#!/bin/sh\ncase "$1" in ps) echo abc;; inspect) cat {host}/inspect;;\n'
        f'logs) [ "$4" -gt 100000 ] && exec sleep 30; cat {host}/out;; *) exit 1;; esac\n'
    )
    result = result_of(steve_evidence, **options(host))
    (entry,) = [one for one in result["entries"] if one["path"] == "host/steve.log"]
    assert "no time to read all of it" in entry["truncated"] and result["charge_boxes"][0]["full_reconnect"]


def test_every_file_has_a_path_of_its_own(host: Path) -> None:
    for name in ("base", "prod"):
        (host / name).mkdir()
        (host / name / "compose.yml").write_text(f"services:\n  app:\n    image: steve:{name}\n")
    result = result_of(steve_evidence, **options(host, compose_files=["base/compose.yml", "prod/compose.yml"]))
    for name in ("base", "prod"):
        assert f"image: steve:{name}" in result["files"][f"host/compose/{name}/compose.yml"]
    deep = host / ("x" * 100) / ("y" * 90)
    deep.mkdir(parents=True)
    for number in (1, 2):
        (deep / f"site-{number}").mkdir()
        (deep / f"site-{number}" / ("z" * 110 + ".conf")).write_text(f"server {{ listen 808{number}; }}\n")
    (host / "nginx.conf").write_text(f"events {{}}\nhttp {{ include {deep}/*/*.conf; }}\n")
    result = result_of(steve_evidence, **options(host))
    texts = {text for path, text in result["files"].items() if "/nginx/" in path}
    assert {f"server {{ listen 808{number}; }}\n" for number in (1, 2)} < texts
    assert len({entry["path"] for entry in result["entries"]}) == len(result["entries"]) == len(result["files"])


def test_a_file_whose_name_is_no_utf_8_costs_no_other(host: Path) -> None:
    (host / "sites").mkdir()
    with open(os.fsencode(host / "sites") + b"/aa_st\xe4dt.conf", "wb") as stream:
        stream.write(b"server { listen 80; }\n")
    (host / "sites" / "zz.conf").write_text("server { listen 81; }\n")
    (host / "nginx.conf").write_text(f"events {{}}\nhttp {{ include {host}/sites/*; }}\n")
    result = result_of(steve_evidence, **options(host))
    assert result["not_collected"] == []
    assert f"host/nginx{host}/sites/aa_st%E4dt.conf" in result["files"]
    assert f"host/nginx{host}/sites/zz.conf" in result["files"]


def test_compose_files_that_are_too_many_are_told(host: Path) -> None:
    for number in range(22):
        (host / f"{number}.yml").write_text("services: {}\n")
    result = result_of(steve_evidence, **options(host, compose_files=[f"{number}.yml" for number in range(22)]))
    assert {"what": "a part of the compose files", "reason": "only 20 of 22 files are kept"} in result["not_collected"]


def test_the_name_of_a_header_and_of_a_charge_box_are_no_secrets(host: Path) -> None:
    (host / "docker-compose.app.env").write_text(
        "AUTH_PASSWORD=hunter2hunter\nWEBAPI_KEY=STEVE-API-KEY\nPROBE=EVBox-Garage-0815\nOTHER=EVBox-Keller-0816\n"
        "PUBLIC=Charge01.Example-Net1.de\nTOKEN_URL=https://auth.example.net/x\n"
        "STEVE_IMAGE_TAG=SteVe-3.14.1-Build7\nRELAY=Xk29aBcdEfgh7731\n"
    )
    (host / "compose.yml").write_text("services:\n  app:\n    image: steve:SteVe-3.14.1-Build7\n")
    words = ["EVBox-Garage-0815", "EVBox-Keller-0816", "STEVE-API-KEY", "https://auth.example.net/x"]
    (host / "out").write_text("".join(f"seen {word} here\n" for word in [*words, "Xk29aBcdEfgh7731"]))
    documents = {
        "findings.json": json.dumps({"header": "STEVE-API-KEY", "relay": "Xk29aBcdEfgh7731"}),
        "question.json": json.dumps({"public_ws_url": "wss://charge01.example-net1.de:443/steve/websocket/X"}),
        "observations/a.json": json.dumps({"data": {"registered": [{"id": "EVBox-Keller-0816"}]}}),
    }
    given = options(host, documents=seal(documents), charge_box_id=["EVBox-Garage-0815"])
    result = result_of(steve_evidence, **given)
    assert result["hits"] == [] and "image: steve:SteVe-3.14.1-Build7" in result["files"]["host/compose/compose.yml"]
    log = result["files"]["host/steve.log"]
    assert all(f"seen {word} here" in log for word in words) and "seen (secret hidden) here" in log
    assert result["scanned"]["hidden_only"] == ["RELAY in docker-compose.app.env, which looks random"]


def test_secrets_inside_of_values_and_commands_are_known(host: Path) -> None:
    (host / "docker-compose.app.env").write_text(
        'JAVA_OPTS=-Xmx1g -Dauth.password="kanari-inner-1" -Dx=y\nDB_PW=kanari-pw-1\n'
    )
    given = container(host)
    given["Config"]["Cmd"] = ["java", "-jar", "steve.war", "--auth.password", "kanari-argument-1"]
    given["Config"]["Healthcheck"] = {"Test": ["CMD", "mysqladmin", "--password=kanari-check-1"]}
    given["Config"]["Env"] = ['SPRING_APPLICATION_JSON={"auth":{"password":"kanari-json-1"}}']
    (host / "inspect").write_text(json.dumps([given]))
    names = ("inner", "pw", "argument", "check", "json")
    (host / "out").write_text("".join(f"seen kanari-{name}-1 here\n" for name in names))
    result = result_of(steve_evidence, **options(host))
    assert result["hits"] == [] and result["files"]["host/steve.log"] == "seen (secret hidden) here\n" * 5


class Clock:
    """A time that goes on whenever somebody looks at it."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_of_a_log_that_takes_too_long_to_redact_the_end_is_sent(host: Path) -> None:
    (host / "steve.log").write_bytes(reconnect("CP-1") + heartbeats(20_000))
    given = _evidence.Options(
        log_file=str(host / "steve.log"), nginx_conf="/none", deadline=10.0, charge_box_ids=["CP-1"]
    )  # fmt: skip
    clock = Clock(0.01)
    result = _evidence.Collector(given, clock).collect()
    (entry,) = [one for one in result["entries"] if one["path"] == "host/steve.log"]
    assert "no time to redact all of it" in entry["truncated"] and clock.now < 11
    assert 200_000 < len(result["files"]["host/steve.log"]) <= 256 * 1024
    (box,) = result["charge_boxes"]
    assert box["full_reconnect"] and "BootNotification" in result["files"][box["file"]] and not box["in_window"]


def test_what_there_is_no_time_to_look_through_is_kept_back_and_told(host: Path) -> None:
    (host / "steve.log").write_bytes(heartbeats(20_000))
    given = _evidence.Options(
        log_file=str(host / "steve.log"), nginx_conf="/none", deadline=100.0, secrets=[("p", "kanarienvogel")],
        documents={"findings.json": "{}"},
    )  # fmt: skip
    kept = _evidence.Collector(given, Clock(0.001)).collect()
    assert "host/steve.log" in kept["files"]
    collector = _evidence.Collector(given)
    with_log = collector.collect()["files"]
    assert "host/steve.log" in with_log
    # The time is over just before the last look.
    collector.last = collector.clock() - 1
    late = collector._checked()
    assert late["files"] == {} and [(hit["file"], hit["rule"]) for hit in late["hits"]] == [("findings.json", "")]
    collector.options.documents = {}
    collector.files = {"host/steve.log": b"x"}
    late = collector._checked()
    assert late["files"] == {} and "no time was left" in late["not_collected"][-1]["reason"]


BIG = """
import json, re, sys
from ansible_collections.chargeops.steve.plugins.module_utils import _evidence
options = _evidence.Options(log_file=sys.argv[1], nginx_conf="/none", charge_box_ids=["CP-1"], deadline=300)
result = _evidence.Collector(options).collect()
most = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1))
print(json.dumps([most, result["charge_boxes"], result["entries"]]))
"""


def test_a_big_log_goes_through_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "steve.log"
    block = heartbeats(1500)
    with path.open("wb") as stream:
        stream.write(reconnect("CP-1"))
        for _index in range(200 * 1024 * 1024 // len(block)):
            stream.write(block)
    done = subprocess.run(
        [sys.executable, "-c", BIG, str(path)], capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(_evidence.__file__).parents[5])},
    )  # fmt: skip
    kilobytes, (box,), entries = json.loads(done.stdout)
    assert box["full_reconnect"] and not box["in_window"] and box["file"] == "host/charge-box-1.log"
    assert {entry["path"] for entry in entries} >= {"host/steve.log", "host/charge-box-1.log"}
    assert kilobytes < 150_000
