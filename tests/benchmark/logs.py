# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A log of SteVe to be read: as many lines as are wanted, of a thousand charge boxes."""

from __future__ import annotations

from pathlib import Path

_BOXES = 1000
_WS = "de.rwth.idsg.steve.ocpp.ws.WebSocketLogger (qtp1194089321-41)"
_KNOCK = "de.rwth.idsg.steve.ocpp.ws.OcppWebSocketHandshakeHandler (qtp1194089321-41)"
_CENTRAL = "de.rwth.idsg.steve.service.CentralSystemService16_Service (qtp1194089321-41)"
#: Messages in each session; the rest of its lines are its beginning, its boot, its end and a stranger's knock.
_MESSAGES = 44


def write(path: Path, lines: int) -> None:
    """A log of a day of a thousand charge boxes, so many lines long."""
    with path.open("w", encoding="utf-8") as stream:
        for index in range(lines // (_MESSAGES + 6)):
            at = f"2026-11-23 {index // 3600 % 24:02d}:{index // 60 % 60:02d}:{index % 60:02d},{index % 1000:03d}"
            box = f"CP-{index % _BOXES:04d}"
            head = f"[INFO ] {at} {_WS} - [chargeBoxId={box}, sessionId={index:08x}-41] "
            stream.write(f"{head}Connection is established\n")
            stream.write(f'{head}Received: [2,"b","BootNotification",{{"chargePointVendor":"V"}}]\n')
            status = f"The boot of the chargebox '{box}' with registration status 'Optional[ACCEPTED]' is acknowledged."
            stream.write(f"[INFO ] {at} {_CENTRAL} - {status}\n")
            stream.write(f'{head}Sending: [3,"b",{{"status":"Accepted","currentTime":"2026-11-23T00:00:00.000Z"}}]\n')
            for number in range(_MESSAGES // 2):
                values = '{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"1.0"}]}]}'
                stream.write(f'{head}Received: [2,"{number}","MeterValues",{values}]\n')
                stream.write(f'{head}Sending: [3,"{number}",{{}}]\n')
            stream.write(f"[ERROR] {at} {_KNOCK} - ChargeBoxId 'X{index}' is not recognized.\n")
            stream.write(f"{head}Connection is closed, status: CloseStatus[code=1006, reason=Session Closed]\n")
