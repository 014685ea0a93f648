# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who was interrupted, who was told, and what was left alone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.stack.charger import Charger
from tests.stack.project import Stack
from tests.stack.scenario import Scenario


@pytest.fixture(scope="module")
def container(stack: Stack) -> dict[str, Any]:
    """The app's container as docker shows it."""
    found: dict[str, Any] = json.loads(stack.engine.docker("inspect", stack.container("app")).stdout)[0]
    return found


def test_without_permission_nothing_changed_and_the_sentence_says_what_to_do(scenario: Scenario) -> None:
    refused, run = scenario.kept("refused"), scenario.run("refused")
    assert refused["code"] != 0 and refused["after"] == scenario.kept("before")
    assert "Nothing was changed. Say -e steve_allow_restart=true" in run.said
    assert set(run.changed.values()) == {0}


@pytest.mark.parametrize("label", ["refused", "check", "converge"])
def test_who_is_interrupted_is_announced_before_anything_is_done(scenario: Scenario, label: str) -> None:
    assert "connected now: 1, running transactions: 0" in scenario.run(label).said
    assert "sets JAVA_OPTS (docker compose reads exactly this)" in scenario.run(label).said


def test_check_mode_predicted_the_change(scenario: Scenario, stack: Stack) -> None:
    predicted, done = scenario.run("check"), scenario.run("converge")
    assert predicted.changed[stack.name] == 2
    # That nginx is reloaded follows from the recreation.
    assert [change["task"] for change in done.changes[:2]] == [change["task"] for change in predicted.changes]
    assert all("Reload nginx" in change["task"] for change in done.changes[2:])
    assert done.ids() == []


def test_only_the_key_changed_and_the_app_runs_with_it(
    scenario: Scenario, stack: Stack, container: dict[str, Any]
) -> None:
    before = scenario.kept("before")
    assert stack.env_file.read_text() == before["env"].replace("-Xmx256m", "-Xmx512m") != before["env"]
    assert "JAVA_OPTS=-Xmx512m" in container["Config"]["Env"]
    assert stack.container("app") != before["app"] and stack.container("db") == before["db"]


def test_the_second_run_left_the_container_alone(
    scenario: Scenario, stack: Stack, container: dict[str, Any]
) -> None:
    again = scenario.run("idempotence")
    assert again.changed[stack.name] == 0
    assert datetime.fromisoformat(container["Created"][:19] + "+00:00").timestamp() < again.value["begin"]


def test_the_charger_came_back_by_itself_and_once(stack: Stack) -> None:
    charger = Charger(stack.engine, f"{stack.name}-charger-LIVE1", "LIVE1")
    charger.wait_for("booted", count=2)
    assert len([event for event in charger.events() if event["event"] == "closed"]) == 1
