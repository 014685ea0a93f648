# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a real nginx: whether it would load its files, whether it has, and what that means for chargers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_files, _nginx_look
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_checks import problems
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests.integration.local_nginx import NAME, UPGRADE, LocalNginx, ask, status
from tests.simulator import running_simulator
from tests.unit.nginx_cases import ACCEPTED, REFUSED
from tests.unit.test_documents import DEFAULTS, PATH, RUN

#: A file is newer than a worker from a second on.
LATER_S = 3.0


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[LocalNginx]:
    made = LocalNginx(tmp_path / "nginx")
    try:
        yield made
    finally:
        made.stop()


def accepted(nginx: LocalNginx) -> bool:
    """nginx's own word on its files."""
    argv = [*nginx.command, "-t", "-q", "-e", f"{nginx.directory}/run/error.log", "-c", str(nginx.conf)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def told(nginx: LocalNginx) -> list[str]:
    return [one.error for one in problems(_nginx_files.read(str(nginx.conf)))]


# -- would it load them? --------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [text for text, _words in REFUSED])
def test_what_we_call_invalid_nginx_refuses(nginx: LocalNginx, body: str) -> None:
    nginx.site(body)
    assert told(nginx) != [] and not accepted(nginx)


@pytest.mark.parametrize("body", ACCEPTED)
def test_what_nginx_accepts_is_not_called_invalid(nginx: LocalNginx, body: str) -> None:
    nginx.site(body)
    assert accepted(nginx) and told(nginx) == []


def test_no_damaged_file_that_nginx_accepts_is_called_invalid(nginx: LocalNginx) -> None:
    """Bytes left out, doubled and swapped at random places of a file that is read in full."""
    site = nginx.site(
        "location /steve/websocket/ {", "proxy_pass http://127.0.0.1:1;", "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;", 'proxy_set_header Connection "upgrade";',
        "proxy_read_timeout 1h;", "proxy_buffering off;", "}", "location = /x { return 200 'a b'; } # end",
    )  # fmt: skip
    good, chance, refused = site.read_bytes(), random.Random(7), 0
    for _attempt in range(150):
        at = chance.randrange(len(good))
        new = chance.choice([b"", good[at : at + 1] * 2, b";", b"}", b"{", b'"', b" ", b"\\", b"#", b"'", b"$"])
        site.write_bytes(good[:at] + new + good[at + 1 :])
        if told(nginx):
            refused += 1
            assert not accepted(nginx), (site.read_bytes(), told(nginx))
    assert refused > 20


# -- what of it is running? -----------------------------------------------------------------------------------


def look(nginx: LocalNginx, *prefix: str) -> dict[str, Any]:
    made = _nginx_look.Look(str(nginx.conf), [*prefix, *nginx.command], 60.0)
    running: dict[str, Any] = made.part(NAME, nginx.port, PATH + "/")["running"]
    return running


def reload(nginx: LocalNginx, done: Callable[[], bool]) -> None:
    assert nginx.process is not None
    os.kill(nginx.process.pid, signal.SIGHUP)
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, "nginx did not reload"
        time.sleep(0.1)


@pytest.mark.parametrize("prefix", [(), ("env",)], ids=["here", "by commands"])
def test_a_change_is_seen_until_it_is_loaded(nginx: LocalNginx, prefix: tuple[str, ...]) -> None:
    site = nginx.site("location / { return 204; }")
    nginx.start()
    # The master listens a moment before its worker is there.
    end = time.monotonic() + 10
    while (first := look(nginx, *prefix))["status"] != "ok" and time.monotonic() < end:
        time.sleep(0.2)
    assert (first["status"], first["newer_count"], first["workers"]) == ("ok", 0, 1), first
    time.sleep(LATER_S)
    site.write_text(site.read_text().replace("204", "404"))
    changed = look(nginx, *prefix)
    assert [row["file"] for row in changed["newer_files"]] == [str(site)]
    reload(nginx, lambda: status(nginx.port) == 404)
    end = time.monotonic() + 10
    # Between two workers there may be none for a moment, which is said as such.
    while (after := look(nginx, *prefix))["newer_count"] or after["status"] != "ok":
        assert time.monotonic() < end, after
        time.sleep(0.2)
    assert after["since"] > first["since"]


def test_a_link_that_is_made_to_an_old_file_is_a_change(nginx: LocalNginx, tmp_path: Path) -> None:
    old = tmp_path / "available.conf"
    old.write_text("# nothing\n")
    nginx.site("location / { return 204; }")
    nginx.start()
    time.sleep(LATER_S)
    (nginx.sites / "enabled.conf").symlink_to(old)
    assert [row["file"] for row in look(nginx)["newer_files"]] == [str(nginx.sites / "enabled.conf")]


def test_a_stopped_nginx_and_one_with_other_files_are_told_apart(nginx: LocalNginx, tmp_path: Path) -> None:
    nginx.site("location / { return 204; }")
    assert look(nginx)["status"] in ("stopped", "unknown")
    nginx.start()
    other = tmp_path / "other.conf"
    other.write_text(nginx.conf.read_text())
    made = _nginx_look.Look(str(other), list(nginx.command), 10.0)
    running = made.part(NAME, nginx.port, PATH + "/")["running"]
    assert running["status"] == "unknown" and str(nginx.conf) in running["reason"]


def test_looking_leaves_every_file_as_it_was(nginx: LocalNginx) -> None:
    nginx.site("location / { return 204; }")
    nginx.start()
    before = nginx.snapshot(), sorted(os.listdir(nginx.directory / "run"))
    look(nginx)
    look(nginx, "env")
    assert (nginx.snapshot(), sorted(os.listdir(nginx.directory / "run"))) == before


# -- what it means for chargers -------------------------------------------------------------------------------

GOOD = (
    "proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", 'proxy_set_header Connection "upgrade";',
    "proxy_set_header Host $http_host;", "proxy_read_timeout 1h;",
)  # fmt: skip


def location(target: str, *lines: str) -> str:
    return "location / { " + " ".join([f"proxy_pass {target};", *lines]) + " }"


def diagnosis(nginx: LocalNginx, steve: Any) -> dict[str, Any]:
    options = DEFAULTS | {
        "url": steve.url, "public_ws_url": f"ws://{NAME}:{nginx.port}{PATH}", "nginx_conf": str(nginx.conf),
        "nginx_command": list(nginx.command), "charge_box_id": ["CP-1"], "username": None, "password": None,
        "timeout": 3,
    }  # fmt: skip
    observation = Observer(options_from(options)).observe()
    assert observation["parts"]["nginx"]["status"] == "ok", observation["parts"]["nginx"]
    return analyse([observation], ["steve-a"], RUN)


def found(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["id"], item["severity"]) for item in document["findings"]]


