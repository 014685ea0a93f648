# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is SteVe's Web API there, by which scheme, and does a credential work? What the answers mean, by release. Pure.

The judgement ends or names the one further question that would settle it; the caller asks and judges again. The first
question carries no credential, so that nothing secret goes to what is no SteVe.

Sources: SteVe's SecurityConfiguration, ApiKeyAuthenticationProvider (3.6, 3.7), ApiAuthenticationManager (since 3.8)
and ApiControllerAdvice at the tags 3.6.0 to 3.14.1; answers seen on live servers of 3.4.9, 3.5.1, 3.6.1, 3.7.1,
3.8.0, 3.9.0, 3.12.0, 3.13.0 and 3.14.1. ``GET /api/v1/ocppTags/0`` discloses nothing: keys begin at 1, so that a
credential that works is answered 404 with SteVe's own words.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Iterator, Mapping, Sequence
from urllib.parse import quote

from ansible_collections.chargeops.steve.plugins.module_utils import _admin_pages, _handshake
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import SIGNIN, WsUrl
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer, Failure
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen, note

PROBE = "/api/v1/ocppTags/0"
#: What the runbook asks; only its dialect has it.
RUNBOOK_PROBE = "/api/v1/chargepoints"
SCHEMES = ("basic", "header", "bearer")
WITHHELD = "(not shown: it repeats what was sent)"

#: SteVe's words (ApiControllerAdvice and what it is given); they are shown as they are.
ACCEPTED_TEXT = "Could not find this ocppTag"
HEADER_TEXT = "Full authentication is required to access this resource"
DISABLED_TEXT = "Web APIs are not exposed"
WRONG_PASSWORD_TEXT = "Invalid password"  # noqa: S105 - SteVe's words
WRONG_USER_TEXT = "The user does not exist, exists but is disabled or has API access disabled."
INCOMPLETE_TEXT = "Required parameters missing"
#: What Spring says of a Basic header that is none; a well-formed one was altered on the way.
MALFORMED_TEXTS = (
    "Empty basic authentication token", "Invalid basic authentication token",
    "Failed to decode basic authentication token",
)  # fmt: skip
_KNOWN_TEXTS = frozenset(
    (ACCEPTED_TEXT, HEADER_TEXT, WRONG_PASSWORD_TEXT, WRONG_USER_TEXT, INCOMPLETE_TEXT, *MALFORMED_TEXTS)
)
_KNOWN_VALUES = frozenset(
    ("application/json", "text/html", "text/html;charset=utf-8", "text/html;charset=iso-8859-1", "nosniff")
)


class Ask(Enum):
    """A question about the Web API that is still to be asked."""

    BARE = "the probe without a credential"
    SIGNIN = "the sign-in page under the same context"
    BASIC = "the probe with HTTP Basic"
    HEADER = "the probe with the header"
    BEARER = "the probe with a Bearer token"
    MALFORMED = "the probe with an Authorization header that holds no token"


_ASK_OF = {"basic": Ask.BASIC, "header": Ask.HEADER, "bearer": Ask.BEARER}
_NAME_OF = {"basic": "HTTP Basic", "header": "the header of webapi.key", "bearer": "a Bearer token"}


class Said(Enum):
    """What an answer to the probe says."""

    ACCEPTED = "the credential works"
    REFUSED = "SteVe's own 401"
    UNSEEN = "no Basic header was seen"
    NOT_EXPOSED = "the Web API is switched off"
    NOWHERE = "the servlet container knows no such path"
    ERROR = "SteVe has an internal error"
    STRANGER = "not SteVe's"


