# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SteVe's WebSocket handshake: where it is, what to ask, and whose answer came back.

Three questions open no session (seen live on 3.4.9 to 3.14.1; SteVe's OcppWebSocketHandshakeHandler checks id,
registration, credentials and subprotocol before Spring looks at the upgrade headers):

* preflight: a plain GET with Sec-WebSocket-Protocol. Would SteVe accept this id?
* version gate: an upgrade request with Sec-WebSocket-Version 99. Do Upgrade and Connection arrive?
* last gate: a complete upgrade request with an extension parameter that the WebSocket engine must refuse.
  Does everything arrive, HTTP/1.1 towards SteVe included?
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from typing import Callable, Optional, Sequence
from urllib.parse import quote, urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils import _http1, _options
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Path of the endpoint below the context, in every release (SteVe's WebSocketConfiguration); case-sensitive.
ENDPOINT = "/websocket/CentralSystemService"
SIGNIN = "/manager/signin"
#: The subprotocols that SteVe knows (SteVe's OcppVersion), spelt exactly so.
KNOWN_SUBPROTOCOLS = ("ocpp1.2", "ocpp1.5", "ocpp1.6")
#: Spring's refusal of a request without ``Upgrade: websocket``: everything that SteVe checks was fine.
UPGRADE_LOST_TEXT = 'Can "Upgrade" only to "WebSocket".'
#: Spring's refusal of a request without ``Connection: upgrade``; never seen live (Jetty refuses before).
CONNECTION_LOST_TEXT = '"Connection" must be "upgrade".'
#: What Jetty says to the last gate (seen on 3.7.1 and 3.8.0).
LAST_GATE_TEXT = "could not instantiate offered extension"
#: An extension parameter that no WebSocket engine knows.
IMPOSSIBLE_EXTENSION = "permessage-deflate; foo=1"
#: A Basic header without a token: SteVe >= 3.9 answers 400 to a box of profile 1 or 2 and 401 to others.
MALFORMED_BASIC = "Basic"
#: What proxies tell by default, and what SteVe can be told to believe (steve.ocpp.security.protocol-header-from-proxy).
TLS_IN_FRONT = ("X-Forwarded-Proto", "https")

#: Stands for the path of the URL in labels.
_HERE = "\u2026"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: SteVe's default pattern since 3.5.1/3.6.1/3.7.1 (ChargeBoxIdValidator), beside "no outer white space".
_DEFAULT_PATTERN = re.compile(r"[^=/()<>]*", re.DOTALL)
#: White space as that check sees it (Java's String.strip): no-break spaces are none, real servers accept ids with them.
_JAVA_WHITE_SPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f"
    "\u3000"
)
#: What the firewall in front of SteVe (Jetty's URI checks, Spring's StrictHttpFirewall) refuses in a path.
_FIREWALL = re.compile(r"[/\\%;\x00-\x1f\x7f\u2028\u2029]")


# -- the URL ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WsUrl:
    """A WebSocket URL without charge box id.

    Attributes:
        secure: wss.
        host: host name or address, IPv6 without brackets.
        port: port, the scheme's own when none was written.
        path: percent-encoded path without trailing slash.
        context: the part of the path before SteVe's own, with leading slash, or empty.
    """

    secure: bool
    host: str
    port: int
    path: str
    context: str

    @property
    def authority(self) -> str:
        """Host and port as in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def known_path(self) -> str:
        """Where SteVe's endpoint is if the context is right."""
        return self.context + ENDPOINT

    @property
    def is_known_path(self) -> bool:
        """Whether the path is spelt as SteVe's endpoint."""
        return self.path == self.known_path

    @property
    def is_soap(self) -> bool:
        """Whether the path is one of SteVe's SOAP services."""
        return re.search(r"/services(/|$)", self.path) is not None

    def __str__(self) -> str:
        return f"{'wss' if self.secure else 'ws'}://{self.authority}{self.path}"


