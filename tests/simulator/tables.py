# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's tables, as far as the simulator needs them, in the shape of the release that is played.

Names and columns follow SteVe's Flyway migrations (``src/main/resources/db/migration`` at the release's tag).
Not in here: tables that no simulated answer reads or writes (users, reservations, charging profiles, jobs, ...).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

from .eras import Era

COLLATION = "utf8mb3_unicode_ci"
"""Collation of SteVe's tables; on SQLite a function of that name with the same rules is registered."""

SETTINGS_ID = "U3RlY2tkb3NlblZlcndhbHR1bmc="
"""``settings.app_id`` of the only row (SteVe's B1_0_5 script)."""


def fold(text: str) -> str:
    """What ``utf8mb3_unicode_ci`` compares: no case, no accents, no trailing blanks."""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).rstrip(" ")


def collate(left: str, right: str) -> int:
    """SQLite collation callback that plays ``utf8mb3_unicode_ci``."""
    a, b = fold(left), fold(right)
    return (a > b) - (a < b)


def utc_now() -> datetime:
    """Now, UTC, without zone: as the tables store it."""
    return datetime.now(UTC).replace(tzinfo=None)


def _text(length: int) -> String:
    return String(length, collation=COLLATION)


@dataclass(frozen=True)
class Tables:
    """The tables of one release. ``connector`` is called ``evse`` from 3.13.0 on."""

    metadata: MetaData
    charge_box: Table
    address: Table
    connector: Table
    connector_pk: str
    connector_id: str
    connector_status: Table
    ocpp_tag: Table
    transaction_start: Table
    transaction_stop: Table
    settings: Table
    schema_version: Table
    web_user: Table | None


def _stamps(era: Era) -> list[Column[datetime]]:
    if not era.has_created_columns:
        return []
    return [
        Column("created_at", DateTime, nullable=False, default=utc_now),
        Column("updated_at", DateTime, nullable=False, default=utc_now, onupdate=utc_now),
    ]


def _charge_box(metadata: MetaData, era: Era) -> Table:
    columns: list[Column[Any]] = [
        Column("charge_box_pk", Integer, primary_key=True, autoincrement=True),
        Column("charge_box_id", _text(255), nullable=False, unique=True),
        Column("endpoint_address", _text(255)),
        Column("ocpp_protocol", _text(255)),
        Column("registration_status", _text(255), nullable=False, server_default="Accepted"),
    ]
    columns += [
        Column(name, _text(255))
        for name in (
            "charge_point_vendor",
            "charge_point_model",
            "charge_point_serial_number",
            "charge_box_serial_number",
            "fw_version",
            "fw_update_status",
            "iccid",
            "imsi",
            "meter_type",
            "meter_serial_number",
            "diagnostics_status",
            "admin_address",
        )
    ]
    columns += [
        Column(name, DateTime)
        for name in (
            "fw_update_timestamp",
            "diagnostics_timestamp",
            "last_heartbeat_timestamp",
        )
    ]
    columns += [
        Column("description", Text),
        Column("note", Text),
        Column("address_pk", Integer, ForeignKey("address.address_pk", ondelete="SET NULL")),
        Column("insert_connector_status_after_transaction_msg", Boolean, server_default="1"),
    ]
    if era.has_location_columns:
        columns += [
            Column("location_latitude", Numeric(11, 8)),
            Column("location_longitude", Numeric(11, 8)),
        ]
    if era.security_profiles:
        columns += [
            Column("security_profile", Integer, server_default="0"),
            Column("auth_password", _text(255)),
        ]
        if not era.has_configuration_json:
            columns.append(Column("cpo_name", _text(255)))
    if era.has_configuration_json:
        columns.append(Column("ocpp_configuration", JSON))
    return _table("charge_box", metadata, era, columns, stamps=True)


def _table(
    name: str,
    metadata: MetaData,
    era: Era,
    items: list[Column[Any]],
    *,
    stamps: bool = False,
    unique: tuple[str, ...] = (),
) -> Table:
    extra: list[SchemaItem] = list(_stamps(era)) if stamps else []
    if unique:
        extra.append(UniqueConstraint(*unique))
    return Table(
        name,
        metadata,
        *items,
        *extra,
        mysql_charset="utf8mb3",
        mysql_collate=COLLATION,
        mysql_engine="InnoDB",
    )


