# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is sent to others is made fit for it: rules for logs, compose files and nginx's configuration. Pure.

Each rule has a name, and what it hid is counted by that. What diagnosis needs stays: names of keys, charge box ids,
session ids, times, ports, ``location = /steve``, ``(using password: YES)``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Callable

from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_conf, _nginx_view, _secret_scan
from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._secret_scan import NAME

HIDDEN = "(value hidden)"
#: Different idTags that get a number each; further ones get none.
_MAX_TAGS = 5000
#: Characters of a line that are kept.
MAX_LINE = 16 * 1024
#: Lines after which it is asked whether there is time left.
_CHECKED_LINES = 200
_LONG = re.compile(rf"[^\n]{{{MAX_LINE + 1},}}")
#: Words of which one is in every name of a secret.
_WORDS = ("pass", "pwd", "pw", "secret", "token", "key", "credential", "authori", "webapi")

#: Values that say nothing secret behind the name of a secret. ``$NAME`` is a variable in compose's files only.
_HARMLESS = (
    r"(?:YES|NO|true|false|null|None|undefined|\(value|\(secret|\[PROTECTED\]|\*+|\$\{\w+\})(?![^\s\"',;)}\]])"
)
_HARMLESS_IN_COMPOSE = rf"(?:{_HARMLESS}|\$\w+(?![^\s\"',;)}}\]]))"

