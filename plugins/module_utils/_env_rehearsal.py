# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docker compose would read from an env file that is not written yet: compose is asked. Edge: files, docker.

Compose is shown a likeness of the project's directory: a directory of symbolic links in which only the env file is
another one. So everything that has a say is asked with it: ``environment`` of the service, further env files, ``.env``,
``format: raw``. The new content has no name on disk (it is reached through ``/proc``), so that a killed run leaves no
secret behind. ``docker compose config`` needs no engine and no right to use one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ansible_collections.chargeops.steve.plugins.module_utils._docker import DockerUnavailable, Project
from ansible_collections.chargeops.steve.plugins.module_utils._env_file import edit, parse, reading, render
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

COMPOSE = "compose"
NONE = "none"

_REFUSES = "compose-refuses"
#: A directory above the project with more entries than this, such as a full /tmp, is not looked like.
_MAX_BESIDE = 500


@dataclass(frozen=True)
class Check:
    """Who said that the values are read as they must be.

    Attributes:
        by: ``compose``, or ``none`` when it could not be asked.
        reason: why it was not asked; None when it was.
        notes: sentences for the operator.
    """

    by: str
    reason: str | None = None
    notes: list[str] = field(default_factory=list)


def check(
    project: Project,
    service: str,
    path: str,
    before: bytes | None,
    after: bytes,
    keys: Mapping[str, str],
    absent: Sequence[str] = (),
) -> Check:
    """Ask compose what it would read from the new content of an env file.

    Args:
        project: the compose project, whose files and name are used.
        service: the service that gets the values.
        path: the env file by the name that the project uses; it need not exist.
        before: its present content, None when it does not exist.
        after: its new content.
        keys: names with the values that compose must read.
        absent: names that the file no longer has.

    Returns:
        ``by`` is ``none`` where compose cannot be asked, refuses the project with and without the change, or does not
        give the service what stands in this file.

    Raises:
        SteveError: compose reads something else, or refuses the project because of the change.
        OSError: the likeness cannot be made.
    """
    place = _inside(project.directory, path)
    if place is None:
        return Check(NONE, "the env file is not below the project's directory")
    # The file counts only if what is added here arrives.
    mark = f"STEVE_REHEARSAL_{secrets.token_hex(8)}"
    try:
        found = _read_by_compose(project, service, place, edit(after, {mark: "1"}).data)
    except DockerUnavailable as error:
        if error.code == _REFUSES and before is not None and _accepts(project, service, place, before):
            raise SteveError(
                "write the env file", inert(path), "docker compose would refuse the project with it",
                "Nothing was changed. Look for variables of the compose files that these keys take part in.",
                code="env-file-refused",
            ) from error  # fmt: skip
        return Check(NONE, error.got)
    if mark not in found and before is not None and _holds(found, before):
        return Check(NONE, "compose reads it by an absolute path, as it seems, which cannot be tried beforehand")
    if mark not in found:
        return Check(NONE, f"compose gives the service {inert(service, 60)} nothing that stands in this file")
    wrong = [name for name, value in keys.items() if found.get(name) != value]
    if wrong:
        raise _reads_otherwise(path, wrong, raw=all(found.get(name) == render(keys[name]) for name in wrong))
    left = [name for name in absent if name in found]
    kept = f"{', '.join(left)}: gone from the file, but compose still gives it to the service from another place."
    return Check(COMPOSE, notes=[kept] if left else [])


def _reads_otherwise(path: str, names: Sequence[str], raw: bool) -> SteveError:
    shown = ", ".join(names[:10])
    if raw:
        got = f"docker compose takes the quotes of {shown} literally, because it reads the file with format: raw"
        advice = "Take format: raw away from the compose file. Nothing was changed."
    else:
        got = f"docker compose would give the service another value of {shown}"
        advice = (
            "Another place wins: environment of the service, a later env_file, or another compose file. Change the"
            " value there. Nothing was changed."
        )
    return SteveError("write values that docker compose reads", inert(path), got, advice, code="env-value-overridden")


def _holds(found: Mapping[str, str], data: bytes) -> bool:
    """Whether compose gives the service all that stands in a file, of which it knows another content."""
    text = data.decode("utf-8", "surrogateescape")
    values = {one.key: reading(text, one) for one in parse(text)}
    known = {name: value for name, value in values.items() if value is not None}
    return bool(known) and all(found.get(name) == value for name, value in known.items())


def _accepts(project: Project, service: str, place: str, data: bytes) -> bool:
    try:
        _read_by_compose(project, service, place, data)
    except DockerUnavailable:
        return False
    return True


def _read_by_compose(project: Project, service: str, place: str, data: bytes) -> dict[str, str]:
    with likeness(project.directory, place, data) as directory:
        return project.environment_in(directory, service)


def _inside(directory: str, path: str) -> str | None:
    """The file's place relative to the project's directory, None when it is elsewhere."""
    folder, name = os.path.split(os.path.abspath(path))
    place = os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(directory))
    return None if place.split(os.sep, maxsplit=1)[0] == os.pardir else place


@contextmanager
def likeness(directory: str, place: str, data: bytes) -> Iterator[str]:
    """A directory of the same name that looks like another one, except for the content of one file.

    Args:
        directory: what it looks like.
        place: the one file, relative to it.
        data: that file's content, which is nowhere on disk by a name.

    Raises:
        OSError: it cannot be made.
    """
    top = tempfile.mkdtemp(prefix="steve-rehearsal-")
    try:
        with tempfile.TemporaryFile() as content:
            content.write(data)
            content.flush()
            # From the root on, because compose files name what stands beside the project (../shared.env), which compose
            # looks for by the name that the directory was given; it derives the project's name from that too.
            named = os.path.abspath(directory)
            source, target = os.sep, os.path.join(top, "root")
            root = target + named.rstrip(os.sep)
            *folders, name = [part for part in os.path.join(named, place).split(os.sep) if part]
            for folder in [*folders, None]:
                os.mkdir(target)
                own = name if folder is None else folder
                for entry in _entries(source, own=target.startswith(root)):
                    if entry != own:
                        os.symlink(os.path.join(source, entry), os.path.join(target, entry))
                source, target = os.path.join(source, own), os.path.join(target, own)
            os.symlink(f"/proc/{os.getpid()}/fd/{content.fileno()}", target)
            yield root
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _entries(directory: str, own: bool) -> list[str]:
    """What stands in a directory; above the project nothing where it may not be read or holds too much to be copied."""
    try:
        found = os.listdir(directory)
    except PermissionError:
        if own:
            raise
        return []
    return found if own or len(found) <= _MAX_BESIDE else []
