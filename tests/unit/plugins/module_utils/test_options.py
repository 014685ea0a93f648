# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that cannot be used are refused with a sentence, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.chargeops.steve.plugins.doc_fragments._steve import ModuleDocFragment
from ansible_collections.chargeops.steve.plugins.module_utils import _options
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError


def test_ids_are_taken_as_they_are_each_once() -> None:
    assert _options.charge_box_ids(["0123", "a,b", "0123", " x "]) == ["0123", "a,b", " x "]
    assert _options.charge_box_ids(None) == []
    assert _options.charge_box_ids([]) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("CP-1", "bare string"),
        ("a,b", "bare string"),
        (83, "number"),
        ({"a": 1}, "dictionary"),
        ([83], "number"),
        ([1e5], "number"),
        ([True], "truth value"),
        ([None], "empty"),
        ([""], "empty"),
        ([["a"]], "list"),
        (["x" * 256], "256 characters"),
        (["\ud800"], "not valid text"),
    ],
)
def test_what_is_no_list_of_ids_is_refused(value: Any, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        _options.charge_box_ids(value)
    assert caught.value.sentence().startswith("Option charge_box_id is wrong: ")


@pytest.mark.parametrize("value", ["secret-1", ["secret-1"], {"CP": 4711}, {7: "secret-1"}, {"CP": "secret-1\n"}])
def test_wrong_passwords_are_refused_without_being_shown(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        _options.passwords(value)
    assert "secret-1" not in str(caught.value.to_dict())
    assert "4711" not in str(caught.value.to_dict())


def test_passwords_may_be_short_or_missing() -> None:
    assert _options.passwords({"CP": "1234", "CQ": ""}) == {"CP": "1234", "CQ": ""}
    assert _options.passwords(None) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:443", ("::1", 443)),
        ("charge.test:1", ("charge.test", 1)),
        ("", None),
    ],
)
def test_a_place_to_dial_is_host_and_port(text: str, expected: tuple[str, int] | None) -> None:
    assert _options.host_and_port(text) == expected


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "::1:80", "::1", "h:0", "h:65536", "h:x", "h:٣", ":80", "u@h:1", "a b:1", "http://h:1", "[::1]"],
)
def test_another_place_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="connect_to"):
        _options.host_and_port(text)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_times_are_positive_and_finite(value: float) -> None:
    with pytest.raises(InputError, match="timeout"):
        _options.seconds(value, "timeout")


def test_the_release_may_be_a_range_or_the_runbook_or_left_open() -> None:
    given = _options.era("3.10.0-3.14.1")
    assert given is not None
    assert (given.min, given.max, given.source) == ("3.10.0", "3.14.1", "given")
    runbook = _options.era("runbook")
    assert runbook is not None
    assert runbook.is_runbook
    assert _options.era(None) is None
    assert _options.era("") is None


@pytest.mark.parametrize("text", ["latest", "3.14.1-3.7.1", "v3", "three"])
def test_an_unknown_release_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="era"):
        _options.era(text)


def test_documentation_and_argument_spec_say_the_same() -> None:
    documented = yaml.safe_load(ModuleDocFragment.CONNECTION)["options"]
    spec = _options.connection_spec()
    assert set(documented) == set(spec)
    for name, option in spec.items():
        assert documented[name]["type"] == option["type"]
        assert documented[name].get("default") == option.get("default")
        assert documented[name].get("required", False) == option.get("required", False)


@pytest.mark.parametrize("name", ["CONNECTION", "READ_ONLY", "ATTRIBUTES", "ACTION_GROUP"])
def test_every_fragment_is_yaml_whose_sentences_end(name: str) -> None:
    document = yaml.safe_load(getattr(ModuleDocFragment, name))
    for part in document.values():
        for entry in part.values():
            texts = entry["description"] if isinstance(entry["description"], list) else [entry["description"]]
            assert all(text.endswith(".") for text in texts)
