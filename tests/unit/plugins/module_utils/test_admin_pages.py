# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read from SteVe's admin pages, per release, with ids that mean harm."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _admin_pages as pages
from ansible_collections.chargeops.steve.plugins.module_utils._era import RELEASES
from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.admin_pages import TOKEN, Box, Knock, Open, Pages

ERAS = ("3.4.0", "3.4.9", "3.5.1", "3.6.0", "3.7.1", "3.8.0", "3.9.0", "3.12.0", "3.13.0", "3.14.1")

# A whole row of somebody else's making, as good as it gets without the reader's CSRF token.
FORGED_ROW = (
    '</a></td><td></td><td></td><td data-sort-value=""></td><td><form action="/steve/manager/chargepoints/delete/2" '
    'method="post"><input type="hidden" name="_csrf" value="guess"></form></td></tr><tr><td>'
    '<a href="/steve/manager/chargepoints/details/99">FORGED</a></td><td>x</td><td>ocpp1.6J</td>'
    '<td data-sort-value="1"></td><td><form action="/steve/manager/chargepoints/delete/99" method="post">'
    '<input type="hidden" name="_csrf" value="guess"></form></td></tr><tr><td><a href="">'
)
HOSTILE = (
    "<b>bold</b>", "</a>", "</td>", "</tr></table>", "<!--", "-->", "<script>", "<textarea>", "<title>", "<plaintext>",
    "<form>", '<form action="/steve/manager/chargepoints/delete/1">', "</form>", '<input name="_csrf" value="guess">',
    '<a href="/steve/manager/chargepoints/details/3">', '"', "'", '<a href="', "&lt;", "&amp;", "&#60;", "A&B", "a%20b",
    "line\nbreak", "cr\r\nlf", "\x00\x01\x1b[31m", "\x7f\x9f", "\u202egnp.exe", "\u200bzero", "\U0001f50c",
    "\u00e9\u0301", "</html>", '<div class="error"><h3>Error:</h3><p>gone</p>', 'id="overview"', "<tbody>",
    "blank  inside", FORGED_ROW,
)  # fmt: skip
PIECES = ("<", ">", "</", "td", "tr", "a", " ", '"', "'", "&", ";", "=", "\n", "form", "href", "/", "data-sort-value")
# Anything a data base column takes: no NUL, no surrogates; SteVe trims blanks at both ends.
IDS = st.one_of(
    st.sampled_from(HOSTILE).filter(lambda value: "\x00" not in value),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=25).map("".join),
)


def is_ambiguous(value: str) -> bool:
    """Whether a text contains what separates id and description in a row."""
    return pages._LINK_AND_CELL_END.search(value) is not None


# -- the charge point list ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ERAS)
def test_registered_and_unknown_ids_are_read_in_every_release(release: str) -> None:
    found = pages.charge_points_page(
        Pages(release).charge_points(
            [Box(1, "CP-1", "front door", "ocpp1.6J", 1_700_000_000_999), Box(2, "CP-2")],
            [Knock("NEW-1", 3, 1_700_000_001_000), Knock("NEW-2")],
        )
    )
    assert [box.to_dict() for box in found.charge_boxes] == [
        {
            "id": "CP-1", "pk": 1, "protocol": "ocpp1.6J", "last_heartbeat": "2023-11-14T22:13:20Z",
            "description": "front door",
        },
        {"id": "CP-2", "pk": 2, "protocol": None, "last_heartbeat": None, "description": None},
    ]  # fmt: skip
    assert [entry.to_dict() for entry in found.unknown] == [
        {"id": "NEW-1", "attempts": 3, "last_attempt": "2023-11-14T22:13:21Z"},
        {"id": "NEW-2", "attempts": 1, "last_attempt": "2023-11-14T22:13:20Z"},
    ]
    assert found.notes == ()


