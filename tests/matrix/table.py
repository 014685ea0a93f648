# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/fault-matrix.md from the rows and their recordings: what each side named, and how often it was right.

``docs/generate.py`` calls ``page``. Everything in it is computed here from tests/matrix; no figure is written by hand.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID, LAYERS

from tests.matrix import rows as matrix
from tests.matrix.judge import load, verdict
from tests.matrix.rows import Cause, Row
from tests.matrix.runbook import CAN_NAME, UNPLAYED, played, reading

WITHOUT_ROW = Path(__file__).with_name("without_row.yml")
HEALTHY = "healthy"
TWO_FAULTS = "two faults"

HEAD = """\
<!--
Copyright (c) 2026, chargeops.steve contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
Written by docs/generate.py from tests/matrix: change its rows or record them again, then run `make docs`.
-->

# Fault matrix

Each row breaks an installation in one or two ways, on purpose, and says what `chargeops.steve.diagnose` has to name:
exactly these root causes and warnings, each on its hop, and nothing beside them. Rows are data: a fault in
`tests/matrix/rows.yml` says how it is brought about, undone and repaired, a row names one or
two faults and the releases. To add one: write it there, run `python3 tests/bootstrap.py dev -m tests.matrix record
NAME` (it needs Docker), then `make docs`, and commit the recording with it.
"""

MEASURED = """\
## What is measured

* The SteVe is a **simulator** (tests/simulator) that plays the named release; it is held to answers that were recorded
  from real servers (tests/contract). nginx, MariaDB, Docker with compose, the network and the live charger are real.
* A row is recorded while it runs: what the modules saw, and what the runbook's commands answered at the same time. The
  figures here are those recordings judged by the analyser, which `make test` does with every row. The rows marked
  *live* also run live in `make test`, with repair, second repair and undoing, and all rows do in `make test-all`.
* Rows and analyser grew together, and a row that was judged wrongly was a defect to mend. So 100 % says that nothing
  here fell back, not that every fault in the world is named. Findings that have no row are listed at the end, each
  with the reason and the test that stands for it.
* The runbook is the one that this collection automates, **taken literally**: its commands with the same rights on the
  same broken installation, and each answer read by its own words alone. `docker compose ps` and the start of the log,
  the health request, the list of charge points, the upgrade request, the lines of the nginx location and the Web API
  request are played; waiting for a charger that somebody power-cycles and looking at `date` (step 4), certificates (5b)
  and the advice to recreate the container (6b) are not. Rows about TLS, sessions and clocks are therefore not counted
  for the runbook, neither for nor against it. Its upgrade request opens a session in the charger's name.
* Rows are recorded several at once. Where the runbook's first command was cut off because the machine was busy, it does
  not count as played.
* The runbook is counted by finding alone, its hop is given to it. Where its words offer several explanations of one
  answer, the nearest finding counts; for an answer that it has no word for, such as the 302 to its health request,
  none does. *Read kindly* leaves out what it says of every healthy SteVe: that a 401 to a Bearer token is a wrong
  value.
"""

TERMS = """\
*Exact*: everything expected was named and nothing else. *Named*: everything expected was named, whatever else was.
*False*: names that were not expected, over all rows. Of a healthy installation nothing is expected. *What the runbook
has words for*: the healthy rows, and those whose every cause its played steps could have named.
"""


@dataclass(frozen=True)
class Named:
    """What one side said of a row."""

    causes: frozenset[str]
    wanted: frozenset[str]

    @property
    def exact(self) -> bool:
        """Whether it is what was expected, no more and no less."""
        return self.causes == self.wanted

    @property
    def all_named(self) -> bool:
        """Whether everything that was expected is among it."""
        return self.wanted <= self.causes

    @property
    def false(self) -> int:
        """How many that were not expected."""
        return len(self.causes - self.wanted)


