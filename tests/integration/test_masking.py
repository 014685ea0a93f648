# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module, succeeding and failing, at ``-vvvv --diff``: no secret shows, and none damages a result.

One run holds all tasks. It is done once for each secret and once for a word that stands in nothing else. What comes
back must be the same; so an id, key, time or port that masking had cut would show.
"""

from __future__ import annotations

import base64
import gzip
import html
import itertools
import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.documentation import MODULES, faults, returned
from tests.integration.local_nginx import LocalNginx
from tests.integration.many_tasks import run_tasks
from tests.simulator import Running, running_simulator
from tests.stack.project import free_port
from tests.unit.fake_steve import FakeSteve, Reply, Seen, running

#: SteVe's own passwords, which are parts of ids, paths and times, and one with what every encoding changes.
SECRETS = ("1234", "steve", "admin", 'kanari&<4711> "v"+/%')
HARMLESS = "Zq9xZq9xZq9x"
IDS = ["CP-1234", "steve-1", "admin", "1234", "steve", "plain"]
#: Further secrets of every run; they are long and must stand nowhere.
STATION, TOO_LONG = "zeisig-vogel-42424", "viel-zu-langes-geheimnis-fuer-jede-bekannte-version"
OLD, HEADER = "altes-geheimnis-0815", "papagei-geheimnis-0816"

#: Worlds choose their ports one after the other.
ONE_AT_A_TIME = threading.Lock()

#: Breaks off in the named function with an error whose words are all that the program knows there.
BROKEN = """
import os, sys

def look(frame, event, _argument):
    if event == "call" and frame.f_code.co_name == os.environ["BREAK_IN"] and "steve" in frame.f_code.co_filename:
        sys.setprofile(None)
        raise LookupError(repr(frame.f_locals) + repr(frame.f_back.f_locals))

if os.environ.get("BREAK_IN"):
    sys.setprofile(look)
"""


@dataclass(frozen=True)
class Case:
    """One task.

    Attributes:
        failed: how it must end.
        says: a part of its sentence.
        break_in: the function in which the module breaks off.
        early: it ends before the secret is used, so short secrets, which only damage what comes back, are spared it.
    """

    module: str
    options: dict[str, Any]
    failed: bool = False
    says: str = ""
    check: bool = False
    break_in: str = ""
    early: bool = False


@dataclass(frozen=True)
class Outcome:
    """All results of one run, in the order of the cases, and what was printed."""

    cases: list[Case]
    results: list[dict[str, Any]]
    said: str
    written: str
    """Everything that the tasks left in files for people to read."""
    places: tuple[tuple[str, str], ...]


class World:
    """Where the tasks work; its names and ports hold the short secrets wherever that is possible."""

    def __init__(self, directory: Path, life: ExitStack, secret: str) -> None:
        self.secret = secret
        self.directory = directory / "steve-admin-1234"
        self.directory.mkdir()
        properties = {"auth.user": "admin", "auth.password": secret, "webapi.value": secret}
        with ONE_AT_A_TIME:
            self.steve: Running = life.enter_context(
                running_simulator(release="3.14.1", port=port_with_1234(), system_properties=properties)
            )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{self.steve.url}/websocket/CentralSystemService/NEW-1234", timeout=10)
        self.echo = life.enter_context(running(echoing()))
        self.closed = f"http://127.0.0.1:{free_port()}/steve"
        self.nginx = LocalNginx(self.directory / "etc")
        self.site = self.nginx.site(
            f'proxy_set_header Authorization "Bearer {HEADER}";', "location / { return 404; }", "# end"
        )
        self.nginx.start()
        life.callback(self.nginx.stop)
        (self.directory / "broken").mkdir()
        (self.directory / "broken" / "sitecustomize.py").write_text(BROKEN)
        (self.directory / "app.env").write_text(f"AUTH_USER=admin\nAUTH_PASSWORD={OLD}\nOTHER={OLD}\n")
        (self.directory / "torn.env").write_text(f"A='{OLD}\nB=1\n")

    def ws(self, url: str) -> str:
        """The WebSocket URL of a SteVe."""
        return url.replace("http", "ws", 1) + "/websocket/CentralSystemService"

    def places(self) -> tuple[tuple[str, str], ...]:
        """What differs between two runs by itself."""
        ports = [self.steve.port, self.echo.port, self.nginx.port, int(self.closed.split(":")[2].split("/")[0])]
        return (
            (str(self.directory.parent), "DIRECTORY"),
            *((f"{sign}{port}", "PORT") for port in ports for sign in (":", "port ")),
        )


def is_short(secret: str) -> bool:
    """Whether a secret may be a part of anything."""
    return len(secret) < 6


def port_with_1234() -> int:
    """A free port whose number holds SteVe's password."""
    for port in (11234, 21234, 31234, 41234, 51234, 12345, 12340, 12341, 12342):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port with 1234 is free")


