# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the tests: ``tests/run.py [STAGE OR GROUP …]``, in the environment of tests/bootstrap.py.

The last line is ``N passed, N failed, N skipped``; the exit code is 0 only when something ran and nothing failed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import FrameType

sys.path[0] = str(Path(__file__).resolve().parents[1])

from tests.stack import cleanup, engine, images  # noqa: E402
from tests.stack.shell import StackError  # noqa: E402
from tests.stages import Counts, Stage, all_stages, select  # noqa: E402


@dataclass(frozen=True)
class Result:
    """A stage that ran."""

    stage: str
    counts: Counts
    seconds: float


class Docker:
    """The engine, and the images that are built while stages without Docker run."""

    def __init__(self) -> None:
        self.problem = ""
        self._builder: Thread | None = None

    @contextmanager
    def running(self, needed: bool) -> Iterator[None]:
        """Have the engine for the length of a block. At the end nothing of this run is left in it."""
        if not needed:
            yield
            return
        started: engine.Engine | None = None
        try:
            try:
                started = engine.ensure()
                cleanup.sweep(started, cleanup.owner_is_dead)
                self._builder = Thread(target=self._build, args=(started,), daemon=True)
                self._builder.start()
            except StackError as error:
                self.problem = str(error)
                print(f"\n{error}", flush=True)
            yield
        finally:
            if started is not None:
                cleanup.sweep(started, lambda owner: owner == str(os.getpid()))
                if started.started is not None:
                    engine.stop(started.started)

    def wait(self) -> str:
        """Wait for the images; return what went wrong, or the empty text."""
        if self._builder is not None:
            self._builder.join()
        return self.problem

    def _build(self, there: engine.Engine) -> None:
        try:
            images.ensure(there)
        except StackError as error:
            self.problem = str(error)


def main(wanted: Sequence[str]) -> int:
    """Run the stages that are asked for; return the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ["STEVE_TEST_OWNER"] = str(os.getpid())
    if not sys.stdout.isatty():
        os.environ["NO_COLOR"] = "1"
    try:
        stages = select(all_stages(), wanted)
    except ValueError as error:
        known = sorted({stage.group for stage in all_stages()})
        print(f"{error}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    results: list[Result] = []
    interrupted = False
    docker = Docker()
    try:
        with docker.running(any(stage.needs_stack for stage in stages)):
            for stage in stages:
                results.append(run_stage(stage, docker))
    except KeyboardInterrupt:
        interrupted = True
    print(summary(results, "interrupted: what follows is not the whole run" if interrupted else ""), flush=True)
    return 130 if interrupted else verdict(results)


def run_stage(stage: Stage, docker: Docker) -> Result:
    """Run one stage with a line before and after it."""
    print(f"\n=== {stage.name}", flush=True)
    start = time.monotonic()
    problem = docker.wait() if stage.needs_stack else ""
    counts = Counts(failed=1, reason=problem) if problem else stage.run()
    result = Result(stage.name, counts, time.monotonic() - start)
    print(f"--- {row(result)}", flush=True)
    return result


def row(result: Result) -> str:
    """One line about a stage."""
    counts = result.counts
    word = "FAILED" if counts.failed else "ok"
    numbers = f"{counts.passed:5d} passed {counts.failed:4d} failed {counts.skipped:4d} skipped"
    reason = f"  {counts.reason.splitlines()[0]}" if counts.reason else ""
    return f"{result.stage:22s} {word:6s} {numbers} {result.seconds:7.1f} s{reason}"


def summary(results: Sequence[Result], note: str = "") -> str:
    """The table and the plain last line."""
    passed = sum(result.counts.passed for result in results)
    failed = sum(result.counts.failed for result in results)
    skipped = sum(result.counts.skipped for result in results)
    lines = ["", "=== summary", *(row(result) for result in results), *([note] if note else [])]
    return "\n".join([*lines, f"{passed} passed, {failed} failed, {skipped} skipped"])


def verdict(results: Sequence[Result]) -> int:
    """Exit code: something must have passed, and nothing failed."""
    failed = any(result.counts.failed for result in results)
    return 1 if failed or not any(result.counts.passed for result in results) else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
