# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a repair, and what is said of it afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import describe
from ansible_collections.chargeops.steve.plugins.plugin_utils import _catalogue, _repair_plan, _terminal_repairs
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._compare import compare, take_back, verdict
from ansible_collections.chargeops.steve.plugins.plugin_utils._repair_plan import Inventory

from tests.unit.nginx_configs import MAIN, http, source
from tests.unit.plugins.plugin_utils.documents import (
    broken,
    environment,
    observation,
    probe,
    registered_box,
    row,
    unknown,
)
from tests.unit.plugins.plugin_utils.documents_nginx import GOOD, location, nginx
from tests.unit.test_documents import check

RUN = "20261123T010203Z-7f3a"


def ill(host: str = "steve-a", **parts: Any) -> dict[str, Any]:
    """An observation of a host whose nginx does not know the WebSocket path."""
    probes = [probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])]
    return observation(host, probes=probes, **parts)


def listed(*ids: str, error: str | None = None) -> dict[str, Any]:
    """SteVe's list of sessions."""
    registered = [registered_box("CP-1")]
    sessions = [{"id": id, "connected_since": "2026-11-23T01:00:00Z", "version": "1.6"} for id in ids]
    data: dict[str, Any] = {"registered": registered, "unknown": [], "sessions": sessions, "sessions_error": error}
    data["active_transactions"] = len(ids) // 2
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}


def plan(*documents: dict[str, Any], **inventory: Any) -> dict[str, Any]:
    hosts = [document["host"] for document in documents]
    told = dict.fromkeys(hosts, Inventory(**inventory))
    made = _repair_plan.plan(analyse(list(documents), hosts, RUN), documents, told)
    check("plan", made)
    return made


def test_every_repair_of_the_catalogue_is_known_and_every_other_remedy_has_somebody() -> None:
    known = {repair.by: repair.tag for repair in _repair_plan.REPAIRS}
    for entry in _catalogue.CATALOGUE:
        if entry.remedy.command:
            assert entry.remedy.command.endswith(f"remediate --tags {known[entry.remedy.by]}")
        else:
            assert entry.remedy.by in _repair_plan.WHO


def test_the_plan_names_repair_finding_and_what_it_interrupts() -> None:
    made = plan(ill(admin=listed("CP-2", "CP-1", "CP-2")))
    (repair,) = made["hosts"][0]["repairs"]
    assert (repair["by"], repair["permission"]) == ("nginx_websocket", None)
    assert [item["id"] for item in repair["answers"]] == ["proxy-no-route"]
    assert "(2: CP-1, CP-2)" in repair["interrupts"]
    text = _terminal_repairs.render_plan(made)
    for word in ("PLAN  steve-a", "nginx_websocket (tag nginx)", "proxy-no-route (proxy hop)", "interrupts", "CP-1"):
        assert word in text


@pytest.mark.parametrize(
    ("directive", "sessions", "said"),
    [
        ("worker_shutdown_timeout 60s;", listed("CP-1"), "Every connection through nginx, 60s after the reload"),
        ("worker_shutdown_timeout 60s;", unknown("no password was given"), "(how many is unknown: no password"),
        ("worker_shutdown_timeout 60s;", listed(), "Nothing. Nobody is connected now"),
        ("worker_shutdown_timeout 0;", listed("CP-1"), "What is connected now stays connected (1: CP-1)"),
        ("", listed("CP-1"), "What is connected now stays connected (1: CP-1)"),
    ],
)
def test_a_reload_that_ends_open_connections_says_so(directive: str, sessions: dict[str, Any], said: str) -> None:
    part = nginx(location(*GOOD))
    main = source(directive + http("server { listen 80; }"))
    part["data"]["worker_shutdown_timeout"] = describe(load(MAIN, main), "x", 80, "/")["worker_shutdown_timeout"]
    (repair,) = plan(ill(admin=sessions, nginx=part))["hosts"][0]["repairs"]
    assert said in repair["interrupts"]
    ended = "Every connection" in repair["interrupts"]
    assert ended is (f"worker_shutdown_timeout ({MAIN}:1)" in repair["interrupts"])


