# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forms, attributes and text of HTML."""

from __future__ import annotations

import time
from html import escape

from ansible_collections.chargeops.steve.plugins.module_utils import _html
from hypothesis import given
from hypothesis import strategies as st


def test_attributes_in_any_order_and_any_quotes_are_read() -> None:
    assert _html.attributes(""" value='a "b"' NAME="n" checked id=x""") == {
        "value": 'a "b"', "name": "n", "checked": "", "id": "x",
    }  # fmt: skip


def test_of_a_repeated_attribute_the_first_counts() -> None:
    assert _html.attributes(' name="first" name="second"') == {"name": "first"}


def test_text_drops_tags_decodes_once_and_collapses_blanks() -> None:
    assert _html.text("  <b>A</b>\n &amp;lt; \t<i>B</i>") == "A &lt; B"


def test_a_form_holds_what_a_browser_would_send() -> None:
    (form,) = _html.forms(
        '<form method="POST" action="/a?b=1&amp;c=2">'
        '<input name="one" value="1"><input type="checkbox" name="off" value="x">'
        '<input type="checkbox" name="on" value="y" checked><input type="submit" name="go" value="Go">'
        '<select name="s"><option value="p">P</option><option value="q" selected>Q</option></select>'
        '<select name="t"><option>label</option></select>'
        "<select name='u'><option selected>a label</option></select>"
        '<textarea name="note">\r\n&lt;two\r\nlines&gt;</textarea></form>'
    )
    assert (form.action, form.method) == ("/a?b=1&c=2", "post")
    assert form.fields == (("one", "1"), ("on", "y"), ("s", "q"), ("u", "a label"), ("note", "<two\r\nlines>"))
    assert form.value("t") is None


def test_the_value_of_a_password_field_is_never_kept() -> None:
    (form,) = _html.forms('<form><input type="password" name="p" value="hunter2hunter2"></form>')
    assert form.fields == (("p", ""),)


def test_hostile_markup_before_a_form_does_not_hide_it() -> None:
    for hostile in ("<!--", "<script>", "<textarea>", "<form>", '<form action="', "<input '", "<title>", "<select>"):
        page = f'<td>{hostile}</td><form action="/real"><input name="a" value="1"></form>'
        assert [form.action for form in _html.forms(page)][-1] == "/real", hostile


def test_a_greater_sign_inside_a_quoted_value_does_not_end_the_tag() -> None:
    (form,) = _html.forms('<form action="/x"><input name="a" value="b>c"></form>')
    assert form.value("a") == "b>c"


@given(st.text())
def test_any_escaped_value_is_read_back(value: str) -> None:
    (form,) = _html.forms(f'<form action="/x"><input type="hidden" name="a" value="{escape(value)}"/></form>')
    assert form.value("a") == value


@given(st.text(alphabet=st.sampled_from("<>/\"'= formaelctinpuvt&;!-\n")))
def test_any_text_is_read_without_an_exception(page: str) -> None:
    _html.forms(page)
    _html.text(page)
    _html.attributes(page)


def test_time_grows_with_the_length_of_hostile_pages_and_no_faster() -> None:
    for piece in ("<", "<form ", "<input '", '<input "', "<a href=", '="', "&", "<form action='", "</", "<select>"):
        begin = time.perf_counter()
        _html.forms(piece * (400_000 // len(piece)))
        _html.text(piece * (400_000 // len(piece)))
        _html.attributes(piece.replace("<", "") * (400_000 // len(piece)))
        assert time.perf_counter() - begin < 5, piece
