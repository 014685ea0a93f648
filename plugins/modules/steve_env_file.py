#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_env_file
short_description: Keys of an env file, exact under docker compose's reading
version_added: 0.1.0
description:
  - Gives variables of an env file of docker compose their values, written so that compose reads exactly them, and
    leaves every other byte as it is, comments, order, line endings, mode and owner included.
  - The file is replaced in one step, so nobody ever reads half of it.
  - Given O(project_dir), docker compose itself is asked what it would read from the new content, before anything is
    written. Where it would read something else, nothing is changed and the module fails.
  - A container keeps the values it was created with. What has to be recreated is compose's decision, see
    M(community.docker.docker_compose_v2).
extends_documentation_fragment:
  - chargeops.steve._steve.attributes
  - chargeops.steve._steve.action_group
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the names of what changes, never values.
  idempotent:
    support: full
    details:
      - A present value that depends on interpolation or on rare escapes is written literally once, even if it happens
        to be equal.
options:
  path:
    description:
      - The env file. A symbolic link stays one, the file behind it is changed.
    type: path
    required: true
  keys:
    description:
      - Names of variables with the values that they must have.
      - Values must be strings, so write numbers in quotes. Line breaks are refused.
      - Where a name stands several times in the file, the last one counts for compose and is the one that is changed.
    type: dict
    default: {}
  absent_keys:
    description:
      - Names of variables that must not be in the file.
    type: list
    elements: str
    default: []
  create:
    description:
      - Whether a file that does not exist is made, with mode V(0600).
    type: bool
    default: false
  project_dir:
    description:
      - Directory of the docker compose project that reads the file. With it C(docker compose config) is asked.
      - It needs no running engine and no right to use one. Where there is no compose, or the compose files name the env
        file by an absolute path, that is a warning, and RV(checked) is V(none).
    type: path
  project_name:
    description: Name of the compose project. By default compose derives it.
    type: str
  compose_files:
    description: Compose files relative to O(project_dir). By default those that compose finds itself.
    type: list
    elements: path
    default: []
  compose_env_files:
    description:
      - Files that compose takes the variables of its compose files from (C(--env-file)), relative to O(project_dir). By
        default C(.env).
    type: list
    elements: path
    default: []
  compose_profiles:
    description: Profiles of the project that are active.
    type: list
    elements: str
    default: []
  app_service:
    description: The service that gets the values.
    type: str
    default: app
  state_dir:
    description:
      - A directory in which the previous content is kept until O(state=confirmed) or O(state=restored). It holds the
        same secrets and is for its owner only. It is made when it is needed and removed again.
      - A run that finds the content of an interrupted one there keeps that, so that what is put back is always the
        content that was last confirmed.
      - Without it nothing is kept.
    type: path
  state:
    description:
      - With V(present) the file gets the values.
      - With V(confirmed) the previous content in O(state_dir) is forgotten, because the app runs with the new values.
      - With V(restored) it is put back, because the app does not. Nothing is overwritten if somebody else has changed
        the file meanwhile.
    type: str
    choices: [present, confirmed, restored]
    default: present
  backup:
    description:
      - Whether a copy of the file is made before it changes. The copy holds the same secrets.
    type: bool
    default: false
notes:
  - The values follow the rules of an O(ignore:env_file) without C(format). With C(format=raw) compose would take quotes
    literally, which is found out with O(project_dir).
  - The mode of the file is never changed. That every user of the host can read it is a warning.
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
- name: The password that SteVe is started with
  chargeops.steve.steve_env_file:
    path: "{{ steve_project_dir }}/docker-compose.app.env"
    keys:
      AUTH_USER: admin
      AUTH_PASSWORD: "{{ vault_steve_admin_password }}"
    absent_keys: [OLD_SETTING]
    backup: true

- name: The same, with docker compose asked whether it reads exactly this
  chargeops.steve.steve_env_file:
    path: "{{ steve_project_dir }}/docker-compose.app.env"
    keys:
      AUTH_PASSWORD: "{{ vault_steve_admin_password }}"
    project_dir: "{{ steve_project_dir }}"
