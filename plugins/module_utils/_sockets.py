# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listening TCP sockets of a host from the text of /proc/net/tcp and tcp6. Pure.

The layout is that of the kernel's Documentation/networking/proc_net_tcp.rst: local address in hexadecimal, one 32 bit
word after the other in the order of the machine's bytes, state 0A for a listener, the inode as tenth column.
"""

from __future__ import annotations

import binascii
import ipaddress
import struct
import sys
from dataclasses import dataclass

_LISTEN = "0A"
_INODE = 9


@dataclass(frozen=True)
class Listener:
    """One listening socket; ``inode`` leads to its owner."""

    address: str
    port: int
    inode: int


def parse(text: str, byteorder: str = sys.byteorder) -> list[Listener]:
    """The listeners in one of the two tables; a line that cannot be read is left out.

    Args:
        text: the table with its heading.
        byteorder: ``little`` | ``big``, of the machine whose table it is.
    """
    result = []
    for line in text.splitlines()[1:]:
        columns = line.split()
        if len(columns) <= _INODE or columns[3] != _LISTEN:
            continue
        place, _separator, port = columns[1].partition(":")
        try:
            result.append(Listener(_address(place, byteorder), int(port, 16), int(columns[_INODE])))
        except ValueError:
            continue
    return result


def _address(text: str, byteorder: str) -> str:
    """The address of hexadecimal words; an IPv4 address within IPv6 as the IPv4 address.

    Raises:
        ValueError: no address.
    """
    try:
        raw = binascii.unhexlify(text)
        count = len(raw) // 4
        words = struct.unpack(("<" if byteorder == "little" else ">") + f"{count}I", raw)
        address = ipaddress.ip_address(struct.pack(f">{count}I", *words))
    except (binascii.Error, struct.error) as error:
        raise ValueError("no address") from error
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
