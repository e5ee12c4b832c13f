#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the masks of CPU features that guests may see, from the annotations of xen/arch-x86/cpufeatureset.h.

'A' in a feature's comment means all guests, 'S' HVM guests, 'H' HVM guests with nested paging; upper case: by
default, lower case: on request. Input: the header; output: a C header with one array of words per kind.
"""
import re
import sys

WORDS = 19
# HVM guests do not get: nested virtualization, and what has state that is not switched for them (IA32_XSS, PKRU is not
# looked at by our walk of their tables).
NOT_HVM = {'VMX', 'SVM', 'PKU', 'PKS', 'XSAVES', 'CET_SS', 'CET_IBT', 'LWP', 'MPX', 'ARCH_CAPS', 'SKINIT'}

max_pv = [0] * WORDS
default_pv = [0] * WORDS
max_hvm = [0] * WORDS
default_hvm = [0] * WORDS
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
    if m[1] in NOT_HVM:
        continue
    if re.search('[ASH]', attr, re.I):
        max_hvm[word] |= 1 << bit
    if re.search('[ASH]', attr):
        default_hvm[word] |= 1 << bit
if found < 100:
    sys.exit('featuremasks: %s does not look like the feature list' % sys.argv[1])
for name, words in (('PV_MAX', max_pv), ('PV_DEFAULT', default_pv), ('HVM_MAX', max_hvm), ('HVM_DEFAULT', default_hvm)):
    print('#define %s_FEATURES {%s}' % (name, ', '.join('0x%08xU' % w for w in words)))