def echoing() -> FakeSteve:
    """A stranger that repeats what it is sent, after the sign-in page of a SteVe; opened credentials too."""

    def echo(seen: Seen) -> Reply:
        token = seen.headers.get("authorization", "")
        opened = base64.b64decode(token[6:] + "==").decode("latin-1") if token.startswith("Basic ") else token
        words = f"{seen.body} {opened} {seen.headers} {seen.path}"
        shown = re.sub(r"[^ -~]", "?", words)
        return Reply(418, f"<html><title>{words}</title><body>{words}</body></html>", {"Server": shown, "Via": shown})

    class Echo(FakeSteve):
        def answer(self, seen: Seen) -> Reply:
            if seen.method == "GET" and "authorization" not in seen.headers:
                return super().answer(seen)
            return echo(seen)

    return Echo()


# -- the cases ---------------------------------------------------------------------------------------------------------

SECRET = "{{ secret }}"
IN_A_URL = "{{ secret | urlencode | replace('/', '%2F') }}"


def network(world: World, module: str, break_in: str, websocket: bool = False, **secret: Any) -> Iterator[Case]:
    """How a module that talks to SteVe can fail. ``secret``: its options that hold secrets, and what it needs."""
    kind = world.ws if websocket else str
    # What is data to a module does not fail its task.
    data = module in ("steve_webapi_check", "steve_ws_probe", "steve_info")
    closed = "" if data else "refused the connection"
    yield Case(module, {"url": kind(world.closed), **secret}, not data, closed, early=True)
    nowhere = {"url": kind("http://steve-1234.invalid/steve"), "timeout": 2}
    yield Case(module, {**nowhere, **secret}, not data, early=True)
    yield Case(module, {"url": kind(world.echo.url), **secret}, not data)
    with_user = world.steve.url.replace("//", f"//admin:{IN_A_URL}@")
    yield Case(module, {"url": kind(with_user), **secret}, True, "url")
    here = {"url": kind(world.steve.url), **secret}
    yield Case(module, {**here, "secret_word": SECRET}, True, "Unsupported parameters", early=True)
    yield Case(module, {**here, "timeout": SECRET + "x"}, True, "timeout", early=True)
    yield Case(module, here, True, "LookupError at", break_in=break_in)


