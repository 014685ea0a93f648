# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP under bad conditions: every way not to get an answer has its name, and nothing takes longer than allowed."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _http
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Accepts connections one after the other and hands each to a script; keeps what it received."""

    def __init__(self, script: Callable[[Any, Server], None], context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.context = context
        self.received: list[bytes] = []
        self.connections = 0
        self.used: list[int] = []
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.names: list[str | None] = []

    def serve(self) -> None:
        while not self.over.is_set():
            try:
                connection: Any = self.listener.accept()[0]
            except OSError:
                return
            with suppress(OSError), connection:
                self.connections += 1
                if self.context is not None:
                    with self.context.wrap_socket(connection, server_side=True) as secured:
                        self.script(secured, self)
                else:
                    self.script(connection, self)

    def read(self, connection: Any) -> bytes:
        """One request, headers and body."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return data
            data += part
        head, _separator, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while lengths and len(body) < int(lengths[0].split(b":")[1]):
            body += connection.recv(65536)
        self.used.append(self.connections)
        self.received.append(head + b"\r\n\r\n" + body)
        return data


@contextmanager
def serving(script: Callable[[Any, Server], None], context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(script, context)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        server.listener.close()
        thread.join(5)
        assert not thread.is_alive()


def answering(*answers: bytes) -> Callable[[Any, Server], None]:
    """One connection that gives these answers, one per request, and then waits for the next request."""

    def script(connection: Any, server: Server) -> None:
        for answer in answers:
            if not server.read(connection):
                return
            connection.sendall(answer)
        server.read(connection)

    return script


@contextmanager
def client(port: int, scheme: str = "http", host: str = "127.0.0.1", **options: Any) -> Iterator[_http.HttpClient]:
    made = _http.HttpClient(f"{scheme}://{host}:{port}/steve", **{"timeout": 5.0, **options})
    try:
        yield made
    finally:
        made.close()


def failure(port: int, **options: Any) -> SteveError:
    with client(port, **options) as http, pytest.raises(SteveError) as caught:
        http.get("/x", "look")
    return caught.value


# -- the plain way -----------------------------------------------------------------------------------------------


def test_requests_share_a_connection_and_cookies_come_back() -> None:
    cookies = b"Set-Cookie: JSESSIONID=abc; Path=/steve\r\nSet-Cookie: other=1; Path=/else\r\n"
    first = b"HTTP/1.1 200 OK\r\n" + cookies + OK[17:]
    with serving(answering(first, OK, OK)) as server, client(server.port) as http:
        answer = http.get("/a", "look")
        assert (answer.status, answer.text, answer.headers["content-length"]) == (200, "ok", "2")
        http.post_form("/b", {"name": "a b", "word": "\u00e9&="}, "send")
        http.forget_cookies()
        http.get("/c?d=e", "look")
    assert server.used == [1, 1, 1]
    one, two, three = server.received
    assert one.startswith(b"GET /steve/a HTTP/1.1\r\n") and b"Cookie" not in one
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in one
    assert b"Accept: text/html\r\n" in one
    assert two.startswith(b"POST /steve/b HTTP/1.1\r\n") and b"Cookie: JSESSIONID=abc\r\n" in two
    assert two.endswith(b"\r\n\r\nname=a+b&word=%C3%A9%26%3D")
    assert three.startswith(b"GET /steve/c?d=e HTTP/1.1\r\n") and b"Cookie" not in three


def test_redirects_are_handed_over_and_not_followed() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/other\r\nContent-Length: 0\r\n\r\n"
    with serving(answering(redirect)) as server, client(server.port) as http:
        answer = http.get("/a", "look")
    assert (answer.status, answer.location) == (302, "http://127.0.0.1:9/other")
    assert len(server.received) == 1


def test_chunked_answers_and_answers_that_end_with_the_connection_are_read() -> None:
    def script(connection: Any, server: Server) -> None:
        if server.connections == 1:
            server.read(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        if server.read(connection):
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nto the end")

    with serving(script) as server, client(server.port) as http:
        assert http.get("/a", "look").text == "abc"
        assert http.get("/b", "look").text == "to the end"


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    with serving(answering(OK)) as server, client(server.port) as http:
        http.get("/a", "look")
        # The script reads the second request and closes without an answer.
        assert http.get("/b", "look").text == "ok"
    assert [request.split(b" ")[1] for request in server.received][:3] == [b"/steve/a", b"/steve/b", b"/steve/b"]


def test_another_address_is_dialled_while_the_host_header_stays() -> None:
    with serving(answering(OK)) as server:
        made = _http.HttpClient("http://charge.example.net/steve", connect_to=f"127.0.0.1:{server.port}")
        made.get("/a", "look")
        made.close()
        assert made.target("/a") == f"http://charge.example.net/steve/a through 127.0.0.1:{server.port}"
    assert b"\r\nHost: charge.example.net\r\n" in server.received[0]


def test_a_proxy_variable_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(answering(OK)) as server, client(server.port) as http:
        assert http.get("/a", "look").status == 200


# -- no answer, by name ------------------------------------------------------------------------------------------


def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(port)
    assert (type(error), error.code) == (_http.NotReachable, "tcp-refused")
    assert error.got == f"127.0.0.1 port {port} refused the connection"


def test_a_name_that_does_not_resolve() -> None:
    with client(80, host="no-such-name.invalid") as http, pytest.raises(_http.NotReachable) as caught:
        http.get("/x", "look")
    assert caught.value.code == "dns-unresolvable"


def test_a_resolver_that_never_answers_takes_no_longer_than_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: over.wait(30) and [])
    begin = time.monotonic()
    error = failure(80, timeout=0.2)
    over.set()
    assert error.code == "dns-unresolvable" and time.monotonic() - begin < 5


def test_of_several_addresses_one_that_answers_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = listener.getsockname()
    with serving(answering(OK)) as server, client(server.port) as http:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (dead, ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: rows)
        assert http.get("/a", "look").status == 200


def test_a_listener_with_a_full_queue() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _number in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            waiting.append(filler)
        error = failure(port, timeout=0.3)
        for filler in waiting:
            filler.close()
    assert error.code == "tcp-timeout"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "connection-closed"),
        (b"5.5.5-10.11.2-MariaDB\x00\x01\x02\r\n", "not-http"),
        (b"\x15\x03\x03\x00\x02\x02\x50", "plain-on-tls-port"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", "connection-closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "connection-closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "connection-closed"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "not-http"),
    ],
)
def test_what_is_no_whole_answer_has_a_name(data: bytes, code: str) -> None:
    def script(connection: Any, server: Server) -> None:
        server.read(connection)
        connection.sendall(data)

    with serving(script) as server:
        error = failure(server.port)
    assert error.code == code
    assert error.sentence().isprintable()


