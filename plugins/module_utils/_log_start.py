# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's start as its log tells it: begun, started, failed and why. Pure.

Texts of SteVe 3.4 to 3.14 (tagged sources, and starts of live servers), of its data base drivers, of Spring Boot's
failure analysis, and of the Maven build that a container of SteVe's own image runs before the start.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._log_boxes import iso
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Causes by what a line says, the more telling first. MySQL's driver words them otherwise than MariaDB's (since 3.13).
_CAUSES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("db-time-zone", re.compile(rb"MySQL and Java are not using the same time zone")),
    ("db-refused-login", re.compile(rb"Access denied for user|1045-28000|1044-42000")),
    ("out-of-memory", re.compile(rb"java\.lang\.OutOfMemoryError|insufficient memory for the Java Runtime")),
    ("port-taken", re.compile(rb"Address already in use|Failed to bind to |Port \d+ was already in use")),
    (
        "db-unreachable",
        re.compile(
            rb"Communications link failure|Socket fail to connect to|Unable to obtain connection from database|"
            rb"Could not connect to address"
        ),
    ),
)
_BEGUN = re.compile(
    rb"Starting SteveApplication|-+ Starting -+$|Loaded the properties\. Starting with|"
    rb"Hint: The Java system property 'main\.properties'|Loaded properties from |"
    rb"Date/time zone of the application is set to UTC"
)
_BEGUN_PLAIN = re.compile(rb"^Starting\.\.\.\.|^\[INFO\] Scanning for projects")
_STARTED = re.compile(rb"Started SteveApplication in |Started (?:oejs\.)?Server@|Jetty started on port")
_STARTED_PLAIN = re.compile(rb"(?:^|\.) Done!$|^Access the web interface using")
_FAILED = re.compile(rb"Application run failed|Application failed to start|^Exception happened")
_FAILED_PLAIN = re.compile(
    rb"APPLICATION FAILED TO START|(?:^|\.) FAILED!$|^\[ERROR\] Failed to execute goal|^\[INFO\] BUILD FAILURE"
)
_FORBIDDEN = re.compile(rb"java\.net\.(?:Socket|Bind)Exception: Permission denied")
_RELEASE = re.compile(rb"Starting SteveApplication v(\d{1,3}\.\d{1,3}\.\d{1,3})\b")
_CAUSED_BY = re.compile(rb"^(?:Caused by: |Description: |[\w.$]{3,200}(?:Exception|Error): )")
#: ``password=…`` of a JDBC URL; ``(using password: YES)`` is none.
_SECRET = re.compile(r"(?i)((?:password|passwd|pwd|secret|token)\s*=\s*)[^\s&;,'\")]+")
#: Characters of a line that are shown.
_SHOWN = 300


class Start:
    """The newest start that the log shows."""

    def __init__(self) -> None:
        self.state = "unknown"
        self.at: bytes | None = None
        self.release: str | None = None
        self.count = 0
        self._cause: str | None = None
        self._text: bytes | None = None
        self._marks: set[bytes] = set()
        self._before: dict[str, Any] | None = None

    @property
    def open(self) -> bool:
        """Whether lines may still tell why a start failed."""
        return self.state != "started"

    def line(self, message: bytes, at: bytes | None, level: bytes) -> bool:
        """A log line of a logger that speaks about the start; True when a new start begins with it."""
        mark = _BEGUN.search(message)
        if mark:
            return self._begin(mark.group(), message, at)
        if _STARTED.search(message):
            self._started(at)
        elif level == b"ERROR" and _FAILED.search(message):
            self._failed(at)
        if self.open and level in (b"ERROR", b"WARN"):
            self._look(message)
        return False

    def plain(self, line: bytes, at: bytes | None) -> bool:
        """A line that is no log line: banner, build, stack trace; True when a new start begins with it."""
        mark = _BEGUN_PLAIN.search(line)
        begun = bool(mark) and self._begin(mark.group() if mark else b"", line, at)
        if _FAILED_PLAIN.search(line):
            self._failed(at)
        elif _STARTED_PLAIN.search(line):
            self._started(at)
        if self.open:
            self._look(line)
        return begun

    def _begin(self, mark: bytes, message: bytes, at: bytes | None) -> bool:
        release = _RELEASE.search(message)
        fresh = self.state != "starting" or mark in self._marks
        if fresh:
            if self.state == "failed" or (self.state == "starting" and self._cause):
                self._before = self._failure()
            self.state, self.at, self.release = "starting", at, None
            self._cause, self._text, self._marks = None, None, set()
            self.count += 1
        self._marks.add(mark)
        if release:
            self.release = release.group(1).decode("ascii")
        return fresh

    def _started(self, at: bytes | None) -> None:
        # Up to 3.7 the banner's "Done!" follows the web server's own line.
        if self.state != "started":
            self.state, self.at = "started", at
            self._cause, self._text, self._marks, self._before = None, None, set(), None

    def _failed(self, at: bytes | None) -> None:
        if self.state != "failed":
            self.state, self.at = "failed", at
            self._marks = set()

    def _look(self, line: bytes) -> None:
        """Why it may fail; the first telling line counts, else the innermost cause."""
        if self._cause == "port-taken" and _FORBIDDEN.search(line):
            # A port below 1024 that SteVe's user may not open: nobody else has it.
            self._cause, self._text = "other", line[: 4 * _SHOWN]
        if self._cause is not None:
            return
        for cause, pattern in _CAUSES:
            if pattern.search(line):
                self._cause, self._text = cause, line[: 4 * _SHOWN]
                return
        if _CAUSED_BY.search(line) or (self._text is None and b"ERROR" in line[:8]):
            self._text = line[: 4 * _SHOWN]

    def _failure(self) -> dict[str, Any]:
        """When and why it failed."""
        text = self._text.decode("utf-8", "replace").strip() if self._text else None
        return {
            "at": iso(self.at),
            "cause": self._cause or "other",
            "text": None if text is None else inert(_SECRET.sub("\\1\u2022\u2022\u2022", text), _SHOWN),
        }

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the document.

        Returns:
            ``state`` (``started`` | ``failed`` | ``starting`` | ``unknown``), ``at``, ``release``, and of a failed
            start ``cause`` (``other`` where no text is known) and ``text``; ``last_failure``: the same of the start
            before, when the newest one is still going on.
        """
        failure = self._failure() if self.state == "failed" else {"cause": None, "text": None}
        return {
            "state": self.state,
            "at": iso(self.at),
            "cause": failure["cause"],
            "text": failure["text"],
            "release": self.release,
            "last_failure": self._before if self.state == "starting" else None,
        }
