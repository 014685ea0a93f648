# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks SteVe's Web API what `_interpret_webapi` wants to know; follows no redirect and keeps no cookie.

No data is read but by `collect`, whose purpose is the list of charge boxes.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Iterable, Mapping, Sequence
from urllib.parse import quote

from ansible_collections.chargeops.steve.plugins.module_utils import _era, _handshake, _http1, _ids, _webapi_list
from ansible_collections.chargeops.steve.plugins.module_utils import _interpret_webapi as interpret
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era, FingerprintAnswer
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import WsUrl
from ansible_collections.chargeops.steve.plugins.module_utils._http import (
    Answer,
    DeadlinePassed,
    HttpClient,
    NoAnswer,
    NotReachable,
    SlowAnswer,
)
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_webapi import Ask, WebApi, WebApiCase
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

DEFAULT_HEADER = "STEVE-API-KEY"
CHARGE_BOXES = "/api/v1/chargeBoxes"
TRANSACTIONS = "/api/v1/transactions"
#: Bytes of an answer that are read; SteVe's refusals and its error pages have less than 2 KiB.
_KEEP = 16 * 1024
#: An empty list has two bytes; no transaction is read beyond its beginning.
_KEEP_OF_LIST = 64
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
#: Headers with a meaning of their own.
_TAKEN = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "cookie", "authorization", "upgrade", "accept", "te")
)
_PATH = re.compile(r"/[!-~]{0,500}")
_PROBE_ATTEMPT = "ask the Web API"
_LIST_ATTEMPT = "read the list of charge boxes by the Web API"


class WebApiRefused(SteveError):
    """The Web API does not let this credential in, or is not there; the code is the id of the finding."""

    code = "webapi-undetermined"


class NoChargeBoxList(SteveError):
    """This SteVe's Web API has no list of charge boxes."""

    code = "webapi-no-list"


@dataclass(frozen=True)
class Credential:
    """What the Web API is to be asked with.

    Attributes:
        username: user of HTTP Basic, None without one.
        password: its password, None without one.
        token: the value of the header or the Bearer token, None without one.
        header_name: name of the header of SteVe 3.6 and 3.7 (``webapi.key``).
    """

    username: str | None = None
    password: str | None = None
    token: str | None = None
    header_name: str = DEFAULT_HEADER

    @property
    def sendable(self) -> tuple[str, ...]:
        """Schemes by which it can be sent. A user name is never invented."""
        if not (self.password or self.token):
            return ()
        return interpret.SCHEMES if self.username else ("header", "bearer")

    def headers(self, ask: Ask) -> dict[str, str | bytes]:
        """The headers of a question."""
        if ask is Ask.BASIC:
            return {"Authorization": "Basic " + self._basic()}
        if ask is Ask.HEADER:
            return {self.header_name: (self.token or self.password or "").encode("utf-8")}
        if ask is Ask.BEARER:
            return {"Authorization": b"Bearer " + (self.token or self.password or "").encode("utf-8")}
        return {"Authorization": _handshake.MALFORMED_BASIC} if ask is Ask.MALFORMED else {}

    def label(self, ask: Ask) -> str:
        """The headers of a question as evidence names them."""
        return {
            Ask.BASIC: " (Authorization: Basic \u2026)",
            Ask.HEADER: f" ({self.header_name}: \u2026)",
            Ask.BEARER: " (Authorization: Bearer \u2026)",
            Ask.MALFORMED: " (Authorization: Basic without token)",
        }.get(ask, "")

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not stand in a result, in the forms in which a server may repeat it."""
        token = self._basic() if "basic" in self.sendable else None
        return tuple(
            form for secret in (self.password, self.token) if secret for form in interpret.secret_forms(secret, token)
        )

    def _basic(self) -> str:
        pair = f"{self.username}:{self.password or self.token}"
        return base64.b64encode(pair.encode("utf-8")).decode("ascii")


@dataclass(frozen=True)
class Request:
    """What to ask; names as in the module's options."""

    url: str
    credential: Credential = field(default_factory=Credential)
    scheme: str = "auto"
    paths: tuple[str, ...] = ()
    era: Era | None = None
    connect_to: str | None = None
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 10.0
    deadline: float = 60.0


