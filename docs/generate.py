# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the generated pages: ``make docs``.

docs/findings.md from the catalogue, docs/situations.md and docs/fault-matrix.md from their tables, docs/demo.svg from
what the demo shows (docs/demo.ansi, which a test of the demo holds true), and the tables of variables in the roles'
READMEs from their argument specs.

A test fails when a page is older than what it is written from.
"""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "findings.md"
SITUATIONS = ROOT / "docs" / "situations.md"
FAULT_MATRIX = ROOT / "docs" / "fault-matrix.md"
PICTURE = ROOT / "docs" / "demo.svg"
CAPTURE = ROOT / "docs" / "demo.ansi"
ROLES = sorted(path.parent for path in (ROOT / "roles").glob("*/README.md"))
MARKS = ("<!-- variables: written by make docs from meta/argument_specs.yml -->\n", "<!-- end of variables -->\n")
COMMAND = "$ ansible-playbook chargeops.steve.diagnose -i inventory.yml\n\n"

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


def picture() -> str:
    """The picture of the terminal as it should be: no font or anything else is fetched when it is shown."""
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=100, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    console.print(Text.from_ansi(COMMAND + CAPTURE.read_text(encoding="utf-8")))
    frame = re.sub(r"@font-face {{.*?}}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    drawn = console.export_svg(title="make demo", code_format=frame, unique_id="demo")
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def role_page(role: Path) -> str:
    """A role's README with the table of variables as it should be. ValueError: it has no place for the table."""
    import yaml

    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    lines = ["| variable | type | default | what |", "|---|---|---|---|"]
    for name, spec in specs["main"]["options"].items():
        kind = f"{spec['type']} of {spec['elements']}" if "elements" in spec else spec.get("type", "str")
        said = spec["description"] if isinstance(spec["description"], str) else " ".join(spec["description"])
        default = "" if spec.get("default") in (None, "") else f"`{_shown(spec['default'])}`"
        cells = [f"`{name}`", kind, default, said.strip()]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    before, _mark, rest = (role / "README.md").read_text(encoding="utf-8").partition(MARKS[0])
    _table, end, after = rest.partition(MARKS[1])
    if not end:
        raise ValueError(f"roles/{role.name}/README.md has no {MARKS[0].strip()} or no end of it")
    return before + MARKS[0] + "\n" + "\n".join(lines) + "\n\n" + MARKS[1] + after


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from tests import conftest

    conftest.install_collection_loader()

    PAGE.write_text(page(), encoding="utf-8")
    SITUATIONS.write_text(situations(), encoding="utf-8")
    FAULT_MATRIX.write_text(fault_matrix(), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
    for role in ROLES:
        (role / "README.md").write_text(role_page(role), encoding="utf-8")
