# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every module ends: the result sealed, the error as one sentence with its structured twin."""

from __future__ import annotations

import os
import traceback
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
        result = _failure(error)
    except Exception as error:
        result = _failure(_bug(error))
    finish(module, result)


def _failure(error: SteveError) -> dict[str, Any]:
    return {"failed": True, "changed": False, "msg": error.sentence(), "error": error.to_dict()}


def _bug(error: Exception) -> SteveError:
    """What can be told of an error that nobody thought of: its kind and its place, never its words."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    place = " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return SteveError(
        "finish", "a bug of this module", f"{type(error).__name__} at {place}",
        "Please report this line. What was changed until then is not known.", "internal-error",
    )  # fmt: skip
