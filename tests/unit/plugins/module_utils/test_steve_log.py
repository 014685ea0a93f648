# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's log as events: lines that the simulator of each release wrote, and lines that nobody should write."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _steve_log
from ansible_collections.chargeops.steve.plugins.module_utils._log_boxes import MAX_BOXES, MAX_STRANGERS, drops, seconds
from ansible_collections.chargeops.steve.plugins.module_utils._steve_log import MAX_LINE, Discount, Reader
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.simulator import Running, running_simulator
from tests.simulator.eras import ERAS
from tests.simulator.server import StartError

RELEASES = [release for release in ERAS if release[0].isdigit()]
PASSWORD = "password-of-16-ch"
OFFER = {"Sec-WebSocket-Protocol": "ocpp1.6"}
WS = "de.rwth.idsg.steve.ocpp.ws.WebSocketLogger"
HANDSHAKE = "de.rwth.idsg.steve.ocpp.ws.OcppWebSocketHandshakeHandler"


def read(text: str | bytes, *asked: str, **options: Any) -> dict[str, Any]:
    """The document of a log."""
    reader = Reader(asked, **options)
    reader.feed(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    reader.close()
    found = reader.to_dict()
    json.dumps(found)
    return found


def box(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [item for item in found["boxes"] if item["id"] == name]
    return dict(one)


def line(message: str, logger: str = WS, at: str = "2026-11-23 01:02:03,000", level: str = "INFO") -> str:
    return f"[{level:<5}] {at} {logger} (qtp-1) - {message}\n"


def session(what: str, box_id: str = "CP-1", key: str = "s1", at: float = 0) -> str:
    """A line about a session, ``at`` seconds after one o'clock."""
    stamp = f"2026-11-23 {1 + int(at) // 3600:02d}:{int(at) // 60 % 60:02d}:{int(at) % 60:02d},000"
    return line(f"[chargeBoxId={box_id}, sessionId={key}] {what}", at=stamp)


OPENED, CLOSED = "Connection is established", "Connection is closed, status: CloseStatus[code=1006, reason=null]"


# -- what a simulated release writes --------------------------------------------------------------------------


def knock(steve: Running, charge_box_id: str, **headers: str) -> None:
    """A preflight, by hand."""
    request = urllib.request.Request(f"{steve.ws_url.replace('ws:', 'http:')}/{quote(charge_box_id)}", headers=headers)
    with suppress(urllib.error.HTTPError):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).close()


def boot(steve: Running, charge_box_id: str) -> None:
    """A session with one BootNotification, closed by the charger."""
    url = f"{steve.ws_url}/{charge_box_id}"
    with connect(url, subprotocols=["ocpp1.6"], proxy=None, compression=None) as socket:  # type: ignore[list-item]
        socket.send('[2,"b1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        while json.loads(socket.recv(5))[0] != 3:
            pass


def recorded(tmp_path: Path, release: str, act: Callable[[Running], None], *boxes: str, **options: Any) -> str:
    """The log file of a simulated release in which something happened."""
    path = tmp_path / "steve.log"
    with running_simulator(release=release, charge_boxes=list(boxes), log_file=path, **options) as steve:
        act(steve)
        end = time.monotonic() + 5
        while "is established" in path.read_text() and "is closed" not in path.read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
    return path.read_text()


@pytest.mark.parametrize("release", RELEASES)
def test_a_start_and_a_booted_session_of_every_release(tmp_path: Path, release: str) -> None:
    found = read(recorded(tmp_path, release, lambda steve: boot(steve, "CP-1"), "CP-1"))
    assert found["start"]["state"] == "started"
    assert found["start"]["release"] == (release if ERAS[release].boot else None)
    assert found["starts"] == 1
    mine = box(found, "CP-1")
    assert (mine["connected"]["count"], mine["closed"]["count"], mine["boots"]["count"]) == (1, 1, 1)
    assert mine["closed"]["codes"] == {"1000": 1}
    assert mine["last_boot"]["status"] == "Accepted"
    (one,) = mine["sessions"]
    assert one["boots"] == 1 and one["received"] >= 1 and one["code"] == 1000
    assert 0 <= one["after_boot_s"] <= one["length_s"] < 5
    assert mine["refused"] == {} and found["lines"]["steve"] == found["lines"]["all"]


@pytest.mark.parametrize("release", [item for item in RELEASES if item != "3.4.8"])
def test_an_unknown_id_of_every_release(tmp_path: Path, release: str) -> None:
    text = recorded(tmp_path, release, lambda steve: knock(steve, "it's [odd]", **OFFER))
    assert box(read(text), "it's [odd]")["refused"]["unknown-id"]["count"] == 1


@pytest.mark.parametrize("release", ["3.4.9", "3.7.1", "3.8.0", "3.12.0", "3.13.0", "3.14.1"])
def test_a_missing_and_an_unsupported_subprotocol_of_every_era(tmp_path: Path, release: str) -> None:
    def act(steve: Running) -> None:
        for offered in ({}, {"Sec-WebSocket-Protocol": "ocpp2.0.1"}):
            knock(steve, "CP-1", **offered)

    found = read(recorded(tmp_path, release, act, "CP-1"))
    named = release in ("3.13.0", "3.14.1")
    reasons = box(found, "CP-1")["refused"] if named else found["refused_without_id"]
    assert {reason: tally["count"] for reason, tally in reasons.items()} == {"no-subprotocol": 1, "unsupported": 1}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("release", ["3.9.0", "3.12.0", "3.14.1"])
@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "basic-missing"),
        (basic("CP-1", "wrong"), "wrong-password"),
        (basic("CP-1", ""), "empty-password"),
        (basic("CP-2", PASSWORD), "wrong-user"),
        ("Basic ???", "basic-malformed"),
    ],
)
def test_refused_credentials_of_every_era(tmp_path: Path, release: str, authorization: str | None, reason: str) -> None:
    headers = {"Sec-WebSocket-Protocol": "ocpp1.6"} | ({"Authorization": authorization} if authorization else {})
    found = read(
        recorded(tmp_path, release, lambda steve: knock(steve, "CP-1", **headers), f"CP-1:Accepted:1:{PASSWORD}")
    )
    named = {reason for item in found["boxes"] for reason in item["refused"]} | set(found["refused_without_id"])
    # Up to 3.12 a header that cannot be read is told without the id.
    assert reason in named, found


