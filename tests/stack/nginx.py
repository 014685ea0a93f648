# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts of nginx configuration for the target: the good one, and the same with one thing left out."""

from __future__ import annotations

from collections.abc import Collection

_HEADERS = {
    "http11": "proxy_http_version 1.1;",
    "upgrade": "proxy_set_header Upgrade $http_upgrade;",
    "connection": 'proxy_set_header Connection "upgrade";',
    "host": "proxy_set_header Host $http_host;",
    "timeouts": "proxy_read_timeout 3600s; proxy_send_timeout 3600s;",
}


def proxy_pass(upstream: str, *, resolve: bool = False) -> str:
    """The directives that lead to an upstream (``host:port``).

    ``resolve``: ask Docker's DNS at run time (nginx in the compose network), so that a recreated app is found again.
    """
    if not resolve:
        return f"proxy_pass http://{upstream};"
    return f"resolver 127.0.0.11 valid=2s; set $steve_app {upstream}; proxy_pass http://$steve_app;"


def location(path: str, upstream: str, *, resolve: bool = False, without: Collection[str] = (), extra: str = "") -> str:
    """A location that forwards WebSockets.

    ``without``: what to leave out, of ``http11``, ``upgrade``, ``connection``, ``host``, ``timeouts``.
    ``extra``: directives to add. ValueError: an unknown name in ``without``.
    """
    if unknown := set(without) - set(_HEADERS):
        raise ValueError(f"not in the location: {', '.join(sorted(unknown))}")
    lines = [
        proxy_pass(upstream, resolve=resolve),
        *(text for name, text in _HEADERS.items() if name not in without),
        extra,
    ]
    return f"location {path} {{\n" + "".join(f"    {line}\n" for line in lines if line) + "}\n"


def server(listen: str, *parts: str, name: str = "charge.test") -> str:
    """A server block with these parts (locations, directives)."""
    inner = "".join(f"    {line}\n" for part in parts for line in part.splitlines())
    return f"server {{\n    listen {listen};\n    server_name {name};\n{inner}}}\n"
