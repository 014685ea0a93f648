# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx configuration as a tree that knows where each word stands: it serves the reader and the editor. Pure.

The rules are those of ``ngx_conf_read_token`` in nginx's ``src/core/ngx_conf_file.c``: a comment starts only where a
word could start, ``}`` inside a word is part of it, ``${`` opens no block, a backslash protects the next byte, and
after a closing quote only a blank, ``;``, ``{`` or ``)`` may follow. Files are bytes; words are text (UTF-8, other
bytes as surrogates, so that a file name comes back as it was).
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

#: Blocks inside blocks; nginx's own contexts need six.
MAX_DEPTH = 64
#: Includes inside includes; nginx itself has no limit but its file descriptors.
MAX_INCLUDE_DEPTH = 16
#: Files of one configuration.
MAX_FILES = 2000
#: Code of the error for a file that is not there, as told by the host itself.
FILE_MISSING = "nginx-file-missing"

_BLANK = re.compile(rb"[ \t\r\n]+")
_COMMENT = re.compile(rb"#[^\n]*")
_QUOTED = {
    0x22: re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    0x27: re.compile(rb"'((?:[^'\\]|\\.)*)'", re.DOTALL),
}
_PLAIN = re.compile(rb"(?:[^ \t\r\n;{\\$]|\\.|\$\{*)+", re.DOTALL)
_ESCAPE = re.compile(rb"\\([\"'\\trn])")
_ESCAPED = {b"t": b"\t", b"r": b"\r", b"n": b"\n"}
_AFTER_QUOTE = b" \t\r\n;{)"
_NEEDS_QUOTES = re.compile(r"[\s;{}\"'\\#$]")


class NginxConfigError(SteveError):
    """A file is not what nginx could read, with the place in the words that nginx uses (``file:line``).

    Attributes:
        certain: False where only this reader gives up, and nginx may well read it.
    """

    code = "nginx-config-invalid"

    def __init__(self, file: str, line: int, what: str, certain: bool = True) -> None:
        self.file = file
        self.certain = certain
        self.line = line
        self.what = what
        super().__init__(
            "read the nginx configuration",
            f"{shown(file)}:{line}",
            what,
            "Look at that line; `nginx -t` shows nginx's own view of it.",
        )


def shown(text: str) -> str:
    """A word or file name for people: bytes that are not UTF-8 and control characters become visible escapes."""
    return inert(text, 400)


@dataclass(frozen=True)
class Word:
    """One word. ``start`` and ``end`` are byte offsets in its file, quotes included; ``line`` counts from 1."""

    text: str
    start: int
    end: int
    line: int


@dataclass(frozen=True)
class Block:
    """What stands between braces; ``open`` and ``close`` are the byte offsets of the braces themselves."""

    open: int
    close: int
    directives: tuple[Directive, ...]


@dataclass(frozen=True)
class Directive:
    """A directive with its arguments and, where it has one, its block. ``end`` is behind the ``;`` or ``}``."""

    file: str
    words: tuple[Word, ...]
    end: int
    block: Block | None = None

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0].text

    @property
    def args(self) -> tuple[str, ...]:
        """The other words."""
        return tuple(word.text for word in self.words[1:])

    @property
    def line(self) -> int:
        """Line of the first word, from 1."""
        return self.words[0].line

    @property
    def start(self) -> int:
        """Byte offset of the first word."""
        return self.words[0].start

    @property
    def where(self) -> str:
        """``file:line`` as nginx writes it."""
        return f"{shown(self.file)}:{self.line}"

    @property
    def text(self) -> str:
        """The directive without its block, on one line, for people."""
        return shown(" ".join(word.text if word.text else "''" for word in self.words))


@dataclass(frozen=True)
class File:
    """A file and the directives at its outermost level."""

    path: str
    data: bytes
    directives: tuple[Directive, ...]


def _text(raw: bytes) -> str:
    unescaped = _ESCAPE.sub(lambda match: _ESCAPED.get(match.group(1), match.group(1)), raw)
    return unescaped.decode("utf-8", "surrogateescape")


@dataclass
class _Open:
    """A block that is not closed yet."""

    words: tuple[Word, ...]
    brace: int
    directives: list[Directive] = field(default_factory=list)


