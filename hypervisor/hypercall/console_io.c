/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_console_io: a guest writes to the host's console, dom0 reads what was typed for it.
 * The console itself is core/console.c.
 */
#include <core/console.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>

#define CHUNK 128

static long console_write_op(unsigned int count, char __guest *buffer)
{
    struct domain *d = current->domain;
    char text[CHUNK];

    while (count) {
        unsigned int n = min(count, (unsigned int)CHUNK);

        if (copy_from_guest(text, buffer, n))
            return -EFAULT;
        if (d->is_hardware)
            console_write(text, n);
        else
            console_write_guest(d, text, n);
        count -= n;
        buffer += n;
        /* The serial line is slow. */
        if (count && hypercall_preempt_check())
            return hypercall_again(3, (unsigned long)CONSOLEIO_write, (unsigned long)count, buffer);
    }
    return 0;
}

static long console_read_op(unsigned int count, char __guest *buffer)
{
    char text[CHUNK];
    unsigned int done = 0, n;

    while (done < count && (n = console_read_input(text, min(count - done, (unsigned int)CHUNK))) > 0) {
        if (copy_to_guest(buffer + done, text, n))
            return -EFAULT;
        done += n;
    }
    return done;
}

long do_console_io(unsigned int cmd, unsigned int count, char __guest *buffer)
{
    /* The count is an int in the ABI (xen/xen.h); reading returns it. */
    if (count > 0x7fffffffU)
        return -EINVAL;
    switch (cmd) {
    case CONSOLEIO_write: return console_write_op(count, buffer);
    case CONSOLEIO_read: return current->domain->is_hardware ? console_read_op(count, buffer) : -EPERM;
    default: return hypercall_unknown("console_io", cmd, -ENOSYS);
    }
}