def test_profile_2_over_plain_ws_and_a_missing_certificate(tmp_path: Path) -> None:
    def act(steve: Running) -> None:
        for name in ("CP-2", "CP-3"):
            authorization = basic(name, PASSWORD)
            knock(steve, name, **{"Sec-WebSocket-Protocol": "ocpp1.6", "Authorization": authorization})

    boxes = (f"CP-2:Accepted:2:{PASSWORD}", f"CP-3:Accepted:3:{PASSWORD}")
    found = read(recorded(tmp_path, "3.14.1", act, *boxes))
    assert set(box(found, "CP-2")["refused"]) == {"profile-2-over-ws"}
    assert set(box(found, "CP-3")["refused"]) == {"certificate"}


@pytest.mark.parametrize(("release", "count"), [("3.7.1", 1), ("3.9.0", 1), ("3.12.0", 0), ("3.14.1", 0)])
def test_a_lost_upgrade_is_seen_only_where_the_release_logs_it(tmp_path: Path, release: str, count: int) -> None:
    text = recorded(
        tmp_path, release, lambda steve: knock(steve, "CP-1", **{"Sec-WebSocket-Protocol": "ocpp1.6"}), "CP-1"
    )
    found = read(text)
    assert found["refused_without_id"].get("upgrade-lost", {"count": 0})["count"] == count
    assert any("Upgrade" in item["what"] for item in found["silent_about"])


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_the_status_of_a_boot(tmp_path: Path, release: str, status: str) -> None:
    text = recorded(tmp_path, release, lambda steve: boot(steve, "CP-1"), f"CP-1:{status}")
    assert box(read(text), "CP-1")["last_boot"]["status"] == status


@pytest.mark.parametrize("release", ["3.9.0", "3.14.1"])
def test_a_station_that_vanishes(tmp_path: Path, release: str) -> None:
    def act(steve: Running) -> None:
        url = f"{steve.ws_url}/CP-1"
        with connect(url, subprotocols=["ocpp1.6"], proxy=None) as socket:  # type: ignore[list-item]
            assert steve.control.drop_sessions("CP-1") == 1
            with pytest.raises(ConnectionClosed):
                while True:
                    socket.recv(5)

    mine = box(read(recorded(tmp_path, release, act, "CP-1")), "CP-1")
    assert mine["closed"]["codes"] == {"1006": 1} and mine["transport_errors"]["count"] == 1


