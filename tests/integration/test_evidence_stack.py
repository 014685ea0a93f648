# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``evidence`` on the real stack: docker itself, a container's log, a station that reconnects, a dead app."""

from __future__ import annotations

from tests.integration.playbook import Run, playbook
from tests.integration.test_evidence import Opened, opened
from tests.integration.test_zero_write import host_files
from tests.stack.fixtures import Stacks
from tests.stack.project import Stack


def evidence(stack: Stack) -> tuple[Run, Opened]:
    inventory = stack.inventory()
    inventory["all"]["children"]["steve"]["hosts"][stack.name] |= {"steve_charge_boxes": ["LIVE1"]}
    run = playbook("evidence", inventory, "-vvvv", extra={"diagnose_timeout": 3})
    archives = list(run.directories[-1].parent.glob("*.tar.gz"))
    assert len(archives) == 1, run.output[-3000:]
    return run, opened(archives[0])


def held(run: Run, archive: Opened, stack: Stack) -> None:
    """Nothing secret stands in the archive or in what was shown."""
    text = b"\n".join(archive.members.values()).decode("utf-8", "replace")
    for secret in (stack.app_env["AUTH_PASSWORD"], stack.app_env["WEBAPI_VALUE"]):
        assert secret not in text
        assert secret not in run.output


def test_a_running_and_a_dead_app_give_their_evidence_and_nothing_stays(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    for _session in range(2):
        stack.charger("LIVE1", url=stack.proxy_ws_url).stop()
    before = host_files(stack)
    run, archive = evidence(stack)
    assert run.code == 0, run.output[-3000:]
    assert host_files(stack) == before
    held(run, archive, stack)
    manifest = archive.json("manifest.json")
    assert [(box["charge_box_id"], box["covers"]) for box in manifest["charge_boxes"]] == [("LIVE1", "full reconnect")]
    assert b"BootNotification" in archive.members["host/steve.log"]
    assert archive.json("host/versions.json")["docker"]
    assert "host/nginx/etc/nginx/nginx.conf" in archive.members
    try:
        stack.compose("stop", "app")
        run, archive = evidence(stack)
    finally:
        stack.mend()
    held(run, archive, stack)
    assert "app-not-running" in [item["id"] for item in archive.json("findings.json")["findings"]]
    assert b"BootNotification" in archive.members["host/steve.log"]