def test_a_server_that_never_answers() -> None:
    def script(connection: Any, server: Server) -> None:
        server.over.wait(30)

    with serving(script) as server:
        error = failure(server.port, timeout=0.3)
        server.over.set()
    assert isinstance(error, _http.NoAnswer) and error.got == "connected, but no answer within 0.3 s"


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_server_that_drips_bytes_takes_no_longer_than_the_request(begin: bytes) -> None:
    def script(connection: Any, server: Server) -> None:
        server.read(connection)
        connection.sendall(begin)
        while not server.over.wait(0.02):
            connection.sendall(b"x")

    with serving(script) as server:
        started = time.monotonic()
        error = failure(server.port, timeout=0.4)
        assert time.monotonic() - started < 3
        server.over.set()
    assert error.code == "http-timeout"
    assert isinstance(error, _http.SlowAnswer if begin.endswith(b"\r\n\r\n") else _http.NoAnswer)


def test_the_whole_call_has_a_deadline_of_its_own() -> None:
    now = [0.0]
    with serving(answering(OK, OK)) as server, client(server.port, deadline=7.0, clock=lambda: now[0]) as http:
        http.get("/a", "look")
        assert http.seconds_left() == 7.0
        now[0] = 7.0
        with pytest.raises(_http.DeadlinePassed, match="deadline"):
            http.get("/b", "look")
    assert len(server.received) == 1


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "MAX_BODY_BYTES", 1024 * 1024)

    def script(connection: Any, server: Server) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with serving(script) as server:
        error = failure(server.port)
    assert isinstance(error, _http.TooLarge) and error.got == "the answer is larger than 1 MB"


