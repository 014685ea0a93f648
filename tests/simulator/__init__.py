# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An independent simulator of SteVe (an OCPP central system), release by release.

It is written from recorded answers of real servers and from SteVe's public source, and imports nothing of ``plugins/``.
"""

from .control import Control, ControlClient
from .embedded import Running, running_simulator, simulator_process
from .eras import ERAS, Era
from .server import ChargeBox, Options, Simulator, StartError

__all__ = [
    "ERAS",
    "ChargeBox",
    "Control",
    "ControlClient",
    "Era",
    "Options",
    "Running",
    "Simulator",
    "StartError",
    "running_simulator",
    "simulator_process",
]
