# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small HTTP proxy with faults, for places where no nginx is at hand.

It forwards requests to one upstream and loses what badly configured proxies lose: Upgrade, Connection, Authorization,
Sec-WebSocket-Extensions, HTTP/1.1. Other modes answer by themselves: no route, login wall, bad gateway, redirect,
silence, any page or bare status. It speaks TLS to its clients when it is given a certificate.
Answers look like nginx 1.22's; what nginx does to requests and answers was seen live (recordings of kind ``I``).

``python -m tests.simulator.faulty_proxy --mode http10 --listen 8080 --upstream 127.0.0.1:8180``
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, Self

SERVER = "nginx/1.22.1"
HEAD_LIMIT = 65_536
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Mode:
    """What the proxy does to requests."""

    http11: bool = True
    upgrade: bool = True
    """Forward the Upgrade header."""
    connection: Literal["map", "upgrade", "close"] = "map"
    """Connection towards the upstream: upgrade if the client sent Upgrade and else close, always upgrade, or close."""
    lost: frozenset[str] = frozenset()
    """Further request headers (lower case) that are not forwarded."""
    host: Literal["client", "upstream"] = "client"
    added: tuple[tuple[str, str], ...] = ()
    """Headers added towards the upstream."""
    path_prefix: str = ""
    """Put before the path towards the upstream (a wrong path)."""
    answer: Literal[
        "",
        "no-route",
        "login-302",
        "login-200",
        "login-401",
        "bad-gateway",
        "redirect-https",
        "silent",
        "page",
        "bare",
    ] = ""
    """Answer without asking the upstream; ``page`` and ``bare`` (no body) with ``status``."""
    status: int = 404
    only: str = ""
    """Answer by itself only where this stands in the path, and forward the rest."""
    delay_s: float = 0.0


MODES: dict[str, Mode] = {
    "ok": Mode(),
    "strip-upgrade": Mode(upgrade=False, connection="upgrade"),
    "strip-connection": Mode(connection="close"),
    "strip-upgrade-and-connection": Mode(upgrade=False, connection="close"),
    "strip-authorization": Mode(lost=frozenset({"authorization"})),
    "strip-subprotocol": Mode(lost=frozenset({"sec-websocket-protocol"})),
    "strip-extensions": Mode(lost=frozenset({"sec-websocket-extensions"})),
    "http10": Mode(http11=False),
    "bare": Mode(http11=False, upgrade=False, connection="close", host="upstream"),
    "constant-connection": Mode(connection="upgrade"),
    "wrong-path": Mode(path_prefix="/wrong"),
    "no-route": Mode(answer="no-route"),
    "login-302": Mode(answer="login-302"),
    "login-200": Mode(answer="login-200"),
    "login-401": Mode(answer="login-401"),
    "bad-gateway": Mode(answer="bad-gateway"),
    "redirect-https": Mode(answer="redirect-https"),
    "silent": Mode(answer="silent"),
    "forbidden": Mode(answer="page", status=403),
    "too-large": Mode(answer="page", status=413),
    "too-many": Mode(answer="page", status=429),
    "server-error": Mode(answer="page", status=500),
    "unavailable": Mode(answer="page", status=503),
    "gateway-timeout": Mode(answer="page", status=504),
    "bare-404": Mode(answer="bare", status=404),
    "no-route-websocket": Mode(answer="no-route", only="/websocket/"),
    "login-302-websocket": Mode(answer="login-302", only="/websocket/"),
    "login-200-websocket": Mode(answer="login-200", only="/websocket/"),
    "login-401-websocket": Mode(answer="login-401", only="/websocket/"),
    "gateway-timeout-websocket": Mode(answer="page", status=504, only="/websocket/"),
    "tell-scheme": Mode(added=(("X-Forwarded-Proto", "https"),), lost=frozenset({"x-forwarded-proto"})),
    "slow": Mode(delay_s=3.0),
}
"""The modes by name; ``ok`` forwards everything right."""


