# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the recorded requests are sent to: simulators in each setup, proxies in front of them, or a real server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.simulator import running_simulator
from tests.simulator.faulty_proxy import Mode, running_proxy

from .cases import Credentials

CREDENTIALS = Credentials()
FORWARDED = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "steve.example.org"))

PROXY_MODES: Mapping[str, Mode] = {
    "nginx[right]": Mode(added=FORWARDED),
    "nginx[no-upgrade-headers]": Mode(upgrade=False, connection="close"),
    "nginx[no-http-1.1]": Mode(http11=False),
    "nginx[bare]": Mode(http11=False, upgrade=False, connection="close", host="upstream"),
    "nginx[const-Connection-upgrade]": Mode(connection="upgrade"),
    "nginx[only-Upgrade]": Mode(connection="close"),
    "nginx[only-Connection]": Mode(upgrade=False, connection="upgrade"),
}
"""The recorded nginx configurations, as modes of the faulty proxy."""


def nginx_binary() -> str | None:
    """Path of an nginx on this machine."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


ALSO_REGISTERED: Mapping[str, tuple[str, ...]] = {"3.4.9": ("a(b)",)}
"""Charge boxes that the recorded server of a release had besides those of the README."""


@dataclass(frozen=True)
class Target:
    """Where to send requests."""

    host: str
    port: int
    credentials: Credentials

    @property
    def authority(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Live:
    """A real server, from STEVE_LIVE_* variables."""

    target: Target
    release: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Live | None:
        """None without STEVE_LIVE_URL; raises ValueError with a sentence when something is missing or unusable."""
        environ = os.environ if environ is None else environ
        url = environ.get("STEVE_LIVE_URL")
        if not url:
            return None
        missing = [
            name
            for name in ("STEVE_LIVE_VERSION", "STEVE_LIVE_USERNAME", "STEVE_LIVE_PASSWORD")
            if not environ.get(name)
        ]
        if missing:
            raise ValueError(f"STEVE_LIVE_URL is set, but not {', '.join(missing)}")
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.path.rstrip("/") != "/steve" or parts.hostname is None:
            raise ValueError(f"STEVE_LIVE_URL must look like http://HOST:PORT/steve, not {url}")
        credentials = Credentials(
            username=environ["STEVE_LIVE_USERNAME"],
            password=environ["STEVE_LIVE_PASSWORD"],
            api_value=environ.get("STEVE_LIVE_WEBAPI_VALUE") or None,
            station_password=environ.get("STEVE_LIVE_STATION_PASSWORD") or None,
        )
        return cls(Target(parts.hostname, parts.port or 80, credentials), environ["STEVE_LIVE_VERSION"])


class Targets:
    """Starts what a case needs, once, and stops everything at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: dict[tuple[str, str, str], Target] = {}
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="steve-contract-")))

    def close(self) -> None:
        """Stop everything."""
        self._stack.close()

    def simulator(self, release: str, setup: str) -> Target:
        """A simulator of the release in a setup (see Case.setup)."""
        key = ("simulator", release, setup)
        if key not in self._running:
            self._running[key] = self._start_simulator(release, setup)
        return self._running[key]

    def behind(self, via: str, setup: str, upstream: Target) -> Target:
        """A proxy (``nginx`` or ``faulty-proxy``) in the recorded configuration in front of a server."""
        key = (via, upstream.authority, setup)
        if key not in self._running:
            if via == "nginx":
                for name, port in self._start_nginx(upstream).items():
                    self._running["nginx", upstream.authority, name] = Target("127.0.0.1", port, upstream.credentials)
            else:
                proxy = self._stack.enter_context(running_proxy(PROXY_MODES[setup], upstream.authority))
                self._running[key] = Target("127.0.0.1", proxy.port, upstream.credentials)
        return self._running[key]

    def _start_simulator(self, release: str, setup: str) -> Target:
        properties = {
            "auth.user": CREDENTIALS.username,
            "auth.password": CREDENTIALS.password,
            "webapi.key": "STEVE-API-KEY",
            "webapi.value": str(CREDENTIALS.api_value),
        }
        if setup == "proto-header":
            properties["steve.ocpp.security.protocol-header-from-proxy"] = "X-Forwarded-Proto"
        if setup == "cert-header":
            properties["steve.ocpp.security.client-cert-header-from-proxy"] = "X-Client-Cert"
        file = self._directory / f"main-{release}-{setup}.properties"
        file.write_text("".join(f"{key} = {value}\n" for key, value in properties.items()), "utf-8")
        running = self._stack.enter_context(
            running_simulator(
                release=release,
                charge_boxes=["LAB-CP-001", "LAB-SP0", *ALSO_REGISTERED.get(release, ())],
                system_properties=properties,
                main_properties=file,
            )
        )
        control, password = running.control, CREDENTIALS.station_password
        control.add_charge_box("LAB-SP1", profile=1, password=password)
        control.add_charge_box("LAB-SP2", profile=2, password=password)
        configuration = {"CpoName": "LabCPO"}
        control.add_charge_box(
            "LAB-SP3", profile=3, charge_point_serial_number="SN-3", ocpp_configuration=configuration, cpo_name="LabCPO"
        )
        if setup == "null-profile":
            control.update_charge_box("LAB-SP0", security_profile=None)
        return Target("127.0.0.1", running.port, CREDENTIALS)

    def _start_nginx(self, upstream: Target) -> dict[str, int]:
        binary = nginx_binary()
        assert binary is not None
        home = self._directory / f"nginx-{upstream.port}"
        (home / "tmp").mkdir(parents=True)
        ports = {name: _free_port() for name in PROXY_MODES}
        (home / "nginx.conf").write_text(_nginx_configuration(ports, upstream, home), "utf-8")
        process = subprocess.Popen(
            [binary, "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(_stop, process)
        for port in ports.values():
            _wait_for_port(port, process, home / "error.log")
        return ports


def _nginx_configuration(ports: Mapping[str, int], upstream: Target, home: Path) -> str:
    forwarded = "".join(f"proxy_set_header {name} {value};" for name, value in FORWARDED)
    keep_host = "proxy_set_header Host $host;"
    http11 = "proxy_http_version 1.1;"
    upgrade = "proxy_set_header Upgrade $http_upgrade;"
    mapped = "proxy_set_header Connection $connection_upgrade;"
    constant = 'proxy_set_header Connection "upgrade";'
    fragments = {
        "nginx[right]": keep_host + forwarded + http11 + upgrade + mapped,
        "nginx[no-upgrade-headers]": keep_host + http11,
        "nginx[no-http-1.1]": keep_host + upgrade + mapped,
        "nginx[bare]": "",
        "nginx[const-Connection-upgrade]": keep_host + http11 + upgrade + constant,
        "nginx[only-Upgrade]": keep_host + http11 + upgrade,
        "nginx[only-Connection]": keep_host + http11 + constant,
    }
    servers = "\n".join(
        f"server {{ listen 127.0.0.1:{ports[name]}; location / {{ proxy_pass http://{upstream.authority}; {lines} }} }}"
        for name, lines in fragments.items()
    )
    temporary = "\n".join(
        f"{kind}_temp_path {home}/tmp/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    return (
        f"{user} daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;\n"
        f"events {{ worker_connections 256; }}\nhttp {{ access_log off; {temporary}\n"
        'map $http_upgrade $connection_upgrade { default upgrade; "" close; }\n'
        f"{servers}\n}}\n"
    )


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended with {process.returncode}: {log.read_text('utf-8')}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nginx does not listen on port {port}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
