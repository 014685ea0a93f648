# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``remediate`` over several hosts: host by host, in batches, with ``--limit``; simulators, no container."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_location import Settings, ensure
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_process import Nginx
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import desired

from tests.integration.local_nginx import NAME, UPGRADE, LocalNginx, status
from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator

#: An address that is kept for documentation (RFC 5737): nobody has it.
AWAY = {"ansible_host": "192.0.2.1", "ansible_ssh_common_args": "-o ConnectTimeout=1"}


@pytest.fixture
def steves() -> Iterator[tuple[Running, Running]]:
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as new,
        running_simulator(release="3.7.1", charge_boxes=["CP-1"]) as old,
    ):
        yield new, old


def host(url: str, *boxes: str, password: str = "1234") -> dict[str, Any]:
    return local_host(steve_url=url, steve_admin_password=password, steve_charge_boxes=list(boxes))


def remediate(hosts: dict[str, dict[str, Any]], *options: str, **extra: Any) -> Run:
    inventory = {"all": {"children": {"steve": {"hosts": hosts}}}}
    quick = {"diagnose_timeout": 3, "diagnose_nginx_conf": "/nonexistent", "diagnose_start_deadline": 0}
    return playbook("remediate", inventory, *options, extra=quick | extra)


def boxes(steve: Running) -> list[str]:
    return [row["charge_box_id"] for row in steve.control.state()["tables"]["charge_box"]]


def test_each_host_is_repaired_or_told_and_the_verdict_comes_last(steves: tuple[Running, Running]) -> None:
    new, old = steves
    run = remediate({
        "a-away": AWAY, "b-dead": host("http://127.0.0.1:9/steve", "CP-1"), "c-healthy": host(old.url, "CP-1"),
        "d-ill": host(new.url, "CP-1", "CP-2"),
    })  # fmt: skip
    assert run.code != 0
    assert boxes(new) == ["CP-1", "CP-2"], run.output
    assert {name: (row["changed"], row["failed"]) for name, row in run.recap.items()} == {
        "a-away": (0, 1), "b-dead": (0, 1), "c-healthy": (0, 0), "d-ill": (1, 0)
    }  # fmt: skip
    assert "whoever runs network" in run.output
    # One diagnosis where nothing was tried, two where something was; each host's files are its own.
    told = [json.loads((path / "plan.json").read_text()) for path in run.directories if (path / "plan.json").exists()]
    assert [[item["host"] for item in plan["hosts"]] for plan in told] == [[name] for name in run.recap]
    assert len(run.directories) == 5


@pytest.mark.parametrize("serial", [1, 2])
def test_a_repair_that_failed_ends_the_run_before_the_next_batch(steves: tuple[Running, Running], serial: int) -> None:
    new, old = steves
    hosts = {
        "a-refused": host(new.url, "CP-1", "CP-2", password="wrong"), "b-healthy": host(new.url, "CP-1"),
        "c-ill": host(old.url, "CP-1", "CP-2"),
    }  # fmt: skip
    run = remediate(hosts, steve_serial=serial)
    assert run.code != 0 and boxes(old) == ["CP-1"], run.output
    assert "SteVe refused user or password" in run.output and "1 repair failed" in run.output
    assert run.recap["a-refused"]["rescued"] == 1
    assert ("b-healthy" in run.recap) is (serial == 2)
    assert "c-ill" not in run.recap


def test_check_mode_goes_through_all_hosts_and_fails_for_what_would_fail(steves: tuple[Running, Running]) -> None:
    new, old = steves
    hosts = {"a-refused": host(new.url, "CP-2", password="wrong"), "b-ill": host(old.url, "CP-1", "CP-2")}
    run = remediate(hosts, "--check")
    assert run.code != 0 and boxes(old) == ["CP-1"]
    assert {name: (row["changed"], row["failed"]) for name, row in run.recap.items()} == {
        "a-refused": (0, 1), "b-ill": (1, 0)
    }  # fmt: skip


