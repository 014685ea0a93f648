# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is no answer of SteVe's, and what stays open: strangers, silence, internal errors, releases apart."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import (
    _era,
    _handshake,
    _interpret_box,
    _interpret_endpoint,
    _interpret_upgrade,
    _seen,
)
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer, Failure
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_box import AskBox, BoxCase, ChargeBox, HopFacts
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_endpoint import Ask, Endpoint, EndpointCase
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen

from tests.unit.recordings import SIGNIN_PAGE

MARK = ("X-Content-Type-Options", "nosniff")
HTML = ("Content-Type", "text/html")
NGINX = ("Server", "nginx/1.22.1")
MODERN, OLD = _era.given("3.14.1"), _era.given("3.7.1")
URL = _handshake.parse_url("ws://charge.test/steve/websocket/CentralSystemService")


def answered(status: int, *headers: tuple[str, str], body: str = "", defect: str | None = None) -> Seen:
    return Seen("GET …/CP-1", Answer(status, headers=headers, body=body.encode(), defect=defect))


def failed(kind: str) -> Seen:
    return Seen("GET …/CP-1", failure=Failure(kind, f"it was {kind}"))


SIGNIN = answered(200, MARK, ("Content-Type", "text/html;charset=utf-8"), body=SIGNIN_PAGE)
NO_ROUTE = answered(404, NGINX, HTML, body="<h1>404 Not Found</h1><hr><center>nginx/1.22.1</center>")
JETTY_404 = answered(404, ("Content-Type", "text/html;charset=iso-8859-1"), body="<h2>HTTP ERROR 404 Not Found</h2>")
UPGRADE_LOST = answered(400, MARK, body='Can "Upgrade" only to "WebSocket".')
TO_SIGNIN = answered(302, MARK, ("Location", "/steve/manager/signin"))
UNKNOWN_ID = answered(404, MARK)
REFUSED_ID = answered(400, MARK)


def endpoint(
    path: Seen | None,
    signin: Seen = SIGNIN,
    hop: str = "proxy",
    url: _handshake.WsUrl = URL,
    charge_box_id: str | None = "CP-1",
    era: _era.Era = MODERN,
    **more: Seen,
) -> Endpoint | Ask:
    seen = {Ask.SIGNIN: signin, **{Ask[name]: item for name, item in more.items()}}
    if path is not None:
        seen[Ask.PATH] = path
    return _interpret_endpoint.endpoint(EndpointCase(url, era, hop, charge_box_id, seen))


def told(judged: Endpoint | Ask) -> tuple[str, str | None, tuple[str, ...]]:
    assert isinstance(judged, Endpoint)
    return judged.verdict, judged.finding, judged.candidates


# -- the endpoint


STRANGERS = [
    (NO_ROUTE, "proxy-no-route"),
    (answered(403, NGINX, HTML, body="<h1>403 Forbidden</h1>"), "proxy-no-route"),
    (answered(404, MARK, body="404 page not found\n"), "proxy-no-route"),
    (answered(502, NGINX, HTML, body="<h1>502 Bad Gateway</h1>"), "proxy-bad-gateway"),
    (answered(503, body="no available server"), "proxy-bad-gateway"),
    (answered(401, ("WWW-Authenticate", "Basic realm=x")), "proxy-login-wall"),
    (answered(407), "proxy-login-wall"),
    (answered(302, ("Location", "https://auth.charge.test/?rd=https://charge.test/steve")), "proxy-login-wall"),
    (answered(200, HTML, body="<title>Login - Authelia</title>"), "proxy-login-wall"),
    (answered(200, HTML, body='<form><input name="p" type="password"></form>'), "proxy-login-wall"),
    (answered(301, ("Location", "https://charge.test/steve/websocket/CentralSystemService/CP-1")), "redirected"),
    (answered(308, ("Location", "https://www.charge.test/")), "redirected"),
]


