# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Just enough of SteVe for a probe to get to the ids, and then whatever a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.unit.fake_servers import Behaviour, Visit
from tests.unit.recordings import SIGNIN_PAGE


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An answer with the mark of Spring Security and a length."""
    lines = [f"HTTP/1.1 {status}", "X-Content-Type-Options: nosniff", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


SIGNIN = answer("200 OK", SIGNIN_PAGE.encode(), "Content-Type: text/html")
ACCEPTED = answer("400 Bad Request", b'Can "Upgrade" only to "WebSocket".')
UNREGISTERED = answer("404 Not Found")
GATE = answer("426 Upgrade Required")


def id_of(data: bytes) -> str | None:
    """The charge box id of a request, None when it is for another path."""
    path = data.split(b" ", 2)[1].decode("ascii")
    before, _mark, behind = path.partition("/websocket/CentralSystemService/")
    return behind if before != path else None


def steve_that(misbehave: Callable[[Visit, bytes], None], *, after: int = 1) -> Behaviour:
    """Answers the sign-in page, and accepts the first ``after`` ids, over all connections; then ``misbehave`` answers.

    A ConnectionError that it raises closes the connection.
    """
    lock = threading.Lock()
    asked = 0

    def behave(visit: Visit) -> None:
        nonlocal asked
        while data := visit.request():
            if id_of(data) is None:
                visit.send(SIGNIN)
                continue
            if b"Sec-WebSocket-Version: 99" in data:
                visit.send(GATE)
                continue
            with lock:
                asked += 1
                well = asked <= after
            if well:
                visit.send(ACCEPTED)
            else:
                misbehave(visit, data)

    return behave
