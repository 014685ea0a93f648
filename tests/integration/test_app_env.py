# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role ``app_env`` on the real stack: what it says before it acts, what it leaves when SteVe does not start."""

from __future__ import annotations

import copy
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._env_edit import Wish, ensure

from tests.integration.playbook import Run, playbook
from tests.stack.fixtures import Stacks
from tests.stack.project import Stack

RIGHT = "mysql+aiomysql://steve:changeme@db:3306/stevedb"
WRONG = "mysql+aiomysql://steve:wrong-nightingale@db:3306/stevedb"
STATE = ".chargeops.steve"


@pytest.fixture
def stack(stacks: Stacks) -> Iterator[Stack]:
    """A SteVe whose data base login stands in its env file, as upstream's may."""
    mine = stacks("3.14.1", "host")
    compose = mine.directory / "docker-compose.yml"
    text = compose.read_text()
    compose.write_text(text.replace(f'"SIM_DB_URL": "{RIGHT}", ', ""))
    assert compose.read_text() != text
    mine.write_env_file(env_text(mine))
    mine.env_file.chmod(0o600)
    mine.wait_healthy()
    yield mine
    compose.write_text(text)
    mine.write_env_file()
    mine.wait_healthy()
    assert not (mine.directory / STATE).exists()


def env_text(stack: Stack) -> str:
    return "".join(f"{key}={value}\n" for key, value in {**stack.app_env, "SIM_DB_URL": RIGHT}.items())


@pytest.fixture
def role(tmp_path: Path) -> Path:
    """A play with nothing but the role."""
    play = {"hosts": "steve", "gather_facts": False, "roles": ["chargeops.steve.app_env"]}
    path = tmp_path / "play.json"
    path.write_text(json.dumps([play]))
    return path


def run(role: Path, stack: Stack, *options: str, **variables: Any) -> Run:
    inventory = copy.deepcopy(stack.inventory())
    inventory["all"]["children"]["steve"]["hosts"][stack.name] |= variables
    done = playbook(str(role), inventory, "--diff", *options)
    assert "nightingale" not in done.output
    return done


def changed(done: Run, stack: Stack) -> int:
    return done.recap[stack.name]["changed"]


def answers(stack: Stack) -> bool:
    with urllib.request.urlopen(f"{stack.url}/manager/signin", timeout=10) as answer:
        return bool(answer.status == 200)


def test_a_wrong_data_base_password_is_named_and_put_back(stack: Stack, role: Path) -> None:
    before, container = stack.env_file.read_bytes(), stack.container("app")
    done = run(role, stack, app_env_keys={"SIM_DB_URL": WRONG}, steve_allow_restart=True, steve_start_deadline=60)
    assert done.code != 0
    assert "db-refused-login: " in done.output and "Access denied for user" in done.output
    assert "The previous env file is back, the app was recreated with it, and SteVe answers." in done.output
    assert stack.env_file.read_bytes() == before and stack.env_file.stat().st_mode & 0o777 == 0o600
    assert stack.container("app") != container
    assert answers(stack)

    again = run(role, stack)
    assert again.code == 0, again.output
    assert changed(again, stack) == 0


def test_an_operator_s_own_mistake_is_named_and_left_to_him(stack: Stack, role: Path) -> None:
    mistake = env_text(stack).replace(RIGHT, WRONG)
    stack.write_env_file(mistake)
    done = run(role, stack, steve_allow_restart=True, steve_start_deadline=60)
    assert done.code != 0
    assert "db-refused-login: " in done.output and "it was left as it is" in done.output
    assert stack.env_file.read_text() == mistake


def test_the_plan_counts_who_is_interrupted_and_announces_what_is_ignored(stack: Stack, role: Path) -> None:
    stack.env_file.chmod(0o644)
    charger = stack.charger("LIVE1")
    stack.control("add_transaction", charge_box_id="LIVE1", stopped=False)
    before, container = stack.env_file.read_bytes(), stack.container("app")
    try:
        options = {"app_env_keys": {"AUTH_PASSWORD": "new-nightingale", "OTHER": "1"}}
        predicted = run(role, stack, "--check", **options)
        refused = run(role, stack, **options)
    finally:
        charger.stop()
    for one in (predicted, refused):
        assert "connected now: 1, running transactions: 1" in one.output, one.output
        assert "SteVe 3.14.1 will ignore AUTH_PASSWORD (env-not-effective)" in one.output
        assert "sets AUTH_PASSWORD, OTHER (docker compose reads exactly this)" in one.output
        assert "Every user of this host can read" in one.output and "mode 0644" in one.output
    assert predicted.code == 0 and changed(predicted, stack) == 2
    assert refused.code != 0 and "Nothing was changed. Say -e steve_allow_restart=true" in refused.output
    assert (stack.env_file.read_bytes(), stack.container("app")) == (before, container)

    # What check mode told is what is done; SteVe accepts the old password still.
    done = run(role, stack, steve_allow_restart=True, **options)
    assert done.code == 0, done.output
    assert changed(done, stack) == 2 + nginx_reloads(done)
    assert answers(stack) and stack.container("app") != container
    assert changed(run(role, stack, **options), stack) == 0


