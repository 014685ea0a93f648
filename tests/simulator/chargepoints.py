# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Charge points in the admin UI: list, query, details, add, update, delete, unknown stations.

HTTP 200 is not success here: success of a POST is a 302 to the list; everything else is rendered with 200
(SteVe's ChargePointsController).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from aiohttp import web
from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError, IntegrityError

from . import repository
from .chargepoint_forms import (
    FormValues,
    blank,
    bound,
    details_form,
    from_row,
    single_form,
    validate,
)
from .handshake import no_mapping
from .pages import (
    Visit,
    epoch_ms,
    error_page,
    escape,
    form,
    frame,
    human_time,
    select,
    text_input,
    validation_errors,
)
from .passwords import hash_password
from .responses import dispatch_error, redirect
from .sessions import NotConnectedError
from .tables import fold

BASE = "/manager/chargepoints"
VERSIONS = {"": "All", "V_12": "ocpp1.2", "V_15": "ocpp1.5", "V_16": "ocpp1.6"}


async def handle(visit: Visit) -> web.Response | None:
    """Answer a request below ``/manager/chargepoints``; None when no handler matches."""
    path, method = visit.path[len(BASE) :], visit.request.method
    if method in ("GET", "HEAD"):
        if path in ("", "/query"):
            return await overview(visit)
        if path == "/add":
            return frame(visit, _add_page(visit, blank(visit.system.era)))
        match = re.fullmatch(r"/details/(\d+)", path)
        return await details(visit, int(match[1])) if match else None
    if method != "POST":
        return None
    posted = {key: str(value) for key, value in (await visit.request.post()).items()}
    if path == "/add/single":
        return await _add_single(visit, posted)
    if path == "/add/batch":
        return await _add_batch(visit, posted)
    if path == "/update":
        return await _update(visit, posted)
    if match := re.fullmatch(r"/delete/(\d+)", path):
        return await _delete(visit, int(match[1]))
    if match := re.fullmatch(r"/unknown/(add|remove)/([^/]+)/", path):
        return await _unknown(visit, match[1], unquote(match[2]))
    return None


def _done(visit: Visit) -> web.Response:
    return redirect(visit.system, visit.request, f"{visit.system.context}{BASE}")


# --- list -----------------------------------------------------------------------------------------------------------


async def overview(visit: Visit) -> web.Response:
    """Registered and unknown stations. Ids and descriptions of the former are not escaped, in every release."""
    system = visit.system
    query = visit.request.query
    now = system.now()
    rows = []
    for one in await repository.all_charge_boxes(system.store):
        if not _matches(visit, one, query):
            continue
        pk, beat = one["charge_box_pk"], one["last_heartbeat_timestamp"]
        delete_form = form(
            visit,
            f"{BASE}/delete/{pk}",
            '<input type="submit" class="redSubmit" value="Delete">',
        )
        rows.append(
            f'<tr><td><a href="{system.context}{BASE}/details/{pk}">{one["charge_box_id"]}</a></td>'
            f"<td>{one['description'] or ''}</td><td>{escape(one['ocpp_protocol'])}</td>"
            f'<td data-sort-value="{epoch_ms(beat)}">{human_time(beat, now)}</td><td>{delete_form}</td></tr>\n'
        )
    titles = "".join(f"<th>{t}</th>" for t in ("ChargeBox ID", "Description", "OCPP Protocol", "Last Heartbeat", ""))
    body = (
        f'<div class="content">{_unknown_table(visit)}\n<div id="overview">{_query_form(visit)}'
        f'<table class="res action"><thead><tr>{titles}</tr></thead>\n<tbody>{"".join(rows)}</tbody></table>'
        "</div></div>"
    )
    return frame(visit, body)


def _matches(visit: Visit, one: RowMapping, query: Mapping[str, str]) -> bool:
    for parameter, column in (
        ("chargeBoxId", "charge_box_id"),
        ("description", "description"),
        ("note", "note"),
    ):
        wanted = query.get(parameter, "").strip()
        if wanted and not _like(str(one[column] or ""), wanted):
            return False
    version = VERSIONS.get(query.get("ocppVersion", ""), "")
    if query.get("ocppVersion") and not str(one["ocpp_protocol"] or "").startswith(version):
        return False
    period = query.get("heartbeatPeriod", "ALL")
    if period == "ALL":
        return True
    beat = one["last_heartbeat_timestamp"]
    text = human_time(beat, visit.system.now())
    kind = "TODAY" if text.startswith("Today") else "YESTERDAY" if text.startswith("Yesterday") else "EARLIER"
    return beat is not None and kind == period


def _like(text: str, wanted: str) -> bool:
    """Substring by the collation's rules; blanks in what is wanted are wildcards."""
    pattern = ".*".join(re.escape(fold(word)) for word in wanted.split())
    return re.search(pattern, fold(text), re.DOTALL) is not None


def _query_form(visit: Visit) -> str:
    periods = {
        "ALL": "All",
        "TODAY": "Today",
        "YESTERDAY": "Yesterday",
        "EARLIER": "Earlier",
    }
    query = visit.request.query
    fields = (
        text_input("chargeBoxId", query.get("chargeBoxId"))
        + text_input("description", query.get("description"))
        + select("ocppVersion", VERSIONS, query.get("ocppVersion"))
        + select("heartbeatPeriod", periods, query.get("heartbeatPeriod"))
    )
    action = f"{visit.system.context}{BASE}/query"
    return f'<form id="params" action="{action}" method="get">{fields}<input type="submit" value="Get"></form>\n'


def _unknown_table(visit: Visit) -> str:
    rows = []
    for entry in visit.system.unknown.entries():
        # Spring encodes the id once more for the path, so that it survives as one segment.
        target = _path_segment(entry.charge_box_id)
        add = form(
            visit,
            f"{BASE}/unknown/add/{target}/",
            '<input type="submit" class="blueSubmit" value="Add">',
        )
        forget = form(
            visit,
            f"{BASE}/unknown/remove/{target}/",
            '<input type="submit" class="redSubmit" value="Forget">',
        )
        rows.append(
            f"<tr><td>{escape(entry.charge_box_id)}</td><td>{entry.attempts}</td>"
            f'<td data-sort-value="{epoch_ms(entry.last_attempt)}">'
            f"{entry.last_attempt.isoformat(timespec='milliseconds')}Z</td><td>{add}{forget}</td></tr>"
        )
    titles = "".join(f"<th>{t}</th>" for t in ("ChargeBox ID", "# of Attempts", "Last Attempt", ""))
    return (
        '<section><span id="unknown">Unknown Charge Points</span></section>'
        '<div id="unknownTable" style="display: none"><table class="res add-margin-bottom">'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _path_segment(charge_box_id: str) -> str:
    safe = "-._~!$&'()*+,:@"
    return "".join(
        c if (c.isalnum() and c.isascii()) or c in safe else "".join(f"%{b:02X}" for b in c.encode())
        for c in charge_box_id
    )


# --- add ------------------------------------------------------------------------------------------------------------


def _add_page(
    visit: Visit,
    values: FormValues,
    *,
    single_errors: list[str] | None = None,
    batch_errors: list[str] | None = None,
    batch: str = "",
) -> str:
    single = validation_errors(single_errors, "singleError") if single_errors else ""
    many = validation_errors(batch_errors, "batchError") if batch_errors else ""
    area = f'<textarea id="idList" name="idList">{escape(batch)}</textarea><input type="submit" value="Add">'
    return (
        f'<div class="content"><section><span>Add Charge Point</span></section>{many}'
        f"{form(visit, f'{BASE}/add/batch', area)}"
        f"{single}{single_form(visit, values)}</div>"
    )


async def _add_single(visit: Visit, posted: Mapping[str, str]) -> web.Response:
    if "backToOverview" in posted:
        return _done(visit)
    if "add" not in posted:
        return _missing_button(visit)
    system = visit.system
    values, problems = bound(system.era, posted)
    problems += validate(system, values, has_password=False)
    if problems:
        return frame(visit, _add_page(visit, values, single_errors=problems))
    if not any(key.startswith("address.") for key in posted):
        return error_page(visit, 'Cannot invoke "Address.getStreet()" because "address" is null')
    row = dict(values.columns(system.era))
    if values.auth_password:
        row["auth_password"] = await hash_password(values.auth_password, system.bcrypt_rounds)
    try:
        await repository.add_charge_boxes(system.store, [row], address=values.address)
    except IntegrityError:
        return error_page(
            visit,
            f"Failed to add the charge point with chargeBoxId '{values.charge_box_id}'",
        )
    system.unknown.forget(values.charge_box_id)
    return _done(visit)


async def _add_batch(visit: Visit, posted: Mapping[str, str]) -> web.Response:
    system = visit.system
    text = posted.get("idList", "")
    ids = [line.strip() for line in text.split("\r\n")]
    ids = [one for one in ids if one]
    problems = [] if ids else ["At least one ChargeBox ID is required"]
    pattern = system.properties.get("charge-box-id.validation.regex") or system.era.id_pattern or r"\S+"
    if any(re.fullmatch(pattern, one) is None for one in ids):
        problems.append("ChargeBox ID violates the configured pattern")
    if problems:
        page = _add_page(visit, blank(system.era), batch_errors=problems, batch=text)
        return frame(visit, page)
    return await _insert_defaults(visit, ids)


async def _insert_defaults(visit: Visit, ids: list[str]) -> web.Response:
    system = visit.system
    rows = [
        {
            "charge_box_id": one,
            "registration_status": "Accepted",
            "insert_connector_status_after_transaction_msg": False,
        }
        for one in ids
    ]
    try:
        await repository.add_charge_boxes(system.store, rows, atomic=system.era.batch_is_atomic)
    except IntegrityError as error:
        return error_page(visit, f"SQL [insert into charge_box …]; {error.orig}")
    system.unknown.forget(*ids)
    return _done(visit)


async def _unknown(visit: Visit, action: str, charge_box_id: str) -> web.Response:
    if action == "add":
        return await _insert_defaults(visit, [charge_box_id])
    visit.system.unknown.forget(charge_box_id)
    return _done(visit)


def _missing_button(visit: Visit) -> web.Response:
    era = visit.system.era
    return dispatch_error(visit.system, visit.request, era.missing_button_status)


# --- details, update, delete ----------------------------------------------------------------------------------------


async def details(visit: Visit, pk: int) -> web.Response:
    """The form of one charge box."""
    row = await repository.find_charge_box_by_pk(visit.system.store, pk)
    if row is None:
        return error_page(visit, "Charge point not found")
    return frame(visit, details_form(visit, row, from_row(visit.system.era, row)))


async def _update(visit: Visit, posted: Mapping[str, str]) -> web.Response:
    if "backToOverview" in posted:
        return _done(visit)
    if "update" not in posted:
        return _missing_button(visit)
    system = visit.system
    try:
        pk = int(posted.get("chargeBoxPk", ""))
    except ValueError:
        return no_mapping(system, visit.request)
    row = await repository.find_charge_box_by_pk(system.store, pk)
    if row is None:
        return error_page(visit, "Charge point not found")
    values, problems = bound(system.era, posted)
    problems += validate(system, values, has_password=bool(row.get("auth_password")))
    if problems:
        return frame(visit, details_form(visit, row, values, errors=problems))
    columns = dict(values.columns(system.era))
    columns.pop("charge_box_id")
    if values.auth_password:
        columns["auth_password"] = await hash_password(values.auth_password, system.bcrypt_rounds)
    try:
        await repository.update_charge_box(system.store, pk, columns, values.address)
    except DBAPIError as error:
        return error_page(
            visit,
            f"Failed to update the charge point with chargeBoxId '{row['charge_box_id']}': {error.orig}",
        )
    if system.era.update_tells_station:
        charge_box_id = str(row["charge_box_id"])
        changes = {}
        if row["security_profile"] != values.security_profile:
            changes["SecurityProfile"] = str(values.security_profile)
        if values.auth_password:
            changes["AuthorizationKey"] = values.auth_password
        for key, value in changes.items():
            problem = await _tell_station(visit, charge_box_id, key, value)
            if problem is not None:
                return error_page(visit, f"de.rwth.idsg.steve.SteveException: Database updated, but {problem}")
    return _done(visit)


async def _tell_station(visit: Visit, charge_box_id: str, key: str, value: str) -> str | None:
    """What went wrong when a connected station was told; None when all is well or the station is not connected."""
    try:
        answer = await visit.system.stations.command(charge_box_id, "ChangeConfiguration", {"key": key, "value": value})
    except NotConnectedError:
        return None
    except TimeoutError:
        return f"timed out while applying ChangeConfiguration for key '{key}' at station '{charge_box_id}'"
    said = answer.get("response")
    status = said.get("status") if isinstance(said, dict) else None
    if status == "Accepted":
        return None
    return f"station '{charge_box_id}' rejected ChangeConfiguration key '{key}' with status '{status}'"


async def _delete(visit: Visit, pk: int) -> web.Response:
    system = visit.system
    row = await repository.find_charge_box_by_pk(system.store, pk)
    charge_box_id = await repository.delete_charge_box(system.store, pk)
    if charge_box_id is None and not system.era.unknown_delete_is_silent:
        return error_page(visit, "Charge point not found")
    if charge_box_id is not None and system.era.delete_closes_session:
        await system.stations.disconnect(charge_box_id)
    if row is not None and row["ocpp_protocol"] is None and system.era.delete_breaks_without_protocol:
        return error_page(visit, "java.lang.NullPointerException")
    return _done(visit)