FAILURES = {
    "db-unreachable": "db-unreachable", "db-refused-login": "db-refused-login", "db-time-zone": "db-time-zone",
    "db-unknown-schema": "other",
}  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("fault", "cause"), FAILURES.items())
def test_why_a_start_failed_in_every_release(tmp_path: Path, release: str, fault: str, cause: str) -> None:
    path = tmp_path / "steve.log"
    options: dict[str, Any] = {"release": release, "log_file": path, "faults": {fault: 3600}, "db_wait_s": 0}
    with pytest.raises(StartError), running_simulator(**options):
        pass
    start = read(path.read_text())["start"]
    assert (start["state"], start["cause"]) == ("failed", cause), path.read_text()
    assert start["text"] and start["at"]


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_a_taken_port_and_a_start_that_worked_after_it(tmp_path: Path, release: str) -> None:
    path = tmp_path / "steve.log"
    start = partial(running_simulator, release=release, log_file=path)
    with running_simulator(release=release) as other, pytest.raises(StartError), start(port=other.port):
        pass
    assert read(path.read_text())["start"]["cause"] == "port-taken", path.read_text()
    with running_simulator(release=release, log_file=path):
        pass
    found = read(path.read_text())
    assert (found["start"]["state"], found["start"]["cause"], found["starts"]) == ("started", None, 2)


# -- starts -------------------------------------------------------------------------------------------------


def test_a_build_that_failed_in_the_container_before_the_application() -> None:
    found = read(
        "[INFO] Scanning for projects...\n[INFO] --- flyway-maven-plugin:migrate (default) @ steve ---\n"
        "[ERROR] Failed to execute goal org.flywaydb:flyway-maven-plugin:migrate: Unable to obtain connection from "
        "database: Access denied for user 'steve'@'172.18.0.3' (using password: YES)\n"
    )
    assert (found["start"]["state"], found["start"]["cause"]) == ("failed", "db-refused-login")
    assert "Access denied" in found["start"]["text"]


def test_a_failure_is_remembered_while_the_next_start_goes_on_and_forgotten_when_it_worked() -> None:
    banner = "[INFO] Scanning for projects...\n"
    text = banner + "[ERROR] Failed to execute goal: Access denied for user 'x'\n" + banner
    start = read(text)["start"]
    assert (start["state"], start["cause"], start["last_failure"]["cause"]) == ("starting", None, "db-refused-login")
    text += line("Started SteveApplication in 3.2 seconds", "de.rwth.idsg.steve.SteveApplication")
    assert read(text)["start"]["last_failure"] is None


def test_what_happens_while_steve_runs_is_no_failed_start() -> None:
    found = read(
        line("Started SteveApplication in 3.2 seconds", "de.rwth.idsg.steve.SteveApplication")
        + line("HikariPool-1 - Connection is not available, request timed out after 30001ms.", "x.Y", level="ERROR")
        + "java.sql.SQLException: Access denied for user 'steve'\n\tat com.mysql.Foo(Foo.java:1)\n"
        "Caused by: java.sql.SQLException: HikariPool-1 - Connection is not available, request timed out after 1ms\n"
    )
    assert (found["start"]["state"], found["start"]["cause"]) == ("started", None)
    assert found["counts"]["pool-timeout"] == 1


def test_no_password_of_a_jdbc_url_is_shown() -> None:
    url = "jdbc:mysql://db/x?user=a&password=s3cret-4711&x=1"
    start = read(f"Starting....\nCaused by: Communications link failure {url}\n FAILED!\n")["start"]
    assert start["cause"] == "db-unreachable" and "s3cret-4711" not in json.dumps(start)


# -- sessions -----------------------------------------------------------------------------------------------


def test_the_period_of_a_silence_although_sessions_differ_in_length() -> None:
    text = ""
    for index, talking in enumerate((0, 30, 90, 10)):
        begin = index * 600
        text += session(OPENED, key=f"s{index}", at=begin)
        text += session('Received: [2,"1","Heartbeat",{}]', key=f"s{index}", at=begin + talking)
        text += session(CLOSED, key=f"s{index}", at=begin + talking + 60)
    regular = box(read(text), "CP-1")["drops"]
    assert regular["count"] == 4
    assert (regular["idle"]["period_s"], regular["length"]["period_s"]) == (60.0, None)


