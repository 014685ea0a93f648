# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many tasks on this machine by one ``ansible-playbook``: their results as later tasks see them, and what was said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.integration.playbook import COLLECTIONS, ROOT


def run_tasks(
    directory: Path, tasks: Sequence[Mapping[str, Any]], variables: Mapping[str, Any], *options: str
) -> tuple[list[dict[str, Any]], str]:
    """Run the tasks in order, failed or not; one result for each, and everything that was printed.

    A task may have settings of its own, such as ``module_defaults``, and a ``register`` that no other has. The
    variables go in by a file, so that no text of the play holds a value.
    """
    link = COLLECTIONS / "ansible_collections" / "chargeops" / "steve"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ROOT)
    kept = directory / "results.json"
    names = [str(task.get("register", f"result_{number}")) for number, task in enumerate(tasks)]
    steps: list[Mapping[str, Any]] = [
        {**task, "register": name, "ignore_errors": True} for task, name in zip(tasks, names, strict=True)
    ]
    steps.append(
        {
            "name": "What a later task sees",
            "ansible.builtin.copy": {
                "content": "{{ [" + ", ".join(names) + "] | to_json }}", "dest": str(kept), "mode": "0600",
            },
            "check_mode": False,
            "diff": False,
            "no_log": True,
        }
    )  # fmt: skip
    play = {"name": "Many tasks", "hosts": "localhost", "gather_facts": False, "tasks": steps}
    (directory / "playbook.json").write_text(json.dumps([play]))
    shared = {"ansible_python_interpreter": sys.executable, **variables}
    (directory / "variables.json").write_text(json.dumps(shared))
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local",
            "--extra-vars", "@variables.json", *options, "playbook.json",
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={
            **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "200",
            "ANSIBLE_LOCAL_TEMP": str(directory / "local"), "ANSIBLE_PIPELINING": "true",
        },
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5000:]
    results: list[dict[str, Any]] = json.loads(kept.read_text())
    return results, said
