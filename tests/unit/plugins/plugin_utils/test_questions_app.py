# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory, ports, disks and credentials of a host: each finding, and when it is silent, open or explained."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests.unit.plugins.plugin_utils import documents_log
from tests.unit.plugins.plugin_utils.documents import (
    WS,
    broken,
    environment,
    observation,
    probe,
    resources,
    row,
    service,
    unknown,
)

REFUSED = broken("tcp-refused", "connect")
DOWN = [probe(endpoint=REFUSED, rows=[])]
SKIPPED = {"status": "skipped", "reason": "steve_project_dir is not given", "elapsed_s": 0.0, "data": None}
PUBLIC = f"ws://charge.test:8180{WS}"
STRAIGHT = {"proxy": "the public URL leads straight to SteVe's own port"}


def ok(data: Any) -> dict[str, Any]:
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}


def judge(*documents: dict[str, Any]) -> dict[str, Any]:
    return analyse(list(documents), ["steve-a"], "20261123T010203Z-7f3a")


def found(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["id"], item["severity"]) for item in result["findings"]]


def statuses(result: dict[str, Any], id: str) -> set[str]:
    return {item["status"] for item in result["checks"] if item["id"] == id}


def reasons(result: dict[str, Any], id: str) -> str:
    return " ".join(str(item["reason"]) for item in result["checks"] if item["id"] == id)


def details(result: dict[str, Any]) -> str:
    return json.dumps([item["evidence"] for item in result["findings"]])


def log(state: str, cause: str | None, text: str | None = None) -> dict[str, Any]:
    """The part of a log whose newest start is this one."""
    part = documents_log.log("")
    part["data"]["start"] |= {"state": state, "at": None, "cause": cause, "text": text, "release": None}
    return part


def refused_app(state: str = "exited", **more: Any) -> dict[str, Any]:
    """An app that is down, as the whole host shows it."""
    parts = {key: more.pop(key) for key in ("log", "sockets", "resources") if key in more}
    return observation(app=service(state, **more), probes=DOWN, admin=unknown("refused"), **parts)


# -- memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["exited", "restarting"])
def test_a_container_that_was_killed_for_memory_is_the_cause_of_its_end(state: str) -> None:
    result = judge(refused_app(state, oom_killed=True, exit_code=137, memory_limit=268435456))
    assert found(result) == [("app-out-of-memory", "fail")]
    assert "memory limit of 256 MiB" in result["findings"][0]["message"]
    assert statuses(result, "app-not-running" if state == "exited" else "app-restarting") == {"blocked"}


def test_without_a_limit_it_was_the_host_s_memory() -> None:
    result = judge(refused_app(oom_killed=True, exit_code=137))
    assert "the host's memory was exhausted" in result["findings"][0]["message"]
    assert "8 GiB" in details(result)


def test_signal_9_without_lack_of_memory_is_no_lack_of_memory() -> None:
    result = judge(refused_app(exit_code=137))
    assert found(result) == [("app-not-running", "fail")]
    assert statuses(result, "app-out-of-memory") == {"pass"} and "ended by signal 9" in details(result)


@pytest.mark.parametrize("more", [{"app": service(oom_killed=True)}, {"resources": ok(resources(oom_kills=2))}])
def test_a_kill_that_is_over_is_a_warning_beside(more: dict[str, Any]) -> None:
    assert found(judge(observation(**more))) == [("app-out-of-memory", "warn")]


def test_java_s_own_lack_of_memory_stands_in_the_log_also_without_docker() -> None:
    result = judge(observation(
        compose=SKIPPED, env=SKIPPED, probes=DOWN, admin=unknown("x"), log=log("failed", "out-of-memory", "Java heap")
    ))  # fmt: skip
    assert found(result) == [("app-out-of-memory", "fail")] and "Java heap" in details(result)


