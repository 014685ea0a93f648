# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every era answers, one row a situation. Rows of recorded releases are held to the recordings as well
(tests/contract); here the releases without a recording have their table, and the two dialects theirs."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.contract.wire import Answer, exchange, request_bytes
from tests.simulator import ERAS, Running, running_simulator

Start = Callable[..., Running]
Browse = Callable[[Running], Any]
RECORDED = {path.stem for path in (Path(__file__).parents[2] / "contract" / "recorded").glob("*.json")}
WS = "/steve/websocket/CentralSystemService"
SUB = {"Sec-WebSocket-Protocol": "ocpp1.6"}
KEY = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", **KEY}
FULL = {**UPGRADE, **SUB}
LOST = 'Can "Upgrade" only to "WebSocket".'

BOXES = ["CP-1", "CP 2", "Q%Q", "Q;Q", "Q.Q"]
RELEASES = ("3.4.8", "3.4.9", "3.5.1", "3.6.1", "3.7.1", "3.8.0", "3.9.0", "3.12.0", "3.13.0", "3.14.1")


@pytest.fixture(scope="module")
def eras() -> Iterator[dict[str, Running]]:
    """One simulator an era, each with the box CP-1 and some whose ids are none for every release."""
    with ExitStack() as stack:
        properties = {"auth.user": "admin", "auth.password": "s3cret", "webapi.value": "value"}
        yield {
            name: stack.enter_context(
                running_simulator(release=name, charge_boxes=BOXES, system_properties=properties)
            )
            for name in ERAS
        }


def request(sim: Running, path: str, headers: dict[str, str], version: str = "1.1") -> Answer:
    """One request on a connection of its own."""
    host = ("Host", f"127.0.0.1:{sim.port}")
    return exchange("127.0.0.1", sim.port, request_bytes("GET", path, [host, *headers.items()], http=f"HTTP/{version}"))


