# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the docker client and reads what compose knows about one project. Read-only: ps, inspect, config."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils import _command, _compose, _env_reach
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert


class Runner(Protocol):
    """Runs a program as ``_command.run`` does."""

    def __call__(self, argv: Sequence[str], timeout: float, *, directory: str | None = None) -> _command.Said:
        """Run it to its end, in this directory."""


class DockerUnavailable(SteveError):
    """Docker cannot be asked on this host: no client, no engine, no permission, no answer."""

    code = "docker-unavailable"


_ONLY_DOCKER = "Only containers of docker are looked at; leave steve_project_dir away."


@dataclass
class Project:
    """One compose project, named by its directory, its name, or both.

    Attributes:
        directory: project directory on this host.
        name: project name, or None to find it by the directory.
        files: compose files relative to the directory; empty for what the containers' labels or compose say.
        deadline: monotonic time after which nothing more is started.
        standalone: whether compose is the program docker-compose, because docker has no plugin.
        env_files: files for ``--env-file``, relative to the directory; empty for what the labels or compose say.
        profiles: profiles that are active.
    """

    directory: str
    name: str | None
    files: list[str]
    deadline: float
    command_timeout: float = 10.0
    run: Runner = _command.run
    clock: Callable[[], float] = time.monotonic
    which: Callable[[str], str | None] = shutil.which
    standalone: bool = False
    containers: list[dict[str, Any]] = field(default_factory=list)
    env_files: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)

    def _docker(self, *arguments: str, directory: str | None = None) -> str:
        what = f"docker {arguments[0]}"
        try:
            return self._run(["docker", *arguments], what, directory)
        except FileNotFoundError as error:
            raise DockerUnavailable("ask docker", what, *_no_client(self.which)) from error

    def _run(self, argv: list[str], what: str, directory: str | None = None) -> str:
        left = min(self.command_timeout, self.deadline - self.clock())
        if left <= 0:
            raise DockerUnavailable("ask docker", what, "no time is left", "Raise the deadline.")
        try:
            said = self.run(argv, left, directory=directory)
        except _command.TimedOut as error:
            raise DockerUnavailable(
                "ask docker", what, f"no answer in {left:.0f} s", "Look at the docker engine."
            ) from error
        if said.code != 0:
            raise failure(what, said.complaint)
        if "emulate docker cli using podman" in said.complaint.lower():
            raise DockerUnavailable("ask docker", what, "the docker client here is podman's", _ONLY_DOCKER)
        return said.text

    def load(self) -> bool:
        """Read the project's containers; True when there are any.

        Raises:
            DockerUnavailable: docker cannot be asked.
        """
        arguments = ("ps", "--all", "--no-trunc", "--quiet", "--filter")
        if self.name:
            ids = self._docker(*arguments, f"label={_compose.PROJECT_LABEL}={self.name}").split()
        else:
            label = f"label={_compose.WORKING_DIR_LABEL}={os.path.normpath(self.directory)}"
            ids = self._docker(*arguments, label).split() or self._by_another_name()
        found = _compose.read_inspect(self._docker("inspect", *ids)) if ids else []
        self.containers = [
            item for item in found if _compose.labels(item).get(_compose.ONEOFF_LABEL, "False") != "True"
        ]
        return bool(self.containers)

    def _by_another_name(self) -> list[str]:
        """Containers whose project directory is the same one by another name (a symbolic link on the way)."""
        return self._made_here(".ID")

    def _made_here(self, shown: str) -> list[str]:
        """Of each container that was made in the directory, by whatever name of it, what docker shows for this."""
        row = f'{{{{{shown}}}}}\t{{{{.Label "{_compose.WORKING_DIR_LABEL}"}}}}'
        label = f"label={_compose.WORKING_DIR_LABEL}"
        listed = self._docker("ps", "--all", "--no-trunc", "--filter", label, "--format", row)
        rows = [line.partition("\t") for line in listed.splitlines()]
        wanted = os.path.realpath(self.directory)
        return [found for found, _tab, place in rows if place and os.path.realpath(place) == wanted]

    def other_directories(self) -> list[str]:
        """Directories that the containers' labels name and that are not the given one."""
        found = {_compose.labels(item).get(_compose.WORKING_DIR_LABEL) or "" for item in self.containers}
        wanted = os.path.realpath(self.directory)
        return sorted(inert(place, 200) for place in found if place and os.path.realpath(place) != wanted)

    def has_compose_file(self) -> bool:
        """Whether the directory holds one of the given or of compose's default files."""
        return any(os.path.isfile(os.path.join(self.directory, name)) for name in self.files or _compose.DEFAULT_FILES)

    def container(self, service: str) -> dict[str, Any] | None:
        """The newest container of a service, or None."""
        mine = [item for item in self.containers if _compose.labels(item).get(_compose.SERVICE_LABEL) == service]
        return max(mine, key=lambda item: str(item.get("Created") or ""), default=None)

    def services(self) -> dict[str, dict[str, Any]]:
        """Facts of the newest container of each service."""
        names = {_compose.labels(item).get(_compose.SERVICE_LABEL) for item in self.containers}
        result = {}
        for name in sorted(name for name in names if name):
            newest = self.container(name)
            if newest is not None:
                result[name] = _compose.service_facts(newest)
        return result

    def mounts(self, service: str) -> list[str]:
        """Directories of the host that the service's newest container writes to."""
        container = self.container(service)
        return _compose.mounts(container) if container else []

    def container_id(self, service: str) -> str | None:
        """The full id of the service's newest container."""
        container = self.container(service)
        return str(container.get("Id") or "") or None if container else None

    def root_directory(self) -> str | None:
        """Where the engine keeps images, volumes and logs; None when it does not say.

        Raises:
            DockerUnavailable: docker cannot be asked.
        """
        found = self._docker("info", "--format", "{{.DockerRootDir}}").strip()
        return found if os.path.isabs(found) else None

    def publishing(self, port: int) -> list[str]:
        """Names of the running containers that publish this port of the host.

        Raises:
            DockerUnavailable: docker cannot be asked.
        """
        found = self._docker("ps", "--filter", f"publish={port}", "--format", "{{.Names}}").splitlines()
        return [inert(name, 80) for name in found[:10] if name]

    def source(self, service: str) -> dict[str, Any]:
        """What the project that runs was made of, by its containers' labels, and what the options say otherwise.

        Returns:
            ``name``, ``directory``, ``files`` and ``env_files`` (absolute) by the service's newest container, or by
            another one of the project where it has none; None and empty where there is no container. ``missing``:
            those of these files that are gone. ``differs``: options that lead to another project, each with
            ``option``, ``given`` and ``runs`` as texts.

        Raises:
            DockerUnavailable: docker cannot be asked.
        """
        mine = [item for item in self.containers if _compose.labels(item).get(_compose.SERVICE_LABEL) == service]
        candidates = mine or self.containers
        newest = max(candidates, key=lambda item: str(item.get("Created") or ""), default=None)
        if newest is None:
            others = self._names_here() if self.name else []
            differs = [_differs("project_name", self.name or "", ", ".join(others))] if others else []
            return {**_compose.NO_SOURCE, "differs": differs}
        found = _compose.source(_compose.labels(newest), self.directory)
        names = sorted({_compose.labels(item).get(_compose.PROJECT_LABEL) or "" for item in candidates})
        differs = [_differs("project_name", "", ", ".join(names))] if len(names) > 1 else []
        if os.path.realpath(found["directory"]) != os.path.realpath(self.directory):
            differs.append(_differs("project_dir", self.directory, found["directory"]))
        if self.files and found["files"] and self._real(self.files) != self._real(found["files"]):
            differs.append(_differs("compose_files", ", ".join(self.files), ", ".join(found["files"])))
        # The .env that compose reads by itself need not be named.
        if self.env_files and self._real(self.env_files) != self._real(found["env_files"] or [".env"]):
            shown = ", ".join(found["env_files"]) or "none but .env"
            differs.append(_differs("compose_env_files", ", ".join(self.env_files), shown))
        missing = [inert(name, 200) for name in (*found["files"], *found["env_files"]) if not os.path.exists(name)]
        return {**found, "missing": missing, "differs": differs}

    def _real(self, names: Sequence[str]) -> list[str]:
        return [os.path.realpath(os.path.join(self.directory, name)) for name in names]

    def _names_here(self) -> list[str]:
        """Names of the compose projects whose containers were made in the directory."""
        return sorted({name for name in self._made_here(f'.Label "{_compose.PROJECT_LABEL}"') if name})

    # -- compose -------------------------------------------------------------------------------------------------

    def _project_arguments(self, container: dict[str, Any]) -> list[str]:
        """The project's directory, and the options that make compose read the project the container was created from.

        The directory and files of the labels win over a given directory that is only another name of it (a symbolic
        link, a copy that a deployment replaced); given files win over those of the labels.
        """
        marks = _compose.labels(container)
        arguments = [marks.get(_compose.WORKING_DIR_LABEL) or self.directory]
        name = marks.get(_compose.PROJECT_LABEL)
        if name:
            arguments += ["--project-name", name]
        for item in self.files or _compose.listed(marks, _compose.CONFIG_FILES_LABEL):
            arguments += ["--file", os.path.join(self.directory, item)]
        for item in self.env_files or _compose.listed(marks, _compose.ENV_FILES_LABEL):
            arguments += ["--env-file", os.path.join(self.directory, item)]
        return [*arguments, *self._profiles()]

    def _profiles(self) -> list[str]:
        return [word for name in self.profiles for word in ("--profile", name)]

    def _run_compose(self, directory: str, *arguments: str) -> str:
        """Run compose: the plugin, or the program docker-compose where there is no plugin.

        It runs in the project's directory, as by hand: it looks there for the names in ``COMPOSE_FILE`` of ``.env``.
        """
        arguments = ("--project-directory", directory, *arguments)
        # A program that is to run in a directory that is gone is "not found".
        place = directory if os.path.isdir(directory) else None
        if not self.standalone:
            try:
                return self._docker("compose", *arguments, directory=place)
            except DockerUnavailable as error:
                if error.code != "compose-missing":
                    raise
                try:
                    found = self._run(["docker-compose", *arguments], "docker-compose", place)
                except FileNotFoundError:
                    raise error from None
                self.standalone = True
                return found
        return self._run(["docker-compose", *arguments], "docker-compose", place)

    def _configured(self, arguments: list[str], service: str, *options: str) -> tuple[dict[str, Any], list[str]]:
        """The service as the files describe it now, and the arguments that show it (its profile may not be active)."""
        text = self._run_compose(*arguments, "config", "--format", "json", *options)
        if service not in _compose.configured_services(text):
            arguments = [*arguments, "--profile", "*"]
            text = self._run_compose(*arguments, "config", "--format", "json", *options)
        return _compose.configured_service(text, service), arguments

    def environment(self, app: str, db: str, given: _env_reach.Given) -> dict[str, Any]:
        """How the app's values reach it and which differ from the files: names, and yes or no; values stay inside.

        Raises:
            DockerUnavailable: docker or compose cannot be asked.
            SteveError: there is no such service or container.
        """
        container = self.container(app)
        if container is None:
            raise SteveError("compare the environment", app, "the service has no container", "Start it first.")
        running, command = _compose.environment(container), _compose.command(container)
        service, arguments = self._configured(self._project_arguments(container), app)
        wanted = _compose.environment_of(service)
        images = _compose.read_inspect(self._docker("image", "inspect", str(container.get("Image") or "")))
        image = _compose.environment(images[0]) if images else {}
        files_command = _compose.configured_command(service)
        plain = {name: value.replace("$$", "$") for name, value in wanted.items()}
        database = self.container(db)
        return {
            **_compose.environment_drift(wanted, running, image),
            "definitions_changed": _env_reach.definition_drift(files_command, plain, command, running),
            "names": sorted(wanted),
            "definitions": sorted(_env_reach.definitions(command, running)),
            "interpolated": self._interpolated(arguments, app) if files_command else [],
            "sourced": _env_reach.is_sourced(command),
            "credentials": _env_reach.credentials(command, running, given),
            "credentials_changed": _env_reach.changed_credentials(
                (command, running), (files_command or command, {**image, **plain}), given
            ),
            "db_password_shipped": _env_reach.db_password_is_shipped(_compose.environment(database or {})),
            "config_hash": self._hashes(arguments, container, app),
        }

    def environment_in(self, directory: str, service: str) -> dict[str, str]:
        """The environment that compose would give a service if the project stood in another directory.

        Args:
            directory: a likeness of the project's directory; the project keeps its name and its files.
            service: name of the service.

        Raises:
            DockerUnavailable: docker or compose cannot be asked, or compose refuses the files (``compose-refuses``).
            SteveError: there is no such service.
        """
        arguments = [directory]
        if self.name:
            arguments += ["--project-name", self.name]
        for option, names in (("--file", self.files), ("--env-file", self.env_files)):
            for item in names:
                place = os.path.relpath(os.path.join(self.directory, item), self.directory)
                outside = place.split(os.sep, maxsplit=1)[0] == os.pardir
                arguments += [option, os.path.join(self.directory if outside else directory, place)]
        found, _arguments = self._configured([*arguments, *self._profiles()], service)
        return {name: value.replace("$$", "$") for name, value in _compose.environment_of(found).items()}

    def _interpolated(self, arguments: list[str], service: str) -> list[str] | None:
        """Names of the variables that the files write into the command; None when compose does not show them."""
        try:
            raw, _arguments = self._configured(arguments, service, "--no-interpolate")
        except SteveError:
            return None
        return _env_reach.variables(_compose.configured_command_raw(raw))

    def _hashes(self, arguments: list[str], container: dict[str, Any], service: str) -> dict[str, Any]:
        """The container's hash against that of the files: where they differ, ``up -d`` would recreate it."""
        label = _compose.labels(container).get(_compose.HASH_LABEL)
        found, reason = None, None
        try:
            found = _compose.hash_of(self._run_compose(*arguments, "config", "--hash", service), service)
        except DockerUnavailable as error:
            reason = error.got
        if reason is None and not (label and found):
            reason = "the container has no hash" if not label else "compose prints no hash"
        differs = None if reason else found != label
        return {"container": label, "files": found, "differs": differs, "reason": reason}