"""

RETURN = r"""
names:
  description: Names of the variables that were changed, or would be in check mode.
  returned: success
  type: dict
  contains:
    added:
      description: Names that were not in the file.
      type: list
      elements: str
      returned: success
    changed:
      description: Names that had another value.
      type: list
      elements: str
      returned: success
    removed:
      description: Names that were in the file.
      type: list
      elements: str
      returned: success
  sample: {"added": [], "changed": ["AUTH_PASSWORD"], "removed": ["OLD_SETTING"]}
diff:
  description: The same for C(--diff), without values.
  returned: success
  type: dict
  contains:
    before_header:
      description: The file.
      type: str
      returned: success
    after_header:
      description: The file.
      type: str
      returned: success
    before:
      description: One line for each name that is changed or removed.
      type: str
      returned: success
    after:
      description: One line for each name that is changed or added.
      type: str
      returned: success
  sample: {"before_header": "/srv/steve/app.env", "after_header": "/srv/steve/app.env",
           "before": "AUTH_PASSWORD=(value hidden)\n", "after": "AUTH_PASSWORD=(new value hidden)\n"}
backup_file:
  description: The copy that was made, or null.
  returned: success
  type: str
  sample: null
checked:
  description: Who said how the values are read, V(compose) or V(none).
  returned: success
  type: str
  sample: compose
unchecked_reason:
  description: Why compose was not asked. Null when it was.
  returned: success
  type: str
  sample: null
pending:
  description: Whether O(state_dir) holds a content that waits to be confirmed or restored.
  returned: success
  type: bool
  sample: false
error:
  description: What was attempted, on what, what came back and what to do, if the module failed.
  returned: failure
  type: dict
  sample: {"code": "env-file-missing", "attempted": "change the env file", "target": "/srv/steve/app.env",
           "got": "it does not exist", "advice": "Correct the path, or say create=true to make it."}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _env_rehearsal
from ansible_collections.chargeops.steve.plugins.module_utils._docker import Project
from ansible_collections.chargeops.steve.plugins.module_utils._door import run
from ansible_collections.chargeops.steve.plugins.module_utils._env_edit import Wish, confirm, ensure, put_back
from ansible_collections.chargeops.steve.plugins.module_utils._env_file import checked_keys

#: Seconds for all that compose is asked.
_COMPOSE_S = 30.0


def argument_spec() -> dict[str, Any]:
    """The options documented above."""
    return {
        "path": {"type": "path", "required": True},
        "keys": {"type": "dict", "default": {}, "no_log": True},
        "absent_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "create": {"type": "bool", "default": False},
        "project_dir": {"type": "path"},
        "project_name": {"type": "str"},
        "compose_files": {"type": "list", "elements": "path", "default": []},
        "compose_env_files": {"type": "list", "elements": "path", "default": []},
        "compose_profiles": {"type": "list", "elements": "str", "default": []},
        "app_service": {"type": "str", "default": "app"},
        "state_dir": {"type": "path"},
        "state": {"type": "str", "choices": ["present", "confirmed", "restored"], "default": "present"},
        "backup": {"type": "bool", "default": False},
    }


def wish_of(module: AnsibleModule, params: dict[str, Any]) -> Wish:
    """What the options say; ``params`` as in DOCUMENTATION."""
    keys, absent = checked_keys(params["keys"], params["absent_keys"])

    def check(before: bytes | None, after: bytes) -> _env_rehearsal.Check:
        project = Project(
            params["project_dir"], params["project_name"] or None, params["compose_files"],
            time.monotonic() + _COMPOSE_S, env_files=params["compose_env_files"], profiles=params["compose_profiles"],
        )  # fmt: skip
        service, path = params["app_service"], params["path"]
        return _env_rehearsal.check(project, service, path, before, after, keys, absent)

    return Wish(
        params["path"],
        keys,
        absent,
        create=params["create"],
        check_mode=module.check_mode,
        backup=module.backup_local if params["backup"] else None,
        state_dir=params["state_dir"],
        check=check if params["project_dir"] and (keys or absent) else None,
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "confirmed", ["state_dir"]), ("state", "restored", ["state_dir"])],
    )
    work = {"present": ensure, "confirmed": confirm, "restored": put_back}[module.params["state"]]
    run(module, lambda params: work(wish_of(module, params)))


if __name__ == "__main__":
    main()
