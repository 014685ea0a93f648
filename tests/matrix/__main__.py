# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault matrix by hand: ``python -m tests.matrix --help``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from tests.matrix import live, rows
from tests.process import interrupt
from tests.stack import cleanup, images
from tests.stack.engine import running
from tests.stack.project import Stack
from tests.stack.shell import StackError


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit code, which is 1 when a row was missed."""
    options = _parser().parse_args(argv)
    try:
        chosen = rows.select(options.rows or ["all"])
    except rows.RowError as error:
        print(f"tests.matrix: {error}", file=sys.stderr)
        return 2
    if options.command == "list":
        print(*(row.name for row in chosen), sep="\n")
        return 0
    try:
        return _run(chosen, options)
    except StackError as error:
        print(f"tests.matrix: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tests.matrix: interrupted; nothing stays behind", file=sys.stderr)
        return 130


def _run(chosen: Sequence[rows.Row], options: argparse.Namespace) -> int:
    live.environment()
    before = signal.signal(signal.SIGTERM, interrupt)
    started = time.monotonic()
    try:
        with ExitStack() as life:
            engine = life.enter_context(running())
            cleanup.sweep(engine, cleanup.owner_is_dead)
            tags = images.ensure(engine)
            stacks = [
                Stack(engine, tags, release=release, mode=mode)
                for release, mode in live.kinds(chosen, options.stacks).elements()
            ]
            live.bring_up(stacks, life)
            up = time.monotonic() - started
            record = options.command == "record"
            outcomes = live.run(chosen, stacks, record, not options.no_repair, tell)
    finally:
        signal.signal(signal.SIGTERM, before)
    missed = [outcome for outcome in outcomes if not outcome.ok]
    print(
        f"{len(outcomes)} rows, {len(missed)} missed, {time.monotonic() - started:.0f} s "
        f"({up:.0f} s of them to bring {len(stacks)} stacks up)"
    )
    return 1 if missed else 0


def tell(outcome: live.Outcome) -> None:
    """Print an outcome as soon as it stands."""
    print(outcome.line(), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description="Faults on real stacks.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("run", "run rows live; the exit code tells whether each was as it has to be"),
        ("record", "run rows live and write what was observed to tests/matrix/recorded"),
        ("list", "print names of rows"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("rows", nargs="*", help="quick, all (default), I/N (a part of all), or names")
        command.add_argument("--stacks", type=int, default=5, help="how many at once, about (default: %(default)s)")
        command.add_argument("--no-repair", action="store_true", help="only diagnose; enough for a recording")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
