# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes ``ansible_collections.chargeops.steve`` importable from this checkout, wherever it lies."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests import bootstrap  # noqa: E402


def install_collection_loader() -> None:
    """Install Ansible's own loader for this checkout, unless one is there."""
    if "ansible_collections.chargeops.steve" in sys.modules:
        return
    from ansible.utils.collection_loader import _collection_finder

    if any(isinstance(finder, _collection_finder._AnsibleCollectionFinder) for finder in sys.meta_path):
        return
    root = ROOT
    if ROOT.parts[-3:] != ("ansible_collections", "chargeops", "steve"):
        # Made by tests/bootstrap.py already, unless an editor or the like started pytest.
        bootstrap.link_collection()
        root = Path(bootstrap.CACHE) / "collections" / "ansible_collections" / "chargeops" / "steve"
    finder = _collection_finder._AnsibleCollectionFinder(paths=[str(root.parent.parent.parent)])
    finder._install()


install_collection_loader()
