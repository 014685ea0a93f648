# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docker and compose print, read as data. Pure: text in, plain dictionaries out.

The shapes are those of ``docker inspect`` (Engine API 1.41 and later) and of ``docker compose config --format
json`` (compose v2). Values of environment variables never leave this file; names do.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
WORKING_DIR_LABEL = "com.docker.compose.project.working_dir"
CONFIG_FILES_LABEL = "com.docker.compose.project.config_files"
ENV_FILES_LABEL = "com.docker.compose.project.environment_file"
ONEOFF_LABEL = "com.docker.compose.oneoff"
HASH_LABEL = "com.docker.compose.config-hash"
VERSION_LABEL = "com.docker.compose.version"
DEPENDS_LABEL = "com.docker.compose.depends_on"

#: The names compose itself looks for, in its order (compose-go, ``cli/options.go``).
DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")

#: What the engine says of a port that it cannot bind: 20.10 names docker-proxy's listener or its own allocation
#: (``Bind for 0.0.0.0:8180 failed: port is already allocated``), 28 the whole mapping.
_PORT_TAKEN = re.compile(r"port is already allocated|address already in use")
_PLACE = re.compile(
    r"(?:Bind for|listen tcp[46]?|failed to bind host port(?: for)?) (?:\[([0-9a-fA-F:.]+)\]|([\d.]*|::)):(\d{1,5})\b"
)
#: Maven or its wrapper as a command: ``./mvnw clean package``, ``/opt/maven/bin/mvn -Pdocker``.
_BUILD = re.compile(r"(?:^|[\s/;&|(])mvnw?(?:\s|$)")
_QUOTED = re.compile(r"""(["'`])(?:\\.|(?!\1).)*\1""", re.DOTALL)
_DEFINITION = re.compile(r"(-D[A-Za-z0-9_.-]+=)\S+")
#: Values as short as this are not searched for in an error: they would blank parts of every word.
_SHORT = 3


def read_inspect(text: str) -> list[dict[str, Any]]:
    """The containers (or images) of one ``docker inspect``.

    Raises:
        SteveError: the text is not what docker inspect prints.
    """
    try:
        value = json.loads(text or "[]")
    except ValueError as error:
        raise _unreadable("docker inspect", str(error)) from error
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unreadable("docker inspect", "not a list of objects")
    return value


def _unreadable(command: str, why: str) -> SteveError:
    return SteveError("read docker's answer", command, why, "Please report this together with docker's version.")


def environment(container: dict[str, Any]) -> dict[str, str]:
    """The environment of an inspected container or image, name to value."""
    config = container.get("Config") or {}
    result = {}
    for item in config.get("Env") or []:
        name, _separator, value = str(item).partition("=")
        result[name] = value
    return result


def labels(container: dict[str, Any]) -> dict[str, str]:
    """The labels of an inspected container."""
    return {str(key): str(value) for key, value in ((container.get("Config") or {}).get("Labels") or {}).items()}


#: What a project without containers was made of.
NO_SOURCE: dict[str, Any] = {"name": None, "directory": None, "files": [], "env_files": [], "missing": []}


def listed(marks: dict[str, str], label: str) -> list[str]:
    """The names in a label that lists files."""
    return [item for item in marks.get(label, "").split(",") if item]


def source(marks: dict[str, str], directory: str) -> dict[str, Any]:
    """What a container was made of, by its labels; names of files are absolute.

    Args:
        marks: the container's labels.
        directory: the project's directory where they do not name it.
    """
    place = marks.get(WORKING_DIR_LABEL) or directory
    own = os.path.join(place, ".env")
    env_files = [os.path.join(place, name) for name in listed(marks, ENV_FILES_LABEL)]
    return {
        "name": marks.get(PROJECT_LABEL),
        "directory": place,
        "files": [os.path.join(place, name) for name in listed(marks, CONFIG_FILES_LABEL)],
        # The one that compose reads by itself.
        "env_files": [] if env_files == [own] else env_files,
    }


