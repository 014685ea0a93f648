#!/usr/bin/python
# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: steve_ws_probe
short_description: Asks a hop whether chargers could connect to SteVe through it
version_added: 0.1.0
description:
  - Tells whether SteVe's WebSocket endpoint is there, whether a WebSocket upgrade gets through the hop, and whether
    SteVe would accept given charge boxes.
  - With O(mode=preflight) no session is opened, so that the live session of a charger is not disturbed. The answers
    come from requests that SteVe checks like those of a charger and then refuses.
  - SteVe's answers mean different things in different releases, and one status has several causes. The release is
    found out first (see O(era)), ambiguous answers are settled by a second request that differs in one thing, and
    what stays open is V(undetermined) with its candidates.
  - Charge boxes are asked about in SteVe 3.6.0 and later. For older releases they are V(undetermined).
  - A refused charge box is data and no failure, see O(fail_on).
extends_documentation_fragment:
  - chargeops.steve._steve.connection
  - chargeops.steve._steve.attributes
  - chargeops.steve._steve.action_group
attributes:
  check_mode:
    support: full
    details:
      - With O(mode=preflight) the same is asked as without, because it changes nothing.
      - With the other modes the full handshakes are left out. They would change what SteVe stores.
  diff_mode:
    support: N/A
    details:
      - What the module reports is no state of the target.
  idempotent:
    support: partial
    details:
      - With O(mode=preflight) nothing is changed. With the other modes every run opens sessions and is V(changed).
