# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The findings about nginx: seen, not seen, explained by another, and open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from jsonschema import Draft202012Validator

from tests.unit.nginx_configs import MAIN
from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, service, unknown
from tests.unit.plugins.plugin_utils.documents_log import dropping, log
from tests.unit.plugins.plugin_utils.documents_nginx import (
    GOOD,
    NEWER,
    location,
    nginx,
    running,
    upstream_now,
    without,
)
from tests.unit.test_documents import SCHEMAS

IDS = ("proxy-config-invalid", "proxy-config-not-loaded", "proxy-stale-upstream", "proxy-timeout-short")
STOPPED = {"status": "stopped", "reason": "no nginx master process runs", "since": None, "workers": 0}
HIDDEN = {"status": "unknown", "reason": "hidden", "conf": None, "since": None, "workers": 0}


def judged(part: dict[str, Any], probes: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """The findings document of one host with this nginx."""
    return analyse([observation(nginx=part, probes=probes, **more)], ["steve-a"], "run")


def check(found: dict[str, Any], id: str, hop: str | None = None) -> tuple[str, str]:
    """Status and reason of one check, of the proxy hop where it is asked of hops."""
    rows = [row for row in found["checks"] if row["id"] == id and row["hop"] in (hop, "proxy", None)]
    assert len(rows) == 1, rows
    return rows[0]["status"], rows[0]["reason"] or ""


def findings(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["id"], item["severity"]) for item in found["findings"]]


def evidence(found: dict[str, Any], id: str) -> str:
    (item,) = [item for item in found["findings"] if item["id"] == id]
    return "\n".join(f"{row['source']}: {row['detail']}" for row in item["evidence"])


def gate(finding: str) -> dict[str, Any]:
    return probe("proxy", gates={"verdict": "broken", "finding": finding, "evidence": []})


def bad_gateway(**more: Any) -> list[dict[str, Any]]:
    return [probe(), probe("proxy", endpoint=broken("proxy-bad-gateway", "path"), rows=[], **more)]


def test_a_healthy_nginx_passes_all() -> None:
    found = judged(nginx())
    assert [check(found, id)[0] for id in IDS] == ["pass"] * 4
    assert findings(found) == []


@pytest.mark.parametrize("part", [unknown("no rights"), {**unknown("not asked"), "status": "skipped"}])
def test_an_nginx_that_was_not_read_leaves_all_open(part: dict[str, Any]) -> None:
    found = judged(part)
    assert [check(found, id)[0] for id in IDS] == [part["status"]] * 2 + ["pass", part["status"]]
    assert findings(found) == []


def test_an_observation_of_an_older_release_leaves_all_open() -> None:
    part = nginx()
    del part["data"]["running"]
    assert [check(judged(part), id)[0] for id in IDS] == ["unknown", "unknown", "pass", "unknown"]


# -- invalid ------------------------------------------------------------------------------------------------


def test_an_invalid_line_is_named_with_its_place() -> None:
    found = judged(nginx(location(*GOOD, "proxy_send_timeout soon;")))
    assert findings(found) == [("proxy-config-invalid", "fail")]
    assert f'{MAIN}:11: "proxy_send_timeout" directive invalid value soon' in evidence(found, "proxy-config-invalid")


def test_a_broken_file_explains_why_a_change_is_not_loaded() -> None:
    """The location was repaired, with a slip that makes the reload fail."""
    part = nginx(location(*GOOD, "proxy_send_timeout soon;"), run=running(**NEWER))
    found = judged(part, [probe(), gate("proxy-upgrade-stripped")])
    assert findings(found) == [("proxy-config-invalid", "fail")]
    for id in ("proxy-config-not-loaded", "proxy-upgrade-stripped"):
        assert check(found, id) == ("blocked", "explained by proxy-config-invalid")


def test_an_nginx_that_does_not_run_is_no_trouble_where_another_proxy_serves() -> None:
    part = nginx(location("proxy_pass;"), run=running(**STOPPED))
    assert findings(judged(part)) == [("proxy-config-invalid", "warn")]
    nobody = judged(part, [probe()], skipped_hops={"proxy": "nothing listens on port 80"})
    assert findings(nobody) == [("proxy-config-invalid", "fail")]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (running(**STOPPED, version=None), "it may be gone"),
        (running(**HIDDEN) | {"conf": "/opt/nginx.conf", "reason": "reads another file"}, "reads another file"),
    ],
)
def test_an_invalid_file_that_may_be_nobodys_is_no_finding(run: dict[str, Any], words: str) -> None:
    status, reason = check(judged(nginx(location("proxy_pass;"), run=run)), "proxy-config-invalid")
    assert status == "unknown" and words in reason


