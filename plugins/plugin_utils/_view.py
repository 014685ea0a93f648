# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the analyser sees of one host: its observation files merged, with the few questions everybody asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._era import UNKNOWN, Era, from_dict

#: Stages of an endpoint in the order in which a connection passes them; ``done`` is beyond all.
STAGES = ("resolve", "connect", "tls", "http", "path", "done")


@dataclass(frozen=True)
class Probe:
    """One probe result: one hop seen from one vantage."""

    data: dict[str, Any]

    @property
    def hop(self) -> str:
        """``direct`` | ``proxy`` | ``public``."""
        return str(self.data["hop"])

    @property
    def vantage(self) -> str:
        """``host`` or the name of the host from which it was sent."""
        return str(self.data["vantage"])

    @property
    def endpoint(self) -> dict[str, Any]:
        """The part that says whether SteVe's endpoint is there."""
        value: dict[str, Any] = self.data["endpoint"]
        return value

    @property
    def reachable(self) -> bool:
        """Whether the endpoint answered as SteVe's."""
        return bool(self.endpoint["verdict"] == "reachable")

    @property
    def stage(self) -> int:
        """Index in ``STAGES`` of the stage that the answer belongs to."""
        return STAGES.index("done" if self.reachable else str(self.endpoint.get("stage") or "resolve"))

    @property
    def gates(self) -> dict[str, Any]:
        """The part that says whether an upgrade would get through."""
        value: dict[str, Any] = self.data["upgrade_path"]
        return value

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per id asked."""
        value: list[dict[str, Any]] = self.data.get("probes") or []
        return value

    @property
    def addresses(self) -> list[dict[str, Any]]:
        """The addresses of the name that was dialled."""
        value: list[dict[str, Any]] = self.endpoint.get("addresses") or []
        return value

    @property
    def is_tls(self) -> bool:
        """Whether the URL asks for TLS."""
        return str(self.data["url"]).startswith("wss:")


@dataclass
class HostView:
    """All observations of one host in one run.

    Attributes:
        host: inventory name.
        reached: False when the host itself could not be observed.
        reason: why it was not reached.
        observation: the host's own document, None when it was not reached.
        probes: all probe results, the host's first, then those of other vantages.
        dead_vantages: vantage name → why it sent nothing.
        tls: what TLS endpoints present, the host's first, then those of other vantages.
    """

    host: str
    reached: bool
    reason: str | None = None
    observation: dict[str, Any] | None = None
    probes: list[Probe] = field(default_factory=list)
    dead_vantages: dict[str, str] = field(default_factory=dict)
    tls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def era(self) -> Era:
        """The release range known for this host."""
        return from_dict(self.observation["era"]) if self.observation and self.observation.get("era") else UNKNOWN

    @property
    def asked(self) -> dict[str, Any]:
        """What the observation was told to look for."""
        return dict((self.observation or {}).get("asked") or {})

    @property
    def chargers(self) -> dict[str, Any]:
        """What the operator says about the chargers: ``ca`` and ``tls_versions``."""
        return dict((self.observation or {}).get("chargers") or {})

    def part(self, name: str) -> dict[str, Any]:
        """A part of the observation; one that is missing reads as unknown."""
        parts: dict[str, Any] = (self.observation or {}).get("parts") or {}
        value: dict[str, Any] = parts.get(name) or {
            "status": "unknown",
            "reason": "the observation has no such part",
            "data": None,
        }
        return value

    def probe(self, hop: str) -> Probe | None:
        """The host's own probe of a hop."""
        return next((probe for probe in self.probes if probe.hop == hop and probe.vantage == "host"), None)

    def asking_probe(self) -> Probe | None:
        """The probe whose rows tell about ids: the first that was asked any and had an endpoint to ask."""
        candidates = [probe for probe in self.probes if probe.data["summary"]["asked"]]
        return next((probe for probe in candidates if probe.reachable), candidates[0] if candidates else None)

    def box_rows(self) -> list[tuple[dict[str, Any], Probe]]:
        """One row per id with the probe it comes from: a hop with TLS speaks for those that were refused without."""
        asking = self.asking_probe()
        rows = {row["charge_box_id"]: (row, asking) for row in asking.rows} if asking else {}
        own = (probe for probe in self.probes if probe.vantage == "host")
        tls = next((probe for probe in own if probe.is_tls and probe.reachable), None)
        for row in tls.rows if tls else []:
            before = rows.get(row["charge_box_id"])
            if tls and before and "profile-requires-tls" in (before[0]["finding"], *before[0]["candidates"]):
                rows[row["charge_box_id"]] = (row, tls)
        return list(rows.values())

    def service(self, kind: str) -> dict[str, Any] | None:
        """Facts of the ``app`` or ``db`` container, None when unknown or missing."""
        part = self.part("compose")
        if part["status"] != "ok":
            return None
        value: dict[str, Any] | None = part["data"]["services"].get(part["data"][f"{kind}_service"])
        return value


def merge(host: str, documents: list[dict[str, Any]]) -> HostView:
    """One view of a host from its documents of one run, the host's own and those of vantages, in any order."""
    view = HostView(host, reached=False, reason="no observation was collected")
    for document in documents:
        vantage = document.get("vantage")
        if vantage is None:
            view.reached = bool(document.get("reached", True))
            view.reason = None if view.reached else str(document.get("reason") or "not reached")
            view.observation = document if view.reached else None
            part = view.part("probes")
            own = [Probe(item) for item in part["data"] or []] if part["status"] == "ok" else []
            view.probes = own + view.probes
            view.tls = list(view.part("tls")["data"] or []) + view.tls
        elif document.get("reached", True):
            view.probes += [Probe(item) for item in document["parts"]["probes"]["data"] or []]
            view.tls += (document["parts"].get("tls") or {}).get("data") or []
        else:
            view.dead_vantages[str(vantage)] = str(document.get("reason") or "not reached")
    return view


def gate_charge_box_id(observation: dict[str, Any]) -> str | None:
    """An id that this host's SteVe accepted, for the probes from other vantages: the dedicated one if possible."""
    probes = observation["parts"]["probes"]
    results = probes["data"] or [] if probes["status"] == "ok" else []
    accepted = [row["charge_box_id"] for result in results for row in result["probes"] if row["verdict"] == "accepted"]
    dedicated = observation["asked"].get("probe_charge_box_id")
    return dedicated if dedicated in accepted else next(iter(accepted), None)
