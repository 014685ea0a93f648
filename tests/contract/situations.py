# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probe says in a situation, era by era: one table that is tested and printed (``docs/situations.md``).

An outcome is a finding's id, ``accepted``, ``proven``, ``reachable``, or ``undetermined`` with the candidates that
stay possible. It holds from the release it is given for until the next one that is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

RELEASES = ("3.4.8", "3.4.9", "3.5.1", "3.6.1", "3.7.1", "3.8.0", "3.9.0", "3.12.0", "3.13.0", "3.14.1")
FORK = "expressync"
RUNBOOK = "runbook"
ERAS = (*RELEASES, FORK, RUNBOOK)
FORK_BASE = "3.12.0"
"""The fork answers the handshake like this release, as far as is known."""

PASSWORD = "a-password-of-20-chr"
HEX_PASSWORD = "00112233445566778899aabbccddeeff01234567"
BOXES = ("CP-1", "CP 2", "CP-\u00e9", "CP+3", "CP%4", "CP;5", "CP/6", "CP=7", "x" * 255)
"""Registered in every era, without a security profile."""
PROFILES = {"SP-1": 1, "SP-2": 2, "SP-3": 3, "SP-HEX": 1}
"""Registered with a security profile, which counts from 3.9.0 on; the password is PASSWORD, of SP-HEX HEX_PASSWORD."""

OPEN = "undetermined"


def either(*candidates: str) -> str:
    """An outcome that stays open."""
    return f"{OPEN}: {', '.join(candidates)}"


@dataclass(frozen=True)
class Situation:
    """One situation and what the probe says in it.

    Attributes:
        title: for a reader.
        part: what is looked at: ``box`` (would SteVe accept the id), ``endpoint`` (is it there), ``upgrade`` (would an
            upgrade get through).
        outcomes: outcome by the release from which on it holds; ``runbook`` and ``expressync`` may have their own.
        charge_box_id: the id asked about.
        password: given for it.
        subprotocols: offered.
        path: of the URL, without id.
        proxy: mode of the faulty proxy in between, None on the direct hop.
        tls: whether that proxy speaks TLS to its clients.
        properties: settings of SteVe that differ from the shipped ones.
        faults: of the simulator.
        last_gate: whether it is sent.
        timeout_s: seconds for one request.
        sessions: sessions that the probe opens against its will, and closes.
    """

    title: str
    part: str
    outcomes: Mapping[str, str]
    charge_box_id: str = "CP-1"
    password: str | None = None
    subprotocols: tuple[str, ...] = ("ocpp1.6",)
    path: str = "/steve/websocket/CentralSystemService"
    proxy: str | None = None
    tls: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    last_gate: bool = False
    timeout_s: float = 5.0
    sessions: Mapping[str, int] = field(default_factory=dict)

    def outcome(self, era: str) -> str:
        """What is expected in an era."""
        return _from(self.outcomes, era)

    def opened(self, era: str) -> int:
        """Sessions expected to be opened and closed."""
        return _from(self.sessions, era) if self.sessions else 0


Value = TypeVar("Value")


def _from(values: Mapping[str, Value], era: str) -> Value:
    if era in values:
        return values[era]
    if era == RUNBOOK:
        return values[RELEASES[-1]] if RELEASES[-1] in values else _from(values, RELEASES[-1])
    place = RELEASES.index(FORK_BASE if era == FORK else era)
    return next(values[name] for name in reversed(RELEASES[: place + 1]) if name in values)


UNREGISTERED = "charge-box-unregistered"
INVALID = "charge-box-id-invalid"
OLDEST = RELEASES[0]


def box(accepted_from: str = "3.4.9", **outcomes: str) -> dict[str, str]:
    """Outcomes about an id: open up to 3.4.8; names are releases with ``_`` for the dots."""
    named = {name.lstrip("_").replace("_", "."): value for name, value in outcomes.items()}
    return {OLDEST: either(), accepted_from: "accepted", **named}


def everywhere(outcome: str) -> dict[str, str]:
    """The same in every era."""
    return {OLDEST: outcome}


