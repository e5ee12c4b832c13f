/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a test guest: pages out of a heap that the boot page tables map, translation between
 * virtual addresses, guest frames and machine frames, and helpers over the guest's own page tables.
 */
#ifndef GUEST_MM_H
#define GUEST_MM_H

#define PTE_P                0x001ul
#define PTE_RW               0x002ul
#define PTE_US               0x004ul
#define PTE_PWT              0x008ul
#define PTE_PCD              0x010ul
#define PTE_A                0x020ul
#define PTE_D                0x040ul
#define PTE_PSE              0x080ul
#define PTE_G                0x100ul
#define PTE_NX               (1ul << 63)
#define PTE_TABLE            (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define PTE_KRW              (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define PTE_KRO              (PTE_P | PTE_US | PTE_A | PTE_D)
#define PTE_MFN(pte)         ((pte) >> PAGE_SHIFT & 0xfffffffffful)
#define pte_make(mfn, flags) ((uint64_t)(mfn) << PAGE_SHIFT | (flags))

#define UVM_FLUSH (UVMF_INVLPG | UVMF_ALL)

void mm_init(void);
void heap_init(void); /* by mm_init() */

/* A zeroed page of the heap, mapped writable; ends the test with ERROR when none is left. */
void *page_alloc(void);
/* The page must be mapped writable again. */
void page_free(void *page);

uint64_t pfn_to_mfn(uint64_t pfn);
uint64_t mfn_to_pfn(uint64_t mfn); /* from the machine-to-phys table; of an HVM guest the same number */
uint64_t virt_to_mfn(const void *va);
void *mfn_to_virt(uint64_t mfn);
static inline uint64_t virt_to_pfn(const void *va) { return ((unsigned long)va - VIRT_BASE) >> PAGE_SHIFT; }
static inline void *pfn_to_virt(uint64_t pfn) { return (void *)(VIRT_BASE + ((unsigned long)pfn << PAGE_SHIFT)); }
/* Guest frames that nothing else uses, and that the boot tables of a PV guest do not map; from the end. */
uint64_t spare_pfn(void);

#ifdef __x86_64__
/* The kernel's L4 table; read-only in a PV guest. */
extern uint64_t *kernel_l4;

/*
 * The entry of the given level (1 to 4) that maps va in the tables under l4: a pointer to read it
 * by, or NULL if a level above is not there. pte_maddr() is its machine address, for MMU updates.
 */
uint64_t *pte_find(uint64_t *l4, uint64_t va, unsigned int level);
uint64_t pte_maddr(const uint64_t *pte);
uint64_t *pte_of(const void *va); /* the L1 entry in the kernel's tables */

/*
 * Map at va (anywhere in the lower half or the kernel's part) with missing tables made; ends with
 * ERROR if the hypervisor refuses. flags are those of the L1 entry.
 */
void map_page(uint64_t va, uint64_t mfn, uint64_t flags);
#endif

#ifdef GUEST_PV
/* Single updates; each returns what the hypervisor answered. */
long pte_write(uint64_t maddr, uint64_t value);    /* mmu_update, MMU_NORMAL_PT_UPDATE */
long va_write(const void *va, uint64_t pte);       /* update_va_mapping with flush */
long va_protect(const void *va, uint64_t flags);   /* same frame, other flags */
long mmuext(unsigned int cmd, uint64_t mfn);       /* one mmuext_op on one frame */
long mmuext_linear(unsigned int cmd, uint64_t va); /* one mmuext_op on an address */

/* Make the page of the heap a page table or such: read-only in the kernel's own mapping. Checked. */
void page_make_ro(void *page);
void page_make_rw(void *page);

/* A user L4 whose slot 0 is the kernel's, pinned, installed by MMUEXT_NEW_USER_BASEPTR. */
uint64_t user_l4_install(void);
#endif

#endif
