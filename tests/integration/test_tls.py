# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS on the real stack, a real nginx with a certificate in front: several faults at once, and from several places.

Each by itself is a row of the fault matrix (tests/matrix).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import certificates
from tests.certificates import Issued, family, server
from tests.integration.playbook import Run, local_host, playbook
from tests.stack import nginx
from tests.stack.fixtures import Stacks
from tests.stack.project import ENDPOINT, PUBLIC_NAME, Stack

NOW = certificates.today()
GOOD = family(PUBLIC_NAME, "127.0.0.1")
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


def test_three_faults_of_a_certificate_and_one_of_the_proxy_are_all_named(stacks: Stacks, tmp_path: Path) -> None:
    stack = stacks("3.14.1", "host")
    ill = leaf("other.example.net", begins=NOW - timedelta(days=90), ends=NOW - timedelta(days=1))[:1]
    with presenting(stack, tls_site(stack, ill, "upgrade")):
        run = diagnose(stack, tmp_path, GOOD.root)
    expected = ["proxy-upgrade-stripped", "tls-chain-incomplete", "tls-expired", "tls-name-mismatch"]
    assert sorted(run.found()) == [(id, "proxy") for id in expected], run.output
    assert run.code == 2
    assert run.recap[stack.name]["changed"] == 0


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
    # Lines are as long as the terminal is wide.
    assert "missing.pem: No such file or directory" in " ".join(run.output.split()), run.output
