# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One WebSocket session with SteVe, as short as it can be: opened, perhaps booted, closed. Edge: a connection."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from typing import Any, Iterator

from ansible_collections.chargeops.steve.plugins.module_utils import _frames, _ocpp
from ansible_collections.chargeops.steve.plugins.module_utils._dial import Clock
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import accept_key
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.module_utils._wire import Stream

#: Seconds to wait for the other side's close frame.
CLOSE_WAIT_S = 2.0
#: Messages read while one answer is waited for; a server that talks without end is not listened to without end.
MAX_MESSAGES = 500
NORMAL_CLOSURE = 1000


@dataclass
class Session:
    """What came of a session.

    Attributes:
        subprotocol: what the server chose, inert; None when it named none.
        accept_ok: whether Sec-WebSocket-Accept belongs to the key that was sent.
        closed_code: code with which the session ended, 1006 when the connection was cut, None when nothing came.
        boot: answer to the BootNotification, None when none came or none was sent.
        notes: what else happened, for evidence.
    """

    subprotocol: str | None
    accept_ok: bool
    closed_code: int | None = None
    boot: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "opened": True, "subprotocol": self.subprotocol, "accept_ok": self.accept_ok,
            "closed_code": self.closed_code, "boot": self.boot,
        }  # fmt: skip


def close_at_once(stream: Stream, clock: Clock) -> None:
    """End a session that nobody wanted."""
    until = clock.monotonic() + CLOSE_WAIT_S
    if stream.send(_frames.close_frame(NORMAL_CLOSURE, os.urandom(4)), until):
        talk = _Talk(stream, until)
        for _message in talk:
            pass
    stream.close()


def hold(stream: Stream, answer: Answer, key: str, boot: bool, clock: Clock, until: float) -> Session:
    """Check the handshake, send a BootNotification if wanted, close with 1000.

    Args:
        stream: the connection after 101; it is closed in any case.
        answer: the 101.
        key: the Sec-WebSocket-Key that was sent.
        boot: whether to send a BootNotification.
        clock: where times come from.
        until: monotonic second at which waiting for an answer ends.
    """
    chosen = answer.header("sec-websocket-protocol")
    accept_ok = answer.header("sec-websocket-accept") == accept_key(key)
    session = Session(None if chosen is None else inert(chosen, 60), accept_ok)
    talk = _Talk(stream, until)
    if not session.accept_ok:
        session.notes.append("Sec-WebSocket-Accept does not belong to this request: an intermediary answers by itself")
    elif boot:
        _boot(talk, session, clock)
    if talk.is_open():
        talk.send(_frames.close_frame(NORMAL_CLOSURE, os.urandom(4)))
        talk.until = clock.monotonic() + CLOSE_WAIT_S
        for _message in talk:
            pass
    session.closed_code = talk.closed_code
    session.notes += talk.notes
    stream.close()
    return session


def _boot(talk: _Talk, session: Session, clock: Clock) -> None:
    """Send a BootNotification and read its answer."""
    message_id = str(uuid.uuid4())
    sent = clock.now()
    talk.say(_ocpp.boot_notification(message_id))
    for message in talk:
        if message.kind == _ocpp.CALL:
            # SteVe asks a newcomer for its configuration, from 3.13 at once; an operator may send anything.
            talk.say(_ocpp.not_supported(message))
        elif message.id == message_id and message.kind == _ocpp.CALLRESULT:
            middle = (sent + clock.now()) / 2
            answer = _ocpp.boot_answer(message.payload)
            offset = None if answer.time is None else round(answer.time.timestamp() - middle, 3)
            session.boot = {
                "status": answer.status, "current_time": answer.current_time,
                "interval_s": answer.interval_s, "clock_offset_s": offset,
            }  # fmt: skip
            return
        elif message.id == message_id:
            error = f"{inert(message.action, 40)} {inert(message.description, 100)}".strip()
            session.notes.append(f"the BootNotification was answered with the error {error}")
            return
    session.notes.append("no answer to the BootNotification came")


class _Talk:
    """Messages of a session: pings are answered, a close frame ends it, so does a broken protocol."""

    def __init__(self, stream: Stream, until: float) -> None:
        self.until = until
        self.closed_code: int | None = None
        self.notes: list[str] = []
        self._stream = stream
        self._reader = _frames.FrameReader()
        self._waiting: list[_frames.Message] = []
        self._left = MAX_MESSAGES

    def is_open(self) -> bool:
        """Whether neither side has ended the session."""
        return self.closed_code is None

    def send(self, frame: bytes) -> None:
        """Send a frame; a connection that takes nothing more counts as cut."""
        if not self._stream.send(frame, self.until):
            self.closed_code = _frames.ABNORMAL

    def say(self, text: str) -> None:
        """Send a text message."""
        self.send(_frames.encode(_frames.TEXT, text.encode("utf-8"), os.urandom(4)))

    def __iter__(self) -> Iterator[_ocpp.Message]:
        """OCPP messages until the session ends, ``until`` comes, or there were too many."""
        while self.is_open():
            while self._waiting:
                self._left -= 1
                if self._left < 0:
                    self.notes.append(f"more than {MAX_MESSAGES} messages came")
                    return
                message = self._take(self._waiting.pop(0))
                if message is not None:
                    yield message
                if not self.is_open():
                    return
            # What came before a broken frame was taken above; then the frame itself is met.
            data = b" " if self._reader.broken else self._stream.receive(self.until)
            if data is None:
                return
            if not data:
                self.closed_code = _frames.ABNORMAL
                return
            try:
                self._waiting += self._reader.feed(data)
            except _frames.FrameError as error:
                self.notes.append(f"the server broke the WebSocket protocol: {error}")
                self.closed_code = _frames.ABNORMAL

    def _take(self, message: _frames.Message) -> _ocpp.Message | None:
        if message.opcode == _frames.CLOSE:
            self.closed_code = message.close_code()
            if message.close_reason():
                self.notes.append(f"closed with the reason {message.close_reason()}")
            self._stream.send(_frames.encode(_frames.CLOSE, message.data[:2], os.urandom(4)), self.until)
        elif message.opcode == _frames.PING:
            self.send(_frames.encode(_frames.PONG, message.data, os.urandom(4)))
        elif message.opcode == _frames.TEXT:
            try:
                return _ocpp.parse(message.text())
            except (_frames.FrameError, _ocpp.OcppError) as error:
                self.notes.append(inert(error, 120))
        return None
