# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fault at a time on the real stack: exactly its root cause, and nothing false beside it."""

from __future__ import annotations

import copy
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.playbook import Run, local_host, playbook
from tests.stack import nginx
from tests.stack.fixtures import Stacks
from tests.stack.project import ENDPOINT, PUBLIC_NAME, Stack
from tests.stack.shell import StackError

RELEASES = ("3.7.1", "3.14.1")


def diagnose(stack: Stack, *options: str, outside: bool = False, **variables: Any) -> Run:
    """Diagnose the stack's host with charge box CP1; ``outside`` adds this machine as a vantage."""
    inventory = copy.deepcopy(stack.inventory())
    host = inventory["all"]["children"]["steve"]["hosts"][stack.name]
    host |= {"steve_charge_boxes": ["CP1"], "steve_probe_charge_box_id": "PROBE1"} | variables
    if outside:
        inventory["all"]["hosts"] = {"outside": local_host()}
        host["steve_vantage_hosts"] = ["outside"]
    return playbook("diagnose", inventory, *options, extra={"diagnose_timeout": 3})


@pytest.mark.parametrize("mode", ["host", "network"])
@pytest.mark.parametrize("release", RELEASES)
def test_a_healthy_stack_has_no_finding(stacks: Stacks, release: str, mode: Any) -> None:
    stack = stacks(release, mode)
    run = diagnose(
        stack, outside=True, steve_public_ws_url=stack.proxy_ws_url if mode == "host" else stack.public_ws_url
    )
    if mode == "network":
        run = diagnose(stack)
    assert run.found() == [], run.output
    assert run.code == 0
    assert run.recap[stack.name]["changed"] == 0


# -- faults that are there while the diagnosis runs -----------------------------------------------------------


def site(stack: Stack, *locations: str) -> None:
    """Make these the locations of the public server block."""
    stack.nginx(nginx.server(stack.listen, *locations, name=PUBLIC_NAME))


def websocket(stack: Stack, *without: str) -> str:
    """The WebSocket location with something left out."""
    return nginx.location("/steve/websocket/", stack.upstream, resolve=stack.mode == "network", without=without)


def pages(stack: Stack) -> str:
    """The location of everything else."""
    left_out = ("upgrade", "connection", "timeouts")
    return nginx.location("/", stack.upstream, resolve=stack.mode == "network", without=left_out)


def app_stopped(stack: Stack) -> None:
    stack.compose("stop", "app")


def db_stopped(stack: Stack) -> None:
    stack.compose("stop", "db")


def db_frozen(stack: Stack) -> None:
    stack.compose("pause", "db")


def env_changed(stack: Stack) -> None:
    stack.write_env_file("".join(f"{key}={value}\n" for key, value in stack.app_env.items()) + "NEW_SETTING=1\n")


@dataclass(frozen=True)
class Fault:
    """How to break the stack, what the operator wrote, and what the diagnosis has to say."""

    cause: str
    hop: str | None
    inject: Callable[[Stack], None] | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    outside: bool = False


