# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Charge box ids that look alike. Pure; it only suggests: what equals what is for SteVe's data base to decide."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Iterable

#: Letters that a person takes for one another, by the one that stands for all of them: digits and letters of one
#: shape, and letters of other alphabets that look Latin (Unicode's confusables, as far as keyboards write them).
_SHAPES = {
    "0": "OoQ\u041e\u043e\u039f\u03bf", "1": "lI|i\u0406\u0456\u0399\u03b9", "2": "Zz\u0396",
    "5": "Ss\u0405\u0455", "8": "B\u0412\u0392",
    "a": "A\u0410\u0430\u0391\u03b1", "c": "C\u0421\u0441\u03f2", "e": "E\u0415\u0435\u0395",
    "h": "H\u041d\u043d\u0397", "j": "J\u0408\u0458", "k": "K\u041a\u043a\u039a\u03ba", "m": "M\u041c\u043c\u039c",
    "n": "N\u039d", "p": "P\u0420\u0440\u03a1\u03c1", "t": "T\u0422\u0442\u03a4\u03c4",
    "x": "X\u0425\u0445\u03a7\u03c7", "y": "Y\u0423\u0443\u03a5", "-": "_\u2010\u2011\u2012\u2013\u2014\u2212\u00ad",
}  # fmt: skip
_SHAPE_OF = {ord(letter): shape for shape, letters in _SHAPES.items() for letter in letters}
#: Edits, at most, between an id and one that was meant. In a short id one character is a name of its own.
_MAX_EDITS = 2
_SHORT = 6
_TOKENS = re.compile(r"[0-9]+|[^\W\d_]+|[\W_]+")
#: Suggestions for one id.
MAX_SUGGESTIONS = 3
#: Kinds of difference, the most telling first.
KINDS = ("blank", "zero-width", "case", "accent", "look-alike", "typo")


@dataclass(frozen=True)
class NearMiss:
    """An id that may have been meant.

    Attributes:
        id: as it is known.
        kind: ``blank`` (blanks outside or inside) | ``zero-width`` (characters that take no room) | ``case`` |
            ``accent`` | ``look-alike`` (characters of one shape, such as 0 and O) | ``typo`` (one or two characters).
        edits: characters that differ, 0 for every kind but ``typo``.
    """

    id: str
    kind: str
    edits: int = 0

    def __str__(self) -> str:
        words = {
            "blank": "blanks", "zero-width": "a character without width", "case": "upper and lower case",
            "accent": "an accent", "look-alike": "a character of the same shape",
        }  # fmt: skip
        if self.kind == "typo":
            return "one character" if self.edits == 1 else f"{self.edits} characters"
        return words[self.kind]


def folded(charge_box_id: str) -> str:
    """An id without what SteVe's data base ignores when it compares: case, accents, trailing blanks.

    The column's collation is ``utf8_unicode_ci`` in every release (migrations V0_8_6 and B1_0_5), unless an operator
    changed it. Two ids with the same folded form may be the same box; SteVe's answer to the id tells.
    """
    decomposed = unicodedata.normalize("NFKD", charge_box_id.rstrip(" "))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFKC", bare.casefold())


def near_misses(charge_box_id: str, known: Iterable[str]) -> list[NearMiss]:
    """The ids of ``known`` that may have been meant by an id that is not among them, the likeliest first."""
    found = []
    mine = _Forms(charge_box_id)
    for other in known:
        if other != charge_box_id:
            miss = _compare(mine, other)
            if miss is not None:
                found.append(miss)
    found.sort(key=lambda miss: (KINDS.index(miss.kind), miss.edits, miss.id))
    return found[:MAX_SUGGESTIONS]


class _Forms:
    """The forms of an id in which two ids are compared; those of the id that is looked for are made once."""

    def __init__(self, charge_box_id: str) -> None:
        self.visible = _visible(charge_box_id)
        self.bare = _without_blanks(self.visible)
        self.folded = folded(self.bare)
        self.shape = _shape(self.bare)
        self.original = charge_box_id


def _compare(mine: _Forms, other: str) -> NearMiss | None:
    # Nothing below makes two ids alike whose lengths differ by more than blanks, marks and edits.
    visible = _visible(other)
    bare = _without_blanks(visible)
    if bare == mine.bare:
        return NearMiss(other, "zero-width" if visible == mine.visible else "blank")
    if bare.casefold() == mine.bare.casefold():
        return NearMiss(other, "case")
    other_folded = folded(bare)
    if other_folded == mine.folded:
        return NearMiss(other, "accent")
    if _shape(bare) == mine.shape:
        return NearMiss(other, "look-alike")
    if min(len(other_folded), len(mine.folded)) < _SHORT or _are_siblings(mine.folded, other_folded):
        return None
    edits = _edits(mine.folded, other_folded, _MAX_EDITS)
    return None if edits is None else NearMiss(other, "typo", edits)


def _visible(text: str) -> str:
    """Without characters that take no room: format characters, such as zero-width blanks, and control characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter for letter in text if letter.isspace() or unicodedata.category(letter) not in ("Cf", "Cc")
    )  # fmt: skip


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _shape(text: str) -> str:
    return text.translate(_SHAPE_OF).casefold()


def _are_siblings(one: str, other: str) -> bool:
    """Whether two ids name two boxes of one row, as CP-1 and CP-12 or STATION-A and STATION-B, and not one misspelt.

    They are alike but for numbers and single letters, one of which may be missing at the end.
    """
    mine, theirs = _TOKENS.findall(one), _TOKENS.findall(other)
    longest = max(len(mine), len(theirs))
    pairs = zip(mine + [""] * (longest - len(mine)), theirs + [""] * (longest - len(theirs)))
    return all(a == b or (_is_counter(a) and _is_counter(b)) for a, b in pairs)


def _is_counter(token: str) -> bool:
    return not token or token.isdigit() or len(token) == 1


def _edits(one: str, other: str, most: int) -> int | None:
    """Insertions, deletions, replacements and swaps of neighbours between two texts; None when more than ``most``."""
    if abs(len(one) - len(other)) > most:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        previous, row, oldest = row, [i] + [0] * len(other), before
        for j, candidate in enumerate(other, 1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != candidate))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == candidate:
                cost = min(cost, oldest[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            return None
        before = previous
    return row[-1] if row[-1] <= most else None
