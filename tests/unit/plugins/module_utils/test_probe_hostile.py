# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole probe against servers that break the protocol: one clear sentence, in time, in little memory, and no
id ever gets another one's answer."""

from __future__ import annotations

import gzip
import json
import random
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _era, _http1
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, probe

from tests.unit import fake_servers
from tests.unit.fake_servers import Behaviour, Visit, serving
from tests.unit.scripted_steve import ACCEPTED, SIGNIN, UNREGISTERED, id_of, steve_that

TIMEOUT_S, DEADLINE_S = 0.4, 6.0
#: What a probe may hold at its peak, the fake server's own pieces included.
MEMORY = 3_000_000

OK_HEAD = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"\0" * 30_000_000)


def hostile(url: str, *ids: str, memory: int = MEMORY, **options: Any) -> dict[str, Any]:
    """Probe within time and memory; the document is JSON without control characters."""
    tracemalloc.start()
    try:
        start = time.monotonic()
        options = {"rate": 0, "timeout": TIMEOUT_S, "deadline": DEADLINE_S, "era": _era.given("3.14.1"), **options}
        document = probe(ProbeRequest(url, ids, **options))
        elapsed = time.monotonic() - start
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert elapsed < DEADLINE_S
    assert peak < memory
    shown = json.dumps(document, ensure_ascii=False)
    assert shown.isprintable()
    return document


def reset(visit: Visit) -> None:
    """Close with RST instead of FIN."""
    visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visit.sock.close()


def replying(data: bytes, end: Callable[[Visit], None] = fake_servers.silent) -> Behaviour:
    """Read one request, answer it with these bytes, end."""

    def behave(visit: Visit) -> None:
        visit.request()
        visit.send(data)
        end(visit)

    return behave


def hang_up(visit: Visit) -> None:
    """Return, which closes the connection."""


def half_close(visit: Visit) -> None:
    """Nothing more comes, but the connection stays."""
    visit.sock.shutdown(socket.SHUT_WR)
    visit.over.wait()


def reset_at_once(visit: Visit) -> None:
    reset(visit)


def reset_after_request(visit: Visit) -> None:
    visit.request()
    reset(visit)


def length(value: bytes) -> bytes:
    return OK_HEAD + b"Content-Length: " + value + b"\r\n\r\nhello"


