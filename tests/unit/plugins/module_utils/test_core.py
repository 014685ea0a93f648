# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small files everything stands on: envelope, eras, inert text, errors."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.chargeops.steve.plugins.module_utils import _envelope, _era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from hypothesis import given as given_data
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given_data(st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_envelope_gives_back_what_was_sealed(value: dict[str, Any]) -> None:
    assert _envelope.unseal(_envelope.seal(value)) == value


@given_data(st.lists(st.text(st.characters(max_codepoint=0x2FFF), min_size=1, max_size=6), max_size=5))
def test_masking_of_short_secrets_damages_nothing_in_an_envelope(secrets: list[str]) -> None:
    result = {"id": "CP-1234", "url": "http://steve/steve", "admin": ["1234", "steve"], "n": 1234}
    sealed = _envelope.seal(result)
    masked = remove_values({_envelope.KEY: sealed}, {*secrets, "1234", "steve", "admin", "1"})[_envelope.KEY]
    assert masked == sealed
    assert _envelope.unseal(masked) == result


@given_data(st.text(max_size=60))
def test_a_damaged_envelope_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="damaged"):
        _envelope.unseal(text)


def test_an_envelope_larger_than_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = _envelope.seal({"x": "a" * 5000})
    monkeypatch.setattr(_envelope, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="too large"):
        _envelope.unseal(sealed)


@given_data(st.text(max_size=300), st.integers(1, 250))
def test_inert_text_is_short_and_printable(text: str, limit: int) -> None:
    shown = inert(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable() or shown == ""


@given_data(st.text(st.characters(), max_size=60))
def test_inert_text_has_nothing_that_a_terminal_obeys_and_is_inert_already(text: str) -> None:
    shown = inert(text, 2000)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in shown)
    assert inert(shown, 2000) == shown


def test_inert_text_still_tells_what_was_there() -> None:
    assert inert("CP\x1b[31m\u202e\u200b\n") == "CP\\x1b[31m\\u202e\\u200b\\x0a"
    assert inert("Köln ⚡") == "Köln ⚡"


def test_releases_are_in_order() -> None:
    keys = [_era.release_key(release) for release in _era.RELEASES]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


A302 = _era.FingerprintAnswer(302, "/steve/manager/signin")
ABSOLUTE = _era.FingerprintAnswer(302, "http://h:8180/steve/manager/signin")
NOT_FOUND = _era.FingerprintAnswer(404)


@pytest.mark.parametrize(
    ("home", "unknown_path", "api", "root", "expected"),
    [
        (
            ABSOLUTE,
            NOT_FOUND,
            _era.FingerprintAnswer(401),
            _era.FingerprintAnswer(302, "http://h/steve/manager/home"),
            ("3.6.0", "3.7.1"),
        ),
        (ABSOLUTE, NOT_FOUND, NOT_FOUND, None, ("3.5.0", "3.5.1")),
        (ABSOLUTE, A302, _era.FingerprintAnswer(403), None, ("3.8.0", "3.8.0")),
        (ABSOLUTE, A302, A302, NOT_FOUND, ("3.9.0", "3.9.0")),
        (A302, A302, A302, NOT_FOUND, ("3.10.0", "3.14.1")),
        (_era.FingerprintAnswer(401, None, 'Basic realm="Realm"'), NOT_FOUND, NOT_FOUND, None, ("3.4.0", "3.4.9")),
        (A302, None, None, None, ("3.10.0", "3.14.1")),
    ],
)
def test_fingerprint_by_live_answers(
    home: Any, unknown_path: Any, api: Any, root: Any, expected: tuple[str, str]
) -> None:
    era = _era.fingerprint("/steve", home, unknown_path, api, root)
    assert era is not None
    assert (era.min, era.max) == expected


@pytest.mark.parametrize(
    "home",
    [
        _era.FingerprintAnswer(302, "https://login.example.net/?next=/steve/manager/home"),
        _era.FingerprintAnswer(401, None, 'Basic realm="staff only"'),
        _era.FingerprintAnswer(200),
        _era.FingerprintAnswer(404),
        None,
    ],
)
def test_strangers_have_no_fingerprint(home: Any) -> None:
    assert _era.fingerprint("/steve", home, None, None, None) is None


def test_an_era_that_straddles_a_release_says_neither_yes_nor_no() -> None:
    era = _era.given("3.8.0-3.12.0")
    assert era.at_least("3.6.0") is True
    assert era.at_least("3.9.0") is None
    assert era.at_least("3.13.0") is False


@given_data(st.text(max_size=20))
def test_a_text_that_is_no_release_is_refused(text: str) -> None:
    try:
        era = _era.given(text)
    except ValueError:
        return
    assert text == _era.RUNBOOK or _era.release_key(era.min) <= _era.release_key(era.max)


def test_errors_say_what_where_what_came_back_and_what_to_do() -> None:
    error = SteveError("sign in", "http://h/steve", "refused", "Check the password.", "admin-login-refused")
    assert str(error) == "Cannot sign in (http://h/steve): refused. Check the password."
    assert json.loads(json.dumps(error.to_dict()))["code"] == "admin-login-refused"
    assert str(InputError("url", "it is empty", "Write it.")) == "Option url is wrong: it is empty. Write it."
