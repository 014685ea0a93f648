# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the docker client and reads what compose knows about one project. Read-only: ps, inspect, config."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.chargeops.steve.plugins.module_utils import _compose
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

MAX_OUTPUT = 32 * 1024 * 1024
Runner = Callable[..., "tuple[int, str, str]"]


class DockerUnavailable(SteveError):
    """Docker cannot be asked on this host: no client, no engine, no permission, no answer."""

    code = "docker-unavailable"


def run_command(argv: list[str], timeout: float, cwd: str | None = None) -> tuple[int, str, str]:
    """Run a command without a shell; returns exit code, stdout, stderr (both cut at ``MAX_OUTPUT`` bytes).

    Args:
        argv: program and arguments; never a secret.
        timeout: seconds after which the command is ended.

    Raises:
        FileNotFoundError: no such program.
        subprocess.TimeoutExpired: it did not end in time.
    """
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        cwd=cwd,
        check=False,
    )
    return (
        done.returncode,
        done.stdout[:MAX_OUTPUT].decode("utf-8", "replace"),
        done.stderr[:MAX_OUTPUT].decode("utf-8", "replace"),
    )


@dataclass
class Project:
    """One compose project, named by its directory, its name, or both.

    Attributes:
        directory: project directory on this host.
        name: project name, or None to find it by the directory.
        files: compose files relative to the directory; empty for what the containers' labels or compose say.
        deadline: monotonic time after which nothing more is started.
    """

    directory: str
    name: str | None
    files: list[str]
    deadline: float
    command_timeout: float = 10.0
    run: Runner = run_command
    clock: Callable[[], float] = time.monotonic
    containers: list[dict[str, Any]] = field(default_factory=list)

    def _docker(self, *arguments: str) -> str:
        left = min(self.command_timeout, self.deadline - self.clock())
        what = f"docker {arguments[0]}"
        if left <= 0:
            raise DockerUnavailable("ask docker", what, "no time is left", "Raise the deadline.")
        try:
            code, out, err = self.run(["docker", *arguments], left)
        except FileNotFoundError as error:
            raise DockerUnavailable(
                "ask docker",
                what,
                "there is no docker client on this host",
                "Install it, or leave steve_project_dir away.",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise DockerUnavailable(
                "ask docker", what, f"no answer in {left:.0f} s", "Look at the docker engine."
            ) from error
        if code != 0:
            raise failure(what, err)
        return out

    def load(self) -> bool:
        """Read the project's containers; True when there are any.

        Raises:
            DockerUnavailable: docker cannot be asked.
        """
        arguments = ["ps", "--all", "--no-trunc", "--quiet", "--filter"]
        if self.name:
            arguments.append(f"label={_compose.PROJECT_LABEL}={self.name}")
        else:
            arguments.append(f"label={_compose.WORKING_DIR_LABEL}={os.path.normpath(self.directory)}")
        ids = self._docker(*arguments).split()
        found = _compose.read_inspect(self._docker("inspect", *ids)) if ids else []
        self.containers = [
            item for item in found if _compose.labels(item).get(_compose.ONEOFF_LABEL, "False") != "True"
        ]
        return bool(self.containers)

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

    def environment_drift(self, service: str) -> dict[str, list[str]]:
        """Names that differ between the files and the running container (values stay inside this call).

        Raises:
            DockerUnavailable: docker or compose cannot be asked.
            SteveError: there is no such service or container.
        """
        container = self.container(service)
        if container is None:
            raise SteveError("compare the environment", service, "the service has no container", "Start it first.")
        marks = _compose.labels(container)
        arguments = ["compose", "--project-directory", marks.get(_compose.WORKING_DIR_LABEL) or self.directory]
        name = marks.get(_compose.PROJECT_LABEL)
        if name:
            arguments += ["--project-name", name]
        files = self.files or [item for item in marks.get(_compose.CONFIG_FILES_LABEL, "").split(",") if item]
        for item in files:
            arguments += ["--file", item if os.path.isabs(item) else os.path.join(self.directory, item)]
        for item in marks.get(_compose.ENV_FILES_LABEL, "").split(","):
            if item:
                arguments += ["--env-file", item]
        wanted = _compose.configured_environment(self._docker(*arguments, "config", "--format", "json"), service)
        images = _compose.read_inspect(self._docker("image", "inspect", str(container.get("Image") or "")))
        image = _compose.environment(images[0]) if images else {}
        return _compose.environment_drift(wanted, _compose.environment(container), image)


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
        return DockerUnavailable("ask docker", what, "the compose plugin is missing", "Install docker compose v2.")
    if what == "docker compose":
        # Compose repeats the offending value in some messages, and values here are secrets.
        return DockerUnavailable(
            "ask docker",
            what,
            "compose refuses the project's files",
            "Run docker compose config in the project directory.",
        )
    first = next((line.strip() for line in stderr.splitlines() if line.strip()), "no words")
    return DockerUnavailable("ask docker", what, inert(first), "Run the same command by hand on the host.")
