# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an nginx configuration means for one request: which server, which location, which directives act. Pure.

Selection follows nginx's documentation ("How nginx processes a request", ``server_name``, ``location``) and, where
that is silent, ``ngx_http_core_find_location`` and ``ngx_http_find_virtual_server``. Where the files alone cannot
tell (which local address a connection will arrive at, variables that only a request fills) the answer is "unknown".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import (
    Config,
    Directive,
    Edit,
    File,
    NginxConfigError,
    Word,
    edited,
    is_include,
    shown,
)

#: Directives of a location that replace each other level by level (the innermost value acts).
INHERITED = (
    "auth_basic", "auth_basic_user_file", "auth_request", "ignore_invalid_headers", "proxy_buffering",
    "proxy_connect_timeout", "proxy_http_version", "proxy_intercept_errors", "proxy_pass_request_headers",
    "proxy_read_timeout", "proxy_send_timeout", "resolver", "resolver_timeout", "root", "satisfy",
)  # fmt: skip
#: Directives that may stand several times; a level that has any of a group inherits none of that group.
GROUPS = {
    "proxy_set_header": ("proxy_set_header",),
    "access": ("allow", "deny"),
    "add_header": ("add_header",),
    "error_page": ("error_page",),
}
#: Directives that act only where they stand.
LOCAL = (
    "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "return", "rewrite", "set", "if",
    "try_files", "alias",
)  # fmt: skip

