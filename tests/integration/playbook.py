# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the collection's playbooks as a user does and reads what they wrote."""

from __future__ import annotations

import atexit
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stack.project import Stack

ROOT = Path(__file__).resolve().parent.parent.parent
COLLECTIONS = ROOT / ".cache" / "collections"


@dataclass(frozen=True)
class Run:
    """One ansible-playbook run: exit code, what it said, and its run directories in order."""

    code: int
    output: str
    directories: tuple[Path, ...]

    @property
    def findings(self) -> dict[str, Any]:
        """The last findings document."""
        assert self.directories, self.output
        value: dict[str, Any] = json.loads((self.directories[-1] / "findings.json").read_text(encoding="utf-8"))
        return value

    def found(self) -> list[tuple[str, str | None]]:
        """(id, hop) of every finding, failures and warnings."""
        return [(item["id"], item["hop"]) for item in self.findings["findings"]]

    def ids(self) -> list[str]:
        """Ids of every finding, failures and warnings."""
        return [item["id"] for item in self.findings["findings"]]

    def statuses(self, id: str) -> set[str]:
        """Statuses of all checks of one id."""
        return {item["status"] for item in self.findings["checks"] if item["id"] == id}

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """PLAY RECAP by host."""
        hosts = {}
        for line in self.output.partition("PLAY RECAP")[2].splitlines()[1:]:
            name, separator, rest = line.partition(":")
            # Warnings may follow.
            if separator and rest.strip().startswith("ok="):
                hosts[name.strip()] = {key: int(value) for key, value in (item.split("=") for item in rest.split())}
        return hosts


def playbook(
    name: str, inventory: dict[str, Any], *options: str, extra: dict[str, Any] | None = None,
    reports: Path | None = None,
) -> Run:  # fmt: skip
    """Run ``chargeops.steve.NAME``, or a file, on an inventory; reports go to a directory of their own, or this one."""
    link = COLLECTIONS / "ansible_collections" / "chargeops" / "steve"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ROOT)
    with tempfile.TemporaryDirectory(prefix="steve-inventory-") as folder:
        reports = reports or reports_directory()
        hosts = Path(folder) / "hosts.json"
        hosts.write_text(json.dumps(inventory), encoding="utf-8")
        variables = Path(folder) / "extra.json"
        variables.write_text(json.dumps({"steve_report_dir": str(reports)} | (extra or {})), encoding="utf-8")
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                name if "/" in name else f"chargeops.steve.{name}",
                "--inventory",
                str(hosts),
                "--extra-vars",
                f"@{variables}",
                *options,
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            env=os.environ
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
                "ANSIBLE_NOCOLOR": "1",
                "COLUMNS": "200",
            },
        )
    runs = sorted((item for item in reports.iterdir() if item.is_dir()), key=lambda item: item.stat().st_mtime_ns)
    return Run(done.returncode, done.stdout + done.stderr, tuple(runs))


def reports_directory() -> Path:
    """A directory for the reports of a run, removed when this process ends: whoever asked reads them until then."""
    made = Path(tempfile.mkdtemp(prefix="steve-reports-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def local_host(**variables: Any) -> dict[str, Any]:
    """Variables of a host that is this machine itself."""
    return {"ansible_connection": "local", "ansible_python_interpreter": sys.executable} | variables


def diagnose(stack: Stack, *options: str, outside: bool = False, **variables: Any) -> Run:
    """Diagnose a stack's host with charge box CP1; ``outside`` adds this machine as a vantage."""
    inventory = copy.deepcopy(stack.inventory())
    host = inventory["all"]["children"]["steve"]["hosts"][stack.name]
    host |= {"steve_charge_boxes": ["CP1"], "steve_probe_charge_box_id": "PROBE1"} | variables
    if outside:
        inventory["all"]["hosts"] = {"outside": local_host()}
        host["steve_vantage_hosts"] = ["outside"]
    return playbook("diagnose", inventory, *options, extra={"diagnose_timeout": 3})
