# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan and the forms without any server: what is to be done, what is posted, what the pages tell."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _chargebox_form as names
from ansible_collections.chargeops.steve.plugins.module_utils import _chargebox_pages, _chargebox_plan
from ansible_collections.chargeops.steve.plugins.module_utils._admin_pages import UnrecognisedPage
from ansible_collections.chargeops.steve.plugins.module_utils._chargebox_plan import Current, Wanted, absent, present
from ansible_collections.chargeops.steve.plugins.module_utils._era import given as era_of
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._html import Form, forms
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = (
    "description", "note", "adminAddress", "address.street", "address.houseNumber", "address.zipCode", "address.city",
    "address.country",
)  # fmt: skip
FLAG = "insertConnectorStatusAfterTransactionMsg"
ANY = st.text(max_size=60)


def form(
    release: int = 314, status: str | None = "accepted", password: bool = False, **texts: str
) -> Form:
    """A details form of 308, 309, 313 or 314."""
    place = ("locationLatitude", "locationLongitude") if release == 308 else ("address.latitude", "address.longitude")
    spelt = str.upper if release >= 313 else str.capitalize
    fields = [("chargeBoxId", "CP-1"), ("chargeBoxPk", "1"), (f"_{FLAG}", "on"), ("_csrf", "t")]
    fields += [(name, texts.get(name, "")) for name in (*TEXTS, *place)]
    choices = [("registrationStatus", spelt(one)) for one in ("accepted", "rejected")]
    hints: list[tuple[str, str]] = []
    if status:
        fields.append(("registrationStatus", spelt(status)))
    if release >= 309:
        fields += [("securityProfile", "Profile_0"), ("authPassword", "")]
        choices.append(("securityProfile", "Profile_0"))
        hints.append(("authPassword", "Enter new password" if password else "Enter password"))
    if release >= 314:
        choices.append(("address.timeZone", "UTC"))
    return Form("/u", "post", tuple(fields), 0, 1, tuple(choices), tuple(hints))


def current(**options: Any) -> Current:
    page = form(**options)
    return Current("CP-1", 1, names.dialect_of(page), page)


@pytest.mark.parametrize(
    ("wanted", "found", "kind", "error"),
    [
        (Wanted("N"), None, "batch", None),
        (Wanted("N 1"), None, "batch", None),
        (Wanted("N(1)"), None, "single", None),
        (Wanted("N", {"note": "x"}), None, "single", None),
        (Wanted(" N"), None, "refused", "blank"),
        (Wanted("N", {"security_profile": 1}), None, "refused", "Give auth_password"),
        (Wanted("cp-1"), Current("CP-1", 1), "none", None),
        (Wanted("CP-1", {"description": "x"}), current(), "update", None),
        (Wanted("CP-1", {"description": "x"}), current(description=" x "), "none", None),
        (Wanted("CP-1", {"description": None}), current(), "none", None),
        (Wanted("CP-1", {"registration_status": "accepted"}), current(status=None, release=309), "update", None),
        (Wanted("CP-1", {"registration_status": "pending"}), current(status=None, release=309), "none", None),
        (Wanted("CP-1", {"description": "x"}), current(status=None), "refused", "Give registration_status"),
        (Wanted("CP-1", {}, "pw"), current(password=True), "none", None),
        (Wanted("CP-1", {}, "pw"), current(password=False), "update", None),
        (Wanted("CP-1", {}, "pw"), current(release=308), "refused", "auth_password (3.9.0)"),
        (Wanted("CP-1", {"security_profile": 0}), current(release=308), "none", None),
        (Wanted("CP-1", {"security_profile": 2}), current(), "refused", "Give auth_password"),
        (Wanted("CP-1", {"address.time_zone": "UTC"}), current(release=313), "refused", "3.14.1"),
    ],
)  # fmt: skip
def test_the_table_of_steps(wanted: Wanted, found: Current | None, kind: str, error: str | None) -> None:
    step = present(wanted, found, names.DIALECTS[-1])
    assert step.kind == kind
    assert (step.error is None) == (error is None) and (error is None or error in str(step.error))
    assert step.changed == (kind in ("batch", "single", "update"))


