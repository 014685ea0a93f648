# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a TLS endpoint presents: its chain, its protocol versions, and what this host says to it. Edge: sockets.

Nothing is verified while looking, so that every fault shows and not only the first; the judgement is made on the
controller. No request is sent and no credential: a look is a handful of handshakes, each closed at once. In the log
of a server they show as connections without a request, if at all.

The chain as presented comes from ``SSLSocket.get_unverified_chain`` (public from Python 3.13 on), else from the
program ``openssl``; without either only the server's own certificate is known, and it is said so.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import shutil
import socket
import ssl
import warnings
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Iterable

from ansible_collections.chargeops.steve.plugins.module_utils import _command, _dial, _openssl
from ansible_collections.chargeops.steve.plugins.module_utils._dial import Address, Clock
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Failure
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Protocol versions that are asked about, oldest first, with the name that the library gives them.
VERSIONS = {"1.0": "TLSv1", "1.1": "TLSv1_1", "1.2": "TLSv1_2", "1.3": "TLSv1_3"}
#: Addresses of one name that are looked at: IPv4 and IPv6, and a second of each.
MAX_ADDRESSES = 4
MAX_OUTPUT = 1024 * 1024
#: Codes with which OpenSSL refuses a certificate only after it has built the chain up to a root that it trusts:
#: not yet valid, expired, another name or address (openssl-verification-options(1), x509_vfy.h).
CHAIN_BUILT = (9, 10, 62, 63, 64)
#: The library here cannot offer the version or a cipher for it; this says nothing about the other side.
_LOCAL_REASONS = ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "NO_CIPHER_MATCH")
#: How the other side says that it does not take the version.
_REFUSALS = (
    "TLSV1_ALERT_PROTOCOL_VERSION", "SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION",
)  # fmt: skip
_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT from Python 3.12 on


@dataclass(frozen=True)
class Place:
    """A TLS endpoint to look at.

    Attributes:
        hop: label of the hop.
        host: name (or address) in the URL: for SNI and for the certificate.
        dial: host and port to dial.
    """

    hop: str
    host: str
    dial: tuple[str, int]

    @property
    def server_name(self) -> str | None:
        """The name for SNI in ASCII; None for an address, which SNI does not know (RFC 6066, 3)."""
        name = self.host.rstrip(".")
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return name.encode("idna").decode("ascii")
        return None


@dataclass(frozen=True)
class _Shaken:
    """A handshake that succeeded."""

    version: str | None
    cipher: str | None
    leaf: bytes | None
    chain: tuple[bytes, ...] | None


@dataclass(frozen=True)
class _Refused:
    """A handshake that failed.

    ``reason`` is OpenSSL's own word, ``code`` that of its verification.
    """

    failure: Failure
    reason: str | None = None
    code: int | None = None


