# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docker and compose print, read as data. Pure: text in, plain dictionaries out.

The shapes are those of ``docker inspect`` (Engine API 1.41 and later) and of ``docker compose config --format
json`` (compose v2). Values of environment variables never leave this file; names do.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
WORKING_DIR_LABEL = "com.docker.compose.project.working_dir"
CONFIG_FILES_LABEL = "com.docker.compose.project.config_files"
ENV_FILES_LABEL = "com.docker.compose.project.environment_file"
ONEOFF_LABEL = "com.docker.compose.oneoff"
HASH_LABEL = "com.docker.compose.config-hash"

#: The names compose itself looks for, in its order (compose-go, ``cli/options.go``).
DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")


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


def service_facts(container: dict[str, Any]) -> dict[str, Any]:
    """What the analyser needs of one container, without its environment.

    ``started_at`` and ``finished_at`` are UTC ISO 8601 as docker gives them, None for docker's zero time.
    """
    state = container.get("State") or {}
    network = container.get("NetworkSettings") or {}
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
        "networks": {
            str(name): str((details or {}).get("IPAddress") or "")
            for name, details in (network.get("Networks") or {}).items()
        },
        "config_hash": labels(container).get(HASH_LABEL),
    }


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


def configured_environment(text: str, service: str) -> dict[str, str]:
    """The environment that compose would give the service now, from ``docker compose config --format json``.

    Variables without a value (taken from the shell at start) are left out: nothing can be said about them.

    Raises:
        SteveError: unreadable, or the service is not in the project.
    """
    try:
        services = json.loads(text)["services"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable("docker compose config", type(error).__name__) from error
    if service not in services:
        raise SteveError(
            "find the app's service",
            service,
            f"the project has {', '.join(sorted(services)) or 'no services'}",
            "Correct steve_app_service.",
        )
    raw = services[service].get("environment") or {}
    return {str(name): str(value) for name, value in raw.items() if value is not None}


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
