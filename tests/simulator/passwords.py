# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bcrypt hashes as SteVe stores them (``$2a$10$…``, no prefix)."""

from __future__ import annotations

import asyncio

import bcrypt


async def hash_password(password: str, rounds: int) -> str:
    """Hash off the event loop."""
    hashed = await asyncio.to_thread(bcrypt.hashpw, password.encode()[:72], bcrypt.gensalt(rounds, prefix=b"2a"))
    return hashed.decode()
