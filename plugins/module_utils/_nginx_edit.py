# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small changes of an nginx file in the style of their surroundings: indented and ended like the neighbours. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Block, Directive, Edit

_REST_OF_LINE = re.compile(rb"[ \t\r]*(?:#[^\n]*)?\n")


def arguments_replaced(directive: Directive, new: bytes, keep: int = 0) -> Edit | None:
    """Other arguments in the place of a directive's own; None where it has none.

    Args:
        keep: how many of its arguments stay as they are.
    """
    words = directive.words[1 + keep :]
    return Edit(directive.file, words[0].start, words[-1].end, new) if words else None


def lines_behind(data: bytes, directive: Directive, lines: Sequence[bytes]) -> Edit:
    """Directives directly behind another one; on lines of their own unless something stands around that one.

    Args:
        data: the file of ``directive``.
        lines: the directives, without indentation and line end.
    """
    line_start = data.rfind(b"\n", 0, directive.start) + 1
    before = data[line_start : directive.start]
    rest = _REST_OF_LINE.match(data, directive.end)
    if rest is None or b"{" in before:
        return Edit(directive.file, directive.end, directive.end, b"".join(b" " + line for line in lines))
    newline = b"\r\n" if rest.group().endswith(b"\r\n") else b"\n"
    indent = before[: len(before) - len(before.lstrip(b" \t"))]
    return Edit(directive.file, rest.end(), rest.end(), b"".join(indent + line + newline for line in lines))


def lines_at_end(data: bytes, path: str, block: Block, lines: Sequence[bytes]) -> Edit:
    """Directives as the last lines of a block.

    Args:
        data: the content of ``path``.
        lines: the directives, without indentation and line end.
    """
    line_start = data.rfind(b"\n", 0, block.close) + 1
    if line_start <= block.open or data[line_start : block.close].strip():
        # The closing brace shares its line with something.
        gap = b"" if data[block.close - 1 : block.close] in (b" ", b"\t") else b" "
        return Edit(path, block.close, block.close, gap + b"".join(line + b" " for line in lines))
    newline = b"\r\n" if data[line_start - 2 : line_start] == b"\r\n" else b"\n"
    indent = data[line_start : block.close] + b"    "
    for child in block.directives:
        child_line = data.rfind(b"\n", 0, child.start) + 1
        if child_line > block.open and not data[child_line : child.start].strip():
            indent = data[child_line : child.start]
            break
    return Edit(path, line_start, line_start, b"".join(indent + line + newline for line in lines))
