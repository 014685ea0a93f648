# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx configurations for tests: a source that lies in a dictionary, and random ones that nginx would read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.chargeops.steve.plugins.module_utils._errors import SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Config, glob_matches, load
from hypothesis import strategies as st

MAIN = "/etc/nginx/nginx.conf"


@dataclass(frozen=True)
class Dictionary:
    """A source whose files are the entries of a dictionary."""

    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise SteveError("read the nginx configuration", path, "No such file or directory", "Make it.")
        return self.files[path]

    def glob(self, pattern: str) -> list[str]:
        return sorted(path for path in self.files if glob_matches(pattern, path))


def source(main: str, **others: str) -> Dictionary:
    """A configuration; the names of other files are given with ``__`` for ``/``: ``conf_d__a`` is conf_d/a."""
    named = {f"/etc/nginx/{name.replace('__', '/')}": text.encode() for name, text in others.items()}
    return Dictionary({MAIN: main.encode(), **named})


def config(main: str, **others: str) -> Config:
    """``source`` read; it must be free of errors."""
    read = load(MAIN, source(main, **others))
    assert read.errors == []
    return read


def http(*servers: str, before: str = "") -> str:
    """A main file with these server blocks."""
    return "events {}\nhttp {\n" + before + "".join(servers) + "}\n"


# Words as people write them; what nginx and crossplane read differently (a "}" inside a word, "${x}" before a blank,
# blanks that only Unicode knows, escapes other than that of the quote) has tables of its own.
_first = st.sampled_from("aZ09_/.~^*+()|:=,@%&<>!?[]-")
_plain = st.builds(lambda first, rest: first + rest, _first, st.text(alphabet="aZ09_/.~^*+()|=,?#\"'[]-", max_size=6))
_inside = st.text(alphabet="ab Z0_{};#/.~*\u00e9\n\t", max_size=8)
_quoted = st.builds(lambda quote, text: quote + text + quote, st.sampled_from("\"'"), _inside)
_variable = st.sampled_from(["$host", "x${host}y", "$http_upgrade", "\\.php$", "'$a'", '"a\\"b"'])
words = st.one_of(_plain, _quoted, _variable)
names = st.sampled_from(["a", "server", "listen", "proxy_pass", "map", "location", "proxy_set_header", "default"])
_blanks = st.sampled_from([" ", "  ", "\t", "\n", "\r\n", " # a comment; { }\n", "\n#\n"])
_gaps = st.one_of(st.just(""), _blanks)


@st.composite
def directives(draw: st.DrawFn, depth: int = 3) -> str:
    """A directive, simple or with a block of others."""
    parts = [draw(names)]
    for _index in range(draw(st.integers(0, 3))):
        parts += [draw(_blanks), draw(words)]
    if depth and draw(st.integers(0, 2)) == 0:
        # A word would take the brace as its own after a dollar sign.
        inner = draw(st.lists(directives(depth=depth - 1), max_size=4))
        return "".join([*parts, " {", draw(_gaps), *inner, "}", draw(_gaps)])
    return "".join([*parts, draw(_gaps), ";", draw(_gaps)])


files = st.builds(lambda gap, parts: gap + "".join(parts), _gaps, st.lists(directives(), max_size=6))
