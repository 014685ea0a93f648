# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Witnesses of the clock: which of two is ahead, and how sure that is."""

from __future__ import annotations

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _clock
from ansible_collections.chargeops.steve.plugins.module_utils._log_boxes import seconds

CHRONY = """Reference ID    : C0A80101 (192.168.1.1)
System time     : {} seconds {} of NTP time
Last offset     : +0.000006 seconds
Leap status     : {}
"""


def test_the_line_that_came_through_fastest_says_most() -> None:
    stamps = [
        (b"2026-11-23 01:10:00,000", b"2026-11-23T01:00:00.100000000Z"),
        (b"2026-11-23 01:10:01,000", b"2026-11-23T01:00:31.000000000Z"),
    ]
    found = _clock.against_engine(stamps)
    assert found is not None and found["offset_s"] == 599.9 and found["uncertainty_s"] == 1.0
    assert _clock.against_engine([]) is None
    assert _clock.against_engine([(b"garbage", b"2026-11-23T01:00:00Z")]) is None


@pytest.mark.parametrize(
    ("told", "offset", "zone"),
    [
        ("2026-11-23T01:00:00Z", 0.0, 0.0),
        ("2026-11-23T02:00:00.123+01:00", 0.123, 3600.0),
        ("2026-11-23T02:00:00.1234567Z", 3600.123, 0.0),
    ],
)
def test_the_time_told_to_chargers(told: str, offset: float, zone: float) -> None:
    found = _clock.told_to_chargers([(b"2026-11-23T00:00:00Z", "old"), (b"2026-11-23T01:00:00.0Z", told)])
    assert found is not None and (found["offset_s"], found["zone_s"]) == (offset, zone)


@pytest.mark.parametrize("told", ["", "2026-13-40T01:00:00Z", "2026-11-23 01:00:00", "\0", "9" * 40])
def test_a_time_that_is_none_is_no_witness(told: str) -> None:
    assert _clock.told_to_chargers([(b"2026-11-23T01:00:00Z", told)]) is None


def test_a_line_in_the_files_future_is_a_witness_and_an_old_one_is_not() -> None:
    at = seconds(b"2026-11-23 01:00:00,000")
    assert at is not None
    found = _clock.of_file(b"2026-11-23 01:10:00,000", at)
    assert found is not None and found["offset_s"] == 600.0
    assert _clock.of_file(b"2026-11-23 00:50:00,000", at) is None
    assert _clock.of_file(None, at) is None


def test_what_the_host_says_about_its_time_servers() -> None:
    assert _clock.ntp("NTPSynchronized=yes\nNTP=no\n", None) == {"synchronized": True, "enabled": False, "leap": None}
    assert _clock.ntp(None, CHRONY.format("0.1", "slow", "Not synchronised"))["synchronized"] is False
    assert _clock.ntp(None, None) == {"synchronized": None, "enabled": None, "leap": None}
    slow = _clock.against_ntp(CHRONY.format("601.5", "slow", "Normal"))
    assert slow is not None and slow["offset_s"] == -601.5
    assert _clock.against_ntp(CHRONY.format("601.5", "slow", "Not synchronised")) is None
    assert _clock.against_ntp("nothing of the kind") is None
