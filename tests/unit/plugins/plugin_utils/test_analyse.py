# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The analyser: the right root cause, nothing false beside it, and never a guess."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID, CATALOGUE, LAYERS
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions import UNANSWERED

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, row, service, unknown
from tests.unit.plugins.plugin_utils.documents_log import STARTED, ago, booted, log

RUN = "20261123T010203Z-7f3a"


def judge(*documents: dict[str, Any], hosts: list[str] | None = None, fail_on: str = "fail") -> dict[str, Any]:
    return analyse(list(documents), hosts or ["steve-a"], RUN, fail_on)


def causes(findings: dict[str, Any]) -> list[str]:
    return [item["id"] for item in findings["findings"] if item["severity"] == "fail"]


def status(findings: dict[str, Any], id: str, hop: str | None = None) -> set[str]:
    return {item["status"] for item in findings["checks"] if item["id"] == id and (hop is None or item["hop"] == hop)}


def test_healthy_host_has_no_finding_and_says_how_much_was_looked_at() -> None:
    result = judge(observation())
    assert result["findings"] == []
    assert result["verdict"]["ok"] is True
    host = result["hosts"][0]
    assert host["total"] == len(CATALOGUE)
    assert host["evaluated"] >= 25
    assert result["counts"]["fail"] == result["counts"]["warn"] == result["counts"]["blocked"] == 0


SINGLE_FAULTS = {
    "app stopped: refused directly and 502 at the proxy": (
        observation(
            app=service("exited"),
            probes=[
                probe(endpoint=broken("tcp-refused", "connect"), rows=[]),
                probe("proxy", endpoint=broken("proxy-bad-gateway", "path"), rows=[]),
            ],
            admin=unknown("refused", "unreachable"),
        ),
        "app-not-running",
    ),
    "refused, containers not visible": (
        observation(
            compose=unknown("no permission"),
            env=unknown("no permission"),
            admin=unknown("refused"),
            probes=[
                probe(endpoint=broken("tcp-refused", "connect"), rows=[]),
                probe("proxy", endpoint=broken("proxy-bad-gateway", "path"), rows=[]),
            ],
        ),
        "tcp-refused",
    ),
    "unregistered, admin list at hand": (observation(asked=["CP-2"], registered=["CP-1"]), "charge-box-unregistered"),
    "unregistered, seen by preflight": (
        observation(admin=unknown("x"), probes=[probe(rows=[row("CP-2", "refused", "charge-box-unregistered")])]),
        "charge-box-unregistered",
    ),
    "forbidden character, admin list at hand": (
        observation(asked=["CP(2)"], registered=["CP-1"]),
        "charge-box-id-invalid",
    ),
    "unsupported subprotocol": (
        observation(probes=[probe(rows=[row("CP-1", "refused", "subprotocol-unsupported")])]),
        "subprotocol-unsupported",
    ),
    "no subprotocol": (
        observation(probes=[probe(rows=[row("CP-1", "refused", "subprotocol-missing")])]),
        "subprotocol-missing",
    ),
    "proxy drops Upgrade": (
        observation(probes=[probe(), probe("proxy", gates={"verdict": "broken", "finding": "proxy-upgrade-stripped"})]),
        "proxy-upgrade-stripped",
    ),
    "proxy speaks HTTP/1.0": (
        observation(probes=[probe(), probe("proxy", gates={"verdict": "broken", "finding": "proxy-http10-upstream"})]),
        "proxy-http10-upstream",
    ),
    "proxy drops Authorization": (
        observation(
            probes=[
                probe(rows=[row("CP-1", password_given=True)]),
                probe("proxy", rows=[row("CP-1", "undetermined", password_given=True, stage="credentials", candidates=[
                    "client-certificate-refused", "profile-requires-tls", "proxy-authorization-stripped",
                ])], gates={"verdict": "unproven"}),
            ]
        ),
        "proxy-authorization-stripped",
    ),
    "proxy keeps the scheme to itself": (
        observation(
            probes=[
                probe(rows=[row("CP-1", "refused", "profile-requires-tls", password_given=True)]),
                probe("proxy", url="wss://steve.test/steve/websocket/CentralSystemService", rows=[
                    row("CP-1", "refused", "proxy-scheme-not-forwarded", password_given=True)
                ]),
            ]
        ),
        "proxy-scheme-not-forwarded",
    ),
    "profile 2 and no TLS anywhere": (
        observation(
            probes=[
                probe(rows=[row("CP-1", "refused", "profile-requires-tls", password_given=True)]),
                probe("proxy", rows=[row("CP-1", "refused", "profile-requires-tls", password_given=True)]),
            ]
        ),
        "profile-requires-tls",
    ),
    "proxy has no route": (
        observation(probes=[probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])]),
        "proxy-no-route",
    ),
    "data base stopped": (
        observation(
            db=service("exited", container="site-db-1"),
            admin=unknown("hangs", "admin-no-data-base"),
            probes=[
                probe(rows=[row("CP-1", "undetermined", candidates=["db-unreachable"])], gates={"verdict": "unproven"}),
                probe("proxy", rows=[], gates={"verdict": "unproven"}),
            ],
        ),
        "db-unreachable",
    ),
    "env file changed": (
        observation(
            env={
                "status": "ok",
                "reason": None,
                "elapsed_s": 0,
                "data": {"added": [], "changed": ["AUTH_PASSWORD"], "removed": []},
            }
        ),
        "env-not-applied",
    ),
    "admin password refused": (observation(admin=unknown("refused", "admin-login-refused")), "admin-login-refused"),
}


