# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module's ``main`` as Ansible does on a host, and compares its result with its documentation."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any

import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.chargeops.steve.plugins.module_utils._envelope import KEY, unseal

from tests.documentation import faults


def printed_by(module: ModuleType, check: bool = False, **options: Any) -> str:
    """What the module prints: JSON with the sealed result."""
    said = io.StringIO()
    arguments = {**options, "_ansible_check_mode": check}
    with patch_module_args(arguments), redirect_stdout(said):
        try:
            module.main()
        except SystemExit:
            return said.getvalue()
    raise AssertionError("a module ends with an exit")


def result_of(module: ModuleType, check: bool = False, **options: Any) -> dict[str, Any]:
    """The opened result."""
    printed = json.loads(printed_by(module, check, **options))
    assert KEY in printed, printed
    return unseal(printed[KEY])


def assert_documented(module: ModuleType, result: dict[str, Any], **options: Any) -> None:
    """The result is what RETURN says; ``options`` are those of the task on which that depends."""
    found = faults(yaml.safe_load(module.RETURN), result, options)
    assert not found, "\n".join(found)


def assert_spec_documented(module: ModuleType) -> None:
    """Options, types, defaults and choices are the same in the argument spec and in DOCUMENTATION."""
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    spec = module.argument_spec()
    assert set(documented) == set(spec)
    for name, option in spec.items():
        for key, usual in (
            ("type", "str"),
            ("default", None),
            ("choices", None),
            ("elements", None),
            ("required", False),
        ):
            assert documented[name].get(key, usual) == option.get(key, usual), (name, key)
