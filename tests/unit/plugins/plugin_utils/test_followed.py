# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was followed in the diagnosis: it is newer than the log and SteVe's lists, and says no more than was seen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._terminal import render

from tests.unit.plugins.plugin_utils.documents import observation, probe, registered_box, row, unknown
from tests.unit.plugins.plugin_utils.documents_log import (
    CLOSED,
    HEARTBEAT,
    OPENED,
    STARTED,
    about,
    ago,
    booted,
    followed,
    log,
)
from tests.unit.plugins.plugin_utils.test_questions_log import (
    HEALTHY_CLOCK,
    NO_PASSWORD,
    OF_BOXES,
    PENDING,
    QUICK,
    REFUSED,
    SILENT,
    WRONG,
)
from tests.unit.test_documents import check

UP = ago(3600, STARTED)
KNOCKS = "de.rwth.idsg.steve.ocpp.ws.OcppWebSocketHandshakeHandler (qtp-1) - ChargeBoxId '{}' is not recognized."
#: Lines while it is followed come after the observation.
CONNECTED = about(-60, OPENED, key="f1")
BOOTED = booted(-60, "f1")
ONCE = BOOTED + about(-64, CLOSED, key="f1")
TWICE = ONCE + booted(-80, "f2") + about(-83, CLOSED, key="f2")


def stranger(charge_box_id: str = "CP-1") -> str:
    return ago(-50, KNOCKS.format(charge_box_id), "ERROR")


