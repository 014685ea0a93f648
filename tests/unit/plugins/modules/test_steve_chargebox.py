# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module does to the simulator of every release, by what stands in the data base afterwards."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from ansible_collections.chargeops.steve.plugins.module_utils import _admin, _ids, _options
from ansible_collections.chargeops.steve.plugins.modules import steve_chargebox as module
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.simulator import Running, running_simulator
from tests.unit.module_runs import assert_documented, printed_by, result_of

RELEASES = ("3.4.9", "3.5.1", "3.6.1", "3.7.1", "3.8.0", "3.9.0", "3.12.0", "3.13.0", "3.14.1", "expressync")
WITH_PROFILES = ("3.9.0", "3.12.0", "3.13.0", "3.14.1", "expressync")
LONG = "k" * 32 + "ey!&"
SHORT = "kanarien-vogel-<1"
ADDRESS = {"street": "Templergraben", "house_number": "55", "zip_code": "52056", "city": "Aachen", "country": "DE"}
PLACE = {"latitude": "50.7753", "longitude": "-6.08390001"}


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def steve(release: str) -> Iterator[Running]:
    """One simulator per release; every test takes ids of its own."""
    with running_simulator(release=release, charge_boxes=["OTHER"]) as running:
        running.control.update_charge_box("OTHER", note="not managed", description="keep")
        yield running


def run(steve: Running, check: bool = False, **options: Any) -> dict[str, Any]:
    result = result_of(module, check, url=steve.url, username="admin", password="1234", timeout=20, **options)
    assert_documented(module, result)
    return result


def stored(steve: Running, charge_box_id: str) -> dict[str, Any] | None:
    """The row in the data base, with its address."""
    tables = steve.control.state()["tables"]
    for row in tables["charge_box"]:
        if row["charge_box_id"] == charge_box_id:
            address = [one for one in tables["address"] if one["address_pk"] == row["address_pk"]]
            return {**(address[0] if address else {}), **row}
    return None


def tables(steve: Running) -> Any:
    return steve.control.state()["tables"]


def unless_keys(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "pk"}


def converge(steve: Running, **options: Any) -> dict[str, Any]:
    """Predicted, done, done again: the prediction is what happens, and the second time nothing does."""
    before = tables(steve)
    predicted = run(steve, check=True, **options)
    assert tables(steve) == before
    done = run(steve, **options)
    assert done["diff"] == predicted["diff"]
    assert [unless_keys(row) for row in done["charge_boxes"]] == [unless_keys(row) for row in predicted["charge_boxes"]]
    assert {key: done.get(key) for key in ("changed", "msg")} == {key: predicted.get(key) for key in ("changed", "msg")}
    assert done["changed"] == (tables(steve) != before)
    if not done.get("failed"):
        again = run(steve, **options)
        assert (again["changed"], again["diff"]["before"], again["diff"]["after"]) == (False, "", "")
        assert [row["after"] for row in again["charge_boxes"]] == [
            None if row["after"] is None else {k: v for k, v in row["after"].items() if k != "auth_password"}
            for row in done["charge_boxes"]
        ]
    return done


@contextmanager
def station(steve: Running, charge_box_id: str, answers: Callable[[str], Any]) -> Iterator[list[Any]]:
    """A connected station that answers every command as told; yields the commands."""
    seen: list[Any] = []

    def serve() -> None:
        try:
            for message in connection:
                kind, number, *rest = json.loads(message)
                if kind == 2:
                    seen.append(rest)
                    answer = answers(rest[0])
                    if answer is not None:
                        connection.send(json.dumps([3, number, answer]))
        except ConnectionClosed:
            return

    with connect(f"{steve.ws_url}/{charge_box_id}", subprotocols=["ocpp1.6"], proxy=None) as connection:  # type: ignore[list-item]
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield seen
        finally:
            connection.close()
            thread.join(10)


# -- every transition, in every release --------------------------------------------------------------------------------


