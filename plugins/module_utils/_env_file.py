# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of an env file changed so that docker compose reads exactly the given values and every other byte stays. Pure.

The rules are those of compose's own parser, ``dotenv/parser.go`` of https://github.com/compose-spec/compose-go (its
1.20, 2.4 and 2.9 were compared; before 1.15 a value in double quotes could not end with a backslash): a statement may
span lines (quotes), single quotes keep everything but themselves, double quotes know ``\\\\``, ``\\"`` and ``\\$``, a
value without quotes ends at `` #`` and is interpolated. What compose reads is tested with compose itself. An
``env_file`` with ``format: raw`` (compose 2.30) takes quotes literally and is not meant here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Bytes of an env file; nobody's environment is larger (Linux allows a process 2 MiB by default).
MAX_BYTES = 4 * 1024 * 1024
HIDDEN = "(value hidden)"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Go's unicode.IsSpace, and the parser's own isSpace, which leaves the line feed out.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
_BLANK = "\t\v\f\r \x85\xa0"
_EXPORT = re.compile(r"export[\t\n\f\r ]+")
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=~-]+")
_BARE_WITH_BACKSLASH = re.compile(r"[A-Za-z0-9_./:@%+,=~\\-]+")
_DOUBLE = re.compile(r'"((?:[^"\\$]|\\["\\$])*)"', re.DOTALL)


class EnvFileError(SteveError):
    """The file is not what compose could read; nothing was changed."""

    code = "env-file-invalid"

    def __init__(self, line: int, what: str) -> None:
        super().__init__(
            "read the env file",
            f"line {line}",
            what,
            "docker compose would refuse the file too: correct that line. Nothing was changed.",
        )


@dataclass(frozen=True)
class Statement:
    """One statement; all positions are offsets in the text.

    Attributes:
        key: name of the variable.
        start: where it begins (``export`` included).
        key_end: behind the name.
        value: from and to of the value with its quotes; None where only the name stands (value inherited from
            compose's own environment).
        end: behind the value or, without one, behind the name.
    """

    key: str
    start: int
    key_end: int
    value: tuple[int, int] | None
    end: int


def parse(text: str) -> list[Statement]:
    """The statements of an env file.

    Raises:
        EnvFileError: compose would refuse the file.
    """
    statements: list[Statement] = []
    position = 1 if text.startswith("\ufeff") else 0
    while True:
        position = _skip(text, position, _SPACE)
        if position == len(text):
            return statements
        if text[position] == "#":
            position = _line_end(text, position)
            continue
        statement = _statement(text, position)
        statements.append(statement)
        position = statement.end
        if statement.value is None or text[statement.value[0] : statement.value[0] + 1] not in ('"', "'"):
            position = _line_end(text, position)


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found


def _statement(text: str, start: int) -> Statement:
    name_start = start
    if _EXPORT.match(text, start):
        name_start = _skip(text, start + len("export"), _BLANK)
    position = name_start
    while position < len(text) and text[position] not in "=:\n":
        character = text[position]
        if character not in _BLANK + "_.-[]" and unicodedata.category(character)[0] not in "LN":
            # The line may hold a secret: only the character is told.
            raise EnvFileError(text.count("\n", 0, position) + 1, f"unexpected {inert(character)!r} in a name")
        position += 1
    key = text[name_start:position].rstrip(_SPACE)
    if " " in key:
        raise EnvFileError(text.count("\n", 0, position) + 1, "a name cannot contain a blank")
    key_end = name_start + len(key)
    if position == len(text) or text[position] == "\n":
        return Statement(key, start, key_end, None, key_end)
    value_start = _skip(text, position + 1, _BLANK)
    if text[value_start : value_start + 1] in ('"', "'"):
        end = _closing_quote(text, value_start) + 1
        return Statement(key, start, key_end, (value_start, end), end)
    raw = text[value_start : _line_end(text, value_start)].split(" #", 1)[0].rstrip(_SPACE)
    if not raw:
        # Blanks, a carriage return among them, stay behind an empty value.
        value_start = position + 1
    return Statement(key, start, key_end, (value_start, value_start + len(raw)), value_start + len(raw))


def _closing_quote(text: str, start: int) -> int:
    escaped = False
    for position in range(start + 1, len(text)):
        if text[position] == text[start] and not escaped:
            return position
        escaped = text[position] == "\\" and not escaped
    raise EnvFileError(text.count("\n", 0, start) + 1, "a quoted value is not closed")


def reading(text: str, statement: Statement) -> str | None:
    """The value as compose reads it, None where that depends on more than the statement (interpolation, escapes)."""
    if statement.value is None:
        return None
    raw = text[statement.value[0] : statement.value[1]]
    if raw.startswith("'"):
        return None if "'" in raw[1:-1] else raw[1:-1]
    if raw.startswith('"'):
        match = _DOUBLE.fullmatch(raw)
        return None if match is None else re.sub(r'\\(["\\$])', r"\1", match.group(1))
    return None if "$" in raw else raw


def render(value: str, in_quotes: bool = False) -> str:
    """A value as it must be written; in quotes where text follows on the same line.

    The forms are chosen so that a shell that sources the file reads the same wherever that is possible.
    """
    if not in_quotes and (not value or _BARE.fullmatch(value)):
        return value
    # A backslash before the closing quote would protect it.
    if "'" not in value and not value.endswith("\\"):
        return f"'{value}'"
    if not in_quotes and _BARE_WITH_BACKSLASH.fullmatch(value):
        return value
    return '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'


