# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log lines in SteVe's format, to stdout (docker profile) or a file (prod profile)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TextIO

from .eras import Era

HANDSHAKE = "de.rwth.idsg.steve.ocpp.ws.OcppWebSocketHandshakeHandler"
WEBSOCKET = "de.rwth.idsg.steve.ocpp.ws.WebSocketLogger"
SPRING_HANDSHAKE = "org.springframework.web.socket.server.support.DefaultHandshakeHandler"
PAGE_NOT_FOUND = "org.springframework.web.servlet.PageNotFound"
CENTRAL_SYSTEM = "de.rwth.idsg.steve.service.CentralSystemService16_Service"
CHARGE_POINT_SERVICE = "de.rwth.idsg.steve.service.ChargePointService"
CERTIFICATES = "de.rwth.idsg.steve.service.CertificateValidator"
SECURITY = "de.rwth.idsg.steve.config.SecurityConfiguration"
HIKARI = "com.zaxxer.hikari.pool.HikariPool"
APPLICATION = "de.rwth.idsg.steve.Application"
BOOT_APPLICATION = "de.rwth.idsg.steve.SteveApplication"
BOOT_RUN = "org.springframework.boot.SpringApplication"
BOOT_FAILURE = "org.springframework.boot.diagnostics.LoggingFailureAnalysisReporter"
API_ADVICE = "de.rwth.idsg.steve.web.api.ApiControllerAdvice"
CONTROLLER_ADVICE = "de.rwth.idsg.steve.web.GlobalControllerAdvice"
PROPERTIES_LOADER = "de.rwth.idsg.steve.utils.PropertiesFileLoader"

WORKER = "qtp1194089321-41"
"""A thread name as Jetty's pool gives them."""


class SteveLog:
    """Writes SteVe's log and keeps the last lines for tests."""

    def __init__(
        self,
        era: Era,
        clock: Callable[[], datetime],
        *,
        console: TextIO | None,
        file: Path | None,
        keep: int = 20_000,
    ) -> None:
        """``console``: docker profile's stdout. ``file``: prod profile's log file; both may be given."""
        self._era = era
        self._clock = clock
        self._console = console
        self.file = file
        self._handle: TextIO | None = file.open("a", encoding="utf-8") if file is not None else None
        self.lines: deque[str] = deque(maxlen=keep)

    def write(
        self,
        level: str,
        logger: str,
        message: str,
        *,
        thread: str = WORKER,
        trace: tuple[str, ...] = (),
    ) -> None:
        """One line ``[LEVEL] yyyy-MM-dd HH:mm:ss,SSS logger (thread) - message`` in UTC, plus stack trace lines."""
        now = self._clock()
        stamp = now.strftime("%Y-%m-%d %H:%M:%S,") + f"{now.microsecond // 1000:03d}"
        head = f"[{level:<5}] {stamp} {logger}"
        with_thread = f"{head} ({thread}) - {message}"
        self.lines.append(with_thread)
        self.lines.extend(trace)
        tail = "".join(f"{line}\n" for line in trace)
        if self._console is not None:
            self._console.write(f"{with_thread}\n{tail}")
            self._console.flush()
        if self._handle is not None:
            line = with_thread if self._era.log_thread_in_prod else f"{head} - {message}"
            self._handle.write(f"{line}\n{tail}")
            self._handle.flush()

    def close(self) -> None:
        """Close the log file."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None
