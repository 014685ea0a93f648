# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WebSocket frames (RFC 6455, section 5) from a client's side: bytes in, messages out, and back. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

#: Bytes of one message, fragments together. SteVe's own limit is 8 MiB; what is asked here is answered in few.
MAX_MESSAGE = 1024 * 1024
#: Codes for "no close frame came" (RFC 6455, 7.1.5); they never travel.
NO_STATUS, ABNORMAL = 1005, 1006


class FrameError(Exception):
    """The other side broke the protocol; the text says how."""


@dataclass(frozen=True)
class Message:
    """A whole message or a control frame.

    Attributes:
        opcode: ``TEXT``, ``BINARY``, ``CLOSE``, ``PING`` or ``PONG``.
        data: payload.
    """

    opcode: int
    data: bytes

    def text(self) -> str:
        """The payload of a text message.

        Raises:
            FrameError: it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            raise FrameError("a text message is not UTF-8") from None

    def close_code(self) -> int:
        """The code of a close frame, ``NO_STATUS`` when it has none."""
        return int(struct.unpack("!H", self.data[:2])[0]) if len(self.data) >= 2 else NO_STATUS

    def close_reason(self) -> str:
        """The reason of a close frame, inert."""
        return inert(self.data[2:].decode("utf-8", "replace"), 123)


def encode(opcode: int, data: bytes, mask: bytes) -> bytes:
    """A masked frame, as clients send it.

    Args:
        opcode: kind of frame.
        data: payload; at most 125 bytes for a control frame.
        mask: four unpredictable bytes.

    Raises:
        ValueError: the mask has not four bytes, or a control frame is too long.
    """
    if len(mask) != 4 or (opcode >= CLOSE and len(data) > 125):
        raise ValueError("a mask has four bytes, a control frame at most 125")
    length = len(data)
    if length < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
    return head + mask + _masked(data, mask)


def close_frame(code: int, mask: bytes) -> bytes:
    """A close frame with a code and no reason."""
    return encode(CLOSE, struct.pack("!H", code), mask)


def _masked(data: bytes, mask: bytes) -> bytes:
    length = len(data)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


class FrameReader:
    """Takes what a server sends in any pieces and gives whole messages; memory is bounded by ``MAX_MESSAGE``."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts = bytearray()
        self._opcode: int | None = None
        #: What broke the protocol behind the messages that were given last; the next ``feed`` raises it.
        self.broken: FrameError | None = None

    def feed(self, data: bytes) -> list[Message]:
        """Take a piece.

        Returns:
            The messages that are complete now, control frames among them in their order.

        Raises:
            FrameError: not the frames of a server that speaks the protocol without extensions. Messages that came
                before are given first.
        """
        if self.broken is not None:
            raise self.broken
        self._buffer += data
        messages: list[Message] = []
        try:
            while True:
                frame = self._frame()
                if frame is None:
                    return messages
                message = self._assemble(*frame)
                if message is not None:
                    messages.append(message)
        except FrameError as error:
            self.broken = error
            if not messages:
                raise
        return messages

    def _frame(self) -> tuple[bool, int, bytes] | None:
        """The next frame in the buffer: final, opcode, payload."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        if buffer[0] & 0x70:
            raise FrameError("a frame uses an extension that was not agreed on")
        if buffer[1] & 0x80:
            raise FrameError("a frame of the server is masked")
        final, opcode, length, start = bool(buffer[0] & 0x80), buffer[0] & 0x0F, buffer[1] & 0x7F, 2
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise FrameError(f"a frame has the unknown opcode {opcode}")
        if opcode >= CLOSE and (length > 125 or not final):
            raise FrameError("a control frame is too long or in parts")
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(buffer) < start:
                return None
            length = int.from_bytes(buffer[2:start], "big")
        if length + len(self._parts) > MAX_MESSAGE:
            raise FrameError(f"a message is longer than {MAX_MESSAGE} bytes")
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        del buffer[: start + length]
        return final, opcode, payload

    def _assemble(self, final: bool, opcode: int, payload: bytes) -> Message | None:
        if opcode >= CLOSE:
            if opcode == CLOSE and len(payload) == 1:
                raise FrameError("a close frame has half a code")
            return Message(opcode, payload)
        if (opcode == CONTINUATION) is (self._opcode is None):
            raise FrameError("the parts of a message are out of order")
        if self._opcode is None:
            self._opcode = opcode
        self._parts += payload
        if not final:
            return None
        message = Message(self._opcode, bytes(self._parts))
        self._opcode = None
        self._parts.clear()
        return message
