# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers as Jetty, Spring Security and SteVe write them: statuses, headers, pages."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import unquote

from aiohttp import web

from .central import CentralSystem
from .logins import COOKIE, HttpSession

CACHE_HEADERS = {
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "0",
}
PAGE_TYPE = "text/html;charset=iso-8859-1"
HTML_TYPE = "text/html;charset=utf-8"
JSON_TYPE = "application/json"


def security_headers(system: CentralSystem) -> dict[str, str]:
    """Spring Security's default headers (HeaderWriterFilter)."""
    return {
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": system.era.xss_protection,
        "X-Frame-Options": "DENY",
        **CACHE_HEADERS,
    }


def empty(
    system: CentralSystem,
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    secured: bool = True,
) -> web.Response:
    """An answer without body, as SteVe's own refusals are."""
    base = security_headers(system) if secured else {}
    return web.Response(status=status, headers={**base, **(headers or {})})


def text(system: CentralSystem, status: int, body: str) -> web.Response:
    """A body without Content-Type, as Spring's handshake refusals are."""
    return web.Response(status=status, body=body.encode(), headers=security_headers(system))


def html_page(system: CentralSystem, body: str, status: int = 200) -> web.Response:
    """A page of the admin UI."""
    return web.Response(
        status=status,
        body=body.encode(),
        headers={**security_headers(system), "Content-Type": HTML_TYPE},
    )