def parse_url(text: str, option: str = "url") -> WsUrl:
    """The WebSocket URL that a charger is configured with, less the id; a trailing slash is left aside.

    Args:
        text: the URL.
        option: the option that it stands in, for the sentence of an error.

    Raises:
        InputError: no ws(s) URL, or more than scheme, host, port and path. The sentence shows no credentials.
    """
    advice = "Give e.g. ws://charge.example.net:8180/steve/websocket/CentralSystemService."
    if not text or any(character <= " " or character == "\x7f" for character in text):
        raise InputError(option, "it is empty or contains a blank or a control character", advice)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError(option, f"it cannot be read ({inert(error, 80)})", advice) from None
    if parts.scheme in ("http", "https"):
        right = "ws" if parts.scheme == "http" else "wss"
        raise InputError(option, f"it begins with {parts.scheme}://", f"Chargers connect to {right}://, so write that.")
    if parts.scheme not in ("ws", "wss") or not host:
        raise InputError(option, "it does not begin with ws:// or wss:// and a host", advice)
    if "@" in parts.netloc:
        raise InputError(option, "it contains a user name", "Give passwords of charge boxes in the option passwords.")
    if "%" in host:
        raise InputError(option, f"its host {inert(host, 60)} has a scope", f"{_options.SCOPE} {advice}")
    if "[" in parts.netloc and not _options.is_ipv6(host):
        raise InputError(option, f"its host {inert(host, 60)} is no IPv6 address", advice)
    if parts.query or parts.fragment:
        raise InputError(option, "it has a query or a fragment", "End it after the path.")
    if port == 0:
        raise InputError(option, "its port is 0", advice)
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
    inside, mark, behind = path.partition(ENDPOINT + "/")
    if mark:
        raise InputError(
            option, f"{inert(behind, 60)} follows CentralSystemService",
            f"Give the URL without the charge box id ({inert(inside, 60)}{ENDPOINT}), and the id in charge_box_id.",
        )  # fmt: skip
    secure = parts.scheme == "wss"
    return WsUrl(secure, _ascii_host(host, option, advice), port or (443 if secure else 80), path, _context(path))


