# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the owner of a configuration has chosen and a plan keeps: the context SteVe is asked under, whom a location
keeps out, and whatever works though it is written in another way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import Plan, plan
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import Desired, desired

from tests.unit.nginx_configs import MAIN, Dictionary, http, source

FRAGMENT = "/etc/nginx/steve-websocket.conf"
ENDPOINT = "websocket/CentralSystemService"
GOOD = """\
    location /websocket/ {
        proxy_pass http://app:8180/steve/websocket/;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_read_timeout 3600s;
        proxy_send_timeout 3600s;
    }
"""
#: Another name for the same location, where SteVe keeps its own context.
UNDER_STEVE = GOOD.replace("location /websocket/", "location /steve/websocket/")


def wanted(context: str = "", **options: Any) -> Desired:
    url = f"ws://charge.example.net{context}/{ENDPOINT}"
    given = {"url": url, "upstream": "http://127.0.0.1:8180", "fragment": FRAGMENT, "keep_upstream": True}
    return desired(**{**given, **options})


def planned(files: Dictionary, what: Desired) -> Plan:
    return plan(load(MAIN, files), files, what, files.files.get(FRAGMENT))


def site(*parts: str, before: str = "") -> str:
    body = "".join(part if part.endswith("\n") else f"    {part}\n" for part in parts)
    return http("server {\n    listen 80;\n    server_name charge.example.net;\n" + body + "}\n", before=before)


def carried_out(main: str, what: Desired) -> Dictionary:
    """The files after the plan, which must leave nothing to do."""
    files = source(main)
    decided = planned(files, what)
    assert decided.refusal is None
    assert decided.action != "none"
    after = Dictionary({**files.files, **{one.path: one.after for one in decided.changes}})
    again = planned(after, what)
    assert (again.action, again.changes, again.refusal) == ("none", (), None)
    return after


def refused(main: str, what: Desired) -> str:
    decided = planned(source(main), what)
    assert decided.refusal is not None
    assert (decided.action, decided.changes) == ("none", ())
    return decided.refusal


# -- the context under which SteVe is asked ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"keep_upstream": False, "upstream": "http://app:8180"}])
@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("", GOOD),
        ("/ocpp", GOOD.replace("location /websocket/", "location /ocpp/websocket/")),
        ("/steve", UNDER_STEVE.replace("8180/steve/websocket/", "8180/websocket/")),
        ("", GOOD.replace("location /websocket/", "location /").replace("8180/steve/websocket/", "8180/steve/")),
        ("", GOOD.replace("location /websocket/", "location ~ ^/websocket").replace(
            "app:8180/steve/websocket/", "$h:8180/steve$request_uri").replace("proxy_pass", "set $h app; proxy_pass")),
    ],
)  # fmt: skip
def test_a_path_that_leads_to_the_endpoint_under_another_context_is_no_difference(
    context: str, text: str, options: dict[str, Any]
) -> None:
    decided = planned(source(site(text)), wanted(context, **options))
    assert (decided.action, decided.refusal) == ("none", None)


@pytest.mark.parametrize("options", [{}, {"keep_upstream": False, "upstream": "http://app:8180"}])
def test_a_repair_of_something_else_leaves_the_mapping(options: dict[str, Any]) -> None:
    broken = site(GOOD.replace("read_timeout 3600s", "read_timeout 60s"))
    assert carried_out(broken, wanted(**options)).files == {MAIN: broken.replace("60s", "3600s").encode()}


def test_another_upstream_gets_the_mapping_of_the_one_before() -> None:
    text = site(GOOD)
    after = carried_out(text, wanted(keep_upstream=False, upstream="http://10.0.0.9:8180"))
    assert after.files == {MAIN: text.replace("http://app:8180/", "http://10.0.0.9:8180/").encode()}


def test_a_resolver_keeps_the_mapping_where_nginx_can() -> None:
    text = carried_out(site(GOOD), wanted(resolver="127.0.0.11")).files[MAIN].decode()
    assert "proxy_pass http://$steve_websocket_host:8180/steve$request_uri;" in text
    other = site(GOOD.replace("location /websocket/", "location /ocpp/websocket/"))
    sentence = refused(other, wanted("/ocpp", resolver="127.0.0.11"))
    assert "alone cannot send the path to SteVe under /steve as it is sent now" in sentence


