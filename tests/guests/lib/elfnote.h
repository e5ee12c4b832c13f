/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For assembly: a note by which a PV kernel tells the domain builder about itself (xen/elfnote.h has the types).
 */
#ifndef GUEST_ELFNOTE_H
#define GUEST_ELFNOTE_H

#include <xen/elfnote.h>

/* clang-format off */
.macro elfnote type:req, desc:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \desc
2:  .balign 4
    .popsection
.endm
/* clang-format on */

#endif
