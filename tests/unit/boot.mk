# Strings and formatted output (under other names, beside libc's), options, the memory map, loaders' information, the heap.
UNITS += lib param memmap multiboot heap

OUR_NAMES := memcmp memchr strlen strcmp strncmp strchr strlcpy vsnprintf snprintf
lib_SRCS   := tests/unit/test_lib.c hypervisor/lib/string.c hypervisor/lib/printf.c hypervisor/lib/bitops.c
lib_CFLAGS := $(foreach n,$(OUR_NAMES),-D$(n)=our_$(n)) -Wno-format-truncation -Wno-format-overflow
param_CFLAGS := $(lib_CFLAGS)
multiboot_CFLAGS := $(lib_CFLAGS)

param_SRCS := tests/unit/test_param.c hypervisor/boot/param.c tests/unit/log.c hypervisor/lib/string.c
memmap_SRCS := tests/unit/test_memmap.c hypervisor/boot/memmap.c tests/unit/log.c
multiboot_SRCS := tests/unit/test_multiboot.c hypervisor/boot/multiboot.c hypervisor/lib/string.c
heap_SRCS := tests/unit/test_heap.c hypervisor/mm/heap.c hypervisor/mm/frame.c hypervisor/mm/slab.c \
             hypervisor/mm/domain_memory.c hypervisor/lib/spinlock.c hypervisor/lib/bitops.c hypervisor/arch/host/host.c
