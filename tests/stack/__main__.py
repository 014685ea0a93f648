# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stacks by hand and for molecule: ``python -m tests.stack --help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import get_args

from tests.stack import cleanup, images, watch
from tests.stack import engine as engines
from tests.stack.project import Mode, Stack, numbered, together
from tests.stack.shell import StackError


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(argv)
    os.environ.setdefault("STEVE_TEST_OWNER", "nobody")
    try:
        if options.command == "up":
            _up(options)
        elif options.command == "down":
            watch.claim(options.name)
            # Where no engine runs, no stack does: none is started to find nothing.
            if together(options.name) or engines.answers():
                _down(engines.ensure(), options.name)
        elif options.command == "watch":
            remove = partial(_remove_left, options.name, options.engine)
            watch.watch(options.name, options.process, options.directory, remove)
        elif options.command == "images":
            print(images.ensure(engines.ensure()))
        elif options.command == "engine":
            engines.ensure()
        else:
            _clean()
    except StackError as error:
        print(f"tests.stack: {error}", *getattr(error, "__notes__", []), sep="\n", file=sys.stderr)
        return 1
    return 0


def _up(options: argparse.Namespace) -> None:
    watch.claim(options.name)
    engine = engines.ensure()
    _down(engine, options.name)
    watch.begin(options.name, engine.started)
    tags = images.ensure(engine)
    stacks = [
        Stack(engine, tags, release=release, mode=options.mode, name=numbered(options.name, number))
        for number, release in enumerate(options.release.split(), 1)
    ]
    try:
        with ThreadPoolExecutor(len(stacks)) as pool:
            list(pool.map(Stack.up, stacks))
    except BaseException:
        _down(engine, options.name)
        raise
    for number, stack in enumerate(stacks, 1):
        _tell(json.dumps(stack.inventory(), indent=2), options.inventory, number)


def _tell(text: str, path: Path | None, number: int) -> None:
    """Write an inventory, or print it when there is no path."""
    if path is None:
        print(text)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_stem(numbered(path.stem, number)).write_text(text + "\n")


def _down(engine: engines.Engine, name: str) -> None:
    """Remove the stacks that were brought up together under a name."""
    for one in dict.fromkeys((name, *together(name))):
        cleanup.remove_stack(engine, one)


def _remove_left(name: str, started: int | None) -> None:
    """Remove what an interrupted run left, and stop the engine if the run started it.

    The engine may finish what it was asked for: a second time finds that. One that is gone is not started again.
    """
    for _time in range(2 if together(name) else 0):
        if engines.answers():
            _down(engines.Engine(), name)
        time.sleep(1)
    if started is not None:
        engines.stop(started)


def _clean() -> None:
    """Remove all stacks of this checkout, and the engine's process and images if the engine is there."""
    if engines.answers():
        engine = engines.Engine()
        cleanup.sweep(engine, lambda owner: True)
        images.remove(engine)
    if (pid := engines.left_running()) is not None:
        engines.stop(pid)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.stack", description="SteVe installations for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring stacks up, and print (or write) an Ansible inventory of each")
    up.add_argument("name")
    up.add_argument("--release", default="3.14.1", help="SteVe releases to play, one stack each (default: %(default)s)")
    up.add_argument("--mode", choices=get_args(Mode), default="host", help="where nginx runs (default: %(default)s)")
    up.add_argument("--inventory", type=Path, help="file to write the inventory to (others: FILE-2 …)")
    commands.add_parser("down", help="remove the stacks of a name").add_argument("name")
    watching = commands.add_parser("watch", help="remove the stacks of a name when a molecule process has ended")
    watching.add_argument("name")
    watching.add_argument("process", type=int)
    watching.add_argument("directory", type=Path, help="molecule's ephemeral directory, which is removed too")
    watching.add_argument("--engine", type=int, help="process of the engine that was started for it, to be stopped")
    commands.add_parser("engine", help="make sure that a Docker engine runs, and leave it running")
    commands.add_parser("images", help="build the images that are missing")
    commands.add_parser("clean", help="remove this checkout's stacks, the images, and an engine that was started here")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
