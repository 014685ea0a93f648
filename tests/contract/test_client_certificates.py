# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security profiles 2 and 3 over SteVe's own TLS, through the probe."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

from tests.contract.certificates import self_signed
from tests.simulator import Running, running_simulator

PASSWORD = "a-password-of-20-chr"
SUBJECTS = {"right": ("SN-3", "LabCPO"), "other box": ("SN-4", "LabCPO"), "other owner": ("SN-3", "Somebody")}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Key and certificate of the server and of each client, in one file each."""
    directory = tmp_path_factory.mktemp("certificates")
    found = {}
    for name, (common, organisation) in {"server": ("localhost", "Tests"), **SUBJECTS}.items():
        found[name] = directory / f"{name.replace(' ', '-')}.pem"
        found[name].write_bytes(self_signed(common, organisation))
    return found


@pytest.fixture(scope="module", params=["3.9.0", "3.12.0", "3.14.1"])
def steve(request: pytest.FixtureRequest, files: dict[str, Path]) -> Iterator[Running]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["server"])
    context.verify_mode = ssl.CERT_OPTIONAL
    for name in SUBJECTS:
        context.load_verify_locations(files[name])
    with running_simulator(release=request.param, tls=context, charge_boxes=["CP-1"]) as running:
        running.control.add_charge_box("SP-2", profile=2, password=PASSWORD)
        running.control.add_charge_box(
            "SP-3", profile=3, charge_point_serial_number="SN-3", cpo_name="LabCPO",
            ocpp_configuration={"CpoName": "LabCPO"},
        )  # fmt: skip
        yield running


def ask(steve: Running, charge_box_id: str, certificate: Path | None = None, **options: Any) -> dict[str, Any]:
    """The row of one charge box."""
    document = probe(
        ProbeRequest(
            url=f"wss://localhost:{steve.port}/steve/websocket/CentralSystemService",
            connect_to=f"127.0.0.1:{steve.port}", charge_box_ids=[charge_box_id], validate_certs=False,
            client_cert=None if certificate is None else str(certificate), rate=0.0, timeout=5.0, **options,
        )
    )  # fmt: skip
    assert document["endpoint"]["verdict"] == "reachable"
    (row,) = document["probes"]
    return dict(row)


def test_the_right_certificate_is_accepted(steve: Running, files: dict[str, Path]) -> None:
    assert ask(steve, "SP-3", files["right"])["verdict"] == "accepted"
    assert ask(steve, "CP-1")["verdict"] == "accepted"


@pytest.mark.parametrize("name", ["other box", "other owner"])
def test_a_certificate_with_another_subject_is_refused(steve: Running, files: dict[str, Path], name: str) -> None:
    row = ask(steve, "SP-3", files[name])
    assert (row["verdict"], row["finding"]) == ("refused", "client-certificate-refused")


def test_without_certificate_the_station_asks_for_credentials(steve: Running) -> None:
    row = ask(steve, "SP-3")
    assert (row["verdict"], row["candidates"]) == ("undetermined", ["basic-auth-refused", "client-certificate-refused"])


def test_a_password_does_not_help_a_station_of_profile_3(steve: Running) -> None:
    row = ask(steve, "SP-3", passwords={"SP-3": PASSWORD})
    assert (row["verdict"], row["candidates"]) == ("undetermined", ["client-certificate-refused"])


def test_a_certificate_does_not_help_a_station_of_profile_2(steve: Running, files: dict[str, Path]) -> None:
    row = ask(steve, "SP-2", files["right"])
    assert (row["verdict"], row["candidates"]) == ("undetermined", ["basic-auth-refused"])


def test_profile_2_is_accepted_over_steves_own_tls(steve: Running) -> None:
    assert ask(steve, "SP-2", passwords={"SP-2": PASSWORD})["verdict"] == "accepted"
    assert ask(steve, "SP-2", passwords={"SP-2": "wrong"})["finding"] == "basic-auth-refused"
