# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the log comes from: real files and real programs in docker's place, within bytes and time."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._log_source import Limits, read_container, read_file
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.module_utils._steve_log import Reader

from tests.unit.plugins.module_utils.test_steve_log import OPENED, refused, session
from tests.unit.test_documents import DEFAULTS

RUNNING = {"Id": "abc", "State": {"Running": True}}
DEAD = {"Id": "abc", "State": {"Running": False}}


def limits(seconds: float = 10.0, max_bytes: int = 1_000_000) -> Limits:
    return Limits(0.0, max_bytes, time.monotonic() + seconds)


def docker(tmp_path: Path, script: str) -> list[str]:
    """A program that writes its arguments down and does what a script says."""
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return [str(program)]


# -- files --------------------------------------------------------------------------------------------------


def test_a_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "steve.log"
    path.write_text(refused("OLD") * 100 + session(OPENED))
    for name in ("steve-2026-11-22.log.gz", "steve.log.1", "other.log"):
        (tmp_path / name).write_text("")
    reader, window = read_file(str(path), limits(max_bytes=300), Reader)
    assert window["truncated"] and "the last 300 of" in window["reason"]
    assert window["rotated"] == ["steve-2026-11-22.log.gz", "steve.log.1"]
    assert reader.steve_lines == reader.lines <= 3
    assert reader.to_dict()["boxes"][0]["connected"]["count"] == 1
    whole, window = read_file(str(path), limits(), Reader)
    assert whole.lines == 101 and not window["truncated"] and window["reason"] is None


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe"])
def test_a_file_that_is_none_is_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "steve.log"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(SteveError, match=r"Cannot read SteVe's log .*steve\.log.* Correct steve_log_file"):
        read_file(str(path), limits(), Reader)


def test_reading_writes_nothing_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "steve.log"
    path.write_text(session(OPENED))
    before = (os.stat(path).st_mtime_ns, sorted(os.listdir(tmp_path)))
    read_file(str(path), limits(), Reader)
    assert (os.stat(path).st_mtime_ns, sorted(os.listdir(tmp_path))) == before


# -- containers ---------------------------------------------------------------------------------------------


def test_both_outputs_of_a_container_are_read_and_a_dead_one_whole(tmp_path: Path) -> None:
    (tmp_path / "out").write_text(refused("CP-1"))
    (tmp_path / "err").write_text(refused("CP-2"))
    command = docker(tmp_path, f"cat {tmp_path}/out; cat {tmp_path}/err >&2")
    reader, window = read_container(RUNNING, limits(), Reader, command)
    assert {item["id"] for item in reader.to_dict()["boxes"]} == {"CP-1", "CP-2"}
    assert window["truncated"] is False
    read_container(DEAD, limits(), Reader, command)
    running, dead = (tmp_path / "asked").read_text().splitlines()
    assert "--since 1970-01-01T00:00:00Z" in running and "--timestamps" in running and running.endswith(" abc")
    assert "--since" not in dead


def test_a_flood_is_asked_for_again_with_fewer_lines_and_said_to_be_cut(tmp_path: Path) -> None:
    flood = "x" * 1000
    # The last argument but one of the script is what --tail says.
    script = f'while [ "$1" != --tail ]; do shift; done; i=0; while [ $i -lt "$2" ]; do echo {flood}; i=$((i+1)); done'
    reader, window = read_container(DEAD, limits(max_bytes=1_000_000), Reader, docker(tmp_path, script))
    assert reader.bytes <= 1_000_000 and window["truncated"] and "lines were read" in window["reason"]
    assert len((tmp_path / "asked").read_text().splitlines()) == 2


def test_a_command_that_never_ends_is_ended(tmp_path: Path) -> None:
    command = docker(tmp_path, f"echo $$ > {tmp_path}/pid; echo; exec sleep 600")
    begin = time.monotonic()
    _reader, window = read_container(DEAD, limits(seconds=1.0), Reader, command)
    assert time.monotonic() - begin < 10
    assert window["truncated"] and "no time was left" in window["reason"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("says", "wanted"),
    [
        ("permission denied while trying to connect to the Docker daemon socket", "group docker"),
        ("Error response from daemon: configured logging driver does not support reading", "does not support reading"),
    ],
)
def test_dockers_own_failure_is_a_reason(tmp_path: Path, says: str, wanted: str) -> None:
    command = docker(tmp_path, f'echo "a line of the container"; echo "{says}" >&2; exit 1')
    with pytest.raises(SteveError, match=wanted):
        read_container(DEAD, limits(), Reader, command)
    with pytest.raises(SteveError, match="no docker client"):
        read_container(DEAD, limits(), Reader, [str(tmp_path / "none")])


# -- the part of the observation ------------------------------------------------------------------------------


class Project:
    """A project whose app container is what a test says."""

    def __init__(self, container: dict[str, Any] | None) -> None:
        self._container = container

    def container(self, _service: str) -> dict[str, Any] | None:
        return self._container


def part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> dict[str, Any]:
    """The log part of a host whose docker is a script."""
    docker(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    observer = Observer(options_from(DEFAULTS))
    observer.project = Project({"Id": "abc", "Name": "/site-app-1", "State": {}})  # type: ignore[assignment]
    observer.parts["compose"] = {"status": "ok"}
    observer._part("log", observer._log)
    return observer.parts["log"]


def test_the_part_says_where_the_log_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "out").write_text(session(OPENED))
    found = part(monkeypatch, tmp_path, f"cat {tmp_path}/out")
    assert found["status"] == "ok" and found["data"]["source"] == {"kind": "container", "name": "site-app-1"}
    assert set(found["data"]["window"]) == {"since", "until", "first", "last", "truncated", "reason", "rotated"}


@pytest.mark.parametrize(
    ("script", "code", "says"),
    [
        ("echo 'Log file location: /srv/steve/logs/steve.log'", "log-elsewhere", "/srv/steve/logs/steve.log"),
        ("echo 'Log file: /srv/steve/logs/steve.log'; echo 'Starting....'", "log-elsewhere", "Give steve_log_file"),
        ("echo one; echo two", "log-foreign", "none of its 2 lines is in SteVe's layout"),
    ],
)
def test_an_output_that_is_not_the_log_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, code: str, says: str
) -> None:
    found = part(monkeypatch, tmp_path, script)
    assert (found["status"], found["code"]) == ("unknown", code)
    assert says in found["reason"]


def test_without_project_and_file_the_log_is_not_asked_for() -> None:
    observer = Observer(options_from(DEFAULTS))
    observer._part("log", observer._log)
    observer._part("clock", observer._clock)
    assert observer.parts["log"]["status"] == "skipped"
    assert observer.parts["clock"]["data"]["skipped"][-1]["name"] == "engine"


def test_the_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "steve.log"
    path.write_text(session(OPENED))
    observer = Observer(options_from(DEFAULTS | {"log_file": str(path), "log_since": 10 * 365 * 86400.0}))
    observer._part("log", observer._log)
    assert observer.parts["log"]["data"]["source"]["kind"] == "file"


@pytest.mark.parametrize(
    "given", [{"log_max_bytes": 5}, {"log_since": -1.0}, {"log_discounts": [{"from": "yesterday", "to": "now"}]}]
)
def test_options_that_cannot_be_used_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(SteveError, match=next(iter(given))):
        options_from(DEFAULTS | given)
