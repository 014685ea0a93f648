# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which server, which location, which directives: nginx's rules in tables (the integration test asks nginx itself)."""

from __future__ import annotations

import json

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import (
    Scope,
    describe,
    find_location,
    redact_text,
    scope,
    seconds,
    select_server,
    servers,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_walls import walls

from tests.unit.nginx_configs import MAIN, config, http, source

PATH = "/steve/websocket/CentralSystemService/CP1"


def server(*parts: str) -> str:
    return "server {\n" + "".join(f"    {part}\n" for part in parts) + "}\n"


def chosen(name: str, port: int, *blocks: str) -> str:
    """Label and kind of the selection."""
    found = select_server(config(http(*blocks)), name, port)
    return f"{found.server.names[0] if found.server else '-'} {found.by}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.example.org", "a.example.org name"),
        ("A.Example.ORG.", "a.example.org name"),
        ("x.example.org", "*.example.org name"),
        ("x.b.example.org", "*.b.example.org name"),
        ("www.other.net", "www.* name"),
        ("steve7.lan", "~^steve\\d+\\.lan$ name"),
        ("example.com", ".example.com name"),
        ("y.example.com", ".example.com name"),
        ("nobody.net", "_ default"),
    ],
)
def test_a_server_is_selected_by_name_as_nginx_does(name: str, expected: str) -> None:
    blocks = [
        server("listen 80;", f"server_name {pattern};")
        for pattern in (
            "~^steve\\d+\\.lan$",
            "www.*",
            "*.example.org",
            "*.b.example.org",
            "a.example.org",
            ".example.com",
        )
    ]
    assert chosen(name, 80, *blocks, server("listen 80 default_server;", "server_name _;")) == expected


@pytest.mark.parametrize(
    ("listen", "port", "covered"),
    [
        ("80", 80, True),
        ("*:80", 80, True),
        ("127.0.0.1", 80, True),
        ("127.0.0.1:8080", 8080, True),
        ("[::]:80", 80, True),
        ("[::1]", 80, True),
        ("localhost:81", 81, True),
        ("8000-8010", 8005, True),
        ("8000-8010", 8011, False),
        ("unix:/run/nginx.sock", 80, False),
        ("443 ssl", 80, False),
        ("443 quic", 443, False),
    ],
)
def test_listen_is_read_in_all_its_forms(listen: str, port: int, covered: bool) -> None:
    found = servers(config(http(server(f"listen {listen};"))))[0]
    assert found.listens[0].covers(port) is covered


@pytest.mark.parametrize(
    ("blocks", "tls"),
    [
        (["listen 443;"], False),
        (["listen 443 ssl;"], True),
        (["listen 443;", "listen 443 ssl;"], True),
        (["listen 443;", "listen 127.0.0.1:443 ssl;"], False),
        (["listen 443; listen 443 quic;", "listen 443 ssl; listen 443 quic;"], True),
        (["listen 443; listen 443 quic reuseport;"], False),
        (["listen 443; ssl on;"], True),
        (["listen 443; ssl off;"], False),
        (["listen 443;", "listen 443 default_server; ssl on;"], True),
        (["listen 443; ssl on;", "listen 443 default_server;"], False),
    ],
)
def test_tls_is_spoken_at_an_address_whichever_block_says_so(blocks: list[str], tls: bool) -> None:
    read = config(http(*(server(block, f"server_name {number}.test;") for number, block in enumerate(blocks))))
    assert scope(read, servers(read)[0], "0.test", 443, PATH).https is tls


def test_without_listen_a_server_listens_on_80() -> None:
    assert chosen("x", 80, server("server_name x;")) == "x name"


def test_without_default_server_the_first_block_answers() -> None:
    blocks = (server("listen 80;", "server_name one.net;"), server("listen 80;", "server_name two.net;"))
    assert chosen("three.net", 80, *blocks) == "one.net default"


def test_two_blocks_with_one_name_are_ambiguous() -> None:
    found = select_server(config(http(server("server_name x;"), server("server_name x;"))), "x", 80)
    assert (found.server, found.by) == (None, "ambiguous")
    assert found.reason is not None
    assert f"{MAIN}:3 and {MAIN}:6" in found.reason


