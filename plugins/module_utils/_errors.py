# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors with a structured twin beside the sentence a person reads."""

from __future__ import annotations

from typing import Any


class SteveError(Exception):
    """What was attempted, on what, what came back, and what to do next.

    Args:
        attempted: what was being done, as a verb phrase ("sign in").
        target: on what it was done (a URL without credentials, a file, an option).
        got: what came back instead, in a few words; remote text must be cut and inert already.
        advice: what the reader should do.
        code: short machine-readable kind, kebab-case.
    """

    code = "error"

    def __init__(self, attempted: str, target: str, got: str, advice: str, code: str | None = None) -> None:
        self.attempted = attempted
        self.target = target
        self.got = got
        self.advice = advice
        if code is not None:
            self.code = code
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """One sentence for a person: what, where, what came back, what to do."""
        return f"Cannot {self.attempted} ({self.target}): {self.got}. {self.advice}"

    def to_dict(self) -> dict[str, Any]:
        """The structured twin of the sentence, plain JSON types."""
        return {
            "code": self.code,
            "attempted": self.attempted,
            "target": self.target,
            "got": self.got,
            "advice": self.advice,
        }


class InputError(SteveError):
    """The caller's input cannot be used; nothing was sent or changed."""

    code = "bad-input"

    def sentence(self) -> str:
        return f"Option {self.target} is wrong: {self.got}. {self.advice}"

    def __init__(self, target: str, got: str, advice: str) -> None:
        super().__init__("read the options", target, got, advice)
