# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine: the one that is there, else (root on Debian) one installed and started for these tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.stack.shell import CACHE, StackError, apt_install, lock, run, say

PID_FILE = CACHE / "dockerd.pid"
LOG_FILE = CACHE / "dockerd.log"
START_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers. ``started``: id of its process when this one started it, and has to stop it."""

    started: int | None = None

    def docker(
        self, *args: str, timeout: float = 120, stdin: str | None = None, check: bool = True, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the docker client. Raises StackError as shell.run does."""
        return run("docker", *args, timeout=timeout, stdin=stdin, check=check, cwd=cwd, env=client_env())


def client_env() -> dict[str, str]:
    """Environment of the docker client.

    The legacy builder is used everywhere, because it is the only one that every supported engine has without a plugin;
    a client configuration of our own is used only when a compose plugin had to be put there (images.ensure_compose).
    """
    env = {"DOCKER_BUILDKIT": "0", "DOCKER_CLI_HINTS": "false"}
    if own_plugin().exists():
        env["DOCKER_CONFIG"] = str(own_plugin().parents[1])
    return env


def own_plugin() -> Path:
    """Where a compose plugin of our own goes when the machine has none."""
    return CACHE / "docker" / "cli-plugins" / "docker-compose"


def ensure() -> Engine:
    """Return the engine that is there, or install and start one. Raises StackError when neither is possible."""
    if answers():
        return Engine()
    if host := os.environ.get("DOCKER_HOST"):
        raise StackError(f"No Docker engine answers at DOCKER_HOST={host}: start it, or unset it.")
    if os.geteuid() != 0:
        raise StackError("No Docker engine answers: start one that this user may use, or run as root on Debian.")
    with lock(Path("/run/chargeops-steve-test.lock")):
        if answers():
            return Engine()
        if shutil.which("dockerd") is None:
            _install()
            if _wait(5):
                return Engine()
        return Engine(started=_start())


def stop(pid: int) -> None:
    """Stop the engine that ensure() started as process ``pid``, unless others use it meanwhile."""
    if answers() and Engine().docker("ps", "--quiet").stdout.strip():
        say(f"the Docker engine that was started for the tests stays: others use it now (pid {pid})")
        return
    say(f"stopping the Docker engine that was started for the tests (pid {pid})")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 30
    while time.monotonic() < end and not _gone(pid):
        time.sleep(0.1)


def left_running() -> int | None:
    """Process id of an engine that this checkout started and did not stop."""
    with suppress(FileNotFoundError, ValueError):
        pid = int(PID_FILE.read_text())
        if b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


@contextmanager
def running() -> Iterator[Engine]:
    """An engine for the length of a block; stopped at its end only when it was started here."""
    engine = ensure()
    try:
        yield engine
    finally:
        if engine.started is not None:
            stop(engine.started)


def _gone(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not Path(f"/proc/{pid}").exists()


def answers() -> bool:
    """Whether there is an engine that this user may use."""
    if shutil.which("docker") is None:
        return False
    done = run("docker", "version", "--format", "{{.Server.Version}}", timeout=30, check=False)
    return done.returncode == 0


def _wait(seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answers():
            return True
        time.sleep(0.25)
    return False


def _install() -> None:
    release = Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else ""
    if "debian" not in release or shutil.which("apt-get") is None:
        raise StackError("No Docker engine answers and this is not Debian: install Docker, then run this again.")
    say("no Docker engine on this machine: installing Debian's docker.io (about a minute)")
    apt_install("docker.io", update=True)


_daemons: list[subprocess.Popen[bytes]] = []
"""What this process started; kept, because Python warns about a child that is forgotten while it runs."""


def _start() -> int | None:
    """Start the engine; return the process id, or None when systemd has it."""
    if Path("/run/systemd/system").exists():
        run("systemctl", "start", "docker", check=False)
        if _wait(15):
            return None
    say(f"starting dockerd (log: {LOG_FILE})")
    CACHE.mkdir(exist_ok=True)
    with LOG_FILE.open("wb") as log:
        process = subprocess.Popen(
            ["dockerd", "--log-level", "warn"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # What is started for one stack (tests/stack/watch.py) ends with it.
            env={key: value for key, value in os.environ.items() if key != "STEVE_STACK"},
            cwd="/",
        )
    _daemons.append(process)
    PID_FILE.write_text(str(process.pid))
    try:
        if _wait(START_DEADLINE_S):
            return process.pid
        last = "\n".join(LOG_FILE.read_text(errors="replace").splitlines()[-5:])
        raise StackError(f"dockerd did not answer within {START_DEADLINE_S:g} s; its last lines: {last}")
    except BaseException:
        process.terminate()
        raise
