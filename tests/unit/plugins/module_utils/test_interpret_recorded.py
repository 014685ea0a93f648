# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every recorded answer of the handshake, of nginx, of the gates and of the security profiles is read rightly."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import (
    _era,
    _handshake,
    _interpret_box,
    _interpret_endpoint,
    _interpret_upgrade,
    _seen,
)
from ansible_collections.chargeops.steve.plugins.module_utils._era import FingerprintAnswer
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_box import AskBox, BoxCase, ChargeBox, HopFacts
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_endpoint import Ask, Endpoint, EndpointCase
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_upgrade import Passage

from tests.unit import recordings
from tests.unit.recordings import Recording

RELEASES = tuple(sorted((path.stem for path in recordings.RECORDED.glob("*.json")), key=_era.release_key))
BEHIND_NGINX = ("3.4.9", "3.7.1", "3.14.1")
"""Releases that were recorded behind nginx as well."""
PREFIX = "/steve/websocket/CentralSystemService/"
SIGNIN = {release: recordings.find(release, "A signin") for release in RELEASES}


def named(release: str, label: str) -> Recording:
    return recordings.find(release, label)


def is_preflight(item: Recording) -> bool:
    """A plain GET of a charge box, with or without subprotocol, without a cookie."""
    sent = {name.lower() for name in item.headers}
    return item.method == "GET" and not sent & {"upgrade", "connection", "cookie"} and item.path.startswith(PREFIX)


def box(item: Recording, accepted: bool, **further: Recording) -> ChargeBox | AskBox:
    """The judgement of a recorded preflight on the release it was recorded on."""
    offered = tuple(filter(None, item.headers.get("Sec-WebSocket-Protocol", "").split(", ")))
    facts = HopFacts(_era.given(item.release), "direct", False, offered, accepted)
    seen = {AskBox.PREFLIGHT: item.seen(), **{AskBox[name]: other.seen() for name, other in further.items()}}
    identifier = unquote(item.path[len(PREFIX) :].partition("?")[0])
    return _interpret_box.charge_box(BoxCase(identifier, "Authorization" in item.headers, seen), facts)


def outcome(value: ChargeBox | AskBox) -> str:
    if isinstance(value, AskBox):
        return f"ask {value.name}"
    return value.finding or value.verdict


# -- B: preflights, by the part of the label before " / "

B_BOXES = {
    "registered / plainGET+proto (probe 1.3)": "accepted",
    "registered / plainGET no headers": "ask WITH_OCPP16",
    "registered / plainGET+ocpp2.0.1": "ask WITHOUT_SUBPROTOCOL",
    "unknown / plainGET+proto (probe 1.3)": "ask WITHOUT_SUBPROTOCOL",
    "unknown / plainGET no headers": "charge-box-unregistered",
    "unknown / plainGET+ocpp2.0.1": "ask WITHOUT_SUBPROTOCOL",
    "path othercase / plainprobe": "accepted",
    "path pattern a(b) / plainprobe": "charge-box-id-invalid",
    "path pattern raw a<b / plainprobe": "charge-box-id-invalid",
    "path leading blank / plainprobe": "charge-box-id-invalid",
    "path trailing blank / plainprobe": "charge-box-id-invalid",
    "path inner blank / plainprobe": "ask WITHOUT_SUBPROTOCOL",
    "path plus / plainprobe": "ask WITHOUT_SUBPROTOCOL",
    "path utf8 / plainprobe": "ask WITHOUT_SUBPROTOCOL",
    "path pct encoded id / plainprobe": "accepted",
    "path query / plainprobe": "accepted",
    "path pct slash / plainprobe": "charge-box-id-invalid",
    "path pct25 / plainprobe": "charge-box-id-invalid",
    "path semicolon / plainprobe": "charge-box-id-invalid",
    "path no id / plainprobe": "charge-box-id-invalid",
    # We send a dot as it is, so that only a proxy can make this of it.
    "path pct2E / plainprobe": "undetermined",
}
#: Before 3.10 no configuration switches a subprotocol off, so 404 has one cause when a known one is offered.
BEFORE_3_10 = dict.fromkeys(
    (
        "unknown / plainGET+proto (probe 1.3)", "path inner blank / plainprobe", "path plus / plainprobe",
        "path utf8 / plainprobe",
    ),
    "charge-box-unregistered",
)  # fmt: skip
#: Up to 3.5.1 the id is looked up first (401), and the firewall is not on the WebSocket path.
BEFORE_3_6 = {
    **BEFORE_3_10,
    "unknown / plainGET+ocpp2.0.1": "charge-box-unregistered",
    "path pct25 / plainprobe": "charge-box-unregistered",
    "path pct2E / plainprobe": "charge-box-unregistered",
}
#: 3.4.9 knows no pattern; its recorded server had a box a(b). Trailing blanks are the data base's business.
RELEASE_3_4_9 = {
    **BEFORE_3_6,
    "path pattern a(b) / plainprobe": "accepted",
    "path pattern raw a<b / plainprobe": "charge-box-unregistered",
    "path leading blank / plainprobe": "charge-box-unregistered",
    "path trailing blank / plainprobe": "accepted",
    "path pct25 / plainprobe": "charge-box-id-invalid",
    "path semicolon / plainprobe": "charge-box-unregistered",
    "path no id / plainprobe": "charge-box-unregistered",
}


