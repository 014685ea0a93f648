# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done so that charge boxes are in SteVe as wanted: desired and current in, steps out. Pure.

The same steps are what check mode shows and what is carried out. A step knows ``before`` and ``after``: only the
options that are managed, None where the charge box is absent, and never a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils import _chargebox_form as names
from ansible_collections.chargeops.steve.plugins.module_utils import _options
from ansible_collections.chargeops.steve.plugins.module_utils._chargebox_form import Dialect
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._html import Form
from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

NONE, BATCH, SINGLE, UPDATE, DELETE, REFUSED = "none", "batch", "single", "update", "delete", "refused"

#: Options of one charge box, with the parts of the address.
TEXT_OPTIONS = ("description", "note", "admin_address")
ADDRESS_OPTIONS = (
    "street", "house_number", "zip_code", "city", "country", "latitude", "longitude", "time_zone",
)  # fmt: skip
_HIDDEN, _NEW_HIDDEN = "(value hidden)", "(new value hidden)"
_BASIC = "auth_password"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """One charge box as it is wanted.

    Attributes:
        id: in the caller's spelling.
        options: the managed values by option, parts of the address as ``address.city``; None empties a field.
        password: Basic password, None when it is not managed.
    """

    id: str
    options: Values = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but its presence is wanted."""
        return not self.options and self.password is None


@dataclass(frozen=True)
class Current:
    """A charge box as SteVe has it.

    Attributes:
        id: in SteVe's spelling.
        pk: primary key.
        dialect: of the details form, None when it was not read.
        form: the details form, likewise.
    """

    id: str
    pk: int
    dialect: Dialect | None = None
    form: Form | None = None


@dataclass(frozen=True)
class Step:
    """What is to be done for one charge box.

    Attributes:
        wanted: the charge box.
        kind: one of the constants of this module.
        id: SteVe's spelling, the caller's while SteVe has none.
        pk: primary key, None while there is none.
        before: managed values, None when absent.
        after: managed values afterwards.
        password: whether the password is to be written.
        error: why nothing can be done, a sentence.
        current: what was found, None when absent.
    """

    wanted: Wanted
    kind: str
    id: str
    pk: int | None
    before: Values | None
    after: Values | None
    password: bool = False
    error: str | None = None
    current: Current | None = None

    @property
    def changed(self) -> bool:
        """Whether something is different afterwards. A password that is written again counts."""
        return self.kind not in (NONE, REFUSED)


# -- what is wanted ----------------------------------------------------------------------------------------------------


def wanted_boxes(params: Mapping[str, Any]) -> list[Wanted]:
    """The charge boxes of the module's options, each once.

    Args:
        params: ``charge_box_id``, ``charge_boxes`` and the options of one charge box, as in DOCUMENTATION.

    Raises:
        InputError: an id or a value cannot be used, or one id is given twice with different options.
    """
    shared = {name: params[name] for name in _OPTIONS}
    entries = [(name, shared) for name in _options.charge_box_ids(params["charge_box_id"])]
    for entry in params["charge_boxes"] or []:
        name = _options.charge_box_id(entry["charge_box_id"], "charge_boxes")
        own = {option: entry[option] for option in _OPTIONS if entry.get(option) is not None}
        entries.append((name, {**shared, **own}))
    found: dict[str, Wanted] = {}
    for name, given in entries:
        one = wanted_box(name, given)
        first = found.setdefault(folded(name), one)
        if (first.options, first.password) != (one.options, one.password):
            raise InputError(
                "charge_boxes", f"{inert(first.id, 60)!r} and {inert(name, 60)!r} are one charge box for SteVe's data "
                "base, but have different options", "Give each charge box once.",
            )  # fmt: skip
    if not found:
        raise InputError("charge_box_id", "no charge box is given", "Give charge_box_id or charge_boxes.")
    return list(found.values())


def wanted_box(charge_box_id: str, given: Mapping[str, Any]) -> Wanted:
    """One charge box and the options that are given for it (None is not given, an empty text empties a field).

    Raises:
        InputError: a value cannot be used; a password stands in no sentence.
    """
    if "\n" in charge_box_id or "\r" in charge_box_id:
        raise InputError(
            "charge_box_id", f"the entry {inert(charge_box_id, 60)} contains a line break",
            "No charger can send such an id; remove the line break.",
        )  # fmt: skip
    options: dict[str, Any] = {}
    for name in ("registration_status", "insert_connector_status_after_transaction_msg", "security_profile"):
        if given.get(name) is not None:
            options[name] = given[name]
    for name in TEXT_OPTIONS:
        if given.get(name) is not None:
            options[name] = names.normal_text(_encodable(given[name], name))
    for part, value in (given.get("address") or {}).items():
        if value is not None:
            options[f"address.{part}"] = _address_part(part, str(value))
    return Wanted(charge_box_id, options, _password(given.get(_BASIC)))


_OPTIONS = (
    "registration_status", *TEXT_OPTIONS, "insert_connector_status_after_transaction_msg", "security_profile",
    _BASIC, "address",
)  # fmt: skip


def _address_part(part: str, value: str) -> str | None:
    option = f"address.{part}"
    if part in ("latitude", "longitude"):
        number = names.normal_number(value)
        if number is not None and not number.lstrip("-").replace(".", "", 1).isdigit():
            raise InputError(option, f"{inert(value, 40)} is no coordinate", "Give degrees such as 50.7753.")
        return number
    text = names.normal_text(_encodable(value, option))
    # SteVe knows the country as a constant.
    return text.upper() if text and part == "country" else text


def _encodable(value: str, option: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(option, f"{inert(value, 60)} is not valid text", "Write it in UTF-8.") from None
    return value


def _password(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(
            _BASIC, "it is no text",
            "Write it in quotes, because YAML reads digits as numbers and would change them.",
        )  # fmt: skip
    if value != names.normal_text(value) or not value.isprintable():
        raise InputError(
            _BASIC, "it begins or ends with a blank, or contains a character that is not printable",
            "SteVe would cut it; choose another one.",
        )  # fmt: skip
    return value


# -- steps -------------------------------------------------------------------------------------------------------------


def present(
    wanted: Wanted,
    current: Current | None,
    adding: Dialect | None = None,
    always: bool = False,
    lengths: tuple[int, int] | None = None,
) -> Step:
    """The step that makes a charge box present.

    Args:
        wanted: the charge box.
        current: what SteVe has; with the details form unless nothing but presence is wanted.
        adding: dialect of the add form, for a new charge box with options.
        always: write the password also where SteVe has one.
        lengths: shortest and longest password of the release that the operator named.
    """
    if current is None:
        return _creation(wanted, adding, lengths)
    if wanted.is_plain or current.form is None or current.dialect is None:
        return Step(wanted, NONE, current.id, current.pk, {}, {}, current=current)
    return _update(wanted, current, current.dialect, current.form, always, lengths)


def _creation(wanted: Wanted, adding: Dialect | None, lengths: tuple[int, int] | None) -> Step:
    if wanted.id != names.normal_text(wanted.id):
        why = f"The id {inert(wanted.id, 60)!r} begins or ends with a blank, which SteVe removes."
        return _refused(wanted, None, why)
    if wanted.is_plain and not names.REFUSED_CHARACTERS & set(wanted.id):
        return Step(wanted, BATCH, wanted.id, None, None, {})
    problem = None
    if adding is not None:
        problem = _problem(wanted, adding, has_password=False, lengths=lengths)
    if problem:
        return _refused(wanted, None, problem)
    after = dict(wanted.options)
    if wanted.password is not None:
        after[_BASIC] = _NEW_HIDDEN
    return Step(wanted, SINGLE, wanted.id, None, None, after, password=wanted.password is not None)


def _update(
    wanted: Wanted, current: Current, dialect: Dialect, form: Form, always: bool, lengths: tuple[int, int] | None
) -> Step:
    values = names.values_of(dialect, form)
    known = names.has_password(form)
    write = wanted.password is not None and (always or not known)
    if names.hides_pending(form) and wanted.options.get("registration_status") == "pending":
        values["registration_status"] = "pending"
    before = {name: values[name] for name in wanted.options}
    after = dict(wanted.options)
    changes = before != after
    problem = _problem(wanted, dialect, bool(known), lengths if write else None)
    if problem is None and (changes or write) and not form.value(names.STATUS):
        if "registration_status" not in wanted.options:
            problem = (
                "SteVe's form does not show the registration status, so nothing can be changed without changing that"
                " too. Give registration_status."
            )
    if problem:
        return _refused(wanted, current, problem, before)
    if write:
        before[_BASIC] = _HIDDEN if known else None
        after[_BASIC] = _NEW_HIDDEN
    kind = UPDATE if changes or write else NONE
    return Step(wanted, kind, current.id, current.pk, before, after, password=write, current=current)


def absent(wanted: Wanted, current: Current | None, transactions: bool | None, force: bool) -> Step:
    """The step that makes a charge box absent.

    Args:
        wanted: the charge box.
        current: what SteVe has.
        transactions: whether it has any; None when that cannot be told.
        force: delete in spite of transactions.
    """
    if current is None:
        return Step(wanted, NONE, wanted.id, None, None, None)
    if transactions is not False and not force:
        why = "It has transactions" if transactions else "Whether it has transactions cannot be told"
        advice = "SteVe deletes them with the charge box. Say force: true to delete it all the same."
        return _refused(wanted, current, f"{why}; {advice}")
    return Step(wanted, DELETE, current.id, current.pk, {}, None, current=current)


def _refused(wanted: Wanted, current: Current | None, why: str, before: Values | None = None) -> Step:
    if current is None:
        return Step(wanted, REFUSED, wanted.id, None, None, None, error=why)
    found = {} if before is None else before
    return Step(wanted, REFUSED, current.id, current.pk, found, found, error=why, current=current)


def failed(step: Step, why: str) -> Step:
    """The step of a charge box that could not be done, with nothing changed."""
    return replace(step, kind=REFUSED, after=step.before, password=False, error=why)


def unproved(step: Step, why: str) -> Step:
    """The step of a charge box that was sent, but could not be read back: it may have been done."""
    return replace(step, error=f"Whether it was stored is not known. {why}")


def _problem(
    wanted: Wanted, dialect: Dialect, has_password: bool, lengths: tuple[int, int] | None
) -> str | None:
    """Why SteVe would refuse what is wanted, or silently ignore it."""
    given = {**wanted.options, _BASIC: wanted.password}
    lacking = names.unsupported(dialect, given)
    if lacking:
        return f"This SteVe does not have {', '.join(lacking)}; its form looks like {dialect}."
    if wanted.password and lengths and not lengths[0] <= len(wanted.password) <= lengths[1]:
        return f"This SteVe takes Basic passwords of {lengths[0]} to {lengths[1]} characters."
    if wanted.options.get("security_profile") in (1, 2) and not has_password and not wanted.password:
        return "The security profiles 1 and 2 need a Basic password. Give auth_password."
    return None


# -- afterwards --------------------------------------------------------------------------------------------------------


def compared(step: Step, now: Current | None, why: str | None = None) -> Step:
    """A step after it was carried out: what SteVe says now decides whether it worked, not what it answered.

    Args:
        step: the step.
        now: what SteVe has now, with the details form where options are managed.
        why: what went wrong on the way, a sentence.
    """
    if step.kind == DELETE:
        if now is None:
            return step
        return failed(step, why or "SteVe answered as if it were deleted, but it is still there.")
    if now is None:
        return failed(step, why or "SteVe answered as if it were stored, but it is not there.")
    step = replace(step, id=now.id, pk=now.pk)
    if step.wanted.is_plain or now.dialect is None or now.form is None:
        return step
    values = names.values_of(now.dialect, now.form)
    if names.hides_pending(now.form) and step.wanted.options.get("registration_status") == "pending":
        values["registration_status"] = "pending"
    stored = {name: values[name] for name in step.wanted.options}
    differing = sorted(name for name, value in step.wanted.options.items() if stored[name] != value)
    if step.password and not names.has_password(now.form):
        differing.append(_BASIC)
    # Whether another password replaced the one before cannot be seen; only SteVe's answer tells.
    unseen = step.password and step.before is not None and step.before.get(_BASIC) is not None
    if not differing and (why is None or not unseen):
        return step
    if step.password:
        stored[_BASIC] = _HIDDEN if names.has_password(now.form) else None
    happened = why or f"SteVe answered as if it were stored, but it has another {', '.join(differing)} now."
    # Something may have been stored all the same: what is there now is what counts.
    return replace(step, kind=REFUSED if stored == step.before else step.kind, after=stored, error=happened)


# -- results -----------------------------------------------------------------------------------------------------------


def row(step: Step, warning: str | None = None) -> dict[str, Any]:
    """The row of the result document."""
    return {
        "id": step.id, "pk": step.pk, "changed": step.changed, "before": _nested(step.before),
        "after": _nested(step.after), "warning": warning, "error": step.error,
    }  # fmt: skip


def diff(steps: Sequence[Step], target: str) -> dict[str, str]:
    """What changes, for ``--diff``: a line per charge box and per managed value that differs."""
    before, after = [], []
    for step in steps:
        if not step.changed:
            continue
        before += _lines(step, step.before, step.after)
        after += _lines(step, step.after, step.before)
    return {
        "before_header": target, "after_header": target, "before": "".join(before), "after": "".join(after),
    }  # fmt: skip


def _lines(step: Step, values: Values | None, others: Values | None) -> list[str]:
    name = inert(step.wanted.id if step.current is None else step.current.id, 300)
    if values is None:
        return [f"{name}: absent\n"]
    lines = [f"{name}: present\n"]
    for option in sorted(values):
        if others is None or option not in others or others[option] != values[option]:
            lines.append(f"  {option}: {_shown(values[option])}\n")
    return lines


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    return str(value).lower() if isinstance(value, bool) else inert(value, 2000)


def _nested(values: Values | None) -> dict[str, Any] | None:
    """Managed values with the parts of the address in one dictionary."""
    if values is None:
        return None
    nested: dict[str, Any] = {}
    for name in sorted(values):
        first, _dot, part = name.partition(".")
        if part:
            nested.setdefault(first, {})[part] = values[name]
        else:
            nested[name] = values[name]
    return nested


def summary(steps: Sequence[Step]) -> str | None:
    """One sentence about the charge boxes that failed, None when none did."""
    bad = [step for step in steps if step.error is not None]
    if not bad:
        return None
    first = f"{inert(bad[0].id, 80)}: {bad[0].error}"
    if len(steps) == 1:
        return f"Charge box {first}"
    return f"{len(bad)} of {len(steps)} charge boxes failed, the others are done. {first}"
