# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(chargeops.steve.steve_info) and files its observation on the controller."""

from __future__ import annotations

import base64
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _certificates
from ansible_collections.chargeops.steve.plugins.plugin_utils._action import ObservingAction
from ansible_collections.chargeops.steve.plugins.plugin_utils._archive import OBSERVATION_SCHEMA
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import gate_charge_box_id

#: Bytes of a trust store that are read; the store of a browser has a quarter of a million.
MAX_STORE = 2 * 1024 * 1024
TLS_VERSIONS = ("1.0", "1.1", "1.2", "1.3")


class ActionModule(ObservingAction):
    """The observation of one host."""

    controller_options = ("run_dir", "charger_ca", "charger_tls_versions")

    def module_args(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The inventory name is known here only."""
        self._chargers = {
            "ca": _store(self._task.args.get("charger_ca")),
            "tls_versions": _versions(self._task.args.get("charger_tls_versions")),
        }
        return {"host": str(variables.get("inventory_hostname", "localhost")), **args}

    def document(self, result: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The module's result is the document, less what Ansible added, with what is known about the chargers."""
        del variables
        document = {
            key: value
            for key, value in result.items()
            if key not in ("changed", "invocation") and not key.startswith("_")
        }
        return {**document, "chargers": self._chargers}

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


def _store(path: Any) -> dict[str, Any] | None:
    """The chargers' trust store for the observation, so that it can be judged anywhere; or why it cannot be used."""
    if not path:
        return None
    name = os.path.abspath(os.path.expanduser(str(path)))
    found: dict[str, Any] = {"file": name, "certificates": [], "problem": None}
    try:
        with open(name, "rb") as stream:
            data = stream.read(MAX_STORE + 1)
        if len(data) > MAX_STORE:
            raise ValueError("more than 2 MiB")
        found["certificates"] = [base64.b64encode(item).decode("ascii") for item in _certificates.read_pem(data)]
    except OSError as error:
        found["problem"] = f"{inert(name, 200)}: {os.strerror(error.errno or 0)}"
    except ValueError as error:
        found["problem"] = f"{inert(name, 200)}: {error}"
    return found


def _versions(value: Any) -> list[str]:
    """The protocol versions that the chargers speak.

    Raises:
        AnsibleActionFail: one is none.
    """
    given = value if isinstance(value, list) else [value] if value else []
    versions = [str(item) for item in given]
    for item in versions:
        if item not in TLS_VERSIONS:
            known = ", ".join(TLS_VERSIONS)
            raise AnsibleActionFail(f"charger_tls_versions: {inert(item, 40)} is no TLS version. Give some of {known}.")
    return versions
