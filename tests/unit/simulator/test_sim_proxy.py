# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faulty proxy: each mode loses or answers what it says."""

from __future__ import annotations

import asyncio
import base64
import http.client
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator import Running
from tests.simulator.faulty_proxy import MODES, running_proxy

Start = Callable[..., Running]
FULL = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Protocol": "ocpp1.6",
}
VERSION_GATE = {**FULL, "Sec-WebSocket-Version": "99"}
LAST_GATE = {**FULL, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Extensions": "permessage-deflate; foo=1"}
PATH = "/steve/websocket/CentralSystemService/CP1"


def ask(port: int, headers: dict[str, str], path: str = PATH) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def sim(start: Start) -> Running:
    return start(release="3.14.1", charge_boxes=["CP1", "SP1:Accepted:1:station-pass-0001"])


@pytest.mark.parametrize(
    ("mode", "version_gate", "last_gate"),
    [
        ("ok", 426, 302),
        ("strip-upgrade", 400, 400),
        ("strip-connection", 400, 400),
        ("strip-upgrade-and-connection", 400, 400),
        ("http10", 426, 200),
        ("bare", 400, 400),
        ("constant-connection", 426, 302),
        ("strip-extensions", 426, 101),
        ("wrong-path", 404, 404),
    ],
)
def test_gates_show_what_was_lost(mode: str, version_gate: int, last_gate: int, sim: Running) -> None:
    with running_proxy(mode, f"127.0.0.1:{sim.port}") as proxy:
        status, headers, _body = ask(proxy.port, VERSION_GATE)
        assert (status, headers["server"]) == (version_gate, "nginx/1.22.1")
        assert ask(proxy.port, LAST_GATE)[0] == last_gate


@pytest.mark.parametrize(
    ("mode", "status", "header"),
    [
        ("no-route", 404, None),
        ("bad-gateway", 502, None),
        ("login-302", 302, ("location", "https://login.example.net/")),
        ("login-200", 200, ("content-type", "text/html")),
        ("login-401", 401, ("www-authenticate", "Basic realm=")),
        ("redirect-https", 301, ("location", "https://localhost/steve/")),
    ],
)
def test_own_answers_look_like_nginx(mode: str, status: int, header: tuple[str, str] | None) -> None:
    with running_proxy(mode, "127.0.0.1:1") as proxy:
        got, headers, body = ask(proxy.port, {"Host": "localhost"})
    assert (got, headers["server"], "<html" in body) == (status, "nginx/1.22.1", True)
    if header is not None:
        assert headers[header[0]].startswith(header[1])
    if mode not in ("login-200",):
        assert f"<title>{status} " in body


def test_dead_upstream_is_a_bad_gateway() -> None:
    with running_proxy("ok", "127.0.0.1:1") as proxy:
        assert ask(proxy.port, {})[0] == 502


def test_authorization_is_lost(sim: Running) -> None:
    basic = base64.b64encode(b"SP1:station-pass-0001").decode()
    headers = {"Sec-WebSocket-Protocol": "ocpp1.6", "Authorization": f"Basic {basic}"}
    path = PATH.replace("CP1", "SP1")
    found = {}
    for mode in ("ok", "strip-authorization"):
        with running_proxy(mode, f"127.0.0.1:{sim.port}") as proxy:
            found[mode] = ask(proxy.port, headers, path)[0]
    assert found == {"ok": 400, "strip-authorization": 401}


def test_silent_accepts_and_never_answers() -> None:
    with (
        running_proxy("silent", "127.0.0.1:1") as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), 1) as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_slow_waits_before_forwarding(sim: Running) -> None:
    with running_proxy("slow", f"127.0.0.1:{sim.port}", delay_s=0.2) as proxy:
        begun = time.monotonic()
        assert ask(proxy.port, {"Sec-WebSocket-Protocol": "ocpp1.6"})[0] == 400
        assert time.monotonic() - begun >= 0.2


def test_session_runs_through_the_proxy(sim: Running, connect_charger: Any) -> None:
    async def scenario(port: int) -> str:
        behind = Running(sim.url, sim.ws_url.replace(f":{sim.port}/", f":{port}/"), port, sim.control)
        async with await connect_charger(behind, "CP1") as charger:
            return str((await charger.boot()).status)

    with running_proxy("ok", f"127.0.0.1:{sim.port}") as proxy:
        assert asyncio.run(scenario(proxy.port)) == "Accepted"


def test_connection_is_kept_open() -> None:
    with running_proxy("no-route", "127.0.0.1:1") as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        for _count in range(3):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (404, "keep-alive")
            answer.read()
        connection.close()


def test_unknown_mode_is_told() -> None:
    with pytest.raises(ValueError, match="unknown mode 'x'"), running_proxy("x", "127.0.0.1:1"):
        pass
    assert "ok" in MODES
