# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files changed all or not at all, whatever happens in between. Edge: files.

One file is replaced by a rename, so that a reader finds the old bytes or the new ones and nothing else. Several files
and a service that must accept them are a transaction: a journal with the previous bytes is on disk before the first
file changes and is removed when everything is proven; a journal that is found later therefore means "not finished",
and ``recover`` puts the previous bytes back.

The journal has a directory of its own, away from the files: configuration is often included by pattern, and nothing
that a pattern could catch may appear beside it. The one temporary file of a replacement has to be in the same
directory as its target (a rename does not cross file systems); its name begins with a dot, which patterns such as
``conf.d/*`` do not catch, and it exists for milliseconds.
"""

from __future__ import annotations

import base64
import binascii
import errno
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

_JOURNAL = "journal.json"
_MAX_JOURNAL = 256 * 1024 * 1024


@dataclass(frozen=True)
class Change:
    """One file: ``before`` is None when it does not exist."""

    path: str
    before: bytes | None
    after: bytes


class TransactionError(SteveError):
    """A change was begun, failed, and was undone; ``got`` holds the words of what failed."""

    code = "rolled-back"


def read_file(path: str) -> bytes | None:
    """The content of a file, None when there is none. Raises OSError."""
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def write_file(path: str, data: bytes, mode: int = 0o644, like: str | None = None) -> None:
    """Replace or create a file in one step; mode, owner, ACL and SELinux context of an existing one stay.

    Args:
        path: the file itself, not a symbolic link to it.
        data: the new content.
        mode: permissions of a file that does not exist yet.
        like: take the metadata from this file instead of ``path``.

    Raises:
        OSError: the disk is full, the directory is not writable, the file is a mount point of its own (EBUSY).
    """
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, f".{name}.steve-new")
    model = like or path
    _unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            if os.path.lexists(model):
                _copy_metadata(model, descriptor)
            else:
                os.fchmod(descriptor, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        _unlink(temporary)
        raise
    _sync_directory(directory)


def _copy_metadata(model: str, descriptor: int) -> None:
    known = os.stat(model)
    mine = os.fstat(descriptor)
    if (known.st_uid, known.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(descriptor, known.st_uid, known.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
    if hasattr(os, "listxattr"):
        # The SELinux context and POSIX ACLs are extended attributes, and file systems without them say so.
        present = _attributes(descriptor)
        for name, value in _attributes(model).items():
            # One that is there already (the context by the directory's default) may not be ours to set.
            if present.get(name) != value:
                os.setxattr(descriptor, name, value)


def _attributes(file: str | int) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise


def remove_file(path: str) -> None:
    """Remove a file that may be there already. Raises OSError."""
    _unlink(path)
    _sync_directory(os.path.dirname(path))


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(
    directory: str,
    wait_s: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the lock of an existing directory; the directory itself is locked, so no lock file stays behind.

    Raises:
        SteveError: another run held it for ``wait_s`` seconds.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    end = clock() + wait_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock() >= end:
                    raise SteveError(
                        "change the files",
                        inert(directory),
                        f"another run has held the lock for {wait_s:g} s",
                        "Wait until it has ended; a lock of a dead process does not stay.",
                        code="locked",
                    ) from None
                sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def prepare_directory(path: str) -> None:
    """Make the journal's directory, for its owner only: previous bytes may hold secrets. Raises OSError."""
    os.makedirs(path, mode=0o700, exist_ok=True)


class Journal:
    """What has to be put back, on disk. One per directory."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, _JOURNAL)

    def begin(self, changes: Sequence[Change]) -> None:
        """Write down the previous bytes before anything changes. Raises OSError."""
        entries = [
            {
                "path": change.path,
                "before": None if change.before is None else base64.b64encode(change.before).decode("ascii"),
                "after": _digest(change.after),
            }
            for change in changes
        ]
        text = json.dumps({"schema": "chargeops.steve/journal/1", "files": entries})
        write_file(self.path, text.encode("ascii"), mode=0o600)

    def pending(self) -> list[Entry]:
        """What an earlier run left unfinished; empty when nothing.

        Raises:
            SteveError: the journal is there but cannot be read.
        """
        try:
            with open(self.path, "rb") as handle:
                text = handle.read(_MAX_JOURNAL)
            return [_entry(item) for item in json.loads(text)["files"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
            raise SteveError(
                "read what an interrupted run left",
                inert(self.path),
                f"the journal is damaged ({type(error).__name__})",
                "Compare the files it was about with a backup, then delete it.",
                code="journal-damaged",
            ) from error

    def end(self) -> None:
        """Everything is proven or undone. Raises OSError."""
        remove_file(self.path)


@dataclass(frozen=True)
class Entry:
    """One file of a journal: its previous bytes (None: it did not exist) and the digest of the new ones."""

    path: str
    before: bytes | None
    after: str


def _entry(item: dict[str, str | None]) -> Entry:
    path, before, after = item["path"], item["before"], item["after"]
    if path is None or after is None:
        raise ValueError("a journal entry without path")
    return Entry(path, None if before is None else base64.b64decode(before, validate=True), after)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def restorable(entries: Sequence[Entry]) -> dict[str, bytes | None]:
    """The files that must be put back, with their previous bytes.

    Raises:
        SteveError: somebody else has changed one of them since; nothing is overwritten then.
    """
    found: dict[str, bytes | None] = {}
    for entry in entries:
        now = read_file(entry.path)
        if now == entry.before:
            continue
        if now is None or _digest(now) != entry.after:
            raise SteveError(
                "recover from an interrupted run",
                inert(entry.path),
                "somebody else has changed the file since",
                "Decide which version is right, then delete the journal.",
                code="changed-meanwhile",
            )
        found[entry.path] = entry.before
    return found


def _restore(entries: Sequence[Entry]) -> list[str]:
    """Put the previous bytes back, who includes before what is included."""
    found = restorable(entries)
    for path in reversed(list(found)):
        before = found[path]
        if before is None:
            remove_file(path)
        else:
            write_file(path, before)
    return list(found)


def recover(journal: Journal, apply: Callable[[], None]) -> list[str]:
    """Undo what an interrupted run left: bytes back, ``apply`` (make the service load them), journal away.

    Call it with the lock held and before anything is planned. The service may be running with the new bytes although
    the old ones are on disk, so ``apply`` is called whenever there is a journal.

    Returns:
        The files that were put back.

    Raises:
        SteveError, OSError: not possible; the journal stays.
    """
    entries = journal.pending()
    if not entries:
        return []
    for entry in entries:
        directory, name = os.path.split(entry.path)
        _unlink(os.path.join(directory, f".{name}.steve-new"))
    restored = _restore(entries)
    apply()
    journal.end()
    return restored


def transact(
    journal: Journal,
    changes: Sequence[Change],
    apply: Callable[[], None],
    prove: Callable[[], None] | None = None,
    hold: bool = False,
) -> None:
    """Write files in their order, make the service load them, prove the effect; or leave everything as it was.

    Args:
        journal: where the previous bytes are kept meanwhile.
        changes: what to write; what is included stands before who includes it.
        apply: makes the service load the files; raises SteveError in the service's own words.
        prove: raises SteveError when the effect is not there.
        hold: leave the journal, so that ``recover`` can still take everything back, until somebody ends it.

    Raises:
        TransactionError: something failed and the previous state is back; or could not be brought back, which it says.
    """
    for change in changes:
        if read_file(change.path) != change.before:
            raise SteveError(
                "change a file",
                inert(change.path),
                "somebody else has changed it meanwhile",
                "Run this again.",
                code="changed-meanwhile",
            )
    applied = False
    try:
        journal.begin(changes)
        for change in changes:
            write_file(change.path, change.after)
        applied = True
        apply()
        if prove is not None:
            prove()
    except Exception as error:  # whatever failed, the files go back
        _undo(journal, changes, apply if applied else None, error)
    if not hold:
        journal.end()


def _undo(journal: Journal, changes: Sequence[Change], apply: Callable[[], None] | None, cause: Exception) -> None:
    target = ", ".join(inert(change.path) for change in changes)
    got, advice = _words(cause)
    try:
        _restore([Entry(change.path, change.before, _digest(change.after)) for change in changes])
        if apply is not None:
            apply()
        journal.end()
    except (SteveError, OSError) as error:
        raise TransactionError(
            "change the configuration",
            target,
            f"{got}; and the previous state could not be brought back: {_words(error)[0]}",
            f"{advice} Then run this again: it first recovers by the journal {inert(journal.path)}.",
            code="rollback-failed",
        ) from cause
    raise TransactionError("change the configuration", target, f"{got}; the previous files are back", advice) from cause


def _words(error: Exception) -> tuple[str, str]:
    if isinstance(error, SteveError):
        return f"cannot {error.attempted} ({error.target}): {error.got}", error.advice
    if isinstance(error, OSError):
        hint = "Make room on the file system" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Check the directory"
        what = f"{error.strerror or type(error).__name__} ({inert(error.filename or 'writing')})"
        return what, hint + ", then run this again."
    return f"internal error {type(error).__name__}", "Please report it."
