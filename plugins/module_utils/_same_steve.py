# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a SteVe behind a proxy shows of its release that no proxy makes up: for telling one SteVe from another. Pure.

The fingerprint of ``_era`` reads statuses and the form of a Location. On SteVe's own port that is right; a proxy
rewrites redirects (nginx: proxy_redirect) and answers for paths that it does not forward. Here only answers count
that bear SteVe's own text, so that two ranges without a common release are two SteVes.
"""

from __future__ import annotations

from typing import Mapping

from ansible_collections.chargeops.steve.plugins.module_utils._era import (
    NEWEST,
    OLDEST,
    UNKNOWN,
    WITHOUT_PATTERN,
    Era,
)
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen

#: Texts of the Web API of 3.6 and 3.7, with and without a configured value (SteVe's ApiKeyFilter; steve#1278).
_API_TEXTS = ("Full authentication is required to access this resource", "Web APIs are not exposed")


def shown(replies: Mapping[str, Seen]) -> Era | None:
    """The releases that answers through a proxy leave possible, None when they leave all.

    Args:
        replies: answers to GETs without cookies of ``{ctx}/nosuch`` (``unknown_path``) and of
            ``{ctx}/api/v1/ocppTags/0`` (``api``); others are not looked at.
    """
    one, other = _by_unknown_path(replies.get("unknown_path")), _by_api(replies.get("api"))
    if one is None or other is None:
        return one or other
    # Answers that contradict each other come from two servers behind one name.
    return None if disjoint(one, other) else one.narrowed(other)


def _by_unknown_path(seen: Seen | None) -> Era | None:
    kind = None if seen is None else seen.kind(UNKNOWN)
    if kind is Kind.SIGNIN:
        return Era("3.8.0", NEWEST, "fingerprint")
    if kind is Kind.PAGE and seen is not None and seen.status == 404:
        return Era(OLDEST, "3.7.1", "fingerprint")
    return None


def _by_api(seen: Seen | None) -> Era | None:
    if seen is None or seen.answer is None:
        return None
    if seen.kind(UNKNOWN) is Kind.SIGNIN:
        return Era("3.9.0", NEWEST, "fingerprint")
    if seen.status in (401, 500) and any(text in seen.answer.text() for text in _API_TEXTS):
        return Era("3.6.0", "3.7.1", "fingerprint")
    return None


def disjoint(one: Era, other: Era) -> bool:
    """Whether no release belongs to both ranges; False where one of them is the runbook dialect.

    A range that reaches the newest known release may reach further.
    """
    if one.is_runbook or other.is_runbook:
        return False
    return _ends_before(one, other) or _ends_before(other, one)


def _ends_before(earlier: Era, later: Era) -> bool:
    return earlier.max != NEWEST and earlier.at_least(later.min) is False


def loses_an_id_unnoticed(era: Era) -> bool:
    """Whether SteVe of these releases may answer "not registered" to a request that arrives without an id.

    Those without a pattern look the empty id up; the others refuse it with 400 or a redirect (seen on 3.7.1 and on
    3.8.0 and later).
    """
    return era.among(WITHOUT_PATTERN) is not False
