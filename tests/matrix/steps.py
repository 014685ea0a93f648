# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vocabulary of rows.yml: what each step does to a real stack.

==============  =====================================================================================================
compose         ``[stop, app]``: docker compose with these words
docker          ``[kill, "@app@"]``: the docker client with these words
target          ``[nginx, -s, quit]``: a command on the SteVe host
sql             a statement in SteVe's data base, as its root
control         ``{method: set_fault, name: freeze}``: the simulator's control port
env_file        ``{KEY: value}``: further lines of the app's env file; ``{}`` is the original again
override        a second compose file (a mapping, or its text), applied to the app
knobs           ``{SIM_…: value}``: further environment of the simulator, applied
wait            ``{app: exited|healthy|looping}``
healthy         ``[db, app]``: what the project's files say is applied, and is up and well
pause           seconds
nginx           changes to the public site (see Site), written and loaded; ``good`` is the original again
register        a charge box: ``{charge_box_id: …, status: …, profile: …, password: …}``
unregister      a charge box's id
sessions        ``{box: …, count: N, say: [boot, heartbeat]}``: sessions that end, one after the other;
                ``refused: true`` where SteVe lets none begin
connected       ``{box: …, count: N, say: […], via: direct|proxy}``: sessions that stay open until the row is undone
listener        ``silent`` (never answers) or ``full`` (its queue is full) on this machine, at ``@listener@``
squatter        ``app``: another container takes the app's published port
program         ``app``: a program of this machine takes it
moved           the app comes back with another address in the compose network
==============  =====================================================================================================
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests import certificates
from tests.matrix.rows import Step
from tests.stack import nginx
from tests.stack.cleanup import LABEL
from tests.stack.project import PUBLIC_NAME, Stack
from tests.stack.shell import StackError

MESSAGES = {
    "boot": '[2,"b1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]',
    "heartbeat": '[2,"h1","Heartbeat",{}]',
}
DEADLINE_S = 90.0


@dataclass
class Site:
    """The public server block as far as rows change it.

    Attributes:
        without: what the WebSocket location lacks (tests/stack/nginx.py).
        upstream: ``host:port`` of the WebSocket location, None for the app.
        extra: further directives of the WebSocket location.
        websocket: the WebSocket location itself, None for the usual one, empty for none.
        pages: the location of everything else, None for the usual one.
        only: the only content of the server block.
        before: text before the server block.
        after: text after it.
        tls: ``{names, begins, ends (days from now), chain: full|leaf|self-signed, store: own|other, directives}``.
        resolve: whether the app's name is looked up again and again, None for what the stack's mode wants.
    """

    without: list[str] = field(default_factory=list)
    upstream: str | None = None
    extra: str = ""
    websocket: str | None = None
    pages: str | None = None
    only: str | None = None
    before: str = ""
    after: str = ""
    tls: dict[str, Any] | None = None
    resolve: bool | None = None


