# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resolve a name, dial its addresses, and what goes wrong there and in the TLS handshake. Edge: sockets."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Callable, Iterable

from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Failure
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Addresses of one name that are dialled.
MAX_ADDRESSES = 16
#: Errors of the prober itself when it has no IPv6; a router's answer comes later and by another way.
_NO_IPV6_HERE = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_CLOSED_BY_PEER = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED)
#: What OpenSSL says when the other side does not answer in TLS at all.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE",
)  # fmt: skip


@dataclass(frozen=True)
class Clock:
    """Where times come from; tests bring their own.

    Attributes:
        now: seconds since 1970.
        monotonic: seconds of a clock that never jumps.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


# -- addresses ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """One address of a name.

    Attributes:
        family: ``socket.AF_INET`` or ``socket.AF_INET6``.
        sockaddr: what ``connect`` wants.
    """

    family: int
    sockaddr: tuple[object, ...]

    @property
    def text(self) -> str:
        """The address, IPv6 without brackets."""
        return str(self.sockaddr[0])

    @property
    def port(self) -> int:
        """The port."""
        return int(str(self.sockaddr[1]))


@dataclass
class Dialled:
    """What came of dialling one address.

    Attributes:
        address: the address.
        failure: why it could not be connected, None when it could.
        elapsed_ms: how long that took.
        sock: the open connection, or None.
    """

    address: Address
    failure: Failure | None
    elapsed_ms: float
    sock: socket.socket | None

    @property
    def outcome(self) -> str:
        """``connected`` | ``refused`` | ``timeout`` | ``unreachable`` | ``no-ipv6`` | ``deadline``."""
        return "connected" if self.failure is None else self.failure.kind.replace("connect-", "")


def resolve(host: str, port: int, timeout: float) -> list[Address] | Failure:
    """The addresses of a name, in the order in which the system prefers them.

    Args:
        host: name or address.
        port: port to dial.
        timeout: seconds to wait; ``getaddrinfo`` itself knows no limit and is left behind in its thread.
    """
    box: list[list[Address] | Failure] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            box.append([Address(int(row[0]), row[4]) for row in rows])
        except (OSError, UnicodeError) as error:
            reason = inert(getattr(error, "strerror", None) or error, 100)
            box.append(Failure("unresolved", f"the name {inert(host, 80)} has no address here ({reason})"))

    thread = threading.Thread(target=look_up, daemon=True, name="resolve")
    thread.start()
    thread.join(timeout)
    if not box:
        return Failure("unresolved", f"the name {inert(host, 80)} was not resolved within {timeout:g} s")
    found = box[0]
    if isinstance(found, list):
        return list(dict.fromkeys(found))[:MAX_ADDRESSES]
    return found


def dial(addresses: Iterable[Address], timeout: float, clock: Clock) -> list[Dialled]:
    """Connect to every address at the same time, each for at most ``timeout`` seconds."""
    start = clock.monotonic()
    results: dict[Address, Dialled] = {}
    order = list(addresses)
    with selectors.DefaultSelector() as selector:
        for address in order:
            sock, failure = begin_connect(address)
            if sock is None:
                results[address] = Dialled(address, failure, _ms(clock, start), None)
            else:
                selector.register(sock, selectors.EVENT_WRITE, address)
        while selector.get_map():
            left = start + timeout - clock.monotonic()
            ready = selector.select(max(left, 0))
            for key, _mask in ready:
                sock = _socket_of(key)
                selector.unregister(sock)
                failure = connect_failure(key.data, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                if failure is not None:
                    sock.close()
                results[key.data] = Dialled(key.data, failure, _ms(clock, start), None if failure else sock)
            if left <= 0 and not ready:
                for key in list(selector.get_map().values()):
                    sock = _socket_of(key)
                    selector.unregister(sock)
                    sock.close()
                    results[key.data] = Dialled(key.data, no_connection(key.data, timeout), _ms(clock, start), None)
    return [results[address] for address in order]


def _ms(clock: Clock, start: float) -> float:
    return round((clock.monotonic() - start) * 1000, 1)


def _socket_of(key: selectors.SelectorKey) -> socket.socket:
    if not isinstance(key.fileobj, socket.socket):
        raise AssertionError
    return key.fileobj


def begin_connect(address: Address) -> tuple[socket.socket | None, Failure | None]:
    """A socket that is connecting, or why there is none."""
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
    except OSError as error:
        return None, _failure_here(address, error.errno or errno.EADDRNOTAVAIL)
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address.sockaddr)
    except OSError as error:
        code = error.errno or errno.EADDRNOTAVAIL
    if code in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
        return sock, None
    sock.close()
    return None, _failure_here(address, code)


def _failure_here(address: Address, code: int) -> Failure | None:
    """The failure that an errno stands for which came before any packet was sent."""
    if address.family == socket.AF_INET6 and code in _NO_IPV6_HERE:
        where = f"{address.text} port {address.port}"
        return Failure("no-ipv6", f"{where} was not tried: where the probe was sent from there is no IPv6")
    return connect_failure(address, code)


def connect_failure(address: Address, code: int) -> Failure | None:
    """The failure that an errno of ``connect`` stands for; None for success."""
    if code == 0:
        return None
    where = f"{address.text} port {address.port}"
    if code == errno.ECONNREFUSED:
        return Failure("refused", f"{where} refuses connections: nothing listens there, or a firewall rejects")
    if code == errno.ETIMEDOUT:
        return Failure("connect-timeout", f"{where} does not answer")
    return Failure("unreachable", f"{where} cannot be reached ({os.strerror(code)})")


def no_connection(address: Address, timeout: float) -> Failure:
    sentence = (
        f"{address.text} port {address.port} did not answer within {timeout:g} s: "
        "packets are dropped on the way, or its queue is full"
    )
    return Failure("connect-timeout", sentence)


# -- TLS ----------------------------------------------------------------------------------------------------


def tls_context(verify: bool, ca_path: str | None, client_cert: str | None, client_key: str | None) -> ssl.SSLContext:
    """The TLS settings of a client.

    Raises:
        InputError: a file cannot be read or holds no certificate or key.
    """
    if verify:
        context = ssl.create_default_context()
    else:
        # Without the system's authorities: nobody would look at them, and they take a tenth of a second to read.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if verify and ca_path:
        _load("ca_path", ca_path, lambda: context.load_verify_locations(cafile=ca_path))
    if client_cert:
        # An empty password keeps OpenSSL from asking at the terminal; an encrypted key is an error then.
        _load("client_cert", client_cert, lambda: context.load_cert_chain(client_cert, client_key, password=""))
    return context


def _load(option: str, path: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError, ValueError) as error:
        raise InputError(
            option, f"{inert(path, 120)} cannot be used ({inert(getattr(error, 'strerror', None) or error, 100)})",
            "Give a readable PEM file; a key must not be encrypted.",
        ) from None  # fmt: skip


def tls_failure(error: OSError) -> Failure:
    """What a failed TLS handshake says."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure("tls", f"the certificate was refused: {inert(error.verify_message, 160)}")
    if isinstance(error, ssl.SSLEOFError) or error.errno in _CLOSED_BY_PEER or not isinstance(error, ssl.SSLError):
        return Failure("tls-plain", "the connection was closed in the TLS handshake")
    reason = getattr(error, "reason", None) or str(error)
    kind = "tls-plain" if reason in _NOT_TLS else "tls"
    return Failure(kind, f"the TLS handshake failed: {inert(reason, 100).replace('_', ' ').lower()}")
