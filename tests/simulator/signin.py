# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in to the admin UI, and the CSRF filter in front of every POST."""

from __future__ import annotations

import asyncio
import html

from aiohttp import web
from sqlalchemy.exc import DBAPIError

from . import repository
from .central import CentralSystem
from .handshake import parse_basic, password_matches
from .logins import HttpSession
from .responses import (
    dispatch_error,
    html_page,
    redirect,
    set_cookie,
)
from .store import PoolTimeoutError


async def check_csrf(system: CentralSystem, request: web.Request) -> web.Response | None:
    """Spring's CsrfFilter: None when the POST may go on."""
    session = system.logins.current(request)
    if session is None:
        # No stored token at all: the invalid-session strategy answers, with a new session.
        path = f"{system.context}/manager/signin"
        return redirect(system, request, path, session=system.logins.create())
    form = await request.post()
    value = form.get("_csrf", request.headers.get("X-CSRF-TOKEN", ""))
    if isinstance(value, str) and system.logins.token_matches(session, value):
        return None
    return dispatch_error(system, request, 403)


def page(system: CentralSystem, request: web.Request) -> web.Response:
    """The sign-in form. It does not touch the data base."""
    session = system.logins.current(request)
    new = session is None
    if session is None:
        session = system.logins.create()
    error = ""
    if "error" in request.query:
        error = '<div class="error">Your name or password is incorrect.</div>'
    token = html.escape(system.logins.rendered_token(session))
    action = f"{system.context}/manager/signin"
    body = (
        "<!DOCTYPE html>\n<html><head><title>SteVe - Steckdosenverwaltung</title></head><body>\n"
        f'<div class="content"><section><span>Sign In</span></section>{error}\n'
        f'<form method="POST" action="{action}">\n<table>'
        '<tr><td>Username:</td><td><input type="text" name="username"></td></tr>'
        '<tr><td>Password:</td><td><input type="password" name="password"></td></tr>'
        '<tr><td></td><td><input type="submit" value="Sign In"></td></tr></table>\n'
        f'<input type="hidden" name="_csrf" value="{token}">\n</form></div>\n</body></html>\n'
    )
    response = html_page(system, body)
    if new:
        set_cookie(system, request, response, session)
    return response


async def sign_in(system: CentralSystem, request: web.Request) -> web.Response:
    """The login POST; the CSRF token was checked already."""
    faults = system.faults
    if faults.on("signin-slow"):
        await asyncio.sleep(faults.seconds("signin-slow"))
    form = await request.post()
    username, password = str(form.get("username", "")), str(form.get("password", ""))
    try:
        accepted = not faults.on("signin-refused") and await credentials_accepted(system, username, password)
    except (PoolTimeoutError, DBAPIError) as error:
        system.log_data_base_error(request.path, error)
        accepted = False
    session = system.logins.current(request)
    if session is None:
        return dispatch_error(system, request, 403)
    if not accepted:
        return redirect(system, request, f"{system.context}/manager/signin?error")
    system.logins.sign_in(session, username)
    if session.saved_request:
        suffix = system.era.saved_request_suffix
        if suffix and "?" in session.saved_request:
            suffix = "&" + suffix[1:]
        response = redirect(system, request, "", session=session)
        response.headers["Location"] = session.saved_request + suffix
        session.saved_request = None
        return response
    return redirect(system, request, f"{system.context}/", session=session)


async def by_basic(system: CentralSystem, request: web.Request) -> HttpSession | None:
    """A session for HTTP Basic credentials, where the release accepts them (3.4.x); None without or with wrong ones."""
    if not system.era.manager_accepts_basic:
        return None
    try:
        given = parse_basic(request.headers.get("Authorization"))
    except ValueError:
        return None
    if given is None or not await credentials_accepted(system, *given):
        return None
    session = system.logins.current(request) or system.logins.create()
    system.logins.sign_in(session, given[0])
    return session


async def credentials_accepted(system: CentralSystem, username: str, password: str) -> bool:
    """Properties in memory (<= 3.7.1) or ``web_user`` (>= 3.8.0; user names compared by the data base)."""
    if not system.era.users_in_database:
        expected = (
            system.properties.get("auth.user"),
            system.properties.get("auth.password"),
        )
        # Spring's in-memory manager folds the user name's case.
        return (username.lower(), password) == (expected[0].lower(), expected[1])
    row = await repository.find_web_user(system.store, username)
    if row is None or not row["enabled"] or "ADMIN" not in (row["authorities"] or []):
        return False
    return await password_matches(password, str(row["password"]))
