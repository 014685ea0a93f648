# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The WebSocket handshake: SteVe's checks, then Spring's, then the WebSocket engine's, in that order.

Source: SteVe's OcppWebSocketHandshakeHandler, Spring's AbstractHandshakeHandler, Jetty's extension negotiation;
order, statuses and bodies seen live on 3.7.1 and 3.14.1.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

import bcrypt
from aiohttp import HttpVersion11, web
from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError, IntegrityError

from . import logs, repository
from .central import CentralSystem
from .responses import container_page, decode_path, dispatch_error, empty, no_handler, text
from .store import PoolTimeoutError

PREFIX = "/websocket/CentralSystemService"
STATUS_TEXTS = ("Accepted", "Pending", "Rejected")
PROFILES = (0, 1, 2, 3)
JAVA_WHITE_SPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f"
    "\u3000"
)
"""What Java's String.strip takes off (Character.isWhitespace): the no-break spaces stay."""
DEFLATE_PARAMETERS = {
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
}

Row = RowMapping


@dataclass(frozen=True)
class Accepted:
    """The handshake passed every check; ``charge_box_id`` is the spelling that the session is stored under."""

    charge_box_id: str
    pk: int
    protocol: str
    security_profile: int


class HandshakeRefusedError(Exception):
    """A check failed; carries the answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


async def check(system: CentralSystem, request: web.Request, raw_rest: str) -> Accepted:
    """Run every check for the raw path after the prefix; raise HandshakeRefusedError with the first refusal."""
    charge_box_id = _charge_box_id(system, request, raw_rest)
    if system.era.spring_checks_first:
        _check_spring(system, request)
    try:
        row = await _registered(system, request, charge_box_id)
        if system.era.session_has_database_spelling:
            charge_box_id = str(row["charge_box_id"])
        profile = row.get("security_profile", 0)
        if system.era.security_profiles:
            if profile not in PROFILES:
                # The profile object is null then, and asking it throws.
                raise HandshakeRefusedError(dispatch_error(system, request, 500))
            await _check_security(system, request, row, int(str(profile)))
    except (PoolTimeoutError, DBAPIError) as error:
        # DBAPIError: e.g. characters that the column's character set cannot be compared with.
        system.log_data_base_error(request.path, error)
        raise HandshakeRefusedError(dispatch_error(system, request, 500, "Server Error")) from error
    protocol = _check_protocol(system, request, charge_box_id)
    if not system.era.spring_checks_first:
        _check_spring(system, request)
    elif request.version < HttpVersion11:
        raise HandshakeRefusedError(dispatch_error(system, request, 500, "Server Error"))
    if request.version < HttpVersion11:
        # Everything is acceptable, but Jetty upgrades HTTP/1.1 only: 200 with an empty body (nginx without
        # "proxy_http_version 1.1").
        raise HandshakeRefusedError(empty(system, 200))
    _check_extensions(system, request)
    return Accepted(charge_box_id, int(str(row["charge_box_pk"])), protocol, int(str(profile or 0)))


def _charge_box_id(system: CentralSystem, request: web.Request, raw_rest: str) -> str:
    """The id in the raw path after the prefix; raise HandshakeRefusedError where no handler matches."""
    decoded = decode_path(raw_rest)
    if system.era.id_is_last_segment:
        # "//" counts as one slash for the mapping; without an id the last segment is the service's own name.
        segments = [part for part in decoded.split("/") if part]
        if not raw_rest.startswith("/") or len(segments) > 1 or (segments and decoded.endswith("/")):
            raise HandshakeRefusedError(no_mapping(system, request))
        return segments[0] if segments else PREFIX.rpartition("/")[2]
    if not raw_rest.startswith("/") or "/" in decoded[1:]:
        raise HandshakeRefusedError(no_mapping(system, request))
    return decoded[1:]


def refused(system: CentralSystem, request: web.Request, status: int, reason: str) -> HandshakeRefusedError:
    """SteVe's own refusal: a bare status, up to 3.4.8 an exception that the container shows on its 500 page."""
    if status == 500:
        message = f"org.springframework.web.socket.server.HandshakeFailureException: {reason}"
        return HandshakeRefusedError(container_page(system, request, 500, message, secured=True))
    return HandshakeRefusedError(empty(system, status))