def parse(data: bytes, path: str) -> File:
    """Read one file (includes are not followed).

    Raises:
        NginxConfigError: nginx would not read it, or it holds Lua code, which has rules of its own.
    """
    stack = [_Open((), -1)]
    words: list[Word] = []
    position, line = 0, 1
    while position < len(data):
        start, here = position, line
        first = data[start]
        skipped = _BLANK.match(data, position) or _COMMENT.match(data, position)
        if skipped is not None:
            position = skipped.end()
        elif first in b";{":
            position += 1
            if not words:
                raise NginxConfigError(path, here, f'unexpected "{chr(first)}"')
            if first == 0x7B:
                _open_block(stack, words, start, path)
            else:
                stack[-1].directives.append(Directive(path, tuple(words), position))
            words = []
        elif first == 0x7D:
            position += 1
            if words or len(stack) == 1:
                raise NginxConfigError(path, here, 'unexpected "}"')
            closed = stack.pop()
            block = Block(closed.brace, start, tuple(closed.directives))
            stack[-1].directives.append(Directive(path, closed.words, position, block))
        else:
            word = _word(data, start, here, path)
            words.append(word)
            position = word.end
        line += data.count(b"\n", start, position)
    if words:
        raise NginxConfigError(path, line, 'unexpected end of file, expecting ";" or "}"')
    if len(stack) > 1:
        raise NginxConfigError(path, line, 'unexpected end of file, expecting "}"')
    return File(path, data, tuple(stack[0].directives))


def _open_block(stack: list[_Open], words: list[Word], brace: int, path: str) -> None:
    if words[0].text.endswith("_by_lua_block"):
        what = f"{shown(words[0].text)} holds Lua code, which this reader does not understand"
        raise NginxConfigError(path, words[0].line, what, certain=False)
    if len(stack) > MAX_DEPTH:
        raise NginxConfigError(path, words[0].line, f"more than {MAX_DEPTH} blocks inside each other", False)
    stack.append(_Open(tuple(words), brace))


def _word(data: bytes, start: int, line: int, path: str) -> Word:
    quoted = _QUOTED.get(data[start])
    if quoted is None:
        match = _PLAIN.match(data, start)
        # A word that runs to the end of the file was never finished (a lone backslash at the end matches nothing).
        if match is None or match.end() == len(data) or data[match.end()] == 0x5C:
            raise NginxConfigError(path, line, 'unexpected end of file, expecting ";" or "}"')
        return Word(_text(match.group()), start, match.end(), line)
    match = quoted.match(data, start)
    if match is None or match.end() == len(data):
        raise NginxConfigError(path, line, "unexpected end of file after a quote")
    if data[match.end()] not in _AFTER_QUOTE:
        last = line + data.count(b"\n", start, match.end())
        raise NginxConfigError(path, last, f'unexpected "{shown(chr(data[match.end()]))}" after a closing quote')
    return Word(_text(match.group(1)), start, match.end(), line)


def quote(text: str) -> str:
    """A word as it must stand in a file so that nginx reads exactly ``text``."""
    if text and not _NEEDS_QUOTES.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n") + '"'


@dataclass(frozen=True)
class Edit:
    """Put ``new`` in the place of the bytes from ``start`` to ``end`` of ``path``."""

    path: str
    start: int
    end: int
    new: bytes


def edited(data: bytes, edits: Iterable[Edit]) -> bytes:
    """The bytes after the edits, all of which refer to the offsets of ``data``.

    Raises:
        ValueError: two edits overlap or reach beyond the file.
    """
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda item: (item.start, item.end)):
        if not done <= edit.start <= edit.end <= len(data):
            raise ValueError(f"the edits of {edit.path} overlap or lie outside of it")
        pieces += [data[done : edit.start], edit.new]
        done = edit.end
    return b"".join([*pieces, data[done:]])


class Source(Protocol):
    """Where the bytes come from: this host's disk, a container, a test's dictionary."""

    def read(self, path: str) -> bytes:
        """The content of a file. Raises SteveError."""

    def glob(self, pattern: str) -> list[str]:
        """The files that match a pattern, in byte order as nginx takes them. Raises SteveError."""


def glob_matches(pattern: str, path: str) -> bool:
    """Whether glob(3) would find ``path`` by ``pattern``: component by component, a leading dot only by a dot."""
    wanted, parts = pattern.split("/"), path.split("/")
    if len(wanted) != len(parts):
        return False
    return all(
        fnmatch.fnmatchcase(part, glob) and (not part.startswith(".") or glob.startswith("."))
        for glob, part in zip(wanted, parts)
    )


def has_magic(pattern: str) -> bool:
    """Whether nginx hands an include to glob(3) (``ngx_conf_include``)."""
    return any(char in pattern for char in "*?[")


