# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generated pages are as new as what they are generated from."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_findings_page_is_generated_from_the_catalogue() -> None:
    assert generator().page() == (ROOT / "docs" / "findings.md").read_text(encoding="utf-8"), "run make docs"


def test_situations_page_is_generated_from_the_table() -> None:
    written = (ROOT / "docs" / "situations.md").read_text(encoding="utf-8")
    assert generator().situations() == written, "run make docs"


def test_fault_matrix_page_is_generated_from_rows_and_recordings() -> None:
    written = (ROOT / "docs" / "fault-matrix.md").read_text(encoding="utf-8")
    assert generator().fault_matrix() == written, "run make docs"


def test_the_picture_is_drawn_from_what_the_demo_shows() -> None:
    drawn = generator().picture()
    assert drawn == (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8"), "run make docs"
    assert "proxy-upgrade-stripped" in drawn
    # Whoever reads the page asks nobody else for anything.
    assert "url(http" not in drawn and "href" not in drawn


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_the_variables_in_a_roles_readme_are_those_of_its_specs(role: str) -> None:
    written = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    assert generator().role_page(ROOT / "roles" / role) == written, "run make docs"
