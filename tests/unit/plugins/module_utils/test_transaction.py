# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All or nothing: whatever fails, and wherever the process is killed."""

from __future__ import annotations

import errno
import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _transaction
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._transaction import (
    Change,
    Journal,
    TransactionError,
    locked,
    recover,
    restorable,
    transact,
    write_file,
)

from tests.unit.killing import CountedOs, killed


class Service:
    """Something that loads the files when it is told to; what it loaded lies in a file, to survive the process."""

    def __init__(self, directory: Path) -> None:
        self.conf = directory / "conf"
        self.state = directory / "state"
        self.loaded = directory / "loaded"
        self.conf.mkdir()
        self.state.mkdir()
        self.site, self.fragment = self.conf / "site", self.conf / "fragment"
        self.site.write_bytes(b"site\n")
        self.journal = Journal(str(self.state))
        self.apply()

    def apply(self) -> None:
        self.loaded.write_bytes(
            self.site.read_bytes() + (self.fragment.read_bytes() if self.fragment.exists() else b"")
        )

    def changes(self) -> list[Change]:
        return [
            Change(str(self.fragment), None, b"fragment\n"),
            Change(str(self.site), b"site\n", b"site, include fragment\n"),
        ]

    def old(self) -> bool:
        return os.listdir(self.conf) == ["site"] and self.site.read_bytes() == self.loaded.read_bytes() == b"site\n"

    def new(self) -> bool:
        return (
            sorted(os.listdir(self.conf)) == ["fragment", "site"]
            and self.loaded.read_bytes() == b"site, include fragment\nfragment\n"
            and self.fragment.read_bytes() == b"fragment\n"
        )


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def fail(words: str) -> Callable[[], None]:
    def failing() -> None:
        raise SteveError("reload nginx", "nginx.conf", words, "Mend it.")

    return failing


def test_everything_is_written_and_no_journal_stays(service: Service) -> None:
    transact(service.journal, service.changes(), service.apply)
    assert service.new()
    assert os.listdir(service.state) == []


@pytest.mark.parametrize("fails", ["apply", "prove"])
def test_a_step_that_fails_leaves_everything_as_it_was(service: Service, fails: str) -> None:
    calls: list[str] = []

    def apply() -> None:
        calls.append("apply")
        if fails == "apply" and len(calls) == 1:
            fail("nginx says: [emerg] no")()
        service.apply()

    with pytest.raises(TransactionError) as caught:
        transact(
            service.journal, service.changes(), apply, fail("nginx says: [emerg] no") if fails == "prove" else None
        )
    assert service.old()
    assert os.listdir(service.state) == []
    assert calls == ["apply", "apply"]  # the second loads the previous bytes again
    assert "nginx says: [emerg] no; the previous files are back. Mend it." in caught.value.sentence()


def test_an_error_of_our_own_is_undone_too(service: Service) -> None:
    def prove() -> None:
        raise ValueError("hunter2")

    with pytest.raises(TransactionError) as caught:
        transact(service.journal, service.changes(), service.apply, prove)
    assert service.old()
    assert "internal error ValueError" in caught.value.sentence()
    assert "hunter2" not in caught.value.sentence()


def test_when_the_way_back_fails_too_the_journal_stays_for_the_next_run(service: Service) -> None:
    with pytest.raises(TransactionError) as caught:
        transact(service.journal, service.changes(), fail("it is dead"))
    assert caught.value.code == "rollback-failed"
    assert service.site.read_bytes() == b"site\n"
    assert recover(service.journal, service.apply) == []  # the bytes are back already, the service is told again
    assert service.old()
    assert os.listdir(service.state) == []


