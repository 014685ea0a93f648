# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log and the clocks in the diagnosis: each question fails, passes, is blocked and stays open as it should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, row, service, unknown
from tests.unit.plugins.plugin_utils.documents_log import (
    CLOSED,
    FAILED,
    HEARTBEAT,
    OPENED,
    STARTED,
    about,
    ago,
    booted,
    clock,
    dropping,
    log,
)

HEALTHY_CLOCK = clock(("engine", -0.1, 1.0))
NO_PASSWORD = (
    "de.rwth.idsg.steve.service.ChargePointService (qtp-1) - Failed to find username and password in Basic "
    "Authorization header for ChargeBoxId 'CP-1'"
)
STRANGER = "de.rwth.idsg.steve.ocpp.ws.OcppWebSocketHandshakeHandler (qtp-1) - ChargeBoxId 'X' is not recognized."
UP = ago(3600, STARTED)


def failure(cause: str, seconds: float = 30) -> str:
    return ago(seconds, FAILED, "ERROR") + f"Caused by: java.sql.SQLException: {cause}\n"


LOGIN = failure("Error: 1045-28000: Access denied for user 'steve'@'172.18.0.3' (using password: YES)")
ZONE = failure("MySQL and Java are not using the same time zone. Java offset in seconds (0) != MySQL offset (3600)")
GONE = failure("Communications link failure")
ODD = failure("Failed to start bean 'webServerStartStop'")


