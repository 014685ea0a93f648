# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measured process: one call of the probe with what stands in its input, and what it cost."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils import _handshake, _http1, _probe, _wire


class Phases:
    """Time spent in functions that stand for a phase. Watching costs time itself, so nothing else is measured then."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = 0.0

    def watch(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose time (less that of watched functions in it) counts for the phase."""

        def watched(*args: Any, **named: Any) -> Any:
            outer, self._inner, start = self._inner, 0.0, time.perf_counter()
            try:
                return function(*args, **named)
            finally:
                took = time.perf_counter() - start
                self.seconds[phase] = self.seconds.get(phase, 0.0) + took - self._inner
                self._inner = outer + took

        return watched

    def install(self) -> None:
        """Watch what a preflight passes through."""
        build = _handshake.preflights

        def preflights(url: _handshake.WsUrl, subprotocols: tuple[str, ...]) -> Callable[[str], bytes]:
            return self.watch("building requests", build(url, subprotocols))

        _handshake.preflights = preflights  # type: ignore[assignment]
        places: list[tuple[Any, str, str]] = [
            (_http1.AnswerReader, "feed", "parsing answers"),
            (_probe._Probe, "_take_accepted", "judging"),
            (_probe._Probe, "_judge", "judging"),
            (_probe._Probe, "_document", "writing the document"),
            (_wire.Wire, "_round", "sending, receiving, waiting"),
        ]
        for owner, name, phase in places:
            setattr(owner, name, self.watch(phase, getattr(owner, name)))


def main() -> None:
    """Read the order, probe, write what it cost."""
    order = json.load(sys.stdin)
    phases = Phases()
    if order["phases"]:
        phases.install()
    request = _probe.ProbeRequest(
        url=order["url"], charge_box_ids=order["ids"], concurrency=order["concurrency"], ca_path=order["ca_path"],
        rate=0, deadline=order["deadline"],
    )  # fmt: skip
    start, used = time.perf_counter(), time.process_time()
    document = _probe.probe(request)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    written = {
        "seconds": seconds,
        "cpu_seconds": used,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "endpoint": document["endpoint"]["verdict"],
        "summary": document["summary"],
        "phases": {**phases.seconds, "the rest": seconds - sum(phases.seconds.values())},
    }
    print(json.dumps(written))


if __name__ == "__main__":
    main()
