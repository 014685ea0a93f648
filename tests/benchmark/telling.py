# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long the verdict over a big fleet takes: reading, judging, and writing all reports. Nothing is sent anywhere.

``python -m tests.benchmark.telling [HOSTS] [CHARGE BOXES]``
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tests.conftest import install_collection_loader

install_collection_loader()

from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive, _junit, _terminal  # noqa: E402
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse  # noqa: E402
from ansible_collections.chargeops.steve.plugins.plugin_utils._merge_runs import merge_runs  # noqa: E402

from tests.unit.plugins.plugin_utils.documents import observation, probe, registered_box, row  # noqa: E402

#: Seconds that 100 hosts with 1,000 charge boxes each may take.
WANTED_S = 10.0
RUN = "20261123T010203Z-7f3a"


def fleet(hosts: int, boxes: int) -> list[dict[str, Any]]:
    """Observations: on every second host half of the charge boxes are refused, or not settled, each with evidence."""
    return [_host(number, [f"CP-{number:03d}-{box:04d}" for box in range(boxes)]) for number in range(hosts)]


def _host(number: int, ids: list[str]) -> dict[str, Any]:
    note = {"request": "GET …", "status": 404, "headers": {"Server": "nginx"}, "body": "", "note": "also without"}
    half = len(ids) // 2 if number % 2 else 0
    if number % 4 == 1:
        bad = [row(id, "refused", "charge-box-unregistered", evidence=[note]) for id in ids[:half]]
    else:
        candidates = ["charge-box-unregistered", "basic-auth-missing"]
        bad = [row(id, "undetermined", candidates=candidates, evidence=[note]) for id in ids[:half]]
    known = [registered_box(id, registration_status="Accepted") for id in ids[half:]]
    admin = {"registered": known, "unknown": [], "sessions": []}
    return observation(
        f"steve-{number:03d}", asked=ids, probes=[probe(rows=[*bad, *(row(id) for id in ids[half:])]), probe("proxy")],
        admin={"status": "ok", "reason": None, "elapsed_s": 0.1, "data": admin},
    )  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Print the seconds of each step and of all."""
    hosts, boxes = (int(item) for item in (*argv, *("100", "1000")[len(argv) :]))
    with tempfile.TemporaryDirectory(prefix="steve-bench-") as folder:
        run_dir = _archive.create_run(folder, RUN)
        for document in fleet(hosts, boxes):
            _archive.write_observation(run_dir, document)
        print(f"Judging {hosts:,} hosts with {boxes:,} charge boxes each.", flush=True)
        total = _steps(run_dir)
    met = "" if total <= WANTED_S else ", NOT MET"
    print(f"    {total:6.2f} s  in all (wanted for 100 hosts with 1,000 charge boxes: at most {WANTED_S:g} s{met})")
    return 0


def _steps(run_dir: str) -> float:
    """The seconds that all steps took."""
    seconds: list[float] = []

    def step(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        made = work()
        seconds.append(time.perf_counter() - began)
        print(f"    {seconds[-1]:6.2f} s  {name}", flush=True)
        return made

    stored = step("observations read", lambda: _archive.read_stored(run_dir))
    merged = step("merged", lambda: merge_runs([stored]))
    findings = step("analysed", lambda: analyse(merged.documents, merged.hosts, RUN))
    junit = step("JUnit", lambda: _junit.render(findings))
    short = step("terminal, short", lambda: _terminal.render(findings))
    full = step("terminal, full", lambda: _terminal.render(findings, full=True))
    step("findings.json written", lambda: _archive.write_json(os.path.join(run_dir, "findings.json"), findings))
    for name, text in (("junit.xml", junit), ("report.txt", full), ("short.txt", short)):
        write = partial(_archive.write_text, os.path.join(run_dir, name), text)
        step(f"{name} written ({len(text) / 1e6:.1f} MB)", write)
    return sum(seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
