# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The app comes back with another address, because another container took the old one while it was stopped."""

from __future__ import annotations

import websockets

from tests.stack import nginx
from tests.stack.scenario import Scenario, boot


def main(scenario: Scenario) -> None:
    """A static upstream, the move, what a charger sees, and what the diagnosis says."""
    stack = scenario.stack
    stack.nginx(nginx.server(stack.listen, nginx.location("/", stack.upstream)))
    boot(stack.proxy_ws_url, "CP1")
    stack.move_app()
    try:
        answer = boot(stack.proxy_ws_url, "CP1")
    except websockets.InvalidStatus as refused:
        answer = str(refused.response.status_code)
    scenario.keep("answer", answer)
    scenario.keep("code", scenario.playbook("diagnose", "diagnosed"))
