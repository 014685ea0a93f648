# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``steve_follow`` on the real stack: real stations come back while a real container's output is followed."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.on_stack import sessions
from tests.integration.playbook import Run, diagnose
from tests.stack.charger import Charger
from tests.stack.fixtures import Stacks
from tests.stack.project import Stack

#: Seconds that are far more than a station needs, so that an early end shows.
LONG_S = 100


@contextmanager
def meanwhile(stack: Stack, work: Callable[[], Any]) -> Iterator[None]:
    """What somebody does as soon as the log is followed; its failure is the test's."""
    errors: list[BaseException] = []
    over = threading.Event()

    def run() -> None:
        try:
            while not following(stack):
                if over.wait(0.3):
                    raise AssertionError("nothing was followed")
            # Knocks within the second after our last probe count as ours.
            time.sleep(2)
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(90)
    assert not errors and not thread.is_alive(), errors


def following(stack: Stack) -> bool:
    """Whether the SteVe host runs ``docker logs --follow``."""
    found: subprocess.CompletedProcess[str] = stack.in_target("pgrep", "-f", "logs --follow", check=False)
    return found.returncode == 0


def follow(stack: Stack, seconds: float, box: str, **variables: Any) -> Run:
    return diagnose(stack, "-e", f"steve_follow={seconds:g}", "-e", f"steve_charge_box_id={box}", **variables)


def followed(run: Run) -> dict[str, Any]:
    """What became of the one charge box, with how following ended."""
    value = run.findings["hosts"][0]["followed"]
    (box,) = value["boxes"]
    return {**value, **box}


@pytest.fixture
def stack(stacks: Stacks) -> Iterator[Stack]:
    """A stack of which every station that a test started is unplugged."""
    made = stacks("3.14.1", "host")
    try:
        yield made
    finally:
        names = made.engine.docker("ps", "--all", "--quiet", "--filter", f"name={made.name}-charger-").stdout.split()
        made.engine.docker("rm", "--force", *names, check=False) if names else None
        made.mend()


def test_a_station_that_boots_through_the_proxy_is_told_and_ends_it(stack: Stack) -> None:
    begin = time.monotonic()
    with meanwhile(stack, lambda: stack.charger("CP1", url=stack.proxy_ws_url)):
        run = follow(stack, LONG_S, "CP1")
    assert time.monotonic() - begin < LONG_S
    told = followed(run)
    assert (told["outcome"], told["ended"], told["boot_status"]) == ("booted", "all booted", "Accepted"), run.output
    assert told["within_30_s"] is True and told["recreated"] == [] and told["refused"] is None
    assert run.found() == [] and run.code == 0, run.output
    assert "followed  CP1: booted at" in run.output
    assert run.recap[stack.name]["changed"] == 0


def test_a_station_that_nobody_registered_is_told_with_its_reason(stack: Stack) -> None:
    def knock() -> None:
        for _attempt in range(2):
            with pytest.raises(Exception, match="404"):
                sessions(stack.ws_url, 1, box="GHOST-7")

    with meanwhile(stack, knock):
        run = follow(stack, 6, "GHOST-7")
    told = followed(run)
    assert (told["outcome"], told["ended"], told["refused"]["reason"]) == ("refused", "time", "unknown-id"), run.output
    assert told["refused"]["count"] == 2, "what the diagnosis itself asked is not the station's"
    assert run.ids() == ["charge-box-unregistered"] and run.code == 2, run.output
    assert "followed  GHOST-7: refused 2 times" in run.output and "SteVe does not know this id" in run.output


def test_a_container_that_is_recreated_meanwhile_is_followed_on(stack: Stack) -> None:
    stations: list[Charger] = [stack.charger("CP1")]

    def recreate() -> None:
        stations.append(stack.charger("LIVE1"))
        stack.compose("up", "--detach", "--no-deps", "--force-recreate", "app")

    before = stack.container("app")
    with meanwhile(stack, recreate):
        run = follow(stack, LONG_S, "CP1")
    assert stack.container("app") != before
    told = followed(run)
    assert (told["outcome"], told["ended"]) == ("booted", "all booted"), run.output
    # Its session was there before; what is counted is the one in the new container, once.
    assert (told["connections"], len(told["recreated"])) == (1, 1), told
    assert "the app's container was recreated meanwhile" in run.output
    assert run.ids() == [] and run.code == 0, run.output
