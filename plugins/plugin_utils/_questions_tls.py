# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about what a TLS endpoint presents: certificates and protocol versions.

They are asked of the endpoints that the chargers come to. What the host that looked says itself is evidence: its trust
store is not the chargers'. That one comes with the observation (``steve_charger_ca``), like the protocol versions
that the chargers speak (``steve_charger_tls_versions``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _chains
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._chains import Host, Judgement, Verdict
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView

Endpoint = dict[str, Any]
Judge = Callable[[Endpoint, HostView], "tuple[Verdict, tuple[str, ...]]"]
#: Lines of evidence for one endpoint; the report shows the first few, the findings document all.
_MAX_LINES = 12


def _asked(view: HostView, judge: Judge) -> list[Answer]:
    """One answer for each hop and vantage, over all addresses that its name has."""
    answers = []
    for (hop, vantage), endpoints in _groups(view).items():
        ways = [item for item in endpoints if _another_way(item, view) is None]
        if ways:
            answers.append(_answer(hop, vantage, ways, view, judge))
        else:
            answers.append(Answer("skipped", _another_way(endpoints[0], view), hop=hop, vantage=vantage))
    part = view.part("tls")
    if part["status"] != "ok":
        answers.append(Answer(str(part["status"]), inert(part["reason"], 400)))
    for vantage, reason in view.dead_vantages.items():
        answers.append(Answer("unknown", f"vantage {vantage} was not reached: {reason}", hop="public", vantage=vantage))
    return answers or [Answer("unknown", "no TLS endpoint was looked at")]


def _groups(view: HostView) -> dict[tuple[str, str], list[Endpoint]]:
    """Endpoints by hop and vantage; the host's own look at the public name only where no vantage saw it."""
    groups: dict[tuple[str, str], list[Endpoint]] = {}
    for item in view.tls:
        groups.setdefault((str(item["hop"]), str(item["vantage"])), []).append(item)
    elsewhere = any(hop == "public" and vantage != "host" for hop, vantage in groups)
    return {key: items for key, items in groups.items() if not (elsewhere and key == ("public", "host"))}


def _another_way(endpoint: Endpoint, view: HostView) -> str | None:
    """Why an endpoint is not one that chargers come to; None when it is."""
    public = view.asked.get("public_ws_url")
    if not public:
        return None
    parts = urlsplit(str(public))
    if parts.scheme != "wss":
        return "the chargers' URL is plain ws"
    if (parts.hostname or "") != endpoint["host"]:
        return "the chargers come by another name: steve_public_ws_url"
    return None


def _answer(hop: str, vantage: str, endpoints: list[Endpoint], view: HostView, judge: Judge) -> Answer:
    # An address that this place has no way to (no IPv6, say) is the network's matter, as long as another one is seen.
    connected = [item for item in endpoints if item["connected"]] or endpoints
    found = [(item, *judge(item, view)) for item in connected]
    failed = [row for row in found if row[1].status == "fail"]
    if failed:
        endpoint, verdict, _lines = failed[0]
        evidence = []
        for item, _verdict, lines in failed:
            source = f"tls {hop}" + ("" if vantage == "host" else f" from {inert(vantage, 60)}")
            if len(endpoints) > 1:
                source += f" at {inert(item['address'], 60)}"
            evidence += [{"source": source, "detail": inert(line, 500)} for line in lines[:_MAX_LINES]]
        message = f"{verdict.sentence.rstrip('.')} ({_where(endpoint, len(failed), len(endpoints))})."
        return Answer("fail", message=message, hop=hop, vantage=vantage, evidence=tuple(evidence))
    for status in ("unknown", "skipped"):
        for _endpoint, verdict, _lines in found:
            if verdict.status == status:
                return Answer(status, verdict.sentence, hop=hop, vantage=vantage)
    return Answer("pass", hop=hop, vantage=vantage)


def _where(endpoint: Endpoint, failed: int, looked_at: int) -> str:
    host, address = inert(endpoint["host"], 80), inert(endpoint["address"], 60)
    text = f"{endpoint['hop']} hop, {host}" + ("" if host == address else f" at {address}")
    text += f" port {endpoint['port']}"
    if looked_at > 1:
        text += f", {failed} of {looked_at} addresses"
    return text + ("" if endpoint["vantage"] == "host" else f", seen from {inert(endpoint['vantage'], 60)}")


# -- certificates -------------------------------------------------------------------------------------------


def _judgement(endpoint: Endpoint, view: HostView) -> Judgement | Verdict:
    """What the chain of an endpoint is worth, or why that is not known."""
    if endpoint["status"] != "ok":
        return Verdict("unknown", inert(endpoint["reason"] or "no certificate was seen", 400))
    try:
        chain = tuple(base64.b64decode(item, validate=True) for item in endpoint["chain"])
        looked_at = datetime.strptime(str(endpoint["looked_at"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (binascii.Error, ValueError, TypeError):
        return Verdict("unknown", "the observation of the certificate is damaged")
    store, problem = _store(view)
    said = endpoint["verification"]
    seen_by = Host(None if said["ok"] is None else said["code"], said["reason"])
    whole = endpoint["source"] != "leaf"
    return _chains.judge(chain, str(endpoint["host"]), looked_at, whole, seen_by, store, problem)


def _store(view: HostView) -> tuple[tuple[bytes, ...] | None, str | None]:
    """The chargers' trust store, None when it is not given, and why it cannot be used, if so."""
    given = view.chargers.get("ca")
    if not given:
        return None, None
    if given.get("problem"):
        return None, f"steve_charger_ca cannot be used: {inert(given['problem'], 300)}"
    try:
        return tuple(base64.b64decode(item, validate=True) for item in given["certificates"]), None
    except (binascii.Error, ValueError, TypeError, KeyError):
        return None, "steve_charger_ca in the observation is damaged"


def _about(pick: Callable[[Judgement], Verdict]) -> Judge:
    def judge(endpoint: Endpoint, view: HostView) -> tuple[Verdict, tuple[str, ...]]:
        found = _judgement(endpoint, view)
        return (found, ()) if isinstance(found, Verdict) else (pick(found), found.lines)

    return judge


def _name(endpoint: Endpoint, view: HostView) -> tuple[Verdict, tuple[str, ...]]:
    if not view.asked.get("public_ws_url") and _is_local(str(endpoint["host"])):
        said = "steve_url has this host's own address, and the name that chargers use is not known: steve_public_ws_url"
        return Verdict("unknown", said), ()
    return _about(lambda found: found.named)(endpoint, view)


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


# -- protocol versions --------------------------------------------------------------------------------------


def _version(endpoint: Endpoint, view: HostView) -> tuple[Verdict, tuple[str, ...]]:
    """Is there a protocol version in common with the chargers?"""
    states = endpoint["versions"]
    accepted = [version for version in states if states[version]["status"] == "accepted"]
    open_ones = [version for version in states if states[version]["status"] == "unknown"]
    spoken = view.chargers.get("tls_versions") or []
    lines = tuple(
        f"TLS {version}: {state['status']}" + (f" ({inert(state['reason'], 160)})" if state.get("reason") else "")
        for version, state in states.items()
    )
    return _common(accepted, open_ones, spoken, endpoint), lines


def _common(accepted: list[str], open_ones: list[str], spoken: list[str], endpoint: Endpoint) -> Verdict:
    if not accepted:
        return Verdict("unknown", inert(endpoint["reason"] or "no version was accepted from here", 400))
    said = f"The endpoint accepts TLS {' and '.join(accepted)}"
    wanted = spoken or ["1.2", "1.3"]
    common = [version for version in accepted if version in wanted]
    if common and (spoken or "1.2" in common):
        return Verdict("pass")
    undecided = [version for version in wanted if version in open_ones]
    if undecided:
        why = endpoint["versions"][undecided[0]]["reason"]
        return Verdict("unknown", f"whether the endpoint accepts TLS {undecided[0]} is open: {inert(why, 300)}")
    if common:
        why = "whether the chargers speak that is not known: steve_charger_tls_versions"
        return Verdict("unknown", f"the endpoint accepts TLS {' and '.join(common)} only, and {why}")
    if spoken:
        return Verdict("fail", f"{said}, the chargers speak TLS {' and '.join(spoken)}.")
    return Verdict("fail", f"{said}; OCPP wants 1.2 or later.")


QUESTIONS: dict[str, Question] = {
    "tls-version-too-old": lambda view: _asked(view, _version),
    "tls-untrusted": lambda view: _asked(view, _about(lambda found: found.trusted)),
    "tls-chain-incomplete": lambda view: _asked(view, _about(lambda found: found.complete)),
    "tls-expired": lambda view: _asked(view, _about(lambda found: found.valid)),
    "tls-expiring": lambda view: _asked(view, _about(lambda found: found.lasting)),
    "tls-name-mismatch": lambda view: _asked(view, _name),
}
