# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated admin UI: sign-in, charge points, unknown stations, connected stations, about."""

from __future__ import annotations

import asyncio
import html
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator import Running

BOTH = pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
Start = Callable[..., Running]
Browse = Callable[[Running], Any]

ADD = {
    "registrationStatus": "Accepted",
    "_insertConnectorStatusAfterTransactionMsg": "on",
    "address.street": "",
    "add": "Add",
}


def single(release: str, charge_box_id: str, **more: str) -> dict[str, str]:
    fields = {**ADD, "chargeBoxId": charge_box_id, **more}
    if release == "3.14.1" and "registrationStatus" not in more:
        fields["registrationStatus"] = "ACCEPTED"
    return fields


def ids(sim: Running) -> list[str]:
    return [one["charge_box_id"] for one in sim.control.state()["tables"]["charge_box"]]


def knock(sim: Running, charge_box_id: str, browse: Browse) -> int:
    path = "/websocket/CentralSystemService/" + urllib.parse.quote(charge_box_id)
    page = browse(sim).get(path, **{"Sec-WebSocket-Protocol": "ocpp1.6"})
    return int(page.status)


# --- sign-in ----------------------------------------------------------------------------------------------------------


@BOTH
def test_signing_in_changes_the_session_id_and_opens_the_home_page(release: str, start: Start, browse: Browse) -> None:
    sim = start(release=release)
    browser = browse(sim)
    browser.get("/manager/signin")
    before = browser.session_id
    done = browser.sign_in()
    assert (done.status, before != browser.session_id) == (302, True)
    assert done.location.endswith("/steve/")
    home = browser.get("/manager/home")
    assert home.status == 200
    assert "tileWrapper" in home.text
    assert "/manager/signout" in home.text
    browser.get("/manager/signout")
    assert browser.get("/manager/home").status == 302


@BOTH
def test_wrong_password_shows_the_sentence(release: str, start: Start, browse: Browse) -> None:
    browser = browse(start(release=release))
    done = browser.sign_in(password="no")
    assert done.location.endswith("/steve/manager/signin?error")
    page = browser.get("/manager/signin?error")
    assert '<div class="error">Your name or password is incorrect.</div>' in page.text
    assert browser.get("/manager/home").status == 302


@BOTH
def test_sign_in_without_a_session_goes_to_the_sign_in_page(release: str, start: Start, browse: Browse) -> None:
    done = browse(start(release=release)).post("/manager/signin", {"username": "admin", "password": "1234"})
    assert (done.status, done.location.endswith("/manager/signin")) == (302, True)


@pytest.mark.parametrize(("release", "anonymous"), [("3.7.1", 403), ("3.14.1", 302)])
def test_wrong_csrf_token_is_refused(release: str, anonymous: int, start: Start, browse: Browse) -> None:
    sim = start(release=release, charge_boxes=["CP1"])
    browser = browse(sim)
    browser.get("/manager/signin")
    fields = {"username": "admin", "password": "1234", "_csrf": "bogus"}
    assert browser.post("/manager/signin", fields).status == anonymous
    browser.sign_in()
    assert browser.post("/manager/chargepoints/delete/1", {"_csrf": "bogus"}).status == 403
    assert ids(sim) == ["CP1"]


def test_csrf_token_of_before_the_login_is_void_and_masked_in_3_14_1(start: Start, browse: Browse) -> None:
    browser = browse(start(release="3.14.1", charge_boxes=["CP1"]))
    old = browser.get("/manager/signin").token
    browser.sign_in()
    one, two = browser.get("/manager/chargepoints").token, browser.get("/manager/chargepoints").token
    assert one != two
    assert browser.post("/manager/chargepoints/delete/1", {"_csrf": old}).status == 403
    assert browser.post("/manager/chargepoints/delete/1", {"_csrf": one}).status == 302


@BOTH
def test_stale_cookie_is_sent_to_the_sign_in_page(release: str, start: Start, browse: Browse) -> None:
    page = browse(start(release=release)).get("/manager/signin", Cookie="JSESSIONID=old")
    assert (page.status, page.location.endswith("/manager/signin"), "jsessionid" in page.location) == (302, True, False)
    assert "JSESSIONID=" in page.headers["set-cookie"]


@pytest.mark.parametrize(("release", "suffix"), [("3.7.1", "/manager/about"), ("3.14.1", "/manager/about?continue")])
def test_login_returns_to_the_page_that_was_asked_for(release: str, suffix: str, start: Start, browse: Browse) -> None:
    browser = browse(start(release=release))
    browser.get("/manager/about")
    done = browser.sign_in()
    assert done.location.startswith("http://")
    assert done.location.endswith(suffix)


# --- charge points ----------------------------------------------------------------------------------------------------


