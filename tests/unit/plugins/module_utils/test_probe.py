# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe as a whole, against the simulator, the faulty proxy and servers that misbehave."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era
from ansible_collections.chargeops.steve.plugins.module_utils._dial import Clock
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, failed_because, probe

from tests.simulator import running_simulator
from tests.simulator.embedded import Running
from tests.simulator.faulty_proxy import running_proxy
from tests.unit import fake_servers
from tests.unit.fake_servers import Fake, serving
from tests.unit.recordings import SIGNIN_PAGE

PASSWORD = "password-of-16-ch"
BOXES = {
    "3.7.1": ["CP-1", "CP-2:Rejected", "CP-3:Pending"],
    "3.14.1": ["CP-1", "CP-2:Rejected", "CP-3:Pending", f"SP-1:Accepted:1:{PASSWORD}", f"SP-2:Accepted:2:{PASSWORD}"],
}


@pytest.fixture(scope="module", params=list(BOXES))
def steve(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running_simulator(release=request.param, charge_boxes=BOXES[request.param], pool_timeout_s=1.0) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def modern() -> Iterator[Running]:
    with running_simulator(release="3.14.1", charge_boxes=BOXES["3.14.1"]) as simulator:
        yield simulator


def run(url: str, *ids: str, **options: Any) -> dict[str, Any]:
    """Probe, and check what holds for every document."""
    document = probe(ProbeRequest(url=url, charge_box_ids=ids, **{"timeout": 3.0, **options}))
    assert json.loads(json.dumps(document)) == document
    assert document["schema"] == "chargeops.steve/probe/1"
    summary = document["summary"]
    assert summary["asked"] == summary["accepted"] + summary["refused"] + summary["undetermined"]
    if document["endpoint"]["verdict"] != "reachable":
        assert document["probes"] == []
    for row in document["probes"]:
        assert (row["finding"] is not None) >= (row["verdict"] == "refused")
        assert row["verdict"] == "accepted" or row["evidence"]
        assert not row["finding"] or not row["candidates"]
    assert document["side_effects"]["from"] <= document["side_effects"]["to"]
    return document


def rows(document: dict[str, Any]) -> dict[str, str]:
    """What each row says in one word."""
    return {row["charge_box_id"]: row["finding"] or row["verdict"] for row in document["probes"]}


def traces(steve: Running) -> tuple[Any, Any]:
    """What a probe could leave: sessions and the list of unknown ids."""
    return steve.control.sessions(), steve.control.unknown()


# -- a healthy SteVe


def test_registered_ids_are_accepted_and_nothing_is_left_behind(steve: Running) -> None:
    before = traces(steve)
    document = run(steve.ws_url, "CP-1", "CP-2", "CP-3", last_gate=True)
    assert rows(document) == {"CP-1": "accepted", "CP-2": "accepted", "CP-3": "accepted"}
    assert document["endpoint"]["verdict"] == "reachable"
    assert document["upgrade_path"]["verdict"] == "proven"
    assert document["side_effects"]["sessions_opened"] == 0 and document["side_effects"]["knocks"] == []
    assert document["changed"] is False
    assert traces(steve) == before


def test_ids_are_judged_each_for_itself(steve: Running) -> None:
    document = run(steve.ws_url, "CP-1", "cp-1", "nope", "a(b)", " CP-1", "a/b", "a%b", "é", "x" * 255, "CP+1")
    assert rows(document) == {
        "CP-1": "accepted",
        "cp-1": "accepted",
        "nope": "charge-box-unregistered",
        "a(b)": "charge-box-id-invalid",
        " CP-1": "charge-box-id-invalid",
        "a/b": "charge-box-id-invalid",
        "a%b": "charge-box-id-invalid",
        "é": "charge-box-unregistered",
        "x" * 255: "charge-box-unregistered",
        "CP+1": "charge-box-unregistered",
    }
    assert document["side_effects"]["knocks"] == ["nope", "é", "x" * 255, "CP+1"]
    assert document["summary"]["findings"] == {"charge-box-unregistered": 4, "charge-box-id-invalid": 4}


def test_the_release_is_detected_and_a_given_one_is_believed(steve: Running) -> None:
    detected = run(steve.ws_url, "CP-1")
    assert detected["era"]["source"] == "fingerprint"
    given = run(steve.ws_url, "CP-1", era=_era.Era(detected["era"]["min"], detected["era"]["max"], "given"))
    assert given["era"] == {**detected["era"], "source": "given"}
    assert given["side_effects"]["requests"] < detected["side_effects"]["requests"]


def test_an_older_release_is_left_open_after_one_request(steve: Running) -> None:
    document = run(steve.ws_url, "CP-1", "nope", era=_era.given("3.4.8"))
    assert rows(document) == {"CP-1": "undetermined", "nope": "undetermined"}
    assert all("3.4.8" in row["evidence"][0]["note"] for row in document["probes"])
    # The sign-in page, one preflight, the version gate.
    assert document["side_effects"]["requests"] == 3


def test_accepted_rows_may_be_left_out(steve: Running) -> None:
    document = run(steve.ws_url, "CP-1", "CP-2", "nope", return_accepted=False)
    assert rows(document) == {"nope": "charge-box-unregistered"}
    assert document["summary"]["accepted"] == 2


def test_every_id_is_asked_once_however_often_it_is_given(steve: Running) -> None:
    assert run(steve.ws_url, "CP-1", "CP-1")["summary"]["asked"] == 1


@pytest.mark.parametrize(
    ("offered", "registered"),
    [
        (["ocpp1.6"], "accepted"),
        (["ocpp1.5"], "accepted"),
        (["ocpp2.0.1", "ocpp1.6"], "accepted"),
        (["ocpp2.0.1"], "subprotocol-unsupported"),
        (["OCPP1.6"], "subprotocol-unsupported"),
        ([], "subprotocol-missing"),
    ],
)
def test_subprotocols_are_told_from_ids(steve: Running, offered: list[str], registered: str) -> None:
    document = run(steve.ws_url, "CP-1", "CP-2", "nope", "a(b)", subprotocols=offered)
    assert rows(document) == {
        "CP-1": registered,
        "CP-2": registered,
        "nope": "charge-box-unregistered",
        "a(b)": "charge-box-id-invalid",
    }


def test_one_missing_subprotocol_is_settled_by_one_further_request(steve: Running) -> None:
    many = [f"CP-{index}" for index in (1, 2, 3)]
    document = run(steve.ws_url, *many, subprotocols=[], era=_era.given("3.14.1"))
    # The sign-in page, three preflights, one with ocpp1.6.
    assert document["side_effects"]["requests"] == 5


def test_a_404_beside_an_accepted_id_needs_no_further_request(modern: Running) -> None:
    document = run(modern.ws_url, "nope", "CP-1", era=_era.given("3.14.1"))
    # The sign-in page, two preflights, the version gate.
    assert document["side_effects"]["requests"] == 4


def test_without_ids_the_endpoint_alone_is_looked_at(steve: Running) -> None:
    document = run(steve.ws_url)
    assert document["endpoint"]["verdict"] == "reachable" and document["probes"] == []
    assert document["upgrade_path"]["verdict"] == "unproven" and document["upgrade_path"]["reason"]


def test_gates_alone_need_one_id_and_no_row(steve: Running) -> None:
    document = run(steve.ws_url, "nope", ask_ids=False, gate_charge_box_id="CP-1", last_gate=True)
    assert document["upgrade_path"]["verdict"] == "proven"
    assert document["probes"] == [] and document["summary"]["asked"] == 0
    assert document["side_effects"]["knocks"] == []


def test_a_dedicated_id_that_is_not_accepted_gets_no_last_gate(steve: Running) -> None:
    document = run(steve.ws_url, "CP-1", gate_charge_box_id="nope", last_gate=True)
    assert document["upgrade_path"]["verdict"] == "unproven"
    assert "nope" in document["upgrade_path"]["reason"]
    assert [gate["gate"] for gate in document["upgrade_path"]["gates"]] == ["version"]
    assert document["side_effects"]["knocks"] == ["nope"]


# -- credentials


def test_a_box_that_asks_for_credentials_is_no_fault_of_the_charger(modern: Running) -> None:
    document = run(modern.ws_url, "SP-1")
    (row,) = document["probes"]
    assert (row["verdict"], row["stage"], row["status"]) == ("undetermined", "credentials", 401)
    assert "registered, asks for credentials" in row["evidence"][0]["note"]


def test_passwords_are_tried_and_never_shown(modern: Running) -> None:
    right = run(modern.ws_url, "SP-1", passwords={"SP-1": PASSWORD})
    assert rows(right) == {"SP-1": "accepted"}
    wrong = run(modern.ws_url, "SP-1", "SP-2", "CP-1", passwords={"SP-1": "wrong-geheim", "SP-2": PASSWORD})
    assert rows(wrong) == {"SP-1": "basic-auth-refused", "SP-2": "undetermined", "CP-1": "accepted"}
    assert "profile-requires-tls" in wrong["probes"][1]["candidates"]
    for document in (right, wrong):
        assert PASSWORD not in json.dumps(document) and "geheim" not in json.dumps(document)


def test_a_server_that_echoes_the_request_does_not_bring_secrets_into_the_result() -> None:
    def echo(data: bytes) -> bytes:
        _before, _name, token = data.partition(b"Authorization: Basic ")
        body = base64.b64decode(token.strip()) + b" was sent as " + token.strip()
        return b"HTTP/1.1 418 Echo\r\nServer: %s\r\nContent-Length: %d\r\n\r\n%s" % (token.strip(), len(body), body)

    with serving(fake_servers.answering([], echo)) as fake:
        document = run(fake.ws_url, "CP", passwords={"CP": "secret-geheim"})
    shown = json.dumps(document)
    assert "geheim" not in shown and "Q1A6c2VjcmV0LWdlaGVpbQ" not in shown
    assert "was sent as" in shown and "CP:" in shown


# -- proxies

PROXIES = {
    "ok": ("reachable", None, "proven", None),
    "constant-connection": ("reachable", None, "proven", None),
    "strip-authorization": ("reachable", None, "proven", None),
    "strip-upgrade": ("reachable", None, "broken", "proxy-upgrade-stripped"),
    "strip-upgrade-and-connection": ("reachable", None, "broken", "proxy-upgrade-stripped"),
    "bare": ("reachable", None, "broken", "proxy-upgrade-stripped"),
    "strip-connection": ("reachable", None, "broken", "proxy-connection-stripped"),
    "http10": ("reachable", None, "broken", "proxy-http10-upstream"),
    "no-route": ("wrong", "proxy-no-route", "unproven", None),
    "login-302": ("wrong", "proxy-login-wall", "unproven", None),
    "login-200": ("wrong", "proxy-login-wall", "unproven", None),
    "login-401": ("wrong", "proxy-login-wall", "unproven", None),
    "bad-gateway": ("wrong", "proxy-bad-gateway", "unproven", None),
    "redirect-https": ("wrong", "redirected", "unproven", None),
    "wrong-path": ("wrong", "wrong-context-path", "unproven", None),
    "silent": ("unreachable", "http-timeout", "unproven", None),
}


@pytest.mark.parametrize("mode", PROXIES)
def test_a_proxy_s_fault_is_named(steve: Running, mode: str) -> None:
    with running_proxy(mode, f"127.0.0.1:{steve.port}") as proxy:
        document = run(
            "ws://charge.test/steve/websocket/CentralSystemService", "CP-1", "CP-2", timeout=0.6,
            connect_to=f"127.0.0.1:{proxy.port}", hop="proxy", last_gate=True,
        )  # fmt: skip
    endpoint, upgrade = document["endpoint"], document["upgrade_path"]
    assert (endpoint["verdict"], endpoint["finding"], upgrade["verdict"], upgrade["finding"]) == PROXIES[mode]
    assert document["side_effects"]["sessions_opened"] == 0
    if endpoint["verdict"] == "reachable":
        assert rows(document) == {"CP-1": "accepted", "CP-2": "accepted"}


def test_a_broken_hop_is_said_once_and_not_for_every_id(steve: Running) -> None:
    with running_proxy("strip-upgrade", f"127.0.0.1:{steve.port}") as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/steve/websocket/CentralSystemService"
        document = run(url, "CP-1", "CP-2", "CP-3", hop="proxy", last_gate=True)
    assert [gate["gate"] for gate in document["upgrade_path"]["gates"]] == ["version"]


def test_a_session_that_the_last_gate_opened_is_closed_counted_and_told(steve: Running) -> None:
    with running_proxy("strip-extensions", f"127.0.0.1:{steve.port}") as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/steve/websocket/CentralSystemService"
        document = run(url, "CP-1", hop="proxy", last_gate=True)
    assert document["upgrade_path"]["gates"][-1] == {"gate": "last", "status": 101}
    assert document["side_effects"]["sessions_opened"] == 1 and document["changed"]
    assert "closed at once" in document["upgrade_path"]["evidence"][-1]["note"]
    assert steve.control.sessions() == []


# -- paths


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        ("/steve/websocket/CentralSysremService", "wrong-path"),
        ("/steve/websocket/centralsystemservice", "wrong-path"),
        ("/steve/CentralSystemService", "wrong-path"),
        ("/steve/services/CentralSystemService", "soap-path"),
        ("/wrong/websocket/CentralSystemService", "wrong-context-path"),
        ("/STEVE/websocket/CentralSystemService", "wrong-context-path"),
        ("/websocket/CentralSystemService", "wrong-context-path"),
        ("", "wrong-context-path"),
    ],
)
@pytest.mark.parametrize("ids", [["CP-1"], []])
def test_a_wrong_path_is_named(steve: Running, path: str, finding: str, ids: list[str]) -> None:
    document = run(f"ws://127.0.0.1:{steve.port}{path}", *ids)
    endpoint = document["endpoint"]
    assert (endpoint["verdict"], endpoint["finding"], endpoint["stage"]) == ("wrong", finding, "path")
    if finding == "wrong-context-path":
        assert any("the context is /steve" in item["note"] for item in endpoint["evidence"])


