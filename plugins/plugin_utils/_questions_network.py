# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about hops: names, addresses, what answers there, whether an upgrade gets through, and whose SteVe.

The addresses of one name may lead to several places, and the public name may lead to another SteVe than this
host's. Both are judged by what was answered, never by the address alone: NAT and load balancers are no fault.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils import _same_steve
from ansible_collections.chargeops.steve.plugins.module_utils._addresses import ELSEWHERE
from ansible_collections.chargeops.steve.plugins.module_utils._era import UNKNOWN, from_dict
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import encode_id
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import Entry
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_nginx import evidence_for, refusing
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import STAGES, HostView, Probe

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
_CONNECT = ("tcp-refused", "tcp-timeout", "host-unreachable")
#: Ids that ``hop_answers`` answers.
ANSWERED = (*_STAGE_OF, *_GATES)


def hop_answers(entry: Entry, view: HostView) -> list[Answer]:
    """All answers to a question that is asked at each hop."""
    answers = []
    for probe in view.probes:
        answer = _gate_answer(entry, probe, view) if entry.id in _GATES else _endpoint_answer(entry, probe, view)
        if answer.status == "pass":
            answer = _beside(entry.id, entry.title, probe) or answer
        if entry.layer == "proxy" and probe.hop == "direct" and answer.status != "fail":
            continue
        answers.append(answer)
    return [*answers, *_not_probed(view)] or [Answer("skipped", "no proxy was probed")]


def _not_probed(view: HostView) -> list[Answer]:
    """Hops and vantages from which there is no probe, and why."""
    answers = []
    part = view.part("probes")
    for hop, reason in (part.get("skipped_hops") or {}).items():
        answers.append(Answer("skipped", reason, hop=hop, vantage="host"))
    for vantage, reason in view.dead_vantages.items():
        answers.append(Answer("unknown", f"vantage {vantage} was not reached: {reason}", hop="public", vantage=vantage))
    if part["status"] != "ok":
        answers.append(Answer("unknown", str(part["reason"])))
    return answers


def _endpoint_answer(entry: Entry, probe: Probe, view: HostView) -> Answer:
    hop, vantage = probe.hop, probe.vantage
    stage = STAGES.index(_STAGE_OF[entry.id])
    if (entry.id in _ONLY_TLS and not probe.is_tls) or (entry.id in _ONLY_PLAIN and probe.is_tls):
        return Answer("skipped", "the URL is " + ("wss" if probe.is_tls else "plain ws"), hop=hop, vantage=vantage)
    kept_out = _kept_out(entry.id, probe, view)
    if kept_out is not None:
        return Answer("unknown", kept_out, hop=hop, vantage=vantage)
    if probe.endpoint.get("finding") == entry.id:
        between = _between(entry.id, probe, view)
        hints = (*_url_hints(entry.id, probe), *_bindings(entry.id, probe, view))
        return Answer(
            "fail",
            message=f"{entry.title} ({hop_text(probe)}).{' ' + between if between else ''}",
            hop=hop,
            vantage=vantage,
            evidence=(*probe_evidence(probe.endpoint.get("evidence"), probe), *_files(entry.id, probe, view), *hints),
            # A proxy waits for an answer from an address that nobody has any more. In the catalogue this would be a
            # circle, because a proxy is asked nothing more where SteVe itself is silent.
            needs=("behind:proxy-stale-upstream",) if entry.id == "http-timeout" else (),
        )
    if probe.stage > stage:
        return Answer("pass", hop=hop, vantage=vantage)
    candidates = probe.endpoint.get("candidates") or []
    if probe.stage == stage and entry.id not in candidates and (probe.endpoint.get("finding") or candidates):
        return Answer("pass", hop=hop, vantage=vantage)
    if entry.id in candidates:
        reason = open_between(candidates, probe.endpoint.get("evidence"))
        return Answer("unknown", reason, hop=hop, vantage=vantage, candidates=tuple(candidates))
    return Answer("unknown", "the connection did not get this far", hop=hop, vantage=vantage)


def _kept_out(id: str, probe: Probe, view: HostView) -> str | None:
    """Why a 403 is no missing route: this host's nginx lets some through and others not. None where it may be one."""
    items = probe.endpoint.get("evidence") or [{}]
    forbidden = probe.endpoint.get("finding") == "proxy-no-route" == id and items[0].get("status") == 403
    rule = refusing(view) if forbidden and probe.hop != "direct" else None
    if rule is None:
        return None
    return (
        f"the answer is 403, and this host's nginx decides who may come through ({rule}). Whether the chargers "
        "may shows only from their network: give steve_vantage_hosts a host there"
    )