@pytest.mark.parametrize(
    ("context", "location", "passed", "written"),
    [
        ("", "location /", "http://app:8180/steve/", "http://app:8180/steve/websocket/"),
        ("", "location /", "http://app:8180", "http://app:8180"),
        ("/ocpp", "location /ocpp/", "http://app:8180/", "http://app:8180/websocket/"),
        ("/ocpp", "location /ocpp/", "http://app:8180/steve/", "http://app:8180/steve/websocket/"),
        ("", "location ~ ^/websocket|^/manager", "http://$h:8180/steve$request_uri", "http://$h:8180/steve$request_uri"),
    ],
)
def test_a_new_location_sends_the_path_as_the_one_that_served_it(
    context: str, location: str, passed: str, written: str
) -> None:
    main = site(f"{location} {{ proxy_pass {passed}; }}", before="map $host $h { default app; }\n")
    after = carried_out(main, wanted(context))
    assert f"    proxy_pass {written};\n" in after.files[FRAGMENT].decode()


def test_a_new_location_is_refused_where_the_path_is_rewritten() -> None:
    main = site("location / { rewrite ^/(.*)$ /steve/$1 break; proxy_pass http://app:8180; }")
    assert f"(rewrite ^/(.*)$ /steve/$1 break, {MAIN}:6)" in refused(main, wanted())
    other = site("location / { rewrite ^/old/(.*)$ /new/$1 break; proxy_pass http://app:8180; }")
    assert planned(source(other), wanted()).action == "insert"


def test_a_mapping_that_no_new_location_can_have_is_refused() -> None:
    main = site("location /ocpp/ { proxy_pass http://app:8180/steve/; }")
    assert "leave out the resolver" in refused(main, wanted("/ocpp", resolver="127.0.0.11"))
    strange = site('location / { proxy_pass "http://app:8180/a;b/"; }')
    assert "cannot send the path" in refused(strange, wanted())


# -- what works though it is written in another way --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Connection "upgrade"', 'Connection "keep-alive, Upgrade"'),
        ("proxy_read_timeout 3600s", "proxy_read_timeout 1800s"),
        ("proxy_read_timeout 3600s", "proxy_read_timeout 960"),
        ("proxy_send_timeout 3600s", "proxy_send_timeout 30m"),
        ('Connection "upgrade"', 'Connection $c;\n set $c close;\n if ($http_upgrade) { set $c "upgrade"; }\n#'),
        ('Connection "upgrade"', 'Connection $c;\n set $c "";\n if ($http_upgrade ~ websocket) { set $c upgrade; }\n#'),
        ('Connection "upgrade"', "Connection $c;\n set $c upgrade;\n if ($http_upgrade = '') { set $c close; }\n#"),
    ],
)
def test_what_works_already_is_no_difference(old: str, new: str) -> None:
    decided = planned(source(site(GOOD.replace(old, new))), wanted())
    assert (decided.action, decided.refusal) == ("none", None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Connection "upgrade"', 'Connection "keep-alive"'),
        ('Connection "upgrade"', "Connection $c;\n set $c upgrade;\n if ($http_upgrade) { set $c close; }\n#"),
        ("proxy_read_timeout 3600s", "proxy_read_timeout 959s"),
    ],
)
def test_what_does_not_work_is_one(old: str, new: str) -> None:
    after = carried_out(site(GOOD.replace(old, new)), wanted()).files[MAIN].decode()
    assert 'Connection "upgrade";' in after
    assert "proxy_read_timeout 3600s;" in after


def test_a_set_that_only_a_request_decides_is_a_doubt() -> None:
    text = GOOD.replace('"upgrade"', "$c;\n set $c close;\n if ($arg_x = 1) { set $c upgrade; }\n#")
    assert "only a running nginx knows its value" in refused(site(text), wanted())


def test_variables_that_depend_on_each_other_come_to_an_end() -> None:
    chain = "".join(f"if ($c = {count}) {{ set $c {count + 1}; }}\n" for count in range(400))
    text = GOOD.replace('"upgrade";', f"$c;\n{chain}")
    assert "only a running nginx knows its value" in refused(site(text), wanted())


def test_a_limit_that_somebody_asks_for_is_the_least() -> None:
    text = site(GOOD.replace("3600s", "1800s"))
    assert planned(source(text), wanted()).action == "none"
    after = carried_out(text, wanted(read_timeout_s=7200)).files[MAIN].decode()
    assert after == text.replace("proxy_read_timeout 1800s", "proxy_read_timeout 7200s")


# -- whom a location keeps out -----------------------------------------------------------------------------------------

PASS = "proxy_pass http://app:8180;"


def location(*lines: str, pattern: str = "/steve/") -> str:
    return site(f"location {pattern} {{ {' '.join(lines)} {PASS} }}")