def test_new_ids_get_the_same_row_with_and_without_options(steve: Running, release: str) -> None:
    done = converge(steve, charge_box_id=["P-1", "P-2", "caf\u00e9-7"])
    assert [(row["id"], row["before"], row["after"]) for row in done["charge_boxes"]] == [
        ("P-1", None, {}), ("P-2", None, {}), ("caf\u00e9-7", None, {}),
    ]  # fmt: skip
    converge(steve, charge_box_id=["P-3"], registration_status="accepted")
    differ = ("charge_box_pk", "charge_box_id", "created_at", "updated_at")
    plain, single = ({k: v for k, v in (stored(steve, one) or {}).items() if k not in differ} for one in ("P-1", "P-3"))
    assert plain == single
    assert (plain["registration_status"], plain["insert_connector_status_after_transaction_msg"]) == ("Accepted", False)
    assert done["diff"]["before"] == "P-1: absent\nP-2: absent\ncaf\u00e9-7: absent\n"
    assert all(row["pk"] for row in done["charge_boxes"]), release


def test_every_option_is_stored_changed_and_emptied(steve: Running, release: str) -> None:
    options: dict[str, Any] = {
        "registration_status": "rejected", "description": " <b>at</b> the \"door\" ", "note": "one\n two & three\n",
        "admin_address": "http://10.0.0.1/", "insert_connector_status_after_transaction_msg": True,
        "address": {**ADDRESS, **PLACE},
    }  # fmt: skip
    done = converge(steve, charge_box_id=["O-1"], **options)
    row = stored(steve, "O-1") or {}
    assert (row["registration_status"], row["description"]) == ("Rejected", '<b>at</b> the "door"')
    assert row["note"].replace("\r\n", "\n") == "one\n two & three"
    assert (row["admin_address"], row["insert_connector_status_after_transaction_msg"]) == ("http://10.0.0.1/", True)
    assert {part: row[part] for part in ADDRESS} == ADDRESS
    prefix = "" if release in WITH_PROFILES else "location_"
    assert [str(row[prefix + part]).rstrip("0") for part in PLACE] == list(PLACE.values())
    assert done["charge_boxes"][0]["after"]["address"] == {**ADDRESS, **PLACE}
    for change in (
        {"registration_status": "pending"}, {"registration_status": "accepted"}, {"description": "other"},
        {"insert_connector_status_after_transaction_msg": False}, {"note": ""}, {"address": {"city": "K\u00f6ln"}},
        {"address": {"longitude": "", "street": ""}}, {"admin_address": ""},
    ):  # fmt: skip
        changed = converge(steve, charge_box_id=["o-1"], **change)
        assert changed["changed"] is True, change
        assert changed["charge_boxes"][0]["id"] == "O-1"
    last = stored(steve, "O-1") or {}
    assert (last["description"], last["note"], last["admin_address"]) == ("other", None, None)
    assert (last["city"], last["street"], last["zip_code"]) == ("K\u00f6ln", None, "52056")


def test_what_is_not_given_stays(steve: Running) -> None:
    done = converge(steve, charge_box_id=["OTHER"], address={"city": "Bonn"})
    row = stored(steve, "OTHER") or {}
    assert (row["note"], row["description"], row["city"]) == ("not managed", "keep", "Bonn")
    assert done["charge_boxes"][0]["before"] == {"address": {"city": None}}
    assert (converge(steve, charge_box_id=["other"])["changed"], row) == (False, stored(steve, "OTHER"))


def test_pending_is_kept_where_the_form_cannot_show_it(steve: Running) -> None:
    converge(steve, charge_box_id=["PEND"], registration_status="pending")
    assert (stored(steve, "PEND") or {})["registration_status"] == "Pending"


def test_present_and_absent_take_turns(steve: Running) -> None:
    converge(steve, charge_box_id=["A-1", "A-2"], description="x")
    done = converge(steve, charge_box_id=["a-1", "A-2", "A-none"], state="absent")
    assert [(row["id"], row["before"], row["after"], row["changed"]) for row in done["charge_boxes"]] == [
        ("A-1", {}, None, True), ("A-2", {}, None, True), ("A-none", None, None, False),
    ]  # fmt: skip
    assert stored(steve, "A-1") is None and stored(steve, "OTHER") is not None
    converge(steve, charge_box_id=["A-1"])


@pytest.mark.parametrize("stopped", [True, False])
def test_transactions_are_not_deleted_unless_forced(steve: Running, stopped: bool) -> None:
    name = f"T-{stopped}"
    run(steve, charge_box_id=[name, f"{name}-none"])
    steve.control.call("add_transaction", charge_box_id=name, stopped=stopped, id_tag="<tbody></tbody>")
    done = converge(steve, charge_box_id=[name, f"{name}-none"], state="absent")
    refused, deleted = done["charge_boxes"]
    assert refused["error"].startswith("It has transactions") and refused["changed"] is False
    assert (deleted["error"], deleted["changed"], done["failed"]) == (None, True, True)
    assert stored(steve, name) is not None and stored(steve, f"{name}-none") is None
    forced = run(steve, charge_box_id=[name], state="absent", force=True)
    assert forced["changed"] and stored(steve, name) is None


