# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eras: ranges of SteVe releases with one behaviour, and how to tell them from outside.

The release list and the differences between releases come from the tags of
https://github.com/steve-community/steve (steve-3.4.0 to steve-3.14.1); answers were seen on live servers of
3.4.7, 3.4.9, 3.5.1, 3.6.1, 3.7.1, 3.8.0, 3.9.0, 3.12.0, 3.13.0 and 3.14.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterable

#: Every release, oldest first.
RELEASES = (
    "3.4.0", "3.4.1", "3.4.2", "3.4.3", "3.4.4", "3.4.5", "3.4.6", "3.4.7", "3.4.8", "3.4.9",
    "3.5.0", "3.5.1", "3.6.0", "3.6.1", "3.7.0", "3.7.1", "3.8.0", "3.9.0",
    "3.10.0", "3.11.0", "3.12.0", "3.13.0", "3.14.0", "3.14.1",
)  # fmt: skip

#: Releases that look no pattern up on the handshake: any id goes to the data base (SteVe's ChargeBoxIdValidator came
#: to the handshake with the security re-releases 3.5.1, 3.6.1 and 3.7.1).
WITHOUT_PATTERN = (*RELEASES[: RELEASES.index("3.5.1")], "3.6.0", "3.7.0")

OLDEST = RELEASES[0]
NEWEST = RELEASES[-1]
#: Not a release but a dialect that only an operator can ask for (the answers as the human runbook reads them).
RUNBOOK = "runbook"


@lru_cache(maxsize=256)
def release_key(release: str) -> tuple[int, ...]:
    """Sort key of a release text such as ``3.14.1``.

    Raises:
        ValueError: the text is not a release.
    """
    match = re.match(r"^(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:[-.].*)?$", release.strip())
    if match is None:
        raise ValueError(f"{release[:40]!r} is not a SteVe release such as 3.14.1")
    return tuple(int(part or 0) for part in match.groups())


@dataclass(frozen=True)
class Era:
    """A range of releases, both ends included, and where the knowledge comes from.

    Attributes:
        min: oldest release still possible.
        max: newest release still possible.
        source: ``given`` | ``fingerprint`` | ``about`` | ``log``.
    """

    min: str
    max: str
    source: str

    def at_least(self, release: str) -> bool | None:
        """True or False where the whole range agrees, None where it straddles ``release``."""
        key = release_key(release)
        if self.is_runbook:
            # The dialect answers the handshake like a recent release; contract section "runbook dialect".
            return True
        if release_key(self.min) >= key:
            return True
        if release_key(self.max) < key:
            return False
        return None

    def among(self, releases: Iterable[str]) -> bool | None:
        """True where every release of the range is one of ``releases``, False where none is, None otherwise."""
        if self.is_runbook:
            return False
        low, high, named = release_key(self.min), release_key(self.max), set(releases)
        found = {item in named for item in RELEASES if low <= release_key(item) <= high}
        return found.pop() if len(found) == 1 else None if found else False

    @property
    def is_runbook(self) -> bool:
        """Whether the operator asked for the runbook dialect."""
        return self.min == RUNBOOK

    def narrowed(self, other: Era) -> Era:
        """The intersection of two ranges; ``other`` wins where they contradict each other."""
        if self.is_runbook or other.is_runbook:
            return other
        low = max(self.min, other.min, key=release_key)
        high = min(self.max, other.max, key=release_key)
        if release_key(low) > release_key(high):
            return other
        return Era(low, high, other.source)

    def to_dict(self) -> dict[str, str]:
        """Plain JSON form as it stands in every result."""
        return {"min": self.min, "max": self.max, "source": self.source}

    def __str__(self) -> str:
        return self.min if self.min == self.max else f"{self.min}\u2013{self.max}"


#: Nothing is known about the release.
UNKNOWN = Era(OLDEST, NEWEST, "fingerprint")