def test_an_unknown_id_that_is_asked_at_the_right_path_has_knocked(modern: Running) -> None:
    document = run(f"ws://127.0.0.1:{modern.port}/steve/websocket/CentralSystem", "nobody-1")
    assert document["endpoint"]["finding"] == "wrong-path"
    assert document["side_effects"]["knocks"] == ["nobody-1"]
    assert "nobody-1" in json.dumps(modern.control.unknown())


def test_a_101_to_a_plain_request_is_not_held_open() -> None:
    def behave(data: bytes) -> bytes:
        return page(SIGNIN_PAGE) if b"/manager/signin" in data else b"HTTP/1.1 101 Switching Protocols\r\n\r\n"

    with serving(fake_servers.answering([], behave)) as fake:
        document = run(fake.ws_url, "CP-1", era=_era.given("3.14.1"))
    assert (document["endpoint"]["verdict"], document["endpoint"]["finding"]) == ("wrong", None)
    assert document["side_effects"]["sessions_opened"] == 1


# -- without the data base


def test_a_dead_data_base_costs_one_hanging_request(steve: Running) -> None:
    steve.control.set_fault("db-dead")
    try:
        start = time.monotonic()
        document = run(steve.ws_url, *(f"CP-{index}" for index in range(100)), timeout=0.4)
        assert time.monotonic() - start < 2
    finally:
        steve.control.clear_fault()
        time.sleep(1.1)
    assert document["endpoint"]["verdict"] == "reachable"
    assert document["summary"]["undetermined"] == 100
    assert all(row["candidates"] == ["db-unreachable", "http-timeout"] for row in document["probes"])
    assert "more would queue" in document["probes"][-1]["evidence"][0]["note"]
    assert document["upgrade_path"]["verdict"] == "unproven"


