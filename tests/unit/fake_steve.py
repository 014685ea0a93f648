# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few lines of HTTP server that show the pages of `admin_pages` behind SteVe's sign-in, and misbehave when told."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.unit.admin_pages import Box, Knock, Open, Pages


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Reply:
    """One answer; ``close`` ends the connection without one."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False


class FakeSteve:
    """SteVe's admin UI as far as the admin client walks through it."""

    def __init__(self, release: str = "3.14.1", username: str = "admin", password: str = "1234") -> None:
        self.pages = Pages(release)
        self.username, self.password = username, password
        self.boxes: list[Box] = []
        self.unknown: list[Knock] = []
        self.open: list[Open] = []
        self.seen: list[Seen] = []
        #: Path below the context to what is answered instead; it may return None for the usual answer.
        self.instead: dict[str, Callable[[Seen], Reply | None]] = {}
        self.signed_in: set[str] = set()
        self.url = ""
        self.port = 0
        self.let_go = threading.Event()
        self._numbers = itertools.count(1)

    def paths(self) -> list[str]:
        """Methods and paths below the context, in order of arrival."""
        return [f"{seen.method} {seen.path.removeprefix(self.pages.context)}" for seen in self.seen]

    def hang(self, seen: Seen) -> Reply:
        """Never answer while the test runs."""
        self.let_go.wait(30)
        return Reply(close=True)

    def answer(self, seen: Seen) -> Reply:
        """The answer to one request."""
        path = urlsplit(seen.path).path.removeprefix(self.pages.context)
        special = self.instead.get(path)
        reply = special(seen) if special else None
        return reply or self.usual(seen, path)

    def usual(self, seen: Seen, path: str) -> Reply:
        """The answer of a healthy server."""
        cookie = seen.headers.get("cookie", "").removeprefix("JSESSIONID=")
        if path == "/manager/signin":
            return self._sign_in(seen, cookie)
        if cookie not in self.signed_in:
            return self.to_sign_in()
        if path == "/manager/signout":
            self.signed_in.discard(cookie)
            return self.to_sign_in()
        if path == "/manager/home":
            return Reply(body=self.pages.home(len(self.boxes)))
        if path == "/manager/about":
            return Reply(body=self.pages.about())
        if path == "/manager/home/ocppJsonStatus":
            return Reply(body=self.pages.sessions(self.open))
        if path == "/manager/chargepoints":
            return Reply(body=self.pages.charge_points(self.boxes, self.unknown))
        if path == "/manager/chargepoints/query":
            wanted = parse_qs(urlsplit(seen.path).query)["chargeBoxId"][0]
            return Reply(body=self.pages.charge_points([box for box in self.boxes if wanted in box.id], self.unknown))
        if path.startswith("/manager/chargepoints/details/"):
            for box in self.boxes:
                if path.endswith(f"/{box.pk}"):
                    return Reply(body=self.pages.details(box, "Pending", 1, "V", "M", "F"))
            return Reply(body=self.pages.error("Charge point not found"))
        return Reply(404, "<html><title>Error 404</title></html>")

    def _sign_in(self, seen: Seen, cookie: str) -> Reply:
        if seen.method == "GET":
            body = self.pages.sign_in(refused=seen.path.endswith("?error"))
            return Reply(body=body, headers={"Set-Cookie": f"JSESSIONID=anonymous-{next(self._numbers)}; Path=/steve"})
        posted = parse_qs(seen.body, keep_blank_values=True)
        if not cookie:
            return self.to_sign_in()
        if posted.get("_csrf") != [self.pages.token]:
            return Reply(403, "<html><title>Error 403 Forbidden</title></html>")
        if posted.get("username") != [self.username] or posted.get("password") != [self.password]:
            return self.to_sign_in("?error")
        session = f"signed-in-{next(self._numbers)}"
        self.signed_in.add(session)
        cookie = f"JSESSIONID={session}; Path=/steve; HttpOnly"
        return Reply(302, "", {"Location": f"{self.pages.context}/", "Set-Cookie": cookie})

    def to_sign_in(self, more: str = "") -> Reply:
        """A redirect to the sign-in page, absolute up to 3.9."""
        origin = self.url.removesuffix(self.pages.context) if self.pages.key < (3, 10, 0) else ""
        return Reply(302, "", {"Location": f"{origin}{self.pages.context}/manager/signin{more}"})


@contextmanager
def running(steve: FakeSteve) -> Iterator[FakeSteve]:
    """Serve on a free port of the loopback interface while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers, self.rfile.read(length).decode())
            steve.seen.append(seen)
            reply = steve.answer(seen)
            if reply.close:
                self.close_connection = True
                return
            content = reply.body.encode("utf-8", "surrogatepass")
            self.send_response_only(reply.status)
            for name, value in {"Content-Type": "text/html;charset=utf-8", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _handle  # noqa: N815 - the names that the base class calls

        def handle(self) -> None:
            # The client may hang up first, as some tests want.
            with suppress(ConnectionError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    steve.port = server.server_address[1]
    steve.url = f"http://127.0.0.1:{steve.port}{steve.pages.context}"
    try:
        yield steve
    finally:
        steve.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
