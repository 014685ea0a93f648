# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Life of a simulator: start as the release does, bind, serve, stop; in a test, a thread or a process."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from . import repository
from .application import build_application
from .central import CentralSystem
from .config import resolve
from .control import Control, control_application
from .eras import era_of
from .faults import Faults, FaultValue
from .logins import HttpSessions
from .logs import SteveLog
from .passwords import hash_password
from .responses import PAGE_TYPE
from .sessions import Stations
from .startup import Startup
from .store import Store, UnusableDataBaseError

MEMORY = "sqlite+aiosqlite://"


@dataclass(frozen=True)
class ChargeBox:
    """A charge box to have in the data base at start."""

    id: str
    status: str = "Accepted"
    profile: int = 0
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> ChargeBox:
        """From ``ID[:status[:profile[:password]]]``; raises ValueError when the profile is not a number."""
        charge_box_id, *rest = text.split(":", 3)
        status = rest[0] if rest and rest[0] else "Accepted"
        profile = int(rest[1]) if len(rest) > 1 and rest[1] else 0
        return cls(charge_box_id, status, profile, rest[2] if len(rest) > 2 else None)


@dataclass(frozen=True)
class Options:
    """How to start a simulator. Times in seconds."""

    release: str = "3.14.1"
    host: str = "127.0.0.1"
    port: int = 0
    context: str = "steve"
    db: str | None = None
    """SQLAlchemy URL; None: ``db.*`` properties if given, else SQLite in memory."""
    charge_boxes: tuple[ChargeBox, ...] = ()
    main_properties: Path | None = None
    system_properties: Mapping[str, str] = field(default_factory=dict)
    """-D definitions."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """The environment that SteVe sees."""
    control_port: int | None = 0
    control_host: str = "127.0.0.1"
    faults: Mapping[str, FaultValue] = field(default_factory=dict)
    log_file: Path | None = None
    console: TextIO | None = None
    """Where log lines go besides the file; None: nowhere."""
    banner: TextIO | None = None
    """Where the texts go that a release prints outside its log; None: nowhere."""
    migrations_s: float = 0.0
    pool_timeout_s: float = 30.0
    db_wait_s: float = 60.0
    ping_interval_s: float = 900.0
    bcrypt_rounds: int = 10
    tls: ssl.SSLContext | None = None
    """SteVe's own TLS (>= 3.9.0: one connector for everything). A client's certificate counts for security profile 3;
    the context must ask for one, as SteVe does by default (client-auth: want)."""


class StartError(Exception):
    """The simulated release gave up at start; its lines are written. ``rc`` is the exit code."""

    def __init__(self, kind: str, rc: int) -> None:
        super().__init__(f"the simulated release gave up at start: {kind}")
        self.kind = kind
        self.rc = rc


class _NamelessResponse(web.Response):
    """A response without the Server header that aiohttp adds (unparsable requests pass no signal that could do it)."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Server", None)


