# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real incidents, staged with real sockets and simulated servers: what does the diagnosis say?

Each row of the table sets the scene of one or more incidents (``incidents.py``), lets the host and other vantages
look at it, and compares the findings. Incidents that no probe can see stand in docs/limits.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _clock, _era
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import gate_charge_box_id

from tests.simulator import running_simulator
from tests.simulator.faulty_proxy import running_proxy
from tests.unit import fake_servers
from tests.unit.fake_servers import answering, forwarding, free_port, full_queue, names, page, serving
from tests.unit.plugins.incidents import INCIDENTS
from tests.unit.plugins.plugin_utils import (
    documents,
    documents_log,
    test_incidents_tls,
    test_questions_webapi,
)
from tests.unit.test_documents import DEFAULTS, PATH, RUN

LIMITS = Path(__file__).resolve().parents[3] / "docs" / "limits.md"
PASSWORD = "password-of-16-ch"
Documents = list[dict[str, Any]]


class Site:
    """A host with SteVe, and with a proxy in front when it has a mode; the public name is charge.test."""

    def __init__(
        self, stack: ExitStack, release: str = "3.14.1", mode: str | None = "ok", boxes: tuple[str, ...] = ("CP-1",)
    ) -> None:
        self.stack = stack
        self.steve = stack.enter_context(running_simulator(release=release, charge_boxes=list(boxes)))
        self.proxy = None
        if mode is not None:
            self.proxy = stack.enter_context(running_proxy(mode, f"127.0.0.1:{self.steve.port}"))
        self.port = self.proxy.port if self.proxy else self.steve.port
        self.url = f"ws://charge.test:{self.port}{PATH}"

    def look(self, **options: Any) -> dict[str, Any]:
        """The host's own observation, without the admin list unless asked for."""
        given = {
            "url": self.steve.url, "public_ws_url": self.url, "charge_box_id": ["CP-1"], "username": None,
            "password": None, "timeout": 3,
        }  # fmt: skip
        self.observation = Observer(options_from(DEFAULTS | given | options)).observe()
        return self.observation

    def seen(self, *addresses: str, url: str | None = None, vantage: str = "charger-net") -> dict[str, Any]:
        """What a vantage sees, for which the public name has these addresses (none: it does not resolve)."""
        accepted = gate_charge_box_id(self.observation)
        era = self.observation["era"]
        request = ProbeRequest(
            url=url or self.url, charge_box_ids=[accepted] if accepted else [], hop="public", vantage=vantage,
            era=_era.given(era["min"] if era["min"] == era["max"] else f"{era['min']}-{era['max']}"), detect_era=True,
            timeout=1.5,
        )  # fmt: skip
        host = str(request.url).split("//")[1].split(":")[0].replace(".", "_")
        with names(**({host: list(addresses)} if addresses else {})):
            result = probe(request)
        part = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": [result]}
        return {"host": "steve-a", "vantage": vantage, "reached": True, "parts": {"probes": part}}


@dataclass(frozen=True)
class Case:
    """One scene.

    Attributes:
        rows: numbers of the incidents.
        stage: sets the scene; the documents that were collected.
        found: (id, hop) of every finding, nothing else.
        undetermined: candidates that an open question has to name.
        says: words in the first finding, its evidence included.
    """

    rows: str
    stage: Callable[[ExitStack], Documents]
    found: tuple[tuple[str, str | None], ...] = ()
    undetermined: tuple[str, ...] = ()
    says: str = ""


# -- scenes: the network


def outside(*addresses: str, behaviour: fake_servers.Behaviour | None = None, mode: str | None = "ok") -> Any:
    """The host is healthy; a vantage dials these addresses, where a server of another kind may stand."""

    def stage(stack: ExitStack) -> Documents:
        site = Site(stack, mode=mode)
        if behaviour is not None:
            stack.enter_context(serving(behaviour, address=addresses[0], port=site.port))
        return [site.look(), site.seen(*addresses)]

    return stage