@pytest.mark.parametrize(("path", "finding"), STRANGERS)
@pytest.mark.parametrize("signin", [SIGNIN, NO_ROUTE])
def test_a_stranger_on_the_path_is_a_finding_of_the_proxy_and_never_of_the_id(
    path: Seen, finding: str, signin: Seen
) -> None:
    assert told(endpoint(path, signin)) == ("wrong", finding, ())


@pytest.mark.parametrize(
    ("path", "signin", "candidates"),
    [
        (answered(200, HTML, body="<title>Welcome to nginx!</title>"), SIGNIN, ("proxy-login-wall", "proxy-no-route")),
        (answered(504, NGINX), SIGNIN, ("proxy-bad-gateway", "db-unreachable")),
        (answered(429), SIGNIN, ()),
        (answered(413), NO_ROUTE, ()),
        (answered(500, HTML, body="<h1>500</h1><center>nginx</center>"), SIGNIN, ()),
        (answered(200), SIGNIN, ("soap-path", "proxy-no-route")),
        (TO_SIGNIN, SIGNIN, ("wrong-path", "db-unreachable")),
        (answered(101), SIGNIN, ()),
    ],
)
def test_what_has_several_causes_stays_open(path: Seen, signin: Seen, candidates: tuple[str, ...]) -> None:
    assert told(endpoint(path, signin)) == ("wrong", None, candidates)


def test_a_proxy_that_routes_the_websocket_path_only_is_right() -> None:
    for path in (UPGRADE_LOST, UNKNOWN_ID, REFUSED_ID):
        assert endpoint(path, NO_ROUTE) == _interpret_endpoint.REACHABLE


def test_a_stranger_that_answers_everything_alike_is_not_steve() -> None:
    alike = answered(404, MARK, ("Server", "Caddy"))
    assert told(endpoint(alike, alike)) == ("wrong", "proxy-no-route", ())


def test_a_gateway_timeout_with_a_dead_sign_in_page_is_the_gateway() -> None:
    assert told(endpoint(answered(504, NGINX), answered(504, NGINX))) == ("wrong", "proxy-bad-gateway", ())


def test_a_plain_server_that_waits_for_more_of_a_tls_hello_is_told_from_a_silent_one() -> None:
    wss = _handshake.parse_url("wss://charge.test/steve/websocket/CentralSystemService")
    silent = failed("timeout")
    assert endpoint(None, silent, url=wss) is Ask.OTHER_SCHEME
    assert told(endpoint(None, silent, url=wss, OTHER_SCHEME=SIGNIN))[1] == "tls-on-plain-port"
    wants_tls = answered(400, NGINX, HTML, body="The plain HTTP request was sent to HTTPS port")
    for other in (failed("timeout"), failed("closed"), wants_tls):
        assert told(endpoint(None, silent, url=wss, OTHER_SCHEME=other))[1] == "http-timeout"
    assert told(endpoint(None, silent))[1] == "http-timeout"


def test_on_the_direct_hop_a_foreign_404_is_a_wrong_context() -> None:
    assert endpoint(NO_ROUTE, NO_ROUTE, "direct") is Ask.ROOT_CONTEXT
    judged = endpoint(NO_ROUTE, NO_ROUTE, "direct", ROOT_CONTEXT=NO_ROUTE)
    assert told(judged) == ("wrong", "wrong-context-path", ())
    assert isinstance(judged, Endpoint)
    assert "another server on this port" in judged.evidence[-1]["note"]


def test_steves_root_redirect_is_a_missing_context_and_no_redirect_to_follow() -> None:
    url = _handshake.parse_url("ws://charge.test")
    home = answered(302, ("Location", "http://charge.test/steve/manager/home"))
    judged = endpoint(home, JETTY_404, "direct", url, None, OLD, STEVE_CONTEXT=SIGNIN)
    assert told(judged) == ("wrong", "wrong-context-path", ())


