# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forms, attributes and text of server-made HTML, read by position so that hostile text cannot hide what follows.

Why not ``html.parser``: SteVe writes charge box ids and descriptions into its pages without escaping
(``chargepoints.jsp``, every tag up to steve-3.14.1). An id such as ``<!--``, ``<script>`` or ``<textarea>`` makes an
HTML parser swallow the rows behind it, and the decoded text of a parser is no longer the id. Here a tag is what
stands between ``<`` and ``>`` without either of them inside (SteVe's form tags escape both in attribute values), there
are no comments and no raw text elements, and offsets give back the exact text between two tags. That also reads a
page of 10,000 rows in a fraction of the time.

All patterns are linear in the length of the page; the caller bounds the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_BLANKS = re.compile(r"\s+")
# Quoted values may hold ">" (OWASP's forHtmlAttribute leaves it alone) but never "<": an unbalanced quote ends there.
_FORM_TAG = re.compile(
    r"""<(/?)(form|input|select|option|textarea)\b([^<>"']*(?:(?:"[^"<]*"|'[^'<]*')[^<>"']*)*)>""", re.IGNORECASE
)


@dataclass(frozen=True)
class Form:
    """One form as a browser would submit it, without its buttons.

    Attributes:
        action: address as it stands in the page, unescaped.
        method: ``get`` or ``post``.
        fields: names and values in page order; unticked checkboxes, unselected options and buttons are left out,
            and password fields have an empty value (SteVe echoes a password after a validation error).
        start: offset of the form's start tag.
        end: offset behind its end tag.
        choices: name of a select and value of an option in it, for every option in page order.
        hints: name and placeholder of every input that has one.
    """

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]
    start: int
    end: int
    choices: tuple[tuple[str, str], ...] = ()
    hints: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> str | None:
        """The first value of a field, None when the form has no such field or nothing is selected in it."""
        for field, value in self.fields:
            if field == name:
                return value
        return None


def attributes(raw: str) -> dict[str, str]:
    """Attributes of a tag from the text between its name and ``>``."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(raw):
        name = match.group(1).lower()
        if name not in found:
            found[name] = unescape(next((value for value in match.groups()[1:] if value is not None), ""))
    return found


def text(fragment: str) -> str:
    """The visible text of a fragment: tags removed, entities decoded once, blanks collapsed."""
    return _BLANKS.sub(" ", unescape(_ANY_TAG.sub(" ", fragment))).strip()


def forms(page: str) -> list[Form]:
    """All forms of a page in page order.

    A start tag inside an open form begins a new one (forms do not nest): markup in hostile text can open a form, but
    never keep one of the page's own from being read. A form that is never closed is dropped.
    """
    found: list[Form] = []
    reader: _FormReader | None = None
    for match in _FORM_TAG.finditer(page):
        closing, name = bool(match.group(1)), match.group(2).lower()
        if name == "form":
            if not closing:
                reader = _FormReader(attributes(match.group(3)), match.start())
            elif reader is not None:
                found.append(reader.form(match.end()))
                reader = None
        elif reader is not None:
            reader.tag(page, name, closing, match)
    return found


class _FormReader:
    """Collects the fields of one form."""

    def __init__(self, form_attributes: dict[str, str], start: int) -> None:
        self._attributes = form_attributes
        self._start = start
        self._fields: list[tuple[str, str]] = []
        self._choices: list[tuple[str, str]] = []
        self._hints: list[tuple[str, str]] = []
        self._select: str | None = None
        self._textarea: tuple[str, int] | None = None

    def tag(self, page: str, name: str, closing: bool, match: re.Match[str]) -> None:
        if name == "textarea":
            if closing and self._textarea is not None:
                field, begin = self._textarea
                # A browser drops one line break right behind the start tag.
                content = page[begin : match.start()]
                self._fields.append((field, unescape(re.sub(r"\A\r?\n", "", content))))
                self._textarea = None
            elif not closing:
                self._textarea = (attributes(match.group(3)).get("name", ""), match.end())
        elif name == "select":
            self._select = None if closing else attributes(match.group(3)).get("name", "")
        elif name == "option" and not closing and self._select:
            option = attributes(match.group(3))
            value = option.get("value")
            if value is None:
                value = text(page[match.end() : page.find("<", match.end())])
            self._choices.append((self._select, value))
            if "selected" in option:
                self._fields.append((self._select, value))
        elif name == "input" and not closing:
            self._input(attributes(match.group(3)))

    def _input(self, field: dict[str, str]) -> None:
        kind = field.get("type", "text").lower()
        name = field.get("name", "")
        if not name or kind in ("submit", "button", "image", "reset", "file"):
            return
        if kind in ("checkbox", "radio") and "checked" not in field:
            return
        if "placeholder" in field:
            self._hints.append((name, field["placeholder"]))
        default = "on" if kind in ("checkbox", "radio") else ""
        self._fields.append((name, "" if kind == "password" else field.get("value", default)))

    def form(self, end: int) -> Form:
        method = "post" if self._attributes.get("method", "get").lower() == "post" else "get"
        return Form(
            self._attributes.get("action", ""), method, tuple(self._fields), self._start, end,
            tuple(self._choices), tuple(self._hints),
        )  # fmt: skip