def test_addresses_that_lead_to_different_blocks_are_ambiguous() -> None:
    blocks = (server("listen 10.0.0.1:80;", "server_name x;"), server("listen 80;", "server_name x;"))
    assert chosen("x", 80, *blocks) == "- ambiguous"


def test_a_block_by_name_goes_before_the_default_of_another_address() -> None:
    blocks = (server("listen [::]:80;", "server_name other;"), server("listen 80;", "server_name x;"))
    assert chosen("x", 80, *blocks) == "x name"


def test_a_port_that_nobody_listens_on_is_said() -> None:
    found = select_server(config(http(server("listen 80;"))), "x", 443)
    assert (found.by, found.reason) == ("none", "no server block listens on port 443")


def test_servers_of_stream_are_no_web_servers() -> None:
    read = config("stream { server { listen 80; } }\n" + http(server("listen 81;")))
    assert [one.listens[0].first_port for one in servers(read)] == [81]


def located(path: str, *parts: str) -> list[str]:
    read = config(http(server(*parts)))
    return [f"{one.modifier}{one.pattern}" for one in find_location(read, servers(read)[0], path)]


@pytest.mark.parametrize(
    ("path", "parts", "expected"),
    [
        ("/a/b", ["location / { }", "location /a/ { }"], ["/a/"]),
        ("/a", ["location /a/ { }"], []),
        ("/a", ["location = /a { }", "location ~ a { }"], ["=/a"]),
        ("/a/b.php", ["location /a/ { }", "location ~ \\.php$ { }"], ["~\\.php$"]),
        ("/a/b.PHP", ["location /a/ { }", "location ~ \\.php$ { }"], ["/a/"]),
        ("/a/b.PHP", ["location /a/ { }", "location ~*\\.php$ { }"], ["~*\\.php$"]),
        ("/a/b.php", ["location ^~ /a/ { }", "location ~ \\.php$ { }"], ["^~/a/"]),
        ("/a/b", ["location ~ ^/a { }", "location ~ b$ { }"], ["~^/a"]),
        ("/a/b", ["location /a/ { location /a/b { } }"], ["/a/", "/a/b"]),
        ("/a/b.x", ["location /a/ { location ~ x$ { } }", "location ~ b { }"], ["/a/", "~x$"]),
        ("/a/b.x", ["location ^~ /a/ { location /a/b { } }", "location ~ b { }"], ["^~/a/", "/a/b"]),
        ("/a/b.x", ["location /a/ { location /a/b { } }", "location ~ b { }"], ["~b"]),
        ("/a", ["location @a { }"], []),
        ("/a", ["location ~ '(?<n>a)' { }"], ["~(?<n>a)"]),
    ],
)
def test_a_location_is_found_as_nginx_does(path: str, parts: list[str], expected: list[str]) -> None:
    assert located(path, *parts) == expected


def request(*parts: str, before: str = "") -> Scope:
    read = config(http(server("server_name x;", *parts), before=before))
    return scope(read, servers(read)[0], "x", 80, PATH)


def test_proxy_set_header_is_inherited_all_or_nothing() -> None:
    outer = "proxy_set_header Upgrade $http_upgrade;"
    assert request(outer, "location / { }").header("upgrade") is not None
    assert request(outer, "location / { proxy_set_header Host x; }").header("Upgrade") is None


def test_simple_directives_are_inherited_one_by_one() -> None:
    one = request("proxy_http_version 1.1;", "location / { proxy_read_timeout 5; }", before="proxy_read_timeout 9;\n")
    version, timeout = one.inherited("proxy_http_version"), one.inherited("proxy_read_timeout")
    assert version is not None
    assert timeout is not None
    assert (version.args, timeout.args) == (("1.1",), ("5",))
    assert one.inherited("proxy_send_timeout") is None


MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        (MAP, "$connection_upgrade", "upgrade"),
        ("map $http_upgrade $c { WebSocket yes; }\n", "$c", "yes"),
        ("map $http_upgrade $c { ~^web a; }\n", "$c", "a"),
        ("map $http_upgrade $c { ~^x a; }\n", "$c", ""),
        ("map $arg_x $c { default a; }\n", "$c", None),
        ("map $c $c { default $c; }\n", "$c", None),
        ("", "${http_upgrade}!", "websocket!"),
        ("", "$host:$scheme", "x:http"),
        ("", "$remote_addr", None),
    ],
)
def test_variables_are_filled_for_an_upgrade(before: str, text: str, expected: str | None) -> None:
    assert request("location / { }", before=before).evaluate(text) == expected


