# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known secrets looked for in bytes: as they are, and as base64, URL, HTML and JSON write them. Pure.

A secret such as ``1234``, ``steve`` or ``admin`` is part of ports, paths and ids, so it is looked for only where it
stands as a value: behind the name of a secret, in the user part of a URL, in the credential of HTTP Basic.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_to_bytes

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
    r"(?:passw(?:or)?[dt]|passphrase|passwort|(?<![a-z])(?:(?:db|user|root|admin|smtp|mail|ftp|key|auth)?pass|pw)(?![a-z])"
    r"|pwd|secret|token|api[-_.]?key|credential|authori[sz]ation|auth[-_.]?key|webapi[-_.]value|steve-api-key|private[-_.]?key)"
)
_NAMED = re.compile(rf"(?i){NAME}|(?<!by)(?<!com)pass$|(?:^|[\W_])vault_|basic[-_.]?auth$")
#: Names that hold a word of a secret, and a thing that is none: where it is, who asks for it, the name of a header.
_PLAIN = re.compile(
    r"(?i)(?:^|[._-])(?:file|path|dir|url|uri|header|name|host|tag|ids?|user|username|enabled|prompt|plugin|exe|flags"
    r"|method|scheme)$|webapi[._-]?key$"
)
#: A key for something; those of data bases and of the public are none. What has no digit may be a word.
_KEY = re.compile(
    r"(?i)[a-z0-9][_-](?<!public.)(?<!host.)(?<!primary.)(?<!foreign.)(?<!sort.)(?<!group.)(?<!cache.)(?<!index.)key$"
)
_RANDOM = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+=_!@#%^&*.~-]{16,}|[0-9a-fA-F]{32,}")
#: Names whose value may look random without being so.
_NOT_RANDOM = re.compile(r"(?i)(?:tag|version|image|commit|revision|release|digest|build|hostname|domain)$")
_VALUE = r"(?:\\?\"((?:[^\"\\]|\\.)*?)\\?\"|'([^']*)'|([^\s\"',;&)}\]]+))"
#: How values stand inside of a value: ``-Dname=value``, ``name="value"``, ``?name=value``; ``--name value``; JSON.
_INSIDE = (
    re.compile(rf"(?<![\w.$%-])-{{0,2}}([\w.-]*\w)[\"'\\]{{0,4}}\s{{0,4}}=\s{{0,4}}{_VALUE}"),
    re.compile(rf"(?<!\S)--?([\w.-]+)\s{{1,4}}(?!-){_VALUE}"),
    re.compile(rf"[\"']([\w.-]+)\\?[\"']\s{{0,4}}:\s{{0,4}}(?=\\?[\"']){_VALUE}"),
)
#: The user part of a URL; a slash in a password cannot be told from the path of a web server with a port.
_USERINFO = re.compile(
    r"(?i)(?:(?<![a-z0-9+.-])(?!https?:|wss?:)[a-z][a-z0-9+.:-]{0,40}://[^\s/:@\"']{0,200}:([^\s@\"']+)@"
    r"|://[^\s/:@\"']{0,200}:([^\s/@\"']+)@)"
)
_TAKES_NEXT = re.compile(r"--?[\w.-]+")
# Begun at the begin of a word only, so that a long word costs no more than its length.
_BEHIND_NAME = (
    rb"(?<![\w.\-])([\w.\-]+)[\"'\\]{0,4}\s{0,4}[:=]\s{0,4}[\"'\\]{0,4}(%b)(?=[\"'\\\s,;&}\])<]|\Z)"
)
_IN_USERINFO = rb"(://[^/@\s:\"']{0,80}):(%b)@"
_IS_NAME = re.compile(rb"(?i)" + NAME.encode("ascii"))
_BASIC = re.compile(rb"(?i)\bbasic[\s:=\"'\\]{1,4}([A-Za-z0-9+/_-]{8,2000})={0,2}")
#: Bytes that are gone through at once, and pieces of four bytes by which it is told what may stand in them.
_WINDOW = 256 * 1024
_PIECE = 4
_MOST_PIECES = 60
#: Needles from which telling that beforehand is faster than looking for each.
_MANY = 100


