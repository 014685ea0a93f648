# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may keep a knock from this host out of a location of nginx although chargers get in. Pure.

Chargers may come from another network, through a balancer, with a certificate or with a login that this host has not:
where one of these stands in nginx's files, a refusal says nothing about the way to SteVe.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Directive
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    GROUPS,
    Scope,
    redact_text,
    sharing,
)

#: Directives of nginx and of its usual modules that let in who can identify himself; ``off`` takes them back.
_IDENTIFY = ("auth_basic", "auth_request", "auth_jwt", "auth_digest", "auth_ldap", "auth_pam")
#: The same as code, whose outcome no file shows.
_CODE = ("access_by_lua", "access_by_lua_block", "access_by_lua_file", "perl")


def walls(request: Scope, port: int) -> tuple[str, ...]:
    """What may refuse a knock from here, each as ``directive (file:line)`` without secrets; empty: nothing that shows.

    Args:
        request: the request, with the location that serves it.
        port: port on which nginx receives it.
    """
    return tuple(dict.fromkeys([*_listeners(request, port), *map(_said, _directives(request))]))


def _listeners(request: Scope, port: int) -> Iterator[str]:
    """A connection without the PROXY line is closed where an address wants one, by whichever server block."""
    for address in {listen.address: None for listen in request.server.listens if listen.covers(port)}:
        for server, listen in sharing(request.config, address, port):
            if listen.proxy_protocol:
                yield f"listen {listen.text} ({server.where})"
                break


def _directives(request: Scope) -> Iterator[Directive]:
    asked = request.inherited("ssl_verify_client")
    if asked is not None and request.https and asked.args == ("on",):
        yield asked
    # The first rule that fits an address decides, so that one which lets everybody in ends the list.
    for rule in request.group(GROUPS["access"]):
        if rule.name == "allow" and rule.args == ("all",):
            break
        if rule.name == "deny":
            yield rule
    for name in _IDENTIFY:
        found = request.inherited(name)
        if found is not None and found.args[:1] != ("off",):
            yield found
    for name in _CODE:
        code = request.inherited(name)
        if code is not None:
            yield code
    yield from request.undecided()


def _said(directive: Directive) -> str:
    return f"{redact_text(directive.text)} ({directive.where})"