def test_files_that_nginx_has_not_loaded_yet_are_not_called_valid() -> None:
    for run in (running(**NEWER), running(**HIDDEN), running(**STOPPED)):
        assert check(judged(nginx(run=run)), "proxy-config-invalid")[0] == "unknown"


def test_a_file_that_could_not_be_read_is_no_fault() -> None:
    part = nginx(before="include /etc/nginx/secret.conf;\n")
    status, reason = check(judged(part), "proxy-config-invalid")
    assert status == "unknown" and "No such file" in reason


# -- not loaded ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["proxy-upgrade-stripped", "proxy-connection-stripped", "proxy-http10-upstream"])
def test_a_repaired_location_that_was_not_loaded_is_the_cause(lost: str) -> None:
    found = judged(nginx(run=running(**NEWER)), [probe(), gate(lost)])
    assert findings(found) == [("proxy-config-not-loaded", "fail")]
    assert check(found, lost) == ("blocked", "explained by proxy-config-not-loaded")
    assert f"{MAIN} was changed at 2026-11-23T00:50:00Z" in evidence(found, "proxy-config-not-loaded")


def test_a_corrected_upstream_that_was_not_loaded_is_the_cause() -> None:
    part = nginx(location("proxy_pass http://steve.test;", *without("proxy_pass")), run=running(**NEWER))
    assert findings(judged(part, bad_gateway())) == [("proxy-config-not-loaded", "fail")]
    elsewhere = nginx(location("proxy_pass http://other.test;", *without("proxy_pass")), run=running(**NEWER))
    assert findings(judged(elsewhere, bad_gateway())) == [
        ("proxy-bad-gateway", "fail"), ("proxy-config-not-loaded", "warn"),
    ]  # fmt: skip


def test_a_location_that_is_wrong_on_disk_too_is_its_own_cause() -> None:
    part = nginx(location(*without("proxy_set_header Upgrade")), run=running(**NEWER))
    found = judged(part, [probe(), gate("proxy-upgrade-stripped")])
    assert findings(found) == [("proxy-upgrade-stripped", "fail"), ("proxy-config-not-loaded", "warn")]


def test_a_change_that_shows_nowhere_is_a_warning_and_says_what_it_may_be() -> None:
    found = judged(nginx(run=running(**NEWER)))
    assert findings(found) == [("proxy-config-not-loaded", "warn")]
    assert "only touched" in evidence(found, "proxy-config-not-loaded")
    assert check(found, "proxy-timeout-short")[0] == "unknown"


def test_a_change_that_would_break_the_path_says_so() -> None:
    found = judged(nginx(location(*without("proxy_http_version")), run=running(**NEWER)))
    (item,) = found["findings"]
    assert (item["id"], item["severity"]) == ("proxy-config-not-loaded", "warn")
    assert "the next reload breaks" in item["message"]
    assert "nginx 1.22.1 speaks HTTP/1.0" in evidence(found, item["id"])


@pytest.mark.parametrize(("run", "status"), [(HIDDEN, "unknown"), (STOPPED, "skipped")])
def test_without_a_running_nginx_nothing_is_said_about_loading(run: dict[str, Any], status: str) -> None:
    assert check(judged(nginx(run=running(**run))), "proxy-config-not-loaded")[0] == status


# -- stale upstream -----------------------------------------------------------------------------------------

RESOLVING = location(
    "resolver 127.0.0.11;", "set $app app:8180;", "proxy_pass http://$app;", *without("proxy_pass")
)  # fmt: skip
NETWORK: dict[str, Any] = {"networks": {"net": "172.18.0.5"}, "started_at": "2026-11-23T00:30:00Z"}


def test_nginxs_own_log_proves_a_stale_address() -> None:
    now = upstream_now(["172.18.0.5"], [], ["172.18.0.3:8180"])
    found = judged(nginx(now=now), bad_gateway(), app=service(**NETWORK))
    assert findings(found) == [("proxy-stale-upstream", "fail")]
    assert check(found, "proxy-bad-gateway") == ("blocked", "explained by proxy-stale-upstream")
    text = evidence(found, "proxy-stale-upstream")
    assert f"{MAIN}:6: proxy_pass http://app:8180;" in text
    assert "it went to 172.18.0.3:8180" in text and "app:8180 is 172.18.0.5:8180 now" in text