def test_set_in_the_location_goes_before_set_in_the_server() -> None:
    assert request("set $u a;", "location / { set $u b$host; }").evaluate("http://$u") == "http://bx"


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("return 301 https://$host$request_uri;", 5),
        ("if ($host = x) { return 301 https://x; }", 5),
        ("if ($host = y) { return 301 https://x; }", None),
        ("if ($host != y) { return 404; }", 5),
        ("if ($scheme ~* ^HTTP$) { return 301 /; }", 5),
        ("if ($http_user_agent ~ bot) { return 403; }", None),
        ("rewrite ^ https://$host$request_uri permanent;", 5),
        ("rewrite ^/(.*)$ https://x/$1;", 5),
        ("rewrite ^/other https://x/;", None),
        ("rewrite ^/steve /x last;", None),
        ("listen 80;", None),
    ],
)
def test_what_answers_before_any_location_is_found(part: str, line: int | None) -> None:
    early = request(part, "location / { }").answered_early()
    assert (None if early is None else early.line) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3600", 3600),
        ("60s", 60),
        ("1h 30m", 5400),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1d", 86400),
        ("x", None),
        ("", None),
    ],
)
def test_times_are_nginxs(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("parts", "before", "touched"),
    [
        (["location / { proxy_pass http://a; }"], "", False),
        (["location / { proxy_set_header Sec-WebSocket-Extensions ''; }"], "", True),
        (["location / { proxy_pass_request_headers off; }"], "", True),
        (["location / { access_by_lua_file x.lua; }"], "", True),
        (["location / { more_clear_input_headers 'Sec-*'; }"], "", True),
        (["location / { }"], "map $http_sec_websocket_extensions $x { default a; }\n", True),
    ],
)
def test_whatever_may_touch_the_extensions_header_counts(parts: list[str], before: str, touched: bool) -> None:
    read = config(http(server("server_name x;", *parts), before=before))
    assert describe(read, "x", 80, PATH)["extensions_header_touched"] is touched


FULL = http(
    server(
        "listen 443 ssl;",
        "server_name charge.example.net;",
        "location /steve/websocket/ {",
        "    proxy_pass http://user:hunter2@127.0.0.1:8180;",
        '    proxy_set_header Connection "$connection_upgrade";',
        "    proxy_set_header Authorization 'Basic aHVudGVyMg==';",
        "    proxy_set_header X-Auth $http_authorization;",
        "    proxy_read_timeout 1h;",
        "    set $api_token hunter2;",
        "    if ($http_x_api_key = hunter2) { return 403; }",
        "}",
    ),
    before=MAP,
)


