# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server at the other end: nginx when it is there, else a small one of Python's; in a process of its own.

It answers as SteVe does, and nothing else, so that it is not what is measured: 400 with Spring's text to ids below
``/steve``, 404 to those below ``/empty``, and the sign-in page.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ACCEPTED = b'Can "Upgrade" only to "WebSocket".'
SIGNIN = b'<html><form action="/steve/manager/signin" method="post"><input name="username"></form></html>'

NGINX = """
daemon off; worker_processes 2; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type ""; keepalive_requests 10000000; keepalive_timeout 300s;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl;
    ssl_certificate server.pem; ssl_certificate_key server.pem;
    add_header X-Content-Type-Options nosniff always;
    location /steve/websocket/ {{ return 400 '{accepted}'; }}
    location /empty/websocket/ {{ return 404 "\\n"; }}
    location ~ ^/(steve|empty)/manager/signin$ {{ default_type text/html; return 200 '{signin}'; }}
    location / {{ return 302 /steve/manager/signin; }}
  }}
}}
"""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        name: what it is, for a person.
        plain: port without TLS.
        tls: port with TLS.
        ca_path: PEM file with its certificate.
    """

    name: str
    plain: int
    tls: int
    ca_path: str


@contextmanager
def serving(folder: Path, *, without_nginx: bool = False) -> Iterator[Server]:
    """A server that runs while the block does, with its files in ``folder``."""
    certificate = folder / "server.pem"
    certificate.write_bytes(_certificate())
    certificate.chmod(0o600)
    (folder / "temp").mkdir()
    plain, tls = _free_ports()
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx and not without_nginx:
        text = NGINX.format(plain=plain, tls=tls, accepted=ACCEPTED.decode(), signin=SIGNIN.decode())
        (folder / "nginx.conf").write_text(text, encoding="ascii")
        argv = [nginx, "-p", f"{folder}/", "-e", "stderr", "-c", "nginx.conf"]
        name = "nginx, two workers"
    else:
        argv = [sys.executable, "-m", "tests.benchmark.servers", str(plain), str(tls), str(certificate)]
        name = "a small one of Python's, without nginx; it may be what limits the rates"
    process = subprocess.Popen(argv, cwd=ROOT)
    try:
        for port in (plain, tls):
            _wait_for(port, process)
        yield Server(name, plain, tls, str(certificate))
    finally:
        process.terminate()
        process.wait(10)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server to measure with did not start")


def _certificate() -> bytes:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


# -- without nginx ------------------------------------------------------------------------------------------


def _answer(status: bytes, body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %b\r\nX-Content-Type-Options: nosniff\r\n%bContent-Length: %d\r\n\r\n"
    return head % (status, more, len(body)) + body


_ANSWERS = {
    b"GET /steve/websocket/": _answer(b"400 Bad Request", ACCEPTED),
    b"GET /empty/websocket/": _answer(b"404 Not Found", b""),
    b"GET /steve/manager/sig": _answer(b"200 OK", SIGNIN, b"Content-Type: text/html\r\n"),
    b"GET /empty/manager/sig": _answer(b"200 OK", SIGNIN, b"Content-Type: text/html\r\n"),
}
_ELSE = _answer(b"302 Found", b"", b"Location: /steve/manager/signin\r\n")


class _Answering(asyncio.Protocol):
    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._data = (self._data + data).split(b"\r\n\r\n")
        for request in requests:
            found = next((answer for start, answer in _ANSWERS.items() if request.startswith(start)), _ELSE)
            if isinstance(self._transport, asyncio.WriteTransport):
                self._transport.write(found)


async def _serve(plain: int, tls: int, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    await loop.create_server(_Answering, "127.0.0.1", plain)
    server = await loop.create_server(_Answering, "127.0.0.1", tls, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
