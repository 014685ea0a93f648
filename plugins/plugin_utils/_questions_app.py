# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about SteVe's containers, its port, its data base's container, memory and disks.

Answered from the parts ``compose``, ``sockets`` and ``resources``, and from the newest start in the part ``log``.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_log import (
    cause_needs,
    failed_start,
    start_evidence,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_network import (
    host_and_port,
    is_localhost,
    probe_evidence,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import STAGES, HostView

#: A container that was started this many seconds ago at the most may still be starting, where nobody says otherwise.
START_DEADLINE_S = 240.0
#: Exit code of a process that signal 9 ended.
_SIGKILL = 137
_MIB = 1024 * 1024
#: Seconds for which a pool timeout in the log speaks of what is now: requests need the data base all the time.
_RECENT_S = 600.0
#: A file system with less than this is full: MariaDB extends its tablespace by 8 MiB (innodb_autoextend_increment) and
#: SteVe up to 3.7 rolls its log over at 10 MB, so the next step of either does not fit.
FULL_BYTES = 16 * _MIB
#: On a small file system that would be much; a fiftieth of its size is full there.
FULL_SHARE = 50
#: Files that can still be made; a data base makes several temporary ones at once.
FULL_INODES = 16
#: Roles of what SteVe, its data base and docker write to. That ``/`` or ``/tmp`` alone is full stops none of them.
_NEEDED = ("docker", "project", "log", "data base", "app")


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
    if service["exit_code"] == _SIGKILL and service["state"] in ("exited", "dead"):
        words.append("ended by signal 9")
    if (service.get("error") or {}).get("text"):
        words.append(f"docker says: {inert(service['error']['text'], 300)}")
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
            evidence=({"source": "compose", "detail": _state(app)}, *start_evidence(view)),
            needs=cause_needs(view, "app-failed-to-start"),
        )
    ]


def _app_restarting(view: HostView) -> list[Answer]:
    unknown = _compose_unknown(view)
    if unknown:
        return unknown
    app = view.service("app")
    if app is None or app["state"] not in ("running", "restarting"):
        return [Answer("pass")]
    if not _is_looping(view, app):
        return [Answer("pass")]
    return [
        Answer(
            "fail",
            message="SteVe's container restarts again and again.",
            evidence=({"source": "compose", "detail": _state(app)}, *start_evidence(view)),
            needs=cause_needs(view),
        )
    ]


def _is_looping(view: HostView, app: dict[str, Any]) -> bool:
    """Whether docker starts the container again and again."""
    young = _age_s(view, app)
    return bool(app["state"] == "restarting" or (app["restarts"] >= 3 and young is not None and young < 120))