def silent_network(stack: ExitStack) -> Documents:
    """SYNs from outside get no answer."""
    site = Site(stack)
    stack.enter_context(full_queue("127.0.0.2", site.port))
    return [site.look(), site.seen("127.0.0.2")]


def loopback_url(stack: ExitStack) -> Documents:
    site = Site(stack, mode=None)
    return [site.look(public_ws_url=f"ws://localhost:{site.port}{PATH}")]


def odd_port(stack: ExitStack) -> Documents:
    """A port of an editor's forwarding, at an address without a way (the kernel refuses TCP to a group)."""
    site = Site(stack)
    return [site.look(), site.seen("224.0.0.1", url=f"ws://charge.test:58991{PATH}")]


def closed_port(stack: ExitStack) -> Documents:
    """The port of the pages is open, the one that chargers need is not."""
    site = Site(stack)
    url = f"ws://charge.test:{free_port()}{PATH}"
    return [site.look(public_ws_url=url), site.seen("127.0.0.1", url=url)]


def local_name(*addresses: str) -> Any:
    """A .local name: not resolved at the vantage, or to another machine, which has a web page of its own."""

    def stage(stack: ExitStack) -> Documents:
        site = Site(stack)
        url = f"ws://homeassistant.local:{site.port}{PATH}"
        web = answering([], lambda _data: page("<title>another box</title>", "404 Not Found"))
        stack.enter_context(serving(web, address="127.0.0.2", port=site.port))
        return [site.look(public_ws_url=url), site.seen(*addresses, url=url)]

    return stage


def name_known_to_some(stack: ExitStack) -> Documents:
    site = Site(stack)
    return [site.look(), site.seen("127.0.0.1", vantage="office"), site.seen(vantage="charger-net")]


def tls_to_a_plain_port(stack: ExitStack) -> Documents:
    site = Site(stack, mode=None)
    return [site.look(), site.seen("127.0.0.1", url=site.url.replace("ws:", "wss:"))]


# -- scenes: proxies


def behind(mode: str, **options: Any) -> Any:
    """SteVe is healthy behind a proxy with a fault."""
    return lambda stack: [Site(stack, mode=mode).look(**options)]


def id_lost(release: str) -> Any:
    """``proxy_pass`` with a fixed path, so that SteVe sees no id."""

    def stage(stack: ExitStack) -> Documents:
        site = Site(stack, release, mode=None)
        gone = (b"CentralSystemService/CP-1 ", b"CentralSystemService ")
        cut = forwarding(site.steve.port, lambda data: data.replace(*gone))
        fake = stack.enter_context(serving(answering([], cut)))
        return [site.look(public_ws_url=f"ws://charge.test:{fake.port}{PATH}")]

    return stage


def upstream_without_port(stack: ExitStack) -> Documents:
    """``proxy_pass`` to a port where nothing listens."""
    site = Site(stack, mode=None)
    proxy = stack.enter_context(running_proxy("ok", f"127.0.0.1:{free_port()}"))
    return [site.look(public_ws_url=f"ws://charge.test:{proxy.port}{PATH}")]


def middlebox(stack: ExitStack) -> Documents:
    """Somebody between the chargers and the host takes Upgrade away."""
    site = Site(stack)
    stack.enter_context(running_proxy("strip-upgrade", f"127.0.0.1:{site.port}", host="127.0.0.2", port=site.port))
    return [site.look(), site.seen("127.0.0.2")]


def blocked_start(stack: ExitStack) -> Documents:
    """The server accepts and does not answer (yet), so that the proxy shows 502."""
    site = Site(stack, mode="bad-gateway")
    hanging = stack.enter_context(serving(fake_servers.silent))
    return [site.look(url=f"http://{hanging.place}/steve", timeout=1.5)]


def password_lost(stack: ExitStack) -> Documents:
    site = Site(stack, mode="strip-authorization", boxes=("CP-1", f"SP-1:Accepted:1:{PASSWORD}"))
    return [site.look(charge_box_id=["SP-1"], passwords={"SP-1": PASSWORD})]