def json_answer(
    system: CentralSystem,
    status: int,
    value: object,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A JSON answer of the Web API."""
    base = {**security_headers(system), "Content-Type": JSON_TYPE}
    return web.Response(
        status=status,
        body=json.dumps(value).encode(),
        headers={**base, **(headers or {})},
    )


def container_page(
    system: CentralSystem,
    request: web.Request,
    status: int,
    message: str | None = None,
    *,
    secured: bool,
    close: bool = False,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Jetty's own error page; as JSON when the client accepts nothing else (Jetty's ErrorHandler)."""
    reason = HTTPStatus(status).phrase
    message = reason if message is None else message
    uri = request.raw_path.partition("?")[0]
    base = dict(security_headers(system)) if secured else {}
    base.update(CACHE_HEADERS)
    base.update(headers or {})
    if close:
        base["Connection"] = "close"
    if accepts_only_json(request):
        base["Content-Type"] = JSON_TYPE
        document = {"url": uri, "status": str(status), "message": message}
        response = web.Response(status=status, body=json.dumps(document).encode(), headers=base)
    else:
        base["Content-Type"] = PAGE_TYPE
        page = _page(
            status,
            reason,
            message,
            uri,
            bad_message=system.era.bad_message_page and close and status == 400,
        )
        response = web.Response(status=status, body=page.encode("iso-8859-1", "replace"), headers=base)
    if close:
        response.force_close()
    return response


def _page(status: int, reason: str, message: str, uri: str, *, bad_message: bool) -> str:
    if bad_message:
        return f"<h1>Bad Message {status}</h1><pre>reason: {html.escape(message)}</pre>"
    rows = "".join(
        f"<tr><th>{label}:</th><td>{html.escape(value)}</td></tr>\n"
        for label, value in (
            ("URI", uri),
            ("STATUS", str(status)),
            ("MESSAGE", message),
        )
    )
    title = f"Error {status} {html.escape(message)}"
    return (
        '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>\n'
        f"<title>{title}</title>\n</head>\n<body>\n<h2>HTTP ERROR {status} {html.escape(message or reason)}</h2>\n"
        f"<table>\n{rows}</table>\n\n</body>\n</html>\n"
    )


def accepts_only_json(request: web.Request) -> bool:
    """Whether the Accept header names JSON and neither HTML nor everything."""
    accept = request.headers.get("Accept", "").lower()
    return "application/json" in accept and "text/html" not in accept and "*/*" not in accept


def origin(system: CentralSystem, request: web.Request) -> str:
    """Scheme and authority that the server believes it was called with."""
    scheme, host = "http", request.headers.get("Host") or f"{system.host}:{system.port}"
    if system.era.honours_forwarded:
        scheme = _first(request.headers.get("X-Forwarded-Proto")) or scheme
        host = _first(request.headers.get("X-Forwarded-Host")) or host
    return f"{scheme}://{host}"


def _first(value: str | None) -> str:
    return (value or "").split(",")[0].strip()


def redirect(
    system: CentralSystem,
    request: web.Request,
    path: str,
    *,
    secured: bool = True,
    status: int = 302,
    session: HttpSession | None = None,
    absolute: bool | None = None,
) -> web.Response:
    """A redirect to ``path`` (with context), absolute or relative by era; sets the cookie of a new session.

    ``absolute``: what Spring made of it already; None leaves it to the container.
    """
    if absolute is None:
        absolute = system.era.sent_redirects_are_absolute
    location = origin(system, request) + path if absolute else path
    response = empty(system, status, {"Location": location}, secured=secured)
    if session is not None:
        set_cookie(system, request, response, session)
    return response


def set_cookie(
    system: CentralSystem,
    request: web.Request,
    response: web.StreamResponse,
    session: HttpSession,
) -> None:
    """Announce the session's id."""
    secure = "; Secure" if origin(system, request).startswith("https://") else ""
    response.headers.add("Set-Cookie", f"{COOKIE}={session.id}; Path={system.context}{secure}")


def to_signin(
    system: CentralSystem,
    request: web.Request,
    *,
    dispatched: bool = False,
    secured: bool = True,
) -> web.Response:
    """302 to the sign-in page for an anonymous client.

    ``dispatched``: the redirect comes from the error dispatch, where the id of a new session is written into the
    Location (Spring's DisableEncodeUrlFilter does not run there); seen live on 3.12.0 and 3.14.1.
    """
    path = f"{system.context}/manager/signin"
    absolute = system.era.signin_location_absolute
    if system.logins.is_stale(request):
        # SimpleRedirectInvalidSessionStrategy answers, and not the entry point; not so in the error dispatch.
        return redirect(
            system,
            request,
            path,
            session=system.logins.create(),
            secured=secured,
            absolute=absolute if dispatched else None,
        )
    session = system.logins.current(request)
    if not saves_request(system, request):
        return redirect(system, request, path, secured=secured, absolute=absolute)
    new = None
    if session is None:
        session = new = system.logins.create()
        if dispatched:
            path += f";jsessionid={new.id}"
    session.saved_request = origin(system, request) + request.raw_path
    return redirect(system, request, path, session=new, secured=secured, absolute=absolute)


def saves_request(system: CentralSystem, request: web.Request) -> bool:
    """Whether Spring Security remembers the request for after the login (RequestCacheConfigurer)."""
    headers = request.headers
    return (
        request.method == "GET"
        and not accepts_only_json(request)
        and (system.era.saves_upgrade_requests or headers.get("Upgrade", "").lower() != "websocket")
        and headers.get("X-Requested-With", "") != "XMLHttpRequest"
    )


def dispatch_error(
    system: CentralSystem,
    request: web.Request,
    status: int,
    message: str | None = None,
    *,
    secured: bool = True,
    headers: Mapping[str, str] | None = None,
    authenticated: bool = False,
) -> web.Response:
    """``sendError``: the container's page, or (>= 3.9.0) what the protected error dispatch makes of it.

    There an anonymous client sees 302 to the sign-in page and an authenticated one 403.
    """
    era = system.era
    if not era.error_dispatch_to_signin:
        return container_page(system, request, status, message, secured=secured, headers=headers)
    session = system.logins.current(request)
    if authenticated or (session is not None and session.user is not None):
        if era.dispatched_denial_is_empty:
            return empty(system, 403, headers, secured=secured)
        return container_page(system, request, 403, secured=secured, headers=headers)
    return to_signin(system, request, dispatched=True, secured=secured)


def no_handler(system: CentralSystem, request: web.Request, *, authenticated: bool = False) -> web.Response:
    """Nothing in the application answers the path: 404 page, from 3.9.0 on what the error dispatch makes of it."""
    path = request.raw_path.partition("?")[0]
    message = system.era.missing_handler_message.format(method=request.method, path=path)
    return dispatch_error(system, request, 404, message, authenticated=authenticated)


def challenge(system: CentralSystem, request: web.Request) -> web.Response:
    """401 that asks for HTTP Basic (3.4.x below /manager, and the runbook dialect)."""
    headers = {"WWW-Authenticate": 'Basic realm="Realm"'}
    return container_page(system, request, 401, secured=True, headers=headers)


def decode_path(raw: str) -> str:
    """Percent-decode once, UTF-8, as Jetty does."""
    return unquote(raw, errors="replace")