@dataclass
class Message:
    """The head of a request or an answer."""

    start: list[str]
    headers: Headers = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class FaultyProxy:
    """The proxy as an async context manager; ``port`` is known once it was entered."""

    def __init__(
        self,
        mode: str | Mode,
        upstream: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        delay_s: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``upstream``: ``HOST:PORT``. ``delay_s`` replaces the mode's delay. ``tls``: certificate for the clients.

        Raises ValueError for an unknown mode.
        """
        self._tls = tls
        if isinstance(mode, str):
            if mode not in MODES:
                raise ValueError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
            mode = MODES[mode]
        self.mode = mode if delay_s is None else replace(mode, delay_s=delay_s)
        upstream_host, _colon, upstream_port = upstream.rpartition(":")
        self._upstream = (upstream_host, int(upstream_port))
        self._host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()
        self.requests: list[str] = []
        """Request lines seen so far."""

    @property
    def url(self) -> str:
        """Where to find it."""
        return f"http://{self._host}:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self.port, limit=HEAD_LIMIT, ssl=self._tls)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ValueError,
        ):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; returns whether the connection stays open."""
        request = await _read_head(reader)
        if request is None:
            return False
        self.requests.append(" ".join(request.start))
        keep = request.start[2] == "HTTP/1.1" and (request.get("Connection") or "").lower() != "close"
        body = await reader.readexactly(int(request.get("Content-Length") or 0))
        if self.mode.delay_s:
            await asyncio.sleep(self.mode.delay_s)
        if self.mode.answer and self.mode.only in request.start[1]:
            return await self._answer(request, writer, keep=keep)
        return await self._forward(request, body, reader, writer, keep=keep)

    async def _answer(self, request: Message, writer: asyncio.StreamWriter, *, keep: bool) -> bool:
        host = (request.get("Host") or self._host).partition(":")[0]
        answer = self.mode.answer
        if answer == "silent":
            await asyncio.Event().wait()
        if answer == "no-route":
            _page(writer, 404, keep=keep)
        elif answer == "bad-gateway":
            _page(writer, 502, keep=keep)
        elif answer == "page":
            _page(writer, self.mode.status, keep=keep)
        elif answer == "bare":
            _write(writer, self.mode.status, [], b"", keep=keep)
        elif answer == "redirect-https":
            _page(
                writer,
                301,
                keep=keep,
                extra=[("Location", f"https://{host}{request.start[1]}")],
            )
        elif answer == "login-302":
            _page(
                writer,
                302,
                keep=keep,
                extra=[
                    (
                        "Location",
                        f"https://login.example.net/oauth2/sign_in?rd={request.start[1]}",
                    )
                ],
            )
        elif answer == "login-401":
            _page(
                writer,
                401,
                keep=keep,
                extra=[("WWW-Authenticate", 'Basic realm="Restricted"')],
            )
        else:
            form = '<form method="post"><input name="user"><input name="password" type="password"></form>'
            body = f"<!doctype html><html><head><title>Sign in</title></head><body>{form}</body></html>"
            _write(writer, 200, [("Content-Type", "text/html")], body.encode(), keep=keep)
        await writer.drain()
        return keep

    def _upstream_request(self, request: Message) -> bytes:
        mode = self.mode
        method, path = request.start[0], mode.path_prefix + request.start[1]
        lines = [f"{method} {path} HTTP/{'1.1' if mode.http11 else '1.0'}"]
        authority = f"{self._upstream[0]}:{self._upstream[1]}"
        client_host = (request.get("Host") or authority).partition(":")[0]
        lines.append(f"Host: {authority if mode.host == 'upstream' else client_host}")
        lines += [f"{name}: {value}" for name, value in mode.added]
        upgrade = request.get("Upgrade")
        if mode.upgrade and upgrade:
            lines.append(f"Upgrade: {upgrade}")
        wants_upgrade = mode.connection == "upgrade" or (mode.connection == "map" and bool(upgrade))
        lines.append(f"Connection: {'upgrade' if wants_upgrade else 'close'}")
        lost = HOP_BY_HOP | mode.lost | {"host"}
        # nginx leaves out headers with an empty value only when it sets them itself.
        lines += [f"{name}: {value}" for name, value in request.headers if name.lower() not in lost]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _forward(
        self,
        request: Message,
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        keep: bool,
    ) -> bool:
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream, limit=HEAD_LIMIT)
        except OSError:
            _page(writer, 502, keep=keep)
            await writer.drain()
            return keep
        try:
            up_writer.write(self._upstream_request(request) + body)
            await up_writer.drain()
            answer = await _read_head(up_reader)
            if answer is None:
                _page(writer, 502, keep=keep)
                await writer.drain()
                return keep
            status = int(answer.start[1])
            headers = self._client_headers(request, answer)
            if status == 101:
                headers = [("Upgrade", answer.get("Upgrade") or "websocket"), *headers]
                writer.write(_head(status, headers, connection="upgrade"))
                await _tunnel(reader, writer, up_reader, up_writer)
                return False
            content = b"" if request.start[0] == "HEAD" or status in (204, 304) else await _read_body(answer, up_reader)
            headers = [one for one in headers if one[0].lower() != "content-length"]
            _write(writer, status, headers, content, keep=keep)
            await writer.drain()
            return keep
        finally:
            up_writer.close()
            with suppress(OSError):
                await up_writer.wait_closed()

    def _client_headers(self, request: Message, answer: Message) -> Headers:
        """Headers of the upstream without its own; redirects to the upstream itself are rewritten (proxy_redirect)."""
        headers = [one for one in answer.headers if one[0].lower() not in HOP_BY_HOP | {"server", "date"}]
        base = f"http://{self._upstream[0]}:{self._upstream[1]}/"
        host = (request.get("Host") or self._host).partition(":")[0]
        return [
            (name, f"http://{host}:{self.port}/{value[len(base) :]}")
            if name.lower() == "location" and value.startswith(base)
            else (name, value)
            for name, value in headers
        ]


