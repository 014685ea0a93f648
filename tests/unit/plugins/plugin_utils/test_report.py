# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a run and the terminal report."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive, _terminal
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe

RUN = "20261123T010203Z-7f3a"


def test_files_of_a_run_are_their_owners_alone(tmp_path: Path) -> None:
    run = _archive.create_run(str(tmp_path / "reports"), _archive.new_run_id())
    path = _archive.write_observation(run, observation())
    assert stat.S_IMODE(os.stat(run).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert _archive.read_observations(run)[0]["host"] == "steve-a"


@pytest.mark.parametrize("host", ["../../etc/passwd", "a/b", "..", ".hidden", "h\u00f6st", "a b", "x" * 60])
def test_a_host_name_never_leaves_the_directory_of_the_run(tmp_path: Path, host: str) -> None:
    run = _archive.create_run(str(tmp_path), RUN)
    path = Path(_archive.write_observation(run, observation(host)))
    assert path.parent == Path(run) / "observations"
    assert [item["host"] for item in _archive.read_observations(run)] == [host]


@given(st.text(max_size=40))
def test_only_our_own_run_ids_become_directories(text: str) -> None:
    with pytest.raises(ValueError, match="is not a run id"):
        _archive.create_run("/nonexistent", "x" + text)


def test_a_foreign_file_among_the_observations_is_named(tmp_path: Path) -> None:
    run = _archive.create_run(str(tmp_path), RUN)
    _archive.write_text(os.path.join(run, "observations", "x.json"), "{}")
    with pytest.raises(ValueError, match=r"x\.json is not an observation"):
        _archive.read_observations(run)


BROKEN = observation(probes=[probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])])


def test_report_tells_cause_evidence_remedy_and_what_was_not_looked_at() -> None:
    text = _terminal.render(analyse([BROKEN], ["steve-a"], RUN), width=100)
    assert "proxy-no-route" in text and "answered 502" in text and "nginx_websocket" in text
    assert "not asked" in text and "questions" in text
    assert text.splitlines()[-1].startswith("NOT OK: 1 root cause on 1 of 1 host")


def test_remote_text_is_inert_in_the_report() -> None:
    nasty = "\x1b]0;owned\x07{{ lookup('env','HOME') }}\u202e"
    document = observation(
        probes=[
            probe(),
            probe(
                "proxy",
                rows=[],
                endpoint=broken(
                    "proxy-no-route",
                    "path",
                    evidence=[
                        {"request": nasty, "status": 404, "headers": {"Server": nasty}, "body": nasty, "note": nasty}
                    ],
                ),
            ),
        ]
    )
    text = _terminal.render(analyse([document], ["steve-a"], RUN), full=True)
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text


def test_lost_hosts_come_first() -> None:
    text = _terminal.render(analyse([observation()], ["steve-a", "zz-lost"], RUN))
    assert text.index("zz-lost") < text.index("steve-a")
