# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP with cookies towards one SteVe: bounded in time and size, no redirect is ever followed.

Why not ``ansible.module_utils.urls``: it cannot dial another address than the URL's (``connect_to``), its timeout
starts again with every packet, so that a slow server stretches one request without end, and it honours proxy
variables, which would ask another hop than the one in question. This is ``http.client`` with its own dialling, the
cookies are ``http.cookiejar``'s.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any, Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils import _dial, _options
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: A page of 10,000 charge boxes has about 6 MB.
MAX_BODY_BYTES = 16 * 1024 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL)
# X509_V_ERR_* of OpenSSL.
_CERTIFICATE_CODES = {9: "tls-expired", 10: "tls-expired", 62: "tls-name-mismatch", 64: "tls-name-mismatch"}


class NotReachable(SteveError):
    """No HTTP answer came back; ``code`` is the id of the finding that fits, for example ``tcp-refused``."""

    code = "tcp-refused"


class TlsFailed(NotReachable):
    """The TLS handshake failed or the certificate was refused; nothing was sent."""

    code = "tls-handshake-failed"


class NoAnswer(NotReachable):
    """Connected, but no answer in time."""

    code = "http-timeout"


class SlowAnswer(NotReachable):
    """The answer had begun, but was not complete in time."""

    code = "http-timeout"


class DeadlinePassed(SteveError):
    """The time for the whole call is used up."""

    code = "deadline-passed"


class TooLarge(SteveError):
    """An answer is larger than what is read."""

    code = "answer-too-large"


@dataclass(frozen=True)
class Base:
    """SteVe's base URL in parts; ``context`` has a leading slash or is empty."""

    scheme: str
    host: str
    port: int
    context: str


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        status: HTTP status code.
        headers: lower-case name to value; of a repeated header the first one.
        body: at most ``MAX_BODY_BYTES``.
        elapsed_s: seconds from the request to the end of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float

    @property
    def location(self) -> str | None:
        """Value of the ``Location`` header."""
        return self.headers.get("location")

    @property
    def text(self) -> str:
        """The body as text; SteVe's pages are UTF-8 in every release."""
        return self.body.decode("utf-8", "replace")


def parse_base(url: str) -> Base:
    """The parts of a base URL such as ``http://host:8180/steve``.

    Raises:
        InputError: it is no such URL, or it holds credentials, a query or a fragment.
    """
    advice = "Give the base URL of SteVe with its context path, such as http://127.0.0.1:8180/steve."
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError("url", "it is not a URL", advice) from None
    if parts.username is not None or parts.password is not None:
        raise InputError("url", "it holds credentials", "Give them in their own options; a URL ends up in logs.")
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host:
        raise InputError("url", f"{inert(url, 80)!r} does not begin with http:// or https:// and a host", advice)
    if parts.query or parts.fragment or any(not 0x20 < ord(character) < 0x7F for character in url.strip()):
        raise InputError("url", f"{inert(url, 80)!r} holds a query, a fragment, a blank or a special letter", advice)
    return Base(scheme, host, port or _DEFAULT_PORTS[scheme], parts.path.rstrip("/"))