def no_mapping(system: CentralSystem, request: web.Request) -> web.Response:
    """No handler for the path: 404 page, from 3.9.0 on 302 by the error dispatch."""
    if system.era.logs_missing_mapping:
        path = request.raw_path.partition("?")[0]
        system.log.write("WARN", logs.PAGE_NOT_FOUND, f"No mapping for {request.method} {path}")
    return no_handler(system, request)


async def _registered(system: CentralSystem, request: web.Request, charge_box_id: str) -> Row:
    era = system.era
    pattern = system.properties.get("charge-box-id.validation.regex") or era.id_pattern
    if pattern is not None and (
        not charge_box_id
        or charge_box_id.strip(JAVA_WHITE_SPACE) != charge_box_id
        or re.fullmatch(pattern, charge_box_id) is None
    ):
        system.log.write(
            "ERROR",
            logs.HANDSHAKE,
            f"ChargeBoxId '{charge_box_id}' violates the configured pattern.",
        )
        raise HandshakeRefusedError(empty(system, 400))
    async with system.handshake_lock(charge_box_id):
        row: Row | None = await repository.find_charge_box(system.store, charge_box_id)
        if row is not None and era.id_case_sensitive and row["charge_box_id"] != charge_box_id:
            row = None
        if row is not None and era.wrong_status_text_is_unknown and row["registration_status"] not in STATUS_TEXTS:
            row = None
        if row is None and system.properties.flag("auto.register.unknown.stations"):
            row = await _auto_register(system, charge_box_id)
    if row is None:
        system.unknown.knock(charge_box_id, system.now())
        system.log.write("ERROR", logs.HANDSHAKE, f"ChargeBoxId '{charge_box_id}' is not recognized.")
        raise refused(system, request, era.unknown_id_status, f"ChargeBoxId '{charge_box_id}' is not recognized.")
    return row


async def _auto_register(system: CentralSystem, charge_box_id: str) -> Row | None:
    values: dict[str, object] = {
        "charge_box_id": charge_box_id,
        "registration_status": "Accepted",
        "insert_connector_status_after_transaction_msg": False,
    }
    try:
        await repository.add_charge_boxes(system.store, [values])
    except IntegrityError:
        system.log.write(
            "ERROR",
            logs.CHARGE_POINT_SERVICE,
            f"Failed to auto-register unknown chargebox '{charge_box_id}'",
        )
        return None
    system.log.write(
        "WARN",
        logs.CHARGE_POINT_SERVICE,
        f"Auto-registered unknown chargebox '{charge_box_id}'",
    )
    return await repository.find_charge_box(system.store, charge_box_id)


async def _check_security(system: CentralSystem, request: web.Request, row: Row, profile: int) -> None:
    charge_box_id = str(row["charge_box_id"])
    if profile in (1, 2):
        if profile == 2 and system.era.profile_2_needs_tls and not _is_secure(system, request):
            system.log.write(
                "WARN",
                logs.HANDSHAKE,
                f"ChargeBoxId '{charge_box_id}' is trying to connect via plain WS, even though it is configured for "
                "profile 2. Rejecting.",
            )
            raise HandshakeRefusedError(empty(system, 401))
        if not await _basic_accepted(system, request, charge_box_id, row):
            raise HandshakeRefusedError(empty(system, 401))
    if profile == 3 and not _certificate_accepted(system, request, charge_box_id, row):
        raise HandshakeRefusedError(empty(system, 401))


def _is_secure(system: CentralSystem, request: web.Request) -> bool:
    header = system.properties.get("steve.ocpp.security.protocol-header-from-proxy")
    if header and request.headers.get(header, "").lower() in ("https", "wss"):
        return True
    return request.scheme == "https"


