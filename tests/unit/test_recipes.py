# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recipes of docs/recipes.md: each query runs and finds what its heading says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jmespath
import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, row, unknown

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "recipes.md"
STRIPPED = {"verdict": "broken", "finding": "proxy-upgrade-stripped"}
NGINX = "ansible-playbook chargeops.steve.remediate --tags nginx"
BOXES = "ansible-playbook chargeops.steve.remediate --tags charge_boxes"
UNSETTLED = row("CP-9", "undetermined", candidates=["charge-box-unregistered", "basic-auth-missing"])
DOCUMENTS = [
    observation("koeln", probes=[probe(), probe("proxy", gates=STRIPPED)]),
    observation("essen", asked=["CP-2"], registered=["CP-1"]),
    observation("bonn", admin=unknown("no password"), asked=["CP-9"], probes=[probe(rows=[UNSETTLED])]),
    observation("gera", probes=[probe(), probe("proxy", endpoint=broken("proxy-login-wall", "path"), rows=[])]),
]


def recipes() -> dict[str, str]:
    """Heading to query."""
    text = PAGE.read_text(encoding="utf-8")
    found = {}
    for section in text.split("\n## ")[1:]:
        heading, _end, body = section.partition("\n")
        queries = re.findall(r"^ {4}(.+)$", body, re.MULTILINE)
        assert len(queries) == 1, f"{heading} has {len(queries)} queries"
        found[heading] = queries[0]
    return found


def run(heading: str) -> Any:
    findings = analyse(DOCUMENTS, ["koeln", "essen", "bonn", "gera", "lost"], "20261123T010203Z-7f3a")
    return jmespath.search(recipes()[heading], findings)


EXPECTED: dict[str, Any] = {
    "Hosts with a certain cause": ["koeln"],
    "Hosts that were not reached, and why": [{"host": "lost", "reason": "no observation was collected"}],
    "Charge boxes of a finding": ["CP-2"],
    "Commands that repair something": [
        {"host": "koeln", "command": NGINX}, {"host": "essen", "command": BOXES},
    ],
    "What is not settled, with the candidates": [
        {"host": "bonn", "boxes": ["CP-9"], "candidates": ["charge-box-unregistered", "basic-auth-missing"]},
    ],
    "Hosts by release": [
        {"host": name, "from": "3.14.1", "to": "3.14.1"} for name in ("koeln", "essen", "bonn", "gera")
    ],
}  # fmt: skip


@pytest.mark.parametrize("heading", EXPECTED)
def test_a_query_finds_exactly_what_its_heading_says(heading: str) -> None:
    found = run(heading)
    assert sorted(found, key=str) == sorted(EXPECTED[heading], key=str)


def test_queries_with_words_of_the_catalogue_find_the_right_rows() -> None:
    causes = {(item["host"], item["id"]) for item in run("Hosts with any root cause, and which")}
    assert causes == {
        ("koeln", "proxy-upgrade-stripped"), ("essen", "charge-box-unregistered"), ("gera", "proxy-login-wall"),
    }  # fmt: skip
    (box,) = run("Findings of one charge box")
    assert (box["host"], box["id"]) == ("essen", "charge-box-unregistered")
    assert {"host": "bonn", "id": "charge-box-rejected", "reason": "no password"} in run("Open questions by host")
    assert [(item["host"], item["by"]) for item in run("What others have to do")] == [("gera", "operator")]


def test_no_recipe_is_left_untested() -> None:
    elsewhere = {"Hosts with any root cause, and which", "Findings of one charge box", "Open questions by host",
                 "What others have to do"}  # fmt: skip
    assert set(recipes()) == set(EXPECTED) | elsewhere
