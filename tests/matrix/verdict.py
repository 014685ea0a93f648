# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A findings document against a row: what was named, explained, left open, and whether anything was looked at. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.matrix.rows import Cause, Row

#: Statuses of a question that has an answer.
ANSWERS = ("pass", "warn", "fail")
#: So many questions of a host at least have an answer where nothing is wrong; who looks away finds no fault either.
LOOKED_AT = 30


@dataclass(frozen=True)
class Verdict:
    """What the analyser says of a host.

    Attributes:
        causes: (finding, hop) of every root cause and warning.
        blocked: ids of what they explain.
        open: ids of questions that have no answer.
        answered: how many have one.
    """

    causes: frozenset[Cause]
    blocked: frozenset[str]
    open: frozenset[str]
    answered: int


def of(findings: Mapping[str, Any], host: str) -> Verdict:
    """What a findings document says of a host. ValueError: it was not reached, so that nothing was judged."""
    about = next(item for item in findings["hosts"] if item["host"] == host)
    if not about["reached"]:
        raise ValueError(f"{host} was not reached: {about['reason']}")
    mine = [item for item in findings["checks"] if item["host"] == host]

    def ids(*statuses: str) -> frozenset[str]:
        return frozenset(item["id"] for item in mine if item["status"] in statuses)

    causes = frozenset((item["id"], item["hop"]) for item in findings["findings"] if item["host"] == host)
    return Verdict(causes, ids("blocked"), ids("unknown"), len(ids(*ANSWERS)))


def differences(row: Row, said: Verdict) -> list[str]:
    """What was said otherwise than the row expects, as sentences; none when all is as it has to be."""
    found = []
    if missing := row.expected - said.causes:
        found.append(f"not named: {_listed(missing)}")
    if false := said.causes - row.expected:
        found.append(f"not expected: {_listed(false)}")
    if unexplained := row.blocked - said.blocked:
        found.append(f"not explained by it: {_listed(unexplained)}")
    if unanswered := said.open - row.open:
        found.append(f"without an answer: {_listed(unanswered)}")
    if not row.expected and said.answered < LOOKED_AT:
        found.append(f"only {said.answered} questions were answered")
    return found


def failed(findings: Mapping[str, Any]) -> bool:
    """Whether a diagnosis has to end with another exit code than 0, as far as hosts were reached."""
    return any(item["severity"] == "fail" for item in findings["findings"])


def _listed(items: frozenset[Cause] | frozenset[str]) -> str:
    return ", ".join(sorted(item if isinstance(item, str) else "@".join(filter(None, item)) for item in items))