def credential(
    username: str | None,
    password: str | None,
    token: str | None,
    scheme: str,
    header_name: str = DEFAULT_HEADER,
    names: Sequence[str] = ("username", "password", "token", "header_name"),
) -> Credential:
    """A credential, checked before anything is sent; the sentences of errors never contain a secret.

    Args:
        username: user of HTTP Basic.
        password: its password.
        token: value of the header, or Bearer token.
        scheme: how it is to be sent.
        header_name: name of the header.
        names: how the options are called.

    Raises:
        InputError: a value cannot be sent, or the scheme needs one that is missing.
    """
    user_option, password_option, token_option, header_option = names
    for option, value in ((user_option, username), (password_option, password), (token_option, token)):
        if value and any(character < " " or character == "\x7f" for character in value):
            raise InputError(option, "it contains a line break or a control character", "Remove it.")
        if value and _not_text(value):
            raise InputError(option, "it is not valid text", "Write it in UTF-8.")
    if username and ":" in username:
        raise InputError(user_option, "it contains a colon, at which HTTP Basic ends the name", "Correct it.")
    sent = token or password
    if sent and scheme in ("header", "bearer") and sent != sent.strip():
        option = token_option if token else password_option
        raise InputError(option, "it begins or ends with a blank, which no header keeps", "Remove the blank.")
    if sent and not username and scheme == "basic":
        raise InputError(user_option, "it is missing, and HTTP Basic needs a user", "Give the user of the Web API.")
    if _HEADER_NAME.fullmatch(header_name) is None or header_name.lower() in _TAKEN:
        raise InputError(
            header_option, "a header of this name cannot carry a key",
            f"Give what webapi.key says, by default {DEFAULT_HEADER}.",
        )  # fmt: skip
    return Credential(username or None, password or None, token or None, header_name)


def _not_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def paths(values: Iterable[Any], option: str = "paths") -> tuple[str, ...]:
    """Further endpoints, each once.

    Raises:
        InputError: an entry is no path below the context.
    """
    found = []
    for value in values:
        if not isinstance(value, str) or _PATH.fullmatch(value) is None or "#" in value:
            raise InputError(
                option, f"{inert(value, 60)!r} is no path",
                f"Write it below the context and percent-encoded, such as {CHARGE_BOXES}.",
            )  # fmt: skip
        found.append(value)
    return tuple(dict.fromkeys(found))


def list_path(era: Era | None) -> str:
    """Where a list of charge boxes may be: ExpresSync's fork has one, no release, and the runbook's dialect another."""
    return interpret.RUNBOOK_PROBE if era is not None and era.is_runbook else CHARGE_BOXES


def check(request: Request, clock: Callable[[], float] = time.monotonic) -> dict[str, Any]:
    """The document of ``steve_webapi_check``.

    Raises:
        InputError: an argument cannot be used.
    """
    visit = Visit(request, clock)
    try:
        return visit.check()
    finally:
        visit.close()


def collect(
    request: Request, charge_box_ids: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
) -> dict[str, Any]:
    """The registered charge boxes by the Web API, as the document of ``steve_chargebox_info``.

    Args:
        request: how to ask.
        charge_box_ids: show these only, compared as SteVe's usual collation does; empty shows all.
        clock: monotonic seconds.

    Raises:
        InputError: an argument cannot be used.
        SteveError: what `Visit.charge_boxes` raises.
    """
    visit = Visit(request, clock)
    try:
        era = visit.check()["era"]
        rows, notes = visit.charge_boxes()
    finally:
        visit.close()
    untold = "The Web API does not tell it: give username and password of the admin user."
    return {
        "charge_boxes": _ids.among(rows, charge_box_ids),
        "unknown": [],
        "unknown_error": untold,
        "sessions": [],
        "sessions_error": untold,
        "active_transactions": None,
        "missing": _ids.missing(charge_box_ids, [row["id"] for row in rows], []),
        "notes": notes,
        "source": "webapi",
        "era": era,
        "changed": False,
    }


