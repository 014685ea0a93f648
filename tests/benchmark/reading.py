# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measured process: reads a log file as a host does, and says what that cost; and the log that it reads."""

from __future__ import annotations

import json
import resource
import sys
import time

from ansible_collections.chargeops.steve.plugins.module_utils._log_source import Limits, read_file
from ansible_collections.chargeops.steve.plugins.module_utils._steve_log import Reader


def main() -> None:
    """Read the file named in the order, write what it cost."""
    order = json.load(sys.stdin)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    limits = Limits(0.0, 1 << 40, time.monotonic() + order["deadline"])
    reader, _window = read_file(order["path"], limits, Reader)
    document = reader.to_dict()
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    json.dump(
        {
            "seconds": seconds,
            "cpu_seconds": after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
            "peak_mb": after.ru_maxrss / 1024,
            "lines": document["lines"]["steve"],
            "boxes": len(document["boxes"]),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
