# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands between the prober and SteVe and answers itself, as the whole probe sees it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

from tests.simulator import running_simulator
from tests.unit.fake_servers import Fake, answering, forwarding, page, serving
from tests.unit.recordings import SIGNIN_PAGE

NOSNIFF = b"X-Content-Type-Options: nosniff\r\n"
STEVE = page(SIGNIN_PAGE, extra=NOSNIFF)


def bare(status: str, extra: bytes = b"") -> bytes:
    """An answer without a body."""
    return b"HTTP/1.1 %s\r\n%sContent-Length: 0\r\n\r\n" % (status.encode(), extra)


def ask(websocket: bytes, others: bytes, **options: Any) -> tuple[dict[str, Any], list[bytes]]:
    """Probe a server that gives one answer on the WebSocket path and another everywhere else; what it was asked."""
    box: list[Fake] = []

    def behave(data: bytes) -> bytes:
        return websocket if b"/websocket/CentralSystemService" in data.partition(b"\r\n")[0] else others

    with serving(answering(box, behave)) as fake:
        box.append(fake)
        given = {"hop": "proxy", "timeout": 3.0, "last_gate": True, "era": _era.given("3.14.1"), **options}
        document = probe(ProbeRequest(fake.ws_url, ["CP-1", "CP-2"], **given))
    return document, fake.requests


def paths(requests: list[bytes]) -> set[str]:
    return {data.split(b" ")[1].decode() for data in requests}


# -- redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize(
    "location",
    ["/elsewhere/", "https://charge.example.net/steve/websocket/CentralSystemService/CP-1", "//other.example.net/x",
     "/steve/websocket/CentralSystemService/CP-1/", "wss://charge.example.net/x"],
)  # fmt: skip
def test_a_redirect_is_named_and_never_followed(status: str, location: str) -> None:
    redirect = bare(status, b"Location: " + location.encode() + b"\r\n")
    document, requests = ask(redirect, redirect)
    assert (document["endpoint"]["verdict"], document["endpoint"]["finding"]) == ("wrong", "redirected")
    assert not any("elsewhere" in path or path.endswith(("/x", "CP-1/")) for path in paths(requests))
    assert len(requests) <= 3


def test_a_redirect_to_itself_costs_no_more_requests() -> None:
    loop = bare("302 Found", b"Location: /steve/websocket/CentralSystemService/CP-1\r\n")
    document, requests = ask(loop, STEVE)
    assert document["endpoint"]["finding"] == "redirected"
    assert len(requests) == 2


# -- login walls

WALLS = {
    "302 to a login": bare("302 Found", b"Location: /login?next=/steve\r\n"),
    "302 to another host": bare("302 Found", b"Location: https://sso.example.net/auth/realms/x?redirect_uri=y\r\n"),
    "303 to a login": bare("303 See", b"Location: /oauth2/start?rd=%2F\r\n"),
    "200 with a form": page('<title>x</title><form><input type="password"></form>'),
    "200 with a title": page("<title>Sign in to continue</title><div id=app></div>"),
    "401 Basic": page("<h1>no</h1>", "401 Unauthorized", b'WWW-Authenticate: Basic realm="x"\r\n'),
    "401 Bearer without a body": bare("401 Unauthorized", b"WWW-Authenticate: Bearer\r\n"),
    "401 Negotiate": page("x", "401 Unauthorized", b"WWW-Authenticate: Negotiate\r\n" + NOSNIFF),
    "401 without a challenge": page("<h1>no</h1>", "401 Unauthorized"),
    "401 of a hardened proxy": bare("401 Unauthorized", NOSNIFF),
    "407": page("x", "407 Proxy Authentication Required", b"Proxy-Authenticate: Basic\r\n"),
}


@pytest.mark.parametrize("wall", WALLS)
def test_a_login_wall_is_named(wall: str) -> None:
    document, _requests = ask(WALLS[wall], WALLS[wall])
    assert (document["endpoint"]["verdict"], document["endpoint"]["finding"]) == ("wrong", "proxy-login-wall")
    assert document["probes"] == [] and document["side_effects"]["knocks"] == []


@pytest.mark.parametrize("wall", ["302 to a login", "200 with a form", "401 Basic"])
def test_a_login_wall_in_front_of_the_websocket_path_alone_is_named(wall: str) -> None:
    document, _requests = ask(WALLS[wall], STEVE)
    assert document["endpoint"]["finding"] == "proxy-login-wall"


# -- pages of strangers

NGINX = b"Server: nginx/1.22.1\r\n"
PAGES = {
    "403 Forbidden": ("proxy-no-route", ()),
    "404 Not Found": ("proxy-no-route", ()),
    "410 Gone": ("proxy-no-route", ()),
    "502 Bad Gateway": ("proxy-bad-gateway", ()),
    "503 Service Unavailable": ("proxy-bad-gateway", ()),
    "504 Gateway Timeout": ("proxy-bad-gateway", ()),
    # Cloudflare's own, by its name alone: the origin refuses, is silent, has no route, is slow, fails at TLS.
    "521 x": ("proxy-bad-gateway", ()),
    "522 x": ("proxy-bad-gateway", ()),
    "523 x": ("proxy-bad-gateway", ()),
    "524 x": ("proxy-bad-gateway", ()),
    "525 x": ("proxy-bad-gateway", ()),
    "526 x": ("proxy-bad-gateway", ()),
    # Nobody can tell from these who refuses what.
    "400 Bad Request": (None, ()),
    "413 Payload Too Large": (None, ()),
    "418 x": (None, ()),
    "421 Misdirected Request": (None, ()),
    "429 Too Many Requests": (None, ()),
    "431 x": (None, ()),
    "451 x": (None, ()),
    "500 Internal Server Error": (None, ()),
    "520 x": (None, ()),
    "200 OK": (None, ("proxy-login-wall", "proxy-no-route")),
}


