# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps a location of nginx from forwarding WebSockets as wanted. Pure.

Each difference carries, beside its sentence, what would make it good; where that cannot be told from the files alone
(a ``return``, a ``rewrite``, a value that only a request fills) it says so, and nobody may guess then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Config, Directive, shown
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_forward import is_address
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    Location,
    Scope,
    matches,
    redact_text,
    seconds,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import (
    ENDPOINT,
    NOBODY,
    Desired,
    header_value,
)

#: The upstream: ``proxy_pass`` and what nginx needs to resolve its name.
UPSTREAM = "upstream"
#: Ports that a URL of an upstream need not name.
PORTS = {"http": 80, "https": 443}
_TARGET = re.compile(r"(https?)://([^/:]+|\[[^\]]+\])(?::(\d+))?(/.*)?")
_WITHOUT_PATH = re.compile(r"https?://[^/]+")
#: One directive that may stand once in a block.
DIRECTIVE = "directive"
#: One ``proxy_set_header``.
HEADER = "header"
#: Nothing that could be written down with certainty.
UNSURE = "unsure"


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        kind: ``UPSTREAM`` | ``DIRECTIVE`` | ``HEADER`` | ``UNSURE``.
        text: the phrase for people.
        name: of the directive or of the header.
        value: what has to stand behind the name, as it is written in a file.
    """

    kind: str
    text: str
    name: str = ""
    value: str = ""


def is_specific(location: Location, wanted: Desired) -> bool:
    """Whether a location is there for the WebSocket endpoint rather than for the site as a whole."""
    if location.is_regex:
        # One that serves SteVe's pages as well must not give them the headers and time limits of WebSockets.
        pages = any(matches(location.pattern, page, ignore_case=True) for page in wanted.pages)
        return _names(location, wanted) and not pages
    if location.modifier in ("=", "@"):
        return False
    # "/steve/websocket" without the slash serves the same requests, and more, but was surely meant for them.
    return location.pattern.startswith(wanted.prefix.rstrip("/")) and wanted.path.startswith(location.pattern)


def _names(location: Location, wanted: Desired) -> bool:
    """Whether a regular expression names the WebSocket endpoint, alone or among others."""
    named = location.is_regex and "websocket" in location.pattern.lower()
    return named and bool(matches(location.pattern, wanted.path, ignore_case=True))


def phrases(found: Iterable[Difference]) -> str:
    """The differences as one phrase."""
    return "; ".join(one.text for one in found)


def differences(request: Scope, wanted: Desired) -> list[Difference]:
    """What keeps the request's location from forwarding WebSockets as wanted; empty: nothing."""
    found = [*_target_differences(request, wanted)]
    version = request.inherited("proxy_http_version")
    if version is None or version.args[:1] != ("1.1",):
        text = f"proxy_http_version is {_said(version)} instead of 1.1"
        found.append(Difference(DIRECTIVE, text, "proxy_http_version", "1.1"))
    found += _header_differences(request, wanted)
    for name, least, good_s in (
        ("proxy_read_timeout", wanted.read_least_s, wanted.read_timeout_s),
        ("proxy_send_timeout", wanted.send_least_s, wanted.send_timeout_s),
    ):
        timeout = request.inherited(name)
        # nginx's default of both is 60 s.
        value_s = 60.0 if timeout is None else seconds(" ".join(timeout.args))
        if value_s is None or value_s < least:
            text = f"{name} is {_said(timeout) if timeout else 'not set (60s)'}, less than {least}s"
            found.append(Difference(DIRECTIVE, text, name, f"{good_s}s"))
    off = request.inherited("proxy_pass_request_headers")
    if off is not None and off.args[:1] == ("off",):
        text = f"proxy_pass_request_headers is {_said(off)}, so no other header arrives"
        found.append(Difference(DIRECTIVE, text, "proxy_pass_request_headers", "on"))
    return found


def _header_differences(request: Scope, wanted: Desired) -> Iterable[Difference]:
    for name, value, good in (("Upgrade", "websocket", "$http_upgrade"), ("Connection", "upgrade", '"upgrade"')):
        header = request.header(name)
        evaluated = None if header is None else request.evaluate(" ".join(header.args[1:]))
        # nginx passes the whole list on, and SteVe's web server looks for the token in it.
        if evaluated is None or value not in [token.strip().lower() for token in evaluated.split(",")]:
            text = f"the header {name} is {_said(header, 1)} instead of {good}"
            if header is not None and evaluated is None:
                yield Difference(UNSURE, f"{text}, and only a running nginx knows its value")
            else:
                yield Difference(HEADER, text, name, good)
    # Where nobody asked for a certain value, the one of the location's owner stands: an outer balancer may know better.
    for name, asked in (("X-Forwarded-For", wanted.forwarded_for), ("X-Forwarded-Proto", wanted.forwarded_proto)):
        header = request.header(name)
        if asked is not None and (header is None or " ".join(header.args[1:]) != asked):
            good = header_value(asked)
            yield Difference(HEADER, f"the header {name} is {_said(header, 1)} instead of {good}", name, good)