def test_an_internal_error_leaves_the_id_open(steve: Running) -> None:
    steve.control.set_fault("db-dead")
    try:
        document = run(steve.ws_url, "CP-1", timeout=3)
    finally:
        steve.control.clear_fault()
    assert document["probes"][0]["candidates"] == ["db-unreachable"]


def test_ids_that_would_wait_for_the_data_base_are_not_asked() -> None:
    def behave(data: bytes) -> bytes:
        if b"/manager/signin " in data:
            return page(SIGNIN_PAGE)
        time.sleep(0.3)
        return REDIRECT

    clock = Clock(monotonic=lambda: time.monotonic() * 20)
    with serving(fake_servers.answering([], behave)) as fake:
        request = ProbeRequest(fake.ws_url, ["CP-1", "CP-2"], era=_era.given("3.14.1"), timeout=30, deadline=600)
        document = probe(request, clock)
    assert document["side_effects"]["requests"] == 2
    assert "internal error after" in document["probes"][1]["evidence"][0]["note"]


def page(text: str) -> bytes:
    body = text.encode()
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n"
    )
    return head % len(body) + body


REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /steve/manager/signin\r\nContent-Length: 0\r\n\r\n"


# -- the network


@pytest.mark.parametrize(
    ("behaviour", "finding", "stage"),
    [
        (fake_servers.silent, "http-timeout", "http"),
        (fake_servers.closing, "connection-closed", "http"),
        (fake_servers.saying(b"\x4a\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00"), "not-http", "http"),
        (fake_servers.saying(b"\x15\x03\x01\x00\x02\x02\x46", then_wait=False), "plain-on-tls-port", "http"),
        (fake_servers.endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 500), "not-http", "http"),
        (fake_servers.dripping(b"HTTP/1.1 200 OK\r\nA: b", 0.05), "http-timeout", "http"),
    ],
)
def test_a_server_that_is_no_steve_is_named_within_the_timeout(
    behaviour: fake_servers.Behaviour, finding: str, stage: str
) -> None:
    with serving(behaviour) as fake:
        start = time.monotonic()
        document = run(fake.ws_url, *(f"CP-{index}" for index in range(50)), timeout=0.4)
        assert time.monotonic() - start < 2
        if finding == "not-http":
            # A data base counts such visits and locks the host out in the end.
            assert fake.connections == 1
    endpoint = document["endpoint"]
    assert (endpoint["verdict"], endpoint["finding"], endpoint["stage"]) == ("unreachable", finding, stage)
    assert endpoint["evidence"][0]["note"]
    assert document["summary"] == {"asked": 50, "accepted": 0, "refused": 0, "undetermined": 50, "findings": {}}
    assert document["side_effects"]["knocks"] == []


