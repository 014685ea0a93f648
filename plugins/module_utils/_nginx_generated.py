# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a file of nginx is written by a program that would write over a change. Pure.

A file that a proxy manager or a control panel generates at any moment is not changed at all. One that configuration
management wrote is changed with a warning: its next run would undo the change, but it belongs to the same operator.
A comment of certbot says of single lines that they are its own, and certbot edits files instead of generating them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import File, shown


@dataclass(frozen=True)
class Generator:
    """Who writes a file.

    Attributes:
        name: for people.
        marker: the piece of the file that says so.
        advice: where the change belongs instead.
        again: True: it is overwritten without anybody's doing; False: when an operator runs something.
    """

    name: str
    marker: str
    advice: str
    again: bool = True


_UI = "enter the location there, or let another nginx serve this name"

#: Name, pattern of the path (None: any), pattern of the comments, advice.
GENERATORS = (
    # https://github.com/NginxProxyManager/nginx-proxy-manager/blob/develop/backend/templates/_header_comment.conf
    (
        "Nginx Proxy Manager", r"/(?:proxy_host|redirection_host|dead_host|default_host)/[^/]+\.conf", r"# -{60}",
        "switch on Websockets Support for the proxy host and add the location under its Custom locations",
    ),
    # https://github.com/nginx-proxy/nginx-proxy/blob/main/nginx.tmpl
    (
        "nginx-proxy (docker-gen)", None,
        r'# nginx-proxy version : |# Networks available to the container (?:label|runn)|## Can be connected with "',
        "put the location into the file of /etc/nginx/vhost.d that is named after the host",
    ),
    # https://github.com/kubernetes/ingress-nginx/blob/main/rootfs/etc/nginx/template/nginx.tmpl
    (
        "the Kubernetes ingress controller", None, r"# Configuration checksum: \d+",
        "set the time limits by annotations of the Ingress object",
    ),
    # Plesk, "Custom Directives" (Obsidian's administrator guide)
    (
        "Plesk", None, r"#\s*DO NOT MODIFY THIS FILE BECAUSE IT WAS GENERATED AUTOMATICALLY",
        "enter the location under the domain's Additional nginx directives",
    ),
    # https://github.com/hestiacp/hestiacp/blob/main/install/deb/templates/web/nginx/default.tpl
    (
        "a control panel (Hestia, Vesta)", None, r"# DO NOT MODIFY THIS FILE! CHANGES WILL BE LOST WHEN REBUILDING",
        "put the location into a file that the panel includes for the domain, or into an own template",
    ),
    # https://docs.gitlab.com/omnibus/settings/nginx.html
    (
        "gitlab-ctl", None, r"# This file is managed by gitlab-ctl\.",
        "enter the location in /etc/gitlab/gitlab.rb (nginx['custom_gitlab_server_config'])",
    ),
)  # fmt: skip
_MANAGED = re.compile(
    r"#.*\b(?:ansible managed|(?:managed|generated) by (?:ansible|puppet|chef|salt(?:stack)?|cfengine))\b",
    re.IGNORECASE,
)
#: Both in the comments at a file's beginning: that a program writes it, and that nobody else should.
_WRITTEN = re.compile(
    r"#.*\b(?:auto[- ]?generated|(?:is|was) generated|generated (?:by|automatically|from))\b", re.IGNORECASE
)
_HANDS_OFF = re.compile(
    r"#.*\b(?:do not|don't|never) (?:edit|modify|change|touch)\b|"
    r"#.*\b(?:changes|modifications)\b.*\b(?:lost|overwritten)\b",
    re.IGNORECASE,
)
_HEAD_LINES = 40


def generator(file: File) -> Generator | None:
    """Who generates the file, None where it does not say."""
    text = file.data.decode("utf-8", "replace")
    comments = [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]
    for name, path, pattern, advice in GENERATORS:
        if path is None or re.search(path + r"\Z", file.path):
            found = next((line for line in comments if re.match(pattern, line)), None)
            if found is not None:
                return Generator(name, _marker(found), advice)
    head = _head(text)
    managed = next((line for line in head if _MANAGED.search(line)), None)
    if managed is not None:
        return Generator("configuration management", _marker(managed), "add it there as well", again=False)
    written = next((line for line in head if _WRITTEN.search(line)), None)
    if written is not None and any(_HANDS_OFF.search(line) for line in head):
        return Generator("a program", _marker(written), _UI)
    return None


def _head(text: str) -> list[str]:
    """The comments before the first directive."""
    head = []
    for line in text.splitlines()[:_HEAD_LINES]:
        if line.strip() and not line.lstrip().startswith("#"):
            break
        head.append(line.strip())
    return head


def _marker(line: str) -> str:
    return shown(line[:120])