@pytest.mark.parametrize(
    ("admin", "said"),
    [
        (listed(), "nobody is connected now"),
        (listed(*(f"CP-{number}" for number in range(9))), "(9: CP-0, CP-1, CP-2, CP-3, CP-4 and 4 more)"),
        (listed("CP-1", "CP-2"), "Running transactions: 1 by SteVe's home page."),
        (listed(error="the page was not recognised"), "how many is unknown: the page was not recognised"),
        (unknown("no password was given"), "how many is unknown: no password was given"),
    ],
)
def test_a_recreate_says_whom_it_interrupts(admin: dict[str, Any], said: str) -> None:
    made = plan(observation(admin=admin), wanted={"app_env": "it was asked for"})
    (repair,) = made["hosts"][0]["repairs"]
    assert repair["permission"] == "steve_allow_restart=true" and repair["wanted"] == "it was asked for"
    assert said in repair["interrupts"]
    assert "it was asked for" in _terminal_repairs.render_plan(made)


def test_what_no_role_can_do_is_given_to_somebody() -> None:
    refused = observation(probes=[probe(endpoint=broken("tcp-refused", "connect"), rows=[])])
    (host,) = plan(refused)["hosts"]
    assert host["repairs"] == []
    assert [(item["id"], item["who"]) for item in host["by_hand"]] == [("tcp-refused", _repair_plan.WHO["network"])]


def test_healthy_and_lost_hosts_are_in_the_plan() -> None:
    findings = analyse([observation(), observation("steve-b")], ["steve-a", "steve-b", "steve-lost"], RUN)
    text = _terminal_repairs.render_plan(_repair_plan.plan(findings))
    assert "steve-a, steve-b: nothing to repair" in text and "steve-lost: nothing, it was not reached" in text


def held(same: bool) -> dict[str, Any]:
    """The credentials of a container, whose user is the given one."""
    given = {"via": "environment", "shipped": False}
    return {"AUTH_USER": {**given, "same_as_given": True}, "AUTH_PASSWORD": {**given, "same_as_given": same}}


