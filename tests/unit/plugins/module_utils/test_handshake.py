# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""URL, ids and requests of the handshake, and whose answer it is."""

from __future__ import annotations

import base64
from urllib.parse import unquote

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era, _handshake
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer
from hypothesis import given
from hypothesis import strategies as st
from websockets.utils import accept_key as reference_accept_key

URL = _handshake.parse_url("ws://charge.test:8180/steve/websocket/CentralSystemService")
KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
MODERN = _era.given("3.14.1")


# -- the URL


@pytest.mark.parametrize(
    ("text", "authority", "path", "context"),
    [
        ("ws://h/steve/websocket/CentralSystemService", "h", "/steve/websocket/CentralSystemService", "/steve"),
        ("wss://h/steve/websocket/CentralSystemService/", "h", "/steve/websocket/CentralSystemService", "/steve"),
        ("ws://h:443/websocket/CentralSystemService", "h:443", "/websocket/CentralSystemService", ""),
        ("wss://h:443/a/b/websocket/CentralSystemService", "h", "/a/b/websocket/CentralSystemService", "/a/b"),
        (
            "ws://[::1]:8180/steve/websocket/CentralSysremService",
            "[::1]:8180",
            "/steve/websocket/CentralSysremService",
            "/steve",
        ),
        ("ws://h/steve/WebSocket/centralsystemservice", "h", "/steve/WebSocket/centralsystemservice", "/steve"),
        ("ws://h/steve/services/CentralSystemService", "h", "/steve/services/CentralSystemService", "/steve"),
        ("ws://h/steve/CentralSystemService", "h", "/steve/CentralSystemService", "/steve"),
        ("ws://h/CentralSystemService", "h", "/CentralSystemService", ""),
        ("ws://h", "h", "", ""),
        ("ws://bücher.example/steve/websocket/x", "xn--bcher-kva.example", "/steve/websocket/x", "/steve"),
        ("ws://h/stève/websocket/x", "h", "/st%C3%A8ve/websocket/x", "/st%C3%A8ve"),
    ],
)
def test_a_url_is_taken_apart(text: str, authority: str, path: str, context: str) -> None:
    url = _handshake.parse_url(text)
    assert (url.authority, url.path, url.context) == (authority, path, context)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://h/steve/websocket/CentralSystemService", "ws://"),
        ("https://h/steve/websocket/CentralSystemService", "wss://"),
        ("h:8180/steve", "ws://"),
        ("", "empty"),
        ("ws://", "host"),
        ("ws://h:99999/x", "read"),
        ("ws://h:0/x", "port"),
        ("ws://h/x?y=1", "query"),
        ("ws://h/x#y", "query"),
        ("ws://h/a b", "blank"),
        ("ws://h/a\nb", "control"),
        ("ws://[::1/x", "read"),
        ("ws://h/steve/websocket/CentralSystemService/CP-1", "CP-1"),
    ],
)
def test_a_wrong_url_is_refused_with_the_right_advice(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        _handshake.parse_url(text)


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        _handshake.parse_url("ws://admin:geheim@h/steve/websocket/CentralSystemService")
    assert "geheim" not in str(caught.value.to_dict())


@given(st.text(max_size=80))
def test_any_text_is_a_url_or_a_sentence(text: str) -> None:
    for candidate in (text, f"ws://{text}", f"ws://h/{text}"):
        try:
            url = _handshake.parse_url(candidate)
        except InputError:
            continue
        # What was taken can be sent: a request for it is one request.
        assert _handshake.preflight(url, "CP", ("ocpp1.6",)).data.count(b"\r\n\r\n") == 1


# -- ids


@pytest.mark.parametrize(
    ("charge_box_id", "encoded"),
    [
        ("CP-1_x.y~z", "CP-1_x.y~z"),
        ("a b", "a%20b"),
        ("a+b%c;d/e", "a%2Bb%25c%3Bd%2Fe"),
        ("é", "%C3%A9"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("ab\r\n", "ab%0D%0A"),
    ],
)
def test_an_id_is_one_segment_of_the_path(charge_box_id: str, encoded: str) -> None:
    assert _handshake.encode_id(charge_box_id) == encoded


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_every_id_comes_back_when_it_is_decoded_once(charge_box_id: str) -> None:
    encoded = _handshake.encode_id(charge_box_id)
    assert unquote(encoded, errors="strict") == charge_box_id
    assert encoded.isascii() and not set(encoded) & set("/;?# \r\n")


@pytest.mark.parametrize("charge_box_id", ["a=b", "a/b", "a(b", "a)b", "a<b", "a>b", " a", "a ", " ", "a\n", "a\u2003"])
def test_the_default_pattern_forbids(charge_box_id: str) -> None:
    assert _handshake.violates_default_pattern(charge_box_id)


@pytest.mark.parametrize("charge_box_id", ["a b", "é", "a+b", "#x", "a%b", "x" * 255, "0123", "a\u00a0"])
def test_the_default_pattern_allows(charge_box_id: str) -> None:
    assert not _handshake.violates_default_pattern(charge_box_id)


@pytest.mark.parametrize(
    ("charge_box_id", "stopped"),
    [
        ("a/b", True),
        ("a%b", True),
        ("a;b", True),
        ("..", True),
        ("a\\b", True),
        ("a\tb", True),
        ("a.b", False),
        ("a b", False),
        ("é", False),
    ],
)
def test_the_firewall_stops_some_ids_before_steve_sees_them(charge_box_id: str, stopped: bool) -> None:
    assert _handshake.stopped_by_firewall(charge_box_id) is stopped


@pytest.mark.parametrize("value", ["", "ocpp1.6,ocpp1.5", "a b", "a\r\nX: y", 16, None, "ü"])
def test_a_subprotocol_is_a_token(value: object) -> None:
    with pytest.raises(InputError, match="subprotocol"):
        _handshake.check_subprotocols([value])


# -- requests


def headers(request: _handshake.Request) -> dict[str, str]:
    lines = request.data.decode().split("\r\n")[1:-2]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def test_a_preflight_has_no_upgrade_header_so_that_no_session_can_open() -> None:
    request = _handshake.preflight(URL, "CP-1", ("ocpp1.6", "ocpp1.5"))
    assert request.data.startswith(b"GET /steve/websocket/CentralSystemService/CP-1 HTTP/1.1\r\n")
    assert headers(request) == {"host": "charge.test:8180", "sec-websocket-protocol": "ocpp1.6, ocpp1.5"}
    assert request.label == "GET \u2026/CP-1 (Sec-WebSocket-Protocol: ocpp1.6, ocpp1.5)"


def test_without_subprotocols_the_header_is_not_sent() -> None:
    assert "sec-websocket-protocol" not in headers(_handshake.preflight(URL, "CP-1", ()))


def test_a_password_travels_in_one_header_and_in_no_label() -> None:
    request = _handshake.preflight(URL, "CP-1", ("ocpp1.6",), _handshake.basic("CP-1", "geheim"))
    token = base64.b64encode(b"CP-1:geheim").decode()
    assert headers(request)["authorization"] == f"Basic {token}"
    assert request.data.count(token.encode()) == 1
    assert "geheim" not in request.label and token not in request.label
    assert request.secrets == (token, "67656865696d", "geheim")
    assert "without token" in _handshake.preflight(URL, "CP-1", (), _handshake.MALFORMED_BASIC).label


def test_the_version_gate_asks_for_a_version_that_nobody_speaks() -> None:
    sent = headers(_handshake.version_gate(URL, "CP-1", ("ocpp1.6",), KEY))
    assert (sent["upgrade"], sent["connection"], sent["sec-websocket-version"]) == ("websocket", "Upgrade", "99")
    assert sent["sec-websocket-key"] == KEY


def test_the_last_gate_is_complete_but_for_an_impossible_extension() -> None:
    gate = headers(_handshake.last_gate(URL, "CP-1", ("ocpp1.6",), KEY))
    assert gate.pop("sec-websocket-extensions") == "permessage-deflate; foo=1"
    assert gate == headers(_handshake.full_handshake(URL, "CP-1", ("ocpp1.6",), KEY))
    assert gate["sec-websocket-version"] == "13"


def test_accept_keys_are_those_of_the_protocol() -> None:
    assert _handshake.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
    assert _handshake.accept_key(KEY) == reference_accept_key(KEY)


# -- answers

MARK = ("X-Content-Type-Options", "nosniff")
FORM = b'<form method="POST" action="/steve/manager/signin"><input type="text" name="username"></form>'


def test_spring_s_text_is_recognised_with_and_without_the_mark() -> None:
    assert _handshake.recognise(Answer(400, body=b'Can "Upgrade" only to "WebSocket".'), MODERN) is Kind.UPGRADE_LOST
    assert _handshake.recognise(Answer(400, body=b'"Connection" must be "upgrade".'), MODERN) is Kind.CONNECTION_LOST


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(404, headers=(MARK,)), Kind.EMPTY),
        (Answer(404, headers=(("X-Frame-Options", "DENY"),)), Kind.EMPTY),
        (Answer(404), Kind.STRANGER),
        (Answer(404, headers=(MARK,), body=b"404 page not found\n"), Kind.STRANGER),
        (Answer(404, headers=(MARK,), defect="cut off"), Kind.STRANGER),
        (Answer(401, headers=(MARK, ("WWW-Authenticate", "Basic"))), Kind.STRANGER),
        (Answer(301, headers=(MARK, ("Location", "https://h/steve/manager/signin"))), Kind.STRANGER),
        (Answer(302, headers=(("Location", "/steve/manager/signin;jsessionid=1?x"),)), Kind.SIGNIN),
        (Answer(302, headers=(("Location", "http://h:1/steve/manager/signin"),)), Kind.SIGNIN),
        (Answer(302, headers=(("Location", "https://sso/login?rd=/steve/manager/signin"),)), Kind.STRANGER),
        (Answer(404, headers=(("Content-Type", "text/html;charset=iso-8859-1"),), body=b"x"), Kind.PAGE),
        (Answer(404, headers=(("Content-Type", "text/html"),), body=b"<h2>HTTP ERROR 404 Not Found</h2>"), Kind.PAGE),
        (Answer(404, headers=(("Content-Type", "text/html; charset=iso-8859-1"),), body=b"<h1>No</h1>"), Kind.STRANGER),
        (Answer(404, headers=(("Content-Type", "text/html"),), body=b"<h1>404</h1><hr>nginx"), Kind.STRANGER),
        (Answer(200, headers=(("Content-Type", "text/html;charset=utf-8"),), body=FORM), Kind.SIGNIN_PAGE),
        (Answer(200, headers=(("Content-Type", "text/html"),), body=b"<a href=/manager/signin>"), Kind.STRANGER),
        (Answer(101), Kind.SWITCHED),
    ],
)  # fmt: skip
def test_whose_answer_it_is(answer: Answer, kind: Kind) -> None:
    assert _handshake.recognise(answer, MODERN) is kind


