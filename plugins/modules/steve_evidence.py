#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_evidence
short_description: Packs what to send when asking for help with SteVe
version_added: 0.1.0
description:
  - Collects from one host the end of SteVe's log with a full reconnect of each charge box asked about, facts about the
    containers, the compose files, the files of nginx's configuration and versions. With what the run in O(run_dir)
    observed and found it becomes one archive on the controller, beside O(run_dir), mode 0600.
  - Everything is redacted on the host. Of env files and environments only names and facts about values are taken.
    Secrets that are known from the options, the env files and the running containers are looked for once more in what
    would leave the host. Those of the inventory (by their names, or encrypted by ansible-vault one by one) are hidden
    in what the host gave and looked for in the finished archive, as they are and as base64, URL, HTML and
    JSON write them. Where one is found there is no archive; the sentence names file and rule, never the value.
  - A secret that is a part of anything (shorter than six characters, a number of up to nine digits, or a common word
    such as V(steve)) is looked for only where it stands as a value. What only looks like a secret, or is named like a
    key, is hidden in the files of the host and keeps nothing back. The archive says which.
  - Nothing is written on the host. A source that cannot be read is named in the archive, with the reason. A host that
    cannot be reached, or on which the module breaks off, still gives an archive with what the run knows of it.
extends_documentation_fragment:
  - chargeops.steve._steve.read_only
  - chargeops.steve._steve.action_group
  - chargeops.steve._steve.project
options:
  run_dir:
    description:
      - Directory of a run on the controller that M(chargeops.steve.steve_report) has begun and for which
        M(chargeops.steve.steve_info) has looked at this host.
    type: path
    required: true
  project_dir:
    description:
      - Directory of the docker compose project. Without it containers, env files and compose files are left out.
    type: path
  env_file:
    description: The app's env file, relative to O(project_dir).
    type: path
    default: docker-compose.app.env
  log_file:
    description:
      - SteVe's log file on this host. By default the output of the container of O(app_service) is read.
    type: path
  log_since:
    description: Seconds that a container's log is read back.
    type: float
    default: 2592000
  log_max_bytes:
    description: Bytes of the log that are gone through at the most, the newest ones.
    type: int
    default: 1073741824
  log_keep_bytes:
    description: Bytes of the log that become part of the archive at the most, the newest ones.
    type: int
    default: 8388608
  nginx_conf:
    description: Main configuration file of nginx.
    type: path
    default: /etc/nginx/nginx.conf
  nginx_command:
    description:
      - How nginx is called. A prefix such as V([docker, exec, proxy, nginx]) reads the files in that container.
    type: list
    elements: str
    default: [nginx]
  charge_box_id:
    description: Charge box ids to ask help for, as a list of strings.
    type: raw
    default: []
  username:
    description: Admin user of SteVe, to be found where it stands with its password.
    type: str
  password:
    description: Password of the admin user. It is hidden, and looked for.
    type: str
  webapi_username:
    description: User of SteVe's Web API.
    type: str
  webapi_value:
    description: Password or value of the Web API. It is hidden, and looked for.
    type: str
  passwords:
    description: Passwords of charge boxes, by id. They are hidden, and looked for.
    type: dict
  documents:
    description: What else goes into the archive; the action plugin fills it in, so that the host looks through it too.
    type: str
  deadline:
    description: Seconds for the whole call on the host.
    type: float
    default: 120
seealso:
  - module: chargeops.steve.steve_info
  - module: chargeops.steve.steve_report
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
- name: Pack what the run saw, and what to send with it
  chargeops.steve.steve_evidence:
    run_dir: "{{ run.run_dir }}"
    project_dir: "{{ steve_project_dir }}"
    password: "{{ steve_admin_password }}"
    charge_box_id: [CP-1]
"""

RETURN = r"""
archive:
  description: Path of the archive on the controller, or null when there is none because a secret was found.
  returned: unless there is an error
  type: str
sha256:
  description: Checksum of the archive, or null.
  returned: unless there is an error
  type: str
reached:
  description: Whether the host gave anything. Without it the task fails, and the archive holds what the run knows.
  returned: unless there is an error
  type: bool
complete:
  description: Whether every source gave what was asked of it.
  returned: unless there is an error
  type: bool
not_collected:
  description: Sources that gave nothing or not all, with the reason.
  returned: unless there is an error
  type: list
  elements: dict
  contains:
    what:
      description: The source.
      returned: always
      type: str
    reason:
      description: Why.
      returned: always
      type: str
charge_boxes:
  description: What the log in the archive holds of each charge box asked about.
  returned: unless there is an error
  type: list
  elements: dict
  contains:
    charge_box_id:
      description: The id as it was asked about.
      returned: always
      type: str
    spelt_in_log:
      description: The spellings in which the log has it.
      returned: always
      type: list
      elements: str
    covers:
      description: V(full reconnect), V(refused) or V(begun), or null when the log holds nothing of it.
      returned: always
      type: str
    full_reconnect:
      description: Whether a connection with an acknowledged BootNotification is in the archive.
      returned: always
      type: bool
    in_window:
      description:
        - Whether it stands in the log with all lines around it. Otherwise its own lines are in RV(charge_boxes[].file).
      returned: always
      type: bool
    from:
      description: Time of its first line, UTC, or null.
      returned: always
      type: str
    to:
      description: Time of its last line, UTC, or null.
      returned: always
      type: str
    file:
      description: Where it stands in the archive.
      returned: always
      type: str
    reason:
      description: Why the log does not cover a full reconnect, or what else there is to say, or null.
      returned: always
      type: str
redactions:
  description: How often which rule hid something in which file.
  returned: unless there is an error
  type: list
  elements: dict
  contains:
    rule:
      description: Name of the rule.
      returned: always
      type: str
    file:
      description: File in the archive.
      returned: always
      type: str
    count:
      description: How often.
      returned: always
      type: int
error:
  description:
    - What is wrong, with the keys C(code), C(attempted), C(target), C(got) and C(advice). C(msg) is the same as a
      sentence. The code is V(bad-input), or V(internal-error) for a bug of the module.
  returned: when there is an error
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _door, _evidence


def main() -> None:
    """Collect the evidence of one host."""
    module = AnsibleModule(
        argument_spec={
            "run_dir": {"type": "path", "required": True},
            "project_dir": {"type": "path"},
            "project_name": {"type": "str"},
            "compose_files": {"type": "list", "elements": "path", "default": []},
            "app_service": {"type": "str", "default": "app"},
            "env_file": {"type": "path", "default": "docker-compose.app.env"},
            "log_file": {"type": "path"},
            "log_since": {"type": "float", "default": 2592000},
            "log_max_bytes": {"type": "int", "default": 1073741824},
            "log_keep_bytes": {"type": "int", "default": 8388608},
            "nginx_conf": {"type": "path", "default": "/etc/nginx/nginx.conf"},
            "nginx_command": {"type": "list", "elements": "str", "default": ["nginx"]},
            "charge_box_id": {"type": "raw", "default": []},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "webapi_username": {"type": "str"},
            "webapi_value": {"type": "str", "no_log": True},
            "passwords": {"type": "dict", "no_log": True},
            "documents": {"type": "str", "no_log": True},
            "deadline": {"type": "float", "default": 120},
        },
        supports_check_mode=True,
    )
    _door.run(module, lambda params: _evidence.Collector(_evidence.options_from(params)).collect())


if __name__ == "__main__":
    main()