def build_tables(era: Era) -> Tables:
    """Describe the tables of the release."""
    metadata = MetaData()
    address_columns: list[Column[Any]] = [
        Column("address_pk", Integer, primary_key=True, autoincrement=True),
        Column("street", _text(1000)),
        *(Column(name, _text(255)) for name in ("house_number", "zip_code", "city", "country")),
    ]
    if not era.has_location_columns:
        address_columns += [
            Column("latitude", Numeric(11, 8)),
            Column("longitude", Numeric(11, 8)),
        ]
        if era.has_time_zone:
            address_columns.append(Column("time_zone", _text(255)))
    address = _table("address", metadata, era, address_columns, stamps=True)
    charge_box = _charge_box(metadata, era)
    name, pk, number = (
        ("evse", "evse_pk", "evse_id") if era.has_evse_table else ("connector", "connector_pk", "connector_id")
    )
    connector_columns: list[Column[Any]] = [
        Column(pk, Integer, primary_key=True, autoincrement=True),
        Column(
            "charge_box_id",
            _text(255),
            ForeignKey("charge_box.charge_box_id", ondelete="CASCADE"),
            nullable=False,
        ),
        Column(number, Integer, nullable=False),
    ]
    connector = _table(
        name,
        metadata,
        era,
        connector_columns,
        stamps=era.has_evse_table,
        unique=("charge_box_id", number),
    )
    status_columns: list[Column[Any]] = [
        Column(pk, Integer, ForeignKey(f"{name}.{pk}", ondelete="CASCADE"), nullable=False),
        Column("status_timestamp", DateTime),
        *(
            Column(c, _text(255))
            for c in (
                "status",
                "error_code",
                "error_info",
                "vendor_id",
                "vendor_error_code",
            )
        ),
    ]
    connector_status = _table("connector_status", metadata, era, status_columns)
    ocpp_tag = _table(
        "ocpp_tag",
        metadata,
        era,
        [
            Column("ocpp_tag_pk", Integer, primary_key=True, autoincrement=True),
            Column("id_tag", _text(255), nullable=False, unique=True),
            Column("parent_id_tag", _text(255)),
            Column("expiry_date", DateTime),
            Column(
                "max_active_transaction_count",
                Integer,
                nullable=False,
                server_default="1",
            ),
            Column("note", Text),
        ],
        stamps=True,
    )
    transaction_start = _table(
        "transaction_start",
        metadata,
        era,
        [
            Column("transaction_pk", Integer, primary_key=True, autoincrement=True),
            Column("event_timestamp", DateTime, nullable=False, default=utc_now),
            Column(
                pk,
                Integer,
                ForeignKey(f"{name}.{pk}", ondelete="CASCADE"),
                nullable=False,
            ),
            Column(
                "id_tag",
                _text(255),
                ForeignKey("ocpp_tag.id_tag", ondelete="CASCADE"),
                nullable=False,
            ),
            Column("start_timestamp", DateTime),
            Column("start_value", _text(255)),
        ],
    )
    stop_items: list[Column[Any]] = [
        Column(
            "transaction_pk",
            Integer,
            ForeignKey("transaction_start.transaction_pk", ondelete="CASCADE"),
        ),
        Column("event_timestamp", DateTime, default=utc_now),
        Column("event_actor", _text(10)),
        Column("stop_timestamp", DateTime, nullable=False),
        Column("stop_value", _text(255), nullable=False),
        Column("stop_reason", _text(255)),
    ]
    transaction_stop = _table("transaction_stop", metadata, era, stop_items)
    transaction_stop.append_constraint(
        PrimaryKeyConstraint(transaction_stop.c.transaction_pk, transaction_stop.c.event_timestamp)
    )
    settings = _table(
        "settings",
        metadata,
        era,
        [
            Column("app_id", _text(40), primary_key=True),
            Column("heartbeat_interval_in_seconds", Integer),
            Column("hours_to_expire", Integer),
        ],
    )
    schema_version = _table(
        "schema_version",
        metadata,
        era,
        [
            Column("installed_rank", Integer, primary_key=True, autoincrement=False),
            Column("version", _text(50)),
            Column("description", _text(200), nullable=False),
            Column("type", _text(20), nullable=False),
            Column("script", _text(1000), nullable=False),
            Column("installed_by", _text(100), nullable=False),
            Column("installed_on", DateTime, nullable=False, default=utc_now),
            Column("execution_time", Integer, nullable=False),
            Column("success", Boolean, nullable=False),
        ],
    )
    web_user = None
    if era.users_in_database:
        web_user = _table(
            "web_user",
            metadata,
            era,
            [
                Column("web_user_pk", Integer, primary_key=True, autoincrement=True),
                Column("username", _text(500), nullable=False, unique=True),
                Column("password", _text(500), nullable=False),
                Column("api_password", _text(500)),
                Column("enabled", Boolean, nullable=False),
                Column("authorities", JSON, nullable=False),
            ],
            stamps=True,
        )
    return Tables(
        metadata,
        charge_box,
        address,
        connector,
        pk,
        number,
        connector_status,
        ocpp_tag,
        transaction_start,
        transaction_stop,
        settings,
        schema_version,
        web_user,
    )
