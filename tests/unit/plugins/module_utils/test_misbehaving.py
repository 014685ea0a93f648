# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that show a sign-in page and misbehave on the WebSocket path, met by the whole probe: one clear sentence,
in time, in little memory, and never another id's answer."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

from tests.unit import fake_servers
from tests.unit.fake_servers import Behaviour, Visit, serving

SIGNIN = b'<html><form method="POST" action="/steve/manager/signin"><input name="username"></form></html>'
MARK = b"X-Content-Type-Options: nosniff\r\n"
LOST = b'Can "Upgrade" only to "WebSocket".'


def answer(status: bytes, body: bytes = b"", headers: bytes = MARK) -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


PAGE = answer(b"200 OK", SIGNIN, MARK + b"Content-Type: text/html\r\n")
ACCEPTED, UNKNOWN = answer(b"400 Bad Request", LOST), answer(b"404 Not Found")


def behind_a_sign_in_page(misbehave: Behaviour) -> Behaviour:
    """The sign-in page is right; what is asked of the WebSocket path meets ``misbehave`` with its request read."""

    def behave(visit: Visit) -> None:
        while data := visit.request():
            if b"/manager/signin" in data.split(b"\r\n", 1)[0]:
                visit.send(PAGE)
                continue
            misbehave(visit)
            return

    return behave


def says(data: bytes, *, then_wait: bool = False) -> Behaviour:
    def behave(visit: Visit) -> None:
        visit.send(data)
        if then_wait:
            visit.over.wait()

    return behave


def endless(start: bytes, piece: bytes) -> Behaviour:
    def behave(visit: Visit) -> None:
        visit.send(start)
        while not visit.over.is_set():
            visit.send(piece)

    return behave


def drips(data: bytes, pause_s: float, start: bytes = b"") -> Behaviour:
    def behave(visit: Visit) -> None:
        visit.send(start)
        for index in range(len(data)):
            visit.send(data[index : index + 1])
            if visit.over.wait(pause_s):
                return
        visit.over.wait()

    return behave


def resets(after: bytes) -> Behaviour:
    def behave(visit: Visit) -> None:
        visit.send(after)
        time.sleep(0.05)
        visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    return behave


HEAD = b"HTTP/1.1 400 Bad Request\r\n" + MARK
#: What is sent → what the probe says of the hop, or of the id where the hop is right.
CASES: dict[str, tuple[Behaviour, str]] = {
    "an endless body": (endless(HEAD + b"\r\n", b"x" * 65536), "endpoint open"),
    "an endless body in chunks": (
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"), "endpoint open"
    ),
    "an endless header": (endless(HEAD, b"A: b\r\n" * 500), "not-http"),
    "an endless header line": (endless(HEAD + b"A: ", b"b" * 10_000), "not-http"),
    "an endless status line": (endless(b"HTTP/1.1 400 ", b"b" * 10_000), "not-http"),
    "a thousand headers": (says(HEAD + b"A: b\r\n" * 1000 + b"\r\n"), "not-http"),
    "a dripping header": (drips(HEAD + b"A: b\r\n" * 100, 0.02), "id open: http-timeout"),
    "a dripping body": (drips(b"x" * 3000, 0.02, HEAD + b"Content-Length: 3000\r\n\r\n"), "endpoint open"),
    "garbage": (says(bytes(range(128, 256)) * 4), "not-http"),
    "the greeting of a mail server": (says(b"220 mail.example.net ESMTP\r\n", then_wait=True), "not-http"),
    "HTTP/2": (says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, then_wait=True), "not-http"),
    "HTTP/0.9": (says(b"<html>hello</html>"), "not-http"),
    "a TLS alert": (says(b"\x15\x03\x01\x00\x02\x02\x46"), "plain-on-tls-port"),
    "a length that is too long": (says(HEAD + b"Content-Length: 500\r\n\r\n" + LOST), "id accepted"),
    "a length that is too short": (says(HEAD + b"Content-Length: 5\r\n\r\n" + LOST), "endpoint open"),
    "a negative length": (says(HEAD + b"Content-Length: -1\r\n\r\n" + LOST), "not-http"),
    "two different lengths": (says(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + LOST), "not-http"),
    "a length in words": (says(HEAD + b"Content-Length: many\r\n\r\n" + LOST), "not-http"),
    "a chunk of no size": (says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + LOST), "not-http"),
    "a chunk that is too long": (
        says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n" + LOST + b"\r\n0\r\n\r\n"), "not-http"
    ),
    "a bomb of zeros, zipped": (
        says(answer(b"400 Bad Request", gzip.compress(bytes(20_000_000)), MARK + b"Content-Encoding: gzip\r\n")),
        "endpoint open",
    ),
    "interim answers without end": (says(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "not-http"),
    "a NUL in a header": (says(HEAD + b"A: \x00\r\nContent-Length: 0\r\n\r\n"), "not-http"),
    "a header without colon": (says(HEAD + b"nonsense\r\n\r\n"), "not-http"),
    "closed in the middle of the header": (says(HEAD + b"A: b"), "not-http"),
    "closed in the middle of the body": (says(HEAD + b"Content-Length: 34\r\n\r\nCan"), "endpoint open"),
    "reset at once": (resets(b""), "connection-closed"),
    "reset in the middle of the header": (resets(HEAD), "not-http"),
    "reset in the middle of the body": (resets(HEAD + b"Content-Length: 34\r\n\r\nCan"), "endpoint open"),
    "a 101 with garbage behind it": (
        says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\xff\xff\xff\xff", then_wait=True),
        "endpoint open",
    ),
}  # fmt: skip


