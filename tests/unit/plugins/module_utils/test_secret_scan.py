# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known secrets in bytes: found in every usual writing, short ones only where they stand as values."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._secret_scan import HIDDEN, Secret, find, hide, secrets
from hypothesis import given
from hypothesis import strategies as st

CANARY = 'kanari&<4711> "v"+/%é'
WRITINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "url": lambda value: quote(value, safe=""),
    "url lower": lambda value: re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), quote(value, safe="")),
    "url mixed": lambda value: quote(value, safe="&<>"),
    "url plus": quote_plus,
    "url every letter": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "html": html.escape,
    "html decimal": lambda value: "".join(f"&#{ord(one)};" for one in value),
    "html hexadecimal": lambda value: "".join(f"&#x{ord(one):x};" for one in value),
    "json": lambda value: json.dumps(value)[1:-1],
    "json in json": lambda value: json.dumps(json.dumps(value))[3:-3],
    "json every letter": lambda value: "".join(f"\\u{ord(one):04x}" for one in value),
    "repr": lambda value: repr(value)[1:-1],
    "hex": lambda value: value.encode().hex(),
}  # fmt: skip
secret_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn")), min_size=6, max_size=40
).filter(lambda value: value.strip() == value and not Secret("", value).is_short)


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_secret_is_found_however_it_is_written(writing: str) -> None:
    text = f"before {WRITINGS[writing](CANARY)} after"
    assert [hit.name for hit in find(text.encode(), [Secret("AUTH_PASSWORD", CANARY)])] == ["AUTH_PASSWORD"]


@given(before=st.binary(max_size=10), value=secret_texts, after=st.binary(max_size=10), url=st.booleans())
def test_a_secret_inside_of_base64_is_found(before: bytes, value: str, after: bytes, url: bool) -> None:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    data = encode(before + value.encode() + after)
    assert find(b"x " + data + b" y", [Secret("s", value)])


@given(value=secret_texts, writing=st.sampled_from([one for one in WRITINGS if not re.search("every|mal|mixed", one)]))
def test_what_is_hidden_is_not_found_again(value: str, writing: str) -> None:
    known = [Secret("s", value)]
    data, counts = hide(f'{{"a": "{WRITINGS[writing](value)}"}}'.encode(), known)
    assert counts == {"s": 1} or value in HIDDEN or value in '{"a": "'
    assert HIDDEN.encode() in data
    assert value in HIDDEN or not find(data, known)


@pytest.mark.parametrize("value", ["1234", "steve", "admin", "12345678", "Password", "a"])
@pytest.mark.parametrize(
    "text",
    [
        "location = /{0};", "http://127.0.0.1:{0}/{0}", '"charge_box_id": "{0}"', "CP-{0}", "AUTH_USER={0}", "{0}",
        "proxy_pass http://{0}:8180;", '"username": "{0}"', "2026-11-23T12:34:{0}Z", "user {0} password wrong", "- {0}",
    ],
)  # fmt: skip
def test_a_short_secret_is_no_secret_where_it_is_no_value(value: str, text: str) -> None:
    known = [Secret("AUTH_PASSWORD", value, ("admin",))]
    data = text.format(value).encode()
    assert not find(data, known)
    assert hide(data, known) == (data, {})


@pytest.mark.parametrize("value", ["1234", "steve", "admin", "12345678"])
@pytest.mark.parametrize(
    "text",
    [
        "AUTH_PASSWORD={0}", "auth.password: '{0}'", '{{"password": "{0}", "x": 1}}', "-Dauth.password={0} -jar",
        "jdbc://steve:{0}@db/x", "token = {0}\n", '{{\\"webapi_value\\": \\"{0}\\"}}', "STEVE-API-KEY: {0}",
    ],
)  # fmt: skip
def test_a_short_secret_is_found_and_hidden_where_it_is_a_value(value: str, text: str) -> None:
    known = [Secret("AUTH_PASSWORD", value, ("admin",))]
    data = text.format(value).encode()
    assert [hit.form for hit in find(data, known)] == ["value"]
    hidden, counts = hide(data, known)
    assert counts == {"AUTH_PASSWORD": 1} and not find(hidden, known)
    before, _value, after = data.rpartition(value.encode())
    assert hidden == before + HIDDEN.encode() + after


def test_a_short_secret_is_found_in_the_credential_of_basic() -> None:
    token = base64.b64encode(b"admin:1234").decode()
    assert [hit.form for hit in find(f"Basic {token}".encode(), secrets([("p", "1234")], ["admin"]))] == ["basic"]


def test_one_value_is_told_once_and_blank_ones_are_none() -> None:
    found = secrets([("a", "kanarienvogel"), ("b", "kanarienvogel"), ("c", ""), ("d", " ")], ["", "admin", "admin"])
    assert [(one.name, one.users) for one in found] == [("a", ("admin",))]
    assert "kanarienvogel" not in repr(found)
    assert not secrets([("MARIADB_RANDOM_ROOT_PASSWORD", "yes"), ("b", "1"), ("c", "True")])


@given(st.binary(max_size=300), st.text(max_size=12))
def test_no_bytes_and_no_secret_break_it(data: bytes, value: str) -> None:
    known = secrets([("s", value)], ["admin"])
    find(data, known)
    hide(data, known)
