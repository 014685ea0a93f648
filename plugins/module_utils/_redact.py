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
from typing import Callable, Iterator

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
_WORDS = ("pass", "pwd", "secret", "token", "key", "credential", "authori", "webapi", "pw", "psk")

#: Values that say nothing secret behind the name of a secret. ``$NAME`` is a variable in compose's files only.
_HARMLESS = (
    r"(?:YES|NO|true|false|null|None|undefined|\(value|\(secret|\[PROTECTED\]|\*+|\$\{\w+\})(?![^\s\"',;)}\]])"
)
_HARMLESS_IN_COMPOSE = (
    # "${NAME:?message}" and "${NAME:-(value hidden)}" as a whole, and behind the name in them.
    rf"(?:{_HARMLESS}|#(?!\S)|\$\{{\w+:?(?:\?[^{{}}\n]*|[-+]\(value hidden\))\}}|\?|[-+]\(value"
    r"|\$\w+(?![^\s\"',;)}\]]))"
)

#: Names in front of a value that a rule may hide, and that alone would not make a value known as a secret.
_NAMES = rf"(?:{NAME}|(?<![a-z])pw(?![a-z])|(?:db|user|root|admin|smtp|mail|ldap|require)_?pass(?![a-z])|psk(?![a-z]))"

_PEM = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----"
    r"(?:(?:(?!-----BEGIN )[\s\S]){0,20000}?-----END (?P=kind)-----"
    # Without its end: the lines that may be its own, also in one line.
    r"|(?:(?:\\r)?(?:\\n|\r?\n|\\u000[aA])(?:[\d:.T-]{19,30}Z )?"
    r"(?:[A-Za-z0-9+/=]{0,100}|(?:Proc-Type|DEK-Info): [^\n\\]{0,100})(?=\\[rnu]|\r?\n|\Z)"
    r"| [A-Za-z0-9+/]{16,100}={0,2}(?=\s|\Z)){0,500}"
    # The same behind what a log writes in front of its lines; the last one is shorter.
    r"(?:\n[^\n]{1,300}?(?<=\s)[A-Za-z0-9+/]{16,100}={0,2}(?=\r?\n|\Z)){0,500})"
)
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY")
#: Lines of a key of which the begin is not in the text.
_MAX_KEY_LINES = 500
_KEY_LINE = re.compile(r"(?P<before>(?:[^\n]{0,300}\s)?)(?P<key>[A-Za-z0-9+/]{1,200}={0,2})\r?")
_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\"
_SCHEME = r"(?:basic|bearer|digest|token)\s{1,4}"
#: A parameter of a scheme, as ``realm="x"``: no credential, or one that has a rule of its own.
_PARAMETER = r"(?:realm|username|nonce|uri|qop|algorithm|charset|opaque|response|cnonce|error)="
_AUTHORIZATION = re.compile(
    rf"(?i)(authorization\\{{0,4}}[\"']?\s{{0,4}}[:=]\s{{0,4}}[\"'\[\\]{{0,4}})({_SCHEME})?"
    rf"(?![\"'\[\\]{{0,4}}(?:{_HARMLESS}|{_PARAMETER}|{_SCHEME}))[^\s\"'\],;}}\\]+"
)
# "Basic Authorization header" is how SteVe itself speaks.
_TOKEN = re.compile(rf"(?i)\b(basic|bearer) (?!{_PARAMETER})(?=[^\s\"']*[0-9=+/])[A-Za-z0-9+/=_.~-]{{6,}}")
_DIGEST = re.compile(r"(?i)(\b(?:response|cnonce)=\\{0,7}[\"']?)(?!\(value)[^\s\"'\\,;\]}]+")
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
#: A value in quotes, however often they were escaped; one whose end is missing goes to the end of its line, so that no
#: character is gone through twice.
_IN_QUOTES = (
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.)+)|'(?P<single>(?:[^'\\\n]|\\.)+)"
    r"|(?P<slashes>\\{1,7})(?P<quote>[\"'])(?P<escaped>(?:(?!(?<!\\)(?P=slashes)(?P=quote))[^\n])+))"
)
_TAG_NAME = r"(?:parent|ocpp)?_?(?:id_?(?:tag|token)|tag_?id)(?:s|_?list)?"
_TAG = re.compile(
    rf"(?i){_TAG_NAME}(?:\\{{0,7}}[\"'])?\s{{0,4}}[:=]\s{{0,4}}(?:{_IN_QUOTES}"
    # Lists, also of things in quotes; a value in braces is none where more than it stands in them.
    r"|\[(?P<list>[^\[\]{}\n]+)|\{(?P<braced>[^\s\"'\\,;}\])<>{\[(=:]{1,200})\}"
    r"|(?P<bare>[^\s\"'\\,;}\])<>{\[(]+))"
    rf"|(?:{_TAG_NAME}|ocpp_?tag)(?:\(s\))? [\"'\[](?P<called>[^\"'\]\n]+)"
    r"|Multiple users found for OcppTag (?P<unnamed>[^\n]+)"
    r"|Duplicate entry '(?P<entry>(?:(?!' for key )[^\n]){1,300})(?=' for key '[^'\n]{0,100}id_?tag)"
)
_TAG_ELEMENT = re.compile(
    rf"(?i)(?:<|&lt;)(?:[\w.-]{{1,40}}:)?{_TAG_NAME}(?:\s(?:(?!&gt;)[^<>\n]){{0,500}})?(?:>|&gt;)"
    # The next line of the log is no value of an element that does not end.
    r"\s{0,200}(?!(?:[\d:.T-]{19,30}Z )?\[(?:INFO|WARN|ERROR|DEBUG|TRACE) ?\] )"
    r"(?:[\d:.T-]{19,30}Z\s{1,200})?(?:<!\[CDATA\[)?"
    r"(?P<text>(?:(?!&lt;|\]\]>)[^<\s])(?:(?!&lt;|\]\]>)[^<\n])*)"
)
#: Groups of the rules above that hold a value.
_VALUES = ("double", "single", "escaped", "list", "braced", "bare", "called", "unnamed", "entry", "text")
_TAG_HINTS = ("idtag", "id_tag", "idtoken", "id_token", "tagid", "tag_id", "ocpptag")
#: What stands in the place of a value and is none.
_NO_VALUE = re.compile(r"\s*(?:true|false|null|\(value hidden\))?\s*", re.IGNORECASE)
_ITEM = re.compile(r"[^\s,\"'\\](?:[^,\"'\\\n]*[^\s,\"'\\])?")
#: Names of what a station is configured with, of which the value is a secret. ``AuthorizationCacheEnabled`` is none.
_STATION_SECRET = re.compile(
    r"(?i)(?:passw(?:or)?[dt]|passwort|passphrase|passcode|psk|pwd|secret|credential"
    r"|(?:authori[sz]ation|auth|api|private|security|encryption|wpa|wep|wi-?fi|wlan|access|shared)[-_. ]?key"
    r"|token|(?<![a-z])(?:pass|pw|pin)(?![a-z])|(?-i:PIN|Pin(?![a-z])))"
    r"(?![\w.-]{0,40}(?:length|enabled|lifetime|timeout|interval|count|policy|required|supported|_file|_path)\Z)"
)
_STATION_TAG = re.compile(rf"(?i){_TAG_NAME}\Z")
#: What tells where in a line the name of a key and its value stand: braces, labels, elements.
_STATION_PART = re.compile(
    r"(?i)(?P<open>\{)|(?P<close>\})"
    r"|(?<![\w.-])(?:(?P<name>key|name)|(?:attribute_?)?value)(?:\\{0,7}[\"'])?\s{0,4}[:=]\s{0,4}"
    rf"(?:{_IN_QUOTES}|(?P<bare>[^\s\"'\\,;}}\])<>{{\[(]+))"
    r"|(?:<|&lt;)(?:[\w.-]{1,40}:)?(?:(?P<element>key|name)|value)(?:\s(?:(?!&gt;)[^<>\n]){0,500})?(?:>|&gt;)"
    r"\s{0,20}(?:<!\[CDATA\[)?(?P<text>(?:(?!&lt;|\]\]>)[^<\n])+)"
)
_SECRET_NAME, _SECRET_NAME_IN_COMPOSE = (re.compile(
    rf"(?i)({_NAMES}[\w.-]{{0,60}}(?<!_file)(?<!_path)(?<!\.java)\\{{0,4}}[\"']?\s{{0,4}}[:=]\s{{0,4}}{tagged})"
    rf"(\\{{1,4}}\"[^\"\n]{{0,4000}}?\\{{1,4}}\"|\"(?:[^\"\\\n]|\\.){{0,4000}}\"|'[^'\n]{{0,4000}}'"
    # A list is hidden as a whole; objects have names of their own.
    rf"|(?![\[{{]{{0,2}}{_SCHEME}(?:\(value|{_PARAMETER}))(?:\[(?!\(value)[^\[\]{{}}\n]+\]?"
    rf"|(?![\"']|\[[\[\]{{(]|\{{\\{{0,7}}[\"']|\\{{0,4}}[\"']?{harmless})(?:\{{\w{{1,20}}\}})?[^\s,;&\"'<>)}}\]]+))"
) for harmless, tagged in (
    (_HARMLESS, ""), (_HARMLESS_IN_COMPOSE, r"(?:[&!][\w!.-]{1,60}\s{1,4}){0,2}"),
))  # fmt: skip
_ASSIGNED = re.compile(
    rf"(?i)((?<!\S)--?(?:[\w-]{{0,40}}-)?{_NAMES}[\w-]{{0,40}}(?<!-file)(?<!-path) )(?!{_HARMLESS}|-)[^\s\"',\]}}]+"
)
_IDENTIFIED = re.compile(r"(?i)(identified (?:by|with \S+ (?:by|as)) )('[^']*'|\"[^\"]*\")")
_MYSQL_P = re.compile(r"((?:^|[\s\"'])-p)(?!\$|orts?\b|\(value)([^\s\"',\]]+)")


