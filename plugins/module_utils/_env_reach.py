# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How values reach SteVe in its container: environment, -D definitions of its command line, a sourced file. Pure.

Values are compared here, on the host, and only names and yes or no leave this file. -D beats the environment, and the
command line beats JAVA_TOOL_OPTIONS (seen on SteVe 3.14.1).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

#: Variable → property of SteVe (Spring's relaxed binding; the names of the packaged main.properties).
CREDENTIALS = {"AUTH_USER": "auth.user", "AUTH_PASSWORD": "auth.password", "WEBAPI_VALUE": "webapi.value"}
#: The values that SteVe's own repository ships, in all profiles. ``webapi.value`` is blank there.
SHIPPED = {"AUTH_USER": "admin", "AUTH_PASSWORD": "1234"}
SHIPPED_DB_PASSWORD = "changeme"  # noqa: S105  everybody knows it
#: Variables by which the images of MySQL and MariaDB set the user's password.
_DB_PASSWORDS = ("MARIADB_PASSWORD", "MYSQL_PASSWORD")
_JVM_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")

_DEFINITION = re.compile(r"-D([A-Za-z0-9_.-]+)=(.*)", re.DOTALL)
_SOURCED = re.compile(r"(?:^|[;&|(\s])(?:\.|source)\s+[^\s;&|]")
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*))")
_WHOLE_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


@dataclass(frozen=True)
class Given:
    """What the operator signs in with; None where nothing is given. Never part of a result."""

    user: str | None = None
    password: str | None = None
    webapi_user: str | None = None
    webapi_value: str | None = None

    def __repr__(self) -> str:
        return "Given(...)"


def definitions(words: list[str], environment: dict[str, str]) -> dict[str, str | None]:
    """The -D definitions that the JVM gets, name to value.

    Args:
        words: entrypoint and command; a word may be a whole shell command.
        environment: of the container, for JAVA_TOOL_OPTIONS and for variables that a shell in the container expands.

    Returns:
        The value is None where a shell makes it in a way that is not followed here.
    """
    result: dict[str, str | None] = {}
    for name in _JVM_OPTIONS:
        result.update(_defined(_split(environment.get(name, "") + " "), {}, in_shell=False))
    result.update(_defined(words, environment, in_shell=True))
    return result


def _defined(words: list[str], environment: dict[str, str], in_shell: bool) -> dict[str, str | None]:
    result: dict[str, str | None] = {}
    for word in words:
        # Only a shell expands variables, and a shell's command is one word with blanks in it.
        parts = [word] if word.startswith("-D") else _split(word)
        expanding = in_shell and len(parts) > 1
        for part in parts:
            match, whole = _DEFINITION.fullmatch(part), _WHOLE_VARIABLE.fullmatch(part)
            if match:
                result[match.group(1)] = _expanded(match.group(2), environment) if expanding else match.group(2)
            elif whole and expanding:
                held = environment.get(whole.group(1) or whole.group(2), "")
                result.update(_defined(held.split(), {}, in_shell=False))
    return result


def _split(word: str) -> list[str]:
    """The words of a shell's or the JVM's command; what has no blank stays as it is."""
    if not re.search(r"\s", word):
        return [word]
    try:
        return shlex.split(word)
    except ValueError:
        return word.split()


def _expanded(value: str, environment: dict[str, str]) -> str | None:
    if "$" not in value and "`" not in value:
        return value
    whole = _WHOLE_VARIABLE.fullmatch(value)
    return environment.get(whole.group(1) or whole.group(2)) if whole else None


def is_sourced(words: list[str]) -> bool:
    """Whether the command reads variables from a file by itself (``. file`` or ``source file``)."""
    return any(_SOURCED.search(word) for word in words)


def variables(words: list[str]) -> list[str]:
    """Names of the variables in a command as it stands in the compose file (``$$`` is a literal dollar)."""
    found = (match.group(1) or match.group(2) for word in words for match in _VARIABLE.finditer(word))
    return sorted({name for name in found if name})


def definition_drift(
    wanted: list[str] | None, wanted_environment: dict[str, str], running: list[str], environment: dict[str, str]
) -> list[str]:
    """Properties whose -D value differs between what compose would set now and what the container runs with.

    Args:
        wanted: entrypoint and command of the files, None where the image's are used.
        wanted_environment: of the files; a variable that a shell in the container expands is compared by its value.
        running: entrypoint and command of the container.
        environment: of the container.
    """
    options = {name: value for name, value in wanted_environment.items() if name in _JVM_OPTIONS}
    if wanted is None and not options:
        return []
    before, after = definitions(running, environment), definitions(wanted or running, wanted_environment)
    return sorted(name for name in {**before, **after} if before.get(name) != after.get(name))


def changed_credentials(
    running: tuple[list[str], dict[str, str]], wanted: tuple[list[str], dict[str, str]], given: Given
) -> dict[str, dict[str, Any]]:
    """The credentials that another container would be given than the one that runs, without any value.

    Args:
        running: entrypoint and command, and environment, of the container.
        wanted: the same as the files give them now.
        given: what the operator signs in with.

    Returns:
        Variable → ``same_as_given`` of the new value, as in ``credentials``; None where there is none any more.
    """
    before, after = _values(*running), _values(*wanted)
    asked = {"AUTH_USER": given.user, "AUTH_PASSWORD": given.password, "WEBAPI_VALUE": given.webapi_value}
    return {
        name: {"same_as_given": _same(after.get(name), asked[name])}
        for name in CREDENTIALS
        if before.get(name) != after.get(name)
    }


def _values(words: list[str], environment: dict[str, str]) -> dict[str, str | None]:
    """Variable → the value that SteVe gets, None where a shell makes it; without those that it does not get."""
    defined = definitions(words, environment)
    found = {name: defined[key] if key in defined else environment.get(name) for name, key in CREDENTIALS.items()}
    return {name: value for name, value in found.items() if value or CREDENTIALS[name] in defined}


def credentials(words: list[str], environment: dict[str, str], given: Given) -> dict[str, dict[str, Any]]:
    """What the container gives SteVe as credentials, without any value.

    Returns:
        Variable → ``via`` (``environment`` | ``definition``), ``same_as_given`` and ``shipped`` (True, False, or None
        where the value is not known or nothing was given); ``AUTH_USER`` also ``same_as_webapi_user``. A variable that
        is not there, or is blank, is left out.
    """
    defined = definitions(words, environment)
    result: dict[str, dict[str, Any]] = {}
    wanted = {"AUTH_USER": given.user, "AUTH_PASSWORD": given.password, "WEBAPI_VALUE": given.webapi_value}
    for name, key in CREDENTIALS.items():
        if key in defined:
            via, value = "definition", defined[key]
        elif environment.get(name):
            via, value = "environment", environment[name]
        else:
            continue
        shipped = _same(value, SHIPPED.get(name))
        result[name] = {"via": via, "same_as_given": _same(value, wanted[name]), "shipped": shipped}
        if name == "AUTH_USER":
            result[name]["same_as_webapi_user"] = _same(value, given.webapi_user)
    return result


def _same(value: str | None, other: str | None) -> bool | None:
    return None if value is None or other is None else value == other


def db_password_is_shipped(environment: dict[str, str]) -> bool | None:
    """Whether the data base's container is configured with SteVe's shipped password; None when it names none."""
    found = [environment[name] for name in _DB_PASSWORDS if environment.get(name)]
    return any(value == SHIPPED_DB_PASSWORD for value in found) if found else None