def test_nobody_there_and_a_full_queue_and_no_name() -> None:
    port = fake_servers.free_port()
    refused = run(f"ws://127.0.0.1:{port}/steve/websocket/CentralSystemService", "CP-1")
    assert (refused["endpoint"]["finding"], refused["endpoint"]["stage"]) == ("tcp-refused", "connect")
    assert refused["endpoint"]["addresses"][0]["outcome"] == "refused"
    with fake_servers.full_queue() as full:
        silent = run(full.ws_url, "CP-1", timeout=0.3)
    assert silent["endpoint"]["finding"] == "tcp-timeout"
    unknown = run("ws://charge.invalid/steve/websocket/CentralSystemService", "CP-1")
    assert (unknown["endpoint"]["finding"], unknown["endpoint"]["stage"]) == ("dns-unresolvable", "resolve")
    assert unknown["endpoint"]["addresses"] == []


def test_a_half_dead_name_is_asked_where_it_lives(steve: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.chargeops.steve.plugins.module_utils import _dial

    live = _dial.resolve("127.0.0.1", steve.port, 5)
    dead = _dial.resolve("127.0.0.2", fake_servers.free_port(), 5)
    assert isinstance(live, list) and isinstance(dead, list)
    monkeypatch.setattr(_dial, "resolve", lambda *_args: dead + live)
    document = run(steve.ws_url, "CP-1")
    assert rows(document) == {"CP-1": "accepted"}
    assert [item["outcome"] for item in document["endpoint"]["addresses"]] == ["refused", "connected"]


def test_tls_on_a_plain_port_is_named(steve: Running) -> None:
    document = run(steve.ws_url.replace("ws://", "wss://"), "CP-1")
    assert document["endpoint"]["finding"] == "tls-on-plain-port"


def test_connect_to_keeps_the_host_header() -> None:
    box: list[Fake] = []
    with serving(fake_servers.answering(box, lambda _data: page("<title>hello</title>"))) as fake:
        box.append(fake)
        document = run("ws://charge.test/steve/websocket/CentralSystemService", connect_to=fake.place)
    assert all(b"\r\nHost: charge.test\r\n" in data for data in fake.requests)
    assert document["connect_to"] == fake.place


def test_a_deadline_brings_partial_results(steve: Running) -> None:
    ids = ["CP-1", *(f"nope-{index}" for index in range(500))]
    start = time.monotonic()
    document = run(steve.ws_url, *ids, rate=100, deadline=0.6)
    assert time.monotonic() - start < 1.2
    summary = document["summary"]
    assert summary["accepted"] == 1 and 10 < summary["refused"] < 80
    assert summary["undetermined"] == 501 - 1 - summary["refused"]
    assert "deadline" in document["probes"][-1]["evidence"][0]["note"]
    assert len(document["side_effects"]["knocks"]) == summary["refused"]


def test_no_cookie_is_ever_sent_back(modern: Running) -> None:
    # SteVe answers a stale session with a redirect to the sign-in page, whatever was asked.
    box: list[Fake] = []

    def behave(_data: bytes) -> bytes:
        return page(SIGNIN_PAGE).replace(
            b"\r\nContent-Length", b"\r\nSet-Cookie: JSESSIONID=1; Path=/steve\r\nContent-Length"
        )

    with serving(fake_servers.answering(box, behave)) as fake:
        box.append(fake)
        run(fake.ws_url, "CP-1")
    assert len(fake.requests) > 3
    assert not any(b"cookie" in data.lower() for data in fake.requests)


# -- sessions


def test_a_boot_is_answered_and_the_session_is_closed(steve: Running) -> None:
    document = run(steve.ws_url, "CP-1", "CP-2", "CP-3", "nope", mode="boot")
    assert rows(document) == {
        "CP-1": "accepted",
        "CP-2": "charge-box-rejected",
        "CP-3": "charge-box-pending",
        "nope": "charge-box-unregistered",
    }
    sessions = {row["charge_box_id"]: row["session"] for row in document["probes"]}
    assert sessions["nope"] is None
    for identifier, status in (("CP-1", "Accepted"), ("CP-2", "Rejected"), ("CP-3", "Pending")):
        session = sessions[identifier]
        assert (session["opened"], session["subprotocol"], session["accept_ok"]) == (True, "ocpp1.6", True)
        assert session["closed_code"] == 1000
        assert session["boot"]["status"] == status and session["boot"]["interval_s"] == 14400
        assert abs(session["boot"]["clock_offset_s"]) < 1
    assert document["side_effects"]["sessions_opened"] == 3 and document["changed"]
    assert document["upgrade_path"]["verdict"] == "proven"
    assert steve.control.sessions() == []


def test_a_handshake_sends_no_boot(steve: Running) -> None:
    document = run(steve.ws_url, "CP-1", mode="handshake")
    session = document["probes"][0]["session"]
    assert session == {"opened": True, "subprotocol": "ocpp1.6", "accept_ok": True, "closed_code": 1000, "boot": None}


def test_check_mode_opens_no_session_and_says_what_it_would_do(steve: Running) -> None:
    document = run(steve.ws_url, "CP-1", "nope", mode="boot", check_mode=True)
    assert rows(document) == {"CP-1": "accepted", "nope": "charge-box-unregistered"}
    assert document["probes"][0]["session"] is None
    assert "would follow" in document["probes"][0]["evidence"][0]["note"]
    assert document["side_effects"]["sessions_opened"] == 0 and document["changed"]


def test_the_clock_of_a_server_that_is_wrong_is_measured(modern: Running) -> None:
    modern.control.set_fault("clock-offset", 3600)
    try:
        document = run(modern.ws_url, "CP-1", mode="boot")
    finally:
        modern.control.clear_fault()
    assert document["probes"][0]["session"]["boot"]["clock_offset_s"] == pytest.approx(3600, abs=2)


@pytest.mark.parametrize(("fault", "booted"), [("close-after-boot", True), ("close-after-open", False)])
def test_a_server_that_ends_the_session_is_told(modern: Running, fault: str, booted: bool) -> None:
    modern.control.set_fault(fault)
    try:
        document = run(modern.ws_url, "CP-1", mode="boot")
    finally:
        modern.control.clear_fault()
    (row,) = document["probes"]
    assert row["session"]["closed_code"] is not None
    assert (row["session"]["boot"] is not None) is booted


def test_a_password_opens_the_session_of_a_protected_box(modern: Running) -> None:
    document = run(modern.ws_url, "SP-1", mode="handshake", passwords={"SP-1": PASSWORD})
    assert document["probes"][0]["session"]["opened"]


def test_a_full_handshake_that_is_stripped_is_no_verdict_on_the_id(steve: Running) -> None:
    with running_proxy("strip-upgrade", f"127.0.0.1:{steve.port}") as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/steve/websocket/CentralSystemService"
        document = run(url, "CP-1", mode="handshake", hop="proxy")
    (row,) = document["probes"]
    assert (row["verdict"], row["candidates"]) == ("undetermined", ["proxy-upgrade-stripped"])
    assert row["session"]["opened"] is False


# -- input and verdict


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://x/steve/websocket/CentralSystemService"},
        {"charge_box_ids": ["", "a"]},
        {"charge_box_ids": "CP-1"},
        {"gate_charge_box_id": ""},
        {"subprotocols": ["a b"]},
        {"timeout": -1.0},
        {"deadline": 0.0},
        {"rate": -1.0},
        {"rate": float("nan")},
        {"concurrency": 0},
        {"concurrency": 1000},
        {"mode": "look"},
        {"connect_to": "127.0.0.1"},
        {"url": "wss://x/y", "ca_path": "/nonexistent.pem"},
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_sent(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.chargeops.steve.plugins.module_utils import _dial

    monkeypatch.setattr(_dial, "resolve", lambda *_args: pytest.fail("something was sent"))
    with pytest.raises(InputError):
        probe(ProbeRequest(**{"url": "ws://x/y", **options}))


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    """Documents of each sort, from one simulator."""
    with running_simulator(release="3.14.1", charge_boxes=BOXES["3.14.1"]) as steve:
        return {
            "good": run(steve.ws_url, "CP-1"),
            "refused": run(steve.ws_url, *(f"nope-{index}" for index in range(7))),
            "open": run(steve.ws_url, "SP-1"),
            "wrong": run(f"ws://127.0.0.1:{steve.port}/x/y", "CP-1"),
        }


@pytest.mark.parametrize(
    ("name", "refused", "undetermined"),
    [
        ("good", None, None),
        ("refused", "refuses 7 of 7", "refuses 7 of 7"),
        ("open", None, "stays open for 1 of 1"),
        ("wrong", "wrong-context-path", "wrong-context-path"),
    ],
)
def test_the_task_fails_on_what_it_was_told_to(
    documents: dict[str, dict[str, Any]], name: str, refused: str | None, undetermined: str | None
) -> None:
    document = documents[name]
    assert failed_because(document, "never") is None
    for fail_on, expected in (("refused", refused), ("undetermined", undetermined)):
        reason = failed_because(document, fail_on)
        assert (reason is None) if expected is None else (reason is not None and expected in reason)


def test_a_broken_hop_fails_the_task_too(documents: dict[str, dict[str, Any]]) -> None:
    broken = {**documents["good"], "upgrade_path": {"verdict": "broken", "finding": "proxy-upgrade-stripped"}}
    assert "proxy-upgrade-stripped" in str(failed_because(broken, "refused"))


def test_the_window_of_time_encloses_the_probe(steve: Running) -> None:
    instants: Callable[[], float] = iter([1_800_000_000.25, 1_800_000_001.5]).__next__
    document = probe(ProbeRequest(steve.ws_url, ["CP-1"]), Clock(now=instants))
    effects = document["side_effects"]
    assert (effects["from"], effects["to"]) == ("2027-01-15T08:00:00Z", "2027-01-15T08:00:02Z")
