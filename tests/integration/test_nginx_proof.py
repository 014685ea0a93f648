# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof on a real nginx that lets chargers in and not this host: nothing is taken back, and the result says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_location
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_location import Settings, ensure, prover
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import desired
from ansible_collections.chargeops.steve.plugins.module_utils._transaction import TransactionError

from tests import certificates
from tests.integration.local_nginx import NAME, LocalNginx
from tests.simulator import running_simulator
from tests.stack.project import free_port

REST = "location / { return 404; }"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nginx_location, "PROOF_DEADLINE_S", 1.0)


@pytest.fixture
def tls(tmp_path: Path) -> list[str]:
    """Directives of a server block that has a certificate."""
    made = certificates.family(NAME)
    certificate, key = certificates.written(tmp_path, made.leaf, made.intermediate)
    return [f"ssl_certificate {certificate};", f"ssl_certificate_key {key};", f"ssl_client_certificate {certificate};"]


def proven(nginx: LocalNginx, upstream: str | None = None, scheme: str = "ws") -> dict[str, Any]:
    """The result of a run that proves what it has done, with a SteVe behind this nginx that accepts the id."""
    settings = Settings(
        conf=str(nginx.conf), nginx_command=nginx.command, state_dir=str(nginx.directory.parent / "state")
    )
    nginx.start()
    try:
        with running_simulator(release="3.14.1", charge_boxes=["CP1:Accepted"]) as running:
            wanted = desired(
                f"{scheme}://{NAME}:{nginx.port}/steve/websocket/CentralSystemService",
                upstream or f"http://127.0.0.1:{running.port}",
                str(nginx.directory / "steve-websocket.conf"),
            )
            return ensure(wanted, settings, False, prover("CP1"))
    finally:
        nginx.stop()


def listening(site: Path, port: int, flags: str) -> None:
    site.write_text(site.read_text().replace(f":{port};", f":{port} {flags};"))


@pytest.mark.parametrize(
    ("flags", "parts", "wall"),
    [
        ("proxy_protocol", [], "proxy_protocol"),
        ("ssl proxy_protocol", [], "proxy_protocol"),
        ("", ["allow 10.8.0.0/16;", "deny all;"], "deny all"),
        ("", ["allow 10.8.0.0/16;", "deny all;", "error_page 403 =404 /none;"], "deny all"),
        ("ssl", ["ssl_verify_client on;"], "ssl_verify_client on"),
        ("", ["auth_basic closed;", "auth_basic_user_file /dev/null;"], "auth_basic closed"),
        ("", ["auth_request /auth;", "location = /auth { return 401; }"], "auth_request /auth"),
        ("", ["if ($remote_addr !~ ^10) { return 403; }"], "if ($remote_addr !~ ^10)"),
    ],
)
def test_what_the_site_forbids_this_host_takes_nothing_back(
    tmp_path: Path, tls: list[str], flags: str, parts: list[str], wall: str
) -> None:
    nginx = LocalNginx(tmp_path / "etc")
    listening(nginx.site(*tls, *parts, REST), nginx.port, flags)
    result = proven(nginx)
    assert (result["changed"], result["action"]) == (True, "insert")
    told = [one for one in result["warnings"] if "It could not be proven" in one]
    assert len(told) == 1
    assert wall in told[0]
    assert f"{nginx.sites}/site.conf" in told[0]
    assert (nginx.directory / "steve-websocket.conf").exists()


def test_a_rule_that_lets_this_host_in_does_not_stand_in_the_way_of_the_proof(tmp_path: Path) -> None:
    nginx = LocalNginx(tmp_path / "etc")
    nginx.site("allow 127.0.0.1;", "deny all;", REST)
    assert proven(nginx)["warnings"] == []


def test_an_upstream_that_is_not_there_is_taken_back_whatever_the_site_forbids(tmp_path: Path) -> None:
    nginx = LocalNginx(tmp_path / "etc")
    nginx.site("allow 127.0.0.1;", "deny all;", REST)
    with pytest.raises(TransactionError, match="proxy-bad-gateway"):
        proven(nginx, f"http://127.0.0.1:{free_port()}")
    assert not (nginx.directory / "steve-websocket.conf").exists()


def test_an_upstream_that_is_not_steve_is_taken_back_where_the_site_lets_this_host_in(tmp_path: Path) -> None:
    """What answers 404 did not come from a rule that answers 403."""
    nginx, other = LocalNginx(tmp_path / "etc"), LocalNginx(tmp_path / "other")
    nginx.site("allow 127.0.0.1;", "deny all;", REST)
    other.site(REST)
    other.start()
    try:
        with pytest.raises(TransactionError, match="proxy-no-route"):
            proven(nginx, f"http://127.0.0.1:{other.port}")
    finally:
        other.stop()
    assert not (nginx.directory / "steve-websocket.conf").exists()


@pytest.mark.parametrize("how", ["ssl on", "another server block"])
def test_the_proof_speaks_tls_where_nginx_does(tmp_path: Path, tls: list[str], how: str) -> None:
    nginx = LocalNginx(tmp_path / "etc")
    if how == "ssl on":
        nginx.site(*tls, "ssl on;", REST)
    else:
        listening(nginx.site(*tls, REST, file="a.conf", name="other.test"), nginx.port, "ssl")
        nginx.site(*tls, REST)
    result = proven(nginx, scheme="wss")
    assert result["warnings"] == []
    assert not [note for note in result["notes"] if "TLS ends in front of this nginx" in note]