@dataclass(frozen=True)
class Secret:
    """A value that must stand nowhere.

    Attributes:
        name: what it is called where it is told; never the value.
        users: names that it may be sent with by HTTP Basic.
        sure: whether somebody said that it is one; what only looks so is hidden, and no reason to send nothing.
    """

    name: str
    value: str = field(repr=False)
    users: tuple[str, ...] = ()
    sure: bool = True

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


def secrets(
    found: Iterable[tuple[str, str]], users: Iterable[str] = (), own: Mapping[str, str] | None = None,
    guesses: Iterable[tuple[str, str]] = (),
) -> list[Secret]:  # fmt: skip
    """Secrets of (name, value), each value once; empty ones, switches and references to variables are none.

    Args:
        users: with which any of them may be sent.
        own: of a secret that one user alone is sent with, such as a charge box's password: its name → that user.
        guesses: further ones that only look like secrets.
    """
    alone = own or {}
    known = tuple(dict.fromkeys(user for user in users if user))
    values: dict[str, tuple[str, dict[str, None]]] = {}
    for name, value in found:
        if _can_be_secret(value):
            _name, its = values.setdefault(value, (name, {}))
            its.update(dict.fromkeys((alone[name],) if name in alone else known))
    result = [Secret(name, value, tuple(its)) for value, (name, its) in values.items()]
    for name, value in guesses:
        guess = Secret(name, value, (), sure=False)
        if _can_be_secret(value) and value not in values and not guess.is_short:
            values[value] = (name, {})
            result.append(guess)
    return result


def _can_be_secret(value: str) -> bool:
    return bool(value.strip()) and value.strip().lower() not in _SWITCHES and not re.fullmatch(r"\$\{[^{}]*\}", value)


def is_name(name: str) -> bool:
    """Whether what is called so is a secret."""
    return bool(_NAMED.search(name)) and not _PLAIN.search(name)


def guessed(name: str, value: str) -> str | None:
    """Why a value may be a secret though its name does not say so; None where nothing speaks for it."""
    if is_name(name) or _PLAIN.search(name):
        return None
    if _KEY.search(name) and re.fullmatch(r"(?=.*\d)\S{8,}", value) and not value.startswith(("/", "ssh-")):
        return "named like a key"
    return "looks random" if _RANDOM.fullmatch(value) and not _NOT_RANDOM.search(name) else None


def inside(value: str) -> Iterator[tuple[str | None, str]]:
    """Name and value of the secrets that are a part of a text: a command line, a URL, JSON. None: a URL's user part."""
    for pattern in _INSIDE:
        for match in pattern.finditer(value):
            if is_name(match.group(1)):
                # The one group behind the name's that took part.
                text = str(match.group(match.lastindex or 0))
                yield match.group(1), text
                if match.lastindex == 2 and "\\" in text:
                    yield match.group(1), re.sub(r"\\(.)", r"\1", text)
    for match in _USERINFO.finditer(value):
        text = match.group(1) or match.group(2)
        yield None, text
        if "%" in text:
            yield None, unquote(text)


def arguments(words: Iterable[str]) -> Iterator[tuple[str | None, str]]:
    """Those of a command, of which a word may be a whole command."""
    before = ""
    for word in words:
        yield from inside(word)
        if _TAKES_NEXT.fullmatch(before) and is_name(before) and not word.startswith("-"):
            yield before.lstrip("-"), word
        before = word


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
    if secret.is_short:
        pairs = {base64.b64encode(_bytes(user) + b":" + raw).rstrip(b"=") for user in secret.users}
        return {"basic": {pair for pair in pairs if len(pair) >= 8}}
    # In Basic it is a part of longer base64, whoever sends it.
    return {
        "raw": {raw}, "base64": _base64(raw), "url": _percent(secret.value), "html": _html(secret.value),
        "json": _json(secret.value), "hex": {raw.hex().encode("ascii"), raw.hex().upper().encode("ascii")},
    }  # fmt: skip


