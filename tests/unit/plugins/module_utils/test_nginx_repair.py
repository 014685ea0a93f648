# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An existing location repaired where it stands: which bytes change, and where nobody can be sure."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import crossplane
import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import edited, load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import Plan, diffs, plan
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import Desired, desired, render
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import nginx_configs
from tests.unit.nginx_configs import MAIN, Dictionary, http, source

FRAGMENT = "/etc/nginx/steve-websocket.conf"
URL = "ws://charge.example.net/steve/websocket/CentralSystemService"
UPSTREAM = "http://127.0.0.1:8180"
GOOD = """\
    location /steve/websocket/ { # ours
        proxy_pass http://127.0.0.1:8180; # the app
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host $http_host;
        proxy_read_timeout 3600s;
        proxy_send_timeout 1h;
    }
"""
COMPOSE = {"upstream": "http://app:8180", "resolver": "127.0.0.11"}


def wanted(**options: Any) -> Desired:
    return desired(**{"url": URL, "upstream": UPSTREAM, "fragment": FRAGMENT, **options})


def planned(files: Dictionary, what: Desired | None = None) -> Plan:
    what = what or wanted()
    return plan(load(MAIN, files), files, what, files.files.get(what.fragment))


def site(*parts: str, before: str = "") -> str:
    body = "".join(part if part.endswith("\n") else f"    {part}\n" for part in parts)
    block = "server {\n    listen 80;\n    server_name charge.example.net;\n" + body + "}\n"
    return http(block, before=before)


def http_block(name: str, *parts: str) -> str:
    return f"server {{ listen 80; server_name {name}; {' '.join(parts)} }}\n"


def repaired(files: Dictionary, what: Desired | None = None) -> Dictionary:
    """The files after the repair, which must leave nothing to do."""
    decided = planned(files, what)
    assert (decided.refusal, decided.action) == (None, "repair")
    for change in decided.changes:
        assert change.before == files.files[change.path]
        assert edited(change.before, [one for one in decided.edits if one.path == change.path]) == change.after
    after = Dictionary({**files.files, **{one.path: one.after for one in decided.changes}})
    again = planned(after, what)
    assert (again.action, again.changes, again.refusal) == ("none", (), None)
    return after


def refused(main: str, what: Desired | None = None, **others: str) -> str:
    decided = planned(source(main, **others), what)
    assert decided.refusal is not None
    assert (decided.action, decided.changes, decided.edits) == ("none", (), ())
    assert decided.refusal.endswith("Nothing was changed.")
    return decided.refusal


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        # What is wrong gets other arguments; the rest of the line stays.
        ('Connection "upgrade"', "Connection  close", 'Connection  "upgrade"'),
        ("Upgrade $http_upgrade", "Upgrade ''", "Upgrade $http_upgrade"),
        ("proxy_http_version 1.1;", "proxy_http_version\n          1.0 ;", "proxy_http_version\n          1.1 ;"),
        ("proxy_read_timeout 3600s", "proxy_read_timeout 60s", "proxy_read_timeout 3600s"),
        ("proxy_send_timeout 1h", "proxy_send_timeout '1m 30s'", "proxy_send_timeout 3600s"),
        ("8180; # the app", "8080; # the app", "8180; # the app"),
        ("8180; # the app", "8180/other/; # the app", "8180; # the app"),
        # What is missing stands behind its like.
        (
            "        proxy_http_version 1.1;\n",
            "",
            "<8180; # the app\n>        proxy_http_version 1.1;\n",
        ),
        (
            "        proxy_set_header Upgrade $http_upgrade;\n",
            "",
            "<Host $http_host;\n>        proxy_set_header Upgrade $http_upgrade;\n",
        ),
        (
            "        proxy_read_timeout 3600s;\n        proxy_send_timeout 1h;\n",
            "",
            "<8180; # the app\n>        proxy_read_timeout 3600s;\n        proxy_send_timeout 3600s;\n",
        ),
    ],
)
def test_the_smallest_change_makes_it_good(old: str, new: str, result: str) -> None:
    broken = site("# before", GOOD.replace(old, new), "location / { return 404; } # after")
    if result.startswith("<"):
        anchor, _mark, line = result[1:].partition(">")
        expected = broken.replace(anchor, anchor + line)
    else:
        expected = broken.replace(new, result)
    assert repaired(source(broken)).files == {MAIN: expected.encode()}


