# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixture of the contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .targets import Targets


@pytest.fixture(scope="session")
def targets() -> Iterator[Targets]:
    """Everything the recorded requests are sent to, started on demand."""
    result = Targets()
    try:
        yield result
    finally:
        result.close()
