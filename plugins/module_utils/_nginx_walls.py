# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may keep a knock from this host out of a location of nginx although chargers get in. Pure.

Chargers may come from another network, through a balancer, with a certificate or with a login that this host has not:
where one of these stands in nginx's files, a refusal says nothing about the way to SteVe.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Directive
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    GROUPS,
    Scope,
    redact_text,
    sharing,
)

#: Directives of nginx and of its usual modules that let in who can identify himself; ``off`` takes them back.
_IDENTIFY = ("auth_basic", "auth_request", "auth_jwt", "auth_digest", "auth_ldap", "auth_pam")
#: What they answer; 403 and 500 where their file or the service that they ask is not there.
_UNKNOWN_THERE = (401, 403, 500)
#: The status by which nginx hangs up without an answer.
_HANG_UP = 444
#: The same as code, whose outcome no file shows.
_CODE = ("access_by_lua", "access_by_lua_block", "access_by_lua_file", "perl")


@dataclass(frozen=True)
class Wall:
    """What may refuse a knock.

    Attributes:
        text: ``directive (file:line)``, without secrets.
        answers: the statuses that it answers with; None: any.
        hangs_up: whether it closes the connection without an answer.
    """

    text: str
    answers: tuple[int, ...] | None = None
    hangs_up: bool = False


def walls(request: Scope, port: int) -> tuple[Wall, ...]:
    """What may refuse a knock from here; empty: nothing that shows.

    Args:
        request: the request, with the location that serves it.
        port: port on which nginx receives it.
    """
    found = [*_rules(request)]
    if request.group(GROUPS["error_page"]):
        # An error page has a status of its own.
        found = [replace(wall, answers=None) for wall in found]
    return tuple(dict.fromkeys([*_listeners(request, port), *found]))


def _listeners(request: Scope, port: int) -> Iterator[Wall]:
    """A connection without the PROXY line is closed where an address wants one, by whichever server block."""
    for address in {listen.address: None for listen in request.server.listens if listen.covers(port)}:
        for server, listen in sharing(request.config, address, port):
            if listen.proxy_protocol:
                yield Wall(f"listen {listen.text} ({server.where})", (), hangs_up=True)
                break


def _rules(request: Scope) -> Iterator[Wall]:
    asked = request.inherited("ssl_verify_client")
    if asked is not None and request.https and asked.args == ("on",):
        yield _wall(asked, (400,))
    # The first rule that fits an address decides, so that one which lets everybody in ends the list.
    for rule in request.group(GROUPS["access"]):
        if rule.name == "allow" and rule.args == ("all",):
            break
        if rule.name == "deny" and _may_be_here(rule.args):
            yield _wall(rule, (403,))
    for name in _IDENTIFY:
        found = request.inherited(name)
        if found is not None and found.args[:1] != ("off",):
            yield _wall(found, _UNKNOWN_THERE)
    for name in _CODE:
        code = request.inherited(name)
        if code is not None:
            yield _wall(code, None)
    for decides in request.undecided():
        inside = [one for one in request.config.inside(decides) if one.name in ("return", "rewrite")]
        codes = [int(one.args[0]) for one in inside if one.name == "return" and one.args and one.args[0].isdigit()]
        yield _wall(decides, tuple(codes) if len(codes) == len(inside) else None)


def _may_be_here(args: tuple[str, ...]) -> bool:
    """Whether a rule may be about this host, which reaches its nginx by loopback or an address of a local network."""
    if args == ("all",):
        return True
    try:
        network = ipaddress.ip_network(args[0] if args else "", strict=False)
    except ValueError:
        return False  # unix:
    return network.is_private or network.is_loopback or network.prefixlen == 0


def _wall(directive: Directive, answers: tuple[int, ...] | None) -> Wall:
    hangs_up = answers is None or _HANG_UP in answers
    return Wall(f"{redact_text(directive.text)} ({directive.where})", answers, hangs_up)
