# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports obey the house: they go one way, and what is pure imports nothing that touches the world."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
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
#: What pure files may import of Python, and of a module that can do more only what is named.
COMPUTES = {
    "__future__", "base64", "binascii", "collections", "dataclasses", "datetime", "decimal", "enum", "fnmatch",
    "functools", "hashlib", "html", "ipaddress", "itertools", "json", "math", "re", "shlex", "statistics", "struct",
    "textwrap", "typing", "unicodedata", "urllib.parse", "warnings", "xml.etree.ElementTree", "zlib",
}  # fmt: skip
PARTS = {
    "os": {"sep", "fsdecode", "fsencode", "fspath", "path"},
    "os.path": {"basename", "commonpath", "dirname", "isabs", "join", "normpath", "split", "splitext"},
    "sys": {"byteorder"},
    "io": {"BytesIO", "StringIO"},
    "gzip": {"GzipFile"},  # with fileobj, as those of tarfile: see FILELESS
    "tarfile": {"PAX_FORMAT", "TarError", "TarInfo", "open"},
}
#: They open a file of the disk unless they are given one.
FILELESS = {"gzip.GzipFile", "tarfile.open"}
#: Libraries of the controller that only compute.
LIBRARIES = {"cryptography", "jinja2", "jmespath"}
#: What needs no import, or is a method of something pure: a clock is read, code is run, a file is parsed from disk.
DIRECT = {"open", "input", "print", "exec", "eval", "compile", "breakpoint", "globals", "__import__", "__builtins__"}
METHODS = {"now", "today", "utcnow", "parse"}

#: Who may import whom.
ALLOWED = {
    "modules": {"module_utils"},
    "module_utils": {"module_utils"},
    "plugin_utils": {"plugin_utils", "module_utils"},
    "action": {"plugin_utils", "module_utils"},
    "doc_fragments": set[str](),
}
FILES = sorted(path for path in PLUGINS.rglob("*.py") if path.name != "__init__.py")
#: They import by a name that nobody can read here.
DYNAMIC = {"importlib", "imp", "pkgutil", "runpy", "zipimport"}


def room(path: Path) -> str:
    """modules, module_utils, …"""
    return path.relative_to(PLUGINS).parts[0]


def named(path: Path) -> str:
    """The name of a file in its room: ``_text``, or ``sub._text``."""
    return ".".join(path.relative_to(PLUGINS).with_suffix("").parts[1:])


def package(path: Path) -> list[str]:
    """The package that a file's relative imports start from."""
    inside = [*OURS.rstrip(".").split("."), *path.relative_to(PLUGINS).parts[:-1]] if PLUGINS in path.parents else []
    return inside or list(path.relative_to(ROOT).parts[:-1])


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Everything in a file."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path: Path) -> Iterator[str]:
    """Full names that a file imports, wherever in it: modules, and after ``from`` what is taken of them."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{source(node, path)}.{name.name}" for name in node.names)


def source(node: ast.ImportFrom, path: Path) -> str:
    """The full name of what ``from`` takes from."""
    above = package(path)[: len(package(path)) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def siblings(path: Path) -> set[tuple[str, str]]:
    """(room, file) of the collection's files that a file imports; the file is empty where a whole room is imported."""
    found = set()
    for name in imported(path):
        if name.startswith(OURS):
            first, *rest = name.removeprefix(OURS).split(".")
            files = [".".join(rest[:end]) for end in range(len(rest), 0, -1)]
            there = [one for one in files if (PLUGINS / first / f"{one.replace('.', '/')}.py").exists()]
            found.add((first, there[0] if there else ""))
    return found


def is_in(name: str, modules: Iterable[str]) -> bool:
    """Whether a name is one of these modules, or something in one of them."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def touches(path: Path) -> set[str]:
    """What in a file touches the world by itself, or may."""
    libraries = LIBRARIES if room(path) == "plugin_utils" else set[str]()
    pure = {*COMPUTES, *PARTS, *libraries, OURS.rstrip(".")}
    used = list(imported(path))
    known: dict[str, str] = {}
    for node in nodes(path):
        if isinstance(node, ast.Import):
            known |= {one.asname or one.name.partition(".")[0]: one.name if one.asname else one.name.partition(".")[0]
                      for one in node.names}  # fmt: skip
        elif isinstance(node, ast.ImportFrom):
            known |= {one.asname or one.name: f"{source(node, path)}.{one.name}" for one in node.names}
    attributes = [node for node in nodes(path) if isinstance(node, ast.Attribute)]
    used += [name for node in attributes if (name := dotted(node, known))]
    found = {name for name in imported(path) if not is_in(name, pure)}
    found |= {name for name in used if (module := name.rpartition(".")[0]) in PARTS
              and name.rpartition(".")[2] not in PARTS[module]}  # fmt: skip
    found |= {f"{node.attr}()" for node in attributes if node.attr in METHODS
              and (node.attr != "parse" or is_in(dotted(node, known), {"xml.etree.ElementTree"}))}  # fmt: skip
    names = [node for node in nodes(path) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes(path) if isinstance(node, ast.arg)}
    found |= {node.id for node in names if node.id in DIRECT and node.id not in own}
    # The module itself, handed on, or asked for what it has by a text.
    held = {node.value for node in attributes}
    found |= {node.id for node in names if node not in held and isinstance(node.ctx, ast.Load)
              and known.get(node.id) in PARTS}  # fmt: skip
    for node in nodes(path):
        if isinstance(node, ast.Call) and (name := dotted(node.func, known)) in FILELESS:
            found |= set() if any(word.arg == "fileobj" for word in node.keywords) else {f"{name} without fileobj"}
    return found


def dotted(node: ast.AST, known: Mapping[str, str]) -> str:
    """The full name of an attribute of something imported, or the empty text."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    inner = dotted(node.value, known) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner and isinstance(node, ast.Attribute) else ""


