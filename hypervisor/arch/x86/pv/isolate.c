/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables of isolated guests (XPTI; which guests are isolated: cpu/spec_ctrl.c). A CPU that has
 * Meltdown lets ring 3 read whatever its page tables map, also for ring 0. So an isolated guest runs
 * on a copy of its root. Instead of our slots the copy has the M2P, which guests may read, the
 * domain's own slot (its descriptors), and of the image's slot what the CPU touches before it has
 * loaded the guest's real root and after it has left it (entry_map): the entry code, the IDT, this
 * CPU's exception stacks and the top page of its main one, with cpu_info and the TSS. And no mapping
 * of ours may be global meanwhile, or it would stay in the TLB (pv_real_cr4).
 *
 * Each CPU has two copies, for the guest's kernel and its user mode, so that a system call copies
 * nothing. entry.S loads the copy last on the way out and the real root first on the way in; all of
 * the hypervisor runs on real roots and knows nothing of copies.
 *
 * A copy is good while it is of the root that is wanted and the version of the domain's roots is
 * what it was before the copying. Whoever writes to a root, or makes a table one, takes a new
 * version (never used before by any domain) after the write; every way out compares. So
 *  - an entry that is gone is in no copy on which a CPU goes to ring 3 after the new version. A CPU
 * that is there already is interrupted before the table that the entry named is put to another use,
 * as it must be for the sake of its TLB (types.c, 5.): on its way out it compares.
 *  - a new entry may be missing on a CPU that is in ring 3. The page fault then finds the version
 * changed, and the guest tries again (isolate_stale).
 */
#include <arch/x86/pv/isolate.h>
#include <asm/paging.h>
#include <asm/percpu.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <mm/heap.h>

u64 root_versions;

struct root_copies {
    struct page_table *table; /* [2]: kernel, user */
    struct {
        unsigned long cr3; /* the root that it is a copy of */
        u64 version;
    } of[2];
};
static DEFINE_PER_CPU(struct root_copies, root_copies);

void isolate_cpu_init(void)
{
    struct page_table *t = page_alloc(1);

    if (!t || entry_map(t))
        panic("no memory for page tables of CPU%u", smp_processor_id());
    t[1] = t[0];
    this_cpu(root_copies).table = t;
    cpu_info()->root_copies = virt_to_paddr(t);
}

void isolate_load(const struct vcpu *v)
{
    struct cpu_info *info = cpu_info();

    info->spec_ctrl_flags = (info->spec_ctrl_flags & ~SCF_XPTI) | (v->domain->arch.isolated ? SCF_XPTI : 0);
}

unsigned long isolate_root(void)
{
    struct root_copies *c = &this_cpu(root_copies);
    const struct vcpu *v = current;
    unsigned int user = !v->arch.pv.kernel_mode;
    const struct page_table *from = paddr_to_virt(v->arch.cr3);
    struct page_table *t = &c->table[user];
    u64 version = READ_ONCE(v->domain->arch.root_version);

    if (c->of[user].cr3 != v->arch.cr3 || c->of[user].version != version) {
        barrier();
        memcpy(t->e, from->e, (HYPERVISOR_FIRST_SLOT + 1) * sizeof(u64));
        t->e[PERDOMAIN_SLOT] = from->e[PERDOMAIN_SLOT];
        memcpy(&t->e[HYPERVISOR_LAST_SLOT + 1], &from->e[HYPERVISOR_LAST_SLOT + 1],
               (511 - HYPERVISOR_LAST_SLOT) * sizeof(u64));
        c->of[user].cr3 = v->arch.cr3;
        c->of[user].version = version;
    }
    cpu_info()->root_cr3 = v->arch.cr3;
    cpu_info()->root_version = version;
    return cpu_info()->copy_cr3 = virt_to_paddr(t);
}
