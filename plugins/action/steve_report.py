# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges the observations of a run on the controller; documented as M(chargeops.steve.steve_report)."""

from __future__ import annotations

import os
import shutil
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils import color
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import (
    _archive,
    _junit,
    _repair_plan,
    _terminal,
    _terminal_repairs,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import FAIL_ON, analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._compare import compare, take_back, verdict
from ansible_collections.chargeops.steve.plugins.plugin_utils._merge_runs import merge_runs

#: Ansible loads this file in the process that has the terminal, and runs it in one that was cut off from it.
_COLUMNS = min(shutil.get_terminal_size((100, 24)).columns, 120)
_STATES = ("checked", "begun", "reported", "analyzed", "planned", "compared")
_SPEC = {
    "state": {"type": "str", "choices": list(_STATES), "default": "reported"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "report_dir": {"type": "path", "default": "steve-reports"},
    "run_dir": {"type": "path"},
    "run_dirs": {"type": "list", "elements": "path", "default": []},
    "before": {"type": "path"},
    "inventories": {"type": "dict", "default": {}},
    "repairs": {"type": "dict", "default": {}},
    "junit": {"type": "path"},
    "fail_on": {"type": "str", "choices": list(FAIL_ON), "default": "fail"},
    "full": {"type": "bool", "default": False},
    "terminal": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    """No connection is used: everything it reads lies on the controller."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin, report, analyse or compare."""
        del tmp
        super().run(task_vars=task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=_SPEC)
        try:
            if args["state"] == "analyzed":
                return self._analyze(args)
            _refuse_empty(args["hosts"])
            if args["state"] == "checked":
                return {"changed": False}
            if args["state"] == "begun":
                return self._begin(args)
            if not args["run_dir"]:
                raise ValueError(f"run_dir is missing. State {args['state']} needs what state begun returned.")
            work = {"reported": self._report, "planned": self._plan, "compared": self._compare}
            return work[args["state"]](args)
        except (ValueError, OSError) as error:
            # Ansible would say the cause's sentence once more.
            raise AnsibleActionFail(f"steve_report: {error}") from None

    def _begin(self, args: dict[str, Any]) -> dict[str, Any]:
        run_id = _archive.new_run_id()
        return {"changed": False, "run_id": run_id, "run_dir": _archive.create_run(args["report_dir"], run_id)}

    def _report(self, args: dict[str, Any]) -> dict[str, Any]:
        run_id = os.path.basename(os.path.normpath(args["run_dir"]))
        findings = analyse(_archive.read_observations(args["run_dir"]), args["hosts"], run_id, args["fail_on"])
        return self._tell(findings, args, args["run_dir"])

    def _analyze(self, args: dict[str, Any]) -> dict[str, Any]:
        """Judge stored runs together, as a run of its own that can be judged again."""
        run_dirs = {os.path.realpath(os.path.expanduser(item)): item for item in args["run_dirs"]}
        if not run_dirs:
            raise ValueError(
                "there is no stored run to analyse. Give directories of runs, e.g. "
                """-e steve_runs='["steve-reports/20261123T010203Z-7f3a"]'."""
            )
        if any(item.startswith("[") for item in args["run_dirs"]):
            raise ValueError(
                "the list of runs was cut at a blank, as Ansible cuts what follows -e NAME=. Write it without blanks, "
                """or as -e '{"steve_runs": ["slice-1", "slice-2"]}'."""
            )
        merged = merge_runs([_archive.read_stored(item) for item in run_dirs.values()])
        if not merged.hosts:
            named = " ".join(f"{inert(item['file'], 300)} {item['reason']}" for item in merged.left_out[:3])
            raise ValueError(f"there is no observation of any host in the runs given. {named}".strip())
        run_id = _archive.new_run_id()
        findings = analyse(merged.documents, merged.hosts, run_id, args["fail_on"])
        findings |= {"sources": merged.sources, "left_out": merged.left_out}
        run_dir = _archive.create_run(args["report_dir"], run_id)
        for document in merged.documents:
            _archive.write_observation(run_dir, document)
        return self._tell(findings, args, run_dir)

    def _tell(self, findings: dict[str, Any], args: dict[str, Any], run_dir: str) -> dict[str, Any]:
        """Write the files of a verdict, show it, and return it."""
        names = {"findings": "findings.json", "report": "report.txt", "junit": "junit.xml"}
        files = {kind: os.path.join(run_dir, name) for kind, name in names.items()}
        junit = _junit.render(findings)
        _archive.write_json(files["findings"], findings)
        _archive.write_text(files["report"], _terminal.render(findings, full=True) + "\n")
        for path in (files["junit"], *([args["junit"]] if args["junit"] else [])):
            _archive.write_text(os.path.abspath(os.path.expanduser(path)), junit)
        if args["terminal"]:
            report = os.path.relpath(files["report"])
            report = files["report"] if report.startswith(os.pardir) else report
            self._show(_terminal.render(findings, _COLUMNS, bool(color.ANSIBLE_COLOR), args["full"], report))
        return {
            "changed": False,
            "run_id": findings["run_id"],
            "run_dir": run_dir,
            "verdict": findings["verdict"],
            "counts": findings["counts"],
            "repairs": _repair_plan.repairs(_repair_plan.plan(findings)),
            "files": files,
            **_failure(findings["verdict"], files["report"]),
        }

    def _plan(self, args: dict[str, Any]) -> dict[str, Any]:
        run_dir = args["run_dir"]
        findings = _archive.read_findings(run_dir)
        inventories = {str(host): _inventory(host, told) for host, told in args["inventories"].items()}
        plan = _repair_plan.plan(findings, _archive.read_observations(run_dir), inventories)
        file = os.path.join(run_dir, "plan.json")
        _archive.write_json(file, plan)
        if args["terminal"]:
            self._show(_terminal_repairs.render_plan(plan, _COLUMNS, bool(color.ANSIBLE_COLOR)))
        return {
            "changed": False,
            "run_id": os.path.basename(run_dir),
            "run_dir": run_dir,
            "repairs": _repair_plan.repairs(plan),
            "plan": plan,
            "files": {"plan": file},
        }

    def _compare(self, args: dict[str, Any]) -> dict[str, Any]:
        if not args["before"]:
            raise ValueError("before is missing. State compared needs the directory of the earlier run.")
        repairs = {str(host): _repair(host, tried) for host, tried in args["repairs"].items()}
        before = args["before"]
        plan = _archive.read_plan(before)
        result = compare(_archive.read_findings(before), _archive.read_findings(args["run_dir"]), repairs, plan)
        judged = verdict(result, args["fail_on"])
        if args["terminal"]:
            self._show(_terminal_repairs.render_comparison(result, _COLUMNS, bool(color.ANSIBLE_COLOR)))
        report = os.path.join(args["run_dir"], "report.txt")
        return {
            "changed": False,
            "run_id": os.path.basename(args["run_dir"]),
            "run_dir": args["run_dir"],
            "verdict": judged,
            "verdicts": {host: verdict(result, args["fail_on"], host) for host in args["hosts"]},
            "take_back": {host: take_back(result, repairs, host) for host in args["hosts"]},
            "files": {"report": report},
            **_failure(judged, report),
        }

    def _show(self, text: str) -> None:
        self._display.display("\n" + text)


def _refuse_empty(hosts: list[str]) -> None:
    if not hosts:
        raise ValueError(
            "there is no SteVe host in this run, so nothing would be looked at. "
            "Put the hosts into the group steve, or correct --limit."
        )


def _failure(verdict: dict[str, Any], report: str) -> dict[str, Any]:
    return {} if verdict["ok"] else {"failed": True, "msg": f"{verdict['reason']}. Full report: {report}"}


def _inventory(host: object, told: Any) -> _repair_plan.Inventory:
    """What the inventory says about the repairs of a host; a sentence about anything else."""
    told = told if isinstance(told, dict) else {"?": None}
    wanted = told.get("wanted") or {}
    lists = {name: told.get(name) for name in ("listed", "accepted", "left_out")}
    known = {"wanted", *lists}
    if set(told) - known or not isinstance(wanted, dict) or not all(
        value is None or isinstance(value, list) for value in lists.values()
    ):
        raise ValueError(
            f"inventories[{inert(host, 60)}] cannot be read. Give wanted (a dictionary of reasons) and the lists "
            "listed, accepted and left_out."
        )
    names = {name: None if value is None else [str(item) for item in value] for name, value in lists.items()}
    return _repair_plan.Inventory(
        {str(by): str(reason) for by, reason in wanted.items()},
        names["listed"], names["accepted"], names["left_out"] or (),
    )  # fmt: skip


def _repair(host: object, tried: Any) -> dict[str, Any]:
    """What was tried on a host, in the form that the comparison reads."""
    keys = ("done", "failed", "announced")
    done, failed, announced = (tried.get(key) or [] for key in keys) if isinstance(tried, dict) else (None,) * 3
    if not isinstance(done, list) or not isinstance(failed, list) or not isinstance(announced, list) or not all(
        isinstance(item, dict) and {"by", "text"} <= set(item) for item in failed
    ):
        raise ValueError(
            f"repairs[{inert(host, 60)}] is not what was tried on a host. Give done (a list of names), failed (a "
            "list of dictionaries with by and text) and announced (a list of ids)."
        )
    return {"done": [str(name) for name in done], "failed": failed, "announced": [str(id) for id in announced]}