def test_the_difference_and_the_place_are_told() -> None:
    decided = planned(source(site(GOOD.replace('"upgrade"', "close").replace("3600s", "60s"))))
    assert (decided.file, decided.line) == (MAIN, 6)
    assert decided.notes[0] == (
        f"The location at {MAIN}:6 (location /steve/websocket/) differed: the header Connection is close ({MAIN}:10) "
        f'instead of "upgrade"; proxy_read_timeout is 60s ({MAIN}:12), less than 960s.'
    )
    assert "until they reconnect" in decided.notes[1]
    (diff,) = diffs(decided.changes)
    assert "proxy_set_header Connection close;" in diff["before"]
    assert 'proxy_set_header Connection "upgrade";' in diff["after"]


HEADERS = "proxy_set_header Host $host;\nproxy_set_header  X-Real-IP  $remote_addr ;\nproxy_set_header Upgrade '';\n"


def test_headers_that_were_inherited_stay_in_force() -> None:
    """A level with any ``proxy_set_header`` inherits none."""
    own = "".join(line for line in GOOD.splitlines(keepends=True) if "proxy_set_header" not in line)
    broken = site(own, before=HEADERS)
    after = repaired(source(broken)).files[MAIN].decode()
    added = (
        "        proxy_set_header Host $host;\n"
        "        proxy_set_header X-Real-IP $remote_addr;\n"
        "        proxy_set_header Upgrade $http_upgrade;\n"
        '        proxy_set_header Connection "upgrade";\n'
    )
    assert after == broken.replace("# the app\n", "# the app\n" + added)


def test_a_secret_header_of_the_same_file_is_copied_and_not_shown() -> None:
    own = "    location /steve/websocket/ {\n        proxy_pass http://127.0.0.1:8180;\n    }\n"
    files = source(site("proxy_set_header Authorization 'Basic c2VjcmV0';", own))
    assert repaired(files).files[MAIN].count(b"proxy_set_header Authorization 'Basic c2VjcmV0';") == 2
    decided = planned(files)
    told = f"{diffs(decided.changes)} {decided.notes}"
    assert "c2VjcmV0" not in told
    assert "proxy_set_header Authorization (value hidden)" in told


def test_values_of_outer_levels_stay_and_are_overridden_in_the_location_alone() -> None:
    outer = "proxy_http_version 1.0;\nproxy_read_timeout 30s;\nproxy_pass_request_headers off;\n"
    own = "".join(
        line for line in GOOD.splitlines(keepends=True) if "version" not in line and "read_timeout" not in line
    )
    after = repaired(source(site(own, before=outer))).files[MAIN].decode()
    added = (
        "        proxy_http_version 1.1;\n"
        "        proxy_read_timeout 3600s;\n"
        "        proxy_pass_request_headers on;\n"
    )
    assert after == site(own, before=outer).replace("# the app\n", "# the app\n" + added)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            "location /steve/websocket/ { proxy_pass http://127.0.0.1:8180; }",
            "location /steve/websocket/ { proxy_pass http://127.0.0.1:8180; A }",
        ),
        (
            "location /steve/websocket/ {proxy_pass http://127.0.0.1:8180;}",
            "location /steve/websocket/ {proxy_pass http://127.0.0.1:8180; A}",
        ),
        (
            "location /steve/websocket/ {\r\n\tproxy_pass http://127.0.0.1:8180;\r\n}",
            "location /steve/websocket/ {\r\n\tproxy_pass http://127.0.0.1:8180;\r\n\tA\r\n}",
        ),
        ("location /steve/websocket/ { }", "location /steve/websocket/ { proxy_pass http://127.0.0.1:8180; A }"),
        (
            "location /steve/websocket/ {\n  # }\n}",
            "location /steve/websocket/ {\n  # }\n    proxy_pass http://127.0.0.1:8180;\n    A\n}",
        ),
        (
            "location ~ ^/steve/websocket {\n  proxy_pass http://127.0.0.1:8180; # {\n  access_log off; }",
            "location ~ ^/steve/websocket {\n  proxy_pass http://127.0.0.1:8180; # {\n  A\n  access_log off; }",
        ),
    ],
)
def test_new_lines_follow_the_style_of_their_block(block: str, expected: str) -> None:
    lines = (
        "proxy_http_version 1.1;", "proxy_read_timeout 3600s;", "proxy_send_timeout 3600s;",
        "proxy_set_header Upgrade $http_upgrade;", 'proxy_set_header Connection "upgrade";',
    )  # fmt: skip
    place = expected[: expected.index("A")]
    own_line = place.rpartition("\n")[2] if not place.rpartition("\n")[2].strip() and "\n" in place else None
    between = " " if own_line is None else ("\r\n" if "\r\n" in place else "\n") + own_line
    after = repaired(source(site(block))).files[MAIN].decode()
    assert after == site(expected.replace("A", between.join(lines), 1))


