# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure, and print ratios. Programs that are compared run in turns, so that a busy machine slows all of them."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmark import fleet, logs, programs, redacting, servers, telling
from tests.benchmark.programs import Run, Work

ENDPOINT = "/websocket/CentralSystemService"
#: Seconds after which no program is left running.
LIMIT_S = 240.0
#: Processes of curl at the same time, where each asks about one id.
SHELL_PROCESSES = 50
_RATIOS = "Ratios (the least disturbed rounds of both, which say most on a machine that does other things too):"
#: What the ratios are held against.
WANTED: dict[str, tuple[float | None, float | None]] = {
    "the rate of one curl": (0.8, None),
    "the rate of a curl per id": (20.0, None),
    "the time over TLS": (None, 1.3),
    "peak memory": (None, 100.0),
    "seconds of a log": (None, 5.0),
}


def main(argv: Sequence[str]) -> int:
    """Run it; 0 when everything was measured, whatever came out."""
    parser = argparse.ArgumentParser(prog="make bench", description="How fast it is, beside what one would do by hand.")
    parser.add_argument("--ids", type=int, default=10_000, help="charge boxes to ask about")
    parser.add_argument("--shell-ids", type=int, default=300, help="charge boxes for one curl process each")
    parser.add_argument("--rounds", type=int, default=5, help="times that everything is measured")
    parser.add_argument("--concurrency", type=int, default=8, help="connections at the same time")
    parser.add_argument("--log-lines", type=int, default=1_000_000, help="lines of SteVe's log to read")
    parser.add_argument("--hosts", type=int, default=100, help="hosts to judge from their observations")
    parser.add_argument("--boxes", type=int, default=1000, help="charge boxes of each of them")
    parser.add_argument("--fleet", type=int, default=20, help="hosts to diagnose beside the runbook")
    parser.add_argument("--fleet-boxes", type=int, default=10, help="charge boxes of each of them")
    parser.add_argument("--without-nginx", action="store_true", help="use the server that needs none")
    chosen = parser.parse_args(argv)
    missing = [name for name in ("curl", "xargs") if shutil.which(name) is None]
    if missing:
        print(f"The benchmark compares with {' and '.join(missing)}, not found here: install it and run this again.")
        return 1
    with tempfile.TemporaryDirectory(prefix="steve-bench-") as name:
        url = os.environ.get("STEVE_BENCH_URL")
        if url:
            return _live(url, os.environ.get("STEVE_BENCH_IDS"), chosen, Path(name))
        with servers.serving(Path(name), without_nginx=chosen.without_nginx) as server:
            _local(server, chosen, Path(name))
        _log(chosen, Path(name))
    redacting.main()
    telling.main([str(chosen.hosts), str(chosen.boxes)])
    return fleet.main([str(chosen.fleet), str(chosen.fleet_boxes)])


def _log(chosen: argparse.Namespace, folder: Path) -> None:
    """SteVe's log, as a host reads it."""
    path = folder / "steve.log"
    logs.write(path, chosen.log_lines)
    best = min((programs.read_log(path, LIMIT_S) for _round in range(2)), key=lambda run: run["seconds"])
    path.unlink()
    print(
        f"SteVe's log: {best['lines']:,} lines of {best['boxes']:,} ids in {best['seconds']:.1f} s"
        f"{_wanted('seconds of a log', best['seconds'])}, {best['peak_mb']:.0f} MB of memory at most"
        f"{_wanted('peak memory', best['peak_mb'])}"
    )


def _local(server: servers.Server, chosen: argparse.Namespace, folder: Path) -> None:
    """Everything, against a server on this machine."""
    _begin(server.name, chosen)
    ends_at = time.monotonic() + LIMIT_S
    ids = [f"CP-{index:05d}" for index in range(chosen.ids)]
    plain = Work(f"ws://127.0.0.1:{server.plain}/steve{ENDPOINT}", ids, chosen.concurrency, None, ends_at)
    tls = Work(f"wss://127.0.0.1:{server.tls}/steve{ENDPOINT}", ids, chosen.concurrency, server.ca_path, ends_at)
    few = Work(plain.url, ids[: chosen.shell_ids], chosen.concurrency, None, ends_at)
    refused = Work(f"ws://127.0.0.1:{server.plain}/empty{ENDPOINT}", ids, chosen.concurrency, None, ends_at)
    runs: dict[str, list[Run]] = {"probe": [], "curl": [], "tls": [], "curl tls": [], "shell": []}
    runs["shell"].append(programs.curl_per_id(few, SHELL_PROCESSES))
    for _round in range(chosen.rounds):
        runs["probe"].append(_whole(programs.probe(plain), "accepted"))
        runs["curl"].append(programs.curl(plain, folder))
        runs["tls"].append(_whole(programs.probe(tls), "accepted"))
        runs["curl tls"].append(programs.curl(tls, folder))
    _rates({
        "probe": runs["probe"], "one curl, parallel": runs["curl"], "probe over TLS": runs["tls"],
        "one curl over TLS": runs["curl tls"], f"xargs -P{SHELL_PROCESSES} curl": runs["shell"],
    })  # fmt: skip
    print(_RATIOS)
    _ratio("the rate of one curl", "{} times the rate of one curl", runs["probe"], runs["curl"])
    per_id = f"{{}} times the rate of xargs -P{SHELL_PROCESSES} curl, one process per id"
    _ratio("the rate of a curl per id", per_id, runs["probe"], runs["shell"])
    _ratio("the time over TLS", "over TLS {} times its own time without", runs["probe"], runs["tls"])
    _ratio(None, "curl over TLS {} times its own time without", runs["curl"], runs["curl tls"])
    all_refused = _whole(programs.probe(refused), "refused")
    _memory([*runs["probe"], *runs["tls"], all_refused])
    print(f"    {all_refused.rate:,.0f} ids/s when every id is refused (two requests each then)")
    _phases(programs.probe(plain, phases=True))