def _ascii_host(host: str, option: str, advice: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise InputError(option, f"its host {inert(host, 60)} is no host name", advice) from None


def _context(path: str) -> str:
    """The context of a path that may be misspelt: what stands before SteVe's own first segment."""
    match = re.search(r"/(?:websocket|services)(?:/|$)", path, re.IGNORECASE)
    if match is not None:
        return path[: match.start()]
    segments = path.split("/")
    return f"/{segments[1]}" if len(segments) > 2 else ""


# -- ids ----------------------------------------------------------------------------------------------------


def encode_id(charge_box_id: str) -> str:
    """A charge box id as one path segment: UTF-8, everything but letters, digits and ``-_.~`` percent-encoded."""
    encoded = quote(charge_box_id, safe="")
    # "." and ".." would be taken for directories; nothing but these two needs it.
    return encoded.replace(".", "%2E") if charge_box_id in (".", "..") else encoded


def violates_default_pattern(charge_box_id: str) -> bool:
    """Whether SteVe's default check refuses an id (an operator can configure another pattern)."""
    trimmed = charge_box_id.strip(_JAVA_WHITE_SPACE)
    return not trimmed or trimmed != charge_box_id or _DEFAULT_PATTERN.fullmatch(charge_box_id) is None


def stopped_by_firewall(charge_box_id: str) -> bool:
    """Whether an id can never reach SteVe's check, because its path is refused before."""
    return charge_box_id in (".", "..") or _FIREWALL.search(charge_box_id) is not None


def exceeds_data_base(charge_box_id: str) -> bool:
    """Whether the data base cannot compare an id: its column is utf8mb3, which ends at U+FFFF.

    Looking such an id up ends in a collation error, an internal one (seen live on 3.5.1 to 3.13.0).
    """
    return any(character > "\uffff" for character in charge_box_id)


def is_plain(charge_box_id: str) -> bool:
    """Whether an answer other than accepted or refused cannot come from the id's spelling."""
    return not (
        violates_default_pattern(charge_box_id) or stopped_by_firewall(charge_box_id)
        or exceeds_data_base(charge_box_id)
    )  # fmt: skip


def check_subprotocols(values: Sequence[object], option: str = "subprotocols") -> tuple[str, ...]:
    """The subprotocols to offer, in their order.

    Raises:
        InputError: an entry is no subprotocol name (RFC 6455, 4.1: a token).
    """
    for value in values:
        if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
            raise InputError(
                option, f"{inert(value, 40)!r} is no subprotocol name", "Give a list of names such as ocpp1.6."
            )
    return tuple(str(value) for value in values)


# -- requests -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request to send.

    Attributes:
        label: how evidence names it; without credentials, inert.
        data: the bytes.
        secrets: texts that must not come back in evidence.
    """

    label: str
    data: bytes
    secrets: tuple[str, ...] = ()


def basic(charge_box_id: str, password: str | bytes) -> str:
    """The Authorization header of a box with security profile 1 or 2: the user name is the id."""
    secret = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(charge_box_id.encode() + b":" + secret).decode("ascii")


def other_form(password: str) -> bytes | None:
    """The same password in its other form, None when it has none.

    OCPP-J security profiles write the 16 to 20 byte password as 32 to 40 hexadecimal digits; some sides send the
    digits, some the bytes (https://github.com/steve-community/steve/issues/1895).
    """
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2}){16,20}", password):
        return bytes.fromhex(password)
    secret = password.encode()
    return secret.hex().encode("ascii") if 16 <= len(secret) <= 20 else None


def page(url: WsUrl, path: str) -> Request:
    """A plain GET of a page, without cookies or credentials."""
    data = _http1.request(path, url.authority, (("Accept", "*/*"), ("User-Agent", "chargeops.steve")))
    return Request(f"GET {inert(path, 80)}", data)


def preflight(
    url: WsUrl,
    charge_box_id: str | None,
    subprotocols: Sequence[str],
    authorization: str | None = None,
    path: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> Request:
    """A plain GET: SteVe's own checks run, and no session can open.

    Args:
        url: the endpoint.
        charge_box_id: the id, None to ask the path itself.
        subprotocols: what is offered; with none the header is not sent.
        authorization: value of the Authorization header.
        path: path to ask instead of the URL's own.
        headers: further headers.
    """
    return _websocket_request(url, charge_box_id, subprotocols, authorization, headers, path)


def version_gate(
    url: WsUrl, charge_box_id: str, subprotocols: Sequence[str], key: str, authorization: str | None = None
) -> Request:
    """An upgrade request whose version no server speaks: 426 when both upgrade headers arrived."""
    headers = (*_upgrade_headers(key, "99"),)
    return _websocket_request(url, charge_box_id, subprotocols, authorization, headers)


def last_gate(
    url: WsUrl, charge_box_id: str, subprotocols: Sequence[str], key: str, authorization: str | None = None
) -> Request:
    """A complete upgrade request that only the WebSocket engine itself refuses, after everything else."""
    headers = (*_upgrade_headers(key, "13"), ("Sec-WebSocket-Extensions", IMPOSSIBLE_EXTENSION))
    return _websocket_request(url, charge_box_id, subprotocols, authorization, headers)


def full_handshake(
    url: WsUrl, charge_box_id: str, subprotocols: Sequence[str], key: str, authorization: str | None = None
) -> Request:
    """A charger's own request: it opens a session when it is accepted."""
    return _websocket_request(url, charge_box_id, subprotocols, authorization, _upgrade_headers(key, "13"))


#: ``version_gate`` or ``last_gate``.
GateBuilder = Callable[[WsUrl, str, Sequence[str], str, Optional[str]], Request]


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    # SHA-1 is the protocol's; nothing is secured by it.
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID).digest()).decode("ascii")  # noqa: S324


