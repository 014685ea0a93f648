# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflights of many ids against the strongest peers: ``make bench``.

Both ends are on this machine, every pair is measured in turns within one run, and what is printed are ratios of
medians. ``--url`` measures against a server of your own on this machine, such as a real SteVe.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.benchmark.server import ENDPOINT, running  # noqa: E402

HEADER = "Sec-WebSocket-Protocol: ocpp1.6"


@dataclass(frozen=True)
class Given:
    """How much is measured."""

    ids: int
    xargs_ids: int
    rounds: int
    concurrency: int


def probe(url: str, given: Given, *options: str) -> dict[str, Any]:
    """One probe in a process of its own; its time is that of the probe, without the start of Python."""
    argv = [sys.executable, "-m", "tests.benchmark.child", url, str(given.ids), str(given.concurrency), *options]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=900, check=True)
    value: dict[str, Any] = json.loads(done.stdout)
    asked = value["summary"]["asked"]
    if value["summary"]["accepted"] != asked:
        raise SystemExit(f"Only {value['summary']['accepted']} of {asked} ids were accepted: nothing to measure.")
    return value


def curl_parallel(http_url: str, given: Given, directory: Path) -> float:
    """Seconds of one curl that sends the same requests over reused connections."""
    config = directory / "curl.conf"
    lines = (f'url = "{http_url}/CP-{number}"\noutput = "/dev/null"\n' for number in range(given.ids))
    config.write_text("".join(lines), "utf-8")
    argv = ["curl", "--parallel", "--parallel-max", str(given.concurrency), "--http1.1", "--insecure", "--silent"]
    return _seconds([*argv, "--header", HEADER, "--config", str(config)])


def curl_xargs(http_url: str, given: Given) -> float:
    """Seconds of one curl per id, 50 at the same time."""
    command = ["xargs", "-P50", "-I{}", "curl", "--http1.1", "--insecure", "--silent", "--output", "/dev/null"]
    ids = "".join(f"CP-{number}\n" for number in range(given.xargs_ids))
    return _seconds([*command, "--header", HEADER, f"{http_url}/{{}}"], ids)


def _seconds(argv: list[str], text: str = "") -> float:
    begin = time.perf_counter()
    subprocess.run(argv, input=text, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def measure(plain: str, tls: str | None, given: Given, directory: Path) -> dict[str, list[float]]:
    """Seconds by what was measured, in turns."""
    http_url = plain.replace("ws:", "http:", 1)
    turns: dict[str, Callable[[], float]] = {
        "probe": lambda: float(probe(plain, given)["seconds"]),
        "curl": lambda: curl_parallel(http_url, given, directory),
        "xargs": lambda: curl_xargs(http_url, given),
    }
    if tls:
        turns["tls"] = lambda: float(probe(tls, given)["seconds"])
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for _round in range(given.rounds):
        for name, turn in turns.items():
            taken[name].append(turn())
    return taken


def report(taken: dict[str, list[float]], given: Given, profiled: dict[str, Any], memory_mb: float) -> list[str]:
    """The lines to print."""
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    rate = {name: (given.xargs_ids if name == "xargs" else given.ids) / value for name, value in seconds.items()}
    lines = [
        f"  preflights                {rate['probe']:10,.0f}/s",
        f"  one curl --parallel       {rate['curl']:10,.0f}/s   ratio {rate['probe'] / rate['curl']:6.2f}   "
        "(wanted: at least 0.8)",
        f"  xargs -P50 curl           {rate['xargs']:10,.0f}/s   ratio {rate['probe'] / rate['xargs']:6.1f}   "
        "(wanted: at least 20)",
    ]
    if "tls" in rate:
        lines.append(
            f"  preflights over TLS       {rate['tls']:10,.0f}/s   time x {seconds['tls'] / seconds['probe']:5.2f}   "
            "(wanted: at most 1.3)"
        )
    lines.append(f"  memory of the process     {memory_mb:10,.0f} MB                  (wanted: under 100)")
    shares = ", ".join(f"{phase} {share:.0%}" for phase, share in profiled["phases"].items())
    lines.append(f"  where the time goes: {shares} (with a profiler attached)")
    return lines


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="make bench", description="Preflights against the strongest peers.")
    parser.add_argument("--ids", type=int, default=10_000, help="ids of one measurement")
    parser.add_argument("--xargs-ids", type=int, default=500, help="ids for the peer that starts a process per id")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--url", help="WebSocket URL without id of a server on this machine that knows CP-0, CP-1, ...")
    options = parser.parse_args()
    for program in ("curl", "xargs"):
        if shutil.which(program) is None:
            print(f"{program} is needed as the peer to measure against: install it.", file=sys.stderr)
            return 2
    if options.url and urlsplit(options.url).hostname not in ("127.0.0.1", "::1", "localhost"):
        print("--url leads to another machine, and loads stay on this one.", file=sys.stderr)
        return 2
    given = Given(options.ids, min(options.xargs_ids, options.ids), options.rounds, options.concurrency)
    with tempfile.TemporaryDirectory(prefix="steve-bench-") as folder:
        directory = Path(folder)
        if options.url:
            run(options.url, None, "the given server", given, directory)
            return 0
        with running(directory) as server:
            plain = f"ws://127.0.0.1:{server.plain}{ENDPOINT}"
            run(plain, f"wss://127.0.0.1:{server.tls}{ENDPOINT}", server.name, given, directory)
    return 0


def run(plain: str, tls: str | None, name: str, given: Given, directory: Path) -> None:
    """Measure and print."""
    print(f"{given.ids:,} ids, {given.concurrency} connections, medians of {given.rounds} rounds, against {name}")
    taken = measure(plain, tls, given, directory)
    memory_mb = float(probe(plain, given)["memory_mb"])
    print("\n".join(report(taken, given, probe(plain, given, "profile"), memory_mb)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