_SECRET_PARTS = "auth|cookie|token|secret|passw|key|credential|session"  # noqa: S105 - names, no values
_SECRET_NAME = re.compile(_SECRET_PARTS, re.IGNORECASE)
#: Directives whose first argument names what the others are the value of.
NAMING = (
    "proxy_set_header", "add_header", "set", "fastcgi_param", "uwsgi_param", "scgi_param", "grpc_set_header",
)  # fmt: skip
#: Directives of an expression that is secret wherever it is more than variables.
_SECRET_DIRECTIVES = ("secure_link_md5",)
_VARIABLES_ONLY = re.compile(r"(?:\s|\$\w+|\$\{\w+\})*")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_USERINFO = re.compile(r"(://)[^/@\s\"']+@")
_SENSITIVE = r"[\w-]*(?:authorization|cookie|token|secret|password|passwd|api[-_]?key|credential)[\w-]*[\"']?"
_SECRET_LINE = re.compile(rf"(\b{_SENSITIVE}[ \t=:]+)(?![$;\s])\S[^\n]*", re.IGNORECASE)
_NAMED_VARIABLE = rf"[\"']?\$\{{?\w*(?:{_SECRET_PARTS})\w*\}}?[\"']?"
_NAMED = rf"(?:{'|'.join(NAMING)})[ \t]+(?:{_NAMED_VARIABLE}|[\"']?[\w-]*(?:{_SECRET_PARTS})[\w-]*[\"']?)"
_VARIABLES_TO_THE_END = r"(?:[ \t]|\$\w+|\$\{\w+\})*(?:[;{\n]|$)"
#: The same where the directive says that a word is a name: many more names can be meant then.
_SECRET_NAMED = re.compile(
    rf"(\b(?:{_NAMED}|{'|'.join(_SECRET_DIRECTIVES)})[ \t]+)(?!{_VARIABLES_TO_THE_END})\S[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_SECRET_IF = re.compile(rf"(\bif[ \t]*\([ \t]*{_NAMED_VARIABLE}[ \t]+)(?!\))\S[^\n]*", re.IGNORECASE)
#: A name at the end of a comment's line whose value stands in the next one: a directive that was commented out.
_SECRET_COMMENT = re.compile(
    rf"(^[ \t]*#(?:[^\n]*[^\w\n-])?(?:{_SENSITIVE}|{_NAMED})[ \t=:]*\n[ \t]*#[ \t#]*)(?![$;\s])\S[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
#: A word that is such a name and nothing else, as ``$token`` or ``($cookie_a``.
_SECRET_WORD = re.compile(rf"[(!$\"'{{]*{_SENSITIVE}[}}:=]*", re.IGNORECASE)
#: A variable with such a name, as the whole word of a condition or as a part of it.
_SECRET_VARIABLE = re.compile(rf"\$\{{?\w*(?:{_SECRET_PARTS})", re.IGNORECASE)
_CONDITION_NAME = re.compile(r"[(!\"']*\$(?:\w+|\{\w+\})[\"')]*")
#: Words at the place of a key in a ``map`` that are none.
_MAP_WORDS = ("default", "hostnames", "volatile", "include", "")
HIDDEN = "(value hidden)"
_TIME = re.compile(r"(\d+)(ms|y|M|w|d|h|m|s|)")
_TIME_UNITS = {
    "ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "M": 2592000.0,
    "y": 31536000.0,
}  # fmt: skip
_MAX_DEPTH = 8


@dataclass(frozen=True)
class Listen:
    """One ``listen`` of a server block. ``address`` is ``*`` for every IPv4 address, ``unix`` for a socket file.

    ``ssl`` and ``proxy_protocol`` say what stands in this line; they act for the address, see ``sharing``.
    """

    address: str
    first_port: int
    last_port: int
    default: bool
    ssl: bool
    quic: bool = False
    proxy_protocol: bool = False

    def covers(self, port: int) -> bool:
        """Whether connections to ``port`` can arrive here; QUIC is UDP, and no charger comes that way."""
        return self.address != "unix" and not self.quic and self.first_port <= port <= self.last_port

    @property
    def text(self) -> str:
        """``address:port`` and the flags that matter."""
        ports = str(self.first_port) if self.first_port == self.last_port else f"{self.first_port}-{self.last_port}"
        named = (
            ("default_server", self.default), ("ssl", self.ssl), ("quic", self.quic),
            ("proxy_protocol", self.proxy_protocol),
        )  # fmt: skip
        flags = "".join(f" {name}" for name, present in named if present)
        return ("unix:" if self.address == "unix" else f"{self.address}:{ports}") + flags


@dataclass(frozen=True)
class Server:
    """A server block with where it listens and the names it answers to (lower case)."""

    directive: Directive
    http: Directive
    listens: tuple[Listen, ...]
    names: tuple[str, ...]

    @property
    def where(self) -> str:
        """``file:line``."""
        return self.directive.where

    @property
    def label(self) -> str:
        """Its first real name, for sentences."""
        return shown(next((name for name in self.names if name), "no name"))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "file": shown(self.directive.file),
            "line": self.directive.line,
            "listen": [listen.text for listen in self.listens],
            "names": [shown(name) for name in self.names],
        }


@dataclass(frozen=True)
class Selection:
    """The server block that answers for a name and port, or why there is none to point at.

    Attributes:
        server: the block, None when there is none or more than one.
        by: ``name`` | ``default`` | ``none`` | ``ambiguous``.
        candidates: the blocks that came into question.
        reason: the sentence that belongs to ``none`` and ``ambiguous``.
    """

    server: Server | None
    by: str
    candidates: tuple[Server, ...] = ()
    reason: str | None = None


def servers(config: Config) -> list[Server]:
    """All server blocks of all ``http`` blocks, in nginx's order (``stream`` and ``mail`` servers are others)."""
    found = []
    for http in config.top():
        if http.name == "http" and http.block is not None:
            for directive in config.inside(http):
                if directive.name == "server" and directive.block is not None:
                    found.append(_server(config, http, directive))
    return found


def _server(config: Config, http: Directive, directive: Directive) -> Server:
    listens: list[Listen] = []
    names: list[str] = []
    for child in config.inside(directive):
        if child.name == "listen" and child.args:
            listens.append(_listen(child.args))
        elif child.name == "server_name":
            names.extend(name.lower() if not name.startswith("~") else name for name in child.args)
    return Server(directive, http, tuple(listens or [Listen("*", 80, 80, False, False)]), tuple(names or [""]))


def _listen(args: tuple[str, ...]) -> Listen:
    flags = args[1:]
    default = "default_server" in flags or "default" in flags
    acts = (default, "ssl" in flags, "quic" in flags, "proxy_protocol" in flags)
    text = args[0]
    if text.startswith("unix:"):
        return Listen("unix", 0, 0, *acts)
    match = re.fullmatch(r"(?:(\[[^\]]*\]|[^:\[\]]*):)?(\d+)(?:-(\d+))?", text)
    if match is None:
        return Listen(_address(text), 80, 80, *acts)
    first = int(match.group(2))
    return Listen(_address(match.group(1) or "*"), first, int(match.group(3) or first), *acts)


def _address(text: str) -> str:
    return "*" if text in ("", "*", "0.0.0.0") else text.lower()  # noqa: S104 - read, not bound


def sharing(config: Config, address: str, port: int) -> list[tuple[Server, Listen]]:
    """Every ``listen`` of one address and port, in nginx's order: flags that one of them has act for all of them.

    Source: ``ngx_http_add_addresses``, which joins ``ssl`` and ``proxy_protocol`` of an address.
    """
    return [
        (server, listen)
        for server in servers(config)
        for listen in server.listens
        if listen.address == address and listen.covers(port)
    ]


def speaks_tls(config: Config, address: str, port: int) -> bool:
    """Whether nginx speaks TLS to whoever arrives at an address that a server block listens on.

    Before 1.25.1 also by ``ssl on``, of the address' default server: which block answers is not known before TLS.
    """
    members = sharing(config, address, port)
    if any(listen.ssl for _server_, listen in members):
        return True
    default = next((server for server, listen in members if listen.default), members[0][0] if members else None)
    if default is None:
        return False
    levels = (default.directive, default.http)
    found = (one for level in levels for one in config.inside(level) if one.name == "ssl")
    return next((one.args == ("on",) for one in found), False)


def select_server(config: Config, name: str, port: int) -> Selection:
    """The server block that answers requests for ``name`` that arrive at ``port`` of this nginx.

    Which local address they arrive at is not in the files, so every address that has a block on this port is asked;
    blocks chosen by name go before those chosen as default, and more than one remaining block is ``ambiguous``.
    """
    name = name.lower().rstrip(".")
    groups: dict[tuple[str, int, int], list[tuple[Server, Listen]]] = {}
    for server in servers(config):
        for listen in server.listens:
            if listen.covers(port):
                groups.setdefault((listen.address, listen.first_port, listen.last_port), []).append((server, listen))
    if not groups:
        return Selection(None, "none", tuple(servers(config)), f"no server block listens on port {port}")
    by_name: list[Server] = []
    by_default: list[Server] = []
    for members in groups.values():
        chosen = _choose(name, [server for server, _listen_ in members])
        by_name.extend(server for server in chosen if server not in by_name)
        default = next((server for server, listen in members if listen.default), members[0][0])
        if not chosen and default not in by_default:
            by_default.append(default)
    found = by_name or by_default
    if len(found) == 1:
        return Selection(found[0], "name" if by_name else "default", tuple(found))
    places = " and ".join(server.where for server in found)
    reason = f"more than one server block could answer for {shown(name)} on port {port}: {places}"
    return Selection(None, "ambiguous", tuple(found), reason)


def _choose(name: str, members: list[Server]) -> list[Server]:
    """The members whose names match best: exact, then ``*.x``, then ``x.*`` (longest first), then the first regex.

    Two members with one and the same name both come back: nginx takes the first and warns ("conflicting server
    name"), an operator may well mean the other.
    """
    best: tuple[int, int] = (0, 0)
    found: list[Server] = []
    for server in members:
        ranks = [rank for rank in (_rank(name, pattern) for pattern in server.names) if rank is not None]
        if not ranks:
            continue
        rank = max(ranks)
        if rank > best:
            best, found = rank, [server]
        elif rank == best and rank[0] > 1 and server not in found:
            found.append(server)
    return found


def _rank(name: str, pattern: str) -> tuple[int, int] | None:
    if pattern.startswith("~"):
        # A pattern that Python cannot read is none of the plain ones that people use for a charger's host name.
        return (1, 0) if matches(pattern[1:], name, ignore_case=True) else None
    if pattern == name and name:
        return (4, 0)
    if pattern.startswith(".") and (name == pattern[1:] or name.endswith(pattern)):
        return (4, 0) if name == pattern[1:] else (3, len(pattern))
    if pattern.startswith("*.") and name.endswith(pattern[1:]):
        return (3, len(pattern))
    if pattern.endswith(".*") and name.startswith(pattern[:-1]):
        return (2, len(pattern))
    return None


def matches(regex: str, text: str, ignore_case: bool) -> bool | None:
    """Whether a PCRE of nginx matches, None when Python cannot read it."""
    try:
        compiled = re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", regex), re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError):
        return None
    return compiled.search(text[:500]) is not None


@dataclass(frozen=True)
class Location:
    """What a ``location`` line says; ``modifier`` is one of ``=``, ``^~``, ``~``, ``~*``, ``@`` or empty."""

    directive: Directive
    modifier: str
    pattern: str

    @property
    def is_regex(self) -> bool:
        """Whether the pattern is a regular expression."""
        return self.modifier in ("~", "~*")


def as_location(directive: Directive) -> Location | None:
    """The location that a directive opens, None for any other directive."""
    if directive.name != "location" or directive.block is None or len(directive.args) not in (1, 2):
        return None
    if len(directive.args) == 2:
        return Location(directive, directive.args[0], directive.args[1])
    text = directive.args[0]
    for modifier in ("=", "^~", "~*", "~", "@"):
        if text.startswith(modifier):
            return Location(directive, modifier, text[len(modifier) :])
    return Location(directive, "", text)


def locations(config: Config, directive: Directive) -> list[Location]:
    """The locations that stand directly in a server block or location."""
    found = (as_location(child) for child in config.inside(directive))
    return [location for location in found if location is not None]


def all_locations(config: Config, directive: Directive) -> Iterator[Location]:
    """The locations in a block and those nested in them."""
    for location in locations(config, directive):
        yield location
        yield from all_locations(config, location.directive)


def find_location(config: Config, server: Server, path: str) -> list[Location]:
    """The location that serves ``path`` (decoded, without query), outermost first; empty when there is none.

    A regular expression that cannot be evaluated is taken as not matching; ``describe`` reports it.
    """
    return _find(config, server.directive, path)[1]


def _find(config: Config, directive: Directive, path: str) -> tuple[bool, list[Location]]:
    """``ngx_http_core_find_location``: (final, chain); a match by ``=`` or regex ends the search of outer levels."""
    level = locations(config, directive)
    for location in level:
        if location.modifier == "=" and location.pattern == path:
            return True, [location]
    prefixes = [one for one in level if one.modifier in ("", "^~") and path.startswith(one.pattern)]
    chain: list[Location] = []
    if prefixes:
        longest = max(prefixes, key=lambda location: len(location.pattern))
        final, nested = _find(config, longest.directive, path)
        chain = [longest, *nested]
        if final or longest.modifier == "^~":
            return final, chain
    for location in level:
        if location.is_regex and matches(location.pattern, path, location.modifier == "~*"):
            return True, [location, *_find(config, location.directive, path)[1]]
    return False, chain


@dataclass(frozen=True)
class Scope:
    """One request as nginx will treat it: the levels from ``http`` to the innermost location, and what it asks."""

    config: Config
    server: Server
    chain: tuple[Location, ...]
    name: str
    path: str
    https: bool

    @property
    def levels(self) -> list[Directive]:
        """The blocks whose directives act, outermost first."""
        return [self.server.http, self.server.directive, *(location.directive for location in self.chain)]

    def inherited(self, name: str) -> Directive | None:
        """The directive of this name that acts."""
        for level in reversed(self.levels):
            for directive in self.config.inside(level):
                if directive.name == name:
                    return directive
        return None

    def group(self, names: Iterable[str]) -> list[Directive]:
        """The directives of a group that act: those of the innermost level that has any."""
        wanted = frozenset(names)
        for level in reversed(self.levels):
            found = [directive for directive in self.config.inside(level) if directive.name in wanted]
            if found:
                return found
        return []

    def local(self, name: str) -> list[Directive]:
        """The directives of this name in the innermost location."""
        innermost = self.levels[-1]
        return [directive for directive in self.config.inside(innermost) if directive.name == name]

    def header(self, name: str) -> Directive | None:
        """The ``proxy_set_header`` that acts for a header (the last one wins where it stands twice)."""
        headers = [one for one in self.group(GROUPS["proxy_set_header"]) if one.args]
        found = [one for one in headers if one.args[0].lower() == name.lower()]
        return found[-1] if found else None

    def evaluate(self, text: str) -> str | None:
        """A word with its variables filled for a WebSocket upgrade; None when only a real request can tell."""
        return self._evaluate(text, 0)

    def _evaluate(self, text: str, depth: int) -> str | None:
        pieces, done = [], 0
        for match in _VARIABLE.finditer(text):
            value = self._variable(match.group(1) or match.group(2), depth)
            if value is None:
                return None
            pieces += [text[done : match.start()], value]
            done = match.end()
        return "".join([*pieces, text[done:]])

    def _variable(self, name: str, depth: int) -> str | None:
        known = {
            "http_upgrade": "websocket", "http_connection": "Upgrade", "host": self.name, "http_host": self.name,
            "scheme": "https" if self.https else "http", "https": "on" if self.https else "",
            "request_method": "GET", "uri": self.path, "document_uri": self.path, "request_uri": self.path,
            "args": "", "is_args": "", "query_string": "", "http_sec_websocket_version": "13",
        }  # fmt: skip
        if name in known:
            return known[name]
        if depth >= _MAX_DEPTH:
            return None
        for level in reversed(self.levels[1:]):
            found = self._last_set(level, name)
            if found is not None:
                known_set = found.name == "set" and len(found.args) == 2
                return self._evaluate(found.args[1], depth + 1) if known_set else None
        for directive in self.config.inside(self.server.http):
            if directive.name == "map" and directive.block is not None and directive.args[1:] == (f"${name}",):
                return self._map(directive, depth)
        return None

    def _last_set(self, level: Directive, name: str) -> Directive | None:
        """The ``set`` of a level that acts last for a variable, None where there is none.

        An ``if`` comes back itself where only a real request tells whether the ``set`` in it acts.
        """
        last = None
        for one in self.config.inside(level):
            if one.name == "set" and one.args[:1] == (f"${name}",):
                last = one
            elif one.name == "if" and one.block is not None:
                # With what the request itself says alone: variables that depend on each other would have no end.
                inner = [two for two in self.config.inside(one) if two.name == "set" and two.args[:1] == (f"${name}",)]
                holds = self._condition(one.args, _MAX_DEPTH) if inner else False
                if holds is not False:
                    last = inner[-1] if holds else one
        return last

    def _map(self, directive: Directive, depth: int) -> str | None:
        source = self._evaluate(directive.args[0], depth + 1)
        if source is None:
            return None
        inside = [one for one in self.config.inside(directive) if len(one.args) == 1 and not is_include(one)]
        entries = [(one.name, one.args[0]) for one in inside]
        default = ""
        for key, value in entries:
            if key == "default":
                default = value
            elif not key.startswith("~") and key.lower().lstrip("\\") == source.lower():
                return self._evaluate(value, depth + 1)
        for key, value in entries:
            if key.startswith("~"):
                matched = matches(key.lstrip("~*"), source, key.startswith("~*"))
                if matched is None:
                    return None
                if matched:
                    return self._evaluate(value, depth + 1)
        return self._evaluate(default, depth + 1)

    def answered_early(self) -> Directive | None:
        """The ``return`` or ``rewrite`` at server level that answers before any location is looked at."""
        return self._answer(self.server.directive)

    def _answer(self, block: Directive) -> Directive | None:
        for directive in self.config.inside(block):
            if directive.name == "return":
                return directive
            if directive.name == "rewrite" and self._redirects(directive.args):
                return directive
            if directive.name == "if" and directive.block is not None and self._condition(directive.args):
                inner = self._answer(directive)
                if inner is not None:
                    return inner
        return None

    def undecided(self) -> Iterator[Directive]:
        """The ``if`` blocks on the request's way that may answer it, and of which only a real request can tell."""
        for level in self.levels[1:]:
            for directive in self.config.inside(level):
                if directive.name == "if" and directive.block is not None and self._condition(directive.args) is None:
                    if any(one.name in ("return", "rewrite") for one in self.config.inside(directive)):
                        yield directive

    def _redirects(self, args: tuple[str, ...]) -> bool:
        if len(args) < 2 or not matches(args[0], self.path, ignore_case=False):
            return False
        return args[1].startswith(("http://", "https://", "$scheme")) or args[-1] in ("redirect", "permanent")

    def holds(self, directive: Directive) -> bool | None:
        """Whether an ``if`` is true for this request, None when only a running nginx can tell."""
        return self._condition(directive.args)

    def _condition(self, args: tuple[str, ...], depth: int = 0) -> bool | None:
        """Whether an ``if`` is true for this request, None when that cannot be told."""
        words = _between_brackets(args)
        value = self._evaluate(words[0], depth) if words else None
        if value is None:
            return None
        if len(words) == 1:
            return value not in ("", "0")
        if len(words) != 3:
            return None
        operator, operand = words[1], words[2].strip("\"'")
        if operator in ("=", "!="):
            return (value == operand) == (operator == "=")
        if operator.lstrip("!") in ("~", "~*"):
            matched = matches(operand, value, operator.endswith("*"))
            return None if matched is None else matched != operator.startswith("!")
        return None


def _between_brackets(args: tuple[str, ...]) -> list[str]:
    """The words of a condition; an empty one that was quoted stays one."""
    words = list(args)
    if not words or not words[0].startswith("(") or not words[-1].endswith(")"):
        return []
    words[0] = words[0][1:]
    words[-1] = words[-1][:-1]
    last = len(words) - 1
    return [word for index, word in enumerate(words) if word or index not in (0, last)]


def scope(config: Config, server: Server, name: str, port: int, path: str) -> Scope:
    """The request for ``path`` at ``name``, answered by ``server``."""
    addresses = [listen.address for listen in server.listens if listen.covers(port)]
    https = any(speaks_tls(config, address, port) for address in addresses)
    return Scope(config, server, tuple(find_location(config, server, path)), name.lower(), path, https)


def seconds(text: str) -> float | None:
    """An nginx time (``3600``, ``60s``, ``1h 30m``) in seconds, None when it is none."""
    compact = text.replace(" ", "")
    if not compact or re.fullmatch(r"(?:\d+(?:ms|[yMwdhms])?)+", compact) is None:
        return None
    return sum(int(number) * _TIME_UNITS[unit] for number, unit in _TIME.findall(compact))


def shutdown_limit(config: Config) -> Directive | None:
    """The ``worker_shutdown_timeout`` after which a reload ends the old workers' connections; None: it never does.

    Source: ``ngx_set_shutdown_timer``, which does nothing for 0.
    """
    found = [one for one in config.top() if one.name == "worker_shutdown_timeout"]
    return found[-1] if found and seconds(" ".join(found[-1].args)) != 0 else None


def touches_extensions_header(scope_: Scope) -> bool:
    """Whether anything on the request's way might change ``Sec-WebSocket-Extensions`` before SteVe sees it.

    Generous on purpose: without that header the last gate would become a real handshake, so code in Lua, njs or
    Perl, foreign header modules and ``proxy_pass_request_headers off`` count as touching.
    """
    off = scope_.inherited("proxy_pass_request_headers")
    if off is not None and off.args[:1] == ("off",):
        return True
    for level in scope_.levels:
        for directive in scope_.config.inside(level):
            name = directive.name.lower()
            if "_by_lua" in name or name.startswith(("js_", "perl")) or name.endswith("_input_headers"):
                return True
    return any(
        "sec-websocket-extensions" in word.text.lower() or "sec_websocket_extensions" in word.text.lower()
        for directive in scope_.config.walk()
        for word in directive.words
    )


def redact(name: str, value: str) -> str:
    """A value with what is secret replaced; a value made of variables only is evidence and no secret."""
    if _SECRET_NAME.search(name) and _VARIABLES_ONLY.fullmatch(value) is None:
        return HIDDEN
    return _USERINFO.sub(rf"\1{HIDDEN}@", value)


def redact_text(text: str) -> str:
    """A piece of a configuration file, comments included, with what looks secret replaced line by line."""
    for secret in (_SECRET_LINE, _SECRET_NAMED, _SECRET_IF):
        text = secret.sub(rf"\1{HIDDEN}", text)
    return _USERINFO.sub(rf"\1{HIDDEN}@", text)


def redact_file(file: File) -> str:
    """A whole file with what looks secret replaced, also where name and value stand on different lines.

    Every line keeps its number, so that a part can be cut out afterwards: cut first, a value may stand in the part
    without its name.
    """
    edits = [edit for directive in _every(file.directives) for edit in _hidden(file, directive)]
    text = edited(file.data, edits).decode("utf-8", "replace")
    return redact_text(_SECRET_COMMENT.sub(rf"\1{HIDDEN}", text))


def _every(directives: Iterable[Directive]) -> Iterator[Directive]:
    for directive in directives:
        yield directive
        # The entries of a map are no directives, see _entry.
        if directive.block is not None and directive.name != "map":
            yield from _every(directive.block.directives)


def _hidden(file: File, directive: Directive) -> Iterator[Edit]:
    """What stands behind the first word that names a secret, comments in between included; or within that word."""
    last = directive.words[-1].end
    name, args = directive.name, directive.args
    if name in NAMING and len(args) > 1 and HIDDEN in redact(args[0], " ".join(args[1:])):
        yield _blanked(file, directive.words[1].end, last)
        return
    if name in _SECRET_DIRECTIVES and _VARIABLES_ONLY.fullmatch(" ".join(args)) is None:
        yield _blanked(file, directive.words[0].end, last)
        return
    if name == "map" and directive.block is not None:
        for entry in directive.block.directives:
            yield from _entry(file, directive, entry)
    if name == "if":
        for word, following in zip(directive.words, (*directive.words[1:], None)):
            if _SECRET_VARIABLE.search(word.text) is not None:
                whole = _CONDITION_NAME.fullmatch(word.text) is not None
                if not whole or following is not None:
                    yield _blanked(file, word.end if whole else word.start, last)
                return
    for word, following in zip(directive.words, (*directive.words[1:], None)):
        raw = file.data[word.start : word.end]
        named = _SECRET_WORD.fullmatch(word.text) is not None
        if named and following is not None and not _is_variable(file, following):
            yield _blanked(file, word.end, last)
            return
        # One line that holds name and value is read as a line, see redact_text.
        if b"\n" in raw and re.search(_SENSITIVE, word.text, re.IGNORECASE):
            yield _blanked(file, word.start, last)
            return


def _entry(file: File, of: Directive, entry: Directive) -> Iterator[Edit]:
    """What is secret in an entry of a ``map``: the values of a secret variable, and what one is compared with."""
    key, last = entry.words[0], entry.words[-1].end
    if entry.name == "include":
        return
    compared = _SECRET_VARIABLE.search(" ".join(of.args[:1])) is not None and entry.name not in _MAP_WORDS
    made = _SECRET_VARIABLE.search(" ".join(of.args[1:])) is not None
    if made and _VARIABLES_ONLY.fullmatch(" ".join(entry.args)) is None:
        yield _blanked(file, key.start if compared else key.end, last)
    elif compared:
        yield _blanked(file, key.start, key.end)
    else:
        yield from _hidden(file, entry)


def _is_variable(file: File, word: Word) -> bool:
    return word.text.startswith("$") and b"\n" not in file.data[word.start : word.end]


def _blanked(file: File, start: int, end: int) -> Edit:
    lines = file.data.count(b"\n", start, end)
    return Edit(file.path, start, end, f" {HIDDEN}".encode("ascii") + b"\n" * lines)


def _value(directive: Directive) -> dict[str, Any]:
    text = " ".join(directive.args)
    if directive.name in ("set", "add_header") and directive.args:
        text = f"{directive.args[0]} {redact(directive.args[0], ' '.join(directive.args[1:]))}"
    elif directive.name == "if":
        text = redact(text, text)
    return {
        "value": shown(_USERINFO.sub(rf"\1{HIDDEN}@", text)),
        "file": shown(directive.file),
        "line": directive.line,
    }


def _header(scope_: Scope, directive: Directive) -> dict[str, Any]:
    name, value = directive.args[0], " ".join(directive.args[1:])
    evaluated = scope_.evaluate(value)
    return {
        "header": shown(name),
        "value": shown(redact(name, value)),
        "evaluated": None if evaluated is None else shown(redact(name, evaluated)),
        "file": shown(directive.file),
        "line": directive.line,
    }


def effective(scope_: Scope) -> dict[str, Any]:
    """The directives that act on the request, by name, each with file and line; secrets redacted."""
    result: dict[str, Any] = {}
    for name in INHERITED:
        directive = scope_.inherited(name)
        if directive is not None:
            result[name] = _value(directive)
    for name, members in GROUPS.items():
        found = scope_.group(members)
        if name == "proxy_set_header":
            result[name] = [_header(scope_, directive) for directive in found if directive.args]
        elif found:
            result[name] = [{"directive": directive.name, **_value(directive)} for directive in found]
    for name in LOCAL:
        local = scope_.local(name) if scope_.chain else []
        if local and name != "proxy_pass":
            result[name] = [_value(directive) for directive in local]
    return result


def _error(config: Config, error: SteveError) -> dict[str, Any]:
    if isinstance(error, NginxConfigError):
        return {"file": shown(error.file), "line": error.line, "error": error.what}
    return {"file": shown(config.main), "line": None, "error": f"{error.target}: {error.got}"}


def describe(config: Config, public_name: str, port: int, path: str) -> dict[str, Any]:
    """Part ``nginx`` of an observation: what this configuration does with a WebSocket for the public name.

    Args:
        config: the configuration, see ``_nginx_conf.load``.
        public_name: host of the public WebSocket URL.
        port: port on which this nginx receives it.
        path: path of the request, e.g. ``/steve/websocket/CentralSystemService/CP1``.
    """
    selection = select_server(config, public_name, port)
    limit = shutdown_limit(config)
    result: dict[str, Any] = {
        "files": [shown(file) for file in config.files],
        "servers": [server.to_dict() for server in servers(config)],
        "selected": None,
        "selected_by": selection.by,
        "selection_note": selection.reason,
        "answered_early": None,
        "location": None,
        "extensions_header_touched": True,
        "worker_shutdown_timeout": None if limit is None else _value(limit),
        "errors": [_error(config, error) for error in config.errors],
    }
    if selection.server is None:
        return result
    request = scope(config, selection.server, public_name, port, path)
    early = request.answered_early()
    result["selected"] = selection.server.to_dict()
    result["extensions_header_touched"] = touches_extensions_header(request)
    if early is not None:
        result["answered_early"] = {"directive": early.name, **_value(early)}
    if request.chain:
        innermost = request.chain[-1]
        target = next(iter(request.local("proxy_pass")), None)
        result["location"] = {
            "file": shown(innermost.directive.file),
            "line": innermost.directive.line,
            "pattern": shown(" ".join(part for part in (innermost.modifier, innermost.pattern) if part)),
            "proxy_pass": None if target is None else _value(target),
            "effective": effective(request),
        }
    return result
