# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about the app's environment: applied, effective, and no shipped password.

Answered from the part ``env``, in which the host compared values and left only names, and from what SteVe said to the
credentials that the operator gave. No credential is ever tried for a question.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_app import is_loopback, places_for_others
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView

_KINDS = ("added", "changed", "removed", "definitions_changed")
_SHOWN = {"definitions_changed": "-D definitions"}


def _env_not_applied(view: HostView) -> list[Answer]:
    part = view.part("env")
    if part["status"] != "ok":
        return [Answer(str(part["status"]), str(part["reason"]))]
    drift = {kind: part["data"][kind] for kind in _KINDS if part["data"].get(kind)}
    if not drift:
        if part["data"].get("sourced"):
            return [Answer("unknown", "the container's command reads variables from a file by itself")]
        return [Answer("pass")]
    shown = {kind: ", ".join(inert(name, 60) for name in names[:10]) for kind, names in drift.items()}
    detail = "; ".join(f"{_SHOWN.get(kind, kind)}: {names}" for kind, names in shown.items())
    return [
        Answer(
            "fail",
            message="The app container runs with other values than its env file holds now.",
            evidence=({"source": "env", "detail": f"names that differ, {detail}"},),
        )
    ]


# -- applied, but ignored -----------------------------------------------------------------------------------


def _said(view: HostView) -> dict[str, bool | None]:
    """Variable → what SteVe said to the operator's value: accepted, refused, or nothing (None)."""
    admin, webapi = view.part("admin"), view.part("webapi")
    data = (webapi["data"] or {}) if webapi["status"] == "ok" else {}
    accepted, refused = data.get("verdict") == "accepted", data.get("finding") == "webapi-refused"
    return {
        "AUTH_PASSWORD": _yes_or_no(admin["status"] == "ok", admin.get("code") == "admin-login-refused"),
        # The header of 3.6 and 3.7 has no user to compare.
        "WEBAPI_VALUE": _yes_or_no(accepted and data.get("scheme") == "basic", refused),
    }