@pytest.mark.parametrize(("document", "expected"), SINGLE_FAULTS.values(), ids=SINGLE_FAULTS)
def test_one_fault_gives_exactly_its_root_cause(document: dict[str, Any], expected: str) -> None:
    result = judge(document)
    assert causes(result) == [expected]
    assert [item["id"] for item in result["findings"]] == [expected]
    assert result["findings"][0]["root_cause"] is True
    assert result["verdict"]["ok"] is False


def test_a_symptom_is_blocked_by_its_cause_with_the_cause_named() -> None:
    result = judge(SINGLE_FAULTS["app stopped: refused directly and 502 at the proxy"][0])
    refused = next(item for item in result["checks"] if item["id"] == "tcp-refused" and item["hop"] == "direct")
    assert refused["status"] == "blocked"
    assert refused["blocked_by"] == ["app-not-running"]
    assert status(result, "proxy-bad-gateway", "proxy") == {"blocked"}


def test_bad_gateway_is_the_root_cause_when_steve_itself_answers() -> None:
    result = judge(observation(probes=[probe(), probe("proxy", endpoint=broken("proxy-bad-gateway", "path"), rows=[])]))
    assert causes(result) == ["proxy-bad-gateway"]


def test_the_public_hop_repeats_the_proxys_fault_without_a_second_root_cause() -> None:
    stripped = {"verdict": "broken", "finding": "proxy-upgrade-stripped"}
    outside = observation(probes=[probe("public", "office", gates=stripped)]) | {"vantage": "office"}
    result = judge(observation(probes=[probe(), probe("proxy", gates=stripped)]), outside)
    assert [(item["id"], item["hop"]) for item in result["findings"]] == [("proxy-upgrade-stripped", "proxy")]


def test_an_independent_fault_beside_another_one_is_still_told() -> None:
    result = judge(
        observation(
            asked=["CP-1", "CP-2"],
            registered=["CP-1"],
            probes=[probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])],
        )
    )
    assert sorted(causes(result)) == ["charge-box-unregistered", "proxy-no-route"]


def test_undetermined_is_unknown_with_the_candidates_and_never_a_finding() -> None:
    result = judge(
        observation(
            admin=unknown("x"),
            probes=[
                probe(rows=[row("CP-1", "undetermined", candidates=["basic-auth-refused", "profile-requires-tls"])])
            ],
        )
    )
    assert result["findings"] == []
    assert status(result, "basic-auth-refused") == {"unknown"}
    reason = next(item["reason"] for item in result["checks"] if item["id"] == "basic-auth-refused")
    assert "profile-requires-tls" in reason


def test_a_hanging_handshake_with_a_running_data_base_stays_open() -> None:
    result = judge(
        observation(
            admin=unknown("x"), probes=[probe(rows=[row("CP-1", "undetermined", candidates=["db-unreachable"])])]
        )
    )
    assert result["findings"] == []
    assert status(result, "db-unreachable") == {"unknown"}