def _upgrade_headers(key: str, version: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", version),
        ("Sec-WebSocket-Key", key),
    )


def _websocket_request(
    url: WsUrl,
    charge_box_id: str | None,
    subprotocols: Sequence[str],
    authorization: str | None,
    headers: Sequence[tuple[str, str]],
    path: str | None = None,
) -> Request:
    target = url.path if path is None else path
    shown = inert(target, 80) or "/"
    if charge_box_id is not None:
        target = f"{target}/{encode_id(charge_box_id)}"
        shown = f"{_HERE if path is None else shown}/{inert(charge_box_id, 60)}"
    sent = list(headers)
    told = [f"{name}: {value}" for name, value in headers if name != "Sec-WebSocket-Key"]
    if subprotocols:
        sent.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
        told.append(f"Sec-WebSocket-Protocol: {inert(', '.join(subprotocols), 60)}")
    secrets: tuple[str, ...] = ()
    if authorization is not None:
        sent.append(("Authorization", authorization))
        scheme, _blank, token = authorization.partition(" ")
        told.append(f"Authorization: {scheme}" + (" \u2026" if token else " without token"))
        secrets = _secrets(token)
    label = f"GET {shown}" + (f" ({', '.join(told)})" if told else "")
    return Request(label, _http1.request(target or "/", url.authority, sent), secrets)


def _secrets(token: str) -> tuple[str, ...]:
    """What must not be shown of an answer to a request with this Basic token: the token and the password."""
    if not token:
        return ()
    password = base64.b64decode(token).partition(b":")[2]
    forms = {password.decode("latin-1"), password.decode("utf-8", "ignore"), password.hex()}
    # An answer may quote the token, the password, or the bytes that it stands for.
    return (token, *sorted((form for form in forms if form), key=len, reverse=True))


# -- answers ------------------------------------------------------------------------------------------------


class Kind(Enum):
    """Whose answer this is."""

    SWITCHED = "101"
    UPGRADE_LOST = "Spring: the Upgrade header did not arrive"
    CONNECTION_LOST = "Spring: the Connection header did not arrive"
    EMPTY = "SteVe's own refusal: a status and no body"
    SIGNIN = "SteVe's redirect to its sign-in page"
    SIGNIN_PAGE = "SteVe's sign-in page"
    PAGE = "the servlet container's error page"
    STRANGER = "not SteVe's"


def recognise(answer: Answer, era: Era) -> Kind:
    """Tell whose answer this is.

    Spring Security marks every refusal since 3.6.0 with ``X-Content-Type-Options: nosniff``; a body-less status
    without it is somebody else's. (3.7.1 and later: seen live; 3.6: read in the source.)
    """
    if answer.status == 101:
        return Kind.SWITCHED
    text = answer.text().strip() if len(answer.body) < 200 else ""
    if answer.status == 400 and text == UPGRADE_LOST_TEXT:
        return Kind.UPGRADE_LOST
    if answer.status == 400 and text == CONNECTION_LOST_TEXT:
        return Kind.CONNECTION_LOST
    if is_signin_redirect(answer):
        return Kind.SIGNIN
    if is_empty(answer) and not 300 <= answer.status < 400 and answer.header("www-authenticate") is None:
        marked = has_mark(answer) or era.is_runbook or era.at_least("3.6.0") is False
        return Kind.EMPTY if marked else Kind.STRANGER
    if answer.status == 200 and is_signin_page(answer):
        return Kind.SIGNIN_PAGE
    return Kind.PAGE if is_container_page(answer) else Kind.STRANGER


def has_mark(answer: Answer) -> bool:
    """Whether one of Spring Security's marks is there. Others set them too, and some proxies remove one of them."""
    nosniff = "nosniff" in (answer.header("x-content-type-options") or "").lower()
    return nosniff or (answer.header("x-frame-options") or "").lower() == "deny"


def is_empty(answer: Answer) -> bool:
    """Whether the answer has no body (a bare chunk end passes: seen through HTTP/1.0 hops)."""
    return answer.defect is None and answer.body.strip() in (b"", b"0")