@dataclass
class Redacted:
    """A text, and how often each rule hid something of it.

    Attributes:
        values: name and value of what was hidden in a compose file, for whoever has to know them elsewhere.
    """

    text: str
    counts: Counter[str] = field(default_factory=Counter)
    values: list[tuple[str, str]] = field(default_factory=list, repr=False)
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
        self.lines(name, lambda line: (pattern.sub(counted, line), 0), *hints)

    def lines(self, name: str, put: Callable[[str], tuple[str, int]], *hints: str) -> None:
        """Apply to lines that hold one of the hints what gives a line and how often it hid something of it."""
        lines = self.text.split("\n")
        for number, line in enumerate(lines):
            if number % _CHECKED_LINES == 0:
                self.check()
            lowered = line.lower()
            if any(hint in lowered for hint in hints):
                lines[number], count = put(line)
                self.counts[name] += count
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
    done = Redacted(text, check=check)
    _keys(done)
    done.shorten()
    _idtags(done, known)
    done.lines("station-key", lambda line: _station_values(line, known), *_WORDS, "psk", "pin", "tag")
    _headers(done)
    done.rule("query", _WORD, lambda match: _without_query(match.group()), "?")
    _values(done, _SECRET_NAME)
    return done


def _idtags(done: Redacted, known: Tags) -> None:
    done.rule("id-tag", _TAG, lambda match: _tagged(match, known), *_TAG_HINTS)
    if "<" in done.text or "&lt;" in done.text:
        # Its value may stand in the line below.
        done.rule("id-tag", _TAG_ELEMENT, lambda match: _tagged(match, known))


