# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to send when asking for help, collected on the host and redacted there. Edge: files, processes. Writes nothing.

Facts about secrets leave the host, secrets never: their values are read here, hidden in everything that was collected,
and looked for once more in what would leave, the documents of the run among it. Where one is found nothing leaves.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, Iterator, Mapping
from urllib.parse import quote

from ansible_collections.chargeops.steve.plugins.module_utils import (
    _command,
    _compose,
    _docker,
    _env_file,
    _env_reach,
    _envelope,
    _log_source,
    _log_window,
    _nginx_conf,
    _nginx_files,
    _options,
    _redact,
    _secret_scan,
)
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._log_source import Limits
from ansible_collections.chargeops.steve.plugins.module_utils._log_window import Window
from ansible_collections.chargeops.steve.plugins.module_utils._secret_scan import Secret
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Bytes of one file of a configuration that are sent, files of nginx, and bytes read of a compose or env file.
MAX_TEXT = 256 * 1024
MAX_NGINX_FILES = 200
_MAX_COMPOSE_FILES = 20
_MAX_READ = 4 * 1024 * 1024
#: Characters of a path in the archive, below its directory.
_MAX_PATH = 200
#: Seconds for the log, for the second try that takes only its end, for docker, for nginx, for one program.
_LOG_S = 60.0
_LOG_END_S = 15.0
_DOCKER_S = 20.0
_NGINX_S = 20.0
_PROGRAM_S = 5.0
#: Bytes of the log's end that a second try takes.
_LOG_END = 4 * 1024 * 1024
#: Bytes of its end that are redacted where there is no time for all of it, and the part of the time for all of it.
_LOG_TAIL = 256 * 1024
_REDACT_PART = 0.7
#: Parts of the time: for reading the log of what is left then, and at the end for looking through what was collected.
_LOG_PART = 0.5
_SCAN_PART = 0.2
_SCAN_S = 20.0
_DOCKER_VERSIONS = "client {{.Client.Version}}, engine {{.Server.Version}}"
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass
class Options:
    """What is collected; names as in the module's options. Times in seconds, sizes in bytes."""

    project_dir: str | None = None
    project_name: str | None = None
    compose_files: list[str] = field(default_factory=list)
    app_service: str = "app"
    env_file: str | None = None
    log_file: str | None = None
    log_since: float = 30 * 86400.0
    log_max_bytes: int = 1024**3
    log_keep_bytes: int = 8 * 1024 * 1024
    nginx_conf: str = "/etc/nginx/nginx.conf"
    nginx_command: list[str] = field(default_factory=lambda: ["nginx"])
    charge_box_ids: list[str] = field(default_factory=list)
    secrets: list[tuple[str, str]] = field(default_factory=list, repr=False)
    users: list[str] = field(default_factory=list)
    own_users: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    deadline: float = 120.0


def options_from(params: dict[str, Any]) -> Options:
    """The options of one call of the module, checked.

    Raises:
        InputError: a value cannot be used; the sentence names the option.
    """
    passwords = _options.passwords(params["passwords"])
    given = [("steve_admin_password", params["password"]), ("steve_webapi_value", params["webapi_value"])]
    own = {f"the password of charge box {inert(one, 60)}": one for one in passwords}
    given += [(name, passwords[one]) for name, one in own.items()]
    ids = _options.charge_box_ids(params["charge_box_id"])
    return Options(
        project_dir=params["project_dir"] or None, project_name=params["project_name"] or None,
        compose_files=params["compose_files"], app_service=params["app_service"], env_file=params["env_file"] or None,
        log_file=params["log_file"] or None, log_since=_options.seconds(params["log_since"], "log_since"),
        log_max_bytes=_size(params["log_max_bytes"], "log_max_bytes", 64 * 1024, 16 * 1024**3),
        log_keep_bytes=_size(params["log_keep_bytes"], "log_keep_bytes", 64 * 1024, 32 * 1024 * 1024),
        nginx_conf=params["nginx_conf"], nginx_command=params["nginx_command"] or ["nginx"], charge_box_ids=ids,
        secrets=[(name, value) for name, value in given if value],
        users=[user for user in ("admin", params["username"], params["webapi_username"]) if user], own_users=own,
        documents=_documents(params["documents"]), deadline=_options.seconds(params["deadline"], "deadline"),
    )  # fmt: skip