@dataclass(frozen=True)
class WebApiCase:
    """What is known about a Web API so far.

    Attributes:
        url: where the probe goes; scheme, host, path and context count.
        era: range of releases.
        scheme: ``auto`` | ``basic`` | ``header`` | ``bearer``: how the credential is to be sent.
        sendable: schemes by which the given credential can be sent, empty without one.
        header_name: the header of scheme ``header``.
        plain_http: whether a credential travels in clear to another host.
        seen: answers by question.
    """

    url: WsUrl
    era: Era
    scheme: str
    sendable: tuple[str, ...]
    header_name: str
    plain_http: bool = False
    seen: Mapping[Ask, Seen] = field(default_factory=dict)

    def said(self, ask: Ask) -> Said | None:
        """What a question was answered, None when it was not asked or not answered."""
        answer = self.seen[ask].answer if ask in self.seen else None
        return None if answer is None else said(answer, self.era)

    def evidence(self, ask: Ask, words: str | None = None) -> dict[str, Any]:
        """A question and its answer as results show it."""
        seen = self.seen[ask]
        known = _known(self.url)
        if seen.answer is not None:
            seen = replace(seen, answer=_shown(seen.answer, seen.secrets, known))
        elif seen.failed("not-http") and _repeats(_sentence(seen), seen.secrets, known):
            # The only failure whose sentence quotes the other side after a credential was sent.
            seen = replace(seen, failure=Failure("not-http", f"what answers does not speak HTTP {WITHHELD}"))
        shown = replace(seen, secrets=()).evidence(words)
        if shown["body"] not in (*_KNOWN_TEXTS, WITHHELD) and _repeats(shown["body"], seen.secrets, known):
            # Without its markup and line breaks a text may repeat what it did not before.
            shown["body"] = WITHHELD
        return shown


@dataclass(frozen=True)
class WebApi:
    """Is the Web API there, and does the credential work?

    Attributes:
        verdict: ``accepted`` | ``refused`` | ``disabled`` | ``absent`` | ``undetermined``.
        scheme: ``basic`` | ``header`` | ``bearer``: what this SteVe reads; None when that is not known.
        finding: id of the finding, None when there is none or it stays open.
        candidates: findings still possible.
        evidence: requests and answers.
    """

    verdict: str
    scheme: str | None
    finding: str | None
    candidates: tuple[str, ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "verdict": self.verdict, "scheme": self.scheme, "finding": self.finding,
            "candidates": list(self.candidates), "evidence": list(self.evidence),
        }  # fmt: skip


# -- one answer ---------------------------------------------------------------------------------------------


def message(answer: Answer) -> str | None:
    """The ``message`` of a JSON error as SteVe writes it, None when the body is something else."""
    if not answer.body.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(answer.text())
    except (ValueError, RecursionError):
        return None
    text = value.get("message") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def is_own(answer: Answer) -> bool:
    """Whether this is JSON of SteVe's: Spring Security's mark is on it, and no challenge (none of its 401 has one)."""
    kind = (answer.header("content-type") or "").lower()
    return kind.startswith("application/json") and _handshake.has_mark(answer) and not _challenges(answer)


def _challenges(answer: Answer) -> bool:
    return answer.header("www-authenticate") is not None or answer.header("proxy-authenticate") is not None


def said(answer: Answer, era: Era) -> Said:
    """What an answer to the probe says, whatever was sent."""
    status, text = answer.status, message(answer)
    if era.is_runbook and not _challenges(answer) and status in (200, 401):
        # Nothing is known of the dialect but the statuses (contract: the runbook dialect).
        if status == 401:
            return Said.REFUSED
        return Said.ACCEPTED if answer.body.lstrip()[:1] == b"[" else Said.STRANGER
    if _handshake.is_signin_redirect(answer):
        return Said.UNSEEN
    if status == 403 and _handshake.has_mark(answer) and not _challenges(answer):
        return Said.UNSEEN
    if is_own(answer):
        if status == 401:
            return Said.REFUSED
        if status == 404 and text == ACCEPTED_TEXT:
            return Said.ACCEPTED
    if status == 500 and DISABLED_TEXT in answer.text():
        return Said.NOT_EXPOSED
    if status == 500 and (is_own(answer) or _handshake.is_container_page(answer)):
        return Said.ERROR
    if status == 404 and _handshake.is_container_page(answer):
        return Said.NOWHERE
    return Said.STRANGER


