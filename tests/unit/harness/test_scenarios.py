# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders of molecule's scenarios hold what is their own, and all of what makes them judge something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.shell import ROOT

FOLDERS = sorted(path.parent for path in (ROOT / "molecule").glob("*/molecule.yml"))
SHARED: dict[str, Any] = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
SITUATIONS = {
    "default", "nginx_existing_site", "nginx_tls", "env_change", "recreate_stale_upstream", "restart_loop",
    "multi_host", "diagnose_only",
}  # fmt: skip


def test_every_situation_has_its_scenario() -> None:
    assert not SITUATIONS - {folder.name for folder in FOLDERS}


@pytest.fixture(params=FOLDERS, ids=lambda folder: str(folder.name))
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_it_has_a_playbook_and_tests_that_can_fail(folder: Path) -> None:
    assert (folder / "converge.yml").exists()
    tests = list(folder.glob("tests/test_*.py"))
    assert tests and all("assert " in path.read_text() for path in tests)


def test_its_first_comment_says_what_it_is(folder: Path) -> None:
    text = (folder / "molecule.yml").read_text().partition("---\n")[2]
    comment = re.match(r"(# .+\n)+", text)
    assert comment and len(comment[0]) > 80 and comment[0].rstrip().endswith("."), "write what the situation is"
    assert f"| `{folder.name}` |" in (ROOT / "molecule/README.md").read_text()


def leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, *path, key)
    else:
        yield path, value


def test_it_copies_nothing_that_is_shared(folder: Path) -> None:
    assert not [name for name in ("create.yml", "destroy.yml") if (folder / name).exists()]
    own = dict(leaves(yaml.safe_load((folder / "molecule.yml").read_text()) or {}))
    shared = dict(leaves(SHARED))
    assert not [path for path, value in own.items() if path in shared and shared[path] == value]


def test_it_is_removed_whatever_happens(folder: Path) -> None:
    own = yaml.safe_load((folder / "molecule.yml").read_text()) or {}
    sequence = {**SHARED["scenario"], **own.get("scenario", {})}["test_sequence"]
    assert sequence[0] == sequence[-1] == "destroy" and {"create", "converge", "verify"} <= set(sequence)
