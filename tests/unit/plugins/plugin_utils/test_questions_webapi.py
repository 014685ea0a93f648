# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Web API in the diagnosis: each question passes, fails, is blocked and stays open as it should."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_webapi import QUESTIONS

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, service, unknown

BOXES = "/api/v1/chargeBoxes"


def web_api(
    verdict: str = "accepted",
    finding: str | None = None,
    scheme: str | None = "basic",
    *candidates: str,
    list_status: int | None = 403,
    **more: Any,
) -> dict[str, Any]:
    """The part, healthy unless told otherwise."""
    evidence = [
        {"request": "GET /steve/api/v1/ocppTags/0", "status": 401, "headers": {}, "body": "said", "note": "why"},
        {"request": None, "status": None, "headers": {}, "body": "", "note": "a remark"},
    ]
    data = {
        "verdict": verdict, "scheme": scheme, "finding": finding, "candidates": list(candidates), "evidence": evidence,
        "plain_http": False, "endpoints": [{"path": BOXES, "status": list_status if verdict == "accepted" else None}],
        "era": {"min": "3.10.0", "max": "3.14.1", "source": "fingerprint"},
        "boxes": [], "boxes_left": 0, "boxes_reason": None,
    }  # fmt: skip
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": {**data, **more}}


def judge(part: dict[str, Any], **more: Any) -> dict[str, Any]:
    return analyse([observation(webapi=part, **more)], ["steve-a"], "run")


def statuses(findings: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["status"] for item in findings["checks"] if item["id"] in QUESTIONS}


PASS = dict.fromkeys(QUESTIONS, "pass")
NOT_SEEN = {"webapi-plain-http": "pass"}


def expected(**others: str) -> dict[str, str]:
    return {**PASS, **{name.replace("_", "-"): value for name, value in others.items()}}


TABLE = {
    "healthy": (web_api(), expected()),
    "the fork's list": (web_api(list_status=200, boxes=None), expected()),
    "refused": (
        web_api("refused", "webapi-refused"),
        expected(webapi_refused="fail", webapi_box_invisible="blocked"),
    ),
    "refused, or switched off for the user": (
        web_api("refused", "webapi-refused", "basic", "webapi-disabled"),
        expected(webapi_refused="fail", webapi_disabled="unknown", webapi_box_invisible="blocked"),
    ),
    "disabled": (
        web_api("disabled", "webapi-disabled", "header"),
        expected(
            webapi_disabled="fail", webapi_refused="blocked", webapi_wrong_scheme="blocked",
            webapi_box_invisible="blocked",
        ),
    ),
    "absent": (
        web_api("absent", "webapi-absent", None),
        expected(
            webapi_absent="fail", webapi_disabled="blocked", webapi_refused="blocked", webapi_wrong_scheme="blocked",
            webapi_box_invisible="blocked",
        ),
    ),
    "wrong scheme": (
        web_api("refused", "webapi-wrong-scheme"),
        expected(
            webapi_wrong_scheme="fail", webapi_refused="blocked", webapi_disabled="unknown",
            webapi_box_invisible="blocked",
        ),
    ),
    "no user for Basic": (
        web_api("undetermined", None, "basic", "webapi-wrong-scheme"),
        expected(
            webapi_wrong_scheme="unknown", webapi_refused="unknown", webapi_disabled="unknown",
            webapi_box_invisible="unknown",
        ),
    ),
    "a login wall": (
        web_api("undetermined", "proxy-login-wall", None),
        {**dict.fromkeys(QUESTIONS, "unknown"), **NOT_SEEN},
    ),
    "plain http": (web_api(finding="webapi-plain-http", plain_http=True), expected(webapi_plain_http="warn")),
    "plain http, and refused": (
        web_api("refused", "webapi-refused", plain_http=True),
        expected(webapi_plain_http="warn", webapi_refused="fail", webapi_box_invisible="blocked"),
    ),
    "a box without transactions": (
        web_api(boxes=[{"id": "CP-1", "transactions": True}, {"id": "CP-2", "transactions": False}]),
        expected(webapi_box_invisible="warn"),
    ),
    "boxes with transactions": (web_api(boxes=[{"id": "CP-1", "transactions": True}]), expected()),
    "a box whose transactions cannot be told": (
        web_api(boxes=[{"id": "CP-1", "transactions": None}]),
        expected(webapi_box_invisible="unknown"),
    ),
    "boxes that were not looked at": (
        web_api(boxes=[{"id": "CP-1", "transactions": True}], boxes_left=3),
        expected(webapi_box_invisible="unknown"),
    ),
    "the list could not be asked": (web_api(list_status=None), expected(webapi_box_invisible="unknown")),
    "the list has an error": (web_api(list_status=500), expected(webapi_box_invisible="unknown")),
    "no sessions known": (
        web_api(boxes=None, boxes_reason={"status": "unknown", "reason": "the page fails"}),
        expected(webapi_box_invisible="unknown"),
    ),
    "no box asked about": (
        web_api(boxes=None, boxes_reason={"status": "skipped", "reason": "no charge box was asked about"}),
        expected(webapi_box_invisible="skipped"),
    ),
    "not asked": (
        {"status": "skipped", "reason": "steve_webapi_value is not given", "elapsed_s": 0.0, "data": None},
        dict.fromkeys(QUESTIONS, "skipped"),
    ),
    "could not look": (unknown("it broke"), dict.fromkeys(QUESTIONS, "unknown")),
}  # fmt: skip