def _differs(option: str, given: str, runs: str) -> dict[str, str]:
    return {"option": option, "given": inert(given, 300), "runs": inert(runs, 300)}


def _no_client(which: Callable[[str], str | None]) -> tuple[str, str]:
    """What is there instead of a docker client, and what to do."""
    for other in ("podman", "nerdctl"):
        if which(other):
            return f"there is no docker client on this host, but {other}", _ONLY_DOCKER
    return "there is no docker client on this host", "Install it, or leave steve_project_dir away."


def failure(what: str, stderr: str) -> DockerUnavailable:
    """Docker's own words, recognised where a person can act on them; cut and on one line."""
    lowered = stderr.lower()
    if "permission denied" in lowered:
        return DockerUnavailable(
            "ask docker",
            what,
            "permission denied on the engine's socket",
            "Connect as a user of the group docker, or with become.",
        )
    if "cannot connect to the docker daemon" in lowered or "is the docker daemon running" in lowered:
        return DockerUnavailable("ask docker", what, "the docker engine does not run", "Start it.")
    if "is not a docker command" in lowered or "unknown flag: --project-directory" in lowered:
        return DockerUnavailable(
            "ask docker", what, "the compose plugin is missing", "Install docker compose v2.", "compose-missing"
        )
    if what == "docker-compose" and ("usage: config" in lowered or "no such option" in lowered):
        return DockerUnavailable("ask docker", what, "docker-compose is version 1", "Install docker compose v2.")
    if what in ("docker compose", "docker-compose"):
        # Compose repeats the offending value in some messages, and values here are secrets.
        return DockerUnavailable(
            "ask docker",
            what,
            "compose refuses the project's files",
            "Run docker compose config in the project directory.",
            "compose-refuses",
        )
    first = next((line.strip() for line in stderr.splitlines() if line.strip()), "no words")
    return DockerUnavailable("ask docker", what, inert(first), "Run the same command by hand on the host.")
