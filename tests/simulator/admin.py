# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The admin UI behind the sign-in: home, connected stations, about, log, operations; dispatch to the other pages."""

from __future__ import annotations

import asyncio
from collections import Counter

from aiohttp import web
from sqlalchemy.exc import DBAPIError

from . import chargepoints, operations, repository, signin, transactions
from .central import CentralSystem
from .handshake import no_mapping
from .pages import (
    Visit,
    epoch_ms,
    error_page,
    escape,
    form,
    frame,
    human_duration,
    human_time,
    row,
    text_input,
)
from .responses import challenge, redirect, security_headers, to_signin
from .store import PoolTimeoutError

VERSION_LABELS = {"ocpp1.2": "OCPP 1.2", "ocpp1.5": "OCPP 1.5", "ocpp1.6": "OCPP 1.6"}


async def handle(system: CentralSystem, request: web.Request, path: str) -> web.StreamResponse:
    """Answer a request below ``/manager``; the CSRF token of a POST was checked already."""
    if path == "/manager/signin":
        if request.method == "POST":
            return await signin.sign_in(system, request)
        return signin.page(system, request)
    session = system.logins.current(request)
    if session is None or session.user is None:
        session = await signin.by_basic(system, request)
    if session is None:
        return _not_signed_in(system, request)
    if path == "/manager/signout":
        system.logins.invalidate(session)
        return redirect(system, request, f"{system.context}/manager/signin")
    visit = Visit(system, request, session, path)
    try:
        return await _route(visit)
    except DBAPIError as error:
        system.log_data_base_error(request.path, error)
        return error_page(visit, str(error.orig))
    except PoolTimeoutError as error:
        system.log_data_base_error(request.path, error)
        return error_page(
            visit,
            f"Error getting connection from data source HikariDataSource (HikariPool-1): {error}",
        )


def _not_signed_in(system: CentralSystem, request: web.Request) -> web.Response:
    """Clients that do not ask for HTML are asked for HTTP Basic where that is accepted (Spring's entry points)."""
    wants_html = "text/html" in request.headers.get("Accept", "")
    if system.era.manager_accepts_basic and not wants_html:
        return challenge(system, request)
    return to_signin(system, request)


async def _route(visit: Visit) -> web.StreamResponse:
    path, method = visit.path, visit.request.method
    reading = method in ("GET", "HEAD")
    if path in ("/manager", "/manager/home") and reading:
        return await home(visit)
    if path == "/manager/home/ocppJsonStatus" and reading:
        return await connected(visit)
    if path == "/manager/home/ocppJsonStatus/disconnect" and method == "POST":
        return await _disconnect(visit)
    if path in ("/manager/home/connectorStatus", "/manager/home/connectorStatus/query") and reading:
        return await connector_status(visit)
    if path == "/manager/about" and reading:
        return await about(visit)
    if path == "/manager/log" and reading:
        return await log_page(visit)
    if path.startswith("/manager/chargepoints"):
        answer = await chargepoints.handle(visit)
        if answer is not None:
            return answer
    if path in (transactions.BASE, f"{transactions.BASE}/query") and reading:
        return await transactions.overview(visit)
    if path.startswith("/manager/operations"):
        answer = await operations.handle(visit)
        if answer is not None:
            return answer
    return no_mapping(visit.system, visit.request)


async def home(visit: Visit) -> web.Response:
    """Tiles with numbers; the one of connected stations has a row per OCPP version."""
    system = visit.system
    rows = await repository.all_charge_boxes(system.store)
    tags = await repository.count(system.store, "ocpp_tag")
    active = sum(1 for one in await repository.transactions(system.store) if one["stop_timestamp"] is None)
    statuses = Counter(status for status in (await _latest_statuses(system)).values() if status)
    now = system.now()
    beats = Counter(
        "Today"
        if human_time(one["last_heartbeat_timestamp"], now).startswith("Today")
        else "Yesterday"
        if human_time(one["last_heartbeat_timestamp"], now).startswith("Yesterday")
        else "Earlier"
        for one in rows
        if one["last_heartbeat_timestamp"] is not None
    )
    connected_counts = {
        label: len(system.stations.charge_box_ids(version)) for version, label in VERSION_LABELS.items()
    }
    tiles = [
        _tile(visit, "chargepoints", "Number of<br>Charge Points", len(rows)),
        _tile(visit, "ocppTags", "Number of<br>OCPP Tags", tags),
        _tile(visit, "users", "Number of<br>Users", 0),
        _tile(visit, "reservations", "Number of<br>Active Reservations", 0),
        _tile(visit, "transactions", "Number of<br>Active Transactions", active),
        _tile(
            visit,
            "home/ocppJsonStatus",
            "Number of Connected<br>JSON Charge Points",
            connected_counts,
        ),
        _tile(
            visit,
            "chargepoints",
            "Received Heartbeats",
            {label: beats[label] for label in ("Today", "Yesterday", "Earlier")},
        ),
        _tile(visit, "home/connectorStatus", "Connector Status", dict(statuses)),
    ]
    return frame(
        visit,
        f'<div class="content"><div class="tileWrapper">\n{"".join(tiles)}</div></div>',
    )


def _tile(visit: Visit, target: str, title: str, value: int | dict[str, int]) -> str:
    if isinstance(value, int):
        content = f'<span class="base formatNumber">{value}</span>'
    else:
        rows = "".join(
            f'<span class="baseRow"><span class="baseCell">{escape(label)} :</span>'
            f'<span class="baseCell formatNumber">{number}</span></span>\n'
            for label, number in value.items()
        )
        content = f'<span class="baseTable">{rows}</span>'
    return f'<a class="tileRow1" href="{visit.system.context}/manager/{target}">{title}{content}</a>\n'


