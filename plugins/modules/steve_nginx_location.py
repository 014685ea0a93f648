#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_nginx_location
short_description: The WebSocket location in the right server block of nginx, as a transaction
version_added: 0.1.0
description:
  - Makes nginx forward SteVe's WebSocket path to SteVe. The location stands in a file of its own, and one C(include)
    line in the server block of the public URL brings it in. Everything else in the configuration keeps its bytes.
  - A location that already does the same is left alone, whoever wrote it. One that is there for the WebSocket path but
    differs stops the module with its place and the differences, and so does whatever leaves a doubt, such as two server
    blocks that could be meant or a file that cannot be read. Nothing is changed then.
  - C(nginx -t) accepts a copy of the configuration as it will be before a file of the running nginx changes. If the
    reload or the proof fails afterwards, the previous bytes come back. A run that was killed is undone by the next one.
  - The location is C(location ^~), because a regular expression in the server block would otherwise go before it for
    charge box ids that happen to match.
extends_documentation_fragment:
  - chargeops.steve._steve.attributes
  - chargeops.steve._steve.action_group
attributes:
  check_mode:
    support: full
    details:
      - Plans only. Whether nginx accepts the result is not asked, because C(nginx -t) creates files.
  diff_mode:
    support: full
    details:
      - Shows the changed lines with their neighbours, secrets hidden.
  idempotent:
    support: full
