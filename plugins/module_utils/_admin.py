# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The admin client: signs in to SteVe's admin UI as a browser would, reads its pages, signs out again.

Every release from 3.4 on has the same form sign-in (``signin.jsp``, ``SecurityConfiguration``): a GET for the form and
its CSRF token, a POST, a redirect whose target tells whether it worked. Status 200 proves nothing anywhere: exceptions
are shown with 200, and so is the sign-in page at the end of a followed redirect. So redirects are not followed, and a
page counts only when it is recognised.

The only POST is the sign-in. Cookies are kept for one sign-in; a stale one would be answered with a redirect.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any, Callable, Sequence, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils import _admin_pages as pages
from ansible_collections.chargeops.steve.plugins.module_utils._era import UNKNOWN, Era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._http import Answer, DeadlinePassed, HttpClient, NoAnswer
from ansible_collections.chargeops.steve.plugins.module_utils._ids import among, folded, missing
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

HOME_PATH = "/manager/home"
CHARGE_POINTS_PATH = "/manager/chargepoints"
SESSIONS_PATH = "/manager/home/ocppJsonStatus"
ABOUT_PATH = "/manager/about"

#: A refusal that took this long is not about the password: SteVe's connection pool waits 30 s for the data base and
#: then reports the failed look-up of the user like a wrong password.
SLOW_REFUSAL_S = 20.0
#: Shorter passwords are not looked for in SteVe's pages. One that SteVe repeats has at least 16 characters, because it
#: passed a length check, and ``1234`` or ``steve`` stand in other words.
SHORTEST_ECHO = 8
#: What stands where a page repeats a password.
HIDDEN = "(hidden)"
#: Signing out is a courtesy; it may not cost more than this.
_SIGN_OUT_S = 2.0
_Read = TypeVar("_Read")
REDIRECTS = (301, 302, 303, 307, 308)


class AdminError(SteveError):
    """Something went wrong in SteVe's admin UI."""

    code = "admin-error"


class SignInRefused(AdminError):
    """SteVe refused user or password."""

    code = "admin-login-refused"


class NotAllowed(AdminError):
    """Signed in, but the user has no access to the admin UI."""

    code = "admin-not-allowed"


class PageNotRecognised(AdminError):
    """What came back is not the page that was asked for."""

    code = "admin-page-not-recognised"


class CsrfRefused(AdminError):
    """SteVe refused the form's token."""

    code = "admin-csrf-refused"


class ErrorPage(AdminError):
    """SteVe showed its error page."""

    code = "admin-error-page"


class RedirectLoop(AdminError):
    """A page redirects to itself."""

    code = "admin-redirect-loop"


class SessionLost(AdminError):
    """The sign-in was forgotten on the way."""

    code = "admin-session-lost"


class NoDataBase(AdminError):
    """It looks as if SteVe's data base were gone. A suspicion; the text says what was seen."""

    code = "admin-no-data-base"