def test_a_full_disk_is_said_and_nothing_is_lost(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    room = [3]

    def write(descriptor: int, data: bytes) -> int:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    for room[0] in range(3):
        left = room[0]
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            with pytest.raises(TransactionError) as caught:
                transact(service.journal, service.changes(), service.apply)
        assert "No space left on device" in caught.value.sentence(), left
        assert "Make room" in caught.value.sentence()
        assert service.old()
        assert os.listdir(service.state) == []


def test_a_file_changed_by_somebody_else_since_the_plan_is_left_alone(service: Service) -> None:
    service.site.write_bytes(b"other\n")
    with pytest.raises(SteveError, match="somebody else"):
        transact(service.journal, service.changes(), service.apply)
    assert service.site.read_bytes() == b"other\n"
    assert not service.fragment.exists()


def test_killed_before_any_step_the_next_run_recovers_and_then_succeeds(tmp_path: Path) -> None:
    """Every system call of the transaction that changes something, and every call of the service, is one step."""
    deadly = 0
    while True:
        deadly += 1
        directory = tmp_path / str(deadly)
        directory.mkdir()
        service = Service(directory)

        def work(service: Service = service, deadly: int = deadly) -> None:
            counted = CountedOs(deadly)
            vars(_transaction)["os"] = counted

            def apply() -> None:
                counted.step()
                service.apply()

            transact(service.journal, service.changes(), apply, counted.step)

        was_killed = killed(work)
        assert service.site.read_bytes() in (b"site\n", b"site, include fragment\n"), deadly
        if service.site.read_bytes() != b"site\n":
            assert service.fragment.read_bytes() == b"fragment\n", deadly  # never a line that includes nothing
        if not was_killed:
            break
        finished = service.new() and not service.journal.pending()
        recover(service.journal, service.apply)
        assert service.new() if finished else service.old(), deadly
        if not finished:
            transact(service.journal, service.changes(), service.apply)
        assert service.new(), deadly
        assert os.listdir(service.state) == [], deadly
    assert deadly > 20
    assert service.new()


def test_killed_while_recovering_the_run_after_that_recovers(tmp_path: Path) -> None:
    deadly = 0
    while True:
        deadly += 1
        directory = tmp_path / str(deadly)
        directory.mkdir()
        service = Service(directory)
        service.journal.begin(service.changes())
        for change in service.changes():
            write_file(change.path, change.after)
        service.apply()

        def work(service: Service = service, deadly: int = deadly) -> None:
            counted = CountedOs(deadly)
            vars(_transaction)["os"] = counted
            recover(service.journal, service.apply)

        was_killed = killed(work)
        if service.site.read_bytes() != b"site\n":
            assert service.fragment.exists(), deadly  # never a line that includes nothing
        recover(service.journal, service.apply)
        assert service.old(), deadly
        assert os.listdir(service.state) == [], deadly
        if not was_killed:
            break
    assert deadly > 5


def test_recovery_does_not_overwrite_what_somebody_else_wrote_since(service: Service) -> None:
    service.journal.begin(service.changes())
    service.site.write_bytes(b"a human was here\n")
    with pytest.raises(SteveError) as caught:
        recover(service.journal, service.apply)
    assert caught.value.code == "changed-meanwhile"
    assert service.site.read_bytes() == b"a human was here\n"
    assert service.journal.pending()


def test_looking_at_what_must_be_recovered_writes_nothing(service: Service) -> None:
    service.journal.begin(service.changes())
    write_file(str(service.fragment), b"fragment\n")
    before = sorted(os.listdir(service.conf)), os.listdir(service.state)
    assert restorable(service.journal.pending()) == {str(service.fragment): None}
    assert (sorted(os.listdir(service.conf)), os.listdir(service.state)) == before


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": [{"path": "/x", "before": "!", "after": ""}]}', '{"files": [1]}']
)
def test_a_damaged_journal_is_said(service: Service, text: str) -> None:
    Path(service.journal.path).write_text(text)
    with pytest.raises(SteveError) as caught:
        service.journal.pending()
    assert caught.value.code == "journal-damaged"


def test_the_journal_is_for_its_owner_only(service: Service) -> None:
    service.journal.begin(service.changes())
    assert os.stat(service.journal.path).st_mode & 0o777 == 0o600
    assert "c2l0ZQo=" in json.dumps(json.loads(Path(service.journal.path).read_text()))


# -- one file ----------------------------------------------------------------------------------------------------------


def test_mode_owner_and_extended_attributes_of_a_replaced_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    attributes = True
    try:
        os.setxattr(path, "user.steve", b"kept")
    except OSError:
        attributes = False
    before = path.stat()
    write_file(str(path), b"new")
    after = path.stat()
    assert path.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not attributes or os.getxattr(path, "user.steve") == b"kept"
    assert os.listdir(tmp_path) == ["file"]


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_we_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def recorded(name: str, real: Any, *args: Any) -> None:
        calls.append(name)
        real(*args)

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, functools.partial(recorded, name, getattr(os, name)))
    write_file(str(tmp_path / "file"), b"x")
    assert calls == ["fsync", "replace", "fsync"]


def test_a_new_file_gets_the_mode_that_was_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        write_file(str(tmp_path / "file"), b"x", mode=0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_a_leftover_or_planted_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / ".file.steve-new").symlink_to(victim)
    write_file(str(tmp_path / "file"), b"x")
    assert victim.read_bytes() == b"untouched"
    assert sorted(os.listdir(tmp_path)) == ["file", "victim"]


def test_the_lock_is_exclusive_leaves_no_file_and_names_the_wait(tmp_path: Path) -> None:
    times = iter([0.0, 1.0, 61.0])
    slept: list[float] = []
    with locked(str(tmp_path)):
        with (
            pytest.raises(SteveError, match="another run has held the lock for 60 s"),
            locked(str(tmp_path), 60, lambda: next(times), slept.append),
        ):
            raise AssertionError("the lock was given twice")
        assert os.listdir(tmp_path) == []
    assert slept == [0.1]
    with locked(str(tmp_path), 0):
        pass