def _tagged(match: re.Match[str], known: Tags) -> str:
    """What a rule for idTags found, with numbers in their places."""
    name, value = _caught(match)
    if name == "list":
        shown = _ITEM.sub(lambda item: _tag(item.group(), known), value)
    else:
        shown = _tag(value, known)
    begin = match.start(name) - match.start()
    return match.group()[:begin] + shown + match.group()[begin + len(value) :]


def _caught(match: re.Match[str]) -> tuple[str, str]:
    """Name and text of the group that holds the value."""
    return next((name, match[name]) for name in _VALUES if match.re.groupindex.get(name) and match[name] is not None)


def _tag(value: str, known: Tags) -> str:
    inner = value.strip()
    if not inner or inner.lower() in ("null", "none") or inner.startswith("(idTag"):
        return value
    return value.replace(inner, known.shown(inner))


@dataclass
class _Object:
    """What was read of an object in a line so far: the name of a key, and where values stand."""

    secret: str = ""
    named: bool = False
    values: list[tuple[int, int]] = field(default_factory=list)


def _station_values(line: str, known: Tags) -> tuple[str, int]:
    """A line without the values of a station's secret keys, and how many they were.

    ``{"key": ..., "value": ...}`` in either order, the same as ``key=..., value=...`` and as elements, and OCPP 2's
    ``{"attributeValue": ..., "variable": {"name": ...}}``.
    """
    if "value" not in line.lower():
        return line, 0
    hidden: dict[tuple[int, int], str] = {}
    stack = [_Object()]

    def settle(one: _Object) -> None:
        if one.secret:
            hidden.update(dict.fromkeys(one.values, one.secret))

    for match in _STATION_PART.finditer(line):
        top = stack[-1]
        if match["open"]:
            stack.append(_Object())
        elif match["close"]:
            settle(top)
            if len(stack) > 1:
                stack.pop()
                # The name of a variable stands one object deeper than its value.
                stack[-1].secret = stack[-1].secret or ("" if top.values else top.secret)
        elif match["name"] or match["element"]:
            if top.named and top.values:
                settle(top)
                stack[-1] = top = _Object()
            value = _caught(match)[1].strip()
            secret = "key" if _STATION_SECRET.search(value) else "tag" if _STATION_TAG.search(value) else ""
            top.named, top.secret = True, top.secret or secret
        else:
            top.values.append(match.span(_caught(match)[0]))
    for one in stack:
        settle(one)
    pieces, end, count = [], 0, 0
    for span, kind in sorted(hidden.items()):
        value = line[slice(*span)]
        shown = _tag(value, known) if kind == "tag" else value if _NO_VALUE.fullmatch(value) else HIDDEN
        pieces += [line[end : span[0]], shown]
        end, count = span[1], count + (shown != value)
    return "".join([*pieces, line[end:]]), count


