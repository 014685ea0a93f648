# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SteVe's admin pages say, as dataclasses.

The structure was read from SteVe's views (``src/main/webapp/WEB-INF/views`` of steve-3.4.0 to steve-3.14.1) and is
recognised by what the pages contain, never by the release:

* A page behind the sign-in carries the link ``/manager/signout``; only home carries ``tileWrapper``.
* A page that shows an exception has status 200 and ``<div class="error"><h3>Error:</h3><p>...``.
* ``chargepoints.jsp`` writes ids and descriptions of registered charge boxes **without escaping**; ids of the unknown
  list are escaped from 3.5.1, 3.6.1 and 3.7.1 on; ``ocppJsonStatus.jsp`` writes ids raw and, from 3.14.0, once more as
  an escaped hidden field.

A charge box id can therefore hold markup that looks like further rows. What it cannot hold is the CSRF token of the
session that reads the page: every row of the list, of the unknown list and (from 3.14.0) of the session list ends with
a form that carries it. Rows are cut at these forms, so that an id damages no row but at most its own.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import unescape
from typing import Any
from urllib.parse import unquote

from ansible_collections.chargeops.steve.plugins.module_utils._html import Form, attributes, forms, text
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

CSRF_FIELD = "_csrf"
SIGN_IN_PATH = "/manager/signin"
SIGN_OUT_PATH = "/manager/signout"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DETAILS_LINK = re.compile(r"/manager/chargepoints/details/(\d{1,18})\Z")
_DELETE_ACTION = re.compile(r"/manager/chargepoints/delete/(\d{1,18})\Z")
_UNKNOWN_ACTION = re.compile(r"/manager/chargepoints/unknown/add/(.*?)/?\Z", re.DOTALL)
_DISCONNECT_ACTION = re.compile(r"/manager/home/ocppJsonStatus/disconnect\Z")

