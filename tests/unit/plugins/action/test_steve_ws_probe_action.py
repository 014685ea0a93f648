# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin opens the envelope and, in a run, files what a vantage saw or why it saw nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.chargeops.steve.plugins.action.steve_ws_probe import ActionModule
from ansible_collections.chargeops.steve.plugins.module_utils import _envelope
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive, _view

NAME = "chargeops.steve.steve_ws_probe"
RUN_ID = "20261123T010203Z-7f3a"
PROBE: dict[str, Any] = {
    "schema": "chargeops.steve/probe/1", "hop": "public", "vantage": "gate", "url": "ws://h/x", "connect_to": None,
    "era": {"min": "3.14.1", "max": "3.14.1", "source": "given"}, "elapsed_s": 0.25, "changed": False,
    "endpoint": {"verdict": "reachable", "finding": None}, "upgrade_path": {}, "probes": [], "summary": {"asked": 0},
}  # fmt: skip


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    return _archive.create_run(str(tmp_path), RUN_ID)


def run(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | Exception, **args: Any) -> dict[str, Any]:
    monkeypatch.setattr(ActionBase, "run", lambda *_args, **_named: {})
    plugin: Any = ActionModule.__new__(ActionModule)
    plugin._task = SimpleNamespace(action=NAME, args={"url": "ws://h/x", "vantage": "gate", **args})

    def execute(**call: Any) -> dict[str, Any]:
        assert "run_dir" not in call["module_args"]
        if isinstance(answer, Exception):
            raise answer
        return answer

    plugin._execute_module = execute
    result: dict[str, Any] = plugin.run(task_vars={"inventory_hostname": "steve-a"})
    return result


def sealed(result: dict[str, Any]) -> dict[str, Any]:
    return {_envelope.KEY: _envelope.seal(result), "changed": False, "failed": bool(result.get("failed"))}


def filed(run_dir: str) -> dict[str, Any]:
    (document,) = _archive.read_observations(run_dir)
    return document


def test_without_a_run_the_result_is_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, sealed(PROBE))
    assert {key: result[key] for key in PROBE} == PROBE


def test_in_a_run_the_document_is_filed_as_seen_from_the_vantage(monkeypatch: pytest.MonkeyPatch, run_dir: str) -> None:
    result = run(monkeypatch, sealed(PROBE), run_dir=run_dir)
    assert (result["reached"], result["endpoint"]) == (True, "reachable")
    assert Path(result["file"]).is_file()
    document = filed(run_dir)
    assert (document["host"], document["vantage"], document["run_id"]) == ("steve-a", "gate", RUN_ID)
    view = _view.merge("steve-a", [document])
    assert [(probe.hop, probe.vantage, probe.reachable) for probe in view.probes] == [("public", "gate", True)]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (AnsibleConnectionFailure("no route"), "no route"),
        (sealed({"failed": True, "changed": False, "msg": "Option url is wrong"}), "Option url is wrong"),
    ],
)
def test_a_vantage_that_saw_nothing_is_filed_with_the_reason_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, run_dir: str, answer: Any, says: str
) -> None:
    result = run(monkeypatch, answer, run_dir=run_dir)
    assert not result.get("failed") and (result["reached"], result["endpoint"]) == (False, None)
    view = _view.merge("steve-a", [filed(run_dir)])
    assert says in view.dead_vantages["gate"] and view.probes == []


def test_nothing_of_the_module_s_invocation_reaches_the_file(monkeypatch: pytest.MonkeyPatch, run_dir: str) -> None:
    answer = {**sealed(PROBE), "invocation": {"module_args": {"passwords": "geheim"}}, "_ansible_x": 1}
    run(monkeypatch, answer, run_dir=run_dir)
    assert "geheim" not in json.dumps(filed(run_dir))
