# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions: each takes the view of a host and says what was seen. No question looks at another's answer.

An answer here is raw: ``fail`` means "this was seen". Whether it is a root cause or the echo of another failure is
decided afterwards, by the needs of the catalogue (``_analyse``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _questions_tls
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import (
    BY_ID,
    CATALOGUE,
    CHARGE_BOX,
    HOP,
    Entry,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import STAGES, HostView, Probe

#: A container that was started this many seconds ago at the most may still be starting.
START_DEADLINE_S = 240.0
_FORBIDDEN = "=/()<>"


def ask(entry: Entry, view: HostView) -> list[Answer]:
    """All answers to one catalogue entry on one host; never empty."""
    if not entry.built:
        return [Answer("skipped", "not built yet")]
    if not view.reached:
        return [Answer("unknown", f"the host was not reached: {view.reason}")]
    if entry.id in _QUESTIONS:
        return _QUESTIONS[entry.id](view)
    if entry.scope == HOP:
        return _hop_answers(entry, view)
    if entry.scope == CHARGE_BOX:
        return _charge_box_answers(entry, view)
    raise LookupError(f"the catalogue's entry {entry.id} has no question")


# -- hops ---------------------------------------------------------------------------------------------------

#: The stage at which each finding of the endpoint shows.
_STAGE_OF = {
    "dns-unresolvable": "resolve",
    "tcp-refused": "connect", "tcp-timeout": "connect", "host-unreachable": "connect",
    "tls-handshake-failed": "tls", "tls-on-plain-port": "tls",
    "connection-closed": "http", "http-timeout": "http", "not-http": "http", "plain-on-tls-port": "http",
    "redirected": "path", "proxy-login-wall": "path", "proxy-bad-gateway": "path", "proxy-no-route": "path",
    "wrong-context-path": "path", "wrong-path": "path", "soap-path": "path",
}  # fmt: skip
_ONLY_TLS = ("tls-handshake-failed", "tls-on-plain-port")
_ONLY_PLAIN = ("plain-on-tls-port",)
_GATES = ("proxy-upgrade-stripped", "proxy-connection-stripped", "proxy-http10-upstream")


def _hop_answers(entry: Entry, view: HostView) -> list[Answer]:
    answers = []
    for probe in view.probes:
        answer = _gate_answer(entry, probe) if entry.id in _GATES else _endpoint_answer(entry, probe)
        if entry.layer == "proxy" and probe.hop == "direct" and answer.status != "fail":
            continue
        answers.append(answer)
    part = view.part("probes")
    for hop, reason in (part.get("skipped_hops") or {}).items():
        answers.append(Answer("skipped", reason, hop=hop, vantage="host"))
    for vantage, reason in view.dead_vantages.items():
        answers.append(Answer("unknown", f"vantage {vantage} was not reached: {reason}", hop="public", vantage=vantage))
    if part["status"] != "ok":
        answers.append(Answer("unknown", str(part["reason"])))
    return answers or [Answer("skipped", "no proxy was probed")]


def _endpoint_answer(entry: Entry, probe: Probe) -> Answer:
    hop, vantage = probe.hop, probe.vantage
    stage = STAGES.index(_STAGE_OF[entry.id])
    if (entry.id in _ONLY_TLS and not probe.is_tls) or (entry.id in _ONLY_PLAIN and probe.is_tls):
        return Answer("skipped", "the URL is " + ("wss" if probe.is_tls else "plain ws"), hop=hop, vantage=vantage)
    if probe.endpoint.get("finding") == entry.id:
        return Answer(
            "fail",
            message=f"{entry.title} ({_where(probe)}).",
            hop=hop,
            vantage=vantage,
            evidence=_probe_evidence(probe.endpoint.get("evidence"), probe),
        )
    if probe.stage > stage:
        return Answer("pass", hop=hop, vantage=vantage)
    candidates = probe.endpoint.get("candidates") or []
    if probe.stage == stage and entry.id not in candidates and (probe.endpoint.get("finding") or candidates):
        return Answer("pass", hop=hop, vantage=vantage)
    if entry.id in candidates:
        return Answer("unknown", _open(candidates, probe.endpoint.get("evidence")), hop=hop, vantage=vantage)
    return Answer("unknown", "the connection did not get this far", hop=hop, vantage=vantage)


def _gate_answer(entry: Entry, probe: Probe) -> Answer:
    hop, vantage, gates = probe.hop, probe.vantage, probe.gates
    if gates.get("finding") == entry.id:
        return Answer(
            "fail",
            message=f"{entry.title} ({_where(probe)}).",
            hop=hop,
            vantage=vantage,
            evidence=_probe_evidence(gates.get("evidence"), probe),
        )
    seen = {gate["gate"] for gate in gates.get("gates") or [] if gate.get("status") is not None}
    if gates["verdict"] == "proven":
        return Answer("pass", hop=hop, vantage=vantage)
    if gates["verdict"] == "broken":
        # A lost header stops the request before HTTP/1.0 could be seen, and the other way round it arrived.
        status = "pass" if entry.id != "proxy-http10-upstream" else "unknown"
        return Answer(status, None if status == "pass" else "hidden by a lost header", hop=hop, vantage=vantage)
    if "version" in seen and entry.id != "proxy-http10-upstream":
        # The version gate alone proves that both headers arrive (426 needs them).
        if any(gate["gate"] == "version" and gate.get("status") == 426 for gate in gates["gates"]):
            return Answer("pass", hop=hop, vantage=vantage)
    return Answer("unknown", _gate_reason(gates), hop=hop, vantage=vantage)


def _gate_reason(gates: dict[str, Any]) -> str:
    notes = [str(item.get("note")) for item in gates.get("evidence") or [] if item.get("note")]
    return inert(gates.get("reason") or "; ".join(notes) or "the gates were not sent", 300)


def _where(probe: Probe) -> str:
    url = inert(probe.data["url"], 120)
    if probe.data.get("connect_to"):
        url += f" by way of {inert(probe.data['connect_to'], 60)}"
    return f"{probe.hop} hop, {url}" + ("" if probe.vantage == "host" else f", seen from {inert(probe.vantage, 60)}")


def _open(candidates: list[str], evidence: Any) -> str:
    notes = [str(item.get("note")) for item in evidence or [] if isinstance(item, dict) and item.get("note")]
    text = "undetermined between " + ", ".join(candidates)
    return inert(text + (": " + "; ".join(notes) if notes else ""), 400)


def _probe_evidence(items: Any, probe: Probe) -> tuple[dict[str, str], ...]:
    """Probe evidence as ``{source, detail}``, inert and short."""
    source = f"probe {probe.hop}" + ("" if probe.vantage == "host" else f" from {inert(probe.vantage, 60)}")
    result = []
    for item in items or []:
        words = []
        if item.get("request"):
            words.append(inert(item["request"], 160))
        if item.get("status") is not None:
            words.append(f"answered {item['status']}")
        for name, value in (item.get("headers") or {}).items():
            if name.lower() in ("server", "location", "www-authenticate"):
                words.append(f"{name}: {inert(value, 80)}")
        if item.get("body"):
            words.append(f'"{inert(item["body"], 80)}"')
        if item.get("note"):
            words.append(f"({inert(item['note'], 240)})")
        result.append({"source": source, "detail": " ".join(words)})
    return tuple(result)


# -- charge boxes -------------------------------------------------------------------------------------------


def _charge_box_answers(entry: Entry, view: HostView) -> list[Answer]:
    """Answers of the preflights; ids that were asked on exactly one hop."""
    probe = view.asking_probe()
    missing = _missing(view)
    if probe is None:
        if missing and entry.id not in ("charge-box-unregistered", "charge-box-id-invalid"):
            return [Answer("skipped", "no registered charge box was asked about")]
        return [_nobody_asked(view)]
    if not probe.reachable:
        return [Answer("unknown", "no hop reached SteVe", hop=probe.hop, vantage=probe.vantage)]
    rows = [row for row in probe.rows if row.get("finding") == entry.id]
    if rows:
        ids = tuple(row["charge_box_id"] for row in rows)
        evidence: list[dict[str, str]] = []
        for row in rows[:3]:
            evidence += _probe_evidence(row.get("evidence"), probe)
        return [
            Answer(
                "fail",
                message=_box_message(entry, ids),
                hop=probe.hop,
                vantage=probe.vantage,
                evidence=tuple(evidence),
                charge_boxes=ids,
            )
        ]
    open_rows = [row for row in probe.rows if entry.id in (row.get("candidates") or [])]
    if open_rows:
        row = open_rows[0]
        ids = tuple(item["charge_box_id"] for item in open_rows)
        return [
            Answer(
                "unknown",
                _open(row["candidates"], row.get("evidence")),
                hop=probe.hop,
                vantage=probe.vantage,
                charge_boxes=ids,
            )
        ]
    if not probe.data["summary"]["accepted"] and not any(row["verdict"] == "refused" for row in probe.rows):
        return [Answer("unknown", "no charge box got an answer", hop=probe.hop, vantage=probe.vantage)]
    return [Answer("pass", hop=probe.hop, vantage=probe.vantage)]


def _nobody_asked(view: HostView) -> Answer:
    part = view.part("probes")
    if part["status"] != "ok":
        return Answer("unknown", str(part["reason"]))
    return Answer(
        "skipped", "no charge box id is known: give steve_charge_box_id, steve_charge_boxes or the admin login"
    )


def _box_message(entry: Entry, ids: tuple[str, ...]) -> str:
    shown = ", ".join(inert(identifier, 60) for identifier in ids[:3])
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    plural = "charge box" if len(ids) == 1 else "charge boxes"
    if entry.id == "charge-box-unregistered":
        return f"SteVe does not know {plural} {shown}{more}."
    return f"{entry.title}: {plural} {shown}{more}."


def _missing(view: HostView) -> list[str]:
    """Ids that were to be asked about and that SteVe's own list does not hold."""
    admin = view.part("admin")
    if admin["status"] != "ok":
        return []
    known = {str(box["id"]).casefold() for box in admin["data"]["registered"]}
    return [identifier for identifier in view.asked.get("charge_box_ids") or [] if identifier.casefold() not in known]


def _forbidden(identifier: str) -> str | None:
    """Why SteVe's default pattern refuses an id (``ChargeBoxIdValidator``, 3.6.1, 3.7.1 and later), or None."""
    found = sorted({character for character in identifier if character in _FORBIDDEN})
    if found:
        return "contains " + " ".join(found)
    return "begins or ends with a blank" if identifier != identifier.strip() else None


def _by_admin_list(entry_id: str, view: HostView) -> list[Answer]:
    """Membership and pattern for ids that were not preflighted because SteVe's list already says no."""
    entry = BY_ID[entry_id]
    probed = _charge_box_answers(entry, view)
    pattern_known = view.era.at_least("3.8.0") or view.era.min in ("3.5.1", "3.6.1", "3.7.1")
    missing = _missing(view)
    invalid = {identifier: _forbidden(identifier) for identifier in missing if pattern_known}
    invalid = {identifier: why for identifier, why in invalid.items() if why}
    if entry_id == "charge-box-id-invalid":
        ids = tuple(invalid)
        detail = "; ".join(f"{inert(identifier, 60)} {why}" for identifier, why in list(invalid.items())[:3])
        evidence = {"source": "admin list", "detail": f"not registered, and the default pattern refuses it: {detail}"}
    else:
        ids = tuple(identifier for identifier in missing if identifier not in invalid)
        count = len(view.part("admin")["data"]["registered"]) if missing else 0
        evidence = {"source": "admin list", "detail": f"{count} registered, none equal"}
    if not ids:
        if missing and probed[0].status == "skipped":
            return [Answer("pass")]
        return probed
    merged = tuple(
        dict.fromkeys(ids + tuple(item for answer in probed if answer.status == "fail" for item in answer.charge_boxes))
    )
    more = tuple(item for answer in probed if answer.status == "fail" for item in answer.evidence)
    return [
        Answer(
            "fail", message=_box_message(entry, merged), vantage="host", evidence=(evidence, *more), charge_boxes=merged
        )
    ]


# -- the host -----------------------------------------------------------------------------------------------


def _compose_unknown(view: HostView) -> list[Answer] | None:
    part = view.part("compose")
    if part["status"] == "ok":
        return None
    return [Answer(str(part["status"]), str(part["reason"]))]


def _compose_project_missing(view: HostView) -> list[Answer]:
    unknown = _compose_unknown(view)
    if unknown:
        return unknown
    data = view.part("compose")["data"]
    if data["has_containers"] or data["has_compose_file"]:
        return [Answer("pass")]
    where = inert(data["project_dir"], 120)
    return [
        Answer(
            "fail",
            message=f"There is no compose project in {where}.",
            evidence=({"source": "compose", "detail": f"no compose file in {where} and no container of this project"},),
        )
    ]


def _state(service: dict[str, Any]) -> str:
    words = [f"{inert(service['container'], 80)} is {service['state']}"]
    if service["state"] in ("exited", "dead"):
        words.append(f"exit code {service['exit_code']}")
        if service.get("finished_at"):
            words.append(f"since {str(service['finished_at'])[:19]}Z")
    if service.get("health"):
        words.append(f"health {inert(service['health'], 20)}")
    if service["restarts"]:
        words.append(f"{service['restarts']} restarts")
    return ", ".join(words)


def _app_not_running(view: HostView) -> list[Answer]:
    unknown = _compose_unknown(view)
    if unknown:
        return unknown
    data = view.part("compose")["data"]
    app = view.service("app")
    if app is None:
        others = ", ".join(inert(name, 40) for name in data["services"]) or "none"
        return [
            Answer(
                "fail",
                message=f"The service {inert(data['app_service'], 40)} has no container.",
                evidence=({"source": "compose", "detail": f"services with a container: {others}"},),
            )
        ]
    if app["state"] in ("running", "restarting"):
        return [Answer("pass")]
    return [
        Answer(
            "fail",
            message=f"SteVe's container is {app['state']}.",
            evidence=({"source": "compose", "detail": _state(app)},),
        )
    ]


def _app_restarting(view: HostView) -> list[Answer]:
    unknown = _compose_unknown(view)
    if unknown:
        return unknown
    app = view.service("app")
    if app is None or app["state"] not in ("running", "restarting"):
        return [Answer("pass")]
    young = _age_s(view, app)
    looping = app["state"] == "restarting" or (app["restarts"] >= 3 and young is not None and young < 120)
    if not looping:
        return [Answer("pass")]
    return [
        Answer(
            "fail",
            message="SteVe's container restarts again and again.",
            evidence=({"source": "compose", "detail": _state(app)},),
        )
    ]


def _app_starting(view: HostView) -> list[Answer]:
    unknown = _compose_unknown(view)
    if unknown:
        return unknown
    app, direct = view.service("app"), view.probe("direct")
    if app is None or direct is None or app["state"] != "running":
        return [Answer("pass")]
    silent = direct.endpoint.get("finding") in ("tcp-refused", "connection-closed")
    age = _age_s(view, app)
    if not silent or age is None or age > START_DEADLINE_S:
        return [Answer("pass")]
    return [
        Answer(
            "fail",
            message=f"SteVe's container was started {age:.0f} s ago and its port is not open yet.",
            evidence=(
                {"source": "compose", "detail": _state(app)},
                *_probe_evidence(direct.endpoint.get("evidence"), direct),
            ),
        )
    ]


def _age_s(view: HostView, service: dict[str, Any]) -> float | None:
    """Seconds between the container's start and the observation; None when a time is unreadable."""
    try:
        started = datetime.strptime(str(service["started_at"])[:19], "%Y-%m-%dT%H:%M:%S")
        seen = datetime.strptime(str((view.observation or {})["collected_at"])[:19], "%Y-%m-%dT%H:%M:%S")
    except (ValueError, KeyError, TypeError):
        return None
    return (seen.replace(tzinfo=UTC) - started.replace(tzinfo=UTC)).total_seconds()


def _db_unreachable(view: HostView) -> list[Answer]:
    probe = view.asking_probe()
    accepted = probe is not None and probe.data["summary"]["accepted"] > 0
    admin = view.part("admin")
    if accepted or admin["status"] == "ok":
        return [Answer("pass")]
    suspected = [row for row in (probe.rows if probe else []) if "db-unreachable" in (row.get("candidates") or [])]
    evidence: list[dict[str, str]] = []
    if probe is not None and suspected:
        evidence += _probe_evidence(suspected[0].get("evidence"), probe)
    if admin.get("code") == "admin-no-data-base":
        evidence.append({"source": "admin", "detail": inert(admin["reason"], 300)})
    database = view.service("db")
    app = view.service("app")
    if database is not None and database["state"] not in ("running", "restarting"):
        evidence.insert(0, {"source": "compose", "detail": _state(database)})
        return [
            Answer("fail", message=f"SteVe's data base container is {database['state']}.", evidence=tuple(evidence))
        ]
    if evidence:
        where = "no data base container is known" if database is None else "its container runs"
        return [Answer("unknown", f"SteVe answers as without its data base, but {where}", evidence=tuple(evidence))]
    if probe is not None and any(row["verdict"] == "refused" for row in probe.rows):
        return [Answer("pass")]
    if database is not None and app is not None:
        return [Answer("unknown", "the data base's container runs; whether SteVe reaches it was not seen")]
    return [Answer("unknown", "nothing that needs the data base was answered")]


def _env_not_applied(view: HostView) -> list[Answer]:
    part = view.part("env")
    if part["status"] != "ok":
        return [Answer(str(part["status"]), str(part["reason"]))]
    drift = {kind: names for kind, names in part["data"].items() if names}
    if not drift:
        return [Answer("pass")]
    detail = "; ".join(f"{kind}: {', '.join(inert(name, 60) for name in names[:10])}" for kind, names in drift.items())
    return [
        Answer(
            "fail",
            message="The app container runs with other values than its env file holds now.",
            evidence=({"source": "env", "detail": f"names that differ, {detail}"},),
        )
    ]


def _admin_login_refused(view: HostView) -> list[Answer]:
    part = view.part("admin")
    if part["status"] == "ok":
        return [Answer("pass")]
    if part.get("code") == "admin-login-refused":
        return [
            Answer(
                "fail",
                message="SteVe refuses the admin login.",
                evidence=({"source": "admin", "detail": inert(part["reason"], 300)},),
            )
        ]
    return [Answer(str(part["status"]), inert(part["reason"], 400))]


_QUESTIONS: dict[str, Question] = {
    "compose-project-missing": _compose_project_missing,
    "app-not-running": _app_not_running,
    "app-restarting": _app_restarting,
    "app-starting": _app_starting,
    "db-unreachable": _db_unreachable,
    "env-not-applied": _env_not_applied,
    "admin-login-refused": _admin_login_refused,
    "charge-box-unregistered": lambda view: _by_admin_list("charge-box-unregistered", view),
    "charge-box-id-invalid": lambda view: _by_admin_list("charge-box-id-invalid", view),
    **_questions_tls.QUESTIONS,
}

#: Entries that no question answers would be silent gaps; the tests assert that this is empty.
UNANSWERED = tuple(
    entry.id
    for entry in CATALOGUE
    if entry.built
    and entry.id not in _QUESTIONS
    and not (entry.scope == HOP and (entry.id in _GATES or entry.id in _STAGE_OF))
    and entry.scope != CHARGE_BOX
)
