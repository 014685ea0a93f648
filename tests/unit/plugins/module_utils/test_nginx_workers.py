# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of nginx, their age against the files, and the error log's words of the upstream."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_look
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_look import Look
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_workers import (
    Build,
    Process,
    choose,
    connection_errors,
    main_file,
    masters,
    newest,
    read_build,
    read_process,
    workers,
)

from tests.unit.nginx_configs import config, http

MASTER = "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;"
WORKER = "nginx: worker process"
OLD = "nginx: worker process is shutting down"
TAIL = "0 0 0 -1 4194624 1 2 3 4 0 0 0 0 20 0 1 0 {} 1 2 3"


def process(pid: int, title: str, parent: int = 1, started: float = 0.0, **more: Any) -> Process:
    return Process(**{"pid": pid, "parent": parent, "state": "S", "started": started, "title": title, **more})


def test_a_process_is_read_from_proc() -> None:
    stat = f"42 (a) b (c) S 7 {TAIL.format(12345)}\n"
    found = read_process(stat, f"{WORKER}\0", "Name:\tx\nNSpid:\t42\t1\n", now=1000.0, uptime_s=500.0, ticks=100.0)
    assert found == Process(42, 7, "S", 623.45, WORKER, True)
    here = read_process(stat, "x", "NSpid:\t42\n", 1000.0, 500.0, 100.0)
    assert here is not None and not here.elsewhere


@pytest.mark.parametrize("stat", ["", "42 (x", "42 (x) S 1 2 3", "x (y) S 1 " + TAIL.format(1)])
def test_what_is_no_stat_is_no_process(stat: str) -> None:
    assert read_process(stat, "", "", 0.0, 0.0, 100.0) is None


def test_masters_of_containers_and_the_dead_are_left_out() -> None:
    listed = [
        process(1, "init"), process(10, MASTER), process(20, MASTER, elsewhere=True), process(30, MASTER, state="Z"),
        process(11, WORKER, 10), process(12, OLD, 10), process(13, "nginx: cache manager process", 10),
        process(21, WORKER, 20),
    ]  # fmt: skip
    (master,) = masters(listed)
    assert master.pid == 10
    assert [one.pid for one in workers(listed, master)] == [11, 12]


def test_the_pid_file_chooses_and_without_it_only_a_single_one_counts() -> None:
    two = [process(10, MASTER), process(20, MASTER)]
    assert choose(two, 20) == two[1]
    assert choose(two, 99) is None and choose(two, None) is None
    assert choose(two[:1], 99) == two[0] and choose([], 10) is None


BUILD = (
    "nginx version: nginx/1.29.7\nbuilt with OpenSSL\nconfigure arguments: --with-cc-opt='-g -O2' "
    "--prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --error-log-path=/var/log/nginx/error.log "
    "--pid-path=/run/nginx.pid --lock-path=/x\n"
)


def test_the_build_tells_version_and_paths() -> None:
    assert read_build(BUILD) == Build(
        "1.29.7", "/usr/share/nginx", "/etc/nginx/nginx.conf", "/run/nginx.pid", "/var/log/nginx/error.log"
    )
    assert read_build("nginx version: openresty/1.27.1.2\n").version == "1.27.1.2"
    assert read_build("nonsense") == Build()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (" nginx", "/etc/nginx/nginx.conf"),
        (" nginx -c /srv/n.conf -g daemon off;", "/srv/n.conf"),
        (" nginx -c/srv/n.conf", "/srv/n.conf"),
        (" nginx -c conf/n.conf", "/usr/share/nginx/conf/n.conf"),
        (" nginx -p /srv -c n.conf", "/srv/n.conf"),
    ],
)
def test_the_main_file_of_a_running_master(arguments: str, path: str) -> None:
    assert main_file(process(1, "nginx: master process" + arguments), read_build(BUILD)) == path


def test_only_files_written_well_after_the_workers_and_not_in_the_future_are_newer() -> None:
    times = {"old": 50.0, "same": 100.9, "new": 102.0, "newest": 150.0, "future": 400.0, "unread": None}
    assert [one.file for one in newest(times, 100.0, 200.0, 1.0)] == ["newest", "new"]


