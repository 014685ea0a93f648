# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits for a SteVe that is starting: its container runs, is young, and its port does not answer yet.

Starting is not broken. SteVe binds its port only at the end of its start, and an image that compiles at start needs
minutes. A container that ends or is restarted meanwhile is not waited for any longer.
"""

from __future__ import annotations

import calendar
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Callable

#: Seconds between two looks at the port, and for one look.
PAUSE_S = 1.0
LOOK_S = 2.0
#: A container is asked for its state at every so many looks.
_STATE_EVERY = 3

OPEN = "open"
SILENT = "silent"
HANGING = "hanging"


@dataclass(frozen=True)
class Endpoint:
    """SteVe's own port."""

    host: str
    port: int
    tls: bool
    path: str


def look(endpoint: Endpoint, timeout: float = LOOK_S) -> str:
    """Whether somebody answers: ``open``, ``silent`` (refused, or closed without a byte), ``hanging`` (neither).

    Docker accepts connections to a published port as soon as the container runs, so that an accepted one says nothing.
    """
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=timeout) as connection:
            if endpoint.tls:
                return _greet(connection)
            host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
            request = f"GET {endpoint.path} HTTP/1.1\r\nHost: {host}:{endpoint.port}\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode("ascii", "replace"))
            return OPEN if connection.recv(1) else SILENT
    except socket.timeout:
        return HANGING
    except OSError:
        return SILENT


def _greet(connection: socket.socket) -> str:
    """A TLS handshake; a refused one is an answer as well. Nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(connection):
            return OPEN
    except ssl.SSLEOFError:
        return SILENT
    except ssl.SSLError:
        return OPEN


def age_s(started_at: str | None, now: float) -> float | None:
    """Seconds between docker's UTC start time and a Unix time; None when it is unreadable."""
    try:
        return now - calendar.timegm(time.strptime(str(started_at)[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None


def wait(
    state: Callable[[], dict[str, Any] | None],
    answer: Callable[[], str],
    deadline_s: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Wait until SteVe answers, as long as it may be starting.

    Args:
        state: facts of the app's container as they are now; None when there is none.
        answer: a look at the port.
        deadline_s: seconds after the container's start for which a silent port is taken as starting.

    Returns:
        ``waited_s`` (0 where there was nothing to wait for), ``outcome`` (``answers`` | ``hanging`` |
        ``no-container`` | ``not-running`` | ``restarted`` | ``age-unknown`` | ``deadline``), ``reason`` (the same in
        words).
    """
    begin = clock()
    app = state()
    first = (app or {}).get("started_at")
    end = _settled(app, first, deadline_s, now()) or _answered(answer())
    looks = 0
    while end is None:
        pause(PAUSE_S)
        looks += 1
        if looks % _STATE_EVERY == 0:
            app = state()
        end = _settled(app, first, deadline_s, now()) or _answered(answer())
    waited = round(clock() - begin, 1) if looks else 0.0
    return {"waited_s": waited, "outcome": end[0], "reason": end[1]}


def _answered(seen: str) -> tuple[str, str] | None:
    found = {
        OPEN: ("answers", "SteVe answers"),
        HANGING: ("hanging", "the port accepts connections and is silent"),
    }
    return found.get(seen)


def _settled(app: dict[str, Any] | None, first: str | None, deadline_s: float, now: float) -> tuple[str, str] | None:
    """Why there is nothing to wait for, None while the container may be starting."""
    if app is None:
        return "no-container", "the app has no container"
    if app["state"] != "running":
        return "not-running", f"the app's container is {app['state']}"
    if app["started_at"] != first:
        return "restarted", "the app's container was restarted"
    age = age_s(first, now)
    if age is None or age < 0:
        return "age-unknown", "the time of the container's start is not known"
    return ("deadline", "the start deadline has passed") if age >= deadline_s else None
