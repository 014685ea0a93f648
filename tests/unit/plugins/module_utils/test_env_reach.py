# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How values reach SteVe: environment, definitions, a shell; and that none of them leaves the host."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _env_reach as reach

GIVEN = reach.Given("root", "s3cret-pass", "root", "s3cret-api")
ENV = {"AUTH_USER": "root", "AUTH_PASSWORD": "s3cret-pass", "WEBAPI_VALUE": "other"}


@pytest.mark.parametrize(("words", "environment", "expected"), [
    (["java", "-Dauth.password=a b", "-jar"], {}, {"auth.password": "a b"}),
    (["sh", "-c", "exec java -Dauth.password='a b' -jar x"], {}, {"auth.password": "a b"}),
    (["sh", "-c", "java -Da=$A -Db=${B} -Dc=x$A -Dd=$(cat f)"], {"A": "1", "B": "2"},
     {"a": "1", "b": "2", "c": None, "d": None}),
    # No shell, no expansion.
    (["java", "-Da=$A"], {"A": "1"}, {"a": "$A"}),
    (["sh", "-c", "java $OPTS -jar x"], {"OPTS": "-Da=1 -Db=2"}, {"a": "1", "b": "2"}),
    (["java", "-Da=2"], {"JAVA_TOOL_OPTIONS": "-Da=1 -Db=3"}, {"a": "2", "b": "3"}),
    (["sh", "-c", "java -Da='unbalanced"], {}, {"a": "'unbalanced"}),
    (["java", "-Da=1", "-Da=2"], {}, {"a": "2"}),
])  # fmt: skip
def test_definitions_as_the_jvm_gets_them(words: list[str], environment: dict[str, str], expected: Any) -> None:
    assert reach.definitions(words, environment) == expected


@pytest.mark.parametrize(("word", "expected"), [
    (". /code/app.env && java -jar x", True), ("set -a; source app.env; java", True), ("java -jar ./x.jar", False),
    ("cd . && java", False), ("sh ./start.sh", False),
])  # fmt: skip
def test_a_sourced_file_is_seen(word: str, expected: bool) -> None:
    assert reach.is_sourced(["sh", "-c", word]) is expected


def test_names_that_compose_interpolates() -> None:
    words = ["java", "-Da=${AUTH_PASSWORD:-1234}", "-Db=$B", "-Dc=$$NOT", "plain"]
    assert reach.variables(words) == ["AUTH_PASSWORD", "B"]


def test_credentials_are_compared_and_stay_here() -> None:
    found = reach.credentials(["java"], ENV, GIVEN)
    assert found == {
        "AUTH_USER": {"via": "environment", "same_as_given": True, "shipped": False, "same_as_webapi_user": True},
        "AUTH_PASSWORD": {"via": "environment", "same_as_given": True, "shipped": False},
        "WEBAPI_VALUE": {"via": "environment", "same_as_given": False, "shipped": None},
    }
    assert "s3cret" not in json.dumps(found) + repr(GIVEN)


def test_a_definition_beats_the_environment_and_one_made_by_a_shell_is_unknown() -> None:
    found = reach.credentials(["java", "-Dauth.password=1234"], ENV, GIVEN)["AUTH_PASSWORD"]
    assert found == {"via": "definition", "same_as_given": False, "shipped": True}
    found = reach.credentials(["sh", "-c", "java -Dauth.password=$(cat /run/p)"], ENV, GIVEN)["AUTH_PASSWORD"]
    assert found == {"via": "definition", "same_as_given": None, "shipped": None}


def test_nothing_held_and_nothing_given() -> None:
    assert reach.credentials(["java"], {"AUTH_PASSWORD": ""}, GIVEN) == {}
    assert reach.credentials([], ENV, reach.Given())["AUTH_PASSWORD"]["same_as_given"] is None


def test_definitions_that_differ_between_files_and_container() -> None:
    running = ["java", "-Dauth.password=old", "-Dx=1"]
    assert reach.definition_drift(["java", "-Dauth.password=new", "-Dx=1"], {}, running, {}) == ["auth.password"]
    assert reach.definition_drift(None, {}, running, {}) == []
    # A shell in the container expands the variable: the environment is what differs.
    shell = ["sh", "-c", "java -Dauth.password=$AUTH_PASSWORD -jar x"]
    assert reach.definition_drift(shell, {"AUTH_PASSWORD": "b"}, shell, {"AUTH_PASSWORD": "a"}) == ["auth.password"]
    before, after = ({"JAVA_TOOL_OPTIONS": value} for value in ("-Da=2", "-Da=1"))
    assert reach.definition_drift(None, after, ["java"], before) == ["a"]


@pytest.mark.parametrize(("environment", "expected"), [
    ({"MARIADB_PASSWORD": "changeme"}, True), ({"MYSQL_PASSWORD": "x"}, False), ({}, None),
])  # fmt: skip
def test_the_shipped_password_of_the_data_base(environment: dict[str, str], expected: bool | None) -> None:
    assert reach.db_password_is_shipped(environment) is expected


@pytest.mark.parametrize(("words", "changes", "expected"), [
    (["java"], {}, {}),
    (["java"], {"AUTH_PASSWORD": "new-pass"}, {"AUTH_PASSWORD": False}),
    (["java"], {"WEBAPI_VALUE": "s3cret-api", "OTHER": "1"}, {"WEBAPI_VALUE": True}),
    (["java"], {"AUTH_USER": ""}, {"AUTH_USER": None}),
    # The definition wins, so the environment's value never reached SteVe.
    (["java", "-Dauth.password=x"], {"AUTH_PASSWORD": "new-pass"}, {}),
])  # fmt: skip
def test_credentials_that_another_container_would_be_given(
    words: list[str], changes: dict[str, str], expected: dict[str, bool | None]
) -> None:
    found = reach.changed_credentials((words, ENV), (words, ENV | changes), GIVEN)
    assert {name: value["same_as_given"] for name, value in found.items()} == expected
    assert "new-pass" not in json.dumps(found)


def test_a_definition_is_a_credential_too() -> None:
    found = reach.changed_credentials((["java"], ENV), (["java", "-Dauth.password=other"], ENV), GIVEN)
    assert found == {"AUTH_PASSWORD": {"same_as_given": False}}
    made_by_a_shell = ["sh", "-c", "java -Dauth.password=$(cat f)"]
    assert reach.changed_credentials((made_by_a_shell, ENV), (made_by_a_shell, ENV), GIVEN) == {}
