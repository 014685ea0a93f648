# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One measured probe in a process of its own; prints what it took as JSON.

``python -m tests.benchmark.child URL IDS CONCURRENCY [profile]``
"""

from __future__ import annotations

import cProfile
import json
import pstats
import resource
import sys
import time
from typing import Any

#: Where a function's own time belongs: the first word that stands in its file or name.
PHASES = (
    ("send and receive", ("'send'", "'recv'", "'poll'", "connect_ex", "'read'", "'write'", "do_handshake")),
    ("build requests", ("_handshake.py", "urllib", "base64", "in request")),
    ("read answers", ("_http1.py",)),
    ("the wire", ("_wire.py", "_dial.py", "selectors.py")),
    ("judge and write", ("_probe.py", "_interpret", "_seen.py", "_era.py", "_options.py", "_text.py")),
)


def main(url: str, count: int, concurrency: int, profiled: bool) -> dict[str, Any]:
    """Probe ``count`` ids."""
    from tests import conftest

    conftest.install_collection_loader()
    from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

    request = ProbeRequest(
        url=url, charge_box_ids=[f"CP-{number}" for number in range(count)], concurrency=concurrency, rate=0.0,
        deadline=600.0, validate_certs=False,
    )  # fmt: skip
    profile = cProfile.Profile()
    begin = time.perf_counter()
    document = profile.runcall(probe, request) if profiled else probe(request)
    return {
        "seconds": time.perf_counter() - begin,
        "summary": document["summary"],
        "requests": document["side_effects"]["requests"],
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "phases": _phases(profile) if profiled else {},
    }


def _phases(profile: cProfile.Profile) -> dict[str, float]:
    """Share of the time by phase."""
    spent: dict[str, float] = {}
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (file, _line, name), (_calls, _primitive, own, _cumulative, _callers) in stats.items():
        place = f"{file} in {name}"
        phase = next((phase for phase, words in PHASES if any(word in place for word in words)), "the rest")
        spent[phase] = spent.get(phase, 0.0) + own
    whole = sum(spent.values())
    return {phase: seconds / whole for phase, seconds in sorted(spent.items(), key=lambda item: -item[1])}


if __name__ == "__main__":
    json.dump(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["profile"]), sys.stdout)
