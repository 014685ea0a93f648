# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulator for synchronous tests: in a background thread, or in a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .control import ControlClient
from .server import Simulator

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Running:
    """A simulator that runs elsewhere."""

    url: str
    """Base URL with the context path."""
    ws_url: str
    """WebSocket URL without the charge box id."""
    port: int
    control: ControlClient
    process: subprocess.Popen[str] | None = None
    output: list[str] = field(default_factory=list)
    """Lines of stdout so far (process only)."""


@contextmanager
def running_simulator(**options: Any) -> Iterator[Running]:
    """Run a simulator in a background thread while the block runs; ready when its port answers.

    ``options``: fields of server.Options, e.g. ``release="3.7.1", charge_boxes=["CP1"]``. bcrypt is cheap by default.
    """
    options = {"bcrypt_rounds": 4, **options}
    ready: threading.Event = threading.Event()
    box: dict[str, Any] = {}

    async def main() -> None:
        simulator = Simulator(**options)
        box["loop"], box["stop"] = asyncio.get_running_loop(), simulator.stopped
        try:
            await simulator.start()
        except Exception as error:
            box["error"] = error
            ready.set()
            return
        box["simulator"] = simulator
        ready.set()
        await simulator.stopped.wait()
        await simulator.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="simulator", daemon=True)
    thread.start()
    ready.wait()
    if "error" in box:
        thread.join()
        raise box["error"]
    simulator: Simulator = box["simulator"]
    try:
        yield Running(
            simulator.url,
            simulator.ws_url,
            simulator.port,
            ControlClient(simulator.control_url),
        )
    finally:
        if thread.is_alive():
            box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)


@contextmanager
def simulator_process(
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    release: str = "3.14.1",
    ready_s: float = 20.0,
) -> Iterator[Running]:
    """Run ``python -m tests.simulator`` with the arguments while the block runs; ready when its port answers.

    ``--port 0 --control-port 0`` unless given. The environment holds nothing but PATH and ``environ``.
    Raises TimeoutError, or RuntimeError with the output when the process ends before it is ready.
    """
    given = list(arguments)
    for option in ("--port", "--control-port"):
        if option not in given:
            given += [option, "0"]
    command = [sys.executable, "-m", "tests.simulator", "--release", release, *given]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output: list[str] = []
    ports: dict[str, int] = {}
    seen = threading.Event()
    thread = threading.Thread(target=_read, args=(process, output, ports, seen), daemon=True)
    thread.start()
    try:
        if not seen.wait(ready_s):
            raise TimeoutError(f"simulator not ready within {ready_s} s: {output}")
        if "listening" not in ports:
            process.wait(5)
            raise RuntimeError(f"simulator ended with {process.returncode}: {output}")
        port = ports["listening"]
        context = given[given.index("--context") + 1].strip("/") if "--context" in given else "steve"
        url = f"http://127.0.0.1:{port}/{context}"
        _wait_for(f"{url}/manager/signin", ready_s)
        ws_url = f"ws://127.0.0.1:{port}/{context}/websocket/CentralSystemService"
        control = ControlClient(f"http://127.0.0.1:{ports['control']}")
        yield Running(url, ws_url, port, control, process, output)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        thread.join(5)
        if process.stdout is not None:
            process.stdout.close()


def _read(
    process: subprocess.Popen[str],
    output: list[str],
    ports: dict[str, int],
    seen: threading.Event,
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        output.append(line.rstrip("\n"))
        if line.startswith("control port "):
            ports["control"] = int(line.split()[2])
        if line.startswith("listening on "):
            ports["listening"] = int(line.split()[2])
            seen.set()
    seen.set()


def _wait_for(url: str, seconds: float) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while True:
        try:
            with opener.open(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
