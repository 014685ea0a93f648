# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is SteVe's WebSocket endpoint there, on this hop? What the answers mean, by release. Pure.

One status has several causes, so the judgement either ends or names the one further question that would settle it;
the caller asks and judges again. What stays open has candidates and no finding: never a guess.

Sources: SteVe's WebSocketConfiguration and SecurityConfiguration at the tags 3.4.0 to 3.14.1, answers seen on live
servers of ten releases between 3.4.7 and 3.14.1, directly and behind nginx 1.22.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Mapping

from ansible_collections.chargeops.steve.plugins.module_utils import _handshake
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind, WsUrl, recognise
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer, Failure
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen, note
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert


class Ask(Enum):
    """A question about the endpoint that is still to be asked."""

    SIGNIN = "the sign-in page under the context of the URL"
    PATH = "the WebSocket path, with an id if there is one"
    KNOWN_PATH = "the path that is right in every release, with the same id"
    STEVE_CONTEXT = "the sign-in page under /steve"
    ROOT_CONTEXT = "the sign-in page without a context"
    OTHER_SCHEME = "TLS on a port that was asked without, or the other way round"


#: The contexts under which SteVe is usually found, in the order in which they are tried.
CONTEXTS = {Ask.STEVE_CONTEXT: "/steve", Ask.ROOT_CONTEXT: ""}


@dataclass(frozen=True)
class EndpointCase:
    """What is known about a hop's endpoint so far.

    Attributes:
        url: what the chargers are configured with.
        era: range of releases.
        hop: ``direct`` | ``proxy`` | ``public`` or another label; on ``direct`` nobody is in between.
        charge_box_id: the id with which PATH is asked, None when there is none.
        seen: answers by question.
    """

    url: WsUrl
    era: Era
    hop: str
    charge_box_id: str | None
    seen: Mapping[Ask, Seen] = field(default_factory=dict)

    def kind(self, ask: Ask) -> Kind | None:
        """Whose answer a question got, None when it was not asked or not answered."""
        return self.seen[ask].kind(self.era) if ask in self.seen else None


@dataclass(frozen=True)
class Endpoint:
    """Is SteVe's WebSocket endpoint there, on this hop?

    Attributes:
        verdict: ``reachable`` | ``unreachable`` | ``wrong``.
        finding: id of the finding, None when there is none or it stays open.
        stage: ``resolve`` | ``connect`` | ``tls`` | ``http`` | ``path``: where it was decided.
        candidates: findings still possible when it stays open.
        evidence: requests and answers.
    """

    verdict: str
    finding: str | None
    stage: str
    candidates: tuple[str, ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "verdict": self.verdict, "finding": self.finding, "stage": self.stage,
            "candidates": list(self.candidates), "evidence": list(self.evidence),
        }  # fmt: skip


REACHABLE = Endpoint("reachable", None, "http")

#: Kind of failure → finding and stage, where nothing else has to be asked.
_NETWORK = {
    "unresolved": ("dns-unresolvable", "resolve"),
    "refused": ("tcp-refused", "connect"),
    "connect-timeout": ("tcp-timeout", "connect"),
    "unreachable": ("host-unreachable", "connect"),
    "tls": ("tls-handshake-failed", "tls"),
    "tls-plain": ("tls-handshake-failed", "tls"),
    "tls-alert": ("plain-on-tls-port", "http"),
    "closed": ("connection-closed", "http"),
    "timeout": ("http-timeout", "http"),
    "not-http": ("not-http", "http"),
}
#: The findings of dialling.
NETWORK_CONNECT = ("tcp-refused", "tcp-timeout", "host-unreachable")
#: When several addresses failed differently, the failure that says most; a missing IPv6 route says least.
_NETWORK_ORDER = ("connect-timeout", "refused", "unreachable")


_PLAIN_TO_TLS_TEXTS = ("plain http request was sent to https port", "http request to an https server")
#: Statuses with which SteVe itself refuses on the WebSocket path.
_OWN_STATUSES = (400, 401, 404, 405, 426)


def network_finding(failure: Failure) -> str | None:
    """Id of the finding that a failure of the network stands for, None when it stays open."""
    return _NETWORK[failure.kind][0] if failure.kind in _NETWORK else None


def unreachable(failures: list[Failure]) -> Endpoint:
    """No address could be dialled, or there is none."""
    kinds = {failure.kind for failure in failures}
    kind = next((item for item in _NETWORK_ORDER if item in kinds), failures[0].kind)
    evidence = tuple(note(sentence) for sentence in dict.fromkeys(failure.sentence for failure in failures))
    if kind in ("deadline", "no-ipv6"):
        # A prober without IPv6 says nothing about a server that has nothing else.
        candidates = ("tcp-timeout",) if kind == "deadline" else NETWORK_CONNECT
        return Endpoint("unreachable", None, "connect", candidates, evidence)
    finding, stage = _NETWORK[kind]
    return Endpoint("unreachable", finding, stage, (), evidence)