def _yes_or_no(yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None


def _why_ignored(view: HostView) -> str:
    """What this release does with the values, as far as the release is known."""
    if view.era.at_least("3.9.0") is True:
        return "SteVe reads them only while its data base has no admin"
    if view.era.at_least("3.8.0") is False:
        return "SteVe up to 3.7 reads its properties file; the environment only where a value there is written as $NAME"
    if view.era.at_least("3.9.0") is False:
        return "SteVe 3.8 reads its properties file, and that only while its data base has no admin"
    return "SteVe up to 3.8 does not read them, later releases only while the data base has no admin"


def _env_not_effective(view: HostView) -> list[Answer]:
    """The container runs with the very value that SteVe refuses, or with another one than SteVe accepts."""
    part = view.part("env")
    if part["status"] != "ok":
        return [Answer(str(part["status"]), str(part["reason"]))]
    found = part["data"].get("credentials") or {}
    said = {name: answer for name, answer in _said(view).items() if name in found}
    if not said:
        return [Answer("skipped", "the container's environment holds no admin password and no Web API value")]
    ignored = [name for name, answer in said.items() if answer is False and _held(found, name) is True]
    stale = [name for name, answer in said.items() if answer is True and _held(found, name) is False]
    if ignored or stale:
        refused = {name for name, answer in _said(view).items() if answer is False}
        return [
            _ignored(view, found, ignored or stale, stale=not ignored, aside=not ignored or refused != set(ignored))
        ]
    unsure = [name for name, answer in said.items() if answer is not None and _held(found, name) is None]
    if unsure:
        return [Answer("unknown", f"whether the container holds the given user and {unsure[0]} is not known")]
    if all(answer is None for answer in said.values()):
        return [Answer("skipped", "no credential was given that SteVe accepted or refused")]
    return [Answer("pass")]


def foreseen(view: HostView) -> str | None:
    """What a recreated container would be given and SteVe will not use; None where nothing is known of such a value."""
    part, said = view.part("env"), _said(view)
    changed = ((part["data"] or {}).get("credentials_changed") or {}) if part["status"] == "ok" else {}
    # What SteVe already accepts does no harm in the file.
    names = [name for name, value in changed.items() if not (value["same_as_given"] and said.get(name))]
    if not names or view.era.at_least("3.8.0") is False:
        return None
    certain = view.era.at_least("3.8.0") is True
    known = f"SteVe {inert(view.era.min, 20)}{' or later' if view.era.min != view.era.max else ''} will"
    who = known if certain else "Which SteVe it is was not seen; from 3.8 on it will"
    return (
        f"{who} ignore {', '.join(names)}, because its data base has an admin since its first start: change the row in "
        "the table web_user, as the README of the role app_env says"
    )


def _held(found: dict[str, Any], name: str) -> bool | None:
    """Whether the container holds the operator's value for the operator's user; False only for the same user."""
    user = (found.get("AUTH_USER") or {}).get("same_as_given" if name == "AUTH_PASSWORD" else "same_as_webapi_user")
    same: bool | None = found[name].get("same_as_given")
    return same if user is True else None


def _ignored(view: HostView, found: dict[str, Any], names: list[str], stale: bool, aside: bool) -> Answer:
    shown = " and ".join(names)
    if stale:
        message = f"SteVe does not use {shown} of its container: it accepts another value."
        detail = f"{shown}: the container holds another value than the one that SteVe accepts for the same user"
    else:
        message = f"The container runs with the given {shown}, and SteVe refuses it."
        detail = f"{shown}: the container holds exactly the value that SteVe refuses, and the same user"
    via = ", ".join(f"{name} by {'-D' if found[name]['via'] == 'definition' else 'environment'}" for name in names)
    evidence = ({"source": "env", "detail": f"{detail} ({via})"}, {"source": "era", "detail": _why_ignored(view)})
    return Answer("fail", message=message, evidence=evidence, aside=aside)


# -- shipped passwords --------------------------------------------------------------------------------------


def _default_credentials(view: HostView) -> list[Answer]:
    """From configuration only: what the operator gave and SteVe accepted, and what the data base is set up with.

    Told where others than the host itself can use it; a SteVe at 127.0.0.1 without a proxy in front is nobody else's.
    """
    admin, env = view.part("admin"), view.part("env")
    data = (env["data"] or {}) if env["status"] == "ok" else {}
    evidence = []
    shipped = admin["status"] == "ok" and bool(admin["data"].get("shipped_password"))
    reached = places_for_others(view) if shipped else []
    if reached:
        detail = f"SteVe accepts the admin password of its repository, and others reach it at {', '.join(reached[:3])}"
        evidence.append({"source": "admin", "detail": detail})
    open_at = _data_base_places(view)
    if data.get("db_password_shipped") and open_at:
        where = ", ".join(open_at)
        detail = f"the data base is set up with the password of SteVe's repository and published at {where}"
        evidence.append({"source": "compose", "detail": detail})
    if evidence:
        return [Answer("fail", message="A password that everybody knows is in use.", evidence=tuple(evidence))]
    if shipped and reached is None:
        return [Answer("unknown", "the admin password is the shipped one; whether others reach SteVe was not seen")]
    if admin["status"] == "ok":
        return [Answer("pass")]
    if ((data.get("credentials") or {}).get("AUTH_PASSWORD") or {}).get("shipped"):
        reason = "the container is given the shipped admin password; whether SteVe uses it is not tried"
        return [Answer("unknown", reason)]
    return [Answer(str(admin["status"]), inert(admin["reason"], 300))]


def _data_base_places(view: HostView) -> list[str]:
    """Where others than the host reach the data base."""
    ports = (view.service("db") or {}).get("ports") or []
    return [
        f"{inert(item['address'] or '*', 60)}:{item['port']}"
        for item in ports
        if not is_loopback(str(item["address"] or "0.0.0.0"))  # noqa: S104
    ][:3]


QUESTIONS: dict[str, Question] = {
    "env-not-applied": _env_not_applied,
    "env-not-effective": _env_not_effective,
    "default-credentials": _default_credentials,
}
