# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After remediate: judged from outside, by nginx itself and by a real OCPP client."""

from __future__ import annotations

import os
import sys

from testinfra.host import Host

sys.path.insert(0, os.environ["STEVE_CHECKOUT"])

from tests.stack import engine, images
from tests.stack.project import Stack


def stack() -> Stack:
    """The stack of this scenario."""
    there = engine.ensure()
    return Stack.load(there, images.ensure(there), os.environ["STEVE_STACK"])


def test_nginx_accepts_its_configuration(host: Host) -> None:
    assert host.run("nginx -t").rc == 0


def test_the_location_stands_in_a_managed_file_that_the_site_includes(host: Host) -> None:
    fragment = host.file("/etc/nginx/steve-websocket.conf")
    assert fragment.exists
    assert fragment.contains("/steve/websocket/")
    assert host.file("/etc/nginx/sites-available/steve").contains("steve-websocket.conf")


def test_nothing_of_the_transaction_stays_behind(host: Host) -> None:
    assert not host.file("/var/lib/chargeops.steve").exists


def test_a_charger_boots_through_nginx() -> None:
    there = stack()
    charger = there.charger("LIVE1", url=there.proxy_ws_url)
    try:
        assert charger.wait_for("booted")["status"] == "Accepted"
    finally:
        charger.stop()
