# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan changes, and what it leaves alone and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import crossplane
import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import edited, load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import Plan, diffs, plan, rehearsal
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import MARK, Desired, desired, render
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import nginx_configs
from tests.unit.nginx_configs import MAIN, Dictionary, http, source

FRAGMENT = "/etc/nginx/steve-websocket.conf"
URL = "ws://charge.example.net/steve/websocket/CentralSystemService"
UPSTREAM = "http://127.0.0.1:8180"
SITE = """\
server {
    listen 80;
    server_name charge.example.net;
    location / { proxy_pass http://127.0.0.1:8180; }
}
"""
GOOD = """\
location /steve/websocket/ {
    proxy_pass http://127.0.0.1:8180;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_read_timeout 3600s;
    proxy_send_timeout 1h;
}
"""


def wanted(**options: Any) -> Desired:
    return desired(**{"url": URL, "upstream": UPSTREAM, "fragment": FRAGMENT, **options})


def planned(files: Dictionary, what: Desired | None = None) -> Plan:
    what = what or wanted()
    return plan(load(MAIN, files), files, what, files.files.get(what.fragment))


def carried_out(files: Dictionary, decided: Plan) -> Dictionary:
    return Dictionary({**files.files, **{one.path: one.after for one in decided.changes}})


def refused(main: str, what: Desired | None = None, **others: str) -> str:
    decided = planned(source(main, **others), what)
    assert decided.refusal is not None
    assert (decided.action, decided.changes, decided.edits) == ("none", (), ())
    assert decided.refusal.endswith("Nothing was changed.")
    return decided.refusal


def site(*parts: str) -> str:
    body = "".join(f"    {part}\n" for part in parts)
    return http("server {\n    listen 80;\n    server_name charge.example.net;\n" + body + "}\n")


def test_the_location_is_inserted_and_then_there_is_nothing_to_do() -> None:
    files = source(http(SITE))
    first = planned(files)
    assert (first.action, first.file, first.line, first.refusal) == ("insert", MAIN, 7, None)
    assert [one.path for one in first.changes] == [FRAGMENT, MAIN]  # the fragment first: nothing includes it yet
    after = carried_out(files, first)
    assert after.files[MAIN].decode() == http(SITE).replace("; }\n}\n", f"; }}\n    include {FRAGMENT};\n}}\n", 1)
    assert after.files[FRAGMENT].decode() == (
        f"{MARK}\n"
        "location ^~ /steve/websocket/ {\n"
        "    proxy_pass http://127.0.0.1:8180;\n"
        "    proxy_http_version 1.1;\n"
        "    proxy_set_header Upgrade $http_upgrade;\n"
        '    proxy_set_header Connection "upgrade";\n'
        "    proxy_set_header Host $host;\n"
        "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
        "    proxy_set_header X-Forwarded-Proto $scheme;\n"
        "    proxy_read_timeout 3600s;\n"
        "    proxy_send_timeout 3600s;\n"
        "}\n"
    )
    again = planned(after)
    assert (again.action, again.changes, again.file, again.line) == ("none", (), FRAGMENT, 2)


def test_another_wish_replaces_the_fragment_only() -> None:
    files = source(http(SITE))
    files = carried_out(files, planned(files))
    other = planned(files, wanted(resolver="127.0.0.11", upstream="http://app:8180"))
    assert (other.action, [one.path for one in other.changes], other.edits) == ("replace", [FRAGMENT], ())
    text = other.changes[0].after.decode()
    assert "    resolver 127.0.0.11 valid=10s;\n    set $steve_websocket_host app;\n" in text
    assert "    proxy_pass http://$steve_websocket_host:8180;\n" in text


def test_the_include_line_alone_is_put_back_when_only_that_is_lost() -> None:
    decided = planned(Dictionary({**source(http(SITE)).files, FRAGMENT: render(wanted())}))
    assert (decided.action, [one.path for one in decided.changes]) == ("insert", [MAIN])


