# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runbook's words on the answers to its commands."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.matrix.runbook import (
    CAN_NAME,
    UNTIL_101,
    Reading,
    charge_boxes,
    location_block,
    played,
    read,
    read_curl,
    read_list,
    reading,
    seen_in_log,
)
from tests.stack import nginx

GOOD_SITE = nginx.server("80", nginx.location("/steve/websocket/", "steve-app:8180"))


def curl(status: int | None = 200, exit: int = 0, redirect: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {"status": status, "connected": status is not None, "exit": exit}
    return told | ({"redirect": redirect} if redirect else {})


#: What a healthy 3.4 answers: the release that the runbook was written for.
HEALTHY: dict[str, Any] = {
    "ps": {"exit": 0, "states": {"app": "running", "db": "running"}},
    "logs": "started",
    "home": curl(),
    "list": {"refused": False, "shown": {"CP1": True}},
    "handshake": {"CP1": curl(101, 28)},
    "nginx": GOOD_SITE,
    "webapi": curl(404),
}


def ps(**states: str) -> dict[str, Any]:
    return {"ps": {"exit": 0, "states": states}}


def site(*without: str, path: str = "/steve/websocket/", extra: str = "") -> str:
    return nginx.server("80", nginx.location(path, "steve-app:8180", without=without, extra=extra))


def test_a_healthy_installation_of_the_runbooks_own_release_is_healthy() -> None:
    assert reading(HEALTHY) == Reading(frozenset())


SAID: list[tuple[dict[str, Any], set[str]]] = [
    (ps(app="restarting"), {"app-restarting"}),
    (ps(db="running"), {"app-not-running"}),
    (ps(app="paused"), {"app-not-running"}),
    ({"logs": "gave up"}, {"app-failed-to-start"}),
    ({"logs": "starting"}, {"app-starting"}),
    ({"logs": "no start"}, set()),
    ({"home": curl(401)}, {"admin-login-refused"}),
    ({"list": {"refused": True, "shown": None}}, {"admin-login-refused"}),
    ({"list": {"refused": False, "shown": {"CP1": True, "cp2": False}}}, {"charge-box-unregistered"}),
    ({"handshake": {"CP1": curl(101, 28), "CP2": curl(404)}}, {"charge-box-unregistered"}),
    ({"handshake": {"CP1": curl(400)}}, {"subprotocol-unsupported"}),
    ({"handshake": {"CP1": curl(None, 6)}}, {"dns-unresolvable"}),
    ({"handshake": {"CP1": curl(None, 7)}}, {"tcp-refused"}),
    ({"handshake": {"CP1": curl(None, 28)}}, {"tcp-timeout"}),
    ({"handshake": {"CP1": curl(None, 28) | {"connected": True}}}, {"http-timeout"}),
    ({"nginx": site("http11")}, {"proxy-http10-upstream"}),
    ({"nginx": site("upgrade")}, {"proxy-upgrade-stripped"}),
    ({"nginx": site("connection")}, {"proxy-connection-stripped"}),
    ({"nginx": site("timeouts")}, {"proxy-timeout-short"}),
    ({"nginx": site(path="/")}, {"proxy-no-route"}),
    ({"nginx": ""}, set()),
    ({"webapi": curl(401)}, {"webapi-refused"}),
    ({"webapi": curl(302)}, set()),
]


@pytest.mark.parametrize(("changed", "named"), SAID)
def test_each_step_names_what_its_words_stand_for(changed: dict[str, Any], named: set[str]) -> None:
    found = reading(HEALTHY | changed)
    assert set(found.named) == named and found.unexplained == ()
    assert read(HEALTHY | changed) == named


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ps": {"exit": 14, "states": {}}}, "step 1a: no list of containers"),
        ({"home": curl(500)}, "step 1b: 500"),
        ({"home": curl(None, 7)}, "step 1b: curl ended with 7"),
        ({"list": {"refused": False, "shown": None}}, "step 2: no page"),
        ({"handshake": {"CP1": curl(502), "CP2": curl(502)}}, "step 3: 502"),
        ({"handshake": {"CP1": curl(None, 60)}}, "step 3: curl ended with 60"),
    ],
)
def test_what_the_runbook_has_no_word_for_is_told_and_names_nothing(changed: dict[str, Any], told: str) -> None:
    assert reading(HEALTHY | changed) == Reading(frozenset(), (told,))


def test_what_the_runbook_can_name_is_known() -> None:
    assert {id for _changed, named in SAID for id in named} == CAN_NAME


def test_a_runbook_whose_first_command_was_cut_off_was_not_played() -> None:
    assert played(HEALTHY) and played(HEALTHY | {"ps": None})
    assert not played({}) and not played(HEALTHY | {"ps": {"exit": 124, "states": {}}})


