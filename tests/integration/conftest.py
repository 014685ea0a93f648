# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the integration tests."""

from __future__ import annotations

import pytest

from tests.stack.fixtures import docker_engine, stack_images, stacks

__all__ = ["docker_engine", "stack_images", "stacks"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the engine share one worker, and so one set of stacks; the others run beside them."""
    for item in items:
        if set(__all__) & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("stack"))
