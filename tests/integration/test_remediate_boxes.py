# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Charge boxes that are missing, registered by the playbook and proven: a simulator on this machine, no container."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.one_task import changed_lines
from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator

PASSWORD = "kanarien-vogel-4711"
BOXES = [
    "CP-1", "CP-2",
    {"charge_box_id": "SP-1", "security_profile": 1, "auth_password": PASSWORD, "description": "gate"},
]  # fmt: skip


def remediate(steve: Running, *options: str, **variables: Any) -> Run:
    host = {"steve_url": steve.url, "steve_admin_password": "1234", "steve_charge_boxes": BOXES, **variables}
    inventory = {"all": {"children": {"steve": {"hosts": {"site": local_host(**host)}}}}}
    extra = {"diagnose_timeout": 3, "diagnose_nginx_conf": "/nonexistent"}
    return playbook("remediate", inventory, "-vvvv", "--diff", *options, extra=extra)


def diagnose(steve: Running, **variables: Any) -> Run:
    host = {"steve_url": steve.url, "steve_admin_password": "1234", **variables}
    inventory = {"all": {"children": {"steve": {"hosts": {"site": local_host(**host)}}}}}
    return playbook("diagnose", inventory, extra={"diagnose_timeout": 3, "diagnose_nginx_conf": "/nonexistent"})


def registered(steve: Running) -> list[str]:
    return [row["charge_box_id"] for row in steve.control.state()["tables"]["charge_box"]]


def test_missing_charge_boxes_are_predicted_registered_and_proven() -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve:
        predicted = remediate(steve, "--check")
        assert predicted.code == 0, predicted.output
        assert registered(steve) == ["CP-1"]
        assert "charge-box-unregistered" in predicted.ids()
        repaired = remediate(steve)
        assert repaired.code == 0, repaired.output
        assert registered(steve) == ["CP-1", "CP-2", "SP-1"]
        assert "charge-box-unregistered" not in repaired.ids()
        again = remediate(steve)
    assert changed_lines(predicted.output) == changed_lines(repaired.output)
    assert "+CP-2: present" in changed_lines(repaired.output)
    assert again.recap["site"]["changed"] == 0 and changed_lines(again.output) == []
    for run in (predicted, repaired, again):
        assert PASSWORD not in run.output
    assert "remediate --tags charge_boxes" in predicted.output


def test_an_id_that_is_asked_about_is_not_registered_by_that() -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve:
        asked = remediate(steve, steve_charge_box_id="CP-typo")
        assert registered(steve) == ["CP-1"] and asked.code != 0
        one = remediate(steve, steve_charge_box_id="CP-2")
        assert registered(steve) == ["CP-1", "CP-2"], one.output
        # It was registered a moment ago: the charger has to knock again before anything can be said.
        assert one.code == 0 and "waiting" in one.output and "1 cured, 0 still there, 0 new, 1 waiting" in one.output
        later = diagnose(steve, steve_charge_box_id="CP-2")
    assert later.code != 0 and later.ids() == ["never-connected"], later.output


@pytest.mark.parametrize("password", ["", "wrong"])
def test_without_the_right_password_nothing_is_registered(password: str) -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve:
        run = remediate(steve, steve_charge_boxes=["CP-1", "CP-2"], steve_admin_password=password)
        assert registered(steve) == ["CP-1"]
    assert run.code != 0
    assert ("steve_admin_password is empty" if not password else "SteVe refused user or password") in run.output
