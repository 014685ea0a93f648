# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Web API below ``/api``: authentication by era, then ocppTags, transactions, operations.

Authentication comes before routing: a 401 says nothing about the path. No 401 carries ``WWW-Authenticate``.
Sources: SteVe's SecurityConfiguration, ApiControllerAdvice, *RestController; answers seen live on 3.7.1 and 3.14.1.
"""

from __future__ import annotations

import asyncio
import json
import re
from http import HTTPStatus

from aiohttp import web
from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError

from . import logs, repository
from .central import CentralSystem
from .handshake import parse_basic, password_matches
from .messages import timestamp
from .operations import payload_of
from .pages import human_time
from .responses import container_page, dispatch_error, json_answer, no_handler, origin
from .sessions import Task
from .store import PoolTimeoutError

BASE = "/api/v1"
CHARGE_BOXES = f"{BASE}/chargeBoxes"
"""The list of ExpresSync's fork; no release has one."""
CHARGE_POINTS = f"{BASE}/chargepoints"
"""The list that the runbook asks for."""
CACHE_S = 600.0
"""SteVe caches the rows of API users, found or not, for ten minutes."""

OPERATIONS = [
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "GetDiagnostics",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "Reset",
    "UnlockConnector",
    "UpdateFirmware",
    "ReserveNow",
    "CancelReservation",
    "DataTransfer",
    "GetConfiguration",
    "GetLocalListVersion",
    "SendLocalList",
    "TriggerMessage",
    "GetCompositeSchedule",
    "ClearChargingProfile",
    "SetChargingProfile",
    "ExtendedTriggerMessage",
    "GetLog",
    "SignedUpdateFirmware",
    "GetInstalledCertificateIds",
    "InstallCertificate",
    "DeleteCertificate",
]


class ApiError(Exception):
    """The request is answered with a JSON error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def error(system: CentralSystem, request: web.Request, status: int, message: str) -> web.Response:
    """SteVe's JSON error."""
    document = {
        "timestamp": timestamp(system.now()),
        "status": status,
        "error": HTTPStatus(status).phrase,
        "message": message,
        "path": origin(system, request) + request.raw_path.partition("?")[0],
    }
    return json_answer(system, status, document)


async def handle(system: CentralSystem, request: web.Request, path: str) -> web.StreamResponse:
    """Answer a request below ``/api``."""
    try:
        refusal = await _authenticate(system, request)
        if refusal is not None:
            return refusal
        return await _route(system, request, path)
    except ApiError as refused:
        return error(system, request, refused.status, str(refused))
    except (PoolTimeoutError, DBAPIError) as exhausted:
        url = origin(system, request) + path
        system.log.write(
            "ERROR",
            logs.API_ADVICE,
            f"Request: {url} raised following exception.",
            trace=(str(exhausted),),
        )
        return error(system, request, 500, str(exhausted))


async def _authenticate(system: CentralSystem, request: web.Request) -> web.Response | None:
    if system.era.api == "header":
        return _authenticate_by_header(system, request)
    if system.era.api == "bearer":
        return _authenticate_by_bearer(system, request)
    value = request.headers.get("Authorization")
    try:
        credentials = parse_basic(value)
    except ValueError as malformed:
        raise ApiError(401, str(malformed)) from malformed
    if credentials is None:
        # No Basic header: default entry point, sendError(403), which the error dispatch turns into 302.
        return dispatch_error(system, request, 403)
    user, password = credentials
    if not user or not password:
        raise ApiError(401, "Required parameters missing")
    row = await _api_user(system, user)
    if row is None or not row["enabled"] or not row["api_password"]:
        raise ApiError(
            401,
            "The user does not exist, exists but is disabled or has API access disabled.",
        )
    if not await password_matches(password, str(row["api_password"])):
        raise ApiError(401, "Invalid password")
    return None


