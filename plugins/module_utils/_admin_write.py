# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The admin client that changes charge boxes, and one visit that makes them present or absent.

A POST that worked is answered with a redirect to the list, one that SteVe refused with status 200 and the form, one
that failed with status 200 and the error page, which may also come after the row was stored
(``ChargePointsController``, ``GlobalControllerAdvice``). So no answer proves anything: every change is read back.
"""

from __future__ import annotations

from typing import Sequence
from urllib.parse import quote, urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils import _admin
from ansible_collections.chargeops.steve.plugins.module_utils import _admin_pages as pages
from ansible_collections.chargeops.steve.plugins.module_utils import _chargebox_form as names
from ansible_collections.chargeops.steve.plugins.module_utils import _chargebox_pages as own_pages
from ansible_collections.chargeops.steve.plugins.module_utils import _chargebox_plan as plan
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._html import Form
from ansible_collections.chargeops.steve.plugins.module_utils._http import Answer, DeadlinePassed, NoAnswer
from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

_DUPLICATE_MARKS = ("Duplicate entry", "UNIQUE constraint", "Failed to add the charge point")


class Refused(_admin.AdminError):
    """SteVe refused the form, with a reason of its own."""

    code = "charge-box-refused"


class Duplicate(_admin.ErrorPage):
    """SteVe could not insert the row, most often because it has one with an equal id."""

    code = "charge-box-duplicate"


class AdminWriter(_admin.AdminClient):
    """A visit that may change charge boxes. Arguments and errors as for `_admin.AdminClient`."""

    _adding: Form | None = None

    @property
    def url(self) -> str:
        """SteVe's base URL."""
        return self._http.url

    def sign_in(self) -> None:
        """Sign in; a token of an earlier sign-in is void."""
        self._adding = None
        super().sign_in()

    # -- reading -------------------------------------------------------------------------------------------------

    def add_form(self) -> Form:
        """The form for a new charge box, read once. Its token serves for every POST of this sign-in."""
        if self._adding is None:
            attempted = "read the form for new charge boxes"
            answer = self._page(names.ADD_PATH, attempted)
            self._adding = self._parsed(own_pages.add_form, answer, attempted, names.ADD_PATH)
        return self._adding

    def adding_dialect(self) -> names.Dialect:
        """How this SteVe names and spells things, by the add form."""
        return self._dialect(self.add_form(), "read the form for new charge boxes", names.ADD_PATH)

    def details_of(self, box: plan.Current) -> plan.Current:
        """A charge box with its details form.

        Raises:
            PageNotRecognised: it is another page, or belongs to another charge box.
        """
        found = self.details(box.pk)
        attempted, path = "read the details of a charge box", f"{_admin.CHARGE_POINTS_PATH}/details/{box.pk}"
        if found.pk != box.pk or folded(found.id) != folded(box.id):
            raise self._not_recognised(attempted, path, f"the page of another charge box, {inert(found.id, 80)}")
        return plan.Current(found.id, box.pk, self._dialect(found.form, attempted, path), found.form)

    def query_page(self, charge_box_id: str) -> pages.ChargePointsPage:
        """Registered charge boxes whose id contains a text by the data base's rules, with notes about unread rows."""
        path = f"{_admin.CHARGE_POINTS_PATH}/query?heartbeatPeriod=ALL&chargeBoxId={quote(charge_box_id, safe='')}"
        return self._charge_points(path, "query the charge point list")

    def has_transactions(self, charge_box_id: str) -> bool | None:
        """Whether a charge box has any transaction; None when SteVe's page does not tell."""
        attempted, path = "read the transactions of a charge box", names.TRANSACTIONS_PATH
        parameter = f"chargeBoxId={quote(charge_box_id, safe='')}"
        # From 3.11 on a single value is cut at its commas, several are not.
        for given in (parameter, f"{parameter}&{parameter}") if "," in charge_box_id else (parameter,):
            answer = self._page(f"{path}?{given}&type=ALL&periodType=ALL", attempted)
            told = self._parsed(
                lambda page: own_pages.has_transactions(page, charge_box_id), answer, attempted, path
            )
            if told is not None:
                return told
        return None

    def _dialect(self, form: Form, attempted: str, path: str) -> names.Dialect:
        try:
            return names.dialect_of(form)
        except names.UnknownForm as error:
            raise self._not_recognised(attempted, path, str(error)) from None

    # -- writing -------------------------------------------------------------------------------------------------

    def add_batch(self, ids: Sequence[str]) -> None:
        """Insert charge boxes with SteVe's defaults.

        Raises:
            Refused: SteVe took none, because an id violates its pattern.
            Duplicate: an id exists; up to 3.12.0 those before it were inserted.
            AdminError: or what `_http` raises; likewise the next ones.
        """
        fields = [(names.BATCH_FIELD, names.BATCH_SEPARATOR.join(ids)), self._token(self.add_form())]
        self._post(names.ADD_BATCH_PATH, fields, "add charge boxes")

    def add_single(self, wanted: plan.Wanted) -> None:
        """Insert one charge box with its options."""
        form, dialect = self.add_form(), self.adding_dialect()
        fields = names.filled_new(dialect, form, wanted.id, wanted.options, wanted.password)
        self._post(names.ADD_SINGLE_PATH, [*fields, names.ADD_BUTTON], "add a charge box", wanted.password)

    def update(self, step: plan.Step) -> str | None:
        """Store a changed details form.

        Returns:
            What SteVe says about a station that did not take the change, None when it says nothing.
        """
        current, wanted = step.current, step.wanted
        if current is None or current.form is None or current.dialect is None:
            raise ValueError("a step of kind update carries its details form")
        password = wanted.password if step.password else None
        fields = names.filled(current.dialect, current.form, wanted.options, password)
        return self._post(names.UPDATE_PATH, [*fields, names.UPDATE_BUTTON], "change a charge box", password)

    def delete(self, pk: int) -> None:
        """Delete a charge box by its primary key."""
        self._post(f"{names.DELETE_PATH}/{int(pk)}", [self._token(self.add_form())], "delete a charge box")

    def _token(self, form: Form) -> tuple[str, str]:
        return (pages.CSRF_FIELD, form.value(pages.CSRF_FIELD) or "")

    def _post(
        self, path: str, fields: list[tuple[str, str]], attempted: str, password: str | None = None
    ) -> str | None:
        try:
            answer = self._http.post_form(path, fields, attempted)
        except NoAnswer as error:
            if path == names.UPDATE_PATH:
                # From 3.13.0 on SteVe waits for the station; this is no sign of a dead data base.
                raise
            raise self._no_data_base(attempted, error.got) from None
        return self._judged(_admin.without(answer, password), path, attempted)

    def _judged(self, answer: Answer, path: str, attempted: str) -> str | None:
        target = self._http.target(path)
        if _admin.leads_to_sign_in(answer):
            raise self._session_lost(attempted, path)
        if self._leads_to_list(answer):
            return None
        if answer.status == 403:
            raise _admin.CsrfRefused(
                attempted, target, "status 403, the token of the form was refused",
                "Check that all requests reach the same SteVe process and that nothing strips cookies.",
            )
        if answer.status == 200:
            # The reason for a refused insert follows the statement.
            message = pages.error_text(answer.text, 600)
            # The page shows the class of the exception before its words.
            begin = -1 if message is None else message.find(names.STORED_BUT)
            if message is not None and begin >= 0 and path == names.UPDATE_PATH:
                return message[begin:]
            if message is not None and path != names.UPDATE_PATH and any(mark in message for mark in _DUPLICATE_MARKS):
                raise Duplicate(
                    attempted, target, f"SteVe shows an error page: {message}",
                    "It usually has an id that its data base takes for equal.",
                )
            said = own_pages.validation_messages(answer.text) if message is None else ()
            if said:
                raise Refused(attempted, target, f"SteVe refused it: {'; '.join(said)}", "Correct the value.")
        raise self._unexpected(answer, attempted, path, pages.looks_like(answer.text))

    def _leads_to_list(self, answer: Answer) -> bool:
        return (
            answer.status in _admin.REDIRECTS
            and answer.location is not None
            and urlsplit(answer.location).path.split(";")[0].endswith(_admin.CHARGE_POINTS_PATH)
        )


