# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probe promises of time and load: kept against real sockets, with ten thousand ids where that matters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

from tests.unit import fake_servers
from tests.unit.fake_servers import Behaviour, Visit, serving
from tests.unit.scripted_steve import ACCEPTED, SIGNIN, id_of, steve_that

IDS = [f"CP-{index}" for index in range(10_000)]


def timed(url: str, ids: list[str], **options: Any) -> tuple[dict[str, Any], float]:
    start = time.monotonic()
    document = probe(ProbeRequest(url, ids, era=_era.given("3.14.1"), **{"rate": 0, "timeout": 0.5, **options}))
    return document, time.monotonic() - start


def quickest(attempt: Callable[[], float], enough: float) -> float:
    """The least of up to three times. A busy machine may disturb one run; a promise that is not kept fails in all."""
    best = attempt()
    for _again in range(2):
        if best <= enough:
            break
        best = min(best, attempt())
    return best


# -- a dead server


def stay_silent(visit: Visit, _data: bytes) -> None:
    visit.over.wait()


def close_it(visit: Visit, _data: bytes) -> None:
    raise ConnectionError


@pytest.mark.parametrize(
    ("behaviour", "requests", "timeouts"),
    [
        (fake_servers.silent, 1, 1),
        (fake_servers.closing, 30, 0),
        (steve_that(stay_silent), 2 + 8, 1),
        (steve_that(close_it), 2 + 20 + 8, 0),
        (steve_that(stay_silent, after=500), 2 + 500 + 8, 1),
    ],
    ids=["silent", "closing", "silent-to-ids", "closing-on-ids", "dies-on-the-way"],
)
def test_a_dead_server_costs_one_timeout_and_not_one_per_id(
    behaviour: Behaviour, requests: int, timeouts: int
) -> None:
    with serving(behaviour) as fake:
        document, elapsed = timed(fake.ws_url, IDS)
    # Half a timeout more: an id that hangs is one thing as long as others are answered.
    assert elapsed < timeouts * 0.5 * 1.5 + 2.0
    assert document["side_effects"]["requests"] <= requests
    summary = document["summary"]
    assert summary["asked"] == 10_000 == summary["accepted"] + summary["undetermined"]
    if document["endpoint"]["verdict"] == "reachable":
        assert len(document["probes"]) == 10_000
        assert "not asked: the server stopped answering" in document["probes"][-1]["evidence"][0]["note"]


def test_a_body_that_never_ends_costs_one_timeout_too() -> None:
    def hang(visit: Visit, _data: bytes) -> None:
        visit.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 34\r\n\r\nCan")
        visit.over.wait()

    with serving(steve_that(hang)) as fake:
        document, elapsed = timed(fake.ws_url, IDS)
    assert elapsed < 3.0
    assert document["side_effects"]["requests"] <= 20
    assert document["summary"]["accepted"] == 1


# -- rate and deadline


def test_the_rate_is_kept_within_five_percent_and_partial_results_come_back() -> None:
    counts: list[int] = []

    def attempt() -> float:
        with serving(steve_that(lambda visit, _data: visit.send(ACCEPTED))) as fake:
            document, _elapsed = timed(fake.ws_url, IDS, rate=200, deadline=2.0)
        count = int(document["side_effects"]["requests"])
        # Never more, however busy this machine is.
        assert count <= 420
        assert document["summary"]["accepted"] >= count - 20
        assert len(document["probes"]) == 10_000
        counts.append(count)
        return 420 - count

    assert quickest(attempt, 40) <= 40, counts


def test_time_spent_waiting_for_an_answer_is_not_caught_up_with_in_a_burst() -> None:
    moments: list[float] = []

    def behave(visit: Visit) -> None:
        while data := visit.request():
            moments.append(time.monotonic())
            if b"/manager/signin" in data:
                visit.over.wait(1.0)
            visit.send(SIGNIN if b"/manager/signin" in data else ACCEPTED)

    with serving(behave) as fake:
        timed(fake.ws_url, IDS[:40], rate=50, timeout=5)
    for index in range(len(moments) - 20):
        # Twenty requests at 50/s take 0.38 s; a tenth of a second may be caught up with when this machine was busy.
        assert moments[index + 19] - moments[index] > 0.38 - 0.1 - 0.05


def drip(data: bytes) -> Callable[[Visit, bytes], None]:
    def behave(visit: Visit, _data: bytes) -> None:
        for index in range(len(data)):
            visit.send(data[index : index + 1])
            if visit.over.wait(0.02):
                return
        visit.over.wait()

    return behave


@pytest.mark.parametrize(
    "behaviour",
    [
        fake_servers.silent,
        fake_servers.dripping(b"HTTP/1.1 200 OK\r\nServer: slow\r\n" + b"A: b\r\n" * 99, 0.02),
        fake_servers.endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;x\r\na\r\n" * 20),
        steve_that(drip(b"HTTP/1.1 400 Bad Request\r\nServer: slow\r\n" + b"A: b\r\n" * 99)),
        steve_that(drip(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 900\r\n\r\n" + b"a" * 900)),
        steve_that(drip(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"\x89\x00" * 400)),
        steve_that(lambda visit, _data: visit.send(ACCEPTED)),
    ],
    ids=["silent", "header", "chunks", "header-to-ids", "body-to-ids", "frames-to-ids", "healthy"],
)
def test_the_deadline_is_kept_within_five_percent(behaviour: Behaviour) -> None:
    def attempt() -> float:
        with serving(behaviour) as fake:
            document, elapsed = timed(fake.ws_url, IDS[:2000], deadline=1.0, timeout=30, rate=1000)
        assert document["summary"]["asked"] == 2000
        return elapsed

    assert quickest(attempt, 1.05) <= 1.05


def test_a_session_does_not_outlive_the_deadline() -> None:
    def ping_for_ever(visit: Visit, data: bytes) -> None:
        if b"Sec-WebSocket-Version: 13" not in data:
            visit.send(ACCEPTED)
            return
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n")
        while not visit.over.wait(0.05):
            visit.send(b"\x89\x00")

    def attempt() -> float:
        with serving(steve_that(ping_for_ever, after=0)) as fake:
            document, elapsed = timed(fake.ws_url, ["CP-1"], mode="boot", deadline=1.0, timeout=30)
        assert document["side_effects"]["sessions_opened"] == 1
        return elapsed

    assert quickest(attempt, 1.05) <= 1.05


# -- concurrency


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_no_more_requests_are_under_way_than_allowed(concurrency: int, keep_alive: bool) -> None:
    lock = threading.Lock()
    under_way, most = 0, 0

    def answer(visit: Visit, data: bytes) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.005)
        with lock:
            under_way -= 1
        visit.send(ACCEPTED)
        if not keep_alive and id_of(data) is not None:
            raise ConnectionError

    with serving(steve_that(answer, after=0)) as fake:
        document, _elapsed = timed(fake.ws_url, IDS[:120], concurrency=concurrency, timeout=10)
        if keep_alive:
            assert fake.connections <= concurrency
    assert document["summary"]["accepted"] == 120
    assert most == concurrency
