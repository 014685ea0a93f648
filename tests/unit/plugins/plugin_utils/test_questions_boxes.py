# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A charge box that has never connected: the answer for one, a remark among many, and what explains it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils import _terminal
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._compare import compare

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, registered_box, row, unknown

RUN = "20261123T010203Z-7f3a"
NEVER = "never-connected"
SILENT = {"protocol": None, "last_heartbeat": None}
SESSION = {"id": "cp-1", "protocol": "ocpp1.6", "connected_since": "2026-11-23T00:00:00Z"}


def admin(boxes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    data = {"registered": boxes, "unknown": [], "sessions": []} | more
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}


def seen(
    boxes: list[dict[str, Any]] | None = None, single: bool = True, era: str = "3.14.1", **more: Any
) -> dict[str, Any]:
    """An observation of one host, asked about CP-1, that has no trace of it."""
    lists = {name: more.pop(name) for name in ("unknown", "sessions", "sessions_error") if name in more}
    boxes = [registered_box("CP-1", **SILENT)] if boxes is None else boxes
    document = observation(**{"admin": admin(boxes, **lists), **more})
    document["era"] = {"min": era, "max": era, "source": "about"}
    document["asked"]["single"] = single
    return document


def answers(document: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    findings = analyse([document], ["steve-a"], RUN)
    mine = [check for check in findings["checks"] if check["id"] == NEVER]
    return [check["status"] for check in mine], {item["id"]: item for item in findings["findings"]}


def test_the_one_charge_box_in_question_has_never_connected() -> None:
    statuses, findings = answers(seen())
    assert statuses == ["fail"] and list(findings) == [NEVER]
    finding = findings[NEVER]
    assert finding["charge_boxes"]["ids"] == ["CP-1"] and "CP-1" in finding["message"] and finding["root_cause"]
    assert finding["evidence"] == [
        {"source": "admin list", "detail": "CP-1: no protocol, no heartbeat, no open session"}
    ]


def test_one_of_many_may_be_registered_ahead_of_its_installation() -> None:
    boxes = [registered_box("CP-1", **SILENT), registered_box("CP-2")]
    document = seen(boxes, single=False, asked=["CP-1", "CP-2"])
    findings = analyse([document], ["steve-a"], RUN)
    (check,) = [check for check in findings["checks"] if check["id"] == NEVER]
    assert check["status"] == "skipped" and check["reason"].startswith("CP-1 has never connected so far")
    assert findings["verdict"]["ok"] is True and findings["findings"] == []
    shown = _terminal.render(findings)
    assert "never-connected: CP-1 has never connected so far" in shown


def test_an_unregistered_id_that_looks_alike_and_knocks_is_evidence() -> None:
    knocks = [
        {"id": "CP-l", "attempts": 7, "last_attempt": "2026-11-23T00:58:00Z"},
        {"id": "OTHER", "attempts": 1, "last_attempt": None},
    ]
    _statuses, findings = answers(seen(unknown=knocks))
    assert "looks alike knocked" in findings[NEVER]["message"]
    (evidence,) = [item["detail"] for item in findings[NEVER]["evidence"] if item["source"] == "unknown list"]
    assert evidence.startswith("CP-l is not registered and knocked 7 times, last 2026-11-23T00:58:00Z")


@pytest.mark.parametrize(
    "document",
    [
        seen([registered_box("CP-1")]),
        seen([registered_box("CP-1", last_heartbeat=None)]),
        seen(sessions=[SESSION]),
        seen(era="3.4.9", sessions=[SESSION]),
    ],
    ids=["heard of", "connected but never booted", "connected now", "connected now, up to 3.4.9"],
)  # fmt: skip
def test_a_charge_box_that_left_a_trace_is_none(document: dict[str, Any]) -> None:
    statuses, findings = answers(document)
    assert statuses == ["pass"] and NEVER not in findings


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (seen(era="3.4.9"), "keeps no trace"),
        (seen(era="3.4.9", sessions_error="the page fails"), "the page fails"),
        (seen(admin=unknown("no route to the admin UI")), "no route to the admin UI"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_stays_open(document: dict[str, Any], reason: str) -> None:
    findings = analyse([document], ["steve-a"], RUN)
    (check,) = [check for check in findings["checks"] if check["id"] == NEVER]
    assert check["status"] == "unknown" and reason in check["reason"]


def test_a_lost_session_list_leaves_the_stored_protocol_from_3_5_on() -> None:
    statuses, findings = answers(seen(era="3.8.0", sessions_error="the page fails"))
    assert statuses == ["fail"]
    assert findings[NEVER]["evidence"][0]["detail"] == "CP-1: no protocol and no heartbeat"


def test_nobody_asked_about_a_registered_charge_box() -> None:
    assert answers(seen(asked=[]))[0] == ["skipped"]
    assert answers(seen([registered_box("CP-2", **SILENT)]))[0] == ["skipped"]
    dedicated = seen()
    dedicated["asked"]["probe_charge_box_id"] = "cp-1"
    assert answers(dedicated)[0] == ["skipped"]


@pytest.mark.parametrize(
    "probes",
    [
        [probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])],
        [probe(), probe("proxy", gates={"verdict": "broken", "finding": "proxy-upgrade-stripped"})],
        [probe(endpoint=broken("tcp-refused", "connect"), rows=[])],
        [probe(rows=[row("CP-1", "refused", "charge-box-unregistered")])],
    ],
    ids=["proxy has no route", "proxy strips Upgrade", "nobody listens", "SteVe refuses the id"],
)  # fmt: skip
def test_what_keeps_it_out_explains_it(probes: list[dict[str, Any]]) -> None:
    statuses, findings = answers(seen(probes=probes))
    assert statuses == ["blocked"] and NEVER not in findings and len(findings) == 1


def test_a_charge_box_that_was_registered_a_moment_ago_is_waited_for() -> None:
    refused = [probe(rows=[row("CP-1", "refused", "charge-box-unregistered")])]
    before = analyse([seen([], probes=refused)], ["steve-a"], RUN)
    result = compare(before, analyse([seen()], ["steve-a"], RUN))
    assert [item["id"] for item in result["gone"]] == ["charge-box-unregistered"]
    assert [item["id"] for item in result["waiting"]] == [NEVER]
    assert result["new"] == result["uncovered"] == result["still"] == []


def test_what_was_hidden_before_is_uncovered_and_no_damage() -> None:
    broken_proxy = [probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])]
    before = analyse([seen(probes=broken_proxy)], ["steve-a"], RUN)
    result = compare(before, analyse([seen()], ["steve-a"], RUN))
    assert [item["id"] for item in result["uncovered"]] == [NEVER] and result["new"] == result["waiting"] == []
    healthy = analyse([observation()], ["steve-a"], RUN)
    assert [item["id"] for item in compare(healthy, before)["new"]] == ["proxy-no-route"]
