# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observations of hosts behind TLS, healthy unless told otherwise."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests import certificates
from tests.certificates import NAME, Issued, family
from tests.unit.plugins.plugin_utils.documents import WS, observation, probe

MADE = family()
AT = certificates.today() + timedelta(hours=1)
URL = f"wss://{NAME}{WS}"


def ok(data: Any) -> dict[str, Any]:
    """A part that was looked at."""
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}


def versions(*states: str) -> dict[str, dict[str, Any]]:
    """Statuses of TLS 1.0 to 1.3."""
    names = ("1.0", "1.1", "1.2", "1.3")
    return {
        name: {"status": state, "reason": None if state == "accepted" else "some reason"}
        for name, state in zip(names, states, strict=True)
    }


def endpoint(
    hop: str = "proxy",
    vantage: str = "host",
    chain: Sequence[bytes] | None = None,
    reason: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What an endpoint presents; with a reason it was not seen."""
    presented = [] if reason else MADE.full if chain is None else chain
    return {
        "hop": hop, "vantage": vantage, "host": NAME, "address": "192.0.2.1", "port": 443,
        "looked_at": AT.strftime("%Y-%m-%dT%H:%M:%SZ"), "status": "unknown" if reason else "ok", "reason": reason,
        "connected": True,
        "source": None if reason else "openssl", "chain": [base64.b64encode(item).decode() for item in presented],
        "negotiated": None if reason else {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"},
        "client_certificate_requested": None if reason else False,
        "versions": versions("refused", "refused", "accepted", "accepted"),
        "verification": {
            "ok": False, "code": 20, "reason": "the certificate was refused: unable to get local issuer certificate",
        },
    } | more  # fmt: skip


def behind_tls(
    *endpoints: dict[str, Any], store: Sequence[Issued] = (MADE.root,), public: str | None = URL, **more: Any
) -> dict[str, Any]:
    """A healthy host with these TLS endpoints, judged by the chargers' store (empty: not given)."""
    probes = more.pop("probes", [probe(), probe("proxy", url=public or URL)])
    document = observation(probes=probes, tls=ok(list(endpoints)), **more)
    document["asked"]["public_ws_url"] = public
    held = [base64.b64encode(item.der).decode() for item in store]
    given = {"file": "/etc/chargers.pem", "certificates": held, "problem": None} if store else None
    return document | {"chargers": {"ca": given, "tls_versions": []}}
