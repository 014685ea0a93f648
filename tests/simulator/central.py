# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of one simulated central system, and what its request handlers share."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError

from .config import Properties
from .eras import Era
from .faults import Faults
from .logs import SteveLog
from .store import PoolTimeoutError, Store

if TYPE_CHECKING:
    from .logins import HttpSessions
    from .sessions import Stations

UNKNOWN_LIST_SIZE = 100
"""Upper limit of SteVe's list of unknown stations (UnidentifiedIncomingObjectService, all tags)."""


@dataclass
class UnknownStation:
    """An entry of the in-memory list of ids that knocked and are not registered."""

    charge_box_id: str
    attempts: int
    last_attempt: datetime


class UnknownList:
    """SteVe's list of unknown stations: in memory, most attempts first, lost on restart."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, UnknownStation] = OrderedDict()

    def knock(self, charge_box_id: str, now: datetime) -> None:
        """Count an attempt; the entry unused longest goes when the list is full."""
        entry = self._entries.setdefault(charge_box_id, UnknownStation(charge_box_id, 0, now))
        entry.attempts += 1
        entry.last_attempt = now
        self._entries.move_to_end(charge_box_id)
        while len(self._entries) > UNKNOWN_LIST_SIZE:
            self._entries.popitem(last=False)

    def forget(self, *charge_box_ids: str) -> None:
        """Remove entries, if present."""
        for charge_box_id in charge_box_ids:
            self._entries.pop(charge_box_id, None)

    def entries(self) -> list[UnknownStation]:
        """Entries, most attempts first."""
        return sorted(self._entries.values(), key=lambda entry: -entry.attempts)


@dataclass
class CentralSystem:
    """Everything a request handler needs."""

    era: Era
    context: str
    """Path of the application with leading slash, e.g. ``/steve``."""
    properties: Properties
    store: Store
    log: SteveLog
    faults: Faults
    stations: Stations = field(init=False)
    logins: HttpSessions = field(init=False)
    unknown: UnknownList = field(default_factory=UnknownList)
    host: str = "127.0.0.1"
    port: int = 0
    docker_profile: bool = True
    ping_interval_s: float = 900.0
    """SteVe pings every session every 15 minutes."""
    bcrypt_rounds: int = 10
    api_users: dict[str, tuple[float, RowMapping | None]] = field(default_factory=dict)
    """Cache of the Web API's users: when looked up, and the row."""
    _handshake_locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    def now(self) -> datetime:
        """The server's clock: UTC, without zone."""
        return self.faults.now()

    def handshake_lock(self, charge_box_id: str) -> asyncio.Lock:
        """The lock behind which handshakes queue while the data base is gone (per server or per id, by era)."""
        key = charge_box_id.lower() if self.era.pool_queue == "per-id" else ""
        lock = self._handshake_locks.get(key)
        if lock is None:
            if len(self._handshake_locks) > 1000:
                self._handshake_locks = {k: v for k, v in self._handshake_locks.items() if v.locked()}
            lock = self._handshake_locks[key] = asyncio.Lock()
        return lock

    def log_data_base_error(self, path: str, error: PoolTimeoutError | DBAPIError) -> None:
        """The lines that a request leaves when the pool gave up or a statement failed."""
        if isinstance(error, PoolTimeoutError):
            what = "Error getting connection from data source HikariDataSource (HikariPool-1)"
            cause = f"java.sql.SQLTransientConnectionException: {error}"
        else:
            what, cause = "SQL statement failed", f"java.sql.SQLException: {error.orig}"
        servlet = "org.eclipse.jetty.ee11.servlet.ServletChannel"
        self.log.write(
            "WARN",
            servlet if self.era.boot else "org.eclipse.jetty.server.HttpChannel",
            f"handleException {path} org.jooq.exception.DataAccessException: {what}",
            trace=(f"Caused by: {cause}",),
        )
