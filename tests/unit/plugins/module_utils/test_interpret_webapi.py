# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What answers of the Web API mean: recordings of real servers, and whatever a stranger may say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era, _interpret_webapi, _webapi
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import WsUrl
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer, Failure
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_webapi import Ask, Said, WebApi, WebApiCase
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import recordings

HEADER = ("3.6.1", "3.7.1")
BASIC = ("3.12.0", "3.13.0", "3.14.1")
ABSENT = ("3.4.9", "3.5.1")
URL = WsUrl(False, "charge.test", 8180, "/steve/api/v1/ocppTags/0", "/steve")
VALUE = "kanarien-vogel-4711"
VERDICTS = ("accepted", "refused", "disabled", "absent", "undetermined")


def case(release: str, scheme: str = "auto", **answers: str) -> WebApiCase:
    """A case whose answers are recordings of cases E."""
    seen = {Ask[name]: recordings.find(release, f"E ocppTags/0 {label}").seen() for name, label in answers.items()}
    return WebApiCase(URL, _era.UNKNOWN, scheme, _interpret_webapi.SCHEMES, "STEVE-API-KEY", False, seen)


def outcome(value: WebApi | Ask) -> tuple[Any, ...]:
    if isinstance(value, Ask):
        return ("ask", value.name)
    return (value.verdict, value.scheme, value.finding, value.candidates)


@pytest.mark.parametrize("release", BASIC)
@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Basic right(api)", ("accepted", "basic", None, ())),
        ("Basic right case user", ("accepted", "basic", None, ())),
        ("Basic loginpw", ("refused", "basic", "webapi-refused", ())),
        ("Basic wrongpw", ("refused", "basic", "webapi-refused", ())),
        ("Basic wronguser", ("refused", "basic", "webapi-refused", ("webapi-disabled",))),
        ("Basic emptypw", ("refused", "basic", "webapi-refused", ())),
        ("Basic no colon", ("undetermined", "basic", None, ("proxy-authorization-stripped",))),
        ("Basic badb64", ("undetermined", "basic", None, ("proxy-authorization-stripped",))),
    ],
)
def test_a_recorded_answer_to_basic_is_judged(release: str, label: str, expected: tuple[Any, ...]) -> None:
    assert outcome(_interpret_webapi.web_api(case(release, BARE="none", BASIC=label))) == expected


@pytest.mark.parametrize("release", HEADER)
@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("header right", ("accepted", "header", None, ())),
        ("header lowercase name", ("accepted", "header", None, ())),
        ("header wrong", ("refused", "header", "webapi-refused", ())),
    ],
)
def test_a_recorded_answer_to_the_header_is_judged(release: str, label: str, expected: tuple[Any, ...]) -> None:
    assert outcome(_interpret_webapi.web_api(case(release, BARE="none", HEADER=label))) == expected


@pytest.mark.parametrize("release", BASIC)
@pytest.mark.parametrize(
    ("scheme", "label"),
    [("header", "header right"), ("header", "header wrong"), ("bearer", "Bearer right"), ("bearer", "Bearer wrong")],
)
def test_what_a_release_with_basic_does_not_read_is_the_wrong_scheme(release: str, scheme: str, label: str) -> None:
    given = case(release, scheme, BARE="none", **{scheme.upper(): label})
    assert outcome(_interpret_webapi.web_api(given)) == ("ask", "BASIC")
    works = case(release, scheme, BARE="none", BASIC="Basic right(api)", **{scheme.upper(): label})
    assert outcome(_interpret_webapi.web_api(works)) == ("refused", "basic", "webapi-wrong-scheme", ())
    wrong = case(release, scheme, BARE="none", BASIC="Basic wrongpw", **{scheme.upper(): label})
    judged = _interpret_webapi.web_api(wrong)
    assert outcome(judged) == ("refused", "basic", "webapi-wrong-scheme", ("webapi-refused",))
    assert isinstance(judged, WebApi) and "refused as well" in judged.evidence[-1]["note"]


