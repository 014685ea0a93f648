# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every situation in every era, through the real probe over real sockets (``situations.py`` is the table)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

from tests.contract.situations import (
    BOXES,
    ERAS,
    HEX_PASSWORD,
    PASSWORD,
    PROFILES,
    RELEASES,
    RUNBOOK,
    SITUATIONS,
    Situation,
    either,
)
from tests.simulator import ERAS as PLAYED
from tests.simulator import Running, running_simulator
from tests.simulator.faulty_proxy import running_proxy


class World:
    """Simulators by era and setup, and what stands in front of them, started on demand."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        self._running: dict[tuple[str, ...], Running] = {}
        self._tls = _server_context(directory)

    def steve(self, era: str, situation: Situation) -> Running:
        """The server of an era with the situation's settings; one with a fault of its own is not shared."""
        settings = ",".join(f"{name}={value}" for name, value in sorted(situation.properties.items()))
        key = (era, settings, ",".join(situation.faults))
        if key not in self._running:
            self._running[key] = self._start(era, situation, len(self._running))
        return self._running[key]

    def _start(self, era: str, situation: Situation, number: int) -> Running:
        # Up to 3.8.0 only the file counts, later only -D.
        file = self._directory / f"main-{number}.properties"
        properties = {"auth.user": "admin", "auth.password": "1234", **situation.properties}
        file.write_text("".join(f"{name} = {value}\n" for name, value in properties.items()), "utf-8")
        running = self._stack.enter_context(
            running_simulator(
                release=era, charge_boxes=list(BOXES), main_properties=file, system_properties=properties,
            )
        )  # fmt: skip
        for name, profile in PROFILES.items():
            password = HEX_PASSWORD if name == "SP-HEX" else PASSWORD
            running.control.add_charge_box(name, profile=profile, password=password)
        for fault in situation.faults:
            running.control.set_fault(fault)
        return running

    def ask(self, era: str, situation: Situation, given: _era.Era | None) -> dict[str, Any]:
        """The probe of a situation."""
        steve = self.steve(era, situation)
        port, hop = steve.port, "direct"
        with ExitStack() as stack:
            if situation.proxy:
                tls = self._tls if situation.tls else None
                proxy = stack.enter_context(running_proxy(situation.proxy, f"127.0.0.1:{steve.port}", tls=tls))
                port, hop = proxy.port, "proxy"
            return probe(
                ProbeRequest(
                    url=f"{'wss' if situation.tls else 'ws'}://localhost:{port}{situation.path}",
                    connect_to=f"127.0.0.1:{port}",
                    charge_box_ids=[situation.charge_box_id],
                    passwords={} if situation.password is None else {situation.charge_box_id: situation.password},
                    subprotocols=situation.subprotocols, hop=hop, last_gate=situation.last_gate,
                    timeout=situation.timeout_s, deadline=30.0, rate=0.0, validate_certs=False, era=given,
                )
            )  # fmt: skip


def _server_context(directory: Path) -> ssl.SSLContext:
    from tests.contract.certificates import self_signed

    file = directory / "localhost.pem"
    file.write_bytes(self_signed("localhost"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack, tmp_path_factory.mktemp("situations"))


def outcome(document: dict[str, Any], part: str) -> str:
    """What a document says, in the words of the table."""
    endpoint = document["endpoint"]
    if endpoint["verdict"] != "reachable":
        return str(endpoint["finding"] or either(*endpoint["candidates"]))
    if part == "endpoint":
        return "reachable"
    if part == "upgrade":
        return str(document["upgrade_path"]["finding"] or document["upgrade_path"]["verdict"])
    (row,) = document["probes"]
    if row["verdict"] == "undetermined":
        return either(*row["candidates"])
    return str(row["finding"] or row["verdict"])


def known_beforehand(world: World, era: str) -> _era.Era | None:
    """What the direct hop tells about the release; it is passed to the other hops."""
    if era == RUNBOOK:
        return _era.given(RUNBOOK)
    found = world.ask(era, SITUATIONS[0], None)["era"]
    return _era.Era(found["min"], found["max"], found["source"])


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda item: item.title)
def test_what_is_said(world: World, situation: Situation, era: str) -> None:
    needs_telling = situation.proxy is not None or situation.part == "endpoint" or era == RUNBOOK
    document = world.ask(era, situation, known_beforehand(world, era) if needs_telling else None)
    assert outcome(document, situation.part) == situation.outcome(era)
    assert document["side_effects"]["sessions_opened"] == situation.opened(era)
    if outcome(document, situation.part).startswith(either()):
        shown = document["endpoint"], *document["probes"]
        assert any(item["note"] for part in shown for item in part["evidence"])


@pytest.mark.parametrize("era", RELEASES)
@pytest.mark.parametrize("situation", [item for item in SITUATIONS if not item.faults], ids=lambda item: item.title)
def test_the_exact_release_says_the_same_or_more(world: World, situation: Situation, era: str) -> None:
    told = outcome(world.ask(era, situation, _era.given(era)), situation.part)
    expected = situation.outcome(era)
    if told != expected:
        assert expected.startswith(either())
        wide, narrow = (set(filter(None, text.partition(": ")[2].split(", "))) for text in (expected, told))
        # Without any candidate nothing is known at all.
        assert not told.startswith(either()) or narrow < wide or not wide


@pytest.mark.parametrize("era", RELEASES)
def test_the_release_is_among_those_detected(world: World, era: str) -> None:
    found = known_beforehand(world, era)
    assert found is not None and found.source == "fingerprint"
    assert _era.release_key(found.min) <= _era.release_key(era) <= _era.release_key(found.max)
    assert (found.at_least("3.4.9"), found.at_least("3.6.0"), found.at_least("3.9.0")) == (
        _era.given(era).at_least("3.4.9"), _era.given(era).at_least("3.6.0"), _era.given(era).at_least("3.9.0"),
    )  # fmt: skip


def test_the_runbook_dialect_is_never_detected(world: World) -> None:
    assert world.ask(RUNBOOK, SITUATIONS[0], None)["era"]["min"] != RUNBOOK


def test_the_table_is_large_enough_and_plays_every_era() -> None:
    assert set(ERAS) == set(PLAYED)
    assert len(SITUATIONS) * len(ERAS) >= 150
    assert len({item.title for item in SITUATIONS}) == len(SITUATIONS)