def test_the_wrong_path_is_settled_with_the_right_one() -> None:
    url = _handshake.parse_url("ws://charge.test/steve/websocket/CentralSysremService")
    assert endpoint(TO_SIGNIN, SIGNIN, "proxy", url) is Ask.KNOWN_PATH
    for known in (UPGRADE_LOST, UNKNOWN_ID):
        assert told(endpoint(TO_SIGNIN, SIGNIN, "proxy", url, KNOWN_PATH=known)) == ("wrong", "wrong-path", ())
    for known in (TO_SIGNIN, NO_ROUTE, failed("timeout")):
        judged = endpoint(TO_SIGNIN, SIGNIN, "proxy", url, KNOWN_PATH=known)
        assert told(judged) == ("wrong", None, ("wrong-path", "db-unreachable"))
        assert told(endpoint(TO_SIGNIN, SIGNIN, "direct", url, KNOWN_PATH=known)) == ("wrong", "wrong-path", ())


def test_an_internal_error_on_the_right_path_is_left_to_the_ids() -> None:
    assert endpoint(TO_SIGNIN, hop="direct") == _interpret_endpoint.REACHABLE
    page = answered(500, MARK, HTML, body="<h2>HTTP ERROR 500 Server Error</h2>")
    assert endpoint(page, era=OLD) == _interpret_endpoint.REACHABLE


def test_a_refused_uri_is_the_ids_fault_only_if_the_id_is_odd() -> None:
    page = answered(400, HTML, body="<h2>HTTP ERROR 400 Ambiguous URI path separator</h2>")
    assert endpoint(page, charge_box_id="a/b") == _interpret_endpoint.REACHABLE
    assert told(endpoint(page)) == ("wrong", None, ("wrong-path",))
    sni = answered(400, HTML, body="<h2>HTTP ERROR 400 Invalid SNI</h2>")
    assert told(endpoint(sni)) == ("wrong", None, ("tls-name-mismatch",))
    starting = answered(503, HTML, body="<h2>HTTP ERROR 503 Service Unavailable</h2>")
    assert told(endpoint(starting)) == ("wrong", None, ("app-starting",))


NETWORK = {
    "refused": ("tcp-refused", "connect"),
    "connect-timeout": ("tcp-timeout", "connect"),
    "unreachable": ("host-unreachable", "connect"),
    "timeout": ("http-timeout", "http"),
    "not-http": ("not-http", "http"),
    "tls-alert": ("plain-on-tls-port", "http"),
    "tls": ("tls-handshake-failed", "tls"),
}


@pytest.mark.parametrize("kind", NETWORK)
def test_no_answer_to_the_first_request_ends_the_probe(kind: str) -> None:
    judged = endpoint(None, failed(kind))
    assert isinstance(judged, Endpoint)
    assert (judged.verdict, judged.finding, judged.stage) == ("unreachable", *NETWORK[kind])


def test_a_name_without_address_and_addresses_that_fail_differently() -> None:
    judged = _interpret_endpoint.unreachable([Failure("unresolved", "no address")])
    assert (judged.verdict, judged.finding, judged.stage) == ("unreachable", "dns-unresolvable", "resolve")
    kinds = ("refused", "connect-timeout", "unreachable")
    for order in itertools.permutations(kinds):
        judged = _interpret_endpoint.unreachable([Failure(kind, kind) for kind in order])
        assert judged.finding == "tcp-timeout" and len(judged.evidence) == 3
    assert (
        _interpret_endpoint.unreachable([Failure("refused", "a"), Failure("unreachable", "b")]).finding == "tcp-refused"
    )


def test_closed_at_once_may_be_tls() -> None:
    closed = failed("closed")
    assert endpoint(None, closed) is Ask.OTHER_SCHEME
    assert told(endpoint(None, closed, OTHER_SCHEME=Seen("over TLS"))) == ("unreachable", "plain-on-tls-port", ())
    # Some close on every page but the WebSocket path.
    no_tls = failed("tls-plain")
    assert endpoint(None, closed, OTHER_SCHEME=no_tls) is Ask.PATH
    assert endpoint(UPGRADE_LOST, closed, OTHER_SCHEME=no_tls) == _interpret_endpoint.REACHABLE
    assert told(endpoint(closed, closed, OTHER_SCHEME=no_tls)) == ("unreachable", "connection-closed", ())