def test_limit_leaves_the_others_out(steves: tuple[Running, Running]) -> None:
    new, old = steves
    hosts = {"a": host(new.url, "CP-1", "CP-2"), "b": host(old.url, "CP-1", "CP-2")}
    run = remediate(hosts, "--limit", "b")
    assert run.code == 0, run.output
    assert (boxes(new), boxes(old)) == (["CP-1"], ["CP-1", "CP-2"])
    assert list(run.recap) == ["b"]


@pytest.mark.parametrize("written", ["CP-9", '["CP-9"]'])
def test_charge_boxes_that_are_a_text_are_refused_and_not_taken_apart(
    steves: tuple[Running, Running], written: str
) -> None:
    new, _old = steves
    run = remediate({"a": host(new.url)}, steve_charge_boxes=written)
    assert run.code != 0 and boxes(new) == ["CP-1"], run.output
    assert "charge_box_id" in run.output and "not reached" in run.output


@pytest.mark.parametrize(
    ("written", "code"), [(None, 0), ([], 0), ([{"description": "x"}], 2), ([{"charge_box_id": "CP-1"}], 0)]
)
def test_odd_lists_of_charge_boxes_end_in_a_verdict(steves: tuple[Running, Running], written: Any, code: int) -> None:
    new, _old = steves
    run = remediate({"a": host(new.url) | {"steve_charge_boxes": written}})
    assert run.code == code and boxes(new) == ["CP-1"], run.output
    assert "Undefined" not in run.output and "has no len" not in run.output


def test_a_charge_box_that_nobody_wants_accepted_needs_a_hand_and_stops_nobody(
    steves: tuple[Running, Running],
) -> None:
    new, old = steves
    new.control.add_charge_box("SHUT", status="Rejected")
    managed = {"charge_box_id": "SHUT", "registration_status": "accepted"}
    hosts = {"a": host(new.url, "CP-1", "SHUT"), "b": host(old.url, "CP-1", "CP-2")}
    run = remediate(hosts)
    assert run.code != 0 and boxes(old) == ["CP-1", "CP-2"], run.output
    assert "by hand     charge-box-rejected" in run.output
    assert {name: row["failed"] for name, row in run.recap.items()} == {"a": 1, "b": 0}
    hosts["a"]["steve_charge_boxes"] = ["CP-1", managed]
    repaired = remediate(hosts)
    assert repaired.code == 0 and repaired.recap["a"]["changed"] == 1, repaired.output


def test_an_id_that_is_asked_about_and_not_listed_is_not_announced_as_repaired(
    steves: tuple[Running, Running],
) -> None:
    new, _old = steves
    run = remediate({"a": host(new.url, "CP-1")}, steve_charge_box_id="CP-7")
    assert run.code != 0 and boxes(new) == ["CP-1"]
    assert "by hand     charge-box-unregistered" in run.output and "    repair " not in run.output


def test_what_the_tags_leave_out_is_announced_as_left_out(steves: tuple[Running, Running]) -> None:
    new, _old = steves
    run = remediate({"a": host(new.url, "CP-1", "CP-2")}, "--tags", "env", "--check")
    assert "the tags of this run leave it out" in run.output and boxes(new) == ["CP-1"]
    done = remediate({"a": host(new.url, "CP-1", "CP-2")}, "--tags", "charge_boxes")
    assert done.code == 0 and boxes(new) == ["CP-1", "CP-2"], done.output


def test_a_host_that_cannot_be_reached_is_not_green_in_check_mode_and_stops_nobody(
    steves: tuple[Running, Running],
) -> None:
    new, _old = steves
    away = AWAY | {"steve_charge_boxes": [{"charge_box_id": "CP-1", "description": "x"}]}
    assert remediate({"a": away}, "--check").code != 0
    run = remediate({"a": away, "b": host(new.url, "CP-1", "CP-2")})
    assert run.code != 0 and boxes(new) == ["CP-1", "CP-2"], run.output
    assert {name: (row["unreachable"], row["failed"]) for name, row in run.recap.items()} == {"a": (0, 1), "b": (0, 0)}


