# SPDX-License-Identifier: Apache-2.0
"""The ends of a guest act as its config says: poweroff, reboot, crash, from inside and by command; pause stops it.

One small dom0 for all of it; guests are made one after the other."""

import re

from lab.dom0 import CommandFailed

from run.context import GUEST_LOG, Failure, Skip

COUNT = "i=0; while :; do i=$((i+1)); echo count $i; sleep 0.2; done"


def _state(context, dom0, name):
    """The letters of a guest's state, without blanks and dashes; None when there is no such guest."""
    found = re.search(rf"^{name} .* ([rbpscd-]{{6}}) ", dom0.run(f"{context.tool} list"), re.M)
    return found.group(1).replace("-", "") if found else None


def _start(context, dom0, name, task, extra=()):
    dom0.run(f"rm -f {GUEST_LOG.format(name)}")
    dom0.put(f"/etc/xen/{name}.cfg", context.guest(name, task=task, memory=96, extra=extra))
    dom0.run(f"{context.tool} create /etc/xen/{name}.cfg", 120)
    return int(dom0.run(f"{context.tool} domid {name}"))


def _gone(context, dom0, name):
    try:
        dom0.wait_for(f"! {context.tool} domid {name} 2>/dev/null >&2", 60)
    except CommandFailed:
        state = dom0.run(f"{context.tool} list {name}; tail -3 /var/log/xen/{context.tool}-{name}.log;"
                         f" tail -3 {GUEST_LOG.format(name)}", check=False)[1]
        raise Failure(f"{name} is still there: {state}") from None


def ends_from_inside(context):
    """poweroff, reboot and crash from inside a guest act as on_poweroff, on_reboot and on_crash say."""
    tool = context.tool
    with context.dom0(files=context.guest_files()) as dom0:
        _start(context, dom0, "off", "poweroff -f", ["on_poweroff = 'destroy'"])
        _gone(context, dom0, "off")
        _start(context, dom0, "kept", "poweroff -f", ["on_poweroff = 'preserve'"])
        dom0.wait_for(f"{tool} list kept | grep -q -e '--s-'", 90)
        dom0.run(f"{tool} destroy kept")
        first = _start(context, dom0, "again", "sleep 2; reboot -f", ["on_reboot = 'restart'"])
        dom0.wait_for(f"[ $({tool} domid again 2>/dev/null || echo 0) -gt {first} ]", 90)
        dom0.run(f"{tool} destroy again")
        _start(context, dom0, "gone", "reboot -f", ["on_reboot = 'destroy'"])
        _gone(context, dom0, "gone")
        _start(context, dom0, "crash", "echo c >/proc/sysrq-trigger", ["on_crash = 'preserve'"])
        dom0.wait_for(f"{tool} list crash | grep -q -e 'c- *[0-9.]*$'", 90)
        dom0.run(f"{tool} destroy crash")
        _start(context, dom0, "crash2", "echo c >/proc/sysrq-trigger", ["on_crash = 'destroy'"])
        _gone(context, dom0, "crash2")
        first = _start(context, dom0, "crash3", "sleep 2; echo c >/proc/sysrq-trigger", ["on_crash = 'restart'"])
        dom0.wait_for(f"[ $({tool} domid crash3 2>/dev/null || echo 0) -gt {first} ]", 90)
        dom0.run(f"{tool} destroy crash3")
        context.require(_state(context, dom0, "crash3") is None, "destroy left the guest in the list")