def endpoint(case: EndpointCase) -> Endpoint | Ask:
    """Judge the endpoint, or name the question that has to be asked first."""
    if Ask.SIGNIN not in case.seen:
        return Ask.SIGNIN
    signin = case.seen[Ask.SIGNIN]
    if signin.answer is None and not signin.failed("closed"):
        return _no_answer(case, signin)
    if signin.answer is None and not case.url.secure:
        # A TLS port closes at the first plain byte.
        if Ask.OTHER_SCHEME not in case.seen:
            return Ask.OTHER_SCHEME
        other = case.seen[Ask.OTHER_SCHEME]
        if other.failure is None:
            return _wrong("plain-on-tls-port", "http", (signin.evidence(), other.evidence("TLS is spoken here")))
    if signin.answer is not None and _refuses_plain(signin.answer):
        return _wrong("plain-on-tls-port", "http", (signin.evidence(),))
    if Ask.PATH not in case.seen:
        if case.charge_box_id is None and case.url.is_known_path and case.kind(Ask.SIGNIN) is Kind.SIGNIN_PAGE:
            return REACHABLE
        return Ask.PATH
    path = case.seen[Ask.PATH]
    if path.answer is None:
        return _silent_path(case, signin, path)
    return _answered_path(case, path, path.answer)


def _wrong(finding: str, stage: str, evidence: tuple[dict[str, Any], ...]) -> Endpoint:
    verdict = "unreachable" if stage != "path" else "wrong"
    return Endpoint(verdict, finding, stage, (), evidence)


def _open(candidates: tuple[str, ...], evidence: tuple[dict[str, Any], ...], verdict: str = "wrong") -> Endpoint:
    return Endpoint(verdict, None, "path" if verdict == "wrong" else "http", candidates, evidence)


def _refuses_plain(answer: Answer) -> bool:
    """Whether a TLS endpoint says in plain text that it wants TLS (nginx, Go)."""
    text = answer.text().lower()
    return answer.status == 400 and any(words in text for words in _PLAIN_TO_TLS_TEXTS)


def _no_answer(case: EndpointCase, seen: Seen) -> Endpoint | Ask:
    """The connection stands, and no HTTP answer came."""
    if seen.failure is None:
        raise AssertionError
    kind = seen.failure.kind
    if kind == "deadline":
        return _open(("http-timeout",), (seen.evidence(),), "unreachable")
    if kind == "tls-plain" or (kind == "timeout" and case.url.secure):
        # Some plain servers hang up at a TLS hello, others wait for the end of a request line that never comes.
        if Ask.OTHER_SCHEME not in case.seen:
            return Ask.OTHER_SCHEME
        other = case.seen[Ask.OTHER_SCHEME]
        if other.answer is not None and not _refuses_plain(other.answer):
            return _wrong("tls-on-plain-port", "tls", (seen.evidence(), other.evidence("asked without TLS")))
        if kind == "timeout":
            return _wrong("http-timeout", "http", (seen.evidence(),))
        return _wrong("tls-handshake-failed", "tls", (seen.evidence(), other.evidence("asked without TLS")))
    finding, stage = _NETWORK[kind]
    return _wrong(finding, stage, (seen.evidence(),))


def _silent_path(case: EndpointCase, signin: Seen, path: Seen) -> Endpoint:
    """The sign-in page was answered somehow, the WebSocket path was not."""
    if path.failure is None:
        raise AssertionError
    evidence = (signin.evidence(), path.evidence())
    if path.failed("timeout"):
        if case.kind(Ask.SIGNIN) is Kind.SIGNIN_PAGE:
            # SteVe without its data base: the sign-in page needs none. The ids tell it as undetermined.
            return REACHABLE
        if signin.answer is not None:
            return _open(("http-timeout", "db-unreachable"), evidence, "unreachable")
    if path.failed("deadline"):
        return _open(("http-timeout",), evidence, "unreachable")
    finding, stage = _NETWORK[path.failure.kind]
    return _wrong(finding, stage, evidence)


