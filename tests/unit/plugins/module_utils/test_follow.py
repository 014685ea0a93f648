# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following SteVe's log: real stations at a simulated SteVe, real files, real programs in docker's place."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _docker, _log_follow
from ansible_collections.chargeops.steve.plugins.module_utils._docker import DockerUnavailable
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._follow import Follower
from ansible_collections.chargeops.steve.plugins.module_utils._log_follow import Current, follow, growth, output
from ansible_collections.chargeops.steve.plugins.module_utils._log_source import Limits
from ansible_collections.chargeops.steve.plugins.module_utils._observe import Observer, options_from
from ansible_collections.chargeops.steve.plugins.module_utils._steve_log import Discount
from websockets.sync.client import connect

from tests.simulator import running_simulator
from tests.unit.plugins.module_utils.test_log_source import Project, docker
from tests.unit.plugins.module_utils.test_steve_log import OFFER, OPENED, knock, line, session
from tests.unit.test_documents import DEFAULTS, check

ROOT = Path(__file__).resolve().parents[4]
BOOT = 'Received: [2,"b1","BootNotification",{"chargePointVendor":"V"}]'
ANSWER = 'Sending: [3,"b1",{"status":"Accepted","currentTime":"2026-11-23T01:00:00Z","interval":14400}]'
CLOSED = "Connection is closed, status: CloseStatus[code=1000, reason=null]"
KNOCKS = "de.rwth.idsg.steve.ocpp.ws.OcppWebSocketHandshakeHandler"
CENTRAL = "de.rwth.idsg.steve.service.CentralSystemService16_Service"


def stamp(at: float) -> str:
    return f"2026-11-23 01:{int(at) // 60:02d}:{int(at) % 60:02d},000"


def booted(box_id: str = "CP-1", key: str = "s1", at: float = 0, status: str = "ACCEPTED") -> str:
    """A BootNotification and its answer."""
    text = f"The boot of the chargebox '{box_id}' with registration status 'Optional[{status}]' is acknowledged."
    return (
        session(BOOT, box_id, key, at) + line(text, CENTRAL, stamp(at)) + session(ANSWER, box_id, key, at)
    )  # fmt: skip


def unknown(box_id: str = "CP-1", at: float = 0) -> str:
    return line(f"ChargeBoxId '{box_id}' is not recognized.", KNOCKS, stamp(at), "ERROR")


def limits(seconds: float, since: float = 0.0) -> Limits:
    return Limits(since, 1_000_000, time.monotonic() + seconds)


# -- what is made of lines ------------------------------------------------------------------------------------


def row(*steps: tuple[float, str], until: float = 5.0, asked: str = "CP-1") -> dict[str, Any]:
    """The row of a charge box after lines that came at these seconds of the follower's clock."""
    follower = Follower([asked])
    for at, text in steps:
        follower.feed(text.encode())
        follower.done(at)
    (found,) = follower.to_dict(until)["boxes"]
    return dict(found)


