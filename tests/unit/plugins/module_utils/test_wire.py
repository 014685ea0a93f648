# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wire against servers that misbehave: one clear reason, in time, with bounded memory."""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _dial
from ansible_collections.chargeops.steve.plugins.module_utils._dial import Address, Clock
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Failure
from ansible_collections.chargeops.steve.plugins.module_utils._wire import Job, Reply, Wire

from tests.unit import fake_servers
from tests.unit.fake_servers import Fake, Visit, serving

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def wire(
    port: int, timeout: float = 5.0, deadline: float = 20.0, rate: float = 0.0, context: ssl.SSLContext | None = None
) -> Iterator[Wire]:
    address = Address(socket.AF_INET, ("127.0.0.1", port))
    with Wire(address, context, "localhost", timeout, time.monotonic() + deadline, rate) as item:
        yield item


def kind(reply: Reply) -> str | None:
    return None if reply.failure is None else reply.failure.kind


def jobs(count: int) -> Iterator[Job]:
    return (Job(str(index), REQUEST) for index in range(count))


# -- addresses


def test_a_name_without_address_is_a_failure_with_the_name() -> None:
    # RFC 6761: no name under .invalid ever resolves.
    found = _dial.resolve("charge.invalid", 80, 10)
    assert isinstance(found, Failure)
    assert found.kind == "unresolved" and "charge.invalid" in found.sentence


def test_a_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_args: object, **_named: object) -> list[object]:
        over.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()
    found = _dial.resolve("charge.test", 80, 0.05)
    over.set()
    assert isinstance(found, Failure) and "0.05 s" in found.sentence
    assert time.monotonic() - start < 1


def test_an_address_is_its_own_answer() -> None:
    found = _dial.resolve("127.0.0.1", 80, 5)
    assert isinstance(found, list)
    assert [(item.text, item.port) for item in found] == [("127.0.0.1", 80)]


def test_every_address_is_dialled_and_told_apart() -> None:
    with serving(fake_servers.silent) as open_port, fake_servers.full_queue() as full:
        places = [open_port.port, fake_servers.free_port(), full.port]
        addresses = [Address(socket.AF_INET, ("127.0.0.1", port)) for port in places]
        addresses.append(Address(socket.AF_INET, ("255.255.255.255", 80)))
        start = time.monotonic()
        dialled = _dial.dial(addresses, 0.5, Clock())
        assert [item.outcome for item in dialled] == ["connected", "refused", "timeout", "unreachable"]
        assert time.monotonic() - start < 1.5
        for item in dialled:
            if item.sock is not None:
                item.sock.close()


# -- one request


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (fake_servers.silent, "timeout"),
        (fake_servers.closing, "closed"),
        (fake_servers.saying(b"\x4a\x00\x00\x00\x0a10.11.6-MariaDB\x00"), "not-http"),
        (fake_servers.saying(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "not-http"),
        (fake_servers.saying(b"\x15\x03\x01\x00\x02\x02\x46"), "tls-alert"),
        (fake_servers.endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), "not-http"),
        (fake_servers.endless(b"HTTP/1.1 200 ", b"x" * 10_000), "not-http"),
        (fake_servers.dripping(b"HTTP/1.1 200 OK\r\nServer: slow\r\n", 0.05), "timeout"),
    ],
)
def test_a_misbehaving_server_is_one_failure_in_time(behaviour: fake_servers.Behaviour, expected: str) -> None:
    with serving(behaviour) as fake, wire(fake.port, timeout=0.5) as item:
        start = time.monotonic()
        reply = item.ask(REQUEST)
        assert kind(reply) == expected
        assert reply.failure is not None and reply.failure.sentence.isprintable()
        assert time.monotonic() - start < 1.5


def test_a_reset_is_a_connection_closed_without_an_answer() -> None:
    def reset(visit: Visit) -> None:
        visit.request()
        visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with serving(reset) as fake, wire(fake.port) as item:
        assert kind(item.ask(REQUEST)) == "closed"


