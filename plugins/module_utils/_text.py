# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text from outside made inert: no control character, no reordering, no endless line reaches a terminal."""

from __future__ import annotations

import unicodedata

# Cc control, Cf format (zero-width, bidirectional overrides), Cs surrogates, Co private use, Cn unassigned,
# Zl/Zp line and paragraph separators, Zs blanks that look like a plain one.
_SHOWN_AS_ESCAPE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))


def inert(text: object, limit: int = 200) -> str:
    """A one-line form of any text that is safe to print and still tells what was there.

    Args:
        text: anything; it is converted with ``str``.
        limit: characters kept; a longer text ends with an ellipsis.
    """
    raw = str(text)
    if len(raw) <= limit and raw.isprintable():
        # The categories that Python does not call printable, the plain blank apart, are those of the table.
        return raw
    shown = "".join(
        _escape(character) if character != " " and unicodedata.category(character) in _SHOWN_AS_ESCAPE else character
        for character in raw[: limit + 1]
    )
    return shown if len(shown) <= limit and len(raw) <= limit else shown[: max(limit - 1, 0)] + "\u2026"


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
