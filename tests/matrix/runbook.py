# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runbook played literally: its commands on a stack, and what its own text says about their answers.

It stands beside the diagnosis in the fault matrix. Played are the steps that one command decides: 1a (containers and
start of the log), 1b (health), 2 (is the id on the page), 3 (upgrade request), 5a (lines of the nginx location) and 6
(Web API). Step 4 needs somebody who power-cycles the charger, 5b and 6b are advice without a command.

The upgrade request of step 3 opens a session in the charger's name; it is closed at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.stack.cleanup import LABEL
from tests.stack.project import Stack

#: How long a command may take, in seconds. Who reads a runbook waits longer; a fault answers as well after this.
COMMAND_S = 15
#: Exit code of ``timeout``.
CUT_OFF = 124
#: How long an answer is waited for; a person's curl has no limit, and a busy machine is no fault.
ANSWER_S = 5
_MAX_TEXT = 4000
_UPGRADE = (
    *("-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13"),
    *("-H", "Sec-WebSocket-Key: c3RldmUtbWF0cml4LWtleQ==", "-H", "Sec-WebSocket-Protocol: ocpp1.6"),
)
#: Last line of a curl: status, whether a connection stood (seconds until it did), curl's own code, redirect.
_WRITE_OUT = r"\n%{http_code} %{time_connect} %{exitcode} %{redirect_url}"
#: A curl that gets 101 would stay open; it is ended as soon as that stands there.
UNTIL_101 = r"""
said=$(mktemp) && trap 'rm -f "$said"' EXIT
"$@" > "$said" & pid=$!
while kill -0 $pid 2>/dev/null && ! grep -q '^HTTP/[0-9.]* 101' "$said"; do sleep 0.1; done
if grep -q '^HTTP/[0-9.]* 101' "$said"; then kill $pid 2>/dev/null; echo '101 1 0'; else wait $pid; cat "$said"; fi
"""
#: Signing in as a person does: form, token, cookie; then the page.
_LIST = r"""
jar=$(mktemp) && trap 'rm -f "$jar"' EXIT
token=$(curl -sS -m 5 -c "$jar" "$1/manager/signin" | sed -n 's/.*name="_csrf"[^>]*value="\([^"]*\)".*/\1/p' | head -n1)
curl -sS -m 5 -b "$jar" -c "$jar" -o /dev/null -w '%{http_code} %{redirect_url}\n' --data-urlencode "username=$2" \
    --data-urlencode "password=$3" --data-urlencode "_csrf=$token" "$1/manager/signin"
curl -sS -m 5 -b "$jar" -w '\n%{http_code}\n' "$1/manager/chargepoints"
"""
_NGINX = "cat /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf 2>/dev/null"

#: Layers that the runbook leaves to step 4 (a charger that somebody power-cycles, a look at ``date``) and to the words
#: of 5b about certificates: nothing is said of it there, for or against.
UNPLAYED = frozenset({"tls", "session", "time"})
#: Findings that the runbook has words for, in the steps that are played.
CAN_NAME = frozenset({
    "app-restarting", "app-not-running", "app-failed-to-start", "app-starting", "admin-login-refused",
    "charge-box-unregistered", "subprotocol-unsupported", "dns-unresolvable", "tcp-refused", "tcp-timeout",
    "http-timeout", "proxy-no-route", "proxy-http10-upstream", "proxy-upgrade-stripped", "proxy-connection-stripped",
    "proxy-timeout-short", "webapi-refused",
})  # fmt: skip

_BEGINS = re.compile(r"Starting SteveApplication|Loaded properties from|Hint: The Java system property")
_STARTED = re.compile(r"Started SteveApplication in|Started Server@|Jetty started on port")
_GAVE_UP = re.compile(r"Application run failed|Exception in thread|Caused by:|Error starting|OutOfMemoryError")


# -- asking ---------------------------------------------------------------------------------------------------


