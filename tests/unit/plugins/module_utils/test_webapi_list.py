# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fork's list of charge boxes: rows, times written for a person, and what is no list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _webapi_list
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Today at 00:04", "2026-03-01T00:04:00Z"),
        ("Yesterday at 23:59", "2026-02-28T23:59:00Z"),
        ("2025-12-24 at 18:00", "2025-12-24T18:00:00Z"),
        ("2025-02-30 at 18:00", None), ("Today at 24:00", None), ("today at 00:04", None), ("", None), (None, None),
        (1772323440000, None), ("2025-12-24T18:00:00Z", None),
    ],
)  # fmt: skip
def test_times_for_a_person_become_times(text: Any, moment: str | None) -> None:
    assert _webapi_list.moment(text, NOW) == moment


def test_what_cannot_be_read_is_said_and_the_rest_is_kept() -> None:
    good = {"chargeBoxId": "CP-1", "chargeBoxPk": 7, "ocppProtocol": "ocpp1.6J"}
    strange = {"chargeBoxId": "CP-2", "chargeBoxPk": 8, "lastHeartbeatTimestamp": "vor drei Tagen", "description": 5}
    odd = ["CP-3", {"chargeBoxId": 4, "chargeBoxPk": 9}, {"chargeBoxId": "CP-5", "chargeBoxPk": True}, None]
    rows, notes = _webapi_list.read(json.dumps([good, strange, *odd]).encode(), NOW)
    empty = {"protocol": None, "last_heartbeat": None, "description": None}
    assert rows == [{**empty, "id": "CP-1", "pk": 7, "protocol": "ocpp1.6J"}, {**empty, "id": "CP-2", "pk": 8}]
    assert len(notes) == 2 and "4 of 6 entries" in notes[0] and "1 charge boxes" in notes[1]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"CP-1"', b"\xff\xfe", b"[" * 100_000])
def test_another_answer_is_no_list(body: bytes) -> None:
    with pytest.raises(_webapi_list.NoList):
        _webapi_list.read(body, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
NAMES = ("chargeBoxId", "chargeBoxPk", "ocppProtocol", "lastHeartbeatTimestamp", "description")


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON)) | JSON, max_size=5))
def test_any_json_gives_rows_of_one_shape(document: list[Any]) -> None:
    rows, _notes = _webapi_list.read(json.dumps(document).encode(), NOW)
    for row in rows:
        assert isinstance(row["id"], str) and row["id"]
        assert isinstance(row["pk"], int) and not isinstance(row["pk"], bool)
        assert all(row[name] is None or isinstance(row[name], str) for name in ("protocol", "description"))


@given(st.text(min_size=1), st.integers(min_value=0))
def test_ids_come_back_as_they_are(identifier: str, pk: int) -> None:
    body = json.dumps([{"chargeBoxId": identifier, "chargeBoxPk": pk}]).encode()
    (row,), notes = _webapi_list.read(body, NOW)
    assert (row["id"], row["pk"], notes) == (identifier, pk, [])
