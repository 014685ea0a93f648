# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with servers that behave oddly after the handshake."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era, _handshake, _session
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe
from websockets.frames import Frame, Opcode

from tests.unit import fake_servers
from tests.unit.fake_servers import Visit, serving
from tests.unit.recordings import SIGNIN_PAGE

#: Speaks WebSocket with one client; gets the visit after the 101 was sent.
Talk = Callable[[Visit], None]


def frame(data: bytes | str, opcode: Opcode = Opcode.TEXT) -> bytes:
    return Frame(opcode, data.encode() if isinstance(data, str) else data).serialize(mask=False)


def close(code: int) -> bytes:
    return frame(struct.pack("!H", code), Opcode.CLOSE)


def received(visit: Visit) -> tuple[int, bytes]:
    """The next frame of the client: opcode and unmasked payload."""
    head = visit.sock.recv(2)
    if len(head) < 2:
        raise ConnectionError
    assert head[1] & 0x80, "a client masks its frames"
    length = head[1] & 0x7F
    if length == 126:
        length = struct.unpack("!H", visit.sock.recv(2))[0]
    mask = visit.sock.recv(4)
    data = visit.sock.recv(length) if length else b""
    return head[0] & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def boot_id(visit: Visit) -> str:
    opcode, data = received(visit)
    assert opcode == 1
    message = json.loads(data)
    assert message[0] == 2 and message[2] == "BootNotification"
    return str(message[1])


def accepted(identifier: str) -> str:
    payload = {"status": "Accepted", "currentTime": "2026-11-23T01:02:03.000Z", "interval": 14400}
    return json.dumps([3, identifier, payload])


