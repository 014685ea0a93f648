# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The app container comes back with another address while nginx keeps the old one, on the real stack."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_look import Look

from tests.integration.playbook import diagnose
from tests.integration.test_remediate import remediate
from tests.stack import nginx
from tests.stack.fixtures import Stacks
from tests.stack.project import ENDPOINT, PUBLIC_NAME, Stack


def site(stack: Stack, *, resolve: bool) -> str:
    """Everything goes to ``app:8180``: looked up once, or again and again."""
    return nginx.server(stack.listen, nginx.location("/", stack.upstream, resolve=resolve), name=PUBLIC_NAME)


@contextmanager
def moved(stack: Stack) -> Iterator[None]:
    """The app with another address than before."""
    others: list[str] = []
    try:
        others += stack.move_app()
        yield
    finally:
        stack.engine.docker("rm", "--force", *others, check=False)
        stack.mend()


def test_a_stale_upstream_is_named_and_a_reload_repairs_it(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "network")
    stack.nginx(site(stack, resolve=False))
    with moved(stack):
        run = diagnose(stack)
        assert run.found() == [("proxy-stale-upstream", "proxy")], run.output
        assert "looked up once" in run.output
        predicted = remediate(stack, "--check", nginx_websocket_resolver="")
        assert predicted.code == 0 and predicted.recap[stack.name]["changed"] == 1, predicted.output
        assert diagnose(stack).found() == [("proxy-stale-upstream", "proxy")]
        repaired = remediate(stack, nginx_websocket_resolver="")
        assert repaired.code == 0 and repaired.found() == [], repaired.output
        assert repaired.recap[stack.name]["changed"] == 1
        assert remediate(stack, nginx_websocket_resolver="").recap[stack.name]["changed"] == 0


def test_a_resolver_variable_follows_and_stays_silent(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "network")
    stack.nginx(site(stack, resolve=True))
    with moved(stack):
        time.sleep(3)
        assert diagnose(stack).found() == []


def test_a_location_that_was_repaired_but_not_loaded_is_the_cause(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    try:
        without = nginx.location("/", stack.upstream, without=("upgrade",))
        stack.nginx(nginx.server(stack.listen, without, name=PUBLIC_NAME))
        time.sleep(3)
        stack.nginx(stack.good_site(), reload=False)
        run = diagnose(stack)
        assert run.found() == [("proxy-config-not-loaded", None)], run.output
    finally:
        stack.mend()


def test_an_nginx_in_a_container_is_read_by_commands_in_it(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "network")
    stack.nginx(stack.good_site())
    time.sleep(3)

    def look() -> tuple[Look, dict[str, Any]]:
        made = Look("/etc/nginx/nginx.conf", ["docker", "exec", stack.target, "nginx"], 20.0)
        return made, made.part(PUBLIC_NAME, stack.proxy_port, f"{ENDPOINT}/")

    made, part = look()
    running = part["running"]
    assert (running["status"], running["newer_count"], running["reason"]) == ("ok", 0, None), running
    assert running["version"] and part["errors"] == part["problems"] == []
    assert [one["kind"] for one in part["location"]["forwards"]["upstream"]["servers"]] == ["resolved-later"]
    now = made.upstream_now([{"host": "app", "port": 8180, "kind": "name"}], ENDPOINT, time.time())
    there = [stack.address(stack.container("app"))]
    assert (now["servers"][0]["addresses"], now["servers"][0]["answering"]) == (there, there)
    time.sleep(3)
    stack.nginx(stack.good_site(), reload=False)
    assert look()[1]["running"]["newer_files"][0]["file"] == "/etc/nginx/sites-enabled/steve"
    stack.nginx(stack.good_site())
