# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to change in an nginx configuration so that WebSockets reach SteVe, or why nothing may be changed. Pure.

The location stands in a file of its own (the fragment) and one ``include`` line in the server block brings it in;
everything else keeps its bytes. It is ``location ^~``: a regular expression anywhere in the server block, for images
say, would otherwise go before it for ids that happen to match. A plan is looked at before it is handed out: the
configuration as it would be must select the new location and differ in nothing that was asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import (
    Config,
    Directive,
    Edit,
    Overlay,
    Source,
    edited,
    glob_matches,
    has_magic,
    is_include,
    load,
    quote,
    shown,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    Location,
    Scope,
    Server,
    all_locations,
    matches,
    redact_text,
    scope,
    seconds,
    select_server,
)

#: First line of every fragment; a file without it is somebody's own and is never overwritten.
MARK = "# Managed by Ansible (chargeops.steve.steve_nginx_location): changes made here are lost."
#: Path of SteVe's OCPP-J endpoint below its context (SteVe's WebSocketConfiguration).
ENDPOINT = "/websocket/CentralSystemService"

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
_CONTEXT = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_FRAGMENT = re.compile(r"/[^\x00-\x1f\x7f*?\[\]\"'\\;{}$#]+")
_DIFF_LINES = 3


@dataclass(frozen=True)
class Desired:
    """What is wanted; make it with ``desired()``, which checks that no value can leave its place in the file.

    Attributes:
        name: host of the public WebSocket URL, lower case.
        port: port on which nginx receives it.
        context: context path of SteVe, e.g. ``/steve``.
        scheme: of the upstream, ``http`` or ``https``.
        host: of the upstream.
        upstream_port: of the upstream.
        resolver: name server that nginx asks at run time, or None to resolve once, when it loads its configuration.
        read_timeout_s: proxy_read_timeout in seconds.
        send_timeout_s: proxy_send_timeout in seconds.
        fragment: path of the managed file, as nginx sees it.
    """

    name: str
    port: int
    context: str
    scheme: str
    host: str
    upstream_port: int
    resolver: str | None
    read_timeout_s: int
    send_timeout_s: int
    fragment: str

    @property
    def prefix(self) -> str:
        """Path of the location."""
        return f"{self.context}/websocket/"

    @property
    def path(self) -> str:
        """Path of a request that must be served (the id is nobody's: only nginx's choice is computed with it)."""
        return f"{self.context}{ENDPOINT}/x"

    @property
    def upstream(self) -> str:
        """The upstream as a URL."""
        return f"{self.scheme}://{self.host}:{self.upstream_port}"


def desired(
    url: str,
    upstream: str,
    fragment: str,
    *,
    listen_port: int | None = None,
    resolver: str | None = None,
    read_timeout_s: int = 3600,
    send_timeout_s: int = 3600,
) -> Desired:
    """Read the options.

    Args:
        url: public WebSocket URL without the id, ``ws(s)://host[:port]/context/websocket/CentralSystemService``.
        upstream: where SteVe listens as nginx sees it, ``http(s)://host:port``.
        fragment: absolute path of the managed file.
        listen_port: port on which nginx receives the requests, where it is not the port of ``url``.
        resolver: address of a name server, with or without port.
        read_timeout_s: seconds without a byte from SteVe after which nginx may close.
        send_timeout_s: seconds without progress towards SteVe after which nginx may close.

    Raises:
        InputError: a value cannot be used.
    """
    name, port, path = _split("url", url, ("ws", "wss"), {"ws": 80, "wss": 443})
    context = path.rstrip("/")
    if not context.endswith(ENDPOINT) or _CONTEXT.fullmatch(context[: -len(ENDPOINT)]) is None:
        raise InputError(
            "url",
            f"the path of {shown(url)} does not end with {ENDPOINT}",
            "Give the WebSocket URL without the charge box id, e.g. wss://charge.example.net/steve" + ENDPOINT + ".",
        )
    host, upstream_port, rest = _split("upstream", upstream, ("http", "https"), {"http": 80, "https": 443})
    if rest not in ("", "/"):
        advice = "nginx passes the path on as it came: leave it out."
        raise InputError("upstream", f"{shown(upstream)} has a path", advice)
    if resolver is not None and re.fullmatch(rf"(?:{_HOST.pattern})(?::\d{{1,5}})?", resolver) is None:
        raise InputError("resolver", f"{shown(resolver)} is no address", "Give an address such as 127.0.0.11.")
    if _FRAGMENT.fullmatch(fragment) is None or os.path.normpath(fragment) != fragment:
        advice = "Give e.g. /etc/nginx/steve-websocket.conf."
        raise InputError("fragment", f"{shown(fragment)} is no plain absolute path", advice)
    for option, value in (("read_timeout", read_timeout_s), ("send_timeout", send_timeout_s)):
        if not 1 <= value <= 31536000:
            raise InputError(option, f"{value} s is not between a second and a year", "Give seconds, e.g. 3600.")
    if listen_port is not None and not 1 <= listen_port <= 65535:
        raise InputError("listen_port", f"{listen_port} is no TCP port", "Give a port from 1 to 65535.")
    return Desired(
        name=name.lower(),
        port=listen_port or port,
        context=context[: -len(ENDPOINT)],
        scheme=urlsplit(upstream).scheme,
        host=host,
        upstream_port=upstream_port,
        resolver=resolver,
        read_timeout_s=read_timeout_s,
        send_timeout_s=send_timeout_s,
        fragment=fragment,
    )


