# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task on this machine by ``ansible-playbook``: module, action plugin, check mode, diff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.playbook import COLLECTIONS, ROOT


def linked() -> Path:
    """A directory of collections that holds this one."""
    link = COLLECTIONS / "ansible_collections" / "chargeops" / "steve"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ROOT)
    return COLLECTIONS


def changed_lines(said: str) -> list[str]:
    """The changed lines that ``--diff`` showed."""
    return [line for line in said.splitlines() if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))]


def task(directory: Path, module: str, *options: str, **arguments: Any) -> tuple[dict[str, Any], str]:
    """Run a task; its result as the next task sees it, and everything that was printed."""
    linked()
    seen = directory / "result.json"
    one = {"name": "One task", f"chargeops.steve.{module}": arguments, "register": "result", "ignore_errors": True}
    other = {
        "name": "What the next task sees",
        "ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(seen), "mode": "0600"},
        "check_mode": False,
        "diff": False,
    }
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [one, other]}
    play["vars"] = {"ansible_python_interpreter": sys.executable}
    playbook = directory / "playbook.json"
    playbook.write_text(json.dumps([play]))
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            "localhost,",
            "-c",
            "local",
            *options,
            str(playbook),
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    result: dict[str, Any] = json.loads(seen.read_text())
    return result, said