def look(
    places: Iterable[Place], vantage: str, timeout: float, deadline: float, ca_path: str | None = None,
    clock: Clock | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Look at TLS endpoints; each distinct (name, address, port) once.

    Args:
        places: the endpoints.
        vantage: label of where this is done.
        timeout: seconds for one handshake.
        deadline: seconds for everything.
        ca_path: PEM file of authorities that this host is told to trust, None for its own.
        clock: where times come from.

    Returns:
        One dictionary per hop and address; one per hop, with ``address`` None, where the name has none.
    """
    clock = clock or Clock()
    looker = _Looker(timeout, clock.monotonic() + deadline, ca_path, clock)
    found: list[dict[str, Any]] = []
    for place in places:
        for facts in looker.place(place):
            found.append({"hop": place.hop, "vantage": vantage, "host": place.host, **facts})
    return found


def is_refused(endpoints: Iterable[dict[str, Any]], hop: str) -> bool:
    """Whether this host itself refuses the certificate of a hop, for one of its addresses or names."""
    return any(item["hop"] == hop and item["verification"]["ok"] is False for item in endpoints)


class _Looker:
    """Looks at one place after the other until its time is over."""

    def __init__(self, timeout: float, ends_at: float, ca_path: str | None, clock: Clock) -> None:
        self._timeout = timeout
        self._ends_at = ends_at
        self._ca_path = ca_path
        self._clock = clock
        self._known: dict[tuple[str, str, int], dict[str, Any]] = {}

    def place(self, place: Place) -> list[dict[str, Any]]:
        """The facts of every address of a place."""
        host, port = place.dial
        found = _dial.resolve(host, port, max(self._left(), 0.001))
        if isinstance(found, Failure):
            nothing = {**_nothing(found.sentence), "connected": False}
            return [{**nothing, "address": None, "port": port, "looked_at": self._now()}]
        return [self._address(place, address) for address in found[:MAX_ADDRESSES]]

    def _address(self, place: Place, address: Address) -> dict[str, Any]:
        key = (place.host, address.text, address.port)
        if key not in self._known:
            begin = self._clock.monotonic()
            now = self._now()
            facts = self._facts(place, address)
            self._known[key] = {
                "address": address.text, "port": address.port, "looked_at": now, **facts,
                "elapsed_s": round(self._clock.monotonic() - begin, 3),
            }  # fmt: skip
        return self._known[key]

    def _facts(self, place: Place, address: Address) -> dict[str, Any]:
        first = self._shake(place, address, _any_context())
        if isinstance(first, _Refused) and first.failure.kind != "tls":
            # Nobody there, nobody answers, or no TLS: more handshakes would say the same, slower.
            connected = first.failure.kind not in ("refused", "unreachable", "connect-timeout")
            return {**_nothing(first.failure.sentence), "connected": connected}
        facts = self._chain(place, address, first)
        asks = facts["client_certificate_requested"]
        facts["versions"] = self._versions(place, address, asks, facts["negotiated"])
        facts["verification"] = self._verification(place, address)
        return facts

    def _chain(self, place: Place, address: Address, first: _Shaken | _Refused) -> dict[str, Any]:
        """The chain by the best means there is."""
        negotiated: dict[str, Any] | None = None
        if isinstance(first, _Shaken):
            negotiated = {"version": first.version, "cipher": first.cipher}
            if first.chain:
                return _ok("python", first.chain, negotiated, None)
        printed, problem = self._ask_openssl(place, address)
        if printed is not None and printed.chain:
            negotiated = negotiated or {"version": printed.version, "cipher": printed.cipher}
            return _ok("openssl", printed.chain, negotiated, printed.certificate_requested)
        if isinstance(first, _Refused):
            return _nothing(first.failure.sentence)
        if first.leaf:
            facts = _ok("leaf", (first.leaf,), negotiated, None)
            facts["reason"] = f"only the server's own certificate could be read: {problem}"
            return facts
        return {**_nothing("the server presented no certificate"), "negotiated": negotiated}

    def _versions(
        self, place: Place, address: Address, asks: bool | None, negotiated: dict[str, Any] | None
    ) -> dict[str, dict[str, Any]]:
        """Which protocol versions are accepted: one handshake each."""
        versions: dict[str, dict[str, Any]] = {}
        control: _Shaken | _Refused | None = None
        gave_up: str | None = None
        seen = (negotiated or {}).get("version")
        for version, name in VERSIONS.items():
            if seen == name.replace("_", "."):
                versions[version] = {"status": "accepted", "reason": None}
                continue
            if gave_up is not None:
                versions[version] = {"status": "unknown", "reason": gave_up}
                continue
            context, problem = _version_context(name)
            if context is None:
                versions[version] = {"status": "unknown", "reason": problem}
                continue
            result = self._shake(place, address, context)
            versions[version] = _version_state(result, bool(asks))
            if isinstance(result, _Refused) and result.failure.kind == "tls-plain":
                # Some servers hang up on a version, and some firewalls on whoever comes too often.
                control = control or self._shake(place, address, _any_context())
                if isinstance(control, _Refused):
                    reason = f"{result.failure.sentence}, and so was one that offered every version"
                    versions[version] = {"status": "unknown", "reason": reason}
            if isinstance(result, _Refused) and result.failure.kind in ("timeout", "deadline", "connect-timeout"):
                gave_up = f"not asked, because TLS {version} was not answered ({result.failure.sentence})"
        return versions

    def _verification(self, place: Place, address: Address) -> dict[str, Any]:
        """What this host itself says to the certificate; evidence for the judgement, never the judgement."""
        try:
            context = _dial.tls_context(True, self._ca_path, None, None)
        except InputError as error:
            return {"ok": None, "code": None, "reason": error.sentence()}
        result = self._shake(place, address, context)
        if isinstance(result, _Shaken):
            return {"ok": True, "code": 0, "reason": None}
        if result.code is not None:
            return {"ok": False, "code": result.code, "reason": result.failure.sentence}
        return {"ok": None, "code": None, "reason": result.failure.sentence}

    # -- one handshake -----------------------------------------------------------------------------------------

    def _shake(self, place: Place, address: Address, context: ssl.SSLContext) -> _Shaken | _Refused:
        """One connection, one handshake, nothing more."""
        name = place.host.rstrip(".")
        unusable = _Refused(Failure("name", f"the name {inert(place.host, 80)} cannot be used in TLS"))
        try:
            name.encode("idna")
        except UnicodeError:  # an empty or endless label; Python would leave the socket open
            return unusable
        left = self._left()
        if left <= 0:
            return _Refused(Failure("deadline", "no time was left for this"))
        dialled = _dial.dial([address], left, self._clock)[0]
        if dialled.sock is None:
            return _Refused(dialled.failure or Failure("closed", "the connection was closed"))
        left = self._left()
        with closing(dialled.sock) as sock:
            sock.settimeout(max(left, 0.001))
            try:
                # Python leaves the SNI away for an address, and still compares the certificate with it.
                with context.wrap_socket(sock, server_hostname=name) as tls:
                    cipher = tls.cipher()
                    chain = tuple(tls.get_unverified_chain()) if hasattr(tls, "get_unverified_chain") else None
                    leaf = tls.getpeercert(binary_form=True)
                    return _Shaken(tls.version(), cipher[0] if cipher else None, leaf, chain or None)
            except socket.timeout:  # an alias of TimeoutError only since Python 3.10
                return _Refused(Failure("timeout", f"the TLS handshake did not end within {left:g} s"))
            except OSError as error:
                reason = getattr(error, "reason", None)
                code = getattr(error, "verify_code", None)
                return _Refused(_dial.tls_failure(error), reason, code)
            except ValueError:
                return unusable

    # -- openssl -----------------------------------------------------------------------------------------------

    def _ask_openssl(self, place: Place, address: Address) -> tuple[_openssl.Printed | None, str]:
        """The chain by the program ``openssl``, or why not."""
        program = shutil.which("openssl")
        if program is None:
            return None, "this Python is older than 3.13, and the program openssl is not on this host"
        left = self._left()
        if left <= 0:
            return None, "no time was left for the program openssl"
        argv = [program, *_openssl.arguments(address.text, address.port, place.server_name)]
        output, problem = _run(argv, _openssl.environment(os.environ.get("PATH", os.defpath)), left)
        printed = _openssl.read(output)
        return printed, problem or "the program openssl showed no certificate"

    def _left(self) -> float:
        return min(self._timeout, self._ends_at - self._clock.monotonic())

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ok(source: str, chain: Iterable[bytes], negotiated: dict[str, Any] | None, asks: bool | None) -> dict[str, Any]:
    kept = list(chain)[: _openssl.MAX_CERTIFICATES]
    return {
        "status": "ok", "reason": None, "connected": True, "source": source,
        "chain": [base64.b64encode(item).decode("ascii") for item in kept],
        "negotiated": negotiated, "client_certificate_requested": asks,
    }  # fmt: skip


def _nothing(reason: str) -> dict[str, Any]:
    return {
        "status": "unknown", "reason": reason, "connected": True, "source": None, "chain": [], "negotiated": None,
        "client_certificate_requested": None,
        "versions": {version: {"status": "unknown", "reason": reason} for version in VERSIONS},
        "verification": {"ok": None, "code": None, "reason": reason},
    }  # fmt: skip


def _any_context() -> ssl.SSLContext:
    """A client that takes every version and cipher this library has, and every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= _LEGACY_SERVER_CONNECT
    with suppress(ssl.SSLError):  # A library without security levels: its own list then.
        context.set_ciphers(_openssl.ANY_CIPHER)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def _version_context(name: str) -> tuple[ssl.SSLContext | None, str | None]:
    """A client of one version only, or why this library has none."""
    if not getattr(ssl, f"HAS_{name}", False):
        return None, "the TLS library of this host was built without it"
    context = _any_context()
    try:
        with warnings.catch_warnings():
            # The old versions are deprecated; asking whether a server still speaks them is the point here.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion[name]
    except (ValueError, ssl.SSLError):
        return None, "the TLS library of this host does not offer it"
    return context, None


def _version_state(result: _Shaken | _Refused, asks_for_certificate: bool) -> dict[str, Any]:
    """What one handshake says about its version."""
    if isinstance(result, _Shaken):
        return {"status": "accepted", "reason": None}
    sentence = result.failure.sentence
    if result.reason in _LOCAL_REASONS:
        return {"status": "unknown", "reason": "the TLS library of this host does not offer it"}
    if result.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE" and asks_for_certificate:
        return {"status": "unknown", "reason": f"{sentence}; the server may only have missed a client certificate"}
    if result.reason in _REFUSALS or result.failure.kind == "tls-plain":
        return {"status": "refused", "reason": sentence}
    return {"status": "unknown", "reason": sentence}


def _run(argv: list[str], environment: dict[str, str], timeout: float) -> tuple[str, str | None]:
    """What a program prints, at most ``MAX_OUTPUT`` bytes, and why that is not all, if it is not."""
    try:
        said = _command.run(argv, timeout, keep=MAX_OUTPUT, environment=environment, directory="/")
    except OSError as error:
        return "", f"the program openssl cannot be started ({os.strerror(error.errno or 0)})"
    except _command.TimedOut as error:
        return error.said.text, f"the program {error}"
    return said.text, "the program openssl printed too much" if said.cut else None