def _split(option: str, url: str, schemes: tuple[str, ...], ports: Mapping[str, int]) -> tuple[str, int, str]:
    """Host (IPv6 in brackets), port and path of a URL without credentials, query and fragment."""
    advice = f"Give {schemes[0]}://host:port or {schemes[1]}://host:port" + ("…" if option == "url" else "") + "."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputError(option, "it is no URL", advice) from None
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    plain = parts.username is None and not parts.query and not parts.fragment
    if parts.scheme not in schemes or _HOST.fullmatch(host) is None or not plain or re.search(r"[\s\x00-\x1f]", url):
        raise InputError(option, "it is not such a URL", advice)
    return host, port or ports[parts.scheme], parts.path


def render(wanted: Desired) -> bytes:
    """The fragment, byte for byte."""
    target = wanted.upstream
    resolve = []
    if wanted.resolver is not None:
        # With a variable nginx asks the resolver whenever the answer expires, so a recreated container is found
        # again; without it the address of the moment of loading stays until the next reload.
        resolve = [f"resolver {wanted.resolver} valid=10s;", f"set $steve_websocket_host {wanted.host};"]
        target = f"{wanted.scheme}://$steve_websocket_host:{wanted.upstream_port}"
    lines = [
        *resolve,
        # No path behind the port: nginx then passes the request's own path on, with or without a variable.
        f"proxy_pass {target};",
        "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;",
        'proxy_set_header Connection "upgrade";',
        "proxy_set_header Host $host;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        f"proxy_read_timeout {wanted.read_timeout_s}s;",
        f"proxy_send_timeout {wanted.send_timeout_s}s;",
    ]
    body = "".join(f"    {line}\n" for line in lines)
    return f"{MARK}\nlocation ^~ {wanted.prefix} {{\n{body}}}\n".encode("ascii")


@dataclass(frozen=True)
class FileChange:
    """One file before (None: it does not exist) and after."""

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True)
class Target:
    """The public request as this nginx receives it: ``url`` without id, ``connect_to`` is ``host:port`` to dial."""

    url: str
    connect_to: str


@dataclass(frozen=True)
class Plan:
    """The decision.

    Attributes:
        action: ``none`` | ``insert`` (location was not there) | ``replace`` (the fragment changes).
        changes: whole files, in the order in which they must be written (what is included before who includes it).
        edits: the same as byte ranges of existing files.
        file: where the location or its include line stands.
        line: its line, from 1.
        refusal: a sentence why nothing may be changed; then ``action`` is ``none`` and ``changes`` is empty.
        after: the configuration as it will be, None when nothing changes.
        warnings: what the operator should know although the plan is good.
        target: where a proof has to knock, None when nothing changes.
    """

    action: str = "none"
    changes: tuple[FileChange, ...] = ()
    edits: tuple[Edit, ...] = ()
    file: str | None = None
    line: int | None = None
    refusal: str | None = None
    after: Config | None = None
    warnings: tuple[str, ...] = ()
    target: Target | None = None


