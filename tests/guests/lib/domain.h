/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small domain builder for test guests that run as dom0: makes a 64-bit PV domain, or a PVH domain,
 * out of one of our own ELF images and watches over it, with no tool but the hypercalls.  It takes only
 * images with the layout of guest.lds and guest-hvm.lds, and PVH kernels with a ramdisk.
 */
#ifndef GUEST_DOMAIN_H
#define GUEST_DOMAIN_H

struct domain_plan {
    const void *elf; /* the image */
    size_t elf_size;
    const char *args;
    unsigned int pages; /* memory in pages, at most DOMAIN_PAGES_MAX */
    unsigned int vcpus;
    unsigned int tsc_mode;                 /* 0: the hypervisor's choice, 2: never emulated */
    unsigned int tsc_khz, tsc_incarnation; /* 0: the machine's, new */
    uint64_t tsc_elapsed;                  /* ns; of an HVM domain, its TSC begins there */
    bool board;          /* an HVM domain: with all devices of the hypervisor; begins like a PVH one */
    const void *ramdisk; /* of a kernel that is none of ours, PVH only; or NULL */
    size_t ramdisk_size;
};
#define DOMAIN_PAGES_MAX 32768

struct built_domain {
    domid_t id;
    struct xencons_interface *console;
    evtchn_port_t console_port; /* ours */
    uint32_t phys32_entry;      /* of a PVH domain, else 0 */
    uint64_t console_mfn, l4_mfn, spare_mfn;
    char line[200]; /* of the console, not complete yet */
    size_t line_used;
};

/* Build it paused. Returns 0, or the error of the step that failed, after printing which; the rest
 * is undone. */
long domain_build(const struct domain_plan *plan, struct built_domain *d);
long domain_unpause(const struct built_domain *d);
/* Destroy it and wait until it is gone; false if it is still there after some seconds. */
bool domain_destroy(struct built_domain *d);
/* The next complete line of its console, without the line end; false if there is none yet. */
bool domain_console_line(struct built_domain *d, char *line, size_t size);
/* XEN_DOMINF_* flags and shutdown reason; false if there is no such domain. */
bool domain_info(domid_t id, struct xen_domctl_getdomaininfo *info);
/* The first module that the loader gave us, or NULL. */
const void *module_find(size_t *size);

/* Map a frame of another domain; the window holds 64 pages. */
void *foreign_map(domid_t dom, uint64_t mfn, uint64_t flags);
void foreign_unmap(void *at);

#endif
