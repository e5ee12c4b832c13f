#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the masks of CPU features that guests may see, from the annotations of xen/arch-x86/cpufeatureset.h.

'A' in a feature's comment means all guests, 'S' HVM guests, 'H' HVM guests with nested paging; upper case: by
default, lower case: on request. Input: the header; output: a C header with one array of words per kind.
"""
import re
import sys

WORDS = 19
max_pv = [0] * WORDS
default_pv = [0] * WORDS
line_re = re.compile(r'XEN_CPUFEATURE\((\w+),\s*(\d+)\*32\+\s*(\d+)\)\s*/\*(\S*)\s')
found = 0
for line in open(sys.argv[1]):
    m = line_re.match(line)
    if not m:
        continue
    found += 1
    word, bit = divmod(int(m[2]) * 32 + int(m[3]), 32)
    attr = m[4]
    if 'A' in attr or 'a' in attr:
        max_pv[word] |= 1 << bit
    if 'A' in attr:
        default_pv[word] |= 1 << bit
if found < 100:
    sys.exit('featuremasks: %s does not look like the feature list' % sys.argv[1])
for name, words in (('max', max_pv), ('default', default_pv)):
    print('#define PV_%s_FEATURES {%s}' % (name.upper(), ', '.join('0x%08xU' % w for w in words)))
