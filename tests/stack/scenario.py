# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A molecule scenario from inside: its stacks, the runs of playbooks, and a charger (molecule/README.md).

``python -m tests.stack.scenario FILE`` calls ``main(scenario)`` of a file; molecule's environment says of which one.
"""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import ssl
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import websockets
from ocpp.v16 import call

from tests.stack import engine, images
from tests.stack.project import Stack, together
from tests.stack.station import Station


@dataclass(frozen=True)
class Run:
    """What molecule/shared/callback_plugins/record.py wrote about one run of a playbook."""

    value: dict[str, Any]

    @property
    def changed(self) -> dict[str, int]:
        """Changed tasks by host."""
        return {name: row["changed"] for name, row in self.value["stats"].items()}

    @property
    def failed(self) -> list[str]:
        """Hosts that failed or were not reached, in order of their names."""
        return sorted(name for name, row in self.value["stats"].items() if row["failures"] or row["unreachable"])

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What changed: host, task and diff, in order."""
        value: list[dict[str, Any]] = self.value["changes"]
        return value

    @property
    def said(self) -> str:
        """What it showed: terminal of reports, messages, reasons of failures."""
        return "\n".join(self.value["said"])

    @property
    def findings(self) -> dict[str, Any]:
        """The last findings document of the run."""
        value: dict[str, Any] = json.loads((Path(self.value["reports"][-1]) / "findings.json").read_text())
        return value

    @property
    def plan(self) -> dict[str, Any]:
        """The plan of the run's first batch."""
        value: dict[str, Any] = json.loads((Path(self.value["reports"][0]) / "plan.json").read_text())
        return value

    def first_ids(self, host: str = "") -> list[str]:
        """Ids that the run's first diagnosis (of a host) found."""
        for directory in self.value["reports"]:
            value = json.loads((Path(directory) / "findings.json").read_text())
            if not host or host in [row["host"] for row in value["hosts"]]:
                return [item["id"] for item in value["findings"]]
        raise LookupError(f"the run has no diagnosis of {host}")

    def ids(self) -> list[str]:
        """Ids that the run's last diagnosis found."""
        return [item["id"] for item in self.findings["findings"]]

    def statuses(self, id: str) -> set[str]:
        """Statuses of all checks of an id."""
        return {item["status"] for item in self.findings["checks"] if item["id"] == id}


@dataclass(frozen=True)
class Scenario:
    """The scenario that runs. ``directory``: molecule's ephemeral one, removed at the end with all that is in it."""

    name: str
    directory: Path

    @classmethod
    def here(cls) -> Scenario:
        """The scenario of this process's environment."""
        return cls(os.environ["STEVE_STACK"], Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]))

    @cached_property
    def stacks(self) -> list[Stack]:
        """Its stacks, in the order of STEVE_STACK_RELEASES."""
        there = engine.ensure()
        tags = images.ensure(there)
        return [Stack.load(there, tags, name) for name in together(self.name)]

    @property
    def stack(self) -> Stack:
        """The first, and mostly the only one."""
        return self.stacks[0]

    def set(self, stack: Stack | None = None, **variables: Any) -> None:
        """Write variables of a host (default: the first stack's) into the inventory, beside those that are there."""
        path = self.directory / "inventory" / "variables.json"
        known = json.loads(path.read_text()) if path.exists() else {"all": {"hosts": {}}}
        known["all"]["hosts"].setdefault((stack or self.stack).name, {}).update(variables)
        path.write_text(json.dumps(known, indent=2))

    def keep(self, name: str, value: Any) -> None:
        """Remember a value (JSON) for verify."""
        (self.directory / f"{name}.kept").write_text(json.dumps(value))

    def kept(self, name: str) -> Any:
        """What was remembered."""
        return json.loads((self.directory / f"{name}.kept").read_text())

    def playbook(self, name: str, label: str, *options: str, **variables: Any) -> int:
        """Run ``chargeops.steve.NAME`` as its user does and record it under a label; return the exit code."""
        given = ("--extra-vars", json.dumps(variables)) if variables else ()
        argv = ["ansible-playbook", f"chargeops.steve.{name}", "--inventory", str(self.directory / "inventory")]
        env = os.environ | {"STEVE_RUN": label}
        done = subprocess.run([*argv, *given, *options], env=env, cwd=self.directory, check=False, timeout=300)
        return done.returncode

    def run(self, label: str) -> Run:
        """What was recorded: ``check``, ``converge``, ``idempotence``, or a label that was given to playbook()."""
        return Run(json.loads((self.directory / "runs" / f"{label}.json").read_text()))


def boot(url: str, charge_box_id: str, *, trust: Path | None = None) -> str:
    """Connect as a charger, boot, unplug; return the registration status.

    ``url``: WebSocket URL without the charge box id. ``trust``: the charger's store of root certificates (wss).
    Raises what websockets raises when the handshake is refused.
    """
    return asyncio.run(_boot(f"{url}/{charge_box_id}", charge_box_id, trust))


async def _boot(address: str, charge_box_id: str, trust: Path | None) -> str:
    protocol = websockets.Subprotocol("ocpp1.6")
    context = ssl.create_default_context(cafile=trust) if trust else None
    async with websockets.connect(address, subprotocols=[protocol], ssl=context, proxy=None) as socket:
        charger = Station(charge_box_id, socket)
        listening = asyncio.create_task(charger.start())
        answer = await charger.call(call.BootNotification(charge_point_model="m", charge_point_vendor="v"))
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    return str(answer.status.value if hasattr(answer.status, "value") else answer.status)


def main(path: str) -> None:
    """Run a step of the scenario that is written in Python."""
    runpy.run_path(path)["main"](Scenario.here())


if __name__ == "__main__":
    main(sys.argv[1])