def test_a_pattern_in_the_server_block_that_brings_the_fragment_needs_no_edit() -> None:
    files = source(site("include /etc/nginx/steve.d/*.conf;"))
    decided = planned(files, wanted(fragment="/etc/nginx/steve.d/ws.conf"))
    assert (decided.action, [one.path for one in decided.changes]) == ("insert", ["/etc/nginx/steve.d/ws.conf"])


def test_a_pattern_elsewhere_that_would_bring_the_fragment_is_refused() -> None:
    main = http(SITE, before="include conf.d/*.conf;\n")
    sentence = refused(main, wanted(fragment="/etc/nginx/conf.d/steve.conf"))
    assert f"would be, included at {MAIN}:3" in sentence


@pytest.mark.parametrize(
    ("block", "inserted"),
    [
        (b"server { listen 80; }", b"server { listen 80; include /f; }"),
        (b"server {listen 80;}", b"server {listen 80; include /f; }"),
        (b"server {\n\tlisten 80;\n}", b"server {\n\tlisten 80;\n\tinclude /f;\n}"),
        (b"server {\r\n  listen 80;\r\n}", b"server {\r\n  listen 80;\r\n  include /f;\r\n}"),
        (b"  server {\n  # only a comment\n  }", b"  server {\n  # only a comment\n      include /f;\n  }"),
        (b"server {\n    listen 80; # no }\n    a; }", b"server {\n    listen 80; # no }\n    a; include /f; }"),
        (b"server { listen 80; # x\n}", b"server { listen 80; # x\n    include /f;\n}"),
    ],
)
def test_the_include_line_follows_the_style_of_its_block(block: bytes, inserted: bytes) -> None:
    main = b"http {\n" + block + b"\n}\n"
    decided = planned(Dictionary({MAIN: main}), wanted(fragment="/f"))
    assert decided.refusal is None
    assert decided.changes[-1].after == b"http {\n" + inserted + b"\n}\n"


def test_the_file_that_holds_the_server_block_is_edited() -> None:
    files = source("http { include sites-enabled/*; }\n", **{"sites-enabled__a": SITE, "sites-enabled__b": "# b\n"})
    decided = planned(files)
    assert (decided.file, decided.line) == ("/etc/nginx/sites-enabled/a", 5)


@pytest.mark.parametrize(
    "parts",
    [
        [GOOD],
        ["proxy_http_version 1.1;", GOOD.replace("proxy_http_version 1.1;", "")],
        [GOOD.replace("127.0.0.1", "localhost")],
        [GOOD.replace("3600s", "1d")],
        [GOOD.replace("8180;", "8180/steve/websocket/;")],
        [GOOD.replace("/steve/websocket/ {", "/ {")],
        [GOOD.replace("/steve/websocket/ {", "~ ^/steve/websocket {")],
        ["set $u 127.0.0.1;", GOOD.replace("http://127.0.0.1:", "http://$u:")],
    ],
)
def test_an_own_location_that_does_the_same_is_left_alone(parts: list[str]) -> None:
    decided = planned(source(site(*parts)))
    assert (decided.action, decided.refusal) == ("none", None)
    assert decided.file == MAIN


def test_a_map_and_an_upstream_block_are_understood() -> None:
    text = GOOD.replace('"upgrade"', "$c").replace("127.0.0.1:8180", "steve")
    before = "map $http_upgrade $c { default upgrade; '' close; }\nupstream steve { server 127.0.0.1:8180; }\n"
    main = site(text).replace("http {\n", "http {\n" + before)
    assert planned(source(main)).action == "none"
    assert planned(source(main)).refusal is None


def test_a_location_that_answers_by_itself_is_refused_with_place_and_difference() -> None:
    sentence = refused(site(GOOD.replace("proxy_pass http://127.0.0.1:8180;", "return 404;")))
    assert (
        f"The location at {MAIN}:6 (location /steve/websocket/) already serves /steve/websocket/ but differs"
        in sentence
    )
    assert f"it answers by return 404 ({MAIN}:7)" in sentence


