# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The window of a log: a full reconnect of each charge box, 500 lines at least, bounded whatever the log is."""

from __future__ import annotations

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._log_window import FLOOR_LINES, Window, coverage
from hypothesis import given
from hypothesis import strategies as st

MIB = 1024 * 1024


def line(message: str, second: int = 0, logger: str = "ocpp.ws.WebSocketLogger", engine: bool = False) -> bytes:
    front = f"2026-11-23T01:{second // 60 % 60:02d}:{second % 60:02d}.5Z " if engine else ""
    stamp = f"2026-11-23 01:{second // 60 % 60:02d}:{second % 60:02d},123"
    return f"{front}[INFO ] {stamp} de.rwth.idsg.steve.{logger} (q-1) - {message}\n".encode()


def session(box: str, what: str, second: int = 0, key: str = "s-1", engine: bool = False) -> bytes:
    return line(f"[chargeBoxId={box}, sessionId={key}] {what}", second, engine=engine)


def reconnect(box: str, second: int = 0, key: str = "s-1", engine: bool = False) -> bytes:
    boot = 'Received: [2,"b","BootNotification",{"chargePointVendor":"V"}]'
    said = f"The boot of the chargebox '{box}' with registration status 'Optional[ACCEPTED]' is acknowledged."
    return b"".join((
        session(box, "Connection is established", second, key, engine),
        session(box, boot, second + 1, key, engine),
        line(said, second + 2, "service.CentralSystemService16_Service", engine),
        session(box, 'Sending: [3,"b",{"status":"Accepted"}]', second + 2, key, engine),
    ))  # fmt: skip


def heartbeats(count: int, second: int = 600) -> bytes:
    return session("OTHER", 'Received: [2,"h","Heartbeat",{}]', second, "s-9") * count


def through(data: bytes, *asked: str, keep: int = MIB, chunk: int = 4096) -> Window:
    window = Window(asked, keep)
    for begin in range(0, len(data), chunk):
        window.feed(data[begin : begin + chunk])
    window.close()
    return window


@pytest.mark.parametrize("engine", [False, True])
def test_the_window_begins_before_the_close_that_the_reconnect_follows(engine: bool) -> None:
    closed = session("CP-1", "Connection is closed, status: CloseStatus[code=1006, reason=null]", 5, "s-0", engine)
    data = heartbeats(2000, 1) + closed + heartbeats(3, 6) + reconnect("CP-1", 10, engine=engine) + heartbeats(2000)
    window = through(data, "CP-1")
    cut = window.cut()
    row = coverage(window.boxes[0], cut)
    assert row | {"spelt_in_log": ["CP-1"]} == {
        "charge_box_id": "CP-1", "spelt_in_log": ["CP-1"], "covers": "full reconnect", "full_reconnect": True,
        "in_window": True, "from": "2026-11-23T01:00:05Z", "to": "2026-11-23T01:00:12Z", "reason": None,
    }  # fmt: skip
    assert closed in cut.data and cut.data.endswith(heartbeats(2000)) and not cut.at_limit
    assert cut.data.count(b"\n") == 20 + 1 + 3 + 4 + 2000
    assert cut.span == ("2026-11-23T01:00:01Z", "2026-11-23T01:10:00Z")


def test_without_anything_asked_the_last_500_lines_are_kept() -> None:
    cut = through(heartbeats(3000)).cut()
    assert cut.data.count(b"\n") == FLOOR_LINES and not cut.at_limit
    assert through(heartbeats(10)).cut().data == heartbeats(10)


def test_of_a_reconnect_before_the_window_its_own_lines_are_kept() -> None:
    own = reconnect("CP-1", 10)
    window = through(heartbeats(10) + own + heartbeats(5000), "CP-1", "CP-2", keep=64 * 1024)
    cut = window.cut()
    row, other = (coverage(box, cut) for box in window.boxes)
    assert row["full_reconnect"] and not row["in_window"] and "file of their own" in row["reason"]
    assert window.boxes[0].whole is not None
    # The answer behind the acknowledgement stands in the window only.
    assert b"".join(window.boxes[0].whole.lines) == b"".join(own.splitlines(keepends=True)[:3])
    assert cut.at_limit and len(cut.data) <= 64 * 1024 and cut.data.startswith(b"[INFO ]")
    assert other["covers"] is None and "holds no connection" in other["reason"]


