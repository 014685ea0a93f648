# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An env file on disk: read, edited, checked by compose, replaced in one step, and put back. Edge: files.

Whether the new values are any good shows only when the app runs with them. Until then its previous bytes are kept in a
journal (see ``_transaction``); ``confirm`` forgets them, ``put_back`` restores them. A run that finds a journal goes on
where another one was interrupted: what is kept stays the content that was last confirmed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.chargeops.steve.plugins.module_utils._env_file import MAX_BYTES, Edited, between, edit
from ansible_collections.chargeops.steve.plugins.module_utils._env_rehearsal import NONE, Check
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.module_utils._transaction import (
    Change,
    Entry,
    Journal,
    locked,
    prepare_directory,
    remove_file,
    write_file,
)

#: Permissions of an env file that is created here: it will hold secrets.
NEW_MODE = 0o600
_ROOM = (errno.ENOSPC, errno.EDQUOT)

#: Asks compose about the content before and after.
Checker = Callable[["bytes | None", bytes], Check]


@dataclass(frozen=True)
class Wish:
    """What one call is told.

    Attributes:
        path: the env file; a symbolic link stays one.
        keys: names with values, checked by ``_env_file.checked_keys``.
        absent: names to remove.
        create: whether a file that does not exist is made.
        check_mode: say what would change, write nothing.
        backup: copies a file and returns the copy's path; None: no backup.
        state_dir: where the previous bytes are kept until they are confirmed; None: they are not.
        check: asks compose; None: nobody is asked.
    """

    path: str
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    absent: Iterable[str] = ()
    create: bool = False
    check_mode: bool = False
    backup: Callable[[str], str | None] | None = None
    state_dir: str | None = None
    check: Checker | None = None

    @property
    def real(self) -> str:
        """The file itself."""
        return os.path.realpath(self.path)

    @property
    def journal_dir(self) -> str | None:
        """A directory of this file's own below ``state_dir``."""
        if self.state_dir is None:
            return None
        return os.path.join(self.state_dir, "env-" + hashlib.sha256(os.fsencode(self.real)).hexdigest()[:12])


def ensure(wish: Wish) -> dict[str, Any]:
    """Give keys their values and remove others.

    Returns:
        The result as documented for the module.

    Raises:
        SteveError: the file cannot be read or written, or compose would refuse it or read it otherwise.
    """
    return _with_the_lock(wish, _ensure)


def put_back(wish: Wish) -> dict[str, Any]:
    """Restore the content that was last confirmed, if a journal keeps one.

    Raises:
        SteveError: somebody else has changed the file since, or it cannot be written; the journal stays.
    """
    return _with_the_lock(wish, _put_back)


def confirm(wish: Wish) -> dict[str, Any]:
    """The present content is good: forget the previous one.

    Raises:
        SteveError: the journal cannot be removed.
    """
    return _with_the_lock(wish, _confirm)


def _with_the_lock(wish: Wish, work: Callable[[Wish], dict[str, Any]]) -> dict[str, Any]:
    directory = os.path.dirname(wish.real)
    try:
        if wish.check_mode or not os.path.isdir(directory):
            return work(wish)
        with locked(directory):
            return _told(wish, work)
    except OSError as error:
        raise _failure(wish, error, "Nothing was changed") from error


def _told(wish: Wish, work: Callable[[Wish], dict[str, Any]]) -> dict[str, Any]:
    """The work; when it fails, what is on the disk then is what is told."""
    before = _content(wish)
    try:
        return work(wish)
    except OSError as error:
        if _content(wish) == before:
            raise
        kept = wish.journal_dir is not None and os.path.isdir(wish.journal_dir)
        where = f", and {inert(wish.journal_dir)} keeps what was confirmed last" if kept else ""
        raise _failure(wish, error, f"The file has its other content already{where}") from error


def _content(wish: Wish) -> bytes | None:
    """The file's bytes, None where there are none to be had."""
    try:
        return _read(wish.path, wish.real)
    except (OSError, SteveError):
        return None


def _failure(wish: Wish, error: OSError, state: str) -> SteveError:
    room = "make room on the file system, then run this again."
    rights = "check the file, its directory and this user's rights."
    advice = f"{state}; {room if error.errno in _ROOM else rights}"
    return SteveError("change the env file", inert(wish.path), error.strerror or type(error).__name__, advice)


def _ensure(wish: Wish) -> dict[str, Any]:
    real = wish.real
    present = _read(wish.path, real)
    if present is None and not wish.create:
        raise SteveError(
            "change the env file",
            inert(wish.path),
            "it does not exist",
            "Correct the path, or make the file first; the module steve_env_file makes it with create=true.",
            code="env-file-missing",
        )
    kept = _kept(wish, present)
    edited = edit(present or b"", wish.keys, wish.absent)
    changed = edited.data != present and not (present is None and not edited.data)
    asked = _asked(wish, present, edited.data)
    result = _result(wish, edited, changed, [*edited.notes, *asked.notes])
    result.update(checked=asked.by, unchecked_reason=asked.reason, pending=kept is not None)
    if changed and not wish.check_mode:
        if wish.backup is not None and present is not None:
            result["backup_file"] = wish.backup(real)
        result["pending"] = _write(wish, kept, present, edited.data)
    if present is not None:
        result["warnings"].extend(_open_to_all(wish.path, os.stat(real).st_mode))
    return result