class Visit:
    """One visit to the Web API of one SteVe.

    Raises:
        InputError: an argument cannot be used.
    """

    def __init__(self, request: Request, clock: Callable[[], float] = time.monotonic) -> None:
        self._request = request
        self._http = HttpClient(
            request.url, request.timeout, request.deadline, request.connect_to, request.validate_certs,
            request.ca_path, request.client_cert, request.client_key, clock,
        )  # fmt: skip
        base = self._http.base
        probe = interpret.RUNBOOK_PROBE if request.era and request.era.is_runbook else interpret.PROBE
        self._probe = probe
        given = bool(request.credential.sendable)
        url = WsUrl(base.scheme == "https", base.host, base.port, base.context + probe, base.context)
        self._case = WebApiCase(
            url=url, era=request.era or _era.UNKNOWN, scheme=request.scheme, sendable=request.credential.sendable,
            header_name=request.credential.header_name,
            plain_http=given and not url.secure and not interpret.is_loopback(base.host),
        )  # fmt: skip
        self._judged: WebApi | None = None

    @property
    def accepted(self) -> bool:
        """Whether the credential was found to work."""
        return self._judged is not None and self._judged.verdict == "accepted"

    def check(self) -> dict[str, Any]:
        """Ask until it is settled; the document of ``steve_webapi_check``."""
        while True:
            step = interpret.web_api(self._case)
            if isinstance(step, WebApi):
                break
            self._case = replace(self._case, seen={**self._case.seen, step: self._ask(step)})
            if step is Ask.BARE:
                self._tell_era()
        self._judged = step
        return {
            **step.to_dict(),
            "plain_http": self._case.plain_http,
            "endpoints": [{"path": path, "status": self.status(path)} for path in self._request.paths],
            "era": self._case.era.to_dict(),
            "changed": False,
        }

    def status(self, path: str) -> int | None:
        """The status of a further endpoint, None when it was not asked or not answered.

        Authentication comes before routing, so that without an accepted credential a status would say nothing.
        """
        answer = self._with_credential(path, _KEEP_OF_LIST)
        return None if answer is None else answer.status

    def has_transactions(self, charge_box_id: str) -> bool | None:
        """Whether a charge box has transactions, None when that cannot be told. None of them is read."""
        query = f"?chargeBoxId={quote(charge_box_id, safe='')}&type=ALL&periodType=ALL"
        answer = self._with_credential(TRANSACTIONS + query, _KEEP_OF_LIST)
        if answer is None or answer.status != 200:
            return None
        begin = b"".join(answer.body.split())
        if begin == b"[]":
            return False
        return True if begin.startswith(b"[{") else None

    def charge_boxes(self) -> tuple[list[dict[str, Any]], list[str]]:
        """The rows of the list of charge boxes, and sentences about what could not be read.

        Raises:
            WebApiRefused: the credential is not accepted (or nobody asked yet: `check` comes first).
            NoChargeBoxList: it is, but there is no list.
            SteveError: (of `_http`) no answer.
        """
        path = list_path(self._case.era)
        target = self._http.target(path)
        judged = self._judged
        if judged is None or not self.accepted:
            found = judged.to_dict() if judged is not None else {"finding": None, "evidence": []}
            notes = [item["note"] for item in found["evidence"] if item.get("note")]
            raise WebApiRefused(
                _LIST_ATTEMPT,
                target,
                notes[-1] if notes else "the Web API accepted no way of sending the credential",
                "Ask chargeops.steve.steve_webapi_check with the same credential for the evidence, or give username and"
                " password of the admin user.",
                found["finding"],
            )
        answer = self._get(path, self._request.credential.headers(self._ask_of(judged)), None)
        if answer.status != 200:
            got = _webapi_list.looks_like(answer.status, answer.location)
        else:
            try:
                return _webapi_list.read(answer.body, _server_time(answer))
            except _webapi_list.NoList as error:
                got = f"what came back is {error}"
        raise NoChargeBoxList(
            _LIST_ATTEMPT,
            target,
            got,
            "No release of SteVe has this list, only ExpresSync's fork: give username and password of the admin user.",
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    @staticmethod
    def _ask_of(judged: WebApi) -> Ask:
        return {"basic": Ask.BASIC, "header": Ask.HEADER}.get(str(judged.scheme), Ask.BEARER)

    def _with_credential(self, path: str, keep: int) -> Answer | None:
        if self._judged is None or not self.accepted:
            return None
        try:
            return self._get(path, self._request.credential.headers(self._ask_of(self._judged)), keep)
        except (NotReachable, DeadlinePassed):
            return None

    def _get(self, path: str, headers: Mapping[str, str | bytes], keep: int | None = _KEEP) -> Answer:
        # Each question stands by itself: with the cookie of an earlier answer SteVe would answer otherwise.
        self._http.forget_cookies()
        return self._http.get(path, _PROBE_ATTEMPT, None, {"Accept": "*/*", **headers}, keep)

    def _ask(self, ask: Ask) -> Seen:
        sent = self._request.credential
        path = _handshake.SIGNIN if ask is Ask.SIGNIN else self._probe
        label = f"GET {inert(self._http.base.context + path, 80)}{sent.label(ask)}"
        try:
            answer = self._get(path, sent.headers(ask))
        except (NotReachable, DeadlinePassed) as error:
            failure = _http1.Failure(_kind(error), error.got)
            return Seen(label, None, failure, secrets=sent.secrets())
        return Seen(label, _answer(answer), None, answer.elapsed_s, sent.secrets())

    def _tell_era(self) -> None:
        """The range of releases, unless it was named: two further plain requests."""
        bare = self._case.seen[Ask.BARE].answer
        if self._request.era is not None or bare is None:
            return
        found = _era.fingerprint(
            self._http.base.context,
            self._fingerprint("/manager/home"),
            self._fingerprint("/nosuch"),
            _facts(bare),
            None,
        )
        if found is not None:
            self._case = replace(self._case, era=found)

    def _fingerprint(self, path: str) -> FingerprintAnswer | None:
        try:
            return _facts(_answer(self._get(path, {})))
        except (NotReachable, DeadlinePassed):
            return None


def _facts(answer: _http1.Answer) -> FingerprintAnswer:
    return FingerprintAnswer(
        answer.status, answer.header("location"), answer.header("www-authenticate"), _handshake.has_mark(answer)
    )


def _server_time(answer: Answer) -> datetime:
    """The server's time, UTC; this host's where it says none."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(timezone.utc)
    except (TypeError, ValueError, IndexError):
        return datetime.now(timezone.utc)


def _answer(answer: Answer) -> _http1.Answer:
    """An answer as judgements read it."""
    return _http1.Answer(answer.status, headers=tuple(answer.headers.items()), body=answer.body)


def _kind(error: NotReachable | DeadlinePassed) -> str:
    """The kind of a failure; where it settles the matter, the id of the finding."""
    if isinstance(error, DeadlinePassed):
        return "deadline"
    return "timeout" if isinstance(error, (NoAnswer, SlowAnswer)) else error.code