@pytest.mark.parametrize("release", HEADER)
@pytest.mark.parametrize(
    ("scheme", "label"),
    [
        ("basic", "Basic right(api)"),
        ("basic", "Basic wronguser"),
        ("basic", "Basic badb64"),
        ("bearer", "Bearer right"),
    ],
)
def test_what_a_release_with_a_header_does_not_read_is_the_wrong_scheme(release: str, scheme: str, label: str) -> None:
    given = case(release, scheme, BARE="none", **{scheme.upper(): label})
    assert outcome(_interpret_webapi.web_api(given)) == ("ask", "HEADER")
    works = case(release, scheme, BARE="none", HEADER="header right", **{scheme.upper(): label})
    assert outcome(_interpret_webapi.web_api(works)) == ("refused", "header", "webapi-wrong-scheme", ())


@pytest.mark.parametrize("release", BASIC)
def test_a_malformed_header_tells_a_stripping_proxy_from_a_lost_data_base(release: str) -> None:
    assert outcome(_interpret_webapi.web_api(case(release, BARE="none", BASIC="none"))) == ("ask", "MALFORMED")
    stripped = case(release, BARE="none", BASIC="none", MALFORMED="none")
    expected = ("undetermined", "basic", "proxy-authorization-stripped", ())
    assert outcome(_interpret_webapi.web_api(stripped)) == expected
    arrives = case(release, BARE="none", BASIC="none", MALFORMED="Basic empty")
    assert outcome(_interpret_webapi.web_api(arrives)) == ("undetermined", "basic", None, ("db-unreachable",))


@pytest.mark.parametrize("release", ABSENT)
def test_a_release_without_web_api_is_told_by_its_sign_in_page(release: str) -> None:
    bare = recordings.find(release, "A api ocppTags/0 nocreds").seen()
    one = WebApiCase(URL, _era.UNKNOWN, "auto", ("header",), "X", False, {Ask.BARE: bare})
    assert outcome(_interpret_webapi.web_api(one)) == ("ask", "SIGNIN")
    signin = recordings.find(release, "A signin").seen()
    both = WebApiCase(URL, _era.UNKNOWN, "auto", ("header",), "X", False, {Ask.BARE: bare, Ask.SIGNIN: signin})
    assert outcome(_interpret_webapi.web_api(both)) == ("absent", None, "webapi-absent", ())
    later = WebApiCase(URL, _era.given("3.14.1"), "auto", ("header",), "X", False, both.seen)
    expected = ("undetermined", None, None, ("proxy-no-route", "webapi-absent"))
    assert outcome(_interpret_webapi.web_api(later)) == expected
    nowhere = WebApiCase(URL, _era.UNKNOWN, "auto", ("header",), "X", False, {Ask.BARE: bare, Ask.SIGNIN: bare})
    assert outcome(_interpret_webapi.web_api(nowhere)) == ("undetermined", None, "wrong-context-path", ())


PROBES = [
    item
    for release in (*HEADER, *BASIC)
    for item in recordings.load(release, "E")
    if item.method == "GET" and item.path == "/steve/api/v1/ocppTags/0"
]


def test_every_recorded_answer_to_the_probe_is_recognised_as_steves() -> None:
    assert len(PROBES) == 17 * 5
    words = {item.id: _interpret_webapi.said(item.answer, _era.UNKNOWN) for item in PROBES}
    assert set(words.values()) == {Said.ACCEPTED, Said.REFUSED, Said.UNSEEN}
    for item in PROBES:
        assert (words[item.id] is Said.ACCEPTED) == (item.answer.status == 404)


# -- what real servers were not recorded with ------------------------------------------------------------------

MARK = ("X-Content-Type-Options", "nosniff")
JSON = ("Content-Type", "application/json")


def own(status: int, message: str) -> Answer:
    body = json.dumps({"status": status, "message": message, "path": "http://h/steve/api/v1/ocppTags/0"})
    return Answer(status, headers=(MARK, JSON), body=body.encode())


def judged(bare: Answer, basic: Answer | Failure | None = None, era: str | None = None, **more: Any) -> WebApi | Ask:
    seen = {Ask.BARE: Seen("GET x", bare)}
    if basic is not None:
        seen[Ask.BASIC] = Seen("GET x", None, basic) if isinstance(basic, Failure) else Seen("GET x", basic)
    if "signin" in more:
        seen[Ask.SIGNIN] = Seen("GET s", more["signin"])
    release = _era.given(era) if era else _era.UNKNOWN
    return _interpret_webapi.web_api(WebApiCase(URL, release, "auto", ("basic",), "K", more.get("plain", False), seen))