def test_a_container_just_started_is_starting_and_not_broken() -> None:
    result = judge(
        observation(
            app=service(started_at="2026-11-23T00:59:50Z"),
            admin=unknown("refused"),
            probes=[probe(endpoint=broken("tcp-refused", "connect"), rows=[])],
        )
    )
    assert [item["id"] for item in result["findings"]] == ["app-starting"]
    assert result["verdict"]["ok"] is True


def test_a_wrong_direct_address_is_a_warning_when_the_proxy_gets_through() -> None:
    result = judge(
        observation(
            probes=[probe(endpoint=broken("tcp-refused", "connect"), rows=[]), probe("proxy")], compose=unknown("x")
        )
    )
    assert [(item["id"], item["severity"]) for item in result["findings"]] == [("tcp-refused", "warn")]


def test_a_host_without_observation_fails_the_verdict_whatever_fail_on_says() -> None:
    result = judge(observation(), hosts=["steve-a", "steve-b"], fail_on="never")
    assert result["verdict"]["ok"] is False
    assert "1 of 2 hosts not reached" in result["verdict"]["reason"]


def test_a_run_that_evaluated_nothing_is_not_green() -> None:
    lost = {
        "schema": "chargeops.steve/observation/1",
        "host": "steve-a",
        "reached": False,
        "reason": "ssh",
        "parts": {},
    }
    result = judge(lost, fail_on="never")
    assert result["verdict"]["ok"] is False
    assert "nothing was evaluated" in result["verdict"]["reason"]


def test_a_dead_vantage_makes_its_questions_unknown_and_touches_nothing_else() -> None:
    dead = {
        "schema": "chargeops.steve/observation/1",
        "host": "steve-a",
        "vantage": "office",
        "reached": False,
        "reason": "ssh",
        "parts": {},
    }
    result = judge(observation(), dead)
    assert result["findings"] == []
    assert status(result, "dns-unresolvable", "public") == {"unknown"}
    assert status(result, "dns-unresolvable", "direct") == {"pass"}
    assert result["verdict"]["ok"] is True


@pytest.mark.parametrize(("fail_on", "ok"), [("fail", False), ("warn", False), ("never", True)])
def test_fail_on_decides_for_failures(fail_on: str, ok: bool) -> None:
    document = SINGLE_FAULTS["proxy has no route"][0]
    assert judge(document, fail_on=fail_on)["verdict"]["ok"] is ok


def test_findings_are_plain_json_and_hostile_ids_stay_data() -> None:
    hostile = "CP\x1b[31m{{ 7*7 }}<b>\u202e"
    result = judge(observation(asked=[hostile], registered=["CP-1"]))
    text = json.dumps(result)
    finding = json.loads(text)["findings"][0]
    assert finding["charge_boxes"]["ids"] == [hostile]
    assert "\x1b" not in finding["message"] and "\u202e" not in finding["message"]


# -- the catalogue ------------------------------------------------------------------------------------------


def test_every_built_entry_has_a_question() -> None:
    assert UNANSWERED == ()


def test_catalogue_ids_are_unique_and_their_needs_exist() -> None:
    assert len(BY_ID) == len(CATALOGUE)
    for entry in CATALOGUE:
        assert entry.layer in LAYERS
        for need in entry.needs:
            name = need.split(":")[-1].split("@")[0]
            assert name in BY_ID, f"{entry.id} needs {need}"


def test_needs_have_no_cycle() -> None:
    graph = {entry.id: {need.split(":")[-1].split("@")[0] for need in entry.needs} - {entry.id} for entry in CATALOGUE}
    done: set[str] = set()

    def visit(id: str, path: tuple[str, ...]) -> None:
        assert id not in path, f"cycle: {' -> '.join((*path, id))}"
        if id not in done:
            for need in graph[id]:
                visit(need, (*path, id))
            done.add(id)

    for id in graph:
        visit(id, ())


# -- ids that SteVe spells otherwise, and stations behind TLS -----------------------------------------------


def with_era(document: dict[str, Any], low: str, high: str) -> dict[str, Any]:
    return {**document, "era": {"min": low, "max": high, "source": "about"}}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [("3.8.0", "3.8.0", "warn"), ("3.10.0", "3.10.0", "warn"), ("3.11.0", "3.11.0", "pass"),
     ("3.10.0", "3.14.1", "unknown")],
)  # fmt: skip
def test_another_spelling_is_a_warning_up_to_3_10(low: str, high: str, expected: str) -> None:
    for mine in ("cp-1", "CP-1 ", "ĈP-1"):
        document = observation(asked=[mine], registered=["CP-1"], probes=[probe(rows=[row(mine)])])
        result = judge(with_era(document, low, high))
        assert status(result, "charge-box-id-case") == {expected}
        assert causes(result) == []
        if expected == "warn":
            assert result["findings"][0]["charge_boxes"]["ids"] == [mine]
            assert "is CP-1 in SteVe" in result["findings"][0]["message"]