def _answered_path(case: EndpointCase, path: Seen, answer: Answer) -> Endpoint | Ask:
    """The WebSocket path was answered: by whom, and what does that say about the path?"""
    kind = recognise(answer, case.era)
    if answer.status == 200 and _handshake.is_empty(answer):
        return _empty_200(case, path)
    if kind in (Kind.UPGRADE_LOST, Kind.CONNECTION_LOST):
        return REACHABLE
    if kind is Kind.EMPTY and answer.status in _OWN_STATUSES and not _answers_everything_alike(case, answer):
        return REACHABLE
    if kind is Kind.SIGNIN:
        return _sent_to_signin(case, path)
    if kind is Kind.PAGE:
        return _container_page(case, path, answer)
    if kind is Kind.SWITCHED:
        return _open((), (path.evidence("a plain GET was answered as if it were an upgrade request"),))
    return _stranger(case, path, answer)


def _answers_everything_alike(case: EndpointCase, answer: Answer) -> bool:
    """Whether the sign-in page got the same body-less status: then this is a stranger's answer to anything."""
    signin = case.seen[Ask.SIGNIN].answer
    return signin is not None and signin.status == answer.status and _handshake.is_empty(signin)


def _empty_200(case: EndpointCase, path: Seen) -> Endpoint:
    """SOAP services answer 200 without a body to anything, an upgrade request included (every release)."""
    if case.url.is_soap:
        return _wrong("soap-path", "path", (path.evidence("the SOAP service answers; WebSockets have another path"),))
    return _open(("soap-path", "proxy-no-route"), (path.evidence("somebody answers without content"),))


def _sent_to_signin(case: EndpointCase, path: Seen) -> Endpoint | Ask:
    """From 3.8.0 on a wrong path, from 3.9.0 on also an internal error, is redirected to the sign-in page."""
    evidence: tuple[dict[str, Any], ...] = (path.evidence(),)
    if case.url.is_known_path:
        if case.hop == "direct" or case.charge_box_id is None or _id_explains_it(case):
            # The path is right, so the id's row or the data base is not; the ids tell it.
            return REACHABLE
        why = "the proxy sends SteVe another path, or SteVe has an internal error; the direct hop tells"
        return _open(("wrong-path", "db-unreachable"), (path.evidence(why),))
    if case.charge_box_id is not None:
        if Ask.KNOWN_PATH not in case.seen:
            return Ask.KNOWN_PATH
        known = case.seen[Ask.KNOWN_PATH]
        evidence += (known.evidence(),)
        own = known.kind(case.era) in (Kind.UPGRADE_LOST, Kind.EMPTY)
        if not own and case.hop != "direct":
            return _open(("wrong-path", "db-unreachable"), evidence)
    return _wrong("wrong-path", "path", evidence)


def _container_page(case: EndpointCase, path: Seen, answer: Answer) -> Endpoint | Ask:
    """Jetty's own error page on the WebSocket path."""
    if answer.status == 404:
        return _container_404(case, path, answer)
    if answer.status == 500:
        return REACHABLE
    if answer.status == 503:
        return _open(("app-starting",), (path.evidence("the servlet container runs, SteVe in it does not (yet)"),))
    if answer.status == 400 and "invalid sni" in answer.text().lower():
        return _open(("tls-name-mismatch",), (path.evidence("SteVe's own certificate has another name"),))
    if answer.status == 400 and case.charge_box_id is not None and not _handshake.is_plain(case.charge_box_id):
        return REACHABLE
    if answer.status == 400:
        return _open(("wrong-path",), (path.evidence("the servlet container refuses the path as it is written"),))
    return _open((), (path.evidence(),))


def _container_404(case: EndpointCase, path: Seen, answer: Answer) -> Endpoint | Ask:
    """Wrong context (every release), or a wrong path inside the context (up to 3.7.1)."""
    evidence: tuple[dict[str, Any], ...]
    if case.kind(Ask.SIGNIN) is Kind.SIGNIN_PAGE and case.url.is_known_path and _id_explains_it(case):
        return REACHABLE
    if case.kind(Ask.SIGNIN) is Kind.SIGNIN_PAGE:
        evidence = (path.evidence(), case.seen[Ask.SIGNIN].evidence("SteVe is under this context"))
        return _open(("wrong-path",), evidence) if case.url.is_known_path else _wrong("wrong-path", "path", evidence)
    if _handshake.has_mark(answer) and case.kind(Ask.SIGNIN) is not Kind.PAGE:
        evidence = (path.evidence("SteVe's security filter saw it, so the context is right"),)
        return _open(("wrong-path",), evidence) if case.url.is_known_path else _wrong("wrong-path", "path", evidence)
    return _wrong_context(case, path)