_ANCHOR = re.compile(r"<a\b([^<>]*)>", re.IGNORECASE)
_ROW_START = re.compile(r"<tr\b[^<>]*>\s*<td\b[^<>]*>", re.IGNORECASE)
_CELL = r"</td\s*>\s*<td\b([^<>]*)>([^<>]*)"
_OPEN_CELL_AT_END = r"</td\s*>\s*<td\b[^<>]*>\s*\Z"
_TWO_CELLS_AT_END = re.compile(_CELL + _CELL + _OPEN_CELL_AT_END, re.IGNORECASE)
_THREE_CELLS_AT_END = re.compile(_CELL + _CELL + _CELL + _OPEN_CELL_AT_END, re.IGNORECASE)
_THREE_CELLS_AND_ROW_END = re.compile(_CELL + _CELL + _CELL + r"</td\s*>\s*</tr\s*>", re.IGNORECASE)
_LINK_AND_CELL_END = re.compile(r"</a\s*>\s*</td\s*>\s*<td\b[^<>]*>", re.IGNORECASE)
_LINK_END = re.compile(r"</a\s*>\s*\Z", re.IGNORECASE)
_ERROR_BOX = re.compile(r"<div\b[^<>]*\bclass\s*=\s*[\"']error[\"'][^<>]*>(.{0,4000})", re.IGNORECASE | re.DOTALL)
_ERROR_END = re.compile(r"<br\s*/?>|</div\s*>|You can\b", re.IGNORECASE)
_ERROR_HEADING = re.compile(r"\s*<h3[^<>]*>\s*Error:", re.IGNORECASE)
_TRANSACTIONS_TILE = re.compile(
    r"<a\b[^<>]*\bhref\s*=\s*[\"'][^<>\"']*/manager/transactions[?;\"'][^<>]*>(?:(?!</a\b).){0,300}?"
    r"<span\b[^<>]*\bformatNumber\b[^<>]*>\s*(\d{1,9})\s*</span",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(r"<title[^<>]*>([^<]{0,200})", re.IGNORECASE)
_LABELLED_CELL = re.compile(
    r"<td[^<>]*>\s*([^<>:]{1,60}):\s*</td\s*>\s*<td[^<>]*>(.*?)</td\s*>", re.IGNORECASE | re.DOTALL
)
_RELEASE = re.compile(r"\d{1,3}\.\d{1,3}(?:\.\d{1,3})?")
# Texts of the connection pool, of Spring and of both JDBC drivers when SteVe cannot reach its data base.
_NO_DATA_BASE = re.compile(
    r"Connection is not available, request timed out|JDBC Connection|Communications link failure"
    r"|Socket fail to connect|Error getting connection from data source",
    re.IGNORECASE,
)


class UnrecognisedPage(ValueError):
    """A page is not what it should be; the text says what it looks like instead (inert, cut)."""


@dataclass(frozen=True)
class ChargeBox:
    """A registered charge box as the list shows it.

    Attributes:
        id: charge box id in SteVe's spelling.
        pk: SteVe's primary key.
        protocol: such as ``ocpp1.6J``, None when no station ever connected with this id.
        last_heartbeat: UTC ISO 8601, None when there was none.
        description: None when empty.
        doubt: why ``id`` and ``description`` may be cut wrongly, None when they are exact.
    """

    id: str
    pk: int
    protocol: str | None
    last_heartbeat: str | None
    description: str | None
    doubt: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The row of the result document; ``doubt`` only where there is one."""
        row: dict[str, Any] = {
            "id": self.id, "pk": self.pk, "protocol": self.protocol,
            "last_heartbeat": self.last_heartbeat, "description": self.description,
        }  # fmt: skip
        if self.doubt is not None:
            row["doubt"] = self.doubt
        return row


@dataclass(frozen=True)
class UnknownId:
    """An id that knocked and is not registered; ``last_attempt`` is UTC ISO 8601, ``doubt`` as in `ChargeBox`."""

    id: str
    attempts: int
    last_attempt: str | None
    doubt: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The row of the result document; ``doubt`` only where there is one."""
        row: dict[str, Any] = {"id": self.id, "attempts": self.attempts, "last_attempt": self.last_attempt}
        if self.doubt is not None:
            row["doubt"] = self.doubt
        return row


@dataclass(frozen=True)
class Session:
    """One open WebSocket session.

    Attributes:
        id: charge box id; up to 3.10 in the spelling of the station's URL.
        protocol: such as ``ocpp1.6``.
        connected_since: UTC ISO 8601.
        session_id: SteVe's name of the session, None before 3.14.0.
        doubt: as in `ChargeBox`.
    """

    id: str
    protocol: str | None
    connected_since: str | None
    session_id: str | None = None
    doubt: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The row of the result document; ``doubt`` only where there is one."""
        row: dict[str, Any] = {"id": self.id, "protocol": self.protocol, "connected_since": self.connected_since}
        if self.doubt is not None:
            row["doubt"] = self.doubt
        return row


@dataclass(frozen=True)
class ChargePointsPage:
    """The charge points page: registered and unknown ids.

    Attributes:
        charge_boxes: registered ones in SteVe's order (primary key).
        unknown: those that knocked, at most 100, in SteVe's order.
        notes: sentences about rows that could not be read.
        unread: primary keys of registered charge boxes whose rows could not be read.
    """

    charge_boxes: tuple[ChargeBox, ...]
    unknown: tuple[UnknownId, ...]
    notes: tuple[str, ...]
    unread: tuple[int, ...] = ()


@dataclass(frozen=True)
class About:
    """The about page. All texts as SteVe shows them; None where the page lacks the row.

    Attributes:
        version: for example ``3.14.1`` or ``3.15.0-SNAPSHOT``.
        release: the numbers of ``version``, None when it has none.
        database_version: version of the data base schema.
        system_time: SteVe's clock when it wrote the page, ISO 8601.
        log_file: path of the log file.
        enabled_protocols: such as ``ocpp1.6J``; empty before 3.11.
    """

    version: str
    release: str | None
    database_version: str | None
    system_time: str | None
    log_file: str | None
    enabled_protocols: tuple[str, ...]


@dataclass(frozen=True)
class Details:
    """What the details page adds to a row of the list. Never a password.

    Attributes:
        id: charge box id, exact (the form field is escaped in every release).
        pk: SteVe's primary key.
        registration_status: ``accepted`` | ``pending`` | ``rejected``; None when the page selects none of them
            (up to 3.12 a wrong text in the data base looks so).
        security_profile: 0 to 3; None before 3.9.
        vendor: from the last BootNotification, None when empty; likewise the next two.
        model: see vendor.
        firmware: see vendor.
        form: the whole form, to be posted back by who changes a charge box.
    """

    id: str
    pk: int
    registration_status: str | None
    security_profile: int | None
    vendor: str | None
    model: str | None
    firmware: str | None
    form: Form

    def to_dict(self) -> dict[str, Any]:
        """The keys that ``details: true`` adds to a row."""
        return {
            "registration_status": self.registration_status, "security_profile": self.security_profile,
            "vendor": self.vendor, "model": self.model, "firmware": self.firmware,
        }  # fmt: skip


# -- which page is it ------------------------------------------------------------------------------------------


def sign_in_token(page: str) -> str:
    """The CSRF token of the sign-in page.

    Raises:
        UnrecognisedPage: it is not SteVe's sign-in page.
    """
    for form in forms(page):
        names = {name for name, _value in form.fields}
        if {"username", "password"} <= names and form.action.split(";")[0].split("?")[0].endswith(SIGN_IN_PATH):
            token = form.value(CSRF_FIELD)
            if not token:
                raise UnrecognisedPage("a sign-in form without the hidden field _csrf")
            return token
    raise UnrecognisedPage(looks_like(page))


def is_home(page: str) -> bool:
    """Whether this is the home page of somebody who is signed in."""
    return "tileWrapper" in page and SIGN_OUT_PATH in page


def home_page(page: str) -> int | None:
    """The number of running transactions, from the home page of somebody who is signed in; None when it shows none.

    The tile is the same in all releases (``home.jsp``).

    Raises:
        UnrecognisedPage: it is another page.
    """
    if not is_home(page):
        raise UnrecognisedPage(looks_like(page))
    counts = {match.group(1) for match in _TRANSACTIONS_TILE.finditer(page)}
    return int(counts.pop()) if len(counts) == 1 else None


def error_text(page: str, limit: int = 200) -> str | None:
    """The text of SteVe's error page (inert, cut at ``limit``), None when the page shows none.

    SteVe's exception handler answers with status 200 (``GlobalControllerAdvice``, ``00-error.jsp``). Ask only about a
    page that is not recognised as another one: an id in a list may contain the same markup.
    """
    match = _ERROR_BOX.search(page)
    if match is None or not _ERROR_HEADING.match(match.group(1)):
        return None
    shown = _ERROR_HEADING.sub("", match.group(1), count=1)
    end = _ERROR_END.search(shown)
    return inert(text(shown[: end.start()] if end else shown), limit) or "no text"


def tells_of_lost_data_base(message: str) -> bool:
    """Whether an error text is what pool, Spring or driver say when the data base is away."""
    return _NO_DATA_BASE.search(message) is not None


def looks_like(page: str) -> str:
    """What a page looks like, in a few inert words, for an error sentence."""
    if not page.strip():
        return "an empty page"
    message = error_text(page)
    if message is not None:
        return f"SteVe's error page ({message})"
    if is_home(page):
        return "SteVe's home page"
    if 'name="username"' in page and SIGN_IN_PATH in page:
        return "SteVe's sign-in page"
    title = _TITLE.search(page)
    if title is not None and title.group(1).strip():
        return f'a page titled "{inert(text(title.group(1)), 80)}"'
    if page.lstrip()[:1] in "{[":
        return "JSON"
    return f'a text that begins "{inert(text(page[:400]), 80)}"'


# -- the lists -------------------------------------------------------------------------------------------------


def charge_points_page(page: str) -> ChargePointsPage:
    """Registered and unknown ids from ``/manager/chargepoints`` or its query.

    Raises:
        UnrecognisedPage: it is another page, is cut off, or holds rows of a structure that is not SteVe's.
    """
    require_whole(page, ('id="overview"', 'id="unknownTable"'))
    own, forged = own_forms(page)
    boxes: list[ChargeBox] = []
    unknown: list[UnknownId] = []
    notes: list[str] = []
    unread: list[int] = []
    previous_end = 0
    for form in own:
        segment = page[previous_end : form.start]
        previous_end = form.end
        delete = _DELETE_ACTION.search(form.action)
        knock = None if delete else _UNKNOWN_ACTION.search(form.action)
        if delete is not None:
            box = _charge_box(segment, int(delete.group(1)))
            if box is None:
                unread.append(int(delete.group(1)))
                notes.append(f"The row of the charge box with primary key {delete.group(1)} could not be read.")
            else:
                boxes.append(box)
        elif knock is not None:
            entry = _unknown_id(segment, knock.group(1))
            if entry is None:
                notes.append(f"The row of the unknown id {inert(knock.group(1), 80)} could not be read.")
            else:
                unknown.append(entry)
    if not boxes and (notes or _has_rows(page, page.rfind('id="overview"'))):
        raise UnrecognisedPage("a charge point list whose rows are not SteVe's")
    if forged:
        notes.append(f"{forged} forms of the page carry a foreign CSRF token; they are part of an id or a description.")
    return ChargePointsPage(tuple(boxes), tuple(unknown), tuple(notes), tuple(unread))


def sessions_page(page: str) -> tuple[Session, ...]:
    """Open sessions from ``/manager/home/ocppJsonStatus``, with 4 columns (up to 3.13) or 5 (from 3.14.0).

    Raises:
        UnrecognisedPage: it is another page, is cut off, or holds rows of a structure that is not SteVe's.
    """
    require_whole(page, ("Connected Since",))
    begin = page.find("<tbody", page.find("Connected Since"))
    if begin < 0:
        raise UnrecognisedPage("a session list without rows' part")
    own = [form for form in own_forms(page)[0] if _DISCONNECT_ACTION.search(form.action)]
    sessions = _sessions_with_forms(page, begin, own) if own else _sessions_without_forms(page, begin)
    if not sessions and _ROW_START.search(page, begin):
        raise UnrecognisedPage("a session list whose rows are not SteVe's")
    return tuple(sessions)


def own_forms(page: str) -> tuple[list[Form], int]:
    """The forms that carry this session's CSRF token, and the number of POST-like forms that carry another one.

    Text from outside never follows the last of SteVe's own forms, so the last token on the page is genuine. Without
    any token (CSRF protection switched off in a private build) all forms count as SteVe's own.
    """
    found = forms(page)
    tokens = [_unmasked(form.value(CSRF_FIELD) or "") for form in found]
    genuine = next((token for token in reversed(tokens) if token), "")
    own = [form for form, token in zip(found, tokens) if token == genuine]
    return own, len([form for form, token in zip(found, tokens) if token != genuine and _is_row_form(form)])


def _unmasked(token: str) -> str:
    """The token itself: from 3.8.0 on a page shows it mixed with random bytes.

    That is Spring's XorCsrfTokenRequestAttributeHandler. Up to 3.7.1 the token is a UUID, which is no base64 of an even
    number of bytes and comes back as it is.
    """
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        return token
    half = len(raw) // 2
    if not raw or len(raw) % 2:
        return token
    return "masked:" + bytes(one ^ other for one, other in zip(raw[:half], raw[half:])).hex()


def _is_row_form(form: Form) -> bool:
    return any(pattern.search(form.action) for pattern in (_DELETE_ACTION, _UNKNOWN_ACTION, _DISCONNECT_ACTION))


def _has_rows(page: str, begin: int) -> bool:
    """Whether a table's body holds rows; a table without body counts as one with rows we cannot read."""
    body = page.find("<tbody", begin)
    return body < 0 or _ROW_START.search(page, body) is not None


def _charge_box(segment: str, pk: int) -> ChargeBox | None:
    """One row of the list; ``segment`` runs from the end of the row before to the delete form of this row."""
    link = next((anchor for anchor in _ANCHOR.finditer(segment) if _pk_of(anchor.group(1)) == pk), None)
    tail = _TWO_CELLS_AT_END.search(segment, link.end()) if link else None
    if link is None or tail is None:
        return None
    # Exactly as in the data base, entities included: SteVe escapes neither of the two.
    body = segment[link.end() : tail.start()]
    borders = list(_LINK_AND_CELL_END.finditer(body))
    if not borders:
        return None
    doubt = None
    if len(borders) > 1:
        doubt = "id or description contains markup like a cell border; details: true reads the exact id"
    return ChargeBox(
        id=body[: borders[0].start()],
        pk=pk,
        protocol=unescape(tail.group(2)).strip() or None,
        last_heartbeat=_time_of(tail.group(3)),
        description=body[borders[0].end() :] or None,
        doubt=doubt,
    )


def _unknown_id(segment: str, address: str) -> UnknownId | None:
    """One row of the unknown list; ``address`` is the id as it stands in the address of its Add form.

    Cell and address are two writings of one id, and the cell is escaped in some releases only: the reading on which
    both agree is the id.
    """
    tail = _TWO_CELLS_AT_END.search(segment)
    start = _ROW_START.search(segment)
    if tail is None or start is None or start.end() > tail.start() or not tail.group(2).strip().isdigit():
        return None
    cell = segment[start.end() : tail.start()]
    readings = (cell, unescape(cell), cell.strip(), unescape(cell).strip())
    identifier, doubt = None, None
    for candidate in (address, unquote(address)):
        # OWASP's encoder writes a blank for a control character.
        if candidate in readings or _blank_controls(candidate) in readings:
            identifier = candidate
            break
    if identifier is None:
        identifier, doubt = unescape(cell), "the page shows this id in two different ways"
    return UnknownId(identifier, int(tail.group(2).strip()[:9]), _time_of(tail.group(3)), doubt)


def _sessions_with_forms(page: str, begin: int, own: list[Form]) -> list[Session]:
    sessions = []
    previous_end = begin
    for form in own:
        segment = page[previous_end : form.start]
        previous_end = form.end
        tail = _THREE_CELLS_AT_END.search(segment)
        identifier = form.value("chargeBoxId")
        start = _ROW_START.search(segment)
        if tail is None or start is None or identifier is None:
            continue
        cell = _session_cell(segment[start.end() : tail.start()])
        # The hidden field is escaped, but OWASP's encoder writes a blank for a control character.
        exact = cell if _blank_controls(cell) == identifier else identifier
        sessions.append(
            Session(exact, text(tail.group(2)) or None, _time_of(tail.group(3)), form.value("sessionId") or None)
        )
    return sessions


def _sessions_without_forms(page: str, begin: int) -> list[Session]:
    """Rows up to 3.13. Only an id with markup of a whole row could forge one; a station cannot have such an id."""
    sessions = []
    previous_end = begin
    for tail in _THREE_CELLS_AND_ROW_END.finditer(page, begin):
        start = _ROW_START.search(page, previous_end, tail.start())
        previous_end = tail.end()
        if start is None or "data-sort-value" not in tail.group(3):
            continue
        cell = _session_cell(page[start.end() : tail.start()])
        doubt = "the id contains markup, which this release of SteVe does not escape" if "<" in cell else None
        sessions.append(Session(cell, text(tail.group(2)) or None, _time_of(tail.group(3)), None, doubt))
    return sessions


def _session_cell(cell: str) -> str:
    """The id in the first cell of a session row.

    Without a charge box SteVe (3.9 and later) writes the bare id between line breaks of its view instead of a link.
    """
    cell = cell.strip()
    link = _ANCHOR.match(cell)
    end = _LINK_END.search(cell)
    if link is not None and end is not None and _pk_of(link.group(1)) is not None:
        return cell[link.end() : end.start()]
    return cell


# -- single pages ----------------------------------------------------------------------------------------------


def about_page(page: str) -> About:
    """The about page.

    Raises:
        UnrecognisedPage: it is another page or has no row ``Version:``.
    """
    require_whole(page, ("Version:",))
    rows = _labelled(page)
    version = rows.get("Version")
    if not version:
        raise UnrecognisedPage("an about page without a version")
    release = _RELEASE.match(version)
    protocols = rows.get("Enabled OCPP Protocols") or ""
    return About(
        version=version,
        release=release.group(0) if release else None,
        database_version=rows.get("Database Version") or None,
        system_time=rows.get("System Time") or None,
        log_file=rows.get("Log File") or None,
        enabled_protocols=tuple(part.strip() for part in protocols.split(",") if part.strip()),
    )


def details_page(page: str) -> Details:
    """The details page of one charge box.

    Raises:
        UnrecognisedPage: it is another page or lacks the form.
    """
    require_whole(page, ("/manager/chargepoints/update",))
    for form in forms(page):
        identifier, pk = form.value("chargeBoxId"), form.value("chargeBoxPk")
        if identifier is not None and pk is not None and pk.isdigit():
            break
    else:
        raise UnrecognisedPage("a details page without the charge point's form")
    rows = _labelled(page)
    status = (form.value("registrationStatus") or "").lower()
    profile = re.match(r"Profile_([0-3])\Z", form.value("securityProfile") or "")
    return Details(
        id=identifier,
        pk=int(pk),
        # "Accepted" up to 3.12, "ACCEPTED" from 3.13 on.
        registration_status=status if status in ("accepted", "pending", "rejected") else None,
        security_profile=int(profile.group(1)) if profile else None,
        vendor=rows.get("Charge Point Vendor") or None,
        model=rows.get("Charge Point Model") or None,
        firmware=rows.get("Firmware Version") or None,
        form=form,
    )


# -- small helpers ---------------------------------------------------------------------------------------------


def require_whole(page: str, marks: tuple[str, ...]) -> None:
    """Refuse anything but a complete page of a signed-in user that contains the marks."""
    if SIGN_OUT_PATH not in page or any(mark not in page for mark in marks):
        raise UnrecognisedPage(looks_like(page))
    if "</html" not in page[-400:].lower():
        raise UnrecognisedPage("a page that is cut off (no end tag)")


def _labelled(page: str) -> dict[str, str]:
    """``<td>Label:</td><td>value</td>`` pairs; of a repeated label the first counts."""
    rows: dict[str, str] = {}
    for match in _LABELLED_CELL.finditer(page):
        rows.setdefault(text(match.group(1)), text(match.group(2)))
    return rows


def _pk_of(raw_attributes: str) -> int | None:
    """The primary key in a link to the details page, None for any other link."""
    match = _DETAILS_LINK.search(attributes(raw_attributes).get("href", ""))
    return int(match.group(1)) if match else None


def _time_of(raw_attributes: str) -> str | None:
    """UTC ISO 8601 from the cell attribute that SteVe sorts by (milliseconds since 1970), None when it is empty."""
    value = attributes(raw_attributes).get("data-sort-value", "").strip()
    if re.match(r"\d{1,14}\Z", value) is None:
        return None
    moment = _EPOCH + timedelta(milliseconds=int(value))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _blank_controls(value: str) -> str:
    """What OWASP's encoder makes of characters that are not allowed in XML: a blank each."""
    return "".join(" " if _is_no_xml(character) else character for character in value)


def _is_no_xml(character: str) -> bool:
    code = ord(character)
    if code < 0xA0:
        return unicodedata.category(character) == "Cc" and character not in "\t\n\r\x85"
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