def test_a_spelling_that_the_data_base_tells_apart_is_not_registered() -> None:
    refused = row("ÇP-1", "refused", "charge-box-unregistered")
    result = judge(observation(asked=["ÇP-1"], registered=["CP-1"], probes=[probe(rows=[refused])]))
    assert causes(result) == ["charge-box-id-near-miss"]
    assert status(result, "charge-box-unregistered") == {"blocked"}


def test_without_the_admin_list_nobody_knows_steves_spelling() -> None:
    result = judge(observation(admin=unknown("no password")))
    assert status(result, "charge-box-id-case") == {"unknown"}


WSS = "wss://steve.test/steve/websocket/CentralSystemService"


def test_a_station_of_profile_2_that_is_accepted_over_tls_is_no_finding() -> None:
    plain = row("CP-1", "refused", "profile-requires-tls", password_given=True)
    tls = probe("proxy", url=WSS, rows=[row("CP-1", password_given=True)])
    result = judge(observation(probes=[probe(rows=[plain], gates={"verdict": "unproven"}), tls]))
    assert causes(result) == []
    assert status(result, "profile-requires-tls") == {"pass"}
    assert status(result, "proxy-scheme-not-forwarded", "proxy") == {"pass"}


def test_what_only_one_of_two_headers_explains_stays_open() -> None:
    plain = row("CP-1", "refused", "profile-requires-tls", password_given=True)
    both = ["client-certificate-refused", "proxy-scheme-not-forwarded", "proxy-authorization-stripped"]
    over_tls = row("CP-1", "undetermined", candidates=both, password_given=True)
    result = judge(observation(probes=[probe(rows=[plain]), probe("proxy", url=WSS, rows=[over_tls])]))
    assert causes(result) == []
    for name in both:
        assert "unknown" in status(result, name)


def test_another_station_with_a_password_settles_that_the_scheme_is_missing() -> None:
    plain = [row("CP-1", "refused", "profile-requires-tls", password_given=True), row("CP-2", password_given=True)]
    both = ["client-certificate-refused", "proxy-scheme-not-forwarded", "proxy-authorization-stripped"]
    over_tls = [row("CP-1", "undetermined", candidates=both, password_given=True), row("CP-2", password_given=True)]
    document = observation(
        asked=["CP-1", "CP-2"], registered=["CP-1", "CP-2"],
        probes=[probe(rows=plain), probe("proxy", url=WSS, rows=over_tls)],
    )  # fmt: skip
    assert causes(judge(document)) == ["proxy-scheme-not-forwarded"]


def test_without_a_password_credentials_behind_the_proxy_are_not_judged() -> None:
    result = judge(observation())
    for name in ("proxy-authorization-stripped", "proxy-scheme-not-forwarded"):
        assert status(result, name, "proxy") == {"skipped"}


# -- what the admin list tells of a charge box --------------------------------------------------------------


def admin(boxes: list[dict[str, Any]], sessions: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    registered = [{"id": "CP-1", "pk": 1, "registration_status": "accepted"} | box for box in boxes]
    data = {"registered": registered, "unknown": [], "sessions": sessions or []} | more
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}


def test_a_similar_id_is_the_cause_and_not_the_missing_registration() -> None:
    result = judge(observation(asked=["CP-O1"], registered=["CP-01", "CP-02"]))
    assert causes(result) == ["charge-box-id-near-miss"]
    assert "CP-O1 differs from CP-01 by a character of the same shape" in result["findings"][0]["message"]
    assert status(result, "charge-box-unregistered") == {"blocked"}


def test_one_misspelt_id_does_not_hide_one_that_is_missing() -> None:
    result = judge(observation(asked=["CP-O1", "STATION-X"], registered=["CP-01"]))
    assert sorted(causes(result)) == ["charge-box-id-near-miss", "charge-box-unregistered"]
    found = {item["id"]: item["charge_boxes"]["ids"] for item in result["findings"]}
    assert found == {"charge-box-id-near-miss": ["CP-O1"], "charge-box-unregistered": ["CP-O1", "STATION-X"]}