class HttpClient:
    """Requests below one base URL, one after the other, on a kept connection.

    Args:
        url: base URL with context path.
        timeout: seconds for one request, dialling to last byte.
        deadline: seconds for all requests together, from now.
        connect_to: ``host:port`` to dial while Host header and TLS name stay those of ``url``.
        validate_certs: False accepts any certificate, as asked for.
        ca_path: file with the authorities to trust.
        client_cert: file with the client's certificate.
        client_key: file with its key, unless ``client_cert`` holds it.
        clock: monotonic seconds.

    Raises:
        InputError: url, connect_to, a time or a TLS file cannot be used.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 10.0,
        deadline: float = 60.0,
        connect_to: str | None = None,
        validate_certs: bool = True,
        ca_path: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base = parse_base(url)
        self.url = url.strip().rstrip("/")
        self.timeout = _options.seconds(timeout, "timeout")
        self.deadline = _options.seconds(deadline, "deadline")
        self._connect_to = connect_to
        self._address = _options.host_and_port(connect_to) or (self.base.host, self.base.port)
        self._tls = None
        if self.base.scheme == "https":
            self._tls = _dial.tls_context(validate_certs, ca_path, client_cert, client_key)
        self._clock = clock
        self._end_of_call = clock() + deadline
        self._end_of_request = self._end_of_call
        self._cookies = CookieJar()
        self._connection: _Connection | None = None

    def get(
        self,
        path: str,
        attempted: str,
        timeout: float | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        keep: int | None = None,
    ) -> Answer:
        """GET a path below the context.

        Args:
            path: with a leading slash.
            attempted: verb phrase for an error sentence.
            timeout: seconds for this request, at most those of the client.
            headers: further headers, which win over the client's own.
            keep: bytes of the body that are of interest; the rest is not read, and no answer is too large.

        Raises:
            NotReachable: or one of its subclasses.
            DeadlinePassed: the call's time is used up.
            TooLarge: the answer is too large.
        """
        return self._exchange("GET", path, None, attempted, timeout, headers, keep)

    def post_form(
        self, path: str, fields: Mapping[str, str] | Sequence[tuple[str, str]], attempted: str
    ) -> Answer:
        """POST a form to a path below the context; errors as for `get`."""
        return self._exchange("POST", path, urlencode(fields).encode("ascii"), attempted)

    def seconds_left(self) -> float:
        """Seconds until the deadline of the whole call, at least 0."""
        return max(self._end_of_call - self._clock(), 0.0)

    def forget_cookies(self) -> None:
        """Begin again as somebody SteVe has never seen."""
        self._cookies = CookieJar()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.hang_up()
            self._connection = None

    def target(self, path: str) -> str:
        """How an error sentence names a path: the URL and, if it differs, the address that was dialled."""
        through = f" through {self._connect_to}" if self._connect_to else ""
        return f"{self.url}{path}{through}"

    # -- one exchange ------------------------------------------------------------------------------------------

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        attempted: str,
        timeout: float | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        keep: int | None = None,
    ) -> Answer:
        begin = self._clock()
        self._end_of_request = min(begin + min(timeout or self.timeout, self.timeout), self._end_of_call)
        if self._end_of_call <= begin:
            raise DeadlinePassed(
                attempted, self.target(path), f"the time for the whole call ({self.deadline:g} s) is used up",
                "Raise the option deadline, or ask for less at a time.",
            )
        reused = self._connection is not None
        try:
            return self._once(method, path, body, attempted, begin, headers or {}, keep)
        except _ClosedEarly:
            if not reused:
                raise
            # A server may close a kept connection at any time (RFC 9112, 9.5): once more on a new one.
            return self._once(method, path, body, attempted, begin, headers or {}, keep)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        attempted: str,
        begin: float,
        more: Mapping[str, str | bytes],
        keep: int | None,
    ) -> Answer:
        target = self.target(path)
        if self._connection is None:
            self._connection = _Connection(self.base.host, self.base.port, self._open(attempted, target))
            self._connection.default_port = _DEFAULT_PORTS[self.base.scheme]
        began = False
        try:
            sent: dict[str, str | bytes] = {**self._headers(path, body), **more}
            self._connection.request(method, self.base.context + path, body, sent)
            response = self._connection.getresponse()
            began = True
            self._cookies.extract_cookies(response, urllib.request.Request(self._cookie_url(path)))
            content = _body(response, MAX_BODY_BYTES if keep is None else keep)
            cut = keep is not None and len(content) > keep
            if len(content) > MAX_BODY_BYTES and keep is None:
                raise TooLarge(
                    attempted, target, f"the answer is larger than {MAX_BODY_BYTES // (1024 * 1024)} MB",
                    "Check that the URL leads to SteVe.",
                )
            headers: dict[str, str] = {}
            for name, value in response.getheaders():
                headers.setdefault(name.lower(), value)
            if response.will_close or cut:
                self.close()
            return Answer(response.status, headers, content[:keep], self._clock() - begin)
        except (OSError, http.client.HTTPException, ValueError, TooLarge) as error:
            self.close()
            if isinstance(error, TooLarge):
                raise
            raise _broken(error, began, attempted, target, self._clock() - begin) from None

    def _headers(self, path: str, body: bytes | None) -> dict[str, str]:
        # SteVe 3.4 answers 401 instead of the redirect to the sign-in page unless HTML is wanted.
        headers = {"Accept": "text/html", "User-Agent": "chargeops.steve"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = urllib.request.Request(self._cookie_url(path))
        self._cookies.add_cookie_header(request)
        cookie = request.get_header("Cookie")
        if cookie:
            headers["Cookie"] = cookie
        return headers

    def _cookie_url(self, path: str) -> str:
        return self.url + path.split("?", 1)[0]

    # -- dialling ----------------------------------------------------------------------------------------------

    def _remaining(self) -> float:
        seconds = self._end_of_request - self._clock()
        if seconds <= 0:
            raise socket.timeout("out of time")
        return seconds

    def _open(self, attempted: str, target: str) -> _Stream:
        host, port = self._address
        found = _dial.resolve(host, port, self._remaining())
        if not isinstance(found, list):
            raise NotReachable(
                attempted, target, found.sentence, "Check the name, and the resolver of the machine that asked.",
                "dns-unresolvable",
            )
        last: Exception | None = None
        for position, address in enumerate(found):
            sock = socket.socket(address.family, socket.SOCK_STREAM)
            try:
                # A dead address of several leaves time for the others.
                sock.settimeout(self._remaining() / (len(found) - position))
                sock.connect(address.sockaddr)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                break
            except OSError as error:
                sock.close()
                last = error
        else:
            raise _not_connected(last, attempted, target, f"{host} port {port}") from None
        if self._tls is None:
            return _Stream(sock, self._remaining)
        try:
            sock.settimeout(self._remaining())
            return _Stream(self._tls.wrap_socket(sock, server_hostname=self.base.host), self._remaining)
        except (OSError, ValueError) as error:
            sock.close()
            raise _tls_failed(error, attempted, target) from None


class _ClosedEarly(NotReachable):
    """Closed before the first byte of an answer."""


class _Connection(http.client.HTTPConnection):
    """A connection that was dialled by us; it never dials by itself."""

    def __init__(self, host: str, port: int, stream: _Stream) -> None:
        super().__init__(host, port)
        self._stream = stream
        self.sock: Any = stream

    def connect(self) -> None:
        raise http.client.RemoteDisconnected("the kept connection is closed")

    def hang_up(self) -> None:
        """Close the socket itself."""
        self.close()
        self._stream.hang_up()


class _Stream:
    """What ``http.client`` needs of a socket, with the request's deadline in force for every read and write."""

    def __init__(self, sock: socket.socket, remaining: Callable[[], float]) -> None:
        self._sock = sock
        self._remaining = remaining

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._remaining())
        self._sock.sendall(data)

    def makefile(self, mode: str, *_args: Any) -> io.BufferedReader:
        del mode
        return io.BufferedReader(_Reader(self._sock, self._remaining), 65536)

    def close(self) -> None:
        """The client closes the socket after the answer was read; see `hang_up`."""

    def hang_up(self) -> None:
        self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, remaining: Callable[[], float]) -> None:
        super().__init__()
        self._sock = sock
        self._remaining = remaining

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._remaining())
        return self._sock.recv_into(buffer)