@pytest.mark.parametrize("pattern", ["/steve/", "/"])
@pytest.mark.parametrize(
    "lines",
    [
        ["allow 10.8.0.0/16;", "deny  all;"],
        ["satisfy any;", "allow 10.8.0.0/16;", "deny all;", 'auth_basic "für # {;}";', "auth_basic_user_file u;"],
        ["limit_req zone=one burst=5;", "limit_conn two 10;", "limit_conn_status 429;"],
        ["auth_basic off;"],
        ["auth_request off;"],
    ],
)
def test_what_keeps_others_out_is_taken_over(lines: list[str], pattern: str) -> None:
    after = carried_out(location(*lines, pattern=pattern), wanted("/steve"))
    text = after.files[FRAGMENT].decode()
    for line in lines:
        assert f"    {line.replace('  ', ' ')}\n" in text
    places = [text.index(line.replace("  ", " ")) for line in lines if line.startswith(("allow", "deny"))]
    assert places == sorted(places)


def test_what_stands_at_the_server_block_is_inherited_and_not_copied() -> None:
    main = site("deny 10.9.0.0/16;", f"location /steve/ {{ auth_basic x; {PASS} }}")
    text = carried_out(main, wanted("/steve")).files[FRAGMENT].decode()
    assert "auth_basic x;" in text
    assert "deny" not in text


def test_the_innermost_rule_is_the_one_that_counts() -> None:
    main = site(f"location / {{ deny all; location /steve/ {{ allow 10.8.0.0/16; deny all; {PASS} }} }}")
    text = carried_out(main, wanted("/steve")).files[FRAGMENT].decode()
    assert text.count("deny") == 1
    assert "    allow 10.8.0.0/16;\n    deny all;\n" in text


def test_a_rule_that_changes_later_changes_the_copy() -> None:
    what = wanted("/steve")
    first = carried_out(location("allow 10.8.0.0/16;", "deny all;"), what)
    moved = Dictionary({**first.files, MAIN: first.files[MAIN].replace(b"10.8", b"10.9")})
    decided = planned(moved, what)
    assert [one.path for one in decided.changes] == [FRAGMENT]
    assert b"allow 10.9.0.0/16;" in decided.changes[0].after
    assert any("takes over what decides" in note for note in decided.notes)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["auth_request /check;"], "auth_request /check"),
        (["auth_jwt x;"], "auth_jwt x"),
        (["access_by_lua_file x.lua;"], "access_by_lua_file x.lua"),
        (["if ($ssl_client_verify != SUCCESS) { return 403; }"], "if ($ssl_client_verify != SUCCESS)"),
        (["if ($scheme = http) { return 301 https://$host$request_uri; }"], "if ($scheme = http)"),
        (["if ($arg_x) { proxy_pass http://other; }"], "if ($arg_x)"),
        (["limit_except POST { deny all; }"], "limit_except POST"),
        (["internal;"], "internal"),
        (["modsecurity on;"], "modsecurity on"),
        (["set $realm x;", "auth_basic $realm;"], "auth_basic $realm"),
        (["deny all;"], "lets nobody through (deny all"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(lines: list[str], told: str) -> None:
    sentence = refused(location(*lines), wanted("/steve"))
    assert told in sentence
    assert f"{MAIN}:6" in sentence
    assert "by hand" in sentence


@pytest.mark.parametrize(
    "lines",
    [
        ["if ($http_upgrade != websocket) { return 403; }"],
        ["if ($arg_x) { set $y 1; }"],
        ["limit_except GET { deny all; }"],
        ["proxy_ssl_verify on;"],
        ["auth_request_set $x $upstream_http_x;"],
    ],
)
def test_what_keeps_no_charger_out_is_no_reason_to_refuse(lines: list[str]) -> None:
    text = carried_out(location(*lines), wanted("/steve")).files[FRAGMENT].decode()
    assert not any(line in text for line in lines)


def test_the_certificate_for_a_tls_upstream_is_taken_over() -> None:
    main = location("proxy_ssl_certificate c.pem;", "proxy_ssl_verify on;").replace("http://app", "https://app")
    text = carried_out(main, wanted("/steve")).files[FRAGMENT].decode()
    assert "    proxy_ssl_certificate c.pem;\n" in text
    assert "    proxy_ssl_verify on;\n" in text


def test_our_own_location_is_told_when_a_check_comes_that_it_goes_around() -> None:
    what = wanted("/steve")
    first = carried_out(location(), what)
    main = first.files[MAIN].replace(PASS.encode(), b"auth_request /x; " + PASS.encode())
    later = Dictionary({**first.files, MAIN: main})
    assert later.files[MAIN] != first.files[MAIN]
    decided = planned(later, what)
    assert decided.refusal is not None
    assert "auth_request /x" in decided.refusal
