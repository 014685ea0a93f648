# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recordings as test cases: which request is sent to what kind of server, and what must come back.

Credentials are elided in the recordings (``Basic …``); the label of the case says which they were.
"""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .wire import Answer, request_bytes

RECORDED = Path(__file__).parent / "recorded"

PLAYED = ("3.4.9", "3.5.1", "3.6.1", "3.7.1", "3.8.0", "3.9.0", "3.12.0", "3.13.0", "3.14.1")
"""Releases that are recorded and played by the simulator."""

COMPARED = (
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Location",
    "Content-Type",
    "Connection",
    "Server",
    "Upgrade",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Allow",
    "WWW-Authenticate",
)
"""Headers that the recordings hold when they were there: a missing one was not there."""

UNREGISTERED_THEN = {("3.4.9", "A stale cookie ws")}
"""Recorded before LAB-CP-001 was registered: the answer is that to an unknown id, which other cases hold."""

MESSAGE_LIMIT = 120
"""Length at which the recordings cut JSON messages."""

STATION_PREFIX = "/steve/websocket/CentralSystemService/"


@dataclass(frozen=True)
class Credentials:
    """What the server under test was set up with."""

    username: str = "admin"
    password: str = "1234"
    api_value: str | None = "lab-web-api-value"
    station_password: str | None = "lab-station-pass-1"
    """Of the stations with security profile 1 and 2 (16 to 20 characters)."""


@dataclass(frozen=True)
class Case:
    """One recorded exchange."""

    release: str
    number: int
    entry: dict[str, object]
    repeated: bool
    """The same label and request occurred before (there with right credentials, here with wrong ones)."""

    @property
    def label(self) -> str:
        """The recording's label."""
        return str(self.entry["case"])

    @property
    def kind(self) -> str:
        """First letter of the label: A fingerprint, B handshake, E Web API, I behind nginx, J profiles, L last gate."""
        return self.label[0]

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.release}-{self.number:03d}-{self.label.replace(' ', '_')}"

    @property
    def setup(self) -> str:
        """How the server must be configured: main, proto-header, cert-header, null-profile, or ``nginx[…]``."""
        if self.kind == "I":
            return self.label.split(" ")[1]
        if self.label.startswith(("J SP2 proto-header", "J tlsproxy")):
            return "proto-header"
        if self.label.startswith("J SP3 cert"):
            return "cert-header"
        if self.label == "J NULL profile":
            return "null-profile"
        return "main"

    @property
    def needs(self) -> frozenset[str]:
        """Optional credentials that the request holds or that change its answer."""
        if self.kind == "E":
            return frozenset({"api_value"})
        if self.kind == "J":
            return frozenset({"station_password"})
        return frozenset()

    def request(self, host: str, credentials: Credentials) -> bytes:
        """The exact bytes to send."""
        if self.kind == "I":
            host = "charge.example.net"
        headers = [("Host", host)]
        recorded = self.entry["headers"]
        assert isinstance(recorded, dict)
        headers += [(name, self._value(name, str(value), credentials)) for name, value in recorded.items()]
        body = b"{bad" if recorded.get("Content-Length") == "4" else b""
        http = str(self.entry.get("http", "HTTP/1.1"))
        return request_bytes(str(self.entry["method"]), str(self.entry["path"]), headers, http=http, body=body)

    def _value(self, name: str, value: str, credentials: Credentials) -> str:
        if "…" not in value:
            return value
        if name == "Cookie":
            return "JSESSIONID=node0staleandunknown0"
        if name.lower() == "steve-api-key":
            wrong = self.repeated or self.label.endswith("header wrong")
            return "wrong-value" if wrong else str(credentials.api_value)
        assert name == "Authorization", name
        if value == "Bearer …":
            return "Bearer wrong-value" if "wrong" in self.label else f"Bearer {credentials.api_value}"
        return self._basic(credentials)

    def _basic(self, credentials: Credentials) -> str:
        """The Basic header that the label describes."""
        label = self.label
        if label.endswith(("Basic only", "Basic empty")):
            return "Basic"
        if label.endswith(("Basic + blank", "Basic empty2")):
            return "Basic "
        if label.endswith(("bad base64", "badb64")):
            return "Basic !!!not-base64!!!"
        if self.kind == "J":
            user, password = self._station(credentials)
        else:
            user, password = self._user(credentials)
        joined = user if label.endswith("no colon") else f"{user}:{password}"
        return "Basic " + base64.b64encode(joined.encode()).decode()

    def _station(self, credentials: Credentials) -> tuple[str, str]:
        label, user = self.label, str(self.entry["path"]).removeprefix(STATION_PREFIX)
        password = str(credentials.station_password)
        if label.endswith("lower user"):
            user = user.lower()
        if label.endswith("wrong user"):
            user = "LAB-OTHER"
        if label.endswith("wrong pw"):
            password = "wrong-password-0000"
        if label.endswith("empty pw"):
            password = ""
        return user, password

    def _user(self, credentials: Credentials) -> tuple[str, str]:
        label, user = self.label, credentials.username
        if self.kind == "A":
            return user, "wrong-password" if label.endswith("wrong") else credentials.password
        if self.repeated or label.endswith(("wrongpw", "header+Basic wrong")):
            return user, "wrong-password"
        if label.endswith("loginpw"):
            return user, credentials.password
        if label.endswith("wronguser"):
            return "nosuchuser", str(credentials.api_value)
        if label.endswith("emptypw"):
            return user, ""
        if label.endswith("case user"):
            return user.upper(), str(credentials.api_value)
        return user, str(credentials.api_value)

    @property
    def frames_follow(self) -> bool:
        """Whether the server sends a frame by itself after the 101."""
        return self.entry["body"] == "frames follow"

    def differences(self, answer: Answer, host: str) -> list[str]:
        """What is not as recorded; empty when everything is. ``host``: ``address:port`` of what was asked."""
        found = []
        if answer.status != self.entry["status"]:
            found.append(f"status {answer.status}, recorded {self.entry['status']}")
        recorded = self.entry["answer"]
        assert isinstance(recorded, dict)
        for name in COMPARED:
            if self.kind == "L" and name == "Sec-WebSocket-Protocol":
                # The older recordings of the last gate were made with a shorter list of headers.
                continue
            problem = _header_problem(name, answer.header(name), recorded.get(name), host)
            if problem:
                found.append(problem)
        problem = self._body_problem(answer)
        if problem:
            found.append(problem)
        return found

    def _body_problem(self, answer: Answer) -> str | None:
        expected = str(self.entry["body"])
        if self.frames_follow:
            return None if answer.frames else "no frame followed the 101"
        if answer.frames:
            return f"frames followed: {answer.frames!r}"
        text = answer.body.decode("utf-8", "replace")
        return None if _body_matches(expected, text) else f"body {text[:300]!r}, recorded {expected!r}"