CONNECTED = (1.0, session(OPENED))
OLD = (1.0, session('Received: [2,"h","Heartbeat",{}]', key="old"))
CASES: dict[str, tuple[list[tuple[float, str]], dict[str, Any]]] = {
    "nothing": ([], {"outcome": "silent", "knocked_at": None, "within_30_s": None, "sessions": []}),
    "another one": ([(1, session(OPENED, "CP-9"))], {"outcome": "silent"}),
    "another spelling": ([(1, session(OPENED, "cp-1"))], {"outcome": "connected", "connections": 1}),
    "refused": (
        [(1, unknown(at=1)), (2, unknown(at=2))],
        {"outcome": "refused", "knocked_at": "2026-11-23T01:00:01Z", "connected_at": None,
         "refused": {"reason": "unknown-id", "count": 2,
                     "first": "2026-11-23T01:00:01Z", "last": "2026-11-23T01:00:02Z"}},
    ),
    "connected, followed for a moment": ([CONNECTED], {"outcome": "connected", "within_30_s": None, "received": 0}),
    "booted at once": (
        [CONNECTED, (2, booted(at=2))],
        {"outcome": "booted", "boot_status": "Accepted", "booted_at": "2026-11-23T01:00:02Z", "within_30_s": True,
         "connected_at": "2026-11-23T01:00:00Z", "held_s": 3.0},
    ),
    "asked to boot, without an answer": (
        [CONNECTED, (2, session(BOOT, at=2))], {"outcome": "connected", "within_30_s": True, "booted_at": None},
    ),
    "booted late": ([CONNECTED, (2, booted(at=31))], {"outcome": "booted", "within_30_s": False}),
    "rejected": ([CONNECTED, (2, booted(status="REJECTED"))], {"outcome": "booted", "boot_status": "Rejected"}),
    "closed after the boot": (
        [CONNECTED, (2, booted(at=2) + session(CLOSED, at=5))],
        {"outcome": "closed", "close_code": 1000, "closed_at": "2026-11-23T01:00:05Z", "held_s": None},
    ),
    "closed, and there again without a boot": (
        [CONNECTED, (2, booted(at=2) + session(CLOSED, at=5)), (4, session(OPENED, key="s2", at=6))],
        {"outcome": "connected", "within_30_s": True, "connections": 2, "connected_at": "2026-11-23T01:00:06Z"},
    ),
    "closed after a silence": (
        [CONNECTED, (2, session(CLOSED, at=40))], {"outcome": "closed", "within_30_s": False},
    ),
    "closed at once": ([CONNECTED, (2, session(CLOSED, at=1))], {"outcome": "closed", "within_30_s": None}),
    "closed, and refused since": (
        [CONNECTED, (2, session(CLOSED, at=1)), (3, unknown(at=3))], {"outcome": "refused", "close_code": 1000},
    ),
    "there before": ([OLD], {"outcome": "connected", "connected_at": None, "within_30_s": None}),
    "there before, and cut off": (
        [OLD, (2, session(CLOSED, key="old", at=2))], {"outcome": "closed", "connections": 0},
    ),
    "its dead session is there, and it is refused": ([OLD, (2, unknown(at=9))], {"outcome": "refused"}),
    "its dead session ends after it came back": (
        [OLD, (2, session(OPENED, at=2) + booted(at=3) + session(CLOSED, key="old", at=4))], {"outcome": "booted"},
    ),
    "another device with its id is refused": ([CONNECTED, (2, unknown(at=2))], {"outcome": "connected"}),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "wanted"), CASES.values(), ids=CASES)
def test_what_became_of_a_charge_box(steps: list[tuple[float, str]], wanted: dict[str, Any]) -> None:
    found = row(*steps)
    assert {key: found[key] for key in wanted} == wanted


def test_thirty_seconds_count_from_when_the_connection_was_noticed() -> None:
    assert row(CONNECTED, until=30.9)["within_30_s"] is None
    assert row(CONNECTED, until=31.1)["within_30_s"] is False


def test_it_is_done_when_all_have_booted_and_stayed() -> None:
    follower = Follower(["CP-1", "CP-2"])
    assert not follower.done(0)
    follower.feed((session(OPENED) + booted()).encode())
    assert not follower.done(1) and not follower.done(9), "the other one has not come"
    follower.feed((session(OPENED, "CP-2", "s2") + booted("CP-2", "s2", status="PENDING")).encode())
    assert not follower.done(10) and not follower.done(11.5)
    follower.feed(session(CLOSED, at=4).encode())
    assert not follower.done(12.5), "one is gone again"
    follower.feed((session(OPENED, key="s3") + booted(key="s3")).encode())
    assert not follower.done(13) and follower.done(15.1)


def test_ids_that_knock_instead_are_told_and_bounded() -> None:
    follower = Follower(["CP-1"])
    for number in range(30):
        follower.feed(unknown(f"CP-1{number}", number).encode())
    found = follower.to_dict(1)
    assert len(found["others"]) == 10 and found["others"][0]["id"] == "CP-129"
    assert found["others"][0]["reason"] == "unknown-id" and found["boxes"][0]["outcome"] == "silent"


def test_our_own_knocks_are_not_a_chargers() -> None:
    noon = 1795395600.0  # 2026-11-23 01:00:00
    follower = Follower(["CP-1"], [Discount(noon - 10, noon + 1, frozenset({"CP-1"}))])
    follower.feed((unknown(at=0) + unknown(at=0)).encode())
    assert follower.to_dict(1)["boxes"][0]["outcome"] == "silent" and follower.to_dict(1)["discounted"] == 2
    follower.feed(unknown(at=5).encode())
    assert follower.to_dict(1)["boxes"][0]["refused"]["count"] == 1


