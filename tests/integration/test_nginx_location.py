# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``steve_nginx_location`` on a real nginx: what it changes, what it never changes, and what survives a kill."""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import (
    _nginx_files,
    _nginx_location,
    _nginx_process,
    _transaction,
)
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import load
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_location import (
    NotChangedError,
    Settings,
    ensure,
    prover,
    settle,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import REHEARSAL_PREFIX, Target
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import find_location, select_server
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import Desired, Site, desired
from ansible_collections.chargeops.steve.plugins.module_utils._transaction import TransactionError

from tests import certificates
from tests.integration.local_nginx import NAME, PATH, UPGRADE, LocalNginx, Upstream, ask, status, upstream
from tests.integration.one_task import changed_lines, task
from tests.simulator import running_simulator
from tests.stack.project import free_port
from tests.unit.killing import CountedOs, killed

SITE = ("location / { return 404; } # the site's own",)
#: What the upstream answers where the upgrade does not arrive whole.
BROKEN = 400


@pytest.fixture
def steve() -> Iterator[Upstream]:
    with upstream() as server:
        yield server


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[LocalNginx]:
    made = LocalNginx(tmp_path / "etc")
    made.site(*SITE)
    yield made
    made.stop()


class Case:
    """The module's work for one nginx."""

    def __init__(self, nginx: LocalNginx, steve: Upstream, **settings: Any) -> None:
        self.nginx = nginx
        self.steve = steve
        self.state = nginx.directory.parent / "state"
        self.action = "insert"
        self.options: dict[str, Any] = {}
        defaults: dict[str, Any] = {
            "conf": str(nginx.conf), "nginx_command": nginx.command, "state_dir": str(self.state),
        }  # fmt: skip
        self.settings = Settings(**{**defaults, **settings})

    @property
    def before(self) -> int:
        """What an upgrade is answered before the change."""
        return BROKEN if self.action == "repair" else 404

    def wanted(self, **options: Any) -> Desired:
        defaults = {
            "url": f"ws://{NAME}:{self.nginx.port}/steve/websocket/CentralSystemService",
            "upstream": self.steve.url,
            "fragment": str(self.nginx.directory / "steve-websocket.conf"),
        }
        return desired(**{**defaults, **options})

    def run(self, check_mode: bool = False, prove: Any = None, **options: Any) -> dict[str, Any]:
        return ensure(self.wanted(**{**self.options, **options}), self.settings, check_mode, prove)


@pytest.fixture
def case(nginx: LocalNginx, steve: Upstream) -> Case:
    nginx.start()
    return Case(nginx, steve)


def broken(nginx: LocalNginx, steve: Upstream) -> None:
    """A location that forgets Connection, with a time limit in a file of its own: a repair changes both files."""
    (nginx.directory / "limits.inc").write_text("proxy_read_timeout 60s; # short\nproxy_http_version 1.1;\n")
    nginx.site(
        "location /steve/websocket/ { # ours",
        f"    proxy_pass {steve.url};",
        "    proxy_set_header Upgrade $http_upgrade; # { }",
        f"    include {nginx.directory}/limits.inc;",
        "}",
        *SITE,
    )


@pytest.fixture
def to_repair(nginx: LocalNginx, steve: Upstream) -> Case:
    broken(nginx, steve)
    nginx.start()
    assert status(nginx.port) == BROKEN
    return Case(nginx, steve)


@pytest.fixture(params=["insert", "repair"])
def either(request: pytest.FixtureRequest, nginx: LocalNginx, steve: Upstream) -> Case:
    """A case of each action."""
    return started(request.param, nginx, steve)


@pytest.fixture(params=["insert", "repair", "site"])
def any_change(request: pytest.FixtureRequest, nginx: LocalNginx, steve: Upstream) -> Case:
    """A case of each action, and one where a server block of our own is made."""
    return started(request.param, nginx, steve)


def started(action: str, nginx: LocalNginx, steve: Upstream) -> Case:
    """A running nginx that needs this."""
    if action == "repair":
        broken(nginx, steve)
    if action == "site":
        nginx.site(*SITE, name="other.test")
    nginx.start()
    made = Case(nginx, steve)
    made.action = action
    if action == "site":
        made.options = {"site": Site(str(nginx.sites / "steve.conf"))}
    return made


def test_after_the_change_an_upgrade_arrives_whole(case: Case) -> None:
    assert status(case.nginx.port) == 404
    result = case.run()
    assert (result["changed"], result["action"]) == (True, "insert")
    assert (result["file"], result["line"]) == (str(case.nginx.sites / "site.conf"), 5)
    assert status(case.nginx.port) == 101
    line, headers = case.steve.requests[-1]
    assert line[1:] == ["/steve/websocket/CentralSystemService/CP1", "HTTP/1.1"]
    assert headers["host"] == NAME
    assert (headers["x-forwarded-proto"], headers["x-forwarded-for"]) == ("http", "127.0.0.1")
    assert status(case.nginx.port, "/other") == 404
    assert not case.state.exists()


def test_the_second_run_touches_nothing(case: Case) -> None:
    case.run()
    before = case.nginx.snapshot()
    result = case.run()
    assert (result["changed"], result["action"], result["diff"]) == (False, "none", [])
    assert case.nginx.snapshot() == before
    assert not case.state.exists()


def test_check_mode_predicts_the_real_result_and_touches_nothing(case: Case) -> None:
    before = case.nginx.snapshot()
    predicted = case.run(check_mode=True)
    assert case.nginx.snapshot() == before
    assert not case.state.exists()
    assert status(case.nginx.port) == 404
    assert predicted["old_workers"] is None
    assert case.run() == {**predicted, "old_workers": 0}
    again = case.run(check_mode=True, read_timeout_s=7200)
    assert case.run(read_timeout_s=7200) == {**again, "old_workers": 0}
    assert again["action"] == "replace"


def test_an_open_connection_survives_the_reload(case: Case) -> None:
    case.run()
    code, _head, connection = ask(case.nginx.port)
    with connection:
        assert code == 101
        result = case.run(read_timeout_s=7200)
        assert result["old_workers"] == 1
        assert "until they reconnect" in result["notes"][0]
        connection.sendall(b"still here")
        assert connection.recv(100) == b"still here"


def test_a_reload_that_ends_open_connections_is_told(nginx: LocalNginx, steve: Upstream) -> None:
    nginx.conf.write_text("worker_shutdown_timeout 1s;\n" + nginx.conf.read_text())
    nginx.start()
    case = Case(nginx, steve)
    case.run()
    code, _head, connection = ask(nginx.port)
    with connection:
        assert code == 101
        predicted = case.run(check_mode=True, read_timeout_s=7200)
        result = case.run(read_timeout_s=7200)
        assert connection.recv(100) == b""  # within the five seconds that it waits
    assert result["notes"] == predicted["notes"]
    assert f"ends what is connected through nginx after 1s, because worker_shutdown_timeout ({nginx.conf}:1)" in str(
        result["notes"]
    )
    assert "worker_shutdown_timeout" not in str(case.run(read_timeout_s=7200)["notes"])  # nothing is reloaded


def test_the_second_run_keeps_the_upstream_that_the_first_one_took_over(nginx: LocalNginx, steve: Upstream) -> None:
    nginx.site(f"location /steve/ {{ proxy_pass {steve.url}; }}")
    nginx.start()
    case = Case(nginx, steve)
    # What would be named for a location that follows nobody: nothing listens there.
    options: dict[str, Any] = {"keep_upstream": True, "upstream": f"http://127.0.0.1:{free_port()}"}
    assert case.run(**options)["action"] == "insert"
    before = nginx.snapshot()
    assert [case.run(**options)["changed"] for _run in range(2)] == [False, False]
    assert nginx.snapshot() == before
    assert status(nginx.port) == 101


def test_a_variable_and_a_resolver_pass_the_path_on(case: Case) -> None:
    # An address needs no answer of a name server, but takes the same way through nginx.
    case.run(resolver="127.0.0.1:9")
    assert status(case.nginx.port) == 101
    assert case.steve.requests[-1][0][1] == "/steve/websocket/CentralSystemService/CP1"


@pytest.mark.parametrize("place", ["/", "/websocket/"])
def test_a_path_that_is_mapped_to_another_context_stays_mapped(nginx: LocalNginx, steve: Upstream, place: str) -> None:
    nginx.site(f"location {place} {{ proxy_pass {steve.url}/steve{place}; proxy_read_timeout 60s; }}")
    nginx.start()
    case = Case(nginx, steve)
    url = f"ws://{NAME}:{nginx.port}/websocket/CentralSystemService"
    assert case.run(url=url, keep_upstream=True)["action"] == ("insert" if place == "/" else "repair")
    assert status(nginx.port, "/websocket/CentralSystemService/CP%201") == 101
    assert steve.requests[-1][0][1] == "/steve/websocket/CentralSystemService/CP%201"
    assert not case.run(url=url, keep_upstream=True)["changed"]


def test_whom_the_location_kept_out_stays_out(nginx: LocalNginx, steve: Upstream) -> None:
    (nginx.directory / "users").write_text("nobody:x\n")
    login = f"auth_basic 'für SteVe'; auth_basic_user_file {nginx.directory}/users;"
    rules = f"satisfy any; allow 10.8.0.0/16; deny all; {login}"
    nginx.site(f"location /steve/ {{ {rules} proxy_pass {steve.url}; }}")
    nginx.start()
    assert status(nginx.port) == 401
    case = Case(nginx, steve)
    assert case.run(keep_upstream=True)["action"] == "insert"
    assert status(nginx.port) == 401
    assert not case.run(keep_upstream=True)["changed"]


def test_regular_expressions_in_the_block_do_not_steal_ids(case: Case) -> None:
    case.nginx.site("location ~* \\.(png|jpg)$ { return 404; }")
    case.run()
    assert status(case.nginx.port, "/steve/websocket/CentralSystemService/box.png") == 101


def test_mode_and_owner_of_a_symlinked_site_stay_and_the_link_stays_a_link(nginx: LocalNginx, steve: Upstream) -> None:
    available = nginx.directory / "available"
    available.mkdir()
    real = available / "site"
    (nginx.sites / "site.conf").rename(real)
    (nginx.sites / "site.conf").symlink_to("../available/site")
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 4321, 1234)
    owner = real.stat().st_uid
    nginx.start()
    result = Case(nginx, steve).run()
    assert result["file"] == str(nginx.sites / "site.conf")
    assert (nginx.sites / "site.conf").is_symlink()
    assert (real.stat().st_mode & 0o777, real.stat().st_uid) == (0o640, owner)
    assert b"include" in real.read_bytes()
    assert status(nginx.port) == 101


