# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin hands the task to the module of its name and opens what comes back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.action.steve_chargebox_info import ActionModule
from ansible_collections.chargeops.steve.plugins.module_utils import _envelope

NAME = "chargeops.steve.steve_chargebox_info"


def action(answer: dict[str, Any], asked: list[dict[str, Any]]) -> Any:
    """The plugin on a task, with the module's answer at hand."""
    plugin: Any = ActionModule.__new__(ActionModule)
    plugin._task = SimpleNamespace(action=NAME, args={"url": "http://h/steve"})

    def execute(**call: Any) -> dict[str, Any]:
        asked.append(call)
        return answer

    plugin._execute_module = execute
    return plugin


def test_the_sealed_result_is_opened() -> None:
    asked: list[dict[str, Any]] = []
    result = {"charge_boxes": [{"id": "CP-1234"}], "changed": False}
    plugin = action({_envelope.KEY: _envelope.seal(result), "changed": False}, asked)
    assert plugin.module_result({"url": "http://h/steve"}, {}) == result
    assert asked == [{"module_name": NAME, "module_args": {"url": "http://h/steve"}, "task_vars": {}}]


def test_a_failure_has_the_sentence_of_the_envelope() -> None:
    sealed = _envelope.seal({"failed": True, "changed": False, "msg": "Cannot sign in"})
    plugin = action({_envelope.KEY: sealed, "failed": True, "msg": "closed"}, [])
    assert plugin.module_result({}, {}) == {"failed": True, "changed": False, "msg": "Cannot sign in"}


def test_a_damaged_envelope_is_a_failure() -> None:
    plugin = action({_envelope.KEY: "********"}, [])
    result = plugin.module_result({}, {})
    assert result["failed"] is True and "damaged" in result["msg"]


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "missing required arguments: url"}, {"unreachable": True}])
def test_what_comes_without_an_envelope_is_handed_on(answer: dict[str, Any]) -> None:
    assert action(dict(answer), []).module_result({}, {}) == answer
