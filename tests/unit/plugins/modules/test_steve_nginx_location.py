# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the module; what it does to a real nginx is in the integration test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_location
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_location import prover
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import Target
from ansible_collections.chargeops.steve.plugins.modules import steve_nginx_location as module

from tests.simulator import running_simulator
from tests.simulator.faulty_proxy import running_proxy
from tests.unit.module_runs import assert_documented, assert_spec_documented, result_of

URL = "ws://charge.example.net/steve/websocket/CentralSystemService"
SITE = "events { }\nhttp {\n    server {\n        server_name charge.example.net;\n    }\n}\n"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "nginx.conf"
    path.write_text(SITE)
    return path


def run(main: Path, /, **options: Any) -> dict[str, Any]:
    defaults = {
        "url": URL,
        "conf": str(main),
        "fragment": str(main.parent / "steve.conf"),
        "state_dir": str(main.parent / "state"),
    }
    result = result_of(module, check=True, **{**defaults, **options})
    assert_documented(module, result)
    return result


def test_the_documentation_is_that_of_the_options() -> None:
    assert_spec_documented(module)


def test_check_mode_plans_without_an_nginx_on_the_host(conf: Path) -> None:
    result = run(conf, nginx_command=["/nowhere/nginx"])
    assert (result["changed"], result["action"], result["file"], result["line"]) == (True, "insert", str(conf), 5)
    assert [item["after_header"].split(" ")[0] for item in result["diff"]] == [
        str(conf.parent / "steve.conf"),
        str(conf),
    ]
    assert sorted(path.name for path in conf.parent.iterdir()) == ["nginx.conf"]
    assert conf.read_text() == SITE


def test_a_refusal_is_a_failed_task_with_the_sentence(conf: Path) -> None:
    conf.write_text(SITE + "http {")
    result = run(conf)
    assert result["failed"] is True
    assert result["msg"].startswith("The nginx configuration could not be read as a whole")
    assert result["msg"].endswith("Nothing was changed.")
    assert result["error"]["code"] == "nginx-not-changed"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "http://x"}, "Option url is wrong"),
        ({"nginx_command": ["docker", "exec", "x", "nginx"]}, "Option mounts is wrong: nginx runs in a container"),
        ({"nginx_command": ["/usr/bin/podman", "exec", "x", "nginx"]}, "Option mounts is wrong"),
        ({"nginx_command": []}, "Option nginx_command is wrong"),
        ({"mounts": {"conf.d": "/x"}}, "Option mounts is wrong"),
        ({"mounts": {"/x": 1}}, "Option mounts is wrong"),
        ({"conf": "nginx.conf"}, "Option conf is wrong"),
        ({"state_dir": "state"}, "Option state_dir is wrong"),
        ({"prove_charge_box_id": ""}, "Option prove_charge_box_id is wrong"),
        ({"prove_charge_box_id": "CP1", "prove_connect_to": "nowhere"}, "Option prove_connect_to is wrong"),
        ({"prove_charge_box_id": "CP1", "era": "yesterday"}, "Option era is wrong"),
    ],
)
def test_options_that_cannot_work_are_told(conf: Path, options: dict[str, Any], told: str) -> None:
    result = run(conf, **options)
    assert result["failed"] is True
    assert told in result["msg"]
    assert result["error"]["code"] == "bad-input"


#: One that is accepted, and one that has to show a password where SteVe knows of such.
BOXES = ("PROBE", "LOCKED:Accepted:1:station-pass-0001")


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_the_proof_asks_steve_and_opens_no_session(release: str) -> None:
    with running_simulator(release=release, charge_boxes=["PROBE"]) as running:
        target = Target(running.ws_url, f"127.0.0.1:{running.port}")
        assert prover("PROBE", last_gate=True)(target) is None
        assert running.control.sessions() == []


@pytest.mark.parametrize(
    ("release", "asked", "told"),
    [
        ("3.7.1", "UNKNOWN", "SteVe does not accept UNKNOWN (charge-box-unregistered)"),
        ("3.14.1", "UNKNOWN", "SteVe does not accept UNKNOWN (charge-box-unregistered)"),
        ("3.14.1", "LOCKED", "SteVe asks for the credentials of LOCKED"),
    ],
)
def test_an_id_that_steve_does_not_let_in_is_no_proof_against_the_path(release: str, asked: str, told: str) -> None:
    with running_simulator(release=release, charge_boxes=BOXES) as running:
        why = prover(asked)(Target(running.ws_url, f"127.0.0.1:{running.port}"))
    assert why is not None and told in why
    assert why.endswith("Give prove_charge_box_id an id that SteVe accepts without a password.")


@contextmanager
def answered_by(mode: str) -> Iterator[Target]:
    """A SteVe behind a proxy that does something wrong."""
    with ExitStack() as life:
        running = life.enter_context(running_simulator(release="3.14.1", charge_boxes=BOXES))
        proxy = life.enter_context(running_proxy(mode, f"127.0.0.1:{running.port}"))
        yield Target(running.ws_url, f"127.0.0.1:{proxy.port}")


@pytest.mark.parametrize("asked", ["PROBE", "LOCKED", "UNKNOWN"])
@pytest.mark.parametrize("mode", ["bad-gateway", "gateway-timeout-websocket", "no-route-websocket", "login-401"])
def test_an_answer_of_nginx_itself_is_a_no_whatever_the_id(mode: str, asked: str) -> None:
    with answered_by(mode) as target, pytest.raises(SteveError) as caught:
        prover(asked)(target)
    assert caught.value.code == "not-proven"


@pytest.mark.parametrize("mode", ["strip-upgrade", "strip-connection", "bare"])
def test_a_gate_that_fails_is_a_no(mode: str) -> None:
    with answered_by(mode) as target, pytest.raises(SteveError, match="proxy-"):
        prover("PROBE")(target)


def test_the_proof_fails_where_nobody_answers(unused_tcp_port: int) -> None:
    with pytest.raises(SteveError, match="tcp-refused"):
        prover("PROBE")(Target(URL, f"127.0.0.1:{unused_tcp_port}"))


def test_an_nginx_has_a_journal_of_its_own() -> None:
    one = _nginx_location.Settings(conf="/a")
    assert one.journal_dir == _nginx_location.Settings(conf="/a").journal_dir
    assert one.journal_dir != _nginx_location.Settings(conf="/b").journal_dir
    assert one.journal_dir != _nginx_location.Settings(conf="/a", nginx_command=("x", "nginx")).journal_dir