def silent() -> list[dict[str, Any]]:
    """Nobody has the old address any more, so that nginx waits for an answer."""
    return [probe(), probe("proxy", endpoint=broken("http-timeout", "http"), rows=[])]


def test_nginx_that_waits_for_an_address_that_nobody_has_is_stale_and_no_silent_server() -> None:
    now = upstream_now(["172.18.0.5"], errors=["172.18.0.3:8180"])
    found = judged(nginx(now=now), silent(), app=service(**NETWORK))
    assert findings(found) == [("proxy-stale-upstream", "fail")]
    assert check(found, "http-timeout", "proxy") == ("blocked", "explained by proxy-stale-upstream")


@pytest.mark.parametrize("errors", [[], ["172.18.0.5:8180"]])
def test_nginx_that_does_not_answer_is_stale_only_where_its_log_says_where_it_went(errors: list[str]) -> None:
    found = judged(nginx(now=upstream_now(["172.18.0.5"], errors=errors)), silent(), app=service(**NETWORK))
    assert findings(found) == [("http-timeout", "fail")]
    assert check(found, "proxy-stale-upstream")[0] == ("pass" if errors else "unknown")


def test_a_container_that_is_younger_than_the_workers_and_answers_is_enough() -> None:
    found = judged(nginx(now=upstream_now(["172.18.0.5"])), bad_gateway(), app=service(**NETWORK))
    assert findings(found) == [("proxy-stale-upstream", "fail")]
    assert "started at 2026-11-23T00:30:00Z, after nginx's workers" in evidence(found, "proxy-stale-upstream")


def test_an_upstream_block_names_its_servers() -> None:
    part = nginx(
        location("proxy_pass http://steve;", *without("proxy_pass")),
        before="upstream steve { server app:8180; keepalive 4; }\n",
        now=upstream_now(["172.18.0.5"], errors=["172.18.0.3:8180"]),
    )
    assert findings(judged(part, bad_gateway(), app=service(**NETWORK))) == [("proxy-stale-upstream", "fail")]


@pytest.mark.parametrize(
    ("part", "app", "status"),
    [
        (nginx(now=upstream_now(["172.18.0.5"], errors=["172.18.0.5:8180"])), NETWORK, "pass"),
        (nginx(RESOLVING), NETWORK, "pass"),
        (nginx(location("proxy_pass http://172.18.0.3:8180;")), NETWORK, "pass"),
        (nginx(now=upstream_now(["172.18.0.5"])), {**NETWORK, "started_at": "2026-11-23T00:01:00Z"}, "unknown"),
        (nginx(now=upstream_now(["172.18.0.5"], [])), NETWORK, "unknown"),
        (nginx(now=upstream_now([])), NETWORK, "unknown"),
        (nginx(now=upstream_now(["172.18.0.5"]), run=running(**HIDDEN)), NETWORK, "unknown"),
        (nginx(location("proxy_pass http://$http_x_upstream;")), NETWORK, "unknown"),
        (nginx(location("return 502;")), NETWORK, "unknown"),
        (unknown("no rights"), NETWORK, "unknown"),
    ],
)
def test_what_is_no_proof_of_a_stale_address_leaves_the_bad_gateway_itself(
    part: dict[str, Any], app: dict[str, Any], status: str
) -> None:
    found = judged(part, bad_gateway(), app=service(**app))
    assert check(found, "proxy-stale-upstream")[0] == status
    assert ("proxy-bad-gateway", "fail") in findings(found)


def test_a_stale_address_is_not_looked_for_where_steve_itself_is_down() -> None:
    down = probe(endpoint=broken("http-timeout", "http"), rows=[])
    now = upstream_now(["172.18.0.5"], errors=["172.18.0.3:8180"])
    found = judged(nginx(now=now), [down, bad_gateway()[1]], app=service(**NETWORK))
    assert check(found, "proxy-stale-upstream")[0] == "blocked"


def test_an_address_that_the_container_had_once_is_told_with_the_bad_gateway() -> None:
    found = judged(nginx(location("proxy_pass http://172.18.0.3:8180;")), bad_gateway(), app=service(**NETWORK))
    assert "the app container's addresses are 172.18.0.5" in evidence(found, "proxy-bad-gateway")


# -- time limits --------------------------------------------------------------------------------------------

SHORT = location(*without("proxy_read_timeout"))