def collect(stack: Stack, host: Mapping[str, Any], vantage: bool) -> dict[str, Any]:
    """Run the commands as the person with the runbook would.

    Args:
        stack: the installation.
        host: the inventory variables of its host, with those of the row. What they withhold (a directory, a
            password) the person does not have either.
        vantage: whether somebody stands where the chargers are; else the upgrade request is sent on the host.

    Returns:
        ``{"ps"|"logs"|"home"|"list"|"handshake"|"nginx"|"webapi": answer}``, in forms that ``reading`` explains.
        A step that could not be done is None.
    """
    url = str(host.get("steve_url") or stack.url_in_target)
    public = str(host.get("steve_public_ws_url") or "")
    user = str(host.get("steve_admin_username") or "admin")
    password = str(host.get("steve_admin_password") or "")
    boxes = charge_boxes(host)
    directory = str(host.get("steve_project_dir") or "")
    app = str(host.get("steve_app_service") or "app")
    answers: dict[str, Any] = {
        "ps": _ps(stack, directory) if directory else None,
        "logs": _logs(stack, directory, app) if directory else None,
        "home": _curl(stack, "-u", f"{user}:{password}", f"{url}/manager/home") if password else None,
        "list": _listed(stack, url, user, password, boxes) if password else None,
        "handshake": _handshakes(stack, public, boxes, vantage) if public else None,
        "nginx": _ran(stack, _NGINX)[1][:_MAX_TEXT],
    }
    bearer = f"Authorization: Bearer {stack.app_env.get('WEBAPI_VALUE', '')}"
    answers["webapi"] = _curl(stack, "-H", bearer, f"{url}/api/v1/chargepoints")
    return answers


def charge_boxes(host: Mapping[str, Any]) -> list[str]:
    """The ids in question: the one that is asked about, else all that are listed."""
    single = host.get("steve_charge_box_id")
    listed = [single] if single else host.get("steve_charge_boxes") or []
    return [str(item["charge_box_id"] if isinstance(item, Mapping) else item) for item in listed]


def _ran(stack: Stack, script: str, *words: str) -> tuple[int, str]:
    """Exit code and output of a shell text on the host."""
    done = stack.in_target("timeout", str(COMMAND_S), "sh", "-c", script, "sh", *words, check=False)
    return done.returncode, done.stdout


def _ps(stack: Stack, directory: str) -> dict[str, Any]:
    """State of every service that ``docker compose ps`` lists; those that ended are not among them."""
    code, text = _ran(stack, "cd \"$1\" && docker compose ps --format '{{.Service}} {{.State}}'", directory)
    return {"exit": code, "states": dict(sorted(line.split(maxsplit=1) for line in text.splitlines() if " " in line))}


def _logs(stack: Stack, directory: str, app: str) -> str | None:
    script = 'cd "$1" && docker compose logs --no-color --no-log-prefix "$2" --tail=200 2>&1'
    code, text = _ran(stack, script, directory, app)
    return None if code else seen_in_log(text)


def seen_in_log(text: str) -> str:
    """What the last start in a log came to: ``started`` | ``gave up`` | ``starting`` | ``no start``."""
    begins = [found.start() for found in _BEGINS.finditer(text)]
    last = text[begins[-1] :] if begins else text
    if _GAVE_UP.search(last) and not _STARTED.search(last):
        return "gave up"
    if _STARTED.search(last):
        return "started"
    return "starting" if begins else "no start"


def _curl(stack: Stack, *words: str, outside: bool = False) -> dict[str, Any]:
    """Status (None: no answer), curl's exit code, whether a connection stood, and where it was sent on to."""
    command = ("curl", "-sSN", "-i", "--globoff", "-m", str(ANSWER_S), "-w", _WRITE_OUT, *words)
    asking = ("sh", "-c", UNTIL_101, "sh", *command)
    if outside:
        label = f"{LABEL}={stack.name}"
        done = stack.engine.docker(
            *("run", "--rm", "--network", "host", "--label", label, stack.images.target, *asking), check=False
        )
    else:
        done = stack.in_target(*asking, check=False)
    return read_curl(done.stdout)