class _JettyLike(RequestHandler):
    """aiohttp's protocol, answering unparsable requests as Jetty does, without naming itself."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        del request, message
        if exc is not None and status >= 500:
            self.log_exception("the simulator failed to answer", exc_info=exc)
        reason = "Illegal character" if status == 400 else "Server Error"
        if isinstance(exc, LineTooLong):
            # Jetty takes 8 KiB.
            status, reason = 414, "URI Too Long"
        body = f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"
        response = _NamelessResponse(status=status, body=body.encode(), headers={"Content-Type": PAGE_TYPE})
        response.force_close()
        return response


class Simulator:
    """One simulated SteVe: ``async with Simulator(release="3.14.1") as s: … s.url … s.control``."""

    def __init__(self, options: Options | None = None, **overrides: Any) -> None:
        """``overrides``: fields of Options. ``charge_boxes`` may hold texts ``ID[:status[:profile[:password]]]``."""
        if "charge_boxes" in overrides:
            overrides["charge_boxes"] = tuple(
                ChargeBox.parse(one) if isinstance(one, str) else one for one in overrides["charge_boxes"]
            )
        base = options or Options()
        self.options = Options(**{**base.__dict__, **overrides})
        self.stopped = asyncio.Event()
        self._runners: list[web.AppRunner] = []
        self._listener: asyncio.Server | None = None
        self._begun = time.monotonic()
        self.control_port: int | None = None
        self.port = 0
        self.system: CentralSystem
        self.control: Control

    @property
    def url(self) -> str:
        """Base URL with the context path."""
        return f"http://{_dialable(self.options.host)}:{self.port}{self.system.context}"

    @property
    def ws_url(self) -> str:
        """WebSocket URL without the charge box id."""
        return f"ws://{_dialable(self.options.host)}:{self.port}{self.system.context}/websocket/CentralSystemService"

    @property
    def control_url(self) -> str:
        """URL of the control port."""
        return f"http://{_dialable(self.options.control_host)}:{self.control_port}"

    async def start(self) -> None:
        """Start as the release does. Raises StartError when the simulated release would give up."""
        options = self.options
        faults = Faults()
        for name, value in options.faults.items():
            await faults.set(name, value)
        self.system = system = self._build(faults)
        startup = Startup(system, options.banner)
        self.control = Control(system, self.stopped.set)
        if options.control_port is not None:
            await self._open_control_port(options.control_port)
        try:
            await self._wait_for_data_base()
            startup.migrations()
            await asyncio.sleep(options.migrations_s)
            startup.migrations_done()
            startup.begin()
            await system.store.start()
            await self._prepare_rows()
            await self._bind()
        except UnusableDataBaseError as failure:
            startup.failed(failure)
            await self.close()
            raise StartError(failure.kind, system.era.start_failure_rc) from failure
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            startup.port_taken()
            await self.close()
            raise StartError("port-taken", system.era.start_failure_rc) from error
        startup.started(time.monotonic() - self._begun)

    def _build(self, faults: Faults) -> CentralSystem:
        options = self.options
        era = era_of(options.release)
        content = None
        if options.main_properties is not None:
            content = options.main_properties.read_text("utf-8")
        properties = resolve(
            era,
            main_properties=content,
            source=None if options.main_properties is None else str(options.main_properties),
            system=options.system_properties,
            environ=options.environ,
        )
        url = options.db or properties.db_url() or MEMORY
        store = Store(url, era, faults, pool_timeout_s=options.pool_timeout_s)
        log = SteveLog(era, faults.now, console=options.console, file=options.log_file)
        context = "/" + options.context.strip("/")
        system = CentralSystem(
            era,
            context,
            properties,
            store,
            log,
            faults,
            host=options.host,
            port=options.port,
            docker_profile=options.log_file is None,
            ping_interval_s=options.ping_interval_s,
            bcrypt_rounds=options.bcrypt_rounds,
        )
        system.logins = HttpSessions(csrf_masked=era.csrf_masked)
        system.stations = Stations(system)
        return system

    async def _wait_for_data_base(self) -> None:
        """As the container's dockerize does: wait for the data base's TCP port."""
        url = self.system.store.url
        if self.system.store.is_sqlite or url.host is None:
            return
        deadline = time.monotonic() + self.options.db_wait_s
        while time.monotonic() < deadline:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    _reader, writer = await asyncio.open_connection(url.host, url.port or 3306)
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
                return
            await asyncio.sleep(0.25)

    async def _prepare_rows(self) -> None:
        system = self.system
        for box in self.options.charge_boxes:
            if await repository.find_charge_box(system.store, box.id) is None:
                await self.control.add_charge_box(
                    box.id,
                    status=box.status,
                    profile=box.profile,
                    password=box.password,
                )
        if system.era.users_in_database and not await repository.has_admin(system.store):
            user, password = (
                system.properties.get("auth.user"),
                system.properties.get("auth.password"),
            )
            value = system.properties.get("webapi.value")
            await repository.create_first_admin(
                system.store,
                user,
                await hash_password(password, system.bcrypt_rounds),
                await hash_password(value, system.bcrypt_rounds) if value else None,
            )

    async def _bind(self) -> None:
        runner = web.AppRunner(build_application(self.system), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        self._runners.append(runner)
        server = runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        timeout_s = self.system.era.http_idle_timeout_s

        def protocol() -> RequestHandler:
            return _JettyLike(
                server,
                loop=loop,
                keepalive_timeout=timeout_s,
                access_log=cast(logging.Logger, None),
            )

        self._listener = await loop.create_server(
            protocol, self.options.host, self.options.port, reuse_address=True, ssl=self.options.tls
        )
        self.port = self.system.port = int(self._listener.sockets[0].getsockname()[1])

    async def _open_control_port(self, port: int) -> None:
        runner = web.AppRunner(control_application(self.control), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self.options.control_host, port).start()
        self.control_port = int(runner.addresses[0][1])

    async def close(self) -> None:
        """Stop serving, close sessions and the data base."""
        await self.system.faults.clear()
        if self._listener is not None:
            self._listener.close()
        await self.system.stations.shutdown()
        for runner in reversed(self._runners):
            await runner.cleanup()
        self._runners.clear()
        await self.system.store.close()
        self.system.log.close()
        self.stopped.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _dialable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "") else host