# -- a location that is there already ----------------------------------------------------------------------------------


def test_a_broken_location_is_repaired_in_its_files_and_nothing_else_changes(to_repair: Case) -> None:
    site, limits = to_repair.nginx.sites / "site.conf", to_repair.nginx.directory / "limits.inc"
    site.chmod(0o640)
    text = site.read_text()
    before = to_repair.nginx.snapshot()
    predicted = to_repair.run(check_mode=True)
    assert to_repair.nginx.snapshot() == before
    result = to_repair.run()
    assert result == {**predicted, "old_workers": 0}
    assert (result["action"], result["file"], result["line"]) == ("repair", str(site), 4)
    assert 'the header Connection is not set instead of "upgrade"' in result["notes"][0]
    added = 8 * " " + 'proxy_set_header Connection "upgrade";\n'
    assert site.read_text() == text.replace("; # { }\n", f"; # {{ }}\n{added}").replace(
        f"{to_repair.steve.url};\n", f"{to_repair.steve.url};\n        proxy_send_timeout 3600s;\n"
    )
    assert limits.read_text() == "proxy_read_timeout 3600s; # short\nproxy_http_version 1.1;\n"
    assert site.stat().st_mode & 0o777 == 0o640
    assert status(to_repair.nginx.port) == 101
    assert status(to_repair.nginx.port, "/other") == 404
    before = to_repair.nginx.snapshot()
    assert before.keys() == {str(path) for path in (to_repair.nginx.conf, site.parent, site, limits)}
    again = to_repair.run()
    assert (again["changed"], again["action"]) == (False, "none")
    assert to_repair.nginx.snapshot() == before