def test_containers_that_were_not_seen_leave_memory_open() -> None:
    result = judge(observation(compose=unknown("not in group docker"), env=unknown("x")))
    assert statuses(result, "app-out-of-memory") == statuses(result, "app-port-taken") == {"unknown"}
    missing = observation(compose=ok(observation()["parts"]["compose"]["data"] | {
        "has_compose_file": False, "has_containers": False, "services": {}
    }))  # fmt: skip
    assert ("compose-project-missing", "fail") in found(judge(missing))


# -- a port that is taken -------------------------------------------------------------------------------------


TAKEN = {"kind": "port-taken", "address": "0.0.0.0", "port": 8180, "text": "port is already allocated"}


def test_a_port_that_docker_could_not_bind_is_the_cause_and_its_owner_is_named() -> None:
    sockets = ok({"listening": [{"address": "0.0.0.0", "port": 8180, "pid": 7, "program": "squatter\x1b"}],
                  "owners": "all", "left_out": 0})  # fmt: skip
    result = judge(refused_app("created", error=TAKEN, sockets=sockets))
    assert found(result) == [("app-port-taken", "fail")]
    assert "port 8180 is taken" in result["findings"][0]["message"]
    assert "squatter" in details(result) and "process 7" in details(result) and "\x1b" not in details(result)
    assert statuses(result, "app-not-running") == {"blocked"}


def test_what_the_proxy_shows_of_the_program_that_has_the_port_is_explained() -> None:
    document = refused_app("created", error=TAKEN)
    document["parts"]["probes"]["data"] = [*DOWN, probe("proxy", endpoint=broken("http-timeout", "http"), rows=[])]
    assert found(judge(document)) == [("app-port-taken", "fail")]


def test_the_container_that_has_the_port_is_named() -> None:
    document = refused_app("created", error=TAKEN)
    document["parts"]["compose"]["data"]["port_holders"] = ["other-web-1"]
    assert "published by the container other-web-1" in details(judge(document))


def test_a_port_that_is_free_again_is_said_to_be() -> None:
    assert "nothing listens on it any more" in details(judge(refused_app("created", error=TAKEN)))


def test_an_error_of_a_start_before_is_no_fault_of_a_container_that_runs() -> None:
    result = judge(observation(app=service(error=TAKEN)))
    assert found(result) == [] and statuses(result, "app-port-taken") == {"pass"}


def test_a_port_that_steve_itself_could_not_bind_stands_in_the_log() -> None:
    document = observation(compose=SKIPPED, env=SKIPPED, probes=DOWN, admin=unknown("x"),
                           log=log("failed", "port-taken", "Port 8180 was already in use."))  # fmt: skip
    document["asked"]["url"] = "http://127.0.0.1:8180/steve"
    result = judge(document)
    assert found(result) == [("app-port-taken", "fail")] and "port 8180" in result["findings"][0]["message"]


def test_another_error_of_docker_is_evidence_of_the_container_s_state() -> None:
    error = {"kind": "other", "address": None, "port": None, "text": "no such device"}
    result = judge(refused_app("created", error=error))
    assert found(result) == [("app-not-running", "fail")] and "docker says: no such device" in details(result)


# -- the port that chargers need --------------------------------------------------------------------------------


def straight(*probes: dict[str, Any], url: str = PUBLIC, **more: Any) -> dict[str, Any]:
    """Chargers come straight to SteVe's own port."""
    document = observation(probes=list(probes) or [probe()], skipped_hops=STRAIGHT, **more)
    document["asked"] |= {"public_ws_url": url, "url": "http://127.0.0.1:8180/steve"}
    return document


def bound(*places: str, port: int = 8180) -> list[dict[str, Any]]:
    return [{"container_port": "8180/tcp", "address": place, "port": port} for place in places]


def listening(*places: str, port: int = 8180) -> dict[str, Any]:
    rows = [{"address": place, "port": port, "pid": None, "program": None} for place in places]
    return ok({"listening": rows, "owners": "none", "left_out": 0})


def outside(endpoint: dict[str, Any] | None = None) -> dict[str, Any]:
    rows: list[dict[str, Any]] | None = None if endpoint is None else []
    seen = observation(probes=[probe("public", "charger-net", endpoint=endpoint, rows=rows, url=PUBLIC)])
    return seen | {"vantage": "charger-net"}


