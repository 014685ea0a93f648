# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nginx does with a WebSocket on its way to SteVe: the headers, the HTTP version, the time limits, the upstream.

Pure. Each answer carries the text of the directive that makes it so, with file and line; where none does, the default
of ``ngx_http_proxy_module`` and the place where the directive is missing. What only a request or nginx's version
could tell is None.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Directive, shown
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    GROUPS,
    Scope,
    redact_text,
    seconds,
)

#: Since this release ``proxy_http_version`` is 1.1 where nothing is said; 1.0 before (nginx's CHANGES).
HTTP11_BY_DEFAULT = (1, 29, 7)
#: Default of ``proxy_read_timeout`` and ``proxy_send_timeout``, seconds.
DEFAULT_TIMEOUT_S = 60.0
_MAX_SERVERS = 20
_VERSION = re.compile(r"\d+(?:\.\d+){1,3}")
_TARGET = re.compile(r"(?P<scheme>https?)://(?P<rest>.*)", re.DOTALL | re.IGNORECASE)


def parse_version(text: str | None) -> tuple[int, ...] | None:
    """``1.22.1`` as numbers, None when it is none."""
    match = _VERSION.match(text or "")
    return tuple(int(part) for part in match.group().split(".")) if match else None


def _cite(directive: Directive) -> dict[str, Any]:
    return {
        "text": shown(redact_text(directive.text)) + (";" if directive.block is None else ""),
        "file": shown(directive.file),
        "line": directive.line,
    }


def _missing(request: Scope, name: str) -> dict[str, Any]:
    """A citation of nothing: the innermost block, where the directive would have to stand."""
    place = request.levels[-1]
    return {"text": f"no {name}", "file": shown(place.file), "line": place.line}


def _header(request: Scope, name: str, wanted: str) -> dict[str, Any]:
    """Whether a header of the charger's request arrives at SteVe with the token that it needs there.

    nginx drops ``Upgrade`` and sends ``Connection: close`` by itself. A level with any ``proxy_set_header`` inherits
    none: ``hidden`` is the one of an outer level that would have done it.
    """
    directive = request.header(name)
    if directive is None:
        cited = _missing(request, f"proxy_set_header {name}")
        hidden = _hidden(request, name)
        return {"arrives": False, **cited, "hidden": None if hidden is None else _cite(hidden)}
    value = request.evaluate(" ".join(directive.args[1:]))
    arrives = None if value is None else wanted in [token.strip().lower() for token in value.split(",")]
    return {"arrives": arrives, **_cite(directive), "hidden": None}


def _hidden(request: Scope, name: str) -> Directive | None:
    if not request.group(GROUPS["proxy_set_header"]):
        return None
    for level in reversed(request.levels):
        for directive in request.config.inside(level):
            named = directive.args[0].lower() if directive.name == "proxy_set_header" and directive.args else None
            if named == name.lower():
                return directive
    return None


def _http_version(request: Scope, version: tuple[int, ...] | None) -> dict[str, Any]:
    directive = request.inherited("proxy_http_version")
    if directive is not None and len(directive.args) == 1:
        return {"value": shown(directive.args[0]), "default": False, **_cite(directive)}
    value = None if version is None else ("1.1" if version >= HTTP11_BY_DEFAULT else "1.0")
    return {"value": value, "default": True, **_missing(request, "proxy_http_version")}


def _timeout(request: Scope, name: str) -> dict[str, Any]:
    directive = request.inherited(name)
    if directive is None:
        return {"seconds": DEFAULT_TIMEOUT_S, "default": True, **_missing(request, name)}
    value = seconds(directive.args[0]) if len(directive.args) == 1 else None
    return {"seconds": value, "default": False, **_cite(directive)}


# -- the upstream -------------------------------------------------------------------------------------------