options:
  url:
    description:
      - The WebSocket URL that chargers use, without the charge box id, such as
        V(wss://charge.example.net/steve/websocket/CentralSystemService).
      - Name, port and path follow from it.
    type: str
    required: true
  listen_port:
    description:
      - The port on which nginx receives the requests, where it is not that of O(url), for example because TLS ends in
        front of nginx or nginx runs in a container.
    type: int
  upstream:
    description:
      - Where SteVe listens as nginx sees it, without a path.
    type: str
    default: http://127.0.0.1:8180
  resolver:
    description:
      - Name server that nginx asks again and again for the name in O(upstream), such as V(127.0.0.11), the one of
        Docker's networks. With it a recreated container is found at its new address.
      - Without it nginx asks once, whenever it loads its configuration.
    type: str
  read_timeout:
    description:
      - Seconds without a byte from SteVe after which nginx may close a connection. SteVe's own ping comes every 15
        minutes.
    type: int
    default: 3600
  send_timeout:
    description:
      - Seconds without progress towards SteVe after which nginx may close a connection.
    type: int
    default: 3600
  conf:
    description:
      - Main configuration file as nginx sees it.
    type: str
    default: /etc/nginx/nginx.conf
  fragment:
    description:
      - The managed file as nginx sees it. Its directory must exist. A pattern of an C(include) outside of the server
        block must not match it.
    type: str
    default: /etc/nginx/steve-websocket.conf
  nginx_command:
    description:
      - How nginx is called. With O(mounts) everything before the last word also runs C(cat) and C(sh) where nginx runs,
        to read what is not on this host.
    type: list
    elements: str
    default: [nginx]
  mounts:
    description:
      - For an nginx in a container, where directories that it sees lie on this host. Files are changed there only; what
        is inside of the container is read and never written.
    type: dict
    default: {}
  reload:
    description:
      - Whether the running nginx loads the change. Connections that are open stay with their old timeouts until they
        close.
    type: bool
    default: true
  prove_charge_box_id:
    description:
      - A charge box id that SteVe accepts. With it the module asks through nginx whether an upgrade would arrive, and
        takes the change back if not. No session is opened.
    type: str
  prove_connect_to:
    description:
      - Host and port to dial for the proof, where nginx is not reached at the address that it listens on.
    type: str
  prove_last_gate:
    description:
      - Whether the proof includes a complete upgrade request with an extension that SteVe must refuse. Only with an id
        of no real station in O(prove_charge_box_id).
    type: bool
    default: false
  era:
    description:
      - SteVe's release for the proof, such as V(3.14.1). By default it is found out.
    type: str
  state_dir:
    description:
      - Directory for the previous bytes while a change is under way. It is made when it is needed and removed again.
    type: str
    default: /var/lib/chargeops.steve
  state:
    description:
      - What to ensure.
    type: str
    choices: [present]
    default: present
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
# steve_public_ws_url: wss://charge.example.net/steve/websocket/CentralSystemService
# steve_upstream: http://127.0.0.1:8180, or http://app:8180 as a container sees it

- name: An nginx on the host
  chargeops.steve.steve_nginx_location:
    url: "{{ steve_public_ws_url }}"
    upstream: "{{ steve_upstream }}"
    prove_charge_box_id: PROBE-1

# steve_nginx_command: [docker, exec, proxy, nginx]
# steve_nginx_mounts: {/etc/nginx/conf.d: /srv/steve/nginx}
# steve_nginx_fragment: /etc/nginx/conf.d/steve-websocket.include

- name: An nginx in the compose network
  chargeops.steve.steve_nginx_location:
    url: "{{ steve_public_ws_url }}"
    upstream: "{{ steve_upstream }}"
    resolver: 127.0.0.11
    nginx_command: "{{ steve_nginx_command }}"
    mounts: "{{ steve_nginx_mounts }}"
    fragment: "{{ steve_nginx_fragment }}"
"""

RETURN = r"""
action:
  description: What was done, or would be in check mode.
  returned: success
  type: str
  choices: [none, insert, replace]
  sample: insert
file:
  description: The file in which the location stands or which includes it.
  returned: success
  type: str
  sample: /etc/nginx/sites-enabled/steve
line:
  description: Its line there.
  returned: success
  type: int
  sample: 14
diff:
  description: Before and after for each file that changes; the changed lines and their neighbours, secrets hidden.
  returned: success
  type: list
  elements: dict
  contains:
    before_header:
      description: File and lines before.
      type: str
      returned: success
    before:
      description: The lines before.
      type: str
      returned: success
    after_header:
      description: File and lines after.
      type: str
      returned: success
    after:
      description: The lines after.
      type: str
      returned: success
  sample: []
recovered:
  description: Files that an interrupted run had left changed and that were put back first.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description: What was attempted, on what, what came back and what to do, if the module failed.
  returned: failure
  type: dict
  sample: {"code": "nginx-refused", "attempted": "test the nginx configuration", "target": "/etc/nginx/nginx.conf",
           "got": "nginx says: [emerg] host not found in upstream \"app\" in /etc/nginx/steve-websocket.conf:3",
           "advice": "Correct what it names, then run this again."}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _options
from ansible_collections.chargeops.steve.plugins.module_utils._door import run
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_location import Settings, ensure, prover
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import desired


def argument_spec() -> dict[str, Any]:
    """The options documented above."""
    return {
        "url": {"type": "str", "required": True},
        "listen_port": {"type": "int"},
        "upstream": {"type": "str", "default": "http://127.0.0.1:8180"},
        "resolver": {"type": "str"},
        "read_timeout": {"type": "int", "default": 3600},
        "send_timeout": {"type": "int", "default": 3600},
        "conf": {"type": "str", "default": "/etc/nginx/nginx.conf"},
        "fragment": {"type": "str", "default": "/etc/nginx/steve-websocket.conf"},
        "nginx_command": {"type": "list", "elements": "str", "default": ["nginx"]},
        "mounts": {"type": "dict", "default": {}},
        "reload": {"type": "bool", "default": True},
        "prove_charge_box_id": {"type": "str"},
        "prove_connect_to": {"type": "str"},
        "prove_last_gate": {"type": "bool", "default": False},
        "era": {"type": "str"},
        "state_dir": {"type": "str", "default": "/var/lib/chargeops.steve"},
        "state": {"type": "str", "choices": ["present"], "default": "present"},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)

    def work(params: dict[str, Any]) -> dict[str, Any]:
        wanted = desired(
            params["url"],
            params["upstream"],
            params["fragment"],
            listen_port=params["listen_port"],
            resolver=params["resolver"],
            read_timeout_s=params["read_timeout"],
            send_timeout_s=params["send_timeout"],
        )
        names = ("conf", "nginx_command", "mounts", "state_dir", "reload")
        settings = Settings.from_options({name: params[name] for name in names})
        prove = None
        if params["prove_charge_box_id"] is not None:
            _options.host_and_port(params["prove_connect_to"], "prove_connect_to")
            identifier = _options.charge_box_id(params["prove_charge_box_id"], "prove_charge_box_id")
            era = _options.era(params["era"])
            prove = prover(identifier, params["prove_connect_to"], params["prove_last_gate"], era)
        return ensure(wanted, settings, module.check_mode, prove)

    run(module, work)


if __name__ == "__main__":
    main()
