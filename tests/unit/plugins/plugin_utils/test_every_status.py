# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every entry of the catalogue is seen failing, passing, blocked and unknown, in what the analyser makes of fixtures.

Which pairs are reached is not written down: the tests of the analyser run once more in a process of their own, where
``seen_statuses`` notes what ``analyse`` answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID, CATALOGUE, WARN

from tests.unit.plugins.plugin_utils.documents import (
    WS,
    broken,
    environment,
    observation,
    probe,
    row,
    service,
    unknown,
)
from tests.unit.plugins.plugin_utils.test_questions_app import listening, straight
from tests.unit.test_documents import check

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
STATUSES = ("fail", "pass", "blocked", "unknown")

#: Pairs that no observation can give, and why.
CANNOT_BE = {
    ("clock-skew", "blocked"): "the clocks are compared whatever else is broken",
    ("compose-project-missing", "blocked"): "nothing comes before it: it is the first question about the containers",
    ("disk-full", "blocked"): "disks are looked at without docker, and a full one is a cause by itself",
    ("proxy-config-invalid", "blocked"): "a file that nginx would refuse is a cause by itself",
    ("webapi-plain-http", "blocked"): "it is a question about the URL alone",
}

DOWN = probe(endpoint=broken("tcp-refused", "connect"), rows=[])


def ok(data: Any) -> dict[str, Any]:
    return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}


def no_project() -> dict[str, Any]:
    """A directory without a compose file and without containers."""
    nothing = {"has_compose_file": False, "has_containers": False, "services": {}}
    return ok(observation()["parts"]["compose"]["data"] | nothing)


def of_box(finding: str) -> dict[str, Any]:
    return observation(probes=[probe(rows=[row("CP-1", "refused", finding)]), probe("proxy")])


def behind(direct: dict[str, Any], proxy: dict[str, Any]) -> dict[str, Any]:
    """What a proxy with TLS shows of a charge box, and again by the public name: that is no second cause."""
    wss = f"wss://steve.test{WS}"
    hops = [probe(hop, rows=[proxy], gates={"verdict": "unproven"}, url=wss) for hop in ("proxy", "public")]
    return observation(probes=[probe(rows=[direct]), *hops])


FIXTURES: dict[tuple[str, str], dict[str, Any]] = {
    ("app-out-of-memory", "blocked"): observation(compose=no_project(), env=unknown("x")),
    ("app-port-taken", "blocked"): observation(compose=no_project(), env=unknown("x")),
    # Another program listens on the port, for this host alone.
    ("app-loopback-only", "blocked"): straight(
        compose=no_project(), env=unknown("x"), sockets=listening("127.0.0.1")
    ),
    ("app-port-not-published", "blocked"): straight(
        DOWN, app=service(restarts=9, started_at="2026-11-23T00:59:58Z", unpublished=["8180/tcp"]), admin=unknown("x")
    ),
    ("proxy-authorization-stripped", "blocked"): behind(
        row("CP-1", password_given=True),
        row("CP-1", "undetermined", password_given=True, candidates=["proxy-authorization-stripped"]),
    ),
    ("proxy-scheme-not-forwarded", "blocked"): behind(
        row("CP-1", "refused", "profile-requires-tls", password_given=True),
        row("CP-1", "refused", "proxy-scheme-not-forwarded", password_given=True),
    ),
    ("env-not-applied", "blocked"): observation(
        app=service("exited"), env=ok(environment(changed=["AUTH_PASSWORD"])), probes=[DOWN], admin=unknown("refused")
    ),
    ("dns-unresolvable", "blocked"): observation(
        app=service("exited"), admin=unknown("x"),
        probes=[probe(endpoint=broken("dns-unresolvable", "resolve"), rows=[])],
    ),
    ("client-certificate-refused", "fail"): of_box("client-certificate-refused"),
    ("not-http", "fail"): observation(probes=[probe(endpoint=broken("not-http", "http"), rows=[])], admin=unknown("x")),
    ("soap-path", "fail"): observation(probes=[probe(endpoint=broken("soap-path", "path"), rows=[])]),
    ("wrong-context-path", "fail"): observation(
        probes=[probe(endpoint=broken("wrong-context-path", "path"), rows=[])], admin=unknown("x")
    ),
    ("proxy-connection-stripped", "fail"): observation(
        probes=[probe(), probe("proxy", gates={"verdict": "broken", "finding": "proxy-connection-stripped"})]
    ),
}  # fmt: skip


def seen(found: dict[str, Any]) -> set[tuple[str, str]]:
    """Pairs of id and status; a warning is a failure of less weight."""
    return {(item["id"], "fail" if item["status"] == WARN else item["status"]) for item in found["checks"]}


@pytest.mark.parametrize(("pair", "document"), FIXTURES.items(), ids=[" ".join(pair) for pair in FIXTURES])
def test_what_no_other_test_shows(pair: tuple[str, str], document: dict[str, Any]) -> None:
    found = analyse([document], ["steve-a"], "run")
    check("findings", found)
    assert pair in seen(found), found["findings"]
    causes = [item["id"] for item in found["findings"]]
    if pair[1] == "fail":
        assert causes == [pair[0]]
        return
    (first,) = {item["id"] for item in found["findings"]} - {pair[0]} or {pair[0]}
    needs = [need.rpartition(":")[2] for need in BY_ID[pair[0]].needs]
    assert first in (*needs, pair[0]), "it is blocked by what the catalogue names"


def test_every_entry_is_seen_with_every_status(tmp_path: Path) -> None:
    notes = tmp_path / "seen"
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "tests.unit.plugins.plugin_utils.seen_statuses"),
        # Not this test itself, of course.
        *("-p", "no:cacheprovider", "-k", f"not {test_every_entry_is_seen_with_every_status.__name__}"),
        *sorted(str(path) for path in HERE.glob("test_*.py") if "analyse(" in path.read_text()),
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=ROOT, env=environ | {"SEEN_STATUSES": str(notes), "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    pairs = {("fail" if status == WARN else status, name) for name, status in json.loads(notes.read_text())}
    missing = {(entry.id, status) for entry in CATALOGUE for status in STATUSES if (status, entry.id) not in pairs}
    assert sorted(missing - set(CANNOT_BE)) == [], "give each a fixture, or say in CANNOT_BE why there is none"
    assert sorted(set(CANNOT_BE) - missing) == [], "they were reached all the same"


def test_only_what_needs_nothing_is_said_to_be_never_blocked() -> None:
    for name, status in CANNOT_BE:
        assert (status, BY_ID[name].needs) == ("blocked", ()), name
