# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TLS questions in the analysis: whose endpoint, whose trust, what explains what, and what stays open."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_tls import QUESTIONS
from hypothesis import given, settings
from hypothesis import strategies as some
from jsonschema import Draft202012Validator

from tests import certificates
from tests.certificates import NAME
from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, service, unknown
from tests.unit.plugins.plugin_utils.documents_tls import AT, MADE, URL, behind_tls, endpoint, ok, versions
from tests.unit.test_documents import SCHEMAS

OLD = certificates.server(MADE.intermediate, NAME, begins=AT - timedelta(days=90), ends=AT - timedelta(days=2))
EXPIRED = [OLD.der, MADE.intermediate.der]


def judge(*documents: dict[str, Any]) -> dict[str, Any]:
    return analyse(list(documents), ["steve-a"], "20261123T010203Z-7f3a")


def found(result: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    return [(item["id"], item["hop"], item["severity"]) for item in result["findings"]]


def status(result: dict[str, Any], id: str) -> dict[tuple[str | None, str | None], str]:
    return {(item["hop"], item["vantage"]): item["status"] for item in result["checks"] if item["id"] == id}


def reason(result: dict[str, Any], id: str) -> str:
    return " ".join(str(item["reason"]) for item in result["checks"] if item["id"] == id and item["reason"])


def test_a_healthy_tls_host_has_no_finding_and_every_tls_question_passes() -> None:
    result = judge(behind_tls(endpoint()))
    assert found(result) == []
    assert {id: set(status(result, id).values()) for id in QUESTIONS} == {id: {"pass"} for id in QUESTIONS}


def test_the_endpoints_of_these_tests_are_like_real_ones() -> None:
    schema = json.loads((SCHEMAS / "observation.json").read_text(encoding="utf-8"))
    one = {"$ref": "#/$defs/tls_endpoint", "$defs": schema["$defs"]}
    for item in (endpoint(), endpoint(reason="not seen")):
        Draft202012Validator(one).validate(item)


def test_a_plain_host_skips_them_with_the_reason() -> None:
    result = judge(observation())
    assert {value for id in QUESTIONS for value in status(result, id).values()} == {"skipped"}


def test_a_finding_carries_the_chain_and_says_what_to_do() -> None:
    (finding,) = judge(behind_tls(endpoint(chain=[MADE.leaf.der])))["findings"]
    assert finding["id"] == "tls-chain-incomplete" and finding["root_cause"] is True
    assert NAME in finding["message"] and "port 443" in finding["message"]
    assert any("certificate 0" in item["detail"] for item in finding["evidence"])
    assert any("the host that looked" in item["detail"] for item in finding["evidence"])
    assert "fullchain.pem" in finding["remedy"]["text"]


def test_an_untrusted_chain_is_not_blamed_before_it_is_complete() -> None:
    result = judge(behind_tls(endpoint(chain=[MADE.leaf.der])))
    assert status(result, "tls-untrusted") == {("proxy", "host"): "blocked"}


def test_expiring_is_a_warning_and_expired_is_not_expiring() -> None:
    soon = certificates.server(MADE.intermediate, NAME, begins=AT - timedelta(days=85), ends=AT + timedelta(days=5))
    result = judge(behind_tls(endpoint(chain=[soon.der, MADE.intermediate.der])))
    assert found(result) == [("tls-expiring", "proxy", "warn")] and result["verdict"]["ok"] is True
    assert found(judge(behind_tls(endpoint(chain=EXPIRED)))) == [("tls-expired", "proxy", "fail")]


def test_the_same_fault_on_the_public_hop_is_told_once() -> None:
    outside = observation(probes=[probe("public", "office", url=URL)]) | {"vantage": "office"}
    outside["parts"]["tls"] = ok([endpoint("public", "office", chain=EXPIRED)])
    result = judge(behind_tls(endpoint(chain=EXPIRED)), outside)
    assert found(result) == [("tls-expired", "proxy", "fail")]
    assert status(result, "tls-expired")[("public", "office")] == "blocked"


def test_what_only_a_vantage_sees_is_told_from_there() -> None:
    outside = observation(probes=[probe("public", "office", url=URL)]) | {"vantage": "office"}
    outside["parts"]["tls"] = ok([endpoint("public", "office", chain=EXPIRED)])
    result = judge(behind_tls(endpoint()), outside)
    assert found(result) == [("tls-expired", "public", "fail")]
    assert "seen from office" in result["findings"][0]["message"]


def test_the_host_s_own_look_at_the_public_name_gives_way_to_a_vantage() -> None:
    outside = observation(probes=[probe("public", "office", url=URL)]) | {"vantage": "office"}
    outside["parts"]["tls"] = ok([endpoint("public", "office", chain=EXPIRED)])
    result = judge(behind_tls(endpoint("public", chain=EXPIRED), probes=[probe()]), outside)
    assert [(item["id"], item["vantage"]) for item in result["findings"]] == [("tls-expired", "office")]


def test_a_dead_vantage_leaves_its_questions_open() -> None:
    dead = {"schema": "x", "host": "steve-a", "vantage": "office", "reached": False, "reason": "ssh", "parts": {}}
    result = judge(behind_tls(endpoint()), dead)
    assert found(result) == []
    assert status(result, "tls-expired") == {("proxy", "host"): "pass", ("public", "office"): "unknown"}


def test_one_bad_address_of_several_is_enough_and_named() -> None:
    result = judge(behind_tls(endpoint(), endpoint(address="192.0.2.7", chain=EXPIRED)))
    assert found(result) == [("tls-expired", "proxy", "fail")]
    assert "192.0.2.7" in result["findings"][0]["message"] and "1 of 2 addresses" in result["findings"][0]["message"]


def test_an_address_that_was_not_seen_is_no_pass() -> None:
    silent = endpoint(address="192.0.2.7", reason="the TLS handshake did not end within 5 s")
    assert set(status(judge(behind_tls(endpoint(), silent)), "tls-expired").values()) == {"unknown"}


def test_an_address_without_a_way_to_it_does_not_hide_one_that_was_seen() -> None:
    no_way = endpoint(address="2001:db8::1", reason="cannot be reached", connected=False)
    assert set(status(judge(behind_tls(endpoint(), no_way)), "tls-expired").values()) == {"pass"}
    assert set(status(judge(behind_tls(no_way)), "tls-expired").values()) == {"unknown"}


# -- which endpoint is the chargers' ------------------------------------------------------------------------


def test_steve_s_own_tls_port_behind_a_proxy_is_not_the_chargers_business() -> None:
    own = endpoint("direct", host="127.0.0.1", chain=[certificates.server(None, "localhost").der])
    result = judge(behind_tls(endpoint(), own))
    assert found(result) == []
    assert status(result, "tls-untrusted")[("direct", "host")] == "skipped"


def test_with_a_plain_public_url_steve_s_own_tls_port_is_skipped() -> None:
    own = endpoint("direct", host="127.0.0.1", chain=EXPIRED)
    result = judge(behind_tls(own, public=URL.replace("wss", "ws")))
    assert found(result) == [] and "plain ws" in reason(result, "tls-expired")


def test_without_a_public_url_steve_s_own_port_is_judged_but_not_by_a_local_name() -> None:
    own = endpoint("direct", host="127.0.0.1", chain=EXPIRED)
    result = judge(behind_tls(own, public=None, probes=[probe(url=URL)]))
    assert found(result) == [("tls-expired", "direct", "fail")]
    assert "steve_public_ws_url" in reason(result, "tls-name-mismatch")


def test_chargers_that_come_straight_to_steve_get_a_failure_and_no_word_about_the_proxy() -> None:
    outside = observation(probes=[probe("public", "office", url=URL)]) | {"vantage": "office"}
    outside["parts"]["tls"] = ok([endpoint("public", "office", chain=EXPIRED)])
    result = judge(behind_tls(endpoint("direct", chain=EXPIRED), probes=[probe(url=URL)]), outside)
    assert found(result) == [("tls-expired", "direct", "fail")]
    assert "proxy" not in result["findings"][0]["message"]


# -- trust --------------------------------------------------------------------------------------------------


def test_without_the_chargers_store_trust_is_open_and_what_the_host_thinks_is_said() -> None:
    result = judge(behind_tls(endpoint(), store=()))
    assert found(result) == []
    assert "steve_charger_ca is not given" in reason(result, "tls-untrusted")


def test_a_store_that_cannot_be_used_is_the_reason() -> None:
    document = behind_tls(endpoint())
    document["chargers"]["ca"] = {"file": "/x.pem", "certificates": [], "problem": "/x.pem: No such file or directory"}
    assert "/x.pem: No such file" in reason(judge(document), "tls-untrusted")


# -- protocol versions --------------------------------------------------------------------------------------

R, A, U = "refused", "accepted", "unknown"


@pytest.mark.parametrize(
    ("states", "spoken", "expected"),
    [
        ((R, R, A, A), [], "pass"),
        ((A, A, A, R), [], "pass"),
        ((A, A, R, R), [], "fail"),
        ((A, R, R, R), ["1.0"], "pass"),
        ((R, R, R, A), [], "unknown"),
        ((R, R, R, A), ["1.2"], "fail"),
        ((R, R, R, A), ["1.2", "1.3"], "pass"),
        ((R, R, A, R), ["1.3"], "fail"),
        ((A, R, U, R), [], "unknown"),
        ((U, R, A, A), ["1.0"], "unknown"),
        ((U, U, U, U), [], "unknown"),
        ((R, R, R, R), [], "unknown"),
    ],
)
def test_versions_in_common(states: tuple[str, ...], spoken: list[str], expected: str) -> None:
    document = behind_tls(endpoint(versions=versions(*states)))
    document["chargers"]["tls_versions"] = spoken
    result = judge(document)
    assert status(result, "tls-version-too-old") == {("proxy", "host"): expected}


def test_a_handshake_that_fails_for_old_versions_is_explained_by_them() -> None:
    failed = probe("proxy", endpoint=broken("tls-handshake-failed", "tls"), rows=[], url=URL)
    result = judge(behind_tls(endpoint(versions=versions(A, A, R, R)), probes=[probe(), failed]))
    assert found(result) == [("tls-version-too-old", "proxy", "fail")]
    assert status(result, "tls-handshake-failed")[("proxy", "host")] == "blocked"


def test_a_refused_certificate_seen_by_a_probe_is_explained_by_its_fault() -> None:
    failed = probe("proxy", endpoint=broken("tls-handshake-failed", "tls"), rows=[], url=URL)
    result = judge(behind_tls(endpoint(chain=EXPIRED), probes=[probe(), failed]))
    assert found(result) == [("tls-expired", "proxy", "fail")]


def test_a_handshake_that_fails_for_nothing_that_was_seen_stands_by_itself() -> None:
    failed = probe("proxy", endpoint=broken("tls-handshake-failed", "tls"), rows=[], url=URL)
    unseen = endpoint(reason="the TLS handshake failed: internal error", versions=versions(U, U, U, U))
    assert found(judge(behind_tls(unseen, probes=[probe(), failed]))) == [("tls-handshake-failed", "proxy", "fail")]


# -- what could not be looked at ----------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["tls-on-plain-port", "connection-closed", "http-timeout", "tcp-refused"])
def test_a_certificate_that_was_not_seen_is_blocked_by_what_hid_it(cause: str) -> None:
    hidden = probe("proxy", endpoint=broken(cause, "connect" if "tcp" in cause else "http"), rows=[], url=URL)
    unseen = endpoint(reason="the connection was closed in the TLS handshake", versions=versions(U, U, U, U))
    result = judge(behind_tls(unseen, probes=[probe(), hidden]))
    assert found(result) == [(cause, "proxy", "fail")]
    assert {value for id in QUESTIONS for value in status(result, id).values()} == {"blocked"}


def test_a_certificate_that_was_seen_stands_although_http_is_silent_behind_it() -> None:
    silent = probe("proxy", endpoint=broken("http-timeout", "http"), rows=[], url=URL)
    result = judge(behind_tls(endpoint(chain=EXPIRED), probes=[probe(), silent]))
    assert sorted(found(result)) == [("http-timeout", "proxy", "fail"), ("tls-expired", "proxy", "fail")]


def test_a_part_that_could_not_be_looked_at_is_open_with_the_reason() -> None:
    result = judge(observation(tls=unknown("internal error")))
    assert found(result) == [] and "internal error" in reason(result, "tls-expired")


def test_a_stopped_app_behind_its_own_tls_port_is_the_cause() -> None:
    unseen = endpoint("direct", reason="refused", versions=versions(U, U, U, U))
    document = behind_tls(
        unseen, probes=[probe(endpoint=broken("tcp-refused", "connect"), rows=[], url=URL)], app=service("exited")
    )
    assert [item[0] for item in found(judge(document))] == ["app-not-running"]


@settings(max_examples=200, deadline=None)
@given(some.lists(some.text(max_size=30) | some.binary(max_size=50).map(bytes.hex), min_size=1, max_size=3))
def test_a_damaged_observation_is_open_and_no_crash(chain: list[str]) -> None:
    item = endpoint()
    item["chain"] = chain
    result = judge(behind_tls(item))
    assert set(status(result, "tls-expired").values()) == {"unknown"}


@pytest.mark.parametrize("looked_at", ["", "yesterday", None, 5])
def test_a_damaged_time_is_open(looked_at: Any) -> None:
    item = endpoint()
    item["looked_at"] = looked_at
    assert set(status(judge(behind_tls(item)), "tls-expired").values()) == {"unknown"}