def chargebox(world: World) -> Iterator[Case]:
    access: dict[str, Any] = {"username": "admin", "password": SECRET}
    here = {"url": world.steve.url, **access}
    yield Case("steve_chargebox", {"charge_box_id": IDS, **here}, check=True)
    yield Case("steve_chargebox", {"charge_box_id": IDS, **here})
    yield Case("steve_chargebox", {"charge_box_id": IDS, **here})
    boxes = [
        {"charge_box_id": "S-1234", "security_profile": 1, "auth_password": STATION},
        {"charge_box_id": "S-2", "auth_password": SECRET + TOO_LONG},
    ]
    yield Case("steve_chargebox", {"charge_boxes": boxes, **here}, True, "between 16 and 20")
    yield Case("steve_chargebox", {"charge_box_id": ["S-3"], **here, "password": SECRET + "-x"}, True, "refused")
    wrong = {"charge_box_id": ["S-3"], **here}
    yield Case("steve_chargebox", {**wrong, "auth_password": [SECRET]}, True, "auth_password")
    yield Case("steve_chargebox", {**wrong, "auth_password": {"is": SECRET}}, True, "auth_password")
    yield Case(
        "steve_chargebox",
        {**wrong, "charge_boxes": [{"charge_box_id": "S-4", "pass": SECRET}]},
        True,
        "pass",
        early=True,
    )
    yield Case("steve_chargebox", {**wrong, "security_profile": SECRET + "x"}, True, "security_profile", early=True)
    yield from network(world, "steve_chargebox", "ensure", charge_box_id=["S-3"], auth_password=TOO_LONG, **access)


def chargebox_info(world: World) -> Iterator[Case]:
    access: dict[str, Any] = {"username": "admin", "password": SECRET}
    yield Case("steve_chargebox_info", {"url": world.steve.url, "details": True, **access})
    yield Case("steve_chargebox_info", {"url": world.steve.url, **access}, check=True)
    wrong = {**access, "password": SECRET + "-x"}
    yield Case("steve_chargebox_info", {"url": world.steve.url, **wrong}, True, "SteVe refused user or password")
    yield from network(world, "steve_chargebox_info", "collect", **access)


def webapi_check(world: World) -> Iterator[Case]:
    access: dict[str, Any] = {"username": "admin", "password": SECRET, "paths": ["/api/v1/ocppTags"]}
    yield Case("steve_webapi_check", {"url": world.steve.url, **access})
    yield Case("steve_webapi_check", {"url": world.steve.url, **access, "password": SECRET + "-x"}, check=True)
    bearer = {"username": "admin", "token": SECRET, "scheme": "bearer", "era": "3.14.1"}
    yield Case("steve_webapi_check", {"url": world.steve.url, **bearer})
    yield Case("steve_webapi_check", {"url": world.steve.url, **access, "password": SECRET + "\n"}, True, "password")
    named = {**access, "header_name": "x " + SECRET}
    yield Case("steve_webapi_check", {"url": world.steve.url, **named}, True, "header_name")
    yield from network(world, "steve_webapi_check", "check", **access)


def ws_probe(world: World) -> Iterator[Case]:
    here = {"url": world.steve.ws_url, "charge_box_id": [*IDS, "S-1234"]}
    yield Case("steve_ws_probe", {**here, "passwords": {"S-1234": STATION}, "last_gate": True})
    yield Case("steve_ws_probe", {**here, "passwords": {"S-1234": SECRET + "-x"}}, check=True)
    yield Case("steve_ws_probe", {**here, "passwords": {"S-1234": SECRET + "-x"}, "fail_on": "refused"}, True, "S-1234")
    boot = {"mode": "boot", "charge_box_id": ["S-1234"]}
    yield Case("steve_ws_probe", {**here, "passwords": {"S-1234": STATION}, **boot})
    yield Case("steve_ws_probe", {**here, "passwords": SECRET + "x"}, True, "passwords", early=True)
    yield Case("steve_ws_probe", {**here, "passwords": {"S-1234": [SECRET]}}, True, "passwords")
    yield Case("steve_ws_probe", {**here, "passwords": {"S-1234": SECRET + "\n"}}, True, "passwords")
    secret: dict[str, Any] = {"charge_box_id": ["S-1234"], "passwords": {"S-1234": SECRET + "-x"}}
    yield from network(world, "steve_ws_probe", "probe", websocket=True, **secret)