def given(release: str) -> Era:
    """The era an operator named: ``3.14.1``, a range such as ``3.10.0-3.14.1``, or ``runbook``.

    Raises:
        ValueError: none of these.
    """
    if release == RUNBOOK:
        return Era(RUNBOOK, RUNBOOK, "given")
    low, separator, high = release.partition("-")
    if not separator or not re.match(r"^\d+\.\d+", high):
        low = high = release
    if release_key(low) > release_key(high):
        raise ValueError(f"{release[:40]!r} ends before it begins")
    return Era(low, high, "given")


def from_dict(value: dict[str, Any]) -> Era:
    """The era of a stored document."""
    return Era(str(value["min"]), str(value["max"]), str(value["source"]))


@dataclass(frozen=True)
class FingerprintAnswer:
    """The little of an answer that the fingerprint needs.

    Attributes:
        status: HTTP status code.
        location: value of the ``Location`` header, or None.
        challenge: value of the ``WWW-Authenticate`` header, or None.
        security_headers: whether ``X-Content-Type-Options: nosniff`` was there (Spring Security's mark).
    """

    status: int
    location: str | None = None
    challenge: str | None = None
    security_headers: bool = False


def fingerprint(
    context: str,
    home: FingerprintAnswer | None,
    unknown_path: FingerprintAnswer | None,
    api: FingerprintAnswer | None,
    root: FingerprintAnswer | None,
) -> Era | None:
    """Tell the era from four safe GETs without cookies or credentials.

    The answers differ by release as seen on live servers: ``{ctx}/manager/home``, ``{ctx}/nosuch``,
    ``{ctx}/api/v1/ocppTags/0`` and the server root ``/``. The root is only meaningful on SteVe's own port
    (a proxy answers it itself), so pass None for it elsewhere.

    Args:
        context: context path with leading slash, e.g. ``/steve``.
        home: answer to ``{ctx}/manager/home``, None when it was not asked or not answered.
        unknown_path: answer to ``{ctx}/nosuch``.
        api: answer to ``{ctx}/api/v1/ocppTags/0``.
        root: answer to ``/``.

    Returns:
        The range still possible, or None when the answers are not SteVe's.
    """
    if home is None:
        return None
    signin = f"{context}/manager/signin"
    if home.status == 401 and home.challenge is not None and home.challenge.lower().startswith("basic"):
        if 'realm="realm"' not in home.challenge.lower():
            return None
        return Era("3.4.0", "3.4.9", "fingerprint")
    if home.status != 302 or home.location is None:
        return None
    if home.location.split(";")[0].split("?")[0] == signin:
        low, high = "3.10.0", NEWEST
    elif re.match(r"^https?://[^/]+" + re.escape(signin) + r"(?:[;?].*)?$", home.location):
        low, high = "3.5.0", "3.9.0"
    else:
        return None
    era = Era(low, high, "fingerprint")
    if unknown_path is not None:
        if unknown_path.status == 404:
            era = _clip(era, OLDEST, "3.7.1")
        elif unknown_path.status == 302:
            era = _clip(era, "3.8.0", NEWEST)
    if api is not None:
        if api.status == 404:
            era = _clip(era, OLDEST, "3.5.1")
        elif api.status in (401, 500):
            era = _clip(era, "3.6.0", "3.7.1")
        elif api.status == 403:
            era = _clip(era, "3.8.0", "3.8.0")
        elif api.status == 302:
            era = _clip(era, "3.9.0", NEWEST)
    if root is not None:
        if root.status == 302:
            era = _clip(era, OLDEST, "3.8.0")
        elif root.status == 404:
            era = _clip(era, "3.9.0", NEWEST)
    return era


def _clip(era: Era, low: str, high: str) -> Era:
    """Narrow a range; an answer that contradicts what is known (a proxy's own page) changes nothing."""
    new_low = max(era.min, low, key=release_key)
    new_high = min(era.max, high, key=release_key)
    if release_key(new_low) > release_key(new_high):
        return era
    return Era(new_low, new_high, era.source)
