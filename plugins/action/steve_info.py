# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(chargeops.steve.steve_info) and files its observation on the controller."""

from __future__ import annotations

from typing import Any

from ansible_collections.chargeops.steve.plugins.plugin_utils._action import ObservingAction
from ansible_collections.chargeops.steve.plugins.plugin_utils._archive import OBSERVATION_SCHEMA
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import gate_charge_box_id


class ActionModule(ObservingAction):
    """The observation of one host."""

    def module_args(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The inventory name is known here only."""
        return {"host": str(variables.get("inventory_hostname", "localhost")), **args}

    def document(self, result: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The module's result is the document, less what Ansible added."""
        del variables
        return {
            key: value
            for key, value in result.items()
            if key not in ("changed", "invocation") and not key.startswith("_")
        }

    def lost(self, reason: str, variables: dict[str, Any]) -> dict[str, Any]:
        """A host that could not be looked at."""
        return {
            "schema": OBSERVATION_SCHEMA,
            "run_id": str(self._task.args.get("run_id") or ""),
            "reached": False,
            "reason": reason,
            "host": str(variables.get("inventory_hostname", "localhost")),
            "parts": {},
        }

    def summary(self, document: dict[str, Any]) -> dict[str, Any]:
        """Release range and an accepted id, for the probes from other vantages."""
        if not document["reached"]:
            return {"era": None, "gate_charge_box_id": None, "reason": document["reason"]}
        return {"era": document["era"], "gate_charge_box_id": gate_charge_box_id(document)}
