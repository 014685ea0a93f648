# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real nginx for one test: its own configuration, pid, logs and ports in a directory, nothing of the machine's."""

from __future__ import annotations

import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.stack import engine, images
from tests.stack.project import free_port
from tests.stack.shell import CACHE, lock

NAME = "charge.example.net"


def binary() -> str:
    """Where nginx is: this machine's own, else the one of the target image. These tests are nothing without it."""
    found = shutil.which("nginx") or ("/usr/sbin/nginx" if os.access("/usr/sbin/nginx", os.X_OK) else None)
    return found or str(from_target_image(CACHE / "nginx" / "nginx"))


def from_target_image(copy: Path) -> Path:
    """Copy nginx out of the target image; it needs nothing but common libraries of this machine.

    AssertionError: it does not run here.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    with lock(copy.with_suffix(".lock")):  # tests run in several processes
        if not copy.exists():
            there = engine.ensure()
            container = there.docker("create", images.ensure(there).target).stdout.strip()
            try:
                there.docker("cp", f"{container}:/usr/sbin/nginx", str(copy))
            finally:
                there.docker("rm", "--force", container)
    tried = subprocess.run([str(copy), "-v"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, f"nginx of the target image does not run here ({tried.stderr}): install nginx-light."
    return copy


class LocalNginx:
    """An nginx in the foreground under ``directory``; every server block is a file in ``sites/``."""

    def __init__(self, directory: Path, inside: Path | None = None) -> None:
        """``inside``: where nginx sees the directory ``sites``, if that is elsewhere."""
        self.directory = directory
        self.sites = directory / "sites"
        self.conf = directory / "nginx.conf"
        self.port = free_port()
        self.command = (binary(),)
        self.process: subprocess.Popen[bytes] | None = None
        self.sites.mkdir(parents=True)
        (directory / "run").mkdir()
        temporary = "".join(
            f"    {name}_temp_path {directory}/run/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.conf.write_text(
            ("user root;\n" if os.geteuid() == 0 else "") + f"daemon off;\nworker_processes 1;\n"
            f"pid {directory}/run/nginx.pid;\nerror_log {directory}/run/error.log;\n"
            f"events {{ }}\nhttp {{\n    access_log off;\n{temporary}    include {inside or self.sites}/*.conf;\n}}\n"
        )

    def site(self, *parts: str, file: str = "site.conf", name: str = NAME) -> Path:
        """Write a server block."""
        path = self.sites / file
        body = "".join(f"    {part}\n" for part in parts)
        path.write_text(f"server {{\n    listen 127.0.0.1:{self.port};\n    server_name {name};\n{body}}}\n")
        return path

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [*self.command, "-e", f"{self.directory}/run/error.log", "-c", str(self.conf)], stderr=subprocess.PIPE
        )
        end = time.monotonic() + 10
        while time.monotonic() < end:
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("nginx did not start to listen")

    def stop(self) -> None:
        """Stop this one."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            if self.process.stderr is not None:
                self.process.stderr.close()
            self.process = None

    def snapshot(self) -> dict[str, tuple[Any, ...]]:
        """Every file outside of ``run/`` with content, mode, owner and time; equal exactly when nothing was touched."""
        found: dict[str, tuple[Any, ...]] = {}
        for path in sorted(self.directory.rglob("*")):
            if "run" in path.relative_to(self.directory).parts:
                continue
            known = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (content, known.st_mode, known.st_uid, known.st_mtime_ns, known.st_ino)
        return found


UPGRADE = (
    f"Host: {NAME}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PATH = "/steve/websocket/CentralSystemService/CP1"


def ask(port: int, path: str = PATH, headers: str = UPGRADE) -> tuple[int, str, socket.socket]:
    """Send a request and read the head of the answer: status, rest, and the connection, still open."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(f"GET {path} HTTP/1.1\r\n{headers}".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(4096)
        if not piece:
            break
        answer += piece
    return int(answer.split()[1]), answer.decode(), connection


def status(port: int, path: str = PATH, headers: str = UPGRADE) -> int:
    """The status of a request."""
    code, _text, connection = ask(port, path, headers)
    connection.close()
    return code


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline(4096).decode().split()
        headers: dict[str, str] = {}
        while (text := self.rfile.readline(4096).decode().strip()) != "":
            name, _colon, value = text.partition(":")
            headers[name.lower()] = value.strip()
        self.server.requests.append((line, headers))  # type: ignore[attr-defined]
        upgraded = line[2] == "HTTP/1.1" and headers.get("upgrade") == "websocket"
        if upgraded and headers.get("connection", "").lower() == "upgrade":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            while (data := self.connection.recv(4096)) != b"":
                self.wfile.write(data)
        else:
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Upstream(socketserver.ThreadingTCPServer):
    """What stands behind nginx: completes an upgrade that arrives whole and then echoes, else answers 400."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.requests: list[tuple[list[str], dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def upstream() -> Iterator[Upstream]:
    """An upstream for the length of a block."""
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