async def connected(visit: Visit) -> web.Response:
    """One row per session: id, version, since, duration, and from 3.14.0 a form to disconnect it."""
    system, era = visit.system, visit.system.era
    known = {str(one["charge_box_id"]): one["charge_box_pk"] for one in await repository.all_charge_boxes(system.store)}
    now = system.now()
    rows = []
    for session in system.stations.all():
        pk = known.get(session.charge_box_id)
        if pk is None and era.wrong_status_text_is_unknown:
            # Up to 3.8.0 the page breaks while a session exists under a spelling that is not the data base's.
            return error_page(visit, "Cannot unbox null value: charge_box_pk")
        name = escape(session.charge_box_id)
        if pk is not None:
            name = f'<a href="{system.context}/manager/chargepoints/details/{pk}">{name}</a>'
        seconds = round((now - session.opened_at).total_seconds())
        sort = f' data-sort-value="{seconds}"' if era.duration_has_sort_value else ""
        cells = [
            f"<td>{name}</td>",
            f"<td>{session.protocol}</td>",
            f'<td data-sort-value="{epoch_ms(session.opened_at)}">{human_time(session.opened_at, now)}</td>',
            f"<td{sort}>{human_duration(session.opened_at, now)}</td>",
        ]
        if era.status_page_has_disconnect:
            inner = (
                text_input(
                    "version",
                    "V_" + session.protocol[4:].replace(".", ""),
                    kind="hidden",
                )
                + text_input("chargeBoxId", session.charge_box_id, kind="hidden")
                + text_input("sessionId", session.id, kind="hidden")
                + '<input type="submit" class="redSubmit" value="Disconnect">'
            )
            cells.append(f"<td>{form(visit, '/manager/home/ocppJsonStatus/disconnect', inner)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    titles = ["ChargeBox ID", "OCPP Version", "Connected Since", "Connection Duration"]
    kind = "res"
    if era.status_page_has_disconnect:
        kind, titles = "res action", [*titles, ""]
    heads = "".join(f"<th>{title}</th>" for title in titles)
    table = f'<table class="{kind}"><thead><tr>{heads}</tr></thead>\n<tbody>{"".join(rows)}</tbody></table>'
    return frame(
        visit,
        f'<div class="content"><section><span>Connected JSON Charge Points</span></section>{table}</div>',
    )


async def _disconnect(visit: Visit) -> web.Response:
    if not visit.system.era.status_page_has_disconnect:
        return no_mapping(visit.system, visit.request)
    posted = await visit.request.post()
    await visit.system.stations.disconnect_session(str(posted.get("sessionId", "")))
    return redirect(
        visit.system,
        visit.request,
        f"{visit.system.context}/manager/home/ocppJsonStatus",
    )


async def _latest_statuses(system: CentralSystem) -> dict[tuple[str, int], str | None]:
    latest: dict[tuple[str, int], str | None] = {}
    for one in await repository.statuses(system.store):
        latest.setdefault((str(one["charge_box_id"]), int(one["connector_number"])), one["status"])
    return latest


async def connector_status(visit: Visit) -> web.Response:
    """Last status of every connector."""
    wanted = visit.request.query.get("chargeBoxId", "").lower()
    rows = "".join(
        f"<tr><td>{escape(charge_box_id)}</td><td>{number}</td><td>{escape(status)}</td></tr>"
        for (charge_box_id, number), status in (await _latest_statuses(visit.system)).items()
        if not wanted or charge_box_id.lower() == wanted
    )
    heads = "<tr><th>ChargeBox ID</th><th>Connector ID</th><th>Status</th></tr>"
    return frame(
        visit,
        f'<div class="content"><table class="res"><thead>{heads}</thead><tbody>{rows}</tbody></table></div>',
    )


async def about(visit: Visit) -> web.Response:
    """Release, schema version, log file, endpoints."""
    system = visit.system
    version, updated = await repository.schema_state(system.store)
    authority = f"{system.host}:{system.port}{system.context}"
    log_file = "-" if system.log.file is None else str(system.log.file)
    rows = [
        row("Version:", escape(system.era.release)),
        row("Database Version:", escape(version)),
        row("Last Database Update:", escape(human_time(updated, system.now()))),
        row("Log File:", escape(log_file)),
        row(
            "System Time:",
            escape(system.now().isoformat(timespec="milliseconds") + "Z"),
        ),
        row("System Time Zone:", "UTC"),
    ]
    endpoints = [
        row(
            "SOAP endpoint for OCPP:",
            escape(f"http://{authority}/services/CentralSystemService"),
        ),
        row(
            "WebSocket/JSON endpoint for OCPP:",
            escape(f"ws://{authority}/websocket/CentralSystemService/(chargeBoxId)"),
        ),
    ]
    if system.era.shows_enabled_protocols:
        names = [f"{name}{kind}" for name in sorted(system.era.supported_protocols) for kind in "SJ"]
        endpoints.insert(0, row("Enabled OCPP Protocols:", escape(", ".join(names))))
    body = (
        '<div class="content"><section><span>About SteVe</span></section>'
        f'<table class="userInputFullPage">{"".join(rows)}</table>'
        "<section><span>Endpoint Info</span></section>"
        f'<table class="userInputFullPage">{"".join(endpoints)}</table></div>'
    )
    return frame(visit, body)


async def log_page(visit: Visit) -> web.Response:
    """A copy of the log file as text; in the docker profile a sentence."""
    file = visit.system.log.file
    if file is None or visit.system.docker_profile:
        content = "Logs are not available here, because they are being directed to console/stdout instead"
    else:
        content = await asyncio.to_thread(file.read_text, "utf-8")
    headers = {**security_headers(visit.system), "Content-Type": "text/plain"}
    return web.Response(body=content.encode(), headers=headers)