def ends_by_command(context):
    """pause, unpause, reboot, shutdown and destroy by command do what they say."""
    tool = context.tool
    with context.dom0(files=context.guest_files()) as dom0:
        first = _start(context, dom0, "busy", COUNT)
        log = GUEST_LOG.format("busy")
        context.guest_says(dom0, "busy", "count 3")
        dom0.run(f"{tool} pause busy")
        context.require("p" in (_state(context, dom0, "busy") or ""), "a paused guest is not listed as paused")
        before = dom0.run(f"sleep 1; wc -l <{log}; sleep 3; wc -l <{log}").split()
        context.require(before[0] == before[1], f"a paused guest went on: {before}")
        dom0.run(f"{tool} unpause busy")
        dom0.wait_for(f"[ $(wc -l <{log}) -gt {before[1]} ]", 30)
        dom0.run(f"{tool} reboot busy")
        dom0.wait_for(f"[ $({tool} domid busy 2>/dev/null || echo 0) -gt {first} ]", 90)
        dom0.wait_for(f"[ $(grep -c 'guest: up' {log}) = 2 ]", 90)
        dom0.run(f"{tool} shutdown -w busy", 120)
        _gone(context, dom0, "busy")
        _start(context, dom0, "victim", COUNT)
        dom0.run(f"{tool} destroy victim")
        context.require(_state(context, dom0, "victim") is None, "destroy left the guest in the list")
        status, _ = dom0.run(f"{tool} destroy victim", check=False)
        context.require(status == 1, f"destroying what is not there ended with {status}, not 1")
        _destroy_without_driver(context, dom0)


def _destroy_without_driver(context, dom0):
    """A backend driver that just wrote "connected" over our "closing" forgets the device without a word (a guest destroyed
    at the wrong moment of its boot): what that leaves in the store must not keep the guest from going."""
    disk = context.make_disk(dom0, "/tmp/disk.img", 1)
    domid = _start(context, dom0, "late", COUNT, [f"disk = ['{disk}']"])
    context.guest_says(dom0, "late", "count 3")
    dom0.run(f"echo vbd-{domid}-51712 >/sys/bus/xen-backend/drivers/vbd/unbind")
    back = f"/local/domain/0/backend/vbd/{domid}/51712"
    dom0.run(f"(until [ \"$(xenstore-read {back}/state)\" = 5 ]; do :; done; xenstore-write {back}/state 4) >/dev/null 2>&1 &")
    dom0.run(f"{context.tool} destroy late", 120)
    context.require(_state(context, dom0, "late") is None, "destroy left the guest in the list")
    left = dom0.run("xenstore-ls -f /local/domain/0/backend/vbd 2>/dev/null || :")
    context.require(f"/{domid}/" not in left, f"destroy left nodes of a disk: {left}")


DAEMONS = {"store": "/run/xen/xenstored.pid", "console": "/run/xen/xenconsoled.pid"}


def daemons_return(context):
    """A store or console daemon that is killed comes back by itself; guests and their consoles go on."""
    if context.tools != "orlop":
        raise Skip("nothing starts the stock daemons again")
    tool = context.tool
    with context.dom0(files=context.guest_files()) as dom0:
        _start(context, dom0, "busy", COUNT)
        log = GUEST_LOG.format("busy")
        context.guest_says(dom0, "busy", "count 3")
        for name, pid_file in [*DAEMONS.items(), *DAEMONS.items()]:
            pid = int(dom0.run(f"cat {pid_file}"))
            dom0.run(f"kill -9 {pid}")
            dom0.wait_for(f"[ $(cat {pid_file}) != {pid} ] && kill -0 $(cat {pid_file}) 2>/dev/null", 30)
            dom0.wait_for(f"{tool} domid busy >/dev/null 2>&1", 30)
            lines = int(dom0.run(f"wc -l <{log}"))
            dom0.wait_for(f"[ $(wc -l <{log}) -gt $(({lines} + 3)) ]", 60)
            context.require(_state(context, dom0, "busy") is not None,
                            f"the guest is gone after the {name} daemon was killed")
        dom0.run(f"{tool} shutdown -w busy", 120)
        _gone(context, dom0, "busy")
        _start(context, dom0, "next", COUNT)
        context.guest_says(dom0, "next", "count 3")
        dom0.run(f"{tool} destroy next")


TESTS = {
    "lifecycle": ends_from_inside,
    "lifecycle-commands": ends_by_command,
    "lifecycle-daemons": daemons_return,
}
