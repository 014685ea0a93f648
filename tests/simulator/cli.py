# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line: ``python -m tests.simulator --release 3.14.1 --port 8180 …``; everything also from SIM_* variables."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .config import system_properties
from .eras import ERAS
from .faults import KNOWN, FaultValue
from .server import ChargeBox, Options, Simulator, StartError

EPILOG = """Environment (for containers): SIM_RELEASE SIM_HOST SIM_PORT SIM_CONTEXT SIM_DB_URL SIM_CHARGE_BOXES (comma
or blank separated) SIM_MAIN_PROPERTIES SIM_CONTROL_PORT SIM_CONTROL_HOST SIM_FAULTS (comma separated NAME[=VALUE])
SIM_LOG_FILE SIM_MIGRATIONS_S SIM_POOL_TIMEOUT_S SIM_DB_WAIT_S SIM_PING_INTERVAL_S. SteVe's own names (AUTH_USER,
AUTH_PASSWORD, WEBAPI_VALUE, DB_IP, …) and -D follow the rules of the release that is played."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="python -m tests.simulator", description="Plays SteVe.", epilog=EPILOG)
    add = result.add_argument
    add("--release", help=f"one of {', '.join(ERAS)} (default 3.14.1)")
    add("--host", help="address to bind (default 127.0.0.1)")
    add("--port", type=int, help="port to bind, 0 for any (default 8180)")
    add("--context", help="context path (default steve)")
    add(
        "--db",
        help="SQLAlchemy URL: sqlite+aiosqlite:///path or mysql+aiomysql://user:password@host/schema",
    )
    add(
        "--charge-box",
        action="append",
        default=[],
        metavar="ID[:STATUS[:PROFILE[:PASSWORD]]]",
        help="have it at start",
    )
    add(
        "--main-properties",
        metavar="FILE",
        help="plays -Dmain.properties=FILE (releases up to 3.8.0)",
    )
    add(
        "-D",
        dest="definitions",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="Java system property",
    )
    add("--control-port", type=int, help="port for tests, 0 for any (default: none)")
    add("--control-host", help="address of the control port (default 127.0.0.1)")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help=f"one of {', '.join(KNOWN)}",
    )
    add("--log-file", metavar="FILE", help="prod profile: log there instead of stdout")
    add(
        "--migrations-s",
        type=float,
        help="seconds of migrations before the port is bound (default 0)",
    )
    add(
        "--pool-timeout-s",
        type=float,
        help="seconds until a dead data base is given up (default 30)",
    )
    add(
        "--db-wait-s",
        type=float,
        help="seconds to wait for the data base's port at start (default 60)",
    )
    add(
        "--ping-interval-s",
        type=float,
        help="seconds between WebSocket pings (default 900)",
    )
    add("--quiet", action="store_true", help="no log lines on stdout")
    return result


def parse_fault(text: str) -> tuple[str, FaultValue]:
    """``NAME`` or ``NAME=VALUE`` (a number, true/false or text)."""
    name, equals, raw = text.partition("=")
    if not equals:
        return name, True
    try:
        value = json.loads(raw)
    except ValueError:
        value = raw
    return name, value if isinstance(value, (bool, int, float, str)) else raw


def options_from(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Options from the command line, else from SIM_* variables, else defaults."""
    given = parser().parse_args(arguments)
    defaults = Options()

    def pick(value: str | None, name: str, default: str | None) -> str | None:
        return value if value is not None else environ.get(name) or default

    def number(value: float | None, name: str, default: float) -> float:
        return value if value is not None else float(environ.get(name) or default)

    boxes = given.charge_box or environ.get("SIM_CHARGE_BOXES", "").replace(",", " ").split()
    faults = given.fault or [one for one in environ.get("SIM_FAULTS", "").split(",") if one]
    control = pick(
        None if given.control_port is None else str(given.control_port),
        "SIM_CONTROL_PORT",
        None,
    )
    properties = pick(given.main_properties, "SIM_MAIN_PROPERTIES", None)
    log_file = pick(given.log_file, "SIM_LOG_FILE", None)
    return Options(
        release=str(pick(given.release, "SIM_RELEASE", defaults.release)),
        host=str(pick(given.host, "SIM_HOST", defaults.host)),
        port=int(number(given.port, "SIM_PORT", 8180)),
        context=str(pick(given.context, "SIM_CONTEXT", defaults.context)),
        db=pick(given.db, "SIM_DB_URL", None),
        charge_boxes=tuple(ChargeBox.parse(one) for one in boxes),
        main_properties=None if properties is None else Path(properties),
        system_properties=system_properties(given.definitions, environ),
        environ=environ,
        control_port=None if control is None else int(control),
        control_host=str(pick(given.control_host, "SIM_CONTROL_HOST", defaults.control_host)),
        faults=dict(parse_fault(one) for one in faults),
        log_file=None if log_file is None else Path(log_file),
        console=None if log_file is not None or given.quiet else sys.stdout,
        banner=sys.stdout,
        migrations_s=number(given.migrations_s, "SIM_MIGRATIONS_S", 0.0),
        pool_timeout_s=number(given.pool_timeout_s, "SIM_POOL_TIMEOUT_S", defaults.pool_timeout_s),
        db_wait_s=number(given.db_wait_s, "SIM_DB_WAIT_S", defaults.db_wait_s),
        ping_interval_s=number(given.ping_interval_s, "SIM_PING_INTERVAL_S", defaults.ping_interval_s),
    )


async def run(options: Options) -> int:
    """Run until SIGTERM, SIGINT or the control port's stop; returns the exit code."""
    simulator = Simulator(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    start = asyncio.create_task(simulator.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({start, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            start.cancel()
            return 143
        try:
            start.result()
        except StartError as error:
            return error.rc
        if simulator.control_port is not None:
            print(f"control port {simulator.control_port}", flush=True)
        print(f"listening on {simulator.port}", flush=True)
        stopped = asyncio.create_task(simulator.stopped.wait())
        await asyncio.wait({stopped, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await simulator.close()
        return 0 if not stop.is_set() else 143
    finally:
        stopping.cancel()


def main() -> int:
    """Entry point; returns the exit code (143 after SIGTERM, as a JVM does)."""
    try:
        options = options_from(sys.argv[1:], os.environ)
        return asyncio.run(run(options))
    except ValueError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
