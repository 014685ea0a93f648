# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTML building blocks of the admin UI, written for the simulator after the structure of SteVe's pages."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from .central import CentralSystem
from .logins import HttpSession
from .responses import html_page


@dataclass(frozen=True)
class Visit:
    """A request of a signed-in user."""

    system: CentralSystem
    request: web.Request
    session: HttpSession
    path: str
    """Path below the context, undecoded."""


def escape(value: object) -> str:
    """HTML-escape; None becomes the empty text."""
    return "" if value is None else html.escape(str(value))


def frame(visit: Visit, body: str) -> web.Response:
    """A whole page with the menu of a signed-in user."""
    base = f"{visit.system.context}/manager"
    links = "".join(
        f'<li><a href="{base}/{target}">{label}</a></li>'
        for target, label in (
            ("home", "Home"),
            ("chargepoints", "Charge Points"),
            ("operations/v1.6", "Operations"),
            ("about", "About"),
            ("signout", "Sign Out"),
        )
    )
    page = (
        "<!DOCTYPE html>\n<html><head><title>SteVe - Steckdosenverwaltung</title>"
        f'<link rel="stylesheet" href="{visit.system.context}/static/css/style.css"></head>\n'
        f'<body><div class="main"><ul class="navigation">{links}</ul>\n'
        f'<div class="main-wrapper">\n{body}\n</div></div></body></html>\n'
    )
    return html_page(visit.system, page)


def error_page(visit: Visit, message: str) -> web.Response:
    """How exceptions are shown: status 200, the text in a box (GlobalControllerAdvice, all tags)."""
    return frame(
        visit,
        f'<div class="content"><div class="error"><h3>Error:</h3><p>{escape(message)}</p></div></div>',
    )


def validation_errors(messages: Iterable[str], element_id: str | None = None) -> str:
    """The box above a form whose fields were refused."""
    items = "".join(f"<li>{escape(message)}</li>" for message in messages)
    identity = f' id="{element_id}"' if element_id else ""
    return f'<div class="error"{identity}>Error while trying to process the form:<ul>{items}</ul></div>\n'


def form(visit: Visit, action: str, inner: str, *, element_id: str | None = None) -> str:
    """A POST form; the CSRF token is put just before its end, as Spring's form tag does."""
    token = escape(visit.system.logins.rendered_token(visit.session))
    identity = f'id="{element_id}" ' if element_id else ""
    return (
        f'<form {identity}action="{escape(visit.system.context + action)}" method="post">{inner}'
        f'<div><input type="hidden" name="_csrf" value="{token}" /></div></form>'
    )


def text_input(name: str, value: object = None, *, kind: str = "text", extra: str = "") -> str:
    """An input element."""
    return f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}"{extra}/>'


def select(name: str, options: Mapping[str, str], chosen: str | None = None) -> str:
    """A select element; ``options`` maps values to labels."""
    items = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(label)}</option>'
        for value, label in options.items()
    )
    return f'<select id="{name}" name="{name}">{items}</select>'


def row(label: str, content: str) -> str:
    """A table row with two cells."""
    return f"<tr><td>{label}</td><td>{content}</td></tr>"


def epoch_ms(moment: datetime | None) -> str:
    """Milliseconds since 1970 of a UTC time without zone; empty for None."""
    return "" if moment is None else str(round(moment.replace(tzinfo=UTC).timestamp() * 1000))


def human_time(moment: datetime | None, now: datetime) -> str:
    """``Today at HH:mm``, ``Yesterday at HH:mm`` or the date (SteVe's DateTimeUtils.humanize), UTC."""
    if moment is None:
        return ""
    clock = moment.strftime("%H:%M")
    if moment.date() == now.date():
        return f"Today at {clock}"
    if moment.date() == (now - timedelta(days=1)).date():
        return f"Yesterday at {clock}"
    return f"{moment.strftime('%Y-%m-%d')} at {clock}"


def human_duration(start: datetime, now: datetime) -> str:
    """Words for the time since ``start``."""
    seconds = max(0, int((now - start).total_seconds()))
    parts = []
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {unit}{'s' if amount != 1 else ''}")
    return " ".join(parts)
