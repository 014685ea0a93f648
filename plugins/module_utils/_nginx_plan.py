# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to change in an nginx configuration so that WebSockets reach SteVe, or why nothing may be changed. Pure.

Where a location for the WebSocket path stands already but does something else, it is repaired where it stands, by the
smallest change (``_nginx_repair``). Otherwise the location stands in a file of its own (the fragment) and one
``include`` line in the server block brings it in; everything else keeps its bytes. It is ``location ^~``: a regular
expression anywhere in the server block, for images say, would otherwise go before it for ids that happen to match. A
plan is looked at before it is handed out: the configuration as it would be must select the location and differ in
nothing that was asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_access
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import (
    Config,
    Directive,
    Edit,
    NginxConfigError,
    Overlay,
    Source,
    edited,
    glob_matches,
    has_magic,
    is_include,
    load,
    parse,
    quote,
    shown,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_differences import (
    Difference,
    differences,
    is_specific,
    phrases,
    settled,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_edit import lines_at_end
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_forward import is_address
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_generated import generator
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_repair import UnsureError, repair
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    HIDDEN,
    Location,
    Scope,
    Server,
    all_locations,
    redact_file,
    redact_text,
    scope,
    select_server,
    servers,
    speaks_tls,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_walls import Wall, walls
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import (
    ENDPOINT,
    MARK,
    PING_INTERVAL_S,
    PING_MARGIN_S,
    Desired,
    Site,
    render,
    render_site,
)

_DIFF_LINES = 3


@dataclass(frozen=True)
class FileChange:
    """One file before (None: it does not exist) and after."""

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True)
class Target:
    """The public request as this nginx receives it: ``url`` without id, ``connect_to`` is ``host:port`` to dial.

    ``walls``: what in nginx's files may keep a knock from this host out although chargers get in.
    """

    url: str
    connect_to: str
    walls: tuple[Wall, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The decision.

    Attributes:
        action: ``none`` | ``insert`` (location was not there) | ``replace`` (the managed file changes) | ``repair``
            (an existing location changes where it stands).
        changes: whole files, in the order in which they must be written (what is included before who includes it).
        edits: the same as byte ranges of existing files.
        file: where the location or its include line stands.
        line: its line, from 1.
        refusal: a sentence why nothing may be changed; then ``action`` is ``none`` and ``changes`` is empty.
        after: the configuration as it will be, None when nothing changes.
        warnings: what the operator should know although the plan is good.
        notes: what holds after the change and no file shows.
        target: where a proof has to knock, None when nothing may be changed.
        stages: the configurations between the changes, when there are several files and nginx reads each of them
            already: one less than ``changes``, each tested before the first file changes.
    """

    action: str = "none"
    changes: tuple[FileChange, ...] = ()
    edits: tuple[Edit, ...] = ()
    file: str | None = None
    line: int | None = None
    refusal: str | None = None
    after: Config | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    target: Target | None = None
    stages: tuple[Config, ...] = ()


class _RefusedError(Exception):
    """A reason not to change anything, as sentences."""


def plan(
    config: Config, source: Source, wanted: Desired, fragment: bytes | None, site: bytes | None = None
) -> Plan:
    """Compare and decide.

    Args:
        config: the present configuration.
        source: where it was read from, to look at the configuration as it would be.
        wanted: what is wanted.
        fragment: present content of the managed file, None when there is none.
        site: present content of the file with a server block of our own, likewise.
    """
    try:
        if config.errors:
            what = config.errors[0].sentence()
            raise _RefusedError(f"The nginx configuration could not be read as a whole: {what}")
        decided = _own_site(config, source, wanted, site)
        if decided is None:
            request = _request(config, wanted)
            before = _without_fragment(request, source, wanted, fragment)
            wanted = settled(before, wanted)
            wanted = replace(wanted, guards=_nginx_access.taken_over(before, wanted.scheme == "https"))
            decided = _there(request, wanted) or _repaired(request, source, wanted)
            if decided is None:
                _let_nobody_in(before, wanted)
                decided = _ours(request, wanted, fragment) or _write(request, source, wanted, fragment)
                decided = replace(decided, notes=(*decided.notes, *_taken_over(before, wanted, decided)))
    except _RefusedError as refused:
        return Plan(refusal=f"{refused} Nothing was changed.")
    final = decided.after or config
    notes = _notes(final, wanted, bool(decided.changes))
    return replace(decided, notes=(*decided.notes, *notes), target=_walled(decided.target, final, wanted))


def _own_site(config: Config, source: Source, wanted: Desired, present: bytes | None) -> Plan | None:
    """The plan for a server block of our own, None where none is wanted or another block is for the name."""
    site = wanted.site
    if site is None:
        return None
    selection = select_server(config, wanted.name, wanted.port)
    if selection.by in ("name", "ambiguous") and any(one.directive.file != site.path for one in selection.candidates):
        return None
    if present is not None and not _is_ours(present):
        raise _RefusedError(
            f"The file {shown(site.path)} exists and is not this collection's. Move it away, or choose another name "
            "with the option site."
        )
    users = _users(config, site.path)
    in_http = [one for http in config.top() if http.name == "http" for one in config.inside(http)]
    if len(users) != 1 or users[0] not in in_http:
        raise _RefusedError(
            f"The file {shown(site.path)} has to be brought by exactly one include of the http block, and there "
            f"{'is none' if not users else 'is another'}. Choose a file in a directory that nginx includes, such as "
            "/etc/nginx/conf.d/steve.conf."
        )
    text = render_site(wanted, site, _addresses(config, wanted, site))
    if present == text and selection.server is not None:
        request = scope(config, selection.server, wanted.name, wanted.port, wanted.path)
        return Plan(file=site.path, line=2, target=_target(request, wanted))
    after = load(config.main, Overlay(source, {site.path: text}))
    obstacle = _obstacle(after, wanted, site.path, wanted.prefix)
    server = select_server(after, wanted.name, wanted.port).server
    if obstacle is not None or server is None:
        raise _RefusedError(f"The server block of {shown(site.path)} would not act: {obstacle}.")
    return Plan(
        action="insert" if present is None else "replace",
        changes=(FileChange(site.path, present, text),),
        file=site.path,
        line=2,
        after=after,
        warnings=tuple(_warnings(after, wanted)),
        target=_target(scope(after, server, wanted.name, wanted.port, wanted.path), wanted),
    )


def _addresses(config: Config, wanted: Desired, site: Site) -> list[str]:
    """Where a block of our own has to listen: nginx looks for names only among those of the address that was dialled.

    Raises:
        _RefusedError: others speak TLS on the port and this one would not, or the other way round.
    """
    others = [
        (server, listen)
        for server in servers(config)
        for listen in server.listens
        if server.directive.file != site.path and listen.address != "unix"
    ]
    here = [(server, listen) for server, listen in others if listen.covers(wanted.port)]
    for server, listen in here:
        tls = speaks_tls(config, listen.address, wanted.port)
        if tls != (site.certificate is not None):
            raise _RefusedError(
                f"Port {wanted.port} speaks {'TLS' if tls else 'no TLS'} ({server.where}), and the server block "
                f"of {shown(site.path)} would speak {'none' if tls else 'TLS'}. "
                f"{'Give certificate and certificate_key' if tls else 'Leave out the certificate'}, or choose "
                "another port."
            )
    if here:
        return list(dict.fromkeys(listen.address for _server, listen in here))
    # Where another server block listens on IPv6 the host has it; nginx does not start with it on a host without.
    return ["*", "[::]"] if any(listen.address.startswith("[") for _server, listen in others) else ["*"]


def _request(config: Config, wanted: Desired) -> Scope:
    """The public request as nginx treats it now."""
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
            f"The server block at {server.where} answers before it looks at any location ({redact_text(early.text)}, "
            f"{early.where}): give the URL that it leads to, or listen_port where TLS ends in front of nginx."
        )
    return request


def _without_fragment(request: Scope, source: Source, wanted: Desired, fragment: bytes | None) -> Scope:
    """The request as nginx would treat it without our fragment: that is whose upstream is kept, in every run the same.

    With the fragment in place it would be the fragment's own, and a wish that follows it would depend on what an
    earlier run has written.
    """
    config = request.config
    if fragment is None or not _is_ours(fragment) or wanted.fragment not in config.files:
        return request
    try:
        return _request(load(config.main, Overlay(source, {wanted.fragment: b""})), wanted)
    except _RefusedError:
        # The file holds more than our location (a site of ours was named): nothing is there to take over.
        return request


def _is_ours(data: bytes) -> bool:
    return data.startswith(MARK.encode("ascii"))


def _answers_everything(server: Server, port: int) -> bool:
    """Whether a block that was not chosen by name is meant for any name: it says so, or it has no real name."""
    explicit = any(listen.default for listen in server.listens if listen.covers(port))
    return explicit or not any("." in name for name in server.names)


def _there(request: Scope, wanted: Desired) -> Plan | None:
    """The plan that changes nothing because a location of somebody else does what is wanted, or None."""
    serving = request.chain[-1] if request.chain else None
    if serving is None or serving.directive.file == wanted.fragment or differences(request, wanted):
        return None
    return Plan(file=serving.directive.file, line=serving.directive.line, target=_target(request, wanted))


def _ours(request: Scope, wanted: Desired, fragment: bytes | None) -> Plan | None:
    """The plan that changes nothing because our own location is as it has to be, or None."""
    serving = request.chain[-1] if request.chain else None
    if serving is None or serving.directive.file != wanted.fragment or fragment != render(wanted):
        return None
    return Plan(file=serving.directive.file, line=serving.directive.line, target=_target(request, wanted))


def _let_nobody_in(before: Scope, wanted: Desired) -> None:
    """A location of our own must not be a way around what protects the path now.

    Args:
        before: the request as it is treated without our location.

    Raises:
        _RefusedError: it would be one, or nobody could come through it either.
    """
    if not before.chain:
        return
    serving = before.chain[-1].directive
    at = f"The location at {serving.where} ({redact_text(serving.text)}) serves {wanted.prefix} now and"
    beside = f"Write location ^~ {wanted.prefix} there by hand, with what is to protect it"
    found = _nginx_access.not_taken_over(before, wanted.scheme == "https")
    if found is not None:
        raise _RefusedError(
            f"{at} decides by {redact_text(found.text)} ({found.where}) who comes through, which a location of its own "
            f"would go around. {beside}."
        )
    found = _nginx_access.shut(before)
    if found is not None:
        raise _RefusedError(f"{at} lets nobody through ({found.text}, {found.where}). {beside}, or allow the chargers.")
    found = _nginx_access.rewritten(before) if wanted.sent_context is not None else None
    if found is not None:
        raise _RefusedError(
            f"{at} may send SteVe another path ({redact_text(found.text)}, {found.where}), which a location of its "
            f"own would not. Write location ^~ {wanted.prefix} there by hand, with the path that SteVe needs."
        )


def _taken_over(before: Scope, wanted: Desired, decided: Plan) -> Iterable[str]:
    if wanted.guards and decided.changes:
        yield (
            f"The location takes over what decides at {before.chain[-1].directive.where} who comes through: "
            f"{redact_text(' '.join(wanted.guards))}"
        )


def _repaired(request: Scope, source: Source, wanted: Desired) -> Plan | None:
    """The plan that changes the location that serves the path already, None where none is meant for it."""
    serving = request.chain[-1] if request.chain else None
    if serving is None or serving.directive.file == wanted.fragment or not is_specific(serving, wanted):
        return None
    config, place = request.config, serving.directive
    found = differences(request, wanted)
    for other in all_locations(config, request.server.directive):
        if is_specific(other, wanted) and (other.directive.file, other.directive.start) != (place.file, place.start):
            raise _conflict(serving, wanted, found, f"the one at {other.directive.where} is meant for it as well")
    try:
        edits = repair(request, wanted, found)
    except UnsureError as unsure:
        raise _conflict(serving, wanted, found, unsure.args[0]) from unsure
    if not edits:
        raise _conflict(serving, wanted, found, "no directive could be found that makes it so")
    paths = list(dict.fromkeys(edit.path for edit in edits))
    changes = []
    for path in paths:
        data = config.files[path].data
        changes.append(FileChange(path, data, edited(data, [edit for edit in edits if edit.path == path])))
    stages = _stages(config, source, changes)
    after = stages[-1]
    obstacle = _obstacle(after, wanted, place.file, serving.pattern)
    if obstacle is not None:
        raise _conflict(serving, wanted, found, f"after a change in its place {obstacle}")
    return Plan(
        action="repair",
        changes=tuple(changes),
        edits=tuple(edits),
        file=place.file,
        line=place.line,
        after=after,
        warnings=(*_generated(config, paths), *_warnings(after, wanted)),
        notes=(f"The location at {place.where} ({place.text}) differed: {phrases(found)}.",),
        target=_target(request, wanted),
        stages=tuple(stages[:-1]),
    )


def _stages(config: Config, source: Source, changes: Sequence[FileChange]) -> list[Config]:
    """The configuration after the first change, after the first two, and so on."""
    return [
        load(config.main, Overlay(source, {change.path: change.after for change in changes[: count + 1]}))
        for count in range(len(changes))
    ]


def _conflict(location: Location, wanted: Desired, found: Sequence[Difference], why: str | None) -> _RefusedError:
    """``why``: what keeps the location from being repaired, None where ``found`` says it."""
    differs = phrases(found) or "another location goes before it"
    unsure = f" It cannot be repaired without a guess: {why}." if why is not None and why not in differs else ""
    return _RefusedError(
        f"The location at {location.directive.where} ({location.directive.text}) already serves {wanted.prefix} "
        f"but differs: {differs}.{unsure} Correct it there, or remove it so that this collection's location takes its "
        "place."
    )


def _generated(config: Config, paths: Iterable[str]) -> Iterable[str]:
    """A warning for each file that configuration management would write over.

    Raises:
        _RefusedError: a program generates one of the files by itself.
    """
    told = []
    for path in paths:
        found = generator(config.files[path])
        if found is not None and found.again:
            raise _RefusedError(
                f"The file {shown(path)} is generated by {found.name} (it says: {found.marker}), which would write "
                f"over a change: {found.advice}."
            )
        if found is not None:
            told.append(
                f"{shown(path)} is written by {found.name} ({found.marker}), whose next run undoes this change: "
                f"{found.advice}."
            )
    return told


def _write(request: Scope, source: Source, wanted: Desired, fragment: bytes | None) -> Plan:
    config, server = request.config, request.server
    if wanted.target(wanted.prefix) is None:
        raise _RefusedError(
            f"A location of its own for {wanted.prefix} is needed, but {wanted.not_sent}: write it by hand, or leave "
            "out the resolver where one is given."
        )
    text = render(wanted)
    others = list(all_locations(config, server.directive))
    for location in others:
        if location.directive.file != wanted.fragment and is_specific(location, wanted):
            alone = Scope(config, server, (location,), wanted.name, wanted.path, request.https)
            raise _conflict(location, wanted, differences(alone, wanted), None)
    if fragment is not None and not _is_ours(fragment):
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
    generated = list(_generated(config, [edit.path for edit in edits]))
    changes = [] if fragment == text else [FileChange(wanted.fragment, fragment, text)]
    for edit in edits:
        data = config.files[edit.path].data
        changes.append(FileChange(edit.path, data, edited(data, [edit])))
    after = load(config.main, Overlay(source, {change.path: change.after for change in changes}))
    obstacle = _obstacle(after, wanted, wanted.fragment, wanted.prefix)
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
        warnings=(*generated, *_warnings(after, wanted)),
        target=_target(request, wanted),
    )


def _target(request: Scope, wanted: Desired) -> Target:
    """TLS where this nginx speaks it, whatever the public URL says: it may end in front of it."""
    addresses = [listen.address for listen in request.server.listens if listen.covers(wanted.port)]
    loopback = {"*": "127.0.0.1", "[::]": "[::1]"}
    address = "127.0.0.1" if "*" in addresses else loopback.get(addresses[0], addresses[0])
    scheme = "wss" if request.https else "ws"
    return Target(f"{scheme}://{wanted.name}{wanted.context}{ENDPOINT}", f"{address}:{wanted.port}")


def _walled(target: Target | None, final: Config, wanted: Desired) -> Target | None:
    """The target with what stands in the way of a knock from here once the change is made."""
    server = select_server(final, wanted.name, wanted.port).server
    if target is None or server is None:
        return target
    return replace(
        target, walls=walls(scope(final, server, wanted.name, wanted.port, wanted.path), wanted.port)
    )


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
    """The include line, as the last line of the server block."""
    block = server.directive.block
    if block is None:
        raise AssertionError("a server block without braces was selected")
    path = server.directive.file
    include = f"include {quote(wanted.fragment)};".encode("utf-8", "surrogateescape")
    return lines_at_end(config.files[path].data, path, block, [include])


def _obstacle(after: Config, wanted: Desired, file: str, pattern: str) -> str | None:
    """Why the configuration as it would be is not what was wanted; None when it is.

    Args:
        file: where the location that has to serve the path stands.
        pattern: its path or regular expression.
    """
    if after.errors:
        return after.errors[0].got
    server = select_server(after, wanted.name, wanted.port).server
    if server is None:
        return "no server block answers for the URL any more"
    request = scope(after, server, wanted.name, wanted.port, wanted.path)
    if not request.chain or (request.chain[-1].directive.file, request.chain[-1].pattern) != (file, pattern):
        place = request.chain[-1].directive.where if request.chain else "no location"
        return f"{place} would still be chosen"
    return phrases(differences(request, wanted)) or None


def _notes(after: Config, wanted: Desired, changes: bool) -> Iterable[str]:
    """What an operator has to know beside the change: it holds although everything went well."""
    if changes:
        yield "Chargers that are connected keep nginx's previous settings, time limits included, until they reconnect."
    if not wanted.public_tls:
        return
    yield (
        "SteVe 3.14 and later refuses stations of security profile 2 behind this proxy until its property "
        "steve.ocpp.security.protocol-header-from-proxy names the header X-Forwarded-Proto; earlier ones do not ask."
    )
    server = select_server(after, wanted.name, wanted.port).server
    request = None if server is None else scope(after, server, wanted.name, wanted.port, wanted.path)
    header = None if request is None else request.header("X-Forwarded-Proto")
    if request is None or header is None:
        yield "The location sets no X-Forwarded-Proto; with the option forwarded_proto it does."
    elif request.evaluate(" ".join(header.args[1:])) == "http":
        yield (
            f"{header.text} ({header.where}) is http here, because TLS ends in front of this nginx: set "
            "forwarded_proto to https, or to the variable of the header that the outer proxy sets."
        )


def _warnings(after: Config, wanted: Desired) -> Iterable[str]:
    if wanted.read_timeout_s < PING_INTERVAL_S + PING_MARGIN_S:
        yield (
            f"read_timeout is {wanted.read_timeout_s} s and SteVe pings every {PING_INTERVAL_S} s, so nginx may cut "
            f"chargers that are silent meanwhile. Give at least {PING_INTERVAL_S + PING_MARGIN_S}."
        )
    server = select_server(after, wanted.name, wanted.port).server
    if server is None:
        return
    request = scope(after, server, wanted.name, wanted.port, wanted.path)
    yield from _asked_once(request, wanted)
    wall = request.inherited("auth_basic")
    if wall is not None and wall.args[:1] != ("off",):
        how = "is taken over" if wall.file == wanted.fragment else "is inherited"
        yield f"{wall.text} ({wall.where}) {how}: chargers must answer nginx's login before SteVe's."
    check = request.inherited("auth_request")
    if check is not None and check.args[:1] != ("off",):
        yield f"{check.text} ({check.where}) is inherited: it decides about chargers too."


def _asked_once(request: Scope, wanted: Desired) -> Iterable[str]:
    """That nginx keeps the address of the upstream's name, where it does: a recreated container may get another."""
    host = wanted.host.strip("[]")
    passed = next(iter(request.local("proxy_pass")), None)
    if passed is None or wanted.resolver is not None or is_address(host) or host.lower() == "localhost":
        return
    group = passed.args[0].partition("://")[2].partition("/")[0] if passed.args else "$"
    blocks = (one for one in request.config.inside(request.server.http) if one.name == "upstream")
    again = any(
        "resolve" in member.args for one in blocks if one.args == (group,) for member in request.config.inside(one)
    )
    if "$" not in group and not group.startswith("unix:") and not again:
        yield (
            f"nginx looks up the address of {shown(host)} only when it loads its configuration ({passed.where}), and "
            "goes on asking there after the container was recreated with another one. Give a resolver (127.0.0.11 in a "
            "network of Docker), or reload nginx after a recreate."
        )


def diffs(changes: Iterable[FileChange]) -> list[dict[str, str]]:
    """Before and after of each file for Ansible's ``--diff``: the changed lines with their neighbours, secrets hidden.

    Lines farther away never leave the host: they may hold what nobody asked to see.
    """
    return [_diff(change) for change in changes]


def _diff(change: FileChange) -> dict[str, str]:
    before, after = _lines(change.before or b""), _lines(change.after)
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    same = 0
    while same < min(len(before), len(after)) - first and before[-1 - same] == after[-1 - same]:
        same += 1
    low = max(first - _DIFF_LINES, 0)
    place = shown(change.path)

    def window(data: bytes) -> tuple[str, str]:
        lines = _redacted(change.path, data)
        high = min(len(lines) - same + _DIFF_LINES, len(lines))
        return "".join(lines[low:high]), f"{place} (lines {low + 1} to {high})"

    old, old_header = window(change.before or b"")
    new, new_header = window(change.after)
    return {
        "before_header": place + " (does not exist)" if change.before is None else old_header,
        "before": old,
        "after_header": new_header,
        "after": new,
    }


def _lines(data: bytes) -> list[bytes]:
    """The lines as nginx counts them, which knows no end but a line feed."""
    return [line for line in re.split(rb"(?<=\n)", data) if line]


def _redacted(path: str, data: bytes) -> list[str]:
    """The lines without what looks secret, as many as there were."""
    try:
        text = redact_file(parse(data, path))
    except NginxConfigError:
        # Only a file that nginx does not read yet. No line of it can be told from the value of the line before.
        return [f"{HIDDEN}\n"] * len(_lines(data))
    return [line for line in re.split(r"(?<=\n)", text) if line]


#: Directives whose file nginx reads when it is tested, by a name that counts from the main file's directory.
_FILES = re.compile(
    r"(?:(?:proxy|grpc|uwsgi)_)?ssl_"
    r"(?:certificate|certificate_key|client_certificate|trusted_certificate|crl|dhparam|password_file|"
    r"session_ticket_key|stapling_file)"
)
_NO_FILES = ("/", "$", "data:", "engine:", "store:")
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
    where that is possible, because nginx resolves relative names from there; elsewhere those of includes and of
    certificates become absolute.

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
    relative = [one for one in after.walk() if moved and _names_a_file(one)]
    if moved:
        wanted |= {one.file for one in (*includes, *relative) if not one.args[0].startswith("/")}
    grown = True
    while grown:
        more = {one.file for one in includes if wanted & set(after.included.get((one.file, one.start), ()))} - wanted
        wanted |= more
        grown = bool(more)
    paths = [after.main, *(path for path in after.files if path in wanted and path != after.main)]
    names = {path: f"{directory}/{REHEARSAL_PREFIX}{index}.conf" for index, path in enumerate(paths)}
    scratch_pid = f"pid {quote(rehearsal_pid(directory))};"
    copies = []
    for path, copy in names.items():
        edits = {
            one.start: Edit(path, one.start, one.end, _bytes(" ".join(_explicit(after, one, names))))
            for one in includes
            if one.file == path and (moved or set(after.included.get((one.file, one.start), ())) & set(names))
        }
        for one in relative:
            if one.file == path:
                name = os.path.join(os.path.dirname(after.main), one.args[0])
                edits[one.words[1].start] = Edit(path, one.words[1].start, one.words[1].end, _bytes(quote(name)))
        if pid is not None and pid.file == path:
            edits[pid.start] = Edit(path, pid.start, pid.end, _bytes(scratch_pid))
        elif pid is None and redirect_pid and path == after.main:
            edits[-1] = Edit(path, 0, 0, _bytes(scratch_pid + " "))
        copies.append(Copy(copy, path, edited(after.files[path].data, edits.values())))
    return copies


def _names_a_file(directive: Directive) -> bool:
    """Whether a directive names a file by a name that is not absolute."""
    known = _FILES.fullmatch(directive.name) is not None and len(directive.args) == 1
    return known and directive.args[0] != "" and not directive.args[0].startswith(_NO_FILES)


def rehearsal_pid(directory: str) -> str:
    """The pid file of a rehearsal."""
    return f"{directory}/{REHEARSAL_PREFIX}pid"


def _explicit(config: Config, include: Directive, names: Mapping[str, str]) -> Iterable[str]:
    for path in config.included.get((include.file, include.start), ()):
        yield f"include {quote(names.get(path, path))};"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