# -- what results show --------------------------------------------------------------------------------------


def secret_forms(secret: str, token: str | None = None) -> tuple[str, ...]:
    """The ways in which a server may repeat a secret: as it is, escaped for a page or a URL, as a Basic token."""
    forms = {secret, html.escape(secret), quote(secret, safe=""), secret.encode("utf-8").hex(), token or ""}
    return tuple(sorted((form for form in forms if form), key=len, reverse=True))


def _known(url: WsUrl) -> tuple[str, ...]:
    """What every answer may repeat: the asked address."""
    return (url.path, url.context + SIGNIN, url.context, url.authority, url.host)


def _sentence(seen: Seen) -> str:
    return "" if seen.failure is None else seen.failure.sentence


def _shown(answer: Answer, secrets: Sequence[str], known: Sequence[str]) -> Answer:
    """An answer whose texts hold no secret.

    A secret may be as short as ``1234`` or ``steve``, so it is not cut out of a text, which would damage what it is
    part of: SteVe's known words and the asked address are shown, and a text that repeats a secret beside them is not.
    """

    def told(text: str) -> str:
        return WITHHELD if _repeats(text, secrets, known) else text

    headers = []
    for name, value in answer.headers:
        if name.lower() == "location" and _handshake.is_signin_redirect(answer):
            # Jetty may add a session's id.
            headers.append((name, told(value.split(";")[0])))
        else:
            headers.append((name, value if value.lower() in _KNOWN_VALUES else told(value)))
    text = message(answer) if is_own(answer) else None
    if text is None:
        body = "" if _handshake.is_signin_page(answer) else told(answer.text())
    else:
        # The rest of SteVe's JSON is a time, the status and the asked address.
        body = text if text in _KNOWN_TEXTS else told(text)
    if answer.status == 200 and answer.body.lstrip()[:1] in (b"[", b"{"):
        body = "(JSON)"
    return replace(answer, headers=tuple(headers), body=body.encode("utf-8", "replace"))


def _repeats(text: str, secrets: Sequence[str], known: Sequence[str]) -> bool:
    """Whether a secret stands in a text elsewhere than inside of what is known to everybody."""
    folded = text.casefold()
    covered = bytearray(len(folded))
    for item in known:
        for begin, end in _places(folded, item.casefold()):
            covered[begin:end] = b"\x01" * (end - begin)
    return any(0 in covered[begin:end] for secret in secrets for begin, end in _places(folded, secret.casefold()))


