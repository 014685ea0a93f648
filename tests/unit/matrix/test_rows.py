# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault matrix as data: what it covers, and that nothing in it is read otherwise than it was meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.matrix import live, recording, rows
from tests.matrix.rows import Row, RowError
from tests.matrix.steps import Bench
from tests.stack.project import Stack

GOOD: dict[str, Any] = {
    "faults": {
        "well": {"expected": []},
        "ill": {"inject": [{"compose": ["stop", "app"]}], "undo": "mend", "expected": ["app-not-running"],
                "repaired_by": "app_env"},
        "odd": {"expected": ["tcp-refused@proxy"], "variables": {"steve_charge_boxes": ["CP2"]}},
    },
    "rows": [
        {"fault": "well", "releases": ["3.7.1", "3.14.1"], "quick": ["3.7.1"]},
        {"faults": ["ill", "odd"], "releases": ["3.14.1"], "mode": "network"},
    ],
}  # fmt: skip


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Writes another rows.yml and reads it."""
    file = tmp_path / "rows.yml"
    monkeypatch.setattr(rows, "FILE", file)
    caches = (rows._document, rows.faults, rows.all_rows)

    def read(content: Any) -> tuple[Row, ...]:
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        for cache in caches:
            cache.cache_clear()
        return rows.all_rows()

    yield read
    for cache in caches:
        cache.cache_clear()


def changed(path: str, value: Any) -> Any:
    """GOOD with one place changed; a place is dotted."""
    document: Any = yaml.safe_load(yaml.safe_dump(GOOD))
    place = document
    *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in above:
        place = place[part]
    place[last] = value
    return document


def test_rows_are_expanded_and_pairs_join_what_their_faults_expect(written: Any) -> None:
    first, second, pair = written(GOOD)
    assert [(row.name, row.quick) for row in (first, second)] == [("well-3.7.1", True), ("well-3.14.1", False)]
    assert pair.name == "ill-and-odd-3.14.1-network" and pair.mode == "network"
    assert pair.expected == {("app-not-running", None), ("tcp-refused", "proxy")}
    assert pair.repaired_by == "app_env"
    assert pair.left == {("tcp-refused", "proxy")}, "one of the two needs a person"
    assert rows.variables(pair)["steve_charge_boxes"] == ["CP1", "CP2"]


def test_what_another_fault_hides_is_not_repaired(written: Any) -> None:
    *_others, pair = written(changed("rows.1", GOOD["rows"][1] | {"expected": ["tcp-refused@proxy"]}))
    assert (pair.repaired_by, pair.left) == (None, frozenset())


def test_the_digest_tells_what_brings_a_row_about(written: Any) -> None:
    digests = {row.digest for row in written(GOOD)}
    assert len(digests) == 3
    assert written(changed("faults.ill.inject", [{"compose": ["kill", "app"]}]))[2].digest not in digests
    assert written(changed("faults.ill.expected", ["app-starting"]))[2].digest in digests


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("faults.well.expect", [], "faults: well: there is no key expect"),
        ("faults.Well", {"expected": []}, "faults: Well: the name must be kebab-case"),
        ("faults.ill.undo", [], "faults: ill: what is injected has to be undone, and nothing else: undo"),
        ("faults.ill.inject", [{"explode": 1}], "faults: ill: inject: {'explode': 1} is no step"),
        ("faults.ill.inject", {"compose": []}, "faults: ill: inject: must be a list of steps"),
        ("faults.odd.expected", ["tcp-refused@moon"], "faults: odd: expected: there is no hop moon"),
        ("faults.odd.repaired_by", "hammer", "faults: odd: repaired_by is 'hammer'"),
        ("faults.odd.kept", "no", "faults: odd: kept: say why in a sentence"),
        ("faults.ill.kept", "it heals by itself", "faults: ill: it is repaired: kept"),
        ("rows.0.kept", "it heals by itself", "rows: well: nothing repairs it: kept"),
        ("faults.odd.vantage", "moon", "faults: odd: vantage is 'moon'"),
        ("faults.unused", {"expected": []}, "faults: no row uses unused"),
        ("rows.0.fault", "nothing", "rows: 1: there is no fault 'nothing'"),
        ("rows.0.releases", [3.7], "rows: well: 3.7 is no release in quotes"),
        ("rows.0.quick", ["3.4.9"], "rows: well: quick names a release that is not in releases"),
        ("rows.1.mode", "cloud", "rows: ill and odd: mode is 'cloud'"),
        ("rows.1.fault", "well", "rows: 2: give either fault or faults (two names)"),
        ("rows.1", {"fault": "well", "releases": ["3.7.1"]}, "rows: there are two of the name well-3.7.1"),
    ],
)
def test_bad_data_is_one_sentence_with_its_place(written: Any, path: str, value: Any, sentence: str) -> None:
    with pytest.raises(RowError) as caught:
        written(changed(path, value))
    assert str(caught.value).startswith(sentence)


def test_the_matrix_is_broad_enough() -> None:
    all_rows = rows.all_rows()
    assert sum(len(row.faults) == 1 for row in all_rows) >= 60
    assert sum(len(row.faults) == 2 for row in all_rows) >= 20
    assert {row.release for row in all_rows} >= {"3.7.1", "3.12.0", "3.14.1"}
    assert {hop for row in all_rows for _id, hop in row.expected} == {None, "direct", "proxy", "public"}
    assert sum(not row.expected for row in all_rows) >= 20, "healthy ones, for false alarms"


def test_twelve_rows_run_live_each_time_on_three_hosts_with_every_repair() -> None:
    quick = rows.select(["quick"])
    assert len(quick) == 12
    assert {(row.release, row.mode) for row in quick} == {(one, "host") for one in ("3.7.1", "3.12.0", "3.14.1")}
    assert {by for row in quick for by in row.repairs} == set(rows.REPAIRS)
    assert any(len(row.faults) == 2 for row in quick) and any(not row.expected for row in quick)


def test_parts_are_all_rows_and_each_once() -> None:
    parts = [row for index in range(1, 5) for row in rows.select([f"{index}/4"])]
    assert sorted(row.name for row in parts) == sorted(row.name for row in rows.select(["all"]))
    for wrong in ("5/4", "nothing", "0/4"):
        with pytest.raises(RowError):
            rows.select([wrong])


def test_every_step_is_in_the_vocabulary_and_the_other_way_round() -> None:
    able = {name[1:] for name in vars(Bench) if name.startswith("_") and f"\n{name[1:]} " in f"\n{_vocabulary()}"}
    assert able == set(rows.STEPS)


def _vocabulary() -> str:
    from tests.matrix import steps

    return (steps.__doc__ or "").partition("====\n")[2]


def _stack(release: str) -> Stack:
    return Stack(None, None, release=release, name=f"steve-{release}")  # type: ignore[arg-type]


def test_a_wave_holds_a_stack_once_and_no_row_is_lost() -> None:
    chosen = [row for row in rows.all_rows() if row.mode == "host" and row.release in ("3.7.1", "3.14.1")]
    stacks = [_stack("3.7.1"), _stack("3.14.1"), _stack("3.14.1")]
    waves = list(live.waves(chosen, stacks))
    assert sorted(row.name for wave in waves for row, _stack in wave) == sorted(row.name for row in chosen)
    for wave in waves:
        assert len({id(stack) for _row, stack in wave}) == len(wave)
        assert all(row.release == stack.release for row, stack in wave)
    with pytest.raises(ValueError, match="there is no stack for"):
        list(live.waves(rows.all_rows(), stacks))


def test_a_recording_keeps_what_was_equal_and_nothing_of_this_machine() -> None:
    place = recording.Place("steve-test-1a2b3c4d", {"/home/me/x": "/opt/steve"}, {21926: 28180}, "172.28.0.")
    long, short = "ab" * 32, "ab" * 6
    document = {
        "host": "steve-test-1a2b3c4d", "port": 21926, "share": 0.21926, "on": True,
        "text": f"ws://127.0.0.1:21926/steve at 172.28.0.3 in /home/me/x, {long} is {short}, not 121926",
        "parts": {"sockets": {"data": {"listening": [{"port": 22}, {"port": 21926}]}}},
    }  # fmt: skip
    done = recording.normalised(document, place)
    first = "000000000001"
    assert done == {
        "host": "steve-host", "port": 28180, "share": 0.21926, "on": True,
        "text": f"ws://127.0.0.1:28180/steve at 172.30.0.3 in /opt/steve, {first + '0' * 52} is {first}, not 121926",
        "parts": {"sockets": {"data": {"listening": [{"port": 28180}]}}},
    }  # fmt: skip
    assert document["port"] == 21926
    certificate = "-----BEGIN CERTIFICATE-----\nMII21926\n"
    assert recording.normalised([certificate], place) == [certificate]
