# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control port: what a test asks of a running simulator, over HTTP and in process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from . import repository
from .central import CentralSystem
from .faults import FaultValue
from .messages import timestamp
from .passwords import hash_password
from .sessions import NotConnectedError
from .tables import fold

JsonObject = dict[str, Any]


class Control:
    """The knobs of a simulator in the same process. Every result is made of JSON types."""

    def __init__(self, system: CentralSystem, stop: Callable[[], None]) -> None:
        self.system = system
        self._stop = stop

    async def state(self) -> JsonObject:
        """All tables, sessions, unknown list, faults: for comparisons before and after."""
        return {
            "release": self.system.era.release,
            "tables": await self.system.store.dump(),
            "sessions": await self.sessions(),
            "unknown": await self.unknown(),
            "faults": self.system.faults.as_dict(),
        }

    async def sessions(self) -> list[JsonObject]:
        """Open sessions, oldest first per charge box."""
        return [session.as_dict() for session in self.system.stations.all()]

    async def unknown(self) -> list[JsonObject]:
        """The list of unknown ids."""
        return [
            {
                "id": entry.charge_box_id,
                "attempts": entry.attempts,
                "last_attempt": timestamp(entry.last_attempt),
            }
            for entry in self.system.unknown.entries()
        ]

    async def log(self) -> list[str]:
        """The last log lines."""
        return list(self.system.log.lines)

    async def set_fault(self, name: str, value: FaultValue = True) -> None:
        """Switch a fault on."""
        await self.system.faults.set(name, value)

    async def clear_fault(self, name: str | None = None) -> None:
        """Switch one fault, or all, off."""
        await self.system.faults.clear(name)

    async def add_charge_box(
        self,
        charge_box_id: str,
        *,
        status: str = "Accepted",
        profile: int | None = 0,
        password: str | None = None,
        **columns: object,
    ) -> int:
        """Insert or replace a charge box; returns its primary key. Further columns by their names in SteVe's table.

        Columns that the release does not have are left out.
        """
        store = self.system.store
        values: dict[str, object] = {"registration_status": status, **columns}
        if self.system.era.security_profiles:
            values["security_profile"] = profile
            values["auth_password"] = await hash_password(password, self.system.bcrypt_rounds) if password else None
        known = set(store.tables.charge_box.c.keys())
        values = {key: value for key, value in values.items() if key in known}
        if not await repository.update_charge_box_by_id(store, charge_box_id, **values):
            return (await repository.add_charge_boxes(store, [{"charge_box_id": charge_box_id, **values}]))[0]
        row = await repository.find_charge_box(store, charge_box_id)
        return 0 if row is None else int(row["charge_box_pk"])

    async def update_charge_box(self, charge_box_id: str, **columns: object) -> bool:
        """Set columns of a row directly in the data base."""
        return await repository.update_charge_box_by_id(self.system.store, charge_box_id, **columns)

    async def delete_charge_box(self, charge_box_id: str) -> bool:
        """Delete a row directly in the data base (sessions stay)."""
        row = await repository.find_charge_box(self.system.store, charge_box_id)
        if row is None:
            return False
        await repository.delete_charge_box(self.system.store, int(row["charge_box_pk"]))
        return True

    async def add_transaction(self, charge_box_id: str, *, stopped: bool = True, id_tag: str = "TAG-1") -> int:
        """Insert a transaction on connector 1 directly in the data base; returns its id."""
        store, now = self.system.store, self.system.now()
        started = repository.StartedTransaction(charge_box_id, 1, id_tag, 0, now)
        pk = await repository.start_transaction(store, started)
        if stopped:
            await repository.stop_transaction(store, pk, 10, now, "Local")
        return pk

    async def command(
        self,
        charge_box_id: str,
        action: str = "ClearCache",
        payload: Mapping[str, object] | None = None,
    ) -> JsonObject:
        """Send an operator's command to the newest session.

        Returns ``{"response": …}``, ``{"error": …}`` or ``{"exception": …}``.
        """
        stations = self.system.stations
        key = charge_box_id
        if stations.newest(key) is None:
            key = next(
                (one for one in stations.charge_box_ids() if fold(one) == fold(charge_box_id)),
                charge_box_id,
            )
        try:
            return await stations.command(key, action, dict(payload or {}))
        except NotConnectedError:
            return {"exception": "not connected"}
        except TimeoutError:
            return {"exception": "no answer"}

    async def drop_sessions(self, charge_box_id: str | None = None) -> int:
        """Cut the connections of all sessions, or of one charge box, without a close frame."""
        return self.system.stations.cut(charge_box_id)

    async def close_sessions(self, charge_box_id: str) -> int:
        """Close the sessions of a charge box properly."""
        return await self.system.stations.disconnect(charge_box_id)

    async def stop(self) -> None:
        """Stop the simulator."""
        self._stop()


