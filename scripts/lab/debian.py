# SPDX-License-Identifier: Apache-2.0
"""The complete Debian 12: a root file system with systemd made by mmdebstrap, as an ext4 image.

The same image serves as dom0's root (a disk of the emulator) and as a guest's (xvda). It logs root in on the console
without a password. Our own programs are not in it: they come on a second disk, a bare tar file (tools_disk), so that the image
stands still while we build."""

import glob
import io
import os
import shutil
import subprocess
import tarfile

from . import images, paths

PACKAGES = """
    linux-image-amd64 initramfs-tools zstd systemd systemd-sysv udev dbus kmod procps login
    iproute2 iputils-ping bridge-utils netcat-openbsd e2fsprogs less nano
    xen-utils-4.17 xen-utils-common xenstore-utils
    libxencall1 libxenforeignmemory1 libxenevtchn1 libxengnttab1 libxenstore4 libxenmisc4.17
    libxentoollog1 libxentoolcore1 libjson-c5 libyajl2 liblz4-1 libbz2-1.0
""".split()
SIZE = "3G"

UNIT = """[Unit]
Description={text}
{unit}
[Service]
Type=oneshot
RemainAfterExit=yes
{service}
[Install]
WantedBy={wanted}
"""

FILES = {
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost debian dom0\n",
    "etc/fstab": "",
    "etc/default/xen": 'XENCONSOLED_ARGS="--log=guest"\n',
    "etc/systemd/system/serial-getty@.service.d/autologin.conf":
        "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I linux\n",
    "etc/systemd/system/xen.service.d/tools.conf": "[Unit]\nConditionKernelCommandLine=tools=xen\n",
    "etc/systemd/system/xendomains.service.d/tools.conf": "[Unit]\nConditionKernelCommandLine=tools=xen\n",
    "etc/systemd/system/orlop-setup.service": UNIT.format(
        text="Tools, bridge and addresses", wanted="multi-user.target",
        unit="Before=xen.service orlop-host.service network.target",
        service="ExecStart=/usr/local/lib/orlop/setup"),
    "etc/systemd/system/orlop-host.service": UNIT.format(
        text="Orlop's store and console daemons", wanted="multi-user.target",
        unit="After=orlop-setup.service\nConditionPathExists=/proc/xen\nConditionKernelCommandLine=!tools=xen",
        service="ExecStart=/usr/local/lib/orlop/host start\nExecStop=/usr/local/lib/orlop/host stop"),
    "etc/systemd/system/orlop-task.service": UNIT.format(
        text="Task of the kernel's command line", wanted="multi-user.target",
        unit="After=orlop-setup.service\nConditionKernelCommandLine=task",
        service="Type=simple\nRemainAfterExit=no\nExecStart=/usr/local/lib/orlop/task"),
    "root/.bash_profile": "grep -q 'run=testshell' /proc/cmdline && [ \"$(tty)\" = /dev/hvc0 ] && "
                          "exec /usr/local/lib/orlop/testshell\n",
}
PROGRAMS = {
    "usr/local/lib/orlop/setup": "debian/setup",
    "usr/local/lib/orlop/host": "debian/host",
    "usr/local/lib/orlop/task": "debian/task",
    "usr/local/lib/orlop/testshell": "testshell",
}
UNITS = ("orlop-setup", "orlop-host", "orlop-task")


def system():
    """Folder in the cache with root.ext4, vmlinuz and initrd.img of the system."""
    return paths.cached("debian-" + _recipe(), _make)


def tools_disk(path):
    """Writes the disk with our programs: a tar file padded to whole sectors. Gives its path."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for program in sorted(glob.glob(os.path.join(paths.BUILD, "bin", "*"))):
            _tar_file(tar, program, "usr/local/sbin/" + os.path.basename(program), 0o755)
        init = os.path.join(paths.TOP, "toolstack", "orlop.init")
        if os.path.exists(init):
            _tar_file(tar, init, "etc/init.d/orlop", 0o755)
        _tar_file(tar, paths.kernel_unpacked(), "boot/vmlinux", 0o644)
        _tar_file(tar, images.guest_small(), "boot/guest.img", 0o644)
    data = out.getvalue()
    with open(path, "wb") as f:
        f.write(data + b"\0" * (-len(data) % 4096))
    return path


def _tar_file(tar, source, name, mode):
    info = tarfile.TarInfo(name)
    info.size = os.path.getsize(source)
    info.mode = mode
    with open(source, "rb") as f:
        tar.addfile(info, f)


def _recipe():
    """What the image depends on: the lists above and what it copies in."""
    sources = [os.path.join(paths.DATA, name) for name in sorted(PROGRAMS.values())]
    return paths.digest(repr((PACKAGES, SIZE, FILES, PROGRAMS, UNITS)).encode(), *sources)


def _make(out):
    """Makes the folder out with the image and the two boot files; the tree that they come from stands beside it."""
    root = os.path.join(os.path.dirname(out), "root")
    os.mkdir(out)
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=" + ",".join(PACKAGES),
               "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
               "--dpkgopt=path-exclude=/usr/share/locale/*",
               "bookworm", root]
    if os.environ.get("ORLOP_MIRROR"):
        command.append(os.environ["ORLOP_MIRROR"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise paths.LabError("mmdebstrap failed:\n" + done.stderr[-2000:])
    _configure(root)
    for name in ("vmlinuz", "initrd.img"):
        newest = max(glob.glob(os.path.join(root, "boot", name + "-*")))
        shutil.copyfile(newest, os.path.join(out, name))
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "orlop-debian", "-d", root, os.path.join(out, "root.ext4"), SIZE],
                   stdout=subprocess.DEVNULL, check=True)


def _configure(root):
    """Console login, our units, and which services belong to which tools."""
    for name, text in FILES.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    for name, source in PROGRAMS.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(os.path.join(paths.DATA, source), path)
        os.chmod(path, 0o755)
    subprocess.run(["chroot", root, "systemctl", "--quiet", "enable", *UNITS], check=True)
    subprocess.run(["chroot", root, "passwd", "-q", "-d", "root"], check=True)
