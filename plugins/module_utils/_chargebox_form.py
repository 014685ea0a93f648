# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SteVe's forms for charge boxes are called and take, release by release: the one place for that. Pure.

Read from ``ChargePointForm`` (``ChargePointFormForCreate`` from 3.13), ``Address``, ``ChargePointsController``,
``BatchInsertConverter`` and the views ``chargepointAdd.jsp``, ``chargepointDetails.jsp`` and ``00-address.jsp`` at the
tags steve-3.4.9 to steve-3.14.1. Which form it is tells the form itself, never the release that somebody named.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Mapping, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils._era import NEWEST, OLDEST, Era, release_key
from ansible_collections.chargeops.steve.plugins.module_utils._html import Form
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

ADD_PATH = "/manager/chargepoints/add"
ADD_SINGLE_PATH = "/manager/chargepoints/add/single"
ADD_BATCH_PATH = "/manager/chargepoints/add/batch"
UPDATE_PATH = "/manager/chargepoints/update"
DELETE_PATH = "/manager/chargepoints/delete"
TRANSACTIONS_PATH = "/manager/transactions/query"

ID, PK, PASSWORD, STATUS = "chargeBoxId", "chargeBoxPk", "authPassword", "registrationStatus"
#: A POST without its button matches no handler (400 up to 3.8.0, 403 later).
ADD_BUTTON, UPDATE_BUTTON = ("add", "Add"), ("update", "Update")
#: Field of the batch form, and what separates the ids in it: a bare line feed does not, it becomes part of an id.
BATCH_FIELD, BATCH_SEPARATOR = "idList", "\r\n"
#: Ids and bytes of one batch. Jetty refuses forms of more than 200,000 bytes (ContextHandler's default).
BATCH_IDS, BATCH_BYTES = 1000, 100_000
#: What SteVe's default patterns refuse from 3.5.1, 3.6.1 and 3.7.1 on. One such id makes SteVe refuse a whole batch.
REFUSED_CHARACTERS = frozenset("=/()<>")
#: From 3.9.0 on without any address parameter the insert fails with a NullPointerException; an empty one is enough.
NEEDED_ADDRESS_FIELD = "address.street"
#: Begins the error page of an update that was stored, but that the connected station did not take (from 3.13.0).
STORED_BUT = "Database updated, but"
#: Lengths of a Basic password: oldest and newest release, shortest and longest.
PASSWORD_LENGTHS = (("3.9.0", "3.9.0", 32, 40), ("3.10.0", NEWEST, 16, 20))

STATUSES = ("accepted", "pending", "rejected")
_FLAG = "insertConnectorStatusAfterTransactionMsg"
#: A checkbox is sent when it is ticked; this marker tells SteVe that the form had one.
_FLAG_MARKER = f"_{_FLAG}"
#: Options with the same field in every release.
_TEXTS = {
    "description": "description", "note": "note", "admin_address": "adminAddress", "address.street": "address.street",
    "address.house_number": "address.houseNumber", "address.zip_code": "address.zipCode",
    "address.city": "address.city", "address.country": "address.country",
}  # fmt: skip
_NUMBERS = ("address.latitude", "address.longitude")


class UnknownForm(ValueError):
    """A form is not SteVe's; the text says what is missing and which era it looked like."""


@dataclass(frozen=True)
class Dialect:
    """How one range of releases names and spells things.

    Attributes:
        oldest: first release of the range.
        newest: last known release of the range.
        constants: whether the registration status is ``ACCEPTED`` (an enum, from 3.13.0) instead of ``Accepted`` (a
            text that is stored unchecked, so that a wrong spelling breaks the station).
        profiles: whether charge boxes have a security profile and a Basic password.
        latitude: field name.
        longitude: field name.
        time_zone: whether the address has a time zone.
    """

    oldest: str
    newest: str
    constants: bool
    profiles: bool
    latitude: str
    longitude: str
    time_zone: bool

    def __str__(self) -> str:
        return f"SteVe {self.oldest} to {self.newest}"


