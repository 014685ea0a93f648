#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_webapi_check
short_description: Is SteVe's Web API there, by which scheme, and does this credential work
version_added: 0.1.0
description:
  - Asks SteVe's Web API for the OCPP tag with the key 0, which never exists, so that a credential that works is told
    from one that does not without reading any data. A refused credential is data and no failed task.
  - Up to 3.5.1 SteVe has no Web API. 3.6 and 3.7 read a header whose name and value are the properties C(webapi.key)
    and C(webapi.value). Since 3.8.0 the Web API reads HTTP Basic with a user of the data base and its API password,
    which is not the password of the admin sign-in. No release reads a Bearer token.
  - The first question carries no credential, so that none goes to what is no SteVe.
extends_documentation_fragment:
  - chargeops.steve._steve.connection
  - chargeops.steve._steve.read_only
  - chargeops.steve._steve.action_group
options:
  username:
    description:
      - User of HTTP Basic. It is never invented, so without it HTTP Basic is not tried.
    type: str
  password:
    description:
      - Password of HTTP Basic. Where O(token) is not given it is also what the header or Bearer token is made of.
    type: str
  token:
    description:
      - Value of the header, or the Bearer token. Where O(password) is not given it is also the password of HTTP Basic.
    type: str
  scheme:
    description:
      - How the credential is sent.
      - V(auto) sends it as the answer to the first question wants it.
      - With another scheme it is sent as the client does that it belongs to. When SteVe answers as if nothing had been
        sent, it is sent once more to the same server as this release wants it, to tell whether it works.
    type: str
    choices: [auto, basic, header, bearer]
    default: auto
  header_name:
    description:
      - Name of the header, which is the property C(webapi.key) of SteVe 3.6 and 3.7.
    type: str
    default: STEVE-API-KEY
  paths:
    description:
      - Further endpoints below the context path whose status is reported, such as V(/api/v1/chargeBoxes). They are
        asked with a plain GET, only when the credential was accepted, and their content is not read.
    type: list
    elements: str
    default: []
notes:
  - Redirects are not followed and proxy variables of the environment are not used, so that a credential reaches no
    other server than that of O(url), or of O(connect_to).
  - Over HTTPS nothing is sent before the certificate was verified, unless O(validate_certs=false).
  - SteVe's own 401 carries no C(WWW-Authenticate), so clients that wait for a challenge never send their credential to
    it. With M(ansible.builtin.uri) use C(force_basic_auth).
  - SteVe keeps the user of a credential, found or not, for ten minutes. A changed API password may work later than it
    was changed.
  - A text of a server that repeats a secret is not shown in RV(evidence).
seealso:
  - module: chargeops.steve.steve_info
  - module: chargeops.steve.steve_chargebox_info
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
- name: Does the credential of our client work
  chargeops.steve.steve_webapi_check:
    url: "{{ steve_url }}"
    username: "{{ steve_webapi_username }}"
    password: "{{ steve_webapi_value }}"
  register: webapi
  failed_when: webapi is failed or webapi.verdict != 'accepted'

- name: Would it work as the client sends it, and is there a list of charge boxes
  chargeops.steve.steve_webapi_check:
    url: "{{ steve_url }}"
    token: "{{ steve_webapi_value }}"
    scheme: header
    paths:
      - /api/v1/chargeBoxes
"""

RETURN = r"""
verdict:
  description:
    - V(accepted) when the credential works, V(refused) when SteVe refused it as it was sent, V(disabled) when the Web
      API is switched off, V(absent) when this release has none, V(undetermined) when that could not be told.
  returned: success
  type: str
  sample: accepted
scheme:
  description:
    - The scheme that this SteVe reads, which is V(basic), V(header) or V(bearer). Null when it has none or it could not
      be told.
  returned: success
  type: str
  sample: basic
finding:
  description:
    - Id of the finding, such as V(webapi-refused), V(webapi-disabled), V(webapi-absent), V(webapi-wrong-scheme),
      V(webapi-plain-http), V(proxy-authorization-stripped), V(proxy-login-wall) or V(tcp-refused). Null when there is
      none or it stays open.
  returned: success
  type: str
  sample: webapi-refused
candidates:
  description: Ids of the findings that are still possible.
  returned: success
  type: list
  elements: str
  sample: [webapi-disabled]
evidence:
  description: The requests and their answers, and what they tell.
  returned: success
  type: list
  elements: dict
  contains:
    request:
      description: The request without its credential. Null for a remark.
      type: str
      returned: success
    status:
      description: Status of the answer. Null without one.
      type: int
      returned: success
    headers:
      description: Headers of the answer that tell whose it is.
      type: dict
      returned: success
    body:
      description: SteVe's own words, or the beginning of the text.
      type: str
      returned: success
    note:
      description: What it tells.
      type: str
      returned: success
  sample:
    - request: "GET /steve/api/v1/ocppTags/0 (Authorization: Basic …)"
      status: 401
      headers: {content-type: application/json, x-content-type-options: nosniff}
      body: Invalid password
      note: the user exists; the API password is not the one of the admin sign-in
plain_http:
  description: Whether a credential was given and the URL is plain HTTP to another host than this one.
  returned: success
  type: bool
endpoints:
  description: The endpoints of O(paths).
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The path as given.
      type: str
      returned: success
    status:
      description:
        - Status of the answer. Null when there was none or the credential was not accepted, because SteVe refuses it
          before it looks at the path.
        - A path that does not exist is V(404) up to 3.8.0 and V(403) since 3.9.0.
      type: int
      returned: success
  sample: [{"path": "/api/v1/chargeBoxes", "status": 403}]
era:
  description: Releases that this SteVe can be, and where that is known from.
  returned: success
  type: dict
  sample: {"min": "3.10.0", "max": "3.14.1", "source": "fingerprint"}
error:
  description:
    - Which option is wrong, with the keys C(code), C(attempted), C(target), C(got) and C(advice). C(msg) is the same as
      a sentence. Whatever a server answers fails nothing.
    - The code is V(bad-input), or V(internal-error) for a bug of the module.
  returned: failure
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _door, _interpret_webapi, _options, _webapi


def argument_spec() -> dict[str, Any]:
    """The options of DOCUMENTATION, those of the connection included."""
    return {
        **_options.connection_spec(),
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "token": {"type": "str", "no_log": True},
        "scheme": {"type": "str", "choices": ["auto", *_interpret_webapi.SCHEMES], "default": "auto"},
        "header_name": {"type": "str", "default": _webapi.DEFAULT_HEADER},
        "paths": {"type": "list", "elements": "str", "default": []},
    }


def work(params: dict[str, Any]) -> dict[str, Any]:
    """Ask the Web API; ``params`` as in DOCUMENTATION."""
    given = (params[name] for name in ("username", "password", "token", "scheme", "header_name"))
    names = ("url", "scheme", "connect_to", "validate_certs", "ca_path", "client_cert", "client_key")
    return _webapi.check(
        _webapi.Request(
            credential=_webapi.credential(*given),
            paths=_webapi.paths(params["paths"]),
            era=_options.era(params["era"]),
            timeout=_options.seconds(params["timeout"], "timeout"),
            deadline=_options.seconds(params["deadline"], "deadline"),
            **{name: params[name] for name in names},
        )
    )


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    _door.run(module, work)


if __name__ == "__main__":
    main()
