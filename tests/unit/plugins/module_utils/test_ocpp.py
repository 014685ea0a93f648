# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OCPP-J messages that a probe sends and reads."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _ocpp
from ansible_collections.chargeops.steve.plugins.module_utils._ocpp import OcppError
from hypothesis import given
from hypothesis import strategies as st
from ocpp.messages import Call, CallResult, unpack, validate_payload


def test_the_boot_notification_is_valid_ocpp_16() -> None:
    message = unpack(_ocpp.boot_notification("id-1"))
    assert isinstance(message, Call)
    asyncio.run(validate_payload(message, "1.6"))
    assert message.unique_id == "id-1"


def test_the_three_shapes_are_read() -> None:
    call = _ocpp.parse('[2,"7","GetConfiguration",{"key":[]}]')
    assert (call.kind, call.id, call.action, call.payload) == (_ocpp.CALL, "7", "GetConfiguration", {"key": []})
    result = _ocpp.parse(CallResult("8", {"status": "Accepted"}).to_json())
    assert (result.kind, result.id, result.payload) == (_ocpp.CALLRESULT, "8", {"status": "Accepted"})
    error = _ocpp.parse('[4,"9","InternalError","no",{}]')
    assert (error.kind, error.action, error.description) == (_ocpp.CALLERROR, "InternalError", "no")


def test_an_operation_is_declined_politely() -> None:
    call = _ocpp.parse('[2,"7","Reset",{"type":"Hard"}]')
    assert json.loads(_ocpp.not_supported(call)) == [4, "7", "NotSupported", "This is a probe.", {}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[2]",
        '[2,"1"]',
        '[2,"1","A"]',
        '[2,"1","A",[]]',
        '[3,"1",7]',
        '[true,"1",{}]',
        "[3,1,{}]",
        '[9,"1","A",{}]',
        '[3,"' + "x" * 37 + '",{}]',
        "[" * 5000,
        '[4,"1"]',
        '[4,"1",7,"",{}]',
    ],
)
def test_anything_else_is_an_error_of_its_own(text: str) -> None:
    with pytest.raises(OcppError) as caught:
        _ocpp.parse(text)
    assert len(str(caught.value)) < 120


@given(st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_random_text_raises_nothing_but_ocpp_error(text: str) -> None:
    with suppress(OcppError):
        assert _ocpp.parse(text).kind in (2, 3, 4)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T01:02:03Z", 0.0),
        ("2026-11-23T01:02:03.250Z", 0.25),
        ("2026-11-23T01:02:03.123456789Z", 0.123456),
        ("2026-11-23T02:02:03+01:00", 0.0),
        ("2026-11-22T20:32:03-0430", 0.0),
        ("2026-11-23T01:02:03", 0.0),
        (" 2026-11-23t01:02:03z ", 0.0),
    ],
)
def test_moments_are_read_as_utc(text: str, seconds: float) -> None:
    expected = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    moment = _ocpp.parse_time(text)
    assert moment is not None
    assert (moment - expected).total_seconds() == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00Z", "2026-11-23", "0001-01-01T00:00:00+23:00"])
def test_what_is_no_moment_is_none(text: str) -> None:
    assert _ocpp.parse_time(text) is None


@given(st.text())
def test_any_text_is_a_moment_or_none(text: str) -> None:
    assert _ocpp.parse_time(text) is None or isinstance(_ocpp.parse_time(text), datetime)


def test_a_boot_answer_with_odd_fields_is_read_as_far_as_it_goes() -> None:
    answer = _ocpp.boot_answer({"status": "Acc\x1b[31m", "currentTime": 7, "interval": True})
    assert (answer.status, answer.current_time, answer.time, answer.interval_s) == ("Acc\\x1b[31m", None, None, None)
    good = _ocpp.boot_answer({"status": "Accepted", "currentTime": "2026-11-23T01:02:03Z", "interval": 14400})
    assert (good.status, good.interval_s) == ("Accepted", 14400)
    assert good.time == datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)


@given(st.lists(JSON, max_size=5) | st.tuples(st.sampled_from([2, 3, 4]), st.text(max_size=36), JSON, JSON).map(list))
def test_any_list_is_a_message_that_can_be_declined_or_an_error(value: list[object]) -> None:
    with suppress(OcppError):
        message = _ocpp.parse(json.dumps(value))
        again = json.loads(_ocpp.not_supported(message).encode("utf-8"))
        assert again[:3] == [4, message.id, "NotSupported"]


@given(st.dictionaries(st.sampled_from(["status", "currentTime", "interval", "x"]), JSON))
def test_any_payload_of_a_boot_answer_is_read_and_can_be_shown(payload: dict[str, object]) -> None:
    answer = _ocpp.boot_answer(payload)
    assert answer.status.isprintable() and (answer.current_time or "").isprintable()
    assert answer.interval_s is None or isinstance(answer.interval_s, int)