def expected_of(release: str, label: str) -> str:
    """What a recorded preflight means on the release."""
    if release == "3.4.9":
        return RELEASE_3_4_9.get(label, B_BOXES[label])
    older = {
        "3.5.1": BEFORE_3_6,
        "3.6.1": BEFORE_3_10,
        "3.7.1": BEFORE_3_10,
        "3.8.0": BEFORE_3_10,
        "3.9.0": BEFORE_3_10,
    }
    return older.get(release, {}).get(label, B_BOXES[label])


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("label", B_BOXES)
def test_a_recorded_preflight_is_judged(release: str, label: str) -> None:
    assert outcome(box(named(release, f"B {label}"), accepted=False)) == expected_of(release, label)


@pytest.mark.parametrize("release", RELEASES)
def test_one_accepted_id_settles_every_404_on_the_hop(release: str) -> None:
    for label in ("unknown / plainGET+proto (probe 1.3)", "path utf8 / plainprobe"):
        assert outcome(box(named(release, f"B {label}"), accepted=True)) == "charge-box-unregistered"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("who", "finding"), [("registered", "subprotocol-unsupported"), ("unknown", "charge-box-unregistered")]
)
def test_404_for_an_unknown_subprotocol_is_settled_without_it(release: str, who: str, finding: str) -> None:
    other = named(release, f"B {who} / plainGET no headers")
    judged = box(named(release, f"B {who} / plainGET+ocpp2.0.1"), False, WITHOUT_SUBPROTOCOL=other)
    assert isinstance(judged, ChargeBox)
    assert (judged.finding, judged.knocked) == (finding, who == "unknown")
    statuses = [item["status"] for item in judged.evidence]
    if who == "registered":
        assert statuses == [404, 400]
    else:
        assert statuses == ([401] if release in ("3.4.9", "3.5.1") else [404, 404])


@pytest.mark.parametrize("release", RELEASES)
def test_400_without_subprotocol_is_settled_with_ocpp16(release: str) -> None:
    other = named(release, "B registered / plainGET+proto (probe 1.3)")
    judged = box(named(release, "B registered / plainGET no headers"), False, WITH_OCPP16=other)
    assert outcome(judged) == "subprotocol-missing"


def judged_labels() -> set[str]:
    rewritten = {f"B {label} / plainprobe" for label in REWRITTEN}
    return {f"B {label}" for label in (*B_BOXES, *PATHS)} | rewritten


# -- B and A: paths


RIGHT = "/steve/websocket/CentralSystemService"
#: label → path of the URL, finding; the id follows in the recording.
PATHS = {
    "path wrong ctx / plainprobe": ("/wrongctx/websocket/CentralSystemService", "wrong-context-path"),
    "path ctx case / plainprobe": ("/STEVE/websocket/CentralSystemService", "wrong-context-path"),
    "path no ctx / plainprobe": ("/websocket/CentralSystemService", "wrong-context-path"),
    "path prefix typo / plainprobe": ("/steve/websocket/CentralSystem", "wrong-path"),
    "path prefix case / plainprobe": ("/steve/websocket/centralsystemservice", "wrong-path"),
    "path no id no slash / plainprobe": ("/steve/websocket", "wrong-path"),
    "path soap path / plainprobe": ("/steve/services/CentralSystemService", "soap-path"),
}
#: Answers that SteVe gives when a proxy sends it another path than it got, here seen at the right URL.
REWRITTEN = ("path trailing slash", "path extra segment", "path extra segment after", "path double slash")