@dataclass(frozen=True)
class Line:
    """A row of the matrix with what was said of it. ``seconds``: of the diagnosis and of the runbook.

    ``literal`` and ``kindly`` are None where the runbook was not played, or not that step that would decide the row.
    """

    row: Row
    ours: Named
    literal: Named | None
    kindly: Named | None
    unexplained: tuple[str, ...]
    blocked: frozenset[str]
    seconds: tuple[float, float]

    @property
    def layers(self) -> frozenset[str]:
        """Layers of what is expected."""
        return frozenset(BY_ID[id].layer for id, _hop in self.row.expected)

    @property
    def group(self) -> str:
        """Where the row is counted in the summary by layer."""
        if len(self.row.faults) > 1:
            return TWO_FAULTS
        return min(self.layers, key=LAYERS.index, default=HEALTHY)

    @property
    def hops(self) -> frozenset[str]:
        """Hops of what is expected; ``host`` for what is asked once."""
        return frozenset(hop or "host" for _id, hop in self.row.expected)


def line(row: Row, recorded: dict[str, Any]) -> Line:
    """Judge a recorded row from both sides."""
    ours = verdict(recorded)
    answers = recorded["runbook"]
    told, kind = reading(answers), reading(answers, kindly=True)
    ids = frozenset(id for id, _hop in row.expected)
    seconds = recorded["seconds"]
    counts = played(answers) and not {BY_ID[id].layer for id in ids} & UNPLAYED
    return Line(
        row,
        Named(_texts(ours.causes), _texts(row.expected)),
        Named(told.named, ids) if counts else None,
        Named(kind.named, ids) if counts else None,
        told.unexplained,
        ours.blocked,
        (float(seconds["diagnose"]), float(seconds["runbook"])),
    )


def lines() -> list[Line]:
    """Every row that has a recording, in the order of the matrix."""
    return [line(row, load(row.recording)) for row in matrix.all_rows() if row.recording.exists()]


def _texts(causes: Iterable[Cause]) -> frozenset[str]:
    return frozenset(f"{id}@{hop}" if hop else id for id, hop in causes)


# -- the page -------------------------------------------------------------------------------------------------


def page(found: Sequence[Line], without_row: dict[str, Any]) -> str:
    """The page as it should be."""
    parts = [HEAD, _summary(found), MEASURED, _rows(found), _without(without_row)]
    return "\n".join(parts).rstrip() + "\n"


def written() -> str:
    """The page about the rows and recordings of this checkout."""
    return page(lines(), without_row())


def without_row() -> dict[str, dict[str, str]]:
    """Findings without a row: id to ``{"reason": why, "tested": file of the test that stands for it}``."""
    value: dict[str, dict[str, str]] = yaml.safe_load(WITHOUT_ROW.read_text(encoding="utf-8"))
    return value


