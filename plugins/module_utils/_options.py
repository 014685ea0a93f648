# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that modules share: their argument specs, and the values read from them or refused with a sentence."""

from __future__ import annotations

import ipaddress
import math
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils import _era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Width of SteVe's column charge_box.charge_box_id in every release; a longer id cannot be registered.
MAX_CHARGE_BOX_ID = 255
#: Why an address such as ``fe80::1%eth0`` is refused.
SCOPE = "What stands behind the % is the name of an interface of one machine, so chargers cannot use it."


def connection_spec() -> dict[str, Any]:
    """Argument spec of the options documented in ``doc_fragments/_steve.py`` as CONNECTION."""
    return {
        "url": {"type": "str", "required": True},
        "connect_to": {"type": "str"},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
        "timeout": {"type": "float", "default": 10},
        "deadline": {"type": "float", "default": 60},
        "era": {"type": "str"},
    }


def charge_box_ids(value: Any, option: str = "charge_box_id") -> list[str]:
    """The charge box ids of an option of type ``raw``, each once, in the order given.

    Ansible turns a bare string into a list at its commas and a number ``0123`` into ``83``: other ids, silently.
    So only a list of strings is taken.

    Raises:
        InputError: not a list, or an entry is no string, is empty, too long or not text.
    """
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise InputError(option, f"it is {_kind(value)}", f"Give a list of strings, such as {option}: ['CP-1'].")
    return list(dict.fromkeys(charge_box_id(entry, option) for entry in value))


def charge_box_id(value: Any, option: str = "charge_box_id") -> str:
    """One charge box id.

    Raises:
        InputError: no string, empty, too long or not text.
    """
    if not isinstance(value, str):
        raise InputError(
            option, f"the entry {inert(value, 60)} is {_kind(value)}",
            "Write ids in quotes, because YAML reads 0123 or 1e5 as numbers and would change them.",
        )  # fmt: skip
    if not value:
        raise InputError(option, "an entry is empty", "Remove it, or give the id that stands in the charger.")
    if len(value) > MAX_CHARGE_BOX_ID:
        raise InputError(
            option, f"the entry {inert(value, 30)} has {len(value)} characters",
            f"SteVe's ids have at most {MAX_CHARGE_BOX_ID}.",
        )  # fmt: skip
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(option, f"the entry {inert(value, 60)} is not valid text", "Write it in UTF-8.") from None
    return value


def passwords(value: Any, option: str = "passwords") -> dict[str, str]:
    """Passwords of security profiles 1 and 2 by charge box id; the sentences of errors never contain one.

    Raises:
        InputError: not a dictionary of strings.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(option, f"it is {_kind(value)}", "Give a dictionary from charge box id to password.")
    for key, password in value.items():
        if not isinstance(key, str) or not isinstance(password, str):
            raise InputError(
                option, f"the entry of {inert(key, 60)} is not a pair of strings",
                "Write ids and passwords in quotes, because YAML reads digits as numbers.",
            )  # fmt: skip
        if any(character in password for character in "\r\n\0"):
            raise InputError(
                option, f"the password of {inert(key, 60)} contains a line break", "Remove it; no charger can send it."
            )
    return dict(value)


def era(value: str | None) -> _era.Era | None:
    """The release that somebody named, None when it is to be detected.

    A range is what the direct hop found out, for the other hops: ``3.10.0-3.14.1``.

    Raises:
        InputError: neither a release nor a range nor ``runbook``.
    """
    if not value:
        return None
    try:
        return _era.given(value)
    except ValueError:
        advice = "Give e.g. 3.14.1, a range such as 3.10.0-3.14.1, or runbook."
        raise InputError("era", f"{inert(value, 40)} is no release", advice) from None


def seconds(value: float, option: str) -> float:
    """A positive, finite number of seconds.

    Raises:
        InputError: zero, negative, infinite or not a number.
    """
    if not (value > 0 and math.isfinite(value)):
        raise InputError(option, f"{value} is not a positive number of seconds", "Give e.g. 10.")
    return float(value)


def host_and_port(value: str | None, option: str = "connect_to") -> tuple[str, int] | None:
    """Host and port of ``host:port`` or ``[IPv6]:port``; None when nothing was given.

    Raises:
        InputError: the text has another form.
    """
    if not value:
        return None
    advice = "Give host:port, such as 127.0.0.1:80 or [::1]:443."
    host, colon, port = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise InputError(option, f"{inert(value, 60)} has no port that can be told from the address", advice)
    if "%" in host:
        raise InputError(option, f"{inert(value, 60)} has a scope", f"{SCOPE} {advice}")
    if value.startswith("[") and not is_ipv6(host):
        raise InputError(option, f"{inert(host, 60)} is no IPv6 address", advice)
    if not colon or not host or any(character <= " " or character in "/@[]" for character in host):
        raise InputError(option, f"{inert(value, 60)} is not host:port", advice)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise InputError(option, f"{inert(port, 20)} is no port", advice)
    return host, int(port)


def is_ipv6(host: str) -> bool:
    """Whether this is an IPv6 address without scope."""
    try:
        return "%" not in host and ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _kind(value: Any) -> str:
    """What a value is, in the words of YAML."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a bare string"
    return "a dictionary" if isinstance(value, dict) else f"of type {type(value).__name__}"
