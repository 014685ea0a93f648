# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may come through to a location of nginx: what a new location takes over from the one that serves the path now,
and what may be behind a 403. Pure.

A new location inherits what stands at the server block, and nothing of the location whose requests it takes away
(``ngx_http_core_merge_loc_conf`` goes along the nesting). Without a copy it would let in whom the other one keeps out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Directive, shown
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import Scope, matches, redact_text

#: Directives that mean the same wherever they stand in a server block, by what is inherited as a whole.
_PLAIN = (
    ("allow", "deny"), ("satisfy",), ("auth_basic",), ("auth_basic_user_file",), ("auth_delay",), ("limit_req",),
    ("limit_req_status",), ("limit_req_log_level",), ("limit_req_dry_run",), ("limit_conn",), ("limit_conn_status",),
    ("limit_conn_log_level",), ("limit_conn_dry_run",),
)  # fmt: skip
_COPIED = frozenset(name for names in _PLAIN for name in names)
#: Beginnings of the names of all others that decide who may come through: subrequests, code, modules of others.
_OTHERS = ("auth_", "access_by_", "rewrite_by_", "limit_except", "internal", "modsecurity", "secrulesenabled", "perl")
#: How nginx speaks TLS to its upstream, a client certificate for example.
_UPSTREAM_TLS = "proxy_ssl_"
#: What an ``if`` may hold and still decide nothing about who comes through, or where to.
_HARMLESS = ("set", "add_header", "access_log", "expires")
_MAX_REFUSERS = 10
_VARIABLE = re.compile(rb"\$\{?(\w+)")


def taken_over(request: Scope, tls: bool) -> tuple[str, ...]:
    """The lines that a new location needs to keep out whom the present ones keep out, as they stand there.

    Args:
        request: the request, with the location that serves it now.
        tls: whether the upstream speaks TLS.
    """
    found = [one for names in _PLAIN for one in _innermost(request, names)]
    names_off = {one.name for one in _of_locations(request) if _is_other(one) and _is_off(one)}
    found += [one for name in sorted(names_off) for one in _innermost(request, (name,)) if _is_off(one)]
    if tls:
        names_tls = {one.name for one in _of_locations(request) if one.name.startswith(_UPSTREAM_TLS)}
        found += [one for name in sorted(names_tls) for one in _innermost(request, (name,))]
    return tuple(_as_written(request, one) for one in found)


def not_taken_over(request: Scope, tls: bool) -> Directive | None:
    """The first directive of the present locations that a new location could not take over for certain, or None."""
    own = {one.args[0].lstrip("$") for one in _of_locations(request) if one.name == "set" and one.args}
    for one in _of_locations(request):
        if _is_other(one) and not _is_off(one) and one in _innermost(request, (one.name,)):
            return one
        if one.name in _COPIED or (tls and one.name.startswith(_UPSTREAM_TLS)):
            text = _as_written(request, one).encode("utf-8", "surrogateescape")
            if own & {name.decode("ascii", "replace") for name in _VARIABLE.findall(text)}:
                return one
    for one in request.local("if") if request.chain else []:
        inside = [two.name for two in request.config.inside(one)]
        if any(name not in _HARMLESS for name in inside) and request.holds(one) is not False:
            return one
    return None


def rewritten(request: Scope) -> Directive | None:
    """A ``rewrite`` by which the location that serves the request may send another path, or None."""
    for one in request.local("rewrite") if request.chain else []:
        if not one.args or matches(one.args[0], request.path, ignore_case=False) is not False:
            return one
    return None


def shut(request: Scope) -> Directive | None:
    """The ``deny`` of the present locations that lets nobody through, or None."""
    access = _innermost(request, ("allow", "deny"))
    either = request.inherited("satisfy")
    if either is not None and either.args == ("any",):
        return None
    if access and access[0].name == "deny" and access[0].args == ("all",):
        return access[0]
    return None


def refusers(request: Scope) -> list[dict[str, Any]]:
    """What of the configuration answers 403 to some and not to others, as far as the files tell: text, file, line."""
    return [
        {"text": redact_text(one.text), "file": shown(one.file), "line": one.line}
        for one in _may_refuse(request)[:_MAX_REFUSERS]
    ]


def _may_refuse(request: Scope) -> list[Directive]:
    found = [one for one in request.group(("allow", "deny")) if one.name == "deny"][:1]
    for level in request.levels:
        for one in request.config.inside(level):
            if _is_other(one) and not _is_off(one) and request.inherited(one.name) == one:
                found.append(one)
    for level in {one.start: one for one in (request.server.directive, request.levels[-1])}.values():
        for one in request.config.inside(level):
            if one.name == "if" and one.block is not None and request.holds(one) is None:
                inside = [two for two in request.config.inside(one) if two.name == "return"]
                found += [one] if any(two.args[:1] == ("403",) for two in inside) else []
    return found


def _of_locations(request: Scope) -> Iterator[Directive]:
    for location in reversed(request.chain):
        yield from request.config.inside(location.directive)


def _innermost(request: Scope, names: tuple[str, ...]) -> list[Directive]:
    """The directives of a group that act, where a location says them rather than the server block."""
    for location in reversed(request.chain):
        found = [one for one in request.config.inside(location.directive) if one.name in names]
        if found:
            return found
    return []


def _is_other(directive: Directive) -> bool:
    name = directive.name.lower()
    if name in _COPIED or name == "auth_request_set" or not name.startswith(_OTHERS):
        return False
    # A WebSocket is opened with GET.
    return name != "limit_except" or "GET" not in directive.args


def _is_off(directive: Directive) -> bool:
    return directive.args[:1] == ("off",)


def _as_written(request: Scope, directive: Directive) -> str:
    data = request.config.files[directive.file].data
    words = b" ".join(data[word.start : word.end] for word in directive.words)
    return (words + b";").decode("utf-8", "surrogateescape")