def test_a_repair_that_was_killed_before_its_reload_is_finished_by_the_next_run(
    steves: tuple[Running, Running], tmp_path: Path
) -> None:
    new, _old = steves
    nginx = LocalNginx(tmp_path / "etc")
    nginx.site("location / { return 404; }")
    nginx.start()
    try:
        url = f"ws://{NAME}:{nginx.port}/steve/websocket/CentralSystemService"
        fragment, state = str(nginx.directory / "steve-websocket.conf"), str(tmp_path / "state")
        upstream = f"http://127.0.0.1:{new.port}"

        def killed() -> None:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(Nginx, "reload", lambda *_arguments: os._exit(9))
                ensure(
                    desired(url, upstream, fragment),
                    Settings(conf=str(nginx.conf), nginx_command=nginx.command, state_dir=state), False,
                )  # fmt: skip

        child = multiprocessing.get_context("fork").Process(target=killed)
        child.start()
        child.join(60)
        assert child.exitcode == 9 and os.listdir(state)
        mine = host(new.url, "CP-1") | {
            "steve_public_ws_url": url, "steve_nginx_command": list(nginx.command),
            "diagnose_nginx_conf": str(nginx.conf),
            "nginx_websocket_conf": str(nginx.conf), "nginx_websocket_fragment": fragment,
            "nginx_websocket_state_dir": state, "nginx_websocket_prove_connect_to": f"127.0.0.1:{nginx.port}",
        }  # fmt: skip
        inventory = {"all": {"children": {"steve": {"hosts": {"site": mine}}}}}
        run = playbook("remediate", inventory, extra={"diagnose_timeout": 3, "diagnose_start_deadline": 0})
        assert "a run that was interrupted has not finished it" in run.output
        assert run.code == 0, run.output
        ocpp = UPGRADE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n")
        assert status(nginx.port, "/steve/websocket/CentralSystemService/CP-1", ocpp) == 101, run.output
        assert run.recap["site"]["changed"] == 1, run.output
        assert not os.path.exists(state)
        again = playbook("remediate", inventory, extra={"diagnose_timeout": 3, "diagnose_start_deadline": 0})
        assert again.code == 0 and again.recap["site"]["changed"] == 0, again.output
    finally:
        nginx.stop()


def test_a_repair_without_effect_is_taken_back_and_that_is_said(
    steves: tuple[Running, Running], tmp_path: Path
) -> None:
    new, _old = steves
    nginx, elsewhere = LocalNginx(tmp_path / "etc"), LocalNginx(tmp_path / "elsewhere")
    site = nginx.site("location / { return 404; }")
    elsewhere.site("location / { return 404; }")
    before = site.read_bytes()
    for one in (nginx, elsewhere):
        one.start()
    try:
        fragment, state = str(nginx.directory / "steve-websocket.conf"), str(tmp_path / "state")
        mine = host(new.url, "CP-1") | {
            "steve_public_ws_url": f"ws://{NAME}:{nginx.port}/steve/websocket/CentralSystemService",
            "steve_nginx_command": list(nginx.command), "diagnose_nginx_conf": str(nginx.conf),
            "nginx_websocket_conf": str(nginx.conf), "nginx_websocket_fragment": fragment,
            "nginx_websocket_state_dir": state,
            # Nothing proves the change before the second diagnosis.
            "nginx_websocket_prove_charge_box_id": "",
            "nginx_websocket_upstream": f"http://127.0.0.1:{elsewhere.port}",
        }  # fmt: skip
        inventory = {"all": {"children": {"steve": {"hosts": {"site": mine}}}}}
        run = playbook("remediate", inventory, extra={"diagnose_timeout": 3, "diagnose_start_deadline": 0})
        assert run.code != 0 and "1 finding repaired without effect" in run.output, run.output
        assert f"nginx has its previous files back ({fragment}, {site})" in " ".join(run.output.split()), run.output
        assert site.read_bytes() == before and not os.path.exists(fragment) and not os.path.exists(state)
        assert run.recap["site"]["failed"] == 1
    finally:
        nginx.stop()
        elsewhere.stop()