# -- TLS ---------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str, days: int = 30) -> tuple[str, ssl.SSLContext]:
    """A self-signed certificate for a name and 127.0.0.1; its file and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60)).not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / f"{name}.pem"
    form = serialization.Encoding.PEM
    secret = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(form) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return str(file), context


def over_tls(server: Server, **options: Any) -> _http.Answer | SteveError:
    http = _http.HttpClient(
        "https://charge.example.net/steve", timeout=5.0, connect_to=f"127.0.0.1:{server.port}", **options
    )
    try:
        return http.post_form("/manager/signin", {"password": "1234"}, "sign in")
    except SteveError as error:
        return error
    finally:
        http.close()


def test_the_name_of_the_url_is_asked_for_and_verified_while_another_address_is_dialled(tmp_path: Path) -> None:
    file, context = certificate(tmp_path, "charge.example.net")
    with serving(answering(OK), context) as server:
        context.sni_callback = lambda _socket, name, _context: server.names.append(name)
        answer = over_tls(server, ca_path=file)
    assert isinstance(answer, _http.Answer) and answer.status == 200
    assert server.names == ["charge.example.net"]
    assert b"\r\nHost: charge.example.net\r\n" in server.received[0]


@pytest.mark.parametrize(
    ("name", "days", "trusted", "code"),
    [
        ("charge.example.net", 30, False, "tls-untrusted"),
        ("other.example.net", 30, True, "tls-name-mismatch"),
        ("charge.example.net", -1, True, "tls-expired"),
    ],
)
def test_nothing_is_sent_over_an_unverified_connection_unless_asked(
    tmp_path: Path, name: str, days: int, trusted: bool, code: str
) -> None:
    file, context = certificate(tmp_path, name, days)
    with serving(answering(OK), context) as server:
        error = over_tls(server, ca_path=file if trusted else None)
        assert server.received == []
        answer = over_tls(server, ca_path=file if trusted else None, validate_certs=False)
    assert isinstance(error, _http.TlsFailed) and error.code == code
    assert isinstance(answer, _http.Answer) and answer.status == 200


def test_tls_on_a_plain_port() -> None:
    def script(connection: Any, server: Server) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(script) as server:
        error = over_tls(server)
    assert isinstance(error, _http.TlsFailed) and error.code == "tls-on-plain-port"


def test_a_tls_handshake_that_is_never_answered() -> None:
    def script(connection: Any, server: Server) -> None:
        server.over.wait(30)

    with serving(script) as server:
        http = _http.HttpClient(f"https://127.0.0.1:{server.port}/steve", timeout=0.3)
        with pytest.raises(_http.TlsFailed) as caught:
            http.get("/x", "look")
        server.over.set()
    assert caught.value.code == "tls-handshake-failed"


def test_a_demanded_client_certificate_is_presented(tmp_path: Path) -> None:
    file, context = certificate(tmp_path, "charge.example.net")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(file)
    with serving(answering(OK), context) as server:
        without = over_tls(server, ca_path=file)
        answer = over_tls(server, ca_path=file, client_cert=file)
    assert isinstance(without, SteveError) and without.code in ("tls-handshake-failed", "connection-closed")
    assert isinstance(answer, _http.Answer) and answer.status == 200


# -- options -----------------------------------------------------------------------------------------------------


def test_a_base_url_in_parts() -> None:
    assert _http.parse_base("http://127.0.0.1:8180/steve/") == _http.Base("http", "127.0.0.1", 8180, "/steve")
    assert _http.parse_base("https://[::1]/a/b") == _http.Base("https", "::1", 443, "/a/b")
    assert _http.parse_base("HTTP://host") == _http.Base("http", "host", 80, "")


@pytest.mark.parametrize(
    "url",
    [
        "", "steve", "ws://host/steve", "http://", "http:///steve", "http://host:x/", "http://host:99999/", "http://h/?q=1",
        "http://h/#f", "http://h/a b", "http://h/\x07", "http://h/\u00e9", "http://[bad/", "http://admin:geheim@host/steve",
    ],
)  # fmt: skip
def test_a_wrong_url_is_refused_with_a_sentence_and_without_its_credentials(url: str) -> None:
    with pytest.raises(InputError) as caught:
        _http.parse_base(url)
    assert caught.value.sentence().startswith("Option url is wrong: ")
    assert "geheim" not in caught.value.sentence()
    assert caught.value.sentence().isprintable()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ca_path", "/nonexistent/ca.pem"), ("ca_path", __file__), ("client_cert", "/nonexistent/cert.pem"),
        ("client_cert", __file__), ("connect_to", "nowhere"), ("timeout", 0.0), ("deadline", -1.0),
    ],
)  # fmt: skip
def test_an_unusable_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"Option {option} is wrong"):
        _http.HttpClient("https://host/steve", **{option: value})
