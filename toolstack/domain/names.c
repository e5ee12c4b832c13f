/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles for the operations, and domains by number and name. Names live in the store only: the
 * hypervisor knows numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "domain.h"

int ctx_open(struct ctx *c, struct err **err)
{
    memset(c, 0, sizeof(*c));
    c->hyp = hyp_open(err);
    if (!c->hyp)
        return -1;
    if (store_open(&c->store, err) < 0) {
        ctx_close(c);
        return -1;
    }
    return 0;
}

void ctx_close(struct ctx *c)
{
    store_close(&c->store);
    hyp_close(c->hyp);
    c->hyp = NULL;
}

char *domain_path(uint32_t domid, const char *below)
{
    return store_fmt("/local/domain/%u%s%s", domid, below ? "/" : "", below ? below : "");
}

char *domain_name(struct ctx *c, uint32_t domid)
{
    char *path = domain_path(domid, NULL), *name = store_read(&c->store, path, "name");

    free(path);
    return name;
}

long domain_by_name(struct ctx *c, const char *name)
{
    unsigned int n = 0, i;
    char **ids = store_list(&c->store, "/local/domain", &n);
    long found = -1;

    for (i = 0; i < n && found < 0; i++) {
        struct xen_domctl_getdomaininfo info;
        uint32_t domid = strtoul(ids[i], NULL, 10);
        char *its = domain_name(c, domid);
        struct err *e = NULL;

        /* Nodes may outlive their domain: only one that exists counts. */
        if (its && !strcmp(its, name) && hyp_domain_info(c->hyp, domid, &info, &e) == 1)
            found = domid;
        err_drop(&e);
        free(its);
    }
    free(ids);
    return found;
}

int domain_rename(struct ctx *c, uint32_t domid, const char *to, struct err **err)
{
    char *path = domain_path(domid, NULL), *vm = store_read(&c->store, path, "vm");
    long other = domain_by_name(c, to);
    int rc = 0;

    if (other >= 0 && other != domid)
        rc = err_new(err, ERR_INVAL, "Domain with name \"%s\" already exists.", to);
    else if (store_write(&c->store, path, "name", to, err) < 0 ||
             (vm && store_write(&c->store, vm, "name", to, err) < 0))
        rc = -1;
    free(vm);
    free(path);
    return rc;
}