def endpoint(release: str, item: Recording, url_path: str, hop: str = "direct") -> Endpoint:
    """The judgement of the endpoint when the WebSocket path was answered like that."""
    url = _handshake.parse_url(f"ws://charge.test:8180{url_path}")
    wrong_context = named(release, "A ctx case").seen()
    seen = {
        Ask.SIGNIN: SIGNIN[release].seen() if url.context == "/steve" else wrong_context,
        Ask.PATH: item.seen(),
        Ask.KNOWN_PATH: named(release, "B registered / plainGET+proto (probe 1.3)").seen(),
        Ask.STEVE_CONTEXT: SIGNIN[release].seen(),
        Ask.ROOT_CONTEXT: wrong_context,
    }
    judged = _interpret_endpoint.endpoint(EndpointCase(url, _era.given(release), hop, "LAB-CP-001", seen))
    assert isinstance(judged, Endpoint)
    return judged


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("label", PATHS)
def test_a_recorded_answer_to_another_path_is_judged(release: str, label: str) -> None:
    url_path, finding = PATHS[label]
    judged = endpoint(release, named(release, f"B {label}"), url_path)
    assert (judged.verdict, judged.finding, judged.stage) == ("wrong", finding, "path")
    assert judged.evidence


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("label", REWRITTEN)
def test_a_path_that_a_proxy_rewrote_stays_open(release: str, label: str) -> None:
    judged = endpoint(release, named(release, f"B {label} / plainprobe"), RIGHT, hop="proxy")
    assert (judged.verdict, judged.finding) == ("wrong", None)
    assert "wrong-path" in judged.candidates


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("label", ["registered / plainGET+proto (probe 1.3)", "unknown / plainGET+proto (probe 1.3)"])
def test_steve_s_own_verdict_on_an_id_means_that_the_endpoint_is_there(release: str, label: str) -> None:
    assert endpoint(release, named(release, f"B {label}"), RIGHT) == _interpret_endpoint.REACHABLE


def test_every_recorded_plain_request_of_the_handshake_matrix_is_judged() -> None:
    for release in RELEASES:
        asked = {
            item.case
            for item in recordings.load(release, "B")
            if item.method == "GET" and not {"upgrade", "connection"} & {name.lower() for name in item.headers}
        }
        assert asked == judged_labels()


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("label", "url_path", "finding"),
    [
        ("A wrong ctx", "/wrongctx/websocket/CentralSystemService", "wrong-context-path"),
        ("A ws other prefix", "/steve/websocket/Other", "wrong-path"),
        ("A ws prefix case", "/steve/websocket/centralsystemservice", "wrong-path"),
        ("A services CSS", "/steve/services/CentralSystemService", "soap-path"),
    ],
)
def test_a_recorded_answer_to_a_wrong_path_without_id_is_judged(
    release: str, label: str, url_path: str, finding: str
) -> None:
    assert endpoint(release, named(release, label), url_path).finding == finding


@pytest.mark.parametrize("release", RELEASES)
def test_the_context_that_answers_is_named(release: str) -> None:
    judged = endpoint(release, named(release, "A wrong ctx"), "/wrongctx/websocket/CentralSystemService")
    assert any("the context is /steve, not /wrongctx" in item["note"] for item in judged.evidence)


# -- A: the fingerprint


FINGERPRINTS = {
    "3.4.9": ("3.4.0", "3.4.9"),
    "3.5.1": ("3.5.0", "3.5.1"),
    "3.6.1": ("3.6.0", "3.7.1"),
    "3.7.1": ("3.6.0", "3.7.1"),
    "3.8.0": ("3.8.0", "3.8.0"),
    "3.9.0": ("3.9.0", "3.9.0"),
    "3.12.0": ("3.10.0", "3.14.1"),
    "3.13.0": ("3.10.0", "3.14.1"),
    "3.14.1": ("3.10.0", "3.14.1"),
}