# -- scenes: paths, ids, subprotocols


def path(wrong: str, release: str = "3.14.1") -> Any:
    """The chargers' URL has another path."""

    def stage(stack: ExitStack) -> Documents:
        site = Site(stack, release)
        return [site.look(public_ws_url=site.url.replace(PATH, wrong))]

    return stage


def asked(*ids: str, release: str = "3.14.1", boxes: tuple[str, ...] = ("CP-1",), **options: Any) -> Any:
    """SteVe is healthy and is asked about these ids, directly."""
    return lambda stack: [
        Site(stack, release, None, boxes).look(charge_box_id=list(ids), public_ws_url=None, **options)
    ]


#: A web page of the charger's own, at the address that somebody wrote into its URL.
CHARGER_PAGE = answering([], lambda _data: page("<title>Charger</title><h1>Status</h1>", "404 Not Found"))

CASES: tuple[Case, ...] = (
    Case("B1", outside("127.0.0.2", mode=None), (("app-loopback-only", None),), says="listens at 127.0.0.1 port"),
    Case("B2", outside("127.0.0.2", behaviour=fake_servers.closing), (("connection-closed", "public"),)),
    Case("B4 B8 B10 B11", silent_network, (("tcp-timeout", "public"),), says="a firewall, NAT or a missing route lies"),
    Case("B5 B7", loopback_url, (("public-url-elsewhere", "public"),), says="a charger that dials it reaches itself"),
    Case("B13", odd_port, (("host-unreachable", "public"),), says="58991 is none of the usual ones"),
    Case("B14", closed_port, (("tcp-refused", "public"),)),
    Case("C1", local_name(), (("dns-unresolvable", "public"),), says=".local names are resolved by mDNS only"),
    Case("C2", outside(), (("dns-unresolvable", "public"),), says="seen from charger-net"),
    Case("C4", name_known_to_some, (("dns-unresolvable", "public"),), says="seen from charger-net"),
    Case("C5", local_name("127.0.0.2"), (("public-url-elsewhere", "public"),), says="Another server than this host's"),
    Case("D8 D11 D14", tls_to_a_plain_port, (("tls-on-plain-port", "public"),)),
    Case("D16", silent_network, (("tcp-timeout", "public"),)),
    Case("E1", id_lost("3.7.1"), undetermined=("wrong-path",)),
    Case("E1", id_lost("3.14.1"), undetermined=("wrong-path", "db-unreachable")),
    Case("E2", upstream_without_port, (("proxy-bad-gateway", "proxy"),)),
    Case("E4", behind("strip-upgrade"), (("proxy-upgrade-stripped", "proxy"),)),
    Case("E5", middlebox, (("proxy-upgrade-stripped", "public"),), says="seen from charger-net"),
    Case("E8", behind("login-200"), (("proxy-login-wall", "proxy"),)),
    Case("E8", behind("login-302"), (("proxy-login-wall", "proxy"),)),
    Case("E13", blocked_start, (("http-timeout", "direct"),)),
    Case("E14", behind("no-route"), (("proxy-no-route", "proxy"),)),
    Case("E16", password_lost, (("proxy-authorization-stripped", "proxy"),)),
    Case("F1", path("/steve/websocket/CentralSysremService"), (("wrong-path", "proxy"),)),
    Case("F1", path("/steve/websocket/CentralSysremService", "3.7.1"), (("wrong-path", "proxy"),)),
    Case("F2", path("/websocket/CentralSystemService"), (("wrong-context-path", "proxy"),), says="context is /steve"),
    Case("F8", path(""), (("wrong-context-path", "proxy"),), says="context is /steve"),
    Case("F10 F11", path("/steve/services/CentralSystemService"), (("soap-path", "proxy"),)),
    Case("F17", outside("127.0.0.2", behaviour=CHARGER_PAGE), (("public-url-elsewhere", "public"),)),
    Case("G1 G5 G11", asked("CP-l"), (("charge-box-unregistered", "direct"),), says="CP-l"),
    Case("G2", asked("CP-l", release="3.5.1"), (("charge-box-unregistered", "direct"),), says="answered 401"),
    Case("G4", asked("CP-l", release="3.4.9"), (("charge-box-unregistered", "direct"),), says="answered 401"),
    Case("G8", asked("CP(1)=A", release="3.7.1"), (("charge-box-id-invalid", "direct"),), says="answered 400"),
    Case(
        "G10", asked("CP-1", boxes=("CP-1:Rejected",), username="admin", password="1234"),
        (("charge-box-rejected", None),), says="CP-1",
    ),
    Case("H1 H2 H4 H5 H7", asked("CP-1", subprotocols=[]), (("subprotocol-missing", "direct"),)),
    Case("H8 H20", asked("CP-1", subprotocols=["ocpp2.0.1"]), (("subprotocol-unsupported", "direct"),)),
    Case("H10", asked("CP-1", subprotocols=["ocpp1.6", "ocpp1.5"])),
    Case("H10", asked("CP-1", release="3.4.9", subprotocols=["ocpp1.6", "ocpp1.5"])),
)


