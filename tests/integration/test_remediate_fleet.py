# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``remediate`` over several hosts: host by host, in batches, with ``--limit``; simulators, no container."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator

#: An address that is kept for documentation (RFC 5737): nobody has it.
AWAY = {"ansible_host": "192.0.2.1", "ansible_ssh_common_args": "-o ConnectTimeout=1"}


@pytest.fixture
def steves() -> Iterator[tuple[Running, Running]]:
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as new,
        running_simulator(release="3.7.1", charge_boxes=["CP-1"]) as old,
    ):
        yield new, old


def host(url: str, *boxes: str, password: str = "1234") -> dict[str, Any]:
    return local_host(steve_url=url, steve_admin_password=password, steve_charge_boxes=list(boxes))


def remediate(hosts: dict[str, dict[str, Any]], *options: str, **extra: Any) -> Run:
    inventory = {"all": {"children": {"steve": {"hosts": hosts}}}}
    quick = {"diagnose_timeout": 3, "diagnose_nginx_conf": "/nonexistent", "diagnose_start_deadline": 0}
    return playbook("remediate", inventory, *options, extra=quick | extra)


def boxes(steve: Running) -> list[str]:
    return [row["charge_box_id"] for row in steve.control.state()["tables"]["charge_box"]]


def test_each_host_is_repaired_or_told_and_the_verdict_comes_last(steves: tuple[Running, Running]) -> None:
    new, old = steves
    run = remediate({
        "a-away": AWAY, "b-dead": host("http://127.0.0.1:9/steve", "CP-1"), "c-healthy": host(old.url, "CP-1"),
        "d-ill": host(new.url, "CP-1", "CP-2"),
    })  # fmt: skip
    assert run.code != 0
    assert boxes(new) == ["CP-1", "CP-2"], run.output
    assert {name: (row["changed"], row["failed"]) for name, row in run.recap.items()} == {
        "a-away": (0, 1), "b-dead": (0, 1), "c-healthy": (0, 0), "d-ill": (1, 0)
    }  # fmt: skip
    assert "whoever runs network" in run.output
    # One diagnosis where nothing was tried, two where something was; each host's files are its own.
    told = [json.loads((path / "plan.json").read_text()) for path in run.directories if (path / "plan.json").exists()]
    assert [[item["host"] for item in plan["hosts"]] for plan in told] == [[name] for name in run.recap]
    assert len(run.directories) == 5


@pytest.mark.parametrize("serial", [1, 2])
def test_a_repair_that_failed_ends_the_run_before_the_next_batch(steves: tuple[Running, Running], serial: int) -> None:
    new, old = steves
    hosts = {
        "a-refused": host(new.url, "CP-1", "CP-2", password="wrong"), "b-healthy": host(new.url, "CP-1"),
        "c-ill": host(old.url, "CP-1", "CP-2"),
    }  # fmt: skip
    run = remediate(hosts, steve_serial=serial)
    assert run.code != 0 and boxes(old) == ["CP-1"], run.output
    assert "SteVe refused user or password" in run.output and "1 repair failed" in run.output
    assert run.recap["a-refused"]["rescued"] == 1
    assert ("b-healthy" in run.recap) is (serial == 2)
    assert "c-ill" not in run.recap


def test_check_mode_goes_through_all_hosts_and_fails_for_what_would_fail(steves: tuple[Running, Running]) -> None:
    new, old = steves
    hosts = {"a-refused": host(new.url, "CP-2", password="wrong"), "b-ill": host(old.url, "CP-1", "CP-2")}
    run = remediate(hosts, "--check")
    assert run.code != 0 and boxes(old) == ["CP-1"]
    assert {name: (row["changed"], row["failed"]) for name, row in run.recap.items()} == {
        "a-refused": (0, 1), "b-ill": (1, 0)
    }  # fmt: skip


def test_limit_leaves_the_others_out(steves: tuple[Running, Running]) -> None:
    new, old = steves
    hosts = {"a": host(new.url, "CP-1", "CP-2"), "b": host(old.url, "CP-1", "CP-2")}
    run = remediate(hosts, "--limit", "b")
    assert run.code == 0, run.output
    assert (boxes(new), boxes(old)) == (["CP-1"], ["CP-1", "CP-2"])
    assert list(run.recap) == ["b"]
