# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(chargeops.steve.steve_webapi_check) and opens its envelope on the controller."""

from __future__ import annotations

from ansible_collections.chargeops.steve.plugins.plugin_utils._action import EnvelopeAction


class ActionModule(EnvelopeAction):
    """The Web API of one SteVe."""
