# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files as people write them; what they were before is kept for verify."""

from __future__ import annotations

from tests.stack.project import free_port
from tests.stack.scenario import Scenario

SITE = """\
# The charging site; ask Ada before you touch it.
server {{
    listen {other};   # the shop, not ours
    server_name shop.test;
    location /steve/websocket/ {{ return 418; }} # a trap: another server block
}}

server {{
\tlisten {listen};
\tserver_name "charge.test" www.charge.test;
\tinclude /etc/nginx/snippets/common.conf;

\tlocation /steve/websocket/ {{ # chargers {{ braces; in a comment
\t\tproxy_pass http://{upstream};   # the app
\t\tproxy_set_header Upgrade $http_upgrade;
\t\tproxy_set_header Connection "close"; # wrong, and nobody knows why
\t\tproxy_read_timeout 60s;
\t\taccess_log off;
\t}}

\tlocation / {{
\t\tproxy_pass http://{upstream};
\t\tproxy_set_header Host $http_host;
\t}}
}}
# EOF, no newline follows"""

COMMON = """\
# shared with the shop
client_max_body_size 8m;
proxy_set_header X-Real-IP $remote_addr;
"""


def main(scenario: Scenario) -> None:
    """Write the site, owned by somebody and readable by few."""
    stack = scenario.stack
    stack.write_in_target("/etc/nginx/snippets/common.conf", COMMON)
    stack.nginx(SITE.format(listen=stack.listen, other=f"127.0.0.1:{free_port()}", upstream=stack.upstream))
    stack.in_target("sh", "-c", "cd /etc/nginx/sites-available && chown www-data:adm steve && chmod 640 steve")
    scenario.keep("files", nginx_files(scenario))


def nginx_files(scenario: Scenario) -> dict[str, str]:
    """Every file and link below /etc/nginx: kind, mode, owner and content."""
    listing = 'find /etc/nginx -mindepth 1 -printf "%P %y %m %u:%g %l\\n" | sort'
    known = {}
    for line in scenario.stack.in_target("sh", "-c", listing).stdout.splitlines():
        name, about = line.split(" ", 1)
        content = scenario.stack.in_target("cat", f"/etc/nginx/{name}").stdout if about.startswith("f") else ""
        known[name] = f"{about}\n{content}"
    return known
