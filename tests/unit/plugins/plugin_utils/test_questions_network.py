# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network as the analyser reads it: single addresses, another SteVe, the public name, other vantages."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests.unit.plugins.plugin_utils.documents import WS, broken, observation, probe, row, service

RUN = "20261123T010203Z-7f3a"
PUBLIC = f"ws://charge.example.net{WS}"


def judge(*documents: dict[str, Any], fail_on: str = "fail") -> dict[str, Any]:
    return analyse(list(documents), ["steve-a"], RUN, fail_on)


def found(findings: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(id, hop, severity) of every finding."""
    return [(item["id"], item["hop"], item["severity"]) for item in findings["findings"]]


def status(findings: dict[str, Any], id: str, hop: str) -> list[str]:
    return [item["status"] for item in findings["checks"] if item["id"] == id and item["hop"] == hop]


def host(*probes: dict[str, Any], public: str | None = PUBLIC, **more: Any) -> dict[str, Any]:
    """A host's own observation; direct and proxy hop are healthy unless given."""
    document = observation(probes=list(probes) or [probe(), probe("proxy", url=PUBLIC)], **more)
    document["asked"]["public_ws_url"] = public
    return document


def seen_from(vantage: str, result: dict[str, Any]) -> dict[str, Any]:
    """What a vantage saw of this host."""
    part = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": [result]}
    return {"host": "steve-a", "vantage": vantage, "reached": True, "parts": {"probes": part}}


def public(vantage: str = "office", **more: Any) -> dict[str, Any]:
    return seen_from(vantage, probe("public", vantage, **{"url": PUBLIC, **more}))


def address(text: str, outcome: str = "connected", finding: str | None = None, **more: Any) -> dict[str, Any]:
    note = None if finding is None else f"{text} port 80: {outcome}"
    return {
        "address": text, "port": 80, "outcome": outcome, "elapsed_ms": 1.0, "finding": finding, "note": note,
        "used": False, "evidence": None,
    } | more  # fmt: skip


# -- single addresses

HALF_UP = {
    "tcp-refused": address("192.0.2.2", "refused", "tcp-refused"),
    "tcp-timeout": address("2001:db8::2", "timeout", "tcp-timeout"),
    "host-unreachable": address("192.0.2.2", "unreachable", "host-unreachable"),
    "http-timeout": address("192.0.2.2", finding="http-timeout"),
    "connection-closed": address("192.0.2.2", finding="connection-closed"),
    "proxy-bad-gateway": address("192.0.2.2", finding="proxy-bad-gateway"),
    "proxy-login-wall": address("192.0.2.2", finding="proxy-login-wall"),
    "public-url-elsewhere": address("192.0.2.2", finding="public-url-elsewhere"),
}


@pytest.mark.parametrize("id", HALF_UP)
def test_a_name_of_which_one_address_is_dead_is_a_warning_that_hides_nothing(id: str) -> None:
    addresses = [address("192.0.2.1", used=True), HALF_UP[id]]
    gates = {"verdict": "broken", "finding": "proxy-upgrade-stripped", "gates": [{"gate": "version", "status": 400}]}
    result = judge(host(), public(endpoint={"addresses": addresses}, gates=gates))
    assert sorted(found(result)) == sorted([(id, "public", "warn"), ("proxy-upgrade-stripped", "public", "fail")])
    warning = next(item for item in result["findings"] if item["id"] == id)
    assert f"1 of 2 addresses of charge.example.net ({HALF_UP[id]['address']})" in warning["message"]
    assert "chargers that pick it cannot connect" in warning["message"] and "from office" in warning["message"]
    assert "steve_url" not in warning["message"]
    assert HALF_UP[id]["address"] in warning["evidence"][0]["detail"]


def test_two_dead_addresses_of_three_are_one_warning() -> None:
    dead = [address("192.0.2.2", "refused", "tcp-refused"), address("192.0.2.3", "refused", "tcp-refused")]
    result = judge(host(), public(endpoint={"addresses": [address("192.0.2.1", used=True), *dead]}))
    assert found(result) == [("tcp-refused", "public", "warn")]
    assert "2 of 3 addresses" in result["findings"][0]["message"]
    assert result["verdict"]["ok"]


def test_a_prober_without_ipv6_is_no_finding() -> None:
    addresses = [address("2001:db8::1", "no-ipv6"), address("192.0.2.1", used=True)]
    assert found(judge(host(), public(endpoint={"addresses": addresses}))) == []


def test_a_host_s_own_name_for_itself_may_have_an_address_too_many() -> None:
    addresses = [address("::1", "refused", "tcp-refused"), address("127.0.0.1", used=True)]
    direct = probe(url=f"ws://localhost:8180{WS}", endpoint={"addresses": addresses})
    assert found(judge(host(direct, probe("proxy", url=PUBLIC)))) == []


def test_a_half_dead_proxy_that_was_given_by_name_is_named_by_that_name() -> None:
    addresses = [address("192.0.2.2", "refused", "tcp-refused"), address("192.0.2.1", used=True)]
    through = probe("proxy", url=PUBLIC, endpoint={"addresses": addresses}) | {"connect_to": "nginx.lan:80"}
    result = judge(host(probe(), through))
    assert found(result) == [("tcp-refused", "proxy", "warn")]
    assert "addresses of nginx.lan" in result["findings"][0]["message"]


def test_an_address_that_is_dead_everywhere_is_one_failure_and_no_warning() -> None:
    addresses = [address("192.0.2.1", "refused", "tcp-refused"), address("192.0.2.2", "refused", "tcp-refused")]
    dead = broken("tcp-refused", "connect", verdict="unreachable", addresses=addresses)
    assert found(judge(host(), public(endpoint=dead, rows=[]))) == [("tcp-refused", "public", "fail")]


# -- another SteVe

UNREGISTERED = [row("CP-1", "refused", "charge-box-unregistered", status=404, stage="registration")]
OLDER = {"era_seen": {"min": "3.6.0", "max": "3.7.1", "source": "fingerprint"}}


def test_an_id_that_is_accepted_here_and_unknown_there_is_another_steve() -> None:
    result = judge(host(), public(rows=UNREGISTERED))
    assert found(result) == [("public-url-elsewhere", "public", "fail")]
    details = [item["detail"] for item in result["findings"][0]["evidence"]]
    assert "SteVe accepts CP-1" in details[0]


def test_releases_without_a_common_one_are_two_steves() -> None:
    through = probe("proxy", url=PUBLIC) | OLDER
    result = judge(host(probe(), through))
    assert found(result) == [("public-url-elsewhere", "proxy", "fail")]
    text = str(result["findings"][0]["evidence"])
    assert "3.14.1" in text and "3.6.0" in text and "about" in text


@pytest.mark.parametrize(
    ("own", "there"),
    [
        ({"min": "3.14.1", "max": "3.14.1", "source": "given"}, OLDER["era_seen"]),
        ({"min": "3.10.0", "max": "3.14.1", "source": "about"}, {"min": "3.9.0", "max": "3.14.1", "source": "x"}),
        ({"min": "3.15.0", "max": "3.15.0", "source": "about"}, {"min": "3.9.0", "max": "3.14.1", "source": "x"}),
        ({"min": "runbook", "max": "runbook", "source": "about"}, OLDER["era_seen"]),
        ({"min": "3.14.1", "max": "3.14.1", "source": "about"}, None),
    ],
)
def test_a_release_that_may_be_the_same_is_no_proof(own: dict[str, str], there: dict[str, str] | None) -> None:
    document = host(probe(), probe("proxy", url=PUBLIC) | {"era_seen": there})
    document["era"] = own
    assert found(judge(document)) == []


def test_another_address_alone_is_no_finding() -> None:
    # NAT and load balancers: the name leads to an address that this host does not have.
    result = judge(host(), public(endpoint={"addresses": [address("203.0.113.9", used=True)]}))
    assert found(result) == [] and status(result, "public-url-elsewhere", "public") == ["pass"]


@pytest.mark.parametrize(
    ("charge_box_id", "era"),
    [
        ("CP-1", "3.7.0"),  # looks an empty id up, so a proxy that loses the id gets the same answer
        ("CP-1", "3.6.0"),
        ("CP+1*", "3.14.1"),  # a proxy may write it in another way
    ],
)
def test_where_a_proxy_that_changes_the_id_would_look_the_same_it_stays_open(charge_box_id: str, era: str) -> None:
    refused = [row(charge_box_id, "refused", "charge-box-unregistered")]
    document = host(probe(rows=[row(charge_box_id)]), probe("proxy", url=PUBLIC, rows=refused), asked=[charge_box_id],
                    registered=[charge_box_id])  # fmt: skip
    document["era"] = {"min": era, "max": era, "source": "about"}
    result = judge(document)
    assert found(result) == [] and status(result, "public-url-elsewhere", "proxy") == ["unknown"]


def test_it_blocks_what_is_said_of_charge_boxes_on_that_hop_and_is_not_hidden() -> None:
    document = host(
        probe(endpoint=broken("wrong-path", "path"), rows=[]), probe("proxy", url=PUBLIC, rows=UNREGISTERED) | OLDER
    )
    result = judge(document)
    assert ("public-url-elsewhere", "proxy", "fail") in found(result)
    assert "charge-box-unregistered" not in [item["id"] for item in result["findings"]]
    blocked = [item for item in result["checks"] if item["id"] == "charge-box-unregistered"]
    assert [item["blocked_by"] for item in blocked] == [["public-url-elsewhere"]]


def test_the_public_hop_repeats_the_proxy_s_other_steve_without_a_second_root_cause() -> None:
    result = judge(host(probe(), probe("proxy", url=PUBLIC, rows=UNREGISTERED)), public(rows=UNREGISTERED))
    assert found(result) == [("public-url-elsewhere", "proxy", "fail")]


def test_nothing_to_compare_is_said_and_is_no_pass() -> None:
    for document, wanted in (
        (host(probe(endpoint=broken("tcp-refused", "connect"), rows=[]), probe("proxy", url=PUBLIC)), "unknown"),
        (host(probe(rows=[]), probe("proxy", url=PUBLIC, rows=[])), "skipped"),
        (host(probe(), probe("proxy", url=PUBLIC, rows=[])), "unknown"),
    ):
        assert status(judge(document), "public-url-elsewhere", "proxy") == [wanted]


# -- the public name


@pytest.mark.parametrize(
    "name",
    ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.10", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "a.localhost"],
)
def test_a_charger_that_dials_localhost_reaches_itself(name: str) -> None:
    result = judge(host(public=f"ws://{name}:8180{WS}"))
    assert found(result) == [("public-url-elsewhere", "public", "warn")]
    assert "a charger that dials it reaches itself" in result["findings"][0]["message"]


def test_a_bench_on_one_machine_is_no_finding_when_the_vantage_gets_through() -> None:
    local = f"ws://127.0.0.1:8180{WS}"
    assert found(judge(host(public=local), public(url=local))) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("steve.local", "mDNS"),
        ("homeassistant.local.", "mDNS"),
        ("app", "docker's own DNS or a search domain"),
        ("host.docker.internal", "only docker's own DNS"),
    ],
)
def test_a_name_that_not_every_machine_resolves_stays_open_with_the_reason(name: str, words: str) -> None:
    result = judge(host(public=f"ws://{name}:8180{WS}"))
    assert found(result) == []
    (check,) = [item for item in result["checks"] if item["id"] == "public-url-elsewhere" and item["hop"] == "public"]
    assert check["status"] == "unknown" and words in check["reason"]


