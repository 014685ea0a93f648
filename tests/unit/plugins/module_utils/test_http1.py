# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer reader takes anything in any pieces, never grows without bound, and never raises but its own error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _http1
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import AnswerReader, NotHttp
from hypothesis import given
from hypothesis import strategies as st


def read(data: bytes, method: str = "GET") -> _http1.Answer:
    reader = AnswerReader(method)
    if not reader.feed(data):
        return reader.eof()
    assert reader.answer is not None
    return reader.answer


def kind_of(data: bytes) -> str:
    with pytest.raises(NotHttp) as caught:
        read(data)
    return caught.value.failure.kind


def sentence_of(data: bytes) -> str:
    with pytest.raises(NotHttp) as caught:
        read(data)
    return caught.value.failure.sentence


def test_a_refusal_of_steves_is_read_whole_and_the_connection_stays() -> None:
    answer = read(b"HTTP/1.1 404 Not Found\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\n\r\n")
    assert (answer.status, answer.reason, answer.body, answer.defect) == (404, "Not Found", b"", None)
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.reusable


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", False),
    ],
)
def test_a_connection_is_reused_only_when_both_sides_know_where_the_body_ends(head: bytes, reusable: bool) -> None:
    answer = read(head + b"\r\nhi")
    assert (answer.body, answer.reusable) == (b"hi", reusable)


def test_chunks_with_extensions_and_trailers_are_put_together() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n")
    assert (answer.body, answer.defect, answer.reusable) == (b"abcde", None, True)


def test_a_length_beside_chunks_ends_the_connection() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert (answer.body, answer.reusable) == (b"", False)


def test_interim_answers_are_skipped_and_counted() -> None:
    final = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert read(b"HTTP/1.1 100 Continue\r\n\r\n" * _http1.MAX_INTERIM + final).status == 204
    assert "interim" in sentence_of(b"HTTP/1.1 102 Processing\r\n\r\n" * (_http1.MAX_INTERIM + 1) + final)


def test_bytes_behind_a_101_are_kept_for_the_frames() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi")
    assert reader.rest == b"\x81\x02hi"
    reader.feed(b"more")
    assert reader.rest == b"\x81\x02himore"


def test_the_answer_to_head_has_no_body() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", "HEAD")
    assert (answer.body, answer.defect, answer.reusable) == (b"", None, True)


def test_bare_line_feeds_and_folded_headers_are_read() -> None:
    answer = read(b"HTTP/1.1 200 OK\nServer: a\n b\nContent-Length: 0\n\n")
    assert answer.header("server") == "a b"


def test_a_greeting_of_mariadb_is_not_http_at_its_first_byte() -> None:
    greeting = b"\x6e\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00"
    reader = AnswerReader()
    with pytest.raises(NotHttp):
        reader.feed(greeting[:1])
    assert kind_of(greeting) == "not-http"
    assert "MariaDB" in sentence_of(greeting)
    assert "\x00" not in sentence_of(greeting)


def test_a_tls_alert_says_that_the_port_wants_tls() -> None:
    assert kind_of(b"\x15\x03\x01\x00\x02\x02\x46") == "tls-alert"
    assert kind_of(b"\x16\x03\x01\xff\xff garbage") == "not-http"


def test_closed_without_a_byte_is_not_garbage() -> None:
    assert kind_of(b"") == "closed"
    assert kind_of(b"HTTP/1.1 200 OK\r\nSer") == "not-http"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 2000 x\r\n\r\n",
        b"HTTP/x.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * _http1.MAX_LINE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 100,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (_http1.MAX_HEADERS + 1) + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * (_http1.MAX_LINE + 10),
        b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * (_http1.MAX_HEAD + 10),
    ],
)
def test_what_is_no_http_is_one_clear_sentence(data: bytes) -> None:
    assert kind_of(data) == "not-http"
    assert len(sentence_of(data)) < 250