def test_a_shadowed_location_is_refused() -> None:
    sentence = refused(site("location ~ ^/steve/ { return 404; }", GOOD))
    assert "another location goes before it" in sentence


def test_a_secret_in_a_repaired_location_is_not_told() -> None:
    decided = planned(source(site(GOOD.replace("http://127.0.0.1:8180", "http://me:hunter2@10.0.0.1:8180"))))
    assert decided.action == "repair"
    assert "hunter2" not in f"{decided.notes} {decided.warnings} {diffs(decided.changes)}"


@pytest.mark.parametrize(
    "part",
    [
        "location = /steve/websocket/CentralSystemService { return 404; }",
        "location ~ ^/other/websocket { return 404; }",
        "location ~* \\.(png|x)$ { return 404; }",
        "location /steve/ { proxy_pass http://127.0.0.1:8180; }",
    ],
)
def test_locations_for_other_requests_are_no_conflict(part: str) -> None:
    decided = planned(source(site(part)))
    assert (decided.action, decided.refusal) == ("insert", None)


@pytest.mark.parametrize(
    ("main", "told"),
    [
        ("http {", "could not be read as a whole"),
        ("http { include gone.conf; " + SITE + "}", "could not be read as a whole"),
        (http(SITE, SITE), f"more than one server block could answer for charge.example.net on port 80: {MAIN}:3 and"),
        (http(SITE.replace("listen 80", "listen 443 ssl")), "no server block listens on port 80"),
        (http(SITE.replace("charge.", "other.")), "No server block is for charge.example.net on port 80"),
        (site("return 301 https://$host$request_uri;"), "answers before it looks at any location (return 301"),
        (site("if ($host = charge.example.net) { return 301 https://$host$request_uri; }"), "return 301"),
    ],
)
def test_where_it_cannot_be_sure_it_says_so_and_changes_nothing(main: str, told: str) -> None:
    assert told in refused(main)


def test_a_plan_that_would_not_work_is_not_handed_out() -> None:
    sentence = refused(site("proxy_pass_request_headers off;"))
    assert "would not act" in sentence
    assert f"proxy_pass_request_headers is off ({MAIN}:6)" in sentence


@pytest.mark.parametrize("names", ["", "server_name _;", "server_name localhost;"])
def test_a_block_for_any_name_is_taken(names: str) -> None:
    assert planned(source(http("server { listen 80; " + names + " }\n"))).action == "insert"


def test_the_default_server_is_taken_although_it_has_a_name() -> None:
    text = SITE.replace("charge.", "other.").replace("listen 80", "listen 80 default_server")
    assert planned(source(http(text))).action == "insert"


def test_somebodys_own_file_is_not_overwritten() -> None:
    files = source(http(SITE))
    sentence = planned(Dictionary({**files.files, FRAGMENT: b"# mine\n"})).refusal
    assert sentence is not None
    assert "is not this collection's" in sentence


def test_a_fragment_shared_with_another_block_is_not_changed() -> None:
    other = SITE.replace("charge.", "other.").replace("}\n}", f"}}\n include {FRAGMENT};\n}}")
    files = Dictionary({**source(http(SITE, other)).files, FRAGMENT: render(wanted(read_timeout_s=5))})
    sentence = planned(files).refusal
    assert sentence is not None
    assert "included at /etc/nginx/nginx.conf:12 as well" in sentence