def _app_starting(view: HostView) -> list[Answer]:
    unknown = _compose_unknown(view)
    if unknown:
        return unknown
    app, direct = view.service("app"), view.probe("direct")
    if app is None or direct is None or app["state"] != "running":
        return [Answer("pass")]
    silent = direct.endpoint.get("finding") in ("tcp-refused", "connection-closed")
    age, waited = _age_s(view, app), view.part("compose")["data"].get("waited") or {}
    deadline = view.asked.get("start_deadline_s") or START_DEADLINE_S
    if age is not None:
        # The observation began before it waited.
        age += waited.get("waited_s") or 0.0
    if not silent or age is None or age > deadline:
        return [Answer("pass")]
    return [
        Answer(
            "fail",
            message=f"SteVe's container was started {age:.0f} s ago and its port is not open yet.",
            evidence=(
                {"source": "compose", "detail": _state(app)},
                *probe_evidence(direct.endpoint.get("evidence"), direct),
            ),
            needs=cause_needs(view, "app-failed-to-start"),
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
        evidence += probe_evidence(suspected[0].get("evidence"), probe)
    if admin.get("code") == "admin-no-data-base":
        evidence.append({"source": "admin", "detail": inert(admin["reason"], 300)})
    failure = failed_start(view)
    if failure is not None and failure["cause"] == "db-unreachable":
        evidence += start_evidence(view)
    database = view.service("db")
    app = view.service("app")
    if database is not None and database["state"] not in ("running", "restarting"):
        evidence.insert(0, {"source": "compose", "detail": _state(database)})
        return [
            Answer("fail", message=f"SteVe's data base container is {database['state']}.", evidence=tuple(evidence))
        ]
    if evidence and (gone := _missing_data_base(view)):
        detail = f"the app depends on the service {gone}, which has no container"
        evidence.insert(0, {"source": "compose", "detail": detail})
        message = f"SteVe's data base container does not exist (service {gone})."
        return [Answer("fail", message=message, evidence=tuple(evidence))]
    if failure is not None and failure["cause"] == "db-unreachable":
        message = "SteVe failed to start because it does not reach its data base."
        return [Answer("fail", message=message, evidence=tuple(evidence))]
    waited = _pool_timeouts(view)
    if evidence and waited:
        evidence.insert(0, {"source": "log", "detail": waited})
        message = "SteVe waits in vain for a connection to its data base."
        return [Answer("fail", message=message, evidence=tuple(evidence))]
    if evidence:
        where = "no data base container is known" if database is None else "its container runs"
        return [Answer("unknown", f"SteVe answers as without its data base, but {where}", evidence=tuple(evidence))]
    if probe is not None and any(row["verdict"] == "refused" for row in probe.rows):
        return [Answer("pass")]
    if database is not None and app is not None:
        return [Answer("unknown", "the data base's container runs; whether SteVe reaches it was not seen")]
    return [Answer("unknown", "nothing that needs the data base was answered")]


def _missing_data_base(view: HostView) -> str | None:
    """The data base's service, where the app's container depends on it and it has no container; None otherwise."""
    app = view.service("app")
    if app is None or view.service("db") is not None:
        return None
    service = str(view.part("compose")["data"]["db_service"])
    return inert(service, 80) if service in app.get("depends_on", ()) else None


def _pool_timeouts(view: HostView) -> str | None:
    """SteVe's own word, not older than ten minutes, that its pool got no connection in 30 s; None without."""
    part = view.part("log")
    if part["status"] != "ok":
        return None
    tally, until = part["data"].get("pool_timeouts") or {}, part["data"]["window"]["until"]
    try:
        age_s = (datetime.fromisoformat(str(until)) - datetime.fromisoformat(str(tally.get("last")))).total_seconds()
    except ValueError:
        return None
    if age_s > _RECENT_S:
        return None
    return f"no connection to the data base in 30 s, {int(tally['count'])} times, last at {inert(tally['last'], 30)}"


# -- memory -------------------------------------------------------------------------------------------------


def _log_start(view: HostView) -> dict[str, Any]:
    """The newest start in the log, empty when the log was not read."""
    part = view.part("log")
    data = part["data"] if part["status"] == "ok" else None
    return dict((data or {}).get("start") or {})


def _log_evidence(start: dict[str, Any]) -> tuple[dict[str, str], ...]:
    return ({"source": "log", "detail": inert(start["text"], 300)},) if start.get("text") else ()


def _no_container(view: HostView) -> Answer:
    """What happened to a container that is not there any more stands nowhere."""
    name = inert((view.part("compose")["data"] or {}).get("app_service") or "app", 80)
    return Answer("unknown", f"the service {name} has no container")


def _app_out_of_memory(view: HostView) -> list[Answer]:
    start = _log_start(view)
    unknown = _compose_unknown(view)
    app = view.service("app")
    if start.get("state") == "failed" and start.get("cause") == "out-of-memory":
        message = "SteVe ended because its Java ran out of memory."
        seen = ({"source": "compose", "detail": _state(app)},) if app else ()
        return [Answer("fail", message=message, evidence=(*seen, *_log_evidence(start)))]
    if unknown:
        return unknown if not start.get("cause") else [Answer("pass")]
    if app is None:
        return [_no_container(view)]
    resources = view.part("resources")["data"] or {}
    kills = resources.get("oom_kills") or 0
    if not app["oom_killed"] and not kills:
        return [Answer("pass")]
    limit = app.get("memory_limit")
    why = f"its memory limit of {_bytes(limit)} was reached" if limit else "the host's memory was exhausted"
    detail = f"{_state(app)}; {f'memory limit {_bytes(limit)}' if limit else 'no memory limit'}"
    evidence = ({"source": "compose", "detail": detail}, *_memory_evidence(resources.get("memory")))
    if app["state"] == "running" and not _is_looping(view, app):
        message = f"The kernel killed a process of SteVe's container because {why}; the container runs now."
        return [Answer("fail", message=message, evidence=evidence, aside=True)]
    message = f"The kernel killed SteVe's container because {why}."
    return [Answer("fail", message=message, evidence=evidence)]


def _memory_evidence(memory: dict[str, int] | None) -> tuple[dict[str, str], ...]:
    if not memory:
        return ()
    detail = f"the host has {_bytes(memory['total'])}, {_bytes(memory['available'])} of it available"
    return ({"source": "resources", "detail": detail},)


def _bytes(count: int) -> str:
    """A size for a person."""
    for unit, size in (("GiB", 1024 * _MIB), ("MiB", _MIB), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".0 ", " ")
    return f"{count} bytes"


# -- the port -----------------------------------------------------------------------------------------------


def _listeners(view: HostView, port: int | None) -> list[dict[str, Any]] | None:
    """The listeners on a port of the host; None when the sockets were not read."""
    part = view.part("sockets")
    if part["status"] != "ok":
        return None
    return [row for row in part["data"]["listening"] if row["port"] == port]


def _owner(row: dict[str, Any]) -> str:
    who = f"{inert(row['program'] or 'a program', 40)} (process {row['pid']})" if row["pid"] else "a program"
    return f"{who} listens at {inert(row['address'], 60)} port {row['port']}"


def _app_port_taken(view: HostView) -> list[Answer]:
    start = _log_start(view)
    unknown = _compose_unknown(view)
    app = view.service("app")
    error = (app or {}).get("error") or {}
    own = host_and_port(_direct_url(view))[1]
    if app is not None and app["state"] != "running" and error.get("kind") == "port-taken":
        port = error.get("port")
        evidence = [{"source": "compose", "detail": _state(app)}]
    elif start.get("state") == "failed" and start.get("cause") == "port-taken":
        port = own
        evidence = list(_log_evidence(start))
    elif unknown:
        return unknown if start.get("state") not in ("started", "failed") else [Answer("pass")]
    elif app is None:
        return [_no_container(view)]
    else:
        return [Answer("pass")]
    listeners = _listeners(view, port)
    holders = (view.part("compose")["data"] or {}).get("port_holders") or []
    evidence += [{"source": "sockets", "detail": _owner(row)} for row in (listeners or [])[:3]]
    if holders:
        names = ", ".join(inert(name, 80) for name in holders[:3])
        evidence.append({"source": "compose", "detail": f"published by the container {names}"})
    if listeners == [] and not holders:
        evidence.append({"source": "sockets", "detail": "nothing listens on it any more; start the app again"})
    which = f"port {port}" if port else "a port"
    return [Answer("fail", message=f"SteVe did not start because {which} is taken.", evidence=tuple(evidence))]


def _own_port(view: HostView) -> tuple[bool | None, str | None]:
    """Whether the chargers come to SteVe's own port, None where it is not known; and why not."""
    public = view.asked.get("public_ws_url")
    if not public:
        return False, "steve_public_ws_url is not given"
    name, port = host_and_port(public)
    direct, own = host_and_port(_direct_url(view))
    if view.probe("proxy") is not None or is_localhost(name):
        return False, None
    if port == own and (name == direct or is_localhost(direct)):
        return True, None
    skipped = (view.part("probes").get("skipped_hops") or {}).get("proxy")
    return None, inert(skipped or "how the public URL leads to SteVe was not seen", 200)


def _is_open_outside(view: HostView) -> bool:
    """Whether another place got a connection to the public URL."""
    connected = STAGES.index("connect")
    return any(probe.hop == "public" and probe.stage > connected for probe in view.probes)


def _published(app: dict[str, Any], port: int | None) -> list[str]:
    return [str(item["address"] or "0.0.0.0") for item in app.get("ports") or [] if item["port"] == port]  # noqa: S104


def _app_port_not_published(view: HostView) -> list[Answer]:
    unknown = _compose_unknown(view)
    if unknown:
        return unknown
    needed, reason = _own_port(view)
    if needed is False:
        return [Answer("skipped", reason) if reason else Answer("pass")]
    app, port = view.service("app"), host_and_port(view.asked["public_ws_url"])[1]
    if app is None or app["state"] != "running":
        return [Answer("skipped", "the app container does not run")]
    if app.get("network_mode") == "host" or _published(app, port):
        return [Answer("pass")]
    direct = view.probe("direct")
    if _is_open_outside(view) or (direct is not None and direct.stage > STAGES.index("connect") and needed):
        return [Answer("pass")]
    if needed is None:
        if app.get("ports"):
            return [Answer("pass")]
        return [Answer("unknown", f"SteVe publishes no port; {reason}")]
    shown = [f"{inert(item['address'] or '*', 60)}:{item['port']}" for item in app.get("ports") or []][:5]
    closed = [inert(item, 20) for item in app.get("unpublished") or []][:5]
    detail = f"published: {', '.join(shown) or 'nothing'}; not published: {', '.join(closed) or 'nothing is exposed'}"
    message = f"The public URL needs port {port} of this host, and SteVe's container does not publish it."
    return [Answer("fail", message=message, evidence=({"source": "compose", "detail": detail}, *_not_recreated(view)))]


def _not_recreated(view: HostView) -> tuple[dict[str, str], ...]:
    """That the files say something else than the container that runs, where compose's own hash tells."""
    env = view.part("env")
    if not (((env["data"] or {}) if env["status"] == "ok" else {}).get("config_hash") or {}).get("differs"):
        return ()
    detail = "the compose files describe another container than the one that runs: docker compose up -d recreates it"
    return ({"source": "compose", "detail": detail},)


def _app_loopback_only(view: HostView) -> list[Answer]:
    needed, reason = _own_port(view)
    if needed is False:
        return [Answer("skipped", reason) if reason else Answer("pass")]
    port = host_and_port(_direct_url(view))[1]
    app, listeners = view.service("app"), _listeners(view, port)
    published = _published(app, port) if app else []
    places = [*published, *(row["address"] for row in listeners or [])]
    if _is_open_outside(view) or any(not is_loopback(place) for place in places):
        return [Answer("pass")]
    if not places:
        part = view.part("sockets")
        known = listeners is not None or app is not None
        return [Answer("pass")] if known else [Answer(str(part["status"]), inert(part["reason"], 300))]
    if needed is None:
        return [Answer("unknown", f"SteVe's port is open to this host alone; {reason}")]
    refused = any(probe.hop == "public" and probe.endpoint.get("finding") == "tcp-refused" for probe in view.probes)
    if listeners is None and not refused:
        why = inert(view.part("sockets")["reason"], 200)
        return [Answer("unknown", f"docker publishes port {port} at {places[0]} only; other listeners: {why}")]
    evidence = [{"source": "compose", "detail": f"port {port} is published at {', '.join(published)} only"}]
    evidence = evidence if published else []
    evidence += [{"source": "sockets", "detail": _owner(row)} for row in (listeners or [])[:3]]
    message = f"The public URL needs port {port} of this host, which is open to this host alone."
    return [Answer("fail", message=message, evidence=(*evidence, *_not_recreated(view)))]


def is_loopback(place: str) -> bool:
    """Whether an address is this machine's own alone."""
    try:
        return ipaddress.ip_address(place).is_loopback
    except ValueError:
        return False


def places_for_others(view: HostView) -> list[str] | None:
    """Addresses and ports at which others than the host reach SteVe or its proxy; None where nothing was seen."""
    direct, own = host_and_port(_direct_url(view))
    if direct and not is_localhost(direct):
        return [f"{inert(direct, 80)}:{own}"]
    ports = dict.fromkeys((own, host_and_port(view.asked.get("public_ws_url") or "")[1]))
    app = view.service("app")
    seen = [(place, port) for port in ports for place in (_published(app, port) if app else [])]
    listeners = [_listeners(view, port) for port in ports if port]
    seen += [(row["address"], row["port"]) for rows in listeners for row in rows or []]
    if not seen:
        return None
    return [f"{inert(place, 60)}:{port}" for place, port in dict.fromkeys(seen) if not is_loopback(place)]


def _direct_url(view: HostView) -> str:
    """SteVe's base URL as a WebSocket URL, whose default ports are the same."""
    return str(view.asked.get("url") or "").replace("http", "ws", 1)


# -- disks --------------------------------------------------------------------------------------------------


def _disk_full(view: HostView) -> list[Answer]:
    part = view.part("resources")
    if part["status"] != "ok":
        return [Answer(str(part["status"]), inert(part["reason"], 300))]
    needed = [row for row in part["data"]["file_systems"] if _roles(row)]
    full = {index: why for index, why in enumerate(_full(row) for row in needed) if why}
    if full:
        evidence = tuple(
            {"source": "resources", "detail": f"{_places(needed[index])}: {why}"} for index, why in full.items()
        )
        roles = ", ".join(dict.fromkeys(role for index in full for role in _roles(needed[index])))
        return [Answer("fail", message=f"A file system is full ({roles}).", evidence=evidence)]
    unread = [row for row in part["data"]["unread"] if row["role"] in _NEEDED]
    if needed:
        return [Answer("pass")]
    if unread:
        reason = f"{inert(unread[0]['path'], 120)}: {inert(unread[0]['reason'], 120)}"
        return [Answer("unknown", reason)]
    return [Answer("skipped", "neither steve_project_dir nor a data base's directory is known")]


def _roles(row: dict[str, Any]) -> list[str]:
    return [place["role"] for place in row["places"] if place["role"] in _NEEDED]


def _places(row: dict[str, Any]) -> str:
    return ", ".join(inert(place["path"], 120) for place in row["places"][:4])


def _full(row: dict[str, Any]) -> str | None:
    """Why a file system counts as full, None when it does not."""
    if row["read_only"]:
        return None
    if row["free"] < min(FULL_BYTES, row["size"] // FULL_SHARE):
        return f"{_bytes(row['free'])} of {_bytes(row['size'])} free"
    if row["inodes_free"] is not None and row["inodes_free"] < FULL_INODES:
        return f"{row['inodes_free']} of {row['inodes']} inodes free"
    return None


QUESTIONS: dict[str, Question] = {
    "compose-project-missing": _compose_project_missing,
    "app-not-running": _app_not_running,
    "app-restarting": _app_restarting,
    "app-starting": _app_starting,
    "app-out-of-memory": _app_out_of_memory,
    "app-port-taken": _app_port_taken,
    "app-port-not-published": _app_port_not_published,
    "app-loopback-only": _app_loopback_only,
    "db-unreachable": _db_unreachable,
    "disk-full": _disk_full,
}
