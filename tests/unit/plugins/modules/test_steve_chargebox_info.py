# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module does, against the simulator of SteVe 3.7.1 and 3.14.1."""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from ansible_collections.chargeops.steve.plugins.module_utils import _admin, _options
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.modules import steve_chargebox_info as module

from tests.simulator import running_simulator
from tests.unit.module_runs import assert_documented

RELEASES = ("3.7.1", "3.14.1")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def simulator(release: str) -> Iterator[Any]:
    boxes = ["CP-1", "CP-2:Rejected", "admin", "caf\u00e9", "A&B"]
    with running_simulator(release=release, charge_boxes=boxes, pool_timeout_s=1.0) as running:
        yield running


def params(url: str, **options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in _options.connection_spec().items()}
    usual = {
        "url": url, "username": "admin", "password": "1234", "charge_box_id": [], "details": False,
        "webapi_username": None, "webapi_value": None,
    }  # fmt: skip
    return {**defaults, **usual, **options}


def failure(url: str, **options: Any) -> SteveError:
    with pytest.raises(SteveError) as caught:
        module.work(params(url, **options))
    return caught.value


@contextmanager
def station(ws_url: str, charge_box_id: str) -> Iterator[None]:
    """An open WebSocket session that says nothing."""
    host, _slash, path = ws_url.removeprefix("ws://").partition("/")
    name, _colon, port = host.partition(":")
    key = base64.b64encode(b"0123456789abcdef").decode()
    with socket.create_connection((name, int(port)), 5) as connection:
        connection.sendall(
            f"GET /{path}/{charge_box_id} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )
        assert connection.recv(12) == b"HTTP/1.1 101"
        yield


def knock(ws_url: str, charge_box_id: str) -> None:
    """One plain GET with an id that is not registered."""
    host, _slash, path = ws_url.removeprefix("ws://").partition("/")
    name, _colon, port = host.partition(":")
    with socket.create_connection((name, int(port)), 5) as connection:
        connection.sendall(
            f"GET /{path}/{charge_box_id} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )
        assert connection.recv(12) == b"HTTP/1.1 404"


def test_registered_charge_boxes_and_the_exact_release_are_read(simulator: Any, release: str) -> None:
    result = module.work(params(simulator.url))
    assert [row["id"] for row in result["charge_boxes"]] == ["CP-1", "CP-2", "admin", "caf\u00e9", "A&B"]
    assert result["era"] == {"min": release, "max": release, "source": "about"}
    assert (result["source"], result["notes"], result["sessions_error"]) == ("admin", [], None)
    assert result["changed"] is False


def test_unknown_ids_are_read_with_attempts_and_time(simulator: Any) -> None:
    for identifier in ("NEW-1", "NEW-1", "NEW%20%26%202"):
        knock(simulator.ws_url, identifier)
    result = module.work(params(simulator.url))
    assert {("NEW-1", 2), ("NEW & 2", 1)} <= {(row["id"], row["attempts"]) for row in result["unknown"]}
    assert all(TIME.fullmatch(row["last_attempt"]) and "doubt" not in row for row in result["unknown"])


def test_all_sessions_are_listed_with_their_time(simulator: Any) -> None:
    with station(simulator.ws_url, "CP-1"), station(simulator.ws_url, "CP-1"), station(simulator.ws_url, "admin"):
        result = module.work(params(simulator.url))
    assert sorted(row["id"] for row in result["sessions"]) == ["CP-1", "CP-1", "admin"]
    assert {row["protocol"] for row in result["sessions"]} == {"ocpp1.6"}
    assert all(TIME.fullmatch(row["connected_since"]) for row in result["sessions"])
    assert {row["id"]: row["protocol"] for row in result["charge_boxes"]}["CP-1"] == "ocpp1.6J"


def test_details_tell_the_registration_status(simulator: Any, release: str) -> None:
    result = module.work(params(simulator.url, details=True, charge_box_id=["cp-1", "CP-2"]))
    assert [(row["id"], row["registration_status"]) for row in result["charge_boxes"]] == [
        ("CP-1", "accepted"), ("CP-2", "rejected"),
    ]  # fmt: skip
    assert {row["security_profile"] for row in result["charge_boxes"]} == {0 if release == "3.14.1" else None}


def test_looking_leaves_the_unknown_list_and_the_sessions_as_they_were(simulator: Any) -> None:
    before = simulator.control.unknown(), simulator.control.sessions()
    module.work(params(simulator.url, details=True))
    assert (simulator.control.unknown(), simulator.control.sessions()) == before


@pytest.mark.parametrize("wrong", [{"password": "12345"}, {"username": "nobody"}])
def test_wrong_credentials_are_refused_by_name(simulator: Any, wrong: dict[str, str]) -> None:
    assert failure(simulator.url, **wrong).code == "admin-login-refused"


def test_a_wrong_context_path_is_a_page_that_is_not_recognised(simulator: Any) -> None:
    error = failure(simulator.url.replace("/steve", "/other"))
    assert error.code == "admin-page-not-recognised" and "status 404" in error.got


def test_another_address_leads_to_the_same_place(simulator: Any) -> None:
    url = f"http://charge.example.net:{simulator.port}/steve"
    result = module.work(params(url, connect_to=f"127.0.0.1:{simulator.port}"))
    assert len(result["charge_boxes"]) == 5


@pytest.mark.parametrize("release_alone", RELEASES)
def test_a_dead_data_base_is_a_suspicion_and_no_refusal(release_alone: str) -> None:
    with running_simulator(release=release_alone, charge_boxes=["CP-1"], pool_timeout_s=5.0) as running:
        running.control.set_fault("db-dead")
        begin = time.monotonic()
        error = failure(running.url, timeout=0.5)
        assert time.monotonic() - begin < 3
        running.control.clear_fault("db-dead")
    assert isinstance(error, _admin.NoDataBase) and "the sign-in page answered" in error.got


def test_a_dead_data_base_that_says_so_is_the_same_suspicion() -> None:
    # Up to 3.7.1 the user is kept in memory: the sign-in works and the home page shows the pool's exception.
    with running_simulator(release="3.7.1", charge_boxes=["CP-1"], pool_timeout_s=0.2) as running:
        running.control.set_fault("db-dead")
        error = failure(running.url)
        running.control.clear_fault("db-dead")
    assert error.code == "admin-no-data-base" and "Connection is not available" in error.got


def test_a_station_under_another_spelling_costs_the_session_list_of_3_7_1_only() -> None:
    with running_simulator(release="3.7.1", charge_boxes=["CP-1"]) as running, station(running.ws_url, "cp-1"):
        result = module.work(params(running.url))
    assert result["sessions"] == [] and "error page" in result["sessions_error"]
    assert [row["id"] for row in result["charge_boxes"]] == ["CP-1"]


@pytest.mark.parametrize("ids", ["CP-1", [7], [""], [None]])
def test_ids_that_ansible_may_have_changed_are_refused_before_anything_is_sent(ids: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        with pytest.raises(InputError, match="charge_box_id"):
            module.work(params(f"http://127.0.0.1:{listener.getsockname()[1]}/steve", charge_box_id=ids))
        with pytest.raises(TimeoutError):
            listener.accept()


def test_many_visits_at_once_do_not_disturb_each_other(simulator: Any) -> None:
    results: list[int] = []

    def visit() -> None:
        results.append(len(module.work(params(simulator.url))["charge_boxes"]))

    threads = [threading.Thread(target=visit) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [5, 5, 5, 5]


# -- ids that are not registered -------------------------------------------------------------------------------


def test_an_id_that_is_not_registered_is_named_with_those_that_may_be_meant(simulator: Any) -> None:
    knock(simulator.ws_url, "CHARGER-LETF")
    result = module.work(params(simulator.url, charge_box_id=["cp-1", "CP-l", "CHARGER-LEFT", "CHARGER-LETF", "?"]))
    assert [row["id"] for row in result["charge_boxes"]] == ["CP-1"]
    assert [row["id"] for row in result["unknown"]] == ["CHARGER-LETF"]
    found = {row["id"]: row for row in result["missing"]}
    assert list(found) == ["CP-l", "CHARGER-LEFT", "CHARGER-LETF", "?"]
    assert found["CP-l"]["near"] == [{"id": "CP-1", "where": "registered", "kind": "look-alike", "edits": 0}]
    assert found["CHARGER-LEFT"]["near"] == [{"id": "CHARGER-LETF", "where": "unknown", "kind": "typo", "edits": 1}]
    assert {one for one, row in found.items() if row["knocked"]} == {"CHARGER-LETF"}
    assert found["CHARGER-LETF"]["near"] == found["?"]["near"] == []


def test_a_long_list_of_missing_ids_is_named_whole_and_compared_in_part(simulator: Any) -> None:
    ids = [f"NOT-REGISTERED-{number}" for number in range(30)]
    result = module.work(params(simulator.url, charge_box_id=ids))
    assert [row["id"] for row in result["missing"]] == ids
    assert [row["near"] is None for row in result["missing"]] == [False] * 20 + [True] * 10


# -- by the Web API --------------------------------------------------------------------------------------------


def by_web_api(running: Any, **options: Any) -> dict[str, Any]:
    given = {"username": None, "password": None, "webapi_username": "admin", "webapi_value": "token-4711"}
    return params(running.url, **{**given, **options})


@contextmanager
def with_web_api(release: str, boxes: list[str]) -> Iterator[Any]:
    """A SteVe of a release with its Web API on, but for 3.7.1, where a system property does not reach it."""
    values = {
        "auth.user": "admin",
        "auth.password": "1234",
        "webapi.key": "STEVE-API-KEY",
        "webapi.value": "token-4711",
    }
    with TemporaryDirectory() as folder:
        # Up to 3.8.0 only the file of properties reaches SteVe.
        file = Path(folder, "main.properties")
        file.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
        options = {"main_properties": file} if release in ("3.6.1", "3.8.0") else {"system_properties": values}
        with running_simulator(release=release, charge_boxes=boxes, **options) as running:
            yield running


@pytest.mark.parametrize("release_alone", ["expressync", "runbook"])
def test_the_list_of_the_web_api_agrees_with_that_of_the_admin_ui(release_alone: str) -> None:
    boxes = ["CP-1", "CP-2", "<b>&amp;", "1234", "caf\u00e9 \u65e5"]
    era = {"era": "runbook"} if release_alone == "runbook" else {}
    user = {} if release_alone == "expressync" else {"webapi_username": None}
    with with_web_api(release_alone, boxes) as running, station(running.ws_url, "CP-2"):
        seen = module.work(params(running.url, **era))
        told = module.work(by_web_api(running, **era, **user))
        some = module.work(by_web_api(running, charge_box_id=["cp-1", "CP-3x"], **era, **user))
        before = running.control.unknown()
    assert (told["source"], told["notes"], told["missing"]) == ("webapi", [], [])
    assert [row["id"] for row in told["charge_boxes"]] == boxes
    minutes = [{**row, "last_heartbeat": row["last_heartbeat"] and row["last_heartbeat"][:17] + "00Z"}
               for row in seen["charge_boxes"]]  # fmt: skip
    assert told["charge_boxes"] == minutes
    assert told["unknown"] == told["sessions"] == []
    assert "username and password" in told["unknown_error"] and told["unknown_error"] == told["sessions_error"]
    assert [row["id"] for row in some["charge_boxes"]] == ["CP-1"]
    assert [row["id"] for row in some["missing"]] == ["CP-3x"]
    assert set(told) == set(seen) and before == []


@pytest.mark.parametrize("release_alone", ["3.6.1", "3.8.0", "3.12.0", "3.14.1"])
def test_upstream_has_no_list_and_the_sentence_says_so(release_alone: str) -> None:
    with with_web_api(release_alone, ["CP-1"]) as running, pytest.raises(SteveError) as caught:
        module.work(by_web_api(running))
    assert caught.value.code == "webapi-no-list" and "username and password of the admin user" in caught.value.advice


@pytest.mark.parametrize(
    ("release_alone", "options", "code"),
    [
        ("expressync", {"webapi_value": "papagei-0815"}, "webapi-refused"),
        ("expressync", {"webapi_username": "nobody"}, "webapi-refused"),
        ("3.5.1", {}, "webapi-absent"),
        ("3.7.1", {}, "webapi-disabled"),
    ],
)  # fmt: skip
def test_a_web_api_that_lets_nobody_in_is_told_apart(release_alone: str, options: dict[str, str], code: str) -> None:
    with with_web_api(release_alone, ["CP-1"]) as running, pytest.raises(SteveError) as caught:
        module.work(by_web_api(running, **options))
    assert caught.value.code == code
    assert not [one for one in ("token-4711", "papagei-0815") if one in caught.value.sentence()]


def test_bad_combinations_are_one_sentence_each(simulator: Any) -> None:
    with pytest.raises(InputError, match="username is wrong: it is missing"):
        module.work(by_web_api(simulator, webapi_value=None))
    with pytest.raises(InputError, match="details is wrong: only the admin UI has details"):
        module.work(by_web_api(simulator, details=True))


# -- the documentation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("details", [True, False])
def test_the_result_is_as_documented(simulator: Any, details: bool) -> None:
    with station(simulator.ws_url, "CP-1"):
        knock(simulator.ws_url, "NEW-3")
        result = module.work(params(simulator.url, details=details))
    assert result["charge_boxes"] and result["unknown"] and result["sessions"]
    assert_documented(module, result, details=details)


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    own = {"username", "password", "webapi_username", "webapi_value", "charge_box_id", "details"}
    assert set(documented) == own
    assert set(params("x")) == own | set(_options.connection_spec())


def test_the_codes_of_the_admin_ui_are_documented() -> None:
    text = yaml.safe_dump(yaml.safe_load(module.RETURN)["error"]["description"], width=10_000)
    kinds = [kind for kind in vars(_admin).values() if isinstance(kind, type) and issubclass(kind, _admin.AdminError)]
    for kind in kinds:
        if kind is not _admin.AdminError:
            assert f"V({kind.code})" in text