options:
  url:
    description:
      - WebSocket URL that chargers are configured with, without the charge box id, such as
        V(wss://charge.example.net/steve/websocket/CentralSystemService).
  charge_box_id:
    description:
      - Charge boxes to ask about, a list of strings. Without any only the endpoint is looked at.
      - A bare string or a number is refused, because V(0123) or V(a,b) would silently become other ids.
      - A registered charge box is not affected. Another one is counted in SteVe's list of unknown charge boxes, and
        it is registered where SteVe's automatic registration is on.
    type: raw
    default: []
  passwords:
    description:
      - Passwords of charge boxes with security profile 1 or 2, by charge box id.
      - A charge box that needs a password which is not given is V(undetermined).
    type: dict
    default: {}
  mode:
    description:
      - V(preflight) asks without opening a session.
      - V(handshake) opens a session with every charge box that would be accepted, and closes it.
      - V(boot) sends a BootNotification in that session as well.
      - Use the last two with a charge box id of no real station only. SteVe sends operators' commands to the newest
        session of a charge box, and stores what the session and the BootNotification say.
    type: str
    choices: [preflight, handshake, boot]
    default: preflight
  subprotocols:
    description:
      - OCPP versions to offer, in this order. With an empty list the header is not sent.
    type: list
    elements: str
    default: [ocpp1.6]
  last_gate:
    description:
      - Whether to send one complete upgrade request that only SteVe's WebSocket engine itself refuses, because of an
        impossible extension. Only this proves that the whole upgrade gets through.
      - Where an intermediary removes the header Sec-WebSocket-Extensions, it opens a session. That is closed at once
        and counted in RV(side_effects.sessions_opened).
    type: bool
    default: false
  gate_charge_box_id:
    description:
      - Charge box for the requests that ask about the upgrade, best a registered one of no real station.
      - By default the first one that is accepted.
    type: str
  hop:
    description:
      - Label of the hop, such as V(direct), V(proxy) or V(public). V(direct) says that O(url) is SteVe's own port.
    type: str
    default: direct
  vantage:
    description:
      - Label of where the probe is sent from.
    type: str
    default: host
  detect_era:
    description:
      - Whether to look for the release even where O(era) is given, with three GETs more. Where the answers can only be
        those of other releases, another SteVe answers, and they are read as those, see RV(era_seen).
    type: bool
    default: false
  return_accepted:
    description:
      - Whether accepted charge boxes have entries of their own in RV(probes).
    type: bool
    default: true
  concurrency:
    description:
      - Connections at the same time, at most 256.
    type: int
    default: 8
  rate:
    description:
      - Requests per second, V(0) for no limit. The average that is not exceeded; lost time is hardly caught up with.
      - With many charge boxes this and O(deadline) belong together.
      - A server that stopped answering costs one O(timeout), not one per charge box; the others are not asked any more.
    type: float
    default: 100
  fail_on:
    description:
      - V(refused) fails when the endpoint is not reachable, no upgrade gets through, or a charge box is refused.
      - V(undetermined) also fails when it stays open whether a charge box is accepted.
    type: str
    choices: [never, refused, undetermined]
    default: never
  tls:
    description:
      - Whether to look at what the TLS endpoint of a V(wss) O(url) presents, see RV(tls). That takes one handshake for
        each protocol version and two or three more, sends no request and verifies nothing.
    type: bool
    default: false
  run_dir:
    description:
      - Directory of a run on the controller, as M(chargeops.steve.steve_report) returns it when it begins a run.
      - When given, the result is filed there as seen from O(vantage), only a summary comes back, and a vantage that
        cannot be reached does not fail the task; it becomes part of the verdict.
    type: path
seealso:
  - module: chargeops.steve.steve_info
  - module: chargeops.steve.steve_report
author:
  - chargeops contributors (@chargeops)
"""

EXAMPLES = r"""
# steve_ws_url: ws://127.0.0.1:8180/steve/websocket/CentralSystemService, SteVe's own port
# steve_public_ws_url: wss://charge.example.net/steve/websocket/CentralSystemService, what chargers are told
# steve_nginx_address: 127.0.0.1:443, where nginx listens on this host

- name: Would SteVe accept these two?
  chargeops.steve.steve_ws_probe:
    url: "{{ steve_ws_url }}"
    charge_box_id: [CP-1, CP-2]
    fail_on: refused

- name: Does an upgrade get through nginx?
  chargeops.steve.steve_ws_probe:
    url: "{{ steve_public_ws_url }}"
    connect_to: "{{ steve_nginx_address }}"
    hop: proxy
    gate_charge_box_id: PROBE-1
    last_gate: true

- name: A whole session with a charge box of no real station
  chargeops.steve.steve_ws_probe:
    url: "{{ steve_ws_url }}"
    charge_box_id: [PROBE-2]
    passwords:
      PROBE-2: "{{ probe_password }}"
    mode: boot
"""

RETURN = r"""
reached:
  description: Whether the vantage could be reached.
  type: bool
  returned: with run_dir
file:
  description: The file written on the controller.
  type: str
  returned: with run_dir
schema:
  description: Name and version of this document.
  type: str
  returned: unless run_dir is given or there is an error
  sample: chargeops.steve/probe/1
hop:
  description: The label O(hop).
  type: str
  returned: unless run_dir is given or there is an error
vantage:
  description: The label O(vantage).
  type: str
  returned: unless run_dir is given or there is an error
url:
  description: The WebSocket URL without charge box id.
  type: str
  returned: unless run_dir is given or there is an error
connect_to:
  description: What was dialled instead of the host in O(url), or null.
  type: str
  returned: unless run_dir is given or there is an error
era:
  description: Releases that SteVe may be of.
  type: dict
  returned: unless run_dir is given or there is an error
  contains:
    min:
      description: Oldest release.
      type: str
    max:
      description: Newest release.
      type: str
    source:
      description: Where this is known from, V(given) or V(fingerprint).
      type: str
era_seen:
  description:
    - Releases that the answers on this hop leave possible, as RV(era), whatever O(era) says. Behind a proxy only
      answers count that no proxy makes up.
    - Null when they leave all, or when nobody looked.
  type: dict
  returned: unless run_dir is given or there is an error
endpoint:
  description:
    - Whether SteVe's WebSocket endpoint is there.
    - With O(run_dir) only its verdict, or null.
  type: dict
  returned: unless there is an error
  contains:
    verdict:
      description: V(reachable), V(unreachable) or V(wrong).
      type: str
    finding:
      description: Id of the finding, null when there is none or it stays open.
      type: str
    candidates:
      description: Findings that are still possible when it stays open.
      type: list
      elements: str
    stage:
      description: Where it was decided, V(resolve), V(connect), V(tls), V(http) or V(path).
      type: str
    addresses:
      description:
        - Every address of the name with its C(address), C(port), C(outcome) and C(elapsed_ms).
        - C(used) marks the one that the probe used. C(finding), C(note) and C(evidence) say what is wrong with this
          address alone. Each is null when there is nothing to say.
        - Where SteVe's sign-in page is at one address, every other one that could be connected is asked for it once.
      type: list
      elements: dict
    evidence:
      description: Requests and answers, each with C(request), C(status), C(headers), C(body) and C(note).
      type: list
      elements: dict
upgrade_path:
  description: Whether a WebSocket upgrade gets through.
  type: dict
  returned: unless run_dir is given or there is an error
  contains:
    verdict:
      description: V(proven), V(broken) or V(unproven).
      type: str
    finding:
      description: Id of the finding when broken, null when it stays open.
      type: str
    reason:
      description: Why it is unproven, otherwise null.
      type: str
    gates:
      description: The requests that asked, each with C(gate), which is V(version) or V(last), and C(status).
      type: list
      elements: dict
    evidence:
      description: Requests and answers as in RV(endpoint.evidence).
      type: list
      elements: dict
probes:
  description: One entry for each charge box, none when the endpoint is not reachable.
  type: list
  elements: dict
  returned: unless run_dir is given or there is an error
  contains:
    charge_box_id:
      description: The id.
      type: str
    verdict:
      description: V(accepted), V(refused) or V(undetermined).
      type: str
    finding:
      description: Id of the finding, null when there is none or it stays open.
      type: str
    candidates:
      description: Findings that are still possible when it is undetermined.
      type: list
      elements: str
    stage:
      description:
        - What was decided last, V(id), V(registration), V(credentials), V(subprotocol), V(upgrade) or V(session).
      type: str
    status:
      description: HTTP status, null without an answer.
      type: int
    evidence:
      description: Requests and answers as in RV(endpoint.evidence).
      type: list
      elements: dict
    password_given:
      description: Whether the requests carried a password of O(passwords).
      type: bool
    session:
      description:
        - What came of the session, with C(opened), C(subprotocol), C(accept_ok), C(closed_code) and C(boot). Null when
          none was tried.
        - C(boot) has C(status), C(current_time), C(interval_s) and C(clock_offset_s), or is null.
      type: dict
      returned: when O(mode) is not V(preflight)
summary:
  description: Counts of charge boxes.
  type: dict
  returned: unless run_dir is given or there is an error
  contains:
    asked:
      description: Charge boxes in O(charge_box_id).
      type: int
    accepted:
      description: Those that SteVe would accept.
      type: int
    refused:
      description: Those that it would refuse.
      type: int
    undetermined:
      description: Those that are left open, all of them when the endpoint is not reachable.
      type: int
    findings:
      description: Number of charge boxes by finding.
      type: dict
side_effects:
  description: What the probe left behind.
  type: dict
  returned: unless run_dir is given or there is an error
  contains:
    requests:
      description: HTTP requests sent.
      type: int
    sessions_opened:
      description: WebSocket sessions opened and closed.
      type: int
    knocks:
      description: Ids that SteVe counted in its list of unknown charge boxes.
      type: list
      elements: str
    from:
      description: Begin in UTC, rounded down to the second.
      type: str
    to:
      description: End in UTC, rounded up to the second.
      type: str
tls:
  description:
    - What the TLS endpoint presents, one entry for each address, judged by nobody yet.
  type: list
  elements: dict
  returned: with O(tls) and a V(wss) O(url), unless run_dir is given or there is an error
  contains:
    hop:
      description: The label O(hop).
      type: str
    vantage:
      description: The label O(vantage).
      type: str
    host:
      description: The name in O(url).
      type: str
    address:
      description: The address that was dialled, null when the name has none.
      type: str
    port:
      description: The port that was dialled.
      type: int
    looked_at:
      description: When, UTC by the clock of the host that looked.
      type: str
    status:
      description: V(ok), or V(unknown) when there is no certificate.
      type: str
    reason:
      description: Why it is unknown, or why the chain is not known beyond the first certificate. Null otherwise.
      type: str
    connected:
      description: Whether the address could be connected at all.
      type: bool
    source:
      description: How the chain was read, V(python), V(openssl), or V(leaf) for the first certificate alone.
      type: str
    chain:
      description: The certificates as they are presented, DER in base64.
      type: list
      elements: str
    negotiated:
      description: Protocol C(version) and C(cipher) of a handshake that offered everything.
      type: dict
    versions:
      description: For each of V(1.0), V(1.1), V(1.2) and V(1.3) C(status), which is V(accepted), V(refused) or
        V(unknown), and C(reason).
      type: dict
    verification:
      description: What this host itself says to the certificate, C(ok), OpenSSL's C(code), and C(reason).
      type: dict
    client_certificate_requested:
      description: Whether the endpoint asks for a client certificate, null when that could not be told.
      type: bool
    elapsed_s:
      description: Seconds that it took.
      type: float
elapsed_s:
  description: Seconds that it took.
  type: float
  returned: unless run_dir is given or there is an error
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

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.chargeops.steve.plugins.module_utils import _door, _handshake, _options, _probe, _tls_chain


def work(params: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Probe one hop; a result with ``failed`` when O(fail_on) wants it."""
    options = dict(params, check_mode=check_mode)
    fail_on, tls = options.pop("fail_on"), options.pop("tls")
    # Read by the action plugin, on the controller.
    del options["run_dir"]
    options["charge_box_ids"] = _options.charge_box_ids(options.pop("charge_box_id"))
    options["era"] = _options.era(options["era"])
    begin = time.monotonic()
    request = _probe.ProbeRequest(**options)
    result = _probe.probe(request)
    if tls and _handshake.parse_url(request.url).secure:
        result["tls"] = look_at_tls(request, max(request.deadline - (time.monotonic() - begin), 1.0))
    reason = _probe.failed_because(result, fail_on)
    return result if reason is None else {**result, "failed": True, "msg": reason}


def look_at_tls(request: _probe.ProbeRequest, deadline: float) -> list[dict[str, Any]]:
    """What the TLS endpoint that was probed presents."""
    url = _handshake.parse_url(request.url)
    dial = _options.host_and_port(request.connect_to) or (url.host, url.port)
    place = _tls_chain.Place(request.hop, url.host, dial)
    return _tls_chain.look([place], request.vantage, request.timeout, deadline, request.ca_path)


def argument_spec() -> dict[str, Any]:
    """The module's options."""
    return {
        **_options.connection_spec(),
        "charge_box_id": {"type": "raw", "default": []},
        "passwords": {"type": "dict", "no_log": True, "default": {}},
        "mode": {"type": "str", "choices": list(_probe.MODES), "default": "preflight"},
        "subprotocols": {"type": "list", "elements": "str", "default": ["ocpp1.6"]},
        "last_gate": {"type": "bool", "default": False},
        "gate_charge_box_id": {"type": "str"},
        "hop": {"type": "str", "default": "direct"},
        "vantage": {"type": "str", "default": "host"},
        "detect_era": {"type": "bool", "default": False},
        "return_accepted": {"type": "bool", "default": True},
        "concurrency": {"type": "int", "default": 8},
        "rate": {"type": "float", "default": 100},
        "fail_on": {"type": "str", "choices": list(_probe.FAIL_ON), "default": "never"},
        "tls": {"type": "bool", "default": False},
        "run_dir": {"type": "path"},
    }


def main() -> None:
    """Probe one hop."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    _door.run(module, lambda params: work(params, module.check_mode))


if __name__ == "__main__":
    main()