class Bench:
    """A stack under a row: what was changed so far, and what has to end with the row."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.site = Site()
        self.life = ExitStack()
        self.listener = 9
        self.moved = False
        self._knobs_before = dict(stack.knobs)

    # -- what rows may name ------------------------------------------------------------------------------------

    def names(self) -> dict[str, str]:
        """What stands for ``@name@`` in rows.yml."""
        stack = self.stack
        return {
            "app_port": str(stack.app_port),
            "proxy_port": str(stack.proxy_port),
            "listen": stack.listen,
            "listener": str(self.listener),
            "url": stack.url,
            "proxy_ws_url": stack.proxy_ws_url,
            "public_wss_url": stack.public_ws_url.replace("ws:", "wss:"),
            "proxy_pass": nginx.proxy_pass(stack.upstream, resolve=stack.mode == "network"),
            "chargers_pem": str(stack.directory / "chargers.pem"),
            "python": sys.executable,
            "needs_become": "true" if os.geteuid() else "false",
        }

    def filled(self, value: Any) -> Any:
        """A value of rows.yml with every ``@name@`` replaced. KeyError: a name that is none."""
        if isinstance(value, str):
            return re.sub("@([a-z_]+)@", lambda found: self.names()[found[1]], value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        return {key: self.filled(item) for key, item in value.items()} if isinstance(value, dict) else value

    def apply(self, steps: tuple[Step, ...]) -> None:
        """Do these steps in order. Raises StackError."""
        for step in steps:
            ((kind, argument),) = step.items()
            do: Callable[[Any], None] = getattr(self, f"_{kind}")
            do(self.filled(argument))

    def end(self) -> None:
        """End what lives in this process or beside the project; calling it again does no harm."""
        self.life.close()
        self.moved = False
        self.listener = 9

    def mend(self) -> None:
        """Bring everything back, whatever was done. Raises StackError."""
        self.end()
        stack = self.stack
        for service in ("db", "app"):
            stack.compose("unpause", service, check=False)
        (stack.directory / "docker-compose.override.yml").unlink(missing_ok=True)
        stack.knobs = dict(self._knobs_before)
        stack.write_project()
        self._healthy(["db", "app"])
        self.site = Site()
        self._load()

    # -- containers --------------------------------------------------------------------------------------------

    def _compose(self, words: list[str]) -> None:
        # A busy container cannot always be frozen at once; `up` may be meant to fail.
        for _attempt in range(4 if words[0] == "pause" else 1):
            done = self.stack.compose(*words, check=False)
            if done.returncode == 0 or words[0] == "up":
                return
        raise StackError(f"docker compose {' '.join(words)}: {done.stderr.strip()[-300:]}")

    def _docker(self, words: list[str]) -> None:
        self.stack.engine.docker(*words)

    def _target(self, words: list[str]) -> None:
        self.stack.in_target(*words)

    def _sql(self, statement: str) -> None:
        self.stack.sql(statement)

    def _control(self, arguments: dict[str, Any]) -> None:
        given = dict(arguments)
        self.stack.control(given.pop("method"), **given)

    def _env_file(self, changed: Mapping[str, str]) -> None:
        values = {**self.stack.app_env, **changed}
        self.stack.write_env_file("".join(f"{key}={value}\n" for key, value in values.items()))

    def _override(self, content: Any) -> None:
        file = self.stack.directory / "docker-compose.override.yml"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        self.stack.compose("up", "--detach", "--no-deps", "app", check=False)

    def _knobs(self, knobs: dict[str, str]) -> None:
        self.stack.knobs |= knobs
        self.stack.write_project()
        self.stack.compose("up", "--detach", "--no-deps", "app")

    def _inspected(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.stack.engine.docker("inspect", self.stack.container(service)).stdout
        )[0]
        return found

    def _wait(self, wanted: dict[str, str]) -> None:
        ((service, state),) = wanted.items()
        conditions: dict[str, Callable[[dict[str, Any]], bool]] = {
            "exited": lambda seen: seen["State"]["Status"] == "exited",
            "healthy": lambda seen: seen["State"].get("Health", {}).get("Status") == "healthy",
            "looping": lambda seen: seen["RestartCount"] >= 3,
        }
        until(lambda: conditions[state](self._inspected(service)), f"{service} is {state}")

    def _healthy(self, services: list[str]) -> None:
        end = time.monotonic() + DEADLINE_S
        for service in services:
            while True:
                try:
                    self.stack.wait_healthy(service)
                    break
                except StackError:
                    # Compose gives up at once on a container that is still marked unhealthy.
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.5)

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)

    # -- nginx -------------------------------------------------------------------------------------------------

    def _nginx(self, change: Any) -> None:
        given: dict[str, Any] = {"good": True} if change == "good" else dict(change)
        reload = given.pop("reload", True)
        if given.pop("good", False):
            self.site = Site()
        for key, value in given.items():
            if key == "without":
                self.site.without += value
            else:
                setattr(self.site, key, value)
        self._load(reload=reload)

    def _load(self, *, reload: bool = True) -> None:
        before = self._loads() if reload else 0
        self.stack.nginx(self._text(), reload=reload)
        if self.site == Site():
            self.stack.in_target("sh", "-c", "rm -f /etc/nginx/steve-*")
        if reload and before:
            # nginx tells at once that it was asked; the old workers close their ports a moment later.
            until(lambda: self._loads() > before, "nginx has loaded its files")

    def _loads(self) -> int:
        """The newest process of nginx; the workers of a new configuration have higher numbers."""
        listed = self.stack.in_target("pgrep", "-n", "-f", "nginx: worker process$", check=False).stdout.split()
        return int(listed[0]) if listed else 0

    def _text(self) -> str:
        stack, site = self.stack, self.site
        resolve = (stack.mode == "network") if site.resolve is None else site.resolve
        plain = ("upgrade", "connection", "timeouts")
        pages, for_sockets = site.pages, site.websocket
        if pages is None:
            pages = nginx.location("/", stack.upstream, resolve=resolve, without=plain)
        if for_sockets is None:
            there = site.upstream or stack.upstream
            again = resolve and site.upstream is None
            for_sockets = nginx.location(
                "/steve/websocket/", there, resolve=again, without=site.without, extra=site.extra
            )
        parts = [pages, for_sockets] if site.only is None else [site.only]
        tls = [] if site.tls is None else self._tls(site.tls)
        listen = stack.listen if site.tls is None else f"{stack.listen} ssl"
        block = nginx.server(listen, *tls, *parts, name=PUBLIC_NAME)
        return "\n".join(part for part in (site.before, block, site.after) if part)

    def _tls(self, wanted: Mapping[str, Any]) -> list[str]:
        """The directives of a certificate, which is made now; the chargers' store is written beside the project."""
        now = certificates.today()
        root = certificates.authority("Matrix Root")
        between = certificates.authority("Matrix Intermediate", root)
        chain = wanted.get("chain", "full")
        dates: dict[str, Any] = {key: now + timedelta(days=wanted[key]) for key in ("begins", "ends") if key in wanted}
        names = wanted.get("names", [PUBLIC_NAME, "127.0.0.1"])
        leaf = certificates.server(None if chain == "self-signed" else between, *names, **dates)
        presented = [leaf, between] if chain == "full" else [leaf]
        store = certificates.authority("Another Root") if wanted.get("store") == "other" else root
        (self.stack.directory / "chargers.pem").write_text(store.pem)
        self.stack.write_in_target("/etc/nginx/tls.crt", "".join(item.pem for item in presented))
        self.stack.write_in_target("/etc/nginx/tls.key", leaf.key_pem)
        lines = {
            "ssl_certificate": "/etc/nginx/tls.crt", "ssl_certificate_key": "/etc/nginx/tls.key",
            **wanted.get("directives", {}),
        }  # fmt: skip
        return [f"{name} {value};" for name, value in lines.items()]

    # -- charge boxes ------------------------------------------------------------------------------------------

    def _register(self, box: dict[str, Any]) -> None:
        self.stack.control("add_charge_box", **box)

    def _unregister(self, charge_box_id: str) -> None:
        self.stack.control("delete_charge_box", charge_box_id=charge_box_id)

    def _session(self, box: str, via: str) -> ClientConnection:
        url = self.stack.ws_url if via == "direct" else self.stack.proxy_ws_url
        return connect(
            f"{url}/{box}", subprotocols=[Subprotocol("ocpp1.6")], proxy=None, ping_interval=None, compression=None
        )

    def _sessions(self, wanted: dict[str, Any]) -> None:
        for _index in range(wanted["count"]):
            try:
                with self._session(wanted["box"], wanted.get("via", "direct")) as open_session:
                    _say(open_session, wanted.get("say", []))
            except InvalidStatus:
                if not wanted.get("refused"):
                    raise
            else:
                if wanted.get("refused"):
                    raise StackError(f"SteVe let {wanted['box']} in.")

    def _connected(self, wanted: dict[str, Any]) -> None:
        for _index in range(wanted.get("count", 1)):
            session = self.life.enter_context(self._session(wanted["box"], wanted.get("via", "direct")))
            _say(session, wanted.get("say", []))

    # -- ports and addresses -----------------------------------------------------------------------------------

    def _listener(self, kind: str) -> None:
        server = self.life.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0 if kind == "full" else 64)
        self.listener = server.getsockname()[1]
        for _count in range(4 if kind == "full" else 0):
            filler = self.life.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.listener))
        threading.Event().wait(0.2)

    def _beside(self, name: str, *options: str) -> None:
        """A container beside the project that ends with the row, or with the stack."""
        stack, full = self.stack, f"{self.stack.name}-{name}"
        self.life.callback(stack.engine.docker, "rm", "--force", full, check=False)
        stack.engine.docker(
            *("run", "--detach", "--name", full, "--label", f"{LABEL}={stack.name}", *options),
            *("--entrypoint", "sleep", stack.images.target, "900"),
        )

    def _squatter(self, service: str) -> None:
        self._beside(f"takes-{service}", "--publish", f"127.0.0.1:{self.stack.app_port}:9")

    def _program(self, service: str) -> None:
        del service
        server = self.life.enter_context(socket.socket())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", self.stack.app_port))
        server.listen()

    def _moved(self, wanted: bool) -> None:
        del wanted
        self.moved = True
        for name in self.stack.move_app():
            self.life.callback(self.stack.engine.docker, "rm", "--force", name, check=False)