def service_facts(container: dict[str, Any]) -> dict[str, Any]:
    """What the analyser needs of one container, without its environment.

    ``started_at`` and ``finished_at`` are UTC ISO 8601 as docker gives them, None for docker's zero time.
    """
    state = container.get("State") or {}
    network = container.get("NetworkSettings") or {}
    host = container.get("HostConfig") or {}
    return {
        "container": str(container.get("Name") or "").lstrip("/"),
        "state": str(state.get("Status") or "unknown"),
        "health": (state.get("Health") or {}).get("Status"),
        "restarts": int(container.get("RestartCount") or 0),
        "exit_code": int(state.get("ExitCode") or 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "started_at": _time(state.get("StartedAt")),
        "finished_at": _time(state.get("FinishedAt")),
        "ports": _ports(network.get("Ports") or {}),
        "wanted_ports": _ports(host.get("PortBindings") or {}),
        "unpublished": _unpublished(container, network.get("Ports") or {}),
        "network_mode": str(host.get("NetworkMode") or "default"),
        "networks": {
            str(name): str((details or {}).get("IPAddress") or "")
            for name, details in (network.get("Networks") or {}).items()
        },
        "image": inert((container.get("Config") or {}).get("Image") or "", 200),
        "memory_limit": int(host.get("Memory") or 0) or None,
        "error": start_error(container),
        "config_hash": labels(container).get(HASH_LABEL),
        "compose_version": labels(container).get(VERSION_LABEL),
        "builds_at_start": builds_at_start(container),
        "depends_on": depends_on(container),
    }


def depends_on(container: dict[str, Any]) -> list[str]:
    """The services that a container's own depends on, by compose's label (``db:service_healthy:false,…``)."""
    found = labels(container).get(DEPENDS_LABEL, "").split(",")
    return sorted(inert(item.partition(":")[0], 80) for item in found if item)


def start_error(container: dict[str, Any]) -> dict[str, Any] | None:
    """Why docker could not start the container, None when it says nothing.

    The engine's words can repeat the command line, and secrets stand there: what is quoted, every definition and
    every value of the environment is taken out.

    Returns:
        ``kind`` (``port-taken`` | ``other``), ``address`` and ``port`` of the port that is taken (None when not
        named), ``text``.
    """
    raw = str((container.get("State") or {}).get("Error") or "")
    if not raw:
        return None
    taken = _PORT_TAKEN.search(raw)
    place = _PLACE.search(raw) if taken else None
    text = _DEFINITION.sub(r"\1(hidden)", _QUOTED.sub("(hidden)", raw))
    for value in sorted(environment(container).values(), key=len, reverse=True):
        if len(value) > _SHORT:
            text = text.replace(value, "(hidden)")
    return {
        "kind": "port-taken" if taken else "other",
        "address": place.group(1) or place.group(2) if place else None,
        "port": int(place.group(3)) if place else None,
        "text": inert(text, 300),
    }


def _unpublished(container: dict[str, Any], ports: dict[str, Any]) -> list[str]:
    """Ports that the image or compose names and that no address of the host leads to, such as ``8180/tcp``."""
    named = set((container.get("Config") or {}).get("ExposedPorts") or {}) | set(ports)
    return sorted(str(port) for port in named if not ports.get(port))


def mounts(container: dict[str, Any]) -> list[str]:
    """Directories of the host that the container writes to (bind mounts and volumes)."""
    return [
        str(item["Source"])
        for item in container.get("Mounts") or []
        if isinstance(item, dict) and item.get("RW") and item.get("Source") and item.get("Type") in ("bind", "volume")
    ]


def words(value: Any) -> list[str]:
    """A command or entrypoint as docker or compose writes it, as a list."""
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def command(container: dict[str, Any]) -> list[str]:
    """Entrypoint and command of an inspected container or image."""
    config = container.get("Config") or {}
    return words(config.get("Entrypoint")) + words(config.get("Cmd"))


def builds_at_start(container: dict[str, Any]) -> bool:
    """Whether the container's own command compiles SteVe first, as that of upstream's image does; it takes minutes."""
    return any(_BUILD.search(word) for word in command(container))


def _time(value: Any) -> str | None:
    text = str(value or "")
    return None if not text or text.startswith("0001-01-01") else text


def _ports(ports: dict[str, Any]) -> list[dict[str, Any]]:
    result = []
    for inside, bindings in sorted(ports.items()):
        for binding in bindings or []:
            result.append(
                {
                    "container_port": inside,
                    "address": str(binding.get("HostIp") or ""),
                    "port": int(binding.get("HostPort") or 0),
                }
            )
    return result


def configured_services(text: str) -> dict[str, Any]:
    """The services of ``docker compose config --format json``.

    Raises:
        SteveError: the text is not what compose prints.
    """
    try:
        return dict(json.loads(text)["services"])
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable("docker compose config", type(error).__name__) from error


def configured_service(text: str, service: str) -> dict[str, Any]:
    """One service of ``docker compose config --format json``.

    Raises:
        SteveError: unreadable, or the service is not in the project.
    """
    services = configured_services(text)
    if not isinstance(services.get(service), dict):
        raise SteveError(
            "find the app's service",
            service,
            f"the project has {', '.join(sorted(services)) or 'no services'}",
            "Correct steve_app_service.",
        )
    value: dict[str, Any] = services[service]
    return value


def configured_environment(text: str, service: str) -> dict[str, str]:
    """The environment that compose would give the service now, from ``docker compose config --format json``.

    Variables without a value (taken from the shell at start) are left out: nothing can be said about them.

    Raises:
        SteveError: unreadable, or the service is not in the project.
    """
    return environment_of(configured_service(text, service))


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """The environment in the files' description of one service, without the variables that have no value."""
    raw = service.get("environment") or {}
    return {str(name): str(value) for name, value in raw.items() if value is not None}


def configured_command(service: dict[str, Any]) -> list[str] | None:
    """Entrypoint and command that the files give the service; None where neither is given (the image's are used).

    Compose writes ``$$`` for a literal dollar in its output.
    """
    found = configured_command_raw(service)
    return [word.replace("$$", "$") for word in found] or None


def configured_command_raw(service: dict[str, Any]) -> list[str]:
    """Entrypoint and command exactly as compose prints them."""
    return words(service.get("entrypoint")) + words(service.get("command"))


def hash_of(text: str, service: str) -> str | None:
    """The hash of one service from ``docker compose config --hash``, which prints ``NAME HASH``."""
    for line in text.splitlines():
        name, _separator, value = line.strip().partition(" ")
        if name == service and re.fullmatch(r"[0-9a-f]{32,128}", value.strip()):
            return value.strip()
    return None


def environment_drift(wanted: dict[str, str], running: dict[str, str], image: dict[str, str]) -> dict[str, list[str]]:
    """Names whose value differs between what compose would set now and what the container runs with.

    Args:
        wanted: from ``configured_environment``; compose writes ``$$`` for a literal dollar in its output.
        running: the container's environment.
        image: the image's own environment, which a container has without any file saying so.

    Returns:
        ``added`` (in the files, not in the container), ``changed``, ``removed`` (in the container only); sorted
        names, never values.
    """
    wanted = {name: value.replace("$$", "$") for name, value in wanted.items()}
    return {
        "added": sorted(name for name in wanted if name not in running),
        "changed": sorted(name for name, value in wanted.items() if name in running and running[name] != value),
        "removed": sorted(name for name, value in running.items() if name not in wanted and image.get(name) != value),
    }