class _RefusedError(Exception):
    """A reason not to change anything, as sentences."""


def plan(config: Config, source: Source, wanted: Desired, fragment: bytes | None) -> Plan:
    """Compare and decide.

    Args:
        config: the present configuration.
        source: where it was read from, to look at the configuration as it would be.
        wanted: what is wanted.
        fragment: present content of the managed file, None when there is none.
    """
    try:
        request = _request(config, wanted)
        return _present(request, wanted, fragment) or _write(request, source, wanted, fragment)
    except _RefusedError as refused:
        return Plan(refusal=f"{refused} Nothing was changed.")


def _request(config: Config, wanted: Desired) -> Scope:
    """The public request as nginx treats it now."""
    if config.errors:
        raise _RefusedError(f"The nginx configuration could not be read as a whole: {config.errors[0].sentence()}")
    selection = select_server(config, wanted.name, wanted.port)
    server = selection.server
    if server is None:
        raise _RefusedError(f"There is no server block to put the WebSocket location into: {selection.reason}.")
    if selection.by == "default" and not _answers_everything(server, wanted.port):
        raise _RefusedError(
            f"No server block is for {shown(wanted.name)} on port {wanted.port}: nginx would answer it from the one "
            f"for {server.label} ({server.where}). Add the name to the right server_name line, or correct the URL."
        )
    request = scope(config, server, wanted.name, wanted.port, wanted.path)
    early = request.answered_early()
    if early is not None:
        raise _RefusedError(
            f"The server block at {server.where} answers before it looks at any location ({early.text}, "
            f"{early.where}): give the URL that it leads to, or listen_port where TLS ends in front of nginx."
        )
    return request


def _answers_everything(server: Server, port: int) -> bool:
    """Whether a block that was not chosen by name is meant for any name: it says so, or it has no real name."""
    explicit = any(listen.default for listen in server.listens if listen.covers(port))
    return explicit or not any("." in name for name in server.names)


def _present(request: Scope, wanted: Desired, fragment: bytes | None) -> Plan | None:
    """The plan that changes nothing because everything is there, or None."""
    serving = request.chain[-1] if request.chain else None
    if serving is None:
        return None
    mine = serving.directive.file == wanted.fragment
    if mine and fragment == render(wanted):
        return Plan(file=serving.directive.file, line=serving.directive.line)
    if not mine:
        found = differences(request, wanted)
        if not found:
            return Plan(file=serving.directive.file, line=serving.directive.line)
        if _is_specific(serving, wanted):
            raise _conflict(serving, wanted, found)
    return None


def _conflict(location: Location, wanted: Desired, found: list[str]) -> _RefusedError:
    differs = "; ".join(found) if found else "another location goes before it"
    return _RefusedError(
        f"The location at {location.directive.where} ({location.directive.text}) already serves {wanted.prefix} "
        f"but differs: {differs}. Correct it there, or remove it so that this collection's location takes its place."
    )


def _is_specific(location: Location, wanted: Desired) -> bool:
    """Whether a location is there for the WebSocket endpoint rather than for the site as a whole."""
    if location.is_regex:
        meant = "websocket" in location.pattern.lower()
        return meant and bool(matches(location.pattern, wanted.path, ignore_case=True))
    if location.modifier in ("=", "@"):
        return False
    # "/steve/websocket" without the slash serves the same requests, and more, but was surely meant for them.
    return location.pattern.startswith(wanted.prefix.rstrip("/")) and wanted.path.startswith(location.pattern)


