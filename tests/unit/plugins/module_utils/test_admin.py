# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The admin client against pages of every era, and against servers that misbehave."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote_plus

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _admin, _http
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError

from tests.unit.admin_pages import Box, Knock, Open
from tests.unit.fake_steve import FakeSteve, Reply, Seen, running

ERAS = ("3.4.9", "3.5.1", "3.6.0", "3.7.1", "3.8.0", "3.9.0", "3.12.0", "3.14.1")
PASSWORD = "hunter2-\u00e9&=%+ "


def client(steve: FakeSteve, **options: Any) -> _admin.AdminClient:
    usual = {"url": steve.url, "username": "admin", "password": steve.password, "timeout": 5.0}
    return _admin.AdminClient(**{**usual, **options})


def behind_the_form(path: str, reply: Callable[[Seen], Reply]) -> dict[str, Callable[[Seen], Reply | None]]:
    """Answer so on a path, but leave the sign-in form alone."""
    return {path: lambda seen: None if (path, seen.method) == ("/manager/signin", "GET") else reply(seen)}


@pytest.fixture
def steve() -> Iterator[FakeSteve]:
    with running(FakeSteve(password=PASSWORD)) as server:
        server.boxes = [Box(1, "CP-1", "door", "ocpp1.6J", 1_700_000_000_000), Box(2, "cp-\u00e9 2")]
        server.unknown = [Knock("NEW", 3)]
        server.open = [Open("CP-1", 1), Open("CP-1", 1, since_ms=1_700_000_060_000)]
        yield server


def failure(steve: FakeSteve, **options: Any) -> SteveError:
    with pytest.raises(SteveError) as caught:
        _admin.collect(client(steve, **options))
    error = caught.value
    assert PASSWORD not in error.sentence() + json.dumps(error.to_dict())
    return error


# -- what is collected -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ERAS)
def test_the_document_is_the_same_for_every_era(release: str) -> None:
    with running(FakeSteve(release)) as steve:
        steve.boxes = [Box(1, "CP-1", "door", "ocpp1.6J", 1_700_000_000_000)]
        steve.unknown = [Knock("NEW", 3)]
        steve.open = [Open("CP-1", 1)]
        assert _admin.collect(client(steve)) == {
            "charge_boxes": [
                {
                    "id": "CP-1", "pk": 1, "protocol": "ocpp1.6J", "last_heartbeat": "2023-11-14T22:13:20Z",
                    "description": "door",
                }
            ],
            "unknown": [{"id": "NEW", "attempts": 3, "last_attempt": "2023-11-14T22:13:20Z"}],
            "unknown_error": None,
            "sessions": [{"id": "CP-1", "protocol": "ocpp1.6", "connected_since": "2023-11-14T22:13:20Z"}],
            "sessions_error": None,
            "active_transactions": 2,
            "missing": [],
            "notes": [],
            "source": "admin",
            "era": {"min": release, "max": release, "source": "about"},
            "changed": False,
        }  # fmt: skip


def test_the_only_post_is_the_sign_in_and_the_visit_ends_signed_out(steve: FakeSteve) -> None:
    _admin.collect(client(steve))
    assert steve.paths() == [
        "GET /manager/signin", "POST /manager/signin", "GET /manager/home", "GET /manager/chargepoints",
        "GET /manager/home/ocppJsonStatus", "GET /manager/about", "GET /manager/signout",
    ]  # fmt: skip
    assert steve.signed_in == set()


def test_no_cookie_is_sent_with_the_first_request_of_a_visit(steve: FakeSteve) -> None:
    visit = client(steve)
    _admin.collect(visit)
    _admin.collect(visit)
    first = [seen for seen in steve.seen if (seen.method, seen.path) == ("GET", "/steve/manager/signin")]
    assert len(first) == 2 and not any("cookie" in seen.headers for seen in first)


def test_the_password_travels_in_one_body_only(steve: FakeSteve) -> None:
    _admin.collect(client(steve))
    with_it = [seen for seen in steve.seen if "hunter2" in seen.path + seen.body + json.dumps(seen.headers)]
    assert [(seen.method, seen.path) for seen in with_it] == [("POST", "/steve/manager/signin")]