UNSEEN = Answer(302, headers=(MARK, ("Location", "/steve/manager/signin")))
POOL = "HikariPool-1 - Connection is not available, request timed out after 30002ms."
PAGE = ("Content-Type", "text/html;charset=iso-8859-1")


@pytest.mark.parametrize(
    ("bare", "basic", "expected"),
    [
        (UNSEEN, own(500, POOL), ("undetermined", "basic", None, ("db-unreachable",))),
        (UNSEEN, own(500, "oops"), ("undetermined", "basic", None, ())),
        (UNSEEN, Failure("timeout", "no answer"), ("undetermined", "basic", None, ("db-unreachable", "http-timeout"))),
        (UNSEEN, Failure("deadline", "x"), ("undetermined", "basic", None, ("http-timeout",))),
        (UNSEEN, Failure("connection-closed", "x"), ("undetermined", "basic", "connection-closed", ())),
        (UNSEEN, Answer(504), ("undetermined", "basic", None, ("db-unreachable", "proxy-bad-gateway"))),
        (UNSEEN, Answer(502), ("undetermined", "basic", "proxy-bad-gateway", ())),
        (UNSEEN, Answer(429), ("undetermined", "basic", None, ())),
        (
            Answer(500, headers=(PAGE,), body=b"<h2>HTTP ERROR 500 x.DisabledException: Web APIs are not exposed</h2>"),
            None,
            ("disabled", "header", "webapi-disabled", ()),
        ),
        (own(500, POOL), None, ("undetermined", None, None, ("db-unreachable",))),
        (own(401, "Invalid password"), None, ("undetermined", None, None, ())),
        (own(401, "Invalid token"), None, ("undetermined", None, None, ())),
        (own(404, "Could not find this ocppTag"), None, ("undetermined", None, None, ())),
        (Answer(401, headers=(MARK, JSON, ("WWW-Authenticate", "Basic"))), None,
         ("undetermined", None, "proxy-login-wall", ())),
        (Answer(302, headers=(("Location", "https://login.test/oauth2/x"),)), None,
         ("undetermined", None, "proxy-login-wall", ())),
        (Answer(301, headers=(("Location", "https://charge.test/steve/api/v1/ocppTags/0"),)), None,
         ("undetermined", None, "redirected", ())),
        (Answer(200, headers=(JSON,), body=b'{"ok":1}'), None,
         ("undetermined", None, None, ("proxy-login-wall", "proxy-no-route"))),
        (Answer(503, headers=(PAGE,), body=b"<h2>HTTP ERROR 503</h2>"), None,
         ("undetermined", None, None, ("app-starting",))),
        (Answer(503), None, ("undetermined", None, "proxy-bad-gateway", ())),
    ],
)  # fmt: skip
def test_other_answers(bare: Answer, basic: Answer | Failure | None, expected: tuple[Any, ...]) -> None:
    assert outcome(judged(bare, basic)) == expected


def test_3_8_0_answers_403_where_later_releases_redirect() -> None:
    page = Answer(403, headers=(MARK, PAGE), body=b"<h2>HTTP ERROR 403 Forbidden</h2>")
    assert outcome(judged(page, own(404, "Could not find this ocppTag"))) == ("accepted", "basic", None, ())
    assert outcome(judged(Answer(403))) == ("ask", "SIGNIN")


def test_a_proxy_without_a_route_to_the_web_api_is_told_by_the_sign_in_page() -> None:
    signin = recordings.find("3.14.1", "A signin").answer
    assert outcome(judged(Answer(404), signin=signin)) == ("undetermined", None, "proxy-no-route", ())
    expected = ("undetermined", None, None, ("proxy-no-route", "wrong-context-path"))
    assert outcome(judged(Answer(404), signin=Answer(404))) == expected


