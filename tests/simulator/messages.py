# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SteVe answers to a station's calls (CentralSystemService16_Service; 1.2 and 1.5 are converted to 1.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from . import logs, repository
from .central import CentralSystem

BOOT_COLUMNS = {
    "chargePointVendor": "charge_point_vendor",
    "chargePointModel": "charge_point_model",
    "chargePointSerialNumber": "charge_point_serial_number",
    "chargeBoxSerialNumber": "charge_box_serial_number",
    "firmwareVersion": "fw_version",
    "iccid": "iccid",
    "imsi": "imsi",
    "meterType": "meter_type",
    "meterSerialNumber": "meter_serial_number",
}
STATUSES = {"Accepted": "ACCEPTED", "Pending": "PENDING", "Rejected": "REJECTED"}

Payload = Mapping[str, object]


class CallError(Exception):
    """The call is answered with a CALLERROR of this code."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(description)
        self.code = code


def timestamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds and Z, as SteVe's JSON writer does."""
    return moment.isoformat(timespec="milliseconds") + "Z"


def _parse_time(value: object, default: datetime) -> datetime:
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return default
    return parsed if parsed.tzinfo is None else parsed.astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Call:
    """A station's call."""

    system: CentralSystem
    charge_box_id: str
    protocol: str
    payload: Payload

    def number(self, key: str) -> int:
        """An integer of the payload; raises CallError."""
        value = self.payload.get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise CallError("TypeConstraintViolation", f"{key} is not an integer")
        return value

    def time(self, key: str) -> datetime:
        """A time of the payload, UTC; the server's clock when it is missing or malformed."""
        return _parse_time(self.payload.get(key), self.system.now())

    async def update(self, **values: object) -> None:
        """Set columns of the charge box."""
        await repository.update_charge_box_by_id(self.system.store, self.charge_box_id, **values)


async def answer_call(
    system: CentralSystem, charge_box_id: str, protocol: str, action: str, payload: Payload
) -> dict[str, object]:
    """The payload of the CALLRESULT. Raises CallError, or PoolTimeoutError when the data base is gone."""
    handler = HANDLERS.get(action)
    if handler is None:
        raise CallError("NotImplemented", f"Requested Action '{action}' is not known by receiver")
    return await handler(Call(system, charge_box_id, protocol, payload))


async def _boot(call: Call) -> dict[str, object]:
    system, charge_box_id, now = call.system, call.charge_box_id, call.system.now()
    row = await repository.find_charge_box(system.store, charge_box_id)
    interval = await repository.heartbeat_interval(system.store)
    if row is None:
        system.log.write("ERROR", logs.CENTRAL_SYSTEM, f"The chargebox '{charge_box_id}' is NOT in database.")
        status = "Rejected"
    else:
        status = str(row["registration_status"])
        if status not in STATUSES:
            raise CallError("InternalError", f"Unknown registration status '{status}'")
        values = {column: call.payload.get(key) for key, column in BOOT_COLUMNS.items()}
        await call.update(ocpp_protocol=f"{call.protocol}J", last_heartbeat_timestamp=now, **values)
        system.log.write(
            "INFO",
            logs.CENTRAL_SYSTEM,
            f"The boot of the chargebox '{charge_box_id}' with registration status 'Optional[{STATUSES[status]}]' "
            "is acknowledged.",
        )
    if call.protocol == "ocpp1.6":
        return {"status": status, "currentTime": timestamp(now), "interval": interval}
    if status == "Pending":
        # OCPP 1.2 and 1.5 know no Pending.
        if not system.era.pending_is_rejected_below_16:
            raise CallError("InternalError", "PENDING")
        status = "Rejected"
    return {"status": status, "currentTime": timestamp(now), "heartbeatInterval": interval}


async def _heartbeat(call: Call) -> dict[str, object]:
    now = call.system.now()
    await call.update(last_heartbeat_timestamp=now)
    return {"currentTime": timestamp(now)}


async def _status(call: Call) -> dict[str, object]:
    payload = call.payload
    values = {
        "status_timestamp": call.time("timestamp"),
        "status": payload.get("status"),
        "error_code": payload.get("errorCode"),
        "error_info": payload.get("info"),
        "vendor_id": payload.get("vendorId"),
        "vendor_error_code": payload.get("vendorErrorCode"),
    }
    await repository.save_status(call.system.store, call.charge_box_id, call.number("connectorId"), values)
    return {}


async def _authorize(call: Call) -> dict[str, object]:
    known = await repository.id_tag_exists(call.system.store, str(call.payload.get("idTag")))
    return {"idTagInfo": {"status": "Accepted" if known else "Invalid"}}


async def _start_transaction(call: Call) -> dict[str, object]:
    answer = await _authorize(call)
    transaction = repository.StartedTransaction(
        call.charge_box_id,
        call.number("connectorId"),
        str(call.payload.get("idTag")),
        call.number("meterStart"),
        call.time("timestamp"),
    )
    return {"transactionId": await repository.start_transaction(call.system.store, transaction), **answer}


async def _stop_transaction(call: Call) -> dict[str, object]:
    reason = call.payload.get("reason")
    await repository.stop_transaction(
        call.system.store,
        call.number("transactionId"),
        call.number("meterStop"),
        call.time("timestamp"),
        None if reason is None else str(reason),
    )
    return {}


async def _firmware_status(call: Call) -> dict[str, object]:
    await call.update(fw_update_status=call.payload.get("status"), fw_update_timestamp=call.system.now())
    return {}


async def _diagnostics_status(call: Call) -> dict[str, object]:
    await call.update(diagnostics_status=call.payload.get("status"), diagnostics_timestamp=call.system.now())
    return {}


async def _accepted(_call: Call) -> dict[str, object]:
    return {"status": "Accepted"}


async def _noted(_call: Call) -> dict[str, object]:
    return {}


HANDLERS: dict[str, Callable[[Call], Awaitable[dict[str, object]]]] = {
    "Authorize": _authorize,
    "BootNotification": _boot,
    "DataTransfer": _accepted,
    "DiagnosticsStatusNotification": _diagnostics_status,
    "FirmwareStatusNotification": _firmware_status,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _noted,
    "MeterValues": _noted,
    "SecurityEventNotification": _noted,
    "StartTransaction": _start_transaction,
    "StatusNotification": _status,
    "StopTransaction": _stop_transaction,
}
"""What answers which action."""