def test_a_login_wall_above_is_told() -> None:
    warnings = planned(source(site("auth_basic closed;"))).warnings
    assert warnings == (
        f"auth_basic closed ({MAIN}:6) is inherited: chargers must answer nginx's login before SteVe's.",
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "http://x/steve/websocket/CentralSystemService"}, "Option url"),
        ({"url": "ws://x/steve"}, "does not end with /websocket/CentralSystemService"),
        ({"url": "ws://x/a b/websocket/CentralSystemService"}, "Option url"),
        ({"url": "ws://x;y/steve/websocket/CentralSystemService"}, "Option url"),
        ({"url": "ws://x:99999/steve/websocket/CentralSystemService"}, "Option url"),
        ({"url": "ws://me:pw@x/steve/websocket/CentralSystemService"}, "Option url"),
        ({"upstream": "127.0.0.1:8180"}, "Option upstream"),
        ({"upstream": "http://127.0.0.1:8180/steve"}, "has a path"),
        ({"upstream": "http://a;b:80"}, "Option upstream"),
        ({"upstream": "http://$x:80"}, "Option upstream"),
        ({"resolver": "1.1.1.1; x"}, "Option resolver"),
        ({"resolver": ""}, "Option resolver"),
        ({"fragment": "relative.conf"}, "Option fragment"),
        ({"fragment": "/etc/../x"}, "Option fragment"),
        ({"fragment": "/etc/a;b"}, "Option fragment"),
        ({"fragment": "/etc/*.conf"}, "Option fragment"),
        ({"read_timeout_s": 0}, "Option read_timeout"),
        ({"listen_port": 70000}, "Option listen_port"),
        ({"forwarded_for": ""}, "Option forwarded_for"),
        ({"forwarded_for": "$a; x"}, "Option forwarded_for"),
        ({"forwarded_for": '$a" x'}, "Option forwarded_for"),
        ({"forwarded_for": "$a\\"}, "Option forwarded_for"),
        ({"forwarded_for": "$a\n"}, "Option forwarded_for"),
        ({"forwarded_for": "a$"}, "Option forwarded_for"),
        ({"forwarded_for": "${a}"}, "Option forwarded_for"),
        ({"forwarded_for": "x" * 201}, "Option forwarded_for"),
        ({"forwarded_proto": "wss"}, "Option forwarded_proto"),
        ({"forwarded_proto": "$a$b"}, "Option forwarded_proto"),
        ({"forwarded_proto": "https;"}, "Option forwarded_proto"),
    ],
)
def test_values_that_could_leave_their_place_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        wanted(**options)
    assert told in caught.value.sentence()
    assert "pw@" not in caught.value.sentence()


def test_name_port_and_path_follow_from_the_url() -> None:
    what = wanted(url="wss://Charge.Example.net/a/b/websocket/CentralSystemService/")
    assert (what.name, what.port, what.prefix) == ("charge.example.net", 443, "/a/b/websocket/")
    assert wanted(url="ws://[::1]:81/websocket/CentralSystemService").prefix == "/websocket/"
    assert wanted(listen_port=8080).port == 8080


def test_the_diff_shows_the_change_with_its_neighbours_and_nothing_else() -> None:
    before = "proxy_set_header Authorization 'Basic c2VjcmV0';\n"
    main = http(SITE.replace("    listen", f"    # far away\n    {before}    listen"), before="# top\n")
    shown = diffs(planned(source(main)).changes)
    assert [one["before_header"] for one in shown] == [
        f"{FRAGMENT} (does not exist)",
        f"{MAIN} (lines 7 to 11)",
    ]
    assert shown[1]["after_header"] == f"{MAIN} (lines 7 to 12)"
    assert shown[0]["before"] == ""
    text = "".join(one["before"] + one["after"] for one in shown)
    assert "far away" not in text
    assert "c2VjcmV0" not in text
    added = set(shown[1]["after"].splitlines()) - set(shown[1]["before"].splitlines())
    assert added == {f"    include {FRAGMENT};"}