def _places(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Where a part stands in a text, overlapping places included."""
    begin = text.find(part) if part else -1
    while begin >= 0:
        yield begin, begin + len(part)
        begin = text.find(part, begin + 1)


# -- the judgement ------------------------------------------------------------------------------------------


def web_api(case: WebApiCase) -> WebApi | Ask:
    """Judge the Web API, or name the question that has to be asked first."""
    if Ask.BARE not in case.seen:
        return Ask.BARE
    if case.seen[Ask.BARE].answer is None:
        return _silent(case, Ask.BARE)
    reads = _reads(case)
    if reads is None:
        return _without_scheme(case)
    if not case.sendable:
        words = f"the Web API is there and reads {_NAME_OF[reads]}; no credential was given to try"
        return WebApi("undetermined", reads, None, (), (case.evidence(Ask.BARE, words),))
    first = reads if case.scheme == "auto" else case.scheme
    if first not in case.sendable:
        words = f"this SteVe reads {_NAME_OF[first]}, which needs a user name, and none was given"
        return WebApi("undetermined", reads, None, ("webapi-wrong-scheme",), (case.evidence(Ask.BARE, words),))
    if _ASK_OF[first] not in case.seen:
        return _ASK_OF[first]
    if first == reads or not _got_nothing(case, _ASK_OF[first]):
        return _with_plain_http(case, _judged(case, first, reads))
    return _another_scheme(case, first, reads)


def _reads(case: WebApiCase) -> str | None:
    """The scheme that this SteVe reads, told by its answer to a request without a credential."""
    answer, bare = case.seen[Ask.BARE].answer, case.said(Ask.BARE)
    if answer is None:
        return None
    if case.era.is_runbook:
        return "bearer" if bare is Said.REFUSED else None
    if bare is Said.UNSEEN:
        return "basic"
    return "header" if bare is Said.REFUSED and message(answer) == HEADER_TEXT else None


def _got_nothing(case: WebApiCase, ask: Ask) -> bool:
    """Whether a question was answered as if it had carried no credential."""
    answer, bare = case.seen[ask].answer, case.seen[Ask.BARE].answer
    if answer is None or bare is None or case.said(ask) is not case.said(Ask.BARE):
        return False
    return message(answer) == message(bare)


def _open(scheme: str | None, candidates: tuple[str, ...], *evidence: dict[str, Any]) -> WebApi:
    """It stays open."""
    return WebApi("undetermined", scheme, None, candidates, evidence)


def _found(finding: str, *evidence: dict[str, Any], scheme: str | None = None) -> WebApi:
    """Something in front of the Web API is wrong, so that nothing is known about it."""
    return WebApi("undetermined", scheme, finding, (), evidence)


def _silent(case: WebApiCase, ask: Ask, scheme: str | None = None) -> WebApi:
    """No answer came."""
    seen = case.seen[ask]
    if seen.failure is None:
        raise AssertionError
    evidence = case.evidence(ask)
    if seen.failure.kind == "deadline":
        return _open(scheme, ("http-timeout",), evidence)
    if seen.failure.kind == "timeout" and ask is not Ask.BARE:
        # Only what a credential leads to needs the data base.
        words = "without a credential it answers at once; without its data base SteVe hangs for 30 s just so"
        return _open(scheme, ("db-unreachable", "http-timeout"), case.evidence(ask, words))
    return _found("http-timeout" if seen.failure.kind == "timeout" else seen.failure.kind, evidence, scheme=scheme)


def _without_scheme(case: WebApiCase) -> WebApi | Ask:
    """Without a credential something else than a scheme of SteVe's showed."""
    answer, bare = case.seen[Ask.BARE].answer, case.said(Ask.BARE)
    if answer is None:
        raise AssertionError
    evidence = case.evidence(Ask.BARE)
    if bare is Said.NOT_EXPOSED:
        words = "webapi.key or webapi.value was blank when SteVe started"
        return WebApi("disabled", "header", "webapi-disabled", (), (case.evidence(Ask.BARE, words),))
    if bare is Said.NOWHERE:
        return _nowhere(case)
    if bare is Said.ERROR:
        text = message(answer) or answer.text()
        lost = ("db-unreachable",) if _admin_pages.tells_of_lost_data_base(text[:2000]) else ()
        return _open(None, lost, evidence)
    if bare is Said.ACCEPTED:
        words = "accepted without a credential: something in between adds one"
        return _open(None, (), case.evidence(Ask.BARE, words))
    if bare is Said.REFUSED:
        words = "refused without a credential in words of no release that is read so: something in between adds one"
        if message(answer) not in _KNOWN_TEXTS:
            words = "refused in words of no known release; the dialect of the runbook is asked with era: runbook"
        return _open(None, (), case.evidence(Ask.BARE, words))
    return _stranger(case, Ask.BARE, None)


def _nowhere(case: WebApiCase) -> WebApi | Ask:
    """The servlet container's 404: no Web API (up to 3.5.1), or nothing of SteVe's under this context."""
    if Ask.SIGNIN not in case.seen:
        return Ask.SIGNIN
    seen = case.seen[Ask.SIGNIN]
    evidence = (case.evidence(Ask.BARE), case.evidence(Ask.SIGNIN))
    if seen.answer is None:
        return _open(None, ("webapi-absent", "wrong-context-path"), *evidence)
    if _handshake.is_signin_page(seen.answer):
        if case.era.at_least("3.6.0") is True and not case.era.is_runbook:
            remark = note(f"SteVe {case.era} has a Web API, so the path did not arrive as it was sent")
            return _open(None, ("proxy-no-route", "webapi-absent"), *evidence, remark)
        words = "SteVe is under this context, and the Web API came with 3.6.0"
        return WebApi("absent", None, "webapi-absent", (), (evidence[0], case.evidence(Ask.SIGNIN, words)))
    if _handshake.is_container_page(seen.answer):
        return _found("wrong-context-path", *evidence)
    return _open(None, ("proxy-no-route", "wrong-context-path"), *evidence)


def _stranger(case: WebApiCase, ask: Ask, scheme: str | None) -> WebApi | Ask:
    """Somebody else answers."""
    answer = case.seen[ask].answer
    if answer is None:
        raise AssertionError
    evidence = case.evidence(ask, "this is not SteVe's answer")
    status = answer.status
    if status in (401, 407) and _challenges(answer):
        words = "SteVe's own 401 carries no challenge; this login is somebody else's"
        return _found("proxy-login-wall", case.evidence(ask, words), scheme=scheme)
    if 300 <= status < 400 and answer.header("location"):
        wall = _handshake.redirects_to_login(answer, case.url, case.url.path)
        words = "redirects are not followed with a credential"
        return _found("proxy-login-wall" if wall else "redirected", case.evidence(ask, words), scheme=scheme)
    if status == 200:
        if _handshake.looks_like_login(answer):
            return _found("proxy-login-wall", evidence, scheme=scheme)
        return _open(scheme, ("proxy-login-wall", "proxy-no-route"), evidence)
    if _handshake.is_container_page(answer):
        return _open(scheme, ("app-starting",) if status == 503 else (), evidence)
    if status in (502, 503, 504):
        if ask is not Ask.BARE and status == 504:
            # SteVe without its data base hangs on what a credential leads to, and the proxy gave up first.
            return _open(scheme, ("db-unreachable", "proxy-bad-gateway"), evidence)
        return _found("proxy-bad-gateway", evidence, scheme=scheme)
    if status in (403, 404, 410) and ask is Ask.BARE:
        if Ask.SIGNIN not in case.seen:
            return Ask.SIGNIN
        other = case.evidence(Ask.SIGNIN)
        signin = case.seen[Ask.SIGNIN].answer
        if signin is not None and _handshake.is_signin_page(signin):
            return _found("proxy-no-route", evidence, other)
        return _open(scheme, ("proxy-no-route", "wrong-context-path"), evidence, other)
    return _open(scheme, (), evidence)


def _judged(case: WebApiCase, scheme: str, reads: str) -> WebApi | Ask:
    """What the answer to a credential means that was sent by the scheme that is read, or was noticed all the same."""
    ask = _ASK_OF[scheme]
    answer, word = case.seen[ask].answer, case.said(ask)
    if answer is None:
        return _silent(case, ask, reads)
    if word is Said.ACCEPTED:
        return WebApi("accepted", scheme, None, (), (case.evidence(ask, "the credential works"),))
    if word is Said.REFUSED:
        return _refused(case, ask, scheme, answer)
    if word is Said.UNSEEN and scheme == "basic":
        return _unseen(case, ask)
    if word is Said.NOT_EXPOSED:
        return WebApi("disabled", reads, "webapi-disabled", (), (case.evidence(ask),))
    if word is Said.ERROR:
        text = message(answer) or answer.text()
        lost = _admin_pages.tells_of_lost_data_base(text[:2000])
        return _open(reads, ("db-unreachable",) if lost else (), case.evidence(ask))
    if word is Said.STRANGER:
        return _stranger(case, ask, reads)
    return _open(reads, (), case.evidence(ask))


def _refused(case: WebApiCase, ask: Ask, scheme: str, answer: Answer) -> WebApi:
    """SteVe's own 401 to a credential that it has read."""
    text = message(answer)
    candidates: tuple[str, ...] = ()
    words = None
    if text in MALFORMED_TEXTS:
        words = "the header was well-formed when it was sent, so something in between changed it"
        return _open(scheme, ("proxy-authorization-stripped",), case.evidence(ask, words))
    if text == WRONG_PASSWORD_TEXT:
        words = "the user exists; the API password is not the one of the admin sign-in"
    elif text == WRONG_USER_TEXT:
        candidates = ("webapi-disabled",)
        words = "SteVe does not tell a wrong user name from an API that is switched off for the user"
    elif scheme == "header":
        words = f"the value differs from webapi.value, or webapi.key names another header than {case.header_name}"
        if "_" in case.header_name:
            words += "; nginx drops headers whose names contain _"
    return WebApi("refused", scheme, "webapi-refused", candidates, (case.evidence(ask, words),))


def _unseen(case: WebApiCase, ask: Ask) -> WebApi | Ask:
    """A Basic header was sent, and the answer is that of none: does it arrive at all?"""
    if Ask.MALFORMED not in case.seen:
        return Ask.MALFORMED
    evidence = (case.evidence(ask), case.evidence(Ask.MALFORMED))
    word = case.said(Ask.MALFORMED)
    if word is Said.UNSEEN:
        words = "a malformed header would be answered 401, so Authorization does not arrive"
        return _found("proxy-authorization-stripped", evidence[0], case.evidence(Ask.MALFORMED, words), scheme="basic")
    if word is Said.REFUSED:
        words = "the header arrives; SteVe answers so too when it has lost its data base"
        return _open("basic", ("db-unreachable",), evidence[0], case.evidence(Ask.MALFORMED, words))
    return _open("basic", ("db-unreachable", "proxy-authorization-stripped"), *evidence)


def _another_scheme(case: WebApiCase, sent: str, reads: str) -> WebApi | Ask:
    """The credential was sent by a scheme that this SteVe does not read: would it work by the one that is read?"""
    words = f"answered as without a credential: this SteVe reads {_NAME_OF[reads]}, not {_NAME_OF[sent]}"
    evidence = (case.evidence(_ASK_OF[sent], words),)
    if reads not in case.sendable:
        more = note("whether the credential works is not known: Basic needs a user name, and none was given")
        return WebApi("refused", reads, "webapi-wrong-scheme", (), (*evidence, more))
    if _ASK_OF[reads] not in case.seen:
        return _ASK_OF[reads]
    inner = _judged(case, reads, reads)
    if isinstance(inner, Ask):
        return inner
    works = {
        "accepted": f"sent by {_NAME_OF[reads]} the same credential works",
        "refused": f"sent by {_NAME_OF[reads]} the same credential is refused as well",
    }.get(inner.verdict, f"whether it would work by {_NAME_OF[reads]} could not be told")
    more_candidates = tuple(item for item in (inner.finding, *inner.candidates) if item)
    return WebApi("refused", reads, "webapi-wrong-scheme", more_candidates, (*evidence, *inner.evidence, note(works)))


def _with_plain_http(case: WebApiCase, judged: WebApi | Ask) -> WebApi | Ask:
    """A credential that works has one fault left: it travels in clear."""
    if isinstance(judged, Ask) or judged.verdict != "accepted" or not case.plain_http:
        return judged
    words = note("the URL is plain http to another host, so anybody on the way can read the credential")
    return replace(judged, finding="webapi-plain-http", evidence=(*judged.evidence, words))


_LOOPBACK = re.compile(r"localhost|(?:.*\.)?localhost|127(?:\.\d{1,3}){3}|::1", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine itself by its name alone."""
    return _LOOPBACK.fullmatch(host) is not None
