# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking leaves nothing: tables, sessions, unknown list and files stay, and a live charger keeps its commands."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.integration.playbook import diagnose
from tests.stack.fixtures import Stacks
from tests.stack.project import Stack


def host_files(stack: Stack) -> list[str]:
    """What changed in the host's file system since it was created.

    Less Ansible's own temporary directory, and less nginx's access log: a probe through the proxy is a request there.
    """
    changes = stack.engine.docker("diff", stack.target).stdout.splitlines()
    ours = ("/root/.ansible", "/tmp", "/root", "/var/log", "/var/log/nginx", "/var/log/nginx/access.log")
    return sorted(
        line for line in changes if line[2:] not in ours and not line[2:].startswith(("/root/.ansible/", "/tmp/"))
    )


def snapshot(stack: Stack) -> dict[str, Any]:
    """Everything a diagnosis could have changed."""
    return {
        "tables": stack.dump(),
        "sessions": stack.control("sessions"),
        "unknown": stack.control("unknown"),
        "files": host_files(stack),
        "project": {path.name: path.read_bytes() for path in sorted(stack.directory.iterdir()) if path.is_file()},
        "containers": sorted(stack.compose("ps", "--all", "--quiet").stdout.split()),
    }


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_a_diagnosis_changes_nothing_and_a_live_charger_keeps_its_commands(stacks: Stacks, release: str) -> None:
    stack = stacks(release, "host")
    live = stack.charger("LIVE1", heartbeat=3600)
    try:
        before_commands = live.commands().count("ClearCache")
        before = snapshot(stack)
        done = threading.Event()
        sent = 0

        def operate() -> None:
            nonlocal sent
            while not done.wait(0.3):
                stack.control("command", charge_box_id="LIVE1", action="ClearCache", payload={})
                sent += 1

        operator = threading.Thread(target=operate)
        operator.start()
        try:
            run = diagnose(stack, steve_charge_boxes=["CP1", "LIVE1", "CP-unknown"])
        finally:
            done.set()
            operator.join()
        after = snapshot(stack)
        assert run.ids() == ["charge-box-unregistered"], run.output
        assert sent > 3
        live.wait_for("command", action="ClearCache", count=before_commands + sent)
        assert [event for event in live.events() if event["event"] == "closed"] == []
        for what, value in before.items():
            assert after[what] == value, f"{what} changed"
    finally:
        live.stop()


def test_the_snapshot_would_see_a_knock_and_a_file(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    before = snapshot(stack)
    diagnose(stack, steve_charge_boxes=["CP-knocks"], steve_admin_password="")
    stack.write_in_target("/srv/left-behind", "x")
    after = snapshot(stack)
    stack.in_target("rm", "/srv/left-behind")
    assert after["unknown"] != before["unknown"]
    assert after["files"] != before["files"]