def _say(session: ClientConnection, messages: list[str]) -> None:
    """Send messages and wait for the answer to each (3 = CALLRESULT, OCPP-J 1.6 section 4.2.2)."""
    for name in messages:
        session.send(MESSAGES[name])
        while json.loads(session.recv(20))[0] != 3:
            pass


def until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> None:
    """Wait for something. Raises StackError when it did not happen."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise StackError(f"Not in {seconds:g} s: {what}.")
        time.sleep(0.2)


class _Station(ChargePoint):  # type: ignore[misc]
    """A station with nothing to tell about its configuration, which SteVe asks for at once."""

    @on(Action.get_configuration)  # type: ignore[untyped-decorator]
    def _get_configuration(self, **_key: Any) -> Any:
        return call_result.GetConfiguration(configuration_key=[], unknown_key=[])


def boots(stack: Stack, charge_box_id: str = "LIVE1", *, seconds: float = 20.0) -> str | None:
    """Let a station of the library ``ocpp`` boot through nginx; None when SteVe accepted it, else what happened."""
    end, seen = time.monotonic() + seconds, "nothing"
    while time.monotonic() < end:
        try:
            status = asyncio.run(_boot(f"{stack.proxy_ws_url}/{charge_box_id}", charge_box_id))
            if status == "Accepted":
                return None
            seen = f"its boot is {status}"
        except (OSError, TimeoutError, WebSocketException) as error:
            seen = type(error).__name__
        time.sleep(0.3)
    return seen


async def _boot(url: str, charge_box_id: str) -> str:
    async with websockets.connect(url, subprotocols=[Subprotocol("ocpp1.6")], proxy=None) as connection:
        station = _Station(charge_box_id, connection)
        listening = asyncio.create_task(station.start())
        try:
            boot = call.BootNotification(charge_point_model="Matrix", charge_point_vendor="chargeops")
            async with asyncio.timeout(10):
                return str((await station.call(boot)).status)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError, WebSocketException):
                await listening