def _without_query(word: str) -> str:
    """A word that holds a URL or a path, without the values behind its question mark."""
    place = _PLACE.search(word)
    mark = word.find("?", place.end()) if place else -1
    if mark < 0 or "=" not in word[mark:] or word.startswith("(query", mark + 1):
        return word
    return f"{word[: mark + 1]}(query hidden)"


def _keys(done: Redacted) -> None:
    done.rule("private-key", _PEM, "(private key hidden)")
    if "-----END " in done.text:
        lines = done.text.split("\n")
        for number, line in enumerate(lines):
            end = _PEM_END.search(line)
            if end:
                done.counts["private-key"] += _keys_end(lines, number, end.start())
        done.text = "\n".join(lines)


def _keys_end(lines: list[str], number: int, end: int) -> int:
    """Hide a key of which only the end is in the text, in its line and in those before; 1 where there was one."""
    found = 0
    # As JSON it is one line: only the letters right before the end are gone through.
    line = lines[number]
    rest = line[:end].rstrip(_KEY_LETTERS)
    piece = line[len(rest) : end]
    if "\\n" in piece or len(piece.strip()) >= 16:
        lines[number], found = rest + HIDDEN + line[end:], 1
    for above in range(number - 1, max(number - _MAX_KEY_LINES, 0) - 1, -1):
        match = _KEY_LINE.fullmatch(lines[above])
        # Its last line may be as short as it likes, and stands right above the end.
        if match is None or (len(match["key"]) < 16 and above < number - 1):
            break
        lines[above], found = match["before"] + HIDDEN, 1
    return found


def _headers(done: Redacted) -> None:
    whole = "authorization"
    done.rule(whole, _AUTHORIZATION, lambda match: f"{match.group(1)}{match.group(2) or ''}{HIDDEN}", whole)
    done.rule(whole, _TOKEN, rf"\1 {HIDDEN}", "basic ", "bearer ")
    done.rule(whole, _DIGEST, rf"\1{HIDDEN}", "digest ")
    done.rule("cookie", _COOKIE, rf"\1{HIDDEN}", "cookie")
    done.rule("cookie", _SESSION, rf"\1{HIDDEN}", "jsessionid")
    done.rule("csrf", _CSRF, rf"\1{HIDDEN}", "csrf", "xsrf")


def _values(done: Redacted, secret_name: re.Pattern[str]) -> None:
    done.rule("userinfo", _USERINFO, rf"\1{HIDDEN}@", "://")
    done.rule("secret-name", secret_name, lambda match: _hidden_value(match, done), *_WORDS)
    done.rule("definition", _ASSIGNED, rf"\1{HIDDEN}", *_WORDS)
    done.rule("identified-by", _IDENTIFIED, rf"\1{HIDDEN}", "identified")


_IS_HIDDEN = re.compile(rf"(?i)(?:{_SCHEME})?\((?:value|secret) hidden\)")


def _hidden_value(match: re.Match[str], done: Redacted) -> str:
    """The name and, in place of the value, a word; its quotes stay."""
    value = match.group(2)
    inner = value.strip("\\\"'[]")
    if not inner or re.fullmatch(_HARMLESS, inner) or _IS_HIDDEN.fullmatch(inner):
        return match.group()
    done.values.append((re.split(r"\W*[:=]", match.group(1))[0], inner))
    if value[0] == "[":
        return f"{match.group(1)}[{HIDDEN}]"
    edge = value[: len(value) - len(value.lstrip("\\\"'"))] if value[0] in "\\\"'" else ""
    return f"{match.group(1)}{edge}{HIDDEN}{edge}"


#: ``-u name:password`` of curl and others, also as two items of a list.
_USER_OPTION = re.compile(
    r"((?:^|(?<=[\s\"',\[]))(?:(?:-[a-zA-Z]{0,8}u|--(?:proxy-)?user)(?:[\"']?[\s,=]{1,4}[\"']?)|-u)"
    r"[^\s:\"',/$(){}\[\]=]{1,100}:)(?!\(value|\d{1,5}(?![^\s\"',\]]))([^\s\"',\]]+)"
)

# -- compose files -----------------------------------------------------------------------------------------------------

