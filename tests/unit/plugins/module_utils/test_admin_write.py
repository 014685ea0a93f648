# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server that misbehaves makes of a change: told apart, read back, and never the password in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _admin_write, _chargebox_plan

from tests.unit.admin_pages import Box
from tests.unit.fake_steve import FakeSteve, Reply, Seen, running

ADD, SINGLE, BATCH = (f"/manager/chargepoints/add{more}" for more in ("", "/single", "/batch"))
UPDATE = "/manager/chargepoints/update"
SECRET = "a<secret>&'long\"one"
SHOWN = ("a<secret>", "a&lt;secret", "long&#34;one", "long&quot;one", "&#39;long", 'long"one')


def add_page(steve: FakeSteve, errors: str = "", lacking: str = "", echo: str = "") -> str:
    names = (
        "chargeBoxId", "adminAddress", "description", "address.street", "address.houseNumber", "address.zipCode",
        "address.city", "address.latitude", "address.longitude",
    )  # fmt: skip
    inputs = "".join(f'<input name="{name}" type="text" value=""/>' for name in names if name != lacking)
    token = f'<div><input type="hidden" name="_csrf" value="{steve.pages.token}" /></div>'
    return steve.pages._frame(
        f'{errors}<form action="/steve{BATCH}" method="post"><textarea name="idList"></textarea>{token}</form>'
        f'<form id="chargePointForm" action="/steve{SINGLE}" method="post">{inputs}<textarea name="note"></textarea>'
        '<select name="address.country"><option value="DE">x</option></select>'
        '<select name="registrationStatus"><option value="ACCEPTED">Accepted</option></select>'
        '<select name="securityProfile"><option value="Profile_0" selected="selected">0</option></select>'
        f'<input name="authPassword" type="password" placeholder="Enter password" value="{escape(echo)}"/>'
        '<input type="hidden" name="_insertConnectorStatusAfterTransactionMsg" value="on"/>'
        f'<input type="submit" name="add" value="Add">{token}</form>'
    )


@pytest.fixture
def steve() -> Iterator[FakeSteve]:
    fake = FakeSteve()
    fake.boxes = [Box(1, "CP-1")]
    fake.instead[ADD] = lambda _seen: Reply(body=add_page(fake))
    with running(fake) as serving:
        yield serving


def ensure(steve: FakeSteve, *wanted: _chargebox_plan.Wanted, state: str = "present", **options: Any) -> dict[str, Any]:
    client = _admin_write.AdminWriter(steve.url, "admin", "1234", timeout=options.pop("timeout", 5.0))
    return _admin_write.ensure(client, wanted, state, **options)


def plain(*ids: str) -> list[_chargebox_plan.Wanted]:
    return [_chargebox_plan.Wanted(one) for one in ids]


def to_list(steve: FakeSteve) -> Reply:
    return Reply(302, "", {"Location": f"{steve.pages.context}/manager/chargepoints"})


def posted(steve: FakeSteve, path: str) -> list[dict[str, str]]:
    return [dict(parse_qsl(seen.body, keep_blank_values=True)) for seen in steve.seen if seen.path.endswith(path)]


def test_a_redirect_that_stored_nothing_is_no_success(steve: FakeSteve) -> None:
    steve.instead[BATCH] = lambda _seen: to_list(steve)
    result = ensure(steve, *plain("NEW"))
    (row,) = result["charge_boxes"]
    assert (row["changed"], row["after"], result["failed"]) == (False, None, True)
    assert "answered as if it were stored, but it is not there" in row["error"]


def test_an_error_page_after_the_row_was_stored_is_success(steve: FakeSteve) -> None:
    def store(_seen: Seen) -> Reply:
        steve.boxes.append(Box(2, "NEW"))
        return Reply(body=steve.pages.error("java.lang.NullPointerException"))

    steve.instead[BATCH] = store
    result = ensure(steve, *plain("NEW"))
    assert result["charge_boxes"][0]["pk"] == 2 and "failed" not in result and result["changed"] is True


def test_one_sign_in_and_one_sign_out_whatever_the_number(steve: FakeSteve) -> None:
    def store(seen: Seen) -> Reply:
        ids = dict(parse_qsl(seen.body))["idList"].split("\r\n")
        steve.boxes += [Box(10 + number, one) for number, one in enumerate(ids)]
        return to_list(steve)

    steve.instead[BATCH] = store
    result = ensure(steve, *plain(*(f"N-{number}" for number in range(200))))
    paths = steve.paths()
    assert result["changed"] is True and "failed" not in result
    assert (paths.count("POST /manager/signin"), paths.count("GET /manager/signout")) == (1, 1)
    assert paths.count(f"POST {BATCH}") == 1 and paths.count(f"GET {ADD}") == 1


