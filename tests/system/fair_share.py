# SPDX-License-Identifier: Apache-2.0
"""Busy guests share two CPUs by their weights; none starves, none fails."""

import re
import time

TOLERANCE = 0.25


def _times(context, dom0):
    """Seconds of CPU that each guest has had: {name: seconds}."""
    listed = dom0.run(f"{context.tool} list")
    return {name: float(seconds) for name, seconds in re.findall(r"^(busy\d) .* ([\d.]+)$", listed, re.M)}


def fair_share(context):
    """CPU time of busy guests on 2 CPUs is in proportion to their weights, within 25 %."""
    # The heaviest may not deserve more than one CPU, for a guest with one vCPU cannot use it.
    weights = [128, 128, 256, 256, 256, 256, 256, 512] if context.long else [128, 256, 256, 512]
    seconds = 600 if context.long else 40
    with context.dom0(files=context.guest_files(), memory="3G", cpus=2) as dom0:
        for number, weight in enumerate(weights):
            config = context.guest(f"busy{number}", task="while :; do :; done", memory=96,
                                   extra=[f"cpu_weight = {weight}"])
            dom0.put(f"/etc/xen/busy{number}.cfg", config)
            dom0.run(f"{context.tool} create /etc/xen/busy{number}.cfg", 240)
        for number in range(len(weights)):
            context.guest_says(dom0, f"busy{number}", "guest: up", 300)
        time.sleep(5)
        before = _times(context, dom0)
        time.sleep(seconds)
        after = _times(context, dom0)
        context.require(len(after) == len(weights), f"of {len(weights)} guests {len(after)} are left")
        had = [after[f"busy{n}"] - before[f"busy{n}"] for n in range(len(weights))]
        shares = [time_had / sum(had) for time_had in had]
        wanted = [weight / sum(weights) for weight in weights]
        told = ", ".join(f"{s * 100:.1f} % for {w * 100:.1f} %" for s, w in zip(shares, wanted))
        context.require(all(abs(s - w) <= TOLERANCE * w for s, w in zip(shares, wanted)), told)
        return told


TESTS = {"fair-share": fair_share}