def split_host_port(text: str, default: int) -> tuple[str, int] | None:
    """``host``, ``host:port`` or ``[v6]:port``, the brackets removed; None when it is none of them."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]/\s]+))(?::(\d{1,5}))?", text)
    if match is None:
        return None
    return match.group(1) or match.group(2), int(match.group(3) or default)


def is_address(host: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _server(text: str, default_port: int, later: bool) -> dict[str, Any]:
    """One server of an upstream; ``kind``: ``address`` | ``name`` (resolved when the configuration is loaded) |
    ``resolved-later`` (asked again by the running nginx) | ``unix`` | ``unknown``."""
    # nginx knows no user and password here; somebody who wrote them wants them hidden.
    text = text.rsplit("@", 1)[-1]
    if text.startswith("unix:"):
        return {"host": shown(text), "port": None, "kind": "unix"}
    split = split_host_port(text, default_port)
    if split is None:
        return {"host": shown(text), "port": None, "kind": "unknown"}
    host, port = split
    kind = "address" if is_address(host) else ("resolved-later" if later else "name")
    return {"host": shown(host), "port": port, "kind": kind}


def _group(request: Scope, name: str) -> Directive | None:
    for directive in request.config.inside(request.server.http):
        if directive.name == "upstream" and directive.block is not None and directive.args[:1]:
            if directive.args[0].lower() == name.lower():
                return directive
    return None


def _members(request: Scope, group: Directive) -> list[dict[str, Any]]:
    found = []
    for directive in request.config.inside(group):
        if directive.name == "server" and directive.args and "down" not in directive.args[1:]:
            found.append({**_server(directive.args[0], 80, "resolve" in directive.args[1:]), **_cite(directive)})
    return found[:_MAX_SERVERS]


def _upstream(request: Scope, directive: Directive) -> dict[str, Any]:
    """Where ``proxy_pass`` leads. With a variable in it nginx resolves a name for each request (and needs a
    ``resolver``), unless the value names an ``upstream`` block."""
    text = directive.args[0]
    variable = "$" in text
    resolver = request.inherited("resolver")
    result: dict[str, Any] = {
        **_cite(directive),
        "variable": variable,
        "resolver": None if resolver is None else _cite(resolver),
        "group": None,
        "keepalive": None,
        "servers": [],
    }
    value = request.evaluate(text)
    match = _TARGET.fullmatch(value) if value is not None else None
    if match is None:
        return result
    scheme, rest = match.group("scheme").lower(), match.group("rest")
    authority = rest if rest.startswith("unix:") else re.split(r"[/?#]", rest, maxsplit=1)[0]
    group = _group(request, authority)
    if group is None:
        result["servers"] = [{**_server(authority, 443 if scheme == "https" else 80, variable), **_cite(directive)}]
        return result
    keepalive = next((one for one in request.config.inside(group) if one.name == "keepalive"), None)
    result.update(
        group=_cite(group),
        keepalive=None if keepalive is None else _cite(keepalive),
        servers=_members(request, group),
    )
    return result


def forwards(request: Scope, version: tuple[int, ...] | None) -> dict[str, Any] | None:
    """What happens to a WebSocket at this location, None when it is not handed to an HTTP upstream here.

    Args:
        request: the request, with its innermost location.
        version: of the running nginx as numbers, None when it was not learnt.
    """
    passes = [one for one in request.local("proxy_pass") if len(one.args) == 1] if request.chain else []
    if not passes:
        return None
    return {
        "upgrade": _header(request, "Upgrade", "websocket"),
        "connection": _header(request, "Connection", "upgrade"),
        "http_version": _http_version(request, version),
        "read_timeout": _timeout(request, "proxy_read_timeout"),
        "send_timeout": _timeout(request, "proxy_send_timeout"),
        "upstream": _upstream(request, passes[0]),
    }


def log_file(request: Scope) -> str | None:
    """The file of the ``error_log`` that acts for the request; None where the built-in one does.

    ``stderr``, ``syslog:`` and ``memory:`` come back as they stand.
    """
    found = request.inherited("error_log")
    if found is None:
        found = next((one for one in request.config.top() if one.name == "error_log"), None)
    return found.args[0] if found is not None and found.args else None
