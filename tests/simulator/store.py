# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data base behind the simulator, with HikariCP's behaviour when it is gone.

SteVe asks its connection pool for a connection; while the data base is stopped or frozen every caller waits for the
pool's timeout (30 s) and then gets ``HikariPool-1 - Connection is not available, request timed out after 300..ms``.
As soon as the data base answers again, so do waiting and new callers (seen live on 3.4.7 to 3.14.1).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

import aiosqlite
from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

from .eras import Era
from .faults import Faults
from .tables import COLLATION, SETTINGS_ID, Tables, build_tables, collate

T = TypeVar("T")

RETRY_S = 0.25
"""Pause between attempts to get a connection; also how soon a recovered data base is noticed."""

CONNECT_ERRORS = frozenset({2002, 2003, 2005, 2006, 2013, 2014, 2055, 1040, 1053, 1927})
"""MySQL error numbers that mean "no connection", not "wrong statement"."""


SQLITE_START_S = 20.0
"""Seconds that creating the tables of a SQLite data base may take, also on a busy machine."""


class PoolTimeoutError(Exception):
    """No connection within the pool's timeout (Java: SQLTransientConnectionException)."""


class UnusableDataBaseError(Exception):
    """The data base cannot be used at start; ``kind`` says why."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Store:
    """Units of work on the data base, each in a transaction of its own."""

    def __init__(self, url: str, era: Era, faults: Faults, *, pool_timeout_s: float = 30.0) -> None:
        """``url``: SQLAlchemy URL of an async driver (``sqlite+aiosqlite``, ``mysql+aiomysql``)."""
        self.url: URL = make_url(url)
        self.era = era
        self.tables: Tables = build_tables(era)
        self.pool_timeout_s = pool_timeout_s
        self._faults = faults
        self._lock = asyncio.Lock()
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = self._create_engine()

    def _create_engine(self) -> AsyncEngine:
        if not self.is_sqlite:
            # A fresh connection per unit of work: nothing stale survives a data base that went away.
            return create_async_engine(self.url, poolclass=NullPool, connect_args={"charset": "utf8mb4"})
        name = self.url.database or ":memory:"

        def connector() -> sqlite3.Connection:
            connection = sqlite3.connect(name, check_same_thread=False)
            connection.create_collation(COLLATION, collate)
            connection.execute("PRAGMA foreign_keys=ON")
            return connection

        async def creator() -> aiosqlite.Connection:
            return await aiosqlite.Connection(connector, 64)

        return create_async_engine(self.url, poolclass=StaticPool, async_creator=creator)

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run ``work`` in a transaction. Raises PoolTimeoutError after ``pool_timeout_s`` without data base."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        deadline = started + self.pool_timeout_s
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._attempt(work)
            except TimeoutError:
                break
            except (OperationalError, InterfaceError, OSError) as error:
                if not _is_lost_connection(error):
                    raise
            if loop.time() + RETRY_S >= deadline:
                await asyncio.sleep(max(0.0, deadline - loop.time()))
                break
            await asyncio.sleep(RETRY_S)
        elapsed_ms = round((loop.time() - started) * 1000)
        raise PoolTimeoutError(
            f"HikariPool-1 - Connection is not available, request timed out after {elapsed_ms}ms "
            "(total=0, active=0, idle=0, waiting=0)"
        )

    async def _attempt(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        if self._faults.on("db-dead"):
            await self._faults.until_cleared("db-dead")
        if not self.is_sqlite:
            async with self._engine.begin() as connection:
                return await work(connection)
        async with self._lock, self._engine.begin() as connection:
            return await work(connection)

    async def start(self) -> None:
        """Check the data base as SteVe does at start, and create what its migrations would have created.

        Raises UnusableDataBaseError (kinds: unreachable, refused-login, unknown-schema, time-zone).
        """
        self._simulated_start_failure()
        # A file needs no network: a short pool timeout is meant for later questions, not for creating the tables.
        patience_s = max(self.pool_timeout_s, SQLITE_START_S) if self.is_sqlite else self.pool_timeout_s
        try:
            async with asyncio.timeout(patience_s):
                await self._attempt(self._prepare)
        except TimeoutError:
            raise UnusableDataBaseError("unreachable", "connect timed out") from None
        except (DBAPIError, OSError) as error:
            raise _start_failure(error) from error

    async def _prepare(self, connection: AsyncConnection) -> None:
        if not self.is_sqlite:
            offset = await connection.scalar(text("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())"))
            if offset:
                raise UnusableDataBaseError("time-zone", str(offset))
        await connection.run_sync(self.tables.metadata.create_all)
        settings, versions = self.tables.settings, self.tables.schema_version
        if not await connection.scalar(select(func.count()).select_from(settings)):
            await connection.execute(
                insert(settings).values(
                    app_id=SETTINGS_ID,
                    heartbeat_interval_in_seconds=14400,
                    hours_to_expire=1,
                )
            )
        if not await connection.scalar(select(func.count()).select_from(versions)):
            await connection.execute(
                insert(versions).values(
                    installed_rank=1,
                    version=self.era.schema_version,
                    description="update",
                    type="SQL",
                    script=f"V{self.era.schema_version.replace('.', '_')}__update.sql",
                    installed_by="steve",
                    execution_time=1,
                    success=True,
                )
            )

    def _simulated_start_failure(self) -> None:
        if self._faults.on("db-unreachable"):
            raise UnusableDataBaseError("unreachable", "Connection refused")
        if self._faults.on("db-refused-login"):
            raise UnusableDataBaseError(
                "refused-login",
                "Access denied for user 'steve'@'localhost' (using password: YES)",
            )
        if self._faults.on("db-unknown-schema"):
            raise UnusableDataBaseError("unknown-schema", "Unknown database 'stevedb'")
        if self._faults.on("db-time-zone"):
            raise UnusableDataBaseError("time-zone", str(round(self._faults.seconds("db-time-zone"))))

    async def dump(self) -> dict[str, list[dict[str, object]]]:
        """All rows of all tables as JSON types, for comparisons before and after."""

        async def work(
            connection: AsyncConnection,
        ) -> dict[str, list[dict[str, object]]]:
            result: dict[str, list[dict[str, object]]] = {}
            for table in self.tables.metadata.sorted_tables:
                rows = await connection.execute(select(table))
                result[table.name] = [{key: _plain(value) for key, value in row.items()} for row in rows.mappings()]
            return result

        return await self.run(work)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def _plain(value: object) -> object:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def _mysql_code(error: BaseException) -> int | None:
    original = getattr(error, "orig", None)
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _is_lost_connection(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return _mysql_code(error) in CONNECT_ERRORS


def _start_failure(error: Exception) -> UnusableDataBaseError:
    original = getattr(error, "orig", None)
    detail = str(original.args[-1]) if original is not None and original.args else str(error)
    kinds = {
        1045: "refused-login",
        1044: "refused-login",
        1698: "refused-login",
        1049: "unknown-schema",
    }
    return UnusableDataBaseError(kinds.get(_mysql_code(error) or 0, "unreachable"), detail)