def test_a_resolver_and_a_variable_are_added_and_later_changed_in_their_places() -> None:
    files = repaired(source(site(GOOD.replace("127.0.0.1:8180", "app:8180"))), wanted(**COMPOSE))
    text = files.files[MAIN].decode()
    assert "        proxy_pass http://$steve_websocket_host:8180; # the app\n" in text
    assert "        resolver 127.0.0.11 valid=10s;\n        set $steve_websocket_host app;\n" in text
    moved = repaired(files, wanted(**{**COMPOSE, "upstream": "http://app2:8180"})).files[MAIN].decode()
    assert moved == text.replace("set $steve_websocket_host app;", "set $steve_websocket_host app2;")


def test_a_name_server_that_is_in_force_is_kept() -> None:
    text = site(GOOD.replace("127.0.0.1:8180", "app:8180"), before="resolver 10.0.0.53;\n")
    after = repaired(source(text), wanted(**COMPOSE)).files[MAIN].decode()
    assert "127.0.0.11" not in after


def test_an_address_needs_no_name_server() -> None:
    assert planned(source(site(GOOD)), wanted(resolver="127.0.0.11")).action == "none"


def test_an_upstream_block_of_others_is_not_touched() -> None:
    before = "upstream steve { server 10.0.0.9:8180; }\n"
    broken = site(GOOD.replace("127.0.0.1:8180", "steve"), "location / { proxy_pass http://steve; }", before=before)
    after = repaired(source(broken)).files[MAIN].decode()
    assert after == broken.replace("http://steve; # the app", "http://127.0.0.1:8180; # the app")


def test_a_file_that_only_this_location_includes_is_repaired_and_each_step_is_a_configuration_of_its_own() -> None:
    own = f"    location /steve/websocket/ {{\n        proxy_pass {UPSTREAM};\n        include ws.inc;\n    }}\n"
    text = "proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_read_timeout 10s; # short\n"
    files = Dictionary({**source(site(own)).files, "/etc/nginx/ws.inc": text.encode()})
    decided = planned(files)
    after = repaired(files).files
    assert after["/etc/nginx/ws.inc"].decode() == text.replace("10s", "3600s")
    assert after[MAIN].decode() == site(own).replace(
        "8180;\n", '8180;\n        proxy_send_timeout 3600s;\n        proxy_set_header Connection "upgrade";\n', 1
    )
    assert len(decided.changes) == 2
    (stage,) = decided.stages
    assert stage.files[decided.changes[0].path].data == decided.changes[0].after
    assert stage.files[decided.changes[1].path].data == decided.changes[1].before


