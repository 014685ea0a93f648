# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SteVe's own lists tell of a charge box, by the playbook: simulators on this machine, no container."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.sync.client import connect

from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator


@pytest.fixture(params=["3.7.1", "3.12.0", "3.14.1"])
def steve(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running_simulator(release=request.param, charge_boxes=["CP-01", "STATION-LEFT"]) as running:
        running.control.add_charge_box("SHUT", status="Rejected")
        running.control.add_charge_box("WAITING", status="Pending", ocpp_protocol="ocpp1.6J")
        yield running


def diagnose(steve: Running, *boxes: str) -> Run:
    host = {
        "steve_url": steve.url, "steve_admin_password": "1234", "steve_charge_boxes": list(boxes),
    }  # fmt: skip
    inventory = {"all": {"children": {"steve": {"hosts": {"site": local_host(**host)}}}}}
    return playbook("diagnose", inventory, extra={"diagnose_timeout": 3, "diagnose_nginx_conf": "/nonexistent"})


def test_each_cause_is_named_with_its_charge_box(steve: Running) -> None:
    run = diagnose(steve, "CP-01", "CP-O1", "STATION-LETF", "SHUT", "WAITING", "NEVER-SEEN")
    found = {item["id"]: item["charge_boxes"]["ids"] for item in run.findings["findings"]}
    assert found.pop("charge-box-unregistered") == ["CP-O1", "STATION-LETF", "NEVER-SEEN"]
    assert found == {
        "charge-box-id-near-miss": ["CP-O1", "STATION-LETF"],
        "charge-box-rejected": ["SHUT"],
        "charge-box-pending": ["WAITING"],
    }
    assert "CP-O1 differs from CP-01 by a character of the same shape" in run.output


def test_healthy_boxes_are_no_finding(steve: Running) -> None:
    run = diagnose(steve, "CP-01", "STATION-LEFT")
    assert run.found() == [], run.output
    assert run.code == 0


def test_two_stations_with_one_id_are_named(steve: Running) -> None:
    with ExitStack() as stack:
        for _station in range(2):
            stack.enter_context(connect(f"{steve.ws_url}/CP-01", subprotocols=["ocpp1.6"], proxy=None))  # type: ignore[list-item]
        run = diagnose(steve, "CP-01")
    assert run.ids() == ["duplicate-session"], run.output