@pytest.mark.parametrize("release", RELEASES)
def test_the_recorded_fingerprint_tells_the_release(release: str) -> None:
    low, high = FINGERPRINTS[release]
    answers = []
    for label in ("home Accept */*", "unknown path in ctx", "api ocppTags/0 nocreds", "GET /"):
        answer = named(release, f"A {label}").answer
        marked = _handshake.has_mark(answer)
        answers.append(
            FingerprintAnswer(answer.status, answer.header("location"), answer.header("www-authenticate"), marked)
        )
    era = _era.fingerprint("/steve", *answers)
    assert era is not None
    assert (era.min, era.max) == (low, high)


@pytest.mark.parametrize("release", RELEASES)
def test_the_recorded_sign_in_page_and_redirects_are_recognised(release: str) -> None:
    # 3.4.x asks for HTTP Basic; up to 3.5.1 no filter is on the WebSocket path.
    home = "PAGE" if release == "3.4.9" else "SIGNIN"
    stale = {"3.4.9": "EMPTY", "3.5.1": "UPGRADE_LOST"}.get(release, "SIGNIN")
    for label, kind in (
        ("A signin", "SIGNIN_PAGE"), ("A home no Accept", home), ("A signin/", home), ("A manager", home),
        ("A wrong ctx", "PAGE"), ("A stale cookie ws", stale),
    ):  # fmt: skip
        assert _handshake.recognise(named(release, label).answer, _era.given(release)).name == kind


def test_a_refusal_with_the_mark_narrows_what_is_known_of_the_release() -> None:
    refusal = named("3.14.1", "B unknown / plainGET+proto (probe 1.3)").answer
    assert _seen.narrowed(_era.UNKNOWN, refusal).min == "3.6.0"
    unmarked = named("3.14.1", "A wrong ctx").answer
    assert _seen.narrowed(_era.UNKNOWN, unmarked) == _era.UNKNOWN
    assert _seen.narrowed(_era.given("3.5.0"), refusal) == _era.given("3.5.0")


def test_a_refusal_of_3_4_9_tells_it_from_older_ones_and_401_with_the_mark_is_3_9() -> None:
    old = _era.Era("3.4.0", "3.4.9", "fingerprint")
    for label in ("unknown / plainGET+proto (probe 1.3)", "registered / plainGET no headers"):
        assert _seen.narrowed(old, named("3.4.9", f"B {label}").answer).min == "3.4.9"
    assert _seen.narrowed(old, named("3.4.9", "B registered / plainGET+proto (probe 1.3)").answer) == old
    assert _seen.narrowed(_era.UNKNOWN, named("3.14.1", "J main LAB-SP1 no auth").answer).min == "3.9.0"


# -- I and L: gates, directly and through nginx

NGINX = {
    "right": (None, "proven"),
    "const-Connection-upgrade": (None, "proven"),
    "no-upgrade-headers": ("proxy-upgrade-stripped", "broken"),
    "bare": ("proxy-upgrade-stripped", "broken"),
    "only-Connection": ("proxy-upgrade-stripped", "broken"),
    "only-Upgrade": ("proxy-connection-stripped", "broken"),
}
LAST_GATE = "L registered / last gate (full upgrade + extension parameter that no engine accepts)"


@pytest.mark.parametrize("release", BEHIND_NGINX)
@pytest.mark.parametrize("configuration", NGINX)
def test_the_version_gate_through_a_recorded_nginx_is_judged(release: str, configuration: str) -> None:
    finding, verdict = NGINX[configuration]
    version = named(release, f"I nginx[{configuration}] v99 reg").seen()
    path = _interpret_upgrade.upgrade_path(_era.given(release), version, named(release, LAST_GATE).seen(), None)
    assert (path.finding, path.verdict) == (finding, verdict)
    assert path.gates[0] == ("version", version.status)