@pytest.mark.parametrize("release", ERAS)
def test_empty_lists_are_empty_and_not_unrecognised(release: str) -> None:
    found = pages.charge_points_page(Pages(release).charge_points([]))
    assert (found.charge_boxes, found.unknown, found.notes) == ((), (), ())


def test_unknown_ids_are_read_while_nothing_is_registered() -> None:
    found = pages.charge_points_page(Pages("3.14.1").charge_points([], [Knock("A"), Knock("B")]))
    assert [entry.id for entry in found.unknown] == ["A", "B"]


@pytest.mark.parametrize("release", ["3.4.9", "3.7.1", "3.14.1"])
@pytest.mark.parametrize("hostile", [value for value in HOSTILE if "\x00" not in value])
def test_a_hostile_registered_id_is_read_back_and_damages_no_other_row(release: str, hostile: str) -> None:
    before, after = Box(1, "BEFORE", "b", "ocpp1.6J", 1), Box(3, "AFTER", "a", "ocpp1.5S", 2)
    clean = pages.charge_points_page(Pages(release).charge_points([before, after], [Knock("K")]))
    found = pages.charge_points_page(Pages(release).charge_points([before, Box(2, hostile), after], [Knock("K")]))
    assert [box for box in found.charge_boxes if box.pk != 2] == list(clean.charge_boxes)
    assert found.unknown == clean.unknown
    (row,) = [box for box in found.charge_boxes if box.pk == 2]
    assert row.id == hostile or (row.doubt is not None and is_ambiguous(hostile))


@given(first=IDS, second=IDS, description=IDS, escaped=st.booleans())
@settings(max_examples=150, deadline=None)
@example(FORGED_ROW, "CP", FORGED_ROW, True)
def test_registered_ids_survive_whatever_stands_in_ids_and_descriptions(
    first: str, second: str, description: str, escaped: bool
) -> None:
    boxes = [Box(1, first, description), Box(2, "PLAIN", "plain"), Box(7, second)]
    found = pages.charge_points_page(Pages("3.14.1" if escaped else "3.6.0").charge_points(boxes, [Knock("K")]))
    assert [box.pk for box in found.charge_boxes] == [1, 2, 7]
    for box, given_box in zip(found.charge_boxes, boxes, strict=True):
        ambiguous = is_ambiguous(given_box.id) or is_ambiguous(given_box.description)
        assert (box.doubt is not None) == ambiguous
        if not ambiguous:
            assert (box.id, box.description or "") == (given_box.id, given_box.description)
    assert [entry.id for entry in found.unknown] == ["K"]


@pytest.mark.parametrize("release", ["3.4.9", "3.5.1", "3.6.0", "3.7.1", "3.14.1"])
@given(first=IDS, second=IDS)
@settings(max_examples=100, deadline=None)
def test_unknown_ids_are_read_back_escaped_or_not(release: str, first: str, second: str) -> None:
    knocks = [Knock(first, 2), Knock("PLAIN", 3), Knock(second, 4)]
    found = pages.charge_points_page(Pages(release).charge_points([Box(1, "CP")], knocks))
    rows = {entry.attempts: entry for entry in found.unknown}
    assert sorted(rows) == [2, 3, 4]
    for knock in knocks:
        assert (rows[knock.attempts].id, rows[knock.attempts].doubt) == (knock.id, None)
    assert [box.id for box in found.charge_boxes] == ["CP"]


def test_a_percent_encoded_address_of_an_unknown_id_is_understood_too() -> None:
    page = Pages("3.14.1").charge_points([], [Knock("A B%41")])
    page = page.replace("unknown/add/A B%41/", "unknown/add/A%20B%2541/")
    (entry,) = pages.charge_points_page(page).unknown
    assert (entry.id, entry.doubt) == ("A B%41", None)