def host(before: str, live: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A host whose log held something before, and that was followed."""
    parts = {"log": log(UP + before), "clock": HEALTHY_CLOCK} | ({} if live is None else {"follow": live})
    found = observation(**(parts | more))
    found["asked"] |= {"follow_s": 60 if live else None, "single": True}
    return found


def judge(document: dict[str, Any]) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    found = analyse([document], ["steve-a"], "run")
    check("findings", found)
    return [item["id"] for item in found["findings"]], {item["id"]: item["status"] for item in found["checks"]}, found


CASES: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "booted and stayed": ("", followed(CONNECTED, BOOTED, ended="all booted"), {}),
    "silent before, booted now": (SILENT, followed(BOOTED), {}),
    "refused before, connected now": (REFUSED, followed(BOOTED), {}),
    "pending before, accepted now": (PENDING, followed(BOOTED), {}),
    "accepted before, pending now": (
        booted(600), followed(booted(-60, "f1", "PENDING")), {"boot-not-accepted": "fail"},
    ),
    "connected, said nothing for 31 s": ("", followed(CONNECTED, held=31), {"boot-missing": "warn"}),
    "connected, said nothing for 29 s": ("", followed(CONNECTED, held=29), {}),
    "booted before, connected now and silent": (booted(600), followed(CONNECTED, held=31), {"boot-missing": "warn"}),
    "connected and talks": (
        "", followed(CONNECTED, about(-61, HEARTBEAT, key="f1"), held=31), {"boot-missing": "unknown"},
    ),
    "closed after the boot, once": ("", followed(ONCE), {"closed-after-boot": "unknown"}),
    "closed after the boot, twice": ("", followed(TWICE), {"closed-after-boot": "fail"}),
    "closed after the boot, as before": (QUICK, followed(ONCE), {"closed-after-boot": "fail"}),
    "closed as before, now booted for 2 s": (QUICK, followed(BOOTED), {"closed-after-boot": "fail"}),
    "closed as before, now booted for 11 s": (QUICK, followed(BOOTED, held=11), {}),
    "closed once, then back for 11 s": ("", followed(ONCE, booted(-80, "f2"), held=11), {}),
    "no password, once": ("", followed(ago(-50, NO_PASSWORD, "WARN")), {"basic-auth-missing": "fail"}),
    "no password, then connected": ("", followed(ago(-50, NO_PASSWORD, "WARN"), BOOTED), {}),
    "silent now, silent before": (SILENT, followed(), {"boot-missing": "warn"}),
}  # fmt: skip


@pytest.mark.parametrize(("before", "live", "wanted"), CASES.values(), ids=CASES)
def test_what_was_followed_is_the_newest(before: str, live: dict[str, Any], wanted: dict[str, str]) -> None:
    found, statuses, findings = judge(host(before, live))
    mine = {name: statuses[name] for name in OF_BOXES}
    nothing = {name: "skipped" if mine[name] == "skipped" and not before else "pass" for name in OF_BOXES}
    assert mine == nothing | wanted
    assert found == [name for name, status in wanted.items() if status in ("fail", "warn")]
    for item in findings["findings"]:
        assert item["charge_boxes"] == {"count": 1, "ids": ["CP-1"]} and "CP-1" in item["message"]


@pytest.mark.parametrize("name", OF_BOXES)
def test_what_was_not_followed_changes_nothing(name: str) -> None:
    for before in (SILENT, REFUSED, PENDING, QUICK, booted(600)):
        wanted = judge(host(before, None))[1][name]
        assert judge(host(before, unknown("no permission")))[1][name] == wanted
        assert judge(host(before, followed(asked="CP-9")))[1][name] == wanted


def test_a_password_that_is_refused_while_it_is_followed() -> None:
    found, _statuses, findings = judge(host("", followed(ago(-50, WRONG, "WARN"))))
    assert found == ["basic-auth-refused"]
    detail = findings["findings"][0]["evidence"][0]["detail"]
    assert detail == "CP-1: refused once, last at 2026-11-23T01:00:50Z: its password is wrong"
    twice = ago(50, WRONG, "WARN") * 2
    assert judge(host(twice, followed()))[0] == ["basic-auth-refused"]
    assert judge(host(twice, followed(BOOTED)))[0] == []


def test_steves_word_to_the_charger_is_evidence_that_it_is_unknown() -> None:
    refused = [row("CP-1", "refused", "charge-box-unregistered")]
    told = followed(stranger())
    _found, statuses, findings = judge(host("", told, probes=[probe(rows=refused), probe("proxy")]))
    assert statuses["charge-box-unregistered"] == "fail"
    (item,) = [item for item in findings["findings"] if item["id"] == "charge-box-unregistered"]
    assert item["evidence"][-1]["source"] == "followed log"
    for live, wanted in ((told, "fail"), (followed(BOOTED), "unknown")):
        document = host("", live, admin=unknown("refused"))
        document["parts"]["probes"] = unknown("no time")
        assert judge(document)[1]["charge-box-unregistered"] == wanted
    assert judge(host("", told))[1]["charge-box-unregistered"] == "pass", "it is registered by now"


def never(live: dict[str, Any]) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """A registered charge box without a trace, followed."""
    box = registered_box("CP-1", protocol=None, last_heartbeat=None)
    data = {"registered": [box], "unknown": [], "sessions": []}
    admin = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}
    return judge(host("", live, admin=admin))


def test_a_charge_box_that_never_connected_and_stays_silent() -> None:
    found, _statuses, findings = never(followed())
    assert found == ["never-connected"]
    assert "nothing arrived in 60 s" in json.dumps(findings["findings"][0]["evidence"])
    found, _statuses, findings = never(followed(stranger("CP-l")))
    assert "CP-l was refused once" in json.dumps(findings["findings"][0]["evidence"])
    assert never(followed(BOOTED))[1]["never-connected"] == "pass"
    found, statuses, _findings = never(followed(ago(-50, NO_PASSWORD, "WARN")))
    assert (found, statuses["never-connected"]) == (["basic-auth-missing"], "blocked")


LINES = {
    "CP-1: booted at 2026-11-23T01:01:01Z (Accepted)": followed(BOOTED),
    "CP-1: booted at 2026-11-23T01:01:41Z (Rejected), later than 30 s after it connected": followed(
        CONNECTED + booted(-100, "f1", "REJECTED").split("\n", 1)[1]
    ),
    "CP-1: silent: nothing arrived in 60 s": followed(),
    "CP-1: connected at 2026-11-23T01:01:00Z, no BootNotification yet": followed(CONNECTED),
    "CP-1: connected at 2026-11-23T01:01:00Z, no BootNotification within 30 s": followed(CONNECTED, held=40),
    "CP-1: connected at 2026-11-23T01:01:00Z, booted at 2026-11-23T01:01:01Z (Accepted), closed at "
    "2026-11-23T01:01:04Z with code 1006": followed(ONCE),
    "CP-1: was connected before, closed at 2026-11-23T01:00:10Z with code 1006, not back since": followed(
        about(-10, CLOSED, key="old")
    ),
    "CP-1: refused once, last at 2026-11-23T01:00:50Z: SteVe does not know this id": followed(stranger()),
}


@pytest.mark.parametrize(("line", "live"), LINES.items(), ids=range(len(LINES)))
def test_the_report_has_a_line_for_each(line: str, live: dict[str, Any]) -> None:
    shown = render(judge(host("", live))[2], width=200).splitlines()
    assert shown[0] == f"followed  {line}" and shown[1].startswith("verdict")


def test_the_report_says_that_the_container_was_recreated() -> None:
    live = followed(BOOTED)
    live["data"]["recreated"] = ["2026-11-23T01:00:40Z"]
    document = judge(host("", live))[2]
    assert document["hosts"][0]["followed"]["recreated"] == ["2026-11-23T01:00:40Z"]
    shown = render(document, width=200)
    text = "the app's container was recreated meanwhile (2026-11-23T01:00:40Z); the new one was followed"
    assert f"followed  {text}" in shown
    # A stored observation of before.
    del live["data"]["recreated"]
    assert judge(host("", live))[2]["hosts"][0]["followed"]["recreated"] == []
    assert "recreated" not in render(judge(host("", live))[2], width=200)


def test_the_report_says_why_nothing_was_followed_and_stays_short() -> None:
    shown = render(judge(host("", unknown("no permission")))[2], width=200)
    assert "followed  no permission" in shown
    assert "followed  " not in render(judge(host("", None))[2])
    ids = [f"CP-{number}" for number in range(50)]
    live = followed()
    (one,) = live["data"]["boxes"]
    live["data"]["boxes"] = [one | {"id": f"{name}\x1b[31m"} for name in ids]
    shown = render(judge(host("", live, asked=ids))[2], width=200)
    assert shown.count("silent: nothing arrived") == 20 and "and 30 more" in shown and "\x1b" not in shown
