# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions that SteVe's log and the clocks answer. What is not in a log is never evidence (``silent_about``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _followed
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView

#: A clock that is wrong by more than this is a finding. OCPP 1.6 names no figure; chargers take SteVe's time with the
#: boot answer and each heartbeat, and transactions are stamped and shown by the minute.
MAX_SKEW_S = 60.0
#: Sessions that last longer than SteVe's own idle timeout (2 h) drop for no timeout on the way.
_LONGEST_S = 2 * 3600 * 1.1
_LEAST_DROPS = 3
_LEAST_KNOCKS = 2
#: Without a period: so many drops whose sessions last less than this.
_MANY_DROPS = 6
_SHORT_S = 600.0
#: Seconds that a charger has to send its BootNotification or anything else.
_SILENCE_S = 60.0

_CAUSES = {
    "db-refused-login": "db-refused-login", "db-time-zone": "db-time-zone", "db-unreachable": "db-unreachable",
    "port-taken": "app-port-taken", "out-of-memory": "app-out-of-memory",
}  # fmt: skip


# -- the start ----------------------------------------------------------------------------------------------


def failed_start(view: HostView) -> dict[str, Any] | None:
    """``at``, ``cause`` and ``text`` of the newest start where it failed, or of the one before while it is tried again;
    None where no failure is known.
    """
    part = view.part("log")
    if part["status"] != "ok" or _answers(view):
        return None
    start = part["data"]["start"]
    if start.get("state") == "failed":
        return {"at": start["at"], "cause": start["cause"], "text": start["text"]}
    failure: dict[str, Any] | None = start.get("last_failure") if start.get("state") == "starting" else None
    return failure


def start_evidence(view: HostView) -> tuple[dict[str, str], ...]:
    """What the log says about a failed start, for findings that another source told."""
    failure = failed_start(view)
    if failure is None:
        return ()
    return ({"source": "log", "detail": _why(failure)},)


def cause_needs(view: HostView, *others: str) -> tuple[str, ...]:
    """The entries that explain a failed start: that of its cause, else ``others``."""
    failure = failed_start(view)
    if failure is None:
        return ()
    cause = _CAUSES.get(str(failure["cause"]))
    return (cause,) if cause else others


def _why(failure: dict[str, Any]) -> str:
    said = inert(failure["text"], 300) if failure["text"] else "without a word about the cause"
    return f"start failed at {inert(failure['at'], 30)}: {said}"


def _log_unknown(view: HostView) -> list[Answer] | None:
    """The answer where the log was not read."""
    part = view.part("log")
    return None if part["status"] == "ok" else [Answer(str(part["status"]), inert(part["reason"], 400))]


def _not_said(view: HostView) -> list[Answer]:
    """The answer where the log tells of no failed start: a pass only where it tells of one that did not fail."""
    state = view.part("log")["data"]["start"]["state"]
    if state == "started" or _answers(view):
        return [Answer("pass")]
    if state == "starting":
        return [Answer("unknown", "the start that the log shows is not over")]
    return [Answer("unknown", "the log holds no start of SteVe in what was read")]


def _answers(view: HostView) -> bool:
    """Whether SteVe itself answers, so that it has started."""
    direct = view.probe("direct")
    return (direct is not None and direct.reachable) or view.part("admin")["status"] == "ok"


def _of_failed_start(judge: Callable[[HostView, dict[str, Any]], Answer]) -> Question:
    """A question about a start that failed; where none did, the answer is the same for all of them."""

    def question(view: HostView) -> list[Answer]:
        unknown = _log_unknown(view)
        if unknown:
            return unknown
        failure = failed_start(view)
        return _not_said(view) if failure is None else [judge(view, failure)]

    return question


def _app_failed_to_start(view: HostView, failure: dict[str, Any]) -> Answer:
    message = "SteVe failed to start" + (f": {inert(failure['text'], 200)}" if failure["text"] else ".")
    return Answer("fail", message=message, evidence=start_evidence(view), needs=cause_needs(view))


