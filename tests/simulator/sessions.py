# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OCPP-J sessions: their registry, traffic in both directions, and how they end."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import ClientConnectionError, WSMessage, WSMsgType, web
from sqlalchemy.exc import DBAPIError

from . import logs, repository
from .central import CentralSystem
from .handshake import Accepted
from .messages import CallError, answer_call
from .store import PoolTimeoutError

MAX_MESSAGE = 8_388_608
"""Bytes of a text message (SteVe's WebSocketConfiguration, all tags)."""


@dataclass
class StationSession:
    """One open WebSocket of a charge box."""

    charge_box_id: str
    """The spelling that the era stores the session under."""
    pk: int
    protocol: str
    opened_at: datetime
    ws: web.WebSocketResponse
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    pending: dict[str, asyncio.Future[dict[str, object]]] = field(default_factory=dict)
    request: web.Request | None = None

    def as_dict(self) -> dict[str, object]:
        """For the control port."""
        return {
            "session_id": self.id,
            "charge_box_id": self.charge_box_id,
            "protocol": self.protocol,
            "connected_since": self.opened_at.isoformat(timespec="milliseconds") + "Z",
        }


@dataclass
class Task:
    """An operator's command to one or more charge boxes."""

    id: int
    action: str
    results: dict[str, dict[str, object]] = field(default_factory=dict)


class NotConnectedError(Exception):
    """There is no session to send a command to."""


