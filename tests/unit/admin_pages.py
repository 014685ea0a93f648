# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small writer of pages with the structure of SteVe's admin UI, per release. The markup is this project's own.

What is kept of the original is only what the collection reads: marks, row structure, what is escaped and what not.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_ENTITIES = ("&amp;", "&lt;", "&gt;", "&#34;", "&#39;")
TOKEN = "0d9f6a52-token-of-this-session"


@dataclass(frozen=True)
class Box:
    """A row of the charge point list; ``heartbeat_ms`` is in milliseconds since 1970."""

    pk: int
    id: str
    description: str = ""
    protocol: str = ""
    heartbeat_ms: int | None = None


@dataclass(frozen=True)
class Knock:
    """A row of the unknown list."""

    id: str
    attempts: int = 1
    last_ms: int = 1_700_000_000_000


@dataclass(frozen=True)
class Open:
    """A row of the session list; ``pk`` None is a session without a charge box."""

    id: str
    pk: int | None = 1
    protocol: str = "ocpp1.6"
    since_ms: int = 1_700_000_000_000


def _key(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def owasp(value: str) -> str:
    """Escaping as OWASP's encoder does it: control characters become blanks."""
    refused = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r\x85"}
    written = {ord(letter): entity for letter, entity in zip("&<>\"'", _ENTITIES, strict=True)}
    return value.translate({**refused, **written})


class Pages:
    """Pages of one release, as somebody with one CSRF token sees them."""

    def __init__(self, release: str, context: str = "/steve", token: str = TOKEN) -> None:
        self.release = release
        self.context = context
        self.token = token
        self.key = _key(release)
        self.unknown_escaped = self.key in ((3, 5, 1), (3, 6, 1)) or self.key >= (3, 7, 1)

    def sign_in(self, refused: bool = False) -> str:
        complaint = '<div class="error">Your name or password is incorrect.</div>' if refused else ""
        return (
            "<!DOCTYPE html><html><head><title>SteVe - Steckdosenverwaltung</title></head><body>" + complaint
            + f'<section><span>Sign In</span></section><form method="POST" action="{self.context}/manager/signin">'
            '<input type="text" name="username" required /><input type="password" name="password" required />'
            '<input type="submit" value="Sign In">'
            f'<input type="hidden" name="_csrf" value="{self.token}"/></form></body></html>'
        )

    def home(self, boxes: int = 0, running: int = 2) -> str:
        return self._frame(
            f'<div class="tileWrapper"><a class="tileRow1" href="{self.context}/manager/chargepoints">Number of<br>'
            f'Charge Points<span class="base formatNumber">{boxes}</span></a>'
            f'<a class="tileRow1" href="{self.context}/manager/transactions">Number of<br>'
            f'Active Transactions<span class="base formatNumber">{running}</span></a></div>'
        )

    def error(self, message: str, cause: str | None = None) -> str:
        more = f"<h3>Reason:</h3><p>{cause}</p>" if cause else ""
        return self._frame(
            f'<div class="error">\n    <h3>Error:</h3>\n    <p>{message}</p>{more}<br>'
            '<p>You can <a href="javascript:window.history.back()">go back</a></p></div>'
        )

    def charge_points(self, boxes: list[Box], unknown: list[Knock] | None = None, query: str = "") -> str:
        rows = "\n".join(self._box(box) for box in boxes)
        knocks = "\n".join(self._knock(knock) for knock in unknown or [])
        return self._frame(
            '<div id="unknownTable" style="display: none"><table class="res add-margin-bottom"><thead><tr>'
            f"<th>ChargeBox ID</th><th># of Attempts</th><th>Last Attempt</th><th></th></tr></thead><tbody>{knocks}"
            '</tbody></table></div>\n<div id="overview">'
            f'<form id="params" action="{self.context}/manager/chargepoints/query" method="get">'
            '<table class="userInput"><tr><td>ChargeBox ID:</td><td>'
            f'<input id="chargeBoxId" name="chargeBoxId" type="text" value="{escape(query)}"/></td></tr></table></form>'
            '<table class="res action"><thead><tr><th>ChargeBox ID</th><th>Description</th><th>OCPP Protocol</th>'
            f'<th>Last Heartbeat</th><th><form action="{self.context}/manager/chargepoints/add" method="get">'
            f'<input type="submit" value="Add New"></form></th></tr></thead><tbody>\n{rows}</tbody></table></div>'
        )

    def _box(self, box: Box) -> str:
        stamp = "" if box.heartbeat_ms is None else str(box.heartbeat_ms)
        return (
            f'<tr><td><a href="{self.context}/manager/chargepoints/details/{box.pk}">{box.id}</a></td>\n'
            f"    <td>{box.description}</td>\n    <td>{box.protocol}</td>\n"
            f'    <td data-sort-value="{stamp}">{"Today at 01:02" if stamp else ""}</td>\n    <td>\n'
            + self._post(f"{self.context}/manager/chargepoints/delete/{box.pk}", "Delete") + "\n    </td>\n</tr>"
        )

    def _knock(self, knock: Knock) -> str:
        shown = owasp(knock.id) if self.unknown_escaped else knock.id
        slash = "" if self.key < (3, 4, 5) else "/"
        base = f"{self.context}/manager/chargepoints/unknown"
        return (
            f"<tr>\n    <td>{shown}</td>\n    <td>{knock.attempts}</td>\n"
            f'    <td data-sort-value="{knock.last_ms}">2023-11-14T22:13:20.000Z</td>\n    <td>'
            + self._post(f"{base}/add/{escape(knock.id)}{slash}", "Add") + "&nbsp;"
            + self._post(f"{base}/remove/{escape(knock.id)}{slash}", "Forget") + "</td></tr>"
        )

    def _post(self, action: str, label: str) -> str:
        return (
            f'<form id="command" action="{action}" method="post">\n<input type="submit" value="{label}">'
            f'<div>\n<input type="hidden" name="_csrf" value="{self.token}" />\n</div></form>'
        )

    def sessions(self, rows: list[Open]) -> str:
        five = self.key >= (3, 14, 0)
        body = "\n".join(self._session(row, five) for row in rows)
        last = "<th></th>" if five else ""
        return self._frame(
            f'<table class="{"res action" if five else "res"}"><thead><tr><th>ChargeBox ID</th><th>OCPP Version</th>'
            f"<th>Connected Since</th><th>Connection Duration</th>{last}</tr></thead><tbody>\n{body}</tbody></table>"
        )

    def _session(self, row: Open, five: bool) -> str:
        link = f'<a href="{self.context}/manager/chargepoints/details/{row.pk}">{row.id}</a>'
        cell = f"\n        {row.id if row.pk is None else link}\n    " if self.key >= (3, 9, 0) else link
        shown = (
            f"<tr><td>{cell}</td>\n    <td>{row.protocol}</td>\n"
            f'    <td data-sort-value="{row.since_ms}">Today at 01:02</td>\n'
        )
        if not five:
            return shown + "    <td>5 minutes</td>\n</tr>"
        hidden = owasp(row.id).replace("&gt;", ">")
        return shown + (
            f'    <td data-sort-value="{row.since_ms}">5 minutes</td>\n    <td>\n'
            f'<form id="command" action="{self.context}/manager/home/ocppJsonStatus/disconnect" method="post">'
            '<input type="hidden" name="version" value="V_16"/>'
            f'<input type="hidden" name="chargeBoxId" value="{hidden}"/>'
            '<input type="hidden" name="sessionId" value="f7c1"/>'
            '<input type="submit" class="redSubmit" value="Disconnect"/>'
            f'<div>\n<input type="hidden" name="_csrf" value="{self.token}" />\n</div></form>\n    </td>\n</tr>'
        )

    def about(self, database: str = "1.0.9", system_time: str = "2026-11-23T01:02:03.004Z") -> str:
        protocols = ""
        if self.key >= (3, 11, 0):
            protocols = "<tr><td>Enabled OCPP Protocols:</td><td>ocpp1.5J, ocpp1.6J</td></tr>"
        return self._frame(
            '<div class="info">A new version (9.9.9) is available!</div><table class="userInputFullPage">'
            f"<tr><td>Version:</td><td>{self.release}</td></tr><tr><td>Database Version:</td><td>{database}</td></tr>"
            f"<tr><td>Log File:</td><td>/var/log/steve.log</td></tr>"
            f"<tr><td>System Time:</td><td>{system_time}</td></tr></table><table>{protocols}"
            f"<tr><td>SOAP endpoint for OCPP:</td><td>http://x/services</td></tr></table>"
        )

    def details(
        self, box: Box, status: str | None = "Accepted", profile: int = 0, vendor: str = "", model: str = "",
        firmware: str = "", password_echo: str = "",
    ) -> str:
        raw = self.key <= (3, 5, 0)
        cells = "".join(
            f"<tr><td>{label}:</td><td>{value if raw else owasp(value)}</td></tr>"
            for label, value in (
                ("Ocpp Protocol", box.protocol), ("Charge Point Vendor", vendor), ("Charge Point Model", model),
                ("Firmware Version", firmware),
            )
        )
        constants = self.key >= (3, 13, 0)
        options = "".join(
            f'<option value="{name.upper() if constants else name}"{" selected=" if name == status else ""}'
            f'{chr(34) + "selected" + chr(34) if name == status else ""}>{name}</option>'
            for name in ("Accepted", "Pending", "Rejected")
        )
        security = ""
        if self.key >= (3, 9, 0):
            profiles = "".join(
                f'<option value="Profile_{n}"{" selected" if n == profile else ""}>{n} - text</option>'
                for n in range(4)
            )
            security = (
                f'<tr><td>Security Profile:</td><td><select name="securityProfile">{profiles}</select></td></tr>'
                f'<tr><td>Basic Auth Password (plain text):</td><td><input name="authPassword" type="password" '
                f'placeholder="Enter password" value="{password_echo}"/></td></tr>'
            )
        return self._frame(
            '<table><tbody><tr><td>Transactions:</td><td>'
            f'<a href="{self.context}/manager/transactions/query?chargeBoxId={escape(box.id)}&amp;type=ALL">ALL</a>'
            "</td></tr></tbody></table>"
            f'<form id="chargePointForm" action="{self.context}/manager/chargepoints/update" method="post">'
            f'<input id="chargeBoxPk" name="chargeBoxPk" readonly="readonly" type="hidden" value="{box.pk}"/>'
            f'<table class="userInput"><tr><td>ChargeBox ID:</td><td><input id="chargeBoxId" name="chargeBoxId" '
            f'type="text" value="{escape(box.id)}" readonly="readonly"/></td></tr>{cells}'
            '<tr><td>Insert connector status after start/stop transaction:</td><td>'
            '<input id="insertConnectorStatusAfterTransactionMsg1" name="insertConnectorStatusAfterTransactionMsg" '
            'type="checkbox" value="true" checked="checked"/>'
            '<input type="hidden" name="_insertConnectorStatusAfterTransactionMsg" value="on"/></td></tr>'
            f'<tr><td>Registration status:</td><td><select name="registrationStatus">{options}</select></td></tr>'
            f'{security}</table><input name="description" type="text" value="{escape(box.description)}"/>'
            '<textarea name="note">\r\na &lt;note&gt;</textarea><input type="submit" name="update" value="Update">'
            f'<div>\n<input type="hidden" name="_csrf" value="{self.token}" />\n</div></form>'
        )

    def _frame(self, content: str) -> str:
        return (
            "<!DOCTYPE html>\n<html>\n<head><title>SteVe - Steckdosenverwaltung</title></head><body>"
            f'<ul><li><a href="{self.context}/manager/home">HOME</a></li>'
            f'<li><a href="{self.context}/manager/chargepoints">CHARGE POINTS</a></li>'
            f'<li><a href="{self.context}/manager/signout">SIGN OUT</a></li></ul>'
            f'<div class="content">{content}</div>\n</body>\n</html>'
        )
