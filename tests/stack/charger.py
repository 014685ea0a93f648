# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live charger: tests/stack/station.py in a container of its own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.stack.cleanup import LABEL
from tests.stack.engine import Engine
from tests.stack.shell import StackError


@dataclass(frozen=True)
class Charger:
    """A charger that is running. ``events()`` is all that happened to it, oldest first."""

    engine: Engine
    container: str
    charge_box_id: str

    @classmethod
    def start(
        cls, engine: Engine, image: str, stack: str, charge_box_id: str, *, url: str, settings: Mapping[str, str]
    ) -> Charger:
        """Start a charger that connects to ``url``/``charge_box_id``, and wait until SteVe answered its boot.

        ``settings``: environment of the station (see station.py).
        """
        name = f"{stack}-charger-{re.sub('[^A-Za-z0-9_.-]', '-', charge_box_id)}"
        environment = (part for key, value in settings.items() for part in ("--env", f"{key}={value}"))
        engine.docker(
            *("run", "--detach", "--name", name, "--label", f"{LABEL}={stack}", "--network", "host"),
            *(*environment, image, "python", "-m", "tests.stack.station", url, charge_box_id),
        )
        charger = cls(engine, name, charge_box_id)
        charger.wait_for("booted")
        return charger

    def events(self) -> list[dict[str, Any]]:
        """Events so far: ``{"event": connected|booted|heartbeat|command|closed|refused, …}``."""
        return [json.loads(line) for line in self.engine.docker("logs", self.container).stdout.splitlines()]

    def commands(self) -> list[str]:
        """Names of the operator's commands that arrived, e.g. ``["ClearCache"]``."""
        return [event["action"] for event in self.events() if event["event"] == "command"]

    def wait_for(self, event: str, *, count: int = 1, timeout: float = 30, **details: str) -> dict[str, Any]:
        """Wait until an event happened ``count`` times and return it. Raises StackError with what happened instead."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            wanted = {"event": event, **details}
            found = [seen for seen in self.events() if wanted.items() <= seen.items()]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.1)
        raise StackError(
            f"Charger {self.charge_box_id}: no {event} {details or ''} within {timeout:g} s; it saw {self.events()}"
        )

    def stop(self) -> None:
        """Unplug the charger."""
        self.engine.docker("rm", "--force", self.container, check=False)
