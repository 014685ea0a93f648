# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a run on the controller: where they lie, and that only their owner reads them."""

from __future__ import annotations

import json
import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

OBSERVATION_SCHEMA = "chargeops.steve/observation/1"
_RUN_ID = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{4}$")


def new_run_id() -> str:
    """A fresh run id: UTC time and four random hexadecimal digits, e.g. ``20261123T010203Z-7f3a``."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") + "-" + secrets.token_hex(2)


def create_run(report_dir: str, run_id: str) -> str:
    """Create the directory of a run, readable by its owner only, and return its absolute path.

    Raises:
        ValueError: the run id is not one of ours (it becomes a directory name).
        OSError: the directory cannot be created.
    """
    if not _RUN_ID.match(run_id):
        raise ValueError(f"{run_id!r} is not a run id such as 20261123T010203Z-7f3a")
    path = os.path.join(os.path.abspath(os.path.expanduser(report_dir)), run_id)
    os.makedirs(path, mode=0o700)
    os.mkdir(os.path.join(path, "observations"), mode=0o700)
    return path


def write_observation(run_dir: str, document: dict[str, Any]) -> str:
    """File one observation; host and vantage become a safe file name.

    Raises:
        OSError: it cannot be written.
    """
    name = quote(str(document["host"]), safe="")
    if document.get("vantage") is not None:
        name += "@" + quote(str(document["vantage"]), safe="")
    path = os.path.join(
        run_dir, "observations", (name.replace(".", "%2E", 1) if name.startswith(".") else name) + ".json"
    )
    write_json(path, document)
    return path


def write_json(path: str, document: dict[str, Any]) -> None:
    """Write a document atomically, mode 0600."""
    write_text(path, json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: str, text: str) -> None:
    """Write a text file atomically, mode 0600."""
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_observations(run_dir: str) -> list[dict[str, Any]]:
    """All observation documents of a run.

    Raises:
        ValueError: a file is not an observation; the sentence names it.
        OSError: the directory cannot be read.
    """
    folder = os.path.join(run_dir, "observations")
    documents = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as stream:
            try:
                document = json.load(stream)
            except ValueError as error:
                raise ValueError(f"{path} is not JSON ({error}). Remove it or collect it again.") from error
        if not isinstance(document, dict) or document.get("schema") != OBSERVATION_SCHEMA:
            raise ValueError(f"{path} is not an observation ({OBSERVATION_SCHEMA}). Remove it from the directory.")
        documents.append(document)
    return documents


def read_findings(run_dir: str) -> dict[str, Any]:
    """The findings document of a run.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    with open(os.path.join(run_dir, "findings.json"), encoding="utf-8") as stream:
        value: dict[str, Any] = json.load(stream)
    return value


def earlier_probes(run_dir: str, host: str, now: datetime, seconds: float) -> list[dict[str, Any]]:
    """What earlier runs beside this one asked a host's SteVe, so that the traces they left in its log are not counted.

    Args:
        run_dir: directory of this run; the others lie beside it.
        host: inventory name.
        now: the present, aware.
        seconds: how far the log is read back.

    Returns:
        ``from``, ``to`` and ``ids`` of each probe of the newest runs; what cannot be read is left out.
    """
    parent, mine = os.path.split(os.path.abspath(run_dir))
    try:
        names = [name for name in os.listdir(parent) if _RUN_ID.match(name) and name != mine]
    except OSError:
        return []
    oldest = (now - timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%SZ")
    windows: list[dict[str, Any]] = []
    for name in sorted((name for name in names if name >= oldest), reverse=True)[:_EARLIER_RUNS]:
        try:
            documents = _of_host(os.path.join(parent, name), host)
        except (OSError, ValueError):
            continue
        for document in documents:
            windows += _windows(document)
    return windows


#: Earlier runs that are looked into.
_EARLIER_RUNS = 5


def _of_host(run_dir: str, host: str) -> list[dict[str, Any]]:
    """The documents about one host, those of vantages included."""
    folder = os.path.join(run_dir, "observations")
    stem = quote(host, safe="")
    stem = stem.replace(".", "%2E", 1) if stem.startswith(".") else stem
    documents = []
    for name in sorted(os.listdir(folder)):
        if name == stem + ".json" or (name.startswith(stem + "@") and name.endswith(".json")):
            with open(os.path.join(folder, name), encoding="utf-8") as stream:
                documents.append(json.load(stream))
    return documents


def _windows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """From, to and ids of each probe in an observation."""
    part = (document.get("parts") or {}).get("probes") or {}
    found = []
    for probe in part.get("data") or []:
        effects = probe.get("side_effects") or {}
        if effects.get("from") and effects.get("to"):
            ids = [row["charge_box_id"] for row in probe.get("probes") or []] + list(effects.get("knocks") or [])
            found.append({"from": effects["from"], "to": effects["to"], "ids": list(dict.fromkeys(ids))})
    return found
