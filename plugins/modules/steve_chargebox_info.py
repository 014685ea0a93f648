#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_chargebox_info
short_description: Registered, unknown and connected charge boxes of SteVe
version_added: 0.1.0
description:
  - Signs in to SteVe's admin UI and reads which charge boxes are registered, which unknown ids knocked, and which
    stations are connected. Signs out again.
  - Works with every release from 3.4 on, because all of them have the same sign-in form and the same lists.
  - Without the admin user, the registered charge boxes are read by the Web API of ExpresSync's fork, the only one that
    has a list of them.
extends_documentation_fragment:
  - chargeops.steve._steve.connection
  - chargeops.steve._steve.read_only
  - chargeops.steve._steve.action_group
options:
  username:
    description:
      - Admin user of SteVe. With it the admin UI is read.
    type: str
  password:
    description:
      - Password of O(username). It is sent once, in the body of the sign-in, to the server of O(url) and nowhere else.
      - Over HTTPS nothing is sent before the certificate was verified, unless O(validate_certs=false).
    type: str
  webapi_username:
    description:
      - User of the Web API. It is asked only without O(username).
    type: str
  webapi_value:
    description:
      - Password of O(webapi_username). The same holds for it as for O(password).
      - Only ExpresSync's fork has a list of charge boxes in its Web API. It tells neither the unknown ids nor the
        sessions. With O(era=runbook) the list of the runbook's dialect is read, where this is the token.
    type: str
  charge_box_id:
    description:
      - Show only what concerns these ids, given as a list of strings. Those that are not registered are named in
        RV(missing), with the ids that may be meant.
      - They are compared as SteVe's data base does it by default, so case, accents and blanks at the end make no
        difference.
    type: raw
    default: []
  details:
    description:
      - Also read the details page of every charge box that is shown, which is one more request each.
      - The Web API has no details.
    type: bool
    default: false
notes:
  - Redirects are not followed and proxy variables of the environment are not used, so that credentials reach no other
    server than that of O(url), or of O(connect_to).
  - To tell the release, the about page is read. SteVe then asks GitHub for its newest release, which can take
    8 seconds on a host without internet access. With O(era) the page is not read.
  - SteVe keeps the unknown ids and the sessions in memory. After a restart both lists begin empty. The unknown list
    holds at most 100 ids.
  - SteVe does not escape ids in these pages. A row whose id cannot be told for certain has the key C(doubt).
  - The times are SteVe's own, in whole seconds.
seealso:
  - module: chargeops.steve.steve_info
  - module: chargeops.steve.steve_ws_probe
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
- name: Read all charge boxes
  chargeops.steve.steve_chargebox_info:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
  register: steve

- name: Name the ids that knocked and are not registered
  ansible.builtin.debug:
    msg: "{{ steve.unknown | map(attribute='id') }}"

- name: Look at two charge boxes closely
  chargeops.steve.steve_chargebox_info:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
    charge_box_id: ["CP-1", "CP-2"]
    details: true

- name: Find out why a charger does not appear
  chargeops.steve.steve_chargebox_info:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
    charge_box_id: ["CP-O5"]
  register: asked

- name: Read the charge boxes of ExpresSync's fork without the admin user
  chargeops.steve.steve_chargebox_info:
    url: "{{ steve_url }}"
    webapi_username: "{{ steve_webapi_username }}"
    webapi_value: "{{ steve_webapi_value }}"
"""

RETURN = r"""
charge_boxes:
  description:
    - The registered charge boxes in SteVe's order.
    - By the Web API RV(charge_boxes[].last_heartbeat) is exact to the minute only.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Charge box id in SteVe's spelling.
      type: str
      returned: success
    pk:
      description: Primary key in SteVe's data base.
      type: int
      returned: success
    protocol:
      description: Protocol of the last connection, such as V(ocpp1.6J). Null when there was none.
      type: str
      returned: success
    last_heartbeat:
      description: When the charge box was last heard, UTC. Null when it never was.
      type: str
      returned: success
    description:
      description: Description. Null when there is none.
      type: str
      returned: success
    registration_status:
      description:
        - V(accepted), V(pending) or V(rejected). Null when SteVe's form shows none of them, as for a wrong text in the
          data base up to 3.12.
      type: str
      returned: O(details=true)
    security_profile:
      description: Security profile 0 to 3. Null before SteVe 3.9.
      type: int
      returned: O(details=true)
    vendor:
      description: Vendor as the station said at its last boot. Null when it said nothing.
      type: str
      returned: O(details=true)
    model:
      description: Model as the station said at its last boot. Null when it said nothing.
      type: str
      returned: O(details=true)
    firmware:
      description: Firmware version as the station said at its last boot. Null when it said nothing.
      type: str
      returned: O(details=true)
    doubt:
      description: Why the id may be cut wrongly.
      type: str
      returned: when there is a doubt
  sample:
    - {"id": "CP-1", "pk": 1, "protocol": "ocpp1.6J", "last_heartbeat": "2026-11-23T01:02:03Z", "description": "door"}
