# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every recorded exchange gives the recorded answer: from the simulator always, from a real server on request."""

from __future__ import annotations

import pytest

from .cases import PLAYED, Case, load, recorded_releases
from .targets import Live, Target, Targets, nginx_binary
from .wire import exchange

# Cases of kind I were recorded behind nginx. Where an nginx is on the machine they run through it; the faulty proxy,
# which replaces it elsewhere, is held to the same recordings everywhere.
PROXIES = ["faulty-proxy", "nginx"] if nginx_binary() else ["faulty-proxy"]

QUIET_S = 0.15
"""How long silence after a 101 is listened to."""

CASES = [case for release in PLAYED for case in load(release)]
DIRECT = [case for case in CASES if case.kind != "I"]
PROXIED = [case for case in CASES if case.kind == "I"]


def ask(case: Case, target: Target) -> list[str]:
    """Send the recorded request; returns what differs from the recorded answer."""
    request = case.request(target.authority, target.credentials)
    answer = exchange(target.host, target.port, request, frames_wait_s=5.0 if case.frames_follow else QUIET_S)
    return case.differences(answer, target.authority)


@pytest.mark.parametrize("case", DIRECT, ids=lambda case: case.id)
def test_simulator_answers_as_recorded(case: Case, targets: Targets) -> None:
    assert ask(case, targets.simulator(case.release, case.setup)) == []


@pytest.mark.parametrize("via", PROXIES)
@pytest.mark.parametrize("case", PROXIED, ids=lambda case: case.id)
def test_simulator_behind_a_proxy_answers_as_recorded(case: Case, via: str, targets: Targets) -> None:
    upstream = targets.simulator(case.release, "main")
    assert ask(case, targets.behind(via, case.setup, upstream)) == []


def test_every_recorded_kind_is_exercised() -> None:
    kinds = {release: {case.kind for case in CASES if case.release == release} for release in PLAYED}
    assert kinds == {
        "3.4.9": set("ABIL"),
        "3.5.1": set("ABL"),
        "3.6.1": set("ABEL"),
        "3.7.1": set("ABEIL"),
        "3.8.0": set("ABEL"),
        "3.9.0": set("ABEJL"),
        "3.12.0": set("ABEL"),
        "3.13.0": set("ABEJL"),
        "3.14.1": set("ABEIJL"),
    }


def test_played_releases_are_recorded() -> None:
    assert set(PLAYED) <= set(recorded_releases())


# --- a real server ----------------------------------------------------------------------------------------------------

LIVE = Live.from_environment()


def live_cases(live: Live | None) -> list[Case]:
    """What can be asked of a real server: its setup cannot be changed, and credentials may be missing."""
    if live is None:
        return []
    given = {name for name in ("api_value", "station_password") if getattr(live.target.credentials, name)}
    return [case for case in load(live.release) if case.setup == "main" or case.kind == "I" if case.needs <= given]


if LIVE is not None:

    @pytest.mark.parametrize("case", live_cases(LIVE), ids=lambda case: f"live-{case.id}")
    def test_real_server_answers_as_recorded(case: Case, targets: Targets) -> None:
        assert LIVE is not None
        target = LIVE.target
        if case.kind == "I":
            target = targets.behind(PROXIES[-1], case.setup, target)
        assert ask(case, target) == []
