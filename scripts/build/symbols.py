#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the hypervisor's symbol table from `nm -n`, read from standard input, as assembly for its section .symbols.

Functions only. Layout, read by core/symbols.c: u32 count; u32 offset[count] from the image's start, rising; u32 name[count],
the place of the name in the strings that follow; the strings, each ended by a zero byte.
"""
import sys


def main():
    start, functions, seen = None, [], set()
    for line in sys.stdin:
        fields = line.split()
        if len(fields) != 3:
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name == "__image_start":
            start = address
        elif kind in "tT" and not name.startswith(("__", ".L")):
            functions.append((address, name))
    if start is None:
        sys.exit("no __image_start among the symbols")
    rows = [(a, n) for a, n in functions if not (a in seen or seen.add(a))]
    out = ["    .section .symbols, \"a\"", "    .balign 4", f"    .long {len(rows)}"]
    out += [f"    .long {a - start:#x}" for a, _ in rows]
    place = 0
    for _, name in rows:
        out.append(f"    .long {place}")
        place += len(name) + 1
    out += [f"    .asciz \"{name}\"" for _, name in rows]
    print("\n".join(out))


if __name__ == "__main__":
    main()