@pytest.mark.parametrize("release", BEHIND_NGINX)
def test_http10_towards_steve_is_seen_by_the_last_gate_only(release: str) -> None:
    version = named(release, "I nginx[no-http-1.1] v99 reg").seen()
    era = _era.given(release)
    assert _interpret_upgrade.upgrade_path(era, version, None, "not asked for").verdict == "unproven"
    for label in ("I nginx[no-http-1.1] full reg", "L registered / last gate over HTTP/1.0"):
        path = _interpret_upgrade.upgrade_path(era, version, named(release, label).seen(), None)
        assert (path.verdict, path.finding) == ("broken", "proxy-http10-upstream")
    assert (
        _interpret_upgrade.passage(named(release, "L registered / version 99 over HTTP/1.0").seen(), era)
        is Passage.ARRIVED
    )


@pytest.mark.parametrize("release", RELEASES)
def test_the_last_gate_of_an_unknown_id_proves_nothing(release: str) -> None:
    era = _era.given(release)
    version = named(release, "B registered / Version 99").seen()
    path = _interpret_upgrade.upgrade_path(era, version, named(release, "L unknown / last gate").seen(), None)
    assert (path.verdict, path.finding) == ("unproven", None)


FULL = {
    "full ocpp1.6": Passage.WORKS,
    "ocpp1.5": Passage.WORKS,
    "ocpp2.0.1, ocpp1.6": Passage.WORKS,
    "Connection keep-alive, Upgrade": Passage.WORKS,
    "with Origin": Passage.WORKS,
    "no Connection": Passage.CONNECTION_LOST,
    "Version 99": Passage.ARRIVED,
    "Version missing": Passage.ARRIVED,
    "no protocol": Passage.REFUSED,
    "empty protocol": Passage.REFUSED,
    "ocpp2.0.1": Passage.REFUSED,
    "OCPP1.6": Passage.REFUSED,
    "no Key": Passage.REFUSED,
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("label", FULL)
def test_what_a_recorded_upgrade_request_met(release: str, label: str) -> None:
    era = _era.given(release)
    assert _interpret_upgrade.passage(named(release, f"B registered / {label}").seen(), era) is FULL[label]
    unknown = _interpret_upgrade.passage(named(release, f"B unknown / {label}").seen(), era)
    assert unknown is (Passage.CONNECTION_LOST if label == "no Connection" else Passage.REFUSED)


@pytest.mark.parametrize("release", BEHIND_NGINX)
def test_preflights_through_every_recorded_nginx_are_judged_as_directly(release: str) -> None:
    items = [item for item in recordings.load(release, "I") if is_preflight(item)]
    assert len(items) == 14
    for item in items:
        registered = item.path.endswith("LAB-CP-001")
        assert outcome(box(item, accepted=True)) == ("accepted" if registered else "charge-box-unregistered")


# -- J: security profiles

PROFILED = ("3.9.0", "3.14.1")
"""Releases that were recorded with stations of every security profile."""


def profile(release: str, label: str, **further: str) -> ChargeBox | AskBox:
    more = {name: named(release, other) for name, other in further.items()}
    return box(named(release, label), False, **more)


def others(release: str) -> tuple[str, ...]:
    """What may refuse beside the password: TLS counts for profile 2 since 3.14.0 only."""
    return ("client-certificate-refused", "profile-requires-tls") if release == "3.14.1" else (
        "client-certificate-refused",
    )  # fmt: skip


@pytest.mark.parametrize("release", PROFILED)
@pytest.mark.parametrize("label", ["J main LAB-SP1 no auth", "J main LAB-SP2 no auth", "J SP3 cert none"])
def test_a_profile_whose_password_was_not_given_is_undetermined(release: str, label: str) -> None:
    judged = profile(release, label)
    assert isinstance(judged, ChargeBox)
    assert (judged.verdict, judged.stage, judged.status) == ("undetermined", "credentials", 401)
    assert judged.candidates == ("basic-auth-refused", *others(release))
    assert "registered, asks for credentials" in judged.evidence[0]["note"]


ACCEPTED = (
    "J main LAB-SP1 right", "J tlsproxy LAB-SP2 right", "J main LAB-SP0 no auth", "J main LAB-SP0 wrong pw",
    "J SP2 proto-header https", "J SP3 cert good url-enc",
)  # fmt: skip
#: Of one release only: the user name's case, TLS for profile 2, and what a proxy may make of the certificate.
ACCEPTED_BY = {
    "3.9.0": ("J main LAB-SP2 right", "J SP2 XFP unset prop"),
    "3.14.1": ("J main LAB-SP1 right lower user", "J SP3 cert good tab", "J SP3 cert good b64", "J SP3 cert contains"),
}


@pytest.mark.parametrize(
    ("release", "label"), [(release, label) for release in PROFILED for label in (*ACCEPTED, *ACCEPTED_BY[release])]
)
def test_right_credentials_are_accepted(release: str, label: str) -> None:
    assert outcome(profile(release, label)) == "accepted"


@pytest.mark.parametrize("release", PROFILED)
@pytest.mark.parametrize("label", ["wrong pw", "empty pw", "wrong user"])
def test_a_wrong_password_is_told_from_a_profile_that_wants_something_else(release: str, label: str) -> None:
    assert outcome(profile(release, f"J main LAB-SP1 {label}")) == "ask MALFORMED_BASIC"
    refused = profile(release, f"J main LAB-SP1 {label}", MALFORMED_BASIC="J main LAB-SP1 Basic only")
    assert outcome(refused) == "basic-auth-refused"
    over_tls = profile(release, f"J tlsproxy LAB-SP2 {label}", MALFORMED_BASIC="J tlsproxy LAB-SP2 Basic only")
    assert outcome(over_tls) == "basic-auth-refused"


def test_3_9_wants_the_user_name_in_the_case_of_the_id_and_the_judgement_says_so() -> None:
    for station in ("main LAB-SP1", "main LAB-SP2", "tlsproxy LAB-SP2"):
        judged = profile("3.9.0", f"J {station} right lower user", MALFORMED_BASIC=f"J {station} Basic only")
        assert isinstance(judged, ChargeBox)
        assert outcome(judged) == "basic-auth-refused"
        assert "case included" in judged.evidence[0]["note"]


def test_profile_2_over_plain_ws_is_refused_for_the_password_alone_in_3_9() -> None:
    judged = profile("3.9.0", "J main LAB-SP2 wrong pw", MALFORMED_BASIC="J main LAB-SP2 Basic only")
    assert outcome(judged) == "basic-auth-refused"


@pytest.mark.parametrize(
    "label", ["good tab", "good b64", "contains", "wrong O", "garbage", "none", "empty"]
)  # fmt: skip
def test_a_certificate_that_3_9_does_not_accept_leaves_the_kind_of_credentials_open(label: str) -> None:
    judged = profile("3.9.0", f"J SP3 cert {label}")
    assert isinstance(judged, ChargeBox)
    assert (judged.verdict, judged.candidates) == ("undetermined", ("basic-auth-refused", *others("3.9.0")))


def test_profile_2_over_plain_ws_is_never_called_a_wrong_password() -> None:
    asked = {"MALFORMED_BASIC": "J main LAB-SP2 Basic only"}
    assert outcome(profile("3.14.1", "J main LAB-SP2 right", **asked)) == "ask TLS_IN_FRONT"
    judged = profile("3.14.1", "J main LAB-SP2 right", **asked, TLS_IN_FRONT="J main LAB-SP2 right")
    assert isinstance(judged, ChargeBox)
    assert (judged.verdict, judged.candidates) == (
        "undetermined",
        ("client-certificate-refused", "profile-requires-tls"),
    )


def test_profile_2_is_told_where_steve_believes_the_proxys_header() -> None:
    asked = {"MALFORMED_BASIC": "J main LAB-SP2 Basic only", "TLS_IN_FRONT": "J SP2 proto-header https"}
    assert outcome(profile("3.14.1", "J main LAB-SP2 right", **asked)) == "profile-requires-tls"


@pytest.mark.parametrize("release", PROFILED)
def test_a_row_without_profile_is_an_internal_error_and_no_verdict(release: str) -> None:
    judged = profile(release, "J NULL profile")
    assert isinstance(judged, ChargeBox)
    assert (judged.verdict, judged.candidates) == ("undetermined", ("db-unreachable",))


@pytest.mark.parametrize("release", PROFILED)
def test_a_right_password_with_an_unsupported_version_is_the_version(release: str) -> None:
    other = "J main LAB-SP1 right no proto"
    judged = profile(release, "J main LAB-SP1 right ocpp2.0.1", WITHOUT_SUBPROTOCOL=other)
    assert outcome(judged) == "subprotocol-unsupported"