@given(st.lists(st.floats(0, 100_000), max_size=30))
def test_a_period_always_lies_within_the_values_and_needs_three(values: list[float]) -> None:
    found = drops([{"length_s": value, "idle_s": None} for value in values])
    period = (found["length"] or {}).get("period_s")
    if period is not None:
        assert len(values) >= 3 and min(values) - 0.1 <= period <= max(values) + 0.1
        assert sum(abs(value - period) <= 0.25 * period + 1 for value in values) >= 3


def test_sessions_that_a_restart_of_steve_ended_are_no_drops() -> None:
    text = session(OPENED) + line("------------ Starting ------------", "x.SteveApplicationStartupListener")
    mine = box(read(text), "CP-1")
    assert (mine["open"], mine["sessions"], mine["cut_by_restart"]) == ([], [], 1)


def test_a_session_that_began_before_the_window_has_no_length() -> None:
    mine = box(read(session('Received: [2,"1","Heartbeat",{}]') + session(CLOSED, at=60)), "CP-1")
    assert mine["connected"]["count"] == 0
    assert mine["sessions"][0]["length_s"] is None and mine["sessions"][0]["idle_s"] == 60.0


def test_only_the_time_of_a_boot_answer_is_kept_of_all_messages() -> None:
    reader = Reader()
    reader.feed((
        session(OPENED)
        + session('Received: [2,"m1","BootNotification",{"chargePointVendor":"SECRETVENDOR"}]')
        + session('Sending: [3,"m1",{"status":"Accepted","currentTime":"2026-11-23T01:00:05Z","interval":60}]', at=1)
        + session('Received: [2,"m2","Authorize",{"idTag":"SECRETTAG"}]', at=2)
    ).encode())  # fmt: skip
    assert list(reader.boot_answers) == [(b"2026-11-23 01:00:01,000", "2026-11-23T01:00:05Z")]
    assert "SECRET" not in json.dumps(reader.to_dict())
    assert reader.to_dict()["boxes"][0]["open"][0]["received"] == 2


# -- our own knocks, windows, docker --------------------------------------------------------------------------


def refused(name: str, at: str = "2026-11-23 01:02:03,000") -> str:
    return line(f"ChargeBoxId '{name}' is not recognized.", HANDSHAKE, at, "ERROR")


def test_our_own_knocks_are_not_a_chargers() -> None:
    when = seconds(b"2026-11-23 01:02:03,000") or 0.0
    ours = Discount(when - 2, when + 2, frozenset({"CP-9"}))
    text = refused("CP-9") + refused("CP-8") + refused("CP-9", "2026-11-23 01:05:00,000")
    found = read(text, discounts=[ours])
    assert found["discounted"] == 1
    assert {item["id"]: item["refused"]["unknown-id"]["count"] for item in found["boxes"]} == {"CP-8": 1, "CP-9": 1}


def test_what_is_older_than_the_window_counts_only_for_the_start() -> None:
    old = "2026-11-22 01:02:03,000"
    text = line("Started SteveApplication in 3.2 seconds", "x.SteveApplication", old) + refused("CP-9", old)
    found = read(text, since=seconds(b"2026-11-23 00:00:00,000"))
    assert found["boxes"] == [] and found["lines"]["older"] == 1 and found["start"]["state"] == "started"


def test_dockers_timestamps_are_the_time_of_an_event() -> None:
    reader = Reader()
    reader.feed(("2026-11-23T00:52:03.500000000Z " + refused("CP-9")).encode())
    found = reader.to_dict()
    assert found["first"] == "2026-11-23T00:52:03Z"
    assert box(found, "CP-9")["refused"]["unknown-id"]["last"] == "2026-11-23T00:52:03Z"
    assert list(reader.stamps) == [(b"2026-11-23 01:02:03,000", b"2026-11-23T00:52:03.500000000Z")]


def test_the_layout_without_a_thread() -> None:
    text = f"[ERROR] 2026-11-23 01:02:03,000 {HANDSHAKE} - ChargeBoxId 'CP-9' is not recognized.\r\n"
    assert box(read(text), "CP-9")["refused"]["unknown-id"]["count"] == 1