@pytest.mark.parametrize("ports", [[], bound("0.0.0.0", port=8081)])
def test_a_port_that_is_not_published_is_the_cause_of_the_refusals(ports: list[dict[str, Any]]) -> None:
    app = service(ports=ports, unpublished=["8180/tcp"])
    result = judge(straight(*DOWN, app=app, admin=unknown("refused")), outside(REFUSED))
    assert found(result) == [("app-port-not-published", "fail")]
    assert "not published: 8180/tcp" in details(result)
    assert statuses(result, "tcp-refused") == {"blocked", "skipped"}


def test_a_compose_file_that_was_changed_and_not_applied_is_a_hint() -> None:
    app, changed = service(unpublished=["8180/tcp"]), {"container": "x", "files": "y", "differs": True, "reason": None}
    document = straight(*DOWN, app=app, admin=unknown("refused"), env=ok(environment(config_hash=changed)))
    assert "up -d recreates it" in details(judge(document))
    assert "recreates" not in details(judge(straight(*DOWN, app=app, admin=unknown("refused"))))


def test_a_port_of_a_container_that_is_down_is_not_asked_about() -> None:
    result = judge(straight(*DOWN, app=service("exited"), admin=unknown("refused")))
    assert found(result) == [("app-not-running", "fail")]
    assert statuses(result, "app-port-not-published") == {"skipped"}


def test_a_port_needs_no_publishing_in_the_host_s_network_or_where_it_answers() -> None:
    assert found(judge(straight(*DOWN, app=service(network_mode="host"), admin=unknown("refused")))) == [
        ("tcp-refused", "fail")
    ]
    assert found(judge(straight(app=service(unpublished=["8180/tcp"]), sockets=listening("0.0.0.0")))) == []


@pytest.mark.parametrize("place", ["127.0.0.1", "::1", "127.0.1.1"])
def test_a_port_on_loopback_that_chargers_need_is_the_cause(place: str) -> None:
    result = judge(straight(app=service(ports=bound(place)), sockets=listening(place)), outside(REFUSED))
    assert found(result) == [("app-loopback-only", "fail")]
    assert f"published at {place} only" in details(result)
    assert "blocked" in statuses(result, "tcp-refused")


def test_it_is_told_of_a_steve_without_docker_too() -> None:
    result = judge(straight(compose=SKIPPED, env=SKIPPED, sockets=listening("127.0.0.1")))
    assert found(result) == [("app-loopback-only", "fail")]
    assert statuses(result, "app-port-not-published") == {"skipped"}


@pytest.mark.parametrize("place", ["0.0.0.0", "::", "192.0.2.7", ""])
def test_a_port_that_others_reach_is_silent(place: str) -> None:
    assert found(judge(straight(app=service(ports=bound(place)), sockets=listening("127.0.0.1")))) == []


def test_hardening_behind_a_proxy_is_silent() -> None:
    document = observation(app=service(ports=bound("127.0.0.1")), sockets=listening("127.0.0.1"))
    document["asked"] |= {"public_ws_url": f"ws://charge.test{WS}", "url": "http://127.0.0.1:8180/steve"}
    result = judge(document)
    assert found(result) == []
    assert statuses(result, "app-loopback-only") == statuses(result, "app-port-not-published") == {"pass"}


def test_a_second_listener_on_another_address_is_a_proxy() -> None:
    assert (
        found(judge(straight(app=service(ports=bound("127.0.0.1")), sockets=listening("127.0.0.1", "192.0.2.7")))) == []
    )


def test_a_place_that_connected_from_outside_speaks_for_the_port() -> None:
    assert (
        found(judge(straight(app=service(ports=bound("127.0.0.1")), sockets=listening("127.0.0.1")), outside())) == []
    )


