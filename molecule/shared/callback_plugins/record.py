# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records each run of a playbook of the collection, so that verify can judge what molecule only prints."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: aggregate
short_description: Records runs for the verify step of molecule
description: One JSON file for each run, in the directory runs of molecule's ephemeral directory.
requirements: [enable in configuration]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes ``runs/LABEL.json``: begin, end, stats and reports, what changed, and what was said."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._label = os.environ.get("STEVE_RUN", "")
        self._known: dict[str, Any] = {"begin": time.time(), "changes": [], "said": [], "reports": []}

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """A run without a label is one of molecule's steps; only those that converge are of interest."""
        if not self._label and Path(playbook._file_name).stem == "converge":
            self._label = "check" if context.CLIARGS["check"] else "converge"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Remember what changed and what was told."""
        value = result._result
        if value.get("changed") and not value.get("_ansible_no_log"):
            row = {"host": result._host.get_name(), "task": result._task.get_name(), "diff": value.get("diff")}
            self._known["changes"].append(row)
        self._remember(value)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002
        """Remember the reason."""
        self._remember(result._result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Remember the reason."""
        self._remember(result._result)

    def _remember(self, value: dict[str, Any]) -> None:
        if directory := value.get("run_dir"):
            if directory not in self._known["reports"]:
                self._known["reports"].append(directory)
        for key in ("msg", "text", "terminal", "stdout"):
            if text := value.get(key):
                self._known["said"].append(text if isinstance(text, str) else json.dumps(text))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the file. The second run of converge is molecule's idempotence."""
        if not self._label:
            return
        folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "runs"
        folder.mkdir(exist_ok=True)
        if self._label == "converge" and (folder / "converge.json").exists():
            self._label = "idempotence"
        rows = {host: stats.summarize(host) for host in stats.processed}
        known = {**self._known, "end": time.time(), "stats": rows}
        (folder / f"{self._label}.json").write_text(json.dumps(known, default=str))
