# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live charger, an operator who sends it a command every half second, and a picture of everything."""

from __future__ import annotations

import json
from typing import Any

from tests.stack.project import CONTROL_PORT
from tests.stack.scenario import Scenario


def main(scenario: Scenario) -> None:
    """Begin, and take the picture."""
    stack = scenario.stack
    # One heartbeat an hour: each writes to the data base.
    stack.charger("LIVE1", url=stack.proxy_ws_url, heartbeat=3600)
    body = json.dumps({"charge_box_id": "LIVE1", "action": "ClearCache", "payload": {}})
    url = f"http://127.0.0.1:{CONTROL_PORT}/command"
    # The operator sits in the app's container and ends with it.
    loop = f"while :; do curl -s --json '{body}' {url}; sleep 0.5; done >/dev/null"
    stack.compose("exec", "--detach", "app", "sh", "-c", loop)
    scenario.keep("before", snapshot(scenario))


def snapshot(scenario: Scenario) -> dict[str, Any]:
    """Everything that a diagnosis could have changed."""
    stack = scenario.stack
    # Not Ansible's own temporary directory, and not nginx's access log: a probe through nginx is a request there.
    script = r"find /etc /srv /var/lib /usr/local /opt -xdev -type f -printf '%p %T@ %C@ %s\n' | sort | sha256sum"
    changes = stack.engine.docker("diff", stack.target).stdout.splitlines()
    ours = ("/root", "/tmp", "/var/log", "/run")  # noqa: S108
    return {
        "tables": stack.dump(),
        "sessions": stack.control("sessions"),
        "unknown": stack.control("unknown"),
        "file times": stack.in_target("sh", "-c", script).stdout,
        "new files": sorted(line for line in changes if not line[2:].startswith(ours)),
        "project": {path.name: path.stat().st_mtime_ns for path in sorted(stack.directory.iterdir()) if path.is_file()},
        "containers": sorted(stack.compose("ps", "--all", "--quiet").stdout.split()),
    }