@pytest.fixture
def steve() -> Iterator[Any]:
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as running:
        yield running


def target(steve: Any) -> str:
    return f"http://127.0.0.1:{steve.port}"


def test_a_healthy_path_has_no_finding(nginx: LocalNginx, steve: Any) -> None:
    nginx.site(location(target(steve), *GOOD))
    nginx.start()
    assert found(diagnosis(nginx, steve)) == []


def test_a_location_that_was_repaired_but_not_loaded_is_the_cause(nginx: LocalNginx, steve: Any) -> None:
    site = nginx.site(location(target(steve), GOOD[0], *GOOD[2:]))
    nginx.start()
    time.sleep(LATER_S)
    before = diagnosis(nginx, steve)
    assert found(before) == [("proxy-upgrade-stripped", "fail")]
    assert any(f"{site}:4: no proxy_set_header Upgrade" in row["detail"] for row in before["findings"][0]["evidence"])
    nginx.site(location(target(steve), *GOOD))
    assert found(diagnosis(nginx, steve)) == [("proxy-config-not-loaded", "fail")]
    reload(nginx, lambda: found(diagnosis(nginx, steve)) == [])


def test_a_slip_in_the_repair_is_the_cause(nginx: LocalNginx, steve: Any) -> None:
    nginx.site(location(target(steve), GOOD[0], *GOOD[2:]))
    nginx.start()
    time.sleep(LATER_S)
    nginx.site(location(target(steve), *GOOD).replace("1h;", "1hour;"))
    assert found(diagnosis(nginx, steve)) == [("proxy-config-invalid", "fail")]


def test_a_touched_file_is_a_warning_and_nothing_is_risked_behind_it(nginx: LocalNginx, steve: Any) -> None:
    """What nginx does to the extensions header is not known then, so the last gate is not sent."""
    site = nginx.site(location(target(steve), *GOOD))
    nginx.start()
    time.sleep(LATER_S)
    os.utime(site)
    document = diagnosis(nginx, steve)
    assert found(document) == [("proxy-config-not-loaded", "warn")]
    rows = [row for row in document["checks"] if row["id"] == "proxy-http10-upstream" and row["hop"] == "proxy"]
    assert [row["status"] for row in rows] == ["unknown"]


def test_a_short_limit_is_told_and_does_cut(nginx: LocalNginx, steve: Any) -> None:
    nginx.site(location(target(steve), *GOOD[:-1], "proxy_read_timeout 2s;"))
    nginx.start()
    document = diagnosis(nginx, steve)
    assert found(document) == [("proxy-timeout-short", "warn")]
    assert "silent for 2 s" in document["findings"][0]["message"]
    headers = UPGRADE.replace("Upgrade: websocket", "Sec-WebSocket-Protocol: ocpp1.6\r\nUpgrade: websocket")
    code, _text, charger = ask(nginx.port, f"{PATH}/CP-1", headers)
    try:
        assert code == 101
        start = time.monotonic()
        charger.settimeout(30)
        while charger.recv(4096):
            pass
        assert time.monotonic() - start > 1
    finally:
        charger.close()


def test_a_bad_gateway_cites_its_upstream_and_nginxs_log(nginx: LocalNginx, steve: Any) -> None:
    site = nginx.site(location("http://localhost:9", *GOOD))
    nginx.start()
    document = diagnosis(nginx, steve)
    assert found(document) == [("proxy-bad-gateway", "fail")]
    lines = [row["detail"] for row in document["findings"][0]["evidence"]]
    assert f"{site}:4: proxy_pass http://localhost:9;" in lines
    assert any("connect() failed" in line and ":9" in line for line in lines), lines
    (stale,) = [row for row in document["checks"] if row["id"] == "proxy-stale-upstream"]
    assert stale["status"] == "pass"