def test_nobody_listening_and_a_full_queue() -> None:
    with wire(fake_servers.free_port()) as item:
        assert kind(item.ask(REQUEST)) == "refused"
    with fake_servers.full_queue() as full, wire(full.port, timeout=0.3) as item:
        assert kind(item.ask(REQUEST)) == "connect-timeout"


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 9999999999\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_an_endless_body_costs_little_memory_and_keeps_its_status(framing: bytes) -> None:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n" if b"chunked" in framing else b"x" * 0x10000
    with serving(fake_servers.endless(b"HTTP/1.1 404 Not Found\r\n" + framing + b"\r\n", piece)) as fake:
        tracemalloc.start()
        with wire(fake.port) as item:
            reply = item.ask(REQUEST)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert reply.answer is not None
    assert reply.answer.status == 404 and "only the first" in str(reply.answer.defect)
    assert peak < 2_000_000


def test_a_body_that_drips_is_left_when_time_is_up() -> None:
    drip = fake_servers.dripping(b"HTTP/1.1 302 Found\r\nContent-Length: 500\r\n\r\n" + b"x" * 500, 0.01)
    with serving(drip) as fake, wire(fake.port, timeout=0.8) as item:
        start = time.monotonic()
        reply = item.ask(REQUEST)
        assert reply.answer is not None and reply.answer.status == 302
        assert "did not end within 0.8 s" in str(reply.answer.defect)
        assert time.monotonic() - start < 1.6


def test_the_deadline_comes_before_the_timeout() -> None:
    with serving(fake_servers.silent) as fake, wire(fake.port, timeout=5, deadline=0.3) as item:
        start = time.monotonic()
        assert kind(item.ask(REQUEST)) == "deadline"
        assert time.monotonic() - start < 1.0
        assert kind(item.ask(REQUEST)) == "deadline"
        assert item.requests == 1


def test_a_switched_connection_is_handed_over_with_what_came_behind() -> None:
    def switch(visit: Visit) -> None:
        visit.request()
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi")
        visit.send(visit.sock.recv(100).upper())

    with serving(switch) as fake, wire(fake.port) as item:
        stream = item.ask(REQUEST).stream
        assert stream is not None
        until = time.monotonic() + 5
        assert stream.receive(until) == b"\x81\x02hi"
        assert stream.send(b"abc", until)
        assert stream.receive(until) == b"ABC"
        assert stream.receive(until) == b""
        assert stream.receive(time.monotonic() - 1) is None
        stream.close()
        assert not stream.send(b"x", until)


# -- many requests


def ask_all(item: Wire, count: int, concurrency: int) -> tuple[dict[str, Reply], str | None]:
    replies: dict[str, Reply] = {}

    def done(job: Job, reply: Reply) -> None:
        assert job.key not in replies
        replies[job.key] = reply

    return replies, item.ask_many(jobs(count), concurrency, done)


def test_connections_are_reused() -> None:
    with serving(fake_servers.answering([], lambda _data: OK)) as fake, wire(fake.port) as item:
        replies, reason = ask_all(item, 200, 4)
        assert reason is None and len(replies) == 200
        assert all(reply.answer is not None and reply.answer.body == b"ok" for reply in replies.values())
        assert fake.connections == 4
        ask_all(item, 10, 4)
        assert fake.connections == 4 and item.requests == 210


def test_an_adopted_connection_is_used_first() -> None:
    with serving(fake_servers.answering([], lambda _data: OK)) as fake, wire(fake.port) as item:
        (dialled,) = _dial.dial([Address(socket.AF_INET, ("127.0.0.1", fake.port))], 5, Clock())
        assert dialled.sock is not None
        item.adopt(dialled.sock)
        assert item.ask(REQUEST).answer is not None
        assert fake.connections == 1


def test_a_connection_that_was_closed_while_idle_is_replaced_without_a_failure() -> None:
    def once(visit: Visit) -> None:
        visit.request()
        visit.send(OK)

    with serving(once) as fake, wire(fake.port) as item:
        replies, reason = ask_all(item, 20, 2)
        assert reason is None
        assert [kind(reply) for reply in replies.values()] == [None] * 20
        assert item.requests <= 40


