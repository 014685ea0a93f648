# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture after two diagnoses is the picture before them."""

from __future__ import annotations

import runpy
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from tests.stack.charger import Charger
from tests.stack.project import Stack
from tests.stack.scenario import Scenario

snapshot = runpy.run_path(str(Path(__file__).resolve().parent.parent / "prepare.py"))["snapshot"]


@pytest.fixture(scope="module")
def after(scenario: Scenario) -> dict[str, Any]:
    found: dict[str, Any] = snapshot(scenario)
    return found


@pytest.mark.parametrize(
    "what", ["tables", "sessions", "unknown", "file times", "new files", "project", "containers"]
)
def test_nothing_changed(scenario: Scenario, after: dict[str, Any], what: str) -> None:
    assert after[what] == scenario.kept("before")[what]


def test_the_charger_kept_its_session_and_got_its_operator_s_commands(scenario: Scenario, stack: Stack) -> None:
    charger = Charger(stack.engine, f"{stack.name}-charger-LIVE1", "LIVE1")
    assert [event["event"] for event in charger.events() if event["event"] != "command"] == ["connected", "booted"]
    times = [datetime.fromisoformat(event["at"]).timestamp() for event in charger.events() if "action" in event]
    for label in ("converge", "idempotence"):
        run = scenario.run(label).value
        assert len([at for at in times if run["begin"] < at < run["end"]]) > 2, label


def test_both_diagnoses_named_the_one_that_is_not_registered(scenario: Scenario, stack: Stack) -> None:
    for label in ("converge", "idempotence"):
        assert scenario.run(label).ids() == ["charge-box-unregistered"]
        assert scenario.run(label).changed[stack.name] == 0


def test_the_picture_would_show_a_file_and_a_row(scenario: Scenario, stack: Stack, host: Host) -> None:
    before = snapshot(scenario)
    assert host.run("touch /etc/nginx/sites-available/left-behind").rc == 0
    stack.sql("UPDATE charge_box SET note = 'seen' WHERE charge_box_id = 'CP1'")
    seen = snapshot(scenario)
    host.run("rm /etc/nginx/sites-available/left-behind")
    stack.sql("UPDATE charge_box SET note = NULL WHERE charge_box_id = 'CP1'")
    assert {what for what in before if before[what] != seen[what]} == {"tables", "file times", "new files"}
