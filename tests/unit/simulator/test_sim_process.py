# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator as a process: slow start, signals, exit codes, log layout, faults of the server itself."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import Running, simulator_process
from tests.simulator.cli import options_from, parse_fault

ROOT = Path(__file__).resolve().parents[3]
Start = Callable[..., Running]
Browse = Callable[[Running], Any]
PREFIX = re.compile(
    r"^\[(TRACE|DEBUG|INFO|WARN|ERROR)\s*\] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (\S+)(?: \(([^)]*)\))? - (.*)$"
)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulator", *arguments]
    env = {"PATH": "/usr/bin:/bin", **environ}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)


def test_port_is_closed_during_migrations_and_sigterm_ends_quickly() -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.simulator", "--port", str(port), "--migrations-s", "0.5", "--quiet"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Migrating schema" in line:
                break
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
        for line in process.stdout:
            if line.startswith("listening on"):
                break
        socket.create_connection(("127.0.0.1", port), 1).close()
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 143
        assert time.monotonic() - begun < 2


def test_sigterm_during_migrations_ends_quickly() -> None:
    command = [sys.executable, "-m", "tests.simulator", "--port", "0", "--migrations-s", "30"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Migrating schema" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 143


def test_everything_can_come_from_the_environment(browse: Browse) -> None:
    environ = {
        "SIM_RELEASE": "3.7.1",
        "SIM_CHARGE_BOXES": "CP1,CP2:Rejected",
        "SIM_CONTEXT": "ocpp",
        "AUTH_PASSWORD": "ignored-by-3.7.1",
    }
    options = options_from([], {**environ, "SIM_FAULTS": "slow=1.5,freeze", "SIM_CONTROL_PORT": "7"})
    assert (options.release, options.context, options.control_port) == ("3.7.1", "ocpp", 7)
    assert [(box.id, box.status) for box in options.charge_boxes] == [("CP1", "Accepted"), ("CP2", "Rejected")]
    assert options.faults == {"slow": 1.5, "freeze": True}
    assert parse_fault("db-time-zone=3600") == ("db-time-zone", 3600)
    with simulator_process("--context", "ocpp", release="3.7.1", environ=environ) as sim:
        assert sim.url.endswith("/ocpp")
        assert browse(sim).sign_in().location.endswith("/ocpp/")
        assert len(sim.control.state()["tables"]["charge_box"]) == 2


@pytest.mark.parametrize(
    ("release", "line"), [("3.7.1", "Started Server@"), ("3.14.1", "Started SteveApplication in ")]
)
def test_docker_profile_logs_to_stdout_in_steves_layout(release: str, line: str) -> None:
    with simulator_process(release=release) as sim:
        output = list(sim.output)
    matches = [match for one in output if (match := PREFIX.match(one))]
    assert any(match[5].startswith(line) and match[4] == "main" for match in matches)


def test_prod_profile_logs_to_the_file_and_names_it_on_stdout(tmp_path: Path, browse: Browse) -> None:
    file = tmp_path / "steve.log"
    with simulator_process("--log-file", str(file), release="3.14.1") as sim:
        browse(sim).get("/websocket/CentralSystemService/NOPE", **{"Sec-WebSocket-Protocol": "ocpp1.6"})
        browser = browse(sim)
        browser.sign_in()
        assert "ChargeBoxId 'NOPE' is not recognized." in browser.get("/manager/log").text
        output = list(sim.output)
    assert f"Log file location: {file}" in output
    assert not any(PREFIX.match(one) for one in output)
    assert all(PREFIX.match(one) for one in file.read_text("utf-8").splitlines())


@pytest.mark.parametrize(("release", "rc"), [("3.7.1", 0), ("3.14.1", 1)])
def test_taken_port_ends_the_start(release: str, rc: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("--release", release, "--port", str(taken.getsockname()[1]))
    assert result.returncode == rc
    assert ("was already in use" in result.stdout) is (release == "3.14.1")
    assert (" FAILED!" in result.stdout) is (release == "3.7.1")


@pytest.mark.parametrize(
    ("release", "rc", "text"),
    [("3.7.1", 0, "Communications link failure"), ("3.14.1", 1, "Socket fail to connect to localhost")],
)
def test_unreachable_data_base_at_start(release: str, rc: int, text: str) -> None:
    result = run("--release", release, "--port", "0", "--fault", "db-unreachable")
    assert (result.returncode, text in result.stdout) == (rc, True)
    assert "HikariPool-1 - Exception during pool initialization" in result.stdout


def test_wrong_arguments_are_told() -> None:
    result = run("--release", "2.0")
    assert result.returncode == 2
    assert "known: 3.4.8, 3.4.9" in result.stderr
    assert "3.14.1, expressync, runbook" in result.stderr


# --- faults of a running server ---------------------------------------------------------------------------------------


def test_frozen_server_accepts_and_never_answers_until_thawed(start: Start) -> None:
    sim = start(release="3.14.1")
    sim.control.set_fault("freeze")
    with socket.create_connection(("127.0.0.1", sim.port), 2) as sock:
        sock.sendall(b"GET /steve/manager/signin HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sim.control.clear_fault("freeze")
        sock.settimeout(2)
        assert sock.recv(12) == b"HTTP/1.1 200"


def test_garbage_is_not_http(start: Start) -> None:
    sim = start(release="3.14.1", faults={"garbage": True})
    with socket.create_connection(("127.0.0.1", sim.port), 2) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not sock.recv(100).startswith(b"HTTP/")


def test_tls_bytes_on_the_plain_port_get_a_bad_message_page(start: Start) -> None:
    sim = start(release="3.14.1")
    with socket.create_connection(("127.0.0.1", sim.port), 2) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        answer = sock.recv(1000)
    assert answer.startswith(b"HTTP/1.")
    assert b" 400 " in answer.splitlines()[0]
    assert b"aiohttp" not in answer


def test_refusals_keep_the_connection_open(start: Start) -> None:
    sim = start(release="3.14.1", charge_boxes=["CP1"])
    request = (
        b"GET /steve/websocket/CentralSystemService/%s HTTP/1.1\r\nHost: x\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 99\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", sim.port), 2) as sock:
        for charge_box_id, status in ((b"CP1", b"426"), (b"NOPE", b"404"), (b"CP1", b"426")):
            sock.sendall(request % charge_box_id)
            answer = sock.recv(4096)
            assert answer.split(b" ")[1] == status
            assert b"Content-Length: 0" in answer


@pytest.mark.parametrize(("release", "sent"), [("3.7.1", False), ("3.14.1", True)])
def test_date_header_follows_the_release_and_the_clock_fault(
    release: str, sent: bool, start: Start, browse: Browse
) -> None:
    sim = start(release=release, faults={"clock-offset": -86400 * 400})
    page = browse(sim).get("/manager/signin")
    assert ("date" in page.headers) is sent
    assert "server" not in page.headers
    if sent:
        assert str(time.gmtime().tm_year) not in page.headers["date"]


@pytest.mark.parametrize(("release", "logged"), [("3.7.1", True), ("3.14.1", False)])
def test_lost_upgrade_is_logged_by_3_7_1_only(release: str, logged: bool, start: Start, browse: Browse) -> None:
    sim = start(release=release, charge_boxes=["CP1"])
    browse(sim).get("/websocket/CentralSystemService/CP1", **{"Sec-WebSocket-Protocol": "ocpp1.6"})
    browse(sim).get("/websocket/CentralSystemService/CP1/", **{"Sec-WebSocket-Protocol": "ocpp1.6"})
    log = "\n".join(sim.control.log())
    assert ('"Handshake failed due to invalid Upgrade header: null"' in log) is logged
    assert ("No mapping for GET /steve/websocket/CentralSystemService/CP1/" in log) is logged


def test_control_port_names_mistakes(start: Start) -> None:
    sim = start(release="3.14.1")
    with pytest.raises(RuntimeError, match="unknown fault 'nonsense'"):
        sim.control.set_fault("nonsense")
    with pytest.raises(RuntimeError, match="unknown method"):
        sim.control.call("nonsense")