def _by_cause(cause: str, message: str) -> Question:
    """A failed start for this one reason."""

    def judge(view: HostView, failure: dict[str, Any]) -> Answer:
        if failure["cause"] != cause:
            return Answer("pass")
        return Answer("fail", message=message, evidence=start_evidence(view))

    return _of_failed_start(judge)


# -- charge boxes -------------------------------------------------------------------------------------------


def _asked_boxes(view: HostView) -> list[dict[str, Any]]:
    """The boxes of the log that were asked about, in any spelling."""
    asked = {folded(one) for one in view.asked.get("charge_box_ids") or []}
    return [box for box in view.part("log")["data"]["boxes"] if folded(str(box["id"])) in asked]


def _of_boxes(
    entry_id: str,
    look: Callable[[HostView, dict[str, Any]], Answer],
    live: Callable[[dict[str, Any], list[dict[str, Any]]], Answer | None] | None = None,
) -> Question:
    """A question about each charge box that was asked about and stands in the log; one answer for each status.

    Args:
        entry_id: the catalogue's entry.
        look: what the log says about a charge box.
        live: what was seen while it was followed, which is newer; None where that says nothing.
    """

    def question(view: HostView) -> list[Answer]:
        unknown = _log_unknown(view)
        if unknown:
            return unknown
        if not view.asked.get("charge_box_ids"):
            return [Answer("skipped", "no charge box was asked about")]
        boxes = _asked_boxes(view)
        fresh = {}
        for name, row in _followed.rows(view).items() if live else ():
            answer = live(row, [box for box in boxes if folded(str(box["id"])) == name]) if live else None
            if answer is not None:
                fresh[name] = (row, answer)
        boxes = [box for box in boxes if folded(str(box["id"])) not in fresh]
        if not boxes and not fresh:
            return [Answer("skipped", "the log window holds nothing of the charge boxes that were asked about")]
        # A document that was asked about other boxes holds no single sessions of these.
        kept = Answer("unknown", "the observation was not asked about it and holds no sessions of it")
        answers = [(box, kept if box["sessions"] is None else look(view, box)) for box in boxes]
        return _merged(entry_id, [*fresh.values(), *answers])

    return question


def _merged(entry_id: str, answers: list[tuple[dict[str, Any], Answer]]) -> list[Answer]:
    """The failures as one answer and what is open as another one; a pass where there is neither."""
    merged = []
    failing = [(str(box["id"]), answer) for box, answer in answers if answer.status == "fail"]
    if failing:
        ids = tuple(name for name, _answer in failing)
        evidence = tuple(item for _name, answer in failing[:3] for item in answer.evidence)
        message = f"{BY_ID[entry_id].title}: {_named(ids)}"
        if len(failing) == 1 and failing[0][1].reason:
            message += f", {failing[0][1].reason}"
        merged.append(Answer("fail", message=message + ".", evidence=evidence, charge_boxes=ids))
    still_open = [(str(box["id"]), answer) for box, answer in answers if answer.status == "unknown"]
    if still_open:
        ids = tuple(name for name, _answer in still_open)
        evidence = still_open[0][1].evidence
        reason = f"{_named(ids[:1])}: {still_open[0][1].reason}"
        merged.append(Answer("unknown", reason, evidence=evidence, charge_boxes=ids))
    return merged or [Answer("pass")]


def _named(ids: Iterable[str]) -> str:
    names = [inert(one, 60) for one in ids]
    kind = "charge box" if len(names) == 1 else "charge boxes"
    return f"{kind} {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _seen(detail: str, box: dict[str, Any], reason: str | None = None) -> Answer:
    evidence = ({"source": "log", "detail": f"{inert(box['id'], 60)}: {detail}"},)
    return Answer("fail", reason, evidence=evidence)


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _seconds_between(first: Any, last: Any) -> float | None:
    begin, end = _moment(first), _moment(last)
    return None if begin is None or end is None else (end - begin).total_seconds()


def _later(first: Any, second: Any) -> bool:
    """Whether the second of two times is there and later than the first."""
    return bool(second) and (not first or str(second) > str(first))


def _basic_auth_missing(view: HostView, box: dict[str, Any]) -> Answer:
    del view
    refused = _still_refused(box, "basic-missing")
    if refused is None:
        return Answer("pass")
    return _seen(f"refused {refused['count']} times for want of a password, last at {refused['last']}", box)


