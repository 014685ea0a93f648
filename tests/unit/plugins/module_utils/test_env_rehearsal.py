# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The likeness of a project's directory in which one file is another one; compose itself judges it elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.chargeops.steve.plugins.module_utils._env_rehearsal import likeness


def test_what_stands_above_the_project_is_found_there_too(tmp_path: Path) -> None:
    project = tmp_path / "ops" / "demo"
    (project / "env").mkdir(parents=True)
    (project / "env" / "app.env").write_text("A=1\n")
    (project / "compose.yml").write_text("services: {}\n")
    (tmp_path / "ops" / "shared.env").write_text("S=1\n")
    (tmp_path / "top.env").write_text("T=1\n")
    with likeness(str(project), os.path.join("env", "app.env"), b"A=2\n") as root:
        assert os.path.basename(root) == "demo" and root != str(project)
        read = {name: Path(root, name).read_text() for name in ("env/app.env", "compose.yml", "../shared.env")}
        # Compose joins such a name before it opens it.
        joined = Path(os.path.normpath(os.path.join(root, "../../top.env"))).read_text()
    assert read == {"env/app.env": "A=2\n", "compose.yml": "services: {}\n", "../shared.env": "S=1\n"}
    assert joined == "T=1\n"
    assert not os.path.exists(root) and (project / "env" / "app.env").read_text() == "A=1\n"


def test_a_project_behind_a_link_has_its_neighbours_by_that_name(tmp_path: Path) -> None:
    (tmp_path / "releases" / "5").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/5")
    (tmp_path / "shared.env").write_text("S=1\n")
    with likeness(str(tmp_path / "current"), "app.env", b"A=1\n") as root:
        assert Path(root, "../shared.env").read_text() == "S=1\n"
        assert Path(root, "app.env").read_text() == "A=1\n"
