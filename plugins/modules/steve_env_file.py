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
  backup:
    description:
      - Whether a copy of the file is made before it changes. The copy holds the same secrets.
    type: bool
    default: false
notes:
  - The values follow the rules of an O(ignore:env_file) without C(format). With C(format=raw) compose would take quotes
    literally.
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
"""

RETURN = r"""
keys:
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
error:
  description: What was attempted, on what, what came back and what to do, if the module failed.
  returned: failure
  type: dict
  sample: {"code": "env-file-missing", "attempted": "change the env file", "target": "/srv/steve/app.env",
           "got": "it does not exist", "advice": "Correct the path, or say create=true to make it."}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils._door import run
from ansible_collections.chargeops.steve.plugins.module_utils._env_edit import ensure
from ansible_collections.chargeops.steve.plugins.module_utils._env_file import checked_keys


def argument_spec() -> dict[str, Any]:
    """The options documented above."""
    return {
        "path": {"type": "path", "required": True},
        "keys": {"type": "dict", "default": {}, "no_log": True},
        "absent_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "create": {"type": "bool", "default": False},
        "backup": {"type": "bool", "default": False},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)

    def work(params: dict[str, Any]) -> dict[str, Any]:
        keys, absent = checked_keys(params["keys"], params["absent_keys"])
        return ensure(
            params["path"],
            keys,
            absent,
            create=params["create"],
            check_mode=module.check_mode,
            backup=module.backup_local if params["backup"] else None,
        )

    run(module, work)


if __name__ == "__main__":
    main()
