#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_info
short_description: Everything observable about SteVe from one host in one call
version_added: 0.1.0
description:
  - Collects facts about a SteVe installation, its containers, its nginx and its WebSocket endpoint, without judging
    them. The judgement is made on the controller by M(chargeops.steve.steve_report).
  - Looks in a fixed order, because looking leaves traces. With admin credentials only registered charge boxes are
    preflighted, so that SteVe's list of unknown ids stays as it was. No WebSocket session is opened.
  - A part that cannot be looked at is V(unknown) with the reason; it never fails the module.
extends_documentation_fragment:
  - chargeops.steve._steve.read_only
  - chargeops.steve._steve.action_group
  - chargeops.steve._steve.project
options:
  url:
    description: Base URL of SteVe's own port including the context path.
    type: str
    default: http://127.0.0.1:8180/steve
  public_ws_url:
    description:
      - The WebSocket URL that chargers use, without the charge box id, such as
        V(wss://charge.example.net/steve/websocket/CentralSystemService).
      - Needed for the proxy hop and for reading nginx.
    type: str
  project_dir:
    description: Directory of the docker compose project. Without it containers are not looked at.
    type: path
  compose_env_files:
    description:
      - Files that compose takes the variables of its compose files from (C(--env-file)), relative to O(project_dir). By
        default those the containers were created with.
    type: list
    elements: path
    default: []
  db_service:
    description: Name of the data base's service in the compose project.
    type: str
    default: db
  log_file:
    description:
      - SteVe's log file on this host, for installations without compose and for containers whose SteVe logs to a file.
      - By default the output of the container of O(app_service) is read, which needs O(project_dir).
    type: path
  log_since:
    description: Seconds that the log is read back. The start of SteVe is looked for in all that is read.
    type: float
    default: 86400
  log_max_bytes:
    description: Bytes of the log that are read at the most, the newest ones.
    type: int
    default: 33554432
  log_discounts:
    description:
      - What this collection asked itself before, so that its own knocks are not taken for a charger's.
      - With O(run_dir) it is filled from the runs beside that one.
    type: list
    elements: dict
    default: []
    suboptions:
      from:
        description: When it began to ask, UTC.
        type: str
        required: true
      to:
        description: When it ended, UTC.
        type: str
        required: true
      ids:
        description: The charge box ids it asked about.
        type: list
        elements: str
        default: []
  follow:
    description:
      - Seconds, at most 600, for which SteVe's log is followed at the end, for the charge boxes of O(charge_box_id),
        which somebody power-cycles meanwhile. It ends early when all of them have booted and stayed for two seconds.
      - They are not part of O(deadline). V(0) follows nothing.
    type: float
    default: 0
  nginx_conf:
    description: Main configuration file of nginx.
    type: path
    default: /etc/nginx/nginx.conf
  nginx_command:
    description:
      - How nginx is called. A prefix such as V([docker, exec, proxy, nginx]) reads the files, the processes and the end
        of the error log in that container.
      - Of nginx itself only C(nginx -V) is run, which prints. C(nginx -t) and C(nginx -T) write and are never run.
    type: list
    elements: str
    default: [nginx]
  username:
    description: Admin user of SteVe. Without it SteVe's own lists are not read.
    type: str
  password:
    description: Password of the admin user.
    type: str
  webapi_username:
    description:
      - User of SteVe's Web API, which HTTP Basic needs (since SteVe 3.8.0).
    type: str
  webapi_value:
    description:
      - Password of O(webapi_username), or value of the header (SteVe 3.6 and 3.7). Without it the Web API is not asked.
    type: str
  webapi_scheme:
    description:
      - How the client sends it; see M(chargeops.steve.steve_webapi_check). V(auto) sends it as this SteVe wants it.
    type: str
    choices: [auto, basic, header, bearer]
    default: auto
  webapi_header:
    description:
      - Name of the header, the property C(webapi.key) of SteVe 3.6 and 3.7.
    type: str
    default: STEVE-API-KEY
  charge_box_id:
    description:
      - Charge box ids to ask about, as a list of strings.
      - By default one registered id is asked about, for the path alone.
    type: raw
    default: []
  single:
    description:
      - Whether the one charge box of O(charge_box_id) is in question, and not one of many. That it has never connected
        is the answer then, otherwise a remark only.
    type: bool
    default: false
  passwords:
    description: Passwords of charge boxes of security profile 1 or 2, by id.
    type: dict
  probe_charge_box_id:
    description: A registered id that no real station uses; the gates are sent with it.
    type: str
  subprotocols:
    description:
      - The WebSocket subprotocols that the chargers offer. An empty list stands for a charger that offers none.
    type: list
    elements: str
    default: [ocpp1.6]
  charger_ca:
    description:
      - PEM file on the controller with the certificates that the chargers trust.
      - With O(run_dir) it becomes part of the observation, and certificates are judged by it.
    type: path
  charger_tls_versions:
    description:
      - The versions of TLS that the chargers speak. With O(run_dir) they become part of the observation.
    type: list
    elements: str
    choices: ["1.0", "1.1", "1.2", "1.3"]
  validate_certs:
    description:
      - Whether the certificate of a TLS endpoint must be valid before credentials are sent.
      - The WebSocket endpoint is probed also where this host refuses its certificate, but then without O(passwords).
    type: bool
    default: true
  ca_path:
    description: File with the certificates of authorities to trust.
    type: path
  timeout:
    description: Seconds for one request.
    type: float
    default: 10
  deadline:
    description: Seconds for the whole call, O(start_deadline) and O(follow) apart.
    type: float
    default: 60
  parts:
    description:
      - Look at these parts only. By default all of them are looked at.
      - The container's log needs V(compose) as well.
    type: list
    elements: str
    choices: [compose, env, log, clock, nginx, sockets, resources, admin, webapi, tls, probes, follow]
    default: []
  start_deadline:
    description:
      - Seconds after the start of SteVe's container for which a port that does not answer yet is waited for. They are
        not part of O(deadline). A container that is stopped or restarted meanwhile is waited for no longer.
      - V(0) waits for nothing.
    type: float
    default: 0
  era:
    description: Release of SteVe, such as V(3.14.1), or V(runbook). By default it is detected.
    type: str
  run_id:
    description: Id of the run that the observation belongs to.
    type: str
    default: ""
  host:
    description: Name of the host in the observation. By default the inventory name.
    type: str
  run_dir:
    description:
      - Directory of a run on the controller, as M(chargeops.steve.steve_report) returns it when it begins a run.
      - When given, the observation is written there, only a summary comes back, and a host that cannot be reached or
        read does not fail the task; it becomes part of the verdict.
    type: path
seealso:
  - module: chargeops.steve.steve_report
  - module: chargeops.steve.steve_webapi_check
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
- name: Look at SteVe on this host
  chargeops.steve.steve_info:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
    charge_box_id: [CP-1]
  register: observation
"""

RETURN = r"""
schema:
  description: Name and version of the document's schema. Only without O(run_dir), like everything but RV(file).
  returned: unless run_dir is given or there is an error
  type: str
  sample: chargeops.steve/observation/1
run_id:
  description: Id of the run.
  returned: unless run_dir is given or there is an error
  type: str
host:
  description: Name of the host.
  returned: unless run_dir is given or there is an error
  type: str
reached:
  description: Whether the host could be looked at.
  returned: unless there is an error
  type: bool
collected_at:
  description: When it was collected, UTC.
  returned: unless run_dir is given or there is an error
  type: str
duration_s:
  description: How long it took, in seconds.
  returned: unless run_dir is given or there is an error
  type: float
era:
  description: Range of releases that this SteVe can be. Null when the host was not looked at.
  returned: unless there is an error
  type: dict
  sample: {"min": "3.14.1", "max": "3.14.1", "source": "about"}
asked:
  description: What the observation was told to look for.
  returned: unless run_dir is given or there is an error
  type: dict
parts:
  description:
    - The parts V(compose), V(env), V(log), V(clock), V(nginx), V(sockets), V(resources), V(admin), V(webapi), V(tls),
      V(probes) and V(follow), each with C(status) (V(ok), V(unknown), V(skipped)), C(reason), C(elapsed_s) and C(data).
    - The data of V(log) holds C(source), C(window), C(start) (the newest start of SteVe) and C(boxes), which has for
      each charge box when it was refused and why, its sessions, how regularly they end, and its last BootNotification.
      C(silent_about) says what releases do not log. No message is kept.
    - The data of V(clock) holds C(witnesses), each with C(offset_s) and C(uncertainty_s), and C(ntp).
    - The data of V(compose) has C(services), with facts of the newest container of each, but no environment,
      C(waited), how long a starting SteVe was waited for, with the C(outcome), and C(project), what the project was
      made of by its containers' labels (C(name), C(directory), C(files), C(env_files)), with the files that are gone
      (C(missing)) and the options that lead to another project (C(differs)).
    - The data of V(env) names the variables and definitions (C(-D)) that differ between files and container, and says
      of the credentials in the container whether they are the given or the shipped ones, and which of them a recreated
      container would be given another value of (C(credentials_changed)); values stay on the host.
    - The data of V(sockets) lists listening TCP sockets with their programs, that of V(resources) the file systems of
      SteVe, docker and data base, the memory, and how many processes of the container were killed for memory.
    - The data of V(tls) is a list of what TLS endpoints present, with one entry for each hop, name and address. See the
      result C(tls) of M(chargeops.steve.steve_ws_probe) for its keys.
    - The data of V(nginx) has C(location.forwards) (headers, HTTP version, time limits and upstream, each with the text
      of its directive, C(file) and C(line)), C(problems) (what nginx would certainly refuse), C(running) (the workers
      against the times of the files) and, behind a bad gateway, C(upstream_now).
    - The data of V(follow) has C(ended) (V(all booted), V(time) or V(log ended)), C(seconds) and C(boxes), for each
      charge box its C(outcome) (V(booted), V(connected), V(closed), V(refused) or V(silent)), C(refused) with the
      reason, C(knocked_at), C(connected_at), C(booted_at), C(boot_status), C(closed_at), C(close_code), and
      C(within_30_s), whether a BootNotification came within 30 s of the connection, or null. C(others) are ids that
      were refused meanwhile, C(recreated) the times at which following went on in a new container of the app.
  returned: unless run_dir is given or there is an error
  type: dict
chargers:
  description:
    - In the written file only, what the operator says about the chargers. C(ca) has C(file), C(certificates) (DER in
      base64) and C(problem), or is null. C(tls_versions) is a list.
  returned: never in the result
  type: dict
file:
  description: Path of the written observation on the controller.
  returned: with run_dir
  type: str
gate_charge_box_id:
  description: A charge box id that SteVe accepted, or null.
  returned: with run_dir
  type: str
reason:
  description: Why nothing was seen. It is part of the verdict of M(chargeops.steve.steve_report).
  returned: with run_dir, when there is no observation
  type: str
error:
  description:
    - Which option is wrong, with the keys C(code), C(attempted), C(target), C(got) and C(advice). C(msg) is the same as
      a sentence. Whatever a server answers is data and no error.
    - The code is V(bad-input), or V(internal-error) for a bug of the module.
  returned: when there is an error
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _door, _interpret_webapi, _observe, _webapi


def main() -> None:
    """Collect one observation."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "default": "http://127.0.0.1:8180/steve"},
            "public_ws_url": {"type": "str"},
            "project_dir": {"type": "path"},
            "project_name": {"type": "str"},
            "compose_files": {"type": "list", "elements": "path", "default": []},
            "compose_env_files": {"type": "list", "elements": "path", "default": []},
            "app_service": {"type": "str", "default": "app"},
            "db_service": {"type": "str", "default": "db"},
            "log_file": {"type": "path"},
            "log_since": {"type": "float", "default": 86400},
            "log_max_bytes": {"type": "int", "default": 33554432},
            "log_discounts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "from": {"type": "str", "required": True},
                    "to": {"type": "str", "required": True},
                    "ids": {"type": "list", "elements": "str", "default": []},
                },
            },
            "follow": {"type": "float", "default": 0},
            "nginx_conf": {"type": "path", "default": "/etc/nginx/nginx.conf"},
            "nginx_command": {"type": "list", "elements": "str", "default": ["nginx"]},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "webapi_username": {"type": "str"},
            "webapi_value": {"type": "str", "no_log": True},
            "webapi_scheme": {"type": "str", "choices": ["auto", *_interpret_webapi.SCHEMES], "default": "auto"},
            "webapi_header": {"type": "str", "default": _webapi.DEFAULT_HEADER},
            "charge_box_id": {"type": "raw", "default": []},
            "single": {"type": "bool", "default": False},
            "passwords": {"type": "dict", "no_log": True},
            "probe_charge_box_id": {"type": "str"},
            "subprotocols": {"type": "list", "elements": "str", "default": ["ocpp1.6"]},
            "charger_ca": {"type": "path"},
            "charger_tls_versions": {"type": "list", "elements": "str", "choices": ["1.0", "1.1", "1.2", "1.3"]},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
            "timeout": {"type": "float", "default": 10},
            "deadline": {"type": "float", "default": 60},
            "start_deadline": {"type": "float", "default": 0},
            "parts": {"type": "list", "elements": "str", "choices": list(_observe.PART_NAMES), "default": []},
            "era": {"type": "str"},
            "run_id": {"type": "str", "default": ""},
            "host": {"type": "str"},
            "run_dir": {"type": "path"},
        },
        supports_check_mode=True,
        required_together=[("username", "password")],
    )
    _door.run(module, lambda params: _observe.Observer(_observe.options_from(params)).observe())


if __name__ == "__main__":
    main()
