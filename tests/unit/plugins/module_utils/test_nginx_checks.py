# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nginx would certainly refuse; crossplane knows number and place of words (nginx: the integration test)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import crossplane
import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_files
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_checks import ARGUMENTS, PLACES, problems
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.nginx_cases import ACCEPTED, REFUSED
from tests.unit.nginx_configs import MAIN, http, source


def found(text: str) -> list[str]:
    return [one.error for one in problems(load(MAIN, source(text)))]


def inside(text: str) -> str:
    return http("server {\n" + text + "\n}\n")


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_nginx_refuses_is_named(text: str, words: str) -> None:
    told = found(inside(text))
    assert len(told) == 1 and words in told[0]


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_nginx_accepts_is_not_named(text: str) -> None:
    assert found(inside(text)) == []


@pytest.mark.parametrize("text", ["a { b;", "http { server { listen 80 } }", "}", "http { x 'a; }"])
def test_what_cannot_be_read_at_all_is_named(text: str) -> None:
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        inside("content_by_lua_block { return }"),
        inside("proxy_of_a_module a b c d;"),
        "stream { server { listen 1; proxy_pass a:1; proxy_timeout x; } }",
        "http { map $a $b { proxy_pass 1; proxy_pass 2; } types { proxy_pass a b c; } }",
        "http { upstream u { server a; server b; } }",
        "mail { server { listen 1; proxy on; } }",
    ],
)
def test_what_may_belong_to_a_module_is_not_named(text: str) -> None:
    assert found(text) == []


def test_a_named_file_that_does_not_exist_is_the_fault_of_its_line(tmp_path: Path) -> None:
    main = tmp_path / "nginx.conf"
    main.write_text(f"events {{}}\ninclude {tmp_path}/none*.conf;\ninclude gone.conf;\n")
    (problem,) = problems(_nginx_files.read(str(main)))
    assert (problem.file, problem.line) == (str(main), 3)
    assert problem.error == f"the file {tmp_path}/gone.conf that it includes does not exist"


def test_a_file_that_may_not_be_read_is_no_problem_of_nginx() -> None:
    config = load(MAIN, source("include secret;"))
    assert problems(config) == [] and len(config.errors) == 1


def crossplane_s_errors(path: Path, text: str) -> list[Any]:
    path.write_text(text)
    payload = crossplane.parse(str(path), single=True, check_ctx=True, check_args=True)
    return [error["error"] for error in payload["errors"]]


_word = st.sampled_from(["1", "on", "60s", "http://a", "Host", "1.1", "'a b'", "/x"])
_directive = st.builds(
    lambda name, words: " ".join([name, *words]) + ";", st.sampled_from(sorted(ARGUMENTS)), st.lists(_word, max_size=4)
)


@settings(max_examples=300, deadline=None)
@given(directive=_directive, place=st.sampled_from(["server", "location", "if"]))
def test_nothing_that_crossplane_accepts_has_a_wrong_number_or_place_of_words(
    directive: str, place: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    body = {"server": directive, "location": f"location / {{ {directive} }}"}.get(
        place, f"location / {{ if ($a) {{ {directive} }} }}"
    )
    ours = [one for one in found(inside(body)) if "number of arguments" in one or "not allowed here" in one]
    if ours:
        path = tmp_path_factory.getbasetemp() / "checked.conf"
        assert crossplane_s_errors(path, inside(body)), (body, ours)


def test_the_tables_hold_nothing_that_the_other_lacks() -> None:
    assert set(PLACES) - {"server", "location"} <= set(ARGUMENTS)