def _still_refused(box: dict[str, Any], reason: str) -> dict[str, Any] | None:
    """Count and times of a box's refusals for a reason; None where it came in since, and for a single knock.

    A charger that is refused tries again; somebody who tried once by hand does not.
    """
    refused: dict[str, Any] | None = box["refused"].get(reason)
    if refused is None or refused["count"] < _LEAST_KNOCKS or _later(refused["last"], box["connected"]["last"]):
        return None
    return refused


#: Why SteVe refused a password, in words.
_PASSWORDS = {
    "wrong-password": "the password is wrong", "empty-password": "the password is empty",
    "wrong-user": "the user name is not the charge box id",
    "no-password-stored": "the security profile in SteVe asks for a password and SteVe has none stored",
    "basic-malformed": "the Authorization header cannot be read",
}  # fmt: skip


def with_refused_passwords(view: HostView, probed: list[Answer]) -> list[Answer]:
    """What the probes say about passwords, and what the log says about those that chargers sent themselves."""
    if view.part("log")["status"] != "ok":
        return probed
    told = {one for answer in probed if answer.status == "fail" for one in answer.charge_boxes}
    rows = []
    fresh = set()
    for name, row in _followed.rows(view).items():
        seen = _followed.refused_for(row, tuple(_PASSWORDS))
        if seen is not None:
            fresh.add(name)
            if seen.status == "fail" and row["id"] not in told:
                rows.append((row, seen))
    for box in _asked_boxes(view):
        if folded(str(box["id"])) in fresh:
            continue
        for reason, words in _PASSWORDS.items():
            refused = _still_refused(box, reason)
            if refused is not None and box["id"] not in told:
                rows.append((box, _seen(f"refused {refused['count']} times, last at {refused['last']}: {words}", box)))
                break
    if not rows:
        return probed
    return [*(answer for answer in probed if answer.status == "fail"), *_merged("basic-auth-refused", rows)]


def _session_flapping(view: HostView, box: dict[str, Any]) -> Answer:
    drops, connected = box["drops"], box["connected"]
    if drops["count"] < _LEAST_DROPS or connected["count"] < _LEAST_DROPS or drops["length"] is None:
        return Answer("pass")
    typical = float(drops["length"]["median_s"])
    silence = drops["idle"] or {}
    period = silence.get("period_s") or drops["length"]["period_s"]
    regular = period is not None and typical <= _LONGEST_S
    if not regular and not (drops["count"] >= _MANY_DROPS and typical < _SHORT_S):
        return Answer("pass")
    until = view.part("log")["data"]["window"]["until"]
    since = _seconds_between(box["closed"]["last"], until)
    if since is None or since > max(3 * typical, _SHORT_S):
        # It stopped: what a log remembers is no fault of today.
        return Answer("pass")
    if silence.get("period_s"):
        how = f"each time after {silence['period_s']:g} s in which nothing was said"
    elif regular:
        how = f"every {period:g} s"
    else:
        how = f"after {typical:g} s (median)"
    codes = ", ".join(f"{inert(code, 5)} ({count} times)" for code, count in list(box["closed"]["codes"].items())[:4])
    return _seen(
        f"{box['closed']['count']} sessions ended, {how}, the last at {box['closed']['last']}; close codes: "
        f"{codes or 'none'}",
        box, how,
    )  # fmt: skip


def _closed_after_boot(view: HostView, box: dict[str, Any]) -> Answer:
    del view
    if any(session["boots"] for session in box["open"]):
        return Answer("pass")
    booted = [session for session in box["sessions"] if session["after_boot_s"] is not None]
    if not booted:
        return Answer("pass")
    quick = [session["after_boot_s"] <= _followed.AFTER_BOOT_S for session in booted[-3:]]
    if not quick[-1]:
        return Answer("pass")
    if len(quick) == 1:
        return Answer("unknown", f"it closed {booted[-1]['after_boot_s']:g} s after the boot answer, but only once")
    if sum(quick) < 2:
        return Answer("pass")
    last = booted[-1]
    answered = (box["last_boot"] or {}).get("status")
    return _seen(
        f"closed {last['after_boot_s']:g} s after the boot answer ({inert(answered, 20)}) with code "
        f"{inert(last['code'], 5)} at {last['closed']}; {sum(quick)} of its last {len(quick)} boots ended so",
        box,
    )


