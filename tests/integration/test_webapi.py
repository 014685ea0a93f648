# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Web API through Ansible: the playbook names its faults, and no secret is shown; no container is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_webapi import WITHHELD

from tests.integration.one_task import task
from tests.integration.playbook import Run, local_host, playbook
from tests.integration.test_chargebox_info_masking import assert_secret_is_no_value
from tests.simulator import Running, running_simulator

VALUE, OTHER = "kanarien-vogel-4711", "kanarien-vogel-0815"


@contextmanager
def steve(value: str = VALUE) -> Iterator[Running]:
    settings = {"auth.user": "admin", "auth.password": "1234", "webapi.value": value}
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"], system_properties=settings) as running:
        yield running


def diagnose(running: Running, **variables: Any) -> Run:
    host = {"steve_url": running.url, "steve_admin_password": "1234", "steve_charge_boxes": ["CP-1"], **variables}
    inventory = {"all": {"children": {"steve": {"hosts": {"site": local_host(**host)}}}}}
    return playbook("diagnose", inventory, "-vvvv", extra={"diagnose_timeout": 5})


def keeps_secrets(run: Run) -> None:
    """No value of the Web API in what was shown or written."""
    texts = [run.output, *(file.read_text("utf-8") for path in run.directories for file in path.rglob("*.*"))]
    assert len(texts) > 3
    for text in texts:
        assert VALUE not in text and OTHER not in text


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"steve_webapi_username": "admin", "steve_webapi_value": VALUE}, []),
        ({"steve_webapi_username": "admin", "steve_webapi_value": OTHER}, ["webapi-refused"]),
        (
            {"steve_webapi_username": "admin", "steve_webapi_value": VALUE, "steve_webapi_scheme": "bearer"},
            ["webapi-wrong-scheme"],
        ),
        ({}, []),
    ],
)
def test_the_playbook_names_what_is_wrong_with_the_credential(variables: dict[str, str], expected: list[str]) -> None:
    with steve() as running:
        run = diagnose(running, **variables)
    assert run.ids() == expected, run.output
    assert (run.code == 0) is (not expected)
    assert run.statuses("webapi-absent") == ({"pass"} if variables else {"skipped"})
    keeps_secrets(run)


@pytest.mark.parametrize("secret", ["1234", "steve", "admin", VALUE])
def test_results_survive_short_secrets_and_secrets_do_not_show(tmp_path: Path, secret: str) -> None:
    with steve(secret) as running:
        right, said = task(
            tmp_path, "steve_webapi_check", "-vvvv", url=running.url, username="admin", password=secret,
            paths=["/api/v1/ocppTags"],
        )  # fmt: skip
        wrong, said_too = task(
            tmp_path, "steve_webapi_check", "-vvvv", url=running.url, username="admin", token=f"{secret}-x",
            scheme="bearer", era="3.14.1",
        )  # fmt: skip
    assert (right["verdict"], right["scheme"], right["finding"]) == ("accepted", "basic", None)
    assert right["endpoints"] == [{"path": "/api/v1/ocppTags", "status": 200}]
    assert right["era"] == {"min": "3.10.0", "max": "3.14.1", "source": "fingerprint"}
    assert right["evidence"][0]["request"] == "GET /steve/api/v1/ocppTags/0 (Authorization: Basic \u2026)"
    assert (wrong["finding"], wrong["candidates"]) == ("webapi-wrong-scheme", ["webapi-refused"])
    assert wrong["era"] == {"min": "3.14.1", "max": "3.14.1", "source": "given"}
    for result, output in ((right, said), (wrong, said_too)):
        shown = json.dumps({key: value for key, value in result.items() if key != "invocation"})
        assert "****" not in shown and WITHHELD not in shown
        assert_secret_is_no_value(secret, output)
        assert f"{secret}-x" not in output
    if secret == VALUE:
        assert VALUE not in said + said_too


def test_bad_input_fails_with_a_sentence_that_holds_no_secret(tmp_path: Path) -> None:
    result, said = task(
        tmp_path, "steve_webapi_check", "-vvvv", url="http://127.0.0.1:9/steve", password=VALUE, scheme="basic"
    )
    assert result["failed"] is True
    assert result["msg"].startswith("Option username is wrong: it is missing")
    assert VALUE not in said