def _size(value: int, option: str, least: int, most: int) -> int:
    if not least <= value <= most:
        raise InputError(option, f"{value} bytes", f"Give between {least} and {most}.")
    return value


def _documents(sealed: str | None) -> dict[str, str]:
    if not sealed:
        return {}
    try:
        return {str(name): str(text) for name, text in _envelope.unseal(sealed).items()}
    except ValueError as error:
        raise InputError("documents", "it is damaged", "Only the action plugin fills it in: leave it out.") from error


#: How a log is read, but for its limits and what it is read into.
_Read = Callable[[Limits, Callable[[], Window]], "tuple[Window, dict[str, Any]]"]


class Missing(Exception):
    """Something is not there to be collected; the text says why."""


class Collector:
    """One collection; every source has its own time and its own failure."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.clock = clock
        self.last = clock() + options.deadline
        #: Until when is collected; then what was collected is looked through.
        self.end = self.last - min(options.deadline * _SCAN_PART, _SCAN_S)
        self.files: dict[str, bytes] = {}
        self.entries: list[dict[str, Any]] = []
        self.missing: list[dict[str, str]] = []
        self.redactions: list[dict[str, Any]] = []
        self.boxes: list[dict[str, Any]] = []
        self.found: list[tuple[str, str]] = list(options.secrets)
        self.guesses: list[tuple[str, str]] = []
        self.users: list[str] = list(options.users)
        self.secrets: list[Secret] = []
        self.project: _docker.Project | None = None

    def collect(self) -> dict[str, Any]:
        """The evidence of this host; never raises for what the host is like."""
        # First what holds secrets, so that they are known when the rest is redacted.
        facts = [self._source("containers", self._containers), self._source("environment", self._environment)]
        self._know()
        self._source("compose files", self._compose_files)
        for name, fact in zip(("containers", "environment"), facts):
            if fact is not None:
                text = json.dumps(fact[1], indent=1, sort_keys=True) + "\n"
                self._source(name, partial(self._add, f"host/{name}.json", fact[0], text))
        self._source("nginx configuration", self._nginx)
        self._source("SteVe's log", self._log)
        self._source("versions", self._versions)
        return self._checked()

    def _know(self) -> None:
        """The secrets of what was found so far; what is public does not become one by its looks."""
        public = {one.lower() for one in (*self.options.charge_box_ids, *public_words(self.options.documents))}
        guesses = [(name, value) for name, value in self.guesses if value.lower() not in public]
        self.secrets = _secret_scan.secrets(self.found, self.users, self.options.own_users, guesses)

    def _source(self, what: str, look: Callable[[], Any]) -> Any:
        """What a source gives; why it gives nothing is kept."""
        try:
            if self._left() <= 0:
                raise Missing("no time was left; raise the deadline")
            return look()
        except Missing as error:
            self._miss(what, str(error))
        except SteveError as error:
            self._miss(what, error.sentence())
        except Exception as error:  # what other sources gave must not be lost to a fault of ours
            self._miss(what, f"internal error {type(error).__name__} while collecting it; please report it")
        return None

    def _miss(self, what: str, reason: str) -> None:
        self.missing.append({"what": what, "reason": reason})

    def _left(self) -> float:
        return max(self.end - self.clock(), 0.0)

    def _in_time(self, end: float | None = None) -> None:
        """Raises Missing when the time for collecting is over, or the one that is given."""
        if self.clock() >= (self.end if end is None else end):
            raise Missing("no time was left to look through it for secrets; raise the deadline")

    def _add(
        self, path: str, source: str, text: str, counts: Mapping[str, int] | None = None,
        span: tuple[str | None, str | None] = (None, None), truncated: str | None = None, cap: int = MAX_TEXT,
    ) -> None:  # fmt: skip
        """One file; known secrets are hidden before its tail is taken."""
        data, hidden = _secret_scan.hide(text.encode("utf-8", "surrogateescape"), self.secrets, self._in_time)
        for rule, count in sorted((+Counter(dict(counts or {}))).items()):
            self.redactions.append({"rule": rule, "file": path, "count": count})
        for name, count in sorted(hidden.items()):
            self.redactions.append({"rule": f"known secret: {name}", "file": path, "count": count})
        if len(data) > cap:
            truncated = f"only the last {cap} of {len(data)} bytes were kept"
            data = data[data.find(b"\n", len(data) - cap) + 1 :] or data[-cap:]
        self.files[path] = data
        self.entries.append(
            {"path": path, "source": source, "from": span[0], "to": span[1], "truncated": truncated}
        )  # fmt: skip

    def _checked(self) -> dict[str, Any]:
        """The result, unless a secret still stands somewhere in what would leave the host."""
        documents = {name: text.encode("utf-8", "surrogateescape") for name, text in self.options.documents.items()}
        hits = []
        # What is looked through last is what a charger can make large.
        for path, data in sorted({**documents, **self.files}.items(), key=lambda item: len(item[1])):
            try:
                hits += self._hits(path, data, partial(self._in_time, self.last))
            except Missing as error:
                if path in documents:
                    hits.append({"file": path, "rule": "", "form": str(error)})
                else:
                    self._keep_back(path, str(error))
        facts = {
            "entries": self.entries, "not_collected": self.missing, "redactions": self.redactions,
            "charge_boxes": self.boxes,
        }  # fmt: skip
        told = json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace")
        hits += self._hits("manifest.json", told)
        files = {path: data.decode("utf-8", "surrogateescape") for path, data in self.files.items()}
        scanned = {
            "secrets": sorted({one.name for one in self.secrets if one.sure and not one.is_short}),
            "as_values_only": sorted({one.name for one in self.secrets if one.is_short}),
            "hidden_only": sorted({one.name for one in self.secrets if not one.sure}),
        }
        if hits:
            # Neither a file nor a fact of it: a path or an id may be what holds the secret.
            return {"changed": False, "files": {}, "hits": hits, "scanned": scanned, "entries": [], "not_collected": [],
                    "redactions": [], "charge_boxes": []}  # fmt: skip
        return {"changed": False, "files": files, "hits": [], "scanned": scanned, **facts}

    def _hits(self, path: str, data: bytes, check: Callable[[], None] = _secret_scan.never) -> list[dict[str, str]]:
        """Which secrets stand in a file or in its name."""
        name = path.encode("utf-8", "replace")
        sure = [one for one in self.secrets if one.sure]
        found = _secret_scan.find(name + b"\n" + data, sure, check)
        shown = _secret_scan.hide(name, self.secrets)[0] if found else name
        return [
            {"file": inert(shown.decode("utf-8", "replace")), "rule": hit.name, "form": hit.form} for hit in found
        ]  # fmt: skip

    def _keep_back(self, path: str, reason: str) -> None:
        """A file that was collected is not sent."""
        del self.files[path]
        self.entries = [one for one in self.entries if one["path"] != path]
        self.redactions = [one for one in self.redactions if one["file"] != path]
        for row in self.boxes:
            if row["file"] == path:
                row.update(in_window=False, full_reconnect=False, reason=f"{path} is not sent: {reason}")
        self._miss(path, reason)

    # -- containers and environment ------------------------------------------------------------------------------

    def _directory(self) -> str:
        if not self.options.project_dir:
            raise Missing("steve_project_dir is not given")
        return self.options.project_dir

    def _containers(self) -> tuple[str, dict[str, Any]]:
        options = self.options
        project = _docker.Project(
            directory=self._directory(), name=options.project_name, files=options.compose_files,
            deadline=self.clock() + min(self._left(), _DOCKER_S), clock=self.clock,
        )  # fmt: skip
        if not project.load():
            raise Missing("the project has no containers")
        self.project = project
        rows = []
        for container in project.containers:
            name = inert(str(container.get("Name") or "").lstrip("/"), 100)
            environment, command = _compose.environment(container), _compose.command(container)
            defined = {key: value or "" for key, value in _env_reach.definitions(command, environment).items()}
            self._keep_secrets({**environment, **defined}, f"of container {name}")
            checked = (container.get("Config") or {}).get("Healthcheck") or {}
            for words in (command, [str(word) for word in checked.get("Test") or []]):
                told = f"in the command of container {name}"
                self.found += [
                    (f"{inert(key or 'a part of a URL', 60)} {told}", value)
                    for key, value in _secret_scan.arguments(words)
                ]
            rows.append(_container_facts(container, sorted(environment), sorted(defined)))
        return "docker inspect", {"containers": rows}

    def _keep_secrets(self, values: Mapping[str, str], where: str) -> None:
        self.found += [(f"{inert(name, 60)} {where}", value) for name, value in environment_secrets(values)]
        for name, value in values.items():
            why = _secret_scan.guessed(name, value)
            self.guesses += [(f"{inert(name, 60)} {where}, which {why}", value)] if why else []
        self.users += [value for name, value in values.items() if re.search(r"(?i)user(?:name)?$", name) and value]

    def _environment(self) -> tuple[str, dict[str, Any]]:
        directory = self._directory()
        running = self._running_environment()
        rows = []
        for name in dict.fromkeys([self.options.env_file or "docker-compose.app.env", ".env"]):
            path = os.path.join(directory, name)
            try:
                data = read_file(path)
            except SteveError as error:
                if name != ".env" or os.path.lexists(path):
                    self._miss(f"environment file {inert(name, 100)}", error.got)
                continue
            text = data.decode("utf-8", "surrogateescape")
            rows.append({"file": inert(path, 300), **self._variables(text, running, inert(name, 100))})
        if not rows:
            raise Missing("no env file could be read")
        return "env files, names and facts only", {"files": rows}

    def _running_environment(self) -> dict[str, str] | None:
        container = self.project.container(self.options.app_service) if self.project else None
        return None if container is None else _compose.environment(container)

    def _variables(self, text: str, running: dict[str, str] | None, name: str) -> dict[str, Any]:
        """The names in an env file with what can be told of their values."""
        try:
            statements = _env_file.parse(text)
        except SteveError as error:
            # Compose would refuse it; whatever stands behind an equals sign may be a secret.
            lines = [line.lstrip("# \t").partition("=") for line in text.splitlines() if "=" in line]
            self._keep_secrets({key.strip(): value.strip().strip("\"'") for key, _sign, value in lines}, f"in {name}")
            return {"problem": error.sentence(), "variables": []}
        rows = []
        for statement in statements:
            raw = text[slice(*statement.value)] if statement.value else ""
            value = _env_file.reading(text, statement)
            self._keep_secrets({statement.key: raw.strip("\"'")}, f"in {name}")
            self._keep_secrets({statement.key: value or ""}, f"in {name}")
            rows.append({
                "name": inert(statement.key, 100),
                "empty": statement.value is None or value == "",
                "quoted": raw[:1] in ('"', "'") and bool(raw),
                "interpolated": "$" in raw and not raw.startswith("'"),
                "blank_at_an_end": value is not None and value != value.strip(),
                "same_in_container": None if running is None or value is None else running.get(statement.key) == value,
            })  # fmt: skip
        for line in text.splitlines():
            # What was commented out may still be somebody's password.
            commented = re.match(r"\s*#\s*([\w.-]+)\s*=\s*(\S.*)", line)
            if commented:
                value = commented.group(2).strip().strip("\"'")
                self._keep_secrets({commented.group(1): value}, f"in a comment of {name}")
        return {"problem": None, "variables": rows}

    def _compose_files(self) -> None:
        directory = self._directory()
        container = self.project.container(self.options.app_service) if self.project else None
        labelled = _compose.labels(container).get(_compose.CONFIG_FILES_LABEL, "") if container else ""
        names = self.options.compose_files or [item for item in labelled.split(",") if item]
        names = names or [name for name in _compose.DEFAULT_FILES if os.path.isfile(os.path.join(directory, name))]
        if not names:
            raise Missing("the project directory holds no compose file")
        if len(names) > _MAX_COMPOSE_FILES:
            self._miss("a part of the compose files", f"only {_MAX_COMPOSE_FILES} of {len(names)} files are kept")
        drafts: list[tuple[str, _redact.Redacted]] = []
        for name in names[:_MAX_COMPOSE_FILES]:
            path = os.path.join(directory, name)
            try:
                text = read_file(path).decode("utf-8", "surrogateescape")
            except SteveError as error:
                self._miss(f"compose file {inert(name, 200)}", error.got)
                continue
            self._source(f"compose file {inert(name, 200)}", partial(self._compose_draft, name, path, text, drafts))
        # What one of them tells may stand in another one, in the log, anywhere.
        self._know()
        for path, done in drafts:
            self._source(f"compose file {inert(path, 200)}", partial(self._compose_file, path, done))

    def _compose_draft(self, name: str, path: str, text: str, drafts: list[tuple[str, _redact.Redacted]]) -> None:
        done = _redact.compose(text)
        for hidden in done.values:
            self._keep_secrets(dict([hidden]), f"in {inert(name, 100)}")
        drafts.append((path, done))

    def _compose_file(self, path: str, done: _redact.Redacted) -> None:
        place = self._free(f"host/compose/{_safe(os.path.relpath(path, self._directory()))}")
        self._add(place, inert(path, 300), done.text, done.counts)

    def _free(self, path: str) -> str:
        """A path in the archive that no other file has."""
        free, number = path, 1
        while free in self.files:
            number += 1
            free = f"{path}-{number}"
        return free

    # -- nginx ---------------------------------------------------------------------------------------------------

    def _nginx(self) -> None:
        prefix, conf = self.options.nginx_command[:-1], self.options.nginx_conf
        if not prefix and not os.path.exists(conf):
            raise Missing(f"there is no nginx configuration {inert(conf, 200)} on this host")
        files = _nginx_files.Files(prefix, deadline_s=max(min(self._left(), _NGINX_S), 1.0))
        config = _nginx_conf.load(conf, files)
        contents = {path: file.data for path, file in config.files.items()}
        for error in config.errors:
            self._miss("a part of the nginx configuration", error.sentence())
            broken = getattr(error, "file", None)
            if broken and broken not in contents:
                # What nginx could not read is what one wants to see.
                data = self._source(f"nginx file {inert(broken, 200)}", partial(files.read, broken))
                contents.update({broken: data} if data is not None else {})
        if len(contents) > MAX_NGINX_FILES:
            self._miss("a part of the nginx configuration", f"only {MAX_NGINX_FILES} of {len(contents)} files are kept")
        for path, data in list(contents.items())[:MAX_NGINX_FILES]:
            # A file that cannot be told of costs no other.
            self._source(f"nginx file {inert(path, 200)}", partial(self._nginx_file, path, data))

    def _nginx_file(self, path: str, data: bytes) -> None:
        done = _redact.nginx(data, path)
        place = self._free(f"host/nginx/{_safe(os.path.normpath(path).lstrip('/'))}")
        self._add(place, inert(path, 300), done.text, done.counts)

    # -- the log -------------------------------------------------------------------------------------------------

    def _log(self) -> None:
        options = self.options
        read: _Read
        if options.log_file:
            source = options.log_file
            read = partial(_log_source.read_file, source)
        else:
            container = self._log_container()
            source = "docker logs " + str(container.get("Name") or "").lstrip("/")
            read = partial(_log_source.read_container, container)
        window, reason, rotated = self._read(read)
        cut = window.cut()
        if cut.at_limit:
            kept = f"only the last {len(cut.data)} bytes are kept"
            reason = f"{reason}; {kept}" if reason else kept
        if rotated:
            self._miss("older parts of SteVe's log", f"not read: {', '.join(rotated)}")
        tags = _redact.Tags()
        enough = self.clock() + self._left() * _REDACT_PART
        try:
            done = _redact.log(cut.data.decode("utf-8", "surrogateescape"), tags, partial(self._in_time, enough))
        except Missing:
            # The newest lines are better than none.
            cut, tags = cut.end(_LOG_TAIL), _redact.Tags()
            reason = f"there was no time to redact all of it; only the last {len(cut.data)} bytes are kept"
            done = _redact.log(cut.data.decode("utf-8", "surrogateescape"), tags, self._in_time)
        self._add(
            "host/steve.log", inert(source, 300), done.text, done.counts, cut.span, reason, cap=options.log_keep_bytes
        )
        for number, box in enumerate(window.boxes, 1):
            row = {**_log_window.coverage(box, cut), "file": "host/steve.log"}
            best = box.best
            if best is not None and not row["in_window"]:
                row["file"] = f"host/charge-box-{number}.log"
                own = b"".join(line for one in box.wanted if not cut.holds(one) for line in one.lines)
                done = _redact.log(own.decode("utf-8", "surrogateescape"), tags, self._in_time)
                self._add(row["file"], inert(source, 300), done.text, done.counts, (row["from"], row["to"]))
            self.boxes.append(row)

    def _log_container(self) -> dict[str, Any]:
        if not self.options.project_dir:
            raise Missing("neither steve_project_dir nor steve_log_file is given")
        if self.project is None:
            raise Missing("the containers could not be read, and steve_log_file is not given")
        container = self.project.container(self.options.app_service)
        if container is None:
            raise Missing(f"the service {inert(self.options.app_service, 60)} has no container")
        return container

    def _read(self, read: _Read) -> tuple[Window, str | None, list[str]]:
        """The window of a log; where the time did not suffice for all of it, of its end."""
        options = self.options

        def make() -> Window:
            return Window(options.charge_box_ids, options.log_keep_bytes)

        since = time.time() - options.log_since
        limits = Limits(since, options.log_max_bytes, self._until(_LOG_S), self.clock)
        window, seen = read(limits, make)
        if limits.left() > 0:
            return window, seen["reason"], seen["rotated"]
        # The newest lines are what is wanted, and they were not reached.
        limits = Limits(since, min(_LOG_END, options.log_max_bytes), self._until(_LOG_END_S), self.clock)
        window, seen = read(limits, make)
        reason = f"there was no time to read all of it; of its end, {window.bytes} bytes were read"
        return window, reason, seen["rotated"]

    def _until(self, most: float) -> float:
        """Until when a log may be read: redacting what was read takes time, too."""
        return self.clock() + min(self._left() * _LOG_PART, most)

    # -- versions ------------------------------------------------------------------------------------------------

    def _versions(self) -> None:
        nginx = list(self.options.nginx_command)
        if len(nginx) == 1:
            nginx[0] = shutil.which(nginx[0], path=os.environ.get("PATH", "") + os.pathsep + _SBIN) or nginx[0]
        found = {
            "os": _os_name(),
            "kernel": inert(f"{platform.system()} {platform.release()} {platform.machine()}"),
            "python": platform.python_version(),
            "docker": self._said("docker", "version", "--format", _DOCKER_VERSIONS),
            "compose": self._said("docker", "compose", "version", "--short"),
            "nginx": self._said(*nginx, "-v"),
        }
        self._add("host/versions.json", "the programs themselves", json.dumps(found, indent=1, sort_keys=True) + "\n")

    def _said(self, *argv: str) -> str | None:
        """The first line that a program says of itself; None where it is not there or fails."""
        try:
            said = _command.run(argv, max(min(self._left(), _PROGRAM_S), 0.1))
        except (OSError, _command.TimedOut):
            return None
        lines = (said.text or said.complaint).strip().splitlines()
        return inert(lines[0], 200) if said.code == 0 and lines else None


def read_file(path: str) -> bytes:
    """The content of a small file.

    Raises:
        SteveError: it cannot be read, is no regular file or too large.
    """
    try:
        # A pipe would wait for somebody who writes.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise SteveError("read a file", inert(path, 300), "it is no regular file", "Look at it.")
            data = stream.read(_MAX_READ + 1)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SteveError("read a file", inert(path, 300), why, "Connect with become, or correct its name.") from error
    if len(data) > _MAX_READ:
        raise SteveError("read a file", inert(path, 300), f"it is larger than {_MAX_READ} bytes", "Look at it.")
    return data


def environment_secrets(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name and value of what is secret in an environment: by its name, or as a part of a value."""
    for name, value in values.items():
        if _secret_scan.is_name(name):
            yield name, value
        for _name, part in _secret_scan.inside(value):
            yield f"a part of {name}", part


