# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forms of the report in a terminal: short, full, and five lines for one charge box."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils import _paper, _terminal
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import CATALOGUE

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, registered_box, row, service, unknown

RUN = "20261123T010203Z-7f3a"
ACCEPTED = {"registered": [registered_box("CP-1", registration_status="Accepted")], "unknown": [], "sessions": []}
ADMIN = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": ACCEPTED}
CANDIDATES = ["charge-box-unregistered", "basic-auth-missing"]
NOTE = {"request": "GET /x", "status": 404, "note": "give the password of CP-1"}


def healthy(host: str = "steve-a") -> dict[str, Any]:
    return observation(host, admin=ADMIN)


def no_route(host: str = "steve-a") -> dict[str, Any]:
    return observation(host, probes=[probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])])


def unsettled(host: str = "steve-a", ids: tuple[str, ...] = ("CP-1",)) -> dict[str, Any]:
    rows = [row(id, "undetermined", candidates=CANDIDATES, evidence=[NOTE]) for id in ids]
    return observation(host, admin=unknown("no admin password"), asked=list(ids), probes=[probe(rows=rows)])


def single(document: dict[str, Any], id: str = "CP-1") -> dict[str, Any]:
    document["asked"] |= {"charge_box_ids": [id], "single": True}
    return document


def told(*documents: dict[str, Any], hosts: tuple[str, ...] = (), **options: Any) -> str:
    names = list(hosts) or [item["host"] for item in documents]
    return _terminal.render(analyse(list(documents), names, RUN), **options)


# -- short --------------------------------------------------------------------------------------------------


def test_an_ill_host_is_told_in_a_few_lines_and_healthy_ones_share_one() -> None:
    lines = told(no_route("koeln"), healthy("berlin"), healthy("hamburg"), hosts=("bonn", "koeln")).splitlines()
    assert lines[0].startswith("LOST  bonn  not reached: ")
    assert lines[1] == "FAIL  koeln  SteVe 3.14.1"
    ill = lines[2 : next(index for index, line in enumerate(lines) if line.startswith("OK"))]
    assert [line.split()[0] for line in ill if line[4] != " "] == ["cause", "evidence", "remedy"]
    assert ill[-1].strip() == "ansible-playbook chargeops.steve.remediate --tags nginx" and len(ill) <= 7
    assert next(line for line in lines if "berlin" in line and "hamburg" in line) == "OK        berlin, hamburg"
    assert lines[-1].startswith("NOT OK: 1 root cause on 1 of 4 hosts, 1 of 4 hosts not reached")


def test_what_is_not_settled_stands_with_its_candidates_and_is_not_healthy() -> None:
    text = " ".join(told(unsettled("bonn", ("CP-1", "CP-2", "CP-3", "CP-4")), healthy("berlin")).split())
    assert "OPEN bonn SteVe 3.14.1" in text and "OK berlin" in text
    assert "CP-1, CP-2, CP-3 and 1 more: perhaps charge-box-unregistered or basic-auth-missing" in text
    assert "give the password of CP-1" in text


def test_a_gap_that_many_hosts_share_is_told_once() -> None:
    blind = [observation(f"h{number}", compose=unknown("no docker group"), admin=ADMIN) for number in range(5)]
    text = told(*blind)
    assert text.count("no docker group") == 1 and "(h0, h1, h2 and 2 more)" in text


def test_every_reason_of_a_host_that_was_not_asked_is_counted_or_named() -> None:
    findings = analyse([healthy()], ["steve-a"], RUN)
    skipped = {item["id"] for item in findings["checks"] if item["status"] == "skipped"}
    text = _terminal.render(findings)
    assert f"not asked {len(skipped)} questions: " in text


# -- one charge box -----------------------------------------------------------------------------------------