def checked_keys(keys: Any, absent: Iterable[Any]) -> tuple[dict[str, str], list[str]]:
    """The options ``keys`` and ``absent_keys``, checked.

    Raises:
        InputError: a name is none, a value is not text or cannot stand in an env file, a name is in both.
    """
    if not isinstance(keys, Mapping):
        raise InputError("keys", "it is not a dictionary", "Give names with values, e.g. keys: {AUTH_USER: 'admin'}.")
    for name, value in keys.items():
        _check_name("keys", name)
        if not isinstance(value, str):
            kind = {"bool": "a boolean", "int": "a number", "float": "a number", "NoneType": "nothing"}
            raise InputError(
                "keys",
                f"the value of {name} is {kind.get(type(value).__name__, 'not text')}",
                "Write it in quotes, because YAML reads 0123, 1e5 or yes as something else and would change it.",
            )
        if any(character in value for character in "\n\r\0"):
            raise InputError(
                "keys", f"the value of {name} has a line break", "An env file cannot hold it: leave it out."
            )
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError("keys", f"the value of {name} is no valid text", "Give UTF-8 text.")
    names = []
    for name in absent:
        _check_name("absent_keys", name)
        if name in keys:
            raise InputError("absent_keys", f"{name} is in keys too", "Name it in one of them.")
        names.append(str(name))
    return {str(name): str(value) for name, value in keys.items()}, list(dict.fromkeys(names))


def _check_name(option: str, name: Any) -> None:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        advice = "Give letters, digits, underscores, dots and dashes; the first is a letter or an underscore."
        raise InputError(option, f"{inert(name, 60)} is no name of a variable", advice)


@dataclass
class Edited:
    """The new content, and by name what was done. ``notes`` are sentences for the operator."""

    data: bytes
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def diff(self, path: str) -> dict[str, str]:
        """Before and after for Ansible's ``--diff``: names, never values."""
        touched = [*self.changed, *self.removed]
        kept = [f"{name}=(new value hidden)" for name in [*self.changed, *self.added]]
        return {
            "before_header": path,
            "after_header": path,
            "before": "".join(f"{name}={HIDDEN}\n" for name in touched),
            "after": "".join(f"{line}\n" for line in kept),
        }


def edit(data: bytes, keys: Mapping[str, str], absent: Iterable[str] = ()) -> Edited:
    """Give keys their values and remove others; every other byte stays.

    A name that stands several times: the last one counts for compose, and only that one is changed; ``absent`` removes
    all of them. A present value that cannot be read for certain is written anew.

    Args:
        data: present content.
        keys: names with values, see ``checked_keys``.
        absent: names to remove.

    Raises:
        EnvFileError: compose would refuse the present content.
    """
    text = data.decode("utf-8", "surrogateescape")
    statements = parse(text)
    result = Edited(data)
    cuts: list[tuple[int, int, str]] = []
    for name, value in keys.items():
        found = [statement for statement in statements if statement.key == name]
        if not found:
            result.added.append(name)
            continue
        if len(found) > 1:
            result.notes.append(f"{name} stands {len(found)} times; the last one counts.")
        last = found[-1]
        present = reading(text, last)
        if present == value:
            continue
        result.changed.append(name)
        if last.value is None:
            cuts.append((last.key_end, last.key_end, "=" + render(value)))
            continue
        if present is None:
            result.notes.append(f"{name} was interpolated or escaped and is now written literally.")
        followed = bool(text[last.end : _line_end(text, last.end)].strip(_SPACE))
        cuts.append((*last.value, render(value, in_quotes=followed)))
    for name in absent:
        found = [statement for statement in statements if statement.key == name]
        if found:
            result.removed.append(name)
        cuts.extend((*_whole(text, statement, statements), "") for statement in found)
    for start, end, new in sorted(cuts, reverse=True):
        text = text[:start] + new + text[end:]
    text += _appended(text, [f"{name}={render(keys[name])}" for name in result.added])
    result.data = text.encode("utf-8", "surrogateescape")
    return result


def between(before: bytes, after: bytes) -> Edited:
    """What differs between two contents, by name; a content that cannot be read has no names."""
    old, new = _written(before), _written(after)
    return Edited(
        after,
        added=[name for name in new if name not in old],
        changed=[name for name, raw in new.items() if name in old and old[name] != raw],
        removed=[name for name in old if name not in new],
    )


def _written(data: bytes) -> dict[str, str | None]:
    """Names with their values as they are written; of a name that stands several times the last."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        statements = parse(text)
    except EnvFileError:
        return {}
    return {one.key: None if one.value is None else text[one.value[0] : one.value[1]] for one in statements}


def _whole(text: str, statement: Statement, statements: list[Statement]) -> tuple[int, int]:
    """From and to of what goes with a statement: its lines, where it has them for itself."""
    start = text.rfind("\n", 0, statement.start) + 1
    end = _line_end(text, statement.end)
    following = [other.start for other in statements if statement.end <= other.start < end]
    alone = not text[start : statement.start].strip(_SPACE + "\ufeff")
    if text.startswith("\ufeff") and start == 0:
        start = 1
    if following:
        return (start if alone else statement.start), following[0]
    return (start, min(end + 1, len(text))) if alone else (statement.start, end)


def _appended(text: str, lines: list[str]) -> str:
    if not lines:
        return ""
    first = text.find("\n")
    newline = "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
    joined = newline.join(lines)
    # A file that does not end its last line keeps that habit.
    return newline + joined if text and not text.endswith("\n") else joined + newline