def down(text: str, app: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A host whose SteVe does not answer."""
    probes = [probe(endpoint=broken("tcp-refused", "connect", verdict="unreachable"), rows=[])]
    given = {"log": log(text), "clock": HEALTHY_CLOCK, "admin": unknown("refused"), "probes": probes, **more}
    return observation(app=app or service("exited", exit_code=1), **given)


def up(text: str, **more: Any) -> dict[str, Any]:
    return observation(**{"log": log(UP + text), "clock": HEALTHY_CLOCK, **more})


def judge(document: dict[str, Any]) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """Ids of the root causes, status by id, and the document."""
    found = analyse([document], ["steve-a"], "run")
    return [item["id"] for item in found["findings"]], {item["id"]: item["status"] for item in found["checks"]}, found


# -- the start ----------------------------------------------------------------------------------------------

LOOP = service("restarting", exit_code=1, restarts=9)
STARTS = {
    "login, stopped": (down(LOGIN), ["db-refused-login"]),
    "login, in a loop": (down(LOGIN, LOOP), ["db-refused-login"]),
    "login, in a loop that tries again": (
        down(LOGIN + ago(5, "x.SteveApplication (main) - Starting SteveApplication v3.14.1"), LOOP),
        ["db-refused-login"],
    ),
    "login, container runs": (down(LOGIN, service("running", started_at="2026-11-23T00:59:00Z")), ["db-refused-login"]),
    "time zone": (down(ZONE), ["db-time-zone"]),
    "data base gone": (down(GONE), ["db-unreachable"]),
    "data base gone, in a loop": (down(GONE, LOOP, db=service("exited")), ["db-unreachable"]),
    "something else": (down(ODD), ["app-failed-to-start"]),
    "something else, in a loop": (down(ODD, LOOP), ["app-restarting"]),
    "stopped by hand": (down(UP), ["app-not-running"]),
}


@pytest.mark.parametrize(("document", "causes"), STARTS.values(), ids=STARTS)
def test_a_failed_start_has_one_root_cause(document: dict[str, Any], causes: list[str]) -> None:
    found, statuses, findings = judge(document)
    assert found == causes, json.dumps(findings["findings"], indent=1)
    for name in ("tcp-refused", "charge-box-unregistered", "session-flapping", "closed-after-boot"):
        assert statuses[name] in ("blocked", "skipped", "pass"), name
    if causes != ["app-not-running"]:
        assert "start failed at 2026-11-23T00:59:30Z" in json.dumps(findings["findings"][0]["evidence"])


@pytest.mark.parametrize("name", ["app-failed-to-start", "db-refused-login", "db-time-zone"])
def test_starts_pass_block_and_stay_open(name: str) -> None:
    assert judge(up(""))[1][name] == "pass"
    assert judge(up("", log=log("")))[1][name] == "pass", "SteVe answers, so it has started"
    assert judge(down(""))[1][name] == "unknown"
    assert judge(down("", log=unknown("no permission")))[1][name] == "unknown"
    old_failure = LOGIN.replace("00:59:30", "00:10:00") + ago(60, STARTED)
    assert judge(up(old_failure))[1][name] == "pass"
    missing = down({"app-failed-to-start": ODD, "db-refused-login": LOGIN, "db-time-zone": ZONE}[name])
    missing["parts"]["compose"]["data"] |= {"has_compose_file": False, "has_containers": False, "services": {}}
    assert judge(missing)[1][name] == "blocked"


# -- charge boxes -------------------------------------------------------------------------------------------


REFUSED = ago(50, NO_PASSWORD, "WARN") + ago(40, NO_PASSWORD, "WARN")
WRONG = "de.rwth.idsg.steve.service.ChargePointService (qtp-1) - Invalid password attempt for ChargeBoxId 'CP-1'"
QUICK = "".join(booted(when, f"q{when}") + about(when - 3, CLOSED, key=f"q{when}") for when in (300, 200, 100))
PENDING = booted(100, status="PENDING")
SILENT = about(600, OPENED)
WELL = about(19000, OPENED, key="z") + about(100, HEARTBEAT, key="z")

BOXES: dict[str, tuple[str, dict[str, str]]] = {
    "healthy": (booted(600), {}),
    "refused for want of a password": (REFUSED, {"basic-auth-missing": "fail"}),
    "knocked once without a password, by hand": (ago(50, NO_PASSWORD, "WARN"), {}),
    "refused, and connected since": (REFUSED + about(20, OPENED), {"boot-missing": "unknown"}),
    "cut after 60 s of silence": (dropping(70, 150, 90), {"session-flapping": "fail"}),
    "cut every 100 s": (dropping(100, 101, 100, silence=100), {"session-flapping": "fail"}),
    "cut at any time, often": (dropping(20, 90, 31, 200, 7, 60, silence=None), {"session-flapping": "fail"}),
    "cut twice": (dropping(70, 150), {}),
    "cut at any time, seldom": (dropping(3000, 9000, 700, silence=None), {}),
    "cut in the past, well since": (dropping(70, 150, 90, until=20000) + WELL, {}),
    "drops once in three hours": (dropping(10800, 10800, 10800, silence=None), {}),
    "closed after boot, each time": (QUICK, {"closed-after-boot": "fail"}),
    "closed after boot, once": (booted(100) + about(97, CLOSED), {"closed-after-boot": "unknown"}),
    "closed after boot, and stayed since": (QUICK + booted(50, "z"), {}),
    "silent": (SILENT, {"boot-missing": "warn"}),
    "silent, for a moment": (about(20, OPENED), {"boot-missing": "unknown"}),
    "reconnected without a boot, talks": (SILENT + about(500, HEARTBEAT), {}),
    "pending": (PENDING, {"boot-not-accepted": "fail"}),
    "pending, accepted since": (PENDING + booted(50, "z"), {}),
    "strangers": (ago(50, STRANGER, "ERROR") * 30 + booted(600), {}),
    "old errors": (ago(90000, NO_PASSWORD, "WARN") + booted(600), {}),
}  # fmt: skip
OF_BOXES = ("basic-auth-missing", "session-flapping", "closed-after-boot", "boot-missing", "boot-not-accepted")


@pytest.mark.parametrize(("text", "wanted"), BOXES.values(), ids=BOXES)
def test_what_the_log_says_about_a_charge_box(text: str, wanted: dict[str, str]) -> None:
    found, statuses, findings = judge(up(text))
    assert {name: statuses[name] for name in OF_BOXES} == dict.fromkeys(OF_BOXES, "pass") | wanted
    assert found == [name for name, status in wanted.items() if status in ("fail", "warn")]
    for item in findings["findings"]:
        assert item["charge_boxes"] == {"count": 1, "ids": ["CP-1"]}
        assert "CP-1" in item["message"] and item["evidence"][0]["source"] == "log"


def test_the_password_that_the_charger_itself_sends_is_refused() -> None:
    open_row = row("CP-1", "undetermined", None, candidates=["basic-auth-refused", "client-certificate-refused"])
    probes = [probe(rows=[open_row]), probe("proxy", rows=[])]
    text = ago(50, WRONG, "WARN") + ago(40, WRONG, "WARN")
    found, statuses, findings = judge(up(text, probes=probes))
    assert (found, statuses["basic-auth-refused"]) == (["basic-auth-refused"], "fail")
    assert "the password is wrong" in findings["findings"][0]["evidence"][0]["detail"]
    for healed in (ago(50, WRONG, "WARN"), text + about(20, OPENED), ""):
        assert judge(up(healed, probes=probes))[1]["basic-auth-refused"] == "unknown"
        assert judge(up(healed))[1]["basic-auth-refused"] == "pass"


def test_the_period_stands_in_the_evidence() -> None:
    evidence = json.dumps(judge(up(dropping(70, 150, 90)))[2]["findings"][0]["evidence"])
    assert "each time after 60 s in which nothing was said" in evidence and "1006 (3 times)" in evidence


@pytest.mark.parametrize("name", OF_BOXES)
def test_boxes_that_were_not_seen_or_not_asked_about_are_skipped(name: str) -> None:
    assert judge(up(booted(600).replace("CP-1", "CP-9")))[1][name] == "skipped"
    assert judge(up(booted(600), asked=[]))[1][name] == "skipped"
    assert judge(up("", log=log(booted(600), "CP-9")))[1][name] == "unknown", "its sessions are not in the document"
    assert judge(up("", log=unknown("no permission")))[1][name] == "unknown"


def test_what_explains_a_box_blocks_it() -> None:
    wall = {"id": "CP-1", "pk": 1, "registration_status": "pending"}
    admin: dict[str, Any] = {"registered": [wall], "unknown": [], "sessions": []}
    part = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": admin}
    found, statuses, _findings = judge(up(PENDING, admin=part))
    assert (found, statuses["boot-not-accepted"]) == (["charge-box-pending"], "blocked")
    admin["registered"] = [wall | {"registration_status": "accepted"}]
    assert judge(up(PENDING, admin=part))[1]["boot-not-accepted"] == "unknown"
    skewed = clock(("engine", 600.0, 1.0))
    found, statuses, _findings = judge(up(QUICK, clock=skewed))
    assert (found, statuses["closed-after-boot"]) == (["clock-skew"], "blocked")
    session = {"id": "CP-1", "protocol": "ocpp1.6", "connected_since": "x"}
    admin |= {"sessions": [session, session], "registered": [wall | {"registration_status": "accepted"}]}
    for text, name in ((dropping(70, 150, 90), "session-flapping"), (SILENT, "boot-missing")):
        found, statuses, _findings = judge(up(text, admin=part))
        assert (found, statuses[name]) == (["duplicate-session"], "blocked")
    refused = [row("CP-1", "refused", "charge-box-unregistered")]
    found, statuses, _findings = judge(up(REFUSED, probes=[probe(rows=refused), probe("proxy")]))
    assert statuses["basic-auth-missing"] == "blocked" and "charge-box-unregistered" in found


def test_another_spelling_in_the_log_is_the_same_box() -> None:
    assert judge(up(REFUSED.replace("CP-1", "cp-1")))[1]["basic-auth-missing"] == "fail"


def test_remote_text_is_inert_in_what_is_told() -> None:
    odd = "CP\x1b[31m-1"
    text = REFUSED.replace("CP-1", odd)
    found = judge(up("", log=log(UP + text, odd), asked=[odd], registered=[odd]))[2]
    (item,) = [item for item in found["findings"] if item["id"] == "basic-auth-missing"]
    assert "\x1b" not in item["message"] + item["evidence"][0]["detail"]


# -- time ---------------------------------------------------------------------------------------------------

CLOCKS: dict[str, tuple[dict[str, Any], str]] = {
    "right": (HEALTHY_CLOCK, "pass"),
    "ten minutes ahead of the engine": (clock(("engine", 600.0, 1.0)), "fail"),
    "ten minutes behind its time servers": (clock(("ntp", -600.0, 1.0), ("engine", 0.0, 1.0)), "fail"),
    "differs from the controller": (clock(("controller", 600.0, 5.0)), "fail"),
    "differs from the controller, but is synchronised": (
        clock(("controller", 600.0, 5.0), synchronized=True), "unknown",
    ),
    "not surely wrong": (clock(("controller", 100.0, 45.0)), "pass"),
    "nobody to compare with": (clock(), "unknown"),
    "could not look": (unknown("no"), "unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("part", "wanted"), CLOCKS.values(), ids=CLOCKS)
def test_the_clock(part: dict[str, Any], wanted: str) -> None:
    _found, statuses, findings = judge(up(booted(600), clock=part))
    assert statuses["clock-skew"] == wanted
    if wanted == "fail":
        assert "600 s" in findings["findings"][0]["message"]
