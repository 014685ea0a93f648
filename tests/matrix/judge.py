# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recorded observations of a row, judged by the analyser as ``chargeops.steve.analyze`` does. Needs the collection.

Nothing is asked again: what is judged is what the modules saw on the real stack when the row was recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests.matrix.verdict import Verdict, of

KEYS = frozenset({"row", "made_by", "observations", "runbook", "seconds"})


def load(path: Path) -> dict[str, Any]:
    """A recording. ValueError: it is not one, or another row's."""
    recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if set(recorded) != KEYS:
        raise ValueError(f"{path.name}: a recording holds {', '.join(sorted(KEYS))} and nothing else")
    if recorded["row"] != path.stem:
        raise ValueError(f"{path.name}: it is the recording of {recorded['row']}")
    if not recorded["observations"]:
        raise ValueError(f"{path.name}: it holds no observation")
    return recorded


def verdict(recorded: Mapping[str, Any]) -> Verdict:
    """Judge a recording. ValueError: its host was not reached, so that nothing was judged."""
    documents = recorded["observations"]
    (host,) = {str(item["host"]) for item in documents}
    return of(analyse(documents, [host], "recorded"), host)
