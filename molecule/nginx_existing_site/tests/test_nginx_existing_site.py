# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed in the files, byte by byte, and what it means to another parser of nginx's language."""

from __future__ import annotations

import difflib
import runpy
from pathlib import Path
from typing import Any

import crossplane
import pytest
from testinfra.host import Host

from tests.stack.project import Stack
from tests.stack.scenario import Scenario, boot

NAME = "sites-available/steve"
HERE = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def before(scenario: Scenario) -> dict[str, str]:
    known: dict[str, str] = scenario.kept("files")
    return known


@pytest.fixture(scope="module")
def after(scenario: Scenario) -> dict[str, str]:
    known: dict[str, str] = runpy.run_path(str(HERE / "prepare.py"))["nginx_files"](scenario)
    return known


def test_check_mode_predicted_what_was_done(scenario: Scenario, stack: Stack) -> None:
    predicted, done = scenario.run("check"), scenario.run("converge")
    assert predicted.changes == done.changes and predicted.changed[stack.name] == done.changed[stack.name] == 1
    assert predicted.ids() == done.first_ids() and predicted.ids() and done.ids() == []
    assert scenario.run("idempotence").changed[stack.name] == 0


def test_only_the_site_changed_and_kept_its_mode_and_owner(before: dict[str, str], after: dict[str, str]) -> None:
    assert [name for name in before | after if before.get(name) != after.get(name)] == [NAME]
    assert before[NAME].splitlines()[0] == after[NAME].splitlines()[0] == "f 640 www-data:adm "


def test_only_the_wanted_bytes_changed(before: dict[str, str], after: dict[str, str]) -> None:
    diff = list(difflib.ndiff(before[NAME].splitlines(True), after[NAME].splitlines(True)))
    assert [line[2:].strip() for line in diff if line.startswith("- ")] == [
        'proxy_set_header Connection "close"; # wrong, and nobody knows why', "proxy_read_timeout 60s;"
    ]  # fmt: skip
    added = [line[2:] for line in diff if line.startswith("+ ")]
    # The comment stays on its line, and what is new stands in the style of its neighbours.
    assert any("# wrong, and nobody knows why" in line for line in added)
    assert all(line.startswith("\t\t") and not line.startswith("\t\t\t") for line in added)
    assert not after[NAME].endswith("\n")


def parsed(text: str, folder: Path) -> list[dict[str, Any]]:
    """What crossplane reads, without places and comments."""
    path = folder / "site.conf"
    path.write_text(text.split("\n", 1)[1])
    payload = crossplane.parse(str(path), single=True, check_ctx=False, comments=False)
    assert payload["status"] == "ok", payload["errors"]

    def bare(block: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"is": [line["directive"], *line["args"]], "in": bare(line.get("block", []))} for line in block]

    return bare(payload["config"][0]["parsed"])


def test_crossplane_sees_the_wanted_directives_and_everything_else_as_it_was(
    before: dict[str, str], after: dict[str, str], tmp_path: Path
) -> None:
    old, new = parsed(before[NAME], tmp_path), parsed(after[NAME], tmp_path)
    assert old[0] == new[0], "the shop's server block changed"
    location = next(line for line in new[1]["in"] if line["is"] == ["location", "/steve/websocket/"])
    directives = {" ".join(line["is"]) for line in location["in"]}
    assert {"proxy_http_version 1.1", "proxy_set_header Upgrade $http_upgrade", "access_log off"} <= directives
    assert {line for line in directives if line.startswith("proxy_set_header Connection")} <= {
        "proxy_set_header Connection upgrade", "proxy_set_header Connection Upgrade"
    }  # fmt: skip
    assert "proxy_read_timeout 60s" not in directives
    for one, other in zip(old[1]["in"], new[1]["in"], strict=True):
        assert one == other or other is location


def test_nginx_accepts_it_and_a_charger_boots(host: Host, stack: Stack) -> None:
    assert host.run("nginx -t").rc == 0
    assert boot(stack.proxy_ws_url, "CP1") == "Accepted"
