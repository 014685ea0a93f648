# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds results to what RETURN says of them: every key, when it is there, its type, and whether it may be null."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

MODULES = tuple(sorted(path.stem for path in (Path(__file__).parent.parent / "plugins/modules").glob("steve_*.py")))
PACKAGE = "ansible_collections.chargeops.steve.plugins.modules"

#: What Ansible itself means by these keys is said in its own documentation.
COMMON = {"changed", "failed", "msg", "warnings", "deprecations", "invocation", "exception", "failed_when_result"}
#: Types of RETURN, with the Python types that a result may have.
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,), "path": (str,), "int": (int,), "float": (float, int), "bool": (bool,), "dict": (dict,),
    "list": (list,),
}  # fmt: skip

JUDGED = ("reported", "analyzed")
When = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], bool]
#: Every phrase that ``returned`` may be, and what it promises of (this dictionary, the whole result, the options).
WHEN: dict[str, When] = {
    "always": lambda row, result, options: True,
    "success": lambda row, result, options: not result.get("failed"),
    "failure": lambda row, result, options: bool(result.get("failed")),
    "never in the result": lambda row, result, options: False,
    "when there is an error": lambda row, result, options: is_error(result),
    "with run_dir": lambda row, result, options: bool(options.get("run_dir")),
    "with run_dir, when there is no observation": (
        lambda row, result, options: bool(options.get("run_dir")) and result.get("reached") is False
    ),
    "unless run_dir is given or there is an error": lambda row, result, options: is_observation(result, options),
    "unless there is an error": lambda row, result, options: not is_error(result),
    "with O(tls) and a V(wss) O(url), unless run_dir is given or there is an error": lambda row, result, options: (
        is_observation(result, options) and bool(options.get("tls")) and str(options["url"]).startswith("wss:")
    ),
    "when SteVe's list could be read": lambda row, result, options: (
        result.get("error", {}).get("code") in (None, "charge-boxes-failed")
    ),
    "when state is not checked": lambda row, result, options: state(options) != "checked",
    "when state is not checked or begun": lambda row, result, options: state(options) not in ("checked", "begun"),
    "when state is planned": lambda row, result, options: state(options) == "planned",
    "when state is compared": lambda row, result, options: state(options) == "compared",
    "when state is reported or analyzed": lambda row, result, options: state(options) in JUDGED,
    "when state is reported, analyzed or compared": (
        lambda row, result, options: state(options) in (*JUDGED, "compared")
    ),
    "when state is reported, analyzed or planned": lambda row, result, options: state(options) in (*JUDGED, "planned"),
    "O(details=true)": lambda row, result, options: bool(options.get("details")),
    "when there is a doubt": lambda row, result, options: "doubt" in row,
    "when O(mode) is not V(preflight)": lambda row, result, options: options.get("mode", "preflight") != "preflight",
}


def is_error(result: Mapping[str, Any]) -> bool:
    """Whether the module could not do its work."""
    return bool(result.get("failed")) and "error" in result


def is_observation(result: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether the whole document came back."""
    return not options.get("run_dir") and not is_error(result)


def state(options: Mapping[str, Any]) -> str:
    """The state that a report was asked for."""
    return str(options.get("state", "reported"))


def module(name: str) -> ModuleType:
    """The module of this name."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def returned(name: str) -> dict[str, Any]:
    """RETURN of the module of this name."""
    documented: dict[str, Any] = yaml.safe_load(module(name).RETURN)
    return documented


def examples(name: str) -> list[dict[str, Any]]:
    """The tasks of EXAMPLES."""
    tasks: list[dict[str, Any]] = yaml.safe_load(module(name).EXAMPLES)
    return tasks


def faults(documented: dict[str, Any], result: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """What in a result is not as RETURN says: one sentence each."""
    shown = {key: value for key, value in result.items() if key not in COMMON and not key.startswith("_ansible")}
    return [*_keys(documented, shown, result, options, "")]


def sample_faults(documented: dict[str, Any]) -> list[str]:
    """What in the samples of RETURN is not as RETURN says. A sample may leave out what is not always returned."""
    found: list[str] = []
    for name, item in documented.items():
        if "sample" in item:
            found += _value(item, item["sample"], {}, None, name)
    return found


def _keys(
    documented: dict[str, Any], row: Mapping[str, Any], result: Mapping[str, Any], options: Any, path: str
) -> Iterator[str]:
    for key in sorted(set(row) - set(documented)):
        yield f"{path}{key} is not documented"
    for key, item in documented.items():
        # Inside of a dictionary that was returned nothing is left to succeed.
        when = item.get("returned", "always")
        when = "always" if path and when == "success" else when
        if when not in WHEN:
            yield f"{path}{key} is returned {when!r}, which nobody can check"
        elif options is None:
            if key not in row and when in ("always", "success"):
                yield f"{path}{key} is missing"
        elif WHEN[when](row, result, options) and key not in row:
            yield f"{path}{key} is missing, although it is returned {when!r}"
        elif not WHEN[when](row, result, options) and key in row:
            yield f"{path}{key} is there, although it is returned {when!r}"
        if key in row:
            yield from _value(item, row[key], result, options, f"{path}{key}")


def _value(item: dict[str, Any], value: Any, result: Mapping[str, Any], options: Any, path: str) -> Iterator[str]:
    if value is None:
        if "null" not in str(item["description"]).lower():
            yield f"{path} is null, which its description does not say"
        return
    if not isinstance(value, TYPES[item["type"]]) or (isinstance(value, bool) and item["type"] != "bool"):
        yield f"{path} is of type {type(value).__name__}, not {item['type']}"
        return
    if "choices" in item and value not in item["choices"]:
        yield f"{path} is {value!r}, which is no choice"
    rows: list[Any] = value if isinstance(value, list) else [value]
    if item["type"] == "list":
        if "elements" not in item:
            yield f"{path} is a list of nobody knows what"
            return
        yield from (
            f"{path} has an element of type {type(one).__name__}, not {item['elements']}"
            for one in rows
            if not isinstance(one, TYPES[item["elements"]])
        )
    if "contains" in item:
        for one in rows:
            yield from _keys(item["contains"], one, result, options, f"{path}.")