def test_a_tls_port_that_says_so_in_plain_text() -> None:
    for text in ("The plain HTTP request was sent to HTTPS port", "Client sent an HTTP request to an HTTPS server."):
        assert told(endpoint(None, answered(400, HTML, body=text)))[1] == "plain-on-tls-port"


def test_tls_on_a_plain_port_is_settled_by_asking_without() -> None:
    url = _handshake.parse_url("wss://charge.test:8180/steve/websocket/CentralSystemService")
    no_tls = failed("tls-plain")
    assert endpoint(None, no_tls, url=url) is Ask.OTHER_SCHEME
    assert told(endpoint(None, no_tls, url=url, OTHER_SCHEME=SIGNIN))[1] == "tls-on-plain-port"
    for other in (failed("not-http"), answered(400, body="Client sent an HTTP request to an HTTPS server.")):
        assert told(endpoint(None, no_tls, url=url, OTHER_SCHEME=other))[1] == "tls-handshake-failed"


def test_a_preflight_that_hangs_while_the_sign_in_page_answers_is_left_to_the_ids() -> None:
    assert endpoint(failed("timeout"), SIGNIN) == _interpret_endpoint.REACHABLE
    assert told(endpoint(failed("timeout"), NO_ROUTE)) == ("unreachable", None, ("http-timeout", "db-unreachable"))


def test_a_deadline_is_no_finding() -> None:
    for judged in (endpoint(None, failed("deadline")), endpoint(failed("deadline"))):
        assert told(judged) == ("unreachable", None, ("http-timeout",))


def test_without_an_id_the_sign_in_page_is_enough_for_the_right_path() -> None:
    assert endpoint(None, charge_box_id=None) == _interpret_endpoint.REACHABLE
    assert endpoint(None, NO_ROUTE, charge_box_id=None) is Ask.PATH
    assert endpoint(TO_SIGNIN, NO_ROUTE, charge_box_id=None) == _interpret_endpoint.REACHABLE
    wrong = _handshake.parse_url("ws://charge.test/steve/websocket/x")
    assert endpoint(None, url=wrong, charge_box_id=None) is Ask.PATH
    assert told(endpoint(TO_SIGNIN, url=wrong, charge_box_id=None))[1] == "wrong-path"


def test_every_pair_of_answers_is_judged_without_asking_twice() -> None:
    pool = [SIGNIN, NO_ROUTE, JETTY_404, UPGRADE_LOST, TO_SIGNIN, UNKNOWN_ID, REFUSED_ID, answered(200), answered(101)]
    pool += [item for item, _finding in STRANGERS] + [
        failed(kind) for kind in (*NETWORK, "closed", "deadline", "tls-plain")
    ]
    urls = [
        URL,
        _handshake.parse_url("wss://charge.test/x/y"),
        _handshake.parse_url("ws://charge.test/steve/services/a"),
    ]
    for signin, path, url, hop, box in itertools.product(pool, pool, urls, ("direct", "proxy"), ("CP-1", None)):
        seen: dict[Ask, Seen] = {}
        answers = itertools.chain([signin, path], itertools.cycle([path, signin]))
        for _question in range(len(Ask) + 1):
            step = _interpret_endpoint.endpoint(EndpointCase(url, MODERN, hop, box, seen))
            if isinstance(step, Endpoint):
                break
            assert step not in seen
            seen[step] = next(answers)
        assert isinstance(step, Endpoint)
        assert step.verdict in ("reachable", "unreachable", "wrong")
        assert (step.verdict == "reachable") is (not step.evidence)


# -- charge boxes