@pytest.mark.parametrize("name", ["charge.example.net", "192.0.2.7", "[2001:db8::7]", "localhost.example.net"])
def test_an_ordinary_name_is_not_commented(name: str) -> None:
    result = judge(host(public=f"ws://{name}{WS}"))
    assert found(result) == [] and status(result, "public-url-elsewhere", "public") == []


def test_a_local_name_that_does_not_resolve_at_a_vantage_says_why() -> None:
    url = f"ws://homeassistant.local:9000{WS}"
    dead = broken("dns-unresolvable", "resolve", verdict="unreachable")
    result = judge(host(public=url), public(url=url, endpoint=dead, rows=[]))
    assert found(result) == [("dns-unresolvable", "public", "fail")]
    assert any("mDNS" in item["detail"] for item in result["findings"][0]["evidence"])


# -- other vantages


def dead(id: str) -> dict[str, Any]:
    return broken(id, "resolve" if id == "dns-unresolvable" else "connect", verdict="unreachable")


def test_a_name_that_one_vantage_does_not_resolve_is_told_with_the_vantage_s_name() -> None:
    result = judge(host(), public("office"), public("charger-net", endpoint=dead("dns-unresolvable"), rows=[]))
    assert found(result) == [("dns-unresolvable", "public", "fail")]
    assert result["findings"][0]["vantage"] == "charger-net"
    assert "seen from charger-net" in result["findings"][0]["message"]