@pytest.mark.parametrize("status", PAGES)
def test_an_intermediary_that_answers_everything_with_one_page(status: str) -> None:
    server = b"Server: cloudflare\r\n" if 520 <= int(status[:3]) < 530 else NGINX
    answer = page("<h1>something</h1>", status, server)
    document, requests = ask(answer, answer)
    endpoint = document["endpoint"]
    finding, candidates = PAGES[status]
    assert (endpoint["verdict"], endpoint["finding"]) == ("wrong", finding)
    assert tuple(endpoint["candidates"]) == candidates
    assert endpoint["evidence"][0]["status"] == int(status[:3])
    assert document["summary"]["undetermined"] == 2 and document["probes"] == []
    assert len(requests) <= 4


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "405 x", "426 x"])
def test_a_bare_refusal_of_everything_is_not_taken_for_steve_s(status: str) -> None:
    answer = bare(status, NOSNIFF)
    document, _requests = ask(answer, answer)
    assert document["endpoint"]["verdict"] == "wrong" and document["probes"] == []
    assert document["endpoint"]["finding"] in (None, "proxy-login-wall", "proxy-no-route")


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "502 Bad Gateway", "429 Too Many Requests"])
def test_a_page_on_the_websocket_path_alone(status: str) -> None:
    document, _requests = ask(page("<h1>something</h1>", status, NGINX), STEVE)
    endpoint = document["endpoint"]
    assert (endpoint["verdict"], endpoint["finding"]) == ("wrong", PAGES[status][0])


def test_a_status_of_cloudflare_s_by_somebody_else_stays_open() -> None:
    answer = page("x", "521 x", NGINX)
    assert ask(answer, answer)[0]["endpoint"]["finding"] is None


def test_a_504_on_the_websocket_path_alone_may_be_the_data_base() -> None:
    document, _requests = ask(page("x", "504 Gateway Timeout", NGINX), STEVE)
    assert document["endpoint"]["finding"] is None
    assert document["endpoint"]["candidates"] == ["proxy-bad-gateway", "db-unreachable"]


def test_a_limit_that_comes_between_is_no_verdict_on_a_charge_box() -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1", "CP-2"]) as steve:
        through = forwarding(steve.port, lambda data: data)

        def behave(data: bytes) -> bytes | None:
            return page("slow down", "429 Too Many Requests", NGINX) if b"/CP-2 " in data else through(data)

        with serving(answering([], behave)) as fake:
            document = probe(ProbeRequest(fake.ws_url, ["CP-1", "CP-2", "CP-3"], hop="proxy", timeout=3))
    verdicts = {row["charge_box_id"]: (row["verdict"], row["finding"]) for row in document["probes"]}
    assert verdicts == {
        "CP-1": ("accepted", None),
        "CP-2": ("undetermined", None),
        "CP-3": ("refused", "charge-box-unregistered"),
    }
    assert document["side_effects"]["knocks"] == ["CP-3"]


# -- headers that are lost on the way


def without(name: bytes) -> Any:
    """Takes a header out of a request."""

    def change(data: bytes) -> bytes:
        return b"\r\n".join(line for line in data.split(b"\r\n") if not line.lower().startswith(name + b":"))

    return change


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_a_lost_subprotocol_is_no_verdict_on_the_charge_box(release: str) -> None:
    with (
        running_simulator(release=release, charge_boxes=["CP-1"]) as steve,
        serving(answering([], forwarding(steve.port, without(b"sec-websocket-protocol")))) as fake,
    ):
        document = probe(ProbeRequest(fake.ws_url, ["CP-1"], hop="proxy", timeout=3))
    (row,) = document["probes"]
    assert row["finding"] is None and "subprotocol-missing" in row["candidates"]
    assert document["upgrade_path"]["verdict"] == "unproven"


def test_a_lost_authorization_is_told_from_a_wrong_password() -> None:
    password = "password-of-16-ch"
    with running_simulator(release="3.14.1", charge_boxes=[f"SP-1:Accepted:1:{password}"]) as steve:
        with serving(answering([], forwarding(steve.port, without(b"authorization")))) as fake:
            lost = probe(ProbeRequest(fake.ws_url, ["SP-1"], {"SP-1": password}, hop="proxy", timeout=3))
        with serving(answering([], forwarding(steve.port, lambda data: data))) as fake:
            kept = probe(ProbeRequest(fake.ws_url, ["SP-1"], {"SP-1": password}, hop="proxy", timeout=3))
            wrong = probe(ProbeRequest(fake.ws_url, ["SP-1"], {"SP-1": "x" * 16}, hop="proxy", timeout=3))
    assert "proxy-authorization-stripped" in lost["probes"][0]["candidates"]
    assert kept["probes"][0]["verdict"] == "accepted"
    assert wrong["probes"][0]["finding"] == "basic-auth-refused"
