# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module on files of a temporary directory."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _env_edit, _transaction
from ansible_collections.chargeops.steve.plugins.modules import steve_env_file as module

from tests.unit.killing import CountedOs, killed
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
    assert result["names"] == {"added": ["NEW"], "changed": ["AUTH_PASSWORD"], "removed": ["OLD"]}
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
    assert result["names"]["changed"] == ["AUTH_PASSWORD"]
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


def test_a_file_for_a_group_is_no_warning_and_no_mode_is_changed(path: Path) -> None:
    path.chmod(0o664)
    predicted = run(path, check=True, keys={"A": "1"})
    assert "mode 0664" in predicted["warnings"][0]
    assert run(path, keys={"A": "1"})["warnings"] == predicted["warnings"]
    assert path.stat().st_mode & 0o777 == 0o664
    path.chmod(0o660)
    assert run(path)["warnings"] == []


# -- kept until confirmed ----------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_what_is_not_confirmed_is_put_back(path: Path, state: Path) -> None:
    before = path.read_bytes()
    options: dict[str, Any] = {"keys": {"AUTH_PASSWORD": "new"}, "absent_keys": ["OLD"], "state_dir": str(state)}
    assert run(path, **options)["pending"] is True
    assert state.stat().st_mode & 0o777 == 0o700
    # Another run, e.g. after an interrupted one, keeps the content that was last confirmed.
    assert run(path, keys={"MORE": "1"}, state_dir=str(state))["pending"] is True
    again = run(path, check=True, **options)
    assert (again["changed"], again["pending"]) == (False, True)
    predicted = run(path, check=True, state="restored", state_dir=str(state))
    restored = run(path, state="restored", state_dir=str(state))
    names = {"added": ["OLD"], "changed": ["AUTH_PASSWORD"], "removed": ["MORE"]}
    assert restored["names"] == predicted["names"] == names
    assert restored["changed"] is True and "new" not in restored["diff"]["before"].replace("(new value", "")
    assert path.read_bytes() == before and path.stat().st_mode & 0o777 == 0o640
    assert not state.exists()
    assert run(path, state="restored", state_dir=str(state))["changed"] is False


def test_what_is_confirmed_is_not_kept(path: Path, state: Path) -> None:
    run(path, keys={"A": "1"}, state_dir=str(state))
    assert run(path, state="confirmed", state_dir=str(state))["pending"] is False
    assert not state.exists()
    assert run(path, state="restored", state_dir=str(state))["changed"] is False
    assert path.read_text().endswith("A=1\n")


def test_going_back_by_oneself_leaves_nothing_to_confirm(path: Path, state: Path) -> None:
    run(path, keys={"AUTH_USER": "x"}, state_dir=str(state))
    assert run(path, keys={"AUTH_USER": "admin"}, state_dir=str(state))["pending"] is False
    assert not state.exists()


def test_a_file_that_was_not_there_is_removed_again(tmp_path: Path, state: Path) -> None:
    path = tmp_path / "new.env"
    run(path, keys={"A": "1"}, create=True, state_dir=str(state))
    assert run(path, state="restored", state_dir=str(state))["names"]["removed"] == ["A"]
    assert not path.exists()


def test_what_somebody_else_wrote_is_not_overwritten(path: Path, state: Path) -> None:
    run(path, keys={"A": "1"}, state_dir=str(state))
    path.write_text("A=2\n")
    for options in ({"state": "restored"}, {"keys": {"A": "3"}}):
        result = run(path, state_dir=str(state), **options)
        assert result["error"]["code"] == "changed-meanwhile"
        assert str(state) in result["msg"]
        assert path.read_text() == "A=2\n"
    run(path, state="confirmed", state_dir=str(state))
    assert path.read_text() == "A=2\n" and not state.exists()


def test_states_without_a_place_are_refused(path: Path) -> None:
    printed = json.loads(printed_by(module, path=str(path), state="restored"))
    assert printed["failed"] is True and "state_dir" in printed["msg"]


