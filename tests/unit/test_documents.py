# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documents that pass between the rooms keep to their published schemas, as the code really makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _evidence
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest
from ansible_collections.chargeops.steve.plugins.module_utils._probe import probe as send
from ansible_collections.chargeops.steve.plugins.plugin_utils import _evidence_archive
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._evidence_archive import Given
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import gate_charge_box_id
from jsonschema import Draft202012Validator
from websockets.sync.client import connect

from tests.simulator import running_simulator
from tests.simulator.faulty_proxy import running_proxy
from tests.stack.project import free_port
from tests.unit.plugins.module_utils.test_log_window import reconnect
from tests.unit.plugins.plugin_utils import documents, documents_log

SCHEMAS = Path(__file__).resolve().parent.parent.parent / "docs" / "schema"
RUN = "20261123T010203Z-7f3a"
PATH = "/steve/websocket/CentralSystemService"
DEFAULTS: dict[str, Any] = {
    "run_id": RUN,
    "host": "steve-a",
    "url": "http://127.0.0.1:8180/steve",
    "public_ws_url": None,
    "project_dir": None,
    "project_name": None,
    "compose_files": [],
    "app_service": "app",
    "db_service": "db",
    "nginx_conf": "/nonexistent/nginx.conf",
    "nginx_command": ["nginx"],
    "username": "admin",
    "password": "1234",
    "charge_box_id": ["CP-1", "CP-2"],
    "passwords": None,
    "probe_charge_box_id": None,
    "subprotocols": ["ocpp1.6"],
    "validate_certs": True,
    "ca_path": None,
    "timeout": 5,
    "deadline": 30,
    "era": None,
}


def check(name: str, document: dict[str, Any]) -> None:
    """Raise the first violation of a published schema."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
@pytest.mark.parametrize("mode", ["ok", "strip-upgrade", "no-route", "login-302"])
def test_observation_probes_and_findings_of_a_host_keep_to_their_schemas(release: str, mode: str) -> None:
    with (
        running_simulator(release=release, charge_boxes=["CP-1"]) as steve,
        running_proxy(mode, f"127.0.0.1:{steve.port}") as proxy,
    ):
        public = f"ws://127.0.0.1:{proxy.port}{PATH}"
        options = options_from(DEFAULTS | {"url": steve.url, "public_ws_url": public})
        observation = Observer(options).observe()
    check("observation", observation)
    assert [item["hop"] for item in observation["parts"]["probes"]["data"]] == ["direct", "proxy"]
    for item in observation["parts"]["probes"]["data"]:
        check("probe", item)
    check("findings", analyse([observation], ["steve-a", "steve-lost"], RUN))


def test_log_and_clock_of_a_host_keep_to_their_schema(tmp_path: Path) -> None:
    path = tmp_path / "steve.log"
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"], log_file=path) as steve:
        options = DEFAULTS | {"url": steve.url, "log_file": str(path), "username": None, "password": None}
        first = Observer(options_from(options)).observe()
        url = f"{steve.ws_url}/CP-1"
        with connect(url, subprotocols=["ocpp1.6"], proxy=None) as socket:  # type: ignore[list-item]
            socket.send('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
            socket.recv(5)
        second = Observer(options_from(options)).observe()
    for document in (first, second):
        assert document["parts"]["log"]["status"] == document["parts"]["clock"]["status"] == "ok"
        check("observation", document)
    assert [box["id"] for box in second["parts"]["log"]["data"]["boxes"]] == ["CP-1", "CP-2"]


def test_a_dead_port_and_lost_documents_keep_to_their_schemas() -> None:
    port = free_port()
    result = send(ProbeRequest(url=f"ws://127.0.0.1:{port}{PATH}", charge_box_ids=["CP-1"], timeout=2, deadline=5))
    check("probe", result)
    lost = {"schema": "chargeops.steve/observation/1", "host": "a", "reached": False, "reason": "ssh", "parts": {}}
    check("observation", lost)
    check("observation", lost | {"vantage": "office"})
    check("findings", analyse([lost], ["a"], RUN))


def test_the_documents_that_other_tests_are_made_of_are_real_ones() -> None:
    for item in documents.observation()["parts"]["probes"]["data"]:
        check("probe", item)
    schema = json.loads((SCHEMAS / "observation.json").read_text(encoding="utf-8"))
    parts = {
        "log": documents_log.log(documents_log.booted(60)),
        "clock": documents_log.clock(("engine", 0.0, 1.0)),
        "follow": documents_log.followed(documents_log.booted(60)),
    }
    for name, part in parts.items():
        Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}).validate(part["data"])


def test_no_secret_stands_in_an_observation() -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"], environ={"AUTH_PASSWORD": "s3cret-4711"}) as steve:
        options = options_from(DEFAULTS | {"url": steve.url, "password": "s3cret-4711"})
        observation = Observer(options).observe()
    assert observation["parts"]["admin"]["status"] == "ok"
    assert "s3cret-4711" not in json.dumps(observation)


def established(steve: Any) -> list[str]:
    """Log lines of the sessions that SteVe saw."""
    return [line for line in steve.control.log() if "Connection is established" in line]


@pytest.mark.parametrize("dedicated", [None, "PROBE1"])
def test_a_proxy_that_removes_extensions_never_costs_a_real_station_its_session(dedicated: str | None) -> None:
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1", "PROBE1"]) as steve,
        running_proxy("strip-extensions", f"127.0.0.1:{steve.port}") as proxy,
    ):
        public = f"ws://127.0.0.1:{proxy.port}{PATH}"
        given = {"url": steve.url, "public_ws_url": public, "probe_charge_box_id": dedicated}
        observation = Observer(options_from(DEFAULTS | given)).observe()
        opened = established(steve)
    through_proxy = observation["parts"]["probes"]["data"][1]
    assert through_proxy["side_effects"]["sessions_opened"] == len(opened) == (0 if dedicated is None else 1)
    assert all("chargeBoxId=PROBE1," in line for line in opened)
    assert gate_charge_box_id(observation) == (dedicated or "CP-1")


def test_the_manifest_of_evidence_keeps_to_its_schema(tmp_path: Path) -> None:
    log = tmp_path / "steve.log"
    log.write_bytes(reconnect("CP-1"))
    options = _evidence.Options(log_file=str(log), nginx_conf="/nonexistent", charge_box_ids=["CP-1", "CP-2"])
    given = Given.of(_evidence.Collector(options).collect())
    lost = Given(reason="unreachable.")
    for one in (given, lost):
        check("evidence", _evidence_archive.pack("steve-a", RUN, {}, {"report.txt": "OK\n"}, one, ()).manifest)
    assert [box["covers"] for box in given.charge_boxes] == ["full reconnect", None]
