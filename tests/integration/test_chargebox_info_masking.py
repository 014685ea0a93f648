# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through Ansible, with secrets that are parts of ids: the ids survive, and the secret stays out of the output."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import running_simulator

ROOT = Path(__file__).resolve().parent.parent.parent
IDS = ["CP-1234", "steve-1", "admin", "1234", "steve", "plain"]
LONG_SECRET = "correct-horse-battery-staple"

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Read the charge boxes
      chargeops.steve.steve_chargebox_info:
        url: "{{ test_url }}"
        username: admin
        password: "{{ test_secret }}"
        details: true
      register: result
      ignore_errors: true
    - name: Keep what was registered
      ansible.builtin.copy:
        content: "{{ result | to_json }}"
        dest: "{{ test_file }}"
        mode: "0600"
      no_log: true
"""


def play(folder: Path, url: str, secret: str) -> tuple[dict[str, Any], str]:
    """Run the play at -vvvv; the registered result and everything that was printed."""
    link = folder / "collections" / "ansible_collections" / "chargeops" / "steve"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(ROOT)
    result = folder / "result.json"
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    variables = {
        "test_url": url, "test_secret": secret, "test_file": str(result),
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable,
    }  # fmt: skip
    (folder / "vars.json").write_text(json.dumps(variables), encoding="utf-8")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"), "-vvvv", "--inventory", "localhost,",
            "--extra-vars", "@vars.json", "play.yml",
        ],
        cwd=folder,
        env={
            **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"), "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert result.exists(), output
    registered: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return registered, output


def assert_secret_is_no_value(secret: str, output: str) -> None:
    """The secret stands nowhere as the value of anything, whatever ids contain it."""
    assert re.search(rf"pass\w*[\"']?\s*[:=]\s*[\"']?{re.escape(secret)}\b", output, re.IGNORECASE) is None
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in output


@pytest.mark.parametrize("secret", ["1234", "steve", "admin", LONG_SECRET])
def test_ids_that_contain_the_secret_survive_and_the_secret_does_not_show(tmp_path: Path, secret: str) -> None:
    environ = {"AUTH_USER": "admin", "AUTH_PASSWORD": secret}
    with running_simulator(release="3.14.1", charge_boxes=IDS, environ=environ) as simulator:
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(
                urllib.request.Request(f"{simulator.url}/websocket/CentralSystemService/NEW-{secret}"), timeout=10
            )
        registered, output = play(tmp_path, simulator.url, secret)
    assert [row["id"] for row in registered["charge_boxes"]] == IDS
    assert [row["registration_status"] for row in registered["charge_boxes"]] == ["accepted"] * len(IDS)
    assert [row["pk"] for row in registered["charge_boxes"]] == list(range(1, len(IDS) + 1))
    assert registered["source"] == "admin"
    assert registered["era"] == {"min": "3.14.1", "max": "3.14.1", "source": "about"}
    assert registered["changed"] is False and not registered.get("failed")
    assert "****" not in json.dumps({key: value for key, value in registered.items() if key != "invocation"})
    assert_secret_is_no_value(secret, output)
    if secret == LONG_SECRET:
        assert LONG_SECRET not in output.replace(f"NEW-{LONG_SECRET}", "")
    for identifier in IDS:
        assert f'"id": "{identifier}"' in output


@pytest.mark.parametrize("secret", ["steve", LONG_SECRET])
def test_a_refusal_is_a_whole_sentence_without_the_secret(tmp_path: Path, secret: str) -> None:
    with running_simulator(release="3.14.1", charge_boxes=IDS) as simulator:
        registered, output = play(tmp_path, simulator.url, secret)
    assert registered["failed"] is True
    assert registered["error"]["code"] == "admin-login-refused"
    target = f"{simulator.url}/manager/signin"
    assert registered["error"]["target"] == target
    assert registered["msg"].startswith(f"Cannot sign in ({target}): SteVe refused user or password. ")
    assert_secret_is_no_value(secret, output)
    assert LONG_SECRET not in output