def test_two_equal_server_blocks_are_a_doubt_and_nothing_changes(to_repair: Case) -> None:
    to_repair.action = "repair"
    to_repair.nginx.site("location / { return 404; }", file="zzz.conf")
    sentence = unchanged(to_repair, to_repair.run, NotChangedError)
    assert "more than one server block could answer" in sentence
    assert sentence.endswith("Nothing was changed.")


def test_inherited_headers_stay_in_force(nginx: LocalNginx, steve: Upstream) -> None:
    nginx.site(
        "proxy_set_header X-Site 'a b'; proxy_set_header Host $http_host;",
        f"location /steve/websocket/ {{ proxy_pass {steve.url}; }}",
    )
    nginx.start()
    assert Case(nginx, steve).run()["action"] == "repair"
    assert status(nginx.port) == 101
    _line, headers = steve.requests[-1]
    assert (headers["x-site"], headers["host"]) == ("a b", NAME)


# -- a server block of our own ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_a_name_that_no_block_is_for_gets_one_and_loses_it_when_the_proof_fails(
    nginx: LocalNginx, steve: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    monkeypatch.setattr(_nginx_location, "PROOF_DEADLINE_S", 1.0)
    made = certificates.family(NAME)
    certificate, key = certificates.written(tmp_path, made.leaf, made.intermediate)
    other = nginx.site(f"ssl_certificate {certificate};", f"ssl_certificate_key {key};", *SITE, name="other.test")
    if tls:
        other.write_text(other.read_text().replace(f":{nginx.port};", f":{nginx.port} ssl;"))
    nginx.start()
    case = Case(nginx, steve)
    managed = nginx.sites / "steve.conf"
    trusting = ssl.create_default_context(cadata=made.root.pem)

    def answered() -> int:
        connection: socket.socket = socket.create_connection(("127.0.0.1", nginx.port), timeout=5)
        with trusting.wrap_socket(connection, server_hostname=NAME) if tls else connection as stream:
            stream.sendall(f"GET {PATH} HTTP/1.1\r\n{UPGRADE}".encode())
            return int(stream.recv(4096).split()[1])

    options: dict[str, Any] = {
        "url": f"{'wss' if tls else 'ws'}://{NAME}:{nginx.port}/steve/websocket/CentralSystemService",
        "site": Site(str(managed), str(certificate), str(key)) if tls else Site(str(managed)),
    }

    seen: list[int] = []

    def refuse(target: Target) -> None:
        assert target.url.startswith("wss:" if tls else "ws:")
        seen.append(answered())
        raise SteveError("prove", "proxy", "not today", "")

    before = {path: known[:3] for path, known in nginx.snapshot().items()}
    with pytest.raises(TransactionError, match="not today"):
        case.run(prove=refuse, **options)
    assert 101 in seen  # an old worker may answer for a moment
    assert {path: known[:3] for path, known in nginx.snapshot().items()} == before
    predicted = case.run(check_mode=True, **options)
    assert case.run(**options) == {**predicted, "old_workers": 0}
    assert (predicted["action"], predicted["file"]) == ("insert", str(managed))
    assert answered() == 101
    assert nginx.snapshot().keys() - before.keys() == {str(managed)}
    assert case.run(**options)["changed"] is False
    assert case.run(read_timeout_s=7200, **options)["action"] == "replace"


# -- when something fails --------------------------------------------------------------------------------------------


