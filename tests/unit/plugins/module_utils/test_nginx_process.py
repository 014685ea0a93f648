# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a reload has taken effect, and nginx's own words; nginx itself is in the integration test."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_process
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_files import Files
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_process import Nginx, words

from tests.unit.nginx_configs import MAIN, source

CONFIG = load(MAIN, source("pid /run/nginx.pid;\n"))


def processes(*rows: tuple[int, str, int, str]) -> bytes:
    """What the list of processes prints: stat and title of each."""
    return b"".join(f"{pid} (nginx) {state} {parent} 1 1 0\n{title}\0\n".encode() for pid, state, parent, title in rows)


OLD, QUITTING = "nginx: worker process", "nginx: worker process is shutting down"
MASTER = (10, "S", 1, "nginx: master process nginx")


class Scripted(Files):
    """A container whose list of processes changes with every look."""

    def __init__(self, *looks: bytes) -> None:
        super().__init__(["in-container"], {"/etc/nginx": "/srv/nginx"})
        self.looks = list(looks)

    def run(self, command: Any, subject: str) -> bytes:
        if subject == "/run/nginx.pid":
            return b"10\n"
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def nginx(monkeypatch: pytest.MonkeyPatch, files: Scripted, slept: list[float]) -> Nginx:
    made = Nginx(["nginx"], MAIN, files, clock=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(
        made, "_call", lambda *_args: "configure arguments: --prefix=/usr/share/nginx --pid-path=/run/x"
    )
    monkeypatch.setattr(made, "_files", lambda: files)
    return made


def test_a_reload_is_over_when_no_old_worker_takes_connections_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    before = processes(MASTER, (11, "S", 10, OLD), (90, "S", 9, OLD))
    files = Scripted(
        before,
        before,
        before,
        processes(MASTER, (11, "S", 10, OLD), (12, "S", 10, OLD)),
        processes(MASTER, (11, "Z", 10, OLD)),
        processes(MASTER, (11, "S", 10, QUITTING), (12, "S", 10, OLD)),
        b"never looked at",
    )
    slept: list[float] = []
    nginx(monkeypatch, files, slept).reload(CONFIG)
    assert files.looks == [b"never looked at"]
    assert slept == [0.05] * 3


def test_a_reload_without_new_workers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    with pytest.raises(SteveError, match="no new workers have taken over within 20 s"):
        nginx(monkeypatch, Scripted(processes(MASTER, (11, "S", 10, OLD))), slept).reload(CONFIG)
    assert 20 <= sum(slept) < 21


def test_a_master_without_workers_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SteveError) as caught:
        nginx(monkeypatch, Scripted(processes(MASTER, (11, "Z", 10, OLD))), []).master(CONFIG)
    assert caught.value.code == "nginx-not-running"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            'nginx: [warn] x\n2026/01/02 03:04:05 [emerg] 7#7: no "y" in /f:1\nnginx: [emerg] no "y" in /f:1\n'
            "nginx: configuration file /f test failed\n",
            '[emerg] no "y" in /f:1',
        ),
        ("nginx: invalid option: -z\n", "invalid option: -z"),
        ("", ""),
        ("[emerg] \x1b[31mred\n", "[emerg] \\x1b[31mred"),
    ],
)
def test_nginxs_words_are_shown_once_without_clock_and_inert(said: str, told: str) -> None:
    assert words(said) == told


def test_the_pid_file_is_the_configured_one_or_the_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    made = nginx(monkeypatch, Scripted(b""), [])
    assert made._pid_file(CONFIG) == "/run/nginx.pid"
    assert made._pid_file(load(MAIN, source("pid logs/x.pid;"))) == "/usr/share/nginx/logs/x.pid"
    assert made._pid_file(load(MAIN, source("events { }"))) == "/run/x"
    assert _nginx_process.RELOAD_DEADLINE_S == 20.0
