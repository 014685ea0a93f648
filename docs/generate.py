# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/findings.md (the catalogue), docs/situations.md and docs/fault-matrix.md (tables): ``make docs``.

A test fails when a page is older than what it is written from.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "findings.md"
SITUATIONS = ROOT / "docs" / "situations.md"
FAULT_MATRIX = ROOT / "docs" / "fault-matrix.md"

HEAD = """\
<!--
Copyright (c) 2026, chargeops.steve contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
Written by docs/generate.py from plugins/plugin_utils/_catalogue.py: change that file, then run `make docs`.
-->

# Findings

Every question that `chargeops.steve.diagnose` asks has an id. Ids are stable. A question is `pass`, `warn`, `fail`,
`blocked` (another failure explains what was seen), `skipped` (not asked, with the reason) or `unknown` (could not be
answered, with the reason and, where several causes remain, the candidates).

A question about a hop is a warning instead of a failure where only some addresses of a name are ill (the others are
used for everything else), and where the direct hop is ill but the proxy gets through. That a prober has no IPv6 is no
finding. Neither is another address than expected (NAT, load balancers): only what a server answers tells whose it is.
"""


def page() -> str:
    """The page as it should be."""
    from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import CATALOGUE, LAYERS

    lines = [HEAD]
    for layer in LAYERS:
        lines.append(f"## {layer}\n")
        for entry in (item for item in CATALOGUE if item.layer == layer):
            lines.append(f"### {entry.id}\n")
            lines.append(
                f"**{entry.title}** ({entry.severity}; asked per {entry.scope.replace('_', ' ')}). {entry.meaning}\n"
            )
            lines.append(f"Remedy ({entry.remedy.by}): {entry.remedy.text}\n")
            if entry.remedy.command:
                lines.append(f"    {entry.remedy.command}\n")
            if entry.side_effect != "none":
                lines.append(f"Trace of looking: {entry.side_effect}.\n")
    return "\n".join(lines).rstrip() + "\n"


def situations() -> str:
    """The page of situations as it should be."""
    from tests.contract.situations import page as written
    from tests.simulator import ERAS

    return written({name: era.evidence for name, era in ERAS.items()})


def fault_matrix() -> str:
    """The page of the fault matrix as it should be."""
    from tests.matrix.table import written

    return written()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from tests import conftest

    conftest.install_collection_loader()

    PAGE.write_text(page(), encoding="utf-8")
    SITUATIONS.write_text(situations(), encoding="utf-8")
    FAULT_MATRIX.write_text(fault_matrix(), encoding="utf-8")
