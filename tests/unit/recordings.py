# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What real servers answered (tests/contract/recorded), as the answers that the interpretation reads.

The recordings hold the kind of a page instead of its text; here a page gets the markup that the recognition needs,
as Jetty and SteVe write it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen

RECORDED = Path(__file__).parents[1] / "contract" / "recorded"

SIGNIN_PAGE = (
    '<html><body><section><span>Sign In</span></section><form method="POST" action="/steve/manager/signin">'
    '<input type="text" name="username"><input type="password" name="password"></form></body></html>'
)


@dataclass(frozen=True)
class Recording:
    """One recorded request and its answer."""

    release: str
    case: str
    method: str
    path: str
    headers: dict[str, str]
    answer: Answer

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.release}: {self.case}"

    def seen(self) -> Seen:
        """As the interpretation takes it."""
        return Seen(f"{self.method} {self.path}", self.answer)


def load(release: str, letters: str) -> list[Recording]:
    """The recordings of a release whose case begins with one of the letters."""
    entries = json.loads((RECORDED / f"{release}.json").read_text(encoding="utf-8"))
    return [
        Recording(release, item["case"], item["method"], item["path"], item["headers"], _answer(item))
        for item in entries
        if item["case"][0] in letters
    ]


def find(release: str, case: str) -> Recording:
    """The one recording of that name."""
    (found,) = [item for item in load(release, case[0]) if item.case == case]
    return found


def _answer(item: dict[str, object]) -> Answer:
    headers = item["answer"]
    assert isinstance(headers, dict)
    shown = tuple((name, str(value).replace("{host}", "charge.test:8180")) for name, value in headers.items())
    return Answer(int(str(item["status"])), headers=shown, body=_body(item, str(item["body"])).encode())


def _body(item: dict[str, object], text: str) -> str:
    kind, _comma, message = text.partition(", message: ")
    if kind == "container error page (HTML)":
        return f"<html><body><h2>HTTP ERROR {item['status']} {message}</h2></body></html>"
    if kind == "HTML":
        return SIGNIN_PAGE if str(item["path"]).endswith("/signin") else "<html><body>page</body></html>"
    if kind == "JSON":
        # The other keys are a time, the status, its reason and the asked address (ApiControllerAdvice).
        return json.dumps({"status": item["status"], "message": message, "path": f"http://charge.test{item['path']}"})
    return "" if kind == "frames follow" else text
