# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import crossplane
import pytest

from tests.stack import nginx


def directives(folder: Path, text: str) -> list[Any]:
    config = folder / "nginx.conf"
    config.write_text(f"http {{\n{text}}}\nevents {{}}\n")
    parsed = crossplane.parse(str(config))
    assert parsed["status"] == "ok", parsed["errors"]
    (server,) = parsed["config"][0]["parsed"][0]["block"]
    return [[part["directive"], *part["args"]] for entry in server["block"] for part in entry.get("block", [])]


def test_the_good_location_forwards_the_upgrade(tmp_path: Path) -> None:
    found = directives(tmp_path, nginx.server("8080", nginx.location("/steve/websocket/", "127.0.0.1:8180")))
    assert ["proxy_pass", "http://127.0.0.1:8180"] in found
    assert ["proxy_http_version", "1.1"] in found
    assert ["proxy_set_header", "Upgrade", "$http_upgrade"] in found
    assert ["proxy_set_header", "Connection", "upgrade"] in found


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("http11", ["proxy_http_version", "1.1"]),
        ("upgrade", ["proxy_set_header", "Upgrade", "$http_upgrade"]),
        ("connection", ["proxy_set_header", "Connection", "upgrade"]),
    ],
)
def test_a_fault_leaves_exactly_one_directive_out(tmp_path: Path, name: str, gone: list[str]) -> None:
    good = directives(tmp_path, nginx.server("8080", nginx.location("/", "app:8180")))
    faulty = directives(tmp_path, nginx.server("8080", nginx.location("/", "app:8180", without=[name])))
    assert [entry for entry in good if entry not in faulty] == [gone]


def test_a_misspelt_fault_is_refused() -> None:
    with pytest.raises(ValueError, match=r": upgrad$"):
        nginx.location("/", "app:8180", without=["upgrad"])
