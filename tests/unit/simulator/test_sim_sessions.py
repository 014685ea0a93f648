# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OCPP sessions of the simulator, seen by the ``ocpp`` client."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import asyncio
import base64
import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v16 import call
from websockets.asyncio.client import connect

from tests.simulator import Running

BOTH = pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
Start = Callable[..., Running]


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something that another thread does."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.01)


def row(sim: Running, charge_box_id: str) -> dict[str, Any]:
    return next(one for one in sim.control.state()["tables"]["charge_box"] if one["charge_box_id"] == charge_box_id)


@BOTH
def test_boot_and_heartbeat_are_answered_and_stored(release: str, start: Start, connect_charger: Any) -> None:
    sim = start(release=release, charge_boxes=["CP1"])

    async def scenario() -> None:
        async with await connect_charger(sim, "CP1") as charger:
            boot = await charger.boot()
            assert (boot.status, boot.interval) == ("Accepted", 14400)
            beat = await charger.call(call.Heartbeat())
            assert beat.current_time.endswith("Z")
            status = call.StatusNotification(connector_id=1, error_code="NoError", status="Available")
            await charger.call(status)

    asyncio.run(scenario())
    stored = row(sim, "CP1")
    assert (stored["charge_point_vendor"], stored["ocpp_protocol"]) == ("V1", "ocpp1.6J")
    assert stored["last_heartbeat_timestamp"] is not None
    log = "\n".join(sim.control.log())
    assert "The boot of the chargebox 'CP1' with registration status 'Optional[ACCEPTED]' is acknowledged." in log
    assert re.search(
        r"\[INFO \] [\d-]+ [\d:,]+ \S+WebSocketLogger \(\S+\) - "
        r"\[chargeBoxId=CP1, sessionId=\S+\] Connection is established",
        log,
    )
    assert re.search(r"\[WARN \] .*\] Connection is closed, status: CloseStatus\[code=1000, reason=null\]", log)


@BOTH
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_registration_status_decides_the_boot_answer_only(
    release: str, status: str, start: Start, connect_charger: Any
) -> None:
    sim = start(release=release, charge_boxes=[f"CP1:{status}"])

    async def scenario() -> str:
        async with await connect_charger(sim, "CP1") as charger:
            return str((await charger.boot()).status)

    assert asyncio.run(scenario()) == status


@BOTH
def test_newest_session_receives_the_command(release: str, start: Start, connect_charger: Any) -> None:
    sim = start(release=release, charge_boxes=["CP1"])

    async def scenario() -> None:
        async with await connect_charger(sim, "CP1") as old:
            async with await connect_charger(sim, "CP1") as new:
                await until(lambda: len(sim.control.sessions()) == 2)
                answer = await asyncio.to_thread(sim.control.command, "CP1")
                assert answer == {"response": {"status": "Accepted"}}
                assert ("ClearCache" in old.calls, "ClearCache" in new.calls) == (False, True)
            await until(lambda: len(sim.control.sessions()) == 1)
            await asyncio.to_thread(sim.control.command, "CP1")
            assert "ClearCache" in old.calls

    asyncio.run(scenario())


def test_3_14_1_asks_the_first_session_for_its_configuration_and_3_7_1_does_not(
    start: Start, connect_charger: Any
) -> None:
    async def scenario(sim: Running) -> list[list[str]]:
        async with await connect_charger(sim, "CP1") as first, await connect_charger(sim, "CP1") as second:
            await first.boot()
            await second.boot()
            return [first.calls, second.calls]

    new, old = start(release="3.14.1", charge_boxes=["CP1"]), start(release="3.7.1", charge_boxes=["CP1"])
    assert asyncio.run(scenario(new)) == [["GetConfiguration"], []]
    assert asyncio.run(scenario(old)) == [[], []]
    assert row(new, "CP1")["ocpp_configuration"] == {"CpoName": "LabCPO"}


@BOTH
def test_protocol_is_overwritten_on_open_without_any_boot(release: str, start: Start) -> None:
    sim = start(release=release, charge_boxes=["CP1"])

    async def scenario() -> None:
        url = f"{sim.ws_url}/CP1"
        async with connect(url, subprotocols=["ocpp1.5"], proxy=None):  # type: ignore[list-item]
            await until(lambda: row(sim, "CP1")["ocpp_protocol"] == "ocpp1.5J")

    asyncio.run(scenario())
    assert row(sim, "CP1")["last_heartbeat_timestamp"] is None


def test_spelling_of_the_session_is_the_urls_in_3_7_1_and_the_data_bases_in_3_14_1(
    start: Start, connect_charger: Any
) -> None:
    seen = {}
    for release in ("3.7.1", "3.14.1"):
        sim = start(release=release, charge_boxes=["CP1"])

        async def scenario(sim: Running = sim) -> str:
            async with await connect_charger(sim, "cp1"):
                await until(lambda: bool(sim.control.sessions()))
                return str(sim.control.sessions()[0]["charge_box_id"])

        seen[release] = asyncio.run(scenario())
    assert seen == {"3.7.1": "cp1", "3.14.1": "CP1"}


