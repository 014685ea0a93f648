# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation that modules share. Keep in sync with ``module_utils/_options.py``; a test compares the two."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes that stand in more than one module."""

    #: How SteVe is reached.
    CONNECTION = r"""
options:
  url:
    description:
      - Base URL of SteVe including the context path, such as V(http://127.0.0.1:8180/steve).
    type: str
    required: true
  connect_to:
    description:
      - Host and port to dial instead of those of O(url), such as V(127.0.0.1:80) or V([::1]:443).
      - The Host header and the name in the TLS handshake stay those of O(url). This singles out one hop.
    type: str
  validate_certs:
    description:
      - Whether the certificate of a TLS endpoint is verified.
    type: bool
    default: true
  ca_path:
    description:
      - PEM file with the certificates of the authorities to trust instead of the system's.
    type: path
  client_cert:
    description:
      - PEM file with the client certificate to present; it may contain the key as well.
    type: path
  client_key:
    description:
      - PEM file with the key of O(client_cert).
    type: path
  timeout:
    description:
      - Seconds that one request may take.
    type: float
    default: 10
  deadline:
    description:
      - Seconds that the whole call may take. What was found out until then is returned.
    type: float
    default: 60
  era:
    description:
      - SteVe's release, such as V(3.14.1), or a range of releases, such as V(3.10.0-3.14.1). Its answers mean different
        things in different releases.
      - V(runbook) asks for the dialect in which the answers mean what the human runbook says.
      - By default the range of possible releases is found out from the outside.
    type: str
"""

    #: A module that looks and changes nothing.
    READ_ONLY = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: N/A
    details:
      - Nothing is changed.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
    support: full
"""

    #: What the attributes mean, for modules that state their own support.
    ATTRIBUTES = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    #: For every module of the action group.
    ACTION_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/chargeops.steve.steve) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - chargeops.steve.steve
"""

    #: Which docker compose project a module looks at, beside its own O(project_dir).
    PROJECT = r"""
options:
  project_name:
    description: Name of the compose project. By default it is found by its directory.
    type: str
  compose_files:
    description: Compose files relative to O(project_dir). By default those the containers were created from.
    type: list
    elements: path
    default: []
  app_service:
    description: Name of SteVe's service in the compose project.
    type: str
    default: app
"""