def steve(talk: Talk, *, accept: str | None = None, protocol: str = "ocpp1.6") -> Callable[[Visit], None]:
    """Just enough of SteVe: a sign-in page, preflights, the version gate, and a session that ``talk`` leads."""

    def behave(visit: Visit) -> None:
        while data := visit.request():
            if b"/manager/signin" in data:
                body = SIGNIN_PAGE.encode()
                visit.send(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
                )
            elif b"Sec-WebSocket-Version: 99" in data:
                visit.send(
                    b"HTTP/1.1 426 Upgrade Required\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\n\r\n"
                )
            elif b"Upgrade: websocket" in data:
                key = data.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
                lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
                lines.append(f"Sec-WebSocket-Accept: {accept or _handshake.accept_key(key)}")
                lines += [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
                visit.send("\r\n".join([*lines, "", ""]).encode())
                talk(visit)
                return
            else:
                text = b'Can "Upgrade" only to "WebSocket".'
                visit.send(
                    b"HTTP/1.1 400 Bad Request\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(text), text)
                )

    return behave


def row(talk: Talk, mode: str = "boot", timeout: float = 2.0, **options: Any) -> dict[str, Any]:
    with serving(steve(talk, **options)) as fake:
        request = ProbeRequest(fake.ws_url, ["CP"], mode=mode, era=_era.given("3.14.1"), timeout=timeout)
        document = probe(request)
    assert document["side_effects"]["sessions_opened"] == 1
    (only,) = document["probes"]
    assert isinstance(only, dict)
    return only


def notes(item: dict[str, Any]) -> str:
    return "; ".join(entry["note"] for entry in item["evidence"])


def test_operations_and_pings_before_the_answer_are_met_politely() -> None:
    seen: list[Any] = []

    def talk(visit: Visit) -> None:
        identifier = boot_id(visit)
        visit.send(frame('[2,"op-1","GetConfiguration",{}]') + frame(b"hello", Opcode.PING))
        seen.append(json.loads(received(visit)[1]))
        seen.append(received(visit))
        visit.send(frame(accepted(identifier)))
        seen.append(received(visit))
        visit.send(close(1000))

    item = row(talk)
    assert seen == [
        [4, "op-1", "NotSupported", "This is a probe.", {}],
        (10, b"hello"),
        (8, struct.pack("!H", 1000)),
    ]
    assert (item["verdict"], item["session"]["closed_code"]) == ("accepted", 1000)
    assert item["session"]["boot"]["current_time"] == "2026-11-23T01:02:03.000Z"


def test_an_answer_in_pieces_is_put_together() -> None:
    def talk(visit: Visit) -> None:
        data = frame(accepted(boot_id(visit)))
        for index in range(len(data)):
            visit.send(data[index : index + 1])
        received(visit)
        visit.send(close(1000))

    assert row(talk)["session"]["boot"]["status"] == "Accepted"


def test_an_answer_with_a_broken_frame_behind_it_is_an_answer() -> None:
    def talk(visit: Visit) -> None:
        visit.send(frame(accepted(boot_id(visit))) + b"\xff\xff")
        visit.over.wait()

    item = row(talk)
    assert item["session"]["boot"]["status"] == "Accepted"
    assert item["session"]["closed_code"] == 1006 and "broke the WebSocket protocol" in notes(item)


@pytest.mark.parametrize("mode", ["handshake", "boot"])
def test_a_wrong_accept_key_is_an_intermediary_and_gets_no_message(mode: str) -> None:
    seen: list[tuple[int, bytes]] = []
    wrong = base64.b64encode(b"x" * 20).decode()
    item = row(lambda visit: seen.append(received(visit)), mode, accept=wrong)
    assert seen == [(8, struct.pack("!H", 1000))]
    assert item["verdict"] == "undetermined" and item["session"]["accept_ok"] is False
    assert "intermediary" in notes(item)


@pytest.mark.parametrize("protocol", ["", "ocpp1.5"])
def test_a_subprotocol_that_was_not_offered_is_not_taken_for_success(protocol: str) -> None:
    item = row(lambda visit: visit.send(close(1000)), "handshake", protocol=protocol)
    assert (item["verdict"], item["stage"]) == ("undetermined", "subprotocol")


def test_a_call_error_is_told() -> None:
    def talk(visit: Visit) -> None:
        visit.send(frame(json.dumps([4, boot_id(visit), "InternalError", "no\nrow", {}])))
        received(visit)

    item = row(talk)
    assert (item["verdict"], item["session"]["boot"]) == ("undetermined", None)
    assert "InternalError no\\x0arow" in notes(item)


def test_silence_after_the_boot_ends_with_the_timeout() -> None:
    start = time.monotonic()
    item = row(fake_servers.silent, timeout=0.3)
    # One timeout for the answer, and the wait for a close frame that never comes.
    assert time.monotonic() - start < 0.3 + _session.CLOSE_WAIT_S + 1
    assert item["session"]["closed_code"] is None and "no answer" in notes(item)


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (close(1008), 1008, "no answer"),
        (b"", 1006, "no answer"),
        (b"\xff\xff\xff\xff", 1006, "broke the WebSocket protocol"),
        (frame("not json") + close(1002), 1002, "no JSON"),
        (frame(b"\xff\xfe", Opcode.TEXT) + close(1007), 1007, "UTF-8"),
        (frame(b"x", Opcode.BINARY) + close(1003), 1003, "no answer"),
        (frame(struct.pack("!H", 1011) + b"bye\x1b", Opcode.CLOSE), 1011, "bye\\x1b"),
    ],
)
def test_a_server_that_ends_the_session_itself(data: bytes, code: int, says: str) -> None:
    def talk(visit: Visit) -> None:
        boot_id(visit)
        visit.send(data)

    item = row(talk)
    assert item["session"]["closed_code"] == code and item["session"]["boot"] is None
    assert says in notes(item)


def test_a_server_that_talks_without_end_is_not_listened_to_without_end() -> None:
    def talk(visit: Visit) -> None:
        boot_id(visit)
        while not visit.over.is_set():
            visit.send(frame('[2,"x","Reset",{}]') * 20)

    start = time.monotonic()
    item = row(talk)
    assert "messages came" in notes(item)
    assert time.monotonic() - start < 5
