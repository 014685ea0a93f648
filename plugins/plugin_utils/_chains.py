# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a presented chain is worth to a charger: name, time, completeness, trust. Pure; never raises on bad bytes.

Chargers are small TLS clients (mbedTLS, wolfSSL): they verify with what is presented and what they store. They fetch
no missing certificate, and mbedTLS looks for an issuer only among the certificates that come later in the chain
(``x509_crt_find_parent``). ``cryptography.x509.verification`` is not the judge here: it demands the profile of the
web's authorities, which the private roots of charging networks often do not keep, so the links are checked with
``verify_directly_issued_by``, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._certificates import (
    MISSING,
    Certificate,
    dns_matches,
    is_self_signed,
    issued,
    link,
    name_matches,
    parse_address,
    read,
    to_ascii,
)

#: Codes with which OpenSSL refuses a certificate only after it has built the chain up to a root that it trusts.
CHAIN_BUILT = (0, 9, 10, 62, 63, 64)
PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
_MAX_STEPS = 500


@dataclass(frozen=True)
class Verdict:
    """The answer to one question about a chain: ``pass`` | ``fail`` | ``unknown``, with a sentence for the others."""

    status: str
    sentence: str = ""


@dataclass(frozen=True)
class Host:
    """What the host that looked says itself; evidence.

    Attributes:
        code: OpenSSL's code of its verification, 0 when it accepts, None when it could not verify.
        reason: its words.
    """

    code: int | None = None
    reason: str | None = None

    @property
    def knows_issuer(self) -> bool:
        """Whether it found its way to a root that it trusts."""
        return self.code in CHAIN_BUILT

    def line(self) -> str:
        """One line for evidence."""
        if self.code is None:
            return f"the host that looked could not verify it ({inert(self.reason or 'not tried', 160)})"
        if self.code == 0:
            return "the host that looked trusts it"
        return f"the host that looked: {inert(self.reason or 'the certificate was refused', 160)}"


@dataclass(frozen=True)
class Judgement:
    """All answers about one chain, each by itself, so that several faults at once all show.

    Attributes:
        complete: is it complete and in order?
        trusted: do the chargers trust it?
        valid: is it neither over nor to come?
        lasting: will it stay so for a while?
        named: is it for this name?
        lines: the chain and what is odd about it, for evidence.
    """

    complete: Verdict
    trusted: Verdict
    valid: Verdict
    lasting: Verdict
    named: Verdict
    lines: tuple[str, ...]


# -- ways ---------------------------------------------------------------------------------------------------


def _paths(
    path: tuple[Certificate, ...],
    presented: tuple[Certificate, ...],
    anchors: tuple[Certificate, ...],
    steps: list[int],
) -> Iterator[tuple[tuple[Certificate, ...], Certificate | None]]:
    """Every way from the end of ``path`` upwards: to an anchor, or (None) to where it goes no further."""
    steps[0] += 1
    if steps[0] > _MAX_STEPS:
        return
    last = path[-1]
    for anchor in anchors:
        if anchor.der == last.der or issued(last, anchor):
            yield path, anchor
    further = False
    for item in presented:
        again = any(item.der == one.der for one in path)
        if not again and item.is_ca is not False and issued(last, item):
            further = True
            yield from _paths((*path, item), presented, anchors, steps)
    if not further:
        yield path, None


@dataclass(frozen=True)
class _Way:
    """The best way from the server's own certificate upwards.

    ``path``: presented certificates on it. ``anchor``: the one of the store that it ends in, or None.
    """

    path: tuple[Certificate, ...]
    anchor: Certificate | None

    @property
    def all(self) -> tuple[Certificate, ...]:
        """With the anchor."""
        return self.path if self.anchor is None or self.anchor.der == self.path[-1].der else (*self.path, self.anchor)

    @property
    def top(self) -> Certificate:
        """The last presented one."""
        return self.path[-1]

    @property
    def disordered(self) -> bool:
        """Whether an issuer stands before what it issued; a root that is presented as well may stand anywhere."""
        places = [item.position for item in self.path if not (item is self.top and is_self_signed(item))]
        return places != sorted(places)


def _way(leaf: Certificate, presented: tuple[Certificate, ...], anchors: tuple[Certificate, ...], at: datetime) -> _Way:
    """To an anchor if there is a way; of several the one with the fewest invalid certificates, in order, shortest.

    Without an anchor the longest: then nobody knows where it may end.
    """
    found = [_Way(path, anchor) for path, anchor in _paths((leaf,), presented, anchors, [0])]
    ending = [way for way in found if way.anchor is not None]
    if ending:
        return min(ending, key=lambda way: (_ill(way.all, at), way.disordered, len(way.path)))
    return min(found, key=lambda way: (_ill(way.all, at), way.disordered, -len(way.path)), default=_Way((leaf,), None))


