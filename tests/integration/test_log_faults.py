# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only SteVe's log and the clocks show, on the real stack: starts that fail, sessions that end, a wrong clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.integration.playbook import local_host, playbook
from tests.integration.test_diagnose_faults import RELEASES, diagnose, mend
from tests.simulator import running_simulator
from tests.stack.fixtures import Stacks
from tests.stack.project import Stack

WRONG_PASSWORD = {"SIM_DB_URL": "mysql+aiomysql://steve:wrong-4711@db:3306/stevedb"}


@contextmanager
def configured(stack: Stack, *, restart: str = "no", **knobs: str) -> Iterator[None]:
    """The app container recreated with other settings, for as long as a block lasts."""
    before = dict(stack.knobs)
    try:
        stack.knobs |= knobs
        stack.write_project()
        stack.compose("up", "--detach", "--no-deps", "app")
        stack.engine.docker("update", f"--restart={restart}", stack.container("app"))
        yield
    finally:
        stack.knobs = before
        stack.engine.docker("update", "--restart=no", stack.container("app"))
        stack.write_project()
        mend(stack)


def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for something that a container does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.3)


def inspected(stack: Stack) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(stack.engine.docker("inspect", stack.container("app")).stdout)[0]
    return value


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("cause", "knobs"),
    [("db-refused-login", WRONG_PASSWORD), ("db-time-zone", {"SIM_FAULTS": "db-time-zone=7200"})],
)
def test_a_start_that_failed_is_named_by_its_cause(
    stacks: Stacks, release: str, cause: str, knobs: dict[str, str]
) -> None:
    stack = stacks(release, "host")
    with configured(stack, **knobs):
        until(lambda: inspected(stack)["State"]["Status"] == "exited")
        run = diagnose(stack)
    assert run.found() == [(cause, None)], run.output
    assert run.code == 2
    assert "app-not-running" not in run.ids() and run.statuses("app-not-running") == {"blocked"}
    assert "wrong-4711" not in run.output + json.dumps(run.findings)


def test_a_restart_loop_with_a_known_cause_is_that_cause(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    with configured(stack, restart="always", **WRONG_PASSWORD):
        until(lambda: inspected(stack)["RestartCount"] >= 3)
        run = diagnose(stack)
    assert run.found() == [("db-refused-login", None)], run.output
    assert run.statuses("app-restarting") == {"blocked"}


def test_a_clock_that_is_ten_minutes_behind(stacks: Stacks) -> None:
    """One that is ahead is in test_real_causes, by a library."""
    stack = stacks("3.14.1", "host")
    with configured(stack, SIM_FAULTS="clock-offset=-600"):
        stack.wait_healthy("app")
        run = diagnose(stack)
    assert run.ids() == ["clock-skew"], run.output
    assert "600 s behind" in run.output


def sessions(url: str, count: int, *messages: str, box: str = "CP1") -> None:
    """Sessions one after the other that say something and end."""
    for _index in range(count):
        with connect(f"{url}/{box}", subprotocols=["ocpp1.6"], proxy=None) as socket:  # type: ignore[list-item]
            for message in messages:
                socket.send(message)
                while json.loads(socket.recv(10))[0] != 3:
                    pass


BOOT = '[2,"b1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'
HEARTBEAT = '[2,"h1","Heartbeat",{}]'


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("count", "messages", "expected"),
    [(7, (HEARTBEAT,), ["session-flapping"]), (3, (BOOT,), ["closed-after-boot"]), (1, (HEARTBEAT,), [])],
    ids=["flapping", "closes after its boot", "one short session"],
)
def test_what_a_charger_does_is_named(
    stacks: Stacks, release: str, count: int, messages: tuple[str, ...], expected: list[str]
) -> None:
    stack = stacks(release, "host")
    # The log of a new container holds this test only.
    with configured(stack, SIM_TEST=f"{expected}{release}"):
        stack.wait_healthy("app")
        sessions(stack.ws_url, count, *messages)
        run = diagnose(stack)
    assert run.ids() == expected, run.output


def test_a_second_diagnosis_does_not_take_the_first_ones_knocks_for_a_chargers(tmp_path: Path) -> None:
    log, reports = tmp_path / "steve.log", tmp_path / "reports"
    with running_simulator(release="3.14.1", charge_boxes=["CP-1:Accepted:1:password-of-16-ch"], log_file=log) as steve:
        host = local_host(
            steve_url=steve.url, steve_log_file=str(log), steve_charge_boxes=["CP-1"], steve_admin_password=""
        )
        inventory = {"all": {"children": {"steve": {"hosts": {"site": host}}}}}
        runs = [playbook("diagnose", inventory, extra={"steve_report_dir": str(reports)}) for _index in range(2)]
    assert "Failed to find username and password" in log.read_text(), "the first diagnosis left no trace"
    assert len(runs) == 2
    seen = [json.loads(next(path.rglob("site.json")).read_text()) for path in sorted(reports.iterdir())]
    assert [item["parts"]["log"]["data"]["discounted"] > 0 for item in seen] == [False, True]
    assert {witness["name"] for witness in seen[0]["parts"]["clock"]["data"]["witnesses"]} >= {"controller"}
    judged = [json.loads((path / "findings.json").read_text()) for path in sorted(reports.iterdir())]
    assert [item["id"] for one in judged for item in one["findings"]] == []