def test_a_credential_that_works_in_clear_is_a_warning_only() -> None:
    found = judged(UNSEEN, own(404, "Could not find this ocppTag"), plain=True)
    assert outcome(found) == ("accepted", "basic", "webapi-plain-http", ())
    assert outcome(judged(UNSEEN, own(401, "Invalid password"), plain=True))[2] == "webapi-refused"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("localhost", True), ("LOCALHOST", True), ("::1", True), ("127.8.9.1", True),
        ("a.localhost", True), ("127.0.0.1.example.net", False), ("10.0.0.1", False), ("charge.example.net", False),
        ("localhost.example.net", False),
    ],
)  # fmt: skip
def test_which_hosts_are_this_one(host: str, loopback: bool) -> None:
    assert _interpret_webapi.is_loopback(host) is loopback


def test_without_a_user_name_basic_is_not_tried() -> None:
    seen = {Ask.BARE: Seen("GET x", UNSEEN)}
    auto = WebApiCase(URL, _era.UNKNOWN, "auto", ("header", "bearer"), "K", False, seen)
    assert outcome(_interpret_webapi.web_api(auto)) == ("undetermined", "basic", None, ("webapi-wrong-scheme",))
    given_scheme = WebApiCase(
        URL, _era.UNKNOWN, "header", ("header", "bearer"), "K", False, {**seen, Ask.HEADER: Seen("GET x", UNSEEN)}
    )
    found = _interpret_webapi.web_api(given_scheme)
    assert outcome(found) == ("refused", "basic", "webapi-wrong-scheme", ())
    assert isinstance(found, WebApi) and "not known" in found.evidence[-1]["note"]


# -- secrets in evidence ---------------------------------------------------------------------------------------


def evidence(secret: str, answer: Answer) -> str:
    credential = _webapi.credential("user", secret, None, "basic")
    one = WebApiCase(
        URL, _era.UNKNOWN, "basic", credential.sendable, "K", False,
        {Ask.BARE: Seen("GET x", UNSEEN), Ask.BASIC: Seen("GET x", answer, secrets=credential.secrets())},
    )  # fmt: skip
    return json.dumps(one.evidence(Ask.BASIC), ensure_ascii=False)


@pytest.mark.parametrize("secret", ["1234", "steve", "admin", "a/steve", "p\u00e4ss&<w>", "Invalid password"])
def test_an_echo_of_the_credential_is_not_shown(secret: str) -> None:
    credential = _webapi.credential("user", secret, None, "basic")
    token = str(credential.headers(Ask.BASIC)["Authorization"]).removeprefix("Basic ")
    for form in (secret, token, secret.upper()):
        echo = Answer(418, headers=(("Server", f"x {form}"),), body=f"you sent {form} to /steve/api/v1".encode())
        text = evidence(secret, echo)
        assert f"x {form}" not in text and f"sent {form}" not in text
        assert text.count(_interpret_webapi.WITHHELD) == 2


@pytest.mark.parametrize("secret", ["1234", "steve", "admin", "password", "application", "user", "manager", "8180"])
def test_steves_own_words_and_the_asked_address_survive_any_secret(secret: str) -> None:
    assert '"Invalid password"' in evidence(secret, own(401, "Invalid password"))
    assert "application/json" in evidence(secret, own(401, "Invalid password"))
    redirect = Answer(302, headers=(MARK, ("Location", "http://charge.test:8180/steve/manager/signin;jsessionid=1234")))
    assert '"http://charge.test:8180/steve/manager/signin"' in evidence(secret, redirect)


@pytest.mark.parametrize("form", ["my\npass word", "<p>my</p>\t<b>pass</b> word", "my pass word"])
def test_a_secret_with_blanks_is_not_put_together_again(form: str) -> None:
    answer = Answer(418, headers=(("Content-Type", "text/html"),), body=f"<html>{form}</html>".encode())
    assert "pass" not in evidence("my pass word", answer)


def test_a_failure_that_quotes_the_other_side_does_not_quote_the_secret() -> None:
    credential = _webapi.credential("user", VALUE, None, "basic")
    seen = {
        Ask.BARE: Seen("GET x", UNSEEN),
        Ask.BASIC: Seen("GET x", failure=Failure("not-http", f"no HTTP ({VALUE})"), secrets=credential.secrets()),
    }
    found = _interpret_webapi.web_api(WebApiCase(URL, _era.UNKNOWN, "auto", credential.sendable, "K", False, seen))
    assert outcome(found) == ("undetermined", "basic", "not-http", ())
    assert isinstance(found, WebApi) and VALUE not in json.dumps(found.to_dict())