def _said(directive: Directive | None, skip: int = 0) -> str:
    if directive is None:
        return "not set"
    return f"{redact_text(shown(' '.join(directive.args[skip:]))) or 'empty'} ({directive.where})"


def settled(request: Scope, wanted: Desired) -> Desired:
    """What is wanted, with what the location that serves the request now has right.

    That is the context under which its upstream gets the path, and the upstream where that is to be kept. Only of a
    location that is there for SteVe: one for the whole site may lead to something else. ``request`` is as it would be
    without our own fragment, whose upstream is a copy.
    """
    if not request.chain:
        return wanted
    serving = request.chain[-1]
    passed = request.local("proxy_pass")
    meant = serving.pattern.startswith(f"{wanted.context}/") or is_specific(serving, wanted) or _names(serving, wanted)
    if not meant or serving.directive.file == wanted.fragment or not passed or len(passed[0].args) != 1:
        return wanted
    match = _TARGET.fullmatch(request.evaluate(passed[0].args[0]) or "")
    if match is None:
        return wanted
    scheme, host, port = match.group(1), match.group(2), match.group(3)
    wanted = replace(wanted, sent_context=_sent_context(request, passed[0], match.group(4)))
    if not wanted.keep_upstream:
        return wanted
    group = None if port else _group(request.config, host)
    named, number = group[0] if group else (host, int(port) if port else PORTS[scheme])
    # As it is written there, less a path: a group and a variable are their owner's choice, and stay.
    raw = _WITHOUT_PATH.match(passed[0].args[0])
    own = bool(group) or "$" in passed[0].args[0]
    return replace(
        wanted, scheme=scheme, host=named, upstream_port=number, resolver=None if own else wanted.resolver,
        kept=raw.group() if raw else None,
    )  # fmt: skip


def _target_differences(request: Scope, wanted: Desired) -> Iterable[Difference]:
    passed = request.local("proxy_pass") if request.chain else []
    handlers = ("return", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
    others = [one for name in handlers for one in request.local(name)]
    if others:
        yield Difference(UNSURE, f"it answers by {redact_text(others[0].text)} ({others[0].where})")
    if not passed or len(passed[0].args) != 1:
        yield Difference(UNSURE if passed or others else UPSTREAM, "there is no proxy_pass")
        return
    directive = passed[0]
    target = request.evaluate(directive.args[0])
    if target is None and wanted.keep_upstream:
        return
    if target is None:
        text = f"the upstream of {_said(directive)} is known to a running nginx only, wanted is {wanted.upstream}"
        yield Difference(UNSURE, text)
        return
    match = _TARGET.fullmatch(target)
    if match is None and wanted.keep_upstream:
        return
    if match is None:
        yield Difference(UPSTREAM, f"the upstream is {_said(directive)} instead of {wanted.upstream}")
        return
    scheme, host, port, uri = match.group(1), match.group(2), match.group(3), match.group(4)
    addresses = [(host, int(port))] if port else _group(request.config, host) or [(host, PORTS[scheme])]
    known = [(_same_host(one), number) for one, number in addresses]
    if scheme != wanted.scheme or (_same_host(wanted.host), wanted.upstream_port) not in known:
        yield Difference(UPSTREAM, f"the upstream is {_said(directive)} instead of {wanted.upstream}")
    # The address of a recreated container is asked for again; an address needs no asking.
    elif wanted.resolver is not None and "$" not in directive.args[0] and not is_address(wanted.host.strip("[]")):
        text = f"the upstream's address is looked up only when nginx loads its configuration ({directive.where})"
        yield Difference(UPSTREAM, text)
    # Under which context SteVe is asked is the choice of the location's owner, who may know another than the URL's.
    if _sent_context(request, directive, uri) is None:
        yield Difference(UPSTREAM, f"the path is changed by {_said(directive)}")
    for rewrite in request.local("rewrite"):
        yield Difference(UNSURE, f"the path may be changed by {rewrite.text} ({rewrite.where})")


def _sent_context(request: Scope, directive: Directive, uri: str | None) -> str | None:
    """The context under which the upstream gets the path of the endpoint, None when it gets another path.

    Args:
        directive: the ``proxy_pass``.
        uri: what stands behind its upstream, variables filled; None for nothing.
    """
    location, end = request.chain[-1], f"{ENDPOINT}/{NOBODY}"
    if uri is None:
        sent = request.path
    elif "$" in directive.args[0] or location.is_regex:
        sent = uri
    else:
        sent = uri + request.path[len(location.pattern) :]
    return sent[: -len(end)] if sent.endswith(end) else None


def _group(config: Config, name: str) -> list[tuple[str, int]]:
    """The servers of an ``upstream`` block."""
    for http in config.top():
        for directive in config.inside(http):
            if directive.name == "upstream" and directive.args == (name,):
                found = []
                for member in config.inside(directive):
                    if member.name == "server" and member.args:
                        host, _colon, port = member.args[0].rpartition(":")
                        found.append((host, int(port)) if host and port.isdigit() else (member.args[0], 80))
                return found
    return []


def _same_host(host: str) -> str:
    return "127.0.0.1" if host.lower() in ("localhost", "[::1]") else host.lower()