@BOTH
def test_add_one_then_find_it_in_list_and_details(release: str, start: Start, browse: Browse) -> None:
    sim = start(release=release)
    browser = browse(sim)
    browser.sign_in()
    done = browser.submit(
        "/manager/chargepoints/add/single", single(release, "CP1", description="<b>at</b> the door", note="n")
    )
    assert (done.status, done.location.endswith("/steve/manager/chargepoints")) == (302, True)
    listing = browser.get("/manager/chargepoints")
    assert "<td><b>at</b> the door</td>" in listing.text
    link = re.search(r'href="/steve/manager/chargepoints/details/(\d+)">CP1</a>', listing.text)
    assert link is not None
    details = browser.get(f"/manager/chargepoints/details/{link[1]}")
    assert 'id="chargePointForm"' in details.text
    assert html.escape("<b>at</b>") in details.text
    again = browser.submit("/manager/chargepoints/add/single", single(release, "cp1"))
    assert "Failed to add the charge point with chargeBoxId &#x27;cp1&#x27;" in again.text
    assert (again.status, ids(sim)) == (200, ["CP1"])


@BOTH
def test_validation_errors_are_pages_with_status_200(release: str, start: Start, browse: Browse) -> None:
    sim = start(release=release)
    browser = browse(sim)
    browser.sign_in()
    page = browser.submit("/manager/chargepoints/add/single", single(release, "a(b)"))
    assert (page.status, 'id="singleError"' in page.text) == (200, True)
    assert "ChargeBox ID violates the configured pattern" in page.text
    page = browser.submit("/manager/chargepoints/add/batch", {"idList": "good\r\nb<d"})
    assert 'id="batchError"' in page.text
    fields = {key: value for key, value in single(release, "CP1").items() if not key.startswith("address.")}
    assert "<h3>Error:</h3>" in browser.submit("/manager/chargepoints/add/single", fields).text
    assert ids(sim) == []


@pytest.mark.parametrize(("release", "status"), [("3.7.1", 400), ("3.14.1", 403)])
def test_post_without_its_button_matches_no_handler(release: str, status: int, start: Start, browse: Browse) -> None:
    browser = browse(start(release=release))
    browser.sign_in()
    fields = single(release, "CP1")
    del fields["add"]
    assert browser.submit("/manager/chargepoints/add/single", fields).status == status


def test_registration_status_is_free_text_in_3_7_1_and_a_constant_in_3_14_1(start: Start, browse: Browse) -> None:
    old, new = start(release="3.7.1"), start(release="3.14.1")
    for sim, fields in (
        (old, single("3.7.1", "CP1", registrationStatus="ACCEPTED")),
        (new, single("3.14.1", "CP1", registrationStatus="Accepted")),
    ):
        browser = browse(sim)
        browser.sign_in()
        browser.submit("/manager/chargepoints/add/single", fields)
    assert [one["registration_status"] for one in old.control.state()["tables"]["charge_box"]] == ["ACCEPTED"]
    assert ids(new) == []
    # The wrong text makes the station unknown on the handshake up to 3.8.0.
    assert knock(old, "CP1", browse) == 404


@BOTH
def test_batch_splits_at_crlf_only(release: str, start: Start, browse: Browse) -> None:
    sim = start(release=release)
    browser = browse(sim)
    browser.sign_in()
    assert browser.submit("/manager/chargepoints/add/batch", {"idList": "CP1\r\nCP2\r\n"}).status == 302
    assert browser.submit("/manager/chargepoints/add/batch", {"idList": "CP3\nCP4"}).status == 302
    assert ids(sim) == ["CP1", "CP2", "CP3\nCP4"]


@pytest.mark.parametrize(("release", "kept"), [("3.7.1", ["CP1", "CP0"]), ("3.14.1", ["CP1"])])
def test_batch_with_a_duplicate_is_atomic_only_in_3_14_1(
    release: str, kept: list[str], start: Start, browse: Browse
) -> None:
    sim = start(release=release, charge_boxes=["CP1"])
    browser = browse(sim)
    browser.sign_in()
    page = browser.submit("/manager/chargepoints/add/batch", {"idList": "CP0\r\ncp1\r\nCP2"})
    assert (page.status, "<h3>Error:</h3>" in page.text, ids(sim)) == (200, True, kept)


