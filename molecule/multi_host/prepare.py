# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first host's nginx forgets Upgrade; at the third's address no ssh answers, although its SteVe runs."""

from __future__ import annotations

from tests.stack import nginx
from tests.stack.scenario import Scenario


def main(scenario: Scenario) -> None:
    """Break one, and lose the way to another."""
    ill, healthy, gone = scenario.stacks
    for stack in (ill, healthy):
        without = ("upgrade",) if stack is ill else ()
        stack.nginx(nginx.server(stack.listen, nginx.location("/", stack.upstream, without=without)))
    scenario.set(gone, ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=9, ansible_ssh_timeout=3)
