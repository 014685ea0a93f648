# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of STEVE_MATRIX, each a test: all of them run in waves at the first, which is why that one takes long."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from testinfra.host import Host

from tests.matrix import live, rows
from tests.process import interrupt
from tests.stack import cleanup, engine, images
from tests.stack.project import Stack

ROWS = rows.select((os.environ.get("STEVE_MATRIX") or "quick").split())


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, live.Outcome]]:
    """Outcomes by row, on the stacks of the scenario; what rows want beside them is brought up and removed again."""
    live.environment()
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with ExitStack() as life:
            there = engine.ensure()
            tags = images.ensure(there)
            first = os.environ["STEVE_STACK"]
            names = [first, *(path.name for path in sorted(cleanup.STACKS.glob(f"{first}-[0-9]")))]
            stacks = [Stack.load(there, tags, name) for name in names]
            # Three hosts are enough for a few rows; many are done sooner on six.
            wanted = live.kinds(ROWS, 6 if len(ROWS) > 40 else 3)
            wanted.subtract((stack.release, stack.mode) for stack in stacks)
            more = [Stack(there, tags, release=release, mode=mode) for release, mode in (+wanted).elements()]
            live.bring_up(more, life)
            stacks += more
            chosen = {(row.release, row.mode) for row in ROWS}
            used = [stack for stack in stacks if (stack.release, stack.mode) in chosen]
            yield {outcome.row.name: outcome for outcome in live.run(ROWS, used)}
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_exactly_the_fault_is_named_and_repaired_where_a_role_can(
    outcomes: dict[str, live.Outcome], name: str
) -> None:
    assert outcomes[name].problems == [], outcomes[name].line()


def test_the_hosts_are_as_they_were(outcomes: dict[str, live.Outcome], host: Host) -> None:
    assert len(outcomes) == len(ROWS)
    assert host.run("nginx -t").rc == 0
    assert host.run("ls /etc/nginx/steve-* /var/lib/chargeops.steve").stdout == ""