@pytest.mark.parametrize("state", ["ok", "unknown", "stopped"])
def test_an_nginx_that_does_not_listen_on_the_port_is_not_asked(state: str) -> None:
    run = running(status=state, reason=None if state == "ok" else "nobody knows")
    found = judged(nginx("listen 8443;", location(*GOOD), run=run))
    for name in ("proxy-config-invalid", "proxy-config-not-loaded", "proxy-timeout-short"):
        assert check(found, name)[0] == "skipped" and "no server block listens on port 80" in check(found, name)[1]


def test_a_short_limit_is_a_warning_by_itself() -> None:
    found = judged(nginx(SHORT))
    assert findings(found) == [("proxy-timeout-short", "warn")]
    assert f"{MAIN}:5: no proxy_read_timeout (default 60 s)" in evidence(found, "proxy-timeout-short")


def test_drops_after_a_silence_of_it_prove_it() -> None:
    found = judged(nginx(SHORT), log=log(dropping(70, 150, 90)))
    assert findings(found) == [("proxy-timeout-short", "fail")]
    (item,) = found["findings"]
    assert item["charge_boxes"]["ids"] == ["CP-1"]
    assert "CP-1 is dropped again and again, each time after 60 s" in evidence(found, item["id"])


@pytest.mark.parametrize("text", [dropping(310, 320, 330, silence=300), dropping(70, 150), ""])
def test_drops_of_another_kind_are_not_nginxs(text: str) -> None:
    found = judged(nginx(SHORT), log=log(text))
    assert ("proxy-timeout-short", "warn") in findings(found)
    assert ("proxy-timeout-short", "fail") not in findings(found)


@pytest.mark.parametrize(
    ("limit", "status"), [("3600s", "pass"), ("1h", "pass"), ("901", "pass"), ("900", "warn"), ("15m", "warn")]
)
def test_the_limit_is_compared_with_steves_ping(limit: str, status: str) -> None:
    part = nginx(location(*without("proxy_read_timeout"), f"proxy_read_timeout {limit};"))
    assert check(judged(part), "proxy-timeout-short")[0] == status


def test_a_limit_of_an_outer_level_counts() -> None:
    assert findings(judged(nginx(SHORT, before="proxy_read_timeout 2h;\n"))) == []


def test_a_limit_is_no_trouble_where_no_websocket_gets_through() -> None:
    found = judged(nginx(SHORT), [probe(), gate("proxy-upgrade-stripped")])
    assert check(found, "proxy-timeout-short")[0] == "blocked"
    assert findings(found) == [("proxy-upgrade-stripped", "fail")]


@pytest.mark.parametrize("part", [nginx(location("return 302 /login;")), nginx(location("fastcgi_pass x;"))])
def test_a_location_that_hands_on_nothing_has_no_limit(part: dict[str, Any]) -> None:
    assert check(judged(part), "proxy-timeout-short")[0] == "skipped"


@pytest.mark.parametrize(
    ("run", "status"),
    [
        (running(**STOPPED), "skipped"),
        (running(**HIDDEN) | {"conf": "/other.conf", "reason": "reads another"}, "unknown"),
    ],
)
def test_files_that_no_running_nginx_has_say_nothing(run: dict[str, Any], status: str) -> None:
    found = judged(nginx(location(*without("proxy_set_header Upgrade", "proxy_read_timeout")), run=run))
    assert check(found, "proxy-timeout-short")[0] == status
    lost = judged(nginx(SHORT, run=run), [probe(), gate("proxy-upgrade-stripped")])
    assert "nginx:" not in evidence(lost, "proxy-upgrade-stripped")


def test_a_limit_is_told_although_the_workers_could_not_be_seen() -> None:
    found = judged(nginx(SHORT, run=running(**HIDDEN)))
    assert "was not seen" in evidence(found, "proxy-timeout-short")


# -- evidence for the others --------------------------------------------------------------------------------


def test_a_lost_header_cites_what_hides_it() -> None:
    part = nginx(
        location("proxy_pass http://app:8180;", "proxy_set_header Host $host;"),
        before="proxy_set_header Upgrade $http_upgrade;\n",
    )
    text = evidence(judged(part, [probe(), gate("proxy-upgrade-stripped")]), "proxy-upgrade-stripped")
    assert f"{MAIN}:6: no proxy_set_header Upgrade; {MAIN}:3: proxy_set_header Upgrade $http_upgrade;" in text
    assert "not inherited" in text


def test_a_header_by_map_is_followed() -> None:
    part = nginx(
        location(*without("proxy_set_header Connection"), "proxy_set_header Connection $connection_upgrade;"),
        before="map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n",
    )
    assert part["data"]["location"]["forwards"]["connection"]["arrives"] is True


