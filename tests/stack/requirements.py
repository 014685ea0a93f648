# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of a dependency group of pyproject.toml; requirements-dev.txt pins them.

``python -m tests.stack.requirements GROUP`` prints them one per line, for ``pip install -r … -c requirements-dev.txt``.
"""

from __future__ import annotations

import sys
import tomllib

from tests.stack.shell import ROOT


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group (PEP 735), included groups in place. KeyError: no such group."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    found: list[str] = []
    for entry in groups[name]:
        found += group(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return found


if __name__ == "__main__":
    print(*group(sys.argv[1]), sep="\n")
