# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``diagnose`` over a fleet beside a playbook of the runbook's commands, one task a step, over the same hosts.

``python -m tests.benchmark.fleet [HOSTS] [CHARGE BOXES OF EACH]``

All hosts are this machine (``ansible_connection: local``) and share one simulated SteVe behind a proxy, so what is
compared is what Ansible and its modules cost. The runbook's side is spared what a person does (looking the id up in
the admin UI) and what is not here (containers: SteVe's log is a file for both). Its upgrade request opens a session
and would then wait for ever; here it is cut off after a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.simulator import running_simulator
from tests.simulator.faulty_proxy import running_proxy

ROOT = Path(__file__).resolve().parent.parent.parent
#: Part of the runbook playbook's time that ``diagnose`` may take.
WANTED = 0.2
LIMIT_S = 900.0
_ENDPOINT = "/steve/websocket/CentralSystemService"
_UPGRADE = (
    "curl -sS -i --max-time 1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' "
    "-H 'Sec-WebSocket-Key: c3RldmUtYmVuY2htYXJrIQ==' -H 'Sec-WebSocket-Protocol: ocpp1.6'"
)
#: (step of the runbook, command, whether it is asked for each charge box).
STEPS = (
    ("Log of the app", "tail -n 200 {{ steve_log_file }}", False),
    ("Health of SteVe", "curl -sS -i -u admin:{{ steve_admin_password }} {{ steve_url }}/manager/home", False),
    ("Handshake", _UPGRADE + " {{ steve_public_ws_url | regex_replace('^ws', 'http') }}/{{ item }}", True),
    ("Log of the charge box", "grep -i {{ item }} {{ steve_log_file }}", True),
    ("Clock", "date", False),
    ("Proxy", "grep -rn -A 12 websocket /etc/nginx", False),
    ("Web API", "curl -sS -i -H 'Authorization: Bearer x' {{ steve_url }}/api/v1/chargepoints", False),
)


def runbook_playbook() -> list[dict[str, Any]]:
    """The runbook's commands, as somebody would put them into a playbook."""
    tasks = []
    for name, command, each in STEPS:
        task: dict[str, Any] = {
            "name": name,
            "ansible.builtin.shell": command,
            "changed_when": False,
            "failed_when": False,
        }
        tasks.append(task | ({"loop": "{{ steve_charge_boxes }}"} if each else {}))
    return [{"hosts": "steve", "gather_facts": False, "tasks": tasks}]


def main(argv: Sequence[str]) -> int:
    """Print seconds and ratios; 0 when everything was measured, whatever came out."""
    count, each = (int(item) for item in (*argv, *("20", "10")[len(argv) :]))
    boxes = [f"CP-{number:03d}" for number in range(each)]
    with tempfile.TemporaryDirectory(prefix="steve-bench-") as name:
        folder = Path(name)
        log = folder / "steve.log"
        with (
            running_simulator(release="3.14.1", charge_boxes=boxes, log_file=log) as steve,
            running_proxy("ok", f"127.0.0.1:{steve.port}") as proxy,
        ):
            host = {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "steve_url": steve.url,
                "steve_public_ws_url": f"ws://127.0.0.1:{proxy.port}{_ENDPOINT}",
                "steve_admin_password": "1234",
                "steve_charge_boxes": boxes,
                "steve_log_file": str(log),
                "steve_report_dir": str(folder / "reports"),
            }
            hosts = {f"steve-{number:02d}": host for number in range(count)}
            (folder / "hosts.json").write_text(json.dumps({"steve": {"hosts": hosts}}), encoding="utf-8")
            (folder / "runbook.json").write_text(json.dumps(runbook_playbook()), encoding="utf-8")
            print(f"Diagnosing {count} hosts with {each} charge boxes each, 5 at the same time.", flush=True)
            diagnosed = _seconds("diagnose", folder, "chargeops.steve.diagnose")
            _looked(folder, count)
            by_hand = _seconds("the runbook's commands as tasks", folder, str(folder / "runbook.json"))
    part = diagnosed / by_hand
    met = "" if part <= WANTED else ", NOT MET"
    print(f"    diagnose takes {part:.2f} of the time (wanted: at most {WANTED:g}{met})")
    return 0


def _seconds(title: str, folder: Path, playbook: str) -> float:
    """How long a playbook takes. RuntimeError when it did not run to its end."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), playbook, "--inventory", "hosts.json"]
    settings = {"ANSIBLE_FORKS": "5"}
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=os.environ | settings, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    taken = time.perf_counter() - began
    if "PLAY RECAP" not in done.stdout or "unreachable=0" not in done.stdout:
        raise RuntimeError(f"{playbook} did not run to its end:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    print(f"    {taken:6.1f} s  {title}", flush=True)
    return taken


def _looked(folder: Path, count: int) -> None:
    """RuntimeError when the diagnosis that was measured did not reach and judge every host."""
    findings = json.loads(next((folder / "reports").glob("*/findings.json")).read_text(encoding="utf-8"))
    reached = [item["host"] for item in findings["hosts"] if item["reached"]]
    healthy = {item["host"] for item in findings["checks"] if item["status"] == "pass"}
    if len(reached) != count or healthy != set(reached) or findings["counts"]["fail"]:
        raise RuntimeError(f"the diagnosis is not that of {count} healthy hosts: {findings['counts']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