# -- scenes: SteVe's log


def logged(text: str, **options: Any) -> Callable[[ExitStack], Documents]:
    """A host whose SteVe answers and wrote these lines before."""
    part: dict[str, Any] = {"log": documents_log.log(documents_log.ago(80_000, documents_log.STARTED) + text)}
    return lambda _stack: [documents.observation(**part, **options)]


def broken_start(text: str, state: str = "exited") -> Callable[[ExitStack], Documents]:
    """A host whose SteVe gave up at its start with these lines."""
    endpoint = documents.broken("tcp-refused", "connect", verdict="unreachable")
    app = documents.service(state, exit_code=1, restarts=7 if state == "restarting" else 0)
    parts: dict[str, Any] = {"log": documents_log.log(text), "admin": documents.unknown("refused")}
    return lambda _stack: [
        documents.observation(app=app, probes=[documents.probe(endpoint=endpoint, rows=[])], **parts)
    ]


def dropped(silence: float, code: int = 1006, times: int = 4) -> str:
    """Sessions that end when nothing was said for so long, each after another time."""
    text, closed = "", documents_log.CLOSED.replace("1006", str(code))
    for index in range(times, 0, -1):
        begin, key = index * (silence + 400), f"k{index}"
        spoke = begin - 10 * index
        text += documents_log.booted(begin, key)
        text += documents_log.about(spoke, 'Received: [2,"h","Heartbeat",{}]', key=key)
        text += documents_log.about(spoke - silence, closed, key=key)
    return text


BUILD = "[INFO] Scanning for projects...\n[ERROR] Failed to execute goal org.flywaydb:flyway-maven-plugin:migrate: "
RECONNECTED = documents_log.about(600, documents_log.OPENED) + documents_log.about(
    500, 'Received: [2,"s","StatusNotification",{}]'
)


def refused_password(words: str, end: str = "") -> Callable[[ExitStack], Documents]:
    """A charger whose password SteVe refuses, at each of its knocks."""
    said = f"de.rwth.idsg.steve.service.ChargePointService (qtp-1) - {words} ChargeBoxId 'CP-1'{end}"
    return logged("".join(documents_log.ago(seconds, said, "WARN") for seconds in (300, 200, 100)))