def _summary(found: Sequence[Line]) -> str:
    pairs = sum(len(one.row.faults) > 1 for one in found)
    releases = sorted({one.row.release for one in found}, key=_release)
    listed = sorted({id for one in found for id, _hop in one.row.expected})
    live = sum(one.row.quick for one in found)
    each = sum(one.seconds[0] for one in found) / len(found) if found else 0.0
    times = [one.seconds[1] for one in found if one.literal is not None]
    by_hand = sum(times) / len(times) if times else 0.0
    text = textwrap.fill(
        f"{len(found)} rows, {pairs} of them with two faults at once, on {len(releases)} releases "
        f"({', '.join(releases)}); {len(listed)} of {len(BY_ID)} findings are expected by at least one row, {live} "
        f"rows run live in `make test` as well. Looking at a host took {each:.1f} s on average (several at once on a "
        f"machine of two cores), the runbook's commands {by_hand:.1f} s without the person who reads them. Its figures "
        f"are of the {len(times)} rows that its played steps are about.",
        120,
    )
    groups: list[tuple[str, Callable[[Line], bool]]] = [("**all rows**", lambda one: True)]
    groups += [("what the runbook has words for", lambda one: {id for id, _hop in one.row.expected} <= CAN_NAME)]
    groups += [(release, lambda one, release=release: one.row.release == release) for release in releases]  # type: ignore[misc]
    present = {one.group for one in found}
    groups += [
        (f"layer {name}" if name in LAYERS else name, lambda one, name=name: one.group == name)  # type: ignore[misc]
        for name in (HEALTHY, *LAYERS, TWO_FAULTS)
        if name in present
    ]
    hops = [hop for hop in ("host", "direct", "proxy", "public") if any(hop in one.hops for one in found)]
    groups += [(f"hop {hop}", lambda one, hop=hop: hop in one.hops) for hop in hops]  # type: ignore[misc]
    head = (
        "| | rows | chargeops.steve exact | false "
        "| runbook exact | named | false | read kindly exact | named | false |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    body = "".join(_figures(name, [one for one in found if wanted(one)]) for name, wanted in groups)
    return f"## Summary\n\n{text}\n\n{TERMS}\n{head}{body}"


def _figures(name: str, found: Sequence[Line]) -> str:
    ours, literal, kindly = (
        [said for one in found if (said := getattr(one, side)) is not None] for side in ("ours", "literal", "kindly")
    )  # fmt: skip
    cells = [
        _share(item.exact for item in ours), _false(ours),
        _share(item.exact for item in literal), _share(item.all_named for item in literal), _false(literal),
        _share(item.exact for item in kindly), _share(item.all_named for item in kindly), _false(kindly),
    ]  # fmt: skip
    return f"| {name} | {len(found)} | {' | '.join(cells)} |\n"


def _share(items: Iterable[bool]) -> str:
    values = list(items)
    return f"{100 * sum(values) // len(values)} %" if values else "-"


def _false(items: Iterable[Named]) -> str:
    return str(sum(item.false for item in items))


def _rows(found: Sequence[Line]) -> str:
    text = textwrap.fill(
        "*Expected* is what has to be named (`finding@hop`). **Bold** in the other columns was not expected, ~~struck "
        "out~~ was expected and not named; *=* is exactly what was expected. The runbook's column is as written; in "
        "brackets is what it saw and has no word for. Seconds are those that the diagnosis looked at the host, and "
        "those of the runbook's commands.",
        120,
    )
    head = (
        "| row | expected | chargeops.steve | explained by it | runbook | repaired by | seconds |\n"
        "|---|---|---|---|---|---|---:|\n"
    )
    return f"## Rows\n\n{text}\n\n{head}" + "".join(_row(one) for one in found)


def _row(one: Line) -> str:
    row = one.row
    name = row.name + (" *live*" if row.quick else "")
    blocked = ", ".join(sorted(row.blocked & one.blocked)) or "-"
    seconds = f"{one.seconds[0]:.1f} s / {one.seconds[1]:.1f} s"
    unexplained = f" ({', '.join(one.unexplained)})" if one.unexplained else ""
    told = "not played" if one.literal is None else _said(one.literal) + unexplained
    cells = [
        name, ", ".join(sorted(one.ours.wanted)) or "nothing", _said(one.ours), blocked, told,
        row.repaired_by or "-", seconds,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _said(named: Named) -> str:
    if named.exact:
        return "="
    extra = [f"**{item}**" for item in sorted(named.causes - named.wanted)]
    right = sorted(named.causes & named.wanted)
    missing = [f"~~{item}~~" for item in sorted(named.wanted - named.causes)]
    return ", ".join([*right, *extra, *missing])


def _without(without_row: dict[str, Any]) -> str:
    text = "## Findings without a row\n\n| finding | why | tested in |\n|---|---|---|\n"
    return text + "".join(
        f"| {id} | {item['reason']} | `{item['tested']}` |\n"
        for id, item in sorted(without_row.items())
    )


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