def test_hostile_lines_do_not_fill_the_memory() -> None:
    follower = Follower(["CP-1"])
    for number in range(3000):
        follower.feed(unknown(f"X{number}").encode() + session(OPENED, f"Y{number}", f"k{number}").encode())
    follower.feed(b"\xff\x00" * 200_000 + b"\n" + b"x" * 1_000_000)
    follower.feed(b"\n" + session(OPENED).encode() + booted().encode())
    boxes = follower.reader.boxes
    assert len(boxes.to_list()) <= 2501 and len(follower.reader._rest) < 20_000
    assert follower.to_dict(1)["boxes"][0]["outcome"] == "booted"


# -- files ----------------------------------------------------------------------------------------------------


@contextmanager
def doing(work: Callable[[], Any]) -> Iterator[None]:
    """Something that happens meanwhile, in a thread; its failure is the test's."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(20)
    assert not errors and not thread.is_alive(), errors


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def wait_until_it_is_read(path: Path) -> None:
    """Return when this process has the file open: what is rotated before that is missed, as the documentation says."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/self/fd/{number}") == str(path):
                    return
        time.sleep(0.01)
    raise AssertionError("nobody reads the file")


def rotate(path: Path) -> None:
    wait_until_it_is_read(path)
    append(path, session(OPENED))
    path.rename(path.with_suffix(".1"))
    append(path.with_suffix(".1"), session(BOOT, at=1))
    time.sleep(0.4)
    path.write_text(booted(at=1))


def cut(path: Path) -> None:
    wait_until_it_is_read(path)
    append(path, session(OPENED))
    time.sleep(0.7)
    path.write_text(booted(at=1))


def whole(path: Path) -> None:
    append(path, session(OPENED))
    append(path, booted(at=1)[:100])
    time.sleep(0.4)
    append(path, booted(at=1)[100:])