def test_ids_with_a_comma_are_asked_for_whole(steve: Running) -> None:
    run(steve, charge_box_id=["C,1", "C", "1", "C,%2_x"])
    steve.control.call("add_transaction", charge_box_id="C,1")
    assert converge(steve, charge_box_id=["C,1"], state="absent")["charge_boxes"][0]["error"].startswith("It has")
    assert converge(steve, charge_box_id=["C", "C,%2_x"], state="absent").get("failed") is None


def test_a_refused_id_is_named_and_the_others_go_on(steve: Running, release: str) -> None:
    before = len(tables(steve)["charge_box"])
    ids = ["R-1", "R b\u00e4d" if release == "3.4.9" else "R(2)", "R-3", "R-4"]
    done = run(steve, charge_box_id=ids, state="present")
    assert len(tables(steve)["charge_box"]) == before + 3
    assert done["failed"] is True and done["changed"] is True
    assert [row["error"] is None for row in done["charge_boxes"]] == [True, False, True, True]
    assert "ChargeBox ID" in done["charge_boxes"][1]["error"] and ids[1] in done["msg"]
    assert [row["after"] for row in done["charge_boxes"]] == [{}, None, {}, {}]


# -- security profiles -------------------------------------------------------------------------------------------------


def password_of(release: str) -> str:
    return LONG if release == "3.9.0" else SHORT


@pytest.mark.parametrize("release", WITH_PROFILES)
def test_a_password_is_written_once_and_shows_nowhere(release: str) -> None:
    secret, other = password_of(release), password_of(release).upper()
    with running_simulator(release=release, charge_boxes=["OLD"]) as steve:
        done = converge(steve, charge_box_id=["S-1"], security_profile=1, auth_password=secret)
        hashed = (stored(steve, "S-1") or {})["auth_password"]
        assert (stored(steve, "S-1") or {})["security_profile"] == 1 and hashed.startswith("$2")
        # One that SteVe has none of gets it, too, so that a charge box can move to profile 1.
        converge(steve, charge_box_id=["OLD"], security_profile=1, auth_password=secret)
        assert (stored(steve, "OLD") or {})["auth_password"].startswith("$2")
        kept = run(steve, charge_box_id=["S-1"], auth_password=other)
        assert not kept["changed"] and (stored(steve, "S-1") or {})["auth_password"] == hashed
        always = [
            run(steve, charge_box_id=["S-1"], auth_password=other, update_auth_password="always") for _time in "12"
        ]
        assert [one["changed"] for one in always] == [True, True]
        assert (stored(steve, "S-1") or {})["auth_password"] != hashed
        converge(steve, charge_box_id=["S-1"], security_profile=0)
        converge(steve, charge_box_id=["S-1"], security_profile=2)
        no_password = converge(steve, charge_box_id=["S-2", "S-3"], security_profile=1)
        assert all("Give auth_password" in row["error"] for row in no_password["charge_boxes"])
        wrong = "the-very-secret-that-is-much-too-long-for-any-known-release"
        said = printed_by(
            module, url=steve.url, username="admin", password="1234", charge_box_id=["S-4", "S-1"],
            auth_password=wrong, update_auth_password="always",
        )  # fmt: skip
        refused = run(steve, charge_box_id=["S-4", "S-1"], auth_password=wrong, update_auth_password="always")
    assert "S-4" not in [row["id"] for row in refused["charge_boxes"] if row["error"] is None]
    assert all("The field must be between" in row["error"] for row in refused["charge_boxes"])
    for text in (json.dumps([done, kept, always, refused]), said):
        assert secret not in text and other not in text and wrong not in text
    assert done["charge_boxes"][0]["after"] == {"auth_password": "(new value hidden)", "security_profile": 1}
    assert always[1]["charge_boxes"][0]["before"] == {"auth_password": "(value hidden)"}


