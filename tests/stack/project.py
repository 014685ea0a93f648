# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One SteVe installation for tests: a compose project (app = simulator, db = MariaDB) and the host that it runs on.

The host is the *target* container: it has nginx, Python and the docker client, the engine's socket, and the project's
directory at the same path as on this machine, so that ``docker compose`` works inside it as on a real SteVe host.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from tests.stack import nginx
from tests.stack.charger import Charger
from tests.stack.cleanup import LABEL, STACKS, remove_stack
from tests.stack.engine import Engine
from tests.stack.images import Images
from tests.stack.shell import StackError

Mode = Literal["host", "network"]

APP_ENV_FILE = "docker-compose.app.env"
ENDPOINT = "/steve/websocket/CentralSystemService"
PUBLIC_NAME = "charge.test"
"""Resolves to the target's own loopback inside the target (RFC 6761: .test is nobody's)."""

CONTROL_PORT = 9180
"""The simulator's control port, inside the app's container only."""

DEFAULT_CHARGE_BOXES = ("CP1", "LIVE1", "PROBE1")
DEFAULT_APP_ENV = {"AUTH_USER": "admin", "AUTH_PASSWORD": "stack-admin", "WEBAPI_VALUE": "webapi-secret"}

_COMPOSE = """\
services:
  db:
    image: {mariadb}
    pull_policy: never
    networks:
      default:
        aliases: [mariadb]
    healthcheck:
      test: ["CMD-SHELL", "{seldom}; mariadb -h127.0.0.1 -usteve -pchangeme stevedb -e 'select 1' && {once}"]
      interval: 1s
      timeout: 30s
      retries: 120
  app:
    image: {simulator}
    pull_policy: never
    stop_grace_period: 2s
    env_file: [{env_file}]
    environment: {environment}
    volumes: ["./main.properties:/opt/steve/main.properties:ro"]
    ports: ["127.0.0.1:{port}:8180"]
    depends_on:
      db:
        condition: service_healthy
    healthcheck:
      test: ["CMD-SHELL", "{seldom}; curl -fsS -m 5 -o /dev/null http://127.0.0.1:8180/steve/manager/signin && {once}"]
      interval: 1s
      timeout: 30s
      retries: 120
"""

#: Docker asks each second, so that a start is seen at once. From the first answer on it has to wait, because each time
#: costs more than SteVe does; what stands in /dev/shm is gone when the container starts again.
_SELDOM, _ONCE = "test -e /dev/shm/was-healthy && sleep 20", "touch /dev/shm/was-healthy"

_MAIN_PROPERTIES = """\
# Read by SteVe up to 3.8.0, which replaces a value $NAME by the environment variable NAME.
auth.user = $AUTH_USER
auth.password = $AUTH_PASSWORD
webapi.key = STEVE-API-KEY
webapi.value = $WEBAPI_VALUE
"""


