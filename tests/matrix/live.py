# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows on real stacks, in waves: one row on each stack, one diagnosis over all of them, repairs, undoing.

Per row: inject → ``diagnose`` names exactly it → ``remediate`` where a role repairs it, after which the diagnosis is
clean and a station boots through nginx → ``remediate`` again changes nothing → undo → a station boots.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException

from tests.integration.playbook import Run, local_host, playbook
from tests.matrix import recording, runbook, verdict
from tests.matrix.rows import MEND, RECORDED, Cause, Row, faults, vantage, variables
from tests.matrix.steps import Bench, boots
from tests.stack.engine import client_env
from tests.stack.project import Mode, Stack
from tests.stack.shell import ROOT, StackError, say

#: For every run: an operator who waits no longer than a busy machine needs, and allows the restart that a repair needs.
EXTRA = {"diagnose_timeout": 6, "steve_allow_restart": True}

#: Passwords that rows and stacks use, as far as they are nobody's user name as well.
SECRETS = (
    "stack-admin", "webapi-secret", "wrong-4711", "changed-4711", "n3w-adm1n-pass", "kanarien-vogel", "another-value",
)  # fmt: skip


@dataclass
class Outcome:
    """What came of a row. ``problems``: sentences; none when all was as it has to be."""

    row: Row
    problems: list[str] = field(default_factory=list)
    found: frozenset[Cause] = frozenset()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether all was as it has to be."""
        return not self.problems

    def line(self) -> str:
        """The row of the table of outcomes."""
        found = ", ".join(sorted(id + (f"@{hop}" if hop else "") for id, hop in self.found)) or "-"
        seconds = " ".join(f"{name} {value:.0f} s" for name, value in self.seconds.items())
        return f"{'ok  ' if self.ok else 'MISS'} {self.row.name:62} {found:60} {seconds}" + "".join(
            f"\n       {problem}" for problem in self.problems
        )


def run(
    rows: Sequence[Row], stacks: Sequence[Stack], record: bool = False, repair: bool = True,
    tell: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:  # fmt: skip
    """Run rows on stacks; each release and mode that a row asks for has to be among them.

    Args:
        rows: what to run.
        stacks: healthy ones; they are healthy again afterwards, or the outcome says so.
        record: write tests/matrix/recorded.
        repair: repair what a role repairs; a recording does not need it.
        tell: called with each outcome as soon as it stands.

    Returns:
        Outcomes in the order in which they came about.
    """
    reports = Path(tempfile.mkdtemp(prefix="steve-matrix-"))
    outcomes: list[Outcome] = []
    try:
        for number, wave in enumerate(waves(rows, stacks), 1):
            say(f"wave {number}: {', '.join(row.name for row, _stack in wave)}")
            done = Wave(wave, reports / str(number), record, repair).run()
            for outcome in done:
                if tell:
                    tell(outcome)
            outcomes += done
    finally:
        shutil.rmtree(reports, ignore_errors=True)
    return outcomes


def waves(rows: Sequence[Row], stacks: Sequence[Stack]) -> Iterator[list[tuple[Row, Stack]]]:
    """Which rows run together. Those that are repaired meet, since a repair keeps its whole wave waiting."""
    kinds = {(stack.release, stack.mode) for stack in stacks}
    if strange := [row.name for row in rows if (row.release, row.mode) not in kinds]:
        raise ValueError(f"there is no stack for {strange[0]}")
    queues: list[list[tuple[Row, Stack]]] = []
    for release, mode in sorted(kinds):
        mine = [stack for stack in stacks if (stack.release, stack.mode) == (release, mode)]
        todo = sorted(
            (row for row in rows if (row.release, row.mode) == (release, mode)), key=lambda row: row.repaired_by is None
        )
        queues += [[(row, stack) for row in todo[index :: len(mine)]] for index, stack in enumerate(mine)]
    for wave in itertools.zip_longest(*queues):
        yield [item for item in wave if item is not None]


class Wave:
    """One row on each of some stacks, from the injection to the undoing."""

    def __init__(self, rows: Sequence[tuple[Row, Stack]], reports: Path, record: bool, repair: bool) -> None:
        self.benches = {stack.name: (row, Bench(stack)) for row, stack in rows}
        self.outcomes = {stack.name: Outcome(row) for row, stack in rows}
        self.reports, self.record, self.repair = reports, record, repair

    def run(self) -> list[Outcome]:
        """Run it; whatever happens the stacks are mended."""
        try:
            self._each("inject", self._inject)
            if alive := [name for name, outcome in self.outcomes.items() if outcome.ok]:
                self._together(self._diagnose, alive)
            ill = [name for name in alive if self.benches[name][0].repaired_by and self.outcomes[name].ok]
            if ill and self.repair:
                self._together(self._repair, ill)
        except BaseException:
            for _row, bench in self.benches.values():
                bench.end()
            raise
        self._each("undo", self._undo)
        return list(self.outcomes.values())

    def _each(self, what: str, do: Callable[[str], None]) -> None:
        """The same for every bench at once; what goes wrong is a problem of that row."""

        def one(name: str) -> None:
            started = time.monotonic()
            try:
                do(name)
            except (StackError, OSError, ValueError, KeyError, WebSocketException) as error:
                self.outcomes[name].problems.append(f"{what}: {type(error).__name__}: {error}")
            self.outcomes[name].seconds[what] = time.monotonic() - started

        with ThreadPoolExecutor(len(self.benches)) as threads:
            list(threads.map(one, self.benches))

    def _together(self, do: Callable[[Sequence[str]], None], names: Sequence[str]) -> None:
        """Something that is done for several rows at once; where it is not done at all that is a problem of each."""
        try:
            do(names)
        except StackError as error:
            for name in names:
                self.outcomes[name].problems.append(str(error))

    def _inject(self, name: str) -> None:
        row, bench = self.benches[name]
        for fault in row.faults:
            bench.apply(faults()[fault].inject)

    def _undo(self, name: str) -> None:
        row, bench = self.benches[name]
        undoing = [faults()[fault].undo for fault in row.faults]
        ill = not self.outcomes[name].ok
        bench.end()
        try:
            # A fault that keeps SteVe down comes first in a pair, and SteVe is needed to undo the other.
            if MEND in undoing:
                bench.mend()
            for steps in undoing:
                if not isinstance(steps, str):
                    bench.apply(steps)
        except StackError as error:
            self.outcomes[name].problems.append(f"undo: {error}")
            ill = True
        if ill:
            bench.mend()
        if any(undoing) and (seen := boots(bench.stack)):
            self.outcomes[name].problems.append(f"no station boots after it was undone: {seen}")
            # Other rows shall not suffer from it.
            bench.stack.down()
            bench.stack.up()

    # -- the collection ----------------------------------------------------------------------------------------

    def _inventory(self, names: Iterable[str]) -> dict[str, Any]:
        hosts, others = {}, {}
        for name in names:
            row, bench = self.benches[name]
            inventory = copy.deepcopy(bench.stack.inventory())
            (host,) = inventory["all"]["children"]["steve"]["hosts"].values()
            if bench.stack.mode == "network":
                host["nginx_websocket_resolver"] = "127.0.0.11"
            host |= bench.filled(variables(row))
            place = vantage(row)
            if place == "outside":
                others["outside"] = local_host()
            elif place is not None:
                others[place] = {key: value for key, value in host.items() if key.startswith("ansible_")}
            if place is not None:
                host["steve_vantage_hosts"] = [place]
            hosts[name] = host
        return {"all": {"hosts": others, "children": {"steve": {"hosts": hosts}}}}

    def _play(self, playbook_name: str, names: Sequence[str]) -> tuple[Run, float]:
        """Run a playbook over some hosts."""
        started = time.monotonic()
        self.reports.mkdir(exist_ok=True)
        done = playbook(
            playbook_name, self._inventory(names), f"--forks={len(names) + 2}",
            extra=EXTRA | {"steve_serial": len(names)}, reports=self.reports,
        )  # fmt: skip
        if not done.directories or not (done.directories[-1] / "findings.json").exists():
            raise StackError(f"{playbook_name} came to no verdict:\n{done.output[-3000:]}")
        return done, time.monotonic() - started

    def _diagnose(self, names: Sequence[str]) -> None:
        done, seconds = self._play("diagnose", names)
        findings = done.findings
        for name in names:
            row, outcome = self.benches[name][0], self.outcomes[name]
            outcome.seconds["diagnose"] = seconds
            outcome.problems += judged(findings, name, row)
            outcome.found = causes(findings, name)
            if done.recap.get(name, {}).get("changed") != 0:
                outcome.problems.append("the diagnosis says that it changed something")
        if (done.code != 0) != verdict.failed(findings):
            # Whose it is cannot be told from the exit code of all.
            self.outcomes[names[0]].problems.append(f"the diagnosis of all ended with {done.code}")
        told = done.output + json.dumps(findings)
        if leaked := {secret for secret in SECRETS if secret in told}:
            self.outcomes[names[0]].problems.append(f"a secret is shown: {sorted(leaked)}")
        if self.record:
            self._record(done, seconds, names)

    def _repair(self, names: Sequence[str]) -> None:
        for name in names:
            # Sessions that the row held open would end by a restart. Who took the app's old address keeps it.
            if not self.benches[name][1].moved:
                self.benches[name][1].end()
        first, seconds = self._play("remediate", names)
        again, _seconds = self._play("remediate", names)
        for name in names:
            (row, bench), outcome = self.benches[name], self.outcomes[name]
            outcome.seconds["repair"] = seconds
            outcome.problems += [f"{problem}: {_said(first, name)}" for problem in repaired(first, name, row)]
            outcome.problems += [f"the second time: {problem}" for problem in idle(again, name, row)]
            # What is left may be what stands between the station and SteVe.
            if not row.left and (seen := boots(bench.stack)):
                outcome.problems.append(f"no station boots after the repair: {seen}")

    # -- recordings --------------------------------------------------------------------------------------------

    def _record(self, run: Run, seconds: float, names: Sequence[str]) -> None:
        inventory = self._inventory(names)["all"]["children"]["steve"]["hosts"]
        documents = [
            json.loads(file.read_text(encoding="utf-8"))
            for file in sorted((run.directories[-1] / "observations").rglob("*.json"))
        ]

        def one(name: str) -> None:
            row, bench = self.benches[name]
            mine = [document for document in documents if document["host"] == name]
            started = time.monotonic()
            answers = runbook.collect(bench.stack, _person(inventory[name]), vantage(row) == "outside")
            took = {
                "diagnose": round(sum(item.get("duration_s") or 0.0 for item in mine), 1),
                "wave": round(seconds, 1),
                "runbook": round(time.monotonic() - started, 1),
            }
            place = where(bench)
            content = {
                "row": row.name, "made_by": row.digest, "observations": recording.normalised(mine, place),
                "runbook": recording.normalised(answers, place), "seconds": took,
            }  # fmt: skip
            RECORDED.mkdir(exist_ok=True)
            row.recording.write_text(recording.text_of(content), encoding="utf-8")

        with ThreadPoolExecutor(len(names)) as threads:
            list(threads.map(one, names))


def causes(findings: Mapping[str, Any], host: str) -> frozenset[Cause]:
    """(finding, hop) of every failure and warning of a host."""
    return frozenset((item["id"], item["hop"]) for item in findings["findings"] if item["host"] == host)


def judged(findings: Mapping[str, Any], host: str, row: Row) -> list[str]:
    """What a findings document says otherwise than the row, as sentences."""
    try:
        problems = verdict.differences(row, verdict.of(findings, host))
    except ValueError as error:
        return [str(error)]
    false = causes(findings, host) - row.expected
    told = [item for item in findings["findings"] if item["host"] == host and (item["id"], item["hop"]) in false]
    words = (f"{item['message']} {[one['detail'] for one in item['evidence']][:3]}" for item in told)
    return problems + [text[:1500] for text in words]


def repaired(run: Run, host: str, row: Row) -> list[str]:
    """What a repair did otherwise than the row says, as sentences."""
    recap, problems = run.recap.get(host, {}), []
    plan = next(
        (file for folder in reversed(run.directories) if (file := folder / "plan.json").exists()), None
    )
    planned = json.loads(plan.read_text(encoding="utf-8"))["hosts"] if plan else []
    by = {item["by"] for one in planned if one["host"] == host for item in one["repairs"]}
    if by != set(row.repairs):
        problems.append(f"planned were {sorted(by)} and not {sorted(row.repairs)}")
    if (left := causes(run.findings, host)) != row.left:
        problems.append(f"after the repair there is {sorted(map(str, left))} and not {sorted(map(str, row.left))}")
    if not recap.get("changed"):
        problems.append("the repair changed nothing")
    if not row.left and (recap.get("failed") != 0 or recap.get("unreachable") != 0):
        problems.append(f"the repair failed: {recap}")
    return problems


def idle(run: Run, host: str, row: Row) -> list[str]:
    """What a second repair did although there was nothing to repair, as sentences."""
    recap, problems = run.recap.get(host, {}), []
    if recap.get("changed") != 0:
        problems.append(f"it changed something: {recap}")
    if (left := causes(run.findings, host)) != row.left:
        problems.append(f"there is {sorted(map(str, left))}")
    if not row.left and (recap.get("failed") != 0 or recap.get("unreachable") != 0):
        problems.append(f"it failed: {recap}")
    return problems


def where(bench: Bench) -> recording.Place:
    """What is particular to a bench."""
    stack = bench.stack
    subnet = None
    with suppress(StackError, StopIteration):
        form = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
        found = stack.engine.docker("network", "inspect", "--format", form, f"{stack.name}_default").stdout.split()
        subnet = next(iter(found)).rpartition(".")[0] + "."
    return recording.Place(
        stack.name, {str(stack.directory): recording.FOLDER, str(ROOT): "/checkout"},
        {stack.app_port: 28180, stack.proxy_port: 28080, bench.listener: 28999 if bench.listener != 9 else 9}, subnet,
    )  # fmt: skip


def _person(host: dict[str, Any]) -> dict[str, Any]:
    """What the person with the runbook is told. Their requests open sessions; those of CP1 would be seen by later rows,
    so that they ask for another registered charge box."""
    boxes = ["PROBE1" if box == "CP1" else box for box in host["steve_charge_boxes"]]
    return host | {"steve_charge_boxes": boxes}


def _said(run: Run, host: str) -> str:
    """The last sentences of a run about a host."""
    lines = [line for line in run.output.splitlines() if f"[{host}]" in line and ("fatal" in line or "failed" in line)]
    return " ".join(lines)[-1500:]


def kinds(rows: Sequence[Row], at_most: int) -> Counter[tuple[str, Mode]]:
    """How many stacks of each release and mode to run rows on: by their share of the rows, and one at least."""
    counts = Counter((row.release, row.mode) for row in rows)
    return Counter({kind: max(1, min(count, round(at_most * count / len(rows)))) for kind, count in counts.items()})


def bring_up(stacks: Sequence[Stack], life: ExitStack) -> None:
    """Bring stacks up, some at once; they are removed when ``life`` ends, and also when this fails."""
    for stack in stacks:
        life.callback(stack.down)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Stack.up, stacks))


def environment() -> None:
    """For Ansible: modules by way of the connection itself (two processes in the target instead of five for each task),
    and the docker client that is used here for hosts that are this machine."""
    os.environ.setdefault("ANSIBLE_PIPELINING", "1")
    os.environ.update(client_env())
