# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the admin pages say that only who changes charge boxes reads. Pure; each function tells the structure."""

from __future__ import annotations

import re

from ansible_collections.chargeops.steve.plugins.module_utils._admin_pages import (
    CSRF_FIELD,
    UnrecognisedPage,
    error_text,
    looks_like,
    own_forms,
    require_whole,
)
from ansible_collections.chargeops.steve.plugins.module_utils._chargebox_form import (
    ADD_BATCH_PATH,
    ADD_SINGLE_PATH,
    TRANSACTIONS_PATH,
)
from ansible_collections.chargeops.steve.plugins.module_utils._html import Form, forms, text
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

_ERROR_LIST = re.compile(
    r"<div\b[^<>]*\bclass\s*=\s*[\"']error[\"'][^<>]*>[^<>]*<ul[^<>]*>(.{0,8000}?)</ul\s*>", re.IGNORECASE | re.DOTALL
)
_LIST_ITEM = re.compile(r"<li[^<>]*>(.*?)</li\s*>", re.IGNORECASE | re.DOTALL)
_EMPTY_BODY = re.compile(r"<tbody[^<>]*>\s*</tbody\s*>", re.IGNORECASE)
_HEADING = re.compile(r"<th\b[^<>]*>\s*Transaction ID\s*</th\s*>", re.IGNORECASE)


def add_form(page: str) -> Form:
    """The form for one charge box of the page ``/manager/chargepoints/add``.

    Raises:
        UnrecognisedPage: it is another page, or the form has no token.
    """
    require_whole(page, (ADD_SINGLE_PATH, ADD_BATCH_PATH))
    for form in own_forms(page)[0]:
        if form.action.endswith(ADD_SINGLE_PATH) and form.value(CSRF_FIELD):
            return form
    raise UnrecognisedPage("an add page without the form for one charge point")


def validation_messages(page: str) -> tuple[str, ...]:
    """SteVe's own words about fields it refused (inert, cut); empty when the page shows no such list.

    The box (class ``error``, on the add page with the id ``singleError`` or ``batchError``) holds a sentence and a
    list. It stands before everything that an operator or a station wrote.
    """
    match = _ERROR_LIST.search(page)
    if match is None:
        return ()
    said = (inert(text(item)) for item in _LIST_ITEM.findall(match.group(1))[:10])
    return tuple(dict.fromkeys(words for words in said if words))


def has_transactions(page: str, charge_box_id: str) -> bool | None:
    """Whether the page of all transactions of one charge box shows any; None when it cannot be told.

    From 3.4.0 to 3.14.1 the page holds, in this order, a list of messages when a parameter was refused, a GET form
    whose selects tell by which charge box, type and period SteVe filtered (``All`` with the empty value is always
    marked as well), and one table with a row per transaction. Its columns changed, its first heading did not. When
    SteVe refuses a parameter, such as an id that violates its pattern, or reads it otherwise (from 3.11 on an id with a
    comma is two), the table is empty too. So an empty table counts only when the form confirms the filter. Texts from
    stations in the rows are not escaped; they can only add rows.

    Raises:
        UnrecognisedPage: it is another page.
    """
    require_whole(page, ('name="type"', 'name="chargeBoxId"'))
    heading = _HEADING.search(page)
    if heading is None:
        message = error_text(page)
        raise UnrecognisedPage(looks_like(page) if message is None else f"SteVe's error page ({message})")
    body = page.find("<tbody", heading.end())
    if body < 0 or not _EMPTY_BODY.match(page, body):
        return True
    if validation_messages(page[: heading.start()]):
        return None
    wanted = {("chargeBoxId", charge_box_id), ("type", "ALL"), ("periodType", "ALL")}
    for form in forms(page[: heading.start()]):
        if form.method == "get" and form.action.endswith(TRANSACTIONS_PATH) and wanted <= set(form.fields):
            return False
    return None