def test_an_unknown_id_shown_in_two_ways_is_doubted() -> None:
    page = Pages("3.14.1").charge_points([], [Knock("A")]).replace("unknown/add/A/", "unknown/add/B/")
    (entry,) = pages.charge_points_page(page).unknown
    assert (entry.id, entry.doubt) == ("A", "the page shows this id in two different ways")
    assert entry.to_dict()["doubt"] == entry.doubt


def test_the_unknown_list_may_stand_behind_the_registered_ones() -> None:
    page = Pages("3.14.1").charge_points([Box(1, "CP")], [Knock("K")])
    begin, middle = page.index('<div id="unknownTable"'), page.index('<div id="overview"')
    end = page.index("</div>\n</body>")
    swapped = page[:begin] + page[middle:end] + page[begin:middle] + page[end:]
    found = pages.charge_points_page(swapped)
    assert [box.id for box in found.charge_boxes] == ["CP"] and [entry.id for entry in found.unknown] == ["K"]


def test_a_forged_form_in_an_id_is_mentioned() -> None:
    found = pages.charge_points_page(Pages("3.14.1").charge_points([Box(1, "A"), Box(2, FORGED_ROW)]))
    assert found.notes == ("2 forms of the page carry a foreign CSRF token; they are part of an id or a description.",)


def test_masked_tokens_that_differ_within_a_page_are_one_session() -> None:
    secret = b"6e0d6c08-9a31-4a0f-8d42-6f1f2b9d5c11"

    def masked(noise: bytes) -> str:
        return base64.urlsafe_b64encode(noise + bytes(a ^ b for a, b in zip(noise, secret, strict=True))).decode()

    page = Pages("3.14.1").charge_points([Box(1, "A"), Box(2, FORGED_ROW), Box(3, "C")], [Knock("K")])
    parts = page.split(TOKEN)
    tokens = [masked(bytes((7 * index + offset) % 256 for offset in range(36))) for index in range(len(parts))]
    page = "".join(part + token for part, token in zip(parts, [*tokens[1:], ""], strict=True))
    found = pages.charge_points_page(page)
    assert [box.pk for box in found.charge_boxes] == [1, 2, 3]
    assert [entry.id for entry in found.unknown] == ["K"]


def test_a_page_without_any_token_is_read_as_well() -> None:
    page = Pages("3.7.1").charge_points([Box(1, "A"), Box(2, "B")], [Knock("K")])
    page = page.replace(f'<input type="hidden" name="_csrf" value="{TOKEN}" />', "")
    found = pages.charge_points_page(page)
    assert [box.id for box in found.charge_boxes] == ["A", "B"] and [entry.id for entry in found.unknown] == ["K"]


def test_attributes_in_another_order_change_nothing() -> None:
    page = Pages("3.14.1").charge_points([Box(1, "A", heartbeat_ms=1000)])
    link = "/steve/manager/chargepoints/details/1"
    page = page.replace(f'<a href="{link}">', f"<a class='x' href='{link}'>")
    page = page.replace('<td data-sort-value="1000">', '<td class="t" data-sort-value="1000" title="t">')
    (box,) = pages.charge_points_page(page).charge_boxes
    assert (box.id, box.last_heartbeat) == ("A", "1970-01-01T00:00:01Z")


def test_a_row_of_unknown_structure_is_named_and_the_others_are_read() -> None:
    page = Pages("3.14.1").charge_points([Box(1, "A"), Box(2, "B")])
    page = page.replace('<a href="/steve/manager/chargepoints/details/2">B</a>', "<b>B</b>")
    found = pages.charge_points_page(page)
    assert [box.id for box in found.charge_boxes] == ["A"]
    assert found.notes == ("The row of the charge box with primary key 2 could not be read.",)


def test_a_list_in_which_no_row_can_be_read_is_not_an_empty_list() -> None:
    page = Pages("3.14.1").charge_points([Box(1, "A")]).replace("/details/", "/show/")
    with pytest.raises(pages.UnrecognisedPage, match="rows are not SteVe's"):
        pages.charge_points_page(page)
    page = Pages("3.14.1").charge_points([Box(1, "A")]).replace("/delete/", "/remove/")
    with pytest.raises(pages.UnrecognisedPage, match="rows are not SteVe's"):
        pages.charge_points_page(page)