def _ill(certificates: Iterable[Certificate], at: datetime) -> int:
    return sum(1 for item in certificates if not item.valid_at(at))


# -- the judgement ------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def judge(
    chain: tuple[bytes, ...], host: str, at: datetime, whole: bool, seen_by: Host, store: tuple[bytes, ...] | None,
    store_problem: str | None = None,
) -> Judgement:  # fmt: skip
    """Judge what an endpoint presents.

    Args:
        chain: certificates as presented, DER, not empty.
        host: name or address in the chargers' URL.
        at: time of the observation, UTC.
        whole: False when only the server's own certificate could be read.
        seen_by: what the host that looked says itself.
        store: the chargers' trust store, DER, None when it is not given.
        store_problem: why a store that was given cannot be used.
    """
    if MISSING is not None:
        missing = Verdict(UNKNOWN, MISSING)
        return Judgement(missing, missing, missing, missing, missing, ())
    read_ones = [read(item, position) for position, item in enumerate(chain)]
    presented = tuple(item for item in read_ones if isinstance(item, Certificate))
    problems = tuple(item for item in read_ones if isinstance(item, str))
    leaf = read_ones[0] if read_ones else "nothing was presented"
    if isinstance(leaf, str):
        nothing = Verdict(UNKNOWN, leaf)
        return Judgement(nothing, nothing, nothing, nothing, nothing, problems)
    anchors = tuple(item for item in _anchors(store or ()) if isinstance(item, Certificate))
    way = _way(leaf, presented, anchors, at)
    case = _Case(leaf, way, at, whole, seen_by, None if store is None else anchors, store_problem)
    return Judgement(
        _complete(case), _trusted(case), _valid(case), _lasting(case), _named(host, leaf),
        (*(item.line() for item in presented), *problems, *_oddities(case, presented), seen_by.line()),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _anchors(store: tuple[bytes, ...]) -> tuple[Certificate | str, ...]:
    return tuple(read(item, -1) for item in store)


@dataclass(frozen=True)
class _Case:
    leaf: Certificate
    way: _Way
    at: datetime
    whole: bool
    host: Host
    anchors: tuple[Certificate, ...] | None
    store_problem: str | None

    @property
    def self_signed(self) -> bool:
        return is_self_signed(self.leaf)


def _named(host: str, leaf: Certificate) -> Verdict:
    if name_matches(host, leaf):
        return Verdict(PASS)
    shown = inert(host, 80)
    listed = [inert(item, 60) for item in (*leaf.dns_names, *leaf.addresses)]
    if listed:
        names = ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
    else:
        names = "no name at all"
    sentence = f"The URL says {shown}, the certificate is for {names}."
    if leaf.common_name is not None and parse_address(host) is None and dns_matches(leaf.common_name, to_ascii(host)):
        sentence += " Its common name would match, but that has not counted since RFC 6125."
    if leaf.defects and not listed:
        return Verdict(UNKNOWN, "the certificate's names cannot be read")
    return Verdict(FAIL, sentence)


def _complete(case: _Case) -> Verdict:
    """Is the chain complete and in order?"""
    way, leaf, host = case.way, case.leaf, case.host
    if way.disordered:
        order = ", ".join(str(item.position) for item in way.path)
        said = f"The certificates are out of order: by their issuers they belong as {order}."
        return Verdict(FAIL, said)
    if way.anchor is not None or case.self_signed or (len(way.path) > 1 and is_self_signed(way.top)):
        return Verdict(PASS)
    if not case.whole:
        return Verdict(UNKNOWN, "only the server's own certificate could be read, not what comes with it")
    alone = len(way.path) == 1
    missing = f"{way.top.issuer}, which issued {'it' if alone else 'the last one'}"
    only = f"Only the server's own certificate is presented. Missing: {missing}."
    if leaf.issuer_url:
        only += f" Browsers fetch it from {leaf.issuer_url}."
    if alone and leaf.is_public:
        return Verdict(FAIL, only)
    if host.knows_issuer:
        return Verdict(PASS)
    if alone and (leaf.issuer_url or case.anchors):
        return Verdict(FAIL, only)
    said = f"{missing}, is neither presented nor known to the host that looked"
    return Verdict(UNKNOWN, said + ": an intermediate that is missing, or a root that only the chargers may know")


def _trusted(case: _Case) -> Verdict:
    """Do the chargers trust it?"""
    way, host = case.way, case.host
    if case.store_problem is not None:
        return Verdict(UNKNOWN, case.store_problem)
    if case.anchors is None:
        if case.self_signed and not host.knows_issuer:
            said = "The certificate is self-signed: nobody trusts it who does not store this very certificate."
            return Verdict(FAIL, said)
        own = "trusts it" if host.knows_issuer else "does not" if host.code is not None else "could not verify it"
        said = f"steve_charger_ca is not given, so what the chargers trust is not known; this host {own}"
        return Verdict(UNKNOWN, said)
    if way.anchor is not None:
        return _through(case, way.anchor)
    others = " The host that looked does trust it." if host.knows_issuer else ""
    count = f"{len(case.anchors)} certificate{'' if len(case.anchors) == 1 else 's'} in steve_charger_ca"
    if case.self_signed:
        return Verdict(FAIL, f"The certificate is self-signed and not among the {count}.{others}")
    if not case.whole:
        return Verdict(UNKNOWN, "only the server's own certificate could be read, so no way to a root can be found")
    if is_self_signed(way.top):
        return Verdict(FAIL, f"The root {way.top.subject} is not among the {count}.{others}")
    return Verdict(FAIL, f"{way.top.issuer}, which issued {way.top.subject}, is not among the {count}.{others}")


def _through(case: _Case, anchor: Certificate) -> Verdict:
    """There is a way to the chargers' store; is it one that they take?"""
    if not anchor.valid_at(case.at):
        when = f"expired on {anchor.ends:%Y-%m-%d}" if anchor.ends < case.at else f"begins on {anchor.begins:%Y-%m-%d}"
        return Verdict(FAIL, f"The chain ends in {anchor.subject}, which {when} in the chargers' store.")
    weak = next((item for item in case.way.path if item.weak), None)
    if weak is not None:
        said = f"the chain leads to {anchor.subject}, but many TLS libraries refuse certificate {weak.position}"
        return Verdict(UNKNOWN, f"{said}: {weak.weak}")
    way = case.way.all
    if any(link(child, parent) is None for child, parent in pairwise(way)):
        return Verdict(UNKNOWN, f"the chain leads to {anchor.subject} by its names; a signature cannot be checked here")
    return Verdict(PASS)


def _valid(case: _Case) -> Verdict:
    """Is every certificate on the way neither over nor to come? The chargers' own root is a matter of trust."""
    for item in case.way.path:
        if item.valid_at(case.at):
            continue
        if item is not case.leaf and case.anchors is None and case.host.code == 0:
            # An old cross-certificate that this host does not need; whether the chargers do is not known.
            said = f"certificate {item.position} is out of its time, but the host that looked does not need it"
            return Verdict(UNKNOWN, said)
        whose = "The server's certificate" if item is case.leaf else f"Certificate {item.position}, {item.subject},"
        if item.ends < case.at:
            return Verdict(FAIL, f"{whose} expired on {item.ends:%Y-%m-%d %H:%MZ}.")
        said = f"{whose} is not valid before {item.begins:%Y-%m-%d %H:%MZ}, and it was {case.at:%Y-%m-%d %H:%MZ}."
        return Verdict(FAIL, said)
    return Verdict(PASS)


def _lasting(case: _Case) -> Verdict:
    """Will every certificate on the way, the chargers' root included, stay valid for a while?"""
    ending = [item for item in case.way.all if item.expiring_at(case.at)]
    if not ending:
        return Verdict(PASS)
    item = min(ending, key=lambda one: one.ends)
    whose = "The server's certificate" if item is case.leaf else f"{item.subject}, {item.line().partition(':')[0]},"
    left = (item.ends - case.at) / timedelta(days=1)
    days = f"{left:.0f} days" if left >= 2 else f"{left * 24:.0f} hours"
    lifetime = (item.ends - item.begins) / timedelta(days=1)
    return Verdict(FAIL, f"{whose} ends on {item.ends:%Y-%m-%d %H:%MZ}: {days} of {lifetime:.0f} days are left.")


def _oddities(case: _Case, presented: tuple[Certificate, ...]) -> list[str]:
    """What is odd and no fault by itself."""
    odd = []
    unused = [item for item in presented if item not in case.way.path]
    if unused:
        odd.append("not needed in the chain: certificate " + ", ".join(str(item.position) for item in unused))
    if len(case.way.path) > 1 and is_self_signed(case.way.top):
        odd.append("the root itself is presented; no charger believes it for that")
    if case.way.anchor is not None:
        odd.append(f"the chain ends {case.way.anchor.line()}")
    return odd