def test_check_mode_posts_nothing_but_the_sign_in(steve: FakeSteve) -> None:
    result = ensure(steve, *plain("NEW"), _chargebox_plan.Wanted("X", {"description": "d"}), check_mode=True)
    assert result["changed"] is True
    assert [path for path in steve.paths() if path.startswith("POST")] == ["POST /manager/signin"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda _steve: Reply(403, "<html><title>Error 403</title></html>"), "the token of the form was refused"),
        (lambda steve: steve.to_sign_in(), "forgot the session"),
        (lambda steve: Reply(302, "", {"Location": f"{steve.url}{BATCH}"}), "redirects to itself"),
        (lambda steve: Reply(302, "", {"Location": "https://login.example.net/x"}), "login.example.net"),
        (lambda steve: Reply(body=steve.pages.error("boom")), "SteVe shows an error page: boom"),
        (lambda steve: Reply(body=steve.pages.error("Duplicate entry 'NEW' for key 'id'")), "takes for equal"),
        (
            lambda steve: Reply(body=steve.pages.error(f"org.jooq: SQL [insert {'x' * 300}]; Duplicate entry 'NEW'")),
            "Duplicate entry 'NEW'",
        ),
        (lambda steve: Reply(body=steve.pages.error("JDBC Connection refused")), "Check the data base"),
        (lambda steve: Reply(body=steve.pages.home()), "SteVe's home page"),
        (lambda _steve: Reply(200, "hello"), 'a text that begins "hello"'),
        (
            lambda steve: Reply(
                body=add_page(steve, '<div class="error" id="batchError">Error:<ul><li>No \x1b[31m way</li></ul></div>')
            ),
            r"SteVe refused it: No \x1b[31m way",
        ),
    ],
)
def test_answers_to_a_post_are_told_apart(steve: FakeSteve, reply: Any, said: str) -> None:
    steve.instead[BATCH] = lambda _seen: reply(steve)
    result = ensure(steve, *plain("NEW"))
    (row,) = result["charge_boxes"]
    assert said in row["error"] and row["changed"] is False and said in result["msg"]
    assert result["error"]["code"] == "charge-boxes-failed"


def test_a_form_that_lacks_a_field_says_which_era_it_looked_like(steve: FakeSteve) -> None:
    steve.instead[ADD] = lambda _seen: Reply(body=add_page(steve, lacking="address.city"))
    result = ensure(steve, _chargebox_plan.Wanted("NEW", {"description": "x"}))
    assert "looks like SteVe 3.13.0 to 3.14.0, but lacks address.city" in result["charge_boxes"][0]["error"]


def test_the_form_is_posted_whole_with_its_button(steve: FakeSteve) -> None:
    steve.instead[SINGLE] = lambda _seen: to_list(steve)
    ensure(steve, _chargebox_plan.Wanted("N\u00cbW", {"description": "d & e"}, SECRET))
    (fields,) = posted(steve, SINGLE)
    assert fields == {
        "chargeBoxId": "N\u00cbW", "adminAddress": "", "description": "d & e", "note": "",
        "registrationStatus": "ACCEPTED",
        "securityProfile": "Profile_0", "authPassword": SECRET, "_insertConnectorStatusAfterTransactionMsg": "on",
        "address.street": "", "address.houseNumber": "", "address.zipCode": "", "address.city": "",
        "address.latitude": "", "address.longitude": "", "_csrf": steve.pages.token, "add": "Add",
    }  # fmt: skip


@pytest.mark.parametrize("place", ["message", "validation", "echo", "title"])
def test_a_password_that_steve_repeats_stays_out(steve: FakeSteve, place: str) -> None:
    shown = escape(SECRET).replace("&#x27;", "&#39;")
    bodies = {
        "message": steve.pages.error(f"value {SECRET} {shown}"),
        "validation": add_page(steve, f'<div class="error">x<ul><li>bad {SECRET}</li><li>{shown}</li></ul></div>'),
        "echo": add_page(steve, echo=SECRET),
        "title": f"<html><title>{shown}</title></html>",
    }
    steve.instead[SINGLE] = lambda _seen: Reply(body=bodies[place])
    result = ensure(steve, _chargebox_plan.Wanted("NEW", {}, SECRET))
    assert result["charge_boxes"][0]["error"]
    assert not [part for part in SHOWN if part in str(result)]