CASES = {
    "kept out": (single(observation(asked=["CP-2"], registered=["CP-1"]), "CP-2"), "FAIL: CP-2 is kept out of steve-a"),
    "a broken hop": (single(no_route()), "FAIL: CP-1 is kept out of steve-a"),
    "well": (single(healthy()), "OK: nothing keeps CP-1 out of steve-a"),
    "not settled": (single(unsettled()), "OPEN: whether CP-1 gets into steve-a"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_one_charge_box_takes_exactly_five_lines(name: str, width: int) -> None:
    document, verdict = CASES[name]
    lines = told(document, width=width, report="steve-reports/x/report.txt").splitlines()
    assert [line[:10].strip() for line in lines] == ["verdict", "cause", "evidence", "remedy", "not told"]
    assert lines[0][10:].startswith(verdict)
    assert all(line[10:].strip() for line in lines)
    assert lines[4].endswith("; report: steve-reports/x/report.txt")


def test_five_lines_name_cause_evidence_and_the_command() -> None:
    lines = told(CASES["kept out"][0]).splitlines()
    assert lines[1] == "cause     charge-box-unregistered: SteVe does not know charge box CP-2."
    assert lines[2] == "evidence  admin list: 1 registered, none equal"
    assert lines[3].endswith("ansible-playbook chargeops.steve.remediate --tags charge_boxes")


def test_five_lines_of_what_is_not_settled_name_the_candidates_and_what_settles_it() -> None:
    lines = told(CASES["not settled"][0]).splitlines()
    assert lines[1] == "cause     perhaps charge-box-unregistered or basic-auth-missing"
    assert "give the password of CP-1" in lines[2]
    assert "If charge-box-unregistered: " in lines[3] and "If basic-auth-missing: " in lines[3]


def test_an_id_that_nothing_answered_for_is_open_and_never_ok() -> None:
    blind = single(observation(admin=unknown("no admin password"), probes=[probe(rows=[])]))
    assert told(blind).startswith("verdict   OPEN: ")


def test_a_steve_that_is_starting_settles_nothing_about_the_charge_box() -> None:
    young = service(started_at="2026-11-23T00:59:00Z")
    dead = [probe(endpoint=broken("tcp-refused", "connect"), rows=[])]
    lines = told(single(observation(app=young, probes=dead, admin=unknown("refused")))).splitlines()
    assert lines[0].startswith("verdict   OPEN: ") and lines[1].startswith("cause     app-starting: ")


def test_a_lost_host_is_said_in_five_lines_when_others_have_the_same_question() -> None:
    findings = analyse([single(no_route())], ["steve-a"], RUN)
    findings["hosts"][0] |= {"reached": False, "reason": "unreachable: ssh"}
    assert _terminal.render(findings).splitlines()[0] == "verdict   LOST: nothing is known about CP-1"
    assert "LOST  steve-a" in told(hosts=("steve-a",))


def test_what_is_wrong_about_other_charge_boxes_is_mentioned_and_not_taken_for_the_cause() -> None:
    findings = analyse([single(observation(asked=["CP-2"], registered=["CP-1"]), "CP-2")], ["steve-a"], RUN)
    findings["hosts"][0]["charge_box_id"] = "CP-1"
    lines = _terminal.render(findings).splitlines()
    assert not lines[0].startswith("verdict   FAIL")
    assert lines[4].startswith("not told  charge-box-unregistered about other charge boxes")


def test_several_hosts_with_one_charge_box_get_five_lines_each_and_one_verdict() -> None:
    blocks = told(single(no_route("a")), single(healthy("b"))).split("\n\n")
    assert [len(block.splitlines()) for block in blocks] == [5, 5, 1]
    assert blocks[2].startswith("NOT OK: ")


def test_the_full_form_is_there_for_one_charge_box_too() -> None:
    assert "proxy-login-wall (proxy hop)" in told(single(no_route()), full=True)


# -- full ---------------------------------------------------------------------------------------------------


def test_the_full_form_holds_every_question_once_under_its_layer() -> None:
    findings = analyse([no_route()], ["steve-a"], RUN)
    text = _terminal.render(findings, full=True, width=200)
    words = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text)
    assert {entry.id for entry in CATALOGUE} <= set(words)
    place = -1
    for layer in dict.fromkeys(entry.layer for entry in CATALOGUE):
        here = re.search(rf"^  {layer}\b", text, re.MULTILINE)
        assert here is not None and here.start() > place
        place = here.start()
    assert "tcp-refused (direct hop, proxy hop)" in text
    assert "means     A proxy answers by itself" in text and "evaluated " in text


def test_the_full_form_tells_all_evidence_and_the_charge_boxes() -> None:
    ids = [f"CP-{number}" for number in range(2, 40)]
    document = observation(asked=ids, registered=["XYZ-1"])
    text = " ".join(told(document, full=True).split())
    assert "boxes CP-2, CP-3, " in text and "and 18 more" in text


# -- width and colour ---------------------------------------------------------------------------------------

LONG = [no_route("h" * 70), observation("\u5145\u96fb" * 30, asked=["\u96fb" * 90], registered=["CP-1"]), healthy("x")]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_lines_keep_to_the_columns_of_the_terminal_except_commands(width: int, full: bool) -> None:
    lines = told(*LONG, hosts=("steve-lost",), width=width, full=full).splitlines()
    assert len(lines) > 10
    long = [line for line in lines if _paper.columns(line) > max(width, 40)]
    assert [line for line in long if not line.strip().startswith("ansible-playbook ")] == []


@pytest.mark.parametrize("document", [no_route(), healthy(), unsettled(), single(no_route()), single(healthy())])
@pytest.mark.parametrize("full", [False, True])
def test_colour_is_there_when_asked_and_changes_nothing_else(document: dict[str, Any], full: bool) -> None:
    plain = told(document, full=full)
    coloured = told(document, full=full, colour=True)
    assert "\x1b" not in plain and "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_columns_count_wide_characters_twice_and_combining_marks_not_at_all() -> None:
    assert [_paper.columns(text) for text in ("ab", "\u5145\u96fb", "e\u0301", "\U0001f50c")] == [2, 4, 1, 2]
    assert _paper.fit("\u5145\u96fb\u5145\u96fb", 5) == "\u5145\u96fb\u2026"
    assert _paper.wrap("\u5145\u96fb\u5145 abc", 4) == ["\u5145\u96fb", "\u5145", "abc"]
    assert _paper.wrap("", 4) == []


def test_the_short_form_keeps_the_evidence_to_a_few_lines() -> None:
    findings = analyse([no_route()], ["steve-a"], RUN)
    findings["findings"][0]["evidence"] = [{"source": f"s{number}", "detail": "word " * 90} for number in range(5)]
    lines = _terminal.render(findings).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("    evidence")] == ["s0:", "s1:", "s2:"]
    start = next(index for index, line in enumerate(lines) if line.startswith("    evidence"))
    end = next(index for index, line in enumerate(lines) if line.startswith("    remedy"))
    assert end - start == 6 and lines[end - 1].endswith("\u2026")