async def _read_head(reader: asyncio.StreamReader) -> Message | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *rest = raw.decode("latin-1")[:-4].split("\r\n")
    message = Message(first.split(" ", 2))
    for line in rest:
        name, _colon, value = line.partition(":")
        message.headers.append((name, value.strip()))
    return message


async def _read_body(answer: Message, reader: asyncio.StreamReader) -> bytes:
    length = answer.get("Content-Length")
    if length is not None:
        return await reader.readexactly(int(length))
    if (answer.get("Transfer-Encoding") or "").lower() != "chunked":
        return await reader.read(-1)
    content = b""
    while size := int((await reader.readline()).partition(b";")[0], 16):
        content += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return content


def _head(status: int, headers: Headers, *, connection: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Server: {SERVER}",
        f"Date: {formatdate(usegmt=True)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"Connection: {connection}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _write(
    writer: asyncio.StreamWriter,
    status: int,
    headers: Headers,
    body: bytes,
    *,
    keep: bool,
) -> None:
    headers = [*headers, ("Content-Length", str(len(body)))]
    writer.write(_head(status, headers, connection="keep-alive" if keep else "close") + body)


def _page(
    writer: asyncio.StreamWriter,
    status: int,
    *,
    keep: bool,
    extra: Headers | None = None,
) -> None:
    """nginx's own page for a status."""
    reasons = {301: "Moved Permanently", 302: "Found", 401: "Authorization Required"}
    title = f"{status} {reasons.get(status) or HTTPStatus(status).phrase}"
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>{SERVER}</center>\r\n</body>\r\n</html>\r\n"
    )
    _write(
        writer,
        status,
        [("Content-Type", "text/html"), *(extra or [])],
        body.encode(),
        keep=keep,
    )


async def _tunnel(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    up_reader: asyncio.StreamReader,
    up_writer: asyncio.StreamWriter,
) -> None:
    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()

    tasks = [
        asyncio.create_task(pump(reader, up_writer)),
        asyncio.create_task(pump(up_reader, writer)),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def running_proxy(mode: str | Mode, upstream: str, **options: Any) -> Iterator[FaultyProxy]:
    """Run the proxy in a background thread while the block runs."""
    proxy = FaultyProxy(mode, upstream, **options)
    ready = threading.Event()
    box: dict[str, Any] = {}

    async def main() -> None:
        box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with proxy:
                ready.set()
                await box["stop"].wait()
        except OSError as error:
            box["error"] = error
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="faulty-proxy", daemon=True)
    thread.start()
    ready.wait()
    if "error" in box:
        thread.join()
        raise box["error"]
    try:
        yield proxy
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)


async def _run(mode: str, host: str, port: int, upstream: str, delay_s: float | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with FaultyProxy(mode, upstream, host=host, port=port, delay_s=delay_s) as proxy:
        print(f"listening on {proxy.port}", flush=True)
        await stop.wait()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator.faulty_proxy",
        description="A proxy with faults.",
    )
    parser.add_argument("--mode", required=True, choices=sorted(MODES))
    parser.add_argument(
        "--listen",
        required=True,
        metavar="[HOST:]PORT",
        help="where to listen; port 0 for any",
    )
    parser.add_argument("--upstream", required=True, metavar="HOST:PORT")
    parser.add_argument("--delay-s", type=float, help="seconds before every answer")
    given = parser.parse_args()
    host, _colon, port = given.listen.rpartition(":")
    asyncio.run(_run(given.mode, host or "127.0.0.1", int(port), given.upstream, given.delay_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())
