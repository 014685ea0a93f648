# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator of several hosts types, one after the other."""

from __future__ import annotations

from tests.stack.scenario import Scenario


def main(scenario: Scenario) -> None:
    """Diagnose all; repair the healthy one alone; repair all, which has to say that one is missing; once more."""
    ill, healthy, _gone = scenario.stacks
    codes = {
        "diagnosed": scenario.playbook("diagnose", "diagnosed"),
        "limited": scenario.playbook("remediate", "limited", "--limit", healthy.name),
        "repaired": scenario.playbook("remediate", "repaired"),
        "again": scenario.playbook("remediate", "again", "--limit", ill.name),
    }
    scenario.keep("codes", codes)
