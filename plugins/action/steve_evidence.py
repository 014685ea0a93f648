# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collects a host's evidence by the module of the same name and packs it with what the run knows of the host."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.parsing.vault import VaultHelper
from ansible_collections.chargeops.steve.plugins.module_utils import _envelope
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive, _evidence_archive, _terminal
from ansible_collections.chargeops.steve.plugins.plugin_utils._action import EnvelopeAction
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._evidence_archive import Given

_OPTIONS = {"password": "steve_admin_password", "webapi_value": "steve_webapi_value", "passwords": "passwords"}


class ActionModule(EnvelopeAction):
    """One archive of one host, whatever becomes of the host meanwhile."""

    def module_result(self, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Collect, pack, look for secrets, write."""
        run_dir = os.path.abspath(os.path.expanduser(str(module_args.get("run_dir") or "")))
        if not os.path.isdir(os.path.join(run_dir, "observations")):
            raise AnsibleActionFail(
                f"steve_evidence: {inert(run_dir, 300)} is not the directory of a run. "
                "Give run_dir as steve_report returned it when it began a run."
            )
        host, run_id = str(task_vars.get("inventory_hostname", "localhost")), os.path.basename(run_dir)
        try:
            documents = _archive.read_host(run_dir, host)
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"steve_evidence: the run cannot be read: {inert(error, 400)}") from None
        texts = _texts(documents, host, run_id)
        result, given = self._collected({**module_args, "documents": _envelope.seal(texts)}, task_vars)
        if given is None:
            return result
        named = {name: module_args[option] for option, name in _OPTIONS.items() if module_args.get(option)}
        secrets = _evidence_archive.known_secrets({**self._variables(task_vars), **named}, _is_vaulted)
        packed = _evidence_archive.pack(host, run_id, documents, texts, given, secrets)
        root = _evidence_archive.root_of(host, run_id)
        data = _evidence_archive.tar(root, packed.members, run_id)
        hits = [*given.hits, *_evidence_archive.hits_in({**_evidence_archive.untar(data), root: b""}, secrets)]
        kept = {} if hits else packed.manifest
        told = {
            "changed": False,
            "reached": given.reason is None,
            "complete": bool(kept.get("complete")),
            "not_collected": kept.get("not_collected") or [],
            "charge_boxes": kept.get("charge_boxes") or [],
            "redactions": [] if hits else packed.redactions,
        }
        if hits:
            why = _evidence_archive.refusal(hits, secrets)
            return {**told, "archive": None, "sha256": None, "failed": True, "msg": why}
        path = os.path.join(os.path.dirname(run_dir), f"{root}.tar.gz")
        _archive.write_bytes(path, data)
        told.update(archive=path, sha256=hashlib.sha256(data).hexdigest())
        if given.reason is not None:
            words = result.get("msg") or given.reason
            told.update(failed=True, msg=f"The host gave nothing: {words} What the run knows of it is in {path}.")
        return told

    def _collected(
        self, args: dict[str, Any], task_vars: dict[str, Any]
    ) -> tuple[dict[str, Any], Given | None]:  # fmt: skip
        """The module's result, and what of it goes into the archive; None where the options are wrong."""
        try:
            result = super().module_result(args, task_vars)
        except AnsibleConnectionFailure as error:
            return {}, Given(reason=f"unreachable: {inert(error, 300)}.")
        except AnsibleError as error:
            return {"msg": f"{inert(error, 300)}."}, Given(reason="the module could not be run on the host.")
        if not result.get("failed"):
            return result, Given.of(result)
        if (result.get("error") or {}).get("code") == "bad-input":
            return result, None
        # Its words may hold what they are about.
        return result, Given(reason="the module broke off on the host.")

    def _variables(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The host's variables that may hold secrets, with their templates filled where they can be."""
        found = {}
        for name, value in task_vars.items():
            if name in ("hostvars", "vars", "groups", "ansible_facts") or name.startswith("_"):
                continue
            if _is_vaulted(value) or _evidence_archive.may_hold_secret(name, value):
                try:
                    found[name] = self._templar.template(value)
                except AnsibleError:
                    found[name] = value
        return found


def _is_vaulted(value: Any) -> bool:
    """Whether ansible-vault encrypted a value by itself; of an encrypted file its values do not tell."""
    if VaultHelper.get_ciphertext(value, with_tags=False) is None:
        return False
    try:
        str(value)
    except AnsibleError:
        # Nobody here can read it, so nothing here holds it.
        return False
    return True


def _texts(documents: dict[str, dict[str, Any]], host: str, run_id: str) -> dict[str, str]:
    """What the controller adds, by path in the archive."""
    findings = analyse(list(documents.values()), [host], run_id)
    texts = {path: _json(document) for path, document in documents.items()}
    texts["findings.json"] = _json(findings)
    texts["report.txt"] = _terminal.render(findings, full=True) + "\n"
    texts["question.json"] = _json(_evidence_archive.question(documents.values()))
    chains = _evidence_archive.certificates(documents.values())
    return {**texts, "certificates.pem": chains} if chains else texts


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