def said(document: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """What a document says, and with which evidence."""
    endpoint = document["endpoint"]
    if endpoint["verdict"] != "reachable":
        return endpoint["finding"] or "endpoint open", endpoint["evidence"]
    (row,) = document["probes"]
    if row["verdict"] == "undetermined":
        return "id open: " + (row["candidates"][-1] if "http-timeout" in row["candidates"] else row["candidates"][0]), (
            row["evidence"]
        )
    return f"id {row['verdict']}", [{"note": "accepted", "body": ""}]


@pytest.mark.parametrize("name", CASES)
def test_one_clear_sentence_in_time_and_in_little_memory(name: str) -> None:
    misbehave, expected = CASES[name]
    with serving(behind_a_sign_in_page(misbehave)) as fake:
        request = ProbeRequest(
            url=fake.ws_url, charge_box_ids=["CP-1"], era=_era.given("3.14.1"), timeout=0.6, deadline=5.0, rate=0.0
        )
        tracemalloc.start()
        begin = time.monotonic()
        document = probe(request)
        elapsed = time.monotonic() - begin
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    told, evidence = said(document)
    assert told == expected
    assert elapsed < 3.0
    assert peak < 4_000_000
    assert any(item["note"] for item in evidence)
    assert all(text.isprintable() for item in evidence for text in (item["note"], item["body"]))


def ask_two(answers: Callable[[int], bytes], pause_s: float = 0.0) -> dict[str, str]:
    """Verdicts on two ids over one connection; the server answers the n-th request on the WebSocket path."""
    asked = iter(range(100))

    def behave(visit: Visit) -> None:
        while data := visit.request():
            if b"/websocket/" in data.split(b"\r\n", 1)[0]:
                visit.send(answers(next(asked)))
                time.sleep(pause_s)
            else:
                visit.send(PAGE)

    with serving(behave) as fake:
        document = probe(
            ProbeRequest(
                url=fake.ws_url, charge_box_ids=["CP-1", "CP-2"], era=_era.given("3.7.1"), concurrency=1, timeout=2.0,
                rate=0.0, gate_charge_box_id="CP-1",
            )
        )  # fmt: skip
    return {row["charge_box_id"]: row["finding"] or row["verdict"] for row in document["probes"]}


def test_a_second_answer_that_nobody_asked_for_is_nobodys() -> None:
    """The first answer drags another one behind it, which would make CP-2 look registered."""
    verdicts = ask_two(lambda number: UNKNOWN + ACCEPTED if number == 0 else UNKNOWN)
    assert verdicts == {"CP-1": "charge-box-unregistered", "CP-2": "charge-box-unregistered"}


def test_an_answer_that_comes_unasked_on_an_idle_connection_is_nobodys() -> None:
    from ansible_collections.chargeops.steve.plugins.module_utils._dial import Clock, resolve
    from ansible_collections.chargeops.steve.plugins.module_utils._wire import Wire

    def behave(visit: Visit) -> None:
        while visit.request():
            visit.send(UNKNOWN)
            if visit.number == 1:
                time.sleep(0.1)
                visit.send(ACCEPTED)

    with serving(behave) as fake:
        addresses = resolve("127.0.0.1", fake.port, 1.0)
        assert isinstance(addresses, list)
        with Wire(addresses[0], None, "localhost", 2.0, Clock().monotonic() + 10) as wire:
            first = wire.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").answer
            time.sleep(0.4)
            second = wire.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").answer
    assert first is not None and second is not None
    assert (first.status, second.status, fake.connections) == (404, 404, 2)


def test_like_answers_are_each_ids_own() -> None:
    """Alternating answers over reused connections: remembering bytes must not mix them up."""

    def behave(visit: Visit) -> None:
        while data := visit.request():
            path = data.split(b" ", 2)[1]
            if b"/websocket/" not in path:
                visit.send(PAGE)
            else:
                visit.send(ACCEPTED if int(path.rsplit(b"-", 1)[1]) % 3 else UNKNOWN)

    ids = [f"CP-{number}" for number in range(1, 301)]
    with serving(behave) as fake:
        document = probe(ProbeRequest(url=fake.ws_url, charge_box_ids=ids, era=_era.given("3.7.1"), rate=0.0))
    verdicts = {row["charge_box_id"]: row["verdict"] for row in document["probes"]}
    assert verdicts == {name: "accepted" if int(name[3:]) % 3 else "refused" for name in ids}


def test_a_dead_server_costs_one_timeout_for_ten_thousand_ids() -> None:
    ids = [f"CP-{number}" for number in range(10_000)]
    with serving(behind_a_sign_in_page(fake_servers.silent)) as fake:
        begin = time.monotonic()
        document = probe(ProbeRequest(url=fake.ws_url, charge_box_ids=ids, era=_era.given("3.14.1"), timeout=0.5))
        assert time.monotonic() - begin < 2.5
    assert document["summary"]["undetermined"] == 10_000
    assert document["side_effects"]["requests"] == 2