#: What a server does → finding of the endpoint, and words of the sentence that names what came.
FIRST_CONTACT: dict[str, tuple[Behaviour, str, str]] = {
    "ssh": (fake_servers.saying(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "not-http", "SSH-2.0-OpenSSH"),
    "mysql": (fake_servers.saying(b"\x4a\0\0\0\x0a10.11.6-MariaDB\0" + b"\0" * 60), "not-http", "10.11.6-MariaDB"),
    "tls alert": (fake_servers.saying(b"\x15\x03\x01\0\x02\x02\x46"), "plain-on-tls-port", "TLS alert"),
    "garbage": (replying(bytes(range(256))), "not-http", "is not HTTP"),
    "http/0.9": (replying(b"<html>hello</html>", hang_up), "not-http", "<html>hello"),
    "http/2": (replying(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64" + b"\0" * 12), "not-http", "is not HTTP"),
    "http/2 preface": (replying(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "not-http", "PRI * HTTP/2.0"),
    "http/2 status": (replying(b"HTTP/2 200 OK\r\n\r\n"), "not-http", "HTTP/2 200 OK"),
    "endless header": (fake_servers.endless(OK_HEAD, b"A: b\r\n" * 500), "not-http", "did not end within 65536"),
    "endless line": (fake_servers.endless(b"HTTP/1.1 200 ", b"x" * 9000), "not-http", "did not end within 8192"),
    "endless value": (fake_servers.endless(OK_HEAD + b"A: ", b"x" * 9000), "not-http", "did not end within 65536"),
    "1000 headers": (replying(OK_HEAD + b"A: b\r\n" * 1000 + b"\r\n"), "not-http", "more than 200 headers"),
    "dripping header": (fake_servers.dripping(OK_HEAD + b"A: b\r\n", 0.1), "http-timeout", "header of the answer"),
    "silent": (fake_servers.silent, "http-timeout", "no answer within 0.4 s"),
    "closed": (fake_servers.closing, "connection-closed", "without an answer"),
    "closed in the header": (replying(OK_HEAD + b"Ser", hang_up), "not-http", "in the middle of the header"),
    "half closed in the header": (replying(OK_HEAD + b"Ser", half_close), "not-http", "in the middle of the header"),
    "reset at once": (reset_at_once, "connection-closed", "without an answer"),
    "reset after the request": (reset_after_request, "connection-closed", "without an answer"),
    "no length": (replying(length(b"many")), "not-http", "Content-Length \u201cmany\u201d"),
    "negative length": (replying(length(b"-5")), "not-http", "Content-Length \u201c-5\u201d"),
    "signed length": (replying(length(b"+5")), "not-http", "Content-Length \u201c+5\u201d"),
    "two lengths": (replying(length(b"5\r\nContent-Length: 6")), "not-http", "\u201c5\u201d and \u201c6\u201d"),
    "endless length": (replying(length(b"9" * 5000)), "not-http", "Content-Length \u201c9999"),
    "chunk size": (replying(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nwhat\r\n"), "not-http", "what"),
    "negative chunk": (replying(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"), "not-http", "-1"),
    "long chunk": (replying(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"), "not-http", "longer than"),
    "trailers": (
        fake_servers.endless(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 99),
        "not-http", "after the last chunk",
    ),
    "interim": (fake_servers.endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50), "not-http", "interim answers"),
    "early hints": (fake_servers.endless(b"", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"), "not-http", "interim"),
    "nul": (replying(OK_HEAD + b"A: b\0c\r\n\r\n"), "not-http", "b\\x00c"),
    "lone cr": (replying(OK_HEAD + b"A: b\rContent-Length: 9\r\n\r\n"), "not-http", "lone carriage return"),
    "status": (replying(b"HTTP/1.1 99999 OK\r\n\r\n"), "not-http", "99999"),
    "no status": (replying(b"HTTP/1.1\r\n\r\n"), "not-http", "no HTTP status line"),
}  # fmt: skip


@pytest.mark.parametrize("name", FIRST_CONTACT)
def test_a_server_that_breaks_the_protocol_at_once_is_named(name: str) -> None:
    behaviour, finding, words = FIRST_CONTACT[name]
    with serving(behaviour) as fake:
        document = hostile(fake.ws_url, *(f"CP-{index}" for index in range(300)))
    endpoint = document["endpoint"]
    assert (endpoint["verdict"], endpoint["finding"]) == ("unreachable", finding)
    assert words in endpoint["evidence"][0]["note"]
    assert document["summary"]["undetermined"] == 300


#: What a server sends in answer to anything → words of the evidence that name what came. The header is whole here,
#: so there is an answer, and it is somebody's; what matters is the limit, and that nothing is concluded.
ODD_BODIES: dict[str, tuple[Behaviour, str]] = {
    "endless": (fake_servers.endless(OK_HEAD + b"\r\n", b"x" * 9000), "only the first 65536 bytes"),
    "endless chunks": (
        fake_servers.endless(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"fff\r\n" + b"x" * 0xFFF + b"\r\n"),
        "only the first 65536 bytes",
    ),
    "huge chunk": (
        fake_servers.endless(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", b"x" * 9000),
        "only the first 65536 bytes",
    ),
    "dripping": (fake_servers.dripping(OK_HEAD + b"Content-Length: 999\r\n\r\n", 0.001), "did not end within 0.4 s"),
    "too long a length": (replying(length(b"500")), "did not end within 0.4 s"),
    "too long a length, closed": (replying(length(b"500"), hang_up), "after 5 of 500 bytes"),
    "too short a length": (replying(length(b"2")), "not SteVe's"),
    "cut chunks": (replying(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab", hang_up), "in chunks"),
    "reset in the body": (replying(length(b"500"), reset_at_once), ""),
    "bomb": (
        replying(OK_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
        "x8b",
    ),
    "length beside chunks": (
        replying(OK_HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 404 No\r\n\r\n"),
        "without content",
    ),
    "101 with garbage": (replying(b"HTTP/1.1 101 Hello\r\n\r\n" + bytes(range(256)) * 300), "as if it were an upgrade"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_BODIES)
def test_a_body_without_measure_ends_and_concludes_nothing(name: str) -> None:
    behaviour, words = ODD_BODIES[name]
    with serving(behaviour) as fake:
        document = hostile(fake.ws_url, "CP-1", "CP-2")
    endpoint = document["endpoint"]
    assert endpoint["verdict"] in ("wrong", "unreachable") and endpoint["evidence"]
    assert words in json.dumps(endpoint["evidence"], ensure_ascii=False)
    assert document["summary"]["undetermined"] == 2


@pytest.mark.parametrize("name", [*FIRST_CONTACT, *ODD_BODIES])
def test_a_server_that_breaks_the_protocol_later_leaves_the_ids_open(name: str) -> None:
    behaviour = FIRST_CONTACT[name][0] if name in FIRST_CONTACT else ODD_BODIES[name][0]

    def misbehave(visit: Visit, _data: bytes) -> None:
        # The request is read already; what the behaviour would read is given to it once more.
        visit.request = lambda: b"GET / HTTP/1.1\r\n\r\n"  # type: ignore[method-assign]
        behaviour(visit)
        raise ConnectionError

    with serving(steve_that(misbehave)) as fake:
        document = hostile(fake.ws_url, *(f"CP-{index}" for index in range(100)))
    assert document["endpoint"]["verdict"] == "reachable"
    rows = document["probes"]
    assert rows[0]["verdict"] == "accepted"
    assert {row["verdict"] for row in rows[1:]} == {"undetermined"}
    assert all(row["evidence"][0]["note"] for row in rows[1:])
    assert document["side_effects"]["knocks"] == []
    if name != "101 with garbage":
        assert document["side_effects"]["sessions_opened"] == 0


def test_a_plain_get_that_is_switched_is_the_last_one() -> None:
    def switch(visit: Visit, _data: bytes) -> None:
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        visit.sock.recv(100)
        raise ConnectionError

    with serving(steve_that(switch)) as fake:
        document = hostile(fake.ws_url, *(f"CP-{index}" for index in range(300)))
    assert 1 <= document["side_effects"]["sessions_opened"] <= 8
    assert "as if it were an upgrade request" in document["probes"][-1]["evidence"][0]["note"]


# -- whose answer is it?


def right(data: bytes) -> bytes:
    """The answer that an id gets: its name says which."""
    return ACCEPTED if (id_of(data) or "").startswith("yes") else UNREGISTERED


def wrong(data: bytes) -> bytes:
    """The answer that it must never get."""
    return UNREGISTERED if right(data) == ACCEPTED else ACCEPTED


def twice(visit: Visit, data: bytes) -> None:
    visit.send(right(data) + wrong(data))


def twice_in_two_pieces(visit: Visit, data: bytes) -> None:
    visit.send(right(data))
    visit.send(wrong(data))


def twice_a_little_later(visit: Visit, data: bytes) -> None:
    visit.send(right(data))
    time.sleep(0.01)
    visit.send(wrong(data))


def a_piece_of_another(visit: Visit, data: bytes) -> None:
    visit.send(right(data) + wrong(data)[:30])


def too_short_a_length(visit: Visit, data: bytes) -> None:
    visit.send(right(data))
    time.sleep(0.003)
    visit.send(b"what is left of the body")


def a_line_too_many(visit: Visit, data: bytes) -> None:
    visit.send(right(data) + b"\r\n")


def a_farewell(visit: Visit, data: bytes) -> None:
    """As servers say it that grow tired of an idle connection."""
    visit.send(right(data))
    time.sleep(0.002)
    visit.send(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    raise ConnectionError


def the_end(visit: Visit, data: bytes) -> None:
    visit.send(right(data))
    raise ConnectionError


def a_reset(visit: Visit, data: bytes) -> None:
    visit.send(right(data))
    time.sleep(0.002)
    reset(visit)
    raise ConnectionError


def well(visit: Visit, data: bytes) -> None:
    visit.send(right(data))


OUT_OF_STEP = [
    twice, twice_in_two_pieces, twice_a_little_later, a_piece_of_another, too_short_a_length, a_line_too_many,
    a_farewell, the_end, a_reset,
]  # fmt: skip
MIXED = [f"{'yes' if index % 3 else 'no'}-{index}" for index in range(150)]


def nobody_got_another_s(document: dict[str, Any]) -> None:
    """Every id has the verdict that its name asks for."""
    assert document["endpoint"]["verdict"] == "reachable"
    found = {row["charge_box_id"]: row["verdict"] for row in document["probes"]}
    assert found == {item: "accepted" if item.startswith("yes") else "refused" for item in MIXED}
    assert set(document["side_effects"]["knocks"]) == {item for item in MIXED if item.startswith("no")}


@pytest.mark.parametrize("often", [1, 7])
@pytest.mark.parametrize("misbehave", OUT_OF_STEP, ids=lambda item: str(item.__name__))
def test_no_id_gets_another_one_s_answer(misbehave: Callable[[Visit, bytes], None], often: int) -> None:
    count = 0
    lock = threading.Lock()

    def answer(visit: Visit, data: bytes) -> None:
        nonlocal count
        with lock:
            count += 1
            odd = count % often == 0
        (misbehave if odd else well)(visit, data)

    with serving(steve_that(answer, after=0)) as fake:
        nobody_got_another_s(hostile(fake.ws_url, *MIXED, timeout=3))


@pytest.mark.parametrize("seed", range(6))
def test_no_id_gets_another_one_s_answer_whatever_mix_of_faults_comes(seed: int) -> None:
    dice = random.Random(seed)
    lock = threading.Lock()

    def answer(visit: Visit, data: bytes) -> None:
        with lock:
            chosen = dice.choice([*[well] * 12, *OUT_OF_STEP])
            pause = dice.random() * 0.004
        time.sleep(pause)
        chosen(visit, data)

    with serving(steve_that(answer, after=0)) as fake:
        nobody_got_another_s(hostile(fake.ws_url, *MIXED, timeout=3, concurrency=5))


def test_a_connection_that_is_one_answer_behind_from_the_start_is_found_out_at_its_end() -> None:
    """A late second answer arrives when the next request is under way, and so on: nothing is ever left over but the
    very last answer."""

    def behave(visit: Visit) -> None:
        behind = False
        while data := visit.request():
            if id_of(data) is None:
                visit.send(SIGNIN)
            elif b"Sec-WebSocket-Version: 99" in data:
                visit.send(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
            elif id_of(data) == MIXED[0]:
                visit.send(right(data))
            elif not behind and visit.number > 1:
                # From the second request of a connection on: an answer of nobody's, and then the right one, late.
                behind = True
                visit.send(right(data))
                behind_it = visit.request()
                if not behind_it:
                    return
                visit.send(wrong(behind_it))
                time.sleep(0.02)
                visit.send(right(behind_it))
            else:
                time.sleep(0.02)
                visit.send(right(data))

    with serving(behave) as fake:
        nobody_got_another_s(hostile(fake.ws_url, *MIXED, timeout=3, concurrency=3))


def test_a_wire_that_was_out_of_step_asks_alone_from_then_on() -> None:
    with serving(steve_that(twice, after=0)) as fake:
        document = hostile(fake.ws_url, *MIXED, timeout=3)
        nobody_got_another_s(document)
        assert fake.connections >= 140
    # Every id once, those of the first eight connections perhaps twice, and a few for the endpoint.
    assert document["side_effects"]["requests"] < 150 + 8 + 10


def test_bytes_without_end_behind_an_answer_are_not_read() -> None:
    tail = b"x" * 5_000_000

    def flood(visit: Visit, data: bytes) -> None:
        visit.send(right(data))
        visit.send(tail)

    with serving(steve_that(flood, after=0)) as fake:
        document = hostile(fake.ws_url, *MIXED[:20], timeout=3)
    assert document["summary"] == {**document["summary"], "accepted": 13, "refused": 7}


def test_long_answers_to_many_ids_are_not_kept_whole() -> None:
    filler = b"<p>" + b"x" * 60_000
    many = "".join(f"X-{index}: {'y' * 300}\r\n" for index in range(150)).encode()

    def wall(visit: Visit, data: bytes) -> None:
        body = f"<title>Log in</title>{id_of(data)}".encode() + filler
        visit.send(b"HTTP/1.1 403 No\r\n%sContent-Length: %d\r\n\r\n%s" % (many, len(body), body))

    with serving(steve_that(wall)) as fake:
        document = hostile(fake.ws_url, *(f"CP-{index}" for index in range(300)), timeout=5, memory=6_000_000)
    assert document["summary"] == {**document["summary"], "accepted": 1, "undetermined": 299}


def test_the_limits_are_those_that_the_sentences_name() -> None:
    assert (_http1.MAX_HEAD, _http1.MAX_LINE, _http1.MAX_HEADERS) == (65536, 8192, 200)
