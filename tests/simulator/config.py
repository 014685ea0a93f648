# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a setting reaches SteVe, release by release.

Up to 3.8.0 one properties file is read at every start (``main.properties`` in the jar, or the file of
``-Dmain.properties=``); environment and other -D are ignored, except that a value ``$NAME`` is replaced by the
environment variable NAME (``PropertiesFileLoader``). From 3.9.0 on Spring Boot's relaxed binding applies: -D beats
the environment, which beats the packaged file (seen live on 3.14.1).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import URL

from .eras import Era

PACKAGED: dict[str, str] = {
    "auth.user": "admin",
    "auth.password": "1234",
    "webapi.key": "STEVE-API-KEY",
    "webapi.value": "",
    "auto.register.unknown.stations": "false",
    "charge-box-id.validation.regex": "",
    "steve.ocpp.security.protocol-header-from-proxy": "",
    "steve.ocpp.security.client-cert-header-from-proxy": "",
    "steve.ocpp.enabled-protocols.v12.json": "true",
    "steve.ocpp.enabled-protocols.v15.json": "true",
    "steve.ocpp.enabled-protocols.v16.json": "true",
}
"""What is packaged into the artifact (docker profile)."""


@dataclass(frozen=True)
class Properties:
    """The effective settings."""

    values: Mapping[str, str]
    source: str | None = None
    """The file that replaced the packaged one, for the start log of <= 3.8.0."""

    def get(self, key: str) -> str:
        """The value, or the empty text."""
        return self.values.get(key, "")

    def flag(self, key: str) -> bool:
        """The value read as Java's Boolean.parseBoolean does."""
        return self.get(key).strip().lower() == "true"

    def db_url(self) -> str | None:
        """A MariaDB URL when ``db.ip`` is set, else None."""
        if not self.get("db.ip"):
            return None
        url = URL.create(
            "mysql+aiomysql",
            username=self.get("db.user") or "steve",
            password=self.get("db.password") or "changeme",
            host=self.get("db.ip"),
            port=int(self.get("db.port") or 3306),
            database=self.get("db.schema") or "stevedb",
        )
        return url.render_as_string(hide_password=False)


def parse_properties(content: str) -> dict[str, str]:
    """Parse Java's properties format as far as main.properties uses it (``key = value``, ``#`` and ``!`` comments)."""
    result: dict[str, str] = {}
    for line in content.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#!":
            continue
        for index, char in enumerate(stripped):
            if char in "=:":
                result[stripped[:index].strip()] = stripped[index + 1 :].strip()
                break
        else:
            result[stripped] = ""
    return result


def system_properties(definitions: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """-D definitions of the command line, over those in JAVA_TOOL_OPTIONS and JDK_JAVA_OPTIONS (JVM features)."""
    result: dict[str, str] = {}
    words: list[str] = []
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"):
        words += [word[2:] for word in shlex.split(environ.get(name, "")) if word.startswith("-D")]
    for definition in [*words, *definitions]:
        key, _equals, value = definition.partition("=")
        result[key] = value
    return result


def environment_name(key: str) -> str:
    """Spring Boot's environment variable for a property: upper case, dots to underscores, dashes removed."""
    return key.replace("-", "").replace(".", "_").upper()


_DB_KEYS = ("db.ip", "db.port", "db.schema", "db.user", "db.password")


def resolve(
    era: Era,
    *,
    main_properties: str | None = None,
    source: str | None = None,
    system: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Properties:
    """Settings as the release would see them.

    ``main_properties``: content of the file that replaces the packaged one (<= 3.8.0; ignored later).
    """
    environ = environ or {}
    system = system or {}
    if not era.boot:
        values = dict(PACKAGED) if main_properties is None else parse_properties(main_properties)
        values = {key: environ.get(value[1:], "") if value.startswith("$") else value for key, value in values.items()}
        return Properties(values, source if main_properties is not None else None)
    values = dict(PACKAGED)
    for key in (*PACKAGED, *_DB_KEYS):
        name = environment_name(key)
        if name in environ:
            values[key] = environ[name]
    values.update(system)
    return Properties(values)
