# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stored runs made into one: slices of a fleet, or several runs over time. Pure; ``_archive`` reads the files.

Of a host that stands in several runs the newest look counts, also when it did not reach the host: an older look says
nothing about today. What vantages saw stays with the run of the host's own look, because the two are compared.
A host whose file cannot be read is lost, not absent: otherwise a damaged file would make a verdict better.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

OBSERVATION_SCHEMA = "chargeops.steve/observation/1"
_RUN_TIME = re.compile(r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


@dataclass(frozen=True)
class Unread:
    """A file of a run that was left out.

    Attributes:
        file: its path.
        reason: what is wrong with it, as the rest of a sentence that begins with the path.
        host, vantage: what the file is named after; None where it is named after nothing.
    """

    file: str
    reason: str
    host: str | None
    vantage: str | None


@dataclass
class StoredRun:
    """What could be read of a stored run.

    Attributes:
        path: its directory.
        run_id: its id, from its verdict or the name of the directory; empty when neither tells.
        documents: observations.
        unread: files that were left out.
        hosts: those that its verdict is about, with the reason where one was not reached.
    """

    path: str
    run_id: str = ""
    documents: list[dict[str, Any]] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    hosts: dict[str, str | None] = field(default_factory=dict)


@dataclass
class Merged:
    """What one verdict is to be spoken about.

    Attributes:
        documents: observations, those of vantages included.
        hosts: every host that any run was to look at.
        sources: for each run ``{run_dir, run_id, hosts}``; ``hosts`` counts those whose newest look is its.
        left_out: ``{file, reason}`` of files that could not be used.
    """

    documents: list[dict[str, Any]] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Look:
    """One run's look at one host. ``when``: ISO time, empty when nothing tells it (it then counts as oldest)."""

    when: str
    run: int
    documents: tuple[dict[str, Any], ...]

    @property
    def reached(self) -> bool:
        return any(item.get("vantage") is None and item.get("reached", True) for item in self.documents)


def merge_runs(runs: list[StoredRun]) -> Merged:
    """One set of observations from several stored runs, in any order."""
    merged = Merged()
    looks: dict[str, list[_Look]] = {}
    for number, run in enumerate(runs):
        merged.left_out += [{"file": item.file, "reason": item.reason} for item in run.unread]
        for host, documents in _by_host(run).items():
            looks.setdefault(host, []).append(_Look(_when(run, documents), number, tuple(documents)))
    used = dict.fromkeys(range(len(runs)), 0)
    for host in sorted(looks):
        # Of two looks at the same second one that reached the host has more to tell.
        newest = max(looks[host], key=lambda look: (look.when, look.reached))
        used[newest.run] += 1
        merged.hosts.append(host)
        merged.documents += newest.documents
    merged.sources = [
        {"run_dir": run.path, "run_id": run.run_id, "hosts": used[number]} for number, run in enumerate(runs)
    ]
    return merged


def _by_host(run: StoredRun) -> dict[str, list[dict[str, Any]]]:
    """The run's documents by host, with one that says why for each that is missing."""
    found: dict[str, list[dict[str, Any]]] = {}
    single: dict[tuple[str, str | None], dict[str, Any]] = {}
    for document in run.documents:
        # Somebody may have copied a file of the run.
        key = (document["host"], document.get("vantage"))
        if key not in single or str(document.get("collected_at")) > str(single[key].get("collected_at")):
            single[key] = document
    for document in single.values():
        found.setdefault(document["host"], []).append(document)
    for item in run.unread:
        if item.host is not None and (item.host, item.vantage) not in single:
            reason = f"its stored observation {inert(item.reason, 300)}"
            found.setdefault(item.host, []).append(_missing(run, item.host, reason, item.vantage))
    for host, why in run.hosts.items():
        if all(item.get("vantage") is not None for item in found.get(host, [])):
            reason = why or "its observation is missing from the stored run"
            found.setdefault(host, []).append(_missing(run, host, reason, None))
    return found


def _missing(run: StoredRun, host: str, reason: str, vantage: str | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": OBSERVATION_SCHEMA, "run_id": run.run_id, "host": host, "reached": False, "reason": reason,
        "parts": {},
    }  # fmt: skip
    return document if vantage is None else {**document, "vantage": vantage}


def _when(run: StoredRun, documents: list[dict[str, Any]]) -> str:
    """When a host was looked at: by its own document, or else by the id of the run."""
    own = [item for item in documents if item.get("vantage") is None]
    for item in own:
        if _TIME.match(str(item.get("collected_at"))):
            return str(item["collected_at"])
    for id in (*(str(item.get("run_id")) for item in (own or documents)), run.run_id):
        time = _RUN_TIME.match(id)
        if time:
            return "{}-{}-{}T{}:{}:{}Z".format(*time.groups())
    return ""