def _write(request: Scope, source: Source, wanted: Desired, fragment: bytes | None) -> Plan:
    config, server = request.config, request.server
    text = render(wanted)
    others = list(all_locations(config, server.directive))
    for location in others:
        if location.directive.file != wanted.fragment and _is_specific(location, wanted):
            alone = Scope(config, server, (location,), wanted.name, wanted.path, request.https)
            raise _conflict(location, wanted, differences(alone, wanted))
    if fragment is not None and not fragment.startswith(MARK.encode("ascii")):
        raise _RefusedError(
            f"The file {shown(wanted.fragment)} exists and is not this collection's. Move it away, or choose another "
            "name with the option fragment."
        )
    users = _users(config, wanted.fragment)
    here = [directive for directive in config.inside(server.directive) if directive in users]
    elsewhere = [include for include in users if include not in here] or users[len(here) :]
    if elsewhere and fragment != text:
        raise _RefusedError(
            f"The file {shown(wanted.fragment)} is, or would be, included at {elsewhere[0].where} as well, which this "
            "change would alter too. Choose another name with the option fragment."
        )
    edits = [] if here else [_insertion(config, server, wanted)]
    changes = [] if fragment == text else [FileChange(wanted.fragment, fragment, text)]
    for edit in edits:
        data = config.files[edit.path].data
        changes.append(FileChange(edit.path, data, edited(data, [edit])))
    after = load(config.main, Overlay(source, {change.path: change.after for change in changes}))
    obstacle = _obstacle(after, wanted)
    if obstacle is not None:
        raise _RefusedError(f"The WebSocket location would not act in the server block at {server.where}: {obstacle}.")
    file, line = wanted.fragment, 2
    if edits:
        file, line = edits[0].path, config.files[edits[0].path].data.count(b"\n", 0, edits[0].start) + 1
    return Plan(
        action="replace" if any(location.directive.file == wanted.fragment for location in others) else "insert",
        changes=tuple(changes),
        edits=tuple(edits),
        file=file,
        line=line,
        after=after,
        warnings=tuple(_warnings(after, wanted)),
        target=_target(request, wanted),
    )


def _target(request: Scope, wanted: Desired) -> Target:
    """TLS where this nginx speaks it, whatever the public URL says: it may end in front of it."""
    addresses = [listen.address for listen in request.server.listens if listen.covers(wanted.port)]
    loopback = {"*": "127.0.0.1", "[::]": "[::1]"}
    address = "127.0.0.1" if "*" in addresses else loopback.get(addresses[0], addresses[0])
    scheme = "wss" if request.https else "ws"
    return Target(f"{scheme}://{wanted.name}{wanted.context}{ENDPOINT}", f"{address}:{wanted.port}")


def _users(config: Config, fragment: str) -> list[Directive]:
    """The include directives that bring the fragment, or would bring it as soon as it exists."""
    found = []
    for directive in config.walk():
        if is_include(directive):
            pattern = config.pattern(directive)
            if pattern == fragment or (has_magic(pattern) and glob_matches(pattern, fragment)):
                found.append(directive)
    return found


def _insertion(config: Config, server: Server, wanted: Desired) -> Edit:
    """The include line, as the last line of the server block, indented and ended like its neighbours."""
    block = server.directive.block
    if block is None:
        raise AssertionError("a server block without braces was selected")
    path = server.directive.file
    data = config.files[path].data
    include = f"include {quote(wanted.fragment)};".encode("utf-8", "surrogateescape")
    line_start = data.rfind(b"\n", 0, block.close) + 1
    if line_start <= block.open or data[line_start : block.close].strip():
        # The closing brace shares its line with something.
        gap = b"" if data[block.close - 1 : block.close] in (b" ", b"\t") else b" "
        return Edit(path, block.close, block.close, gap + include + b" ")
    newline = b"\r\n" if data[line_start - 2 : line_start] == b"\r\n" else b"\n"
    indent = data[line_start : block.close] + b"    "
    for child in block.directives:
        child_line = data.rfind(b"\n", 0, child.start) + 1
        if child_line > block.open and not data[child_line : child.start].strip():
            indent = data[child_line : child.start]
            break
    return Edit(path, line_start, line_start, indent + include + newline)


def _obstacle(after: Config, wanted: Desired) -> str | None:
    """Why the configuration as it would be is not what was wanted; None when it is."""
    if after.errors:
        return after.errors[0].got
    server = select_server(after, wanted.name, wanted.port).server
    if server is None:
        return "no server block answers for the URL any more"
    request = scope(after, server, wanted.name, wanted.port, wanted.path)
    if not request.chain or request.chain[-1].directive.file != wanted.fragment:
        place = request.chain[-1].directive.where if request.chain else "no location"
        return f"{place} would still be chosen"
    found = differences(request, wanted)
    return "; ".join(found) if found else None