@pytest.mark.parametrize("change", [rotate, cut, whole])
def test_a_file_is_followed_through_what_happens_to_it(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "steve.log"
    before = session(OPENED, key="before") + "x" * 5000 + "\n"
    path.write_text(before)
    number = path.stat().st_ino
    follower = Follower(["CP-1"])
    begin = time.monotonic()
    with doing(lambda: change(path)):
        chunks = growth(str(path), (number, len(before)), limits(15))
        assert follow(chunks, follower, limits(15)) == ("all booted", None)
    assert time.monotonic() - begin < 12
    (found,) = follower.to_dict(time.monotonic())["boxes"]
    assert (found["connections"], found["boot_status"], found["within_30_s"]) == (1, "Accepted", True)


def test_it_begins_where_reading_ended_and_never_within_a_line(tmp_path: Path) -> None:
    path = tmp_path / "steve.log"
    first, second = session(OPENED, key="a"), session(OPENED, key="b")
    path.write_text(first + second)
    number = path.stat().st_ino
    for position, wanted in (
        ((number, len(first)), second), ((number, len(first) - 5), second), (None, ""), ((number, 0), first + second),
        ((number + 1, len(first)), first + second), ((number, 10_000), first + second),
    ):  # fmt: skip
        assert b"".join(growth(str(path), position, limits(0.3))).decode() == wanted, position


def test_what_is_no_file_shows_nothing_and_ends_in_time(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", "."):
        begin = time.monotonic()
        assert b"".join(growth(str(tmp_path / name), (1, 1), limits(0.5))) == b""
        assert 0.4 < time.monotonic() - begin < 5


# -- containers -----------------------------------------------------------------------------------------------

BOX = {"Id": "abc", "State": {"Running": True}}


def gone(pid_file: Path) -> bool:
    """Whether the process whose id stands in a file is gone."""
    try:
        os.kill(int(pid_file.read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def engine(text: str, at: float = 0) -> str:
    """Lines with the engine's stamps."""
    return "".join(f"2026-11-23T01:00:{at:06.3f}000000Z {item}\n" for item in text.splitlines())


def test_a_container_is_followed_and_docker_is_ended(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(engine(session(OPENED)))
    (tmp_path / "two").write_text(engine(booted(at=1), 1))
    says = f"echo $$ > {tmp_path}/pid; cat {tmp_path}/one; sleep 0.5; cat {tmp_path}/two; exec sleep 600"
    follower = Follower(["CP-1"])
    begin = time.monotonic()
    bounds = limits(20, since=1795395600.25)
    assert follow(output(BOX, bounds, docker(tmp_path, says)), follower, bounds) == ("all booted", None)
    assert 2 < time.monotonic() - begin < 15
    assert follower.to_dict(time.monotonic())["boxes"][0]["outcome"] == "booted"
    assert gone(tmp_path / "pid")
    asked = (tmp_path / "asked").read_text()
    assert asked == "logs --follow --timestamps --since 2026-11-23T01:00:00.250000Z abc\n"


def test_the_time_is_kept_and_docker_is_ended(tmp_path: Path) -> None:
    flood = f"echo $$ > {tmp_path}/pid; exec yes '{session(OPENED, 'X').strip()}'"
    for says in (f"echo $$ > {tmp_path}/pid; exec sleep 600", flood):
        bounds, begin = limits(1.5), time.monotonic()
        follower = Follower(["CP-1"])
        assert follow(output(BOX, bounds, docker(tmp_path, says)), follower, bounds) == ("time", None)
        assert 1.4 < time.monotonic() - begin < 6
        assert gone(tmp_path / "pid")
        assert follower.to_dict(time.monotonic())["boxes"][0]["outcome"] == "silent"


def test_docker_is_ended_when_something_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = limits(20)
    follower = Follower(["CP-1"])

    def broken(_chunk: bytes) -> None:
        raise ArithmeticError

    monkeypatch.setattr(follower, "feed", broken)
    command = docker(tmp_path, f"echo $$ > {tmp_path}/pid; echo; exec sleep 600")
    with pytest.raises(ArithmeticError):
        follow(output(BOX, bounds, command), follower, bounds)
    assert gone(tmp_path / "pid")


def test_a_container_that_starts_again_is_followed_on(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(engine(session(OPENED)))
    (tmp_path / "two").write_text(engine(session(OPENED, key="s2", at=1) + booted(key="s2", at=1), 1))
    says = (
        f"if [ -e {tmp_path}/again ]; then echo $$ > {tmp_path}/pid; cat {tmp_path}/two; exec sleep 600; fi; "
        f"touch {tmp_path}/again; cat {tmp_path}/one"
    )
    bounds, follower = limits(20), Follower(["CP-1"])
    assert follow(output(BOX, bounds, docker(tmp_path, says)), follower, bounds) == ("all booted", None)
    assert gone(tmp_path / "pid") and follower.to_dict(time.monotonic())["boxes"][0]["connections"] == 2
    first, second = (tmp_path / "asked").read_text().splitlines()
    assert first.split()[4] < second.split()[4]


def test_dockers_failure_is_a_reason_and_loses_nothing(tmp_path: Path) -> None:
    denied = docker(tmp_path, "echo 'permission denied while trying to connect to the Docker daemon socket'; exit 1")
    with pytest.raises(DockerUnavailable, match="group docker"):
        follow(output(BOX, limits(5), denied), Follower(["CP-1"]), limits(5))
    (tmp_path / "one").write_text(engine(unknown()))
    says = (
        f"if [ -e {tmp_path}/again ]; then echo 'Error: No such container: abc'; exit 1; fi; touch {tmp_path}/again; "
        f"cat {tmp_path}/one"
    )
    follower = Follower(["CP-1"])
    ended, reason = follow(output(BOX, limits(10), docker(tmp_path, says)), follower, limits(10))
    assert ended == "log ended" and "No such container" in str(reason)
    assert follower.to_dict(time.monotonic())["boxes"][0]["outcome"] == "refused"


def there(*containers: str | None) -> Callable[[], dict[str, Any] | None]:
    """The app's container at each look: its id, None while there is none, ``?`` where docker fails; the last stays."""
    left = list(containers)

    def find() -> dict[str, Any] | None:
        name = left.pop(0) if len(left) > 1 else left[0]
        if name == "?":
            raise DockerUnavailable("ask docker", "docker inspect", "No such object", "Try again.")
        return None if name is None else {"Id": name}

    return find


def speaking(tmp_path: Path, **containers: str) -> list[str]:
    """A docker whose containers say what a shell command prints; of others it knows nothing."""
    cases = "".join(f"*' {name}') {command};; " for name, command in containers.items())
    return docker(tmp_path, f"case \"$*\" in {cases}*) echo 'Error: No such container'; exit 1;; esac")


RECREATED: dict[str, tuple[str | None, ...]] = {
    "at once": ("new",), "after a while": (None, None, "new"), "while it is removed": ("?", None, "new"),
    "created, not started": ("abc", "new"),
}  # fmt: skip


@pytest.mark.parametrize("looks", RECREATED.values(), ids=RECREATED)
def test_a_container_that_is_recreated_is_followed_on_in_the_new_one(
    tmp_path: Path, looks: tuple[str | None, ...]
) -> None:
    (tmp_path / "old").write_text(engine(session(OPENED) + booted()[:80]).rstrip("\n"))
    (tmp_path / "new").write_text(engine(session(OPENED, key="s2", at=9) + booted(key="s2", at=9), 9))
    old = f"if [ -e {tmp_path}/said ]; then exit 1; fi; touch {tmp_path}/said; cat {tmp_path}/old"
    command = speaking(tmp_path, abc=old, new=f"echo $$ > {tmp_path}/pid; cat {tmp_path}/new; exec sleep 600")
    bounds, follower, current = limits(20, since=1795395600.0), Follower(["CP-1"]), Current(there(*looks))
    begin = time.time()
    assert follow(output(BOX, bounds, command, current), follower, bounds) == ("all booted", None)
    (found,) = follower.to_dict(time.monotonic())["boxes"]
    assert (found["connections"], found["outcome"], found["booted_at"]) == (2, "booted", "2026-11-23T01:00:09Z")
    assert follower.reader.lines == 6, "a line was lost or came twice, or the one that broke off swallowed the next"
    assert gone(tmp_path / "pid") and not current.missing
    assert len(current.recreated) == 1 and begin <= current.recreated[0] <= time.time()
    asked = [row.split()[4:] for row in (tmp_path / "asked").read_text().splitlines()]
    assert asked[-1] == ["2026-11-23T01:00:00.000000Z", "new"], "the new one is read from its beginning"


def test_lines_come_once_when_a_container_starts_again(tmp_path: Path) -> None:
    """As docker does it: what is not older than the moment that is asked for, however often it is asked."""
    lines = engine(session(OPENED) + booted() + session(CLOSED, at=5)).splitlines()
    lines = [
        f"2026-11-23T01:00:0{number // 3}.{number:09d}Z {row.split(' ', 1)[1]}\n" for number, row in enumerate(lines)
    ]
    (tmp_path / "all").write_text("".join(lines))
    command = docker(tmp_path, f"awk -v s=\"$5\" '$1 >= s' {tmp_path}/all | head -n 2")
    bounds, follower = limits(4.9, since=1795395599.0), Follower(["CP-1"])
    assert follow(output(BOX, bounds, command, Current(there("abc"))), follower, bounds) == ("time", None)
    (found,) = follower.to_dict(time.monotonic())["boxes"]
    assert (found["connections"], len(found["sessions"])) == (1, 1)
    assert (follower.reader.lines, follower.reader.bytes) == (len(lines), (tmp_path / "all").stat().st_size)


def test_a_line_that_holds_a_stamp_of_its_own_moves_nothing(tmp_path: Path) -> None:
    hostile = session(OPENED).rstrip("\n") + "\r2199-01-01T00:00:00.000000000Z x\n"
    (tmp_path / "one").write_text(f"2026-11-23T01:00:00.000000005Z {hostile}")
    command = docker(tmp_path, f"cat {tmp_path}/one")
    bounds = limits(1.9)
    follow(output(BOX, bounds, command), Follower(["CP-1"]), bounds)
    assert (tmp_path / "asked").read_text().splitlines()[1].split()[4] == "2026-11-23T01:00:00.000000006Z"


def test_a_container_that_is_gone_for_good_is_waited_for_and_told(tmp_path: Path) -> None:
    bounds, current = limits(2.5), Current(there(None))
    command = speaking(tmp_path, abc="echo")
    assert follow(output(BOX, bounds, command, current), Follower(["CP-1"]), bounds) == ("time", None)
    assert current.missing and current.recreated == []
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_docker_that_keeps_failing_ends_it(tmp_path: Path) -> None:
    bounds, begin = limits(20), time.monotonic()
    with pytest.raises(DockerUnavailable):
        follow(output(BOX, bounds, speaking(tmp_path), Current(there("abc"))), Follower(["CP-1"]), bounds)
    assert time.monotonic() - begin < 15
    with pytest.raises(DockerUnavailable):
        follow(output(BOX, bounds, speaking(tmp_path, abc="echo"), Current(there("?"))), Follower(["CP-1"]), bounds)


def test_a_signal_ends_docker_too(tmp_path: Path) -> None:
    command = docker(tmp_path, f"echo $$ > {tmp_path}/pid; echo ready; exec sleep 600")
    collection = "ansible_collections.chargeops.steve.plugins.module_utils"
    script = (
        "import time, tests.conftest\n"
        f"from {collection}._follow import Follower\n"
        f"from {collection}._log_follow import follow, output\n"
        f"from {collection}._log_source import Limits\n"
        "bounds = Limits(0.0, 1000, time.monotonic() + 60)\n"
        f"follow(output({BOX!r}, bounds, {command!r}), Follower(['CP-1']), bounds)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        until = time.monotonic() + 30
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
    assert gone(tmp_path / "pid")


# -- the part of the observation ------------------------------------------------------------------------------


def observe(**given: Any) -> dict[str, Any]:
    login = {"username": None, "password": None}
    found = Observer(options_from({**DEFAULTS, **login, "charge_box_id": ["CP-1"], **given})).observe()
    check("observation", found)
    return found


class Moments:
    """When following has begun, so that somebody switches chargers off and on, and when it is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.over = threading.Event(), threading.Event()

        def begin(*args: Any) -> Any:
            self.begun.set()
            try:
                return follow(*args)
            finally:
                self.over.set()

        monkeypatch.setattr(_log_follow, "follow", begin)

    def station(self, url: str, boots: bool) -> None:
        """A charger that comes back then and stays."""
        assert self.begun.wait(30)
        with connect(url, subprotocols=["ocpp1.6"], proxy=None) as socket:  # type: ignore[list-item]
            if boots:
                socket.send('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
                socket.recv(5)
            assert self.over.wait(30)


@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_a_station_that_boots_ends_it_early(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, release: str) -> None:
    path, moments = tmp_path / "steve.log", Moments(monkeypatch)
    options = {"release": release, "charge_boxes": ["CP-1"], "log_file": path}
    with running_simulator(**options) as steve, doing(lambda: moments.station(f"{steve.ws_url}/CP-1", True)):
        found = observe(url=steve.url, log_file=str(path), follow=60, deadline=10)
    data = found["parts"]["follow"]["data"]
    assert found["parts"]["follow"]["status"] == "ok" and found["asked"]["follow_s"] == 60
    assert data["ended"] == "all booted" and data["seconds"] < 30
    assert found["duration_s"] >= data["seconds"] >= 2
    (box,) = data["boxes"]
    assert (box["outcome"], box["within_30_s"], box["boot_status"]) == ("booted", True, "Accepted")
    assert box["refused"] is None, "our own preflight of that id is none of the charger's"


def test_stations_that_are_refused_connected_or_silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, moments = tmp_path / "steve.log", Moments(monkeypatch)

    def meanwhile() -> None:
        assert moments.begun.wait(30)
        # What is refused in the moment after our last probe counts as ours.
        time.sleep(1)
        knock(steve, "GHOST", **OFFER)
        moments.station(f"{steve.ws_url}/CP-2", False)

    boxes = ["CP-1", "CP-2", "CP-3"]
    options = {"release": "3.14.1", "charge_boxes": boxes, "log_file": path}
    with running_simulator(**options) as steve, doing(meanwhile):
        begin = time.monotonic()
        found = observe(url=steve.url, log_file=str(path), follow=5, charge_box_id=["CP-1", "CP-2", "GHOST"])
        took = time.monotonic() - begin
    data = found["parts"]["follow"]["data"]
    assert data["ended"] == "time" and 5 <= took < 25
    outcomes = {box["id"]: box["outcome"] for box in data["boxes"]}
    assert outcomes == {"CP-1": "silent", "CP-2": "connected", "GHOST": "refused"}
    ghost = data["boxes"][2]["refused"]
    assert (ghost["reason"], ghost["count"]) == ("unknown-id", 1), "our own preflight of it does not count"


def test_the_part_follows_the_apps_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "old").write_text(engine(session(OPENED, "CP-9")))
    (tmp_path / "new").write_text(engine(session(OPENED) + booted()))
    says = (
        f'case "$*" in *--follow*) echo $$ > {tmp_path}/pid; sleep 0.3; cat {tmp_path}/new; exec sleep 600;; '
        f"*) cat {tmp_path}/old;; esac"
    )
    docker(tmp_path, says)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    observer = Observer(options_from(DEFAULTS | {"follow": 20, "charge_box_id": ["CP-1", "PROBE"],
                                                 "probe_charge_box_id": "PROBE"}))  # fmt: skip
    observer.project = Project({"Id": "abc", "Name": "/site-app-1", "State": {}})  # type: ignore[assignment]
    observer.parts["compose"] = {"status": "ok"}
    observer.parts["admin"] = {"status": "skipped"}
    observer._part("log", observer._log)
    observer._part("follow", observer._follow)
    part = observer.parts["follow"]
    assert (part["status"], part["data"]["ended"], part["data"]["recreated"]) == ("ok", "all booted", []), part
    assert [box["id"] for box in part["data"]["boxes"]] == ["CP-1"] and part["data"]["source"]["name"] == "site-app-1"
    assert gone(tmp_path / "pid")


@pytest.mark.parametrize("comes", [True, False])
def test_the_part_finds_a_recreated_container_by_its_labels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, comes: bool
) -> None:
    labels = {"com.docker.compose.project": "site", "com.docker.compose.service": "app"}
    container = {"Id": "new", "Name": "/site-app-1", "Created": "2", "State": {}, "Config": {"Labels": labels}}
    (tmp_path / "inspected").write_text(json.dumps([container]))
    (tmp_path / "new").write_text(engine(session(OPENED) + booted()))
    docker(
        tmp_path,
        f"case \"$*\" in ps*label=*project=site*) {'echo new' if comes else 'true'};; "
        f"'inspect new') cat {tmp_path}/inspected;; *--follow*' new') cat {tmp_path}/new; exec sleep 600;; "
        "*--follow*' abc') echo;; *) exit 3;; esac",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    observer = Observer(options_from(DEFAULTS | {"follow": 10 if comes else 2.5, "charge_box_id": ["CP-1"]}))
    observer.project = _docker.Project(str(tmp_path), "site", [], deadline=0.0)
    observer.project.containers = [container | {"Id": "abc", "Created": "1"}]
    observer.parts |= {"compose": {"status": "ok"}, "admin": {"status": "skipped"},
                       "log": {"status": "ok", "data": {"source": {"kind": "container", "name": "x"}}}}  # fmt: skip
    observer._part("follow", observer._follow)
    part = observer.parts["follow"]
    assert (part["status"], part["data"]["ended"]) == ("ok", "all booted" if comes else "time"), part
    assert len(part["data"]["recreated"]) == int(comes)
    assert part["data"]["reason"] == (None if comes else "the app's container was removed, and no new one came")


@pytest.mark.parametrize(
    ("log", "status", "says"),
    [
        ({"status": "skipped", "reason": "no log"}, "skipped", "no log"),
        ({"status": "unknown", "reason": "x", "code": "log-foreign"}, "unknown", "could not be read"),
    ],
)
def test_without_a_log_nothing_is_followed(log: dict[str, Any], status: str, says: str) -> None:
    observer = Observer(options_from(DEFAULTS | {"follow": 60}))
    observer.parts["log"] = log
    observer._part("follow", observer._follow)
    assert observer.parts["follow"]["status"] == status and says in observer.parts["follow"]["reason"]
    observer = Observer(options_from(DEFAULTS))
    observer._part("follow", observer._follow)
    assert observer.parts["follow"] | {"elapsed_s": 0} == {
        "status": "skipped", "reason": "steve_follow is not given", "data": None, "elapsed_s": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "given", [{"follow": -1}, {"follow": 601}, {"follow": float("nan")}, {"follow": 5, "charge_box_id": []}]
)
def test_a_time_that_cannot_be_used_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(SteveError, match="follow"):
        options_from(DEFAULTS | given)
