# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about nginx, answered from the part ``nginx`` of an observation and what the probes saw.

The files tell what nginx would do; what it does shows in the probes. Where the two disagree and the files are newer
than the workers, the configuration is not loaded. Buffering does nothing after an upgrade and is never a fault.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import STAGES, HostView, Probe

#: SteVe sends a WebSocket ping this often, in seconds (``WebSocketConfiguration.PING_INTERVAL``, all releases).
PING_S = 900.0
_PATH_STAGE = STAGES.index("path")
_HEADERS = {"proxy-upgrade-stripped": "upgrade", "proxy-connection-stripped": "connection"}
_EVER_11 = ("1.1", "2", "2.0")


# -- evidence for the findings of the probes ----------------------------------------------------------------


def cited(item: Any) -> str:
    """``file:line: text`` of a directive in an observation."""
    return f"{inert(item['file'], 160)}:{item['line']}: {inert(item['text'], 200)}"


def _line(item: Any, name: str) -> str:
    return f"{inert(item['file'], 160)}:{item['line']}: {name} {inert(item['value'], 200)}".rstrip()


def _told(lines: Iterable[str]) -> tuple[dict[str, str], ...]:
    return tuple({"source": "nginx", "detail": line} for line in lines)


def evidence_for(id: str, view: HostView) -> tuple[dict[str, str], ...]:
    """What the files say to a finding of the proxy hop; nothing where they were not read."""
    data = _data(view)
    if data is None or "running" not in data or _of_another(data):
        return ()
    return _told([*_lines_for(id, data, view), *_not_sure(data)])


def refusing(view: HostView) -> str | None:
    """What in nginx's files answers 403 to some and lets others through, None where nothing does or nobody knows."""
    data = _data(view)
    if data is None or "running" not in data or _of_another(data) or not data.get("may_refuse"):
        return None
    return cited(data["may_refuse"][0])


def _lines_for(id: str, data: dict[str, Any], view: HostView) -> list[str]:
    forwards = _forwards(data)
    if id in _HEADERS and forwards:
        return [_header_line(forwards[_HEADERS[id]])]
    if id == "proxy-http10-upstream" and forwards:
        return [_version_line(forwards["http_version"], data)]
    if id == "proxy-bad-gateway" and forwards:
        return _upstream_lines(forwards["upstream"], data, view)
    if id in ("proxy-no-route", "redirected", "proxy-login-wall"):
        return _route_lines(data)
    return []


def _header_line(item: dict[str, Any]) -> str:
    line = cited(item)
    if item.get("hidden"):
        line += f"; {cited(item['hidden'])} is not inherited, because this level has proxy_set_header of its own"
    return line


def _version_line(item: dict[str, Any], data: dict[str, Any]) -> str:
    line = cited(item)
    if item["default"] and item["value"]:
        line += f"; nginx {inert(data['running']['version'], 20)} speaks HTTP/{item['value']} then"
    return line


def _upstream_lines(upstream: dict[str, Any], data: dict[str, Any], view: HostView) -> list[str]:
    lines = [cited(upstream)]
    lines += [cited(server) for server in upstream["servers"] if server.get("text") != upstream["text"]]
    now = data.get("upstream_now") or {}
    for row in now.get("errors", [])[-1:]:
        lines.append(f"error log: {inert(row['what'], 120)} at {inert(row['place'], 80)}")
    own = _app_addresses(view)
    literal = [server["host"] for server in upstream["servers"] if server["kind"] == "address"]
    if own and any(_container_like(host) and host not in own for host in literal):
        lines.append(f"the app container's addresses are {', '.join(sorted(own))}")
    return lines


