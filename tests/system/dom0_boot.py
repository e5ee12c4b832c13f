# SPDX-License-Identifier: Apache-2.0
"""The distribution's kernel as dom0, from the hypervisor's first line to a shell with the tools' services up.

The kernel's log must hold no complaint (WARNING, BUG, Oops, an error) that the log on real Xen does not hold as well."""

import re

from lab import paths
from run.kernel_log import check_dom0_log


def boot(context):
    """Debian's kernel as dom0 comes up as shipped (xz bzImage), its log as clean as on Xen."""
    with context.dom0(kernel=paths.kernel(), timeout=400) as dom0:
        context.require("control_d" in dom0.run("cat /proc/xen/capabilities"), "dom0 has no control_d capability")
        context.require(dom0.run("nproc").strip() == "2", "dom0 has not its two vCPUs")
        listed = dom0.run(f"{context.tool} list")
        context.require(re.search(r"^Domain-0 +0 +512 +2 +r", listed, re.M), f"unexpected list: {listed!r}")
        context.require(re.search(r"^xen_version +: 4\.17", dom0.run(f"{context.tool} info"), re.M),
                        "info does not tell version 4.17")
        check_dom0_log(context, dom0)
        dom0.send("99 poweroff -f\n")
        dom0.emulator.wait_end(60)


def smp(cpus, dom0_cpus):
    def run(context):
        """filled in below"""
        with context.dom0(cpus=cpus, dom0_cpus=dom0_cpus, memory="3G", timeout=240 + 10 * cpus) as dom0:
            found = dom0.run("nproc").strip()
            context.require(found == str(dom0_cpus), f"dom0 has {found} CPUs, not {dom0_cpus}")
            seen = re.search(r"^nr_cpus +: (\d+)", dom0.run(f"{context.tool} info"), re.M)
            context.require(seen and int(seen.group(1)) == cpus, f"info tells nr_cpus {seen and seen.group(1)}")
            dom0.run(f"for i in $(seq {dom0_cpus}); do (c=0; while [ $c -lt 2000 ]; do c=$((c+1)); done) & done; wait")
            check_dom0_log(context, dom0)

    run.__doc__ = f"{cpus} CPUs are brought up; dom0 uses {dom0_cpus} of them."
    return run


def memory(gigabytes):
    def run(context):
        """filled in below"""
        with context.dom0(memory=f"{gigabytes}G") as dom0:
            info = dom0.run(f"{context.tool} info")
            total = int(re.search(r"^total_memory +: (\d+)", info, re.M).group(1))
            free = int(re.search(r"^free_memory +: (\d+)", info, re.M).group(1))
            context.require(abs(total - gigabytes * 1024) <= 16, f"total_memory is {total}")
            taken = total - free - 512
            most = 2 + 8.5 * gigabytes + 8
            if context.on == "orlop":
                context.require(taken <= most, f"the hypervisor and dom0's own structures take {taken} MB, {most} are "
                                               "the most")
            check_dom0_log(context, dom0)
            return f"{taken} MB taken beside dom0's 512"

    run.__doc__ = f"A machine with {gigabytes} GB: all of it is found, and the hypervisor takes little."
    return run


def cpu_model(model):
    def run(context):
        """filled in below"""
        with context.dom0(cpu=model) as dom0:
            context.require(dom0.run("nproc").strip() == "2", "dom0 has not its two vCPUs")
            check_dom0_log(context, dom0)
            return dom0.run("sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1").strip()

    run.__doc__ = f"dom0 comes up on an emulated {model.split(',')[0]}."
    return run


TESTS = {
    "dom0-boot": boot,
    "smp-1": smp(1, 1),
    "smp-4": smp(4, 4),
    "smp-8": smp(8, 8),
    "smp-64": smp(64, 4),
    "memory-1": memory(1),
    "memory-4": memory(4),
    "memory-16": memory(16),
    "cpu-intel": cpu_model("Skylake-Server,-smap,-smep,-pku,-rdtscp"),
    # TCG's MWAIT refuses the hints that Xen's idle loop gives it, so that Xen itself does not come up with it.
    "cpu-amd": cpu_model("EPYC,-smap,-smep,-rdtscp,-monitor"),
}
LONG = {"smp-8"}
