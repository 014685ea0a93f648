# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server block of our own, for a name that no other block is for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import Plan, plan
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import (
    MARK,
    Desired,
    desired,
    site_options,
)

from tests.unit.nginx_configs import MAIN, Dictionary, source

SITE = "/etc/nginx/conf.d/steve.conf"
MAIN_TEXT = "events {}\nhttp {\n    include conf.d/*.conf;\n}\n"
CERTIFICATE = {"certificate": "/etc/ssl/a.pem", "certificate_key": "/etc/ssl/my key.pem"}


def wanted(scheme: str = "ws", path: str = SITE, **options: Any) -> Desired:
    certificate = {name: options.pop(name, None) for name in ("certificate", "certificate_key")}
    return desired(
        f"{scheme}://charge.example.net/steve/websocket/CentralSystemService",
        "http://127.0.0.1:8180",
        "/etc/nginx/steve-websocket.conf",
        site=site_options(path, **certificate),
        **options,
    )


def planned(files: Dictionary, what: Desired) -> Plan:
    assert what.site is not None
    return plan(load(MAIN, files), files, what, None, files.files.get(what.site.path))


def test_a_site_is_made_and_then_there_is_nothing_to_do() -> None:
    files = source(MAIN_TEXT)
    first = planned(files, wanted("wss", **CERTIFICATE))
    assert (first.action, first.file, first.line, first.refusal) == ("insert", SITE, 2, None)
    (change,) = first.changes
    assert change.before is None
    assert change.after.decode() == (
        f"{MARK}\n"
        "server {\n"
        "    listen 443 ssl;\n"
        "    server_name charge.example.net;\n"
        "    ssl_certificate /etc/ssl/a.pem;\n"
        '    ssl_certificate_key "/etc/ssl/my key.pem";\n'
        "    location ^~ /steve/websocket/ {\n"
        "        proxy_pass http://127.0.0.1:8180;\n"
        "        proxy_http_version 1.1;\n"
        "        proxy_set_header Upgrade $http_upgrade;\n"
        '        proxy_set_header Connection "upgrade";\n'
        "        proxy_set_header Host $host;\n"
        "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
        "        proxy_set_header X-Forwarded-Proto $scheme;\n"
        "        proxy_read_timeout 3600s;\n"
        "        proxy_send_timeout 3600s;\n"
        "    }\n"
        "    location / {\n"
        "        return 404;\n"
        "    }\n"
        "}\n"
    )
    assert first.target is not None
    assert (first.target.url.partition(":")[0], first.target.connect_to) == ("wss", "127.0.0.1:443")
    after = Dictionary({**files.files, SITE: change.after})
    assert planned(after, wanted("wss", **CERTIFICATE)).action == "none"
    other = planned(after, wanted("wss", read_timeout_s=7200, **CERTIFICATE))
    assert (other.action, [one.path for one in other.changes]) == ("replace", [SITE])


@pytest.mark.parametrize(
    ("others", "listens"),
    [
        ("", ["listen 80;"]),
        ("server { listen 81; listen [::]:81; server_name x.net; }", ["listen 80;", "listen [::]:80;"]),
        ("server { listen 80 default_server; server_name _; }", ["listen 80;"]),
        ("server { listen [::]:80; listen 80; server_name x.net; }", ["listen [::]:80;", "listen 80;"]),
        (
            "server { listen 10.0.0.1:80; server_name x.net; } server { listen 10.0.0.1:80; server_name y.net; }",
            ["listen 10.0.0.1:80;"],
        ),
    ],
)
def test_it_listens_where_the_others_of_its_port_do(others: str, listens: list[str]) -> None:
    files = source(MAIN_TEXT.replace("http {", "http {" + others))
    decided = planned(files, wanted())
    assert (decided.action, decided.refusal) == ("insert", None)
    lines = decided.changes[0].after.decode().splitlines()
    assert [line.strip() for line in lines if "listen" in line] == listens
    assert planned(Dictionary({**files.files, SITE: decided.changes[0].after}), wanted()).action == "none"


def test_where_a_block_is_for_the_name_the_location_goes_there() -> None:
    block = "server { listen 80; server_name charge.example.net; }"
    decided = planned(source(MAIN_TEXT.replace("http {", "http {" + block)), wanted())
    assert (decided.action, [one.path for one in decided.changes]) == (
        "insert",
        ["/etc/nginx/steve-websocket.conf", MAIN],
    )


@pytest.mark.parametrize(
    ("main", "what", "told"),
    [
        (MAIN_TEXT, wanted(path="/etc/nginx/elsewhere.conf"), "there is none"),
        (
            MAIN_TEXT.replace("include", "include conf.d/st*; include"),
            wanted(),
            "brought by exactly one include of the http block, and there is another",
        ),
        (MAIN_TEXT.replace("http", "stream"), wanted(), "brought by exactly one include of the http block"),
        (
            MAIN_TEXT.replace("http {", "http { server { listen 80 ssl; }"),
            wanted(),
            "Port 80 speaks TLS (/etc/nginx/nginx.conf:2)",
        ),
        (
            MAIN_TEXT.replace("http {", "http { server { listen 443; }"),
            wanted("wss", **CERTIFICATE),
            "Leave out the certificate",
        ),
        (MAIN_TEXT.replace("http {", "http { proxy_pass_request_headers off;"), wanted(), "would not act"),
        (MAIN_TEXT + "http {", wanted(), "could not be read as a whole"),
    ],
)
def test_where_it_cannot_be_sure_it_says_so_and_changes_nothing(main: str, what: Desired, told: str) -> None:
    decided = planned(source(main), what)
    assert decided.refusal is not None
    assert told in decided.refusal
    assert decided.refusal.endswith("Nothing was changed.")
    assert decided.changes == ()


def test_somebodys_own_file_is_not_overwritten() -> None:
    decided = planned(Dictionary({**source(MAIN_TEXT).files, SITE: b"# mine\n"}), wanted())
    assert decided.refusal is not None
    assert "is not this collection's" in decided.refusal


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"path": "steve.conf"}, "Option site"),
        ({"path": "/etc/nginx/*.conf"}, "Option site"),
        ({"certificate": "/a.pem"}, "Option certificate_key is wrong: it is missing"),
        ({"certificate_key": "/a.pem"}, "Option certificate is wrong: it is missing"),
        ({"certificate": "/a;b", "certificate_key": "/a"}, "Option certificate"),
        ({"scheme": "wss"}, "Option certificate"),
    ],
)
def test_values_that_cannot_work_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        wanted(**options)
    assert told in caught.value.sentence()


def test_a_certificate_for_no_site_is_refused_and_tls_may_end_elsewhere() -> None:
    with pytest.raises(InputError, match="no site"):
        site_options(None, "/a", "/b")
    assert wanted("wss", listen_port=8080).site is not None


def test_quic_beside_tls_is_no_other_protocol_of_the_port() -> None:
    other = "server {\n    listen 443 quic;\n    listen 443 ssl;\n    server_name other.test;\n}\n"
    files = source(MAIN_TEXT, conf_d__other_conf=other)
    files = Dictionary({path.replace("other_conf", "other.conf"): data for path, data in files.files.items()})
    decided = planned(files, wanted("wss", **CERTIFICATE))
    assert decided.refusal is None
    assert b"    listen 443 ssl;\n" in decided.changes[0].after
