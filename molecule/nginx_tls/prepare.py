# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate as an authority hands it out, and an nginx that serves somebody else."""

from __future__ import annotations

from tests.certificates import family
from tests.stack import nginx
from tests.stack.project import ENDPOINT, PUBLIC_NAME, free_port
from tests.stack.scenario import Scenario


def main(scenario: Scenario) -> None:
    """Put certificate and key on the host; the authority's own certificate is what chargers trust."""
    stack, made = scenario.stack, family(PUBLIC_NAME, "127.0.0.1")
    stack.write_in_target("/etc/ssl/steve/server.crt", made.leaf.pem + made.intermediate.pem)
    stack.write_in_target("/etc/ssl/steve/server.key", made.leaf.key_pem)
    stack.in_target("chmod", "600", "/etc/ssl/steve/server.key")
    trust = scenario.directory / "trust.pem"
    trust.write_text(made.root.pem)
    stack.nginx(nginx.server(f"127.0.0.1:{free_port()}", "location / { return 404; }", name="other.test"))
    scenario.set(
        steve_public_ws_url=f"wss://{PUBLIC_NAME}:{stack.proxy_port}{ENDPOINT}", steve_charger_ca=str(trust)
    )
