# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operator's commands: forms of the admin UI and the list of operations that the simulator can send."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from aiohttp import web

from .pages import Visit, error_page, escape, form, frame, text_input, validation_errors
from .responses import redirect

BASE = "/manager/operations"


def payload_of(action: str, parameters: Mapping[str, object]) -> dict[str, object] | None:
    """The OCPP 1.6 payload of an operation, or None when the simulator cannot send it."""
    if action in ("ClearCache", "GetLocalListVersion"):
        return {}
    if action == "Reset":
        kind = str(parameters.get("resetType") or "SOFT")
        return {"type": kind.capitalize()}
    if action == "GetConfiguration":
        keys = parameters.get("commaSeparatedCustomConfKeys") or ""
        return {"key": [key.strip() for key in str(keys).split(",") if key.strip()]}
    if action == "TriggerMessage":
        return {"requestedMessage": str(parameters.get("triggerMessage") or "Heartbeat")}
    return None


async def handle(visit: Visit) -> web.Response | None:
    """Answer a request below ``/manager/operations``; None when no handler matches."""
    path, method = visit.path[len(BASE) :], visit.request.method
    if match := re.fullmatch(r"/tasks/(\d+)", path):
        return _task(visit, int(match[1]))
    if match := re.fullmatch(r"/v1\.(\d)", path):
        return redirect(
            visit.system,
            visit.request,
            f"{visit.system.context}{visit.path}/ClearCache",
        )
    match = re.fullmatch(r"/v1\.([256])/([A-Za-z]+)", path)
    if match is None or payload_of(match[2], {}) is None:
        return None
    if method in ("GET", "HEAD"):
        return frame(visit, _form(visit, match[1], match[2]))
    if method != "POST":
        return None
    posted = await visit.request.post()
    selected = [str(value) for value in posted.getall("chargePointSelectList", [])]
    if not selected:
        return frame(
            visit,
            _form(visit, match[1], match[2], ["Charge point selection is required"]),
        )
    ids = [value.split(";")[1] for value in selected if value.count(";") >= 2]
    payload = payload_of(match[2], {key: str(value) for key, value in posted.items()})
    if payload is None or len(ids) != len(selected):
        return error_page(visit, "Error understanding the request")
    task = visit.system.stations.start_task(match[2], ids, payload)
    return redirect(visit.system, visit.request, f"{visit.system.context}{BASE}/tasks/{task.id}")


def _form(visit: Visit, version: str, action: str, errors: list[str] | None = None) -> str:
    stations = visit.system.stations.charge_box_ids(f"ocpp1.{version}")
    prefix = visit.system.era.operation_select_prefix.replace("16", f"1{version}")
    options = "".join(
        f'<option value="{escape(f"{prefix};{one};-")}">{escape(one)}</option>' for one in sorted(stations)
    )
    inner = (
        '<select id="chargePointSelectList" name="chargePointSelectList" multiple="multiple" size="5">'
        f"{options}</select>"
        '<input type="hidden" name="_chargePointSelectList" value="1"/>'
    )
    if action == "Reset":
        inner += text_input("resetType", "SOFT")
    if action == "GetConfiguration":
        inner += text_input("commaSeparatedCustomConfKeys")
    inner += '<input type="submit" value="Perform">'
    box = validation_errors(errors) if errors else ""
    return f'<div class="content">{box}{form(visit, f"{BASE}/v1.{version}/{action}", inner, element_id="params")}</div>'


def _task(visit: Visit, task_id: int) -> web.Response:
    task = visit.system.stations.tasks.get(task_id)
    if task is None:
        return error_page(visit, f"There is no task with taskId '{task_id}'")
    rows = "".join(
        f"<tr><td>{escape(one)}</td><td>{escape(json.dumps(result))}</td></tr>" for one, result in task.results.items()
    )
    head = "<tr><th>ChargeBox ID</th><th>Response</th></tr>"
    body = f'<div class="content"><table class="res"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    return frame(visit, f"<p>Operation: {escape(task.action)}</p>{body}")
