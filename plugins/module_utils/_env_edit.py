# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An env file on disk: read, edited, replaced in one step. Edge: files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._env_file import MAX_BYTES, edit
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.module_utils._transaction import locked, write_file

#: Permissions of an env file that is created here: it will hold secrets.
NEW_MODE = 0o600


def ensure(
    path: str,
    keys: Mapping[str, str],
    absent: Iterable[str],
    *,
    create: bool,
    check_mode: bool,
    backup: Callable[[str], str | None] | None = None,
) -> dict[str, Any]:
    """Give keys their values and remove others.

    Args:
        path: the env file; a symbolic link stays one.
        keys: names with values, checked by ``_env_file.checked_keys``.
        absent: names to remove.
        create: whether a file that does not exist is made.
        check_mode: say what would change, write nothing.
        backup: copies a file and returns the copy's path; None: no backup.

    Returns:
        The result as documented for the module.

    Raises:
        SteveError: the file cannot be read or written, or compose would refuse it.
    """
    real = os.path.realpath(path)
    try:
        if check_mode or not os.path.isdir(os.path.dirname(real)):
            return _ensure(path, real, keys, absent, create=create, check_mode=check_mode, backup=backup)
        with locked(os.path.dirname(real)):
            return _ensure(path, real, keys, absent, create=create, check_mode=False, backup=backup)
    except OSError as error:
        raise SteveError(
            "change the env file",
            inert(path),
            error.strerror or type(error).__name__,
            "Nothing was changed; check the file, its directory and this user's rights.",
        ) from error


def _ensure(
    path: str,
    real: str,
    keys: Mapping[str, str],
    absent: Iterable[str],
    *,
    create: bool,
    check_mode: bool,
    backup: Callable[[str], str | None] | None,
) -> dict[str, Any]:
    present = _read(path, real)
    if present is None and not create:
        raise SteveError(
            "change the env file",
            inert(path),
            "it does not exist",
            "Correct the path, or say create=true to make it.",
            code="env-file-missing",
        )
    edited = edit(present or b"", keys, absent)
    changed = edited.data != present and not (present is None and not edited.data)
    result: dict[str, Any] = {
        "changed": changed,
        "keys": {"added": edited.added, "changed": edited.changed, "removed": edited.removed},
        "diff": edited.diff(inert(path)),
        "backup_file": None,
        "warnings": edited.notes,
    }
    if changed and not check_mode:
        if backup is not None and present is not None:
            result["backup_file"] = backup(real)
        write_file(real, edited.data, mode=NEW_MODE)
    if present is not None and os.stat(real).st_mode & stat.S_IROTH:
        mode = stat.S_IMODE(os.stat(real).st_mode)
        result["warnings"].append(
            f"Every user of this host can read {inert(path)} (mode {mode:04o}), which holds secrets: chmod o-rwx."
        )
    return result


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
