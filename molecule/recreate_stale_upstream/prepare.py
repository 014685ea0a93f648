# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The app comes back with another address, because another container took the old one while it was stopped."""

from __future__ import annotations

import websockets

from tests.stack import nginx
from tests.stack.cleanup import LABEL
from tests.stack.project import Stack
from tests.stack.scenario import Scenario, boot


def main(scenario: Scenario) -> None:
    """A static upstream, the move, what a charger sees, and what the diagnosis says."""
    stack = scenario.stack
    stack.nginx(nginx.server(stack.listen, nginx.location("/", stack.upstream)))
    boot(stack.proxy_ws_url, "CP1")
    move(stack)
    try:
        answer = boot(stack.proxy_ws_url, "CP1")
    except websockets.InvalidStatus as refused:
        answer = str(refused.response.status_code)
    scenario.keep("answer", answer)
    scenario.keep("code", scenario.playbook("diagnose", "diagnosed"))


def move(stack: Stack) -> None:
    """Give the app another address than the one it has."""
    before = address(stack, stack.container("app"))
    stack.compose("stop", "app")
    for number in range(10):
        squatter = f"{stack.name}-squatter-{number}"
        stack.engine.docker(
            *("run", "--detach", "--name", squatter, "--network", f"{stack.name}_default"),
            *("--label", f"{LABEL}={stack.name}", "--entrypoint", "sleep", stack.images.simulator, "infinity"),
        )
        if address(stack, squatter) == before:
            break
    stack.wait_healthy("app")
    assert address(stack, stack.container("app")) != before, "the app kept its address"


def address(stack: Stack, container: str) -> str:
    """The address of a container in its only network."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return stack.engine.docker("inspect", "--format", form, container).stdout.strip()