SECRETS = [
    'proxy_set_header Authorization\n        "Basic c2VjcmV0";',
    'proxy_set_header Authorization\n\n        # "Basic c2VjcmV0"\n        "Basic c2VjcmV0"\n        ;',
    'proxy_set_header\n        Authorization\n        "Basic\n c2VjcmV0";',
    'proxy_set_header Authorization "$none\n c2VjcmV0";',
    'proxy_set_header X-Api-Key # ours\n        c2VjcmV0;',
    'proxy_set_header Cookie "a=b;\n c2VjcmV0";',
    "set $token\n        c2VjcmV0;",
    'if ($http_authorization !=\n        "Basic c2VjcmV0") { return 403; }',
    'add_header Set-Cookie "a=b;\n token=\n c2VjcmV0";',
    'proxy_set_header X-Much "token=\n c2VjcmV0";',
    '# proxy_set_header Authorization\n    #    "Basic c2VjcmV0";',
    "proxy_set_header X-Auth-Key c2VjcmV0;",
    "proxy_set_header X-Auth $a-c2VjcmV0;",
    "proxy_set_header X-Session-Id\n        c2VjcmV0;",
    'add_header "X-Auth-Key"\n        "c2VjcmV0";',
    'set $auth_key "$a\n c2VjcmV0";',
    "fastcgi_param HTTP_X_AUTH c2VjcmV0;",
    "# proxy_set_header X-Auth-Key c2VjcmV0;",
    "# proxy_set_header X-Auth-Key\n    #    c2VjcmV0;",
    'secure_link_md5 "$secure_link_expires$uri c2VjcmV0";',
    "secure_link_md5\n        $uri\\ c2VjcmV0;",
    'if ($http_x_auth_key != "c2VjcmV0") { return 403; }',
    'if ($http_x_auth_key !=\n        "c2VjcmV0") { return 403; }',
    'if ("$http_x_auth_key:c2VjcmV0"\n        = x) { return 403; }',
    "if ($cookie_session = c2VjcmV0) { return 403; }",
]


@pytest.mark.parametrize("lines", [1, 3, 12])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_on_another_line_than_its_name_is_hidden_wherever_the_diff_begins(secret: str, lines: int) -> None:
    main = http(SITE.replace("; }\n}", f"; }}\n    {secret}\n" + "    # free\n" * (lines - 1) + "}"))
    (_fragment, shown) = diffs(planned(source(main)).changes)
    assert "c2VjcmV0" not in shown["before"] + shown["after"]
    before, after = shown["before"].splitlines(), shown["after"].splitlines()
    assert [line for line in after if line not in before] == [f"    include {FRAGMENT};"]
    assert len(after) == len(before) + 1
    # What the headers say is what the file has: nothing moved to another line.
    first, last = (int(number) for number in shown["before_header"].split("(lines ")[1].rstrip(")").split(" to "))
    plain = main.splitlines()[first - 1 : last]
    assert len(before) == len(plain)
    assert all("(value hidden)" in a or b.endswith(a.strip()) for a, b in zip(before, plain, strict=True))


@pytest.mark.parametrize("kept", [
    "proxy_set_header Authorization\n        $http_authorization;", "# a\n    root /x;",
    "proxy_set_header X-Auth-Key $http_x_auth_key;", "set $auth_key $arg_a$arg_b;",
    "if ($http_x_auth_key) { return 403; }", "auth_basic closed;", "proxy_cache_key $scheme$host;",
    "ssl_session_cache shared:a:1m;", "secure_link_md5 $secure_link_expires$uri;",
])  # fmt: skip
def test_what_is_no_secret_is_shown(kept: str) -> None:
    (_fragment, shown) = diffs(planned(source(http(SITE.replace("; }\n}", f"; }}\n    {kept}\n}}")))).changes)
    assert kept in shown["before"] and kept in shown["after"]


def test_what_a_map_compares_a_secret_with_or_makes_of_it_is_hidden() -> None:
    maps = (
        'map $http_x_auth_key $known { default 0; "c2VjcmV0" 1; ~*^c2VjcmV0x 2; }\n'
        "map $host $upstream_auth { default c2VjcmV0; a.test $http_a; }\n"
    )
    main = "events {}\nhttp {\n" + SITE.replace("}\n}", f"}}\n}}\n{maps}") + "}\n"
    (_fragment, shown) = diffs(planned(source(main)).changes)
    text = shown["before"] + shown["after"]
    assert "c2VjcmV0" not in text
    assert all(kept in text for kept in ("default 0;", "a.test $http_a;"))


