# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The smallest change that lets an existing location forward WebSockets as wanted, or why nobody can be sure. Pure.

A directive that is wrong gets other arguments where it stands; one that is missing, or whose value comes from an
outer level, is written into the location. ``proxy_set_header`` is inherited all or not at all
(ngx_http_proxy_module), so the first one of a location brings along those that were in force until then.
What also acts elsewhere (a file that several blocks include) is never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Directive, Edit
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_differences import (
    DIRECTIVE,
    HEADER,
    UNSURE,
    UPSTREAM,
    Difference,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_edit import (
    arguments_replaced,
    lines_at_end,
    lines_behind,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    GROUPS,
    HIDDEN,
    Scope,
    redact,
    redact_text,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import HOST_VARIABLE, Desired

# What decides by the request whether proxy_pass is reached at all.
_DECIDES = ("if", "try_files", "js_content", "content_by_lua", "content_by_lua_file", "memcached_pass", "perl")
# What may stand in a location beside a proxy_pass that got lost.
_BESIDE = (
    "include", "access_log", "error_log", "add_header", "allow", "deny", "satisfy", "auth_basic",
    "auth_basic_user_file", "client_max_body_size", "send_timeout", "keepalive_timeout", "limit_req", "limit_conn",
    "tcp_nodelay", "resolver", "resolver_timeout", "set",
)  # fmt: skip


class UnsureError(Exception):
    """Why a repair might do something else than what is meant, as a phrase."""


def repair(request: Scope, wanted: Desired, found: Iterable[Difference]) -> list[Edit]:
    """The edits that remove the differences from the location that serves the request.

    Args:
        request: the request, with its innermost location.
        found: what ``differences`` says of it.

    Raises:
        UnsureError: it cannot be told from the files that the change would do what is meant, and nothing else.
    """
    return _Repair(request, wanted).edits(list(found))


class _Repair:
    def __init__(self, request: Scope, wanted: Desired) -> None:
        self.request = request
        self.wanted = wanted
        self.location = request.chain[-1].directive
        self.uses = Counter((one.file, one.start) for one in request.config.walk())
        self.replaced: dict[tuple[str, int], Edit] = {}
        self.headers: list[bytes] = []
        self.others: list[bytes] = []

    def edits(self, found: Sequence[Difference]) -> list[Edit]:
        for one in found:
            if one.kind == UNSURE:
                raise UnsureError(one.text)
        self._alone(self.location)
        for name in _DECIDES:
            for directive in self.request.local(name):
                # One that sets variables only has had its say in the differences.
                if name == "if" and all(one.name == "set" for one in self.request.config.inside(directive)):
                    continue
                raise UnsureError(f"{redact_text(directive.text)} ({directive.where}) decides for each request")
        if any(one.kind == UPSTREAM for one in found):
            self._upstream()
        for one in found:
            if one.kind == DIRECTIVE:
                self._directive(one.name, one.value)
        self._headers([one for one in found if one.kind == HEADER])
        return [*self.replaced.values(), *self._insertions()]

    def _alone(self, directive: Directive) -> None:
        if self.uses[(directive.file, directive.start)] > 1:
            raise UnsureError(
                f"{redact_text(directive.text)} ({directive.where}) stands in a file that is included more than once, "
                "so a change would act elsewhere too"
            )

    def _replace(self, directive: Directive, new: str, keep: int = 0) -> None:
        self._alone(directive)
        edit = arguments_replaced(directive, new.encode("ascii"), keep)
        if edit is None:
            raise UnsureError(f"{directive.text} ({directive.where}) has no value")
        self.replaced[(directive.file, directive.start)] = edit

    def _directive(self, name: str, value: str) -> None:
        here = self.request.local(name)
        if here:
            self._replace(here[-1], value)
        else:
            self.others.append(f"{name} {value};".encode("ascii"))

    def _upstream(self) -> None:
        passed = self.request.local("proxy_pass")
        serving = self.request.chain[-1]
        target = self.wanted.target(None if serving.is_regex else serving.pattern)
        if target is None:
            raise UnsureError(self.wanted.not_sent)
        if passed:
            if passed[0].args[0] != target:
                self._replace(passed[0], target)
        else:
            for directive in self.request.config.inside(self.location):
                if not directive.name.startswith("proxy_") and directive.name not in _BESIDE:
                    raise UnsureError(f"there is no proxy_pass, but {directive.name} ({directive.where})")
            self.others.append(f"proxy_pass {target};".encode("ascii"))
        for name, rest in self.wanted.resolving:
            if name == "resolver":
                # A name server that is in force already is the choice of the location's owner.
                if self.request.inherited(name) is None:
                    self.others.append(f"{name} {rest};".encode("ascii"))
                continue
            same = [one for one in self.request.local(name) if one.args[:1] == (HOST_VARIABLE,)]
            if not same:
                self.others.append(f"{name} {rest};".encode("ascii"))
            elif same[-1].args[1:] != (self.wanted.host,):
                self._replace(same[-1], self.wanted.host, keep=1)

    def _headers(self, wrong: Sequence[Difference]) -> None:
        if not wrong:
            return
        own = [one for one in self.request.local("proxy_set_header") if one.args]
        if not own:
            names = {one.name.lower() for one in wrong}
            inherited = [one for one in self.request.group(GROUPS["proxy_set_header"]) if one.args]
            self.headers += [self._copy(one) for one in inherited if one.args[0].lower() not in names]
        for one in wrong:
            same = [header for header in own if header.args[0].lower() == one.name.lower()]
            if len(same) > 1:
                raise UnsureError(f"the header {one.name} is set more than once ({same[0].where}, {same[1].where})")
            if same:
                self._replace(same[0], one.value, keep=1)
            else:
                self.headers.append(f"proxy_set_header {one.name} {one.value};".encode("ascii"))

    def _copy(self, header: Directive) -> bytes:
        """An inherited header as it stands; a secret leaves no file that others may not be allowed to read."""
        secret = HIDDEN in redact(header.args[0], " ".join(header.args[1:])) or HIDDEN in redact_text(header.text)
        if secret and header.file != self.location.file:
            raise UnsureError(
                f"the header {header.args[0]} ({header.where}) would have to be copied, and it looks secret"
            )
        data = self.request.config.files[header.file].data
        return b" ".join(data[word.start : word.end] for word in header.words) + b";"

    # -- where the new lines go ------------------------------------------------------------------------------------

    def _insertions(self) -> Iterable[Edit]:
        """Headers behind the last header, the rest behind ``proxy_pass``, as far as they stand in the location itself;
        else both behind the same directive, or at the end."""
        block = self.location.block
        if block is None:
            raise AssertionError("a location without braces was selected")
        data = self.request.config.files[self.location.file].data
        headers = [one for one in block.directives if one.name == "proxy_set_header"]
        passed = [one for one in block.directives if one.name == "proxy_pass"]
        behind_header = next(reversed([*passed, *headers]), None)
        behind_pass = next(reversed([*headers, *passed]), None)
        if behind_header is behind_pass:
            groups = [(behind_pass, [*self.others, *self.headers])]
        else:
            groups = [(behind_pass, self.others), (behind_header, self.headers)]
        for anchor, lines in groups:
            if not lines:
                continue
            if anchor is None:
                yield lines_at_end(data, self.location.file, block, lines)
            else:
                yield lines_behind(data, anchor, lines)
