# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JUnit XML: red is what makes the verdict bad, and any reader can read it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils import _junit
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import FAIL_ON, analyse

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, row, service, unknown

RUN = "20261123T010203Z-7f3a"
WARNING = observation(app=service(started_at="2026-11-23T00:59:00Z"), probes=[
    probe(endpoint=broken("tcp-refused", "connect"), rows=[]),
    probe("proxy", endpoint=broken("proxy-bad-gateway", "path"), rows=[]),
], admin=unknown("refused"))  # fmt: skip
SITUATIONS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "healthy": ([observation()], ["steve-a"]),
    "no route": (
        [observation(probes=[probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])])],
        ["steve-a"],
    ),
    "a warning": ([WARNING], ["steve-a"]),
    "lost": ([observation()], ["steve-a", "steve-b"]),
    "nothing": ([], ["steve-a"]),
    "unsettled": ([observation(probes=[probe(rows=[row("CP-1", "undetermined", candidates=["tcp-refused"])])])], ["a"]),
}
#: Attributes and children of the schemas of Ant (JUnit.xsd) and of Jenkins (junit-10.xsd), where both agree.
SUITE = {
    "id": r"\d+", "name": r"\S.*", "package": r"\S.*", "hostname": r"\S.*", "time": r"\d+\.\d+", "tests": r"\d+",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "failures": r"\d+", "errors": r"\d+", "skipped": r"\d+",
}  # fmt: skip
CASE = {"name": r"\S.*", "classname": r"\S.*", "time": r"\d+"}
OUTCOMES = {"failure": {"message", "type"}, "error": {"message", "type"}, "skipped": {"message"}}


def conform(text: str) -> list[ElementTree.Element]:
    """The suites of a document that keeps to both schemas."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites" and not root.attrib
    for suite in root:
        assert suite.tag == "testsuite" and set(suite.attrib) == set(SUITE)
        assert all(re.fullmatch(pattern, suite.attrib[name]) for name, pattern in SUITE.items()), suite.attrib
        tags = [child.tag for child in suite]
        assert tags == ["properties", *["testcase"] * (len(tags) - 3), "system-out", "system-err"]
        cases = suite.findall("testcase")
        assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
        for case in cases:
            assert set(case.attrib) == set(CASE)
            assert all(re.fullmatch(pattern, case.attrib[name]) for name, pattern in CASE.items()), case.attrib
            assert len(case) <= 1
            for outcome in case:
                assert set(outcome.attrib) == OUTCOMES[outcome.tag]
        for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(name, "")) == len(suite.findall(f"testcase/{kind}"))
        assert int(suite.get("tests", "")) == len(cases)
    return list(root)


@pytest.mark.parametrize("fail_on", FAIL_ON)
@pytest.mark.parametrize("name", SITUATIONS)
def test_red_is_exactly_what_makes_the_verdict_bad(name: str, fail_on: str) -> None:
    documents, hosts = SITUATIONS[name]
    findings = analyse(documents, hosts, RUN, fail_on)
    suites = conform(_junit.render(findings))
    red = [item for suite in suites for kind in ("failure", "error") for item in suite.iter(kind)]
    assert bool(red) is not findings["verdict"]["ok"]
    assert [suite.get("name") for suite in suites] == [host["host"] for host in findings["hosts"]]
    cases = [case for suite in suites for case in suite.findall("testcase")]
    assert len(cases) == len(findings["checks"]) + len(findings["hosts"])
    green = [case for case in cases if not len(case) and case.get("name") != "observed"]
    assert len(green) == findings["counts"]["pass"]


def test_a_failure_carries_cause_evidence_and_remedy() -> None:
    (suite,) = conform(_junit.render(analyse(*SITUATIONS["no route"], RUN)))
    (case,) = [case for case in suite.findall("testcase") if case.find("failure") is not None]
    assert (case.get("classname"), case.get("name")) == ("steve-a.proxy", "proxy-no-route (proxy)")
    failure = case.find("failure")
    assert failure is not None and failure.get("type") == "proxy-no-route"
    assert "evidence: probe proxy: GET /x answered 502" in (failure.text or "")
    assert "remedy: Add the WebSocket location" in (failure.text or "")


def test_an_unreachable_host_is_an_error_and_not_absent() -> None:
    _well, lost = conform(_junit.render(analyse(*SITUATIONS["lost"], RUN)))
    assert lost.get("name") == "steve-b" and lost.get("errors") == "1" and lost.get("failures") == "0"
    error = lost.find("testcase[@name='observed']/error")
    assert error is not None and "no observation was collected" in str(error.get("message"))


def test_unknown_is_skipped_with_its_reason() -> None:
    (suite,) = conform(_junit.render(analyse([observation(compose=unknown("no docker group"))], ["steve-a"], RUN)))
    skipped = suite.find("testcase[@name='app-not-running']/skipped")
    assert skipped is not None and skipped.get("message") == "unknown: no docker group"


@pytest.mark.parametrize(("fail_on", "kind"), [("fail", "skipped"), ("warn", "failure")])
def test_a_warning_is_red_only_where_it_counts_and_green_never(fail_on: str, kind: str) -> None:
    (suite,) = conform(_junit.render(analyse(*SITUATIONS["a warning"], RUN, fail_on)))
    outcome = suite.find(f"testcase[@name='app-starting']/{kind}")
    assert outcome is not None and "started 60 s ago" in str(outcome.get("message"))
