# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nginx would certainly refuse in a configuration, told without running it (``nginx -t`` writes). Pure.

Only rules that every nginx has, for directives that this collection deals with; a directive that is not known here
may belong to a module and is no fault. nginx itself and crossplane are the oracles in the tests: nothing that they
accept may be named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import (
    Config,
    Directive,
    NginxConfigError,
    shown,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import as_location, seconds

_MANY = 1000
#: Number of words after the name: least and most (``ngx_command_t`` of nginx's http modules).
ARGUMENTS = {
    "proxy_pass": (1, 1), "proxy_http_version": (1, 1), "proxy_read_timeout": (1, 1), "proxy_send_timeout": (1, 1),
    "proxy_connect_timeout": (1, 1), "proxy_set_header": (2, 2), "proxy_buffering": (1, 1),
    "proxy_request_buffering": (1, 1), "proxy_pass_request_headers": (1, 1), "proxy_hide_header": (1, 1),
    "proxy_pass_header": (1, 1), "proxy_ssl_server_name": (1, 1), "root": (1, 1), "server_name": (1, _MANY),
    "listen": (1, _MANY), "resolver": (1, _MANY), "resolver_timeout": (1, 1), "send_timeout": (1, 1),
    "client_body_timeout": (1, 1), "client_header_timeout": (1, 2), "client_max_body_size": (1, 1),
    "ssl_certificate": (1, 1), "ssl_certificate_key": (1, 1), "ssl_protocols": (1, _MANY), "ssl_ciphers": (1, 1),
    "auth_basic": (1, 1), "auth_basic_user_file": (1, 1), "allow": (1, 1), "deny": (1, 1), "return": (1, 2),
    "set": (2, 2), "try_files": (2, _MANY), "error_page": (2, _MANY), "alias": (1, 1), "satisfy": (1, 1),
}  # fmt: skip
#: Where such a directive may stand, of ``http`` | ``server`` | ``location`` | ``if`` (inside a location).
PLACES = {
    "proxy_pass": ("location", "if"),
    **dict.fromkeys(
        (
            "proxy_http_version", "proxy_read_timeout", "proxy_send_timeout", "proxy_connect_timeout",
            "proxy_set_header", "proxy_buffering", "proxy_request_buffering", "proxy_pass_request_headers",
        ),
        ("http", "server", "location"),
    ),
    "server_name": ("server",),
    "listen": ("server",),
    "server": ("http",),
    "location": ("server", "location"),
}  # fmt: skip
_ONCE = (
    "proxy_pass", "proxy_http_version", "proxy_read_timeout", "proxy_send_timeout", "proxy_connect_timeout",
    "proxy_buffering", "proxy_request_buffering", "proxy_pass_request_headers", "root",
)  # fmt: skip
_TIMES = ("proxy_read_timeout", "proxy_send_timeout", "proxy_connect_timeout")
_FLAGS = ("proxy_buffering", "proxy_request_buffering", "proxy_pass_request_headers", "proxy_ssl_server_name")
_BLOCKS = ("server", "location", "if")


@dataclass(frozen=True)
class Problem:
    """What nginx refuses, and where."""

    file: str
    line: int
    error: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {"file": shown(self.file), "line": self.line, "error": self.error}


def problems(config: Config) -> list[Problem]:
    """What nginx will certainly refuse, in the order of reading; an empty list does not mean that it accepts all."""
    found = [
        Problem(error.file, error.line, error.what)
        for error in config.errors
        if isinstance(error, NginxConfigError) and error.certain
    ]
    for directive in config.top():
        if directive.name == "http" and directive.block is not None:
            found += _level(config, directive, "http")
    return list(dict.fromkeys(found))


def _level(config: Config, block: Directive, place: str, no_uri: bool = False) -> Iterator[Problem]:
    """The problems of one level and those inside of it. ``no_uri``: no URI may stand in ``proxy_pass`` here."""
    children = list(config.inside(block))
    for directive in children:
        what = _refused(directive, place, no_uri)
        if what is not None:
            yield Problem(directive.file, directive.line, what)
        elif directive.block is not None and directive.name in _BLOCKS:
            yield from _inside(config, directive, place)
    yield from _twice(children)
    yield from _same_location(children)


def _inside(config: Config, directive: Directive, place: str) -> Iterator[Problem]:
    if directive.name == "if":
        # An "if" of a server block is a place of its own, with other rules.
        if place == "location":
            yield from _level(config, directive, "if", True)
    elif directive.name == "location":
        location = as_location(directive)
        if location is not None:
            yield from _level(config, directive, "location", location.is_regex or location.modifier == "@")
    else:
        yield from _level(config, directive, directive.name)


def _refused(directive: Directive, place: str, no_uri: bool) -> str | None:
    name = shown(directive.name)
    if directive.name in PLACES and place not in PLACES[directive.name]:
        return f'"{name}" directive is not allowed here'
    if directive.name in _BLOCKS and directive.block is None:
        return f'directive "{name}" has no opening "{{"'
    least, most = ARGUMENTS.get(directive.name, (0, _MANY))
    if directive.name in ARGUMENTS and directive.block is not None:
        return f'directive "{name}" is not terminated by ";"'
    if not least <= len(directive.args) <= most:
        return f'invalid number of arguments in "{name}" directive'
    return _bad_value(directive, no_uri) if len(directive.args) == 1 else None


def _bad_value(directive: Directive, no_uri: bool) -> str | None:
    name, value = directive.name, directive.args[0]
    if "$" in value:
        return None
    if name in _TIMES and seconds(value) is None:
        return f'"{name}" directive invalid value {shown(value)}'
    if name in _FLAGS and value.lower() not in ("on", "off"):
        return f'invalid value "{shown(value)}" in "{name}" directive, it must be "on" or "off"'
    if name == "proxy_http_version" and re.fullmatch(r"\d+(\.\d+)?", value) is None:
        return f'invalid value "{shown(value)}" in "proxy_http_version" directive'
    if name == "proxy_pass":
        return _bad_target(value, no_uri)
    return None


def _bad_target(value: str, no_uri: bool) -> str | None:
    match = re.match(r"https?://", value, re.IGNORECASE)
    if match is None:
        return "invalid URL prefix in proxy_pass"
    rest = value[match.end() :]
    if no_uri and "/" in rest and not rest.startswith("unix:"):
        return (
            '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or '
            'inside "if" statement'
        )
    return None


def _twice(children: Iterable[Directive]) -> Iterator[Problem]:
    seen: set[str] = set()
    for directive in children:
        if directive.name in _ONCE:
            if directive.name in seen:
                yield Problem(directive.file, directive.line, f'"{directive.name}" directive is duplicate')
            seen.add(directive.name)


def _same_location(children: Iterable[Directive]) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for directive in children:
        location = as_location(directive)
        if location is None or location.modifier not in ("", "=", "^~"):
            continue
        key = (location.modifier, location.pattern)
        if key in seen:
            yield Problem(directive.file, directive.line, f'duplicate location "{shown(location.pattern)}"')
        seen.add(key)
