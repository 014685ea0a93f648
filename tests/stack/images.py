# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of the stack. A tag is a hash of what an image is built from, so a rebuild happens only when needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.stack import engine as engines
from tests.stack import machine, requirements
from tests.stack.engine import Engine
from tests.stack.shell import CACHE, ROOT, StackError, apt_install, lock, run, say

PREFIX = "chargeops-steve-test"
PULLABLE = f"debian:{machine.RELEASE}"
BUILT = f"{PREFIX}/debian:{machine.RELEASE}"
PLUGIN_IN_TARGET = "/usr/local/lib/docker/cli-plugins/docker-compose"
_RECIPES = Path(__file__).parent / "image"


@dataclass(frozen=True)
class Images:
    """The tags to run. The live charger runs in ``simulator``, which has its library too."""

    simulator: str
    mariadb: str
    target: str


def ensure(engine: Engine) -> Images:
    """Build what is missing and return the tags. Raises StackError when a build fails."""
    with lock(CACHE / "images.lock"):
        base = _build(
            engine, "base", _debian(engine), {f"machine/{name}": text for name, text in machine.files().items()}
        )
        images = Images(
            target=_build(engine, "target", base),
            mariadb=_build(engine, "mariadb", base),
            simulator=_build(engine, "simulator", base, _simulator_files()),
        )
        _ensure_compose(engine, images.target)
    return images


def remove(engine: Engine) -> None:
    """Remove the images of the stack from the engine; what is in use stays."""
    listed = engine.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{PREFIX}/*").stdout.split()
    for tag in listed:
        engine.docker("image", "rm", tag, check=False)


def _present(engine: Engine, tag: str) -> bool:
    return engine.docker("image", "inspect", tag, check=False).returncode == 0


def _debian(engine: Engine) -> str:
    for tag in (PULLABLE, BUILT):
        if _present(engine, tag):
            return tag
    if engine.docker("pull", "--quiet", PULLABLE, timeout=300, check=False).returncode == 0:
        return PULLABLE
    mirror = machine.debian_mirror()
    if mirror is None or os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackError(
            f"The image {PULLABLE} is not here and cannot be pulled: load it into the engine, or run as root on Debian."
        )
    if shutil.which("debootstrap") is None:
        say("installing debootstrap, to make the base image")
        apt_install("debootstrap")
    say(f"{PULLABLE} cannot be pulled: making it with debootstrap (about a minute)")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        root, archive = Path(scratch) / "root", Path(scratch) / "root.tar"
        run("debootstrap", "--variant=minbase", machine.RELEASE, str(root), mirror, timeout=900)
        (root / "etc/apt/sources.list").unlink(missing_ok=True)
        (root / "etc/apt/sources.list.d/debian.sources").write_text(machine.debian_sources(mirror))
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        run("tar", "-C", str(root), "--exclude=./dev/*", "-cf", str(archive), ".", timeout=300)
        engine.docker("import", str(archive), BUILT, timeout=300)
    return BUILT


def _simulator_files() -> dict[str, str]:
    """The simulator's and the charger's sources, and their requirements with the lock as constraints."""
    names = [*requirements.group("simulator"), *requirements.group("charger")]
    found = {
        "requirements.txt": "".join(f"{name}\n" for name in names),
        "constraints.txt": (ROOT / "requirements-dev.txt").read_text(),
    }
    sources = [*(ROOT / "tests/simulator").rglob("*.py"), ROOT / "tests/stack/station.py"]
    for source in sorted(sources):
        found[str(source.relative_to(ROOT))] = source.read_text()
    for package in ("tests", "tests/stack"):
        found[f"{package}/__init__.py"] = ""
    return found


def _build(engine: Engine, name: str, parent: str, extra: Mapping[str, str] | None = None) -> str:
    """Build one image from its recipe's folder and further files (path to text); return its tag."""
    parent_id = engine.docker("image", "inspect", "--format", "{{.Id}}", parent).stdout.strip()
    files = {path.name: path for path in (_RECIPES / name).iterdir() if path.is_file()}
    digest = hashlib.sha256(parent_id.encode())
    for key in sorted({*files, *(extra or {})}):
        content = files[key].read_bytes() if key in files else (extra or {})[key].encode()
        digest.update(f"\0{key}\0{len(content)}\0".encode() + content)
    tag = f"{PREFIX}/{name}:{digest.hexdigest()[:12]}"
    if _present(engine, tag):
        return tag
    say(f"building image {name}")
    with tempfile.TemporaryDirectory() as context:
        for key, path in files.items():
            shutil.copy(path, Path(context) / key)
        for key, text in (extra or {}).items():
            place = Path(context) / key
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        engine.docker(
            "build", "--force-rm", "--quiet", "--build-arg", f"FROM={parent}", "--tag", tag, context, timeout=900
        )
    return tag


def _ensure_compose(engine: Engine, target: str) -> None:
    """Give the machine's docker client a compose v2 plugin when it has none: the one of the target image."""
    plugin = engines.own_plugin()
    if plugin.exists() or engine.docker("compose", "version", check=False).returncode == 0:
        return
    say("the docker client has no compose plugin: using the target image's, under .cache")
    plugin.parent.mkdir(parents=True, exist_ok=True)
    container = engine.docker("create", target).stdout.strip()
    try:
        partial = plugin.with_suffix(".part")
        engine.docker("cp", f"{container}:{PLUGIN_IN_TARGET}", str(partial))
        partial.rename(plugin)
    finally:
        engine.docker("rm", "--force", container, check=False)
    version = engine.docker("compose", "version", check=False)
    if version.returncode != 0:
        plugin.unlink()
        raise StackError(
            "The docker client has no working compose v2 plugin: install docker-compose-plugin, then run this again."
        )