def test_update_writes_every_column_it_knows(start: Start, browse: Browse) -> None:
    sim = start(release="3.14.1", charge_boxes=["CP1"])
    sim.control.update_charge_box("CP1", note="old note", description="old")
    browser = browse(sim)
    browser.sign_in()
    fields = {
        **single("3.14.1", "CP1", description="new"),
        "chargeBoxPk": "1",
        "update": "Update",
        "address.city": "Aachen",
    }
    fields.update({"securityProfile": "Profile_1", "authPassword": "short"})
    assert (
        "The field must be between 16 and 20 characters" in browser.submit("/manager/chargepoints/update", fields).text
    )
    fields["authPassword"] = "long-enough-password"
    assert browser.submit("/manager/chargepoints/update", fields).status == 302
    tables = sim.control.state()["tables"]
    stored = tables["charge_box"][0]
    assert (stored["description"], stored["note"], stored["security_profile"]) == ("new", None, 1)
    assert tables["address"][0]["city"] == "Aachen"
    assert stored["auth_password"].startswith("$2a$")
    assert "Enter new password" in browser.get("/manager/chargepoints/details/1").text


@BOTH
def test_query_filters_by_substring_without_case(release: str, start: Start, browse: Browse) -> None:
    browser = browse(start(release=release, charge_boxes=["Station-1", "OTHER"]))
    browser.sign_in()
    text = browser.get("/manager/chargepoints/query?chargeBoxId=tat+1").text
    assert (">Station-1</a>" in text, ">OTHER</a>" in text) == (True, False)


# --- unknown and connected stations -----------------------------------------------------------------------------------


@BOTH
def test_unknown_station_is_listed_added_and_forgotten(release: str, start: Start, browse: Browse) -> None:
    sim = start(release=release)
    for charge_box_id in ("CP 1&2", "CP 1&2", "CP3"):
        assert knock(sim, charge_box_id, browse) == 404
    assert knock(sim, "a(b)", browse) == 400
    assert [(one["id"], one["attempts"]) for one in sim.control.unknown()] == [("CP 1&2", 2), ("CP3", 1)]
    browser = browse(sim)
    browser.sign_in()
    listing = browser.get("/manager/chargepoints")
    assert '<div id="unknownTable" style="display: none">' in listing.text
    assert "<td>CP 1&amp;2</td><td>2</td>" in listing.text
    assert browser.post("/manager/chargepoints/unknown/add/CP%201&2/", {"_csrf": listing.token}).status == 302
    assert browser.submit("/manager/chargepoints/unknown/remove/CP3/", {}).status == 302
    assert (ids(sim), sim.control.unknown()) == (["CP 1&2"], [])
    assert knock(sim, "cp 1&2", browse) == 400


def test_unknown_list_holds_one_hundred_entries(start: Start, browse: Browse) -> None:
    sim = start(release="3.7.1")
    for number in range(103):
        knock(sim, f"U{number}", browse)
    known = [one["id"] for one in sim.control.unknown()]
    assert (len(known), "U2" in known, "U3" in known) == (100, False, True)


@pytest.mark.parametrize(("release", "columns", "kind"), [("3.7.1", 4, "res"), ("3.14.1", 5, "res action")])
def test_connected_stations_page_and_home_tile(
    release: str, columns: int, kind: str, start: Start, browse: Browse, connect_charger: Any
) -> None:
    sim = start(release=release, charge_boxes=["CP1"])
    browser = browse(sim)
    browser.sign_in()

    async def scenario() -> tuple[str, str]:
        async with await connect_charger(sim, "CP1") as charger:
            await charger.boot()
            home = await asyncio.to_thread(browser.get, "/manager/home")
            status = await asyncio.to_thread(browser.get, "/manager/home/ocppJsonStatus")
            return home.text, status.text

    home, status = asyncio.run(scenario())
    assert '<span class="baseCell">OCPP 1.6 :</span><span class="baseCell formatNumber">1</span>' in home
    assert f'<table class="{kind}">' in status
    body = status.split("<tbody>")[1].split("</tbody>")[0]
    assert body.count("<td") == columns
    assert re.search(r'<td data-sort-value="\d{13}">Today at \d\d:\d\d</td>', body)
    assert '/manager/chargepoints/details/1">CP1</a>' in body


@pytest.mark.parametrize(("release", "schema"), [("3.7.1", "1.0.5"), ("3.14.1", "1.1.6")])
def test_about_page_tells_release_and_schema(release: str, schema: str, start: Start, browse: Browse) -> None:
    browser = browse(start(release=release))
    browser.sign_in()
    text = browser.get("/manager/about").text
    assert f"<tr><td>Version:</td><td>{release}</td></tr>" in text
    assert f"<tr><td>Database Version:</td><td>{schema}</td></tr>" in text
    assert "being directed to console/stdout" in browser.get("/manager/log").text


def test_auto_registration_inserts_valid_ids_only(start: Start, browse: Browse) -> None:
    sim = start(release="3.14.1", system_properties={"auto.register.unknown.stations": "true"})
    assert (knock(sim, "NEW1", browse), knock(sim, "a(b)", browse)) == (400, 400)
    assert ids(sim) == ["NEW1"]
    assert any("Auto-registered unknown chargebox 'NEW1'" in line for line in sim.control.log())
