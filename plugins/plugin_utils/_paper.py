# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines for a terminal: measured in columns, wrapped in columns, coloured or not."""

from __future__ import annotations

import unicodedata

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

_COLOURS = {"fail": "31;1", "warn": "33;1", "ok": "32;1", "open": "36;1", "dim": "2", "bold": "1"}
_MIN_WIDTH = 40
_ELLIPSIS = "\u2026"


def columns(text: str) -> int:
    """Columns that a text takes: two for a wide character (Chinese, emoji), none for a combining mark."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def fit(text: str, width: int) -> str:
    """The text in at most that many columns, with an ellipsis where it was cut."""
    return text if columns(text) <= width else _head(text, width - 1) + _ELLIPSIS


def pad(text: str, width: int) -> str:
    """The text followed by blanks up to a width."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int) -> list[str]:
    """The words of a text in lines of at most that many columns; only a word that is longer by itself is cut."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and columns(line) + 1 + columns(word) <= width:
            line += " " + word
            continue
        if line:
            lines.append(line)
        line = word
        while columns(line) > width:
            head = _head(line, width)
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line] if line else lines


def _head(text: str, width: int) -> str:
    """As many characters as the columns hold, one at least."""
    used = 0
    for index, character in enumerate(text):
        used += _columns(character)
        if used > width:
            return text[: max(index, 1)]
    return text


class Paper:
    """Collects lines of a width, coloured or not."""

    def __init__(self, width: int, colour: bool) -> None:
        self.width = max(width, _MIN_WIDTH)
        self.colour = colour
        self.lines: list[str] = []

    def paint(self, text: str, style: str) -> str:
        """The text in a style; unchanged without colour."""
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if self.colour else text

    def line(self, text: str = "", style: str | None = None) -> None:
        """One line as it is."""
        self.lines.append(self.paint(text, style) if style else text)

    def block(
        self, label: str, text: str, indent: int, style: str | None = None, most: int | None = None, column: int = 10
    ) -> None:
        """A labelled paragraph, wrapped so that the text stays in its column; cut after ``most`` lines."""
        first = " " * indent + pad(label, column)
        room = self.width - columns(first)
        wrapped = wrap(text, room)
        if most is not None and len(wrapped) > most:
            wrapped = [*wrapped[: most - 1], fit(wrapped[most - 1], room - 1).removesuffix(_ELLIPSIS) + _ELLIPSIS]
        for number, line in enumerate(wrapped or [""]):
            self.line(((first if number == 0 else " " * columns(first)) + line).rstrip(), style)

    def command(self, text: str, indent: int) -> None:
        """A command line in the column of the text, never wrapped: it is there to be copied."""
        self.line(" " * (indent + 10) + inert(text, 1000))

    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)
