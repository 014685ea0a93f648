# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks manage a host with the Python that STEVE_TARGET_PYTHON names (``tests/run.py targets`` tries each)."""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.artifact.conftest import Command
from tests.demo.run import build


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python as a program that notes each of its runs beside itself."""
    wrapper = tmp_path_factory.mktemp("python") / "python"
    given = os.environ["STEVE_TARGET_PYTHON"]
    wrapper.write_text(f'#!/bin/sh\necho run >>"$0.runs"\nexec {given} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def play(command: Command, python: Path, folder: Path, name: str, *words: str) -> tuple[str, dict[str, list[str]], Any]:
    """Run a playbook on the demo's hosts; what it said, the findings by host, and what was expected of them."""
    with ExitStack() as stack:
        hosts, expected = build(stack)
        inventory = folder / "hosts.json"
        managed = {name: host | {"ansible_python_interpreter": str(python)} for name, host in hosts.items()}
        inventory.write_text(json.dumps({"steve": {"hosts": managed}}), encoding="utf-8")
        where = ["--inventory", str(inventory), "--extra-vars", json.dumps({"steve_report_dir": str(folder / "runs")})]
        done = command("ansible-playbook", f"chargeops.steve.{name}", *where, *words)
    said = done.stdout + done.stderr
    documents = sorted((folder / "runs").glob("*/findings.json"))
    assert documents, said
    items = json.loads(documents[-1].read_text(encoding="utf-8"))["findings"]
    return said, {host: [item["id"] for item in items if item["host"] == host] for host in expected}, expected


def runs(python: Path) -> int:
    noted = python.with_name("python.runs")
    return len(noted.read_text().splitlines()) if noted.exists() else 0


def test_diagnose_names_what_is_broken(command: Command, python: Path, tmp_path: Path) -> None:
    before = runs(python)
    said, found, expected = play(command, python, tmp_path, "diagnose")
    assert found == expected, said
    assert runs(python) - before >= len(expected), "the hosts were managed by another Python"


def test_remediate_predicts_the_registration(command: Command, python: Path, tmp_path: Path) -> None:
    before = runs(python)
    boxes = json.dumps({"steve_charge_boxes": ["CP-1", "NEW-7"]})
    words = ["--check", "--diff", "--limit", "berlin", "--extra-vars", boxes]
    said, _found, _expected = play(command, python, tmp_path, "remediate", *words)
    assert re.search(r"^berlin .*changed=1 .*failed=0", said, re.MULTILINE), said
    assert re.search(r"^\+.*NEW-7", said, re.MULTILINE), said
    assert runs(python) > before, "the host was managed by another Python"