def _live(url: str, ids_file: str | None, chosen: argparse.Namespace, folder: Path) -> int:
    """The probe beside curl against a server of the user's, with ids that it knows."""
    if urlsplit(url).hostname not in ("127.0.0.1", "::1", "localhost"):
        print("STEVE_BENCH_URL leads to another machine, and loads stay on this one.")
        return 1
    if not url.startswith(("ws://", "wss://")) or not ids_file:
        print(
            "STEVE_BENCH_URL has to be a WebSocket URL without charge box id, and STEVE_BENCH_IDS a file of registered "
            "ids, one a line: others would fill SteVe's list of unknown charge boxes."
        )
        return 1
    ids = list(dict.fromkeys(Path(ids_file).read_text(encoding="utf-8").split("\n")))
    work = Work(url, [item for item in ids if item], chosen.concurrency, None, time.monotonic() + LIMIT_S)
    _begin(url, chosen, len(work.ids))
    runs: dict[str, list[Run]] = {"probe": [], "curl": []}
    for _round in range(chosen.rounds):
        runs["probe"].append(_whole(programs.probe(work), "asked"))
        runs["curl"].append(programs.curl(work, folder))
    _rates({"probe": runs["probe"], "one curl, parallel": runs["curl"]})
    print(_RATIOS)
    _ratio("the rate of one curl", "{} times the rate of one curl", runs["probe"], runs["curl"])
    _memory(runs["probe"])
    return 0


def _begin(server: str, chosen: argparse.Namespace, ids: int | None = None) -> None:
    asked = chosen.ids if ids is None else ids
    print(f"Server: {server}.")
    print(f"Preflights of {asked:,} ids, {chosen.concurrency} connections, no rate limit, {chosen.rounds} rounds.")
    print(f"Load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.", flush=True)


def _whole(run: Run, verdict: str) -> Run:
    """The same; RuntimeError when the probe did not do the work it was measured at."""
    if run.details["endpoint"] != "reachable" or run.details["summary"][verdict] != run.ids:
        raise RuntimeError(f"the probe did not do its work: {run.details['endpoint']}, {run.details['summary']}")
    return run


def _best(runs: list[Run]) -> float:
    """The rate of the round that other programs on this machine disturbed least."""
    return max(run.rate for run in runs)


def _rates(rows: dict[str, list[Run]]) -> None:
    print("Rates (best round, median; processor time, median):")
    for name, runs in rows.items():
        median = statistics.median(run.rate for run in runs)
        used = statistics.median(run.details["cpu_seconds"] / run.ids * 1e6 for run in runs)
        print(f"    {name:20} {_best(runs):9,.0f} {median:9,.0f} ids/s  {used:9,.0f} us per id")


def _ratio(name: str | None, text: str, runs: list[Run], others: list[Run]) -> None:
    """Print how many times the rate of ``others`` that of ``runs`` is: best rounds, and medians."""
    best = _best(runs) / _best(others)
    median = statistics.median(run.rate for run in runs) / statistics.median(run.rate for run in others)
    print(f"    {text.format(f'{best:.2f}')} (medians: {median:.2f}{_wanted(name, best)})")


def _memory(runs: list[Run]) -> None:
    peak = max(run.details["peak_mb"] for run in runs)
    print(f"    {peak:.0f} MB of memory at most (of one process{_wanted('peak memory', peak)})")


def _wanted(name: str | None, value: float) -> str:
    least, most = WANTED.get(name or "", (None, None))
    if least is None and most is None:
        return ""
    met = (least is None or value >= least) and (most is None or value <= most)
    wanted = f"at least {least:g}" if least is not None else f"at most {most:g}"
    return f"; wanted: {wanted}" + ("" if met else ", NOT MET")


def _phases(run: Run) -> None:
    print("Where the time goes (while watched, which takes time itself):")
    for name, seconds in sorted(run.details["phases"].items(), key=lambda item: -item[1]):
        print(f"    {seconds / run.seconds:6.1%}  {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
