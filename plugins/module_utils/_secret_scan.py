# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known secrets looked for in bytes: as they are, and as base64, URL, HTML and JSON write them. Pure.

A secret such as ``1234``, ``steve`` or ``admin`` is part of ports, paths and ids, so it is looked for only where it
stands as a value: behind the name of a secret, in the user part of a URL, in the credential of HTTP Basic.
"""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass, field
from typing import Iterable
from urllib.parse import quote, quote_plus, unquote_to_bytes

HIDDEN = "(secret hidden)"
#: Characters below which a secret is a part of anything.
LEAST = 6
#: Digits up to which a secret may be a time, a port or a serial number.
_MOST_DIGITS = 9
#: Words that stand in paths, names and sentences about SteVe; somebody's password may be one all the same.
WORDS = frozenset((
    "accepted", "account", "address", "administrator", "api", "backend", "central", "certificate", "changeme",
    "charge", "chargebox", "chargepoint", "charger", "charging", "client", "compose", "config", "connect",
    "connected", "connection", "container", "database", "default", "demo", "disabled", "docker", "electric",
    "enabled", "energy", "example", "expressync", "forward", "gateway", "handshake", "header", "hidden",
    "localhost", "log", "login", "manager", "mariadb", "message", "mobility", "monitor", "mysql", "network",
    "nginx", "observation", "observations", "ocpp", "operator", "passwd", "password", "passwort", "pending", "port",
    "power", "production", "profile", "proxy", "public", "registered", "registration", "rejected", "report",
    "request", "response", "restart", "running", "secret", "security", "server", "service", "session", "station",
    "status", "steve", "stevedb", "system", "testing", "token", "unknown", "upgrade", "upstream", "user",
    "username", "value", "vendor", "version", "webapi", "websocket",
))  # fmt: skip
#: What stands before a value that is a secret.
NAME = (
    r"(?:passw(?:or)?[dt]|passphrase|passwort|(?<![a-z])pass(?![a-z])|pwd|secret|token|api[-_.]?key|credential"
    r"|authori[sz]ation|auth[-_.]?key|webapi[-_.]value|steve-api-key|private[-_.]?key)"
)
_BEHIND_NAME = (
    rb"(?i:" + NAME.encode("ascii") + rb"[\w.\-]*)[\"'\\]{0,4}\s{0,4}[:=]\s{0,4}"
    rb"[\"'\\]{0,4}(%b)(?=[\"'\\\s,;&}\])<]|\Z)"
)
_IN_USERINFO = rb"://[^/@\s:\"']{0,80}:(%b)@"


@dataclass(frozen=True)
class Secret:
    """A value that must stand nowhere.

    Attributes:
        name: what it is called where it is told; never the value.
        users: names that it may be sent with by HTTP Basic.
    """

    name: str
    value: str = field(repr=False)
    users: tuple[str, ...] = ()

    @property
    def is_short(self) -> bool:
        """Whether it is looked for only where it stands as a value."""
        value = self.value
        return len(value) < LEAST or (value.isdigit() and len(value) <= _MOST_DIGITS) or value.lower() in WORDS


@dataclass(frozen=True)
class Hit:
    """A secret that was found: what it is called, and how it was written."""

    name: str
    form: str


#: Values of switches such as ``MARIADB_RANDOM_ROOT_PASSWORD``, which are no secrets whatever the name says.
_SWITCHES = frozenset(("0", "1", "true", "false", "yes", "no", "on", "off", "none", "null"))


def secrets(found: Iterable[tuple[str, str]], users: Iterable[str] = ()) -> list[Secret]:
    """Secrets of (name, value), each value once; empty ones and switches are none."""
    values: dict[str, str] = {}
    for name, value in found:
        if value.strip() and value.strip().lower() not in _SWITCHES:
            values.setdefault(value, name)
    known = tuple(dict.fromkeys(user for user in users if user))
    return [Secret(name, value, known) for value, name in values.items()]


def _base64(data: bytes) -> set[bytes]:
    """How bytes look inside of longer base64, at each of the three alignments; only letters that are theirs alone."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data)
        first = (before * 8 + 5) // 6
        last = (before + len(data)) * 8 // 6
        found.add(encoded[first:last])
    return found | {one.replace(b"+", b"-").replace(b"/", b"_") for one in found}


