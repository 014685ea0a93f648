# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Knobs for faults: named switches with a JSON value, set at start or while running."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

KNOWN: dict[str, str] = {
    "db-dead": "the data base does not answer (SQLite only; with MariaDB stop or freeze the real one)",
    "db-unreachable": "start fails: data base not reachable",
    "db-refused-login": "start fails: data base refuses the login",
    "db-unknown-schema": "start fails: the schema does not exist",
    "db-time-zone": "start fails: data base and application have different time zones (value: offset in seconds)",
    "freeze": "requests are accepted and never answered",
    "garbage": "requests are answered with bytes that are not HTTP",
    "slow": "every answer waits (value: seconds)",
    "signin-slow": "the sign-in POST waits (value: seconds)",
    "signin-refused": "every sign-in is refused",
    "close-after-boot": "a session is closed right after its BootNotification was answered",
    "close-after-open": "a session is cut right after it was opened",
    "clock-offset": "the server's clock is wrong (value: seconds, positive = ahead)",
}
"""Name and meaning of every fault."""

FaultValue = bool | int | float | str


class Faults:
    """The faults that are on, with their values."""

    def __init__(self) -> None:
        self._active: dict[str, FaultValue] = {}
        self._changed = asyncio.Condition()

    async def set(self, name: str, value: FaultValue = True) -> None:
        """Switch fault ``name`` on; raise ValueError when it is not known."""
        if name not in KNOWN:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(KNOWN))}")
        async with self._changed:
            self._active[name] = value
            self._changed.notify_all()

    async def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all of them."""
        async with self._changed:
            if name is None:
                self._active.clear()
            else:
                self._active.pop(name, None)
            self._changed.notify_all()

    def on(self, name: str) -> bool:
        """Whether the fault is on."""
        return name in self._active

    def seconds(self, name: str) -> float:
        """The fault's value as a number of seconds; 0 when it is off."""
        value = self._active.get(name, 0)
        return float(value)

    def now(self) -> datetime:
        """The server's clock, which may be wrong: UTC, without zone."""
        return datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=self.seconds("clock-offset"))

    async def until_cleared(self, name: str) -> None:
        """Wait until the fault is off."""
        async with self._changed:
            await self._changed.wait_for(lambda: name not in self._active)

    def as_dict(self) -> dict[str, FaultValue]:
        """The faults that are on."""
        return dict(self._active)