#: Variables whose value tells nothing but how things are connected.
_PLAIN = re.compile(
    r"(?:TZ|LANG|LC_\w+|JAVA_HOME|PUID|PGID|(?:[\w.]*[_.])?(?:PATH|DIR|FILE|USER|USERNAME|MODE|LEVEL|TIMEOUT)"
    r"|\w*(?:HOST|PORT|DATABASE|DB|DB_NAME|DBNAME|SCHEMA|PROFILES_ACTIVE|VERSION|ENABLED))",
    re.IGNORECASE,
)
#: Variables whose value has names of its own in it, by which its secrets are known.
_SPEAKING = re.compile(r"(?:JAVA_TOOL|JDK_JAVA|\w*_?)(?:OPTS|OPTIONS|ARGS)", re.IGNORECASE)
_SPEAKING_VALUE = re.compile(r"[\"']?(?:jdbc:\w{1,20}|wss?)://", re.IGNORECASE)
#: Compose's own keys are written in small letters, so this is a variable wherever it stands.
_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]*[A-Z0-9]")
_IS_SECRET = re.compile(rf"(?i){_NAMES}")
_IS_NO_SECRET = re.compile(r"(?i)(?:_file|_path)$|^secrets$|^credential_spec$")
_KEY = re.compile(r"(\s*(?:#\s*)?(?:- +)?)([\"']?)([\w.$/{}-]+)(\2\s*:(?:\s+|$))(.*?)(,?\s*)$")
_ENTRY = re.compile(r"(\s*(?:#\s*)?- *[\"']?)([\w.-]+)(=)(.*?)([\"']?\s*)$")
_ITEM_OF_LIST = re.compile(r"(\s*- +[\"']?)(.*?)([\"']?\s*)$")
_ENVIRONMENT = frozenset(("environment", "args", "build-args"))
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?(?:\s+#.*)?")
_DEFAULT = re.compile(r"(\$\{\w+:?[-+])([^{}]*)(\})")
_SECRET_DEFAULT = re.compile(rf"(?i)(\$\{{\w{{0,60}}?{_NAMES}\w{{0,60}}:?[-+])(?!\(value)([^{{}}\n]{{1,500}})(?=\}})")
_VARIABLES = re.compile(r"[\"']?(?:\$\$?\{\w+(?::?\?[^{}]*)?\}|\$\$?\w+)[\"']?")
#: Variables that stand with others in a line: in a flow mapping or list, in a command.
_ENV_IN_LINE, _ENV_IN_FLOW = (re.compile(
    rf"(?:(?<=[\s,{{\[\"'(;])|^)(?:(?<=[\"'])(?P<item>{name})=(?P<all>[^\"'\n]+)(?=[\"'])"
    rf"|(?P<key>{name})[\"']?\s{{0,4}}(?::(?:\s{{1,4}}|(?=[\"']))|=)(?:[&!][\w!.-]{{1,60}}\s{{1,4}}){{0,2}}"
    rf"(?P<value>\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|"
    r"[^\s\"',;&|<>{}\]\[()$][^\s\"',;&|}\])]*))"
) for name in ("[A-Z][A-Z0-9_]{0,100}[A-Z0-9]", r"[\w.-]{1,100}"))  # fmt: skip
_FLOW = re.compile(
    r"(?:^|(?<=[\s{,\"']))(?:environment|args|build-args)[\"']?\s{0,4}:\s{0,4}(?:&\S{1,60}\s{1,4})?[\[{]"
)
_FLAG = re.compile(
    rf"(?i)((?:^|(?<=[\s\"',\[]))--?[\w.-]{{0,40}}?{_NAMES}[\w.-]{{0,40}}(?<!file)(?<!path)"
    rf"(?:[\"']\s{{0,4}},\s{{0,4}}[\"']|\s{{1,4}}[\"']?))(?!{_HARMLESS_IN_COMPOSE}|-)([^\s\"',\]}}]+)"
)
_FLAG_ITEM = re.compile(
    rf"(?i)--?(?:[\w.-]{{0,40}}?{_NAMES}[\w.-]{{0,40}}(?<!file)(?<!path)|(?P<user>[a-z]{{0,8}}u|-user))"
)
_BASIC_USERS = re.compile(r"(?i)(basicauth[\w.-]{0,60}users?[\"']?\s{0,4}[:=]\s{0,4}[\"']?)([^\"'\n]+)")
_BASIC_USER = re.compile(r"([\w.@-]{1,100}:)(?!\(value)([^\s,\"']+)")


@dataclass
class _Compose:
    """Where the lines of a compose file are.

    Attributes:
        block: column that lines must be deeper than to be a part of the hidden value above.
        below: column of a name whose value stands in the lines below, where they hold no names of their own.
        environment: column of the mapping or list of variables.
        flag: the option whose value is the next item of a list.
        sql: whether an item of this list is a program of the data base.
    """

    done: Redacted
    block: int | None = None
    below: int | None = None
    environment: int | None = None
    flag: re.Match[str] | None = None
    sql: bool = False


def compose(text: str) -> Redacted:
    """A compose file, line by line; values of variables are hidden unless their name says how things connect."""
    done = Redacted(text)
    done.shorten()
    at = _Compose(done)
    lines = []
    for line in done.text.splitlines(keepends=True):
        body = line.rstrip("\r\n")
        lines.append(_compose_line(body, at) + line[len(body) :])
    done.text = "".join(lines)
    _keys(done)
    _headers(done)
    done.rule("definition", _USER_OPTION, lambda match: _learned("password", match, done), "-u", "-user", "u ", "u\"")
    done.rule("definition", _BASIC_USERS, lambda match: _basic_users(match, done), "basicauth")
    done.rule("definition", _FLAG, lambda match: _learned("password", match, done), *_WORDS)
    done.rule("secret-name", _SECRET_DEFAULT, lambda match: _learned("password", match, done), "${")
    _values(done, _SECRET_NAME_IN_COMPOSE)
    return done


def _learned(name: str, match: re.Match[str], done: Redacted) -> str:
    _learn(name, match.group(2), done)
    return match.group(1) + HIDDEN


def _learn(name: str, value: str, done: Redacted) -> None:
    """Keep what was hidden, as the program would get it."""
    value = re.sub(r"^(?:[&!]\S*\s+)+", "", value.strip())
    if value[:1] in ("'", '"'):
        value, closed, _rest = value[1:].partition(value[0])
        # One that goes on in the next line is not known.
        value = value if closed else ""
    if value:
        done.values.append((name, value.replace("$$", "$")))


def _basic_users(match: re.Match[str], done: Redacted) -> str:
    return match.group(1) + _BASIC_USER.sub(lambda user: _learned("password", user, done), match.group(2))


def _compose_line(body: str, at: _Compose) -> str:
    """One line without its secrets; where the next ones are is kept."""
    bare = body.strip()
    if not bare:
        return body
    indent = len(body) - len(body.lstrip(" "))
    key = _KEY.fullmatch(body)
    is_item = body.lstrip().startswith("- ")
    if at.block is not None and indent > at.block:
        at.done.counts["secret-name"] += 1
        return " " * indent + HIDDEN
    at.block = None
    if at.below is not None and not bare.startswith("#"):
        if (indent > at.below or (indent == at.below and is_item)) and not key and bare not in ("{", "["):
            at.done.counts["secret-name"] += 1
            _learn("password", bare[2:] if is_item else bare, at.done)
            return " " * indent + ("- " if is_item else "") + HIDDEN
        at.below = None
    if at.environment is not None and not bare.startswith("#"):
        if indent < at.environment or (indent == at.environment and not is_item):
            at.environment = None
    if is_item:
        body = _compose_item(body, at)
    else:
        at.flag, at.sql = None, False
    opened = key.group(5) if key and key.group(3) in _ENVIRONMENT else None
    if opened is not None and (not opened or opened.startswith(("#", "&")) or opened in ("{", "[")):
        at.environment = indent
        return body
    body = _compose_value(body, _KEY.fullmatch(body), at)
    return _compose_flow(body, at.done)


def _compose_item(body: str, at: _Compose) -> str:
    """An item of a list: a word of a command may be the value of the one before."""
    match = _ITEM_OF_LIST.fullmatch(body)
    if match is None:
        return body
    before, word, after = match.groups()
    flag, at.flag = at.flag, _FLAG_ITEM.fullmatch(word)
    at.sql = at.sql or bool(re.match(r"(?i)(?:\S*/)?(?:mysql|mariadb)", word))
    name, sign, value = "", "", word
    if flag and flag["user"] and not re.fullmatch(r"\d+:\d+", word):
        name, sign, value = word.partition(":")
    hides = bool(flag and (sign or not flag["user"]) and not at.flag)
    if at.sql and not hides and re.match(r"-p[^\s$]", word):
        name, sign, value, hides = "-", "p", word[2:], True
    if not hides or not value or _VARIABLES.fullmatch(value) or value.startswith("(value"):
        return body
    at.done.counts["definition"] += 1
    _learn("password", value, at.done)
    return f"{before}{name}{sign}{HIDDEN}{after}"


def _hides_variable(name: str, value: str, in_environment: bool, commented: bool) -> str:
    """The rule by which a variable's value is hidden, or nothing."""
    if _IS_SECRET.search(name) and not _IS_NO_SECRET.search(name):
        return "secret-name"
    # "NOTE:" in a comment is no variable.
    if not in_environment and (not _ENV_NAME.fullmatch(name) or (commented and "_" not in name)):
        return ""
    speaks = _SPEAKING.fullmatch(name) or _SPEAKING_VALUE.match(value)
    return "" if _PLAIN.fullmatch(name) or speaks else "environment"


def _compose_value(body: str, key: re.Match[str] | None, at: _Compose) -> str:
    """A line that is a name and its value."""
    entry = _ENTRY.fullmatch(body)
    if entry:
        name, value, before, after = entry.group(2), entry.group(4), body[: entry.start(4)], entry.group(5)
    elif key:
        name, value, before, after = key.group(3), key.group(5), body[: key.start(5)], key.group(6)
    else:
        return _sql_password(body, at.done)
    commented = body.lstrip().startswith("#")
    rule = _hides_variable(name, value, at.environment is not None, commented)
    if not rule:
        return _sql_password(body, at.done)
    column = len(body) - len(body.lstrip()) if entry else len(key.group(1)) if key else 0
    if key and (not value or value.startswith("#")):
        at.below = None if commented else column
    elif _BLOCK.fullmatch(value):
        at.block = column
    elif value in ("{", "["):
        return body
    elif not _VARIABLES.fullmatch(value) and value not in ("''", '""') and not value.startswith("(value"):
        # A value may go on in deeper lines.
        at.block = None if commented else column
        kept = _DEFAULT.fullmatch(value.strip("\"'"))
        at.done.counts[rule] += 1
        _learn(name, kept.group(2) if kept else value, at.done)
        return before + (f"{kept.group(1)}{HIDDEN}{kept.group(3)}" if kept else HIDDEN) + after
    return body


def _sql_password(body: str, done: Redacted) -> str:
    if not re.search(r"(?i)mysql|mariadb", body):
        return body
    body, count = _MYSQL_P.subn(lambda match: _learned("password", match, done), body)
    done.counts["definition"] += count
    return body


def _compose_flow(body: str, done: Redacted) -> str:
    """A line without the values of variables that stand in it with others."""

    def put(match: re.Match[str], in_environment: bool) -> str:
        name, group = (match["item"], "all") if match["item"] else (match["key"], "value")
        value = match[group]
        commented = match.string.lstrip().startswith("#")
        rule = _hides_variable(name, value, in_environment, commented)
        inner = value.strip("\"'")
        if not rule or not inner or inner.startswith("(value") or _VARIABLES.fullmatch(inner) or "${" in inner:
            return match.group()
        done.counts[rule] += 1
        _learn(name, value, done)
        quote = value[0] if value[0] in "\"'" else ""
        return match.group()[: match.start(group) - match.start()] + quote + HIDDEN + quote

    flow = _FLOW.search(body)
    if flow:
        end = _closing(body, flow.end())
        inside = _ENV_IN_FLOW.sub(lambda match: put(match, True), body[flow.end() : end])
        body = body[: flow.end()] + inside + body[end:]
    return _ENV_IN_LINE.sub(lambda match: put(match, False), body)


def _closing(body: str, start: int) -> int:
    """Where the bracket that was opened before a place is closed."""
    depth = 1
    for match in re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[\[\]{}]").finditer(body, start):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return match.start()
    return len(body)


# -- nginx -------------------------------------------------------------------------------------------------------------

_SETTERS = frozenset((*_nginx_view.NAMING, "js_var"))
_VARIABLE = re.compile(
    r"(?i)\$\{?(?:arg_|cookie_|http_(?:authorization|cookie|\w*(?:key|token|secret|auth)"
    # A header of somebody's own that is compared with a word is how a proxy asks for a password.
    r"|x_(?!forwarded|real|scheme|request|original|client)\w)|\w*(?:passw|secret|token))"
)
_NAMED = re.compile(
    r"(?i)auth(?!_basic)|(?<![a-z])basic(?![a-z])|cookie|token|secret|passw|(?<![a-z])pw(?![a-z])|key|cred|session"
)
#: Directives whose name holds a word of a secret, and whose value is a place or a path.
_PLACES = re.compile(r"(?:server_tokens|proxy_cookie_\w+|\w*ssl_\w+|\w+_file|proxy_(?:hide|pass|ignore)_headers?)\b")
_COMMENT = re.compile(r"#[^\n]*")
#: A value as it stands in a configuration that is not read word by word: to the end of its directive.
_LOOSE = r"(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s;{}\"'][^;{}\n]*)"
_LOOSE_NAME = (
    r"(?:authori[sz]ation|cookie|token|secret|passw(?:or)?[dt]|passphrase|pwd|api[-_]?key|credential"
    r"|(?<![a-z])pw(?![a-z]))"
)
_LOOSELY = (
    re.compile(
        rf"(?i)((?<![\w-])(?:{'|'.join(sorted(_SETTERS))})\s{{1,200}}[\"']?[\w$-]{{0,60}}?(?:{_NAMED.pattern[4:]})"
        rf"[\w-]{{0,60}}[\"']?\s{{1,200}}){_LOOSE}"
    ),
    re.compile(rf"(?i)((?<![\w-])secure_link_(?:md5|secret)\s{{1,200}}){_LOOSE}"),
    re.compile(
        rf"(?i)((?<![\w-])if\s{{0,9}}\(\s{{0,9}}{_VARIABLE.pattern[4:]}\w{{0,60}}\}}?\s{{0,9}}(?:!?=|!?~\*?)\s{{0,9}})"
        r"(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s;{}()\"']+)"
    ),
    # What stands behind a blank only is a value where it is one word.
    re.compile(
        rf"(?i)((?<![\w/.:-])(?:[\w$-]{{0,60}}?){_LOOSE_NAME}[\w-]{{0,60}}[\"']?(?:[ \t]{{0,9}}[:=][ \t]{{0,9}}"
        rf"|[ \t]{{1,200}}(?=\"|'|[^\s;]{{1,500}}[ \t]*(?:[;}}]|$)))){_LOOSE}",
        re.MULTILINE,
    ),
)
_PARAMETERS = (
    re.compile(r"([?&][\w.-]{1,60}=)([^&\s;\"'#()]+)"),
    re.compile(rf"(?i)((?:{_NAMES}|(?<![\w-])key)[\w.-]{{0,60}}=)([^&\s;\"'#()]+)"),
)
_ENV_WORD = re.compile(rf"\A([\"']?(?!{_PLAIN.pattern}=)\w+=)([^\"']+)", re.IGNORECASE)
_HEADER_WORD = re.compile(
    rf"(?i)\A([\"']?[\w-]{{0,60}}?(?:{_NAMED.pattern[4:]})[\w-]{{0,60}}:\s{{0,9}})([^\"'\s][^\"']*)"
)


def nginx(data: bytes, path: str) -> Redacted:
    """A file of nginx's configuration: values of headers, maps and comparisons that carry a credential are hidden.

    It is gone through word by word, so that what stands beside a value stays; its comments, and a file that is not read
    word by word because nginx could not read it or because it holds Lua, are gone through by names.
    """
    done = Redacted("")
    try:
        directives = _nginx_conf.parse(data, path).directives
    except SteveError:
        done.text = data.decode("utf-8", "surrogateescape")
        _keys(done)
        done.shorten()
        done.text = _loosely(done.text, done)
    else:
        done.text = _nginx_words(data, directives, done)
        _keys(done)
        done.shorten()
    done.rule("authorization", _TOKEN, rf"\1 {HIDDEN}", "basic ", "bearer ")
    done.rule("userinfo", _USERINFO, rf"\1{HIDDEN}@", "://")
    return done


def _nginx_words(data: bytes, directives: tuple[_nginx_conf.Directive, ...], done: Redacted) -> str:
    """A file that was read, without what its words and comments hold of secrets."""
    hidden = set(_spans(directives))
    assigned = {one.words[1].start for one in directives if one.name == "env" and len(one.words) > 1}
    pieces, end = [], 0
    for word in sorted(_words(directives), key=lambda one: one.start):
        between = data[end : word.start].decode("utf-8", "surrogateescape")
        raw = data[word.start : word.end].decode("utf-8", "surrogateescape")
        end = word.end
        pieces.append(_COMMENT.sub(lambda match: _loosely(match.group(), done), between))
        if (word.start, word.end) in hidden:
            done.counts["nginx-value"] += 1
            # The comparison of an ``if`` ends with it.
            raw = f'"{HIDDEN}"' + (")" if raw.endswith(")") and raw[0] not in "\"'" else "")
        elif word.start in assigned:
            raw = _part(_ENV_WORD, raw, done)
        else:
            for pattern in (_HEADER_WORD, *_PARAMETERS):
                raw = _part(pattern, raw, done)
        pieces.append(raw)
    rest = data[end:].decode("utf-8", "surrogateescape")
    return "".join([*pieces, _COMMENT.sub(lambda match: _loosely(match.group(), done), rest)])


def _words(directives: tuple[_nginx_conf.Directive, ...]) -> Iterator[_nginx_conf.Word]:
    for one in directives:
        yield from one.words
        if one.block is not None:
            yield from _words(one.block.directives)


def _loosely(text: str, done: Redacted) -> str:
    for pattern in (*_LOOSELY, *_PARAMETERS, _USER_OPTION):
        text = _part(pattern, text, done)
    return text


def _part(pattern: re.Pattern[str], text: str, done: Redacted) -> str:
    """A text with the second group of a pattern hidden where it holds more than variables."""

    def put(match: re.Match[str]) -> str:
        before, value = match.group(1), match.group(2)
        inner = value.strip("\"'")
        if _PLACES.match(before) or _is_plain(inner.rstrip(") \t")) or inner.startswith("(value"):
            return match.group()
        done.counts["nginx-line"] += 1
        quote = value[0] if value[0] in "\"'" and value[-1] == value[0] else ""
        return f"{before}{quote}{HIDDEN}{quote}"

    return pattern.sub(put, text)


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
    plain = r"(?:(?:basic|bearer)\s)?(?:[\s()!~*=]|\$\w+|\$\{\w+\})*|\d|always|websocket|upgrade|close|keep-alive"
    return re.fullmatch(plain, text, re.IGNORECASE) is not None