def test_a_release_that_the_operator_names_spares_the_about_page(steve: FakeSteve) -> None:
    document = _admin.collect(client(steve), era=Era("3.7.1", "3.7.1", "given"))
    assert document["era"] == {"min": "3.7.1", "max": "3.7.1", "source": "given"}
    assert "GET /manager/about" not in steve.paths()


def test_ids_asked_for_are_compared_without_case_accents_and_blanks_at_the_end(steve: FakeSteve) -> None:
    document = _admin.collect(client(steve), charge_box_ids=["CP-E 2 ", "new"])
    assert [row["id"] for row in document["charge_boxes"]] == ["cp-\u00e9 2"]
    assert [row["id"] for row in document["unknown"]] == ["NEW"]
    assert document["sessions"] == []


def test_all_sessions_of_one_charge_box_are_listed(steve: FakeSteve) -> None:
    assert [row["id"] for row in _admin.collect(client(steve))["sessions"]] == ["CP-1", "CP-1"]


def test_details_are_read_for_the_charge_boxes_that_are_shown(steve: FakeSteve) -> None:
    document = _admin.collect(client(steve), details=True, charge_box_ids=["CP-1"])
    assert document["charge_boxes"] == [
        {
            "id": "CP-1", "pk": 1, "protocol": "ocpp1.6J", "last_heartbeat": "2023-11-14T22:13:20Z",
            "description": "door", "registration_status": "pending", "security_profile": 1, "vendor": "V",
            "model": "M", "firmware": "F",
        }
    ]  # fmt: skip
    assert [path for path in steve.paths() if "details" in path] == ["GET /manager/chargepoints/details/1"]


def test_details_settle_an_id_that_the_list_cannot_tell(steve: FakeSteve) -> None:
    doubtful = "A</a></td><td>B"
    steve.boxes = [Box(1, doubtful)]
    (row,) = _admin.collect(client(steve))["charge_boxes"]
    assert row["id"] == "A" and "details: true" in row["doubt"]
    (row,) = _admin.collect(client(steve), details=True)["charge_boxes"]
    assert row["id"] == doubtful and "doubt" not in row


def test_a_charge_box_that_vanishes_meanwhile_is_noted(steve: FakeSteve) -> None:
    gone = Reply(body=steve.pages.error("Charge point not found"))
    steve.instead["/manager/chargepoints/details/2"] = lambda seen: gone
    document = _admin.collect(client(steve), details=True)
    assert [row["registration_status"] for row in document["charge_boxes"]] == ["pending", None]
    (note,) = document["notes"]
    assert note.startswith("Charge box cp-\u00e9 2: ") and "Charge point not found" in note


def test_a_query_sends_the_id_as_it_is(steve: FakeSteve) -> None:
    visit = client(steve)
    assert [box.id for box in visit.query("cp-\u00e9 2")] == ["cp-\u00e9 2"]
    visit.sign_out()
    assert "GET /manager/chargepoints/query?heartbeatPeriod=ALL&chargeBoxId=cp-%C3%A9%202" in steve.paths()


def test_single_pages_sign_in_by_themselves(steve: FakeSteve) -> None:
    visit = client(steve)
    assert visit.about().release == "3.14.1"
    assert [box.id for box in visit.charge_boxes()] == ["CP-1", "cp-\u00e9 2"]
    assert [entry.id for entry in visit.unknown()] == ["NEW"]
    visit.sign_out()
    assert steve.paths().count("POST /manager/signin") == 1


# -- a page that fails costs that page only ----------------------------------------------------------------------


def test_sessions_that_steve_cannot_show_are_unknown_and_not_none(steve: FakeSteve) -> None:
    steve.instead["/manager/home/ocppJsonStatus"] = lambda seen: Reply(body=steve.pages.error("Null value"))
    document = _admin.collect(client(steve))
    assert document["sessions"] == [] and "Null value" in document["sessions_error"]
    assert len(document["charge_boxes"]) == 2


@pytest.mark.parametrize("trouble", ["hangs", "error", "foreign"])
def test_a_failing_about_page_costs_the_release_only(steve: FakeSteve, trouble: str) -> None:
    replies = {
        "hangs": steve.hang,
        "error": lambda seen: Reply(body=steve.pages.error("No version")),
        "foreign": lambda seen: Reply(body="<title>Other</title>"),
    }
    steve.instead["/manager/about"] = replies[trouble]
    document = _admin.collect(client(steve, timeout=0.5))
    assert document["era"] == {"min": "3.4.0", "max": "3.14.1", "source": "fingerprint"}
    assert len(document["charge_boxes"]) == 2 and len(document["notes"]) == 1


