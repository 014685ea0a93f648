#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_chargebox
short_description: Makes charge boxes present or absent in SteVe
version_added: 0.1.0
description:
  - Signs in to SteVe's admin UI once, registers charge boxes, changes their options or deletes them, reads back what
    SteVe has then, and signs out again.
  - Works with every release from 3.4 on, because all of them have the same forms. What differs is read from the forms.
  - Only what is given is managed. Everything else of a charge box stays as it is.
  - An id that SteVe refuses is named with SteVe's reason, and the others are done all the same. The task fails at the
    end.
extends_documentation_fragment:
  - chargeops.steve._steve.connection
  - chargeops.steve._steve.attributes
  - chargeops.steve._steve.action_group
attributes:
  check_mode:
    support: full
    details:
      - The plan is the same. What only SteVe can refuse, such as an id by a pattern of its operator, shows when it is
        carried out.
  diff_mode:
    support: full
    details:
      - Shows the managed options of each charge box that changes, never a password.
  idempotent:
    support: partial
    details:
      - With O(update_auth_password=always) a password is written every time, because SteVe does not show it.
options:
  username:
    description:
      - Admin user of SteVe.
    type: str
    required: true
  password:
    description:
      - Password of O(username). It is sent once, in the body of the sign-in, to the server of O(url) and nowhere else.
      - Over HTTPS nothing is sent before the certificate was verified, unless O(validate_certs=false).
    type: str
    required: true
  charge_box_id:
    description:
      - Charge boxes that share the other options, given as a list of strings.
      - Which id is which charge box is SteVe's decision. By default its data base ignores case, accents and blanks at
        the end.
    type: raw
    default: []
  charge_boxes:
    description:
      - Charge boxes with options of their own. What one does not give is taken from the options of the task.
    type: list
    elements: dict
    default: []
    suboptions:
      charge_box_id:
        description:
          - The id, a string.
        type: raw
        required: true
      registration_status:
        description:
          - See O(registration_status).
        type: str
        choices: [accepted, pending, rejected]
      description:
        description:
          - See O(description).
        type: str
      note:
        description:
          - See O(note).
        type: str
      admin_address:
        description:
          - See O(admin_address).
        type: str
      insert_connector_status_after_transaction_msg:
        description:
          - See O(insert_connector_status_after_transaction_msg).
        type: bool
      security_profile:
        description:
          - See O(security_profile).
        type: int
        choices: [0, 1, 2, 3]
      auth_password:
        description:
          - See O(auth_password).
        type: raw
      address: &address
        description:
          - Where the charge box stands. An empty text empties a part, and what is not given stays.
        type: dict
        suboptions:
          street:
            description: Street.
            type: str
          house_number:
            description: House number.
            type: str
          zip_code:
            description: Postal code.
            type: str
          city:
            description: City.
            type: str
          country:
            description: Country as two letters, such as V(DE).
            type: str
          latitude:
            description: Degrees north, such as V(50.7753).
            type: str
          longitude:
            description: Degrees east, such as V(6.0839).
            type: str
          time_zone:
            description: Time zone, such as V(Europe/Berlin). SteVe 3.14.1 and later.
            type: str
  state:
    description:
      - Whether the charge boxes are to be there.
      - SteVe deletes a charge box with all its transactions. So V(absent) is refused for a charge box that has any, or
        where SteVe's page does not tell, unless O(force=true).
      - From SteVe 3.9 on deleting also closes the station's connection.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Delete a charge box together with its transactions.
    type: bool
    default: false
  registration_status:
    description:
      - What SteVe answers to the station's BootNotification. A new charge box is V(accepted).
      - Up to SteVe 3.12 the form of a station that never connected with OCPP 1.6 cannot show V(pending). There a status
        that is neither accepted nor rejected counts as V(pending).
    type: str
    choices: [accepted, pending, rejected]
  description:
    description:
      - Description. An empty text empties it.
    type: str
  note:
    description:
      - Note, of several lines. An empty text empties it.
    type: str
  admin_address:
    description:
      - URL of the station's own administration. An empty text empties it.
    type: str
  insert_connector_status_after_transaction_msg:
    description:
      - Whether SteVe itself sets the connector's status when a transaction begins or ends. A new charge box has
        V(false) unless given, as it has when SteVe's form for many ids is used.
    type: bool
  security_profile:
    description:
      - Security profile of the station. SteVe 3.9 and later, and before that only V(0) is true.
      - From SteVe 3.13 on changing it, or the password, also tells the station if it is connected. Where the station
        refuses, RV(charge_boxes[].warning) has SteVe's words, and the change is stored all the same.
    type: int
    choices: [0, 1, 2, 3]
  auth_password:
    description:
      - Basic password of a station with security profile 1 or 2, a string.
      - SteVe 3.9.0 takes 32 to 40 characters, later releases take 16 to 20.
    type: raw
  update_auth_password:
    description:
      - When O(auth_password) is written. V(on_create) writes it to a new charge box and to one that has no password in
        SteVe, and V(always) every time.
    type: str
    choices: [on_create, always]
    default: on_create
  address: *address
notes:
  - Ids without any option are registered by SteVe's form for many ids, 1,000 in one request. With options, or with one
    of the characters C(= / ( ) < >) in the id, every charge box takes a request. Either way the rest of the row is the
    same.
  - Up to SteVe 3.12 a batch that fails leaves some of its ids registered. They count as done, and the rest is tried
    again in halves until every refused id has its own reason.
  - Every change is read back, because SteVe answers with status 200 or a redirect whatever happened.
  - Redirects are not followed and proxy variables of the environment are not used, so that credentials reach no other
    server than that of O(url), or of O(connect_to).
  - With O(era) a password of the wrong length is refused before anything is sent.