def box(
    preflight: Seen,
    charge_box_id: str = "CP-1",
    era: _era.Era = MODERN,
    offered: tuple[str, ...] = ("ocpp1.6",),
    password: bool = False,
    any_accepted: bool = False,
    hop: str = "direct",
    subprotocol_missing: bool = False,
    **more: Seen,
) -> ChargeBox | AskBox:
    facts = HopFacts(era, hop, False, offered, any_accepted, subprotocol_missing)
    seen = {AskBox.PREFLIGHT: preflight, **{AskBox[name]: item for name, item in more.items()}}
    return _interpret_box.charge_box(BoxCase(charge_box_id, password, seen), facts)


def row(judged: ChargeBox | AskBox) -> ChargeBox:
    assert isinstance(judged, ChargeBox)
    return judged


@pytest.mark.parametrize("release", ["3.4.0", "3.4.7", "3.4.8"])
def test_releases_before_3_4_9_are_left_open_with_the_reason(release: str) -> None:
    for preflight in (UPGRADE_LOST, answered(401), answered(404)):
        judged = row(box(preflight, era=_era.given(release)))
        assert (judged.verdict, judged.finding) == ("undetermined", None)
        assert release in judged.evidence[0]["note"] and "settles it" in judged.evidence[0]["note"]


def test_an_unknown_release_is_asked_for() -> None:
    judged = row(box(UPGRADE_LOST, era=_era.UNKNOWN))
    assert judged.verdict == "undetermined" and "give the release as era" in judged.evidence[0]["note"]


def test_the_runbook_dialect_has_readings_of_its_own() -> None:
    runbook = _era.given("runbook")
    assert row(box(UPGRADE_LOST, era=runbook)).verdict == "accepted"
    assert row(box(answered(404), era=runbook)).finding == "charge-box-unregistered"
    assert row(box(answered(400), era=runbook)).finding == "subprotocol-unsupported"
    assert row(box(answered(400), era=runbook, offered=())).finding == "subprotocol-missing"


def test_400_for_a_harmless_id_stays_open_unless_others_are_accepted() -> None:
    open_row = row(box(REFUSED_ID))
    assert open_row.candidates == ("charge-box-id-invalid", "subprotocol-missing")
    assert row(box(REFUSED_ID, any_accepted=True)).finding == "charge-box-id-invalid"
    # 3.6.0 and 3.7.0 check no pattern on the handshake.
    assert row(box(REFUSED_ID, era=_era.given("3.7.0"))).finding == "subprotocol-missing"
    assert row(box(REFUSED_ID, charge_box_id="a(b)")).finding == "charge-box-id-invalid"


def test_a_missing_subprotocol_is_settled_once_for_all_harmless_ids() -> None:
    assert box(REFUSED_ID, offered=()) is AskBox.WITH_OCPP16
    assert row(box(REFUSED_ID, offered=(), subprotocol_missing=True)).finding == "subprotocol-missing"
    assert box(REFUSED_ID, "a(b)", offered=(), subprotocol_missing=True) is AskBox.WITH_OCPP16
    judged = row(box(REFUSED_ID, "a(b)", offered=(), WITH_OCPP16=REFUSED_ID))
    assert judged.finding == "charge-box-id-invalid"
    judged = row(box(REFUSED_ID, offered=(), WITH_OCPP16=failed("timeout")))
    assert judged.candidates == ("charge-box-id-invalid", "subprotocol-missing")


def test_404_is_unregistered_without_a_further_request_where_it_has_one_cause() -> None:
    assert box(UNKNOWN_ID) is AskBox.WITHOUT_SUBPROTOCOL
    assert row(box(UNKNOWN_ID, any_accepted=True)).finding == "charge-box-unregistered"
    assert row(box(UNKNOWN_ID, era=_era.given("3.9.0"))).finding == "charge-box-unregistered"
    assert box(UNKNOWN_ID, era=_era.given("3.9.0"), offered=("ocpp2.0.1",)) is AskBox.WITHOUT_SUBPROTOCOL
    assert row(box(UNKNOWN_ID, offered=())).finding == "charge-box-unregistered"


