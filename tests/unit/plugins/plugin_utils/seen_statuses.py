# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pytest plugin that notes which statuses the analyser gives to which entries, in the file that SEEN_STATUSES names.

It has to be loaded before the tests are collected, because they take ``analyse`` by its name.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_SEEN: set[tuple[str, str]] = set()


def pytest_configure(config: pytest.Config) -> None:
    """Put an analyser that notes in the place of the real one, which it asks."""
    del config
    # The collection is importable only when tests/conftest.py was read.
    from ansible_collections.chargeops.steve.plugins.plugin_utils import _analyse

    real = _analyse.analyse

    def analyse(*args: Any, **more: Any) -> dict[str, Any]:
        found = real(*args, **more)
        _SEEN.update((item["id"], item["status"]) for item in found["checks"])
        return found

    _analyse.analyse = analyse


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write down what was seen."""
    del session, exitstatus
    Path(os.environ["SEEN_STATUSES"]).write_text(json.dumps(sorted(_SEEN)), encoding="utf-8")
