# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing stacks, also those whose tests were killed. Works on labels and files, not on what a process remembers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.stack.engine import Engine
from tests.stack.shell import CACHE, StackError, lock, say

STACKS = CACHE / "stacks"
"""One directory per stack of this checkout: the compose project, and ``owner``, the process that answers for it."""

LABEL = "chargeops.steve.test"
"""Label of containers beside the compose project (target, chargers); its value is the stack's name."""


def remove_stack(engine: Engine, name: str) -> None:
    """Remove a stack's containers, networks, volumes and files; calling it again does no harm.

    One at a time, because the engine refuses to remove what is being removed. Raises StackError when something is
    still there; then the files stay too, and the next sweep tries again.
    """
    with lock(CACHE / "removing.lock"):
        _remove(engine, name)


def _remove(engine: Engine, name: str) -> None:
    own, project = f"label={LABEL}={name}", f"label=com.docker.compose.project={name}"
    steps = (
        (("ps", "--all", "--filter", own), ("rm", "--force", "--volumes")),
        (("ps", "--all", "--filter", project), ("rm", "--force", "--volumes")),
        (("network", "ls", "--filter", project), ("network", "rm")),
        (("volume", "ls", "--filter", project), ("volume", "rm")),
    )
    for listing, removing in steps:
        if found := engine.docker(*listing, "--quiet").stdout.split():
            engine.docker(*removing, *found)
    shutil.rmtree(STACKS / name, ignore_errors=True)
    if (STACKS / name).exists():
        _remove_as_root(engine, STACKS / name)


def sweep(engine: Engine, unwanted: Callable[[str], bool]) -> list[str]:
    """Remove this checkout's stacks whose owner (see STACKS) is unwanted; return the names of those that are gone."""
    gone = []
    for directory in sorted(STACKS.glob("*")):
        owner = directory / "owner"
        if unwanted(owner.read_text().strip() if owner.exists() else ""):
            say(f"removing {directory.name}, which was left behind")
            try:
                remove_stack(engine, directory.name)
                gone.append(directory.name)
            except StackError as error:
                say(f"{directory.name} is not gone, and the next run tries again: {error}")
    return gone


def owner_is_dead(owner: str) -> bool:
    """Whether the owner was a process that is no more; stacks started by hand (owner ``nobody``) are kept."""
    return owner.isdigit() and not Path(f"/proc/{owner}").exists()


def _remove_as_root(engine: Engine, directory: Path) -> None:
    """Files that root wrote in the target cannot be removed by an ordinary user: let a container do it."""
    listed = engine.docker("image", "ls", "--quiet", "chargeops-steve-test/target").stdout.split()
    mount = f"{directory.parent}:/stacks"
    engine.docker("run", "--rm", "--volume", mount, listed[0], "rm", "-rf", f"/stacks/{directory.name}")
