# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The site as it is before somebody thinks of chargers."""

from __future__ import annotations

from tests.stack import nginx
from tests.stack.scenario import Scenario


def main(scenario: Scenario) -> None:
    """Serve the admin UI only."""
    stack = scenario.stack
    pages = nginx.location("/", stack.upstream, without=("http11", "upgrade", "connection", "host", "timeouts"))
    stack.nginx(nginx.server(stack.listen, pages))
