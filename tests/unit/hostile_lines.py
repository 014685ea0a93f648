# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines that begin things which a rule of redaction looks for the end of, again and again, and never end them."""

from __future__ import annotations

#: What is begun.
BEGUN = (
    "idTag=[", '"idTag":"', '\\"idTag\\":\\"', "<idTag ", f"<idTag>{' ' * 20}", "Duplicate entry '", "idTag 'x",
    "key=AuthorizationKey ", '{"key":"WiFiPassword","value":"', "value=", "{", "}", "<key>", "<value>", "password=",
    'password="', "password=[", 'secret=\\"', "token={", "Authorization: Digest ", "response=", "Basic ", "Cookie: '",
    "_csrf", "://a:", "dbpass", "authorization=[", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\\n",
    "-----END PRIVATE KEY-----", "QUJD\\n", "-u ", "--password ", "${A_PW:-", "PW=", "basicauth.users=", "{A: ",
    "environment: {", "proxy_set_header X-Auth ", "# token ", 'token "', "/x?", "x?k=", "/", "?/", "https://a/", "a?",
    "{AuthorizationKey", "basicauthpassword", "BasicAuthPassword",
)  # fmt: skip


def line(begun: str, length: int) -> str:
    """So many characters of it, about."""
    return begun * (length // len(begun))
