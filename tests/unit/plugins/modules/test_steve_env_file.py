# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module on files of a temporary directory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.modules import steve_env_file as module

from tests.unit.module_runs import assert_documented, assert_spec_documented, printed_by, result_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "app.env"
    file.write_text("# SteVe\nAUTH_USER=admin\nAUTH_PASSWORD=1234 # shipped\nOLD=1\n")
    file.chmod(0o640)
    return file


def run(path: Path, check: bool = False, **options: Any) -> dict[str, Any]:
    result = result_of(module, check, path=str(path), **options)
    assert_documented(module, result)
    return result


def test_the_documentation_is_that_of_the_options() -> None:
    assert_spec_documented(module)


def test_keys_are_written_and_the_second_run_changes_nothing(path: Path) -> None:
    options: dict[str, Any] = {
        "keys": {"AUTH_PASSWORD": "it's $1", "AUTH_USER": "admin", "NEW": "x"},
        "absent_keys": ["OLD", "OLDER"],
    }
    result = run(path, **options)
    assert result["changed"] is True
    assert result["keys"] == {"added": ["NEW"], "changed": ["AUTH_PASSWORD"], "removed": ["OLD"]}
    assert path.read_text() == '# SteVe\nAUTH_USER=admin\nAUTH_PASSWORD="it\'s \\$1" # shipped\nNEW=x\n'
    assert path.stat().st_mode & 0o777 == 0o640
    inode = path.stat().st_ino
    again = run(path, **options)
    assert (again["changed"], again["diff"]["before"], again["diff"]["after"]) == (False, "", "")
    assert path.stat().st_ino == inode
    assert os.listdir(path.parent) == ["app.env"]


def test_check_mode_predicts_and_writes_nothing(path: Path) -> None:
    before = path.read_bytes(), path.stat().st_mtime_ns
    options: dict[str, Any] = {"keys": {"AUTH_PASSWORD": "other"}, "absent_keys": ["OLD"]}
    predicted = run(path, check=True, **options)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert run(path, **options) == predicted


@pytest.mark.parametrize("secret", ["1234", "admin", "AUTH", "steve"])
def test_a_secret_is_nowhere_and_damages_nothing(path: Path, secret: str) -> None:
    result = run(path, keys={"AUTH_PASSWORD": secret + "!"})
    assert result["keys"]["changed"] == ["AUTH_PASSWORD"]
    assert secret + "!" not in json.dumps(result)
    assert secret + "!" not in printed_by(module, path=str(path), keys={"AUTH_PASSWORD": secret + "!"})


def test_a_number_is_refused_with_a_sentence(path: Path) -> None:
    before = path.read_bytes()
    result = run(path, keys={"AUTH_PASSWORD": 123})
    assert result["failed"] is True
    assert "the value of AUTH_PASSWORD is a number" in result["msg"]
    assert result["error"]["code"] == "bad-input"
    assert path.read_bytes() == before


def test_a_missing_file_is_made_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "new.env"
    refused = run(path, keys={"A": "1"})
    assert refused["error"]["code"] == "env-file-missing"
    assert not path.exists()
    assert run(path, check=True, keys={"A": "1"}, create=True)["changed"] is True
    assert not path.exists()
    assert run(path, keys={"A": "1"}, create=True)["changed"] is True
    assert path.read_text() == "A=1\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert run(tmp_path / "no" / "new.env", keys={"A": "1"}, create=True)["failed"] is True


def test_a_backup_is_made_of_what_changes(path: Path) -> None:
    old = path.read_bytes()
    result = run(path, keys={"A": "1"}, backup=True)
    copy = Path(result["backup_file"])
    assert copy.read_bytes() == old
    assert copy.stat().st_mode & 0o777 == 0o640
    assert run(path, keys={"A": "1"}, backup=True)["backup_file"] is None


def test_a_link_stays_a_link(path: Path) -> None:
    link = path.parent / "link.env"
    link.symlink_to("app.env")
    assert run(link, keys={"A": "1"})["changed"] is True
    assert link.is_symlink()
    assert path.read_text().endswith("A=1\n")


def test_a_file_that_everybody_can_read_is_a_warning(path: Path) -> None:
    path.chmod(0o644)
    assert "Every user of this host can read" in run(path)["warnings"][0]
    path.chmod(0o600)
    assert run(path)["warnings"] == []


@pytest.mark.parametrize("kind", ["directory", "pipe", "broken"])
def test_what_is_no_env_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("A='open\n")
    result = run(path, keys={"A": "secret"})
    assert result["failed"] is True
    assert "Cannot" in result["msg"]
    assert "secret" not in json.dumps(result)
