# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An OCPP 1.6 station as a program: ``python -m tests.stack.station WS_URL CHARGE_BOX_ID``.

It connects again a second after a connection was lost, as chargers do, and prints what happens as one JSON object per
line. The environment variable STATION_PASSWORD holds the password of security profile 1 or 2, STATION_HEARTBEAT_S the
seconds between heartbeats.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

HEARTBEAT_S = float(os.environ.get("STATION_HEARTBEAT_S", "5"))
RECONNECT_S = 1.0


def tell(event: str, **details: Any) -> None:
    """Print an event."""
    print(json.dumps({"event": event, "at": datetime.now(UTC).isoformat(), **details}), flush=True)


class Station(ChargePoint):  # type: ignore[misc]
    """Answers the commands that SteVe's operators send; ocpp answers NotImplemented to all others."""

    async def route_message(self, raw_msg: str) -> None:
        """Record a command before it is answered (message type 2 = CALL, OCPP-J 1.6 section 4.1.3)."""
        message = json.loads(raw_msg)
        if message[0] == 2:
            tell("command", action=message[2], payload=message[3])
        await super().route_message(raw_msg)

    @on(Action.get_configuration)  # type: ignore[untyped-decorator]
    def _get_configuration(self, **_: Any) -> Any:
        setting = {"key": "HeartbeatInterval", "readonly": False, "value": str(int(HEARTBEAT_S))}
        return call_result.GetConfiguration(configuration_key=[setting], unknown_key=[])

    @on(Action.change_configuration)  # type: ignore[untyped-decorator]
    def _change_configuration(self, **_: Any) -> Any:
        return call_result.ChangeConfiguration(status="Accepted")

    @on(Action.clear_cache)  # type: ignore[untyped-decorator]
    def _clear_cache(self, **_: Any) -> Any:
        return call_result.ClearCache(status="Accepted")

    @on(Action.reset)  # type: ignore[untyped-decorator]
    def _reset(self, **_: Any) -> Any:
        return call_result.Reset(status="Accepted")

    @on(Action.trigger_message)  # type: ignore[untyped-decorator]
    def _trigger_message(self, **_: Any) -> Any:
        return call_result.TriggerMessage(status="Accepted")

    @on(Action.unlock_connector)  # type: ignore[untyped-decorator]
    def _unlock_connector(self, **_: Any) -> Any:
        return call_result.UnlockConnector(status="Unlocked")

    async def boot_and_beat(self) -> None:
        """Boot, then send heartbeats for ever."""
        boot = call.BootNotification(charge_point_model="Test station", charge_point_vendor="chargeops")
        answer = await self.call(boot)
        tell("booted", status=answer.status, current_time=answer.current_time, interval=answer.interval)
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.call(call.Heartbeat())
            tell("heartbeat")


async def connect_once(url: str, charge_box_id: str) -> None:
    """Keep one connection until it is lost; say how it went."""
    headers = {}
    if password := os.environ.get("STATION_PASSWORD"):
        token = base64.b64encode(f"{charge_box_id}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    address = f"{url}/{quote(charge_box_id, safe='')}"
    try:
        async with websockets.connect(
            address, subprotocols=[websockets.Subprotocol("ocpp1.6")], additional_headers=headers, ping_interval=None
        ) as socket:
            tell("connected", subprotocol=socket.subprotocol)
            station = Station(charge_box_id, socket)
            async with asyncio.TaskGroup() as both:
                both.create_task(station.start())
                both.create_task(station.boot_and_beat())
    except* websockets.ConnectionClosed as closed:
        tell("closed", reason=str(closed.exceptions[0]))
    except* (TimeoutError, OSError, websockets.InvalidHandshake) as refused:
        tell("refused", reason=str(refused.exceptions[0]))


async def main(url: str, charge_box_id: str) -> None:
    """Stay connected until stopped."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    while True:
        await connect_once(url, charge_box_id)
        await asyncio.sleep(RECONNECT_S)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2]))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