_PEM = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,40}PRIVATE KEY)-----"
    r"(?:(?:(?!-----BEGIN )[\s\S]){0,20000}?-----END (?P=kind)-----"
    # Without its end: the lines that may be its own.
    r"|(?:(?:\\r)?(?:\\n|\r?\n)(?:[\d:.T-]{19,30}Z )?(?:[A-Za-z0-9+/=]{0,100}|(?:Proc-Type|DEK-Info): [^\n\\]{0,100})"
    r"(?=\\[rn]|\r?\n|\Z)){0,500})"
)
#: Its end only: what was before is not in the text.
_PEM_END = re.compile(
    r"(?:^(?:[\d:.T-]{19,30}Z )?[A-Za-z0-9+/=]{16,}\r?\n){1,200}"
    r"(?:[\d:.T-]{19,30}Z )?(?=-----END [A-Z0-9 ]*PRIVATE KEY)",
    re.MULTILINE,
)
_AUTHORIZATION = re.compile(
    r"(?i)(authorization\\{0,4}[\"']?\s{0,4}[:=]\s{0,4}[\"'\[\\]{0,4})((?:basic|bearer|digest|token)\s{1,4})?"
    rf"(?!{_HARMLESS})[^\s\"'\],;}}\\]+"
)
# "Basic Authorization header" is how SteVe itself speaks.
_TOKEN = re.compile(r"(?i)\b(basic|bearer) (?=[^\s\"']*[0-9=+/])[A-Za-z0-9+/=_.~-]{6,}")
_COOKIE = re.compile(
    r"(?i)(cookie\\{0,4}[\"']?\s{0,4}[:=]\s{0,4})"
    r"(\"(?:[^\"\\]|\\.){0,4000}\"|'[^'\n]{0,4000}'|\[[^\]\n]{0,4000}\]|(?!\(value)[^\"'\[\s][^\"\n]*)"
)
_SESSION = re.compile(r"(?i)(jsessionid=)(?!\(value)[^\s;,\"'&?)\]}]+")
_CSRF = re.compile(
    r"(?i)([cx]srf[\w-]{0,40}\\{0,4}[\"']?\s{0,4}[:=]\s{0,4}\\{0,4}[\"']?|name=\"_csrf\"[^>\n]{0,200}?value=\")"
    r"(?!\(value)[^\s\"'&;,<>\]})\\]+"
)
#: A word from its begin: whatever it is made of, each of its characters is gone through a few times and no more.
_WORD = re.compile(r"(?<![^\s\"'<>])[^\s\"'<>]+")
_PLACE = re.compile(r"\b(?:https?|wss?|jdbc:\w{1,20})://[^?]|(?<![\w.])/")
_USERINFO = re.compile(r"(://[^\s/:@\"'<>]{0,200}:)(?!\(value)[^\s\"'<>/]{1,500}@")
_TAG_NAME = r"(?:parent|ocpp)?_?id_?(?:tag|token)"
_TAG = re.compile(
    rf"(?i)({_TAG_NAME}\\{{0,4}}[\"']?\s{{0,4}}[:=]\s{{0,4}}\\{{0,4}}\")([^\"\\\n]+)"
    rf"|({_TAG_NAME}\\{{0,4}}[\"']?\s{{0,4}}[:=]\s{{0,4}}\\{{0,4}}')([^'\\\n]+)"
    rf"|({_TAG_NAME}\s{{0,4}}[:=]\s{{0,4}})([^\s\"'\\,;}}\])<>{{\[(]+)"
    rf"|(<(?:\w{{1,20}}:)?{_TAG_NAME}>)([^<\n]+)"
    rf"|({_TAG_NAME}(?:\(s\))? [\"'])([^\"'\n]+)"
)
#: An object without others in it, or all of a line: which of both is asked when it was found.
_OBJECT = re.compile(r"\{[^{}\n]*\}")
_LINE = re.compile(r"[^\n]+")
_STATION_KEY = re.compile(r"(?i)\bauthori[sz]ationkey\b")
_STATION_VALUE = re.compile(
    r"(\\{0,4}\"(?:attribute)?value\\{0,4}\"\s{0,4}:\s{0,4}\\{0,4}\")(?!\(value)([^\"\\\n]+)", re.IGNORECASE
)
_SECRET_NAME, _SECRET_NAME_IN_COMPOSE = (re.compile(
    rf"(?i)({NAME}[\w.-]{{0,60}}(?<!_file)(?<!_path)(?<!\.java)\\{{0,4}}[\"']?\s{{0,4}}[:=]\s{{0,4}})"
    rf"(\\{{1,4}}\"[^\"\n]{{0,4000}}?\\{{1,4}}\"|\"(?:[^\"\\\n]|\\.){{0,4000}}\"|'[^'\n]{{0,4000}}'"
    rf"|(?![\"']|\\{{0,4}}[\"']?{harmless})[^\s,;&\"'<>)}}\]]+)"
) for harmless in (_HARMLESS, _HARMLESS_IN_COMPOSE))  # fmt: skip
_ASSIGNED = re.compile(rf"(?i)((?<!\S)--?(?:[\w-]{{0,40}}-)?{NAME}[\w-]{{0,40}} )(?!{_HARMLESS}|-)[^\s\"',\]}}]+")
_IDENTIFIED = re.compile(r"(?i)(identified (?:by|with \S+ (?:by|as)) )('[^']*'|\"[^\"]*\")")
_MYSQL_P = re.compile(r"((?:^|[\s\"'])-p)(?!\$|orts?\b|\(value)([^\s\"',\]]+)")


@dataclass
class Redacted:
    """A text, and how often each rule hid something of it."""

    text: str
    counts: Counter[str] = field(default_factory=Counter)
    #: Called again and again; what it raises ends the work.
    check: Callable[[], None] = _secret_scan.never

    def rule(
        self, name: str, pattern: re.Pattern[str], put: str | Callable[[re.Match[str]], str], *hints: str
    ) -> None:  # fmt: skip
        """Apply one rule; what it leaves as it was is not counted.

        Args:
            hints: of which one must stand in a line, in lower case; without any the whole text is gone through at once.
        """

        def counted(match: re.Match[str]) -> str:
            new = put(match) if callable(put) else match.expand(put)
            self.counts[name] += new != match.group()
            return new

        if not hints:
            self.text = pattern.sub(counted, self.text)
            return
        lines = self.text.split("\n")
        for number, line in enumerate(lines):
            if number % _CHECKED_LINES == 0:
                self.check()
            lowered = line.lower()
            if any(hint in lowered for hint in hints):
                lines[number] = pattern.sub(counted, line)
        self.text = "\n".join(lines)

    def shorten(self) -> None:
        """Lines that are too long for anybody to read lose their end: SteVe logs messages of megabytes."""
        if max(map(len, self.text.split("\n"))) > MAX_LINE:
            self.rule("long-line", _LONG, lambda match: f"{match.group()[:MAX_LINE]} (line cut)")