def test_row_deleted_while_connected(start: Start, connect_charger: Any, browse: Any) -> None:
    async def boot_after_delete(sim: Running) -> str:
        async with await connect_charger(sim, "CP1") as charger:
            await until(lambda: bool(sim.control.sessions()))
            browser = browse(sim)
            browser.sign_in()
            done = await asyncio.to_thread(browser.submit, "/manager/chargepoints/delete/1", {})
            assert done.status == 302
            try:
                return str((await asyncio.wait_for(charger.boot(), 5)).status)
            except Exception as error:
                return type(error).__name__

    assert asyncio.run(boot_after_delete(start(release="3.7.1", charge_boxes=["CP1"]))) == "Rejected"
    assert asyncio.run(boot_after_delete(start(release="3.14.1", charge_boxes=["CP1"]))) == "ConnectionClosedOK"


@pytest.mark.parametrize(
    ("release", "line"), [("3.7.1", "Transport error"), ("3.14.1", "Connection ended unexpectedly")]
)
def test_abrupt_loss_is_logged_in_the_releases_words(
    release: str, line: str, start: Start, connect_charger: Any
) -> None:
    sim = start(release=release, charge_boxes=["CP1"])

    async def scenario() -> None:
        async with await connect_charger(sim, "CP1") as charger:
            await charger.boot()
            charger._connection.transport.abort()
            await until(lambda: not sim.control.sessions())

    asyncio.run(scenario())
    lines = [one for one in sim.control.log() if "[chargeBoxId=CP1" in one]
    assert lines[-2].endswith(line)
    assert lines[-1].endswith("Connection is closed, status: CloseStatus[code=1006, reason=Session Closed]")


def test_server_ping_keeps_the_heartbeat_column_fresh(start: Start, connect_charger: Any) -> None:
    sim = start(release="3.7.1", charge_boxes=["CP1"], ping_interval_s=0.05)

    async def scenario() -> None:
        async with await connect_charger(sim, "CP1"):
            await until(lambda: row(sim, "CP1")["last_heartbeat_timestamp"] is not None)

    asyncio.run(scenario())


@BOTH
def test_unknown_action_and_malformed_argument_get_a_callerror(release: str, start: Start) -> None:
    sim = start(release=release, charge_boxes=["CP1"])

    async def scenario() -> list[str]:
        codes = []
        async with connect(f"{sim.ws_url}/CP1", subprotocols=["ocpp1.6"], proxy=None) as ws:  # type: ignore[list-item]
            for action, payload in (("Nonsense", {}), ("StatusNotification", {"connectorId": "x"})):
                await ws.send(json.dumps([2, action, action, payload]))
                while True:
                    answer = json.loads(await asyncio.wait_for(ws.recv(), 5))
                    if answer[1] == action:
                        break
                assert answer[0] == 4
                codes.append(answer[2])
        return codes

    assert asyncio.run(scenario()) == ["NotImplemented", "TypeConstraintViolation"]


def test_operations_page_sends_to_the_session_in_both_releases(start: Start, connect_charger: Any, browse: Any) -> None:
    for release, prefix in (("3.7.1", "JSON"), ("3.14.1", "V_16_JSON")):
        sim = start(release=release, charge_boxes=["CP1"])

        async def scenario(sim: Running = sim, prefix: str = prefix) -> None:
            async with await connect_charger(sim, "CP1") as charger:
                await charger.boot()
                browser = browse(sim)
                await asyncio.to_thread(browser.sign_in)
                path = "/manager/operations/v1.6/ClearCache"
                form = await asyncio.to_thread(browser.get, path)
                assert f'value="{prefix};CP1;-"' in form.text
                fields = {"chargePointSelectList": f"{prefix};CP1;-"}
                done = await asyncio.to_thread(lambda: browser.submit(path, fields, page=path))
                assert done.location.endswith("/steve/manager/operations/tasks/1")
                await until(lambda: "ClearCache" in charger.calls)

        asyncio.run(scenario())


def test_web_api_sends_a_command_on_3_14_1(start: Start, connect_charger: Any) -> None:
    sim = start(release="3.14.1", charge_boxes=["CP1"], environ={"WEBAPI_VALUE": "tok"})

    def post() -> Any:
        basic = base64.b64encode(b"admin:tok").decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        body = json.dumps({"chargeBoxIdList": ["CP1", "CP2"]}).encode()
        url = f"{sim.url}/api/v1/operations/ClearCache"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
            return json.load(answer)

    async def scenario() -> Any:
        async with await connect_charger(sim, "CP1") as charger:
            await charger.boot()
            return await asyncio.to_thread(post)

    answer = asyncio.run(scenario())
    assert answer["successResponses"] == [{"chargeBoxId": "CP1", "response": "Accepted"}]
    assert [one["chargeBoxId"] for one in answer["exceptions"]] == ["CP2"]