def read_curl(text: str) -> dict[str, Any]:
    """What curl's own last line says."""
    last = (text.splitlines() or [""])[-1].split()
    if len(last) < 3:
        return {"status": None, "connected": False, "exit": -1}
    status = int(last[0]) or None
    told = {"status": status, "connected": float(last[1]) > 0, "exit": int(last[2])}
    # curl puts the password that it was given into the URL, and SteVe a session.
    return told | ({"redirect": re.sub("//[^/@]*@|;jsessionid=.*", _bare, last[3])} if len(last) > 3 else {})


def _bare(found: re.Match[str]) -> str:
    return "//" if found[0].startswith("//") else ""


def _listed(stack: Stack, url: str, user: str, password: str, boxes: Sequence[str]) -> dict[str, Any]:
    return read_list(_ran(stack, _LIST, url, user, password)[1], boxes)


def read_list(text: str, boxes: Sequence[str]) -> dict[str, Any]:
    """What a person sees after signing in: whether it was refused, and whether each id stands on the page."""
    signin, _newline, page = text.partition("\n")
    status = (text.splitlines() or [""])[-1].strip()
    refused = "/manager/signin?error" in signin
    if refused or status != "200":
        return {"refused": refused, "shown": None}
    shown = set(re.findall(r"/manager/chargepoints/details/\d+[^>]*>([^<]*)</a>", page))
    return {"refused": False, "shown": {box: box in shown for box in boxes}}


def _handshakes(stack: Stack, public: str, boxes: Sequence[str], vantage: bool) -> dict[str, Any]:
    base = re.sub("^ws", "http", public)

    def ask(box: str) -> dict[str, Any]:
        return _curl(stack, *_UPGRADE, f"{base}/{quote(box, safe='')}", outside=vantage)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(boxes, pool.map(ask, boxes), strict=True))


# -- reading --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """What the runbook's text makes of the answers.

    Attributes:
        named: ids of the catalogue that its words stand for.
        unexplained: answers that it does not call good and has no word for, e.g. ``step 3: 502``.
    """

    named: frozenset[str]
    unexplained: tuple[str, ...] = ()


def read(answers: Mapping[str, Any]) -> frozenset[str]:
    """The ids that the runbook's own words name; none where it says that all is well, or says nothing."""
    return reading(answers).named


def reading(answers: Mapping[str, Any], kindly: bool = False) -> Reading:
    """Read the answers by the runbook's words alone.

    Args:
        answers: what ``collect`` returned.
        kindly: leave out what it is known to say of every healthy SteVe: that a 401 in step 6 is a wrong value (no
            release reads Bearer), and that step 1b is answered otherwise than 200 (by all after 3.4).
    """
    broken, _others = _step_1a(answers)
    if broken:
        # "Not a charger problem: fix SteVe first."
        return Reading(frozenset(broken))
    told = [step(_without_habits(answers) if kindly else answers) for step in _STEPS]
    return Reading(
        frozenset(name for named, _others in told for name in named),
        tuple(text for _named, others in told for text in others),
    )