def is_signin_redirect(answer: Answer) -> bool:
    """Whether this is a redirect to a sign-in page of SteVe's; a session id in the path does not matter."""
    location = answer.header("location")
    if answer.status != 302 or location is None:
        return False
    return _location_path(location).endswith(SIGNIN)


def leads_home(answer: Answer) -> bool:
    """Whether this is a redirect to a home page of SteVe's."""
    return _location_path(answer.header("location") or "").endswith(("/manager", "/manager/home"))


def is_signin_page(answer: Answer) -> bool:
    """Whether this is SteVe's sign-in page: a form that posts a username to ``…/manager/signin``."""
    if answer.status != 200 or not is_html(answer):
        return False
    text = answer.text()
    action = re.search(r"""<form[^>]{0,300}\baction\s*=\s*["']?[^"'>\s]{0,200}/manager/signin\b""", text, re.IGNORECASE)
    return action is not None and re.search(r"""\bname\s*=\s*["']?username\b""", text, re.IGNORECASE) is not None


def is_container_page(answer: Answer) -> bool:
    """Whether this is an error page of Jetty's, SteVe's servlet container in every release."""
    if not is_html(answer):
        return False
    if re.search(rb"<h[12]>\s*(?:HTTP ERROR|Bad Message)\b|org\.eclipse\.jetty", answer.body) is not None:
        return True
    # Written without a blank by Jetty, with one by Apache.
    return (answer.header("content-type") or "").lower() == "text/html;charset=iso-8859-1"


def is_html(answer: Answer) -> bool:
    """Whether the body is an HTML page."""
    kind = (answer.header("content-type") or "").lower()
    return kind.startswith(("text/html", "application/xhtml")) or (not kind and b"<html" in answer.body[:500].lower())


_LOGIN_WORDS = re.compile(
    r"(?<![a-z])(?:log[\s_-]?in|sign[\s_-]?in|log[\s_-]?on|sso|saml2?|oauth2?|oidc|openid|auth|authelia|authentik|"
    r"authenticate|authorize|keycloak|cas|idp|accounts?|cloudflareaccess)(?![a-z])",
    re.IGNORECASE,
)


def looks_like_login(answer: Answer) -> bool:
    """Whether an HTML page is a login page: a password field, or a title or heading that says so."""
    if not is_html(answer):
        return False
    text = answer.text()
    if re.search(r"""<input[^>]{0,300}\btype\s*=\s*["']?password\b""", text, re.IGNORECASE) is not None:
        return True
    headings = re.findall(r"<(?:title|h1|h2|button)\b[^>]{0,200}>([^<]{0,200})", text, re.IGNORECASE)
    return any(_LOGIN_WORDS.search(heading) for heading in headings)


def redirects_to_login(answer: Answer, url: WsUrl, asked_path: str) -> bool:
    """Whether a redirect leads to a login page rather than to the same path elsewhere.

    Args:
        answer: an answer with status 3xx.
        url: what was asked.
        asked_path: the path that was asked, id included.
    """
    location = answer.header("location") or ""
    path = _location_path(location)
    if path.rstrip("/") == asked_path.rstrip("/"):
        return False
    host = _location_host(location)
    words = path if host in ("", url.host) else f"{host}/{path}"
    # The query usually holds the way back, which would contain anything; only the path and a foreign host count.
    return _LOGIN_WORDS.search(words) is not None


def _location_host(location: str) -> str:
    """Host of a Location, empty when it is relative or unreadable."""
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""


def _location_path(location: str) -> str:
    """Path of a Location without query and ``;jsessionid``."""
    without_host = re.sub(r"^[A-Za-z][A-Za-z0-9+.\-]*:", "", location)
    if without_host.startswith("//"):
        without_host = "/" + without_host[2:].partition("/")[2]
    return re.split(r"[;?#]", without_host, maxsplit=1)[0]
