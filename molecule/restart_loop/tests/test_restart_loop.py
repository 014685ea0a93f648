# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cause by its name, nothing false beside it, and SteVe healthy afterwards."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

from tests.stack.project import Stack
from tests.stack.scenario import Scenario, boot


def test_the_diagnosis_named_the_cause_and_blamed_nobody_else(scenario: Scenario) -> None:
    run = scenario.run("diagnosed")
    assert scenario.kept("codes")[0] == 2
    assert run.ids() == ["db-refused-login"]
    assert run.statuses("app-restarting") == {"blocked"}
    # Whether the charge box is registered cannot be asked; that is neither a pass nor a fault of the charge box.
    assert run.statuses("charge-box-unregistered") == {"blocked"}


def test_remediate_changed_nothing_and_said_whose_it_is(scenario: Scenario, stack: Stack) -> None:
    told = scenario.run("told")
    assert scenario.kept("codes")[1] != 0 and told.changed[stack.name] == 0
    assert [(item["id"], item["by"]) for item in told.plan["hosts"][0]["by_hand"]] == [("db-refused-login", "operator")]


def test_the_right_value_repaired_it(scenario: Scenario, stack: Stack) -> None:
    done = scenario.run("converge")
    assert done.first_ids() == ["db-refused-login"] and done.ids() == []
    assert stack.env_file.read_text() == scenario.kept("env").replace("wrong-nightingale", "changeme")
    assert scenario.run("idempotence").changed[stack.name] == 0


@pytest.mark.parametrize("label", ["diagnosed", "told", "converge"])
def test_no_password_was_told(scenario: Scenario, label: str) -> None:
    assert "nightingale" not in json.dumps(scenario.run(label).value)


def test_the_app_is_healthy_and_stays(stack: Stack) -> None:
    state = json.loads(stack.engine.docker("inspect", stack.container("app")).stdout)[0]
    assert (state["State"]["Health"]["Status"], state["RestartCount"]) == ("healthy", 0)


def test_a_charger_boots_and_nothing_stays_behind(host: Host, stack: Stack) -> None:
    assert boot(stack.proxy_ws_url, "CP1") == "Accepted"
    assert not host.file(f"{stack.directory}/.chargeops.steve").exists
