# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP sessions of the admin UI: cookie, CSRF token, signed-in user."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import uuid
from dataclasses import dataclass, field

from aiohttp import web

COOKIE = "JSESSIONID"


def _new_id() -> str:
    return f"node0{secrets.token_hex(12)}0"


@dataclass
class HttpSession:
    """One HTTP session of the container."""

    id: str = field(default_factory=_new_id)
    user: str | None = None
    csrf: str = field(default_factory=lambda: str(uuid.uuid4()))
    saved_request: str | None = None


class HttpSessions:
    """All HTTP sessions. They live in memory and are gone after a restart."""

    def __init__(self, *, csrf_masked: bool) -> None:
        """``csrf_masked``: pages show the token XOR-ed with random bytes (Spring Security 6)."""
        self._sessions: dict[str, HttpSession] = {}
        self._masked = csrf_masked

    def current(self, request: web.Request) -> HttpSession | None:
        """The session that the request's cookie names."""
        return self._sessions.get(request.cookies.get(COOKIE, ""))

    def is_stale(self, request: web.Request) -> bool:
        """Whether the request's cookie names a session that does not exist (any more)."""
        return COOKIE in request.cookies and self.current(request) is None

    def create(self) -> HttpSession:
        """A new anonymous session."""
        session = HttpSession()
        self._sessions[session.id] = session
        return session

    def sign_in(self, session: HttpSession, user: str) -> None:
        """Sign in: the session's id and CSRF token change (session fixation protection)."""
        self._sessions.pop(session.id, None)
        session.id, session.csrf, session.user = _new_id(), str(uuid.uuid4()), user
        self._sessions[session.id] = session

    def invalidate(self, session: HttpSession) -> None:
        """Sign out."""
        self._sessions.pop(session.id, None)

    def rendered_token(self, session: HttpSession) -> str:
        """The ``_csrf`` value as a page shows it."""
        if not self._masked:
            return session.csrf
        token = session.csrf.encode()
        noise = secrets.token_bytes(len(token))
        mixed = bytes(a ^ b for a, b in zip(noise, token, strict=True))
        return base64.urlsafe_b64encode(noise + mixed).decode()

    def token_matches(self, session: HttpSession, value: str) -> bool:
        """Whether a posted ``_csrf`` value belongs to the session."""
        if self._masked:
            try:
                raw = base64.urlsafe_b64decode(value.encode())
            except (binascii.Error, ValueError):
                return False
            half = len(raw) // 2
            value = bytes(a ^ b for a, b in zip(raw[:half], raw[half:], strict=False)).decode("latin-1")
        return hmac.compare_digest(value.encode(), session.csrf.encode())