@pytest.mark.parametrize("situation", TABLE)
def test_situation(situation: str) -> None:
    part, wanted = TABLE[situation]
    assert statuses(judge(part)) == wanted


def test_every_question_is_met_with_each_of_its_statuses() -> None:
    for id in QUESTIONS:
        met = {wanted[id] for _part, wanted in TABLE.values()}
        bad = dict.fromkeys(("webapi-plain-http", "webapi-box-invisible"), "warn").get(id, "fail")
        assert {"pass", bad, "unknown", "skipped"} <= met


@pytest.mark.parametrize("id", [id for id in QUESTIONS if id != "webapi-plain-http"])
def test_a_stopped_app_explains_all_of_it(id: str) -> None:
    down = web_api("undetermined", "tcp-refused", None)
    probes = [probe(endpoint=broken("tcp-refused", "connect"), rows=[])]
    result = judge(down, app=service("exited"), probes=probes, admin=unknown("refused"))
    (check,) = [item for item in result["checks"] if item["id"] == id]
    assert (check["status"], check["blocked_by"]) == ("blocked", ["app-not-running"])


def test_a_lost_data_base_explains_a_refusal() -> None:
    result = judge(web_api("refused", "webapi-refused"), db=service("exited"), admin=unknown("x"), probes=[])
    (check,) = [item for item in result["checks"] if item["id"] == "webapi-refused"]
    assert check["blocked_by"] == ["db-unreachable"]


def test_findings_show_evidence_message_and_remedy() -> None:
    result = judge(web_api("refused", "webapi-wrong-scheme", "header"))
    (finding,) = result["findings"]
    assert "it reads a header" in finding["message"]
    assert finding["evidence"][0] == {
        "source": "webapi",
        "detail": 'GET /steve/api/v1/ocppTags/0 answered 401 "said" (why)',
    }
    assert finding["evidence"][1]["detail"] == "a remark"
    assert finding["remedy"]["by"] == "operator" and finding["layer"] == "credentials"


def test_an_invisible_box_is_named_and_the_others_are_not() -> None:
    hostile = "CP\x1b[31m\u202e"
    boxes = [{"id": hostile, "transactions": False}, {"id": "CP-1", "transactions": True}]
    (finding,) = judge(web_api(boxes=boxes))["findings"]
    assert finding["charge_boxes"] == {"count": 1, "ids": [hostile]}
    assert "CP\\x1b[31m\\u202e" in finding["message"] and "CP-1" not in finding["message"]
    assert all(item["detail"].isprintable() for item in finding["evidence"])


def test_what_stays_open_says_why() -> None:
    result = judge(web_api("undetermined", None, "basic", "db-unreachable", "http-timeout"))
    (check,) = [item for item in result["checks"] if item["id"] == "webapi-refused"]
    assert check["reason"] == "undetermined between db-unreachable, http-timeout: why; a remark"


def test_all_entries_are_built() -> None:
    assert {id for id in BY_ID if id.startswith("webapi-")} == set(QUESTIONS)
    assert all(BY_ID[id].evidence for id in QUESTIONS)
