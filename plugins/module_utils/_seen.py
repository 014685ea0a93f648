# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request and what came of it, as judgements read it and as evidence shows it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils import _handshake
from ansible_collections.chargeops.steve.plugins.module_utils._era import NEWEST, Era
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind, recognise
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer, Failure
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Characters of a body that evidence shows, and of those among which it looks for text.
SHOWN_BODY = 200
_READ_BODY = 4000
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>?", re.IGNORECASE | re.DOTALL)
#: Headers that tell whose answer it is and why.
_TELLING = (
    "server", "via", "location", "www-authenticate", "content-type", "x-content-type-options", "retry-after",
    "upgrade", "connection", "sec-websocket-version", "sec-websocket-protocol", "sec-websocket-extensions",
)  # fmt: skip
#: Those and what else a judgement looks at.
_KEPT = (*_TELLING, "x-frame-options")


@dataclass(frozen=True)
class Seen:
    """One request and what came of it: an answer or a failure.

    Attributes:
        request: label of the request, inert.
        answer: what came back.
        failure: why nothing came back.
        elapsed_s: seconds that took.
        secrets: texts that must not stand in evidence.
    """

    request: str
    answer: Answer | None = None
    failure: Failure | None = None
    elapsed_s: float = 0.0
    secrets: tuple[str, ...] = ()

    @property
    def status(self) -> int | None:
        """Status of the answer, None without one."""
        return None if self.answer is None else self.answer.status

    def kind(self, era: Era) -> Kind | None:
        """Whose answer it is, None without one."""
        return None if self.answer is None else recognise(self.answer, era)

    def failed(self, *kinds: str) -> bool:
        """Whether there is no answer for one of these reasons."""
        return self.failure is not None and self.failure.kind in kinds

    def evidence(self, note: str | None = None) -> dict[str, Any]:
        """The request and the answer as they stand in results: short, inert, without secrets."""
        notes = [text for text in (note, self.failure.sentence if self.failure else None) if text]
        if self.answer is None:
            return {"request": self.request, "status": None, "headers": {}, "body": "", "note": "; ".join(notes)}
        if self.answer.defect:
            notes.append(self.answer.defect)
        headers, body = _shown(self.answer, self.secrets)
        return {
            "request": self.request,
            "status": self.answer.status,
            "headers": dict(headers),
            "body": body,
            "note": "; ".join(notes),
        }


@lru_cache(maxsize=16)
def _shown(answer: Answer, secrets: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], str]:
    """Telling headers and the beginning of the body, inert, without secrets."""
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        if name.lower() in _TELLING and len(headers) < len(_TELLING):
            headers[inert(name, 40)] = inert(_without(secrets, value), SHOWN_BODY)
    body = _without(secrets, answer.text())[:_READ_BODY]
    if _handshake.is_html(answer):
        body = _MARKUP.sub(" ", body)
    return tuple(headers.items()), inert(" ".join(body.split()), SHOWN_BODY)


def _without(secrets: tuple[str, ...], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "\u2022\u2022\u2022")
    return text


def compact(answer: Answer) -> Answer:
    """What judgements and evidence read of an answer to one of many ids: all of a short one, the beginning of others.

    These are kept until the last id was asked, and what a server sends to ten thousand is its own choice.
    """
    if len(answer.body) <= _READ_BODY and sum(len(name) + len(value) for name, value in answer.headers) <= _READ_BODY:
        return answer
    headers = [(name, value[:SHOWN_BODY]) for name, value in answer.headers if name.lower() in _KEPT]
    return replace(answer, headers=tuple(headers[: len(_KEPT)]), body=answer.body[:_READ_BODY])


def note(text: str) -> dict[str, Any]:
    """Evidence that is no answer but a reason."""
    return {"request": None, "status": None, "headers": {}, "body": "", "note": text}


def narrowed(era: Era, answer: Answer) -> Era:
    """What a refusal of SteVe's own on the WebSocket path adds to a detected range.

    Spring Security's headers stand on refusals of the WebSocket path from 3.6.0 on; before 3.4.9 SteVe's checks came
    after Spring's, so that a plain GET never met them; 401 came back with the security profiles of 3.9.0.
    """
    kind = recognise(answer, era)
    if era.source == "given" or era.is_runbook or kind not in (Kind.EMPTY, Kind.UPGRADE_LOST):
        return era
    if not _handshake.has_mark(answer):
        return era.narrowed(Era("3.4.9", "3.5.1", era.source)) if kind is Kind.EMPTY else era
    low = "3.9.0" if kind is Kind.EMPTY and answer.status == 401 else "3.6.0"
    return era.narrowed(Era(low, NEWEST, era.source))
