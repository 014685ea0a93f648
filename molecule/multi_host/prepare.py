# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first host's nginx forgets Upgrade; the third is not there. Its container is the host, SteVe's runs beside it."""

from __future__ import annotations

from tests.stack import nginx
from tests.stack.scenario import Scenario


def main(scenario: Scenario) -> None:
    """Break one, and take one away."""
    ill, healthy, gone = scenario.stacks
    for stack in (ill, healthy):
        without = ("upgrade",) if stack is ill else ()
        stack.nginx(nginx.server(stack.listen, nginx.location("/", stack.upstream, without=without)))
    gone.engine.docker("stop", "--time", "1", gone.target)