@dataclass
class Tags:
    """The idTags met so far: one and the same gets one and the same number."""

    numbers: dict[str, int] = field(default_factory=dict)

    def shown(self, tag: str) -> str:
        """What stands in its place."""
        if tag not in self.numbers and len(self.numbers) >= _MAX_TAGS:
            return "(idTag hidden)"
        return f"(idTag {self.numbers.setdefault(tag, len(self.numbers) + 1)})"


def log(text: str, tags: Tags | None = None, check: Callable[[], None] = _secret_scan.never) -> Redacted:
    """Lines of SteVe's log; idTags become numbers, so that what one of them did can still be followed.

    Args:
        check: called again and again; what it raises ends the work.
    """
    known = tags or Tags()

    def tag(match: re.Match[str]) -> str:
        before, value = next((a, b) for a, b in zip(match.groups()[::2], match.groups()[1::2]) if b is not None)
        if value.lower() in ("null", "none") or value.startswith("(idTag"):
            return match.group()
        return before + known.shown(value)

    done = Redacted(text, check=check)
    _keys(done)
    done.shorten()
    done.rule(
        "station-key", _LINE, lambda match: _station_secret(match.group()),
        "authorizationkey", "authorisationkey", "basicauthpassword",
    )  # fmt: skip
    done.rule("id-tag", _TAG, tag, "idtag", "id_tag", "idtoken", "id_token")
    _headers(done)
    done.rule("query", _WORD, lambda match: _without_query(match.group()), "?")
    _values(done, _SECRET_NAME)
    return done


def _station_secret(line: str) -> str:
    """A line without the values of a station's keys; BasicAuthPassword stands in another object than its value."""

    def hidden(match: re.Match[str]) -> str:
        return _STATION_VALUE.sub(rf"\1{HIDDEN}", match.group())

    if "basicauthpassword" in line.lower():
        return _LINE.sub(hidden, line)
    return _OBJECT.sub(lambda match: hidden(match) if _STATION_KEY.search(match.group()) else match.group(), line)


def _without_query(word: str) -> str:
    """A word that holds a URL or a path, without the values behind its question mark."""
    place = _PLACE.search(word)
    mark = word.find("?", place.end()) if place else -1
    if mark < 0 or "=" not in word[mark:] or word.startswith("(query", mark + 1):
        return word
    return f"{word[: mark + 1]}(query hidden)"


def _keys(done: Redacted) -> None:
    done.rule("private-key", _PEM, "(private key hidden)")
    done.rule("private-key", _PEM_END, f"{HIDDEN}\n")


def _headers(done: Redacted) -> None:
    whole = "authorization"
    done.rule(whole, _AUTHORIZATION, lambda match: f"{match.group(1)}{match.group(2) or ''}{HIDDEN}", whole)
    done.rule(whole, _TOKEN, rf"\1 {HIDDEN}", "basic ", "bearer ")
    done.rule("cookie", _COOKIE, rf"\1{HIDDEN}", "cookie")
    done.rule("cookie", _SESSION, rf"\1{HIDDEN}", "jsessionid")
    done.rule("csrf", _CSRF, rf"\1{HIDDEN}", "csrf", "xsrf")


def _values(done: Redacted, secret_name: re.Pattern[str]) -> None:
    done.rule("userinfo", _USERINFO, rf"\1{HIDDEN}@", "://")
    done.rule("secret-name", secret_name, _hidden_value, *_WORDS)
    done.rule("definition", _ASSIGNED, rf"\1{HIDDEN}", *_WORDS)
    done.rule("identified-by", _IDENTIFIED, rf"\1{HIDDEN}", "identified")


def _hidden_value(match: re.Match[str]) -> str:
    """The name and, in place of the value, a word; its quotes stay."""
    value = match.group(2)
    inner = value.strip("\\\"'")
    if not inner or re.fullmatch(_HARMLESS, inner) or inner in ("(value hidden)", "(secret hidden)"):
        return match.group()
    edge = value[: len(value) - len(value.lstrip("\\\"'"))] if value[0] in "\\\"'" else ""
    return f"{match.group(1)}{edge}{HIDDEN}{edge}"