@dataclass(frozen=True)
class Overlay:
    """A source with some files replaced or added: how a plan is looked at before it is real."""

    base: Source
    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes:
        """The replaced content, else that of the base."""
        return self.files[path] if path in self.files else self.base.read(path)

    def glob(self, pattern: str) -> list[str]:
        """What the base finds, and the added files that match."""
        found = set(self.base.glob(pattern)) | {path for path in self.files if glob_matches(pattern, path)}
        return sorted(found, key=os.fsencode)


@dataclass
class Config:
    """A configuration with everything that it includes.

    Attributes:
        main: path of the main file.
        files: every file read, by the path under which nginx knows it, in the order of reading.
        included: for an include directive (file, byte offset), the files that it brings.
        errors: what could not be read; the rest of the tree is there nevertheless.
    """

    main: str
    files: dict[str, File] = field(default_factory=dict)
    included: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    errors: list[SteveError] = field(default_factory=list)

    def pattern(self, include: Directive) -> str:
        """The absolute pattern of an include: relative ones start at the main file's directory, wherever they stand."""
        return os.path.join(os.path.dirname(self.main), include.args[0])

    def expand(self, directives: Iterable[Directive]) -> Iterator[Directive]:
        """The directives of one level with those of included files in their places; the includes themselves too."""
        for directive in directives:
            yield directive
            for path in self.included.get((directive.file, directive.start), ()):
                yield from self.expand(self.files[path].directives)

    def top(self) -> Iterator[Directive]:
        """The directives of the main context."""
        return self.expand(self.files[self.main].directives if self.main in self.files else ())

    def inside(self, directive: Directive) -> Iterator[Directive]:
        """The directives of a block's level."""
        return self.expand(directive.block.directives if directive.block is not None else ())

    def walk(self, directives: Iterable[Directive] | None = None) -> Iterator[Directive]:
        """Every directive of the configuration, blocks before what is in them."""
        for directive in self.top() if directives is None else directives:
            yield directive
            yield from self.walk(self.inside(directive))


def is_include(directive: Directive) -> bool:
    """Whether a directive brings other files."""
    return directive.name == "include" and len(directive.args) == 1 and directive.block is None


def load(main: str, source: Source) -> Config:
    """Read a configuration from its main file (absolute path). Never raises: see ``Config.errors``."""
    config = Config(main)
    try:
        config.files[main] = parse(source.read(main), main)
    except SteveError as error:
        config.errors.append(error)
        return config
    _follow(config, config.files[main], source, (main,))
    return config


def _follow(config: Config, file: File, source: Source, chain: tuple[str, ...]) -> None:
    for include in _includes(file.directives):
        key = (include.file, include.start)
        try:
            paths = _targets(config, include, source, chain)
        except SteveError as error:
            config.errors.append(error)
            continue
        arrived = []
        for path in paths:
            if path not in config.files:
                try:
                    config.files[path] = parse(source.read(path), path)
                except SteveError as error:
                    config.errors.append(_at_include(include, path, error))
                    continue
                _follow(config, config.files[path], source, (*chain, path))
            arrived.append(path)
        config.included[key] = tuple(arrived)


def _at_include(include: Directive, path: str, error: SteveError) -> SteveError:
    """A file that is not there is the fault of the line that names it; what cannot be read says nothing of nginx."""
    if error.code != FILE_MISSING or has_magic(include.args[0]):
        return error
    return NginxConfigError(include.file, include.line, f"the file {shown(path)} that it includes does not exist")


def _targets(config: Config, include: Directive, source: Source, chain: tuple[str, ...]) -> list[str]:
    pattern = config.pattern(include)
    paths = source.glob(pattern) if has_magic(pattern) else [pattern]
    if any(path in chain for path in paths):
        raise NginxConfigError(include.file, include.line, "a file includes itself", False)
    if len(chain) > MAX_INCLUDE_DEPTH:
        what = f"more than {MAX_INCLUDE_DEPTH} includes inside each other"
        raise NginxConfigError(include.file, include.line, what, False)
    if len(config.files) + len(paths) > MAX_FILES:
        raise NginxConfigError(include.file, include.line, f"more than {MAX_FILES} files", False)
    return paths


def _includes(directives: Iterable[Directive]) -> Iterator[Directive]:
    for directive in directives:
        if is_include(directive):
            yield directive
        elif directive.block is not None:
            yield from _includes(directive.block.directives)