FAULTS = {
    "app stopped": Fault("app-not-running", None, app_stopped),
    "app stopped, containers not looked at": Fault("tcp-refused", "direct", app_stopped, {"steve_project_dir": ""}),
    "MariaDB stopped": Fault("db-unreachable", None, db_stopped),
    "MariaDB frozen": Fault("db-unreachable", None, db_frozen),
    "env file changed": Fault("env-not-applied", None, env_changed),
    "unregistered id": Fault("charge-box-unregistered", None, None, {"steve_charge_boxes": ["CP1", "CP-unknown"]}),
    "unregistered id, no admin login": Fault(
        "charge-box-unregistered", "direct", None, {"steve_charge_boxes": ["CP1", "CP-x"], "steve_admin_password": ""}
    ),
    "forbidden character": Fault("charge-box-id-invalid", None, None, {"steve_charge_boxes": ["CP1", "CP(1)"]}),
    "forbidden character, no admin login": Fault(
        "charge-box-id-invalid", "direct", None, {"steve_charge_boxes": ["CP1", "CP(1)"], "steve_admin_password": ""}
    ),
    "ocpp2.0.1 only": Fault("subprotocol-unsupported", "direct", None, {"diagnose_subprotocols": ["ocpp2.0.1"]}),
    "no subprotocol": Fault("subprotocol-missing", "direct", None, {"diagnose_subprotocols": []}),
    "admin password wrong": Fault("admin-login-refused", None, None, {"steve_admin_password": "wrong-4711"}),
    "nginx without Upgrade": Fault(
        "proxy-upgrade-stripped", "proxy", lambda stack: site(stack, pages(stack), websocket(stack, "upgrade"))
    ),
    "nginx without Connection": Fault(
        "proxy-connection-stripped", "proxy", lambda stack: site(stack, pages(stack), websocket(stack, "connection"))
    ),
    "nginx without HTTP/1.1": Fault(
        "proxy-http10-upstream", "proxy", lambda stack: site(stack, pages(stack), websocket(stack, "http11"))
    ),
    "nginx without the location": Fault("proxy-no-route", "proxy", lambda stack: site(stack, "root /nonexistent;")),
    "nginx with a wrong upstream": Fault(
        "proxy-bad-gateway", "proxy", lambda stack: site(stack, nginx.location("/", "127.0.0.1:9"))
    ),
    "nginx with a login wall": Fault(
        "proxy-login-wall", "proxy",
        lambda stack: site(stack, "location / { return 302 https://login.example.net/oauth2/start?rd=$request_uri; }"),
    ),
    "nginx redirects to https": Fault(
        "redirected", "proxy", lambda stack: site(stack, "location / { return 301 https://$host$request_uri; }")
    ),
}  # fmt: skip


def mend(stack: Stack, deadline_s: float = 60.0) -> None:
    """Bring everything back. Compose gives up at once on a container that is still marked unhealthy, so ask again."""
    end = time.monotonic() + deadline_s
    for service in ("db", "app"):
        while True:
            try:
                stack.wait_healthy(service)
                break
            except StackError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)
    stack.nginx(stack.good_site())


@contextmanager
def broken(stack: Stack, fault: Fault) -> Iterator[None]:
    """The fault for as long as a block lasts."""
    try:
        if fault.inject is not None:
            fault.inject(stack)
        yield
    finally:
        if fault.inject is not None:
            stack.compose("unpause", "db", check=False)
            stack.write_env_file()
            mend(stack)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_one_fault_is_named_and_nothing_else(stacks: Stacks, fault: Fault, release: str) -> None:
    stack = stacks(release, "host")
    with broken(stack, fault):
        run = diagnose(stack, outside=fault.outside, **fault.variables)
    assert run.found() == [(fault.cause, fault.hop)], run.output
    assert run.code == 2
    assert fault.cause in run.output


PATHS = {
    "wrong context": ("/stev/websocket/CentralSystemService", "wrong-context-path"),
    "misspelt CentralSystemService": ("/steve/websocket/CentralSysremService", "wrong-path"),
    "SOAP path": ("/steve/services/CentralSystemService", "soap-path"),
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("path", "cause"), PATHS.values(), ids=PATHS)
def test_a_wrong_path_in_the_public_url_is_named(stacks: Stacks, path: str, cause: str, release: str) -> None:
    stack = stacks(release, "host")
    run = diagnose(stack, steve_public_ws_url=stack.public_ws_url.replace(ENDPOINT, path))
    assert run.found() == [(cause, "proxy")], run.output


# -- what only another place sees -----------------------------------------------------------------------------


@contextmanager
def listener(backlog: int) -> Iterator[int]:
    """A listener that never answers; with backlog 0 its queue is full, so that a SYN gets no answer at all."""
    with ExitStack() as life:
        server = life.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(backlog)
        port: int = server.getsockname()[1]
        if backlog == 0:
            for _count in range(4):
                filler = life.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            threading.Event().wait(0.2)
        yield port


@pytest.mark.parametrize(("backlog", "cause"), [(16, "http-timeout"), (0, "tcp-timeout")])
def test_a_silent_listener_is_told_from_one_whose_queue_is_full(stacks: Stacks, backlog: int, cause: str) -> None:
    with listener(backlog) as port:
        run = diagnose(
            stacks("3.14.1", "network"), outside=True, steve_public_ws_url=f"ws://127.0.0.1:{port}{ENDPOINT}"
        )
    # The vantage is this machine, but a charger with that URL would dial itself.
    assert run.found() == [(cause, "public"), ("public-url-elsewhere", "public")], run.output