def test_a_secret_header_that_a_repair_copies_is_not_shown() -> None:
    headers = ("X-Auth-Key c2VjcmV0;", "X-Auth c2VjcmV0;", "X-Session-Id c2VjcmV0;")
    location = GOOD.replace("    proxy_set_header Upgrade $http_upgrade;\n", "")
    location = location.replace('    proxy_set_header Connection "upgrade";\n', "")
    decided = planned(source(site(*(f"proxy_set_header {one}" for one in headers), location)))
    assert decided.action == "repair"
    assert decided.changes[0].after.count(b"c2VjcmV0") == 6
    (shown,) = diffs(decided.changes)
    assert shown["after"].count("X-Session-Id (value hidden)") == 2
    assert "c2VjcmV0" not in shown["before"] + shown["after"]


def test_the_secret_of_a_condition_that_decides_is_not_told() -> None:
    condition = 'if ($http_x_auth_key != "c2VjcmV0") { return 403; }'
    told = refused(site(GOOD.replace("3600s;", f"60s;\n    {condition}")))
    assert "decides for each request" in told
    assert "c2VjcmV0" not in told


def test_a_managed_file_that_nobody_can_read_any_more_is_not_shown() -> None:
    spoilt = f'{MARK}\nproxy_set_header Authorization\n "Basic c2VjcmV0'
    decided = planned(Dictionary({**source(http(SITE)).files, FRAGMENT: spoilt.encode()}))
    assert decided.action == "insert"
    assert "c2VjcmV0" not in str(diffs(decided.changes))


# -- the rehearsal ---------------------------------------------------------------------------------------------------


def test_a_rehearsal_copies_only_what_leads_to_the_change() -> None:
    files = source(
        "user x;\nhttp {\n include mime;\n include sites/*;\n}\n",
        mime="types { }\n",
        sites__a="# a\n",
        sites__b=SITE,
    )
    decided = planned(files)
    assert decided.after is not None
    copies = rehearsal(decided.after, [one.path for one in decided.changes], "/etc/nginx", redirect_pid=True)
    assert [one.original for one in copies] == [MAIN, "/etc/nginx/sites/b", FRAGMENT]
    main, site_copy, fragment = copies
    assert main.data.decode() == (
        "pid /etc/nginx/.steve-rehearsal-pid; user x;\nhttp {\n include mime;\n"
        f" include /etc/nginx/sites/a; include {site_copy.path};\n}}\n"
    )
    assert f"include {fragment.path};" in site_copy.data.decode()
    assert FRAGMENT not in site_copy.data.decode()
    assert fragment.data == render(wanted())


def test_a_rehearsal_elsewhere_makes_every_include_absolute() -> None:
    files = source("include a;\npid /run/x;\n" + http(SITE), a="include b;\n", b="# b\n")
    read = load(MAIN, files)
    copies = rehearsal(read, (), "/mnt", redirect_pid=True)
    assert [one.original for one in copies] == [MAIN, "/etc/nginx/a"]
    assert copies[0].data.decode().startswith(f"include {copies[1].path};\npid /mnt/.steve-rehearsal-pid;\n")
    assert copies[1].data == b"include /etc/nginx/b;\n"


def test_a_rehearsal_elsewhere_finds_the_certificates_that_a_relative_name_means() -> None:
    tls = (
        "ssl_certificate certs/c.pem;", 'ssl_certificate_key "certs/my key.pem";', "ssl_trusted_certificate /abs.pem;",
        "ssl_client_certificate data:x;", "ssl_certificate $ssl_server_name.crt;", "ssl_protocols TLSv1.2;",
    )  # fmt: skip
    files = source("events {}\nhttp {\n    include /etc/nginx/tls;\n}\n", tls="\n".join(tls) + "\n")
    main, copied = rehearsal(load(MAIN, files), (), "/mnt", redirect_pid=False)
    assert copied.path in main.data.decode()
    assert copied.data.decode().splitlines() == [
        "ssl_certificate /etc/nginx/certs/c.pem;", 'ssl_certificate_key "/etc/nginx/certs/my key.pem";', *tls[2:],
    ]  # fmt: skip
    assert len(rehearsal(load(MAIN, files), (), "/etc/nginx", redirect_pid=False)) == 1