@lru_cache(maxsize=16384)
def _needles(secret: Secret) -> tuple[tuple[str, bytes, frozenset[int]], ...]:
    """Form, bytes and the pieces of these of everything by which a secret is found."""
    return tuple((form, one, _pieces_of(one)) for form, found in forms(secret).items() for one in sorted(found))


@lru_cache(maxsize=16384)
def _plain(secret: Secret) -> tuple[bytes, frozenset[int]]:
    raw = _bytes(secret.value)
    return raw, _pieces_of(raw)


def _pieces_of(needle: bytes) -> frozenset[int]:
    last = min(len(needle) - _PIECE + 1, _MOST_PIECES)
    return frozenset(int.from_bytes(needle[at : at + _PIECE], sys.byteorder) for at in range(last))


def _pieces_in(data: bytes) -> set[int]:
    """All pieces of four bytes: a needle of which one is missing is not there, so most need not be looked for."""
    found: set[int] = set()
    for begin in range(_PIECE):
        end = begin + (len(data) - begin) // _PIECE * _PIECE
        if end > begin:
            found.update(memoryview(data[begin:end]).cast("I"))
    return found


def _standing(data: bytes, needles: list[tuple[bytes, frozenset[int]]]) -> list[int]:
    """Numbers of the needles that stand in the data. Its time depends little on how many there are."""
    if len(needles) <= _MANY:
        return [number for number, (needle, _pieces) in enumerate(needles) if needle in data]
    there = _pieces_in(data)
    return [number for number, (needle, its) in enumerate(needles) if its <= there and needle in data]


def never() -> None:
    """Nobody waits."""


def _windows(data: bytes, longest: int) -> Iterator[bytes]:
    """The data in parts of bounded size; what is not longer than ``longest`` stands whole in one of them."""
    size = max(_WINDOW, 2 * longest)
    for begin in range(0, max(len(data), 1), size):
        from_ = max(begin - longest, 0)
        # A word that is cut in two may be another name.
        line = data.rfind(b"\n", max(from_ - 4096, 0), from_) + 1 if from_ else 0
        yield data[line or from_ : begin + size]


def find(data: bytes, known: Iterable[Secret], check: Callable[[], None] = never) -> list[Hit]:
    """Every secret that stands in the bytes, with the first form in which it was found.

    Beside the forms themselves the bytes are looked at as a URL, HTML and JSON read them, so that a mixture or an
    unusual writing (every letter escaped) is found too.

    Args:
        check: called again and again; what it raises ends the search.
    """
    known = list(known)
    if not known:
        return []
    forms_of = []
    for number, secret in enumerate(known):
        check()
        forms_of += [(number, *needle) for needle in _needles(secret)]
    needles = [(needle, pieces) for _number, _form, needle, pieces in forms_of]
    long_ones = [number for number, secret in enumerate(known) if not secret.is_short]
    raws = [_plain(known[number]) for number in long_ones]
    short_ones = _Short([secret for secret in known if secret.is_short])
    found: dict[int, str] = {}
    numbers = {secret: number for number, secret in enumerate(known)}
    longest = max([512, *(len(needle) for needle, _pieces in needles), *(6 * len(raw) for raw, _pieces in raws)])
    for window in _windows(data, longest):
        check()
        for at in _standing(window, needles):
            found.setdefault(forms_of[at][0], forms_of[at][1])
        for form, seen in _views(window):
            check()
            if form == "wrapped":
                for at in _standing(seen, needles):
                    found.setdefault(forms_of[at][0], f"{forms_of[at][1]} in lines")
                continue
            if form != "raw":
                for at in _standing(seen, raws):
                    found.setdefault(long_ones[at], form)
            for secret, how, _begin, _end in short_ones.places(seen):
                found.setdefault(numbers[secret], how)
    return [Hit(known[number].name, found[number]) for number in sorted(found)]


