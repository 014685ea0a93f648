# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part ``webapi`` of an observation, against simulators: what is asked, what is left out, how it is judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _webapi
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests.simulator import Running, running_simulator
from tests.unit.fake_steve import FakeSteve, Reply, Seen, running
from tests.unit.plugins.modules.test_steve_chargebox_info import station
from tests.unit.test_documents import DEFAULTS, RUN, check

VALUE = "kanarien-vogel-4711"
RIGHT = {"webapi_username": "admin", "webapi_value": VALUE}


@contextmanager
def steve(folder: Path, release: str) -> Iterator[Running]:
    values = {
        "auth.user": "admin", "auth.password": "1234", "webapi.key": "STEVE-API-KEY", "webapi.value": VALUE,
    }  # fmt: skip
    file = folder / "main.properties"
    file.write_text("".join(f"{key} = {value}\n" for key, value in values.items()), "utf-8")
    with running_simulator(
        release=release, charge_boxes=["CP-1", "CP-2"], system_properties=values, main_properties=file
    ) as one:
        yield one


def observed(one: Running, **options: Any) -> dict[str, Any]:
    document = Observer(options_from({**DEFAULTS, "url": one.url, **options})).observe()
    check("observation", document)
    assert VALUE not in json.dumps(document)
    return document


def causes(document: dict[str, Any]) -> list[str]:
    found = analyse([document], ["steve-a"], RUN)
    check("findings", found)
    return [item["id"] for item in found["findings"]]


def test_only_the_parts_that_are_asked_for_are_looked_at(tmp_path: Path) -> None:
    with steve(tmp_path, "3.14.1") as one:
        document = observed(one, **RIGHT, parts=["webapi"])
        assert {part["status"] for name, part in document["parts"].items() if name != "webapi"} == {"skipped"}
        assert document["parts"]["probes"]["reason"] == "only other parts were asked for"
        assert document["parts"]["webapi"]["status"] == "ok"


@pytest.mark.parametrize("release", ["3.5.1", "3.7.1", "3.14.1", "expressync"])
def test_the_web_api_of_a_release_is_observed_and_judged(tmp_path: Path, release: str) -> None:
    with steve(tmp_path, release) as one:
        left_out = observed(one)
        right = observed(one, **RIGHT)
        wrong = observed(one, webapi_username="admin", webapi_value="x")
        bearer = observed(one, **RIGHT, webapi_scheme="bearer")
        with station(one.ws_url, "CP-1"):
            connected = observed(one, **RIGHT)
    assert left_out["parts"]["webapi"]["status"] == "skipped"
    if release == "3.5.1":
        assert causes(right) == causes(wrong) == causes(bearer) == ["webapi-absent"]
        return
    assert right["parts"]["webapi"]["data"]["verdict"] == "accepted" and causes(right) == []
    assert (causes(wrong), causes(bearer)) == (["webapi-refused"], ["webapi-wrong-scheme"])
    data = connected["parts"]["webapi"]["data"]
    if release == "expressync":
        assert (data["boxes"], causes(connected)) == (None, [])
    else:
        assert data["boxes"] == [{"id": "CP-1", "transactions": False}]
        assert causes(connected) == ["webapi-box-invisible"]


def test_the_value_alone_cannot_be_tried_where_basic_is_read(tmp_path: Path) -> None:
    with steve(tmp_path, "3.14.1") as one:
        document = observed(one, webapi_value=VALUE)
    assert document["parts"]["webapi"]["data"]["candidates"] == ["webapi-wrong-scheme"]
    assert causes(document) == []


def test_the_runbook_s_dialect_has_a_list_of_its_own(tmp_path: Path) -> None:
    with steve(tmp_path, "runbook") as one, station(one.ws_url, "CP-1"):
        document = observed(one, webapi_value=VALUE, era="runbook")
    data = document["parts"]["webapi"]["data"]
    assert (data["verdict"], data["scheme"], data["boxes"]) == ("accepted", "bearer", None)
    assert data["endpoints"] == [{"path": "/api/v1/chargepoints", "status": 200}]
    assert causes(document) == []


def test_without_the_admin_list_nobody_knows_who_is_connected(tmp_path: Path) -> None:
    with steve(tmp_path, "3.14.1") as one, station(one.ws_url, "CP-1"):
        document = observed(one, **RIGHT, username=None, password=None)
    assert document["parts"]["webapi"]["data"]["boxes_reason"]["status"] == "skipped"
    assert causes(document) == []


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"webapi_username": "a:b", "webapi_value": "x"}, "webapi_username"),
        ({"webapi_value": "x\ny"}, "webapi_value"),
        ({"webapi_value": "x", "webapi_scheme": "basic"}, "webapi_username"),
        ({"webapi_value": "x", "webapi_header": "a b"}, "webapi_header"),
    ],
)
def test_options_that_cannot_be_used_are_refused_by_name(wrong: dict[str, str], option: str) -> None:
    with pytest.raises(InputError, match=f"Option {option} is wrong"):
        options_from({**DEFAULTS, **wrong})


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "[]", False),
        (200, " [ \n]", False),
        (200, '[{"id":1,' + '"x":1,' * 100_000, True),
        (200, "{}", None),
        (200, "[1]", None),
        (200, "", None),
        (500, "[]", None),
        (403, "[]", None),
    ],
)
def test_whether_a_box_has_transactions_is_told_by_the_beginning_of_the_list(
    status: int, body: str, expected: bool | None
) -> None:
    fake = FakeSteve()
    kind = {"X-Content-Type-Options": "nosniff", "Content-Type": "application/json"}
    words = json.dumps({"message": "Could not find this ocppTag"})
    signin = {**kind, "Location": "/steve/manager/signin"}
    fake.instead["/api/v1/ocppTags/0"] = lambda seen: (
        Reply(404, words, kind) if "authorization" in seen.headers else Reply(302, "", signin)
    )
    asked: list[str] = []

    def transactions(seen: Seen) -> Reply:
        asked.append(seen.path)
        return Reply(status, body, kind)

    fake.instead["/api/v1/transactions"] = transactions
    with running(fake) as one:
        visit = _webapi.Visit(_webapi.Request(one.url, _webapi.credential("admin", None, VALUE, "auto"), timeout=5.0))
        assert visit.has_transactions("CP-1") is None and asked == []
        visit.check()
        assert visit.has_transactions("CP &1") is expected
        visit.close()
    assert asked == ["/steve/api/v1/transactions?chargeBoxId=CP%20%261&type=ALL&periodType=ALL"]