def test_data_is_never_shown() -> None:
    rows = Answer(200, headers=(MARK, JSON), body=b'[{"idTag":"T-1"}]')
    assert "T-1" not in evidence("1234", rows)


# -- whatever comes --------------------------------------------------------------------------------------------

_ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([200, 201, 204, 301, 302, 400, 401, 403, 404, 407, 418, 500, 502, 503, 504, 999]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                ["content-type", "location", "www-authenticate", "x-content-type-options", "server", "x-frame-options"]
            ),
            st.one_of(
                st.text(max_size=30),
                st.sampled_from(["application/json", "text/html", "nosniff", "DENY", "/steve/manager/signin"]),
            ),
        ),
        max_size=6,
    ).map(tuple),
    body=st.one_of(
        st.binary(max_size=300),
        st.sampled_from(
            [
                b"[" * 5000, b'{"message":' * 500, b'{"message": null}', b'{"message": "Could not find this ocppTag"}',
                b'{"message": "Invalid password"}', b"<html><h2>HTTP ERROR 404", b"Web APIs are not exposed",
                b"\xff\xfe",
                b'{"message": "' + b"9" * 5000 + b'"}', b'{"status":' + b"9" * 5000 + b"}",
            ]
        ),
        st.text(max_size=100).map(lambda text: json.dumps({"message": text}).encode()),
    ),
)  # fmt: skip
_SEEN = st.one_of(
    st.builds(Seen, request=st.just("GET x"), answer=_ANSWERS, secrets=st.just(("s3cr3t-4711",))),
    st.builds(
        Seen, request=st.just("GET x"),
        failure=st.builds(Failure, kind=st.sampled_from(["timeout", "deadline", "tcp-refused"]), sentence=st.just("x")),
    ),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    answers=st.fixed_dictionaries(dict.fromkeys(Ask, _SEEN)),
    scheme=st.sampled_from(["auto", "basic", "header", "bearer"]),
    sendable=st.sampled_from([(), ("header", "bearer"), ("basic", "header", "bearer")]),
    release=st.sampled_from([None, "3.4.9", "3.7.1", "3.14.1", "runbook"]),
)
def test_every_set_of_answers_ends_in_a_verdict_with_known_ids(
    answers: dict[Ask, Seen], scheme: str, sendable: tuple[str, ...], release: str | None
) -> None:
    era = _era.given(release) if release else _era.UNKNOWN
    seen: dict[Ask, Seen] = {}
    for _turn in range(len(Ask) + 1):
        step = _interpret_webapi.web_api(WebApiCase(URL, era, scheme, sendable, "K", True, seen))
        if isinstance(step, WebApi):
            break
        assert step not in seen
        seen[step] = answers[step]
    assert isinstance(step, WebApi)
    assert step.verdict in VERDICTS
    assert step.scheme in (None, *_interpret_webapi.SCHEMES)
    assert all(item in BY_ID for item in (step.finding, *step.candidates) if item)
    assert step.evidence
    text = json.dumps(step.to_dict())
    assert "s3cr3t-4711" not in text and len(text) < 20_000
    if step.verdict == "accepted":
        answered = {seen[ask].status for ask in (Ask.BASIC, Ask.HEADER, Ask.BEARER) if ask in seen}
        assert sendable and answered & {200, 404}
    if not sendable:
        assert not set(seen) & {Ask.BASIC, Ask.HEADER, Ask.BEARER, Ask.MALFORMED}
    if "basic" not in sendable:
        assert Ask.BASIC not in seen


@settings(max_examples=300, deadline=None)
@given(
    secret=st.text(
        st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=4, max_size=12
    ),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_secret_is_shown_whatever_surrounds_it(secret: str, before: str, after: str) -> None:
    answer = Answer(418, body=f"{before}\n{secret}\n{after}".encode("utf-8", "replace"))
    shown = json.loads(evidence(secret, answer))["body"]
    known = "/steve/api/v1/ocppTags/0 /steve/manager/signin charge.test:8180"
    assert secret not in shown or secret.casefold() in known.casefold()