class AdminClient:
    """One visit to the admin UI of one SteVe.

    Args:
        url: base URL with context path.
        username: admin user.
        password: its password; it stands in no error, result or address.
        timeout: seconds for one request, from dialling to the last byte.
        deadline: seconds for the whole visit, from now.
        connect_to: ``host:port`` to dial while Host header and TLS name stay those of ``url``.
        validate_certs: whether a certificate must be valid before anything is sent.
        ca_path: file with the authorities to trust.
        client_cert: file with a client certificate.
        client_key: file with its key.
        clock: monotonic seconds.

    Raises:
        InputError: an argument cannot be used.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        timeout: float = 10.0,
        deadline: float = 60.0,
        connect_to: str | None = None,
        validate_certs: bool = True,
        ca_path: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for option, value in (("username", username), ("password", password)):
            if not value:
                raise InputError(option, "it is empty", "Give the credentials of SteVe's admin user.")
        self._username = username
        self._password = password
        self._http = HttpClient(
            url, timeout, deadline, connect_to, validate_certs, ca_path, client_cert, client_key, clock
        )
        self._form_seconds: float | None = None
        self._signed_in = False
        #: Running transactions at the sign-in; None when they are not known.
        self.active_transactions: int | None = None

    # -- signing in and out --------------------------------------------------------------------------------------

    def sign_in(self) -> None:
        """Sign in with a fresh session, and prove it by the home page.

        Raises:
            SignInRefused: user or password are wrong.
            NotAllowed: the user is no admin.
            PageNotRecognised: something else than SteVe's sign-in page answers.
            CsrfRefused: SteVe did not accept the form's token.
            RedirectLoop: the sign-in page redirects to itself.
            SessionLost: SteVe forgot the session between two requests.
            NoDataBase: the sign-in page answers, what needs the data base does not.
            ErrorPage: SteVe showed an exception.
            NotReachable: (of `_http`) no HTTP answer; likewise its subclasses.
        """
        self._http.forget_cookies()
        self._signed_in = False
        token = self._sign_in_token()
        attempted = "sign in"
        answer = self._asked_of_data_base(
            attempted,
            lambda: self._http.post_form(
                pages.SIGN_IN_PATH,
                {"username": self._username, "password": self._password, pages.CSRF_FIELD: token},
                attempted,
            ),
        )
        self._check_sign_in(answer, attempted)
        attempted = "see the home page after signing in"
        answer = self._asked_of_data_base(attempted, lambda: self._http.get(HOME_PATH, attempted))
        if leads_to_sign_in(answer):
            raise self._session_lost(attempted, HOME_PATH)
        self.active_transactions = self._parsed(pages.home_page, answer, attempted, HOME_PATH)
        self._signed_in = True

    def _sign_in_token(self) -> str:
        attempted = "read the sign-in page"
        answer = self._http.get(pages.SIGN_IN_PATH, attempted)
        if self._leads_back(answer, pages.SIGN_IN_PATH):
            # A cookie may have come with it, and with that it must not do so again.
            answer = self._http.get(pages.SIGN_IN_PATH, attempted)
        token = self._parsed(pages.sign_in_token, answer, attempted, pages.SIGN_IN_PATH)
        self._form_seconds = answer.elapsed_s
        return token

    def _check_sign_in(self, answer: Answer, attempted: str) -> None:
        """Read the answer to the posted form; returns when only the home page can tell more."""
        target = self._http.target(pages.SIGN_IN_PATH)
        if leads_to_sign_in(answer):
            if "error" not in urlsplit(answer.location or "").query:
                raise self._session_lost(attempted, pages.SIGN_IN_PATH)
            if answer.elapsed_s >= SLOW_REFUSAL_S:
                raise self._no_data_base(attempted, f"the refusal took {answer.elapsed_s:.0f} s")
            raise SignInRefused(
                attempted, target, "SteVe refused user or password",
                "Check both. From SteVe 3.8.0 on, a value in the environment or the configuration is ignored once the"
                " data base has an admin user.",
            )
        if answer.status == 403:
            raise CsrfRefused(
                attempted, target, "status 403, the token of the sign-in form was refused",
                "Check that all requests reach the same SteVe process and that nothing strips cookies.",
            )
        if answer.status not in REDIRECTS:
            # SteVe repeats no password here, but whatever else answers this URL may.
            answer = without(answer, self._password)
            raise quiet(
                self._unexpected(answer, attempted, pages.SIGN_IN_PATH, pages.looks_like(answer.text)), self._password
            )

    def sign_out(self) -> None:
        """Sign out and close the connection, best effort: SteVe's memory forgets the session at once."""
        try:
            if self._signed_in:
                self._http.get(pages.SIGN_OUT_PATH, "sign out", _SIGN_OUT_S)
        except SteveError:
            pass  # What was asked for is already known; the session ends by itself.
        finally:
            self._signed_in = False
            self._http.close()

    # -- pages ---------------------------------------------------------------------------------------------------

    def about(self) -> pages.About:
        """Version and more. SteVe asks GitHub for its newest release meanwhile, which can take 8 s without internet.

        Raises:
            AdminError: or what `_http` raises; a missing answer is no sign of a dead data base here.
        """
        attempted = "read SteVe's version"
        answer = self._page(ABOUT_PATH, attempted, suspect_data_base=False)
        return self._parsed(pages.about_page, answer, attempted, ABOUT_PATH)

    def charge_points(self) -> pages.ChargePointsPage:
        """Registered and unknown charge boxes, one request.

        Raises:
            AdminError: or what `_http` raises; likewise the next ones.
        """
        return self._charge_points(CHARGE_POINTS_PATH, "read the charge point list")

    def charge_boxes(self) -> list[pages.ChargeBox]:
        """The registered charge boxes."""
        return list(self.charge_points().charge_boxes)

    def unknown(self) -> list[pages.UnknownId]:
        """The ids that knocked and are not registered."""
        return list(self.charge_points().unknown)

    def query(self, charge_box_id: str) -> list[pages.ChargeBox]:
        """Charge boxes whose id contains a text by the data base's own rules.

        Case and accents make no difference there, blanks, ``%`` and ``_`` are wildcards (``CustomDSL.includes``).
        """
        path = f"{CHARGE_POINTS_PATH}/query?heartbeatPeriod=ALL&chargeBoxId={quote(charge_box_id, safe='')}"
        return list(self._charge_points(path, "query the charge point list").charge_boxes)

    def sessions(self) -> list[pages.Session]:
        """The open WebSocket sessions of this SteVe process."""
        attempted = "read the connected stations"
        answer = self._page(SESSIONS_PATH, attempted)
        return list(self._parsed(pages.sessions_page, answer, attempted, SESSIONS_PATH))

    def details(self, pk: int) -> pages.Details:
        """The details of one charge box by its primary key."""
        attempted, path = "read the details of a charge box", f"{CHARGE_POINTS_PATH}/details/{int(pk)}"
        return self._parsed(pages.details_page, self._page(path, attempted), attempted, path)

    def _charge_points(self, path: str, attempted: str) -> pages.ChargePointsPage:
        return self._parsed(pages.charge_points_page, self._page(path, attempted), attempted, path)

    def _page(self, path: str, attempted: str, suspect_data_base: bool = True) -> Answer:
        """The answer to a GET behind the sign-in; a lost session is renewed once."""
        if not self._signed_in:
            self.sign_in()
        answer = self._ask(path, attempted, suspect_data_base)
        if leads_to_sign_in(answer):
            self.sign_in()
            answer = self._ask(path, attempted, suspect_data_base)
            if leads_to_sign_in(answer):
                raise self._session_lost(attempted, path)
        return answer

    def _ask(self, path: str, attempted: str, suspect_data_base: bool) -> Answer:
        if not suspect_data_base:
            return self._http.get(path, attempted)
        return self._asked_of_data_base(attempted, lambda: self._http.get(path, attempted))

    # -- reading answers -----------------------------------------------------------------------------------------

    def _asked_of_data_base(self, attempted: str, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except NoAnswer as error:
            raise self._no_data_base(attempted, error.got) from None

    def _parsed(self, parse: Callable[[str], _Read], answer: Answer, attempted: str, path: str) -> _Read:
        """What a page says, or the error that tells what came instead of it."""
        page = answer.text
        if answer.status != 200:
            raise self._unexpected(answer, attempted, path, pages.looks_like(page))
        try:
            return parse(page)
        except pages.UnrecognisedPage as error:
            raise self._unexpected(answer, attempted, path, str(error)) from None

    def _unexpected(self, answer: Answer, attempted: str, path: str, looks: str) -> AdminError:
        target = self._http.target(path)
        message = pages.error_text(answer.text)
        if message is not None:
            if pages.tells_of_lost_data_base(message):
                return self._no_data_base(attempted, f"SteVe's error page says: {message}")
            return ErrorPage(
                attempted, target, f"SteVe shows an error page: {message}", "Look for the exception in SteVe's log."
            )
        if answer.status in REDIRECTS:
            if self._leads_back(answer, path):
                return RedirectLoop(
                    attempted, target, "the page redirects to itself",
                    "Check whether a proxy drops cookies or redirects on its own.",
                )
            to = inert(answer.location or "nowhere", 120)
            return self._not_recognised(
                attempted, path, f"a redirect (status {answer.status}) to {to}",
                "Redirects are not followed with credentials; give the address they lead to, if it is the right one.",
            )
        if answer.status == 403 and self._form_seconds is not None:
            return NotAllowed(
                attempted, target, "status 403, the user is signed in but has no access",
                "Use a user with the authority ADMIN; if it has it, look for an exception in SteVe's log.",
            )
        if answer.status == 401:
            challenge = inert(answer.headers.get("www-authenticate", "without challenge"), 80)
            return self._not_recognised(
                attempted, path, f"status 401 ({challenge})",
                "SteVe's sign-in page asks for nothing; a proxy in front may have a login of its own.",
            )
        status = "" if answer.status == 200 else f"status {answer.status}, "
        return self._not_recognised(attempted, path, status + looks)

    def _not_recognised(self, attempted: str, path: str, got: str, advice: str | None = None) -> PageNotRecognised:
        return PageNotRecognised(
            attempted, self._http.target(path), f"what came back is {got}",
            advice or "Check that the URL leads to SteVe and ends with its context path, such as /steve.",
        )

    def _leads_back(self, answer: Answer, path: str) -> bool:
        """Whether an answer redirects to the very page that was asked for, on the same server and scheme."""
        if answer.status not in REDIRECTS or not answer.location:
            return False
        try:
            to = urlsplit(urljoin(self._http.url + path, answer.location))
            asked = urlsplit(self._http.url + path)
            same_server = (to.scheme, to.hostname, to.port) == (asked.scheme, asked.hostname, asked.port)
        except ValueError:
            return False
        return same_server and to.path.split(";")[0] == asked.path

    def _session_lost(self, attempted: str, path: str) -> SessionLost:
        return SessionLost(
            attempted, self._http.target(path), "SteVe forgot the session between two requests",
            "Check that cookies pass the proxy (a Secure cookie does not travel over http) and that one SteVe process"
            " answers all requests.",
        )

    def _no_data_base(self, attempted: str, seen: str) -> NoDataBase:
        page = "" if self._form_seconds is None else f"the sign-in page answered in {self._form_seconds:.1f} s, but "
        return NoDataBase(
            attempted, self._http.url, f"{page}{seen}",
            "That is how SteVe looks without its data base (it waits 30 s for a connection). Check the data base.",
        )


def without(answer: Answer, password: str | None) -> Answer:
    """An answer without the password that was posted, whether escaped or not: SteVe shows a form again."""
    if not password or len(password) < SHORTEST_ECHO:
        return answer
    echo = re.compile("".join(re.escape(one) if one.isascii() and one.isalnum() else _written(one) for one in password))
    page = echo.sub(HIDDEN, answer.text)
    headers = {name: echo.sub(HIDDEN, value) for name, value in answer.headers.items()}
    return replace(answer, headers=headers, body=page.encode("utf-8"))


def _written(character: str) -> str:
    """A pattern for the ways in which HTML, forms and JSON write a character."""
    by_form = quote(character, safe="")
    ways = {by_form, by_form.lower(), json.dumps(character)[1:-1], character} | ({"+"} if character == " " else set())
    # The longest first, so that nothing of an escape stays.
    return "(?:&#?\\w{1,10};|" + "|".join(re.escape(way) for way in sorted(ways, key=len, reverse=True)) + ")"


def quiet(error: AdminError, password: str) -> AdminError:
    """An error about an answer `without` the password, without the words of one that repeats it.

    A short password may be a part of words that everybody knows, such as ``steve``; it counts as the value of
    something only.
    """
    value = rf"[=:]\s*[\"']?{re.escape(password)}(?!\w)"
    if re.search(re.escape(HIDDEN) if len(password) >= SHORTEST_ECHO else value, error.got):
        return type(error)(error.attempted, error.target, "what came back repeats what was sent", error.advice)
    return error


def collect(
    client: AdminClient,
    details: bool = False,
    charge_box_ids: Sequence[str] = (),
    era: Era | None = None,
    details_of: Sequence[str] = (),
) -> dict[str, Any]:
    """Everything the admin UI tells about charge boxes, as the document of ``steve_chargebox_info``.

    Args:
        client: the visit; it is signed out at the end, whatever happens.
        details: read the details page of each charge box that is shown.
        charge_box_ids: show these only, compared as SteVe's usual collation does; empty shows all.
        era: the release, when the operator named it; the about page is not read then.
        details_of: read the details page of these only, whatever is shown.

    Raises:
        AdminError: or what `_http` raises.
    """
    closely = {folded(identifier) for identifier in details_of}
    try:
        listed = client.charge_points()
        notes = list(listed.notes)
        rows = among([box.to_dict() for box in listed.charge_boxes], charge_box_ids)
        sessions, sessions_error = _sessions(client)
        if era is None:
            era = _era_of(client, notes)
        if details or closely:
            _add_details(client, [row for row in rows if details or folded(row["id"]) in closely], notes)
    finally:
        client.sign_out()
    return {
        "charge_boxes": rows,
        "unknown": among([entry.to_dict() for entry in listed.unknown], charge_box_ids),
        "unknown_error": None,
        "sessions": among([session.to_dict() for session in sessions], charge_box_ids),
        "sessions_error": sessions_error,
        "active_transactions": client.active_transactions,
        "missing": missing(
            charge_box_ids, [box.id for box in listed.charge_boxes], [entry.id for entry in listed.unknown]
        ),
        "notes": notes,
        "source": "admin",
        "era": era.to_dict(),
        "changed": False,
    }


def _sessions(client: AdminClient) -> tuple[list[pages.Session], str | None]:
    try:
        return client.sessions(), None
    except DeadlinePassed as error:
        return [], error.sentence()
    except ErrorPage as error:
        # Up to 3.8.0 the page fails as long as a station is connected under another spelling than SteVe's
        # (OcppJsonStatus holds a primary key that cannot be null).
        return [], error.sentence()


def _add_details(client: AdminClient, rows: list[dict[str, Any]], notes: list[str]) -> None:
    """One request per row; what could not be read stays null and is noted."""
    late: DeadlinePassed | None = None
    for number, row in enumerate(rows):
        row.update(
            {"registration_status": None, "security_profile": None, "vendor": None, "model": None, "firmware": None}
        )
        if late is not None:
            continue
        try:
            found = client.details(row["pk"])
        except DeadlinePassed as error:
            late = error
            notes.append(f"Details of {len(rows) - number} charge boxes are missing. {error.sentence()}")
        except (ErrorPage, PageNotRecognised) as error:
            notes.append(f"Charge box {inert(row['id'], 80)}: {error.sentence()}")
        else:
            row.update(found.to_dict(), id=found.id)
            row.pop("doubt", None)


def _era_of(client: AdminClient, notes: list[str]) -> Era:
    """The era from the about page. The lists are worth having without it."""
    try:
        about = client.about()
    except SteveError as error:
        notes.append(error.sentence())
        return UNKNOWN
    if about.release is None:
        notes.append(f"SteVe's about page shows {inert(about.version, 60)!r}, which is no release.")
        return UNKNOWN
    return Era(about.release, about.release, "about")


def leads_to_sign_in(answer: Answer) -> bool:
    """Whether an answer redirects to the sign-in page; Jetty may add ``;jsessionid=``."""
    if answer.status not in REDIRECTS or not answer.location:
        return False
    try:
        return urlsplit(answer.location).path.split(";")[0].endswith(pages.SIGN_IN_PATH)
    except ValueError:
        return False