@pytest.mark.parametrize(
    ("found", "transactions", "force", "kind"),
    [
        (None, None, False, "none"), (Current("CP-1", 1), False, False, "delete"),
        (Current("CP-1", 1), True, False, "refused"), (Current("CP-1", 1), None, False, "refused"),
        (Current("CP-1", 1), True, True, "delete"), (Current("CP-1", 1), None, True, "delete"),
    ],
)  # fmt: skip
def test_the_table_of_deletions(found: Current | None, transactions: bool | None, force: bool, kind: str) -> None:
    assert absent(Wanted("CP-1"), found, transactions, force).kind == kind


def test_always_writes_the_password_and_shows_neither() -> None:
    step = present(Wanted("CP-1", {}, "pw-9"), current(password=True), always=True)
    assert (step.kind, step.password) == ("update", True)
    assert "pw-9" not in repr(step) and step.before != step.after


@pytest.mark.parametrize("release", [308, 309, 313, 314])
def test_the_era_is_read_from_the_form(release: int) -> None:
    dialect = names.dialect_of(form(release))
    assert dialect.oldest == {308: "3.4.0", 309: "3.9.0", 313: "3.13.0", 314: "3.14.1"}[release]


@pytest.mark.parametrize("release", [308, 309, 313, 314])
@settings(deadline=None)
@given(description=ANY, note=ANY, status=st.sampled_from(["accepted", "pending", "rejected"]), flag=st.booleans())
def test_what_is_written_is_what_is_read(release: int, description: str, note: str, status: str, flag: bool) -> None:
    texts: dict[str, Any] = {"address.city": "Ulm"}
    page = form(release, **texts)
    dialect = names.dialect_of(page)
    options = {
        "description": names.normal_text(description), "note": names.normal_text(note), "registration_status": status,
        "insert_connector_status_after_transaction_msg": flag, "address.latitude": "1.5",
    }  # fmt: skip
    fields = tuple(names.filled(dialect, page, options))
    posted = [name for name, _value in fields]
    assert len(posted) == len(set(posted)) and set(posted) >= {name for name, _value in page.fields}
    after = names.values_of(dialect, Form("/u", "post", fields, 0, 1, page.choices, page.hints))
    assert {name: after[name] for name in options} == options
    assert after["address.city"] == "Ulm" and dict(fields).get("authPassword", "") == ""


@settings(deadline=None)
@given(identifier=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_hostile_ids_make_a_plan_or_a_sentence_and_an_inert_diff(identifier: str) -> None:
    if "\n" in identifier or "\r" in identifier:
        with pytest.raises(InputError) as caught:
            _chargebox_plan.wanted_box(identifier, {})
        assert caught.value.sentence().isprintable()
        return
    wanted = _chargebox_plan.wanted_box(identifier, {"description": identifier})
    step = present(wanted, None, names.DIALECTS[-1])
    assert step.id == identifier
    shown = _chargebox_plan.diff([step], "here")
    for text in (shown["before"], shown["after"]):
        assert all(line.isprintable() for line in text.rstrip("\n").split("\n"))
    assert shown["before"].count("\n") == (1 if step.changed else 0)


@settings(deadline=None)
@given(ids=st.lists(st.text(min_size=1, max_size=255), max_size=2500))
def test_batches_hold_every_id_once_in_order_and_fit(ids: list[str]) -> None:
    ids = [one.encode("utf-8", "ignore").decode() or "x" for one in ids]
    groups = names.batches(ids)
    assert [one for group in groups for one in group] == ids
    assert all(group and len(group) <= names.BATCH_IDS for group in groups)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("50.77530000", "50.7753"), ("-0", "0"), ("1e1", "10"), ("", None), (" 6 ", "6"), ("x", "x"), ("NaN", "NaN"),
        ("0.000000001", "0"), ("1e999999", "1e999999"), ("100", "100"),
    ],
)  # fmt: skip
def test_coordinates_have_one_spelling(text: str, number: str | None) -> None:
    assert names.normal_number(text) == number