@pytest.mark.parametrize(
    ("main", "others", "told"),
    [
        (
            site(
                "location /steve/websocket/ { proxy_pass http://127.0.0.1:8180; include ws.inc; }",
                "location /other/ { include ws.inc; }",
            ),
            {"ws.inc": "proxy_http_version 1.0;\n"},
            "proxy_http_version 1.0 (/etc/nginx/ws.inc:1) stands in a file that is included more than once",
        ),
        (
            http(
                "server { listen 80; server_name charge.example.net; include ws.inc; }\n",
                "server { listen 81; include ws.inc; }\n",
            ),
            {"ws.inc": GOOD.replace("3600s", "3s")},
            "location /steve/websocket/ (/etc/nginx/ws.inc:1) stands in a file that is included more than once",
        ),
        (site(GOOD.replace('"upgrade"', "$arg_x")), {}, "only a running nginx knows its value"),
        (site(GOOD.replace("127.0.0.1", "$arg_x")), {}, "is known to a running nginx only"),
        (
            site(GOOD.replace("/steve/websocket/ {", "~ ^/steve/websocket(/.*)$ {").replace("8180;", "8181$1;")),
            {},
            "is known to a running nginx only",
        ),
        (site(GOOD.replace("proxy_pass", "rewrite ^/a /b break;\n proxy_pass")), {}, "may be changed by rewrite"),
        (site(GOOD.replace("proxy_pass http://127.0.0.1:8180;", "return 404;")), {}, "it answers by return 404"),
        (site(GOOD.replace("proxy_pass http://127.0.0.1:8180;", "root /srv;")), {}, "there is no proxy_pass, but root"),
        (
            site(GOOD.replace("3600s;", "3s;\n if ($arg_x) { return 403; }")),
            {},
            "if ($arg_x) (/etc/nginx/nginx.conf:13) decides for each request",
        ),
        (
            site(GOOD.replace("3600s;", "3s;\n try_files $uri @x;")),
            {},
            "try_files $uri @x (/etc/nginx/nginx.conf:13) decides for each request",
        ),
        (
            site(GOOD.replace("3600s", "3s"), "location ~ ^/steve/websocket/Central { return 404; }"),
            {},
            f"the one at {MAIN}:6 is meant for it as well",
        ),
        (
            site(GOOD, GOOD.replace("/steve/websocket/ {", "^~ /steve/websocket/C {").replace("3600s", "3s")),
            {},
            "is meant for it as well",
        ),
        (
            site(GOOD.replace('Host $http_host', 'connection ""').replace('"upgrade"', "close")),
            {},
            "the header Connection is set more than once",
        ),
        (
            site("include site.inc;"),
            {"site.inc": "proxy_set_header Authorization 'Basic c2VjcmV0';\nproxy_http_version 1.1;\n"
             "include ws.inc;\n", "ws.inc": "location /steve/websocket/ { proxy_pass http://127.0.0.1:8180; }\n"},
            "the header Authorization (/etc/nginx/site.inc:1) would have to be copied, and it looks secret",
        ),
    ],
)  # fmt: skip
def test_where_a_repair_would_be_a_guess_it_is_refused(main: str, others: dict[str, Any], told: str) -> None:
    sentence = refused(main, **others)
    assert told in sentence
    assert "already serves /steve/websocket/ but differs: " in sentence
    assert "c2VjcmV0" not in sentence


def test_a_location_for_the_whole_site_is_not_repaired() -> None:
    decided = planned(source(site(GOOD.replace("/steve/websocket/ {", "/steve/ {").replace("3600s", "3s"))))
    assert decided.action == "insert"


# -- the headers that an outer proxy may know better -------------------------------------------------------------------


def test_a_forwarded_header_is_compared_only_when_it_is_asked_for() -> None:
    text = site(GOOD.replace("proxy_read", "proxy_set_header X-Forwarded-Proto https;\n        proxy_read"))
    assert planned(source(text)).action == "none"
    assert planned(source(text), wanted(forwarded_proto="https")).action == "none"
    what = wanted(forwarded_proto="$http_x_forwarded_proto", forwarded_for="$http_x_forwarded_for, $remote_addr")
    assert repaired(source(text), what).files[MAIN].decode() == text.replace(
        "X-Forwarded-Proto https;\n",
        "X-Forwarded-Proto $http_x_forwarded_proto;\n"
        '        proxy_set_header X-Forwarded-For "$http_x_forwarded_for, $remote_addr";\n',
    )


# -- files that are generated ------------------------------------------------------------------------------------------

NPM = "# " + 60 * "-" + "\n# charge.example.net\n# " + 60 * "-" + "\n"
PLESK = "#ATTENTION!\n#\n#DO NOT MODIFY THIS FILE BECAUSE IT WAS GENERATED AUTOMATICALLY,\n#SO ALL YOUR CHANGES\n\n"
HESTIA = "#====#\n# Web Domain Template #\n# DO NOT MODIFY THIS FILE! CHANGES WILL BE LOST WHEN REBUILDING D #\n"
SERVER = "server {\n    listen 80;\n    server_name charge.example.net;\n"