@pytest.mark.parametrize(
    ("upstream", "options", "told"),
    [
        ("http://app:8180", {}, True),
        ("http://app:8180", {"resolver": "127.0.0.11"}, False),
        ("http://127.0.0.1:8180", {}, False),
        ("http://[::1]:8180", {}, False),
        ("http://localhost:8180", {}, False),
    ],
)
def test_a_name_that_nginx_looks_up_once_is_warned_about(upstream: str, options: dict[str, Any], told: bool) -> None:
    decided = planned(source(site()), wanted(upstream=upstream, **options))
    assert decided.action == "insert"
    assert [f"({FRAGMENT}:3)" in one and "a resolver" in one for one in decided.warnings] == [True] * told


@pytest.mark.parametrize(
    ("member", "told"), [("app:8180", True), ("app:8180 resolve", False), ("10.0.0.2:8180", False)]
)
def test_a_group_that_asks_again_is_not_warned_about(member: str, told: bool) -> None:
    block = SITE.replace("location /", "location /steve/ { proxy_pass http://group; }\n    location /")
    files = source(http(block, before=f"upstream group {{ server {member}; }}\n"))
    decided = planned(files, wanted(keep_upstream=True))
    assert decided.changes[0].after.count(b"proxy_pass http://group;") == 1
    assert ["a resolver" in one for one in decided.warnings] == [True] * told


# -- properties ------------------------------------------------------------------------------------------------------


def seen_by_crossplane(path: Path) -> list[Any]:
    payload = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False)
    assert payload["status"] == "ok", payload["errors"]
    parsed: list[Any] = payload["config"][0]["parsed"]
    return parsed


def without_lines(parsed: list[Any], dropped: list[list[str]]) -> list[Any]:
    """crossplane's view without line numbers and without includes of the fragment, which are counted."""
    result = []
    for one in parsed:
        if one["directive"] == "include" and one["args"] == [FRAGMENT]:
            dropped.append(one["args"])
            continue
        block = without_lines(one["block"], dropped) if "block" in one else None
        result.append((one["directive"], one["args"], block))
    return result


@settings(max_examples=100, deadline=None)
@given(
    before=st.lists(nginx_configs.directives(depth=2), max_size=2),
    inside=st.lists(nginx_configs.directives(depth=1), max_size=3),
    after=st.lists(nginx_configs.directives(depth=2), max_size=2),
    gap=st.sampled_from(["", " ", "\n", "\r\n", " # c\n", "\n  "]),
)
def test_on_random_configurations_only_one_include_is_added(
    before: list[str], inside: list[str], after: list[str], gap: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    strange = ("server ", "server{", "listen", "location", "server\t", "server\n", "server\r", "map", "server;")
    parts = [[one for one in group if not any(word in one for word in strange)] for group in (before, inside, after)]
    block = f"server {{{gap}server_name charge.example.net; {''.join(parts[1])}{gap}}}\n"
    main = f"http {{ {''.join(parts[0])} {block} {''.join(parts[2])} }}".encode()
    files = Dictionary({MAIN: main})
    decided = planned(files)
    assert (decided.action, decided.refusal) == ("insert", None)
    (edit,) = decided.edits
    assert edit.start == edit.end  # nothing is taken away
    assert edited(main, decided.edits) == decided.changes[-1].after
    assert decided.changes[-1].after == main[: edit.start] + edit.new + main[edit.start :]
    assert edit.new.strip() == f"include {FRAGMENT};".encode()
    paths = [tmp_path_factory.getbasetemp() / name for name in ("before.conf", "after.conf")]
    for path, data in zip(paths, (main, decided.changes[-1].after), strict=True):
        path.write_bytes(data)
    dropped: list[list[str]] = []
    assert without_lines(seen_by_crossplane(paths[1]), dropped) == without_lines(seen_by_crossplane(paths[0]), [])
    assert dropped == [[FRAGMENT]]
    assert planned(carried_out(files, decided)).action == "none"