def public_words(documents: Mapping[str, str]) -> set[str]:
    """Ids and the hosts of URLs in documents of a run: what is asked about, or stands in SteVe's list, is no secret."""
    found: set[str] = set()
    for text in documents.values():
        try:
            waiting = [json.loads(text)]
        except ValueError:
            continue
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict):
                waiting += item.values()
                found.update(str(item[name]) for name in ("id", "charge_box_id", "asked") if name in item)
                found.update(map(str, item.get("charge_box_ids") or ()))
            elif isinstance(item, list):
                waiting += item
            elif isinstance(item, str) and "://" in item[:20]:
                found.add(re.sub(r"^[^/]*//(?:[^/@]*@)?|[:/?#].*$", "", item[:300]))
    return found


def _container_facts(container: dict[str, Any], names: list[str], definitions: list[str]) -> dict[str, Any]:
    """What of ``docker inspect`` is sent: named fields only, no value of a variable, no command line."""
    host, state = container.get("HostConfig") or {}, container.get("State") or {}
    marks = _compose.labels(container)
    policy = host.get("RestartPolicy") or {}
    mounted = [item for item in container.get("Mounts") or [] if isinstance(item, dict)]
    return {
        **_compose.service_facts(container),
        "service": inert(marks.get(_compose.SERVICE_LABEL) or "", 100),
        "project": inert(marks.get(_compose.PROJECT_LABEL) or "", 100),
        "project_dir": inert(marks.get(_compose.WORKING_DIR_LABEL) or "", 300),
        "config_files": inert(marks.get(_compose.CONFIG_FILES_LABEL) or "", 1000),
        "id": inert(container.get("Id") or "", 64),
        "image_id": inert(container.get("Image") or "", 80),
        "created": inert(container.get("Created") or "", 40),
        "restarting": bool(state.get("Restarting")),
        "restart_policy": inert(policy.get("Name") or "no", 20),
        "log_driver": inert((host.get("LogConfig") or {}).get("Type") or "", 40),
        "mounts": [
            {
                "type": inert(item.get("Type") or "", 20),
                "source": inert(item.get("Source") or "", 300),
                "destination": inert(item.get("Destination") or "", 300),
                "writable": bool(item.get("RW")),
            }
            for item in mounted[:50]
        ],
        "variables": [inert(name, 100) for name in names],
        "definitions": [inert(name, 100) for name in definitions],
    }


def _os_name() -> str | None:
    try:
        text = read_file("/etc/os-release").decode("utf-8", "replace")
    except SteveError:
        return None
    found = re.search(r"^PRETTY_NAME=\"?([^\"\n]*)", text, re.MULTILINE)
    return inert(found.group(1), 100) if found else None


def _safe(path: str) -> str:
    """A path as it may stand in an archive on any system."""
    parts = (part for part in path.split("/") if part not in ("", ".", ".."))
    # A name need not be UTF-8.
    kept = "/".join(quote(part, safe=" ", errors="surrogateescape") for part in parts)
    return (kept if len(kept) <= _MAX_PATH else f"{kept[:100]}~{kept[100 - _MAX_PATH :]}") or "unnamed"