@pytest.mark.parametrize("own", ["", GOOD.replace("3600s", "3s")])
@pytest.mark.parametrize(
    ("name", "head", "told"),
    [
        ("proxy_host/1.conf", NPM, "Nginx Proxy Manager (it says: # ------"),
        ("conf.d/default.conf", "# nginx-proxy version : 1.6.0\n", "nginx-proxy (docker-gen)"),
        ("conf.d/default.conf", '# x\n    ## Can be connected with "web" network\n', "nginx-proxy (docker-gen)"),
        ("x.conf", "\n# Configuration checksum: 1234567\n", "Kubernetes"),
        ("x.conf", PLESK, "Plesk"),
        ("x.conf", HESTIA, "Hestia"),
        ("x.conf", "# This file is managed by gitlab-ctl. Manual changes\n# erased!\n", "/etc/gitlab/gitlab.rb"),
        ("x.conf", "# This file is auto-generated.\n# Please do not edit it.\n", "generated by a program"),
        ("x.conf", "# Auto generated by X\n# any changes you make will be overwritten\n", "generated by a program"),
    ],
)
def test_a_generated_file_is_refused_with_its_marker(name: str, head: str, told: str, own: str) -> None:
    files = {MAIN: b"http { include proxy_host/*.conf; include conf.d/*.conf; include x.conf*; }\n"}
    files[f"/etc/nginx/{name}"] = (head + SERVER + own + "}\n").encode()
    sentence = planned(Dictionary(files)).refusal
    assert sentence is not None
    assert f"The file /etc/nginx/{name} is generated by" in sentence
    assert told in sentence
    assert sentence.endswith("Nothing was changed.")


@pytest.mark.parametrize(
    "head",
    [
        NPM,
        "# generated 2024-01-01, Mozilla Guideline v5.7\n# intermediate configuration\n",
        "# Generated by nginxconfig.io\n",
        "# do not edit before the audit\n",
        "# Configuration checksum: see the wiki\n",
        "server { listen 81; } # managed by Certbot\n# This file was generated. Do not edit it.\n",
    ],
)
def test_a_file_that_people_wrote_is_changed_without_a_word(head: str) -> None:
    decided = planned(source("http { include x; }\n", x=head + SERVER + "    ssl_dhparam x; # managed by Certbot\n}\n"))
    assert (decided.action, decided.refusal, decided.warnings) == ("insert", None, ())


@pytest.mark.parametrize(
    "head",
    ["# Ansible managed\n", "# This file is managed by Puppet. DO NOT EDIT\n", "# Generated by Chef, do not edit\n"],
)
@pytest.mark.parametrize("own", ["", GOOD.replace("3600s", "3s")])
def test_what_configuration_management_wrote_is_changed_with_a_warning(head: str, own: str) -> None:
    decided = planned(source("http { include x; }\n", x=head + SERVER + own + "}\n"))
    assert decided.action == ("repair" if own else "insert")
    (warning,) = decided.warnings
    assert "/etc/nginx/x is written by configuration management" in warning
    assert head.strip() in warning


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_time_limit_that_is_shorter_than_the_ping_is_warned_about() -> None:
    assert planned(source(site()), wanted(read_timeout_s=960)).warnings == ()
    (warning,) = planned(source(site()), wanted(read_timeout_s=959)).warnings
    assert warning.startswith("read_timeout is 959 s and SteVe pings every 900 s")


def test_security_profile_2_is_explained_where_the_public_url_is_tls() -> None:
    what = wanted(url=URL.replace("ws:", "wss:"), listen_port=80)
    notes = planned(source(site()), what).notes
    assert "steve.ocpp.security.protocol-header-from-proxy" in notes[1]
    assert notes[2].startswith(f"proxy_set_header X-Forwarded-Proto $scheme ({FRAGMENT}:9) is http here")
    told = wanted(url=URL.replace("ws:", "wss:"), listen_port=80, forwarded_proto="https")
    assert len(planned(source(site()), told).notes) == 2
    (_profile, missing) = planned(source(site(GOOD)), what).notes
    assert missing.startswith("The location sets no X-Forwarded-Proto")
    assert planned(source(site(GOOD))).notes == ()


# -- properties --------------------------------------------------------------------------------------------------------

PIECES = {
    "proxy_pass": ("http://127.0.0.1:8180", "http://10.0.0.9:8180", "http://127.0.0.1:8180/x/"),
    "proxy_http_version": ("1.1", "1.0", None),
    "proxy_set_header Upgrade": ("$http_upgrade", '""', None),
    "proxy_set_header Connection": ('"upgrade"', "close", None),
    "proxy_set_header X-Other": ("'a # b; }'", None),
    "proxy_read_timeout": ("3600s", "60s", None),
    "proxy_send_timeout": ("1h", "'1m'", None),
}


