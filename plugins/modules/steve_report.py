#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_report
short_description: Judge the observations of a run and tell the verdict
version_added: 0.1.0
description:
  - Runs on the controller only. Begins a run (O(state=begun)), judges the observations that
    M(chargeops.steve.steve_info) and M(chargeops.steve.steve_ws_probe) filed (O(state=reported)), judges stored runs
    again (O(state=analyzed)), or compares two runs (O(state=compared)).
  - The report is shown in the terminal and written beside the observations as C(findings.json), C(report.txt) (in full)
    and C(junit.xml), readable by their owner only. Colours follow Ansible's own rules.
  - The terminal shows each ill host in a few lines and the healthy ones together; when one charge box is in question,
    exactly five lines - verdict, cause, evidence, remedy, and what was not told.
extends_documentation_fragment:
  - chargeops.steve._steve.read_only
  - chargeops.steve._steve.action_group
options:
  state:
    description:
      - V(checked) only fails when O(hosts) is empty, as every state does.
      - V(begun) creates the directory of a run.
      - V(reported) judges the observations and fails by the verdict.
      - V(analyzed) judges the stored observations of O(run_dirs) together, as a new run under O(report_dir), and fails
        by the verdict. Of a host that stands in several runs the newest look counts, also when it did not reach the
        host; what vantages saw stays with it. A file that cannot be read is named and costs no other file, but its host
        counts as not reached.
      - V(planned) shows for each host which repair answers which finding of O(run_dir), what it does and interrupts,
        and what others must do; the same is written to C(plan.json) beside the findings.
      - V(compared) shows what differs between O(before) and O(run_dir), and fails when a finding still stands, is new,
        or could not be asked again, and when a repair in O(repairs) failed or had no effect.
    type: str
    choices: [checked, begun, reported, analyzed, planned, compared]
    default: reported
  hosts:
    description: Inventory names of the hosts that the run is to look at. One without observation counts as not reached.
    type: list
    elements: str
    default: []
  report_dir:
    description: Directory on the controller under which each run gets a directory of its own.
    type: path
    default: steve-reports
  run_dir:
    description: Directory of the run, as returned by O(state=begun). Needed for the states that read one run.
    type: path
  run_dirs:
    description:
      - Directories of stored runs, or archives of M(chargeops.steve.steve_evidence), for O(state=analyzed).
    type: list
    elements: path
    default: []
  junit:
    description:
      - File that the JUnit XML is written to as well, readable by its owner only.
      - Failures and errors in it are what makes the verdict bad; whatever else is no proof of health is C(skipped) with
        its reason.
    type: path
  before:
    description: Directory of the earlier run, for O(state=compared).
    type: path
  inventories:
    description:
      - For O(state=planned), for each host what its inventory says about repairs.
      - C(wanted) gives the reason for each repair that is asked for although no finding does. C(listed) has the charge
        boxes that may be registered, C(accepted) those of them whose registration status may be set to Accepted, and
        C(left_out) the tags of C(chargeops.steve.remediate) that the run leaves out.
    type: dict
    default: {}
  repairs:
    description:
      - For O(state=compared), for each host what was tried for the plan in O(before). C(done) is a list of the roles
        and modules that ended well, C(failed) a list of dictionaries with C(by) and C(text), C(announced) a list of
        ids of findings that a repair said would come.
    type: dict
    default: {}
  fail_on:
    description:
      - From which severity on findings fail the task.
      - A host that was not reached and a run that evaluated nothing always do.
    type: str
    choices: [fail, warn, never]
    default: fail
  full:
    description: Whether the terminal shows every check by layer, with all evidence, instead of the short form.
    type: bool
    default: false
  terminal:
    description: Whether the report is shown in the terminal.
    type: bool
    default: true
seealso:
  - module: chargeops.steve.steve_info
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
- name: Begin a run
  chargeops.steve.steve_report:
    state: begun
    hosts: "{{ ansible_play_hosts_all }}"
  register: run
  run_once: true

- name: Look at each host
  chargeops.steve.steve_info:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
    run_dir: "{{ run.run_dir }}"

- name: Judge what was observed
  chargeops.steve.steve_report:
    state: reported
    run_dir: "{{ run.run_dir }}"
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true

- name: Say what a repair would do
  chargeops.steve.steve_report:
    state: planned
    run_dir: "{{ run.run_dir }}"
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true

- name: Judge the slices of a fleet together
  chargeops.steve.steve_report:
    state: analyzed
    run_dirs: "{{ steve_runs }}"
    junit: "{{ steve_junit }}"
"""

RETURN = r"""
run_id:
  description: Id of the run.
  returned: when state is not checked
  type: str
  sample: 20261123T010203Z-7f3a
run_dir:
  description: Directory of the run on the controller.
  returned: when state is not checked
  type: str
verdict:
  description:
    - Whether all is well, and the reason in a few words.
    - With O(state=compared) also C(safe), whether no repair failed, nothing is new and no answer or host was lost.
  returned: when state is reported, analyzed or compared
  type: dict
  sample: {"ok": false, "reason": "1 root cause on 1 of 3 hosts"}
verdicts:
  description: The verdict of each host of O(hosts).
  returned: when state is compared
  type: dict
  sample: {"steve-a": {"ok": true, "safe": true, "reason": "1 cured, 0 still there, 0 new"}}
take_back:
  description: For each host of O(hosts) the repairs of O(repairs) that should be taken back, because they cured nothing
    of what they were to cure or something is new, or open, where they act.
  returned: when state is compared
  type: dict
  sample: {"steve-a": ["nginx_websocket"]}
plan:
  description: What would be repaired and what others must do, see C(docs/schema/plan.json).
  returned: when state is planned
  type: dict
counts:
  description: Number of checks by status.
  returned: when state is reported or analyzed
  type: dict
repairs:
  description: For each host the roles of this collection that answer one of its findings.
  returned: when state is reported, analyzed or planned
  type: dict
  sample: {"steve-a": ["nginx_websocket"]}
files:
  description:
    - Paths of the written files on the controller, C(findings), C(report) and C(junit).
    - C(plan) with O(state=planned), C(report) of O(run_dir) with O(state=compared).
  returned: when state is not checked or begun
  type: dict
"""
