# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of a name, over IPv4 and IPv6, with real sockets; only the resolver is faked."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _dial, _era, _options
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import parse_url
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

from tests.simulator import running_simulator
from tests.simulator.embedded import Running
from tests.simulator.faulty_proxy import running_proxy
from tests.unit import fake_servers
from tests.unit.fake_servers import Fake, full_queue, names, page, serving

PATH = "/steve/websocket/CentralSystemService"
#: Set aside for documentation (RFC 3849): nobody has it.
NOBODY_V6 = "2001:db8::1"


@pytest.fixture(scope="module")
def steve() -> Iterator[Running]:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as simulator:
        yield simulator


def run(url: str, *ids: str, **options: Any) -> dict[str, Any]:
    return probe(ProbeRequest(url=url, charge_box_ids=ids or ["CP-1"], **{"timeout": 3.0, "hop": "public", **options}))


def outcomes(document: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """(address, outcome, finding) of every address."""
    return [(row["address"], row["outcome"], row["finding"]) for row in document["endpoint"]["addresses"]]


def used(document: dict[str, Any]) -> list[str]:
    return [row["address"] for row in document["endpoint"]["addresses"] if row["used"]]


# -- one of several is dead


def test_an_address_that_refuses_is_named_and_the_rest_is_judged(steve: Running) -> None:
    with names(charge_test=["127.0.0.2", "127.0.0.1"]):
        document = run(f"ws://charge.test:{steve.port}{PATH}")
    assert document["summary"]["accepted"] == 1
    assert outcomes(document) == [("127.0.0.2", "refused", "tcp-refused"), ("127.0.0.1", "connected", None)]
    assert used(document) == ["127.0.0.1"]
    assert "refuses" in document["endpoint"]["addresses"][0]["note"]


def test_an_address_that_never_answers_the_dialling_is_named(steve: Running) -> None:
    with full_queue("127.0.0.2", steve.port), names(charge_test=["127.0.0.1", "127.0.0.2"]):
        document = run(f"ws://charge.test:{steve.port}{PATH}", timeout=1.5)
    assert document["endpoint"]["verdict"] == "reachable"
    assert outcomes(document) == [("127.0.0.1", "connected", None), ("127.0.0.2", "timeout", "tcp-timeout")]


@pytest.mark.parametrize("order", [["::1", "127.0.0.1"], ["127.0.0.1", "::1"]])
def test_both_families_are_tried_and_the_dead_one_is_named(steve: Running, order: list[str]) -> None:
    with names(charge_test=order):
        document = run(f"ws://charge.test:{steve.port}{PATH}")
    assert sorted(outcomes(document)) == [("127.0.0.1", "connected", None), ("::1", "refused", "tcp-refused")]
    assert document["summary"]["accepted"] == 1


def test_a_name_with_a_second_way_to_the_same_steve_has_no_finding(steve: Running) -> None:
    with (
        running_proxy("ok", f"127.0.0.1:{steve.port}", host="::1", port=steve.port),
        names(charge_test=["::1", "127.0.0.1"]),
    ):
        document = run(f"ws://charge.test:{steve.port}{PATH}", last_gate=True)
    assert outcomes(document) == [("::1", "connected", None), ("127.0.0.1", "connected", None)]
    assert used(document) == ["::1"]
    assert document["upgrade_path"]["verdict"] == "proven"


# -- the prober has no IPv6


class WithoutIpv6(socket.socket):
    """Dials like a socket of a machine without any IPv6 address but the loopback one (Linux)."""

    code = errno.ENETUNREACH

    def connect_ex(self, address: Any) -> int:
        if self.family == socket.AF_INET6 and address[0] != "::1":
            return self.code
        return super().connect_ex(address)


@pytest.mark.parametrize("code", [errno.ENETUNREACH, errno.EADDRNOTAVAIL])
def test_a_prober_without_ipv6_is_no_fault_of_the_server(
    steve: Running, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(WithoutIpv6, "code", code)
    monkeypatch.setattr(socket, "socket", WithoutIpv6)
    with names(charge_test=[NOBODY_V6, "127.0.0.1"]):
        document = run(f"ws://charge.test:{steve.port}{PATH}")
    assert outcomes(document) == [(NOBODY_V6, "no-ipv6", None), ("127.0.0.1", "connected", None)]
    assert "there is no IPv6" in document["endpoint"]["addresses"][0]["note"]


def test_a_prober_without_ipv6_says_nothing_about_a_name_that_has_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", WithoutIpv6)
    with names(charge_test=[NOBODY_V6]):
        document = run(f"ws://charge.test{PATH}")
    endpoint = document["endpoint"]
    assert (endpoint["verdict"], endpoint["finding"], endpoint["stage"]) == ("unreachable", None, "connect")
    assert endpoint["candidates"] and "there is no IPv6" in endpoint["evidence"][0]["note"]


def test_a_dead_ipv4_address_is_a_finding_whatever_ipv6_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", WithoutIpv6)
    with names(charge_test=[NOBODY_V6, "127.0.0.1"]):
        document = run(f"ws://charge.test:{fake_servers.free_port()}{PATH}")
    assert document["endpoint"]["finding"] == "tcp-refused"


def test_a_missing_route_over_ipv4_is_told() -> None:
    address = _dial.Address(socket.AF_INET, ("192.0.2.1", 80))
    for code in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        failure = _dial.connect_failure(address, code)
        assert failure is not None and failure.kind == "unreachable"


# -- one of several leads elsewhere

STRANGER = page("<title>hello</title>", "404 Not Found")


@pytest.mark.parametrize("order", [["127.0.0.1", "::1"], ["::1", "127.0.0.1"]])
def test_an_address_that_leads_to_another_server_is_named_in_any_order(steve: Running, order: list[str]) -> None:
    box: list[Fake] = []
    with (
        serving(fake_servers.answering(box, lambda _data: STRANGER), address="::1", port=steve.port) as fake,
        names(charge_test=order),
    ):
        box.append(fake)
        document = run(f"ws://charge.test:{steve.port}{PATH}")
    assert document["endpoint"]["verdict"] == "reachable" and document["summary"]["accepted"] == 1
    assert used(document) == ["127.0.0.1"]
    rows = {row["address"]: row for row in document["endpoint"]["addresses"]}
    assert rows["::1"]["finding"] == "public-url-elsewhere" and rows["::1"]["evidence"]["status"] == 404
    assert rows["127.0.0.1"]["finding"] is None
    if order[0] == "127.0.0.1":
        # Asked once, and about no charge box.
        assert len(fake.requests) == 1 and b"/manager/signin " in fake.requests[0]


ODD_ADDRESSES = {
    "closes": (fake_servers.closing, "connection-closed"),
    "silent": (fake_servers.silent, "http-timeout"),
    "bad gateway": (fake_servers.answering([], lambda _data: page("x", "502 Bad Gateway")), "proxy-bad-gateway"),
    "asks for a login": (
        fake_servers.answering(
            [], lambda _data: page("x", "401 Unauthorized", b'WWW-Authenticate: Basic realm="x"\r\n')
        ),
        "proxy-login-wall",
    ),
    "limits": (fake_servers.answering([], lambda _data: page("x", "429 Too Many Requests")), None),
    "has an internal error": (fake_servers.answering([], lambda _data: page("x", "500 Oops")), None),
}


@pytest.mark.parametrize("case", ODD_ADDRESSES)
def test_what_an_address_answers_is_told_without_a_guess(steve: Running, case: str) -> None:
    behaviour, finding = ODD_ADDRESSES[case]
    with (
        serving(behaviour, address="127.0.0.2", port=steve.port),
        names(charge_test=["127.0.0.1", "127.0.0.2"]),
    ):
        document = run(f"ws://charge.test:{steve.port}{PATH}", timeout=1.5)
    assert document["summary"]["accepted"] == 1
    row = document["endpoint"]["addresses"][1]
    assert (row["outcome"], row["finding"]) == ("connected", finding)
    assert row["note"]


def test_addresses_are_not_compared_where_no_sign_in_page_is_shown() -> None:
    with (
        serving(fake_servers.answering([], lambda _data: STRANGER)) as fake,
        serving(fake_servers.answering([], lambda _data: page("other", "200 OK")), address="::1", port=fake.port),
        names(charge_test=["127.0.0.1", "::1"]),
    ):
        document = run(f"ws://charge.test:{fake.port}{PATH}")
    assert [row["finding"] for row in document["endpoint"]["addresses"]] == [None, None]


def test_an_address_where_the_pages_are_hidden_is_not_left_for_one_that_shows_them(steve: Running) -> None:
    through = fake_servers.forwarding(steve.port, lambda data: data)

    def behave(data: bytes) -> bytes | None:
        return page("x", "403 Forbidden") if data.startswith(b"GET /steve/manager") else through(data)

    with (
        serving(fake_servers.answering([], behave), address="::1", port=steve.port),
        names(charge_test=["::1", "127.0.0.1"]),
    ):
        document = run(f"ws://charge.test:{steve.port}{PATH}", era=_era.given("3.14.1"))
    assert document["endpoint"]["verdict"] == "reachable" and used(document) == ["::1"]
    assert [row["finding"] for row in document["endpoint"]["addresses"]] == [None, None]


def test_what_another_server_did_with_an_id_is_forgotten_at_the_right_address(steve: Running) -> None:
    def behave(visit: fake_servers.Visit) -> None:
        while data := visit.request():
            if b"/websocket/" in data.partition(b"\r\n")[0]:
                visit.over.wait()
            visit.send(STRANGER)

    with (
        serving(behave, address="::1", port=steve.port),
        names(charge_test=["::1", "127.0.0.1"]),
    ):
        document = run(f"ws://charge.test:{steve.port}{PATH}", "CP-1", "nope", timeout=1.5)
    assert used(document) == ["127.0.0.1"]
    verdicts = {row["charge_box_id"]: row["verdict"] for row in document["probes"]}
    assert verdicts == {"CP-1": "accepted", "nope": "refused"}
    assert document["side_effects"]["knocks"] == ["nope"]


def test_silent_addresses_cost_no_more_than_the_deadline(steve: Running) -> None:
    others = [f"127.0.0.{number}" for number in range(2, 8)]
    with ExitStack() as stack:
        for address in others:
            stack.enter_context(serving(fake_servers.silent, address=address, port=steve.port))
        stack.enter_context(names(charge_test=["127.0.0.1", *others]))
        start = time.monotonic()
        document = run(f"ws://charge.test:{steve.port}{PATH}", timeout=1, deadline=2)
        assert time.monotonic() - start < 6
    assert document["summary"]["accepted"] == 1
    assert document["endpoint"]["addresses"][1]["finding"] == "http-timeout"
    assert document["endpoint"]["addresses"][-1]["finding"] is None


def test_a_name_with_a_crowd_of_addresses_is_bounded(steve: Running) -> None:
    crowd = [f"127.0.1.{number}" for number in range(40)]
    with names(charge_test=["127.0.0.1", *crowd]):
        document = run(f"ws://charge.test:{steve.port}{PATH}")
    assert len(document["endpoint"]["addresses"]) == _dial.MAX_ADDRESSES


# -- how an address may be written


def test_ipv6_literals_in_the_url_and_in_connect_to(steve: Running) -> None:
    box: list[Fake] = []
    with serving(fake_servers.answering(box, lambda _data: STRANGER), address="::1") as fake:
        box.append(fake)
        run(fake.ws_url)
        run(f"ws://charge.test{PATH}", connect_to=fake.place)
    hosts = {line for data in fake.requests for line in data.split(b"\r\n") if line.startswith(b"Host:")}
    assert hosts == {f"Host: [::1]:{fake.port}".encode(), b"Host: charge.test"}
    with running_proxy("ok", f"127.0.0.1:{steve.port}", host="::1") as proxy:
        document = run(f"ws://[::1]:{proxy.port}{PATH}", hop="proxy", last_gate=True)
    assert document["url"] == f"ws://[::1]:{proxy.port}{PATH}"
    assert document["summary"]["accepted"] == 1 and document["upgrade_path"]["verdict"] == "proven"


def test_connect_to_may_be_a_name_with_several_addresses(steve: Running) -> None:
    with names(inside_test=["::1", "127.0.0.1"]):
        document = run(f"ws://charge.test{PATH}", connect_to=f"inside.test:{steve.port}", hop="proxy")
    assert document["summary"]["accepted"] == 1
    assert outcomes(document)[0] == ("::1", "refused", "tcp-refused")


def test_a_name_in_connect_to_that_does_not_resolve_is_named() -> None:
    with names():
        document = run(f"ws://127.0.0.1{PATH}", connect_to="inside.test:80", hop="proxy")
    assert document["endpoint"]["finding"] == "dns-unresolvable"
    assert "inside.test" in document["endpoint"]["evidence"][0]["note"]


@pytest.mark.parametrize("host", ["[fe80::1%25eth0]", "[fe80::1%eth0]"])
def test_an_address_with_a_scope_is_refused_with_a_sentence(host: str) -> None:
    with pytest.raises(InputError, match=r"scope.*interface of one machine"):
        parse_url(f"ws://{host}:8180{PATH}")
    with pytest.raises(InputError, match=r"scope.*interface of one machine"):
        _options.host_and_port(f"{host}:8180")


@pytest.mark.parametrize("text", ["[zz]:80", "[1.2.3.4]:80", "[::1::2]:80", "[]:80"])
def test_brackets_hold_an_ipv6_address_or_nothing_is_dialled(text: str) -> None:
    with pytest.raises(InputError):
        _options.host_and_port(text)
    with pytest.raises(InputError):
        parse_url(f"ws://{text}{PATH}")