def seen_by_crossplane(path: Path, data: bytes) -> list[Any]:
    path.write_bytes(data)
    payload = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False)
    assert payload["status"] == "ok", payload["errors"]
    parsed: list[Any] = payload["config"][0]["parsed"]
    return parsed


def without_the_location(parsed: list[Any], taken: list[Any]) -> list[Any]:
    """crossplane's view without line numbers and without the WebSocket location, which is put aside."""
    result = []
    for one in parsed:
        if one["directive"] == "location" and one["args"] == ["/steve/websocket/"]:
            taken.append([(inner["directive"], inner["args"]) for inner in one["block"]])
            continue
        result.append((one["directive"], one["args"], without_the_location(one.get("block", []), taken)))
    return result


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in PIECES.items()}),
    order=st.permutations(list(PIECES)),
    around=st.lists(nginx_configs.directives(depth=2), min_size=2, max_size=2),
    gaps=st.lists(st.sampled_from([" ", "\n", "\r\n", " # c }\n", "\n\t"]), min_size=8, max_size=8),
    outer=st.sampled_from(["", "proxy_set_header X-Outer 1; ", "proxy_http_version 1.1; proxy_read_timeout 2h; "]),
)
def test_on_random_configurations_only_the_location_changes(
    pieces: dict[str, str | None], order: list[str], around: list[str], gaps: list[str], outer: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    strange = ("server", "listen", "location", "map", "proxy", "include")
    before, after = ("" if any(word in one for word in strange) else one for one in around)
    lines = [f"{name} {pieces[name]};" for name in order if pieces[name] is not None]
    inside = "".join(itertools.chain.from_iterable(zip(gaps, lines, strict=False))) + gaps[-1]
    main = (
        f"http {{ {before} server {{ server_name charge.example.net; {outer}\n"
        f"location /steve/websocket/ {{{inside}}} {after} }} {before} }}\n"
    ).encode()
    files = Dictionary({MAIN: main})
    decided = planned(files)
    assert decided.refusal is None
    if decided.action == "none":
        return
    new = repaired(files).files[MAIN]
    # Bytes outside of the location are where they were.
    start, end = main.index(b"location /steve"), main.rindex(b"} " + after.encode() + b" } ")
    assert new[:start] == main[:start]
    assert new[len(new) - (len(main) - end) :] == main[end:]
    # Comments and everything that was right keep their bytes: nothing but arguments is taken away.
    for edit in decided.edits:
        assert start < edit.start <= edit.end <= end
        assert b";" not in main[edit.start : edit.end]
    base = tmp_path_factory.getbasetemp()
    was: list[Any] = []
    now: list[Any] = []
    assert without_the_location(seen_by_crossplane(base / "new.conf", new), now) == without_the_location(
        seen_by_crossplane(base / "old.conf", main), was
    )
    names = [(name, args[:1] if name == "proxy_set_header" else []) for name, args in now[0]]
    kept = [(name, args[:1] if name == "proxy_set_header" else []) for name, args in was[0]]
    assert [one for one in names if one in kept] == kept  # nothing is lost, nothing changes its order
    assert len(names) == len(set(map(str, names)))
    changed = dict(zip(map(str, kept), was[0], strict=True))
    good = {
        "proxy_pass": ["http://127.0.0.1:8180"], "proxy_http_version": ["1.1"], "proxy_read_timeout": ["3600s"],
        "proxy_send_timeout": ["3600s"],
    }  # fmt: skip
    headers = {"Upgrade": ["Upgrade", "$http_upgrade"], "Connection": ["Connection", "upgrade"]}
    for key, (name, args) in zip(map(str, names), now[0], strict=True):
        if changed.get(key, (name, args)) != (name, args):
            assert args == good.get(name, headers.get(args[0]))


# -- an upstream that stays --------------------------------------------------------------------------------------------

KEEP = wanted(keep_upstream=True)
GROUP = "upstream pool { server 10.0.0.1:8180; server 10.0.0.2:8180; }\n"


@pytest.mark.parametrize(
    ("passed", "before"),
    [
        ("http://app:8180", ""),
        ("http://app", ""),
        ("https://steve.internal:8443", ""),
        ("http://pool", GROUP),
        ("http://$up:8180", "map $host $up { default app; }\n"),
        ("http://unix:/run/steve.sock", ""),
    ],
)
def test_an_upstream_that_nobody_named_stays_as_it_is_written(passed: str, before: str) -> None:
    broken = site(GOOD.replace("http://127.0.0.1:8180", passed).replace('"upgrade"', "close"), before=before)
    after = repaired(source(broken), KEEP).files
    assert after == {MAIN: broken.replace("Connection close", 'Connection "upgrade"').encode()}


@pytest.mark.parametrize(("passed", "before"), [("http://app:8180", ""), ("http://pool", GROUP)])
def test_a_path_behind_an_upstream_that_stays_goes(passed: str, before: str) -> None:
    broken = site(GOOD.replace("http://127.0.0.1:8180", f"{passed}/other/"), before=before)
    assert repaired(source(broken), KEEP).files == {MAIN: broken.replace("/other/", "").encode()}


def test_an_upstream_that_stays_is_resolved_again_when_that_is_asked_for() -> None:
    broken = site(GOOD.replace("http://127.0.0.1:8180", "http://app:8180"))
    after = repaired(source(broken), wanted(keep_upstream=True, resolver="127.0.0.11")).files[MAIN].decode()
    assert "set $steve_websocket_host app;" in after and "proxy_pass http://$steve_websocket_host:8180;" in after


def test_a_group_that_stays_is_not_gone_past_by_a_resolver() -> None:
    good = site(GOOD.replace("http://127.0.0.1:8180", "http://pool"), before=GROUP)
    assert planned(source(good), wanted(keep_upstream=True, resolver="127.0.0.11")).action == "none"


@pytest.mark.parametrize(
    ("location", "upstream"),
    [("location /steve/", "http://app:8180"), ("location /", "http://127.0.0.1:8180")],
)
def test_a_new_location_takes_the_upstream_of_steves_pages_and_no_other(location: str, upstream: str) -> None:
    files = source(site(f"{location} {{ proxy_pass http://app:8180; }}"))
    decided = planned(files, KEEP)
    assert decided.action == "insert"
    assert f"proxy_pass {upstream};".encode() in decided.changes[0].after
    after = Dictionary({**files.files, **{one.path: one.after for one in decided.changes}})
    again = planned(after, KEEP)
    assert (again.action, again.changes, again.file, again.refusal) == ("none", (), FRAGMENT, None)


@pytest.mark.parametrize("shared", [False, True])
def test_a_location_of_ours_follows_the_upstream_of_steves_pages_when_that_moves(shared: bool) -> None:
    others = http_block("other.test", f"include {FRAGMENT};") if shared else ""
    main = site("location /steve/ { proxy_pass http://pool; }", f"include {FRAGMENT};", before=GROUP + others)
    first = Dictionary({**source(main).files, FRAGMENT: render(replace(KEEP, kept="http://pool"))})
    assert planned(first, KEEP).action == "none"
    moved = Dictionary({**first.files, MAIN: main.replace("http://pool;", "http://app:8180;").encode()})
    decided = planned(moved, KEEP)
    if shared:
        assert decided.refusal is not None and "included at" in decided.refusal
    else:
        assert [one.path for one in decided.changes] == [FRAGMENT]
        assert b"proxy_pass http://app:8180;" in decided.changes[0].after


def test_a_fragment_that_is_included_and_missing_is_told() -> None:
    sentence = refused(site("location /steve/ { proxy_pass http://app:8180; }", f"include {FRAGMENT};"), KEEP)
    assert FRAGMENT in sentence


@pytest.mark.parametrize(
    "regex", ["^/steve/(websocket|manager)/", "/steve/(?!websocket/no)", "^/(?<x>steve|websocket)/"]
)
def test_a_regular_expression_for_steves_pages_too_is_left_alone(regex: str) -> None:
    main = site(f'location ~ "{regex}" {{ proxy_pass http://app:8180; }}')
    decided = planned(source(main), KEEP)
    assert (decided.refusal, decided.action) == (None, "insert")
    assert [one.path for one in decided.changes] == [FRAGMENT, MAIN]
    assert b"proxy_pass http://app:8180;" in decided.changes[0].after
    assert decided.changes[1].after == main.replace("; }\n}", f"; }}\n    include {FRAGMENT};\n}}").encode()


def test_without_that_the_upstream_is_the_one_that_was_named() -> None:
    broken = site(GOOD.replace("http://127.0.0.1:8180", "http://app:8180"))
    assert repaired(source(broken)).files == {MAIN: site(GOOD).encode()}
