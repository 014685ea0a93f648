# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the verify steps."""

from __future__ import annotations

import pytest

from tests.stack.project import Stack
from tests.stack.scenario import Scenario


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    """The scenario that is verified."""
    return Scenario.here()


@pytest.fixture(scope="session")
def stack(scenario: Scenario) -> Stack:
    """Its first stack."""
    return scenario.stack