METHODS = (
    "state",
    "sessions",
    "unknown",
    "log",
    "set_fault",
    "clear_fault",
    "add_charge_box",
    "update_charge_box",
    "delete_charge_box",
    "add_transaction",
    "command",
    "drop_sessions",
    "close_sessions",
    "stop",
)
"""What the control port serves: ``GET /<name>`` without arguments, or ``POST /<name>`` with them as a JSON object."""


def control_application(control: Control) -> web.Application:
    """The HTTP side of the control port."""

    async def call(request: web.Request) -> web.Response:
        name = request.match_info["name"].replace("-", "_")
        if name not in METHODS:
            return web.json_response({"error": f"unknown method; known: {', '.join(METHODS)}"}, status=404)
        arguments = await request.json() if request.can_read_body else {}
        method: Callable[..., Awaitable[Any]] = getattr(control, name)
        try:
            return web.json_response({"result": await method(**arguments)})
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    application = web.Application()
    application.router.add_route("GET", "/{name}", call)
    application.router.add_route("POST", "/{name}", call)
    return application


class ControlClient:
    """The same knobs over the control port, synchronously; standard library only."""

    def __init__(self, url: str, timeout_s: float = 40.0) -> None:
        """``url``: e.g. ``http://127.0.0.1:9999``."""
        self.url = url
        self._timeout_s = timeout_s

    def call(self, method: str, /, **arguments: object) -> Any:
        """Call any method of Control by name; raises RuntimeError with the simulator's sentence."""
        body = json.dumps(arguments).encode()
        request = urllib.request.Request(
            f"{self.url}/{method}",
            data=body,
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self._timeout_s) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"control port: {method}: {error.read().decode()}") from None

    def state(self) -> JsonObject:
        """All tables, sessions, unknown list, faults."""
        result: JsonObject = self.call("state")
        return result

    def sessions(self) -> list[JsonObject]:
        """Open sessions."""
        result: list[JsonObject] = self.call("sessions")
        return result

    def unknown(self) -> list[JsonObject]:
        """The list of unknown ids."""
        result: list[JsonObject] = self.call("unknown")
        return result

    def log(self) -> list[str]:
        """The last log lines."""
        result: list[str] = self.call("log")
        return result

    def set_fault(self, name: str, value: FaultValue = True) -> None:
        """Switch a fault on."""
        self.call("set_fault", name=name, value=value)

    def clear_fault(self, name: str | None = None) -> None:
        """Switch one fault, or all, off."""
        self.call("clear_fault", name=name)

    def add_charge_box(self, charge_box_id: str, **values: object) -> int:
        """Insert or replace a charge box (see Control.add_charge_box)."""
        return int(self.call("add_charge_box", charge_box_id=charge_box_id, **values))

    def update_charge_box(self, charge_box_id: str, **columns: object) -> bool:
        """Set columns of a row."""
        return bool(self.call("update_charge_box", charge_box_id=charge_box_id, **columns))

    def delete_charge_box(self, charge_box_id: str) -> bool:
        """Delete a row; sessions stay."""
        return bool(self.call("delete_charge_box", charge_box_id=charge_box_id))

    def command(
        self,
        charge_box_id: str,
        action: str = "ClearCache",
        payload: Mapping[str, object] | None = None,
    ) -> JsonObject:
        """Send an operator's command to the newest session."""
        result: JsonObject = self.call("command", charge_box_id=charge_box_id, action=action, payload=payload or {})
        return result

    def drop_sessions(self, charge_box_id: str | None = None) -> int:
        """Cut sessions without a close frame."""
        return int(self.call("drop_sessions", charge_box_id=charge_box_id))

    def stop(self) -> None:
        """Stop the simulator."""
        self.call("stop")
