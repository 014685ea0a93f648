# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``ansible-test sanity`` on a copy of the checkout, because it insists on a real ansible_collections directory."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests import pythons
from tests.stack.shell import CACHE, ROOT

ARGV = ("ansible-test", "sanity", "--color", "no", "--truncate", "0", "--junit")
# Each environment has a copy of its own, so that releases of ansible-core can be tested beside each other.
BESIDE = os.environ.get("STEVE_TEST_ENVIRONMENT", "venv")
COPY = CACHE / "sanity" / BESIDE / "ansible_collections" / "chargeops" / "steve"

GET_PIP = '''\
"""Stands in for the get-pip script that ansible-test would download: pip comes from Python's own ensurepip."""

import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--upgrade"], stdout=subprocess.DEVNULL)
given = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *given]))
'''


def prepare() -> Path:
    """Copy what git does not ignore; return the copy, ansible-test's working directory."""
    from tests.stages import tracked

    shutil.rmtree(COPY, ignore_errors=True)
    for name in tracked():
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, COPY / name, follow_symlinks=False)
    # A repository of its own: ansible-test would ask the checkout's, which ignores .cache, and find nothing to test.
    for step in (("init", "--quiet"), ("add", "--all")):
        subprocess.run(["git", *step], cwd=COPY, check=True)
    cache = Path(os.environ["HOME"]) / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{_pip_version().replace('.', '_')}.py").write_text(GET_PIP)
    return COPY


def environment() -> dict[str, str]:
    """PATH with pyenv's real Pythons before its shims, which answer for one version only."""
    own, rest = os.environ["PATH"].split(os.pathsep, 1)
    return {"PATH": os.pathsep.join([own, *pythons.folders(), rest])}


def reports() -> list[Path]:
    """JUnit files of the last run; none when nothing was tested."""
    return sorted((COPY / "tests" / "output" / "junit").glob("*.xml"))


def _pip_version() -> str:
    """The version of pip that this ansible-test wants in its environments."""
    spec = importlib.util.find_spec("ansible_test")
    assert spec is not None and spec.submodule_search_locations is not None
    source = Path(spec.submodule_search_locations[0]) / "_internal" / "python_requirements.py"
    found = re.search(r"pip='([0-9.]+)'", source.read_text())
    assert found is not None, f"no version of pip in {source}"
    return found[1]