def test_steve_is_mended_first() -> None:
    answers = HEALTHY | ps(app="restarting") | {"handshake": {"CP1": curl(None, 7)}, "webapi": curl(401)}
    assert read(answers) == {"app-restarting"}


def test_what_could_not_be_done_names_nothing() -> None:
    assert reading(dict.fromkeys(HEALTHY)) == Reading(frozenset())


def test_read_kindly_a_healthy_later_release_is_not_held_ill() -> None:
    later = HEALTHY | {"home": curl(302, redirect="/steve/manager/signin"), "webapi": curl(401)}
    assert read(later) == {"webapi-refused"}
    assert "step 1b: 302" in reading(later).unexplained
    assert reading(later, kindly=True) == Reading(frozenset())
    assert reading(HEALTHY | {"home": curl(401)}, kindly=True).named == {"admin-login-refused"}, "3.4 means it"
    ill = later | {"home": curl(None, 28), "handshake": {"CP1": curl(404)}}
    told = ("step 1b: curl ended with 28",)
    assert reading(ill, kindly=True) == Reading(frozenset({"charge-box-unregistered"}), told)


def test_the_last_start_in_the_log_counts() -> None:
    begin, end = "Starting SteveApplication v3.14.1\n", "Started SteveApplication in 3 seconds\n"
    failed = "Application run failed\n"
    assert seen_in_log(begin + end) == "started"
    assert seen_in_log(begin + end + begin) == "starting"
    assert seen_in_log(begin + failed + begin + end) == "started"
    assert seen_in_log(begin + end + begin + failed) == "gave up"
    assert seen_in_log("a message\n") == "no start"
    assert seen_in_log(begin + end + "Caused by: a trace of later\n") == "started"


def test_curls_last_line_is_read() -> None:
    answered = "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n\n302 0.000123 0 http://h/x"
    assert read_curl(answered) == {"status": 302, "connected": True, "exit": 0, "redirect": "http://h/x"}
    noisy = "\n302 0.000123 0 http://admin:s3cret@h/steve/manager/signin;jsessionid=node0abc"
    assert read_curl(noisy)["redirect"] == "http://h/steve/manager/signin"
    assert read_curl("\n000 0.000000 7 ") == {"status": None, "connected": False, "exit": 7}
    assert read_curl("") == {"status": None, "connected": False, "exit": -1}


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("printf 'HTTP/1.1 101 \\r\\n\\r\\n'; exec sleep 60", {"status": 101, "connected": True, "exit": 0}),
        ("printf 'HTTP/1.1 404 \\r\\n\\r\\n\\n404 0.1 0 '", {"status": 404, "connected": True, "exit": 0}),
        ("sleep 0.2; printf '\\n000 0.1 28 '; exit 28", {"status": None, "connected": True, "exit": 28}),
    ],
)
def test_an_upgrade_is_ended_as_soon_as_it_stands(program: str, told: dict[str, Any]) -> None:
    asking = ["sh", "-c", UNTIL_101, "sh", "sh", "-c", program]
    done = subprocess.run(asking, capture_output=True, text=True, timeout=30, check=False)
    assert read_curl(done.stdout) == told


def test_an_id_is_on_the_page_letter_for_letter() -> None:
    page = '<td><a href="/steve/manager/chargepoints/details/7">CP1</a></td>\n200\n'
    signed_in = f"302 http://h/steve/\n{page}"
    assert read_list(signed_in, ["CP1", "cp1"]) == {"refused": False, "shown": {"CP1": True, "cp1": False}}
    assert read_list("302 http://h/steve/manager/signin?error\n\n302\n", ["CP1"])["refused"]
    assert read_list("", ["CP1"]) == {"refused": False, "shown": None}


def test_the_location_is_read_by_its_braces() -> None:
    text = "server { location /steve/websocket/ { if ($a) { set $b 1; } proxy_pass http://a; } proxy_x y; }"
    assert location_block(text) == " if ($a) { set $b 1; } proxy_pass http://a; "
    assert location_block("server { location / { } }") is None


@pytest.mark.parametrize(("value", "short"), [("60s", True), ("1m", True), ("3600s", False), ("1h", False)])
def test_a_timeout_is_to_be_well_above_a_minute(value: str, short: bool) -> None:
    text = site("timeouts", extra=f"proxy_read_timeout {value}; proxy_send_timeout {value};")
    assert ("proxy-timeout-short" in read(HEALTHY | {"nginx": text})) is short


def test_the_id_in_question_is_asked_for_before_those_that_are_listed() -> None:
    assert charge_boxes({"steve_charge_boxes": ["A", "B"]}) == ["A", "B"]
    assert charge_boxes({"steve_charge_boxes": ["A", "B"], "steve_charge_box_id": "C"}) == ["C"]
    assert charge_boxes({"steve_charge_boxes": [{"charge_box_id": "A", "auth_password": "x"}]}) == ["A"]
    assert charge_boxes({}) == []
