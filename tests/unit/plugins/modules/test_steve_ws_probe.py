# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module: its documentation is its behaviour, bad input is a sentence, a refused box is data."""

from __future__ import annotations

import base64
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.chargeops.steve.plugins.doc_fragments._steve import ModuleDocFragment
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.modules import steve_ws_probe as module

from tests import certificates
from tests.simulator import running_simulator
from tests.unit.fake_servers import free_port, relaying, serving
from tests.unit.module_runs import assert_documented
from tests.unit.test_documents import check

DOCUMENTED = yaml.safe_load(module.DOCUMENTATION)


def params(**options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in module.argument_spec().items()}
    return {**defaults, "url": f"ws://127.0.0.1:{free_port()}/steve/websocket/CentralSystemService", **options}


def test_every_option_is_documented_as_it_is() -> None:
    options = dict(yaml.safe_load(ModuleDocFragment.CONNECTION)["options"])
    for name, option in DOCUMENTED["options"].items():
        options[name] = {**options.get(name, {}), **option}
    spec = module.argument_spec()
    assert set(options) == set(spec)
    for name, option in spec.items():
        for key in ("type", "default", "choices", "elements"):
            assert options[name].get(key) == option.get(key), (name, key)


@pytest.mark.parametrize("mode", ["preflight", "boot"])
def test_real_results_are_documented_and_complete(mode: str) -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1", "CP-2:Rejected"]) as steve:
        options = params(url=steve.ws_url, charge_box_id=["CP-1", "CP-2", "nope"], mode=mode)
        result = module.work(options)
    assert result["changed"] is (mode == "boot")
    assert_documented(module, result, **options)


@pytest.mark.parametrize("connect_to", [True, False])
def test_what_a_tls_endpoint_presents_is_documented_and_complete(tmp_path: Path, connect_to: bool) -> None:
    made = certificates.family()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.written(tmp_path, made.leaf, made.intermediate))
    with ExitStack() as life:
        steve = life.enter_context(running_simulator(release="3.14.1", charge_boxes=["CP-1"]))
        front = life.enter_context(serving(relaying(steve.port), context))
        host = certificates.NAME if connect_to else "127.0.0.1"
        url = f"wss://{host}:{front.port}/steve/websocket/CentralSystemService"
        options = params(url=url, charge_box_id=["CP-1"], tls=True, validate_certs=False)
        result = module.work({**options, "connect_to": front.place if connect_to else None})
        without = module.work({**options, "tls": False, "connect_to": front.place})
    assert result["summary"]["accepted"] == 1 and "tls" not in without
    check("probe", result)
    assert result["changed"] is False
    (presented,) = result["tls"]
    assert_documented(module, result, **options)
    assert presented["host"] == host
    assert [base64.b64decode(item) for item in presented["chain"]] == made.full


def test_a_refused_box_is_data_unless_the_task_is_to_fail() -> None:
    with running_simulator(release="3.7.1", charge_boxes=["CP-1"]) as steve:
        options = params(url=steve.ws_url, charge_box_id=["CP-1", "nope"])
        data = module.work(options)
        assert "failed" not in data and data["summary"]["refused"] == 1
        failed = module.work({**options, "fail_on": "refused"})
    assert failed["failed"] is True and "nope (charge-box-unregistered)" in failed["msg"]
    assert failed["summary"] == data["summary"]


def test_check_mode_opens_no_session() -> None:
    with running_simulator(release="3.7.1", charge_boxes=["CP-1"]) as steve:
        result = module.work(params(url=steve.ws_url, charge_box_id=["CP-1"], mode="boot"), check_mode=True)
    assert result["side_effects"]["sessions_opened"] == 0 and result["changed"] is True


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({"charge_box_id": "CP-1"}, "charge_box_id"),
        ({"charge_box_id": [83]}, "charge_box_id"),
        ({"url": "http://127.0.0.1:8180/steve"}, "url"),
        ({"era": "newest"}, "era"),
        ({"connect_to": "nowhere"}, "connect_to"),
        ({"passwords": {"CP-1": 1234}}, "passwords"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_bad_input_is_a_sentence_that_names_the_option(options: dict[str, Any], target: str) -> None:
    with pytest.raises(InputError) as caught:
        module.work(params(**options))
    assert caught.value.to_dict()["target"] == target
    assert caught.value.sentence().startswith(f"Option {target} is wrong: ")
