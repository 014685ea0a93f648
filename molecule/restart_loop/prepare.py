# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project whose data base login stands in the env file, wrong, with a restart policy."""

from __future__ import annotations

import time

from tests.stack.scenario import Scenario

WRONG = "mysql+aiomysql://steve:wrong-nightingale@db:3306/stevedb"


def main(scenario: Scenario) -> None:
    """Let it loop, and ask what is wrong."""
    stack = scenario.stack
    compose = stack.directory / "docker-compose.yml"
    text = compose.read_text().replace(f'"SIM_DB_URL": "{WRONG.replace("wrong-nightingale", "changeme")}", ', "")
    compose.write_text(text.replace("    stop_grace_period: 2s\n", "    stop_grace_period: 2s\n    restart: always\n"))
    stack.write_env_file(stack.env_file.read_text() + f"SIM_DB_URL={WRONG}\n")
    stack.compose("up", "--detach", "--no-deps", "app")
    end = time.monotonic() + 60
    while int(stack.engine.docker("inspect", "--format={{.RestartCount}}", stack.container("app")).stdout) < 3:
        assert time.monotonic() < end, f"the app does not loop; it said {stack.logs('app')[-1000:]}"
        time.sleep(0.3)
    codes = [scenario.playbook(name, label) for name, label in (("diagnose", "diagnosed"), ("remediate", "told"))]
    scenario.keep("codes", codes)
    scenario.keep("env", stack.env_file.read_text())
