# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs are run within bounds: of time, of what is kept, and without anything to read."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._command import Program, TimedOut, run


def python(script: str) -> list[str]:
    """A program of these lines; without site packages it starts at once."""
    return [sys.executable, "-S", "-c", script]


def test_both_streams_and_the_exit_code_are_kept_apart() -> None:
    said = run(python("import sys; print('out'); print('a\\nlast', file=sys.stderr); sys.exit(3)"), 20)
    assert (said.code, said.text, said.complaint, said.last_words, said.cut) == (3, "out\n", "a\nlast\n", "last", False)


def test_merged_streams_come_in_their_order() -> None:
    said = run(python("import os; os.write(2, b'1'); os.write(1, b'2'); os.write(2, b'3')"), 20, merged=True)
    assert (said.out, said.err, said.last_words) == (b"123", b"", "123")


def test_a_program_without_words_is_known_by_its_exit_code() -> None:
    assert run(python("raise SystemExit(7)"), 20).last_words == "exit code 7"


def test_more_than_is_kept_is_dropped_and_the_program_still_ends_by_itself() -> None:
    said = run(python("import os\nfor _ in range(64): os.write(1, b'x' * 65536)\nos.write(2, b'end')"), 20, keep=1000)
    assert (said.code, said.out, said.err, said.cut) == (0, b"x" * 1000, b"end", True)
    assert run(python("print('x' * 999)"), 20, keep=1000).cut is False


def test_nothing_waits_for_input() -> None:
    assert run(python("import sys; print(repr(sys.stdin.read()))"), 20).text == "''\n"


def test_environment_and_directory_are_those_given(tmp_path: Path) -> None:
    script = "import os; print(os.environ.get('LC_ALL'), os.environ.get('HOME'), os.getcwd())"
    said = run(python(script), 20, environment={"LC_ALL": "C"}, directory=str(tmp_path))
    assert said.text == f"C None {tmp_path}\n"


def test_a_program_that_hangs_is_ended_and_what_it_said_is_kept() -> None:
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"did not end within 0\.5 s") as caught:
        run(python("import os, time; os.write(1, b'so far'); time.sleep(60)"), 0.5)
    assert caught.value.said.out == b"so far" and caught.value.said.code == -9
    assert time.monotonic() - begun < 30


def test_a_child_that_keeps_the_pipe_open_does_not_hold_us(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"print(child.pid, file=open({str(mark)!r}, 'w'))"
    )
    begun = time.monotonic()
    try:
        with pytest.raises(TimedOut):
            run(python(script), 1.0)
        assert time.monotonic() - begun < 30
    finally:
        os.kill(int(mark.read_text("ascii")), 9)


def test_a_program_that_closes_its_output_and_stays_is_ended() -> None:
    with pytest.raises(TimedOut):
        run(python("import os, time; os.close(1); os.close(2); time.sleep(60)"), 0.5)


def test_no_such_program_is_the_system_s_own_error() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/nonexistent/program"], 5)


@pytest.mark.parametrize("gently", [True, False])
def test_a_program_that_is_ended_leaves_no_process_and_no_pipe(gently: bool) -> None:
    program = Program(python("print('x')" if gently else "import time; time.sleep(60)"))
    program.end(gently=gently)
    assert program.returncode == (0 if gently else -9)
    assert program.stdout is not None and program.stdout.closed and program.stderr is not None and program.stderr.closed
