# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault matrix as data: reads rows.yml, and refuses what it does not understand with one sentence. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml

from tests.stack.project import Mode

FILE = Path(__file__).with_name("rows.yml")
RECORDED = Path(__file__).with_name("recorded")
HOPS = (None, "direct", "proxy", "public")
REPAIRS = ("nginx_websocket", "app_env", "steve_chargebox")
VANTAGES = (None, "outside", "charger-net")
MEND = "mend"

#: The vocabulary: what a step may be called. tests/matrix/steps.py says what each does.
STEPS = (
    "compose", "docker", "target", "sql", "control", "env_file", "override", "knobs", "wait", "pause",
    "nginx", "register", "unregister", "sessions", "connected", "listener", "squatter", "moved", "healthy", "program",
)  # fmt: skip

Step = Mapping[str, Any]
Cause = tuple[str, str | None]


class RowError(ValueError):
    """What is wrong with rows.yml: one sentence with the row's or fault's name and the key."""


@dataclass(frozen=True)
class Fault:
    """One way to break a stack.

    Attributes:
        inject: steps that break it, in order; none where the operator's own variables are the fault.
        undo: steps that undo it, or ``mend``: bring everything back, whatever was done.
        expected: (finding, hop) of every root cause and warning the diagnosis has to tell, and nothing beside them.
        blocked: findings that were looked for and are explained by these.
        open: questions that stay without an answer while it is there, and no others do.
        repaired_by: the role or module with which ``remediate`` repairs it, None when a person has to.
        kept: why ``remediate`` is not run although the finding's remedy names a role.
        variables: what the operator wrote for this host; ``@name@`` stands for what is known at run time (steps.Bench).
        vantage: ``outside`` (this machine) or ``charger-net`` (the target's network) probes the public URL as well.
    """

    name: str
    inject: tuple[Step, ...] = ()
    undo: tuple[Step, ...] | str = ()
    expected: tuple[Cause, ...] = ()
    blocked: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    repaired_by: str | None = None
    kept: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    vantage: str | None = None