def test_a_page_that_is_cut_off_is_refused() -> None:
    page = Pages("3.14.1").charge_points([Box(1, "A"), Box(2, "B")])
    with pytest.raises(pages.UnrecognisedPage, match="cut off"):
        pages.charge_points_page(page[: page.index("</tbody>", page.index('id="overview"'))])


def test_ten_thousand_charge_boxes_are_read_in_about_a_second() -> None:
    ids = range(1, 10_001)
    boxes = [Box(pk, f"CP-{pk:05d}", "a description of usual length", "ocpp1.6J", 1_700_000_000_000) for pk in ids]
    page = Pages("3.14.1").charge_points(boxes, [Knock(f"K-{n}") for n in range(100)])
    page = page.replace("\n    ", "\n" + " " * 28)
    assert len(page) > 5_500_000
    begin = time.process_time()
    found = pages.charge_points_page(page)
    seconds = time.process_time() - begin
    assert (len(found.charge_boxes), len(found.unknown)) == (10_000, 100)
    assert seconds < 2.5, f"{seconds:.2f} s"


# -- sessions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ERAS)
def test_sessions_are_read_with_four_and_with_five_columns(release: str) -> None:
    rows = [Open("CP-1", 1), Open("CP-1", 1, since_ms=1_700_000_060_000), Open("CP-2", 2, "ocpp1.5")]
    found = pages.sessions_page(Pages(release).sessions(rows))
    assert [session.to_dict() for session in found] == [
        {"id": "CP-1", "protocol": "ocpp1.6", "connected_since": "2023-11-14T22:13:20Z"},
        {"id": "CP-1", "protocol": "ocpp1.6", "connected_since": "2023-11-14T22:14:20Z"},
        {"id": "CP-2", "protocol": "ocpp1.5", "connected_since": "2023-11-14T22:13:20Z"},
    ]
    assert {session.session_id for session in found} == ({"f7c1"} if release == "3.14.1" else {None})


@pytest.mark.parametrize("release", ERAS)
def test_no_session_is_an_empty_list(release: str) -> None:
    assert pages.sessions_page(Pages(release).sessions([])) == ()


@pytest.mark.parametrize("release", ["3.9.0", "3.12.0", "3.14.1"])
def test_a_session_without_charge_box_is_listed_without_link(release: str) -> None:
    found = pages.sessions_page(Pages(release).sessions([Open("other-case", None), Open("CP-2", 2)]))
    assert [session.id for session in found] == ["other-case", "CP-2"]


@given(first=IDS, second=IDS, linked=st.booleans())
@settings(max_examples=150, deadline=None)
@example("A>B", "&gt;", True)
def test_ids_of_sessions_survive_from_3_14_whatever_they_contain(first: str, second: str, linked: bool) -> None:
    given_ids = [first.strip() or "x", "PLAIN", second.strip() or "y"]
    rows = [Open(value, 1 if linked else None) for value in given_ids]
    assert [session.id for session in pages.sessions_page(Pages("3.14.1").sessions(rows))] == given_ids


@pytest.mark.parametrize("hostile", [value for value in HOSTILE if "\x00" not in value and "<td" not in value])
def test_before_3_14_a_hostile_session_id_damages_no_other_row_and_is_doubted(hostile: str) -> None:
    rows = [Open("BEFORE", 1), Open(hostile, 2), Open("AFTER", 3)]
    found = pages.sessions_page(Pages("3.12.0").sessions(rows))
    assert [session.id for session in found] == ["BEFORE", hostile, "AFTER"]
    assert [session.doubt is not None for session in found] == [False, "<" in hostile, False]