def test_the_description_names_what_acts_with_file_and_line_and_no_secret() -> None:
    told = describe(config(FULL), "charge.example.net", 443, PATH)
    assert told["selected"] == {
        "file": MAIN, "line": 4, "listen": ["*:443 ssl"], "names": ["charge.example.net"],
    }  # fmt: skip
    assert (told["files"], told["selected_by"], told["errors"]) == ([MAIN], "name", [])
    location = told["location"]
    assert (location["file"], location["line"], location["pattern"]) == (MAIN, 7, "/steve/websocket/")
    assert location["proxy_pass"] == {"value": "http://(value hidden)@127.0.0.1:8180", "file": MAIN, "line": 8}
    acts = location["effective"]
    assert acts["proxy_read_timeout"] == {"value": "1h", "file": MAIN, "line": 12}
    assert [(one["header"], one["value"], one["evaluated"]) for one in acts["proxy_set_header"]] == [
        ("Connection", "$connection_upgrade", "upgrade"),
        ("Authorization", "(value hidden)", "(value hidden)"),
        ("X-Auth", "$http_authorization", None),
    ]
    text = json.dumps(told)
    assert "hunter2" not in text
    assert "aHVudGVyMg" not in text


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], []),
        (["listen 80;", "listen 81 proxy_protocol;"], []),
        (["listen 80 proxy_protocol;"], [f"listen *:80 proxy_protocol ({MAIN}:3)"]),
        (["ssl_verify_client on;"], []),
        (["listen 80 ssl;", "ssl_verify_client on;"], [f"ssl_verify_client on ({MAIN}:6)"]),
        (["listen 80 ssl;", "ssl_verify_client optional;"], []),
        (["allow 10.0.0.0/8;", "deny all;"], [f"deny all ({MAIN}:6)"]),
        (["allow all;", "deny 10.0.0.1;"], []),
        (["deny 8.8.8.8;", "deny unix:;", "deny 10.0.0.1;"], [f"deny 10.0.0.1 ({MAIN}:7)"]),
        (["auth_basic x;"], [f"auth_basic x ({MAIN}:5)"]),
        (["auth_basic x;", "location /steve/ { auth_basic off; }"], []),
        (["deny all;", "location /steve/ { allow all; }"], []),
        (["location /steve/ { auth_request /a; }"], [f"auth_request /a ({MAIN}:5)"]),
        (["if ($http_x_token != k3y) { return 403; }"], [f"if ($http_x_token (value hidden) ({MAIN}:5)"]),
        (["if ($remote_addr = 1.2.3.4) { set $a 1; }"], []),
        (["if ($host = other) { return 403; }"], []),
    ],
)
def test_what_may_keep_this_host_out_and_let_chargers_in_is_named(parts: list[str], expected: list[str]) -> None:
    assert [wall.text for wall in walls(request(*parts), 80)] == expected


@pytest.mark.parametrize(
    ("parts", "answers", "hangs_up"),
    [
        (["deny all;"], (403,), False),
        (["deny all;", "error_page 404 /404.html;"], None, False),
        (["listen 80 proxy_protocol;", "error_page 404 /404.html;"], (), True),
        (["if ($remote_addr = 1.2.3.4) { return 444; }"], (444,), True),
        (["if ($remote_addr = 1.2.3.4) { rewrite ^ /x; }"], None, True),
        (["access_by_lua_file x;"], None, True),
    ],
)
def test_a_wall_is_known_by_what_it_answers(parts: list[str], answers: tuple[int, ...] | None, hangs_up: bool) -> None:
    (wall,) = walls(request(*parts), 80)
    assert (wall.answers, wall.hangs_up) == (answers, hangs_up)


def test_the_proxy_line_is_asked_for_at_an_address_whichever_block_says_so() -> None:
    read = config(http(server("listen 80;", "server_name a;"), server("listen 80 proxy_protocol;", "server_name b;")))
    (wall,) = walls(scope(read, servers(read)[0], "a", 80, PATH), 80)
    assert wall.text == f"listen *:80 proxy_protocol ({MAIN}:7)"


def test_the_description_of_a_broken_configuration_says_where_it_is_broken() -> None:
    told = describe(load(MAIN, source("http {\n")), "x", 80, PATH)
    assert told["selected"] is None
    assert told["errors"] == [{"file": MAIN, "line": 2, "error": 'unexpected end of file, expecting "}"'}]
    missing = describe(load(MAIN, source("include gone;\n")), "x", 80, PATH)
    assert missing["errors"] == [{"file": MAIN, "line": None, "error": "/etc/nginx/gone: No such file or directory"}]


@pytest.mark.parametrize(
    ("text", "kept", "hidden"),
    [
        ("# proxy_set_header Authorization 'Basic c2VjcmV0';", "Authorization", "c2VjcmV0"),
        ("proxy_pass http://me:c2VjcmV0@host;", "@host", "c2VjcmV0"),
        ("set $token c2VjcmV0;", "$token", "c2VjcmV0"),
        ("proxy_set_header X-Api-Key c2VjcmV0;", "X-Api-Key", "c2VjcmV0"),
        ("proxy_set_header Authorization $http_authorization;", "$http_authorization", None),
    ],
)
def test_text_for_people_keeps_names_and_hides_values(text: str, kept: str, hidden: str | None) -> None:
    shown = redact_text(f"a;\n{text}\nb;\n")
    assert kept in shown
    assert hidden is None or hidden not in shown
    assert shown.startswith("a;\n")
    assert shown.endswith("\nb;\n")