FROM_LOG: tuple[Case, ...] = (
    Case(
        "A1", broken_start(BUILD + "Access denied for user 'steve'@'172.18.0.3' (using password: YES)\n"),
        (("db-refused-login", None),), says="Access denied for user",
    ),
    Case(
        "A2", broken_start(BUILD + "Unable to obtain connection from database (jdbc:mysql://mariadb:3307)\n"),
        (("db-unreachable", None),), says="mariadb:3307",
    ),
    Case(
        "A8",
        broken_start(
            "Starting....\njava.lang.RuntimeException: MySQL and Java are not using the same time zone. Java offset in "
            "seconds (0) != MySQL offset in seconds (3600)\n FAILED!\nPlease refer to the log file for details\n"
        ),
        (("db-time-zone", None),), says="MySQL offset in seconds (3600)",
    ),
    Case(
        "A11",
        broken_start(
            documents_log.ago(9, documents_log.FAILED, "ERROR")
            + "org.springframework.context.ApplicationContextException: Failed to start bean 'webServerStartStop'\n",
            "restarting",
        ),
        (("app-restarting", None),), says="webServerStartStop",
    ),
    Case(
        "A4", broken_start(BUILD + "Error Code : 1419\nMessage    : You do not have the SUPER privilege\n"),
        (("app-failed-to-start", None),), says="Error Code : 1419",
    ),
    Case(
        "A5", broken_start(BUILD + "Validate failed: Detected failed migration to version 0.6.6 (update)\n"),
        (("app-failed-to-start", None),), says="Detected failed migration",
    ),
    Case("A7", broken_start(BUILD + "You have an error in your SQL syntax\n"), (("app-failed-to-start", None),)),
    Case(
        "A10",
        broken_start(
            documents_log.ago(9, documents_log.FAILED, "ERROR") + "java.io.IOException: Failed to bind to /0.0.0.0:80\n"
            "Caused by: java.net.SocketException: Permission denied\n"
        ),
        (("app-failed-to-start", None),), says="Permission denied",
    ),
    Case(
        "D7",
        broken_start(
            documents_log.ago(9, documents_log.FAILED, "ERROR")
            + "java.lang.IllegalStateException: KeyStores with multiple certificates are not supported\n"
        ),
        (("app-failed-to-start", None),), says="KeyStores with multiple certificates",
    ),
    Case("I1 I2", refused_password("Invalid password attempt for"), (("basic-auth-refused", None),), says="wrong"),
    Case(
        "I5", refused_password("The username 'cp-1' (in Basic Auth) is not matching the"),
        (("basic-auth-refused", None),), says="the user name is not the charge box id",
    ),
    Case(
        "I8", refused_password("No password configured for", " - authentication misconfiguration"),
        (("basic-auth-refused", None),), says="SteVe has none stored",
    ),
    Case("J2", logged(RECONNECTED)),
    Case("J4", logged(documents_log.booted(100, status="PENDING")), (("boot-not-accepted", None),), says="Pending"),
    Case("L4", logged(dropped(900)), (("session-flapping", None),), says="each time after 900 s"),
    Case("E10", logged(dropped(45)), (("session-flapping", None),), says="each time after 45 s"),
    Case("L1", logged(dropped(30)), (("session-flapping", None),), says="each time after 30 s"),
    Case("L2", logged(dropped(60, times=17)), (("session-flapping", None),), says="each time after 60 s"),
    Case("L5", logged(dropped(240)), (("session-flapping", None),), says="1006 (4 times)"),
    Case("L7", logged(dropped(110, 1001)), (("session-flapping", None),), says="1001 (4 times)"),
    Case("L8", logged(dropped(3600)), (("session-flapping", None),), says="each time after 3600 s"),
)  # fmt: skip


# -- scenes: what else the host shows


def no_image(_stack: ExitStack) -> Documents:
    """The data base runs; the app's image could not be built, so that it has no container."""
    found = documents.observation(probes=[documents.probe(endpoint=DEAD, rows=[])], admin=documents.unknown("refused"))
    found["parts"]["compose"]["data"]["services"].pop("app")
    found["parts"]["env"] = {"status": "skipped", "reason": "no container", "elapsed_s": 0.0, "data": None}
    return [found]


