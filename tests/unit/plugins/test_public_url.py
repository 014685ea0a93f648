# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose SteVe answers under the public URL: from simulated servers over the observation to the findings."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import gate_charge_box_id

from tests.simulator import running_simulator
from tests.simulator.embedded import Running
from tests.simulator.faulty_proxy import running_proxy
from tests.unit.fake_servers import answering, forwarding, serving
from tests.unit.test_documents import DEFAULTS, PATH, RUN

RELEASES = ["3.4.8", "3.4.9", "3.5.1", "3.6.1", "3.7.1", "3.8.0", "3.9.0", "3.12.0", "3.13.0", "3.14.1", "expressync"]


def look(url: str, port: int, **options: Any) -> dict[str, Any]:
    """One host's observation; the public URL is dialled at a port of this machine."""
    given = {"url": url, "public_ws_url": f"ws://charge.example.net:{port}{PATH}", "charge_box_id": ["CP-1"]}
    return Observer(options_from(DEFAULTS | given | options)).observe()


def judge(*documents: dict[str, Any]) -> dict[str, Any]:
    return analyse(list(documents), ["steve-a"], RUN)


def found(findings: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["id"], item["hop"]) for item in findings["findings"]]


def status(findings: dict[str, Any], hop: str = "proxy") -> list[str]:
    checks = findings["checks"]
    return [item["status"] for item in checks if item["id"] == "public-url-elsewhere" and item["hop"] == hop]


def two(stack: ExitStack, own: str, there: str, boxes: list[str]) -> tuple[Running, int]:
    """This host's SteVe with CP-1, and the port of a proxy that leads to another SteVe with other boxes."""
    steve = stack.enter_context(running_simulator(release=own, charge_boxes=["CP-1"]))
    other = stack.enter_context(running_simulator(release=there, charge_boxes=boxes))
    return steve, stack.enter_context(running_proxy("ok", f"127.0.0.1:{other.port}")).port


def test_a_proxy_that_leads_to_a_steve_with_other_boxes_is_named() -> None:
    with ExitStack() as stack:
        steve, port = two(stack, "3.14.1", "3.14.1", ["CP-7"])
        result = judge(look(steve.url, port))
    assert found(result) == [("public-url-elsewhere", "proxy")]


@pytest.mark.parametrize(("own", "there"), [("3.14.1", "3.7.1"), ("3.7.1", "3.14.1"), ("3.8.0", "3.12.0")])
def test_a_proxy_that_leads_to_another_release_is_named_although_it_knows_the_box(own: str, there: str) -> None:
    with ExitStack() as stack:
        steve, port = two(stack, own, there, ["CP-1"])
        observation = look(steve.url, port)
        result = judge(observation)
    assert found(result) == [("public-url-elsewhere", "proxy")]
    # The answers over there are read by what answers there.
    through = observation["parts"]["probes"]["data"][1]
    assert through["era"] == through["era_seen"] and through["summary"]["accepted"] == 1


@pytest.mark.parametrize("own", RELEASES)
def test_the_same_steve_behind_a_proxy_is_never_another_one(own: str) -> None:
    with running_simulator(release=own, charge_boxes=["CP-1"]) as steve:
        for mode in ("ok", "bare", "strip-upgrade", "no-route"):
            with running_proxy(mode, f"127.0.0.1:{steve.port}") as proxy:
                for more in ({}, {"username": None, "password": None}):
                    assert "public-url-elsewhere" not in dict(found(judge(look(steve.url, proxy.port, **more))))


BLOCKED = b"HTTP/1.1 403 Forbidden\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\nX-Content-Type-Options: nosniff\r\nContent-Type: text/html\r\n"
    b"Content-Length: 27\r\n\r\n<html><h1>Not found</h1>   "
)


@pytest.mark.parametrize("own", ["3.7.1", "3.9.0", "3.14.1"])
@pytest.mark.parametrize("answer", [BLOCKED, NOT_FOUND])
def test_a_proxy_that_answers_for_other_paths_itself_is_no_other_release(own: str, answer: bytes) -> None:
    with running_simulator(release=own, charge_boxes=["CP-1"]) as steve:
        ask = forwarding(steve.port, lambda data: data)
        hidden = (b"GET /steve/api", b"GET /steve/nosuch")

        def behave(data: bytes) -> bytes | None:
            return answer if data.startswith(hidden) else ask(data)

        with serving(answering([], behave)) as fake:
            result = judge(look(steve.url, fake.port))
    assert found(result) == [] and status(result) == ["pass"]


@pytest.mark.parametrize("own", ["3.9.0", "3.14.1"])
def test_a_proxy_that_rewrites_redirects_is_no_other_release(own: str) -> None:
    with running_simulator(release=own, charge_boxes=["CP-1"]) as steve:
        ask = forwarding(steve.port, lambda data: data)

        def behave(data: bytes) -> bytes | None:
            reply = ask(data) or b""
            if b"Location: http" in reply:
                head, _url, path = reply.partition(b"http://")
                return head + b"/" + path.partition(b"/")[2]
            return reply.replace(b"Location: /", b"Location: http://charge.example.net/")

        with serving(answering([], behave)) as fake:
            result = judge(look(steve.url, fake.port))
    assert found(result) == [] and status(result) == ["pass"]


def without_id(data: bytes) -> bytes:
    """What ``proxy_pass`` with a fixed path does: the id is lost on the way."""
    return data.replace(b"CentralSystemService/CP-1 ", b"CentralSystemService/ ")


@pytest.mark.parametrize("own", ["3.4.9", "3.5.1", "3.7.1", "3.14.1"])
def test_a_proxy_that_loses_the_id_is_no_other_steve(own: str) -> None:
    with (
        running_simulator(release=own, charge_boxes=["CP-1"]) as steve,
        serving(answering([], forwarding(steve.port, without_id))) as fake,
    ):
        result = judge(look(steve.url, fake.port))
    assert found(result) == []
    # 3.4.9 takes the last segment for the id and answers "not registered", like another SteVe.
    assert status(result) == ["unknown"]


def test_a_release_that_somebody_only_named_is_no_proof() -> None:
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve,
        running_proxy("ok", f"127.0.0.1:{steve.port}") as proxy,
    ):
        result = judge(look(steve.url, proxy.port, era="3.7.1", username=None, password=None))
    assert "public-url-elsewhere" not in dict(found(result))


def test_a_vantage_sees_the_other_steve_and_the_host_s_own_hops_stay_clean() -> None:
    with ExitStack() as stack:
        steve, other_port = two(stack, "3.14.1", "3.14.1", ["CP-7"])
        proxy = stack.enter_context(running_proxy("ok", f"127.0.0.1:{steve.port}"))
        observation = look(steve.url, proxy.port)
        accepted = gate_charge_box_id(observation)
        assert accepted == "CP-1"
        url = f"ws://127.0.0.2:{other_port}{PATH}"
        # As the role asks: what the host found out is given, and looked for all the same.
        request = ProbeRequest(
            url=url.replace("127.0.0.2", "127.0.0.1"), charge_box_ids=[accepted], hop="public", vantage="charger-net",
            era=_era.given(observation["era"]["min"]), detect_era=True, timeout=3,
        )  # fmt: skip
        seen = probe(request)
    part = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": [seen]}
    vantage = {"host": "steve-a", "vantage": "charger-net", "reached": True, "parts": {"probes": part}}
    result = judge(observation, vantage)
    assert found(result) == [("public-url-elsewhere", "public")]
    assert result["findings"][0]["vantage"] == "charger-net"
    assert seen["side_effects"]["knocks"] == ["CP-1"]
