# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bug ends a module as everything else does: sealed, in one sentence, without the words of the error."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _door

from tests.unit.module_runs import result_of


def test_a_bug_is_named_by_kind_and_place_and_not_by_its_words() -> None:
    def work(_params: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("kanarien-vogel-4711")

    module = ModuleType("broken")
    module.main = lambda: _door.run(AnsibleModule(argument_spec={}), work)  # type: ignore[attr-defined]
    result = result_of(module)
    assert (result["failed"], result["changed"], result["error"]["code"]) == (True, False, "internal-error")
    assert "KeyError at test_door.py:" in result["msg"] and "kanarien" not in str(result)