def test_a_version_that_is_no_release_is_noted(steve: FakeSteve) -> None:
    steve.instead["/manager/about"] = lambda seen: Reply(body=steve.pages.about().replace(">3.14.1<", ">dev<"))
    document = _admin.collect(client(steve))
    assert document["notes"] == ["SteVe's about page shows 'dev', which is no release."]


# -- signing in: each failure has its own name -------------------------------------------------------------------


@pytest.mark.parametrize("release", ERAS)
def test_a_wrong_password_is_refused_by_name_in_every_era(release: str) -> None:
    with running(FakeSteve(release, password=PASSWORD)) as steve:
        error = failure(steve, password="wrong")
    assert isinstance(error, _admin.SignInRefused) and error.code == "admin-login-refused"
    assert steve.paths() == ["GET /manager/signin", "POST /manager/signin"]


def test_a_lost_session_is_renewed_once_in_the_middle(steve: FakeSteve) -> None:
    times = []

    def forget_once(seen: Seen) -> None:
        times.append(seen)
        if len(times) == 1:
            steve.signed_in.clear()

    steve.instead["/manager/home/ocppJsonStatus"] = forget_once
    document = _admin.collect(client(steve))
    assert len(document["sessions"]) == 2
    assert steve.paths().count("POST /manager/signin") == 2


def test_a_session_that_is_lost_again_and_again_has_its_own_name(steve: FakeSteve) -> None:
    steve.instead["/manager/chargepoints"] = lambda seen: steve.signed_in.clear()
    assert failure(steve).code == "admin-session-lost"
    assert steve.paths().count("POST /manager/signin") == 2


def test_a_session_that_the_sign_in_itself_loses_has_the_same_name(steve: FakeSteve) -> None:
    steve.instead = behind_the_form("/manager/signin", lambda seen: steve.to_sign_in())
    assert failure(steve).code == "admin-session-lost"
    steve.instead = {"/manager/home": lambda seen: steve.to_sign_in()}
    assert failure(steve).code == "admin-session-lost"


def test_a_secure_cookie_does_not_travel_over_http_and_that_is_said(steve: FakeSteve) -> None:
    def secure(seen: Seen) -> Reply | None:
        if seen.method == "POST":
            return None
        return Reply(body=steve.pages.sign_in(), headers={"Set-Cookie": "JSESSIONID=x; Path=/steve; Secure"})

    steve.instead["/manager/signin"] = secure
    error = failure(steve)
    assert error.code == "admin-session-lost" and "Secure cookie" in error.advice


def test_a_refused_csrf_token_has_its_own_name(steve: FakeSteve) -> None:
    steve.instead = behind_the_form("/manager/signin", lambda seen: Reply(403, "<title>Forbidden</title>"))
    assert failure(steve).code == "admin-csrf-refused"


def test_a_user_without_access_has_its_own_name(steve: FakeSteve) -> None:
    steve.instead["/manager/home"] = lambda seen: Reply(403, "<title>Error 403 Forbidden</title>")
    assert failure(steve).code == "admin-not-allowed"


def test_a_sign_in_page_that_redirects_to_itself_is_a_loop(steve: FakeSteve) -> None:
    steve.instead["/manager/signin"] = lambda seen: steve.to_sign_in(";jsessionid=1")
    assert failure(steve).code == "admin-redirect-loop"
    assert steve.paths() == ["GET /manager/signin"] * 2


def test_a_home_page_that_redirects_to_itself_is_a_loop(steve: FakeSteve) -> None:
    steve.instead["/manager/home"] = lambda seen: Reply(302, "", {"Location": "/steve/manager/home"})
    assert failure(steve).code == "admin-redirect-loop"


@pytest.mark.parametrize(
    "location", ["https://127.0.0.1/steve/manager/home", "http://other.example.net/steve/manager/home", "//x/", "", "http://["]
)
def test_no_redirect_is_followed_and_its_target_is_told(steve: FakeSteve, location: str) -> None:
    steve.instead["/manager/home"] = lambda seen: Reply(302, "", {"Location": location} if location else {})
    error = failure(steve)
    assert error.code == "admin-page-not-recognised"
    assert f"a redirect (status 302) to {location or 'nowhere'}" in error.got
    assert steve.paths()[-1] == "GET /manager/home"