def _authenticate_by_header(system: CentralSystem, request: web.Request) -> web.Response | None:
    key, value = (
        system.properties.get("webapi.key"),
        system.properties.get("webapi.value"),
    )
    if not key or not value:
        message = "org.springframework.security.authentication.DisabledException: Web APIs are not exposed"
        return container_page(system, request, 500, message, secured=True)
    if request.headers.get(key) != value:
        raise ApiError(401, "Full authentication is required to access this resource")
    return None


def _authenticate_by_bearer(system: CentralSystem, request: web.Request) -> web.Response | None:
    """The runbook dialect's token; nothing is known of its 401 but the status."""
    value = system.properties.get("webapi.value")
    if not value or request.headers.get("Authorization") != f"Bearer {value}":
        raise ApiError(401, "Invalid token")
    return None


async def _api_user(system: CentralSystem, username: str) -> RowMapping | None:
    now = asyncio.get_running_loop().time()
    key = username.lower()
    cached = system.api_users.get(key)
    if cached is not None and now - cached[0] < CACHE_S:
        return cached[1]
    row = await repository.find_web_user(system.store, username)
    system.api_users[key] = (now, row)
    return row


async def _route(system: CentralSystem, request: web.Request, path: str) -> web.Response:
    era, method = system.era, request.method
    if era.api_trailing_slash and path != "/":
        path = path.rstrip("/")
    reading = method in ("GET", "HEAD")
    if path == f"{BASE}/ocppTags" and reading:
        return json_answer(system, 200, [_tag(one) for one in await repository.id_tags(system.store)])
    if path == f"{BASE}/ocppTags" and method == "POST":
        return await _add_tag(system, request)
    match = re.fullmatch(BASE + r"/ocppTags/([^/]+)", path)
    if match and reading:
        return await _one_tag(system, match[1])
    if path == f"{BASE}/transactions" and reading:
        return await _transactions(system, request)
    if reading and ((era.api == "bearer" and path == CHARGE_POINTS) or (era.api_charge_boxes and path == CHARGE_BOXES)):
        rows = await repository.all_charge_boxes(system.store)
        return json_answer(system, 200, [_charge_box(system, one) for one in rows])
    match = re.fullmatch(BASE + r"/operations/tasks/([0-9]+)", path)
    if match and era.api_charge_boxes and reading:
        return _task(system, int(match[1]))
    match = re.fullmatch(BASE + r"/operations/([A-Za-z]+)", path)
    if match and era.api_operations and match[1] in OPERATIONS:
        if method != "POST":
            return dispatch_error(system, request, 405, headers={"Allow": "POST"}, authenticated=True)
        return await _operation(system, request, match[1])
    return no_handler(system, request, authenticated=True)


def _charge_box(system: CentralSystem, row: RowMapping) -> dict[str, object]:
    """A box as ExpresSync's client reads it; what is not known is left out."""
    beat = row["last_heartbeat_timestamp"]
    document = {
        "chargeBoxId": row["charge_box_id"],
        "chargeBoxPk": row["charge_box_pk"],
        "description": row["description"],
        "ocppProtocol": row["ocpp_protocol"],
        "lastHeartbeatTimestamp": None if beat is None else human_time(beat, system.now()),
    }
    return {name: value for name, value in document.items() if value is not None}


def _task(system: CentralSystem, task_id: int) -> web.Response:
    """What came of an operation, as long as it is remembered."""
    task = system.stations.tasks.get(task_id)
    if task is None:
        raise ApiError(404, "Could not find this task")
    return json_answer(system, 200, _outcome(task))


def _tag(row: RowMapping) -> dict[str, object]:
    return {
        "ocppTagPk": row["ocpp_tag_pk"],
        "idTag": row["id_tag"],
        "parentIdTag": row["parent_id_tag"],
        "expiryDate": None if row["expiry_date"] is None else timestamp(row["expiry_date"]),
        "maxActiveTransactionCount": row["max_active_transaction_count"],
        "note": row["note"],
    }


