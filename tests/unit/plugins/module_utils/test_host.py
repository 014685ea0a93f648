# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets, disks, memory, a start that is waited for: real sockets and files, and the kernel's tables as text."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _resources, _socket_owners, _sockets, _starting
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from hypothesis import given
from hypothesis import strategies as some

from tests.simulator import running_simulator
from tests.unit.fake_servers import closing, free_port, serving, silent

HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(place: str, state: str = "0A", inode: int = 77) -> str:
    return f"   0: {place} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 x\n"


# -- sockets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "order", "address"), [
    ("0100007F:1FF4", "little", "127.0.0.1"), ("7F000001:1FF4", "big", "127.0.0.1"),
    ("00000000000000000000000000000000:1FF4", "little", "::"),
    ("00000000000000000000000001000000:1FF4", "little", "::1"),
    ("B80D0120000000000000000001000000:1FF4", "little", "2001:db8::1"),
    ("0000000000000000FFFF00000100007F:1FF4", "little", "127.0.0.1"),
])  # fmt: skip
def test_addresses_of_the_kernels_tables(place: str, order: str, address: str) -> None:
    assert _sockets.parse(HEADING + line(place), order) == [_sockets.Listener(address, 8180, 77)]


def test_only_listeners_count_and_broken_lines_are_left_out() -> None:
    connected = line("0100007F:1FF4", "01")
    broken = "short\n" + line("XX00007F:1FF4") + line("0100007F:zz") + line("01:1")
    assert _sockets.parse(HEADING + connected + broken) == []


@given(some.text(max_size=300))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert isinstance(_sockets.parse(HEADING + text), list)


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listener_of_this_very_process_is_found_with_its_owner(family: int, address: str) -> None:
    with socket.socket(family) as server:
        try:
            server.bind((address, 0))
        except OSError:
            assert family == socket.AF_INET6, "a machine has 127.0.0.1"
            return
        server.listen()
        port = server.getsockname()[1]
        found = _socket_owners.look(time.monotonic() + 10)
    row = next(row for row in found["listening"] if row["port"] == port)
    assert row["address"] == address and row["pid"] == os.getpid()
    assert row["program"] == Path("/proc/self/comm").read_text().strip()
    assert all(row["port"] != port for row in _socket_owners.look(time.monotonic() + 10)["listening"])


def test_without_time_or_rights_the_owner_is_unknown_and_the_listener_is_not(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(HEADING + line("0100007F:1FF4"))
    found = _socket_owners.look(time.monotonic() + 10, proc=str(tmp_path))
    row = {"address": "127.0.0.1", "port": 8180, "pid": None, "program": None}
    assert found == {"listening": [row], "owners": "none", "left_out": 0}
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        late = _socket_owners.look(time.monotonic() - 1)
        assert server.getsockname()[1] in [row["port"] for row in late["listening"]]
    assert late["owners"] == "none"


def test_a_host_without_such_tables_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SteveError, match="ss -ltn"):
        _socket_owners.look(time.monotonic() + 10, proc=str(tmp_path))


def test_a_table_without_end_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    rows = "".join(line(f"0100007F:{port:04X}", inode=port) for port in range(1, 2000))
    (tmp_path / "net" / "tcp").write_text(HEADING + rows)
    found = _socket_owners.look(time.monotonic() + 10, proc=str(tmp_path))
    assert len(found["listening"]) == _socket_owners.MAX_LISTENERS and found["left_out"] == 1499


# -- disks and memory -----------------------------------------------------------------------------------------


def test_places_on_one_file_system_are_one_row_and_missing_ones_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    found = _resources.file_systems([("project", str(tmp_path)), ("app", str(tmp_path / "a")), ("log", "/nonexistent")])
    assert [[place["role"] for place in row["places"]] for row in found["file_systems"]] == [["project", "app"]]
    row, numbers = found["file_systems"][0], os.statvfs(tmp_path)
    assert row["size"] == numbers.f_frsize * numbers.f_blocks and 0 <= row["free"] <= row["size"]
    assert found["unread"] == [
        {"role": "log", "path": "/nonexistent", "reason": "there is no such directory on this host"}
    ]


def test_a_mount_that_never_answers_costs_two_seconds_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs
    monkeypatch.setattr(_resources, "STATVFS_S", 0.2)
    monkeypatch.setattr(os, "statvfs", lambda path: time.sleep(3) if path == "/" else real(path))
    begin = time.monotonic()
    found = _resources.file_systems([("root", "/"), ("tmp", "/tmp")])
    assert time.monotonic() - begin < 2.5
    assert found["unread"][0]["reason"].startswith("no answer in") and len(found["file_systems"]) == 1


def test_the_memory_of_this_host_and_of_none() -> None:
    found = _resources.host_memory()
    assert found is not None and 0 < found["available"] <= found["total"]
    assert _resources.memory("MemTotal: 5 kB\n") is None and _resources.host_memory("/nonexistent") is None