def unchanged(case: Case, work: Any, kind: type[SteveError] = SteveError) -> str:
    """Run what must fail; the sentence, after a proof that everything is as it was and runs as it did."""
    before = {path: known[:3] for path, known in case.nginx.snapshot().items()}
    with pytest.raises(kind) as caught:
        work()
    assert {path: known[:3] for path, known in case.nginx.snapshot().items()} == before
    assert not case.state.exists()
    assert status(case.nginx.port) == case.before
    return caught.value.sentence()


def test_a_repair_that_nginx_refuses_leaves_the_location_as_it_was(to_repair: Case) -> None:
    to_repair.action = "repair"
    before = to_repair.nginx.snapshot()
    sentence = unchanged(to_repair, lambda: to_repair.run(upstream="http://no-such-host.invalid:8180"))
    place = f"{to_repair.nginx.sites}/site.conf:5"
    assert f'nginx says: [emerg] host not found in upstream "no-such-host.invalid" in {place}.' in sentence
    files = {str(to_repair.nginx.sites / "site.conf"), str(to_repair.nginx.directory / "limits.inc")}
    now = to_repair.nginx.snapshot()
    assert {path: now[path] for path in files} == {path: before[path] for path in files}


@pytest.mark.parametrize("keep", [True, False])
def test_a_change_that_is_held_is_kept_or_taken_back(any_change: Case, keep: bool) -> None:
    case = any_change
    before = case.nginx.snapshot()
    held = replace(case.settings, hold=True)
    assert ensure(case.wanted(**case.options), held, False)["changed"]
    after = case.nginx.snapshot()
    assert status(case.nginx.port) == 101 and os.listdir(case.state)
    told = settle(case.wanted(**case.options), held, True, keep)
    assert told["changed"] is not keep and case.nginx.snapshot() == after
    done = settle(case.wanted(**case.options), held, False, keep)
    assert {**done, "diff": []} == told
    assert done["action"] == ("confirm" if keep else "restore")
    assert bool(done["recovered"]) is not keep
    contents = {path: row[0] for path, row in case.nginx.snapshot().items()}
    assert contents == {path: row[0] for path, row in (after if keep else before).items()}
    assert status(case.nginx.port) == (101 if keep else case.before)
    assert not os.path.exists(case.state)
    assert settle(case.wanted(**case.options), held, False, keep)["action"] == "none"


def test_a_held_change_that_somebody_changed_since_is_left_to_him(case: Case) -> None:
    held = replace(case.settings, hold=True)
    ensure(case.wanted(), held, False)
    site = case.nginx.sites / "site.conf"
    site.write_bytes(site.read_bytes() + b"# mine\n")
    with pytest.raises(SteveError) as caught:
        settle(case.wanted(), held, False, keep=False)
    assert "somebody else has changed the file since" in caught.value.sentence()
    assert site.read_bytes().endswith(b"# mine\n")
    assert status(case.nginx.port) == 101


def test_what_nginx_refuses_is_told_in_its_words_and_no_file_was_touched(case: Case) -> None:
    before = case.nginx.snapshot()
    sentence = unchanged(case, lambda: case.run(upstream="http://no-such-host.invalid:8180"))
    place = f"{case.nginx.directory}/steve-websocket.conf:3"
    assert f'nginx says: [emerg] host not found in upstream "no-such-host.invalid" in {place}.' in sentence
    sites = [path for path in before if path.endswith("site.conf")]
    assert {path: case.nginx.snapshot()[path] for path in sites} == {path: before[path] for path in sites}


def test_a_configuration_that_is_invalid_already_is_told_so(case: Case) -> None:
    case.nginx.site("no_such_directive on;", file="other.conf", name="other")
    sentence = unchanged(case, case.run)
    assert 'unknown directive "no_such_directive"' in sentence
    assert f"{case.nginx.sites}/other.conf:4" in sentence


