# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the host under SteVe, on the real stack: memory, ports, disks, and an environment that SteVe ignores."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.playbook import Run, diagnose, local_host, playbook
from tests.stack.cleanup import LABEL
from tests.stack.engine import client_env
from tests.stack.fixtures import Stacks
from tests.stack.project import ENDPOINT, PUBLIC_NAME, Stack


def details(run: Run) -> str:
    """The evidence of all findings."""
    return json.dumps([item["evidence"] for item in run.findings["findings"]])


@contextmanager
def overridden(stack: Stack, text: str) -> Iterator[None]:
    """A second compose file for as long as a block lasts, as ``up -d`` applies it."""
    file = stack.directory / "docker-compose.override.yml"
    file.write_text(text)
    try:
        stack.compose("up", "--detach", "--no-deps", "app", check=False)
        yield
    finally:
        file.unlink()
        stack.write_env_file()
        stack.mend()


# -- memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", ["no", "always"])
def test_a_container_that_was_killed_for_memory_is_named_with_its_limit(stacks: Stacks, restart: str) -> None:
    stack = stacks("3.14.1", "host")
    limits = f'{{mem_limit: 12m, memswap_limit: 12m, restart: "{restart}"}}'
    with overridden(stack, f"services: {{app: {limits}}}\n"):
        stack.compose("wait", "app", check=False, timeout=60) if restart == "no" else None
        run = diagnose(stack)
    assert run.found() == [("app-out-of-memory", None)], run.output
    assert "memory limit of 12 MiB" in run.output


# -- ports --------------------------------------------------------------------------------------------------


def test_a_port_that_another_container_has_is_named_with_that_container(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    squatter = f"{stack.name}-squatter"
    stack.compose("stop", "app")
    place = f"127.0.0.1:{stack.app_port}:9"
    stack.engine.docker(
        *("run", "--detach", "--name", squatter, "--label", f"{LABEL}={stack.name}", "--publish", place),
        *(stack.images.target, "sleep", "600"),
    )
    try:
        stack.compose("up", "--detach", "--no-deps", "app", check=False)
        run = diagnose(stack)
    finally:
        stack.engine.docker("rm", "--force", squatter)
        stack.mend()
    assert run.found() == [("app-port-taken", None)], run.output
    assert squatter in details(run) and str(stack.app_port) in run.output


def test_a_port_that_another_program_has_is_named_with_where_it_listens(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    stack.compose("stop", "app")
    try:
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            squatter.bind(("127.0.0.1", stack.app_port))
            squatter.listen()
            stack.compose("up", "--detach", "--no-deps", "app", check=False)
            run = diagnose(stack)
    finally:
        stack.mend()
    assert run.found() == [("app-port-taken", None)], run.output
    assert f"listens at 127.0.0.1 port {stack.app_port}" in details(run)


def test_a_port_on_loopback_is_a_fault_only_where_chargers_come_to_it(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    run = diagnose(stack, steve_public_ws_url=f"ws://{PUBLIC_NAME}:{stack.app_port}{ENDPOINT}")
    assert run.found() == [("app-loopback-only", None)], run.output
    behind = diagnose(stack)
    assert behind.found() == [] and behind.statuses("app-loopback-only") == {"pass"}


def test_a_port_that_is_not_published_is_named_without_waiting_for_it(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    with overridden(stack, "services: {app: {ports: !reset []}}\n"):
        run = diagnose(stack, steve_public_ws_url=f"ws://{PUBLIC_NAME}:{stack.app_port}{ENDPOINT}")
    assert run.found() == [("app-port-not-published", None)], run.output
    assert "8180/tcp" in details(run)


# -- the environment ------------------------------------------------------------------------------------------


@contextmanager
def changed(stack: Stack, *command: str, **values: str) -> Iterator[None]:
    """An env file with other values, and what the operator did then."""
    try:
        stack.write_env_file("".join(f"{key}={value}\n" for key, value in {**stack.app_env, **values}.items()))
        stack.compose(*command)
        stack.wait_healthy("app") if command[0] != "restart" else None
        yield
    finally:
        stack.write_env_file()
        stack.mend()


def test_a_new_password_that_is_applied_and_ignored_is_told(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    with changed(stack, "up", "--detach", "--no-deps", "app", AUTH_PASSWORD="n3w-adm1n-pass"):
        run = diagnose(stack, steve_admin_password="n3w-adm1n-pass")
        old = diagnose(stack)
    assert run.found() == [("env-not-effective", None)], run.output
    assert "only while its data base has no admin" in details(run)
    assert "n3w-adm1n-pass" not in run.output + json.dumps(run.findings)
    assert [(item["id"], item["severity"]) for item in old.findings["findings"]] == [("env-not-effective", "warn")]


def test_a_restart_applies_nothing(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    with changed(stack, "restart", "app", AUTH_PASSWORD="n3w-adm1n-pass"):
        run = diagnose(stack)
    assert run.found() == [("env-not-applied", None)], run.output
    assert "changed: AUTH_PASSWORD" in details(run)


# -- disks and starting ---------------------------------------------------------------------------------------


def test_a_full_file_system_of_a_volume_is_named(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in client_env().items():
        monkeypatch.setenv(name, value)
    stack = stacks("3.14.1", "host")
    volume = "volumes: {small: {driver_opts: {type: tmpfs, device: tmpfs, o: size=4m}}}\n"
    host = local_host() | {
        "steve_url": stack.url, "steve_project_dir": str(stack.directory), "steve_charge_boxes": ["CP1"],
        # Docker's volumes are root's.
        "steve_admin_password": stack.app_env["AUTH_PASSWORD"], "ansible_become": os.geteuid() != 0,
    }  # fmt: skip
    inventory = {"all": {"children": {"steve": {"hosts": {"here": host}}}}}
    with overridden(stack, f"services: {{app: {{volumes: [small:/small]}}}}\n{volume}"):
        stack.wait_healthy("app")
        before = playbook("diagnose", inventory)
        stack.compose("exec", "-T", "app", "sh", "-c", "head -c 8m /dev/zero > /small/full", check=False)
        run = playbook("diagnose", inventory)
    assert before.found() == [], before.output
    assert run.found() == [("disk-full", None)], run.output
    assert "of 4 MiB free" in details(run)