@pytest.mark.parametrize("id", ["tcp-timeout", "host-unreachable"])
def test_what_only_a_vantage_cannot_reach_lies_between(id: str) -> None:
    result = judge(host(), public(endpoint=dead(id), rows=[]))
    assert found(result) == [(id, "public", "fail")]
    message = result["findings"][0]["message"]
    assert "On the host itself the same URL answers" in message and "a firewall, NAT or a missing route" in message


def test_nothing_is_said_to_lie_between_when_the_host_does_not_get_through_either() -> None:
    # Up to the first answer the proxy hop is another question, so both stand; but nothing is said about the way.
    for own in (broken("http-timeout", "http"), broken("proxy-bad-gateway", "path")):
        result = judge(host(probe(), probe("proxy", url=PUBLIC, endpoint=own, rows=[])),
                       public(endpoint=dead("tcp-timeout"), rows=[]))  # fmt: skip
        said = [item["message"] for item in result["findings"] if item["id"] == "tcp-timeout"]
        assert said and "On the host itself" not in said[0]


def test_a_port_that_only_the_host_reaches_is_told_with_docker_s_binding() -> None:
    # The app's port is bound to 127.0.0.1, the public URL needs that port.
    url = f"ws://192.0.2.7:8180{WS}"
    document = host(
        probe(url=f"ws://127.0.0.1:8180{WS}"), public=url,
        app=service(ports=[{"container_port": "8180/tcp", "address": "127.0.0.1", "port": 8180}]),
        skipped_hops={"proxy": "the public URL leads straight to SteVe's own port"},
    )  # fmt: skip
    result = judge(document, public(url=url, endpoint=dead("tcp-refused"), rows=[]))
    assert found(result) == [("tcp-refused", "public", "fail")]
    finding = result["findings"][0]
    assert "On the host itself SteVe answers at 127.0.0.1 port 8180" in finding["message"]
    assert "bound to an address that others do not reach" in finding["message"]
    assert {"source": "compose", "detail": "port 8180 is published at 127.0.0.1 only"} in finding["evidence"]


