# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything observable from one host in one call: the parts, their order and their deadlines.

Looking leaves traces, so the order is fixed: containers and files, the log among them, then SteVe's own lists, then the
probes; following the log comes last, when nothing of ours knocks any more. With admin credentials only registered ids
are preflighted, so that SteVe's list of unknown ids stays as it was.
Nothing here judges; that is the analyser's work on the controller.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable
from urllib.parse import urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils import (
    _admin,
    _clock,
    _command,
    _docker,
    _env_reach,
    _follow,
    _handshake,
    _ids,
    _log_follow,
    _log_source,
    _nginx_look,
    _options,
    _probe,
    _resources,
    _socket_owners,
    _starting,
    _steve_log,
    _tls_chain,
    _webapi,
)
from ansible_collections.chargeops.steve.plugins.module_utils._era import UNKNOWN, Era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

SCHEMA = "chargeops.steve/observation/1"
WEBSOCKET_PATH = "/websocket/CentralSystemService"
PART_NAMES = (
    "compose", "env", "log", "clock", "nginx", "sockets", "resources", "admin", "webapi", "tls", "probes",
    "follow",
)  # fmt: skip
#: Seconds that the look at TLS endpoints may take.
_TLS_S = 20.0
#: Seconds that the look at nginx in a container may take.
_NGINX_S = 20.0
#: Seconds that reading the log may take, and that a program may which tells about the host's clock.
_LOG_S = 20.0
_CLOCK_S = 3.0
#: Seconds by which our own knocks may stand beside their window in the log.
_DISCOUNT_SLACK_S = 2.0
#: Seconds that the log may be followed.
_MAX_FOLLOW_S = 600.0
#: Seconds that docker may take to stamp a line of ours after the last probe.
_LATE_LINE_S = 0.25
#: Seconds that the look at the Web API may take, and charge boxes whose transactions it asks about.
_WEB_API_S = 20.0
_WEB_API_BOXES = 20
#: Seconds that the look for the owners of sockets may take.
_SOCKETS_S = 3.0
#: A data base that was installed without docker keeps its files here, in every distribution's package.
_DATA_BASE_DIR = "/var/lib/mysql"
_STRAIGHT = "the public URL leads straight to SteVe's own port"


@dataclass
class Options:
    """What one observation is told; names as in the module's options. Times in seconds."""

    run_id: str
    host: str
    url: str
    public_ws_url: str | None = None
    project_dir: str | None = None
    project_name: str | None = None
    compose_files: list[str] = field(default_factory=list)
    compose_env_files: list[str] = field(default_factory=list)
    app_service: str = "app"
    db_service: str = "db"
    nginx_conf: str = "/etc/nginx/nginx.conf"
    nginx_command: list[str] = field(default_factory=lambda: ["nginx"])
    username: str | None = None
    password: str | None = None
    charge_box_ids: list[str] = field(default_factory=list)
    single: bool = False
    passwords: dict[str, str] = field(default_factory=dict)
    probe_charge_box_id: str | None = None
    subprotocols: list[str] = field(default_factory=lambda: ["ocpp1.6"])
    era: Era | None = None
    timeout: float = 10.0
    deadline: float = 60.0
    start_deadline: float = 0.0
    validate_certs: bool = True
    ca_path: str | None = None
    webapi: _webapi.Credential = field(default_factory=_webapi.Credential)
    webapi_scheme: str = "auto"
    log_file: str | None = None
    log_since: float = 86400.0
    log_max_bytes: int = 32 * 1024 * 1024
    log_discounts: list[_steve_log.Discount] = field(default_factory=list)
    follow: float = 0.0
    parts: list[str] = field(default_factory=list)