IDS = [
    Situation("registered", "box", box()),
    Situation("not registered", "box", {OLDEST: either(), "3.4.9": UNREGISTERED}, "CP-9"),
    Situation("registered, spelt in another case", "box", box(runbook=UNREGISTERED), "cp-1"),
    Situation("registered, with a trailing blank", "box", box(_3_5_1=INVALID, runbook=UNREGISTERED), "CP-1 "),
    Situation(
        "leading blank", "box", {OLDEST: either(), "3.4.9": UNREGISTERED, "3.5.1": INVALID, RUNBOOK: UNREGISTERED},
        " CP-1",
    ),
    Situation("registered, with a forbidden character (=)", "box", box(_3_5_1=INVALID, runbook="accepted"), "CP=7"),
    Situation("registered, with an inner blank", "box", box(), "CP 2"),
    Situation("registered, not ASCII", "box", box(), "CP-\u00e9"),
    Situation("registered, with a plus", "box", box(), "CP+3"),
    Situation("registered, 255 characters", "box", box(), "x" * 255),
    Situation(
        "registered, with a percent sign", "box",
        {OLDEST: either(), "3.4.9": INVALID, "3.5.1": "accepted", "3.6.1": INVALID}, "CP%4",
    ),
    Situation("registered, with a semicolon", "box", box(_3_6_1=INVALID), "CP;5"),
    Situation("registered, with a slash", "box", everywhere(INVALID), "CP/6"),
    Situation(
        "a character beyond U+FFFF", "box", {OLDEST: either(), "3.5.1": either(INVALID, "db-unreachable")},
        "CP-\U0001f50c",
    ),
]  # fmt: skip

SUBPROTOCOLS = [
    Situation("nothing offered", "box", {OLDEST: either(), "3.4.9": "subprotocol-missing"}, subprotocols=()),
    Situation(
        "only ocpp2.0.1 offered", "box",
        {OLDEST: either(), "3.4.9": "subprotocol-unsupported", RUNBOOK: "accepted"}, subprotocols=("ocpp2.0.1",),
    ),
    Situation(
        "only OCPP1.6 offered (wrong case)", "box", {OLDEST: either(), "3.4.9": "subprotocol-unsupported"},
        subprotocols=("OCPP1.6",),
    ),
    Situation("ocpp2.0.1 and ocpp1.6 offered", "box", box(), subprotocols=("ocpp2.0.1", "ocpp1.6")),
    Situation("ocpp1.5 offered", "box", box(), subprotocols=("ocpp1.5",)),
    Situation(
        "not registered, and only ocpp2.0.1 offered", "box", {OLDEST: either(), "3.4.9": UNREGISTERED}, "CP-9",
        subprotocols=("ocpp2.0.1",),
    ),
    Situation(
        "ocpp1.6 switched off in SteVe (since 3.10)", "box",
        box(_3_12_0="subprotocol-unsupported"),
        properties={"steve.ocpp.enabled-protocols.v16.json": "false"},
    ),
    Situation("auto-registration on, new id", "box", box(), "NEW-1",
              properties={"auto.register.unknown.stations": "true"}),
]  # fmt: skip

NO_PASSWORD = either("basic-auth-refused", "client-certificate-refused", "profile-requires-tls")
NO_PASSWORD_3_9 = either("basic-auth-refused", "client-certificate-refused")
NO_TLS = either("client-certificate-refused", "profile-requires-tls")

PROFILE_BOXES = [
    Situation("profile 1, right password", "box", box(), "SP-1", PASSWORD),
    Situation("profile 1, wrong password", "box", box(_3_9_0="basic-auth-refused", runbook="accepted"), "SP-1", "no"),
    Situation(
        "profile 1, no password given", "box", box(_3_9_0=NO_PASSWORD_3_9, _3_12_0=NO_PASSWORD, runbook="accepted"),
        "SP-1",
    ),
    Situation("profile 1, hexadecimal password as SteVe has it", "box", box(), "SP-HEX", HEX_PASSWORD),
    Situation(
        "profile 1, password in another form than SteVe's", "box",
        box(_3_9_0="basic-auth-refused", runbook="accepted"), "SP-1", PASSWORD.encode().hex(),
    ),
    Situation(
        "profile 2 over plain ws, right password", "box", box(_3_14_1=NO_TLS, runbook="accepted"), "SP-2", PASSWORD
    ),
    Situation(
        "profile 2 over plain ws, SteVe believes X-Forwarded-Proto", "box",
        box(_3_14_1="profile-requires-tls", runbook="accepted"), "SP-2", PASSWORD,
        properties={"steve.ocpp.security.protocol-header-from-proxy": "X-Forwarded-Proto"},
    ),
    Situation(
        "profile 2 behind TLS, the scheme is told", "box", box(), "SP-2", PASSWORD, proxy="tell-scheme", tls=True,
        properties={"steve.ocpp.security.protocol-header-from-proxy": "X-Forwarded-Proto"},
    ),
    Situation(
        "profile 2 behind TLS, the proxy does not tell the scheme", "box",
        box(_3_14_1="proxy-scheme-not-forwarded", runbook="accepted"), "SP-2", PASSWORD, proxy="ok", tls=True,
        properties={"steve.ocpp.security.protocol-header-from-proxy": "X-Forwarded-Proto"},
    ),
    Situation(
        "profile 2 behind TLS, the scheme is told and SteVe does not listen", "box",
        box(_3_14_1=either(
            "client-certificate-refused", "proxy-scheme-not-forwarded", "proxy-authorization-stripped"
        ), runbook="accepted"),
        "SP-2", PASSWORD, proxy="tell-scheme", tls=True,
    ),
    Situation(
        "profile 3, no certificate", "box", box(_3_9_0=NO_PASSWORD_3_9, _3_12_0=NO_PASSWORD, runbook="accepted"), "SP-3"
    ),
    Situation(
        "profile 1, the proxy drops Authorization", "box",
        box(
            _3_9_0=either("client-certificate-refused", "proxy-authorization-stripped"),
            _3_12_0=either("client-certificate-refused", "profile-requires-tls", "proxy-authorization-stripped"),
            runbook="accepted",
        ),
        "SP-1", PASSWORD, proxy="strip-authorization",
    ),
]  # fmt: skip

