# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The comparison can fail: a release does not pass another's recordings, and each part of an answer counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .cases import Case, load
from .targets import Live, Targets
from .test_recorded import ask
from .wire import Answer

SECURITY = (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"))


def case_of(release: str, label: str) -> Case:
    return next(case for case in load(release) if case.label == label)


def test_each_part_of_an_answer_is_compared() -> None:
    case = case_of("3.14.1", "B registered / plainGET+proto (probe 1.3)")
    right = Answer(400, SECURITY, b'Can "Upgrade" only to "WebSocket".')
    assert case.differences(right, "h:1") == []
    wrong = {
        "status": replace(right, status=404),
        "X-Frame-Options": replace(right, headers=SECURITY[:1]),
        "Server": replace(right, headers=(*SECURITY, ("Server", "x"))),
        "Content-Type": replace(right, headers=(*SECURITY, ("Content-Type", "text/plain"))),
        "body": replace(right, body=b""),
        "frames": replace(right, frames=b"x"),
    }
    for part, answer in wrong.items():
        (difference,) = case.differences(answer, "h:1")
        assert difference.startswith(part)


def test_location_is_compared_with_the_asked_host_and_any_session_id() -> None:
    absolute = case_of("3.7.1", "A manager")
    answer = Answer(302, (*SECURITY, ("Location", "http://h:1/steve/manager/signin")), b"")
    assert absolute.differences(answer, "h:1") == []
    assert absolute.differences(answer, "h:2") != []
    dispatched = case_of("3.14.1", "J NULL profile")
    answer = Answer(302, (*SECURITY, ("Location", "/steve/manager/signin;jsessionid=node0abc.x")), b"")
    assert dispatched.differences(answer, "h:1") == []
    answer = Answer(302, (*SECURITY, ("Location", "/steve/manager/signin")), b"")
    assert dispatched.differences(answer, "h:1") != []


def test_a_missing_frame_after_101_is_a_difference() -> None:
    case = case_of("3.14.1", "B registered / full ocpp1.6")
    headers = (*SECURITY, ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", "ocpp1.6"))
    assert case.differences(Answer(101, headers, b"", b"\x81"), "h:1") == []
    assert case.differences(Answer(101, headers, b""), "h:1") == ["no frame followed the 101"]


def test_3_7_1_does_not_pass_the_recordings_of_3_14_1(targets: Targets) -> None:
    cases = [case for case in load("3.14.1") if case.kind in "AE"]
    target = targets.simulator("3.7.1", "main")
    failing = [case for case in cases if ask(case, target)]
    assert len(failing) > len(cases) // 2


def test_live_server_needs_version_and_credentials() -> None:
    assert Live.from_environment({}) is None
    with pytest.raises(ValueError, match="STEVE_LIVE_VERSION, STEVE_LIVE_USERNAME, STEVE_LIVE_PASSWORD"):
        Live.from_environment({"STEVE_LIVE_URL": "http://h:1/steve"})
    given = {
        "STEVE_LIVE_URL": "http://h:1/steve/",
        "STEVE_LIVE_VERSION": "3.14.1",
        "STEVE_LIVE_USERNAME": "admin",
        "STEVE_LIVE_PASSWORD": "p",
    }
    live = Live.from_environment(given)
    assert live is not None
    assert (live.release, live.target.authority, live.target.credentials.api_value) == ("3.14.1", "h:1", None)
    with pytest.raises(ValueError, match="must look like"):
        Live.from_environment({**given, "STEVE_LIVE_URL": "https://h/other"})