def _warnings(after: Config, wanted: Desired) -> Iterable[str]:
    server = select_server(after, wanted.name, wanted.port).server
    if server is None:
        return
    request = scope(after, server, wanted.name, wanted.port, wanted.path)
    wall = request.inherited("auth_basic")
    if wall is not None and wall.args[:1] != ("off",):
        yield f"{wall.text} ({wall.where}) is inherited: chargers must answer nginx's login before SteVe's."
    check = request.inherited("auth_request")
    if check is not None and check.args[:1] != ("off",):
        yield f"{check.text} ({check.where}) is inherited: it decides about chargers too."


def differences(request: Scope, wanted: Desired) -> list[str]:
    """What keeps the request's location from forwarding WebSockets as wanted, one phrase each; empty: nothing."""
    found = [*_target_differences(request, wanted)]
    version = request.inherited("proxy_http_version")
    if version is None or version.args[:1] != ("1.1",):
        found.append(f"proxy_http_version is {_said(version)} instead of 1.1")
    for name, value in (("Upgrade", "websocket"), ("Connection", "upgrade")):
        header = request.header(name)
        evaluated = None if header is None else request.evaluate(" ".join(header.args[1:]))
        good = "$http_upgrade" if name == "Upgrade" else '"upgrade"'
        if evaluated is None or evaluated.lower() != value:
            found.append(f"the header {name} is {_said(header, 1)} instead of {good}")
    for name, least in (("proxy_read_timeout", wanted.read_timeout_s), ("proxy_send_timeout", wanted.send_timeout_s)):
        timeout = request.inherited(name)
        # nginx's default of both is 60 s.
        value_s = 60.0 if timeout is None else seconds(" ".join(timeout.args))
        if value_s is None or value_s < least:
            found.append(f"{name} is {_said(timeout) if timeout else 'not set (60s)'}, less than {least}s")
    off = request.inherited("proxy_pass_request_headers")
    if off is not None and off.args[:1] == ("off",):
        found.append(f"proxy_pass_request_headers is {_said(off)}, so no other header arrives")
    return found


def _said(directive: Directive | None, skip: int = 0) -> str:
    if directive is None:
        return "not set"
    return f"{redact_text(shown(' '.join(directive.args[skip:]))) or 'empty'} ({directive.where})"


