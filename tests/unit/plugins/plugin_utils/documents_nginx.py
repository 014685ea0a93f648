# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part ``nginx`` of an observation, made of a configuration's text by the code that makes it on a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_access import refusers
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_checks import problems
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_forward import forwards, parse_version
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import describe, scope, select_server

from tests.unit.nginx_configs import MAIN, http, source
from tests.unit.plugins.plugin_utils.documents import WS

NAME = "charge.test"
GOOD = (
    "proxy_pass http://app:8180;",
    "proxy_http_version 1.1;",
    "proxy_set_header Upgrade $http_upgrade;",
    'proxy_set_header Connection "upgrade";',
    "proxy_read_timeout 3600s;",
)
SINCE = "2026-11-23T00:10:00Z"


def running(**more: Any) -> dict[str, Any]:
    """A running nginx that has loaded its files."""
    return {
        "status": "ok",
        "reason": None,
        "version": "1.22.1",
        "conf": MAIN,
        "workers": 2,
        "old_workers": 0,
        "since": SINCE,
        "newer_files": [],
        "newer_count": 0,
    } | more


NEWER = {"newer_files": [{"file": MAIN, "changed_at": "2026-11-23T00:50:00Z"}], "newer_count": 1}


def location(*lines: str, path: str = "/steve/websocket/") -> str:
    """A location."""
    return f"location {path} {{\n" + "".join(f"{line}\n" for line in lines) + "}\n"


def without(*starts: str) -> tuple[str, ...]:
    """The good lines without those that begin so."""
    return tuple(line for line in GOOD if not line.startswith(starts))


def nginx(
    *parts: str,
    before: str = "",
    run: dict[str, Any] | None = None,
    now: dict[str, Any] | None = None,
    name: str = NAME,
) -> dict[str, Any]:
    """The part; ``parts`` stand in the server block (default: the good location), ``before`` before it."""
    block = f"server {{\nserver_name {name};\n" + "".join(parts or (location(*GOOD),)) + "}\n"
    config = load(MAIN, source(http(block, before=before)))
    path = WS + "/"
    data = describe(config, NAME, 80, path)
    data["problems"] = [one.to_dict() for one in problems(config)]
    data["running"] = running() if run is None else run
    data["upstream_now"] = now
    data["may_refuse"] = []
    selection = select_server(config, NAME, 80)
    if selection.server is not None and data["location"] is not None:
        request = scope(config, selection.server, NAME, 80, path)
        data["may_refuse"] = refusers(request)
        data["location"]["forwards"] = forwards(request, parse_version(data["running"]["version"]))
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}


def upstream_now(
    addresses: list[str], answering: list[str] | None = None, errors: list[str] | None = None
) -> dict[str, Any]:
    """What ``app:8180`` means now, and where the error log says that nginx went."""
    return {
        "servers": [
            {
                "host": "app",
                "port": 8180,
                "addresses": addresses,
                "answering": addresses if answering is None else answering,
                "reason": None,
            }
        ],
        "errors": [{"what": "connect() failed (113: No route to host)", "place": place} for place in errors or []],
        "errors_reason": None,
    }