def test_a_session_list_with_foreign_rows_is_refused() -> None:
    page = Pages("3.12.0").sessions([Open("CP-1")]).replace("data-sort-value", "data-order")
    with pytest.raises(pages.UnrecognisedPage, match="rows are not SteVe's"):
        pages.sessions_page(page)


# -- which page is it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ERAS)
def test_the_sign_in_token_is_found_also_after_a_refusal(release: str) -> None:
    assert pages.sign_in_token(Pages(release).sign_in()) == TOKEN
    assert pages.sign_in_token(Pages(release).sign_in(refused=True)) == TOKEN


def test_a_page_is_said_to_look_like_what_it_is() -> None:
    writer = Pages("3.14.1")
    expected = {
        "": "an empty page",
        writer.sign_in(): "SteVe's sign-in page",
        writer.home(): "SteVe's home page",
        writer.error("It broke"): "SteVe's error page (It broke)",
        "<html><title>Welcome to <\x1b[31mnginx!</title>": 'a page titled "Welcome to"',
        "<html><title>Log in \u202e- wall</title>": 'a page titled "Log in \\u202e- wall"',
        '{"status": 404}': "JSON",
        "plain words": 'a text that begins "plain words"',
    }
    for page, words in expected.items():
        assert pages.looks_like(page) == words


@pytest.mark.parametrize("parse", [pages.charge_points_page, pages.sessions_page, pages.about_page, pages.details_page])
def test_every_reader_refuses_every_other_page(parse: Callable[[str], object]) -> None:
    writer = Pages("3.14.1")
    for page in (writer.sign_in(), writer.home(), writer.error("gone"), "", "<html></html>", writer.home()[:100]):
        with pytest.raises(pages.UnrecognisedPage):
            parse(page)


def test_a_sign_in_form_without_token_is_refused() -> None:
    page = Pages("3.14.1").sign_in().replace('name="_csrf"', 'name="other"')
    with pytest.raises(pages.UnrecognisedPage, match="without the hidden field"):
        pages.sign_in_token(page)


def test_home_counts_only_with_both_marks_of_a_signed_in_user() -> None:
    assert pages.is_home(Pages("3.7.1").home())
    assert not pages.is_home(Pages("3.7.1").home().replace("tileWrapper", "other"))
    assert not pages.is_home(Pages("3.7.1").sign_in())


def test_home_tells_the_running_transactions_where_its_tile_is_certain() -> None:
    home = Pages("3.7.1").home(boxes=7, running=3)
    assert pages.home_page(home) == 3
    assert pages.home_page(home.replace("/manager/transactions", "/manager/reservations")) is None
    assert pages.home_page(home.replace(">3<", ">many<")) is None
    assert pages.home_page(home + home.replace(">3<", ">4<")) is None
    with pytest.raises(pages.UnrecognisedPage):
        pages.home_page(Pages("3.7.1").sign_in())


def test_the_error_text_is_inert_cut_and_without_the_reason_box() -> None:
    page = Pages("3.7.1").error("java.lang.IllegalStateException: a &lt;b&gt;\x1b[31m" + "x" * 500)
    message = pages.error_text(page)
    assert message is not None
    assert message.startswith("java.lang.IllegalStateException: a <b>\\x1b[31mxxx") and len(message) == 200
    assert pages.error_text(Pages("3.7.1").sign_in(refused=True)) is None
    assert pages.error_text(Pages("3.7.1").home()) is None


def test_texts_of_a_lost_data_base_are_recognised_and_others_are_not() -> None:
    for message in (
        "HikariPool-1 - Connection is not available, request timed out after 30003ms.",
        "org.springframework.jdbc.CannotGetJdbcConnectionException: Failed to obtain JDBC Connection",
        "Communications link failure",
        "Socket fail to connect to 10.0.0.2",
    ):
        assert pages.tells_of_lost_data_base(message)
    assert not pages.tells_of_lost_data_base("Charge point not found")


