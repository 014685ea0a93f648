# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values and env files that are easily read wrongly: compose itself judges them in the integration test."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    "",
    "plain",
    "1234",
    "0123",
    " leading",
    "trailing ",
    "\ttab\t",
    "in side",
    "#hash",
    "a #comment",
    "a#b",
    "$HOME",
    "${HOME:-x}",
    "$$",
    "a$",
    "$",
    "pa$$word",
    "single'quote",
    "'",
    "''",
    "'quoted'",
    '"quoted"',
    'double"quote',
    "both'and\"",
    "back\\slash",
    "\\",
    "\\\\",
    "trailing\\",
    "blank and trailing\\",
    "quote'and trailing\\",
    "\\n is no line",
    "\\$HOME",
    "\\'",
    '\\"',
    'it\'s $5 \\ "x" #1',
    "=",
    "a=b",
    "a:b",
    "export X=1",
    "Basic dXNlcjpwYXNz==",
    "\u00fcml\u00e4ut \u20ac \U0001f50c",
    "\u00a0nbsp\u00a0",
    "\u2028separator",
    "`id`",
    "$(id)",
    "a;b&c|d<e>f",
    "{{ template }}",
    "%s%n",
    "\x01\x7f",
    "\u0085next",
    "x" * 3000,
)

values = st.text(
    alphabet=st.sampled_from("ab1 \t'\"\\$#={}()`:;\u00e9\u00a0")
    | st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]),
    max_size=12,
)

FILES = (
    b"",
    b"\n",
    b"# only a comment",
    b"A=1\n",
    b"A=1",
    b"A=1\r\nB=2\r\n",
    b"# top\n\nA=1 # note\nexport B='two' # note\nC: three\n",
    b"  A  =  1  \n\tB=2\n",
    b"A=\nB=\n",
    b"A=\r\nB=x\r\n",
    b"A=   \nB=1\n",
    b"A= # not a comment\nB=1\n",
    b"A='multi\nline' # note\nB=\"x\ny\"\nC=1\n",
    b"A='it\\'s'\nB=\"a\\\"b\"\n",
    b"A=1\nA=2\nB=1\nA=3\n",
    b"A=$B\nB=${C:-x}\nC='$B'\n",
    b"A\nB=1\n",
    b"A\r\nB=1\n",
    b"\xef\xbb\xbfA=1\nB=2\n",
    b"A='x'# glued\nB=1\n",
    b"A='x'\t# tab\nB=1\n",
    b"A=x\t# no comment\nB=1\n",
    b"A=x'y'\nB=1\n",
    b"A='x'B=1\nC=2\n",
    b"# caf\xe9 in another encoding\nA=1\n",
    b"A.B=1\nA-B=2\nA[0]=3\n",
)