seealso:
  - module: chargeops.steve.steve_chargebox_info
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
- name: Register two charge boxes
  chargeops.steve.steve_chargebox:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
    charge_box_id: ["CP-1", "CP-2"]
    registration_status: accepted

- name: Register charge boxes that differ
  chargeops.steve.steve_chargebox:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
    charge_boxes:
      - charge_box_id: "CP-3"
        description: behind the gate
        address: {street: Templergraben, house_number: "55", city: Aachen, country: DE}
      - charge_box_id: "CP-4"
        security_profile: 1
        auth_password: "{{ vault_cp4_password }}"

- name: Remove a charge box that never charged anything
  chargeops.steve.steve_chargebox:
    url: "{{ steve_url }}"
    username: "{{ steve_admin_username }}"
    password: "{{ steve_admin_password }}"
    charge_box_id: ["CP-5"]
    state: absent
"""

RETURN = r"""
charge_boxes:
  description: The charge boxes in the order given, each once.
  returned: when SteVe's list could be read
  type: list
  elements: dict
  contains:
    id:
      description: Charge box id in SteVe's spelling.
      type: str
      returned: success
    pk:
      description: Primary key in SteVe's data base. Null while there is none, as for a new charge box in check mode.
      type: int
      returned: success
    changed:
      description: Whether this charge box was changed, or would be in check mode.
      type: bool
      returned: success
    before:
      description:
        - The managed options as they were, under the names of the options. Null when it was absent, empty when only its
          presence is managed. Of a password only whether there is one.
      type: dict
      returned: success
    after:
      description: The same as it is now, or would be in check mode. Null when it is absent then.
      type: dict
      returned: success
    warning:
      description:
        - What SteVe said about a connected station that did not take the change, although SteVe stored it. Null when it
          said nothing.
      type: str
      returned: success
    error:
      description: Why the charge box is not as wanted, as a sentence. Null when it is.
      type: str
      returned: success
  sample:
    - {"id": "CP-1", "pk": 7, "changed": true, "before": {"registration_status": "pending"},
       "after": {"registration_status": "accepted"}, "warning": null, "error": null}
diff:
  description: The same for C(--diff).
  returned: when SteVe's list could be read
  type: dict
  contains:
    before_header:
      description: The SteVe.
      type: str
      returned: success
    after_header:
      description: The SteVe.
      type: str
      returned: success
    before:
      description: Lines for each charge box that changes and for each value that differs.
      type: str
      returned: success
    after:
      description: Lines for each charge box that changes and for each value that differs.
      type: str
      returned: success
  sample: {"before_header": "charge boxes of http://127.0.0.1:8180/steve",
           "after_header": "charge boxes of http://127.0.0.1:8180/steve",
           "before": "CP-1: present\n  registration_status: pending\n",
           "after": "CP-1: present\n  registration_status: accepted\n"}
error:
  description:
    - What went wrong, with the keys C(code), C(attempted), C(target), C(got) and C(advice). C(msg) is the same as a
      sentence.
    - The code is V(charge-boxes-failed) when the list could be read and one or more charge boxes are not as wanted.
      Otherwise nothing was changed, and it is V(bad-input) or one of those of
      M(chargeops.steve.steve_chargebox_info).
  returned: failure
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _admin_write, _chargebox_plan, _door, _options


def work(params: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Make charge boxes present or absent; ``params`` as in DOCUMENTATION."""
    wanted = _chargebox_plan.wanted_boxes(params)
    era = _options.era(params["era"])
    names = ("url", "username", "password", "timeout", "deadline", "connect_to")
    tls_names = ("validate_certs", "ca_path", "client_cert", "client_key")
    client = _admin_write.AdminWriter(**{name: params[name] for name in names + tls_names})
    rules = {"force": params["force"], "update": params["update_auth_password"], "check_mode": check_mode}
    return _admin_write.ensure(client, wanted, params["state"], era=era, **rules)


def argument_spec() -> dict[str, Any]:
    """The options documented above."""
    parts = {name: {"type": "str"} for name in _chargebox_plan.ADDRESS_OPTIONS}
    box: dict[str, Any] = {
        "registration_status": {"type": "str", "choices": ["accepted", "pending", "rejected"]},
        **{name: {"type": "str"} for name in _chargebox_plan.TEXT_OPTIONS},
        "insert_connector_status_after_transaction_msg": {"type": "bool"},
        "security_profile": {"type": "int", "choices": [0, 1, 2, 3]},
        "auth_password": {"type": "raw", "no_log": True},
        "address": {"type": "dict", "options": parts},
    }
    return {
        **_options.connection_spec(),
        **box,
        "username": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
        "charge_box_id": {"type": "raw", "default": []},
        "charge_boxes": {
            "type": "list", "elements": "dict", "default": [],
            "options": {"charge_box_id": {"type": "raw", "required": True}, **box},
        },
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "force": {"type": "bool", "default": False},
        "update_auth_password": {
            "type": "str", "choices": ["on_create", "always"], "default": "on_create", "no_log": False,
        },
    }  # fmt: skip


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    _door.run(module, lambda params: work(params, module.check_mode))


if __name__ == "__main__":
    main()