def _without_habits(answers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answers without those that healthy releases give as well."""
    home = answers.get("home") or {}
    return {**answers, "webapi": None, "home": None if home.get("status") == 302 else answers.get("home")}


def played(answers: Mapping[str, Any]) -> bool:
    """Whether the runbook was played to its end; a first command that was cut off says how busy the machine was."""
    return bool(answers) and (answers.get("ps") or {}).get("exit") != CUT_OFF


_Said = tuple[set[str], list[str]]


def _step_1a(answers: Mapping[str, Any]) -> _Said:
    """A clean Jetty start is wanted; a container that restarts is to be mended first."""
    listed = answers.get("ps")
    if listed is None:
        return set(), []
    if listed["exit"]:
        return set(), ["step 1a: no list of containers"]
    state = listed["states"].get("app")
    if state != "running":
        return {"app-restarting" if state == "restarting" else "app-not-running"}, []
    named = {"gave up": "app-failed-to-start", "starting": "app-starting"}.get(answers.get("logs") or "")
    return {named} if named else set(), []


def _step_1b(answers: Mapping[str, Any]) -> _Said:
    """200 is healthy, and 401 says by itself that the password was not taken; for everything else it has no word."""
    home = answers.get("home")
    if home is None or home["status"] == 200:
        return set(), []
    return ({"admin-login-refused"}, []) if home["status"] == 401 else (set(), [f"step 1b: {_told(home)}"])


def _step_2(answers: Mapping[str, Any]) -> _Said:
    """An id that is not there, letter for letter, is refused."""
    page = answers.get("list")
    if page is None:
        return set(), []
    if page["shown"] is None:
        return ({"admin-login-refused"}, []) if page["refused"] else (set(), ["step 2: no page"])
    return set() if all(page["shown"].values()) else {"charge-box-unregistered"}, []


def _step_3(answers: Mapping[str, Any]) -> _Said:
    """101 is good, 404 an id that is not registered, 400 a version; refused and timeout are the network's."""
    named: set[str] = set()
    others: list[str] = []
    for answer in (answers.get("handshake") or {}).values():
        status, code = answer["status"], answer["exit"]
        if status == 101:
            continue
        known = {404: "charge-box-unregistered", 400: "subprotocol-unsupported"}.get(status)
        if status is None:
            # curl: 6 the name does not resolve ("wrong host"), 7 refused, 28 timeout.
            timeout = "http-timeout" if answer["connected"] else "tcp-timeout"
            known = {6: "dns-unresolvable", 7: "tcp-refused", 28: timeout}.get(code)
        if known:
            named.add(known)
        else:
            others.append(f"step 3: {_told(answer)}")
    return named, sorted(set(others))


def _step_5a(answers: Mapping[str, Any]) -> _Said:
    """The lines of the location, one by one; without nginx there is nothing to read."""
    text = answers.get("nginx") or ""
    if "server" not in text:
        return set(), []
    block = location_block(text)
    if block is None:
        return {"proxy-no-route"}, []
    wanted = {
        "proxy-http10-upstream": r"proxy_http_version\s+1\.1\s*;",
        "proxy-upgrade-stripped": r"proxy_set_header\s+Upgrade\s+\$http_upgrade\s*;",
        "proxy-connection-stripped": r"""proxy_set_header\s+Connection\s+(["']?upgrade["']?|\$\w*upgrade\w*)\s*;""",
    }
    named = {name for name, line in wanted.items() if not re.search(line, block, re.I)}
    if any(_timeout(block, name) <= 60 for name in ("proxy_read_timeout", "proxy_send_timeout")):
        named.add("proxy-timeout-short")
    return named, []


def _step_6(answers: Mapping[str, Any]) -> _Said:
    """401 is a value that differs; of other answers it says nothing."""
    api = answers.get("webapi")
    return ({"webapi-refused"} if api and api["status"] == 401 else set()), []


_STEPS = (_step_1a, _step_1b, _step_2, _step_3, _step_5a, _step_6)


def location_block(text: str) -> str | None:
    """What stands in the braces of ``location /steve/websocket/``; None when there is no such location."""
    found = re.search(r"location\s+(?:\^~\s+)?/steve/websocket/?\s*\{", text)
    if found is None:
        return None
    depth = 1
    for at in range(found.end(), len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return text[found.end() : at]
    return text[found.end() :]


def _timeout(block: str, name: str) -> float:
    """Seconds of a timeout; nginx's 60 when there is no such line."""
    found = re.search(rf"{name}\s+(\d+)(ms|s|m|h|d)?\s*;", block)
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return int(found[1]) * units[found[2] or "s"] if found else 60.0


def _told(answer: Mapping[str, Any]) -> str:
    return str(answer["status"]) if answer["status"] else f"curl ended with {answer['exit']}"


def main(name: str) -> None:
    """Play the runbook on a stack that is up, and print what came of it."""
    import json
    import time

    from tests.stack import engine, images

    there = engine.ensure()
    stack = Stack.load(there, images.ensure(there), name)
    host = stack.inventory()["all"]["children"]["steve"]["hosts"][name] | {"steve_charge_boxes": ["CP1"]}
    began = time.monotonic()
    answers = collect(stack, host, vantage=False)
    print(json.dumps(answers, indent=1), f"{time.monotonic() - began:.1f} s", reading(answers), sep="\n")


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
