# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two URLs of an observation, and where the proxy of a host is dialled."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from

from tests.simulator import running_simulator
from tests.simulator.faulty_proxy import running_proxy
from tests.unit.test_documents import DEFAULTS, PATH


@pytest.mark.parametrize(
    ("public", "words"),
    [
        (f"http://charge.example.net{PATH}", "Chargers connect to ws://"),
        (f"charge.example.net{PATH}", "does not begin with ws:// or wss://"),
        (f"ws://[fe80::1%25eth0]{PATH}", "has a scope"),
        (f"ws://[zz]{PATH}", ""),
        (f"ws://charge.example.net:0{PATH}", "port is 0"),
        (f"ws://charge.example.net{PATH}/CP-1", "without the charge box id"),
    ],
)
def test_a_public_url_that_no_charger_could_use_is_refused_with_the_option_s_name(public: str, words: str) -> None:
    with pytest.raises(InputError, match="public_ws_url") as caught:
        options_from(DEFAULTS | {"public_ws_url": public})
    assert words in caught.value.sentence()


@pytest.mark.parametrize("public", [None, "", f"ws://[::1]:8180{PATH}", f"wss://charge.example.net{PATH}/"])
def test_a_public_url_is_kept_as_it_was_written(public: str | None) -> None:
    assert options_from(DEFAULTS | {"public_ws_url": public}).public_ws_url == (public or None)


def test_a_base_url_with_a_scope_is_refused() -> None:
    with pytest.raises(InputError, match="url"):
        options_from(DEFAULTS | {"url": "http://[fe80::1%25eth0]:8180/steve"})


def look(**options: Any) -> dict[str, Any]:
    given = {"username": None, "password": None, "timeout": 3}
    return Observer(options_from(DEFAULTS | given | options)).observe()


def test_a_proxy_that_listens_on_ipv6_alone_is_found_and_asked() -> None:
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve,
        running_proxy("ok", f"127.0.0.1:{steve.port}", host="::1") as proxy,
    ):
        observation = look(url=steve.url, public_ws_url=f"ws://charge.test:{proxy.port}{PATH}")
    direct, through = observation["parts"]["probes"]["data"]
    assert through["connect_to"] == f"[::1]:{proxy.port}"
    assert direct["summary"]["accepted"] == through["summary"]["accepted"] == 1


def test_steve_s_own_port_may_be_given_by_an_ipv6_address() -> None:
    with (
        running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve,
        running_proxy("ok", f"127.0.0.1:{steve.port}", host="::1") as proxy,
    ):
        observation = look(url=f"http://[::1]:{proxy.port}/steve")
    (direct,) = observation["parts"]["probes"]["data"]
    assert direct["url"] == f"ws://[::1]:{proxy.port}{PATH}" and direct["summary"]["accepted"] == 1