PATHS = [
    Situation("the right path", "endpoint", everywhere("reachable")),
    Situation("another context", "endpoint", everywhere("wrong-context-path"),
              path="/other/websocket/CentralSystemService"),
    Situation("the context in capitals", "endpoint", everywhere("wrong-context-path"),
              path="/STEVE/websocket/CentralSystemService"),
    Situation("no context", "endpoint", everywhere("wrong-context-path"), path="/websocket/CentralSystemService"),
    Situation("a misspelt path", "endpoint", everywhere("wrong-path"), path="/steve/websocket/CentralSysremService"),
    Situation("the path in lower case", "endpoint", everywhere("wrong-path"),
              path="/steve/websocket/centralsystemservice"),
    Situation("the SOAP path", "endpoint", everywhere("soap-path"), path="/steve/services/CentralSystemService"),
    Situation(
        "the data base does not answer", "box",
        {OLDEST: either(), "3.4.9": either("db-unreachable", "http-timeout")}, faults=("db-dead",), timeout_s=1.0,
    ),
    Situation("SteVe accepts connections and never answers", "endpoint", everywhere("http-timeout"),
              faults=("freeze",), timeout_s=0.5),
    Situation("a TLS alert answers a plain request", "endpoint", everywhere("plain-on-tls-port"), faults=("garbage",)),
]  # fmt: skip


def gate(outcome: str) -> dict[str, str]:
    """Outcomes of the last gate, which is not sent up to 3.4.8."""
    return {OLDEST: "unproven", "3.4.9": outcome}