def test_no_answer_to_a_new_charge_box_is_a_suspicion_and_read_back(steve: FakeSteve) -> None:
    def store(seen: Seen) -> Reply:
        steve.boxes.append(Box(2, "NEW"))
        return steve.hang(seen)

    steve.instead[BATCH] = store
    result = ensure(steve, *plain("NEW"), timeout=0.5)
    assert result["charge_boxes"][0]["error"] is None and result["changed"] is True


def test_the_details_of_another_charge_box_are_not_changed(steve: FakeSteve) -> None:
    steve.instead["/manager/chargepoints/details/1"] = lambda _seen: Reply(
        body=steve.pages.details(Box(7, "CP-7"), "Accepted")
    )
    result = ensure(steve, _chargebox_plan.Wanted("CP-1", {"description": "x"}))
    assert "the page of another charge box" in result["charge_boxes"][0]["error"]
    assert not posted(steve, UPDATE)


@pytest.mark.parametrize("body", ["home", "error", "cut"])
def test_what_cannot_be_told_is_not_deleted(steve: FakeSteve, body: str) -> None:
    pages = {"home": steve.pages.home(), "error": steve.pages.error("boom"), "cut": steve.pages.home()[:-20]}
    steve.instead["/manager/transactions/query"] = lambda _seen: Reply(body=pages[body])
    result = ensure(steve, *plain("CP-1"), state="absent")
    assert result["charge_boxes"][0]["error"].startswith("Whether it has transactions cannot be told")
    assert [path for path in steve.paths() if "delete" in path] == []


def test_a_deletion_that_did_not_happen_is_an_error(steve: FakeSteve) -> None:
    steve.instead["/manager/chargepoints/delete/1"] = lambda _seen: to_list(steve)
    result = ensure(steve, *plain("CP-1"), state="absent", force=True)
    (row,) = result["charge_boxes"]
    assert "it is still there" in row["error"] and (row["changed"], row["after"]) == (False, {})


def test_past_the_deadline_nothing_is_said_to_have_changed(steve: FakeSteve) -> None:
    steve.instead[SINGLE] = steve.hang
    client = _admin_write.AdminWriter(steve.url, "admin", "1234", timeout=0.5, deadline=2.0)
    wanted = [_chargebox_plan.Wanted(f"N-{number}", {"description": "x"}) for number in range(8)]
    result: dict[str, Any] = _admin_write.ensure(client, wanted, "present")
    first, last = result["charge_boxes"][0], result["charge_boxes"][-1]
    assert "Whether it was stored is not known" in first["error"] and first["changed"] is True
    assert "the time for the whole call" in last["error"] and last["changed"] is False


def test_an_unreadable_row_is_no_proof_of_absence(steve: FakeSteve) -> None:
    page = steve.pages.charge_points([Box(1, "CP-1"), Box(2, "CP-2")]).replace("/details/2", "/details/3")
    steve.instead["/manager/chargepoints"] = lambda _seen: Reply(body=page)
    steve.instead["/manager/chargepoints/query"] = lambda _seen: Reply(body=page)
    result = ensure(steve, *plain("CP-2"), state="absent")
    assert "cannot be read" in result["charge_boxes"][0]["error"]


def test_an_id_that_is_cut_wrongly_in_the_list_is_never_taken_for_another(steve: FakeSteve) -> None:
    forged = Box(5, "CP-9</a></td><td>")
    steve.boxes.append(forged)
    steve.instead["/manager/chargepoints/details/5"] = lambda _seen: Reply(body=steve.pages.error("boom"))
    unsure = ensure(steve, *plain("CP-9", "CP-1"), state="absent", force=True, check_mode=True)
    assert "cannot be read" in unsure["charge_boxes"][0]["error"]
    assert unsure["charge_boxes"][1]["after"] is None and unsure["charge_boxes"][1]["error"] is None
    steve.instead.clear()
    sure = ensure(steve, *plain("CP-9"), state="absent", force=True, check_mode=True)
    assert (sure["changed"], sure["charge_boxes"][0]["error"]) == (False, None)
