# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports obey the house: they go one way, and what is pure imports nothing that touches the world."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
OURS = "ansible_collections.chargeops.steve.plugins."

#: Files that touch the world: sockets, processes, files, threads, the clock's waiting, or a file of this list.
EDGE = {
    "module_utils": {
        "_admin", "_admin_write", "_command", "_dial", "_docker", "_door", "_env_edit", "_env_rehearsal",
        "_evidence", "_http", "_log_follow", "_log_source", "_nginx_files", "_nginx_location", "_nginx_look",
        "_nginx_process", "_observe", "_probe", "_resources", "_session", "_socket_owners", "_starting", "_tls_chain",
        "_transaction", "_webapi", "_wire",
    },
    "plugin_utils": {"_action", "_archive"},
}  # fmt: skip
#: What only edge files import.
WORLD = {
    "ansible", "concurrent", "fcntl", "glob", "http.client", "http.cookiejar", "multiprocessing", "pathlib", "select",
    "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request",
}  # fmt: skip
#: What of the module os only computes.
COMPUTES = {"path", "sep", "fsdecode", "fsencode", "fspath"}
LOOKS = {"exists", "lexists", "isfile", "isdir", "islink", "getsize", "getmtime", "realpath", "samefile", "expanduser"}

#: Who may import whom.
ALLOWED = {
    "modules": {"module_utils"},
    "module_utils": {"module_utils"},
    "plugin_utils": {"plugin_utils", "module_utils"},
    "action": {"plugin_utils", "module_utils"},
    "doc_fragments": set[str](),
}
FILES = sorted(path for path in PLUGINS.glob("*/*.py") if path.name != "__init__.py")


def imported(path: Path) -> Iterator[str]:
    """Names of modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            # from …module_utils import _text
            yield from (f"{node.module}.{name.name}" for name in node.names if (node.module or "").startswith(OURS))


def siblings(path: Path) -> set[tuple[str, str]]:
    """(room, file) of the collection's files that a file imports."""
    names = [name.removeprefix(OURS).split(".") for name in imported(path) if name.startswith(OURS)]
    return {(name[0], name[1]) for name in names if len(name) > 1 and (PLUGINS / name[0] / f"{name[1]}.py").exists()}


def touches(path: Path) -> set[str]:
    """What in a file touches the world by itself."""
    found = {name for name in imported(path) if any(name == word or name.startswith(f"{word}.") for word in WORLD)}
    found = {name for name in found if not name.startswith("ansible_collections")}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            found.add("open()")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            if node.attr not in COMPUTES:
                found.add(f"os.{node.attr}")
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os.path" and node.attr in LOOKS:
            found.add(f"os.path.{node.attr}")
    return found


def is_edge(room: str, name: str) -> bool:
    return name in EDGE.get(room, set())


def edges(path: Path) -> set[str]:
    """The edge files that a file imports."""
    return {f"{room}.{name}" for room, name in siblings(path) if is_edge(room, name)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_imports_go_one_way(path: Path) -> None:
    rooms = {room for room, _name in siblings(path)}
    assert rooms <= ALLOWED[path.parent.name]
    assert not any(name == "tests" or name.startswith("tests.") for name in imported(path))


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.parent.name in EDGE and not is_edge(path.parent.name, path.stem)],
    ids=lambda path: f"{path.parent.name}.{path.stem}",
)
def test_a_pure_file_touches_nothing(path: Path) -> None:
    assert touches(path) | edges(path) == set(), "make it pure, or add it to EDGE"


@pytest.mark.parametrize("room", EDGE)
def test_the_list_of_edge_files_holds_no_pure_one(room: str) -> None:
    assert sorted(name for name in EDGE[room] if not touches(PLUGINS / room / f"{name}.py")
                  and not edges(PLUGINS / room / f"{name}.py")) == []  # fmt: skip


def test_programs_are_started_in_one_place() -> None:
    assert [path.name for path in FILES if "subprocess" in set(imported(path))] == ["_command.py"]


@pytest.mark.parametrize("room", ["modules", "module_utils"])
def test_what_runs_on_a_managed_host_needs_nothing_but_python(room: str) -> None:
    foreign = {
        f"{path.name}: {name}"
        for path in (PLUGINS / room).glob("*.py")
        for name in imported(path)
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "ansible_collections"}
        and not name.startswith("ansible.module_utils.")
    }
    assert foreign == set()


def test_the_simulator_knows_nothing_of_the_collection() -> None:
    files = sorted((ROOT / "tests" / "simulator").glob("*.py"))
    assert files
    foreign = {name for path in files for name in imported(path) if name.startswith(("ansible", "plugins", ".."))}
    assert foreign == set()


def test_roles_and_playbooks_know_nothing_of_the_tests() -> None:
    files = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml")]
    assert files
    assert [str(path) for path in files if "tests/" in path.read_text(encoding="utf-8")] == []
