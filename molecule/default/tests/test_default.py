# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After remediate: judged from outside, by nginx itself and by a real OCPP client."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from tests.stack.project import Stack
from tests.stack.scenario import Scenario, boot


def test_check_mode_predicted_what_was_done(scenario: Scenario, stack: Stack) -> None:
    predicted, done = scenario.run("check"), scenario.run("converge")
    assert sorted(predicted.ids()) == sorted(done.first_ids()) == ["charge-box-unregistered", "proxy-upgrade-stripped"]
    assert done.ids() == []
    assert predicted.changed[stack.name] == done.changed[stack.name] == 2
    assert predicted.changes == done.changes
    assert any("location ^~ /steve/websocket/" in str(change["diff"]) for change in done.changes)


def test_a_second_run_changes_nothing(scenario: Scenario, stack: Stack) -> None:
    assert scenario.run("idempotence").changed[stack.name] == 0


def test_nginx_accepts_its_configuration(host: Host) -> None:
    assert host.run("nginx -t").rc == 0


def test_the_location_stands_in_a_managed_file_that_the_site_includes(host: Host) -> None:
    fragment = host.file("/etc/nginx/steve-websocket.conf")
    assert fragment.exists
    assert fragment.contains("/steve/websocket/")
    assert host.file("/etc/nginx/sites-available/steve").contains("steve-websocket.conf")


def test_nothing_of_the_transaction_stays_behind(host: Host) -> None:
    assert not host.file("/var/lib/chargeops.steve").exists


@pytest.mark.parametrize("box", ["CP1", "CP2"])
def test_a_charger_boots_through_nginx(stack: Stack, box: str) -> None:
    assert boot(stack.proxy_ws_url, box) == "Accepted"