PROXIES = [
    Situation("directly", "upgrade", gate("proven"), last_gate=True),
    Situation("the proxy forwards everything", "upgrade", gate("proven"), proxy="ok", last_gate=True),
    Situation("Connection is always upgrade", "upgrade", gate("proven"), proxy="constant-connection", last_gate=True),
    Situation("the last gate was not asked for", "upgrade", everywhere("unproven"), proxy="ok"),
    Situation("the proxy drops Upgrade", "upgrade", everywhere("proxy-upgrade-stripped"), proxy="strip-upgrade",
              last_gate=True),
    Situation("the proxy drops Connection", "upgrade", everywhere("proxy-connection-stripped"),
              proxy="strip-connection", last_gate=True),
    Situation("the proxy drops both", "upgrade", everywhere("proxy-upgrade-stripped"),
              proxy="strip-upgrade-and-connection", last_gate=True),
    Situation("the proxy speaks HTTP/1.0 to SteVe", "upgrade", gate("proxy-http10-upstream"), proxy="http10",
              last_gate=True),
    Situation("nginx without any WebSocket line", "upgrade", everywhere("proxy-upgrade-stripped"), proxy="bare",
              last_gate=True),
    Situation("the proxy drops Sec-WebSocket-Extensions", "upgrade", gate("proven"), proxy="strip-extensions",
              last_gate=True, sessions={OLDEST: 0, "3.4.9": 1}),
    Situation(
        "the proxy drops Sec-WebSocket-Protocol", "box",
        {OLDEST: either(), "3.4.9": "subprotocol-missing", "3.5.1": either(INVALID, "subprotocol-missing"),
         RUNBOOK: "subprotocol-unsupported"},
        proxy="strip-subprotocol",
    ),
    Situation("the proxy routes nothing", "endpoint", everywhere("proxy-no-route"), proxy="no-route"),
    Situation("the proxy routes all but the WebSocket path", "endpoint", everywhere("proxy-no-route"),
              proxy="no-route-websocket"),
    Situation("the proxy answers 404 without a body", "endpoint", everywhere("proxy-no-route"), proxy="bare-404"),
    Situation("the proxy forbids", "endpoint", everywhere("proxy-no-route"), proxy="forbidden"),
    Situation("a login page elsewhere (302)", "endpoint", everywhere("proxy-login-wall"), proxy="login-302"),
    Situation("a login page (200)", "endpoint", everywhere("proxy-login-wall"), proxy="login-200"),
    Situation("HTTP Basic (401 with a challenge)", "endpoint", everywhere("proxy-login-wall"), proxy="login-401"),
    Situation("a login page on the WebSocket path only (302)", "endpoint", everywhere("proxy-login-wall"),
              proxy="login-302-websocket"),
    Situation("a login page on the WebSocket path only (200)", "endpoint", everywhere("proxy-login-wall"),
              proxy="login-200-websocket"),
    Situation("HTTP Basic on the WebSocket path only", "endpoint", everywhere("proxy-login-wall"),
              proxy="login-401-websocket"),
    Situation("the proxy redirects to https", "endpoint", everywhere("redirected"), proxy="redirect-https"),
    Situation("502", "endpoint", everywhere("proxy-bad-gateway"), proxy="bad-gateway"),
    Situation("503", "endpoint", everywhere("proxy-bad-gateway"), proxy="unavailable"),
    Situation("504", "endpoint", everywhere("proxy-bad-gateway"), proxy="gateway-timeout"),
    Situation("504 on the WebSocket path only", "endpoint", everywhere(either("proxy-bad-gateway", "db-unreachable")),
              proxy="gateway-timeout-websocket"),
    Situation("500 of the proxy", "endpoint", everywhere(either()), proxy="server-error"),
    Situation("413", "endpoint", everywhere(either()), proxy="too-large"),
    Situation("429", "endpoint", everywhere(either()), proxy="too-many"),
    Situation("the proxy never answers", "endpoint", everywhere("http-timeout"), proxy="silent", timeout_s=0.5),
    Situation("the proxy puts something before the path", "endpoint", everywhere("wrong-context-path"),
              proxy="wrong-path"),
    Situation("wss to a plain port", "endpoint", everywhere("tls-on-plain-port"), tls=True),
]  # fmt: skip

GROUPS = {
    "Charge box ids": IDS,
    "Subprotocols": SUBPROTOCOLS,
    "Security profiles": PROFILE_BOXES,
    "Paths and the server itself": PATHS,
    "Proxies": PROXIES,
}
SITUATIONS = [item for group in GROUPS.values() for item in group]

HEAD = """\
<!--
Copyright (c) 2026, chargeops.steve contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
Written by docs/generate.py from tests/contract/situations.py: change that file, then run `make docs`.
-->

# What the probe says, release by release

Each row is a situation, each cell what `steve_ws_probe` says there when nobody tells it the release. A test sends every
row to a simulator of every release ({rows} situations, {cells} cells). `undetermined` is followed by the causes that
stay possible; without any, the evidence says what would settle it. Ranges of releases without a difference are one
column entry.

Where the facts come from: {evidence}. `expressync` is a fork of the 3.12 line and answers these like 3.12.0; `runbook`
is no release but a way of reading (`era: runbook`), never detected.
"""


def spans(situation: Situation) -> list[tuple[str, str]]:
    """Ranges of eras with one outcome, oldest first; the dialects on their own where they differ."""
    found: list[tuple[list[str], str]] = []
    for era in RELEASES:
        outcome = situation.outcome(era)
        if found and found[-1][1] == outcome:
            found[-1][0].append(era)
        else:
            found.append(([era], outcome))
    rows = [(names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", outcome) for names, outcome in found]
    if situation.outcome(RUNBOOK) != found[-1][1]:
        rows.append((RUNBOOK, situation.outcome(RUNBOOK)))
    return rows


def page(evidence: Mapping[str, str]) -> str:
    """docs/situations.md; ``evidence``: release → where its facts come from."""
    kinds: dict[str, list[str]] = {}
    for release, kind in evidence.items():
        kinds.setdefault(kind, []).append(release)
    told = "; ".join(f"{', '.join(names)} {kind}" for kind, names in kinds.items())
    count = len(SITUATIONS)
    lines = [HEAD.format(rows=count, cells=count * len(ERAS), evidence=told)]
    for title, group in GROUPS.items():
        lines += [f"## {title}\n", "| situation | releases | verdict |", "|---|---|---|"]
        for situation in group:
            for number, (eras, outcome) in enumerate(spans(situation)):
                name = situation.title if number == 0 else ""
                lines.append(f"| {name} | {eras} | `{outcome.rstrip(': ')}` |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