def _gate_answer(entry: Entry, probe: Probe, view: HostView) -> Answer:
    hop, vantage, gates = probe.hop, probe.vantage, probe.gates
    if gates.get("finding") == entry.id:
        return Answer(
            "fail",
            message=f"{entry.title} ({hop_text(probe)}).",
            hop=hop,
            vantage=vantage,
            evidence=(*probe_evidence(gates.get("evidence"), probe), *_files(entry.id, probe, view)),
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


def _files(id: str, probe: Probe, view: HostView) -> tuple[dict[str, str], ...]:
    """What nginx's files say to it; they are those of this host's own proxy."""
    return evidence_for(id, view) if probe.hop == "proxy" and probe.vantage == "host" else ()


def _gate_reason(gates: dict[str, Any]) -> str:
    notes = [str(item.get("note")) for item in gates.get("evidence") or [] if item.get("note")]
    return inert(gates.get("reason") or "; ".join(notes) or "the gates were not sent", 300)


def hop_text(probe: Probe) -> str:
    """A hop for a person: its URL, what was dialled instead, and from where."""
    url = inert(probe.data["url"], 120)
    if probe.data.get("connect_to"):
        url += f" by way of {inert(probe.data['connect_to'], 60)}"
    return f"{probe.hop} hop, {url}" + ("" if probe.vantage == "host" else f", seen from {inert(probe.vantage, 60)}")


def open_between(candidates: list[str], evidence: Any) -> str:
    """The reason of what stays open: the candidates, and what the evidence says about settling it."""
    notes = [str(item.get("note")) for item in evidence or [] if isinstance(item, dict) and item.get("note")]
    text = "undetermined between " + ", ".join(candidates)
    return inert(text + (": " + "; ".join(notes) if notes else ""), 400)


def _source(probe: Probe) -> str:
    return f"probe {probe.hop}" + ("" if probe.vantage == "host" else f" from {inert(probe.vantage, 60)}")


def probe_evidence(items: Any, probe: Probe) -> tuple[dict[str, str], ...]:
    """Probe evidence as ``{source, detail}``, inert and short."""
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
        result.append({"source": _source(probe), "detail": " ".join(words)})
    return tuple(result)


# -- addresses ----------------------------------------------------------------------------------------------


def _beside(id: str, title: str, probe: Probe) -> Answer | None:
    """What is wrong with some addresses of a name only, beside the one that the probe used; None for nothing."""
    name = _dialled_name(probe)
    rows = [row for row in probe.addresses if row.get("finding") == id and not row.get("used")]
    if not rows or not any(row.get("used") for row in probe.addresses) or is_localhost(name):
        # A host's own name for itself may have an address too many; no charger dials it.
        return None
    shown = ", ".join(inert(row["address"], 60) for row in rows[:4]) + (", ..." if len(rows) > 4 else "")
    count = f"{len(rows)} of {len(probe.addresses)} addresses of {inert(name, 80)}"
    which = "it" if len(rows) == 1 else "one of these"
    evidence = [{"source": _source(probe), "detail": inert(row.get("note") or row["outcome"], 240)} for row in rows[:4]]
    for row in probe.addresses:
        if row.get("used"):
            detail = f"{inert(row['address'], 60)} port {row['port']} was used for everything else"
            evidence.append({"source": _source(probe), "detail": detail})
    return Answer(
        "fail",
        message=f"{title} at {count} ({shown}); chargers that pick {which} cannot connect ({hop_text(probe)}).",
        hop=probe.hop,
        vantage=probe.vantage,
        evidence=tuple(evidence),
        aside=True,
    )


def _dialled_name(probe: Probe) -> str:
    """The name that was resolved, without brackets."""
    place = probe.data.get("connect_to")
    return host_and_port(f"ws://{place}" if place else probe.data["url"])[0]


def host_and_port(url: Any) -> tuple[str, int | None]:
    """Host and port of a URL in an observation; nothing where it cannot be read, because a host may write anything."""
    try:
        parts = urlsplit(str(url))
        return parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
    except ValueError:
        return "", None


def is_localhost(name: str) -> bool:
    """Whether a name or an address means the machine itself, on every machine (RFC 6761, 6.3)."""
    name = name.rstrip(".").lower()
    if name in ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback") or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


#: Where SteVe and proxies usually listen.
_USUAL_PORTS = (80, 443, 8080, 8180, 8443)


def _url_hints(id: str, probe: Probe) -> tuple[dict[str, str], ...]:
    """What is odd about the URL of a hop that could not be connected; a hint, never a finding."""
    if id not in ("dns-unresolvable", *_CONNECT):
        return ()
    name, hints = _dialled_name(probe), []
    port = host_and_port(probe.data["url"])[1]
    if port is not None and port not in _USUAL_PORTS and not probe.data.get("connect_to"):
        usual = ", ".join(str(item) for item in _USUAL_PORTS)
        hints.append(f"port {port} is none of the usual ones ({usual}): is it SteVe's?")
    told = _local_name(name)
    if told:
        hints.append(told)
    return tuple({"source": "url", "detail": item} for item in hints)


def _local_name(name: str) -> str | None:
    """Why a name may be known to some machines only, None when it is an address or has a domain."""
    name = name.rstrip(".").lower()
    shown = inert(name, 80)
    if name.endswith(".local"):
        return (
            f"{shown}: .local names are resolved by mDNS only, which many chargers do not speak, and any machine may "
            "answer to them; give the chargers an address or a name in DNS"
        )
    if name.endswith(".docker.internal"):
        return f"{shown}: only docker's own DNS knows this name"
    if "." not in name and name and not _is_address(name):
        return f"{shown} has no domain: only docker's own DNS or a search domain completes it"
    return None


def _between(id: str, probe: Probe, view: HostView) -> str | None:
    """What a failure to connect from another vantage means when the host itself gets through; None when it does not."""
    if id not in _CONNECT or probe.hop != "public" or probe.vantage == "host":
        return None
    inside = _inside(view)
    if inside is None:
        return None
    if id == "tcp-refused":
        return f"{inside}: it is bound to an address that others do not reach, or a firewall between rejects."
    return f"{inside}: a firewall, NAT or a missing route lies between."


def _inside(view: HostView) -> str | None:
    """How the host itself reaches what the public URL leads to."""
    proxy, direct = view.probe("proxy"), view.probe("direct")
    if proxy is not None:
        way = inert(proxy.data.get("connect_to") or "", 60)
        return f"On the host itself the same URL answers (by way of {way})" if proxy.reachable else None
    if direct is None or not direct.reachable:
        return None
    name, port = host_and_port(direct.data["url"])
    if port is None or port != host_and_port(view.asked.get("public_ws_url") or "")[1]:
        return None
    return f"On the host itself SteVe answers at {inert(name, 80)} port {port}"


def _bindings(id: str, probe: Probe, view: HostView) -> tuple[dict[str, str], ...]:
    """The addresses at which docker publishes the port that refuses, when they are this host's own alone."""
    app, port = view.service("app"), host_and_port(probe.data["url"])[1]
    if id != "tcp-refused" or probe.vantage == "host" or app is None:
        return ()
    places = [str(item.get("address") or "") for item in app.get("ports") or [] if item.get("port") == port]
    if not places or not all(is_localhost(place) and place not in ("0.0.0.0", "::") for place in places):  # noqa: S104
        return ()
    return ({"source": "compose", "detail": f"port {port} is published at {', '.join(places)} only"},)


# -- another SteVe ------------------------------------------------------------------------------------------


def _public_url_elsewhere(view: HostView) -> list[Answer]:
    answers = _by_public_name(view)
    for probe in view.probes:
        if probe.hop != "direct":
            answers.append(_same_steve_answer(probe, view))
    return [*answers, *_not_probed(view)] or [Answer("skipped", "neither a proxy nor the public URL was probed")]


def _by_public_name(view: HostView) -> list[Answer]:
    """What the name in the public URL alone says: whose machine it means, and who can resolve it."""
    url = view.asked.get("public_ws_url")
    if not url:
        return []
    name = host_and_port(url)[0]
    if not is_localhost(name):
        told = _local_name(name)
        return [Answer("unknown", f"where the chargers' way leads is not told: {told}", hop="public")] if told else []
    outside = [probe for probe in view.probes if probe.hop == "public" and probe.vantage != "host"]
    if any(probe.reachable for probe in outside):
        # A bench: the machine that stands for the chargers is this one.
        return []
    message = f"The public URL says {inert(name, 60)}: a charger that dials it reaches itself, and never this host."
    evidence = ({"source": "steve_public_ws_url", "detail": inert(url, 160)},)
    return [Answer("fail", message=message, hop="public", evidence=evidence, aside=True)]


def _same_steve_answer(probe: Probe, view: HostView) -> Answer:
    """Whether the SteVe behind a hop is this host's: by release and by registered charge boxes."""
    hop, vantage = probe.hop, probe.vantage
    if not probe.reachable:
        return _another_server(probe, view) or _not_reached(probe)
    evidence = (*_other_release(probe, view), *_other_boxes(probe, view))
    if evidence:
        used = [inert(row["address"], 60) for row in probe.addresses if row.get("used")]
        dialled = tuple({"source": _source(probe), "detail": f"dialled {address}"} for address in used)
        return Answer(
            "fail",
            message=f"Another SteVe than this host's answers ({hop_text(probe)}).",
            hop=hop,
            vantage=vantage,
            evidence=(*evidence, *dialled),
        )
    beside = _beside(ELSEWHERE, "Another server answers", probe)
    if beside is not None:
        return beside
    if _accepted_here(view) & {row["charge_box_id"] for row in probe.rows if row["verdict"] == "accepted"}:
        return Answer("pass", hop=hop, vantage=vantage)
    return Answer(*_not_compared(probe, view), hop=hop, vantage=vantage)


def _not_reached(probe: Probe) -> Answer:
    if probe.endpoint.get("finding") in _ABSENT:
        return Answer("skipped", "no SteVe was found on this hop", hop=probe.hop, vantage=probe.vantage)
    return Answer("unknown", "the connection did not get this far", hop=probe.hop, vantage=probe.vantage)


#: Findings that say "there is no SteVe under this URL".
_ABSENT = ("proxy-no-route", "wrong-context-path")


def _another_server(probe: Probe, view: HostView) -> Answer | None:
    """From outside a stranger has nothing under a URL that leads to SteVe on the host itself: another server."""
    proxy = view.probe("proxy")
    items = probe.endpoint.get("evidence") or [{}]
    absent = probe.endpoint.get("finding") in _ABSENT and items[0].get("status") == 404
    if proxy is None or not proxy.reachable or probe.vantage == "host" or not absent:
        return None
    way = inert(proxy.data.get("connect_to") or "", 60)
    detail = f"the same URL leads to SteVe (by way of {way})"
    return Answer(
        "fail",
        message=f"Another server than this host's proxy answers ({hop_text(probe)}).",
        hop=probe.hop,
        vantage=probe.vantage,
        evidence=({"source": _source(proxy), "detail": detail}, *probe_evidence(items, probe)),
    )


def _other_release(probe: Probe, view: HostView) -> tuple[dict[str, str], ...]:
    """Evidence that the releases have nothing in common; a release that somebody only named proves nothing."""
    if not probe.data.get("era_seen") or view.era == UNKNOWN or view.era.source == "given":
        return ()
    there = from_dict(probe.data["era_seen"])
    if not _same_steve.disjoint(there, view.era):
        return ()
    return (
        {"source": view.era.source, "detail": f"this host's SteVe is {view.era}"},
        {"source": _source(probe), "detail": f"the answers are those of SteVe {there}"},
    )


def _other_boxes(probe: Probe, view: HostView) -> tuple[dict[str, str], ...]:
    """Evidence that an id which this host's SteVe accepts is not registered there."""
    rows = [row for row in _unknown_there(probe, view) if _is_sure(row, probe, view)]
    if not rows:
        return ()
    shown = ", ".join(inert(row["charge_box_id"], 60) for row in rows[:3])
    return (
        {"source": "probe direct", "detail": f"SteVe accepts {shown}"},
        *probe_evidence(rows[0].get("evidence"), probe),
    )


def _accepted_here(view: HostView) -> set[str]:
    direct = view.probe("direct")
    if direct is None or not direct.reachable:
        return set()
    return {row["charge_box_id"] for row in direct.rows if row["verdict"] == "accepted"}


def _unknown_there(probe: Probe, view: HostView) -> list[dict[str, Any]]:
    """Rows of ids that the direct hop accepts and that are not registered on this one."""
    unregistered = [row for row in probe.rows if row.get("finding") == "charge-box-unregistered"]
    return [row for row in unregistered if row["charge_box_id"] in _accepted_here(view)]


def _is_sure(row: dict[str, Any], probe: Probe, view: HostView) -> bool:
    """Whether the same SteVe behind a proxy that loses or changes the id cannot answer like this."""
    era = view.era if view.era != UNKNOWN else from_dict(probe.data["era"])
    return not _same_steve.loses_an_id_unnoticed(era) and encode_id(row["charge_box_id"]) == row["charge_box_id"]


def _not_compared(probe: Probe, view: HostView) -> tuple[str, str]:
    """Status and reason where nothing could be compared."""
    direct = view.probe("direct")
    unsure = _unknown_there(probe, view)
    if unsure:
        shown = inert(unsure[0]["charge_box_id"], 60)
        return "unknown", (
            f"{shown} is accepted directly and not registered here: another SteVe, or the proxy changes the id on the "
            "way, which this release would answer alike"
        )
    if direct is None or not direct.reachable:
        return "unknown", "SteVe was not reached directly, so there is nothing to compare with"
    if not direct.data["summary"]["asked"]:
        return "skipped", "no charge box id is known that could tell one SteVe from another"
    return "unknown", "no charge box that this host's SteVe accepts was asked about here"


QUESTIONS: dict[str, Question] = {ELSEWHERE: _public_url_elsewhere}