# -- one visit ---------------------------------------------------------------------------------------------------------


def ensure(
    client: AdminWriter,
    wanted: Sequence[plan.Wanted],
    state: str,
    force: bool = False,
    update: str = "on_create",
    check_mode: bool = False,
    era: Era | None = None,
) -> dict[str, object]:
    """Make charge boxes present or absent, as the document of ``steve_chargebox``.

    Args:
        client: the visit; it is signed out at the end, whatever happens.
        wanted: the charge boxes, each once.
        state: ``present`` | ``absent``.
        force: delete in spite of transactions.
        update: ``on_create`` writes a password where SteVe has none, ``always`` in any case.
        check_mode: plan, and write nothing.
        era: the release, when the operator named it.

    Raises:
        AdminError: or what `_http` raises, when not even the list could be read.
    """
    visit = _Visit(client)
    try:
        found = visit.found([one.id for one in wanted])
        if state == "absent":
            steps = [visit.absent(one, found, force) for one in wanted]
        else:
            lengths = names.password_lengths(era)
            steps = [visit.present(one, found, update == "always", lengths) for one in wanted]
        warnings: dict[str, str] = {}
        if not check_mode:
            steps, warnings = visit.carried_out(steps)
    finally:
        client.sign_out()
    message = plan.summary(steps)
    result: dict[str, object] = {
        "changed": any(step.changed for step in steps),
        "charge_boxes": [plan.row(step, warnings.get(step.wanted.id)) for step in steps],
        "diff": plan.diff(steps, f"charge boxes of {client.url}"),
    }
    if message is not None:
        result.update(failed=True, msg=message, error=visit.error(message))
    return result