def test_a_proxy_elsewhere_leaves_loopback_open() -> None:
    document = straight(app=service(ports=bound("127.0.0.1")), sockets=listening("127.0.0.1"), url=f"ws://lb.test{WS}")
    document["parts"]["probes"]["skipped_hops"] = {"proxy": "nothing on this host listens on port 80"}
    result = judge(document)
    assert found(result) == [] and statuses(result, "app-loopback-only") == {"unknown"}
    assert "nothing on this host listens on port 80" in reasons(result, "app-loopback-only")


def test_sockets_that_were_not_read_leave_it_open_until_a_vantage_is_refused() -> None:
    document = straight(app=service(ports=bound("127.0.0.1")), sockets=unknown("no /proc"))
    result = judge(document)
    assert found(result) == [] and statuses(result, "app-loopback-only") == {"unknown"}
    assert found(judge(document, outside(REFUSED))) == [("app-loopback-only", "fail")]


def test_without_a_public_url_no_port_is_needed() -> None:
    assert statuses(judge(observation()), "app-loopback-only") == {"skipped"}


# -- disks --------------------------------------------------------------------------------------------------


def disk(role: str, free: int, size: int = 10**11, inodes_free: int | None = 10**5, **more: Any) -> dict[str, Any]:
    row = {"places": [{"role": role, "path": f"/{role}"}], "size": size, "free": free, "inodes": 10**6,
           "inodes_free": inodes_free, "read_only": False} | more  # fmt: skip
    return ok(resources(file_systems=[row]))


@pytest.mark.parametrize("role", ["docker", "project", "log", "data base", "app"])
@pytest.mark.parametrize(("free", "inodes"), [(0, 10**5), (16 * 2**20 - 1, None), (10**10, 15)])
def test_a_full_file_system_is_named(role: str, free: int, inodes: int | None) -> None:
    result = judge(observation(resources=disk(role, free, inodes_free=inodes)))
    assert found(result) == [("disk-full", "fail")] and f"/{role}" in details(result)


@pytest.mark.parametrize(
    "part",
    [
        disk("docker", 16 * 2**20), disk("docker", 10**10, inodes_free=None), disk("docker", 0, read_only=True),
        disk("project", 2**20, size=10 * 2**20),
    ],
)  # fmt: skip
def test_room_enough_for_the_next_step_is_no_fault(part: dict[str, Any]) -> None:
    result = judge(observation(resources=part))
    assert found(result) == [] and statuses(result, "disk-full") == {"pass"}


@pytest.mark.parametrize("role", ["root", "tmp"])
def test_a_full_disk_that_nobody_of_ours_writes_to_is_silent(role: str) -> None:
    result = judge(observation(resources=disk(role, 0)))
    assert found(result) == [] and statuses(result, "disk-full") == {"skipped"}


def test_disks_that_were_not_seen_are_open() -> None:
    unread = [{"role": "docker", "path": "/var/lib/docker", "reason": "no permission"}]
    result = judge(observation(resources=ok(resources(file_systems=[], unread=unread))))
    assert statuses(result, "disk-full") == {"unknown"} and "no permission" in reasons(result, "disk-full")
    assert statuses(judge(observation(resources=unknown("x"))), "disk-full") == {"unknown"}


def test_a_data_base_that_is_gone_on_a_full_disk_is_explained_by_it() -> None:
    result = judge(observation(
        resources=disk("docker", 0), db=service("exited", container="site-db-1"),
        admin=unknown("hangs", "admin-no-data-base"), probes=[probe(rows=[])],
    ))  # fmt: skip
    assert found(result) == [("disk-full", "fail")] and statuses(result, "db-unreachable") == {"blocked"}


@pytest.mark.parametrize(("depends_on", "suspected", "expected", "status"), [
    (["cache", "db"], True, [("db-unreachable", "fail")], "fail"),
    (["cache"], True, [], "unknown"),
    (["db"], False, [], "pass"),
])  # fmt: skip
def test_a_data_base_without_a_container_is_known_by_what_the_app_depends_on(
    depends_on: list[str], suspected: bool, expected: list[tuple[str, str]], status: str
) -> None:
    rows = [row("CP-1", "undetermined", candidates=["db-unreachable"])]
    silent: dict[str, Any] = {"admin": unknown("hangs", "admin-no-data-base"), "probes": [probe(rows=rows)]}
    seen = observation(app=service(depends_on=depends_on), **(silent if suspected else {}))
    del seen["parts"]["compose"]["data"]["services"]["db"]
    result = judge(seen)
    assert found(result) == expected and statuses(result, "db-unreachable") == {status}
    if expected:
        assert "does not exist (service db)" in result["findings"][0]["message"]