@pytest.mark.parametrize("other", [failed("timeout"), TO_SIGNIN, NO_ROUTE, answered(401, MARK)])
def test_404_stays_open_when_the_further_request_says_nothing(other: Seen) -> None:
    judged = row(box(UNKNOWN_ID, WITHOUT_SUBPROTOCOL=other))
    assert judged.candidates == ("charge-box-unregistered", "subprotocol-unsupported")
    assert judged.knocked and len(judged.evidence) == 2


@pytest.mark.parametrize("release", ["3.4.9", "3.5.0", "3.5.1"])
def test_up_to_3_5_1_401_means_unregistered_and_404_the_subprotocol(release: str) -> None:
    era = _era.given(release)
    judged = row(box(answered(401), era=era))
    assert (judged.finding, judged.knocked) == ("charge-box-unregistered", True)
    assert box(answered(404), era=era) is AskBox.WITHOUT_SUBPROTOCOL
    assert row(box(answered(404), era=era, WITHOUT_SUBPROTOCOL=answered(400))).finding == "subprotocol-unsupported"
    alike = row(box(answered(404), era=era, WITHOUT_SUBPROTOCOL=answered(404)))
    assert alike.candidates == ("subprotocol-unsupported", "proxy-no-route")


@pytest.mark.parametrize(("release", "finding"), [("3.4.9", "subprotocol-missing"), ("3.5.0", "subprotocol-missing"),
                                                  ("3.7.0", "subprotocol-missing"), ("3.5.1", "charge-box-id-invalid"),
                                                  ("3.8.0", "charge-box-id-invalid")])  # fmt: skip
def test_400_for_an_odd_id_depends_on_whether_the_release_has_a_pattern(release: str, finding: str) -> None:
    mark = () if release.startswith(("3.4", "3.5")) else (MARK,)
    assert row(box(answered(400, *mark), "a=b", era=_era.given(release))).finding == finding


def test_an_unmarked_refusal_of_an_unknown_release_stays_open() -> None:
    for status, candidate in ((401, "charge-box-unregistered"), (404, "subprotocol-unsupported")):
        verdict, finding, candidates = told(endpoint(answered(status), era=_era.UNKNOWN))
        assert (verdict, finding, candidate in candidates) == ("wrong", None, True)
    assert told(endpoint(answered(401, ("WWW-Authenticate", "Basic")), era=_era.UNKNOWN))[1] == "proxy-login-wall"


def test_a_password_in_its_other_form_is_tried_before_it_is_called_wrong() -> None:
    refused, malformed = answered(401, MARK), answered(400, MARK)
    facts = HopFacts(MODERN, "direct", False, ("ocpp1.6",))
    seen = {AskBox.PREFLIGHT: refused, AskBox.MALFORMED_BASIC: malformed}
    assert _interpret_box.charge_box(BoxCase("CP-1", True, seen, True), facts) is AskBox.OTHER_FORM
    notes = {}
    for name, other in (("accepted", UPGRADE_LOST), ("refused", refused)):
        case = BoxCase("CP-1", True, {**seen, AskBox.OTHER_FORM: other}, True)
        judged = row(_interpret_box.charge_box(case, facts))
        assert judged.finding == "basic-auth-refused"
        notes[name] = judged.evidence[0]["note"]
    assert "other form" in notes["accepted"] and "other form" not in notes["refused"]


def test_over_direct_tls_a_certificate_is_what_profile_3_refuses() -> None:
    refused = answered(401, MARK)
    for certificate, outcome in ((True, "client-certificate-refused"), (False, None)):
        facts = HopFacts(MODERN, "direct", True, ("ocpp1.6",), client_certificate=certificate)
        seen = {AskBox.PREFLIGHT: refused, AskBox.MALFORMED_BASIC: refused}
        judged = row(_interpret_box.charge_box(BoxCase("CP-1", True, seen), facts))
        assert (judged.finding, judged.candidates) == (
            outcome, () if certificate else ("client-certificate-refused",)
        )  # fmt: skip


