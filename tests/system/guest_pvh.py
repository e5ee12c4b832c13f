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
def _guest(vcpus):
    return guest_pv.guest_io(vcpus, extra=PVH, kernel=paths.kernel, sizes=(16, 4), need=guest_pv.need_hvm, cpus=1, dom0_cpus=1)


guest_pvh, guest_pvh_smp = _guest(1), _guest(4)
guest_pvh.__doc__ = "A stock PVH guest with 1 vCPU: ping, TCP and disk, by checksum."
guest_pvh_smp.__doc__ = "The same with 4 vCPUs."

TESTS = {"guest-pvh": guest_pvh, "guest-pvh-smp": guest_pvh_smp}