def test_a_dead_server_costs_one_timeout_and_not_one_per_id() -> None:
    with serving(fake_servers.silent) as fake, wire(fake.port, timeout=0.4) as item:
        start = time.monotonic()
        replies, reason = ask_all(item, 1000, 8)
        assert time.monotonic() - start < 1.5
        assert len(replies) == 8 and {kind(reply) for reply in replies.values()} == {"timeout"}
        assert reason is not None and "stopped answering" in reason


def test_a_server_that_dies_on_the_way_costs_two_timeouts_at_most() -> None:
    answers = iter([OK] * 50)

    def dying(visit: Visit) -> None:
        while visit.request():
            answer = next(answers, None)
            if answer is None:
                visit.over.wait()
                return
            visit.send(answer)

    with serving(dying) as fake, wire(fake.port, timeout=0.5) as item:
        start = time.monotonic()
        replies, reason = ask_all(item, 5000, 4)
        assert time.monotonic() - start < 2.0
        assert sum(reply.answer is not None for reply in replies.values()) == 50
        assert reason is not None and len(replies) <= 58


def test_a_port_that_refuses_is_not_asked_for_every_id() -> None:
    with wire(fake_servers.free_port()) as item:
        replies, reason = ask_all(item, 100, 8)
        assert len(replies) <= 8 and reason is not None


def test_one_request_that_hangs_does_not_stop_the_others() -> None:
    def answer(visit: Visit) -> None:
        while data := visit.request():
            if b"/hang" in data:
                visit.over.wait()
                return
            time.sleep(0.02)
            visit.send(OK)

    hang = Job("hang", REQUEST.replace(b"GET /", b"GET /hang"))
    with serving(answer) as fake, wire(fake.port, timeout=0.4) as item:
        replies: dict[str, Reply] = {}
        asked = iter([hang, *jobs(60)])
        reason = item.ask_many(asked, 3, lambda job, reply: replies.__setitem__(job.key, reply))
        assert reason is None and len(replies) == 61
        assert kind(replies.pop("hang")) == "timeout"
        assert {kind(reply) for reply in replies.values()} == {None}


def test_a_server_that_closes_without_answers_is_given_up_after_a_while() -> None:
    with serving(fake_servers.closing) as fake, wire(fake.port) as item:
        replies, reason = ask_all(item, 1000, 2)
        assert reason is not None and len(replies) < 30


@pytest.mark.parametrize("rate", [100.0, 400.0])
def test_the_rate_is_kept_within_five_percent(rate: float) -> None:
    count, least = int(rate), math.inf
    for _attempt in range(3):
        with serving(fake_servers.answering([], lambda _data: OK)) as fake, wire(fake.port, rate=rate) as item:
            start = time.monotonic()
            replies, reason = ask_all(item, count, 8)
            elapsed = time.monotonic() - start
        assert reason is None and len(replies) == count
        # Never faster; slower only because this machine was busy, which it is not three times.
        assert elapsed > 0.95 * (count - 1) / rate
        least = min(least, elapsed)
        if least < 1.05 * count / rate + 0.1:
            break
    assert least < 1.05 * count / rate + 0.1


def test_partial_results_come_back_at_the_deadline() -> None:
    with serving(fake_servers.answering([], lambda _data: OK)) as fake, wire(fake.port, deadline=0.5, rate=50) as item:
        start = time.monotonic()
        replies, reason = ask_all(item, 10_000, 8)
        assert 0.45 < time.monotonic() - start < 0.8
        assert 15 <= len(replies) <= 30
        assert reason is not None and "deadline" in reason


