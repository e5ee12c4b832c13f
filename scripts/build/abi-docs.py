#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make docs/abi/hypercalls.md: every hypercall and every operation of its family, who may call it, and what tests it.

Sources: the rows of hypervisor/hypercall/table.h, the comment above each handler, the constants of the ABI's public
headers, the hypervisor's sources (an operation is built when some file handles its constant), and the test guests
that use it. With --check the file in the tree is compared instead of written.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
XEN = pathlib.Path('/usr/include/xen')
OUT = TOP / 'docs/abi/hypercalls.md'

# Family: header, pattern of its operations' constants, names to leave out.
FAMILIES = {
    'platform_op': ('platform.h', r'XENPF_[a-z]\w*'),
    'memory_op': ('memory.h', r'XENMEM_[a-z]\w*'),
    'xen_version': ('version.h', r'XENVER_\w+'),
    'grant_table_op': ('grant_table.h', r'GNTTABOP_\w+'),
    'vm_assist': ('xen.h', r'VMASST_TYPE_\w+'),
    'vcpu_op': ('vcpu.h', r'VCPUOP_\w+'),
    'mmuext_op': ('xen.h', r'MMUEXT_[A-Z0-9_]+'),
    'mmu_update': ('xen.h', r'MMU_[A-Z_]+'),
    'sched_op': ('sched.h', r'SCHEDOP_\w+'),
    'callback_op': ('callback.h', r'CALLBACK(?:OP|TYPE)_\w+'),
    'nmi_op': ('nmi.h', r'XENNMI_[a-z]\w*'),
    'event_channel_op': ('event_channel.h', r'EVTCHNOP_\w+'),
    'physdev_op': ('physdev.h', r'PHYSDEVOP_[a-z]\w*'),
    'sysctl': ('sysctl.h', r'XEN_SYSCTL_[a-z]\w*'),
    'domctl': ('domctl.h', r'XEN_DOMCTL_[a-z]\w*'),
    'console_io': ('xen.h', r'CONSOLEIO_\w+'),
    'set_segment_base': ('xen.h', r'SEGBASE_\w+'),
}
# Constants that match a family's pattern and are no operations: parameters of one.
NO_OPERATION = re.compile(r'(_(vmtrace|cpu_featureset|cpu_policy)_\w+$)|MMUEXT_(KEEP|WRITABLE)|CALLBACKF_|PHYSDEVOP_dbgp_\w+|'
                          r'XENMEM_(resource|access|sharing|paging|exchange_\w)\w*_\w+|XENPF_MEM|_MAX$')


def read(path):
    return path.read_text(errors='replace')


def constants(header, pattern):
    found = []
    for m in re.finditer(r'^\s*#\s*define\s+(%s)\s+\(?\s*(0x[0-9a-fA-F]+|\d+)' % pattern, read(XEN / header), re.M):
        if not NO_OPERATION.search(m[1]) and m[1] not in found:
            found.append(m[1])
    return found


def rows():
    for m in re.finditer(r'^HYPERCALL\((\w+), (\w+), (\d+), \w+, (\w+)\)', read(TOP / 'hypervisor/hypercall/table.h'), re.M):
        yield m[1], m[2], int(m[3]), m[4]


def number(name):
    m = re.search(r'__HYPERVISOR_%s\s+(\d+)' % name, read(XEN / 'xen.h'))
    return int(m[1])


def comment_above(sources, handler):
    for path, text in sources.items():
        m = re.search(r'/\*((?:(?!\*/).)*)\*/\n(?:unsigned )?long %s\(' % handler, text, re.S)
        if m:
            return ' '.join(line.strip(' *') for line in m[1].splitlines()).strip()
    return ''


def main():
    sources = {p: read(p) for p in sorted(TOP.glob('hypervisor/**/*.[ch]')) if 'arch/host' not in str(p)}
    guests = {p.stem: read(p) for p in sorted(TOP.glob('tests/guests/*/*.c')) if p.parent.name != 'lib'}
    code = '\n'.join(sources.values())
    out = ['# Hypercalls', '',
           'Made by scripts/build/abi-docs.py from the table of hypercalls, the sources and the ABI\'s headers; do not edit.', '',
           'Who: ANY guest kernel, or PRIV: parts of it for a privileged domain (dom0) only. Built: some file handles it; what is not',
           'built answers -ENOSYS or -EOPNOTSUPP. Tests: the test guests that use it.', '']
    for name, handler, nargs, who in sorted(rows(), key=lambda r: number(r[0])):
        out += ['## %d %s' % (number(name), name), '', '`%s`, %d argument%s, %s.' % (handler, nargs, '' if nargs == 1 else 's', who)]
        text = comment_above(sources, handler)
        if text:
            out += ['', text]
        tests = [g for g, t in guests.items() if re.search(r'\b(hypercall_)?%s\b' % name, t)]
        if name not in FAMILIES:
            out += ['', 'Tests: %s.' % (', '.join(tests) if tests else 'none of its own'), '']
            continue
        out += ['', '| operation | state | tests |', '|---|---|---|']
        for c in constants(*FAMILIES[name]):
            # Tables of operations name them without their prefix.
            built = re.search(r'\b%s\b|\bOP\(%s,' % (c, c.split('_', 1)[1]), code)
            used = [g for g, t in guests.items() if re.search(r'\b%s\b' % c, t)]
            out.append('| %s | %s | %s |' % (c, 'built' if built else 'absent', ', '.join(used)))
        out.append('')
    text = '\n'.join(out)
    if '--check' in sys.argv:
        if not OUT.exists() or OUT.read_text() != text:
            sys.exit('docs/abi/hypercalls.md is not up to date: run scripts/build/abi-docs.py')
        return
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text)


main()
