# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``analyze`` as a user runs it: stored files only, no inventory, no host, colours and columns of the terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive

from tests.integration.playbook import COLLECTIONS, ROOT
from tests.unit.plugins.plugin_utils.documents import broken, observation, probe

OLD, NEW = "20261123T010203Z-7f3a", "20261123T010303Z-7f3b"
EVIL = "{{ lookup('ansible.builtin.pipe', 'touch pwned') }}\x1b[31m"
NO_ROUTE = {"request": "GET /x", "status": 404, "headers": {"Server": EVIL}, "body": "", "note": EVIL}


@pytest.fixture
def slices(tmp_path: Path) -> list[str]:
    """Two stored runs: one with a fault, one with a file that was cut off."""
    link = COLLECTIONS / "ansible_collections" / "chargeops" / "steve"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ROOT)
    first = _archive.create_run(str(tmp_path / "slices"), OLD)
    fault = broken("proxy-no-route", "path", evidence=[NO_ROUTE])
    _archive.write_observation(first, observation("koeln", probes=[probe(), probe("proxy", endpoint=fault, rows=[])]))
    second = _archive.create_run(str(tmp_path / "slices"), NEW)
    _archive.write_observation(second, observation("berlin"))
    Path(second, "observations", "bonn.json").write_text('{"schema": "charge', encoding="utf-8")
    return [first, second]


def argv(*options: str) -> list[str]:
    return [str(Path(sys.executable).parent / "ansible-playbook"), "chargeops.steve.analyze", *options]


def environment(**more: str) -> dict[str, str]:
    left = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "ANSIBLE_NOCOLOR", "COLUMNS")}
    return left | {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "TERM": "xterm"} | more


def analyze(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv(*options), cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def test_slices_are_judged_together_without_an_inventory(tmp_path: Path, slices: list[str]) -> None:
    done = analyze(tmp_path, "-e", json.dumps({"steve_runs": slices}), "-e", "steve_junit=steve.xml")
    assert done.returncode != 0
    assert "LOST  bonn" in done.stdout and "FAIL  koeln" in done.stdout and "OK        berlin" in done.stdout
    assert "bonn.json: is cut off or not JSON" in done.stdout
    assert "\x1b" not in done.stdout and not (tmp_path / "pwned").exists()
    (run,) = (tmp_path / "steve-reports").iterdir()
    findings = json.loads((run / "findings.json").read_text(encoding="utf-8"))
    assert {host["host"]: host["reached"] for host in findings["hosts"]} == {
        "berlin": True, "bonn": False, "koeln": True,
    }  # fmt: skip
    assert [item["hosts"] for item in findings["sources"]] == [1, 2]
    suites = ElementTree.parse(tmp_path / "steve.xml").getroot()
    assert [(suite.get("name"), suite.get("errors")) for suite in suites] == [
        ("berlin", "0"), ("bonn", "1"), ("koeln", "0"),
    ]  # fmt: skip
    assert (run / "junit.xml").read_bytes() == (tmp_path / "steve.xml").read_bytes()

    again = analyze(tmp_path, "-e", f'steve_runs=["{run}"]', "-e", "steve_fail_on=never")
    assert again.returncode != 0 and "LOST  bonn" in again.stdout and "FAIL  koeln" in again.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "there is no stored run to analyse"),
        (("-e", "steve_runs=nowhere"), "nowhere is not the directory of a run"),
        (("-e", 'steve_runs=["slice-1", "slice-2"]'), "was cut at a blank"),
    ],
)
def test_nothing_to_analyse_fails_with_a_sentence(
    tmp_path: Path, slices: list[str], options: tuple[str, ...], says: str
) -> None:
    done = analyze(tmp_path, *options)
    assert done.returncode != 0 and says in done.stdout + done.stderr
    assert not (tmp_path / "steve-reports").exists()


def in_terminal(folder: Path, columns: int, *options: str, **variables: str) -> str:
    """What a terminal of that many columns gets to see."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        argv(*options), cwd=folder, env=environment(**variables), stdin=side, stdout=side, stderr=subprocess.DEVNULL
    )
    os.close(side)
    seen = b""
    try:
        while chunk := os.read(main, 65536):
            seen += chunk
    except OSError:
        # Linux reports the closed end of a terminal as an error.
        pass
    finally:
        os.close(main)
        process.wait(timeout=60)
    return seen.decode("utf-8").replace("\r\n", "\n")


def test_colours_and_columns_are_those_of_the_terminal(tmp_path: Path, slices: list[str]) -> None:
    coloured = in_terminal(tmp_path, 64, "-e", f"steve_runs={slices[0]}")
    assert "\x1b[31;1mFAIL\x1b[0m  \x1b[1mkoeln" in coloured
    plain = in_terminal(tmp_path, 64, "-e", f"steve_runs={slices[0]}", NO_COLOR="1")
    assert "\x1b" not in plain
    report = plain[plain.index("FAIL  koeln") : plain.index("NOT OK")]
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).count("FAIL  koeln") == 1
    assert 56 <= max(len(line) for line in report.splitlines() if "ansible-playbook" not in line) <= 64
