# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that are measured; each in a process of its own, so that none pays for another's memory or imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent.parent
SUBPROTOCOL = "Sec-WebSocket-Protocol: ocpp1.6"


@dataclass(frozen=True)
class Run:
    """One measurement.

    Attributes:
        ids: how many charge boxes were asked about.
        seconds: how long that took.
        details: what the program itself says of it.
    """

    ids: int
    seconds: float
    details: dict[str, Any]

    @property
    def rate(self) -> float:
        """Charge boxes per second."""
        return self.ids / self.seconds


@dataclass(frozen=True)
class Work:
    """What every program has to do.

    Attributes:
        url: WebSocket URL without id.
        ids: charge box ids.
        concurrency: connections at the same time.
        ca_path: certificate to trust, for wss.
        ends_at: monotonic second after which a program is ended.
    """

    url: str
    ids: Sequence[str]
    concurrency: int
    ca_path: str | None
    ends_at: float

    @property
    def http_url(self) -> str:
        """The URL as curl wants it."""
        return "http" + self.url.removeprefix("ws")

    def left(self) -> float:
        """Seconds that a program may take now."""
        return max(self.ends_at - time.monotonic(), 1.0)


def probe(work: Work, *, phases: bool = False) -> Run:
    """This collection's probe, as a module runs it; the time is that of the call, as it stands in its result."""
    order = {
        "url": work.url, "ids": list(work.ids), "concurrency": work.concurrency, "ca_path": work.ca_path,
        "phases": phases, "deadline": work.left(),
    }  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / ".cache" / "collections"), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark.probing"], input=json.dumps(order), text=True, stdout=subprocess.PIPE,
        cwd=ROOT, env=environment, timeout=work.left() + 10, check=True,
    )  # fmt: skip
    details = json.loads(done.stdout)
    return Run(len(work.ids), details["seconds"], details)


def read_log(path: Path, deadline: float) -> dict[str, Any]:
    """This collection's reader of SteVe's log, on a file, in a process of its own; what it says of its cost."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / ".cache" / "collections"), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark.reading"], input=json.dumps({"path": str(path), "deadline": deadline}),
        text=True, stdout=subprocess.PIPE, cwd=ROOT, env=environment, timeout=deadline + 10, check=True,
    )  # fmt: skip
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def curl(work: Work, folder: Path) -> Run:
    """One curl process for all ids, over connections that it uses again."""
    config = folder / "curl.config"
    lines = [f'url = "{work.http_url}/{quote(item, safe="")}"\noutput = "/dev/null"\n' for item in work.ids]
    config.write_text("".join(lines), encoding="ascii")
    argv = ["curl", "--silent", "--http1.1", "--parallel", "--parallel-max", str(work.concurrency)]
    argv += ["--header", SUBPROTOCOL, "--config", str(config)]
    return _timed(work, [*argv, *(("--cacert", work.ca_path) if work.ca_path else ())], None)


def curl_per_id(work: Work, processes: int) -> Run:
    """One curl process per id, as a shell loop does it, ``processes`` at the same time."""
    argv = ["xargs", "-P", str(processes), "-I", "{}", "curl", "--silent", "--output", "/dev/null"]
    argv += ["--header", SUBPROTOCOL, f"{work.http_url}/{{}}"]
    return _timed(work, argv, "".join(f"{quote(item, safe='')}\n" for item in work.ids))


def _timed(work: Work, argv: list[str], given: str | None) -> Run:
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        argv, input=given, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=work.left(),
        check=True,
    )  # fmt: skip
    seconds, after = time.perf_counter() - start, os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return Run(len(work.ids), seconds, {"cpu_seconds": used})