async def _one_tag(system: CentralSystem, text: str) -> web.Response:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise ApiError(400, system.era.api_type_mismatch.format(value=text))
    rows = await repository.id_tags(system.store, int(text))
    if not rows:
        raise ApiError(404, "Could not find this ocppTag")
    return json_answer(system, 200, _tag(rows[0]))


async def _body(system: CentralSystem, request: web.Request) -> dict[str, object]:
    text = (await request.read()).decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        raise ApiError(500, f"JSON parse error: {_jackson(system, text)}") from None
    if not isinstance(value, dict):
        raise ApiError(500, "JSON parse error: Cannot deserialize value")
    return value


def _jackson(system: CentralSystem, text: str) -> str:
    """Jackson's words for the commonest malformed body; the rest in general terms."""
    match = re.match(r'\s*\{\s*([^\s"}])', text)
    if match is None:
        return "Unexpected end-of-input"
    expected = f"was expecting double-quote to start {system.era.json_field_word} name"
    return f"Unexpected character ('{match[1]}' (code {ord(match[1])})): {expected}{system.era.json_error_suffix}"


async def _add_tag(system: CentralSystem, request: web.Request) -> web.Response:
    body = await _body(system, request)
    id_tag = str(body.get("idTag") or "")
    if not id_tag:
        raise ApiError(400, "Error understanding the request")
    if await repository.id_tag_exists(system.store, id_tag):
        raise ApiError(422, f"A user with idTag '{id_tag}' already exists.")
    pk = await repository.add_id_tag(system.store, id_tag)
    rows = await repository.id_tags(system.store, pk)
    return json_answer(system, 201, _tag(rows[0]))


async def _transactions(system: CentralSystem, request: web.Request) -> web.Response:
    query = request.query
    if query.get("returnCSV", "").lower() == "true":
        raise ApiError(400, "returnCSV=true is not supported for API calls")
    wanted = query.get("chargeBoxId", "").lower()
    only_active = query.get("type", "ALL").upper() == "ACTIVE"
    found = []
    for row in await repository.transactions(system.store):
        if wanted and str(row["charge_box_id"]).lower() != wanted:
            continue
        if only_active and row["stop_timestamp"] is not None:
            continue
        found.append(_transaction(row))
    return json_answer(system, 200, found)


def _transaction(row: RowMapping) -> dict[str, object]:
    def moment(name: str) -> str | None:
        value = row[name]
        return None if value is None else str(value).replace(" ", "T") + "Z"

    return {
        "id": row["transaction_pk"],
        "chargeBoxId": row["charge_box_id"],
        "connectorId": row["connector_number"],
        "ocppIdTag": row["id_tag"],
        "startTimestamp": moment("start_timestamp"),
        "startValue": row["start_value"],
        "stopTimestamp": moment("stop_timestamp"),
        "stopValue": row["stop_value"],
        "stopReason": row["stop_reason"],
        "stopEventActor": row["event_actor"],
    }


async def _operation(system: CentralSystem, request: web.Request, action: str) -> web.Response:
    body = await _body(system, request)
    ids = body.get("chargeBoxIdList")
    if not isinstance(ids, list) or not ids:
        raise ApiError(400, "Error understanding the request")
    payload = payload_of(action, body)
    if payload is None:
        raise ApiError(500, f"The simulator does not send {action}")
    task = await system.stations.run_task(action, [str(one) for one in ids], payload)
    return json_answer(system, 200, _outcome(task))


def _outcome(task: Task) -> dict[str, object]:
    document: dict[str, object] = {"taskId": task.id}
    successes, errors, exceptions = [], [], []
    for one, result in task.results.items():
        if "response" in result:
            response = result["response"]
            status = response.get("status", response) if isinstance(response, dict) else response
            successes.append({"chargeBoxId": one, "response": status})
        elif "error" in result:
            errors.append({"chargeBoxId": one, "error": result["error"]})
        else:
            exceptions.append({"chargeBoxId": one, "exceptionMessage": result["exception"]})
    document.update(successResponses=successes, errorResponses=errors, exceptions=exceptions)
    return document