def _boot_missing(view: HostView, box: dict[str, Any]) -> Answer:
    if not box["connected"]["count"] or box["boots"]["count"]:
        return Answer("pass")
    window = view.part("log")["data"]["window"]
    for session in box["open"]:
        age = _seconds_between(session["opened"], window["until"])
        if session["opened"] and session["received"] == 0 and age is not None:
            if age < _SILENCE_S:
                return Answer("unknown", f"it connected {age:.0f} s ago and has said nothing yet")
            return _seen(f"connected at {session['opened']}, and nothing was received from it since", box)
    silent = [item for item in box["sessions"] if item["opened"] and (item["length_s"] or 0) >= _SILENCE_S]
    if not box["open"] and silent and all(item["received"] == 0 for item in silent):
        return _seen(f"nothing was received in {len(silent)} sessions, the last until {silent[-1]['closed']}", box)
    return Answer("pass")


def _boot_not_accepted(view: HostView, box: dict[str, Any]) -> Answer:
    last = box["last_boot"]
    if last is None or str(last["status"]).lower() == "accepted":
        return Answer("pass")
    shown = f"answered {inert(last['status'], 20)} at {inert(last['at'], 30)}"
    admin = view.part("admin")
    rows = admin["data"]["registered"] if admin["status"] == "ok" else []
    now = next((row.get("registration_status") for row in rows if folded(str(row["id"])) == folded(box["id"])), None)
    if now == "accepted":
        return Answer("unknown", f"its BootNotification was {shown}; it is set to Accepted now and has not asked again")
    return _seen(f"BootNotification {shown}", box)


# -- time ---------------------------------------------------------------------------------------------------


def _clock_skew(view: HostView) -> list[Answer]:
    part = view.part("clock")
    if part["status"] != "ok":
        return [Answer(str(part["status"]), inert(part["reason"], 300))]
    data = part["data"]
    wrong = [item for item in data["witnesses"] if abs(item["offset_s"]) - item["uncertainty_s"] > MAX_SKEW_S]
    evidence = tuple({"source": "clock", "detail": _compared(item)} for item in wrong)
    if not data["witnesses"]:
        return [Answer("unknown", "there is no second clock to compare with")]
    if not wrong:
        return [Answer("pass")]
    if all(item["name"] == "controller" for item in wrong) and data["ntp"]["synchronized"]:
        reason = f"{_compared(wrong[0])}; the host says that it is synchronised, so it may be the controller's"
        return [Answer("unknown", reason, evidence=evidence)]
    worst = max(wrong, key=lambda item: abs(item["offset_s"]))
    return [Answer("fail", message=f"SteVe's clock is wrong: {_compared(worst)}.", evidence=evidence)]


def _compared(item: dict[str, Any]) -> str:
    side = "ahead" if item["offset_s"] > 0 else "behind"
    return f"{item['what']}: {abs(item['offset_s']):.0f} s {side} (± {item['uncertainty_s']:.0f} s)"


QUESTIONS: dict[str, Question] = {
    "app-failed-to-start": _of_failed_start(_app_failed_to_start),
    "db-refused-login": _by_cause("db-refused-login", "SteVe failed to start: the data base refuses its login."),
    "db-time-zone": _by_cause(
        "db-time-zone", "SteVe refuses to start: the data base's time zone is another one than UTC."
    ),
    "basic-auth-missing": _of_boxes("basic-auth-missing", _basic_auth_missing, _followed.basic_auth_missing),
    "session-flapping": _of_boxes("session-flapping", _session_flapping),
    "closed-after-boot": _of_boxes("closed-after-boot", _closed_after_boot, _followed.closed_after_boot),
    "boot-missing": _of_boxes("boot-missing", _boot_missing, _followed.boot_missing),
    "boot-not-accepted": _of_boxes("boot-not-accepted", _boot_not_accepted, _followed.boot_not_accepted),
    "clock-skew": _clock_skew,
}