def test_a_reload_that_nginx_does_not_carry_out_is_undone(either: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case = either
    monkeypatch.setattr(_nginx_process, "RELOAD_DEADLINE_S", 4.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        # Somebody's unfinished change: `nginx -t` accepts it, the running master cannot carry it out.
        other = case.nginx.sites / "other.conf"
        other.write_text(f"server {{ listen 127.0.0.1:{taken.getsockname()[1]}; }}\n")
        before = {path: known[:3] for path, known in case.nginx.snapshot().items()}
        with pytest.raises(TransactionError) as caught:
            case.run()
    assert "no new workers have taken over within 4 s" in caught.value.sentence()
    assert "error log" in caught.value.sentence()
    assert {path: known[:3] for path, known in case.nginx.snapshot().items()} == before
    assert caught.value.code == "rollback-failed"  # the way back needs a reload too; the journal waits for the next run
    other.unlink()
    result = case.run()
    assert (result["changed"], result["action"]) == (True, case.action)
    assert not case.state.exists()


def test_a_proof_that_fails_brings_the_previous_bytes_and_the_previous_behaviour_back(
    either: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = either
    monkeypatch.setattr(_nginx_location, "PROOF_DEADLINE_S", 1.0)
    seen: list[int] = []

    def prove(target: Target) -> None:
        assert target.connect_to == f"127.0.0.1:{case.nginx.port}"
        seen.append(status(case.nginx.port))
        raise SteveError("prove the WebSocket path", "proxy", "status 502", "See the upstream.")

    sentence = unchanged(case, lambda: case.run(prove=prove), TransactionError)
    assert 101 in seen
    assert len(seen) > 1  # old workers may answer for a moment, so one refusal proves nothing
    assert "status 502; the previous files are back. See the upstream." in sentence


def test_a_proof_that_succeeds_lets_it_stay(case: Case) -> None:
    def prove(target: Target) -> None:
        assert target.connect_to == f"127.0.0.1:{case.nginx.port}"
        if status(case.nginx.port) != 101:
            raise SteveError("prove", "proxy", "not 101", "")

    assert case.run(prove=prove)["action"] == "insert"


@pytest.mark.parametrize(
    ("asked", "told"), [("LOCKED", "asks for the credentials of LOCKED"), ("NOBODY", "does not accept NOBODY")]
)
def test_a_proof_that_steve_does_not_allow_is_told_and_the_change_stays(case: Case, asked: str, told: str) -> None:
    """Only the location for WebSockets leads to SteVe here, so its release cannot be seen."""
    with running_simulator(release="3.14.1", charge_boxes=["LOCKED:Accepted:1:station-pass-0001"]) as running:
        options: dict[str, Any] = {"prove": prover(asked), "upstream": f"http://127.0.0.1:{running.port}"}
        made = case.run(**options)
        changed = case.nginx.snapshot()
        case.settings = replace(case.settings, look_up_again=True)
        again = case.run(**options)
    assert (made["action"], again["action"]) == ("insert", "reload")
    for result in (made, again):
        assert [told in warning for warning in result["warnings"]] == [True]
    assert str(case.nginx.directory / "steve-websocket.conf") in changed
    assert case.nginx.snapshot() == changed
    assert not case.state.exists()


def run_on_a_disk_that_fills_up(
    case: Case, monkeypatch: pytest.MonkeyPatch, writes: int, for_good: bool
) -> dict[str, Any] | SteveError:
    """The result of a run in which the write after that many finds no room, and so do all later ones ``for_good``."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        nonlocal writes
        writes -= 1
        if writes == -1 or (for_good and writes < 0):
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    with monkeypatch.context() as full:
        full.setattr(os, "write", write)
        try:
            return case.run()
        except SteveError as error:
            return error


def test_a_disk_that_fills_up_at_any_write_changes_nothing(either: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write of a run in turn: the copies that nginx tests, the journal, the files themselves."""
    before = {path: known[:3] for path, known in either.nginx.snapshot().items()}
    for writes in range(100):
        got = run_on_a_disk_that_fills_up(either, monkeypatch, writes, for_good=False)
        if not isinstance(got, SteveError):
            break
        assert "No space left on device" in got.sentence()
        assert {path: known[:3] for path, known in either.nginx.snapshot().items()} == before
        assert not either.state.exists()
        assert status(either.nginx.port) == either.before
    assert not isinstance(got, SteveError)
    assert got["action"] == either.action
    assert writes >= 6


def test_a_disk_that_stays_full_leaves_what_nginx_has_accepted_and_the_next_run_finishes(
    to_repair: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two files of a repair: the way back needs room as well."""
    got: dict[str, Any] | SteveError = {}
    for writes in range(100):
        got = run_on_a_disk_that_fills_up(to_repair, monkeypatch, writes, for_good=True)
        assert isinstance(got, SteveError)
        subprocess.run(
            [*to_repair.nginx.command, "-t", "-q", "-c", str(to_repair.nginx.conf)], check=True, capture_output=True
        )
        assert status(to_repair.nginx.port) == BROKEN
        if got.code == "rollback-failed":
            break
    assert isinstance(got, SteveError)
    assert got.code == "rollback-failed"
    assert "Make room on the file system, then run this again" in got.sentence()
    result = to_repair.run()
    assert len(result["recovered"]) == 1
    assert result["action"] == "repair"
    assert status(to_repair.nginx.port) == 101
    assert not to_repair.state.exists()


def test_a_file_that_somebody_else_changed_meanwhile_is_not_overwritten(
    either: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = either.nginx.sites / "site.conf"
    test = _nginx_process.Nginx.test

    def changed(self: _nginx_process.Nginx, *args: Any) -> None:
        test(self, *args)
        site.write_text(text + "# somebody else\n")

    text = site.read_text()
    monkeypatch.setattr(_nginx_process.Nginx, "test", changed)
    with pytest.raises(SteveError) as caught:
        either.run()
    assert caught.value.code == "changed-meanwhile"
    assert site.read_text() == text + "# somebody else\n"
    assert sorted(os.listdir(either.nginx.sites)) == ["site.conf"]
    assert not either.state.exists()
    assert status(either.nginx.port) == either.before


def test_a_file_that_somebody_else_changed_during_the_proof_is_left_to_him(
    either: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_nginx_location, "PROOF_DEADLINE_S", 0.0)
    site = either.nginx.sites / "site.conf"

    def prove(_target: Target) -> None:
        site.write_text(site.read_text() + "# somebody else\n")
        raise SteveError("prove the WebSocket path", "proxy", "status 502", "See the upstream.")

    with pytest.raises(TransactionError) as caught:
        either.run(prove=prove)
    assert caught.value.code == "rollback-failed"
    assert "somebody else has changed the file since" in caught.value.sentence()
    assert site.read_text().endswith("# somebody else\n")
    # Neither does the next run decide for him.
    with pytest.raises(SteveError) as caught_again:
        either.run()
    assert caught_again.value.code == "changed-meanwhile"


def test_an_nginx_that_does_not_run_is_not_reloaded_and_gets_no_pid_file(nginx: LocalNginx, steve: Upstream) -> None:
    before = nginx.snapshot()
    case = Case(nginx, steve)
    with pytest.raises(SteveError) as caught:
        case.run()
    assert caught.value.code == "nginx-not-running"
    assert nginx.snapshot() == before
    result = Case(nginx, steve, reload=False).run(prove=refusing)
    assert (result["action"], result["old_workers"]) == ("insert", None)
    assert any("nginx has not loaded the change and nothing was proven" in note for note in result["notes"])
    assert not (nginx.directory / "run/nginx.pid").exists()
    assert sorted(os.listdir(nginx.directory)) == ["nginx.conf", "run", "sites", "steve-websocket.conf"]
    nginx.start()
    assert status(nginx.port) == 101


def test_a_conflict_stops_with_a_sentence(case: Case) -> None:
    path = case.nginx.site("location /steve/websocket/ { return 404; }")
    sentence = unchanged(case, case.run, NotChangedError)
    assert f"{path}:4" in sentence
    assert sentence.endswith("Nothing was changed.")


@pytest.mark.parametrize(
    ("command", "told"), [("/nowhere/nginx", "Correct the option nginx_command"), ("false", "exit code 1")]
)
def test_a_command_that_is_not_nginx_is_told(nginx: LocalNginx, steve: Upstream, command: str, told: str) -> None:
    before = nginx.snapshot()
    with pytest.raises(SteveError) as caught:
        Case(nginx, steve, nginx_command=(command,)).run()
    assert told in caught.value.sentence()
    assert nginx.snapshot() == before


# -- killed, and at once -----------------------------------------------------------------------------------------------


def files_of(case: Case) -> dict[Path, bytes]:
    """Everything that nginx reads."""
    found = {path: path.read_bytes() for path in case.nginx.directory.rglob("*") if path.is_file()}
    return {path: data for path, data in found.items() if path.parent.name != "run"}


def test_killed_before_any_step_the_next_run_recovers_and_finishes(any_change: Case) -> None:
    """Each system call of ours that changes something is a step; nginx serves after every kill, whatever it loaded."""
    case = any_change
    original = files_of(case)
    finished: dict[Path, bytes] = {}
    deadly = 0
    while True:
        deadly += 1

        def work(deadly: int = deadly) -> None:
            counted = CountedOs(deadly)
            for module in (_transaction, _nginx_location):
                vars(module)["os"] = counted
            case.run()

        was_killed = killed(work)
        if not was_killed:
            break
        # Whoever restarts nginx now starts it with bytes that nginx has accepted as a whole.
        subprocess.run([*case.nginx.command, "-t", "-q", "-c", str(case.nginx.conf)], check=True, capture_output=True)
        assert status(case.nginx.port) in (case.before, 101), deadly
        left = {path for path in files_of(case) if path.name.startswith((REHEARSAL_PREFIX, "." + REHEARSAL_PREFIX))}
        if deadly % 4 and not case.state.exists():
            # Nothing but copies for nginx's test was written yet; every fourth time the next run sweeps them away.
            assert {path: data for path, data in files_of(case).items() if path not in left} == original, deadly
            for path in left:
                path.unlink()
            continue
        predicted = case.run(check_mode=True)
        result = case.run()
        assert predicted["diff"] == result["diff"], deadly
        assert status(case.nginx.port) == 101, deadly
        assert not case.state.exists(), deadly
        # Not one file more or less, and the bytes of an undisturbed run.
        now = files_of(case)
        finished = finished or now
        assert now == finished, deadly
        for path in now.keys() - original.keys():
            path.unlink()
        for path, data in original.items():
            path.write_bytes(data)
        _nginx_process.Nginx(case.nginx.command, str(case.nginx.conf), _nginx_files.Files()).reload(
            load(str(case.nginx.conf), _nginx_files.Files())
        )
    # A server block of our own is one file; the others change two.
    assert deadly > (25 if case.action == "site" else 40)


def _run_in_a_process(case: Case, results: Any) -> None:
    result = case.run()
    results.put((result["action"], result["changed"]))


def test_two_runs_at_once_make_one_change(either: Case) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    both = [context.Process(target=_run_in_a_process, args=(either, results)) for _count in range(2)]
    for one in both:
        one.start()
    seen = sorted(results.get(timeout=30) for _process in both)
    for one in both:
        one.join()
    results.close()
    assert seen == sorted([(either.action, True), ("none", False)])
    added = b"Connection" if either.action == "repair" else b"include"
    assert (either.nginx.sites / "site.conf").read_bytes().count(added) == 1


# -- nginx elsewhere ---------------------------------------------------------------------------------------------------


def test_an_nginx_behind_a_command_prefix_is_changed_through_its_mount(tmp_path: Path, steve: Upstream) -> None:
    """As in a container: nginx sees ``inside``, which is ``etc/sites`` on this host; the main file is not on it."""
    inside = tmp_path / "inside"
    nginx = LocalNginx(tmp_path / "etc", inside)
    inside.symlink_to(nginx.sites)
    made = certificates.family(NAME)
    certificates.written(nginx.directory, made.leaf, made.intermediate)
    nginx.site("include include/*.inc;", "ssl_certificate server.crt;", "ssl_certificate_key server.key;", *SITE)
    (nginx.directory / "include").mkdir()
    (nginx.directory / "include" / "a b.inc").write_text("add_header X-Test 1;\n")
    nginx.start()
    try:
        case = Case(
            nginx, steve, nginx_command=("env", "INSIDE=1", *nginx.command), mounts={str(inside): str(nginx.sites)}
        )
        fragment = str(inside / "steve-websocket.include")
        result = case.run(fragment=fragment)
        assert (result["action"], result["file"]) == ("insert", f"{inside}/site.conf")
        assert status(nginx.port) == 101
        assert sorted(os.listdir(nginx.sites)) == ["site.conf", "steve-websocket.include"]
        assert case.run(fragment=fragment)["action"] == "none"
        with pytest.raises(SteveError, match="its directory does not exist on this host"):
            case.run(fragment=str(nginx.directory / "outside.conf"))
        (tmp_path / "mounted").mkdir()
        (nginx.sites / "site.conf").unlink()
        nginx.site(*SITE)
        elsewhere = Case(
            nginx,
            steve,
            nginx_command=("env", "INSIDE=1", *nginx.command),
            mounts={str(tmp_path / "m"): str(tmp_path / "mounted")},
        )
        with pytest.raises(SteveError, match="inside of the container only"):
            elsewhere.run(fragment=str(tmp_path / "m" / "steve.conf"))
        assert os.listdir(tmp_path / "mounted") == []
    finally:
        nginx.stop()


# What a container does with ``-v site.conf:…/site.conf``: it knows of the mount, and keeps the file of its start.
_MOUNTED_ALONE = """\
#!/bin/sh
[ "$1 $2" = "cat /proc/self/mountinfo" ] && { echo "9 8 0:1 / / rw"; echo "9 8 0:1 /x @MOUNT@ ro"; exit; }
[ "$1 $2" = "cat @PATH@" ] && exec cat @KEPT@
exec "$@"
"""


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_file_that_is_mounted_by_itself_is_not_replaced(tmp_path: Path, steve: Upstream, check_mode: bool) -> None:
    inside = tmp_path / "inside"
    nginx = LocalNginx(tmp_path / "etc", inside)
    inside.symlink_to(nginx.sites)
    site = nginx.site(*SITE)
    kept = tmp_path / "kept"
    kept.write_bytes(site.read_bytes())
    engine = tmp_path / "engine"
    seen = inside / "site.conf"

    def mounted(path: Path) -> None:
        text = _MOUNTED_ALONE.replace("@MOUNT@", str(path)).replace("@PATH@", str(seen)).replace("@KEPT@", str(kept))
        engine.write_text(text)
        engine.chmod(0o755)

    mounted(seen)
    nginx.start()
    try:
        case = Case(
            nginx, steve, nginx_command=(str(engine), *nginx.command), mounts={str(inside): str(nginx.sites)}
        )
        fragment = str(inside / "steve-websocket.include")
        before = nginx.snapshot()
        with pytest.raises(NotChangedError, match=f"would not see a change of {seen}, which is mounted by itself"):
            case.run(check_mode=check_mode, fragment=fragment)
        assert nginx.snapshot() == before
        # Somebody replaced it: what stands on this host is right, and nginx does not have it.
        good = "location /steve/websocket/ { proxy_pass %s; proxy_http_version 1.1; proxy_read_timeout 1h;"
        good += " proxy_send_timeout 1h; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }"
        nginx.site(good % steve.url, *SITE)
        with pytest.raises(NotChangedError, match=f"nginx does not see {site} as it is now"):
            case.run(check_mode=check_mode, fragment=fragment)
        kept.write_bytes(site.read_bytes())
        assert case.run(check_mode=check_mode, fragment=fragment)["action"] == "none"
        # A directory that is mounted is what it should be.
        mounted(inside)
        nginx.site(*SITE)
        kept.write_bytes(site.read_bytes())
        assert case.run(check_mode=check_mode, fragment=fragment)["action"] == "insert"
    finally:
        nginx.stop()


# -- nginx itself is the judge of our reading --------------------------------------------------------------------------

PREFIXES = ("/", "/a", "/a/", "/a/b", "/a/b/", "/b", "/a/b/c")
REGEXES = ("b$", "^/a", "\\.x$", "^/a/b/", "C")
PATHS = ("/", "/a", "/a/", "/a/b", "/a/b/c", "/a/b/c.x", "/b", "/b.x", "/C", "/a/c", "/ab")
NAMES = ("one.test", "*.test", "*.two.test", "www.*", ".three.test", "~^n\\d", "_", "")
HOSTS = ("one.test", "x.test", "x.two.test", "www.one.test", "www.other", "three.test", "y.three.test", "n5", "else")


def random_locations(dice: random.Random, depth: int, prefix: str) -> Iterator[str]:
    """Locations, each of which answers with a number of its own."""
    used: set[str] = set()
    for _number in range(dice.randint(0, 4)):
        modifier = dice.choice(["", "", "^~", "=", "~", "~*"])
        regex = modifier in ("~", "~*")
        pattern = dice.choice(REGEXES if regex else PREFIXES)
        key = ("=" if modifier == "=" else "") + pattern
        if key in used or not (regex or pattern.startswith(prefix)):
            continue
        used.add(key)
        inner = " ".join(random_locations(dice, depth - 1, pattern)) if depth and modifier in ("", "^~") else ""
        yield f"location {modifier} {pattern} {{ {inner}\nreturn 200 {dice.getrandbits(60)}; }}\n"


@pytest.mark.parametrize("seed", range(3))
def test_nginx_chooses_the_server_and_location_that_we_compute(nginx: LocalNginx, seed: int) -> None:
    dice = random.Random(seed)
    (nginx.sites / "site.conf").unlink()
    ports = [nginx.port, free_port(), free_port()]
    for server in range(12):
        names = dice.sample(NAMES, 2)
        port, first = ports[server // 4], server % 4 == 0
        default = "" if first or dice.random() < 0.9 else " default_server"
        parts = [
            f"listen 127.0.0.1:{port}{default};",
            f"server_name {' '.join(name or chr(34) * 2 for name in names)};",
            f"add_header X-Server s{server} always;",
            f"root {nginx.directory}/none;",
            *random_locations(dice, 2, "/"),
            "location @none { }",
        ]
        (nginx.sites / f"{server:02}.conf").write_text("server {\n" + "\n".join(parts) + "\n}\n")
    nginx.start()
    config = load(str(nginx.conf), _nginx_files.Files())
    assert config.errors == []
    asked = 0
    for port in ports:
        for host in HOSTS:
            selection = select_server(config, host, port)
            if selection.server is None:
                assert selection.by == "ambiguous"
                continue
            for path in PATHS:
                code, answer, connection = ask(port, path, f"Host: {host}\r\nConnection: close\r\n\r\n")
                with connection:
                    while (more := connection.recv(4096)) != b"":
                        answer += more.decode()
                head, _blank, body = answer.partition("\r\n\r\n")
                assert f"X-Server: s{int(Path(selection.server.directive.file).stem)}" in head, (host, selection)
                chain = find_location(config, selection.server, path)
                said = [one for one in config.inside(chain[-1].directive) if one.name == "return"] if chain else []
                expected = said[0].args[1] if said else None
                assert (body if code == 200 else None) == expected, (host, path)
                asked += 1
    assert asked > 100


# -- through Ansible ---------------------------------------------------------------------------------------------------


def test_ansible_predicts_changes_and_is_done(case: Case, tmp_path: Path) -> None:
    arguments = {
        "url": f"ws://{NAME}:{case.nginx.port}/steve/websocket/CentralSystemService",
        "upstream": case.steve.url,
        "conf": str(case.nginx.conf),
        "fragment": str(case.nginx.directory / "steve-websocket.conf"),
        "nginx_command": list(case.nginx.command),
        "state_dir": str(case.state),
    }
    before = case.nginx.snapshot()
    predicted, predicted_said = task(tmp_path, "steve_nginx_location", "--check", "--diff", **arguments)
    assert case.nginx.snapshot() == before
    real, said = task(tmp_path, "steve_nginx_location", "--diff", **arguments)
    assert f"+    include {case.nginx.directory}/steve-websocket.conf;" in changed_lines(said)
    assert changed_lines(said) == changed_lines(predicted_said)
    assert {**predicted, "old_workers": 0} == real
    assert status(case.nginx.port) == 101
    again, _said = task(tmp_path, "steve_nginx_location", **arguments)
    assert (again["changed"], again["action"]) == (False, "none")
    case.nginx.site("location /steve/websocket/ { return 404; }")
    refused, _said = task(tmp_path, "steve_nginx_location", **arguments)
    assert refused["failed"] is True
    assert refused["msg"].endswith("Nothing was changed.")
    assert refused["error"]["code"] == "nginx-not-changed"


# -- a reload that looks names up again --------------------------------------------------------------------------------


def workers(nginx: LocalNginx) -> set[str]:
    """Process ids of its workers."""
    assert nginx.process is not None
    pid = nginx.process.pid
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def test_a_reload_without_a_change_is_tested_first_proven_and_told(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.run()
    before = case.nginx.snapshot()
    case.settings = replace(case.settings, look_up_again=True)
    old = workers(case.nginx)
    predicted = case.run(check_mode=True)
    assert workers(case.nginx) == old
    knocks: list[str] = []
    done = case.run(prove=lambda target: knocks.append(target.connect_to))
    for result in (predicted, done):
        assert (result["changed"], result["action"], result["diff"]) == (True, "reload", [])
    assert workers(case.nginx).isdisjoint(old)
    assert knocks == [f"127.0.0.1:{case.nginx.port}"]
    assert case.nginx.snapshot() == before
    monkeypatch.setattr(_nginx_location, "PROOF_DEADLINE_S", 0.0)
    with pytest.raises(SteveError, match="refused through nginx"):
        case.run(prove=refusing)


def refusing(target: Any) -> None:
    raise SteveError("prove", target.url, "it was refused through nginx", "")


def test_a_reload_is_not_tried_with_files_that_nginx_refuses(case: Case) -> None:
    case.run()
    (case.nginx.sites / "other.conf").write_text("nonsense;\n")
    old = workers(case.nginx)
    case.settings = replace(case.settings, look_up_again=True)
    with pytest.raises(SteveError):
        case.run()
    assert workers(case.nginx) == old
