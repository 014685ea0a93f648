# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``remediate`` on the real stack: broken, repaired, proven, and nothing to do the second time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.playbook import Run, playbook
from tests.stack import nginx
from tests.stack.fixtures import Stacks
from tests.stack.project import PUBLIC_NAME, Stack


def remediate(stack: Stack, *options: str, **variables: Any) -> Run:
    """Remediate the stack's host as its operator would."""
    inventory = copy.deepcopy(stack.inventory())
    host = inventory["all"]["children"]["steve"]["hosts"][stack.name]
    host |= {"steve_charge_boxes": ["CP1"], "steve_probe_charge_box_id": "PROBE1"}
    if stack.mode == "network":
        host["nginx_websocket_resolver"] = "127.0.0.11"
    host |= variables
    return playbook("remediate", inventory, "--diff", *options, extra={"diagnose_timeout": 3})


def changes(run: Run) -> list[str]:
    """The changed lines of every diff that was shown."""
    return [line for line in run.output.splitlines() if line.startswith(("+", "-")) and line[:3] not in ("+++", "---")]


@pytest.fixture(params=[("3.7.1", "network"), ("3.14.1", "host")], ids="-".join)
def stack(request: pytest.FixtureRequest, stacks: Stacks) -> Iterator[Stack]:
    """Each release and each mode; mended afterwards."""
    mine = stacks(*request.param)
    yield mine
    mine.write_env_file()
    mine.wait_healthy("app")
    mine.nginx(mine.good_site())
    mine.in_target("sh", "-c", "rm -f /etc/nginx/steve-*")


def without_the_location(stack: Stack) -> None:
    left_out = ("upgrade", "connection", "timeouts")
    ui = nginx.location("/steve/manager/", stack.upstream, resolve=stack.mode == "network", without=left_out)
    stack.nginx(nginx.server(stack.listen, ui, name=PUBLIC_NAME))


def test_a_missing_location_is_predicted_repaired_and_proven(stack: Stack) -> None:
    without_the_location(stack)
    files = stack.in_target("sh", "-c", "cat /etc/nginx/sites-available/steve; ls -la /etc/nginx").stdout

    predicted = remediate(stack, "--check")
    assert predicted.code == 0, predicted.output
    assert predicted.ids() == ["proxy-no-route"]
    assert stack.in_target("sh", "-c", "cat /etc/nginx/sites-available/steve; ls -la /etc/nginx").stdout == files

    done = remediate(stack)
    assert done.code == 0, done.output
    assert done.ids() == []
    assert changes(done) == changes(predicted) != []
    assert done.recap[stack.name]["changed"] == predicted.recap[stack.name]["changed"] == 1

    charger = stack.charger("LIVE1", url=stack.proxy_ws_url)
    charger.stop()

    again = remediate(stack)
    assert again.code == 0, again.output
    assert again.recap[stack.name]["changed"] == 0


def test_a_changed_env_file_is_applied_after_permission(stack: Stack) -> None:
    stack.write_env_file("".join(f"{key}={value}\n" for key, value in stack.app_env.items()) + "NEW_SETTING=1\n")
    before = stack.container("app")

    refused = remediate(stack)
    assert refused.code != 0
    assert "steve_allow_restart=true" in refused.output
    assert stack.container("app") == before

    predicted = remediate(stack, "--check", steve_allow_restart=True)
    assert predicted.code == 0, predicted.output
    assert stack.container("app") == before

    database = stack.container("db")
    done = remediate(stack, steve_allow_restart="true")  # as -e steve_allow_restart=true gives it
    assert done.code == 0, done.output
    assert done.ids() == []
    assert stack.container("app") != before
    assert stack.container("db") == database

    again = remediate(stack, steve_allow_restart=True)
    assert again.code == 0, again.output
    assert again.recap[stack.name]["changed"] == 0


def websocket(stack: Stack, *without: str, upstream: str = "") -> str:
    """A location for the WebSocket path with something left out."""
    resolve = stack.mode == "network"
    return nginx.location("/steve/websocket/", upstream or stack.upstream, resolve=resolve, without=without)


@dataclass(frozen=True)
class Broken:
    """What nginx does wrong, what the diagnosis calls it, and whether the repair leaves every present line alone."""

    cause: str
    location: Callable[[Stack], str]
    only_adds: bool = True


BROKEN = {
    "Upgrade forgotten": Broken("proxy-upgrade-stripped", lambda stack: websocket(stack, "upgrade", "timeouts")),
    "Connection forgotten": Broken("proxy-connection-stripped", lambda stack: websocket(stack, "connection")),
    "HTTP 1.0": Broken("proxy-http10-upstream", lambda stack: websocket(stack, "http11")),
    "short timeouts": Broken("proxy-timeout-short", lambda stack: websocket(stack, "timeouts")),
    "dead upstream": Broken("proxy-bad-gateway", lambda stack: websocket(stack, upstream="127.0.0.1:9"), False),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_location_is_repaired_where_it_stands(stacks: Stacks, broken: Broken) -> None:
    stack = stacks("3.14.1", "host")
    stack.nginx(nginx.server(stack.listen, broken.location(stack), name=PUBLIC_NAME))
    before = stack.in_target("cat", "/etc/nginx/sites-available/steve").stdout
    try:
        predicted = remediate(stack, "--check")
        assert predicted.code == 0, predicted.output
        assert broken.cause in predicted.ids()
        assert stack.in_target("cat", "/etc/nginx/sites-available/steve").stdout == before

        done = remediate(stack)
        assert done.code == 0, done.output
        assert done.ids() == []
        assert changes(done) == changes(predicted) != []
        assert done.recap[stack.name]["changed"] == 1
        assert stack.in_target("sh", "-c", "ls /etc/nginx/steve-* 2>/dev/null || true").stdout == ""
        after = stack.in_target("cat", "/etc/nginx/sites-available/steve").stdout.splitlines()
        kept = [line for line in after if line in before.splitlines()]
        assert (kept == before.splitlines()) is broken.only_adds

        again = remediate(stack)
        assert again.code == 0, again.output
        assert again.recap[stack.name]["changed"] == 0
    finally:
        stack.nginx(stack.good_site())


def test_two_equal_server_blocks_stop_with_a_sentence_and_change_nothing(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    broken = nginx.server(
        stack.listen, nginx.location("/steve/websocket/", stack.upstream, without=("upgrade",)), name=PUBLIC_NAME
    )
    stack.nginx(broken + broken)
    try:
        run = remediate(stack)
        assert run.code != 0
        assert "more than one server block could answer" in run.output
        assert stack.in_target("cat", "/etc/nginx/sites-available/steve").stdout == broken + broken
    finally:
        stack.nginx(stack.good_site())


def test_a_healthy_host_changes_nothing(stack: Stack) -> None:
    run = remediate(stack)
    assert run.code == 0, run.output
    assert run.recap[stack.name]["changed"] == 0
    assert "nothing to repair" in run.output


def test_an_admin_password_that_steve_ignores_is_said(stacks: Stacks) -> None:
    stack = stacks("3.14.1", "host")
    stack.write_env_file("AUTH_USER=admin\nAUTH_PASSWORD=another-one\nWEBAPI_VALUE=webapi-secret\n")
    try:
        run = remediate(stack, steve_allow_restart=True, steve_admin_password="another-one")
        assert run.code != 0
        assert "ignores them" in run.output
        assert "another-one" not in run.output
    finally:
        stack.write_env_file()
        stack.wait_healthy("app")
        stack.nginx(stack.good_site())