@pytest.mark.parametrize(
    ("lines", "covers", "says"),
    [
        (line("ChargeBoxId 'CP-1' is not recognized."), "refused", "was refused"),
        (line("Invalid password attempt for ChargeBoxId 'CP-1'"), "refused", "was refused"),
        (session("CP-1", "Connection is established"), "begun", "no acknowledged"),
        (reconnect("CP-1") + line("ChargeBoxId 'CP-1' is not recognized.", 9), "full reconnect",
         "a later try, 2026-11-23T01:00:09Z, was refused"),
        (line("ChargeBoxId 'CP-1' is not recognized.") + reconnect("CP-1", 9), "full reconnect", None),
    ],
)
def test_what_is_no_full_reconnect_is_told(lines: bytes, covers: str, says: str | None) -> None:
    window = through(lines, "CP-1")
    row = coverage(window.boxes[0], window.cut())
    assert row["covers"] == covers and row["full_reconnect"] is (covers == "full reconnect")
    assert row["reason"] is None if says is None else says in row["reason"]


@pytest.mark.parametrize(("between", "keep"), [(2000, MIB), (5000, 64 * 1024)])
def test_a_reconnect_is_not_given_up_for_a_later_refusal(between: int, keep: int) -> None:
    refusal = line("ChargeBoxId 'CP-1' is not recognized.", 700)
    data = heartbeats(100) + reconnect("CP-1", 10) + heartbeats(between) + refusal + heartbeats(200)
    window = through(data, "CP-1", keep=keep)
    (box,), cut = window.boxes, window.cut()
    row = coverage(box, cut)
    assert row["full_reconnect"] and "was refused" in row["reason"] and refusal in cut.data
    assert row["in_window"] is (keep == MIB) and (b"BootNotification" in cut.data) is row["in_window"]
    assert [one.kind for one in box.wanted] == ["full reconnect", "refused"]


def test_an_id_is_followed_in_every_spelling_that_steve_may_take_for_it() -> None:
    window = through(reconnect("cp-1"), "CP-1")
    assert coverage(window.boxes[0], window.cut())["spelt_in_log"] == ["cp-1"]
    assert window.boxes[0].whole is not None


def test_the_newest_reconnect_counts() -> None:
    window = through(reconnect("CP-1", 1, "s-1") + heartbeats(5, 5) + reconnect("CP-1", 20, "s-2"), "CP-1")
    assert coverage(window.boxes[0], window.cut())["from"] == "2026-11-23T01:00:20Z"


def test_memory_is_bounded_by_what_is_kept() -> None:
    window = Window(["CP-1"], MIB)
    for _index in range(300):
        window.feed(heartbeats(500))
    assert window.bytes > 20 * MIB
    assert sum(map(len, window._chunks)) <= MIB + len(heartbeats(500))
    # Without any end of line, too.
    for _index in range(30):
        window.feed(b"x" * MIB)
    window.close()
    assert sum(map(len, window._chunks)) <= 4 * MIB


@given(
    st.lists(st.sampled_from([
        reconnect("CP-1"), heartbeats(3), b"\n", b"[chargeBoxId=", b"hargeBoxId '", b"\xff\x00", b"CP-1, sessionId=",
        line("ChargeBoxId 'CP-1' is not recognized."), b"] Connection is established", b"x" * 5000,
    ]), max_size=40),
    st.integers(1, 5000),
)  # fmt: skip
def test_chunks_make_no_difference_and_nothing_breaks_it(pieces: list[bytes], chunk: int) -> None:
    data = b"".join(pieces)
    one, other = through(data, "CP-1", chunk=chunk), through(data, "CP-1", chunk=len(data) + 1)
    assert one.cut() == other.cut()
    assert coverage(one.boxes[0], one.cut()) == coverage(other.boxes[0], other.cut())
    assert (data + b"\n").endswith(one.cut().data) or data.endswith(one.cut().data)
