# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's questions to its data base (the classes in ``de.rwth.idsg.steve.repository``), one function each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection

from .store import Store
from .tables import utc_now

Values = Mapping[str, object]


def _new_pk(result: CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


async def find_charge_box(store: Store, charge_box_id: str) -> RowMapping | None:
    """The row whose id equals ``charge_box_id`` by the data base's collation.

    Raises DataError for a character beyond U+FFFF, which an utf8mb3 column cannot be compared with.
    """
    table = store.tables.charge_box
    if any(character > "\uffff" for character in charge_box_id):
        raise DataError(str(select(table)), {}, ValueError("Illegal mix of collations for operation '='"))

    async def work(connection: AsyncConnection) -> RowMapping | None:
        return (
            (await connection.execute(select(table).where(table.c.charge_box_id == charge_box_id))).mappings().first()
        )

    return await store.run(work)


async def find_charge_box_by_pk(store: Store, pk: int) -> RowMapping | None:
    """The row with the primary key, with its address columns."""
    table, address = store.tables.charge_box, store.tables.address

    async def work(connection: AsyncConnection) -> RowMapping | None:
        query = (
            select(table, *(c for c in address.c if c.name not in table.c))
            .select_from(table.outerjoin(address, table.c.address_pk == address.c.address_pk))
            .where(table.c.charge_box_pk == pk)
        )
        return (await connection.execute(query)).mappings().first()

    return await store.run(work)


async def all_charge_boxes(store: Store) -> list[RowMapping]:
    """All rows in the order of their primary keys."""
    table = store.tables.charge_box

    async def work(connection: AsyncConnection) -> list[RowMapping]:
        return list((await connection.execute(select(table).order_by(table.c.charge_box_pk))).mappings())

    return await store.run(work)


async def add_charge_boxes(
    store: Store,
    rows: Iterable[Values],
    *,
    address: Values | None = None,
    atomic: bool = True,
) -> list[int]:
    """Insert rows (and one address for all of them); returns primary keys.

    With ``atomic`` False the rows before the one that fails stay. Raises IntegrityError on a duplicate id.
    """
    tables = store.tables

    async def work(connection: AsyncConnection, batch: list[Values]) -> list[int]:
        address_pk: int | None = None
        if address and any(value is not None for value in address.values()):
            address_pk = _new_pk(await connection.execute(insert(tables.address).values(**address)))
        pks = []
        for row in batch:
            values = {"address_pk": address_pk, **row}
            pks.append(_new_pk(await connection.execute(insert(tables.charge_box).values(**values))))
        return pks

    everything = list(rows)
    if atomic:
        return await store.run(lambda connection: work(connection, everything))
    pks: list[int] = []
    for single in everything:
        pks += await store.run(lambda connection, row=single: work(connection, [row]))  # type: ignore[misc]
    return pks


async def update_charge_box(store: Store, pk: int, values: Values, address: Values | None = None) -> None:
    """Update the row and its address (inserted when it had none)."""
    tables = store.tables

    async def work(connection: AsyncConnection) -> None:
        table = tables.charge_box
        merged = dict(values)
        if address is not None:
            address_pk = await connection.scalar(select(table.c.address_pk).where(table.c.charge_box_pk == pk))
            if address_pk is not None:
                await connection.execute(
                    update(tables.address).where(tables.address.c.address_pk == address_pk).values(**address)
                )
            elif any(value is not None for value in address.values()):
                result = await connection.execute(insert(tables.address).values(**address))
                merged["address_pk"] = _new_pk(result)
        await connection.execute(update(table).where(table.c.charge_box_pk == pk).values(**merged))

    await store.run(work)


async def update_charge_box_by_id(store: Store, charge_box_id: str, **values: object) -> bool:
    """Update the row of that id; False when there is none."""
    table = store.tables.charge_box

    async def work(connection: AsyncConnection) -> bool:
        found = await connection.scalar(select(table.c.charge_box_pk).where(table.c.charge_box_id == charge_box_id))
        if found is None:
            return False
        await connection.execute(update(table).where(table.c.charge_box_pk == found).values(**values))
        return True

    return await store.run(work)


async def delete_charge_box(store: Store, pk: int) -> str | None:
    """Delete the row (its history goes by ON DELETE CASCADE); returns the id, or None when there was no such row."""
    table = store.tables.charge_box

    async def work(connection: AsyncConnection) -> str | None:
        found = await connection.scalar(select(table.c.charge_box_id).where(table.c.charge_box_pk == pk))
        await connection.execute(delete(table).where(table.c.charge_box_pk == pk))
        return None if found is None else str(found)

    return await store.run(work)


async def heartbeat_interval(store: Store) -> int:
    """Seconds, from ``settings``."""

    async def work(connection: AsyncConnection) -> int:
        return int(await connection.scalar(select(store.tables.settings.c.heartbeat_interval_in_seconds)) or 0)

    return await store.run(work)


async def schema_state(store: Store) -> tuple[str, datetime]:
    """Version and time of the newest migration (about page)."""
    table = store.tables.schema_version

    async def work(connection: AsyncConnection) -> tuple[str, datetime]:
        row = (await connection.execute(select(table).order_by(table.c.installed_rank.desc()))).mappings().first()
        assert row is not None
        return str(row["version"]), row["installed_on"]

    return await store.run(work)


async def save_status(store: Store, charge_box_id: str, connector_id: int, values: Values) -> None:
    """Insert the connector when it is new, and its status (StatusNotification)."""
    tables = store.tables

    async def work(connection: AsyncConnection) -> None:
        pk = await _connector_pk(store, connection, charge_box_id, connector_id)
        await connection.execute(insert(tables.connector_status).values({tables.connector_pk: pk, **values}))

    await store.run(work)


async def _connector_pk(store: Store, connection: AsyncConnection, charge_box_id: str, connector_id: int) -> int:
    tables = store.tables
    number = tables.connector.c[tables.connector_id]
    query = select(tables.connector.c[tables.connector_pk]).where(
        tables.connector.c.charge_box_id == charge_box_id, number == connector_id
    )
    pk = await connection.scalar(query)
    if pk is None:
        values = {"charge_box_id": charge_box_id, tables.connector_id: connector_id}
        pk = _new_pk(await connection.execute(insert(tables.connector).values(values)))
    return int(pk)


async def statuses(store: Store) -> list[RowMapping]:
    """Every stored status with its charge box id, newest first."""
    tables = store.tables
    pk = tables.connector_pk

    async def work(connection: AsyncConnection) -> list[RowMapping]:
        status, connector = tables.connector_status, tables.connector
        query = (
            select(
                status,
                connector.c.charge_box_id,
                connector.c[tables.connector_id].label("connector_number"),
            )
            .join(connector, status.c[pk] == connector.c[pk])
            .order_by(status.c.status_timestamp.desc())
        )
        return list((await connection.execute(query)).mappings())

    return await store.run(work)


async def id_tag_exists(store: Store, id_tag: str) -> bool:
    """Whether the tag may charge (the simulator knows no expiry)."""
    table = store.tables.ocpp_tag

    async def work(connection: AsyncConnection) -> bool:
        return await connection.scalar(select(table.c.ocpp_tag_pk).where(table.c.id_tag == id_tag)) is not None

    return await store.run(work)


async def add_id_tag(store: Store, id_tag: str) -> int:
    """Insert a tag; returns its primary key."""

    async def work(connection: AsyncConnection) -> int:
        result = await connection.execute(insert(store.tables.ocpp_tag).values(id_tag=id_tag))
        return _new_pk(result)

    return await store.run(work)


async def id_tags(store: Store, pk: int | None = None) -> list[RowMapping]:
    """All tags, or the one with the primary key."""
    table = store.tables.ocpp_tag

    async def work(connection: AsyncConnection) -> list[RowMapping]:
        query = select(table) if pk is None else select(table).where(table.c.ocpp_tag_pk == pk)
        return list((await connection.execute(query)).mappings())

    return await store.run(work)


@dataclass(frozen=True)
class StartedTransaction:
    """What a station says when it starts a transaction."""

    charge_box_id: str
    connector_id: int
    id_tag: str
    meter: int
    when: datetime


async def start_transaction(store: Store, started: StartedTransaction) -> int:
    """Insert a transaction (and the tag, as SteVe does for unknown ones); returns its id."""
    tables = store.tables

    async def work(connection: AsyncConnection) -> int:
        connector_pk = await _connector_pk(store, connection, started.charge_box_id, started.connector_id)
        tag = tables.ocpp_tag
        if await connection.scalar(select(tag.c.ocpp_tag_pk).where(tag.c.id_tag == started.id_tag)) is None:
            await connection.execute(
                insert(tag).values(id_tag=started.id_tag, note="This unknown idTag was used in a transaction")
            )
        values = {
            tables.connector_pk: connector_pk,
            "id_tag": started.id_tag,
            "start_timestamp": started.when,
            "start_value": str(started.meter),
        }
        result = await connection.execute(insert(tables.transaction_start).values(values))
        return _new_pk(result)

    return await store.run(work)


async def stop_transaction(store: Store, transaction_pk: int, meter: int, when: datetime, reason: str | None) -> None:
    """Insert the stop of a transaction; an unknown one is ignored."""
    tables = store.tables

    async def work(connection: AsyncConnection) -> None:
        start = tables.transaction_start
        if (
            await connection.scalar(select(start.c.transaction_pk).where(start.c.transaction_pk == transaction_pk))
            is None
        ):
            return
        await connection.execute(
            insert(tables.transaction_stop).values(
                transaction_pk=transaction_pk,
                event_timestamp=utc_now(),
                event_actor="station",
                stop_timestamp=when,
                stop_value=str(meter),
                stop_reason=reason,
            )
        )

    await store.run(work)


async def transactions(store: Store) -> list[RowMapping]:
    """All transactions with charge box, connector and stop."""
    tables = store.tables
    pk = tables.connector_pk

    async def work(connection: AsyncConnection) -> list[RowMapping]:
        start, stop, connector = (
            tables.transaction_start,
            tables.transaction_stop,
            tables.connector,
        )
        query = (
            select(
                start,
                connector.c.charge_box_id,
                connector.c[tables.connector_id].label("connector_number"),
                stop.c.stop_timestamp,
                stop.c.stop_value,
                stop.c.stop_reason,
                stop.c.event_actor,
            )
            .join(connector, start.c[pk] == connector.c[pk])
            .outerjoin(stop, stop.c.transaction_pk == start.c.transaction_pk)
            .order_by(start.c.transaction_pk.desc())
        )
        return list((await connection.execute(query)).mappings())

    return await store.run(work)


async def find_web_user(store: Store, username: str) -> RowMapping | None:
    """The row of the user name (compared by the data base: case-insensitively)."""
    table = store.tables.web_user
    if table is None:
        return None
    users = table

    async def work(connection: AsyncConnection) -> RowMapping | None:
        return (await connection.execute(select(users).where(users.c.username == username))).mappings().first()

    return await store.run(work)


async def create_first_admin(store: Store, username: str, password_hash: str, api_password_hash: str | None) -> bool:
    """Insert the ADMIN row unless any row already has that authority (WebUserService.afterStart)."""
    table = store.tables.web_user
    if table is None:
        return False
    users = table

    async def work(connection: AsyncConnection) -> bool:
        if any("ADMIN" in (row or []) for row in (await connection.scalars(select(users.c.authorities)))):
            return False
        await connection.execute(
            insert(users).values(
                username=username,
                password=password_hash,
                api_password=api_password_hash,
                enabled=True,
                authorities=["ADMIN"],
            )
        )
        return True

    return await store.run(work)


async def has_admin(store: Store) -> bool:
    """Whether any web user has the authority ADMIN."""
    table = store.tables.web_user
    if table is None:
        return False
    users = table

    async def work(connection: AsyncConnection) -> bool:
        return any("ADMIN" in (row or []) for row in (await connection.scalars(select(users.c.authorities))))

    return await store.run(work)


async def count(store: Store, table_name: str) -> int:
    """Number of rows of a table."""
    table = store.tables.metadata.tables[table_name]

    async def work(connection: AsyncConnection) -> int:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)

    return await store.run(work)