#: Situation → path, headers, and the status by release from the given one on (the answer of the newest that applies).
HANDSHAKE: dict[str, tuple[str, dict[str, str], dict[str, int]]] = {
    "complete upgrade": (f"{WS}/CP-1", FULL, {"3.4.8": 101}),
    "another case": (f"{WS}/cp-1", FULL, {"3.4.8": 101}),
    "inner blank": (f"{WS}/CP%202", FULL, {"3.4.8": 101}),
    "unknown id": (f"{WS}/CP-9", FULL, {"3.4.8": 500, "3.4.9": 401, "3.6.1": 404}),
    "unknown id, plain": (f"{WS}/CP-9", SUB, {"3.4.8": 400, "3.4.9": 401, "3.6.1": 404}),
    "preflight": (f"{WS}/CP-1", SUB, {"3.4.8": 400}),
    "no subprotocol": (f"{WS}/CP-1", UPGRADE, {"3.4.8": 500, "3.4.9": 400}),
    "ocpp2.0.1": (f"{WS}/CP-1", {**UPGRADE, "Sec-WebSocket-Protocol": "ocpp2.0.1"}, {"3.4.8": 500, "3.4.9": 404}),
    "version 99": (f"{WS}/CP-1", {**FULL, "Sec-WebSocket-Version": "99"}, {"3.4.8": 426}),
    "forbidden character": (f"{WS}/a%3Db", SUB, {"3.4.8": 400, "3.4.9": 401, "3.5.1": 400}),
    "trailing blank": (f"{WS}/CP-1%20", FULL, {"3.4.8": 101, "3.5.1": 400}),
    "trailing slash": (f"{WS}/CP-1/", FULL, {"3.4.8": 404, "3.9.0": 302}),
    "misspelt path": ("/steve/websocket/CentralSysremService/CP-1", FULL, {"3.4.8": 404, "3.8.0": 302}),
    "wrong context": ("/other/websocket/CentralSystemService/CP-1", FULL, {"3.4.8": 404}),
    "SOAP path": ("/steve/services/CentralSystemService/CP-1", FULL, {"3.4.8": 200}),
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("situation", HANDSHAKE)
def test_handshake(eras: dict[str, Running], release: str, situation: str) -> None:
    path, headers, statuses = HANDSHAKE[situation]
    began = [name for name in RELEASES[: RELEASES.index(release) + 1] if name in statuses]
    assert request(eras[release], path, headers).status == statuses[began[-1]]


#: Part of the path that stands for the id → from which release on: status, text of a page, whether the connection ends.
#: As real servers of 3.5.1, 3.6.1, 3.8.0, 3.9.0 and 3.13.0 answered.
UNKNOWN = {"3.5.1": (401, "", False), "3.6.1": (404, "", False)}
DISPATCHED = (302, "", False)
ODD_IDS: dict[str, dict[str, tuple[int, str, bool]]] = {
    "Z" * 256: UNKNOWN,
    "Z" * 6000: UNKNOWN,
    "a+b": UNKNOWN,
    "%23": UNKNOWN,
    "X%F0%9F%98%80": {"3.5.1": (500, "", False), "3.9.0": DISPATCHED},
    "D%D6BT": {
        **UNKNOWN, "3.8.0": (400, "Bad UTF-8 encoding", True), "3.12.0": (400, "Bad UTF-8 encoding", False)
    },
    "CP-1%C2%A0": {"3.5.1": (400, LOST, False)},
    "CP-1%20": {"3.5.1": (400, "", False)},
    "%20CP-1": {"3.5.1": (400, "", False)},
    "CP-1%09": {
        "3.5.1": (400, "", False), "3.8.0": (400, "Suspicious Path Character", True),
        "3.12.0": (400, "Suspicious Path Character", False),
    },
    "a%0Ab": {
        "3.5.1": UNKNOWN["3.5.1"], "3.6.1": (500, 'malicious String "%0A"', True),
        "3.8.0": (400, "Suspicious Path Character", True), "3.12.0": (400, "Suspicious Path Character", False),
    },
    "a%5Cb": {
        "3.5.1": UNKNOWN["3.5.1"], "3.6.1": (500, 'malicious String "%5C"', True),
        "3.8.0": (400, "Suspicious Path Character", True), "3.12.0": (400, "Suspicious Path Character", False),
    },
    "a%00b": {"3.5.1": (400, "Bad Request", True), "3.8.0": (400, "Bad Request", False)},
    "a%Qb": {"3.5.1": (400, "Bad Request", True), "3.8.0": (400, "Bad Request", False)},
    "Q%25Q": {
        "3.5.1": (400, LOST, False), "3.6.1": (500, 'malicious String "%25"', True),
        "3.8.0": (400, "Ambiguous URI path encoding", True), "3.12.0": (400, "Ambiguous URI path encoding", False),
    },
    "a%2Fb": {
        "3.5.1": (404, "Not Found", False), "3.6.1": (500, 'malicious String "%2F"', True),
        "3.8.0": (400, "Ambiguous URI path separator", True), "3.12.0": (400, "Ambiguous URI path separator", False),
    },
    "%2e%2e": {
        "3.5.1": (400, "Ambiguous URI path segment", True), "3.12.0": (400, "Ambiguous URI path segment", False)
    },
    "..": {
        "3.5.1": UNKNOWN["3.5.1"], "3.6.1": (500, "was not normalized", True), "3.8.0": (400, "Bad Request", False),
        "3.9.0": DISPATCHED,
    },
    **{
        f"Q{text}Q": {
            "3.5.1": (400, LOST, False), "3.6.1": (500, f'malicious String "{text}"', True),
            "3.8.0": (400, "Bad Request", False), "3.9.0": DISPATCHED,
        }
        for text in (";", "%3B", "%2E")
    },
    "CP-1;x=1": {
        "3.5.1": (400, "", False), "3.6.1": (500, 'malicious String ";"', True), "3.8.0": (400, "Bad Request", False),
        "3.9.0": DISPATCHED,
    },
}  # fmt: skip


@pytest.mark.parametrize("release", RELEASES[RELEASES.index("3.5.1") :])
@pytest.mark.parametrize("charge_box_id", ODD_IDS, ids=lambda text: text[:20])
def test_odd_ids(eras: dict[str, Running], release: str, charge_box_id: str) -> None:
    answers = ODD_IDS[charge_box_id]
    began = [name for name in RELEASES[: RELEASES.index(release) + 1] if name in answers]
    answer = request(eras[release], f"{WS}/{charge_box_id}", SUB)
    text = html.unescape(answer.body.decode())
    expected = answers[began[-1]]
    assert (answer.status, answer.header("Connection") == "close") == (expected[0], expected[2])
    if answer.status != 500 or expected[1]:
        assert expected[1] in text
        assert bool(text) is bool(expected[1])


def test_a_request_line_of_more_than_8_kib_is_too_long(eras: dict[str, Running]) -> None:
    answer = request(eras["3.9.0"], f"{WS}/{'Z' * 9000}", SUB)
    assert (answer.status, b"URI Too Long" in answer.body) == (414, True)


def test_an_unknown_security_profile_is_an_internal_error(start: Start) -> None:
    sim = start(release="3.9.0", charge_boxes=["CP-1"])
    statuses = []
    for profile in (0, 7, None, 0):
        sim.control.update_charge_box("CP-1", security_profile=profile)
        statuses.append(request(sim, f"{WS}/CP-1", SUB).status)
    assert statuses == [400, 302, 302, 400]


@pytest.mark.parametrize("release", RELEASES)
def test_text_of_a_preflight_and_status_over_http_1_0(eras: dict[str, Running], release: str) -> None:
    assert request(eras[release], f"{WS}/CP-1", SUB).body == LOST.encode()
    assert request(eras[release], f"{WS}/CP-1", FULL, "1.0").status == (500 if release == "3.4.8" else 200)


def test_evidence_is_named_rightly() -> None:
    assert set(ERAS) == {*RELEASES, "expressync", "runbook"}
    assert {name for name, era in ERAS.items() if era.evidence == "recorded"} == RECORDED


def test_3_4_8_names_the_reason_on_its_page(eras: dict[str, Running]) -> None:
    text = request(eras["3.4.8"], f"{WS}/CP-9", FULL).body.decode()
    assert "HandshakeFailureException: ChargeBoxId 'CP-9' is not recognized." in html.unescape(text)


# -- the dialects -------------------------------------------------------------------------------------------


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_fork_lists_charge_boxes_over_basic(eras: dict[str, Running]) -> None:
    answer = request(eras["expressync"], "/steve/api/v1/chargeBoxes", basic("admin", "value"))
    assert (answer.status, [one["chargeBoxId"] for one in json.loads(answer.body)]) == (200, BOXES)
    assert request(eras["expressync"], "/steve/api/v1/chargeBoxes", basic("admin", "no")).status == 401
    assert request(eras["3.12.0"], "/steve/api/v1/chargeBoxes", basic("admin", "value")).status == 403
    gone = request(eras["expressync"], "/steve/api/v1/operations/tasks/77", basic("admin", "value"))
    assert gone.status == 404


def test_runbook_dialect_reads_as_the_runbook_does(eras: dict[str, Running]) -> None:
    sim = eras["runbook"]
    home = "/steve/manager/home"
    assert request(sim, home, basic("admin", "s3cret")).status == 200
    for headers in ({}, basic("admin", "no")):
        refused = request(sim, home, headers)
        assert (refused.status, str(refused.header("WWW-Authenticate")).split()[0]) == (401, "Basic")
    statuses = {
        "CP-1": 101,
        "cp-1": 404,
        "CP-9": 404,
    }
    assert {name: request(sim, f"{WS}/{name}", FULL).status for name in statuses} == statuses
    offered = {"ocpp2.0.1": 101, "ocpp1.5": 101, "ocpp1.7": 400}
    assert {
        name: request(sim, f"{WS}/CP-1", {**UPGRADE, "Sec-WebSocket-Protocol": name}).status for name in offered
    } == offered
    assert request(sim, f"{WS}/CP-1", UPGRADE).status == 400
    listed = request(sim, "/steve/api/v1/chargepoints", {"Authorization": "Bearer value"})
    assert (listed.status, len(json.loads(listed.body))) == (200, len(BOXES))
    for headers in ({}, {"Authorization": "Bearer other"}, basic("admin", "value")):
        assert request(sim, "/steve/api/v1/chargepoints", headers).status == 401


def test_3_4_accepts_basic_and_asks_for_it_where_no_html_is_wanted(start: Start, browse: Browse) -> None:
    browser = browse(start(release="3.4.9", charge_boxes=["CP-1"]))
    refused = browser.get("/manager/home")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="Realm"')
    assert browser.get("/manager/home", Accept="text/html").status == 302
    signed_in = browser.get("/manager/home", **basic("admin", "1234"))
    assert (signed_in.status, "tileWrapper" in signed_in.text) == (200, True)


@pytest.mark.parametrize("release", RELEASES)
def test_admin_pages_work_in_every_era(start: Start, browse: Browse, release: str) -> None:
    browser = browse(start(release=release, charge_boxes=["CP-1"]))
    browser.sign_in()
    status = "ACCEPTED" if ERAS[release].registration_status_enum else "Accepted"
    done = browser.submit(
        "/manager/chargepoints/add/single",
        {
            "chargeBoxId": "CP-2", "registrationStatus": status, "address.street": "",
            "_insertConnectorStatusAfterTransactionMsg": "on", "add": "Add",
        },
    )  # fmt: skip
    listed = browser.get("/manager/chargepoints").text
    assert (done.status, re.findall(r"details/\d+\">([^<]+)</a>", listed)) == (302, ["CP-1", "CP-2"])
    assert f">{release}<" in browser.get("/manager/about").text