def options_from(params: dict[str, Any]) -> Options:
    """The options of one call of the module, checked.

    Raises:
        InputError: a value cannot be used; the sentence names the option.
    """
    ids = _options.charge_box_ids(params["charge_box_id"])
    dedicated = params["probe_charge_box_id"]
    return Options(
        run_id=params["run_id"], host=params["host"] or socket.gethostname(), url=_base_url(params["url"]),
        public_ws_url=_public_url(params["public_ws_url"]), project_dir=params["project_dir"] or None,
        project_name=params["project_name"] or None, compose_files=params["compose_files"],
        compose_env_files=params.get("compose_env_files") or [],
        app_service=params["app_service"], db_service=params["db_service"], nginx_conf=params["nginx_conf"],
        nginx_command=params["nginx_command"] or ["nginx"], username=params["username"], password=params["password"],
        charge_box_ids=ids, single=_single(params, ids), passwords=_options.passwords(params["passwords"]),
        probe_charge_box_id=_options.charge_box_id(dedicated, "probe_charge_box_id") if dedicated else None,
        subprotocols=params["subprotocols"], era=_options.era(params["era"]),
        timeout=_options.seconds(params["timeout"], "timeout"),
        deadline=_options.seconds(params["deadline"], "deadline"),
        start_deadline=_start_deadline(params.get("start_deadline")),
        validate_certs=params["validate_certs"], ca_path=params["ca_path"],
        webapi=_webapi_credential(params), webapi_scheme=params.get("webapi_scheme") or "auto",
        log_file=params.get("log_file") or None,
        log_since=_options.seconds(params.get("log_since") or 86400.0, "log_since"),
        log_max_bytes=_log_bytes(params.get("log_max_bytes")),
        log_discounts=[_discount(item) for item in params.get("log_discounts") or []],
        follow=_follow_s(params.get("follow"), ids),
        parts=list(params.get("parts") or []),
    )  # fmt: skip


def _single(params: dict[str, Any], ids: list[str]) -> bool:
    """Whether one charge box is in question; with several ids it is bad input."""
    single = bool(params.get("single"))
    if single and len(ids) != 1:
        raise InputError("single", f"{len(ids)} ids are given in charge_box_id", "Give one id, or leave single away.")
    return single


def _follow_s(value: Any, ids: list[str]) -> float:
    """Seconds that the log is followed, 0 for not at all; it is followed for certain charge boxes only."""
    seconds = float(value or 0)
    if not 0 <= seconds <= _MAX_FOLLOW_S:
        raise InputError("follow", f"{seconds:g} is not between 0 and {_MAX_FOLLOW_S:g} seconds", "Give e.g. 120.")
    if seconds and not ids:
        raise InputError("follow", "no charge box is named", "Give charge_box_id, or leave follow away.")
    return seconds


def _log_bytes(value: Any) -> int:
    """The size cap of the log: between 64 KiB and 1 GiB."""
    size = 32 * 1024 * 1024 if value is None else int(value)
    if not 64 * 1024 <= size <= 1024**3:
        raise InputError("log_max_bytes", f"{size} bytes", "Give between 65536 (64 KiB) and 1073741824 (1 GiB).")
    return size


