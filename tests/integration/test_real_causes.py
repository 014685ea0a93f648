# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes that are real ones: MariaDB's own time zone, a clock that a library moves, an nginx that cuts a real station.

And what looks odd in the same places and is well. Other healthy oddities are in test_diagnose_host (a port on loopback
behind nginx), test_nginx_stale (an upstream in a variable) and test_tls (TLS in front).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.integration.on_stack import HEARTBEAT, configured, inspected, sessions, until
from tests.integration.playbook import Run, diagnose
from tests.stack import nginx
from tests.stack.fixtures import Stacks
from tests.stack.project import PUBLIC_NAME, Stack


@pytest.fixture
def stack(stacks: Stacks) -> Stack:
    return stacks("3.14.1", "host")


def boxes(run: Run) -> dict[str, list[str]]:
    """Charge boxes by finding."""
    return {item["id"]: sorted(item["charge_boxes"]["ids"]) for item in run.findings["findings"]}


# -- the data base's time zone --------------------------------------------------------------------------------


@contextmanager
def mariadb_started_with(stack: Stack, zone: str) -> Iterator[None]:
    """MariaDB with another time zone, as its command line gives it, and an app that was started again since."""
    shown = json.loads(stack.engine.docker("image", "inspect", stack.images.mariadb).stdout)[0]["Config"]["Cmd"]
    command = [f"--default-time-zone={zone}" if item.startswith("--default-time-zone") else item for item in shown]
    assert command != shown
    file = stack.directory / "docker-compose.override.yml"
    file.write_text(json.dumps({"services": {"db": {"command": command}}}))
    try:
        stack.wait_healthy("db")
        stack.compose("restart", "app")
        until(lambda: inspected(stack)["State"]["Status"] == "exited")
        yield
    finally:
        file.unlink()
        stack.mend()


def test_a_data_base_in_another_time_zone_is_named_and_forgotten_when_it_is_corrected(stack: Stack) -> None:
    with mariadb_started_with(stack, "+02:00"):
        run = diagnose(stack)
        assert run.found() == [("db-time-zone", None)] and run.code == 2, run.output
        assert "Java offset in seconds (0) != MySQL offset in seconds (7200)" in json.dumps(run.findings["findings"])
        # Corrected, and the same container started again: its log holds the failure, then a good start.
        stack.sql("SET GLOBAL time_zone = '+00:00'")
        stack.engine.docker("start", stack.container("app"))
        until(lambda: inspected(stack)["State"]["Health"]["Status"] == "healthy")
        # Strangers that nobody asked about belong to every SteVe that can be reached.
        for name in ("STRANGER-1", "STRANGER-1", "STRANGER-2"):
            with pytest.raises(InvalidStatus):
                sessions(stack.ws_url, 1, box=name)
        well = diagnose(stack)
        assert "not using the same time zone" in stack.logs("app") and "STRANGER-2" in stack.logs("app")
    assert well.found() == [] and well.code == 0, well.output
    assert well.statuses("db-time-zone") == well.statuses("app-loopback-only") == {"pass"}


# -- the clock ------------------------------------------------------------------------------------------------


def test_a_clock_that_a_library_moves_is_named_with_its_offset(stack: Stack) -> None:
    faked = {
        "LD_PRELOAD": "/usr/local/lib/libfaketime.so.1", "FAKETIME": "+600", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    with configured(stack, **faked):
        stack.wait_healthy("app")
        run = diagnose(stack)
    assert run.found() == [("clock-skew", None)], run.output
    assert "600 s ahead" in run.output


# -- an nginx that cuts stations ------------------------------------------------------------------------------

#: The shortest silence that is told as a period is 10 s (``_log_boxes``); nginx's default of 60 s would take minutes.
READ_TIMEOUT_S = 11


def site(stack: Stack, seconds: int) -> str:
    """The good site with another read timeout for WebSockets."""
    location = nginx.location(
        "/", stack.upstream, without=("timeouts",), extra=f"proxy_read_timeout {seconds}s; proxy_send_timeout 1h;"
    )
    return nginx.server(stack.listen, location, name=PUBLIC_NAME)


def idle(url: str, times: int) -> None:
    """A station that says one thing, is silent, and comes back when it was cut."""
    for _index in range(times):
        with connect(f"{url}/CP1", subprotocols=["ocpp1.6"], proxy=None, ping_interval=None) as socket:  # type: ignore[list-item]
            socket.send(HEARTBEAT)
            with pytest.raises(ConnectionClosed):
                while True:
                    socket.recv(READ_TIMEOUT_S * 3)


def test_an_idle_station_that_nginx_cuts_again_and_again(stack: Stack) -> None:
    with configured(stack, SIM_TEST="idle"):
        stack.wait_healthy("app")
        stack.nginx(site(stack, READ_TIMEOUT_S))
        time.sleep(1)
        idle(stack.proxy_ws_url, 3)
        run = diagnose(stack)
        assert run.found() == [("proxy-timeout-short", "proxy")] and run.code == 2, run.output
        assert boxes(run) == {"proxy-timeout-short": ["CP1"]}
        (found,) = run.findings["findings"]
        (seen,) = [item["detail"] for item in found["evidence"] if "is dropped again and again" in item["detail"]]
        period = float(seen.rpartition("after ")[2].partition(" s")[0])
        assert abs(period - READ_TIMEOUT_S) < 2, seen
        assert run.statuses("session-flapping") == {"blocked"}
        # The same drops behind an nginx whose limit is another one are not nginx's.
        stack.nginx(stack.good_site())
        time.sleep(1)
        other = diagnose(stack)
    assert other.found() == [("session-flapping", None)], other.output
    assert other.statuses("proxy-timeout-short") == {"pass"}


# -- charge boxes ---------------------------------------------------------------------------------------------


@contextmanager
def registered(stack: Stack, **statuses: str) -> Iterator[None]:
    """Further charge boxes with a registration status, of which a real station has booted through nginx."""
    stations = []
    try:
        for name, status in statuses.items():
            stack.control("add_charge_box", charge_box_id=name, status=status)
            stations.append(stack.charger(name, url=stack.proxy_ws_url, heartbeat=60))
        yield
    finally:
        for station in stations:
            station.stop()
        for name in statuses:
            stack.control("delete_charge_box", charge_box_id=name)


def test_two_stations_with_one_id_and_those_that_are_rejected_or_pending(stack: Stack) -> None:
    asked: dict[str, Any] = {"steve_charge_boxes": ["CP1", "SHUT", "WAITING"]}
    with registered(stack, SHUT="Rejected", WAITING="Pending"), ExitStack() as twins:
        for _station in range(2):
            twins.enter_context(connect(f"{stack.proxy_ws_url}/CP1", subprotocols=["ocpp1.6"], proxy=None))  # type: ignore[list-item]
        run = diagnose(stack, **asked)
        blind = diagnose(stack, steve_admin_password="", **asked)
    assert boxes(run) == {
        "duplicate-session": ["CP1"], "charge-box-rejected": ["SHUT"], "charge-box-pending": ["WAITING"],
    }, run.output  # fmt: skip
    assert run.statuses("boot-not-accepted") == {"blocked"}
    # Without SteVe's lists there is what SteVe answered to their boots.
    assert boxes(blind) == {"boot-not-accepted": ["SHUT", "WAITING"]}, blind.output
    assert blind.statuses("duplicate-session") == {"skipped"}
