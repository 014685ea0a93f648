# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the tests of managed hosts' Pythons: the same artifact that users get."""

from __future__ import annotations

from tests.artifact.conftest import artifact, command, installed

__all__ = ["artifact", "command", "installed"]
