# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stored runs judged again: which look counts, and that a bad file costs nothing but itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._merge_runs import Merged, merge_runs

from tests.unit.plugins.plugin_utils.documents import observation, probe

OLD, NEW = "20261122T010203Z-7f3a", "20261123T010203Z-0001"


def store(folder: Path, run_id: str, *documents: dict[str, Any], hosts: tuple[str, ...] = ()) -> str:
    """A stored run; with its verdict when hosts are given."""
    run_dir = _archive.create_run(str(folder), run_id)
    for document in documents:
        _archive.write_observation(run_dir, document)
    if hosts:
        verdict = analyse(list(documents), list(hosts), run_id)
        _archive.write_json(os.path.join(run_dir, "findings.json"), verdict)
    return run_dir


def seen(host: str, when: str = "2026-11-23T01:00:00Z", **more: Any) -> dict[str, Any]:
    return observation(host) | {"collected_at": when} | more


def lost(host: str, run_id: str, reason: str = "unreachable: ssh") -> dict[str, Any]:
    return {
        "schema": "chargeops.steve/observation/1", "run_id": run_id, "host": host, "reached": False, "reason": reason,
        "parts": {},
    }  # fmt: skip


def vantage(host: str, name: str, url: str) -> dict[str, Any]:
    part = {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": [probe("public", name, url=url)]}
    return lost(host, NEW) | {"reached": True, "reason": None, "vantage": name, "parts": {"probes": part}}


def merged(*run_dirs: str) -> Merged:
    return merge_runs([_archive.read_stored(item) for item in run_dirs])


def reached(result: Merged) -> dict[str, bool]:
    return {item["host"]: item["reached"] for item in analyse(result.documents, result.hosts, NEW)["hosts"]}


def test_slices_become_one_fleet(tmp_path: Path) -> None:
    result = merged(store(tmp_path, OLD, seen("a"), seen("b")), store(tmp_path, NEW, seen("c")))
    assert reached(result) == {"a": True, "b": True, "c": True}
    assert [item["hosts"] for item in result.sources] == [2, 1] and result.left_out == []


@pytest.mark.parametrize("swapped", [False, True])
def test_the_newest_look_counts_and_its_vantages_with_it(tmp_path: Path, swapped: bool) -> None:
    old = store(tmp_path, OLD, seen("a", "2026-11-22T01:00:00Z"), vantage("a", "office", "ws://old.test/x"))
    new = store(tmp_path, NEW, seen("a"), vantage("a", "yard", "ws://new.test/x"))
    result = merged(*((new, old) if swapped else (old, new)))
    assert [item.get("vantage") for item in result.documents] == [None, "yard"]
    assert result.documents[0]["collected_at"] == "2026-11-23T01:00:00Z"


def test_a_host_that_the_newest_run_could_not_reach_is_lost(tmp_path: Path) -> None:
    runs = [store(tmp_path, OLD, seen("a", "2026-11-22T01:00:00Z")), store(tmp_path, NEW, lost("a", NEW))]
    assert reached(merged(*runs)) == {"a": False}


def test_a_host_that_a_later_run_reached_is_there_again(tmp_path: Path) -> None:
    runs = [store(tmp_path, OLD, lost("a", OLD)), store(tmp_path, NEW, seen("a"))]
    assert reached(merged(*runs)) == {"a": True}


def test_a_host_without_any_file_is_known_from_the_verdict_of_its_run(tmp_path: Path) -> None:
    run = store(tmp_path, NEW, seen("a"), hosts=("a", "b"))
    assert reached(merged(run)) == {"a": True, "b": False}
    os.unlink(os.path.join(run, "observations", "a.json"))
    result = merged(run)
    assert reached(result) == {"a": False, "b": False}
    assert "missing from the stored run" in result.documents[0]["reason"]


WHOLE = json.dumps(observation("bad"))
BAD: dict[str, tuple[bytes, str, bool]] = {
    "cut off": (WHOLE[: len(WHOLE) // 2].encode(), "is cut off or not JSON", True),
    "empty": (b"", "is cut off or not JSON", True),
    "binary": (b"\xff\xfe\x00", "not even UTF-8", True),
    "older": (WHOLE.replace("observation/1", "observation/0").encode(), "is of another version", True),
    "newer": (WHOLE.replace("observation/1", "observation/2").encode(), "is of another version", True),
    "too deep": (b"[" * 200_000, "nested too deeply", True),
    "not a number": (WHOLE.replace("1.0", "NaN").encode(), "a number that is none", True),
    "half of it": (b'{"schema": "chargeops.steve/observation/1"}', "lacks what every observation has", True),
    "a surrogate": (WHOLE.replace('"bad"', '"\\ud800"').encode(), "lacks what every observation has", True),
    "an endless name": (WHOLE.replace('"bad"', f'"{"x" * 300}"').encode(), "lacks what every observation has", True),
    "foreign": (b'{"schema": "someone/else/1"}', "is not an observation", False),
    "a list": (b"[]", "is not an observation", False),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_in_one_sentence_and_costs_no_other_host(tmp_path: Path, name: str) -> None:
    content, says, is_ours = BAD[name]
    run = store(tmp_path, NEW, seen("a"), seen("c"))
    path = os.path.join(run, "observations", "bad.json")
    Path(path).write_bytes(content)
    result = merged(run)
    (left_out,) = result.left_out
    assert left_out["file"] == path and says in left_out["reason"] and "\n" not in left_out["reason"]
    # One of ours belongs to a host, and that host must not vanish from the verdict.
    assert reached(result) == {"a": True, "c": True} | ({"bad": False} if is_ours else {})


def test_a_pipe_and_a_directory_do_not_hold_anybody_up(tmp_path: Path) -> None:
    run = store(tmp_path, NEW, seen("a"))
    os.mkfifo(os.path.join(run, "observations", "pipe.json"))
    os.mkdir(os.path.join(run, "observations", "folder.json"))
    os.symlink("/nonexistent", os.path.join(run, "observations", "gone.json"))
    result = merged(run)
    assert len(result.left_out) == 3 and reached(result)["a"] is True


def test_a_damaged_look_from_a_vantage_is_a_dead_vantage(tmp_path: Path) -> None:
    run = store(tmp_path, NEW, seen("a"))
    Path(run, "observations", "a@office.json").write_text("{", encoding="utf-8")
    result = merged(run)
    (host,) = analyse(result.documents, result.hosts, NEW)["hosts"]
    assert host["reached"] is True and "cut off" in host["dead_vantages"]["office"]


@pytest.mark.parametrize(
    "parts",
    [
        {"probes": 1}, {"probes": {"status": "ok", "reason": None, "data": [{}]}}, {"compose": [1]}, {"admin": "x"},
        {"compose": {"status": "ok", "reason": None, "data": {"services": None}}},
    ],
)  # fmt: skip
def test_an_observation_that_is_damaged_inside_costs_its_own_host_only(parts: dict[str, Any]) -> None:
    damaged = observation("bad")
    damaged["parts"] |= parts
    hosts = analyse([observation("a"), damaged], ["a", "bad"], NEW)["hosts"]
    assert [(item["host"], item["reached"]) for item in hosts] == [("a", True), ("bad", False)]
    assert "is damaged or of another version" in hosts[1]["reason"]


@pytest.mark.parametrize("more", [{"asked": 5}, {"era": {"min": 3}}, {"era": []}, {"parts": {"probes": None}}])
def test_an_observation_that_is_damaged_outside_costs_no_other_host(more: dict[str, Any]) -> None:
    hosts = analyse([observation("a"), observation("bad") | more], ["a", "bad"], NEW)["hosts"]
    assert hosts[0]["reached"] is True and hosts[1]["host"] == "bad"


def test_a_copied_file_does_not_make_a_host_be_seen_twice(tmp_path: Path) -> None:
    run = store(tmp_path, NEW, seen("a"))
    path = Path(run, "observations", "a.json")
    path.with_name("a (copy).json").write_bytes(path.read_bytes())
    assert len(merged(run).documents) == 1


def test_what_is_no_directory_of_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not the directory of a run"):
        _archive.read_stored(str(tmp_path))
