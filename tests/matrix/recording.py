# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings of rows: what a live run observed, without what differs from machine to machine and run to run. Pure.

Ports, names, addresses and ids are replaced by others that are equal where they were equal, so that the analyser sees
what it saw live. Times stay: certificates and logs are judged by them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOST = "steve-host"
FOLDER = "/opt/steve"
_ID = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b")
_HEX_ONLY = re.compile(r"[0-9]+")
#: What somebody else on this machine has to do with its size, which nobody judges to the byte.
_GIB = 1024**3


@dataclass(frozen=True)
class Place:
    """What is particular to the stack that was observed.

    Attributes:
        name: the stack's, which is also the inventory's.
        folders: folders of this machine → what is written instead; longer ones first.
        ports: ports → what is written instead.
        subnet: of the compose network, e.g. ``172.18.0.``; None when it is not known.
    """

    name: str
    folders: Mapping[str, str]
    ports: Mapping[int, int]
    subnet: str | None = None


def normalised(document: Any, place: Place) -> Any:
    """An observation, or what belongs to it, as it is recorded."""
    known: dict[str, str] = {}
    return _walk(_pruned(document, place), place, known)


def text_of(recording: Mapping[str, Any]) -> str:
    """A recording as its file holds it."""
    return json.dumps(recording, indent=1, sort_keys=True) + "\n"


def _pruned(document: Any, place: Place) -> Any:
    """An observation without other people's listeners and disks."""
    document = json.loads(json.dumps(document))
    parts = document.get("parts", {}) if isinstance(document, dict) else {}
    sockets = (parts.get("sockets") or {}).get("data") or {}
    if "listening" in sockets:
        sockets["listening"] = [row for row in sockets["listening"] if row["port"] in place.ports]
    resources = (parts.get("resources") or {}).get("data") or {}
    for system in resources.get("file_systems") or []:
        if system["free"] > _GIB:
            system |= {"size": 256 * _GIB, "free": 128 * _GIB, "inodes": 2**24, "inodes_free": 2**23}
    if resources.get("memory"):
        resources["memory"] = {"total": 16 * _GIB, "available": 8 * _GIB}
    return document


def _walk(value: Any, place: Place, known: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {_text(key, place, known): _walk(item, place, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, place, known) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return place.ports.get(value, value)
    return _text(value, place, known) if isinstance(value, str) else value


def _text(text: str, place: Place, known: dict[str, str]) -> str:
    if text.startswith("-----BEGIN"):
        return text
    for folder, instead in place.folders.items():
        text = text.replace(folder, instead)
    text = text.replace(place.name, HOST)
    for port, number in place.ports.items():
        text = re.sub(rf"(?<![\d.])0*{port}(?!\d)", str(number), text)
    if place.subnet:
        text = text.replace(place.subnet, "172.30.0.")
    return _ID.sub(lambda found: _instead(found[0], known), text)


def _instead(id: str, known: dict[str, str]) -> str:
    """Another id, the same each time; a short one is the beginning of its long one."""
    if _HEX_ONLY.fullmatch(id):
        return id
    short = id[:12]
    if short not in known:
        known[short] = f"{len(known) + 1:012x}"
    return known[short] if len(id) == 12 else known[short] + "0" * 52