unknown:
  description: The ids that knocked and are not registered.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id.
      type: str
      returned: success
    attempts:
      description: How often it knocked.
      type: int
      returned: success
    last_attempt:
      description: When it last knocked, UTC.
      type: str
      returned: success
    doubt:
      description: Why the id may be read wrongly.
      type: str
      returned: when there is a doubt
  sample:
    - {"id": "CP-9", "attempts": 3, "last_attempt": "2026-11-23T01:02:03Z"}
unknown_error:
  description: Why the unknown ids are not known. RV(unknown) is empty then. Null when they are known.
  returned: success
  type: str
sessions:
  description: The open WebSocket sessions. A charge box can have several. SOAP stations have none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Charge box id. Up to SteVe 3.10 in the spelling of the station's URL.
      type: str
      returned: success
    protocol:
      description: OCPP version, such as V(ocpp1.6).
      type: str
      returned: success
    connected_since:
      description: When it was opened, UTC.
      type: str
      returned: success
    doubt:
      description: Why the id may be read wrongly.
      type: str
      returned: when there is a doubt
  sample:
    - {"id": "CP-1", "protocol": "ocpp1.6", "connected_since": "2026-11-23T01:02:03Z"}
sessions_error:
  description:
    - Why the sessions are not known, although everything else is. RV(sessions) is empty then. Null when they are known.
    - Up to SteVe 3.8.0 the page fails while a station is connected under another spelling than the registered one.
  returned: success
  type: str
active_transactions:
  description:
    - How many transactions are running, by SteVe's home page. They are those that SteVe got no stop of, so old ones
      that a charger never ended are among them. Null when it is not known, as by the Web API.
  returned: success
  type: int
  sample: 2
missing:
  description: The ids of O(charge_box_id) that are not registered.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id, as it was given.
      type: str
      returned: success
    knocked:
      description: Whether this very id knocked, and so stands in RV(unknown).
      type: bool
      returned: success
    near:
      description:
        - Ids that may be meant, the likeliest first. What equals what is for SteVe's data base to decide, so this only
          suggests.
        - Null from the 21st missing id on, which is not compared with the others.
      type: list
      elements: dict
      returned: success
      contains:
        id:
          description: The other id.
          type: str
          returned: success
        where:
          description: V(registered) when SteVe knows it, V(unknown) when it knocked.
          type: str
          returned: success
        kind:
          description:
            - V(blank), V(zero-width) (a character without width), V(case), V(accent), V(look-alike) (characters of one
              shape, such as 0 and O) or V(typo).
          type: str
          returned: success
        edits:
          description: Characters that differ in a typing error, otherwise 0.
          type: int
          returned: success
  sample:
    - id: CP-O1
      knocked: true
      near: [{"id": "CP-01", "where": "registered", "kind": "look-alike", "edits": 0}]
notes:
  description: Sentences about what could not be read.
  returned: success
  type: list
  elements: str
  sample: []
source:
  description: Where the lists come from, V(admin) (the admin UI) or V(webapi).
  returned: success
  type: str
  sample: admin
era:
  description: Release of SteVe as a range, and where it is known from.
  returned: success
  type: dict
  sample: {"min": "3.14.1", "max": "3.14.1", "source": "about"}
error:
  description:
    - What went wrong, with the keys C(code), C(attempted), C(target), C(got) and C(advice). C(msg) is the same as a
      sentence.
    - Codes of the admin UI are V(admin-login-refused), V(admin-not-allowed), V(admin-page-not-recognised),
      V(admin-csrf-refused), V(admin-error-page), V(admin-redirect-loop), V(admin-session-lost) and
      V(admin-no-data-base), which is a suspicion. Those of the Web API are V(webapi-no-list) and the ids of its
      findings. V(internal-error) is a bug of the module. Others are the ids of the findings of the layers network and
      tls.
  returned: failure
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _admin, _door, _options, _webapi
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError

_REACHED_BY = ("url", "timeout", "deadline", "connect_to", "validate_certs", "ca_path", "client_cert", "client_key")


def work(params: dict[str, Any]) -> dict[str, Any]:
    """Read the lists once; ``params`` as in DOCUMENTATION."""
    ids = _options.charge_box_ids(params["charge_box_id"])
    era = _options.era(params["era"])
    reached_by = {name: params[name] for name in _REACHED_BY}
    if params["username"] is not None:
        client = _admin.AdminClient(username=params["username"], password=params["password"], **reached_by)
        return _admin.collect(client, details=params["details"], charge_box_ids=ids, era=era)
    if params["webapi_value"] is None:
        raise InputError(
            "username", "it is missing",
            "Give username and password of the admin user, or webapi_value for the list of ExpresSync's fork.",
        )  # fmt: skip
    if params["details"]:
        raise InputError("details", "only the admin UI has details", "Give username and password of the admin user.")
    names = ("webapi_username", "webapi_value", "webapi_value", "webapi_value")
    credential = _webapi.credential(params["webapi_username"], params["webapi_value"], None, "auto", names=names)
    return _webapi.collect(_webapi.Request(credential=credential, era=era, **reached_by), ids)


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **_options.connection_spec(),
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "webapi_username": {"type": "str"},
            "webapi_value": {"type": "str", "no_log": True},
            "charge_box_id": {"type": "raw", "default": []},
            "details": {"type": "bool", "default": False},
        },
        required_together=[("username", "password")],
        supports_check_mode=True,
    )
    _door.run(module, work)


if __name__ == "__main__":
    main()