def info(world: World) -> Iterator[Case]:
    access: dict[str, Any] = {
        "username": "admin", "password": SECRET, "webapi_username": "admin", "webapi_value": SECRET,
        "charge_box_id": ["CP-1234", "S-1234"], "passwords": {"S-1234": STATION}, "host": "steve-1234",
        "nginx_conf": str(world.nginx.conf), "nginx_command": list(world.nginx.command),
        "public_ws_url": f"ws://charge.example.net:{world.nginx.port}/steve/websocket/CentralSystemService",
    }  # fmt: skip
    yield Case("steve_info", {"url": world.steve.url, **access})
    yield Case("steve_info", {"url": world.steve.url, **access, "password": SECRET + "-x"}, check=True)
    yield Case("steve_info", {"url": world.steve.url, **access, "run_dir": "{{ run.run_dir }}"})
    yield Case("steve_info", {"url": world.steve.url, **access, "passwords": {"S-1234": [SECRET]}}, True, "passwords")
    yield from network(world, "steve_info", "observe", **access)


def env_file(world: World) -> Iterator[Case]:
    path = str(world.directory / "app.env")
    keys = {"AUTH_PASSWORD": SECRET, "NEW": SECRET, "NUMBER": "12345"}
    yield Case("steve_env_file", {"path": path, "keys": keys, "absent_keys": ["OTHER"]}, check=True)
    yield Case("steve_env_file", {"path": path, "keys": keys, "absent_keys": ["OTHER"]})
    yield Case("steve_env_file", {"path": path, "keys": keys, "absent_keys": ["OTHER"]})
    kept = {"path": path, "state_dir": str(world.directory / "kept")}
    yield Case("steve_env_file", {**kept, "keys": {"KEPT": SECRET, "NUMBER": SECRET}})
    yield Case("steve_env_file", {**kept, "state": "restored"})
    yield Case("steve_env_file", {**kept, "state": "confirmed"})
    yield Case("steve_env_file", {"path": path, "state": "restored"}, True, "state_dir", early=True)
    yield Case("steve_env_file", {"path": path + "-none", "keys": keys}, True, "does not exist")
    yield Case("steve_env_file", {"path": str(world.directory / "torn.env"), "keys": keys}, True, "line 1")
    yield Case("steve_env_file", {"path": path, "keys": {"A": [SECRET]}}, True, "keys")
    yield Case("steve_env_file", {"path": path, "keys": {"A": SECRET + "\nB"}}, True, "keys|line break")
    yield Case("steve_env_file", {"path": path, "keys": SECRET + "x"}, True, "keys", early=True)
    yield Case("steve_env_file", {"path": path, "keys": {"A": 1234}}, True, "keys")
    yield Case("steve_env_file", {"path": path, "kyes": {"A": SECRET}}, True, "Unsupported parameters", early=True)
    yield Case("steve_env_file", {"path": path, "keys": keys}, True, "LookupError at", break_in="ensure")


def nginx_location(world: World) -> Iterator[Case]:
    url = f"ws://charge.example.net:{world.nginx.port}/steve/websocket/CentralSystemService"
    here = {
        "url": url, "upstream": f"http://127.0.0.1:{world.steve.port}", "conf": str(world.nginx.conf),
        "nginx_command": list(world.nginx.command), "state_dir": str(world.directory / "state"),
        "fragment": str(world.nginx.directory / "steve-websocket.conf"),
    }  # fmt: skip
    unproven = {"prove_charge_box_id": "CP-1234", "prove_connect_to": "127.0.0.1:9"}
    yield Case("steve_nginx_location", {**here, **unproven}, True, "previous files are back")
    yield Case("steve_nginx_location", {**here}, check=True)
    yield Case("steve_nginx_location", {**here, "prove_charge_box_id": "CP-1234"})
    yield Case("steve_nginx_location", {**here})
    yield Case("steve_nginx_location", {**here, "url": url.replace("//", f"//admin:{IN_A_URL}@")}, True, "url")
    yield Case("steve_nginx_location", {**here, "upstream": f"http://admin:{IN_A_URL}@127.0.0.1"}, True, "upstream")
    yield Case("steve_nginx_location", {**here, "secret_word": SECRET}, True, "Unsupported parameters", early=True)
    yield Case("steve_nginx_location", {**here}, True, "LookupError at", break_in="ensure")


