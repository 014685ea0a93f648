# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes an environment of the project's own under .cache, and runs a script in it.

``python3 tests/bootstrap.py GROUP [ARGUMENTS OF PYTHON]``, e.g. ``dev -m pytest tests/unit``; quick when there is
nothing to make. GROUP: see ENVIRONMENTS. ``python3 tests/bootstrap.py lock`` writes the locks again.
Written so that an old Python can still read it and say what is wrong.
"""

from __future__ import print_function

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.path.join(ROOT, ".cache")
# The machine's Python, also when a program of one environment asks for another environment.
PYTHON = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
ENVIRONMENTS = {
    # group of pyproject.toml: its folder, its lock, the oldest Python that it works with
    "dev": ("venv", "requirements-dev.txt", (3, 11)),
    "demo": ("demo-venv", "requirements-dev.txt", (3, 11)),
    "importer": ("importer-venv", "requirements-importer.txt", (3, 11)),
    "core-2.19": ("core-2.19-venv", "requirements-dev.txt", (3, 11)),
    "core-2.20": ("core-2.20-venv", "requirements-core-2.20.txt", (3, 12)),
    "core-2.21": ("core-2.21-venv", "requirements-dev.txt", (3, 12)),
    "lock": ("lock-venv", None, (3, 11)),
}


def main(group, *argv):  # type: (str, str) -> None
    """Make the environment of a dependency group and become the given Python command in it."""
    name, _lock, needed = ENVIRONMENTS[group]
    better = preferred() if group == "dev" else None
    if better:
        words = "Taking %s, which has the oldest ansible-core (PYTHON=python3.13, by its version, is kept)." % better
        print(words, file=sys.stderr, flush=True)
        os.execv(better, [better, os.path.abspath(__file__), group] + list(argv))
    if sys.version_info < needed:
        versions = needed + sys.version_info[:2]
        sys.exit("Python %d.%d or later is needed, and this is %d.%d: give one with PYTHON=." % versions)
    import fcntl

    folder = os.path.join(CACHE, name)
    os.environ.update(environment(folder))
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "bootstrap.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_home()
        link_collection()
        make_venv(group, folder)
    if group == "lock":
        write_locks(folder)
    elif argv:
        python = os.path.join(folder, "bin", "python")
        os.execv(python, [python] + list(argv))


def preferred():  # type: () -> str | None
    """A Python 3.11 that can make environments, unless this is one or was called by the name of its version.

    Only it has ansible-core 2.19, and hosts with Python 3.8.
    """
    version = tuple(sys.version_info[:2])
    if version < (3, 9) or version == (3, 11) or os.path.basename(sys.executable) not in ("python", "python3"):
        return None
    sys.path.insert(0, ROOT)
    from tests import pythons

    found = pythons.find("3.11")
    if found and subprocess.call([found, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL) == 0:
        return found
    return None


def environment(folder):  # type: (str) -> dict[str, str]
    """What a process in the environment finds: tools write under .cache, so that two checkouts do not meet and the
    user's home stays as it is (OWNER_HOME remembers it). STEVE_TEST_ID is this checkout's name in the Docker engine,
    STEVE_TEST_ENVIRONMENT the name of this environment."""
    owner_home = os.environ.get("OWNER_HOME", os.path.expanduser("~"))
    docker = os.path.join(owner_home, ".docker")
    found = {
        "OWNER_HOME": owner_home,
        "HOME": os.path.join(CACHE, "home"),
        "STEVE_TEST_ID": hashlib.sha256(ROOT.encode()).hexdigest()[:8],
        "STEVE_TEST_ENVIRONMENT": os.path.basename(folder),
        "PATH": os.path.join(folder, "bin") + os.pathsep + os.environ["PATH"],
        "PIP_CACHE_DIR": os.path.join(CACHE, "pip"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_HOME": os.path.join(CACHE, "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": os.path.join(CACHE, "collections"),
        "HYPOTHESIS_STORAGE_DIRECTORY": os.path.join(CACHE, "hypothesis"),
    }
    if os.path.isdir(docker):
        found.setdefault("DOCKER_CONFIG", os.environ.get("DOCKER_CONFIG", docker))
    return found


def make_venv(group, folder):  # type: (str, str) -> None
    """Create the environment unless it is there, made from the same lock by the same Python at the same place."""
    stamp = os.path.join(folder, "stamp")
    wanted = digest(group, folder)
    if os.path.exists(stamp):
        with open(stamp) as handle:
            if handle.read() == wanted:
                return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit("Python's venv module is missing: install the package python3-venv, then run this again.")
    print("Preparing %s (once; a minute or two) ..." % os.path.relpath(folder, ROOT), flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    run([PYTHON, "-m", "venv", folder])
    python = os.path.join(folder, "bin", "python")
    lock = ENVIRONMENTS[group][1]
    constraints = ["-c", os.path.join(ROOT, lock)] if lock else []
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"] + constraints + names(group))
    with open(stamp, "w") as handle:
        handle.write(wanted)


def names(group):  # type: (str) -> list[str]
    """What to install: the locked names of a group."""
    done = subprocess.check_output([PYTHON, "-m", "tests.stack.requirements", group], cwd=ROOT)
    return done.decode().splitlines()


def write_locks(folder):  # type: (str) -> None
    """Write the locks again; one file holds for every supported Python. The comments at a file's head are kept."""
    uv = os.path.join(folder, "bin", "uv")
    locks = {lock: (group, needed) for group, (_name, lock, needed) in reversed(list(ENVIRONMENTS.items())) if lock}
    for lock, (group, needed) in locks.items():
        with open(os.path.join(ROOT, lock)) as handle:
            head = [line for line in handle if line.startswith("#")]
        options = ["--group", group, "--upgrade", "--quiet", "--no-header", "--no-annotate"]
        universal = ["--universal", "--python-version", "%d.%d" % needed]
        pins = subprocess.check_output([uv, "pip", "compile"] + universal + options, cwd=ROOT).decode()
        with open(os.path.join(ROOT, lock), "w") as handle:
            handle.write("".join(head) + pins)


def digest(group, folder):  # type: (str, str) -> str
    """Hash of all that an environment depends on."""
    parts = [sys.version, PYTHON, folder] + names(group)
    lock = ENVIRONMENTS[group][1]
    if lock:
        with open(os.path.join(ROOT, lock)) as handle:
            parts.append(handle.read())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def link_collection():  # type: () -> None
    """Make .cache/collections a collections path that holds this checkout."""
    link = os.path.join(CACHE, "collections", "ansible_collections", "chargeops", "steve")
    os.makedirs(os.path.dirname(link), exist_ok=True)
    if not os.path.islink(link) or os.readlink(link) != ROOT:
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(ROOT, link)


def make_home():  # type: () -> None
    """Make a home directory for tools, so that nothing is written under the user's; pip's settings stay known."""
    home, owner = os.path.join(CACHE, "home"), os.environ["OWNER_HOME"]
    os.makedirs(os.path.join(home, ".config"), exist_ok=True)
    for name in (".config/pip", ".pip"):
        source, link = os.path.join(owner, name), os.path.join(home, name)
        if os.path.isdir(source) and not os.path.lexists(link):
            os.symlink(source, link)


def run(argv):  # type: (list[str]) -> None
    """Run a command; end with one sentence when it fails."""
    if subprocess.call(argv, cwd=ROOT) != 0:
        sys.exit("The environment could not be prepared: the command above failed (%s)." % " ".join(argv[:4]))


if __name__ == "__main__":
    main(*sys.argv[1:])
