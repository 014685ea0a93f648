# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator says about the chargers stands in the observation and never reaches the host."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.chargeops.steve.plugins.action.steve_info import MAX_STORE, ActionModule
from ansible_collections.chargeops.steve.plugins.module_utils import _envelope
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive

from tests import certificates
from tests.unit.plugins.plugin_utils.documents import observation, probe, row
from tests.unit.plugins.plugin_utils.documents_log import clock

NAME = "chargeops.steve.steve_info"


def filed(
    monkeypatch: pytest.MonkeyPatch, folder: Path, sent: list[dict[str, Any]] | None = None,
    seen: dict[str, Any] | None = None, **args: Any,
) -> dict[str, Any]:  # fmt: skip
    """The observation as it is written; ``sent`` gets the arguments that reached the host."""
    monkeypatch.setattr(ActionBase, "run", lambda *_args, **_named: {})
    plugin: Any = ActionModule.__new__(ActionModule)
    run_dir = _archive.create_run(str(folder), "20261123T010203Z-7f3a")
    plugin._task = SimpleNamespace(action=NAME, args={"url": "http://h/steve", "run_dir": run_dir, **args})

    def execute(**call: Any) -> dict[str, Any]:
        assert not {"run_dir", "charger_ca", "charger_tls_versions"} & set(call["module_args"])
        if sent is not None:
            sent.append(call["module_args"])
        return {_envelope.KEY: _envelope.seal(seen or observation()), "changed": False}

    plugin._execute_module = execute
    plugin.run(task_vars={"inventory_hostname": "steve-a"})
    (document,) = _archive.read_observations(run_dir)
    return document


def test_the_store_and_the_versions_become_part_of_the_observation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = certificates.family()
    (tmp_path / "ca.pem").write_text(made.root.pem + made.intermediate.pem)
    given: dict[str, Any] = {"charger_ca": str(tmp_path / "ca.pem"), "charger_tls_versions": ["1.2"]}
    document = filed(monkeypatch, tmp_path, **given)
    ca = document["chargers"]["ca"]
    assert [base64.b64decode(item) for item in ca["certificates"]] == [made.root.der, made.intermediate.der]
    assert (ca["problem"], document["chargers"]["tls_versions"]) == (None, ["1.2"])


def test_nothing_given_is_nothing_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert filed(monkeypatch, tmp_path)["chargers"] == {"ca": None, "tls_versions": []}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file or directory"),
        (b"", "no readable certificates"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no readable certificates"),
        (b"x" * (MAX_STORE + 1), "more than 2 MiB"),
    ],
)
def test_a_store_that_cannot_be_used_is_a_sentence_in_the_observation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    ca = filed(monkeypatch, tmp_path, charger_ca=str(tmp_path / "ca.pem"))["chargers"]["ca"]
    assert ca["certificates"] == [] and says in ca["problem"] and "ca.pem" in ca["problem"]


def test_a_version_that_is_none_fails_with_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match=r"charger_tls_versions: SSL3 is no TLS version"):
        filed(monkeypatch, tmp_path, charger_tls_versions=["SSL3"])


def test_what_earlier_runs_asked_reaches_the_host_so_that_its_traces_are_not_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    asked = observation(probes=[probe(rows=[row("CP-1"), row("CP-x", "refused", "charge-box-unregistered")])])
    effects = {"requests": 3, "sessions_opened": 0, "knocks": ["CP-y"], "from": "2026-11-23T01:02:03Z"}
    asked["parts"]["probes"]["data"][0]["side_effects"] = effects | {"to": "2026-11-23T01:02:04Z"}
    for age, name in ((60, "steve-a"), (120, "steve-b"), (100_000, "steve-a")):
        run_id = (now - timedelta(seconds=age)).strftime("%Y%m%dT%H%M%SZ") + "-0001"
        _archive.write_observation(_archive.create_run(str(tmp_path), run_id), asked | {"host": name})
    (tmp_path / "not-a-run").mkdir()
    broken = (now - timedelta(seconds=30)).strftime("%Y%m%dT%H%M%SZ") + "-0002"
    (Path(_archive.create_run(str(tmp_path), broken)) / "observations" / "steve-a.json").write_text("{")
    sent: list[dict[str, Any]] = []
    filed(monkeypatch, tmp_path, sent)
    assert sent[0]["log_discounts"] == [
        {"from": "2026-11-23T01:02:03Z", "to": "2026-11-23T01:02:04Z", "ids": ["CP-1", "CP-x", "CP-y"]}
    ]


@pytest.mark.parametrize("ahead", [0.0, 600.0, -600.0])
def test_the_controller_is_a_witness_of_the_hosts_clock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ahead: float
) -> None:
    seen = observation(clock=clock())
    seen["parts"]["clock"]["data"]["host"] = {"begin_s": time.time() + ahead, "end_s": time.time() + ahead}
    (witness,) = filed(monkeypatch, tmp_path, seen=seen)["parts"]["clock"]["data"]["witnesses"]
    assert witness["name"] == "controller"
    assert abs(witness["offset_s"] - ahead) <= witness["uncertainty_s"] + 1
    assert 0 <= witness["uncertainty_s"] < 60