def test_behind_a_tls_proxy_the_scheme_that_is_not_forwarded_is_named() -> None:
    refused = answered(401, MARK)
    facts = HopFacts(MODERN, "proxy", True, ("ocpp1.6",))
    seen = {AskBox.PREFLIGHT: refused, AskBox.MALFORMED_BASIC: refused}
    assert _interpret_box.charge_box(BoxCase("CP-1", True, seen), facts) is AskBox.TLS_IN_FRONT
    told_tls = {**seen, AskBox.TLS_IN_FRONT: UPGRADE_LOST}
    judged = row(_interpret_box.charge_box(BoxCase("CP-1", True, told_tls), facts))
    assert judged.finding == "proxy-scheme-not-forwarded"
    open_still = {**seen, AskBox.TLS_IN_FRONT: refused}
    judged = row(_interpret_box.charge_box(BoxCase("CP-1", True, open_still), facts))
    assert judged.candidates == (
        "client-certificate-refused", "proxy-scheme-not-forwarded", "proxy-authorization-stripped",
    )  # fmt: skip


def test_401_depends_on_the_release_and_the_hop() -> None:
    refused = answered(401, MARK)
    assert row(box(refused, era=_era.given("3.8.0"))).candidates == ()
    assert row(box(refused, era=_era.given("3.12.0"))).candidates == (
        "basic-auth-refused",
        "client-certificate-refused",
    )
    judged = row(box(refused, password=True, hop="proxy", MALFORMED_BASIC=refused, TLS_IN_FRONT=refused))
    assert judged.candidates == ("client-certificate-refused", "profile-requires-tls", "proxy-authorization-stripped")
    judged = row(box(refused, password=True, MALFORMED_BASIC=failed("closed"), TLS_IN_FRONT=refused))
    assert "basic-auth-refused" in judged.candidates


def test_an_id_beyond_the_data_bases_characters_is_invalid_where_others_are_looked_up() -> None:
    page = answered(500, HTML, body="<h2>HTTP ERROR 500 x</h2>")
    for answer, era in ((TO_SIGNIN, MODERN), (page, OLD)):
        judged = row(box(answer, "CP-\U0001f50c", era=era, any_accepted=True))
        assert (judged.finding, judged.stage) == ("charge-box-id-invalid", "id")
        judged = row(box(answer, "CP-\U0001f50c", era=era))
        assert (judged.finding, judged.candidates) == (None, ("charge-box-id-invalid", "db-unreachable"))
    assert not _handshake.is_plain("CP-\U0001f50c") and _handshake.is_plain("CP-\u00e9")


@pytest.mark.parametrize("charge_box_id", ["a/b", "a%b", "a;b", ".."])
@pytest.mark.parametrize("preflight", [TO_SIGNIN, answered(500, HTML, body="<h2>HTTP ERROR 500 x</h2>")])
def test_an_id_that_never_reaches_steve_is_invalid(charge_box_id: str, preflight: Seen) -> None:
    assert row(box(preflight, charge_box_id)).finding == "charge-box-id-invalid"


@pytest.mark.parametrize(
    ("preflight", "candidates"),
    [
        (failed("timeout"), ("db-unreachable", "http-timeout")),
        (TO_SIGNIN, ("db-unreachable",)),
        (answered(500, MARK, HTML, body="<h2>HTTP ERROR 500 x</h2>"), ("db-unreachable",)),
        (failed("closed"), ("connection-closed",)),
        (failed("deadline"), ()),
        (answered(502), ("proxy-bad-gateway",)),
        (answered(429), ()),
        (NO_ROUTE, ()),
    ],
)
def test_an_answer_that_is_no_verdict_leaves_the_id_open(preflight: Seen, candidates: tuple[str, ...]) -> None:
    judged = row(box(preflight))
    assert (judged.verdict, judged.finding, judged.candidates) == ("undetermined", None, candidates)
    assert judged.evidence and not judged.knocked


# -- gates and sessions


