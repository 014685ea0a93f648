# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Web API through Ansible: the playbook names its faults, and no secret is shown; no container is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.playbook import Run, local_host, playbook
from tests.simulator import Running, running_simulator

VALUE, OTHER = "kanarien-vogel-4711", "kanarien-vogel-0815"


@contextmanager
def steve() -> Iterator[Running]:
    settings = {"auth.user": "admin", "auth.password": "1234", "webapi.value": VALUE}
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