def _percent(value: str) -> set[bytes]:
    upper = {quote(value, safe="/"), quote(value, safe=""), quote_plus(value), quote(value, safe="/:@!$&'()*+,;=~")}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), one) for one in upper}
    return {one.encode("ascii") for one in upper | lower}


def _html(value: str) -> set[bytes]:
    named = html.escape(value)
    decimal = "".join(f"&#{ord(one)};" if one in "&<>\"'" else one for one in value)
    apostrophe = named.replace("&#x27;", "&#39;")
    forms = {named, apostrophe, html.escape(value, quote=False), apostrophe.replace("&quot;", "&#34;"), decimal}
    return {_bytes(one) for one in forms}


def _json(value: str) -> set[bytes]:
    once = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    once |= {one.replace("/", "\\/") for one in once}
    twice = {json.dumps(one)[1:-1] for one in once}
    return {_bytes(one) for one in once | twice}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape" if _escaped(text) else "surrogatepass")


def _escaped(text: str) -> bool:
    """Whether every half of a surrogate pair stands for a byte that is not UTF-8."""
    return all("\udc80" <= one <= "\udcff" for one in text if "\ud800" <= one <= "\udfff")


def forms(secret: Secret) -> dict[str, set[bytes]]:
    """How a secret may be written, by the name of the form; a short one only where nothing else looks like it."""
    raw = _bytes(secret.value)
    pairs = {user: base64.b64encode(_bytes(user) + b":" + raw).rstrip(b"=") for user in secret.users}
    found = {"basic": {pair for pair in pairs.values() if len(pair) >= 8}}
    if not secret.is_short:
        found |= {
            "raw": {raw}, "base64": _base64(raw), "url": _percent(secret.value), "html": _html(secret.value),
            "json": _json(secret.value), "hex": {raw.hex().encode("ascii"), raw.hex().upper().encode("ascii")},
        }  # fmt: skip
    return found


def _as_value(secret: Secret) -> list[re.Pattern[bytes]]:
    raw = re.escape(_bytes(secret.value))
    return [re.compile(_BEHIND_NAME % raw), re.compile(_IN_USERINFO % raw)]


def find(data: bytes, known: Iterable[Secret]) -> list[Hit]:
    """Every secret that stands in the bytes, with the first form in which it was found.

    Beside the forms themselves the bytes are looked at as a URL, HTML and JSON read them, so that a mixture or an
    unusual writing (every letter escaped) is found too.
    """
    known = list(known)
    views = [("raw", data)]
    if known and b"%" in data:
        views.append(("url", unquote_to_bytes(data.replace(b"+", b" "))))
    if known and b"&" in data:
        views.append(("html", _bytes(html.unescape(data.decode("utf-8", "surrogateescape")))))
    if known and b"\\u" in data:
        views.append(("json", _UNICODE.sub(lambda match: _bytes(chr(int(match.group(1), 16))), data)))
    hits = []
    for secret in known:
        form = _form_in(secret, views)
        if form:
            hits.append(Hit(secret.name, form))
    return hits


_UNICODE = re.compile(rb"\\u([0-9a-fA-F]{4})")


def _form_in(secret: Secret, views: list[tuple[str, bytes]]) -> str | None:
    data = views[0][1]
    for form, needles in forms(secret).items():
        if any(needle in data for needle in needles):
            return form
    if secret.is_short:
        return next(("value" for _view, seen in views if any(one.search(seen) for one in _as_value(secret))), None)
    raw = _bytes(secret.value)
    return next((view for view, seen in views[1:] if raw in seen), None)


def hide(data: bytes, known: Iterable[Secret]) -> tuple[bytes, dict[str, int]]:
    """The bytes without the secrets, and how often each was hidden, by name."""
    counts: dict[str, int] = {}
    # A long one first: a short one may be its part.
    for secret in sorted(known, key=lambda one: len(one.value), reverse=True):
        count = 0
        for needle in sorted(set().union(*forms(secret).values()), key=len, reverse=True):
            found = data.count(needle)
            if found:
                data, count = data.replace(needle, HIDDEN.encode("ascii")), count + found
        for pattern in _as_value(secret) if secret.is_short else ():
            data, found = pattern.subn(_without_value, data)
            count += found
        if count:
            counts[secret.name] = counts.get(secret.name, 0) + count
    return data, counts


def _without_value(match: re.Match[bytes]) -> bytes:
    whole, begin = match.group(), match.start(1) - match.start()
    return whole[:begin] + HIDDEN.encode("ascii") + whole[begin + len(match.group(1)) :]
