# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every module ends: the result sealed, the error as one sentence with its structured twin."""

from __future__ import annotations

from typing import Any, Callable, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils._envelope import KEY, seal
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError


def finish(module: AnsibleModule, result: dict[str, Any]) -> NoReturn:
    """End a module. A failure is sealed too; the action plugin makes the task fail with its words."""
    module.exit_json(changed=bool(result.get("changed")), **{KEY: seal(result)})


def run(module: AnsibleModule, work: Callable[[dict[str, Any]], dict[str, Any]]) -> NoReturn:
    """Call ``work(params)`` and end the module with what it returns or with the sentence of its error."""
    try:
        result = work(module.params)
    except SteveError as error:
        result = {"failed": True, "changed": False, "msg": error.sentence(), "error": error.to_dict()}
    finish(module, result)