@pytest.mark.parametrize("secret", ["1234", "steve", "admin"])
def test_short_secrets_damage_nothing(secret: str) -> None:
    ids = ["CP-1234", "steve-1", "admin", "1234", "steve"]
    with running_simulator(release="3.14.1", environ={"AUTH_USER": "admin", "AUTH_PASSWORD": secret}) as steve:
        options: dict[str, Any] = {"url": steve.url, "username": "admin", "password": secret}
        done = result_of(module, charge_box_id=ids, description=f"of {secret}", **options)
        refused = result_of(module, charge_box_id=["(1234)", "NEW"], auth_password=secret, **options)
        wrong = result_of(module, charge_box_id=ids, **{**options, "password": f"{secret}-x"})
    assert [row["id"] for row in done["charge_boxes"]] == ids and done["changed"]
    assert {row["after"]["description"] for row in done["charge_boxes"]} == {f"of {secret}"}
    assert refused["charge_boxes"][1]["error"].count("between 16 and 20 characters") == 1
    assert [row["id"] for row in refused["charge_boxes"]] == ["(1234)", "NEW"]
    assert wrong["error"]["code"] == "admin-login-refused" and steve.url in wrong["msg"]


def test_the_release_that_was_named_tells_the_length_beforehand() -> None:
    with running_simulator(release="3.14.1") as steve:
        done = converge(steve, charge_box_id=["L-1"], auth_password="short", era="3.14.1")
        assert "16 to 20 characters" in done["charge_boxes"][0]["error"]
        assert run(steve, charge_box_id=["L-1"], auth_password="x" * 18, era="3.14.1").get("failed") is None


@pytest.mark.parametrize("release", ["3.4.9", "3.8.0"])
def test_a_steve_without_profiles_says_so(release: str) -> None:
    with running_simulator(release=release, charge_boxes=["CP-1"]) as steve:
        done = converge(steve, charge_box_id=["CP-1", "NEW"], security_profile=1, auth_password=SHORT)
        assert all("security_profile (3.9.0)" in row["error"] for row in done["charge_boxes"])
        assert all(f"{release[:3]}" in row["error"] or "3.8.0" in row["error"] for row in done["charge_boxes"])
        assert converge(steve, charge_box_id=["CP-1"], security_profile=0).get("failed") is None
        zoned = converge(steve, charge_box_id=["CP-1"], address={"time_zone": "Europe/Berlin"})
        assert "address.time_zone (3.14.1)" in zoned["msg"]


def test_the_time_zone_of_3_14_1() -> None:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve:
        converge(steve, charge_box_id=["CP-1", "NEW"], address={"time_zone": "Europe/Berlin"})
        assert {(stored(steve, one) or {})["time_zone"] for one in ("CP-1", "NEW")} == {"Europe/Berlin"}


@pytest.mark.parametrize("release", ["3.13.0", "3.14.1"])
def test_a_station_that_refuses_is_a_warning(release: str) -> None:
    def answers(action: str) -> Any:
        return {"configurationKey": []} if action == "GetConfiguration" else {"status": "Rejected"}

    with running_simulator(release=release, charge_boxes=["CP-1"]) as steve, station(steve, "CP-1", answers) as seen:
        done = run(steve, charge_box_id=["CP-1"], security_profile=1, auth_password=SHORT)
        assert (stored(steve, "CP-1") or {})["security_profile"] == 1
        assert run(steve, charge_box_id=["CP-1"], security_profile=1)["changed"] is False
    (row,) = done["charge_boxes"]
    assert (row["error"], row["changed"], done.get("failed")) == (None, True, None)
    assert row["warning"].startswith("Database updated, but station 'CP-1' rejected ChangeConfiguration")
    assert ["ChangeConfiguration", {"key": "SecurityProfile", "value": "1"}] in seen
    assert SHORT not in json.dumps(done)


def test_a_station_that_does_not_answer_in_time_is_stored_all_the_same() -> None:
    def answers(action: str) -> Any:
        return {"configurationKey": []} if action == "GetConfiguration" else None

    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve, station(steve, "CP-1", answers):
        done = result_of(
            module, url=steve.url, username="admin", password="1234", timeout=2, charge_box_id=["CP-1"],
            security_profile=3,
        )  # fmt: skip
        assert (stored(steve, "CP-1") or {})["security_profile"] == 3
    assert (done["changed"], done.get("failed"), done["charge_boxes"][0]["error"]) == (True, None, None)


