# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test stack itself: it leaves nothing, also when its owner was killed."""

from __future__ import annotations

import subprocess

from tests.stack import cleanup
from tests.stack.engine import Engine
from tests.stack.fixtures import Stacks
from tests.stack.project import Stack


def left(engine: Engine, name: str) -> list[str]:
    """Containers, networks and volumes of a stack."""
    label = f"label=com.docker.compose.project={name}"
    own = f"label={cleanup.LABEL}={name}"
    lists = (("ps", "--all", label), ("ps", "--all", own), ("network", "ls", label), ("volume", "ls", label))
    return [line for *listing, filt in lists for line in engine.docker(*listing, "-q", "--filter", filt).stdout.split()]


def test_a_stack_whose_owner_was_killed_is_swept_away(stacks: Stacks) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    stack = Stack(stacks.engine, stacks.images, release="3.7.1", mode="network")
    try:
        stack.up()
        volumes = stacks.engine.docker(
            "inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", stack.container("db")
        )
        assert len(left(stacks.engine, stack.name)) >= 4
        (stack.directory / "owner").write_text(str(dead.pid))

        assert cleanup.sweep(stacks.engine, lambda owner: owner == str(dead.pid)) == [stack.name]

        assert left(stacks.engine, stack.name) == []
        assert not stack.directory.exists()
        anonymous = volumes.stdout.strip()
        assert anonymous
        assert anonymous not in stacks.engine.docker("volume", "ls", "--quiet").stdout
    finally:
        stack.down()


def test_two_stacks_live_side_by_side(stacks: Stacks) -> None:
    shared = stacks("3.14.1")
    with Stack(stacks.engine, stacks.images) as other:
        assert other.app_port != shared.app_port
        assert other.control("sessions") == []
        charger = other.charger("LIVE1", url=other.proxy_ws_url)
        other.control("command", charge_box_id="LIVE1", action="ClearCache", payload={})
        charger.wait_for("command", action="ClearCache")
        assert shared.control("sessions") == []
