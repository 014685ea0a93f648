# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The far end of a measurement: something on this machine that answers preflights faster than anybody asks.

nginx where there is one, else a small server in a process of its own; the output says which.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.contract.certificates import self_signed

CONTEXT = "/steve"
ENDPOINT = f"{CONTEXT}/websocket/CentralSystemService"
REFUSAL = b'Can "Upgrade" only to "WebSocket".'
SIGNIN = b'<html><form method="POST" action="/steve/manager/signin"><input name="username"></form></html>'


@dataclass(frozen=True)
class Server:
    """A server that accepts every charge box. ``name``: what it is."""

    name: str
    plain: int
    tls: int


@contextmanager
def running(directory: Path) -> Iterator[Server]:
    """The server while the block runs; ``directory`` takes its files."""
    certificate = directory / "server.pem"
    certificate.write_bytes(self_signed("localhost"))
    plain, tls = _free_port(), _free_port()
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary:
        (directory / "nginx.conf").write_text(_nginx(directory, certificate, plain, tls), "utf-8")
        argv = [binary, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", str(directory / "error.log")]
        told = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stderr
        name = told.rpartition(": ")[2].strip()
    else:
        argv = [sys.executable, "-m", "tests.benchmark.server", str(plain), str(tls), str(certificate)]
        name = "a small server in Python (no nginx is installed; it may be slower than what asks)"
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        for port in (plain, tls):
            _wait(port, process)
        yield Server(name, plain, tls)
    finally:
        process.terminate()
        process.wait(10)


def _nginx(directory: Path, certificate: Path, plain: int, tls: int) -> str:
    places = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in _TEMPORARY)
    text = REFUSAL.decode().replace('"', '\\"')
    return f"""
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000000; {places}
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    server {{
        listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; default_type text/html;
        location = {CONTEXT}/manager/signin {{ return 200 '{SIGNIN.decode()}'; }}
        location {CONTEXT}/websocket/ {{
            default_type text/plain; add_header X-Content-Type-Options nosniff always; return 400 "{text}";
        }}
        location / {{ return 302 {CONTEXT}/manager/signin; }}
    }}
}}
"""


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit("The server to measure against does not start.")


def _answer(path: bytes) -> bytes:
    if path == f"{CONTEXT}/manager/signin".encode():
        head, body = b"200 OK\r\nContent-Type: text/html", SIGNIN
    elif path.startswith(ENDPOINT.encode()):
        head, body = b"400 Bad Request\r\nX-Content-Type-Options: nosniff\r\nContent-Type: text/plain", REFUSAL
    else:
        head, body = f"302 Found\r\nLocation: {CONTEXT}/manager/signin".encode(), b""
    return b"HTTP/1.1 " + head + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body


class _Protocol(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._data = transport, b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            self._transport.write(_answer(self._data.split(b" ", 2)[1]))
            self._data = self._data[end + 4 :]


async def _serve(plain: int, tls: int, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    await loop.create_server(_Protocol, "127.0.0.1", plain)
    await loop.create_server(_Protocol, "127.0.0.1", tls, ssl=context)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
