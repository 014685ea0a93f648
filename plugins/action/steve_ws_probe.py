# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(chargeops.steve.steve_ws_probe) and, in a run, files what a vantage saw on the controller."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.chargeops.steve.plugins.plugin_utils._action import ObservingAction
from ansible_collections.chargeops.steve.plugins.plugin_utils._merge_runs import OBSERVATION_SCHEMA


class ActionModule(ObservingAction):
    """One probe of one host's SteVe, sent from the host the task is delegated to."""

    def document(self, result: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """An observation that holds nothing but this probe and what its TLS endpoint presents."""
        probe = {
            key: value
            for key, value in result.items()
            if key not in ("failed", "invocation", "msg") and not key.startswith("_")
        }
        endpoints = probe.pop("tls", None)
        part = {"status": "ok", "reason": None, "elapsed_s": probe.get("elapsed_s", 0.0), "data": [probe]}
        parts = {"probes": part}
        if endpoints is not None:
            spent = round(sum(item.get("elapsed_s") or 0.0 for item in endpoints), 3)
            parts["tls"] = {"status": "ok", "reason": None, "elapsed_s": spent, "data": endpoints}
        return {**self._frame(variables), "reached": True, "era": probe["era"], "parts": parts}

    def lost(self, reason: str, variables: dict[str, Any]) -> dict[str, Any]:
        """A vantage that sent nothing; it says nothing about the host."""
        return {**self._frame(variables), "reached": False, "reason": reason, "parts": {}}

    def summary(self, document: dict[str, Any]) -> dict[str, Any]:
        """The verdict of the endpoint, or why there is none."""
        if not document["reached"]:
            return {"endpoint": None, "reason": document["reason"]}
        return {"endpoint": document["parts"]["probes"]["data"][0]["endpoint"]["verdict"]}

    def _frame(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {
            "schema": OBSERVATION_SCHEMA,
            # The directory of a run is named after it.
            "run_id": os.path.basename(os.path.normpath(str(self._task.args.get("run_dir")))),
            "host": str(variables.get("inventory_hostname", "localhost")),
            "vantage": str(self._task.args.get("vantage") or "host"),
        }
