# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the request line to the part that answers: container, firewall, security filter, handlers.

aiohttp's server is used below its router: one middleware answers everything from the raw request target, because the
real server decides on undecoded paths (``//``, ``%2F``, ``;``). Headers that aiohttp adds by itself (Server, a
default Content-Type, Date where the era has none) are taken out again when the answer is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import format_datetime

from aiohttp import web

from . import admin, handshake, signin, webapi
from .central import CentralSystem
from .responses import (
    HTML_TYPE,
    container_page,
    dispatch_error,
    empty,
    redirect,
    security_headers,
    to_signin,
)

SAFE_METHODS = ("GET", "HEAD", "TRACE", "OPTIONS")
GARBAGE = b"\x15\x03\x01\x00\x02\x02\x50SIMULATED GARBAGE, NOT HTTP\r\n\r\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_application(system: CentralSystem) -> web.Application:
    """The aiohttp application that plays the central system."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        del handler  # the router is not asked
        return await _answer(system, request)

    application = web.Application(middlewares=[answer], client_max_size=1 << 20)
    application.on_response_prepare.append(_headers_hook(system))
    return application


def _headers_hook(
    system: CentralSystem,
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def hook(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.pop("Server", None)
        headers.pop("Date", None)
        if system.era.sends_date:
            headers["Date"] = format_datetime(system.now().replace(tzinfo=UTC), usegmt=True)
        if headers.get("Content-Type") == "application/octet-stream":
            del headers["Content-Type"]
        if not _is_filtered(system, raw_path(request)):
            for name in ("X-Content-Type-Options", "X-XSS-Protection", "X-Frame-Options"):
                headers.popall(name, None)
        if response.status == 101:
            headers["Connection"] = "Upgrade"
            if system.era.headers_on_101:
                headers.update(security_headers(system))

    return hook


def _is_filtered(system: CentralSystem, path: str) -> bool:
    """Whether Spring Security's filter covers the path (with context)."""
    return system.era.filter_scope != "manager" or path.startswith(f"{system.context}/manager")


async def _answer(system: CentralSystem, request: web.Request) -> web.StreamResponse:
    faults = system.faults
    if faults.on("freeze"):
        await faults.until_cleared("freeze")
    if faults.on("slow"):
        await asyncio.sleep(faults.seconds("slow"))
    if faults.on("garbage") and request.transport is not None:
        request.transport.write(GARBAGE)
        request.transport.close()
        return web.Response()
    return await _container(system, request)


async def _container(system: CentralSystem, request: web.Request) -> web.StreamResponse:
    """What Jetty decides before any filter of the application runs."""
    headers = request.headers
    if "Upgrade" in headers and not handshake.connection_is_upgrade(headers.getall("Connection", [])):
        message = system.era.connection_lost_message
        return container_page(system, request, 400, message, secured=False, close=True)
    path = raw_path(request)
    refusal = _refused_path(system, request, path, everywhere=True)
    if refusal is not None:
        return refusal
    context = system.context
    home = f"{context}/manager/home"
    if path == "/" and system.era.root_redirects_home:
        return redirect(system, request, home, secured=False)
    if path == context:
        if system.era.root_redirects_home:
            return redirect(system, request, home, secured=False)
        return redirect(system, request, f"{context}/", secured=False, status=301)
    if not path.startswith(f"{context}/"):
        return container_page(system, request, 404, secured=False)
    if path == f"{context}/" and system.era.root_redirects_home:
        return redirect(system, request, home, secured=False)
    return await _firewall(system, request, path[len(context) :])


def raw_path(request: web.Request) -> str:
    """The undecoded path of the request target, without query; absolute-form targets lose scheme and authority."""
    target = request.raw_path.partition("?")[0]
    if target.startswith(("http://", "https://")):
        rest = target.partition("://")[2]
        target = "/" + rest.partition("/")[2]
    return target


async def _firewall(system: CentralSystem, request: web.Request, path: str) -> web.StreamResponse:
    """Spring's StrictHttpFirewall, before the security headers are written."""
    refusal = _refused_path(system, request, path, everywhere=False)
    return await _security(system, request, path) if refusal is None else refusal


def _refused_path(
    system: CentralSystem, request: web.Request, path: str, *, everywhere: bool
) -> web.StreamResponse | None:
    """The answer of the first rule that refuses the raw path."""
    for rule in system.era.uri_rules:
        message = rule.refuses(path) if rule.everywhere is everywhere else None
        if message is None:
            continue
        if rule.outcome == "error-dispatch":
            return dispatch_error(system, request, rule.status, secured=False)
        return container_page(system, request, rule.status, message, secured=False, close=rule.close)
    return None


async def _security(system: CentralSystem, request: web.Request, path: str) -> web.StreamResponse:
    """Spring Security's filter chains, then the handlers."""
    era = system.era
    if era.filter_scope != "all" and _is_open(path):
        return _open_resource(system, request, path)
    if not _is_filtered(system, system.context + path):
        return await _handlers(system, request, path)
    if era.api != "none" and (path == "/api" or path.startswith("/api/")):
        return await webapi.handle(system, request, path)
    if request.method not in SAFE_METHODS and not path.startswith("/services/"):
        refusal = await signin.check_csrf(system, request)
        if refusal is not None:
            return refusal
    if system.logins.is_stale(request):
        return to_signin(system, request)
    return await _handlers(system, request, path)


async def _handlers(system: CentralSystem, request: web.Request, path: str) -> web.StreamResponse:
    if path == "/":
        return redirect(system, request, f"{system.context}/manager")
    if _is_open(path):
        return _open_resource(system, request, path)
    if path == handshake.PREFIX or path.startswith(f"{handshake.PREFIX}/"):
        return await _websocket(system, request, path[len(handshake.PREFIX) :])
    if path == "/manager" or path.startswith("/manager/"):
        return await admin.handle(system, request, path)
    if system.era.denies_unknown_paths:
        return to_signin(system, request)
    return handshake.no_mapping(system, request)


async def _websocket(system: CentralSystem, request: web.Request, rest: str) -> web.StreamResponse:
    try:
        accepted = await handshake.check(system, request, rest)
    except handshake.HandshakeRefusedError as refusal:
        return refusal.response
    return await system.stations.serve(request, accepted)


def _is_open(path: str) -> bool:
    return path.startswith(("/static/", "/services/")) or path == "/services"


def _open_resource(system: CentralSystem, request: web.Request, path: str) -> web.StreamResponse:
    """Static files and the SOAP services (CXF), which need no sign-in."""
    base = security_headers(system) if system.era.filter_scope == "all" else {}
    if path == "/static/css/style.css":
        css = b"/* simulator */ body { font-family: sans-serif; } .error { color: #a00; }\n"
        return web.Response(body=css, headers={**base, "Content-Type": "text/css"})
    if path.startswith("/static/"):
        return dispatch_error(system, request, 404)
    if path in ("/services", "/services/"):
        listing = "".join(f"<li>CentralSystemService ({version})</li>" for version in ("1.2", "1.5", "1.6"))
        body = f"<html><head><title>CXF - Service list</title></head><body><ul>{listing}</ul></body></html>"
        return web.Response(body=body.encode(), headers={**base, "Content-Type": HTML_TYPE})
    if path.startswith("/services/CentralSystemService") and request.method in (
        "GET",
        "HEAD",
    ):
        # CXF answers a GET of a SOAP endpoint with 200 and nothing, also for a complete upgrade request.
        return empty(system, 200, secured=system.era.filter_scope == "all")
    return empty(system, 500, secured=system.era.filter_scope == "all")