def test_credentials_are_not_sent_when_the_sign_in_page_leads_elsewhere(steve: FakeSteve) -> None:
    secure = steve.url.replace("http:", "https:") + "/manager/signin"
    steve.instead["/manager/signin"] = lambda seen: Reply(301, "", {"Location": secure})
    error = failure(steve)
    assert error.code == "admin-page-not-recognised" and secure in error.got
    assert [seen.method for seen in steve.seen] == ["GET"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(200, "<html><title>Welcome to nginx!</title></html>"), 'a page titled "Welcome to nginx!"'),
        (Reply(404, "<html><title>Error 404</title></html>"), 'status 404, a page titled "Error 404"'),
        (Reply(502, "<html><title>502 Bad Gateway</title></html>"), 'status 502, a page titled "502 Bad Gateway"'),
        (Reply(401, "", {"WWW-Authenticate": 'Basic realm="Wall\x07"'}), 'status 401 (Basic realm="Wall\\x07")'),
        (Reply(200, '{"a": 1}'), "JSON"),
        (Reply(200, ""), "an empty page"),
    ],
)  # fmt: skip
def test_a_stranger_is_told_by_its_looks_and_gets_no_credentials(steve: FakeSteve, reply: Reply, words: str) -> None:
    steve.instead["/manager/signin"] = lambda seen: reply
    error = failure(steve)
    assert isinstance(error, _admin.PageNotRecognised) and words in error.got
    assert [seen.method for seen in steve.seen] == ["GET"]


@pytest.mark.parametrize("way", ["raw", "form", "html", "json"])
@pytest.mark.parametrize("place", ["title", "text", "www-authenticate"])
@pytest.mark.parametrize("password", [PASSWORD, "1234", "steve", "hunter2-%\u00e9<\">'"])
def test_a_stranger_that_repeats_the_password_is_not_quoted(place: str, way: str, password: str) -> None:
    written = {"raw": password, "form": quote_plus(password), "html": html.escape(password)}
    shown = {**written, "json": json.dumps(password)[1:-1]}[way]
    echo = f"user=admin&password={shown}&_csrf=1"
    page = f"<html><title>{echo}</title></html>" if place == "title" else echo
    headers = {place: echo} if place == "www-authenticate" else {}
    with running(FakeSteve(password=password)) as steve:
        reply = Reply(401 if headers else 418, page, headers)
        steve.instead = behind_the_form("/manager/signin", lambda _seen: reply)
        with pytest.raises(SteveError) as caught:
            _admin.collect(client(steve))
    said = caught.value.sentence()
    assert "what came back" in said and f"={shown}" not in said and f"={password}" not in said


@pytest.mark.parametrize("path", ["/manager/signin", "/manager/home", "/manager/chargepoints"])
@pytest.mark.parametrize("status", [200, 500])
def test_an_error_page_is_told_with_its_text_whatever_its_status(steve: FakeSteve, path: str, status: int) -> None:
    page = steve.pages.error("It broke\x1b[31m")
    steve.instead = behind_the_form(path, lambda seen: Reply(status, page))
    error = failure(steve)
    assert error.code == "admin-error-page" and "It broke\\x1b[31m" in error.got


def test_a_sign_in_page_instead_of_the_list_is_not_taken_for_the_list(steve: FakeSteve) -> None:
    steve.instead["/manager/chargepoints"] = lambda seen: Reply(200, steve.pages.sign_in())
    assert "SteVe's sign-in page" in failure(steve).got


def test_an_id_with_the_markup_of_the_error_page_is_an_id(steve: FakeSteve) -> None:
    steve.boxes = [Box(1, '<div class="error"><h3>Error:</h3><p>gone')]
    assert [row["id"] for row in _admin.collect(client(steve))["charge_boxes"]] == [steve.boxes[0].id]