# -- about and details -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_the_about_page_tells_the_exact_release(release: str) -> None:
    about = pages.about_page(Pages(release).about())
    assert (about.version, about.release, about.database_version) == (release, release, "1.0.9")
    assert about.system_time == "2026-11-23T01:02:03.004Z"
    assert about.log_file == "/var/log/steve.log"
    assert bool(about.enabled_protocols) == (Pages(release).key >= (3, 11, 0))


def test_a_snapshot_keeps_its_text_and_counts_as_its_release() -> None:
    page = Pages("3.14.1").about().replace(">3.14.1<", ">3.15.0-SNAPSHOT<")
    about = pages.about_page(page)
    assert (about.version, about.release) == ("3.15.0-SNAPSHOT", "3.15.0")


def test_a_version_without_numbers_has_no_release() -> None:
    about = pages.about_page(Pages("3.14.1").about().replace(">3.14.1<", ">unknown<"))
    assert (about.version, about.release) == ("unknown", None)


@pytest.mark.parametrize("release", ERAS)
@pytest.mark.parametrize("status", ["Accepted", "Pending", "Rejected"])
def test_details_are_read_in_both_spellings_of_the_registration_status(release: str, status: str) -> None:
    box = Box(5, "CP-5", "d")
    page = Pages(release).details(box, status, 2, "Vendor & Co", "M <1>", "1.2.3", password_echo="a secret")
    found = pages.details_page(page)
    profile = 2 if Pages(release).key >= (3, 9, 0) else None
    assert found.to_dict() == {
        "registration_status": status.lower(), "security_profile": profile, "vendor": "Vendor & Co",
        "model": "M <1>", "firmware": "1.2.3",
    }  # fmt: skip
    assert (found.id, found.pk) == ("CP-5", 5)
    assert "a secret" not in repr(found)


def test_details_without_a_selected_status_say_nothing_about_it() -> None:
    found = pages.details_page(Pages("3.7.1").details(Box(5, "CP-5"), status=None))
    assert found.registration_status is None
    assert (found.vendor, found.model, found.firmware) == (None, None, None)


@given(IDS)
@settings(max_examples=100, deadline=None)
def test_the_details_page_has_the_exact_id(identifier: str) -> None:
    for release in ("3.4.9", "3.14.1"):
        assert pages.details_page(Pages(release).details(Box(1, identifier))).id == identifier


# -- small things ------------------------------------------------------------------------------------------------


def test_folding_forgets_case_accents_and_blanks_at_the_end() -> None:
    assert folded("Caf\u00e9-1 ") == folded("CAFE-1") != folded("CAFE 1")
    assert folded(" CP") != folded("CP")


@pytest.mark.parametrize("value", ["", "abc", "-1", "1" * 30, "1e3", "1.5"])
def test_a_time_that_is_none_is_none(value: str) -> None:
    page = Pages("3.14.1").charge_points([Box(1, "A", heartbeat_ms=123456)]).replace('"123456"', f'"{value}"')
    assert pages.charge_points_page(page).charge_boxes[0].last_heartbeat is None


@given(st.lists(st.sampled_from((*PIECES, "<tr>", "<td>", "</td>", "<tbody>", 'id="overview"'))).map("".join))
@settings(deadline=None)
def test_any_page_is_read_or_refused_with_printable_words(text: str) -> None:
    marks = 'id="overview" id="unknownTable" /manager/signout Connected Since Version: /manager/chargepoints/update'
    readers = (pages.charge_points_page, pages.sessions_page, pages.about_page, pages.details_page, pages.sign_in_token)
    for page in (text, f"{marks}<tbody>{text}</html>"):
        refusals = [refusal(read, page) for read in readers]
        assert all(words.isprintable() for words in refusals)


def refusal(read: Callable[[str], object], page: str) -> str:
    """The words of a refusal, empty when the page was read."""
    try:
        read(page)
    except pages.UnrecognisedPage as refused:
        return str(refused)
    return ""
