# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stations with a security profile, diagnosed by the playbook: simulators and a proxy on this machine, no container."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.certificates import self_signed
from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator
from tests.simulator.faulty_proxy import running_proxy

ENDPOINT = "/steve/websocket/CentralSystemService"
PASSWORD, OTHER = "kanarien-vogel-4711", "kanarien-vogel-0815"
BELIEVES = {"steve.ocpp.security.protocol-header-from-proxy": "X-Forwarded-Proto"}


@contextmanager
def steve(**properties: str) -> Iterator[Running]:
    """SteVe 3.14.1 with a station of each profile."""
    settings = {"auth.user": "admin", "auth.password": "1234", **properties}
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"], system_properties=settings) as running:
        for profile in (1, 2, 3):
            running.control.add_charge_box(f"SP-{profile}", profile=profile, password=PASSWORD)
        yield running


def diagnose(running: Running, port: int | None, boxes: Mapping[str, str | None], tls: bool = False) -> Run:
    """Diagnose this machine with these boxes and passwords."""
    host = {
        "steve_url": running.url,
        "steve_admin_password": "1234",
        "steve_charge_boxes": [
            {"charge_box_id": name, **({} if password is None else {"auth_password": password})}
            for name, password in boxes.items()
        ],
    }
    if port is not None:
        host["steve_public_ws_url"] = f"{'wss' if tls else 'ws'}://charge.example.net:{port}{ENDPOINT}"
    inventory = {"all": {"children": {"steve": {"hosts": {"site": local_host(**host)}}}}}
    extra = {"diagnose_timeout": 3, "diagnose_nginx_conf": "/nonexistent", "diagnose_validate_certs": False}
    return playbook("diagnose", inventory, "-vvvv", extra=extra)


def causes(run: Run) -> dict[str, list[str]]:
    """Charge boxes by root cause."""
    found = [item for item in run.findings["findings"] if item["severity"] == "fail" and item["layer"] != "tls"]
    return {item["id"]: item["charge_boxes"]["ids"] for item in found}


def keeps_secrets(run: Run) -> None:
    """No password in what was shown or written."""
    texts = [run.output, *(file.read_text("utf-8") for path in run.directories for file in path.rglob("*.*"))]
    assert len(texts) > 3
    for text in texts:
        assert PASSWORD not in text and OTHER not in text


def test_right_and_wrong_passwords_are_told_apart() -> None:
    with steve() as running:
        run = diagnose(running, None, {"CP-1": None, "SP-1": OTHER})
    assert causes(run) == {"basic-auth-refused": ["SP-1"]}
    keeps_secrets(run)
    with steve() as running:
        run = diagnose(running, None, {"CP-1": None, "SP-1": PASSWORD})
    assert causes(run) == {}
    keeps_secrets(run)


def test_a_station_without_a_given_password_is_no_fault() -> None:
    with steve() as running:
        run = diagnose(running, None, {"CP-1": None, "SP-1": None, "SP-3": None})
    assert causes(run) == {}
    assert "unknown" in run.statuses("basic-auth-refused")


def test_a_proxy_that_drops_the_password_is_named() -> None:
    with steve() as running, running_proxy("strip-authorization", f"127.0.0.1:{running.port}") as proxy:
        run = diagnose(running, proxy.port, {"SP-1": PASSWORD, "CP-1": None})
    assert causes(run) == {"proxy-authorization-stripped": ["SP-1"]}
    # The path itself is proved with the box that needs no password.
    assert "unknown" not in run.statuses("proxy-upgrade-stripped")
    keeps_secrets(run)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(self_signed("charge.example.net"))
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(file)
    return found


@pytest.mark.parametrize(
    ("mode", "expected"), [("ok", {"proxy-scheme-not-forwarded": ["SP-2"]}), ("tell-scheme", {})]
)
def test_profile_2_behind_tls_needs_the_scheme(context: ssl.SSLContext, mode: Any, expected: dict[str, Any]) -> None:
    with steve(**BELIEVES) as running, running_proxy(mode, f"127.0.0.1:{running.port}", tls=context) as proxy:
        run = diagnose(running, proxy.port, {"CP-1": None, "SP-2": PASSWORD}, tls=True)
    assert causes(run) == expected
    keeps_secrets(run)


def test_profile_2_without_tls_anywhere() -> None:
    with steve(**BELIEVES) as running, running_proxy("ok", f"127.0.0.1:{running.port}") as proxy:
        run = diagnose(running, proxy.port, {"CP-1": None, "SP-2": PASSWORD})
    assert causes(run) == {"profile-requires-tls": ["SP-2"]}
