# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the README tells a newcomer to write and to type works as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.integration.one_task import linked
from tests.simulator import running_simulator
from tests.stack.shell import ROOT

PAGES = ("README.md", "docs/using.md", "docs/recipes.md")
VAULT = "group_vars/steve/vault.yml"
BIN = Path(sys.executable).parent


def blocks(page: str) -> list[str]:
    """Indented blocks of a page, and those between fences."""
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    indented = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    return [textwrap.dedent(block).strip("\n") + "\n" for block in [*fenced, *indented]]


def commands() -> list[str]:
    """Every ansible-playbook line of the pages."""
    lines = [line for page in PAGES for block in blocks(page) for line in block.splitlines()]
    return [line for line in lines if line.startswith("ansible-playbook ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the README's files were written as it says."""
    place = tmp_path_factory.mktemp("newcomer")
    inventory = next(block for block in blocks("README.md") if block.startswith("steve:\n"))
    secret = next(block for block in blocks("README.md") if block.startswith("vault_steve_admin_password:"))
    (place / "inventory.yml").write_text(inventory, encoding="utf-8")
    (place / "password").write_text("of the vault\n", encoding="utf-8")
    vault = place / VAULT
    vault.parent.mkdir(parents=True)
    name, value = secret.strip().split(": ")
    assert value == "the password of SteVe's admin UI"
    vault.write_text(f"{name}: '1234'\n", encoding="utf-8")
    run(place, ["ansible-vault", "encrypt", "--vault-password-file", "password", VAULT])
    return place


def run(place: Path, argv: list[str]) -> str:
    """A command in that directory; it has to succeed."""
    done = subprocess.run(
        [str(BIN / argv[0]), *argv[1:]], cwd=place, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(linked()), "ANSIBLE_NOCOLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_commands_to_try() -> None:
    assert len(commands()) >= 6


@pytest.mark.parametrize("command", commands())
def test_a_command_names_a_playbook_and_opens_the_vault_that_stands_beside_the_inventory(command: str) -> None:
    _program, playbook, *options = shlex.split(command, comments=True)
    assert (ROOT / "playbooks" / (playbook.removeprefix("chargeops.steve.") + ".yml")).is_file()
    assert ("--ask-vault-pass" in options) == ("inventory.yml" in options)
    known = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("variables.md", "using.md"))
    for at, option in enumerate(options):
        if option == "-e" and not options[at + 1].startswith(("{", "@")):
            assert f"`{options[at + 1].partition('=')[0]}" in known


def test_the_inventory_is_one_and_its_password_comes_from_the_vault(folder: Path) -> None:
    argv = ["ansible-inventory", "-i", "inventory.yml", "--vault-password-file", "password", "--host", "site7"]
    host: dict[str, Any] = json.loads(run(folder, argv))
    assert host["vault_steve_admin_password"] == "1234"
    page = (ROOT / "docs" / "variables.md").read_text(encoding="utf-8")
    assert sorted(name for name in host if name.startswith("steve_") and f"`{name}`" not in page) == []


def test_the_first_command_diagnoses_that_inventory(folder: Path) -> None:
    (command, *_others) = commands()
    with running_simulator(release="3.14.1", charge_boxes=["CP-1", "CP-2", "PROBE"]) as steve:
        here = {
            "ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable,
            "steve_url": steve.url, "steve_project_dir": "", "steve_vantage_hosts": [],
            "steve_public_ws_url": f"{steve.url.replace('http', 'ws', 1)}/websocket/CentralSystemService",
        }  # fmt: skip
        opened = command.replace("--ask-vault-pass", "--vault-password-file password")
        run(folder, [*shlex.split(opened), "-e", json.dumps(here)])
    (written,) = (folder / "steve-reports").glob("*/findings.json")
    findings = json.loads(written.read_text(encoding="utf-8"))
    (host,) = findings["hosts"]
    assert (host["host"], host["reached"]) == ("site7", True) and host["evaluated"] > 20
    # Nothing but that the charger's URL names this machine itself, which is true here.
    assert [item["id"] for item in findings["findings"]] == ["public-url-elsewhere"]