def _body(response: http.client.HTTPResponse, most: int) -> bytes:
    """The body, or a byte more than ``most`` of it.

    Raises:
        http.client.IncompleteRead: the connection was closed in the middle.
    """
    parts: list[bytes] = []
    size = 0
    while size <= most:
        part = response.read(min(65536, most + 1 - size))
        if not part:
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _broken(error: Exception, began: bool, attempted: str, target: str, seconds: float) -> NotReachable:
    """The sentence for an exchange that ended without a whole answer."""
    if isinstance(error, socket.timeout):
        if began:
            return SlowAnswer(
                attempted, target, f"the answer was still coming after {seconds:.1f} s", "Raise the option timeout."
            )
        return NoAnswer(
            attempted, target, f"connected, but no answer within {seconds:.1f} s",
            "Check whether the application behind this address is alive.",
        )
    if isinstance(error, http.client.IncompleteRead):
        return NotReachable(
            attempted, target, "the connection was closed in the middle of the answer",
            "Try again; check the proxy in between.", "connection-closed",
        )
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
        return (NotReachable if began else _ClosedEarly)(
            attempted, target, f"the connection was closed without an answer ({type(error).__name__})",
            "Check what listens at this address.", "connection-closed",
        )
    if isinstance(error, http.client.BadStatusLine) and str(error).startswith("\x15"):
        # The first byte of a TLS alert.
        return NotReachable(
            attempted, target, "what answers speaks TLS", "Use https:// or the plain port.", "plain-on-tls-port"
        )
    if isinstance(error, ssl.SSLError):
        # With TLS 1.3 a refused client certificate is told with the first answer.
        return _tls_failed(error, attempted, target)
    if isinstance(error, OSError):
        return NotReachable(
            attempted, target, f"the connection broke ({type(error).__name__})", "Try again.", "connection-closed"
        )
    return NotReachable(
        attempted, target, f"what answers does not speak HTTP ({inert(error, 60)})",
        "Check host and port of the URL.", "not-http",
    )


def _not_connected(error: Exception | None, attempted: str, target: str, address: str) -> NotReachable:
    if isinstance(error, socket.timeout):
        got, code = f"no answer to the connection attempt at {address}", "tcp-timeout"
        advice = "Check address, firewall and routing."
    elif isinstance(error, ConnectionRefusedError):
        got, code = f"{address} refused the connection", "tcp-refused"
        advice = "Check that SteVe (or the proxy) runs and listens there."
    elif isinstance(error, OSError) and error.errno in _UNREACHABLE:
        got, code = f"there is no route to {address}", "host-unreachable"
        advice = "Check address and routing."
    else:
        got, code = f"{address} could not be connected to ({type(error).__name__})", "connection-closed"
        advice = "Check address and port."
    return NotReachable(attempted, target, got, advice, code)


def _tls_failed(error: Exception, attempted: str, target: str) -> TlsFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        code = _CERTIFICATE_CODES.get(error.verify_code, "tls-untrusted")
        return TlsFailed(
            attempted, target, f"the certificate is not accepted ({inert(error.verify_message, 120)})",
            "Nothing was sent. Correct the certificate, or name its authority in ca_path.", code,
        )
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return TlsFailed(
            attempted, target, "what answers does not speak TLS", "Use http:// or the TLS port.", "tls-on-plain-port"
        )
    if isinstance(error, socket.timeout):
        return TlsFailed(attempted, target, "no answer to the TLS handshake in time", "Check what listens there.")
    reason = getattr(error, "reason", None) or type(error).__name__
    return TlsFailed(
        attempted, target, f"the TLS handshake failed ({inert(reason, 80)})", "Check TLS versions and certificates."
    )
