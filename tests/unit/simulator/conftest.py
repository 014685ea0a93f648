# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small browser and charger for tests of the simulator itself."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import asyncio
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.simulator import Running, running_simulator


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


@dataclass
class Page:
    """An answer."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def token(self) -> str:
        """The first CSRF token in it."""
        match = re.search(r'name="_csrf" value="([^"]+)"', self.text)
        assert match is not None, self.text
        return match[1]


class Browser:
    """Follows no redirects, keeps cookies."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            _NoRedirect, urllib.request.HTTPCookieProcessor(self.cookies), urllib.request.ProxyHandler({})
        )

    def request(self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Page:
        request = urllib.request.Request(self.base + path, data=data, headers=headers or {}, method=method)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return Page(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode())

    def get(self, path: str, **headers: str) -> Page:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, str]) -> Page:
        return self.request("POST", path, urllib.parse.urlencode(fields).encode())

    def submit(self, path: str, fields: dict[str, str], *, page: str = "/manager/chargepoints/add") -> Page:
        """POST with a fresh token of ``page``."""
        return self.post(path, {**fields, "_csrf": self.get(page).token})

    def sign_in(self, username: str = "admin", password: str = "1234") -> Page:
        token = self.get("/manager/signin").token
        return self.post("/manager/signin", {"username": username, "password": password, "_csrf": token})

    @property
    def session_id(self) -> str | None:
        return next((cookie.value for cookie in self.cookies if cookie.name == "JSESSIONID"), None)


class Charger(ChargePoint):  # type: ignore[misc]
    """A charge box that accepts ClearCache and answers GetConfiguration."""

    def __init__(self, charge_box_id: str, connection: ClientConnection) -> None:
        super().__init__(charge_box_id, connection)
        self.calls: list[str] = []

    @on("ClearCache")  # type: ignore[untyped-decorator]
    def _clear_cache(self) -> call_result.ClearCache:
        self.calls.append("ClearCache")
        return call_result.ClearCache(status="Accepted")

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    def _get_configuration(self, **_kwargs: object) -> call_result.GetConfiguration:
        self.calls.append("GetConfiguration")
        key = {"key": "CpoName", "readonly": False, "value": "LabCPO"}
        return call_result.GetConfiguration(configuration_key=[key])

    async def boot(self) -> call_result.BootNotification:
        return await self.call(call.BootNotification(charge_point_model="M1", charge_point_vendor="V1"))

    async def __aenter__(self) -> Self:
        self._loop_task = asyncio.create_task(self._run())
        return self

    async def _run(self) -> None:
        try:
            await self.start()
        except ConnectionClosed:
            return

    async def __aexit__(self, *_args: object) -> None:
        await self._connection.close()
        await self._loop_task


async def charger(sim: Running, charge_box_id: str) -> Charger:
    """Connect a charge box; use the result as an async context manager."""
    connection = await connect(f"{sim.ws_url}/{charge_box_id}", subprotocols=["ocpp1.6"], proxy=None)  # type: ignore[list-item]
    return Charger(charge_box_id, connection)


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulators in background threads; all are stopped after the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running_simulator(**options))


@pytest.fixture
def browse() -> Callable[[Running], Browser]:
    """A browser for a simulator."""
    return lambda sim: Browser(sim.url)


@pytest.fixture
def connect_charger() -> Callable[[Running, str], Any]:
    """Connects a charger."""
    return charger