def _discount(item: dict[str, Any]) -> _steve_log.Discount:
    """What an earlier diagnosis asked: ``from``, ``to`` and ``ids``, as in a probe's side effects."""
    try:
        begin, end = (
            datetime.strptime(str(item[key]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
            for key in ("from", "to")
        )
        ids = frozenset(str(one) for one in item.get("ids") or [])
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        advice = "Give from and to like 2026-11-23T01:02:03Z, and ids as a list."
        raise InputError("log_discounts", "it holds something else than windows", advice) from error
    return _steve_log.Discount(begin - _DISCOUNT_SLACK_S, end + 1 + _DISCOUNT_SLACK_S, ids)


def _start_deadline(value: Any) -> float:
    """Seconds, 0 for not waiting."""
    return _options.seconds(value, "start_deadline") if value else 0.0


def _webapi_credential(params: dict[str, Any]) -> _webapi.Credential:
    """The Web API's credential: one value, whatever it is sent by."""
    return _webapi.credential(
        params.get("webapi_username"), None, params.get("webapi_value"), params.get("webapi_scheme") or "auto",
        params.get("webapi_header") or _webapi.DEFAULT_HEADER,
        ("webapi_username", "webapi_value", "webapi_value", "webapi_header"),
    )  # fmt: skip


def _public_url(url: str | None) -> str | None:
    """The chargers' URL as it was given, checked as a whole; None when there is none."""
    if url:
        _handshake.parse_url(url, "public_ws_url")
    return url or None


def _base_url(url: str) -> str:
    """SteVe's base URL, checked as far as the parts need it."""
    try:
        parts = urlsplit(url.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        # A scope (fe80::1%eth0) is the name of an interface; it cannot be part of a Host header.
        valid = valid and "%" not in parts.netloc
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or parts.username is not None:
        raise InputError(
            "url",
            f"{inert(url.rsplit('@', maxsplit=1)[-1], 80)} is not SteVe's base URL",
            "Write it like http://127.0.0.1:8180/steve.",
        )
    return url.strip().rstrip("/")


#: Charge boxes whose details page is read: one request each.
_MAX_DETAILS = 200


class Skipped(Exception):
    """A part was not asked for; the text says why."""


class Observer:
    """Collects one observation; every part has its own time and its own failure."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.clock = clock
        self.parts: dict[str, dict[str, Any]] = {}
        self.started = clock()
        self.project: _docker.Project | None = None
        self.nginx: _nginx_look.Look | None = None
        self.era: Era | None = options.era
        self.skipped_hops: dict[str, str] = {}
        self.log: _steve_log.Reader | None = None
        self.log_modified: float | None = None
        #: Until when and where the log was read, so that following it begins there.
        self.log_read_at = 0.0
        self.log_position: tuple[int, int] | None = None
        self.host_begin_s = time.time()
        self.waited_s = 0.0

    def observe(self) -> dict[str, Any]:
        """The observation document; never raises for what a host answers."""
        collected_at = utc_now()
        self._part("compose", self._compose)
        self._part("env", self._env)
        self._part("sockets", self._sockets)
        self._part("resources", self._resources)
        self._part("nginx", self._nginx)
        self._part("log", self._log)
        self._part("clock", self._clock)
        self._part("admin", self._admin)
        self._part("webapi", self._web_api)
        self._part("tls", self._tls)
        before_probes = time.time()
        self._part("probes", self._probes)
        self._nginx_upstream(before_probes)
        self._part("follow", self._follow)
        self.parts["probes"]["skipped_hops"] = self.skipped_hops
        if self.parts["clock"]["status"] == "ok":
            # The controller takes the two ends between its own.
            self.parts["clock"]["data"]["host"] = {"begin_s": self.host_begin_s, "end_s": time.time()}
        return {
            "schema": SCHEMA,
            "run_id": self.options.run_id,
            "host": self.options.host,
            "reached": True,
            "collected_at": collected_at,
            "duration_s": round(self.clock() - self.started, 3),
            "era": (self.era or UNKNOWN).to_dict(),
            "asked": {
                "charge_box_ids": list(self.options.charge_box_ids),
                "single": self.options.single,
                "subprotocols": list(self.options.subprotocols),
                "url": self.options.url,
                "public_ws_url": self.options.public_ws_url,
                "admin": self.options.username is not None,
                "probe_charge_box_id": self.options.probe_charge_box_id,
                "start_deadline_s": self.options.start_deadline or None,
                "follow_s": self.options.follow or None,
            },
            "parts": {name: self.parts[name] for name in PART_NAMES},
            "changed": False,
        }

    # -- the parts -------------------------------------------------------------------------------------------

    def _part(self, name: str, look: Callable[[], Any]) -> None:
        begin = self.clock()
        part: dict[str, Any] = {"status": "ok", "reason": None, "data": None}
        try:
            if self.options.parts and name not in self.options.parts:
                raise Skipped("only other parts were asked for")
            part["data"] = look()
        except Skipped as skipped:
            part.update(status="skipped", reason=str(skipped))
        except SteveError as error:
            part.update(status="unknown", reason=error.sentence(), code=error.code)
        except Exception as error:  # a fleet's run must not lose one host's other parts to a fault of ours
            where = _where(error)
            part.update(
                status="unknown",
                code="internal-error",
                reason=f"internal error {type(error).__name__} at {where} while looking at {name}; please report it",
            )
        part["elapsed_s"] = round(self.clock() - begin, 3)
        self.parts[name] = part

    def _left(self) -> float:
        """Seconds of the deadline that are left; waiting for a starting SteVe is not part of them."""
        return max(self.options.deadline - (self.clock() - self.started - self.waited_s), 0.0)

    def _compose(self) -> dict[str, Any]:
        directory = self.options.project_dir
        if not directory:
            raise Skipped("steve_project_dir is not given")
        self.project = _docker.Project(
            directory=directory,
            name=self.options.project_name,
            files=self.options.compose_files,
            deadline=self.clock() + min(self._left(), 20.0),
            clock=self.clock,
            env_files=self.options.compose_env_files,
        )
        found = self.project.load()
        waited = self._wait(self.project) if self.options.start_deadline and self._may_open(self.project) else None
        services = self.project.services()
        return {
            "project_dir": directory,
            "has_compose_file": self.project.has_compose_file(),
            "has_containers": found,
            "app_service": self.options.app_service,
            "db_service": self.options.db_service,
            "services": services,
            "other_projects": self.project.other_directories(),
            "project": self.project.source(self.options.app_service),
            "port_holders": self._port_holders(services.get(self.options.app_service)),
            "waited": waited,
        }

    def _may_open(self, project: _docker.Project) -> bool:
        """Whether SteVe's port can open at all: one of this host that its container does not publish never does."""
        app = project.services().get(self.options.app_service)
        direct = urlsplit(self.options.url)
        if app is None or not _is_local(direct.hostname or "") or app["network_mode"] == "host":
            return app is not None
        return any(item["port"] == _port(direct) for item in app["ports"])

    def _wait(self, project: _docker.Project) -> dict[str, Any]:
        """Wait for a SteVe that is starting; its time is counted apart from the deadline."""

        def state() -> dict[str, Any] | None:
            project.deadline = self.clock() + min(self._left() + self.clock() - begin, 20.0)
            project.load()
            return project.services().get(self.options.app_service)

        begin = self.clock()
        direct = urlsplit(self.options.url)
        path = (direct.path.rstrip("/") or "") + "/manager/signin"
        endpoint = _starting.Endpoint(direct.hostname or "", _port(direct), direct.scheme == "https", path)
        waited = _starting.wait(state, lambda: _starting.look(endpoint), self.options.start_deadline)
        self.waited_s = waited["waited_s"]
        project.deadline = self.clock() + min(self._left(), 20.0)
        if self.waited_s:
            project.load()
        return waited

    def _port_holders(self, app: dict[str, Any] | None) -> list[str]:
        """Containers that publish the port which the app could not get."""
        error = (app or {}).get("error") or {}
        if self.project is None or error.get("kind") != "port-taken" or not error.get("port"):
            return []
        return self.project.publishing(error["port"])

    def _sockets(self) -> dict[str, Any]:
        return _socket_owners.look(self.clock() + min(self._left(), _SOCKETS_S), self.clock)

    def _resources(self) -> dict[str, Any]:
        container_id = self.project.container_id(self.options.app_service) if self.project else None
        return {
            **_resources.file_systems(self._places()),
            "memory": _resources.host_memory(),
            "oom_kills": _resources.oom_kills(container_id) if container_id else None,
        }

    def _places(self) -> list[tuple[str, str]]:
        """Role and directory of what has to be written, and of what fills up as a rule."""
        places = [("root", "/"), ("tmp", "/tmp")]  # noqa: S108
        log_file = self.options.log_file
        if log_file:
            places.append(("log", os.path.dirname(str(log_file)) or "/"))
        if self.options.project_dir:
            places.append(("project", self.options.project_dir))
        elif os.path.isdir(_DATA_BASE_DIR):
            places.append(("data base", _DATA_BASE_DIR))
        if self.project is not None and self.parts["compose"]["status"] == "ok":
            root = self._docker_root(self.project)
            places += [("docker", root)] if root else []
            places += [("data base", path) for path in self.project.mounts(self.options.db_service)]
            places += [("app", path) for path in self.project.mounts(self.options.app_service)]
        return places

    @staticmethod
    def _docker_root(project: _docker.Project) -> str | None:
        """The engine's directory; the other places are looked at without it too."""
        try:
            return project.root_directory()
        except _docker.DockerUnavailable:
            return None

    def _env(self) -> dict[str, Any]:
        if self.project is None:
            raise Skipped("steve_project_dir is not given")
        if self.parts["compose"]["status"] != "ok":
            raise SteveError(
                "compare the environment",
                self.options.app_service,
                "the containers could not be read",
                "See the compose part.",
            )
        if self.project.container(self.options.app_service) is None:
            raise Skipped(f"the service {self.options.app_service} has no container")
        options = self.options
        given = _env_reach.Given(
            options.username, options.password, options.webapi.username, options.webapi.password or options.webapi.token
        )
        return self.project.environment(options.app_service, options.db_service, given)

    def _nginx(self) -> dict[str, Any]:
        if not self.options.public_ws_url:
            raise Skipped("steve_public_ws_url is not given")
        public = urlsplit(self.options.public_ws_url)
        prefix = self.options.nginx_command[:-1]
        if not prefix and not os.path.exists(self.options.nginx_conf):
            raise Skipped(f"there is no nginx configuration {self.options.nginx_conf} on this host")
        deadline = min(self._left(), _NGINX_S)
        self.nginx = _nginx_look.Look(self.options.nginx_conf, self.options.nginx_command, deadline)
        return self.nginx.part(public.hostname or "", _port(public), public.path.rstrip("/") + "/")

    def _nginx_upstream(self, since: float) -> None:
        """After the probes: where a proxy that answers "bad gateway" would have to go, and went."""
        part, probes = self.parts["nginx"], self.parts["probes"]["data"] or []
        bad = any(item["hop"] == "proxy" and item["endpoint"]["finding"] == "proxy-bad-gateway" for item in probes)
        location = (part["data"] or {}).get("location") or {}
        if self.nginx is None or not bad or not location.get("forwards"):
            return
        path = urlsplit(self.options.public_ws_url or "").path
        servers = location["forwards"]["upstream"]["servers"]
        try:
            part["data"]["upstream_now"] = self.nginx.upstream_now(servers, path, since)
        except Exception as error:  # what was read before must not be lost to a fault of ours
            reason = f"internal error {type(error).__name__} at {_where(error)}; please report it"
            part["data"]["upstream_now"] = {"servers": [], "errors": [], "errors_reason": reason}

    def _log(self) -> dict[str, Any]:
        now = time.time()
        deadline = self.clock() + min(self._left(), _LOG_S)
        limits = _log_source.Limits(now - self.options.log_since, self.options.log_max_bytes, deadline, self.clock)
        if self.options.log_file:
            source = {"kind": "file", "name": inert(self.options.log_file, 300)}
            self.log, window = _log_source.read_file(self.options.log_file, limits, lambda: self._reader(limits))
        else:
            container = self._app_container()
            source = {"kind": "container", "name": inert(str(container.get("Name") or "").lstrip("/"), 100)}
            self.log, window = _log_source.read_container(container, limits, lambda: self._reader(limits))
            if self.log.elsewhere and not self.log.steve_lines:
                where = f"SteVe logs to {self.log.elsewhere} in the container, and its output shows only the banner"
                raise SteveError("read SteVe's log", source["name"], where, "Give steve_log_file.", "log-elsewhere")
        self.log_read_at = time.time()
        self.log_modified, self.log_position = window.pop("modified"), window.pop("position")
        if self.log.lines and not self.log.steve_lines and self.log.start.state == "unknown":
            raise SteveError(
                "read SteVe's log", source["name"], f"none of its {self.log.lines} lines is in SteVe's layout",
                "Correct steve_app_service or steve_log_file; a layout of your own cannot be read.", "log-foreign",
            )  # fmt: skip
        found = self.log.to_dict()
        window = {"since": _iso(limits.since), "until": _iso(now), "first": found.pop("first"),
                  "last": found.pop("last"), **window}  # fmt: skip
        return {"source": source, "window": window, **found}

    def _reader(self, limits: _log_source.Limits) -> _steve_log.Reader:
        return _steve_log.Reader(self.options.charge_box_ids, limits.since, self.options.log_discounts)

    def _follow(self) -> dict[str, Any]:
        """The log from where it was read before on; its time is no part of the deadline of the others."""
        if not self.options.follow:
            raise Skipped("steve_follow is not given")
        part = self.parts["log"]
        if part["status"] == "skipped":
            raise Skipped(part["reason"])
        if part["status"] != "ok":
            raise SteveError(
                "follow SteVe's log", part.get("code") or "log", "it could not be read", "See the part log.",
                "log-unreadable",
            )  # fmt: skip
        begin = time.time()
        limits = _log_source.Limits(
            self.log_read_at, self.options.log_max_bytes, self.clock() + self.options.follow, self.clock
        )
        # What our own probes left since the log was read.
        ours = _steve_log.Discount(
            self.host_begin_s, begin + _LATE_LINE_S, frozenset([*self.options.charge_box_ids, *self._ids_to_ask()])
        )
        follower = _follow.Follower(self._followed(), [ours])
        current = _log_follow.Current(lambda: self._container_now(limits))
        if self.options.log_file:
            chunks = _log_follow.growth(self.options.log_file, self.log_position, limits)
        else:
            chunks = _log_follow.output(self._app_container(), limits, current=current)
        ended, reason = _log_follow.follow(chunks, follower, limits)
        if reason is None and current.missing:
            reason = "the app's container was removed, and no new one came"
        return {
            "source": dict(part["data"]["source"]),
            "since": _iso(begin),
            "until": utc_now(),
            "seconds": round(time.time() - begin, 1),
            "ended": ended,
            "reason": reason,
            "recreated": [_iso(at) for at in current.recreated],
            **follower.to_dict(self.clock()),
        }

    def _container_now(self, limits: _log_source.Limits) -> dict[str, Any] | None:
        """The app's newest container, found again by its labels while the log is followed."""
        if self.project is None:
            return None
        self.project.deadline = self.clock() + limits.left()
        self.project.load()
        return self.project.container(self.options.app_service)

    def _followed(self) -> list[str]:
        """The charge boxes that are followed; the one that only probes use never comes."""
        dedicated = _ids.folded(self.options.probe_charge_box_id or "")
        ids = [item for item in self.options.charge_box_ids if _ids.folded(item) != dedicated]
        return ids or self.options.charge_box_ids

    def _app_container(self) -> dict[str, Any]:
        """The container whose output is SteVe's log."""
        if self.project is None:
            raise Skipped("neither steve_project_dir nor steve_log_file is given")
        if self.parts["compose"]["status"] != "ok":
            reason = "the containers could not be read"
            raise SteveError("read SteVe's log", self.options.app_service, reason, "See the compose part.")
        container = self.project.container(self.options.app_service)
        if container is None:
            raise Skipped(f"the service {self.options.app_service} has no container")
        return container

    def _clock(self) -> dict[str, Any]:
        found: list[dict[str, Any] | None] = []
        left_out = [_clock.skipped("data-base", "its clock is read with a login only, and none is asked for")]
        if self.log is None:
            left_out.append(_clock.skipped("engine", "the log was not read"))
        else:
            found = [
                _clock.against_engine(self.log.stamps),
                _clock.told_to_chargers(self.log.boot_answers),
                _clock.of_file(self.log.last, self.log_modified),
            ]
        timedatectl = self._said("timedatectl", "show", "--property=NTPSynchronized", "--property=NTP")
        chronyc = self._said("chronyc", "-n", "tracking")
        found.append(_clock.against_ntp(chronyc))
        witnesses = [item for item in found if item is not None]
        return {"witnesses": witnesses, "skipped": left_out, "ntp": _clock.ntp(timedatectl, chronyc)}

    def _said(self, *argv: str) -> str | None:
        """What a program says that only reads; None where it is not there or fails."""
        try:
            said = _command.run(argv, max(min(self._left(), _CLOCK_S), 0.1))
        except (OSError, _command.TimedOut):
            return None
        return said.text if said.code == 0 else None

    def _admin(self) -> dict[str, Any]:
        if self.options.username is None or self.options.password is None:
            raise Skipped("steve_admin_password is not given")
        client = _admin.AdminClient(
            url=self.options.url,
            username=self.options.username,
            password=self.options.password,
            timeout=self.options.timeout,
            deadline=min(self._left(), 30.0),
            validate_certs=self.options.validate_certs,
            ca_path=self.options.ca_path,
        )
        data = _admin.collect(client, details_of=self.options.charge_box_ids[:_MAX_DETAILS])
        if self.era is None:
            seen = data["era"]
            self.era = Era(seen["min"], seen["max"], seen["source"])
        return {
            "registered": data["charge_boxes"],
            "unknown": data["unknown"],
            "sessions": data["sessions"],
            "era": data["era"],
            "notes": data.get("notes") or [],
            "sessions_error": data.get("sessions_error"),
            "active_transactions": data.get("active_transactions"),
            "shipped_password": self.options.password == _env_reach.SHIPPED["AUTH_PASSWORD"],
        }

    def _tls(self) -> list[dict[str, Any]]:
        places = self._tls_places()
        if not places:
            raise Skipped("neither steve_url nor steve_public_ws_url uses TLS")
        deadline = min(self._left(), _TLS_S)
        return _tls_chain.look(places, "host", self.options.timeout, deadline, self.options.ca_path)

    def _tls_places(self) -> list[_tls_chain.Place]:
        """Every TLS endpoint on the way: the chargers' name first, dialled where it stands."""
        direct, public = urlsplit(self.options.url), urlsplit(self.options.public_ws_url or "")
        own = (direct.hostname or "", _port(direct))
        places = []
        if public.scheme == "wss" and public.hostname:
            target, reason = self._proxy_target()
            dial = _options.host_and_port(target)
            if dial is not None:
                places.append(_tls_chain.Place("proxy", public.hostname, dial))
            elif reason == _STRAIGHT:
                places.append(_tls_chain.Place("direct", public.hostname, own))
            else:
                # It ends elsewhere, at a load balancer; what it presents is the same from here.
                places.append(_tls_chain.Place("public", public.hostname, (public.hostname, _port(public))))
        if direct.scheme == "https":
            places.append(_tls_chain.Place("direct", own[0], own))
        return list(dict.fromkeys(places))

    def _web_api(self) -> dict[str, Any]:
        if not self.options.webapi.sendable:
            raise Skipped("steve_webapi_value is not given")
        request = _webapi.Request(
            url=self.options.url,
            credential=self.options.webapi,
            scheme=self.options.webapi_scheme,
            paths=(_webapi.list_path(self.era),),
            era=self.era,
            validate_certs=self.options.validate_certs,
            ca_path=self.options.ca_path,
            timeout=self.options.timeout,
            deadline=max(min(self._left(), _WEB_API_S), 1.0),
        )
        visit = _webapi.Visit(request, self.clock)
        try:
            found = visit.check()
            del found["changed"]
            return {**found, **self._boxes(visit, found["endpoints"][0]["status"])}
        finally:
            visit.close()

    def _boxes(self, visit: _webapi.Visit, list_status: int | None) -> dict[str, Any]:
        """The charge boxes that are connected and asked about: has the Web API a transaction of each?

        Only where there is no list of charge boxes, because a client derives one from the transactions then.
        """
        admin = self.parts["admin"]
        reason = None
        if not visit.accepted or list_status == 200:
            reason = ("skipped", "not needed")
        elif admin["status"] != "ok":
            reason = (admin["status"], admin["reason"])
        elif admin["data"]["sessions_error"]:
            reason = ("unknown", admin["data"]["sessions_error"])
        elif not self.options.charge_box_ids:
            reason = ("skipped", "no charge box was asked about")
        if reason is not None:
            return {"boxes": None, "boxes_left": 0, "boxes_reason": {"status": reason[0], "reason": reason[1]}}
        connected = {_ids.folded(session["id"]) for session in admin["data"]["sessions"]}
        wanted = [item for item in self.options.charge_box_ids if _ids.folded(item) in connected]
        rows = [{"id": item, "transactions": visit.has_transactions(item)} for item in wanted[:_WEB_API_BOXES]]
        return {"boxes": rows, "boxes_left": len(wanted[_WEB_API_BOXES:]), "boxes_reason": None}

    # -- the probes ------------------------------------------------------------------------------------------

    def _probes(self) -> list[dict[str, Any]]:
        direct = self._probe("direct", websocket_url(self.options.url), None, self._ids_to_ask(), True)
        results = [direct]
        if direct["endpoint"]["verdict"] == "reachable" and (self.era is None or self.era.source == "fingerprint"):
            seen = direct["era"]
            self.era = Era(seen["min"], seen["max"], seen["source"])
        target, reason = self._proxy_target()
        if target is None:
            self.skipped_hops["proxy"] = reason
            return results
        results.append(self._proxy_probe(target, direct))
        return results

    def _proxy_probe(self, target: str, direct: dict[str, Any]) -> dict[str, Any]:
        """One id is enough for the path: the dedicated one where there is one, else one that needs no password, because
        the proxy may not forward it.

        Beside it go an id with a password that SteVe accepted (does the proxy forward Authorization?) and those that
        want TLS, which only the proxy may offer.

        What removes Sec-WebSocket-Extensions would turn the last gate into a real session, so it is sent with the
        dedicated id, or through an nginx whose configuration was read and leaves that header alone.
        """
        dedicated = self.options.probe_charge_box_id
        protected = _with_password(direct)
        accepted = sorted(_accepted(direct), key=lambda identifier: identifier in protected)
        ids = accepted if direct["endpoint"]["verdict"] == "reachable" else self._ids_to_ask()
        if dedicated in ids and dedicated is not None:
            ids = [dedicated]
        elif direct["endpoint"]["verdict"] == "reachable":
            ids = ids[:1]
        last_gate = ids == [dedicated] or self._extensions_left_alone()
        ids = list(dict.fromkeys([*ids, *protected[:1]]))
        if (self.options.public_ws_url or "").startswith("wss:"):
            ids = list(dict.fromkeys([*ids, *_wanting_tls(direct)]))
        return self._probe("proxy", self.options.public_ws_url or "", target, ids, last_gate)

    def _probe(self, hop: str, url: str, connect_to: str | None, ids: list[str], last_gate: bool) -> dict[str, Any]:
        # A certificate that this host refuses must not hide the rest of the path, and the chargers' trust store is
        # another one anyway: the probe goes on without verification then, and without any credential.
        refused = self.options.validate_certs and _tls_chain.is_refused(self.parts["tls"]["data"] or [], hop)
        request = _probe.ProbeRequest(
            url=url,
            charge_box_ids=ids,
            passwords={} if refused else self.options.passwords,
            subprotocols=self.options.subprotocols,
            last_gate=last_gate,
            gate_charge_box_id=self._gate_id(ids),
            hop=hop,
            vantage="host",
            connect_to=connect_to,
            era=self.era,
            # Through a proxy another SteVe may answer, whatever is known of this host's.
            detect_era=hop != "direct",
            timeout=self.options.timeout,
            deadline=max(min(self._left(), self.options.deadline / 2), 1.0),
            validate_certs=self.options.validate_certs and not refused,
            ca_path=self.options.ca_path,
        )
        return _probe.probe(request)

    def _gate_id(self, ids: list[str]) -> str | None:
        return self.options.probe_charge_box_id if self.options.probe_charge_box_id in ids else None

    def _ids_to_ask(self) -> list[str]:
        """The ids worth a preflight: with the admin list at hand only those that SteVe knows."""
        wanted = list(self.options.charge_box_ids)
        dedicated = self.options.probe_charge_box_id
        if dedicated and dedicated not in wanted:
            wanted.append(dedicated)
        admin = self.parts["admin"]
        if admin["status"] != "ok":
            return wanted
        registered = [box["id"] for box in admin["data"]["registered"]]
        # What may be equal is asked: the data base decides.
        known = {_ids.folded(identifier) for identifier in registered}
        asked = [identifier for identifier in wanted if _ids.folded(identifier) in known]
        if not asked and registered:
            # The path and the gates need one accepted id; a registered one that no station uses now is kindest.
            connected = {session["id"] for session in admin["data"]["sessions"]}
            asked = sorted(registered, key=lambda identifier: identifier in connected)[:1]
        return asked

    def _proxy_target(self) -> tuple[str | None, str]:
        """Where to dial the proxy of this host, or why there is none to dial."""
        if not self.options.public_ws_url:
            return None, "steve_public_ws_url is not given"
        public = urlsplit(self.options.public_ws_url)
        direct = urlsplit(self.options.url)
        name, port = public.hostname or "", _port(public)
        if port == _port(direct) and (name == direct.hostname or _is_local(direct.hostname or "")):
            return None, _STRAIGHT
        nginx = self.parts["nginx"]
        if nginx["status"] == "ok" and nginx["data"].get("selected"):
            return f"{_listen_address(nginx['data']['selected'], port)}:{port}", ""
        for address in ("127.0.0.1", "::1"):
            if _listens(address, port):
                return f"[{address}]:{port}" if ":" in address else f"{address}:{port}", ""
        return None, f"nothing on this host listens on port {port}; the proxy stands elsewhere or is down"

    def _extensions_left_alone(self) -> bool:
        """Whether nginx's configuration was read and leaves Sec-WebSocket-Extensions alone.

        Files that are newer than the workers, or another nginx's, say nothing of what is done to the header now.
        """
        nginx = self.parts["nginx"]
        running = (nginx["data"] or {}).get("running") or {}
        if running.get("newer_count") or running.get("status") == "stopped":
            return False
        if running.get("status") == "unknown" and running.get("conf"):
            return False
        return bool(
            nginx["status"] == "ok"
            and nginx["data"].get("selected")
            and not nginx["data"].get("errors")
            and not nginx["data"].get("extensions_header_touched")
        )


def _where(error: BaseException) -> str:
    """File and line of the innermost frame; never the message, which may hold a secret."""
    trace = error.__traceback__
    place = "?"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _iso(seconds: float) -> str:
    """Seconds since 1970 as UTC ISO 8601 with Z, whole seconds."""
    return datetime.fromtimestamp(max(seconds, 0.0), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_now() -> str:
    """Now as UTC ISO 8601 with Z, whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def websocket_url(url: str) -> str:
    """The WebSocket URL without id that belongs to SteVe's base URL."""
    scheme = "wss" if url.lower().startswith("https:") else "ws"
    return scheme + url[url.index(":") :].rstrip("/") + WEBSOCKET_PATH


def _port(parts: Any) -> int:
    return int(parts.port or (443 if parts.scheme in ("https", "wss") else 80))


def _is_local(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


def _listen_address(selected: dict[str, Any], port: int) -> str:
    """The loopback address, unless the server block listens on a certain address only."""
    specific = None
    for listen in selected.get("listen") or []:
        address, _separator, number = str(listen).split()[0].rpartition(":")
        if not number.isdigit() or int(number) != port:
            continue
        if address in ("", "*", "0.0.0.0"):  # noqa: S104
            return "127.0.0.1"
        if address == "[::]":
            specific = specific or "[::1]"
        else:
            specific = specific or address
    return specific or "127.0.0.1"


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def _accepted(result: dict[str, Any]) -> list[str]:
    return [row["charge_box_id"] for row in result.get("probes", []) if row["verdict"] == "accepted"]


def _with_password(result: dict[str, Any]) -> list[str]:
    """Ids that were accepted with a password."""
    rows = [row for row in result.get("probes", []) if row["verdict"] == "accepted"]
    return [row["charge_box_id"] for row in rows if row["password_given"]]


def _wanting_tls(result: dict[str, Any]) -> list[str]:
    """Ids with a password that SteVe may have refused only because there was no TLS (security profile 2)."""
    rows = [row for row in result.get("probes", []) if row["password_given"]]
    return [
        row["charge_box_id"] for row in rows if "profile-requires-tls" in (row["finding"], *row["candidates"])
    ]  # fmt: skip
