# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of one charge box: fields by era, binding, validation, rendering (SteVe's ChargePointForm)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from sqlalchemy import RowMapping

from .central import CentralSystem
from .eras import Era
from .pages import (
    Visit,
    epoch_ms,
    escape,
    form,
    human_time,
    row,
    select,
    text_input,
    validation_errors,
)

BASE = "/manager/chargepoints"
BACK = '<input type="submit" name="backToOverview" value="Back to Overview">'
STATUSES = ("Accepted", "Pending", "Rejected")
ADDRESS_FIELDS = {
    "address.street": "street",
    "address.houseNumber": "house_number",
    "address.zipCode": "zip_code",
    "address.city": "city",
    "address.country": "country",
}


@dataclass
class FormValues:
    """What the form holds."""

    charge_box_id: str = ""
    registration_status: str | None = None
    """As stored in the data base."""
    insert_connector_status: bool | None = None
    security_profile: int = 0
    auth_password: str = ""
    description: str | None = None
    note: str | None = None
    admin_address: str | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    address: dict[str, object] = field(default_factory=dict)
    address_pk: str = ""

    def columns(self, era: Era) -> dict[str, object]:
        """Columns of ``charge_box`` without the password."""
        result: dict[str, object] = {
            "charge_box_id": self.charge_box_id,
            "registration_status": self.registration_status,
            "insert_connector_status_after_transaction_msg": bool(self.insert_connector_status),
            "description": self.description,
            "note": self.note,
            "admin_address": self.admin_address,
        }
        if era.security_profiles:
            result["security_profile"] = self.security_profile
        if era.has_location_columns:
            result["location_latitude"], result["location_longitude"] = (
                self.latitude,
                self.longitude,
            )
        return result


def blank(_era: Era) -> FormValues:
    """The empty form of the add page."""
    return FormValues(insert_connector_status=True)


def from_row(era: Era, stored: RowMapping) -> FormValues:
    """The form filled from the data base."""
    values = FormValues(
        charge_box_id=str(stored["charge_box_id"]),
        registration_status=stored["registration_status"],
        insert_connector_status=bool(stored["insert_connector_status_after_transaction_msg"]),
        description=stored["description"],
        note=stored["note"],
        admin_address=stored["admin_address"],
        address={column: stored[column] for column in ADDRESS_FIELDS.values()},
        address_pk="" if stored["address_pk"] is None else str(stored["address_pk"]),
    )
    if era.security_profiles:
        values.security_profile = int(stored["security_profile"] or 0)
    prefix = "location_" if era.has_location_columns else ""
    values.latitude, values.longitude = (
        stored[f"{prefix}latitude"],
        stored[f"{prefix}longitude"],
    )
    if "time_zone" in stored:
        values.address["time_zone"] = stored["time_zone"]
    return values


def _coordinate_names(era: Era) -> tuple[str, str]:
    if era.has_location_columns:
        return "locationLatitude", "locationLongitude"
    return "address.latitude", "address.longitude"


def _status_from_form(era: Era, text: str | None) -> tuple[str | None, list[str]]:
    """The stored text for the form's value; up to 3.12.0 it is stored unchecked, later it must be a constant."""
    if not text:
        return None, ["Registration status is required"]
    if not era.registration_status_enum:
        return text, []
    names = {status.upper(): status for status in STATUSES}
    if text in names:
        return names[text], []
    return None, [
        (
            "Failed to convert property value of type 'java.lang.String' to required type 'RegistrationStatus' for "
            f"property 'registrationStatus'; No enum constant for value [{text}]"
        )
    ]


def bound(era: Era, posted: Mapping[str, str]) -> tuple[FormValues, list[str]]:
    """Bind posted fields; returns the values and messages about fields that could not be bound."""

    def text(name: str) -> str | None:
        return posted.get(name, "").strip() or None

    status, problems = _status_from_form(era, text("registrationStatus"))
    values = FormValues(
        charge_box_id=posted.get("chargeBoxId", "").strip(),
        registration_status=status,
        auth_password=posted.get("authPassword", ""),
        description=text("description"),
        note=text("note"),
        admin_address=text("adminAddress"),
        address={column: text(name) for name, column in ADDRESS_FIELDS.items()},
        address_pk=posted.get("address.addressPk", ""),
    )
    flag = "insertConnectorStatusAfterTransactionMsg"
    if flag in posted:
        values.insert_connector_status = posted[flag] == "true"
    elif f"_{flag}" in posted:
        values.insert_connector_status = False
    if era.security_profiles:
        match = re.fullmatch(r"Profile_([0-3])", text("securityProfile") or "Profile_0")
        if match is None:
            problems.append("Security profile is not valid")
        else:
            values.security_profile = int(match[1])
    for name, attribute in zip(_coordinate_names(era), ("latitude", "longitude"), strict=True):
        try:
            number = None if text(name) is None else Decimal(str(text(name)))
        except InvalidOperation:
            problems.append(f"{attribute.capitalize()} is not a number")
            continue
        setattr(values, attribute, number)
        if not era.has_location_columns:
            values.address[attribute] = number
    if era.has_time_zone:
        values.address["time_zone"] = text("address.timeZone")
    return values, problems


def validate(system: CentralSystem, values: FormValues, *, has_password: bool) -> list[str]:
    """SteVe's validation messages."""
    problems = []
    era = system.era
    pattern = system.properties.get("charge-box-id.validation.regex") or era.id_pattern
    if not values.charge_box_id:
        problems.append("ChargeBox ID is required")
    elif pattern is None and re.search(r"\s", values.charge_box_id):
        problems.append("ChargeBox ID cannot contain any whitespace")
    elif pattern is not None and re.fullmatch(pattern, values.charge_box_id) is None:
        problems.append("ChargeBox ID violates the configured pattern")
    if values.insert_connector_status is None:
        problems.append("must not be null")
    if era.security_profiles:
        if values.auth_password and era.basic_password_length is not None:
            low, high = era.basic_password_length
            if not low <= len(values.auth_password) <= high:
                problems.append(f"The field must be between {low} and {high} characters")
        if values.security_profile in (1, 2) and not values.auth_password and not has_password:
            problems.append("Security profiles 1 and 2 require the Basic Auth Password to be set")
    return problems