def _header_problem(name: str, got: str | None, expected: str | None, host: str) -> str | None:
    if expected is not None and name == "Location":
        pattern = re.escape(expected).replace(re.escape("{host}"), re.escape(host))
        # The recorded listening port of nginx stands for the port that was asked.
        pattern = re.sub(r":190\d\d", ":" + host.rpartition(":")[2], pattern)
        pattern = pattern.replace(re.escape("jsessionid=…"), r"jsessionid=[\w.]+")
        matches = got is not None and re.fullmatch(pattern, got) is not None
    elif expected is not None and name == "Allow":
        matches = got is not None and set(got.replace(" ", "").split(",")) == set(expected.split(","))
    else:
        matches = got == expected
    return None if matches else f"{name}: {got!r}, recorded {expected!r}"


def _body_matches(expected: str, text: str) -> bool:
    is_page = re.search(r"<h1>Bad Message \d+|HTTP ERROR \d+|<title>Error \d+", text) is not None
    if expected.startswith("JSON, message: "):
        message = expected.removeprefix("JSON, message: ")
        got = str(json.loads(text)["message"]) if text.startswith("{") else ""
        return got.startswith(message) if len(message) >= MESSAGE_LIMIT else got == message
    if expected.startswith("container error page (HTML)"):
        message = expected.partition(", message: ")[2]
        return is_page and message in html.unescape(text)
    if expected == "HTML":
        return "<html" in text.lower() and not is_page
    if expected == "text":
        return bool(text) and "<html" not in text.lower()
    return text == expected


def load(release: str) -> list[Case]:
    """All cases of a release; raises FileNotFoundError when it was not recorded."""
    entries = json.loads((RECORDED / f"{release}.json").read_text("utf-8"))
    seen: set[str] = set()
    cases = []
    for number, entry in enumerate(entries):
        key = f"{entry['case']} {entry['method']} {entry['path']}"
        if (release, entry["case"]) not in UNREGISTERED_THEN:
            cases.append(Case(release, number, entry, key in seen))
        seen.add(key)
    return cases


def recorded_releases() -> list[str]:
    """Releases with a recording."""
    return sorted(path.stem for path in RECORDED.glob("*.json"))
