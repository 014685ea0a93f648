# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole host behind TLS: every fault of the certificate is seen, and so is the path behind it, without a password."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests import certificates
from tests.certificates import NAME, Family, Issued, family
from tests.simulator import running_simulator
from tests.simulator.faulty_proxy import running_proxy
from tests.unit.fake_servers import relaying, serving
from tests.unit.test_documents import DEFAULTS, PATH, RUN, check

GOOD = family(NAME, "127.0.0.1")
PASSWORD = "0123456789abcdef"


@dataclass
class Site:
    """SteVe, what stands before it, and what came through TLS in clear."""

    url: str
    port: int
    folder: Path
    heard: list[bytes] = field(default_factory=list)

    def observe(self, trusted: Issued | None = None, **more: Any) -> dict[str, Any]:
        """Observe it as the chargers' wss URL says; ``trusted`` is a root that the host trusts."""
        public = f"wss://{NAME}:{self.port}{PATH}"
        options = {"url": self.url, "public_ws_url": public, "charge_box_id": ["CP-1"]} | more
        if trusted is not None:
            (self.folder / "trusted.pem").write_text(trusted.pem)
            options["ca_path"] = str(self.folder / "trusted.pem")
        return Observer(options_from(DEFAULTS | options)).observe()


@contextmanager
def site(folder: Path, *chain: Issued, mode: str = "ok") -> Iterator[Site]:
    """A host whose TLS endpoint presents this chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.written(folder, *chain))
    heard: list[bytes] = []
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve,
        running_proxy(mode, f"127.0.0.1:{steve.port}") as proxy,
        serving(relaying(proxy.port, heard), context) as front,
    ):
        yield Site(steve.url, front.port, folder, heard)


def chargers(*store: Issued) -> dict[str, Any]:
    """What the action plugin adds to an observation."""
    held = [base64.b64encode(item.der).decode() for item in store]
    return {"chargers": {"ca": {"file": "ca.pem", "certificates": held, "problem": None}, "tls_versions": []}}


def found(observation: dict[str, Any], *store: Issued) -> list[tuple[str, str | None]]:
    """Findings, judged by the chargers' store."""
    document = observation | (chargers(*store) if store else {})
    check("observation", document)
    findings = analyse([document], ["steve-a"], RUN)
    check("findings", findings)
    return [(item["id"], item["hop"]) for item in findings["findings"]]


def made(name: str) -> tuple[Family, list[Issued]]:
    """A family with one fault, and what its server presents."""
    now = certificates.today()
    if name == "expired":
        item = family(begins=now - timedelta(days=90), ends=now - timedelta(hours=1))
    elif name == "expiring":
        item = family(begins=now - timedelta(days=85), ends=now + timedelta(days=5))
    else:
        item = family("other.example.net") if name == "another name" else family()
    return item, [item.leaf] if name == "leaf only" else [item.leaf, item.intermediate]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("none", None),
        ("expired", "tls-expired"),
        ("expiring", "tls-expiring"),
        ("another name", "tls-name-mismatch"),
        ("leaf only", "tls-chain-incomplete"),
    ],
)
def test_one_fault_of_the_certificate_is_named_and_the_path_behind_is_seen(
    tmp_path: Path, fault: str, expected: str | None
) -> None:
    item, presented = made(fault)
    with site(tmp_path, *presented) as host:
        observation = host.observe()
    assert found(observation, item.root) == ([] if expected is None else [(expected, "proxy")])
    assert [probe["endpoint"]["verdict"] for probe in observation["parts"]["probes"]["data"]] == ["reachable"] * 2
    (endpoint,) = observation["parts"]["tls"]["data"]
    assert (endpoint["hop"], endpoint["host"], endpoint["address"]) == ("proxy", NAME, "127.0.0.1")


def test_faults_of_the_certificate_and_of_the_proxy_all_show_at_once(tmp_path: Path) -> None:
    now = certificates.today()
    item = family("other.example.net", begins=now - timedelta(days=90), ends=now - timedelta(days=1))
    with site(tmp_path, item.leaf, mode="strip-upgrade") as host:
        observation = host.observe()
    assert sorted(found(observation, item.root)) == sorted(
        (id, "proxy") for id in ("tls-chain-incomplete", "tls-expired", "tls-name-mismatch", "proxy-upgrade-stripped")
    )


def test_unknown_to_the_chargers_although_the_host_trusts_it(tmp_path: Path) -> None:
    with site(tmp_path, GOOD.leaf, GOOD.intermediate) as host:
        observation = host.observe(trusted=GOOD.root)
    assert observation["parts"]["tls"]["data"][0]["verification"]["ok"] is True
    assert found(observation, certificates.authority("Other Root")) == [("tls-untrusted", "proxy")]
    assert found(observation, GOOD.root) == found(observation) == []


@pytest.mark.parametrize("trusted", [True, False])
def test_a_password_goes_only_over_a_certificate_that_the_host_accepts(tmp_path: Path, trusted: bool) -> None:
    with site(tmp_path, GOOD.leaf, GOOD.intermediate) as host:
        given = {"passwords": {"CP-1": PASSWORD}}
        observation = host.observe(trusted=GOOD.root if trusted else None, **given)
    sent = b"".join(host.heard).lower()
    assert b"get " in sent
    assert (b"authorization: basic" in sent) is trusted
    assert observation["parts"]["probes"]["data"][1]["endpoint"]["verdict"] == "reachable"


def test_whoever_asks_for_no_verification_gets_his_password_sent(tmp_path: Path) -> None:
    with site(tmp_path, GOOD.leaf) as host:
        host.observe(passwords={"CP-1": PASSWORD}, validate_certs=False)
    assert b"authorization: basic" in b"".join(host.heard).lower()


def test_a_plain_url_skips_the_part(tmp_path: Path) -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve:
        observation = Observer(options_from(DEFAULTS | {"url": steve.url})).observe()
    assert observation["parts"]["tls"]["status"] == "skipped"
    assert found(observation) == [("charge-box-unregistered", None)]  # CP-2


def test_wss_to_a_plain_port_and_ws_to_a_tls_port_are_told_apart(tmp_path: Path) -> None:
    with site(tmp_path, GOOD.leaf, GOOD.intermediate) as host:
        swapped = host.observe(public_ws_url=f"ws://{NAME}:{host.port}{PATH}")
    assert found(swapped, GOOD.root) == [("plain-on-tls-port", "proxy")]
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve,
        serving(relaying(steve.port)) as front,
    ):
        plain = Site(steve.url, front.port, tmp_path).observe()
    assert found(plain, GOOD.root) == [("tls-on-plain-port", "proxy")]


def test_steve_s_own_tls_port_is_judged_by_the_chargers_name_where_they_come_straight_to_it(tmp_path: Path) -> None:
    leaf = certificates.server(GOOD.intermediate, NAME)
    with site(tmp_path, leaf, GOOD.intermediate) as host:
        own = f"https://127.0.0.1:{host.port}/steve"
        straight = host.observe(url=own, username=None, password=None)
        behind = host.observe(url=own, public_ws_url=None, username=None, password=None)
    # The simulator listens at 127.0.0.1 only, which chargers that come straight to it do not reach.
    assert found(straight, GOOD.root) == [("app-loopback-only", None)]
    assert {item["host"] for item in straight["parts"]["tls"]["data"]} == {NAME, "127.0.0.1"}
    # The chargers' name is not known then, so that nothing is said about it.
    assert found(behind, GOOD.root) == []
    others = found(straight, certificates.authority("Other"))
    assert others == [("app-loopback-only", None), ("tls-untrusted", "direct")]
