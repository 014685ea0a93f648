# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a question says, for every file of questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView


@dataclass(frozen=True)
class Answer:
    """What one question saw.

    Attributes:
        status: ``pass`` | ``fail`` | ``unknown`` | ``skipped``.
        reason: why, for anything that is not a pass.
        message: the sentence of a finding.
        hop, vantage: where, None for the host as a whole.
        evidence: list of ``{source, detail}``.
        charge_boxes: ids concerned.
        candidates: ids between which what was seen is not settled, for ``unknown``.
        aside: True for what is wrong beside the way that was taken, such as one of two addresses. It is a warning and
            explains nothing else that was seen.
        needs: ids of entries that explain this answer beside those of the catalogue, such as the cause that a log
            names.
    """

    status: str
    reason: str | None = None
    message: str | None = None
    hop: str | None = None
    vantage: str | None = None
    evidence: tuple[dict[str, str], ...] = ()
    charge_boxes: tuple[str, ...] = ()
    aside: bool = False
    candidates: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


Question = Callable[[HostView], "list[Answer]"]
