# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of transactions in the admin UI and its query (SteVe's TransactionsReservationsController)."""

from __future__ import annotations

import re

from aiohttp import web
from sqlalchemy import RowMapping

from . import repository
from .pages import Visit, epoch_ms, escape, form, frame, human_time, select, text_input, validation_errors
from .tables import fold

BASE = "/manager/transactions"
TYPES = {"ALL": "All", "ACTIVE": "Active", "STOPPED": "Stopped"}
PERIODS = {"ALL": "All", "TODAY": "Today", "LAST_10": "Last 10 days", "LAST_30": "Last 30 days", "FROM_TO": "From/To"}


async def overview(visit: Visit) -> web.Response:
    """All transactions that the parameters let through; none at all when one is refused."""
    system = visit.system
    wanted = _ids(visit)
    kind = visit.request.query.get("type", "ACTIVE")
    problems = _problems(visit, wanted)
    rows = [] if problems else await repository.transactions(system.store)
    shown = [one for one in rows if _passes(one, wanted, kind)]
    keys = {str(one["charge_box_id"]): one["charge_box_pk"] for one in await repository.all_charge_boxes(system.store)}
    filters = _filters(visit, list(keys), wanted, kind)
    box = validation_errors(problems) if problems else ""
    last = "" if system.era.transactions_show_user else "<th>Stop Reason</th>"
    user = "<th>User ID</th>" if system.era.transactions_show_user else ""
    heads = (
        '<th data-sort="int">Transaction ID</th><th>ChargeBox ID</th><th>Connector ID</th><th>OCPP ID Tag</th>'
        f"{user}<th>Start Date/Time</th><th>Start Value</th><th>Stop Date/Time</th><th>Stop Value</th>{last}<th></th>"
    )
    body = "".join(_row(visit, one, keys) for one in shown)
    return frame(
        visit,
        f'{box}<div class="content"><section><span>Transactions</span></section>{filters}<br>\n'
        f'<table class="res action"><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>',
    )


def _ids(visit: Visit) -> list[str]:
    """The ids that are asked for: up to 3.10 one text, later a list, of which a single value is cut at its commas."""
    given = [one for one in visit.request.query.getall("chargeBoxId", []) if one]
    if not visit.system.era.query_ids_are_list:
        return [",".join(given)] if given else []
    return given[0].split(",") if len(given) == 1 else given


def _problems(visit: Visit, wanted: list[str]) -> list[str]:
    era = visit.system.era
    pattern = visit.system.properties.get("charge-box-id.validation.regex") or era.id_pattern
    if era.query_ids_are_list and pattern and any(re.fullmatch(pattern, one) is None for one in wanted):
        return ["ChargeBox ID violates the configured pattern"]
    return []


def _passes(one: RowMapping, wanted: list[str], kind: str) -> bool:
    if wanted and fold(str(one["charge_box_id"])) not in {fold(item) for item in wanted}:
        return False
    return kind == "ALL" or (one["stop_timestamp"] is None) == (kind == "ACTIVE")


def _filters(visit: Visit, ids: list[str], wanted: list[str], kind: str) -> str:
    # The empty choice is always marked; a browser takes the last one that is.
    options = "".join(
        f'<option value="{escape(one)}"{" selected" if one in wanted else ""}>{escape(one)}</option>' for one in ids
    )
    fields = (
        text_input("transactionPk")
        + f'<select id="chargeBoxId" name="chargeBoxId"><option value="" selected>All</option>{options}</select>'
        + select("type", TYPES, kind)
        + select("periodType", PERIODS, visit.request.query.get("periodType", "ALL"))
    )
    action = f"{visit.system.context}{BASE}/query"
    return f'<form id="params" action="{action}" method="get">{fields}<input type="submit" value="Get"></form>'


def _row(visit: Visit, one: RowMapping, keys: dict[str, int]) -> str:
    context, now = visit.system.context, visit.system.now()
    charge_box_id, pk = str(one["charge_box_id"]), one["transaction_pk"]
    stop = "" if one["stop_value"] is not None else form(
        visit, f"{BASE}/stop/{pk}", '<input type="submit" class="redSubmit" value="Stop">'
    )  # fmt: skip
    moments = [
        f'<td data-sort-value="{epoch_ms(when)}">{human_time(when, now)}</td><td>{escape(value)}</td>'
        for when, value in (
            (one["start_timestamp"], one["start_value"]), (one["stop_timestamp"], one["stop_value"]),
        )
    ]  # fmt: skip
    user = "<td></td>" if visit.system.era.transactions_show_user else ""
    reason = "" if visit.system.era.transactions_show_user else f"<td>{escape(one['stop_reason'])}</td>"
    # Neither id nor tag is escaped.
    return (
        f'<tr><td><a href="{context}{BASE}/details/{pk}">{pk}</a></td>'
        f'<td><a href="{context}/manager/chargepoints/details/{keys.get(charge_box_id, 0)}">{charge_box_id}</a></td>'
        f"<td>{one['connector_number']}</td><td>{one['id_tag']}</td>{user}{''.join(moments)}{reason}"
        f"<td>{stop}</td></tr>\n"
    )
