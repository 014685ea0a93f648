# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An app that runs with another value, a charger that is connected, and an operator who allowed no restart."""

from __future__ import annotations

from tests.stack.scenario import Scenario


def main(scenario: Scenario) -> None:
    """Bring it there, and have the change refused."""
    stack = scenario.stack
    stack.write_env_file(stack.env_file.read_text() + "JAVA_OPTS=-Xmx256m\n# the last line stays\n")
    stack.wait_healthy("app")
    stack.charger("LIVE1", url=stack.proxy_ws_url)
    before = {"app": stack.container("app"), "db": stack.container("db"), "env": stack.env_file.read_text()}
    code = scenario.playbook("remediate", "refused", app_env_keys={"JAVA_OPTS": "-Xmx512m"})
    after = {"app": stack.container("app"), "db": stack.container("db"), "env": stack.env_file.read_text()}
    scenario.keep("before", before)
    scenario.keep("refused", {"code": code, "after": after})
