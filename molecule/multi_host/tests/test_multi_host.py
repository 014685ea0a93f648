# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One verdict over all, one repair for each that needs it, and nobody touched who was not meant."""

from __future__ import annotations

from tests.stack.scenario import Scenario, boot


def test_the_diagnosis_judged_each_host_and_was_not_green(scenario: Scenario) -> None:
    ill, healthy, gone = (stack.name for stack in scenario.stacks)
    run = scenario.run("diagnosed")
    assert scenario.kept("codes")["diagnosed"] == 2
    assert {row["host"]: row["reached"] for row in run.findings["hosts"]} == {ill: True, healthy: True, gone: False}
    assert [(item["host"], item["id"]) for item in run.findings["findings"]] == [(ill, "proxy-upgrade-stripped")]


def test_limit_left_the_ill_host_as_it_was(scenario: Scenario) -> None:
    ill, healthy, _gone = (stack.name for stack in scenario.stacks)
    assert scenario.kept("codes")["limited"] == 0 and scenario.run("limited").changed == {healthy: 0}
    # What the run over all repaired was still broken then.
    assert scenario.run("repaired").first_ids(ill) == ["proxy-upgrade-stripped"]


def test_the_ill_host_was_repaired_and_the_run_says_that_one_is_missing(scenario: Scenario) -> None:
    ill, healthy, gone = (stack.name for stack in scenario.stacks)
    repaired = scenario.run("repaired")
    assert scenario.kept("codes")["repaired"] != 0 and repaired.failed == [gone]
    assert (repaired.changed[ill], repaired.changed[healthy]) == (1, 0)


def test_a_second_run_is_green_and_changes_nothing(scenario: Scenario) -> None:
    assert scenario.kept("codes")["again"] == 0
    assert scenario.run("again").changed == {scenario.stack.name: 0}


def test_chargers_boot_at_both_and_the_missing_host_s_steve_was_left_alone(scenario: Scenario) -> None:
    ill, healthy, gone = scenario.stacks
    assert [boot(stack.proxy_ws_url, "CP1") for stack in (ill, healthy)] == ["Accepted", "Accepted"]
    assert boot(gone.ws_url, "CP1") == "Accepted"
