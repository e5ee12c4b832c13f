#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The one list of Debian packages that building and trying Orlop needs, by group. Why each is needed
# stands in docs/dependencies.md. Installs what is missing, silently when nothing is; safe to repeat.
#
#   scripts/deps.sh [GROUP...]      all groups but vtx (for ./check --long) when none is named
#   scripts/deps.sh --list          print the list
set -eu

declare -A GROUPS_OF=(
    [build]="gcc make binutils libc6-dev libxen-dev zlib1g-dev libbz2-dev liblzma-dev libzstd-dev
        liblz4-dev libjson-c-dev libyajl-dev pkg-config libcmocka-dev libunicorn-dev python3 clang-format universal-ctags"
    [emulator]="qemu-system-x86 qemu-utils ovmf"
    [images]="linux-image-amd64 busybox-static kmod bash iproute2 bridge-utils mmdebstrap
        debian-archive-keyring cpio e2fsprogs xenstore-utils grub-common grub-pc-bin
        grub-efi-amd64-bin xorriso mtools dosfstools fdisk"
    [vtx]="bochs bochsbios vgabios grub-common grub-pc-bin xorriso mtools"
    [hvm]="qemu-system-xen seabios ipxe-qemu ipxe memtest86+ debian-installer-12-netboot-amd64 acpica-tools xen-utils-4.17
        grub-xen-host"
    [xen-oracle]="xen-hypervisor-4.17-amd64 xen-utils-4.17 xen-utils-common"
)
ORDER="build emulator images hvm xen-oracle"

main() {
    if [ "${1:-}" = --list ]; then
        for group in $ORDER vtx; do
            echo "$group:" ${GROUPS_OF[$group]}
        done
        return
    fi
    local wanted="" group
    for group in ${@:-$ORDER}; do
        [ -n "${GROUPS_OF[$group]:-}" ] || { echo "deps.sh: no group '$group'" >&2; exit 2; }
        wanted+=" ${GROUPS_OF[$group]}"
    done
    local missing
    missing=$(missing_of $wanted)
    [ -z "$missing" ] && return
    echo "deps.sh: installing" $missing >&2
    install_packages $missing
}

# Names among the arguments that dpkg does not know as installed.
missing_of() {
    dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        awk -v want="$*" '$2 == "installed" { have[$1] = 1 }
            END { n = split(want, w, " "); for (i = 1; i <= n; i++) if (!(w[i] in have)) print w[i] }'
}

# Installs with the package lists at hand; refreshes them only when that fails.
install_packages() {
    local as_root="" log
    [ "$(id -u)" = 0 ] || as_root="sudo"
    log=$(mktemp)
    local apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends"
    if ! $apt install "$@" >"$log" 2>&1; then
        $as_root apt-get -qq update >>"$log" 2>&1 || true
        if ! $apt install "$@" >>"$log" 2>&1; then
            cat "$log" >&2
            echo "deps.sh: these packages could not be installed: $*" >&2
            exit 1
        fi
    fi
    rm -f "$log"
}

main "$@"
