/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a file to the ELF image in it (image.h). The bzImage layout is that of the x86 boot
 * protocol as the kernel documents it (Documentation/arch/x86/boot.rst: setup_sects 0x1f1,
 * boot_flag 0x1fe, header 0x202, version 0x206, payload_offset 0x248, payload_length 0x24c).
 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inflate.h"
#include "kernel_cache.h"

/* A dozen kernels as distributions build them. */
#define CACHE_BYTES (512ull << 20)

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint16_t get16(const uint8_t *p) { return p[0] | p[1] << 8; }

int image_open(const char *path, struct image *img, struct err **err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;
    void *p;

    if (fd < 0)
        return err_sys(err, errno, "cannot open %s", path);
    if (fstat(fd, &st) < 0) {
        err_sys(err, errno, "cannot look at %s", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode) || !st.st_size) {
        err_new(err, ERR_INVAL, "%s is not a file with something in it", path);
        goto out;
    }
    p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        err_sys(err, errno, "cannot map %s", path);
        goto out;
    }
    *img = (struct image){.data = p, .size = st.st_size, .map = p, .mapped = st.st_size};
    rc = 0;
out:
    close(fd);
    return rc;
}

void image_close(struct image *img)
{
    if (img->map)
        munmap(img->map, img->mapped);
    else
        free(img->data);
    *img = (struct image){0};
}

#define PAGE 4096ul

bool image_is_zero(const struct image *img, uint64_t from, uint64_t to)
{
    static const uint8_t zeros[PAGE];
    uint64_t n;

    for (; from < to; from += n) {
        n = PAGE - from % PAGE < to - from ? PAGE - from % PAGE : to - from;
        if (img->filled ? img->filled[from / PAGE / 8] & 1 << from / PAGE % 8 : memcmp(img->data + from, zeros, n))
            return false;
    }
    return true;
}

static bool is_elf(const uint8_t *p, size_t len) { return len >= SELFMAG && !memcmp(p, ELFMAG, SELFMAG); }

/* 1 and the payload's place, 0: not a bzImage, -1: a bzImage that cannot be used. */
static int bzimage_payload(const struct image *f, size_t *at, size_t *len, struct err **err)
{
    uint64_t start, off, size;

    if (f->size < 0x250 || get16(f->data + 0x1fe) != 0xaa55 || memcmp(f->data + 0x202, "HdrS", 4))
        return 0;
    if (get16(f->data + 0x206) < 0x208)
        return err_new(err, ERR_INVAL, "the bzImage is older than boot protocol 2.08");
    start = ((f->data[0x1f1] ? f->data[0x1f1] : 4) + 1) * 512ull;
    off = get32(f->data + 0x248);
    size = get32(f->data + 0x24c);
    if (start + off + size > f->size || size < 8)
        return err_new(err, ERR_INVAL, "the bzImage's payload lies outside of the file");
    *at = start + off;
    *len = size;
    return 1;
}

static int copy_out(const uint8_t *from, size_t len, struct image *img, struct err **err)
{
    *img = (struct image){.data = malloc(len), .size = len};
    if (!img->data)
        return err_sys(err, ENOMEM, "cannot hold the kernel");
    memcpy(img->data, from, len);
    return 0;
}

/* The ELF image in a file that is none itself. */
static int unpack(const struct image *file, struct image *img, struct err **err)
{
    size_t at = 0, len = file->size, hint = 0;
    int rc = bzimage_payload(file, &at, &len, err);

    if (rc < 0)
        return -1;
    if (rc && is_elf(file->data + at, len))
        return copy_out(file->data + at, len, img, err);
    if (rc)
        hint = get32(file->data + at + len - 4);
    if (!rc && !inflate_format(file->data, len))
        return err_new(err, ERR_INVAL, "it is neither a bzImage nor an ELF image");
    *img = (struct image){0};
    if (inflate_any(file->data + at, len, hint, &img->data, &img->size, err) < 0)
        return -1;
    if (is_elf(img->data, img->size))
        return 0;
    image_close(img);
    return err_new(err, ERR_INVAL, "what is packed in it is not an ELF image");
}

int image_unwrap(struct image *file, struct image *img, struct err **err)
{
    int rc;

    if (is_elf(file->data, file->size)) {
        *img = *file;
        *file = (struct image){0};
        return 0;
    }
    rc = unpack(file, img, err);
    image_close(file);
    return rc;
}

int image_open_kernel(const char *path, struct image *img, struct err **err)
{
    static const struct kernel_cache cache = {.dir = KERNEL_CACHE_DIR, .limit = CACHE_BYTES};
    struct image file;
    int rc = 0;

    if (image_open(path, &file, err) < 0)
        return -1;
    if (is_elf(file.data, file.size)) {
        *img = file;
        return 0;
    }
    if (!kernel_cache_find(&cache, &file, img)) {
        rc = unpack(&file, img, err);
        if (rc < 0)
            err_wrap(err, "cannot use kernel %s", path);
        else
            kernel_cache_keep(&cache, &file, img);
    }
    image_close(&file);
    return rc;
}