def test_a_stranger_on_the_upgrade_request_only_breaks_the_hop_without_a_name() -> None:
    path = _interpret_upgrade.upgrade_path(MODERN, answered(403, HTML, body="<h1>Forbidden</h1>"), None, None)
    assert (path.verdict, path.finding) == ("broken", None)


@pytest.mark.parametrize("version", [failed("timeout"), TO_SIGNIN, answered(500, HTML, body="<h2>HTTP ERROR 500</h2>")])
def test_a_gate_without_a_telling_answer_proves_nothing(version: Seen) -> None:
    path = _interpret_upgrade.upgrade_path(MODERN, version, None, None)
    assert (path.verdict, path.finding) == ("unproven", None) and path.reason


def test_the_last_gates_redirect_says_nothing_before_3_9() -> None:
    arrived = answered(426, MARK)
    assert _interpret_upgrade.upgrade_path(MODERN, arrived, TO_SIGNIN, None).verdict == "proven"
    assert _interpret_upgrade.upgrade_path(_era.given("3.8.0"), arrived, TO_SIGNIN, None).verdict == "unproven"


def test_a_session_opened_by_a_gate_proves_the_path_and_is_told() -> None:
    path = _interpret_upgrade.upgrade_path(MODERN, answered(426, MARK), answered(101), None)
    assert path.verdict == "proven"
    assert "opened and closed at once" in path.evidence[-1]["note"]


@pytest.mark.parametrize(
    ("subprotocol", "accept_ok", "boot", "verdict", "finding"),
    [
        ("ocpp1.6", True, {"status": "Accepted"}, "accepted", None),
        ("ocpp1.6", True, {"status": "Pending"}, "accepted", "charge-box-pending"),
        ("ocpp1.6", True, {"status": "Rejected"}, "refused", "charge-box-rejected"),
        ("ocpp1.6", True, {"status": "?"}, "undetermined", None),
        ("ocpp1.6", True, None, "undetermined", None),
        ("ocpp1.6", False, None, "undetermined", None),
        (None, True, None, "undetermined", None),
        ("ocpp1.5", True, None, "undetermined", None),
    ],
)
def test_a_session_is_judged_by_its_boot(
    subprotocol: str | None, accept_ok: bool, boot: dict[str, str] | None, verdict: str, finding: str | None
) -> None:
    judged = _interpret_box.after_session(answered(101), ("ocpp1.6",), True, subprotocol, accept_ok, boot, [])
    assert (judged.verdict, judged.finding) == (verdict, finding)


def test_a_handshake_without_boot_is_accepted() -> None:
    assert (
        _interpret_box.after_session(answered(101), ("ocpp1.6",), False, "ocpp1.6", True, None, []).verdict
        == "accepted"
    )


# -- evidence


def test_evidence_is_short_inert_and_without_secrets() -> None:
    body = "<style>x</style><p>\x1b[31mred\u202e</p> geheim-1234 Q1A6Z2VoZWlt" + "y" * 5000
    headers = (HTML, ("Server", "geheim-1234\x07"), ("Set-Cookie", "session=1"), ("X-Other", "no"))
    seen = Seen("GET x", Answer(200, headers=headers, body=body.encode()), secrets=("Q1A6Z2VoZWlt", "geheim-1234"))
    evidence = seen.evidence("why")
    shown = str(evidence)
    assert "geheim" not in shown and "Q1A6Z2VoZWlt" not in shown and "session" not in shown
    assert len(evidence["body"]) <= _seen.SHOWN_BODY
    assert evidence["body"].startswith("\\x1b[31mred\\u202e \u2022\u2022\u2022")
    assert evidence["headers"] == {"Content-Type": "text/html", "Server": "\u2022\u2022\u2022\\x07"}
    assert evidence["note"] == "why"


def test_a_defect_and_a_failure_are_told() -> None:
    assert "cut" in answered(200, defect="it was cut").evidence()["note"]
    assert failed("timeout").evidence("n")["note"] == "n; it was timeout"