def is_edge(inside: str, name: str) -> bool:
    return name in EDGE.get(inside, set())


def edges(path: Path) -> set[str]:
    """The edge files that a file imports."""
    return {f"{inside}.{name}" for inside, name in siblings(path) if is_edge(inside, name)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{room(path)}.{named(path)}")
def test_imports_go_one_way(path: Path) -> None:
    assert {inside for inside, _name in siblings(path)} <= ALLOWED[room(path)]
    assert [name for name in imported(path) if is_in(name, {"tests", *DYNAMIC})] == []
    assert "__import__" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room(path) in EDGE and not is_edge(room(path), named(path))],
    ids=lambda path: f"{room(path)}.{named(path)}",
)
def test_a_pure_file_touches_nothing(path: Path) -> None:
    assert touches(path) | edges(path) == set(), "make it pure, or add it to EDGE"


@pytest.mark.parametrize("inside", EDGE)
def test_the_list_of_edge_files_holds_no_pure_one(inside: str) -> None:
    files = {name: PLUGINS / inside / f"{name.replace('.', '/')}.py" for name in EDGE[inside]}
    assert sorted(name for name, path in files.items() if not touches(path) and not edges(path)) == []


@pytest.mark.parametrize(
    "text",
    [
        "from os import listdir, system",
        "import os as o\no.system('x')",
        "import os\ngetattr(os, 'system')",
        "from os import path\npath.exists('/')",
        "from os.path import exists",
        "import asyncio",
        "import io\nio.open('x')",
        "from io import open as o",
        "import socketserver",
        "import ftplib",
        "import urllib.request",
        "from urllib import request",
        "from datetime import datetime\ndatetime.now()",
        "import datetime as d\nd.datetime.today()",
        "import tarfile\ntarfile.open('x')",
        "import sys\nsys.modules['os']",
        "from xml.etree import ElementTree\nElementTree.parse('x')",
        "import ansible",
        "import requests",
        "f = open\nf('x')",
        "import importlib",
        "from ..module_utils import _http",
        "from ..module_utils._http import get",
        "from ansible_collections.chargeops.steve.plugins.module_utils import _http as h",
        "import ansible_collections.chargeops.steve.plugins.module_utils._http",
    ],
)
@pytest.mark.parametrize("inside", ["plugin_utils", "plugin_utils/sub"])
def test_what_is_not_pure_is_known(
    inside: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a house of one edge file, and one that is not what it is taken for."""
    monkeypatch.setitem(globals(), "PLUGINS", tmp_path)
    for path in (tmp_path / "module_utils" / "_http.py", tmp_path / inside / "_new.py"):
        path.parent.mkdir(parents=True)
    (tmp_path / "module_utils" / "_http.py").write_text("import socket\n")
    deep = text.replace("..", "..." if "/" in inside else "..")
    (tmp_path / inside / "_new.py").write_text(f"from __future__ import annotations\n{deep}\n")
    assert touches(tmp_path / inside / "_new.py") | edges(tmp_path / inside / "_new.py")


def test_programs_are_started_in_one_place() -> None:
    starters = {"subprocess", "pty", "os.system", "os.popen", "multiprocessing"}
    found = [path.name for path in FILES if any(is_in(name, starters) for name in imported(path))]
    assert found == ["_command.py"]


@pytest.mark.parametrize("inside", ["modules", "module_utils"])
def test_what_runs_on_a_managed_host_needs_nothing_but_python(inside: str) -> None:
    foreign = {
        f"{path.name}: {name}"
        for path in (PLUGINS / inside).rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not name.startswith(("ansible.module_utils.", OURS))
    }
    assert foreign == set()


def test_the_simulator_knows_nothing_of_the_collection() -> None:
    files = sorted((ROOT / "tests" / "simulator").rglob("*.py"))
    assert files
    names = {name for path in files for name in imported(path)}
    assert {name for name in names if is_in(name, {"ansible", "ansible_collections", "plugins", *DYNAMIC})} == set()
    assert {name for name in names if is_in(name, {"tests"}) and not is_in(name, {"tests.simulator"})} == set()
    assert [path.name for path in files if "__import__" in path.read_text(encoding="utf-8")] == []


def test_roles_and_playbooks_know_nothing_of_the_tests() -> None:
    files = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml")]
    assert files
    assert [str(path) for path in files if "tests/" in path.read_text(encoding="utf-8")] == []