@dataclass(frozen=True)
class Row:
    """One or two faults on one release, and what the diagnosis has to say.

    Attributes:
        open: questions that stay without an answer, and no others do.
        left: what is still there after ``remediate``, because a person has to repair it.
    """

    name: str
    faults: tuple[str, ...]
    release: str
    mode: Mode
    expected: frozenset[Cause]
    blocked: frozenset[str]
    repaired_by: str | None
    quick: bool
    open: frozenset[str] = frozenset()
    left: frozenset[Cause] = frozenset()

    @property
    def repairs(self) -> tuple[str, ...]:
        """The roles and modules that repair it together."""
        return tuple(self.repaired_by.split(", ")) if self.repaired_by else ()

    @property
    def recording(self) -> Path:
        """Where the row's recorded observations are."""
        return RECORDED / f"{self.name}.json"

    @property
    def digest(self) -> str:
        """Of what brings the row about; a recording of something else is not this row's."""
        mine = [[one.inject, one.variables, one.vantage] for one in map(faults().__getitem__, self.faults)]
        text = json.dumps([mine, self.release, self.mode], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def faults() -> Mapping[str, Fault]:
    """All faults by name. Raises RowError."""
    return {name: _fault(name, text) for name, text in _document()["faults"].items()}


@cache
def all_rows() -> tuple[Row, ...]:
    """All rows in the order of the file. Raises RowError."""
    found = tuple(row for number, text in enumerate(_document()["rows"], 1) for row in _expand(number, text))
    names = [row.name for row in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RowError(f"rows: there are two of the name {twice[0]}")
    if unused := sorted(set(faults()) - {name for row in found for name in row.faults}):
        raise RowError(f"faults: no row uses {unused[0]}")
    return found


def select(wanted: Iterable[str]) -> tuple[Row, ...]:
    """The rows of ``all``, ``quick``, ``I/N`` (the I-th of N parts of all) or of names; in the order of the file.

    A part holds what one stack after the other would do, so that the parts of a release stay together as far as they
    are equally long. Raises RowError for a name that is none.
    """
    names = set(wanted)
    rows = all_rows()
    if names == {"all"}:
        return rows
    if names == {"quick"}:
        return tuple(row for row in rows if row.quick)
    if len(names) == 1 and (shard := re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", next(iter(names)))):
        index, count = int(shard[1]), int(shard[2])
        if index > count:
            raise RowError(f"there is no part {index} of {count}")
        return rows[index - 1 :: count]
    if unknown := sorted(names - {row.name for row in rows}):
        raise RowError(f"there is no row {unknown[0]}")
    return tuple(row for row in rows if row.name in names)


def variables(row: Row) -> dict[str, Any]:
    """The operator's variables of all faults of a row; lists are joined."""
    found: dict[str, Any] = {"steve_charge_boxes": ["CP1"], "steve_probe_charge_box_id": "PROBE1"}
    for name in row.faults:
        for key, value in faults()[name].variables.items():
            before = found.get(key)
            joined = isinstance(before, list) and isinstance(value, list) and value
            found[key] = [*before, *(item for item in value if item not in before)] if joined and before else value
    return found


def vantage(row: Row) -> str | None:
    """The other place from which a row's public URL is probed."""
    return next((place for name in row.faults if (place := faults()[name].vantage)), None)


@cache
def _document() -> dict[str, Any]:
    value = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    if not isinstance(value, dict) or set(value) != {"faults", "rows"}:
        raise RowError("rows.yml must hold faults and rows, and nothing else")
    return value


def _fault(name: str, text: Any) -> Fault:
    where = f"faults: {name}"
    _name(where, name)
    other = {"inject", "undo", "blocked", "open", "repaired_by", "kept", "variables", "vantage"}
    _keys(where, text, {"expected"}, other)
    inject = _steps(f"{where}: inject", text.get("inject", []))
    undo = text.get("undo", [])
    if bool(inject) != bool(undo):
        raise RowError(f"{where}: what is injected has to be undone, and nothing else: undo")
    if text.get("vantage") not in VANTAGES:
        raise RowError(f"{where}: vantage is {text['vantage']!r}")
    return Fault(
        name, inject, MEND if undo == MEND else _steps(f"{where}: undo", undo), _causes(where, text["expected"]),
        _ids(where, text, "blocked"), _ids(where, text, "open"), _repair(where, text), _kept(where, text),
        _mapping(where, text.get("variables", {})), text.get("vantage"),
    )  # fmt: skip


def _expand(number: int, text: Any) -> list[Row]:
    where = f"rows: {number}"
    _keys(where, text, {"releases"}, {"fault", "faults", "mode", "quick", "expected", "blocked", "open", "kept"})
    names = tuple(text["faults"] if "faults" in text else [text.get("fault")])
    if ("fault" in text) == ("faults" in text) or len(names) > 2:
        raise RowError(f"{where}: give either fault or faults (two names)")
    if unknown := [name for name in names if name not in faults()]:
        raise RowError(f"{where}: there is no fault {unknown[0]!r}")
    where = f"rows: {' and '.join(names)}"
    mode = text.get("mode", "host")
    if mode not in get_args(Mode):
        raise RowError(f"{where}: mode is {mode!r}")
    mine = [faults()[name] for name in names]
    expected = _causes(where, text["expected"]) if "expected" in text else [c for one in mine for c in one.expected]
    blocked = _ids(where, text, "blocked") if "blocked" in text else frozenset(b for one in mine for b in one.blocked)
    still = _ids(where, text, "open") if "open" in text else frozenset(b for one in mine for b in one.open)
    # What another fault hides is not seen, and not repaired then.
    seen = [one for one in mine if one.repaired_by and set(one.expected) & set(expected)]
    if _kept(where, text) and not seen:
        raise RowError(f"{where}: nothing repairs it: kept")
    repairs = [] if _kept(where, text) else sorted({one.repaired_by for one in seen if one.repaired_by})
    repaired = ", ".join(repairs) or None
    left = frozenset(expected) - {cause for one in seen for cause in one.expected} if repaired else frozenset()
    quick = text.get("quick", [])
    made = []
    for release in text["releases"]:
        if not isinstance(release, str) or not re.fullmatch(r"\d+\.\d+\.\d+", release):
            raise RowError(f"{where}: {release!r} is no release in quotes")
        name = "-and-".join(names) + f"-{release}" + ("" if mode == "host" else f"-{mode}")
        made.append(
            Row(name, names, release, mode, frozenset(expected), blocked, repaired, release in quick, still, left)
        )
    if set(quick) - set(text["releases"]):
        raise RowError(f"{where}: quick names a release that is not in releases")
    return made


def _keys(where: str, text: Any, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(text, dict):
        raise RowError(f"{where}: must be a mapping")
    if missing := sorted(needed - set(text)):
        raise RowError(f"{where}: {missing[0]} is missing")
    if unknown := sorted(set(text) - needed - allowed):
        raise RowError(f"{where}: there is no key {unknown[0]}")


def _name(where: str, name: Any) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise RowError(f"{where}: the name must be kebab-case")


def _steps(where: str, steps: Any) -> tuple[Step, ...]:
    for step in steps if isinstance(steps, list) else [steps]:
        if not isinstance(step, dict) or len(step) != 1 or next(iter(step)) not in STEPS:
            raise RowError(f"{where}: {step!r} is no step; a step is one of {', '.join(STEPS)} with its arguments")
    if not isinstance(steps, list):
        raise RowError(f"{where}: must be a list of steps")
    return tuple(steps)


def _causes(where: str, causes: Any) -> tuple[Cause, ...]:
    found = []
    for cause in causes:
        # "id" or "id@hop"
        id, separator, hop = str(cause).partition("@")
        _name(f"{where}: expected", id)
        if separator and hop not in HOPS:
            raise RowError(f"{where}: expected: there is no hop {hop}")
        found.append((id, hop or None))
    return tuple(found)


def _ids(where: str, text: Any, key: str) -> frozenset[str]:
    found = text.get(key, [])
    for id in found:
        _name(f"{where}: {key}", id)
    return frozenset(found)


def _kept(where: str, text: Any) -> str | None:
    value: str | None = text.get("kept")
    if value is not None and (not isinstance(value, str) or len(value.split()) < 3):
        raise RowError(f"{where}: kept: say why in a sentence")
    if value is not None and "repaired_by" in text:
        raise RowError(f"{where}: it is repaired: kept")
    return value


def _repair(where: str, text: Any) -> str | None:
    value: str | None = text.get("repaired_by")
    if value is not None and not set(value.split(", ")) <= set(REPAIRS):
        raise RowError(f"{where}: repaired_by is {value!r}, not of {', '.join(REPAIRS)}")
    return value


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RowError(f"{where}: variables must be a mapping")
    return value