def test_before_3_6_and_in_the_runbook_dialect_refusals_carry_no_mark() -> None:
    for era in (_era.given("3.4.9"), _era.given("runbook")):
        assert _handshake.recognise(Answer(404), era) is Kind.EMPTY


@pytest.mark.parametrize(
    ("location", "login"),
    [
        ("https://auth.example.com/?rd=https%3A%2F%2Fcharge.test%2Fsteve", True),
        ("/oauth2/start?rd=/steve", True),
        ("https://sso.example.com/realms/x/protocol/openid-connect/auth", True),
        ("https://team.cloudflareaccess.com/cdn-cgi/access/login/charge.test", True),
        ("/login", True),
        ("https://charge.test/steve/websocket/CentralSystemService/CP-1", False),
        ("https://auth.example.com/steve/websocket/CentralSystemService/CP-1", False),
        ("https://other.example.com/", False),
        ("/authors", False),
        ("https://charge.test/new/path?next=/login", False),
    ],
)
def test_a_login_wall_is_told_from_another_redirect(location: str, login: bool) -> None:
    answer = Answer(302, headers=(("Location", location),))
    assert _handshake.redirects_to_login(answer, URL, URL.path + "/CP-1") is login


@given(st.text(max_size=200), st.binary(max_size=300), st.integers(min_value=100, max_value=999))
def test_any_answer_is_somebodys(location: str, body: bytes, status: int) -> None:
    for kind in ("text/html", "text/html;charset=iso-8859-1", ""):
        answer = Answer(status, headers=(("Location", location), ("Content-Type", kind)), body=body)
        assert _handshake.recognise(answer, _era.UNKNOWN) in Kind
        _handshake.looks_like_login(answer)
        _handshake.redirects_to_login(answer, URL, URL.path)