@pytest.mark.parametrize(("path", "text"), [
    ("docker/{id}/memory.events", "low 0\noom 1\noom_kill 2\n"),
    ("system.slice/docker-{id}.scope/memory.events", "oom_kill 2\n"),
    ("memory/docker/{id}/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
])  # fmt: skip
def test_kills_are_counted_in_both_versions_of_cgroups(tmp_path: Path, path: str, text: str) -> None:
    identifier = "a" * 64
    file = tmp_path / path.format(id=identifier)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert _resources.oom_kills(identifier, str(tmp_path)) == 2
    assert _resources.oom_kills("b" * 64, str(tmp_path)) is None
    assert _resources.oom_kills("../" + "a" * 61, str(tmp_path)) is None


# -- a start that is waited for -------------------------------------------------------------------------------


def endpoint(port: int, tls: bool = False) -> _starting.Endpoint:
    return _starting.Endpoint("127.0.0.1", port, tls, "/steve/manager/signin")


def test_what_a_port_says() -> None:
    assert _starting.look(endpoint(free_port())) == _starting.SILENT
    with running_simulator(release="3.14.1") as steve:
        assert _starting.look(endpoint(steve.port)) == _starting.OPEN
        assert _starting.look(endpoint(steve.port, tls=True)) == _starting.OPEN
    with serving(closing) as server:
        port = int(server.place.rpartition(":")[2])
        assert _starting.look(endpoint(port)) == _starting.look(endpoint(port, tls=True)) == _starting.SILENT
    with serving(silent) as server:
        assert _starting.look(endpoint(int(server.place.rpartition(":")[2])), timeout=0.3) == _starting.HANGING


class Host:
    """A host whose time passes only while somebody waits."""

    def __init__(self, opens_at: float | None = None, changes: dict[float, dict[str, Any]] | None = None) -> None:
        self.time = 0.0
        self.opens_at, self.changes = opens_at, changes or {}

    def state(self) -> dict[str, Any]:
        app = {"state": "running", "started_at": "1970-01-01T00:00:00.5Z"}
        for when, change in self.changes.items():
            app = app | change if self.time >= when else app
        return app

    def answer(self) -> str:
        return _starting.OPEN if self.opens_at is not None and self.time >= self.opens_at else _starting.SILENT

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def wait(self, deadline_s: float = 240.0) -> dict[str, Any]:
        return _starting.wait(
            self.state, self.answer, deadline_s, pause=self.pause, clock=lambda: self.time, now=lambda: self.time
        )


def test_an_answer_ends_the_wait() -> None:
    assert Host(opens_at=0.0).wait() == {"waited_s": 0.0, "outcome": "answers", "reason": "SteVe answers"}
    assert Host(opens_at=30.0).wait() == {"waited_s": 30.0, "outcome": "answers", "reason": "SteVe answers"}


def test_the_deadline_counts_from_the_container_s_start() -> None:
    host = Host()
    host.time = 200.0
    assert host.wait() == {"waited_s": 40.0, "outcome": "deadline", "reason": "the start deadline has passed"}
    host.time = 300.0
    assert host.wait()["waited_s"] == 0.0


@pytest.mark.parametrize(("change", "reason"), [
    ({"state": "exited"}, "the app's container is exited"),
    ({"state": "restarting"}, "the app's container is restarting"),
    ({"started_at": "1970-01-01T00:00:20Z"}, "the app's container was restarted"),
])  # fmt: skip
def test_a_container_that_ends_or_is_restarted_is_waited_for_no_longer(change: dict[str, Any], reason: str) -> None:
    found = Host(changes={20.0: change}).wait()
    assert found["reason"] == reason and 20.0 <= found["waited_s"] <= 25.0


@pytest.mark.parametrize("started_at", [None, "", "yesterday", "2999-01-01T00:00:00Z"])
def test_a_start_at_an_unknown_time_is_not_waited_for(started_at: str | None) -> None:
    found = Host(changes={0.0: {"started_at": started_at}}).wait()
    assert (found["waited_s"], found["outcome"]) == (0.0, "age-unknown")
    assert found["reason"] == "the time of the container's start is not known"


def test_the_words_of_an_address_are_those_of_the_machine() -> None:
    # The kernel prints each 32 bit word in the machine's own order; so does struct.
    text = struct.pack("=I", struct.unpack(">I", socket.inet_aton("10.1.2.3"))[0]).hex().upper()
    assert _sockets.parse(HEADING + line(f"{_swapped(text)}:0050"))[0].address == "10.1.2.3"


def _swapped(native: str) -> str:
    """The hexadecimal number that printf shows for four bytes in network order."""
    value = int.from_bytes(socket.inet_aton("10.1.2.3"), "little" if native.startswith("03") else "big")
    return f"{value:08X}"