def report(world: World) -> Iterator[Case]:
    run = {"run_dir": "{{ run.run_dir }}", "hosts": ["steve-1234"]}
    yield Case("steve_report", {"state": "reported", "full": True, **run, "fail_on": "never"})
    yield Case("steve_report", {"state": "planned", **run})
    yield Case("steve_report", {"state": "compared", "before": "{{ run.run_dir }}", **run}, True)
    yield Case("steve_report", {"state": "reported", **run, "run_dir": str(world.directory / "none")}, True)
    yield Case("steve_report", {"state": "reported", **run, "secret_word": SECRET}, True, "Unsupported parameters")


def evidence(world: World) -> Iterator[Case]:
    (world.directory / "steve.log").write_text(
        f"[INFO ] 2026-11-23 01:02:03,123 x (q) - [chargeBoxId=CP-1234, sessionId=s] auth.password={world.secret}\n"
    )
    here: dict[str, Any] = {
        "run_dir": "{{ run.run_dir }}", "project_dir": str(world.directory), "env_file": "app.env",
        "log_file": str(world.directory / "steve.log"), "nginx_conf": str(world.nginx.conf),
        "nginx_command": list(world.nginx.command), "charge_box_id": ["CP-1234", "steve"], "username": "admin",
        "password": SECRET, "webapi_username": "admin", "webapi_value": SECRET, "passwords": {"S-1234": STATION},
    }  # fmt: skip
    yield Case("steve_evidence", here)
    yield Case("steve_evidence", here, check=True)
    yield Case("steve_evidence", {**here, "run_dir": str(world.directory / "none")}, True, "not the directory of a run")
    yield Case("steve_evidence", {**here, "charge_box_id": "steve"}, True, "charge_box_id")
    yield Case("steve_evidence", {**here, "passwords": {"S-1234": [SECRET]}}, True, "passwords")
    yield Case("steve_evidence", {**here, "log_keep_bytes": 1}, True, "log_keep_bytes")
    yield Case("steve_evidence", {**here, "secret_word": SECRET}, True, "Unsupported parameters", early=True)
    yield Case("steve_evidence", here, True, "LookupError at", break_in="collect")


#: The cases of every module, in the order in which they need each other.
TABLE = {
    "steve_chargebox": chargebox,
    "steve_chargebox_info": chargebox_info,
    "steve_webapi_check": webapi_check,
    "steve_ws_probe": ws_probe,
    "steve_info": info,
    "steve_report": report,
    "steve_evidence": evidence,
    "steve_env_file": env_file,
    "steve_nginx_location": nginx_location,
}


@contextmanager
def a_world(directory: Path, secret: str) -> Iterator[World]:
    with ExitStack() as life:
        yield World(directory, life, secret)


def run(directory: Path, secret: str) -> Outcome:
    """All cases with one secret."""
    with a_world(directory, secret) as world:
        cases = [case for cases in TABLE.values() for case in cases(world) if not (case.early and is_short(secret))]
        begun = {
            "name": "Begin",
            "chargeops.steve.steve_report": {
                "state": "begun", "hosts": ["localhost"], "report_dir": str(world.directory / "reports"),
            },
            "register": "run",
        }  # fmt: skip
        tasks: list[dict[str, Any]] = [begun]
        for number, case in enumerate(cases):
            broken = {"PYTHONPATH": str(world.directory / "broken"), "BREAK_IN": case.break_in}
            tasks.append(
                {
                    "name": f"Case {number}",
                    f"chargeops.steve.{case.module}": case.options,
                    "check_mode": case.check,
                    "environment": broken if case.break_in else {},
                }
            )
        (_run, *results), said = run_tasks(directory, tasks, {"secret": secret}, "-vvvv", "--diff")
        reports = [path for path in (world.directory / "reports").rglob("*") if path.is_file()]
        assert {path.name for path in reports} >= {"findings.json", "report.txt"}
        written = "\n".join(content(path) for path in reports)
        return Outcome(cases, results, said, written, world.places())


