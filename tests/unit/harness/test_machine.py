# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stack.machine import debian_mirror

DEB822 = """\
Types: deb
URIs: http://security.mirror.test/debian-security
Suites: bookworm-security
Components: main

Types: deb
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
"""

ONE_LINE = """\
# deb http://off.test/debian bookworm main
deb http://security.mirror.test/debian-security bookworm-security main
deb [arch=amd64 signed-by=/k.gpg] https://mirror.test/pub/debian/ bookworm main contrib
"""


def machine(folder: Path, files: dict[str, str], system: str = "debian") -> str | None:
    release = folder / "os-release"
    release.write_text(f"NAME=x\nID={system}\nID_LIKE=debian\n")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return debian_mirror(folder, release)


@pytest.mark.parametrize(
    ("files", "mirror"),
    [
        ({"sources.list.d/debian.sources": DEB822}, "http://mirror.test/debian"),
        ({"sources.list": ONE_LINE}, "https://mirror.test/pub/debian/"),
        ({"sources.list": "", "sources.list.d/docker.list": "deb https://docker.test/debian bookworm main\n"}, None),
        ({}, None),
    ],
    ids=["deb822", "one-line", "only-a-foreign-list", "nothing"],
)
def test_the_mirror_is_that_of_debians_own_files(tmp_path: Path, files: dict[str, str], mirror: str | None) -> None:
    assert machine(tmp_path, files) == mirror


def test_another_system_has_no_debian_mirror(tmp_path: Path) -> None:
    assert machine(tmp_path, {"sources.list": ONE_LINE}, system="ubuntu") is None