def test_a_name_that_does_not_resolve_is_named(stacks: Stacks) -> None:
    run = diagnose(stacks(), outside=True, steve_public_ws_url=f"ws://charge.invalid{ENDPOINT}")
    assert run.found() == [("dns-unresolvable", "public")], run.output


def test_the_data_bases_port_is_not_http(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "network")
    inventory = copy.deepcopy(stack.inventory())
    host = inventory["all"]["children"]["steve"]["hosts"][stack.name]
    inventory["all"]["hosts"] = {"charger-net": {key: host[key] for key in host if key.startswith("ansible_")}}
    host |= {
        "steve_charge_boxes": ["CP1"], "steve_public_ws_url": f"ws://db:3306{ENDPOINT}",
        "steve_vantage_hosts": ["charger-net"],
    }  # fmt: skip
    run = playbook("diagnose", inventory, extra={"diagnose_timeout": 3})
    assert run.found() == [("not-http", "public")], run.output


# -- a run that looked at nothing is never green --------------------------------------------------------------


def unreachable() -> dict[str, Any]:
    """A host at which nobody answers."""
    return {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_ssh_timeout": 3}


def test_one_unreachable_host_fails_the_verdict_and_the_others_are_judged(stacks: Stacks) -> None:
    stack = stacks()
    inventory = stack.inventory()
    inventory["all"]["children"]["steve"]["hosts"]["gone"] = unreachable()
    run = playbook("diagnose", inventory, extra={"steve_fail_on": "never"})
    assert run.code != 0
    assert {host["host"]: host["reached"] for host in run.findings["hosts"]} == {stack.name: True, "gone": False}
    assert run.ids() == []


def test_limit_judges_only_those_hosts(stacks: Stacks) -> None:
    stack = stacks()
    inventory = stack.inventory()
    inventory["all"]["children"]["steve"]["hosts"]["gone"] = unreachable()
    run = playbook("diagnose", inventory, "--limit", stack.name)
    assert run.code == 0, run.output
    assert [host["host"] for host in run.findings["hosts"]] == [stack.name]


@pytest.mark.parametrize("fail_on", ["fail", "never"])
def test_all_hosts_unreachable_is_not_green(fail_on: str) -> None:
    run = playbook("diagnose", {"steve": {"hosts": {"gone": unreachable()}}}, extra={"steve_fail_on": fail_on})
    assert run.code != 0
    assert "nothing was evaluated" in run.output


def test_a_dead_vantage_leaves_its_questions_open_and_touches_no_host(stacks: Stacks) -> None:
    stack = stacks()
    inventory = stack.inventory()
    inventory["all"]["hosts"] = {"office": unreachable()}
    inventory["all"]["children"]["steve"]["hosts"][stack.name]["steve_vantage_hosts"] = ["office"]
    run = playbook("diagnose", inventory)
    assert run.code == 0, run.output
    assert run.ids() == []
    assert "unknown" in run.statuses("dns-unresolvable")
    assert "vantage office was not reached" in run.output


@pytest.mark.parametrize(
    ("inventory", "options"),
    [
        ({"all": {"hosts": {}}}, ()),
        ({"web": {"hosts": {"w": local_host()}}}, ()),
        ({"steve": {"hosts": {"s": unreachable()}}, "web": {"hosts": {"w": local_host()}}}, ("--limit", "web")),
    ],
    ids=["empty inventory", "no host in the group", "limit to others"],
)
def test_a_run_without_any_steve_host_fails_with_a_sentence(
    inventory: dict[str, Any], options: tuple[str, ...]
) -> None:
    run = playbook("diagnose", inventory, *options)
    assert run.code != 0
    assert "no SteVe host in this run" in run.output


def test_bad_input_is_one_clear_sentence_in_the_verdict(stacks: Stacks) -> None:
    run = diagnose(stacks(), steve_charge_boxes=[123])
    assert run.code != 0
    assert "in quotes" in run.output
