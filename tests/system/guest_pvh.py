# SPDX-License-Identifier: Apache-2.0
"""The distribution's kernel, packed as it is shipped, as a PVH guest: what guest_pv.py asks of a paravirtualized one."""

import os
import sys

from lab import paths

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest_pv

PVH = ["type = 'pvh'"]
# TCG 7.2 may deliver an injected interrupt twice when the CPU's thread is called off right after VMRUN, which happens all
# the time when several CPUs take turns in one thread. A guest's kernel does not survive that: one CPU.
both = guest_pv.guest_io(1, 4, extra=PVH, kernel=paths.kernel, sizes=(16, 4), need=guest_pv.need_hvm, cpus=1, dom0_cpus=1)


def guest_pvh(context):
    """Stock PVH guests with 1 and then 4 vCPUs: ping, TCP and disk, by checksum."""
    return both(context)


TESTS = {"guest-pvh": guest_pvh}