def free_port() -> int:
    """A TCP port that nothing listens on, below the range from which outgoing connections take theirs."""
    for port in random.sample(range(20000, 30000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StackError("No free TCP port was found between 20000 and 30000: something on this machine took them all.")


def numbered(name: str, number: int) -> str:
    """The name of one of several: the first keeps it, the others get ``-2``, ``-3`` and so on."""
    return name if number == 1 else f"{name}-{number}"


def together(name: str) -> list[str]:
    """Names of the stacks that are there of those brought up together under a name."""
    others = [path.name for path in STACKS.glob(f"{name}-*") if path.name.removeprefix(f"{name}-").isdigit()]
    first = [name] if (STACKS / name).exists() else []
    return [*first, *sorted(others, key=lambda other: int(other.removeprefix(f"{name}-")))]


class Stack:
    """A SteVe installation. Use as a context manager, or call up() and down().

    ``release``: the SteVe release to play, e.g. ``3.14.1``. ``mode``: ``host`` = nginx on the host, its upstream is the
    app's published port on 127.0.0.1; ``network`` = nginx in the compose network, its upstream is ``app:8180``.
    ``charge_boxes``: who is registered at first (``ID[:status[:profile[:password]]]``). ``app_env``: content of the env
    file. ``knobs``: further environment of the simulator (``SIM_…``).
    """

    def __init__(
        self,
        engine: Engine,
        images: Images,
        *,
        release: str = "3.14.1",
        mode: Mode = "host",
        charge_boxes: Sequence[str] = DEFAULT_CHARGE_BOXES,
        app_env: Mapping[str, str] | None = None,
        knobs: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        self.engine, self.images, self.release, self.mode = engine, images, release, mode
        self.name = name or f"steve-test-{secrets.token_hex(4)}"
        self.directory = STACKS / self.name
        self.target = f"{self.name}-target"
        self.app_port, self.proxy_port = free_port(), free_port()
        self.charge_boxes, self.app_env = list(charge_boxes), dict(DEFAULT_APP_ENV if app_env is None else app_env)
        self.knobs = dict(knobs or {})

    # --- where things are -------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Base URL of SteVe as seen from this machine, and from the target in mode ``host``."""
        return f"http://127.0.0.1:{self.app_port}/steve"

    @property
    def url_in_target(self) -> str:
        """Base URL of SteVe's own port as seen from the target."""
        return self.url if self.mode == "host" else "http://app:8180/steve"

    @property
    def ws_url(self) -> str:
        """WebSocket URL of the direct hop without the charge box id, as seen from this machine."""
        return f"ws://127.0.0.1:{self.app_port}{ENDPOINT}"

    @property
    def proxy_ws_url(self) -> str:
        """WebSocket URL through nginx without the charge box id, as seen from this machine."""
        return f"ws://127.0.0.1:{self.proxy_port}{ENDPOINT}"

    @property
    def public_ws_url(self) -> str:
        """WebSocket URL through nginx by its public name; resolves inside the target only."""
        return f"ws://{PUBLIC_NAME}:{self.proxy_port}{ENDPOINT}"

    @property
    def listen(self) -> str:
        """What nginx in the target has to listen on."""
        return f"127.0.0.1:{self.proxy_port}" if self.mode == "host" else str(self.proxy_port)

    @property
    def upstream(self) -> str:
        """``host:port`` of the app for nginx in the target."""
        return f"127.0.0.1:{self.app_port}" if self.mode == "host" else "app:8180"

    @property
    def env_file(self) -> Path:
        """The app's env file."""
        return self.directory / APP_ENV_FILE

    def inventory(self) -> dict[str, Any]:
        """An Ansible inventory with the target as the only host of group ``steve``, described as its operator would.

        ``stack_…`` is for playbooks that write nginx configuration for a test.
        """
        host = {
            "ansible_connection": "community.docker.docker",
            "ansible_host": self.target,
            "ansible_python_interpreter": "/usr/bin/python3",
            "steve_url": self.url_in_target,
            "steve_public_ws_url": self.public_ws_url,
            "steve_project_dir": str(self.directory),
            "steve_admin_username": self.app_env.get("AUTH_USER", "admin"),
            "steve_admin_password": self.app_env.get("AUTH_PASSWORD", ""),
            "stack_listen": self.listen,
            "stack_proxy_pass": nginx.proxy_pass(self.upstream, resolve=self.mode == "network"),
        }
        return {"all": {"children": {"steve": {"hosts": {self.name: host}}}}}

    @classmethod
    def load(cls, engine: Engine, images: Images, name: str) -> Stack:
        """The stack that another process brought up under this name. Raises StackError when there is none."""
        try:
            known = json.loads((STACKS / name / "stack.json").read_text())
        except FileNotFoundError:
            raise StackError(f"There is no stack {name}: bring it up first.") from None
        ports = known.pop("app_port"), known.pop("proxy_port")
        stack = cls(engine, images, name=name, **known)
        stack.app_port, stack.proxy_port = ports
        return stack

    # --- life -------------------------------------------------------------------------------------------------------

    def up(self, timeout: float = 180) -> None:
        """Start everything and wait until it is healthy. Raises StackError, leaving nothing."""
        try:
            self.write_project()
            self.compose("up", "--detach", "--wait", "--wait-timeout", str(int(timeout)), timeout=timeout + 30)
            self._start_target()
            self.nginx(self.good_site())
        except BaseException as error:
            if isinstance(error, StackError):
                error.add_note(f"app said:\n{self.logs('app')[-3000:]}\ndb said:\n{self.logs('db')[-1000:]}")
            self.down()
            raise

    def down(self) -> None:
        """Remove containers, networks, volumes and files, whatever state they are in."""
        remove_stack(self.engine, self.name)

    def __enter__(self) -> Stack:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def write_project(self) -> None:
        """Write the compose project's files as the attributes say now (containers change at the next ``up -d``)."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "owner").write_text(os.environ.get("STEVE_TEST_OWNER", str(os.getpid())))
        known = ("release", "mode", "charge_boxes", "app_env", "knobs", "app_port", "proxy_port")
        (self.directory / "stack.json").write_text(json.dumps({name: getattr(self, name) for name in known}))
        self.write_env_file()
        (self.directory / "main.properties").write_text(_MAIN_PROPERTIES)
        (self.directory / "docker-compose.yml").write_text(
            _COMPOSE.format(
                mariadb=self.images.mariadb,
                simulator=self.images.simulator,
                env_file=APP_ENV_FILE,
                seldom=_SELDOM,
                once=_ONCE,
                port=self.app_port,
                environment=json.dumps(self._simulator_env()),
            )
        )

    def write_env_file(self, text: str | None = None) -> None:
        """Write the app's env file: ``text``, or what ``app_env`` says."""
        self.env_file.write_text("".join(f"{k}={v}\n" for k, v in self.app_env.items()) if text is None else text)

    def _simulator_env(self) -> dict[str, str]:
        return {
            "SIM_RELEASE": self.release,
            "SIM_DB_URL": "mysql+aiomysql://steve:changeme@db:3306/stevedb",
            "SIM_HOST": "0.0.0.0",
            "SIM_CHARGE_BOXES": ",".join(self.charge_boxes),
            "SIM_MAIN_PROPERTIES": "/opt/steve/main.properties",
            "SIM_CONTROL_PORT": str(CONTROL_PORT),
            **self.knobs,
        }

    # --- compose ----------------------------------------------------------------------------------------------------

    def compose(self, *args: str, timeout: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``docker compose`` for this project on this machine."""
        return self.engine.docker("compose", "--ansi", "never", *args, timeout=timeout, check=check, cwd=self.directory)

    def container(self, service: str) -> str:
        """Container id of a service, running or not. Raises StackError when there is none."""
        found = self.compose("ps", "--all", "--quiet", service).stdout.split()
        if not found:
            raise StackError(f"Project {self.name} has no container of service {service}.")
        return found[0]

    def logs(self, service: str) -> str:
        """What a service said so far on both streams; empty when it never ran."""
        found = self.compose("ps", "--all", "--quiet", service, check=False).stdout.split()
        done = self.engine.docker("logs", found[0]) if found else None
        return done.stdout + done.stderr if done else ""

    def wait_healthy(self, service: str = "app", timeout: float = 120) -> None:
        """Bring a service back (started, healthy), e.g. after a fault was undone."""
        self.compose(
            "up", "--detach", "--no-deps", "--wait", "--wait-timeout", str(int(timeout)), service, timeout=timeout + 30
        )

    def address(self, container: str) -> str:
        """A container's address in its only network."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.engine.docker("inspect", "--format", form, container).stdout.strip()

    def move_app(self) -> list[str]:
        """Give the app another address: other containers take the old one while it is stopped.

        Returns their names; they go with the stack, if nobody removes them before. Raises StackError when the app kept
        its address.
        """
        before = self.address(self.container("app"))
        self.compose("stop", "app")
        names: list[str] = []
        while len(names) < 10 and (not names or self.address(names[-1]) != before):
            names.append(f"{self.name}-squatter-{len(names)}")
            self.engine.docker(
                *("run", "--detach", "--name", names[-1], "--network", f"{self.name}_default"),
                *("--label", f"{LABEL}={self.name}", "--entrypoint", "sleep", self.images.target, "900"),
            )
        self.wait_healthy("app")
        if self.address(self.container("app")) == before:
            raise StackError(f"The app of {self.name} kept its address.")
        return names

    def mend(self, deadline_s: float = 60.0) -> None:
        """Bring data base, app and nginx back. Raises StackError.

        Compose gives up at once on a container that is still marked unhealthy, so it is asked again.
        """
        end = time.monotonic() + deadline_s
        for service in ("db", "app"):
            while True:
                try:
                    self.wait_healthy(service)
                    break
                except StackError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.5)
        self.nginx(self.good_site())

    def control(self, method: str, **arguments: Any) -> Any:
        """Call the simulator's control port and return its result, e.g. ``control("set_fault", name="slow")``."""
        url = f"http://127.0.0.1:{CONTROL_PORT}/{method}"
        body = json.dumps(arguments)
        done = self.compose("exec", "-T", "app", "curl", "-sS", "--fail-with-body", "--json", body, url)
        return json.loads(done.stdout)["result"]

    def sql(self, statement: str) -> list[list[str]]:
        """Run SQL in the data base and return its rows as text."""
        done = self.compose("exec", "-T", "db", "mariadb", "--batch", "--skip-column-names", "stevedb", "-e", statement)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def dump(self) -> str:
        """The content of all tables, in a form that is equal exactly when the tables are equal."""
        done = self.compose(
            "exec",
            "-T",
            "db",
            "mariadb-dump",
            "--skip-comments",
            "--skip-extended-insert",
            "--order-by-primary",
            "stevedb",
        )
        return done.stdout

    # --- the target -------------------------------------------------------------------------------------------------

    def in_target(self, *argv: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on the SteVe host."""
        interactive = () if stdin is None else ("--interactive",)
        return self.engine.docker("exec", *interactive, self.target, *argv, stdin=stdin, check=check)

    def write_in_target(self, path: str, text: str) -> None:
        """Write a file on the SteVe host."""
        self.in_target("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path, stdin=text)

    def nginx(self, site: str, *, reload: bool = True) -> None:
        """Make this text the target's only site, and start or reload nginx. Raises StackError when nginx refuses it."""
        self.write_in_target("/etc/nginx/sites-available/steve", site)
        self.in_target("ln", "-sf", "../sites-available/steve", "/etc/nginx/sites-enabled/steve")
        if reload:
            self.in_target("nginx", "-t", "-q")
            self.in_target("sh", "-c", "pgrep -x nginx >/dev/null && nginx -s reload || nginx")

    def good_site(self) -> str:
        """A site that forwards the admin UI and WebSockets to the app."""
        resolve = self.mode == "network"
        plain = {"resolve": resolve, "without": ("upgrade", "connection", "timeouts")}
        return nginx.server(
            self.listen,
            nginx.location("/", self.upstream, **plain),  # type: ignore[arg-type]
            nginx.location("/steve/websocket/", self.upstream, resolve=resolve),
            name=PUBLIC_NAME,
        )

    def _start_target(self) -> None:
        if self.mode == "host":
            network = ["--network", "host"]
        else:
            port = f"127.0.0.1:{self.proxy_port}:{self.proxy_port}"
            network = ["--network", f"{self.name}_default", "--publish", port]
        mounts = (f"{_socket(self.engine)}:/var/run/docker.sock", f"{self.directory}:{self.directory}")
        self.engine.docker(
            *("run", "--detach", "--name", self.target, "--hostname", "steve-host", "--label", f"{LABEL}={self.name}"),
            *("--add-host", f"{PUBLIC_NAME}:127.0.0.1", *network),
            *(part for mount in mounts for part in ("--volume", mount)),
            *("--workdir", str(self.directory), self.images.target),
        )

    # --- chargers ---------------------------------------------------------------------------------------------------

    def charger(
        self, charge_box_id: str, *, url: str | None = None, password: str | None = None, heartbeat: float = 5
    ) -> Charger:
        """Start a live charger (default: on the direct hop). It boots, sends heartbeats and records what it is told.

        ``heartbeat``: seconds between heartbeats; each writes to the data base.
        """
        settings = {
            "STATION_HEARTBEAT_S": str(heartbeat),
            **({} if password is None else {"STATION_PASSWORD": password}),
        }
        return Charger.start(
            self.engine, self.images.simulator, self.name, charge_box_id, url=url or self.ws_url, settings=settings
        )


def _socket(engine: Engine) -> str:
    host = (
        os.environ.get("DOCKER_HOST")
        or engine.docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").stdout.strip()
    )
    if not host.startswith("unix://"):
        raise StackError(
            f"The target needs the engine's socket, but the engine is at {host}: use an engine of this machine."
        )
    return host.removeprefix("unix://")
