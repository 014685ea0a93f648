# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a WebSocket behind a location: headers, version, time limits, upstream."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Config, load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_forward import (
    forwards,
    is_address,
    log_file,
    parse_version,
    split_host_port,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import Scope, scope, select_server

from tests.unit.nginx_configs import MAIN, config, http, source


def request(read: Config) -> Scope:
    server = select_server(read, "x", 80).server
    assert server is not None
    return scope(read, server, "x", 80, "/steve/websocket/CentralSystemService/")


def seen(*lines: str, before: str = "", version: str | None = "1.22.1") -> dict[str, Any]:
    text = "server {\nlocation / {\n" + "\n".join(lines) + "\n}\n}\n"
    found = forwards(request(config(http(text, before=before))), parse_version(version))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lines", "arrives"),
    [
        ((), False),
        (("proxy_set_header Upgrade $http_upgrade;",), True),
        (("proxy_set_header UPGRADE WebSocket;",), True),
        (('proxy_set_header Upgrade "";',), False),
        (("proxy_set_header Upgrade h2c;",), False),
        (("proxy_set_header Upgrade $from_a_cookie;",), None),
        (("proxy_set_header Upgrade websocket;", 'proxy_set_header Upgrade "";'), False),
    ],
)
def test_upgrade_arrives_or_not_or_only_a_request_tells(lines: tuple[str, ...], arrives: bool | None) -> None:
    assert seen("proxy_pass http://a;", *lines)["upgrade"]["arrives"] is arrives


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("upgrade", True),
        ("Upgrade", True),
        ("'keep-alive, Upgrade'", True),
        ("close", False),
        ("$http_connection", True),
    ],
)
def test_connection_is_a_list_of_tokens(value: str, arrives: bool) -> None:
    assert seen("proxy_pass http://a;", f"proxy_set_header Connection {value};")["connection"]["arrives"] is arrives


@pytest.mark.parametrize(
    ("line", "version", "value", "default"),
    [
        ("", "1.22.1", "1.0", True),
        ("", "1.29.6", "1.0", True),
        ("", "1.29.7", "1.1", True),
        ("", "1.30.0", "1.1", True),
        ("", None, None, True),
        ("proxy_http_version 1.1;", None, "1.1", False),
        ("proxy_http_version 1.0;", "1.31.0", "1.0", False),
    ],
)
def test_the_http_version_depends_on_nginxs_where_nothing_is_said(
    line: str, version: str | None, value: str | None, default: bool
) -> None:
    found = seen("proxy_pass http://a;", line, version=version)["http_version"]
    assert (found["value"], found["default"]) == (value, default)


def test_what_is_missing_is_cited_where_it_would_have_to_stand() -> None:
    found = seen("proxy_pass http://a;")["read_timeout"]
    assert found == {"seconds": 60.0, "default": True, "text": "no proxy_read_timeout", "file": MAIN, "line": 4}


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("http://app:8180", ("app", 8180, "name")),
        ("http://app", ("app", 80, "name")),
        ("https://app/steve/", ("app", 443, "name")),
        ("http://10.0.0.1:8180/x?y", ("10.0.0.1", 8180, "address")),
        ("http://[::1]:8180", ("::1", 8180, "address")),
        ("http://unix:/run/x.sock:/y", ("unix:/run/x.sock:/y", None, "unix")),
        ("http://$host:81", ("x", 81, "resolved-later")),
    ],
)
def test_proxy_pass_is_read_in_all_its_forms(text: str, server: tuple[str, int | None, str]) -> None:
    (found,) = seen(f"proxy_pass {text};")["upstream"]["servers"]
    assert (found["host"], found["port"], found["kind"]) == server


def test_an_upstream_block_counts_whether_named_by_a_word_or_a_variable() -> None:
    before = "upstream u { server a:1; server b down; server c resolve; server unix:/x; keepalive 8; }\n"
    for lines in (("proxy_pass http://u;",), ("set $to u;", "proxy_pass http://$to/x;")):
        found = seen(*lines, before=before)["upstream"]
        kinds = [(one["host"], one["kind"]) for one in found["servers"]]
        assert kinds == [("a", "name"), ("c", "resolved-later"), ("unix:/x", "unix")]
        assert found["keepalive"]["text"] == "keepalive 8;" and found["group"]["line"] == 3


def test_a_target_that_only_a_request_tells_has_no_servers() -> None:
    found = seen("resolver 127.0.0.11;", "proxy_pass http://$http_x_to;")["upstream"]
    assert found["servers"] == [] and found["resolver"]["text"] == "resolver 127.0.0.11;"


def test_a_password_in_the_target_is_not_shown() -> None:
    assert "s3cret" not in str(seen("proxy_pass http://user:s3cret@app:8180;"))


@pytest.mark.parametrize("body", ["return 204;", "grpc_pass grpc://a;", ""])
def test_a_location_without_proxy_pass_hands_on_nothing(body: str) -> None:
    assert forwards(request(config(http("server { location / { " + body + " } }"))), None) is None


def test_the_error_log_is_that_of_the_innermost_level() -> None:
    main = "error_log /a;\nhttp { error_log /b; server { location / { proxy_pass http://a; } } }\n"
    assert log_file(request(load(MAIN, source(main)))) == "/b"
    assert log_file(request(load(MAIN, source(main.replace("error_log /b;", ""))))) == "/a"
    assert log_file(request(load(MAIN, source(http("server { location / { } }"))))) is None


def test_hosts_ports_and_versions() -> None:
    assert [split_host_port(text, 80) for text in ("a:1", "a", "[::1]:2", "", "a:b", "::1")] == [
        ("a", 1), ("a", 80), ("::1", 2), None, None, None,
    ]  # fmt: skip
    assert (is_address("::1"), is_address("app")) == (True, False)
    assert [parse_version(text) for text in ("1.29.7", None, "x", "1.27.3.1")] == [
        (1, 29, 7),
        None,
        None,
        (1, 27, 3, 1),
    ]