def parse_basic(value: str | None) -> tuple[str, str] | None:
    """User and password of a Basic header; None when there is none.

    Raises ValueError with Spring's message (BasicAuthenticationConverter) when it is malformed.
    """
    header = (value or "").strip()
    if not header.lower().startswith("basic"):
        return None
    if header.lower() == "basic":
        raise ValueError("Empty basic authentication token")
    try:
        decoded = base64.b64decode(header[6:].encode(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise ValueError("Failed to decode basic authentication token") from None
    user, colon, password = decoded.partition(":")
    if not colon:
        raise ValueError("Invalid basic authentication token")
    return user, password


async def password_matches(password: str, hashed: str) -> bool:
    """Compare with a bcrypt hash, off the event loop."""
    try:
        return await asyncio.to_thread(bcrypt.checkpw, password.encode()[:72], hashed.encode())
    except ValueError:
        return False


async def _basic_accepted(system: CentralSystem, request: web.Request, charge_box_id: str, row: Row) -> bool:
    def log(level: str, message: str) -> None:
        system.log.write(level, logs.CHARGE_POINT_SERVICE, message)

    try:
        credentials = parse_basic(request.headers.get("Authorization"))
    except ValueError as error:
        if system.era.protocol_lines_have_id:
            message = f"ChargeBoxId '{charge_box_id}': Failed to extract Authentication from request ({error})"
            system.log.write("ERROR", logs.HANDSHAKE, message)
        else:
            system.log.write("WARN", logs.HANDSHAKE, "Failed to extract Authentication from request")
        raise HandshakeRefusedError(empty(system, 400)) from error
    if credentials is None:
        log(
            "WARN",
            f"Failed to find username and password in Basic Authorization header for ChargeBoxId '{charge_box_id}'",
        )
        return False
    user, password = credentials
    hashed = str(row["auth_password"] or "")
    if not hashed:
        log(
            "ERROR",
            f"No password configured for ChargeBoxId '{charge_box_id}' - authentication misconfiguration",
        )
        return False
    if system.era.basic_user_case_sensitive:
        if user != charge_box_id:
            log(
                "WARN",
                f"The username '{user}' (in Basic Auth) is not matching the ChargeBoxId '{charge_box_id}'",
            )
            return False
    elif user.lower() != charge_box_id.lower():
        log(
            "WARN",
            f"Case-insensitive validation failed: Basic Auth username '{user}' does not match "
            f"ChargeBoxId '{charge_box_id}'",
        )
        return False
    if not password:
        log("WARN", f"Empty password provided for ChargeBoxId '{charge_box_id}'")
        return False
    if not await password_matches(password, hashed):
        log("WARN", f"Invalid password attempt for ChargeBoxId '{charge_box_id}'")
        return False
    return True


def _certificate_accepted(system: CentralSystem, request: web.Request, charge_box_id: str, row: Row) -> bool:
    prefix = f"ChargeBoxId '{charge_box_id}': " if system.era.protocol_lines_have_id else ""
    name = system.properties.get("steve.ocpp.security.client-cert-header-from-proxy")
    value = request.headers.get(name, "") if name else ""
    try:
        certificate = _parse_certificate(system, value) if value else _of_connection(request)
    except ValueError:
        system.log.write("WARN", logs.CERTIFICATES, f"{prefix}Failed parsing the certificate")
        certificate = None
    if certificate is None:
        system.log.write("ERROR", logs.CERTIFICATES, f"{prefix}Certificate is null")
        return False
    configuration = row.get("ocpp_configuration")
    cpo_name = configuration.get("CpoName") if isinstance(configuration, dict) else row.get("cpo_name")
    expected = (
        (NameOID.ORGANIZATION_NAME, cpo_name),
        (NameOID.COMMON_NAME, row["charge_point_serial_number"]),
    )
    for oid, wanted in expected:
        found = [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]
        matches = any((str(wanted) in f) if system.era.certificate_contains else str(wanted) == f for f in found)
        if not wanted or not matches:
            system.log.write("ERROR", logs.CERTIFICATES, f"{prefix}Certificate validation error")
            return False
    return True


def _of_connection(request: web.Request) -> x509.Certificate | None:
    """The client's own certificate, where SteVe speaks TLS itself and none came in a header."""
    connection = request.get_extra_info("ssl_object")
    presented = None if connection is None else connection.getpeercert(binary_form=True)
    return None if presented is None else x509.load_der_x509_certificate(presented)


def _parse_certificate(system: CentralSystem, value: str) -> x509.Certificate:
    """URL-encoded PEM, PEM with tabs for line ends, or bare base64 (SteVe's CertificateUtils)."""
    if system.era.certificate_header_is_form_decoded:
        value = unquote_plus(value)
    elif "%" in value:
        value = unquote(value)
    if "BEGIN CERTIFICATE" in value:
        return x509.load_pem_x509_certificate(value.replace("\t", "\n").encode())
    return x509.load_der_x509_certificate(base64.b64decode(value, validate=True))


def _check_protocol(system: CentralSystem, request: web.Request, charge_box_id: str) -> str:
    offered = [
        part.strip() for value in request.headers.getall("Sec-WebSocket-Protocol", []) for part in value.split(",")
    ]
    offered = [part for part in offered if part]
    prefix = f"ChargeBoxId '{charge_box_id}': " if system.era.protocol_lines_have_id else ""
    if not offered:
        system.log.write("ERROR", logs.HANDSHAKE, f"{prefix}No protocol (OCPP version) is specified.")
        status = system.era.missing_protocol_status
        raise refused(system, request, status, "No protocol (OCPP version) is specified.")
    for protocol in offered:
        if protocol in system.era.supported_protocols and _is_enabled(system, protocol):
            return protocol
    listed = ", ".join(offered)
    system.log.write(
        "ERROR",
        logs.HANDSHAKE,
        f"{prefix}None of the requested protocols '[{listed}]' is supported",
    )
    status = system.era.unsupported_protocol_status
    raise refused(system, request, status, "No protocol (OCPP version) is specified.")


def _is_enabled(system: CentralSystem, protocol: str) -> bool:
    version = protocol.removeprefix("ocpp").replace(".", "")
    name = f"steve.ocpp.enabled-protocols.v{version}.json"
    return not system.era.protocols_can_be_disabled or system.properties.get(name) != "false"


def _check_spring(system: CentralSystem, request: web.Request) -> None:
    headers = request.headers

    def log(message: str) -> None:
        if system.era.logs_lost_upgrade:
            system.log.write("ERROR", logs.SPRING_HANDSHAKE, f'"{message}"')

    if request.method != "GET":
        log(f"Handshake failed due to unexpected HTTP method: {request.method}")
        raise HandshakeRefusedError(empty(system, 405, {"Allow": system.era.allow_header}))
    upgrade = headers.get("Upgrade")
    if (upgrade or "").lower() != "websocket":
        log(f"Handshake failed due to invalid Upgrade header: {'null' if upgrade is None else upgrade}")
        raise HandshakeRefusedError(text(system, 400, 'Can "Upgrade" only to "WebSocket".'))
    if not connection_is_upgrade(headers.getall("Connection", [])):
        log("Handshake failed due to invalid Connection header")
        raise HandshakeRefusedError(text(system, 400, '"Connection" must be "upgrade".'))
    version = headers.get("Sec-WebSocket-Version")
    if (version or "").strip() != "13":
        shown = "null" if version is None else version
        log(f"Handshake failed due to unsupported WebSocket version: {shown}. Supported versions: [13]")
        raise HandshakeRefusedError(empty(system, 426, {"Sec-WebSocket-Version": "13"}))
    if not headers.get("Sec-WebSocket-Key"):
        log('Missing "Sec-WebSocket-Key" header')
        raise HandshakeRefusedError(empty(system, 400))


def connection_is_upgrade(values: list[str]) -> bool:
    """Whether a Connection header lists ``upgrade``."""
    return any(part.strip().lower() == "upgrade" for value in values for part in value.split(","))


def _check_extensions(system: CentralSystem, request: web.Request) -> None:
    """Jetty's engine: a known extension with a parameter that it does not know is refused, no session is opened."""
    for value in request.headers.getall("Sec-WebSocket-Extensions", []):
        for offer in value.split(","):
            name, *parameters = (part.strip() for part in offer.split(";"))
            if name.lower() != "permessage-deflate":
                continue
            unknown = [p for p in parameters if p.partition("=")[0].strip().lower() not in DEFLATE_PARAMETERS]
            if not unknown:
                continue
            if system.era.error_dispatch_to_signin:
                system.log.write(
                    "WARN",
                    "org.eclipse.jetty.util.Blocker",
                    "Blocking.Callback incomplete",
                )
                raise HandshakeRefusedError(dispatch_error(system, request, 400))
            message = "could not instantiate offered extension"
            path = request.raw_path.partition("?")[0]
            system.log.write(
                "WARN",
                "org.eclipse.jetty.server.HttpChannel",
                f"handleException {path} BadMessageException: 400: {message}",
            )
            close = system.era.extension_refusal_closes
            raise HandshakeRefusedError(container_page(system, request, 400, message, secured=True, close=close))