class _Visit:
    """One sign-in: what SteVe has, the steps, what came of them."""

    def __init__(self, client: AdminWriter) -> None:
        self._client = client
        self._now: dict[str, plan.Current | SteveError | None] = {}

    def error(self, message: str) -> dict[str, object]:
        """The structured twin of the sentence about charge boxes that failed."""
        return {
            "code": "charge-boxes-failed", "attempted": "bring the charge boxes to their state",
            "target": self._client.url, "got": message,
            "advice": "Look at the key error of each entry of charge_boxes.",
        }  # fmt: skip

    # -- what is there -------------------------------------------------------------------------------------------

    def found(self, ids: Sequence[str]) -> dict[str, plan.Current | SteveError | None]:
        """What SteVe has of each id: the exact one, else one of similar spelling that SteVe takes for the same."""
        listed = self._client.charge_points()
        unread = set(listed.unread)
        by_id: dict[str, plan.Current] = {}
        by_fold: dict[str, list[plan.Current]] = {}
        for box in listed.charge_boxes:
            name = box.id
            if box.doubt is not None:
                # An id with markup may be cut wrongly in the list; the details form has it exactly.
                try:
                    name = self._client.details(box.pk).id
                except (_admin.ErrorPage, _admin.PageNotRecognised):
                    unread.add(box.pk)
                    continue
            current = plan.Current(name, box.pk)
            by_id[name] = current
            by_fold.setdefault(folded(name), []).append(current)
        return {one: by_id.get(one) or self._alike(one, by_fold.get(folded(one), []), unread) for one in ids}

    def _alike(
        self, wanted: str, candidates: Sequence[plan.Current], unread: set[int]
    ) -> plan.Current | SteveError | None:
        """Which of the charge boxes of similar spelling SteVe finds by the wanted one."""
        if not candidates and not unread:
            return None
        try:
            page = self._client.query_page(wanted)
        except SteveError as error:
            return error
        keys = {box.pk for box in page.charge_boxes}
        for candidate in candidates:
            if candidate.pk in keys:
                return candidate
        if unread & {*keys, *page.unread}:
            return _admin.PageNotRecognised(
                "find the charge box", self._client.url, "SteVe lists a charge box whose row or page cannot be read",
                "Rename or delete that charge box in SteVe's data base.",
            )
        return None

    # -- what is to be done --------------------------------------------------------------------------------------

    def present(
        self,
        wanted: plan.Wanted,
        found: dict[str, plan.Current | SteveError | None],
        always: bool,
        lengths: tuple[int, int] | None,
    ) -> plan.Step:
        current = found[wanted.id]
        if isinstance(current, SteveError):
            return _unknown(wanted, current)
        try:
            if current is None:
                adding = None if wanted.is_plain else self._client.adding_dialect()
                return plan.present(wanted, None, adding, always, lengths)
            if not wanted.is_plain:
                current = self._client.details_of(current)
        except SteveError as error:
            return _unknown(wanted, error, current)
        return plan.present(wanted, current, None, always, lengths)

    def absent(
        self, wanted: plan.Wanted, found: dict[str, plan.Current | SteveError | None], force: bool
    ) -> plan.Step:
        current = found[wanted.id]
        if isinstance(current, SteveError):
            return _unknown(wanted, current)
        transactions: bool | None = None
        if current is not None and not force:
            try:
                transactions = self._client.has_transactions(current.id)
            except (_admin.ErrorPage, _admin.PageNotRecognised):
                transactions = None
            except SteveError as error:
                return _unknown(wanted, error, current)
        return plan.absent(wanted, current, transactions, force)

    # -- doing it ------------------------------------------------------------------------------------------------

    def carried_out(self, steps: Sequence[plan.Step]) -> tuple[list[plan.Step], dict[str, str]]:
        """The steps with what came of them, and what SteVe warned of by id."""
        problems: dict[str, SteveError] = {}
        warnings: dict[str, str] = {}
        self._insert([step.wanted.id for step in steps if step.kind == plan.BATCH], problems)
        for step in steps:
            try:
                if step.kind == plan.SINGLE:
                    self._client.add_single(step.wanted)
                elif step.kind == plan.UPDATE:
                    said = self._client.update(step)
                    if said is not None:
                        warnings[step.wanted.id] = said
                elif step.kind == plan.DELETE and step.pk is not None:
                    self._client.delete(step.pk)
            except SteveError as error:
                problems[step.wanted.id] = error
        self._look_again(steps, problems)
        return [self._checked(step, problems) for step in steps], warnings

    def _insert(self, ids: Sequence[str], problems: dict[str, SteveError]) -> None:
        """Insert ids by the batch form; where SteVe refuses, by halves, until each refused id has its own reason."""
        waiting = names.batches(ids)[::-1]
        while waiting:
            part = waiting.pop()
            try:
                refusal = self._refusal(part)
                if refusal is None:
                    continue
                rest = part if isinstance(refusal, Refused) else self._missing(part)
            except SteveError as error:
                problems.update(dict.fromkeys(part, error))
                continue
            if len(rest) == 1:
                problems[rest[0]] = refusal
            elif rest:
                middle = len(rest) // 2
                waiting += [rest[middle:], rest[:middle]]

    def _refusal(self, ids: Sequence[str]) -> SteveError | None:
        """Why SteVe did not take a batch, None when it did."""
        try:
            self._client.add_batch(ids)
        except (Refused, _admin.ErrorPage) as error:
            return error
        return None

    def _missing(self, ids: Sequence[str]) -> list[str]:
        """Which ids are not there. Up to 3.12.0 a batch that fails leaves what stood before the id that failed."""
        there = {box.id for box in self._client.charge_boxes()}
        return [one for one in ids if one not in there]

    def _look_again(self, steps: Sequence[plan.Step], problems: dict[str, SteveError]) -> None:
        """New and deleted charge boxes as the list shows them afterwards."""
        ids = [step.wanted.id for step in steps if step.kind in (plan.BATCH, plan.SINGLE, plan.DELETE)]
        if ids:
            try:
                self._now = self.found(ids)
            except SteveError as error:
                self._now = {one: problems.get(one, error) for one in ids}

    def _checked(self, step: plan.Step, problems: dict[str, SteveError]) -> plan.Step:
        if not step.changed:
            return step
        problem = problems.get(step.wanted.id)
        why = None if problem is None else problem.sentence()
        now = step.current if step.kind == plan.UPDATE else self._now[step.wanted.id]
        if isinstance(now, SteveError):
            return _unproved(step, problem or now)
        if step.kind == plan.DELETE and now is not None and now.pk != step.pk:
            now = None
        if now is not None and not step.wanted.is_plain:
            try:
                now = self._client.details_of(now)
            except SteveError as error:
                return _unproved(step, problem or error)
        return plan.compared(step, now, why)


def _unproved(step: plan.Step, problem: SteveError) -> plan.Step:
    # Past the deadline nothing was sent.
    sent = not isinstance(problem, DeadlinePassed)
    return plan.unproved(step, problem.sentence()) if sent else plan.failed(step, problem.sentence())


def _unknown(wanted: plan.Wanted, error: SteveError, current: plan.Current | None = None) -> plan.Step:
    """The step of a charge box whose state could not be read."""
    pk = None if current is None else current.pk
    found: dict[str, object] | None = None if current is None else {}
    return plan.Step(wanted, plan.REFUSED, wanted.id, pk, found, found, error=error.sentence(), current=current)
