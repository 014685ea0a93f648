# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated data base: collation, and what happens when it is gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator import Running, StartError, running_simulator
from tests.simulator.tables import collate, fold

BOTH = pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
Start = Callable[..., Running]
Browse = Callable[[Running], Any]
PROBE = {"Sec-WebSocket-Protocol": "ocpp1.6"}
PATH = "/websocket/CentralSystemService/"


@pytest.mark.parametrize(
    ("left", "right"), [("CP1", "cp1"), ("Säule", "saule"), ("CP1", "CP1  "), ("straße", "STRASSE")]
)
def test_collation_equates(left: str, right: str) -> None:
    assert collate(left, right) == 0


@pytest.mark.parametrize(("left", "right"), [("CP1", "CP2"), ("CP1", " CP1"), ("CP1", "CP-1"), ("0", "O")])
def test_collation_tells_apart(left: str, right: str) -> None:
    assert collate(left, right) != 0


@given(st.text(), st.text())
def test_collation_is_antisymmetric_and_folding_idempotent(left: str, right: str) -> None:
    there, back = collate(left, right), collate(*reversed((left, right)))
    assert there == -back
    assert fold(fold(left)) == fold(left)


@BOTH
def test_lookup_ignores_case_accents_and_not_much_else(release: str, start: Start, browse: Browse) -> None:
    browser = browse(start(release=release, charge_boxes=["Saule-1"]))
    found = {one: browser.get(PATH + one, **PROBE).status for one in ("SAULE-1", "s%C3%A4ule-1", "Saule1")}
    assert found == {"SAULE-1": 400, "s%C3%A4ule-1": 400, "Saule1": 404}


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.monotonic()
    result = action()
    return time.monotonic() - begun, result


@pytest.mark.parametrize(("release", "status"), [("3.7.1", 500), ("3.14.1", 302)])
def test_dead_data_base_hangs_handshakes_for_the_pool_timeout_and_spares_the_sign_in_page(
    release: str, status: int, start: Start, browse: Browse
) -> None:
    sim = start(release=release, charge_boxes=["CP1"], pool_timeout_s=0.6)
    sim.control.set_fault("db-dead")
    seconds, page = timed(lambda: browse(sim).get(PATH + "CP1", **PROBE))
    assert page.status == status
    assert 0.5 < seconds < 2.0
    assert page.location.startswith("/steve/manager/signin;jsessionid=") is (release == "3.14.1")
    seconds, page = timed(lambda: browse(sim).get("/manager/signin"))
    assert (page.status, seconds < 0.4) == (200, True)
    assert any(
        "HikariPool-1 - Connection is not available, request timed out after 6" in line for line in sim.control.log()
    )
    sim.control.clear_fault("db-dead")
    seconds, page = timed(lambda: browse(sim).get(PATH + "CP1", **PROBE))
    assert (page.status, seconds < 0.4) == (400, True)


def parallel(sim: Running, browse: Browse, *charge_box_ids: str) -> float:
    """Seconds until all of several handshakes were answered."""

    def run() -> None:
        threads = [threading.Thread(target=browse(sim).get, args=(PATH + one,), kwargs=PROBE) for one in charge_box_ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return timed(run)[0]


def test_parallel_handshakes_queue_across_ids_in_3_7_1_and_per_id_in_3_14_1(start: Start, browse: Browse) -> None:
    options = {"charge_boxes": ["CP1", "CP2"], "pool_timeout_s": 0.5, "faults": {}}
    old, new = start(release="3.7.1", **options), start(release="3.14.1", **options)
    for sim in (old, new):
        sim.control.set_fault("db-dead")
    assert parallel(old, browse, "CP1", "CP2") > 0.95
    assert parallel(new, browse, "CP1", "CP2") < 0.95
    assert parallel(new, browse, "CP1", "cp1") > 0.95


def test_waiting_handshake_is_answered_when_the_data_base_comes_back(start: Start, browse: Browse) -> None:
    sim = start(release="3.14.1", charge_boxes=["CP1"], pool_timeout_s=5.0)
    sim.control.set_fault("db-dead")
    threading.Timer(0.2, sim.control.clear_fault, ["db-dead"]).start()
    seconds, page = timed(lambda: browse(sim).get(PATH + "CP1", **PROBE))
    assert (page.status, seconds < 3.0) == (400, True)


@BOTH
def test_signed_in_pages_show_an_error_page_when_the_data_base_is_gone(
    release: str, start: Start, browse: Browse
) -> None:
    sim = start(release=release, pool_timeout_s=0.2)
    browser = browse(sim)
    browser.sign_in()
    sim.control.set_fault("db-dead")
    page = browser.get("/manager/home")
    assert (page.status, "<h3>Error:</h3>" in page.text) == (200, True)


def test_sign_in_needs_the_data_base_in_3_14_1_only(start: Start, browse: Browse) -> None:
    targets = {}
    for release in ("3.7.1", "3.14.1"):
        sim = start(release=release, pool_timeout_s=0.2)
        sim.control.set_fault("db-dead")
        targets[release] = browse(sim).sign_in().location.rpartition("/")[2]
    assert targets == {"3.7.1": "", "3.14.1": "signin?error"}


@pytest.mark.parametrize(("release", "rc"), [("3.7.1", 0), ("3.14.1", 1)])
@pytest.mark.parametrize("kind", ["unreachable", "refused-login", "unknown-schema", "time-zone"])
def test_start_failures_have_the_releases_exit_code(release: str, rc: int, kind: str) -> None:
    with pytest.raises(StartError) as caught, running_simulator(release=release, faults={f"db-{kind}": 7200}):
        pass
    assert (caught.value.kind, caught.value.rc) == (kind, rc)


@pytest.mark.parametrize("release", ["3.14.1"])
def test_frozen_mariadb_at_start_is_unreachable(release: str) -> None:
    """A server that accepts connections and never greets, as a paused container does."""

    async def scenario() -> StartError:
        async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            held.append(writer)

        held: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        def run() -> None:
            with running_simulator(
                release=release, db=f"mysql+aiomysql://u:p@127.0.0.1:{port}/stevedb", pool_timeout_s=0.4
            ):
                pass

        try:
            with pytest.raises(StartError) as caught:
                await asyncio.to_thread(run)
        finally:
            for writer in held:
                writer.close()
            server.close()
        return caught.value

    assert asyncio.run(scenario()).kind == "unreachable"


def test_refused_mariadb_port_is_waited_for_and_then_unreachable() -> None:
    db = "mysql+aiomysql://u:p@127.0.0.1:1/stevedb"
    begun = time.monotonic()
    with (
        pytest.raises(StartError) as caught,
        running_simulator(release="3.14.1", db=db, db_wait_s=0.3, pool_timeout_s=0.5),
    ):
        pass
    assert caught.value.kind == "unreachable"
    assert time.monotonic() - begun > 0.3