def _asked(wish: Wish, present: bytes | None, data: bytes) -> Check:
    if wish.check is None:
        return Check(NONE, "no compose project or no key was named")
    asked = wish.check(present, data)
    if asked.by == NONE:
        note = f"docker compose was not asked how it reads {inert(wish.path)}: {asked.reason}."
        return Check(NONE, asked.reason, [note])
    return asked


def _result(wish: Wish, edited: Edited, changed: bool, warnings: list[str]) -> dict[str, Any]:
    return {
        "changed": changed,
        "names": {"added": edited.added, "changed": edited.changed, "removed": edited.removed},
        "diff": edited.diff(inert(wish.path)),
        "backup_file": None,
        "checked": NONE,
        "unchecked_reason": None,
        "pending": False,
        "warnings": warnings,
    }


def _open_to_all(path: str, mode: int) -> list[str]:
    if not mode & stat.S_IROTH:
        return []
    shown = f"{inert(path)} (mode {stat.S_IMODE(mode):04o})"
    return [f"Every user of this host can read {shown}, which holds secrets: chmod o-rwx."]


def _write(wish: Wish, kept: _Kept | None, present: bytes | None, data: bytes) -> bool:
    """Replace the file, its confirmed content in the journal; True while that is kept."""
    if wish.journal_dir is None:
        write_file(wish.real, data, mode=NEW_MODE)
        return False
    confirmed = kept.before if kept else present
    made = not os.path.isdir(wish.journal_dir)
    for directory in (str(wish.state_dir), wish.journal_dir):
        prepare_directory(directory)
    journal = Journal(wish.journal_dir)
    # Whoever finds the journal must know the file by its content now and by the one that it is about to get.
    known = [Change(wish.real, confirmed, now) for now in (present, data) if now is not None]
    try:
        journal.begin(known)
        write_file(wish.real, data, mode=NEW_MODE)
    except OSError:
        # It can fail when the file has been replaced already: then the journal is all that is left of the old one.
        if made and _content(wish) == present:
            with suppress(OSError):
                _forget(wish, journal)
        raise
    if data == confirmed:
        _forget(wish, journal)
    return data != confirmed


@dataclass(frozen=True)
class _Kept:
    """The content that was last confirmed; None: there was no file."""

    before: bytes | None


def _kept(wish: Wish, present: bytes | None) -> _Kept | None:
    """What an earlier run left to be confirmed; None when nothing.

    Raises:
        SteveError: the journal is damaged, or the file is neither the old one nor the new one.
    """
    if wish.journal_dir is None:
        return None
    entries: list[Entry] = Journal(wish.journal_dir).pending()
    # A run that was killed before it wrote, or whose file somebody put back, left nothing to confirm.
    if not entries or present == entries[0].before:
        return None
    digest = None if present is None else hashlib.sha256(present).hexdigest()
    if all(entry.after != digest for entry in entries):
        raise SteveError(
            "go on where another run was interrupted",
            inert(wish.path),
            "somebody else has changed the file since",
            f"Decide which content is right, then delete {inert(wish.journal_dir)}, which holds the content before.",
            code="changed-meanwhile",
        )
    return _Kept(entries[0].before)


def _put_back(wish: Wish) -> dict[str, Any]:
    present = _read(wish.path, wish.real)
    kept = _kept(wish, present)
    if kept is None:
        if not wish.check_mode:
            _forget(wish)
        return _result(wish, Edited(present or b""), False, [])
    result = _result(wish, between(present or b"", kept.before or b""), True, [])
    if wish.check_mode:
        return {**result, "pending": True}
    if kept.before is None:
        remove_file(wish.real)
    else:
        write_file(wish.real, kept.before)
    _forget(wish)
    return result


def _confirm(wish: Wish) -> dict[str, Any]:
    # Also when somebody has changed the file since: it is theirs then, and nobody would put anything back.
    if not wish.check_mode:
        _forget(wish)
    return _result(wish, Edited(b""), False, [])


def _forget(wish: Wish, journal: Journal | None = None) -> None:
    """Remove the journal and the directories that hold nothing else."""
    if wish.journal_dir is None or wish.state_dir is None:
        return
    if os.path.isdir(wish.journal_dir):
        (journal or Journal(wish.journal_dir)).end()
    for directory in (wish.journal_dir, wish.state_dir):
        with suppress(OSError):
            os.rmdir(directory)


def _read(path: str, real: str) -> bytes | None:
    try:
        # Not blocking: opening a named pipe would wait for a writer for ever.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as handle:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SteveError("change the env file", inert(path), "it is no regular file", "Correct the path.")
        data = handle.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SteveError("change the env file", inert(path), f"it exceeds {MAX_BYTES} bytes", "Correct the path.")
    return data