def _route_lines(data: dict[str, Any]) -> list[str]:
    selected, location = data.get("selected"), data.get("location")
    if selected is None:
        return [inert(data["selection_note"], 300)] if data.get("selection_note") else []
    names = inert(", ".join(name for name in selected["names"] if name) or "no name", 120)
    lines = [f"{inert(selected['file'], 160)}:{selected['line']}: server {names} answers"]
    if data.get("answered_early"):
        lines.append(_line(data["answered_early"], data["answered_early"]["directive"]))
    if location is None:
        return [*lines, "no location of it matches the WebSocket path"]
    lines.append(f"{inert(location['file'], 160)}:{location['line']}: location {inert(location['pattern'], 120)}")
    if location.get("proxy_pass"):
        lines.append(_line(location["proxy_pass"], "proxy_pass"))
    effective = location.get("effective") or {}
    for name in ("auth_basic", "auth_request"):
        if name in effective:
            lines.append(_line(effective[name], name))
    for name in ("return", "rewrite", "try_files"):
        lines += [_line(item, name) for item in effective.get(name, [])[:2]]
    return lines


def _of_another(data: dict[str, Any]) -> bool:
    """Whether these are no running nginx's files: none runs, or it reads others."""
    status = data["running"]["status"]
    return bool(status == "stopped" or (status == "unknown" and data["running"]["conf"]))


def _not_sure(data: dict[str, Any]) -> list[str]:
    return ["these files are newer than nginx's workers"] if data["running"]["newer_count"] else []


# -- what the part holds ------------------------------------------------------------------------------------


def _data(view: HostView) -> dict[str, Any] | None:
    part = view.part("nginx")
    return part["data"] if part["status"] == "ok" else None


def _forwards(data: dict[str, Any]) -> dict[str, Any] | None:
    value: dict[str, Any] | None = (data.get("location") or {}).get("forwards")
    return value


def _of_host(look: Callable[[HostView, dict[str, Any]], Answer]) -> Question:
    """A question that is asked once."""

    def question(view: HostView) -> list[Answer]:
        return [_unread(view) or look(view, _data(view) or {})]

    return question


def _of_proxy(look: Callable[[HostView, Probe], Answer]) -> Question:
    """A question about the host's own nginx, seen from the host."""

    def question(view: HostView) -> list[Answer]:
        probe = view.probe("proxy")
        if probe is not None:
            return [look(view, probe)]
        part = view.part("probes")
        if part["status"] != "ok":
            return [Answer("unknown", str(part["reason"]))]
        reason = (part.get("skipped_hops") or {}).get("proxy") or "no proxy was probed"
        return [Answer("skipped", reason, hop="proxy", vantage="host")]

    return question


def _unread(view: HostView) -> Answer | None:
    part = view.part("nginx")
    if part["status"] != "ok":
        return Answer(str(part["status"]), inert(part["reason"], 400))
    if "running" not in part["data"]:
        return Answer("unknown", "an older release made this observation")
    return None


def _app_addresses(view: HostView) -> set[str]:
    app = view.service("app")
    return {str(address) for address in (app or {}).get("networks", {}).values() if address}