_OLD = ("locationLatitude", "locationLongitude")
_NEW = ("address.latitude", "address.longitude")
DIALECTS = (
    Dialect(OLDEST, "3.8.0", False, False, *_OLD, time_zone=False),
    Dialect("3.9.0", "3.12.0", False, True, *_NEW, time_zone=False),
    Dialect("3.13.0", "3.14.0", True, True, *_NEW, time_zone=False),
    Dialect("3.14.1", NEWEST, True, True, *_NEW, time_zone=True),
)


def dialect_of(form: Form) -> Dialect:
    """The dialect of an add or a details form.

    Raises:
        UnknownForm: it lacks a field that every form of its range has, or has one twice.
    """
    names = [name for name, _value in form.fields]
    selects = {name for name, _value in form.choices}
    offered = [value for name, value in form.choices if name == STATUS]
    profiles = "securityProfile" in selects
    constants = any(value.isupper() for value in offered)
    time_zone = "address.timeZone" in selects or "address.timeZone" in names
    found = next(
        (
            dialect for dialect in reversed(DIALECTS)
            if (dialect.profiles, dialect.constants, dialect.time_zone) == (profiles, constants, time_zone)
        ),
        None,
    )  # fmt: skip
    if found is None:
        # A fork may lack a part, as one without security profiles on a newer base.
        base = DIALECTS[3 if time_zone else 2 if constants else 1 if profiles or _NEW[0] in names else 0]
        found = Dialect(base.oldest, base.newest, constants, profiles, base.latitude, base.longitude, time_zone)
    missing = [
        name
        for name in (ID, _FLAG_MARKER, found.latitude, found.longitude, *_TEXTS.values())
        if name not in names and name not in selects
    ]
    if not offered:
        missing.append(STATUS)
    if found.profiles and PASSWORD not in names:
        missing.append(PASSWORD)
    if missing:
        raise UnknownForm(f"a charge point form that looks like {found}, but lacks {', '.join(sorted(missing))}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        # Up to 3.5.0 the details form shows what a station said at its boot without escaping.
        raise UnknownForm(f"a charge point form that looks like {found}, but has {inert(', '.join(twice), 80)} twice")
    return found


def unsupported(dialect: Dialect, options: Mapping[str, object]) -> list[str]:
    """Names of the options that this SteVe does not have, with the release that brought them."""
    found = []
    # Profile 0 is what a SteVe without profiles has.
    if not dialect.profiles:
        if options.get("security_profile"):
            found.append("security_profile (3.9.0)")
        if options.get("auth_password"):
            found.append("auth_password (3.9.0)")
    if not dialect.time_zone and options.get("address.time_zone"):
        found.append("address.time_zone (3.14.1)")
    return found


def has_password(form: Form) -> bool | None:
    """Whether SteVe has a Basic password for the charge box, which shows in a placeholder only; None before 3.9.0."""
    for name, hint in form.hints:
        if name == PASSWORD:
            return "new" in hint.lower()
    return None


def password_lengths(era: Era | None) -> tuple[int, int] | None:
    """Shortest and longest Basic password; None when the release is not known to be one of the table."""
    if era is None or era.is_runbook:
        return None
    for oldest, newest, shortest, longest in PASSWORD_LENGTHS:
        if era.at_least(oldest) and release_key(era.max) <= release_key(newest):
            return shortest, longest
    return None


# -- reading -----------------------------------------------------------------------------------------------------------


def values_of(dialect: Dialect, form: Form) -> dict[str, str | bool | int | None]:
    """What a details form says, by option (``address.city`` for parts of the address).

    The registration status is None where nothing is selected: up to 3.12 the form of a station that never connected
    with OCPP 1.6 does not offer ``Pending``, and a wrong text in the data base looks the same.
    """
    values: dict[str, str | bool | int | None] = {
        option: normal_text(form.value(name)) for option, name in _TEXTS.items()
    }
    for option, name in zip(_NUMBERS, (dialect.latitude, dialect.longitude)):
        values[option] = normal_number(form.value(name))
    values["address.time_zone"] = normal_text(form.value("address.timeZone"))
    values["insert_connector_status_after_transaction_msg"] = form.value(_FLAG) is not None
    status = (form.value(STATUS) or "").lower()
    values["registration_status"] = status if status in STATUSES else None
    profile = form.value("securityProfile") or "Profile_0"
    values["security_profile"] = int(profile[-1]) if profile[-1:] in ("0", "1", "2", "3") else None
    return values


def hides_pending(form: Form) -> bool:
    """Whether a form shows no registration status and could not show ``Pending``: that counts as pending."""
    offered = [value.lower() for name, value in form.choices if name == STATUS]
    return not form.value(STATUS) and "pending" not in offered


def normal_text(value: str | None) -> str | None:
    """A text as SteVe keeps it: without blanks at its ends, None when nothing is left (``StringTrimmerEditor``)."""
    if value is None:
        return None
    # Java's trim() removes everything up to the blank.
    return value.replace("\r\n", "\n").strip("".join(map(chr, range(33)))) or None


def normal_number(value: str | None) -> str | None:
    """A coordinate as a plain number with at most 8 decimals, as the column holds it; another text as it is."""
    text = normal_text(value)
    try:
        number = None if text is None else Decimal(text)
        if number is None or not number.is_finite() or abs(number) > 1000:
            return text
        shown = f"{number.quantize(Decimal('1e-8')):f}".rstrip("0").rstrip(".")
    except InvalidOperation:
        return text
    return "0" if shown in ("-0", "") else shown


# -- writing -----------------------------------------------------------------------------------------------------------


def filled(
    dialect: Dialect, form: Form, changes: Mapping[str, str | bool | int | None], password: str | None = None
) -> list[tuple[str, str]]:
    """The fields of a form with some values changed, in page order, without the button.

    The password field stays empty, which keeps the stored one, unless a password is given.
    """
    written = {_TEXTS[option]: _text(value) for option, value in changes.items() if option in _TEXTS}
    for option, name in zip(_NUMBERS, (dialect.latitude, dialect.longitude)):
        if option in changes:
            written[name] = _text(changes[option])
    if "address.time_zone" in changes and dialect.time_zone:
        written["address.timeZone"] = _text(changes["address.time_zone"])
    if "registration_status" in changes:
        status = str(changes["registration_status"])
        written[STATUS] = status.upper() if dialect.constants else status.capitalize()
    if "security_profile" in changes and dialect.profiles:
        written["securityProfile"] = f"Profile_{changes['security_profile']}"
    if dialect.profiles:
        written[PASSWORD] = password or ""
    ticked = changes.get("insert_connector_status_after_transaction_msg")
    fields = [(name, written.pop(name, value)) for name, value in form.fields if name != _FLAG or ticked is None]
    fields += written.items()
    if ticked:
        fields.append((_FLAG, "true"))
    return fields


def filled_new(
    dialect: Dialect,
    form: Form,
    charge_box_id: str,
    options: Mapping[str, str | bool | int | None],
    password: str | None = None,
) -> list[tuple[str, str]]:
    """The fields of the add form for one charge box.

    What is not given is what the batch form stores: accepted, no connector status after transactions, profile 0.
    """
    usual: dict[str, str | bool | int | None] = {
        "registration_status": "accepted", "insert_connector_status_after_transaction_msg": False,
        "security_profile": 0,
    }  # fmt: skip
    fields = filled(dialect, form, {**usual, **options}, password)
    fields = [(name, charge_box_id if name == ID else value) for name, value in fields]
    if not any(name.startswith("address.") for name, _value in fields):
        fields.append((NEEDED_ADDRESS_FIELD, ""))
    return fields


def batches(ids: Sequence[str]) -> list[list[str]]:
    """Ids in groups that fit into one batch form."""
    groups: list[list[str]] = []
    size = 0
    for identifier in ids:
        # In a form every byte may take three, and the separator takes six.
        cost = 3 * len(identifier.encode("utf-8")) + 6
        if not groups or size + cost > BATCH_BYTES or len(groups[-1]) >= BATCH_IDS:
            groups.append([])
            size = 0
        groups[-1].append(identifier)
        size += cost
    return groups


def _text(value: str | bool | int | None) -> str:
    return "" if value is None else str(value).replace("\n", "\r\n")