# -- hostile lines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["it's", "a'b' is not recognized.", "[x]", ".*", "a, b", "CP\x1b[31m", "\u202egpj", "x\0y"]
)
def test_ids_of_any_characters(name: str) -> None:
    found = read(refused(name) + session(OPENED, box_id=name, key="k1") + session(CLOSED, box_id=name, key="k1", at=5))
    mine = box(found, name)
    assert mine["refused"]["unknown-id"]["count"] == mine["closed"]["count"] == 1


def test_a_payload_cannot_speak_for_another_box() -> None:
    payload = "Received: x, sessionId=s9] Connection is closed, status: CloseStatus[code=1000, reason=null]"
    found = read(session(OPENED) + session(payload))
    assert [item["id"] for item in found["boxes"]] == ["CP-1"]
    assert found["boxes"][0]["closed"]["count"] == 0 and found["boxes"][0]["open"][0]["received"] == 1


def test_invented_ids_are_bounded_and_push_nobody_out() -> None:
    strangers = "".join(refused(f"X{index}") for index in range(MAX_STRANGERS + 50))
    found = read(strangers + session(OPENED) + refused("CP-asked"), "CP-asked")
    assert found["boxes_left_out"] == 50
    assert box(found, "CP-1")["connected"]["count"] == 1 and box(found, "CP-asked")["refused"]
    many = "".join(session(OPENED, box_id=f"C{index}", key=f"k{index}") for index in range(MAX_BOXES + 5))
    assert read(many + session(OPENED, box_id="CP-asked"), "CP-asked")["boxes_left_out"] == 5


def test_single_sessions_are_shown_of_the_boxes_that_were_asked_about() -> None:
    text = session(OPENED) + session(CLOSED, at=5) + session(OPENED, box_id="other", key="k")
    found = read(text, "cp-1")
    assert len(box(found, "CP-1")["sessions"]) == 1 and box(found, "CP-1")["open"] == []
    assert (box(found, "other")["sessions"], box(found, "other")["open"]) == (None, None)
    assert box(found, "other")["connected"]["count"] == 1


def test_endless_lines_are_cut_and_the_next_one_is_read() -> None:
    reader = Reader()
    for part in (session(OPENED).encode(), session("Received: [").strip().encode(), *[b"x" * 300_000] * 4, b"\n"):
        reader.feed(part)
    reader.feed(session(CLOSED, at=9).encode())
    reader.close()
    assert len(reader._rest) <= MAX_LINE
    mine = reader.to_dict()["boxes"][0]
    assert mine["closed"]["count"] == 1 and mine["sessions"][0]["received"] == 1
    assert reader.lines == 3


FRAGMENTS = st.sampled_from([
    session(OPENED).encode(), session(CLOSED).encode(), refused("CP").encode(), b"\n", b"\r\n", b"\0", b"\xff\xfe",
    b"\x1b[31m", b"[INFO ] 2026-11-23 01:02:03,000 ", b"2026-11-23T01:02:03Z ", b"\tat a.b(C.java:1)\n",
    b"CloseStatus[code=99999", b'Sending: [3,"b1",[[[[', b"9999-99-99 99:99:99,999",
])  # fmt: skip


@given(st.lists(FRAGMENTS | st.binary(max_size=60), max_size=40), st.integers(1, 50))
def test_any_bytes_in_any_chunks_give_the_same_document(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    pieces = Reader(("CP-1",))
    for begin in range(0, len(whole), size):
        pieces.feed(whole[begin : begin + size])
    pieces.close()
    found = pieces.to_dict()
    json.dumps(found, allow_nan=False)
    assert found == read(whole, "CP-1")
    assert found["lines"]["steve"] <= found["lines"]["all"]


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\r"), min_size=1, max_size=80))
def test_any_id_on_one_line_is_counted_once(name: str) -> None:
    found = read(refused(name))
    assert [(item["id"], item["refused"]["unknown-id"]["count"]) for item in found["boxes"]] == [(name, 1)]


def test_the_document_says_what_is_silent() -> None:
    assert read("")["silent_about"] == [dict(item) for item in _steve_log.SILENT_ABOUT]
    assert read("")["start"]["state"] == "unknown"
