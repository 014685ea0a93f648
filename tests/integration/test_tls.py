# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS on the real stack, a real nginx with a certificate in front: the diagnosis names exactly what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import certificates
from tests.certificates import Issued, authority, family, server
from tests.integration.playbook import Run, local_host, playbook
from tests.stack import nginx
from tests.stack.fixtures import Stacks
from tests.stack.project import ENDPOINT, PUBLIC_NAME, Stack

NOW = certificates.today()
GOOD = family(PUBLIC_NAME, "127.0.0.1")
OLD = {"ssl_protocols": "TLSv1 TLSv1.1", "ssl_ciphers": "ALL:@SECLEVEL=0"}
FULL = (GOOD.leaf, GOOD.intermediate)


def leaf(*names: str, **more: Any) -> tuple[Issued, ...]:
    """Another certificate of the same authority, with what belongs to it."""
    return (server(GOOD.intermediate, *(names or (PUBLIC_NAME, "127.0.0.1")), **more), GOOD.intermediate)


def tls_site(stack: Stack, presented: tuple[Issued, ...], *without: str, **directives: str) -> str:
    """The public server block with TLS."""
    stack.write_in_target("/etc/nginx/tls.crt", "".join(item.pem for item in presented))
    stack.write_in_target("/etc/nginx/tls.key", presented[0].key_pem)
    plain = nginx.location("/", stack.upstream, without=("upgrade", "connection", "timeouts"))
    lines = {"ssl_certificate": "/etc/nginx/tls.crt", "ssl_certificate_key": "/etc/nginx/tls.key", **directives}
    return nginx.server(
        f"{stack.listen} ssl",
        *(f"{name} {value};" for name, value in lines.items()),
        plain,
        nginx.location("/steve/websocket/", stack.upstream, without=without),
        name=PUBLIC_NAME,
    )


@contextmanager
def presenting(stack: Stack, site: str) -> Iterator[None]:
    """The site for as long as a block lasts."""
    try:
        stack.nginx(site)
        yield
    finally:
        stack.nginx(stack.good_site())


def diagnose(stack: Stack, folder: Path, store: Issued | None, outside: bool = False, **variables: Any) -> Run:
    """Diagnose the stack by its wss URL; ``store`` is what the chargers trust."""
    inventory = copy.deepcopy(stack.inventory())
    host = inventory["all"]["children"]["steve"]["hosts"][stack.name]
    host |= {
        "steve_charge_boxes": ["CP1"], "steve_probe_charge_box_id": "PROBE1",
        "steve_public_ws_url": stack.public_ws_url.replace("ws:", "wss:"),
    }  # fmt: skip
    if store is not None:
        (folder / "chargers.pem").write_text(store.pem)
        host["steve_charger_ca"] = str(folder / "chargers.pem")
    if outside:
        inventory["all"]["hosts"] = {"outside": local_host()}
        host["steve_vantage_hosts"] = ["outside"]
        # The public name is known in the target only.
        host["steve_public_ws_url"] = f"wss://127.0.0.1:{stack.proxy_port}{ENDPOINT}"
    return playbook("diagnose", inventory, extra={"diagnose_timeout": 5} | variables)


@dataclass(frozen=True)
class Case:
    """What nginx presents, what the chargers trust and speak, and what the diagnosis has to say."""

    expected: list[str]
    presented: Callable[[], tuple[Issued, ...]] = lambda: FULL
    store: Issued | None = GOOD.root
    without: tuple[str, ...] = ()
    directives: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


CASES = {
    "healthy": Case([]),
    "healthy, chargers' store not given": Case([], store=None),
    "leaf only": Case(["tls-chain-incomplete"], lambda: (GOOD.leaf,)),
    "expired": Case(
        ["tls-expired"], lambda: leaf(begins=NOW - timedelta(days=90), ends=NOW - timedelta(hours=1))
    ),
    "expires soon": Case(["tls-expiring"], lambda: leaf(begins=NOW - timedelta(days=85), ends=NOW + timedelta(days=5))),
    "wrong name": Case(["tls-name-mismatch"], lambda: leaf("other.example.net")),
    "unknown to steve_charger_ca": Case(["tls-untrusted"], store=authority("Another Root")),
    "self-signed, chargers' store not given": Case(["tls-untrusted"], lambda: (server(None, PUBLIC_NAME),), None),
    "TLS too old": Case(["tls-version-too-old"], directives=OLD),
    "TLS 1.3 only, chargers speak 1.2": Case(
        ["tls-version-too-old"], directives={"ssl_protocols": "TLSv1.3"},
        variables={"steve_charger_tls_versions": ["1.2"]},
    ),
    "three at once and the proxy as well": Case(
        ["proxy-upgrade-stripped", "tls-chain-incomplete", "tls-expired", "tls-name-mismatch"],
        lambda: leaf("other.example.net", begins=NOW - timedelta(days=90), ends=NOW - timedelta(days=1))[:1],
        without=("upgrade",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_diagnosis_names_exactly_what_is_wrong(stacks: Stacks, tmp_path: Path, case: Case) -> None:
    stack = stacks("3.14.1", "host")
    with presenting(stack, tls_site(stack, case.presented(), *case.without, **case.directives)):
        run = diagnose(stack, tmp_path, case.store, **case.variables)
    assert sorted(run.found()) == [(id, "proxy") for id in case.expected], run.output
    assert run.code == (2 if any(item["severity"] == "fail" for item in run.findings["findings"]) else 0)
    assert run.recap[stack.name]["changed"] == 0


def test_wss_to_a_plain_port(stacks: Stacks, tmp_path: Path) -> None:
    run = diagnose(stacks("3.14.1", "host"), tmp_path, GOOD.root)
    assert run.found() == [("tls-on-plain-port", "proxy")], run.output


def test_ws_to_a_tls_port(stacks: Stacks, tmp_path: Path) -> None:
    stack = stacks("3.14.1", "host")
    with presenting(stack, tls_site(stack, FULL)):
        run = diagnose(stack, tmp_path, GOOD.root, steve_public_ws_url=stack.public_ws_url)
    assert run.found() == [("plain-on-tls-port", "proxy")], run.output


@pytest.mark.parametrize(
    ("presented", "expected"),
    [(FULL, []), (FULL[:1], [("tls-chain-incomplete", "proxy")])],
    ids=["healthy", "leaf only"],
)
def test_a_vantage_sees_the_same_and_the_same_fault_is_told_once(
    stacks: Stacks, tmp_path: Path, presented: tuple[Issued, ...], expected: list[tuple[str, str]]
) -> None:
    stack = stacks("3.14.1", "host")
    with presenting(stack, tls_site(stack, presented)):
        run = diagnose(stack, tmp_path, GOOD.root, outside=True)
    assert run.found() == expected, run.output
    seen = {item["hop"]: item["status"] for item in run.findings["checks"] if item["id"] == "tls-chain-incomplete"}
    assert seen == ({"proxy": "fail", "public": "blocked"} if expected else {"proxy": "pass", "public": "pass"})


def test_a_store_that_cannot_be_read_leaves_trust_open_with_the_reason(stacks: Stacks, tmp_path: Path) -> None:
    stack = stacks("3.14.1", "host")
    with presenting(stack, tls_site(stack, FULL)):
        run = diagnose(stack, tmp_path, None, steve_charger_ca=str(tmp_path / "missing.pem"))
    assert run.found() == []
    assert run.statuses("tls-untrusted") == {"unknown"}
    assert "missing.pem: No such file or directory" in run.output