def _container_like(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private and not address.is_loopback


def _since(data: dict[str, Any]) -> str:
    return f"the workers run since {data['running']['since']}"


def _newer_lines(data: dict[str, Any]) -> list[str]:
    rows = data["running"]["newer_files"]
    lines = [f"{inert(row['file'], 160)} was changed at {row['changed_at']}" for row in rows[:5]]
    left = data["running"]["newer_count"] - len(lines)
    return [*lines, *([f"and {left} more files"] if left > 0 else []), _since(data)]


# -- the configuration as a whole ---------------------------------------------------------------------------


def _not_the_proxy(data: dict[str, Any]) -> Answer | None:
    """The answer where this nginx, as far as its files can be read without a fault, has nothing to do with the port."""
    ill = data["problems"] or data["errors"] or data["running"]["newer_count"]
    if data.get("selected_by") != "none" or ill:
        return None
    return Answer("skipped", f"this host's nginx is not the chargers' proxy: {inert(data['selection_note'], 200)}")


def _config_invalid(view: HostView, data: dict[str, Any]) -> Answer:
    running, found, probe = data["running"], data["problems"], view.probe("proxy")
    elsewhere = _not_the_proxy(data)
    if elsewhere is not None:
        return elsewhere
    if running["status"] != "stopped" and _of_another(data):
        return Answer("unknown", inert(running["reason"], 300))
    if found and running["status"] == "stopped" and running["version"] is None:
        return Answer("unknown", "the files are invalid, but no nginx runs and none can be called: it may be gone")
    if found:
        lines = [f"{inert(row['file'], 160)}:{row['line']}: {inert(row['error'], 240)}" for row in found[:5]]
        what = "nginx does not start with it" if running["status"] == "stopped" else "its next reload or restart fails"
        # Where another program serves the chargers an nginx that does not run is not their trouble.
        aside = running["status"] == "stopped" and probe is not None and probe.stage >= _PATH_STAGE
        message = f"nginx's configuration on disk is invalid at {lines[0].partition(': ')[0]}: {what}."
        return Answer("fail", message=message, evidence=_told(lines), aside=aside)
    if data["errors"]:
        row = data["errors"][0]
        return Answer("unknown", f"not all files could be read: {inert(row['file'], 160)}: {inert(row['error'], 200)}")
    if running["status"] == "ok" and not running["newer_count"] and running["reason"] is None:
        return Answer("pass")
    return Answer("unknown", "no fault was seen, but only nginx itself tells whether it would load these files")


def _config_not_loaded(view: HostView, data: dict[str, Any]) -> Answer:
    running = data["running"]
    elsewhere = _not_the_proxy(data)
    if elsewhere is not None:
        return elsewhere
    if running["status"] == "stopped":
        return Answer("skipped", inert(running["reason"], 300))
    if running["status"] != "ok":
        return Answer("unknown", inert(running["reason"] or "the running nginx was not seen", 300))
    if not running["newer_count"]:
        return Answer("unknown", inert(running["reason"], 300)) if running["reason"] else Answer("pass")
    against = _contradictions(view, data)
    if against:
        message = "nginx runs an older configuration than its files hold: it does not do what they say."
        return Answer("fail", message=message, evidence=_told([*against, *_newer_lines(data)]))
    worse = _breaks_at_reload(view, data)
    message = "nginx's files were changed after its running workers had read them."
    if worse:
        message = "nginx's files were changed and not loaded; the next reload breaks the chargers' path."
    hint = "a file that was only touched looks the same"
    return Answer("fail", message=message, evidence=_told([*worse, *_newer_lines(data), hint]), aside=True)


def _contradictions(view: HostView, data: dict[str, Any]) -> list[str]:
    """What the files say and the probe through nginx disproves."""
    probe, forwards = view.probe("proxy"), _forwards(data)
    if probe is None or forwards is None:
        return []
    gate = str(probe.gates.get("finding") or "")
    if gate in _HEADERS and forwards[_HEADERS[gate]]["arrives"]:
        return [f"{cited(forwards[_HEADERS[gate]])} stands in the files, but the header does not arrive"]
    if gate == "proxy-http10-upstream" and forwards["http_version"]["value"] in _EVER_11:
        return [f"{_version_line(forwards['http_version'], data)}, but SteVe is asked in HTTP/1.0"]
    finding = probe.endpoint.get("finding")
    if finding in ("proxy-bad-gateway", "proxy-no-route") and _leads_to_direct(forwards["upstream"], view):
        return [f"{cited(forwards['upstream'])} leads to where SteVe answers, but nginx does not go there"]
    return []


def _breaks_at_reload(view: HostView, data: dict[str, Any]) -> list[str]:
    """What works now and would not with the files as they are."""
    probe, forwards = view.probe("proxy"), _forwards(data)
    if probe is None or forwards is None or probe.gates["verdict"] != "proven":
        return []
    lines = [_header_line(forwards[name]) for name in _HEADERS.values() if forwards[name]["arrives"] is False]
    if forwards["http_version"]["value"] == "1.0":
        lines.append(_version_line(forwards["http_version"], data))
    return lines


def _leads_to_direct(upstream: dict[str, Any], view: HostView) -> bool:
    """Whether an upstream is the very place at which SteVe was reached directly."""
    direct = view.probe("direct")
    if direct is None or not direct.reachable:
        return False
    try:
        url = urlsplit(str(direct.data["url"]))
        place = (_loopback(url.hostname or ""), url.port or (443 if url.scheme == "wss" else 80))
    except ValueError:
        return False
    servers = upstream["servers"]
    return bool(servers) and all((_loopback(str(one["host"])), one["port"]) == place for one in servers)


def _loopback(host: str) -> str:
    return "localhost" if host in ("localhost", "127.0.0.1", "::1") else host.lower()


# -- the upstream -------------------------------------------------------------------------------------------


def _stale_upstream(view: HostView, probe: Probe) -> Answer:
    """Whether nginx goes to an address that the upstream's name had when it was loaded, and has no more."""
    hop, vantage = probe.hop, probe.vantage

    def open_(reason: str) -> Answer:
        return Answer("unknown", reason, hop=hop, vantage=vantage)

    passed = Answer("pass", hop=hop, vantage=vantage)
    silent = probe.endpoint.get("finding") == "http-timeout"
    if probe.endpoint.get("finding") != "proxy-bad-gateway" and not silent:
        return passed if probe.stage >= _PATH_STAGE else open_("the connection did not get this far")
    unread = _unread(view)
    if unread is not None:
        return open_(f"nginx was not read: {unread.reason}")
    data = _data(view) or {}
    forwards, running, direct = _forwards(data), data["running"], view.probe("direct")
    if forwards is None or not forwards["upstream"]["servers"]:
        return open_("where the WebSocket path leads cannot be told from the files")
    if not any(server["kind"] == "name" for server in forwards["upstream"]["servers"]):
        kinds = {server["kind"] for server in forwards["upstream"]["servers"]}
        return open_("the upstream was not understood") if "unknown" in kinds else passed
    if direct is None or not direct.reachable:
        return open_("SteVe was not reached directly")
    if running["status"] != "ok":
        return open_(inert(running["reason"] or "the running nginx was not seen", 300))
    if running["newer_count"]:
        return open_("nginx's files are newer than its workers, so where those go is not known")
    now = data.get("upstream_now") or {"servers": [], "errors": [], "errors_reason": None}
    current = {(address, row["port"]) for row in now["servers"] for address in row["addresses"]}
    if not current:
        return open_("the upstream's name has no address now")
    used = [place for place in (_place(row["place"]) for row in now["errors"]) if place is not None]
    app = _app_addresses(view)
    reach = any(row["answering"] for row in now["servers"]) or any(address in app for address, _port in current)
    gone = [place for place in used if place not in current]
    if used and not gone:
        return passed
    if silent and not gone:
        return open_("nginx does not answer, and its error log does not tell where it went")
    if gone and reach:
        went = f"nginx's error log: it went to {gone[-1][0]}:{gone[-1][1]}"
    else:
        age = _started_after(view, data)
        if age is None or not any(row["answering"] for row in now["servers"]):
            return open_("the name is looked up once, at nginx's start; whether its address changed since was not seen")
        went = age
    names = ", ".join(sorted({f"{row['host']}:{row['port']}" for row in now["servers"]}))
    means = ", ".join(sorted(f"{address}:{port}" for address, port in current))
    lines = [
        f"{cited(forwards['upstream'])} (looked up once, when it is loaded)",
        went,
        f"{inert(names, 160)} is {inert(means, 200)} now",
        _since(data),
    ]
    message = f"nginx still uses an address that {inert(names, 120)} no longer has."
    return Answer("fail", message=message, hop=hop, vantage=vantage, evidence=_told(lines))


def _place(text: Any) -> tuple[str, int] | None:
    host, separator, port = str(text).rpartition(":")
    try:
        return (str(ipaddress.ip_address(host.strip("[]"))), int(port)) if separator else None
    except ValueError:
        return None


def _started_after(view: HostView, data: dict[str, Any]) -> str | None:
    """The sentence that the app container was started after the workers; None where it was not, or nobody knows."""
    app, since = view.service("app"), data["running"]["since"]
    started = str((app or {}).get("started_at") or "")[:19]
    if not app or not started or not since or started <= str(since)[:19]:
        return None
    return f"{inert(app['container'], 80)} was started at {started}Z, after nginx's workers"


# -- time limits --------------------------------------------------------------------------------------------


def _timeout_short(view: HostView, probe: Probe) -> Answer:
    """Whether nginx cuts a charger that is silent between two of SteVe's pings.

    By itself that is a warning: a charger with a short heartbeat or pings of its own never notices. Drops that were
    seen at this very period make it a failure.
    """
    unread = _unread(view)
    if unread is not None:
        return Answer(unread.status, unread.reason, hop=probe.hop, vantage=probe.vantage)
    data = _data(view) or {}
    forwards, running = _forwards(data), data["running"]
    if forwards is None:
        reason = data.get("selection_note") or "its location hands the WebSocket path to no HTTP upstream"
        return Answer("skipped", inert(reason, 300), hop=probe.hop, vantage=probe.vantage)
    limit = forwards["read_timeout"]
    if _of_another(data):
        status = "skipped" if running["status"] == "stopped" else "unknown"
        return Answer(status, inert(running["reason"], 300), hop=probe.hop, vantage=probe.vantage)
    if running["newer_count"]:
        reason = "nginx's files are newer than its workers, so the limit that acts is not known"
        return Answer("unknown", reason, hop=probe.hop, vantage=probe.vantage)
    if limit["seconds"] is None:
        return Answer("unknown", f"{cited(limit)} was not understood", hop=probe.hop, vantage=probe.vantage)
    if limit["seconds"] > PING_S:
        return Answer("pass", hop=probe.hop, vantage=probe.vantage)
    cut = _dropping(view, limit["seconds"])
    lines = [
        cited(limit) + (f" (default {limit['seconds']:g} s)" if limit["default"] else ""),
        f"SteVe pings every {PING_S:g} s",
    ]
    for box, period in list(cut.items())[:5]:
        lines.append(f"log: {inert(box, 60)} is dropped again and again, each time after {period:g} s")
    if running["status"] != "ok":
        lines.append("whether nginx runs with these files was not seen")
    if cut:
        shown = ", ".join(inert(box, 60) for box in list(cut)[:3]) + (", ..." if len(cut) > 3 else "")
        message = f"nginx closes connections that are silent for {limit['seconds']:g} s, and so it drops {shown}."
        return Answer("fail", None, message, probe.hop, probe.vantage, _told(lines), tuple(cut))
    message = (
        f"nginx closes connections that are silent for {limit['seconds']:g} s: a charger whose own pings and "
        "heartbeats are further apart is cut."
    )
    return Answer("fail", None, message, probe.hop, probe.vantage, _told(lines), aside=True)


def _dropping(view: HostView, limit_s: float) -> dict[str, float]:
    """Charge boxes that the log sees dropped after a silence of this limit, with the silence in seconds."""
    part = view.part("log")
    if part["status"] != "ok":
        return {}
    found = {}
    for box in part["data"]["boxes"]:
        silence = (box["drops"]["idle"] or {}).get("period_s")
        if silence is not None and limit_s * 0.9 <= silence <= limit_s * 1.1 + 2:
            found[str(box["id"])] = float(silence)
    return found


QUESTIONS: dict[str, Question] = {
    "proxy-config-invalid": _of_host(_config_invalid),
    "proxy-config-not-loaded": _of_host(_config_not_loaded),
    "proxy-stale-upstream": _of_proxy(_stale_upstream),
    "proxy-timeout-short": _of_proxy(_timeout_short),
}