def _target_differences(request: Scope, wanted: Desired) -> Iterable[str]:
    passed = request.local("proxy_pass") if request.chain else []
    handlers = ("return", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
    others = [one for name in handlers for one in request.local(name)]
    if others:
        yield f"it answers by {redact_text(others[0].text)} ({others[0].where})"
    if not passed or len(passed[0].args) != 1:
        yield "there is no proxy_pass"
        return
    directive = passed[0]
    target = request.evaluate(directive.args[0])
    if target is None:
        yield f"the upstream of {_said(directive)} is known to a running nginx only, wanted is {wanted.upstream}"
        return
    match = re.fullmatch(r"(https?)://([^/:]+|\[[^\]]+\])(?::(\d+))?(/.*)?", target)
    if match is None:
        yield f"the upstream is {_said(directive)} instead of {wanted.upstream}"
        return
    scheme, host, port, uri = match.group(1), match.group(2), match.group(3), match.group(4)
    ports = {"http": 80, "https": 443}
    addresses = [(host, int(port))] if port else _group(request.config, host) or [(host, ports[scheme])]
    known = [(_same_host(one), number) for one, number in addresses]
    if scheme != wanted.scheme or (_same_host(wanted.host), wanted.upstream_port) not in known:
        yield f"the upstream is {_said(directive)} instead of {wanted.upstream}"
    if wanted.resolver is not None and "$" not in directive.args[0]:
        yield f"the upstream's address is looked up only when nginx loads its configuration ({directive.where})"
    location = request.chain[-1]
    if uri is not None:
        sent = uri if "$" in directive.args[0] or location.is_regex else uri + request.path[len(location.pattern) :]
        if sent != request.path:
            yield f"the path is changed by {_said(directive)}"
    for rewrite in request.local("rewrite"):
        yield f"the path may be changed by {rewrite.text} ({rewrite.where})"


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


def diffs(changes: Iterable[FileChange]) -> list[dict[str, str]]:
    """Before and after of each file for Ansible's ``--diff``: the changed lines with their neighbours, secrets hidden.

    Lines farther away never leave the host: they may hold what nobody asked to see.
    """
    return [_diff(change) for change in changes]


def _diff(change: FileChange) -> dict[str, str]:
    before = (change.before or b"").decode("utf-8", "replace").splitlines(keepends=True)
    after = change.after.decode("utf-8", "replace").splitlines(keepends=True)
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    same = 0
    while same < min(len(before), len(after)) - first and before[-1 - same] == after[-1 - same]:
        same += 1
    low = max(first - _DIFF_LINES, 0)
    place = shown(change.path)

    def window(lines: list[str]) -> tuple[str, str]:
        high = min(len(lines) - same + _DIFF_LINES, len(lines))
        return redact_text("".join(lines[low:high])), f"{place} (lines {low + 1} to {high})"

    old, old_header = window(before)
    new, new_header = window(after)
    return {
        "before_header": place + " (does not exist)" if change.before is None else old_header,
        "before": old,
        "after_header": new_header,
        "after": new,
    }


#: Beginning of the names of all rehearsal files; the dot keeps them out of ``include dir/*``.
REHEARSAL_PREFIX = ".steve-rehearsal-"


@dataclass(frozen=True)
class Copy:
    """A file for the rehearsal: ``path`` holds ``data`` in the place of ``original``."""

    path: str
    original: str
    data: bytes


def rehearsal(after: Config, changed: Iterable[str], directory: str, redirect_pid: bool) -> list[Copy]:
    """Copies of the files that stand between the main file and the changed ones, for ``nginx -t``; the main one first.

    The copies include each other instead of the originals, so the test sees the configuration as it will be while
    no file of the running nginx has changed. The copy of the main file has to stand in the main file's directory
    where that is possible, because nginx resolves relative names from there.

    Args:
        after: the configuration as it will be.
        changed: paths of the files that change.
        directory: where the copies will stand.
        redirect_pid: let the test create its pid file among the copies; ``nginx -t`` leaves an empty one behind where
            nginx has never run.
    """
    moved = directory != os.path.dirname(after.main)
    pid = next((one for one in after.top() if one.name == "pid" and len(one.args) == 1 and redirect_pid), None)
    includes = [one for one in after.walk() if is_include(one)]
    wanted = {after.main, *changed} | ({pid.file} if pid is not None else set())
    if moved:
        wanted |= {one.file for one in includes if not one.args[0].startswith("/")}
    grown = True
    while grown:
        more = {one.file for one in includes if wanted & set(after.included.get((one.file, one.start), ()))} - wanted
        wanted |= more
        grown = bool(more)
    paths = [after.main, *(path for path in after.files if path in wanted and path != after.main)]
    names = {path: f"{directory}/{REHEARSAL_PREFIX}{index}.conf" for index, path in enumerate(paths)}
    scratch_pid = f"pid {quote(rehearsal_pid(directory))};"
    copies = []
    for path, name in names.items():
        edits = {
            one.start: Edit(path, one.start, one.end, _bytes(" ".join(_explicit(after, one, names))))
            for one in includes
            if one.file == path and (moved or set(after.included.get((one.file, one.start), ())) & set(names))
        }
        if pid is not None and pid.file == path:
            edits[pid.start] = Edit(path, pid.start, pid.end, _bytes(scratch_pid))
        elif pid is None and redirect_pid and path == after.main:
            edits[-1] = Edit(path, 0, 0, _bytes(scratch_pid + " "))
        copies.append(Copy(name, path, edited(after.files[path].data, edits.values())))
    return copies


def rehearsal_pid(directory: str) -> str:
    """The pid file of a rehearsal."""
    return f"{directory}/{REHEARSAL_PREFIX}pid"


def _explicit(config: Config, include: Directive, names: Mapping[str, str]) -> Iterable[str]:
    for path in config.included.get((include.file, include.start), ()):
        yield f"include {quote(names.get(path, path))};"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
