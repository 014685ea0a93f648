# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""wss from outside: chain, name and protocol as a charger sees them."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from testinfra.host import Host

from tests.stack.project import Stack
from tests.stack.scenario import Scenario, boot


@pytest.fixture
def url(stack: Stack) -> str:
    return stack.proxy_ws_url.replace("ws:", "wss:")


def test_check_mode_predicted_what_was_done(scenario: Scenario, stack: Stack) -> None:
    predicted, done = scenario.run("check"), scenario.run("converge")
    assert predicted.changes == done.changes and predicted.changed[stack.name] == done.changed[stack.name] == 1
    # Nothing listens yet, so nothing is wrong that the host could see; that the site is wanted is in the inventory.
    assert predicted.ids() == done.first_ids() == done.ids() == []
    assert [item["wanted"] for item in done.plan["hosts"][0]["repairs"]] == ["nginx_websocket_site asks for it"]
    assert done.statuses("tls-untrusted") == {"pass"}
    assert scenario.run("idempotence").changed[stack.name] == 0


def test_a_charger_that_trusts_the_authority_boots(scenario: Scenario, url: str) -> None:
    assert boot(url, "CP1", trust=scenario.directory / "trust.pem") == "Accepted"


def test_a_charger_that_does_not_know_the_authority_refuses(url: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        boot(url, "CP1", trust=Path(ssl.get_default_verify_paths().openssl_cafile or "/etc/ssl/cert.pem"))


def test_the_site_is_its_own_and_the_key_stayed_secret(host: Host) -> None:
    assert host.run("nginx -t").rc == 0
    site = host.file("/etc/nginx/conf.d/steve.conf")
    assert site.contains("ssl_certificate /etc/ssl/steve/server.crt;")
    assert host.file("/etc/ssl/steve/server.key").mode == 0o600
    assert host.file("/etc/nginx/sites-available/steve").contains("other.test")
