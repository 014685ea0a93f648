# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How settings reach the simulated releases, and when changed credentials are ignored."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import ERAS, Running, running_simulator
from tests.simulator.config import environment_name, parse_properties, resolve, system_properties

Browse = Callable[[Running], Any]
OLD, NEW = ERAS["3.7.1"], ERAS["3.14.1"]


def test_3_7_1_ignores_environment_and_system_properties() -> None:
    found = resolve(OLD, system={"auth.password": "d"}, environ={"AUTH_PASSWORD": "e"})
    assert found.get("auth.password") == "1234"


def test_3_7_1_reads_the_given_file_and_substitutes_dollar_names() -> None:
    content = "# comment\nauth.user = root\nauth.password = $SECRET\nwebapi.value: a=b\n"
    found = resolve(OLD, main_properties=content, environ={"SECRET": "s3", "AUTH_PASSWORD": "e"})
    assert (found.get("auth.user"), found.get("auth.password"), found.get("webapi.value")) == ("root", "s3", "a=b")
    assert found.get("webapi.key") == ""


def test_3_14_1_prefers_system_properties_over_the_environment() -> None:
    found = resolve(
        NEW,
        main_properties="auth.user=ignored",
        system={"auth.password": "d"},
        environ={"AUTH_PASSWORD": "e", "AUTH_USER": "u"},
    )
    assert (found.get("auth.user"), found.get("auth.password")) == ("u", "d")


def test_java_tool_options_hold_definitions_that_the_command_line_beats() -> None:
    found = system_properties(["auth.user=cli"], {"JAVA_TOOL_OPTIONS": "-Xmx1g -Dauth.user=env '-Dauth.password=a b'"})
    assert found == {"auth.user": "cli", "auth.password": "a b"}


def test_relaxed_binding_name() -> None:
    name = environment_name("steve.ocpp.security.protocol-header-from-proxy")
    assert name == "STEVE_OCPP_SECURITY_PROTOCOLHEADERFROMPROXY"


def test_properties_format() -> None:
    assert parse_properties("a=1\n! x\n\n b : 2 \nc") == {"a": "1", "b": "2", "c": ""}


def test_data_base_url_from_properties() -> None:
    found = resolve(NEW, environ={"DB_IP": "mariadb", "DB_PASSWORD": "p@ss"})
    assert found.db_url() == "mysql+aiomysql://steve:p%40ss@mariadb:3306/stevedb"
    assert resolve(NEW).db_url() is None


def api_status(sim: Running, browse: Browse, password: str) -> tuple[int, str]:
    basic = base64.b64encode(f"admin:{password}".encode()).decode()
    page = browse(sim).get("/api/v1/ocppTags/0", Authorization=f"Basic {basic}")
    return page.status, json.loads(page.text)["message"]


def test_3_14_1_uses_changed_credentials_only_while_there_is_no_admin(tmp_path: Path, browse: Browse) -> None:
    db = f"sqlite+aiosqlite:///{tmp_path}/steve.db"
    first = {"AUTH_PASSWORD": "one", "WEBAPI_VALUE": "tok1"}
    with running_simulator(release="3.14.1", db=db, environ=first) as sim:
        assert browse(sim).sign_in(password="one").location.endswith("/steve/")
        assert api_status(sim, browse, "tok1") == (404, "Could not find this ocppTag")
        assert sim.control.state()["tables"]["web_user"][0]["password"].startswith("$2a$")
    second = {"AUTH_PASSWORD": "two", "WEBAPI_VALUE": "tok2"}
    with running_simulator(release="3.14.1", db=db, environ=second) as sim:
        assert browse(sim).sign_in(password="two").location.endswith("?error")
        assert browse(sim).sign_in(password="one").location.endswith("/steve/")
        assert api_status(sim, browse, "tok2") == (401, "Invalid password")


def test_3_14_1_blank_web_api_value_disables_the_api(browse: Browse) -> None:
    with running_simulator(release="3.14.1") as sim:
        status, message = api_status(sim, browse, "anything")
        assert status == 401
        assert message.startswith("The user does not exist, exists but is disabled")


def test_3_7_1_uses_a_changed_file_at_every_start(tmp_path: Path, browse: Browse) -> None:
    db, file = f"sqlite+aiosqlite:///{tmp_path}/steve.db", tmp_path / "main.properties"
    for password in ("one", "two"):
        file.write_text(f"auth.user=admin\nauth.password={password}\n", "utf-8")
        with running_simulator(release="3.7.1", db=db, main_properties=file) as sim:
            assert browse(sim).sign_in(password=password).location.endswith("/steve/")
            assert "web_user" not in sim.control.state()["tables"]


def test_3_7_1_blank_web_api_value_is_a_500_page(browse: Browse) -> None:
    with running_simulator(release="3.7.1") as sim:
        page = browse(sim).get("/api/v1/ocppTags/0", **{"STEVE-API-KEY": "x"})
        assert (page.status, "Web APIs are not exposed" in page.text) == (500, True)
        assert any("Web APIs will not be exposed." in line for line in sim.control.log())


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_unknown_release_is_named(release: str) -> None:
    with pytest.raises(ValueError, match=release), running_simulator(release="9.9.9"):
        pass