def test_http10_cites_the_version_of_nginx() -> None:
    part = nginx(location(*without("proxy_http_version")))
    text = evidence(judged(part, [probe(), gate("proxy-http10-upstream")]), "proxy-http10-upstream")
    assert "no proxy_http_version; nginx 1.22.1 speaks HTTP/1.0 then" in text


def test_a_missing_route_and_a_login_wall_cite_server_and_location() -> None:
    wrong = probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])
    text = evidence(judged(nginx(location("root /x;", path="/other")), [probe(), wrong]), "proxy-no-route")
    assert f"{MAIN}:3: server charge.test answers" in text and "no location of it matches" in text
    wall = probe("proxy", endpoint=broken("proxy-login-wall", "path"), rows=[])
    part = nginx(location("auth_request /auth;", *GOOD))
    assert f"{MAIN}:6: auth_request /auth" in evidence(judged(part, [probe(), wall]), "proxy-login-wall")


def answered(status: int, hop: str = "proxy") -> dict[str, Any]:
    """A probe that a stranger answered with this status."""
    shown = {"request": "GET /", "status": status, "headers": {}, "body": "", "note": ""}
    return probe(hop, endpoint={**broken("proxy-no-route", "path"), "evidence": [shown]}, rows=[])


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([location("allow 10.8.0.0/16;", "deny all;", *GOOD)], f"{MAIN}:7: deny all"),
        (["deny 10.0.0.0/8;\n", location(*GOOD)], f"{MAIN}:5: deny 10.0.0.0/8"),
        ([location("auth_request /auth;", *GOOD)], "auth_request /auth"),
        ([location("if ($ssl_client_verify != SUCCESS) { return 403; }", *GOOD)], "if ($ssl_client_verify != SUCCESS)"),
        (["if ($ssl_client_verify != SUCCESS) { return 403; }\n", location(*GOOD)], "if ($ssl_client_verify"),
        ([location("access_by_lua_file x.lua;", *GOOD)], "access_by_lua_file x.lua"),
    ],
)
@pytest.mark.parametrize("hop", ["proxy", "public"])
def test_a_403_of_an_nginx_that_keeps_some_out_is_no_missing_route(parts: list[str], told: str, hop: str) -> None:
    found = judged(nginx(*parts), [probe(), answered(403, hop)])
    assert findings(found) == []
    status, reason = check(found, "proxy-no-route", hop)
    assert status == "unknown"
    assert told in reason
    assert "steve_vantage_hosts" in reason


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (404, [location("allow 10.8.0.0/16;", "deny all;", *GOOD)]),
        (403, [location("return 403;", path="/")]),
        (403, [location("allow all;", "auth_request off;", *GOOD)]),
        (403, [location("if ($http_upgrade != websocket) { return 403; }", *GOOD)]),
        (403, [location("root /srv;", path="/"), location("deny all;", path="/admin/")]),
    ],
)
def test_a_status_that_no_rule_explains_is_a_missing_route(status: int, parts: list[str]) -> None:
    found = judged(nginx(*parts), [probe(), answered(status)])
    assert findings(found) == [("proxy-no-route", "fail")]


def test_a_403_of_an_nginx_whose_files_were_not_read_is_a_missing_route() -> None:
    found = judged(unknown("no rights"), [probe(), answered(403)])
    assert ("proxy-no-route", "fail") in findings(found)


def test_buffering_is_never_a_fault() -> None:
    assert findings(judged(nginx(location(*GOOD, "proxy_buffering on;")))) == []


def test_names_of_a_hostile_configuration_are_inert() -> None:
    part = nginx(location(*GOOD, 'proxy_send_timeout "\x1b[31m{{ 7*7 }}";'))
    assert "\x1b" not in str(judged(part)["findings"])


@pytest.mark.parametrize(
    "part",
    [
        nginx(),
        nginx(SHORT, run=running(**NEWER), now=upstream_now(["172.18.0.5"], errors=["172.18.0.3:8180"])),
        nginx(
            location("proxy_pass http://u;"), before="upstream u { server unix:/x; server a resolve; keepalive 2; }\n"
        ),
        nginx(location("proxy_pass;"), run=running(**STOPPED, version=None)),
        nginx(name="other.test"),
    ],
)
def test_the_part_keeps_to_the_published_schema(part: dict[str, Any]) -> None:
    schema = json.loads((SCHEMAS / "observation.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema["properties"]["parts"]["properties"]["nginx"]).validate(part)