# -- without data base -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/signin", "/home", "/chargepoints", "/home/ocppJsonStatus"])
def test_a_server_that_hangs_behind_its_sign_in_page_may_have_no_data_base(steve: FakeSteve, path: str) -> None:
    steve.instead = behind_the_form(f"/manager{path}", steve.hang)
    error = failure(steve, timeout=0.4)
    assert isinstance(error, _admin.NoDataBase) and error.code == "admin-no-data-base"
    assert "the sign-in page answered in 0." in error.got and "no answer within 0.4 s" in error.got


def test_a_server_that_does_not_even_show_its_sign_in_page_is_not(steve: FakeSteve) -> None:
    steve.instead["/manager/signin"] = steve.hang
    error = failure(steve, timeout=0.3)
    assert isinstance(error, _http.NoAnswer) and error.code == "http-timeout"


def test_the_pools_own_words_on_an_error_page_are_the_same_suspicion(steve: FakeSteve) -> None:
    message = "HikariPool-1 - Connection is not available, request timed out after 30001ms."
    steve.instead["/manager/home"] = lambda seen: Reply(200, steve.pages.error(message))
    error = failure(steve)
    assert error.code == "admin-no-data-base" and "request timed out after 30001ms" in error.got


def test_a_refusal_after_the_pools_waiting_time_is_not_about_the_password(steve: FakeSteve) -> None:
    now = [1000.0]

    def slow(seen: Seen) -> Reply | None:
        if seen.method == "GET":
            return None
        now[0] += 30.2
        return steve.to_sign_in("?error")

    steve.instead["/manager/signin"] = slow
    error = failure(steve, timeout=50.0, deadline=100.0, clock=lambda: now[0])
    assert error.code == "admin-no-data-base" and "the refusal took 30 s" in error.got


# -- bounds and input --------------------------------------------------------------------------------------------


def test_the_deadline_ends_a_visit_between_two_requests(steve: FakeSteve) -> None:
    now = [0.0]
    visit = client(steve, timeout=5.0, deadline=8.0, clock=lambda: now[0])
    visit.sign_in()
    now[0] = 8.0
    with pytest.raises(_http.DeadlinePassed, match="the time for the whole call \\(8 s\\) is used up"):
        visit.charge_boxes()
    visit.sign_out()
    assert steve.paths()[-1] == "GET /manager/home"


def test_what_was_read_before_the_deadline_is_returned(steve: FakeSteve) -> None:
    now = [0.0]

    class Visit(_admin.AdminClient):
        def details(self, pk: int) -> Any:
            found = super().details(pk)
            now[0] = 8.0
            return found

    visit = Visit(steve.url, "admin", steve.password, 5.0, 8.0, clock=lambda: now[0])
    document = _admin.collect(visit, details=True)
    assert [row["vendor"] for row in document["charge_boxes"]] == ["V", None]
    assert document["charge_boxes"][0].keys() == document["charge_boxes"][1].keys()
    (note,) = document["notes"]
    assert note.startswith("Details of 1 charge boxes are missing. ") and "deadline" in note


def test_sessions_that_were_not_reached_in_time_are_unknown(steve: FakeSteve) -> None:
    now = [0.0]

    class Visit(_admin.AdminClient):
        def charge_points(self) -> Any:
            found = super().charge_points()
            now[0] = 8.0
            return found

    document = _admin.collect(Visit(steve.url, "admin", steve.password, 5.0, 8.0, clock=lambda: now[0]))
    assert len(document["charge_boxes"]) == 2 and "used up" in document["sessions_error"]
    assert document["era"]["source"] == "fingerprint" and len(document["notes"]) == 1


def test_signing_out_is_a_courtesy_that_may_fail(steve: FakeSteve) -> None:
    steve.instead["/manager/signout"] = lambda seen: Reply(close=True)
    assert len(_admin.collect(client(steve))["charge_boxes"]) == 2


def test_signing_out_happens_after_a_failure_too(steve: FakeSteve) -> None:
    steve.instead["/manager/chargepoints"] = lambda seen: Reply(200, "<title>Other</title>")
    failure(steve)
    assert steve.paths()[-1] == "GET /manager/signout" and steve.signed_in == set()


@pytest.mark.parametrize("option", ["username", "password"])
def test_empty_credentials_are_refused_before_anything_is_sent(steve: FakeSteve, option: str) -> None:
    with pytest.raises(InputError, match=f"Option {option} is wrong"):
        client(steve, **{option: ""})
    assert steve.seen == []