def _id_explains_it(case: EndpointCase) -> bool:
    """Whether the id itself leads to an error before SteVe has judged it, so that the answer tells nothing of the path.

    Its path is refused before SteVe sees it, or the data base cannot compare it.
    """
    asked = case.charge_box_id
    return asked is not None and (_handshake.stopped_by_firewall(asked) or _handshake.exceeds_data_base(asked))


def _wrong_context(case: EndpointCase, path: Seen) -> Endpoint | Ask:
    """Nothing of SteVe's is under this context; look where it is, to name it."""
    shown = inert(case.url.context, 60) or "(none)"
    evidence: tuple[dict[str, Any], ...] = (path.evidence(), case.seen[Ask.SIGNIN].evidence())
    for ask, context in CONTEXTS.items():
        if context == case.url.context:
            continue
        if ask not in case.seen:
            return ask
        if case.kind(ask) is Kind.SIGNIN_PAGE:
            right = case.seen[ask].evidence(f"the context is {context or '(none)'}, not {shown}")
            return _wrong("wrong-context-path", "path", (*evidence, right))
    said = note(f"no sign-in page under {shown}, /steve or the root: another context, or another server on this port")
    return _wrong("wrong-context-path", "path", (*evidence, said))


#: Status of a stranger's answer → finding, where the status alone decides.
_STRANGERS = {
    401: "proxy-login-wall", 407: "proxy-login-wall",
    403: "proxy-no-route", 404: "proxy-no-route", 410: "proxy-no-route",
    502: "proxy-bad-gateway", 503: "proxy-bad-gateway", 504: "proxy-bad-gateway",
}  # fmt: skip


#: What SteVe up to 3.5.1, or a stranger, may mean by a body-less status.
_OLD_REFUSALS = {
    400: ("charge-box-id-invalid", "subprotocol-missing"),
    401: ("charge-box-unregistered", "proxy-login-wall"),
    404: ("subprotocol-unsupported", "proxy-no-route"),
}


def _may_be_an_old_refusal(case: EndpointCase, answer: Answer) -> bool:
    """Whether this may be a refusal of SteVe's before 3.6.0, and the release is not known."""
    bare = _handshake.is_empty(answer) and answer.header("www-authenticate") is None
    unknown = case.era.at_least("3.6.0") is None and case.kind(Ask.SIGNIN) is Kind.SIGNIN_PAGE
    return bare and unknown and not _handshake.has_mark(answer)


def _is_cloudflare_gateway(answer: Answer) -> bool:
    """Whether Cloudflare says that it does not reach the origin: refused, silent, no route, slow, TLS.

    Source: https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
    """
    return 521 <= answer.status <= 526 and "cloudflare" in (answer.header("server") or "").lower()


def _stranger(case: EndpointCase, path: Seen, answer: Answer) -> Endpoint | Ask:
    """Somebody else answers on the WebSocket path."""
    evidence = (path.evidence("this is not SteVe's answer"), case.seen[Ask.SIGNIN].evidence())
    status = answer.status
    if status in (400, 401, 404) and _may_be_an_old_refusal(case, answer):
        why = "up to 3.5.1 SteVe's own refusals carry no mark of its own: give the release as era"
        return _open(_OLD_REFUSALS[status], (path.evidence(why), case.seen[Ask.SIGNIN].evidence()))
    if status == 302 and _handshake.leads_home(answer):
        # Up to 3.8.0 SteVe's server root redirects into the context.
        return _wrong_context(case, path)
    if 300 <= status < 400 and answer.header("location"):
        asked = case.url.path
        if case.charge_box_id is not None:
            asked = f"{asked}/{_handshake.encode_id(case.charge_box_id)}"
        wall = _handshake.redirects_to_login(answer, case.url, asked)
        return _wrong("proxy-login-wall" if wall else "redirected", "path", evidence)
    if status == 200:
        if _handshake.looks_like_login(answer):
            return _wrong("proxy-login-wall", "path", evidence)
        direct = case.hop == "direct"
        return _open(("wrong-context-path",) if direct else ("proxy-login-wall", "proxy-no-route"), evidence)
    if status in (504, 524) and case.kind(Ask.SIGNIN) is Kind.SIGNIN_PAGE:
        # SteVe without its data base hangs on the WebSocket path only, and the proxy gave up first.
        return _open(("proxy-bad-gateway", "db-unreachable"), evidence)
    finding = "proxy-bad-gateway" if _is_cloudflare_gateway(answer) else _STRANGERS.get(status)
    if finding is None:
        return _open((), evidence)
    if finding == "proxy-no-route" and case.hop == "direct":
        return _wrong_context(case, path) if status == 404 else _open(("wrong-context-path",), evidence)
    return _wrong(finding, "path", evidence)