# -- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost with its key, in one PEM file."""
    from datetime import datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_requests_over_tls_reuse_connections_too(certificate: Path) -> None:
    client = _dial.tls_context(True, str(certificate), None, None)
    behaviour = fake_servers.answering([], lambda _data: OK)
    with serving(behaviour, server_context(certificate)) as fake, wire(fake.port, context=client) as item:
        replies, reason = ask_all(item, 50, 3)
        assert reason is None
        assert {reply.tls for reply in replies.values()} <= {"TLSv1.2", "TLSv1.3"}
        assert fake.connections == 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_where_every_answer_ends_the_connection_the_tls_session_goes_on(
    certificate: Path, version: ssl.TLSVersion
) -> None:
    context = server_context(certificate)
    context.maximum_version = version
    client = _dial.tls_context(True, str(certificate), None, None)

    def once(visit: Visit) -> None:
        visit.request()
        visit.send(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    with serving(once, context) as fake, wire(fake.port, context=client) as item:
        replies, reason = ask_all(item, 20, 2)
        assert reason is None and {kind(reply) for reply in replies.values()} == {None}
    assert context.session_stats()["hits"] >= 10


def test_a_long_answer_over_tls_is_read_to_its_end(certificate: Path) -> None:
    body = b"x" * 60_000
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + body
    client = _dial.tls_context(False, None, None, None)
    behaviour = fake_servers.answering([], lambda _data: long)
    with serving(behaviour, server_context(certificate)) as fake, wire(fake.port, context=client) as item:
        reply = item.ask(REQUEST)
        assert reply.answer is not None and reply.answer.body == body


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_told_otherwise(certificate: Path) -> None:
    with serving(fake_servers.answering([], lambda _data: OK), server_context(certificate)) as fake:
        with wire(fake.port, context=_dial.tls_context(True, None, None, None)) as item:
            reply = item.ask(REQUEST)
            assert kind(reply) == "tls"
            assert reply.failure is not None and "certificate" in reply.failure.sentence
        with wire(fake.port, context=_dial.tls_context(False, None, None, None)) as item:
            assert item.ask(REQUEST).answer is not None


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (fake_servers.saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), "tls-plain"),
        (fake_servers.closing, "tls-plain"),
        (fake_servers.silent, "timeout"),
    ],
)
def test_a_server_that_speaks_no_tls(behaviour: fake_servers.Behaviour, expected: str) -> None:
    client = _dial.tls_context(False, None, None, None)
    with serving(behaviour) as fake, wire(fake.port, timeout=0.4, context=client) as item:
        reply = item.ask(REQUEST)
        assert (kind(reply), reply.tls) == (expected, None)


def test_given_authorities_stand_in_the_place_of_the_system_s(certificate: Path) -> None:
    assert len(_dial.tls_context(True, str(certificate), None, None).get_ca_certs()) == 1


def test_a_client_certificate_that_is_missing_is_a_failure_of_tls(certificate: Path) -> None:
    context = server_context(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate)
    with serving(fake_servers.answering([], lambda _data: OK), context) as fake:
        with wire(fake.port, context=_dial.tls_context(False, None, None, None)) as item:
            # Since TLS 1.3 the client learns it after the handshake, or only sees the connection go.
            assert kind(item.ask(REQUEST)) in ("tls", "tls-plain", "closed")
        with wire(fake.port, context=_dial.tls_context(False, None, str(certificate), None)) as item:
            assert item.ask(REQUEST).answer is not None


@pytest.mark.parametrize("option", ["ca_path", "client_cert"])
def test_a_file_that_cannot_be_used_is_named(option: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    for content in (None, "no certificate\n"):
        if content is not None:
            path.write_text(content)
        ca_path, client_cert = (str(path), None) if option == "ca_path" else (None, str(path))
        with pytest.raises(InputError, match=option):
            _dial.tls_context(True, ca_path, client_cert, None)


def test_nothing_is_left_open(certificate: Path) -> None:
    """ResourceWarnings are errors in this suite; this closes a wire with busy and idle connections."""
    fake: Fake
    with serving(fake_servers.silent) as fake:
        item = Wire(Address(socket.AF_INET, ("127.0.0.1", fake.port)), None, "x", 0.2, time.monotonic() + 5)
        assert kind(item.ask(REQUEST)) == "timeout"
        item.close()
