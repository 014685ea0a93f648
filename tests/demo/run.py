# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: several simulated SteVe hosts, healthy and broken, and one ``chargeops.steve.diagnose`` over them.

Needs neither root nor Docker. Everything started here ends here; the report files stay.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.simulator import running_simulator  # noqa: E402
from tests.simulator.faulty_proxy import running_proxy  # noqa: E402

WEBSOCKET_PATH = "/steve/websocket/CentralSystemService"
PASSWORD = "1234"  # SteVe's shipped default, which the simulator has too


def free_port() -> int:
    """A port of the loopback address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def build(stack: ExitStack) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """Start the hosts; their inventory variables, and the root causes that the diagnosis has to name."""
    hosts: dict[str, dict[str, Any]] = {}
    expected: dict[str, list[str]] = {}

    def host(name: str, causes: list[str], **variables: Any) -> None:
        hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "steve_admin_password": PASSWORD,
            "steve_charge_boxes": ["CP-1"],
            # An nginx of this machine is none of a simulated host's.
            "steve_nginx_command": ["no-nginx-here"],
            "diagnose_nginx_conf": "/etc/nginx-demo/nginx.conf",
        } | variables
        expected[name] = causes

    def proxied(mode: str, port: int, name: str) -> str:
        proxy = stack.enter_context(running_proxy(mode, f"127.0.0.1:{port}"))
        return f"ws://{name}.example.net:{proxy.port}{WEBSOCKET_PATH}"

    healthy = stack.enter_context(running_simulator(release="3.14.1", charge_boxes=["CP-1", "CP-2"]))
    host("berlin", [], steve_url=healthy.url, steve_public_ws_url=proxied("ok", healthy.port, "berlin"))
    older = stack.enter_context(running_simulator(release="3.7.1", charge_boxes=["CP-1"]))
    host("hamburg", ["charge-box-id-near-miss"], steve_url=older.url, steve_charge_boxes=["CP-1", "CP-l"])
    host(
        "koeln",
        ["proxy-upgrade-stripped"],
        steve_url=healthy.url,
        steve_public_ws_url=proxied("strip-upgrade", healthy.port, "koeln"),
    )
    host(
        "leipzig",
        ["proxy-login-wall"],
        steve_url=older.url,
        steve_public_ws_url=proxied("login-302", older.port, "leipzig"),
    )
    host("muenchen", ["tcp-refused"], steve_url=f"http://127.0.0.1:{free_port()}/steve")
    return hosts, expected


def main() -> int:
    """Run the demo; 0 when the diagnosis named exactly what is broken."""
    with ExitStack() as stack:
        hosts, expected = build(stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="steve-demo-")))
        inventory = folder / "hosts.json"
        inventory.write_text(json.dumps({"steve": {"hosts": hosts}}), encoding="utf-8")
        print(f"Started {len(hosts)} simulated SteVe hosts: {', '.join(hosts)}. Diagnosing them ...\n", flush=True)
        environment = os.environ | {
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
        }
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "chargeops.steve.diagnose",
            "--inventory",
            str(inventory),
        ]
        before = _runs()
        done = subprocess.run(command, env=environment, cwd=ROOT, check=False)
        runs = sorted(_runs() - before)
    if not runs:
        print(f"demo: the diagnosis wrote no report (exit code {done.returncode})", file=sys.stderr)
        return 1
    return judge(runs[-1], expected)


def _runs() -> set[Path]:
    return set((ROOT / "steve-reports").glob("*/"))


def judge(run: Path, expected: dict[str, list[str]]) -> int:
    """Compare what was found with what was broken, and say where the files are."""
    findings = json.loads((run / "findings.json").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {name: [] for name in expected}
    for item in findings["findings"]:
        found[item["host"]].append(item["id"])
    wrong = {name: found[name] for name in expected if found[name] != expected[name]}
    print(f"\nReport files: {run.relative_to(ROOT)}/ (report.txt, findings.json, observations/)")
    for name, ids in wrong.items():
        print(f"demo: {name} is broken by {expected[name]}, but {ids} was found", file=sys.stderr)
    if not wrong:
        print("The diagnosis named exactly what is broken. The simulated hosts are stopped.")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