def nginx_reloads(done: Run) -> int:
    """nginx runs on this host, and that it is reloaded follows from what compose did."""
    return int("changed: " in done.output.partition("Reload nginx, which may keep")[2].split("TASK")[0])


def test_a_key_that_another_place_overrides_is_refused_before_anything(stack: Stack, role: Path) -> None:
    before, container = stack.env_file.read_bytes(), stack.container("app")
    done = run(role, stack, app_env_keys={"SIM_RELEASE": "3.7.1"}, steve_allow_restart=True)
    assert done.code != 0
    assert "another value of SIM_RELEASE" in done.output and "Nothing was changed" in done.output
    assert (stack.env_file.read_bytes(), stack.container("app")) == (before, container)


def test_what_a_killed_run_left_is_put_back_when_it_does_not_run(stack: Stack, role: Path) -> None:
    before = stack.env_file.read_bytes()
    # A run that is killed right after it wrote leaves this.
    wish = Wish(str(stack.env_file), {"SIM_DB_URL": WRONG}, state_dir=str(stack.directory / STATE))
    assert ensure(wish)["pending"] is True and stack.env_file.read_bytes() != before
    done = run(role, stack, app_env_keys={"SIM_DB_URL": WRONG}, steve_allow_restart=True, steve_start_deadline=60)
    assert done.code != 0 and "The previous env file is back" in done.output
    assert stack.env_file.read_bytes() == before and answers(stack)


def test_docker_that_stops_answering_leaves_the_previous_env_file(stack: Stack, role: Path) -> None:
    before = stack.env_file.read_bytes()
    # From the recreation on the client fails, as when the engine is gone.
    client = stack.in_target("sh", "-c", "command -v docker").stdout.strip()
    said = "Cannot connect to the Docker daemon. Is the docker daemon running?"
    gone = f"""#!/bin/sh
case "$*" in *--dry-run*) ;; *' up '*) touch /tmp/gone;; esac
[ ! -e /tmp/gone ] || {{ echo '{said}' >&2; exit 1; }}
exec {client} "$@"
"""
    stack.write_in_target("/usr/local/sbin/docker", gone)
    stack.in_target("chmod", "755", "/usr/local/sbin/docker")
    try:
        done = run(role, stack, app_env_keys={"OTHER": "1"}, steve_allow_restart=True)
    finally:
        stack.in_target("rm", "-f", "/usr/local/sbin/docker", "/tmp/gone")
    assert done.code != 0
    # The old container was never touched.
    assert "whether the app runs with it could not be tried" in done.output and "docker daemon" in done.output
    assert "does not run with" not in done.output and answers(stack)
    assert stack.env_file.read_bytes() == before
    again = run(role, stack)
    assert again.code == 0 and changed(again, stack) == 0, again.output


def test_a_steve_that_never_answers_is_put_back_after_the_deadline(stack: Stack, role: Path) -> None:
    before = stack.env_file.read_bytes()
    done = run(role, stack, app_env_keys={"SIM_MIGRATIONS_S": "600"}, steve_allow_restart=True, steve_start_deadline=30)
    assert done.code != 0
    assert "its log names no cause" in done.output
    assert "The previous env file is back, the app was recreated with it, and SteVe answers." in done.output
    assert stack.env_file.read_bytes() == before and answers(stack)


def test_a_container_that_somebody_else_recreates_meanwhile_is_waited_for(stack: Stack, role: Path) -> None:
    container = stack.container("app")
    seen: list[str] = []

    def recreate() -> None:
        """As soon as the role's own container runs, which takes a while to answer."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            listed = stack.compose("ps", "--quiet", "app", check=False).stdout.split()
            if listed and listed != [container]:
                seen.extend(listed)
                stack.compose("up", "--detach", "--no-deps", "--force-recreate", "app")
                return
            time.sleep(0.3)

    somebody = threading.Thread(target=recreate)
    somebody.start()
    try:
        done = run(role, stack, app_env_keys={"SIM_MIGRATIONS_S": "8"}, steve_allow_restart=True)
    finally:
        somebody.join()
    assert done.code == 0, done.output
    assert seen and stack.container("app") not in (container, *seen)
    assert "SIM_MIGRATIONS_S=8" in stack.env_file.read_text() and answers(stack)
    again = run(role, stack)
    assert again.code == 0 and changed(again, stack) == 0, again.output