class Stations:
    """All sessions. The newest session of a charge box gets the commands (``ALWAYS_LAST``)."""

    def __init__(self, system: CentralSystem) -> None:
        self._system = system
        self._sessions: dict[str, list[StationSession]] = {}
        self._background: set[asyncio.Task[object]] = set()
        self.tasks: dict[int, Task] = {}

    # --- registry ----------------------------------------------------------------------------------------------

    def all(self) -> list[StationSession]:
        """Every session, oldest first per charge box."""
        return [session for sessions in self._sessions.values() for session in sessions]

    def charge_box_ids(self, protocol: str | None = None) -> list[str]:
        """Ids with at least one session (of the protocol)."""
        return [
            key
            for key, sessions in self._sessions.items()
            if sessions and (protocol is None or any(s.protocol == protocol for s in sessions))
        ]

    def newest(self, charge_box_id: str) -> StationSession | None:
        """The session that a command goes to."""
        sessions = self._sessions.get(charge_box_id)
        return sessions[-1] if sessions else None

    # --- commands ----------------------------------------------------------------------------------------------

    async def command(
        self,
        charge_box_id: str,
        action: str,
        payload: dict[str, object],
        timeout_s: float = 10.0,
    ) -> dict[str, object]:
        """Send a CALL to the newest session and return ``{"response": …}`` or ``{"error": …}``.

        Raises NotConnectedError, or TimeoutError when the station does not answer in time.
        """
        session = self.newest(charge_box_id)
        if session is None:
            raise NotConnectedError(charge_box_id)
        message_id = str(uuid.uuid4())
        future: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        session.pending[message_id] = future
        try:
            await self._send(session, [2, message_id, action, payload])
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            session.pending.pop(message_id, None)

    def start_task(self, action: str, charge_box_ids: list[str], payload: dict[str, object]) -> Task:
        """Send a command to several charge boxes in the background (admin UI)."""
        task = Task(len(self.tasks) + 1, action)
        self.tasks[task.id] = task
        for charge_box_id in charge_box_ids:
            self._spawn(self._run_for_task(task, charge_box_id, payload))
        return task

    async def run_task(self, action: str, charge_box_ids: list[str], payload: dict[str, object]) -> Task:
        """Send a command to several charge boxes and wait for all answers (Web API)."""
        task = Task(len(self.tasks) + 1, action)
        self.tasks[task.id] = task
        await asyncio.gather(*(self._run_for_task(task, one, payload) for one in charge_box_ids))
        return task

    async def _run_for_task(self, task: Task, charge_box_id: str, payload: dict[str, object]) -> None:
        try:
            task.results[charge_box_id] = await self.command(charge_box_id, task.action, payload)
        except NotConnectedError:
            task.results[charge_box_id] = {"exception": f"No session context for chargeBoxId '{charge_box_id}'"}
        except TimeoutError:
            task.results[charge_box_id] = {"exception": "The station did not respond"}
        except ClientConnectionError as error:
            task.results[charge_box_id] = {"exception": str(error)}

    def _spawn(self, coroutine: object) -> None:
        task: asyncio.Task[object] = asyncio.create_task(coroutine)  # type: ignore[arg-type]
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # --- ending sessions ---------------------------------------------------------------------------------------

    async def disconnect(self, charge_box_id: str, code: int = 1000) -> int:
        """Close every session of a charge box; returns how many."""
        wanted = charge_box_id.lower()
        victims = [session for session in self.all() if session.charge_box_id.lower() == wanted]
        for session in victims:
            await session.ws.close(code=code)
        return len(victims)

    async def disconnect_session(self, session_id: str) -> bool:
        """Close one session."""
        for session in self.all():
            if session.id == session_id:
                await session.ws.close(code=1000)
                return True
        return False

    def cut(self, charge_box_id: str | None = None) -> int:
        """Cut the TCP connections of (all) sessions without a close frame; returns how many."""
        victims = [s for s in self.all() if charge_box_id is None or s.charge_box_id.lower() == charge_box_id.lower()]
        for session in victims:
            if session.request is not None and session.request.transport is not None:
                session.request.transport.abort()
        return len(victims)

    async def shutdown(self) -> None:
        """Close every session as a stopping server does (1001)."""
        for session in self.all():
            with suppress(TimeoutError, ClientConnectionError):
                async with asyncio.timeout(0.5):
                    await session.ws.close(code=1001)
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    # --- one session -------------------------------------------------------------------------------------------

    async def serve(self, request: web.Request, accepted: Accepted) -> web.StreamResponse:
        """Complete the upgrade and run the session until it ends."""
        system = self._system
        ws = web.WebSocketResponse(
            protocols=(accepted.protocol,),
            autoping=False,
            max_msg_size=MAX_MESSAGE,
            timeout=0.5,
            compress=True,
        )
        try:
            await ws.prepare(request)
        except web.HTTPException:
            return web.Response(status=400)
        session = StationSession(
            accepted.charge_box_id,
            accepted.pk,
            accepted.protocol,
            system.now(),
            ws,
            request=request,
        )
        first = not self._sessions.get(session.charge_box_id)
        self._sessions.setdefault(session.charge_box_id, []).append(session)
        self._log(session, "INFO", "Connection is established")
        pinger = asyncio.create_task(self._ping(session))
        last: WSMessage | None = None
        try:
            if system.faults.on("close-after-open"):
                self.cut(session.charge_box_id)
            self._spawn(self._on_open(session, accepted, first=first))
            last = await self._receive(session)
        finally:
            pinger.cancel()
            self._forget(session, last)
        return ws

    async def _on_open(self, session: StationSession, accepted: Accepted, *, first: bool) -> None:
        era = self._system.era
        with suppress(PoolTimeoutError, DBAPIError, ClientConnectionError):
            if era.protocol_written_on_open:
                await repository.update_charge_box_by_id(
                    self._system.store,
                    session.charge_box_id,
                    ocpp_protocol=f"{session.protocol}J",
                )
            keys: list[str] | None = None
            if era.configuration_on_connect == "all-first" and first and session.protocol != "ocpp1.2":
                keys = []
            elif era.configuration_on_connect == "cpo-name-profile-1" and accepted.security_profile == 1:
                keys = ["CpoName"]
            if keys is not None:
                await self._ask_configuration(session, keys)

    async def _ask_configuration(self, session: StationSession, keys: list[str]) -> None:
        """GetConfiguration to the station that just connected (ChargePointConfigUpdater, >= 3.9.0)."""
        message_id = str(uuid.uuid4())
        future: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        session.pending[message_id] = future
        await self._send(session, [2, message_id, "GetConfiguration", {"key": keys}])
        answer = (await future).get("response")
        listed = answer.get("configurationKey") if isinstance(answer, dict) else None
        if self._system.era.has_configuration_json and isinstance(listed, list):
            values = {str(one["key"]): one.get("value") for one in listed if isinstance(one, dict) and "key" in one}
            await repository.update_charge_box_by_id(
                self._system.store, session.charge_box_id, ocpp_configuration=values
            )

    async def _ping(self, session: StationSession) -> None:
        while True:
            await asyncio.sleep(self._system.ping_interval_s)
            try:
                await session.ws.ping()
            except ClientConnectionError:
                self._log(session, "ERROR", "Ping error")
                return

    async def _receive(self, session: StationSession) -> WSMessage:
        while True:
            message = await session.ws.receive()
            if message.type is WSMsgType.TEXT:
                await self._on_text(session, str(message.data))
            elif message.type is WSMsgType.PING:
                await session.ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                with suppress(PoolTimeoutError, DBAPIError):
                    await repository.update_charge_box_by_id(
                        self._system.store,
                        session.charge_box_id,
                        last_heartbeat_timestamp=self._system.now(),
                    )
            elif message.type is WSMsgType.BINARY:
                await session.ws.close(code=1003, message=b"Binary messages not supported")
            else:
                return message

    async def _on_text(self, session: StationSession, text: str) -> None:
        if not text:
            self._log(
                session,
                "WARN",
                "Received empty text message. Will pretend this never happened.",
            )
            return
        self._log(session, "INFO", f"Received: {text}")
        try:
            message = json.loads(text)
        except ValueError:
            return
        if not isinstance(message, list) or len(message) < 3:
            return
        if message[0] == 2 and len(message) >= 4:
            await self._on_call(session, str(message[1]), str(message[2]), message[3])
        elif message[0] in (3, 4):
            future = session.pending.pop(str(message[1]), None)
            if future is not None and not future.done():
                future.set_result({"response": message[2]} if message[0] == 3 else {"error": message[2:]})

    async def _on_call(self, session: StationSession, message_id: str, action: str, payload: object) -> None:
        arguments = payload if isinstance(payload, dict) else {}
        try:
            answer = await answer_call(self._system, session.charge_box_id, session.protocol, action, arguments)
        except CallError as error:
            await self._send(session, [4, message_id, error.code, str(error), {}])
            return
        except (PoolTimeoutError, DBAPIError) as error:
            self._system.log_data_base_error(action, error)
            await self._send(session, [4, message_id, "InternalError", "", {}])
            return
        await self._send(session, [3, message_id, answer])
        if action == "BootNotification" and self._system.faults.on("close-after-boot"):
            await session.ws.close(code=1000)

    async def _send(self, session: StationSession, message: list[object]) -> None:
        text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        self._log(session, "INFO", f"Sending: {text}")
        await session.ws.send_str(text)

    def _forget(self, session: StationSession, last: WSMessage | None) -> None:
        sessions = self._sessions.get(session.charge_box_id, [])
        if session in sessions:
            sessions.remove(session)
        if not sessions:
            self._sessions.pop(session.charge_box_id, None)
        for future in session.pending.values():
            future.cancel()
        code = session.ws.close_code
        if last is not None and last.type is WSMsgType.CLOSE:
            reason = str(last.extra) if last.extra else "null"
            code = int(last.data)
        elif code is None or code == 1006:
            if self._system.era.abrupt_loss_is_transport_error:
                self._log(session, "ERROR", "Transport error")
            else:
                self._log(session, "WARN", "Connection ended unexpectedly")
            code, reason = 1006, "Session Closed"
        else:
            reason = "null"
        self._log(
            session,
            "WARN",
            f"Connection is closed, status: CloseStatus[code={code}, reason={reason}]",
        )

    def _log(self, session: StationSession, level: str, message: str) -> None:
        text = f"[chargeBoxId={session.charge_box_id}, sessionId={session.id}] {message}"
        self._system.log.write(level, logs.WEBSOCKET, text)