def drifted(same: bool | None, **parts: Any) -> dict[str, Any]:
    """An observation of a host whose env file holds another password than its container."""
    changed = {"AUTH_PASSWORD": {"same_as_given": same}}
    data = environment(changed=["AUTH_PASSWORD"], credentials_changed=changed, credentials=held(True))
    return observation(env={"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}, **parts)


@pytest.mark.parametrize(("document", "said"), [
    (drifted(False), "SteVe 3.14.1 will ignore AUTH_PASSWORD"),
    (drifted(None), "SteVe 3.14.1 will ignore AUTH_PASSWORD"),
    (drifted(True, admin=unknown("SteVe refused it")), "SteVe 3.14.1 will ignore AUTH_PASSWORD"),
    (drifted(False) | {"era": None}, "Which SteVe it is was not seen; from 3.8 on it will ignore AUTH_PASSWORD"),
    (drifted(False) | {"era": {"min": "3.7.0", "max": "3.7.1", "source": "about"}}, None),
    # SteVe accepts it already.
    (drifted(True), None),
])  # fmt: skip
def test_a_recreate_that_steve_ignores_is_announced(document: dict[str, Any], said: str | None) -> None:
    made = plan(document)
    (repair,) = made["hosts"][0]["repairs"]
    assert [item["id"] for item in repair["answers"]] == ["env-not-applied"]
    assert [item["id"] for item in repair["foresees"]] == (["env-not-effective"] if said else [])
    text = " ".join(_terminal_repairs.render_plan(made, width=1000).split())
    assert said in text if said else "env-not-effective" not in text


def test_what_was_announced_is_no_harm_and_no_success() -> None:
    env = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": environment(credentials=held(False))}
    before = analyse([drifted(False)], ["steve-a"], RUN)
    after = analyse([observation(env=env)], ["steve-a"], RUN)
    done = {"done": ["app_env"], "failed": []}
    told = compare(before, after, {"steve-a": {**done, "announced": ["env-not-effective"]}}, plan(drifted(False)))
    assert ids(told["announced"]) == ["env-not-effective"] and ids(told["gone"]) == ["env-not-applied"]
    # SteVe accepts another value, so it is a warning.
    assert verdict(told, "fail")["ok"]
    assert verdict(told, "warn") == {
        "ok": False, "safe": True, "reason": "1 cured, 0 still there, 0 new, 1 announced"
    }  # fmt: skip
    assert "announced" in _terminal_repairs.render_comparison(told)
    surprise = compare(before, after, {"steve-a": done}, plan(drifted(False)))
    assert ids(surprise["new"]) == ["env-not-effective"] and not verdict(surprise, "fail")["safe"]


def boxes(**statuses: str | None) -> dict[str, Any]:
    """An observation of charge boxes with their registration status; None: it is not registered."""
    known = [registered_box(id, registration_status=status) for id, status in statuses.items() if status]
    data = {"registered": known, "unknown": [], "sessions": []}
    asked = [registered_box(id)["id"] for id in statuses]
    rows = [row(id) if statuses[id] else row(id, "refused", "charge-box-unregistered") for id in asked]
    admin = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}
    return observation(asked=asked, admin=admin, probes=[probe(rows=rows), probe("proxy")])


def test_a_charge_box_is_repaired_only_as_far_as_the_inventory_says() -> None:
    (host,) = plan(
        boxes(OURS="rejected", MANAGED="rejected", NEW=None, TYPO=None), listed=["OURS", "MANAGED", "NEW"],
        accepted=["MANAGED"],
    )["hosts"]  # fmt: skip
    (repair,) = host["repairs"]
    assert {item["id"]: item["charge_box_ids"] for item in repair["answers"]} == {
        "charge-box-unregistered": ["NEW"], "charge-box-rejected": ["MANAGED"],
    }  # fmt: skip
    assert {item["id"]: item["charge_box_ids"] for item in host["by_hand"]} == {
        "charge-box-unregistered": ["TYPO"], "charge-box-rejected": ["OURS"],
    }  # fmt: skip
    assert {item["by"] for item in host["by_hand"]} == {"operator"}


def test_a_repair_that_the_tags_leave_out_is_announced_as_such() -> None:
    made = plan(ill(), left_out=["nginx"])
    assert made["hosts"][0]["repairs"][0]["left_out"]
    text = _terminal_repairs.render_plan(made)
    assert "the tags of this run leave it out" in text and "interrupts" not in text


BEFORE = analyse([ill()], ["steve-a"], RUN)
CLEAN = analyse([observation()], ["steve-a"], RUN)
DONE = {"steve-a": {"done": ["nginx_websocket"], "failed": []}}
FAILED = {"steve-a": {"done": [], "failed": [{"by": "nginx_websocket", "text": "nginx said no; all is back."}]}}


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_a_finding_is_cured_only_when_it_was_asked_again() -> None:
    cured = compare(BEFORE, CLEAN, DONE)
    assert ids(cured["gone"]) == ["proxy-no-route"]
    assert verdict(cured, "fail") == {"ok": True, "safe": True, "reason": "1 cured, 0 still there, 0 new"}
    assert "cured" in _terminal_repairs.render_comparison(cured)
    unasked = compare(BEFORE, analyse([observation(probes=[probe()])], ["steve-a"], RUN))
    assert unasked["gone"] == [] and ids(unasked["unanswered"]) == ["proxy-no-route"]
    assert not verdict(unasked, "never")["safe"]


def test_a_repair_without_effect_is_no_success_whatever_counts() -> None:
    result = compare(BEFORE, BEFORE, DONE, plan(ill()))
    judged = verdict(result, "never")
    assert not judged["ok"] and not judged["safe"] and "1 finding repaired without effect" in judged["reason"]
    assert verdict(compare(BEFORE, BEFORE), "never") == {
        "ok": True, "safe": True, "reason": "0 cured, 1 still there, 0 new"
    }  # fmt: skip
    standing = verdict(compare(BEFORE, BEFORE), "fail")
    assert not standing["ok"] and standing["safe"]


def test_a_repair_of_nginx_is_taken_back_when_it_cured_nothing_or_did_harm() -> None:
    def back(before: dict[str, Any], after: dict[str, Any], done: Any = None, made: Any = None) -> list[str]:
        done = DONE if done is None else done
        return take_back(compare(before, after, done, made or plan(ill())), done, "steve-a")

    assert back(BEFORE, BEFORE) == ["nginx_websocket"]
    assert back(BEFORE, CLEAN) == back(CLEAN, CLEAN) == []
    assert back(CLEAN, BEFORE, made={"hosts": []}) == ["nginx_websocket"]
    other = {"steve-a": {"done": ["app_env"], "failed": []}}
    assert back(BEFORE, BEFORE, other) == back(BEFORE, BEFORE, FAILED) == back(BEFORE, BEFORE, {}) == []
    direct = observation(probes=[probe(endpoint=broken("tcp-refused", "connect"), rows=[]), probe("proxy")])
    assert back(CLEAN, analyse([direct], ["steve-a"], RUN)) == []


def test_a_question_that_nginx_answered_well_before_its_repair_must_be_answered_after_it() -> None:
    wrong = {"verdict": "wrong", "finding": None, "stage": "path", "candidates": ["wrong-path"], "evidence": []}
    after = analyse([observation(probes=[probe(), probe("proxy", endpoint=wrong, rows=[])])], ["steve-a"], RUN)
    assert after["findings"] == []
    result = compare(CLEAN, after, DONE)
    judged = verdict(result, "never")
    assert not judged["ok"] and not judged["safe"] and "answered before and not any more" in judged["reason"]
    assert take_back(result, DONE, "steve-a") == ["nginx_websocket"]
    assert "wrong-path (proxy hop)" in _terminal_repairs.render_comparison(result)
    # Without a repair there it is no harm of one.
    assert verdict(compare(CLEAN, after), "never")["safe"]


def test_a_failed_repair_is_told_in_its_own_words() -> None:
    result = compare(BEFORE, BEFORE, FAILED)
    judged = verdict(result, "never")
    assert not judged["ok"] and not judged["safe"] and "1 repair failed" in judged["reason"]
    assert "nginx said no; all is back." in _terminal_repairs.render_comparison(result)


def test_something_new_is_harm() -> None:
    judged = verdict(compare(CLEAN, BEFORE), "never")
    assert not judged["ok"] and not judged["safe"] and "1 new" in judged["reason"]


def test_a_host_that_was_lost_on_the_way_is_told_from_one_that_was_never_there() -> None:
    gone = analyse([], ["steve-a"], RUN)
    lost, away = compare(BEFORE, gone), compare(gone, gone)
    assert [bool(lost[kind]) for kind in ("lost", "away")] == [True, False]
    assert [bool(away[kind]) for kind in ("lost", "away")] == [False, True]
    assert not verdict(lost, "never")["safe"] and not verdict(away, "never")["ok"]
    assert verdict(away, "never")["safe"]
    for result in (lost, away):
        assert "not reached: no observation was collected" in _terminal_repairs.render_comparison(result)


def test_each_host_has_a_verdict_of_its_own() -> None:
    before = analyse([ill(), ill("steve-b")], ["steve-a", "steve-b"], RUN)
    after = analyse([observation(), ill("steve-b")], ["steve-a", "steve-b"], RUN)
    done = dict.fromkeys(("steve-a", "steve-b"), DONE["steve-a"])
    result = compare(before, after, done, plan(ill(), ill("steve-b")))
    assert verdict(result, "fail", "steve-a")["ok"]
    assert not verdict(result, "fail", "steve-b")["safe"]
    assert not verdict(result, "fail")["ok"]


def test_a_finding_about_several_charge_boxes_may_be_cured_for_some_of_them() -> None:
    first, then = boxes(A="rejected", B="rejected"), boxes(A="accepted", B="rejected")
    before, after = analyse([first], ["steve-a"], RUN), analyse([then], ["steve-a"], RUN)
    done = {"steve-a": {"done": ["steve_chargebox"], "failed": []}}
    result = compare(before, after, done, plan(first, accepted=["A"]))
    assert [(item["id"], item["charge_boxes"]["ids"]) for item in result["gone"]] == [("charge-box-rejected", ["A"])]
    assert [(item["id"], item["charge_boxes"]["ids"]) for item in result["still"]] == [("charge-box-rejected", ["B"])]
    assert result["new"] == result["no_effect"] == []
    assert verdict(result, "fail") == {"ok": False, "safe": True, "reason": "1 cured, 1 still there, 0 new"}
    everything = compare(before, after, done, plan(first))
    assert [item["charge_boxes"]["ids"] for item in everything["no_effect"]] == [["B"]]


def test_what_was_hidden_behind_a_registration_is_uncovered() -> None:
    before = analyse([boxes(A=None)], ["steve-a"], RUN)
    after = analyse([boxes(A="pending")], ["steve-a"], RUN)
    result = compare(before, after)
    assert ids(result["uncovered"]) == ["charge-box-pending"] and result["new"] == []
