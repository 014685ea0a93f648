# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What redaction costs where a charger chose the lines, and what looking for many secrets costs beside one.

``python -m tests.benchmark.redacting``
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from tests.conftest import install_collection_loader

install_collection_loader()

from ansible_collections.chargeops.steve.plugins.module_utils import _redact, _secret_scan  # noqa: E402

from tests.unit.hostile_lines import BEGUN, line  # noqa: E402

#: Lines are cut there; a rule that goes back and forth in them takes the square of this.
LONG = _redact.MAX_LINE
PART = 4
_TRIES = 3
_SECRETS = 500


def main() -> int:
    """Print the ratios; 0 whatever came out."""
    ratios = []
    for begun in BEGUN:
        short, long = (_seconds(partial(_all, line(begun, length))) for length in (LONG // PART, LONG))
        ratios.append((long / short, long, begun))
    worst, seconds, begun = max(ratios)
    slowest = max(ratios, key=lambda item: item[1])
    print(
        f"Redaction: a hostile line {PART} times as long takes {worst:.1f} times as long at worst ({begun!r}, "
        f"{seconds * 1000:.0f} ms; a rule that goes back and forth takes {PART**2} times); the slowest of "
        f"{LONG:,} characters {slowest[1] * 1000:.0f} ms ({slowest[2]!r})"
    )
    data = b"".join(b"[INFO ] 2026-11-23 01:02:03,123 (q-41) - [chargeBoxId=CP-%05d]\n" % one for one in range(10_000))
    one, many = (_seconds(partial(_look, data, _known(count))) for count in (1, _SECRETS))
    print(f"Looking for {_SECRETS} station passwords takes {many / one:.1f} times as long as for one ({many:.2f} s)")
    return 0


def _all(text: str) -> None:
    _redact.log(text)
    _redact.compose(text)
    _redact.nginx(text.encode(), "x")


def _look(data: bytes, known: list[_secret_scan.Secret]) -> None:
    _secret_scan.hide(data, known)
    _secret_scan.find(data, known)


def _known(count: int) -> list[_secret_scan.Secret]:
    named = [(f"p{one}", f"stationPassword{one:04d}") for one in range(count)]
    return _secret_scan.secrets(named, ["admin"], {f"p{one}": f"CP-{one:05d}" for one in range(count)})


def _seconds(work: Callable[[], None]) -> float:
    """Processor time of the best of some tries."""
    best = float("inf")
    for _try in range(_TRIES):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


if __name__ == "__main__":
    sys.exit(main())
