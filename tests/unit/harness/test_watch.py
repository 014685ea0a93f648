# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left of an interrupted ``molecule test``: real processes and signals, no Docker."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack import watch
from tests.stack.shell import StackError
from tests.stack.watch import Process

# Starts a child in a session of its own, as Ansible does with its workers, which ignores the polite signal.
MOLECULE = """
import signal, subprocess, sys
signal.signal(2, signal.SIG_DFL)  # whoever started the tests may have ignored it
child = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
process = subprocess.Popen([sys.executable, "-c", child], start_new_session=True, stdout=subprocess.PIPE)
process.stdout.readline()
print(process.pid, flush=True)
signal.pause()
"""


class Fake:
    """A program named molecule that runs with a child."""

    def __init__(self, folder: Path, stack: str, *words: str) -> None:
        script = folder / "molecule"
        script.write_text(MOLECULE)
        self.process = subprocess.Popen(
            [sys.executable, str(script), *words], env=os.environ | {watch.STACK: stack}, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.child = int(self.process.stdout.readline())

    def kill(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(10)

    def end(self) -> None:
        for pid in (self.child, self.process.pid):
            if Process.of(pid) is not None:
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr(watch, "WATCHERS", tmp_path / "watchers")
    monkeypatch.setattr(watch, "GRACE_S", 0.5)
    return f"steve-{secrets.token_hex(4)}"


@pytest.fixture
def fake(tmp_path: Path, stack: str) -> Iterator[Fake]:
    made = Fake(tmp_path, stack, "test", "-s", "default")
    yield made
    made.end()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_after_an_interrupt_children_stack_and_directory_are_gone(
    fake: Fake, stack: str, tmp_path: Path, number: int
) -> None:
    ephemeral, seen = tmp_path / "ephemeral", []
    ephemeral.mkdir()

    def remove() -> None:
        seen.append(Process.of(fake.child) is None)

    watcher = threading.Thread(target=watch.watch, args=(stack, fake.process.pid, ephemeral, remove))
    watcher.start()
    until(lambda: watch._holder(stack) == fake.process.pid)
    assert not watch.orphans(stack) and not seen
    with pytest.raises(StackError, match=f"in use by molecule, process {fake.process.pid}"):
        watch.claim(stack)
    fake.kill(number)
    # Another run waits until the first one's rest is gone.
    watch.claim(stack)
    assert seen == [True] and not ephemeral.exists()
    watcher.join(10)
    assert list((tmp_path / "watchers").iterdir()) == []


def test_processes_of_another_stack_and_of_a_living_molecule_are_let_alone(
    fake: Fake, stack: str, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    living = Fake(folder, stack, "converge")
    try:
        fake.kill(signal.SIGKILL)
        assert [process.pid for process in watch.orphans(stack)] == [fake.child]
        assert watch.orphans(f"{stack}-2") == []
    finally:
        living.end()


@pytest.mark.parametrize(
    ("words", "subcommand", "removes"),
    [
        (["/venv/bin/python", "/venv/bin/molecule", "test", "-s", "default"], ("test", "-s", "default"), True),
        (["python3", "-m", "molecule", "test", "--all"], ("test", "--all"), True),
        (["molecule", "test", "--destroy", "never"], ("test", "--destroy", "never"), False),
        (["molecule", "test", "--destroy=never"], ("test", "--destroy=never"), False),
        (["molecule", "converge"], ("converge",), False),
        (["python", "tests/run.py", "molecule default"], (), False),
    ],
)
def test_only_a_test_that_destroys_has_its_stack_removed(
    words: list[str], subcommand: tuple[str, ...], removes: bool
) -> None:
    process = Process(1, 0, 0, tuple(words))
    assert process.subcommand == subcommand
    assert watch.removes_at_the_end(process) is removes
