# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users get holds what they need and nothing else, and works without the checkout."""

from __future__ import annotations

import json
import re
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.artifact.conftest import ROOT, Command
from tests.demo.run import build
from tests.stages import tracked

COLLECTION = "chargeops.steve"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("steve_*.py"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())

#: What may be in it. Whatever else comes up is a decision: it is added here, or to build_ignore in galaxy.yml.
WANTED = re.compile(
    r"""
    (FILES|MANIFEST)\.json | COPYING | CHANGELOG\.md | README\.md | LICENSES/[^/]+\.txt | changelogs/changelog\.yaml
    | docs/[^/]+\.(md|svg) | docs/schema/[^/]+\.json
    | meta/(runtime|execution-environment)\.yml | meta/ee-requirements\.txt
    | playbooks/[^/]+\.yml
    | plugins/(action|doc_fragments|module_utils|modules|plugin_utils)/[^/]+\.py
    | roles/[^/]+/(README\.md|(defaults|handlers|meta|tasks|vars)/[^/]+\.yml|(files|templates)/.+)
    """,
    re.VERBOSE,
)
#: Folders of which every file is needed.
WHOLE = ("meta/", "playbooks/", "plugins/", "roles/", "docs/schema/")


def names(artifact: Path) -> set[str]:
    with tarfile.open(artifact) as archive:
        return {member.name for member in archive.getmembers() if not member.isdir()}


def test_the_artifact_holds_what_users_need_and_nothing_else(artifact: Path) -> None:
    found = names(artifact)
    assert sorted(name for name in found if not WANTED.fullmatch(name)) == []
    assert sorted(name for name in tracked() if name.startswith(WHOLE) and name not in found) == []
    assert {"README.md", "CHANGELOG.md", "COPYING", "docs/findings.md"} <= found


def test_the_artifact_holds_no_file_that_git_does_not_know(artifact: Path) -> None:
    assert names(artifact) - set(tracked()) == {"MANIFEST.json", "FILES.json"}


def test_the_links_of_its_pages_lead_to_its_own_files(artifact: Path) -> None:
    found = names(artifact)
    dead = []
    for page in sorted(name for name in found if name.endswith(".md")):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8")):
            place = (ROOT / page).parent / target
            if "://" not in target and place.resolve().relative_to(ROOT).as_posix() not in found:
                dead.append(f"{page}: {target}")
    assert dead == []


def test_every_module_is_documented(command: Command, installed: Path) -> None:
    listed = command("ansible-doc", "--type", "module", "--list", "--json", COLLECTION)
    modules = sorted(json.loads(listed.stdout))
    assert modules == [f"{COLLECTION}.{name}" for name in MODULES], listed.stderr
    shown = command("ansible-doc", "--type", "module", "--json", *modules)
    pages: dict[str, Any] = json.loads(shown.stdout)
    assert sorted(pages) == modules, shown.stderr
    assert all(page["doc"]["filename"].startswith(str(installed)) for page in pages.values())
    assert all(page["doc"]["options"] and page["examples"] and page["return"] for page in pages.values())
    assert all({"check_mode", "diff_mode", "idempotent"} <= set(page["doc"]["attributes"]) for page in pages.values())


def test_every_role_is_documented(command: Command) -> None:
    listed = command("ansible-doc", "--type", "role", "--list", "--json", COLLECTION)
    roles: dict[str, Any] = json.loads(listed.stdout)
    assert sorted(roles) == [f"{COLLECTION}.{name}" for name in ROLES], listed.stderr
    assert all(role["entry_points"]["main"] for role in roles.values())


@dataclass(frozen=True)
class Fleet:
    """Simulated hosts: their inventory, what each is broken by, and where reports go."""

    inventory: Path
    expected: dict[str, list[str]]
    reports: Path


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        hosts, expected = build(stack)
        inventory = folder / "hosts.json"
        inventory.write_text(json.dumps({"steve": {"hosts": hosts}}), encoding="utf-8")
        yield Fleet(inventory, expected, folder / "reports")


def found(fleet: Fleet, run: Path) -> dict[str, list[str]]:
    """Findings of a run by host."""
    document = json.loads((run / "findings.json").read_text(encoding="utf-8"))
    return {host: [item["id"] for item in document["findings"] if item["host"] == host] for host in fleet.expected}


def play(command: Command, fleet: Fleet, name: str, *words: str) -> tuple[int, str, Path]:
    """Run a playbook by its full name; its exit code, what it said, and its newest run."""
    reports = fleet.reports / name
    where = ["--inventory", str(fleet.inventory), "--extra-vars", json.dumps({"steve_report_dir": str(reports)})]
    done = command("ansible-playbook", f"{COLLECTION}.{name}", *where, *words)
    said = done.stdout + done.stderr
    runs = sorted(reports.glob("*/")) if reports.exists() else []
    return done.returncode, said, runs[-1] if runs else reports


def test_diagnose_names_what_is_broken_and_analyze_judges_the_same(command: Command, fleet: Fleet) -> None:
    code, said, run = play(command, fleet, "diagnose")
    assert code != 0, said
    assert found(fleet, run) == fleet.expected, said
    stored = json.dumps({"steve_runs": [str(run)]})
    code, said, again = play(command, fleet, "analyze", "--extra-vars", stored)
    assert code != 0, said
    assert found(fleet, again) == fleet.expected, said


def test_remediate_predicts_and_leaves_a_healthy_host_alone(command: Command, fleet: Fleet) -> None:
    code, said, _run = play(command, fleet, "remediate", "--check", "--diff", "--limit", "berlin")
    assert code == 0, said
    assert re.search(r"^berlin .*changed=0 .*failed=0", said, re.MULTILINE), said


def test_evidence_packs_an_archive(command: Command, fleet: Fleet) -> None:
    code, said, _run = play(command, fleet, "evidence", "--limit", "berlin", "--extra-vars", "steve_charge_box_id=CP-1")
    assert code == 0, said
    assert len(list((fleet.reports / "evidence").glob("berlin-*.tar.gz"))) == 1, said