# -- many --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["3.12.0", "3.14.1"])
def test_a_thousand_ids_take_one_sign_in_and_seconds(release: str) -> None:
    ids = [f"MANY-{number:04}" for number in range(1000)]
    with running_simulator(release=release, charge_boxes=["many-0500"]) as steve:
        begin = time.monotonic()
        done = run(steve, charge_box_id=ids)
        seconds = time.monotonic() - begin
        assert len(tables(steve)["charge_box"]) == 1000
        again = run(steve, charge_box_id=ids)
    assert done.get("failed") is None and [row["changed"] for row in done["charge_boxes"]].count(False) == 1
    assert done["charge_boxes"][500]["id"] == "many-0500"
    assert again["changed"] is False
    assert seconds < 60


@pytest.mark.parametrize("release", ["3.4.9", "3.12.0", "3.14.1"])
def test_a_batch_with_ids_that_the_data_base_refuses_is_halved(release: str) -> None:
    # Two ids that equal registered ones by rules which no folding here knows: SteVe's data base says so.
    ids = [f"H-{number}" for number in range(20)]
    with running_simulator(release=release) as steve:
        with _blind_to(steve, {"H-7", "H-13"}):
            done = run(steve, charge_box_id=ids)
        there = [row["charge_box_id"] for row in tables(steve)["charge_box"]]
    assert sorted(there) == sorted({*(one for one in ids if one not in ("H-7", "H-13")), "h-7", "h-13"})
    assert [row["id"] for row in done["charge_boxes"] if row["error"]] == ["H-7", "H-13"]
    assert all("error page" in row["error"] for row in done["charge_boxes"] if row["error"])


@contextmanager
def _blind_to(steve: Running, ids: set[str]) -> Iterator[None]:
    """Register other spellings of ids, and take from the module the knowledge that they are alike."""
    for one in ids:
        steve.control.add_charge_box(one.lower())
    patch = pytest.MonkeyPatch()
    patch.setattr("ansible_collections.chargeops.steve.plugins.module_utils._admin_write.folded", lambda text: text)
    try:
        yield
    finally:
        patch.undo()


def test_boxes_that_differ_take_what_the_task_gives_as_default(steve: Running) -> None:
    boxes = [
        {"charge_box_id": "D-1", "description": "own"},
        {"charge_box_id": "D-2", "address": {"city": "Ulm"}},
        {"charge_box_id": "D-3"},
    ]
    converge(steve, charge_boxes=boxes, charge_box_id=["D-4"], description="shared")
    rows = {one: stored(steve, one) or {} for one in ("D-1", "D-2", "D-3", "D-4")}
    assert [row["description"] for row in rows.values()] == ["own", "shared", "shared", "shared"]
    assert rows["D-2"]["city"] == "Ulm"


# -- identity ----------------------------------------------------------------------------------------------------------


def test_wrong_texts_in_the_data_base_are_not_lost_by_other_changes() -> None:
    with running_simulator(release="3.12.0", charge_boxes=["CP-1"]) as steve:
        steve.control.update_charge_box("CP-1", registration_status="ACCEPTED")
        done = converge(steve, charge_box_id=["CP-1"], description="new")
        assert "Give registration_status" in done["msg"]
        assert (stored(steve, "CP-1") or {})["registration_status"] == "ACCEPTED"
        converge(steve, charge_box_id=["CP-1"], description="new", registration_status="accepted")
        assert (stored(steve, "CP-1") or {})["registration_status"] == "Accepted"


@pytest.fixture(scope="module")
def newest() -> Iterator[Running]:
    with running_simulator(release="3.14.1", system_properties={"charge-box-id.validation.regex": "(?s).*"}) as running:
        yield running


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("<>&\"'`=/()%_,;+#?\\\u202e\u200b\u00a0\x00\x01\x1f\x7f\x85\u2028\u00df\ufb01\U0001f50c"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"),
    ),
    min_size=1,
    max_size=40,
).filter(lambda text: text == text.strip("".join(map(chr, range(33)))))