def content(path: Path) -> str:
    """What a file says, an archive's files among it."""
    data = path.read_bytes()
    return gzip.decompress(data).decode("utf-8", "replace") if path.suffix == ".gz" else data.decode("utf-8")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """All runs, two at a time: most of their time is spent by Ansible in starting tasks."""
    words = (HARMLESS, *SECRETS)
    with ThreadPoolExecutor(2) as pool:
        runs = {word: pool.submit(run, tmp_path_factory.mktemp("run"), word) for word in words}
        return {word: one.result() for word, one in runs.items()}


@pytest.fixture(scope="module")
def harmless(outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[HARMLESS]


@pytest.fixture(scope="module", params=SECRETS)
def secret(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def outcome(outcomes: dict[str, Outcome], secret: str) -> Outcome:
    return outcomes[secret]


# -- what is compared --------------------------------------------------------------------------------------------------


def encoded(secret: str) -> set[str]:
    """A secret as it may be written somewhere."""
    escaped = html.escape(secret)
    forms = {
        secret, quote(secret), quote(secret, safe=""), quote_plus(secret), escaped, escaped.replace("&#34;", "&quot;"),
        json.dumps(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1], repr(secret)[1:-1],
        base64.b64encode(secret.encode()).decode().rstrip("="),
    }  # fmt: skip
    return forms | {quote(one, safe="").lower() for one in (secret,)}


def pairs(secret: str) -> set[str]:
    """User and password as HTTP sends them; nothing else looks like this, however short the password is."""
    known = [("admin", secret), ("admin", f"{secret}-x"), ("S-1234", secret), ("S-1234", STATION)]
    return {base64.b64encode(f"{user}:{word}".encode()).decode().rstrip("=") for user, word in known}


def as_value(secret: str) -> re.Pattern[str]:
    """A short secret where a password or token stands."""
    name = r"(?:pass\w*|token|secret\w*|value|webapi_value|auth_password|authorization|steve-api-key)"
    return re.compile(rf"{name}[\"']*\s*[:=]\s*[\"']*{re.escape(secret)}(?:-x)?(?![\w-])", re.IGNORECASE)


def comparable(outcome: Outcome) -> list[Any]:
    """The results without what differs from run to run: a time must look like one, a number be one."""
    text = json.dumps([without_options(result) for result in outcome.results])
    for found, written in outcome.places:
        text = text.replace(found, written)
    compared: list[Any] = json.loads(text, parse_float=lambda _number: 0.5)
    return [plain(one) for one in compared]


#: Numbers that are measured or counted anew by every run.
MEASURED = {"elapsed_ms", "elapsed_s", "duration_s", "offset_s", "port", "requests"}
#: Parts of an observation that are about the whole machine, which other programs change meanwhile.
OF_THE_MACHINE = {"sockets", "resources", "clock", "nginx"}
#: That a password is the one SteVe is shipped with is a finding, so it is said, of that one alone.
SHIPPED = "shipped_password"
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?")


def plain(value: Any, key: str = "") -> Any:
    """One value of a result, made the same for every run."""
    if key in OF_THE_MACHINE and isinstance(value, dict):
        return sorted(value)
    if key == SHIPPED:
        return "FACT"
    if key == "sha256" and value is not None:
        return "CHECKSUM"
    if isinstance(value, dict):
        return {name: plain(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return TIME.sub("TIME", RUN_ID.sub("RUN", value))
    return "NUMBER" if key in MEASURED and isinstance(value, (int, float)) else value


def differences(own: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two results differ, so that a failure names the place."""
    if isinstance(own, dict) and isinstance(other, dict):
        for name in sorted({*own, *other}):
            yield from differences(own.get(name), other.get(name), f"{path}.{name}")
    elif isinstance(own, list) and isinstance(other, list) and len(own) == len(other):
        for number, (mine, theirs) in enumerate(zip(own, other, strict=True)):
            yield from differences(mine, theirs, f"{path}[{number}]")
    elif own != other:
        yield path, own, other


def without_options(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a result says besides the options, which Ansible masks by itself."""
    return {key: value for key, value in result.items() if key != "invocation"}


def refused_by_ansible(result: Mapping[str, Any]) -> bool:
    """Whether the sentence is Ansible's own, about options that the module never saw."""
    return "error" not in result and bool(result.get("failed"))


def test_every_module_has_cases_that_succeed_and_fail(harmless: Outcome) -> None:
    assert sorted(TABLE) == list(MODULES)
    for name in TABLE:
        own = [case for case in harmless.cases if case.module == name]
        assert {case.failed for case in own} == {True, False}, name
        assert name == "steve_report" or any(case.break_in for case in own), name


def test_every_case_ends_as_it_must(harmless: Outcome) -> None:
    for case, result in zip(harmless.cases, harmless.results, strict=True):
        assert bool(result.get("failed")) is case.failed, (case, result)
        assert re.search(case.says, str(result.get("msg"))), (case, result)


@pytest.mark.parametrize("name", MODULES)
def test_what_succeeds_and_what_fails_returns_what_is_documented(harmless: Outcome, name: str) -> None:
    for case, result in zip(harmless.cases, harmless.results, strict=True):
        if case.module == name and not refused_by_ansible(result):
            found = faults(returned(name), result, case.options)
            assert not found, "\n".join([str(case), *found])


def test_check_mode_predicts_what_is_done(harmless: Outcome) -> None:
    pairs_of = list(zip(harmless.cases, harmless.results, strict=True))
    compared = []
    for (case, predicted), (_next, done) in itertools.pairwise(pairs_of):
        if case.check and "diff" in predicted and not done.get("failed"):
            assert done["changed"] is predicted["changed"] is True
            assert done["diff"] == predicted["diff"]
            compared.append(case.module)
    assert compared == ["steve_chargebox", "steve_env_file", "steve_nginx_location"]


def test_no_secret_stands_anywhere(outcome: Outcome, secret: str) -> None:
    texts = {"result": json.dumps(outcome.results), "output": outcome.said, "files": outcome.written}
    words = {STATION, TOO_LONG, OLD, HEADER} | (set() if is_short(secret) else {secret})
    for place, text in texts.items():
        for form in (form for word in words for form in encoded(word)):
            assert form not in text, (place, form, text[max(0, text.find(form) - 300) :][:400])
        for form in pairs(secret):
            assert form not in text, (place, form)
        found = as_value(secret).search(text)
        assert found is None, (place, text[max(0, found.start() - 300) : found.end() + 100])


def test_results_are_those_of_a_harmless_secret(outcome: Outcome, harmless: Outcome, secret: str) -> None:
    known = zip(harmless.cases, comparable(harmless), strict=True)
    others = [result for case, result in known if not (case.early and is_short(secret))]
    for case, own, other in zip(outcome.cases, comparable(outcome), others, strict=True):
        if refused_by_ansible(own):
            assert refused_by_ansible(other), case
            continue
        assert "****" not in json.dumps(own), case
        assert own == other, (case, list(differences(own, other)))


def test_only_the_password_that_steve_is_shipped_with_is_called_so(outcome: Outcome, secret: str) -> None:
    told = re.findall(rf'"{SHIPPED}": (\w+)', json.dumps(outcome.results))
    assert set(told) == {"true" if secret == "1234" else "false"}


def test_ids_and_the_diff_are_printed_whole(outcome: Outcome) -> None:
    for one in IDS:
        assert f'"id": "{one}"' in outcome.said and f'"charge_box_id": "{one}"' in outcome.said
        assert f"\n+{one}: present" in outcome.said
    assert "\n-AUTH_PASSWORD=(value hidden)\n" in outcome.said and "\n+NEW=(new value hidden)\n" in outcome.said