LINE = (
    "2026/11/25 19:00:00 [error] 12#12: *7 {} while connecting to upstream, client: 10.0.0.9, server: x, request: "
    '"GET {} HTTP/1.1", upstream: "http://{}/steve/x", host: "x"'
)


def test_the_error_log_tells_where_nginx_went_and_nothing_of_the_request() -> None:
    text = "\n".join(
        [
            LINE.format("connect() failed (113: No route to host)", "/steve/websocket/S3CRET", "172.18.0.3:8180"),
            LINE.format("connect() failed (111: Connection refused)", "/other", "10.9.9.9:1"),
            "2026/11/25 19:00:00 [notice] 1#1: start",
            LINE.format("upstream timed out (110: Connection timed out)", "/steve/websocket/x", "[fd00::3]:8180"),
        ]
    )
    assert connection_errors(text, "/steve/websocket") == [
        {"what": "connect() failed (113: No route to host)", "place": "172.18.0.3:8180"},
        {"what": "upstream timed out (110: Connection timed out)", "place": "[fd00::3]:8180"},
    ]
    assert len(connection_errors("\n".join([text] * 50), "/steve/websocket")) == 5


# -- what is told of a look -----------------------------------------------------------------------------------


def look(monkeypatch: pytest.MonkeyPatch, listed: list[Process], times: float | None = 50.0) -> dict[str, Any]:
    """What is said of a running nginx, with this list of processes at second 1000."""
    monkeypatch.setattr(_nginx_look, "_listed_here", lambda: (listed, 1000.0))
    monkeypatch.setattr(_nginx_look, "_time_here", lambda _path: times)
    made = Look("/etc/nginx/nginx.conf", ["nginx"], 5.0)
    monkeypatch.setattr(made, "_built", lambda: read_build(BUILD))
    monkeypatch.setattr(made, "_pid", lambda _config: None)
    return made._running(config(http()))


INIT = process(1, "init")


@pytest.mark.parametrize(
    ("listed", "status", "words"),
    [
        ([INIT], "stopped", "no nginx master process"),
        ([], "unknown", "hidden"),
        ([INIT, process(10, MASTER), process(20, MASTER)], "unknown", "several nginx run (masters 10, 20)"),
        ([INIT, process(10, MASTER), process(11, OLD, 10)], "unknown", "no worker that takes connections"),
        ([INIT, process(10, MASTER + " -c /x.conf")], "unknown", "reads /x.conf, not /etc/nginx/nginx.conf"),
    ],
)
def test_what_cannot_be_told_has_its_reason(
    monkeypatch: pytest.MonkeyPatch, listed: list[Process], status: str, words: str
) -> None:
    said = look(monkeypatch, listed)
    assert said["status"] == status and words in said["reason"]


def test_of_several_masters_the_one_that_reads_the_file_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [INIT, process(9, MASTER + " -c /x.conf"), process(10, MASTER), process(11, WORKER, 10)]
    assert look(monkeypatch, listed)["status"] == "ok"


def test_the_oldest_worker_that_takes_connections_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that crashed came back with the old configuration; one that shuts down has an older one still."""
    listed = [
        INIT, process(10, MASTER), process(11, WORKER, 10, started=100.0), process(12, WORKER, 10, started=900.0),
        process(13, OLD, 10, started=10.0),
    ]  # fmt: skip
    said = look(monkeypatch, listed, 500.0)
    assert (said["workers"], said["old_workers"], said["newer_count"]) == (2, 1, 1)
    assert said["since"] == "1970-01-01T00:01:40Z"
    assert look(monkeypatch, listed, 99.0)["newer_count"] == 0


def test_a_file_whose_time_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = look(monkeypatch, [INIT, process(10, MASTER), process(11, WORKER, 10)], None)
    assert said["status"] == "ok" and "times of 1 files could not be read" in said["reason"]
