/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images. bzImage: Linux' Documentation/x86/boot.rst, "The Linux/x86 Boot
 * Protocol", 2.08 and later.
 */
#include <boot/boot.h>
#include <mm/heap.h>

#define SETUP_SECTS    0x1f1
#define HEADER_MAGIC   0x202
#define VERSION        0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c

static u32 read32(const u8 *p)
{
    u32 v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* A bzImage's payload replaces *data and *size. 0; -EINVAL: it is one, but damaged or too old. */
static int __init find_payload(const u8 **data, size_t *size, const char **why)
{
    const u8 *d = *data;
    u64 start, length;

    if (*size < 0x260 || memcmp(d + HEADER_MAGIC, "HdrS", 4))
        return 0;
    *why = "bzImage older than boot protocol 2.08";
    if ((read32(d + VERSION) & 0xffff) < 0x208)
        return -EINVAL;
    start = ((d[SETUP_SECTS] ? d[SETUP_SECTS] : 4) + 1) * 512UL + read32(d + PAYLOAD_OFFSET);
    length = read32(d + PAYLOAD_LENGTH);
    *why = "bzImage is cut off";
    if (start > *size || length > *size - start)
        return -EINVAL;
    *data = d + start;
    *size = length;
    return 0;
}

static int __init unpack(struct kernel_image *k, const u8 *data, size_t size, const char **why)
{
    /* The kernel's build appends the size before compression, as gzip does by itself. */
    u64 room = read32(data + size - 4);
    ssize_t n;

    *why = "unpacked kernel would be larger than 1 GB, or is damaged";
    if (!room || room > 1UL << 30)
        return -EINVAL;
    k->order = size_order(room);
    *why = "no memory to unpack the kernel";
    k->unpacked = page_alloc_raw(k->order);
    if (!k->unpacked)
        return -ENOMEM;
    n = decompress(data, size, k->unpacked, room);
    *why = "compressed kernel is damaged";
    return n < 0 ? (int)n : elf_open(&k->elf, k->unpacked, n, why);
}

int __init kernel_image_open(struct kernel_image *k, const void *image, size_t size, const char **why)
{
    const u8 *data = image;
    int rc;

    *k = (struct kernel_image){};
    rc = find_payload(&data, &size, why);
    if (rc)
        return rc;
    if (!is_compressed(data, size))
        return elf_open(&k->elf, data, size, why);
    rc = unpack(k, data, size, why);
    if (rc)
        kernel_image_close(k);
    return rc;
}

void __init kernel_image_close(struct kernel_image *k)
{
    if (k->unpacked)
        page_free(k->unpacked, k->order);
    k->unpacked = NULL;
}
