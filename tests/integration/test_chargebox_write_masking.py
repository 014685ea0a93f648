# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through Ansible at ``-vvvv``: charge boxes are written, their ids survive, and no password stands in the output."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.one_task import changed_lines, task
from tests.simulator import running_simulator

IDS = ["CP-1234", "steve-1", "admin", "1234", "steve"]
SECRETS = ("kanarien-vogel-4711", "papagei-vogel-0815", "viel-zu-langes-geheimnis-fuer-jede-bekannte-version")


@pytest.mark.parametrize("secret", ["1234", "steve", "admin", "correct-horse-battery-staple"])
def test_ids_survive_and_secrets_do_not_show(tmp_path: Path, secret: str) -> None:
    environ = {"AUTH_USER": "admin", "AUTH_PASSWORD": secret}
    with running_simulator(release="3.14.1", environ=environ) as steve:
        common = {"url": steve.url, "username": "admin", "password": secret}
        boxes = [
            {"charge_box_id": "S-1", "security_profile": 1, "auth_password": SECRETS[1]},
            {"charge_box_id": "S-2", "auth_password": SECRETS[2]},
        ]
        loud = ("-vvvv", "--diff")
        predicted, foretold = task(tmp_path, "steve_chargebox", *loud, "--check", charge_box_id=IDS, **common)
        done, said = task(tmp_path, "steve_chargebox", *loud, charge_box_id=IDS, **common)
        again, quiet = task(tmp_path, "steve_chargebox", *loud, charge_box_id=IDS, **common)
        mixed, told = task(
            tmp_path, "steve_chargebox", *loud, charge_boxes=boxes, charge_box_id=["S-3"],
            auth_password=SECRETS[0], **common,
        )  # fmt: skip
        rows = {row["charge_box_id"]: row for row in steve.control.state()["tables"]["charge_box"]}
    assert [row["id"] for row in done["charge_boxes"]] == IDS
    assert (predicted["changed"], done["changed"], again["changed"]) == (True, True, False)
    assert changed_lines(foretold) == changed_lines(said) != [] == changed_lines(quiet)
    assert changed_lines(said) == [f"-{one}: absent" for one in IDS] + [f"+{one}: present" for one in IDS]
    assert mixed["failed"] is True
    assert [(row["id"], row["error"] is None) for row in mixed["charge_boxes"]] == [
        ("S-3", True), ("S-1", True), ("S-2", False),
    ]  # fmt: skip
    assert rows["S-1"]["auth_password"].startswith("$2") and rows["S-3"]["auth_password"].startswith("$2")
    assert "S-2" not in rows and "between 16 and 20 characters" in mixed["msg"]
    for output in (foretold, said, quiet, told):
        assert re.search(rf"pass\w*[\"']?\s*[:=]\s*[\"']?{re.escape(secret)}\b", output, re.IGNORECASE) is None
        assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in output
        if len(secret) > 5:
            assert secret not in output
        assert not [one for one in SECRETS if one in output]
    kept = {key: value for key, value in mixed.items() if key != "invocation"}
    assert "****" not in json.dumps(kept)
