# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the tests: ``tests/run.py [--all] [STAGE OR GROUP …]``, in the environment of tests/bootstrap.py.

Stages run beside each other as far as they leave room; what each says is shown in one piece when it ends. The last
line is ``N passed, N failed, N skipped``; the exit code is 0 only when something ran and nothing failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

sys.path[0] = str(Path(__file__).resolve().parents[1])

from tests import process  # noqa: E402
from tests.stack import cleanup, engine, images  # noqa: E402
from tests.stack.shell import StackError  # noqa: E402
from tests.stages import REPORTS, SLOTS, Counts, Stage, all_stages, jobs, select  # noqa: E402


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
        while self._builder is not None and self._builder.is_alive() and not process.stopping.is_set():
            self._builder.join(0.5)
        return self.problem

    def _build(self, there: engine.Engine) -> None:
        try:
            images.ensure(there)
        except StackError as error:
            self.problem = str(error)


def main(argv: Sequence[str]) -> int:
    """Run the stages that are asked for; return the exit code."""
    options = arguments().parse_args(argv)
    signal.signal(signal.SIGTERM, process.interrupt)
    # A shell without a terminal starts what it sends to the background deaf to this signal, and its children with it.
    signal.signal(signal.SIGINT, process.interrupt)
    os.environ["STEVE_TEST_OWNER"] = str(os.getpid())
    os.environ.setdefault("STEVE_MATRIX", "all" if options.all else "quick")
    if not sys.stdout.isatty():
        os.environ["NO_COLOR"] = "1"
    try:
        if options.jobs:
            print(json.dumps(jobs()))
            return 0
        stages = select(all_stages(options.shard), options.stages, options.all)
    except ValueError as error:
        known = sorted({stage.group for stage in all_stages()})
        print(f"{error}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    results: list[Result] = []
    interrupted = False
    docker = Docker()
    try:
        with temporary_files(results), docker.running(any(stage.needs_stack for stage in stages)):
            run_stages(stages, docker, results)
    except KeyboardInterrupt:
        interrupted = True
    print(summary(results, "interrupted: what follows is not the whole run" if interrupted else ""), flush=True)
    return 130 if interrupted else verdict(results)


@contextmanager
def temporary_files(results: list[Result]) -> Iterator[None]:
    """Give what runs a TMPDIR of its own for the length of a block: what is left in it was left by this run alone.

    Files of ours are a failure among the ``results``. Whatever it is, it is removed.
    """
    folder = Path(tempfile.mkdtemp(prefix="steve-run-"))
    folder.chmod(0o1777)  # as the one it stands in for: some programs that are tested run as another user
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
        if left := ours(folder):
            said = f"left among the temporary files, and removed now: {', '.join(left)}"
            results.append(Result("nothing stays behind", Counts(failed=1, reason=said), 0.0))
    finally:
        os.environ.pop("TMPDIR")
        os.environ.update({} if before is None else {"TMPDIR": before})
        shutil.rmtree(folder, ignore_errors=True)


def ours(folder: Path) -> list[str]:
    """What in a directory is this project's. Tools keep some on purpose, and tests kill modules of Ansible."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("steve"))


def arguments() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(prog="tests/run.py", description="Runs stages of the tests, those of make test.")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="a stage, or a group of stages")
    parser.add_argument("--all", action="store_true", help="also what takes long, and the whole fault matrix")
    parser.add_argument("--shard", type=part, default=(1, 1), metavar="I/N", help="part I of N of integration")
    parser.add_argument("--jobs", action="store_true", help="print the stages of molecule as JSON, and run none")
    return parser


def part(text: str) -> tuple[int, int]:
    """Read ``2/3``. ValueError: it is none."""
    number, of = (int(word) for word in text.split("/"))
    if not 1 <= number <= of:
        raise ValueError(text)
    return number, of


def run_stages(stages: Sequence[Stage], docker: Docker, results: list[Result]) -> None:
    """Run stages in their order, beside each other where there is room; what came of each goes to ``results``.

    Everything that runs is taken down before an interrupt is passed on.
    """
    if len(stages) == 1:
        print(f"\n=== {stages[0].name}", flush=True)
        results.append(run_stage(stages[0], docker))
        print(f"--- {row(results[-1])}", flush=True)
        return
    waiting, running, free = list(stages), dict[Future[Result], Stage](), SLOTS
    with ThreadPoolExecutor(SLOTS) as pool:
        try:
            while waiting or running:
                while waiting and waiting[0].slots <= free:
                    stage = waiting.pop(0)
                    free -= stage.slots
                    print(f"... {stage.name} begins", flush=True)
                    running[pool.submit(run_apart, stage, docker)] = stage
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    free += running.pop(future).slots
                    results.append(future.result())
                    show(results[-1])
        except BaseException:
            process.end_all()
            for stage in running.values():
                print(f"\n=== {stage.name}, interrupted\n{said(stage.name)}", end="", flush=True)
            raise


def run_apart(stage: Stage, docker: Docker) -> Result:
    """Run one stage, and keep what it says in a file."""
    log = log_of(stage.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as handle:
        process.OUTPUT.set(handle.fileno())
        try:
            return run_stage(stage, docker)
        finally:
            process.OUTPUT.set(None)


def run_stage(stage: Stage, docker: Docker) -> Result:
    """Run one stage."""
    start = time.monotonic()
    problem = docker.wait() if stage.needs_stack else ""
    counts = Counts(failed=1, reason=problem) if problem else stage.run()
    return Result(stage.name, counts, time.monotonic() - start)


def log_of(stage: str) -> Path:
    """Where the output of a stage is kept."""
    return REPORTS / f"{stage.replace(' ', '-')}.log"


def said(stage: str) -> str:
    """What a stage said."""
    log = log_of(stage)
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def show(result: Result) -> None:
    """Print what a stage said in one piece, with a line before and after it."""
    print(f"\n=== {result.stage}\n{said(result.stage)}--- {row(result)}", flush=True)


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