@pytest.mark.parametrize("place", ["0.0.0.0", "192.0.2.7", ""])
def test_a_port_that_is_open_to_others_is_no_evidence(place: str) -> None:
    url = f"ws://192.0.2.7:8180{WS}"
    app = service(ports=[{"container_port": "8180/tcp", "address": place, "port": 8180}])
    result = judge(host(probe(), public=url, app=app), public(url=url, endpoint=dead("tcp-refused"), rows=[]))
    assert not any(item["source"] == "compose" for item in result["findings"][0]["evidence"])


def test_an_odd_port_is_a_hint_at_a_refusal_and_nowhere_else() -> None:
    url = f"ws://192.0.2.7:58991{WS}"
    result = judge(host(public=url), public(url=url, endpoint=dead("host-unreachable"), rows=[]))
    assert any("58991 is none of the usual ones" in item["detail"] for item in result["findings"][0]["evidence"])
    assert found(judge(host(public=url), public(url=url))) == []


@pytest.mark.parametrize("url", ["ws://[", "ws://a:99999/x", "", "\x1b[31m", "ws://\u2028/x"])
def test_a_url_that_nobody_can_read_ends_no_analysis(url: str) -> None:
    seen = public(url=url, endpoint=dead("tcp-refused"), rows=[])
    result = judge(host(probe(url=url), probe("proxy", url=url), public=url), seen)
    assert "tcp-refused" in [item["id"] for item in result["findings"]]
    assert "\x1b" not in str([item["message"] for item in result["findings"]])


def test_a_dead_vantage_is_unknown_for_every_question_of_the_public_hop() -> None:
    lost = {"host": "steve-a", "vantage": "charger-net", "reached": False, "reason": "ssh: no route", "parts": {}}
    result = judge(host(), lost)
    assert found(result) == [] and result["verdict"]["ok"]
    checks = [item for item in result["checks"] if item["vantage"] == "charger-net"]
    assert {item["status"] for item in checks} == {"unknown"}
    assert {"tcp-timeout", "dns-unresolvable", "public-url-elsewhere"} <= {item["id"] for item in checks}
    assert all("charger-net was not reached" in item["reason"] for item in checks)


@pytest.mark.parametrize("id", ["proxy-no-route", "redirected", "proxy-login-wall", "tcp-refused"])
def test_the_public_hop_repeats_any_fault_of_the_proxy_without_a_second_root_cause(id: str) -> None:
    fault = dead(id) if id == "tcp-refused" else broken(id, "path")
    result = judge(host(probe(), probe("proxy", url=PUBLIC, endpoint=fault, rows=[])), public(endpoint=fault, rows=[]))
    assert found(result) == [(id, "proxy", "fail")]
    assert "blocked" in status(result, id, "public")
