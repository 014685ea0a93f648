# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about SteVe's Web API, answered from the part ``webapi`` of an observation.

What was seen there is the judgement of ``module_utils/_interpret_webapi``; it is told here what it means for each
question, and what stays open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView

_SCHEMES = {"basic": "HTTP Basic", "header": "a header", "bearer": "a Bearer token"}
#: The list that ExpresSync's fork has (and that of the runbook's dialect); upstream answers an unknown path 404 up to
#: 3.8.0 and 403 since.
_CHARGE_BOXES = "/api/v1/chargeBoxes"
_LISTS = (_CHARGE_BOXES, "/api/v1/chargepoints")
_NO_SUCH_PATH = (403, 404)


def _of_part(look: Callable[[dict[str, Any]], Answer]) -> Question:
    """A question about the data of the part."""

    def question(view: HostView) -> list[Answer]:
        part = view.part("webapi")
        if part["status"] != "ok":
            return [Answer(str(part["status"]), inert(part["reason"], 400))]
        return [look(part["data"])]

    return question


def _evidence(data: dict[str, Any]) -> tuple[dict[str, str], ...]:
    """What was asked and answered, inert and short."""
    result = []
    for item in data.get("evidence") or []:
        words = []
        if item.get("request"):
            words.append(inert(item["request"], 160))
        if item.get("status") is not None:
            words.append(f"answered {item['status']}")
        if item.get("body"):
            words.append(f'"{inert(item["body"], 120)}"')
        if item.get("note"):
            words.append(f"({inert(item['note'], 240)})" if words else inert(item["note"], 240))
        result.append({"source": "webapi", "detail": " ".join(words)})
    return tuple(result)


def _open(data: dict[str, Any]) -> Answer:
    """It stays open, with what is still possible."""
    notes = [str(item["note"]) for item in data.get("evidence") or [] if item.get("note")]
    if data.get("finding"):
        text = f"the answers say {data['finding']}"
    elif data.get("candidates"):
        text = "undetermined between " + ", ".join(data["candidates"])
    else:
        text = "the answers do not tell"
    return Answer("unknown", inert(text + (": " + "; ".join(notes) if notes else ""), 400))


def _found(data: dict[str, Any], message: str) -> Answer:
    return Answer("fail", message=message, evidence=_evidence(data))


def _absent(data: dict[str, Any]) -> Answer:
    if data["finding"] == "webapi-absent":
        return _found(data, "This SteVe has no Web API; it came with 3.6.0.")
    # A scheme is known only where the Web API has answered.
    return Answer("pass") if data["scheme"] else _open(data)


def _disabled(data: dict[str, Any]) -> Answer:
    if data["finding"] == "webapi-disabled":
        return _found(data, "SteVe's Web API is switched off.")
    known = data["verdict"] in ("accepted", "refused") and data["finding"] != "webapi-wrong-scheme"
    if known and "webapi-disabled" not in data["candidates"]:
        return Answer("pass")
    return _open(data)


def _wrong_scheme(data: dict[str, Any]) -> Answer:
    if data["finding"] == "webapi-wrong-scheme":
        wanted = _SCHEMES.get(str(data["scheme"]), "another scheme")
        return _found(
            data, f"The Web API's credential is sent in a way that this SteVe does not read: it reads {wanted}."
        )
    return Answer("pass") if data["verdict"] in ("accepted", "refused") else _open(data)


def _refused(data: dict[str, Any]) -> Answer:
    if data["finding"] == "webapi-refused":
        return _found(data, "SteVe's Web API refuses the credential.")
    return Answer("pass") if data["verdict"] == "accepted" else _open(data)


def _plain_http(data: dict[str, Any]) -> Answer:
    if not data["plain_http"]:
        return Answer("pass")
    detail = {"source": "webapi", "detail": "steve_url is http to another host"}
    return Answer("fail", message="The Web API's credential travels in clear.", evidence=(detail,))


def _box_invisible(view: HostView) -> list[Answer]:
    """Boxes that are connected, and that a client without the fork's list cannot know of."""
    part = view.part("webapi")
    if part["status"] != "ok":
        return [Answer(str(part["status"]), inert(part["reason"], 400))]
    data = part["data"]
    if data["verdict"] != "accepted":
        return [_open(data)]
    status = next((item["status"] for item in data["endpoints"] if item["path"] in _LISTS), None)
    if status == 200:
        return [Answer("pass")]
    if status not in _NO_SUCH_PATH:
        return [Answer("unknown", f"GET {_CHARGE_BOXES} was answered {status or 'not at all'}")]
    if data.get("boxes") is None:
        reason = data.get("boxes_reason") or {"status": "unknown", "reason": "no charge box was looked for"}
        return [Answer(str(reason["status"]), inert(reason["reason"], 300))]
    invisible = tuple(str(row["id"]) for row in data["boxes"] if row["transactions"] is False)
    if invisible:
        return [_invisible(invisible, int(status))]
    untold = tuple(str(row["id"]) for row in data["boxes"] if row["transactions"] is None)
    if untold:
        return [Answer("unknown", "whether they have transactions could not be told", charge_boxes=untold)]
    if data.get("boxes_left"):
        return [Answer("unknown", f"{data['boxes_left']} more connected charge boxes were not looked at")]
    return [Answer("pass")]


def _invisible(ids: tuple[str, ...], status: int) -> Answer:
    shown = ", ".join(inert(identifier, 60) for identifier in ids[:3])
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return Answer(
        "fail",
        message=f"Connected, but invisible to a client that lists charge boxes by their transactions: {shown}{more}.",
        evidence=(
            {"source": "admin", "detail": f"a session of {shown}{more} is open"},
            {"source": "webapi", "detail": f"GET {_CHARGE_BOXES} answered {status}: this SteVe has no such list"},
            {"source": "webapi", "detail": f"no transaction of {shown}{more}"},
        ),
        charge_boxes=ids,
    )


#: Catalogue id to question.
QUESTIONS: dict[str, Question] = {
    "webapi-absent": _of_part(_absent),
    "webapi-disabled": _of_part(_disabled),
    "webapi-wrong-scheme": _of_part(_wrong_scheme),
    "webapi-refused": _of_part(_refused),
    "webapi-plain-http": _of_part(_plain_http),
    "webapi-box-invisible": _box_invisible,
}
