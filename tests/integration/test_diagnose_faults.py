# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that reach not all, or nothing. Single faults are rows of the fault matrix (tests/matrix)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.playbook import diagnose, local_host, playbook
from tests.stack.fixtures import Stacks

# -- a run that looked at nothing is never green --------------------------------------------------------------


def unreachable() -> dict[str, Any]:
    """A host at which nobody answers."""
    return {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_ssh_timeout": 3}


def test_one_unreachable_host_fails_the_verdict_and_the_others_are_judged(stacks: Stacks) -> None:
    stack = stacks()
    inventory = stack.inventory()
    inventory["all"]["children"]["steve"]["hosts"]["gone"] = unreachable()
    run = playbook("diagnose", inventory, extra={"steve_fail_on": "never"})
    assert run.code != 0
    assert {host["host"]: host["reached"] for host in run.findings["hosts"]} == {stack.name: True, "gone": False}
    assert run.ids() == []


def test_limit_judges_only_those_hosts(stacks: Stacks) -> None:
    stack = stacks()
    inventory = stack.inventory()
    inventory["all"]["children"]["steve"]["hosts"]["gone"] = unreachable()
    run = playbook("diagnose", inventory, "--limit", stack.name)
    assert run.code == 0, run.output
    assert [host["host"] for host in run.findings["hosts"]] == [stack.name]


@pytest.mark.parametrize("fail_on", ["fail", "never"])
def test_all_hosts_unreachable_is_not_green(fail_on: str) -> None:
    run = playbook("diagnose", {"steve": {"hosts": {"gone": unreachable()}}}, extra={"steve_fail_on": fail_on})
    assert run.code != 0
    assert "nothing was evaluated" in run.output


def test_a_dead_vantage_leaves_its_questions_open_and_touches_no_host(stacks: Stacks) -> None:
    stack = stacks()
    inventory = stack.inventory()
    inventory["all"]["hosts"] = {"office": unreachable()}
    inventory["all"]["children"]["steve"]["hosts"][stack.name]["steve_vantage_hosts"] = ["office"]
    run = playbook("diagnose", inventory)
    assert run.code == 0, run.output
    assert run.ids() == []
    assert "unknown" in run.statuses("dns-unresolvable")
    assert "vantage office was not reached" in run.output


@pytest.mark.parametrize(
    ("inventory", "options"),
    [
        ({"all": {"hosts": {}}}, ()),
        ({"web": {"hosts": {"w": local_host()}}}, ()),
        ({"steve": {"hosts": {"s": unreachable()}}, "web": {"hosts": {"w": local_host()}}}, ("--limit", "web")),
    ],
    ids=["empty inventory", "no host in the group", "limit to others"],
)
def test_a_run_without_any_steve_host_fails_with_a_sentence(
    inventory: dict[str, Any], options: tuple[str, ...]
) -> None:
    run = playbook("diagnose", inventory, *options)
    assert run.code != 0
    assert "no SteVe host in this run" in run.output


def test_bad_input_is_one_clear_sentence_in_the_verdict(stacks: Stacks) -> None:
    run = diagnose(stacks(), steve_charge_boxes=[123])
    assert run.code != 0
    assert "in quotes" in run.output