# -- starting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("deadline", "waited", "expected"), [
    (None, 0.0, "app-starting"), (300.0, 200.0, "app-starting"), (60.0, 60.0, "tcp-refused"), (5.0, 0.0, "tcp-refused"),
])  # fmt: skip
def test_starting_ends_at_the_operator_s_deadline_with_the_wait_counted(
    deadline: float | None, waited: float, expected: str
) -> None:
    document = observation(app=service(started_at="2026-11-23T00:59:50Z"), admin=unknown("refused"), probes=DOWN)
    document["asked"]["start_deadline_s"] = deadline
    document["parts"]["compose"]["data"]["waited"] = {"waited_s": waited, "reason": "the start deadline has passed"}
    assert [id for id, _severity in found(judge(document))] == [expected]


# -- credentials ----------------------------------------------------------------------------------------------


def held(same: bool | None, user: bool | None = True, name: str = "AUTH_PASSWORD", **more: Any) -> dict[str, Any]:
    """A container that holds a credential; ``same``: as the operator gave it."""
    return ok(environment(credentials={
        "AUTH_USER": {"via": "environment", "same_as_given": user, "shipped": None, "same_as_webapi_user": user},
        name: {"via": "definition", "same_as_given": same, "shipped": False},
    }, **more))  # fmt: skip


LOGIN = unknown("SteVe refuses the sign-in", "admin-login-refused")


def era(document: dict[str, Any], release: str) -> dict[str, Any]:
    return document | {"era": {"min": release, "max": release, "source": "about"}}


@pytest.mark.parametrize(("release", "words"), [
    ("3.14.1", "only while its data base has no admin"), ("3.8.0", "3.8 reads its properties file"),
    ("3.7.1", "written as $NAME"),
])  # fmt: skip
def test_the_very_value_of_the_container_is_refused(release: str, words: str) -> None:
    result = judge(era(observation(env=held(True), admin=LOGIN), release))
    assert found(result) == [("env-not-effective", "fail")]
    assert words in details(result) and "AUTH_PASSWORD by -D" in details(result)
    assert statuses(result, "admin-login-refused") == {"blocked"}


def test_a_value_that_is_not_in_the_container_is_refused_for_another_reason() -> None:
    for same, user in ((False, True), (True, False), (None, True), (True, None)):
        result = judge(observation(env=held(same, user), admin=LOGIN))
        assert found(result) == [("admin-login-refused", "fail")]
        assert statuses(result, "env-not-effective") == ({"unknown"} if user is not True or same is None else {"pass"})


def test_another_value_than_the_container_s_works() -> None:
    assert found(judge(observation(env=held(False)))) == [("env-not-effective", "warn")]
    assert found(judge(observation(env=held(True)))) == []


def test_the_web_api_s_value_is_ignored() -> None:
    webapi = ok({"verdict": "refused", "scheme": "basic", "finding": "webapi-refused", "candidates": [], "evidence": [],
                 "plain_http": False,
                 "endpoints": [], "boxes": None, "boxes_left": 0, "boxes_reason": None})  # fmt: skip
    result = judge(observation(env=held(True, name="WEBAPI_VALUE"), webapi=webapi))
    assert found(result) == [("env-not-effective", "fail")]
    assert statuses(result, "webapi-refused") == {"blocked"}
    both = judge(observation(env=held(True, name="WEBAPI_VALUE"), webapi=webapi, admin=LOGIN))
    assert ("admin-login-refused", "fail") in found(both) and ("env-not-effective", "warn") in found(both)


