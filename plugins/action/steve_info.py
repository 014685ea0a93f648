# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(chargeops.steve.steve_info) and files its observation on the controller."""

from __future__ import annotations

import base64
import os
import time
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.chargeops.steve.plugins.module_utils import _clock
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive, _certificates
from ansible_collections.chargeops.steve.plugins.plugin_utils._action import ObservingAction
from ansible_collections.chargeops.steve.plugins.plugin_utils._merge_runs import OBSERVATION_SCHEMA
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import gate_charge_box_id

#: Bytes of a trust store that are read; the store of a browser has a quarter of a million.
MAX_STORE = 2 * 1024 * 1024
#: Seconds that the log is read back by default, as in the module.
LOG_SINCE_S = 86400.0
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
        host = str(variables.get("inventory_hostname", "localhost"))
        given: dict[str, Any] = {"host": host}
        run_dir = self._task.args.get("run_dir")
        if run_dir:
            since = float(args.get("log_since") or LOG_SINCE_S)
            given["log_discounts"] = _archive.earlier_probes(str(run_dir), host, datetime.now(UTC), since)
        self._begin = time.time()
        return {**given, **args}

    def document(self, result: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The module's result is the document, less what Ansible added, with what is known about the chargers."""
        del variables
        document = {
            key: value
            for key, value in result.items()
            if key not in ("changed", "invocation") and not key.startswith("_")
        }
        _witness(document, self._begin, time.time())
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


def _witness(document: dict[str, Any], begin: float, end: float) -> None:
    """The controller as a witness of the host's clock: the module ran between these two seconds since 1970.

    The host's clock is ahead by no more than what lies between the two beginnings, and by no less than what lies
    between the two ends; half of the way between is how far the middle may be wrong.
    """
    data = ((document.get("parts") or {}).get("clock") or {}).get("data")
    host = (data or {}).get("host")
    if data is None or not host:
        return
    most, least = float(host["begin_s"]) - begin, float(host["end_s"]) - end
    what = "the host's clock against the controller's"
    data["witnesses"].append(_clock.witness("controller", (most + least) / 2, max((most - least) / 2, 0.0), what))


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