@given(identifier=HOSTILE)
@example(identifier='</a></td><td></td></tr></tbody></table><form action="x"><input name="_csrf" value="y">')
@example(identifier="<!--")
@example(identifier="\u202eXYZ")
@example(identifier="{{ lookup('pipe', 'id') }}")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_ids_are_registered_exactly_or_refused_by_name(newest: Running, identifier: str) -> None:
    fold = _ids.folded(identifier)
    if not fold or "\x00" in identifier:
        return
    keys = {row["charge_box_pk"] for row in tables(newest)["charge_box"]}
    done = run(newest, charge_box_id=[identifier], description="<td>")
    (row,) = done["charge_boxes"]
    new = [one for one in tables(newest)["charge_box"] if one["charge_box_pk"] not in keys]
    if row["error"] is None and row["changed"]:
        assert [one["charge_box_id"] for one in new] == [identifier] == [row["id"]]
        assert row["pk"] == new[0]["charge_box_pk"]
        assert run(newest, charge_box_id=[identifier], description="<td>")["changed"] is False
        gone = run(newest, charge_box_id=[identifier], state="absent", force=True)
        assert gone["charge_boxes"][0]["error"] is None
    left = {one["charge_box_pk"] for one in tables(newest)["charge_box"]}
    assert keys <= left <= keys | {one["charge_box_pk"] for one in new}


# -- told apart --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("CP-1", "bare string"), ([7], "number"), ([""], "empty"), (["a\nb"], "line break"), (["a\r\nb"], "line break"),
        (["x" * 256], "256 characters"), ([], "no charge box"),
    ],
)  # fmt: skip
def test_bad_ids_are_refused_before_anything_is_sent(ids: Any, said: str) -> None:
    result = result_of(module, url="http://127.0.0.1:9/steve", username="u", password="p", charge_box_id=ids)
    assert (result["error"]["code"], result["failed"]) == ("bad-input", True)
    assert said in result["msg"]
    assert_documented(module, result)


def test_one_id_with_different_options_is_refused() -> None:
    boxes = [{"charge_box_id": "CP-1", "description": "a"}, {"charge_box_id": "cp-1", "description": "b"}]
    result = result_of(module, url="http://127.0.0.1:9/steve", username="u", password="p", charge_boxes=boxes)
    assert result["error"]["code"] == "bad-input" and "'CP-1' and 'cp-1' are one charge box" in result["msg"]
    with running_simulator(release="3.14.1") as steve:
        done = run(steve, charge_boxes=[{**box, "description": "a"} for box in boxes])
    assert [row["id"] for row in done["charge_boxes"]] == ["CP-1"]


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_wrong_credentials_and_a_dead_data_base(release: str) -> None:
    with running_simulator(release=release, charge_boxes=["CP-1"], pool_timeout_s=5.0) as steve:
        refused = result_of(module, url=steve.url, username="admin", password="wrong", charge_box_id=["CP-2"])
        steve.control.set_fault("db-dead")
        dead = result_of(
            module, url=steve.url, username="admin", password="1234", charge_box_id=["CP-2"], timeout=0.5
        )  # fmt: skip
        steve.control.clear_fault("db-dead")
        assert [row["charge_box_id"] for row in tables(steve)["charge_box"]] == ["CP-1"]
    assert refused["error"]["code"] == _admin.SignInRefused.code
    assert dead["error"]["code"] == _admin.NoDataBase.code
    assert "charge_boxes" not in dead


# -- documentation -----------------------------------------------------------------------------------------------------


def test_the_documentation_is_that_of_the_options() -> None:
    spec = module.argument_spec()
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    shared = _options.connection_spec()
    assert set(documented) == set(spec) - set(shared)

    def compare(options: dict[str, Any], texts: dict[str, Any]) -> None:
        assert set(options) == set(texts)
        for name, option in options.items():
            for key, usual in (
                ("type", "str"), ("default", None), ("choices", None), ("elements", None), ("required", False)
            ):  # fmt: skip
                assert texts[name].get(key, usual) == option.get(key, usual), (name, key)
            if "options" in option:
                compare(option["options"], texts[name]["suboptions"])

    compare({name: option for name, option in spec.items() if name not in shared}, documented)


def test_the_examples_run(newest: Running) -> None:
    values = {
        "steve_url": newest.url, "steve_admin_username": "admin", "steve_admin_password": "1234",
        "vault_cp4_password": SHORT,
    }  # fmt: skip
    for task in yaml.safe_load(module.EXAMPLES):
        options = task["chargeops.steve.steve_chargebox"]
        text = json.dumps(options)
        for name, value in values.items():
            text = text.replace("{{ " + name + " }}", value)
        assert "{{" not in text
        result = result_of(module, **json.loads(text))
        assert result.get("failed") is None, result
