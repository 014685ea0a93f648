# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pytest fixtures: import them in the conftest.py of tests that need a real stack."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.process import interrupt
from tests.stack import cleanup, images
from tests.stack.engine import Engine, running
from tests.stack.images import Images
from tests.stack.project import Mode, Stack


class Stacks:
    """Stacks that live as long as the test session, one per release and mode; whoever breaks one mends it."""

    def __init__(self, engine: Engine, tags: Images, life: ExitStack) -> None:
        self.engine, self.images, self._life = engine, tags, life
        self._known: dict[tuple[str, Mode], Stack] = {}

    def __call__(self, release: str = "3.14.1", mode: Mode = "host") -> Stack:
        """Return the stack of this release and mode, brought up at the first call."""
        key = (release, mode)
        if key not in self._known:
            self._known[key] = self._life.enter_context(Stack(self.engine, self.images, release=release, mode=mode))
        return self._known[key]


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """A Docker engine; stopped at the end only if it was not there before. Removes what killed runs left."""
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with running() as engine:
            cleanup.sweep(engine, cleanup.owner_is_dead)
            yield engine
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def stack_images(docker_engine: Engine) -> Images:
    """The images, built when needed."""
    return images.ensure(docker_engine)


@pytest.fixture(scope="session")
def stacks(docker_engine: Engine, stack_images: Images) -> Iterator[Stacks]:
    """Stacks by release and mode, shared by the tests of a session."""
    with ExitStack() as life:
        yield Stacks(docker_engine, stack_images, life)