# -- compose files -----------------------------------------------------------------------------------------------------

#: Variables whose value tells nothing but how things are connected.
_PLAIN = re.compile(
    r"(?i)(?:TZ|LANG|LC_\w+|JAVA_HOME|PUID|PGID"
    r"|\w*(?:HOST|PORT|DATABASE|DB|DB_NAME|DBNAME|SCHEMA|PROFILES_ACTIVE|VERSION|ENABLED))"
)
_IS_SECRET = re.compile(rf"(?i){NAME}")
_KEY = re.compile(r"(\s*(?:#\s*)?(?:- +)?)([\"']?)([\w.$/{}-]+)(\2\s*:(?:\s+|$))(.*?)(\s*)$")
_ENTRY = re.compile(r"(\s*(?:#\s*)?- *[\"']?)([\w.-]+)(=)(.*?)([\"']?\s*)$")
_ENVIRONMENT = frozenset(("environment", "args", "build-args"))
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?(?:\s+#.*)?")
_DEFAULT = re.compile(r"(\$\{\w+:?[-+])([^{}]*)(\})")
_VARIABLES = re.compile(r"[\"']?(?:\$\$?\{\w+(?::?\?[^{}]*)?\}|\$\$?\w+)[\"']?")


def compose(text: str) -> Redacted:
    """A compose file, line by line; values of variables are hidden unless their name says how things connect."""
    done = Redacted(text)
    done.shorten()
    text = done.text
    block: int | None = None
    environment: int | None = None
    lines = []
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        indent = len(body) - len(body.lstrip(" "))
        if block is not None and (not body.strip() or indent > block):
            if body.strip():
                done.counts["secret-name"] += 1
                body = " " * indent + HIDDEN
            lines.append(body + end)
            continue
        block = None
        if environment is not None and body.strip() and not body.lstrip().startswith("#"):
            if indent < environment or (indent == environment and not body.lstrip().startswith("- ")):
                environment = None
        key = _KEY.fullmatch(body)
        if key and key.group(3) in _ENVIRONMENT and (not key.group(5) or key.group(5).startswith(("#", "&"))):
            environment = indent
        else:
            body, hidden_block = _compose_line(body, key, environment is not None, done)
            block = indent if hidden_block else None
        lines.append(body + end)
    done.text = "".join(lines)
    _keys(done)
    _headers(done)
    _values(done, _SECRET_NAME_IN_COMPOSE)
    return done


def _compose_line(body: str, key: re.Match[str] | None, in_environment: bool, done: Redacted) -> tuple[str, bool]:
    """One line, and whether the lines that are deeper than it are its secret value."""
    entry = _ENTRY.fullmatch(body)
    if entry:
        name, value, before, after = entry.group(2), entry.group(4), body[: entry.start(4)], entry.group(5)
    elif key:
        name, value, before, after = key.group(3), key.group(5), body[: key.start(5)], key.group(6)
    else:
        name, value, before, after = "", "", body, ""
    is_secret = bool(_IS_SECRET.search(name)) and not re.search(r"(?i)(?:_file|_path)$|^secrets$", name)
    if value and (is_secret or (in_environment and not _PLAIN.fullmatch(name))):
        if _BLOCK.fullmatch(value):
            return body, True
        if not _VARIABLES.fullmatch(value) and value not in ("''", '""'):
            kept = _DEFAULT.fullmatch(value.strip("\"'"))
            done.counts["secret-name" if is_secret else "environment"] += 1
            return before + (f"{kept.group(1)}{HIDDEN}{kept.group(3)}" if kept else HIDDEN) + after, False
    if re.search(r"(?i)mysql|mariadb", body):
        found = _MYSQL_P.subn(rf"\1{HIDDEN}", body)
        done.counts["definition"] += found[1]
        return found[0], False
    return body, False


# -- nginx -------------------------------------------------------------------------------------------------------------

_SETTERS = frozenset((
    "proxy_set_header", "add_header", "set", "fastcgi_param", "uwsgi_param", "scgi_param", "grpc_set_header",
))  # fmt: skip
_VARIABLE = re.compile(
    r"(?i)\$\{?(?:arg_|cookie_|http_(?:authorization|cookie|\w*(?:key|token|secret|auth))|\w*(?:passw|secret|token))"
)
_NAMED = re.compile(r"(?i)auth(?!_basic)|cookie|token|secret|passw|key|credential|session")
#: Directives whose name holds a word of a secret, and whose value is a place or a path.
_PLACES = re.compile(r"\s*#?\s*(?:server_tokens|proxy_cookie_\w+|\w*ssl_\w+|\w+_file|proxy_(?:hide|pass)_header)\s")
_LINES = re.compile(r"[^\n]*\n?")


def nginx(data: bytes, path: str) -> Redacted:
    """A file of nginx's configuration: values of headers, maps and comparisons that carry a credential are hidden.

    What nginx itself could not read is gone through line by line only.
    """
    done = Redacted("")
    try:
        spans = sorted(_spans(_nginx_conf.parse(data, path).directives), reverse=True)
    except SteveError:
        spans = []
    for begin, end in spans:
        done.counts["nginx-value"] += 1
        data = data[:begin] + f'"{HIDDEN}"'.encode("ascii") + data[end:]
    done.text = data.decode("utf-8", "surrogateescape")
    _keys(done)
    done.shorten()
    text = done.text
    pieces = []
    for line in _LINES.findall(text):
        kept = line if _PLACES.match(line) else _nginx_view.redact_text(line)
        # The end of a directive must not get lost with its value.
        if kept != line and line.rstrip().endswith((";", "{")) and not kept.rstrip().endswith((";", "{")):
            kept = kept.rstrip("\r\n") + line.rstrip()[-1] + line[len(line.rstrip()) :]
        done.counts["nginx-line"] += kept != line and f'"{HIDDEN}"' not in line
        pieces.append(line if f'"{HIDDEN}"' in line else kept)
    done.text = "".join(pieces)
    done.rule("authorization", _TOKEN, rf"\1 {HIDDEN}", "basic ", "bearer ")
    done.rule("userinfo", _USERINFO, rf"\1{HIDDEN}@", "://")
    return done


def _spans(directives: tuple[_nginx_conf.Directive, ...]) -> list[tuple[int, int]]:
    """From and to of the words that carry a credential."""
    found = []
    for one in directives:
        words = one.words
        hidden: tuple[_nginx_conf.Word, ...] = ()
        if one.name in _SETTERS and len(words) > 2 and _NAMED.search(words[1].text):
            hidden = words[2:]
        elif one.name == "if" and len(words) > 3 and _VARIABLE.search(words[1].text):
            hidden = words[3:]
        elif one.name in ("secure_link_md5", "secure_link_secret"):
            hidden = words[1:]
        elif one.name in ("map", "split_clients") and one.block is not None and one.args:
            found += _map_spans(one)
            continue
        found += [(word.start, word.end) for word in hidden if not _is_plain(word.text)]
        if one.block is not None:
            found += _spans(one.block.directives)
    return found


def _map_spans(directive: _nginx_conf.Directive) -> list[tuple[int, int]]:
    """The keys of a map from a credential, the values of a map to one."""
    if directive.block is None:
        return []
    of, to = bool(_VARIABLE.search(directive.args[0])), bool(_NAMED.search(directive.args[-1]))
    found = []
    for child in directive.block.directives:
        if child.name in ("include", "hostnames", "volatile"):
            continue
        words = (*(child.words[:1] if of and child.name != "default" else ()), *(child.words[1:] if to else ()))
        found += [(word.start, word.end) for word in words if not _is_plain(word.text)]
    return found


def _is_plain(text: str) -> bool:
    """Whether a word holds nothing but variables, a number or a switch."""
    plain = r"(?:[\s()!~*=]|\$\w+|\$\{\w+\})*|\d|always|websocket|upgrade|close|keep-alive"
    return re.fullmatch(plain, text, re.IGNORECASE) is not None
