# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A docker client without an engine, for what an engine does not do on demand: fill up, die, refuse a file.

One project with one service ``app``, whose container has the values of the env file at the time of the last ``up``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ENV_FILE = "docker-compose.app.env"

_PROGRAM = '''#!@PYTHON@ -I
import hashlib, json, sys, time
from pathlib import Path

PROJECT = Path("@PROJECT@")
STATE = Path("@STATE@")
state = json.loads(STATE.read_text())
words = sys.argv[1:]
if words[0] == "--host":
    words = words[2:]


def end(code, said=""):
    STATE.write_text(json.dumps(state))
    if said:
        print(said, file=sys.stderr)
    sys.exit(code)


def values(text):
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value.strip("'\\"") for name, _, value in pairs}


def told(directory):
    path = Path(directory) / "docker-compose.app.env"
    return path.read_text() if path.exists() else ""


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


if words[0] == "version":
    print(json.dumps({"Client": {"Version": "27.0.0"}, "Server": {"Version": "27.0.0", "ApiVersion": "1.47"}}))
    end(0)
if words[:2] == ["compose", "version"]:
    print(json.dumps({"version": "v2.26.1"}))
    end(0)
if words[0] == "compose" and state.get("refuses"):
    end(15, state["refuses"])
if words[0] == "compose":
    state["asked"] = [*state.get("asked", []), words]
    directory = words[words.index("--project-directory") + 1]
    if "config" in words:
        if "--hash" in words:
            print("app", digest(told(directory)))
        elif "--quiet" not in words:
            print(json.dumps({"services": {"app": {"environment": values(told(directory))}}}))
        end(0)
    if state.get("gone"):
        end(1, state["gone"])
    if "up" in words:
        dry = " DRY-RUN MODE - " if "--dry-run" in words else ""
        if state["runs_with"] == told(directory):
            end(0, f"{dry} Container demo-app-1  Running")
        if not dry and state.get("dies_at_up"):
            state["gone"] = state["dies_at_up"]
            end(1, state["gone"])
        if not dry and state.get("fails_at_up"):
            end(1, state["fails_at_up"])
        if not dry:
            state.update(runs_with=told(directory), generation=state["generation"] + 1, started=time.time())
        steps = ("Recreate", "Recreated", "Starting", "Started")
        end(0, "\\n".join(f"{dry} Container demo-app-1  {what}" for what in steps))
    print("[]")
    end(0)
if state.get("gone"):
    end(1, state["gone"])
if words[0] == "ps" and state.get("blind"):
    end(1, state["blind"])
if words[0] == "ps":
    print("c0ffee" if "--quiet" in words else "")
elif words[0] == "inspect":
    wrong = state.get("ends_with") and state["ends_with"] in state["runs_with"]
    labels = {
        "com.docker.compose.project": "demo",
        "com.docker.compose.service": "app",
        "com.docker.compose.project.working_dir": str(PROJECT),
        "com.docker.compose.config-hash": digest(state["runs_with"]),
        **state.get("labels", {}),
    }
    print(json.dumps([{
        "Id": "c0ffee%02d" % state["generation"],
        "Name": "/demo-app-1",
        "Created": str(state["generation"]),
        "State": {
            "Status": "exited" if wrong else "running",
            "StartedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(state["started"])),
        },
        "Config": {
            "Env": [f"{name}={value}" for name, value in values(state["runs_with"]).items()],
            "Labels": labels,
        },
        "NetworkSettings": {"Ports": {"8180/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(state["port"])}]}},
    }]))
elif words[0] == "logs":
    print(state.get("log", ""))
elif words[:2] == ["image", "inspect"]:
    print("[]")
end(0)
'''


class FakeDocker:
    """The client in a directory of its own, and the project.

    Args:
        folder: where all of it is put.
        port: SteVe's, which the container is said to publish.
        env: the text of the env file, with which the container runs.
    """

    def __init__(self, folder: Path, port: int, env: str) -> None:
        self.programs, self.project, self._state = folder / "bin", folder / "demo", folder / "state.json"
        for directory in (self.programs, self.project):
            directory.mkdir()
        self.env_file = self.project / ENV_FILE
        self.env_file.write_text(env)
        self.env_file.chmod(0o600)
        (self.project / "compose.yml").write_text(f"services: {{app: {{image: steve, env_file: [{ENV_FILE}]}}}}\n")
        self._state.write_text(json.dumps({"port": port, "runs_with": env, "generation": 1, "started": 0}))
        program = self.programs / "docker"
        text = _PROGRAM.replace("@PYTHON@", sys.executable)
        program.write_text(text.replace("@PROJECT@", str(self.project)).replace("@STATE@", str(self._state)))
        program.chmod(0o755)

    @property
    def state(self) -> dict[str, Any]:
        """What the engine is like now."""
        value: dict[str, Any] = json.loads(self._state.read_text())
        return value

    def becomes(self, **changes: Any) -> None:
        """From now on: ``refuses`` (compose cannot read a file), ``fails_at_up``, ``dies_at_up``, ``gone`` (its words),
        ``blind`` (it lists no container, in these words), ``log`` (the container's), ``ends_with`` (a text of the env
        file with which the app ends), ``labels`` (further ones of the container). ``asked`` are the calls of compose.
        """
        self._state.write_text(json.dumps(self.state | changes))
