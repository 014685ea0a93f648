# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What integration tests do to a stack: its app with other settings, and chargers that come and go."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import connect

from tests.stack.project import Stack

HEARTBEAT = '[2,"h1","Heartbeat",{}]'


@contextmanager
def configured(stack: Stack, *, restart: str = "no", **knobs: str) -> Iterator[None]:
    """The app container recreated with other settings, for as long as a block lasts."""
    before = dict(stack.knobs)
    try:
        stack.knobs |= knobs
        stack.write_project()
        stack.compose("up", "--detach", "--no-deps", "app")
        stack.engine.docker("update", f"--restart={restart}", stack.container("app"))
        yield
    finally:
        stack.knobs = before
        stack.engine.docker("update", "--restart=no", stack.container("app"))
        stack.write_project()
        stack.mend()


def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for something that a container does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.3)


def inspected(stack: Stack) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(stack.engine.docker("inspect", stack.container("app")).stdout)[0]
    return value


def sessions(url: str, count: int, *messages: str, box: str = "CP1") -> None:
    """Sessions one after the other that say something and end."""
    for _index in range(count):
        with connect(f"{url}/{box}", subprotocols=["ocpp1.6"], proxy=None) as socket:  # type: ignore[list-item]
            for message in messages:
                socket.send(message)
                while json.loads(socket.recv(10))[0] != 3:
                    pass