def test_values_that_are_not_applied_are_not_called_ignored() -> None:
    result = judge(observation(env=held(True, changed=["AUTH_PASSWORD"]), admin=LOGIN))
    assert statuses(result, "env-not-effective") == {"blocked"} and ("env-not-applied", "fail") in found(result)


def test_nothing_given_or_nothing_held_is_skipped_and_nothing_seen_is_open() -> None:
    admin = {"status": "skipped", "reason": "steve_admin_password is not given", "elapsed_s": 0, "data": None}
    assert statuses(judge(observation(env=held(None), admin=admin)), "env-not-effective") == {"skipped"}
    assert statuses(judge(observation()), "env-not-effective") == {"skipped"}
    assert statuses(judge(observation(env=unknown("x"))), "env-not-effective") == {"unknown"}


def test_definitions_that_differ_are_not_applied_and_a_sourced_file_is_open() -> None:
    result = judge(observation(env=ok(environment(definitions_changed=["auth.password"]))))
    assert found(result) == [("env-not-applied", "fail")] and "-D definitions: auth.password" in details(result)
    assert statuses(judge(observation(env=ok(environment(sourced=True)))), "env-not-applied") == {"unknown"}


# -- shipped passwords ----------------------------------------------------------------------------------------


def shipped(place: str, **more: Any) -> dict[str, Any]:
    document = observation(app=service(ports=bound(place)), **more)
    document["parts"]["admin"]["data"]["shipped_password"] = True
    document["asked"]["url"] = "http://127.0.0.1:8180/steve"
    return document


def test_a_shipped_admin_password_that_others_can_use_is_a_warning() -> None:
    result = judge(shipped("0.0.0.0"))
    assert found(result) == [("default-credentials", "warn")] and "1234" not in details(result)
    assert found(judge(shipped("127.0.0.1"))) == []
    remote = shipped("127.0.0.1")
    remote["asked"]["url"] = "http://steve.example.net/steve"
    assert found(judge(remote)) == [("default-credentials", "warn")]


def test_a_shipped_data_base_password_counts_where_its_port_is_open() -> None:
    env = ok(environment(db_password_shipped=True))
    for place, expected in (("0.0.0.0", [("default-credentials", "warn")]), ("127.0.0.1", [])):
        db = service(container="site-db-1", ports=[{"container_port": "3306/tcp", "address": place, "port": 3306}])
        assert found(judge(observation(env=env, db=db))) == expected


def test_what_the_container_is_given_is_not_tried() -> None:
    env = ok(environment(credentials={"AUTH_PASSWORD": {"via": "environment", "same_as_given": None, "shipped": True}}))
    result = judge(observation(env=env, admin=unknown("x")))
    assert statuses(result, "default-credentials") == {"unknown"} and "is not tried" in reasons(
        result, "default-credentials"
    )


def test_it_stays_open_where_nobody_saw_who_reaches_steve() -> None:
    document = shipped("127.0.0.1", sockets=unknown("x"))
    document["parts"]["compose"] = unknown("x")
    assert statuses(judge(document), "default-credentials") == {"unknown"}


# -- a proxy that waits ---------------------------------------------------------------------------------------


SILENT = broken("http-timeout", "http")


def test_a_proxy_that_waits_for_a_paused_app_is_no_second_cause() -> None:
    """Docker pauses processes, the kernel still takes their connections: the proxy gets no answer, and no refusal."""
    result = judge(observation(app=service("paused"), probes=[probe(endpoint=SILENT), probe("proxy", endpoint=SILENT)]))
    assert found(result) == [("app-not-running", "fail")]
    assert statuses(result, "http-timeout") == {"blocked"}


def test_a_proxy_that_waits_for_a_silent_steve_is_no_second_cause() -> None:
    result = judge(observation(probes=[probe(endpoint=SILENT), probe("proxy", endpoint=SILENT)]))
    assert [(item["id"], item["hop"]) for item in result["findings"]] == [("http-timeout", "direct")]
    alone = judge(observation(probes=[probe(), probe("proxy", endpoint=SILENT)]))
    assert [(item["id"], item["hop"]) for item in alone["findings"]] == [("http-timeout", "proxy")]
