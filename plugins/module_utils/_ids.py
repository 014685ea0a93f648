# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Charge box ids that look alike. Pure; it only suggests: what equals what is for SteVe's data base to decide."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterable, Sequence

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
#: Missing ids that are compared with all others; an id takes about 0.1 s beside 10,000 registered ones.
MAX_COMPARED = 20
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


@lru_cache(maxsize=16384)
def folded(charge_box_id: str) -> str:
    """An id without what SteVe's data base ignores when it compares: case, accents, trailing blanks.

    The column's collation is ``utf8_unicode_ci`` in every release (migrations V0_8_6 and B1_0_5), unless an operator
    changed it. Two ids with the same folded form may be the same box; SteVe's answer to the id tells.
    """
    if charge_box_id.isascii():
        # Nothing to decompose; an analysis folds every id of a fleet many times.
        return charge_box_id.rstrip(" ").lower()
    decomposed = unicodedata.normalize("NFKD", charge_box_id.rstrip(" "))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFKC", bare.casefold())


def near_misses(charge_box_id: str, known: Iterable[str]) -> list[NearMiss]:
    """The ids of ``known`` that may have been meant by an id that is not among them, the likeliest first."""
    found = []
    mine = _forms(charge_box_id)
    for other in known:
        if other != charge_box_id:
            miss = _compare(mine, other)
            if miss is not None:
                found.append(miss)
    found.sort(key=lambda miss: (KINDS.index(miss.kind), miss.edits, miss.id))
    return found[:MAX_SUGGESTIONS]


def among(rows: Sequence[dict[str, Any]], charge_box_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The rows whose ``id`` is one of some ids, compared as SteVe's usual collation does; all when there are none."""
    wanted = {folded(identifier) for identifier in charge_box_ids}
    return [row for row in rows if not wanted or folded(str(row["id"])) in wanted]


def missing(charge_box_ids: Sequence[str], registered: Sequence[str], unknown: Sequence[str]) -> list[dict[str, Any]]:
    """The ids of a question that are not registered, each with the ids that may be meant.

    Args:
        charge_box_ids: what was asked about.
        registered: ids that SteVe knows.
        unknown: ids that knocked and are not registered.

    Returns:
        ``{id, knocked, near}`` each; ``knocked`` says whether this very id is in the unknown list, ``near`` holds
        ``{id, where, kind, edits}`` with ``where`` = ``registered`` | ``unknown``, the likeliest first. From the
        ``MAX_COMPARED`` th id on, ``near`` is None: not looked.
    """
    known = {folded(identifier) for identifier in registered}
    absent = [one for one in dict.fromkeys(charge_box_ids) if folded(one) not in known]
    knocking = {folded(identifier) for identifier in unknown}
    return [
        {
            "id": one,
            "knocked": folded(one) in knocking,
            "near": _near(one, registered, unknown) if number < MAX_COMPARED else None,
        }
        for number, one in enumerate(absent)
    ]


def _near(one: str, registered: Sequence[str], unknown: Sequence[str]) -> list[dict[str, Any]]:
    places = (("registered", registered), ("unknown", [other for other in unknown if folded(other) != folded(one)]))
    found = [
        {"id": miss.id, "where": where, "kind": miss.kind, "edits": miss.edits}
        for where, ids in places
        for miss in near_misses(one, ids)
    ]
    return sorted(found, key=lambda item: (KINDS.index(str(item["kind"])), item["edits"]))


class _Forms:
    """The forms of an id in which two ids are compared."""

    def __init__(self, charge_box_id: str) -> None:
        self.visible = _visible(charge_box_id)
        self.bare = _without_blanks(self.visible)
        self.folded = folded(self.bare)
        self.shape = _shape(self.bare)
        self.tokens = _TOKENS.findall(self.folded)


@lru_cache(maxsize=16384)
def _forms(charge_box_id: str) -> _Forms:
    """The forms of an id; each of many that are missing is compared with the same known ones."""
    return _Forms(charge_box_id)


def _compare(mine: _Forms, other: str) -> NearMiss | None:
    # Nothing below makes two ids alike whose lengths differ by more than blanks, marks and edits.
    theirs = _forms(other)
    if theirs.bare == mine.bare:
        return NearMiss(other, "zero-width" if theirs.visible == mine.visible else "blank")
    if theirs.bare.casefold() == mine.bare.casefold():
        return NearMiss(other, "case")
    if theirs.folded == mine.folded:
        return NearMiss(other, "accent")
    if theirs.shape == mine.shape:
        return NearMiss(other, "look-alike")
    shorter, longer = sorted((len(theirs.folded), len(mine.folded)))
    if shorter < _SHORT or longer - shorter > _MAX_EDITS:
        return None
    # Boxes of one row are what most ids of a site are to each other, and the cheaper question.
    if _are_siblings(mine.tokens, theirs.tokens):
        return None
    edits = _edits(mine.folded, theirs.folded, _MAX_EDITS)
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


def _are_siblings(mine: list[str], theirs: list[str]) -> bool:
    """Whether two ids name two boxes of one row, as CP-1 and CP-12 or STATION-A and STATION-B, and not one misspelt.

    They are alike but for numbers and single letters, one of which may be missing at the end.
    """
    longest = max(len(mine), len(theirs))
    pairs = zip(mine + [""] * (longest - len(mine)), theirs + [""] * (longest - len(theirs)))
    return all(a == b or (_is_counter(a) and _is_counter(b)) for a, b in pairs)


def _is_counter(token: str) -> bool:
    return not token or token.isdigit() or len(token) == 1


def _edits(one: str, other: str, most: int) -> int | None:
    """Insertions, deletions, replacements and swaps of neighbours between two texts; None when more than ``most``.

    What both begin and end with costs nothing, and only cells that can still be within ``most`` are filled in: an id is
    compared with ten thousand others.
    """
    if abs(len(one) - len(other)) > most:
        return None
    start, shortest = 0, min(len(one), len(other))
    while start < shortest and one[start] == other[start]:
        start += 1
    end = 0
    while end < shortest - start and one[-1 - end] == other[-1 - end]:
        end += 1
    one, other = one[start : len(one) - end], other[start : len(other) - end]
    far = most + 1
    before: list[int] = []
    row = [min(j, far) for j in range(len(other) + 1)]
    for i, letter in enumerate(one, 1):
        previous, row, oldest = row, [far] * (len(other) + 1), before
        row[0] = min(i, far)
        for j in range(max(i - most, 1), min(i + most, len(other)) + 1):
            candidate = other[j - 1]
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != candidate))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == candidate:
                cost = min(cost, oldest[j - 2] + 1)
            row[j] = min(cost, far)
        if min(row) > most:
            return None
        before = previous
    return row[-1] if row[-1] <= most else None