def _status_options(era: Era, *, details: bool, protocol: str | None) -> dict[str, str]:
    if era.registration_status_enum:
        return {status.upper(): status for status in STATUSES}
    names = ["Accepted", "Rejected"]
    if details and (protocol or "").startswith("ocpp1.6"):
        names.insert(1, "Pending")
    return {name: name for name in names}


def _fields(
    visit: Visit,
    values: FormValues,
    options: dict[str, str],
    *,
    id_extra: str,
    has_password: bool,
) -> str:
    era = visit.system.era
    chosen = values.registration_status or ""
    checked = " checked" if values.insert_connector_status else ""
    flag = "insertConnectorStatusAfterTransactionMsg"
    rows = [
        row(
            "ChargeBox ID:",
            text_input("chargeBoxId", values.charge_box_id, extra=id_extra),
        ),
        row(
            "Registration status:",
            select(
                "registrationStatus",
                options,
                chosen.upper() if era.registration_status_enum else chosen,
            ),
        ),
    ]
    if era.security_profiles:
        profiles = {
            f"Profile_{n}": f"{n} ({label})" for n, label in enumerate(("None", "Basic", "Basic + TLS", "mTLS"))
        }
        hint = "Enter new password" if has_password else "Enter password"
        rows += [
            row(
                "Security profile:",
                select("securityProfile", profiles, f"Profile_{values.security_profile}"),
            ),
            row(
                "Basic Auth Password:",
                text_input(
                    "authPassword",
                    values.auth_password,
                    kind="password",
                    extra=f' placeholder="{hint}"',
                ),
            ),
        ]
    rows += [
        row(
            "Insert connector status after start/stop transaction:",
            f'<input id="{flag}1" name="{flag}" type="checkbox" value="true"{checked}/>'
            f'<input type="hidden" name="_{flag}" value="on"/>',
        ),
        row("Admin address:", text_input("adminAddress", values.admin_address)),
        row("Description:", text_input("description", values.description)),
        row("Note:", f'<textarea id="note" name="note">{escape(values.note)}</textarea>'),
    ]
    rows += [row(name, text_input(name, values.address.get(column))) for name, column in ADDRESS_FIELDS.items()]
    coordinates = zip(_coordinate_names(era), (values.latitude, values.longitude), strict=True)
    rows += [row(name, text_input(name, value)) for name, value in coordinates]
    if era.has_time_zone:
        rows.append(
            row(
                "Time zone:",
                text_input("address.timeZone", values.address.get("time_zone")),
            )
        )
    return "".join(rows)


def single_form(visit: Visit, values: FormValues) -> str:
    """The form of the add page for one charge box."""
    options = _status_options(visit.system.era, details=False, protocol=None)
    fields = _fields(visit, values, options, id_extra="", has_password=False)
    buttons = '<input type="submit" name="add" value="Add">' + BACK
    return form(
        visit,
        f"{BASE}/add/single",
        f"<table>{fields}</table>{buttons}",
        element_id="chargePointForm",
    )


READ_ONLY = (
    ("Endpoint Address:", "endpoint_address"),
    ("Ocpp Protocol:", "ocpp_protocol"),
    ("Charge Point Vendor:", "charge_point_vendor"),
    ("Charge Point Model:", "charge_point_model"),
    ("Charge Point Serial Number:", "charge_point_serial_number"),
    ("Charge Box Serial Number:", "charge_box_serial_number"),
    ("Firmware Version:", "fw_version"),
    ("Firmware Update Status:", "fw_update_status"),
    ("Iccid:", "iccid"),
    ("Imsi:", "imsi"),
    ("Meter Type:", "meter_type"),
    ("Meter Serial Number:", "meter_serial_number"),
    ("Diagnostics Status:", "diagnostics_status"),
)


def details_form(
    visit: Visit,
    stored: RowMapping,
    values: FormValues,
    *,
    errors: list[str] | None = None,
) -> str:
    """The details page of one charge box."""
    system = visit.system
    facts = [row(label, escape(stored[column])) for label, column in READ_ONLY]
    beat = stored["last_heartbeat_timestamp"]
    facts.append(
        f'<tr><td>Last Heartbeat Timestamp:</td><td data-sort-value="{epoch_ms(beat)}">'
        f"{human_time(beat, system.now())}</td></tr>"
    )
    has_password = bool(stored.get("auth_password"))
    options = _status_options(system.era, details=True, protocol=stored["ocpp_protocol"])
    fields = _fields(
        visit,
        values,
        options,
        id_extra=' readonly="readonly"',
        has_password=has_password,
    )
    hidden = text_input("chargeBoxPk", stored["charge_box_pk"], kind="hidden") + text_input(
        "address.addressPk", values.address_pk, kind="hidden"
    )
    buttons = '<input type="submit" name="update" value="Update">' + BACK
    box = validation_errors(errors) if errors else ""
    posted = form(
        visit,
        f"{BASE}/update",
        f"{hidden}<table>{fields}</table>{buttons}",
        element_id="chargePointForm",
    )
    return (
        f'<div class="content">{box}<section><span>Charge Point Details</span></section>'
        f'<table class="userInput">{"".join(facts)}</table>{posted}</div>'
    )