def test_killed_at_any_step_the_old_or_the_new_is_there_and_the_old_can_be_put_back(
    path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    steps = 0
    while True:
        steps += 1
        counted = CountedOs(steps)

        def work(counted: CountedOs = counted) -> None:
            for room in (_env_edit, _transaction):
                monkeypatch.setattr(room, "os", counted)
            _env_edit.ensure(_env_edit.Wish(str(path), {"A": "1"}, state_dir=str(state)))

        dead = killed(work)
        assert path.read_bytes() in (before, before + b"A=1\n")
        if dead:
            # The next run goes on, and what it keeps is the old content.
            assert run(path, keys={"A": "1"}, state_dir=str(state))["pending"] is True
        assert path.read_bytes() == before + b"A=1\n"
        assert run(path, state="restored", state_dir=str(state))["changed"] is True
        assert path.read_bytes() == before
        assert sorted(os.listdir(path.parent)) == ["app.env"]
        if not dead:
            break
    assert steps > 10


def test_killed_while_it_is_put_back_the_next_run_puts_it_back(
    path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    steps, dead = 0, True
    while dead:
        steps += 1
        run(path, keys={"A": "1"}, state_dir=str(state))
        counted = CountedOs(steps)

        def work(counted: CountedOs = counted) -> None:
            for room in (_env_edit, _transaction):
                monkeypatch.setattr(room, "os", counted)
            _env_edit.put_back(_env_edit.Wish(str(path), state_dir=str(state)))

        dead = killed(work)
        run(path, state="restored", state_dir=str(state))
        assert path.read_bytes() == before
        assert sorted(os.listdir(path.parent)) == ["app.env"]
    assert steps > 5


def test_killed_while_it_is_confirmed_the_next_run_confirms_it(
    path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    steps, dead = 0, True
    while dead:
        steps += 1
        path.write_bytes(before)
        run(path, keys={"A": "1"}, state_dir=str(state))
        counted = CountedOs(steps)

        def work(counted: CountedOs = counted) -> None:
            for room in (_env_edit, _transaction):
                monkeypatch.setattr(room, "os", counted)
            _env_edit.confirm(_env_edit.Wish(str(path), state_dir=str(state)))

        dead = killed(work)
        # The next run of the role: the values stand, and what is pending, if anything, is confirmed or forgotten.
        again = run(path, keys={"A": "1"}, state_dir=str(state))
        assert "error" not in again and again["changed"] is False
        run(path, state="confirmed", state_dir=str(state))
        assert path.read_bytes() == before + b"A=1\n"
        assert sorted(os.listdir(path.parent)) == ["app.env"]
    assert steps > 3


def writes(step: str, args: tuple[Any, ...]) -> bool:
    """Whether a call needs room on the disk; directories are opened and synced without."""
    if step == "fsync":
        return not stat.S_ISDIR(os.fstat(args[0]).st_mode)
    return step != "open" or bool(args[1] & os.O_CREAT)


def full_after(step: str, allowed: int) -> Callable[..., Any]:
    """The call on a disk that has room for so many of them."""
    real = getattr(os, step)
    left = allowed

    def full(*args: Any, **options: Any) -> Any:
        nonlocal left
        if writes(step, args):
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **options)

    return full


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
def test_a_full_disk_changes_nothing_and_is_named(
    path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = path.read_bytes()
    for allowed in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, full_after(step, allowed))
            result = run(path, keys={"A": "1"}, state_dir=str(state))
        if not result.get("failed"):
            run(path, state="restored", state_dir=str(state))
            break
        assert "No space left on device" in result["msg"] and "make room" in result["msg"]
        assert path.read_bytes() == before
        assert sorted(os.listdir(path.parent)) == ["app.env"]
    assert allowed > 0


def test_a_disk_that_fails_after_the_file_was_replaced_keeps_the_old_one(
    path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = path.read_bytes(), os.fsync

    def broken(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), path.parent.stat()):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        result = run(path, keys={"AUTH_PASSWORD": "new"}, state_dir=str(state))
    assert result["failed"] is True and "Input/output error" in result["msg"]
    assert "Nothing was changed" not in result["msg"] and str(state) in result["msg"]
    assert path.read_bytes() != before
    # The next run goes on there, and can go back.
    again = run(path, keys={"AUTH_PASSWORD": "new"}, state_dir=str(state))
    assert (again["changed"], again["pending"]) == (False, True)
    assert run(path, state="restored", state_dir=str(state))["changed"] is True
    assert path.read_bytes() == before and not state.exists()


def test_two_at_once_lose_nothing(path: Path, state: Path) -> None:
    before = path.read_bytes()

    def write_one(number: int) -> None:
        _env_edit.ensure(_env_edit.Wish(str(path), {f"K{number}": "v"}, state_dir=str(state)))

    with ThreadPoolExecutor(4) as several:
        list(several.map(write_one, range(8)))
    assert sorted(path.read_text().splitlines()[-8:]) == [f"K{number}=v" for number in range(8)]
    assert run(path, state="restored", state_dir=str(state))["changed"] is True
    assert path.read_bytes() == before
