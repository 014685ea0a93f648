# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WebSocket frames: what is encoded is what a server reads, and nothing from outside breaks the reader."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _frames
from ansible_collections.chargeops.steve.plugins.module_utils._frames import FrameError, FrameReader
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

MASK = b"\x01\x02\x03\x04"


def served(opcode: int, data: bytes, final: bool = True) -> bytes:
    """A frame as a server sends it, written by the library `websockets`."""
    return Frame(Opcode(opcode), data, final).serialize(mask=False)


@pytest.mark.parametrize("length", [0, 1, 3, 125, 126, 65535, 65536])
def test_an_encoded_frame_is_read_by_another_implementation(length: int) -> None:
    data = bytes(index % 251 for index in range(length))
    stream = StreamReader()
    stream.feed_data(_frames.encode(_frames.TEXT, data, MASK))
    parser = Frame.parse(stream.read_exact, mask=True)
    with pytest.raises(StopIteration) as stop:
        while True:
            next(parser)
    assert (stop.value.value.opcode, stop.value.value.data) == (Opcode.TEXT, data)


def test_parts_and_control_frames_between_them_make_whole_messages() -> None:
    data = served(1, b"ab", False) + served(9, b"ping") + served(0, b"cd", False) + served(0, b"e")
    messages = FrameReader().feed(data)
    assert [(item.opcode, item.data) for item in messages] == [(_frames.PING, b"ping"), (_frames.TEXT, b"abcde")]


def test_a_close_frame_tells_code_and_reason() -> None:
    (message,) = FrameReader().feed(served(8, struct.pack("!H", 1008) + "näh\n".encode()))
    assert (message.close_code(), message.close_reason()) == (1008, "näh\\x0a")
    (empty,) = FrameReader().feed(served(8, b""))
    assert empty.close_code() == _frames.NO_STATUS
    assert _frames.close_frame(1000, MASK) == b"\x88\x82" + MASK + b"\x02\xea"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xc1\x00", "extension"),
        (b"\x81\x80\x00\x00\x00\x00", "masked"),
        (b"\x83\x00", "opcode"),
        (b"\x08\x00", "control"),
        (b"\x88\x7e\x00\x80", "control"),
        (b"\x88\x01\x03", "half a code"),
        (b"\x80\x00", "out of order"),
        (served(1, b"a", False) + served(1, b"b"), "out of order"),
        (b"\x81\x7f" + struct.pack("!Q", 2**63), "longer"),
        (served(1, b"x" * 600_000, False) + served(0, b"x" * 600_000, False), "longer"),
    ],
)
def test_a_broken_frame_is_named(data: bytes, says: str) -> None:
    with pytest.raises(FrameError, match=says):
        FrameReader().feed(data)


def test_text_that_is_no_utf8_is_an_error_and_not_a_crash() -> None:
    (message,) = FrameReader().feed(served(2, b"\xff"))
    with pytest.raises(FrameError, match="UTF-8"):
        message.text()


def test_a_long_control_frame_or_a_short_mask_is_refused_before_it_is_sent() -> None:
    for opcode, data, mask in ((_frames.PING, b"x" * 126, MASK), (_frames.TEXT, b"x", b"abc")):
        with pytest.raises(ValueError, match="mask"):
            _frames.encode(opcode, data, mask)


def everything(pieces: list[bytes]) -> tuple[list[_frames.Message], str | None]:
    """All messages, and what broke the protocol behind them."""
    reader, messages = FrameReader(), []
    try:
        for piece in [*pieces, b""]:
            messages += reader.feed(piece)
    except FrameError as error:
        return messages, str(error)
    return messages, None


FRAMES = st.builds(served, st.sampled_from([0, 1, 2]), st.binary(max_size=300), st.booleans()) | st.builds(
    served, st.sampled_from([8, 9, 10]), st.binary(max_size=125)
)


@given(st.lists(FRAMES | st.binary(max_size=6), max_size=8), st.lists(st.integers(1, 40), max_size=30))
def test_any_bytes_in_any_pieces_are_the_same_messages_and_the_same_error(frames: list[bytes], cuts: list[int]) -> None:
    data = b"".join(frames)
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert everything([*pieces, rest]) == everything([data])


def test_a_message_before_a_broken_frame_is_not_lost() -> None:
    reader = FrameReader()
    assert [item.data for item in reader.feed(served(1, b"hello") + b"\xff\xff")] == [b"hello"]
    with pytest.raises(FrameError, match="extension"):
        reader.feed(b"")


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_random_bytes_raise_nothing_but_frame_error(pieces: list[bytes]) -> None:
    reader = FrameReader()
    with suppress(FrameError):
        for piece in pieces:
            for message in reader.feed(piece):
                assert len(message.data) <= _frames.MAX_MESSAGE


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5), st.integers(min_value=1, max_value=50))
def test_pieces_make_no_difference(payloads: list[bytes], size: int) -> None:
    data = b"".join(served(2, payload) for payload in payloads)
    reader = FrameReader()
    messages = [item for start in range(0, len(data), size) for item in reader.feed(data[start : start + size])]
    assert [item.data for item in messages] == payloads