def test_a_body_cut_off_is_an_answer_with_a_defect() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
    assert answer.defect == "the connection was closed after 10 of 100 bytes of the body"
    assert not answer.reusable
    assert "in chunks" in str(read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").defect)


def test_an_endless_body_ends_at_the_limit() -> None:
    for head in (b"", b"Content-Length: 999999999999\r\n", b"Transfer-Encoding: chunked\r\n"):
        reader = AnswerReader(max_body=1000)
        fed = 0
        chunk = b"100\r\n" + b"x" * 256 + b"\r\n" if b"chunked" in head else b"x" * 256
        done = reader.feed(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while not done:
            done = reader.feed(chunk)
            fed += len(chunk)
            assert fed < 3000
        assert reader.answer is not None
        assert len(reader.answer.body) == 1000
        assert reader.answer.defect is not None


def test_waiting_may_be_cut_short() -> None:
    reader = AnswerReader()
    assert reader.cut("it took too long;") is None
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    answer = reader.cut("it took too long; it was left")
    assert answer is not None
    assert answer.defect == "it took too long; it was left after 3 bytes of the body"


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.1 100 \r\n\r\n",
                b"\r\n",
                b"\n",
                b"Content-Length: 5\r\n",
                b"A: b\r\n",
                b"0\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"5\r\nabcde\r\n",
                b"Connection: close\r\n",
                b"\x15\x03\x03\x00\x02",
            ]
        ),
    ),
    max_size=20,
)


@given(PIECES)
def test_random_bytes_in_random_pieces_raise_nothing_but_not_http(pieces: list[bytes]) -> None:
    reader = AnswerReader(max_body=64)
    with suppress(NotHttp):
        for piece in pieces:
            reader.feed(piece)
        answer = reader.eof()
        assert len(answer.body) <= 64
        assert 100 <= answer.status <= 999


def outcome(pieces: list[bytes]) -> tuple[object, ...]:
    """What comes of an answer, however the pieces were cut. Whether the connection may be used again is not in it:
    bytes that come later are not there yet."""
    reader = AnswerReader(max_body=64)
    try:
        for piece in pieces:
            if piece and reader.feed(piece):
                break
        answer = reader.eof()
    except NotHttp as error:
        return (error.failure.kind,)
    return answer.status, answer.reason, answer.version, answer.headers, answer.body, answer.defect


def singly(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


@given(PIECES, st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]), st.lists(st.integers(1, 30), max_size=20))
def test_any_bytes_in_any_pieces_come_to_the_same(pieces: list[bytes], start: bytes, cuts: list[int]) -> None:
    data = start + b"".join(pieces)
    cut_up, rest = [], data
    for cut in cuts:
        cut_up.append(rest[:cut])
        rest = rest[cut:]
    assert outcome([*cut_up, rest]) == outcome([data]) == outcome(singly(data))


@given(
    st.integers(200, 999), st.binary(max_size=80),
    st.lists(st.tuples(st.from_regex(r"[A-Za-z-]{1,9}", fullmatch=True), st.text("az,; =09", max_size=20)), max_size=5),
)  # fmt: skip
def test_an_answer_in_one_piece_is_read_as_one_that_comes_byte_by_byte(
    status: int, body: bytes, headers: list[tuple[str, str]]
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
    data = b"HTTP/1.1 %d Hello\r\n%bContent-Length: %d\r\n\r\n%b" % (status, lines, len(body), body)
    assert outcome([data]) == outcome(singly(data))


def test_a_status_line_has_its_limit_in_one_piece_too() -> None:
    assert "did not end within 8192" in sentence_of(b"HTTP/1.1 200 " + b"x" * 9000 + b"\r\n\r\n")


@pytest.mark.parametrize("name", [b"Content-Length\x85", b"Content-Length\x0b", b"\x1cContent-Length"])
def test_what_is_no_blank_makes_another_header(name: bytes) -> None:
    answer = read(b"HTTP/1.1 200 OK\r\n" + name + b": 2\r\n\r\nhello")
    assert answer.body == b"hello"


ANSWERS = st.sampled_from(
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 34\r\n\r\n" + b'Can "Upgrade" only to "WebSocket".',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    ]
)


@given(ANSWERS, st.lists(st.integers(min_value=1, max_value=60), max_size=12))
def test_pieces_make_no_difference(data: bytes, cuts: list[int]) -> None:
    whole = read(data)
    reader = AnswerReader()
    rest = data
    for cut in cuts:
        reader.feed(rest[:cut])
        rest = rest[cut:]
    reader.feed(rest)
    assert reader.eof() == whole


@pytest.mark.parametrize(
    "bad",
    [
        ("/a b", "h", []),
        ("a", "h", []),
        ("/", "h\r\nX: y", []),
        ("/", "h", [("A", "b\nc")]),
        ("/", "h", [("A b", "c")]),
    ],
)
def test_nothing_breaks_out_of_its_line(bad: tuple[str, str, list[tuple[str, str]]]) -> None:
    with pytest.raises(ValueError, match=r"not a|line break"):
        _http1.request(*bad)


def test_a_request_is_what_it_says() -> None:
    assert _http1.request("/x", "h:1", [("A", "b")]) == b"GET /x HTTP/1.1\r\nHost: h:1\r\nA: b\r\n\r\n"
