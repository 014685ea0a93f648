# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a diagnosis leaves in SteVe's log is not taken for a charger's doing by the next one.

Causes that the log shows are rows of the fault matrix (tests/matrix), and those that are real ones in test_real_causes.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.playbook import local_host, playbook
from tests.simulator import running_simulator


def test_a_second_diagnosis_does_not_take_the_first_ones_knocks_for_a_chargers(tmp_path: Path) -> None:
    log, reports = tmp_path / "steve.log", tmp_path / "reports"
    with running_simulator(release="3.14.1", charge_boxes=["CP-1:Accepted:1:password-of-16-ch"], log_file=log) as steve:
        host = local_host(
            steve_url=steve.url, steve_log_file=str(log), steve_charge_boxes=["CP-1"], steve_admin_password=""
        )
        inventory = {"all": {"children": {"steve": {"hosts": {"site": host}}}}}
        runs = [playbook("diagnose", inventory, extra={"steve_report_dir": str(reports)}) for _index in range(2)]
    assert "Failed to find username and password" in log.read_text(), "the first diagnosis left no trace"
    assert len(runs) == 2
    seen = [json.loads(next(path.rglob("site.json")).read_text()) for path in sorted(reports.iterdir())]
    assert [item["parts"]["log"]["data"]["discounted"] > 0 for item in seen] == [False, True]
    assert {witness["name"] for witness in seen[0]["parts"]["clock"]["data"]["witnesses"]} >= {"controller"}
    judged = [json.loads((path / "findings.json").read_text()) for path in sorted(reports.iterdir())]
    assert [item["id"] for one in judged for item in one["findings"]] == []
