# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An envelope for results: text that no masking of short secrets can damage.

Ansible replaces every occurrence of a ``no_log`` value in what a module prints. SteVe's shipped password is
``1234``, so a charge box id ``CP-1234``, a port or a time would turn into asterisks. A module therefore prints
its result sealed (compressed, then written in letters that no secret contains); the action plugin of the same
name opens it on the controller. The result inside never contains a secret in the first place.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

#: Key under which a module hands the sealed result to its action plugin.
KEY = "steve_envelope"

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
# A block of the private use area: letters that stand in no password, id or page.
_SEALED = "".join(chr(0xE100 + index) for index in range(len(_ALPHABET)))
_TO_SEALED = str.maketrans(_ALPHABET, _SEALED)
_TO_PLAIN = str.maketrans(_SEALED, _ALPHABET)

#: Upper bound of an opened envelope in bytes; a larger one is refused instead of filling the memory.
MAX_BYTES = 256 * 1024 * 1024


def seal(result: dict[str, Any]) -> str:
    """Seal a result of plain JSON types.

    Raises:
        TypeError: the result holds something that is not JSON.
    """
    data = json.dumps(result, separators=(",", ":"), allow_nan=False).encode("ascii")
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii").translate(_TO_SEALED)


def unseal(text: str) -> dict[str, Any]:
    """Open a sealed result.

    Raises:
        ValueError: the text is not an envelope, is damaged, or holds more than ``MAX_BYTES``.
    """
    try:
        packed = base64.b64decode(text.translate(_TO_PLAIN).encode("ascii"), validate=True)
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(packed, MAX_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ValueError("the envelope is cut off or too large")
        value = json.loads(data)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"the module's result is damaged: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("the module's result is damaged: not a dictionary")
    return value
