# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""502 before, a charger that boots after, and no byte of nginx's configuration changed for it."""

from __future__ import annotations

from testinfra.host import Host

from tests.stack import nginx
from tests.stack.project import Stack
from tests.stack.scenario import Scenario, boot


def test_the_diagnosis_named_the_cause_and_only_it(scenario: Scenario) -> None:
    assert scenario.kept("answer") == "502" and scenario.kept("code") == 2
    run = scenario.run("diagnosed")
    assert [(item["id"], item["hop"]) for item in run.findings["findings"]] == [("proxy-stale-upstream", "proxy")]


def test_check_mode_predicted_the_reload_and_reloaded_nothing(scenario: Scenario, stack: Stack) -> None:
    predicted, done = scenario.run("check"), scenario.run("converge")
    assert predicted.changed[stack.name] == done.changed[stack.name] == 1
    assert predicted.ids() == done.first_ids() == ["proxy-stale-upstream"]
    assert done.ids() == []


def test_a_second_run_changes_nothing(scenario: Scenario, stack: Stack) -> None:
    assert scenario.run("idempotence").changed[stack.name] == 0


def test_the_site_is_as_it_was(host: Host, stack: Stack) -> None:
    site = nginx.server(stack.listen, nginx.location("/", stack.upstream))
    assert host.file("/etc/nginx/sites-available/steve").content_string == site
    assert not host.file("/etc/nginx/steve-websocket.conf").exists


def test_a_charger_boots_through_nginx(stack: Stack) -> None:
    assert boot(stack.proxy_ws_url, "CP1") == "Accepted"