@pytest.mark.parametrize(
    ("era", "lengths"),
    [
        ("3.9.0", (32, 40)), ("3.10.0", (16, 20)), ("3.11.0-3.14.1", (16, 20)), ("3.9.0-3.14.1", None), ("3.8.0", None),
        ("runbook", None),
    ],
)  # fmt: skip
def test_the_length_of_a_password_is_known_where_the_release_is(era: str, lengths: tuple[int, int] | None) -> None:
    assert names.password_lengths(era_of(era)) == lengths


@pytest.mark.parametrize(
    "given_options",
    [
        {"auth_password": 123456}, {"auth_password": " x"}, {"auth_password": "a\nb"}, {"description": "\ud800"},
        {"address": {"latitude": "north"}},
    ],
)  # fmt: skip
def test_values_that_cannot_be_meant_are_refused(given_options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        _chargebox_plan.wanted_box("CP-1", given_options)
    assert "123456" not in caught.value.sentence() and "a\nb" not in caught.value.sentence()


def test_a_form_with_a_field_twice_is_not_posted_back() -> None:
    page = form()
    forged = Form("/u", "post", (*page.fields, ("description", "forged")), 0, 1, page.choices, page.hints)
    with pytest.raises(names.UnknownForm, match="description twice"):
        names.dialect_of(forged)


# -- pages -------------------------------------------------------------------------------------------------------------


def transactions(
    rows: str = "", charge_box_id: str = "CP-1", kind: str = "ALL", errors: str = "", selected: bool = True
) -> str:
    chosen = ' selected="selected"' if selected else ""
    return (
        f'<html><body><a href="/steve/manager/signout">x</a>{errors}<form action="/steve/manager/transactions/query" '
        'method="get"><select name="chargeBoxId"><option value="" selected>All</option>'
        f'<option value="{charge_box_id}"{chosen}>x</option></select><select name="type">'
        f'<option value="{kind}" selected="selected">x</option></select><select name="periodType">'
        '<option value="ALL" selected="selected">All</option></select></form><table class="res action"><thead><tr>'
        f'<th data-sort="int">Transaction ID</th></tr></thead>\n<tbody>\n{rows} </tbody></table></body></html>'
    )


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (transactions(), False), (transactions("<tr><td>1</td></tr>"), True),
        (transactions("<tr><td><tbody></tbody></td></tr>"), True), (transactions("x"), True),
        (transactions(charge_box_id="CP-2"), None), (transactions(kind="ACTIVE"), None),
        (transactions(selected=False), None),
        (transactions(errors='<div class="error"><ul><li>no</li></ul></div>'), None),
    ],
)  # fmt: skip
def test_an_empty_list_of_transactions_counts_only_with_its_filter(page: str, told: bool | None) -> None:
    assert _chargebox_pages.has_transactions(page, "CP-1") is told


def test_another_page_is_no_list_of_transactions() -> None:
    page = transactions().replace("Transaction ID", "Reservation ID")
    with pytest.raises(UnrecognisedPage):
        _chargebox_pages.has_transactions(page, "CP-1")
    with pytest.raises(UnrecognisedPage):
        _chargebox_pages.add_form(transactions())


def test_messages_are_read_once_each_and_inert() -> None:
    page = '<div class="error" id="x">Error while: <ul><li>a &amp; b</li><li>a &amp; b</li><li>\x1b[0m</li></ul></div>'
    assert _chargebox_pages.validation_messages(page) == ("a & b", "\\x1b[0m")
    assert _chargebox_pages.validation_messages('<div class="error"><h3>Error:</h3><ul><li>x</li></ul></div>') == ()


def test_a_form_tells_choices_and_hints() -> None:
    (found,) = forms(
        '<form action="a"><select name="s"><option value="1">one</option><option selected>two</option></select>'
        '<input name="p" type="password" placeholder="Enter &amp;" value="echoed"/></form>'
    )
    assert found.choices == (("s", "1"), ("s", "two")) and found.hints == (("p", "Enter &"),)
    assert found.fields == (("s", "two"), ("p", ""))