def test_the_next_box_of_a_row_is_no_near_miss() -> None:
    assert causes(judge(observation(asked=["CP-3"], registered=["CP-1", "CP-2"]))) == ["charge-box-unregistered"]


def test_two_boxes_that_are_both_asked_about_are_two_boxes() -> None:
    both = observation(asked=["BACKYARD", "BACKYARDS"], registered=["BACKYARD"], probes=[probe(rows=[row("BACKYARD")])])
    assert causes(judge(both)) == ["charge-box-unregistered"]
    alone = observation(asked=["BACKYARDS"], registered=["BACKYARD"])
    assert causes(judge(alone)) == ["charge-box-id-near-miss"]


def test_a_near_miss_is_unknown_without_the_admin_list() -> None:
    refused = probe(rows=[row("CP-O1", "refused", "charge-box-unregistered")])
    result = judge(observation(asked=["CP-O1"], admin=unknown("no password"), probes=[refused]))
    assert causes(result) == ["charge-box-unregistered"]
    assert status(result, "charge-box-id-near-miss") == {"unknown"}


@pytest.mark.parametrize("stored", ["rejected", "pending"])
def test_a_status_that_keeps_a_charger_waiting_is_named(stored: str) -> None:
    result = judge(observation(admin=admin([{"registration_status": stored}])))
    assert causes(result) == [f"charge-box-{stored}"]
    assert result["findings"][0]["remedy"]["by"] == "steve_chargebox"


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (("rejected", "pending"), ["charge-box-rejected", "charge-box-pending"]),
        (("rejected", "accepted"), ["charge-box-rejected"]),
        ((None, None), ["boot-not-accepted"]),
    ],
)
def test_several_causes_explain_together_what_is_seen_on_all_their_boxes(stored: Any, wanted: list[str]) -> None:
    boots = booted(100, "a", "REJECTED", "CP-1") + booted(90, "b", "PENDING", "CP-2")
    registered = [{"id": f"CP-{number}", "registration_status": one} for number, one in enumerate(stored, 1)]
    document = observation(
        asked=["CP-1", "CP-2"], admin=admin(registered), log=log(ago(900, STARTED) + boots, "CP-1", "CP-2"),
        probes=[probe(rows=[row("CP-1"), row("CP-2")])],
    )  # fmt: skip
    result = judge(document)
    assert causes(result) == wanted
    if stored == ("rejected", "pending"):
        (check,) = [item for item in result["checks"] if item["id"] == "boot-not-accepted"]
        assert (check["status"], check["blocked_by"]) == ("blocked", wanted)


def test_a_status_that_was_not_read_is_unknown_and_that_of_others_is_not_asked() -> None:
    for box in ({"registration_status": None}, {}):
        document = observation(admin=admin([box]))
        if not box:
            del document["parts"]["admin"]["data"]["registered"][0]["registration_status"]
        assert status(judge(document), "charge-box-rejected") == {"unknown"}
    others = admin([{}, {"id": "CP-2", "registration_status": "rejected"}])
    assert status(judge(observation(admin=others)), "charge-box-rejected") == {"pass"}
    assert status(judge(observation(asked=[], admin=admin([{}]))), "charge-box-rejected") == {"skipped"}


def test_two_sessions_of_one_id_are_named_and_two_ids_are_not() -> None:
    def session(name: str, since: str) -> dict[str, Any]:
        return {"id": name, "protocol": "ocpp1.6", "connected_since": since}

    twice = [session("CP-1", "2026-11-23T00:00:00Z"), session("cp-1", "2026-11-23T00:10:00Z")]
    result = judge(observation(admin=admin([{}], twice)))
    assert causes(result) == ["duplicate-session"]
    assert "2026-11-23T00:10:00Z" in result["findings"][0]["evidence"][0]["detail"]
    apart = [session("CP-1", "2026-11-23T00:00:00Z"), session("CP-2", "2026-11-23T00:10:00Z")]
    assert causes(judge(observation(admin=admin([{}], apart)))) == []
    hidden = admin([{}], [], sessions_error="the page fails")
    assert status(judge(observation(admin=hidden)), "duplicate-session") == {"unknown"}