_UNICODE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|([/\"\\]))")
_LINE_END = re.compile(rb"(?:\\r)?\\n|\r?\n")
_LETTERS = re.compile(rb"[A-Za-z0-9+/]{60}")


def _views(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The data as it is, and as others read it; twice where one writing stands in another."""
    yield "raw", data
    url = unquote_to_bytes(data) if b"%" in data else data
    read = [data]
    if url != data:
        read.append(url)
        yield "url", url
        if b"+" in data:
            yield "url", unquote_to_bytes(data.replace(b"+", b" "))
        if b"%" in url:
            yield "url twice", unquote_to_bytes(url)
    if b"&" in data:
        plain = _bytes(html.unescape(data.decode("utf-8", "surrogateescape")))
        if plain != data:
            yield "html", plain
            if b"%" in plain:
                yield "html", unquote_to_bytes(plain)
    for one in read:
        if b"\\" in one:
            yield "json", _UNICODE.sub(_unescaped, one)
    joined = _LINE_END.sub(_joined, data)
    if len(joined) != len(data):
        yield "wrapped", joined


def _unescaped(match: re.Match[bytes]) -> bytes:
    return _bytes(chr(int(match.group(1), 16))) if match.group(1) else match.group(2)


def _joined(match: re.Match[bytes]) -> bytes:
    """Nothing in place of the end of a line that Base64 was cut at."""
    return b"" if _LETTERS.fullmatch(match.string[max(match.start() - 60, 0) : match.start()]) else match.group()


class _Short:
    """Secrets that are looked for only where they stand as values; all of them at once."""

    def __init__(self, known: list[Secret]) -> None:
        self.by_value = {_bytes(secret.value): secret for secret in known}

    def places(self, data: bytes) -> Iterator[tuple[Secret, str, int, int]]:
        """Each secret that was found, how, and from where to where."""
        here = [value for value in self.by_value if value in data]
        if here:
            any_of = b"|".join(re.escape(value) for value in sorted(here, key=len, reverse=True))
            for pattern in (_BEHIND_NAME, _IN_USERINFO):
                for match in re.finditer(pattern % any_of, data):
                    if pattern is _IN_USERINFO or _IS_NAME.search(match.group(1)):
                        yield self.by_value[match.group(2)], "value", match.start(2), match.end(2)
        for match in _BASIC.finditer(data) if self.by_value else ():
            password = _sent(match.group(1))
            if password in self.by_value:
                yield self.by_value[password], "basic", match.start(1), match.end(1)


def _sent(token: bytes) -> bytes | None:
    """The password in a credential of HTTP Basic, whoever's it is."""
    try:
        plain = base64.b64decode(token.translate(_URL_SAFE) + b"=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    return plain.partition(b":")[2]


_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def hide(
    data: bytes, known: Iterable[Secret], check: Callable[[], None] = never
) -> tuple[bytes, dict[str, int]]:  # fmt: skip
    """The bytes without the secrets, and how often each was hidden, by name; ``check`` as for ``find``."""
    counts: dict[str, int] = {}
    # A long one first: a short one may be its part.
    ordered = sorted(known, key=lambda one: len(one.value), reverse=True)
    needles, owners = [], []
    for secret in ordered:
        check()
        for _form, needle, pieces in sorted(_needles(secret), key=lambda one: len(one[1]), reverse=True):
            needles.append((needle, pieces))
            owners.append(secret.name)
    there: set[int] = set()
    for window in _windows(data, max((len(needle) for needle, _pieces in needles), default=0)):
        check()
        there.update(_standing(window, needles))
    for number in sorted(there):
        check()
        needle, name = needles[number][0], owners[number]
        found = data.count(needle)
        if found:
            data = data.replace(needle, HIDDEN.encode("ascii"))
            counts[name] = counts.get(name, 0) + found
    short_ones = _Short([one for one in ordered if one.is_short])
    places = sorted({(begin, end, secret.name) for secret, _how, begin, end in short_ones.places(data)})
    parts, done = [], 0
    for begin, end, name in places:
        if begin >= done:
            parts += [data[done:begin], HIDDEN.encode("ascii")]
            done = end
            counts[name] = counts.get(name, 0) + 1
    return b"".join([*parts, data[done:]]), counts