def no_connection_to_the_data_base(age: float) -> Documents:
    """The pages answer and every question to the data base waits for the pool; its container runs."""
    row = documents.row("CP-1", "undetermined", candidates=["db-unreachable"])
    hops = [documents.probe(hop, rows=[row], gates={"verdict": "unproven"}) for hop in ("direct", "proxy")]
    admin = documents.unknown("SteVe has no connection to its data base", "admin-no-data-base")
    said = "com.zaxxer.hikari.pool.HikariPool (qtp-1) - Connection is not available, request timed out after 30001ms."
    log = documents_log.log(documents_log.ago(9000, documents_log.STARTED) + documents_log.ago(age, said, "ERROR"))
    return [documents.observation(probes=hops, admin=admin, log=log)]


def local_time(_stack: ExitStack) -> Documents:
    """A SteVe that was built with a local time zone: it writes and tells local time."""
    stamp = b"2026-11-23 02:00:00,000"
    told = _clock.told_to_chargers([(stamp, "2026-11-23T02:00:00.000+01:00")])
    engine = _clock.against_engine([(stamp, b"2026-11-23 01:00:00,000")])
    assert told is not None and engine is not None and told["zone_s"] == 3600
    part = documents_log.clock()
    part["data"]["witnesses"] = [told, engine]
    return [documents.observation(clock=part)]


def two_sessions(_stack: ExitStack) -> Documents:
    """A half-open connection of before, and the one of now."""
    sessions = [{"id": "CP-1", "protocol": "ocpp1.6", "connected_since": f"2026-11-23T00:{at}:00Z"} for at in (10, 58)]
    found = documents.observation()
    found["parts"]["admin"]["data"]["sessions"] = sessions
    return [found]


def no_web_api(_stack: ExitStack) -> Documents:
    """``webapi.value`` is empty."""
    return [documents.observation(webapi=test_questions_webapi.web_api("disabled", "webapi-disabled", "header"))]


DEAD = documents.broken("tcp-refused", "connect", verdict="unreachable")
FROM_HOST: tuple[Case, ...] = (
    Case("A13", no_image, (("app-not-running", None),)),
    Case(
        "A16", lambda _stack: no_connection_to_the_data_base(40), (("db-unreachable", None),),
        says="1 times, last at 2026-11-23T00:59:20Z",
    ),
    # What a log remembers is no proof of today.
    Case("A16", lambda _stack: no_connection_to_the_data_base(3000)),
    Case("K1", local_time, (("clock-skew", None),), says="3600 s"),
    Case("G17 L10", two_sessions, (("duplicate-session", None),), says="sessions since"),
    Case("M1", no_web_api, (("webapi-disabled", None),)),
)
CASES += FROM_LOG + FROM_HOST


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rows)
def test_an_incident_gets_its_cause_and_nothing_else(case: Case) -> None:
    with ExitStack() as stack:
        documents = case.stage(stack)
    findings = analyse(documents, ["steve-a"], RUN)
    told = [(item["id"], item["hop"]) for item in findings["findings"]]
    reasons = [str(item["reason"]) for item in findings["checks"] if item["status"] == "unknown"]
    assert told == list(case.found), json.dumps(findings["findings"], indent=1)
    if case.says:
        assert case.says in json.dumps(findings["findings"][0], ensure_ascii=False)
    if case.undetermined:
        wanted = "undetermined between " + ", ".join(case.undetermined)
        assert any(reason.startswith(wanted) for reason in reasons), reasons


def limits() -> dict[str, str]:
    """Number → link of every incident in docs/limits.md."""
    text = LIMITS.read_text(encoding="utf-8")
    return dict(re.findall(r"^\| \[([A-Z]\d+)\]\(([^)]+)\) \|", text, re.MULTILINE))


def test_every_incident_is_staged_or_said_to_be_out_of_sight() -> None:
    certificates = {item.row for item in test_incidents_tls.INCIDENTS} - set(test_incidents_tls.UNSEEN)
    staged = {row for case in CASES for row in case.rows.split()} | certificates
    named = limits()
    assert set(INCIDENTS) == staged | set(named)
    assert not staged & set(named), "an incident that is staged is no limit"
    for row, link in named.items():
        assert link in INCIDENTS[row]
