# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Charge box ids that look alike. Pure; it only suggests: what equals what is for SteVe's data base to decide."""

from __future__ import annotations

import unicodedata


def folded(charge_box_id: str) -> str:
    """An id without what SteVe's data base ignores when it compares: case, accents, trailing blanks.

    The column's collation is ``utf8_unicode_ci`` in every release (migrations V0_8_6 and B1_0_5), unless an operator
    changed it. Two ids with the same folded form may be the same box; SteVe's answer to the id tells.
    """
    decomposed = unicodedata.normalize("NFKD", charge_box_id.rstrip(" "))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFKC", bare.casefold())
